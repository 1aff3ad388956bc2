// Dots and bars by category, one row a category, and in it one a series. They lie, so that names of any length can be read.
import * as Plot from "@observablehq/plot";
import { distinct } from "../data.js";
import { axis, intervalNote, plot, rowsOf, rule, shownRows, tip } from "./marks.js";

const ROW = 24;

export const LETTER = 6.6; // px, about
export const short = (name, room) => {
  const most = Math.max(4, Math.floor(room / LETTER));
  const text = name ?? "–";
  return [...text].length > most ? `${[...text].slice(0, most - 1).join("")}…` : text;
};

/** Where a row stands: without series by its category; with series each category is a facet of its own. */
function places(data, series, y) {
  const s = data.channel("series");
  const facet = data.channel("facet");
  const fx = facet ? { fx: facet.value } : {};
  const names = distinct(data.rows, y);
  const visible = series.map((one) => one.name);
  const alone = !s;
  return {
    names,
    first: { ...(alone ? {} : { fy: [names[0]] }), ...(facet ? { fx: [distinct(data.rows, facet)[0]] } : {}) },
    channels: alone ? { y: y.value, ...fx } : { fy: y.value, y: s.value, ...fx },
    height: names.length * (alone ? ROW : Math.max(ROW, 16 * visible.length + 12)),
    scales: (label, tickFormat) => ({
      ...(alone
        ? { y: axis(label, { domain: names, tickFormat, tickSize: 0, padding: 0.3 }) }
        : {
            fy: axis(label, { domain: names, tickFormat, axis: "left", tickSize: 0, padding: 0.15 }),
            y: { domain: visible, axis: null, padding: 0.25 },
          }),
      // names of facets stand above what a rule says of itself
      ...(facet ? { fx: axis(null, { domain: distinct(data.rows, facet), tickFormat: (name) => name ?? "–", padding: 0.08, tickSize: 0, tickPadding: 18 }) } : {}),
    }),
  };
}

function whiskers(rows, x, channels, colour, ends) {
  const shape = { ...channels, stroke: colour, strokeWidth: 1.4 };
  const inset = { insetTop: ends, insetBottom: ends };
  return [
    Plot.ruleY(rows, { ...shape, x1: x.low, x2: x.high }),
    Plot.tickX(rows, { ...shape, ...inset, x: x.low }),
    Plot.tickX(rows, { ...shape, ...inset, x: x.high }),
  ];
}

const shapes = {
  bar: (rows, x, channels, one) => [
    Plot.barX(rows, { ...channels, x1: 0, x2: x.value, fill: one.colour, fillOpacity: 0.6 }),
    ...(x.interval ? whiskers(rows, x, channels, "var(--ink)", 3) : []),
  ],
  dot: (rows, x, channels, one) => [
    ...(x.interval ? whiskers(rows, x, channels, one.colour, 4) : []),
    Plot.dot(rows, { ...channels, x: x.value, fill: one.colour, symbol: one.symbol, r: 4 }),
  ],
};

const drawer = (shape) =>
  function draw({ data, series, width, title }) {
    const [x, y] = [data.channel("x"), data.channel("y")];
    const place = places(data, series, y);
    const longest = Math.max(...place.names.map((name) => [...(name ?? "–")].length));
    const room = Math.min(0.35 * width, longest * LETTER + 10);
    return [
      plot({
        title,
        width,
        height: place.height + 90,
        marginLeft: room + 34,
        marginTop: data.channel("facet") ? 42 : 28,
        x: axis(x.title, { grid: true, nice: true }),
        ...place.scales(y.label, (name) => short(name, room)),
        marks: [
          shape === shapes.bar && Plot.ruleX([0], { stroke: "var(--quiet)" }),
          ...rule(data, x, "x", place.first),
          ...series.flatMap((one) => shape(rowsOf(data, one), x, place.channels, one)),
          tip(data, shownRows(data, series), { x: x.value, ...place.channels }, Plot.pointerY),
        ],
      }),
    ];
  };

const note = (data) => intervalNote("Whiskers", data.channel("x"));
export const bar = { draw: drawer(shapes.bar), note };
export const dot = { draw: drawer(shapes.dot), note };
