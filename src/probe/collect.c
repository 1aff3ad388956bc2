/* See collect.h. A batch goes through four stages: prompts in, decode with the tap open, cut into traces and forced, onto the disk. */
#include "probe/collect.h"
#include "base/progress.h"
#include "probe/choices.h"
#include "run/generate.h"
#include "run/hidden.h"
#include <stdlib.h>
#include <string.h>

/* One question on its way. */
struct slot {
    struct trace t;
    struct session *s;
    struct toks prompt;
    unsigned char *x;          /* [n_layers][max_new + 1] rows: states, or what the probe says of them */
    f16 *choices;              /* [QUESTION_MAX_CHOICES, choice width] */
    struct fit_reader *reader; /* [n_layers] with a probe, else NULL */
    int64_t max_new;           /* what the context leaves of it */
    int bad, closed;           /* a state was not finite; the prompt ends the thought */
};
struct collector {
    struct engine *g;
    const struct tokenizer *words_of;
    const struct asker *ask;
    const struct questions *qs;
    const struct collect_opts *o;
    struct forcer force;
    struct store_writer *w;
    struct collected *sum;
    struct slot *slot;
    struct generation *gen;
    int *of; /* [slots] which slot a generation is of */
    int slots;
    int64_t width;
    size_t row_bytes;                          /* of what is stored of a state */
    float *row;                                /* [width] */
    f16 *half;                                 /* [width] */
    int layer_at[STORE_LAYERS], text_at;       /* places in the store; -1: not wanted */
    const struct fit_probe *fit[STORE_LAYERS]; /* with a probe: its layers, by places in the store */
    struct gen_taps taps;
};

/* ---- states ---- */

static void *state(const struct collector *c, const struct slot *s, int layer, int64_t i) {
    return s->x + (size_t)((int64_t)layer * (c->o->max_new + 1) + i) * c->row_bytes;
}

static void keep(struct collector *c, struct slot *s, int at, int64_t i, struct device *d, const num *x) {
    const struct fmt_row *f16s = fmt_find(FMT_F16);
    f16 *to = c->o->probe ? c->half : state(c, s, at, i);
    dev_get(d, c->row, x, c->width);
    f16s->from_f32(to, c->row, c->width);
    for (int64_t k = 0; k < c->width; k++) s->bad |= (to[k] & 0x7c00) == 0x7c00;
    if (!c->o->probe) return;
    f16s->to_f32(c->row, to, c->width); /* as the probe would find it in a store of states */
    s->bad |= !fit_reader_project(&s->reader[at], c->row, state(c, s, at, i));
}

/* What the readers have to know of the choices before they see a state. */
static int read_choices(struct collector *c, struct slot *s, struct err *e) {
    int n = c->o->probe ? c->o->n_layers : 0;
    if (n && s->reader[0].p->rank) TRY(choice_features(engine_model(c->g), c->words_of, &s->t.q, s->choices, e));
    for (int i = 0; i < n; i++) fit_reader_question(&s->reader[i], s->choices, s->t.q.n_choices);
    return 0;
}

/* Where a tapped row is stored, -1: nowhere. */
static int place(const struct collector *c, const struct tap_rows *r) {
    if (r->tap != c->o->tap) return r->layer == 0 ? c->text_at : -1;
    return r->tap == TAP_FINAL_NORM ? c->layer_at[0] : c->layer_at[r->layer];
}

static int on_row(void *ctx, int which, int64_t i, struct device *d, const struct tap_rows *r, const num *x) {
    struct collector *c = ctx;
    int at = place(c, r);
    if (at >= 0 && i <= c->o->max_new) keep(c, &c->slot[c->of[which]], at, i, d, x);
    return 0;
}

static void choose_taps(struct collector *c) {
    const struct collect_opts *o = c->o;
    c->text_at = -1;
    for (int i = 0; i < STORE_LAYERS; i++) c->layer_at[i] = -1;
    for (int i = 0; i < o->n_layers; i++)
        if (o->layer[i] < 0)
            c->text_at = i;
        else
            c->layer_at[o->layer[i]] = i;
    for (int i = 0; o->probe && i < o->n_layers; i++)
        for (int k = 0; k < o->probe->n_layers; k++)
            if (o->probe->layer[k] == o->layer[i]) c->fit[i] = &o->probe->fit[k];
    c->taps = (struct gen_taps){
        .mask = 1u << o->tap, .layer_lo = o->layer[0], .layer_hi = o->layer[o->n_layers - 1], .row = on_row, .ctx = c};
    if (c->text_at >= 0) c->taps.mask |= 1u << TAP_RESID_IN, c->taps.layer_lo = 0;
    if (c->taps.layer_hi < 0) c->taps.layer_hi = 0;
}

/* ---- decode ---- */

