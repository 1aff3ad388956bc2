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

const char *reason_by_name(enum reason_by by) { return by == BY_LEVEL ? "level" : "kind"; }

int reason_parse_by(struct reason_job *j, const char *list, struct err *e) {
    char word[64];
    int rc;
    for (j->n_by = 0; (rc = next_word(&list, word, sizeof word, e)) > 0; j->n_by++) {
        int level = !strcmp(word, "level");
        if (!level && strcmp(word, "kind") != 0) return fail(e, ERR_ARG, "by: expected level or kind, found \"%.40s\"", word);
        enum reason_by by = level ? BY_LEVEL : BY_KIND;
        if (j->n_by && (j->n_by == REASON_BYS || j->by[0] == by)) return fail(e, ERR_ARG, "by: %s is named twice", word);
        j->by[j->n_by] = by;
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

/* g: a reward model or a verifier, NULL: none. */
static int judge_check(const struct model_cfg *lm, const struct engine *g, const char *what, struct err *e) {
    const struct model_cfg *rm = g ? model_cfg(engine_model(g)) : NULL;
    if (rm && rm->n_score != 1) return fail(e, ERR_ARG, "the %s must have one score, found %d", what, rm->n_score);
    if (rm && rm->n_vocab != lm->n_vocab)
        return fail(e, ERR_ARG, "the %s must share the policy's vocabulary: %d tokens expected, %d found", what, lm->n_vocab,
                    rm->n_vocab);
    return 0;
}

static int job_check(const struct reason_job *j, struct err *e) {
    const struct reasoner *r = j->r;
    const struct model_cfg *lm = model_cfg(engine_model(r->lm));
    TRY(reason_opts_check(&r->o, e));
    if (j->n_methods < 1 || j->n_budgets < 1) return fail(e, ERR_ARG, "expected at least one method and one budget");
    if (j->n < 1 || (size_t)j->n > j->qs->n)
        return fail(e, ERR_ARG, "expected 1 to %zu questions, found %lld", j->qs->n, (long long)j->n);
    if (lm->n_score) return fail(e, ERR_ARG, "the policy must be a language model, found a reward model");
    TRY(judge_check(lm, r->rm, "reward model", e));
    TRY(judge_check(lm, r->verifier, "verifier", e));
    if (r->step_scores && (!r->rm || !r->codec.spell)) return fail(e, ERR_ARG, "scores of steps need a reward model (--rm)");
    for (int i = 0; i < j->n_methods; i++)
        if (j->methods[i]->needs_rm && !r->rm)
            return fail(e, ERR_ARG, "method %s needs a reward model (--rm)", j->methods[i]->name);
    if (j->resume && !j->rows) return fail(e, ERR_ARG, "resuming needs the file of rows (-o)");
    return prompts_check(j, e);
}

/* ---- one group ---- */

int reason__score_add(struct reason__scores *s, int64_t question, double reward, int correct, struct err *e) {
    if (s->n == s->cap) {
        int64_t cap = s->cap ? 2 * s->cap : 256;
        double *r = realloc(s->reward, (size_t)cap * sizeof *r);
        if (r) s->reward = r;
        int *c = r ? realloc(s->correct, (size_t)cap * sizeof *c) : NULL;
        if (c) s->correct = c;
        size_t *q = c ? realloc(s->question, (size_t)cap * sizeof *q) : NULL;
        if (!q) return fail(e, ERR_NOMEM, "out of memory for rewards");
        s->question = q, s->cap = cap;
    }
    s->reward[s->n] = reward, s->correct[s->n] = correct, s->question[s->n] = (size_t)question;
    s->n++;
    return 0;
}

static int group_run(const struct reason_job *j, int64_t q, int m, int b, struct sink *out, struct reason__result *res,
                     struct reason__sums *sums, struct reason_show *show, struct err *e) {
    struct trial t;
    TRY(trial_init(&t, j->r, &j->qs->q[q], &j->budgets[b], j->methods[m]->needs_rm, e));
    int rc = j->methods[m]->run(&t, e);
    if (rc >= 0 && (t.n < 1 || t.chosen < 0)) rc = fail(e, ERR_INTERNAL, "method %s gave no answer", j->methods[m]->name);
    struct cost cost = trial_cost(&t);
    if (rc >= 0) rc = trial_verify(&t, e);
    if (rc >= 0) rc = reason__group_rows(&t, j->methods[m], &cost, out, res, sums, show, e);
    trial_fini(&t);
    return rc;
}

/* A result closes its group: the candidates seen since the last one count. */
void reason__sum(struct reason__sums *s, const struct reason__result *r) {
    struct reason__result *t = &s->total;
    s->scores.kept = s->scores.n, s->steps.kept = s->steps.n;
    t->correct += r->correct, t->calls += r->calls, t->calls_paper += r->calls_paper, t->tokens += r->tokens;
    t->judged += r->judged, t->rejected += r->rejected, t->flops += r->flops, t->seconds += r->seconds;
    t->optimised += r->optimised, t->low_entropy += r->low_entropy, t->low_gradient += r->low_gradient, t->changed += r->changed;
    t->reward += r->reward, t->verdict += r->verdict;
    if (r->peak_bytes > t->peak_bytes) t->peak_bytes = r->peak_bytes;
    s->outcome[s->n] = (struct reason__outcome){r->correct, (int32_t)r->candidates, (int32_t)r->right};
    s->n++, s->changed_questions += r->changed > 0;
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
        int rc = group_run(j, i / per, at / j->n_budgets, at % j->n_budgets, out, &res, &sums[at], show, e);
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

static void scores_free(struct reason__scores *s) { free(s->reward), free(s->correct), free(s->question); }

static void sums_free(struct reason__sums *s, int groups) {
    for (int i = 0; s && i < groups; i++) scores_free(&s[i].scores), scores_free(&s[i].steps), free(s[i].outcome);
    free(s);
}

/* NULL: out of memory. */
static struct reason__sums *sums_new(const struct reason_job *j, int groups) {
    struct reason__sums *s = calloc((size_t)groups, sizeof *s);
    for (int i = 0; s && i < groups; i++) {
        s[i].outcome = calloc((size_t)j->n, sizeof *s[i].outcome);
        if (s[i].outcome) continue;
        sums_free(s, groups);
        return NULL;
    }
    return s;
}

int reason_run(const struct reason_job *j, struct reason_summary *out, struct reason_show *show, struct err *e) {
    struct sink *sink = NULL;
    int64_t done = 0;
    TRY(job_check(j, e));
    int groups = j->n_methods * j->n_budgets;
    struct reason__sums *sums = sums_new(j, groups);
    if (!sums) return fail(e, ERR_NOMEM, "out of memory for the results of %lld questions", (long long)j->n);
    memset(out, 0, (size_t)groups * sizeof *out);
    int rc = reason__rows_open(&sink, j, &done, sums, show, e);
    if (rc >= 0) rc = groups_run(j, done, sink, sums, show, e);
    for (int i = 0; rc >= 0 && i < groups; i++) {
        rc = reason__summary(&out[i], j, i, &sums[i], e);
        if (rc >= 0) rc = reason__summary_rows(&out[i], sink, e);
    }
    sink_close(sink);
    for (int i = 0; rc < 0 && i < groups; i++) reason_summary_fini(&out[i]);
    sums_free(sums, groups);
    return rc < 0 ? rc : 0;
}
