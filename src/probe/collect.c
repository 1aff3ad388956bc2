/* See collect.h. A batch goes through four stages: prompts in, decode with the tap open, cut into traces and forced, onto the disk. */
#include "probe/collect.h"
#include "base/progress.h"
#include "probe/choices.h"
#include "run/generate.h"
#include "run/hidden.h"
#include "task/answer.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* One question on its way. */
struct slot {
    struct trace t;
    struct session *s;
    struct toks prompt;
    f16 *x;          /* [n_layers][max_new + 1][width] */
    f16 *choices;    /* [QUESTION_MAX_CHOICES, choice width] */
    int64_t max_new; /* what the context leaves of it */
    int bad;
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
    float *row;                          /* [width] */
    int layer_at[STORE_LAYERS], text_at; /* places in the store; -1: not wanted */
    struct gen_taps taps;
};

/* ---- states ---- */

static f16 *state(const struct collector *c, const struct slot *s, int layer, int64_t i) {
    return s->x + ((int64_t)layer * (c->o->max_new + 1) + i) * c->width;
}

static void keep(struct collector *c, struct slot *s, int at, int64_t i, struct device *d, const num *x) {
    f16 *to = state(c, s, at, i);
    dev_get(d, c->row, x, c->width);
    fmt_find(FMT_F16)->from_f32(to, c->row, c->width);
    for (int64_t k = 0; k < c->width; k++) s->bad |= (to[k] & 0x7c00) == 0x7c00;
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
    c->taps = (struct gen_taps){
        .mask = 1u << o->tap, .layer_lo = o->layer[0], .layer_hi = o->layer[o->n_layers - 1], .row = on_row, .ctx = c};
    if (c->text_at >= 0) c->taps.mask |= 1u << TAP_RESID_IN, c->taps.layer_lo = 0;
    if (c->taps.layer_hi < 0) c->taps.layer_hi = 0;
}

/* ---- decode ---- */

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
    s->max_new = ctx - s->prompt.n - FORCE_TRIAL - c->force.letter.n - c->force.free.n;
    if (s->max_new > c->o->max_new) s->max_new = c->o->max_new;
    if (s->max_new < 1) {
        s->t.out = OUT_NO_ROOM;
        return 0;
    }
    s->t.ids = malloc((size_t)(c->o->max_new + 1) * sizeof *s->t.ids);
    if (!s->t.ids) return fail(e, ERR_NOMEM, "out of memory for a trace");
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

/* The same question's trace in the other store, its words and outcome copied through its file form. */
static int borrow(struct collector *c, struct slot *s, int64_t index, struct err *e) {
    const struct trace *t = store_trace(c->o->from, index);
    json_t *j = trace_json(t);
    int rc = trace_read(&s->t, j, store_dir(c->o->from), index + 1, e);
    json_decref(j);
    TRY(rc);
    s->bad = 0, s->prompt.n = 0;
    TRY(c->ask->prompt(c->ask->ctx, &s->t.q, &s->prompt, e));
    if (s->t.out) return 0;
    if (s->t.close > c->o->max_new || s->prompt.n + s->t.n > engine_options(c->g).max_ctx) {
        s->t.out = OUT_NO_ROOM, s->t.rows = 0;
        return 0;
    }
    for (int64_t i = 0; i < s->t.close; i++)
        if (s->t.ids[i] >= model_cfg(engine_model(c->g))->n_vocab)
            return fail(e, ERR_ARG, "trace %lld: token %d is not in this model's vocabulary", (long long)index, s->t.ids[i]);
    for (int64_t i = 0; i < s->t.close; i++) TRY(toks_push(&s->prompt, s->t.ids[i], e));
    struct replay p = {c, s, s->prompt.n - s->t.close + s->t.open - 1};
    struct taps taps = {c->taps.mask, c->taps.layer_lo, c->taps.layer_hi, on_replay, &p};
    TRY(session_new(&s->s, c->g, e));
    TRY(engine_step(c->g, &(struct feed){.s = s->s, .ids = s->prompt.ids, .n = s->prompt.n}, 1, &taps, e));
    s->t.prompt = s->prompt.n - s->t.close;
    return 0;
}

/* ---- traces ---- */

static int spell(struct collector *c, struct trace *t, struct err *e) {
    struct str text = {0};
    t->ends = malloc((size_t)(t->n + 1) * sizeof *t->ends);
    if (!t->ends) return fail(e, ERR_NOMEM, "out of memory for a trace");
    for (int64_t i = 0; i < t->n; i++) {
        const char *piece;
        size_t n;
        int rc = tokenizer_piece(c->words_of, t->ids[i], &piece, &n, e);
        if (rc >= 0 && str_add(&text, piece, n) < 0) rc = fail(e, ERR_NOMEM, "out of memory for a trace");
        if (rc < 0) {
            str_free(&text);
            return rc;
        }
        t->ends[i] = text.len;
    }
    t->text = text.s ? text.s : calloc(1, 1), t->len = text.len;
    return t->text ? 0 : fail(e, ERR_NOMEM, "out of memory for a trace");
}

