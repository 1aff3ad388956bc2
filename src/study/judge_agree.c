/* How far a judge agrees with the dictionaries, and judges with each other. Both see the same transcripts. */
#include "stats/infer/agreement.h"
#include "stats/infer/correlation.h"
#include "study/judge_int.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

static json_t *number(double v) { return isfinite(v) ? json_real(v) : json_null(); }

/* ---- against dictionaries ---- */

/* Sums of a score over what was judged of an analysed run, or of an agent of it. */
struct sums {
    double *sum;
    int *n;
    int64_t slots, per_run; /* per_run: agents of a run, or 1 */
};

static int run_of_key(const struct scored *c, const char *key, int64_t *run, int *agent) {
    int cell = -1, rep = -1, turn = 0;
    *agent = -1;
    sscanf(key, "cell%3d/rep%3d/turn%2d/agent%2d", &cell, &rep, &turn, agent);
    if (cell < 0 || cell >= c->s->n_cells || rep < 0 || rep >= c->s->cell[cell].replicates) return 0;
    *run = c->first[cell] + rep;
    return scored_in(&c->run[*run]) && *agent < c->s->n_agents;
}

static void gather(struct sums *x, const struct scored *c, const struct judge_file *f, int score) {
    for (int64_t i = 0, run; i < f->n; i++) {
        int agent;
        if (f->row[i].status != JUDGED_SCORED || !run_of_key(c, f->row[i].key, &run, &agent)) continue;
        if (x->per_run > 1 && agent < 0) continue;
        int64_t slot = run * x->per_run + (x->per_run > 1 ? agent : 0);
        x->sum[slot] += f->row[i].score[score], x->n[slot]++;
    }
}

/* Pairs of mean score and part; returns how many. */
static size_t pair_up(const struct sums *x, const struct scored *c, int part, double *score, double *counted) {
    size_t n = 0;
    for (int64_t i = 0; i < x->slots; i++) {
        const struct scored_run *r = &c->run[i / x->per_run];
        double parts[METRIC_PARTS];
        if (!x->n[i] || !r->agent) continue;
        metric_parts(parts, x->per_run > 1 ? &r->agent[i % x->per_run] : &r->all, &(struct metric_opts){0});
        if (!isfinite(parts[part])) continue;
        score[n] = x->sum[i] / x->n[i], counted[n++] = parts[part];
    }
    return n;
}

static int rank_correlation(json_t **out, const struct scored *c, const struct judge_file *f, int score, int part, int agents,
                            struct err *e) {
    struct sums x = {.per_run = agents ? c->s->n_agents : 1};
    struct correlation r = {.rho = NAN, .rho_p = NAN};
    struct err why = ERR_INIT;
    size_t n = 0;
    x.slots = c->n * x.per_run;
    x.sum = calloc((size_t)x.slots * 3 + 1, sizeof *x.sum), x.n = calloc((size_t)x.slots + 1, sizeof *x.n);
    int ok = x.sum && x.n;
    if (ok) {
        double *pairs = x.sum + x.slots;
        gather(&x, c, f, score);
        n = pair_up(&x, c, part, pairs, pairs + x.slots);
        if (n < 3 || correlation(&r, pairs, pairs + x.slots, n, 0.95, &why) < 0) r.rho = r.rho_p = NAN;
    }
    free(x.sum), free(x.n);
    if (!ok) return fail(e, ERR_NOMEM, "out of memory for agreement");
    *out = json_pack("{s:I, s:o}", "n", (json_int_t)n, "rho", number(r.rho));
    if (!agents) json_object_set_new(*out, "p", number(r.rho_p));
    return 0;
}

static double mean_score(const struct judge_file *f, int score) {
    double sum = 0;
    int64_t n = 0;
    for (int64_t i = 0; i < f->n; i++)
        if (f->row[i].status == JUDGED_SCORED) sum += f->row[i].score[score], n++;
    return n ? sum / (double)n : NAN;
}

static int score_of_judge(json_t *list, const struct judge *j, const struct scored *c, const struct judge_file *f, int per_run,
                          int k, struct err *e) {
    int part = j->score[k].against;
    json_t *o = json_pack("{s:s, s:o}", "score", j->score[k].id, "mean", number(mean_score(f, k))), *r = NULL;
    json_array_append_new(list, o);
    if (part < 0) return 0;
    json_object_set_new(o, "against", json_string(metric_part_name((enum metric_part)part)));
    TRY(rank_correlation(&r, c, f, k, part, 0, e));
    json_object_set_new(o, "runs", r);
    if (per_run) return 0;
    TRY(rank_correlation(&r, c, f, k, part, 1, e));
    json_object_set_new(o, "agents", r);
    return 0;
}

static int one_judge(json_t *list, const struct judge *j, const struct scored *c, const struct judge_file *f, const char *path,
                     struct err *e) {
    const char *per = json_string_value(json_object_get(f->head, "per"));
    json_int_t states[JUDGED_STATES] = {0};
    json_t *scores = json_array();
    json_t *o = json_pack("{s:s, s:O?, s:I, s:o}", "file", path, "model", json_object_get(f->head, "model"), "rows",
                          (json_int_t)f->n, "scores", scores);
    json_array_append_new(list, o);
    for (int64_t i = 0; i < f->n; i++) states[f->row[i].status]++;
    for (int i = 0; i < JUDGED_STATES; i++)
        json_object_set_new(o, judge_state_name((enum judge_state)i), json_integer(states[i]));
    for (int k = 0; k < j->n_scores; k++) TRY(score_of_judge(scores, j, c, f, per && !strcmp(per, "run"), k, e));
    return 0;
}

