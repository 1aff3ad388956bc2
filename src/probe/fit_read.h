/* A trained probe of one layer, and what it reads in a trace.
 *
 * A question's candidates are folded into the weights before its trace is read: with codes g_k = wb e_k
 *   v_hk = wv_hk·x + (wu_h x + ub_h)·g_k = (wv_hk + Σ_r g_kr wu_hr)·x + ub_h·g_k,
 * so a token costs heads·(1 + classes) dot products whatever the rank, and a probe that reads along does not hold up a small model. Live and stored
 * traces go through the same functions: their readings are the same bytes. Sums over the width are f32, those of scan.h f64. A reader
 * belongs to one thread; probes are read only. */
#ifndef PROBE_FIT_READ_H
#define PROBE_FIT_READ_H
#include "base/err.h"
#include "kern/fmt.h"
#include "probe/scan.h"

/* One layer's probe, of raw states: q_h = wq[h]·x, v_hk = wv[h, k]·x + (wu[h]·x + ub[h])·(wb e_k), reading bias + Σ_h … The second part
 * is the candidate head: what state and candidate k (features e_k) have in common in `rank` dimensions, so that it can say "the one the
 * third choice names" of a question it has never seen. */
enum { FIT_RANK = 256 };
struct fit_probe {
    float *wq, *wv;      /* [heads, width], [heads, classes, width]; one allocation with the rest, freed by fit_free */
    float *wu, *ub, *wb; /* [heads, rank, width], [heads, rank], [rank, cand_width]; of rank 0: empty */
    int rank;
    int64_t cand_width;
    double bias[SCAN_CLASSES];
    double val_loss; /* of the epoch kept; NaN without validation traces: the last epoch's */
    int epoch;
};
/* Numbers of one probe, and its parts set into memory of that size. */
int64_t fit_size(struct scan_shape shape, int64_t width, int rank, int64_t cand_width);
void fit_place(struct fit_probe *p, float *memory, struct scan_shape shape, int64_t width, int rank, int64_t cand_width);
void fit_free(struct fit_probe *p);

struct fit_reader {
    const struct fit_probe *p; /* borrowed */
    int64_t width;
    const float *w; /* [heads (1 + classes), width]: q, then v */
    float *folded;  /* w with the candidates of the question at hand; NULL of rank 0, whose w is the probe's own */
    float *off;     /* [heads, classes]: what v has besides */
    struct scan scan;
};
/* Ready for a question without candidates. Allocates what the reader will ever need; fit_reader_close is due in any case. */
int fit_reader_open(struct fit_reader *r, const struct fit_probe *p, struct scan_shape shape, int64_t width, struct err *e);
void fit_reader_close(struct fit_reader *r);
/* A trace of another question; cand[n_cand, cand_width]: candidate k stands for class k (not looked at if the rank is 0). */
void fit_reader_question(struct fit_reader *r, const f16 *cand, int n_cand);
void fit_reader_again(struct fit_reader *r); /* another trace of the same question */
/* q[heads] and then v[heads, classes] of the state x[width]; 0 if one of them is not finite, as none is whose state is not. */
int fit_reader_project(const struct fit_reader *r, const float *x, float *qv);
/* One more token of a trace, of whose state these are q and v. */
void fit_reader_add(struct fit_reader *r, const float *qv);
/* z[classes] after the tokens so far; at least one. */
void fit_reader_read(const struct fit_reader *r, double *z);

/* Readings of a finished trace: z[rows, classes] after each token. cand: as above. */
int fit_read(const struct fit_probe *p, struct scan_shape shape, const f16 *x, int64_t rows, int64_t width, const f16 *cand,
             int n_cand, double *z, struct err *e);
#endif
