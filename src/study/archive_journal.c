/* The journal: records appended behind each other, so that whatever was written whole survives a kill at any byte.
 *
 *   file    "candor-journal-1", 32 bytes hash of the sealed file that it continues (zero: none), 8 bytes check of these 48
 *   record  'c' 'R' type 0, u32 length, u64 check of type and payload, u32 check of these 16 bytes; then the payload
 *
 * Numbers are little-endian; checks are hashes of 64 bits (base/hash), the second one cut to 32. The length has a check of its own: a
 * damaged length can therefore not pass for an incomplete last record and take all that follows with it.
 *
 * A kill leaves a beginning of a record at the end, a power cut perhaps also garbage: both are cut off when the writer comes back. What is
 * damaged with whole records behind it was not left by a writer, and is an error with its place. */
#include "base/hash.h"
#include "study/archive_int.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

static const char magic[] = "candor-journal-1";
enum { SCAN_BUFFER = 1 << 20, RESYNC_TRIES = 1000 };

static int fail_io(struct err *e, const char *path, const char *what) {
    return fail_at(e, ERR_IO, path, -1, "cannot %s: %s", what, strerror(errno));
}

static uint64_t check_of(const void *p, size_t n, uint64_t seed) { return hash_mix(hash_bytes(HASH_START ^ seed, p, n)); }

static void make_header(unsigned char h[JOURNAL_HEADER], const struct archive_id *base) {
    memcpy(h, magic, 16);
    memcpy(h + 16, base->b, sizeof base->b);
    set_le(h + 48, check_of(h, 48, 0), 8);
}

int journal_check_header(const unsigned char h[JOURNAL_HEADER], struct archive_id *base) {
    unsigned char want[JOURNAL_HEADER];
    memcpy(base->b, h + 16, sizeof base->b);
    make_header(want, base);
    return memcmp(h, want, sizeof want) == 0;
}

/* ---- opening ---- */

/* Whether the name still leads to the open file: a writer that sealed has removed it. */
static int same_file(int fd, const char *path) {
    struct stat open_one, named;
    return fstat(fd, &open_one) == 0 && stat(path, &named) == 0 && open_one.st_ino == named.st_ino &&
           open_one.st_dev == named.st_dev;
}

static int open_locked(struct archive *a, struct err *e) {
    for (int tries = 0; tries < 100; tries++) {
        int fd = open(a->journal, O_RDWR | O_CREAT | O_CLOEXEC | O_NONBLOCK, 0666);
        if (fd < 0) return fail_io(e, a->journal, "open for writing");
        if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
            int busy = errno == EWOULDBLOCK;
            close(fd);
            if (busy) return fail_at(e, ERR_BUSY, a->journal, -1, "another process is writing this archive");
            return fail_io(e, a->journal, "lock");
        }
        if (same_file(fd, a->journal)) {
            a->fd = fd;
            return 0;
        }
        close(fd);
    }
    return fail_at(e, ERR_BUSY, a->journal, -1, "another process is writing this archive");
}

static int check_kind(int fd, const char *path, struct stat *st, struct err *e) {
    if (fstat(fd, st) < 0) return fail_io(e, path, "stat");
    if (!S_ISREG(st->st_mode)) return fail_at(e, ERR_IO, path, -1, "expected a regular file, found something else");
    return 0;
}

