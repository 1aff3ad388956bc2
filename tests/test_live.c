/* Early exit while the model thinks: what a policy changes and what it must not, the readings on the way, and the account. */
#include "probe/learn.h"
#include "probe/live.h"
#include "reasoner.h"
#include "run/generate.h"

TestSuite(live, .timeout = HANG_S);

enum { QUESTIONS = 4, MAX_NEW = 120, MAX_ANSWER = 24 };

struct flight {
    struct reasoner x;
    struct forcer force;
    struct questions qs;
    struct live l;
    int32_t told[MAX_NEW + MAX_ANSWER + 64];
    int64_t n_told, quit_at; /* −1: never */
    int letter, at_steps;
};

/* Tokens are told once each, in their order, and none that does not stay. */
static int on_token(void *ctx, int32_t id, double logprob, int64_t i) {
    struct flight *f = ctx;
    (void)logprob;
    cr_expect_eq(i, f->n_told, "told %d behind %d others", (int)i, (int)f->n_told);
    f->told[f->n_told++] = id;
    return f->n_told == f->quit_at;
}

static void flight_of(struct flight *f, struct reasoner x) {
    *f = (struct flight){.x = x, .qs = gym_questions(QUESTIONS), .quit_at = -1};
    OK(force_open(&f->force, f->x.g, f->x.tok, &f->x.words, 4, &e));
    f->l = (struct live){.force = &f->force,
                         .steps = STEP_STOP,
                         .sampling = SAMPLING_DEFAULT,
                         .seed = 1,
                         .max_new = MAX_NEW,
                         .max_answer = MAX_ANSWER};
    f->l.on_token = on_token, f->l.ctx = f;
}

static void flight_open(struct flight *f) { flight_of(f, reasoner_open(1, 8, 0)); }

static void flight_close(struct flight *f) { force_close(&f->force), questions_fini(&f->qs), reasoner_close(&f->x); }

static struct session *ask(struct flight *f, int q, int32_t *last) {
    struct toks ids = {0};
    struct session *s;
    OK(reasoner_prompt(&f->x, &f->qs.q[q], &ids, &e));
    OK(session_new(&s, f->x.g, &e));
    OK(session_feed(s, ids.ids, ids.n - 1, NULL, &e));
    *last = ids.ids[ids.n - 1];
    toks_free(&ids);
    return s;
}

static struct live_out run(struct flight *f, int q, enum live_rule rule, double threshold, int64_t count) {
    const struct live_policy p = {
        .rule = rule, .threshold = threshold, .count = count, .letter = f->letter, .at_steps = f->at_steps};
    struct live_out out;
    int32_t last;
    struct session *s = ask(f, q, &last);
    f->n_told = 0;
    OK(live_run(&f->l, &p, s, last, &f->qs.q[q], (uint64_t)q, &out, &e));
    session_free(s);
    cr_expect(out.n == f->n_told && !memcmp(out.ids, f->told, (size_t)out.n * sizeof *out.ids),
              "question %d, %s: what was told is not what stays", q, live_rule_name(rule));
    return out;
}

static int64_t plain(struct flight *f, int q, int32_t *ids) {
    struct generation g = {.max_new = MAX_NEW,
                           .sampling = f->l.sampling,
                           .seed = f->l.seed,
                           .stream = (uint64_t)q,
                           .ends = f->force.ends,
                           .n_ends = f->force.n_ends,
                           .ids = ids};
    g.s = ask(f, q, &g.last);
    OK(generate(f->x.g, &g, 1, &e));
    session_free(g.s);
    return g.n;
}

static int same_ids(const struct live_out *a, const int32_t *ids, int64_t n) {
    return a->n == n && !memcmp(a->ids, ids, (size_t)n * sizeof *ids);
}

static int64_t place_of(const struct flight *f, const int32_t *ids, int64_t n, const char *mark) {
    tok id = tokenizer_find(f->x.tok, mark, strlen(mark));
    for (int64_t i = 0; i < n; i++)
        if (ids[i] == id) return i;
    return -1;
}

/* ---- policies that never exit ---- */

