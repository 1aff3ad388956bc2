/* Values as text: Python's str and repr, and json.dumps. */
#include "text/jinja_int.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <unicode/uchar.h>

/* ---- numbers ---- */

/* The shortest digits that give the same number back, in Python's layout. */
void jinja__float_repr(double x, char out[40]) {
    char buf[40], digits[24];
    int exp = 0, n = 0;
    if (isnan(x) || isinf(x)) {
        snprintf(out, 40, "%s", isnan(x) ? "nan" : x > 0 ? "inf" : "-inf");
        return;
    }
    for (int p = 0; p < 17; p++) {
        snprintf(buf, sizeof buf, "%.*e", p, x);
        if (strtod(buf, NULL) == x) break;
    }
    for (const char *c = buf; *c && *c != 'e'; c++)
        if (*c >= '0' && *c <= '9') digits[n++] = *c;
    exp = atoi(strchr(buf, 'e') + 1);
    const char *sign = buf[0] == '-' ? "-" : "";
    if (exp < -4 || exp >= 16)
        snprintf(out, 40, "%s%c%s%.*se%c%02d", sign, digits[0], n > 1 ? "." : "", n - 1, digits + 1, exp < 0 ? '-' : '+',
                 abs(exp));
    else if (exp < 0)
        snprintf(out, 40, "%s0.%.*s%.*s", sign, -exp - 1, "0000", n, digits);
    else if (n <= exp + 1)
        snprintf(out, 40, "%s%.*s%.*s.0", sign, n, digits, exp + 1 - n, "0000000000000000");
    else
        snprintf(out, 40, "%s%.*s.%.*s", sign, exp + 1, digits, n - exp - 1, digits + exp + 1);
}

static int add_number(struct jrun *r, struct jbuf *b, struct jv v) {
    char buf[40];
    if (v.t == JV_FLOAT)
        jinja__float_repr(v.u.f, buf);
    else
        snprintf(buf, sizeof buf, "%lld", (long long)v.u.i);
    return jinja__buf_puts(r, b, buf);
}

/* ---- repr ---- */

int jinja__is_printable(uint32_t c) {
    int k = u_charType((UChar32)c);
    if (c == ' ') return 1;
    return k != U_CONTROL_CHAR && k != U_FORMAT_CHAR && k != U_SURROGATE && k != U_PRIVATE_USE_CHAR && k != U_UNASSIGNED &&
           k != U_LINE_SEPARATOR && k != U_PARAGRAPH_SEPARATOR && k != U_SPACE_SEPARATOR;
}

static int repr_char(struct jrun *r, struct jbuf *b, const char *s, size_t len, char quote) {
    char buf[16];
    uint32_t c = utf8_code(s, len);
    if (c == '\\' || c == (unsigned char)quote)
        snprintf(buf, sizeof buf, "\\%c", (char)c);
    else if (c == '\n' || c == '\r' || c == '\t')
        snprintf(buf, sizeof buf, "\\%c", c == '\n' ? 'n' : c == '\r' ? 'r' : 't');
    else if (jinja__is_printable(c))
        return jinja__buf_add(r, b, s, len);
    else
        snprintf(buf, sizeof buf, c < 0x100 ? "\\x%02x" : c < 0x10000 ? "\\u%04x" : "\\U%08x", c);
    return jinja__buf_puts(r, b, buf);
}

static int repr_str(struct jrun *r, struct jbuf *b, struct jv v) {
    char quote = v.n && memchr(v.u.s, '\'', v.n) && !memchr(v.u.s, '"', v.n) ? '"' : '\'';
    if (v.markup) jinja__buf_puts(r, b, "Markup(");
    jinja__buf_add(r, b, &quote, 1);
    for (size_t i = 0, len; i < v.n && !r->rc; i += len) {
        len = utf8_len(v.u.s + i, v.n - i);
        repr_char(r, b, v.u.s + i, len, quote);
    }
    jinja__buf_add(r, b, &quote, 1);
    return v.markup ? jinja__buf_puts(r, b, ")") : r->rc;
}

