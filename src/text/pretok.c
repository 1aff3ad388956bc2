/* The table of pre-tokenizer patterns, and splitting by a chain of them.
 *
 * The patterns are those the tokenizers were published with. Each expression of a row splits the fragments of the one before,
 * the way llama.cpp and the Sequence of tokenizer.json do. Fragments are matched as subjects of their own; the chain is
 * walked depth first, so no list of fragments is ever held. Text is checked once and cut at bytes that are not UTF-8; the
 * matcher then runs without its own check, which would make a long text quadratic.
 *
 * To add a pattern: one row in `rows`. */
#define PCRE2_CODE_UNIT_WIDTH 8
#include "text/pretok.h"
#include "base/str.h"
#include "text/unicode.h"
#include <pcre2.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_STAGES = 16 };
struct stage {
    pcre2_code *re;
    enum pretok_how how;
    char *pattern; /* as given, for a tokenizer that is written again */
    size_t n;
    int literal;
};
struct pretok {
    struct stage stage[MAX_STAGES];
    int n;
};

#define GPT2 "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+"
#define LLAMA3                                                                                              \
    "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*" \
    "|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"
#define QWEN2                                                                                          \
    "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*" \
    "|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"
/* o200k: a word is upper letters, then lower ones; CASE(x) takes what may follow a word, TAIL is common to its kind */
#define CASE(ends)                                                                                   \
    "[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]*[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]+" ends \
    "|[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]+[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]*" ends
#define TAIL  "| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"
#define BLOOM " ?[^(\\s|.,!?…。，、।۔،)]+"
/* cased letters as deepseek-llm lists them (Unicode 13) */
#define CASED                                                                                                            \
    "A-Za-z\\x{B5}\\x{C0}-\\x{D6}\\x{D8}-\\x{F6}\\x{F8}-\\x{1BA}\\x{1BC}-\\x{1BF}\\x{1C4}-\\x{293}\\x{295}-\\x{2AF}"     \
    "\\x{370}-\\x{373}\\x{376}\\x{377}\\x{37B}-\\x{37D}\\x{37F}\\x{386}\\x{388}-\\x{38A}\\x{38C}\\x{38E}-\\x{3A1}"       \
    "\\x{3A3}-\\x{3F5}\\x{3F7}-\\x{481}\\x{48A}-\\x{52F}\\x{531}-\\x{556}\\x{10A0}-\\x{10C5}\\x{13A0}-\\x{13F5}"         \
    "\\x{13F8}-\\x{13FD}\\x{1C90}-\\x{1CBA}\\x{1CBD}-\\x{1CBF}\\x{1D00}-\\x{1D2B}\\x{1D6B}-\\x{1D77}"                    \
    "\\x{1D79}-\\x{1D9A}\\x{1E00}-\\x{1F15}\\x{1F18}-\\x{1F1D}\\x{1F20}-\\x{1F45}\\x{1F48}-\\x{1F4D}"                    \
    "\\x{1F50}-\\x{1F57}\\x{1F59}\\x{1F5B}\\x{1F5D}\\x{1F5F}-\\x{1F7D}\\x{1F80}-\\x{1FB4}\\x{1FB6}-\\x{1FBC}\\x{1FBE}"   \
    "\\x{1FC2}-\\x{1FC4}\\x{1FC6}-\\x{1FCC}\\x{1FD0}-\\x{1FD3}\\x{1FD6}-\\x{1FDB}\\x{1FE0}-\\x{1FEC}\\x{1FF2}-\\x{1FF4}" \
    "\\x{1FF6}-\\x{1FFC}\\x{2102}\\x{2107}\\x{210A}-\\x{2113}\\x{2115}\\x{2119}-\\x{211D}\\x{2124}\\x{2126}\\x{2128}"    \
    "\\x{212A}-\\x{212D}\\x{212F}-\\x{2134}\\x{2139}\\x{213C}-\\x{213F}\\x{2145}-\\x{2149}\\x{214E}\\x{2183}\\x{2184}"   \
    "\\x{2C00}-\\x{2C7B}\\x{2C7E}-\\x{2CE4}\\x{2CEB}-\\x{2CEE}\\x{2CF2}\\x{2CF3}\\x{A640}-\\x{A66D}\\x{A680}-\\x{A69B}"  \
    "\\x{A722}-\\x{A76F}\\x{A771}-\\x{A787}\\x{A78B}-\\x{A78E}\\x{AB70}-\\x{ABBF}\\x{FB00}-\\x{FB06}"                    \
    "\\x{FB13}-\\x{FB17}\\x{FF21}-\\x{FF3A}\\x{FF41}-\\x{FF5A}\\x{10400}-\\x{1044F}\\x{104B0}-\\x{104D3}"                \
    "\\x{104D8}-\\x{104FB}\\x{10C80}-\\x{10CB2}\\x{10CC0}-\\x{10CF2}\\x{118A0}-\\x{118DF}\\x{1E900}-\\x{1E943}"
