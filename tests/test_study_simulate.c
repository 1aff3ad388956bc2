/* Simulated studies: their counts are those of the archive that the back end `planted` would have written, in every field. */
#include "study/analyse.h"
#include "study/planted_scored.h"
#include "study/simulate.h"
#include "study_files.h"
#include "study_group.h"
#include <jansson.h>
#include <math.h>

TestSuite(study_simulate, .timeout = HANG_S);

/* stats (may be NULL): what the archive's analysis says. */
static void archived(struct scored *c, const struct study *s, const struct planted *p, json_t **stats) {
    struct archive *a;
    struct backend *b;
    struct runner_progress done;
    struct err e = ERR_INIT;
    char path[100];
    path_of(path, sizeof path, "simulate");
    remove_all(path);
    cr_assert_geq(planted_open(&b, p, s, &e), 0, "%s", e.msg);
    cr_assert_geq(archive_open(&a, path, ARCHIVE_WRITE, &e), 0, "%s", e.msg);
    cr_assert_geq(runner_run(s, a, b, &(struct runner_opts){.no_contexts = 1}, &done, &e), 0, "%s", e.msg);
    cr_assert_geq(scored_read(c, s, a, 2, &e), 0, "%s", e.msg);
    if (stats) cr_assert_geq(study_analyse(stats, c, NULL, a, &e), 0, "%s", e.msg);
    archive_close(a);
    backend_close(b);
    remove_all(path);
}

static void same_counts(const char *where, const struct counts *a, const struct counts *b) {
    for (int k = 0; k < CHANNELS; k++) {
        cr_expect_eq(a->acts[k], b->acts[k], "%s: acts %d", where, k);
        cr_expect_eq(a->graphemes[k], b->graphemes[k], "%s: graphemes %d: %lld, %lld", where, k, (long long)a->graphemes[k],
                     (long long)b->graphemes[k]);
        cr_expect_eq(a->words[k], b->words[k], "%s: words %d: %lld, %lld", where, k, (long long)a->words[k],
                     (long long)b->words[k]);
    }
    for (int d = 0; d < METRIC_DICTIONARIES; d++)
        cr_expect_eq(a->hits[d], b->hits[d], "%s: hits %d: %lld, %lld", where, d, (long long)a->hits[d], (long long)b->hits[d]);
    cr_expect_eq(memcmp(a, b, sizeof *a), 0, "%s: other counts", where);
}

static json_t *scores(const struct scored *c) {
    struct reference r;
    struct err e = ERR_INIT;
    json_t *j = NULL;
    cr_assert_geq(reference_make(&r, c, &(struct metric_opts){.monologue = UNIT_WORDS}, &e), 0);
    *r.archive = 0; /* of which archive it is: counts that were never in one have none */
    cr_assert_geq(score_json(&j, c, &r, 1, &e), 0);
    json_object_del(j, "answered"); /* what replies say of themselves: counts without replies have none */
    reference_free(&r);
    return j;
}

/* A study through the archive and without it. */
static void same_study(const char *text) {
    struct study *s;
    struct planted p;
    struct scored a, b;
    struct vocabulary words[STUDY_MAX_LANGUAGES];
    struct err e = ERR_INIT;
    int64_t excluded = 0, again = 0, refused = 0;
    cr_assert_geq(group_parse(&s, text, &e), 0, "%s", e.msg);
    cr_assert_geq(planted_read(&p, s, &e), 0, "%s", e.msg);
    archived(&a, s, &p, NULL);
    cr_assert_geq(planted_words(words, s, &e), 0, "%s", e.msg);
    cr_assert_geq(planted_scored(&b, &p, s, words, &e), 0, "%s", e.msg);
    cr_assert_eq(a.n, b.n);
    for (int i = 0; i < s->n_cells; i++)
        for (int k = a.first[i]; k < a.first[i + 1]; k++) {
            for (int n = 0; n < s->n_agents; n++) same_counts(s->cell[i].id, &a.run[k].agent[n], &b.run[k].agent[n]);
            same_counts(s->cell[i].id, &a.run[k].all, &b.run[k].all);
            cr_expect_eq(a.run[k].excluded, b.run[k].excluded);
            cr_expect_eq(scored_in(&a.run[k]), scored_in(&b.run[k]));
            excluded += b.run[k].excluded, again += b.run[k].all.asked_again, refused += b.run[k].all.turns[TURN_REFUSED];
        }
    json_t *x = scores(&a), *y = scores(&b);
    cr_expect(json_equal(x, y), "other scores");
    cr_assert(excluded && refused && (again > 0) == (s->reasks > 0) && excluded < b.n,
              "nothing was lost: the comparison says too little");
    json_decref(x);
    json_decref(y);
    planted_words_free(words);
    scored_free(&a);
    scored_free(&b);
    study_free(s);
}

