/* GGUF, read. All numbers little-endian; version 2 and 3 differ in nothing a little-endian reader can see.
 *
 *   header     'G' 'G' 'U' 'F' | u32 version | u64 tensors | u64 keys
 *   key        str name | u32 type | value                            (keys times)
 *   tensor     str name | u32 n_dims | u64 dims[n_dims], fastest first | u32 ggml type | u64 offset      (tensors times)
 *   padding    to a multiple of general.alignment (32 where the key is absent)
 *   data       each tensor at data + offset, offset a multiple of the alignment
 *
 *   str        u64 n | n bytes, no NUL behind
 *   value      a number of its type; bool: one byte, 0 or 1; string: str; array: u32 type | u64 n | n values without types
 *
 * The order of work is the defence: a length or count is compared with the bytes that are left before it is believed, so
 * nothing is allocated or walked that the file does not hold. Directory first, then one pass over the offsets, when the place of the
 * data is known. */
#include "weights/weights_int.h"
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

const struct gguf_type_row gguf__types[GGUF_N_TYPES] = {
#define XX(id, name, text, bytes, meta) [id] = {text, bytes, meta},
    GGUF_TYPE_MAP(XX)
#undef XX
};

enum { KEY_MIN_BYTES = 8 + 1 + 4 + 1, TENSOR_MIN_BYTES = 8 + 1 + 4 + 8 + 4 + 8, STR_MIN_BYTES = 8, ARR_MIN_BYTES = 12 };

/* Names of types this engine does not compute with, so that the refusal speaks the user's language. */
static const char *const ggml_names[] = {
    [9] = "Q8_1",      [15] = "Q8_K",     [16] = "IQ2_XXS", [17] = "IQ2_XS", [18] = "IQ3_XXS", [19] = "IQ1_S", [21] = "IQ3_S",
    [22] = "IQ2_S",    [24] = "I8",       [25] = "I16",     [26] = "I32",    [27] = "I64",     [29] = "IQ1_M", [31] = "Q4_0_4_4",
    [32] = "Q4_0_4_8", [33] = "Q4_0_8_8", [34] = "TQ1_0",   [35] = "TQ2_0",  [39] = "MXFP4",
};

/* ---- the cursor ---- */

struct cursor {
    const unsigned char *data;
    uint64_t size, at;
    const char *path;
    const char *what;  /* "key" or "tensor" or "header" */
    struct shown name; /* of the entry being read */
    struct err *e;
};

static uint64_t left(const struct cursor *c) { return c->size - c->at; }

static int take(struct cursor *c, const unsigned char **p, uint64_t n) {
    if (n > left(c))
        return fail_at(c->e, ERR_FORMAT, c->path, (int64_t)c->at,
                       "%s %s: expected %" PRIu64 " more bytes, found the end after %" PRIu64, c->what, c->name.s, n, left(c));
    *p = c->data + c->at;
    c->at += n;
    return 0;
}

static int take_u32(struct cursor *c, uint32_t *v) {
    const unsigned char *p = NULL;
    TRY(take(c, &p, sizeof *v));
    memcpy(v, p, sizeof *v);
    return 0;
}

static int take_u64(struct cursor *c, uint64_t *v) {
    const unsigned char *p = NULL;
    TRY(take(c, &p, sizeof *v));
    memcpy(v, p, sizeof *v);
    return 0;
}

static int take_str(struct cursor *c, const unsigned char **p, uint64_t *n) {
    uint64_t at = c->at;
    TRY(take_u64(c, n));
    if (*n > left(c))
        return fail_at(c->e, ERR_FORMAT, c->path, (int64_t)at,
                       "%s %s: expected a string within the %" PRIu64 " bytes left, found length %" PRIu64, c->what, c->name.s,
                       left(c), *n);
    return take(c, p, *n);
}

/* The name of an entry; messages about the entry bear it from here on. */
static int take_name(struct cursor *c, const unsigned char **p, uint64_t *n) {
    uint64_t at = c->at;
    TRY(take_str(c, p, n));
    weights__show(&c->name, *p, *n);
    if (*n > GGUF_MAX_NAME)
        return fail_at(c->e, ERR_FORMAT, c->path, (int64_t)at, "%s %s: expected a name of at most %d bytes, found %" PRIu64,
                       c->what, c->name.s, GGUF_MAX_NAME, *n);
    return 0;
}

