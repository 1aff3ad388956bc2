/* See live.h. The decode loop is left whenever a policy has to look at a step, and entered again with the token that was drawn last; draws are
 * keyed by the token's number, so leaving changes nothing. */
#include "probe/live.h"
#include "base/progress.h"
#include "run/generate.h"
#include "run/hidden.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

static const char *const names[] = {"none", "probe", "forced", "deer", "agree", "entropy", "budget"};
const char *live_rule_name(enum live_rule r) { return names[r]; }

enum stop_at { STOP_NOT, STOP_LOOK, STOP_EXIT };
struct flight {
    struct live *l;
    const struct live_policy *p;
    struct session *s;
    const struct question *q;
    struct live_out *out;
    struct generation gen;
    int32_t *ids;
    int64_t done;       /* tokens before this piece of the generation */
    struct str text;    /* of what was generated */
    size_t from, step;  /* where the thought begins, and its last step ends */
    int thinking, over; /* the thought has begun, has ended */
    int64_t start;      /* tokens before the thought */
    int at_step;        /* the token before the newest one ended a step */
    enum stop_at stop;
    double logprob; /* of the newest token */
    int failed;
    double ema, var;
    int64_t agreed;
    int last_class;
    char *last_answer;
    struct err *e;
};

static int64_t reading(const struct flight *f, int64_t tokens) { return tokens - f->start; }

/* ---- at every token ---- */

static int on_row(void *ctx, int which, int64_t i, struct device *d, const struct tap_rows *r, const num *x) {
    struct flight *f = ctx;
    (void)which, (void)i, (void)r;
    if (f->thinking && !f->over) watch_row(f->l->watch, d, x);
    return 0;
}

static int ends_with(const struct str *t, size_t from, const char *mark) {
    size_t n = mark ? strlen(mark) : 0;
    return n && t->len - from >= n && !memcmp(t->s + t->len - n, mark, n);
}

/* Whether the thought's newest byte ends a step. */
static int step_ended(struct flight *f) {
    size_t ends[8], n = f->text.len - f->step;
    int k = text_steps(f->text.s + f->step, n, f->l->steps, ends, 8);
    if (k < 1 || ends[k - 1] != n) return 0;
    f->step = f->text.len;
    return 1;
}

/* What the policy says before the token just drawn is counted. */
static enum stop_at judge(struct flight *f, int64_t tokens) {
    double p[SCAN_CLASSES];
    if (f->l->watch) {
        int k = watch_read(f->l->watch, p);
        f->out->class = k, f->out->p = k < 0 ? NAN : p[k];
        int looks = f->p->rule == LIVE_PROBE && (!f->p->at_steps || f->at_step);
        if (looks && k >= 0 && p[k] >= f->p->threshold) return STOP_EXIT;
    }
    if (f->p->rule == LIVE_BUDGET) return reading(f, tokens) >= f->p->count ? STOP_EXIT : STOP_NOT;
    return f->p->rule != LIVE_NEVER && f->p->rule != LIVE_PROBE && f->at_step ? STOP_LOOK : STOP_NOT;
}

static int tell(struct flight *f, int32_t id, double logprob, int64_t i) {
    return f->l->on_token ? f->l->on_token(f->l->ctx, id, logprob, i) : 0;
}

/* A token that a look may yet drop is told after it. */
static int on_token(void *ctx, int32_t id, double logprob, int64_t i) {
    struct flight *f = ctx;
    const struct think_words *w = &f->l->force->words;
    int64_t tokens = f->done + i; /* that are fed */
    const char *piece;
    size_t n;
    f->logprob = logprob;
    f->stop = f->thinking && !f->over ? judge(f, tokens) : STOP_NOT;
    if (f->stop == STOP_EXIT) return 1;
    if (tokenizer_piece(f->l->force->tok, id, &piece, &n, f->e) < 0 || str_add(&f->text, piece, n) < 0) return f->failed = 1;
    f->at_step = 0;
    if (!f->thinking && ends_with(&f->text, 0, w->open)) {
        f->thinking = 1, f->start = tokens + 1, f->from = f->step = f->text.len, f->at_step = 1;
        if (f->l->watch) watch_again(f->l->watch);
    } else if (f->thinking && !f->over) {
        f->over = ends_with(&f->text, f->from, w->close);
        f->at_step = !f->over && step_ended(f);
        f->out->thought += !f->over;
    }
    return f->stop == STOP_LOOK || tell(f, id, logprob, tokens);
}

