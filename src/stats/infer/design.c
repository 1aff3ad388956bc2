/* Model matrices.
 *
 * Variables are looked up once, rows with anything missing are dropped, and each factor is renumbered to the levels that are left; then
 * every term is a product of its variables' own columns. */
#include "stats/infer/design.h"
#include "base/str.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* A variable in the kept rows. */
struct var {
    const char *name;
    double *x;          /* [n] numbers, NULL for a factor */
    int *code;          /* [n] levels, NULL for a number unless it groups */
    const char **level; /* names of levels in use */
    size_t n_levels;
};
struct builder {
    struct frame *f;
    const struct formula *m;
    const struct column *column[2 * FORMULA_MAX_VARS + 1];
    size_t n_columns;
    struct var var[FORMULA_MAX_VARS], cluster;
    size_t n;
    unsigned char *keep;
    struct err *e;
};

static int no_memory(struct err *e) { return fail(e, ERR_NOMEM, "no memory for the columns of a model"); }

/* ---- variables ---- */

/* The response is a number; the rest may be numbers or words. */
static int note_columns(struct builder *b, const struct formula *m, struct err *e) {
    for (size_t i = 0; i < m->n_vars; i++) {
        const struct column **c = &b->column[b->n_columns++];
        if (i == m->response)
            TRY(frame_numeric(c, b->f, m->var[i], e));
        else
            TRY(frame_column(c, b->f, m->var[i], e));
    }
    return 0;
}

/* Levels of a column of words (or of numbers that group) among kept rows, renumbered in order. */
static int use_levels(struct var *v, const struct builder *b, const char *name) {
    const struct column *c;
    size_t at = 0, rows = frame_rows(b->f);
    TRY(frame_levels(&c, b->f, name, b->e));
    int *map = calloc(c->n_levels + 1, sizeof *map);
    v->code = malloc((b->n + 1) * sizeof *v->code);
    v->level = malloc((c->n_levels + 1) * sizeof *v->level);
    if (!map || !v->code || !v->level) {
        free(map);
        return no_memory(b->e);
    }
    for (size_t i = 0; i < rows; i++)
        if (b->keep[i]) map[c->code[i]] = 1;
    for (size_t l = 0; l < c->n_levels; l++)
        if (map[l]) v->level[v->n_levels] = c->level[l], map[l] = (int)v->n_levels++;
    for (size_t i = 0; i < rows; i++)
        if (b->keep[i]) v->code[at++] = map[c->code[i]];
    free(map);
    return 0;
}

static int use_numbers(struct var *v, const struct builder *b, const struct column *c) {
    size_t at = 0;
    if (!(v->x = malloc((b->n + 1) * sizeof *v->x))) return no_memory(b->e);
    for (size_t i = 0; i < frame_rows(b->f); i++)
        if (b->keep[i]) v->x[at++] = c->x[i];
    return 0;
}

static int is_group(const struct formula *m, size_t var) {
    for (size_t i = 0; i < m->n_bars; i++)
        for (size_t j = 0; j < m->bar[i].n_group; j++)
            if (m->bar[i].group[j] == var) return 1;
    return 0;
}

static int set_variables(struct builder *b, const struct formula *also, const char *cluster, struct design *d) {
    const struct formula *m = b->m;
    TRY(note_columns(b, m, b->e));
    if (also) TRY(note_columns(b, also, b->e));
    if (cluster) TRY(frame_column(&b->column[b->n_columns++], b->f, cluster, b->e));
    if (!(b->keep = malloc(frame_rows(b->f) + 1))) return no_memory(b->e);
    count_missing(&d->left, b->keep, b->f, b->column, b->n_columns);
    d->n = b->n = frame_rows(b->f) - d->left.rows;
    if (b->n < 2) return fail(b->e, ERR_RANGE, "expected at least two complete rows, found %zu of %zu", b->n, frame_rows(b->f));
    for (size_t i = 0; i < m->n_vars; i++) {
        b->var[i].name = m->var[i];
        if (!b->column[i]->is_words) TRY(use_numbers(&b->var[i], b, b->column[i]));
        if (!b->var[i].x || is_group(m, i)) TRY(use_levels(&b->var[i], b, m->var[i]));
    }
    return cluster ? use_levels(&b->cluster, b, cluster) : 0;
}

/* ---- columns of terms ---- */

