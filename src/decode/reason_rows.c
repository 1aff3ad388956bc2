/* Rows out, and rows back in for a run that goes on.
 *
 * Work is done in one canonical order, so a file of rows is a beginning of that order whatever ended it. Resuming cuts the file off
 * behind its last result row (a group that was being written is computed again), checks that it was made with the same settings, adds
 * up the results it holds, and appends. The settings row carries everything facts depend on except the number of questions: a finished
 * run may be continued on more of them. */
#include "base/fs.h"
#include "base/hash.h"
#include "base/progress.h"
#include "decode/reason_int.h"
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- settings ---- */

static void settings_text(const struct reason_job *j, struct str *s) {
    const struct reason_opts *o = &j->r->o;
    str_printf(s, "%s seed=%llu max_new=%lld temp=%.15g top_p=%.15g top_k=%d lambda=%.15g nll=%d", j->models ? j->models : "",
               (unsigned long long)o->seed, (long long)o->max_new, o->temp, o->top_p, o->top_k, o->lambda, (int)o->nll);
    str_printf(s, " dto=%d,%d,%d,%.15g,%.15g,%.15g gates=%.15g,%.15g tree=%d,%.15g,%lld,%d isa=%s", (int)o->dto.mode,
               (int)o->dto.schedule, o->dto.steps, o->dto.lr, o->dto.lr_floor, o->dto.temp, o->eps_ent, o->eps_grad, o->rap_width,
               o->rap_c, (long long)o->step_max, o->tot_depth, model_device(engine_model(j->r->lm))->name);
    str_puts(s, " methods=");
    for (int i = 0; i < j->n_methods; i++) str_printf(s, "%s,", j->methods[i]->name);
    str_puts(s, " budgets=");
    for (int i = 0; i < j->n_budgets; i++) str_printf(s, "%s,", j->budgets[i].text);
}

static int settings_make(const struct reason_job *j, struct str *s, struct err *e) {
    settings_text(j, s);
    if (!s->failed) return 0;
    str_free(s);
    return fail(e, ERR_NOMEM, "out of memory for the settings");
}

int reason__settings_row(const struct reason_job *j, struct sink *out, struct err *e) {
    struct str s = {0};
    TRY(settings_make(j, &s, e));
    char hash[32];
    snprintf(hash, sizeof hash, "%016llx", (unsigned long long)hash_text(s.s));
    const struct field f[] = {F_TEXT("hash", hash), F_TEXT("settings", s.s)};
    int rc = sink_row(out, "run", f, 2, e);
    str_free(&s);
    return rc;
}

/* ---- candidates ---- */

#define GROUP(t, m) F_TEXT("question", (t)->q->id), F_TEXT("method", (m)->name), F_TEXT("budget", (t)->budget->text)
#define N_OF(f)     ((int)(sizeof(f) / sizeof *(f)))

static int candidate_row(const struct trial *t, const struct method *m, int k, struct sink *out, struct err *e) {
    const struct candidate *c = &t->c[k];
    struct field reward = c->scored ? F_REAL("reward", c->reward) : (struct field){.name = "reward", .type = FIELD_NULL};
    const struct field f[] = {GROUP(t, m),
                              F_INT("k", k),
                              F_INT("parent", c->parent),
                              F_INT("from", c->from),
                              F_INTS("ids", c->ids, (size_t)c->n),
                              F_TEXT("text", c->text),
                              F_TEXT("answer", c->answer),
                              reward,
                              F_BOOL("correct", c->correct),
                              F_BOOL("ended", c->ended),
                              F_BOOL("accepted", c->accepted),
                              F_BOOL("chosen", k == t->chosen)};
    return sink_row(out, "candidate", f, N_OF(f), e);
}

/* ---- what the gradient changed ---- */

