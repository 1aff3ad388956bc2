/* Sealing: the same facts give the same bytes, whatever happened while they came in.
 *
 * Facts are walked in the order of their keys. The texts and contexts to which they refer are numbered as this walk first meets them
 * (parents before children), so the numbering depends on the facts alone, and what belongs to one run lies together; what no fact refers
 * to, such as the prompt of a turn that a kill cut short, is left out. Records are packed in frames of about 256 KiB by one thread at a
 * fixed level, so the compressor has no freedom either.
 *
 * Both files are written whole beside their names and synced; then the journal gets a last record with their hashes and is synced; then
 * the names are exchanged and the journal is removed. Whoever opens the archive after a kill in between can tell how far this got
 * (archive_load.c). */
#include "study/archive_int.h"
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zstd.h>

enum { ZSTD_LEVEL = 7 };

/* ---- one file ---- */

struct sealer {
    char *path; /* temporary */
    FILE *f;
    uint64_t at, frames, counts[4];
    uint32_t records; /* in the frame */
    struct str frame, index;
    char label[ARCHIVE_MAX_KEY + 1];
    struct digest file, content;
    ZSTD_CCtx *zstd;
    char *packed;
    size_t packed_cap;
    struct archive_id sum; /* of all records, at the end */
};

static int put_out(struct sealer *s, const void *p, size_t n, struct err *e) {
    if (n && fwrite(p, 1, n, s->f) != n) return fail_at(e, ERR_IO, s->path, -1, "cannot write: %s", strerror(errno));
    digest_add(&s->file, p, n);
    s->at += n;
    return 0;
}

static void sealer_close(struct sealer *s, int keep) {
    if (s->f) fclose(s->f);
    if (s->f && !keep) unlink(s->path);
    ZSTD_freeCCtx(s->zstd);
    str_free(&s->frame);
    str_free(&s->index);
    free(s->packed);
    free(s->path);
    *s = (struct sealer){0};
}

/* of: what the header names beside the kind; NULL: nothing. */
static int sealer_open(struct sealer *s, const char *path, const char *kind, const struct archive_id *of, struct err *e) {
    unsigned char header[SEALED_HEADER] = {0};
    size_t n = strlen(path) + sizeof ".sealing";
    *s = (struct sealer){.path = malloc(n), .zstd = ZSTD_createCCtx()};
    if (!s->path || !s->zstd) return fail(e, ERR_NOMEM, "no memory to seal an archive");
    snprintf(s->path, n, "%s.sealing", path);
    int fd = open(s->path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0666); /* ours alone: the journal is locked */
    s->f = fd < 0 ? NULL : fdopen(fd, "w");
    if (!s->f) {
        if (fd >= 0) close(fd);
        return fail_at(e, ERR_IO, s->path, -1, "cannot open for writing: %s", strerror(errno));
    }
    ZSTD_CCtx_setParameter(s->zstd, ZSTD_c_compressionLevel, ZSTD_LEVEL);
    digest_begin(&s->file);
    digest_begin(&s->content);
    memcpy(header, sealed_magic, 16);
    memcpy(header + 16, kind, strlen(kind));
    if (of) memcpy(header + 32, of->b, sizeof of->b);
    return put_out(s, header, sizeof header, e);
}

static int end_frame(struct sealer *s, struct err *e) {
    unsigned char row[8 + 4 + 4 + 4 + DIGEST_BYTES + 1];
    size_t need = ZSTD_compressBound(s->frame.len), label = strlen(s->label);
    if (s->records == 0) return 0;
    if (need > s->packed_cap) {
        free(s->packed);
        s->packed_cap = 0;
        if (!(s->packed = malloc(need))) return fail(e, ERR_NOMEM, "no memory to compress %zu bytes", s->frame.len);
        s->packed_cap = need;
    }
    size_t n = ZSTD_compress2(s->zstd, s->packed, s->packed_cap, s->frame.s, s->frame.len);
    if (ZSTD_isError(n)) return fail_at(e, ERR_INTERNAL, s->path, -1, "cannot compress: %s", ZSTD_getErrorName(n));
    set_le(row, s->at, 8), set_le(row + 8, n, 4), set_le(row + 12, s->frame.len, 4), set_le(row + 16, s->records, 4);
    digest_bytes(s->packed, n, row + 20);
    row[sizeof row - 1] = (unsigned char)label;
    str_add(&s->index, row, sizeof row);
    if (str_add(&s->index, s->label, label) < 0 || s->index.failed) return fail(e, ERR_NOMEM, "no memory for the index");
    digest_add(&s->content, s->frame.s, s->frame.len);
    TRY(put_out(s, s->packed, n, e));
    str_clear(&s->frame);
    s->records = 0, s->frames++;
    return 0;
}

