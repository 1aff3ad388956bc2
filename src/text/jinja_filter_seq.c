/* Filters on sequences. Those that are generators in Jinja give a sequence that is consumed once, but computed at once. */
#include "text/jinja_builtin.h"

#define FILTER(name) BUILTIN(name, v)

/* ---- keys ---- */

/* What an item is sorted and compared by. */
struct key {
    struct jv attribute; /* JV_MISSING: the item itself; a list of several, with commas between them, if `many` */
    struct jv otherwise; /* instead of undefined */
    int fold, many;      /* strings without case */
};

static struct jv key_part(struct jrun *r, const struct key *k, struct jv item, struct jv attribute) {
    struct jv v = given(attribute) ? jinja__attr_path(r, item, attribute) : item;
    if (v.t == JV_UNDEF && given(k->otherwise)) v = k->otherwise;
    return k->fold && v.t == JV_STR ? jinja__case(r, v, CASE_LOWER) : v;
}

static struct jv key_of(struct jrun *r, const struct key *k, struct jv item) {
    struct jv s = k->attribute;
    if (!k->many) return key_part(r, k, item, s);
    struct jv out = jv_seq(r, SEQ_LIST, 1);
    if (s.t != JV_STR) {
        jv_push(r, out, key_part(r, k, item, s));
        return out;
    }
    for (size_t i = 0; i <= s.n && !r->rc;) {
        const char *comma = memchr(s.u.s + i, ',', s.n - i);
        size_t n = comma ? (size_t)(comma - s.u.s) - i : s.n - i;
        jv_push(r, out, key_part(r, k, item, jv_lit(s.u.s + i, n)));
        i += n + 1;
    }
    return out;
}

static struct jv keys_of(struct jrun *r, const struct key *k, const struct jseq *q) {
    struct jv out = jv_seq(r, SEQ_LIST, q->n);
    for (int64_t i = 0; i < q->n && !r->rc; i++) jv_push(r, out, key_of(r, k, q->v[i]));
    return out;
}

/* ---- sorting: merge sort of positions, stable in both directions ---- */

struct sorter {
    struct jrun *r;
    const struct jv *keys;
    int64_t *at, *tmp;
    int down;
};

static int before(struct sorter *s, int64_t i, int64_t j) {
    return s->down ? jv_less(s->r, s->keys[j], s->keys[i], "<") : jv_less(s->r, s->keys[i], s->keys[j], "<");
}

static void sort_range(struct sorter *s, int64_t lo, int64_t n) {
    int64_t h = n / 2, i = lo, j = lo + h, k = 0, mid = lo + h, end = lo + n;
    if (n < 2 || s->r->rc) return;
    sort_range(s, lo, h);
    sort_range(s, mid, n - h);
    while (i < mid && j < end) s->tmp[k++] = before(s, s->at[j], s->at[i]) ? s->at[j++] : s->at[i++];
    while (i < mid) s->tmp[k++] = s->at[i++];
    while (j < end) s->tmp[k++] = s->at[j++];
    memcpy(s->at + lo, s->tmp, (size_t)n * sizeof *s->at);
}

/* The items of list in the order of their keys; order (may be NULL) gets the keys in that order. */
static struct jv sorted(struct jrun *r, struct jv list, const struct key *k, int down, struct jv *order) {
    if (r->rc) return error;
    const struct jseq *q = list.u.seq;
    struct jv keys = keys_of(r, k, q), out = jv_seq(r, SEQ_LIST, q->n), by = jv_seq(r, SEQ_LIST, q->n);
    int64_t *at = jinja__alloc(r, 2 * (size_t)q->n * sizeof *at);
    if (!at || r->rc) return error;
    for (int64_t i = 0; i < q->n; i++) at[i] = i;
    sort_range(&(struct sorter){r, keys.u.seq->v, at, at + q->n, down}, 0, q->n);
    for (int64_t i = 0; i < q->n && !r->rc; i++) jv_push(r, out, q->v[at[i]]), jv_push(r, by, keys.u.seq->v[at[i]]);
    if (order) *order = by;
    return r->rc ? error : out;
}

/* sort(reverse, case_sensitive, attribute) */
FILTER(f_sort) {
    struct key k = {.attribute = a[2], .fold = !jv_truth(r, a[1]), .many = 1};
    return sorted(r, jv_list_of(r, v), &k, jv_truth(r, a[0]), NULL);
}

