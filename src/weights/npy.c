/* NumPy .npy.
 *
 *   0x93 'N' 'U' 'M' 'P' 'Y' | u8 major | u8 minor | header length: u16 (1.0) or u32 (2.0) | header | data
 *   header: {'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), } and spaces, ended by a newline; the whole is a multiple of 64
 *
 * The header is a Python literal; the three keys, each once and in any order, are all that is read. It says nothing the file's
 * size does not confirm: the data must be exactly the shape's bytes, before any of them is allocated. */
#include "weights/npy.h"
#include "base/fs.h"
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { PREFIX = 6, NPY_ALIGN = 64, MAX_DIMS = 8 };
static const char magic[PREFIX + 1] = "\x93NUMPY";
static const struct {
    const char *descr;
    size_t bytes;
} types[] = {[NPY_F4] = {"<f4", 4}, [NPY_F8] = {"<f8", 8}, [NPY_I4] = {"<i4", 4}, [NPY_I8] = {"<i8", 8}};
enum { N_TYPES = sizeof types / sizeof *types };

/* ---- the header, read ---- */

struct scan {
    const char *p, *end, *begin; /* begin: of the file */
    const char *path;
    struct err *e;
};

static int expected(const struct scan *s, const char *what) {
    char found[24];
    size_t n = 0;
    for (const char *p = s->p; p < s->end && n + 1 < sizeof found && *p != '\n'; p++)
        found[n++] = *p >= ' ' && *p < 127 ? *p : '?';
    found[n] = 0;
    return fail_at(s->e, ERR_FORMAT, s->path, s->p - s->begin, "header: expected %s, found '%s'", what, found);
}

static void skip_space(struct scan *s) {
    while (s->p < s->end && *s->p == ' ') s->p++;
}

/* Takes the word and the spaces before it, if it comes next. */
static int eat(struct scan *s, const char *word) {
    size_t n = strlen(word);
    skip_space(s);
    if ((size_t)(s->end - s->p) < n || memcmp(s->p, word, n) != 0) return 0;
    s->p += n;
    return 1;
}

static int need(struct scan *s, const char *word, const char *what) { return eat(s, word) ? 0 : expected(s, what); }

static int scan_descr(struct scan *s, struct npy *a) {
    for (int i = 0; i < N_TYPES; i++) {
        char quoted[8];
        snprintf(quoted, sizeof quoted, "'%s'", types[i].descr);
        if (!eat(s, quoted)) continue;
        a->type = (enum npy_type)i;
        return 0;
    }
    int rc = expected(s, "descr of '<f4', '<f8', '<i4' or '<i8'");
    if (s->e) s->e->code = ERR_UNSUPPORTED;
    return rc == ERR_FORMAT ? ERR_UNSUPPORTED : rc;
}

static int scan_order(struct scan *s) {
    const char *at = s->p;
    if (eat(s, "False")) return 0;
    if (!eat(s, "True")) return expected(s, "fortran_order of False");
    return fail_at(s->e, ERR_UNSUPPORTED, s->path, at - s->begin, "header: expected fortran_order of False, found True");
}

static int scan_dim(struct scan *s, struct npy *a) {
    int64_t v = 0;
    int digits = 0;
    skip_space(s);
    if (a->n_dims == MAX_DIMS) return expected(s, "at most 8 dimensions");
    for (; s->p < s->end && *s->p >= '0' && *s->p <= '9'; s->p++, digits++)
        if (__builtin_mul_overflow(v, 10, &v) || __builtin_add_overflow(v, *s->p - '0', &v))
            return expected(s, "a dimension below 2^63");
    if (!digits) return expected(s, "a dimension");
    a->dims[a->n_dims++] = v;
    return 0;
}

/* () or (3,) or (3, 4) or (3, 4,) — but not (3), which is no tuple. */
static int scan_shape(struct scan *s, struct npy *a) {
    TRY(need(s, "(", "a tuple as shape"));
    while (!eat(s, ")")) {
        TRY(scan_dim(s, a));
        if (eat(s, ",")) continue;
        if (a->n_dims == 1) return expected(s, "',' behind the only dimension");
        TRY(need(s, ")", "',' or ')' in shape"));
        break;
    }
    return 0;
}

