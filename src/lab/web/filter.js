// The filter of a table: words that a row must hold, in any column, and comparisons with a column, as in  arabic accuracy>=80 "of the".
// Numbers are compared in the unit that is shown.

const OPERATORS = {
  ">=": (a, b) => a >= b,
  "<=": (a, b) => a <= b,
  ">": (a, b) => a > b,
  "<": (a, b) => a < b,
  "=": (a, b) => a === b,
  "!=": (a, b) => a !== b,
};
const fold = (text) => text.normalize("NFKC").toLocaleLowerCase();

function comparison(term, columns) {
  const match = /^([\p{L}\p{N}_-]+)(>=|<=|!=|>|<|=)(.+)$/u.exec(term);
  const column = match && columns.find((c) => fold(c.name) === match[1] || fold(c.label) === match[1]);
  if (!column) return null;
  const holds = OPERATORS[match[2]];
  const wanted = match[3].replace(/%$/, "").replace("\u2212", "-");
  if (!column.numeric) return (row) => holds(fold(column.value(row) ?? ""), match[3]);
  const number = Number(wanted);
  if (Number.isNaN(number)) return null;
  return (row) => column.value(row) != null && holds(column.value(row), number);
}

/** A function of a row: does it stay? */
export function parseFilter(text, columns) {
  const tight = fold(text).replace(/\s*(>=|<=|!=|>|<|=)\s*/g, "$1");
  const terms = tight.match(/"[^"]*"?|\S+/g) ?? [];
  const tests = terms.map((term) => {
    const word = term.replaceAll('"', "");
    return comparison(word, columns) ?? ((row) => columns.some((c) => fold(c.text(row)).includes(word)));
  });
  return (row) => tests.every((test) => test(row));
}
