/* Calls: binding arguments to the parameters of built-in functions and of macros. */
#include "text/jinja_int.h"
#include <stdio.h>

static const struct jv error = {.t = JV_ERROR};

const struct jbuiltin *jinja__find(const struct jbuiltin *b, const char *s, size_t n) {
    for (; b->name; b++)
        if (strlen(b->name) == n && memcmp(b->name, s, n) == 0) return b;
    return NULL;
}

static int n_params(const struct jbuiltin *b) {
    int n = 0;
    while (n < JARG_MAX && b->params[n]) n++;
    return n;
}

static int bind_kw(struct jrun *r, const char *what, const struct jbuiltin *b, struct jv v[JARG_MAX], const struct jkw *kw) {
    int n = n_params(b);
    for (int i = 0; i < n; i++) {
        if (strlen(b->params[i]) != kw->n || memcmp(b->params[i], kw->s, kw->n)) continue;
        if (v[i].t != JV_MISSING)
            jinja__err(r, ERR_FORMAT, "%s '%s' got two values for its argument '%s'", what, b->name, b->params[i]);
        v[i] = kw->v;
        return r->rc;
    }
    jinja__err(r, ERR_FORMAT, "%s '%s' takes no argument '%.*s'", what, b->name, (int)(kw->n > 60 ? 60 : kw->n), kw->s);
    return r->rc;
}

struct jv jinja__invoke(struct jrun *r, const char *what, const struct jbuiltin *b, struct jv self, const struct jargs *a) {
    struct jv v[JARG_MAX] = {{0}};
    int n = n_params(b);
    if (r->rc) return error;
    if (n && !strcmp(b->params[0], "*")) return b->fn(r, self, v, a);
    if (a->n > n)
        return jinja__err(r, ERR_FORMAT, "%s '%s' takes at most %d argument%s, found %lld", what, b->name, n, n == 1 ? "" : "s",
                          (long long)a->n);
    for (int64_t i = 0; i < a->n; i++) v[i] = a->v[i];
    for (int64_t i = 0; i < a->n_kw; i++)
        if (bind_kw(r, what, b, v, &a->kw[i])) return error;
    for (int i = 0; i < b->need; i++)
        if (v[i].t == JV_MISSING)
            return jinja__err(r, ERR_FORMAT, "%s '%s' needs its argument '%s'", what, b->name, b->params[i]);
    return b->fn(r, self, v, a);
}

/* ---- filters and tests by name ---- */

/* The names of tables as a list, for the sentence that refuses an unknown one. */
static void list_names(struct jbuf *out, struct jrun *r, const struct jbuiltin *const *tables) {
    for (; *tables; tables++)
        for (const struct jbuiltin *b = *tables; b->name; b++) jinja__buf_puts(r, out, " "), jinja__buf_puts(r, out, b->name);
}

static struct jv unknown(struct jrun *r, const char *what, const char *s, size_t n, const struct jbuiltin *const *tables) {
    struct jbuf b = {0};
    list_names(&b, r, tables);
    return jinja__err(r, ERR_UNSUPPORTED, "No %s named '%.*s'; supported are:%.*s", what, (int)(n > 40 ? 40 : n), s, (int)b.n,
                      b.s ? b.s : "");
}

static const struct jbuiltin *const filters[] = {jinja__filters_text, jinja__filters_seq, jinja__filters_num, NULL};

const struct jbuiltin *jinja__find_filter(const char *s, size_t n) {
    const struct jbuiltin *b = NULL;
    for (int i = 0; filters[i] && !b; i++) b = jinja__find(filters[i], s, n);
    return b ? b : jinja__find(jinja__filters_refused, s, n);
}

struct jv jinja__filter(struct jrun *r, const char *s, size_t n, struct jv self, const struct jargs *a) {
    const struct jbuiltin *b = jinja__find_filter(s, n);
    return b ? jinja__invoke(r, "filter", b, self, a) : unknown(r, "filter", s, n, filters);
}

struct jv jinja__test(struct jrun *r, const char *s, size_t n, struct jv self, const struct jargs *a) {
    static const struct jbuiltin *const tests[] = {jinja__tests, NULL};
    const struct jbuiltin *b = jinja__find(jinja__tests, s, n);
    return b ? jinja__invoke(r, "test", b, self, a) : unknown(r, "test", s, n, tests);
}

/* ---- macros ---- */

static int is_name(const struct jnode *p, const char *z) { return strlen(z) == p->n && !memcmp(p->s, z, p->n); }

/* Takes the keyword argument s out of a. */
static struct jv pop_kw(struct jargs *a, const char *s, size_t n) {
    for (int64_t i = 0; i < a->n_kw; i++) {
        if (a->kw[i].n != n || memcmp(a->kw[i].s, s, n)) continue;
        struct jv v = a->kw[i].v;
        memmove(a->kw + i, a->kw + i + 1, (size_t)(--a->n_kw - i) * sizeof *a->kw);
        return v;
    }
    return (struct jv){.t = JV_MISSING};
}

