/* The engine: one step of many sessions. A step is cut into chunks of at most max_rows rows and max_sessions sequences; each chunk is
 * one forward of the model. Since the kernels sum every output in an order that depends on nothing else in the batch, any cut gives
 * the same bytes, and so nothing here has to care which. What was spent is charged where it is spent. */
#include "run/run_int.h"
#include <stdlib.h>
#include <string.h>

enum { PAGE_LEN = 32, MAX_ROWS = 512, MAX_SESSIONS = 64, LOGIT_NUMS = 1 << 20 };
static const int64_t CTX_LIMIT = 1 << 20, KV_BYTES = 4ll << 30;

static const char *const kv_names[] = {"auto", "f32", "f16", "bf16"};
static const enum fmt kv_fmts[] = {FMT_F32, FMT_F32, FMT_F16, FMT_BF16};
const char *kv_name(enum kv_type t) { return kv_names[t]; }
int kv_parse(const char *s, enum kv_type *out, struct err *e) {
    for (int i = KV_AUTO; i <= KV_BF16; i++)
        if (!strcmp(s, kv_names[i])) {
            *out = (enum kv_type)i;
            return 0;
        }
    return fail(e, ERR_ARG, "keys and values: expected auto, f32, f16 or bf16, found \"%s\"", s);
}

static enum kv_type kv_for(const struct model *m, enum kv_type t) {
    if (model_device(m)->num_bytes == sizeof(double)) return KV_F32;
    if (t != KV_AUTO) return t;
    return dev_is_bf16(model_device(m), model_matmul_fmt(m)) ? KV_BF16 : KV_F32;
}

static int set_defaults(struct engine_opts *o, const struct model *m, struct err *e) {
    const struct model_cfg *c = model_cfg(m);
    if (o->kv < KV_AUTO || o->kv > KV_BF16) return fail(e, ERR_ARG, "engine: unknown storage %d of keys and values", (int)o->kv);
    o->kv = kv_for(m, o->kv);
    if (!o->page_len) o->page_len = PAGE_LEN;
    if (!o->max_ctx) o->max_ctx = c->n_ctx < CTX_LIMIT ? c->n_ctx : CTX_LIMIT;
    if (!o->max_rows) o->max_rows = MAX_ROWS;
    if (!o->max_sessions) o->max_sessions = MAX_SESSIONS;
    if (!o->max_kv_bytes) o->max_kv_bytes = KV_BYTES;
    if (o->page_len < 1 || o->page_len > 4096 || o->max_ctx < 1 || o->max_ctx > CTX_LIMIT || o->max_rows < 1 ||
        o->max_rows > CTX_LIMIT || o->max_sessions < 1 || o->max_sessions > 65536 || o->max_kv_bytes < 1)
        return fail(e, ERR_ARG,
                    "engine: expected pages of 1 to 4096 positions, contexts of 1 to %lld, steps of 1 to %lld rows and 1 to "
                    "65536 sessions",
                    (long long)CTX_LIMIT, (long long)CTX_LIMIT);
    if (c->learned_pos && o->max_ctx > c->n_ctx)
        return fail(e, ERR_LIMIT, "expected a context of at most %lld (learned positions), found %lld", (long long)c->n_ctx,
                    (long long)o->max_ctx);
    if (o->max_rows > o->max_ctx * o->max_sessions) o->max_rows = o->max_ctx * o->max_sessions;
    return 0;
}

static int64_t logit_rows(int64_t V) {
    int64_t r = LOGIT_NUMS / V;
    return r < 4 ? 4 : r > 256 ? 256 : r;
}

static int make_buffers(struct engine *g, struct err *e) {
    struct device *d = model_device(g->m);
    int64_t C = model_cfg(g->m)->n_embd, V = model_n_out(g->m);
    g->logit_rows = logit_rows(V);
    g->h = dev_alloc(d, g->o.max_rows * C);
    g->h_last = dev_alloc(d, g->o.max_sessions * C);
    g->logits = dev_alloc(d, g->logit_rows * V);
    g->logits_host = malloc((size_t)(g->logit_rows * V) * sizeof *g->logits_host);
    g->ids = malloc((size_t)g->o.max_rows * sizeof *g->ids);
    g->spans = malloc((size_t)g->o.max_sessions * sizeof *g->spans);
    g->parts = malloc((size_t)g->o.max_sessions * sizeof *g->parts);
    if (!g->h || !g->h_last || !g->logits || !g->logits_host || !g->ids || !g->spans || !g->parts)
        return fail(e, ERR_NOMEM, "out of memory for an engine of %lld rows", (long long)g->o.max_rows);
    return pass_new(&g->pass, g->m, g->o.max_rows, g->o.max_sessions, g->o.max_ctx, g->o.backward ? PASS_BACKWARD : 0, e);
}

