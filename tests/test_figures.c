/* The figures of candor reason, each computed a second time from the rows of the run: pass@k, the reward model's quality, the verifier's
 * verdicts, breakdowns; and that the verifier changes nothing else. */
#include "decode/reason.h"
#include "decode/toy.h"
#include "test_files.h"
#include <jansson.h>
#include <math.h>

static void near(const char *what, double got, double want, double tol) {
    cr_expect(fabs(got - want) <= tol || (isnan(got) && isnan(want)), "%s: got %.10g, want %.10g", what, got, want);
}

struct bench {
    struct toy t;
    struct model *verifier;
    char path[64];
    struct reason_job j;
    struct reason_summary s[32];
    int n;
};

static void bench_open(struct bench *b, const char *name, int verifier) {
    *b = (struct bench){.n = 0};
    OK(toy_open(&b->t, "qwen3", 0, 1, &e));
    const struct engine_opts o = {.page_len = 8, .max_ctx = TOY_CTX, .max_rows = TOY_CTX};
    OK(toy_model(&b->verifier, b->t.d, "qwen3", TOY_V, 16, 1, 13, &e));
    if (verifier) OK(engine_new(&b->t.r.verifier, b->verifier, &o, &e));
    for (int i = 0; i < 4; i++) b->t.q[i].level = i == 3 ? 0 : 12 - 5 * (i % 2);
    snprintf(b->path, sizeof b->path, "/tmp/candor-figures-%d-%s.jsonl", (int)getpid(), name);
    b->j = (struct reason_job){.r = &b->t.r, .qs = &b->t.qs, .n = 4, .rows = b->path, .models = "toy"};
}

static void bench_run(struct bench *b, const char *methods, const char *budgets) {
    OK(reason_parse_methods(&b->j, methods, &e));
    OK(reason_parse_budgets(&b->j, budgets, &e));
    OK(reason_run(&b->j, b->s, NULL, &e));
    b->n = b->j.n_methods * b->j.n_budgets;
}

static void bench_close(struct bench *b) {
    for (int i = 0; i < b->n; i++) reason_summary_fini(&b->s[i]);
    engine_free(b->t.r.verifier);
    model_close(b->verifier);
    toy_close(&b->t);
    unlink(b->path);
}

/* All rows of a kind, method and budget (NULL: any), as a JSON array. */
static json_t *rows_of(const char *path, const char *kind, const char *method, const char *budget) {
    json_t *all = json_array(), *o;
    FILE *f = fopen(path, "r");
    cr_assert(f);
    while ((o = json_loadf(f, JSON_DISABLE_EOF_CHECK, NULL))) {
        int is = !strcmp(json_string_value(json_object_get(o, "row")), kind);
        if (is && method) is = !strcmp(json_string_value(json_object_get(o, "method")), method);
        if (is && budget) is = !strcmp(json_string_value(json_object_get(o, "budget")), budget);
        if (is) json_array_append(all, o);
        json_decref(o);
    }
    fclose(f);
    return all;
}

static double num_of(const json_t *o, const char *key) { return json_number_value(json_object_get(o, key)); }
static int true_of(const json_t *o, const char *key) { return json_is_true(json_object_get(o, key)); }
static int same_question(const json_t *a, const json_t *b) {
    return json_equal(json_object_get(a, "question"), json_object_get(b, "question"));
}

/* ---- pass@k ---- */

/* Mean over questions of: is one of the candidates right. */
static double any_right(json_t *candidates) {
    int hit[4] = {0};
    size_t i;
    json_t *c;
    json_array_foreach(candidates, i, c) {
        const char *q = json_string_value(json_object_get(c, "question"));
        hit[q[1] - '0'] |= true_of(c, "correct");
    }
    return (hit[0] + hit[1] + hit[2] + hit[3]) / 4.0;
}

Test(figures, pass_at_k_of_independent_candidates) {
    struct bench b;
    bench_open(&b, "pass", 0);
    bench_run(&b, "greedy,sample,sc,bon,nabla", "3");
    const int64_t k[] = {0, 1, 3, 3, 0};
    for (int i = 0; i < b.n; i++) {
        const struct reason_summary *s = &b.s[i];
        json_t *c = rows_of(b.path, "candidate", s->method->name, "3");
        cr_expect_eq(s->pass_k, k[i], "%s: k %d", s->method->name, (int)s->pass_k);
        near(s->method->name, s->pass, k[i] ? any_right(c) : NAN, 1e-12);
        struct interval w = wilson((int64_t)lround(4 * s->pass), 4, STATS_Z95);
        if (k[i]) cr_expect(s->pass_ci.lo == w.lo && s->pass_ci.hi == w.hi);
        json_decref(c);
    }
    near("pass@1 is accuracy", b.s[1].pass, b.s[1].accuracy, 0);
    near("common draws", b.s[2].pass, b.s[3].pass, 0);
    bench_close(&b);
}

