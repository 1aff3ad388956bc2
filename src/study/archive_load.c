/* From files to tables: what archive_open and archive_verify do alike.
 *
 * The sealed files come first, then the journal, whose header names the sealed file that it continues. A seal that was interrupted between
 * its two renames is finished here, by the next writer; the journal's last record says with what. Measurements must be those of the sealed
 * facts: another archive's have the same keys, and a frozen reference among them would be taken for this one's. */
#include "study/archive_int.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- one record ---- */

static int key_ok(const unsigned char *p, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (p[i] < 33 || p[i] > 126) return 0;
    return n > 0;
}

static int load_keyed(struct archive *a, int type, const unsigned char *p, size_t n, struct place at, struct finder *f,
                      int64_t from, struct err *e) {
    size_t k = n ? p[0] : 0;
    char key[ARCHIVE_MAX_KEY + 1] = "";
    if (n < 1 + k || !key_ok(p + 1, k))
        return archive_found(f, from, -1, "", "expected a key of 1 to %d printable characters, found other bytes",
                             ARCHIVE_MAX_KEY);
    memcpy(key, p + 1, k);
    struct place json = {.at = at.at < 0 ? at.at - (int64_t)(1 + k) : at.at + (int64_t)(1 + k), .len = (uint32_t)(n - 1 - k)};
    if (type == RECORD_NOTE) return keyed_add(&a->notes, key, k, json, 0, e);
    if (keyed_find(&a->facts, key, k) >= 0) return archive_found(f, from, -1, key, "expected each key once, found it again");
    if (at.at < 0 && a->facts.n && strcmp(keyed_key(&a->facts, a->facts.n - 1), key) > 0)
        return archive_found(f, from, -1, key, "expected ascending keys, found it behind %s",
                             keyed_key(&a->facts, a->facts.n - 1));
    return keyed_add(&a->facts, key, k, json, 1, e);
}

static int load_text(struct archive *a, const unsigned char *p, size_t n, struct place at, struct finder *f, int64_t from,
                     struct err *e) {
    struct archive_id id;
    char hex[ARCHIVE_ID_HEX];
    digest_bytes(p, n, id.b);
    archive_id_hex(id, hex);
    if (texts_find(&a->texts, &id) >= 0) return archive_found(f, from, -1, hex, "expected each text once, found it again");
    return texts_add(&a->texts, &id, at, e);
}

static int load_parts(struct archive *a, struct cursor *c, uint64_t parent, uint64_t n, struct context_part *parts,
                      struct archive_part *full, struct finder *f, int64_t from, struct err *e) {
    struct archive_id id, up = {{0}};
    for (uint64_t i = 0; i < n; i++) {
        uint64_t text;
        uint8_t role = c->p < c->end ? *c->p++ : 255;
        if (role >= ARCHIVE_ROLES || get_varint(c, &text) < 0 || text >= a->texts.n)
            return archive_found(f, from, -1, "a context", "expected a role and a text that stands before, found other bytes");
        parts[i] = (struct context_part){.text = (uint32_t)text, .role = role};
        full[i] = (struct archive_part){.role = role, .text = a->texts.at[text].id};
    }
    if (c->p != c->end) return archive_found(f, from, -1, "a context", "expected its end, found more bytes");
    if (parent) up = a->contexts.at[parent - 1].id;
    archive_context_id(&up, full, n, &id);
    if (contexts_find(&a->contexts, &id) >= 0)
        return archive_found(f, from, -1, "a context", "expected each context once, found it again");
    return contexts_add(&a->contexts, &id, (uint32_t)parent, parts, n, e);
}

static int load_context(struct archive *a, const unsigned char *p, size_t n, struct finder *f, int64_t from, struct err *e) {
    struct cursor c = {p, p + n};
    uint64_t parent, count;
    if (get_varint(&c, &parent) < 0 || parent > a->contexts.n || get_varint(&c, &count) < 0 || count == 0 || count > n / 2)
        return archive_found(f, from, -1, "a context",
                             "expected a parent that stands before and a number of parts, found other bytes");
    struct context_part *parts = malloc(count * sizeof *parts);
    struct archive_part *full = malloc(count * sizeof *full);
    int rc =
        parts && full ? load_parts(a, &c, parent, count, parts, full, f, from, e) : fail(e, ERR_NOMEM, "no memory for a context");
    free(parts);
    free(full);
    return rc;
}

