/* See preload.h. The system is asked for a few windows ahead of the one being mapped (MADV_WILLNEED starts the disk and returns), and the
 * window at hand is put into the page table (MADV_POPULATE_READ waits for it and does not fault later). Where the kernel is too old for
 * the second call the first one does most of the work. */
#include "weights/preload.h"
#include "base/machine.h"
#include "weights/weights_int.h"
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#ifndef MADV_POPULATE_READ
#define MADV_POPULATE_READ 22
#endif

enum { WINDOW = 8 << 20, AHEAD = 6, SMALL = 32 << 20 };
struct preload {
    const struct weights *w;
    pthread_t thread;
    atomic_int stop;
    int64_t done, total;
    void (*step)(void *ctx, int64_t done, int64_t total);
    void *ctx;
};

static void *at(const struct map *m, size_t i) { return (void *)(uintptr_t)(m->data + i); }

static void read_map(struct preload *p, const struct map *m) {
    size_t asked = 0;
    for (size_t i = 0; i < m->size && !p->stop; i += WINDOW) {
        size_t n = m->size - i < WINDOW ? m->size - i : WINDOW;
        for (; asked < m->size && asked <= i + (size_t)AHEAD * WINDOW; asked += WINDOW)
            madvise(at(m, asked), m->size - asked < WINDOW ? m->size - asked : WINDOW, MADV_WILLNEED);
        madvise(at(m, i), n, MADV_POPULATE_READ);
        p->done += (int64_t)n;
        if (p->step) p->step(p->ctx, p->done, p->total);
    }
}

static void *read_all(void *arg) {
    struct preload *p = arg;
    for (int64_t i = p->w->borrowed; i < p->w->n_maps && !p->stop; i++) read_map(p, &p->w->maps[i]);
    if (p->step && p->done < p->total) p->step(p->ctx, p->total, p->total);
    return NULL;
}

/* Whether every tenth megabyte or so lies in memory already. */
static int resident(const struct map *m) {
    const size_t page = (size_t)sysconf(_SC_PAGESIZE), stride = (size_t)11 << 20;
    unsigned char in = 0;
    for (size_t i = 0; i < m->size; i += stride)
        if (mincore(at(m, i / page * page), 1, &in) != 0 || !(in & 1)) return 0;
    return 1;
}

static int wanted(const struct weights *w, int64_t *total) {
    int warm = 1;
    *total = 0;
    for (int64_t i = w->borrowed; i < w->n_maps; i++) {
        *total += (int64_t)w->maps[i].size;
        warm = warm && resident(&w->maps[i]);
    }
    int64_t room = memory_available();
    return !warm && *total >= SMALL && (room < 0 || *total < room);
}

void preload_start(struct preload **out, const struct weights *w, void (*step)(void *ctx, int64_t done, int64_t total),
                   void *ctx) {
    int64_t total;
    *out = NULL;
    if (!wanted(w, &total)) return;
    struct preload *p = calloc(1, sizeof *p);
    if (!p) return;
    p->w = w, p->total = total, p->step = step, p->ctx = ctx;
    if (pthread_create(&p->thread, NULL, read_all, p) != 0)
        free(p);
    else
        *out = p;
}

void preload_end(struct preload *p) {
    if (!p) return;
    p->stop = 1;
    pthread_join(p->thread, NULL);
    free(p);
}
