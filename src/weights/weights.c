/* The face of the room: which source a path is, opening and closing, and the questions about metadata.
 *
 * Values keep the bytes of their file; a getter turns them into the caller's type or says which type it found. There is one
 * conversion per direction (num_i64, num_f64), used for scalars and for elements of arrays alike. */
#include "weights/weights_int.h"
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* ---- open and close ---- */

static char *dir_of(const char *path) {
    const char *cut = strrchr(path, '/');
    if (dir_exists(path)) return strdup(path);
    if (!cut) return strdup(".");
    return strndup(path, cut == path ? 1 : (size_t)(cut - path));
}

int weights__new(struct weights **out, enum weights_kind kind, const char *path, struct err *e) {
    struct weights *w = calloc(1, sizeof *w);
    if (w) {
        w->kind = kind;
        w->path = strdup(path);
        w->dir = dir_of(path);
    }
    if (!w || !w->path || !w->dir) {
        weights_close(w);
        return fail_at(e, ERR_NOMEM, path, -1, "out of memory");
    }
    *out = w;
    return 0;
}

static int map_add(struct weights *w, struct map m, const char *path, struct err *e) {
    TRY(weights__room(&w->maps, &w->cap_maps, w->n_maps, sizeof *w->maps, e));
    TRY(weights__room(&w->map_paths, &w->cap_paths, w->n_maps, sizeof *w->map_paths, e));
    char *copy = strdup(path);
    if (!copy) return fail_at(e, ERR_NOMEM, path, -1, "out of memory");
    w->map_paths[w->n_maps] = copy;
    w->maps[w->n_maps++] = m;
    return 0;
}

int weights__map(struct weights *w, const char *path, struct err *e) {
    struct map m;
    TRY(map_open(&m, path, e));
    int rc = map_add(w, m, path, e);
    if (rc < 0) map_close(&m);
    return rc;
}

void weights_close(struct weights *w) {
    if (!w) return;
    for (int64_t i = 0; i < w->n_kv; i++) {
        struct kv *k = &w->kv[i];
        free(k->key), free(k->text), free(k->ends), free(k->owned);
    }
    for (int64_t i = 0; i < w->n_tensors; i++) free((void *)(uintptr_t)w->tensors[i].name);
    for (int64_t i = 0; i < w->n_copies; i++) free(w->copies[i]);
    for (int64_t i = w->borrowed; i < w->n_maps; i++) map_close(&w->maps[i]);
    for (int64_t i = 0; i < w->n_maps; i++) free(w->map_paths[i]);
    free(w->kv_names.slot), free(w->tensor_names.slot);
    free(w->kv), free(w->tensors), free(w->copies), free(w->maps), free(w->map_paths);
    free(w->path), free(w->dir), free(w->config);
    free(w);
}

static int ends_with(const char *s, const char *end) {
    size_t n = strlen(s), k = strlen(end);
    return n >= k && strcmp(s + n - k, end) == 0;
}

static int load_config(struct weights *w, struct err *e) {
    char path[4096], *text;
    size_t n;
    TRY(path_join(path, sizeof path, w->dir, "config.json", e));
    if (!file_exists(path)) return 0;
    TRY(file_read_beside(&text, &n, path, HF_MAX_CONFIG, e));
    int rc = hf__config(w, text, n, path, e);
    free(text);
    return rc;
}

/* Also what is neither: the reader of GGUF says what it expected and what it found. */
static int looks_like_gguf(const char *path, const struct map *m) {
    if (m->size >= 4 && memcmp(m->data, "GGUF", 4) == 0) return 1;
    if (ends_with(path, ".safetensors")) return 0;
    return ends_with(path, ".gguf") || m->size < 9 || m->data[8] != '{';
}

static int load_file(struct weights *w, struct err *e) {
    TRY(weights__map(w, w->path, e));
    w->kind = looks_like_gguf(w->path, &w->maps[0]) ? WEIGHTS_GGUF : WEIGHTS_SAFETENSORS;
    if (w->kind == WEIGHTS_GGUF) return gguf__load_model(w, e);
    TRY(st__load_file(w, e));
    return load_config(w, e);
}

