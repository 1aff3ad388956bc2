/* From a design to the products that an evaluation needs. */
#include "stats/infer/dense.h"
#include "stats/infer/lmm_int.h"
#include "stats/infer/sample.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_TAIL = 6000, MAX_CROSS = 200000000 };

static int no_memory(struct err *e) { return fail(e, ERR_NOMEM, "no memory for a mixed model"); }

/* ---- fixed columns and response ---- */

static int set_fixed(struct lmm_problem *m, struct err *e) {
    const struct design *d = m->d;
    size_t n = d->n, k = d->x.k, kept = 0;
    m->x = malloc((n * k + 1) * sizeof(double)), m->r = calloc(k * k + 1, sizeof(double)), m->c0 = calloc(k + 1, sizeof(double));
    m->y = malloc((n + 1) * sizeof(double)), m->alias = calloc(k + 1, 1);
    if (!m->x || !m->r || !m->c0 || !m->y || !m->alias) return no_memory(e);
    TRY(sample_ok(d->y, n, 2, "the response", e));
    for (size_t j = 0; j < k; j++) TRY(sample_ok(d->x.x + j * n, n, 2, d->x.name[j], e));
    memcpy(m->x, d->x.x, n * k * sizeof(double)), memcpy(m->y, d->y, n * sizeof(double));
    m->p = orthonormalise(m->x, m->r, m->alias, n, k);
    if (m->p >= n) return fail(e, ERR_RANGE, "expected more rows than fixed effects, found %zu and %zu", n, m->p);
    for (size_t j = 0; j < k; j++) {
        if (m->alias[j]) continue;
        double *q = m->x + kept * n;
        if (kept != j) memcpy(q, m->x + j * n, n * sizeof *q);
        double c = dot(q, m->y, n);
        for (size_t i = 0; i < n; i++) m->y[i] -= c * q[i];
        m->log_r += log(m->r[j * k + j]);
        m->c0[kept++] = c;
    }
    double left = dot(m->y, m->y, n), whole = dot(d->y, d->y, n);
    if (!(left > 1e-24 * whole))
        return fail(e, ERR_RANGE, "expected a response that varies beyond its fixed effects, found one that they give exactly");
    m->y_scale = sqrt(left / (double)n);
    for (size_t i = 0; i < n; i++) m->y[i] /= m->y_scale;
    return 0;
}

/* ---- blocks ---- */

static struct block *block_of(struct lmm_problem *m, const struct random_part *part) {
    for (size_t b = 0; b < m->n_blocks; b++)
        if (!strcmp(m->block[b].group, part->group)) return &m->block[b];
    m->block[m->n_blocks] = (struct block){.n_levels = part->n_levels, .level = part->level, .group = part->group};
    return &m->block[m->n_blocks++];
}

static int block_room(struct block *b, size_t n, struct err *e) {
    b->z = malloc((b->k * n + 1) * sizeof(double)), b->scale = calloc(b->k + 1, sizeof(double)),
    b->name = calloc(b->k + 1, sizeof *b->name);
    b->theta = malloc((b->k * b->k + 1) * sizeof(int)), b->lambda = calloc(b->k * b->k + 1, sizeof(double));
    if (!b->z || !b->scale || !b->name || !b->theta || !b->lambda) return no_memory(e);
    for (size_t i = 0; i < b->k * b->k; i++) b->theta[i] = -1;
    b->k = 0; /* filled by add_part */
    return 0;
}

static int add_part(struct lmm_problem *m, struct block *b, const struct random_part *part, size_t width, struct err *e) {
    size_t n = m->n, first = b->k;
    for (size_t j = 0; j < part->z.k; j++, b->k++) {
        const double *z = part->z.x + j * n;
        for (size_t i = 0; i < first; i++)
            if (!strcmp(b->name[i], part->z.name[j]))
                return fail(e, ERR_ARG, "expected each random term once, found %s of %s twice", b->name[i], b->group);
        TRY(sample_ok(z, n, 2, part->z.name[j], e));
        double s = sqrt(dot(z, z, n) / (double)n);
        if (!(s > 0)) return fail(e, ERR_RANGE, "expected a random term that is not all 0, found %s", part->z.name[j]);
        for (size_t i = 0; i < n; i++) b->z[b->k * n + i] = z[i] / s;
        b->scale[b->k] = s, b->name[b->k] = part->z.name[j];
        for (size_t i = part->correlated ? first : b->k; i <= b->k; i++) b->theta[b->k * width + i] = (int)m->n_theta++;
    }
    return 0;
}

static int identifiable(const struct lmm_problem *m, const struct block *b, struct err *e) {
    if (b->n_levels < 2) return fail(e, ERR_RANGE, "expected two groups or more in %s, found %zu", b->group, b->n_levels);
    if (b->k * b->n_levels >= m->n)
        return fail(e, ERR_RANGE,
                    "expected more rows than random effects of %s, found %zu and %zu: they cannot be told from the residual",
                    b->group, m->n, b->k * b->n_levels);
    return 0;
}

