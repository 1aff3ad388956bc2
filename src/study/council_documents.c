/* Runs of planted members, played one after the other and written as documents. */
#include "study/council_documents.h"
#include "study/conversation.h"
#include "base/rng.h"
#include "base/str.h"
#include "study/prompt.h"
#include "study/scene.h"
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

/* ---- chances ---- */

/* Every form of a line with a value, each alike, under the tag of its channel. */
static int forms(json_t *of, const struct scene *sc, enum channel c, enum council_line line, int value, double chance,
                 struct err *e) {
    const struct language *l = scene_language(sc);
    const struct council_words *w = l->council;
    const char *word = w->topics[scene_fact(sc)->topic].value[value];
    for (int i = 0; chance > 0 && i < w->n_forms[line]; i++) {
        struct str b = {0};
        str_printf(&b, "[%s] ", l->tags[c]);
        int rc = prompt_fill(&b, w->line[line][i], &(struct prompt_value){"value", word}, 1, e);
        if (rc >= 0 && (b.failed || json_object_set_new(of, b.s, json_real(chance / w->n_forms[line])) < 0))
            rc = fail(e, ERR_NOMEM, "out of memory for chances");
        str_free(&b);
        TRY(rc);
    }
    return 0;
}

/* Appends the two lines of a reply and what they were drawn from. */
static int drawn_add(json_t *list, const struct scene *sc, const struct council_rates *r, int agent, const struct str *text,
                     struct err *e) {
    const struct language *l = scene_language(sc);
    const char *end = strchr(text->s, '\n');
    json_t *note = json_object(), *said = json_object();
    struct council_chances c;
    struct council_said noted;
    struct str line = {0};
    str_printf(&line, "%.*s", (int)(end - text->s), text->s);
    int rc = line.failed ? fail(e, ERR_NOMEM, "out of memory for chances") : 0;
    if (rc >= 0) rc = council_said(&noted, l, scene_fact(sc)->topic, 1, line.s + strlen(l->tags[CHANNEL_MONOLOGUE]) + 3, e);
    if (rc >= 0) rc = council_chances(&c, r, sc, agent, noted.value, e);
    for (int v = 0; v < COUNCIL_MAX_VALUES && rc >= 0; v++) {
        rc = forms(note, sc, CHANNEL_MONOLOGUE, LINE_NOTE, v, c.note[v], e);
        for (int k = 0; k < COUNCIL_LINES && rc >= 0; k++)
            rc = forms(said, sc, CHANNEL_TALK, (enum council_line)k, v, c.said[k][v], e);
    }
    str_free(&line);
    json_t *both = rc < 0 ? NULL
                          : json_pack("[{s:i, s:I, s:O}, {s:I, s:I, s:O}]", "from", 0, "to", (json_int_t)(end - text->s), "of",
                                      note, "from", (json_int_t)(end + 1 - text->s), "to", (json_int_t)text->len, "of", said);
    json_decref(note), json_decref(said);
    if (rc < 0) return rc;
    return json_array_append_new(list, both) < 0 ? fail(e, ERR_NOMEM, "out of memory for chances") : 0;
}

/* ---- runs ---- */

/* drawn: where the chances of the reply go; NULL: nowhere. */
static int play_one(struct scene *sc, const struct council_rates *r, int agent, json_t *drawn, struct err *e) {
    struct str text = {0};
    struct reply reply = {0};
    int rc = council_speak(&text, r, sc, agent, e);
    if (rc >= 0 && text.failed) rc = fail(e, ERR_NOMEM, "out of memory for a planted reply");
    if (rc >= 0 && drawn) rc = drawn_add(drawn, sc, r, agent, &text, e);
    if (rc >= 0) rc = reply_parse(&reply, scene_rules(sc), agent, text.s, text.len, e);
    if (rc >= 0) rc = scene_put(sc, agent, &reply, e);
    reply_free(&reply);
    str_free(&text);
    return rc;
}

int council_play(struct scene *sc, const struct council_rates *r, struct err *e) {
    int ready[STUDY_MAX_AGENTS];
    while (scene_ready(sc, ready)) TRY(play_one(sc, r, ready[0], NULL, e));
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

/* The k-th reply gets the k-th entry. */
static int drawn_set(json_t *messages, const json_t *drawn) {
    size_t i, k = 0;
    json_t *m;
    json_array_foreach(messages, i, m) {
        if (strcmp(json_string_value(json_object_get(m, "role")), "assistant") != 0) continue;
        if (json_object_set(m, "drawn", json_array_get(drawn, k++)) < 0) return -1;
    }
    return 0;
}

static int write_line(struct writer *w, const struct context *c, const json_t *drawn) {
    json_t *messages = context_messages(c), *line = messages ? json_pack("{s:o}", "messages", messages) : NULL;
    char *text = line && (!drawn || !drawn_set(messages, drawn)) ? json_dumps(line, JSON_COMPACT | JSON_REAL_PRECISION(9)) : NULL;
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

/* A run and what is kept of it while it is played. */
struct play {
    char written[STUDY_MAX_AGENTS];  /* whether the document of member i is asked for */
    json_t *drawn[STUDY_MAX_AGENTS]; /* chances of its replies; NULL: not asked for */
};

static int play_begin(struct play *p, const struct writer *w, int64_t run) {
    int member[STUDY_MAX_AGENTS], few = w->o->misreporters;
    memset(p->written, !few, (size_t)w->s->n_agents);
    order(w->s, run, member);
    for (int i = 0; i < few; i++) p->written[member[i]] = 1;
    for (int i = 0; i < w->s->n_agents && w->o->drawn; i++)
        if (p->written[i] && !(p->drawn[i] = json_array())) return fail(w->e, ERR_NOMEM, "out of memory for chances");
    return 0;
}

static int play_all(struct play *p, const struct writer *w, struct scene *sc) {
    int ready[STUDY_MAX_AGENTS];
    while (scene_ready(sc, ready)) {
        int i = ready[0];
        TRY(play_one(sc, w->o->misreporters && p->written[i] ? &w->misreporters : w->r, i, p->drawn[i], w->e));
    }
    return 0;
}

static int write_run(struct writer *w, const struct cell *c, int64_t run) {
    struct scene *sc;
    struct context x;
    struct play p = {.drawn = {NULL}};
    TRY(scene_open(&sc, w->s, c, (int)run, w->e));
    int rc = play_begin(&p, w, run);
    if (rc >= 0) rc = play_all(&p, w, sc);
    for (int i = 0; i < w->s->n_agents && rc >= 0; i++) {
        if (!p.written[i]) continue;
        rc = scene_whole(sc, i, &x, w->e);
        if (rc < 0) break;
        rc = write_line(w, &x, p.drawn[i]);
        context_free(&x);
    }
    for (int i = 0; i < STUDY_MAX_AGENTS; i++) json_decref(p.drawn[i]);
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
