/* Statements: from the tree to text. Scopes are Jinja's: for, macro, call, with, filter, block set and generation open one, if does
 * not; a name is looked up from the inside out, then among the functions. */
#include "text/jinja_int.h"
#include <stdlib.h>

static const struct jv error = {.t = JV_ERROR};

struct jscope *jinja__scope(struct jrun *r, struct jscope *parent) {
    struct jscope *s = jinja__alloc(r, sizeof *s);
    if (s) s->parent = parent;
    return s;
}

void jinja__keep(struct jscope *s) {
    for (; s && !s->kept; s = s->parent) s->kept = 1;
}

int jinja__assign(struct jrun *r, struct jscope *s, const char *name, size_t n, struct jv v) {
    if (r->rc) return r->rc;
    for (int64_t i = 0; i < s->n; i++)
        if (s->vars[i].n == n && memcmp(s->vars[i].s, name, n) == 0) {
            s->vars[i].v = v;
            return i > 16 ? jinja__work(r, (size_t)i) : r->rc;
        }
    if (s->n == s->cap) {
        int64_t cap = 2 * s->cap + 4;
        struct jvar *p = jinja__alloc(r, (size_t)cap * sizeof *p);
        if (!p) return r->rc;
        if (s->n) memcpy(p, s->vars, (size_t)s->n * sizeof *p);
        s->vars = p, s->cap = cap;
    }
    s->vars[s->n++] = (struct jvar){name, n, v};
    return s->n > 16 ? jinja__work(r, (size_t)s->n) : r->rc;
}

struct jv jinja__lookup(struct jrun *r, const char *name, size_t n) {
    for (const struct jscope *s = r->scope; s; s = s->parent) {
        for (int64_t i = 0; i < s->n; i++)
            if (s->vars[i].n == n && memcmp(s->vars[i].s, name, n) == 0) return s->vars[i].v;
        if (s->n > 16 && jinja__work(r, (size_t)s->n)) return error;
    }
    const struct jbuiltin *b = jinja__find(jinja__globals, name, n);
    return b ? (struct jv){.t = JV_FUNC, .u.func = b} : jv_undef(r, jv_lit(name, n));
}

struct jv jinja__capture(struct jrun *r, const struct jnode *body, struct jscope *scope) {
    struct jbuf b = {0}, *out = r->out;
    struct jscope *was = r->scope;
    if (!scope) return error;
    r->out = &b, r->scope = scope;
    jinja__exec(r, body);
    r->out = out, r->scope = was;
    return r->rc ? error : jinja__buf_str(&b);
}

/* ---- assignments ---- */

static int assign_items(struct jrun *r, struct jscope *s, const struct jnode *target, struct jv v) {
    struct jv items = jv_list_of(r, v);
    int64_t i = 0, want = 0;
    for (const struct jnode *t = target->a; t; t = t->next) want++;
    if (!r->rc && items.u.seq->n != want)
        jinja__err(r, ERR_FORMAT,
                   items.u.seq->n > want ? "too many values to unpack (expected %lld, found %lld)"
                                         : "not enough values to unpack (expected %lld, got %lld)",
                   (long long)want, (long long)items.u.seq->n);
    for (const struct jnode *t = target->a; t && !r->rc; t = t->next) jinja__assign(r, s, t->s, t->n, items.u.seq->v[i++]);
    return r->rc;
}

static int assign_attr(struct jrun *r, const struct jnode *target, struct jv v) {
    struct jv ns = jinja__lookup(r, target->s, target->n);
    r->at = target;
    if (ns.t != JV_NS) jinja__err(r, ERR_FORMAT, "cannot assign attribute on non-namespace object");
    return r->rc ? r->rc : jv_put(r, ns, jv_lit(target->a->s, target->a->n), v);
}

int jinja__assign_target(struct jrun *r, struct jscope *s, const struct jnode *target, struct jv v) {
    if (r->rc) return r->rc;
    if (target->kind == N_NS_ATTR) return assign_attr(r, target, v);
    if (target->kind == N_SEQ) return assign_items(r, s, target, v);
    return jinja__assign(r, s, target->s, target->n, v);
}

/* A body's text through the filters behind it, innermost first; the text is r->out. */
static struct jv filtered(struct jrun *r, const struct jnode *filters, struct jv text) {
    struct jbuf b = {.s = (char *)(uintptr_t)text.u.s, .n = text.n}, *out = r->out;
    if (!filters || r->rc) return text;
    r->out = &b;
    struct jv v = jinja__eval(r, filters);
    r->out = out;
    return v;
}

static void exec_set_block(struct jrun *r, const struct jnode *n) {
    struct jv text = jinja__capture(r, n->d, jinja__scope(r, r->scope));
    jinja__assign_target(r, r->scope, n->a, filtered(r, n->b, text));
}

static void exec_filter_block(struct jrun *r, const struct jnode *n) {
    struct jscope *was = r->scope, *s = jinja__scope(r, was);
    struct jv text = jinja__capture(r, n->d, s);
    r->scope = s;
    struct jv v = filtered(r, n->b, text);
    r->scope = was;
    if (!r->rc) jinja__add_str(r, r->out, v);
}

/* ---- macros ---- */