/* ---- values ---- */

static int take_type(struct cursor *c, uint32_t *type) {
    uint64_t at = c->at;
    TRY(take_u32(c, type));
    if (*type >= GGUF_N_TYPES)
        return fail_at(c->e, ERR_FORMAT, c->path, (int64_t)at, "key %s: expected a value type from 0 to %d, found %" PRIu32,
                       c->name.s, GGUF_N_TYPES - 1, *type);
    return 0;
}

static int check_bools(const struct cursor *c, const unsigned char *p, uint64_t n) {
    for (uint64_t i = 0; i < n; i++)
        if (p[i] > 1)
            return fail_at(c->e, ERR_FORMAT, c->path, p + i - c->data, "key %s: expected a bool of 0 or 1, found %d", c->name.s,
                           p[i]);
    return 0;
}

static int take_numbers(struct cursor *c, uint32_t type, uint64_t n, const unsigned char **p) {
    TRY(take(c, p, n * gguf__types[type].bytes)); /* no overflow: n was checked against the bytes left */
    return type == GGUF_BOOL ? check_bools(c, *p, n) : 0;
}

static int take_array_head(struct cursor *c, uint32_t *elem, uint64_t *count) {
    TRY(take_type(c, elem));
    uint64_t at = c->at, least = gguf__types[*elem].bytes;
    if (!least) least = *elem == GGUF_STR ? STR_MIN_BYTES : ARR_MIN_BYTES;
    TRY(take_u64(c, count));
    if (*count > left(c) / least)
        return fail_at(c->e, ERR_FORMAT, c->path, (int64_t)at,
                       "key %s: expected an array within the %" PRIu64 " bytes left, found %" PRIu64 " of type %s", c->name.s,
                       left(c), *count, gguf__types[*elem].name);
    return 0;
}

/* Walks a nested array; what it holds is only ever copied whole. */
static int skip_array(struct cursor *c, int depth) {
    const unsigned char *p;
    uint32_t elem = 0;
    uint64_t n = 0, k = 0;
    if (depth > GGUF_MAX_DEPTH)
        return fail_at(c->e, ERR_LIMIT, c->path, (int64_t)c->at, "key %s: expected arrays at most %d deep, found more", c->name.s,
                       GGUF_MAX_DEPTH);
    TRY(take_array_head(c, &elem, &n));
    if (gguf__types[elem].bytes) return take_numbers(c, elem, n, &p);
    for (uint64_t i = 0; i < n; i++) TRY(elem == GGUF_STR ? take_str(c, &p, &k) : skip_array(c, depth + 1));
    return 0;
}

/* n strings into one block, each with a NUL behind it: first their sizes, then, from the same place, their bytes. */
static int take_strings(struct cursor *c, struct kv *k, uint64_t n) {
    const unsigned char *p = NULL;
    uint64_t begin = c->at, len = 0, to = 0;
    for (uint64_t i = 0; i < n; i++) TRY(take_str(c, &p, &len));
    k->text = malloc(c->at - begin + 1); /* n lengths of 8 bytes less, n NULs more */
    k->ends = malloc(n * sizeof *k->ends + 1);
    if (!k->text || !k->ends) return fail_at(c->e, ERR_NOMEM, c->path, (int64_t)begin, "key %s: out of memory", c->name.s);
    c->at = begin;
    for (uint64_t i = 0; i < n; i++) {
        TRY(take_str(c, &p, &len));
        memcpy(k->text + to, p, len);
        k->text[to + len] = 0;
        k->ends[i] = to + len;
        to += len + 1;
    }
    return 0;
}

static int take_array(struct cursor *c, struct kv *k) {
    TRY(take_array_head(c, &k->elem, &k->count));
    if (gguf__types[k->elem].bytes) return take_numbers(c, k->elem, k->count, &k->raw);
    if (k->elem == GGUF_STR) return take_strings(c, k, k->count);
    for (uint64_t i = 0; i < k->count; i++) TRY(skip_array(c, 2));
    return 0;
}

static int take_value(struct cursor *c, struct kv *k) {
    if (k->type == GGUF_ARR) return take_array(c, k);
    if (k->type == GGUF_STR) return take_strings(c, k, 1);
    return take_numbers(c, k->type, 1, &k->raw);
}

