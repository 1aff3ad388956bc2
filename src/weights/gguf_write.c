/* GGUF v3, written (the format is drawn in gguf.c).
 *
 * Keys are encoded as they are put, into one growing block that is the metadata section already; tensors are a list until commit,
 * because their offsets are only known in order. The file is checked for what our own reader would refuse (names twice, rows that do
 * not fill their blocks), so that what was written opens. */
#include "weights/gguf_write.h"
#include "base/fs.h"
#include "base/str.h"
#include "weights/weights_int.h"
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

struct out_tensor {
    struct tensor t;
    const void *data;  /* borrowed; or */
    gguf_fill_fn fill; /* makes them */
    void *ctx;
};
enum { PIECE_BYTES = 4 << 20 };

struct gguf_writer {
    struct str meta;            /* the encoded keys */
    char **keys;                /* owned; to find one that comes twice */
    struct out_tensor *tensors; /* names owned */
    int64_t n_keys, cap_keys, n_tensors, cap_tensors;
    uint64_t align;
    struct err first; /* the first failure; code 0: none */
};

int gguf_writer_new(struct gguf_writer **out, struct err *e) {
    struct gguf_writer *g = calloc(1, sizeof *g);
    if (!g) return fail(e, ERR_NOMEM, "out of memory for a GGUF writer");
    g->meta.max = SIZE_MAX / 4;
    g->align = GGUF_ALIGNMENT;
    g->first = ERR_INIT;
    *out = g;
    return 0;
}

void gguf_writer_free(struct gguf_writer *g) {
    if (!g) return;
    for (int64_t i = 0; i < g->n_keys; i++) free(g->keys[i]);
    for (int64_t i = 0; i < g->n_tensors; i++) free((void *)(uintptr_t)g->tensors[i].t.name);
    free(g->keys), free(g->tensors);
    str_free(&g->meta);
    free(g);
}

/* ---- encoding ---- */

static void add(struct str *b, const void *p, uint64_t n) { str_add(b, p, (size_t)n); }
static void add_u32(struct str *b, uint32_t v) { add(b, &v, sizeof v); }
static void add_u64(struct str *b, uint64_t v) { add(b, &v, sizeof v); }

static void add_str(struct str *b, const char *s, uint64_t n) {
    add_u64(b, n);
    add(b, s, n);
}

/* Begins a key; false, if the writer has failed before or does now. */
static int begin(struct gguf_writer *g, const char *key, uint32_t type) {
    size_t n = strlen(key);
    if (g->first.code) return 0;
    if (n < 1 || n > GGUF_MAX_NAME) {
        fail(&g->first, ERR_ARG, "key %.60s: expected 1 to %d bytes, found %zu", key, GGUF_MAX_NAME, n);
        return 0;
    }
    if (weights__room(&g->keys, &g->cap_keys, g->n_keys, sizeof *g->keys, &g->first) < 0) return 0;
    if (!(g->keys[g->n_keys] = strdup(key))) {
        fail(&g->first, ERR_NOMEM, "key %.60s: out of memory", key);
        return 0;
    }
    g->n_keys++;
    add_str(&g->meta, key, n);
    add_u32(&g->meta, type);
    return 1;
}

static void put(struct gguf_writer *g, const char *key, uint32_t type, const void *v) {
    if (begin(g, key, type)) add(&g->meta, v, gguf__types[type].bytes);
}

static int begin_array(struct gguf_writer *g, const char *key, uint32_t elem, uint64_t n) {
    if (!begin(g, key, GGUF_ARR)) return 0;
    add_u32(&g->meta, elem);
    add_u64(&g->meta, n);
    return 1;
}

/* The file is laid out as the key says, whoever puts it. */
static void set_alignment(struct gguf_writer *g, const char *key, uint64_t v) {
    if (strcmp(key, "general.alignment") != 0) return;
    if (v >= 1 && v <= GGUF_MAX_ALIGNMENT && !(v & (v - 1)))
        g->align = v;
    else if (!g->first.code)
        fail(&g->first, ERR_ARG, "key %s: expected a power of two up to %d, found %" PRIu64, key, GGUF_MAX_ALIGNMENT, v);
}

void gguf_put_u16(struct gguf_writer *g, const char *key, uint16_t v) {
    set_alignment(g, key, v);
    put(g, key, GGUF_U16, &v);
}

void gguf_put_u32(struct gguf_writer *g, const char *key, uint32_t v) {
    set_alignment(g, key, v);
    put(g, key, GGUF_U32, &v);
}

void gguf_put_u64(struct gguf_writer *g, const char *key, uint64_t v) {
    set_alignment(g, key, v);
    put(g, key, GGUF_U64, &v);
}

void gguf_put_i32(struct gguf_writer *g, const char *key, int32_t v) {
    set_alignment(g, key, v < 0 ? 0 : (uint64_t)v);
    put(g, key, GGUF_I32, &v);
}

