/* Scoring in windows: [bos] ids[a, b) with a new b every stride. Only the rows that predict tokens not yet scored go through the head. */
#include "run/score.h"
#include <math.h>
#include <stdlib.h>

struct scorer {
    struct engine *g;
    const struct score_opts *o;
    const int32_t *ids;
    double *logp;
    num *h;          /* [rows, C] */
    int32_t *target; /* [rows] */
    double *coef, *got;
    int32_t *input; /* [window] */
    int64_t rows, n_input;
};

/* Rows [at, at+n) of a window whose row r holds ids[first + r - bos]; scores targets from id number `from` on. */
static int score_rows(struct scorer *x, int64_t at, int64_t n, int64_t first, int64_t from, int64_t end, struct err *e) {
    int64_t shift = first - (x->o->bos >= 0), lo = n;
    for (int64_t r = n - 1; r >= 0; r--) {
        int64_t next = shift + at + r + 1; /* the id that this row predicts */
        int is = next >= from && next < end;
        x->target[r] = is ? x->ids[next] : -1;
        if (is) lo = r;
    }
    if (lo == n) return 0;
    const struct model *m = engine_model(x->g);
    const num *h = num_at(model_device(m), x->h, lo * model_cfg(m)->n_embd);
    TRY(engine_nll(x->g, h, n - lo, x->target + lo, x->coef, x->got, NULL, e));
    for (int64_t r = lo; r < n; r++)
        if (x->target[r] >= 0) x->logp[shift + at + r + 1] = x->got[r - lo];
    return 0;
}

static int score_window(struct scorer *x, int64_t first, int64_t from, int64_t end, struct err *e) {
    struct session *s = NULL;
    int64_t n = 0;
    if (x->o->bos >= 0) x->input[n++] = x->o->bos;
    for (int64_t i = first; i < end; i++) x->input[n++] = x->ids[i];
    TRY(session_new(&s, x->g, e));
    int rc = 0;
    for (int64_t at = 0; !rc && at < n; at += x->rows) {
        int64_t rows = n - at < x->rows ? n - at : x->rows;
        rc = engine_step(x->g, &(struct feed){.s = s, .ids = x->input + at, .n = rows, .h = x->h}, 1, NULL, e);
        if (!rc) rc = score_rows(x, at, rows, first, from, end, e);
    }
    session_free(s);
    return rc;
}

static int scorer_init(struct scorer *x, int64_t window, struct err *e) {
    int64_t most = engine_options(x->g).max_rows;
    x->rows = most < window ? most : window;
    const struct model *m = engine_model(x->g);
    x->h = dev_alloc(model_device(m), x->rows * model_cfg(m)->n_embd);
    x->target = malloc((size_t)x->rows * sizeof *x->target);
    x->coef = calloc((size_t)x->rows, sizeof *x->coef);
    x->got = malloc((size_t)x->rows * sizeof *x->got);
    x->input = malloc((size_t)window * sizeof *x->input);
    return x->h && x->target && x->coef && x->got && x->input ? 0 : fail(e, ERR_NOMEM, "out of memory");
}

static int score_all(struct scorer *x, int64_t n, int64_t room, int64_t stride, int64_t *done, struct err *e) {
    for (int64_t from = 0; from < n;) {
        int64_t end = from ? from + stride : room;
        if (end > n) end = n;
        int64_t first = end > room ? end - room : 0;
        TRY(score_window(x, first, from, end, e));
        *done = from = end;
        if (x->o->progress && x->o->progress(x->o->ctx, *done)) return *done < n ? fail(e, ERR_CANCELLED, "interrupted") : 0;
    }
    return 0;
}

int score_tokens(struct engine *g, const int32_t *ids, int64_t n, const struct score_opts *o, double *logp, int64_t *scored,
                 struct err *e) {
    int64_t ctx = engine_options(g).max_ctx, window = o->window ? o->window : ctx, room = window - (o->bos >= 0);
    int64_t stride = o->stride ? o->stride : room / 2 > 0 ? room / 2 : 1, done = 0;
    if (window < 2 || window > ctx)
        return fail(e, ERR_ARG, "window: expected 2 to %lld tokens (the context), found %lld", (long long)ctx, (long long)window);
    if (stride < 1 || stride > room - (o->bos < 0) || room < 1)
        return fail(e, ERR_ARG, "stride: expected 1 to %lld tokens, found %lld", (long long)(room - (o->bos < 0)),
                    (long long)stride);
    for (int64_t i = 0; i < n; i++) logp[i] = NAN;
    struct scorer x = {.g = g, .o = o, .ids = ids, .logp = logp};
    int rc = scorer_init(&x, window, e);
    if (!rc) rc = score_all(&x, n, room, stride, &done, e);
    dev_free(model_device(engine_model(g)), x.h);
    free(x.target), free(x.coef), free(x.got), free(x.input);
    if (scored) *scored = done;
    return rc;
}

struct score_mean score_nll(const double *logp, int64_t n) {
    struct score_mean s = {0};
    double sum = 0, sq = 0;
    for (int64_t i = 0; i < n; i++)
        if (!isnan(logp[i])) sum -= logp[i], s.n++;
    s.mean = s.n ? sum / (double)s.n : 0;
    for (int64_t i = 0; i < n; i++)
        if (!isnan(logp[i])) sq += (-logp[i] - s.mean) * (-logp[i] - s.mean);
    s.se = s.n > 1 ? sqrt(sq / (double)(s.n - 1) / (double)s.n) : 0;
    return s;
}
