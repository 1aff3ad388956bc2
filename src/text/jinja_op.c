/* Operators, attributes and subscripts, as Python and Jinja's sandbox have them. Whole numbers have 64 bits; beyond that is an error. */
#include "text/jinja_int.h"
#include <math.h>
#include <stdio.h>

static const struct jv error = {.t = JV_ERROR};

static const char *op_text(int op, char buf[4]) {
    switch (op) {
    case OP_FLOORDIV: return "//";
    case OP_POW: return "** or pow()";
    case OP_GE: return ">=";
    case OP_LE: return "<=";
    default: buf[0] = (char)op, buf[1] = 0; return buf;
    }
}

static struct jv overflow(struct jrun *r) {
    return jinja__err(r, ERR_LIMIT, "expected whole numbers of at most 64 bits, found a larger one");
}
static struct jv by_zero(struct jrun *r, int op) {
    return jinja__err(r, ERR_FORMAT, op == '%' ? "integer modulo by zero" : "division by zero");
}

static struct jv int_pow(struct jrun *r, int64_t a, int64_t n) {
    int64_t out = 1;
    if (n < 0)
        return a ? jv_float(pow((double)a, (double)n)) : jinja__err(r, ERR_FORMAT, "0.0 cannot be raised to a negative power");
    while (n > 0) {
        if ((n & 1) && __builtin_mul_overflow(out, a, &out)) return overflow(r);
        n >>= 1;
        if (n && __builtin_mul_overflow(a, a, &a)) return overflow(r);
    }
    return jv_int(out);
}

static struct jv int_op(struct jrun *r, int op, int64_t a, int64_t b) {
    int64_t x = 0;
    switch (op) {
    case '+': return __builtin_add_overflow(a, b, &x) ? overflow(r) : jv_int(x);
    case '-': return __builtin_sub_overflow(a, b, &x) ? overflow(r) : jv_int(x);
    case '*': return __builtin_mul_overflow(a, b, &x) ? overflow(r) : jv_int(x);
    case '/': return b ? jv_float((double)a / (double)b) : by_zero(r, op);
    case OP_POW: return int_pow(r, a, b);
    default: break;
    }
    if (!b) return by_zero(r, op);
    if (b == -1) return op == '%' ? jv_int(0) : int_op(r, '-', 0, a);
    int64_t q = a / b, m = a % b;
    if (m && (m < 0) != (b < 0)) q--, m += b;
    return jv_int(op == '%' ? m : q);
}

static struct jv real_op(struct jrun *r, int op, double a, double b) {
    double m;
    switch (op) {
    case '+': return jv_float(a + b);
    case '-': return jv_float(a - b);
    case '*': return jv_float(a * b);
    case '/': return b != 0 ? jv_float(a / b) : jinja__err(r, ERR_FORMAT, "float division by zero");
    case OP_POW:
        if (a == 0 && b < 0) return jinja__err(r, ERR_FORMAT, "0.0 cannot be raised to a negative power");
        if (a < 0 && b != floor(b) && isfinite(b)) return jinja__err(r, ERR_UNSUPPORTED, "complex numbers are not supported");
        m = pow(a, b);
        return isinf(m) && isfinite(a) && isfinite(b) ? jinja__err(r, ERR_FORMAT, "Numerical result out of range") : jv_float(m);
    default: break;
    }
    if (b == 0) return jinja__err(r, ERR_FORMAT, op == '%' ? "float modulo" : "float floor division by zero");
    m = fmod(a, b);
    if (m != 0 && (m < 0) != (b < 0)) m += b;
    if (op == '%') return jv_float(m == 0 ? copysign(0.0, b) : m);
    double q = (a - m) / b, w = floor(q);
    if (q - w > 0.5) w += 1;
    return jv_float(q == 0 ? copysign(0.0, a / b) : w);
}

static int plain_seq(struct jv v) { return v.t == JV_SEQ && v.u.seq->kind <= SEQ_TUPLE; }