void gguf_put_f32(struct gguf_writer *g, const char *key, float v) { put(g, key, GGUF_F32, &v); }
void gguf_put_f64(struct gguf_writer *g, const char *key, double v) { put(g, key, GGUF_F64, &v); }

void gguf_put_bool(struct gguf_writer *g, const char *key, int v) {
    unsigned char b = v != 0;
    put(g, key, GGUF_BOOL, &b);
}

void gguf_put_str(struct gguf_writer *g, const char *key, const char *s, size_t n) {
    if (begin(g, key, GGUF_STR)) add_str(&g->meta, s, n);
}

void gguf_put_strs(struct gguf_writer *g, const char *key, const struct meta_str *s, uint64_t n) {
    if (!begin_array(g, key, GGUF_STR, n)) return;
    for (uint64_t i = 0; i < n; i++) add_str(&g->meta, s[i].s, s[i].n);
}

void gguf_put_i32s(struct gguf_writer *g, const char *key, const int32_t *v, uint64_t n) {
    if (begin_array(g, key, GGUF_I32, n)) add(&g->meta, v, n * sizeof *v);
}

void gguf_put_f32s(struct gguf_writer *g, const char *key, const float *v, uint64_t n) {
    if (begin_array(g, key, GGUF_F32, n)) add(&g->meta, v, n * sizeof *v);
}

void gguf_put_copy(struct gguf_writer *g, const struct weights *w, const char *key) {
    const struct kv *k = weights__kv(w, key);
    int64_t align = GGUF_ALIGNMENT;
    if (g->first.code) return;
    if (!k || !k->body) {
        fail_at(&g->first, ERR_ARG, weights_path(w), -1, "key %.60s: expected a key of a GGUF file, found none", key);
        return;
    }
    if (strcmp(key, "general.alignment") == 0 && meta_i64(w, key, &align, &g->first) == 1) set_alignment(g, key, (uint64_t)align);
    if (begin(g, key, k->type)) add(&g->meta, k->body, k->body_bytes);
}

/* ---- tensors ---- */

static int tensor_make(struct out_tensor *o, const char *name, enum fmt f, int n_dims, const int64_t *dims, struct err *e) {
    const struct fmt_row *row = fmt_find(f);
    size_t n = strlen(name);
    if (n < 1 || n > GGUF_MAX_NAME)
        return fail(e, ERR_ARG, "tensor %.60s: expected a name of 1 to %d bytes, found %zu", name, GGUF_MAX_NAME, n);
    if (!row) return fail(e, ERR_ARG, "tensor %.60s: expected a format of the table, found %d", name, (int)f);
    if (n_dims < 1 || n_dims > 4) return fail(e, ERR_ARG, "tensor %.60s: expected 1 to 4 dimensions, found %d", name, n_dims);
    *o = (struct out_tensor){.t = {.name = name, .n_dims = n_dims}};
    for (int i = 0; i < n_dims; i++) {
        if (dims[i] < 1)
            return fail(e, ERR_ARG, "tensor %.60s: expected dimensions of at least 1, found %" PRId64, name, dims[i]);
        o->t.dims[i] = dims[i];
    }
    TRY(weights__shape(&o->t, row, NULL, -1, e));
    o->t.name = strdup(name);
    return o->t.name ? 0 : fail(e, ERR_NOMEM, "tensor %.60s: out of memory", name);
}

/* NULL, if the writer has failed before or does now. */
static struct out_tensor *tensor_add(struct gguf_writer *g, const char *name, enum fmt f, int n_dims, const int64_t *dims) {
    struct out_tensor o = {0};
    if (g->first.code) return NULL;
    if (weights__room(&g->tensors, &g->cap_tensors, g->n_tensors, sizeof *g->tensors, &g->first) < 0) return NULL;
    if (tensor_make(&o, name, f, n_dims, dims, &g->first) < 0) return NULL;
    g->tensors[g->n_tensors] = o;
    return &g->tensors[g->n_tensors++];
}

void gguf_put_tensor(struct gguf_writer *g, const char *name, enum fmt f, int n_dims, const int64_t *dims, const void *data) {
    struct out_tensor *o = tensor_add(g, name, f, n_dims, dims);
    if (o) o->data = data;
}

void gguf_put_tensor_from(struct gguf_writer *g, const char *name, enum fmt f, int n_dims, const int64_t *dims, gguf_fill_fn fill,
                          void *ctx) {
    struct out_tensor *o = tensor_add(g, name, f, n_dims, dims);
    if (o) o->fill = fill, o->ctx = ctx;
}

/* ---- the file ---- */

static int by_name(const void *a, const void *b) { return strcmp(*(char *const *)a, *(char *const *)b); }

/* names: n of them, sorted here. */
static int refuse_twice(const char **names, int64_t n, const char *what, struct err *e) {
    if (n > 1) qsort(names, (size_t)n, sizeof *names, by_name);
    for (int64_t i = 1; i < n; i++)
        if (strcmp(names[i - 1], names[i]) == 0)
            return fail(e, ERR_ARG, "%s %.60s: expected each name once, found it again", what, names[i]);
    return 0;
}