static int load_index(struct weights *w, const char *path, struct err *e) {
    TRY(st__load_index(w, path, e));
    return load_config(w, e);
}

static int load_dir(struct weights *w, struct err *e) {
    char one[4096], index[4096], torch[4096];
    TRY(path_join(one, sizeof one, w->dir, "model.safetensors", e));
    TRY(path_join(index, sizeof index, w->dir, "model.safetensors.index.json", e));
    TRY(path_join(torch, sizeof torch, w->dir, "pytorch_model.bin", e));
    if (file_exists(one)) {
        TRY(weights__map(w, one, e));
        TRY(st__load_file(w, e));
        return load_config(w, e);
    }
    if (file_exists(index)) return load_index(w, index, e);
    return fail_at(e, file_exists(torch) ? ERR_UNSUPPORTED : ERR_IO, w->path, -1,
                   "expected model.safetensors or model.safetensors.index.json in the folder, found %s",
                   file_exists(torch) ? "pytorch_model.bin, which is a program and is not read" : "neither");
}

static int load(struct weights *w, struct err *e) {
    if (dir_exists(w->path)) return load_dir(w, e);
    if (ends_with(w->path, ".safetensors.index.json")) return load_index(w, w->path, e);
    return load_file(w, e);
}

int weights_open(struct weights **out, const char *path, struct err *e) {
    struct weights *w;
    TRY(weights__new(&w, WEIGHTS_SAFETENSORS, path, e));
    int rc = err_place(e, load(w, e), path);
    if (rc < 0)
        weights_close(w);
    else
        *out = w;
    return rc;
}

typedef int (*load_fn)(struct weights *w, struct err *e);

static int open_bytes(struct weights **out, enum weights_kind kind, load_fn fn, const struct map *m, int64_t n, const char *name,
                      struct err *e) {
    struct weights *w;
    int rc = 0;
    TRY(weights__new(&w, kind, name, e));
    w->borrowed = n;
    for (int64_t i = 0; i < n && rc == 0; i++) rc = map_add(w, m[i], name, e);
    if (rc == 0) rc = err_place(e, fn(w, e), name);
    if (rc < 0)
        weights_close(w);
    else
        *out = w;
    return rc;
}

int gguf__open_bytes(struct weights **out, const void *bytes, size_t n, const char *name, struct err *e) {
    return gguf__open_parts(out, &(struct map){bytes, n}, 1, name, e);
}

int gguf__open_parts(struct weights **out, const struct map *parts, int64_t n, const char *name, struct err *e) {
    return open_bytes(out, WEIGHTS_GGUF, gguf__load_model, parts, n, name, e);
}

int st__open_bytes(struct weights **out, const void *bytes, size_t n, const char *name, struct err *e) {
    return open_bytes(out, WEIGHTS_SAFETENSORS, st__load_file, &(struct map){bytes, n}, 1, name, e);
}

static int config_load(struct weights *w, struct err *e) {
    return hf__config(w, (const char *)w->maps[0].data, w->maps[0].size, w->path, e);
}

int hf__open_bytes(struct weights **out, const void *json, size_t n, const char *name, struct err *e) {
    return open_bytes(out, WEIGHTS_SAFETENSORS, config_load, &(struct map){json, n}, 1, name, e);
}

/* ---- plain facts ---- */

enum weights_kind weights_kind(const struct weights *w) { return w->kind; }
const char *weights_path(const struct weights *w) { return w->path; }
const char *weights_dir(const struct weights *w) { return w->dir; }
int weights_version(const struct weights *w) { return w->version; }
int64_t weights_n_tensors(const struct weights *w) { return w->n_tensors; }
int64_t meta_count(const struct weights *w) { return w->n_kv; }

uint64_t weights_bytes(const struct weights *w) {
    uint64_t n = 0;
    for (int64_t i = 0; i < w->n_maps; i++) n += w->maps[i].size;
    return n;
}

int64_t weights_n_files(const struct weights *w) { return w->n_maps; }

const char *weights_file(const struct weights *w, int64_t i, uint64_t *bytes) {
    if (i < 0 || i >= w->n_maps) return NULL;
    if (bytes) *bytes = w->maps[i].size;
    return w->map_paths[i];
}

