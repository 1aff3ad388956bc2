/* The public face (include/candor): thin wrappers that open the rooms in order, check what a stranger may get wrong, and turn a
 * struct err into a struct candor_error. No arithmetic lives here. */
#include "candor/candor.h"
#include "model/family.h"
#include "run/generate.h"
#include "run/gradient.h"
#include "run/hidden.h"
#include "text/chat_template.h"
#include "text/tokenizer.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifndef CANDOR_VERSION
#define CANDOR_VERSION "0.1.0"
#endif

struct candor_engine {
    struct weights *w;
    struct device *d;
    int shared; /* d is another engine's */
    struct model *m;
    struct engine *g;
    struct tokenizer *tok; /* NULL: tok_err says why */
    struct err tok_err;
    int32_t *ends; /* [n_ends] tokens that end a generation */
    int n_ends;
};
struct candor_session {
    struct candor_engine *g;
    struct session *s;
};

/* ---- errors ---- */

_Static_assert((int)CANDOR_ERR_NOMEM == (int)ERR_NOMEM && (int)CANDOR_ERR_RANGE == (int)ERR_RANGE &&
                   (int)CANDOR_ERR_LIMIT == (int)ERR_LIMIT && (int)CANDOR_ERR_CANCELLED == (int)ERR_CANCELLED &&
                   (int)CANDOR_ERR_INTERNAL == (int)ERR_INTERNAL,
               "public codes are our codes");
_Static_assert(sizeof((struct candor_error *)0)->msg == sizeof((struct err *)0)->msg &&
                   sizeof((struct candor_error *)0)->where == sizeof((struct err *)0)->where,
               "nothing is cut off");

static int give(struct candor_error *e, const struct err *f, int rc) {
    if (rc >= 0) return 0;
    if (!e) return rc;
    *e = (struct candor_error){.code = rc, .at = f->at};
    snprintf(e->where, sizeof e->where, "%s", f->where);
    snprintf(e->msg, sizeof e->msg, "%s", f->msg[0] ? f->msg : err_name(rc));
    return rc;
}

const char *candor_version(void) { return CANDOR_VERSION; }
void candor_free(void *p) { free(p); }

/* ---- engines ---- */

static int find_ends(struct candor_engine *g, struct err *e) {
    int64_t V = tokenizer_size(g->tok), most = model_cfg(g->m)->n_vocab;
    if (V > most) V = most;
    for (int pass = 0; pass < 2; pass++) {
        if (pass && !(g->ends = malloc((size_t)(g->n_ends + 1) * sizeof *g->ends))) return fail(e, ERR_NOMEM, "out of memory");
        g->n_ends = 0;
        for (int32_t id = 0; id < V; id++)
            if (tokenizer_is_end(g->tok, id)) {
                if (pass) g->ends[g->n_ends] = id;
                g->n_ends++;
            }
    }
    return 0;
}

/* A model without a tokenizer is still a model; out of memory is not a missing tokenizer. */
static int open_text(struct candor_engine *g, struct err *e) {
    g->tok_err = ERR_INIT;
    int rc = tokenizer_from_weights(&g->tok, g->w, &g->tok_err);
    if (rc >= 0) tokenizer_rows(g->tok, model_cfg(g->m)->n_vocab);
    if (rc >= 0) return find_ends(g, e);
    g->tok = NULL;
    if (rc == ERR_NOMEM) return fail(e, rc, "out of memory for the tokenizer");
    err_place(&g->tok_err, rc, weights_path(g->w));
    return 0;
}

static int open_rooms(struct candor_engine *g, const char *path, const struct candor_options *o, struct err *e) {
    struct engine_opts eo = {.max_ctx = o->max_ctx,
                             .max_rows = o->max_rows,
                             .max_sessions = 1,
                             .max_kv_bytes = o->max_kv_bytes,
                             .kv = (enum kv_type)o->kv,
                             .backward = o->gradient != 0};
    if (o->threads < 0 || o->threads > 1024)
        return fail(e, ERR_ARG, "threads: expected 0 (all cores) to 1024, found %d", o->threads);
    TRY(weights_open(&g->w, path, e));
    g->shared = o->share != NULL;
    if (g->shared)
        g->d = o->share->d;
    else {
        TRY(dev_open(&g->d, o->threads, o->oracle, e));
        TRY(dev_set_precision(g->d, (enum precision)o->precision, e));
    }
    TRY(model_open(&g->m, g->d, g->w, o->reward ? MODEL_SCORE : 0, e));
    TRY(engine_new(&g->g, g->m, &eo, e));
    return open_text(g, e);
}

