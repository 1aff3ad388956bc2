/* Opening, writing and closing. A put is checked, framed into a->out and written with one call; texts, contexts and measurements wait there
 * for the next put, since nothing refers to them before. What fails leaves the file as it was (archive_journal.c). */
#include "study/archive_int.h"
#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

enum { OUT_MAX = 256 << 10 };

/* ---- open and close ---- */

static char *name_with(const char *path, const char *end) {
    size_t n = strlen(path), m = strlen(end);
    char *s = malloc(n + m + 1);
    if (s) memcpy(s, path, n), memcpy(s + n, end, m + 1);
    return s;
}

static int set_names(struct archive *a, const char *path, struct err *e) {
    struct stat st;
    if (stat(path, &st) == 0 && !S_ISREG(st.st_mode))
        return fail_at(e, ERR_IO, path, -1, "expected an archive (a regular file), found something else");
    if (strlen(path) > 4000 || !*path) return fail_at(e, ERR_ARG, path, -1, "expected a path of 1 to 4000 bytes");
    a->path = realpath(path, NULL); /* a link is followed: its target is what a seal replaces */
    if (!a->path) a->path = strdup(path);
    a->journal = a->path ? name_with(a->path, ".journal") : NULL;
    a->measured = a->path ? name_with(a->path, ".measured") : NULL;
    return a->journal && a->measured ? 0 : fail(e, ERR_NOMEM, "no memory for an archive");
}

void archive_unload(struct archive *a) {
    if (a->fd >= 0) close(a->fd);
    a->fd = -1;
    sealed_close(&a->facts_file);
    sealed_close(&a->notes_file);
    keyed_free(&a->facts);
    keyed_free(&a->notes);
    texts_free(&a->texts);
    contexts_free(&a->contexts);
    str_free(&a->out);
    a->cut_bytes = 0, a->broken = 0, a->lost = 0;
}

static void archive_free(struct archive *a) {
    archive_unload(a);
    for (int i = 0; i < a->n_secrets; i++) {
        explicit_bzero(a->secrets[i], strlen(a->secrets[i]));
        free(a->secrets[i]);
    }
    str_free(&a->scratch);
    free(a->path);
    free(a->journal);
    free(a->measured);
    free(a);
}

int archive_new(struct archive **out, const char *path, enum archive_mode mode, struct err *e) {
    struct archive *a = calloc(1, sizeof *a);
    if (!a) return fail(e, ERR_NOMEM, "no memory for an archive");
    a->fd = -1;
    a->mode = mode;
    if (getrandom(&a->facts.salt, sizeof a->facts.salt, GRND_NONBLOCK) < 0) a->facts.salt = (uint64_t)getpid();
    int rc = set_names(a, path, e);
    if (rc < 0)
        archive_free(a);
    else
        *out = a;
    return rc;
}

int archive_open(struct archive **out, const char *path, enum archive_mode mode, struct err *e) {
    struct finder f = {.strict = e};
    struct archive *a;
    TRY(archive_new(&a, path, mode, e));
    int rc = archive_load_files(a, &f, e);
    if (rc < 0) {
        err_place(e, rc, a->path);
        struct stat st;
        if (mode == ARCHIVE_WRITE && a->fd >= 0 && fstat(a->fd, &st) == 0 && st.st_size == 0)
            unlink(a->journal); /* made just now */
        archive_free(a);
        return rc;
    }
    *out = a;
    return 0;
}

void archive_close(struct archive *a) {
    if (!a) return;
    if (a->mode == ARCHIVE_WRITE && a->fd >= 0 && !a->broken) {
        journal_flush(a, NULL);
        if (a->end == JOURNAL_HEADER && a->out.len == 0) unlink(a->journal); /* nothing new */
    }
    archive_free(a);
}

void archive_info(const struct archive *a, struct archive_info *out) {
    *out = (struct archive_info){.facts = (int64_t)a->facts.n,
                                 .notes = (int64_t)a->notes.n,
                                 .texts = (int64_t)a->texts.n,
                                 .contexts = (int64_t)a->contexts.n,
                                 .cut_bytes = a->cut_bytes,
                                 .lost = a->lost,
                                 .sealed = a->facts_file.open && a->end <= JOURNAL_HEADER && a->out.len == 0};
}

