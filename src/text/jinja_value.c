/* Values: making the small ones, undefined ones, and what Python says of truth, equality, order and hash. */
#include "text/jinja_int.h"
#include <math.h>
#include <stdio.h>

struct jv jv_none(void) {
    return (struct jv){.t = JV_NONE};
}
struct jv jv_bool(int b) {
    return (struct jv){.t = JV_BOOL, .u.i = b != 0};
}
struct jv jv_int(int64_t i) {
    return (struct jv){.t = JV_INT, .u.i = i};
}
struct jv jv_float(double f) {
    return (struct jv){.t = JV_FLOAT, .u.f = f};
}
struct jv jv_lit(const char *s, size_t n) {
    return (struct jv){.t = JV_STR, .n = n, .u.s = s};
}
struct jv jv_z(const char *z) {
    return jv_lit(z, strlen(z));
}

static const struct jv error = {.t = JV_ERROR};

struct jv jv_str(struct jrun *r, const char *s, size_t n) {
    char *p = jinja__alloc(r, n + 1);
    if (!p) return error;
    if (n) memcpy(p, s, n);
    return jv_lit(p, n);
}

/* ---- undefined ---- */

static struct jv undef(struct jrun *r, struct jundef u) {
    struct jundef *p = jinja__alloc(r, sizeof *p);
    if (!p) return error;
    *p = u;
    return (struct jv){.t = JV_UNDEF, .u.undef = p};
}
struct jv jv_undef(struct jrun *r, struct jv name) {
    return undef(r, (struct jundef){.name = name});
}
struct jv jv_undef_attr(struct jrun *r, struct jv obj, struct jv name) {
    return undef(r, (struct jundef){.obj = obj, .name = name, .has_obj = 1});
}
struct jv jv_undef_hint(struct jrun *r, const char *hint) {
    return undef(r, (struct jundef){.hint = hint});
}

struct jv jv_use_undef(struct jrun *r, struct jv v) {
    const struct jundef *u = v.u.undef;
    char name[80];
    struct jbuf b = {0};
    if (r->rc) return error;
    if (u->hint) return jinja__err(r, ERR_FORMAT, "%s", u->hint);
    if (!u->has_obj)
        return jinja__err(r, ERR_FORMAT, "'%.*s' is undefined", (int)(u->name.n > 200 ? 200 : u->name.n), u->name.u.s);
    jv_object_name(u->obj, name, sizeof name);
    if (jinja__add_repr(r, &b, u->name, 0)) return error;
    if (u->name.t != JV_STR) return jinja__err(r, ERR_FORMAT, "%s has no element %.*s", name, (int)(b.n > 200 ? 200 : b.n), b.s);
    return jinja__err(r, ERR_FORMAT, "'%s' has no attribute %.*s", name, (int)(b.n > 200 ? 200 : b.n), b.s);
}

/* ---- names of types ---- */

static const char *seq_name(enum jseq_kind k) {
    static const char *const names[] = {"list",      "tuple",       "range",      "_GroupTuple",
                                        "dict_keys", "dict_values", "dict_items", "generator"};
    return names[k];
}

const char *jv_type_name(struct jv v) {
    switch (v.t) {
    case JV_UNDEF: return "Undefined";
    case JV_NONE: return "NoneType";
    case JV_BOOL: return "bool";
    case JV_INT: return "int";
    case JV_FLOAT: return "float";
    case JV_STR: return v.markup ? "Markup" : "str";
    case JV_SEQ: return seq_name(v.u.seq->kind);
    case JV_DICT: return "dict";
    case JV_NS: return "Namespace";
    case JV_LOOP: return "LoopContext";
    case JV_CYCLER: return "Cycler";
    case JV_JOINER: return "Joiner";
    case JV_MACRO: return "Macro";
    case JV_METHOD:
    case JV_FUNC: return "builtin_function_or_method";
    default: return "nothing";
    }
}