static struct jv repeat_seq(struct jrun *r, const struct jseq *q, int64_t times) {
    struct jv out = jv_seq(r, q->kind, 0);
    if (times > 0 && q->n > (int64_t)(JINJA_MAX_MEMORY / sizeof(struct jv)) / times)
        return jinja__err(r, ERR_LIMIT, "expected lists that fit into %u MiB, found one repeated %lld times",
                          JINJA_MAX_MEMORY >> 20, (long long)times);
    for (int64_t k = 0; q->n && k < times && !r->rc; k++)
        for (int64_t i = 0; i < q->n && !r->rc; i++) jv_push(r, out, q->v[i]);
    return out;
}

static struct jv join_seqs(struct jrun *r, const struct jseq *a, const struct jseq *b) {
    struct jv out = jv_seq(r, a->kind, a->n + b->n);
    for (int64_t i = 0; i < a->n && !r->rc; i++) jv_push(r, out, a->v[i]);
    for (int64_t i = 0; i < b->n && !r->rc; i++) jv_push(r, out, b->v[i]);
    return out;
}

static struct jv join_texts(struct jrun *r, struct jv a, struct jv b) {
    struct jbuf t = {0};
    int markup = a.markup || b.markup;
    if (markup) a = jinja__escape(r, a, 0), b = jinja__escape(r, b, 0);
    char *p = jinja__alloc(r, a.n + b.n + 1);
    if (!p || r->rc) return error;
    if (a.n) memcpy(p, a.u.s, a.n);
    if (b.n) memcpy(p + a.n, b.u.s, b.n);
    t.s = p, t.n = a.n + b.n;
    struct jv out = jinja__buf_str(&t);
    out.markup = markup;
    return out;
}

struct jv jv_binary(struct jrun *r, int op, struct jv a, struct jv b) {
    char buf[4];
    if (r->rc) return error;
    if (jv_integral(a) && jv_integral(b)) return int_op(r, op, a.u.i, b.u.i);
    if (jv_numeric(a) && jv_numeric(b)) return real_op(r, op, jv_real(a), jv_real(b));
    if (op == '%' && a.t == JV_STR) return jinja__percent(r, a, b);
    if (a.t == JV_UNDEF || b.t == JV_UNDEF) return jv_use_undef(r, a.t == JV_UNDEF ? a : b);
    if (op == '+' && a.t == JV_STR && b.t == JV_STR) return join_texts(r, a, b);
    if (op == '+' && plain_seq(a) && plain_seq(b) && a.u.seq->kind == b.u.seq->kind) return join_seqs(r, a.u.seq, b.u.seq);
    if (op == '*' && jv_integral(a)) {
        struct jv swap = a;
        a = b, b = swap;
    }
    if (op == '*' && jv_integral(b) && a.t == JV_STR) return jinja__repeat(r, a, b.u.i);
    if (op == '*' && jv_integral(b) && plain_seq(a)) return repeat_seq(r, a.u.seq, b.u.i);
    if (op == '+' && a.t == JV_STR)
        return jinja__err(r, ERR_FORMAT, "can only concatenate str (not \"%s\") to str", jv_type_name(b));
    if (op == '+' && plain_seq(a))
        return jinja__err(r, ERR_FORMAT, "can only concatenate %s (not \"%s\") to %s", jv_type_name(a), jv_type_name(b),
                          jv_type_name(a));
    return jinja__err(r, ERR_FORMAT, "unsupported operand type(s) for %s: '%s' and '%s'", op_text(op, buf), jv_type_name(a),
                      jv_type_name(b));
}

struct jv jv_unary(struct jrun *r, int op, struct jv a) {
    if (r->rc) return error;
    if (op == OP_NOT) return jv_bool(!jv_truth(r, a));
    if (jv_integral(a)) return op == '-' ? int_op(r, '-', 0, a.u.i) : jv_int(a.u.i);
    if (a.t == JV_FLOAT) return jv_float(op == '-' ? -a.u.f : a.u.f);
    if (a.t == JV_UNDEF) return jv_use_undef(r, a);
    return jinja__err(r, ERR_FORMAT, "bad operand type for unary %c: '%s'", op, jv_type_name(a));
}