/* Whether the prompt ends the thought itself. */
static int prompt_closes(struct collector *c, const struct slot *s, int *out, struct err *e) {
    int64_t n = s->prompt.n < 16 ? s->prompt.n : 16;
    char *text;
    size_t len;
    TRY(tokenizer_decode(c->words_of, s->prompt.ids + s->prompt.n - n, n, 0, &text, &len, e));
    *out = settle_ends_with(text, len, c->force.words.close);
    free(text);
    return 0;
}

static int slot_open(struct collector *c, struct slot *s, int64_t index, struct err *e) {
    const struct question *q = &c->qs->q[index];
    struct str line = {0};
    struct questions copy = {0};
    int64_t shared, ctx = engine_options(c->g).max_ctx;
    int rc = question_json(q, 0, &line, e);
    if (rc >= 0) rc = questions_parse(&copy, line.s, line.len, "question", e);
    str_free(&line);
    TRY(rc);
    s->t = (struct trace){.index = index, .q = copy.q[0], .label = -1, .truth = -1, .token = -1, .truth_token = -1};
    free(copy.q);
    s->bad = 0, s->prompt.n = 0;
    TRY(c->ask->prompt(c->ask->ctx, q, &s->prompt, e));
    s->t.prompt = s->prompt.n;
    if (s->prompt.n < 1) return fail(e, ERR_FORMAT, "question %s: its prompt has no token", q->id);
    TRY(prompt_closes(c, s, &s->closed, e));
    s->max_new = ctx - s->prompt.n - FORCE_TRIAL - c->force.letter.n - c->force.free.n;
    if (s->max_new > c->o->max_new) s->max_new = c->o->max_new;
    if (s->max_new < 1) {
        s->t.out = OUT_NO_ROOM;
        return 0;
    }
    s->t.ids = malloc((size_t)(c->o->max_new + 1) * sizeof *s->t.ids);
    if (!s->t.ids) return fail(e, ERR_NOMEM, "out of memory for a trace");
    TRY(read_choices(c, s, e));
    TRY(session_new_prefixed(&s->s, c->g, s->prompt.ids, s->prompt.n, &shared, e));
    int64_t left = s->prompt.n - 1 - shared;
    return left > 0 ? session_feed(s->s, s->prompt.ids + shared, left, NULL, e) : 0;
}

static void slot_close(struct slot *s) {
    session_free(s->s);
    trace_fini(&s->t);
    s->s = NULL;
}

static const enum trace_end end_of[] = {
    [GEN_MAX] = TRACE_MAX, [GEN_END] = TRACE_END, [GEN_CALLER] = TRACE_MAX, [GEN_CTX] = TRACE_CTX};

static int decode(struct collector *c, int n, struct err *e) {
    int m = 0;
    for (int i = 0; i < n; i++) {
        struct slot *s = &c->slot[i];
        if (!s->s) continue;
        c->of[m] = i;
        c->gen[m++] = (struct generation){.s = s->s,
                                          .last = s->prompt.ids[s->prompt.n - 1],
                                          .max_new = s->max_new,
                                          .sampling = c->o->sampling,
                                          .seed = c->o->seed,
                                          .stream = (uint64_t)s->t.index,
                                          .ends = c->force.ends,
                                          .n_ends = c->force.n_ends,
                                          .ids = s->t.ids};
    }
    TRY(generate_tapped(c->g, c->gen, m, &c->taps, e));
    for (int i = 0; i < m; i++) {
        struct trace *t = &c->slot[c->of[i]].t;
        t->n = c->gen[i].n, t->end = end_of[c->gen[i].stop];
    }
    return 0;
}

/* ---- reading what another wrote ---- */

struct replay {
    struct collector *c;
    struct slot *s;
    int64_t first; /* position of reading 0's row */
};

static int on_replay(void *ctx, struct device *d, const struct tap_rows *r) {
    struct replay *p = ctx;
    int at = place(p->c, r);
    for (int64_t i = 0; at >= 0 && i < r->rows; i++) {
        int64_t reading = r->batch->spans[0].pos0 + i - p->first;
        if (reading >= 0 && reading <= p->c->o->max_new)
            keep(p->c, p->s, at, p->s->t.open + reading, d, num_at(d, r->x, i * r->width));
    }
    return 0;
}

