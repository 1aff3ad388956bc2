/* A tap that copies rows to the host. Steps may come in several chunks; each row's place follows from its span's position. */
#include "run/hidden.h"
#include <string.h>

int64_t hidden_width(const struct model_cfg *c, enum tap t) {
    switch (t) {
    case TAP_Q:
    case TAP_ATTN_HEADS: return (int64_t)c->n_head * c->head_dim;
    case TAP_K:
    case TAP_V: return (int64_t)c->n_kv * c->head_dim;
    case TAP_GATE: return c->gated ? c->n_ff : 0;
    case TAP_UP: return c->n_ff;
    case TAP_LOGITS: return c->n_score ? c->n_score : c->n_vocab;
    default: return c->n_embd;
    }
}

struct capture {
    float *out;
    int64_t T;
    int lo;
    enum tap tap;
};

static int capture_rows(void *ctx, struct device *d, const struct tap_rows *r) {
    struct capture *c = ctx;
    int64_t layer = r->tap == TAP_FINAL_NORM ? 0 : r->layer - c->lo;
    dev_get(d, c->out + (layer * c->T + r->batch->spans[0].pos0) * r->width, r->x, r->rows * r->width);
    return 0;
}

int hidden_capture(struct engine *g, const int32_t *ids, int64_t T, enum tap t, int lo, int hi, float *out, struct err *e) {
    struct capture c = {out, T, lo, t};
    struct taps taps = {1u << t, lo, hi, capture_rows, &c};
    struct session *s = NULL;
    if (t == TAP_LOGITS || !hidden_width(model_cfg(engine_model(g)), t))
        return fail(e, ERR_ARG, "tap %s: not to be captured from a %s model", tap_name(t),
                    t == TAP_LOGITS ? "whole" : "family without it");
    TRY(session_new(&s, g, e));
    int rc = engine_step(g, &(struct feed){.s = s, .ids = ids, .n = T}, 1, &taps, e);
    session_free(s);
    return rc;
}
