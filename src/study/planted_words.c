/* The vocabulary of planted agents. Each piece is tried where it will stand: alone and between commas, against every dictionary. */
#include "study/planted_words.h"
#include "base/str.h"
#include "text/unicode.h"
#include <stdlib.h>
#include <string.h>

enum { PHRASE_MAX = 40 };

struct maker {
    struct vocabulary *v;
    const struct language *l;
    struct dictionary *d[LANGUAGE_MAX_DICTIONARIES];
    struct err *e;
};

static void pieces_free(struct pieces *p) {
    for (int i = 0; i < p->n; i++) free(p->at[i].text);
    free(p->at);
    *p = (struct pieces){0};
}

void vocabulary_free(struct vocabulary *v) {
    for (int c = 0; c < COMPONENTS; c++) pieces_free(&v->of[c]);
}

/* Hits of a text in the i-th dictionary, and how many of them are of the form. */
static int hits_in(struct maker *m, int i, const struct prepared *p, int form, size_t *all, size_t *its) {
    struct hits h;
    TRY(dictionary_match(m->d[i], p, &h, m->e));
    *all = h.n;
    *its = form >= 0 ? h.per_form[form] : 0;
    hits_free(&h);
    return 0;
}

/* 1: the text is hit once, by that form of dictionary `own` (-1: not at all), and by no other. */
static int hit_as_planned(struct maker *m, const char *s, size_t n, int own, int form) {
    struct prepared p;
    int ok = 1;
    TRY(text_prepare(&p, m->l, s, n, m->e));
    for (int i = 0; ok == 1 && i < m->l->n_dictionaries; i++) {
        size_t all = 0, its = 0;
        int rc = hits_in(m, i, &p, i == own ? form : -1, &all, &its);
        if (rc < 0)
            ok = rc;
        else
            ok = i == own ? all == 1 && its == 1 : all == 0;
    }
    prepared_free(&p);
    return ok;
}

/* The same between commas too. */
static int usable(struct maker *m, const char *s, size_t n, int own, int form) {
    struct str b = {0};
    int ok = hit_as_planned(m, s, n, own, form);
    if (ok != 1) return ok;
    str_printf(&b, "a%s%.*s%sa", m->v->comma, (int)n, s, m->v->comma);
    ok = b.failed ? fail(m->e, ERR_NOMEM, "out of memory for a vocabulary") : hit_as_planned(m, b.s, b.len, own, form);
    str_free(&b);
    return ok;
}

static int add_piece(struct maker *m, enum component of, const char *s, size_t n, int kind) {
    struct pieces *list = &m->v->of[of];
    struct breaks b;
    if (list->n == list->cap) {
        int cap = list->cap * 2 + 32;
        struct piece *p = realloc(list->at, (size_t)cap * sizeof *p);
        if (!p) return fail(m->e, ERR_NOMEM, "out of memory for a vocabulary");
        list->at = p, list->cap = cap;
    }
    TRY(find_breaks(&b, m->l->word_breaks, s, n, m->e));
    struct piece p = {
        .text = strndup(s, n), .len = n, .graphemes = (int)b.graphemes, .words = (int)b.words, .kind = kind, .of = of};
    breaks_free(&b);
    if (!p.text) return fail(m->e, ERR_NOMEM, "out of memory for a vocabulary");
    list->at[list->n++] = p;
    return 0;
}

/* ---- dictionary forms, kind by kind ---- */

static int add_forms(struct maker *m, enum component c) {
    const struct dictionary_source *s = language_dictionary(m->l, component_name(c));
    struct pieces *list = &m->v->of[c];
    int own = 0;
    while (&m->l->dictionaries[own] != s) own++;
    for (int k = 0; k < s->n_kinds; k++) {
        list->first[k] = list->n;
        for (int f = 0; f < s->n_forms; f++) {
            if (s->forms[f].kind != k) continue;
            int ok = usable(m, s->forms[f].text, strlen(s->forms[f].text), own, f);
            if (ok < 0) return ok;
            if (ok) TRY(add_piece(m, c, s->forms[f].text, strlen(s->forms[f].text), k));
        }
    }
    for (int k = s->n_kinds; k <= LANGUAGE_MAX_KINDS; k++) list->first[k] = list->n;
    if (list->n) return 0;
    return fail(m->e, ERR_UNSUPPORTED, "expected forms of the dictionary %s that nothing else hits, found none in language %s",
                s->id, m->l->code);
}

/* ---- neutral pieces ---- */

