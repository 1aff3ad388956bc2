/* Reading a sealed file.
 *
 *   header   "candor-archive-1", 8 bytes kind ("facts" or "measured"), 8 zero bytes, 32 bytes: of measurements the hash of all records
 *            (unpacked) of the facts that they were sealed with, of facts zero
 *   frames   zstd, each of whole records (byte type, varint length, payload), about 256 KiB of them
 *   index    per frame: u64 byte, u32 packed bytes, u32 raw bytes, u32 records, 32 bytes SHA-256 of the packed bytes, byte length and
 *            bytes of the name of its first record
 *   footer   u64 byte of the index, u64 its length, u64 frames, u64 texts, contexts, facts, measurements; 32 bytes SHA-256 of the index;
 *            32 bytes SHA-256 of all records unpacked; "candor-archive-e"; 32 bytes SHA-256 of the file up to here
 *
 * Each byte is covered by the check of its own part, so damage is named by part; the hash over all comes last. Sizes are checked before
 * memory is taken: a frame of several records is small, and their number is bounded by the size of the file. */
#include "study/archive_int.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zstd.h>

const char sealed_magic[17] = "candor-archive-1", sealed_end_magic[17] = "candor-archive-e";
enum { INDEX_FIXED = 8 + 4 + 4 + 4 + DIGEST_BYTES + 1, SEALED_MAX_RAW = ARCHIVE_MAX_RECORD + 16 };

struct footer {
    uint64_t index_at, index_n, frames, counts[4];
    unsigned char index_sum[DIGEST_BYTES];
};

static int sum_is(const unsigned char *p, size_t n, const unsigned char want[DIGEST_BYTES]) {
    unsigned char sum[DIGEST_BYTES];
    digest_bytes(p, n, sum);
    return memcmp(sum, want, sizeof sum) == 0;
}

static void read_footer(struct footer *t, const unsigned char *p, struct sealed *s) {
    t->index_at = get_le(p, 8), t->index_n = get_le(p + 8, 8), t->frames = get_le(p + 16, 8);
    for (int i = 0; i < 4; i++) t->counts[i] = get_le(p + 24 + 8 * i, 8);
    memcpy(t->index_sum, p + 56, DIGEST_BYTES);
    memcpy(s->content.b, p + 88, DIGEST_BYTES);
    memcpy(s->file.b, p + 136, DIGEST_BYTES);
}

/* *usable: the frames can be found. */
static int check_ends(struct sealed *s, const char *kind, struct footer *t, int *usable, struct finder *f) {
    const unsigned char *p = s->map.data;
    int64_t size = (int64_t)s->map.size, foot = size - SEALED_FOOTER;
    unsigned char want[SEALED_HEADER] = {0};
    *usable = 0;
    memcpy(want, sealed_magic, 16);
    memcpy(want + 16, kind, strlen(kind));
    int measured = !strcmp(kind, "measured");
    if (foot < SEALED_HEADER)
        return archive_found(f, 0, size, "", "expected an archive of %d bytes or more, found %lld", SEALED_HEADER + SEALED_FOOTER,
                             (long long)size);
    if (measured) memcpy(s->of.b, p + 32, sizeof s->of);
    if (memcmp(p, want, measured ? 32 : sizeof want) != 0)
        TRY(archive_found(f, 0, SEALED_HEADER, "header", "expected \"%.16s\" and \"%s\", found other bytes", sealed_magic, kind));
    if (memcmp(p + foot + 120, sealed_end_magic, 16) != 0)
        return archive_found(f, foot, size, "footer", "expected \"%.16s\" near the end, found other bytes: truncated?",
                             sealed_end_magic);
    read_footer(t, p + foot, s);
    if (t->index_at < SEALED_HEADER || t->index_at > (uint64_t)foot || t->index_n != (uint64_t)foot - t->index_at)
        return archive_found(f, foot, size, "footer", "expected the index to end where the footer begins, found it elsewhere");
    if (!sum_is(p + t->index_at, t->index_n, t->index_sum))
        return archive_found(f, (int64_t)t->index_at, foot + 88, "index", "expected the hash in the footer, found another");
    *usable = 1;
    return 0;
}

