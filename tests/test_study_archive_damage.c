/* Damage to an archive is found and its place is named; hostile files are refused without harm. */
#include "study/archive_int.h"
#include "study_play.h"

TestSuite(archive_damage, .init = play_tmp, .timeout = HANG_S);

struct seen {
    int n, covers;
    int64_t byte; /* looked for */
    char text[2000];
};
static void on_finding(void *user, const struct archive_finding *f) {
    struct seen *s = user;
    size_t at = strlen(s->text);
    s->n++;
    if (f->from <= s->byte && (f->to < 0 || s->byte < f->to)) s->covers = 1;
    snprintf(s->text + at, sizeof s->text - at, "%s %lld-%lld %s: %s\n", f->file, (long long)f->from, (long long)f->to, f->record,
             f->what);
}

static struct seen look(const char *path, int64_t byte) {
    struct seen s = {.byte = byte};
    struct archive_report r;
    OK(archive_verify(path, &r, on_finding, &s, &e));
    cr_assert_eq(r.findings, s.n);
    return s;
}

static int opens(const char *path) {
    struct archive *a;
    int rc = archive_open(&a, path, ARCHIVE_READ, NULL);
    if (rc == 0) archive_close(a);
    return rc;
}

/* `file` (of the archive `path`) with each of its bytes changed in turn: always found, in the right place. */
static void flip_each(const char *path, const char *file, int64_t step) {
    char *bytes;
    size_t n;
    OK(file_read(&bytes, &n, file, 0, &e));
    cr_assert_eq(look(path, 0).n, 0);
    for (size_t i = 0; i < n; i += (size_t)step) {
        char was = bytes[i];
        bytes[i] = (char)(was ^ (1 << (i & 7)));
        write_bytes(file, bytes, n);
        struct seen s = look(path, (int64_t)i);
        cr_assert(s.n > 0 && s.covers, "byte %zu of %zu in %s changed: %d findings, not there:\n%s", i, n, file, s.n, s.text);
        bytes[i] = was;
    }
    write_bytes(file, bytes, n);
    cr_assert_eq(look(path, 0).n, 0);
    free(bytes);
}

Test(archive_damage, each_byte_of_a_sealed_archive) {
    const char *path = fresh(".study");
    char measured[200];
    size_t n;
    snprintf(measured, sizeof measured, "%s.measured", path);
    free(play_sealed(path, 0, &n));
    flip_each(path, path, 1);
    flip_each(path, measured, 1);
    tmp_end();
}

Test(archive_damage, each_byte_of_a_journal) {
    const char *path = fresh(".study");
    char journal[200];
    snprintf(journal, sizeof journal, "%s.journal", path);
    struct archive *a = play_open(path);
    OK(play(a, 0, 4, &e));
    archive_close(a);
    flip_each(path, journal, 1);
    tmp_end();
}

Test(archive_damage, damage_in_the_middle_of_a_journal_is_no_torn_end) {
    const char *path = fresh(".study");
    char journal[200], *bytes;
    size_t n;
    struct err why = ERR_INIT;
    snprintf(journal, sizeof journal, "%s.journal", path);
    struct archive *a = play_open(path);
    OK(play(a, 0, PLAY_FACTS, &e));
    archive_close(a);
    OK(file_read(&bytes, &n, journal, 0, &e));
    for (size_t at = JOURNAL_HEADER; at < JOURNAL_HEADER + RECORD_HEADER + 4; at++) {
        bytes[at] ^= 0x40;
        write_bytes(journal, bytes, n);
        cr_assert_eq(archive_open(&a, path, ARCHIVE_WRITE, &why), ERR_FORMAT, "byte %zu", at);
        cr_assert(why.at == JOURNAL_HEADER && strstr(why.where, ".journal"), "%s:%lld", why.where, (long long)why.at);
        bytes[at] ^= 0x40;
    }
    free(bytes);
    tmp_end();
}

