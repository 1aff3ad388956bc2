/* How well scores separate right from wrong: the area under the ROC curve over all rows, and, where rows belong to groups (answers to one
 * question), over and within groups.
 *
 * Rows of a group are not independent, so intervals resample groups, never rows. Sorting happens once: a resample only changes how often
 * each group counts, so it is one weighted pass over the sorted rows. */
#include "stats/stats.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

struct scored {
    double s;
    int y;
    size_t group;
};

static int by_score(const void *a, const void *b) {
    double x = ((const struct scored *)a)->s, y = ((const struct scored *)b)->s;
    return (x > y) - (x < y);
}

static int by_group(const void *a, const void *b) {
    size_t x = ((const struct scored *)a)->group, y = ((const struct scored *)b)->group;
    return x == y ? by_score(a, b) : (x > y) - (x < y);
}

/* Mann-Whitney by one pass over tied rows: a positive beats the negatives below it and half of those beside it. weight: how often each
 * group counts, NULL: once. */
static double area(const struct scored *r, size_t n, const double *weight) {
    double below = 0, wins = 0, pos = 0;
    for (size_t i = 0; i < n;) {
        double p = 0, q = 0;
        size_t j = i;
        for (; j < n && r[j].s == r[i].s; j++) {
            double w = weight ? weight[r[j].group] : 1;
            if (r[j].y)
                p += w;
            else
                q += w;
        }
        wins += p * (below + q / 2);
        below += q;
        pos += p;
        i = j;
    }
    return pos > 0 && below > 0 ? wins / (pos * below) : NAN;
}

static struct scored *rows_new(size_t n, struct err *e) {
    struct scored *r = calloc(n ? n : 1, sizeof *r);
    if (!r) fail(e, ERR_NOMEM, "no memory for %zu scores", n);
    return r;
}

/* group NULL: all in group 0. */
static int rows_fill(struct scored *r, const double *score, const int *label, const size_t *group, size_t n, size_t n_groups,
                     struct err *e) {
    for (size_t i = 0; i < n; i++) {
        r[i] = (struct scored){score[i], label[i] != 0, group ? group[i] : 0};
        if (isnan(score[i])) return fail(e, ERR_RANGE, "expected numbers as scores, found NaN at row %zu", i);
        if (r[i].group >= n_groups)
            return fail(e, ERR_RANGE, "expected groups below %zu, found %zu at row %zu", n_groups, r[i].group, i);
    }
    return 0;
}

int auc(double *out, const double *score, const int *label, size_t n, struct err *e) {
    struct scored *r = rows_new(n, e);
    if (!r) return ERR_NOMEM;
    int rc = rows_fill(r, score, label, NULL, n, 1, e);
    if (rc >= 0) {
        qsort(r, n, sizeof *r, by_score);
        *out = area(r, n, NULL);
    }
    free(r);
    return rc;
}

/* ---- groups ---- */

struct resampled {
    const struct scored *r;
    size_t n;
    double *weight; /* [groups], written by each resample */
};

static double resampled_area(const void *data, const size_t *idx, size_t n_groups) {
    const struct resampled *x = data;
    memset(x->weight, 0, n_groups * sizeof *x->weight);
    for (size_t i = 0; i < n_groups; i++) x->weight[idx[i]]++;
    return area(x->r, x->n, x->weight);
}

/* Areas of the groups with both classes; r is sorted by group. Returns how many. */
static size_t areas_within(double *out, const struct scored *r, size_t n) {
    size_t m = 0;
    for (size_t i = 0, j; i < n; i = j) {
        for (j = i; j < n && r[j].group == r[i].group; j++) {}
        double a = area(r + i, j - i, NULL);
        if (!isnan(a)) out[m++] = a;
    }
    return m;
}

/* An interval that no resample defines is unknown, not an error. */
static int pooled_interval(struct interval *ci, const struct resampled *x, size_t n_groups, const struct resampling *how,
                           struct err *e) {
    struct err mine = ERR_INIT;
    int rc = bootstrap(ci, resampled_area, x, n_groups, how->reps, how->level, how->seed, &mine);
    if (rc >= 0 || rc == ERR_RANGE) return 0;
    if (e) *e = mine;
    return rc;
}

static int estimate(struct auc_grouped *o, struct scored *r, size_t n, size_t n_groups, double *scratch,
                    const struct resampling *how, struct err *e) {
    const struct resampled x = {r, n, scratch};
    qsort(r, n, sizeof *r, by_score);
    o->pooled = area(r, n, NULL);
    if (isnan(o->pooled)) return 0;
    TRY(pooled_interval(&o->pooled_ci, &x, n_groups, how, e));
    qsort(r, n, sizeof *r, by_group);
    size_t m = areas_within(scratch, r, n);
    o->groups = (int64_t)m, o->within = mean(scratch, m);
    return m > 1 ? bootstrap_mean(&o->within_ci, scratch, m, how->reps, how->level, how->seed, e) : 0;
}

int auc_grouped(struct auc_grouped *out, const double *score, const int *label, const size_t *group, size_t n, size_t n_groups,
                const struct resampling *how, struct err *e) {
    struct auc_grouped o = {.pooled = NAN, .within = NAN, .pooled_ci = {NAN, NAN}, .within_ci = {NAN, NAN}};
    if (how->reps < 1 || !(how->level > 0 && how->level < 1))
        return fail(e, ERR_RANGE, "expected resamples and a level in (0, 1), found %d, %g", how->reps, how->level);
    struct scored *r = rows_new(n, e);
    double *scratch = r ? calloc(n_groups ? n_groups : 1, sizeof *scratch) : NULL;
    int rc = scratch ? rows_fill(r, score, label, group, n, n_groups, e)
                     : fail(e, ERR_NOMEM, "no memory for %zu groups of scores", n_groups);
    if (rc >= 0) rc = estimate(&o, r, n, n_groups, scratch, how, e);
    free(r), free(scratch);
    if (rc >= 0) *out = o;
    return rc;
}