void reason_show_fini(struct reason_show *s) {
    char **const z[] = {&s->id,   &s->question, &s->truth,  &s->method,     &s->budget,        &s->prefix,      &s->was,
                        &s->rest, &s->plain,    &s->tilted, &s->rest_after, &s->answer_before, &s->answer_after};
    for (size_t i = 0; i < sizeof z / sizeof *z; i++) free(*z[i]);
    *s = (struct reason_show){0};
}

static char *piece(const struct trial *t, const int32_t *ids, int64_t from, int64_t to) {
    char *s = NULL;
    if (from >= to) return strdup("");
    return t->r->codec.text(t->r->codec.ctx, ids + from, to - from, &s, NULL) < 0 ? NULL : s;
}

/* A new answer beats a kept one, a corrected one beats both; a token that was the trajectory's own draw is the clearest. */
static int telling(const struct reason_show *s, int plain_was) {
    return 1 + 8 * (s->accepted && s->correct_after && !s->correct_before) + 4 * s->accepted + 2 * (s->rolled && plain_was) +
           s->rolled;
}

static int show_make(struct reason_show *s, const struct trial *t, const struct method *m, const struct change *ch,
                     struct err *e) {
    const struct candidate *a = &t->c[ch->before], *b = ch->after < 0 ? a : &t->c[ch->after];
    *s = (struct reason_show){
        .id = strdup(t->q->id),
        .question = strdup(t->q->question),
        .truth = strdup(t->q->answer),
        .method = strdup(m->name),
        .budget = strdup(t->budget->text),
        .prefix = piece(t, a->ids, 0, ch->pos),
        .was = piece(t, &ch->was, 0, 1),
        .rest = piece(t, a->ids, ch->pos + 1, a->n),
        .plain = piece(t, &ch->plain, 0, 1),
        .tilted = piece(t, &ch->tilted, 0, 1),
        .rest_after = piece(t, b->ids, ch->pos + 1, b->n),
        .answer_before = strdup(a->answer),
        .answer_after = strdup(b->answer),
        .u = ch->u,
        .p_plain = ch->p_plain,
        .p_tilted = ch->p_tilted,
        .reward_before = a->reward,
        .reward_after = b->reward,
        .accepted = ch->accepted,
        .rolled = ch->after >= 0,
        .correct_before = a->correct,
        .correct_after = b->correct,
    };
    s->score = telling(s, ch->plain == ch->was);
    if (s->id && s->question && s->truth && s->method && s->budget && s->prefix && s->was && s->rest && s->plain && s->tilted &&
        s->rest_after && s->answer_before && s->answer_after)
        return 0;
    reason_show_fini(s);
    return fail(e, ERR_NOMEM, "out of memory for a changed token");
}

static int change_row(const struct trial *t, const struct method *m, const struct change *ch, struct sink *out,
                      struct reason_show *show, struct err *e) {
    struct reason_show s;
    TRY(show_make(&s, t, m, ch, e));
    const struct field f[] = {GROUP(t, m),
                              F_INT("pos", ch->pos),
                              F_INT("was_id", ch->was),
                              F_INT("plain_id", ch->plain),
                              F_INT("tilted_id", ch->tilted),
                              F_INT("before", ch->before),
                              F_INT("after", ch->after),
                              F_REAL("u", s.u),
                              F_REAL("p_plain", s.p_plain),
                              F_REAL("p_tilted", s.p_tilted),
                              F_REAL("reward_before", s.reward_before),
                              F_REAL("reward_after", s.reward_after),
                              F_BOOL("accepted", s.accepted),
                              F_BOOL("rolled", s.rolled),
                              F_BOOL("correct_before", s.correct_before),
                              F_BOOL("correct_after", s.correct_after),
                              F_TEXT("prefix", s.prefix),
                              F_TEXT("was", s.was),
                              F_TEXT("rest", s.rest),
                              F_TEXT("plain", s.plain),
                              F_TEXT("tilted", s.tilted),
                              F_TEXT("rest_after", s.rest_after),
                              F_TEXT("answer_before", s.answer_before),
                              F_TEXT("answer_after", s.answer_after),
                              F_INT("telling", s.score)};
    int rc = sink_row(out, "change", f, N_OF(f), e);
    if (show && s.score > show->score) {
        reason_show_fini(show);
        *show = s;
    } else
        reason_show_fini(&s);
    return rc;
}

