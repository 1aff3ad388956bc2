/* wordwrap: Python's textwrap, paragraph by paragraph. A text is cut into chunks (white space, words, parts of words up to a hyphen, long
 * dashes), and lines take as many chunks as fit. */
#include "text/jinja_int.h"
#include <unicode/uchar.h>

static const struct jv error = {.t = JV_ERROR};

/* Characters of a paragraph, so that looking around is simple. */
struct para {
    struct jrun *r;
    struct jv chars; /* a list of strings of one character */
    int64_t n;
    int64_t held; /* end of a chunk that was cut: what is left of it stays one */
};
struct wrap {
    int64_t width;
    int break_long, break_hyphens;
    struct jv sep;
};

static uint32_t at(const struct para *p, int64_t i) {
    if (i < 0 || i >= p->n) return 0;
    struct jv c = p->chars.u.seq->v[i];
    return utf8_code(c.u.s, c.n);
}
static int is_blank(uint32_t c) { return (c >= 9 && c <= 13) || c == ' '; }
static int is_letter(uint32_t c) { return u_isalpha((UChar32)c) || c == '_'; }
static int is_word(uint32_t c) { return c && (u_isalnum((UChar32)c) || c == '_'); }
static int is_punct(uint32_t c) { return is_word(c) || (c && c < 0x80 && strchr("!\"'&.,?", (int)c)); }

/* Where two or more dashes from i on end, if a word follows; 0: it is no such place. */
static int64_t dashes(const struct para *p, int64_t i) {
    int64_t k = i;
    if (!is_punct(at(p, i - 1))) return 0;
    while (at(p, k) == '-') k++;
    return k - i >= 2 && is_word(at(p, k)) ? k : 0;
}

/* May a line break behind the hyphen at i? */
static int hyphen(const struct para *p, int64_t i) {
    int before = (is_letter(at(p, i - 1)) && is_letter(at(p, i - 2))) ||
                 (is_punct(at(p, i - 1)) && at(p, i - 2) == '-' && is_letter(at(p, i - 3)));
    int after = is_letter(at(p, i + 1)) && is_letter(at(p, at(p, i + 2) == '-' ? i + 3 : i + 2));
    return at(p, i) == '-' && before && after;
}

/* The end of the chunk that begins at i. */
static int64_t chunk_end(const struct para *p, const struct wrap *w, int64_t i) {
    int64_t k = i;
    if (i < p->held) return p->held;
    if (is_blank(at(p, i))) {
        while (k < p->n && is_blank(at(p, k))) k++;
        return k;
    }
    if (w->break_hyphens && (k = dashes(p, i))) return k;
    for (k = i + 1; k < p->n && !is_blank(at(p, k)); k++) {
        if (!w->break_hyphens) continue;
        if (hyphen(p, k)) return k + 1;
        if (dashes(p, k)) return k;
    }
    return k;
}

static int blank(const struct para *p, int64_t from, int64_t to) {
    while (from < to && jinja__is_space(at(p, from))) from++;
    return from == to;
}

/* How much of a chunk that is longer than a line goes into the room that is left. */
static int64_t part_of_long(const struct para *p, const struct wrap *w, int64_t from, int64_t to, int64_t room) {
    int64_t end = from + room, k = end;
    if (!w->break_hyphens || to - from <= room) return end < to ? end : to;
    while (k > from && at(p, k - 1) != '-') k--;
    int only_dashes = 1;
    for (int64_t i = from; i < k - 1; i++) only_dashes &= at(p, i) == '-';
    return k - 1 > from && !only_dashes ? k : end;
}

static void put(struct para *p, struct jbuf *b, int64_t from, int64_t to) {
    for (; from < to && !p->r->rc; from++) jinja__add_str(p->r, b, p->chars.u.seq->v[from]);
}

/* One line from i on; returns where the next one begins. *from, *to: what it holds. */
static int64_t line(struct para *p, const struct wrap *w, int64_t i, int first, int64_t *from, int64_t *to) {
    int64_t end = chunk_end(p, w, i), last;
    if (!first && blank(p, i, end)) i = end;
    *from = *to = last = i;
    while (i < p->n && (end = chunk_end(p, w, i)) - *from <= w->width) last = i, i = end;
    if (i < p->n && end - i > w->width) {
        int64_t cut = w->break_long ? part_of_long(p, w, i, end, w->width - (i - *from)) : i == *from ? end : i;
        p->held = end;
        if (cut > i)
            last = i, i = cut;
        else if (w->break_long)
            last = i; /* nothing of it fits: Python drops this nothing instead of the blank before it */
    }
    *to = last < i && blank(p, last, i) ? last : i;
    return i;
}

static void paragraph(struct jrun *r, struct jbuf *b, struct jv text, const struct wrap *w) {
    struct para p = {r, jv_list_of(r, text), 0, 0};
    int64_t from = 0, to = 0, lines = 0;
    p.n = r->rc ? 0 : p.chars.u.seq->n;
    for (int64_t i = 0; i < p.n && !jinja__work(r, (size_t)w->width);) {
        i = line(&p, w, i, lines == 0, &from, &to);
        if (to == from) continue;
        if (lines++) jinja__add_str(r, b, w->sep);
        put(&p, b, from, to);
    }
}

/* wordwrap(width, break_long_words, wrapstring, break_on_hyphens) */
struct jv jinja__wordwrap(struct jrun *r, struct jv v, const struct jv a[JARG_MAX]) {
    struct wrap w = {.width = jinja__arg_int(r, a[0], 79, "wordwrap"),
                     .break_long = a[1].t == JV_MISSING || jv_truth(r, a[1]),
                     .break_hyphens = a[3].t == JV_MISSING || jv_truth(r, a[3]),
                     .sep = a[2].t == JV_STR ? a[2] : jv_z("\n")};
    struct jbuf b = {0};
    if (v.t == JV_UNDEF) return jv_use_undef(r, v);
    if (v.t != JV_STR) return jinja__err(r, ERR_FORMAT, "wordwrap: expected a string, found '%s'", jv_type_name(v));
    struct jv lines = jinja__splitlines(r, v, 0);
    if (!r->rc && lines.u.seq->n && w.width < 1)
        return jinja__err(r, ERR_FORMAT, "invalid width %lld (must be > 0)", (long long)w.width);
    for (int64_t i = 0; !r->rc && i < lines.u.seq->n; i++) {
        if (i) jinja__add_str(r, &b, w.sep);
        paragraph(r, &b, lines.u.seq->v[i], &w);
    }
    return r->rc ? error : jinja__buf_str(&b);
}