struct jv jv_compare(struct jrun *r, int op, struct jv a, struct jv b) {
    switch (op) {
    case OP_EQ: return jv_bool(jv_equal(r, a, b));
    case OP_NE: return jv_bool(!jv_equal(r, a, b));
    case '<': return jv_bool(jv_less(r, a, b, "<"));
    case '>': return jv_bool(jv_less(r, b, a, ">"));
    case OP_IN: return jv_bool(jv_contains(r, b, a));
    case OP_NOT_IN: return jv_bool(!jv_contains(r, b, a));
    default: break;
    }
    if (a.t == JV_FLOAT || b.t == JV_FLOAT) /* a NaN is neither less nor equal */
        if (jv_numeric(a) && jv_numeric(b)) return jv_bool(op == OP_LE ? jv_real(a) <= jv_real(b) : jv_real(a) >= jv_real(b));
    if (op == OP_LE) return jv_bool(!jv_less(r, b, a, "<="));
    return jv_bool(!jv_less(r, a, b, ">="));
}

/* ---- attributes and items ---- */

static struct jv method(struct jrun *r, struct jv self, const struct jbuiltin *b) {
    struct jmethod *m = jinja__alloc(r, sizeof *m);
    if (!m) return error;
    m->self = self, m->b = b;
    return (struct jv){.t = JV_METHOD, .u.method = m};
}

static int named(struct jv name, const char *const *list) {
    for (; *list; list++)
        if (jv_is_z(name, *list)) return 1;
    return 0;
}

/* What the sandbox refuses: changes of a value in place, and names that begin with an underscore where Python has such. */
static struct jv unsafe(struct jrun *r, struct jv v, struct jv name) {
    static const char *const dict[] = {"clear", "pop", "popitem", "setdefault", "update", NULL};
    static const char *const list[] = {"append", "clear", "extend", "insert", "pop", "remove", "reverse", "sort", NULL};
    int is_list = v.t == JV_SEQ && v.u.seq->kind == SEQ_LIST;
    if (!(v.t == JV_DICT && named(name, dict)) && !(is_list && named(name, list))) return (struct jv){.t = JV_MISSING};
    char *hint = jinja__alloc(r, 160);
    if (!hint) return error;
    snprintf(hint, 160, "access to attribute '%.*s' of '%s' object is unsafe (values cannot be changed; + makes new ones)",
             (int)name.n, name.u.s, jv_type_name(v));
    return jv_undef_hint(r, hint);
}

static struct jv member(struct jrun *r, struct jv v, struct jv name) {
    const struct jbuiltin *b = NULL;
    struct jv out = unsafe(r, v, name);
    if (out.t != JV_MISSING) return out;
    if (v.t == JV_STR) {
        b = jinja__find(jinja__str_methods, name.u.s, name.n);
        if (!b) b = jinja__find(jinja__str_methods2, name.u.s, name.n);
    }
    if (v.t == JV_DICT) b = jinja__find(jinja__dict_methods, name.u.s, name.n);
    if (v.t == JV_SEQ && v.u.seq->kind <= SEQ_GROUP) b = jinja__find(jinja__list_methods, name.u.s, name.n);
    if (b && v.t == JV_SEQ && !strcmp(b->name, "copy") && v.u.seq->kind != SEQ_LIST) b = NULL;
    if (b) return method(r, v, b);
    if (v.t == JV_NS) {
        const struct jv *at = jv_get(r, v, name);
        return at ? *at : (struct jv){.t = JV_MISSING};
    }
    if (v.t == JV_LOOP) return jinja__loop_attr(r, v, name.u.s, name.n);
    if (v.t == JV_SEQ && v.u.seq->kind == SEQ_GROUP && jv_is_z(name, "grouper")) return v.u.seq->v[0];
    if (v.t == JV_SEQ && v.u.seq->kind == SEQ_GROUP && jv_is_z(name, "list")) return v.u.seq->v[1];
    if (v.t == JV_MACRO && jv_is_z(name, "name"))
        return v.u.macro->node->s ? jv_lit(v.u.macro->node->s, v.u.macro->node->n) : jv_none();
    if (v.t == JV_CYCLER && jv_is_z(name, "current")) return v.u.cycler->items.u.seq->v[v.u.cycler->i];
    if (v.t == JV_CYCLER && (b = jinja__find(jinja__cycler_methods, name.u.s, name.n))) return method(r, v, b);
    return (struct jv){.t = JV_MISSING};
}

