/* From a store and a probe to what the measures take: one reading_trace a trace, with the readings of probe, forced answers and monitor. */
#ifndef PROBE_PANEL_H
#define PROBE_PANEL_H
#include "probe/learn.h"
#include "probe/measure.h"

/* Which traces: those of `kinds` (NULL: all), of these parts of the probe's split, and with a class. */
struct panel_of {
    const struct store *s;
    const struct probe *p; /* classes, split, and (layer) the readings */
    int layer;             /* place in the probe; −1: no probe readings */
    const char *kinds;
    unsigned parts; /* 1u << FIT_TEST … */
    /* Reads text so far, says a class or −1 (N/A); NULL: no monitor. Called once a step, in order. */
    int (*monitor)(void *ctx, const struct trace *t, int step, int *choice, struct err *e);
    void *ctx;
    const struct trace *one; /* this trace of the store alone; NULL: all */
};
struct panel {
    struct reading_trace *t;
    const struct trace **of; /* [n] */
    size_t n;
    int64_t excluded[TRACE_OUTS], other_form, no_class; /* of these kinds and parts, left out */
    void **mem;
    size_t n_mem, cap_mem;
};
enum { ALL_PARTS = 15, CHOOSING_PARTS = 1u << FIT_VAL | 1u << FIT_CONFORMAL }; /* what may choose: never the test part */
/* The monitor that reads by rules (task/monitor.h), as panel_of wants one; ctx is not used. */
int monitor_by_rules(void *ctx, const struct trace *t, int step, int *choice, struct err *e);
int panel_open(struct panel *out, const struct panel_of *of, struct err *e);
void panel_close(struct panel *p);
#endif