static int repr_items(struct jrun *r, struct jbuf *b, const struct jseq *q, const char *open, const char *close, int depth) {
    jinja__buf_puts(r, b, open);
    for (int64_t i = 0; i < q->n && !r->rc; i++) {
        if (i) jinja__buf_puts(r, b, ", ");
        jinja__add_repr(r, b, q->v[i], depth + 1);
    }
    return jinja__buf_puts(r, b, close);
}

static int repr_seq(struct jrun *r, struct jbuf *b, const struct jseq *q, int depth) {
    char buf[80];
    switch (q->kind) {
    case SEQ_LIST: return repr_items(r, b, q, "[", "]", depth);
    case SEQ_TUPLE:
    case SEQ_GROUP: return repr_items(r, b, q, "(", q->n == 1 ? ",)" : ")", depth);
    case SEQ_KEYS: return repr_items(r, b, q, "dict_keys([", "])", depth);
    case SEQ_VALUES: return repr_items(r, b, q, "dict_values([", "])", depth);
    case SEQ_ITEMS: return repr_items(r, b, q, "dict_items([", "])", depth);
    case SEQ_RANGE:
        snprintf(buf, sizeof buf, q->step == 1 ? "range(%lld, %lld)" : "range(%lld, %lld, %lld)", (long long)q->start,
                 (long long)q->stop, (long long)q->step);
        return jinja__buf_puts(r, b, buf);
    default: break;
    }
    jinja__err(r, ERR_UNSUPPORTED, "a generator has no text: expected |list, |join or a loop behind map, select, batch …");
    return r->rc;
}

static int repr_dict(struct jrun *r, struct jbuf *b, const struct jdict *d, int depth) {
    jinja__buf_puts(r, b, "{");
    for (int64_t i = 0; i < d->n && !r->rc; i++) {
        if (i) jinja__buf_puts(r, b, ", ");
        jinja__add_repr(r, b, d->at[i].k, depth + 1);
        jinja__buf_puts(r, b, ": ");
        jinja__add_repr(r, b, d->at[i].v, depth + 1);
    }
    return jinja__buf_puts(r, b, "}");
}

static int repr_object(struct jrun *r, struct jbuf *b, struct jv v, int depth) {
    char buf[64];
    switch (v.t) {
    case JV_NS:
        jinja__buf_puts(r, b, "<Namespace ");
        repr_dict(r, b, v.u.dict, depth + 1);
        return jinja__buf_puts(r, b, ">");
    case JV_LOOP:
        snprintf(buf, sizeof buf, "<LoopContext %lld/%lld>", (long long)v.u.loop->i + 1, (long long)v.u.loop->items.u.seq->n);
        return jinja__buf_puts(r, b, buf);
    case JV_MACRO:
        jinja__buf_puts(r, b, "<Macro ");
        if (v.u.macro->node->s)
            repr_str(r, b, jv_lit(v.u.macro->node->s, v.u.macro->node->n));
        else
            jinja__buf_puts(r, b, "anonymous");
        return jinja__buf_puts(r, b, ">");
    default: break;
    }
    jinja__err(r, ERR_UNSUPPORTED, "an object of type '%s' has no text (is a call missing?)", jv_type_name(v));
    return r->rc;
}

int jinja__add_repr(struct jrun *r, struct jbuf *b, struct jv v, int depth) {
    if (depth > JINJA_MAX_DATA_DEPTH)
        jinja__err(r, ERR_LIMIT, "expected values at most %d deep to print, found more", JINJA_MAX_DATA_DEPTH);
    if (jinja__work(r, 1)) return r->rc;
    switch (v.t) {
    case JV_MISSING:
    case JV_ERROR: return r->rc;
    case JV_UNDEF: return jinja__buf_puts(r, b, "Undefined");
    case JV_NONE: return jinja__buf_puts(r, b, "None");
    case JV_BOOL: return jinja__buf_puts(r, b, v.u.i ? "True" : "False");
    case JV_INT:
    case JV_FLOAT: return add_number(r, b, v);
    case JV_STR: return repr_str(r, b, v);
    case JV_SEQ: return repr_seq(r, b, v.u.seq, depth);
    case JV_DICT: return repr_dict(r, b, v.u.dict, depth);
    default: return repr_object(r, b, v, depth);
    }
}

