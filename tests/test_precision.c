/* What bf16 products cost in accuracy: logits of deep random models against full precision, and the perplexity of a shipped model.
 *
 * Bounds are shares of the largest logit. A factor rounded to bf16 is off by 2^-9 of itself on average over its binade; errors of a
 * product are independent, so a layer adds about 2^-9 √2 of its output, and 24 layers, adding up in the residual stream like
 * independent noise, about 1 %. Half as much again is the bound. */
#include "model/random.h"
#include "run/generate.h"
#include "run/score.h"
#include "tiny_models.h"
#include "weights/weights.h"

TestSuite(precision, .timeout = HANG_S);

/* figures for people: CANDOR_TEST_FIGURES=1 */
#define FIGURE(fmt, ...) (getenv("CANDOR_TEST_FIGURES") ? printf("# " fmt "\n", __VA_ARGS__) : 0)

enum { DEEP = 24, VOCAB = 2000, TEXT = 48 };
static const struct random_shape deep = {"deep", "qwen2", "a test", DEEP, 256, 4, 2, 768, VOCAB, .base = 1e6};

/* Logits of the last token of a fixed text. oracle: in double. */
static void logits_of(const struct weights *w, enum precision p, int oracle, float *z) {
    struct device *d;
    struct model *m = NULL;
    struct engine *g = NULL;
    struct session *s = NULL;
    int32_t ids[TEXT];
    for (int i = 0; i < TEXT; i++) ids[i] = (i * 7919 + 13) % VOCAB;
    OK(dev_open(&d, 2, oracle, &e));
    OK(dev_set_precision(d, p, &e));
    OK(model_open(&m, d, w, 0, &e));
    OK(engine_new(&g, m, &(struct engine_opts){.max_ctx = 64, .max_rows = 64}, &e));
    OK(session_new(&s, g, &e));
    OK(session_feed(s, ids, TEXT, z, &e));
    session_free(s), engine_free(g), model_close(m), dev_close(d);
}

static double apart(const float *a, const float *b) { /* greatest difference, as a share of b's greatest */
    double diff = 0, most = 0;
    for (int i = 0; i < VOCAB; i++) {
        double x = fabs((double)a[i] - (double)b[i]);
        if (!(x <= diff)) diff = x; /* NaN counts */
        if (fabs((double)b[i]) > most) most = fabs((double)b[i]);
    }
    return diff / most;
}

static int has_bf16(void) {
    struct device *d;
    OK(dev_open(&d, 1, 0, &e));
    int has = d->has_bf16;
    dev_close(d);
    return has;
}

Test(precision, logits_of_a_deep_model) {
    static const struct {
        const char *fmt;
        double bound;
    } t[] = {{"bf16", 0.02}, {"f16", 0.015}, {"q8_0", 0.02}, {"q4_0", 0.02},   {"q4_k", 0.02},  {"q6_k", 0.02},
             {"q5_0", 0.02}, {"q2_k", 0.02}, {"q3_k", 0.02}, {"iq4_nl", 0.02}, {"iq4_xs", 0.02}};
    static float full[VOCAB], fast[VOCAB], want[VOCAB];
    for (size_t i = 0; i < sizeof t / sizeof *t; i++) {
        struct weights *w = NULL;
        OK(random_weights(&w, &deep, fmt_by_name(t[i].fmt)->id, NULL, 3, NULL, &e));
        logits_of(w, PREC_AUTO, 0, fast);
        logits_of(w, PREC_FULL, 0, full);
        double d = apart(fast, full);
        FIGURE("%s: bf16 products against full ones: %.3f %% of the largest logit", t[i].fmt, 100 * d);
        cr_expect(d <= t[i].bound, "%s: %.3f %%", t[i].fmt, 100 * d);
        if (has_bf16()) cr_expect(d > 0, "%s: auto did not go through bf16", t[i].fmt);
        if (i < 2) {
            logits_of(w, PREC_FULL, 1, want);
            d = apart(full, want);
            FIGURE("%s: full products against double: %.4f %%", t[i].fmt, 100 * d);
            cr_expect(d <= 0.001, "%s, full: %.4f %%", t[i].fmt, 100 * d);
        }
        weights_close(w);
    }
}

/* A text that the shipped model wrote itself, scored in both precisions. */
static double mean_nll(struct weights *w, enum precision p, int32_t *ids, int64_t n, int write) {
    struct device *d;
    struct model *m = NULL;
    struct engine *g = NULL;
    double *logp = malloc((size_t)n * sizeof *logp);
    OK(dev_open(&d, 2, 0, &e));
    OK(dev_set_precision(d, p, &e));
    OK(model_open(&m, d, w, 0, &e));
    OK(engine_new(&g, m, &(struct engine_opts){.max_ctx = n + 1, .max_rows = 256}, &e));
    if (write) {
        struct generation x = {
            .ids = ids + 1, .max_new = n - 1, .last = ids[0], .sampling = {.temp = 1, .top_p = 1, .repeat_penalty = 1}};
        OK(session_new(&x.s, g, &e));
        OK(generate(g, &x, 1, &e));
        cr_assert(x.n == n - 1);
        session_free(x.s);
    }
    OK(score_tokens(g, ids, n, &(struct score_opts){.bos = -1}, logp, NULL, &e));
    double mean = score_nll(logp, n).mean;
    free(logp), engine_free(g), model_close(m), dev_close(d);
    return mean;
}

Test(precision, perplexity_of_the_shipped_model) {
    enum { N = 900 };
    struct weights *w = NULL;
    int32_t *ids = malloc(N * sizeof *ids);
    OK(weights_open(&w, "models/r1.gguf", &e));
    ids[0] = 1;
    double full = mean_nll(w, PREC_FULL, ids, N, 1), fast = mean_nll(w, PREC_AUTO, ids, N, 0);
    FIGURE("perplexity %.5f in full, %.5f in bf16: %+.3f %%", exp(full), exp(fast), 100 * (exp(fast - full) - 1));
    cr_expect(fabs(exp(fast - full) - 1) <= 0.005, "%.5f against %.5f", exp(fast), exp(full));
    free(ids), weights_close(w);
}
