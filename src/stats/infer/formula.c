/* Reading formulas by recursive descent. A set of terms is a list of bit sets of variables, so `a * b` is a union and a cross product. */
#include "stats/infer/formula.h"
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_DEPTH = 24, MAX_TEXT = 1 << 16 };

struct reader {
    struct formula *f;
    const char *text, *at;
    struct err *e;
    int depth;
};

/* What is being put together. intercept: 1 asked for, -1 taken away, 0 not spoken of. */
struct part {
    struct terms t;
    int is_bar; /* a random term, already noted in the formula */
};

static void blanks(struct reader *r) {
    while (isspace((unsigned char)*r->at)) r->at++;
}
static int stopped(struct reader *r, const char *expected) {
    blanks(r);
    return fail(r->e, ERR_ARG, "formula: expected %s, found %s%.30s%s at character %zu", expected, *r->at ? "\"" : "the end",
                r->at, *r->at ? "\"" : "", (size_t)(r->at - r->text) + 1);
}
static int next_is(struct reader *r, char c) {
    blanks(r);
    return *r->at == c;
}
static int take(struct reader *r, char c) { return next_is(r, c) ? (r->at++, 1) : 0; }

/* ---- names ---- */

static int is_name(unsigned char c) { return isalnum(c) || c == '.' || c == '_' || c > 127; }

static int variable(struct reader *r, const char *s, size_t n, size_t *index) {
    struct formula *f = r->f;
    for (size_t i = 0; i < f->n_vars; i++)
        if (strlen(f->var[i]) == n && !memcmp(f->var[i], s, n)) return *index = i, 0;
    if (f->n_vars == FORMULA_MAX_VARS)
        return fail(r->e, ERR_LIMIT, "formula: expected at most %d columns, found more", FORMULA_MAX_VARS);
    if (!(f->var[f->n_vars] = strndup(s, n))) return fail(r->e, ERR_NOMEM, "no memory for a formula");
    *index = f->n_vars++;
    return 0;
}

static int name(struct reader *r, size_t *index) {
    blanks(r);
    const char *s = r->at;
    size_t n = 0;
    if (*s == '`') {
        n = strcspn(s + 1, "`");
        if (!n || !s[n + 1]) return stopped(r, "a name between backticks");
        r->at += n + 2;
        return variable(r, s + 1, n, index);
    }
    while (is_name((unsigned char)s[n])) n++;
    if (!n || isdigit((unsigned char)*s)) return stopped(r, "the name of a column");
    r->at += n;
    if (next_is(r, '(')) return r->at = s, stopped(r, "columns (functions of them are not supported)");
    return variable(r, s, n, index);
}

/* ---- sets of terms ---- */

static int add_term(struct reader *r, struct terms *t, uint64_t term) {
    for (size_t i = 0; i < t->n; i++)
        if (t->term[i] == term) return 0;
    if (t->n == FORMULA_MAX_TERMS)
        return fail(r->e, ERR_LIMIT, "formula: expected at most %d terms, found more", FORMULA_MAX_TERMS);
    t->term[t->n++] = term;
    return 0;
}

static int add_terms(struct reader *r, struct terms *t, const struct terms *more) {
    for (size_t i = 0; i < more->n; i++) TRY(add_term(r, t, more->term[i]));
    if (more->intercept) t->intercept = more->intercept;
    return 0;
}

static void remove_terms(struct terms *t, const struct terms *less) {
    size_t kept = 0;
    for (size_t i = 0; i < t->n; i++) {
        int gone = 0;
        for (size_t j = 0; j < less->n; j++) gone |= t->term[i] == less->term[j];
        if (!gone) t->term[kept++] = t->term[i];
    }
    t->n = kept;
    if (less->intercept) t->intercept = -less->intercept;
}

static int cross(struct reader *r, struct part *a, const struct part *b, int both) {
    struct terms t = {.n = 0};
    if (a->is_bar || b->is_bar) return stopped(r, "random terms added with +");
    if (a->t.intercept || b->t.intercept) return stopped(r, "columns around * and :");
    if (both) TRY(add_terms(r, &t, &a->t));
    if (both) TRY(add_terms(r, &t, &b->t));
    for (size_t i = 0; i < a->t.n; i++)
        for (size_t j = 0; j < b->t.n; j++) TRY(add_term(r, &t, a->t.term[i] | b->t.term[j]));
    a->t = t;
    return 0;
}

/* Terms of fewer variables first, else in the order of writing. */
static void in_order(struct terms *t) {
    for (size_t i = 1; i < t->n; i++)
        for (size_t j = i; j > 0 && __builtin_popcountll(t->term[j - 1]) > __builtin_popcountll(t->term[j]); j--) {
            uint64_t swap = t->term[j];
            t->term[j] = t->term[j - 1], t->term[j - 1] = swap;
        }
}

static void settle(struct terms *t) {
    t->intercept = t->intercept >= 0; /* there, unless taken away */
    in_order(t);
}

/* ---- grammar ---- */

static int sum(struct reader *r, struct part *out);

static int add_bar(struct reader *r, const struct bar *b) {
    if (r->f->n_bars == FORMULA_MAX_BARS)
        return fail(r->e, ERR_LIMIT, "formula: expected at most %d random terms", FORMULA_MAX_BARS);
    r->f->bar[r->f->n_bars++] = *b;
    return 0;
}