/* ---- results ---- */

static int result_row(const struct trial *t, const struct method *m, const struct reason__result *r, struct sink *out,
                      struct err *e) {
    const struct candidate *c = &t->c[t->chosen];
    struct field reward = c->scored ? F_REAL("reward", c->reward) : (struct field){.name = "reward", .type = FIELD_NULL};
    const struct field f[] = {GROUP(t, m),
                              F_TEXT("truth", t->q->answer),
                              F_TEXT("answer", c->answer),
                              F_BOOL("correct", c->correct),
                              reward,
                              F_INT("chosen", t->chosen),
                              F_INT("rollouts", t->n),
                              F_INT("calls", r->calls),
                              F_INT("calls_paper", r->calls_paper),
                              F_REAL("flops", r->flops),
                              F_INT("tokens", r->tokens),
                              F_INT("judged", r->judged),
                              F_INT("rejected", r->rejected),
                              F_INT("optimised", r->optimised),
                              F_INT("low_entropy", r->low_entropy),
                              F_INT("low_gradient", r->low_gradient),
                              F_INT("changed", r->changed),
                              M_REAL("seconds", r->seconds),
                              M_REAL("peak_bytes", r->peak_bytes)};
    return sink_row(out, "result", f, N_OF(f), e);
}

int reason__group_rows(const struct trial *t, const struct method *m, struct sink *out, struct reason__result *res,
                       struct reason__scores *scores, struct reason_show *show, struct err *e) {
    if (t->n < 1 || t->chosen < 0) return fail(e, ERR_INTERNAL, "method %s gave no answer", m->name);
    struct cost c = trial_cost(t);
    *res = (struct reason__result){.correct = t->c[t->chosen].correct,
                                   .calls = c.calls,
                                   .calls_paper = c.calls_paper,
                                   .tokens = c.tokens,
                                   .judged = t->judged,
                                   .rejected = t->rejected,
                                   .optimised = t->optimised,
                                   .low_entropy = t->low_entropy,
                                   .low_gradient = t->low_gradient,
                                   .changed = t->n_changes,
                                   .flops = c.flops,
                                   .seconds = c.seconds,
                                   .peak_bytes = (double)peak_bytes()};
    for (int k = 0; k < t->n; k++) {
        TRY(candidate_row(t, m, k, out, e));
        if (t->c[k].scored) TRY(reason__score_add(scores, t->c[k].reward, t->c[k].correct, e));
    }
    for (int i = 0; i < t->n_changes; i++) TRY(change_row(t, m, &t->changes[i], out, show, e));
    return result_row(t, m, res, out, e);
}

int reason__method_row(const struct reason_summary *s, struct sink *out, struct err *e) {
    const struct field f[] = {F_TEXT("method", s->method->name),
                              F_TEXT("budget", s->budget->text),
                              F_INT("n", s->n),
                              F_INT("correct", s->correct),
                              F_REAL("accuracy", s->accuracy),
                              F_REALS("ci95", &s->ci.lo, 2),
                              F_REAL("calls", s->calls),
                              F_REAL("calls_paper", s->calls_paper),
                              F_REAL("flops", s->flops),
                              F_REAL("tokens", s->tokens),
                              F_REAL("rejection_rate", s->rejection_rate),
                              F_REAL("auc", s->auc),
                              F_REAL("optimised", s->optimised),
                              F_REAL("changed", s->changed),
                              F_INT("changed_questions", s->changed_questions),
                              M_REAL("seconds", s->seconds),
                              M_REAL("peak_bytes", s->peak_bytes)};
    return sink_row(out, "method", f, N_OF(f), e);
}

/* ---- back in ---- */

