/* Scripts choose the candidates, letters decide among them. */
#include "study/detect.h"
#include "study/ngram.h"
#include "study/script.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unicode/ubrk.h>
#include <unicode/uchar.h>
#include <unicode/utext.h>

struct profile {
    const struct language *l;
    struct script script;
};
struct detector {
    struct profile *at;
    struct ngram *letters; /* column i: of at[i] */
    int n;
};

void detector_free(struct detector *d) {
    if (!d) return;
    ngram_free(d->letters);
    free(d->at);
    free(d);
}

/* ---- letters of a text ---- */

/* The same folding for every language: it may not depend on what is to be found out. */
static const struct fold_rules rules = {.ignore = FOLD_TASHKEEL | FOLD_TATWEEL | FOLD_HAMZA | FOLD_NUKTA};

static int is_letter(uint32_t c) {
    return u_isalpha((UChar32)c) || (U_MASK(u_charType((UChar32)c)) & (U_GC_MN_MASK | U_GC_MC_MASK)) != 0;
}

/* Letters with single spaces for all else, placeholders in braces left out; in place. Returns how many characters remain. */
static size_t only_letters(uint32_t *c, size_t n) {
    size_t k = 0;
    int inside = 0;
    for (size_t i = 0; i < n; i++) {
        if (c[i] == '{') inside = 1;
        if (!inside && is_letter(c[i]))
            c[k++] = c[i];
        else if (k && c[k - 1] != ' ')
            c[k++] = ' ';
        if (c[i] == '}' || c[i] == ' ') inside = 0;
    }
    return k && c[k - 1] == ' ' ? k - 1 : k;
}

static int letters_of(struct folded *f, const char *s, size_t n, struct err *e) {
    TRY(fold_text(f, &rules, s, n, e));
    f->n = only_letters(f->code, f->n);
    return 0;
}

/* ---- sentences ---- */

typedef int (*sentence_fn)(void *ctx, const char *id, const char *s, size_t n, struct err *e); /* id: of its text */

static int each_sentence(const char *locale, const char *id, const char *s, sentence_fn fn, void *ctx, struct err *e) {
    UErrorCode ec = U_ZERO_ERROR;
    UText *t = utext_openUTF8(NULL, s, -1, &ec);
    UBreakIterator *b = ubrk_open(UBRK_SENTENCE, locale, NULL, 0, &ec);
    int rc = 0;
    if (U_SUCCESS(ec)) ubrk_setUText(b, t, &ec);
    if (U_SUCCESS(ec)) {
        int32_t from = ubrk_first(b), to;
        while (!rc && (to = ubrk_next(b)) != UBRK_DONE) {
            rc = fn(ctx, id, s + from, (size_t)(to - from), e);
            from = to;
        }
    }
    if (b) ubrk_close(b);
    utext_close(t);
    return U_FAILURE(ec) ? fail(e, ERR_INTERNAL, "sentence boundaries failed: %s", u_errorName(ec)) : rc;
}

static int each_text(const struct language *l, sentence_fn fn, void *ctx, struct err *e) {
    struct language_text *t;
    int n, rc = 0;
    TRY(language_texts(l, &t, &n, e));
    for (int i = 0; i < n && !rc; i++) rc = each_sentence(l->word_breaks, t[i].id, t[i].text, fn, ctx, e);
    free(t);
    return rc;
}

/* ---- learning ---- */

struct lesson {
    struct ngram *g;
    int language, at, fold, folds;
};

static int learn(void *ctx, const char *id, const char *s, size_t n, struct err *e) {
    struct lesson *x = ctx;
    struct folded f;
    (void)id;
    if (x->folds && x->at++ % x->folds == x->fold) return 0;
    TRY(letters_of(&f, s, n, e));
    int rc = f.n ? ngram_learn(x->g, x->language, f.code, f.n, e) : 0;
    folded_free(&f);
    return rc;
}

static int learn_all(struct detector *d, const struct languages *s, int fold, int folds, struct err *e) {
    TRY(ngram_new(&d->letters, s->n, e));
    for (; d->n < s->n; d->n++) {
        struct profile *p = &d->at[d->n];
        p->l = s->at[d->n];
        if (!script_find(&p->script, p->l->script)) return fail(e, ERR_ARG, "unknown script \"%.20s\"", p->l->script);
        struct lesson x = {.g = d->letters, .language = d->n, .fold = fold, .folds = folds};
        TRY(each_text(p->l, learn, &x, e));
    }
    return ngram_ready(d->letters, e);
}

int detector_build(struct detector **out, const struct languages *s, int fold, int folds, struct err *e) {
    struct detector *d = calloc(1, sizeof *d);
    if (d) d->at = calloc((size_t)s->n + 1, sizeof *d->at);
    int rc = d && d->at ? learn_all(d, s, fold, folds, e) : fail(e, ERR_NOMEM, "out of memory for language profiles");
    if (rc < 0)
        detector_free(d);
    else
        *out = d;
    return rc;
}

