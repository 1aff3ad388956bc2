/* One attempt: a POST by libcurl's multi interface, bounded in body, headers and time, and what it comes to. Redirects are not followed
 * (the key would go with them), nothing is decompressed, nothing of the environment is used but proxies, and those not for this machine. */
#include "base/progress.h"
#include "remote/remote_int.h"
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { MAX_HEADERS = 256 << 10, WORDS = 200 };

static size_t on_body(char *p, size_t size, size_t n, void *owner) {
    struct remote__transfer *t = owner;
    if (str_add(&t->body, p, size * n) == 0) return size * n;
    t->too_long = 1;
    return 0;
}

/* Where a connection that was kept breaks off, libcurl would send the request once more by itself, and nobody would reserve, count or wait for
 * that: it ends as any attempt that breaks off does. */
static int once(void *owner, char *remote, char *here, int remote_port, int port) {
    struct remote__transfer *t = owner;
    (void)remote, (void)here, (void)remote_port, (void)port;
    return t->requests++ ? CURL_PREREQFUNC_ABORT : CURL_PREREQFUNC_OK;
}

/* Keeps the value if the line is the named header. */
static void keep(const char *line, size_t n, const char *name, char *out, size_t size) {
    size_t k = strlen(name);
    if (n <= k || line[k] != ':' || strncasecmp(line, name, k) != 0) return;
    remote__printable(out, size, line + k + 1, n - k - 1, 0);
    size_t blanks = strspn(out, " ");
    memmove(out, out + blanks, strlen(out + blanks) + 1);
}

static size_t on_header(char *p, size_t size, size_t n, void *owner) {
    struct remote__transfer *t = owner;
    n *= size;
    if ((t->header_bytes += n) > MAX_HEADERS) {
        t->too_long = 1;
        return 0;
    }
    if (n > 5 && !strncmp(p, "HTTP/", 5))
        t->after[0] = t->after_ms[0] = t->date[0] = t->location[0] = 0; /* after an interim one */
    keep(p, n, "Retry-After", t->after, sizeof t->after);
    keep(p, n, "Retry-After-Ms", t->after_ms, sizeof t->after_ms);
    keep(p, n, "Date", t->date, sizeof t->date);
    keep(p, n, "Location", t->location, sizeof t->location);
    return n;
}

static long milliseconds(double s) { return s > 1e6 ? 1000000000L : s < 1e-3 ? 1L : (long)(s * 1000); }

/* 0, or the first refusal. */
static CURLcode set_up(struct remote__transfer *t, const struct remote__door *d, const struct chat_opts *o, const char *body,
                       size_t n, void *owner) {
    CURL *h = t->easy;
    CURLcode rc = CURLE_OK;
#define SET(option, value) \
    if (rc == CURLE_OK) rc = curl_easy_setopt(h, option, value)
    SET(CURLOPT_URL, d->url);
    SET(CURLOPT_PROTOCOLS_STR, "http,https");
    SET(CURLOPT_HTTPHEADER, d->headers);
    SET(CURLOPT_USERAGENT, "candor");
    SET(CURLOPT_POST, 1L);
    SET(CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)n);
    SET(CURLOPT_POSTFIELDS, body);
    SET(CURLOPT_PREREQFUNCTION, once);
    SET(CURLOPT_PREREQDATA, (void *)t);
    SET(CURLOPT_FOLLOWLOCATION, 0L);
    SET(CURLOPT_NOSIGNAL, 1L);
    SET(CURLOPT_TIMEOUT_MS, milliseconds(o->timeout_s));
    SET(CURLOPT_CONNECTTIMEOUT_MS, milliseconds(o->connect_s));
    SET(CURLOPT_WRITEFUNCTION, on_body);
    SET(CURLOPT_WRITEDATA, (void *)t);
    SET(CURLOPT_HEADERFUNCTION, on_header);
    SET(CURLOPT_HEADERDATA, (void *)t);
    SET(CURLOPT_ERRORBUFFER, t->error);
    SET(CURLOPT_PRIVATE, owner);
    if (d->local) SET(CURLOPT_NOPROXY, "*");
