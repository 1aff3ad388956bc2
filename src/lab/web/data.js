// The data blocks of a page: columns that say what they hold, and rows of cells. An accessor gives a cell as it is shown (shares in per
// cent); sorting, filters, axes and tables all use the same one, so that a reader never has to convert.

/** The block of a figure: {columns, rows, column(name), channel(name), …}; rows are arrays. */
export function readData(figure) {
  const block = JSON.parse(figure.querySelector('script[type="application/json"]').textContent);
  const columns = block.columns.map(makeColumn);
  const column = (name) => columns.find((c) => c.name === name);
  const channel = (name) => block.channels?.[name] && column(block.channels[name]);
  return { ...block, columns, column, channel };
}

function makeColumn(spec, index) {
  const scale = spec.type === "share" ? 100 : 1;
  const unit = spec.type === "share" ? "%" : (spec.unit ?? "");
  const part = (cell, i) => {
    const number = Array.isArray(cell) ? cell[i] : i === 0 ? cell : null;
    return number == null ? null : number * scale;
  };
  const format = formatter(spec);
  const numeric = spec.type !== "text";
  return {
    ...spec,
    index,
    unit,
    numeric,
    format,
    title: unit ? `${spec.label} (${unit})` : spec.label,
    raw: (row) => row[index],
    value: (row) => (numeric ? part(row[index], 0) : row[index]),
    low: (row) => part(row[index], 1),
    high: (row) => part(row[index], 2),
    shown: (at) => at * scale,
    text: (row) => cellText(row[index], numeric, part, format),
  };
}

/** "81.2 [78.0, 84.1]", a dash for what is missing. */
function cellText(cell, numeric, part, format) {
  if (cell == null) return "–";
  if (!numeric) return cell;
  const value = format(part(cell, 0));
  return Array.isArray(cell) ? `${value} [${format(part(cell, 1))}, ${format(part(cell, 2))}]` : value;
}

function formatter({ type, digits }) {
  if (type === "text") return String;
  const options =
    type === "share"
      ? { minimumFractionDigits: digits || 1, maximumFractionDigits: digits || 1 }
      : { maximumSignificantDigits: digits || 4 };
  const small = new Intl.NumberFormat("en", options);
  return (x) => {
    if (x == null) return "–";
    const tiny = type === "number" && x !== 0 && (Math.abs(x) < 1e-4 || Math.abs(x) >= 1e9);
    const text = tiny ? x.toExponential((digits || 4) - 1) : small.format(x);
    return text.replace("-", "\u2212");
  };
}

/** The different values of a text column in the order of the rows; without a column one value, null. */
export function distinct(rows, column) {
  return column ? [...new Set(rows.map(column.value))] : [null];
}

/** What a row says, one column a line: for tips and readouts. */
export function describe(data, row) {
  return data.columns.map((c) => `${c.title}: ${c.text(row)}`).join("\n");
}