#define CJK_ETC "[\\x{4E00}-\\x{9FA5}\\x{800}-\\x{4E00}\\x{AC00}-\\x{D7FF}]+"

/* clang-format off */
static const struct row { const char *names; unsigned flags; const char *re[6]; } rows[] = {
    {"default", 0, {"[\\p{P}$+<=>^~|]+", GPT2, "\\p{N}+", "[0-9][0-9][0-9]"}},
    {"gpt-2 mpt phi-2 olmo jais roberta-bpe mellum", 0, {GPT2}},
    {"llama-bpe llama3 llama-v3 falcon3 pixtral", PRETOK_WHOLE_WORDS | PRETOK_ADD_BOS, {LLAMA3}},
    {"dbrx smaug-bpe chatglm-bpe", 0, {LLAMA3}},
    {"qwen2", PRETOK_NFC, {QWEN2}},
    {"deepseek-r1-qwen stablelm2", 0, {QWEN2}},
    {"tekken", PRETOK_WHOLE_WORDS | PRETOK_ADD_BOS, {CASE("") "|\\p{N}" TAIL}},
    {"gpt-4o llama4", 0, {CASE("(?i:'s|'t|'re|'ve|'m|'ll|'d)?") "|\\p{N}{1,3}" TAIL}},
    {"bloom poro-chat", 0, {BLOOM}},
    {"viking", 0, {BLOOM, "\\p{N}"}},
    {"deepseek-llm", 0, {"[\\r\\n]", "\\s?[" CASED "]+",
        "\\s?[!-/:-~\\x{FF01}-\\x{FF0F}\\x{FF1A}-\\x{FF5E}\\x{2018}-\\x{201F}\\x{3000}-\\x{3002}]+",
        "(?<!\\s)\\s++\\z", /* published as \s+$; this form finds the same and is not quadratic */
        CJK_ETC, "\\p{N}+"}},
    {"deepseek-coder", 0, {"[\\r\\n]", "\\s?\\p{L}+", "\\s?\\p{P}+", CJK_ETC, "\\p{N}"}},
    {"deepseek-v3", 0, {"\\p{N}{1,3}", "[\\x{4E00}-\\x{9FA5}\\x{3040}-\\x{309F}\\x{30A0}-\\x{30FF}]+",
        "[!\"#$%&'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~][A-Za-z]+|[^\\r\\n\\p{L}\\p{P}\\p{S}]?[\\p{L}\\p{M}]+"
        "| ?[\\p{P}\\p{S}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"}},
    {"falcon", 0, {"[\\p{P}$+<=>^~|`]+", GPT2, "[0-9][0-9][0-9]"}},
    {"starcoder refact command-r smollm codeshell exaone minerva-7b", 0, {"\\p{N}", GPT2}},
};
/* clang-format on */
enum { N_ROWS = sizeof rows / sizeof *rows };

/* ---- building ---- */

int pretok_new(struct pretok **out, struct err *e) {
    struct pretok *p = calloc(1, sizeof *p);
    if (!p) return fail(e, ERR_NOMEM, "out of memory for a pre-tokenizer");
    *out = p;
    return 0;
}

void pretok_free(struct pretok *p) {
    if (!p) return;
    for (int i = 0; i < p->n; i++) pcre2_code_free(p->stage[i].re), free(p->stage[i].pattern);
    free(p);
}