int engine_scratch_bytes(const struct model *m, const struct engine_opts *opts, int64_t *bytes, struct err *e) {
    struct engine_opts o = *opts;
    TRY(set_defaults(&o, m, e));
    unsigned flags = o.backward ? PASS_BACKWARD : 0;
    int64_t C = model_cfg(m)->n_embd, V = model_n_out(m), nums = (o.max_rows + o.max_sessions) * C + logit_rows(V) * V;
    *bytes = (int64_t)sizeof(struct engine) + nums * (int64_t)model_device(m)->num_bytes +
             logit_rows(V) * V * (int64_t)sizeof(float) + o.max_rows * (int64_t)sizeof(int32_t) +
             o.max_sessions * (int64_t)(sizeof(struct span) + sizeof(struct part)) +
             pass_bytes(m, o.max_rows, o.max_sessions, o.max_ctx, flags) + pass_device_bytes(m, o.max_rows, flags);
    return 0;
}

int64_t engine_kv_token(const struct model *m, enum kv_type kv) { return model_kv_page_bytes(m, 1, kv_fmts[kv_for(m, kv)]); }

int engine_kv_need(const struct model *m, const struct engine_opts *opts, int64_t positions, int sessions, int64_t *bytes,
                   struct err *e) {
    struct engine_opts o = *opts;
    TRY(set_defaults(&o, m, e));
    int64_t pages = (positions + o.page_len - 1) / o.page_len + 2;
    int64_t page = model_kv_page_bytes(m, o.page_len, kv_fmts[o.kv]), head = (int64_t)sizeof(struct kv_page) + o.page_len * 4;
    if (pages > INT64_MAX / 2 / sessions / page) return fail(e, ERR_RANGE, "more keys and values than bytes can be counted");
    *bytes = dev_block_bytes(sessions * pages * page) + sessions * pages * head;
    return 0;
}

int engine_new(struct engine **out, const struct model *m, const struct engine_opts *o, struct err *e) {
    struct engine *g = calloc(1, sizeof *g);
    if (!g) return fail(e, ERR_NOMEM, "out of memory");
    g->m = m;
    if (o) g->o = *o;
    int rc = set_defaults(&g->o, m, e);
    if (!rc) {
        g->kv = kv_fmts[g->o.kv];
        int64_t bytes = model_kv_page_bytes(m, g->o.page_len, g->kv);
        rc = kv_pool_init(&g->pool, model_device(m), bytes, g->o.page_len, g->o.max_kv_bytes / bytes, e);
    }
    if (!rc) rc = make_buffers(g, e);
    if (rc < 0) {
        engine_free(g);
        return rc;
    }
    *out = g;
    return 0;
}

void engine_free(struct engine *g) {
    if (!g) return;
    struct device *d = model_device(g->m);
    kv_pool_fini(&g->pool);
    pass_free(g->pass);
    dev_free(d, g->h), dev_free(d, g->h_last), dev_free(d, g->logits), dev_free(d, g->embeds);
    free(g->logits_host), free(g->ids), free(g->spans), free(g->parts), free(g);
}

const struct model *engine_model(const struct engine *g) { return g->m; }
struct account engine_account(const struct engine *g) {
    return g->account;
}
struct engine_opts engine_options(const struct engine *g) {
    return g->o;
}
struct pass *engine_pass(struct engine *g) {
    return g->pass;
}
int64_t engine_pages_in_use(const struct engine *g) { return g->pool.n_pages - g->pool.n_free - g->pool.n_idle; }

static int64_t pages_for(const struct engine *g, int64_t positions) { return (positions + g->o.page_len - 1) / g->o.page_len; }

int64_t engine_pages(const struct engine *g) { return g->pool.n_pages; }
void engine_forget(struct engine *g) { kv_pool_forget(&g->pool); }
int64_t engine_kv_bytes(const struct engine *g, int64_t positions) { return pages_for(g, positions) * g->pool.page_bytes; }

/* Each session may also have to copy a shared tail page, and begins its growth inside a page. */
int engine_reserve(struct engine *g, int64_t positions, int sessions, struct err *e) {
    return kv_pool_reserve(&g->pool, pages_for(g, positions) + 2 * (int64_t)sessions, e);
}

