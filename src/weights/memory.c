/* Tensors made in memory: see memory.h. Values are kept as GGUF would store them, so gguf_put_copy writes them too. */
#include "weights/memory.h"
#include "weights/weights_int.h"
#include <stdlib.h>
#include <string.h>

int weights_memory_new(struct weights **out, const char *name, struct err *e) {
    TRY(weights__new(out, WEIGHTS_GGUF, name, e));
    (*out)->version = 3;
    return 0;
}

/* head: bytes before the value proper (the length of a string). */
static int put(struct weights *w, const char *key, enum gguf_type type, const void *head, size_t n_head, const void *value,
               size_t n, struct err *e) {
    struct kv *k;
    unsigned char *body = malloc(n_head + n + 1);
    if (!body) return fail(e, ERR_NOMEM, "out of memory");
    if (n_head) memcpy(body, head, n_head);
    memcpy(body + n_head, value, n);
    int rc = weights__kv_add(w, &k, key, strlen(key), w->path, -1, e);
    if (rc < 0) {
        free(body);
        return rc;
    }
    k->type = type, k->owned = body, k->raw = k->body = body, k->body_bytes = n_head + n;
    return 0;
}

int weights_memory_u32(struct weights *w, const char *key, uint32_t v, struct err *e) {
    return put(w, key, GGUF_U32, NULL, 0, &v, sizeof v, e);
}
int weights_memory_f32(struct weights *w, const char *key, float v, struct err *e) {
    return put(w, key, GGUF_F32, NULL, 0, &v, sizeof v, e);
}

int weights_memory_str(struct weights *w, const char *key, const char *s, struct err *e) {
    uint64_t n = strlen(s);
    TRY(put(w, key, GGUF_STR, &n, sizeof n, s, n, e));
    struct kv *k = &w->kv[w->n_kv - 1];
    k->text = strdup(s);
    k->ends = malloc(sizeof *k->ends);
    if (!k->text || !k->ends) return fail(e, ERR_NOMEM, "out of memory");
    k->ends[0] = n;
    return 0;
}

int weights_memory_tensor(struct weights *w, const char *name, enum fmt f, int n_dims, const int64_t *dims, void **bytes,
                          struct err *e) {
    struct tensor *t;
    TRY(weights__tensor_add(w, &t, name, strlen(name), w->path, -1, e));
    t->n_dims = n_dims;
    memcpy(t->dims, dims, (size_t)n_dims * sizeof *dims);
    TRY(weights__shape(t, fmt_find((int)f), w->path, -1, e));
    TRY(weights__room(&w->copies, &w->cap_copies, w->n_copies, sizeof *w->copies, e));
    void *p = aligned_alloc(64, ((size_t)t->bytes + 63) & ~(size_t)63);
    if (!p) return fail(e, ERR_NOMEM, "tensor %.60s: out of memory for %llu bytes", name, (unsigned long long)t->bytes);
    t->m.data = w->copies[w->n_copies++] = p;
    *bytes = p;
    return 0;
}

uint64_t weights_tensor_bytes(const struct weights *w) {
    uint64_t n = 0;
    for (int64_t i = 0; i < w->n_tensors; i++) n += w->tensors[i].bytes;
    return n;
}
