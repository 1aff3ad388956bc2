/* The thread pool: a generation number that workers watch, and a count of those still at work.
 *
 * A decode step calls pool_run some hundred times with slices of tens of microseconds, so a worker that went to sleep after
 * each would spend longer waking than working: it spins for SPIN_NS first and only then waits on a futex. When there are more
 * threads than processors spinning only steals the time of the one being waited for, so then nobody spins.
 *
 *   owner                                         worker i
 *   fn, ctx, left = n-1; gen++ ; wake if asleep   wait until gen changes
 *   fn(ctx, 0, n)                                 fn(ctx, i, n)
 *   wait until left == 0                          left-- ; the last wakes the owner if asleep
 *
 * The two "asleep" flags use sequentially consistent operations on both sides: either the sleeper's futex call sees the new
 * value, or the waker sees the flag. */
#include "base/pool.h"
#include "base/progress.h"
#include <errno.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { SPIN_NS = 30000, THREADS_MAX = 1024 };

struct worker {
    struct pool *pool;
    pthread_t thread;
    int ith;
};

struct pool {
    pool_fn fn;
    void *ctx;
    int n, started, spin;
    _Alignas(64) _Atomic uint32_t gen; /* one line each: workers poll gen while others count down left */
    _Alignas(64) _Atomic uint32_t left;
    _Alignas(64) _Atomic int sleepers;
    _Atomic int owner_sleeps, stop;
    struct worker *workers; /* n, [0] unused: slice 0 is the owner's */
};

static void cpu_pause(void) {
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

static void futex_wait(_Atomic uint32_t *at, uint32_t seen) {
    syscall(SYS_futex, (void *)at, FUTEX_WAIT_PRIVATE, seen, NULL, NULL, 0);
}

static void futex_wake(_Atomic uint32_t *at, int count) {
    syscall(SYS_futex, (void *)at, FUTEX_WAKE_PRIVATE, count, NULL, NULL, 0);
}

/* Spins while *at == seen; 1 when it changed. The clock is read every 32 pauses: it costs about as much as one. */
static int spin_change(_Atomic uint32_t *at, uint32_t seen, int spin) {
    if (atomic_load_explicit(at, memory_order_acquire) != seen) return 1;
    if (!spin) return 0;
    int64_t end = clock_ns() + SPIN_NS;
    do {
        for (int i = 0; i < 32; i++) {
            cpu_pause();
            if (atomic_load_explicit(at, memory_order_acquire) != seen) return 1;
        }
    } while (clock_ns() < end);
    return 0;
}

static uint32_t gen_await(struct pool *p, uint32_t seen) {
    if (!spin_change(&p->gen, seen, p->spin)) {
        atomic_fetch_add(&p->sleepers, 1);
        while (atomic_load(&p->gen) == seen) futex_wait(&p->gen, seen);
        atomic_fetch_sub(&p->sleepers, 1);
    }
    return atomic_load_explicit(&p->gen, memory_order_acquire);
}

static void left_await(struct pool *p) {
    uint32_t left;
    while ((left = atomic_load_explicit(&p->left, memory_order_acquire)) != 0) {
        if (spin_change(&p->left, left, p->spin)) continue;
        atomic_store(&p->owner_sleeps, 1);
        while ((left = atomic_load(&p->left)) != 0) futex_wait(&p->left, left);
        atomic_store(&p->owner_sleeps, 0);
    }
}

static void gen_raise(struct pool *p) {
    atomic_fetch_add(&p->gen, 1);
    if (atomic_load(&p->sleepers) > 0) futex_wake(&p->gen, THREADS_MAX);
}

static void *worker_main(void *arg) {
    struct worker *w = arg;
    struct pool *p = w->pool;
    uint32_t gen = 0;
    for (;;) {
        gen = gen_await(p, gen);
        if (atomic_load_explicit(&p->stop, memory_order_acquire)) return NULL;
        p->fn(p->ctx, w->ith, p->n);
        if (atomic_fetch_sub(&p->left, 1) == 1 && atomic_load(&p->owner_sleeps)) futex_wake(&p->left, 1);
    }
}

/* Workers take no signals: an interrupt belongs to the owner, which polls its flag between steps. */
static int workers_start(struct pool *p) {
    sigset_t all, before;
    int rc = 0;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    for (int i = 1; i < p->n && rc == 0; i++) {
        p->workers[i] = (struct worker){.pool = p, .ith = i};
        rc = pthread_create(&p->workers[i].thread, NULL, worker_main, &p->workers[i]);
        if (rc == 0) p->started++;
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return rc;
}

static int cpus_allowed(void) {
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) == 0) return CPU_COUNT(&set);
    long n = sysconf(_SC_NPROCESSORS_ONLN);
    return n > 0 ? (int)n : 1;
}