/* ---- the account ---- */

/* Σ over rows of the keys each sees, up to `window` of them. */
static int64_t keys_seen(const struct span *s, int64_t window) {
    int64_t first = s->pos0 + 1, last = s->pos0 + s->rows;
    if (!window || last <= window) return (first + last) * s->rows / 2;
    if (first > window) return window * s->rows;
    return (first + window) * (window - first + 1) / 2 + window * (last - window);
}

/* Averaged over layers, since in some families only some of them have the window. */
int64_t engine__key_reads(const struct engine *g, const struct span *s, int n) {
    const struct model_cfg *c = model_cfg(g->m);
    int64_t full = 0, cut = 0;
    for (int i = 0; i < n; i++) full += keys_seen(&s[i], 0), cut += keys_seen(&s[i], c->window);
    int64_t from = c->window_from < c->n_layer ? c->window_from : c->n_layer;
    return (full * from + cut * (c->n_layer - from)) / c->n_layer;
}

static void charge_forward(struct engine *g, int64_t rows, const struct span *s, int n_spans, int64_t head_rows) {
    g->account.steps++;
    g->account.rows += rows;
    g->account.flops += model_flops(g->m, rows, engine__key_reads(g, s, n_spans), (int)head_rows);
}

/* ---- one step ---- */

static int check_feed(const struct engine *g, const struct feed *f, int i, struct err *e) {
    const struct model_cfg *c = model_cfg(g->m);
    if (!f->s || f->s->g != g) return fail(e, ERR_ARG, "feed %d: expected a session of this engine", i);
    if (f->s->mark == g->step_no) return fail(e, ERR_ARG, "feed %d: its session takes part in this step already", i);
    f->s->mark = g->step_no;
    if (f->n < 1 || !f->ids == !f->embeds) return fail(e, ERR_ARG, "feed %d: expected ids or embeddings, at least one row", i);
    if (f->n > g->o.max_ctx - f->s->len)
        return fail(e, ERR_LIMIT, "expected at most %lld positions (the context), found %lld", (long long)g->o.max_ctx,
                    (long long)(f->s->len + f->n));
    for (int64_t r = 0; f->ids && r < f->n; r++)
        if (f->ids[r] < 0 || f->ids[r] >= c->n_vocab)
            return fail(e, ERR_RANGE, "token id at position %lld: expected 0 to %d, found %d", (long long)(f->s->len + r),
                        c->n_vocab - 1, f->ids[r]);
    return 0;
}

/* Rows from feed *f, offset *at on, as many as one chunk takes; ids and embeddings do not mix in one chunk. */
static int64_t cut_chunk(struct engine *g, const struct feed *feeds, int n, int *f, int64_t *at, int *n_parts) {
    int64_t T = 0;
    int k = 0, by_ids = feeds[*f].ids != NULL;
    while (*f < n && T < g->o.max_rows && k < g->o.max_sessions && by_ids == (feeds[*f].ids != NULL)) {
        const struct feed *x = &feeds[*f];
        int64_t rows = x->n - *at < g->o.max_rows - T ? x->n - *at : g->o.max_rows - T;
        g->parts[k] = (struct part){*f, *at, rows};
        g->spans[k++] = (struct span){T, rows, x->s->len, {x->s->data, g->o.page_len, g->kv}};
        if (by_ids) memcpy(g->ids + T, x->ids + *at, (size_t)rows * sizeof *g->ids);
        T += rows, *at += rows;
        if (*at == x->n) ++*f, *at = 0;
    }
    *n_parts = k;
    return T;
}

static int chunk_embeds(struct engine *g, const struct feed *feeds, int n_parts, const num **out, struct err *e) {
    struct device *d = model_device(g->m);
    int64_t C = model_cfg(g->m)->n_embd;
    if (n_parts == 1) {
        *out = num_at(d, feeds[g->parts[0].feed].embeds, g->parts[0].at * C);
        return 0;
    }
    if (!g->embeds) g->embeds = dev_alloc(d, g->o.max_rows * C);
    if (!g->embeds) return fail(e, ERR_NOMEM, "out of memory");
    for (int i = 0; i < n_parts; i++) {
        const struct part *p = &g->parts[i];
        dev_copy(d, num_at(d, g->embeds, g->spans[i].row0 * C), num_at(d, feeds[p->feed].embeds, p->at * C), p->rows * C);
    }
    *out = g->embeds;
    return 0;
}

