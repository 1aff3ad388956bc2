/* See store.h: the reader. */
#include "base/fs.h"
#include "probe/store_int.h"
#include <stdlib.h>
#include <string.h>

struct store {
    char dir[STORE_PATH];
    json_t *settings;
    struct trace *t;
    int64_t n, cap, width, rows, choice_width, choices;
    int layer[STORE_LAYERS], n_layers, numbers;
    struct map map[STORE_LAYERS + 1]; /* the last one: choices */
};

/* A whole number of the settings, 0 where it is absent. */
static int size_of(const struct store *s, const char *key, int64_t lo, int64_t hi, int64_t *out, struct err *e) {
    const json_t *v = json_object_get(s->settings, key);
    *out = json_integer_value(v);
    if ((!v || json_is_integer(v)) && *out >= lo && *out <= hi) return 0;
    return fail_at(e, ERR_FORMAT, s->dir, -1, "store.json: expected \"%s\" of a trace store from %lld to %lld", key,
                   (long long)lo, (long long)hi);
}

static int read_settings(struct store *s, struct err *e) {
    int64_t numbers;
    TRY(store__settings(&s->settings, s->dir, e));
    const json_t *layers = json_object_get(s->settings, "layers");
    size_t n = json_array_size(layers);
    if (!json_is_array(layers) || !n || n > STORE_LAYERS)
        return fail_at(e, ERR_FORMAT, s->dir, -1, "store.json: expected \"layers\" of a trace store");
    TRY(size_of(s, "width", 1, 1 << 20, &s->width, e));
    TRY(size_of(s, "choice_width", 0, 1 << 22, &s->choice_width, e));
    TRY(size_of(s, "numbers", 0, STORE_NUMBERS, &numbers, e));
    s->n_layers = (int)n, s->numbers = (int)numbers;
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
    char path[STORE_PATH];
    struct store_lines l;
    json_t *j;
    int rc;
    TRY(path_join(path, sizeof path, s->dir, "traces.jsonl", e));
    TRY(store__lines_open(&l, path, e));
    while ((rc = store__next(&l, &j, e)) > 0) {
        rc = read_trace(s, j, path, l.line, e);
        json_decref(j);
        if (rc < 0) break;
    }
    store__lines_close(&l);
    return rc;
}

static int map_rows(struct store *s, int i, const char *name, int64_t rows, int64_t width, enum fmt fmt, struct err *e) {
    char path[STORE_PATH], head[STORE_HEAD];
    int64_t bytes = fmt == FMT_F32 ? 4 : 2;
    TRY(path_join(path, sizeof path, s->dir, name, e));
    TRY(map_open(&s->map[i], path, e));
    store__head(head, rows, width, fmt);
    if (rows > (INT64_MAX - STORE_HEAD) / bytes / width || s->map[i].size < STORE_HEAD + (size_t)(rows * width * bytes) ||
        memcmp(s->map[i].data, head, 10) != 0)
        return fail_at(e, ERR_FORMAT, path, (int64_t)s->map[i].size, "expected %s of %lld rows of %lld, found %lld bytes",
                       fmt == FMT_F32 ? "float32 readings" : "float16 states", (long long)rows, (long long)width,
                       (long long)s->map[i].size);
    return 0;
}

static int map_all(struct store *s, struct err *e) {
    char name[STORE_NAME];
    for (int i = 0; i < s->n_layers; i++) {
        store__name(name, store_setting(s, "tap"), s->layer[i], s->numbers);
        TRY(map_rows(s, i, name, s->rows, s->numbers ? s->numbers : s->width, s->numbers ? FMT_F32 : FMT_F16, e));
    }
    return s->choice_width ? map_rows(s, s->n_layers, "choices.npy", s->choices, s->choice_width, FMT_F16, e) : 0;
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

static const void *rows_of(const struct store *s, int i) { return s->map[i].data + STORE_HEAD; }

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
const f16 *store_states(const struct store *s, int at) { return s->numbers ? NULL : rows_of(s, at); }
int store_numbers(const struct store *s) { return s->numbers; }
const float *store_readings(const struct store *s, int at) { return s->numbers ? rows_of(s, at) : NULL; }
int64_t store_choice_width(const struct store *s) { return s->choice_width; }
const f16 *store_choices(const struct store *s) { return rows_of(s, s->n_layers); }
