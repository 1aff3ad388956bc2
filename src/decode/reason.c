/* The loop over questions, methods and budgets, and the summary behind it. Questions are outermost, so a stopped run has complete
 * questions for all methods, and every method sees the same first n. */
#include "base/progress.h"
#include "decode/reason_int.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- the job ---- */

/* Cuts the next piece of a comma list into word; 0 when none is left. */
static int next_word(const char **list, char *word, size_t size, struct err *e) {
    if (!*list) return 0;
    size_t n = strcspn(*list, ",");
    if (n == 0 || n >= size) return fail(e, ERR_ARG, "expected a list such as A,B,C, found \"%.60s\"", *list);
    memcpy(word, *list, n);
    word[n] = 0;
    *list = (*list)[n] ? *list + n + 1 : NULL;
    return 1;
}

int reason_parse_methods(struct reason_job *j, const char *list, struct err *e) {
    char word[64];
    int rc;
    for (j->n_methods = 0; (rc = next_word(&list, word, sizeof word, e)) > 0; j->n_methods++) {
        const struct method *m = method_find(word, e);
        if (!m) return ERR_ARG;
        if (j->n_methods == REASON_METHODS) return fail(e, ERR_ARG, "expected at most %d methods", REASON_METHODS);
        for (int i = 0; i < j->n_methods; i++)
            if (j->methods[i] == m) return fail(e, ERR_ARG, "method %s is named twice", m->name);
        j->methods[j->n_methods] = m;
    }
    return rc;
}

int reason_parse_budgets(struct reason_job *j, const char *list, struct err *e) {
    char word[64];
    int rc;
    for (j->n_budgets = 0; (rc = next_word(&list, word, sizeof word, e)) > 0; j->n_budgets++) {
        if (j->n_budgets == REASON_BUDGETS) return fail(e, ERR_ARG, "expected at most %d budgets", REASON_BUDGETS);
        TRY(budget_parse(&j->budgets[j->n_budgets], word, e));
        for (int i = 0; i < j->n_budgets; i++)
            if (!strcmp(j->budgets[i].text, j->budgets[j->n_budgets].text))
                return fail(e, ERR_ARG, "budget %s is named twice", word);
    }
    return rc;
}

/* A question that cannot be asked is found before hours were spent on those in front of it. */
static int prompts_check(const struct reason_job *j, struct err *e) {
    int rc = 0;
    for (int64_t i = 0; i < j->n && rc >= 0; i++) {
        struct toks t = {0};
        rc = trial_prompt(j->r, &j->qs->q[i], &t, e);
        toks_free(&t);
    }
    return rc;
}

static int job_check(const struct reason_job *j, struct err *e) {
    const struct reasoner *r = j->r;
    const struct model_cfg *lm = model_cfg(engine_model(r->lm)), *rm = r->rm ? model_cfg(engine_model(r->rm)) : NULL;
    TRY(reason_opts_check(&r->o, e));
    if (j->n_methods < 1 || j->n_budgets < 1) return fail(e, ERR_ARG, "expected at least one method and one budget");
    if (j->n < 1 || (size_t)j->n > j->qs->n)
        return fail(e, ERR_ARG, "expected 1 to %zu questions, found %lld", j->qs->n, (long long)j->n);
    if (lm->n_score) return fail(e, ERR_ARG, "the policy must be a language model, found a reward model");
    if (rm && rm->n_score != 1) return fail(e, ERR_ARG, "the reward model must have one score, found %d", rm->n_score);
    if (rm && rm->n_vocab != lm->n_vocab)
        return fail(e, ERR_ARG, "the reward model must share the policy's vocabulary: %d tokens expected, %d found", lm->n_vocab,
                    rm->n_vocab);
    for (int i = 0; i < j->n_methods; i++)
        if (j->methods[i]->needs_rm && !rm) return fail(e, ERR_ARG, "method %s needs a reward model (--rm)", j->methods[i]->name);
    if (j->resume && !j->rows) return fail(e, ERR_ARG, "resuming needs the file of rows (-o)");
    return prompts_check(j, e);
}

/* ---- one group ---- */

int reason__score_add(struct reason__scores *s, double reward, int correct, struct err *e) {
    if (s->n == s->cap) {
        int64_t cap = s->cap ? 2 * s->cap : 256;
        double *r = realloc(s->reward, (size_t)cap * sizeof *r);
        if (r) s->reward = r;
        int *c = r ? realloc(s->correct, (size_t)cap * sizeof *c) : NULL;
        if (!c) return fail(e, ERR_NOMEM, "out of memory for rewards");
        s->correct = c, s->cap = cap;
    }
    s->reward[s->n] = reward, s->correct[s->n] = correct;
    s->n++;
    return 0;
}

