/* All hypotheses of an archive, tested, corrected and marked. */
#include "stats/infer/adjust.h"
#include "study/again.h"
#include "study/analyse_int.h"
#include "study/terms.h"
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static json_t *number(double v) { return isfinite(v) ? json_real(v) : json_null(); }

json_t *interval_json(const struct tested *t) {
    return isfinite(t->lo) && isfinite(t->hi) ? json_pack("[f, f]", t->lo, t->hi) : json_null();
}

/* ---- confirmatory or exploratory ---- */

static int check_registration(struct analysis *x) {
    json_t *stamped = NULL, *now = NULL;
    TRY(archive_registration(x->a, &x->registration, &stamped, x->e));
    json_decref(stamped); /* what deviates is worked out from the archive, not believed */
    if (!x->registration) {
        json_array_append_new(x->why, json_string("the archive was begun without a registration"));
        return 0;
    }
    TRY(archive_deviations(&now, x->c->s, x->a, x->registration, x->e));
    json_array_extend(x->why, now);
    json_decref(now);
    return 0;
}

static void check_runs(struct analysis *x) {
    int64_t finished = 0;
    for (int64_t i = 0; i < x->c->n; i++) finished += x->c->run[i].finished;
    if (finished < x->c->n)
        json_array_append_new(x->why,
                              json_sprintf("%lld of %lld planned runs are finished", (long long)finished, (long long)x->c->n));
}

/* What does not decide whether a result is confirmatory, and should be known. */
static json_t *remarks(const struct analysis *x) {
    json_t *list = identities_drift(&x->c->who, x->c->s);
    if (x->registration && registration_open(x->registration))
        json_array_append_new(list, json_string("the registration leaves open who answers"));
    return list;
}

static void say_why(struct analysis *x, const char *why) { json_array_append_new(x->why, json_string(why)); }

/* A frozen reference is that of the registered rule only if it is of the runs that the rule names, and what they give. */
static int check_frozen(struct analysis *x) {
    struct reference own;
    TRY(reference_make(&own, x->c, &x->r.o, x->e));
    if (!json_equal(own.runs, x->r.runs))
        say_why(x, "the scores stand on a reference that was frozen over other runs than are analysed now");
    else if (!reference_equal(&own, &x->r, x->c->s))
        say_why(x, "the scores stand on a frozen reference that is not what its runs give");
    reference_free(&own);
    return 0;
}

static int choose_reference(struct analysis *x) {
    const struct reference_choice *w = &x->o.reference;
    const json_t *registered = json_object_get(json_object_get(x->registration, "plan"), "frozen_reference");
    TRY(reference_choose(&x->r, &x->from, w, x->c, x->a, x->e));
    if (w->given ? !(registered && json_equal(w->given, registered)) : registered && x->from != FROM_REGISTERED)
        say_why(x, "the scores stand on a reference that is not the registered one");
    if (x->o.scope) say_why(x, "the scores are standardised within another scope than was registered");
    x->fixed = x->from != FROM_OWN;
    x->r.within = x->o.scope;
    return x->from == FROM_FROZEN ? check_frozen(x) : 0;
}

/* ---- hypotheses ---- */

static const struct tested untested = {.estimate = NAN,
                                       .g = NAN,
                                       .lo = NAN,
                                       .hi = NAN,
                                       .statistic = NAN,
                                       .df = NAN,
                                       .p = NAN,
                                       .p_adjusted = NAN,
                                       .within = {NAN, NAN}};

/* A part that is the same in every run of a reference has no z, and then there is no index of the runs which that reference standardises:
 * said, since what was claimed of all languages is not tested by leaving out those that have none. */
