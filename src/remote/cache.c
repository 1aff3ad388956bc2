/* The cache is a file of rows and a table from keys to places in it: texts stay on disk, forty bytes a reply in memory. Rows go through
 * base/sink (one write each, a torn end cut off at opening); a lock on the file keeps a second writer out, so that the place of a new row
 * is known. Rows are read with suspicion all the same: the file may have been edited, or be another file. */
#include "remote/cache.h"
#include "base/sink.h"
#include "base/str.h"
#include "remote/remote_int.h"
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { MAX_ROW = 64 << 20 };

struct slot {
    struct chat_key key;
    int64_t at, n; /* n 0: empty */
};

struct chat_cache {
    int fd, replay;
    char *path;
    struct sink *rows; /* NULL: replay */
    int64_t size;      /* of the file */
    struct slot *slots;
    size_t n, cap; /* cap: a power of two, at least 4/3 n */
};

/* ---- the table ---- */

static struct slot *slot_of(const struct chat_cache *c, const struct chat_key *k) {
    size_t i = (size_t)k->h[0] & (c->cap - 1);
    while (c->slots[i].n && memcmp(&c->slots[i].key, k, sizeof *k) != 0) i = (i + 1) & (c->cap - 1);
    return &c->slots[i];
}

static int table_grow(struct chat_cache *c, struct err *e) {
    struct chat_cache bigger = *c;
    bigger.cap = c->cap ? 2 * c->cap : 256;
    bigger.slots = calloc(bigger.cap, sizeof *bigger.slots);
    if (!bigger.slots) return fail_at(e, ERR_NOMEM, c->path, -1, "no memory for the index of a cache");
    for (size_t i = 0; i < c->cap; i++)
        if (c->slots[i].n) *slot_of(&bigger, &c->slots[i].key) = c->slots[i];
    free(c->slots);
    *c = bigger;
    return 0;
}

static int table_put(struct chat_cache *c, const struct chat_key *k, int64_t at, int64_t n, struct err *e) {
    if (4 * (c->n + 1) > 3 * c->cap) TRY(table_grow(c, e));
    struct slot *s = slot_of(c, k);
    c->n += !s->n;
    *s = (struct slot){.key = *k, .at = at, .n = n};
    return 0;
}

/* ---- rows ---- */

static void key_text(char out[40], const struct chat_key *k) { snprintf(out, 40, "%016" PRIx64 "%016" PRIx64, k->h[0], k->h[1]); }

static int hex16(uint64_t *out, const char *s) {
    uint64_t v = 0;
    for (int i = 0; i < 16; i++) {
        int d = s[i] >= '0' && s[i] <= '9' ? s[i] - '0' : s[i] >= 'a' && s[i] <= 'f' ? s[i] - 'a' + 10 : -1;
        if (d < 0) return -1;
        v = v << 4 | (unsigned)d;
    }
    *out = v;
    return 0;
}

static int row_key(struct chat_key *k, const json_t *o) {
    const char *row = json_string_value(json_object_get(o, "row")), *key = json_string_value(json_object_get(o, "key"));
    const json_t *bytes = json_object_get(o, "bytes");
    if (!row || strcmp(row, "reply") != 0 || !key || strlen(key) != 32 || !json_is_integer(bytes)) return -1;
    *k = (struct chat_key){.bytes = json_integer_value(bytes)};
    return hex16(&k->h[0], key) < 0 || hex16(&k->h[1], key + 16) < 0 ? -1 : 0;
}

static int put_finish(struct chat_reply *r, const char *name) {
    for (int f = CHAT_FINISH_NONE; name && f <= CHAT_FINISH_OTHER; f++)
        if (!strcmp(name, chat_finish_name((enum chat_finish)f))) {
            r->finish = (enum chat_finish)f;
            return 0;
        }
    return -1;
}

static void put_field(char *out, size_t size, const json_t *o, const char *name) {
    const char *s = json_string_value(json_object_get(o, name));
    snprintf(out, size, "%s", s ? s : "");
}

static int64_t tokens(const json_t *o, const char *name) {
    const json_t *v = json_object_get(o, name);
    return json_is_integer(v) && json_integer_value(v) >= 0 ? json_integer_value(v) : -1;
}

