/* The queue: requests wait for a place in the window, for the pace, for the end of a wait, and for the budget; curl does the rest. One
 * thread, no locks: everything happens inside chat_poll, which asks every tenth of a second whether to stop. */
#include "base/progress.h"
#include "remote/remote_int.h"
#include <stdlib.h>
#include <string.h>

static double or_else(double v, double otherwise) { return v > 0 ? v : otherwise; }

static struct chat_opts with_defaults(const struct chat_opts *given) {
    struct chat_opts o = given ? *given : (struct chat_opts){0};
    if (o.in_flight <= 0) o.in_flight = 8;
    if (o.attempts <= 0) o.attempts = 6;
    if (o.give_up <= 0) o.give_up = 8;
    if (!o.body_bytes) o.body_bytes = (size_t)4 << 20;
    if (o.at_first <= 0 || o.at_first > o.in_flight) o.at_first = o.in_flight;
    o.narrow_by = or_else(o.narrow_by, 0.5);
    o.backoff_s = or_else(o.backoff_s, 1);
    o.backoff_max_s = or_else(o.backoff_max_s, 60);
    o.wait_max_s = or_else(o.wait_max_s, 300);
    o.timeout_s = or_else(o.timeout_s, 120);
    o.connect_s = or_else(o.connect_s, 15);
    o.time_scale = or_else(o.time_scale, 1);
    return o;
}

/* ---- the purse ---- */

static int purse_join(struct chat_client *c, struct err *e) {
    struct chat_purse *p = c->o.purse;
    if (p && p->n == CHAT_PURSE_CLIENTS)
        return fail(e, ERR_LIMIT, "expected at most %d clients of one budget, found more", CHAT_PURSE_CLIENTS);
    if (p) p->of[p->n++] = c;
    return 0;
}

static void account_add(struct chat_account *to, const struct chat_account *from) {
    to->spent += from->spent, to->uncertain += from->uncertain, to->reserved += from->reserved;
}

static void purse_leave(struct chat_client *c) {
    struct chat_purse *p = c->o.purse;
    for (int i = 0; p && i < p->n; i++) {
        if (p->of[i] != c) continue;
        c->account.reserved = 0;
        account_add(&p->gone, &c->account);
        p->of[i] = p->of[--p->n];
    }
}

/* What counts against the budget, and how many calls are under way that may turn out cheaper than feared. */
static struct chat_account purse_sum(const struct chat_client *c, int *sent) {
    const struct chat_purse *p = c->o.purse;
    struct chat_account sum = p ? p->gone : c->account;
    *sent = p ? 0 : c->sent;
    for (int i = 0; p && i < p->n; i++) account_add(&sum, &p->of[i]->account), *sent += p->of[i]->sent;
    return sum;
}

int chat_open(struct chat_client **out, const struct chat_endpoint *ep, const struct chat_opts *o, struct err *e) {
    struct chat_client *c = calloc(1, sizeof *c);
    if (!c) return fail(e, ERR_NOMEM, "no memory for a client");
    c->o = with_defaults(o);
    c->why = ERR_INIT;
    c->window = c->o.at_first;
    c->pace =
        (struct remote__pace){.minute = 60 * c->o.time_scale, .requests = c->o.requests_minute, .tokens = c->o.tokens_minute};
    int replays = c->o.cache && chat_cache_replays(c->o.cache);
    int rc = c->o.budget > 0 && !c->o.price.set ? fail(e, ERR_ARG, "a budget needs the model's price") : 0;
    if (rc == 0) rc = remote__door_open(&c->door, ep, replays, e);
    if (rc == 0) rc = purse_join(c, e);
    if (rc == 0 && !(c->multi = curl_multi_init())) rc = fail(e, ERR_NOMEM, "no memory for connections");
    if (rc < 0)
        chat_close(c);
    else
        *out = c;
    return rc;
}

static void job_free(struct chat_client *c, struct remote__job *j) {
    if (j->state == JOB_SENT) remote__transfer_end(&j->t, c->multi);
    chat_reply_fini(&j->reply);
    free(j->body);
    free(j);
}

void chat_close(struct chat_client *c) {
    if (!c) return;
    purse_leave(c);
    for (int64_t i = 0; i < c->n; i++) job_free(c, c->jobs[i]);
    if (c->multi) curl_multi_cleanup(c->multi);
    remote__door_close(&c->door);
    free(c->jobs), free(c->pace.sent);
    free(c);
}

