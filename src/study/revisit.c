/* See revisit.h. Replies are read from their texts again, as the runner does when it goes on. */
#include "study/revisit.h"
#include "study/runner_int.h"

static int put_fact(struct scene *sc, int agent, const json_t *fact, const struct revisit *v, struct err *e) {
    struct live l = {.scene = sc};
    enum turn_status status;
    struct reply reply = {0};
    int turn = scene_turn(sc);
    if (v->asked) TRY(v->asked(v->ctx, sc, agent, fact, e));
    TRY(fact_reply(&l, agent, fact, &reply, &status, e));
    int rc = scene_put(sc, agent, &reply, e);
    reply_free(&reply);
    if (rc >= 0 && v->said) rc = v->said(v->ctx, sc, turn, agent, fact, e);
    return rc;
}

/* 1: it has its reply; 0: the archive has none. */
static int one(struct scene *sc, struct archive *a, int agent, const struct revisit *v, struct err *e) {
    char key[RUN_KEY_BYTES];
    json_t *fact = NULL;
    turn_key(key, scene_cell(sc)->index, scene_replicate(sc), scene_turn(sc), agent);
    TRY(archive_find(a, key, &fact, e));
    if (!fact) return 0;
    int rc = put_fact(sc, agent, fact, v, e);
    json_decref(fact);
    return rc < 0 ? rc : 1;
}

int revisit_run(struct scene *sc, struct archive *a, const struct revisit *v, struct err *e) {
    for (int some = 1; some;) {
        int ready[STUDY_MAX_AGENTS], n = scene_ready(sc, ready), turn = scene_turn(sc);
        some = 0;
        for (int i = 0; i < n && scene_turn(sc) == turn; i++) {
            int rc = one(sc, a, ready[i], v, e);
            if (rc < 0) return rc;
            some |= rc;
        }
    }
    return 0;
}
