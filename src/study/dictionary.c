/* Aho and Corasick's automaton: a trie of the folded forms, with a link from every node to the longest proper suffix that is in the trie
 * too (`fail`) and to the nearest such suffix that is a form (`shorter`). Edges lie in one hash table by (node, character). */
#include "study/dictionary.h"
#include "base/hash.h"
#include "study/yaml.h"
#include <stdlib.h>
#include <string.h>

struct node {
    uint32_t code;
    int32_t child, sibling; /* first child, next sibling; 0: none */
    int32_t fail, shorter;  /* shorter: 0: none */
    int32_t form;           /* -1: none ends here */
};
struct dictionary {
    const struct dictionary_source *source;
    struct node *nodes; /* [n]; 0 is the root */
    int32_t n;
    int32_t *edges; /* hash table of nodes, by parent and character; 0: empty */
    int32_t *parent;
    uint32_t mask;
    uint16_t *length; /* [n_forms] folded characters */
};

const struct dictionary_source *dictionary_source(const struct dictionary *d) { return d->source; }

void dictionary_free(struct dictionary *d) {
    if (!d) return;
    free(d->nodes);
    free(d->edges);
    free(d->parent);
    free(d->length);
    free(d);
}

/* ---- the trie ---- */

static uint32_t slot_of(const struct dictionary *d, int32_t parent, uint32_t code) {
    uint32_t i = (uint32_t)hash_mix((uint64_t)(uint32_t)parent << 32 | code) & d->mask;
    while (d->edges[i] && !(d->parent[d->edges[i]] == parent && d->nodes[d->edges[i]].code == code)) i = (i + 1) & d->mask;
    return i;
}

static int32_t child_of(const struct dictionary *d, int32_t parent, uint32_t code) { return d->edges[slot_of(d, parent, code)]; }

static int32_t add_child(struct dictionary *d, int32_t parent, uint32_t code) {
    uint32_t i = slot_of(d, parent, code);
    if (d->edges[i]) return d->edges[i];
    int32_t k = d->n++;
    d->nodes[k] = (struct node){.code = code, .sibling = d->nodes[parent].child, .form = -1};
    d->nodes[parent].child = k;
    d->parent[k] = parent;
    d->edges[i] = k;
    return k;
}

/* Room for forms of `total` characters together. */
static int reserve(struct dictionary *d, size_t total, struct err *e) {
    uint32_t size = 64;
    while (size < 2 * (total + 1)) size *= 2;
    d->mask = size - 1;
    d->nodes = calloc(total + 1, sizeof *d->nodes);
    d->parent = calloc(total + 1, sizeof *d->parent);
    d->edges = calloc(size, sizeof *d->edges);
    d->length = calloc((size_t)d->source->n_forms + 1, sizeof *d->length);
    if (!d->nodes || !d->parent || !d->edges || !d->length) return fail(e, ERR_NOMEM, "out of memory for a dictionary");
    d->nodes[0].form = -1;
    d->n = 1;
    return 0;
}

static int form_error(const struct language *l, const struct form *f, struct err *e, const char *what) {
    struct yml_node at = {.line = f->line, .col = f->col};
    return yml_fail(l->doc, &at, 0, ERR_FORMAT, e, "%s, found \"%.80s\"", what, f->text);
}

/* The folded form without spaces around it: [*from, *to). */
static int check_form(const struct language *l, const struct form *x, const struct folded *f, size_t *from, size_t *to,
                      struct err *e) {
    for (*from = 0, *to = f->n; *from < *to && f->code[*from] == ' ';) ++*from;
    while (*to > *from && f->code[*to - 1] == ' ') --*to;
    if (*from == *to) return form_error(l, x, e, "expected a form of letters");
    if (*to - *from > FORM_MAX_CHARACTERS) return form_error(l, x, e, "expected a form of at most 64 characters");
    return 0;
}

static int insert(struct dictionary *d, const struct language *l, int i, const struct folded *f, struct err *e) {
    const struct form *x = &d->source->forms[i];
    size_t from, to;
    TRY(check_form(l, x, f, &from, &to, e));
    int32_t k = 0;
    for (size_t j = from; j < to; j++) k = add_child(d, k, f->code[j]);
    if (d->nodes[k].form >= 0) return form_error(l, x, e, "expected each form once in a dictionary");
    d->nodes[k].form = i;
    d->length[i] = (uint16_t)(to - from);
    return 0;
}

/* Folds every form first: the trie's size has to be known. */
static int insert_all(struct dictionary *d, const struct language *l, struct folded *f, struct err *e) {
    size_t total = 0;
    for (int i = 0; i < d->source->n_forms; i++) {
        const char *s = d->source->forms[i].text;
        TRY(fold_text(&f[i], &l->fold, s, strlen(s), e));
        total += f[i].n;
    }
    if (total > INT32_MAX / 4) return fail(e, ERR_LIMIT, "the dictionary \"%s\" is too large", d->source->id);
    TRY(reserve(d, total, e));
    for (int i = 0; i < d->source->n_forms; i++) TRY(insert(d, l, i, &f[i], e));
    return 0;
}

