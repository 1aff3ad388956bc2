/* base: errors, arenas, random streams, the pool, strings, files, sinks, the guard. */
#include "base/arena.h"
#include "base/err.h"
#include "base/guard.h"
#include "base/hash.h"
#include "base/pool.h"
#include "base/progress.h"
#include "base/rng.h"
#include "base/sink.h"
#include "base/str.h"
#include "test_files.h"
#include <fcntl.h>
#include <inttypes.h>
#include <jansson.h>
#include <math.h>
#include <signal.h>

TestSuite(base, .timeout = HANG_S);

static void expect_file(const char *path, const char *want) {
    char *got;
    struct err e = ERR_INIT;
    cr_assert(file_read(&got, NULL, path, 0, &e) == 0, "%s: %s", path, e.msg);
    cr_expect(strcmp(got, want) == 0, "expected\n%s\nfound\n%s", want, got);
    free(got);
}

static int files_in_scratch(void) {
    char cmd[96];
    int n = -1;
    snprintf(cmd, sizeof cmd, "ls -A %s | wc -l", tmp_dir);
    FILE *p = popen(cmd, "r");
    cr_assert(p && fscanf(p, "%d", &n) == 1);
    pclose(p);
    return n;
}

/* ---- errors ---- */

static int two_levels(struct err *e) {
    TRY(fail_at(e, ERR_FORMAT, "a.gguf", 17, "expected %d, found %d", 3, 4));
    return 0;
}

Test(base, err_carries_place_and_sentence) {
    struct err e = ERR_INIT;
    cr_expect(two_levels(&e) == ERR_FORMAT && e.code == ERR_FORMAT && e.at == 17);
    cr_expect_str_eq(e.msg, "expected 3, found 4");
    cr_expect_str_eq(e.where, "a.gguf");
    cr_expect(err_place(&e, ERR_FORMAT, "other") == ERR_FORMAT);
    cr_expect_str_eq(e.where, "a.gguf");
    fail(&e, ERR_IO, "while loading: %s", e.msg); /* quoting itself once garbled the message */
    cr_expect_str_eq(e.msg, "while loading: expected 3, found 4");
    err_place(&e, ERR_IO, "b");
    cr_expect_str_eq(e.where, "b");
    cr_expect(fail(NULL, ERR_IO, "nobody listens") == ERR_IO);
    cr_expect_str_eq(err_name(ERR_UNSUPPORTED), "UNSUPPORTED");
    cr_expect_str_eq(err_name(-99), "UNKNOWN");
}

/* ---- arenas ---- */

struct layout {
    char *a;
    double *b;
    char *none;
    int64_t *c;
};

static void layout_take(struct layout *l, struct arena *a) {
    l->a = arena_alloc(a, 3);
    l->b = arena_array(a, 1000, sizeof *l->b);
    l->none = arena_alloc(a, 0);
    l->c = arena_array(a, 7, sizeof *l->c);
}

Test(base, arena_counts_what_it_takes) {
    struct arena count = arena_count(), real;
    struct layout l;
    layout_take(&l, &count);
    cr_expect(l.a == NULL && !count.full);
    cr_assert(arena_init(&real, count.used, NULL) == 0);
    layout_take(&l, &real);
    cr_expect(!real.full && real.used == count.used, "counted %zu, took %zu", count.used, real.used);
    cr_expect((uintptr_t)l.a % 64 == 0 && (uintptr_t)l.b % 64 == 0 && (uintptr_t)l.c % 64 == 0);
    cr_expect(l.b[999] == 0 && l.c[6] == 0 && l.none != NULL && (void *)l.none != (void *)l.c);
    cr_expect(arena_alloc(&real, 1) == NULL && real.full);
    arena_fini(&real);
}

Test(base, arena_rewinds_and_refuses_overflow) {
    struct arena a;
    cr_assert(arena_init(&a, 4096, NULL) == 0);
    arena_alloc(&a, 10);
    size_t mark = arena_mark(&a);
    char *p = arena_alloc(&a, 100);
    p[99] = 1;
    arena_rewind(&a, mark);
    cr_expect(arena_alloc(&a, 100) == p && p[99] == 1 && a.peak > mark);
    cr_expect(!a.full && arena_array(&a, SIZE_MAX / 4, 8) == NULL && a.full);
    arena_fini(&a);
    struct err e = ERR_INIT;
    cr_expect(arena_init(&a, SIZE_MAX - 3, &e) == ERR_LIMIT);
    arena_fini(NULL);
}

