/* The loop: runs are opened in the order of the jobs, agents whose turn it is are asked, answers become facts. */
#include "study/beside.h"
#include "study/runner_int.h"
#include <limits.h>
#include <stdlib.h>
#include <string.h>

struct want { /* an agent to be asked */
    int slot, agent, ask;
};
struct runner {
    const struct study *s;
    struct archive *a;
    struct backend *b;
    struct runner_opts o;
    struct runner_progress p;
    struct job *jobs;
    int64_t n_jobs, next;
    struct live *live; /* [interleave]; scene NULL: free */
    struct want *want; /* ring */
    int64_t want_first, want_n, want_cap;
    int under_way, failures;
    struct err last; /* of the last failed call */
    struct err *e;
};

/* ---- wants ---- */

static void add_want(struct runner *r, int slot, int agent, int ask) {
    r->live[slot].asked[agent] = 1;
    r->live[slot].waiting++;
    r->want[(r->want_first + r->want_n++) % r->want_cap] = (struct want){slot, agent, ask};
}

static void want_ready(struct runner *r, int slot) {
    struct live *l = &r->live[slot];
    int ready[STUDY_MAX_AGENTS], n = l->failed ? 0 : scene_ready(l->scene, ready);
    for (int i = 0; i < n; i++)
        if (!l->asked[ready[i]]) add_want(r, slot, ready[i], l->first[ready[i]] ? 1 : 0);
}

/* ---- opening and closing runs ---- */

static void live_close(struct live *l) {
    for (int i = 0; i < STUDY_MAX_AGENTS; i++) {
        context_free(&l->shown[i]);
        context_free(&l->again[i]);
        conversation_free(&l->written[i]);
        free(l->first[i]);
    }
    scene_free(l->scene);
    *l = (struct live){0};
}

/* Takes from the archive what an agent said at this turn: 1, or 0: it did not yet. */
static int recall(struct runner *r, struct live *l, int agent) {
    char key[RUN_KEY_BYTES], first[RUN_KEY_BYTES + 8];
    json_t *fact = NULL;
    struct reply reply = {0};
    enum turn_status status;
    turn_key(key, scene_cell(l->scene)->index, scene_replicate(l->scene), scene_turn(l->scene), agent);
    snprintf(first, sizeof first, "%s/ask0", key);
    TRY(archive_find(r->a, first, &fact, r->e));
    if (fact && !l->first[agent]) {
        const char *text = json_string_value(json_object_get(fact, "text"));
        l->first[agent] = text ? strdup(text) : NULL;
        json_decref(fact);
        l->reasks++;
        if (!l->first[agent]) return fail(r->e, ERR_FORMAT, "expected a reply under %s, found none", first);
    } else
        json_decref(fact);
    TRY(archive_find(r->a, key, &fact, r->e));
    if (!fact) return 0;
    int rc = fact_reply(l, agent, fact, &reply, &status, r->e);
    json_decref(fact);
    if (rc >= 0) rc = scene_put(l->scene, agent, &reply, r->e);
    reply_free(&reply);
    if (rc < 0) return rc;
    free(l->first[agent]);
    l->first[agent] = NULL;
    l->status[status]++;
    r->p.turns_done++;
    return 1;
}

static int recall_all(struct runner *r, struct live *l) {
    for (int some = 1; some;) {
        int ready[STUDY_MAX_AGENTS], n = scene_ready(l->scene, ready), turn = scene_turn(l->scene);
        some = 0;
        for (int i = 0; i < n && scene_turn(l->scene) == turn; i++) {
            int rc = recall(r, l, ready[i]);
            if (rc < 0) return rc;
            some |= rc;
        }
    }
    return 0;
}

/* A run that is over, or one that failed and waits for nothing, makes room. */
static int settle(struct runner *r, int slot) {
    struct live *l = &r->live[slot];
    char key[RUN_KEY_BYTES];
    if (!scene_over(l->scene) && !(l->failed && !l->waiting)) return 0;
    if (scene_over(l->scene)) {
        run_key(key, scene_cell(l->scene)->index, scene_replicate(l->scene), "run");
        json_t *fact = fact_run(l);
        int rc = fact ? archive_put(r->a, key, fact, r->e) : fail(r->e, ERR_NOMEM, "out of memory for a fact");
        json_decref(fact);
        TRY(rc);
        r->p.runs_done++;
    } else
        r->p.failed++;
    live_close(l);
    r->under_way--;
    return 0;
}

static int free_slot(const struct runner *r) {
    int i = 0;
    while (r->live[i].scene) i++;
    return i;
}

static int open_next(struct runner *r) {
    const struct job *j = &r->jobs[r->next++];
    const struct cell *c = &r->s->cell[j->cell];
    char key[RUN_KEY_BYTES];
    run_key(key, j->cell, j->replicate, "run");
    if (archive_has(r->a, key)) {
        r->p.runs_done++;
        r->p.turns_done += (int64_t)r->s->n_agents * r->s->n_turns;
        return 0;
    }
    int slot = free_slot(r);
    struct live *l = &r->live[slot];
    TRY(scene_open(&l->scene, r->s, c, j->replicate, r->e));
    r->under_way++;
    TRY(recall_all(r, l));
    want_ready(r, slot);
    return settle(r, slot);
}