/* Breadth first, so that a node's links are those of shorter ones. */
static int link_nodes(struct dictionary *d, struct err *e) {
    int32_t *queue = malloc((size_t)d->n * sizeof *queue), head = 0, tail = 0;
    if (!queue) return fail(e, ERR_NOMEM, "out of memory for a dictionary");
    for (queue[tail++] = 0; head < tail; head++) {
        int32_t k = queue[head];
        for (int32_t c = d->nodes[k].child; c; c = d->nodes[c].sibling) {
            int32_t f = d->nodes[k].fail, to = 0;
            if (k)
                while (!(to = child_of(d, f, d->nodes[c].code)) && f) f = d->nodes[f].fail;
            d->nodes[c].fail = to;
            d->nodes[c].shorter = d->nodes[to].form >= 0 ? to : d->nodes[to].shorter;
            queue[tail++] = c;
        }
    }
    free(queue);
    return 0;
}

int dictionary_build(struct dictionary **out, const struct language *l, const struct dictionary_source *source, struct err *e) {
    struct dictionary *d = calloc(1, sizeof *d);
    struct folded *f = calloc((size_t)source->n_forms + 1, sizeof *f);
    int rc = d && f ? 0 : fail(e, ERR_NOMEM, "out of memory for a dictionary");
    if (d) d->source = source;
    if (!rc) rc = insert_all(d, l, f, e);
    if (!rc) rc = link_nodes(d, e);
    for (int i = 0; f && i < source->n_forms; i++) folded_free(&f[i]);
    free(f);
    if (rc < 0)
        dictionary_free(d);
    else
        *out = d;
    return rc;
}

/* ---- matching ---- */

int text_prepare(struct prepared *p, const struct language *l, const char *s, size_t n, struct err *e) {
    struct prepared q = {.s = s, .n = n};
    TRY(fold_text(&q.f, &l->fold, s, n, e));
    int rc = find_breaks(&q.b, l->word_breaks, s, n, e);
    if (rc < 0)
        folded_free(&q.f);
    else
        *p = q;
    return rc;
}

void prepared_free(struct prepared *p) {
    folded_free(&p->f);
    breaks_free(&p->b);
}

/* Whether a stretch may begin at folded character i, or end before it: it may not cut what one original piece became. */
static int begins(const struct prepared *p, size_t i, int flag) {
    const struct folded *f = &p->f;
    if (i && f->start[i - 1] == f->start[i]) return 0;
    return (p->b.at[f->start[i]] & flag) || (i && (f->code[i - 1] == '\'' || f->code[i - 1] == '_'));
}

static int ends(const struct prepared *p, size_t i, int flag) {
    const struct folded *f = &p->f;
    if (i < f->n && f->start[i - 1] == f->start[i]) return 0;
    return (p->b.at[f->end[i - 1]] & flag) || (i < f->n && f->code[i] == '_');
}

static int allowed(const struct prepared *p, enum form_rule r, size_t from, size_t to) {
    switch (r) {
    case FORM_WORD: return begins(p, from, AT_WORD) && ends(p, to, AT_WORD);
    case FORM_STEM: return begins(p, from, AT_WORD);
    default: return begins(p, from, AT_GRAPHEME) && ends(p, to, AT_GRAPHEME);
    }
}

/* All allowed places, overlapping: of folded characters [from, to). */
struct places {
    struct hit *at;
    size_t n, cap;
};

static int add_place(struct places *v, size_t from, size_t to, int form, struct err *e) {
    if (v->n == v->cap) {
        size_t cap = v->cap ? v->cap * 2 : 64;
        struct hit *at = cap > SIZE_MAX / sizeof *at / 2 ? NULL : realloc(v->at, cap * sizeof *at);
        if (!at) return fail(e, ERR_NOMEM, "out of memory for %zu hits", cap);
        v->at = at, v->cap = cap;
    }
    v->at[v->n++] = (struct hit){from, to, form};
    return 0;
}

static int find_places(const struct dictionary *d, const struct prepared *p, struct places *v, struct err *e) {
    int32_t k = 0, next;
    for (size_t i = 0; i < p->f.n; i++) {
        while (!(next = child_of(d, k, p->f.code[i])) && k) k = d->nodes[k].fail;
        k = next;
        for (int32_t o = d->nodes[k].form >= 0 ? k : d->nodes[k].shorter; o; o = d->nodes[o].shorter) {
            int form = d->nodes[o].form;
            size_t from = i + 1 - d->length[form];
            if (allowed(p, d->source->forms[form].rule, from, i + 1)) TRY(add_place(v, from, i + 1, form, e));
        }
    }
    return 0;
}

static int longest_first(const void *a, const void *b) {
    const struct hit *x = a, *y = b;
    size_t n = x->to - x->from, m = y->to - y->from;
    if (n != m) return n < m ? 1 : -1;
    return (x->from > y->from) - (x->from < y->from);
}