/* The reply of a row; ERR_FORMAT if something that must be there is not. */
static int row_reply(struct chat_reply *r, const json_t *o, struct err *e) {
    const char *text = json_string_value(json_object_get(o, "text")),
               *thought = json_string_value(json_object_get(o, "reasoning"));
    const json_t *m = json_object_get(o, "measured");
    *r = (struct chat_reply){.cached = 1, .why = ERR_INIT};
    if (!text || put_finish(r, json_string_value(json_object_get(o, "finish"))) < 0)
        return fail(e, ERR_FORMAT, "expected a stored reply with \"text\" and \"finish\", found none");
    put_field(r->finish_raw, sizeof r->finish_raw, o, "finish_raw");
    put_field(r->model, sizeof r->model, o, "model");
    put_field(r->fingerprint, sizeof r->fingerprint, o, "fingerprint");
    put_field(r->provider, sizeof r->provider, o, "provider");
    r->tokens_in = tokens(o, "tokens_in");
    r->tokens_out = tokens(o, "tokens_out");
    r->status = (int)json_integer_value(json_object_get(m, "status"));
    r->attempts = (int)json_integer_value(json_object_get(m, "attempts"));
    r->latency_s = json_number_value(json_object_get(m, "latency_s"));
    r->waited_s = json_number_value(json_object_get(m, "waited_s"));
    r->text = strdup(text);
    r->reasoning = strdup(thought ? thought : "");
    if (r->text && r->reasoning) return 0;
    chat_reply_fini(r);
    return fail(e, ERR_NOMEM, "no memory for a reply's text");
}

static int line_key(struct chat_key *k, const char *line, size_t n, struct err *e) {
    json_t *o = remote__json(line, n, e);
    if (!o) return ERR_FORMAT;
    int rc = row_key(k, o) < 0 ? fail(e, ERR_FORMAT, "expected a row \"reply\" with \"key\" and \"bytes\", found another") : 0;
    json_decref(o);
    return rc;
}

/* ---- opening ---- */

/* One whole line, newline included, is indexed. */
static int scan_line(struct chat_cache *c, const struct str *line, int64_t number, struct err *e) {
    struct err why = ERR_INIT;
    struct chat_key k;
    int rc = line_key(&k, line->s, line->len - 1, &why);
    if (rc < 0) return fail_at(e, rc, c->path, number, "%s", why.msg);
    TRY(table_put(c, &k, c->size, (int64_t)line->len, e));
    c->size += (int64_t)line->len;
    return 0;
}

/* What a kill left of a row begins as rows do. Anything else is another file, and is not cut off. */
static int check_torn(const struct chat_cache *c, const struct str *line, int64_t number, struct err *e) {
    static const char begin[] = "{\"row\":\"reply\",";
    size_t n = line->len < sizeof begin - 1 ? line->len : sizeof begin - 1;
    if (!n || !memcmp(line->s, begin, n)) return 0;
    return fail_at(e, ERR_FORMAT, c->path, number, "expected stored replies, one JSON row a line, found something else");
}

/* Indexes the file; a torn last line is left to whoever writes next. */
static int scan(struct chat_cache *c, struct err *e) {
    static const size_t chunk = 1 << 16;
    struct str line = {.max = MAX_ROW};
    char *buf = malloc(chunk);
    int64_t at = 0, number = 1;
    ssize_t n = 0;
    int rc = buf ? 0 : fail_at(e, ERR_NOMEM, c->path, -1, "no memory for the index of a cache");
    while (rc == 0 && (n = pread(c->fd, buf, chunk, at)) > 0) {
        for (ssize_t i = 0; rc == 0 && i < n;) {
            const char *end = memchr(buf + i, '\n', (size_t)(n - i));
            size_t k = end ? (size_t)(end - (buf + i)) + 1 : (size_t)(n - i);
            if (str_add(&line, buf + i, k) < 0)
                rc = fail_at(e, ERR_LIMIT, c->path, number, "expected rows of at most %d bytes, found a longer one", MAX_ROW);
            if (rc == 0 && end && (rc = scan_line(c, &line, number++, e)) == 0) str_clear(&line);
            i += (ssize_t)k;
        }
        at += n;
    }
    if (rc == 0 && n < 0) rc = fail_at(e, ERR_IO, c->path, -1, "cannot read: %s", strerror(errno));
    if (rc == 0) rc = check_torn(c, &line, number, e);
    str_free(&line);
    free(buf);
    return rc;
}

