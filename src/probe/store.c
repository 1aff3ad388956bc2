/* See store.h. A .npy header is written with room for any number of rows, so that it can be set anew as rows come. */
#include "probe/store.h"
#include "base/fs.h"
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { HEAD = 128, PATH = 4096 };

struct store_writer {
    char dir[PATH];
    FILE *lines;
    /* one file a layer, and behind them that of the choices */
    FILE *file[STORE_LAYERS + 1];
    char name[STORE_LAYERS + 1][64];
    int n_layers;
    int64_t width[STORE_LAYERS + 1], rows[STORE_LAYERS + 1];
    struct str pending; /* lines not yet written */
};

/* ---- .npy ---- */

static void header(char out[HEAD], int64_t rows, int64_t width) {
    memset(out, ' ', HEAD);
    memcpy(out, "\x93NUMPY\x01\x00", 8);
    out[8] = HEAD - 10, out[9] = 0;
    int n = snprintf(out + 10, HEAD - 10, "{'descr': '<f2', 'fortran_order': False, 'shape': (%" PRId64 ", %" PRId64 "), }", rows,
                     width);
    out[10 + n] = ' ';
    out[HEAD - 1] = '\n';
}

static void layer_name(char out[64], const char *tap, int layer) {
    if (layer < 0)
        snprintf(out, 64, "embeddings.npy");
    else
        snprintf(out, 64, "%.40s.L%02d.npy", tap, layer);
}

static int io(const struct store_writer *w, const char *name, const char *what, struct err *e) {
    return fail(e, ERR_IO, "%s/%s: cannot %s: %s", w->dir, name, what, strerror(errno));
}

static int layer_flush(struct store_writer *w, int i, struct err *e) {
    char head[HEAD];
    header(head, w->rows[i], w->width[i]);
    if (fflush(w->file[i]) || pwrite(fileno(w->file[i]), head, HEAD, 0) != HEAD) return io(w, w->name[i], "write", e);
    return 0;
}

/* Opens a layer's file and cuts it behind the rows that traces name. The header is there from the beginning: a store of no trace is one. */
static int layer_open(struct store_writer *w, int i, struct err *e) {
    char path[PATH];
    struct stat st;
    off_t want = HEAD + (off_t)(w->rows[i] * w->width[i]) * 2;
    TRY(path_join(path, sizeof path, w->dir, w->name[i], e));
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (fd < 0 || fstat(fd, &st)) return io(w, w->name[i], "open", e);
    w->file[i] = fdopen(fd, "r+b");
    if (!w->file[i]) return io(w, w->name[i], "open", e);
    if (w->rows[i] && st.st_size < want)
        return fail(e, ERR_FORMAT, "%s: expected %lld bytes for the states of its traces, found %lld", path, (long long)want,
                    (long long)st.st_size);
    if (ftruncate(fd, want) || fseeko(w->file[i], want, SEEK_SET)) return io(w, w->name[i], "cut", e);
    return layer_flush(w, i, e);
}

/* ---- lines ---- */

struct lines {
    char *text;
    size_t n, at;
    int64_t line;
    const char *path;
};

/* The next whole line as JSON; 0 at the end (a torn last line is the end: *at stays before it). */
static int next(struct lines *l, json_t **out, struct err *e) {
    const char *end = l->at < l->n ? memchr(l->text + l->at, '\n', l->n - l->at) : NULL;
    json_error_t je;
    if (!end) return 0;
    l->line++;
    *out = json_loadb(l->text + l->at, (size_t)(end - l->text) - l->at, 0, &je);
    if (!*out) return fail_at(e, ERR_FORMAT, l->path, l->line, "expected a trace as JSON, found: %s", je.text);
    l->at = (size_t)(end - l->text) + 1;
    return 1;
}

/* ---- settings ---- */

