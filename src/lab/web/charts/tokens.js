// A trace: what is believed at each of its tokens, as a ribbon over their numbers and as the text itself, each token on the colour of the
// class that is believed, the stronger the surer. Marks (a step's end, a change of mind, an exit) stand in both.
//
// The text is one stop of the keyboard; the arrows walk through its tokens, and a line under it says what is known of the one.
import * as Plot from "@observablehq/plot";
import { el } from "../dom.js";
import { describe } from "../data.js";
import { axis, intervalNote, plot, tip } from "./marks.js";

const STRONGEST = 55; // per cent of the class's colour at full belief: text stays readable on it
const NAMED = 12; // as many marks have their names in the ribbon
const LINES = ["solid", "dashed", "dotted", "double"];

const index = (rows) => new Map(rows.map((row, i) => [row, i]));

function ribbonMarks(data, all, value, at) {
  const colour = new Map(all.map((one) => [one.name, one.colour]));
  const series = data.channel("series");
  const mark = data.channel("mark");
  const marked = mark ? data.rows.filter((row) => mark.value(row) != null) : [];
  const span = { x1: at, x2: (row) => at(row) + 1 };
  return [
    Plot.rect(data.rows, { ...span, y1: 0, y2: value.value, fill: (row) => colour.get(series.value(row)), fillOpacity: 0.75 }),
    value.interval && Plot.rect(data.rows, { ...span, y1: value.low, y2: value.high, fill: "var(--ink)", fillOpacity: 0.18 }),
    Plot.ruleX(marked, { x: at, stroke: "var(--ink)", strokeDasharray: "1 2" }),
    Plot.text(marked.length <= NAMED ? marked : [], { x: at, y: 100, text: mark?.value, dy: -8, textAnchor: "start", fill: "var(--ink)" }),
  ];
}

function draw({ data, all, width, title }) {
  const value = data.channel("value");
  const place = index(data.rows);
  const at = (row) => place.get(row);
  const middle = (row) => at(row) + 0.5;
  return [
    plot({
      title,
      width,
      height: 190,
      marginTop: 26,
      x: axis("token (number in the trace)", { domain: [0, data.rows.length] }),
      y: axis(value.title, { domain: [0, 100], grid: true, ticks: 4 }),
      color: { type: "identity" },
      marks: [...ribbonMarks(data, all, value, at), tip(data, data.rows, { x: middle, y: value.value }, Plot.pointerX)],
    }),
  ];
}

// ---- the text ----

function token(data, row, one, order, id) {
  const value = data.channel("value").value(row);
  const text = (data.channel("label").value(row) ?? "").replaceAll("\n", "↵\n");
  const span = el("span.token", { id, role: "option" }, text);
  span.style.setProperty("--belief", `${((value ?? 0) / 100) * STRONGEST}%`);
  span.style.setProperty("--class", one?.colour ?? "transparent");
  span.style.textDecorationStyle = LINES[order % LINES.length];
  return span;
}

function strip(data, series, title, id) {
  const mark = data.channel("mark");
  const order = new Map(series.map((one, i) => [one.name, i]));
  const box = el("div.strip", { dir: "auto", tabindex: 0, role: "listbox", "aria-label": `${title}: tokens` });
  const spans = data.rows.map((row, i) => {
    const place = order.get(data.channel("series").value(row)) ?? 0;
    const named = mark?.value(row);
    if (named != null) box.append(el("span.mark", { role: "presentation" }, named));
    const span = token(data, row, series[place], place, `candor-${id}-${i}`);
    box.append(span);
    return span;
  });
  return { box, spans };
}

function beside({ data, series, title, id }) {
  const { box, spans } = strip(data, series, title, id);
  const readout = el("output.readout", { "aria-live": "polite", dir: "auto" }, "Point at a token, or use the arrow keys in the text.");
  let current = -1;
  const go = (i) => {
    const next = Math.max(0, Math.min(spans.length - 1, i));
    if (!spans[next]) return;
    spans[current]?.removeAttribute("aria-selected");
    current = next;
    spans[current].setAttribute("aria-selected", "true");
    box.setAttribute("aria-activedescendant", spans[current].id);
    readout.textContent = `${current + 1} of ${spans.length} · ${describe(data, data.rows[current]).replaceAll("\n", " · ")}`;
  };
  const forward = () => (getComputedStyle(box).direction === "rtl" ? -1 : 1);
  const moves = {
    ArrowRight: () => current + forward(),
    ArrowLeft: () => current - forward(),
    ArrowDown: () => current + 10,
    ArrowUp: () => current - 10,
    Home: () => 0,
    End: () => spans.length - 1,
  };
  box.addEventListener("keydown", (event) => {
    if (!moves[event.key]) return;
    event.preventDefault();
    go(moves[event.key]());
    spans[current]?.scrollIntoView({ block: "nearest" });
  });
  box.addEventListener("pointerover", (event) => {
    const i = spans.indexOf(event.target);
    if (i >= 0) go(i);
  });
  return el("div.trace", {}, box, readout);
}

export const tokens = { draw, beside, note: (data) => intervalNote("Grey", data.channel("value")), fixed: true };