static int scan_entry(struct scan *s, struct npy *a, unsigned *seen) {
    static const char *const keys[] = {"'descr'", "'fortran_order'", "'shape'"};
    for (unsigned k = 0; k < 3; k++) {
        const char *at = s->p;
        if (!eat(s, keys[k])) continue;
        if (*seen & 1u << k)
            return fail_at(s->e, ERR_FORMAT, s->path, at - s->begin, "header: expected %s once, found it again", keys[k]);
        *seen |= 1u << k;
        TRY(need(s, ":", "':'"));
        return k == 0 ? scan_descr(s, a) : k == 1 ? scan_order(s) : scan_shape(s, a);
    }
    return expected(s, "'descr', 'fortran_order' or 'shape'");
}

static int scan_header(struct scan *s, struct npy *a) {
    unsigned seen = 0;
    TRY(need(s, "{", "'{'"));
    while (!eat(s, "}")) {
        TRY(scan_entry(s, a, &seen));
        if (eat(s, ",")) continue;
        TRY(need(s, "}", "',' or '}'"));
        break;
    }
    if (seen != 7) return expected(s, "all of descr, fortran_order and shape before the end");
    TRY(need(s, "\n", "a newline at the end"));
    return s->p == s->end ? 0 : expected(s, "nothing behind the newline");
}

/* *data: where the numbers begin. */
static int read_head(struct npy *a, const struct map *m, const char *path, size_t *data, struct err *e) {
    size_t fixed = PREFIX + 2 + 2, n;
    if (m->size < fixed || memcmp(m->data, magic, PREFIX) != 0)
        return fail_at(e, ERR_FORMAT, path, 0, "expected the magic of NumPy, found %s",
                       m->size < fixed ? "a shorter file" : "other bytes");
    const unsigned char *p = m->data + PREFIX;
    if ((p[0] != 1 && p[0] != 2) || p[1] != 0)
        return fail_at(e, ERR_UNSUPPORTED, path, PREFIX, "expected version 1.0 or 2.0, found %d.%d", p[0], p[1]);
    n = (size_t)p[2] | (size_t)p[3] << 8;
    if (p[0] == 2) {
        fixed += 2;
        if (m->size < fixed) return fail_at(e, ERR_FORMAT, path, PREFIX + 2, "expected 4 bytes of header length, found the end");
        n |= (size_t)p[4] << 16 | (size_t)p[5] << 24;
    }
    if (n > m->size - fixed)
        return fail_at(e, ERR_FORMAT, path, PREFIX + 2, "header: expected a length within the %zu bytes that follow, found %zu",
                       m->size - fixed, n);
    const char *begin = (const char *)m->data;
    struct scan s = {begin + fixed, begin + fixed + n, begin, path, e};
    *data = fixed + n;
    return scan_header(&s, a);
}

/* ---- sizes ---- */

static int count_of(int64_t *count, enum npy_type t, int n_dims, const int64_t *dims, const char *path, struct err *e) {
    int64_t n = 1, bytes;
    int over = 0, empty = 0;
    if (n_dims < 0 || n_dims > MAX_DIMS)
        return fail_at(e, ERR_ARG, path, -1, "shape: expected 0 to 8 dimensions, found %d", n_dims);
    if ((int)t < 0 || (int)t >= N_TYPES) return fail_at(e, ERR_ARG, path, -1, "expected a type of the table, found %d", (int)t);
    for (int i = 0; i < n_dims; i++) {
        if (dims[i] < 0) return fail_at(e, ERR_ARG, path, -1, "shape: expected no negative dimension, found %" PRId64, dims[i]);
        empty |= dims[i] == 0;
        over |= __builtin_mul_overflow(n, dims[i], &n);
    }
    if (empty) over = 0, n = 0;
    over |= __builtin_mul_overflow(n, (int64_t)types[t].bytes, &bytes);
    if (over) return fail_at(e, ERR_FORMAT, path, -1, "shape: expected fewer than 2^63 bytes, found more");
    *count = n;
    return 0;
}

static int read_data(struct npy *a, const struct map *m, const char *path, size_t at, struct err *e) {
    TRY(count_of(&a->count, a->type, a->n_dims, a->dims, path, e));
    size_t bytes = (size_t)a->count * types[a->type].bytes;
    if (m->size - at != bytes)
        return fail_at(e, ERR_FORMAT, path, (int64_t)at, "data: expected %zu bytes for the shape, found %zu", bytes,
                       m->size - at);
    if (!(a->data = malloc(bytes + 1))) return fail_at(e, ERR_NOMEM, path, (int64_t)at, "out of memory for %zu bytes", bytes);
    memcpy(a->data, m->data + at, bytes);
    return 0;
}