static int same_settings(const json_t *a, const json_t *b, const char *dir, struct err *e) {
    const char *key;
    json_t *v;
    json_object_foreach((json_t *)(uintptr_t)b, key, v) if (!json_equal(v, json_object_get(a, key))) {
        char *was = json_dumps(json_object_get(a, key), JSON_ENCODE_ANY | JSON_COMPACT),
             *is = json_dumps(v, JSON_ENCODE_ANY | JSON_COMPACT);
        int rc = fail(e, ERR_STATE, "%s holds traces with \"%s\" %.120s, expected %.120s: use another folder", dir, key,
                      was ? was : "absent", is ? is : "?");
        free(was), free(is);
        return rc;
    }
    return 0;
}

static int settings_load(json_t **out, const char *dir, struct err *e) {
    char path[PATH], *text;
    size_t n;
    json_error_t je;
    TRY(path_join(path, sizeof path, dir, "store.json", e));
    TRY(file_read(&text, &n, path, 1 << 20, e));
    *out = json_loadb(text, n, 0, &je);
    free(text);
    if (!json_is_object(*out))
        return fail_at(e, ERR_FORMAT, path, je.line, "expected the settings of a trace store, found: %s", je.text);
    return 0;
}

static int settings_save(const char *dir, const json_t *settings, struct err *e) {
    char path[PATH];
    struct file_out o;
    TRY(path_join(path, sizeof path, dir, "store.json", e));
    TRY(file_out_open(&o, path, e));
    if (json_dumpf(settings, o.f, JSON_INDENT(1)) || fputc('\n', o.f) == EOF) {
        file_out_abort(&o);
        return fail_at(e, ERR_IO, path, -1, "cannot write: %s", strerror(errno));
    }
    return file_out_commit(&o, e);
}

/* ---- writer ---- */

/* Goes through the lines that are there: how many traces, how many rows. Cuts a torn last line off. */
static int lines_resume(struct store_writer *w, int64_t *done, struct err *e) {
    char path[PATH];
    struct lines l = {.path = path};
    json_t *j;
    int rc;
    TRY(path_join(path, sizeof path, w->dir, "traces.jsonl", e));
    if (file_exists(path)) TRY(file_read(&l.text, &l.n, path, (size_t)16 << 30, e));
    *done = 0;
    int64_t rows = 0, choices = 0;
    while ((rc = next(&l, &j, e)) > 0) {
        int64_t end = json_integer_value(json_object_get(j, "row0")) + json_integer_value(json_object_get(j, "rows"));
        int64_t last = json_integer_value(json_object_get(j, "choice0")) +
                       (int64_t)json_array_size(json_object_get(json_object_get(j, "question"), "choices"));
        int has = json_integer_value(json_object_get(j, "choice0")) >= 0;
        json_decref(j);
        ++*done, rows = end > rows ? end : rows;
        if (has && last > choices) choices = last;
    }
    for (int i = 0; i < w->n_layers; i++) w->rows[i] = rows;
    w->rows[w->n_layers] = choices;
    free(l.text);
    TRY(rc);
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    w->lines = fd < 0 ? NULL : fdopen(fd, "r+b");
    if (!w->lines || ftruncate(fd, (off_t)l.at) || fseeko(w->lines, (off_t)l.at, SEEK_SET))
        return io(w, "traces.jsonl", "open", e);
    return 0;
}

static int folder(const char *dir, const json_t *settings, struct err *e) {
    char path[PATH];
    json_t *was;
    if (mkdir(dir, 0777) && errno != EEXIST) return fail(e, ERR_IO, "%s: cannot make the folder: %s", dir, strerror(errno));
    TRY(path_join(path, sizeof path, dir, "store.json", e));
    if (!file_exists(path)) return settings_save(dir, settings, e);
    TRY(settings_load(&was, dir, e));
    int rc = same_settings(was, settings, dir, e);
    json_decref(was);
    return rc;
}

