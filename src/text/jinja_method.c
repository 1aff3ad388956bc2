/* Methods of strings that cut, join and search; methods of lists and dictionaries. */
#include "text/jinja_builtin.h"

#define METHOD(name) BUILTIN(name, s)

/* An argument that must be a string. */
static int need_str(struct jrun *r, struct jv v, const char *what) {
    if (v.t == JV_STR) return 1;
    if (v.t == JV_UNDEF) jv_use_undef(r, v);
    jinja__err(r, ERR_FORMAT, "%s: expected a string, found '%s'", what, jv_type_name(v));
    return 0;
}

int64_t jinja__arg_int(struct jrun *r, struct jv v, int64_t otherwise, const char *what) {
    if (v.t == JV_MISSING) return otherwise;
    if (jv_integral(v)) return v.u.i;
    if (v.t == JV_UNDEF) jv_use_undef(r, v);
    jinja__err(r, ERR_FORMAT, "%s: expected a whole number, found '%s'", what, jv_type_name(v));
    return otherwise;
}

/* ---- strip ---- */

static struct jv strip(struct jrun *r, struct jv s, struct jv chars, int left, int right) {
    if (given(chars) && !need_str(r, chars, "strip")) return error;
    return jinja__strip(r, s, chars, left, right);
}
METHOD(m_strip) { return strip(r, s, a[0], 1, 1); }
METHOD(m_lstrip) { return strip(r, s, a[0], 1, 0); }
METHOD(m_rstrip) { return strip(r, s, a[0], 0, 1); }

/* ---- split ---- */

static const char *find_last(const char *s, size_t n, struct jv sep) {
    const char *hit = NULL, *at = s;
    while ((at = memmem(at, n - (size_t)(at - s), sep.u.s, sep.n))) hit = at++;
    return hit;
}

static void split_by(struct jrun *r, struct jv out, struct jv s, struct jv sep, int64_t most) {
    const char *p = s.u.s, *end = s.u.s + s.n;
    for (const char *hit; most != 0 && !r->rc && (hit = memmem(p, (size_t)(end - p), sep.u.s, sep.n)); most--) {
        jv_push(r, out, jv_lit(p, (size_t)(hit - p)));
        p = hit + sep.n;
    }
    jv_push(r, out, jv_lit(p, (size_t)(end - p)));
}

static void split_space(struct jrun *r, struct jv out, struct jv s, int64_t most) {
    size_t i = jinja__space(s.u.s, s.n);
    while (i < s.n && !r->rc) {
        size_t from = i;
        if (most-- == 0) {
            jv_push(r, out, jv_lit(s.u.s + i, s.n - i - jinja__space_end(s.u.s + i, s.n - i)));
            return;
        }
        while (i < s.n && !jinja__space(s.u.s + i, utf8_len(s.u.s + i, s.n - i))) i += utf8_len(s.u.s + i, s.n - i);
        jv_push(r, out, jv_lit(s.u.s + from, i - from));
        i += jinja__space(s.u.s + i, s.n - i);
    }
}

static void reverse(struct jseq *q) {
    for (int64_t i = 0, j = q->n - 1; i < j; i++, j--) {
        struct jv v = q->v[i];
        q->v[i] = q->v[j], q->v[j] = v;
    }
}

static void rsplit_by(struct jrun *r, struct jv out, struct jv s, struct jv sep, int64_t most) {
    size_t n = s.n;
    for (; most != 0 && !r->rc; most--) {
        const char *hit = find_last(s.u.s, n, sep);
        if (!hit || jinja__work(r, n)) break;
        size_t at = (size_t)(hit - s.u.s);
        jv_push(r, out, jv_lit(s.u.s + at + sep.n, n - at - sep.n));
        n = at;
    }
    jv_push(r, out, jv_lit(s.u.s, n));
}

