/* See store.h: the writer. */
#include "base/fs.h"
#include "probe/store_int.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* One array on disk. */
struct rows_file {
    FILE *f;
    char name[STORE_NAME];
    enum fmt fmt;
    int64_t width, rows;
};
struct store_writer {
    char dir[STORE_PATH];
    FILE *lines;
    struct rows_file file[STORE_LAYERS + 1]; /* the layers, and behind them the choices */
    int n_layers;
    struct str pending; /* lines not yet written */
};

static int io(const struct store_writer *w, const char *name, const char *what, struct err *e) {
    return fail(e, ERR_IO, "%s/%s: cannot %s: %s", w->dir, name, what, strerror(errno));
}

/* ---- arrays ---- */

static size_t element(const struct rows_file *r) { return r->fmt == FMT_F32 ? sizeof(float) : sizeof(f16); }

static int rows_flush(struct store_writer *w, struct rows_file *r, struct err *e) {
    char head[STORE_HEAD];
    store__head(head, r->rows, r->width, r->fmt);
    if (fflush(r->f) || pwrite(fileno(r->f), head, STORE_HEAD, 0) != STORE_HEAD) return io(w, r->name, "write", e);
    return 0;
}

/* Opens a file and cuts it behind the rows that traces name. The head is there from the beginning: a store of no trace is one. */
static int rows_open(struct store_writer *w, struct rows_file *r, struct err *e) {
    char path[STORE_PATH];
    struct stat st;
    off_t want = STORE_HEAD + (off_t)(r->rows * r->width) * (off_t)element(r);
    TRY(path_join(path, sizeof path, w->dir, r->name, e));
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (fd < 0 || fstat(fd, &st)) return io(w, r->name, "open", e);
    r->f = fdopen(fd, "r+b");
    if (!r->f) return io(w, r->name, "open", e);
    if (r->rows && st.st_size < want)
        return fail(e, ERR_FORMAT, "%s: expected %lld bytes for the rows of its traces, found %lld", path, (long long)want,
                    (long long)st.st_size);
    if (ftruncate(fd, want) || fseeko(r->f, want, SEEK_SET)) return io(w, r->name, "cut", e);
    return rows_flush(w, r, e);
}

static int rows_put(struct store_writer *w, struct rows_file *r, const void *x, int64_t rows, struct err *e) {
    size_t n = (size_t)(rows * r->width);
    if (fwrite(x, element(r), n, r->f) != n) return io(w, r->name, "write", e);
    r->rows += rows;
    return 0;
}

/* ---- settings ---- */

static char *shown(const json_t *settings, const char *key) {
    return json_dumps(json_object_get(settings, key), JSON_ENCODE_ANY | JSON_COMPACT);
}

static int same_setting(const json_t *was, const json_t *is, const char *key, const char *dir, struct err *e) {
    if (json_equal(json_object_get(was, key), json_object_get(is, key))) return 0;
    char *a = shown(was, key), *b = shown(is, key);
    int rc = fail(e, ERR_STATE, "%s holds traces with \"%s\" %.120s, expected %.120s: use another folder", dir, key,
                  a ? a : "absent", b ? b : "absent");
    free(a), free(b);
    return rc;
}

static int same_settings(const json_t *was, const json_t *is, const char *dir, struct err *e) {
    const char *key;
    json_t *v;
    json_object_foreach((json_t *)(uintptr_t)is, key, v) TRY(same_setting(was, is, key, dir, e));
    json_object_foreach((json_t *)(uintptr_t)was, key, v) TRY(same_setting(was, is, key, dir, e));
    return 0;
}

static int settings_save(const char *dir, const json_t *settings, struct err *e) {
    char path[STORE_PATH];
    struct file_out o;
    TRY(path_join(path, sizeof path, dir, "store.json", e));
    TRY(file_out_open(&o, path, e));
    if (json_dumpf(settings, o.f, JSON_INDENT(1)) || fputc('\n', o.f) == EOF) {
        file_out_abort(&o);
        return fail_at(e, ERR_IO, path, -1, "cannot write: %s", strerror(errno));
    }
    return file_out_commit(&o, e);
}

static int folder(const char *dir, const json_t *settings, struct err *e) {
    char path[STORE_PATH];
    json_t *was;
    if (mkdir(dir, 0777) && errno != EEXIST) return fail(e, ERR_IO, "%s: cannot make the folder: %s", dir, strerror(errno));
    TRY(path_join(path, sizeof path, dir, "store.json", e));
    if (!file_exists(path)) return settings_save(dir, settings, e);
    TRY(store__settings(&was, dir, e));
    int rc = same_settings(was, settings, dir, e);
    json_decref(was);
    return rc;
}

/* ---- lines ---- */

static json_int_t integer(const json_t *j, const char *key) { return json_integer_value(json_object_get(j, key)); }

