// A table as a CSV file that the browser makes by itself. Numbers are written exactly and in their own unit (shares of 1); an interval
// takes three columns. A text that a spreadsheet would run as a formula gets an apostrophe before it.
import { el } from "./dom.js";

const quote = (text) => (/[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);
const inert = (text) => (/^[=+\-@\t\r]/.test(text) ? `'${text}` : text);

function header(column) {
  return column.interval ? [column.name, `${column.name}_low`, `${column.name}_high`] : [column.name];
}

function cells(column, row) {
  const cell = column.raw(row);
  if (column.interval) return (cell ?? [null, null, null]).map((x) => (x == null ? "" : String(x)));
  if (cell == null) return [""];
  return [column.numeric ? String(cell) : quote(inert(cell))];
}

export function toCsv(data, rows = data.rows) {
  const lines = [data.columns.flatMap(header), ...rows.map((row) => data.columns.flatMap((c) => cells(c, row)))];
  return lines.map((line) => line.join(",") + "\r\n").join("");
}

export function download(name, text) {
  const url = URL.createObjectURL(new Blob(["\ufeff", text], { type: "text/csv;charset=utf-8" }));
  el("a", { href: url, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}