static void rsplit_space(struct jrun *r, struct jv out, struct jv s, int64_t most) {
    size_t n = s.n - jinja__space_end(s.u.s, s.n);
    while (n > 0 && !r->rc) {
        size_t from = n;
        if (most-- == 0) {
            size_t lead = jinja__space(s.u.s, n);
            jv_push(r, out, jv_lit(s.u.s + lead, n - lead));
            return;
        }
        while (from > 0 && !jinja__space_end(s.u.s, from)) do
                from--;
            while (from > 0 && ((unsigned char)s.u.s[from] & 0xC0) == 0x80);
        jv_push(r, out, jv_lit(s.u.s + from, n - from));
        n = from - jinja__space_end(s.u.s, from);
    }
}

static struct jv split(struct jrun *r, struct jv s, const struct jv a[JARG_MAX], int right) {
    int64_t most = jinja__arg_int(r, a[1], -1, "split");
    struct jv out = jv_seq(r, SEQ_LIST, 0);
    if (jinja__work(r, s.n)) return error;
    if (!given(a[0])) {
        right &&most >= 0 ? rsplit_space(r, out, s, most) : split_space(r, out, s, most);
    } else {
        if (!need_str(r, a[0], "split")) return error;
        if (!a[0].n) return jinja__err(r, ERR_FORMAT, "empty separator");
        right &&most >= 0 ? rsplit_by(r, out, s, a[0], most) : split_by(r, out, s, a[0], most);
    }
    if (right && most >= 0 && !r->rc) reverse(out.u.seq);
    return out;
}
METHOD(m_split) { return split(r, s, a, 0); }
METHOD(m_rsplit) { return split(r, s, a, 1); }
METHOD(m_splitlines) { return jinja__splitlines(r, s, jv_truth(r, a[0])); }

static struct jv partition(struct jrun *r, struct jv s, struct jv sep, int right) {
    struct jv out = jv_seq(r, SEQ_TUPLE, 3), none = jv_lit("", 0);
    if (!need_str(r, sep, "partition")) return error;
    if (!sep.n) return jinja__err(r, ERR_FORMAT, "empty separator");
    const char *hit = right ? find_last(s.u.s, s.n, sep) : memmem(s.u.s, s.n, sep.u.s, sep.n);
    size_t at = hit ? (size_t)(hit - s.u.s) : 0;
    if (jinja__work(r, s.n)) return error;
    jv_push(r, out, hit ? jv_lit(s.u.s, at) : right ? none : s);
    jv_push(r, out, hit ? sep : none);
    jv_push(r, out, hit ? jv_lit(hit + sep.n, s.n - at - sep.n) : right ? s : none);
    return out;
}
METHOD(m_partition) { return partition(r, s, a[0], 0); }
METHOD(m_rpartition) { return partition(r, s, a[0], 1); }

METHOD(m_join) {
    struct jv items = jv_list_of(r, a[0]);
    struct jbuf b = {0};
    for (int64_t i = 0; !r->rc && i < items.u.seq->n; i++) {
        struct jv v = items.u.seq->v[i];
        if (v.t != JV_STR)
            return jinja__err(r, ERR_FORMAT, "sequence item %lld: expected str instance, %s found", (long long)i,
                              jv_type_name(v));
        if (i) jinja__add_str(r, &b, s);
        jinja__add_str(r, &b, v);
    }
    return r->rc ? error : jinja__buf_str(&b);
}

/* ---- search ---- */

/* s[start:end] as bytes; 0: the range lies outside */
static int window(struct jrun *r, struct jv *s, const struct jv a[JARG_MAX], int64_t *first) {
    int64_t n = jinja__chars(s->u.s, s->n), lo = given(a[1]) ? jinja__arg_int(r, a[1], 0, "start") : 0,
            hi = given(a[2]) ? jinja__arg_int(r, a[2], n, "end") : n;
    if (r->rc) return 0;
    lo = lo < 0 ? (lo + n < 0 ? 0 : lo + n) : lo;
    hi = hi < 0 ? (hi + n < 0 ? 0 : hi + n) : hi > n ? n : hi;
    *first = lo;
    if (lo > n || hi < lo) return 0;
    size_t from = jinja__offset(s->u.s, s->n, lo), to = jinja__offset(s->u.s, s->n, hi);
    *s = jv_lit(s->u.s + from, to - from);
    return !jinja__work(r, s->n);
}

