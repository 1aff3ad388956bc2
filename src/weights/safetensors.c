/* safetensors, read: one file, or shards listed by an index.
 *
 *   u64 n, little-endian | n bytes of JSON, padded with spaces | data
 *   {"__metadata__": {"k": "v", …}, "name": {"dtype": "F32", "shape": [512, 64], "data_offsets": [0, 131072]}, …}
 *   name.data = data[data_offsets[0] .. data_offsets[1])
 *
 *   model.safetensors.index.json: {"metadata": {…}, "weight_map": {"name": "model-00001-of-00002.safetensors", …}}
 *
 * Every entry is checked, also of types that are not listed afterwards (integers, eight-bit floats, empty tensors): a file that lies
 * about one tensor is not trusted with the others. Tensors are listed in the order of their bytes. JSON has no byte for an entry, so
 * errors give that of its name in the header. */
#include "weights/weights_int.h"
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define ST_MAX_HEADER 100000000u /* what the reference reader takes */
enum { ST_MAX_INDEX = 64 << 20, ST_LENGTH_BYTES = 8 };

static const struct dtype {
    const char *name;
    int bytes;
    enum fmt fmt;
    int listed;
} dtypes[] = {
    {"F32", 4, FMT_F32, 1}, {"F16", 2, FMT_F16, 1}, {"BF16", 2, FMT_BF16, 1}, {"F64", 8, FMT_F64, 1}, {"I8", 1, 0, 0},
    {"U8", 1, 0, 0},        {"BOOL", 1, 0, 0},      {"I16", 2, 0, 0},         {"U16", 2, 0, 0},       {"I32", 4, 0, 0},
    {"U32", 4, 0, 0},       {"I64", 8, 0, 0},       {"U64", 8, 0, 0},         {"F8_E4M3", 1, 0, 0},   {"F8_E5M2", 1, 0, 0},
};

struct st {
    struct weights *w;
    const struct map *m;
    const char *path;
    uint64_t header, data, room; /* bytes of JSON; where data begins; how much it is */
    json_t *json;
    struct err *e;
};

/* ---- JSON ---- */

int st__parse(json_t **out, const char *text, size_t n, uint64_t base, const char *path, struct err *e) {
    json_error_t je;
    struct shown why;
    json_t *j = json_loadb(text, n, JSON_REJECT_DUPLICATES, &je);
    if (!j && !je.text[0])
        return fail_at(e, ERR_NOMEM, path, -1, "out of memory for %zu bytes of JSON", n); /* jansson says nothing */
    if (!j)
        return fail_at(e, ERR_FORMAT, path, (int64_t)base + (je.position > 0 ? je.position : 0), "expected JSON, found: %s",
                       weights__show(&why, je.text, strlen(je.text)));
    if (!json_is_object(j)) {
        json_decref(j);
        return fail_at(e, ERR_FORMAT, path, (int64_t)base, "expected a JSON object, found another JSON value");
    }
    *out = j;
    return 0;
}

/* The byte of "name" in the header; a name written with escapes is not looked for. Only for errors: it reads the whole header. */
static int64_t byte_of(const struct st *c, const char *name) {
    const unsigned char *text = c->m->data + ST_LENGTH_BYTES, *p = text, *end = text + c->header;
    size_t n = strlen(name);
    while ((p = memmem(p, (size_t)(end - p), name, n)) != NULL) {
        if (p > text && p[-1] == '"' && p + n < end && p[n] == '"') return p - 1 - c->m->data;
        p++;
    }
    return ST_LENGTH_BYTES;
}

/* An error about an entry that has no better byte than the header's. */
static int locate(const struct st *c, int rc, const char *name) {
    if (rc < 0 && c->e && c->e->at == ST_LENGTH_BYTES) c->e->at = byte_of(c, name);
    return rc;
}

static int refuse(const struct st *c, int code, const char *name, const char *expected, const char *found) {
    struct shown shown;
    weights__show(&shown, name, strlen(name));
    return fail_at(c->e, code, c->path, byte_of(c, name), "tensor %s: expected %s, found %s", shown.s, expected, found);
}

static const char *kind_of(const json_t *j) {
    static const char *const names[] = {
        [JSON_OBJECT] = "an object",   [JSON_ARRAY] = "an array", [JSON_STRING] = "a string", [JSON_INTEGER] = "an integer",
        [JSON_REAL] = "a real number", [JSON_TRUE] = "true",      [JSON_FALSE] = "false",     [JSON_NULL] = "null"};
    return j ? names[json_typeof(j)] : "none";
}