int pool_new(struct pool **out, int threads, struct err *e) {
    if (threads == 0) threads = cpu_cores();
    if (threads < 1 || threads > THREADS_MAX) return fail(e, ERR_ARG, "expected 1 to %d threads, found %d", THREADS_MAX, threads);
    struct pool *p = aligned_alloc(64, (sizeof *p + 63) / 64 * 64);
    if (!p) return fail(e, ERR_NOMEM, "no memory for a pool of %d threads", threads);
    memset(p, 0, sizeof *p);
    p->n = threads;
    p->spin = threads <= cpus_allowed();
    p->workers = calloc((size_t)threads, sizeof *p->workers);
    int rc = p->workers ? workers_start(p) : ENOMEM;
    if (rc) {
        int started = p->started;
        pool_free(p);
        return fail(e, ERR_NOMEM, "started %d of %d threads: %s", started, threads - 1, strerror(rc));
    }
    *out = p;
    return 0;
}

void pool_free(struct pool *p) {
    if (!p) return;
    atomic_store(&p->stop, 1);
    gen_raise(p);
    for (int i = 1; i <= p->started; i++) pthread_join(p->workers[i].thread, NULL);
    free(p->workers);
    free(p);
}

int pool_size(const struct pool *p) { return p ? p->n : 1; }

void pool_run(struct pool *p, pool_fn fn, void *ctx) {
    if (!p || p->n == 1) {
        fn(ctx, 0, 1);
        return;
    }
    p->fn = fn;
    p->ctx = ctx;
    atomic_store_explicit(&p->left, (uint32_t)(p->n - 1), memory_order_relaxed);
    gen_raise(p);
    fn(ctx, 0, p->n);
    left_await(p);
}

static int file_int(const char *path, int otherwise) {
    FILE *f = fopen(path, "re");
    int v = otherwise;
    if (f && fscanf(f, "%d", &v) != 1) v = otherwise;
    if (f) fclose(f);
    return v;
}

/* A processor counts as a core when no allowed sibling before it did: the first of the allowed ones in its sibling list. */
static int cpu_leads(int cpu, const cpu_set_t *set) {
    char path[96];
    int core, package, other;
    snprintf(path, sizeof path, "/sys/devices/system/cpu/cpu%d/topology/core_id", cpu);
    if ((core = file_int(path, -1)) < 0) return 1;
    snprintf(path, sizeof path, "/sys/devices/system/cpu/cpu%d/topology/physical_package_id", cpu);
    package = file_int(path, -1);
    for (other = 0; other < cpu; other++) {
        if (!CPU_ISSET(other, set)) continue;
        snprintf(path, sizeof path, "/sys/devices/system/cpu/cpu%d/topology/core_id", other);
        if (file_int(path, -1) != core) continue;
        snprintf(path, sizeof path, "/sys/devices/system/cpu/cpu%d/topology/physical_package_id", other);
        if (file_int(path, -1) == package) return 0;
    }
    return 1;
}

/* A container's share of time (cgroup v2 cpu.max "quota period"), rounded up to whole processors; INT_MAX-like when none. */
static int cpu_quota(void) {
    long long quota, period;
    FILE *f = fopen("/sys/fs/cgroup/cpu.max", "re");
    int got = f ? fscanf(f, "%lld %lld", &quota, &period) : 0;
    if (f) fclose(f);
    if (got != 2 || quota <= 0 || period <= 0) return THREADS_MAX;
    long long n = (quota + period - 1) / period;
    return n < THREADS_MAX ? (int)n : THREADS_MAX;
}

int cpu_cores(void) {
    cpu_set_t set;
    int cores = 0, quota = cpu_quota();
    if (sched_getaffinity(0, sizeof set, &set) != 0)
        cores = cpus_allowed();
    else
        for (int i = 0; i < CPU_SETSIZE; i++) cores += CPU_ISSET(i, &set) && cpu_leads(i, &set);
    if (cores > quota) cores = quota;
    return cores < 1 ? 1 : cores;
}

/* Units are dealt out by i*units/nth, so that slices differ by one unit at most. */
void slice(int64_t n, int64_t unit, int ith, int nth, int64_t *a, int64_t *b) {
    int64_t units, lo, hi;
    if (unit < 1) unit = 1;
    units = n / unit + (n % unit != 0);
    lo = units / nth * ith + units % nth * ith / nth;
    hi = units / nth * (ith + 1) + units % nth * (ith + 1) / nth;
    *a = lo < units ? lo * unit : n;
    *b = hi < units ? hi * unit : n;
}