/* Logits of R gathered rows, a few at a time, to the host arrays that wait for them. */
static int give_logits(struct engine *g, float *const *to, int64_t R, const struct taps *taps, struct err *e) {
    struct device *d = model_device(g->m);
    int64_t C = model_cfg(g->m)->n_embd, V = model_n_out(g->m);
    for (int64_t r = 0; r < R; r += g->logit_rows) {
        int64_t n = R - r < g->logit_rows ? R - r : g->logit_rows;
        TRY(model_pass_logits(g->m, g->pass, num_at(d, g->h_last, r * C), n, taps, g->logits, e));
        for (int64_t i = 0; i < n; i++) dev_get(d, to[r + i], num_at(d, g->logits, i * V), V);
    }
    return 0;
}

static int give_results(struct engine *g, const struct feed *feeds, int n_parts, const struct taps *taps, int64_t *head_rows,
                        struct err *e) {
    struct device *d = model_device(g->m);
    int64_t C = model_cfg(g->m)->n_embd, R = 0;
    enum { GROUP = 256 };
    float *to[GROUP];
    *head_rows = 0;
    for (int i = 0; i < n_parts; i++) {
        const struct part *p = &g->parts[i];
        const struct feed *f = &feeds[p->feed];
        int64_t row0 = g->spans[i].row0;
        if (f->h) dev_copy(d, num_at(d, f->h, p->at * C), num_at(d, g->h, row0 * C), p->rows * C);
        if (!f->logits || p->at + p->rows < f->n) continue;
        dev_copy(d, num_at(d, g->h_last, R * C), num_at(d, g->h, (row0 + p->rows - 1) * C), C);
        to[R++] = f->logits, ++*head_rows;
        if (R == GROUP) {
            TRY(give_logits(g, to, R, taps, e));
            R = 0;
        }
    }
    return give_logits(g, to, R, taps, e);
}

/* Taps below the final norm may edit what goes into keys and values. */
static int taps_may_edit(const struct taps *t) { return t && t->mask & ~(1u << TAP_FINAL_NORM | 1u << TAP_LOGITS); }

static void finish_chunk(struct engine *g, const struct feed *feeds, int n_parts, const struct taps *taps) {
    for (int i = 0; i < n_parts; i++) {
        const struct part *p = &g->parts[i];
        const struct feed *f = &feeds[p->feed];
        session__advance(f->s, f->ids ? f->ids + p->at : NULL, p->rows, !taps_may_edit(taps));
        if (f->n == 1) g->account.generated++;
    }
}

static int run_chunk(struct engine *g, const struct feed *feeds, int n_parts, int64_t T, const struct taps *taps,
                     struct tape *tape, struct err *e) {
    struct batch b = {.T = T, .spans = g->spans, .n_spans = n_parts};
    int64_t head_rows = 0;
    if (feeds[g->parts[0].feed].ids)
        b.ids = g->ids;
    else
        TRY(chunk_embeds(g, feeds, n_parts, &b.embeds, e));
    TRY(model_forward(g->m, g->pass, &b, tape, taps, g->h, e));
    TRY(give_results(g, feeds, n_parts, taps, &head_rows, e));
    charge_forward(g, T, g->spans, n_parts, head_rows);
    finish_chunk(g, feeds, n_parts, taps);
    return 0;
}

static int run_feeds(struct engine *g, const struct feed *f, int n, const struct taps *taps, struct tape *tape, struct err *e) {
    int64_t at = 0;
    for (int i = 0; i < n; i++) TRY(session__prepare(f[i].s, f[i].n, e));
    for (int i = 0; i < n;) {
        int n_parts;
        int64_t T = cut_chunk(g, f, n, &i, &at, &n_parts);
        TRY(run_chunk(g, f, n_parts, T, taps, tape, e));
    }
    return 0;
}

/* A failed step leaves every session as long as it was. */
static int step(struct engine *g, const struct feed *f, int n, const struct taps *taps, struct tape *tape, struct err *e) {
    if (n < 1) return 0;
    g->step_no++;
    for (int i = 0; i < n; i++) TRY(check_feed(g, &f[i], i, e));
    for (int i = 0; i < n; i++) f[i].s->before = f[i].s->len;
    int rc = run_feeds(g, f, n, taps, tape, e);
    if (rc >= 0) return 0;
    for (int i = 0; i < n; i++) session_rewind(f[i].s, f[i].s->before);
    if (e && !e->code) fail(e, rc, "a tap ended the pass");
    return rc;
}