/* ---- asking ---- */

/* What an agent sees, made unless it is there since the agent was asked. */
static int show(struct live *l, int agent, int ask, struct context **out, struct err *e) {
    *out = ask ? &l->again[agent] : &l->shown[agent];
    if (!ask) return scene_context(l->scene, agent, *out, e);
    return (*out)->n ? 0 : scene_reask(l->scene, agent, l->first[agent], *out, e);
}

static int ask_one(struct runner *r, struct want w) {
    struct live *l = &r->live[w.slot];
    const struct scene *sc = l->scene;
    char key[RUN_KEY_BYTES];
    if (l->failed) {
        l->waiting--;
        return settle(r, w.slot);
    }
    turn_key(key, scene_cell(sc)->index, scene_replicate(sc), scene_turn(sc), w.agent);
    struct context *c = NULL;
    if (!r->b->blind) TRY(show(l, w.agent, w.ask, &c, r->e));
    struct call call = {.tag = ((int64_t)w.slot * STUDY_MAX_AGENTS + w.agent) * 2 + w.ask,
                        .key = key,
                        .how = &r->s->model[scene_cell(sc)->model],
                        .scene = sc,
                        .agent = w.agent,
                        .ask = w.ask,
                        .context = c,
                        .written = &l->written[w.agent],
                        .grows = !w.ask && !r->s->last};
    call.seed = study_seed(r->s, scene_cell(sc), scene_replicate(sc), scene_turn(sc), w.agent, w.ask);
    TRY(r->b->submit(r->b, &call, r->e));
    r->p.calls++, r->p.calls_now++;
    return 0;
}

/* Flushed, so that a kill cannot take it back; what the call came to is noted when it is known. */
static int note_sending(void *ctx, int64_t tag, int64_t bound_in, int64_t bound_out, struct err *e) {
    const struct runner *r = ctx;
    const struct live *l = &r->live[tag / 2 / STUDY_MAX_AGENTS];
    char key[RUN_KEY_BYTES];
    turn_key(key, scene_cell(l->scene)->index, scene_replicate(l->scene), scene_turn(l->scene),
             (int)(tag / 2 % STUDY_MAX_AGENTS));
    json_t *note = json_pack("{s:I, s:I}", "sent_tokens_in", (json_int_t)bound_in, "sent_tokens_out", (json_int_t)bound_out);
    int rc = note ? archive_note(r->a, key, note, e) : fail(e, ERR_NOMEM, "out of memory for a call");
    json_decref(note);
    return rc < 0 ? rc : archive_flush(r->a, e);
}

/* ---- hearing ---- */

static int record(struct runner *r, struct live *l, int agent, int ask, const struct heard *h, const char *key) {
    struct archive_id id = {0};
    int stored = !r->o.no_contexts, rc;
    struct context *c;
    TRY(show(l, agent, ask, &c, r->e));
    rc = stored ? store_context(r->a, l, agent, c, ask, &id, r->e) : 0;
    json_t *fact = rc < 0 ? NULL : fact_turn(l, ask, h, c, id, stored), *note = note_turn(h->answer);
    if (rc >= 0 && !fact) rc = fail(r->e, ERR_NOMEM, "out of memory for a fact");
    if (rc >= 0 && note) rc = archive_note(r->a, key, note, r->e);
    if (rc >= 0) rc = archive_put(r->a, key, fact, r->e);
    json_decref(fact);
    json_decref(note);
    if (ask) context_free(c);
    return rc;
}

/* An answer that is to be asked again, or that ends the agent's turn. */
static int take(struct runner *r, int slot, int agent, int ask, struct answer *a) {
    struct live *l = &r->live[slot];
    struct heard h = {0};
    char key[RUN_KEY_BYTES], first[RUN_KEY_BYTES + 8];
    turn_key(key, scene_cell(l->scene)->index, scene_replicate(l->scene), scene_turn(l->scene), agent);
    snprintf(first, sizeof first, "%s/ask0", key);
    TRY(hear_answer(l, agent, a, &h, r->e));
    int again = h.status == TURN_MALFORMED && ask < r->s->reasks;
    int rc = record(r, l, agent, ask, &h, again ? first : key);
    if (rc >= 0 && again) {
        l->first[agent] = strdup(a->text);
        if (!l->first[agent]) rc = fail(r->e, ERR_NOMEM, "out of memory for a reply");
        l->reasks++;
        if (rc >= 0) add_want(r, slot, agent, 1);
    } else if (rc >= 0) {
        free(l->first[agent]);
        l->first[agent] = NULL;
        l->asked[agent] = 0;
        l->status[h.status]++;
        r->p.turns_done++;
        rc = scene_put(l->scene, agent, &h.reply, r->e);
        if (rc >= 0) want_ready(r, slot);
    }
    reply_free(&h.reply);
    return rc;
}

