/* candor perplexity: how well a model predicts a text. */
#include "base/progress.h"
#include "cli/open.h"
#include "run/score.h"
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static const struct opt opts[] = {
    OPT_MODEL,
    OPT_PROMPT,
    OPT_FILE,
    OPT_KV,
    OPT_PRECISION,
    OPT_JSON,
    {"context", 0, "N", "the model's", "tokens of one window"},
    {"stride", 0, "N", "half the context", "new tokens of each further window"},
    {0},
};

static int on_progress(void *ctx, int64_t scored) {
    progress_step(ctx, (double)scored, NULL);
    return interrupted();
}

static int encode(struct toks *ids, struct opened *o, struct args *a, size_t *bytes, struct err *e) {
    char *text;
    TRY(read_text(a, &text, bytes, e));
    int rc = open_tokenizer(o, e);
    if (!rc) rc = tokenizer_encode(o->tok, text, *bytes, 0, ids, e);
    free(text);
    return rc < 0 ? rc : check_ids(o->m, ids->ids, ids->n, e);
}

/* Bytes of the tokens that were scored: all of them, or what was done before Ctrl-C. */
static int scored_bytes(const struct tokenizer *t, const tok *ids, const double *logp, int64_t n, size_t *bytes, struct err *e) {
    *bytes = 0;
    for (int64_t i = 0; i < n; i++) {
        const char *s;
        size_t len;
        if (isnan(logp[i])) continue;
        TRY(tokenizer_piece(t, ids[i], &s, &len, e));
        *bytes += len;
    }
    return 0;
}

static int print_result(struct args *a, struct score_mean m, size_t bytes, int64_t window, int64_t stride, struct err *e) {
    double per = bytes ? (double)m.n / (double)bytes : 0;
    if (arg_has(a, "json"))
        return print_json(json_pack("{s:I, s:I, s:o, s:o, s:o, s:o, s:o, s:I, s:I}", "tokens", (json_int_t)m.n, "bytes",
                                    (json_int_t)bytes, "nll_per_token", json_number(m.mean), "nll_per_token_se",
                                    json_number(m.se), "nll_per_byte", json_number(m.mean * per), "nll_per_byte_se",
                                    json_number(m.se * per), "perplexity", json_number(exp(m.mean)), "context",
                                    (json_int_t)window, "stride", (json_int_t)stride),
                          e);
    printf("tokens        %lld (%zu bytes)\n", (long long)m.n, bytes);
    printf("NLL per token %.6f ± %.6f nats\n", m.mean, m.se);
    printf("NLL per byte  %.6f ± %.6f nats\n", m.mean * per, m.se * per);
    printf("perplexity    %.4f\n", exp(m.mean));
    return 0;
}

static int measure(struct args *a, struct opened *o, const struct toks *ids, size_t bytes, struct err *e) {
    int64_t n_ctx = model_cfg(o->m)->n_ctx, window = 0, stride = 0, scored = 0;
    if (n_ctx > 1 << 20) n_ctx = 1 << 20;
    TRY(arg_i64(a, "context", 2, n_ctx, &window, e));
    if (!window) window = n_ctx;
    if (!arg_has(a, "context") && window > ids->n + 1 && ids->n >= 1) window = ids->n + 1;
    TRY(arg_i64(a, "stride", 1, window - 1, &stride, e));
    struct progress p;
    struct score_opts so = {window, stride, tokenizer_adds_bos(o->tok) ? tokenizer_bos(o->tok) : -1, on_progress, &p};
    if (!stride) stride = (window - (so.bos >= 0)) / 2;
    if (stride < 1) stride = 1;
    so.stride = stride;
    if (ids->n < 1 + (so.bos < 0)) return fail(e, ERR_ARG, "the text is too short: expected at least one token to predict");
    TRY(open_engine(o, &(struct engine_opts){.max_ctx = window, .max_sessions = 1}, e));
    double *logp = malloc((size_t)ids->n * sizeof *logp);
    if (!logp) return fail(e, ERR_NOMEM, "out of memory");
    progress_start(&p, "scoring", "tokens", (double)ids->n);
    int rc = score_tokens(o->g, ids->ids, ids->n, &so, logp, &scored, e);
    progress_end(&p);
    struct err mine = ERR_INIT; /* a stop by Ctrl-C is still an error at the end, after what is finished has been printed */
    struct score_mean m = score_nll(logp, scored);
    int shown = 0;
    if ((!rc || rc == ERR_CANCELLED) && m.n) {
        if (rc || so.bos < 0) shown = scored_bytes(o->tok, ids->ids, logp, scored, &bytes, &mine);
        if (!shown) shown = print_result(a, m, bytes, window, stride, &mine);
    }
    free(logp);
    if (!rc && shown < 0 && e) *e = mine;
    return rc ? rc : shown;
}

static int run(struct args *a, struct err *e) {
    struct opened o = {0};
    struct toks ids = {0};
    size_t bytes = 0;
    if (!arg_has(a, "prompt") && !arg_has(a, "file"))
        return usage_error(a, e, "expected -f FILE or -p TEXT (see candor perplexity --help)");
    int rc = open_model(&o, a, "model", 0, NULL, e);
    if (!rc) rc = encode(&ids, &o, a, &bytes, e);
    if (!rc) rc = measure(a, &o, &ids, bytes, e);
    toks_free(&ids);
    opened_close(&o, 0);
    return rc;
}

const struct command command_perplexity = {"perplexity",
                                           "mean NLL of a text per token and per byte, with standard error",
                                           "-m M -f TEXT [--context N] [--stride N] [--json]",
                                           opts,
                                           0,
                                           0,
                                           run,
                                           "A text longer than the context is read in windows that overlap by context - stride "
                                           "tokens; every token is scored once. Where the model\n"
                                           "wants a BOS, every window begins with one and it is not scored; else the first token "
                                           "is not (nothing predicts it). NLL is in nats;\n"
                                           "the standard error is that of the mean over tokens, taken as independent."};