int64_t chat_pending(const struct chat_client *c) { return c->n; }
struct chat_account chat_account(const struct chat_client *c) {
    return c->account;
}
const char *chat_host(const struct chat_client *c) { return c->door.host; }

/* ---- in ---- */

void remote__begin(struct chat_client *c) {
    c->why = ERR_INIT;
    c->failures = 0;
    c->begun = clock_s();
}

static int push(struct chat_client *c, struct remote__job *j) {
    if (c->n == c->cap) {
        int64_t cap = c->cap ? 2 * c->cap : 16;
        struct remote__job **p = realloc(c->jobs, (size_t)cap * sizeof(*p));
        if (!p) return ERR_NOMEM;
        c->jobs = p, c->cap = cap;
    }
    c->jobs[c->n++] = j;
    return 0;
}

/* Who already asks the same. Only with a cache: then the replies are one by contract. */
static struct remote__job *find_leader(const struct chat_client *c, const struct remote__job *j) {
    for (int64_t i = 0; c->o.cache && i < c->n; i++) {
        struct remote__job *k = c->jobs[i];
        if (k != j && (k->state == JOB_READY || k->state == JOB_SENT) && !memcmp(&k->key, &j->key, sizeof j->key)) return k;
    }
    return NULL;
}

static void missing(struct chat_client *c, struct remote__job *j) {
    struct err e = ERR_INIT;
    fail_at(&e, ERR_STATE, chat_cache_path(c->o.cache), -1, "no reply is stored for this request (key %016llx%016llx)",
            (unsigned long long)j->key.h[0], (unsigned long long)j->key.h[1]);
    remote__job_fail(c, j, &e);
}

/* Where a new request goes first: it is answered, refused, behind its like, or ready. */
static void place(struct chat_client *c, struct remote__job *j) {
    struct err e = ERR_INIT;
    int found = c->o.cache ? chat_cache_find(c->o.cache, &j->key, &j->reply, &e) : 0;
    j->state = JOB_READY;
    if (found > 0)
        remote__job_done(c, j);
    else if (found < 0)
        remote__job_fail(c, j, &e);
    else if (c->o.cache && chat_cache_replays(c->o.cache))
        missing(c, j);
    else if (c->why.code < 0)
        remote__job_fail(c, j, &c->why);
    else if ((j->leader = find_leader(c, j)))
        j->state = JOB_FOLLOWS;
}

int chat_submit(struct chat_client *c, const struct chat_request *r, int64_t tag, struct err *e) {
    if (!c->n && !c->in_batch) remote__begin(c);
    if (c->o.budget > 0 && !r->max_tokens) return fail(e, ERR_ARG, "a budget needs max_tokens in every request");
    struct remote__job *j = calloc(1, sizeof *j);
    if (!j) return fail(e, ERR_NOMEM, "no memory for a request");
    j->tag = tag;
    j->reply.tokens_in = j->reply.tokens_out = -1;
    j->reply.why = ERR_INIT;
    int rc = remote__request_build(&c->door, r, &j->body, &j->n, &j->key, e);
    if (rc == 0 && push(c, j) < 0) rc = fail(e, ERR_NOMEM, "no memory for a request");
    if (rc < 0) {
        job_free(c, j);
        return rc;
    }
    j->bound_in = chat_tokens_bound(j->n), j->bound_out = r->max_tokens;
    j->bound = chat_cost_bound(&c->o.price, j->n, r->max_tokens);
    j->tokens = (double)j->n / 4 + (double)r->max_tokens;
    place(c, j);
    return 0;
}

/* ---- on the way ---- */

static int send_job(struct chat_client *c, struct remote__job *j, double now, struct err *e) {
    int64_t number = remote__pace_add(&c->pace, now, j->tokens);
    if (number < 0) return fail(e, ERR_NOMEM, "no memory for the pace of requests");
    if (c->o.sending) {
        TRY(c->o.sending(c->o.sending_ctx, j->tag, j->bound_in, j->bound_out, e));
        j->reply.sent_in += j->bound_in, j->reply.sent_out += j->bound_out;
    }
    TRY(remote__transfer_begin(&j->t, c->multi, &c->door, &c->o, j->body, j->n, j, e));
    j->pace = number;
    j->state = JOB_SENT;
    j->sent_at = now;
    j->reply.attempts++;
    c->sent++;
    c->account.reserved += j->bound;
    return 0;
}

