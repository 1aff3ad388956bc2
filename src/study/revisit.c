/* See revisit.h. Replies are read from their texts again, as the runner does when it goes on. */
#include "study/revisit.h"
#include "study/replay.h"
#include "study/runner_int.h"

/* 1: put; 0: the archive has none. */
static int put_reply(struct scene *sc, struct archive *a, int agent, revisit_fn *fn, void *ctx, struct err *e) {
    struct live l = {.scene = sc};
    enum turn_status status;
    char key[RUN_KEY_BYTES];
    struct answer answer = {0};
    struct reply reply = {0};
    json_t *fact = NULL;
    turn_key(key, scene_cell(sc)->index, scene_replicate(sc), scene_turn(sc), agent);
    TRY(archive_find(a, key, &fact, e));
    if (!fact) return 0;
    int rc = answer_from_fact(&answer, fact, e);
    if (rc >= 0 && fn) rc = fn(ctx, sc, agent, answer.text, answer.text_n, e);
    if (rc >= 0) rc = fact_reply(&l, agent, fact, &reply, &status, e);
    if (rc >= 0) rc = scene_put(sc, agent, &reply, e);
    reply_free(&reply);
    answer_free(&answer);
    json_decref(fact);
    return rc < 0 ? rc : 1;
}

int revisit_run(struct scene *sc, struct archive *a, revisit_fn *fn, void *ctx, struct err *e) {
    for (int some = 1; some;) {
        int ready[STUDY_MAX_AGENTS], n = scene_ready(sc, ready), turn = scene_turn(sc);
        some = 0;
        for (int i = 0; i < n && scene_turn(sc) == turn; i++) {
            int rc = put_reply(sc, a, ready[i], fn, ctx, e);
            if (rc < 0) return rc;
            some |= rc;
        }
    }
    return 0;
}