int journal_open(struct archive *a, struct archive_id *base, int *empty, struct err *e) {
    unsigned char h[JOURNAL_HEADER];
    struct stat st;
    *empty = 1;
    *base = (struct archive_id){{0}};
    if (a->mode == ARCHIVE_WRITE)
        TRY(open_locked(a, e));
    else {
        a->fd = open(a->journal, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
        if (a->fd < 0) return errno == ENOENT ? 0 : fail_io(e, a->journal, "open");
    }
    TRY(check_kind(a->fd, a->journal, &st, e));
    ssize_t got = pread(a->fd, h, sizeof h, 0);
    if (got < 0) return fail_io(e, a->journal, "read");
    if (got < (ssize_t)sizeof h) {
        if (memcmp(h, magic, (size_t)got < 16 ? (size_t)got : 16) != 0)
            return fail_at(e, ERR_FORMAT, a->journal, 0, "expected the journal of an archive, found another file");
        a->cut_bytes += got;
        return 0; /* killed while it was created */
    }
    *empty = 0;
    if (!journal_check_header(h, base))
        return fail_at(e, ERR_FORMAT, a->journal, 0, "expected the header of a journal, found other or damaged bytes");
    return 0;
}

static int write_all(int fd, const void *p, size_t n, int64_t at) {
    const char *s = p;
    while (n > 0) {
        ssize_t w = pwrite(fd, s, n, at);
        if (w < 0 && errno == EINTR) continue;
        if (w <= 0) return -1;
        s += w, n -= (size_t)w, at += w;
    }
    return 0;
}

int journal_begin(struct archive *a, const struct archive_id *base, struct err *e) {
    unsigned char h[JOURNAL_HEADER];
    make_header(h, base);
    if (ftruncate(a->fd, 0) < 0 || write_all(a->fd, h, sizeof h, 0) < 0) return fail_io(e, a->journal, "write");
    a->end = sizeof h;
    return 0;
}

/* ---- appending ---- */

int journal_add(struct archive *a, int type, const void *head, size_t head_n, const void *body, size_t n, struct place *at,
                struct err *e) {
    unsigned char h[RECORD_HEADER] = {'c', 'R', (unsigned char)type, 0};
    size_t len = a->out.len;
    if (n > ARCHIVE_MAX_RECORD - head_n)
        return fail(e, ERR_LIMIT, "expected a record of at most %d bytes, found %zu", ARCHIVE_MAX_RECORD, n + head_n);
    set_le(h + 4, head_n + n, 4);
    set_le(h + 8, hash_mix(hash_bytes(hash_bytes(HASH_START ^ (uint64_t)type, head, head_n), body, n)), 8);
    set_le(h + 16, check_of(h, 16, 0), 4);
    str_add(&a->out, h, sizeof h);
    str_add(&a->out, head, head_n);
    str_add(&a->out, body, n);
    if (a->out.failed) {
        journal_forget(a, len);
        return fail(e, ERR_NOMEM, "no memory for a record of %zu bytes", n);
    }
    *at = (struct place){.at = a->end + (int64_t)len + RECORD_HEADER, .len = (uint32_t)(head_n + n)};
    return 0;
}

void journal_forget(struct archive *a, size_t out_len) {
    a->out.len = out_len;
    a->out.failed = 0;
}

int journal_flush(struct archive *a, struct err *e) {
    if (a->out.len == 0) return 0;
    if (write_all(a->fd, a->out.s, a->out.len, a->end) < 0) {
        int rc = fail_io(e, a->journal, "write");
        if (ftruncate(a->fd, a->end) < 0) a->broken = 1;
        return rc;
    }
    a->end += (int64_t)a->out.len;
    str_clear(&a->out);
    return 0;
}

/* ---- scanning ---- */

struct scan {
    int fd;
    int64_t at, size; /* byte of the file at buf; bytes of the file */
    unsigned char *buf;
    size_t len, cap, pos;
};

/* n bytes from s->pos on; 0 if the file ends before. */
static int scan_have(struct scan *s, size_t n, struct err *e) {
    if (s->len - s->pos >= n) return 1;
    if (s->at + (int64_t)s->pos + (int64_t)n > s->size) return 0;
    memmove(s->buf, s->buf + s->pos, s->len - s->pos);
    s->at += (int64_t)s->pos, s->len -= s->pos, s->pos = 0;
    if (n > s->cap) {
        unsigned char *grown = realloc(s->buf, n);
        if (!grown) return fail(e, ERR_NOMEM, "no memory for a record of %zu bytes", n);
        s->buf = grown;
        s->cap = n;
    }
    while (s->len < n) {
        ssize_t got = pread(s->fd, s->buf + s->len, s->cap - s->len, s->at + (int64_t)s->len);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return fail(e, ERR_IO, "cannot read the journal: %s", strerror(errno));
        if (got == 0) return 0;
        s->len += (size_t)got;
    }
    return 1;
}

static int64_t scan_at(const struct scan *s) { return s->at + (int64_t)s->pos; }

enum record_state { RECORD_WHOLE, RECORD_SHORT, RECORD_BAD, RECORD_BAD_LAST };

/* What stands at s->pos; *n is the payload's length when whole. */
static int scan_record(struct scan *s, size_t *n, enum record_state *state, struct err *e) {
    int have = scan_have(s, RECORD_HEADER, e);
    TRY(have);
    *state = RECORD_SHORT;
    if (!have) return 0;
    const unsigned char *h = s->buf + s->pos;
    *state = RECORD_BAD;
    if (h[0] != 'c' || h[1] != 'R' || h[3] != 0 || get_le(h + 16, 4) != (check_of(h, 16, 0) & UINT32_MAX)) return 0;
    *n = (size_t)get_le(h + 4, 4);
    if (*n > ARCHIVE_MAX_RECORD) return 0;
    have = scan_have(s, RECORD_HEADER + *n, e);
    TRY(have);
    *state = RECORD_SHORT;
    if (!have) return 0;
    h = s->buf + s->pos;
    if (check_of(h + RECORD_HEADER, *n, h[2]) == get_le(h + 8, 8))
        *state = RECORD_WHOLE;
    else
        *state = scan_at(s) + RECORD_HEADER + (int64_t)*n == s->size ? RECORD_BAD_LAST : RECORD_BAD;
    return 0;
}

/* Whether any whole record stands behind s->pos. Moves s. */
static int whole_behind(struct scan *s, int64_t *at, struct err *e) {
    enum record_state state;
    size_t n;
    for (int tries = 0; tries < RESYNC_TRIES;) {
        s->pos++;
        int have = scan_have(s, RECORD_HEADER, e);
        TRY(have);
        if (!have) return 0;
        const unsigned char *from = s->buf + s->pos, *c = memchr(from, 'c', s->len - s->pos);
        if (!c) c = s->buf + s->len;
        s->pos += (size_t)(c - from);
        have = scan_have(s, RECORD_HEADER, e);
        TRY(have);
        if (!have) return 0;
        if (s->buf[s->pos] != 'c' || s->buf[s->pos + 1] != 'R') continue;
        tries++;
        TRY(scan_record(s, &n, &state, e));
        *at = scan_at(s);
        if (state == RECORD_WHOLE) return 1;
    }
    return 1; /* too many false beginnings for chance */
}

static int scan_rest(struct scan *s, enum record_state state, struct finder *f, struct journal_end *end, struct err *e) {
    int64_t later = end->size;
    end->damaged = state != RECORD_SHORT;
    if (state != RECORD_BAD) return 0;
    int behind = whole_behind(s, &later, e);
    TRY(behind);
    if (!behind) return 0;
    return archive_found(f, end->good, later, "",
                         "expected a record of the journal, found damaged bytes with whole records behind them");
}

int journal_scan(int fd, journal_fn *fn, void *user, struct finder *f, struct journal_end *end, struct err *e) {
    struct scan s = {.fd = fd, .at = JOURNAL_HEADER, .cap = SCAN_BUFFER, .buf = malloc(SCAN_BUFFER)};
    enum record_state state = RECORD_WHOLE;
    struct stat st;
    size_t n = 0;
    int rc = 0;
    if (!s.buf) return fail(e, ERR_NOMEM, "no memory to read a journal");
    if (fstat(fd, &st) < 0) TRYTO(out, fail_io(e, f->file, "stat"));
    *end = (struct journal_end){.good = JOURNAL_HEADER, .size = s.size = st.st_size};
    while (end->good < s.size) {
        TRYTO(out, scan_record(&s, &n, &state, e));
        if (state != RECORD_WHOLE) break;
        const unsigned char *h = s.buf + s.pos;
        TRYTO(out, fn(user, h[2], h + RECORD_HEADER, n, scan_at(&s) + RECORD_HEADER, e));
        s.pos += RECORD_HEADER + n;
        end->good = scan_at(&s);
    }
    if (state != RECORD_WHOLE) rc = scan_rest(&s, state, f, end, e);
out:
    free(s.buf);
    return rc;
}