/* ---- one entry ---- */

struct entry {
    const struct dtype *type; /* NULL: unknown to us */
    int n_dims;
    int64_t dims[4];
    uint64_t count, from, to;
};

static int read_count(const struct st *c, const char *name, const json_t *j, uint64_t *out) {
    char found[48];
    if (!json_is_integer(j)) return refuse(c, ERR_FORMAT, name, "integers in shape and data_offsets", kind_of(j));
    snprintf(found, sizeof found, "%" JSON_INTEGER_FORMAT, json_integer_value(j));
    if (json_integer_value(j) < 0) return refuse(c, ERR_FORMAT, name, "no negative numbers in shape and data_offsets", found);
    *out = (uint64_t)json_integer_value(j);
    return 0;
}

/* [] is one number. A dimension of 0 makes the others harmless. */
static int read_shape(const struct st *c, const char *name, const json_t *shape, struct entry *x) {
    size_t n = json_array_size(shape);
    int over = 0, empty = 0;
    uint64_t d = 0;
    if (!json_is_array(shape)) return refuse(c, ERR_FORMAT, name, "an array as shape", kind_of(shape));
    x->count = 1;
    for (size_t i = 0; i < n; i++) {
        TRY(read_count(c, name, json_array_get(shape, i), &d));
        empty |= d == 0;
        over |= __builtin_mul_overflow(x->count, d, &x->count);
        if (i < 4) x->dims[i] = (int64_t)d;
    }
    if (empty)
        x->count = 0;
    else if (over || x->count > INT64_MAX / 8)
        return refuse(c, ERR_FORMAT, name, "a shape below 2^60 numbers", "more");
    x->n_dims = n > 4 ? 5 : (int)n;
    if (n == 0) x->dims[x->n_dims++] = 1;
    return 0;
}

static int read_offsets(const struct st *c, const char *name, const json_t *offsets, struct entry *x) {
    char expected[64], found[64];
    if (json_array_size(offsets) != 2) return refuse(c, ERR_FORMAT, name, "data_offsets of two integers", kind_of(offsets));
    TRY(read_count(c, name, json_array_get(offsets, 0), &x->from));
    TRY(read_count(c, name, json_array_get(offsets, 1), &x->to));
    snprintf(expected, sizeof expected, "data_offsets within %" PRIu64 " bytes of data", c->room);
    snprintf(found, sizeof found, "[%" PRIu64 ", %" PRIu64 "]", x->from, x->to);
    if (x->from > x->to || x->to > c->room) return refuse(c, ERR_FORMAT, name, expected, found);
    return 0;
}

static int read_entry(const struct st *c, const char *name, const json_t *j, struct entry *x) {
    char expected[64], found[64];
    const char *type = json_string_value(json_object_get(j, "dtype"));
    *x = (struct entry){0};
    if (!json_is_object(j)) return refuse(c, ERR_FORMAT, name, "an object", kind_of(j));
    if (!type) return refuse(c, ERR_FORMAT, name, "a string as dtype", kind_of(json_object_get(j, "dtype")));
    for (size_t i = 0; i < sizeof dtypes / sizeof *dtypes; i++)
        if (strcmp(type, dtypes[i].name) == 0) x->type = &dtypes[i];
    TRY(read_shape(c, name, json_object_get(j, "shape"), x));
    TRY(read_offsets(c, name, json_object_get(j, "data_offsets"), x));
    if (!x->type) return 0;
    uint64_t bytes = x->count * (uint64_t)x->type->bytes;
    snprintf(expected, sizeof expected, "%" PRIu64 " bytes for its shape", bytes);
    snprintf(found, sizeof found, "data_offsets of %" PRIu64, x->to - x->from);
    if (bytes != x->to - x->from) return refuse(c, ERR_FORMAT, name, expected, found);
    if (x->type->listed && x->n_dims > 4) return refuse(c, ERR_UNSUPPORTED, name, "at most 4 dimensions", "more");
    return 0;
}

/* ---- the header ---- */

static int add_text(const struct st *c, const char *key, const json_t *v) {
    size_t n = json_string_length(v);
    struct kv *k;
    TRY(weights__kv_add(c->w, &k, key, strlen(key), c->path, ST_LENGTH_BYTES, c->e));
    k->type = GGUF_STR;
    k->text = malloc(n + 1);
    k->ends = malloc(sizeof *k->ends);
    if (!k->text || !k->ends) return fail_at(c->e, ERR_NOMEM, c->path, ST_LENGTH_BYTES, "key %.60s: out of memory", key);
    memcpy(k->text, json_string_value(v), n + 1);
    k->ends[0] = n;
    return 0;
}

