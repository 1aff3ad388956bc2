/* Replaying scenes from facts, with every call compared. */
#include "study/proof.h"
#include "study/digest.h"
#include "study/replay.h"
#include "study/runner_int.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct prover {
    struct proof p;
    const struct study *s;
    struct archive *a;
    archive_finding_fn *fn;
    void *user;
    int64_t facts; /* that belong to a call or a run */
    struct err *e;
};

__attribute__((format(printf, 3, 4))) static void found(struct prover *x, const char *key, const char *fmt, ...) {
    char what[400];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(what, sizeof what, fmt, ap);
    va_end(ap);
    x->p.findings++;
    if (x->fn) x->fn(x->user, &(struct archive_finding){.file = "facts", .from = -1, .to = -1, .record = key, .what = what});
}

/* ---- one call ---- */

/* Who may see a message, said without the rule by which contexts are made. */
static int private_to(const struct study *s, const struct seat *seats, const struct act *a, int author, int viewer) {
    enum audience who = s->audience[a->channel];
    if (who == AUDIENCE_NONE) return 0;
    if (a->channel == CHANNEL_WHISPER) return viewer == author || (a->to >= 0 && viewer == a->to);
    if (viewer == author) return who != AUDIENCE_RESEARCHER;
    return who == AUDIENCE_ALL || (who == AUDIENCE_PERSONAS && (s->hears[a->channel] & 1ull << seats[viewer].persona));
}

static void check_privacy(struct prover *x, const struct live *l, int agent, const struct context *c, const char *key) {
    char id[MESSAGE_ID_BYTES];
    for (int i = 0; i < c->n_seen; i++) {
        const struct seen *m = &c->seen[i];
        const struct reply *said = scene_said(l->scene, m->turn, m->author);
        const struct act *a = said && m->act < said->n ? &said->acts[m->act] : NULL;
        x->p.shown++;
        if (a && x->s->audience[a->channel] != AUDIENCE_ALL) x->p.private_shown++;
        if (a && private_to(x->s, scene_seats(l->scene), a, m->author, agent)) continue;
        message_id(id, m->turn, m->author, m->act);
        found(x, key, "expected no message that agent %d may not see, found %s (%s)", agent, id,
              a ? channel_name(a->channel) : "never said");
    }
}

static int check_context(struct prover *x, const char *key, const json_t *fact, const struct context *c) {
    static const enum archive_role roles[] = {ARCHIVE_SYSTEM, ARCHIVE_USER, ARCHIVE_ASSISTANT};
    const char *hex = json_string_value(json_object_get(fact, "context_id"));
    struct archive_part *parts = NULL;
    struct archive_id id;
    unsigned char sum[DIGEST_BYTES];
    int n = 0, same;
    if (!hex) return 0;
    TRY(archive_id_parse(hex, &id, x->e));
    TRY(archive_context_parts(x->a, id, &parts, &n, x->e));
    x->p.contexts++;
    same = n == c->n;
    for (int i = 0; same && i < n; i++) {
        digest_bytes(c->parts[i].text, c->parts[i].len, sum);
        same = parts[i].role == roles[c->parts[i].role] && !memcmp(sum, parts[i].text.b, sizeof sum);
        if (!same) found(x, key, "part %d of the stored context is not what the agent may see", i);
    }
    if (n != c->n) found(x, key, "expected a stored context of %d parts, found %d", c->n, n);
    free(parts);
    return 0;
}

/* Names the members in which a fact is not what follows from the study and the replies. */
static void check_fact(struct prover *x, const char *key, const json_t *fact, json_t *want) {
    static const char *const beside[] = {"context_id", "replaced", "cut"}; /* of the bytes as they came */
    json_t *is = json_copy((json_t *)(uintptr_t)fact);
    for (int i = 0; i < 3; i++) json_object_del(is, beside[i]), json_object_del(want, beside[i]);
    for (void *i = json_object_iter(want); i; i = json_object_iter_next(want, i))
        if (!json_equal(json_object_iter_value(i), json_object_get(is, json_object_iter_key(i))))
            found(x, key, "%s is not what follows from the study and the replies", json_object_iter_key(i));
    for (void *i = json_object_iter(is); i; i = json_object_iter_next(is, i))
        if (!json_object_get(want, json_object_iter_key(i)))
            found(x, key, "%.80s does not follow from the study and the replies", json_object_iter_key(i));
    json_decref(is);
}

/* Holds one logged call against the scene; h is what was said in it. */
static int check_call(struct prover *x, struct live *l, int agent, int ask, const char *key, const json_t *fact, struct answer *a,
                      struct heard *h) {
    struct context c = {0};
    TRY(answer_from_fact(a, fact, x->e));
    TRY(hear_answer(l, agent, a, h, x->e));
    TRY(ask ? scene_reask(l->scene, agent, l->first[agent], &c, x->e) : scene_context(l->scene, agent, &c, x->e));
    x->p.calls++, x->facts++;
    check_privacy(x, l, agent, &c, key);
    json_t *want = fact_turn(l, ask, h, &c, (struct archive_id){{0}}, 0);
    int rc = want ? check_context(x, key, fact, &c) : fail(x->e, ERR_NOMEM, "out of memory for a fact");
    if (want) check_fact(x, key, fact, want);
    json_decref(want);
    context_free(&c);
    return rc;
}