static struct jv macro_of(struct jrun *r, const struct jnode *n) {
    struct jmacro *m = jinja__alloc(r, sizeof *m);
    if (!m) return error;
    jinja__keep(r->scope);
    *m = (struct jmacro){n, r->scope, (n->op & USES_KWARGS) != 0, (n->op & USES_VARARGS) != 0, (n->op & USES_CALLER) != 0};
    return (struct jv){.t = JV_MACRO, .u.macro = m};
}

static void exec_call_block(struct jrun *r, const struct jnode *n) {
    struct jargs a;
    struct jv caller = macro_of(r, n), f = jinja__eval(r, n->b->a);
    if (jinja__eval_args(r, n->b->b, &a)) return;
    struct jkw *kw = jinja__alloc(r, (size_t)(a.n_kw + 1) * sizeof *kw);
    if (!kw) return;
    if (a.n_kw) memcpy(kw, a.kw, (size_t)a.n_kw * sizeof *kw);
    kw[a.n_kw++] = (struct jkw){"caller", 6, caller};
    a.kw = kw;
    r->at = n->b;
    struct jv v = jv_call(r, f, &a);
    if (!r->rc) jinja__add_str(r, r->out, v);
}

/* ---- the rest ---- */

static void exec_print(struct jrun *r, const struct jnode *n) {
    for (const struct jnode *i = n->a; i && !r->rc; i = i->next) {
        struct jv v = jinja__eval(r, i);
        r->at = i;
        if (!r->rc) jinja__add_str(r, r->out, v);
    }
}

static void exec_with(struct jrun *r, const struct jnode *n) {
    struct jscope *was = r->scope, *s = jinja__scope(r, was);
    for (const struct jnode *i = n->a; i && !r->rc; i = i->next) jinja__assign_target(r, s, i->a, jinja__eval(r, i->b));
    if (r->rc) return;
    r->scope = s;
    jinja__exec(r, n->d);
    r->scope = was;
}

static void exec_generation(struct jrun *r, const struct jnode *n) {
    struct jv v = jinja__capture(r, n->d, jinja__scope(r, r->scope));
    if (!r->rc) jinja__add_str(r, r->out, v);
}

static void exec_if(struct jrun *r, const struct jnode *n) {
    while (n && n->kind == N_IF) {
        struct jv c = jinja__eval(r, n->a);
        if (r->rc) return;
        if (jv_truth(r, c)) {
            jinja__exec(r, n->b);
            return;
        }
        if (!n->c || n->c->kind != N_IF || n->c->op != 1) break;
        n = n->c;
    }
    jinja__exec(r, n->c);
}

static void exec_for(struct jrun *r, const struct jnode *n) {
    struct jv items = jinja__eval(r, n->b);
    r->at = n;
    if (!r->rc) jinja__run_loop(r, n, r->scope, items, 0);
}

static void exec_one(struct jrun *r, const struct jnode *n) {
    switch (n->kind) {
    case N_DATA: jinja__buf_add(r, r->out, n->s, n->n); break;
    case N_PRINT: exec_print(r, n); break;
    case N_IF: exec_if(r, n); break;
    case N_FOR: exec_for(r, n); break;
    case N_SET: jinja__assign_target(r, r->scope, n->a, jinja__eval(r, n->b)); break;
    case N_SET_BLOCK: exec_set_block(r, n); break;
    case N_MACRO: jinja__assign(r, r->scope, n->s, n->n, macro_of(r, n)); break;
    case N_CALL_BLOCK: exec_call_block(r, n); break;
    case N_FILTER_BLOCK: exec_filter_block(r, n); break;
    case N_WITH: exec_with(r, n); break;
    case N_GENERATION: exec_generation(r, n); break;
    case N_BREAK: r->flow = FLOW_BREAK; break;
    case N_CONTINUE: r->flow = FLOW_CONTINUE; break;
    default: jinja__err(r, ERR_INTERNAL, "found an expression where a statement was expected");
    }
}

int jinja__exec(struct jrun *r, const struct jnode *list) {
    if (r->depth >= JINJA_MAX_DEPTH) {
        jinja__err(r, ERR_LIMIT, "expected tags and calls at most %d deep, found more", JINJA_MAX_DEPTH);
        return r->rc;
    }
    r->depth++;
    for (; list && !r->rc && r->flow == FLOW_ON; list = list->next) {
        r->at = list;
        if (!jinja__work(r, 1)) exec_one(r, list);
    }
    r->depth--;
    return r->rc;
}

int jinja_render(const struct jinja *t, json_t *vars, const struct tm *now, struct str *out, struct err *e) {
    struct err own = ERR_INIT;
    struct jbuf b = {0};
    struct jrun r = {.t = t, .e = e ? e : &own, .now = now, .out = &b, .pool = {.most = JINJA_MAX_MEMORY}};
    struct jscope *s = r.scope = jinja__scope(&r, NULL);
    for (void *it = json_object_iter(vars); it && !r.rc; it = json_object_iter_next(vars, it)) {
        struct jv v = jinja__from_json(&r, json_object_iter_value(it), 0);
        jinja__assign(&r, s, json_object_iter_key(it), json_object_iter_key_len(it), v);
    }
    if (!r.rc) r.scope = jinja__scope(&r, s);
    if (!r.rc) jinja__exec(&r, t->body);
    if (!r.rc && b.n && str_add(out, b.s, b.n) < 0) r.rc = fail(e, ERR_NOMEM, "out of memory for a rendered template");
    jinja__pool_free(&r.pool);
    return r.rc;
}
