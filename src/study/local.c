/* The local back end. A batch is opened, fed in waves (a prompt that shares a page with one of its own wave waits for the next, so that
 * the page is computed once), decoded together, and closed; its pages stay known to the engine for the turns to come. */
#include "study/local.h"
#include "study/conversation.h"
#include "base/progress.h"
#include "run/generate.h"
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { STREAM_LOCAL = 1 }; /* of a call's seed */

struct ask { /* a call that waits */
    int64_t tag;
    struct toks prompt;
    struct sampling sampling;
    uint64_t seed;
    int64_t max_new;
    struct session *s;
    int32_t *ids; /* [max_new], while it is answered */
};
struct local {
    struct backend b;
    struct local_opts o;
    struct ask *ask; /* first in, first out */
    int64_t n, cap;
    struct answer_queue ready;
    struct generation *gen; /* [calls] */
    struct feed *feed;      /* [calls] */
    int stopped;
};

static void ask_fini(struct ask *q) {
    session_free(q->s);
    toks_free(&q->prompt);
    free(q->ids);
}

/* ---- a call becomes a prompt ---- */

int local_text(const struct chat_template *chat, const struct context *c, struct str *out, struct err *e) {
    json_t *messages = context_messages(c);
    if (!messages) return fail(e, ERR_NOMEM, "out of memory for a prompt");
    int rc = chat_template_render(chat, &(struct chat_render){.messages = messages, .add_generation_prompt = 1}, out, e);
    json_decref(messages);
    return rc;
}

static int encode(const struct local *l, const struct context *c, struct toks *out, struct err *e) {
    struct str text = {0};
    int rc = local_text(l->o.chat, c, &text, e);
    if (rc >= 0) rc = tokenizer_encode(l->o.tok, text.s ? text.s : "", text.len, ENCODE_SPECIAL, out, e);
    str_free(&text);
    return rc;
}

static int make_ask(const struct local *l, const struct call *c, struct ask *q, struct err *e) {
    const struct study_model *m = c->how;
    *q = (struct ask){.tag = c->tag, .seed = c->seed, .sampling = SAMPLING_DEFAULT};
    q->sampling.temp = isnan(m->temperature) ? 1 : m->temperature;
    q->sampling.top_p = isnan(m->top_p) ? 1 : m->top_p;
    TRY(encode(l, c->context, &q->prompt, e));
    int64_t n_ctx = engine_options(l->o.g).max_ctx, room = n_ctx - q->prompt.n + 1;
    if (!q->prompt.n) return fail(e, ERR_ARG, "expected a prompt of the chat template, found an empty one");
    if (room < 2)
        return fail(e, ERR_LIMIT, "expected a prompt of less than %lld tokens (the model's context), found %lld",
                    (long long)n_ctx, (long long)q->prompt.n);
    q->max_new = m->max_tokens > 0 ? m->max_tokens : LOCAL_MAX_NEW;
    if (q->max_new > room) q->max_new = room;
    return 0;
}

static int hold(struct local *l, const struct ask *q, struct err *e) {
    if (l->n == l->cap) {
        int64_t cap = l->cap * 2 + 16;
        struct ask *p = realloc(l->ask, (size_t)cap * sizeof *p);
        if (!p) return fail(e, ERR_NOMEM, "out of memory for calls");
        l->ask = p, l->cap = cap;
    }
    l->ask[l->n++] = *q;
    return 0;
}

static int submit(struct backend *self, const struct call *c, struct err *e) {
    struct local *l = (struct local *)self;
    struct ask q;
    struct answer a = {.tag = c->tag, .attempts = 1};
    a.rc = make_ask(l, c, &q, &a.why);
    int rc = a.rc < 0 ? answer_push(&l->ready, &a, e) : hold(l, &q, e);
    if (a.rc < 0 || rc < 0) ask_fini(&q);
    return rc;
}

/* ---- prompts ---- */

static int stop_now(struct local *l) {
    if (!l->stopped && l->o.stop) l->stopped = l->o.stop(l->o.ctx) != 0;
    return l->stopped;
}

static int64_t in_common(const struct toks *a, const struct toks *b) {
    int64_t n = 0, least = a->n < b->n ? a->n : b->n;
    while (n < least && a->ids[n] == b->ids[n]) n++;
    return n;
}

static int feed_wave(struct local *l, int *n, struct err *e) {
    int rc = *n && !stop_now(l) ? engine_step(l->o.g, l->feed, *n, NULL, e) : 0;
    *n = 0;
    return rc;
}

/* Whether a page more could be shared, were the wave computed. */
static int waits_for(const struct local *l, int first, int i, int64_t shared) {
    int64_t page = engine_options(l->o.g).page_len, most = 0;
    for (int k = first; k < i; k++) {
        int64_t same = in_common(&l->ask[k].prompt, &l->ask[i].prompt);
        if (same > most) most = same;
    }
    if (most > l->ask[i].prompt.n - 1) most = l->ask[i].prompt.n - 1;
    return most / page * page > shared;
}