static void check_never(struct flight *f, int q) {
    int32_t ids[MAX_NEW];
    int64_t n = plain(f, q, ids), open = place_of(f, ids, n, "<think>"), close = place_of(f, ids, n, "</think>");
    struct live_out never = run(f, q, LIVE_NEVER, 0, 0);
    cr_expect(same_ids(&never, ids, n) && !never.exited && !never.injected && !never.looks && !never.look_tokens &&
              !never.answer);
    cr_assert(open >= 0, "question %d: the shipped reasoner thinks", q);
    cr_expect_eq(never.thought, (close < 0 ? n : close) - open - 1, "question %d: %d tokens of thought", q, (int)never.thought);
    const struct {
        enum live_rule rule;
        double threshold;
        int64_t count;
    } idle[] = {{LIVE_FORCED, 2, 0}, {LIVE_DEER, 2, 0}, {LIVE_AGREE, 0, 1000}, {LIVE_ENTROPY, -1, 0}, {LIVE_BUDGET, 0, 1000}};
    int64_t looks = 0;
    for (int i = 0; i < 5; i++) {
        struct live_out o = run(f, q, idle[i].rule, idle[i].threshold, idle[i].count);
        const char *name = live_rule_name(idle[i].rule);
        cr_expect(same_ids(&o, ids, n) && !o.exited && o.thought == never.thought, "question %d, %s: looking changed the run", q,
                  name);
        if (idle[i].rule == LIVE_BUDGET) cr_expect_eq(o.looks, 0);
        if (idle[i].rule == LIVE_FORCED) looks = o.looks;
        cr_expect(o.looks <= looks, "question %d, %s: %d looks at %d steps", q, name, (int)o.looks, (int)looks);
        /* a look injects the words; without choices the model writes a trial answer behind them */
        int64_t words = o.looks * force_words(&f->force, &f->qs.q[q])->n, trial = o.look_tokens - words;
        cr_expect(f->qs.q[q].n_choices ? trial == 0 : trial >= o.looks && trial <= o.looks * FORCE_TRIAL);
        free(o.ids);
    }
    cr_expect_gt(looks, 1, "question %d: a step after the first", q);
    free(never.ids);
}

Test(live, a_policy_that_never_exits_changes_nothing) {
    struct flight f;
    NEED_MODEL();
    flight_open(&f);
    for (int q = 0; q < QUESTIONS; q++) check_never(&f, q);
    f.l.sampling.temp = 1; /* the same draws, whether the loop was left or not */
    for (int q = 0; q < QUESTIONS; q++) check_never(&f, q);
    flight_close(&f);
}

/* ---- exits ---- */

/* The beginning is the plain run's, then come the words, then an answer; and nothing else. */
static void check_exit(struct flight *f, int q, const struct live_out *o) {
    int32_t ids[MAX_NEW];
    int64_t n = plain(f, q, ids), marks = place_of(f, ids, n, "<think>") + 1, kept = marks + o->thought;
    const struct toks *w = force_words(&f->force, &f->qs.q[q]);
    cr_assert(o->exited, "question %d", q);
    cr_expect_eq(o->n, kept + o->injected + o->answer, "question %d: %d tokens are %d of thought, %d injected, %d of answer", q,
                 (int)o->n, (int)o->thought, (int)o->injected, (int)o->answer);
    cr_expect_eq(o->reading, o->thought);
    cr_assert(kept <= n && o->injected == w->n && o->answer >= 1);
    cr_expect(!memcmp(o->ids, ids, (size_t)kept * sizeof *ids), "question %d: the thought is the plain run's", q);
    cr_expect(!memcmp(o->ids + kept, w->ids, (size_t)w->n * sizeof *w->ids), "question %d: then the words", q);
    int32_t last;
    struct generation g = {.max_new = MAX_ANSWER,
                           .sampling = f->l.sampling,
                           .seed = f->l.seed,
                           .stream = (uint64_t)q,
                           .first = kept + w->n,
                           .ends = f->force.ends,
                           .n_ends = f->force.n_ends,
                           .ids = ids};
    g.s = ask(f, q, &last);
    OK(session_feed(g.s, &last, 1, NULL, &e));
    OK(session_feed(g.s, o->ids, kept + w->n - 1, NULL, &e));
    g.last = w->ids[w->n - 1];
    OK(generate(f->x.g, &g, 1, &e));
    session_free(g.s);
    cr_expect(g.n == o->answer && !memcmp(ids, o->ids + kept + w->n, (size_t)g.n * sizeof *ids),
              "question %d: then what the model writes there", q);
}

