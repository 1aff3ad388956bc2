// A grid of cells coloured by a value. A cell shrinks as its interval widens: what is known badly takes up little of the picture.
import * as Plot from "@observablehq/plot";
import { distinct } from "../data.js";
import { LETTER, short } from "./category.js";
import { axis, facets, intervalNote, plot, tip } from "./marks.js";

const SCHEME = "viridis"; // ordered by lightness for every kind of sight
const LEAST = 0.45; // side of the cell with the widest interval, in cells
const NUMBERS = 40; // px that ticks of numbers take beside the axis
const NAMES = 0.22; // of the width, at most, for names beside the axis
const SLANT = Math.PI / 5; // of names that would run into each other below it

/** Both axes are numbers: a column's own, or the places of its names. step: the side of a cell. */
function dimension(column, rows, most) {
  if (column.numeric) {
    const values = [...new Set(rows.map(column.value).filter((v) => v != null))].sort((a, b) => a - b);
    const step = Math.min(...values.slice(1).map((v, i) => v - values[i]), Infinity);
    return { at: column.value, step: Number.isFinite(step) ? step : 1, count: values.length, scale: axis(column.title) };
  }
  const names = distinct(rows, column);
  const every = Math.ceil(names.length / most);
  const ticks = names.map((_, i) => i).filter((i) => i % every === 0);
  const scale = axis(column.title, { ticks, tickFormat: (i) => names[i] ?? "–" });
  const longest = Math.max(...names.map((name) => [...(name ?? "–")].length)) * LETTER;
  return { at: (row) => names.indexOf(column.value(row)), step: 1, count: names.length, scale, names, longest };
}

/** Room for the names of an axis: beside it by their length, below it slanted where they would run into each other. */
function besides(y, width) {
  const room = y.names ? Math.min(NAMES * width, y.longest + 10) : NUMBERS;
  return { room, scale: y.names ? { tickFormat: (i) => short(y.names[i], room), labelOffset: room + 26 } : {} };
}

function below(x, width) {
  if (!x.names || x.longest + 6 <= width / x.count) return { room: 44, scale: {} };
  const room = Math.min(150, x.longest);
  const drop = room * Math.sin(SLANT) + 14;
  return { room: drop + 30, scale: { tickRotate: (-180 / Math.PI) * SLANT, tickFormat: (i) => short(x.names[i], room), labelOffset: drop + 24 } };
}

/** Side of a row's cell, 1 without intervals. */
function sides(rows, value) {
  const width = (row) => (value.low(row) == null || value.high(row) == null ? 0 : value.high(row) - value.low(row));
  const widest = rows.reduce((w, row) => Math.max(w, width(row)), 0);
  return { widest, side: (row) => (widest > 0 ? 1 - (1 - LEAST) * (width(row) / widest) : 1) };
}

function extent(rows, value) {
  const values = rows.map(value.value).filter((v) => v != null);
  return values.length ? [Math.min(...values), Math.max(...values)] : [0, 1];
}

/** The scale of colours, with the value's name and unit. */
function ramp(value, [low, high]) {
  const n = 64;
  const step = (high - low || 1) / n;
  return plot({
    title: `Colours: ${value.title}`,
    width: 280,
    height: 50,
    marginTop: 4,
    marginBottom: 34,
    marginLeft: 14,
    x: axis(value.title, { ticks: 4, domain: [low, high > low ? high : low + 1] }),
    color: { scheme: SCHEME, domain: [low, high] },
    marks: [
      Plot.rect(Array.from({ length: n }, (_, i) => low + i * step), { x1: (v) => v, x2: (v) => v + step, fill: (v) => v + step / 2, inset: -0.3 }),
    ],
  });
}

function draw({ data, width, title }) {
  const [xColumn, yColumn, value] = ["x", "y", "value"].map(data.channel);
  const grid = facets(data, width, 320);
  const x = dimension(xColumn, data.rows, Math.max(4, width / grid.columns / 44));
  const y = dimension(yColumn, data.rows, 40);
  const beside = besides(y, width);
  const under = below(x, (width - beside.room) / grid.columns);
  const { side } = sides(data.rows, value);
  const half = (of) => (row) => (of.step / 2) * side(row);
  const edge = (of, sign) => (row) => of.at(row) + sign * half(of)(row);
  const domain = extent(data.rows, value);
  const key = ramp(value, domain);
  key.classList.replace("chart", "ramp");
  const place = { ...grid.channels };
  return [
    key,
    plot({
      title,
      width,
      height: 16 + under.room + grid.rows * Math.max(140, Math.min(440, y.count * 18)),
      marginLeft: beside.room + 36,
      marginBottom: under.room,
      x: { ...x.scale, ...under.scale, inset: 2 },
      y: { ...y.scale, ...beside.scale, inset: 2, reverse: !yColumn.numeric },
      color: { scheme: SCHEME, domain },
      ...grid.options,
      marks: [
        Plot.rect(data.rows, { ...place, x1: edge(x, -1), x2: edge(x, 1), y1: edge(y, -1), y2: edge(y, 1), fill: value.value, inset: 0.25 }),
        grid.names,
        tip(data, data.rows, { ...place, x: x.at, y: y.at }),
      ],
    }),
  ];
}

function note(data) {
  const value = data.channel("value");
  const { widest } = sides(data.rows, value);
  if (!widest) return "";
  const unit = value.unit ? `\u2009${value.unit}` : "";
  return `${intervalNote("Intervals", value)} The wider the interval, the smaller the cell; the widest is ${value.format(widest)}${unit}.`;
}

export const heatmap = { draw, note, fixed: true };