int pretok_add(struct pretok *p, const char *pattern, size_t n, enum pretok_how how, int literal, struct err *e) {
    if (p->n == MAX_STAGES) return fail(e, ERR_LIMIT, "a pre-tokenizer has more than %d steps", MAX_STAGES);
    /* \C could cut a character in two, which the matcher would then trust to be whole */
    uint32_t opt = literal ? PCRE2_UTF | PCRE2_LITERAL : PCRE2_UTF | PCRE2_UCP | PCRE2_NEVER_BACKSLASH_C;
    int code;
    PCRE2_SIZE at;
    pcre2_code *re = pcre2_compile((PCRE2_SPTR)pattern, n, opt, &code, &at, NULL);
    if (!re) {
        PCRE2_UCHAR why[120];
        if (pcre2_get_error_message(code, why, sizeof why) < 0) why[0] = 0;
        return fail(e, ERR_UNSUPPORTED, "pre-tokenizer pattern '%.*s' is not understood at byte %zu: %s",
                    (int)(n > 120 ? 120 : n), pattern, (size_t)at, (const char *)why);
    }
    char *kept = malloc(n + 1);
    if (!kept) {
        pcre2_code_free(re);
        return fail(e, ERR_NOMEM, "out of memory for a pattern");
    }
    memcpy(kept, pattern, n);
    kept[n] = 0;
    pcre2_jit_compile(re, PCRE2_JIT_COMPLETE); /* where it cannot, the interpreter runs */
    p->stage[p->n++] = (struct stage){re, how, kept, n, literal};
    return 0;
}

int pretok_size(const struct pretok *p) { return p ? p->n : 0; }

const char *pretok_at(const struct pretok *p, int i, size_t *n, enum pretok_how *how, int *literal) {
    const struct stage *s = &p->stage[i];
    *n = s->n, *how = s->how, *literal = s->literal;
    return s->pattern;
}

/* names is a list with single spaces between */
static int has_name(const char *names, const char *name) {
    size_t n = strlen(name);
    for (const char *s = names; *s;) {
        size_t k = strcspn(s, " ");
        if (k == n && memcmp(s, name, n) == 0) return 1;
        s += k + (s[k] == ' ');
    }
    return 0;
}

static const struct row *row_of(const char *name) {
    for (int i = 0; i < N_ROWS; i++)
        if (has_name(rows[i].names, name)) return &rows[i];
    return NULL;
}

static int unknown_name(const char *name, struct err *e) {
    char list[320];
    size_t n = 0;
    list[0] = 0;
    for (int i = 0; i < N_ROWS; i++) {
        size_t k = strlen(rows[i].names);
        if (n + k + 2 > sizeof list) break;
        memcpy(list + n, rows[i].names, k);
        n += k;
        list[n++] = ' ';
        list[n] = 0;
    }
    if (n) list[n - 1] = 0;
    return fail(e, ERR_UNSUPPORTED, "pre-tokenizer '%.40s' is not supported; supported are: %s", name, list);
}

static int add_row(struct pretok *p, const struct row *r, struct err *e) {
    for (int i = 0; i < 6 && r->re[i]; i++) TRY(pretok_add(p, r->re[i], strlen(r->re[i]), PRETOK_ISOLATE, 0, e));
    return 0;
}

int pretok_add_named(struct pretok *p, const char *name, struct err *e) {
    const struct row *r = row_of(name);
    return r ? add_row(p, r, e) : unknown_name(name, e);
}

int pretok_named(struct pretok **out, const char *name, unsigned *flags, struct err *e) {
    const struct row *r = row_of(name);
    if (!r) return unknown_name(name, e);
    struct pretok *p;
    TRY(pretok_new(&p, e));
    int rc = add_row(p, r, e);
    if (rc < 0) {
        pretok_free(p);
        return rc;
    }
    if (flags) *flags = r->flags;
    *out = p;
    return 0;
}

static int same_chain(const struct pretok *p, const struct row *r) {
    int n = 0;
    while (n < 6 && r->re[n]) n++;
    if (n != p->n) return 0;
    for (int i = 0; i < n; i++) {
        const struct stage *s = &p->stage[i];
        if (s->literal || s->how != PRETOK_ISOLATE || s->n != strlen(r->re[i]) || memcmp(s->pattern, r->re[i], s->n) != 0)
            return 0;
    }
    return 1;
}

int pretok_name_of(const struct pretok *p, unsigned flags, char *name, size_t size) {
    for (int i = 0; i < N_ROWS; i++) {
        size_t k = strcspn(rows[i].names, " ");
        if ((rows[i].flags & ~(unsigned)PRETOK_ADD_BOS) != flags || k >= size || !same_chain(p, &rows[i])) continue;
        memcpy(name, rows[i].names, k);
        name[k] = 0;
        return 1;
    }
    return 0;
}

