/* Rows out: settings, candidates, what the gradient changed, results. The settings row carries everything facts depend on except the
 * number of questions: a finished run may be continued on more of them (reason_resume.c). */
#include "base/hash.h"
#include "base/progress.h"
#include "decode/reason_int.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- settings ---- */

static void settings_text(const struct reason_job *j, struct str *s) {
    const struct reason_opts *o = &j->r->o;
    str_printf(s, "%s seed=%llu max_new=%lld temp=%.15g top_p=%.15g top_k=%d lambda=%.15g nll=%d", j->models ? j->models : "",
               (unsigned long long)o->seed, (long long)o->max_new, o->temp, o->top_p, o->top_k, o->lambda, (int)o->nll);
    str_printf(s, " dto=%d,%d,%d,%.15g,%.15g,%.15g gates=%.15g,%.15g tree=%d,%.15g,%lld,%d isa=%s", (int)o->dto.mode,
               (int)o->dto.schedule, o->dto.steps, o->dto.lr, o->dto.lr_floor, o->dto.temp, o->eps_ent, o->eps_grad, o->rap_width,
               o->rap_c, (long long)o->step_max, o->tot_depth, model_device(engine_model(j->r->lm))->name);
    if (j->r->step_scores) str_puts(s, " step_scores=1");
    str_puts(s, " methods=");
    for (int i = 0; i < j->n_methods; i++) str_printf(s, "%s,", j->methods[i]->name);
    str_puts(s, " budgets=");
    for (int i = 0; i < j->n_budgets; i++) str_printf(s, "%s,", j->budgets[i].text);
}

int reason__settings(const struct reason_job *j, struct str *s, struct err *e) {
    settings_text(j, s);
    if (!s->failed) return 0;
    str_free(s);
    return fail(e, ERR_NOMEM, "out of memory for the settings");
}

int reason__settings_row(const struct reason_job *j, struct sink *out, struct err *e) {
    struct str s = {0};
    TRY(reason__settings(j, &s, e));
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

/* A model that did not read it leaves null. */
static struct field score_field(const char *name, double x) {
    return isnan(x) ? (struct field){.name = name, .type = FIELD_NULL} : F_REAL(name, x);
}

static int candidate_row(const struct trial *t, const struct method *m, int k, struct sink *out, struct err *e) {
    const struct candidate *c = &t->c[k];
    const struct field f[] = {GROUP(t, m),
                              F_INT("k", k),
                              F_INT("parent", c->parent),
                              F_INT("from", c->from),
                              F_INTS("ids", c->ids, (size_t)c->n),
                              F_TEXT("text", c->text),
                              F_TEXT("answer", c->answer),
                              score_field("reward", c->scored ? c->reward : NAN),
                              F_BOOL("correct", c->correct),
                              F_BOOL("ended", c->ended),
                              F_BOOL("accepted", c->accepted),
                              F_BOOL("chosen", k == t->chosen),
                              F_REAL("verifier", c->verdict)};
    return sink_row(out, "candidate", f, N_OF(f) - !c->verified, e);
}

static int step_row(const struct trial *t, const struct method *m, int k, const struct step_score *s, struct sink *out,
                    struct err *e) {
    const struct field f[] = {GROUP(t, m), F_INT("k", k), F_INT("at", s->at), F_BOOL("right", s->right),
                              F_REAL("reward", s->reward)};
    return sink_row(out, "step", f, N_OF(f), e);
}

/* A candidate, its steps, and what they add to the figures. */
static int candidate_rows(const struct trial *t, const struct method *m, int k, struct sink *out, struct reason__sums *at,
                          struct err *e) {
    const struct candidate *c = &t->c[k];
    TRY(candidate_row(t, m, k, out, e));
    if (c->scored && isfinite(c->reward)) TRY(reason__score_add(&at->scores, at->n, c->reward, c->correct, e));
    for (int i = 0; i < c->n_steps; i++) {
        TRY(step_row(t, m, k, &c->steps[i], out, e));
        if (isfinite(c->steps[i].reward)) TRY(reason__score_add(&at->steps, at->n, c->steps[i].reward, c->steps[i].right, e));
    }
    return 0;
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
    const struct field f[] = {GROUP(t, m),
                              F_TEXT("truth", t->q->answer),
                              F_TEXT("answer", c->answer),
                              F_BOOL("correct", c->correct),
                              score_field("reward", r->reward),
                              score_field("verifier", r->verdict),
                              F_INT("chosen", t->chosen),
                              F_INT("rollouts", t->n),
                              F_INT("right", r->right),
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

int reason__group_rows(const struct trial *t, const struct method *m, const struct cost *cost, struct sink *out,
                       struct reason__result *res, struct reason__sums *at, struct reason_show *show, struct err *e) {
    const struct candidate *chosen = &t->c[t->chosen];
    *res = (struct reason__result){.correct = chosen->correct,
                                   .candidates = t->n,
                                   .reward = t->chosen_reward,
                                   .verdict = chosen->verified ? chosen->verdict : NAN,
                                   .calls = cost->calls,
                                   .calls_paper = cost->calls_paper,
                                   .tokens = cost->tokens,
                                   .judged = t->judged,
                                   .rejected = t->rejected,
                                   .optimised = t->optimised,
                                   .low_entropy = t->low_entropy,
                                   .low_gradient = t->low_gradient,
                                   .changed = t->n_changes,
                                   .flops = cost->flops,
                                   .seconds = cost->seconds,
                                   .peak_bytes = (double)peak_bytes()};
    for (int k = 0; k < t->n; k++) {
        TRY(candidate_rows(t, m, k, out, at, e));
        res->right += t->c[k].correct;
    }
    for (int i = 0; i < t->n_changes; i++) TRY(change_row(t, m, &t->changes[i], out, show, e));
    return result_row(t, m, res, out, e);
}
