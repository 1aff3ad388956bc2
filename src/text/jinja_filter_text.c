/* Filters on text. Whatever comes in is turned into a string first, as Jinja does. */
#include "text/jinja_builtin.h"
#include <stdio.h>

#define FILTER(name) BUILTIN(name, v)

static struct jv string_or(struct jrun *r, struct jv v, const char *otherwise) {
    return v.t == JV_MISSING ? jv_z(otherwise) : jv_to_str(r, v);
}

/* A method of strings, on str(v). */
static struct jv as_method(struct jrun *r, const struct jbuiltin *table, const char *name, struct jv v, const struct jargs *raw) {
    struct jv s = jv_to_str(r, v);
    return r->rc ? error : jinja__invoke(r, "filter", jinja__find(table, name, strlen(name)), s, raw);
}
FILTER(f_upper) { return as_method(r, jinja__str_methods2, "upper", v, raw); }
FILTER(f_lower) { return as_method(r, jinja__str_methods2, "lower", v, raw); }
FILTER(f_capitalize) { return as_method(r, jinja__str_methods2, "capitalize", v, raw); }
FILTER(f_trim) { return as_method(r, jinja__str_methods, "strip", v, raw); }

FILTER(f_center) {
    int64_t width = jinja__arg_int(r, a[0], 80, "center");
    struct jv s = jv_to_str(r, v);
    return r->rc ? error : jinja__pad(r, s, width, jv_z(" "), '^');
}

static int word_gap(uint32_t c) { return jinja__is_space(c) || (c && c < 0x80 && strchr("-({[<", (int)c)); }

FILTER(f_title) {
    struct jv s = jv_to_str(r, v);
    struct jbuf b = {0};
    int first = 1;
    for (size_t i = 0, len; !r->rc && i < s.n; i += len) {
        len = utf8_len(s.u.s + i, s.n - i);
        int gap = word_gap(utf8_code(s.u.s + i, len));
        size_t end = i + len;
        while (!gap && !first && end < s.n && !word_gap(utf8_code(s.u.s + end, utf8_len(s.u.s + end, s.n - end))))
            end += utf8_len(s.u.s + end, s.n - end); /* the rest of a word at once: lower case may depend on its end */
        len = end - i;
        jinja__add_str(r, &b, jinja__case(r, jv_lit(s.u.s + i, len), first && !gap ? CASE_UPPER : CASE_LOWER));
        first = gap;
    }
    return r->rc ? error : jinja__buf_str(&b);
}

FILTER(f_string) { return jv_to_str(r, v); }
FILTER(f_tojson) { return jinja__tojson(r, v, a); }

FILTER(f_wordwrap) { return jinja__wordwrap(r, v, a); }

FILTER(f_replace) {
    struct jv s = jv_to_str(r, v), from = jv_to_str(r, a[0]), to = jv_to_str(r, a[1]);
    int64_t n = given(a[2]) ? jinja__arg_int(r, a[2], -1, "replace") : -1;
    return r->rc ? error : jinja__replace(r, s, from, to, n);
}

FILTER(f_format) {
    struct jv s = jv_to_str(r, v), args = jv_seq(r, SEQ_TUPLE, raw->n);
    if (raw->n && raw->n_kw) return jinja__err(r, ERR_FORMAT, "can't handle positional and keyword arguments at the same time");
    for (int64_t i = 0; i < raw->n; i++) jv_push(r, args, raw->v[i]);
    if (raw->n_kw) args = jv_dict(r, JV_DICT);
    for (int64_t i = 0; i < raw->n_kw && !r->rc; i++) jv_put(r, args, jv_lit(raw->kw[i].s, raw->kw[i].n), raw->kw[i].v);
    return r->rc ? error : jinja__percent(r, s, args);
}

