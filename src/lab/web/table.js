// Tables that sort and filter. Headers hold buttons, so that keyboard and screen reader get the same as the mouse; an interval shows as
// numbers and as a small drawing on a scale common to its column. Long tables begin with a part of their rows.
import { button, el, svg } from "./dom.js";
import { download, toCsv } from "./csv.js";
import { parseFilter } from "./filter.js";

const FIRST = 50;
const MORE = 500;
const WHOLE = 20; // letters
const collator = new Intl.Collator(undefined, { numeric: true });

export function makeTable(data, title, fileName) {
  const state = { filter: () => true, sorted: null, down: false, limit: FIRST };
  const body = el("tbody");
  const count = el("output.count", { lang: "en", dir: "ltr", "aria-live": "polite" });
  const more = button("", () => {
    state.limit += MORE;
    show();
  });
  const heads = data.columns.map((column) => header(data, column, () => turn(state, column, show)));
  const cells = data.columns.map(cellMaker(data));

  function show() {
    const rows = arranged(data.rows, state);
    body.replaceChildren(...rows.slice(0, state.limit).map((row) => el("tr", {}, ...cells.map((make) => make(row)))));
    count.textContent = rows.length === data.rows.length ? `${rows.length} rows` : `${rows.length} of ${data.rows.length} rows`;
    const left = rows.length - state.limit;
    more.hidden = left <= 0;
    more.textContent = `Show ${Math.min(left, MORE)} more of ${left}`;
    heads.forEach((head, i) => head.setAttribute("aria-sort", order(state, data.columns[i])));
  }

  const tools = el(
    "div.tools",
    {},
    filterField(title, (text) => {
      state.filter = parseFilter(text, data.columns);
      state.limit = FIRST;
      show();
    }),
    count,
    button("CSV", () => download(fileName, toCsv(data, arranged(data.rows, state))), { title: "Download these rows as CSV" }),
  );
  const table = el("table", { "aria-label": title }, el("thead", {}, el("tr", {}, ...heads)), body);
  show();
  return el("div.data", {}, tools, el("div.scroll", { tabindex: 0, role: "region", "aria-label": title }, table), more);
}

function filterField(title, change) {
  const input = el("input", {
    type: "search",
    lang: "en",
    dir: "auto",
    placeholder: "Filter: words, or name>0.5",
    "aria-label": `Filter the rows of ${title}`,
    autocomplete: "off",
    spellcheck: "false",
    oninput: () => change(input.value),
  });
  return input;
}

/** Letters of a text column that must not be broken: long texts wrap, short ones stay whole whatever stands beside them. */
function unbroken(data, column) {
  return data.rows.reduce((most, row) => Math.max(most, Math.min(WHOLE, column.text(row).length)), 0);
}

/** The sign for the order stands in the header at all times, so that sorting moves nothing. */
function header(data, column, onclick) {
  const unit = column.unit ? el("span.unit", { dir: "ltr" }, column.unit) : null;
  const sign = el("span.sign", { "aria-hidden": "true" });
  const sort = el("button", { type: "button", onclick }, el("span", { dir: "auto" }, column.label), unit, sign);
  const head = el("th", { scope: "col", class: column.numeric ? "number" : null, title: column.note }, sort);
  if (!column.numeric) head.style.minInlineSize = `calc(${unbroken(data, column)}ch + 1.2rem)`;
  return head;
}

/** None, up, down, none. */
function turn(state, column, show) {
  if (state.sorted !== column) Object.assign(state, { sorted: column, down: false });
  else if (!state.down) state.down = true;
  else state.sorted = null;
  show();
}

function order(state, column) {
  if (state.sorted !== column) return "none";
  return state.down ? "descending" : "ascending";
}

/** Missing values come last both ways; equal ones keep their order. */
function arranged(rows, { filter, sorted, down }) {
  const kept = rows.filter(filter);
  if (!sorted) return kept;
  const compare = sorted.numeric ? (a, b) => a - b : collator.compare;
  return kept.sort((p, q) => {
    const a = sorted.value(p);
    const b = sorted.value(q);
    if (a == null || b == null) return (a == null) - (b == null);
    return down ? compare(b, a) : compare(a, b);
  });
}

// ---- cells ----

const cellMaker = (data) => (column) => {
  if (!column.numeric) return (row) => el("td", { dir: "auto" }, column.text(row));
  if (!column.interval) return (row) => el("td.number", { dir: "ltr" }, column.text(row));
  const scale = spread(data.rows, column);
  return (row) => el("td.number", { dir: "ltr" }, column.text(row), whisker(column, row, scale));
};

function spread(rows, column) {
  let [low, high] = [Infinity, -Infinity];
  for (const row of rows) {
    for (const x of [column.low(row), column.value(row), column.high(row)]) {
      if (x != null) [low, high] = [Math.min(low, x), Math.max(high, x)];
    }
  }
  return (x) => (high > low ? 3 + (58 * (x - low)) / (high - low) : 32);
}

function whisker(column, row, scale) {
  const [low, value, high] = [column.low(row), column.value(row), column.high(row)];
  const drawing = svg("svg", { class: "whisker", width: 64, height: 12, "aria-hidden": "true" });
  if (low != null && high != null) drawing.append(svg("line", { x1: scale(low), x2: scale(high), y1: 6, y2: 6 }));
  if (value != null) drawing.append(svg("circle", { cx: scale(value), cy: 6, r: 2.5 }));
  return drawing;
}
