/* Tables as data: columns that say what they hold, and rows that hold it. Both are checked here, cell by cell, so that a report with a
 * shifted column or a text among numbers fails while it is made, with its place, and not in a reader's browser. */
#include "lab/page_int.h"
#include <ctype.h>
#include <math.h>
#include <string.h>

json_t *page_number(double x) { return isfinite(x) ? json_real(x) : json_null(); }

json_t *page_interval(double value, double low, double high) {
    if (!isfinite(value)) return json_null();
    return json_pack("[o,o,o]", page_number(value), page_number(low), page_number(high));
}

/* ---- columns ---- */

static int plain_name(const char *s) {
    if (!s || !isalpha((unsigned char)*s)) return 0;
    for (; *s; s++) {
        if (!isalnum((unsigned char)*s) && *s != '_' && *s != '-') return 0;
    }
    return 1;
}

int page_column_find(const struct page_data *d, const char *name) {
    for (size_t i = 0; i < d->n_columns; i++) {
        if (!strcmp(d->columns[i].name, name)) return (int)i;
    }
    return -1;
}

static int check_column(const struct page_data *d, size_t i, const char *what, struct err *e) {
    const struct page_column *c = &d->columns[i];
    if (!plain_name(c->name)) {
        return fail(e, ERR_ARG, "%s: expected column %zu to be named by letters, digits, '_' and '-', found \"%s\"", what, i,
                    c->name ? c->name : "");
    }
    if (page_column_find(d, c->name) != (int)i) return fail(e, ERR_ARG, "%s: two columns are named \"%s\"", what, c->name);
    if (c->type == PAGE_NUMBER && !c->unit) {
        return fail(e, ERR_ARG, "%s: column \"%s\" holds numbers and says no unit (\"\" for a plain number)", what, c->name);
    }
    if (c->interval && c->type == PAGE_TEXT) return fail(e, ERR_ARG, "%s: column \"%s\" is text with an interval", what, c->name);
    if (c->interval && !c->note) {
        return fail(e, ERR_ARG, "%s: column \"%s\" has intervals and no note of their level and method", what, c->name);
    }
    return 0;
}

/* ---- cells ---- */

static const char *type_name(const json_t *j) {
    switch (json_typeof(j)) {
    case JSON_OBJECT: return "an object";
    case JSON_ARRAY: return "an array";
    case JSON_STRING: return "a string";
    case JSON_NULL: return "null";
    case JSON_INTEGER:
    case JSON_REAL: return "a number";
    default: return "a truth value";
    }
}

/* [value, low, high] with low <= high; low and high may be null. */
static int interval_fits(const json_t *j) {
    if (!json_is_array(j) || json_array_size(j) != 3 || !json_is_number(json_array_get(j, 0))) return 0;
    const json_t *low = json_array_get(j, 1), *high = json_array_get(j, 2);
    if ((!json_is_number(low) && !json_is_null(low)) || (!json_is_number(high) && !json_is_null(high))) return 0;
    return json_is_null(low) || json_is_null(high) || json_number_value(low) <= json_number_value(high);
}

static const char *expected(const struct page_column *c) {
    if (c->type == PAGE_TEXT) return "a string";
    return c->interval ? "[value, low, high] with low <= high" : "a number";
}

static int cell_fits(const struct page_column *c, const json_t *j) {
    if (json_is_null(j)) return 1;
    if (c->type == PAGE_TEXT) return json_is_string(j);
    return c->interval ? interval_fits(j) : json_is_number(j);
}

static int check_row(const struct page_data *d, size_t r, const char *what, struct err *e) {
    const json_t *row = json_array_get(d->rows, r);
    if (!json_is_array(row)) return fail(e, ERR_ARG, "%s: expected row %zu to be an array, found %s", what, r, type_name(row));
    if (json_array_size(row) != d->n_columns) {
        return fail(e, ERR_ARG, "%s: expected %zu cells in row %zu, found %zu", what, d->n_columns, r, json_array_size(row));
    }
    for (size_t i = 0; i < d->n_columns; i++) {
        const json_t *cell = json_array_get(row, i);
        if (cell_fits(&d->columns[i], cell)) continue;
        return fail(e, ERR_ARG, "%s: row %zu, column \"%s\": expected %s or null, found %s", what, r, d->columns[i].name,
                    expected(&d->columns[i]), type_name(cell));
    }
    return 0;
}

int page_data_check(const struct page_data *d, const char *what, struct err *e) {
    if (d->n_columns == 0) return fail(e, ERR_ARG, "%s: expected columns, found none", what);
    for (size_t i = 0; i < d->n_columns; i++) TRY(check_column(d, i, what, e));
    if (!json_is_array(d->rows)) return fail(e, ERR_ARG, "%s: expected rows as an array", what);
    for (size_t r = 0; r < json_array_size(d->rows); r++) TRY(check_row(d, r, what, e));
    return 0;
}

/* ---- as JSON ---- */

static json_t *text_or_null(const char *s) { return s ? page_string(s, strlen(s)) : json_null(); }

static json_t *column_json(const struct page_column *c) {
    static const char *const types[] = {[PAGE_TEXT] = "text", [PAGE_NUMBER] = "number", [PAGE_SHARE] = "share"};
    return json_pack("{s:s, s:o, s:s, s:o, s:b, s:o, s:i}", "name", c->name, "label", text_or_null(c->label ? c->label : c->name),
                     "type", types[c->type], "unit", text_or_null(c->type == PAGE_NUMBER ? c->unit : NULL), "interval",
                     c->interval, "note", text_or_null(c->note), "digits", c->digits);
}

json_t *page_data_json(const struct page_data *d) {
    json_t *columns = json_array();
    for (size_t i = 0; columns && i < d->n_columns; i++) {
        if (json_array_append_new(columns, column_json(&d->columns[i])) < 0) {
            json_decref(columns);
            return NULL;
        }
    }
    /* json_pack's "O" borrows: rows are not changed by it */
    return columns ? json_pack("{s:o, s:O}", "columns", columns, "rows", (json_t *)d->rows) : NULL;
}