static int borrow(struct collector *c, struct slot *s, int64_t index, struct err *e) {
    struct trace *t = &s->t;
    *t = (struct trace){0};
    s->bad = 0, s->prompt.n = 0;
    TRY(c->o->written->read(c->o->written->ctx, index, t, &s->prompt, e));
    t->prompt = s->prompt.n;
    if (t->out) return 0;
    if (t->close > c->o->max_new || s->prompt.n + t->n > engine_options(c->g).max_ctx) {
        t->out = OUT_NO_ROOM, t->rows = 0;
        return 0;
    }
    for (int64_t i = 0; i < t->close; i++)
        if (t->ids[i] >= model_cfg(engine_model(c->g))->n_vocab)
            return fail(e, ERR_ARG, "trace %lld: token %d is not in this model's vocabulary", (long long)index, t->ids[i]);
    for (int64_t i = 0; i < t->close; i++) TRY(toks_push(&s->prompt, t->ids[i], e));
    TRY(read_choices(c, s, e));
    struct replay p = {c, s, t->prompt + t->open - 1};
    struct taps taps = {c->taps.mask, c->taps.layer_lo, c->taps.layer_hi, on_replay, &p};
    TRY(session_new(&s->s, c->g, e));
    return engine_step(c->g, &(struct feed){.s = s->s, .ids = s->prompt.ids, .n = s->prompt.n}, 1, &taps, e);
}

/* The words and outcome of a trace of another store are copied through its file form. */
struct from_store {
    struct written written;
    const struct store *s;
    struct asker ask;
};
static int read_stored(void *ctx, int64_t index, struct trace *t, struct toks *prompt, struct err *e) {
    const struct from_store *f = ctx;
    json_t *j = trace_json(store_trace(f->s, index));
    int rc = trace_read(t, j, store_dir(f->s), index + 1, e);
    json_decref(j);
    TRY(rc);
    return f->ask.prompt(f->ask.ctx, &t->q, prompt, e);
}

struct written *collect_from(const struct store *s, const struct asker *ask) {
    struct from_store *f = malloc(sizeof *f);
    if (!f) return NULL;
    *f = (struct from_store){{store_n(s), read_stored, f}, s, *ask};
    return &f->written;
}

/* ---- traces ---- */

static int finish(struct collector *c, struct slot *s, struct err *e) {
    const struct settler x = {&c->force, c->o->steps, c->o->every, c->o->forced};
    struct trace *t = &s->t;
    const void *rows[STORE_LAYERS];
    if (!t->ends) TRY(settle_text(&x, t, e));
    if (!c->o->written && !t->out) TRY(settle_trace(&x, t, s->s, s->closed, s->bad, e));
    if (c->o->written && s->bad) t->out = OUT_NOT_FINITE;
    t->rows = t->out ? 0 : t->close - t->open + 1;
    for (int i = 0; i < c->o->n_layers; i++) rows[i] = state(c, s, i, t->open);
    if (t->rows && !c->o->probe) TRY(choice_features(engine_model(c->g), c->words_of, &t->q, s->choices, e));
    TRY(store_add(c->w, t, rows, s->choices, e));
    c->sum->traces++, c->sum->right += t->right, c->sum->tokens += t->n, c->sum->out[t->out]++;
    c->sum->forced += t->answered == ANSWERED_FORCED;
    return 0;
}

/* ---- batches ---- */

static int batch(struct collector *c, int64_t first, int n, struct err *e) {
    int rc = 0;
    double t0 = clock_s();
    for (int i = 0; !rc && i < n; i++)
        rc = c->o->written ? borrow(c, &c->slot[i], first + i, e) : slot_open(c, &c->slot[i], first + i, e);
    if (!rc && !c->o->written) rc = decode(c, n, e);
    for (int i = 0; !rc && i < n; i++) {
        c->slot[i].t.seconds = (clock_s() - t0) / n;
        rc = finish(c, &c->slot[i], e);
    }
    if (!rc) rc = store_flush(c->w, e);
    for (int i = 0; i < n; i++) slot_close(&c->slot[i]);
    engine_forget(c->g); /* the next batch asks other questions */
    return rc;
}

static int slot_make(struct collector *c, struct slot *s, struct err *e) {
    int n = c->o->n_layers;
    s->x = malloc((size_t)(n * (c->o->max_new + 1)) * c->row_bytes);
    s->choices = malloc(QUESTION_MAX_CHOICES * (size_t)choice_width(engine_model(c->g)) * sizeof(f16));
    if (!s->x || !s->choices) return fail(e, ERR_NOMEM, "out of memory for what is stored of a trace");
    if (!c->o->probe) return 0;
    s->reader = calloc((size_t)n, sizeof *s->reader);
    if (!s->reader) return fail(e, ERR_NOMEM, "out of memory for a probe");
    for (int i = 0; i < n; i++) TRY(fit_reader_open(&s->reader[i], c->fit[i], c->o->probe->shape, c->width, e));
    return 0;
}

static void slot_free(struct collector *c, struct slot *s) {
    slot_close(s);
    for (int i = 0; s->reader && i < c->o->n_layers; i++) fit_reader_close(&s->reader[i]);
    toks_free(&s->prompt), free(s->x), free(s->choices), free(s->reader);
}

