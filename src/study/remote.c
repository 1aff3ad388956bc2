/* The remote back end: calls become chat requests, replies become answers; everything about the network is the client's. */
#include "study/remote.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct asker {
    struct backend b;
    struct chat_client *client;
    int seeded;
    char model[256];
    struct err closed; /* code < 0: nothing more is sent, and why */
};

static int submit(struct backend *self, const struct call *c, struct err *e) {
    struct asker *k = (struct asker *)self;
    const struct study_model *m = c->how;
    struct chat_request r = CHAT_REQUEST_INIT;
    if (k->closed.code < 0) return 0; /* poll will say so */
    struct conversation own = {0}, *t = c->written ? c->written : &own;
    TRY(conversation_write(t, c->context, c->grows, e));
    r.text = &(struct chat_text){.system = t->system.s, .system_n = t->system.len, .rest = t->rest.s, .rest_n = t->rest.len};
    r.temperature = m->temperature, r.top_p = m->top_p, r.max_tokens = m->max_tokens;
    r.has_seed = k->seeded, r.seed = (int64_t)(c->seed >> 33); /* 31 bits: all take them */
    r.replicate = (int64_t)(c->seed & INT64_MAX);              /* apart in the cache even where no seed is sent */
    int rc = chat_submit(k->client, &r, c->tag, e);
    conversation_free(&own);
    return rc;
}

static void fill(const struct asker *k, struct answer *a, int64_t tag, struct chat_reply *r) {
    *a = (struct answer){.tag = tag,
                         .rc = r->rc,
                         .why = r->why,
                         .finish = r->finish,
                         .tokens_in = r->tokens_in,
                         .tokens_out = r->tokens_out,
                         .seconds = r->latency_s,
                         .waited = r->waited_s,
                         .attempts = r->attempts,
                         .cached = r->cached,
                         .sent_in = k->b.sending.fn ? r->sent_in : 0,
                         .sent_out = k->b.sending.fn ? r->sent_out : 0,
                         .uncertain_in = r->uncertain_in,
                         .uncertain_out = r->uncertain_out};
    if (!r->cached) snprintf(a->host, sizeof a->host, "%s", chat_host(k->client));
    if (r->rc < 0) return;
    a->text = r->text, a->text_n = strlen(r->text);
    if (*r->reasoning) a->reasoning = r->reasoning, r->reasoning = NULL;
    r->text = NULL;
    snprintf(a->model, sizeof a->model, "%s", r->model);
    snprintf(a->fingerprint, sizeof a->fingerprint, "%s", r->fingerprint);
    snprintf(a->provider, sizeof a->provider, "%s", r->provider);
}

static int poll_answer(struct backend *self, double wait_s, struct answer *out, struct err *e) {
    struct asker *k = (struct asker *)self;
    struct chat_reply r;
    int64_t tag;
    for (int got; (got = chat_poll(k->client, wait_s, &r, &tag, e)) != 0;) {
        if (got < 0) return got;
        int unsent = r.rc < 0 && !r.attempts;
        if (unsent && !k->closed.code) k->closed = r.why;
        if (!unsent) fill(k, out, tag, &r);
        chat_reply_fini(&r);
        if (!unsent) return 1;
    }
    if (k->closed.code < 0 && !chat_pending(k->client)) return *e = k->closed, k->closed.code;
    return 0;
}

static int64_t pending(const struct backend *self) { return chat_pending(((const struct asker *)self)->client); }

static void tell(const struct backend *self, char *out, size_t size) {
    struct chat_account a = remote_account(self);
    int n = snprintf(out, size, "%lld calls, %lld again, %lld + %lld tokens", (long long)(a.calls + a.cached),
                     (long long)a.retries, (long long)a.tokens_in, (long long)a.tokens_out);
    if (a.spent + a.uncertain > 0 && n > 0 && (size_t)n < size)
        snprintf(out + n, size - (size_t)n, ", cost %.4g", a.spent + a.uncertain);
}

static void add_account(const struct backend *self, struct chat_account *sum) {
    struct chat_account a = remote_account(self);
    sum->calls += a.calls, sum->cached += a.cached, sum->failed += a.failed, sum->retries += a.retries, sum->untold += a.untold;
    sum->tokens_in += a.tokens_in, sum->tokens_out += a.tokens_out;
    sum->spent += a.spent, sum->uncertain += a.uncertain, sum->saved += a.saved;
}

static void shut(struct backend *self) {
    struct asker *k = (struct asker *)self;
    chat_close(k->client);
    free(k);
}

struct chat_account remote_account(const struct backend *b) {
    return chat_account(((const struct asker *)b)->client);
}

static int on_sending(void *ctx, int64_t tag, int64_t bound_in, int64_t bound_out, struct err *e) {
    const struct sending *to = &((const struct asker *)ctx)->b.sending;
    return to->fn ? to->fn(to->ctx, tag, bound_in, bound_out, e) : 0;
}

int remote_open(struct backend **out, const struct remote_opts *o, struct err *e) {
    struct chat_opts with = o->chat;
    struct asker *k = calloc(1, sizeof *k);
    if (!k) return fail(e, ERR_NOMEM, "out of memory for a remote back end");
    if (with.in_flight <= 0) with.in_flight = REMOTE_CALLS;
    if (with.at_first <= 0) with.at_first = REMOTE_CALLS_FIRST;
    if (!(with.narrow_by > 0)) with.narrow_by = 0.8;
    with.sending = on_sending, with.sending_ctx = k;
    snprintf(k->model, sizeof k->model, "%s", o->ep.model);
    k->seeded = !o->no_seed;
    k->b = (struct backend){.name = "remote",
                            .model = k->model,
                            .most = 2 * (int64_t)with.in_flight,
                            .submit = submit,
                            .poll = poll_answer,
                            .pending = pending,
                            .tell = tell,
                            .account = add_account,
                            .close = shut};
    int rc = chat_open(&k->client, &o->ep, &with, e);
    if (rc < 0)
        free(k);
    else
        *out = &k->b;
    return rc;
}
