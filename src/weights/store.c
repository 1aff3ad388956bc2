/* The inside of a struct weights, as it is built: names to entries, sizes, and the few questions every source asks of a tensor.
 *
 * Names are found by a hash table of (name, index); it is filled as entries are added, so a name that comes twice is refused at its
 * second byte and not later. The table is at most half full. */
#include "base/hash.h"
#include "weights/weights_int.h"
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

const char *weights__show(struct shown *b, const void *p, uint64_t n) {
    const unsigned char *s = p;
    size_t k = n < 60 ? (size_t)n : 60;
    for (size_t i = 0; i < k; i++) b->s[i] = s[i] >= ' ' && s[i] < 127 ? (char)s[i] : '?';
    memcpy(b->s + k, n > 60 ? ".." : "\0\0", 3);
    return b->s;
}

/* ---- names ---- */

static struct name_slot *names_slot(const struct names *t, const char *name) {
    uint64_t i = hash_text(name) & (t->cap - 1);
    while (t->slot[i].name && strcmp(t->slot[i].name, name) != 0) i = (i + 1) & (t->cap - 1);
    return &t->slot[i];
}

static int64_t names_find(const struct names *t, const char *name) {
    if (!t->cap) return -1;
    const struct name_slot *s = names_slot(t, name);
    return s->name ? s->i : -1;
}

static int names_grow(struct names *t, struct err *e) {
    struct names big = {.cap = t->cap ? 2 * t->cap : 64, .n = t->n};
    big.slot = calloc(big.cap, sizeof *big.slot);
    if (!big.slot) return fail(e, ERR_NOMEM, "out of memory for %" PRIu64 " names", big.cap);
    for (uint64_t i = 0; i < t->cap; i++)
        if (t->slot[i].name) *names_slot(&big, t->slot[i].name) = t->slot[i];
    free(t->slot);
    *t = big;
    return 0;
}

static int names_add(struct names *t, const char *name, int64_t i, struct err *e) {
    if (2 * (t->n + 1) > t->cap) TRY(names_grow(t, e));
    *names_slot(t, name) = (struct name_slot){name, i};
    t->n++;
    return 0;
}

/* ---- entries ---- */

int weights__room(void *p, int64_t *cap, int64_t n, size_t size, struct err *e) {
    void **array = p;
    if (n < *cap) return 0;
    int64_t more = *cap ? 2 * *cap : 16;
    void *grown = realloc(*array, (size_t)more * size);
    if (!grown) return fail(e, ERR_NOMEM, "out of memory for %" PRId64 " entries", more);
    *array = grown;
    *cap = more;
    return 0;
}

/* A NUL-terminated copy of a name that is new to the table. */
static int name_new(char **out, const struct names *t, const char *what, const void *p, uint64_t n, const char *path, int64_t at,
                    struct err *e) {
    struct shown shown;
    const char *bad = n == 0 ? "an empty one" : memchr(p, 0, n) ? "a NUL byte inside" : NULL;
    weights__show(&shown, p, n);
    if (bad) return fail_at(e, ERR_FORMAT, path, at, "%s %s: expected a name, found %s", what, shown.s, bad);
    char *s = malloc(n + 1);
    if (!s) return fail_at(e, ERR_NOMEM, path, at, "%s %s: out of memory", what, shown.s);
    memcpy(s, p, n);
    s[n] = 0;
    if (names_find(t, s) >= 0) {
        free(s);
        return fail_at(e, ERR_FORMAT, path, at, "%s %s: expected each name once, found it again", what, shown.s);
    }
    *out = s;
    return 0;
}

int weights__kv_add(struct weights *w, struct kv **out, const void *key, uint64_t n, const char *path, int64_t at,
                    struct err *e) {
    char *s = NULL;
    TRY(weights__room(&w->kv, &w->cap_kv, w->n_kv, sizeof *w->kv, e));
    TRY(name_new(&s, &w->kv_names, "key", key, n, path, at, e));
    w->kv[w->n_kv] = (struct kv){.key = s, .at = at};
    *out = &w->kv[w->n_kv++];
    return names_add(&w->kv_names, s, w->n_kv - 1, e);
}

