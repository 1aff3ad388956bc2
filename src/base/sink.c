/* JSON lines, one object a row:
 *
 *   {"row":"candidate","question":"q17","score":0.1,…,"measured":{"seconds":1.25}}
 *
 * Fields stand in the order given, measurements behind the facts in an object of their own (absent when there are none). Text is
 * escaped by jansson; numbers are written here, with the fewest digits that read back as the same double, because jansson's
 * fixed 17 turn 0.1 into 0.10000000000000001. A non-finite number is null: JSON has no other word for it. Bytes that are not UTF-8
 * (a token may end inside a character) become U+FFFD.
 * The line is built in memory and leaves with one write; if that falls short the torn part is cut off again. */
#include "base/sink.h"
#include "base/fs_int.h"
#include "base/str.h"
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct jsonl {
    struct sink face; /* first: a sink is a jsonl seen from outside */
    int fd, regular;
    char *path;
    struct str line;
};

/* The length of the UTF-8 character at s, or 0 if there is none (overlong, surrogate, out of range, cut off). */
static size_t utf8_len(const unsigned char *s) {
    static const uint32_t least[5] = {0, 0, 0x80, 0x800, 0x10000};
    size_t n = s[0] < 0x80 ? 1 : s[0] >= 0xC2 && s[0] < 0xE0 ? 2 : (s[0] & 0xF0) == 0xE0 ? 3 : (s[0] & 0xF8) == 0xF0 ? 4 : 0;
    uint32_t c = n > 1 ? s[0] & (0x7Fu >> n) : s[0];
    for (size_t i = 1; i < n; i++) {
        if ((s[i] & 0xC0) != 0x80) return 0; /* also stops at the NUL */
        c = c << 6 | (s[i] & 0x3Fu);
    }
    if (n == 0 || c < least[n] || c > 0x10FFFF || (c >= 0xD800 && c < 0xE000)) return 0;
    return n;
}

static void utf8_mend(struct str *out, const char *z) {
    const unsigned char *s = (const unsigned char *)z;
    while (*s) {
        size_t n = utf8_len(s);
        if (n)
            str_add(out, s, n);
        else
            str_puts(out, "\xEF\xBF\xBD");
        s += n ? n : 1;
    }
}

static void put_text(struct str *b, const char *z) {
    struct str mended = {0};
    json_t *j = z ? json_string(z) : json_null();
    if (!j) {
        utf8_mend(&mended, z);
        j = mended.s ? json_string(mended.s) : NULL;
    }
    char *quoted = j ? json_dumps(j, JSON_ENCODE_ANY) : NULL;
    if (quoted)
        str_puts(b, quoted);
    else
        b->failed = 1;
    free(quoted);
    json_decref(j);
    str_free(&mended);
}

static void put_real(struct str *b, double d) {
    char z[40];
    if (!isfinite(d)) {
        str_puts(b, "null");
        return;
    }
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(z, sizeof z, "%.*g", digits, d);
        if (strtod(z, NULL) == d) break;
    }
    char *comma = strchr(z, ','); /* a locale set by the program that uses the library */
    if (comma) *comma = '.';
    str_puts(b, z);
    if (!strpbrk(z, ".e")) str_puts(b, ".0"); /* stays a real for the reader */
}

static void put_list(struct str *b, const struct field *f) {
    str_puts(b, "[");
    for (size_t i = 0; i < f->n; i++) {
        if (i) str_puts(b, ",");
        if (f->type == FIELD_INTS)
            str_printf(b, "%" PRId32, f->v.is[i]);
        else
            put_real(b, f->v.ds[i]);
    }
    str_puts(b, "]");
}

static void put_value(struct str *b, const struct field *f) {
    switch (f->type) {
    case FIELD_INT: str_printf(b, "%" PRId64, f->v.i); break;
    case FIELD_REAL: put_real(b, f->v.d); break;
    case FIELD_TEXT: put_text(b, f->v.s); break;
    case FIELD_BOOL: str_puts(b, f->v.b ? "true" : "false"); break;
    case FIELD_INTS:
    case FIELD_REALS: put_list(b, f); break;
    case FIELD_NULL: str_puts(b, "null"); break;
    }
}

/* The fields of one side; returns how many there were. */
static int put_fields(struct str *b, const struct field *f, int n, int measure, int after) {
    int count = 0;
    for (int i = 0; i < n; i++) {
        if (!f[i].measure != !measure) continue;
        if (after || count) str_puts(b, ",");
        put_text(b, f[i].name);
        str_puts(b, ":");
        put_value(b, &f[i]);
        count++;
    }
    return count;
}