static struct jv seq_at(struct jrun *r, struct jv v, struct jv key) {
    const struct jseq *q = v.u.seq;
    int64_t i = key.u.i;
    if (q->kind > SEQ_GROUP) return (struct jv){.t = JV_MISSING};
    if (i < 0) i += q->n;
    (void)r;
    return i < 0 || i >= q->n ? (struct jv){.t = JV_MISSING} : q->v[i];
}

static struct jv char_at(struct jrun *r, struct jv v, struct jv key) {
    int64_t i = key.u.i;
    if (i < 0) i += jinja__chars(v.u.s, v.n);
    if (i < 0 || i >= (int64_t)v.n || jinja__work(r, v.n)) return (struct jv){.t = JV_MISSING};
    size_t at = jinja__offset(v.u.s, v.n, i);
    if (at >= v.n) return (struct jv){.t = JV_MISSING};
    struct jv out = jv_lit(v.u.s + at, utf8_len(v.u.s + at, v.n - at));
    return out;
}

/* v[key] of containers only; JV_MISSING: there is none */
static struct jv element(struct jrun *r, struct jv v, struct jv key) {
    if (v.t == JV_DICT) {
        if (!jv_hashable(key)) return (struct jv){.t = JV_MISSING};
        const struct jv *at = jv_get(r, v, key);
        return at ? *at : (struct jv){.t = JV_MISSING};
    }
    if (v.t == JV_SEQ && jv_integral(key)) return seq_at(r, v, key);
    if (v.t == JV_STR && jv_integral(key)) return char_at(r, v, key);
    return (struct jv){.t = JV_MISSING};
}

struct jv jv_attr(struct jrun *r, struct jv v, struct jv name) {
    if (r->rc) return error;
    if (v.t == JV_UNDEF) return jv_use_undef(r, v);
    struct jv out = member(r, v, name);
    if (out.t == JV_MISSING) out = element(r, v, name);
    return out.t == JV_MISSING ? jv_undef_attr(r, v, name) : out;
}

struct jv jv_item(struct jrun *r, struct jv v, struct jv key) {
    if (r->rc) return error;
    if (v.t == JV_UNDEF) return jv_use_undef(r, v);
    struct jv out = element(r, v, key);
    if (out.t == JV_MISSING && key.t == JV_STR) out = member(r, v, key);
    return out.t == JV_MISSING ? jv_undef_attr(r, v, key) : out;
}

struct jv jinja__attr_path(struct jrun *r, struct jv v, struct jv path) {
    if (path.t != JV_STR) return jv_item(r, v, path);
    for (size_t i = 0; i <= path.n && !r->rc;) {
        const char *s = path.u.s + i, *dot = memchr(s, '.', path.n - i);
        size_t n = dot ? (size_t)(dot - s) : path.n - i;
        struct jv part = jv_lit(s, n);
        int ok = n > 0;
        for (size_t k = 0; k < n; k++) ok &= s[k] >= '0' && s[k] <= '9';
        v = jv_item(r, v, ok ? jinja__parse_int(part, 10, &ok) : part);
        i += n + 1;
    }
    return v;
}

/* ---- slices ---- */