static int leftmost_first(const void *a, const void *b) {
    const struct hit *x = a, *y = b;
    return (x->from > y->from) - (x->from < y->from);
}

/* Of places that are sorted longest first, keeps what does not overlap; taken[] is a flag per folded character. */
static void drop_overlaps(struct places *v, unsigned char *taken) {
    size_t kept = 0;
    for (size_t i = 0; i < v->n; i++) {
        struct hit h = v->at[i];
        if (memchr(taken + h.from, 1, h.to - h.from)) continue;
        memset(taken + h.from, 1, h.to - h.from);
        v->at[kept++] = h;
    }
    v->n = kept;
}

static void tally(const struct dictionary *d, const struct prepared *p, struct hits *h) {
    for (size_t i = 0; i < h->n; i++) {
        struct hit *x = &h->at[i];
        x->from = p->f.start[x->from];
        x->to = p->f.end[x->to - 1];
        h->per_form[x->form]++;
        h->per_kind[d->source->forms[x->form].kind]++;
    }
}

/* ---- without one form ---- */

/* Hits that are left if the places of form f were none; all: of the text, longest first, before overlaps were dropped. */
static size_t left_without(const struct places *all, int f, struct hit *room, unsigned char *taken, size_t characters) {
    struct places v = {.at = room};
    for (size_t i = 0; i < all->n; i++)
        if (all->at[i].form != f) room[v.n++] = all->at[i];
    memset(taken, 0, characters);
    drop_overlaps(&v, taken);
    return v.n;
}

/* A form that has no hit took no place from another one, so leaving it out changes nothing. */
static int count_without(const struct dictionary *d, const struct places *all, const struct hits *h, size_t characters,
                         ptrdiff_t *without, struct err *e) {
    int overlaps = all->n > h->n;
    struct hit *room = overlaps ? calloc(all->n, sizeof *room) : NULL;
    unsigned char *taken = overlaps ? malloc(characters + 1) : NULL;
    int ok = !overlaps || (room && taken);
    for (int f = 0; ok && f < d->source->n_forms; f++) {
        without[f] = -(ptrdiff_t)h->per_form[f];
        if (overlaps && h->per_form[f]) without[f] = (ptrdiff_t)left_without(all, f, room, taken, characters) - (ptrdiff_t)h->n;
    }
    free(room);
    free(taken);
    return ok ? 0 : fail(e, ERR_NOMEM, "out of memory for counting");
}

static int copy_places(struct places *to, const struct places *from, struct err *e) {
    if (!from->n) return 0;
    to->at = malloc(from->n * sizeof *to->at);
    if (!to->at) return fail(e, ERR_NOMEM, "out of memory for %zu hits", from->n);
    memcpy(to->at, from->at, from->n * sizeof *to->at);
    to->n = from->n;
    return 0;
}

/* ---- a text ---- */

/* without: NULL, or [n_forms]. */
static int match(const struct dictionary *d, const struct prepared *p, struct hits *out, ptrdiff_t *without, struct err *e) {
    struct places v = {0}, all = {0};
    unsigned char *taken = calloc(p->f.n + 1, 1);
    size_t *per_form = calloc((size_t)d->source->n_forms + 1, sizeof *per_form);
    int rc = taken && per_form ? find_places(d, p, &v, e) : fail(e, ERR_NOMEM, "out of memory for counting");
    if (rc >= 0 && v.n) qsort(v.at, v.n, sizeof *v.at, longest_first);
    if (rc >= 0 && without) rc = copy_places(&all, &v, e);
    struct hits h = {.per_form = per_form, .graphemes = p->b.graphemes, .words = p->b.words};
    if (rc >= 0) {
        drop_overlaps(&v, taken);
        if (v.n) qsort(v.at, v.n, sizeof *v.at, leftmost_first);
        h.at = v.at, h.n = v.n;
        tally(d, p, &h);
        if (without) rc = count_without(d, &all, &h, p->f.n, without, e);
    }
    if (rc < 0)
        free(v.at), free(per_form);
    else
        *out = h;
    free(all.at);
    free(taken);
    return rc;
}

int dictionary_match(const struct dictionary *d, const struct prepared *p, struct hits *out, struct err *e) {
    return match(d, p, out, NULL, e);
}

int dictionary_match_without(const struct dictionary *d, const struct prepared *p, struct hits *out, ptrdiff_t *without,
                             struct err *e) {
    return match(d, p, out, without, e);
}

int dictionary_count(const struct dictionary *d, const struct language *l, const char *s, size_t n, struct hits *out,
                     struct err *e) {
    struct prepared p;
    TRY(text_prepare(&p, l, s, n, e));
    int rc = dictionary_match(d, &p, out, e);
    prepared_free(&p);
    return rc;
}

void hits_free(struct hits *h) {
    free(h->at);
    free(h->per_form);
    *h = (struct hits){0};
}

double hits_per_1000(size_t hits, size_t graphemes) { return graphemes ? 1000.0 * (double)hits / (double)graphemes : 0; }
