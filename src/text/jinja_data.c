/* Sequences and dictionaries: making them, what is in them, and both from JSON. */
#include "text/jinja_int.h"

static const struct jv error = {.t = JV_ERROR};

/* ---- sequences ---- */

struct jv jv_seq(struct jrun *r, enum jseq_kind kind, int64_t cap) {
    struct jseq *q = jinja__alloc(r, sizeof *q);
    if (!q) return error;
    q->kind = kind;
    if (cap > 0) {
        if (!(q->v = jinja__alloc(r, (size_t)cap * sizeof *q->v))) return error;
        q->cap = cap;
    }
    return (struct jv){.t = JV_SEQ, .u.seq = q};
}

int jv_push(struct jrun *r, struct jv seq, struct jv item) {
    if (r->rc || seq.t != JV_SEQ) return ERR_FORMAT;
    struct jseq *q = seq.u.seq;
    if (q->n == q->cap) {
        int64_t cap = 2 * q->cap + 8;
        struct jv *v = jinja__alloc(r, (size_t)cap * sizeof *v);
        if (!v) return r->rc;
        if (q->n) memcpy(v, q->v, (size_t)q->n * sizeof *v);
        q->v = v, q->cap = cap;
    }
    q->v[q->n++] = item;
    return 0;
}

/* ---- dictionaries: pairs in the order of insertion, with an index of hashes once they are many ---- */

enum { INDEX_FROM = 8 };

struct jv jv_dict(struct jrun *r, enum jtype t) {
    struct jdict *d = jinja__alloc(r, sizeof *d);
    return d ? (struct jv){.t = t, .u.dict = d} : error;
}

static int64_t find(struct jrun *r, const struct jdict *d, struct jv key, uint64_t hash) {
    if (!d->index) {
        for (int64_t i = 0; i < d->n; i++)
            if (d->at[i].hash == hash && jv_equal(r, d->at[i].k, key)) return i;
        return -1;
    }
    for (uint64_t k = hash;; k++) {
        int32_t i = d->index[k & (uint64_t)(d->index_cap - 1)];
        if (!i) return -1;
        if (d->at[i - 1].hash == hash && jv_equal(r, d->at[i - 1].k, key)) return i - 1;
    }
}

static void index_add(struct jdict *d, int64_t i) {
    uint64_t k = d->at[i].hash;
    while (d->index[k & (uint64_t)(d->index_cap - 1)]) k++;
    d->index[k & (uint64_t)(d->index_cap - 1)] = (int32_t)(i + 1);
}

static int grow(struct jrun *r, struct jdict *d) {
    if (d->n < d->cap) return 0;
    int64_t cap = d->cap ? 2 * d->cap : 4;
    struct jpair *at = jinja__alloc(r, (size_t)cap * sizeof *at);
    if (!at) return r->rc;
    if (d->n) memcpy(at, d->at, (size_t)d->n * sizeof *at);
    d->at = at, d->cap = cap;
    if (cap < INDEX_FROM) return 0;
    if (!(d->index = jinja__alloc(r, (size_t)(4 * cap) * sizeof *d->index))) return r->rc;
    d->index_cap = 4 * cap;
    for (int64_t i = 0; i < d->n; i++) index_add(d, i);
    return 0;
}

int jv_put(struct jrun *r, struct jv dict, struct jv key, struct jv v) {
    if (r->rc || (dict.t != JV_DICT && dict.t != JV_NS)) return ERR_FORMAT;
    struct jdict *d = dict.u.dict;
    uint64_t hash = jv_hash(r, key);
    int64_t i = r->rc ? -1 : find(r, d, key, hash);
    if (r->rc) return r->rc;
    if (i >= 0) {
        d->at[i].v = v;
        return 0;
    }
    if (grow(r, d)) return r->rc;
    d->at[d->n++] = (struct jpair){key, v, hash};
    if (d->index) index_add(d, d->n - 1);
    return 0;
}

const struct jv *jv_get(struct jrun *r, struct jv dict, struct jv key) {
    uint64_t hash = jv_hash(r, key);
    if (r->rc || jinja__work(r, 8)) return NULL;
    int64_t i = find(r, dict.u.dict, key, hash);
    return i < 0 ? NULL : &dict.u.dict->at[i].v;
}

/* ---- containers ---- */