static int lacks_index(struct tested *t, const struct scored *c, const struct reference *r, const struct hypothesis *h) {
    const struct study *s = c->s;
    if (h->metric != OF_CPI && h->metric != OF_DI) return 0;
    int within = r->within ? r->within - 1 : (int)h->scope;
    for (int i = 0; i < s->n_cells; i++) {
        const struct cell *at = &s->cell[i];
        if (!(h->languages >> at->language & 1) || !(h->models >> at->model & 1) || !(h->arms >> at->arm & 1)) continue;
        int scope = reference_scope(s, at, within);
        const struct moments *m = h->kind == KIND_AGENTS ? &r->agent[scope] : &r->run[scope];
        for (int p = 0; p < METRIC_PARTS; p++) {
            if (m->sd[p] != 0) continue;
            snprintf(t->why, sizeof t->why,
                     "%s is the same in every run of the reference%s%.40s: it has no z, and CPI and DI no value",
                     metric_part_name((enum metric_part)p), within == SCOPE_POOLED ? "" : " of ",
                     within == SCOPE_POOLED     ? ""
                     : within == SCOPE_LANGUAGE ? s->language[at->language]->code
                                                : s->model[at->model].id);
            return 1;
        }
    }
    return 0;
}

int test_one(struct tested *t, const struct scored *c, const struct reference *r, const struct hypothesis *h, struct err *e) {
    *t = untested;
    if (lacks_index(t, c, r, h)) return 0;
    if (h->kind == KIND_CONTRAST) return test_contrast(t, c, r, h, e);
    if (h->kind == KIND_AGENTS) return test_agents(t, c, r, h, e);
    return test_model(t, c, r, h, e);
}

const char *statistic_name(const struct hypothesis *h) {
    if (h->test == BY_PERMUTATION) return "difference";
    if (h->kind == KIND_CONTRAST || h->kind == KIND_AGENTS) return "t";
    return *hypothesis_null(h) ? "chi2" : "z";
}

/* What the hypothesis claims to be below alpha (claim.h). */
static double directional_p(const struct hypothesis *h, const struct tested *t) {
    int sign = h->direction == IS_DIFFERENT || h->direction == IS_EQUIVALENT ||
               (h->direction == IS_LESS ? t->estimate < 0 : t->estimate > 0);
    return isfinite(t->p_adjusted) && !sign ? 1 : t->p_adjusted;
}

int hypothesis_holds(const struct hypothesis *h, const struct tested *t) { return directional_p(h, t) < h->alpha; }

int test_hypotheses(struct tested *t, const struct scored *c, const struct reference *r, struct err *e) {
    const struct study *s = c->s;
    double p[STUDY_MAX_HYPOTHESES], adjusted[STUDY_MAX_HYPOTHESES];
    for (int i = 0; i < s->n_hypotheses; i++) {
        TRY(test_one(&t[i], c, r, &s->hypothesis[i], e));
        p[i] = isnan(t[i].p) ? 1 : t[i].p; /* what cannot be tested was claimed all the same, and counts in the family */
    }
    if (!s->n_hypotheses) return 0;
    TRY(adjust_p(adjusted, p, (size_t)s->n_hypotheses, hypothesis_correction_name(s->correction), e));
    for (int i = 0; i < s->n_hypotheses; i++) t[i].p_adjusted = isnan(t[i].p) ? NAN : adjusted[i];
    return 0;
}

static json_t *tested_json(const struct analysis *x, const struct hypothesis *h, const struct tested *t) {
    json_t *o = hypothesis_terms(x->c->s, h);
    json_object_set_new(o, "id", json_string(h->id));
    json_object_set_new(o, "status", json_string(json_array_size(x->why) ? "exploratory" : "confirmatory"));
    json_object_set_new(o, "n",
                        t->n2 ? json_pack("[I, I]", (json_int_t)t->n1, (json_int_t)t->n2) : json_pack("[I]", (json_int_t)t->n1));
    json_object_set_new(o, "without_value", json_integer((json_int_t)t->lost));
    json_object_set_new(o, "estimate", number(t->estimate));
    json_object_set_new(o, "g", number(t->g));
    json_object_set_new(o, "ci95", interval_json(t));
    if (h->direction == IS_EQUIVALENT)
        json_object_set_new(o, "within", isfinite(t->within.lo) ? json_pack("[f, f]", t->within.lo, t->within.hi) : json_null());
    json_object_set_new(o, "statistic", number(t->statistic));
    json_object_set_new(o, "statistic_name", json_string(statistic_name(h)));
    json_object_set_new(o, "df", number(t->df));
    json_object_set_new(o, "p", number(t->p));
    json_object_set_new(o, "p_adjusted", number(t->p_adjusted));
    json_object_set_new(o, "directional_p", number(directional_p(h, t)));
    json_object_set_new(o, "holds", json_boolean(hypothesis_holds(h, t)));
    json_object_set_new(o, "why", json_string(t->why));
    return o;
}