/* indent(width, first, blank) */
FILTER(f_indent) {
    struct jv s = v, pad = a[0].t == JV_STR ? a[0] : jinja__repeat(r, jv_z(" "), jinja__arg_int(r, a[0], 4, "indent"));
    struct jbuf b = {0};
    int first = jv_truth(r, a[1]), blank = jv_truth(r, a[2]);
    if (v.t == JV_UNDEF) return jv_use_undef(r, v);
    if (v.t != JV_STR) return jinja__err(r, ERR_FORMAT, "indent: expected a string, found '%s'", jv_type_name(v));
    struct jv lines = r->rc ? error : jinja__splitlines(r, jv_binary(r, '+', jv_lit(s.u.s, s.n), jv_z("\n")), 0);
    for (int64_t i = 0; !r->rc && i < lines.u.seq->n; i++) {
        struct jv line = lines.u.seq->v[i];
        if (i) jinja__buf_puts(r, &b, "\n");
        if (i ? line.n || blank : first) jinja__add_str(r, &b, pad);
        jinja__add_str(r, &b, line);
    }
    return r->rc ? error : jinja__buf_str(&b);
}

/* truncate(length, killwords, end, leeway) */
FILTER(f_truncate) {
    int64_t length = jinja__arg_int(r, a[0], 255, "truncate"), leeway = given(a[3]) ? jinja__arg_int(r, a[3], 5, "truncate") : 5;
    struct jv end = string_or(r, a[2], "..."), s = v;
    int64_t n_end = r->rc ? 0 : jinja__chars(end.u.s, end.n), n = jv_len(r, v);
    if (length < n_end)
        return jinja__err(r, ERR_FORMAT, "expected length >= %lld, got %lld", (long long)n_end, (long long)length);
    if (leeway < 0) return jinja__err(r, ERR_FORMAT, "expected leeway >= 0, got %lld", (long long)leeway);
    if (r->rc || n <= length || n - length <= leeway) return v;
    if (s.t != JV_STR) return jinja__err(r, ERR_FORMAT, "truncate: expected a string, found '%s'", jv_type_name(v));
    struct jv cut = jv_lit(s.u.s, jinja__offset(s.u.s, s.n, length - n_end));
    const char *space = jv_truth(r, a[1]) ? NULL : memrchr(cut.u.s, ' ', cut.n);
    if (space) cut.n = (size_t)(space - cut.u.s);
    return jv_binary(r, '+', cut, end);
}

static int word_char(uint32_t c) {
    return c == '_' || c >= 0x80 ? !jinja__is_space(c) : (c >= '0' && c <= '9') || ((c | 32) >= 'a' && (c | 32) <= 'z');
}

FILTER(f_wordcount) {
    struct jv s = jv_to_str(r, v);
    int64_t n = 0;
    int within = 0;
    for (size_t i = 0, len; !r->rc && i < s.n; i += len) {
        len = utf8_len(s.u.s + i, s.n - i);
        int word = word_char(utf8_code(s.u.s + i, len));
        n += word && !within, within = word;
    }
    return r->rc ? error : jv_int(n);
}

/* ---- markup ---- */

struct jv jinja__escape(struct jrun *r, struct jv v, int force) {
    static const struct {
        char c;
        const char *z;
    } table[] = {{'&', "&amp;"}, {'<', "&lt;"}, {'>', "&gt;"}, {'\'', "&#39;"}, {'"', "&#34;"}};
    struct jv s = jv_to_str(r, v);
    struct jbuf b = {0};
    if (r->rc || (s.markup && !force)) return s;
    for (size_t i = 0; i < s.n && !r->rc; i++) {
        const char *z = NULL;
        for (size_t k = 0; k < sizeof table / sizeof *table; k++)
            if (s.u.s[i] == table[k].c) z = table[k].z;
        z ? jinja__buf_puts(r, &b, z) : jinja__buf_add(r, &b, s.u.s + i, 1);
    }
    struct jv out = jinja__buf_str(&b);
    out.markup = 1;
    return r->rc ? error : out;
}
FILTER(f_escape) { return jinja__escape(r, v, 0); }
FILTER(f_forceescape) { return jinja__escape(r, v, 1); }
FILTER(f_safe) {
    struct jv s = jv_to_str(r, v);
    s.markup = 1;
    return s;
}

