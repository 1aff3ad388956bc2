/* Memory of templates and renders: chunks that are freed together, with a limit. */
#include "text/jinja_int.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

enum { CHUNK = 64 << 10 };
struct jchunk {
    struct jchunk *next;
    _Alignas(16) char data[];
};

void *jinja__pool_alloc(struct jpool *p, size_t n) {
    if (n > p->most) return NULL;
    n = (n + 15) & ~(size_t)15;
    if (!p->chunks || n > p->cap - p->used) {
        size_t cap = n > CHUNK / 4 ? n : CHUNK;
        if (cap > p->most - p->total) return NULL;
        struct jchunk *c = calloc(1, sizeof *c + cap);
        if (!c) return NULL;
        p->total += cap;
        if (cap == n && p->chunks) { /* a block of its own, behind the chunk that still has room */
            c->next = p->chunks->next, p->chunks->next = c;
            return c->data;
        }
        c->next = p->chunks, p->chunks = c;
        p->used = 0, p->cap = cap;
    }
    void *out = p->chunks->data + p->used;
    p->used += n;
    return out;
}

void jinja__pool_free(struct jpool *p) {
    for (struct jchunk *c = p->chunks, *next; c; c = next) next = c->next, free(c);
    p->chunks = NULL, p->used = p->cap = p->total = 0;
}

static int place(struct err *e, int code, const struct jinja *t, int line, int col, const char *fmt, va_list ap) {
    char msg[sizeof e->msg], where[sizeof e->where];
    vsnprintf(msg, sizeof msg, fmt, ap);
    snprintf(where, sizeof where, "%.*s:%d", (int)sizeof where - 16, t->where, line);
    return fail_at(e, code, where, col, "%s", msg);
}

int jinja__place(struct err *e, int code, const struct jinja *t, int line, int col, const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    place(e, code, t, line, col, fmt, ap);
    va_end(ap);
    return code;
}

struct jv jinja__err(struct jrun *r, int code, const char *fmt, ...) {
    if (!r->rc) {
        va_list ap;
        va_start(ap, fmt);
        r->rc = place(r->e, code, r->t, r->at ? r->at->line : 1, r->at ? r->at->col : 1, fmt, ap);
        va_end(ap);
    }
    return (struct jv){.t = JV_ERROR};
}

int jinja__work(struct jrun *r, size_t bytes) {
    if (r->rc) return r->rc;
    r->steps += 1 + (int64_t)(bytes / 2);
    if (r->steps > JINJA_MAX_STEPS)
        jinja__err(r, ERR_LIMIT, "expected a template that ends within %d steps, found more", JINJA_MAX_STEPS);
    return r->rc;
}

void *jinja__alloc(struct jrun *r, size_t n) {
    if (jinja__work(r, n)) return NULL;
    void *p = jinja__pool_alloc(&r->pool, n ? n : 1);
    if (!p)
        jinja__err(r, ERR_LIMIT, "expected a template that takes at most %u MiB of memory, found one that wants more",
                   JINJA_MAX_MEMORY >> 20);
    return p;
}

int jinja__buf_add(struct jrun *r, struct jbuf *b, const char *s, size_t n) {
    if (r->rc) return r->rc;
    if (n > b->cap - b->n) {
        if (n > JINJA_MAX_OUTPUT - b->n) {
            jinja__err(r, ERR_LIMIT, "expected a text of at most %u MiB, found a longer one", JINJA_MAX_OUTPUT >> 20);
            return r->rc;
        }
        size_t cap = 2 * (b->n + n) + 64;
        char *p = jinja__alloc(r, cap);
        if (!p) return r->rc;
        if (b->n) memcpy(p, b->s, b->n);
        b->s = p, b->cap = cap;
    }
    if (n) memcpy(b->s + b->n, s, n);
    b->n += n;
    return jinja__work(r, n);
}

int jinja__buf_puts(struct jrun *r, struct jbuf *b, const char *z) { return jinja__buf_add(r, b, z, strlen(z)); }

struct jv jinja__buf_str(const struct jbuf *b) {
    return jv_lit(b->s ? b->s : "", b->n);
}