Test(live, a_budget_is_kept_to_the_token) {
    struct flight f;
    NEED_MODEL();
    flight_open(&f);
    f.l.sampling.temp = 1; /* the answer goes on with the draws of its places */
    for (int q = 0; q < QUESTIONS; q++)
        for (int64_t budget = 0; budget <= 8; budget += 4) {
            struct live_out o = run(&f, q, LIVE_BUDGET, 0, budget);
            cr_expect_eq(o.thought, budget, "question %d: %d tokens of %d", q, (int)o.thought, (int)budget);
            cr_expect_eq(o.looks, 0);
            check_exit(&f, q, &o);
            free(o.ids);
        }
    flight_close(&f);
}

/* A model that would end its text just where the budget ends is asked for its answer all the same. */
Test(live, a_budget_comes_before_the_end_of_the_text) {
    struct flight f;
    int ends = 0;
    int32_t ids[MAX_NEW];
    NEED_MODEL();
    flight_of(&f, reasoner_random(1));
    f.l.opened = 1, f.l.sampling.temp = 30;
    for (uint64_t seed = 0; seed < 40 && ends < 3; seed++) {
        f.l.seed = seed;
        int64_t n = plain(&f, 0, ids);
        if (!tokenizer_is_end(f.x.tok, ids[n - 1]) || place_of(&f, ids, n, "</think>") >= 0 ||
            place_of(&f, ids, n, "<think>") >= 0)
            continue;
        struct live_out o = run(&f, 0, LIVE_BUDGET, 0, n - 1), never = run(&f, 0, LIVE_BUDGET, 0, n);
        cr_expect_eq(o.thought, n - 1);
        check_exit(&f, 0, &o);
        cr_expect(!never.exited && same_ids(&never, ids, n));
        free(o.ids), free(never.ids), ends++;
    }
    cr_expect_gt(ends, 0);
    flight_close(&f);
}

Test(live, forced_answers_end_a_thought_when_they_are_sure) {
    struct flight f;
    NEED_MODEL();
    flight_open(&f);
    for (int q = 0; q < QUESTIONS; q++) {
        struct live_out o = run(&f, q, LIVE_FORCED, 0, 0);
        cr_expect(o.looks == 1 && o.thought == 0, "question %d: threshold 0 exits at the first look, not at %d", q, (int)o.looks);
        cr_expect(o.forced_p >= 0 && o.forced_p <= 1 && (o.forced_class >= 0) == (f.qs.q[q].n_choices > 0));
        check_exit(&f, q, &o);
        free(o.ids);
        o = run(&f, q, LIVE_AGREE, 0, 1);
        cr_expect(o.looks == 1 && o.thought == 0, "question %d: one answer agrees with itself", q);
        check_exit(&f, q, &o);
        free(o.ids);
        o = run(&f, q, LIVE_ENTROPY, 1e9, 1);
        cr_expect(o.looks == 2, "question %d: the second look has a variance, %d looks", q, (int)o.looks);
        check_exit(&f, q, &o);
        free(o.ids);
    }
    flight_close(&f);
}

Test(live, answers_that_agree_end_a_thought_at_the_last_of_them) {
    struct flight f;
    int exits = 0;
    NEED_MODEL();
    flight_open(&f);
    for (int q = 0; q < QUESTIONS; q++) {
        struct live_out o = run(&f, q, LIVE_AGREE, 0, 2);
        exits += o.exited;
        cr_expect(!o.exited || o.looks >= 2);
        if (o.exited) check_exit(&f, q, &o);
        free(o.ids);
    }
    cr_expect_gt(exits, 0);
    flight_close(&f);
}

