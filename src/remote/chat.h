/* Chat calls to engines elsewhere: the OpenAI-compatible /v1/chat/completions and Anthropic's /v1/messages, over HTTP(S).
 *
 * A client owns its connections, pacing and account. Requests go in with a tag, replies come out in the order in which they are
 * ready (chat_submit, chat_poll), or a whole list is answered in its own order (chat_batch). What a server decides apart, a reply
 * is a function of the request: identical requests of a client with a cache are sent once.
 *
 * What comes from a server is untrusted: its size, depth and types are checked, its error texts are cut and made printable,
 * redirects are not followed, and the key never appears in a reply, an error or a file.
 * Thread: one thread uses a client and what it was given; we start none. A program must ignore SIGPIPE. */
#ifndef REMOTE_CHAT_H
#define REMOTE_CHAT_H
#include "base/err.h"
#include "remote/cost.h"
#include <jansson.h>
#include <math.h>
#include <stddef.h>
#include <stdint.h>

enum chat_api { CHAT_OPENAI, CHAT_ANTHROPIC };

/* Where to ask. Texts are copied by chat_open. */
struct chat_endpoint {
    enum chat_api api;
    /* http(s)://host[:port][/path], without user, query and fragment. Without a path, /v1/chat/completions (/v1/messages) is
     * asked; with one, the last part is added unless it is there already. */
    const char *url;
    const char *model;
    /* The NAME of the environment variable with the key, read once by chat_open; NULL: no key is sent. A key of fewer than 8
     * characters is taken for a placeholder, as local engines want one, and is not removed from what the server says. */
    const char *key_env;
    const char *key;       /* the key itself, where the caller has it from elsewhere (a file, never an argument); NULL: key_env */
    int plain_key;         /* the key may go over unencrypted http to a host that is not this machine */
    const char *plain_how; /* how the user allows that, for the words of the refusal; NULL: in no way that we know */
    int completion_tokens; /* OpenAI: the limit is called max_completion_tokens (newer models), not max_tokens */
};

/* Messages that are JSON text already, so that a long conversation need not be written out again for every call. Not checked: they must be
 * what a JSON library writes. */
struct chat_text {
    const char *system,
        *rest; /* a JSON string, of length 0: no system message; JSON objects {"content":…,"role":…} with commas between */
    size_t system_n, rest_n;
};
/* What to ask. The caller owns it all; it is copied by chat_submit. */
struct chat_request {
    const json_t *messages;       /* array of {"role": …, "content": …}; Anthropic: "system" only at the beginning */
    const struct chat_text *text; /* instead of messages, and then sent in the same bytes; NULL: none */
    double temperature;           /* NAN: not sent */
    double top_p;                 /* NAN: not sent */
    int64_t max_tokens;           /* 0: not sent; Anthropic wants it, and so does a budget */
    int has_seed;
    int64_t seed; /* sent where the API has one (OpenAI); part of the cache's key in any case */
    const char *const *stop;
    int n_stop;
    int json;            /* OpenAI: the reply must be a JSON object; Anthropic: ERR_UNSUPPORTED */
    const json_t *extra; /* object of further members of the request, or NULL; must not name one that is set from here */
    int64_t replicate;   /* never sent: tells apart equal requests whose replies shall differ */
};
#define CHAT_REQUEST_INIT ((struct chat_request){.temperature = NAN, .top_p = NAN})

/* Why the text ends. FILTER: the provider withheld it (also by refusing the request as such); REFUSAL: the model declined. Both are
 * replies, not errors: they are counted, never asked again. */
#define CHAT_FINISH_MAP(XX) \
    XX(NONE, "none")        \
    XX(STOP, "stop")        \
    XX(LENGTH, "length")    \
    XX(FILTER, "filter")    \
    XX(REFUSAL, "refusal")  \
    XX(TOOL, "tool")        \
    XX(OTHER, "other")
enum chat_finish {
#define XX(name, text) CHAT_FINISH_##name,
    CHAT_FINISH_MAP(XX)
#undef XX
};
const char *chat_finish_name(enum chat_finish f);

/* One answer. Facts first, then measurements. Texts are UTF-8 without NUL (one in the reply becomes U+FFFD); `text` and `reasoning`
 * are malloc'd, and "" rather than NULL if rc is 0. */
struct chat_reply {
    int rc; /* 0, or ERR_* and `why` says it in one sentence; then the facts below are empty */
    char *text;
    char *reasoning; /* what the API delivers apart as the model's thinking */
    enum chat_finish finish;
    char finish_raw[32];           /* the API's own word */
    char model[128];               /* as reported; empty: not told */
    char fingerprint[64];          /* system_fingerprint; empty: not told */
    char provider[64];             /* as some brokers tell; empty: not told */
    int64_t tokens_in, tokens_out; /* as reported; -1: not told */

    struct err why;
    int cached;       /* from the cache, or shared with an identical request */
    int status;       /* of HTTP, of the last attempt; 0: none came */
    int attempts;     /* sent, this time or when it was stored */
    double latency_s; /* of the last attempt */
    double waited_s;  /* planned waits before repeated attempts, before time_scale */
    /* Bounds on what was perhaps charged beside tokens_in and tokens_out: by attempts that broke off, or by a reply that did not tell. */
    int64_t uncertain_in, uncertain_out;
    int64_t sent_in,
        sent_out; /* the bounds that chat_opts.sending was told of this request, of all attempts that were not refused */
    char *raw;    /* the last body, cut to raw_bytes and NUL-terminated; NULL if none is kept */
    size_t raw_n;
};
void chat_reply_fini(struct chat_reply *r);

struct chat_cache; /* remote/cache.h */