#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/asan_interface.h>
Test(base, arena_gaps_are_poisoned) {
    struct arena a;
    cr_assert(arena_init(&a, 4096, NULL) == 0);
    char *p = arena_alloc(&a, 10);
    size_t mark = arena_mark(&a);
    char *q = arena_alloc(&a, 64);
    cr_expect(!__asan_address_is_poisoned(p + 9) && __asan_address_is_poisoned(p + 10));
    cr_expect(!__asan_address_is_poisoned(q + 63) && __asan_address_is_poisoned(q + 64));
    arena_rewind(&a, mark);
    cr_expect(__asan_address_is_poisoned(q));
    arena_fini(&a);
}
#endif

/* ---- random streams ---- */

/* Random123 1.14, tests/kat_vectors, "philox4x32 10". */
Test(base, philox_known_answers) {
    static const struct {
        uint32_t ctr[4], key[2], want[4];
    } kat[] = {
        {{0, 0, 0, 0}, {0, 0}, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
        {{~0u, ~0u, ~0u, ~0u}, {~0u, ~0u}, {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
        {{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344},
         {0xa4093822, 0x299f31d0},
         {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
    };
    for (size_t i = 0; i < sizeof kat / sizeof *kat; i++) {
        uint32_t got[4];
        philox4x32_10(kat[i].ctr, kat[i].key, got);
        for (int w = 0; w < 4; w++)
            cr_expect(got[w] == kat[i].want[w], "case %zu word %d: expected %08x, found %08x", i, w, kat[i].want[w], got[w]);
    }
}

static int same_stream(struct rng a, struct rng b) {
    int same = 0;
    for (int i = 0; i < 16; i++) same += rng_u64(&a) == rng_u64(&b);
    return same;
}

Test(base, rng_paths_are_independent) {
    cr_expect(same_stream(RNG(1, 2, 3), RNG(1, 2, 3)) == 16);
    cr_expect(same_stream(RNG(1, 2, 3), RNG(1, 3, 2)) == 0);
    cr_expect(same_stream(RNG(1, 2), RNG(1, 2, 0)) == 0);
    cr_expect(same_stream(RNG(1, 0), rng_at(1, NULL, 0)) == 0);
    cr_expect(same_stream(RNG(1, 2), RNG(2, 1)) == 0);
    cr_expect(same_stream(RNG(0, 1), RNG(1, 0)) == 0);
    double sum = 0; /* neighbouring steps: correlation of first draws, n = 20000, 5 sigma = 0.035 */
    for (uint64_t i = 0; i < 20000; i++) {
        struct rng a = RNG(9, 4, i), b = RNG(9, 4, i + 1);
        sum += (rng_uniform(&a) - 0.5) * (rng_uniform(&b) - 0.5) * 12;
    }
    cr_expect(fabs(sum / 20000) < 0.035, "correlation %g", sum / 20000);
}

Test(base, rng_copy_continues) {
    struct rng a = RNG(5, 5);
    rng_u32(&a);
    struct rng b = a;
    cr_expect(same_stream(a, b) == 16);
}

Test(base, rng_moments) {
    struct rng r = RNG(11, 1);
    double s1 = 0, s2 = 0, u = 0;
    int n = 200000, seen[7] = {0};
    for (int i = 0; i < n; i++) {
        double x = rng_normal(&r), v = rng_uniform(&r);
        s1 += x, s2 += x * x, u += v;
        cr_assert(v >= 0 && v < 1);
        seen[rng_below(&r, 7)]++;
    }
    cr_expect(fabs(s1 / n) < 0.012 && fabs(s2 / n - 1) < 0.016 && fabs(u / n - 0.5) < 0.0033); /* 5 sigma */
    for (int i = 0; i < 7; i++) cr_expect(abs(seen[i] - n / 7) < 800, "%d: %d", i, seen[i]);
    cr_expect(rng_below(&r, 1) == 0);
}

Test(base, rng_shuffle_permutes) {
    struct rng r = RNG(3, 3);
    struct {
        int id;
        char pad[3];
    } v[50];
    int seen[50] = {0}, moved = 0;
    for (int i = 0; i < 50; i++) v[i].id = i;
    rng_shuffle(&r, v, 50, sizeof v[0]);
    for (int i = 0; i < 50; i++) seen[v[i].id]++, moved += v[i].id != i;
    for (int i = 0; i < 50; i++) cr_expect(seen[i] == 1);
    cr_expect(moved > 30);
}

/* ---- the pool ---- */

struct fill {
    double *v;
    int64_t n;
    int calls[8];
};

static void fill_slice(void *ctx, int ith, int nth) {
    struct fill *f = ctx;
    int64_t a, b;
    slice(f->n, 16, ith, nth, &a, &b);
    f->calls[ith]++;
    for (int64_t i = a; i < b; i++) f->v[i] += sin((double)i);
}

static void fill_with(int threads, double *v, int64_t n) {
    struct pool *p;
    struct err e = ERR_INIT;
    struct fill f = {.v = v, .n = n};
    cr_assert(pool_new(&p, threads, &e) == 0, "%s", e.msg);
    cr_expect(pool_size(p) == threads);
    for (int i = 0; i < 200; i++) pool_run(p, fill_slice, &f);
    for (int i = 0; i < threads; i++) cr_expect(f.calls[i] == 200, "slice %d ran %d times", i, f.calls[i]);
    pool_free(p);
}

Test(base, pool_bytes_do_not_depend_on_threads) {
    enum { N = 777 };
    static double one[N], more[N], none[N];
    fill_with(1, one, N);
    for (int t = 2; t <= 5; t += 3) {
        memset(more, 0, sizeof more);
        fill_with(t, more, N);
        cr_expect(memcmp(one, more, sizeof one) == 0, "%d threads", t);
    }
    struct fill f = {.v = none, .n = N};
    for (int i = 0; i < 200; i++) pool_run(NULL, fill_slice, &f);
    cr_expect(memcmp(one, none, sizeof one) == 0 && pool_size(NULL) == 1);
}

Test(base, pool_refuses_and_defaults) {
    struct pool *p = NULL;
    struct err e = ERR_INIT;
    cr_expect(pool_new(&p, -1, &e) == ERR_ARG && p == NULL);
    cr_assert(pool_new(&p, 0, &e) == 0);
    cr_expect(pool_size(p) == cpu_cores() && cpu_cores() >= 1);
    pool_free(p);
    pool_free(NULL);
}

Test(base, slices_cover_once) {
    for (int64_t n = 0; n < 70; n++)
        for (int64_t unit = 1; unit <= 33; unit += 16)
            for (int nth = 1; nth <= 9; nth++) {
                int64_t a, b, at = 0;
                for (int i = 0; i < nth; i++, at = b) {
                    slice(n, unit, i, nth, &a, &b);
                    cr_assert(a == at && b >= a && (a % unit == 0 || a == n), "n %" PRId64 " nth %d", n, nth);
                }
                cr_assert(at == n);
            }
}

/* ---- strings ---- */

Test(base, str_grows_to_its_limit_and_sticks) {
    struct str b = {.max = 100};
    for (int i = 0; i < 10; i++) cr_expect(str_printf(&b, "%d,%s;", i, "abc") == 0);
    cr_expect(b.len == 60 && strlen(b.s) == 60);
    cr_expect(str_printf(&b, "%50s", "") == ERR_LIMIT && b.failed && b.len == 60);
    cr_expect(str_puts(&b, "x") < 0 && b.len == 60);
    str_clear(&b);
    cr_expect(str_add(&b, "a\0b", 3) == 0 && b.len == 3 && b.s[2] == 'b' && b.s[3] == 0);
    str_free(&b);
    cr_expect(b.s == NULL && b.max == 100);
    str_free(NULL);
}

/* ---- files ---- */

Test(base, file_read_has_a_limit) {
    const char *path = tmp_path("ten");
    char *s = NULL;
    size_t n;
    struct err e = ERR_INIT;
    write_file(path, "0123456789");
    cr_assert(file_read(&s, &n, path, 10, &e) == 0 && n == 10 && strcmp(s, "0123456789") == 0);
    free(s);
    s = NULL;
    cr_expect(file_read(&s, &n, path, 9, &e) == ERR_LIMIT && s == NULL);
    cr_expect(file_read(&s, &n, "/dev/zero", 100000, &e) == ERR_LIMIT && s == NULL);
    cr_expect(file_read(&s, &n, tmp_path("absent"), 0, &e) == ERR_IO && strstr(e.where, "absent"));
    cr_expect(file_read(&s, &n, "/tmp", 0, &e) == ERR_IO);
    cr_assert(file_read(&s, &n, "/dev/null", 0, &e) == 0 && n == 0 && s[0] == 0);
    free(s);
}

Test(base, map_opens_regular_files) {
    struct map m;
    struct err e = ERR_INIT;
    write_file(tmp_path("m"), "mapped");
    write_file(tmp_path("empty"), "");
    cr_assert(map_open(&m, tmp_path("m"), &e) == 0 && m.size == 6 && memcmp(m.data, "mapped", 6) == 0);
    map_close(&m);
    cr_assert(map_open(&m, tmp_path("empty"), &e) == 0 && m.size == 0 && m.data);
    map_close(&m);
    cr_expect(map_open(&m, "/dev/null", &e) == ERR_IO && map_open(&m, "/tmp", &e) == ERR_IO);
    cr_assert(mkfifo(tmp_path("fifo"), 0600) == 0);
    cr_expect(map_open(&m, tmp_path("fifo"), &e) == ERR_IO);
}

Test(base, path_join_checks_its_room) {
    char buf[8];
    cr_expect(path_join(buf, sizeof buf, "ab", "cdef", NULL) == 0 && strcmp(buf, "ab/cdef") == 0);
    cr_expect(path_join(buf, sizeof buf, "ab/", "cdef", NULL) == 0 && strcmp(buf, "ab/cdef") == 0);
    cr_expect(path_join(buf, sizeof buf, "ab", "cdefg", NULL) == ERR_LIMIT);
    cr_expect(dir_exists("/tmp") && !file_exists("/tmp") && file_exists("/dev/null") && !dir_exists("/dev/null"));
}

Test(base, file_out_is_all_or_nothing) {
    const char *path = tmp_path("out");
    struct file_out o;
    struct stat st;
    struct err e = ERR_INIT;
    write_file(path, "old");
    chmod(path, 0640);
    cr_assert(file_out_open(&o, path, &e) == 0, "%s", e.msg);
    fputs("half of the n", o.f);
    expect_file(path, "old");
    file_out_abort(&o);
    expect_file(path, "old");
    cr_expect(files_in_scratch() == 1);

    cr_assert(file_out_open(&o, path, &e) == 0);
    fputs("new", o.f);
    cr_assert(file_out_commit(&o, &e) == 0, "%s", e.msg);
    file_out_abort(&o);
    expect_file(path, "new");
    cr_expect(stat(path, &st) == 0 && (st.st_mode & 0777) == 0640 && files_in_scratch() == 1);
    cr_expect(file_out_commit(&o, &e) == ERR_STATE);
    cr_expect(file_out_open(&o, "/tmp", &e) == ERR_IO);
    cr_expect(file_out_open(&o, tmp_path("no/dir"), &e) == ERR_IO);
}

Test(base, file_out_follows_links) {
    struct file_out o;
    struct stat st;
    write_file(tmp_path("real"), "old");
    cr_assert(symlink("real", tmp_path("link")) == 0);
    cr_assert(file_out_open(&o, tmp_path("link"), NULL) == 0);
    fputs("new", o.f);
    cr_assert(file_out_commit(&o, NULL) == 0);
    expect_file(tmp_path("real"), "new");
    cr_expect(lstat(tmp_path("link"), &st) == 0 && S_ISLNK(st.st_mode));
}

Test(base, file_out_writes_devices_and_pipes_directly) {
    const char *fifo = tmp_path("fifo");
    struct file_out o;
    struct stat st;
    struct err e = ERR_INIT;
    cr_assert(file_out_open(&o, "/dev/null", &e) == 0 && o.tmp == NULL);
    fputs("gone", o.f);
    cr_assert(file_out_commit(&o, &e) == 0, "%s", e.msg);
    cr_expect(stat("/dev/null", &st) == 0 && S_ISCHR(st.st_mode));

    cr_assert(mkfifo(fifo, 0600) == 0);
    int fd = open(fifo, O_RDONLY | O_NONBLOCK);
    char got[16] = "";
    cr_assert(file_out_open(&o, fifo, &e) == 0);
    fputs("through", o.f);
    cr_assert(file_out_commit(&o, &e) == 0, "%s", e.msg);
    cr_expect(read(fd, got, sizeof got - 1) == 7 && strcmp(got, "through") == 0);
    cr_expect(stat(fifo, &st) == 0 && S_ISFIFO(st.st_mode));
    close(fd);
}

Test(base, file_out_reports_a_full_disk) {
    struct file_out o;
    struct err e = ERR_INIT;
    cr_assert(file_out_open(&o, "/dev/full", &e) == 0);
    fputs("text", o.f);
    cr_expect(file_out_commit(&o, &e) == ERR_IO && strstr(e.msg, "write"), "%s", e.msg);
}

/* ---- sinks ---- */

static void two_rows(struct sink *s) {
    static const int32_t ids[] = {1, -2};
    static const double reals[] = {0.1, 1e300, 5};
    struct field f[] = {
        F_INT("n", INT64_MIN), M_REAL("seconds", 0.25),         F_REAL("p", 0.1),
        F_REAL("bad", NAN),    F_TEXT("text", "a\"\n\xC3\xA9"), F_BOOL("ok", 1),
        F_INTS("ids", ids, 2), F_REALS("x", reals, 3),          M_INT("bytes", 7),
    };
    struct err e = ERR_INIT;
    cr_assert(sink_row(s, "candidate", f, 9, &e) == 0, "%s", e.msg);
    cr_assert(sink_row(s, "end", NULL, 0, &e) == 0, "%s", e.msg);
}

#define TWO_ROWS                                                                                                          \
    "{\"row\":\"candidate\",\"n\":-9223372036854775808,\"p\":0.1,\"bad\":null,\"text\":\"a\\\"\\n\xC3\xA9\",\"ok\":true," \
    "\"ids\":[1,-2],\"x\":[0.1,1e+300,5.0],\"measured\":{\"seconds\":0.25,\"bytes\":7}}\n{\"row\":\"end\"}\n"

Test(base, sink_writes_facts_and_measurements) {
    struct sink *s;
    cr_assert(sink_jsonl_open(&s, tmp_path("rows"), 0, NULL) == 0);
    two_rows(s);
    expect_file(tmp_path("rows"), TWO_ROWS); /* before close: every row is out at once */
    sink_close(s);
    expect_file(tmp_path("rows"), TWO_ROWS);
    cr_assert(sink_jsonl_open(&s, tmp_path("rows"), 0, NULL) == 0);
    sink_close(s);
    expect_file(tmp_path("rows"), "");
}

Test(base, sink_append_cuts_a_torn_line) {
    struct sink *s;
    char big[10001];
    memset(big, 'x', 10000); /* longer than the block that is searched backwards */
    big[10000] = 0;
    write_file(tmp_path("rows"), "{\"row\":\"whole\"}\n{\"row\":\"to");
    cr_assert(sink_jsonl_open(&s, tmp_path("rows"), 1, NULL) == 0);
    two_rows(s);
    sink_close(s);
    expect_file(tmp_path("rows"), "{\"row\":\"whole\"}\n" TWO_ROWS);
    cr_assert(sink_jsonl_open(&s, tmp_path("rows"), 1, NULL) == 0);
    sink_close(s);
    expect_file(tmp_path("rows"), "{\"row\":\"whole\"}\n" TWO_ROWS);
    write_file(tmp_path("only"), big);
    cr_assert(sink_jsonl_open(&s, tmp_path("only"), 1, NULL) == 0);
    sink_close(s);
    expect_file(tmp_path("only"), "");
}

Test(base, sink_reals_read_back_exactly) {
    struct sink *s;
    struct rng r = RNG(1, 1);
    double v[300];
    char *text;
    for (int i = 0; i < 300; i++) {
        uint64_t bits;
        do bits = rng_u64(&r), memcpy(&v[i], &bits, 8);
        while (!isfinite(v[i]));
    }
    v[0] = 0.0, v[1] = -0.0, v[2] = 5e-324, v[3] = 1.0 / 3;
    struct field f = F_REALS("v", v, 300);
    cr_assert(sink_jsonl_open(&s, tmp_path("rows"), 0, NULL) == 0 && sink_row(s, "r", &f, 1, NULL) == 0);
    sink_close(s);
    cr_assert(file_read(&text, NULL, tmp_path("rows"), 0, NULL) == 0);
    json_t *j = json_loads(text, 0, NULL), *list = json_object_get(j, "v");
    for (size_t i = 0; i < 300; i++) {
        double got = json_real_value(json_array_get(list, i));
        cr_expect(memcmp(&got, &v[i], 8) == 0, "expected %.17g, found %.17g", v[i], got);
    }
    json_decref(j);
    free(text);
}

#define BAD "\xEF\xBF\xBD"

Test(base, sink_mends_broken_utf8) {
    struct sink *s;
    struct field f[] = {F_TEXT("t", "a\xC3\xF0\x9F\x98z\xED\xA0\x80"), F_TEXT("none", NULL)};
    cr_assert(sink_jsonl_open(&s, tmp_path("rows"), 0, NULL) == 0 && sink_row(s, "r", f, 2, NULL) == 0);
    sink_close(s);
    expect_file(tmp_path("rows"), "{\"row\":\"r\",\"t\":\"a" BAD BAD BAD BAD "z" BAD BAD BAD "\","
                                  "\"none\":null}\n");
}

Test(base, sink_null_and_failures) {
    struct sink *s = NULL;
    struct err e = ERR_INIT;
    cr_assert(sink_null_open(&s, &e) == 0);
    two_rows(s);
    sink_close(s);
    sink_close(NULL);
    two_rows(NULL);
    cr_expect(sink_jsonl_open(&s, tmp_path("no/dir"), 0, &e) == ERR_IO && strstr(e.where, "no/dir"));
    cr_assert(sink_jsonl_open(&s, "/dev/full", 0, &e) == 0);
    cr_expect(sink_row(s, "r", NULL, 0, &e) == ERR_IO, "%s", e.msg);
    sink_close(s);
}

/* ---- guard, hash, clocks ---- */

Test(base, guard_counts_allocations) {
    void *volatile p; /* volatile: the compiler may drop a malloc nobody looks at */
    guard_counting(1);
    p = malloc(10), free(p);
    cr_expect(guard_count() == 0, "outside a phase nothing counts");
    guard_begin("decode");
    p = malloc(10), free(p);
    p = calloc(2, 5), p = realloc(p, 50), free(p);
    p = aligned_alloc(64, 64), free(p);
    long four = guard_count();
    guard_pause();
    p = malloc(10), free(p);
    guard_resume();
    long still = guard_count();
    guard_end();
    cr_expect(four == 4 && still == 4, "expected 4 and 4, found %ld and %ld", four, still);
    struct pool *pool; /* and inside the library: linking candor_guard reaches candor_static too */
    guard_begin("library");
    cr_assert(pool_new(&pool, 1, NULL) == 0);
    guard_end();
    cr_expect(guard_count() == 6, "%ld", guard_count());
    pool_free(pool);
    guard_counting(0);
}

Test(base, guard_aborts, .signal = SIGABRT) {
    guard_begin("decode");
    void *volatile p = malloc(1);
    free(p);
}

/* FNV-1a vectors: http://www.isthe.com/chongo/src/fnv/test_fnv.c */
Test(base, hash_known_answers) {
    cr_expect(hash_bytes(HASH_START, "", 0) == 0xcbf29ce484222325ull);
    cr_expect(hash_bytes(HASH_START, "a", 1) == 0xaf63dc4c8601ec8cull);
    cr_expect(hash_bytes(HASH_START, "foobar", 6) == 0x85944171f73967e8ull);
    cr_expect(hash_bytes(hash_bytes(HASH_START, "foo", 3), "bar", 3) == 0x85944171f73967e8ull);
    uint64_t two[2] = {HASH_START, hash_bytes(HASH_START, "foo", 3)};
    hash_two(two, "bar", 3);
    cr_expect(two[0] == hash_bytes(HASH_START, "bar", 3) && two[1] == 0x85944171f73967e8ull);
    cr_expect(hash_text("a") == hash_mix(0xaf63dc4c8601ec8cull) && hash_text("a") != hash_text("b"));
}

Test(base, clocks_and_memory) {
    int64_t a = clock_ns();
    cr_expect(clock_ns() >= a && clock_s() > 0 && peak_bytes() > 1 << 20);
    struct progress p;
    progress_quiet(1);
    progress_start(&p, "test", "rows", 10);
    progress_step(&p, 5, "note");
    progress_end(&p);
    cr_expect(p.on == 0 && p.done == 5);
}
