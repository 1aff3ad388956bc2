/* Tagged lines: each line is folded (NFKC, case) and looked through for tags; what stands between them is said. */
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
    for (int i = 0; i < CHANNELS; i++)
        for (int k = 0; k < TAG_WORDS; k++) folded_free(&r->tag[i][k]);
    for (int i = 0; i < r->n_names; i++) folded_free(&r->name[i]);
    free(r);
}

/* The language's own tag, and the channel's name: models answer in English tags whatever they were taught. Where I and i are two letters, its
 * capitals fold to another word. */
static int fold_words(struct reply_rules *r, enum channel c, const char *own, struct err *e) {
    char capitals[16] = "";
    const char *name = channel_name(c), *const words[TAG_WORDS] = {own, name, capitals};
    for (size_t i = 0; name[i] && i + 1 < sizeof capitals; i++) capitals[i] = (char)(name[i] - 'a' + 'A'), capitals[i + 1] = 0;
    for (int k = 0; k < TAG_WORDS; k++) TRY(fold_text(&r->tag[c][k], &r->fold, words[k], strlen(words[k]), e));
    return 0;
}

int reply_rules_new(struct reply_rules **out, const struct language *l, const char *const *names, int n, struct err *e) {
    struct reply_rules *r = calloc(1, sizeof *r);
    int rc = 0;
    if (!r) return fail(e, ERR_NOMEM, "out of memory for the rules of replies");
    r->fold = l->fold;
    for (int i = 0; i < CHANNELS; i++) TRYTO(out, fold_words(r, (enum channel)i, l->tags[i], e));
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
    size_t good = 0; /* where what is not yet copied begins */
    for (size_t i = 0, len; i < n; i += len) {
        if (utf8_scan(s + i, n - i, &len) == UTF8_CHAR && s[i]) continue;
        if (!len || !s[i]) len = 1;
        str_add(&b, s + good, i - good);
        str_puts(&b, "\xef\xbf\xbd");
        good = i + len;
        ++*replaced;
    }
    str_add(&b, s + good, n > good ? n - good : 0);
    if (b.failed) return str_free(&b), fail(e, ERR_NOMEM, "out of memory for a reply");
    *out = b.s, *out_n = b.len;
    return 0;
}

/* ---- acts ---- */

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
    trim(&s, &n);
    if (!n) return 0;
    if (out->n == REPLY_MAX_ACTS) return out->cut++, 0;
    if (!out->acts) out->acts = calloc(REPLY_MAX_ACTS, sizeof *out->acts);
    char *text = malloc(n + 1);
    size_t k = 0;
    if (!text || !out->acts) return free(text), fail(e, ERR_NOMEM, "out of memory for a reply");
    for (size_t i = 0; i < n; i++)
        if (!is_space(s[i]) || !is_space(s[i - 1])) text[k++] = is_space(s[i]) ? ' ' : s[i];
    text[k] = 0;
    if (c == CHANNEL_WHISPER && to < 0) out->unknown_to++;
    out->acts[out->n++] = (struct act){.channel = c, .to = c == CHANNEL_WHISPER ? to : -1, .text = text};
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

/* A line of ``` with at most a word behind it only frames what is said. */
static int is_fence(const char *s, size_t n) {
    while (n && is_space(*s)) s++, n--;
    while (n && is_space(s[n - 1])) n--;
    if (n < 3 || memcmp(s, "```", 3) != 0) return 0;
    for (size_t i = 3; i < n; i++)
        if (s[i] != '`' && !(s[i] >= 'a' && s[i] <= 'z')) return 0;
    return 1;
}

static int read_line(struct reading *x, const char *line, size_t n, struct err *e) {
    struct folded f = {0};
    struct tag t;
    size_t at = 0;
    int rc = 0;
    if (is_fence(line, n)) return 0;
    TRY(fold_text(&f, &x->r->fold, line, n, e));
    while (reply_next_tag(x->r, x->self, &f, at, &t)) {
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
    return x->text.failed ? fail(e, ERR_NOMEM, "out of memory for a reply") : finish_act(x, e);
}

/* *stray: lines without a tag. */
static int look_for_tags(const struct reply_rules *r, int self, const char *s, size_t n, int *stray, struct err *e) {
    struct reply none = {0};
    struct reading x = {.out = &none, .r = r, .self = self};
    int rc = read_lines(&x, s, n, e);
    *stray = none.stray;
    str_free(&x.text);
    reply_free(&none);
    return rc < 0 ? rc : x.open;
}

int reply_has_tag(const struct reply_rules *r, int self, const char *s, size_t n, struct err *e) {
    int stray;
    return look_for_tags(r, self, s, n, &stray, e);
}

/* ---- a whole reply ---- */

static void forget_acts(struct reply *r) {
    const struct reply counts = {.replaced = r->replaced, .cut = r->cut};
    reply_free(r);
    *r = counts;
}

/* Acts of JSON, if it is the only thing said: with tags around it nobody knows which is meant. */
static int read_json(struct reply *got, const struct reply_rules *r, int self, char *s, size_t n, struct err *e) {
    int stray = 0, rc = reply_parse_json(got, r, self, s, n, e);
    if (rc == REPLY_JSON) {
        int tagged = look_for_tags(r, self, s, n, &stray, e);
        if (tagged < 0) return tagged;
        got->json = 1, got->stray += stray;
        if (tagged) rc = REPLY_HALF_JSON;
    }
    if (rc == REPLY_HALF_JSON) forget_acts(got);
    return rc;
}

int reply_parse(struct reply *out, const struct reply_rules *r, int self, const char *s, size_t n, struct err *e) {
    struct reply got = {0};
    struct reading x = {.out = &got, .r = r, .self = self};
    char *clean = NULL;
    int rc, any;
    TRYTO(out, text_clean(&clean, &n, s, n, REPLY_MAX_BYTES, &got.replaced, &got.cut, e));
    any = has_text(clean, n);
    rc = read_json(&got, r, self, clean, n, e);
    if (rc == REPLY_NO_JSON) rc = read_lines(&x, clean, n, e);
    got.malformed = !got.n && any;
out:
    str_free(&x.text);
    free(clean);
    if (rc < 0)
        reply_free(&got);
    else
        *out = got;
    return rc < 0 ? rc : 0;
}
