/* A file of conversations: index, check and order. The order of an epoch is a permutation that is computed for one place at a time (a
 * Feistel network over the next even number of bits, walked until it is below n), so no order is stored and none has to be restored. */
#include "decode/docfile.h"
#include "base/hash.h"
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- one document ---- */

/* One piece of a content; *from: the end of the one before. */
static int piece_check(const json_t *piece, const char *content, size_t bytes, size_t *from, struct err *e) {
    const json_t *a = json_object_get(piece, "from"), *b = json_object_get(piece, "to"), *of = json_object_get(piece, "of");
    json_int_t lo = json_integer_value(a), hi = json_integer_value(b);
    double sum = 0;
    int own = 0;
    const char *text;
    json_t *chance;
    if (!json_is_integer(a) || !json_is_integer(b) || lo < (json_int_t)*from || hi <= lo || hi > (json_int_t)bytes)
        return fail(e, ERR_FORMAT, "expected \"from\" below \"to\", from %zu to %zu, found %lld and %lld", *from, bytes,
                    (long long)lo, (long long)hi);
    if (json_object_size(of) > DOCFILE_DRAWN)
        return fail(e, ERR_LIMIT, "expected at most %d texts, found %zu", (int)DOCFILE_DRAWN, json_object_size(of));
    json_object_foreach((json_t *)(uintptr_t)of, text, chance) {
        double p = json_number_value(chance);
        if (!(p > 0 && p <= 1))
            return fail(e, ERR_FORMAT, "expected chances above 0 and up to 1, found another for \"%.40s\"", text);
        own += strlen(text) == (size_t)(hi - lo) && !memcmp(text, content + lo, (size_t)(hi - lo));
        sum += p;
    }
    if (!own || fabs(sum - 1) > 1e-6)
        return fail(e, ERR_FORMAT,
                    "expected an object \"of\" with the text from %lld to %lld and chances that sum to 1, found %s",
                    (long long)lo, (long long)hi, own ? "another sum" : "no such text");
    *from = (size_t)hi;
    return 0;
}

static int drawn_check(const json_t *m, size_t i, int assistant, struct err *e) {
    const json_t *list = json_object_get(m, "drawn");
    const char *content = json_string_value(json_object_get(m, "content"));
    size_t k, from = 0, bytes = json_string_length(json_object_get(m, "content"));
    json_t *piece;
    if (!list) return 0;
    if (!json_is_array(list) || !assistant)
        return fail(e, ERR_FORMAT, "message %zu: expected a list \"drawn\" only in messages of the assistant, found %s", i,
                    assistant ? "no list" : "one elsewhere");
    json_array_foreach(list, k, piece) {
        struct err x = ERR_INIT;
        int rc = piece_check(piece, content, bytes, &from, &x);
        if (rc < 0) return fail(e, rc, "message %zu, piece %zu drawn: %s", i, k, x.msg);
    }
    return 0;
}

static int message_check(const json_t *m, size_t i, int *replies, struct err *e) {
    static const char *const roles[] = {"system", "user", "assistant"};
    const char *role = json_string_value(json_object_get(m, "role"));
    int k = 0;
    if (!role) return fail(e, ERR_FORMAT, "message %zu: expected an object with a string \"role\"", i);
    while (k < 3 && strcmp(role, roles[k])) k++;
    if (k == 3) return fail(e, ERR_FORMAT, "message %zu: expected the role system, user or assistant, found \"%.40s\"", i, role);
    if (!json_is_string(json_object_get(m, "content")))
        return fail(e, ERR_FORMAT, "message %zu: expected a string \"content\"", i);
    *replies += k == 2;
    return drawn_check(m, i, k == 2, e);
}

static int messages_check(const json_t *list, struct err *e) {
    int replies = 0;
    size_t i;
    json_t *m;
    if (!json_is_array(list) || !json_array_size(list))
        return fail(e, ERR_FORMAT, "expected an object with a list \"messages\" of at least one");
    json_array_foreach(list, i, m) TRY(message_check(m, i, &replies, e));
    return replies ? 0 : fail(e, ERR_FORMAT, "expected at least one message of the assistant, found none");
}

static int line_read(const unsigned char *s, size_t n, json_t **out, struct err *e) {
    json_error_t je;
    json_t *o = json_loadb((const char *)s, n, JSON_REJECT_DUPLICATES, &je);
    if (!o) return fail(e, ERR_FORMAT, "expected a JSON object: %.200s (byte %d of the line)", je.text, je.position);
    *out = json_incref(json_object_get(o, "messages"));
    json_decref(o);
    int rc = messages_check(*out, e);
    if (rc < 0) json_decref(*out);
    return rc;
}

