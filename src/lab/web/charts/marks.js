// What charts share: the frame with its labelled axes, small multiples, constants to compare with, tips.
import * as Plot from "@observablehq/plot";
import { symbolCircle, symbolCross, symbolDiamond2, symbolSquare, symbolStar, symbolTriangle, symbol } from "d3-shape";
import { describe, distinct } from "../data.js";

const SHAPES = {
  circle: symbolCircle,
  square: symbolSquare,
  triangle: symbolTriangle,
  diamond2: symbolDiamond2,
  star: symbolStar,
  cross: symbolCross,
};

/** The outline of a symbol for legends. */
export const symbolPath = (name) => symbol(SHAPES[name], 42)();

const QUIET = "var(--quiet)";

/** An axis whose label, with its unit, stands in the middle of it. */
export function axis(label, options = {}) {
  return { label, labelAnchor: "center", labelArrow: "none", ...options };
}

/** Everything is drawn by this one call, so that all charts look alike. */
export function plot({ title, width, marks, ...options }) {
  const drawing = Plot.plot({
    width,
    marginLeft: 58,
    marginBottom: 44,
    marginRight: 16,
    style: { background: "none", overflow: "visible" },
    ariaLabel: title,
    marks: marks.filter(Boolean),
    ...options,
  });
  drawing.classList.add("chart");
  return drawing;
}

export const rowsOf = (data, one) => {
  const column = data.channel("series");
  return column ? data.rows.filter((row) => column.value(row) === one.name) : data.rows;
};

/** Rows of the series that are shown. */
export function shownRows(data, series) {
  const column = data.channel("series");
  const names = new Set(series.map((one) => one.name));
  return column ? data.rows.filter((row) => names.has(column.value(row))) : data.rows;
}

/** Small multiples in as many columns as there is room for: channels for marks, options for the plot, a mark with the names. */
export function facets(data, width, least = 250) {
  const column = data.channel("facet");
  if (!column) return { channels: {}, options: {}, names: null, columns: 1, rows: 1 };
  const names = distinct(data.rows, column);
  const columns = Math.max(1, Math.min(names.length, Math.floor(width / least)));
  const place = new Map(names.map((name, i) => [name, i]));
  const fx = (name) => place.get(name) % columns;
  const fy = (name) => Math.floor(place.get(name) / columns);
  return {
    columns,
    rows: Math.ceil(names.length / columns),
    first: { fx: [0], fy: [0] },
    channels: { fx: (row) => fx(column.value(row)), fy: (row) => fy(column.value(row)) },
    options: { fx: { axis: null, padding: 0.12 }, fy: { axis: null, padding: 0.2 }, marginTop: 26 },
    names: Plot.text(names, { fx, fy, text: (name) => name ?? "–", frameAnchor: "top", dy: -16, fontWeight: 600, fill: "var(--ink)" }),
  };
}

/** The constant of a plot, across its axis in every facet; its name stands once, in the facet that `first` names. */
export function rule(data, column, across, first = {}) {
  if (!data.rule) return [];
  const at = column.shown(data.rule.at);
  const mark = across === "y" ? Plot.ruleY : Plot.ruleX;
  const place = across === "y" ? { y: [at], frameAnchor: "right", textAnchor: "end", dy: -6 } : { x: [at], frameAnchor: "top", dy: -9 };
  const look = { fill: QUIET, stroke: "var(--paper)", strokeWidth: 4 };
  return [mark([at], { stroke: QUIET, strokeDasharray: "2 3" }), Plot.text([data.rule.label], { ...place, ...first, ...look, text: (label) => label })];
}

/** The row under the pointer, in words. */
export function tip(data, rows, channels, pointer = Plot.pointer) {
  return Plot.tip(rows, pointer({ ...channels, title: (row) => describe(data, row), fontSize: 12, maxRadius: 30 }));
}

/** "Bands: 95 %, bootstrap by question." for the columns that have intervals. */
export function intervalNote(mark, ...columns) {
  const notes = columns.filter((column) => column?.interval).map((column) => column.note);
  return notes.length ? `${mark}: ${[...new Set(notes)].join("; ")}.` : "";
}