int engine_step(struct engine *g, const struct feed *f, int n, const struct taps *taps, struct err *e) {
    return step(g, f, n, taps, NULL, e);
}

int session_feed(struct session *s, const int32_t *ids, int64_t n, float *logits, struct err *e) {
    return step(s->g, &(struct feed){.s = s, .ids = ids, .n = n, .logits = logits}, 1, NULL, NULL, e);
}

static int show_rows(struct engine *g, const num *h, int64_t row0, int64_t R, rows_fn fn, void *ctx, const struct taps *taps,
                     struct err *e) {
    struct device *d = model_device(g->m);
    int64_t C = model_cfg(g->m)->n_embd, V = model_n_out(g->m);
    for (int64_t r = 0; r < R; r += g->logit_rows) {
        int64_t n = R - r < g->logit_rows ? R - r : g->logit_rows;
        TRY(model_pass_logits(g->m, g->pass, num_at(d, h, r * C), n, taps, g->logits, e));
        dev_get(d, g->logits_host, g->logits, n * V);
        g->account.flops += model_flops(g->m, 0, 0, (int)n);
        int rc = fn(ctx, row0 + r, n, g->logits_host, V);
        if (rc) return rc < 0 ? rc : ERR_CANCELLED;
    }
    return 0;
}

int session_feed_logits(struct session *s, const int32_t *ids, int64_t n, rows_fn fn, void *ctx, const struct taps *taps,
                        struct err *e) {
    struct engine *g = s->g;
    int64_t before = s->len, most = n < g->o.max_rows ? n : g->o.max_rows;
    if (n > g->o.max_ctx - s->len)
        return fail(e, ERR_LIMIT, "expected at most %lld positions (the context), found %lld", (long long)g->o.max_ctx,
                    (long long)(s->len + n));
    num *h = dev_alloc(model_device(g->m), (most > 0 ? most : 1) * model_cfg(g->m)->n_embd);
    int rc = h ? 0 : fail(e, ERR_NOMEM, "out of memory");
    for (int64_t at = 0; !rc && at < n; at += most) {
        int64_t rows = n - at < most ? n - at : most;
        rc = step(g, &(struct feed){.s = s, .ids = ids + at, .n = rows, .h = h}, 1, taps, NULL, e);
        if (!rc) rc = show_rows(g, h, at, rows, fn, ctx, taps, e);
    }
    dev_free(model_device(g->m), h);
    if (rc < 0) {
        session_rewind(s, before);
        if (e && !e->code) fail(e, rc, rc == ERR_CANCELLED ? "interrupted" : "the receiver of the rows gave up");
    }
    return rc;
}

/* ---- gradient ---- */

int engine_step_taped(struct engine *g, struct session *s, const int32_t *ids, int64_t n, struct tape *tape,
                      const struct taps *taps, num *h, struct err *e) {
    if (n > g->o.max_rows)
        return fail(e, ERR_LIMIT, "a taped step: expected at most %lld rows, found %lld", (long long)g->o.max_rows, (long long)n);
    TRY(step(g, &(struct feed){.s = s, .ids = ids, .n = n, .h = h}, 1, taps, tape, e));
    s->taped = 1;
    return 0;
}

/* Attention's mirror runs five products (scores again, dP, dq, dk, dv) where the forward runs two. */
int engine_backward(struct engine *g, const struct tape *tape, num *dh, const struct taps *dtaps, struct grads *dw, num *dembed,
                    struct err *e) {
    int n;
    const struct span *s = tape_spans(tape, &n);
    int64_t rows = tape_rows(tape), keys = engine__key_reads(g, s, n);
    TRY(model_backward(g->m, g->pass, tape, dh, dtaps, dw, dembed, e));
    g->account.backward_rows += rows;
    g->account.flops += (dw ? 2.0 : 1.0) * model_flops(g->m, rows, 0, 0) + 2.5 * (model_flops(g->m, 0, keys, 0));
    return 0;
}

int engine_nll(struct engine *g, const num *h, int64_t R, const int32_t *target, const double *coef, double *logp, num *dh,
               struct err *e) {
    TRY(model_nll(g->m, g->pass, h, R, target, coef, logp, dh, NULL, e));
    g->account.flops += (dh ? 2.0 : 1.0) * model_flops(g->m, 0, 0, (int)R);
    return 0;
}