static int ends_phrase(uint32_t c) {
    static const uint32_t marks[] = {'.',    ',',    ';',    ':',    '!',    '?',    '(',    ')',   '"',
                                     0x3002, 0x3001, 0xff0c, 0xff1b, 0xff1a, 0xff01, 0xff1f, 0x60c, 0x61b,
                                     0x61f,  0x964,  0x2014, 0x2013, 0x201c, 0x201d, 0xab,   0xbb,  0x2026};
    for (size_t i = 0; i < sizeof marks / sizeof *marks; i++)
        if (marks[i] == c) return 1;
    return 0;
}

static void trim(const char **s, size_t *n) {
    while (*n && **s == ' ') ++*s, --*n;
    while (*n && (*s)[*n - 1] == ' ') --*n;
}

static int add_neutral(struct maker *m, const char *s, size_t n) {
    size_t graphemes;
    trim(&s, &n);
    if (!n) return 0;
    TRY(count_graphemes(s, n, &graphemes, m->e));
    if (graphemes > PHRASE_MAX) return 0;
    int ok = usable(m, s, n, -1, -1);
    return ok == 1 ? add_piece(m, COMPONENT_MONOLOGUE, s, n, 0) : ok;
}

static int is_word(const char *s, size_t n) {
    unsigned char c = (unsigned char)*s;
    return n && (c > 127 || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'));
}

/* A phrase without punctuation, and its words. */
static int add_phrase(struct maker *m, const char *s, size_t n) {
    struct breaks b;
    size_t from = 0;
    int rc = 0;
    trim(&s, &n);
    if (!n) return 0;
    TRY(add_neutral(m, s, n));
    TRY(find_breaks(&b, m->l->word_breaks, s, n, m->e));
    for (size_t i = 1; i <= n && rc >= 0; i++) {
        if (i < n && !(b.at[i] & AT_WORD)) continue;
        if (i - from < n && is_word(s + from, i - from)) rc = add_neutral(m, s + from, i - from);
        from = i;
    }
    breaks_free(&b);
    return rc;
}

static int add_neutrals(struct maker *m) {
    const char *s = m->l->neutral;
    size_t n = strlen(s), from = 0;
    for (size_t i = 0, len; i < n; i += len) {
        len = utf8_len(s + i, n - i);
        if (!ends_phrase(utf8_code(s + i, len))) continue;
        TRY(add_phrase(m, s + from, i - from));
        from = i + len;
    }
    TRY(add_phrase(m, s + from, n - from));
    if (m->v->of[COMPONENT_MONOLOGUE].n) return 0;
    return fail(m->e, ERR_UNSUPPORTED, "expected neutral text that no dictionary hits, found none in language %s", m->l->code);
}

static int shorter(const void *a, const void *b) {
    const struct piece *x = a, *y = b;
    return x->graphemes != y->graphemes ? x->graphemes - y->graphemes : strcmp(x->text, y->text);
}

static int make(struct maker *m) {
    const char *script = m->l->script;
    int full = !strcmp(script, "Jpan") || !strncmp(script, "Han", 3);
    m->v->comma = full ? "、" : !strcmp(script, "Arab") ? "، " : ", ";
    m->v->comma_graphemes = full ? 1 : 2;
    for (int i = 0; i < m->l->n_dictionaries; i++) TRY(dictionary_build(&m->d[i], m->l, &m->l->dictionaries[i], m->e));
    for (int c = COMPONENT_BOUNDARY; c < COMPONENTS; c++) TRY(add_forms(m, (enum component)c));
    TRY(add_neutrals(m));
    struct pieces *p = &m->v->of[COMPONENT_MONOLOGUE];
    qsort(p->at, (size_t)p->n, sizeof *p->at, shorter);
    return 0;
}

int vocabulary_make(struct vocabulary *v, const struct language *l, struct err *e) {
    struct maker m = {.v = v, .l = l, .e = e};
    *v = (struct vocabulary){0};
    int rc = make(&m);
    for (int i = 0; i < l->n_dictionaries; i++) dictionary_free(m.d[i]);
    if (rc < 0) vocabulary_free(v);
    return rc;
}

void planted_words_free(struct vocabulary *v) {
    for (int i = 0; i < STUDY_MAX_LANGUAGES; i++) vocabulary_free(&v[i]);
}

int planted_words(struct vocabulary *v, const struct study *s, struct err *e) {
    for (int i = 0; i < STUDY_MAX_LANGUAGES; i++) v[i] = (struct vocabulary){0};
    for (int i = 0; i < s->n_languages && !s->council.options; i++) {
        int rc = vocabulary_make(&v[i], s->language[i], e);
        if (rc < 0) return planted_words_free(v), rc;
    }
    return 0;
}