/* label names the record in case it begins a frame. head and body make the payload. */
static int seal_record(struct sealer *s, int type, const char *label, const void *head, size_t head_n, const void *body, size_t n,
                       struct err *e) {
    static const char types[] = {RECORD_TEXT, RECORD_CONTEXT, RECORD_FACT, RECORD_NOTE};
    char t = (char)type;
    if (s->records && s->frame.len + head_n + n + 11 > FRAME_TARGET) TRY(end_frame(s, e));
    if (s->records == 0) snprintf(s->label, sizeof s->label, "%s", label);
    str_add(&s->frame, &t, 1);
    put_varint(&s->frame, head_n + n);
    str_add(&s->frame, head, head_n);
    str_add(&s->frame, body, n);
    if (s->frame.failed) return fail(e, ERR_NOMEM, "no memory for a record of %zu bytes", n);
    s->records++;
    s->counts[(const char *)memchr(types, type, sizeof types) - types]++;
    return 0;
}

/* Everything but the exchange of names; *id is the hash at the end. */
static int sealer_end(struct sealer *s, struct archive_id *id, struct err *e) {
    unsigned char t[SEALED_FOOTER] = {0};
    TRY(end_frame(s, e));
    set_le(t, s->at, 8), set_le(t + 8, s->index.len, 8), set_le(t + 16, s->frames, 8);
    for (int i = 0; i < 4; i++) set_le(t + 24 + 8 * i, s->counts[i], 8);
    digest_bytes(s->index.s, s->index.len, t + 56);
    digest_end(&s->content, s->sum.b);
    memcpy(t + 88, s->sum.b, sizeof s->sum);
    memcpy(t + 120, sealed_end_magic, 16);
    TRY(put_out(s, s->index.s, s->index.len, e));
    TRY(put_out(s, t, 136, e));
    digest_end(&s->file, id->b);
    if (fwrite(id->b, 1, sizeof id->b, s->f) != sizeof id->b || fflush(s->f) != 0 || fsync(fileno(s->f)) < 0)
        return fail_at(e, ERR_IO, s->path, -1, "cannot write: %s", strerror(errno));
    return 0;
}

/* ---- the order of texts and contexts ---- */

struct numbering {
    struct archive *a;
    struct sealer *s;
    uint32_t *text, *context; /* new number + 1; 0: not met */
    uint32_t n_texts, n_contexts;
    uint32_t *texts, *contexts; /* in their new order */
};

static void meet_text(struct numbering *o, uint32_t text) {
    if (o->text[text]) return;
    o->texts[o->n_texts++] = text;
    o->text[text] = o->n_texts;
}

/* The context and all above it, from the first on. */
static int meet_context(struct numbering *o, uint32_t leaf, struct err *e) {
    const struct context_table *t = &o->a->contexts;
    size_t n = 0;
    for (uint32_t c = leaf + 1; c && !o->context[c - 1]; c = t->at[c - 1].parent) n++;
    uint32_t *chain = malloc((n + 1) * sizeof *chain), at = leaf + 1;
    if (!chain) return fail(e, ERR_NOMEM, "no memory for a chain of %zu contexts", n);
    for (size_t i = n; i-- > 0; at = t->at[at - 1].parent) chain[i] = at - 1;
    for (size_t i = 0; i < n; i++) {
        const struct context_entry *c = &t->at[chain[i]];
        for (uint32_t p = 0; p < c->n; p++) meet_text(o, t->parts[c->first + p].text);
        o->contexts[o->n_contexts++] = chain[i];
        o->context[chain[i]] = o->n_contexts;
    }
    free(chain);
    return 0;
}

static int meet_ref(void *user, int context, const char *hex, struct err *e) {
    struct numbering *o = user;
    struct archive_id id;
    TRY(archive_id_parse(hex, &id, e));
    int64_t i = context ? contexts_find(&o->a->contexts, &id) : texts_find(&o->a->texts, &id);
    if (i < 0) return context ? 0 : fail(e, ERR_FORMAT, "expected the id of a stored text in a fact, found %.70s", hex);
    if (context) return meet_context(o, (uint32_t)i, e);
    meet_text(o, (uint32_t)i);
    return 0;
}

static int meet_fact(void *user, const char *key, const char *json, size_t n, struct err *e) {
    json_t *fact;
    int rc = archive_parse_json(json, n, &fact, e);
    if (rc >= 0) {
        rc = archive_refs(fact, meet_ref, user, e);
        json_decref(fact);
    }
    return err_place(e, rc, key);
}

static int seal_texts(struct numbering *o, struct err *e) {
    struct str *b = &o->a->scratch;
    for (uint32_t i = 0; i < o->n_texts; i++) {
        const struct text_entry *t = &o->a->texts.at[o->texts[i]];
        char label[5 + ARCHIVE_ID_HEX] = "text ";
        archive_id_hex(t->id, label + 5);
        TRY(archive_bytes(o->a, 0, t->bytes, b, e));
        TRY(seal_record(o->s, RECORD_TEXT, label, "", 0, b->s, b->len, e));
    }
    return 0;
}

