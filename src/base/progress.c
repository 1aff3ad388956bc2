/* Progress and clocks. The line goes to stderr so that results on stdout stay clean, and is redrawn in place; without a
 * terminal it would only fill logs, so it is off there unless the environment says CANDOR_PROGRESS=1. */
#include "base/progress.h"
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

static int progress_off;
static _Atomic(const struct progress *) progress_line; /* whose it is */

static int progress_has_line(const struct progress *p) {
    const struct progress *nobody = NULL;
    return atomic_compare_exchange_strong(&progress_line, &nobody, p) || nobody == p;
}

void progress_quiet(int quiet) { progress_off = quiet; }

static int progress_wanted(void) {
    const char *forced = getenv("CANDOR_PROGRESS");
    if (progress_off) return 0;
    return forced ? forced[0] == '1' : isatty(STDERR_FILENO);
}

void progress_start(struct progress *p, const char *what, const char *unit, double total) {
    *p = (struct progress){.what = what, .unit = unit, .total = total, .t0 = clock_ns(), .on = progress_wanted()};
}

static void time_left(char *buf, size_t size, const struct progress *p, double rate) {
    buf[0] = 0;
    if (p->total <= 0 || rate <= 0 || p->done >= p->total) return;
    long s = (long)((p->total - p->done) / rate + 0.5);
    if (s >= 3600)
        snprintf(buf, size, ", %ldh%02ldm left", s / 3600, s / 60 % 60);
    else if (s >= 60)
        snprintf(buf, size, ", %ldm%02lds left", s / 60, s % 60);
    else
        snprintf(buf, size, ", %lds left", s);
}

static void progress_draw(const struct progress *p, int64_t now, const char *note) {
    double seconds = (double)(now - p->t0) * 1e-9, rate = seconds > 0 ? p->done / seconds : 0;
    const char *unit = p->unit ? p->unit : "";
    char left[48];
    time_left(left, sizeof left, p, rate);
    fprintf(stderr, "\r\033[K%s: %.0f", p->what ? p->what : "", p->done);
    if (p->total > 0) fprintf(stderr, "/%.0f", p->total);
    fprintf(stderr, " %s, %.3g %s/s%s%s%s", unit, rate, unit, left, note ? "  " : "", note ? note : "");
    fflush(stderr);
}

void progress_step(struct progress *p, double done, const char *note) {
    p->done = done;
    if (!p->on) return;
    int64_t now = clock_ns();
    if ((p->last && now - p->last < 100000000) || !progress_has_line(p)) return;
    p->last = now;
    progress_draw(p, now, note);
}

void progress_end(struct progress *p) {
    if (p->on && p->last) {
        fputs("\r\033[K", stderr);
        fflush(stderr);
        progress_line = NULL;
    }
    p->on = 0;
}

int64_t clock_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

double clock_s(void) { return (double)clock_ns() * 1e-9; }

/* VmHWM and not ru_maxrss: the latter survives exec, so a small program started by a large one would report its parent. */
int64_t peak_bytes(void) {
    char buf[4096];
    int fd = open("/proc/self/status", O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read(fd, buf, sizeof buf - 1);
    if (fd >= 0) close(fd);
    if (n > 0) {
        buf[n] = 0;
        const char *at = strstr(buf, "VmHWM:");
        if (at) return strtoll(at + 6, NULL, 10) * 1024;
    }
    struct rusage u;
    return getrusage(RUSAGE_SELF, &u) == 0 ? (int64_t)u.ru_maxrss * 1024 : 0;
}