static int group_run(const struct reason_job *j, int64_t q, int m, int b, struct sink *out, struct reason__result *res,
                     struct reason__scores *scores, struct reason_show *show, struct err *e) {
    struct trial t;
    TRY(trial_init(&t, j->r, &j->qs->q[q], &j->budgets[b], j->methods[m]->needs_rm, e));
    int rc = j->methods[m]->run(&t, e);
    if (rc >= 0) rc = reason__group_rows(&t, j->methods[m], out, res, scores, show, e);
    trial_fini(&t);
    return rc;
}

/* A result closes its group: the candidates seen since the last one count. */
void reason__sum(struct reason__sums *s, const struct reason__result *r) {
    struct reason__result *t = &s->total;
    s->scores.kept = s->scores.n;
    t->correct += r->correct, t->calls += r->calls, t->calls_paper += r->calls_paper, t->tokens += r->tokens;
    t->judged += r->judged, t->rejected += r->rejected, t->flops += r->flops, t->seconds += r->seconds;
    t->optimised += r->optimised, t->low_entropy += r->low_entropy, t->low_gradient += r->low_gradient, t->changed += r->changed;
    if (r->peak_bytes > t->peak_bytes) t->peak_bytes = r->peak_bytes;
    s->n++, s->changed_questions += r->changed > 0;
}

static double auc_of(const struct reason__scores *s) {
    double a;
    return s->kept && auc(&a, s->reward, s->correct, (size_t)s->kept, NULL) >= 0 ? a : NAN;
}

static struct reason_summary summary_of(const struct reason_job *j, int at, const struct reason__sums *s) {
    const struct reason__result *t = &s->total;
    double n = (double)s->n;
    return (struct reason_summary){
        .method = j->methods[at / j->n_budgets],
        .budget = &j->budgets[at % j->n_budgets],
        .n = s->n,
        .correct = t->correct,
        .accuracy = t->correct / n,
        .ci = wilson(t->correct, s->n, STATS_Z95),
        .calls = (double)t->calls / n,
        .calls_paper = (double)t->calls_paper / n,
        .flops = t->flops / n,
        .tokens = (double)t->tokens / n,
        .seconds = t->seconds / n,
        .peak_bytes = t->peak_bytes,
        .rejection_rate = t->judged ? (double)t->rejected / (double)t->judged : NAN,
        .auc = auc_of(&s->scores),
        .optimised = (double)t->optimised / n,
        .low_entropy = (double)t->low_entropy / n,
        .low_gradient = (double)t->low_gradient / n,
        .changed = (double)t->changed / n,
        .changed_questions = s->changed_questions,
    };
}

/* ---- all of them ---- */

static int groups_run(const struct reason_job *j, int64_t done, struct sink *out, struct reason__sums *sums,
                      struct reason_show *show, struct err *e) {
    int per = j->n_methods * j->n_budgets;
    struct progress bar;
    progress_start(&bar, "reason", "questions", (double)j->n);
    for (int64_t i = done; i < j->n * per; i++) {
        int at = (int)(i % per);
        struct reason__result res = {0};
        if (j->stopped && j->stopped()) {
            progress_end(&bar);
            return fail(e, ERR_CANCELLED, "stopped after %lld of %lld questions%s", (long long)(i / per), (long long)j->n,
                        j->rows ? "; --resume goes on from here" : "");
        }
        int rc = group_run(j, i / per, at / j->n_budgets, at % j->n_budgets, out, &res, &sums[at].scores, show, e);
        if (rc < 0) {
            progress_end(&bar);
            return rc;
        }
        reason__sum(&sums[at], &res);
        progress_step(&bar, (double)(i + 1) / per, j->methods[at / j->n_budgets]->name);
    }
    progress_end(&bar);
    return 0;
}

int reason_run(const struct reason_job *j, struct reason_summary *out, struct reason_show *show, struct err *e) {
    struct sink *sink = NULL;
    int64_t done = 0;
    TRY(job_check(j, e));
    int groups = j->n_methods * j->n_budgets;
    struct reason__sums *sums = calloc((size_t)groups, sizeof *sums);
    if (!sums) return fail(e, ERR_NOMEM, "out of memory");
    int rc = reason__rows_open(&sink, j, &done, sums, show, e);
    if (rc >= 0) rc = groups_run(j, done, sink, sums, show, e);
    for (int i = 0; rc >= 0 && i < groups; i++) {
        out[i] = summary_of(j, i, &sums[i]);
        rc = reason__method_row(&out[i], sink, e);
    }
    sink_close(sink);
    for (int i = 0; i < groups; i++) free(sums[i].scores.reward), free(sums[i].scores.correct);
    free(sums);
    return rc < 0 ? rc : 0;
}