/* g:h is a group as it stands; g/h stands for g and h:g, in which g comes last. */
static int add_group(struct reader *r, struct bar *b, size_t index, int in_front) {
    for (size_t i = 0; i < b->n_group; i++)
        if (b->group[i] == index) return stopped(r, "each column once in a grouping factor");
    if (b->n_group == FORMULA_MAX_GROUP)
        return fail(r->e, ERR_LIMIT, "formula: expected at most %d columns in a grouping factor", FORMULA_MAX_GROUP);
    memmove(b->group + in_front, b->group, b->n_group * sizeof *b->group * (size_t)in_front);
    b->group[in_front ? 0 : b->n_group] = index;
    b->n_group++;
    return 0;
}

/* Behind the bar: g, g:h or g/h, then the parenthesis. */
static int bar(struct reader *r, struct part *p) {
    struct bar b = {.correlated = !take(r, '|')};
    size_t index;
    settle(&p->t);
    if (!p->t.n && !p->t.intercept) return stopped(r, "something that varies before the bar");
    b.terms = p->t;
    for (int nested = 0;;) {
        TRY(name(r, &index));
        if (nested) TRY(add_bar(r, &b));
        TRY(add_group(r, &b, index, nested));
        nested = next_is(r, '/');
        if (!take(r, nested ? '/' : ':')) break;
    }
    TRY(add_bar(r, &b));
    *p = (struct part){.is_bar = 1};
    return 0;
}

static int parenthesis(struct reader *r, struct part *p) {
    if (++r->depth > MAX_DEPTH) return stopped(r, "fewer parentheses within each other");
    TRY(sum(r, p));
    if (take(r, '|')) {
        if (r->depth > 1 || p->is_bar) return stopped(r, "random terms outside of other parentheses");
        TRY(bar(r, p));
    }
    r->depth--;
    return take(r, ')') ? 0 : stopped(r, "an operator or )");
}

static int atom(struct reader *r, struct part *p) {
    size_t index;
    *p = (struct part){.is_bar = 0};
    blanks(r);
    if (take(r, '(')) return parenthesis(r, p);
    if ((*r->at == '0' || *r->at == '1') && !is_name((unsigned char)r->at[1])) {
        p->t.intercept = *r->at++ == '1' ? 1 : -1;
        return 0;
    }
    TRY(name(r, &index));
    return add_term(r, &p->t, (uint64_t)1 << index);
}

static int interaction(struct reader *r, struct part *p) {
    struct part q;
    TRY(atom(r, p));
    while (take(r, ':')) {
        TRY(atom(r, &q));
        TRY(cross(r, p, &q, 0));
    }
    return 0;
}

static int product(struct reader *r, struct part *p) {
    struct part q;
    TRY(interaction(r, p));
    while (take(r, '*')) {
        TRY(interaction(r, &q));
        TRY(cross(r, p, &q, 1));
    }
    return 0;
}

static int sum(struct reader *r, struct part *out) {
    struct part p;
    *out = (struct part){.is_bar = 0};
    for (int minus = take(r, '-');;) {
        TRY(product(r, &p));
        if (minus && p.is_bar) return stopped(r, "random terms added with +");
        if (p.is_bar)
            out->is_bar = 1;
        else if (minus)
            remove_terms(&out->t, &p.t);
        else
            TRY(add_terms(r, &out->t, &p.t));
        minus = next_is(r, '-');
        if (!take(r, minus ? '-' : '+')) return 0;
    }
}

static int whole(struct reader *r) {
    struct part p;
    TRY(name(r, &r->f->response));
    if (!take(r, '~')) return stopped(r, "~ behind the response");
    TRY(sum(r, &p));
    blanks(r);
    if (*r->at) return stopped(r, "an operator (+ - * :) or the end");
    settle(&p.t);
    r->f->fixed = p.t;
    uint64_t y = (uint64_t)1 << r->f->response, used = 0;
    for (size_t i = 0; i < p.t.n; i++) used |= p.t.term[i];
    for (size_t b = 0; b < r->f->n_bars; b++) {
        for (size_t i = 0; i < r->f->bar[b].n_group; i++) used |= (uint64_t)1 << r->f->bar[b].group[i];
        for (size_t i = 0; i < r->f->bar[b].terms.n; i++) used |= r->f->bar[b].terms.term[i];
    }
    return used & y ? fail(r->e, ERR_ARG, "formula: expected the response left of ~ alone, found it on both sides") : 0;
}

int formula_parse(struct formula **out, const char *text, struct err *e) {
    if (strlen(text) > MAX_TEXT) return fail(e, ERR_LIMIT, "expected a formula of at most %d bytes", MAX_TEXT);
    struct formula *f = calloc(1, sizeof *f);
    if (!f) return fail(e, ERR_NOMEM, "no memory for a formula");
    struct reader r = {.f = f, .text = text, .at = text, .e = e};
    int rc = whole(&r);
    if (rc < 0)
        formula_free(f);
    else
        *out = f;
    return rc;
}

void formula_free(struct formula *f) {
    for (size_t i = 0; f && i < f->n_vars; i++) free(f->var[i]);
    free(f);
}