int npy_read(struct npy *out, const char *path, struct err *e) {
    struct npy a = {0};
    struct map m;
    size_t at = 0;
    TRY(map_open(&m, path, e));
    int rc = read_head(&a, &m, path, &at, e);
    if (rc == 0) rc = read_data(&a, &m, path, at, e);
    map_close(&m);
    if (rc == 0) *out = a;
    return rc;
}

void npy_free(struct npy *a) {
    if (!a) return;
    free(a->data);
    *a = (struct npy){0};
}

/* ---- written ---- */

struct npy_out {
    struct file_out file;
    size_t bytes; /* of an element */
    int64_t count, written;
};

/* Eight dimensions of 20 digits fit 256 bytes, so version 1.0 always does. */
static void write_head(FILE *f, enum npy_type t, int n_dims, const int64_t *dims) {
    char head[512], shape[256] = "";
    size_t k = 0;
    for (int i = 0; i < n_dims; i++)
        k += (size_t)snprintf(shape + k, sizeof shape - k, "%s%" PRId64 "%s", i ? " " : "", dims[i],
                              i + 1 < n_dims || n_dims == 1 ? "," : "");
    int n = snprintf(head, sizeof head, "{'descr': '%s', 'fortran_order': False, 'shape': (%s), }", types[t].descr, shape);
    size_t whole = ((size_t)n + PREFIX + 4 + 1 + NPY_ALIGN - 1) / NPY_ALIGN * NPY_ALIGN, len = whole - PREFIX - 4;
    fwrite(magic, 1, PREFIX, f);
    fwrite((const unsigned char[]){1, 0, (unsigned char)len, (unsigned char)(len >> 8)}, 1, 4, f);
    fprintf(f, "%-*s\n", (int)len - 1, head);
}

int npy_out_open(struct npy_out **out, const char *path, enum npy_type t, int n_dims, const int64_t *dims, struct err *e) {
    int64_t count = 0;
    TRY(count_of(&count, t, n_dims, dims, path, e));
    struct npy_out *o = calloc(1, sizeof *o);
    if (!o) return fail_at(e, ERR_NOMEM, path, -1, "out of memory");
    int rc = file_out_open(&o->file, path, e);
    if (rc < 0) {
        free(o);
        return rc;
    }
    o->bytes = types[t].bytes;
    o->count = count;
    write_head(o->file.f, t, n_dims, dims);
    *out = o;
    return 0;
}

int npy_out_write(struct npy_out *o, const void *data, int64_t count, struct err *e) {
    if (count < 0 || count > o->count - o->written)
        return fail_at(e, ERR_RANGE, o->file.path, -1, "expected at most %" PRId64 " more elements, found %" PRId64,
                       o->count - o->written, count);
    if (count && fwrite(data, o->bytes, (size_t)count, o->file.f) != (size_t)count)
        return fail_at(e, ERR_IO, o->file.path, -1, "cannot write %" PRId64 " elements", count);
    o->written += count;
    return 0;
}

int npy_out_commit(struct npy_out *o, struct err *e) {
    int rc = 0;
    if (o->written != o->count)
        rc = fail_at(e, ERR_STATE, o->file.path, -1, "expected %" PRId64 " elements for the shape, found %" PRId64 " written",
                     o->count, o->written);
    if (rc == 0)
        rc = file_out_commit(&o->file, e);
    else
        file_out_abort(&o->file);
    free(o);
    return rc;
}

void npy_out_abort(struct npy_out *o) {
    if (!o) return;
    file_out_abort(&o->file);
    free(o);
}

int npy_write(const char *path, enum npy_type t, int n_dims, const int64_t *dims, const void *data, struct err *e) {
    struct npy_out *o = NULL;
    TRY(npy_out_open(&o, path, t, n_dims, dims, e));
    int rc = npy_out_write(o, data, o->count, e);
    if (rc == 0) return npy_out_commit(o, e);
    npy_out_abort(o);
    return rc;
}
