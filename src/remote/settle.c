/* What becomes of a request after an attempt: a reply, another attempt after a wait, or a failure; and what that does to the account, to the
 * window of requests under way, and to those behind it. */
#include "base/progress.h"
#include "base/rng.h"
#include "remote/remote_int.h"
#include <math.h>
#include <stdlib.h>

/* Seconds before attempt k + 1, by the request and k alone. */
static double backoff(const struct chat_client *c, const struct remote__job *j) {
    struct rng r = RNG(c->o.seed, j->key.h[0], j->key.h[1], (uint64_t)j->reply.attempts);
    double s = c->o.backoff_s * exp2(j->reply.attempts - 1);
    return fmin(s, c->o.backoff_max_s) * (0.5 + 0.5 * rng_uniform(&r));
}

static void narrow(struct chat_client *c, const struct remote__job *j, double now) {
    if (j->sent_at < c->cut_at) return; /* sent before the window was last narrowed: old news */
    c->window = fmax(1, c->window * c->o.narrow_by);
    c->cut_at = now;
}

static void widen(struct chat_client *c) { c->window = fmin(c->o.in_flight, c->window + 1 / c->window); }

void remote__job_done(struct chat_client *c, struct remote__job *j) {
    struct chat_account *a = &c->account;
    const struct chat_reply *r = &j->reply;
    j->state = JOB_DONE;
    c->done++;
    free(j->body);
    j->body = NULL;
    if (r->rc < 0)
        a->failed++;
    else if (r->cached)
        a->cached++,
            a->saved += r->tokens_in >= 0 && r->tokens_out >= 0 ? chat_price_of(&c->o.price, r->tokens_in, r->tokens_out) : 0;
    for (int64_t i = 0; i < c->n; i++) {
        struct remote__job *f = c->jobs[i];
        if (f->state != JOB_FOLLOWS || f->leader != j) continue;
        remote__reply_copy(&f->reply, r);
        f->reply.cached = r->rc == 0;
        f->reply.uncertain_in = f->reply.uncertain_out = f->reply.sent_in = f->reply.sent_out = 0; /* its leader's */
        remote__job_done(c, f);                                                                    /* a follower leads nobody */
    }
}

void remote__job_fail(struct chat_client *c, struct remote__job *j, const struct err *why) {
    remote__reply_clear_facts(&j->reply);
    j->reply.why = *why;
    j->reply.rc = why->code;
    remote__job_done(c, j);
}

/* Ends the attempt, whatever came of it. */
static void attempt_over(struct chat_client *c, struct remote__job *j) {
    remote__transfer_end(&j->t, c->multi);
    c->sent--;
    c->account.reserved = c->sent ? c->account.reserved - j->bound : 0; /* no residue of rounding */
}

/* Refused, or given up by a gateway behind which somebody may have worked on it. */
static int perhaps_worked_on(int status) {
    return status / 100 == 2 || status == 502 || status == 504 || (status >= 520 && status <= 524);
}

static void perhaps_charged(struct remote__job *j) {
    j->reply.uncertain_in += j->bound_in, j->reply.uncertain_out += j->bound_out;
}

/* Whoever was told that it was sent is told that it cost nothing. */
static void was_refused(struct chat_client *c, struct remote__job *j) {
    struct err e = ERR_INIT;
    if (!c->o.sending) return;
    j->reply.sent_in -= j->bound_in, j->reply.sent_out -= j->bound_out;
    if (c->o.sending(c->o.sending_ctx, j->tag, -j->bound_in, -j->bound_out, &e) < 0) remote__close_with(c, &e, 0);
}

static void abort_sent(struct chat_client *c, struct remote__job *j) {
    attempt_over(c, j);
    c->account.uncertain += j->bound;
    perhaps_charged(j);
    remote__job_fail(c, j, &c->why);
}