struct old_rows {
    const struct reason_job *j;
    int64_t done;
    struct reason__sums *sums;
    struct reason_show *show;
    const char *path;
    int settings;
};

static int64_t get_i(const json_t *o, const char *k) { return json_integer_value(json_object_get(o, k)); }
static double get_d(const json_t *o, const char *k) { return json_number_value(json_object_get(o, k)); }
static int get_b(const json_t *o, const char *k) { return json_is_true(json_object_get(o, k)); }
static const char *get_s(const json_t *o, const char *k) {
    const char *s = json_string_value(json_object_get(o, k));
    return s ? s : "";
}

static int old_settings(struct old_rows *r, const json_t *o, int64_t line, struct err *e) {
    struct str s = {0};
    TRY(settings_make(r->j, &s, e));
    int same = !strcmp(get_s(o, "settings"), s.s);
    str_free(&s);
    r->settings = 1;
    return same ? 0
                : fail_at(e, ERR_STATE, r->path, line, "cannot resume: these rows were made with other settings (%.200s)",
                          get_s(o, "settings"));
}

/* The group a row belongs to must be the one that comes next. */
static int old_group(struct old_rows *r, const json_t *o, int64_t line, struct err *e) {
    const struct reason_job *j = r->j;
    int per = j->n_methods * j->n_budgets, at = (int)(r->done % per);
    int64_t q = r->done / per;
    if (q >= j->n)
        return fail_at(e, ERR_STATE, r->path, line, "cannot resume: the rows go beyond the %lld questions of this run",
                       (long long)j->n);
    if (strcmp(get_s(o, "question"), j->qs->q[q].id) != 0 ||
        strcmp(get_s(o, "method"), j->methods[at / j->n_budgets]->name) != 0 ||
        strcmp(get_s(o, "budget"), j->budgets[at % j->n_budgets].text) != 0)
        return fail_at(e, ERR_STATE, r->path, line,
                       "cannot resume: expected question %s, method %s, budget %s, found %.60s, %.60s, %.60s", j->qs->q[q].id,
                       j->methods[at / j->n_budgets]->name, j->budgets[at % j->n_budgets].text, get_s(o, "question"),
                       get_s(o, "method"), get_s(o, "budget"));
    return at;
}

static void old_result(struct old_rows *r, const json_t *o, int at) {
    const json_t *m = json_object_get(o, "measured");
    struct reason__result x = {.correct = get_b(o, "correct"),
                               .calls = get_i(o, "calls"),
                               .calls_paper = get_i(o, "calls_paper"),
                               .tokens = get_i(o, "tokens"),
                               .judged = get_i(o, "judged"),
                               .rejected = get_i(o, "rejected"),
                               .optimised = get_i(o, "optimised"),
                               .low_entropy = get_i(o, "low_entropy"),
                               .low_gradient = get_i(o, "low_gradient"),
                               .changed = get_i(o, "changed"),
                               .flops = get_d(o, "flops"),
                               .seconds = get_d(m, "seconds"),
                               .peak_bytes = get_d(m, "peak_bytes")};
    reason__sum(&r->sums[at], &x);
    r->done++;
}

static int old_candidate(struct old_rows *r, const json_t *o, int at, struct err *e) {
    if (!json_is_number(json_object_get(o, "reward"))) return 0;
    return reason__score_add(&r->sums[at].scores, get_d(o, "reward"), get_b(o, "correct"), e);
}

