/* Tagged lines: each line is folded (NFKC, case) and looked through for tags, at its beginning or in brackets anywhere. */
#include "study/reply.h"
#include "study/reply_int.h"
#include "text/unicode.h"
#include <stdlib.h>
#include <string.h>

void reply_free(struct reply *r) {
    for (int i = 0; i < r->n; i++) free(r->acts[i].text);
    free(r->acts);
    *r = (struct reply){0};
}

void reply_rules_free(struct reply_rules *r) {
    if (!r) return;
    for (int i = 0; i < CHANNELS; i++) folded_free(&r->tag[i]);
    for (int i = 0; i < r->n_names; i++) folded_free(&r->name[i]);
    free(r);
}

int reply_rules_new(struct reply_rules **out, const struct language *l, const char *const *names, int n, struct err *e) {
    struct reply_rules *r = calloc(1, sizeof *r);
    int rc = 0;
    if (!r) return fail(e, ERR_NOMEM, "out of memory for the rules of replies");
    r->fold = l->fold;
    for (int i = 0; i < CHANNELS; i++) TRYTO(out, fold_text(&r->tag[i], &r->fold, l->tags[i], strlen(l->tags[i]), e));
    for (int i = 0; i < n && i < REPLY_MAX_NAMES; i++) {
        TRYTO(out, fold_text(&r->name[i], &r->fold, names[i], strlen(names[i]), e));
        r->n_names = i + 1;
    }
    *out = r;
    return 0;
out:
    reply_rules_free(r);
    return rc;
}

int text_clean(char **out, size_t *out_n, const char *s, size_t n, size_t limit, int *replaced, int *cut, struct err *e) {
    struct str b = {0};
    if (n > limit) {
        n = limit;
        while (n && ((unsigned char)s[n] & 0xc0) == 0x80) n--; /* not within a character */
        ++*cut;
    }
    str_puts(&b, "");
    for (size_t i = 0, len; i < n; i += len) {
        if (utf8_scan(s + i, n - i, &len) == UTF8_CHAR && s[i])
            str_add(&b, s + i, len);
        else {
            if (!len || !s[i]) len = 1;
            str_puts(&b, "\xef\xbf\xbd");
            ++*replaced;
        }
    }
    if (b.failed) return str_free(&b), fail(e, ERR_NOMEM, "out of memory for a reply");
    *out = b.s, *out_n = b.len;
    return 0;
}

/* ---- what stands around a text ---- */

static int is_junk(uint32_t c) { /* before a tag: bullets, markdown, quotes */
    static const uint32_t junk[] = {' ',    '*',    '_',    '#',    '>',    '-',    '"',    '\'',   '`',  '~',    0x2022, 0xb7,
                                    0x30fb, 0x2013, 0x2014, 0x25cf, 0x201c, 0x201d, 0x300c, 0x300e, 0xab, 0x200f, 0x200e, 0xfeff};
    for (size_t i = 0; i < sizeof junk / sizeof *junk; i++)
        if (junk[i] == c) return 1;
    return 0;
}

static int is_open(uint32_t c) {
    return c == '[' || c == '(' || c == '<' || c == '{' || c == 0x3010 || c == 0x3014 || c == 0x300a;
}
static int is_close(uint32_t c) {
    return c == ']' || c == ')' || c == '>' || c == '}' || c == 0x3011 || c == 0x3015 || c == 0x300b;
}
static int is_colon(uint32_t c) { return c == ':' || c == 0xff1a || c == 0xfe55; }

static int starts(const struct folded *f, size_t at, const struct folded *w) {
    if (!w->n || at + w->n > f->n) return 0;
    for (size_t i = 0; i < w->n; i++)
        if (f->code[at + i] != w->code[i]) return 0;
    return 1;
}

int reply_recipient(const struct reply_rules *r, const struct folded *f, size_t from, size_t to) {
    int found = -1;
    for (size_t i = from; i < to;) {
        int best = -1;
        for (int k = 0; k < r->n_names; k++)
            if (i + r->name[k].n <= to && starts(f, i, &r->name[k]) && (best < 0 || r->name[k].n > r->name[best].n)) best = k;
        if (best >= 0 && found >= 0 && best != found) return -1;
        if (best >= 0) found = best;
        i += best >= 0 ? r->name[best].n : 1;
    }
    return found;
}