static int take_key(struct cursor *c, struct weights *w) {
    const unsigned char *p = NULL;
    uint64_t n = 0, at = c->at;
    struct kv *k;
    TRY(take_name(c, &p, &n));
    TRY(weights__kv_add(w, &k, p, n, c->path, (int64_t)at, c->e));
    TRY(take_type(c, &k->type));
    k->body = c->data + c->at;
    TRY(take_value(c, k));
    k->body_bytes = (uint64_t)(c->data + c->at - k->body);
    return 0;
}

/* ---- tensors ---- */

static int refuse_type(const struct cursor *c, uint64_t at, uint32_t type) {
    char have[120] = "";
    const struct fmt_row *f;
    const char *name = type < sizeof ggml_names / sizeof *ggml_names ? ggml_names[type] : NULL;
    for (int i = 0; (f = fmt_at(i)); i++) {
        size_t n = strlen(have);
        snprintf(have + n, sizeof have - n, "%s%s", i ? ", " : "", f->name);
    }
    return fail_at(c->e, ERR_UNSUPPORTED, c->path, (int64_t)at, "tensor %s: expected one of %s, found %s (ggml type %" PRIu32 ")",
                   c->name.s, have, name ? name : "a type without a name", type);
}

static int take_dims(struct cursor *c, struct tensor *t) {
    uint64_t at = c->at, d = 0;
    uint32_t n = 0;
    TRY(take_u32(c, &n));
    if (n < 1 || n > 4)
        return fail_at(c->e, ERR_FORMAT, c->path, (int64_t)at, "tensor %s: expected 1 to 4 dimensions, found %" PRIu32, c->name.s,
                       n);
    t->n_dims = (int)n;
    for (uint32_t i = 0; i < n; i++) {
        at = c->at;
        TRY(take_u64(c, &d));
        if (d < 1 || d > INT64_MAX)
            return fail_at(c->e, ERR_FORMAT, c->path, (int64_t)at,
                           "tensor %s: expected dimension %" PRIu32 " of at least 1, found %" PRIu64 "%s", c->name.s, i, d,
                           d ? ", which is absurd" : "");
        t->dims[n - 1 - i] = (int64_t)d;
    }
    return 0;
}

static int take_tensor(struct cursor *c, struct weights *w, struct span *s) {
    const unsigned char *p = NULL;
    uint64_t n = 0, at = c->at;
    uint32_t type = 0;
    struct tensor *t;
    TRY(take_name(c, &p, &n));
    TRY(weights__tensor_add(w, &t, p, n, c->path, (int64_t)at, c->e));
    TRY(take_dims(c, t));
    uint64_t type_at = c->at;
    TRY(take_u32(c, &type));
    const struct fmt_row *f = type <= INT32_MAX ? fmt_find((int)type) : NULL;
    if (!f) return refuse_type(c, type_at, type);
    TRY(weights__shape(t, f, c->path, (int64_t)at, c->e));
    s->at = (int64_t)c->at;
    s->name = t->name;
    return take_u64(c, &s->from);
}

/* One tensor's claim on the data section of `room` bytes that begins at byte `data` of the file. */
static int place(struct cursor *c, struct tensor *t, struct span *s, uint64_t data, uint64_t room, uint64_t align) {
    weights__show(&c->name, t->name, strlen(t->name));
    if (s->from % align)
        return fail_at(c->e, ERR_FORMAT, c->path, s->at,
                       "tensor %s: expected an offset that is a multiple of %" PRIu64 ", found %" PRIu64, c->name.s, align,
                       s->from);
    if (s->from > room || t->bytes > room - s->from)
        return fail_at(c->e, ERR_FORMAT, c->path, s->at,
                       "tensor %s: expected %" PRIu64 " bytes at offset %" PRIu64 ", found data of %" PRIu64 " bytes in all",
                       c->name.s, t->bytes, s->from, room);
    s->to = s->from + t->bytes;
    t->file_offset = data + s->from;
    return 0;
}

static int alignment(const struct weights *w, const char *path, uint64_t *out, struct err *e) {
    int64_t v = GGUF_ALIGNMENT;
    TRY(meta_i64(w, "general.alignment", &v, e));
    if (v < 1 || v > GGUF_MAX_ALIGNMENT || (v & (v - 1)))
        return fail_at(e, ERR_FORMAT, path, weights__kv(w, "general.alignment")->at,
                       "key general.alignment: expected a power of two up to %d, found %" PRId64, GGUF_MAX_ALIGNMENT, v);
    *out = (uint64_t)v;
    return 0;
}

