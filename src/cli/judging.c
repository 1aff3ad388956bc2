/* See judging.h. */
#include "cli/judging.h"
#include "base/progress.h"
#include <stdio.h>

struct carrier {
    struct judged *j;
    const struct judging *o;
    char *model;
    struct progress p;
    int64_t done;
};

static int request(void *ctx, int64_t i, struct chat_request *out, struct err *e) {
    const struct carrier *x = ctx;
    json_t *messages;
    if (x->o->stop && x->o->stop())
        return fail(e, ERR_CANCELLED, "stopped: %lld of %lld replies are there; the same command goes on from them",
                    (long long)x->done, (long long)judged_n(x->j));
    TRY(judged_ask(x->j, i, &messages, e));
    out->messages = messages, out->temperature = 0;
    out->max_tokens = judged_of(x->j, i) == JUDGED_STEP ? x->o->step_tokens : x->o->turns_tokens;
    return 0;
}

static int reply(void *ctx, int64_t i, struct chat_reply *r, struct err *e) {
    struct carrier *x = ctx;
    int rc = r->rc < 0 ? 0 : judged_take(x->j, i, r->text, e);
    x->done += r->rc == 0;
    if (!r->rc && x->model) snprintf(x->model, 128, "%s", r->model);
    chat_reply_fini(r);
    return rc;
}

static void progress(void *ctx, const struct chat_progress *p) {
    struct carrier *x = ctx;
    char note[64];
    snprintf(note, sizeof note, "%lld stored, %lld failed", (long long)p->account.cached, (long long)p->failed);
    progress_step(&x->p, (double)p->done, note);
}

int judge_all(struct judged *j, struct chat_client *c, const struct judging *o, char model[128], struct err *e) {
    struct carrier x = {.j = j, .o = o, .model = model};
    const struct chat_source s = {judged_n(j), request, reply, progress, &x};
    if (model) model[0] = 0;
    progress_start(&x.p, o->what ? o->what : "judging", "replies", (double)s.n);
    int rc = chat_carry(c, &s, e);
    progress_end(&x.p);
    return rc;
}