static int read_index(struct sealed *s, const struct footer *t, struct finder *f, struct err *e) {
    const unsigned char *p = s->map.data + t->index_at, *end = p + t->index_n;
    uint64_t at = SEALED_HEADER, records = 0;
    if (t->frames > t->index_n / INDEX_FIXED)
        return archive_found(f, -1, -1, "footer", "more frames than the index has room for");
    s->frames = calloc(t->frames + 1, sizeof *s->frames);
    if (!s->frames) return fail_at(e, ERR_NOMEM, s->path, -1, "no memory for %llu frames", (unsigned long long)t->frames);
    for (uint64_t i = 0; i < t->frames; i++) {
        struct frame *r = &s->frames[i];
        if (end - p < INDEX_FIXED || end - p < INDEX_FIXED + p[INDEX_FIXED - 1]) break;
        *r = (struct frame){.at = get_le(p, 8),
                            .packed = (uint32_t)get_le(p + 8, 4),
                            .raw = (uint32_t)get_le(p + 12, 4),
                            .records = (uint32_t)get_le(p + 16, 4),
                            .label = p + INDEX_FIXED,
                            .label_n = p[INDEX_FIXED - 1]};
        memcpy(r->sum, p + 20, DIGEST_BYTES);
        p += INDEX_FIXED + r->label_n;
        if (r->at != at || r->packed > t->index_at - at || r->raw > (r->records > 1 ? 2 * FRAME_TARGET : SEALED_MAX_RAW)) break;
        at += r->packed, records += r->records;
        s->n_frames++;
    }
    if (s->n_frames != t->frames || p != end || at != t->index_at)
        return archive_found(f, (int64_t)t->index_at, (int64_t)(t->index_at + t->index_n), "index",
                             "expected %llu frames behind each other up to the index, found something else",
                             (unsigned long long)t->frames);
    if (records > 64 * (uint64_t)s->map.size + 100000)
        return archive_found(f, -1, -1, "index", "more records than a file of this size is allowed to have");
    return 0;
}

/* ---- frames ---- */

static const char *label_of(const struct frame *r, char buf[260]) {
    int n = 0;
    for (; n < r->label_n; n++)
        buf[n] = r->label[n] > 32 && r->label[n] < 127 ? (char)r->label[n] : r->label[n] == 32 ? ' ' : '?';
    buf[n] = 0;
    return buf;
}

static int unpack(const struct sealed *s, const struct frame *r, unsigned char *to) {
    const unsigned char *p = s->map.data + r->at;
    if (ZSTD_getFrameContentSize(p, r->packed) != r->raw) return -1;
    size_t n = ZSTD_decompress(to, r->raw, p, r->packed);
    return ZSTD_isError(n) || n != r->raw ? -1 : 0;
}

/* The frame's bytes, from the cache if they are there. */
int sealed_frame(struct sealed *s, size_t i, unsigned char **out, struct err *e) {
    struct cached_frame *oldest = &s->cache[0];
    for (struct cached_frame *c = s->cache; c < s->cache + FRAMES_CACHED; c++) {
        if (c->bytes && c->frame == i) {
            c->used = ++s->clock;
            *out = c->bytes;
            return 0;
        }
        if (c->used < oldest->used) oldest = c;
    }
    unsigned char *bytes = malloc(s->frames[i].raw + (size_t)1);
    if (!bytes) return fail_at(e, ERR_NOMEM, s->path, -1, "no memory for %u bytes", s->frames[i].raw);
    if (unpack(s, &s->frames[i], bytes) < 0) {
        free(bytes);
        return fail_at(e, ERR_FORMAT, s->path, (int64_t)s->frames[i].at, "expected a frame of %u bytes, found damage",
                       s->frames[i].raw);
    }
    if (s->frames[i].raw > 2 * FRAME_TARGET) /* one long record: keep nothing beside it */
        for (struct cached_frame *c = s->cache; c < s->cache + FRAMES_CACHED; c++) {
            free(c->bytes);
            *c = (struct cached_frame){0};
        }
    free(oldest->bytes);
    *oldest = (struct cached_frame){.frame = i, .bytes = bytes, .used = ++s->clock};
    *out = bytes;
    return 0;
}

int sealed_bytes(struct sealed *s, struct place at, struct str *out, struct err *e) {
    uint64_t where = (uint64_t)~at.at;
    size_t frame = where >> 32, from = where & UINT32_MAX;
    unsigned char *bytes;
    if (frame >= s->n_frames || from > s->frames[frame].raw || at.len > s->frames[frame].raw - from)
        return fail_at(e, ERR_INTERNAL, s->path, -1, "a place outside the archive");
    TRY(sealed_frame(s, frame, &bytes, e));
    str_clear(out);
    return str_add(out, bytes + from, at.len) < 0 ? fail(e, ERR_NOMEM, "no memory for a record") : 0;
}