/* dictsort(case_sensitive, by, reverse) */
FILTER(f_dictsort) {
    struct jargs none = {0};
    int by_value = jv_is_z(a[1], "value");
    struct key k = {.attribute = jv_int(by_value), .fold = !jv_truth(r, a[0])};
    if (given(a[1]) && !by_value && !jv_is_z(a[1], "key"))
        return jinja__err(r, ERR_FORMAT, "You can only sort by either \"key\" or \"value\"");
    if (v.t != JV_DICT) return jinja__err(r, ERR_FORMAT, "dictsort: expected a mapping, found '%s'", jv_type_name(v));
    struct jv items = jinja__invoke(r, "method", jinja__find(jinja__dict_methods, "items", 5), v, &none);
    return sorted(r, items, &k, jv_truth(r, a[2]), NULL);
}

/* min, max(case_sensitive, attribute): the first of equals */
static struct jv extreme(struct jrun *r, struct jv v, const struct jv a[JARG_MAX], int most) {
    struct key k = {.attribute = a[1], .fold = !jv_truth(r, a[0])};
    struct jv list = jv_list_of(r, v);
    if (r->rc) return error;
    if (!list.u.seq->n) return jv_undef_hint(r, "No aggregated item, sequence was empty.");
    struct jv keys = keys_of(r, &k, list.u.seq);
    int64_t best = 0;
    for (int64_t i = 1; !r->rc && i < list.u.seq->n; i++) {
        struct jv x = keys.u.seq->v[i], y = keys.u.seq->v[best];
        if (most ? jv_less(r, y, x, ">") : jv_less(r, x, y, "<")) best = i;
    }
    return r->rc ? error : list.u.seq->v[best];
}
FILTER(f_min) { return extreme(r, v, a, 0); }
FILTER(f_max) { return extreme(r, v, a, 1); }

/* unique(case_sensitive, attribute) */
FILTER(f_unique) {
    struct key k = {.attribute = a[1], .fold = !jv_truth(r, a[0])};
    struct jv list = jv_list_of(r, v), out = jv_seq(r, SEQ_GEN, 0), seen = jv_dict(r, JV_DICT);
    for (int64_t i = 0; !r->rc && i < list.u.seq->n; i++) {
        struct jv key = key_of(r, &k, list.u.seq->v[i]);
        if (r->rc || jv_get(r, seen, key)) continue;
        jv_put(r, seen, key, jv_none());
        jv_push(r, out, list.u.seq->v[i]);
    }
    return out;
}

/* groupby(attribute, default, case_sensitive): pairs (grouper, list) */
FILTER(f_groupby) {
    struct key k = {.attribute = a[0], .otherwise = a[1], .fold = !jv_truth(r, a[2])}, plain = k;
    struct jv keys = error, list = sorted(r, jv_list_of(r, v), &k, 0, &keys), out = jv_seq(r, SEQ_LIST, 0), group = error;
    plain.fold = 0;
    for (int64_t i = 0; !r->rc && i < list.u.seq->n; i++) {
        if (!i || !jv_equal(r, keys.u.seq->v[i - 1], keys.u.seq->v[i])) {
            struct jv pair = jv_seq(r, SEQ_GROUP, 2);
            group = jv_seq(r, SEQ_LIST, 0);
            jv_push(r, pair, key_of(r, &plain, list.u.seq->v[i]));
            jv_push(r, pair, group);
            jv_push(r, out, pair);
        }
        jv_push(r, group, list.u.seq->v[i]);
    }
    return out;
}

/* ---- one item, or all as one ---- */

FILTER(f_first) {
    if (v.t == JV_SEQ && v.u.seq->kind == SEQ_GEN && v.u.seq->taken < v.u.seq->n) return v.u.seq->v[v.u.seq->taken++];
    struct jv list = jv_list_of(r, v);
    if (r->rc) return error;
    return list.u.seq->n ? list.u.seq->v[0] : jv_undef_hint(r, "No first item, sequence was empty.");
}

FILTER(f_last) {
    if (v.t == JV_SEQ && v.u.seq->kind == SEQ_GEN) return jinja__err(r, ERR_FORMAT, "'generator' object is not reversible");
    struct jv list = jv_list_of(r, v);
    if (r->rc) return error;
    return list.u.seq->n ? list.u.seq->v[list.u.seq->n - 1] : jv_undef_hint(r, "No last item, sequence was empty.");
}

FILTER(f_list) { return jv_list_of(r, v); }

