/* Belief shifts, and whether turns of the text (inflections: "Wait", "Actually") go with them in time.
 *
 * Everything is placed by bytes of the thought, never by numbers of steps, which different cutters count differently. What a shift's
 * place is known to is a span: it happened while bytes lo … hi − 1 were read, hi being where the later of the two readings stands.
 * An inflection is a byte, the first of its text. A shift in whose span an inflection lies is neither before nor after it.
 * Conventions as in measure.h. */
#ifndef PROBE_MEASURE_SHIFT_H
#define PROBE_MEASURE_SHIFT_H
#include "probe/measure.h"

/* Reading k is a shift if f of it and f of the reading before differ by more than the threshold. TOP: f = confidence; ENTROPY: f in bits.
 * Neither sees the top class give way to another at the same confidence: SWAP is that, whatever the threshold and direction (from or to
 * N/A, too). */
enum shift_of { SHIFT_TOP, SHIFT_ENTROPY, SHIFT_SWAP, SHIFT_KINDS };
enum shift_way { SHIFT_ANY, SHIFT_UP, SHIFT_DOWN };
struct shift_rule {
    enum shift_of of;
    double threshold;
    enum shift_way way;
};
/* out[readings_of]: the readings that are shifts, in order; returns how many. Where a reader gives no f, none are. */
int64_t belief_shifts(int64_t *out, const struct reading_trace *t, enum reader r, const struct shift_rule *rule);
/* The probability of the class said last is at least `bar` at all readings (the paper: 0.9 at steps). 0 for a reader without p. */
int high_confidence(const struct reading_trace *t, enum reader r, double bar);

/* Inflections per step of high-confidence traces and of the others: Σ inflections / Σ steps, of each of `kinds` kinds, then of all
 * together. A step is a reading at a step with text before it. counts[n, kinds]. difference = other − high. */
struct inflection_rate {
    struct estimate high, other, difference;
};
struct inflection_split {
    int64_t high_traces, high_steps, other_traces, other_steps;
};
/* rates[kinds + 1]; split may be NULL. The reader must read at steps. */
int measure_inflections(struct inflection_rate *rates, struct inflection_split *split, const struct reading_trace *t, size_t n,
                        enum reader r, double bar, const int64_t *counts, int kinds, const struct resampling *how, struct err *e);

/* ---- order in time ---- */

struct byte_span {
    size_t lo, hi;
};
/* Spans of the shifts k[n] of a reader whose reading i stands at byte[i]; k >= 1. */
void shift_spans(struct byte_span *out, const int64_t *k, int64_t n, const size_t *byte);

struct timed_trace {
    size_t question;
    size_t bytes;             /* of the thought */
    const size_t *inflection; /* [n_inflections], below bytes, rising or equal */
    int64_t n_inflections;
    const struct byte_span *shift; /* [n_shifts], lo <= hi <= bytes, rising and apart */
    int64_t n_shifts;
    const size_t
        *slot; /* [n_slots] rising, slot[0] = 0, below bytes: where inflections can begin (steps, sentences); NULL: at any byte */
    int64_t n_slots;
};
struct timing_test {
    struct estimate observed; /* share of inflections; interval over questions */
    double expected;          /* mean share under the null */
    double p;                 /* P(share under the null >= observed), one-sided; of `order` two-sided */
};
/* Of all inflections, the share with a shift that ends within `window` bytes before it (before), that begins within `window` bytes behind
 * it (after), in whose span it lies (within); order: share before − share after, positive where shifts come first.
 * Distance: bytes from the nearest byte of the span, so the neighbouring byte is at 1 on either side.
 *
 * Null: inflections sit where they sit regardless of shifts. In each trace they are all moved by one random distance around its end
 * (by slots where there are any, keeping their offset in the slot as far as it fits), which keeps their spacing, the shifts, the
 * traces' lengths and how many of each a trace has; so neither "long traces have more of both" nor clustering looks like timing.
 * p = (1 + hits) / (1 + draws). */
struct timing {
    struct timing_test before, after, within, order;
    int64_t inflections, shifts, traces; /* traces with any inflection */
};
int measure_timing(struct timing *out, const struct timed_trace *t, size_t n, size_t window, int draws,
                   const struct resampling *how, uint64_t seed, struct err *e);
#endif