static struct jv find(struct jrun *r, struct jv s, const struct jv a[JARG_MAX], int last, int must) {
    int64_t first = 0;
    if (!need_str(r, a[0], "find")) return error;
    int inside = window(r, &s, a, &first);
    const char *hit = !inside ? NULL
                      : last  ? (a[0].n ? find_last(s.u.s, s.n, a[0]) : s.u.s + s.n)
                              : memmem(s.u.s, s.n, a[0].u.s, a[0].n);
    if (r->rc) return error;
    if (!hit && must) return jinja__err(r, ERR_FORMAT, "substring not found");
    return jv_int(hit ? first + jinja__chars(s.u.s, (size_t)(hit - s.u.s)) : -1);
}
METHOD(m_find) { return find(r, s, a, 0, 0); }
METHOD(m_rfind) { return find(r, s, a, 1, 0); }
METHOD(m_index) { return find(r, s, a, 0, 1); }
METHOD(m_rindex) { return find(r, s, a, 1, 1); }

METHOD(m_count) {
    int64_t first, n = 0;
    if (!need_str(r, a[0], "count")) return error;
    if (!window(r, &s, a, &first)) return r->rc ? error : jv_int(0);
    if (!a[0].n) return jv_int(jinja__chars(s.u.s, s.n) + 1);
    for (const char *p = s.u.s, *end = p + s.n; (p = memmem(p, (size_t)(end - p), a[0].u.s, a[0].n)); p += a[0].n) n++;
    return jv_int(n);
}

static struct jv affix(struct jrun *r, struct jv s, const struct jv a[JARG_MAX], int at_end) {
    struct jv list = a[0];
    int64_t first;
    if (list.t != JV_SEQ || list.u.seq->kind != SEQ_TUPLE) {
        list = jv_seq(r, SEQ_TUPLE, 1);
        jv_push(r, list, a[0]);
    }
    int inside = !r->rc && window(r, &s, a, &first);
    for (int64_t i = 0; !r->rc && i < list.u.seq->n; i++) {
        struct jv x = list.u.seq->v[i];
        if (!need_str(r, x, at_end ? "endswith" : "startswith")) return error;
        if (inside && x.n <= s.n && memcmp(at_end ? s.u.s + s.n - x.n : s.u.s, x.u.s, x.n) == 0) return jv_bool(1);
    }
    return r->rc ? error : jv_bool(0);
}
METHOD(m_startswith) { return affix(r, s, a, 0); }
METHOD(m_endswith) { return affix(r, s, a, 1); }

static struct jv without(struct jrun *r, struct jv s, struct jv x, int at_end) {
    if (!need_str(r, x, at_end ? "removesuffix" : "removeprefix")) return error;
    if (x.n > s.n || memcmp(at_end ? s.u.s + s.n - x.n : s.u.s, x.u.s, x.n)) return s;
    return jv_lit(s.u.s + (at_end ? 0 : x.n), s.n - x.n);
}
METHOD(m_removeprefix) { return without(r, s, a[0], 0); }
METHOD(m_removesuffix) { return without(r, s, a[0], 1); }

METHOD(m_replace) {
    if (!need_str(r, a[0], "replace") || !need_str(r, a[1], "replace")) return error;
    int64_t n = jinja__arg_int(r, a[2], -1, "replace");
    return r->rc ? error : jinja__replace(r, s, a[0], a[1], n);
}

