/* Is one model within another? A likelihood ratio means nothing where the smaller model can do what the larger cannot.
 *
 * The fixed columns of the smaller model must lie in the span of the larger one's. Random columns that vary together are one unit (each
 * column by itself where they are uncorrelated): a unit of the smaller model must lie in the span of one unit of the larger model that has
 * the same groups of rows, whatever these are called. */
#include "stats/infer/dense.h"
#include "stats/infer/design.h"
#include <stdlib.h>
#include <string.h>

/* The first column of `some` that `all` does not span, k of `some` if it spans them all; negative: no memory. */
static int first_outside(size_t *at, const struct columns *all, const struct columns *some, size_t n, struct err *e) {
    size_t k = all->k + some->k;
    double *x = malloc((n * k + 1) * sizeof *x), *r = malloc((k * k + 1) * sizeof *r);
    unsigned char *alias = malloc(k + 1);
    int rc = x && r && alias ? 0 : fail(e, ERR_NOMEM, "no memory to compare models of %zu columns", k);
    if (!rc) {
        memcpy(x, all->x, n * all->k * sizeof *x), memcpy(x + n * all->k, some->x, n * some->k * sizeof *x);
        orthonormalise(x, r, alias, n, k);
        *at = 0;
        while (*at < some->k && alias[all->k + *at]) (*at)++;
    }
    free(x), free(r), free(alias);
    return rc;
}

/* The same rows together, whatever the levels are called. 1, 0 or negative. */
static int same_groups(const struct random_part *a, const struct random_part *b, size_t n, struct err *e) {
    if (a->n_levels != b->n_levels) return 0;
    int *of = malloc((a->n_levels + 1) * sizeof *of), same = 1;
    if (!of) return fail(e, ERR_NOMEM, "no memory to compare models of %zu levels", a->n_levels);
    for (size_t l = 0; l < a->n_levels; l++) of[l] = -1;
    for (size_t i = 0; i < n && same; i++) {
        int *mine = &of[a->level[i]];
        if (*mine < 0) *mine = b->level[i];
        same = *mine == b->level[i];
    }
    free(of);
    return same;
}

static size_t units(const struct random_part *p) { return p->correlated ? 1 : p->z.k; }

static struct columns unit(const struct random_part *p, size_t u, size_t n) {
    return p->correlated ? p->z : (struct columns){1, p->z.x + u * n, p->z.name + u};
}

/* Is a unit of the smaller model within one of the larger? 1, 0 or negative. */
static int unit_within(const struct columns *some, const struct random_part *of, const struct design *full, struct err *e) {
    for (size_t p = 0; p < full->n_parts; p++) {
        int same = same_groups(of, &full->part[p], full->n, e);
        if (same < 0) return same;
        for (size_t u = 0; same && u < units(&full->part[p]); u++) {
            struct columns all = unit(&full->part[p], u, full->n);
            size_t at;
            TRY(first_outside(&at, &all, some, full->n, e));
            if (at == some->k) return 1;
        }
    }
    return 0;
}

static int part_within(const struct random_part *p, const struct design *full, struct err *e) {
    for (size_t u = 0; u < units(p); u++) {
        struct columns some = unit(p, u, full->n);
        int within = unit_within(&some, p, full, e);
        if (within < 0) return within;
        if (!within)
            return fail(e, ERR_ARG,
                        "expected a smaller model within the larger one, found random effects (%.40s%s) of %.40s outside it",
                        some.name[0], some.k > 1 ? ", …" : "", p->group);
    }
    return 0;
}

int design_nested(const struct design *null, const struct design *full, struct err *e) {
    size_t at;
    if (strcmp(null->response, full->response) != 0)
        return fail(e, ERR_ARG, "expected models of one response, found \"%.60s\" and \"%.60s\"", null->response, full->response);
    if (null->n != full->n) return fail(e, ERR_ARG, "expected models of the same rows, found %zu and %zu", null->n, full->n);
    TRY(first_outside(&at, &full->x, &null->x, full->n, e));
    if (at < null->x.k)
        return fail(e, ERR_ARG, "expected a smaller model within the larger one, found the fixed effect %.60s outside it",
                    null->x.name[at]);
    for (size_t p = 0; p < null->n_parts; p++) TRY(part_within(&null->part[p], full, e));
    return 0;
}
