/* What a study would find if it had infinitely many planted runs. */
#include "study/metric.h"
#include "study/planted.h"
#include <math.h>
#include <string.h>

/* The mean of a component in a cell, in standard deviations of its runs, but for what is the same in all cells. */
static double shift(const struct planted *p, const struct study *s, const struct cell *c, int part) {
    const struct arm *a = &s->arm[c->arm];
    double d = p->d[c->language][part] + p->more[c->model][c->language][part];
    return (d * a->with[PREFIX_ALIGNMENT] + p->part[part].individuation * a->with[PREFIX_INDIVIDUATION]) / s->n_agents;
}

static int in_reference(const struct study *s, const struct hypothesis *h, const struct cell *of, const struct cell *c) {
    if (s->reference >= 0 && c->arm != s->reference) return 0;
    return h->scope == SCOPE_POOLED || (h->scope == SCOPE_LANGUAGE ? c->language == of->language : c->model == of->model);
}

/* 1 / standard deviation in the reference of a cell's scope, where the runs of a cell have 1. */
static double weight(const struct planted *p, const struct study *s, const struct hypothesis *h, const struct cell *of,
                     int part) {
    double n = 0, sum = 0, square = 0;
    for (int i = 0; i < s->n_cells; i++) {
        const struct cell *c = &s->cell[i];
        double x = shift(p, s, c, part), k = c->replicates;
        if (in_reference(s, h, of, c)) n += k, sum += k * x, square += k * x * x;
    }
    return n > 0 ? 1 / sqrt(1 + fmax(square / n - sum * sum / (n * n), 0)) : NAN;
}

/* How each part enters a metric; 0: the metric is none of them. */
static int signs(enum hypothesis_metric m, double sign[METRIC_PARTS]) {
    static const double of[][METRIC_PARTS] = {[OF_CPI] = {1, 1, -1},
                                              [OF_DI] = {1, -1, 1},
                                              [OF_MONOLOGUE] = {1, 0, 0},
                                              [OF_BOUNDARY] = {0, 1, 0},
                                              [OF_PROTECTIVE] = {0, 0, 1}};
    if (m == OF_CONFORMITY) return 0;
    for (int i = 0; i < METRIC_PARTS; i++) sign[i] = of[m][i];
    return 1;
}

static int differs(const struct planted *p, const struct cell *a, const struct cell *b) {
    return memcmp(p->more[a->model][a->language], p->more[b->model][b->language], sizeof **p->more) != 0;
}

static const struct cell *cell_of(const struct planted *p, const struct study *s, const struct hypothesis *h, int arm) {
    const struct cell *found = NULL;
    for (int i = 0; i < s->n_cells; i++) {
        const struct cell *c = &s->cell[i];
        if (c->arm != arm || !(h->languages >> c->language & 1) || !(h->models >> c->model & 1)) continue;
        if (found && (found->language != c->language || differs(p, found, c)))
            return NULL; /* a mixture of languages, or of models with other effects, has no one effect */
        found = c;
    }
    return found;
}

static int nothing_planted(const struct planted *p) {
    int some = p->own != 0;
    for (int c = 0; c < COMPONENTS; c++) {
        some |= p->part[c].individuation != 0;
        for (int l = 0; l < STUDY_MAX_LANGUAGES; l++) some |= p->d[l][c] != 0;
        for (int m = 0; m < STUDY_MAX_MODELS; m++)
            for (int l = 0; l < STUDY_MAX_LANGUAGES; l++) some |= p->more[m][l][c] != 0;
    }
    return !some;
}

double planted_truth(const struct planted *p, const struct study *s, const struct hypothesis *h) {
    double sign[METRIC_PARTS], up = 0, square = 0;
    if (nothing_planted(p)) return 0;
    if (h->kind != KIND_CONTRAST || !signs(h->metric, sign)) return NAN;
    const struct cell *a = cell_of(p, s, h, h->arm[0]), *b = cell_of(p, s, h, h->arm[1]);
    if (!a || !b) return NAN;
    for (int i = 0; i < METRIC_PARTS; i++) {
        double w = sign[i] * weight(p, s, h, a, i);
        up += w * (shift(p, s, a, i) - shift(p, s, b, i));
        square += w * w;
    }
    return up / sqrt(square);
}