int candor_open(struct candor_engine **out, const char *path, const struct candor_options *o, struct candor_error *e) {
    struct err f = ERR_INIT;
    struct candor_engine *g = calloc(1, sizeof *g);
    int rc = g ? open_rooms(g, path, o ? o : &(struct candor_options){0}, &f) : fail(&f, ERR_NOMEM, "out of memory");
    if (rc < 0)
        candor_close(g);
    else
        *out = g;
    return give(e, &f, rc);
}

void candor_close(struct candor_engine *g) {
    if (!g) return;
    engine_free(g->g);
    model_close(g->m);
    if (g->d && !g->shared) dev_close(g->d);
    tokenizer_free(g->tok);
    if (g->w) weights_close(g->w);
    free(g->ends), free(g);
}

struct candor_dims candor_dims(const struct candor_engine *g) {
    const struct model_cfg *c = model_cfg(g->m);
    return (struct candor_dims){.family = c->family->name,
                                .device = g->d->name,
                                .n_layer = c->n_layer,
                                .n_head = c->n_head,
                                .n_kv = c->n_kv,
                                .head_dim = c->head_dim,
                                .n_embd = c->n_embd,
                                .n_ff = c->n_ff,
                                .n_vocab = c->n_vocab,
                                .n_out = model_n_out(g->m),
                                .is_reward = c->n_score > 0,
                                .n_ctx = c->n_ctx,
                                .max_ctx = engine_options(g->g).max_ctx,
                                .bos = g->tok ? tokenizer_bos(g->tok) : -1,
                                .eos = g->tok ? tokenizer_eos(g->tok) : -1};
}

/* ---- text ---- */

static int need_tokenizer(const struct candor_engine *g, struct err *e) {
    if (g->tok) return 0;
    *e = g->tok_err;
    return e->code;
}

static int tokenize(const struct candor_engine *g, const char *text, size_t n, unsigned flags, struct toks *t, struct err *e) {
    TRY(need_tokenizer(g, e));
    unsigned how = flags & CANDOR_PLAIN ? 0 : flags & CANDOR_TEMPLATED ? ENCODE_SPECIAL : ENCODE_BOS_EOS | ENCODE_SPECIAL;
    return tokenizer_encode(g->tok, text, n, how, t, e);
}

int candor_tokenize(const struct candor_engine *g, const char *text, size_t n, unsigned flags, int32_t **ids, int64_t *n_ids,
                    struct candor_error *e) {
    struct err f = ERR_INIT;
    struct toks t = {0};
    int rc = tokenize(g, text, n, flags, &t, &f);
    if (rc < 0)
        toks_free(&t);
    else
        *ids = t.ids, *n_ids = t.n;
    return give(e, &f, rc);
}

static int detokenize(const struct candor_engine *g, const int32_t *ids, int64_t n, char **text, size_t *len, struct err *e) {
    TRY(need_tokenizer(g, e));
    int64_t V = tokenizer_ids(g->tok);
    for (int64_t i = 0; i < n; i++)
        if (ids[i] < 0 || ids[i] >= V)
            return fail(e, ERR_RANGE, "token id at position %lld: expected 0 to %lld, found %d", (long long)i, (long long)V - 1,
                        ids[i]);
    return tokenizer_decode(g->tok, ids, n, 0, text, len, e);
}

int candor_detokenize(const struct candor_engine *g, const int32_t *ids, int64_t n, char **text, size_t *len,
                      struct candor_error *e) {
    struct err f = ERR_INIT;
    size_t own;
    return give(e, &f, detokenize(g, ids, n, text, len ? len : &own, &f));
}