/* Do the fixed columns give column j of the block in every level by itself? Then the restricted likelihood says nothing about its variance. */
static int given(const struct lmm_problem *m, const struct block *b, size_t j, double *part, double *whole, double *by_fixed) {
    const double *z = b->z + j * m->n;
    memset(whole, 0, b->n_levels * sizeof *whole), memset(by_fixed, 0, b->n_levels * sizeof *by_fixed);
    for (size_t i = 0; i < m->n; i++) whole[b->level[i]] += z[i] * z[i];
    for (size_t c = 0; c < m->p; c++) {
        memset(part, 0, b->n_levels * sizeof *part);
        for (size_t i = 0; i < m->n; i++) part[b->level[i]] += z[i] * m->x[c * m->n + i];
        for (size_t l = 0; l < b->n_levels; l++) by_fixed[l] += part[l] * part[l];
    }
    for (size_t l = 0; l < b->n_levels; l++)
        if (by_fixed[l] < (1 - 1e-10) * whole[l]) return 0;
    return 1;
}

static int beyond_fixed(const struct lmm_problem *m, const struct block *b, struct err *e) {
    size_t j = 0, n = b->n_levels;
    double *room = m->reml ? malloc(3 * n * sizeof *room) : NULL;
    if (m->reml && !room) return no_memory(e);
    while (room && j < b->k && !given(m, b, j, room, room + n, room + 2 * n)) j++;
    free(room);
    if (!m->reml || j == b->k) return 0;
    return fail(e, ERR_RANGE,
                "expected random effects beyond the fixed ones, found that these give %.40s of %.40s in every level", b->name[j],
                b->group);
}

static int set_blocks(struct lmm_problem *m, struct err *e) {
    const struct design *d = m->d;
    if (!d->n_parts) return fail(e, ERR_ARG, "expected a random term such as (1 | g) in the formula, found none");
    if (!(m->block = calloc(d->n_parts, sizeof *m->block))) return no_memory(e);
    for (size_t i = 0; i < d->n_parts; i++) block_of(m, &d->part[i])->k += d->part[i].z.k;
    for (size_t b = 0; b < m->n_blocks; b++) TRY(identifiable(m, &m->block[b], e));
    for (size_t b = 1; b < m->n_blocks; b++)
        if (m->block[b].k * m->block[b].n_levels > m->block[0].k * m->block[0].n_levels) {
            struct block most = m->block[b];
            m->block[b] = m->block[0], m->block[0] = most;
        }
    for (size_t b = 0; b < m->n_blocks; b++) {
        size_t width = m->block[b].k;
        TRY(block_room(&m->block[b], m->n, e));
        for (size_t i = 0; i < d->n_parts; i++)
            if (!strcmp(d->part[i].group, m->block[b].group)) TRY(add_part(m, &m->block[b], &d->part[i], width, e));
        TRY(beyond_fixed(m, &m->block[b], e));
        m->block[b].tail_at = m->q;
        if (b) m->q += width * m->block[b].n_levels;
    }
    m->tail = m->q + m->p + 1;
    if (m->tail > MAX_TAIL)
        return fail(e, ERR_LIMIT, "expected at most %d effects beside those of %s, found %zu", MAX_TAIL, m->block[0].group,
                    m->tail);
    return 0;
}

/* ---- products ---- */

/* The tail's numbers of a row: index and value, in rising order of index. */
static size_t tail_row(const struct lmm_problem *m, size_t row, unsigned *index, double *value) {
    size_t at = 0;
    for (size_t b = 1; b < m->n_blocks; b++)
        for (size_t j = 0; j < m->block[b].k; j++) {
            const struct block *o = &m->block[b];
            index[at] = (unsigned)(o->tail_at + (size_t)o->level[row] * o->k + j), value[at++] = o->z[j * m->n + row];
        }
    for (size_t j = 0; j <= m->p; j++)
        index[at] = (unsigned)(m->q + j), value[at++] = j < m->p ? m->x[j * m->n + row] : m->y[row];
    return at;
}

/* Rows of the first block's levels, level by level. */
static int rows_by_level(size_t **rows, size_t **first, const struct block *b, size_t n, struct err *e) {
    size_t *start = calloc(b->n_levels + 2, sizeof *start), *order = malloc((n + 1) * sizeof *order);
    if (!start || !order) {
        free(start), free(order);
        return no_memory(e);
    }
    for (size_t i = 0; i < n; i++) start[b->level[i] + 2]++;
    for (size_t l = 2; l <= b->n_levels; l++) start[l] += start[l - 1];
    for (size_t i = 0; i < n; i++) order[start[b->level[i] + 1]++] = i;
    *rows = order, *first = start;
    return 0;
}

struct gather {
    size_t *rows, *first;
    unsigned *index, *slot; /* of one row; column of the tail → 1 + place in this level */
    double *value;
};

static void gather_free(struct gather *g) { free(g->rows), free(g->first), free(g->index), free(g->slot), free(g->value); }

