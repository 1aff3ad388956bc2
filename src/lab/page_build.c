/* Reports from JSON trees, read as they come: nothing in a tree is taken for granted, so a tree of tomorrow or of another program makes a
 * page too. What is absent, null or of another type is a missing cell, and a row without its main cell is no row. */
#include "lab/page_build.h"

/* ---- cells ---- */

json_t *cell_number(const json_t *o, const char *key) {
    json_t *x = json_object_get(o, key);
    return json_is_number(x) ? json_incref(x) : json_null();
}

json_t *cell_between(const json_t *value, const json_t *lo, const json_t *hi) {
    int range = json_is_number(lo) && json_is_number(hi) && json_number_value(lo) <= json_number_value(hi);
    if (!json_is_number(value)) return json_null();
    return json_pack("[O,O?,O?]", value, range ? lo : NULL, range ? hi : NULL);
}

json_t *cell_here(const json_t *x) {
    return cell_between(json_is_object(x) ? json_object_get(x, "value") : x, json_object_get(x, "lo"), json_object_get(x, "hi"));
}

json_t *cell_range(const json_t *o, const char *key) { return cell_here(json_object_get(o, key)); }

json_t *cell_text(const json_t *o, const char *key) {
    json_t *x = json_object_get(o, key);
    return json_is_string(x) ? json_incref(x) : json_null();
}

const char *text_of(const json_t *o, const char *key) {
    const char *s = json_string_value(json_object_get(o, key));
    return s ? s : "";
}

void rows_add(json_t *rows, json_t *row, int must) {
    if (must >= 0 && json_is_null(json_array_get(row, (size_t)must)))
        json_decref(row);
    else
        json_array_append_new(rows, row);
}

json_t *page_row(const json_t *o, const struct page_column *columns, size_t n) {
    json_t *row = json_array();
    for (size_t i = 0; i < n; i++) {
        const char *key = columns[i].name;
        json_array_append_new(row, columns[i].type == PAGE_TEXT ? cell_text(o, key)
                                   : columns[i].interval        ? cell_range(o, key)
                                                                : cell_number(o, key));
    }
    return row;
}

json_t *page_rows(const json_t *list, const struct page_column *columns, size_t n, int must) {
    json_t *rows = json_array(), *x;
    size_t i;
    EACH_OF(list, i, x) rows_add(rows, page_row(x, columns, n), must);
    return rows;
}

/* ---- parts ---- */

int part_open(struct part *s, struct err *e) {
    if (s->open++) return 0;
    TRY(page_section(s->p, s->heading, s->id, e));
    return s->text ? page_text(s->p, s->text, e) : 0;
}

int part_table(struct part *s, const char *title, const char *caption, const struct page_data *data, json_t *rows,
               struct err *e) {
    struct page_data d = {data->columns, data->n_columns, rows};
    int rc = rows ? 0 : fail(e, ERR_NOMEM, "no memory for a table's rows");
    if (!rc && json_array_size(rows)) rc = part_open(s, e);
    if (!rc && json_array_size(rows)) rc = page_table(s->p, title, caption, &d, e);
    json_decref(rows);
    return rc;
}

int part_plot(struct part *s, struct page_plot plot, json_t *rows, struct err *e) {
    int rc = rows ? 0 : fail(e, ERR_NOMEM, "no memory for a plot's rows");
    plot.data.rows = rows;
    if (!rc && json_array_size(rows)) rc = part_open(s, e);
    if (!rc && json_array_size(rows)) rc = page_plot(s->p, &plot, e);
    json_decref(rows);
    return rc;
}