/* ---- between judges ---- */

struct ratings {
    size_t *unit, n, units;
    int *code;
    double *level;
    size_t levels;
};

/* Units are the rows of all files merged by key. Files are sorted. */
static void rate(struct ratings *r, const struct judge *j, const struct judge_file *f, int n, int score) {
    int64_t at[JUDGE_MAX_FILES] = {0};
    for (;;) {
        const char *least = NULL;
        for (int i = 0; i < n; i++)
            if (at[i] < f[i].n && (!least || strcmp(f[i].row[at[i]].key, least) < 0)) least = f[i].row[at[i]].key;
        if (!least) return;
        for (int i = 0; i < n; i++) {
            if (at[i] >= f[i].n || strcmp(f[i].row[at[i]].key, least) != 0) continue;
            const struct judge_row *row = &f[i].row[at[i]++];
            if (row->status == JUDGED_SCORED) r->unit[r->n] = r->units, r->code[r->n++] = row->score[score] - j->least;
        }
        r->units++;
    }
}

static int alpha_of(json_t *list, const struct judge *j, const struct judge_file *f, int n, int score,
                    const struct resampling *how, struct err *e) {
    struct ratings r = {.levels = (size_t)(j->most - j->least + 1)};
    struct alpha a = {.alpha = NAN, .ci = {NAN, NAN}};
    struct err why = ERR_INIT;
    size_t rows = 1;
    for (int i = 0; i < n; i++) rows += (size_t)f[i].n;
    r.unit = calloc(rows, sizeof *r.unit), r.code = calloc(rows, sizeof *r.code), r.level = calloc(r.levels, sizeof *r.level);
    int ok = r.unit && r.code && r.level;
    for (size_t i = 0; ok && i < r.levels; i++) r.level[i] = j->least + (double)i;
    if (ok) {
        rate(&r, j, f, n, score);
        if (!r.n || krippendorff_alpha(&a, r.unit, r.code, r.n, r.units, r.level, r.levels, ALPHA_INTERVAL, how, &why) < 0)
            a = (struct alpha){.alpha = NAN, .ci = {NAN, NAN}};
    }
    free(r.unit), free(r.code), free(r.level);
    if (!ok) return fail(e, ERR_NOMEM, "out of memory for agreement");
    json_array_append_new(list, json_pack("{s:s, s:I, s:o, s:o, s:o}", "score", j->score[score].id, "units", (json_int_t)a.units,
                                          "alpha", number(a.alpha), "lo", number(a.ci.lo), "hi", number(a.ci.hi)));
    return 0;
}

/* ---- all ---- */

static int read_files(struct judge_file *f, const struct judge *j, struct archive *a, const char *const *paths, int n,
                      struct err *e) {
    static const char *const of_archive[] = {"study_sha256", "prompt_sha256", NULL}, *const of_files[] = {"per", NULL};
    json_t *want = NULL;
    TRY(judge_file_head(&want, j, a, 0, NULL, NULL, e));
    int rc = 0;
    for (int i = 0; rc >= 0 && i < n; i++) {
        rc = judge_file_read(&f[i], j, paths[i], e);
        if (rc >= 0) rc = judge_file_same(f[i].head, want, of_archive, paths[i], e);
        if (rc >= 0) rc = judge_file_same(f[i].head, f[0].head, of_files, paths[i], e);
    }
    json_decref(want);
    return rc;
}

static int fill(json_t *o, const struct judge *j, const struct scored *c, const struct judge_file *f, const char *const *paths,
                int n, struct err *e) {
    const struct resampling how = {1000, 0.95, c->s->seed};
    json_t *judges = json_array(), *between = json_array();
    json_object_set_new(o, "judges", judges);
    json_object_set_new(o, "between", between);
    for (int i = 0; i < n; i++) TRY(one_judge(judges, j, c, &f[i], paths[i], e));
    for (int k = 0; n > 1 && k < j->n_scores; k++) TRY(alpha_of(between, j, f, n, k, &how, e));
    return 0;
}

int judge_agreement(json_t **out, const struct judge *j, const struct scored *c, struct archive *a, const char *const *paths,
                    int n, struct err *e) {
    struct judge_file f[JUDGE_MAX_FILES] = {{0}};
    json_t *o = NULL;
    if (n < 1 || n > JUDGE_MAX_FILES) return fail(e, ERR_ARG, "expected 1 to %d files of scores, found %d", JUDGE_MAX_FILES, n);
    int rc = read_files(f, j, a, paths, n, e);
    if (rc >= 0) {
        o = json_pack("{s:s, s:b, s:O?, s:s}", "study", c->s->id, "planted", c->planted, "per", json_object_get(f[0].head, "per"),
                      "prompt", j->id);
        rc = o ? fill(o, j, c, f, paths, n, e) : fail(e, ERR_NOMEM, "out of memory for agreement");
    }
    for (int i = 0; i < n; i++) judge_file_free(&f[i]);
    if (rc < 0)
        json_decref(o);
    else
        *out = o;
    return rc;
}