#define LOSSES "whisper: 0.4, malformed: 0.3, refused: 0.1"
#define HEAD(id, languages, group) \
    "candor: study/1\nid: " id "\nseed: 7\nlanguages: " languages "\nmodels: [{id: m}, {id: n}]\ngroup: " group "\n"

Test(study_simulate, counts_are_those_of_the_archive) {
    same_study(
        HEAD("a", "[en, ja]",
             "{agents: 4, turns: 5, order: shuffled, context: all}") "reask: 1\nexclude: {malformed: 0.1}\nreplicates: 3\n"
                                                                     "arms: [{id: none}, {id: half, alignment: \"50 %\"}, {id: "
                                                                     "all, alignment: \"100 %\", individuation: 2}]\n"
                                                                     "planted: {" LOSSES
                                                                     ", own: 0.3, turn: 0.5, boundary: {individuation: 1}, "
                                                                     "effects: {en: {cpi: -1.844, di: 0.5}, "
                                                                     "ja: {cpi: 0.771, kinds_all: {harmony: 9, care: 1}}}}\n");
}

Test(study_simulate, in_every_language) {
    same_study(
        HEAD("b", "[ar, de, en, es, fi, fr, hi, id, ja, ko, pt, ru, th, tr, vi, zh]",
             "{agents: 3, turns: 4, order: simultaneous, context: 1}") "reask: 0\nexclude: {malformed: 0.35}\nreplicates: "
                                                                       "1\narms: [{id: none}, {id: all, alignment: \"100 %\"}]\n"
                                                                       "planted: {" LOSSES ", graphemes: 130}\n");
}

/* Rates that leave no room: hits stand where they do not fit, and a channel may hold nothing but dots. */
Test(study_simulate, where_it_does_not_fit) {
    same_study(HEAD(
        "c", "[en, th, zh]",
        "{agents: 3, turns: 4, order: fixed, context: all}") "reask: 1\nexclude: {malformed: 0.1}\nreplicates: 2\narms: [{id: "
                                                             "none}, {id: all, alignment: \"100 %\"}]\n"
                                                             "planted: {" LOSSES ", graphemes: 40, monologue: {mean: 0.9, run: "
                                                             "0.1, agent: 0.3}, protective: {mean: 300}, "
                                                             "boundary: {mean: 100}}\n");
}

/* ---- whole simulations ---- */

#define SEED(n)                                                                     \
    "candor: study/1\nid: d\nseed: " n "\nlanguages: [en, ja]\nmodels: [{id: m}]\n" \
    "group: {agents: 4, turns: 3}\nreplicates: 6\narms: [{id: none}, {id: half, alignment: 2}, {id: all, alignment: 4}]\n"
#define CLAIMS                                                                                                 \
    "hypotheses:\n  - {id: cpi, metric: cpi, languages: [en], contrast: [all, none], direction: less}\n"       \
    "  - {id: di, metric: di, languages: [ja], contrast: [half, none], direction: greater, scope: language}\n" \
    "  - {id: words, metric: conformity, languages: [en], contrast: [all, none], direction: different}\n"      \
    "  - {id: reversal, metric: cpi, interaction: alignment, direction: greater}\n"
#define PLANTED "planted: {malformed: 0.05, effects: {en: {cpi: -1.844, di: 0.4}, ja: {cpi: 0.771, di: 1.5}}}\n"

struct sim {
    struct study *s;
    struct planted p;
};
static struct sim sim_of(const char *text) {
    struct sim x;
    struct err e = ERR_INIT;
    cr_assert_geq(group_parse(&x.s, text, &e), 0, "%s", e.msg);
    cr_assert_geq(planted_read(&x.p, x.s, &e), 0, "%s", e.msg);
    return x;
}
static json_t *simulated(const struct sim *x, int64_t n, int threads, uint64_t seed) {
    struct err e = ERR_INIT;
    json_t *j = NULL;
    cr_assert_geq(study_simulate(&j, x->s, &x->p, &(struct simulate_opts){.n = n, .threads = threads, .seed = seed}, &e), 0, "%s",
                  e.msg);
    return j;
}
static double number_at(const json_t *j, const char *list, size_t i, const char *key, const char *of) {
    const json_t *v = json_object_get(json_array_get(json_object_get(j, list), i), key);
    v = of ? json_object_get(v, of) : v;
    return json_is_number(v) ? json_number_value(v) : NAN;
}

Test(study_simulate, threads_change_nothing) {
    struct sim x = sim_of(SEED("1") CLAIMS PLANTED);
    json_t *a = simulated(&x, 70, 1, 3), *b = simulated(&x, 70, 3, 3), *c = simulated(&x, 2, 3, 3), *d = simulated(&x, 2, 3, 4);
    cr_assert(json_equal(a, b));
    cr_assert_not(json_equal(c, d), "the seed should matter");
    json_decref(a), json_decref(b), json_decref(c), json_decref(d);
    study_free(x.s);
}