int store_create(struct store_writer **out, const char *dir, const json_t *settings, const char *tap, const int *layer,
                 int n_layers, int64_t width, int64_t choice_width, int64_t *done, struct err *e) {
    if (n_layers > STORE_LAYERS) return fail(e, ERR_LIMIT, "expected at most %d layers, found %d", STORE_LAYERS, n_layers);
    TRY(folder(dir, settings, e));
    struct store_writer *w = calloc(1, sizeof *w);
    if (!w) return fail(e, ERR_NOMEM, "out of memory for a trace store");
    snprintf(w->dir, sizeof w->dir, "%s", dir);
    w->n_layers = n_layers, w->width[n_layers] = choice_width;
    for (int i = 0; i < n_layers; i++) layer_name(w->name[i], tap, layer[i]), w->width[i] = width;
    snprintf(w->name[n_layers], sizeof w->name[0], "choices.npy");
    int rc = lines_resume(w, done, e);
    for (int i = 0; !rc && i <= n_layers; i++) rc = layer_open(w, i, e);
    if (rc < 0)
        store_writer_free(w);
    else
        *out = w;
    return rc;
}

static int put_rows(struct store_writer *w, int i, const f16 *x, int64_t rows, struct err *e) {
    size_t n = (size_t)(rows * w->width[i]);
    if (fwrite(x, 2, n, w->file[i]) != n) return io(w, w->name[i], "write", e);
    w->rows[i] += rows;
    return 0;
}

int store_add(struct store_writer *w, struct trace *t, const f16 *const *x, const f16 *choices, struct err *e) {
    int has = t->rows && t->q.n_choices && w->width[w->n_layers];
    t->row0 = w->rows[0], t->choice0 = has ? w->rows[w->n_layers] : -1;
    for (int i = 0; i < w->n_layers && t->rows; i++) TRY(put_rows(w, i, x[i], t->rows, e));
    if (has) TRY(put_rows(w, w->n_layers, choices, t->q.n_choices, e));
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
    for (int i = 0; i <= w->n_layers; i++) TRY(layer_flush(w, i, e));
    size_t n = w->pending.len;
    if (n && (fwrite(w->pending.s, 1, n, w->lines) != n || fflush(w->lines))) return io(w, "traces.jsonl", "write", e);
    str_clear(&w->pending);
    return 0;
}

void store_writer_free(struct store_writer *w) {
    if (!w) return;
    if (w->lines) fclose(w->lines);
    for (int i = 0; i <= w->n_layers; i++)
        if (w->file[i]) fclose(w->file[i]);
    str_free(&w->pending);
    free(w);
}

/* ---- reader ---- */

struct store {
    char dir[PATH];
    json_t *settings;
    struct trace *t;
    int64_t n, cap, width, rows, choice_width, choices;
    int layer[STORE_LAYERS], n_layers;
    struct map map[STORE_LAYERS + 1]; /* the last one: choices */
};

static int read_settings(struct store *s, struct err *e) {
    TRY(settings_load(&s->settings, s->dir, e));
    const json_t *layers = json_object_get(s->settings, "layers"), *width = json_object_get(s->settings, "width");
    size_t n = json_array_size(layers);
    if (!json_is_array(layers) || !n || n > STORE_LAYERS || !json_is_integer(width) || json_integer_value(width) < 1 ||
        json_integer_value(width) > 1 << 20)
        return fail_at(e, ERR_FORMAT, s->dir, -1, "store.json: expected \"layers\" and \"width\" of a trace store");
    s->width = json_integer_value(width), s->n_layers = (int)n;
    s->choice_width = json_integer_value(json_object_get(s->settings, "choice_width"));
    if (s->choice_width < 0 || s->choice_width > 1 << 22)
        return fail_at(e, ERR_FORMAT, s->dir, -1, "store.json: expected \"choice_width\" of a trace store");
    for (size_t i = 0; i < n; i++) s->layer[i] = (int)json_integer_value(json_array_get(layers, i));
    return 0;
}