/* How many rows a trace's line says that there are. */
static int count_rows(struct store_writer *w, const json_t *j, const struct store_lines *l, struct err *e) {
    struct rows_file *choices = &w->file[w->n_layers];
    json_int_t row0 = integer(j, "row0"), rows = integer(j, "rows"), choice0 = integer(j, "choice0");
    json_int_t n = (json_int_t)json_array_size(json_object_get(json_object_get(j, "question"), "choices"));
    if (row0 < 0 || rows < 0 || choice0 < -1 || row0 > INT64_MAX / 2 || rows > INT32_MAX || choice0 > INT64_MAX / 2)
        return fail_at(e, ERR_FORMAT, l->path, l->line, "trace: expected \"row0\", \"rows\" and \"choice0\" in range");
    for (int i = 0; i < w->n_layers; i++)
        if (row0 + rows > w->file[i].rows) w->file[i].rows = row0 + rows;
    if (choice0 >= 0 && choice0 + n > choices->rows) choices->rows = choice0 + n;
    return 0;
}

/* Goes through the lines that are there: how many traces, how many rows; *bytes: of the whole lines. */
static int lines_count(struct store_writer *w, const char *path, int64_t *done, int64_t *bytes, struct err *e) {
    struct store_lines l;
    json_t *j;
    int rc;
    *done = *bytes = 0;
    if (!file_exists(path)) return 0;
    TRY(store__lines_open(&l, path, e));
    while ((rc = store__next(&l, &j, e)) > 0) {
        rc = count_rows(w, j, &l, e);
        json_decref(j);
        if (rc < 0) break;
    }
    *done = l.line, *bytes = l.done;
    store__lines_close(&l);
    return rc;
}

/* Opens the lines behind the last whole one; a torn one is cut off. */
static int lines_resume(struct store_writer *w, int64_t *done, struct err *e) {
    char path[STORE_PATH];
    int64_t bytes;
    TRY(path_join(path, sizeof path, w->dir, "traces.jsonl", e));
    TRY(lines_count(w, path, done, &bytes, e));
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    w->lines = fd < 0 ? NULL : fdopen(fd, "r+b");
    if (!w->lines || ftruncate(fd, (off_t)bytes) || fseeko(w->lines, (off_t)bytes, SEEK_SET))
        return io(w, "traces.jsonl", "open", e);
    return 0;
}

/* ---- all of it ---- */

static void name_files(struct store_writer *w, const struct store_rows *r) {
    w->n_layers = r->n_layers;
    for (int i = 0; i < r->n_layers; i++) {
        w->file[i] = (struct rows_file){.width = r->numbers ? r->numbers : r->width, .fmt = r->numbers ? FMT_F32 : FMT_F16};
        store__name(w->file[i].name, r->tap, r->layer[i], r->numbers);
    }
    w->file[r->n_layers] = (struct rows_file){.name = "choices.npy", .width = r->choice_width, .fmt = FMT_F16};
}

int store_create(struct store_writer **out, const char *dir, const json_t *settings, const struct store_rows *r, int64_t *done,
                 struct err *e) {
    if (r->n_layers > STORE_LAYERS) return fail(e, ERR_LIMIT, "expected at most %d layers, found %d", STORE_LAYERS, r->n_layers);
    TRY(folder(dir, settings, e));
    struct store_writer *w = calloc(1, sizeof *w);
    if (!w) return fail(e, ERR_NOMEM, "out of memory for a trace store");
    snprintf(w->dir, sizeof w->dir, "%s", dir);
    name_files(w, r);
    int rc = lines_resume(w, done, e);
    for (int i = 0; !rc && i < r->n_layers + (r->choice_width > 0); i++) rc = rows_open(w, &w->file[i], e);
    if (rc < 0)
        store_writer_free(w);
    else
        *out = w;
    return rc;
}

int store_add(struct store_writer *w, struct trace *t, const void *const *x, const f16 *choices, struct err *e) {
    struct rows_file *c = &w->file[w->n_layers];
    int has = t->rows && t->q.n_choices && c->width;
    t->row0 = w->file[0].rows, t->choice0 = has ? c->rows : -1;
    for (int i = 0; i < w->n_layers && t->rows; i++) TRY(rows_put(w, &w->file[i], x[i], t->rows, e));
    if (has) TRY(rows_put(w, c, choices, t->q.n_choices, e));
    json_t *j = trace_json(t);
    char *s = json_dumps(j, JSON_COMPACT | JSON_REAL_PRECISION(9));
    json_decref(j);
    if (!s || str_puts(&w->pending, s) < 0 || str_puts(&w->pending, "\n") < 0) {
        free(s);
        return fail(e, ERR_NOMEM, "out of memory for a trace");
    }
    free(s);
    return 0;
}

int store_flush(struct store_writer *w, struct err *e) {
    for (int i = 0; i <= w->n_layers; i++)
        if (w->file[i].f) TRY(rows_flush(w, &w->file[i], e));
    size_t n = w->pending.len;
    if (n && (fwrite(w->pending.s, 1, n, w->lines) != n || fflush(w->lines))) return io(w, "traces.jsonl", "write", e);
    str_clear(&w->pending);
    return 0;
}

void store_writer_free(struct store_writer *w) {
    if (!w) return;
    if (w->lines) fclose(w->lines);
    for (int i = 0; i <= w->n_layers; i++)
        if (w->file[i].f) fclose(w->file[i].f);
    str_free(&w->pending);
    free(w);
}