/* join(d, attribute) */
FILTER(f_join) {
    struct jv sep = a[0].t == JV_MISSING ? jv_lit("", 0) : jv_to_str(r, a[0]), list = jv_list_of(r, v);
    struct jbuf b = {0};
    for (int64_t i = 0; !r->rc && i < list.u.seq->n; i++) {
        struct jv item = list.u.seq->v[i];
        if (given(a[1])) item = jinja__attr_path(r, item, a[1]);
        if (i) jinja__add_str(r, &b, sep);
        if (!r->rc) jinja__add_str(r, &b, item);
    }
    return r->rc ? error : jinja__buf_str(&b);
}

/* sum(attribute, start) */
FILTER(f_sum) {
    struct jv list = jv_list_of(r, v), total = a[1].t == JV_MISSING ? jv_int(0) : a[1];
    for (int64_t i = 0; !r->rc && i < list.u.seq->n; i++) {
        struct jv item = list.u.seq->v[i];
        if (given(a[0])) item = jinja__attr_path(r, item, a[0]);
        total = jv_binary(r, '+', total, item);
    }
    return r->rc ? error : total;
}

FILTER(f_reverse) {
    struct jv list = jv_list_of(r, v), out = jv_seq(r, SEQ_GEN, 0);
    struct jbuf b = {0};
    for (int64_t i = r->rc ? 0 : list.u.seq->n; i-- > 0 && !r->rc;)
        v.t == JV_STR ? jinja__add_str(r, &b, list.u.seq->v[i]) : jv_push(r, out, list.u.seq->v[i]);
    return v.t == JV_STR && !r->rc ? jinja__buf_str(&b) : out;
}

FILTER(f_items) {
    struct jargs none = {0};
    if (v.t == JV_UNDEF) return jv_seq(r, SEQ_GEN, 0);
    if (v.t != JV_DICT) return jinja__err(r, ERR_FORMAT, "Can only get item pairs from a mapping.");
    struct jv out = jinja__invoke(r, "method", jinja__find(jinja__dict_methods, "items", 5), v, &none);
    if (!r->rc) out.u.seq->kind = SEQ_GEN;
    return out;
}

/* ---- cutting ---- */

/* batch(linecount, fill_with): rows of so many */
FILTER(f_batch) {
    int64_t size = jinja__arg_int(r, a[0], 1, "batch");
    struct jv list = jv_list_of(r, v), out = jv_seq(r, SEQ_GEN, 0), row = error;
    for (int64_t i = 0; !r->rc && i < list.u.seq->n; i++) {
        if (i == 0 || (!r->rc && row.u.seq->n == size)) {
            row = jv_seq(r, SEQ_LIST, 0);
            jv_push(r, out, row);
        }
        jv_push(r, row, list.u.seq->v[i]);
    }
    while (!r->rc && row.t == JV_SEQ && given(a[1]) && row.u.seq->n < size) jv_push(r, row, a[1]);
    return out;
}

/* slice(slices, fill_with): so many columns */
FILTER(f_slice) {
    int64_t n = jinja__arg_int(r, a[0], 1, "slice"), from = 0;
    struct jv list = jv_list_of(r, v), out = jv_seq(r, SEQ_GEN, 0);
    if (n == 0) return jinja__err(r, ERR_FORMAT, "integer division or modulo by zero");
    for (int64_t i = 0; !r->rc && i < n; i++) {
        int64_t len = list.u.seq->n, size = len / n + (i < len % n);
        struct jv row = jv_seq(r, SEQ_LIST, size);
        for (int64_t k = 0; k < size; k++) jv_push(r, row, list.u.seq->v[from + k]);
        if (given(a[1]) && i >= len % n) jv_push(r, row, a[1]);
        jv_push(r, out, row);
        from += size;
    }
    return out;
}

/* ---- map and select ---- */

static struct jv kw_of(const struct jargs *a, const char *name) {
    for (int64_t i = 0; i < a->n_kw; i++)
        if (a->kw[i].n == strlen(name) && !memcmp(a->kw[i].s, name, a->kw[i].n)) return a->kw[i].v;
    return (struct jv){.t = JV_MISSING};
}