/* A token budget gives questions unequal numbers of candidates: k is the least of them, the others are estimated over subsets. */
Test(figures, pass_at_k_from_more_candidates) {
    struct bench b;
    bench_open(&b, "tokens", 0);
    bench_run(&b, "sc", "120t");
    json_t *r = rows_of(b.path, "result", "sc", "120t"), *o;
    int64_t least = 1 << 20, most = 0;
    double sum = 0;
    size_t i;
    json_array_foreach(r, i, o) {
        int64_t n = (int64_t)num_of(o, "rollouts");
        least = n < least ? n : least, most = n > most ? n : most;
    }
    cr_expect_lt(least, most, "every question got %d", (int)most);
    json_array_foreach(r, i, o) {
        double n = num_of(o, "rollouts"), right = num_of(o, "right"), none = 1;
        for (int64_t x = 0; x < least; x++) none *= fmax(0, n - right - (double)x) / (n - (double)x);
        sum += 1 - none;
    }
    cr_expect_eq(b.s[0].pass_k, least);
    near("pass", b.s[0].pass, sum / 4, 1e-12);
    json_decref(r);
    bench_close(&b);
}

/* ---- the reward model ---- */

/* Pairs of a right and a wrong candidate: the share ordered rightly, of all or of one question's. */
static double pairs(json_t *c, const json_t *question) {
    double won = 0, n = 0;
    size_t i, k;
    json_t *a, *b;
    json_array_foreach(c, i, a) json_array_foreach(c, k, b) {
        if (!true_of(a, "correct") || true_of(b, "correct")) continue;
        if (question && (!same_question(a, question) || !same_question(b, question))) continue;
        double d = num_of(a, "reward") - num_of(b, "reward");
        n++, won += d > 0 ? 1 : d == 0 ? 0.5 : 0;
    }
    return n > 0 ? won / n : NAN;
}

static double ece_of(json_t *c) {
    double gap[15] = {0}, sum = 0;
    size_t i;
    json_t *o;
    json_array_foreach(c, i, o) {
        double p = 1 / (1 + exp(-num_of(o, "reward")));
        gap[(int)ceil(15 * p) - 1] += p - true_of(o, "correct");
    }
    for (int b = 0; b < 15; b++) sum += fabs(gap[b]);
    return sum / (double)json_array_size(c);
}

Test(figures, quality_of_the_reward_model) {
    struct bench b;
    bench_open(&b, "rm", 0);
    bench_run(&b, "sc,bon", "16");
    json_t *c = rows_of(b.path, "candidate", "bon", NULL), *r = rows_of(b.path, "result", "bon", NULL), *o;
    const struct reason_rm *rm = &b.s[1].rm;
    double within = 0, square = 0, chosen = 0;
    int n = 0;
    size_t i;
    json_array_foreach(r, i, o) {
        double a = pairs(c, o);
        if (!isnan(a)) within += a, n++;
        chosen += num_of(o, "reward") / 4;
    }
    json_array_foreach(c, i, o) square += pow(1 / (1 + exp(-num_of(o, "reward"))) - true_of(o, "correct"), 2) / 64;
    cr_expect(rm->n == 64 && b.s[0].rm.n == 0 && isnan(b.s[0].rm.auc.pooled) && isnan(b.s[0].rm.ece));
    cr_assert_gt(n, 1, "toys of another seed are needed");
    near("auc", rm->auc.pooled, pairs(c, NULL), 1e-12);
    near("within", rm->auc.within, within / n, 1e-12);
    cr_expect_eq(rm->auc.groups, n);
    cr_expect(rm->auc.pooled_ci.lo <= rm->auc.pooled && rm->auc.pooled <= rm->auc.pooled_ci.hi);
    near("ece", rm->ece, ece_of(c), 1e-12);
    near("brier", rm->brier, square, 1e-12);
    near("reward", b.s[1].reward, chosen, 1e-12);
    cr_expect(isnan(b.s[0].reward) && isnan(b.s[1].verdict), "nobody read them");
    json_decref(c), json_decref(r);
    bench_close(&b);
}

