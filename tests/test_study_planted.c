/* Planted agents: what is counted in their text is what was planted, and the planted effect has the size that was asked for. */
#include "base/rng.h"
#include "study_planted.h"
#include <math.h>

TestSuite(study_planted, .timeout = HANG_S);

static const char ARMS[] =
    "replicates: 4\narms: [{id: none}, {id: all, alignment: \"100 %\", individuation: 1}]\n"
    "planted:\n  graphemes: 200\n  whisper: 0.4\n  own: 0.3\n  turn: 0.5\n  boundary: {mean: 20, individuation: 1}\n"
    "  effects: {en: {cpi: -1.844, di: 0.5}, ja: {cpi: 0.771, kinds_all: {harmony: 9, care: 1}}}\n";

/* What is counted in an archive of planted agents. */
static void planted_run(struct study **s, struct planted *p, struct scored *c, const char *more) {
    struct archive *a;
    struct err e;
    char path[80];
    path_of(path, sizeof path, "planted");
    planted_archive(s, p, &a, path, 5, 4, more);
    cr_assert_geq(scored_read(c, *s, a, 2, &e), 0, "%s", e.msg);
    archive_close(a);
    remove_all(path);
}

/* The counts that an agent was to have, over its turns. */
static void planned(const struct planted *p, const struct study *s, const struct cell *c, int rep, int agent,
                    struct planted_counts *sum) {
    struct planted_agent a;
    struct seat seats[STUDY_MAX_AGENTS];
    *sum = (struct planted_counts){0};
    study_cast(s, c, rep, seats);
    planted_agent(&a, p, s, c, rep, seats, agent);
    for (int t = 1; t <= s->n_turns; t++) {
        struct planted_counts n;
        planted_counts(&a, t, &n);
        sum->monologue += n.monologue;
        for (int k = 0; k < COMPONENTS; k++) sum->hits[k] += n.hits[k];
    }
}

Test(study_planted, what_is_counted_is_what_was_planted) {
    struct study *s;
    struct planted p;
    struct scored c;
    int64_t hits = 0;
    planted_run(&s, &p, &c, ARMS);
    for (int i = 0; i < s->n_cells; i++)
        for (int r = 0; r < s->cell[i].replicates; r++)
            for (int k = 0; k < s->n_agents; k++) {
                const struct counts *n = &c.run[c.first[i] + r].agent[k];
                struct planted_counts want;
                planned(&p, s, &s->cell[i], r, k, &want);
                cr_assert_eq(n->graphemes[CHANNEL_MONOLOGUE], want.monologue, "%s: %lld graphemes to itself, planned %lld",
                             s->cell[i].id, (long long)n->graphemes[CHANNEL_MONOLOGUE], (long long)want.monologue);
                cr_assert_eq(n->graphemes[0] + n->graphemes[1] + n->graphemes[2], p.graphemes * s->n_turns,
                             "%s: %lld graphemes, planned %lld", s->cell[i].id,
                             (long long)(n->graphemes[0] + n->graphemes[1] + n->graphemes[2]),
                             (long long)(p.graphemes * s->n_turns));
                cr_assert_eq(n->hits[METRIC_BOUNDARY], want.hits[COMPONENT_BOUNDARY]);
                cr_assert_eq(n->hits[METRIC_PROTECTIVE], want.hits[COMPONENT_PROTECTIVE]);
                cr_assert_eq(n->hits[METRIC_CONFORMITY], want.hits[COMPONENT_CONFORMITY]);
                hits += n->hits[METRIC_BOUNDARY] + n->hits[METRIC_PROTECTIVE];
            }
    cr_assert_gt(hits, 1000);
    scored_free(&c);
    study_free(s);
}

Test(study_planted, kinds_are_as_planted) {
    struct study *s;
    struct planted p;
    struct scored c;
    planted_run(&s, &p, &c, ARMS);
    const struct dictionary_source *d = language_dictionary(s->language[1], "protective");
    int64_t harmony = 0, care = 0, all = 0;
    for (int r = c.first[3]; r < c.first[4]; r++) {
        for (int k = 0; k < d->n_kinds; k++) {
            int64_t n = c.run[r].all.kinds[METRIC_PROTECTIVE][k];
            all += n;
            harmony += !strcmp(d->kinds[k], "harmony") ? n : 0;
            care += !strcmp(d->kinds[k], "care") ? n : 0;
        }
    }
    cr_assert_str_eq(s->cell[3].id, "ja/m/all");
    cr_assert_eq(harmony + care, all);
    cr_assert(fabs((double)harmony / (double)all - 0.9) < 4 * sqrt(0.09 / (double)all), "%lld of %lld", (long long)harmony,
              (long long)all);
    scored_free(&c);
    study_free(s);
}

/* The three components of a run from the counts that are planted, without text. */
static void run_parts(const struct planted *p, const struct study *s, const struct cell *c, int rep, double parts[METRIC_PARTS]) {
    double text = (double)(p->graphemes * s->n_turns * s->n_agents);
    memset(parts, 0, METRIC_PARTS * sizeof *parts);
    for (int k = 0; k < s->n_agents; k++) {
        struct planted_counts n;
        planned(p, s, c, rep, k, &n);
        parts[PART_MONOLOGUE] += (double)n.monologue / text;
        parts[PART_BOUNDARY] += 1000 * (double)n.hits[COMPONENT_BOUNDARY] / text;
        parts[PART_PROTECTIVE] += 1000 * (double)n.hits[COMPONENT_PROTECTIVE] / text;
    }
}

