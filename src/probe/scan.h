/* An attention probe over a growing trace: what it reads after every token, and the gradient of all those readings at once.
 *
 *   z_T = b + Σ_h N_hT / D_hT,    N_hT = Σ_{t≤T} e^{q_ht} v_ht   [C],    D_hT = Σ_{t≤T} e^{q_ht}
 *
 * with q_ht = W_q h_t and v_ht = W_v h_t of head h (one in Boppana et al. 2026, arXiv 2603.05488, whose z = W_v H · softmax(W_q H) is z_T of
 * the whole trace). Sums are kept relative to the running maximum of q, so no future token can touch an earlier reading and no spread
 * of q underflows what stands at the front. A reading costs O(heads·C) a token and needs heads·(C + 2) numbers of state.
 *
 * Two other poolings share the form: MEAN (all q equal) and LAST (only the last token counts).
 * Pure functions on the caller's arrays. No failure: shapes are checked by whoever makes a probe (probe.h). */
#ifndef PROBE_SCAN_H
#define PROBE_SCAN_H
#include <stdint.h>

enum { SCAN_CLASSES = 128, SCAN_HEADS = 8 };
enum scan_pool { POOL_ATTENTION, POOL_MEAN, POOL_LAST };
struct scan_shape {
    enum scan_pool pool;
    int heads, classes; /* heads is 1 for MEAN and LAST */
};

struct scan {
    struct scan_shape shape;
    double max[SCAN_HEADS], den[SCAN_HEADS], num[SCAN_HEADS][SCAN_CLASSES];
};
void scan_start(struct scan *s, struct scan_shape shape);
/* One more token: q[heads] (ignored but by ATTENTION), v[heads, classes]. */
void scan_add(struct scan *s, const double *q, const double *v);
/* z[classes] = bias + what was added so far; after at least one scan_add. */
void scan_read(const struct scan *s, const double *bias, double *z);

/* Numbers that scan_loss works in. */
int64_t scan_work(struct scan_shape shape, int64_t T);
/* L = Σ_t w_t · −log softmax(z_t)[label] over the prefixes of q[T, heads], v[T, heads, classes], and its gradients dq, dv, db (dq and dv are
 * written, db is added to). w: weight of each prefix; NULL: 1/T each. work[scan_work]. Linear in T. */
double scan_loss(struct scan_shape shape, const double *q, const double *v, const double *bias, int64_t T, int label,
                 const double *w, double *dq, double *dv, double *db, double *work);
/* log softmax(z)[k] for all k; out may be z. */
void log_softmax(const double *z, int n, double *out);
#endif