/* ---- the verifier ---- */

/* What the verifier may change: rewards of chosen answers that the method did not score, and its own fields. */
static json_t *without_verdicts(const char *path, const char *kind) {
    json_t *rows = rows_of(path, kind, NULL, NULL), *o;
    size_t i;
    json_array_foreach(rows, i, o) {
        json_object_del(o, "verifier"), json_object_del(o, "measured");
        if (!strcmp(kind, "result")) json_object_del(o, "reward");
    }
    return rows;
}

Test(figures, a_verifier_changes_no_answer_and_no_count) {
    struct bench a, b;
    bench_open(&a, "without", 0), bench_open(&b, "with", 1);
    bench_run(&a, "greedy,sc,bon,nabla,rap,tot-bfs", "1,5"), bench_run(&b, "greedy,sc,bon,nabla,rap,tot-bfs", "1,5");
    for (int i = 0; i < 2; i++) {
        json_t *x = without_verdicts(a.path, i ? "result" : "candidate"),
               *y = without_verdicts(b.path, i ? "result" : "candidate");
        cr_expect(json_array_size(x) > 0 && json_equal(x, y), "%s rows differ", i ? "result" : "candidate");
        json_decref(x), json_decref(y);
    }
    cr_expect_eq(engine_pages_in_use(b.t.r.verifier), 0, "pages left behind");
    cr_expect_eq(engine_pages_in_use(b.t.r.rm), 0, "pages left behind");
    bench_close(&a), bench_close(&b);
}

/* The verdict is the verifier's score of prompt and answer read at once, alone. */
static double read_alone(struct bench *b, struct engine *g, const json_t *row) {
    struct toks all = {0};
    struct session *s = NULL;
    struct model *m = (struct model *)(uintptr_t)engine_model(g);
    const char *q = json_string_value(json_object_get(row, "question"));
    json_t *ids = json_object_get(row, "ids"), *id;
    size_t i;
    OK(trial_prompt(&b->t.r, &b->t.q[q[1] - '0'], &all, &e));
    json_array_foreach(ids, i, id) OK(toks_push(&all, (tok)json_integer_value(id), &e));
    int64_t C = model_cfg(m)->n_embd;
    num *h = dev_alloc(b->t.d, all.n * C), *one = dev_alloc(b->t.d, 16);
    OK(session_new(&s, g, &e));
    const struct feed f = {.s = s, .ids = all.ids, .n = all.n, .h = h};
    OK(engine_step(g, &f, 1, NULL, &e));
    OK(model_logits(m, num_at(b->t.d, h, (all.n - 1) * C), 1, NULL, one, &e));
    double reward = dev_get1(b->t.d, one, 0);
    dev_free(b->t.d, h), dev_free(b->t.d, one);
    session_free(s);
    toks_free(&all);
    return reward;
}

Test(figures, verdicts_are_the_verifiers_scores) {
    struct bench b;
    bench_open(&b, "verdicts", 1);
    bench_run(&b, "greedy,bon", "40"); /* more than one batch */
    double verdict[2] = {0}, reward[2] = {0};
    for (int m = 0; m < 2; m++) {
        json_t *c = rows_of(b.path, "candidate", m ? "bon" : "greedy", NULL), *o;
        size_t i;
        json_array_foreach(c, i, o) {
            double alone = read_alone(&b, b.t.r.verifier, o);
            near("verdict", num_of(o, "verifier"), alone, 0);
            if (true_of(o, "chosen")) verdict[m] += alone / 4, reward[m] += read_alone(&b, b.t.r.rm, o) / 4;
        }
        near("mean verdict", b.s[m].verdict, verdict[m], 1e-12);
        near("mean reward, also where the method asked for none", b.s[m].reward, reward[m], 1e-12);
        json_decref(c);
    }
    bench_close(&b);
}

