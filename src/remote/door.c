/* An endpoint, checked once: its address, its key, the headers of every request. The key lives here and in the header list, both of which
 * are overwritten at the end; errors name the variable it came from. */
#include "remote/remote_int.h"
#include <arpa/inet.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

static int curl_failed;
static void curl_start(void) { curl_failed = curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK; }

const char *remote__api_name(enum chat_api a) { return a == CHAT_ANTHROPIC ? "anthropic" : "openai"; }

/* By number, for "127.example.org" is not. */
static int is_local(const char *host) {
    struct in_addr a;
    return !strcmp(host, "localhost") || !strcmp(host, "[::1]") ||
           (inet_pton(AF_INET, host, &a) == 1 && ntohl(a.s_addr) >> 24 == 127);
}

/* A part of an address; NULL if it has none. To be freed by curl_free. */
static char *part(CURLU *u, CURLUPart what) {
    char *s = NULL;
    return curl_url_get(u, what, &s, 0) == CURLUE_OK ? s : NULL;
}

static int refuse_parts(CURLU *u, struct err *e) {
    static const struct {
        CURLUPart part;
        const char *name;
    } no[] = {{CURLUPART_USER, "a user"},
              {CURLUPART_PASSWORD, "a password"},
              {CURLUPART_QUERY, "a query"},
              {CURLUPART_FRAGMENT, "a fragment"}};
    for (unsigned i = 0; i < sizeof no / sizeof *no; i++) {
        char *s = part(u, no[i].part);
        curl_free(s);
        if (s) return fail(e, ERR_UNSUPPORTED, "the address has %s; supported is http(s)://host[:port][/path]", no[i].name);
    }
    return 0;
}

/* "/v1" + "/chat/completions", "/x/chat/completions" as it is */
static int put_path(struct str *url, const char *path, enum chat_api api) {
    const char *last = api == CHAT_ANTHROPIC ? "/messages" : "/chat/completions";
    size_t n = path ? strlen(path) : 0, k = strlen(last);
    while (n && path[n - 1] == '/') n--;
    if (!n) return str_printf(url, "/v1%s", last);
    return str_printf(url, "%.*s%s", (int)n, path, n >= k && !strncmp(path + n - k, last, k) ? "" : last);
}

static int put_address(struct remote__door *d, CURLU *u, struct err *e) {
    struct str url = {.max = 4096}, host = {.max = 512};
    char *scheme = part(u, CURLUPART_SCHEME), *name = part(u, CURLUPART_HOST), *port = part(u, CURLUPART_PORT),
         *path = part(u, CURLUPART_PATH);
    int rc = 0;
    if (!scheme || !name || (strcmp(scheme, "http") && strcmp(scheme, "https")))
        rc = fail(e, ERR_UNSUPPORTED, "expected an address http(s)://host[:port][/path], found the scheme \"%.20s\"",
                  scheme ? scheme : "");
    if (rc == 0) {
        str_printf(&host, "%s%s%s", name, port ? ":" : "", port ? port : "");
        str_printf(&url, "%s://%s", scheme, host.s ? host.s : "");
        put_path(&url, path, d->api);
        d->local = is_local(name);
        d->plain = !strcmp(scheme, "http");
        if (host.failed || url.failed) rc = fail(e, ERR_LIMIT, "the address is longer than 4096 bytes");
    }
    curl_free(scheme), curl_free(name), curl_free(port), curl_free(path);
    d->url = url.s, d->host = host.s;
    return rc;
}

/* Blanks and controls are refused here already: they would end up in an error's sentence. */
static int parse_address(struct remote__door *d, const char *text, struct err *e) {
    CURLU *u = curl_url();
    if (!u) return fail(e, ERR_NOMEM, "no memory for an address");
    int rc = 0;
    CURLUcode code = text ? curl_url_set(u, CURLUPART_URL, text, 0) : CURLUE_MALFORMED_INPUT;
    for (const char *s = text; s && *s; s++)
        if ((unsigned char)*s <= ' ' || *s == 127) code = CURLUE_MALFORMED_INPUT;
    if (code != CURLUE_OK) rc = fail(e, ERR_ARG, "expected an address http(s)://host[:port][/path]: %s", curl_url_strerror(code));
    if (rc == 0) rc = refuse_parts(u, e);
    if (rc == 0) rc = put_address(d, u, e);
    curl_url_cleanup(u);
    return rc;
}

