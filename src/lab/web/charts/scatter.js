// Points with whiskers both ways; and the reliability diagram, which is points against the diagonal of what was promised.
import * as Plot from "@observablehq/plot";
import { axis, facets, intervalNote, plot, rowsOf, rule, shownRows, tip } from "./marks.js";

const RADIUS = 3.5;
const RADII = [1.5, 9];

function seriesMarks(data, one, grid, opacity) {
  const [x, y, size] = ["x", "y", "size"].map(data.channel);
  const rows = rowsOf(data, one);
  const shape = { ...grid.channels, stroke: one.colour, strokeOpacity: 0.6 };
  return [
    x.interval && Plot.ruleY(rows, { ...shape, y: y.value, x1: x.low, x2: x.high }),
    y.interval && Plot.ruleX(rows, { ...shape, x: x.value, y1: y.low, y2: y.high }),
    Plot.dot(rows, {
      ...grid.channels,
      x: x.value,
      y: y.value,
      r: size ? size.value : RADIUS,
      fill: one.colour,
      fillOpacity: opacity,
      stroke: "var(--paper)",
      strokeWidth: 0.5,
      symbol: one.symbol,
    }),
  ];
}

const points = (data, series, grid, opacity) => {
  const place = { ...grid.channels, x: data.channel("x").value, y: data.channel("y").value };
  return [...series.flatMap((one) => seriesMarks(data, one, grid, opacity)), grid.names, tip(data, shownRows(data, series), place)];
};

function drawScatter({ data, series, width, title }) {
  const [x, y] = [data.channel("x"), data.channel("y")];
  const grid = facets(data, width);
  return [
    plot({
      title,
      width,
      height: 44 + grid.rows * (grid.columns > 1 ? 240 : 340),
      x: axis(x.title, { grid: true, nice: true }),
      y: axis(y.title, { grid: true, nice: true }),
      r: { range: RADII },
      ...grid.options,
      marks: [...rule(data, y, "y", grid.first), ...points(data, series, grid, 0.75)],
    }),
  ];
}

/** The frame is a square: an angle of 45 degrees is what the eye compares with. */
function drawReliability({ data, series, width, title }) {
  const [x, y] = [data.channel("x"), data.channel("y")];
  const grid = facets(data, width, 300);
  const full = Math.min(width, 400 * grid.columns + 74);
  const side = (full - 74) / grid.columns;
  const unit = { domain: [0, 100], grid: true };
  return [
    plot({
      title,
      width: full,
      height: side * grid.rows + 44 + 26,
      marginTop: 26,
      x: axis(x.title, unit),
      y: axis(y.title, unit),
      r: { range: RADII },
      ...grid.options,
      marks: [
        Plot.line([[0, 0], [100, 100]], { stroke: "var(--quiet)", strokeDasharray: "2 3" }),
        ...series.map((one) =>
          Plot.line(rowsOf(data, one), { ...grid.channels, x: x.value, y: y.value, stroke: one.colour, strokeOpacity: 0.5, strokeDasharray: one.dash }),
        ),
        ...points(data, series, grid, 0.9),
      ],
    }),
  ];
}

function note(data) {
  const size = data.channel("size");
  const area = size ? ` Area of a mark: ${size.title}.` : "";
  return `${intervalNote("Whiskers", data.channel("x"), data.channel("y"))}${area}`.trim();
}

export const scatter = { draw: drawScatter, note };
export const reliability = { draw: drawReliability, note: (data) => `On the diagonal what is said is what is found. ${note(data)}`.trim() };
