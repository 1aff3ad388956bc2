/* The minimum of the deviance over theta: BOBYQA within bounds, begun again where it ended until that gains nothing, then checked. */
#include "stats/infer/lmm_int.h"
#include <math.h>
#include <nlopt.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_EVALUATIONS = 20000, ROUNDS = 8 };
#define HUGE_DEVIANCE 1e30

static double objective(unsigned n, const double *theta, double *gradient, void *ctx) {
    (void)n, (void)gradient;
    double d = lmm__deviance(ctx, theta);
    return isfinite(d) ? d : HUGE_DEVIANCE;
}

/* Diagonals of the factors are at least 0, the rest is free. */
static int diagonal(const struct lmm_problem *m, int index) {
    for (size_t b = 0; b < m->n_blocks; b++)
        for (size_t i = 0; i < m->block[b].k; i++)
            if (m->block[b].theta[i * m->block[b].k + i] == index) return 1;
    return 0;
}

static nlopt_opt optimiser(struct lmm_problem *m, double *lower, double *step, double size) {
    nlopt_opt o = nlopt_create(NLOPT_LN_BOBYQA, (unsigned)m->n_theta);
    for (size_t i = 0; i < m->n_theta; i++) lower[i] = diagonal(m, (int)i) ? 0 : -HUGE_VAL, step[i] = size;
    if (o && nlopt_set_lower_bounds(o, lower) > 0 && nlopt_set_min_objective(o, objective, m) > 0 &&
        nlopt_set_xtol_abs1(o, 1e-8) > 0 && nlopt_set_ftol_abs(o, 1e-10) > 0 && nlopt_set_maxeval(o, MAX_EVALUATIONS) > 0 &&
        nlopt_set_initial_step(o, step) > 0)
        return o;
    nlopt_destroy(o);
    return NULL;
}

static int round_of(struct lmm_problem *m, double *theta, double *scratch, double size, double *found, struct err *e) {
    nlopt_opt o = optimiser(m, scratch, scratch + m->n_theta, size);
    if (!o) return fail(e, ERR_NOMEM, "no memory for the optimiser");
    nlopt_result rc = nlopt_optimize(o, theta, found);
    nlopt_destroy(o);
    if (rc == NLOPT_MAXEVAL_REACHED)
        return fail(e, ERR_LIMIT, "expected the fit to converge within %d evaluations, found that it did not", MAX_EVALUATIONS);
    if (rc < 0 && rc != NLOPT_ROUNDOFF_LIMITED)
        return fail(e, ERR_LIMIT, "expected the fit to converge, found that the optimiser failed (%d)", rc);
    return *found < HUGE_DEVIANCE
               ? 0
               : fail(e, ERR_LIMIT, "expected the fit to converge, found no point where the likelihood is defined");
}

/* A diagonal that is nearly 0 becomes 0 where that costs nothing: the bound is where it was going. */
static void settle_bounds(struct lmm_problem *m, double *theta, double *found) {
    for (size_t i = 0; i < m->n_theta; i++) {
        double was = theta[i];
        if (was == 0 || fabs(was) > 1e-3 || !diagonal(m, (int)i)) continue;
        theta[i] = 0;
        double d = lmm__deviance(m, theta);
        if (d <= *found + 1e-9)
            *found = fmin(d, *found);
        else
            theta[i] = was;
    }
}

/* What a step along each theta would still gain, by its slope and curvature. */
static int check(struct lmm_problem *m, double *theta, double found, struct err *e) {
    for (size_t i = 0; i < m->n_theta; i++) {
        double at = theta[i], h = 1e-3 * fmax(1, fabs(at));
        if (fabs(at) > 1e6)
            return fail(e, ERR_RANGE,
                        "expected a residual variance, found that the random effects explain the response entirely");
        if (diagonal(m, (int)i) && at < 2 * h) continue;
        theta[i] = at + h;
        double up = lmm__deviance(m, theta);
        theta[i] = at - h;
        double down = lmm__deviance(m, theta);
        theta[i] = at;
        double slope = (up - down) / (2 * h), curve = (up - 2 * found + down) / (h * h);
        if (fmin(up, down) < found - 1e-4 || (curve > 0 && slope * slope / (2 * curve) > 1e-3))
            return fail(e, ERR_LIMIT, "expected the fit to converge, found a slope of %g left at parameter %zu", slope, i + 1);
    }
    return 0;
}

static int minimise(struct lmm_problem *m, double *theta, double *scratch, double *found, struct err *e) {
    double size = 0.5, before = INFINITY;
    for (int round = 0; round < ROUNDS && !(before - *found < 1e-7); round++, size = 0.05) {
        before = round ? *found : INFINITY;
        TRY(round_of(m, theta, scratch, size, found, e));
    }
    settle_bounds(m, theta, found);
    return check(m, theta, *found, e);
}

int lmm__optimise(struct lmm_problem *m, double *theta, double *deviance, struct err *e) {
    double *scratch = calloc(2 * m->n_theta + 1, sizeof *scratch), found = INFINITY;
    if (!scratch) return fail(e, ERR_NOMEM, "no memory for the optimiser");
    for (size_t i = 0; i < m->n_theta; i++) theta[i] = diagonal(m, (int)i);
    int rc = minimise(m, theta, scratch, &found, e);
    free(scratch);
    if (rc < 0) return rc;
    *deviance = lmm__deviance(m, theta); /* once more: its factors are read by who asked */
    return isfinite(*deviance) ? 0 : fail(e, ERR_LIMIT, "expected the fit to converge, found no likelihood at its end");
}