/* One budget for several clients of a thread: what all of them have spent and have under way. Zeroed by its owner, outlives the clients. */
struct chat_client;
enum { CHAT_PURSE_CLIENTS = 32 };
struct chat_purse {
    const struct chat_client *of[CHAT_PURSE_CLIENTS];
    int n;
    struct chat_account gone; /* of clients that were closed */
};

/* Zero means the default, which is given. */
struct chat_opts {
    int in_flight;            /* at most so many requests at once: 8. Narrowed when the server says "too many", and grown back */
    int at_first;             /* the window at the beginning: in_flight */
    double narrow_by;         /* what "too many" does to the window: 0.5 */
    double requests_minute;   /* at most so many sent in any minute: no limit */
    double tokens_minute;     /* likewise; before the reply is there counted as bytes / 4 + max_tokens: no limit */
    int attempts;             /* 6 */
    double backoff_s;         /* before the second attempt 1 s, then doubled, times a factor in [0.5, 1) drawn per request */
    double backoff_max_s;     /* 60 s */
    double wait_max_s;        /* a server that asks (Retry-After) for a longer wait has failed: 300 s */
    double timeout_s;         /* of one attempt: 120 s */
    double connect_s;         /* 15 s */
    double deadline_s;        /* from the beginning of a batch (or of the first request when nothing was pending) on; then what
                                  is unfinished fails with ERR_TIMEOUT: none */
    double time_scale;        /* waits (backoff, Retry-After, the minute of the limits) take this times as long: 1; for tests */
    size_t body_bytes;        /* longest reply that is accepted: 4 MiB */
    size_t raw_bytes;         /* how much of a reply's body is kept in `raw`: 0 */
    int give_up;              /* after so many failures in a row nothing more is sent: 8 */
    uint64_t seed;            /* of the waits' random factors */
    struct chat_price price;  /* cost.h; without one nothing has a cost */
    double budget;            /* a call is sent only if, at its dearest, the sum stays within: no limit. Needs a price */
    struct chat_purse *purse; /* the budget is that of all its clients together; NULL: of this one alone */
    struct chat_cache *cache; /* the caller's, outlives the client; NULL: none */
    int (*stop)(void *ctx);   /* asked at least ten times a second; nonzero: what is unfinished fails with ERR_CANCELLED */
    void *ctx;                /* for stop */
    /* Told of each attempt before a byte of it leaves, with what its tokens can be at most, so that somebody can write down what a killed
     * process had under way; told again, with both below zero, where an attempt was refused and cost nothing. Negative: not sent, and nothing
     * more is. NULL: nobody asks. */
    int (*sending)(void *ctx, int64_t tag, int64_t bound_in, int64_t bound_out, struct err *e);
    void *sending_ctx;
};

struct chat_client;
/* Errors: ERR_ARG for a bad address, a missing or unfit key (the variable is named, never its value), a budget without a price. With
 * a cache opened for replay neither address nor key is needed: nothing is ever sent. */
int chat_open(struct chat_client **out, const struct chat_endpoint *ep, const struct chat_opts *o, struct err *e);
void chat_close(struct chat_client *c); /* drops what is unfinished */

/* Queues a request; the reply will carry `tag`. ERR_ARG, ERR_UNSUPPORTED: the request is not one this API can take. */
int chat_submit(struct chat_client *c, const struct chat_request *r, int64_t tag, struct err *e);
/* The next finished reply: 1 and *out (the caller calls chat_reply_fini) and *tag; 0: none within wait_s seconds, or none pending.
 * Negative only for what concerns the client itself; a request's own failure is in its reply. */
int chat_poll(struct chat_client *c, double wait_s, struct chat_reply *out, int64_t *tag, struct err *e);
int64_t chat_pending(const struct chat_client *c); /* submitted and not yet handed out */

struct chat_progress {
    int64_t done, failed, total;
    struct chat_account account;
};
/* n requests; out[i] answers req[i]. All of out is written in any case (the caller calls chat_reply_fini on each).
 * 0: all have rc 0. If a request is not one this API can take, ERR_ARG or ERR_UNSUPPORTED, e names it, and none is sent. Otherwise the
 * code of the first that failed; e counts the failures and gives its sentence. The client must have nothing else pending.
 * progress (may be NULL) is called after each reply. */
int chat_batch(struct chat_client *c, const struct chat_request *req, int64_t n, struct chat_reply *out,
               void (*progress)(void *ctx, const struct chat_progress *p), void *ctx, struct err *e);

/* The same of a list that is made as it is asked, so that neither all requests nor all replies are in memory. request: the i-th one, in
 * order; the reference to its messages is given away. reply: in any order; *r is the callee's (chat_reply_fini), also where r->rc says that it failed.
 * An error of either, or of the client, ends the list: what is under way is given up, and handed out as failed. Errors else as
 * chat_batch. progress may be NULL. */
struct chat_source {
    int64_t n;
    int (*request)(void *ctx, int64_t i, struct chat_request *out, struct err *e);
    int (*reply)(void *ctx, int64_t i, struct chat_reply *r, struct err *e);
    void (*progress)(void *ctx, const struct chat_progress *p);
    void *ctx;
};
int chat_carry(struct chat_client *c, const struct chat_source *s, struct err *e);

/* What a list would do: how many replies the cache has, how many calls are left at most and what they cost at their dearest (every byte of
 * the prompt a token, every reply of full length; NAN without a price or a max_tokens). Sends nothing. */
struct chat_plan {
    int64_t cached, calls, bytes;
    double cost_max;
};
int chat_plan(struct chat_client *c, const struct chat_request *req, int64_t n, struct chat_plan *out, struct err *e);

struct chat_account chat_account(const struct chat_client *c);
const char *chat_host(const struct chat_client *c); /* "host:port", for records; the client's */
#endif