/* Every session holds its prompt but the last token. */
static int feed_prompts(struct local *l, int n, struct err *e) {
    int first = 0, wave = 0;
    for (int i = 0; i < n && !stop_now(l); i++) {
        struct ask *q = &l->ask[i];
        int64_t shared = 0;
        TRY(session_new_prefixed(&q->s, l->o.g, q->prompt.ids, q->prompt.n, &shared, e));
        if (wave && waits_for(l, first, i, shared)) {
            TRY(feed_wave(l, &wave, e));
            first = i;
            session_free(q->s);
            q->s = NULL;
            TRY(session_new_prefixed(&q->s, l->o.g, q->prompt.ids, q->prompt.n, &shared, e));
        }
        if (shared < q->prompt.n - 1)
            l->feed[wave++] = (struct feed){.s = q->s, .ids = q->prompt.ids + shared, .n = q->prompt.n - 1 - shared};
    }
    return feed_wave(l, &wave, e);
}

/* ---- replies ---- */

static int on_token(void *ctx, int32_t id, double logprob, int64_t i) {
    (void)id, (void)logprob, (void)i;
    return stop_now(ctx);
}

static int decode(struct local *l, int n, struct err *e) {
    for (int i = 0; i < n; i++) {
        struct ask *q = &l->ask[i];
        q->ids = malloc((size_t)q->max_new * sizeof *q->ids);
        if (!q->ids) return fail(e, ERR_NOMEM, "out of memory for a reply");
        l->gen[i] = (struct generation){.s = q->s,
                                        .last = q->prompt.ids[q->prompt.n - 1],
                                        .max_new = q->max_new,
                                        .sampling = q->sampling,
                                        .seed = q->seed,
                                        .stream = STREAM_LOCAL,
                                        .ends = l->o.ends,
                                        .n_ends = l->o.n_ends,
                                        .on_token = on_token,
                                        .ctx = l,
                                        .ids = q->ids};
    }
    return generate(l->o.g, l->gen, n, e);
}

static int text_of(const struct local *l, const struct generation *g, struct str *text, struct err *e) {
    struct tok_stream stream = {.started = 1};
    for (int64_t i = 0; i < g->n; i++) TRY(tok_stream_push(&stream, l->o.tok, g->ids[i], 1, text, e));
    return tok_stream_flush(&stream, text);
}

static int push_reply(struct local *l, int i, double seconds, struct err *e) {
    const struct generation *g = &l->gen[i];
    struct answer a = {.tag = l->ask[i].tag,
                       .finish = g->stop == GEN_END ? CHAT_FINISH_STOP : CHAT_FINISH_LENGTH,
                       .tokens_in = l->ask[i].prompt.n,
                       .tokens_out = g->n,
                       .seconds = seconds,
                       .attempts = 1};
    struct str text = {0};
    snprintf(a.model, sizeof a.model, "%s", l->o.model);
    int rc = text_of(l, g, &text, e);
    if (rc >= 0 && text.failed) rc = fail(e, ERR_NOMEM, "out of memory for a reply");
    a.text = text.s ? text.s : calloc(1, 1), a.text_n = text.len;
    if (rc >= 0 && !a.text) rc = fail(e, ERR_NOMEM, "out of memory for a reply");
    if (rc >= 0) rc = answer_push(&l->ready, &a, e);
    if (rc < 0) answer_free(&a);
    return rc;
}

static int answer_batch(struct local *l, struct err *e) {
    int n = l->n < l->o.calls ? (int)l->n : l->o.calls;
    double t0 = clock_s();
    int rc = feed_prompts(l, n, e);
    if (rc >= 0 && !stop_now(l)) rc = decode(l, n, e);
    if (rc >= 0 && l->stopped) rc = fail(e, ERR_CANCELLED, "stopped; what was under way is asked again by the same command");
    for (int i = 0; i < n && rc >= 0; i++) rc = push_reply(l, i, clock_s() - t0, e);
    for (int i = 0; i < n; i++) ask_fini(&l->ask[i]);
    l->n -= n;
    memmove(l->ask, l->ask + n, (size_t)l->n * sizeof *l->ask);
    return rc;
}

/* ---- */

static int poll_answer(struct backend *self, double wait_s, struct answer *out, struct err *e) {
    struct local *l = (struct local *)self;
    (void)wait_s;
    if (!l->ready.n && l->n) TRY(answer_batch(l, e));
    return answer_pop(&l->ready, out);
}

static int64_t pending(const struct backend *self) {
    const struct local *l = (const struct local *)self;
    return l->n + l->ready.n;
}

static void shut(struct backend *self) {
    struct local *l = (struct local *)self;
    for (int64_t i = 0; i < l->n; i++) ask_fini(&l->ask[i]);
    answer_queue_free(&l->ready);
    free(l->ask), free(l->gen), free(l->feed);
    free(l);
}

int local_open(struct backend **out, const struct local_opts *o, struct err *e) {
    struct local *l = calloc(1, sizeof *l);
    if (!l) return fail(e, ERR_NOMEM, "out of memory for a local back end");
    l->o = *o;
    int at_once = engine_options(o->g).max_sessions;
    if (l->o.calls <= 0) l->o.calls = LOCAL_CALLS;
    if (l->o.calls > at_once) l->o.calls = at_once;
    l->b = (struct backend){.name = "local",
                            .model = o->model,
                            .most = l->o.calls,
                            .submit = submit,
                            .poll = poll_answer,
                            .pending = pending,
                            .close = shut};
    l->gen = calloc((size_t)l->o.calls, sizeof *l->gen);
    l->feed = calloc((size_t)l->o.calls, sizeof *l->feed);
    if (!l->gen || !l->feed) return shut(&l->b), fail(e, ERR_NOMEM, "out of memory for a local back end");
    *out = &l->b;
    return 0;
}