static int seal_contexts(struct numbering *o, struct err *e) {
    const struct context_table *t = &o->a->contexts;
    struct str *b = &o->a->scratch;
    for (uint32_t i = 0; i < o->n_contexts; i++) {
        const struct context_entry *c = &t->at[o->contexts[i]];
        char label[8 + ARCHIVE_ID_HEX] = "context ";
        archive_id_hex(c->id, label + 8);
        str_clear(b);
        put_varint(b, c->parent ? o->context[c->parent - 1] : 0);
        put_varint(b, c->n);
        for (uint32_t p = 0; p < c->n; p++) {
            str_add(b, &t->parts[c->first + p].role, 1);
            put_varint(b, o->text[t->parts[c->first + p].text] - 1);
        }
        if (b->failed) return fail(e, ERR_NOMEM, "no memory for a context");
        TRY(seal_record(o->s, RECORD_CONTEXT, label, "", 0, b->s, b->len, e));
    }
    return 0;
}

struct keyed_out {
    struct sealer *s;
    int type;
};
static int seal_keyed(void *user, const char *key, const char *json, size_t n, struct err *e) {
    struct keyed_out *o = user;
    unsigned char head[1 + ARCHIVE_MAX_KEY] = {(unsigned char)strlen(key)};
    memcpy(head + 1, key, head[0]);
    return seal_record(o->s, o->type, key, head, 1u + head[0], json, n, e);
}

static int seal_facts(struct archive *a, struct sealer *s, struct archive_id *id, struct err *e) {
    size_t n = a->texts.n + a->contexts.n;
    uint32_t *room = calloc(2 * n + 1, sizeof *room);
    if (!room) return fail(e, ERR_NOMEM, "no memory to number %zu texts and contexts", n);
    struct numbering o = {
        .a = a, .s = s, .text = room, .context = room + a->texts.n, .texts = room + n, .contexts = room + n + a->texts.n};
    int rc = archive_each(a, NULL, meet_fact, &o, e);
    if (rc >= 0) rc = seal_texts(&o, e);
    if (rc >= 0) rc = seal_contexts(&o, e);
    if (rc >= 0) rc = archive_each(a, NULL, seal_keyed, &(struct keyed_out){s, RECORD_FACT}, e);
    if (rc >= 0) rc = sealer_end(s, id, e);
    free(room);
    return rc;
}

static int seal_notes(struct archive *a, struct sealer *s, struct archive_id *id, struct err *e) {
    TRY(archive_each_note(a, NULL, seal_keyed, &(struct keyed_out){s, RECORD_NOTE}, e));
    return sealer_end(s, id, e);
}

/* ---- the exchange ---- */

static int exchange(struct archive *a, struct sealer *facts, struct sealer *notes, const struct archive_id ids[2],
                    struct err *e) {
    struct place at;
    int64_t before = a->end;
    TRY(journal_add(a, RECORD_SEAL, &ids[0], sizeof ids[0], &ids[1], sizeof ids[1], &at, e));
    int synced = archive_sync(a, e);
    if (synced < 0) journal_forget(a, 0);
    TRY(synced);
    if (rename(facts->path, a->path) < 0) {
        int rc = fail_at(e, ERR_IO, a->path, -1, "cannot rename into place: %s", strerror(errno));
        a->end = before;
        if (ftruncate(a->fd, before) < 0) a->broken = 1;
        return rc;
    }
    if (rename(notes->path, a->measured) < 0) { /* the next writer repeats this */
        a->broken = 1;
        return fail_at(e, ERR_IO, a->measured, -1, "cannot rename into place: %s", strerror(errno));
    }
    file_sync_name(a->path);
    if (unlink(a->journal) < 0) {
        a->broken = 1;
        return fail_at(e, ERR_IO, a->journal, -1, "cannot remove: %s", strerror(errno));
    }
    return 0;
}

int archive_seal(struct archive *a, struct err *e) {
    struct sealer facts = {0}, notes = {0};
    struct archive_id ids[2];
    struct archive_info info;
    int keep = 0;
    TRY(archive_sync(a, e));
    archive_info(a, &info);
    if (info.sealed) return 0;
    int rc = sealer_open(&facts, a->path, "facts", NULL, e);
    if (rc >= 0) rc = seal_facts(a, &facts, &ids[0], e);
    if (rc >= 0) rc = sealer_open(&notes, a->measured, "measured", &facts.sum, e);
    if (rc >= 0) rc = seal_notes(a, &notes, &ids[1], e);
    if (rc >= 0) rc = exchange(a, &facts, &notes, ids, e);
    keep = rc >= 0 || a->broken;
    sealer_close(&facts, keep);
    sealer_close(&notes, keep);
    TRY(rc);
    struct finder f = {.strict = e};
    archive_unload(a);
    rc = archive_load_files(a, &f, e);
    if (rc < 0) a->broken = 1;
    return rc;
}
