/* Taps: named points of the forward pass where a callback may read or edit rows, and the same points of the backward pass, where
 * it sees (and may add to) the gradient at that point.
 *
 * The callback gets all rows of the batch at one point of one layer; the batch's spans tell whose they are. It runs on the owner
 * thread, must not allocate, and returns 0 or an error code that ends the pass. An edit counts as adding a constant: whoever edits
 * with another Jacobian (y -= s v (v·y)) mirrors it in its backward callback. Off, a tap costs one mask test.
 * In the backward pass adding a seed at a tap is `x += seed`. */
#ifndef MODEL_TAPS_H
#define MODEL_TAPS_H
#include "kern/device.h"

#define TAP_MAP(XX)                                                                          \
    XX(RESID_IN, "resid_in", "residual stream before the block, [T, C]")                     \
    XX(ATTN_NORM, "attn_norm", "normalised input of attention, [T, C]")                      \
    XX(Q, "q", "queries as attention sees them (biased, normalised, rotated), [T, H*D]")     \
    XX(K, "k", "keys as attention sees them, [T, G*D]")                                      \
    XX(V, "v", "values, [T, G*D]")                                                           \
    XX(ATTN_HEADS, "attn_heads", "heads' outputs before the output projection, [T, H*D]")    \
    XX(ATTN_OUT, "attn_out", "what attention adds to the residual stream, [T, C]")           \
    XX(RESID_MID, "resid_mid", "residual stream between attention and feed-forward, [T, C]") \
    XX(FFN_NORM, "ffn_norm", "normalised input of the feed-forward, [T, C]")                 \
    XX(GATE, "gate", "gate before its activation, [T, F] (gated families)")                  \
    XX(UP, "up", "up projection, [T, F]")                                                    \
    XX(FFN_OUT, "ffn_out", "what the feed-forward adds to the residual stream, [T, C]")      \
    XX(RESID_OUT, "resid_out", "residual stream after the block, [T, C]")                    \
    XX(FINAL_NORM, "final_norm", "normalised final state, [T, C]; layer = L")                \
    XX(LOGITS, "logits", "rows of the head, [rows, V]; layer = L")
enum tap {
#define XX(n, s, t) TAP_##n,
    TAP_MAP(XX)
#undef XX
        TAP_COUNT
};
struct batch;
struct tap_rows {
    enum tap tap;
    int layer;
    int64_t row0, rows, width; /* row0: first row of the batch (0 except for logits, which come in chunks) */
    num *x;                    /* [rows, width] */
    const struct batch *batch; /* NULL for logits */
};
typedef int (*tap_fn)(void *ctx, struct device *d, const struct tap_rows *r);
struct taps {
    uint32_t mask;          /* 1u << TAP_x */
    int layer_lo, layer_hi; /* inclusive; ignored for FINAL_NORM and LOGITS */
    tap_fn fn;
    void *ctx;
};
const char *tap_name(enum tap t);
const char *tap_help(enum tap t);
int tap_find(const char *name); /* -1: unknown */
#endif
