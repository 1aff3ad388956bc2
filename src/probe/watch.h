/* A probe that reads along: one layer's attention probe on the rows of a running decode, O(1) a token, nothing allocated.
 *
 * The state of a row goes through heads·(1 + classes) dot products and the scan (fit_read.h); the reading is the same number that fit_read
 * gives for the stored trace. Owner thread. */
#ifndef PROBE_WATCH_H
#define PROBE_WATCH_H
#include "probe/probe.h"

struct watch {
    const struct probe *p; /* borrowed */
    const struct fit_probe *fit;
    struct fit_reader reader;
    float *x;  /* [width] */
    f16 *h;    /* [width] */
    int64_t n; /* rows seen */
    const struct temperatures *temperature;
    int broken; /* a state was not finite: no reading any more */
};
/* at: place of the layer in the probe, usually p->best. */
int watch_open(struct watch *w, const struct probe *p, int at, struct err *e);
void watch_close(struct watch *w);
/* A new trace; cand[n_cand, candidate width]: features of its question's choices (choices.h), unless the probe has no candidate head. kind: the
 * question's family (for the temperature), or NULL. */
void watch_start(struct watch *w, const char *kind, const f16 *cand, int n_cand);
void watch_again(struct watch *w); /* the same trace from its beginning */
void watch_row(struct watch *w, struct device *d, const num *x);
/* p[classes], calibrated; returns the likeliest class, -1 before the first row or when broken. */
int watch_read(const struct watch *w, double *p);
#endif
