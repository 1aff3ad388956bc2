/* What a probe says of states, stored instead of them: of a state and layer its scores q[heads] and values v[heads, classes], the numbers
 * that the scan wants (scan.h), so that every prefix can still be read, and nothing else can. Five float32 for one head and four letters: 20
 * bytes a token and layer, however wide the model is; a state of 5,120 dimensions takes 10,240.
 *
 * The question's candidates are already in the values. Readings of such a store are those of a store of states, byte for byte, since states are
 * read through the same float32 numbers (fit_reader_project). Calibration is not in them, so a probe whose temperatures were fitted anew
 * still reads its stores; one of other weights does not (probe.id). Pure functions. */
#ifndef PROBE_READINGS_H
#define PROBE_READINGS_H
#include "probe/probe.h"
#include "probe/store.h"

/* Numbers of a state and layer. */
int readings_numbers(struct scan_shape shape);
/* Whether a store of readings is of this probe. */
int readings_by(const struct store *s, const struct probe *p);
/* Uncalibrated readings z[t->rows, classes] of the probe's layer `at` (place) from a store of readings. ERR_STATE: made by another
 * probe, or that layer is not there. */
int readings_read(const struct probe *p, int at, const struct store *s, const struct trace *t, double *z, struct err *e);
/* The "probe" of a store's settings; path: its file. NULL without memory. */
json_t *readings_settings(const struct probe *p, const char *path);
/* The name of the probe that a store of readings is of. */
const char *readings_probe(const struct store *s);
#endif