static int check_names(struct gguf_writer *g, struct err *e) {
    int64_t n = g->n_keys > g->n_tensors ? g->n_keys : g->n_tensors;
    const char **names = malloc((size_t)n * sizeof *names + 1);
    if (!names) return fail(e, ERR_NOMEM, "out of memory for %" PRId64 " names", n);
    for (int64_t i = 0; i < g->n_keys; i++) names[i] = g->keys[i];
    int rc = refuse_twice(names, g->n_keys, "key", e);
    for (int64_t i = 0; i < g->n_tensors; i++) names[i] = g->tensors[i].t.name;
    if (rc == 0) rc = refuse_twice(names, g->n_tensors, "tensor", e);
    free(names);
    return rc;
}

static uint64_t padded(uint64_t n, uint64_t align) { return (n + align - 1) / align * align; }

static void encode_directory(const struct gguf_writer *g, struct str *b) {
    uint64_t offset = 0;
    for (int64_t i = 0; i < g->n_tensors; i++) {
        const struct tensor *t = &g->tensors[i].t;
        add_str(b, t->name, strlen(t->name));
        add_u32(b, (uint32_t)t->n_dims);
        for (int d = t->n_dims - 1; d >= 0; d--) add_u64(b, (uint64_t)t->dims[d]);
        add_u32(b, (uint32_t)t->m.fmt);
        add_u64(b, offset);
        offset += padded(t->bytes, g->align);
    }
}

static void write_padding(FILE *f, uint64_t n, uint64_t align) {
    static const char zeros[64];
    uint64_t pad = padded(n, align) - n;
    for (uint64_t k; pad; pad -= k) {
        k = pad < sizeof zeros ? pad : sizeof zeros;
        fwrite(zeros, 1, (size_t)k, f);
    }
}

static int64_t piece_rows(const struct tensor *t) {
    int64_t n = (int64_t)(PIECE_BYTES / t->m.row_bytes);
    return n < 1 ? 1 : n < t->m.rows ? n : t->m.rows;
}

/* What the largest piece takes; 0: all bytes are borrowed. */
static size_t piece_bytes(const struct gguf_writer *g) {
    size_t most = 0;
    for (int64_t i = 0; i < g->n_tensors; i++) {
        const struct out_tensor *o = &g->tensors[i];
        size_t n = o->fill ? (size_t)piece_rows(&o->t) * o->t.m.row_bytes : 0;
        if (n > most) most = n;
    }
    return most;
}

/* A full disk is noticed by the next piece, not after hours of work; commit says it. */
static int write_tensor(FILE *f, const struct out_tensor *o, void *piece, struct err *e) {
    const struct mat *m = &o->t.m;
    int64_t step = piece_rows(&o->t);
    if (!o->fill) fwrite(o->data, 1, (size_t)o->t.bytes, f);
    for (int64_t r = 0; o->fill && r < m->rows && !ferror(f); r += step) {
        int64_t rows = m->rows - r < step ? m->rows - r : step;
        TRY(o->fill(o->ctx, r, rows, piece, e));
        fwrite(piece, m->row_bytes, (size_t)rows, f);
    }
    return 0;
}

static int write_all(FILE *f, const struct gguf_writer *g, const struct str *head, struct err *e) {
    size_t n = piece_bytes(g);
    void *piece = malloc(n + 1);
    if (!piece) return fail(e, ERR_NOMEM, "out of memory for a piece of %zu bytes", n);
    int rc = 0;
    fwrite(head->s, 1, head->len, f);
    write_padding(f, head->len, g->align);
    for (int64_t i = 0; rc == 0 && i < g->n_tensors && !ferror(f); i++) {
        rc = write_tensor(f, &g->tensors[i], piece, e);
        write_padding(f, g->tensors[i].t.bytes, g->align);
    }
    free(piece);
    return rc;
}

static int write_file(const struct gguf_writer *g, const struct str *head, const char *path, struct err *e) {
    struct file_out o;
    TRY(file_out_open(&o, path, e));
    int rc = write_all(o.f, g, head, e);
    if (rc == 0) return file_out_commit(&o, e);
    file_out_abort(&o);
    return rc;
}

int gguf_writer_commit(struct gguf_writer *g, const char *path, struct err *e) {
    struct str head = {.max = SIZE_MAX / 4};
    if (g->first.code) {
        if (e) *e = g->first;
        return g->first.code;
    }
    TRY(check_names(g, e));
    add(&head, "GGUF", 4);
    add_u32(&head, 3);
    add_u64(&head, (uint64_t)g->n_tensors);
    add_u64(&head, (uint64_t)g->n_keys);
    add(&head, g->meta.s, g->meta.len);
    encode_directory(g, &head);
    int rc = head.failed || g->meta.failed ? fail_at(e, ERR_NOMEM, path, -1, "out of memory for the header")
                                           : write_file(g, &head, path, e);
    str_free(&head);
    return rc;
}