static struct jv not_given(struct jrun *r, const struct jnode *p) {
    char *hint = jinja__alloc(r, 120);
    if (!hint) return error;
    snprintf(hint, 120, "parameter '%.*s' was not provided", (int)(p->n > 60 ? 60 : p->n), p->s);
    return jv_undef_hint(r, hint);
}

/* Parameters into scope s; r->scope is s, so that defaults see the parameters before them. */
static int bind_params(struct jrun *r, const struct jmacro *m, struct jargs *a, struct jscope *s, int64_t *n_params_out,
                       int *caller) {
    int64_t i = 0;
    for (const struct jnode *p = m->node->a; p && !r->rc; p = p->next, i++) {
        struct jv v = i < a->n ? a->v[i] : pop_kw(a, p->s, p->n);
        if (is_name(p, "caller")) *caller = 1;
        if (v.t == JV_MISSING) v = p->a ? jinja__eval(r, p->a) : not_given(r, p);
        jinja__assign(r, s, p->s, p->n, v);
    }
    *n_params_out = i;
    return r->rc;
}

static struct jv kwargs_dict(struct jrun *r, const struct jargs *a) {
    struct jv d = jv_dict(r, JV_DICT);
    for (int64_t i = 0; i < a->n_kw && !r->rc; i++) jv_put(r, d, jv_lit(a->kw[i].s, a->kw[i].n), a->kw[i].v);
    return d;
}

static const char *macro_name(const struct jmacro *m, char buf[64]) {
    snprintf(buf, 64, m->node->s ? "'%.*s'" : "None", (int)(m->node->n > 56 ? 56 : m->node->n), m->node->s);
    return buf;
}

/* What is left after the parameters: caller, kwargs, varargs, or an error. */
static int bind_rest(struct jrun *r, const struct jmacro *m, struct jargs *a, struct jscope *s, int64_t n, int has_caller) {
    char buf[64];
    if (m->caller && !has_caller) {
        struct jv c = pop_kw(a, "caller", 6);
        jinja__assign(r, s, "caller", 6, c.t == JV_MISSING ? jv_undef_hint(r, "No caller defined") : c);
    }
    if (m->catch_kw)
        jinja__assign(r, s, "kwargs", 6, kwargs_dict(r, a));
    else if (a->n_kw)
        jinja__err(r, ERR_FORMAT, "macro %s takes no keyword argument '%.*s'", macro_name(m, buf),
                   (int)(a->kw[0].n > 60 ? 60 : a->kw[0].n), a->kw[0].s);
    if (m->catch_var) {
        struct jv rest = jv_seq(r, SEQ_TUPLE, 0);
        for (int64_t i = n; i < a->n && !r->rc; i++) jv_push(r, rest, a->v[i]);
        jinja__assign(r, s, "varargs", 7, rest);
    } else if (a->n > n) {
        jinja__err(r, ERR_FORMAT, "macro %s takes not more than %lld argument(s)", macro_name(m, buf), (long long)n);
    }
    return r->rc;
}

struct jv jinja__call_macro(struct jrun *r, const struct jmacro *m, const struct jargs *given) {
    struct jargs a = *given;
    struct jscope *was = r->scope, *s = jinja__scope(r, m->scope);
    int64_t n = 0;
    int caller = 0;
    struct jv out = error;
    if (!s) return error;
    r->scope = s;
    if (!bind_params(r, m, &a, s, &n, &caller) && !bind_rest(r, m, &a, s, n, caller)) out = jinja__capture(r, m->node->d, s);
    r->scope = was;
    return out;
}

struct jv jv_call(struct jrun *r, struct jv f, const struct jargs *a) {
    if (r->rc) return error;
    if (r->depth + 8 >= JINJA_MAX_DEPTH)
        return jinja__err(r, ERR_LIMIT, "expected calls at most %d deep within each other, found more", JINJA_MAX_DEPTH);
    switch (f.t) {
    case JV_UNDEF: return jv_use_undef(r, f);
    case JV_MACRO: return jinja__call_macro(r, f.u.macro, a);
    case JV_METHOD: return jinja__invoke(r, "method", f.u.method->b, f.u.method->self, a);
    case JV_FUNC: return jinja__invoke(r, "function", f.u.func, jv_none(), a);
    case JV_LOOP: return jinja__call_loop(r, f.u.loop, a);
    case JV_JOINER: /* nothing the first time, then its separator */ return f.u.cycler->i++ ? f.u.cycler->items : jv_lit("", 0);
    default: return jinja__err(r, ERR_FORMAT, "'%s' object is not callable", jv_type_name(f));
    }
}