static int gather_new(struct gather *g, const struct lmm_problem *m, struct err *e) {
    size_t width = m->p + 2;
    for (size_t b = 1; b < m->n_blocks; b++) width += m->block[b].k;
    g->index = malloc(width * sizeof *g->index), g->value = malloc(width * sizeof *g->value),
    g->slot = calloc(m->tail + 1, sizeof *g->slot);
    if (!g->index || !g->value || !g->slot) return no_memory(e);
    return rows_by_level(&g->rows, &g->first, &m->block[0], m->n, e);
}

static int ascending(const void *a, const void *b) {
    unsigned x = *(const unsigned *)a, y = *(const unsigned *)b;
    return (x > y) - (x < y);
}

/* The columns that level l touches go to column[at…] in rising order; returns how many. column NULL: only counts. */
static size_t touched_by(const struct lmm_problem *m, struct gather *g, size_t l, unsigned *column) {
    size_t count = 0;
    for (size_t i = g->first[l]; i < g->first[l + 1]; i++) {
        size_t t = tail_row(m, g->rows[i], g->index, g->value);
        for (size_t j = 0; j < t; j++) {
            if (g->slot[g->index[j]] == l + 1) continue;
            g->slot[g->index[j]] = (unsigned)l + 1;
            if (column) column[count] = g->index[j];
            count++;
        }
    }
    if (column) qsort(column, count, sizeof *column, ascending);
    return count;
}

static int count_touched(struct lmm_problem *m, struct gather *g, struct err *e) {
    size_t all = 0, most = 0, k = m->block[0].k, levels = m->block[0].n_levels;
    if (!(m->level = calloc(levels + 1, sizeof *m->level))) return no_memory(e);
    for (size_t l = 0; l < levels; l++) {
        size_t t = touched_by(m, g, l, NULL);
        m->level[l] = (struct level_of_first){t, all};
        all += t, most = t > most ? t : most;
    }
    if (all * k > MAX_CROSS) return fail(e, ERR_LIMIT, "expected a model of at most %d products, found %zu", MAX_CROSS, all * k);
    m->column = malloc((all + 1) * sizeof *m->column), m->cross = calloc(all * k + 1, sizeof *m->cross);
    m->square = calloc(levels * k * k + 1, sizeof *m->square), m->small = malloc((k * k + k * most + 1) * sizeof *m->small);
    m->whole = calloc(m->tail * m->tail, sizeof *m->whole), m->work = malloc(m->tail * m->tail * sizeof *m->work);
    if (!m->column || !m->cross || !m->square || !m->small || !m->whole || !m->work) return no_memory(e);
    memset(g->slot, 0, (m->tail + 1) * sizeof *g->slot);
    return 0;
}

static void add_row(struct lmm_problem *m, struct gather *g, size_t l, size_t row) {
    const struct block *b = &m->block[0];
    size_t t = tail_row(m, row, g->index, g->value), wide = m->level[l].touched;
    double *square = m->square + l * b->k * b->k, *cross = m->cross + m->level[l].at * b->k;
    for (size_t i = 0; i < b->k; i++) {
        double z = b->z[i * m->n + row];
        for (size_t j = 0; j < b->k; j++) square[i * b->k + j] += z * b->z[j * m->n + row];
        for (size_t j = 0; j < t; j++) cross[i * wide + g->slot[g->index[j]]] += z * g->value[j];
    }
    for (size_t i = 0; i < t; i++)
        for (size_t j = 0; j <= i; j++) m->whole[g->index[i] * m->tail + g->index[j]] += g->value[i] * g->value[j];
}

static int set_products(struct lmm_problem *m, struct gather *g, struct err *e) {
    TRY(gather_new(g, m, e));
    TRY(count_touched(m, g, e));
    for (size_t l = 0; l < m->block[0].n_levels; l++) touched_by(m, g, l, m->column + m->level[l].at);
    for (size_t l = 0; l < m->block[0].n_levels; l++) {
        for (size_t j = 0; j < m->level[l].touched; j++) g->slot[m->column[m->level[l].at + j]] = (unsigned)j;
        for (size_t i = g->first[l]; i < g->first[l + 1]; i++) add_row(m, g, l, g->rows[i]);
    }
    return 0;
}

void lmm__release(struct lmm_problem *m) {
    for (size_t b = 0; m->block && b < m->n_blocks; b++) {
        struct block *o = &m->block[b];
        free(o->z), free(o->scale), free(o->name), free(o->theta), free(o->lambda);
    }
    free(m->block), free(m->x), free(m->r), free(m->y), free(m->c0), free(m->alias), free(m->square), free(m->level);
    free(m->column), free(m->cross), free(m->whole), free(m->work), free(m->small);
}

int lmm__prepare(struct lmm_problem *m, const struct design *d, int reml, struct err *e) {
    struct gather g = {0};
    *m = (struct lmm_problem){.d = d, .reml = reml, .n = d->n};
    int rc = set_fixed(m, e);
    if (!rc) rc = set_blocks(m, e);
    if (!rc) rc = set_products(m, &g, e);
    gather_free(&g);
    return rc;
}