static int same_file(const char *path, const struct stat *out) {
    struct stat in;
    return path && stat(path, &in) == 0 && in.st_dev == out->st_dev && in.st_ino == out->st_ino;
}

int weights_is_file(const struct weights *w, const char *path) {
    struct stat out;
    if (stat(path, &out) != 0) return 0;
    for (int64_t i = 0; i < w->n_maps; i++)
        if (same_file(w->map_paths[i], &out)) return 1;
    return same_file(w->config, &out);
}

const struct tensor *weights_tensor_at(const struct weights *w, int64_t i) {
    return i < 0 || i >= w->n_tensors ? NULL : &w->tensors[i];
}

/* ---- numbers ---- */

#define LOAD(T)                    \
    do {                           \
        T v_;                      \
        memcpy(&v_, p, sizeof v_); \
        return v_;                 \
    } while (0)

static int64_t load_signed(uint32_t type, const unsigned char *p) {
    switch (type) {
    case GGUF_I8: LOAD(int8_t);
    case GGUF_I16: LOAD(int16_t);
    case GGUF_I32: LOAD(int32_t);
    default: LOAD(int64_t);
    }
}

static uint64_t load_unsigned(uint32_t type, const unsigned char *p) {
    switch (type) {
    case GGUF_BOOL:
    case GGUF_U8: return *p;
    case GGUF_U16: LOAD(uint16_t);
    case GGUF_U32: LOAD(uint32_t);
    default: LOAD(uint64_t);
    }
}

static double load_real(uint32_t type, const unsigned char *p) {
    if (type == GGUF_F32) LOAD(float);
    LOAD(double);
}

/* What a number of a key is read as: the place for errors, and where the number lies. */
struct num {
    const struct weights *w;
    const struct kv *k;
    uint32_t type;
    const unsigned char *p;
};

static int fail_kv(const struct weights *w, const struct kv *k, int code, const char *expected, const char *found,
                   struct err *e) {
    const char *where = k->body && w->n_maps ? w->map_paths[0] : k->body || !w->config ? w->path : w->config;
    return fail_at(e, code, where, k->at, "key %.100s: expected %s, found %s", k->key, expected, found);
}

static int fail_num(const struct num *x, const char *expected, struct err *e) {
    return fail_kv(x->w, x->k, ERR_FORMAT, expected, gguf__types[x->type].name, e);
}

static int num_i64(const struct num *x, int64_t *out, struct err *e) {
    char found[32];
    enum meta_type m = gguf__types[x->type].meta;
    if (m != META_I64 && m != META_U64) return fail_num(x, "an integer", e);
    if (m == META_I64) {
        *out = load_signed(x->type, x->p);
        return 1;
    }
    uint64_t u = load_unsigned(x->type, x->p);
    snprintf(found, sizeof found, "%" PRIu64, u);
    if (u > INT64_MAX) return fail_kv(x->w, x->k, ERR_RANGE, "an integer below 2^63", found, e);
    *out = (int64_t)u;
    return 1;
}

static int num_f64(const struct num *x, double *out, struct err *e) {
    switch (gguf__types[x->type].meta) {
    case META_U64: *out = (double)load_unsigned(x->type, x->p); return 1;
    case META_I64: *out = (double)load_signed(x->type, x->p); return 1;
    case META_F64: *out = load_real(x->type, x->p); return 1;
    default: return fail_num(x, "a number", e);
    }
}

/* ---- scalars ---- */

/* String i of a key; a scalar string is the first of one. */
static struct meta_str text_at(const struct kv *k, uint64_t i) {
    uint64_t begin = i ? k->ends[i - 1] + 1 : 0;
    return (struct meta_str){k->text + begin, (size_t)(k->ends[i] - begin)};
}

static void value_of(const struct kv *k, struct meta_value *v) {
    *v = (struct meta_value){.type = gguf__types[k->type].meta};
    switch (v->type) {
    case META_U64: v->v.u = load_unsigned(k->type, k->raw); break;
    case META_I64: v->v.i = load_signed(k->type, k->raw); break;
    case META_F64: v->v.f = load_real(k->type, k->raw); break;
    case META_BOOL: v->v.b = *k->raw; break;
    case META_STR: v->v.str = text_at(k, 0); break;
    case META_ARR:
        v->elem = gguf__types[k->elem].meta;
        v->count = k->count;
        break;
    }
}

