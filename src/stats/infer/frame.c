/* Columns by name: what a table is once it stands, and tables made in memory.
 *
 * Every cell is kept as text; numbers and levels are made of it when the table is complete, since only then it shows what a column is. */
#include "stats/infer/frame_int.h"
#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int frame_new(struct frame **out, size_t rows, const char *name, struct err *e) {
    struct frame *f = calloc(1, sizeof *f);
    if (!f || rows > FRAME_MAX_ROWS || !(f->name = strdup(name))) {
        free(f);
        return fail(e, ERR_NOMEM, "no memory for a table of %zu rows", rows);
    }
    f->rows = rows;
    *out = f;
    return 0;
}

static void column_clear(struct own_column *c) {
    free((void *)c->pub.x), free((void *)c->pub.code), free((void *)c->pub.level), free((void *)c->pub.name);
    free(c->at), str_free(&c->text);
}

void frame_free(struct frame *f) {
    if (!f) return;
    for (size_t i = 0; i < f->n_columns; i++) column_clear(&f->column[i]);
    free(f->column), free(f->line), free(f->name), free(f);
}

size_t frame_rows(const struct frame *f) { return f->rows; }
const char *frame_name(const struct frame *f) { return f->name; }
int64_t frame_line(const struct frame *f, size_t row) { return f->line && row < f->rows ? f->line[row] : -1; }

/* ---- what a cell is ---- */

static const char *cell(const struct own_column *c, size_t row) { return c->text.s + c->at[row]; }
static int is_missing(const char *z) { return !*z || !strcmp(z, "NA"); }

static const char *digits(const char *z, int *any) {
    while (isdigit((unsigned char)*z)) z++, *any = 1;
    return z;
}

/* A decimal number: sign, digits with a point, exponent. Not what strtod takes beside: hexadecimal, NaN, infinity. */
static int number(const char *z, double *x) {
    const char *s = z + (*z == '-' || *z == '+');
    int any = 0, power = 0;
    s = digits(s, &any);
    if (*s == '.') s = digits(s + 1, &any);
    if (any && (*s == 'e' || *s == 'E')) {
        s += 1 + (s[1] == '-' || s[1] == '+');
        s = digits(s, &power);
        if (!power) return 0;
    }
    if (!any || *s) return 0;
    *x = strtod(z, NULL);
    return isfinite(*x);
}

/* ---- numbers and levels ---- */

static int set_numbers(struct own_column *c, size_t rows, struct err *e) {
    double *x = malloc((rows + 1) * sizeof *x);
    if (!x) return fail(e, ERR_NOMEM, "no memory for %zu numbers", rows);
    for (size_t i = 0; i < rows; i++) {
        x[i] = NAN;
        if (!is_missing(cell(c, i)) && !number(cell(c, i), &x[i])) {
            free(x);
            return 1;
        }
    }
    c->pub.x = x;
    return 0;
}

struct word {
    const char *s;
    double x; /* its value where the column is numeric, else 0 */
    size_t row;
};
static int by_level(const void *a, const void *b) {
    const struct word *u = a, *v = b;
    if (u->x != v->x) return u->x < v->x ? -1 : 1;
    return strcmp(u->s, v->s);
}

/* Two spellings of a number ("1", "1.0") are one level. */
static int same_level(const struct word *u, const struct word *v, int numeric) {
    return numeric ? u->x == v->x : !strcmp(u->s, v->s);
}

static int set_levels(struct own_column *c, size_t rows, struct err *e) {
    struct word *w = malloc((rows + 1) * sizeof *w);
    int *code = malloc((rows + 1) * sizeof *code);
    const char **level = calloc(rows + 1, sizeof *level);
    size_t n = 0, k = 0;
    if (!w || !code || !level) {
        free(w), free(code), free(level);
        return fail(e, ERR_NOMEM, "no memory for the levels of %zu rows", rows);
    }
    for (size_t i = 0; i < rows; i++) {
        code[i] = -1;
        if (!is_missing(cell(c, i))) w[n++] = (struct word){cell(c, i), c->pub.x ? c->pub.x[i] : 0, i};
    }
    qsort(w, n, sizeof *w, by_level);
    for (size_t i = 0; i < n; i++) {
        if (!i || !same_level(&w[i - 1], &w[i], c->pub.x != NULL)) level[k++] = w[i].s;
        code[w[i].row] = (int)k - 1;
    }
    free(w);
    c->pub.is_words = !c->pub.x, c->pub.code = code, c->pub.level = level, c->pub.n_levels = k;
    return 0;
}