static int add_step(struct trace *t, int64_t reading, size_t byte) {
    if (t->n_steps && t->steps[t->n_steps - 1].reading == reading) {
        t->steps[t->n_steps - 1].byte = byte;
        return 0;
    }
    t->steps[t->n_steps++] =
        (struct trace_step){.reading = reading, .byte = byte, .forced = {.token = -1, .mass = NAN, .p = NAN, .entropy = NAN}};
    return 0;
}

/* The start, every step's end, and the end of the thought. */
static int cut_steps(struct collector *c, struct trace *t, struct err *e) {
    size_t *ends = malloc(COLLECT_STEPS * sizeof *ends), from = thought_byte(t);
    int64_t last = t->close - t->open;
    int n = 0;
    t->steps = malloc((COLLECT_STEPS + 2) * sizeof *t->steps);
    if (!ends || !t->steps) {
        free(ends);
        return fail(e, ERR_NOMEM, "out of memory for the steps of a trace");
    }
    if (c->o->every)
        for (int64_t r = c->o->every; r < last && n < COLLECT_STEPS; r += c->o->every) ends[n++] = reading_byte(t, r);
    else
        n = text_steps(t->text + from, thought_len(t), c->o->steps, ends, COLLECT_STEPS);
    add_step(t, 0, 0);
    for (int i = 0; i < n; i++) add_step(t, reading_at(t, ends[i]), ends[i]);
    add_step(t, last, thought_len(t));
    free(ends);
    return 0;
}

/* The token in which the written answer begins, of a question without choices. */
static int32_t answer_token(const struct trace *t) {
    const char *from = t->text + trace_byte(t, t->close), *box = NULL;
    for (const char *p = strstr(from, "\\boxed{"); p; p = strstr(p + 1, "\\boxed{")) box = p;
    if (!box) return -1;
    size_t byte = (size_t)(box - t->text) + 7;
    for (int64_t i = t->close; i < t->n; i++)
        if (t->ends[i] > byte) return t->ids[i];
    return -1;
}

static int first_token(struct collector *c, const char *text, int32_t *out, struct err *e) {
    struct toks ids = {0};
    int rc = tokenizer_encode(c->words_of, text, strlen(text), 0, &ids, e);
    *out = !rc && ids.n ? ids.ids[0] : -1;
    toks_free(&ids);
    return rc;
}

static int written(struct collector *c, struct trace *t, struct err *e) {
    struct str parsed = {0};
    int rc = answer_parse(t->text, &t->q, &parsed);
    if (rc > 0) {
        t->answer = strdup(parsed.s ? parsed.s : ""), t->answered = ANSWERED_WRITTEN;
        t->token = t->q.n_choices ? -1 : answer_token(t);
        if (!t->answer) rc = ERR_NOMEM;
    }
    str_free(&parsed);
    (void)c;
    return rc < 0 ? fail(e, ERR_NOMEM, "out of memory for an answer") : 0;
}

static int force_steps(struct collector *c, struct slot *s, struct err *e) {
    struct trace *t = &s->t;
    int first = c->o->forced ? 0 : t->n_steps - 1, n = t->n_steps - first;
    int64_t *len = malloc((size_t)n * sizeof *len);
    struct forced *f = calloc((size_t)n, sizeof *f);
    int rc = len && f ? 0 : fail(e, ERR_NOMEM, "out of memory for forced answers");
    for (int i = 0; !rc && i < n; i++) len[i] = t->prompt + t->open + t->steps[first + i].reading;
    if (!rc) rc = force_at(&c->force, s->s, len, n, &t->q, f, e);
    for (int i = 0; f && i < n; i++) t->steps[first + i].forced = f[i];
    free(len), free(f);
    return rc;
}

static int take_forced(struct trace *t, struct err *e) {
    const struct forced *f = &t->steps[t->n_steps - 1].forced;
    char letter[2] = {(char)('A' + forced_choice(f, t->q.n_choices)), 0};
    const char *answer = t->q.n_choices ? letter : f->answer;
    if (!answer || !*answer) return 0;
    t->answer = strdup(answer), t->answered = ANSWERED_FORCED, t->token = f->token;
    return t->answer ? 0 : fail(e, ERR_NOMEM, "out of memory for an answer");
}

static int settle(struct collector *c, struct slot *s, struct err *e) {
    struct trace *t = &s->t;
    if (t->out) return 0;
    TRY(written(c, t, e));
    if (c->o->forced || !t->answer) TRY(force_steps(c, s, e));
    if (!t->answer) TRY(take_forced(t, e));
    t->right = t->answer && answer_grade(&t->q, t->answer);
    if (t->q.n_choices && t->answer) t->label = t->answer[0] - 'A';
    if (t->q.n_choices) t->truth = t->q.answer[0] - 'A';
    if (!t->q.n_choices) TRY(first_token(c, t->q.answer, &t->truth_token, e));
    t->out = !t->answer ? OUT_NO_ANSWER : s->bad ? OUT_NOT_FINITE : t->close == t->open ? OUT_NO_THOUGHT : TRACE_OK;
    return 0;
}