int archive_load_record(struct archive *a, int type, const unsigned char *p, size_t n, struct place at, struct finder *f,
                        int64_t from, struct err *e) {
    if (f->n > 0 && type == RECORD_CONTEXT) return 0; /* its texts may be among what is damaged */
    switch (type) {
    case RECORD_TEXT: return load_text(a, p, n, at, f, from, e);
    case RECORD_CONTEXT: return load_context(a, p, n, f, from, e);
    case RECORD_FACT:
    case RECORD_NOTE: return load_keyed(a, type, p, n, at, f, from, e);
    case RECORD_SEAL: return 0;
    }
    return archive_found(f, from, -1, "", "expected a record of a known type, found type %d", type);
}

/* ---- the files ---- */

struct loading {
    struct archive *a;
    struct finder *f;
    int unfinished;            /* a seal was interrupted between its names, and only a writer may finish it */
    int sealed_now, seal_seen; /* the journal's facts are in the sealed file already; the last record was a seal */
    int64_t seal_from;
    struct archive_id seal[2]; /* facts, measurements */
};

static int on_sealed(void *user, int type, const unsigned char *p, size_t n, struct place at, int64_t from, struct err *e) {
    struct loading *l = user;
    return archive_load_record(l->a, type, p, n, at, l->f, from, e);
}

static int on_journal(void *user, int type, const unsigned char *p, size_t n, int64_t at, struct err *e) {
    struct loading *l = user;
    l->seal_seen = type == RECORD_SEAL && n == sizeof l->seal;
    if (l->seal_seen) {
        memcpy(l->seal, p, sizeof l->seal);
        l->seal_from = at - RECORD_HEADER;
        return 0;
    }
    if (l->sealed_now && type != RECORD_NOTE) return 0;
    return archive_load_record(l->a, type, p, n, (struct place){.at = at, .len = (uint32_t)n}, l->f, at - RECORD_HEADER, e);
}

static int on_seal_only(void *user, int type, const unsigned char *p, size_t n, int64_t at, struct err *e) {
    struct loading *l = user;
    (void)e;
    l->seal_seen = type == RECORD_SEAL && n == sizeof l->seal;
    if (l->seal_seen) memcpy(l->seal, p, sizeof l->seal), l->seal_from = at - RECORD_HEADER;
    return 0;
}

static int load_sealed(struct loading *l, struct sealed *s, const char *path, const char *kind, struct err *e) {
    l->f->file = path;
    return file_exists(path) ? sealed_read(s, path, kind, on_sealed, l, l->f, e) : 0;
}

/* The sealed file is another than the journal's base: right if a seal got as far as replacing it, and then its measurements follow. */
static int finish_seal(struct loading *l, const struct archive_id *have, struct err *e) {
    struct archive *a = l->a;
    struct archive_id measured = {{0}};
    struct journal_end end;
    char tmp[4200];
    TRY(journal_scan(a->fd, on_seal_only, l, l->f, &end, e));
    if (!l->seal_seen || memcmp(have, &l->seal[0], sizeof *have) != 0)
        return fail_at(e, ERR_STATE, a->journal, -1,
                       "expected the journal of %s as it is, found one that continues another version of it", a->path);
    l->sealed_now = 1;
    sealed_id(a->measured, &measured);
    if (memcmp(&measured, &l->seal[1], sizeof measured) == 0) return 1;
    if (a->mode != ARCHIVE_WRITE) return 0; /* read the measurements from the journal */
    if (snprintf(tmp, sizeof tmp, "%s.sealing", a->measured) >= (int)sizeof tmp) return fail(e, ERR_LIMIT, "path too long");
    if (!sealed_id(tmp, &measured) || memcmp(&measured, &l->seal[1], sizeof measured) != 0 || rename(tmp, a->measured) < 0)
        return fail_at(e, ERR_IO, tmp, -1,
                       "expected the measurements of an interrupted seal, found none: the archive itself is whole");
    return 1;
}

