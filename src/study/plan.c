/* A plan: the prompts are really made, with replies of a given length in place of those to come. */
#include "study/plan.h"
#include "study/placebo.h"
#include "study/runner.h"
#include "study/terms.h"
#include "study/yaml.h"
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

struct size {
    int64_t calls, prompt, fresh, bytes;
};

static int64_t characters(const char *s) {
    int64_t n = 0;
    for (; *s; s++) n += ((unsigned char)*s & 0xc0) != 0x80;
    return n;
}

static int measure_call(struct size *z, const struct scene *sc, int agent, int64_t *before, struct err *e) {
    struct context c = {0};
    int64_t sum = 0;
    TRY(scene_context(sc, agent, &c, e));
    for (int i = 0; i < c.n; i++) {
        sum += characters(c.parts[i].text) + 1;
        z->bytes += (int64_t)c.parts[i].len + 1;
    }
    context_free(&c);
    z->calls++, z->prompt += sum;
    z->fresh += scene_study(sc)->last ? sum : sum - *before;
    *before = sum;
    return 0;
}

static int say(struct scene *sc, int agent, int length, struct err *e) {
    struct reply r = {.acts = calloc(1, sizeof *r.acts), .n = 1};
    if (!r.acts || !(r.acts[0].text = malloc((size_t)length + 1)))
        return free(r.acts), fail(e, ERR_NOMEM, "out of memory for a plan");
    memset(r.acts[0].text, 'x', (size_t)length);
    r.acts[0].text[length] = 0;
    r.acts[0].channel = CHANNEL_TALK, r.acts[0].to = -1;
    int rc = scene_put(sc, agent, &r, e);
    reply_free(&r);
    return rc;
}

/* One run of a cell. */
static int measure_run(struct size *z, const struct study *s, const struct cell *c, int reply, struct err *e) {
    struct scene *sc;
    int64_t before[STUDY_MAX_AGENTS] = {0};
    int ready[STUDY_MAX_AGENTS], n, rc = 0;
    TRY(scene_open(&sc, s, c, 0, e));
    while (rc >= 0 && (n = scene_ready(sc, ready)) > 0) {
        for (int i = 0; rc >= 0 && i < n; i++) rc = measure_call(z, sc, ready[i], &before[ready[i]], e);
        for (int i = 0; rc >= 0 && i < n; i++) rc = say(sc, ready[i], reply, e);
    }
    scene_free(sc);
    return rc;
}

/* ---- what arms differ in ---- */

static json_t *arm_json(const struct study *s, const struct arm *a) {
    json_t *o = json_pack("{s:s, s:s, s:s, s:s, s:b, s:i}", "id", a->id, "about", a->about, "among", among_name(a->among),
                          "place", a->shuffled_place ? "drawn per replicate, the same in all cells" : "as listed",
                          "shuffled_personas", a->shuffled_personas, "replicates", a->replicates);
    for (int p = 0; o && p < PREFIXES; p++) json_object_set_new(o, prefix_name((enum prefix_id)p), json_integer(a->with[p]));
    if (a->same_as >= 0) json_object_set_new(o, "same_as", json_string(s->arm[a->same_as].id));
    return o;
}

/* The members in which an arm's object is another than the first one's. */
static json_t *differences(const json_t *arm, const json_t *first) {
    json_t *list = json_array();
    const char *key;
    json_t *v;
    json_object_foreach((json_t *)arm, key, v) {
        if (!strcmp(key, "id") || !strcmp(key, "about") || !strcmp(key, "differs") || json_equal(v, json_object_get(first, key)))
            continue;
        json_array_append_new(list, json_string(key));
    }
    return list;
}

static json_t *arms_json(const struct study *s) {
    json_t *list = json_array();
    for (int i = 0; i < s->n_arms; i++) {
        json_t *o = arm_json(s, &s->arm[i]);
        json_array_append_new(list, o);
        if (o) json_object_set_new(o, "differs", differences(o, json_array_get(list, 0)));
    }
    return list;
}

/* ---- cells, order, choices ---- */

static void add_int(json_t *o, const char *key, int64_t v) {
    json_object_set_new(o, key, json_integer(json_integer_value(json_object_get(o, key)) + v));
}