Test(figures, a_verifier_of_another_vocabulary_is_refused) {
    struct bench b;
    struct model *other = NULL;
    bench_open(&b, "refused", 0);
    OK(reason_parse_methods(&b.j, "greedy", &e));
    OK(reason_parse_budgets(&b.j, "1", &e));
    for (int i = 0; i < 2; i++) {
        struct err why = ERR_INIT;
        OK(toy_model(&other, b.t.d, "qwen3", i ? TOY_V : TOY_V + 8, 32, i ? 0 : 1, 5, &e));
        OK(engine_new(&b.t.r.verifier, other, NULL, &e));
        cr_expect_eq(reason_run(&b.j, b.s, NULL, &why), ERR_ARG);
        cr_expect(strstr(why.msg, i ? "the verifier must have one score" : "the verifier must share"), "found \"%s\"", why.msg);
        engine_free(b.t.r.verifier), model_close(other);
        b.t.r.verifier = NULL;
    }
    cr_expect(!file_exists(b.path));
    bench_close(&b);
}

/* ---- breakdowns ---- */

Test(figures, breakdowns_by_level_and_kind) {
    struct bench b;
    bench_open(&b, "by", 0);
    OK(reason_parse_by(&b.j, "level,kind", &e));
    bench_run(&b, "sample,sc", "5");
    static const char *const groups[] = {"-", "7", "12", "q0", "q1", "q2", "q3"}; /* levels as numbers: 7 before 12 */
    const int64_t size[] = {1, 1, 2, 1, 1, 1, 1};
    for (int m = 0; m < 2; m++) {
        const struct reason_summary *s = &b.s[m];
        json_t *r = rows_of(b.path, "result", s->method->name, NULL), *p = rows_of(b.path, "part", s->method->name, NULL);
        cr_assert_eq(s->n_parts, 7);
        cr_assert_eq(json_array_size(p), 7);
        int64_t right[4], total = 0;
        for (size_t i = 0; i < 4; i++) right[i] = true_of(json_array_get(r, i), "correct");
        const int64_t want[] = {right[3], right[1], right[0] + right[2], right[0], right[1], right[2], right[3]};
        for (size_t i = 0; i < 7; i++) {
            const struct reason_part *x = &s->parts[i];
            cr_expect_str_eq(x->group, groups[i]);
            cr_expect(x->n == size[i] && x->correct == want[i], "%s: %d of %d", x->group, (int)x->correct, (int)x->n);
            struct interval w = wilson(want[i], size[i], STATS_Z95);
            cr_expect(x->ci.lo == w.lo && x->ci.hi == w.hi);
            cr_expect_eq((int64_t)num_of(json_array_get(p, i), "correct"), want[i]);
            if (x->by == BY_LEVEL) total += x->correct;
        }
        cr_expect_eq(total, s->correct);
        json_decref(r), json_decref(p);
    }
    bench_close(&b);
}

Test(figures, lists_of_breakdowns_are_checked) {
    static const char *const bad[] = {"size", "level,level", "level,", "level,kind,level", ""};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct reason_job j = {0};
        struct err e = ERR_INIT;
        cr_expect_eq(reason_parse_by(&j, bad[i], &e), ERR_ARG, "\"%s\"", bad[i]);
    }
}

/* ---- resuming ---- */

/* The rows are read back and everything is summed from them: all figures are those of the run that made them. */
Test(figures, a_resumed_run_has_the_same_figures) {
    struct bench a, b;
    bench_open(&a, "whole", 1), bench_open(&b, "resumed", 1);
    bench_run(&a, "sc,bon", "6");
    char *rows = NULL;
    size_t n;
    OK(file_read(&rows, &n, a.path, 0, &e));
    for (size_t part = 1; part <= 4; part++) {
        FILE *f = fopen(b.path, "w");
        fwrite(rows, 1, n * part / 4, f);
        fclose(f);
        b.j.resume = 1;
        bench_run(&b, "sc,bon", "6");
        for (int i = 0; i < 2; i++) {
            const struct reason_summary *x = &a.s[i], *y = &b.s[i];
            near("pass", y->pass, x->pass, 0), near("k", (double)y->pass_k, (double)x->pass_k, 0);
            near("auc", y->rm.auc.pooled, x->rm.auc.pooled, 0), near("within", y->rm.auc.within, x->rm.auc.within, 0);
            near("interval", y->rm.auc.pooled_ci.lo, x->rm.auc.pooled_ci.lo, 0), near("ece", y->rm.ece, x->rm.ece, 0);
            near("reward", y->reward, x->reward, 0), near("verifier", y->verdict, x->verdict, 0);
        }
    }
    free(rows);
    bench_close(&a), bench_close(&b);
}