const struct jbuiltin jinja__str_methods[] = {
    {"strip", m_strip, 0, {"chars"}},
    {"lstrip", m_lstrip, 0, {"chars"}},
    {"rstrip", m_rstrip, 0, {"chars"}},
    {"split", m_split, 0, {"sep", "maxsplit"}},
    {"rsplit", m_rsplit, 0, {"sep", "maxsplit"}},
    {"splitlines", m_splitlines, 0, {"keepends"}},
    {"partition", m_partition, 1, {"sep"}},
    {"rpartition", m_rpartition, 1, {"sep"}},
    {"join", m_join, 1, {"iterable"}},
    {"find", m_find, 1, {"sub", "start", "end"}},
    {"rfind", m_rfind, 1, {"sub", "start", "end"}},
    {"index", m_index, 1, {"sub", "start", "end"}},
    {"rindex", m_rindex, 1, {"sub", "start", "end"}},
    {"count", m_count, 1, {"sub", "start", "end"}},
    {"startswith", m_startswith, 1, {"prefix", "start", "end"}},
    {"endswith", m_endswith, 1, {"suffix", "start", "end"}},
    {"removeprefix", m_removeprefix, 1, {"prefix"}},
    {"removesuffix", m_removesuffix, 1, {"suffix"}},
    {"replace", m_replace, 2, {"old", "new", "count"}},
    {0},
};

/* ---- dictionaries and lists ---- */

static struct jv view(struct jrun *r, struct jv d, enum jseq_kind kind) {
    struct jv out = jv_seq(r, kind, d.u.dict->n);
    for (int64_t i = 0; i < d.u.dict->n && !r->rc; i++) {
        const struct jpair *p = &d.u.dict->at[i];
        struct jv pair = kind == SEQ_ITEMS ? jv_seq(r, SEQ_TUPLE, 2) : kind == SEQ_KEYS ? p->k : p->v;
        if (kind == SEQ_ITEMS) jv_push(r, pair, p->k), jv_push(r, pair, p->v);
        jv_push(r, out, pair);
    }
    return out;
}
METHOD(m_items) { return view(r, s, SEQ_ITEMS); }
METHOD(m_keys) { return view(r, s, SEQ_KEYS); }
METHOD(m_values) { return view(r, s, SEQ_VALUES); }

METHOD(m_get) {
    const struct jv *v = jv_get(r, s, a[0]);
    return r->rc ? error : v ? *v : a[1].t == JV_MISSING ? jv_none() : a[1];
}

METHOD(m_copy_dict) {
    struct jv out = jv_dict(r, JV_DICT);
    for (int64_t i = 0; i < s.u.dict->n && !r->rc; i++) jv_put(r, out, s.u.dict->at[i].k, s.u.dict->at[i].v);
    return out;
}

const struct jbuiltin jinja__dict_methods[] = {
    {"items", m_items, 0, {NULL}},         {"keys", m_keys, 0, {NULL}},      {"values", m_values, 0, {NULL}},
    {"get", m_get, 1, {"key", "default"}}, {"copy", m_copy_dict, 0, {NULL}}, {0},
};

METHOD(m_list_index) {
    for (int64_t i = 0; i < s.u.seq->n && !r->rc; i++)
        if (jv_equal(r, s.u.seq->v[i], a[0])) return jv_int(i);
    return jinja__err(r, ERR_FORMAT, "the value is not in the %s", jv_type_name(s));
}

METHOD(m_list_count) {
    int64_t n = 0;
    for (int64_t i = 0; i < s.u.seq->n && !r->rc; i++) n += jv_equal(r, s.u.seq->v[i], a[0]);
    return jv_int(n);
}
METHOD(m_list_copy) { return jv_list_of(r, s); }

const struct jbuiltin jinja__list_methods[] = {
    {"index", m_list_index, 1, {"value"}},
    {"count", m_list_count, 1, {"value"}},
    {"copy", m_list_copy, 0, {NULL}},
    {0},
};