/* n tensors of file number `file`, into w behind those it has. */
static int take_tensors(struct cursor *c, struct weights *w, int64_t file, uint64_t align, struct span *s, int64_t n) {
    const int64_t first = w->n_tensors;
    for (int64_t i = 0; i < n; i++) TRY(take_tensor(c, w, &s[i]));
    struct tensor *t = w->tensors + first;
    uint64_t data = (c->at + align - 1) / align * align;
    uint64_t room = data < c->size ? c->size - data : 0;
    for (int64_t i = 0; i < n; i++) TRY(place(c, &t[i], &s[i], data, room, align));
    const struct span *over = weights__overlap(s, n);
    if (over) return weights__fail_overlap(over, c->path, c->e);
    /* only now: a misaligned tensor is copied, and overlapping ones would be copied many times over */
    for (int64_t i = 0; i < n; i++) {
        t[i].file = file;
        TRY(weights__data(w, &t[i], c->data + t[i].file_offset, c->e));
    }
    return 0;
}

/* ---- the file ---- */

static int take_count(struct cursor *c, uint64_t *n, const char *of, uint64_t least) {
    uint64_t at = c->at;
    TRY(take_u64(c, n));
    if (*n > c->size / least)
        return fail_at(c->e, ERR_FORMAT, c->path, (int64_t)at,
                       "header: expected a number of %s that fits %" PRIu64 " bytes, found %" PRIu64, of, c->size, *n);
    return 0;
}

static int take_header(struct cursor *c, struct weights *w, uint64_t *tensors, uint64_t *keys) {
    const unsigned char *p = NULL;
    struct shown found;
    uint32_t version = 0;
    uint64_t n = c->size < 4 ? c->size : 4;
    if (n < 4 || memcmp(c->data, "GGUF", 4) != 0)
        return fail_at(c->e, ERR_FORMAT, c->path, 0, "expected 4-byte magic GGUF, found '%s'", weights__show(&found, c->data, n));
    TRY(take(c, &p, 4));
    TRY(take_u32(c, &version));
    if (version != 2 && version != 3)
        return fail_at(c->e, ERR_UNSUPPORTED, c->path, 4, "header: expected GGUF version 2 or 3, found %" PRIu32 "%s", version,
                       version && !(version & 0xffffff) ? " (a big-endian file)" : "");
    w->version = (int)version;
    TRY(take_count(c, tensors, "tensors", TENSOR_MIN_BYTES));
    return take_count(c, keys, "keys", KEY_MIN_BYTES);
}

static int take_keys(struct cursor *c, struct weights *keys, uint64_t *tensors) {
    uint64_t n = 0;
    TRY(take_header(c, keys, tensors, &n));
    c->what = "key";
    for (uint64_t i = 0; i < n; i++) TRY(take_key(c, keys));
    return 0;
}

static struct cursor cursor_at(const struct map *m, const char *path, struct err *e) {
    return (struct cursor){.data = m->data, .size = m->size, .path = path, .what = "header", .name = {"of the file"}, .e = e};
}

int gguf__load_keys(struct weights *keys, const struct map *m, const char *path, struct err *e) {
    struct cursor c = cursor_at(m, path, e);
    uint64_t tensors = 0;
    return take_keys(&c, keys, &tensors);
}

int gguf__load(struct weights *w, struct weights *keys, int64_t i, gguf_check_fn check, void *ctx, struct err *e) {
    const char *path = w->map_paths[i];
    struct cursor c = cursor_at(&w->maps[i], path, e);
    uint64_t tensors = 0, align = 0;
    TRY(take_keys(&c, keys, &tensors));
    TRY(check(ctx, keys, path, e));
    TRY(alignment(keys, path, &align, e));
    c.what = "tensor";
    struct span *s = calloc(tensors + 1, sizeof *s); /* 32 bytes each, and so many the file has for each */
    if (!s) return fail_at(e, ERR_NOMEM, path, -1, "out of memory for %" PRIu64 " tensors", tensors);
    int rc = take_tensors(&c, w, i, align, s, (int64_t)tensors);
    free(s);
    return rc;
}