Test(live, who_is_told_may_end_the_run) {
    struct flight f;
    NEED_MODEL();
    flight_open(&f);
    for (f.quit_at = 1; f.quit_at < 30; f.quit_at += 7) {
        struct live_out o = run(&f, 0, LIVE_FORCED, 2, 0);
        cr_expect(o.n == f.quit_at && !o.exited, "%d tokens, not %d", (int)o.n, (int)f.quit_at);
        free(o.ids);
    }
    f.quit_at = 1 + 4 + force_words(&f.force, &f.qs.q[0])->n + 1;
    struct live_out o = run(&f, 0, LIVE_BUDGET, 0, 4);
    cr_expect(o.exited && o.answer == 1, "in the answer too: %d", (int)o.answer);
    free(o.ids);
    f.quit_at = 1 + 4 + 1;
    o = run(&f, 0, LIVE_BUDGET, 0, 4);
    cr_expect(o.exited && o.answer == 0 && o.n == 5 + o.injected, "and at the words: %d", (int)o.answer);
    free(o.ids);
    flight_close(&f);
}

/* ---- a probe reads along ---- */

/* Any weights will do: what counts is that they read the same. */
static struct probe random_probe(const struct reasoner *x, int rank, int layer) {
    const struct model_cfg *c = model_cfg(x->m);
    struct probe p = {
        .model = {"r", "F32", c->n_embd, c->n_layer, c->n_vocab}, .tap = TAP_RESID_OUT, .width = c->n_embd, .n_layers = 1};
    p.shape = (struct scan_shape){POOL_ATTENTION, 2, 4}, p.temperature = (struct temperatures){1.5, 0, 0};
    p.layer = calloc(1, sizeof *p.layer), p.fit = calloc(1, sizeof *p.fit), p.val_accuracy = calloc(1, sizeof *p.val_accuracy);
    p.layer[0] = layer;
    int64_t cand = rank ? choice_width(x->m) : 0, n = fit_size(p.shape, p.width, rank, cand);
    float *w = malloc((size_t)n * sizeof *w);
    struct rng r = RNG(3, (uint64_t)rank);
    for (int64_t k = 0; k < n; k++) w[k] = (float)(0.05 * rng_normal(&r));
    fit_place(&p.fit[0], w, p.shape, p.width, rank, cand);
    return p;
}

struct seen {
    const struct watch *w;
    double p[MAX_NEW + 2][4];
    int64_t n; /* readings so far */
};

/* Every token is told before the next row: so each reading is seen once it has been taken. */
static int see(void *ctx, int32_t id, double logprob, int64_t i) {
    struct seen *s = ctx;
    (void)id, (void)logprob, (void)i;
    if (s->w->n > s->n && watch_read(s->w, s->p[s->w->n - 1]) >= 0) s->n = s->w->n;
    if (s->w->n < s->n) s->n = 0; /* the thought began anew */
    return 0;
}

static void check_readings(struct flight *f, const struct store *st, const struct probe *p, int q) {
    const struct trace *t = store_trace(st, q);
    const struct live_policy never = {.rule = LIVE_NEVER};
    double *want = malloc((size_t)(t->rows * 4) * sizeof *want);
    f16 *cand = malloc((size_t)(QUESTION_MAX_CHOICES * choice_width(f->x.m)) * sizeof *cand);
    struct seen seen = {0};
    struct live_out o;
    struct watch w;
    int32_t last;
    OK(probe_read(p, 0, st, t, want, &e));
    OK(watch_open(&w, p, 0, &e));
    OK(choice_features(f->x.m, f->x.tok, &f->qs.q[q], cand, &e));
    watch_start(&w, f->qs.q[q].kind, cand, f->qs.q[q].n_choices);
    seen.w = &w, f->l.watch = &w, f->l.on_token = see, f->l.ctx = &seen;
    struct session *s = ask(f, q, &last);
    OK(live_run(&f->l, &never, s, last, &f->qs.q[q], (uint64_t)q, &o, &e));
    cr_expect_eq(w.n, t->rows, "question %d: %d readings, not %d", q, (int)w.n, (int)t->rows);
    cr_expect(seen.n == t->rows && !memcmp(seen.p, want, (size_t)(t->rows * 4) * sizeof *want),
              "question %d: live readings are not the stored ones", q);
    cr_expect(o.n == t->n && o.thought == t->close - t->open);
    cr_expect(o.class >= 0 && o.p == want[(t->rows - 1) * 4 + o.class]);
    session_free(s), free(o.ids), watch_close(&w), free(want), free(cand);
    f->l.watch = NULL;
}