const char *jv_object_name(struct jv v, char *buf, size_t size) {
    if (v.t == JV_NONE) return snprintf(buf, size, "None"), buf;
    int own = v.t == JV_NS || v.t == JV_CYCLER || v.t == JV_JOINER;
    int runtime = v.t == JV_LOOP || v.t == JV_MACRO || v.t == JV_UNDEF;
    snprintf(buf, size, "%s%s object", own ? "jinja2.utils." : runtime ? "jinja2.runtime." : "", jv_type_name(v));
    return buf;
}

int jv_is_z(struct jv v, const char *z) { return v.t == JV_STR && v.n == strlen(z) && memcmp(v.u.s, z, v.n) == 0; }

/* ---- truth, equality, order, hash ---- */

int jv_truth(struct jrun *r, struct jv v) {
    (void)r;
    switch (v.t) {
    case JV_MISSING:
    case JV_ERROR:
    case JV_UNDEF:
    case JV_NONE: return 0;
    case JV_BOOL:
    case JV_INT: return v.u.i != 0;
    case JV_FLOAT: return v.u.f != 0;
    case JV_STR: return v.n > 0;
    case JV_SEQ: return v.u.seq->kind == SEQ_GEN || v.u.seq->n > 0;
    case JV_DICT: return v.u.dict->n > 0;
    default: return 1;
    }
}

/* Equal sequences; 0 where the kinds cannot be equal. */
static int seq_equal(struct jrun *r, const struct jseq *a, const struct jseq *b) {
    int ka = a->kind == SEQ_GROUP ? SEQ_TUPLE : (int)a->kind, kb = b->kind == SEQ_GROUP ? SEQ_TUPLE : (int)b->kind;
    if (a == b) return 1;
    if (ka != kb || ka == SEQ_GEN || ka == SEQ_VALUES || a->n != b->n) return 0;
    for (int64_t i = 0; i < a->n && !r->rc; i++)
        if (!jv_equal(r, a->v[i], b->v[i])) return 0;
    return 1;
}

static int dict_equal(struct jrun *r, struct jv a, struct jv b) {
    if (a.u.dict->n != b.u.dict->n) return 0;
    for (int64_t i = 0; i < a.u.dict->n && !r->rc; i++) {
        const struct jv *v = jv_get(r, b, a.u.dict->at[i].k);
        if (!v || !jv_equal(r, a.u.dict->at[i].v, *v)) return 0;
    }
    return 1;
}

static int enter(struct jrun *r) {
    if (r->depth++ < JINJA_MAX_DEPTH) return 1;
    jinja__err(r, ERR_LIMIT, "expected values at most %d deep within each other, found more", JINJA_MAX_DEPTH);
    return 0;
}

int jv_equal(struct jrun *r, struct jv a, struct jv b) {
    if (jinja__work(r, 1)) return 0;
    if (jv_numeric(a) && jv_numeric(b)) {
        if (jv_integral(a) && jv_integral(b)) return a.u.i == b.u.i;
        return jv_real(a) == jv_real(b);
    }
    if (a.t != b.t) return 0;
    int same = 0;
    switch (a.t) {
    case JV_UNDEF:
    case JV_NONE: return 1;
    case JV_STR: return a.n == b.n && !jinja__work(r, a.n) && memcmp(a.u.s, b.u.s, a.n) == 0;
    case JV_SEQ:
        same = enter(r) && seq_equal(r, a.u.seq, b.u.seq);
        r->depth--;
        return same;
    case JV_DICT:
        same = enter(r) && dict_equal(r, a, b);
        r->depth--;
        return same;
    case JV_METHOD: return a.u.method == b.u.method;
    default: return a.u.dict == b.u.dict; /* the same object */
    }
}

static int seq_less(struct jrun *r, const struct jseq *a, const struct jseq *b, const char *op) {
    for (int64_t i = 0; i < a->n && i < b->n && !r->rc; i++)
        if (!jv_equal(r, a->v[i], b->v[i])) return jv_less(r, a->v[i], b->v[i], op);
    return a->n < b->n;
}