static void put_row(struct str *b, const char *kind, const struct field *f, int n) {
    int measured = 0;
    for (int i = 0; i < n; i++) measured |= f[i].measure;
    str_clear(b);
    str_puts(b, "{\"row\":");
    put_text(b, kind);
    put_fields(b, f, n, 0, 1);
    if (measured) {
        str_puts(b, ",\"measured\":{");
        put_fields(b, f, n, 1, 0);
        str_puts(b, "}");
    }
    str_puts(b, "}\n");
}

/* In practice one write; pipes and full disks may take less. Whatever went out of an unfinished row is taken back. */
static int line_write(struct jsonl *j, struct err *e) {
    size_t done = 0;
    while (done < j->line.len) {
        ssize_t n = write(j->fd, j->line.s + done, j->line.len - done);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) break;
        done += (size_t)n;
    }
    if (done == j->line.len) return 0;
    int why = errno;
    struct stat st;
    if (j->regular && done && fstat(j->fd, &st) == 0 && ftruncate(j->fd, st.st_size - (off_t)done) < 0)
        return fail_at(e, ERR_IO, j->path, -1, "cannot write a row (%s) nor cut off its torn end", strerror(why));
    return fail_at(e, ERR_IO, j->path, -1, "cannot write a row: %s", strerror(why));
}

static int jsonl_row(struct sink *s, const char *kind, const struct field *f, int n, struct err *e) {
    struct jsonl *j = (struct jsonl *)s;
    put_row(&j->line, kind, f, n);
    if (j->line.failed) return fail_at(e, ERR_NOMEM, j->path, -1, "a row of kind \"%s\" does not fit in memory", kind);
    return line_write(j, e);
}

static void jsonl_close(struct sink *s) {
    struct jsonl *j = (struct jsonl *)s;
    if (j->fd >= 0) close(j->fd);
    free(j->path);
    str_free(&j->line);
    free(j);
}

/* A run that was killed may have left half a row: everything behind the last newline goes. */
static int torn_cut(int fd) {
    char buf[4096];
    off_t end = lseek(fd, 0, SEEK_END);
    off_t at = end;
    while (at > 0) {
        size_t n = at < (off_t)sizeof buf ? (size_t)at : sizeof buf;
        if (pread(fd, buf, n, at - (off_t)n) != (ssize_t)n) return -1;
        const char *nl = memrchr(buf, '\n', n);
        if (nl) {
            at -= (off_t)n - (nl - buf) - 1;
            break;
        }
        at -= (off_t)n;
    }
    return at == end ? 0 : ftruncate(fd, at);
}

static int jsonl_fd(const char *path, int append) {
    int fd = fs__std_dup(path);
    if (fd >= 0) return fd;
    if (fs__direct(path)) return open(path, O_WRONLY | O_CLOEXEC);
    return open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC | (append ? 0 : O_TRUNC), 0666);
}

int sink_jsonl_open(struct sink **out, const char *path, int append, struct err *e) {
    struct stat st;
    struct jsonl *j = calloc(1, sizeof *j);
    if (!j) return fail_at(e, ERR_NOMEM, path, -1, "no memory for a sink");
    *j = (struct jsonl){.face = {.row = jsonl_row, .close = jsonl_close}, .path = strdup(path)};
    j->fd = jsonl_fd(path, append);
    j->regular = !fs__direct(path) && j->fd >= 0 && fstat(j->fd, &st) == 0 && S_ISREG(st.st_mode);
    int rc = 0;
    if (!j->path)
        rc = fail_at(e, ERR_NOMEM, path, -1, "no memory for a sink");
    else if (j->fd < 0)
        rc = fail_at(e, ERR_IO, path, -1, "cannot open for rows: %s", strerror(errno));
    else if (append && j->regular && torn_cut(j->fd) < 0)
        rc = fail_at(e, ERR_IO, path, -1, "cannot cut off a torn last row: %s", strerror(errno));
    if (rc < 0)
        jsonl_close(&j->face);
    else
        *out = &j->face;
    return rc;
}

static int null_row(struct sink *s, const char *kind, const struct field *f, int n, struct err *e) {
    (void)s, (void)kind, (void)f, (void)n, (void)e;
    return 0;
}

int sink_null_open(struct sink **out, struct err *e) {
    static struct sink nowhere = {.row = null_row}; /* no state, so one serves all */
    (void)e;
    *out = &nowhere;
    return 0;
}

int sink_row(struct sink *s, const char *kind, const struct field *f, int n, struct err *e) {
    return s ? s->row(s, kind, f, n, e) : 0;
}

void sink_close(struct sink *s) {
    if (s && s->close) s->close(s);
}