static int chat_text(const struct candor_engine *g, const struct candor_chat *c, struct str *out, struct err *e) {
    struct chat_template *t = NULL;
    struct chat_input r = {0};
    struct tm now;
    if (!c->request) return fail(e, ERR_ARG, "expected a request as JSON, found none");
    TRY(chat_time(&now, c->date, e));
    TRY(chat_input_read(&r, c->request, c->n, "request", e));
    int rc = c->source ? chat_template_from_weights_with(&t, g->w, c->source, strlen(c->source), e)
                       : chat_template_from_weights(&t, g->w, e);
    struct chat_render render = {c->name, r.messages, r.tools, r.documents, r.extra, r.add_generation_prompt, &now};
    if (!rc) rc = chat_template_render(t, &render, out, e);
    chat_template_free(t);
    chat_input_free(&r);
    if (!rc && !out->s && str_puts(out, "") < 0) rc = fail(e, ERR_NOMEM, "out of memory");
    return rc;
}

int candor_chat_text(const struct candor_engine *g, const struct candor_chat *c, char **text, size_t *len,
                     struct candor_error *e) {
    struct err f = ERR_INIT;
    struct str out = {0};
    int rc = chat_text(g, c, &out, &f);
    if (rc < 0) {
        str_free(&out);
        return give(e, &f, rc);
    }
    *text = out.s;
    if (len) *len = out.len;
    return 0;
}

int candor_piece(const struct candor_engine *g, int32_t id, const char **s, size_t *n, struct candor_error *e) {
    struct err f = ERR_INIT;
    int rc = need_tokenizer(g, &f);
    if (rc >= 0) rc = tokenizer_piece(g->tok, id, s, n, &f);
    return give(e, &f, rc);
}

int candor_is_end(const struct candor_engine *g, int32_t id) {
    for (int i = 0; i < g->n_ends; i++)
        if (g->ends[i] == id) return 1;
    return 0;
}

/* ---- sessions ---- */

/* Wraps what session_new or session_fork gave. */
static int wrap(struct candor_session **out, struct candor_engine *g, struct session *inner, struct err *e) {
    struct candor_session *s = malloc(sizeof *s);
    if (!s) {
        session_free(inner);
        return fail(e, ERR_NOMEM, "out of memory");
    }
    *s = (struct candor_session){g, inner};
    *out = s;
    return 0;
}

int candor_session_new(struct candor_session **out, struct candor_engine *g, struct candor_error *e) {
    struct err f = ERR_INIT;
    struct session *s = NULL;
    int rc = session_new(&s, g->g, &f);
    if (rc >= 0) rc = wrap(out, g, s, &f);
    return give(e, &f, rc);
}

int candor_session_fork(struct candor_session **out, const struct candor_session *from, struct candor_error *e) {
    struct err f = ERR_INIT;
    struct session *s = NULL;
    int rc = session_fork(&s, from->s, &f);
    if (rc >= 0) rc = wrap(out, from->g, s, &f);
    return give(e, &f, rc);
}

void candor_session_free(struct candor_session *s) {
    if (!s) return;
    session_free(s->s);
    free(s);
}

int64_t candor_session_len(const struct candor_session *s) { return session_len(s->s); }
void candor_session_rewind(struct candor_session *s, int64_t len) { session_rewind(s->s, len); }

int candor_feed(struct candor_session *s, const int32_t *ids, int64_t n, float *logits, struct candor_error *e) {
    struct err f = ERR_INIT;
    return give(e, &f, session_feed(s->s, ids, n, logits, &f));
}

/* A receiver's nonzero answer, whatever its sign, is a wish to stop. */
struct receiver {
    candor_rows_fn fn;
    void *ctx;
};
static int receive(void *ctx, int64_t row0, int64_t rows, const float *x, int64_t width) {
    const struct receiver *r = ctx;
    return r->fn(r->ctx, row0, rows, x, width) != 0;
}

int candor_feed_rows(struct candor_session *s, const int32_t *ids, int64_t n, candor_rows_fn fn, void *ctx,
                     struct candor_error *e) {
    struct err f = ERR_INIT;
    struct receiver r = {fn, ctx};
    int rc = n < 1 ? fail(&f, ERR_ARG, "expected at least one token id, found %lld", (long long)n)
                   : session_feed_logits(s->s, ids, n, receive, &r, NULL, &f);
    return give(e, &f, rc);
}

