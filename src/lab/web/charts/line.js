// Lines over a number, each with the band of its interval; dots where there are few points, so that a line promises no more than was
// measured.
import * as Plot from "@observablehq/plot";
import { axis, facets, intervalNote, plot, rowsOf, rule, shownRows, tip } from "./marks.js";

const FEW = 30; // points of a line that get a dot each

function seriesMarks(data, one, grid, x, y) {
  const rows = rowsOf(data, one)
    .filter((row) => x.value(row) != null)
    .sort((a, b) => x.value(a) - x.value(b));
  const channels = { x: x.value, ...grid.channels };
  const points = rows.length / (grid.names ? grid.columns * grid.rows : 1);
  return [
    y.interval && Plot.areaY(rows, { ...channels, y1: y.low, y2: y.high, fill: one.colour, fillOpacity: 0.16 }),
    Plot.lineY(rows, { ...channels, y: y.value, stroke: one.colour, strokeWidth: 1.8, strokeDasharray: one.dash }),
    points <= FEW && Plot.dot(rows, { ...channels, y: y.value, fill: one.colour, symbol: one.symbol, r: 2.8 }),
  ];
}

function draw({ data, series, width, title }) {
  const [x, y] = [data.channel("x"), data.channel("y")];
  const grid = facets(data, width);
  const rows = shownRows(data, series);
  return [
    plot({
      title,
      width,
      height: 44 + grid.rows * (grid.columns > 1 ? 220 : 300),
      x: axis(x.title),
      y: axis(y.title, { grid: true, nice: true }),
      ...grid.options,
      marks: [
        ...rule(data, y, "y", grid.first),
        ...series.flatMap((one) => seriesMarks(data, one, grid, x, y)),
        grid.names,
        tip(data, rows, { x: x.value, y: y.value, ...grid.channels }),
      ],
    }),
  ];
}

export const line = { draw, note: (data) => intervalNote("Bands", data.channel("y")) };