void remote__close_with(struct chat_client *c, const struct err *e, int abort) {
    if (c->why.code == 0) c->why = *e;
    for (int64_t i = 0; i < c->n; i++) {
        struct remote__job *j = c->jobs[i];
        if (j->state == JOB_READY)
            remote__job_fail(c, j, &c->why);
        else if (j->state == JOB_SENT && abort)
            abort_sent(c, j);
    }
}

static void account_reply(struct chat_client *c, struct remote__job *j) {
    struct chat_account *a = &c->account;
    const struct chat_reply *r = &j->reply;
    a->calls++;
    a->tokens_in += r->tokens_in > 0 ? r->tokens_in : 0;
    a->tokens_out += r->tokens_out > 0 ? r->tokens_out : 0;
    if (r->tokens_in >= 0 && r->tokens_out >= 0) {
        a->spent += chat_price_of(&c->o.price, r->tokens_in, r->tokens_out);
        remote__pace_settle(&c->pace, j->pace, (double)(r->tokens_in + r->tokens_out));
    } else {
        a->untold++;
        a->spent += j->bound;
        perhaps_charged(j);
    }
}

static void have_reply(struct chat_client *c, struct remote__job *j) {
    struct err e = ERR_INIT;
    c->failures = 0;
    widen(c);
    account_reply(c, j);
    int rc = c->o.cache ? chat_cache_put(c->o.cache, &j->key, c->door.api, &j->reply, &e) : 0;
    remote__job_done(c, j);
    if (rc < 0) remote__close_with(c, &e, 0); /* paid, and handed out; but what cannot be kept is not asked */
}

static void have_failure(struct chat_client *c, struct remote__job *j, int closed) {
    struct err why = j->reply.why, all = ERR_INIT;
    if (j->reply.attempts > 1) fail(&why, why.code, "%.340s (attempt %d, the last)", why.msg, j->reply.attempts);
    remote__job_fail(c, j, &why);
    c->failures++;
    if (closed || c->failures >= c->o.give_up) {
        fail(&all, closed ? why.code : ERR_STATE, "not sent, because an earlier call failed%s: %.300s",
             closed ? "" : ", as did those before it", why.msg);
        remote__close_with(c, &all, 0);
    }
}

/* Nonzero: it waits for another attempt. */
static int again(struct chat_client *c, struct remote__job *j, double asked, double now) {
    struct chat_reply *r = &j->reply;
    if (r->status == 429 || r->status == 503 || r->status == 529) narrow(c, j, now);
    if (r->attempts >= c->o.attempts || c->why.code < 0) return 0;
    if (asked > c->o.wait_max_s) {
        struct err why = r->why;
        fail(&r->why, why.code, "%.300s; it asks to wait %.0f s, and %.0f s is the most we do", why.msg, asked, c->o.wait_max_s);
        return 0;
    }
    double wait = fmax(asked, backoff(c, j));
    r->waited_s += wait;
    j->not_before = now + wait * c->o.time_scale;
    if (asked > 0 && r->status == 429) c->hold = fmax(c->hold, now + asked * c->o.time_scale);
    j->state = JOB_READY;
    c->account.retries++;
    return 1;
}

void remote__settle(struct chat_client *c, struct remote__job *j, CURLcode code, double now) {
    double asked = -1;
    int seen = 0;
    enum remote__verdict v = remote__transfer_judge(&j->t, code, &c->door, &c->o, &j->reply, &asked, &seen);
    attempt_over(c, j);
    /* what broke off, or came back unreadable, was perhaps worked on; what was refused was not */
    if (v != REMOTE_DONE && seen && (code != CURLE_OK || perhaps_worked_on(j->reply.status))) {
        c->account.uncertain += j->bound;
        perhaps_charged(j);
    } else if (v != REMOTE_DONE)
        was_refused(c, j);
    if (v == REMOTE_DONE)
        have_reply(c, j);
    else if (v != REMOTE_AGAIN || !again(c, j, asked, now))
        have_failure(c, j, v == REMOTE_CLOSED);
}
