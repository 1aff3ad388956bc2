/* Sealing: the same facts give the same bytes, whatever happened while they came in.
 *
 * Texts, contexts and facts stand in an order that depends on the facts alone (archive_order.c); what belongs to one run lies together; what
 * no fact refers to, such as the prompt of a turn that a kill cut short, is left out. Records are packed in frames of about 256 KiB by one
 * thread at a fixed level, so the compressor has no freedom either: the frames of the file before that would come out again are copied.
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
    uint32_t records;  /* in the frame */
    uint64_t standing; /* so many of the next records are in frames that were copied */
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

static int add_row(struct sealer *s, size_t packed, size_t raw, uint32_t records, const unsigned char sum[DIGEST_BYTES],
                   const void *label, size_t label_n, struct err *e) {
    unsigned char row[8 + 4 + 4 + 4 + DIGEST_BYTES + 1];
    set_le(row, s->at, 8), set_le(row + 8, packed, 4), set_le(row + 12, raw, 4), set_le(row + 16, records, 4);
    memcpy(row + 20, sum, DIGEST_BYTES);
    row[sizeof row - 1] = (unsigned char)label_n;
    str_add(&s->index, row, sizeof row);
    return str_add(&s->index, label, label_n) < 0 || s->index.failed ? fail(e, ERR_NOMEM, "no memory for the index") : 0;
}

static int end_frame(struct sealer *s, struct err *e) {
    unsigned char sum[DIGEST_BYTES];
    size_t need = ZSTD_compressBound(s->frame.len);
    if (s->records == 0) return 0;
    if (need > s->packed_cap) {
        free(s->packed);
        s->packed_cap = 0;
        if (!(s->packed = malloc(need))) return fail(e, ERR_NOMEM, "no memory to compress %zu bytes", s->frame.len);
        s->packed_cap = need;
    }
    size_t n = ZSTD_compress2(s->zstd, s->packed, s->packed_cap, s->frame.s, s->frame.len);
    if (ZSTD_isError(n)) return fail_at(e, ERR_INTERNAL, s->path, -1, "cannot compress: %s", ZSTD_getErrorName(n));
    digest_bytes(s->packed, n, sum);
    TRY(add_row(s, n, s->frame.len, s->records, sum, s->label, strlen(s->label), e));
    digest_add(&s->content, s->frame.s, s->frame.len);
    TRY(put_out(s, s->packed, n, e));
    str_clear(&s->frame);
    s->records = 0, s->frames++;
    return 0;
}

static const char sealed_types[] = {RECORD_TEXT, RECORD_CONTEXT, RECORD_FACT, RECORD_NOTE};
static void count_record(struct sealer *s, int type) {
    s->counts[(const char *)memchr(sealed_types, type, sizeof sealed_types) - sealed_types]++;
}

/* Whether the next record is in a frame that was copied; then it is counted. */
static int stands(struct sealer *s, int type) {
    if (!s->standing) return 0;
    s->standing--;
    count_record(s, type);
    return 1;
}

/* label names the record in case it begins a frame. head and body make the payload. */
static int seal_record(struct sealer *s, int type, const char *label, const void *head, size_t head_n, const void *body, size_t n,
                       struct err *e) {
    char t = (char)type;
    if (s->records && s->frame.len + head_n + n + 11 > FRAME_TARGET) TRY(end_frame(s, e));
    if (s->records == 0) snprintf(s->label, sizeof s->label, "%s", label);
    str_add(&s->frame, &t, 1);
    put_varint(&s->frame, head_n + n);
    str_add(&s->frame, head, head_n);
    str_add(&s->frame, body, n);
    if (s->frame.failed) return fail(e, ERR_NOMEM, "no memory for a record of %zu bytes", n);
    s->records++;
    count_record(s, type);
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

/* ---- facts ---- */

static int seal_texts(struct archive *a, const struct archive_order *o, struct sealer *s, struct err *e) {
    struct str *b = &a->scratch;
    for (uint32_t i = 0; i < o->n_texts; i++) {
        if (stands(s, RECORD_TEXT)) continue;
        const struct text_entry *t = &a->texts.at[o->texts[i]];
        char label[5 + ARCHIVE_ID_HEX] = "text ";
        archive_id_hex(t->id, label + 5);
        TRY(archive_bytes(a, 0, t->bytes, b, e));
        TRY(seal_record(s, RECORD_TEXT, label, "", 0, b->s, b->len, e));
    }
    return 0;
}

static int seal_contexts(struct archive *a, const struct archive_order *o, struct sealer *s, struct err *e) {
    const struct context_table *t = &a->contexts;
    struct str *b = &a->scratch;
    for (uint32_t i = 0; i < o->n_contexts; i++) {
        if (stands(s, RECORD_CONTEXT)) continue;
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
        TRY(seal_record(s, RECORD_CONTEXT, label, "", 0, b->s, b->len, e));
    }
    return 0;
}

struct keyed_out {
    struct sealer *s;
    int type;
};
static int seal_keyed(void *user, const char *key, const char *json, size_t n, struct err *e) {
    struct keyed_out *o = user;
    if (stands(o->s, o->type)) return 0;
    unsigned char head[1 + ARCHIVE_MAX_KEY] = {(unsigned char)strlen(key)};
    memcpy(head + 1, key, head[0]);
    return seal_record(o->s, o->type, key, head, 1u + head[0], json, n, e);
}

/* The frames that stand, byte by byte. */
static int copy_frames(struct sealed *from, struct sealer *s, size_t n, struct err *e) {
    for (size_t i = 0; i < n; i++) {
        const struct frame *r = &from->frames[i];
        unsigned char *raw;
        TRY(sealed_frame(from, i, &raw, e));
        digest_add(&s->content, raw, r->raw);
        TRY(add_row(s, r->packed, r->raw, r->records, r->sum, r->label, r->label_n, e));
        TRY(put_out(s, from->map.data + r->at, r->packed, e));
        s->standing += r->records, s->frames++;
    }
    return 0;
}

static int seal_facts(struct archive *a, struct sealer *s, struct archive_id *id, struct err *e) {
    struct archive_order o;
    TRY(archive_order(a, &o, e));
    int rc = copy_frames(&a->facts_file, s, o.frames, e);
    if (rc >= 0) rc = seal_texts(a, &o, s, e);
    if (rc >= 0) rc = seal_contexts(a, &o, s, e);
    if (rc >= 0) rc = archive_each(a, NULL, seal_keyed, &(struct keyed_out){s, RECORD_FACT}, e);
    if (rc >= 0) rc = sealer_end(s, id, e);
    archive_order_free(&o);
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
