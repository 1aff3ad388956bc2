/* Analysed runs as rows of numbers. */
#include "study/analyse_int.h"
#include <math.h>
#include <stdlib.h>

double parts_value(const double parts[METRIC_PARTS], const struct moments *by, const struct hypothesis *h) {
    if (h->metric == OF_MONOLOGUE) return parts[PART_MONOLOGUE];
    if (h->metric == OF_BOUNDARY) return parts[PART_BOUNDARY];
    if (h->metric == OF_PROTECTIVE) return parts[PART_PROTECTIVE];
    struct indices x = metric_indices(parts, by);
    return h->metric == OF_CPI ? x.cpi : x.di;
}

double run_value(const struct scored *c, const struct reference *r, const struct cell *cell, const struct counts *n,
                 const struct hypothesis *h, int of_agent) {
    double parts[METRIC_PARTS];
    if (h->metric == OF_CONFORMITY) return metric_conformity(n);
    metric_parts(parts, n, &r->o);
    int scope = reference_scope(c->s, cell, r->within ? r->within - 1 : (int)h->scope);
    return parts_value(parts, of_agent ? &r->agent[scope] : &r->run[scope], h);
}

void rows_free(struct rows *x) {
    free(x->y);
    free(x->share);
    free(x->language);
    free(x->replicate);
    free(x->arm);
    free(x->model);
    *x = (struct rows){0};
}

int rows_of(struct rows *out, const struct scored *c, const struct reference *r, const struct hypothesis *h, struct err *e) {
    const struct study *s = c->s;
    size_t most = (size_t)c->n + 1;
    struct rows x = {.y = calloc(most, sizeof *x.y),
                     .share = calloc(most, sizeof *x.share),
                     .language = calloc(most, sizeof *x.language),
                     .replicate = calloc(most, sizeof *x.replicate),
                     .arm = calloc(most, sizeof *x.arm),
                     .model = calloc(most, sizeof *x.model)};
    if (!x.y || !x.share || !x.language || !x.replicate || !x.arm || !x.model)
        return rows_free(&x), fail(e, ERR_NOMEM, "out of memory for statistics");
    for (int i = 0; i < s->n_cells; i++) {
        const struct cell *at = &s->cell[i];
        if (!(h->languages >> at->language & 1) || !(h->models >> at->model & 1) || !(h->arms >> at->arm & 1)) continue;
        for (int k = 0; k < at->replicates; k++) {
            const struct scored_run *run = &c->run[c->first[i] + k];
            if (!scored_in(run)) continue;
            double y = run_value(c, r, at, &run->all, h, 0);
            if (!isfinite(y)) {
                x.lost++;
                continue;
            }
            x.y[x.n] = y, x.share[x.n] = (double)s->arm[at->arm].with[h->prefix] / s->n_agents;
            x.language[x.n] = at->language, x.replicate[x.n] = k, x.arm[x.n] = at->arm, x.model[x.n] = at->model;
            x.n++;
        }
    }
    *out = x;
    return 0;
}