/* ---- at steps ---- */

static int same_answer(struct flight *f, const struct forced *x) {
    if (f->q->n_choices) return forced_choice(x, f->q->n_choices) == f->last_class;
    return f->last_answer && x->answer && *x->answer && !strcmp(x->answer, f->last_answer);
}

static void remember(struct flight *f, struct forced *x) {
    f->agreed = f->out->looks > 1 && same_answer(f, x) ? f->agreed + 1 : 1;
    f->last_class = forced_choice(x, f->q->n_choices);
    free(f->last_answer);
    f->last_answer = x->answer, x->answer = NULL;
    double w = 0.2;
    if (f->out->looks == 1) f->ema = x->entropy, f->var = 0;
    f->ema = w * x->entropy + (1 - w) * f->ema;
    f->var = w * (x->entropy - f->ema) * (x->entropy - f->ema) + (1 - w) * f->var;
}

static int satisfied(const struct flight *f, const struct forced *x) {
    switch (f->p->rule) {
    case LIVE_FORCED:
    case LIVE_DEER: return x->p >= f->p->threshold;
    case LIVE_AGREE: return f->agreed >= f->p->count;
    case LIVE_ENTROPY: return f->out->looks > f->p->count && f->var < f->p->threshold;
    default: return 0;
    }
}

static int look(struct flight *f, int *leave, struct err *e) {
    struct forced x;
    int64_t len = session_len(f->s);
    *leave = 0;
    /* the step that begins with the newest token */
    if (f->p->rule == LIVE_DEER && !force_cue(f->text.s + f->step, f->text.len - f->step)) return 0;
    if (len + force_words(f->l->force, f->q)->n + FORCE_TRIAL > engine_options(f->l->force->g).max_ctx) return 0;
    TRY(force_at(f->l->force, f->s, &len, 1, f->q, &x, e));
    f->out->looks++;
    f->out->look_tokens += force_words(f->l->force, f->q)->n + x.tokens;
    f->out->forced_p = x.p, f->out->forced_class = forced_choice(&x, f->q->n_choices);
    remember(f, &x);
    *leave = satisfied(f, &x);
    free(x.logp), free(x.answer);
    return 0;
}

/* ---- the end ---- */

static int compare(struct flight *f, struct err *e) {
    struct forced x;
    int64_t len = session_len(f->s);
    if (!f->l->compare) return 0;
    TRY(force_at(f->l->force, f->s, &len, 1, f->q, &x, e));
    f->out->forced_p = x.p, f->out->forced_class = forced_choice(&x, f->q->n_choices);
    free(x.logp), free(x.answer);
    return 0;
}

static int on_answer(void *ctx, int32_t id, double logprob, int64_t i) {
    struct flight *f = ctx;
    return tell(f, id, logprob, f->out->n + i);
}

/* The probe's choice, where its classes are choices; −1: the model is to say. */
static int32_t own_letter(const struct flight *f) {
    const struct probe *p = f->l->watch ? f->l->watch->p : NULL;
    int class = f->out->class;
    if (f->p->rule != LIVE_PROBE || !f->p->letter || p->by_token || p->target == TARGET_RIGHT) return -1;
    return class >= 0 && class < f->q->n_choices ? force_letter(f->l->force, class) : -1;
}

/* Behind `positions` there must be room for the words that end a thought and begin an answer. */
static int has_room(const struct flight *f, int64_t positions, struct err *e) {
    int64_t words = force_words(f->l->force, f->q)->n, ctx = engine_options(f->l->force->g).max_ctx;
    if (positions + words <= ctx) return 0;
    return fail(
        e, ERR_LIMIT,
        "no room for an answer: expected %lld positions for the words that end a thought and begin one, found %lld left of "
        "a context of %lld",
        (long long)words, (long long)(ctx - positions), (long long)ctx);
}

/* The session stands behind the last token that stays. */
static int write_answer(struct flight *f, struct err *e) {
    const struct toks *w = force_words(f->l->force, f->q);
    struct live_out *o = f->out;
    int quit = 0;
    TRY(has_room(f, session_len(f->s), e));
    TRY(compare(f, e));
    o->exited = 1, o->reading = reading(f, o->n);
    if (w->n > 1) TRY(session_feed(f->s, w->ids, w->n - 1, NULL, e));
    for (int64_t i = 0; i < w->n; i++) {
        f->ids[o->n++] = w->ids[i];
        quit |= tell(f, w->ids[i], NAN, o->n - 1);
    }
    o->injected = w->n;
    if (quit) return 0;
    int32_t letter = own_letter(f);
    if (letter >= 0) {
        f->ids[o->n++] = letter, o->injected++;
        tell(f, letter, NAN, o->n - 1);
        return 0;
    }
    struct generation g = f->gen;
    g.last = w->ids[w->n - 1], g.max_new = f->l->max_answer, g.ids = f->ids + o->n, g.first = o->n, g.n = 0;
    g.on_token = on_answer, g.ctx = f;
    TRY(generate(f->l->force->g, &g, 1, e));
    o->n += g.n, o->answer = g.n;
    return 0;
}