static int frame_records(struct sealed *s, size_t i, uint64_t counts[4], sealed_fn *fn, void *user, struct finder *f,
                         struct err *e) {
    static const char types[] = {RECORD_TEXT, RECORD_CONTEXT, RECORD_FACT, RECORD_NOTE};
    const struct frame *r = &s->frames[i];
    int64_t from = (int64_t)r->at, to = from + r->packed;
    uint32_t n = 0;
    unsigned char *bytes;
    char label[260];
    TRY(sealed_frame(s, i, &bytes, e));
    struct cursor c = {bytes, bytes + r->raw};
    while (c.p < c.end) {
        uint64_t len;
        int type = *c.p++;
        const char *known = memchr(types, type, sizeof types);
        if (!known || get_varint(&c, &len) < 0 || len > (uint64_t)(c.end - c.p))
            return archive_found(f, from, to, label_of(r, label), "expected records in the frame, found other bytes");
        TRY(fn(user, type, c.p, (size_t)len, place_in_frame(i, (size_t)(c.p - bytes), (size_t)len), from, e));
        counts[known - types]++;
        c.p += len;
        n++;
    }
    if (n != r->records) return archive_found(f, from, to, label_of(r, label), "expected %u records, found %u", r->records, n);
    return 0;
}

static int read_frames(struct sealed *s, const struct footer *t, sealed_fn *fn, void *user, struct finder *f, struct err *e) {
    uint64_t counts[4] = {0};
    unsigned char sum[DIGEST_BYTES], *bytes;
    struct digest content;
    int before = f->n;
    char label[260], next[260];
    digest_begin(&content);
    for (size_t i = 0; i < s->n_frames; i++) {
        const struct frame *r = &s->frames[i];
        if (!sum_is(s->map.data + r->at, r->packed, r->sum)) {
            const char *last = i + 1 < s->n_frames ? label_of(r + 1, next) : "the end";
            TRY(archive_found(
                f, (int64_t)r->at, (int64_t)(r->at + r->packed), label_of(r, label),
                "expected the hash in the index, found another: damaged is one of the %u records from here to before %s",
                r->records, last));
            continue;
        }
        TRY(frame_records(s, i, counts, fn, user, f, e));
        TRY(sealed_frame(s, i, &bytes, e));
        digest_add(&content, bytes, r->raw);
    }
    if (f->n > before) return 0; /* then counts and hash do not say more */
    digest_end(&content, sum);
    int64_t foot = (int64_t)s->map.size - SEALED_FOOTER;
    if (memcmp(counts, t->counts, sizeof counts) != 0)
        TRY(archive_found(f, foot + 24, foot + 56, "footer", "expected the numbers of records that are there, found others"));
    if (memcmp(sum, s->content.b, sizeof sum) != 0)
        TRY(archive_found(f, foot + 88, foot + 120, "footer", "expected the hash of all records, found another"));
    memcpy(s->counts, counts, sizeof counts);
    return 0;
}

int sealed_read(struct sealed *s, const char *path, const char *kind, sealed_fn *fn, void *user, struct finder *f,
                struct err *e) {
    struct footer t = {0};
    int usable;
    TRY(map_open(&s->map, path, e));
    s->open = 1;
    s->path = strdup(path);
    if (!s->path) return fail(e, ERR_NOMEM, "out of memory");
    int before = f->n;
    TRY(check_ends(s, kind, &t, &usable, f));
    if (!usable) return 0;
    TRY(read_index(s, &t, f, e));
    if (f->n == before || s->n_frames == t.frames) TRY(read_frames(s, &t, fn, user, f, e));
    int64_t size = (int64_t)s->map.size;
    if (f->n == before && !sum_is(s->map.data, s->map.size - DIGEST_BYTES, s->file.b))
        TRY(archive_found(f, size - DIGEST_BYTES, size, "footer", "expected the hash of the file, found another"));
    return 0;
}

int sealed_id(const char *path, struct archive_id *id) {
    int ok = 0;
    FILE *in = fopen(path, "rbe");
    if (!in) return 0;
    if (fseek(in, -DIGEST_BYTES, SEEK_END) == 0) ok = fread(id->b, 1, sizeof id->b, in) == sizeof id->b;
    fclose(in);
    return ok;
}

void sealed_close(struct sealed *s) {
    for (int i = 0; i < FRAMES_CACHED; i++) free(s->cache[i].bytes);
    map_close(&s->map);
    free(s->frames);
    free(s->path);
    *s = (struct sealed){0};
}