static int put_header(struct remote__door *d, const char *name, const char *value, struct err *e) {
    struct str line = {0};
    str_printf(&line, "%s: %s", name, value);
    struct curl_slist *more = line.failed ? NULL : curl_slist_append(d->headers, line.s);
    if (line.s) explicit_bzero(line.s, line.len);
    str_free(&line);
    if (!more) return fail(e, ERR_NOMEM, "no memory for a request's headers");
    d->headers = more;
    return 0;
}

/* A key that was given in place of its name is not said. */
static int is_name(const char *s) {
    size_t n = strspn(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_0123456789");
    return n && n < 64 && !s[n] && (*s < '0' || *s > '9');
}

static int put_key(struct remote__door *d, const struct chat_endpoint *ep, struct err *e) {
    enum { PLACEHOLDER = 8 };
    if (!ep->key && !is_name(ep->key_env))
        return fail(e, ERR_ARG,
                    "expected the name of an environment variable with the key, found something that is none (not shown: "
                    "it may be the key)");
    const char *key = ep->key ? ep->key : getenv(ep->key_env), *from = ep->key ? "the key file" : ep->key_env;
    if (!key || !*key)
        return fail(e, ERR_ARG, "expected a key in %s%.80s, found none", ep->key ? "" : "the environment variable ", from);
    for (const char *s = key; *s; s++)
        if (*s <= ' ' || *s == 127)
            return fail(e, ERR_ARG, "the value of %.80s cannot be a key: it has blanks or characters that are not ASCII", from);
    if (d->plain && !d->local && !ep->plain_key)
        return fail(e, ERR_ARG, "the key in %.80s would go to %.100s unencrypted; use https%s%.40s", from, d->host,
                    ep->plain_how ? ", or allow it with " : "", ep->plain_how ? ep->plain_how : "");
    struct str bearer = {0};
    if (d->api == CHAT_OPENAI) str_puts(&bearer, "Bearer ");
    str_puts(&bearer, key);
    int rc = bearer.failed ? fail(e, ERR_NOMEM, "no memory for a request's headers")
                           : put_header(d, d->api == CHAT_OPENAI ? "Authorization" : "x-api-key", bearer.s, e);
    if (bearer.s) explicit_bzero(bearer.s, bearer.len);
    str_free(&bearer);
    if (rc == 0 && strlen(key) >= PLACEHOLDER && !(d->key = strdup(key))) rc = fail(e, ERR_NOMEM, "no memory for a key");
    return rc;
}

static int open_to_send(struct remote__door *d, const struct chat_endpoint *ep, struct err *e) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, curl_start);
    if (curl_failed) return fail(e, ERR_STATE, "libcurl cannot start");
    TRY(parse_address(d, ep->url, e));
    TRY(put_header(d, "Content-Type", "application/json", e));
    TRY(put_header(d, "Expect", "", e)); /* the body goes at once */
    if (d->api == CHAT_ANTHROPIC) TRY(put_header(d, "anthropic-version", "2023-06-01", e));
    return ep->key || (ep->key_env && *ep->key_env) ? put_key(d, ep, e) : 0;
}

int remote__door_open(struct remote__door *d, const struct chat_endpoint *ep, int never_sends, struct err *e) {
    *d = (struct remote__door){.api = ep->api, .completion_tokens = ep->completion_tokens};
    if (!ep->model || !*ep->model) return fail(e, ERR_ARG, "expected the name of a model to ask, found none");
    int rc = never_sends ? 0 : open_to_send(d, ep, e);
    if (rc == 0 && !d->url) d->url = strdup(""), d->host = strdup("");
    if (rc == 0) d->model = strdup(ep->model);
    if (rc == 0 && (!d->model || !d->url || !d->host)) rc = fail(e, ERR_NOMEM, "no memory for an endpoint");
    if (rc < 0) remote__door_close(d);
    return rc;
}

void remote__door_close(struct remote__door *d) {
    for (struct curl_slist *h = d->headers; h; h = h->next) explicit_bzero(h->data, strlen(h->data));
    curl_slist_free_all(d->headers);
    if (d->key) explicit_bzero(d->key, strlen(d->key));
    free(d->key), free(d->model), free(d->url), free(d->host);
    *d = (struct remote__door){0};
}