static int piece(struct flight *f, const struct gen_taps *taps, int *again, struct err *e) {
    struct live_out *o = f->out;
    *again = 0, f->stop = STOP_NOT;
    f->gen.ids = f->ids + f->done, f->gen.first = f->done, f->gen.max_new = f->l->max_new - f->done;
    TRY(generate_tapped(f->l->force->g, &f->gen, 1, f->l->watch ? taps : NULL, e));
    if (f->failed) return e && e->code ? e->code : fail(e, ERR_NOMEM, "out of memory for a thought");
    f->done += f->gen.n, o->n = f->done;
    if (f->stop == STOP_NOT) return 0;
    int goes_on = f->gen.stop == GEN_CALLER, leave = f->stop == STOP_EXIT;
    int64_t last = f->done - 1;
    if (f->stop == STOP_LOOK && goes_on) TRY(look(f, &leave, e));
    if (leave) {
        o->n = last;
        o->thought -= f->stop == STOP_LOOK && f->thinking && !f->over;
        return write_answer(f, e);
    }
    f->gen.last = f->ids[last];
    *again = !tell(f, f->ids[last], f->logprob, last) && goes_on;
    return 0;
}

/* A probe's file says what it reads; the model has it. */
static int same_rows(const struct live *l, const struct probe *p, int layer, struct err *e) {
    const struct model_cfg *c = model_cfg(engine_model(l->force->g));
    int64_t width = hidden_width(c, layer < 0 ? TAP_RESID_IN : p->tap);
    if (width == p->width && layer < c->n_layer) return 0;
    return fail(e, ERR_ARG, "the probe reads layer %d of width %lld, the model has %d layers and %s of width %lld", layer,
                (long long)p->width, c->n_layer, tap_name(p->tap), (long long)width);
}

int live_run(struct live *l, const struct live_policy *p, struct session *s, int32_t last, const struct question *q,
             uint64_t stream, struct live_out *out, struct err *e) {
    struct flight f = {.l = l, .p = p, .s = s, .q = q, .out = out, .last_class = -1, .e = e};
    const struct probe *pr = l->watch ? l->watch->p : NULL;
    int layer = pr ? pr->layer[l->watch->fit - pr->fit] : 0, again = 1, rc = 0;
    const struct gen_taps taps = {pr ? 1u << (layer < 0 ? TAP_RESID_IN : pr->tap) : 0, layer < 0 ? 0 : layer,
                                  layer < 0 ? 0 : layer, on_row, &f};
    double t0 = clock_s();
    *out = (struct live_out){.class = -1, .forced_class = -1, .p = NAN, .forced_p = NAN};
    if (p->rule == LIVE_PROBE && !l->watch) return fail(e, ERR_ARG, "exit by probe: expected a probe");
    if (pr) TRY(same_rows(l, pr, layer, e));
    if (p->rule != LIVE_NEVER) TRY(has_room(&f, session_len(s) + 1, e));
    f.ids = malloc((size_t)(l->max_new + l->max_answer + force_words(l->force, q)->n + 1) * sizeof *f.ids);
    if (!f.ids) return fail(e, ERR_NOMEM, "out of memory for %lld tokens", (long long)l->max_new);
    f.gen = (struct generation){.s = s,
                                .last = last,
                                .sampling = l->sampling,
                                .seed = l->seed,
                                .stream = stream,
                                .ends = l->force->ends,
                                .n_ends = l->force->n_ends,
                                .on_token = on_token,
                                .ctx = &f};
    if (l->watch) watch_again(l->watch);
    f.thinking = f.at_step = l->opened || !l->force->words.open;
    while (!rc && again) rc = piece(&f, &taps, &again, e);
    out->seconds = clock_s() - t0, out->ids = f.ids;
    str_free(&f.text), free(f.last_answer);
    if (rc < 0) free(out->ids), out->ids = NULL;
    return rc;
}