static int test_all(struct analysis *x, json_t *list, json_t *words) {
    const struct study *s = x->c->s;
    struct tested *t = calloc((size_t)s->n_hypotheses + 1, sizeof *t);
    int rc = t ? test_hypotheses(t, x->c, &x->r, x->e) : fail(x->e, ERR_NOMEM, "out of memory for statistics");
    for (int i = 0; rc >= 0 && i < s->n_hypotheses; i++) json_array_append_new(list, tested_json(x, &s->hypothesis[i], &t[i]));
    if (rc >= 0 && x->o.words) rc = analyse_words(words, x->c, &x->r, x->fixed, t, x->e);
    free(t);
    return rc < 0 ? rc : 0;
}

/* ---- all ---- */

static json_t *made_of(const struct analysis *x) {
    json_t *o = made_with(&(struct made){.s = x->c->s,
                                         .r = &x->r,
                                         .from = x->from,
                                         .given = x->o.reference.given,
                                         .scope = x->o.scope,
                                         .countries = x->o.countries});
    json_object_set_new(o, "words", json_boolean(x->o.words));
    return o;
}

static int assemble(struct analysis *x, json_t **out) {
    json_t *score = NULL, *list = json_array(), *explored = json_object(), *words = json_array();
    const struct study *s = x->c->s;
    int rc = test_all(x, list, words);
    if (rc >= 0) rc = explore(x, explored);
    if (rc >= 0) rc = score_json(&score, x->c, &x->r, 0, x->e);
    json_t *hash = x->registration ? json_incref(json_object_get(x->registration, "hash")) : json_null();
    json_t *o = json_pack("{s:s, s:b, s:o, s:O, s:o, s:s, s:o, s:s, s:I, s:O?, s:o*}", "study", s->id, "planted", x->c->planted,
                          "registration", hash, "why_exploratory", x->why, "remarks", remarks(x), "correction",
                          hypothesis_correction_name(s->correction), "hypotheses", list, "reference_from",
                          reference_from_name(x->from), "reference_runs", (json_int_t)json_array_size(x->r.runs), "loss",
                          json_object_get(score, "loss"), "words", x->o.words ? json_incref(words) : NULL);
    if (o) study_label(o, s), reference_label(o, x->c, &x->r);
    json_decref(score);
    json_decref(words);
    if (o) json_object_set_new(o, "made_with", made_of(x));
    if (rc >= 0 && (!o || json_object_update(o, explored) < 0)) rc = fail(x->e, ERR_NOMEM, "out of memory for statistics");
    json_decref(explored);
    if (rc < 0)
        json_decref(o);
    else
        *out = o;
    return rc;
}

int study_analyse(json_t **out, const struct scored *c, const struct analyse_opts *o, struct archive *a, struct err *e) {
    struct analysis x = {.c = c, .a = a, .why = json_array(), .e = e};
    if (o) x.o = *o;
    int rc = check_registration(&x);
    check_runs(&x);
    if (rc >= 0) rc = choose_reference(&x);
    if (rc >= 0) rc = assemble(&x, out);
    reference_free(&x.r);
    json_decref(x.registration);
    json_decref(x.why);
    return rc;
}