const char *meta_key_at(const struct weights *w, int64_t i, struct meta_value *v) {
    if (i < 0 || i >= w->n_kv) return NULL;
    if (v) value_of(&w->kv[i], v);
    return w->kv[i].key;
}

int meta_get(const struct weights *w, const char *key, struct meta_value *v) {
    const struct kv *k = weights__kv(w, key);
    if (k && v) value_of(k, v);
    return k != NULL;
}

int meta_i64(const struct weights *w, const char *key, int64_t *out, struct err *e) {
    const struct kv *k = weights__kv(w, key);
    return k ? num_i64(&(struct num){w, k, k->type, k->raw}, out, e) : 0;
}

int meta_f64(const struct weights *w, const char *key, double *out, struct err *e) {
    const struct kv *k = weights__kv(w, key);
    return k ? num_f64(&(struct num){w, k, k->type, k->raw}, out, e) : 0;
}

int meta_bool(const struct weights *w, const char *key, int *out, struct err *e) {
    const struct kv *k = weights__kv(w, key);
    if (!k) return 0;
    if (k->type != GGUF_BOOL) return fail_kv(w, k, ERR_FORMAT, "a bool", gguf__types[k->type].name, e);
    *out = *k->raw;
    return 1;
}

int meta_str(const struct weights *w, const char *key, struct meta_str *out, struct err *e) {
    const struct kv *k = weights__kv(w, key);
    if (!k) return 0;
    if (k->type != GGUF_STR) return fail_kv(w, k, ERR_FORMAT, "a string", gguf__types[k->type].name, e);
    *out = text_at(k, 0);
    return 1;
}

/* ---- elements ---- */

static int element(const struct weights *w, const char *key, uint64_t i, const struct kv **out, struct err *e) {
    char expected[48], found[32];
    const struct kv *k = weights__kv(w, key);
    if (!k) return fail_at(e, ERR_ARG, w->path, -1, "key %.100s: expected an array, found no such key", key);
    if (k->type != GGUF_ARR) return fail_kv(w, k, ERR_FORMAT, "an array", gguf__types[k->type].name, e);
    snprintf(expected, sizeof expected, "an index below %" PRIu64, k->count);
    snprintf(found, sizeof found, "%" PRIu64, i);
    if (i >= k->count) return fail_kv(w, k, ERR_RANGE, expected, found, e);
    *out = k;
    return 0;
}

static struct num num_at(const struct weights *w, const struct kv *k, uint64_t i) {
    const unsigned bytes = gguf__types[k->elem].bytes;
    return (struct num){w, k, k->elem, bytes ? k->raw + i * bytes : NULL};
}

int meta_arr_str(const struct weights *w, const char *key, uint64_t i, struct meta_str *out, struct err *e) {
    const struct kv *k = NULL;
    TRY(element(w, key, i, &k, e));
    if (k->elem != GGUF_STR) return fail_kv(w, k, ERR_FORMAT, "an array of strings", gguf__types[k->elem].name, e);
    *out = text_at(k, i);
    return 0;
}

int meta_arr_f64(const struct weights *w, const char *key, uint64_t i, double *out, struct err *e) {
    const struct kv *k = NULL;
    TRY(element(w, key, i, &k, e));
    const struct num x = num_at(w, k, i);
    int rc = num_f64(&x, out, e);
    return rc < 0 ? rc : 0;
}

int meta_arr_i64(const struct weights *w, const char *key, uint64_t i, int64_t *out, struct err *e) {
    const struct kv *k = NULL;
    TRY(element(w, key, i, &k, e));
    struct num x = num_at(w, k, i);
    if (x.type == GGUF_BOOL) x.type = GGUF_U8; /* arrays of flags, one a layer, are read as 0 and 1 */
    int rc = num_i64(&x, out, e);
    return rc < 0 ? rc : 0;
}
