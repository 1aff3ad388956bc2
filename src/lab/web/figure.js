// A figure: legend, drawing, what its marks of uncertainty mean, and the data it was drawn from. The drawing is made again when its
// width changes or a series is hidden; everything else is made once.
import { button, el, svg } from "./dom.js";
import { distinct } from "./data.js";
import { makeTable } from "./table.js";
import { charts } from "./charts/index.js";
import { symbolPath } from "./charts/marks.js";

const NARROWEST = 260; // px: below, a drawing is shrunk as a picture
const COLOURS = 8; // --s1 … in style.css
const DASHES = [null, "7 3", "2 3", "9 3 2 3"];
const SYMBOLS = ["circle", "square", "triangle", "diamond2", "star", "cross"];

/** Series differ by colour, dash and symbol, so that colour is never alone in telling them apart. */
function makeSeries(data) {
  const column = data.channel("series");
  return distinct(data.rows, column).map((name, i) => ({
    name,
    colour: `var(--s${(i % COLOURS) + 1})`,
    dash: DASHES[(i + Math.floor(i / COLOURS)) % DASHES.length],
    symbol: SYMBOLS[(i + Math.floor(i / COLOURS)) % SYMBOLS.length],
    hidden: false,
  }));
}

export function makeFigure(figure, data, title) {
  const chart = charts[data.chart];
  const series = makeSeries(data);
  const canvas = el("div.canvas", { dir: "ltr" });
  figure.append(canvas, el("p.note", { dir: "auto" }, chart.note(data)));
  let drawn = 0;
  const draw = () => {
    drawn = canvas.clientWidth;
    const visible = series.filter((one) => !one.hidden);
    canvas.replaceChildren(...chart.draw({ data, series: visible, all: series, width: Math.max(drawn, NARROWEST), title }));
    for (const drawing of canvas.querySelectorAll("svg")) drawing.setAttribute("role", "img");
  };
  if (data.channel("series")) canvas.before(legend(data.channel("series"), series, chart.fixed ? null : draw));
  draw();
  if (chart.beside) canvas.after(chart.beside({ data, series, title, id: figure.id }));
  figure.append(dataTable(figure, data, title));
  new ResizeObserver(() => {
    if (canvas.clientWidth > 0 && canvas.clientWidth !== drawn) draw();
  }).observe(canvas);
}

/** Names with their sign; pressing one hides or shows its series, but never the last. */
function legend(column, series, draw) {
  const list = el("ul.legend", { "aria-label": column.label });
  for (const one of series) {
    const name = el("span", { dir: "auto" }, one.name ?? "–");
    if (!draw) {
      list.append(el("li", {}, key(one), name));
      continue;
    }
    const toggle = button("", () => {
      if (!one.hidden && series.filter((other) => !other.hidden).length === 1) return;
      one.hidden = !one.hidden;
      toggle.setAttribute("aria-pressed", !one.hidden);
      draw();
    });
    toggle.setAttribute("aria-pressed", "true");
    toggle.append(key(one), name);
    list.append(el("li", {}, toggle));
  }
  return list;
}

function key(one) {
  return svg(
    "svg",
    { width: 30, height: 12, viewBox: "-15 -6 30 12", "aria-hidden": "true", style: `color: ${one.colour}` },
    svg("line", { x1: -14, x2: 14, y1: 0, y2: 0, "stroke-dasharray": one.dash ?? "none" }),
    svg("path", { d: symbolPath(one.symbol) }),
  );
}

/** Made when it is first opened: a heatmap may have thousands of rows. */
function dataTable(figure, data, title) {
  const details = el("details", {}, el("summary", { lang: "en" }, `Data (${data.rows.length} rows)`));
  const fill = () => {
    if (details.childElementCount === 1) details.append(makeTable(data, title, `${figure.id}.csv`));
  };
  details.addEventListener("toggle", fill, { once: true });
  return details;
}