int jinja__add_str(struct jrun *r, struct jbuf *b, struct jv v) {
    if (v.t == JV_STR) return jinja__buf_add(r, b, v.u.s, v.n);
    return v.t == JV_UNDEF ? r->rc : jinja__add_repr(r, b, v, 0);
}

struct jv jv_to_str(struct jrun *r, struct jv v) {
    struct jbuf b = {0};
    if (v.t == JV_STR) return v;
    return jinja__add_str(r, &b, v) ? (struct jv){.t = JV_ERROR} : jinja__buf_str(&b);
}

/* ---- JSON ---- */

struct dump {
    struct jrun *r;
    struct jbuf b;
    struct jv indent; /* a string; JV_NONE: one line */
    struct jv item_sep, key_sep;
    int ascii, sort;
};

static int put(struct dump *d, const char *z) { return jinja__buf_puts(d->r, &d->b, z); }

static void newline(struct dump *d, int depth) {
    if (d->indent.t != JV_STR) return;
    put(d, "\n");
    for (int i = 0; i < depth; i++) jinja__buf_add(d->r, &d->b, d->indent.u.s, d->indent.n);
}

static int dump_char(struct dump *d, const char *s, size_t len) {
    static const char from[] = "\"\\\n\r\t\f\b", to[] = "\"\\nrtfb";
    char buf[16];
    uint32_t c = utf8_code(s, len);
    const char *hit = c && c < 0x80 ? strchr(from, (int)c) : NULL;
    if (hit)
        snprintf(buf, sizeof buf, "\\%c", to[hit - from]);
    else if (c < 0x20 || (d->ascii && c >= 0x7F && c < 0x10000 && c != 0x7F))
        snprintf(buf, sizeof buf, "\\u%04x", c);
    else if (d->ascii && c >= 0x10000)
        snprintf(buf, sizeof buf, "\\u%04x\\u%04x", 0xD7C0 + (c >> 10), 0xDC00 + (c & 0x3FF));
    else
        return jinja__buf_add(d->r, &d->b, s, len);
    return put(d, buf);
}

static int dump_str(struct dump *d, struct jv v) {
    put(d, "\"");
    for (size_t i = 0, len; i < v.n && !d->r->rc; i += len) {
        len = utf8_len(v.u.s + i, v.n - i);
        dump_char(d, v.u.s + i, len);
    }
    return put(d, "\"");
}

static int dump_scalar(struct dump *d, struct jv v) {
    if (v.t == JV_NONE) return put(d, "null");
    if (v.t == JV_BOOL) return put(d, v.u.i ? "true" : "false");
    if (v.t == JV_FLOAT && !isfinite(v.u.f)) return put(d, isnan(v.u.f) ? "NaN" : v.u.f > 0 ? "Infinity" : "-Infinity");
    return add_number(d->r, &d->b, v);
}

static int dump_value(struct dump *d, struct jv v, int depth);

static int dump_seq(struct dump *d, const struct jseq *q, int depth) {
    if (!q->n) return put(d, "[]");
    put(d, "[");
    for (int64_t i = 0; i < q->n && !d->r->rc; i++) {
        if (i) jinja__buf_add(d->r, &d->b, d->item_sep.u.s, d->item_sep.n);
        newline(d, depth + 1);
        dump_value(d, q->v[i], depth + 1);
    }
    newline(d, depth);
    return put(d, "]");
}

static int dump_key(struct dump *d, struct jv k) {
    if (k.t == JV_STR) return dump_str(d, k);
    if (k.t > JV_FLOAT) {
        jinja__err(d->r, ERR_FORMAT, "keys must be str, int, float, bool or None, not %s", jv_type_name(k));
        return d->r->rc;
    }
    put(d, "\"");
    dump_scalar(d, k);
    return put(d, "\"");
}

