/* What candor says a model will take, against what the C library says was taken. The heap's own account is the oracle, so these tests
 * need glibc's and skip under the sanitizers, which replace it. */
#include "base/machine.h"
#include "model/random.h"
#include "run/gradient.h"
#include "run/memory.h"
#include <criterion/criterion.h>
#include <stdlib.h>

TestSuite(memory, .timeout = HANG_S);

struct bench_model {
    struct weights *w;
    struct device *d;
    struct model *m;
};

static struct bench_model open_random(const char *shape, enum fmt f, enum precision p) {
    struct err e = ERR_INIT;
    struct bench_model b;
    cr_assert_eq(random_weights(&b.w, random_shape_find(shape), f, NULL, 1, NULL, &e), 0, "%s", e.msg);
    cr_assert_eq(dev_open(&b.d, 2, 0, &e), 0, "%s", e.msg);
    cr_assert_eq(dev_set_precision(b.d, p, &e), 0, "%s", e.msg);
    cr_assert_eq(model_open(&b.m, b.d, b.w, 0, &e), 0, "%s", e.msg);
    return b;
}

static void close_random(struct bench_model *b) {
    model_close(b->m);
    dev_close(b->d);
    weights_close(b->w);
}

/* Allocators round up and keep heads: one part in two hundred, and 64 KiB; slack: what may be laid aside and is never touched. */
static void expect_within(const char *what, int64_t said, int64_t taken, int64_t slack) {
    int64_t off = said > taken ? said - taken : taken - said;
    cr_expect(off <= taken / 200 + 65536 + slack, "%s: said %lld bytes, took %lld", what, (long long)said, (long long)taken);
}

static void expect_near(const char *what, int64_t said, int64_t taken) { expect_within(what, said, taken, 0); }

static void check_need(struct bench_model *b, struct memory_ask ask) {
    struct err e = ERR_INIT;
    struct memory_need need;
    struct engine *g;
    struct session *s;
    struct gradient *x = NULL;
    int64_t device = dev_scratch_bytes(b->d, 0, 0, 0), at = heap_bytes(); /* the device has some of its scratch already */
    cr_assert_eq(memory_need(&need, b->m, b->w, &ask, &e), 0, "%s", e.msg);
    struct engine_opts o = memory_engine(&ask);
    cr_assert_eq(engine_new(&g, b->m, &o, &e), 0, "%s", e.msg);
    expect_near("scratch", need.scratch - device, heap_bytes() - at);
    at = heap_bytes();
    cr_assert_eq(engine_reserve(g, ask.context * ask.sessions, ask.sessions, &e), 0, "%s", e.msg);
    expect_within("keys and values", need.kv, heap_bytes() - at, 2 << 20); /* a large page, to align the block */
    cr_expect_eq(need.kv_token, engine_kv_bytes(g, 32) / 32);
    at = heap_bytes();
    if (ask.grad_rows) cr_assert_eq(gradient_new(&x, g, NULL, ask.grad_rows, &e), 0, "%s", e.msg);
    expect_near("tape", need.tape, heap_bytes() - at);
    /* and a run takes nothing more: a prompt, a step, a gradient */
    int32_t ids[96];
    for (int i = 0; i < 96; i++) ids[i] = i % 50;
    at = heap_bytes();
    cr_assert_eq(session_new(&s, g, &e), 0, "%s", e.msg);
    cr_assert_eq(session_feed(s, ids, 96, NULL, &e), 0, "%s", e.msg);
    struct gradient_job job = {.ids = ids, .T = 40, .from = 8, .nll = 1};
    if (x) cr_assert_eq(gradient_run(x, &job, NULL, &e), 0, "%s", e.msg);
    expect_near("the run itself", 0, heap_bytes() - at);
    session_free(s);
    gradient_free(x);
    engine_free(g);
}

Test(memory, what_is_said_is_what_is_taken) {
    if (heap_bytes() < 0) cr_skip_test("the heap does not tell its size here");
    static const struct {
        const char *shape;
        enum fmt f;
        enum precision p;
        struct memory_ask ask;
    } rows[] = {
        {"15m", FMT_F32, PREC_FULL, {1000, 1, 0, KV_AUTO}},   {"15m", FMT_Q8_0, PREC_AUTO, {300, 7, 0, KV_AUTO}},
        {"15m", FMT_Q4_0, PREC_AUTO, {512, 1, 64, KV_F16}},   {"15m", FMT_F32, PREC_FULL, {200, 2, 200, KV_F32}},
        {"4m", FMT_BF16, PREC_AUTO, {2000, 3, 100, KV_BF16}},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct bench_model b = open_random(rows[i].shape, rows[i].f, rows[i].p);
        check_need(&b, rows[i].ask);
        close_random(&b);
    }
}

Test(memory, own_copies_are_counted) {
    if (heap_bytes() < 0) cr_skip_test("the heap does not tell its size here");
    struct bench_model b = open_random("15m", FMT_Q8_0, PREC_AUTO);
    struct model *again;
    struct err e = ERR_INIT;
    int64_t at = heap_bytes();
    cr_assert_eq(model_open(&again, b.d, b.w, 0, &e), 0, "%s", e.msg);
    expect_near("copies", model_own_bytes(again), heap_bytes() - at);
    model_close(again);
    close_random(&b);
}

Test(memory, refuses_nonsense) {
    struct bench_model b = open_random("4m", FMT_F32, PREC_FULL);
    struct memory_need n;
    struct err e = ERR_INIT;
    cr_expect_lt(memory_need(&n, b.m, b.w, &(struct memory_ask){.context = 10, .sessions = 1, .grad_rows = 11}, &e), 0);
    cr_expect_lt(memory_need(&n, b.m, b.w, &(struct memory_ask){.context = 0, .sessions = 1}, &e), 0);
    cr_expect_lt(memory_need(&n, b.m, b.w, &(struct memory_ask){.context = 10}, &e), 0);
    close_random(&b);
}

Test(memory, available_is_known_and_sane) {
    int64_t n = memory_available();
    cr_expect_gt(n, 1 << 20);
}