static int open_file(struct chat_cache *c, struct err *e) {
    struct stat st;
    c->fd = c->replay ? open(c->path, O_RDONLY | O_CLOEXEC) : open(c->path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (c->fd < 0) return fail_at(e, ERR_IO, c->path, -1, "cannot open stored replies: %s", strerror(errno));
    if (fstat(c->fd, &st) < 0 || !S_ISREG(st.st_mode))
        return fail_at(e, ERR_IO, c->path, -1, "expected a regular file for stored replies, found another kind");
    if (!c->replay && flock(c->fd, LOCK_EX | LOCK_NB) < 0)
        return fail_at(e, ERR_BUSY, c->path, -1, "another process stores replies there");
    return 0;
}

int chat_cache_open(struct chat_cache **out, const char *path, enum chat_cache_mode mode, struct err *e) {
    struct chat_cache *c = calloc(1, sizeof *c);
    if (!c) return fail_at(e, ERR_NOMEM, path, -1, "no memory for a cache");
    *c = (struct chat_cache){.fd = -1, .replay = mode == CHAT_CACHE_REPLAY, .path = strdup(path)};
    int rc = c->path ? 0 : fail_at(e, ERR_NOMEM, path, -1, "no memory for a cache");
    if (rc == 0) rc = open_file(c, e);
    if (rc == 0) rc = table_grow(c, e);
    if (rc == 0) rc = scan(c, e);
    if (rc == 0 && !c->replay) rc = sink_jsonl_open(&c->rows, path, 1, e); /* after the scan: a foreign file is not cut */
    if (rc < 0)
        chat_cache_close(c);
    else
        *out = c;
    return rc;
}

void chat_cache_close(struct chat_cache *c) {
    if (!c) return;
    sink_close(c->rows);
    if (c->fd >= 0) close(c->fd);
    free(c->slots), free(c->path);
    free(c);
}

int64_t chat_cache_size(const struct chat_cache *c) { return (int64_t)c->n; }
int chat_cache_replays(const struct chat_cache *c) { return c->replay; }
const char *chat_cache_path(const struct chat_cache *c) { return c->path; }

/* ---- use ---- */

static int read_row(struct chat_cache *c, const struct slot *s, char *line, struct chat_reply *out, struct err *e) {
    struct err why = ERR_INIT;
    struct chat_key k;
    if (pread(c->fd, line, (size_t)s->n, s->at) != s->n)
        return fail_at(e, ERR_IO, c->path, s->at, "a stored reply cannot be read");
    json_t *o = remote__json(line, (size_t)s->n, &why);
    int rc = o ? 0 : ERR_FORMAT;
    if (rc == 0 && (row_key(&k, o) < 0 || memcmp(&k, &s->key, sizeof k) != 0))
        rc = fail(&why, ERR_FORMAT, "the file was changed: another row stands where a reply was stored");
    if (rc == 0) rc = row_reply(out, o, &why);
    json_decref(o);
    return rc < 0 ? fail_at(e, rc, c->path, s->at, "%s", why.msg) : 1;
}

int chat_cache_find(struct chat_cache *c, const struct chat_key *k, struct chat_reply *out, struct err *e) {
    const struct slot *s = slot_of(c, k);
    if (!s->n) return 0;
    char *line = malloc((size_t)s->n);
    if (!line) return fail_at(e, ERR_NOMEM, c->path, s->at, "no memory for a stored reply");
    int rc = read_row(c, s, line, out, e);
    free(line);
    return rc;
}

#define M_TEXT(nm, x) ((struct field){.name = (nm), .type = FIELD_TEXT, .measure = 1, .v.s = (x)})

static int write_row(struct chat_cache *c, const struct chat_key *k, enum chat_api api, const struct chat_reply *r,
                     struct err *e) {
    char key[40], when[32] = "";
    struct tm utc;
    time_t now = time(NULL);
    if (gmtime_r(&now, &utc)) strftime(when, sizeof when, "%Y-%m-%dT%H:%M:%SZ", &utc);
    key_text(key, k);
    const struct field f[] = {F_TEXT("key", key),
                              F_INT("bytes", k->bytes),
                              F_TEXT("api", remote__api_name(api)),
                              F_TEXT("text", r->text),
                              F_TEXT("reasoning", r->reasoning),
                              F_TEXT("finish", chat_finish_name(r->finish)),
                              F_TEXT("finish_raw", r->finish_raw),
                              F_TEXT("model", r->model),
                              F_TEXT("fingerprint", r->fingerprint),
                              F_TEXT("provider", r->provider),
                              F_INT("tokens_in", r->tokens_in),
                              F_INT("tokens_out", r->tokens_out),
                              M_TEXT("time", when),
                              M_INT("status", r->status),
                              M_INT("attempts", r->attempts),
                              M_REAL("latency_s", r->latency_s),
                              M_REAL("waited_s", r->waited_s)};
    return sink_row(c->rows, "reply", f, (int)(sizeof f / sizeof *f), e);
}

int chat_cache_put(struct chat_cache *c, const struct chat_key *k, enum chat_api api, const struct chat_reply *r, struct err *e) {
    struct stat st;
    if (c->replay) return fail_at(e, ERR_STATE, c->path, -1, "replies are only read here");
    TRY(write_row(c, k, api, r, e));
    if (fstat(c->fd, &st) < 0) return fail_at(e, ERR_IO, c->path, -1, "cannot tell its length: %s", strerror(errno));
    int64_t at = c->size;
    c->size = st.st_size;
    return table_put(c, k, at, c->size - at, e);
}
