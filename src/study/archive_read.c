/* Finding and walking. Payloads are read from where they lie; what was not yet written lies in a->out. */
#include "study/archive_int.h"
#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int journal_bytes(struct archive *a, struct place at, struct str *out, struct err *e) {
    char *to = malloc(at.len + (size_t)1);
    if (!to) return fail(e, ERR_NOMEM, "no memory for a record of %u bytes", at.len);
    size_t done = 0;
    while (done < at.len) {
        ssize_t got = pread(a->fd, to + done, at.len - done, at.at + (int64_t)done);
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) {
            free(to);
            return fail_at(e, ERR_IO, a->journal, at.at, "cannot read a record: %s",
                           got < 0 ? strerror(errno) : "the file ended");
        }
        done += (size_t)got;
    }
    str_clear(out);
    int rc = str_add(out, to, done);
    free(to);
    return rc < 0 ? fail(e, ERR_NOMEM, "no memory for a record of %u bytes", at.len) : 0;
}

int archive_bytes(struct archive *a, int notes, struct place at, struct str *out, struct err *e) {
    if (at.at < 0) return sealed_bytes(notes ? &a->notes_file : &a->facts_file, at, out, e);
    if (at.at < a->end) return journal_bytes(a, at, out, e);
    str_clear(out);
    return str_add(out, a->out.s + (at.at - a->end), at.len) < 0 ? fail(e, ERR_NOMEM, "no memory for a record") : 0;
}

int archive_has(const struct archive *a, const char *key) { return keyed_find(&a->facts, key, strlen(key)) >= 0; }

int archive_find(struct archive *a, const char *key, struct json_t **out, struct err *e) {
    struct str text = {.max = ARCHIVE_MAX_RECORD + 1};
    int64_t i = keyed_find(&a->facts, key, strlen(key));
    if (i < 0) {
        *out = NULL;
        return 0;
    }
    int rc = archive_bytes(a, 0, a->facts.at[i].json, &text, e);
    if (rc >= 0) rc = archive_parse_json(text.s, text.len, out, e);
    str_free(&text);
    return rc < 0 ? err_place(e, rc, a->path) : 0;
}

/* The first place in the order whose key is not before `prefix`. */
static size_t lower_bound(const struct keyed *k, const char *prefix) {
    size_t lo = 0, hi = k->n;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (strcmp(keyed_key(k, k->order[mid]), prefix) < 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

static int each(struct archive *a, struct keyed *k, const char *prefix, archive_fn *fn, void *user, struct err *e) {
    struct str text = {.max = ARCHIVE_MAX_RECORD + 1};
    size_t n = prefix ? strlen(prefix) : 0;
    int rc = keyed_sort(k, e);
    a->busy++;
    for (size_t i = rc >= 0 ? lower_bound(k, prefix ? prefix : "") : k->n; i < k->n && rc == 0; i++) {
        const struct keyed_entry *at = &k->at[k->order[i]];
        const char *key = k->keys + at->key;
        if (n && strncmp(key, prefix, n) != 0) break;
        rc = archive_bytes(a, k == &a->notes, at->json, &text, e);
        if (rc >= 0) rc = fn(user, key, text.s ? text.s : "", text.len, e);
    }
    a->busy--;
    str_free(&text);
    return rc < 0 ? err_place(e, rc, a->path) : rc;
}

int archive_each(struct archive *a, const char *prefix, archive_fn *fn, void *user, struct err *e) {
    return each(a, &a->facts, prefix, fn, user, e);
}
int archive_each_note(struct archive *a, const char *prefix, archive_fn *fn, void *user, struct err *e) {
    return each(a, &a->notes, prefix, fn, user, e);
}

int archive_text_get(struct archive *a, struct archive_id id, struct str *out, struct err *e) {
    char hex[ARCHIVE_ID_HEX];
    int64_t i = texts_find(&a->texts, &id);
    archive_id_hex(id, hex);
    if (i < 0) return fail_at(e, ERR_ARG, a->path, -1, "expected the id of a stored text, found %s", hex);
    return archive_bytes(a, 0, a->texts.at[i].bytes, out, e);
}

/* ---- contexts ---- */

/* *at: its number + 1; 0 for the empty one. */
static int find_context(const struct archive *a, const struct archive_id *id, uint32_t *at, struct err *e) {
    static const struct archive_id none;
    char hex[ARCHIVE_ID_HEX];
    int64_t i = contexts_find(&a->contexts, id);
    *at = i < 0 ? 0 : (uint32_t)i + 1;
    if (i >= 0 || !memcmp(id, &none, sizeof none)) return 0;
    archive_id_hex(*id, hex);
    return fail_at(e, ERR_ARG, a->path, -1, "expected the id of a stored context, found %s", hex);
}

int archive_context_parts(struct archive *a, struct archive_id id, struct archive_part **parts, int *n, struct err *e) {
    const struct context_table *t = &a->contexts;
    uint32_t leaf;
    size_t total = 0;
    TRY(find_context(a, &id, &leaf, e));
    for (uint32_t c = leaf; c; c = t->at[c - 1].parent) total += t->at[c - 1].n;
    if (total > INT32_MAX / sizeof **parts) return fail(e, ERR_LIMIT, "a context of %zu parts is too long", total);
    struct archive_part *all = malloc((total + 1) * sizeof *all);
    if (!all) return fail(e, ERR_NOMEM, "no memory for %zu parts", total);
    size_t to = total;
    for (uint32_t c = leaf; c; c = t->at[c - 1].parent) {
        const struct context_entry *at = &t->at[c - 1];
        to -= at->n;
        for (uint32_t i = 0; i < at->n; i++) {
            const struct context_part *p = &t->parts[at->first + i];
            all[to + i] = (struct archive_part){.role = p->role, .text = a->texts.at[p->text].id};
        }
    }
    *parts = all;
    *n = (int)total;
    return 0;
}

int archive_context_step(struct archive *a, struct archive_id id, struct archive_id *parent, int *n, struct err *e) {
    uint32_t at;
    TRY(find_context(a, &id, &at, e));
    uint32_t up = at ? a->contexts.at[at - 1].parent : 0;
    *parent = up ? a->contexts.at[up - 1].id : (struct archive_id){{0}};
    *n = at ? (int)a->contexts.at[at - 1].n : 0;
    return 0;
}