static int read_trace(struct store *s, const json_t *j, const char *path, int64_t line, struct err *e) {
    if (s->n == s->cap) {
        int64_t cap = s->cap ? 2 * s->cap : 256;
        struct trace *t = realloc(s->t, (size_t)cap * sizeof *t);
        if (!t) return fail(e, ERR_NOMEM, "out of memory for %lld traces", (long long)cap);
        s->t = t, s->cap = cap;
    }
    TRY(trace_read(&s->t[s->n], j, path, line, e));
    struct trace *t = &s->t[s->n++];
    if (t->row0 + t->rows > s->rows) s->rows = t->row0 + t->rows;
    if (t->choice0 >= 0 && t->choice0 + t->q.n_choices > s->choices) s->choices = t->choice0 + t->q.n_choices;
    return 0;
}

static int read_traces(struct store *s, struct err *e) {
    char path[PATH];
    struct lines l = {.path = path};
    json_t *j;
    int rc;
    TRY(path_join(path, sizeof path, s->dir, "traces.jsonl", e));
    TRY(file_read(&l.text, &l.n, path, (size_t)16 << 30, e));
    while ((rc = next(&l, &j, e)) > 0) {
        rc = read_trace(s, j, path, l.line, e);
        json_decref(j);
        if (rc < 0) break;
    }
    free(l.text);
    return rc;
}

static int map_rows(struct store *s, int i, const char *name, int64_t rows, int64_t width, struct err *e) {
    char path[PATH], head[HEAD];
    TRY(path_join(path, sizeof path, s->dir, name, e));
    TRY(map_open(&s->map[i], path, e));
    size_t want = HEAD + (size_t)(rows * width) * 2;
    header(head, rows, width);
    if (s->map[i].size < want || memcmp(s->map[i].data, head, 10) != 0)
        return fail_at(e, ERR_FORMAT, path, (int64_t)s->map[i].size,
                       "expected float16 states of %lld rows of %lld, found %lld bytes", (long long)rows, (long long)width,
                       (long long)s->map[i].size);
    return 0;
}

static int map_all(struct store *s, struct err *e) {
    char name[64];
    for (int i = 0; i < s->n_layers; i++) {
        layer_name(name, store_setting(s, "tap"), s->layer[i]);
        TRY(map_rows(s, i, name, s->rows, s->width, e));
    }
    return s->choice_width ? map_rows(s, s->n_layers, "choices.npy", s->choices, s->choice_width, e) : 0;
}

int store_open(struct store **out, const char *dir, struct err *e) {
    struct store *s = calloc(1, sizeof *s);
    if (!s) return fail(e, ERR_NOMEM, "out of memory for a trace store");
    snprintf(s->dir, sizeof s->dir, "%s", dir);
    int rc = read_settings(s, e);
    if (!rc) rc = read_traces(s, e);
    if (!rc) rc = map_all(s, e);
    if (rc < 0)
        store_free(s);
    else
        *out = s;
    return rc;
}

void store_free(struct store *s) {
    if (!s) return;
    for (int64_t i = 0; i < s->n; i++) trace_fini(&s->t[i]);
    for (int i = 0; i <= s->n_layers; i++) map_close(&s->map[i]);
    json_decref(s->settings);
    free(s->t), free(s);
}

const json_t *store_settings(const struct store *s) { return s->settings; }
const char *store_setting(const struct store *s, const char *key) {
    const char *v = json_string_value(json_object_get(s->settings, key));
    return v ? v : "";
}
const char *store_dir(const struct store *s) { return s->dir; }
int64_t store_n(const struct store *s) { return s->n; }
const struct trace *store_trace(const struct store *s, int64_t i) { return &s->t[i]; }
int store_n_layers(const struct store *s) { return s->n_layers; }
int store_layer(const struct store *s, int at) { return s->layer[at]; }
int store_layer_find(const struct store *s, int layer) {
    for (int i = 0; i < s->n_layers; i++)
        if (s->layer[i] == layer) return i;
    return -1;
}
int64_t store_width(const struct store *s) { return s->width; }
const f16 *store_states(const struct store *s, int at) { return (const f16 *)(s->map[at].data + HEAD); }
int64_t store_choice_width(const struct store *s) { return s->choice_width; }
const f16 *store_choices(const struct store *s) { return (const f16 *)(s->map[s->n_layers].data + HEAD); }