/* Shards repeat each other's metadata; the first one's stands. */
static int read_metadata(const struct st *c, json_t *meta) {
    const char *key;
    json_t *v;
    if (!meta) return 0;
    if (!json_is_object(meta))
        return fail_at(c->e, ERR_FORMAT, c->path, byte_of(c, "__metadata__"), "key __metadata__: expected an object, found %s",
                       kind_of(meta));
    json_object_foreach(meta, key, v) {
        struct shown shown;
        weights__show(&shown, key, strlen(key));
        if (!json_is_string(v))
            return fail_at(c->e, ERR_FORMAT, c->path, byte_of(c, key), "key __metadata__.%s: expected a string, found %s",
                           shown.s, kind_of(v));
        size_t n = strlen(key) + sizeof "st.";
        char *name = malloc(n);
        if (!name) return fail_at(c->e, ERR_NOMEM, c->path, -1, "key %s: out of memory", shown.s);
        snprintf(name, n, "st.%s", key);
        int rc = weights__kv(c->w, name) ? 0 : add_text(c, name, v);
        free(name);
        TRY(rc);
    }
    return 0;
}

/* What is there but not listed leaves its type as key "unread.NAME", so that who misses the tensor can say why. */
static int add_unread(const struct st *c, const char *name) {
    size_t n = strlen(name) + sizeof "unread.";
    char *key = malloc(n);
    if (!key) return fail_at(c->e, ERR_NOMEM, c->path, -1, "tensor %.60s: out of memory", name);
    snprintf(key, n, "unread.%s", name);
    int rc = weights__kv(c->w, key) ? 0 : add_text(c, key, json_object_get(json_object_get(c->json, name), "dtype"));
    free(key);
    return rc;
}

static int add_tensor(const struct st *c, const char *name) {
    struct entry x;
    struct tensor *t;
    const int64_t at = ST_LENGTH_BYTES;
    TRY(read_entry(c, name, json_object_get(c->json, name), &x));
    if (!x.type || !x.type->listed) return add_unread(c, name);
    TRY(weights__tensor_add(c->w, &t, name, strlen(name), c->path, at, c->e));
    t->n_dims = x.n_dims;
    memcpy(t->dims, x.dims, sizeof t->dims);
    TRY(weights__shape(t, fmt_find((int)x.type->fmt), c->path, at, c->e));
    t->file_offset = c->data + x.from;
    t->file = c->w->n_maps - 1;
    return weights__data(c->w, t, c->m->data + t->file_offset, c->e);
}

static int read_tensors(const struct st *c, struct span *s) {
    const char *name;
    json_t *v;
    int64_t n = 0;
    struct entry x;
    json_object_foreach(c->json, name, v) {
        if (strcmp(name, "__metadata__") == 0) continue;
        TRY(read_entry(c, name, v, &x));
        if (x.from < x.to) s[n++] = (struct span){x.from, x.to, name, ST_LENGTH_BYTES};
    }
    const struct span *over = weights__overlap(s, n);
    if (over) return locate(c, weights__fail_overlap(over, c->path, c->e), over->name);
    for (int64_t i = 0; i < n; i++) TRY(locate(c, add_tensor(c, s[i].name), s[i].name));
    return 0;
}

static int read_header(struct st *c) {
    uint64_t n;
    struct shown found;
    if (c->m->size < ST_LENGTH_BYTES)
        return fail_at(c->e, ERR_FORMAT, c->path, 0, "header: expected 8 bytes of length, found a file of %zu", c->m->size);
    memcpy(&n, c->m->data, sizeof n);
    if (n > c->m->size - ST_LENGTH_BYTES)
        return fail_at(c->e, ERR_FORMAT, c->path, 0, "header: expected a length within the %zu bytes that follow, found %" PRIu64,
                       c->m->size - ST_LENGTH_BYTES, n);
    if (n > ST_MAX_HEADER)
        return fail_at(c->e, ERR_LIMIT, c->path, 0, "header: expected a length of at most %u bytes, found %" PRIu64,
                       ST_MAX_HEADER, n);
    const unsigned char *text = c->m->data + ST_LENGTH_BYTES;
    if (n < 1 || *text != '{')
        return fail_at(c->e, ERR_FORMAT, c->path, ST_LENGTH_BYTES, "header: expected '{', found '%s'",
                       weights__show(&found, text, n < 4 ? n : 4));
    c->header = n;
    c->data = ST_LENGTH_BYTES + n;
    c->room = c->m->size - c->data;
    return st__parse(&c->json, (const char *)text, (size_t)n, ST_LENGTH_BYTES, c->path, c->e);
}