static void old_change(struct old_rows *r, const json_t *o) {
    const struct question *q = &r->j->qs->q[r->done / (r->j->n_methods * r->j->n_budgets)];
    if (!r->show || get_i(o, "telling") <= r->show->score) return;
    reason_show_fini(r->show);
    *r->show = (struct reason_show){
        .id = strdup(q->id),
        .question = strdup(q->question),
        .truth = strdup(q->answer),
        .method = strdup(get_s(o, "method")),
        .budget = strdup(get_s(o, "budget")),
        .prefix = strdup(get_s(o, "prefix")),
        .was = strdup(get_s(o, "was")),
        .rest = strdup(get_s(o, "rest")),
        .plain = strdup(get_s(o, "plain")),
        .tilted = strdup(get_s(o, "tilted")),
        .rest_after = strdup(get_s(o, "rest_after")),
        .answer_before = strdup(get_s(o, "answer_before")),
        .answer_after = strdup(get_s(o, "answer_after")),
        .u = get_d(o, "u"),
        .p_plain = get_d(o, "p_plain"),
        .p_tilted = get_d(o, "p_tilted"),
        .reward_before = get_d(o, "reward_before"),
        .reward_after = get_d(o, "reward_after"),
        .accepted = get_b(o, "accepted"),
        .rolled = get_b(o, "rolled"),
        .correct_before = get_b(o, "correct_before"),
        .correct_after = get_b(o, "correct_after"),
        .score = (int)get_i(o, "telling"),
    };
}

/* 1: keep the file up to the end of this line. */
static int old_line(struct old_rows *r, const char *s, size_t n, int64_t line, struct err *e) {
    json_error_t why;
    json_t *o = json_loadb(s, n, 0, &why);
    if (!o) return fail_at(e, ERR_FORMAT, r->path, line, "cannot resume: a row is not JSON (%.100s)", why.text);
    const char *kind = get_s(o, "row");
    int rc = 0;
    if (!strcmp(kind, "run")) {
        rc = old_settings(r, o, line, e);
        if (rc >= 0) rc = 1;
    } else if (!r->settings)
        rc = fail_at(e, ERR_FORMAT, r->path, line,
                     "cannot resume: expected rows of an earlier run, found a row of kind \"%.40s\"", kind);
    else if (!strcmp(kind, "result")) {
        rc = old_group(r, o, line, e);
        if (rc >= 0) old_result(r, o, rc), rc = 1;
    } else if (!strcmp(kind, "candidate")) {
        rc = old_group(r, o, line, e);
        if (rc >= 0) rc = old_candidate(r, o, rc, e);
    } else if (!strcmp(kind, "change")) {
        rc = old_group(r, o, line, e);
        if (rc >= 0) old_change(r, o), rc = 0;
    }
    json_decref(o);
    return rc;
}

static int old_read(struct old_rows *r, size_t *keep, struct err *e) {
    char *text = NULL;
    size_t n = 0;
    int64_t line = 1;
    int rc = 0;
    TRY(file_read(&text, &n, r->path, (size_t)16 << 30, e));
    *keep = 0;
    for (size_t at = 0; rc >= 0 && at < n; line++) {
        const char *end = memchr(text + at, '\n', n - at);
        if (!end) break; /* torn */
        rc = old_line(r, text + at, (size_t)(end - text) - at, line, e);
        at = (size_t)(end - text) + 1;
        if (rc > 0) *keep = at;
    }
    free(text);
    for (int i = 0; i < r->j->n_methods * r->j->n_budgets; i++) r->sums[i].scores.n = r->sums[i].scores.kept;
    return rc < 0 ? rc : 0;
}

int reason__rows_open(struct sink **out, const struct reason_job *j, int64_t *done, struct reason__sums *sums,
                      struct reason_show *show, struct err *e) {
    size_t keep = 0;
    struct old_rows r = {.j = j, .sums = sums, .show = show, .path = j->rows};
    if (!j->rows) return sink_null_open(out, e);
    if (j->resume && file_exists(j->rows)) {
        TRY(old_read(&r, &keep, e));
        if (truncate(j->rows, (off_t)keep) < 0)
            return fail_at(e, ERR_IO, j->rows, -1, "cannot cut off what an earlier run left unfinished");
    }
    *done = r.done;
    TRY(sink_jsonl_open(out, j->rows, keep > 0, e));
    return keep > 0 ? 0 : reason__settings_row(j, *out, e);
}
