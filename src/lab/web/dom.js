// Elements made by name. Text only ever goes in as text: nothing on a page is parsed as HTML after the file was read.

/** el("button.quiet", {type: "button", onclick: f}, "words", child…): attributes; a function under "on…" is listened with. */
export function el(spec, attributes = {}, ...children) {
  const [name, ...classes] = spec.split(".");
  const node = document.createElement(name);
  if (classes.length) node.className = classes.join(" ");
  setAttributes(node, attributes);
  node.append(...children.filter((child) => child != null));
  return node;
}

/** The same in SVG, for the small drawings in tables and legends. */
export function svg(name, attributes = {}, ...children) {
  const node = document.createElementNS("http://www.w3.org/2000/svg", name);
  setAttributes(node, attributes);
  node.append(...children);
  return node;
}

function setAttributes(node, attributes) {
  for (const [key, value] of Object.entries(attributes)) {
    if (value == null || value === false) continue;
    if (key.startsWith("on")) node.addEventListener(key.slice(2), value);
    else node.setAttribute(key, value === true ? "" : value);
  }
}

/** A button that looks like words. What the page itself says is English, whatever the report's language is. */
export function button(words, onclick, attributes = {}) {
  return el("button", { type: "button", lang: "en", onclick, ...attributes }, words);
}