static int has_term(const struct terms *t, uint64_t term) {
    for (size_t i = 0; i < t->n; i++)
        if (t->term[i] == term) return 1;
    return !term;
}

/* Is a factor coded against its first level here? Where the term without it is in the formula (the empty one always); but without an
 * intercept the first factor of all has a column for each level. */
static int has_reference(const struct builder *b, const struct terms *t, uint64_t term, size_t var) {
    for (size_t i = 0; i < t->n && !t->intercept; i++)
        for (size_t v = 0; v < b->m->n_vars; v++)
            if (t->term[i] >> v & 1 && !b->var[v].x) {
                if (t->term[i] == term && v == var) return 0;
                return has_term(t, term & ~((uint64_t)1 << var));
            }
    return has_term(t, term & ~((uint64_t)1 << var));
}

/* The variables of one term: how many columns each has, and the first of its levels that has one. */
struct factor_of_term {
    const struct var *v;
    size_t columns, skip;
};

static int spread(struct factor_of_term *of, size_t *count, const struct builder *b, const struct terms *t, uint64_t term) {
    size_t k = 0, all = 1;
    for (size_t i = 0; i < b->m->n_vars; i++) {
        if (!(term >> i & 1)) continue;
        const struct var *v = &b->var[i];
        struct factor_of_term *o = &of[k++];
        *o = (struct factor_of_term){v, 1, 0};
        if (v->x) continue;
        o->skip = (size_t)has_reference(b, t, term, i);
        if (v->n_levels < 2)
            return fail(b->e, ERR_RANGE, "expected two levels or more of \"%.60s\", found %zu", v->name, v->n_levels);
        o->columns = v->n_levels - o->skip;
        if (__builtin_mul_overflow(all, o->columns, &all)) all = SIZE_MAX;
    }
    *count = all;
    return (int)k;
}

static int add_name(struct columns *c, size_t at, const struct factor_of_term *of, int k, size_t pick) {
    struct str s = {0};
    for (int i = 0; i < k; i++) {
        const struct factor_of_term *o = &of[i];
        str_printf(&s, "%s%s%s", i ? ":" : "", o->v->name, o->v->x ? "" : o->v->level[o->skip + pick % o->columns]);
        pick /= o->columns;
    }
    c->name[at] = s.s;
    if (s.failed) str_free(&s), c->name[at] = NULL;
    return c->name[at] ? 0 : ERR_NOMEM;
}

static void fill_column(double *x, size_t n, const struct factor_of_term *of, int k, size_t pick) {
    for (size_t r = 0; r < n; r++) x[r] = 1;
    for (int i = 0; i < k; i++) {
        const struct factor_of_term *o = &of[i];
        int level = (int)(o->skip + pick % o->columns);
        for (size_t r = 0; r < n; r++) x[r] *= o->v->x ? o->v->x[r] : o->v->code[r] == level;
        pick /= o->columns;
    }
}

static int count_columns(size_t *out, const struct builder *b, const struct terms *t) {
    struct factor_of_term of[FORMULA_MAX_VARS];
    size_t all = (size_t)t->intercept, count;
    for (size_t i = 0; i < t->n; i++) {
        TRY(spread(of, &count, b, t, t->term[i]));
        if (__builtin_add_overflow(all, count, &all) || all > DESIGN_MAX_NUMBERS / b->n)
            return fail(b->e, ERR_LIMIT, "expected at most %d numbers in the columns of a model, found more", DESIGN_MAX_NUMBERS);
    }
    *out = all;
    return 0;
}

static int build_columns(struct columns *c, const struct builder *b, const struct terms *t) {
    struct factor_of_term of[FORMULA_MAX_VARS];
    size_t at = 0, count;
    TRY(count_columns(&c->k, b, t));
    c->x = malloc((c->k * b->n + 1) * sizeof *c->x), c->name = calloc(c->k + 1, sizeof *c->name);
    if (!c->x || !c->name) return no_memory(b->e);
    if (t->intercept) {
        if (!(c->name[0] = strdup("(Intercept)"))) return no_memory(b->e);
        for (; at < b->n; at++) c->x[at] = 1;
        at = 1;
    }
    for (size_t i = 0; i < t->n; i++) {
        int k = spread(of, &count, b, t, t->term[i]);
        for (size_t j = 0; j < count; j++, at++) {
            fill_column(c->x + at * b->n, b->n, of, k, j);
            if (add_name(c, at, of, k, j) < 0) return no_memory(b->e);
        }
    }
    return 0;
}

