/* {% for %}: unpacking, condition, else, break and continue, recursion, and the variable `loop`. */
#include "text/jinja_int.h"

static const struct jv error = {.t = JV_ERROR};

/* A scope for the next turn: the last one's, emptied, unless a macro or a loop still needs it. */
static struct jscope *turn_scope(struct jrun *r, struct jscope *parent, struct jscope *last) {
    if (!last || last->kept) return jinja__scope(r, parent);
    last->n = 0;
    return last;
}

/* The items that pass the condition, each looked at in a scope with the loop's names. */
static struct jv passing(struct jrun *r, const struct jnode *n, struct jscope *scope, struct jv items) {
    struct jv out = jv_seq(r, SEQ_LIST, 0);
    struct jscope *was = r->scope, *s = NULL;
    for (int64_t i = 0; !r->rc && i < items.u.seq->n; i++) {
        if (!(s = turn_scope(r, scope, s))) break;
        jinja__assign_target(r, s, n->a, items.u.seq->v[i]);
        r->scope = s;
        struct jv ok = jinja__eval(r, n->c);
        r->scope = was;
        if (!r->rc && jv_truth(r, ok)) jv_push(r, out, items.u.seq->v[i]);
    }
    return out;
}

static int run_body(struct jrun *r, const struct jnode *n, struct jscope *scope, struct jv loop) {
    struct jscope *was = r->scope, *s = NULL;
    const struct jseq *q = loop.u.loop->items.u.seq;
    for (int64_t i = 0; i < q->n && !r->rc; i++) {
        if (!(s = turn_scope(r, scope, s))) break;
        loop.u.loop->i = i;
        jinja__assign(r, s, "loop", 4, loop);
        r->at = n;
        jinja__assign_target(r, s, n->a, q->v[i]);
        r->scope = s;
        jinja__exec(r, n->d);
        r->scope = was;
        enum jflow flow = r->flow;
        r->flow = FLOW_ON;
        if (flow == FLOW_BREAK) return 1;
    }
    return 0;
}

/* Runs the loop over items; scope: where its body's names are looked up. */
int jinja__run_loop(struct jrun *r, const struct jnode *n, struct jscope *scope, struct jv items, int depth0) {
    struct jloop *l = jinja__alloc(r, sizeof *l);
    struct jv list = l ? jv_list_of(r, items) : error;
    if (!r->rc && n->c) list = passing(r, n, scope, list);
    if (r->rc) return r->rc;
    if (n->op) jinja__keep(scope);
    *l = (struct jloop){.items = list, .depth0 = depth0, .node = n->op ? n : NULL, .scope = scope};
    run_body(r, n, scope, (struct jv){.t = JV_LOOP, .u.loop = l});
    if (!r->rc && n->f && list.u.seq->n == 0) {
        struct jscope *was = r->scope, *s = jinja__scope(r, scope);
        if (!s) return r->rc;
        r->scope = s;
        jinja__exec(r, n->f);
        r->scope = was;
    }
    return r->rc;
}

/* loop(items) in a recursive loop: its text. */
struct jv jinja__call_loop(struct jrun *r, struct jloop *l, const struct jargs *a) {
    struct jbuf b = {0}, *out = r->out;
    if (!l->node) return jinja__err(r, ERR_FORMAT, "The loop must have the 'recursive' marker to be called recursively.");
    if (a->n != 1 || a->n_kw)
        return jinja__err(r, ERR_FORMAT, "expected one argument for loop(), found %lld", (long long)(a->n + a->n_kw));
    r->out = &b;
    jinja__run_loop(r, l->node, l->scope, a->v[0], l->depth0 + 1);
    r->out = out;
    return r->rc ? error : jinja__buf_str(&b);
}

/* ---- the variable ---- */

static struct jv loop_cycle(struct jrun *r, struct jv self, const struct jv a[JARG_MAX], const struct jargs *raw) {
    (void)a;
    if (!raw->n) return jinja__err(r, ERR_FORMAT, "no items for cycling given");
    return raw->v[self.u.loop->i % raw->n];
}

static struct jv loop_changed(struct jrun *r, struct jv self, const struct jv a[JARG_MAX], const struct jargs *raw) {
    struct jloop *l = self.u.loop;
    struct jv now = jv_seq(r, SEQ_TUPLE, raw->n);
    (void)a;
    for (int64_t i = 0; i < raw->n; i++) jv_push(r, now, raw->v[i]);
    if (r->rc) return error;
    int same = l->last_changed.t == JV_SEQ && jv_equal(r, l->last_changed, now);
    if (!same) l->last_changed = now;
    return jv_bool(!same);
}

struct jv jinja__loop_attr(struct jrun *r, struct jv loop, const char *s, size_t n) {
    static const struct jbuiltin methods[] = {{"cycle", loop_cycle, 0, {"*"}}, {"changed", loop_changed, 0, {"*"}}, {0}};
    const struct jloop *l = loop.u.loop;
    const struct jseq *q = l->items.u.seq;
    struct jv name = jv_lit(s, n);
    int64_t i = l->i;
    if (jv_is_z(name, "index")) return jv_int(i + 1);
    if (jv_is_z(name, "index0")) return jv_int(i);
    if (jv_is_z(name, "revindex")) return jv_int(q->n - i);
    if (jv_is_z(name, "revindex0")) return jv_int(q->n - i - 1);
    if (jv_is_z(name, "first")) return jv_bool(i == 0);
    if (jv_is_z(name, "last")) return jv_bool(i == q->n - 1);
    if (jv_is_z(name, "length")) return jv_int(q->n);
    if (jv_is_z(name, "depth")) return jv_int(l->depth0 + 1);
    if (jv_is_z(name, "depth0")) return jv_int(l->depth0);
    if (jv_is_z(name, "previtem")) return i > 0 ? q->v[i - 1] : jv_undef_hint(r, "there is no previous item");
    if (jv_is_z(name, "nextitem")) return i + 1 < q->n ? q->v[i + 1] : jv_undef_hint(r, "there is no next item");
    const struct jbuiltin *b = jinja__find(methods, s, n);
    struct jmethod *m = b ? jinja__alloc(r, sizeof *m) : NULL;
    if (!m) return (struct jv){.t = JV_MISSING};
    m->self = loop, m->b = b;
    return (struct jv){.t = JV_METHOD, .u.method = m};
}
