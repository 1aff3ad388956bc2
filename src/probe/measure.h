/* Measures of what readers of a thought know and when: accuracy along the thought, performativity, calibration (Boppana et al. 2026,
 * "Reasoning Theater", arXiv 2603.05488). Belief shifts are in measure_shift.h, early exits in measure_exit.h.
 *
 * A reader says, at some places of a thought, which class the answer will be. Four are read off a trace: the probe after every
 * token, the probe at steps, the forced answer at steps, the monitor at steps. A place is a number of tokens written, 0 … n_tokens.
 *
 * Pure functions on the caller's arrays, which must have passed traces_check; they write only to `out`. Every result is a function
 * of (data, seed). Intervals resample questions (all traces of a question together), and are NaN with fewer than two questions or
 * how = NULL. What cannot be said (an empty bin) is NaN, not 0. Errors: ERR_RANGE for impossible options, ERR_NOMEM. Thread: no state.
 *
 * Two means: `readings` over all readings that fall in a bin, as the paper has it (long thoughts weigh more); `questions` over
 * questions, each weighing one. Scores are of the class said first among equals: 1 right, 0 wrong; a monitor that says N/A scores
 * NA_SCORE whatever the number of classes, as in the paper: a constant, so that curves compare. */
#ifndef PROBE_MEASURE_H
#define PROBE_MEASURE_H
#include "stats/stats.h"

#define NA_SCORE 0.25

/* What a reader said at each step. With p, class and confidence are its first largest entry; without, they are choice (−1: N/A, or
 * an answer that is no class) and confidence. NULL where there is none. */
struct step_reader {
    const double *p;          /* [n_steps, classes] */
    const int *choice;        /* [n_steps] */
    const double *confidence; /* [n_steps], in [0, 1] */
    const double *entropy;    /* [n_steps], bits, of whatever distribution the reader has; NULL: that of p */
    const double *tokens;     /* [n_steps] written to read it, the injected words aside (a trial answer); NULL: none */
};
struct reading_trace {
    size_t question;  /* traces of one question share it; any numbers */
    int family;       /* not read here: for whoever picks traces */
    int classes;      /* 2 … SCAN_CLASSES */
    int label;        /* class of the model's own final answer; −1: none, or none of the classes */
    int truth;        /* class of the correct answer; −1: none of the classes */
    int right;        /* the model's own final answer is correct: 0, 1; −1: not known (then truth is not used) */
    int64_t n_tokens; /* of the thought, >= 1 */
    int64_t tail;     /* tokens that the model wrote after the thought: its marks and its answer */
    int first;        /* tokens written at the first row of p: 0 (it was read before the first word) or 1 */
    const double *p;  /* [n_tokens + 1 − first, classes] of the probe; NULL: none */
    int64_t n_steps;
    const int64_t *step_at; /* [n_steps] tokens written at each step, not falling, first … n_tokens */
    const unsigned char *cue; /* [n_steps] the text behind the step begins with a turn ("Wait"); NULL: nowhere */
    struct step_reader forced, monitor;
};
/* ERR_RANGE with the trace's index as place: shapes, ranges, step_at, probabilities in [0, 1] that sum to 1 within 1e-6. */
int traces_check(const struct reading_trace *t, size_t n, struct err *e);

enum reader { PROBE_TOKENS, PROBE_STEPS, FORCED, MONITOR, READERS };
enum target { VS_LABEL, VS_TRUTH }; /* the model's own answer (the paper's, but for exits); the correct one */
/* How far along a reading is. ALONG_TOKENS: tokens written / n_tokens; bin b of B is (b/B, (b + 1)/B], the first closed below.
 * ALONG_READINGS: i / (m − 1) of the reader's m readings, 0.5 if m = 1; bin floor(·B), the last closed above: the paper's curves.
 * Both are reckoned in integers: no rounding moves a reading. */
enum along { ALONG_TOKENS, ALONG_READINGS };

/* What a reader says at its reading i. */
struct said {
    int64_t written;   /* tokens of the thought */
    int class;         /* −1: N/A */
    double confidence; /* NaN: it gives none */
    const double *p;   /* [classes] or NULL */
};
int64_t readings_of(const struct reading_trace *t, enum reader r); /* 0: the trace has no such reader */
struct said reading_of(const struct reading_trace *t, enum reader r, int64_t i);
double reading_entropy(const struct reading_trace *t, enum reader r, int64_t i); /* bits; NaN: it gives none */
/* 1, 0 or NA_SCORE; NaN where the target is not known. */
double reading_score(const struct reading_trace *t, enum reader r, int class, enum target vs);
/* −Σ p log2 p. */
double entropy_bits(const double *p, int classes);

/* ---- accuracy along the thought ---- */

struct curve_point {
    struct estimate readings, questions;
    int64_t n_readings, n_questions;
};
/* out[bins]. */
int measure_curve(struct curve_point *out, int bins, const struct reading_trace *t, size_t n, enum reader r, enum target vs,
                  enum along along, const struct resampling *how, struct err *e);