/* ---- grouping factors ---- */

struct key {
    uint64_t k;
    size_t row;
};
static int by_key(const void *a, const void *b) {
    uint64_t x = ((const struct key *)a)->k, y = ((const struct key *)b)->k;
    return (x > y) - (x < y);
}

/* Combines the levels so far with those of one more variable: only pairs that occur become levels. */
static int combine(struct random_part *p, size_t n, const struct var *v, struct err *e) {
    struct key *key = malloc((n + 1) * sizeof *key);
    int level = -1;
    if (!key) return no_memory(e);
    for (size_t i = 0; i < n; i++) key[i] = (struct key){(uint64_t)p->level[i] * v->n_levels + (uint64_t)v->code[i], i};
    qsort(key, n, sizeof *key, by_key);
    for (size_t i = 0; i < n; i++) {
        level += !i || key[i].k != key[i - 1].k;
        p->level[key[i].row] = level;
    }
    p->n_levels = (size_t)level + 1;
    free(key);
    return 0;
}

static int set_group(struct random_part *p, const struct builder *b, const struct bar *bar) {
    struct str s = {0};
    if (!(p->level = calloc(b->n + 1, sizeof *p->level))) return no_memory(b->e);
    for (size_t i = 0; i < bar->n_group; i++) {
        const struct var *v = &b->var[bar->group[i]];
        str_printf(&s, "%s%s", i ? ":" : "", v->name);
        TRY(combine(p, b->n, v, b->e));
    }
    p->group = s.s;
    return s.failed ? no_memory(b->e) : 0;
}

static int build_part(struct random_part *p, const struct builder *b, const struct bar *bar) {
    p->correlated = bar->correlated;
    for (size_t i = 0; i < bar->terms.n && !bar->correlated; i++)
        for (size_t v = 0; v < b->m->n_vars; v++)
            if (bar->terms.term[i] >> v & 1 && !b->var[v].x)
                return fail(b->e, ERR_UNSUPPORTED, "expected columns of numbers before ||, found the factor \"%.60s\"",
                            b->var[v].name);
    TRY(build_columns(&p->z, b, &bar->terms));
    return set_group(p, b, bar);
}

/* ---- all of it ---- */

static void columns_free(struct columns *c) {
    for (size_t i = 0; c->name && i < c->k; i++) free(c->name[i]);
    free(c->name), free(c->x);
}

void design_free(struct design *d) {
    columns_free(&d->x);
    for (size_t i = 0; i < d->n_parts; i++) columns_free(&d->part[i].z), free(d->part[i].group), free(d->part[i].level);
    free(d->part), free(d->y), free(d->response), free(d->cluster);
    *d = (struct design){0};
}

static int build(struct design *d, struct builder *b, const struct formula *also, const char *cluster) {
    const struct formula *m = b->m;
    TRY(set_variables(b, also, cluster, d));
    TRY(build_columns(&d->x, b, &m->fixed));
    d->part = calloc(m->n_bars + 1, sizeof *d->part);
    if (!d->part || !(d->response = strdup(m->var[m->response]))) return no_memory(b->e);
    for (d->n_parts = 0; d->n_parts < m->n_bars;) {
        struct random_part *p = &d->part[d->n_parts++];
        TRY(build_part(p, b, &m->bar[d->n_parts - 1]));
    }
    d->y = b->var[m->response].x, b->var[m->response].x = NULL;
    d->cluster = b->cluster.code, d->n_clusters = b->cluster.n_levels, b->cluster.code = NULL;
    return 0;
}

static void var_free(struct var *v) { free(v->x), free(v->code), free(v->level); }

int design_build(struct design *out, struct frame *f, const struct formula *m, const struct formula *also, const char *cluster,
                 struct err *e) {
    struct builder *b = calloc(1, sizeof *b);
    struct design d = {0};
    if (!b) return no_memory(e);
    b->f = f, b->m = m, b->e = e;
    int rc = build(&d, b, also, cluster);
    for (size_t i = 0; i < m->n_vars; i++) var_free(&b->var[i]);
    var_free(&b->cluster);
    free(b->keep), free(b);
    if (rc < 0)
        design_free(&d);
    else
        *out = d;
    return rc;
}