static int take_failure(struct runner *r, int slot, int agent, const struct answer *a) {
    struct live *l = &r->live[slot];
    char key[RUN_KEY_BYTES];
    turn_key(key, scene_cell(l->scene)->index, scene_replicate(l->scene), scene_turn(l->scene), agent);
    json_t *note = note_turn(a);
    int rc = note ? archive_note(r->a, key, note, r->e) : 0;
    json_decref(note);
    l->failed = 1;
    r->last = a->why;
    if (rc >= 0 && ++r->failures >= r->o.give_up)
        return fail(r->e, a->rc, "gave up after %d failed calls in a row, the last: %.200s", r->failures, a->why.msg);
    return rc;
}

static int hear(struct runner *r, double wait_s) {
    struct answer a = {0};
    int got = r->b->poll(r->b, wait_s, &a, r->e);
    if (got <= 0) return got;
    int ask = (int)(a.tag & 1), agent = (int)(a.tag / 2 % STUDY_MAX_AGENTS), slot = (int)(a.tag / 2 / STUDY_MAX_AGENTS);
    r->live[slot].waiting--;
    int rc;
    if (a.rc < 0)
        rc = take_failure(r, slot, agent, &a);
    else {
        r->failures = 0;
        rc = take(r, slot, agent, ask, &a);
    }
    answer_free(&a);
    if (rc >= 0) rc = settle(r, slot);
    return rc < 0 ? rc : 1;
}

/* ---- the loop ---- */

static int step(struct runner *r) {
    while (r->next < r->n_jobs && r->under_way < r->o.interleave) TRY(open_next(r));
    while (r->want_n && r->b->pending(r->b) < r->b->most) {
        struct want w = r->want[r->want_first];
        r->want_first = (r->want_first + 1) % r->want_cap;
        r->want_n--;
        TRY(ask_one(r, w));
    }
    int got;
    double wait_s = 0.2;
    while ((got = hear(r, wait_s)) > 0) wait_s = 0;
    return got;
}

/* What came while it ended badly was paid for, or is known to have failed: recorded, and the error stays the first one. */
static void hear_rest(struct runner *r) {
    struct err first = *r->e;
    r->failures = INT_MIN;
    while (hear(r, 0) > 0) {}
    *r->e = first;
}

static int check_study(struct runner *r) {
    json_t *now = NULL, *then = NULL;
    TRY(fact_study(&now, r->s, r->a, r->b, r->e));
    int rc = archive_find(r->a, "study", &then, r->e);
    if (rc >= 0 && !then) rc = archive_put(r->a, "study", now, r->e);
    for (void *i = json_object_iter(now); rc >= 0 && then && i; i = json_object_iter_next(now, i))
        if (!json_equal(json_object_iter_value(i), json_object_get(then, json_object_iter_key(i))))
            rc = fail(r->e, ERR_STATE, "expected the study with which the archive was begun, found another: its %s differs",
                      json_object_iter_key(i));
    json_decref(now);
    json_decref(then);
    return rc < 0 ? rc : beside_put(r->s, r->a, r->e);
}

static int loop(struct runner *r) {
    TRY(check_study(r));
    while (r->under_way || r->next < r->n_jobs) {
        if (r->o.stop && r->o.stop(r->o.ctx))
            return fail(r->e, ERR_CANCELLED, "stopped after %lld of %lld runs; the same command goes on",
                        (long long)r->p.runs_done, (long long)r->p.runs);
        TRY(step(r));
        if (r->o.progress) r->o.progress(r->o.ctx, &r->p);
    }
    return 0;
}

static int prepare(struct runner *r) {
    if (r->o.interleave <= 0) r->o.interleave = 64;
    if (r->o.give_up <= 0) r->o.give_up = 20;
    TRY(study_jobs(r->s, &r->jobs, &r->n_jobs, r->e));
    r->p.runs = r->n_jobs;
    r->p.turns = r->n_jobs * r->s->n_agents * r->s->n_turns;
    r->want_cap = (int64_t)r->o.interleave * r->s->n_agents + 1;
    r->live = calloc((size_t)r->o.interleave + 1, sizeof *r->live);
    r->want = calloc((size_t)r->want_cap, sizeof *r->want);
    return r->live && r->want ? 0 : fail(r->e, ERR_NOMEM, "out of memory for the runs of a study");
}

int runner_run(const struct study *s, struct archive *a, struct backend *b, const struct runner_opts *o,
               struct runner_progress *out, struct err *e) {
    struct runner r = {.s = s, .a = a, .b = b, .o = *o, .e = e};
    b->sending = o->priced ? (struct sending){note_sending, &r} : (struct sending){0};
    int rc = prepare(&r);
    if (rc >= 0 && (rc = loop(&r)) < 0 && o->priced) hear_rest(&r);
    for (int i = 0; r.live && i < r.o.interleave; i++) live_close(&r.live[i]);
    free(r.live);
    free(r.want);
    free(r.jobs);
    *out = r.p;
    if (rc >= 0 && r.p.failed)
        rc = fail(e, r.last.code ? r.last.code : ERR_IO,
                  "%lld of %lld runs are not finished, since a call failed (%.200s); the same command goes on",
                  (long long)r.p.failed, (long long)r.p.runs, r.last.msg);
    return rc;
}