static struct jv map_item(struct jrun *r, struct jv item, const struct jargs *raw) {
    if (raw->n) {
        struct jargs rest = {raw->v + 1, raw->n - 1, raw->kw, raw->n_kw};
        if (raw->v[0].t != JV_STR)
            return jinja__err(r, ERR_FORMAT, "map: expected the name of a filter, found '%s'", jv_type_name(raw->v[0]));
        return jinja__filter(r, raw->v[0].u.s, raw->v[0].n, item, &rest);
    }
    struct jv v = jinja__attr_path(r, item, kw_of(raw, "attribute")), otherwise = kw_of(raw, "default");
    return v.t == JV_UNDEF && given(otherwise) ? otherwise : v;
}

FILTER(f_map) {
    struct jv out = jv_seq(r, SEQ_GEN, 0), list = jv_truth(r, v) || v.t > JV_DICT ? jv_list_of(r, v) : jv_seq(r, SEQ_LIST, 0);
    int named = kw_of(raw, "attribute").t != JV_MISSING;
    if (r->rc || !jv_truth(r, v)) return out;
    if (!raw->n && !named) return jinja__err(r, ERR_FORMAT, "map requires a filter argument");
    if (!raw->n && raw->n_kw > 1 + (kw_of(raw, "default").t != JV_MISSING))
        return jinja__err(r, ERR_FORMAT, "map: unexpected keyword argument");
    for (int64_t i = 0; !r->rc && i < list.u.seq->n; i++) jv_push(r, out, map_item(r, list.u.seq->v[i], raw));
    return out;
}

/* Items for which the test holds (or does not: `not`); attr: of their attribute, named by the first argument. */
static struct jv choose(struct jrun *r, struct jv v, const struct jargs *raw, int attr, int not ) {
    struct jv out = jv_seq(r, SEQ_GEN, 0), list = jv_truth(r, v) || v.t > JV_DICT ? jv_list_of(r, v) : jv_seq(r, SEQ_LIST, 0);
    if (r->rc || !jv_truth(r, v)) return out;
    if (raw->n < attr) return jinja__err(r, ERR_FORMAT, "Missing parameter for attribute name");
    int tests = raw->n > attr;
    struct jv name = tests ? raw->v[attr] : jv_none();
    int64_t used = attr + tests;
    struct jargs rest = {raw->n > used ? raw->v + used : NULL, raw->n - used, raw->kw, raw->n_kw};
    if (tests && name.t != JV_STR)
        return jinja__err(r, ERR_FORMAT, "select: expected the name of a test, found '%s'", jv_type_name(name));
    for (int64_t i = 0; !r->rc && i < list.u.seq->n; i++) {
        struct jv x = list.u.seq->v[i], of = attr ? jinja__attr_path(r, x, raw->v[0]) : x;
        struct jv ok = tests && !r->rc ? jinja__test(r, name.u.s, name.n, of, &rest) : of;
        if (!r->rc && jv_truth(r, ok) != not ) jv_push(r, out, x);
    }
    return out;
}
FILTER(f_select) { return choose(r, v, raw, 0, 0); }
FILTER(f_reject) { return choose(r, v, raw, 0, 1); }
FILTER(f_selectattr) { return choose(r, v, raw, 1, 0); }
FILTER(f_rejectattr) { return choose(r, v, raw, 1, 1); }

const struct jbuiltin jinja__filters_seq[] = {
    {"batch", f_batch, 1, {"linecount", "fill_with"}},
    {"dictsort", f_dictsort, 0, {"case_sensitive", "by", "reverse"}},
    {"first", f_first, 0, {NULL}},
    {"groupby", f_groupby, 1, {"attribute", "default", "case_sensitive"}},
    {"items", f_items, 0, {NULL}},
    {"join", f_join, 0, {"d", "attribute"}},
    {"last", f_last, 0, {NULL}},
    {"list", f_list, 0, {NULL}},
    {"map", f_map, 0, {"*"}},
    {"max", f_max, 0, {"case_sensitive", "attribute"}},
    {"min", f_min, 0, {"case_sensitive", "attribute"}},
    {"reject", f_reject, 0, {"*"}},
    {"rejectattr", f_rejectattr, 0, {"*"}},
    {"reverse", f_reverse, 0, {NULL}},
    {"select", f_select, 0, {"*"}},
    {"selectattr", f_selectattr, 0, {"*"}},
    {"slice", f_slice, 1, {"slices", "fill_with"}},
    {"sort", f_sort, 0, {"reverse", "case_sensitive", "attribute"}},
    {"sum", f_sum, 0, {"attribute", "start"}},
    {"unique", f_unique, 0, {"case_sensitive", "attribute"}},
    {0},
};