/* How many questions run at once: the sum of their buffers is bounded. */
static int count_slots(struct collector *c, struct err *e) {
    const struct probe *p = c->o->probe;
    int64_t each = c->o->n_layers * (c->o->max_new + 1) * (int64_t)c->row_bytes, most = engine_options(c->g).max_sessions;
    if (each > (int64_t)4 << 30)
        return fail(e, ERR_LIMIT, "expected at most 4 GiB to store of a trace, found %lld bytes: fewer layers, or --max-new",
                    (long long)each);
    if (p) each += c->o->n_layers * (int64_t)(sizeof(struct fit_reader) + (size_t)(readings_numbers(p->shape) * c->width) * 4);
    c->slots = (int)(COLLECT_BYTES / each < COLLECT_BATCH ? COLLECT_BYTES / each : COLLECT_BATCH);
    if (c->slots > most) c->slots = (int)most;
    if (c->slots < 1) c->slots = 1;
    return 0;
}

static int slots_open(struct collector *c, struct err *e) {
    TRY(count_slots(c, e));
    c->slot = calloc((size_t)c->slots, sizeof *c->slot), c->gen = calloc((size_t)c->slots, sizeof *c->gen);
    c->of = calloc((size_t)c->slots, sizeof *c->of), c->row = malloc((size_t)c->width * sizeof *c->row);
    c->half = malloc((size_t)c->width * sizeof *c->half);
    if (!c->slot || !c->gen || !c->of || !c->row || !c->half)
        return fail(e, ERR_NOMEM, "out of memory for the states of %d traces", c->slots);
    for (int i = 0; i < c->slots; i++) TRY(slot_make(c, &c->slot[i], e));
    return 0;
}

static void collector_close(struct collector *c) {
    for (int i = 0; c->slot && i < c->slots; i++) slot_free(c, &c->slot[i]);
    free(c->slot), free(c->gen), free(c->of), free(c->row), free(c->half);
    force_close(&c->force);
    store_writer_free(c->w);
}

static int run(struct collector *c, int64_t done, int (*stopped)(void), struct err *e) {
    struct progress p;
    int64_t n = c->o->written ? c->o->written->n : (int64_t)c->qs->n;
    int rc = 0;
    progress_start(&p, "traces", "traces", (double)n);
    for (int64_t i = done; !rc && i < n; i += c->slots) {
        if (stopped && stopped())
            rc =
                fail(e, ERR_CANCELLED, "stopped after %lld of %lld traces; the same command goes on", (long long)i, (long long)n);
        if (!rc) rc = batch(c, i, n - i < c->slots ? (int)(n - i) : c->slots, e);
        progress_step(&p, (double)(i + c->slots < n ? i + c->slots : n), NULL);
    }
    progress_end(&p);
    return rc;
}

/* What a row is, and which of them are wanted. */
static int choose_rows(struct collector *c, struct store_rows *r, struct err *e) {
    const struct collect_opts *o = c->o;
    const struct model *m = engine_model(c->g);
    const struct probe *p = o->probe;
    c->width = hidden_width(model_cfg(m), o->tap);
    if (c->width < 1 || o->tap == TAP_LOGITS)
        return fail(e, ERR_ARG, "tap %s: not to be captured from this model", tap_name(o->tap));
    choose_taps(c);
    for (int i = 0; p && i < o->n_layers; i++)
        if (!c->fit[i] || p->tap != o->tap || p->width != c->width)
            return fail(e, ERR_ARG, "expected a probe that reads layer %d of %s, width %lld", o->layer[i], tap_name(o->tap),
                        (long long)c->width);
    *r = (struct store_rows){
        tap_name(o->tap), o->layer, o->n_layers, c->width, p ? 0 : choice_width(m), p ? readings_numbers(p->shape) : 0};
    c->row_bytes = p ? (size_t)r->numbers * sizeof(float) : (size_t)c->width * sizeof(f16);
    return 0;
}

int collect_run(const char *dir, const json_t *settings, struct engine *g, const struct tokenizer *words_of,
                const struct think_words *w, const struct asker *ask, const struct questions *qs, const struct collect_opts *o,
                int (*stopped)(void), struct collected *out, struct err *e) {
    struct collector c = {.g = g, .words_of = words_of, .ask = ask, .qs = qs, .o = o, .sum = out};
    int64_t done = 0, most = engine_options(g).max_sessions;
    struct store_rows r;
    double t0 = clock_s();
    *out = (struct collected){0};
    TRY(choose_rows(&c, &r, e));
    int rc = slots_open(&c, e);
    if (!rc && w) rc = force_open(&c.force, g, words_of, w, most < 64 ? (int)most : 64, e);
    if (!rc) rc = store_create(&c.w, dir, settings, &r, &done, e);
    if (!rc) rc = run(&c, done, stopped, e);
    out->seconds = clock_s() - t0;
    collector_close(&c);
    return rc;
}