enum { N = 800 };
static double effect(double x[2][N], double *se) {
    double m[2] = {0}, q = 0;
    for (int a = 0; a < 2; a++) {
        for (int i = 0; i < N; i++) m[a] += x[a][i] / N;
        for (int i = 0; i < N; i++) q += (x[a][i] - m[a]) * (x[a][i] - m[a]);
    }
    double d = (m[1] - m[0]) / sqrt(q / (2 * N - 2));
    *se = sqrt(2.0 / N + d * d / (4 * N));
    return d;
}

/* Standardised by the runs without alignment, by all runs of the language, or by those of both languages. */
static void check_effects(const char *more, int has_di) {
    struct study *s;
    struct planted p;
    struct err e;
    static double rows[2][2][N][METRIC_PARTS], pool[4 * N][METRIC_PARTS];
    cr_assert_geq(group_make(&s, 6, 5, "fixed", "all", "author", more, &e), 0, "%s", e.msg);
    cr_assert_geq(planted_read(&p, s, &e), 0, "%s", e.msg);
    for (int l = 0; l < 2; l++)
        for (int a = 0; a < 2; a++)
            for (int i = 0; i < N; i++) run_parts(&p, s, &s->cell[2 * l + a], i, rows[l][a][i]);
    memcpy(pool, rows, sizeof pool);
    for (int ref = 0; ref < (has_di ? 1 : 3); ref++)
        for (int l = 0; l < 2; l++) {
            struct moments m;
            double cpi[2][N], di[2][N], want_cpi, want_di, se;
            metric_moments(&m, ref == 2 ? pool : ref ? rows[l][0] : rows[l][0], ref == 2 ? 4 * N : ref ? 2 * N : N);
            for (int a = 0; a < 2; a++)
                for (int i = 0; i < N; i++) {
                    struct indices x = metric_indices(rows[l][a][i], &m);
                    cpi[a][i] = x.cpi, di[a][i] = x.di;
                    cr_assert_float_eq(x.cpi + x.di, 2 * x.z[PART_MONOLOGUE], 1e-9);
                    cr_assert_float_eq(x.cpi - x.di, 2 * (x.z[PART_BOUNDARY] - x.z[PART_PROTECTIVE]), 1e-9);
                }
            planted_effect(&p, l, &want_cpi, &want_di);
            double got = effect(cpi, &se);
            cr_expect(fabs(got - want_cpi) < 4 * se, "language %d, reference %d: CPI %g, planted %g ± %g", l, ref, got, want_cpi,
                      se);
            got = effect(di, &se);
            cr_expect(fabs(got - want_di) < 4 * se, "language %d, reference %d: DI %g, planted %g ± %g", l, ref, got, want_di,
                      se);
        }
    study_free(s);
}

Test(study_planted, population_effects_are_those_asked_for) {
    check_effects("replicates: 800\narms: [{id: none}, {id: all, alignment: \"100 %\"}]\n"
                  "planted: {effects: {en: {cpi: -1.844}, ja: {cpi: 0.771}}}\n",
                  0);
    check_effects("replicates: 800\narms: [{id: none}, {id: all, alignment: \"100 %\"}]\n"
                  "planted: {boundary: {mean: 20}, protective: {mean: 30}, monologue: {mean: 0.5}, effects: {en: {cpi: -1.844, "
                  "di: 0.9}, ja: {cpi: "
                  "0.771, di: 0.6}}}\n",
                  1);
}

Test(study_planted, hostile_settings) {
    static const char *const wrong[] = {"planted: 3\n",
                                        "planted: {size: 1}\n",
                                        "planted: {boundary: {mean: -1}}\n",
                                        "planted: {whisper: 2}\n",
                                        "planted: {effects: {fr: {cpi: 1}}}\n",
                                        "planted: {effects: {en: {di: 1}}}\n",
                                        "planted: {effects: {en: {cpi: 1, boundary: 1}}}\n",
                                        "planted: {graphemes: 1}\n",
                                        "planted: {effects: {en: {kinds_all: {luck: 1}}}}\n",
                                        "planted: {effects: {en: {kinds_all: {care: 0}}}}\n",
                                        "planted: {monologue: {mean: 1.5}}\n",
                                        "planted: {effects: {models: {x: {en: {cpi: 1}}}}}\n",
                                        "planted: {effects: {models: {m: {fr: {cpi: 1}}}}}\n",
                                        "planted: {effects: {models: {m: {en: {kinds_all: {care: 1}}}}}}\n",
                                        "planted: {effects: {en: {cpi: 1e9}}}\n"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct study *s;
        struct planted p;
        struct err e;
        char more[300];
        snprintf(more, sizeof more, "replicates: 1\narms: [{id: a}]\n%s", wrong[i]);
        cr_assert_geq(group_make(&s, 2, 1, "fixed", "all", "author", more, &e), 0, "%s", e.msg);
        cr_expect_lt(planted_read(&p, s, &e), 0, "%s is accepted", wrong[i]);
        study_free(s);
    }
}