/* ---- writing ---- */

static int may_write(const struct archive *a, struct err *e) {
    if (a->mode != ARCHIVE_WRITE) return fail_at(e, ERR_STATE, a->path, -1, "the archive was opened for reading");
    if (a->busy) return fail_at(e, ERR_STATE, a->path, -1, "the archive cannot be written to while it is walked");
    if (a->broken)
        return fail_at(e, ERR_STATE, a->journal, -1, "an earlier write failed and could not be undone: open the archive again");
    return 0;
}

static int check_key(const char *key, struct err *e) {
    size_t n = strnlen(key, ARCHIVE_MAX_KEY + 1);
    int ok = n > 0 && n <= ARCHIVE_MAX_KEY;
    for (size_t i = 0; i < n && ok; i++) ok = key[i] > 32 && key[i] < 127;
    if (ok) return 0;
    return fail(e, ERR_ARG, "expected a key of 1 to %d printable characters without space, found \"%.80s\"", ARCHIVE_MAX_KEY,
                key);
}

/* Flushes if much is waiting; if that fails, the record added last (at out_len) is taken back. The index learns of a record after this,
 * in room that was made before. */
static int settle(struct archive *a, size_t out_len, size_t limit, struct err *e) {
    if (a->out.len <= limit) return 0;
    int rc = journal_flush(a, e);
    if (rc < 0) journal_forget(a, out_len);
    return rc;
}

static int keyed_put(struct archive *a, struct keyed *table, int type, const char *key, const json_t *value, struct err *e) {
    size_t k = strlen(key), was = a->out.len;
    unsigned char head[1 + ARCHIVE_MAX_KEY] = {(unsigned char)k};
    struct place at;
    TRY(keyed_room(table, k, type == RECORD_FACT, e));
    char *text = json_dumps(value, JSON_COMPACT | JSON_SORT_KEYS | JSON_ENCODE_ANY);
    if (!text) return fail(e, ERR_NOMEM, "no memory for the JSON of %s", key);
    memcpy(head + 1, key, k);
    size_t n = strlen(text);
    int rc = archive_check_secrets(a, text, n, e);
    if (rc >= 0) rc = archive_check_secrets(a, key, k, e);
    if (rc >= 0) rc = journal_add(a, type, head, 1 + k, text, n, &at, e);
    free(text);
    TRY(rc);
    TRY(settle(a, was, type == RECORD_FACT ? 0 : OUT_MAX, e));
    struct place json = {.at = at.at + 1 + (int64_t)k, .len = (uint32_t)n};
    return keyed_add(table, key, k, json, type == RECORD_FACT, e);
}

static int keep_ref(void *archive, int context, const char *hex, struct err *e) {
    struct archive *a = archive;
    struct keyed *k = &a->facts;
    TRY(archive_dangling(a, context, hex, e));
    TRY(array_room(&k->refs, &k->refs_cap, k->n_refs + 1, sizeof *k->refs, e));
    k->n_refs += archive_resolve(a, context, hex, &k->refs[k->n_refs], e) > 0;
    return 0;
}

int archive_put(struct archive *a, const char *key, const struct json_t *fact, struct err *e) {
    TRY(may_write(a, e));
    TRY(check_key(key, e));
    if (archive_has(a, key)) return fail_at(e, ERR_STATE, a->path, -1, "expected each key once, found %s again", key);
    struct keyed *k = &a->facts;
    size_t first = k->n_refs;
    int rc = archive_refs(fact, keep_ref, a, e);
    if (rc >= 0) rc = keyed_put(a, k, RECORD_FACT, key, fact, e);
    if (rc < 0) {
        k->n_refs = first;
        return rc;
    }
    k->at[k->n - 1].first_ref = first;
    k->at[k->n - 1].n_refs = (uint32_t)(k->n_refs - first);
    return rc;
}

int archive_note(struct archive *a, const char *key, const struct json_t *measurement, struct err *e) {
    TRY(may_write(a, e));
    TRY(check_key(key, e));
    return keyed_put(a, &a->notes, RECORD_NOTE, key, measurement, e);
}