int64_t jv_len(struct jrun *r, struct jv v) {
    switch (v.t) {
    case JV_UNDEF: return 0;
    case JV_STR: return jinja__work(r, v.n) ? -1 : jinja__chars(v.u.s, v.n);
    case JV_SEQ:
        if (v.u.seq->kind != SEQ_GEN) return v.u.seq->n;
        break;
    case JV_DICT: return v.u.dict->n;
    case JV_LOOP: return v.u.loop->items.u.seq->n;
    default: break;
    }
    jinja__err(r, ERR_FORMAT, "object of type '%s' has no len()", jv_type_name(v));
    return -1;
}

static struct jv chars_of(struct jrun *r, struct jv v) {
    struct jv out = jv_seq(r, SEQ_LIST, jinja__chars(v.u.s, v.n));
    for (size_t i = 0, len; i < v.n && !r->rc; i += len) {
        len = utf8_len(v.u.s + i, v.n - i);
        jv_push(r, out, jv_lit(v.u.s + i, len));
    }
    return out;
}

struct jv jv_list_of(struct jrun *r, struct jv v) {
    struct jv out;
    struct jseq *q;
    switch (v.t) {
    case JV_ERROR: return v;
    case JV_UNDEF: return jv_seq(r, SEQ_LIST, 0);
    case JV_STR: return chars_of(r, v);
    case JV_DICT:
        out = jv_seq(r, SEQ_LIST, v.u.dict->n);
        for (int64_t i = 0; i < v.u.dict->n; i++) jv_push(r, out, v.u.dict->at[i].k);
        return out;
    case JV_SEQ:
        q = v.u.seq;
        if (q->kind == SEQ_LIST) return v; /* lists never change: one will do for all */
        out = jv_seq(r, SEQ_LIST, q->n - q->taken);
        for (int64_t i = q->taken; i < q->n; i++) jv_push(r, out, q->v[i]);
        if (q->kind == SEQ_GEN) q->taken = q->n;
        return out;
    default: return jinja__err(r, ERR_FORMAT, "'%s' object is not iterable", jv_type_name(v));
    }
}

static int bytes_contain(struct jrun *r, struct jv in, struct jv x) {
    if (jinja__work(r, in.n)) return 0;
    return x.n == 0 || memmem(in.u.s, in.n, x.u.s, x.n) != NULL;
}

int jv_contains(struct jrun *r, struct jv in, struct jv x) {
    struct jseq *q;
    switch (in.t) {
    case JV_UNDEF:
    case JV_ERROR: return 0;
    case JV_STR:
        if (x.t == JV_STR) return bytes_contain(r, in, x);
        jinja__err(r, ERR_FORMAT, "'in <string>' requires string as left operand, not %s", jv_type_name(x));
        return 0;
    case JV_DICT: return jv_get(r, in, x) != NULL;
    case JV_SEQ:
        q = in.u.seq;
        for (int64_t i = q->taken; i < q->n && !r->rc; i++) {
            if (q->kind == SEQ_GEN) q->taken = i + 1;
            if (jv_equal(r, q->v[i], x)) return 1;
        }
        return 0;
    default: jinja__err(r, ERR_FORMAT, "argument of type '%s' is not iterable", jv_type_name(in)); return 0;
    }
}

/* ---- from JSON ---- */

static struct jv object_of(struct jrun *r, json_t *j, int depth) {
    struct jv out = jv_dict(r, JV_DICT);
    for (void *it = json_object_iter(j); it && !r->rc; it = json_object_iter_next(j, it)) {
        size_t n = json_object_iter_key_len(it);
        jv_put(r, out, jv_lit(json_object_iter_key(it), n), jinja__from_json(r, json_object_iter_value(it), depth + 1));
    }
    return out;
}

struct jv jinja__from_json(struct jrun *r, json_t *j, int depth) {
    struct jv out;
    if (depth > JINJA_MAX_DATA_DEPTH)
        return jinja__err(r, ERR_LIMIT, "expected variables at most %d deep, found more", JINJA_MAX_DATA_DEPTH);
    switch (j ? json_typeof(j) : JSON_NULL) {
    case JSON_OBJECT: return object_of(r, j, depth);
    case JSON_ARRAY:
        out = jv_seq(r, SEQ_LIST, (int64_t)json_array_size(j));
        for (size_t i = 0; i < json_array_size(j) && !r->rc; i++)
            jv_push(r, out, jinja__from_json(r, json_array_get(j, i), depth + 1));
        return out;
    case JSON_STRING: return jv_lit(json_string_value(j), json_string_length(j));
    case JSON_INTEGER: return jv_int(json_integer_value(j));
    case JSON_REAL: return jv_float(json_real_value(j));
    case JSON_TRUE: return jv_bool(1);
    case JSON_FALSE: return jv_bool(0);
    default: return jv_none();
    }
}