/* The first study of a simulation, run as text from a file with its seed. */
Test(study_simulate, a_study_of_it_is_the_study_with_its_seed) {
    char text[2000];
    snprintf(text, sizeof text, SEED("%llu") CLAIMS PLANTED, (unsigned long long)simulate_seed(9, 0));
    struct sim x = sim_of(SEED("1") CLAIMS PLANTED), y = sim_of(text);
    struct scored c;
    json_t *stats = NULL, *j = simulated(&x, 1, 1, 9);
    archived(&c, y.s, &y.p, &stats);
    for (size_t i = 0; i < 4; i++) {
        if (i < 3)
            cr_assert_float_eq(number_at(j, "hypotheses", i, "g", "mean"), number_at(stats, "hypotheses", i, "g", NULL), 1e-12);
        cr_assert_float_eq(number_at(j, "hypotheses", i, "estimate", "mean"), number_at(stats, "hypotheses", i, "estimate", NULL),
                           1e-12);
        cr_assert_eq(number_at(j, "hypotheses", i, "rejected", "k"), number_at(stats, "hypotheses", i, "p", NULL) < 0.05);
        cr_assert_eq(number_at(j, "hypotheses", i, "adjusted", "k"),
                     number_at(stats, "hypotheses", i, "p_adjusted", NULL) < 0.05);
    }
    json_decref(j), json_decref(stats);
    scored_free(&c);
    study_free(x.s), study_free(y.s);
}

/* Parts of unlike effects, standardised by all runs or by those of the language: the truth is what very many runs have. */
Test(study_simulate, the_truth_is_that_of_many_runs) {
    struct sim x = sim_of(SEED("1") CLAIMS PLANTED);
    struct err e = ERR_INIT;
    json_t *j = NULL;
    cr_assert_geq(study_calibrate(&j, x.s, &x.p, &(struct simulate_opts){.n = 4000, .threads = 2, .seed = 2}, &e), 0, "%s",
                  e.msg);
    cr_assert_eq(json_array_size(json_object_get(j, "contrasts")), 2, "conformity has no known truth");
    for (size_t i = 0; i < 2; i++) {
        double se = number_at(j, "contrasts", i, "se", NULL), apart = number_at(j, "contrasts", i, "difference", NULL);
        cr_expect(fabs(apart) < 4 * se, "%zu: %g apart, standard error %g", i, apart, se);
        cr_expect(se < 0.03);
    }
    json_decref(j);
    study_free(x.s);
}

Test(study_simulate, intervals_and_tests_hold_their_level) {
    struct sim x = sim_of(SEED("1") CLAIMS PLANTED);
    json_t *j = simulated(&x, 120, 2, 5);
    for (size_t i = 0; i < 2; i++) cr_expect(fabs(number_at(j, "hypotheses", i, "coverage", "rate") - 0.95) < 0.08);
    cr_expect(isnan(number_at(j, "hypotheses", 2, "coverage", "rate")) &&
              isnan(number_at(j, "hypotheses", 3, "coverage", "rate")));
    json_decref(j);
    planted_nothing(&x.p);
    j = simulated(&x, 120, 2, 5);
    for (size_t i = 0; i < 3; i++) {
        cr_expect_eq(number_at(j, "hypotheses", i, "truth", NULL), 0);
        cr_expect(fabs(number_at(j, "hypotheses", i, "coverage", "rate") - 0.95) < 0.08);
        cr_expect(fabs(number_at(j, "hypotheses", i, "rejected", "rate") - 0.05) < 0.08);
    }
    json_decref(j);
    study_free(x.s);
}

static int at_once(void) { return 1; }

Test(study_simulate, what_cannot_be_simulated) {
    struct sim x = sim_of(SEED("1") CLAIMS PLANTED), none = sim_of(SEED("1"));
    struct err e = ERR_INIT;
    json_t *j = NULL;
    cr_assert_eq(study_simulate(&j, none.s, &none.p, &(struct simulate_opts){.n = 1}, &e), ERR_ARG);
    cr_assert_eq(study_simulate(&j, x.s, &x.p, &(struct simulate_opts){.n = 0}, &e), ERR_RANGE);
    cr_assert_eq(study_simulate(&j, x.s, &x.p, &(struct simulate_opts){.n = 5, .stop = at_once}, &e), ERR_CANCELLED);
    cr_assert_eq(study_calibrate(&j, x.s, &x.p, &(struct simulate_opts){.n = 1}, &e), ERR_RANGE);
    cr_assert_null(j);
    study_free(x.s), study_free(none.s);
}