int archive_flush(struct archive *a, struct err *e) {
    TRY(may_write(a, e));
    return journal_flush(a, e);
}

int archive_text(struct archive *a, const void *bytes, size_t n, struct archive_id *id, struct err *e) {
    struct archive_id own;
    struct place at;
    TRY(may_write(a, e));
    digest_bytes(bytes, n, own.b);
    if (texts_find(&a->texts, &own) < 0) {
        size_t was = a->out.len;
        TRY(archive_check_secrets(a, bytes, n, e));
        TRY(texts_room(&a->texts, e));
        TRY(journal_add(a, RECORD_TEXT, "", 0, bytes, n, &at, e));
        TRY(settle(a, was, OUT_MAX, e));
        TRY(texts_add(&a->texts, &own, at, e));
    }
    if (id) *id = own;
    return 0;
}

/* The ordinals of the parts, and the record. */
static int context_record(struct archive *a, int64_t parent, const struct archive_part *parts, int n, struct context_part *own,
                          struct err *e) {
    str_clear(&a->scratch);
    put_varint(&a->scratch, (uint64_t)(parent + 1));
    put_varint(&a->scratch, (uint64_t)n);
    for (int i = 0; i < n; i++) {
        char hex[ARCHIVE_ID_HEX], role = (char)parts[i].role;
        int64_t text = texts_find(&a->texts, &parts[i].text);
        archive_id_hex(parts[i].text, hex);
        if (text < 0) return fail(e, ERR_ARG, "expected the id of a stored text, found %s", hex);
        if ((unsigned)parts[i].role >= ARCHIVE_ROLES) return fail(e, ERR_ARG, "expected a role, found %d", (int)parts[i].role);
        own[i] = (struct context_part){.text = (uint32_t)text, .role = (uint8_t)parts[i].role};
        str_add(&a->scratch, &role, 1);
        put_varint(&a->scratch, (uint64_t)text);
    }
    return a->scratch.failed ? fail(e, ERR_NOMEM, "no memory for a context") : 0;
}

static int context_new(struct archive *a, int64_t parent, const struct archive_part *parts, int n, const struct archive_id *id,
                       struct err *e) {
    struct place at;
    size_t was = a->out.len;
    struct context_part *own = malloc((size_t)n * sizeof *own);
    if (!own) return fail(e, ERR_NOMEM, "no memory for a context");
    int rc = contexts_room(&a->contexts, (size_t)n, e);
    if (rc >= 0) rc = context_record(a, parent, parts, n, own, e);
    if (rc >= 0) rc = journal_add(a, RECORD_CONTEXT, "", 0, a->scratch.s, a->scratch.len, &at, e);
    if (rc >= 0) rc = settle(a, was, OUT_MAX, e);
    if (rc >= 0) rc = contexts_add(&a->contexts, id, (uint32_t)(parent + 1), own, (size_t)n, e);
    free(own);
    return rc;
}

static int is_none(const struct archive_id *id) {
    static const struct archive_id none;
    return memcmp(id, &none, sizeof none) == 0;
}

int archive_context(struct archive *a, struct archive_id parent, const struct archive_part *parts, int n, struct archive_id *id,
                    struct err *e) {
    struct archive_id own;
    TRY(may_write(a, e));
    if (n < 1) return fail(e, ERR_ARG, "expected one part or more to add to a context, found %d", n);
    int64_t up = is_none(&parent) ? -1 : contexts_find(&a->contexts, &parent);
    if (up < 0 && !is_none(&parent)) return fail(e, ERR_ARG, "expected the id of a stored context as parent, found another");
    archive_context_id(&parent, parts, (size_t)n, &own);
    if (contexts_find(&a->contexts, &own) < 0) TRY(context_new(a, up, parts, n, &own, e));
    if (id) *id = own;
    return 0;
}

int archive_sync(struct archive *a, struct err *e) {
    TRY(may_write(a, e));
    TRY(journal_flush(a, e));
    if (fdatasync(a->fd) == 0) return 0;
    return fail_at(e, ERR_IO, a->journal, -1, "cannot sync: %s", strerror(errno));
}
