/* Expressions: from the tree to values. */
#include "text/jinja_int.h"

static const struct jv error = {.t = JV_ERROR};

static struct jv eval_seq(struct jrun *r, const struct jnode *n) {
    struct jv out = jv_seq(r, (enum jseq_kind)n->op, 0);
    for (const struct jnode *i = n->a; i && !r->rc; i = i->next) jv_push(r, out, jinja__eval(r, i));
    return out;
}

static struct jv eval_dict(struct jrun *r, const struct jnode *n) {
    struct jv out = jv_dict(r, JV_DICT);
    for (const struct jnode *i = n->a; i && !r->rc; i = i->next) {
        struct jv k = jinja__eval(r, i->a);
        jv_put(r, out, k, jinja__eval(r, i->b));
    }
    return out;
}

static struct jv part(struct jrun *r, const struct jnode *n) { return n ? jinja__eval(r, n) : (struct jv){.t = JV_MISSING}; }

static struct jv eval_item(struct jrun *r, const struct jnode *n) {
    struct jv v = jinja__eval(r, n->a);
    if (n->b->kind != N_SLICE) {
        struct jv key = jinja__eval(r, n->b);
        r->at = n;
        return jv_item(r, v, key);
    }
    struct jv lo = part(r, n->b->a), hi = part(r, n->b->b), step = part(r, n->b->c);
    r->at = n;
    return jv_slice(r, v, lo, hi, step);
}

/* ---- arguments ---- */

static void spread(struct jrun *r, struct jv args, struct jv v) {
    struct jv list = jv_list_of(r, v);
    for (int64_t i = 0; !r->rc && i < list.u.seq->n; i++) jv_push(r, args, list.u.seq->v[i]);
}

static int add_kw(struct jrun *r, struct jargs *a, const char *s, size_t n, struct jv v) {
    for (int64_t i = 0; i < a->n_kw; i++)
        if (a->kw[i].n == n && memcmp(a->kw[i].s, s, n) == 0)
            jinja__err(r, ERR_FORMAT, "got multiple values for keyword argument '%.*s'", (int)(n > 60 ? 60 : n), s);
    if ((a->n_kw & (a->n_kw - 1)) == 0) { /* the room doubles at each power of two */
        struct jkw *kw = jinja__alloc(r, (size_t)(a->n_kw ? 2 * a->n_kw : 1) * sizeof *kw);
        if (!kw) return r->rc;
        if (a->n_kw) memcpy(kw, a->kw, (size_t)a->n_kw * sizeof *kw);
        a->kw = kw;
    }
    if (!r->rc) a->kw[a->n_kw++] = (struct jkw){s, n, v};
    return r->rc;
}

static void spread_kw(struct jrun *r, struct jargs *a, struct jv v) {
    if (v.t != JV_DICT) {
        jinja__err(r, ERR_FORMAT, "argument after ** must be a mapping, not %s", jv_type_name(v));
        return;
    }
    for (int64_t i = 0; i < v.u.dict->n && !r->rc; i++) {
        struct jv k = v.u.dict->at[i].k;
        if (k.t == JV_STR)
            add_kw(r, a, k.u.s, k.n, v.u.dict->at[i].v);
        else
            jinja__err(r, ERR_FORMAT, "keywords must be strings");
    }
}

int jinja__eval_args(struct jrun *r, const struct jnode *list, struct jargs *a) {
    *a = (struct jargs){0};
    if (!list) return r->rc;
    struct jv args = jv_seq(r, SEQ_LIST, 0);
    for (const struct jnode *i = list; i && !r->rc; i = i->next) {
        struct jv v = jinja__eval(r, i->kind == N_KW || i->kind == N_STAR || i->kind == N_STAR2 ? i->a : i);
        if (i->kind == N_STAR)
            spread(r, args, v);
        else if (i->kind == N_STAR2)
            spread_kw(r, a, v);
        else if (i->kind == N_KW)
            add_kw(r, a, i->s, i->n, v);
        else
            jv_push(r, args, v);
    }
    if (!r->rc) a->v = args.u.seq->v, a->n = args.u.seq->n;
    return r->rc;
}

static struct jv eval_call(struct jrun *r, const struct jnode *n) {
    struct jargs a;
    struct jv f = jinja__eval(r, n->a);
    if (jinja__eval_args(r, n->b, &a)) return error;
    r->at = n;
    return jv_call(r, f, &a);
}

