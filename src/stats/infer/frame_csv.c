/* From CSV text to a frame. libcsv takes rows apart, strictly: a stray quotation mark is an error, not a guess. The text is fed line by
 * line, which is how a row knows where it began, and how a quotation mark that never closes is stopped before it takes in the file. */
#include "stats/infer/frame_int.h"
#include <csv.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_ROW = 1 << 24 }; /* bytes */

struct reader {
    struct frame *f;
    const char *name;
    struct err *e;
    int64_t line, began; /* of the text, of the row */
    size_t cells, room;  /* fields of this row so far; rows that there is memory for */
    int has_header, row_ended, rc;
};

static int bad(struct reader *r, int code, const char *what, const char *found) {
    return fail_at(r->e, code, r->name, r->began, "%s, found %s", what, found);
}

/* ---- header ---- */

static int name_ok(struct reader *r, const char *s, size_t n) {
    if (!n) return bad(r, ERR_FORMAT, "expected a name for every column", "an empty one");
    if (n > FRAME_MAX_NAME) return bad(r, ERR_LIMIT, "expected column names of at most 200 bytes", "a longer one");
    return memchr(s, 0, n) ? bad(r, ERR_FORMAT, "expected text as column names", "a zero byte") : 0;
}

static int header_cell(struct reader *r, const char *s, size_t n) {
    TRY(name_ok(r, s, n));
    char *name = strndup(s, n);
    if (!name) return bad(r, ERR_NOMEM, "expected memory", "none");
    int rc = frame__add_column(r->f, name, 0, r->e);
    free(name);
    return err_place(r->e, rc, r->name);
}

/* ---- rows ---- */

static int grow(struct reader *r) {
    struct frame *f = r->f;
    if (f->rows < r->room) return 0;
    size_t room = r->room ? 2 * r->room : 64;
    if (f->rows >= FRAME_MAX_ROWS || room * f->n_columns > 400000000)
        return bad(r, ERR_LIMIT, "expected at most 20 million rows and 200 million cells", "more");
    int64_t *line = realloc(f->line, room * sizeof *line);
    if (line) f->line = line;
    int ok = line != NULL;
    for (size_t c = 0; c < f->n_columns && ok; c++) {
        size_t *at = realloc(f->column[c].at, (room + 1) * sizeof *at);
        if (at) f->column[c].at = at;
        ok = at != NULL;
    }
    if (!ok) return bad(r, ERR_NOMEM, "expected memory for the rows", "none");
    r->room = room;
    return 0;
}

static int row_cell(struct reader *r, const char *s, size_t n) {
    if (r->cells >= r->f->n_columns) return 0; /* counted, and refused when the row ends */
    if (n > FRAME_MAX_CELL) return bad(r, ERR_LIMIT, "expected a field of at most 65536 bytes", "a longer one");
    if (n && memchr(s, 0, n)) return bad(r, ERR_FORMAT, "expected text in the fields", "a zero byte");
    if (!r->cells) TRY(grow(r));
    return frame__add_cell(&r->f->column[r->cells], r->f->rows, s, n) < 0 ? bad(r, ERR_NOMEM, "expected memory", "none") : 0;
}

static int end_row(struct reader *r) {
    struct frame *f = r->f;
    if (!r->has_header) {
        r->has_header = 1;
        return 0;
    }
    if (r->cells != f->n_columns)
        return fail_at(r->e, ERR_FORMAT, r->name, r->began, "expected %zu fields as in the header, found %zu", f->n_columns,
                       r->cells);
    f->line[f->rows++] = r->began;
    return 0;
}

/* ---- libcsv's calls ---- */

static void on_field(void *v, size_t n, void *x) {
    struct reader *r = x;
    if (r->rc >= 0) r->rc = (r->has_header ? row_cell : header_cell)(r, n ? v : "", n);
    r->cells++;
}

static void on_row(int by, void *x) {
    struct reader *r = x;
    (void)by;
    if (r->rc >= 0) r->rc = end_row(r);
    r->cells = 0, r->row_ended = 1;
}

static int feed_line(struct reader *r, struct csv_parser *csv, const char *s, size_t n) {
    r->row_ended = 0;
    size_t done = csv_parse(csv, s, n, on_field, on_row, r);
    TRY(r->rc);
    if (done == n) return 0;
    if (csv_error(csv) != CSV_EPARSE) return bad(r, ERR_NOMEM, "expected memory for a row", "none");
    return fail_at(r->e, ERR_FORMAT, r->name, r->line,
                   "expected fields quoted as in RFC 4180, found a quotation mark within one");
}

static int feed(struct reader *r, struct csv_parser *csv, const char *s, size_t n) {
    for (size_t row = 0; n; r->line++) {
        const char *end = memchr(s, '\n', n);
        size_t len = end ? (size_t)(end - s) + 1 : n;
        if (!row) r->began = r->line;
        row += len;
        if (row > MAX_ROW)
            return bad(r, ERR_LIMIT, "expected a row of at most 16 MiB (a quotation mark that never closes?)", "more");
        TRY(feed_line(r, csv, s, len));
        if (r->row_ended || !r->cells) row = csv->quoted && !r->row_ended ? row : 0;
        s += len, n -= len;
    }
    if (csv_fini(csv, on_field, on_row, r))
        return bad(r, ERR_FORMAT, "expected a quotation mark that ends the field", "the end of the file");
    return r->rc;
}

static int parse(struct reader *r, const char *s, size_t n) {
    struct csv_parser csv;
    if (csv_init(&csv, CSV_STRICT | CSV_STRICT_FINI)) return bad(r, ERR_NOMEM, "expected memory to read a table", "none");
    csv_set_blk_size(&csv, 1 << 14);
    int rc = feed(r, &csv, s, n);
    csv_free(&csv);
    if (rc >= 0 && !r->has_header) rc = bad(r, ERR_FORMAT, "expected a header and rows", "an empty file");
    if (rc >= 0 && !r->f->rows) rc = bad(r, ERR_FORMAT, "expected rows below the header", "none");
    for (size_t c = 0; c < r->f->n_columns && rc >= 0; c++) rc = frame__finish_column(&r->f->column[c], r->f->rows, r->e);
    return rc;
}

int frame_parse(struct frame **out, const char *text, size_t n, const char *name, struct err *e) {
    struct reader r = {.name = name, .e = e, .line = 1, .began = 1};
    size_t bom = n >= 3 && !memcmp(text, "\xef\xbb\xbf", 3) ? 3 : 0;
    TRY(frame_new(&r.f, 0, name, e));
    int rc = parse(&r, text + bom, n - bom);
    if (rc < 0)
        frame_free(r.f);
    else
        *out = r.f;
    return rc < 0 ? rc : 0;
}