#undef SET
    return rc;
}

int remote__transfer_begin(struct remote__transfer *t, CURLM *multi, const struct remote__door *d, const struct chat_opts *o,
                           const char *body, size_t n, void *owner, struct err *e) {
    *t = (struct remote__transfer){.easy = curl_easy_init(), .body.max = o->body_bytes};
    if (!t->easy) return fail(e, ERR_NOMEM, "no memory for a connection");
    CURLcode rc = set_up(t, d, o, body, n, owner);
    if (rc == CURLE_OK && curl_multi_add_handle(multi, t->easy) == CURLM_OK) return 0;
    curl_easy_cleanup(t->easy);
    t->easy = NULL;
    return fail(e, ERR_STATE, "cannot set up a connection: %s", curl_easy_strerror(rc));
}

void *remote__transfer_next(CURLM *multi, CURLcode *code) {
    int left;
    for (const CURLMsg *m; (m = curl_multi_info_read(multi, &left));) {
        char *owner = NULL;
        if (m->msg != CURLMSG_DONE) continue;
        *code = m->data.result;
        curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, &owner);
        return owner;
    }
    return NULL;
}

void remote__transfer_end(struct remote__transfer *t, CURLM *multi) {
    if (t->easy) {
        curl_multi_remove_handle(multi, t->easy);
        curl_easy_cleanup(t->easy);
    }
    str_free(&t->body);
    t->easy = NULL;
}

/* ---- what it came to ---- */

static enum remote__verdict judge_broken(struct remote__transfer *t, CURLcode code, const struct remote__door *d, struct err *e) {
    char words[WORDS];
    const char *why = t->requests > 1 ? "the connection was closed instead" : t->error[0] ? t->error : curl_easy_strerror(code);
    remote__printable(words, sizeof words, why, strlen(why), 0);
    if (t->too_long) {
        fail(e, ERR_LIMIT, "%.120s sends a reply longer than the %zu bytes that are accepted", d->host, t->body.max);
        return REMOTE_FAILED;
    }
    fail(e, code == CURLE_OPERATION_TIMEDOUT ? ERR_TIMEOUT : ERR_IO, "no reply from %.120s: %s", d->host, words);
    if (t->requests > 1) return REMOTE_AGAIN;
    switch (code) {
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY:
    case CURLE_COULDNT_CONNECT:
    case CURLE_OPERATION_TIMEDOUT:
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_SEND_ERROR:
    case CURLE_RECV_ERROR:
    case CURLE_GOT_NOTHING:
    case CURLE_PARTIAL_FILE:
    case CURLE_HTTP2:
    case CURLE_HTTP2_STREAM: return REMOTE_AGAIN;
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_URL_MALFORMAT: return REMOTE_CLOSED;
    default: e->code = ERR_FORMAT; return REMOTE_FAILED;
    }
}

static int status_error(int status) {
    if (status == 429) return ERR_LIMIT;
    if (status == 408) return ERR_TIMEOUT;
    if (status >= 500 || status == 409 || status == 425) return ERR_IO;
    return status >= 400 ? ERR_ARG : ERR_UNSUPPORTED;
}

/* A provider that withholds a reply because of what the request says answers 400 and a code; that is a reply, and one to count. */
static enum remote__verdict filtered(struct chat_reply *r, const char *code) {
    r->text = strdup(""), r->reasoning = strdup("");
    r->finish = CHAT_FINISH_FILTER;
    snprintf(r->finish_raw, sizeof r->finish_raw, "%.31s", code);
    r->tokens_in = r->tokens_out = 0;
    if (r->text && r->reasoning) return REMOTE_DONE;
    remote__reply_clear_facts(r);
    r->rc = fail(&r->why, ERR_NOMEM, "no memory for a reply's text");
    return REMOTE_FAILED;
}