/* names: an array of strings that must be in the header; NULL: none. */
static int has_all(const struct st *c, const json_t *names) {
    for (size_t i = 0; i < json_array_size(names); i++) {
        const char *name = json_string_value(json_array_get(names, i));
        struct shown shown;
        if (json_object_get(c->json, name)) continue;
        weights__show(&shown, name, strlen(name));
        return fail_at(c->e, ERR_FORMAT, c->path, ST_LENGTH_BYTES,
                       "tensor %s: expected it in this file, as the index says, found none", shown.s);
    }
    return 0;
}

/* The file mapped last. */
static int load_file(struct weights *w, const json_t *names, struct err *e) {
    const char *path = w->map_paths[w->n_maps - 1];
    struct st c = {.w = w, .m = &w->maps[w->n_maps - 1], .path = path, .e = e};
    struct span *s = NULL;
    int rc;
    TRYTO(out, read_header(&c));
    s = calloc(json_object_size(c.json) + 1, sizeof *s);
    rc = s ? 0 : fail_at(e, ERR_NOMEM, path, -1, "out of memory for the directory");
    if (rc == 0) rc = read_metadata(&c, json_object_get(c.json, "__metadata__"));
    if (rc == 0) rc = read_tensors(&c, s);
    if (rc == 0) rc = has_all(&c, names);
out:
    free(s);
    json_decref(c.json);
    return rc;
}

int st__load_file(struct weights *w, struct err *e) { return load_file(w, NULL, e); }

/* ---- shards ---- */

static int check_file_name(const char *name, const json_t *v, const char *path, struct err *e) {
    const char *file = json_string_value(v);
    struct shown tensor, found;
    weights__show(&tensor, name, strlen(name));
    if (!file) return fail_at(e, ERR_FORMAT, path, -1, "key weight_map.%s: expected a file name, found %s", tensor.s, kind_of(v));
    if (*file && *file != '.' && !strchr(file, '/') && !strchr(file, '\\')) return 0;
    return fail_at(e, ERR_FORMAT, path, -1, "key weight_map.%s: expected a plain file name, found '%s'", tensor.s,
                   weights__show(&found, file, strlen(file)));
}

/* {"tensor": "file"} turned into {"file": ["tensor", …]}, in the order in which files are first named. */
static int group(json_t *files, json_t *map, const char *path, struct err *e) {
    const char *name;
    json_t *v;
    json_object_foreach(map, name, v) {
        TRY(check_file_name(name, v, path, e));
        const char *file = json_string_value(v);
        json_t *list = json_object_get(files, file);
        int bad = 0;
        if (!list) bad = json_object_set_new(files, file, list = json_array());
        if (bad || json_array_append_new(list, json_string(name)) < 0)
            return fail_at(e, ERR_NOMEM, path, -1, "out of memory for weight_map");
    }
    return 0;
}

static int load_shards(struct weights *w, json_t *files, struct err *e) {
    char path[4096];
    const char *file;
    json_t *names;
    json_object_foreach(files, file, names) {
        TRY(path_join(path, sizeof path, w->dir, file, e));
        TRY(weights__map(w, path, e));
        TRY(load_file(w, names, e));
    }
    return 0;
}

int st__load_index(struct weights *w, const char *path, struct err *e) {
    char *text = NULL;
    size_t n = 0;
    json_t *index = NULL, *files = json_object();
    int rc = files ? 0 : fail_at(e, ERR_NOMEM, path, -1, "out of memory");
    if (rc == 0) rc = file_read_beside(&text, &n, path, ST_MAX_INDEX, e);
    if (rc == 0) rc = st__parse(&index, text, n, 0, path, e);
    json_t *map = json_object_get(index, "weight_map");
    if (rc == 0 && !json_is_object(map))
        rc = fail_at(e, ERR_FORMAT, path, -1, "key weight_map: expected an object, found %s", kind_of(map));
    if (rc == 0) rc = group(files, map, path, e);
    if (rc == 0) rc = load_shards(w, files, e);
    json_decref(index), json_decref(files);
    free(text);
    return rc;
}