static void over_budget(struct chat_client *c, const struct chat_account *a, const struct remote__job *j) {
    struct err e = ERR_INIT;
    fail(&e, ERR_LIMIT, "not sent: %.6g of the budget of %.6g is spent%s, and the call may cost up to %.6g",
         a->spent + a->uncertain, c->o.budget, a->uncertain > 0 ? " (calls that broke off count in full)" : "", j->bound);
    remote__close_with(c, &e, 0);
}

static void sooner(double *wait, double s) {
    if (s < *wait) *wait = s;
}

/* Sends what may go now; returns how long nothing else can happen by itself. */
static double launch(struct chat_client *c, double now) {
    double wait = 0.1;
    struct err e = ERR_INIT;
    if (c->hold > now) {
        sooner(&wait, c->hold - now);
        return wait;
    }
    for (int64_t i = 0; i < c->n && c->why.code == 0 && c->sent < (int)c->window; i++) {
        struct remote__job *j = c->jobs[i];
        if (j->state != JOB_READY) continue;
        if (j->not_before > now) {
            sooner(&wait, j->not_before - now);
            continue;
        }
        double pace = remote__pace_wait(&c->pace, now, j->tokens);
        int sent;
        struct chat_account all = purse_sum(c, &sent);
        int fits = chat_budget_fits(&all, c->o.budget, j->bound);
        if (!fits && sent == 0) over_budget(c, &all, j);
        if (!fits) break; /* what is under way may turn out cheaper than feared */
        if (pace > 0) {
            sooner(&wait, pace);
            break;
        }
        if (send_job(c, j, now, &e) < 0) remote__close_with(c, &e, 0);
    }
    return wait;
}

static void check_end(struct chat_client *c, double now) {
    struct err e = ERR_INIT;
    if (c->o.stop && c->o.stop(c->o.ctx))
        fail(&e, ERR_CANCELLED, "stopped before the reply was there");
    else if (c->o.deadline_s > 0 && now >= c->begun + c->o.deadline_s)
        fail(&e, ERR_TIMEOUT, "not finished within the %.6g s that all calls have", c->o.deadline_s);
    if (e.code < 0) remote__close_with(c, &e, 1);
}

static int take_done(struct chat_client *c, struct chat_reply *out, int64_t *tag) {
    for (int64_t i = 0; i < c->n; i++) {
        struct remote__job *j = c->jobs[i];
        if (j->state != JOB_DONE) continue;
        *out = j->reply, *tag = j->tag;
        j->reply = (struct chat_reply){0};
        job_free(c, j);
        memmove(c->jobs + i, c->jobs + i + 1, (size_t)(c->n - i - 1) * sizeof(*c->jobs));
        c->n--, c->done--;
        return 1;
    }
    return 0;
}

/* One round: send, let curl work, settle what came. */
static int work(struct chat_client *c, double most, struct err *e) {
    int running, milliseconds;
    CURLcode code;
    double now = clock_s();
    check_end(c, now);
    double wait = launch(c, now);
    if (curl_multi_perform(c->multi, &running) != CURLM_OK) return fail(e, ERR_STATE, "the connections cannot go on");
    int settled = 0;
    for (struct remote__job *j; (j = remote__transfer_next(c->multi, &code)); settled++) remote__settle(c, j, code, clock_s());
    if (settled || c->done) return 0;
    milliseconds = (int)((most < wait ? most : wait) * 1000) + 1;
    if (curl_multi_poll(c->multi, NULL, 0, milliseconds, NULL) != CURLM_OK)
        return fail(e, ERR_STATE, "the connections cannot be waited for");
    return 0;
}

int chat_poll(struct chat_client *c, double wait_s, struct chat_reply *out, int64_t *tag, struct err *e) {
    double until = clock_s() + wait_s;
    for (int worked = 0;; worked = 1) {
        if (take_done(c, out, tag)) return 1;
        double left = until - clock_s();
        if (!c->n || (left < 0 && worked)) return 0;
        TRY(work(c, left > 0 ? left : 0, e));
    }
}