Test(archive_damage, a_truncated_file) {
    const char *path = fresh(".study");
    size_t n;
    char *bytes = play_sealed(path, 0, &n);
    for (size_t i = 0; i < n; i++) {
        struct archive_report r;
        write_bytes(path, bytes, i);
        int rc = archive_verify(path, &r, NULL, NULL, NULL);
        cr_assert(rc < 0 || r.findings > 0, "cut to %zu of %zu bytes", i, n);
        cr_assert_lt(opens(path), 0);
    }
    free(bytes);
    tmp_end();
}

/* A journal written by hand: well framed, but wrong in content. */
static struct seen forged(const char *head, size_t head_n, int type, const char *body, size_t n) {
    const char *path = fresh(".study");
    struct archive *a = play_open(path);
    struct place at;
    struct err e = ERR_INIT;
    json_t *fact = json_pack("{s:i}", "x", 1);
    archive_put(a, "twice", fact, &e);
    json_decref(fact);
    cr_assert_eq(journal_add(a, type, head, head_n, body, n, &at, &e), 0);
    cr_assert_eq(journal_flush(a, &e), 0);
    archive_close(a);
    return look(path, 0);
}

Test(archive_damage, forged_records) {
    static const struct {
        int type;
        const char *bytes;
        size_t n;
        const char *says;
    } v[] = {
        {RECORD_FACT, "\5twice{}", 8, "key once"},
        {RECORD_FACT, "\0{}", 3, "key of 1"},
        {RECORD_FACT, "\377x{}", 4, "key of 1"},
        {RECORD_FACT, "\2a b{}", 6, "key of 1"},
        {RECORD_FACT, "", 0, "key of 1"},
        {RECORD_FACT, "\1k{\"x\":", 7, "expected JSON"},
        {RECORD_FACT, "\1k{\"text_id\":\"00\"}", 18, "64 hexadecimal"},
        {RECORD_NOTE, "\1k[1,", 5, "expected JSON"},
        {RECORD_CONTEXT, "\0\1\2\0", 4, "a role and a text"},
        {RECORD_CONTEXT, "\1\1\2\0", 4, "a parent that stands before"},
        {RECORD_CONTEXT, "\0\377\377\377\377\377\377\177", 8, "a parent that stands before"},
        {RECORD_CONTEXT, "\0\0", 2, "a parent that stands before"},
        {'?', "x", 1, "known type"},
    };
    for (size_t i = 0; i < sizeof v / sizeof *v; i++) {
        struct seen s = forged("", 0, v[i].type, v[i].bytes, v[i].n);
        cr_assert(s.n >= 1 && strstr(s.text, v[i].says), "case %zu: %s", i, s.text);
    }
    tmp_end();
}

/* Random changes, several at a time: never a crash, and never taken for whole. */
Test(archive_damage, random_bytes) {
    const char *path = fresh(".study"), *other = fresh(".study");
    char journal[200], *bytes, *copy;
    size_t n;
    struct rng r = RNG(8, 1);
    struct archive_report rep;
    snprintf(journal, sizeof journal, "%s.journal", other);
    bytes = play_sealed(path, 0, &n);
    copy = malloc(n);
    for (int i = 0; i < 1500; i++) {
        size_t from = rng_below(&r, n), len = 1 + rng_below(&r, 64);
        memcpy(copy, bytes, n);
        for (size_t k = from; k < n && k < from + len; k++) copy[k] = (char)rng_u32(&r);
        write_bytes(other, copy, n);
        int rc = archive_verify(other, &rep, NULL, NULL, NULL);
        cr_assert(rc < 0 || rep.findings > 0 || !memcmp(copy, bytes, n));
        opens(other);
    }
    unlink(other);
    for (int i = 0; i < 500; i++) { /* noise behind a right header */
        struct archive_id none = {{0}};
        struct archive *a = play_open(other);
        OK(journal_begin(a, &none, &e));
        size_t len = rng_below(&r, n);
        for (size_t k = 0; k < len; k++) copy[k] = (char)rng_u32(&r);
        cr_assert_eq(pwrite(a->fd, copy, len, JOURNAL_HEADER), (ssize_t)len);
        archive_close(a);
        a = play_open(other); /* cut off */
        archive_close(a);
        unlink(journal);
    }
    free(bytes), free(copy);
    tmp_end();
}
