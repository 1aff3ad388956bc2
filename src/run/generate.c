/* The decode loop. At most max_sessions generations run side by side; when one ends the next takes its place. Pages, tables and
 * scratch for all that may come are taken before the loop; inside it the guard ends the program if anything allocates. */
#include "run/generate.h"
#include "base/guard.h"
#include "base/rng.h"
#include "run/run_int.h"
#include <stdlib.h>

struct decode {
    struct engine *g;
    struct generation *gen;
    int n, next; /* generations in all; the next to be admitted */
    int *live;   /* [slots] index into gen */
    int n_live, slots;
    struct feed *feeds;
    float *logits; /* [slots, V] */
    struct sampler sampler;
    int64_t V;
    const struct gen_taps *seen; /* NULL: nobody looks */
    struct taps taps;
};

static int64_t growth(const struct engine *g, const struct generation *x) {
    int64_t left = g->o.max_ctx - x->s->len;
    return x->max_new < left ? x->max_new : left;
}

static int reserve(struct decode *d, struct err *e) {
    int64_t positions = 0;
    for (int i = 0; i < d->n; i++) {
        struct generation *x = &d->gen[i];
        if (!x->s || x->s->g != d->g) return fail(e, ERR_ARG, "generation %d: expected a session of this engine", i);
        if (!x->ids && x->max_new > 0) return fail(e, ERR_ARG, "generation %d: expected an array for its ids", i);
        TRY(sampling_check(&x->sampling, e));
        x->n = 0, x->stop = GEN_MAX;
        int64_t grow = growth(d->g, x);
        if (grow < 1) continue;
        TRY(session__room(x->s, x->s->len + grow, e));
        positions += grow;
    }
    return engine_reserve(d->g, positions, d->n, e);
}

static int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }

static int decode_init(struct decode *d, struct engine *g, struct generation *gen, int n, struct err *e) {
    *d = (struct decode){
        .g = g, .gen = gen, .n = n, .V = model_n_out(g->m), .slots = (int)least(n, least(g->o.max_sessions, g->o.max_rows))};
    if (model_cfg(g->m)->n_score)
        return fail(e, ERR_STATE, "expected a language model, found a reward model: it has no vocabulary to speak with");
    d->live = malloc((size_t)d->slots * sizeof *d->live);
    d->feeds = malloc((size_t)d->slots * sizeof *d->feeds);
    d->logits = malloc((size_t)(d->slots * d->V) * sizeof *d->logits);
    if (!d->live || !d->feeds || !d->logits) return fail(e, ERR_NOMEM, "out of memory");
    TRY(sampler_init(&d->sampler, (int)d->V, e));
    return reserve(d, e);
}

static void decode_fini(struct decode *d) {
    sampler_fini(&d->sampler);
    free(d->live), free(d->feeds), free(d->logits);
}

static void admit(struct decode *d) {
    while (d->n_live < d->slots && d->next < d->n) {
        struct generation *x = &d->gen[d->next];
        if (x->max_new < 1)
            x->stop = GEN_MAX;
        else if (growth(d->g, x) < 1)
            x->stop = GEN_CTX;
        else
            d->live[d->n_live++] = d->next;
        d->next++;
    }
}

static int is_end(const struct generation *x, int32_t id) {
    for (int i = 0; i < x->n_ends; i++)
        if (x->ends[i] == id) return 1;
    return 0;
}

/* The logits after x->last are there: pick, tell, decide. Returns 1 if it goes on. */
static int advance(struct decode *d, struct generation *x, const float *logits) {
    struct rng r = RNG(x->seed, x->stream, (uint64_t)(x->first + x->n));
    double logprob = 0, *wanted = x->logprobs || x->on_token ? &logprob : NULL;
    int32_t id = sampler_pick(&d->sampler, logits, &x->sampling, rng_uniform(&r), x->s->ids, x->s->len, wanted);
    int64_t i = x->n++;
    x->ids[i] = x->last = id;
    if (x->logprobs) x->logprobs[i] = logprob;
    int stopped = 0;
    if (x->on_token) {
        guard_pause();
        stopped = x->on_token(x->ctx, id, logprob, i);
        guard_resume();
    }
    if (is_end(x, id))
        x->stop = GEN_END;
    else if (stopped)
        x->stop = GEN_CALLER;
    else if (x->n >= x->max_new)
        x->stop = GEN_MAX;
    else if (x->s->len >= d->g->o.max_ctx)
        x->stop = GEN_CTX;
    else
        return 1;
    return 0;
}

/* Row i of a decode step belongs to the i-th live generation. */
static int show_rows(void *ctx, struct device *dev, const struct tap_rows *r) {
    struct decode *d = ctx;
    for (int64_t i = 0; i < r->rows; i++) {
        int which = d->live[r->row0 + i];
        TRY(d->seen->row(d->seen->ctx, which, d->gen[which].n, dev, r, num_at(dev, r->x, i * r->width)));
    }
    return 0;
}

static int decode_step(struct decode *d, struct err *e) {
    for (int i = 0; i < d->n_live; i++) {
        struct generation *x = &d->gen[d->live[i]];
        d->feeds[i] = (struct feed){.s = x->s, .ids = &x->last, .n = 1, .logits = d->logits + i * d->V};
    }
    TRY(engine_step(d->g, d->feeds, d->n_live, d->seen ? &d->taps : NULL, e));
    int kept = 0;
    for (int i = 0; i < d->n_live; i++)
        if (advance(d, &d->gen[d->live[i]], d->logits + i * d->V)) d->live[kept++] = d->live[i];
    d->n_live = kept;
    return 0;
}

int generate_tapped(struct engine *g, struct generation *gen, int n, const struct gen_taps *taps, struct err *e) {
    struct decode d;
    if (n < 1) return 0;
    if (taps && taps->mask & 1u << TAP_LOGITS) return fail(e, ERR_ARG, "tap logits: not to be seen row by row");
    int rc = decode_init(&d, g, gen, n, e);
    d.seen = taps;
    if (taps) d.taps = (struct taps){taps->mask, taps->layer_lo, taps->layer_hi, show_rows, &d};
    if (!rc) {
        guard_begin("decode");
        for (admit(&d); !rc && d.n_live; admit(&d)) rc = decode_step(&d, e);
        guard_end();
    }
    decode_fini(&d);
    return rc;
}

int generate(struct engine *g, struct generation *gen, int n, struct err *e) { return generate_tapped(g, gen, n, NULL, e); }