int docfile_place(const struct docfile *d, int64_t line, int rc, struct err *e) {
    if (rc < 0 && e && !e->where[0]) {
        err_place(e, rc, d->path);
        e->at = line + 1;
    }
    return rc;
}

int docfile_messages(const struct docfile *d, int64_t line, json_t **out, struct err *e) {
    return docfile_place(d, line, line_read(d->map.data + d->at[line], d->at[line + 1] - d->at[line], out, e), e);
}

/* ---- the file ---- */

static int push(struct docfile *d, int64_t *cap, uint64_t at, struct err *e) {
    if (d->n + 1 >= *cap) {
        int64_t want = *cap * 2 + 1024;
        uint64_t *p = realloc(d->at, (size_t)want * sizeof *p);
        if (!p) return fail_at(e, ERR_NOMEM, d->path, -1, "out of memory for the places of %lld documents", (long long)want);
        d->at = p, *cap = want;
    }
    d->at[d->n] = at;
    return 0;
}

/* Lengths first: a line that is too long is not parsed. */
static int index_lines(struct docfile *d, struct err *e) {
    int64_t cap = 0;
    for (size_t from = 0; from < d->map.size;) {
        const unsigned char *s = d->map.data + from, *end = memchr(s, '\n', d->map.size - from);
        size_t n = end ? (size_t)(end - s) + 1 : d->map.size - from;
        if (n > DOCFILE_LINE)
            return docfile_place(d, d->n,
                                 fail(e, ERR_LIMIT, "expected a line of at most %d bytes, found %zu", (int)DOCFILE_LINE, n), e);
        TRY(push(d, &cap, from, e));
        json_t *messages;
        TRY(docfile_place(d, d->n, line_read(s, n, &messages, e), e));
        json_decref(messages);
        from += n;
        d->n++;
    }
    return push(d, &cap, d->map.size, e);
}

static int keep_some(struct docfile *d, struct err *e) {
    d->n_valid = d->n / 100 > DOCFILE_VALID ? d->n / 100 : DOCFILE_VALID;
    if (d->n > d->n_valid) return 0;
    return fail_at(e, ERR_LIMIT, d->path, -1, "expected more than %d documents (the last %d are for validation), found %lld",
                   (int)DOCFILE_VALID, (int)DOCFILE_VALID, (long long)d->n);
}

int docfile_open(struct docfile *d, const char *path, struct err *e) {
    *d = (struct docfile){.hash = HASH_START};
    if (snprintf(d->path, sizeof d->path, "%s", path) >= (int)sizeof d->path)
        return fail(e, ERR_LIMIT, "path of %.60s is too long", path);
    TRY(map_open(&d->map, path, e));
    int rc = index_lines(d, e);
    if (rc >= 0) rc = keep_some(d, e);
    if (rc < 0) return docfile_close(d), rc;
    d->hash = hash_mix(hash_bytes(d->hash, d->map.data, d->map.size));
    return 0;
}

void docfile_close(struct docfile *d) {
    map_close(&d->map);
    free(d->at);
    *d = (struct docfile){0};
}

/* ---- the order ---- */

static uint64_t shuffled(uint64_t i, uint64_t n, const uint64_t key[4]) {
    int half = 1;
    while (half < 31 && (UINT64_C(1) << (2 * half)) < n) half++;
    const uint64_t mask = (UINT64_C(1) << half) - 1;
    do { /* a permutation of 2^(2·half) places: from a place below n it comes back below n */
        uint64_t left = i >> half, right = i & mask;
        for (int k = 0; k < 4; k++) {
            uint64_t next = left ^ (hash_mix(right ^ key[k]) & mask);
            left = right, right = next;
        }
        i = left << half | right;
    } while (i >= n);
    return i;
}

int64_t docfile_pick(const struct docfile *d, uint64_t seed, int stage, int valid, int64_t i) {
    int64_t n = valid ? d->n_valid : d->n - d->n_valid;
    const uint64_t path[] = {seed, (uint64_t)stage, (uint64_t)valid, (uint64_t)(i / n)};
    uint64_t key[4], h = HASH_START;
    for (int k = 0; k < 4; k++) h = hash_bytes(h, &path[k], sizeof path[k]);
    for (int k = 0; k < 4; k++) key[k] = hash_mix(h + (uint64_t)k * UINT64_C(0x9e3779b97f4a7c15));
    return (valid ? d->n - n : 0) + (int64_t)shuffled((uint64_t)(i % n), (uint64_t)n, key);
}
