/* Lists of requests: carried a few at a time, answered in their order whatever the order of replies, or only reckoned up. */
#include "remote/remote_int.h"
#include <stdlib.h>

struct carried {
    struct chat_client *c;
    const struct chat_source *s;
    int64_t next, first; /* first: of those that failed; -1: none */
    struct err why;      /* of that one */
    struct chat_progress p;
};

static int submit_next(struct carried *b, struct err *e) {
    struct chat_request r = CHAT_REQUEST_INIT;
    TRY(b->s->request(b->s->ctx, b->next, &r, e));
    int rc = chat_submit(b->c, &r, b->next, e);
    json_decref((json_t *)(uintptr_t)r.messages);
    b->next += rc == 0;
    return rc;
}

/* A few more than may be under way, so that bodies of a long list are not all in memory. */
static int fill(struct carried *b, struct err *e) {
    while (b->next < b->s->n && b->c->n < 2 * (int64_t)b->c->o.in_flight) TRY(submit_next(b, e));
    return 0;
}

static int hand_out(struct carried *b, int64_t i, struct chat_reply *r, struct err *e) {
    b->p.done++;
    b->p.account = chat_account(b->c);
    if (r->rc < 0) {
        b->p.failed++;
        if (b->first < 0 || i < b->first) b->first = i, b->why = r->why;
    }
    return b->s->reply(b->s->ctx, i, r, e);
}

static int all(struct carried *b, struct err *e) {
    while (b->p.done < b->s->n) {
        struct chat_reply r;
        int64_t tag;
        TRY(fill(b, e));
        int got = chat_poll(b->c, 3600, &r, &tag, e);
        TRY(got);
        if (!got) continue;
        TRY(hand_out(b, tag, &r, e));
        if (b->s->progress) b->s->progress(b->s->ctx, &b->p);
    }
    return 0;
}

/* It cannot go on: nothing stays pending. What was done by then is handed out. */
static void drop(struct carried *b, const struct err *why) {
    struct chat_reply r;
    int64_t tag;
    remote__close_with(b->c, why, 1);
    while (b->c->done && chat_poll(b->c, 0, &r, &tag, NULL) > 0) hand_out(b, tag, &r, NULL);
}

static int sum_up(const struct carried *b, struct err *e) {
    const struct err *why = &b->why;
    if (b->first < 0) return 0;
    if (b->s->n == 1) return fail_at(e, why->code, why->where, why->at, "%s", why->msg);
    return fail_at(e, why->code, why->where, why->at, "%lld of %lld calls failed; the first of them, %lld: %.330s",
                   (long long)b->p.failed, (long long)b->s->n, (long long)b->first, why->msg);
}

int chat_carry(struct chat_client *c, const struct chat_source *s, struct err *e) {
    struct carried b = {.c = c, .s = s, .first = -1, .why = ERR_INIT, .p.total = s->n};
    struct err why = ERR_INIT;
    if (c->n) return fail(e, ERR_STATE, "expected a client without pending requests, found %lld", (long long)c->n);
    remote__begin(c);
    c->in_batch = 1;
    int rc = all(&b, &why);
    if (rc < 0) drop(&b, &why);
    c->in_batch = 0;
    return rc < 0 ? fail_at(e, rc, why.where, why.at, "%s", why.msg) : sum_up(&b, e);
}

/* ---- a list that is there ---- */

struct batch {
    const struct chat_request *req;
    struct chat_reply *out;
    void (*progress)(void *ctx, const struct chat_progress *p);
    void *ctx;
};

static int give(void *ctx, int64_t i, struct chat_request *out, struct err *e) {
    const struct batch *b = ctx;
    (void)e;
    *out = b->req[i];
    json_incref((json_t *)(uintptr_t)out->messages);
    return 0;
}

static int take(void *ctx, int64_t i, struct chat_reply *r, struct err *e) {
    const struct batch *b = ctx;
    (void)e;
    b->out[i] = *r;
    return 0;
}

static void tell(void *ctx, const struct chat_progress *p) {
    const struct batch *b = ctx;
    if (b->progress) b->progress(b->ctx, p);
}

static int check_all(struct chat_client *c, const struct chat_request *req, int64_t n, struct err *e) {
    struct err why = ERR_INIT;
    for (int64_t i = 0; i < n; i++) {
        int rc = remote__request_check(&c->door, &req[i], &why);
        if (rc == 0 && c->o.budget > 0 && !req[i].max_tokens)
            rc = fail(&why, ERR_ARG, "a budget needs max_tokens in every request");
        if (rc < 0) return fail(e, rc, "request %lld: %.360s", (long long)i, why.msg);
    }
    return 0;
}

int chat_batch(struct chat_client *c, const struct chat_request *req, int64_t n, struct chat_reply *out,
               void (*progress)(void *ctx, const struct chat_progress *p), void *ctx, struct err *e) {
    struct batch b = {req, out, progress, ctx};
    struct chat_reply unsent = {.tokens_in = -1, .tokens_out = -1};
    unsent.rc = fail(&unsent.why, ERR_STATE, "not sent");
    for (int64_t i = 0; i < n; i++) out[i] = unsent;
    TRY(check_all(c, req, n, e));
    return chat_carry(c, &(struct chat_source){n, give, take, tell, &b}, e);
}

int chat_plan(struct chat_client *c, const struct chat_request *req, int64_t n, struct chat_plan *out, struct err *e) {
    struct chat_plan p = {0};
    for (int64_t i = 0; i < n; i++) {
        struct chat_key key;
        struct chat_reply r;
        char *body;
        size_t bytes;
        TRY(remote__request_build(&c->door, &req[i], &body, &bytes, &key, e));
        free(body);
        int found = c->o.cache ? chat_cache_find(c->o.cache, &key, &r, e) : 0;
        TRY(found);
        if (found) {
            chat_reply_fini(&r);
            p.cached++;
            continue;
        }
        p.calls++;
        p.bytes += (int64_t)bytes;
        p.cost_max += c->o.price.set && req[i].max_tokens ? chat_cost_bound(&c->o.price, bytes, req[i].max_tokens) : NAN;
    }
    *out = p;
    return 0;
}