const char *pretok_name_at(int i) {
    static _Thread_local char name[32];
    for (int r = 0; r < N_ROWS; r++) {
        for (const char *s = rows[r].names; *s; i--) {
            size_t k = strcspn(s, " ");
            if (i == 0 && k < sizeof name) {
                memcpy(name, s, k);
                name[k] = 0;
                return name;
            }
            s += k + (s[k] == ' ');
        }
    }
    return NULL;
}

/* ---- splitting ---- */

struct split {
    const struct pretok *p;
    pcre2_match_data *md[MAX_STAGES];
    pretok_word word;
    void *ctx;
};

static int split_from(struct split *sp, int stage, const char *s, size_t n, struct err *e);

/* 1: match in [*a, *b), 0: none from `at` on */
static int next_match(struct split *sp, int stage, const char *s, size_t n, size_t at, size_t *a, size_t *b, struct err *e) {
    pcre2_code *re = sp->p->stage[stage].re;
    pcre2_match_data *md = sp->md[stage];
    while (at < n) {
        int rc = pcre2_match(re, (PCRE2_SPTR)s, n, at, PCRE2_NO_UTF_CHECK, md, NULL);
        if (rc == PCRE2_ERROR_JIT_STACKLIMIT)
            rc = pcre2_match(re, (PCRE2_SPTR)s, n, at, PCRE2_NO_UTF_CHECK | PCRE2_NO_JIT, md, NULL);
        if (rc == PCRE2_ERROR_NOMATCH) return 0;
        if (rc < 0) return fail(e, ERR_LIMIT, "a pre-tokenizer pattern gave up at byte %zu of a text (PCRE2 error %d)", at, rc);
        PCRE2_SIZE *v = pcre2_get_ovector_pointer(md);
        if (v[1] > v[0] && v[0] >= at && v[1] <= n) {
            *a = v[0];
            *b = v[1];
            return 1;
        }
        size_t from = v[0] > at && v[0] < n ? v[0] : at; /* an empty match splits nothing */
        at = from + utf8_len(s + from, n - from);
    }
    return 0;
}

/* One stage over one fragment. `from` is where the fragment that is being collected begins. */
static int split_stage(struct split *sp, int stage, const char *s, size_t n, struct err *e) {
    enum pretok_how how = sp->p->stage[stage].how;
    size_t from = 0, at = 0, a = 0, b = 0;
    int got;
    while ((got = next_match(sp, stage, s, n, at, &a, &b, e)) > 0) {
        size_t cut = how == PRETOK_WITH_PREV ? b : a;
        if (how != PRETOK_KEEP) TRY(split_from(sp, stage + 1, s + from, cut - from, e));
        from = cut;
        if (how == PRETOK_ISOLATE || how == PRETOK_KEEP) TRY(split_from(sp, stage + 1, s + a, b - a, e));
        if (how == PRETOK_ISOLATE || how == PRETOK_KEEP || how == PRETOK_DROP) from = b;
        at = b;
    }
    if (got < 0) return got;
    return how == PRETOK_KEEP ? 0 : split_from(sp, stage + 1, s + from, n - from, e);
}

static int split_from(struct split *sp, int stage, const char *s, size_t n, struct err *e) {
    if (n == 0) return 0;
    return stage == sp->p->n ? sp->word(sp->ctx, s, n, e) : split_stage(sp, stage, s, n, e);
}

static int split_runs(struct split *sp, const char *s, size_t n, struct err *e) {
    for (size_t i = 0; i < n;) {
        size_t v = utf8_valid(s + i, n - i), bad = i + v;
        TRY(split_from(sp, 0, s + i, v, e));
        for (i = bad; i < n && utf8_valid(s + i, n - i < 4 ? n - i : 4) == 0;) i++;
        if (i > bad) TRY(sp->word(sp->ctx, s + bad, i - bad, e));
    }
    return 0;
}

int pretok_split(const struct pretok *p, const char *s, size_t n, pretok_word word, void *ctx, struct err *e) {
    if (n == 0) return 0;
    if (!p || p->n == 0) return word(ctx, s, n, e);
    struct split sp = {.p = p, .word = word, .ctx = ctx};
    int rc = 0;
    for (int i = 0; i < p->n && rc == 0; i++) {
        sp.md[i] = pcre2_match_data_create(1, NULL);
        if (!sp.md[i]) rc = fail(e, ERR_NOMEM, "out of memory for matching");
    }
    if (rc == 0) rc = split_runs(&sp, s, n, e);
    for (int i = 0; i < p->n; i++) pcre2_match_data_free(sp.md[i]);
    return rc;
}