static enum remote__verdict judge_status(struct remote__transfer *t, int status, const struct remote__door *d,
                                         struct chat_reply *r) {
    char words[WORDS], code[64];
    const char *body = t->body.s ? t->body.s : "";
    remote__error_words(body, t->body.len, words, sizeof words, code, sizeof code);
    remote__hide(words, strlen(words), d->key, 1);
    if (status == 400 && !strcmp(code, "content_filter")) return filtered(r, code);
    if (status >= 300 && status <= 399) {
        remote__hide(t->location, strlen(t->location), d->key, 1);
        fail(&r->why, ERR_UNSUPPORTED, "%.120s answered %d and sends us on to \"%.150s\"; redirects are not followed", d->host,
             status, t->location);
    } else {
        fail(&r->why, status_error(status), "%.120s answered %d%s%s", d->host, status, words[0] ? ": " : "", words);
    }
    return remote__status_verdict(status, code);
}

static enum remote__verdict judge_body(struct remote__transfer *t, int status, const struct remote__door *d,
                                       struct chat_reply *r) {
    struct err e = ERR_INIT;
    char words[80];
    int inner = 0;
    const char *body = t->body.s ? t->body.s : "";
    int rc = remote__reply_parse(r, d->api, body, t->body.len, &inner, &e);
    if (rc == ERR_STATE) return judge_status(t, inner ? inner : status, d, r);
    if (rc == 0) {
        char *texts[] = {r->text, r->reasoning}, *cut[] = {r->finish_raw, r->model, r->fingerprint, r->provider};
        for (unsigned i = 0; i < sizeof texts / sizeof *texts; i++) remote__hide(texts[i], strlen(texts[i]), d->key, 0);
        for (unsigned i = 0; i < sizeof cut / sizeof *cut; i++) remote__hide(cut[i], strlen(cut[i]), d->key, 1);
        return REMOTE_DONE;
    }
    remote__printable(words, sizeof words, body, t->body.len < 4096 ? t->body.len : 4096, 1);
    remote__hide(words, strlen(words), d->key, 1);
    fail(&r->why, rc, "%.120s answered %d with what is no reply: %.160s; it says \"%s\"", d->host, status, e.msg, words);
    return remote__cut_off(body, t->body.len) ? REMOTE_AGAIN : REMOTE_FAILED;
}

static void keep_raw(struct chat_reply *r, const struct remote__transfer *t, const struct remote__door *d, size_t most) {
    size_t n = t->body.len < most ? t->body.len : most;
    if (!most || !(r->raw = malloc(n + 1))) return;
    if (n) memcpy(r->raw, t->body.s, n);
    r->raw[n] = 0;
    r->raw_n = n;
    remote__hide(r->raw, n, d->key, 1);
}

enum remote__verdict remote__transfer_judge(struct remote__transfer *t, CURLcode code, const struct remote__door *d,
                                            const struct chat_opts *o, struct chat_reply *r, double *wait_s, int *sent) {
    long status = 0, request = 0;
    curl_off_t us = 0;
    curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &status);
    curl_easy_getinfo(t->easy, CURLINFO_REQUEST_SIZE, &request);
    curl_easy_getinfo(t->easy, CURLINFO_TOTAL_TIME_T, &us);
    free(r->raw);
    r->raw = NULL, r->raw_n = 0;
    r->why = ERR_INIT;
    r->status = (int)status;
    r->latency_s = (double)us / 1e6;
    keep_raw(r, t, d, o->raw_bytes);
    *wait_s = remote__retry_after(t->after, t->after_ms, t->date, (int64_t)time(NULL));
    *sent = request > 0;
    if (code != CURLE_OK) return judge_broken(t, code, d, &r->why);
    return status >= 200 && status <= 299 ? judge_body(t, (int)status, d, r) : judge_status(t, (int)status, d, r);
}