/* ---- an agent-turn ---- */

static int first_ask(struct prover *x, struct live *l, int agent, const char *key) {
    char first[RUN_KEY_BYTES + 8];
    json_t *fact = NULL;
    struct answer a = {0};
    struct heard h = {0};
    if (l->first[agent]) return 0; /* looked at when its second answer was not there yet */
    snprintf(first, sizeof first, "%s/ask0", key);
    TRY(archive_find(x->a, first, &fact, x->e));
    if (!fact) return 0;
    int rc = check_call(x, l, agent, 0, first, fact, &a, &h);
    if (rc >= 0 && (h.status != TURN_MALFORMED || !x->s->reasks)) found(x, first, "asked again without a reason");
    l->first[agent] = a.text;
    a.text = NULL;
    l->reasks++;
    reply_free(&h.reply);
    answer_free(&a);
    json_decref(fact);
    return rc;
}

/* 1: it is there; 0: not yet. */
static int agent_turn(struct prover *x, struct live *l, int agent) {
    char key[RUN_KEY_BYTES];
    json_t *fact = NULL;
    struct answer a = {0};
    struct heard h = {0};
    turn_key(key, scene_cell(l->scene)->index, scene_replicate(l->scene), scene_turn(l->scene), agent);
    TRY(first_ask(x, l, agent, key));
    TRY(archive_find(x->a, key, &fact, x->e));
    if (!fact) return 0;
    int rc = check_call(x, l, agent, l->first[agent] ? 1 : 0, key, fact, &a, &h);
    if (rc >= 0) l->status[h.status]++;
    if (rc >= 0) rc = scene_put(l->scene, agent, &h.reply, x->e);
    free(l->first[agent]);
    l->first[agent] = NULL;
    reply_free(&h.reply);
    answer_free(&a);
    json_decref(fact);
    return rc < 0 ? rc : 1;
}

/* ---- a run ---- */

static int play(struct prover *x, struct live *l) {
    for (int some = 1; some;) {
        int ready[STUDY_MAX_AGENTS], n = scene_ready(l->scene, ready), turn = scene_turn(l->scene);
        some = 0;
        for (int i = 0; i < n && scene_turn(l->scene) == turn; i++) {
            int rc = agent_turn(x, l, ready[i]);
            if (rc < 0) return rc;
            some |= rc;
        }
    }
    return 0;
}

static int end_of_run(struct prover *x, const struct live *l) {
    char key[RUN_KEY_BYTES];
    json_t *fact = NULL;
    run_key(key, scene_cell(l->scene)->index, scene_replicate(l->scene), "run");
    TRY(archive_find(x->a, key, &fact, x->e));
    if (!fact) return 0;
    x->facts++;
    if (!scene_over(l->scene))
        found(x, key, "expected a run with all its agent-turns, found it without one at turn %d", scene_turn(l->scene));
    else {
        json_t *want = fact_run(l);
        if (want) check_fact(x, key, fact, want);
        json_decref(want);
    }
    json_decref(fact);
    return 0;
}

static int prove_run(struct prover *x, const struct cell *c, int replicate) {
    struct live l = {0};
    int64_t before = x->p.calls;
    TRY(scene_open(&l.scene, x->s, c, replicate, x->e));
    int rc = play(x, &l);
    if (rc >= 0) rc = end_of_run(x, &l);
    x->p.runs += x->p.calls > before;
    for (int i = 0; i < STUDY_MAX_AGENTS; i++) free(l.first[i]);
    scene_free(l.scene);
    return rc;
}

/* ---- all ---- */

static int count_fact(void *user, const char *key, const char *json, size_t n, struct err *e) {
    (void)key, (void)json, (void)n, (void)e;
    ++*(int64_t *)user;
    return 0;
}

static int of_study(const char *key) {
    static const char *const names[] = {"study", "registration", "languages"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (!strcmp(key, names[i])) return 1;
    return !strncmp(key, "cell", 4);
}

/* Facts of a study are those by name and those of its runs. */
static int foreign_fact(void *user, const char *key, const char *json, size_t n, struct err *e) {
    struct prover *x = user;
    (void)json, (void)n, (void)e;
    if (!of_study(key))
        found(x, key, "expected facts of the study, its registration, languages and runs, found another");
    return 0;
}

int proof_run(struct proof *out, const struct study *s, struct archive *a, archive_finding_fn *fn, void *user, struct err *e) {
    struct prover x = {.s = s, .a = a, .fn = fn, .user = user, .e = e};
    int64_t there = 0;
    for (int i = 0; i < s->n_cells; i++)
        for (int r = 0; r < s->cell[i].replicates; r++) TRY(prove_run(&x, &s->cell[i], r));
    TRY(archive_each(a, "cell", count_fact, &there, e));
    if (there != x.facts)
        found(&x, "cell", "expected %lld facts that belong to a call, found %lld", (long long)x.facts, (long long)there);
    TRY(archive_each(a, NULL, foreign_fact, &x, e));
    *out = x.p;
    return 0;
}