/* ---- asking ---- */

/* How many letters of a text are in which script; what is beyond a few scripts is in none that is asked for. */
enum { TALLIES = 32 };
struct tally {
    size_t letters, in[TALLIES];
    int script[TALLIES], n;
};

static void count_scripts(struct tally *t, const struct folded *f) {
    *t = (struct tally){0};
    for (size_t i = 0; i < f->n; i++) {
        if (!u_isalpha((UChar32)f->code[i])) continue;
        int of = script_of(f->code[i]), k = 0;
        t->letters++;
        while (k < t->n && t->script[k] != of) k++;
        if (k == TALLIES) continue;
        if (k == t->n) t->script[t->n++] = of;
        t->in[k]++;
    }
}

static double share_in(const struct script *s, const struct tally *t) {
    size_t in = 0;
    for (int k = 0; k < t->n; k++)
        if (script_has(s, t->script[k])) in += t->in[k];
    return t->letters ? (double)in / (double)t->letters : 0;
}

/* ll[d->n]: scratch */
static void compare(const struct detector *d, const struct folded *f, double *ll, struct detection *r) {
    double first = -INFINITY, next = -INFINITY;
    struct tally t;
    count_scripts(&t, f);
    ngram_loglik(d->letters, f->code, f->n, ll);
    r->letters = t.letters;
    for (int i = 0; i < d->n; i++) {
        double share = share_in(&d->at[i].script, &t);
        if (share < 0.5) continue;
        if (ll[i] > first) {
            next = first, r->second = r->best;
            first = ll[i], r->best = d->at[i].l, r->share = share;
        } else if (ll[i] > next) {
            next = ll[i], r->second = d->at[i].l;
        }
    }
    r->margin = r->best ? first - next : 0;
    if (r->margin < DETECT_MARGIN || r->letters < DETECT_LETTERS) r->best = NULL;
}

int detect_language(const struct detector *d, const char *s, size_t n, struct detection *out, struct err *e) {
    struct folded f;
    *out = (struct detection){0};
    TRY(letters_of(&f, s, n, e));
    double *ll = malloc(((size_t)d->n + 1) * sizeof *ll);
    if (ll) compare(d, &f, ll, out);
    free(ll);
    folded_free(&f);
    return ll ? 0 : fail(e, ERR_NOMEM, "out of memory for the language of a text");
}

int detect_share(const struct language *l, const char *s, size_t n, double *share, size_t *letters, struct err *e) {
    struct folded f;
    struct script script;
    struct tally t;
    *share = 0, *letters = 0;
    if (!script_find(&script, l->script)) return fail(e, ERR_ARG, "unknown script \"%.20s\"", l->script);
    TRY(letters_of(&f, s, n, e));
    count_scripts(&t, &f);
    *share = share_in(&script, &t), *letters = t.letters;
    folded_free(&f);
    return 0;
}

/* ---- validation ---- */

struct exam {
    const struct detector *d;
    const struct language *l;
    struct detect_score *score;
    int at, fold, folds;
    size_t min;
    detect_other_fn *other;
    void *other_ctx;
};

static int ask(void *ctx, const char *id, const char *s, size_t n, struct err *e) {
    struct exam *x = ctx;
    struct detection r;
    size_t graphemes;
    if (x->at++ % x->folds != x->fold) return 0;
    TRY(count_graphemes(s, n, &graphemes, e));
    if (graphemes < x->min) return 0;
    TRY(detect_language(x->d, s, n, &r, e));
    ++*(!r.best ? &x->score->undecided : r.best == x->l ? &x->score->right : &x->score->wrong);
    return r.best && r.best != x->l && x->other ? x->other(x->other_ctx, x->l, id, &r, e) : 0;
}

int detect_validate(const struct languages *s, int folds, size_t min_graphemes, struct detect_score *scores,
                    detect_other_fn *other, void *ctx, struct err *e) {
    memset(scores, 0, (size_t)s->n * sizeof *scores);
    for (int k = 0; k < folds; k++) {
        struct detector *d;
        int rc = 0;
        TRY(detector_build(&d, s, k, folds, e));
        for (int i = 0; i < s->n && !rc; i++) {
            struct exam x = {.d = d,
                             .l = s->at[i],
                             .score = &scores[i],
                             .fold = k,
                             .folds = folds,
                             .min = min_graphemes,
                             .other = other,
                             .other_ctx = ctx};
            rc = each_text(s->at[i], ask, &x, e);
        }
        detector_free(d);
        TRY(rc);
    }
    return 0;
}