static int load_journal(struct loading *l, struct err *e) {
    struct archive *a = l->a;
    struct journal_end end;
    l->f->file = a->journal;
    TRY(journal_scan(a->fd, on_journal, l, l->f, &end, e));
    if (l->seal_seen) { /* written, but nothing was renamed: the seal did not happen */
        end.good = l->seal_from;
        if (a->mode == ARCHIVE_WRITE && ftruncate(a->fd, end.good) < 0)
            return fail_at(e, ERR_IO, a->journal, -1, "cannot truncate: %s", strerror(errno));
        end.size = end.good;
    }
    if (end.damaged && l->f->fn)
        TRY(archive_found(l->f, end.good, end.size, "", "expected a record at the end, found damaged bytes"));
    a->cut_bytes += end.size - end.good;
    if (a->mode == ARCHIVE_WRITE && end.size > end.good && ftruncate(a->fd, end.good) < 0)
        return fail_at(e, ERR_IO, a->journal, -1, "cannot truncate: %s", strerror(errno));
    a->end = end.good;
    return 0;
}

/* How journal and sealed file fit. 1: the journal is still to be read, 0: what it held is sealed. */
static int match(struct loading *l, const struct archive_id *base, int empty, int *fresh, struct err *e) {
    struct archive_id have = {{0}};
    if (!sealed_id(l->a->path, &have) && file_exists(l->a->path))
        return fail_at(e, ERR_FORMAT, l->a->path, 0, "expected an archive, found a file of less than 32 bytes");
    *fresh = empty;
    if (empty || memcmp(&have, base, sizeof have) == 0) return !empty;
    int done = finish_seal(l, &have, e);
    TRY(done);
    l->unfinished = !done;
    *fresh = done && l->a->mode == ARCHIVE_WRITE;
    return !done;
}

/* What a writer that was killed while it sealed has left beside the names. */
static void remove_leftovers(const struct archive *a) {
    char name[4200];
    snprintf(name, sizeof name, "%s.sealing", a->path);
    unlink(name);
    snprintf(name, sizeof name, "%s.sealing", a->measured);
    unlink(name);
}

/* ---- measurements of these facts ---- */

/* A file of no bytes: whoever put it there goes on without the measurements. */
static int is_empty(const char *path) {
    struct stat st;
    return stat(path, &st) == 0 && S_ISREG(st.st_mode) && st.st_size == 0;
}

static int lost_measurements(struct loading *l, struct err *e) {
    struct archive *a = l->a;
    int given_up = is_empty(a->measured);
    a->lost = 1;
    if (l->f->fn)
        return archive_found(l->f, -1, -1, "",
                             "expected the measurements of the sealed facts, and with them frozen references, found %s",
                             given_up ? "an empty file" : "no file");
    if (given_up || a->mode != ARCHIVE_WRITE) return 0;
    return fail_at(e, ERR_STATE, a->measured, -1,
                   "expected the measurements of the sealed facts, and with them frozen references, found no file; put it back, "
                   "or, if it is "
                   "lost, go on without them by making an empty file of this name");
}

static int check_pair(struct loading *l, struct err *e) {
    struct archive *a = l->a;
    l->f->file = a->measured;
    if (l->unfinished) return 0;
    if (a->facts_file.open && !a->notes_file.open) return lost_measurements(l, e);
    if (!a->notes_file.open) return 0;
    if (!a->facts_file.open)
        return archive_found(l->f, -1, -1, "", "expected measurements beside sealed facts, found them without (%s)", a->path);
    if (memcmp(&a->notes_file.of, &a->facts_file.content, sizeof a->notes_file.of) == 0) return 0;
    return archive_found(l->f, 32, SEALED_HEADER, "header",
                         "expected the measurements that were sealed with these facts, found those of others");
}

int archive_load_files(struct archive *a, struct finder *f, struct err *e) {
    struct loading l = {.a = a, .f = f};
    struct archive_id base;
    int empty, fresh = 0;
    f->file = a->journal;
    TRY(journal_open(a, &base, &empty, e));
    if (a->fd < 0 && !file_exists(a->path))
        return fail_at(e, ERR_IO, a->path, -1, "expected an archive, found neither this file nor its journal (%s)", a->journal);
    int pending = match(&l, &base, empty, &fresh, e);
    TRY(pending);
    int before = f->n;
    TRY(load_sealed(&l, &a->facts_file, a->path, "facts", e));
    int whole = f->n == before;
    if (!is_empty(a->measured)) TRY(load_sealed(&l, &a->notes_file, a->measured, "measured", e));
    if (whole) TRY(check_pair(&l, e));
    a->end = JOURNAL_HEADER;
    if (pending) TRY(load_journal(&l, e));
    struct archive_id have = a->facts_file.file;
    if (a->mode == ARCHIVE_WRITE) remove_leftovers(a);
    return fresh && a->mode == ARCHIVE_WRITE ? journal_begin(a, &have, e) : 0;
}
