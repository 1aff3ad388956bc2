/* Runs of planted members, played one after the other and written as documents. */
#include "study/council_documents.h"
#include "base/rng.h"
#include "base/str.h"
#include "study/scene.h"
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

static int play_one(struct scene *sc, const struct council_rates *r, int agent, struct err *e) {
    struct str text = {0};
    struct reply reply = {0};
    int rc = council_speak(&text, r, sc, agent, e);
    if (rc >= 0 && text.failed) rc = fail(e, ERR_NOMEM, "out of memory for a planted reply");
    if (rc >= 0) rc = reply_parse(&reply, scene_rules(sc), agent, text.s, text.len, e);
    if (rc >= 0) rc = scene_put(sc, agent, &reply, e);
    reply_free(&reply);
    str_free(&text);
    return rc;
}

int council_play(struct scene *sc, const struct council_rates *r, struct err *e) {
    int ready[STUDY_MAX_AGENTS];
    while (scene_ready(sc, ready)) TRY(play_one(sc, r, ready[0], e));
    return 0;
}

struct writer {
    struct study *s;
    const struct council_rates *r;
    struct council_rates misreporters; /* their rates */
    const struct council_documents_opts *o;
    FILE *f;
    struct council_documents done;
    struct err *e;
};

static int write_line(struct writer *w, const struct context *c) {
    json_t *messages = context_messages(c), *line = messages ? json_pack("{s:o}", "messages", messages) : NULL;
    char *text = line ? json_dumps(line, JSON_COMPACT) : NULL;
    json_decref(line);
    if (!text) return fail(w->e, ERR_NOMEM, "out of memory for a document");
    int n = fprintf(w->f, "%s\n", text);
    free(text);
    if (n < 0) return fail(w->e, ERR_IO, "cannot write a document");
    w->done.documents++, w->done.replies += w->s->n_turns, w->done.bytes += n;
    return 0;
}

/* How many carry each prefix: the rest is divided in an order that is drawn, so that each kind has the same share on average. */
static void mix(const struct study *s, struct arm *arm, int64_t run) {
    struct rng g = RNG(s->key, STREAM_MIX, (uint64_t)run);
    int kind[PREFIXES], left = s->n_agents;
    for (int i = 0; i < PREFIXES; i++) kind[i] = i;
    rng_shuffle(&g, kind, PREFIXES, sizeof *kind);
    for (int i = 0; i < PREFIXES; i++) {
        arm->with[kind[i]] = (int)rng_below(&g, (uint64_t)left + 1);
        left -= arm->with[kind[i]];
    }
    arm->among = AMONG_REST; /* from the other end of the order, so that nobody has two */
    arm->shuffled_place = 1;
}

static int is_mixed(const struct writer *w, int64_t run) {
    struct rng g = RNG(w->s->key, STREAM_MIX, (uint64_t)run, 1);
    return rng_uniform(&g) < w->o->mix;
}

/* The first `misreporters` of these members. */
static void order(const struct study *s, int64_t run, int *out) {
    struct rng g = RNG(s->key, STREAM_MIX, (uint64_t)run, 2);
    for (int i = 0; i < s->n_agents; i++) out[i] = i;
    rng_shuffle(&g, out, (uint64_t)s->n_agents, sizeof *out);
}

/* written[i]: whether the document of member i is asked for. */
static int play_some(struct writer *w, struct scene *sc, int64_t run, char *written) {
    int ready[STUDY_MAX_AGENTS], member[STUDY_MAX_AGENTS];
    memset(written, !w->o->misreporters, (size_t)w->s->n_agents);
    if (!w->o->misreporters) return council_play(sc, w->r, w->e);
    order(w->s, run, member);
    for (int i = 0; i < w->o->misreporters; i++) written[member[i]] = 1;
    while (scene_ready(sc, ready)) TRY(play_one(sc, written[ready[0]] ? &w->misreporters : w->r, ready[0], w->e));
    return 0;
}

static int write_run(struct writer *w, const struct cell *c, int64_t run) {
    struct scene *sc;
    struct context x;
    char written[STUDY_MAX_AGENTS];
    TRY(scene_open(&sc, w->s, c, (int)run, w->e));
    int rc = play_some(w, sc, run, written);
    for (int i = 0; i < w->s->n_agents && rc >= 0; i++) {
        if (!written[i]) continue;
        rc = scene_whole(sc, i, &x, w->e);
        if (rc < 0) break;
        rc = write_line(w, &x);
        context_free(&x);
    }
    scene_free(sc);
    w->done.runs++;
    return rc;
}

/* The arm is as it was afterwards. */
static int one(struct writer *w, int64_t run) {
    const struct cell *c = &w->s->cell[run % w->s->n_cells];
    struct arm *arm = &w->s->arm[c->arm], was = *arm;
    if (is_mixed(w, run)) mix(w->s, arm, run);
    int rc = write_run(w, c, run);
    *arm = was;
    return rc;
}

int council_documents(struct council_documents *out, struct study *s, const struct council_rates *r,
                      const struct council_documents_opts *o, FILE *f, struct err *e) {
    struct writer w = {.s = s, .r = r, .misreporters = *r, .o = o, .f = f, .e = e};
    council_rates_set(&w.misreporters, RATE_MISREPORT, o->misreport);
    if (o->misreporters > s->n_agents)
        return fail(e, ERR_ARG, "expected at most %d misreporters, as many as %s has members, found %d", s->n_agents, s->id,
                    o->misreporters);
    if (!s->council.options) return fail(e, ERR_ARG, "expected a study with the key council, found %s, which has none", s->id);
    study_reseed(s, o->seed);
    s->council.split = o->split;
    if (o->reliability > 0) s->council.reliability = o->reliability;
    for (int64_t run = 0; run < o->runs; run++) {
        if (o->stop && o->stop(o->ctx)) return fail(e, ERR_CANCELLED, "stopped after %lld runs", (long long)run);
        TRY(one(&w, run));
        if (o->progress) o->progress(o->ctx, run + 1);
    }
    *out = w.done;
    return 0;
}