static int whole_thought(const struct trace *t) { return !t->out && t->answered == ANSWERED_WRITTEN && t->close < t->n - 1; }

Test(live, readings_are_those_of_the_stored_trace) {
    struct flight f;
    int checked = 0;
    NEED_MODEL();
    flight_open(&f);
    struct collect_opts co = collect_default(&f.x);
    struct store *st = collect_into(&f.x, tmp_path("store"), &f.qs, &co, NULL);
    for (int k = 0; k < 3; k++) {
        struct probe p = random_probe(&f.x, k == 1 ? 4 : 0, k == 2 ? -1 : model_cfg(f.x.m)->n_layer - 1);
        for (int q = 0; q < QUESTIONS; q++) {
            const struct trace *t = store_trace(st, q);
            if (whole_thought(t) && (k != 1 || t->q.n_choices)) check_readings(&f, st, &p, q), checked++;
        }
        probe_fini(&p);
    }
    cr_expect_geq(checked, 5);
    store_free(st), flight_close(&f);
}

/* The first reading that is sure enough ends the thought, and a threshold beyond 1 none. */
static void check_probe_exit(struct flight *f, const struct store *st, const struct probe *p, int q, double threshold) {
    const struct trace *t = store_trace(st, q);
    double *want = malloc((size_t)(t->rows * 4) * sizeof *want);
    struct watch w;
    int64_t first = -1;
    OK(probe_read(p, 0, st, t, want, &e));
    for (int64_t r = 0; first < 0 && r < t->rows; r++)
        for (int k = 0; k < 4; k++)
            if (want[r * 4 + k] >= threshold) first = r;
    OK(watch_open(&w, p, 0, &e));
    f->l.watch = &w;
    struct live_out o = run(f, q, LIVE_PROBE, threshold, 0);
    cr_expect_eq(o.exited, first >= 0, "question %d, threshold %g", q, threshold);
    if (o.exited) {
        cr_expect_eq(o.reading, first, "question %d, threshold %g: at %d, not %d", q, threshold, (int)o.reading, (int)first);
        cr_expect(o.p >= threshold && o.p == want[first * 4 + o.class]);
        check_exit(f, q, &o);
    }
    f->l.watch = NULL;
    watch_close(&w), free(o.ids), free(want);
}

Test(live, a_probe_exits_at_its_first_sure_reading) {
    struct flight f;
    NEED_MODEL();
    flight_open(&f);
    f.l.compare = 1;
    struct collect_opts co = collect_default(&f.x);
    struct store *st = collect_into(&f.x, tmp_path("store"), &f.qs, &co, NULL);
    struct probe p = random_probe(&f.x, 0, model_cfg(f.x.m)->n_layer - 1);
    for (int q = 0; q < QUESTIONS; q++)
        for (double threshold = 0; threshold < 1.2; threshold += 0.1)
            if (whole_thought(store_trace(st, q))) check_probe_exit(&f, st, &p, q, threshold);
    probe_fini(&p), store_free(st), flight_close(&f);
}

/* A probe that is asked at steps leaves where the stored trace has a step and the reading there is sure enough. */
static void check_step_exit(struct flight *f, const struct store *st, const struct probe *p, int q, double threshold) {
    const struct trace *t = store_trace(st, q);
    double *want = malloc((size_t)(t->rows * 4) * sizeof *want);
    struct watch w;
    int64_t first = -1;
    OK(probe_read(p, 0, st, t, want, &e));
    for (int s = 0; first < 0 && s < t->n_steps; s++)
        for (int k = 0; k < 4; k++)
            if (want[t->steps[s].reading * 4 + k] >= threshold) first = t->steps[s].reading;
    OK(watch_open(&w, p, 0, &e));
    f->l.watch = &w;
    struct live_out o = run(f, q, LIVE_PROBE, threshold, 0);
    cr_expect_eq(o.exited, first >= 0, "question %d, threshold %g", q, threshold);
    if (o.exited)
        cr_expect_eq(o.reading, first, "question %d, threshold %g: at %d, not %d", q, threshold, (int)o.reading, (int)first);
    f->l.watch = NULL;
    watch_close(&w), free(o.ids), free(want);
}

