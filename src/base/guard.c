/* The allocation guard's state, one per thread. The interposed allocator (program/guard_wrap.c) calls guard_hit; what happens
 * there must not allocate, so the message is formatted on the stack and written with write(2). Phases nest; the outermost
 * names them. */
#include "base/guard.h"
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static _Thread_local const char *guard_phase;
static _Thread_local int guard_depth, guard_paused, guard_counts;
static _Thread_local long guard_hits;

void guard_begin(const char *phase) {
    if (guard_depth++ == 0) guard_phase = phase;
}

void guard_end(void) {
    if (guard_depth > 0 && --guard_depth == 0) guard_phase = NULL;
}

void guard_counting(int on) {
    guard_counts = on;
    if (on) guard_hits = 0;
}

long guard_count(void) { return guard_hits; }
void guard_pause(void) { guard_paused++; }

void guard_resume(void) {
    if (guard_paused > 0) guard_paused--;
}

void guard_hit(const char *fn, unsigned long n) {
    if (!guard_depth || guard_paused) return;
    if (guard_counts) {
        guard_hits++;
        return;
    }
    char line[200];
    int len = snprintf(line, sizeof line, "candor: %s(%lu) inside the guarded phase \"%s\", which may not allocate\n", fn, n,
                       guard_phase ? guard_phase : "");
    if (len > (int)sizeof line - 1) len = (int)sizeof line - 1;
    if (write(STDERR_FILENO, line, (size_t)len) < 0) abort(); /* nobody to tell: the abort itself is the message */
    abort();
}