static int is_space(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == '\v' || c == '\f'; }

/* Quotes and emphasis that stand around a whole text. */
static int peel(const char **s, size_t *n) {
    static const char *const pairs[][2] = {{"\"", "\""}, {"“", "”"}, {"「", "」"}, {"『", "』"}, {"«", "»"},
                                           {"**", "**"}, {"*", "*"}, {"__", "__"}, {"`", "`"}};
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        size_t a = strlen(pairs[i][0]), b = strlen(pairs[i][1]);
        if (*n <= a + b || memcmp(*s, pairs[i][0], a) != 0 || memcmp(*s + *n - b, pairs[i][1], b) != 0) continue;
        *s += a, *n -= a + b;
        return 1;
    }
    return 0;
}

static void trim(const char **s, size_t *n) {
    do {
        while (*n && is_space(**s)) ++*s, --*n;
        while (*n && is_space((*s)[*n - 1])) --*n;
    } while (peel(s, n));
}

int reply_act(struct reply *out, enum channel c, int to, const char *s, size_t n, struct err *e) {
    struct str b = {0};
    trim(&s, &n);
    if (!n) return 0;
    if (out->n == REPLY_MAX_ACTS) return out->cut++, 0;
    for (size_t i = 0; i < n; i++) {
        if (!is_space(s[i]))
            str_add(&b, s + i, 1);
        else if (!is_space(s[i - 1]))
            str_puts(&b, " ");
    }
    if (!out->acts) out->acts = calloc(REPLY_MAX_ACTS, sizeof *out->acts);
    if (b.failed || !out->acts) return str_free(&b), fail(e, ERR_NOMEM, "out of memory for a reply");
    if (c == CHANNEL_WHISPER && to < 0) out->unknown_to++;
    out->acts[out->n++] = (struct act){.channel = c, .to = c == CHANNEL_WHISPER ? to : -1, .text = b.s};
    return 0;
}

/* ---- tags ---- */

struct tag {
    enum channel channel;
    int to;
    size_t from, end; /* characters of the line: the tag with what belongs to it, and where its text begins */
};

static size_t skip_junk(const struct folded *f, size_t i) {
    while (i < f->n && is_junk(f->code[i])) i++;
    return i;
}

/* The longest tag word at i. */
static int tag_word(const struct reply_rules *r, const struct folded *f, size_t i) {
    int best = -1;
    for (int c = 0; c < CHANNELS; c++)
        if (starts(f, i, &r->tag[c]) && (best < 0 || r->tag[c].n > r->tag[best].n)) best = c;
    return best;
}

/* Behind a closing bracket: marks of emphasis, a colon. */
static size_t behind(const struct folded *f, size_t i) {
    while (i < f->n && (f->code[i] == '*' || f->code[i] == '_' || f->code[i] == '`')) i++;
    size_t k = i;
    while (k < f->n && f->code[k] == ' ') k++;
    if (k >= f->n || !is_colon(f->code[k])) return i;
    for (i = k + 1; i < f->n && (f->code[i] == '*' || f->code[i] == '_'); i++) {}
    return i;
}

/* [TALK], [WHISPER Noah], [WHISPER] to Noah: … at i, where a bracket opens. Words within a bracket that are no recipient make it no tag. */
static int bracket_tag(const struct reply_rules *r, int self, const struct folded *f, size_t i, struct tag *t) {
    enum { FAR = 80 };
    size_t k = skip_junk(f, i + 1), end;
    int c = k < f->n ? tag_word(r, f, k) : -1;
    if (c < 0) return 0;
    k += r->tag[c].n;
    for (end = k; end < f->n && end < k + FAR && !is_close(f->code[end]); end++)
        if (is_open(f->code[end]) && end > k + 1) break;
    if (end >= f->n || !is_close(f->code[end])) return 0;
    *t = (struct tag){.channel = (enum channel)c, .to = -1, .from = i, .end = behind(f, end + 1)};
    if (c == CHANNEL_WHISPER) {
        t->to = reply_recipient(r, f, k, end);
        if (t->to == self) t->to = -1;
        return 1;
    }
    return skip_junk(f, k) >= end || is_colon(f->code[skip_junk(f, k)]);
}

