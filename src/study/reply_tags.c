/* Tags: the words of a channel before what is said in it, in brackets anywhere or with a colon at the beginning of a line. */
#include "study/reply_int.h"

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

/* ---- tags ---- */

static size_t skip_junk(const struct folded *f, size_t i) {
    while (i < f->n && is_junk(f->code[i])) i++;
    return i;
}

static size_t skip_spaces_back(const struct folded *f, size_t from, size_t end) {
    while (end > from && f->code[end - 1] == ' ') end--;
    return end;
}

/* The longest word of a tag at i; *len: its characters. -1: none. */
static int tag_word(const struct reply_rules *r, const struct folded *f, size_t i, size_t *len) {
    int best = -1;
    *len = 0;
    for (int k = 0; k < TAG_WORDS; k++)
        for (int c = 0; c < CHANNELS; c++)
            if (r->tag[c][k].n > *len && starts(f, i, &r->tag[c][k])) best = c, *len = r->tag[c][k].n;
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

/* Nothing, or one name, stands in [from, to). */
static int only_a_name(const struct reply_rules *r, const struct folded *f, size_t from, size_t to) {
    size_t i = skip_junk(f, from);
    for (int k = 0; k < r->n_names; k++)
        if (i < to && starts(f, i, &r->name[k]) && skip_junk(f, i + r->name[k].n) >= to) return 1;
    return i >= to;
}

/* [TALK], [WHISPER Noah], [WHISPER] to Noah: … at i, where a bracket opens. Words within a bracket that are no name make it no tag, and a
 * brace with a colon is the beginning of an object. */
static int bracket_tag(const struct reply_rules *r, int self, const struct folded *f, size_t i, struct tag *t) {
    enum { FAR = 80 };
    size_t k = skip_junk(f, i + 1), end, len, colons = 0;
    int c = k < f->n ? tag_word(r, f, k, &len) : -1;
    if (c < 0) return 0;
    k += len;
    for (end = k; end < f->n && end < k + FAR && !is_close(f->code[end]); end++) {
        colons += is_colon(f->code[end]) != 0;
        if (is_open(f->code[end]) && end > k + 1) break;
    }
    if (end >= f->n || !is_close(f->code[end]) || (f->code[i] == '{' && colons)) return 0;
    *t = (struct tag){.channel = (enum channel)c, .to = -1, .from = i, .end = behind(f, end + 1)};
    if (c == CHANNEL_WHISPER) {
        t->to = reply_recipient(r, f, k, end);
        if (t->to == self) t->to = -1;
        return 1;
    }
    k = skip_junk(f, k);
    return k >= end || (is_colon(f->code[k]) && only_a_name(r, f, k + 1, end));
}

/* "talk": … is a line of an object, and no tag. */
static int is_quoted(const struct folded *f, size_t i, size_t end) {
    uint32_t q = i ? f->code[i - 1] : 0;
    end = skip_spaces_back(f, i, end);
    return (q == '"' || q == '\'') && end > i && f->code[end - 1] == q;
}

/* "(inner)", behind the word of a tag. */
static int in_brackets(const struct folded *f, size_t from, size_t to) {
    from = skip_junk(f, from);
    while (to > from && is_junk(f->code[to - 1])) to--;
    return to > from + 1 && is_open(f->code[from]) && is_close(f->code[to - 1]);
}

/* Whom a whisper names: in brackets, somebody of the room, or at most three words. More is a sentence that begins with the word. */
static int names_somebody(const struct reply_rules *r, const struct folded *f, size_t from, size_t to) {
    int words = 0;
    for (size_t i = from; i < to; i++) {
        for (int k = 0; k < r->n_names; k++)
            if (i + r->name[k].n <= to && starts(f, i, &r->name[k])) return 1;
        words += i > from && f->code[i] != ' ' && f->code[i - 1] == ' ';
    }
    int apart = from < to && (is_junk(f->code[from]) || is_open(f->code[from]) || f->code[from] == ',');
    return apart && (words <= 3 || in_brackets(f, from, to)); /* "Whispering is bad:" begins with another word */
}

/* TALK: …, **WHISPER to Noah:** …, WHISPER (to Lily and Noah): … at the beginning of a line. */
static int colon_tag(const struct reply_rules *r, int self, const struct folded *f, size_t i, struct tag *t) {
    enum { FAR = 60 };
    size_t len;
    int c = i < f->n ? tag_word(r, f, i, &len) : -1;
    if (c < 0) return 0;
    size_t k = i + len, end = k;
    while (end < f->n && end < k + FAR && !is_colon(f->code[end])) end++;
    if (end >= f->n || !is_colon(f->code[end]) || is_quoted(f, i, end)) return 0;
    *t = (struct tag){.channel = (enum channel)c, .to = -1, .from = i, .end = behind(f, end)};
    if (c != CHANNEL_WHISPER) return skip_junk(f, k) >= end || in_brackets(f, k, end);
    t->to = reply_recipient(r, f, k, end);
    if (t->to == self) t->to = -1;
    return t->to >= 0 || skip_junk(f, k) >= end || names_somebody(r, f, k, end);
}

int reply_next_tag(const struct reply_rules *r, int self, const struct folded *f, size_t i, struct tag *t) {
    if (i == 0) {
        size_t k = skip_junk(f, 0);
        if (colon_tag(r, self, f, k, t)) return t->from = 0, 1;
        if (k < f->n && is_open(f->code[k]) && bracket_tag(r, self, f, k, t)) return t->from = 0, 1;
    }
    for (; i < f->n; i++)
        if (is_open(f->code[i]) && bracket_tag(r, self, f, i, t)) return 1;
    return 0;
}

int reply_key(const struct reply_rules *r, const char *s, size_t n, int *to, struct err *e) {
    struct folded f = {0};
    size_t i = 0, len, end;
    TRY(fold_text(&f, &r->fold, s, n, e));
    while (i < f.n && (is_junk(f.code[i]) || is_open(f.code[i]))) i++;
    int c = i < f.n ? tag_word(r, &f, i, &len) : -1;
    for (end = f.n; c >= 0 && end > i + len && (is_junk(f.code[end - 1]) || is_close(f.code[end - 1]));) end--;
    *to = -1;
    if (c >= 0 && end > i + len) {
        *to = c == CHANNEL_WHISPER ? reply_recipient(r, &f, i + len, end) : -1;
        if (*to < 0) c = -1;
    }
    folded_free(&f);
    return c < 0 ? NO_CHANNEL : c;
}