static int put_cells(json_t *plan, const struct study *s, int reply, struct err *e) {
    json_t *cells = json_array(), *languages = json_object();
    struct size *of = calloc((size_t)s->n_languages * (size_t)s->n_arms, sizeof *of);
    json_object_set_new(plan, "cells", cells);
    json_object_set_new(plan, "languages", languages);
    int rc = of ? 0 : fail(e, ERR_NOMEM, "out of memory for a plan");
    for (int i = 0; rc >= 0 && i < s->n_cells; i++) {
        const struct cell *c = &s->cell[i];
        const char *code = s->language[c->language]->code;
        struct size *z = &of[c->language * s->n_arms + c->arm]; /* models change nothing about it */
        if (!z->calls) rc = measure_run(z, s, c, reply, e);
        int64_t n = c->replicates, v[] = {n, n * z->calls, n * z->prompt, n * z->fresh, n * z->bytes};
        static const char *const keys[] = {"runs", "calls", "prompt_characters", "new_characters", "prompt_bytes"};
        json_array_append_new(cells, json_pack("{s:i, s:s, s:s, s:s, s:s, s:i, s:I, s:I, s:I, s:I, s:I}", "cell", i, "id", c->id,
                                               "language", code, "model", s->model[c->model].id, "arm", s->arm[c->arm].id,
                                               "replicates", c->replicates, keys[1], (json_int_t)v[1], keys[2], (json_int_t)v[2],
                                               keys[3], (json_int_t)v[3], keys[4], (json_int_t)v[4], "reply_tokens_max",
                                               (json_int_t)(v[1] * s->model[c->model].max_tokens)));
        if (!json_object_get(languages, code)) json_object_set_new(languages, code, json_object());
        for (int k = 0; k < 5; k++) {
            add_int(json_object_get(languages, code), keys[k], v[k]);
            add_int(plan, keys[k], v[k]);
        }
    }
    free(of);
    return rc;
}

static int put_order(json_t *plan, const struct study *s, struct err *e) {
    struct job *jobs;
    int64_t n;
    json_t *list = json_array(), *keys = json_object();
    char key[RUN_KEY_BYTES], content[DIGEST_HEX];
    json_object_set_new(plan, "run_order", list);
    json_object_set_new(plan, "content_keys", keys);
    TRY(study_jobs(s, &jobs, &n, e));
    int rc = 0;
    for (int64_t i = 0; rc >= 0 && i < n; i++) {
        snprintf(key, sizeof key, "cell%03d/rep%03d", jobs[i].cell, jobs[i].replicate);
        json_array_append_new(list, json_string(key));
        rc = study_job_key(content, s, &s->cell[jobs[i].cell], jobs[i].replicate, e);
        if (rc >= 0) json_object_set_new(keys, key, json_string(content));
    }
    free(jobs);
    return rc;
}

static json_t *choices_json(const struct study *s) {
    const struct yml_node *n = yml_get(yml_root(s->doc), "choices");
    json_t *list = json_array();
    for (const struct yml_node *c = n ? n->first : NULL; c; c = c->next)
        json_array_append_new(list,
                              json_pack("{s:s, s:s}", "about", yml_get(c, "about")->text, "choice", yml_get(c, "choice")->text));
    return list;
}

static json_t *channels_json(const struct study *s) {
    json_t *o = json_object();
    for (int c = 0; c < CHANNELS; c++) {
        struct str who = {0};
        study_audience(&who, s, (enum channel)c);
        json_object_set_new(o, channel_name((enum channel)c), json_string(who.s));
        str_free(&who);
    }
    return o;
}

int study_plan(json_t **out, const struct study *s, const struct plan_opts *o, struct err *e) {
    json_t *p = json_pack("{s:s, s:s, s:I, s:i, s:i, s:s, s:o, s:o, s:o, s:o, s:i}", "id", s->id, "title", s->title, "seed",
                          (json_int_t)s->seed, "agents", s->n_agents, "turns", s->n_turns, "order", turn_order_name(s->order),
                          "context", s->last ? json_sprintf("the last %d turns", s->last) : json_string("all"), "channels",
                          channels_json(s), "arms", arms_json(s), "choices", choices_json(s), "block", s->block);
    if (!p) return fail(e, ERR_NOMEM, "out of memory for a plan");
    json_t *remarks = json_array();
    json_object_set_new(p, "remarks", remarks);
    int rc = placebo_remarks(remarks, s, e);
    if (rc >= 0) rc = put_cells(p, s, o->reply > 0 ? o->reply : 400, e);
    if (rc >= 0) rc = put_order(p, s, e);
    if (rc < 0)
        json_decref(p);
    else
        *out = p;
    return rc;
}
