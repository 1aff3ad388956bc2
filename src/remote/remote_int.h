/* What the files of this room share and nobody else: the opened endpoint, one transfer, how an attempt is judged, the pace, the queue. */
#ifndef REMOTE_REMOTE_INT_H
#define REMOTE_REMOTE_INT_H
#include "base/str.h"
#include "remote/cache.h"
#include "remote/chat.h"
#include <curl/curl.h>

/* ---- door.c: an endpoint, checked and ready; owns what it points to ---- */
struct remote__door {
    enum chat_api api;
    int completion_tokens, local /* this machine */, plain /* not encrypted */;
    char *model, *url, *host; /* url and host are "" where nothing will be sent */
    char *key;                /* NULL: none, or a placeholder */
    struct curl_slist *headers;
};
int remote__door_open(struct remote__door *d, const struct chat_endpoint *ep, int never_sends, struct err *e);
void remote__door_close(struct remote__door *d); /* the key's memory is overwritten */
const char *remote__api_name(enum chat_api a);

/* ---- request.c ---- */
int remote__request_check(const struct remote__door *d, const struct chat_request *r, struct err *e);
/* *body (malloc'd) is what is sent, members in order of their names, and *key is what it is known by. */
int remote__request_build(const struct remote__door *d, const struct chat_request *r, char **body, size_t *n,
                          struct chat_key *key, struct err *e);

/* ---- reply.c: bodies of replies; pure functions on bytes ---- */
/* Bounded in depth and number of values; ERR_FORMAT. What a strict reader refuses and the text can do without (bytes that are no UTF-8, halves
 * of a surrogate pair, numbers out of range) becomes U+FFFD and null. */
json_t *remote__json(const char *body, size_t n, struct err *e);
int remote__cut_off(const char *body, size_t n); /* an object that does not end */
/* Fills the facts of *r (r->rc and measurements are left alone). Where the body is an error in spite of its status, *status becomes the
 * error's own, if it has one. ERR_FORMAT: not a reply; ERR_STATE: an error. */
int remote__reply_parse(struct chat_reply *r, enum chat_api api, const char *body, size_t n, int *status, struct err *e);
void remote__reply_copy(struct chat_reply *to,
                        const struct chat_reply *from); /* facts and measurements; rc ERR_NOMEM if it fails */
void remote__reply_clear_facts(struct chat_reply *r);

/* ---- refuse.c: what went wrong, and whether to ask again ---- */
enum remote__verdict { REMOTE_DONE, REMOTE_AGAIN, REMOTE_FAILED, REMOTE_CLOSED /* so will everything after it */ };
/* The server's words out of an error's body (JSON or not), printable, at most size - 1 bytes; "" if there are none. code likewise:
 * the machine's word for it. */
void remote__error_words(const char *body, size_t n, char *msg, size_t size, char *code, size_t code_size);
enum remote__verdict remote__status_verdict(int status, const char *code);
/* Seconds to wait by the headers of a reply (NULL or "": absent); now: this clock's time. -1: none that can be read. */
double remote__retry_after(const char *after, const char *after_ms, const char *date, int64_t now);
/* Every run of 8 or more bytes that is part of the key becomes stars (part 0: only the whole key). key NULL: nothing. */
void remote__hide(char *s, size_t n, const char *key, int part);
/* Controls become spaces, runs of spaces one; what is not UTF-8 becomes '?'; with `tags` what stands between < and > goes. */
void remote__printable(char *out, size_t size, const char *s, size_t n, int tags);

/* ---- transfer.c: one attempt ---- */
struct remote__transfer {
    CURL *easy;
    int requests; /* that libcurl began of this attempt: the second is not sent */
    struct str body;
    size_t header_bytes;
    int too_long;
    char after[64], after_ms[32], date[64], location[200];
    char error[CURL_ERROR_SIZE];
};
/* body must live until remote__transfer_end. owner comes back from remote__transfer_next. */
int remote__transfer_begin(struct remote__transfer *t, CURLM *multi, const struct remote__door *d, const struct chat_opts *o,
                           const char *body, size_t n, void *owner, struct err *e);
void *remote__transfer_next(CURLM *multi, CURLcode *code); /* an owner whose transfer is over, or NULL */
void remote__transfer_end(struct remote__transfer *t, CURLM *multi);
/* What the attempt comes to; fills *r (facts if REMOTE_DONE, else why; always status, latency_s, raw); *wait_s: what the server asks
 * for, or -1; *sent: whether the provider may have seen the request. */
enum remote__verdict remote__transfer_judge(struct remote__transfer *t, CURLcode code, const struct remote__door *d,
                                            const struct chat_opts *o, struct chat_reply *r, double *wait_s, int *sent);

/* ---- pace.c: at most so many requests and tokens in any minute ---- */
struct remote__pace {
    double minute, requests, tokens; /* a minute in seconds; 0: no limit */
    struct remote__sent {
        double at, tokens;
    } * sent;              /* of the last minute, oldest first */
    int64_t n, cap, first; /* first: number of the oldest */
};
double remote__pace_wait(struct remote__pace *p, double now, double tokens); /* seconds until one more may go; 0: now */
int64_t remote__pace_add(struct remote__pace *p, double now, double tokens); /* its number, or ERR_NOMEM */
void remote__pace_settle(struct remote__pace *p, int64_t number, double tokens);

/* ---- client.c, settle.c: the queue ---- */
enum remote__state { JOB_READY, JOB_SENT, JOB_FOLLOWS, JOB_DONE };
struct remote__job {
    enum remote__state state;
    int64_t tag;
    struct chat_key key;
    char *body;
    size_t n;
    double bound;                /* of its cost */
    int64_t bound_in, bound_out; /* of its tokens */
    double tokens;               /* for the pace */
    double not_before, sent_at;
    int64_t pace;
    struct remote__job *leader; /* FOLLOWS: the identical request that is under way */
    struct remote__transfer t;
    struct chat_reply reply;
};

struct chat_client {
    struct remote__door door;
    struct chat_opts o; /* with defaults filled in */
    CURLM *multi;
    struct remote__job **jobs; /* in the order of submission */
    int64_t n, cap, done;      /* done: of n, those in state JOB_DONE */
    int sent, in_batch;
    double window;  /* how many may be under way now, 1 … in_flight */
    double cut_at;  /* when it was last narrowed */
    double hold;    /* nothing is sent before: the server asked for it */
    double begun;   /* of the deadline */
    int failures;   /* in a row */
    struct err why; /* why.code < 0: nothing more is sent */
    struct remote__pace pace;
    struct chat_account account;
};
void remote__begin(struct chat_client *c); /* a new piece of work: failures and deadline start again */
/* Nothing more is sent: what waits ends with this error, and with `abort` what is under way too. */
void remote__close_with(struct chat_client *c, const struct err *e, int abort);
void remote__job_fail(struct chat_client *c, struct remote__job *j, const struct err *why);
void remote__job_done(struct chat_client *c, struct remote__job *j); /* j->reply is complete; hands it to its followers */
void remote__settle(struct chat_client *c, struct remote__job *j, CURLcode code, double now);
#endif