Test(live, a_probe_may_be_asked_at_steps_alone) {
    struct flight f;
    NEED_MODEL();
    flight_open(&f);
    f.at_steps = 1;
    struct collect_opts co = collect_default(&f.x);
    struct store *st = collect_into(&f.x, tmp_path("store"), &f.qs, &co, NULL);
    struct probe p = random_probe(&f.x, 0, model_cfg(f.x.m)->n_layer - 1);
    for (int q = 0; q < QUESTIONS; q++)
        for (double threshold = 0; threshold < 1.2; threshold += 0.1)
            if (whole_thought(store_trace(st, q))) check_step_exit(&f, st, &p, q, threshold);
    probe_fini(&p), store_free(st), flight_close(&f);
}

Test(live, cues_are_words_that_begin_a_step) {
    cr_expect(force_cue("Wait", 4) && force_cue("\n\n Waiting", 10) && force_cue(" Alternatively,", 15));
    cr_expect(!force_cue("", 0) && !force_cue("Wai", 3) && !force_cue("So Wait", 7) && !force_cue("Waits", 3) &&
              !force_cue("  ", 2));
}

/* Where the probe's choice is written for the model, nothing else is, unless its classes are no choices. */
static void check_letter(struct flight *f, const struct probe *p, int q) {
    const struct question *qu = &f->qs.q[q];
    const struct toks *w = force_words(&f->force, qu);
    struct watch wa;
    OK(watch_open(&wa, p, 0, &e));
    f->l.watch = &wa;
    struct live_out o = run(f, q, LIVE_PROBE, 0, 0);
    int own = o.class < qu->n_choices && p->target != TARGET_RIGHT;
    cr_assert(o.exited && o.class >= 0);
    cr_expect_eq(o.injected, w->n + own, "question %d of %d choices, class %d", q, qu->n_choices, o.class);
    cr_expect_eq(o.answer > 0, !own);
    if (own) cr_expect_eq(o.ids[o.n - 1], force_letter(&f->force, o.class));
    if (!own) check_exit(f, q, &o);
    f->l.watch = NULL;
    watch_close(&wa), free(o.ids);
}

Test(live, a_probes_choice_may_be_written_for_the_model) {
    struct flight f;
    NEED_MODEL();
    flight_open(&f);
    struct probe p = random_probe(&f.x, 0, 0);
    f.letter = 1;
    for (int q = 0; q < QUESTIONS; q++) {
        p.target = TARGET_OWN, check_letter(&f, &p, q);
        p.target = TARGET_RIGHT, check_letter(&f, &p, q);
    }
    struct live_out o = run(&f, 0, LIVE_BUDGET, 0, 2); /* it is the probe's rule alone that knows a choice */
    check_exit(&f, 0, &o);
    free(o.ids), probe_fini(&p), flight_close(&f);
}

Test(live, a_probe_of_other_rows_is_refused) {
    struct flight f;
    NEED_MODEL();
    flight_open(&f);
    struct probe p = random_probe(&f.x, 0, 0);
    const struct live_policy always = {.rule = LIVE_PROBE};
    struct err why = ERR_INIT;
    struct live_out o;
    struct watch w;
    int32_t last;
    struct session *s = ask(&f, 0, &last);
    cr_expect_eq(live_run(&f.l, &always, s, last, &f.qs.q[0], 0, &o, &why), ERR_ARG, "a probe's rule without one");
    OK(watch_open(&w, &p, 0, &e));
    f.l.watch = &w, p.tap = TAP_UP;
    cr_expect_eq(live_run(&f.l, &always, s, last, &f.qs.q[0], 0, &o, &why), ERR_ARG);
    cr_expect(strstr(why.msg, "width"), "%s", why.msg);
    p.tap = TAP_RESID_OUT, p.layer[0] = model_cfg(f.x.m)->n_layer;
    cr_expect_eq(live_run(&f.l, &always, s, last, &f.qs.q[0], 0, &o, &why), ERR_ARG);
    session_free(s), watch_close(&w), probe_fini(&p), flight_close(&f);
}