/* TALK: …, **WHISPER to Noah:** … at the beginning of a line. */
static int colon_tag(const struct reply_rules *r, int self, const struct folded *f, size_t i, struct tag *t) {
    enum { FAR = 60 };
    int c = i < f->n ? tag_word(r, f, i) : -1;
    if (c < 0) return 0;
    size_t k = i + r->tag[c].n, end = k;
    while (end < f->n && end < k + FAR && !is_colon(f->code[end])) end++;
    if (end >= f->n || !is_colon(f->code[end])) return 0;
    *t = (struct tag){.channel = (enum channel)c, .to = -1, .from = i, .end = behind(f, end)};
    if (c != CHANNEL_WHISPER) return skip_junk(f, k) >= end;
    t->to = reply_recipient(r, f, k, end);
    if (t->to == self) t->to = -1;
    return t->to >= 0 || skip_junk(f, k) >= end;
}

/* The next tag of a line from i on. */
static int next_tag(const struct reply_rules *r, int self, const struct folded *f, size_t i, struct tag *t) {
    if (i == 0) {
        size_t k = skip_junk(f, 0);
        if (colon_tag(r, self, f, k, t)) return t->from = 0, 1;
        if (k < f->n && is_open(f->code[k]) && bracket_tag(r, self, f, k, t)) return t->from = 0, 1;
    }
    for (; i < f->n; i++)
        if (is_open(f->code[i]) && bracket_tag(r, self, f, i, t)) return 1;
    return 0;
}

/* ---- lines ---- */

struct reading {
    struct reply *out;
    const struct reply_rules *r;
    int self, open; /* open: a tag was seen, and its text goes on */
    struct tag tag;
    struct str text;
};

static int finish_act(struct reading *x, struct err *e) {
    int rc = 0;
    if (x->open && x->text.len) rc = reply_act(x->out, x->tag.channel, x->tag.to, x->text.s, x->text.len, e);
    str_clear(&x->text);
    return rc;
}

static int has_text(const char *s, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (!is_space(s[i])) return 1;
    return 0;
}

/* Characters [from, to) of a line go to the act that is open. */
static void add_text(struct reading *x, const struct folded *f, const char *line, size_t n, size_t from, size_t to) {
    size_t a = from < f->n ? f->start[from] : n, b = to < f->n ? f->start[to] : n;
    if (a >= b || !has_text(line + a, b - a)) return;
    if (!x->open) {
        x->out->stray++;
        return;
    }
    str_puts(&x->text, " ");
    str_add(&x->text, line + a, b - a);
}

static int read_line(struct reading *x, const char *line, size_t n, struct err *e) {
    struct folded f = {0};
    struct tag t;
    size_t at = 0;
    int rc = 0;
    TRY(fold_text(&f, &x->r->fold, line, n, e));
    while (next_tag(x->r, x->self, &f, at, &t)) {
        add_text(x, &f, line, n, at, t.from);
        TRYTO(out, finish_act(x, e));
        x->open = 1, x->tag = t;
        at = t.end > at ? t.end : at + 1;
    }
    add_text(x, &f, line, n, at, f.n);
out:
    folded_free(&f);
    return rc;
}

static int read_lines(struct reading *x, const char *s, size_t n, struct err *e) {
    for (size_t i = 0; i < n;) {
        const char *nl = memchr(s + i, '\n', n - i);
        size_t len = nl ? (size_t)(nl - s) - i : n - i;
        TRY(read_line(x, s + i, len, e));
        i += len + 1;
    }
    return finish_act(x, e);
}

int reply_parse(struct reply *out, const struct reply_rules *r, int self, const char *s, size_t n, struct err *e) {
    struct reply got = {0};
    struct reading x = {.out = &got, .r = r, .self = self};
    char *clean = NULL;
    int rc;
    TRYTO(out, text_clean(&clean, &n, s, n, REPLY_MAX_BYTES, &got.replaced, &got.cut, e));
    rc = reply_parse_json(&got, r, self, clean, n, e);
    if (rc == 0) rc = read_lines(&x, clean, n, e);
    if (rc >= 0 && x.text.failed) rc = fail(e, ERR_NOMEM, "out of memory for a reply");
    got.malformed = !got.n && has_text(clean, n);
out:
    str_free(&x.text);
    free(clean);
    if (rc < 0)
        reply_free(&got);
    else
        *out = got;
    return rc < 0 ? rc : 0;
}