/* ---- generation ---- */

static struct sampling sampling_of(const struct candor_sampling *o) {
    struct sampling s = SAMPLING_DEFAULT;
    s.temp = o->temp, s.top_k = o->top_k, s.min_p = o->min_p;
    if (o->top_p != 0) s.top_p = o->top_p;
    if (o->repeat_penalty != 0) s.repeat_penalty = o->repeat_penalty;
    if (o->repeat_window != 0) s.repeat_window = o->repeat_window;
    return s;
}

static int check_generation(const struct candor_session *s, const struct candor_generation *x, const struct sampling *how,
                            struct err *e) {
    int V = model_cfg(s->g->m)->n_vocab;
    if (x->n_prompt < 1) return fail(e, ERR_ARG, "expected a prompt of at least one token, found %lld", (long long)x->n_prompt);
    if (x->max_new < 0 || (x->max_new && !x->ids))
        return fail(e, ERR_ARG, "expected an array for %lld new tokens", (long long)x->max_new);
    int32_t last = x->prompt[x->n_prompt - 1];
    if (last < 0 || last >= V) return fail(e, ERR_RANGE, "last token id of the prompt: expected 0 to %d, found %d", V - 1, last);
    return sampling_check(how, e);
}

static int run_generation(struct candor_session *s, struct candor_generation *x, struct generation *gen, struct err *e) {
    TRY(check_generation(s, x, &gen->sampling, e));
    if (x->n_prompt > 1) TRY(session_feed(s->s, x->prompt, x->n_prompt - 1, NULL, e));
    return generate(s->g->g, gen, 1, e);
}

int candor_generate(struct candor_session *s, struct candor_generation *x, struct candor_error *e) {
    struct err f = ERR_INIT;
    int64_t before = session_len(s->s);
    struct generation gen = {.s = s->s,
                             .max_new = x->max_new,
                             .sampling = sampling_of(&x->sampling),
                             .seed = x->sampling.seed,
                             .ends = s->g->ends,
                             .n_ends = x->sampling.ignore_end ? 0 : s->g->n_ends,
                             .on_token = x->on_token,
                             .ctx = x->ctx,
                             .ids = x->ids};
    if (x->n_prompt > 0) gen.last = x->prompt[x->n_prompt - 1];
    int rc = run_generation(s, x, &gen, &f);
    if (rc < 0)
        session_rewind(s->s, before);
    else
        x->n = gen.n, x->stop = (enum candor_stop)gen.stop;
    return give(e, &f, rc);
}
_Static_assert((int)CANDOR_STOP_MAX == (int)GEN_MAX && (int)CANDOR_STOP_END == (int)GEN_END &&
                   (int)CANDOR_STOP_CALLER == (int)GEN_CALLER && (int)CANDOR_STOP_CTX == (int)GEN_CTX,
               "public stops are our stops");

/* ---- looking inside ---- */

/* Logits have calls of their own, so they are no tap here: they end the list. */
_Static_assert((int)TAP_LOGITS == (int)TAP_COUNT - 1, "logits are the last tap");

const char *candor_tap(int i, const char **help) {
    if (i < 0 || i >= (int)TAP_LOGITS) return NULL;
    if (help) *help = tap_help((enum tap)i);
    return tap_name((enum tap)i);
}

static int tap_of(const char *name) {
    int t = tap_find(name);
    return t == (int)TAP_LOGITS ? -1 : t;
}

int64_t candor_hidden_width(const struct candor_engine *g, const char *tap) {
    int t = tap_of(tap);
    return t < 0 ? 0 : hidden_width(model_cfg(g->m), (enum tap)t);
}