int jv_less(struct jrun *r, struct jv a, struct jv b, const char *op) {
    if (jinja__work(r, 1)) return 0;
    if (jv_integral(a) && jv_integral(b)) return a.u.i < b.u.i;
    if (jv_numeric(a) && jv_numeric(b)) return jv_real(a) < jv_real(b);
    if (a.t == JV_STR && b.t == JV_STR) {
        size_t n = a.n < b.n ? a.n : b.n;
        int c = jinja__work(r, n) || !n ? 0 : memcmp(a.u.s, b.u.s, n); /* the order of UTF-8 is that of code points */
        return c < 0 || (c == 0 && a.n < b.n);
    }
    int ordered = a.t == JV_SEQ && b.t == JV_SEQ && a.u.seq->kind == b.u.seq->kind && a.u.seq->kind <= SEQ_TUPLE;
    if (ordered) {
        int less = enter(r) && seq_less(r, a.u.seq, b.u.seq, op);
        r->depth--;
        return less;
    }
    if (a.t == JV_UNDEF || b.t == JV_UNDEF) {
        jv_use_undef(r, a.t == JV_UNDEF ? a : b);
        return 0;
    }
    jinja__err(r, ERR_FORMAT, "'%s' not supported between instances of '%s' and '%s'", op, jv_type_name(a), jv_type_name(b));
    return 0;
}

static uint64_t mix(uint64_t h, uint64_t x) {
    h ^= x + UINT64_C(0x9E3779B97F4A7C15) + (h << 6) + (h >> 2);
    h *= UINT64_C(0xBF58476D1CE4E5B9);
    return h ^ (h >> 31);
}

static int hashable(struct jv v, int depth) {
    if (v.t == JV_DICT) return 0;
    if (v.t != JV_SEQ || v.u.seq->kind == SEQ_GEN || v.u.seq->kind == SEQ_RANGE) return 1;
    if (v.u.seq->kind != SEQ_TUPLE && v.u.seq->kind != SEQ_GROUP) return 0;
    for (int64_t i = 0; depth < JINJA_MAX_DATA_DEPTH && i < v.u.seq->n; i++) /* deeper: jv_hash finds its limit */
        if (!hashable(v.u.seq->v[i], depth + 1)) return 0;
    return 1;
}

int jv_hashable(struct jv v) { return hashable(v, 0); }

uint64_t jv_hash(struct jrun *r, struct jv v) {
    uint64_t h = UINT64_C(1469598103934665603);
    double x;
    switch (v.t) {
    case JV_ERROR:
    case JV_UNDEF:
    case JV_NONE: return 7;
    case JV_BOOL:
    case JV_INT:
    case JV_FLOAT: /* equal numbers are equal keys, whatever their type */
        x = jv_real(v) + 0.0;
        memcpy(&h, &x, sizeof h);
        return mix(1, h);
    case JV_STR:
        jinja__work(r, v.n);
        for (size_t i = 0; i < v.n; i++) h = (h ^ (unsigned char)v.u.s[i]) * UINT64_C(1099511628211);
        return h ^ (h >> 32);
    case JV_SEQ:
        if (!hashable(v, JINJA_MAX_DATA_DEPTH)) break;
        if (v.u.seq->kind == SEQ_GEN) return 3;
        if (enter(r))
            for (int64_t i = 0; i < v.u.seq->n && !r->rc; i++) h = mix(h, jv_hash(r, v.u.seq->v[i]));
        r->depth--;
        return h;
    case JV_DICT: break;
    default: memcpy(&h, &v.u.dict, sizeof v.u.dict); return mix(2, h);
    }
    jinja__err(r, ERR_FORMAT, "unhashable type: '%s'", jv_type_name(v));
    return 0;
}