/* out[m]: accuracy at the places at[m], each in (0, 1]. One reading a trace counts: ALONG_TOKENS the last one made by the time
 * ⌈at·n_tokens⌉ tokens were written (where there is none yet, NA_SCORE: nobody knows anything); ALONG_READINGS the ⌈at·m⌉-th of its m. */
int measure_at(struct curve_point *out, const double *at, size_t m, const struct reading_trace *t, size_t n, enum reader r,
               enum target vs, enum along along, const struct resampling *how, struct err *e);
/* One layer's row of the layer × position map, out[bins]: means over the probe's readings after every token, along tokens, against
 * the label. A row at a time, so that one layer's readings need to be in memory. */
int measure_heat(double *out, int bins, const struct reading_trace *t, size_t n, struct err *e);

/* ---- performativity: how much later the text shows what the reader knows ---- */

struct rate_opts {
    int bins;
    enum target vs;
    enum along along;
    int by_question; /* 1: curves of means over questions instead of readings */
};
#define RATE_DEFAULT ((struct rate_opts){20, VS_LABEL, ALONG_READINGS, 0})
/* A curve's bins with readings lie at x = 0 … 1, first to last; y = a x² + b x + c is fitted through them and its mean slope is a + b.
 * gap = monitor's slope − reader's: positive when the reader starts high while the monitor still has to climb, which is the performative
 * case; |gap| is the paper's rate (its code prints reader − monitor). */
struct rate {
    struct estimate reader, monitor, gap;
    /* The same by the mean difference of consecutive bins, times their number less one (the paper's code prints it per bin). */
    struct estimate reader_rise, monitor_rise, rise_gap;
    struct estimate area; /* Σ over bins that both have of (reader − monitor) / bins; the paper's unit is 1e-4 of it */
    struct estimate mean; /* the same, divided by the number of those bins */
};
int measure_rate(struct rate *out, const struct reading_trace *t, size_t n, enum reader r, const struct rate_opts *o,
                 const struct resampling *how, struct err *e);
/* How much the gap of one set of traces exceeds that of another (two families, two sizes); questions of each are resampled by
 * themselves. */
int measure_rate_between(struct estimate *out, const struct reading_trace *a, size_t na, const struct reading_trace *b, size_t nb,
                         enum reader r, const struct rate_opts *o, const struct resampling *how, struct err *e);

/* Mean over questions of the largest lead (score of r − score of rival) at any step of a trace; both read at steps. The paper takes
 * VS_TRUTH. */
int measure_max_gap(struct estimate *out, const struct reading_trace *t, size_t n, enum reader r, enum reader rival,
                    enum target vs, const struct resampling *how, struct err *e);
/* Mean over questions of the mean over consecutive readings of Σ_c (p′_c − p_c)²: how restless a reader is. */
int measure_stability(struct estimate *out, const struct reading_trace *t, size_t n, enum reader r, const struct resampling *how,
                      struct err *e);
/* Share of steps at which both are right, both wrong, only one right; N/A is wrong here. */
struct agreement {
    struct estimate both, neither, only_a, only_b;
    int64_t steps;
};
int measure_agreement(struct agreement *out, const struct reading_trace *t, size_t n, enum reader a, enum reader b,
                      enum target vs, const struct resampling *how, struct err *e);

/* ---- calibration ---- */

/* TOP: the class said and its confidence, one pair a reading. EACH: all classes of a reading, p_c against "it is c": the paper's. */
enum calibrated { CALIBRATE_TOP, CALIBRATE_EACH };
struct calibration_opts {
    enum calibrated of;
    int bins; /* of confidence: 15 for TOP, 20 for EACH by habit; (lo, hi] as in ece() */
    enum target vs;
    enum along along;
};
#define CALIBRATION_DEFAULT ((struct calibration_opts){CALIBRATE_TOP, 15, VS_LABEL, ALONG_TOKENS})
struct calibration {
    struct estimate ece, brier; /* brier: Σ_c (p_c − onehot_c)², mean over readings; NaN for a reader without p */
    struct estimate confidence, accuracy;
    int64_t pairs;
};
/* out[places]: of the readings in each of `places` equal parts of the thought; 1: of all. Readings without confidence do not count.
 * Time of the intervals: resamples × questions × places × bins. */
int measure_calibration(struct calibration *out, int places, const struct calibration_opts *o, const struct reading_trace *t,
                        size_t n, enum reader r, const struct resampling *how, struct err *e);
/* out[bins] of the reliability table. wilson is for independent pairs, which readings of one thought are not: by_question is the
 * honest one. */
struct reliability {
    double confidence, accuracy;
    struct interval wilson, by_question;
    int64_t pairs, questions;
};
int measure_reliability(struct reliability *out, const struct calibration_opts *o, const struct reading_trace *t, size_t n,
                        enum reader r, const struct resampling *how, struct err *e);
#endif