/* Positions of the entries in the order of their keys: merge sort. */
static void sort_keys(struct jrun *r, const struct jdict *d, int64_t *at, int64_t *tmp, int64_t n) {
    int64_t h = n / 2, i = 0, j = h, k = 0;
    if (n < 2) return;
    sort_keys(r, d, at, tmp, h);
    sort_keys(r, d, at + h, tmp, n - h);
    while (i < h && j < n) tmp[k++] = jv_less(r, d->at[at[j]].k, d->at[at[i]].k, "<") ? at[j++] : at[i++];
    while (i < h) tmp[k++] = at[i++];
    while (j < n) tmp[k++] = at[j++];
    memcpy(at, tmp, (size_t)n * sizeof *at);
}

static int dump_dict(struct dump *d, const struct jdict *x, int depth) {
    int64_t *order = jinja__alloc(d->r, 2 * (size_t)x->n * sizeof *order);
    if (!order) return d->r->rc;
    for (int64_t i = 0; i < x->n; i++) order[i] = i;
    if (d->sort) sort_keys(d->r, x, order, order + x->n, x->n);
    if (!x->n) return put(d, "{}");
    put(d, "{");
    for (int64_t i = 0; i < x->n && !d->r->rc; i++) {
        if (i) jinja__buf_add(d->r, &d->b, d->item_sep.u.s, d->item_sep.n);
        newline(d, depth + 1);
        dump_key(d, x->at[order[i]].k);
        jinja__buf_add(d->r, &d->b, d->key_sep.u.s, d->key_sep.n);
        dump_value(d, x->at[order[i]].v, depth + 1);
    }
    newline(d, depth);
    return put(d, "}");
}

static int dump_value(struct dump *d, struct jv v, int depth) {
    if (depth > JINJA_MAX_DATA_DEPTH)
        jinja__err(d->r, ERR_LIMIT, "expected values at most %d deep for tojson, found more", JINJA_MAX_DATA_DEPTH);
    if (jinja__work(d->r, 1)) return d->r->rc;
    int list = v.t == JV_SEQ && (v.u.seq->kind == SEQ_LIST || v.u.seq->kind == SEQ_TUPLE || v.u.seq->kind == SEQ_GROUP);
    if (v.t == JV_NONE || jv_numeric(v)) return dump_scalar(d, v);
    if (v.t == JV_STR) return dump_str(d, v);
    if (list) return dump_seq(d, v.u.seq, depth);
    if (v.t == JV_DICT) return dump_dict(d, v.u.dict, depth);
    jinja__err(d->r, ERR_FORMAT, "Object of type %s is not JSON serializable", jv_type_name(v));
    return d->r->rc;
}

/* tojson(ensure_ascii, indent, separators, sort_keys) */
struct jv jinja__tojson(struct jrun *r, struct jv v, const struct jv a[JARG_MAX]) {
    struct dump d = {.r = r, .indent = jv_none(), .item_sep = jv_z(", "), .key_sep = jv_z(": ")};
    if (jv_integral(a[1]))
        d.indent = jinja__repeat(r, jv_z(" "), a[1].u.i);
    else if (a[1].t == JV_STR)
        d.indent = a[1];
    else if (a[1].t != JV_MISSING && a[1].t != JV_NONE)
        return jinja__err(r, ERR_FORMAT, "tojson: expected a number or a string as indent, found %s", jv_type_name(a[1]));
    if (d.indent.t == JV_STR) d.item_sep = jv_z(",");
    if (a[2].t == JV_SEQ && a[2].u.seq->n == 2 && a[2].u.seq->v[0].t == JV_STR && a[2].u.seq->v[1].t == JV_STR)
        d.item_sep = a[2].u.seq->v[0], d.key_sep = a[2].u.seq->v[1];
    else if (a[2].t != JV_MISSING && a[2].t != JV_NONE)
        return jinja__err(r, ERR_FORMAT, "tojson: expected a pair of strings as separators, found %s", jv_type_name(a[2]));
    d.ascii = jv_truth(r, a[0]), d.sort = jv_truth(r, a[3]);
    return dump_value(&d, v, 0) ? (struct jv){.t = JV_ERROR} : jinja__buf_str(&d.b);
}