static int quote_url(struct jrun *r, struct jbuf *b, struct jv v, int query) {
    struct jv s = jv_to_str(r, v);
    char hex[4];
    for (size_t i = 0; !r->rc && i < s.n; i++) {
        unsigned char c = (unsigned char)s.u.s[i];
        int plain =
            (c >= '0' && c <= '9') || ((c | 32) >= 'a' && (c | 32) <= 'z') || (c && strchr("_.-~", c)) || (c == '/' && !query);
        snprintf(hex, sizeof hex, "%%%02X", c);
        plain ? jinja__buf_add(r, b, s.u.s + i, 1) : jinja__buf_puts(r, b, query && c == ' ' ? "+" : hex);
    }
    return r->rc;
}

FILTER(f_urlencode) {
    struct jbuf b = {0};
    struct jargs none = {0};
    struct jv items = v;
    if (v.t == JV_DICT) items = jinja__invoke(r, "method", jinja__find(jinja__dict_methods, "items", 5), v, &none);
    if (items.t != JV_SEQ) return quote_url(r, &b, v, 0) ? error : jinja__buf_str(&b);
    items = jv_list_of(r, items);
    for (int64_t i = 0; !r->rc && i < items.u.seq->n; i++) {
        struct jv pair = jv_list_of(r, items.u.seq->v[i]);
        if (!r->rc && pair.u.seq->n != 2) return jinja__err(r, ERR_FORMAT, "urlencode: expected pairs, found another length");
        if (r->rc) break;
        if (i) jinja__buf_puts(r, &b, "&");
        quote_url(r, &b, pair.u.seq->v[0], 1);
        jinja__buf_puts(r, &b, "=");
        quote_url(r, &b, pair.u.seq->v[1], 1);
    }
    return r->rc ? error : jinja__buf_str(&b);
}

FILTER(f_xmlattr) {
    struct jbuf b = {0};
    int space = a[0].t == JV_MISSING || jv_truth(r, a[0]);
    if (v.t != JV_DICT) return jinja__err(r, ERR_FORMAT, "xmlattr: expected a mapping, found '%s'", jv_type_name(v));
    for (int64_t i = 0; i < v.u.dict->n && !r->rc; i++) {
        struct jv k = v.u.dict->at[i].k, x = v.u.dict->at[i].v;
        if (x.t == JV_NONE || x.t == JV_UNDEF) continue;
        for (size_t c = 0; k.t != JV_STR || c < k.n; c++)
            if (k.t != JV_STR || strchr(" \t\n\r\f\v/>=", k.u.s[c]))
                return jinja__err(r, ERR_FORMAT, "Invalid character in attribute name");
        if (b.n || space) jinja__buf_puts(r, &b, " ");
        jinja__add_str(r, &b, jinja__escape(r, k, 0));
        jinja__buf_puts(r, &b, "=\"");
        jinja__add_str(r, &b, jinja__escape(r, x, 0));
        jinja__buf_puts(r, &b, "\"");
    }
    return r->rc ? error : jinja__buf_str(&b);
}

const struct jbuiltin jinja__filters_text[] = {
    {"capitalize", f_capitalize, 0, {"*"}},
    {"center", f_center, 0, {"width"}},
    {"e", f_escape, 0, {NULL}},
    {"escape", f_escape, 0, {NULL}},
    {"forceescape", f_forceescape, 0, {NULL}},
    {"format", f_format, 0, {"*"}},
    {"indent", f_indent, 0, {"width", "first", "blank"}},
    {"lower", f_lower, 0, {"*"}},
    {"replace", f_replace, 2, {"old", "new", "count"}},
    {"safe", f_safe, 0, {NULL}},
    {"string", f_string, 0, {NULL}},
    {"title", f_title, 0, {NULL}},
    {"tojson", f_tojson, 0, {"ensure_ascii", "indent", "separators", "sort_keys"}},
    {"trim", f_trim, 0, {"*"}},
    {"truncate", f_truncate, 0, {"length", "killwords", "end", "leeway"}},
    {"upper", f_upper, 0, {"*"}},
    {"urlencode", f_urlencode, 0, {NULL}},
    {"wordcount", f_wordcount, 0, {NULL}},
    {"wordwrap", f_wordwrap, 0, {"width", "break_long_words", "wrapstring", "break_on_hyphens"}},
    {"xmlattr", f_xmlattr, 0, {"autospace"}},
    {0},
};