static int hidden(struct candor_engine *g, const int32_t *ids, int64_t T, const char *tap, int lo, int hi, float *out,
                  struct err *e) {
    int t = tap_of(tap), top = t == (int)TAP_FINAL_NORM ? 0 : model_cfg(g->m)->n_layer - 1;
    if (t < 0) return fail(e, ERR_ARG, "expected the name of a tap (candor_tap lists them), found \"%.60s\"", tap);
    if (lo < 0 || lo > hi || hi > top)
        return fail(e, ERR_ARG, "tap %s: expected layers within 0 to %d, found %d to %d", tap, top, lo, hi);
    if (T < 1) return fail(e, ERR_ARG, "expected at least one token id, found %lld", (long long)T);
    return hidden_capture(g->g, ids, T, (enum tap)t, lo, hi, out, e);
}

int candor_hidden(struct candor_engine *g, const int32_t *ids, int64_t T, const char *tap, int lo, int hi, float *out,
                  struct candor_error *e) {
    struct err f = ERR_INIT;
    return give(e, &f, hidden(g, ids, T, tap, lo, hi, out, &f));
}

/* ---- gradients ---- */

static int check_side(const struct candor_engine *g, const struct candor_gradient_job *j, const char *who, struct err *e) {
    if (!g) return 0;
    struct engine_opts o = engine_options(g->g);
    if (!o.backward) return fail(e, ERR_STATE, "the %s model's engine was not opened with .gradient", who);
    if (j->T - j->from > o.max_rows)
        return fail(e, ERR_LIMIT, "expected at most %lld positions to differentiate (max_rows of the %s model), found %lld",
                    (long long)o.max_rows, who, (long long)(j->T - j->from));
    return 0;
}

static int check_job(const struct candor_engine *lm, const struct candor_engine *rm, const struct candor_gradient_job *j,
                     struct err *e) {
    if (j->from < 0 || j->from >= j->T)
        return fail(e, ERR_ARG, "expected a first position from 0 and below the %lld ids, found %lld", (long long)j->T,
                    (long long)j->from);
    TRY(check_side(lm, j, "language", e));
    TRY(check_side(rm, j, "reward", e));
    if (lm && rm && lm->d->num_bytes != rm->d->num_bytes)
        return fail(e, ERR_ARG, "expected two engines of one precision, found %s and %s", lm->d->name, rm->d->name);
    return 0;
}

/* What is wanted of a gradient: its sum u, or rows through the receiver. */
struct wanted {
    float *u;
    struct receiver *rows;
};

static int take(struct gradient *x, const struct gradient_job *j, const struct wanted *w, struct gradient_value *v,
                struct err *e) {
    int64_t C;
    if (w->u) TRY(gradient_width(x, j, &C, e)); /* before the work, not after it */
    TRY(gradient_run(x, j, v, e));
    if (w->u) return gradient_sum(x, w->u, e);
    return w->rows ? gradient_onehot(x, receive, w->rows, e) : 0;
}

static int differentiate(struct candor_engine *lm, struct candor_engine *rm, const struct candor_gradient_job *job,
                         const struct wanted *w, struct candor_gradient_value *value, struct err *e) {
    struct gradient *x = NULL;
    struct gradient_value v = {0};
    const struct gradient_job j = {job->ids, job->T, job->from, job->nll, job->reward, job->targets};
    TRY(check_job(lm, rm, job, e));
    TRY(gradient_new(&x, lm ? lm->g : NULL, rm ? rm->g : NULL, job->T - job->from, e));
    int rc = take(x, &j, w, &v, e);
    gradient_free(x);
    if (rc >= 0 && value) *value = (struct candor_gradient_value){v.nll, v.reward, v.loss};
    return rc;
}

int candor_gradient(struct candor_engine *lm, struct candor_engine *rm, const struct candor_gradient_job *job, float *u,
                    struct candor_gradient_value *value, struct candor_error *e) {
    struct err f = ERR_INIT;
    return give(e, &f, differentiate(lm, rm, job, &(struct wanted){.u = u}, value, &f));
}

int candor_gradient_rows(struct candor_engine *lm, struct candor_engine *rm, const struct candor_gradient_job *job,
                         candor_rows_fn fn, void *ctx, struct candor_gradient_value *value, struct candor_error *e) {
    struct err f = ERR_INIT;
    struct receiver r = {fn, ctx};
    return give(e, &f, differentiate(lm, rm, job, &(struct wanted){.rows = &r}, value, &f));
}