static struct jv eval_filter(struct jrun *r, const struct jnode *n) {
    struct jargs a;
    struct jv v = n->a ? jinja__eval(r, n->a) : jv_lit(r->out->s ? r->out->s : "", r->out->n); /* a block: its text */
    if (jinja__eval_args(r, n->b, &a)) return error;
    r->at = n;
    return jinja__filter(r, n->s, n->n, v, &a);
}

static struct jv eval_test(struct jrun *r, const struct jnode *n) {
    struct jargs a;
    struct jv v = jinja__eval(r, n->a);
    if (jinja__eval_args(r, n->b, &a)) return error;
    r->at = n;
    return jinja__test(r, n->s, n->n, v, &a);
}

/* ---- operators ---- */

static struct jv eval_compare(struct jrun *r, const struct jnode *n) {
    struct jv a = jinja__eval(r, n->a), out = jv_bool(1);
    for (const struct jnode *o = n->b; o && !r->rc; o = o->next) {
        struct jv b = jinja__eval(r, o->a);
        r->at = n;
        if (r->rc) break;
        out = jv_compare(r, o->op, a, b);
        if (!jv_truth(r, out)) break;
        a = b;
    }
    return r->rc ? error : out;
}

static struct jv eval_concat(struct jrun *r, const struct jnode *n) {
    struct jbuf b = {0};
    for (const struct jnode *i = n->a; i && !r->rc; i = i->next) {
        struct jv v = jinja__eval(r, i);
        r->at = i;
        jinja__add_str(r, &b, v);
    }
    return r->rc ? error : jinja__buf_str(&b);
}

static struct jv eval_binary(struct jrun *r, const struct jnode *n) {
    struct jv a = jinja__eval(r, n->a), b = jinja__eval(r, n->b);
    r->at = n;
    return jv_binary(r, n->op, a, b);
}

static struct jv eval_unary(struct jrun *r, const struct jnode *n) {
    struct jv a = jinja__eval(r, n->a);
    r->at = n;
    return jv_unary(r, n->op, a);
}

static struct jv eval_logic(struct jrun *r, const struct jnode *n) {
    struct jv a = jinja__eval(r, n->a);
    if (r->rc) return error;
    return jv_truth(r, a) == (n->kind == N_OR) ? a : jinja__eval(r, n->b);
}

static struct jv eval_cond(struct jrun *r, const struct jnode *n) {
    struct jv c = jinja__eval(r, n->b);
    if (r->rc) return error;
    if (jv_truth(r, c)) return jinja__eval(r, n->a);
    return n->c ? jinja__eval(r, n->c)
                : jv_undef_hint(r, "the inline if-expression evaluated to false and no else section was defined.");
}

static struct jv eval_attr(struct jrun *r, const struct jnode *n) {
    struct jv v = jinja__eval(r, n->a);
    r->at = n;
    return jv_attr(r, v, jv_lit(n->s, n->n));
}

static struct jv eval_node(struct jrun *r, const struct jnode *n) {
    switch (n->kind) {
    case N_CONST: return n->value;
    case N_NAME: return jinja__lookup(r, n->s, n->n);
    case N_SEQ: return eval_seq(r, n);
    case N_DICT: return eval_dict(r, n);
    case N_ATTR: return eval_attr(r, n);
    case N_ITEM: return eval_item(r, n);
    case N_CALL: return eval_call(r, n);
    case N_FILTER: return eval_filter(r, n);
    case N_TEST: return eval_test(r, n);
    case N_UNARY: return eval_unary(r, n);
    case N_BINARY: return eval_binary(r, n);
    case N_CONCAT: return eval_concat(r, n);
    case N_COMPARE: return eval_compare(r, n);
    case N_AND:
    case N_OR: return eval_logic(r, n);
    case N_COND: return eval_cond(r, n);
    default: return jinja__err(r, ERR_FORMAT, "expected an expression, found something else");
    }
}

struct jv jinja__eval(struct jrun *r, const struct jnode *n) {
    struct jv v = error;
    r->at = n;
    if (r->depth >= JINJA_MAX_DEPTH)
        return jinja__err(r, ERR_LIMIT, "expected expressions and calls at most %d deep, found more", JINJA_MAX_DEPTH);
    r->depth++;
    if (!jinja__work(r, 1)) v = eval_node(r, n);
    r->depth--;
    return r->rc ? error : v;
}