int frame__finish_column(struct own_column *c, size_t rows, struct err *e) {
    for (size_t i = 0; i < rows; i++) c->pub.missing += (size_t)is_missing(cell(c, i));
    int words = set_numbers(c, rows, e);
    return words <= 0 ? words : set_levels(c, rows, e);
}

int frame_levels(const struct column **out, struct frame *f, const char *name, struct err *e) {
    TRY(frame_column(out, f, name, e));
    return (*out)->code ? 0 : set_levels((struct own_column *)*out, f->rows, e);
}

/* ---- columns made in memory ---- */

int frame__add_cell(struct own_column *c, size_t row, const char *s, size_t n) {
    c->at[row] = c->text.len;
    c->text.max = (size_t)1 << 34;
    TRY(str_add(&c->text, s, n));
    return str_add(&c->text, "", 1);
}

int frame__add_column(struct frame *f, const char *name, size_t room, struct err *e) {
    if (f->n_columns == FRAME_MAX_COLUMNS)
        return fail(e, ERR_LIMIT, "expected at most %d columns, found more", FRAME_MAX_COLUMNS);
    for (size_t i = 0; i < f->n_columns; i++)
        if (!strcmp(f->column[i].pub.name, name))
            return fail(e, ERR_FORMAT, "expected different column names, found two \"%s\"", name);
    struct own_column *c = realloc(f->column, (f->n_columns + 1) * sizeof *c);
    if (!c) return fail(e, ERR_NOMEM, "no memory for a column");
    f->column = c, c += f->n_columns;
    *c = (struct own_column){.pub.name = strdup(name), .at = calloc(room + 1, sizeof *c->at)};
    f->n_columns++;
    return c->pub.name && c->at ? 0 : fail(e, ERR_NOMEM, "no memory for a column");
}

static int add(struct frame *f, const char *name, const double *x, const char *const *word, struct err *e) {
    TRY(frame__add_column(f, name, f->rows, e));
    struct own_column *c = &f->column[f->n_columns - 1];
    char z[40] = "";
    for (size_t i = 0; i < f->rows; i++) {
        if (x) snprintf(z, sizeof z, isnan(x[i]) ? "" : "%.17g", x[i]);
        const char *s = x ? z : word[i] ? word[i] : "";
        if (x && isinf(x[i])) return fail_at(e, ERR_RANGE, f->name, -1, "expected finite numbers in \"%s\", found %s", name, s);
        if (frame__add_cell(c, i, s, strlen(s)) < 0) return fail(e, ERR_NOMEM, "no memory for a column");
    }
    return frame__finish_column(c, f->rows, e);
}

int frame_add_numbers(struct frame *f, const char *name, const double *x, struct err *e) { return add(f, name, x, NULL, e); }
int frame_add_words(struct frame *f, const char *name, const char *const *word, struct err *e) {
    return add(f, name, NULL, word, e);
}

/* ---- asking ---- */

static int no_column(const struct frame *f, const char *name, struct err *e) {
    struct str have = {.max = 240};
    for (size_t i = 0; i < f->n_columns; i++) {
        if (str_printf(&have, "%s%s", i ? ", " : "", f->column[i].pub.name) == 0) continue;
        have.max = 300, have.failed = 0;
        str_puts(&have, ", …");
        break;
    }
    int rc = fail_at(e, ERR_ARG, f->name, -1, "expected a column \"%.60s\", found %s", name, have.len ? have.s : "none");
    str_free(&have);
    return rc;
}

int frame_column(const struct column **out, const struct frame *f, const char *name, struct err *e) {
    for (size_t i = 0; i < f->n_columns; i++)
        if (!strcmp(f->column[i].pub.name, name)) return *out = &f->column[i].pub, 0;
    return no_column(f, name, e);
}

int frame_numeric(const struct column **out, const struct frame *f, const char *name, struct err *e) {
    TRY(frame_column(out, f, name, e));
    if (!(*out)->is_words) return 0;
    const struct own_column *c = (const struct own_column *)*out;
    double x;
    size_t i = 0;
    while (i < f->rows && (is_missing(cell(c, i)) || number(cell(c, i), &x))) i++;
    return fail_at(e, ERR_FORMAT, f->name, frame_line(f, i), "expected a finite number in column \"%.60s\", found \"%.60s\"",
                   name, i < f->rows ? cell(c, i) : "words");
}