static int is_bound(struct jv v) { return v.t == JV_MISSING || v.t == JV_NONE || jv_integral(v); }

static int64_t bound(struct jv v, int64_t otherwise, int64_t n, int64_t lo, int64_t hi) {
    if (!jv_integral(v)) return otherwise;
    int64_t i = v.u.i < 0 ? v.u.i + n : v.u.i;
    return i < lo ? lo : i > hi ? hi : i;
}

/* q[from:to]: lists and tuples never change, so the items are shared. */
static struct jv part_of(struct jrun *r, const struct jseq *q, int64_t from, int64_t to) {
    struct jv out = jv_seq(r, q->kind == SEQ_LIST ? SEQ_LIST : SEQ_TUPLE, 0);
    if (out.t == JV_SEQ && to > from) out.u.seq->v = q->v + from, out.u.seq->n = out.u.seq->cap = to - from;
    return out;
}

struct jv jv_slice(struct jrun *r, struct jv v, struct jv lo, struct jv hi, struct jv step) {
    if (r->rc) return error;
    if (v.t == JV_UNDEF) return jv_use_undef(r, v);
    int seq = v.t == JV_SEQ && v.u.seq->kind <= SEQ_GROUP;
    if (v.t == JV_DICT) return jinja__err(r, ERR_FORMAT, "unhashable type: 'slice'");
    if (!seq && v.t != JV_STR) return jinja__err(r, ERR_FORMAT, "'%s' object is not subscriptable", jv_type_name(v));
    if (!is_bound(lo) || !is_bound(hi) || !is_bound(step))
        return jinja__err(r, ERR_FORMAT, "slice indices must be integers or None or have an __index__ method");
    int64_t n = seq ? v.u.seq->n : jinja__chars(v.u.s, v.n), by = 1;
    by = bound(step, 1, 0, INT64_MIN + 1, INT64_MAX);
    if (!by) return jinja__err(r, ERR_FORMAT, "slice step cannot be zero");
    int64_t from = bound(lo, by > 0 ? 0 : n - 1, n, by > 0 ? 0 : -1, by > 0 ? n : n - 1);
    int64_t to = bound(hi, by > 0 ? n : -1, n, by > 0 ? 0 : -1, by > 0 ? n : n - 1);
    if (!seq && by == 1) {
        size_t a = jinja__offset(v.u.s, v.n, from), b = jinja__offset(v.u.s, v.n, to);
        jinja__work(r, v.n);
        return jv_lit(v.u.s + a, b > a ? b - a : 0);
    }
    if (seq && by == 1 && v.u.seq->kind != SEQ_RANGE) return part_of(r, v.u.seq, from, to);
    struct jv in = seq ? v : jv_list_of(r, v), out = jv_seq(r, seq ? v.u.seq->kind : SEQ_LIST, 0);
    if (r->rc) return error;
    if (out.u.seq->kind == SEQ_GROUP) out.u.seq->kind = SEQ_TUPLE;
    if (out.u.seq->kind == SEQ_RANGE) { /* ends of ranges are within 64 bits; a step of the step may wrap, and only prints */
        const struct jseq *q = v.u.seq;
        out.u.seq->start = (int64_t)((uint64_t)q->start + (uint64_t)from * (uint64_t)q->step);
        out.u.seq->stop = (int64_t)((uint64_t)q->start + (uint64_t)to * (uint64_t)q->step);
        out.u.seq->step = (int64_t)((uint64_t)q->step * (uint64_t)by);
    }
    for (int64_t i = from; by > 0 ? i < to : i > to; i += by) {
        if (jv_push(r, out, in.u.seq->v[i])) return error;
        if (by > 0 ? to - i <= by : i - to <= -by) break; /* the next step is past the end, or past 64 bits */
    }
    if (seq) return out;
    struct jbuf b = {0};
    for (int64_t i = 0; i < out.u.seq->n; i++) jinja__add_str(r, &b, out.u.seq->v[i]);
    return r->rc ? error : jinja__buf_str(&b);
}