int weights__tensor_add(struct weights *w, struct tensor **out, const void *name, uint64_t n, const char *path, int64_t at,
                        struct err *e) {
    char *s = NULL;
    TRY(weights__room(&w->tensors, &w->cap_tensors, w->n_tensors, sizeof *w->tensors, e));
    TRY(name_new(&s, &w->tensor_names, "tensor", name, n, path, at, e));
    w->tensors[w->n_tensors] = (struct tensor){.name = s};
    *out = &w->tensors[w->n_tensors++];
    return names_add(&w->tensor_names, s, w->n_tensors - 1, e);
}

const struct kv *weights__kv(const struct weights *w, const char *key) {
    int64_t i = names_find(&w->kv_names, key);
    return i < 0 ? NULL : &w->kv[i];
}

const struct tensor *weights_tensor(const struct weights *w, const char *name) {
    int64_t i = names_find(&w->tensor_names, name);
    return i < 0 ? NULL : &w->tensors[i];
}

/* ---- tensors ---- */

int weights__shape(struct tensor *t, const struct fmt_row *f, const char *path, int64_t at, struct err *e) {
    struct shown name;
    int64_t rows = 1, cols = t->dims[t->n_dims - 1], all;
    uint64_t row_bytes, bytes;
    int over = 0;
    weights__show(&name, t->name, strlen(t->name));
    if (cols % f->block)
        return fail_at(e, ERR_FORMAT, path, at, "tensor %s: expected rows of a multiple of %d for %s, found %" PRId64, name.s,
                       f->block, f->name, cols);
    for (int i = 0; i + 1 < t->n_dims; i++) over |= __builtin_mul_overflow(rows, t->dims[i], &rows);
    over |= __builtin_mul_overflow(rows, cols, &all);
    over |= __builtin_mul_overflow((uint64_t)(cols / f->block), (uint64_t)f->bytes, &row_bytes);
    over |= __builtin_mul_overflow((uint64_t)rows, row_bytes, &bytes);
    if (over || bytes > INT64_MAX)
        return fail_at(e, ERR_FORMAT, path, at,
                       "tensor %s: expected a size below 2^63 bytes, found dimensions whose product is larger", name.s);
    t->m = (struct mat){.fmt = f->id, .rows = rows, .cols = cols, .row_bytes = (size_t)row_bytes};
    t->bytes = bytes;
    return 0;
}

/* Blocks begin with an f16 and are else bytes. */
static size_t fmt_align(const struct mat *m) { return m->fmt == FMT_F64 ? 8 : m->fmt == FMT_F32 ? 4 : 2; }

int weights__data(struct weights *w, struct tensor *t, const void *p, struct err *e) {
    t->m.data = p;
    if ((uintptr_t)p % fmt_align(&t->m) == 0) return 0;
    TRY(weights__room(&w->copies, &w->cap_copies, w->n_copies, sizeof *w->copies, e));
    void *copy = malloc(t->bytes);
    if (!copy)
        return fail(e, ERR_NOMEM, "tensor %.60s: out of memory for an aligned copy of %" PRIu64 " bytes", t->name, t->bytes);
    memcpy(copy, p, t->bytes);
    t->m.data = w->copies[w->n_copies++] = copy;
    return 0;
}

static int by_from(const void *a, const void *b) {
    const struct span *x = a, *y = b;
    return x->from != y->from ? (x->from > y->from) - (x->from < y->from) : (x->to > y->to) - (x->to < y->to);
}

const struct span *weights__overlap(struct span *s, int64_t n) {
    if (n > 1) qsort(s, (size_t)n, sizeof *s, by_from);
    for (int64_t i = 1; i < n; i++)
        if (s[i].from < s[i - 1].to) return &s[i];
    return NULL;
}

int weights__fail_overlap(const struct span *s, const char *path, struct err *e) {
    const struct span *x = s - 1;
    struct shown a, b;
    weights__show(&a, x->name, strlen(x->name));
    weights__show(&b, s->name, strlen(s->name));
    return fail_at(e, ERR_FORMAT, path, s->at,
                   "tensor %s: expected data of its own, found bytes %" PRIu64 " to %" PRIu64 " overlap tensor %s's %" PRIu64
                   " to %" PRIu64,
                   b.s, s->from, s->to, a.s, x->from, x->to);
}