static int finish(struct collector *c, struct slot *s, struct err *e) {
    struct trace *t = &s->t;
    const f16 *x[STORE_LAYERS];
    if (!c->o->from && !t->out) {
        TRY(spell(c, t, e));
        trace_cut(t, c->force.words.open, c->force.words.close);
        TRY(cut_steps(c, t, e));
        TRY(settle(c, s, e));
    } else if (!t->ends) {
        TRY(spell(c, t, e));
    }
    if (c->o->from && s->bad) t->out = OUT_NOT_FINITE;
    t->rows = t->out ? 0 : t->close - t->open + 1;
    for (int i = 0; i < c->o->n_layers; i++) x[i] = state(c, s, i, t->open);
    if (t->rows) TRY(choice_features(engine_model(c->g), c->words_of, &t->q, s->choices, e));
    TRY(store_add(c->w, t, x, s->choices, e));
    c->sum->traces++, c->sum->right += t->right, c->sum->tokens += t->n, c->sum->out[t->out]++;
    c->sum->forced += t->answered == ANSWERED_FORCED;
    return 0;
}

/* ---- batches ---- */

static int batch(struct collector *c, int64_t first, int n, struct err *e) {
    int rc = 0;
    double t0 = clock_s();
    for (int i = 0; !rc && i < n; i++)
        rc = c->o->from ? borrow(c, &c->slot[i], first + i, e) : slot_open(c, &c->slot[i], first + i, e);
    if (!rc && !c->o->from) rc = decode(c, n, e);
    for (int i = 0; !rc && i < n; i++) {
        c->slot[i].t.seconds = (clock_s() - t0) / n;
        rc = finish(c, &c->slot[i], e);
    }
    if (!rc) rc = store_flush(c->w, e);
    for (int i = 0; i < n; i++) slot_close(&c->slot[i]);
    return rc;
}

static int slots_open(struct collector *c, struct err *e) {
    int64_t each = c->o->n_layers * (c->o->max_new + 1) * c->width * 2, most = engine_options(c->g).max_sessions;
    if (each > (int64_t)4 << 30)
        return fail(e, ERR_LIMIT, "expected at most 4 GiB of states a trace, found %lld bytes: fewer layers, or --max-new",
                    (long long)each);
    c->slots = (int)(COLLECT_BYTES / each);
    if (c->slots > most) c->slots = (int)most;
    if (c->slots > COLLECT_BATCH) c->slots = COLLECT_BATCH;
    if (c->slots < 1) c->slots = 1;
    c->slot = calloc((size_t)c->slots, sizeof *c->slot), c->gen = calloc((size_t)c->slots, sizeof *c->gen);
    c->of = calloc((size_t)c->slots, sizeof *c->of), c->row = malloc((size_t)c->width * sizeof *c->row);
    int ok = c->slot && c->gen && c->of && c->row;
    size_t choices = QUESTION_MAX_CHOICES * (size_t)choice_width(engine_model(c->g)) * sizeof(f16);
    for (int i = 0; ok && i < c->slots; i++)
        ok = (c->slot[i].x = malloc((size_t)each)) != NULL && (c->slot[i].choices = malloc(choices)) != NULL;
    return ok ? 0 : fail(e, ERR_NOMEM, "out of memory for the states of %d traces", c->slots);
}

static void collector_close(struct collector *c) {
    for (int i = 0; c->slot && i < c->slots; i++) {
        slot_close(&c->slot[i]);
        toks_free(&c->slot[i].prompt), free(c->slot[i].x), free(c->slot[i].choices);
    }
    free(c->slot), free(c->gen), free(c->of), free(c->row);
    force_close(&c->force);
    store_writer_free(c->w);
}

static int run(struct collector *c, int64_t done, int (*stopped)(void), struct err *e) {
    struct progress p;
    int64_t n = c->o->from ? store_n(c->o->from) : (int64_t)c->qs->n;
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

int collect_run(const char *dir, const json_t *settings, struct engine *g, const struct tokenizer *words_of,
                const struct think_words *w, const struct asker *ask, const struct questions *qs, const struct collect_opts *o,
                int (*stopped)(void), struct collected *out, struct err *e) {
    const struct model_cfg *cfg = model_cfg(engine_model(g));
    struct collector c = {
        .g = g, .words_of = words_of, .ask = ask, .qs = qs, .o = o, .sum = out, .width = hidden_width(cfg, o->tap)};
    int64_t done = 0;
    double t0 = clock_s();
    *out = (struct collected){0};
    if (c.width < 1 || o->tap == TAP_LOGITS)
        return fail(e, ERR_ARG, "tap %s: not to be captured from this model", tap_name(o->tap));
    choose_taps(&c);
    int rc = slots_open(&c, e);
    if (!rc)
        rc = force_open(&c.force, g, words_of, w, 64 < engine_options(g).max_sessions ? 64 : engine_options(g).max_sessions, e);
    if (!rc)
        rc = store_create(&c.w, dir, settings, tap_name(o->tap), o->layer, o->n_layers, c.width, choice_width(engine_model(g)),
                          &done, e);
    if (!rc) rc = run(&c, done, stopped, e);
    out->seconds = clock_s() - t0;
    collector_close(&c);
    return rc;
}
