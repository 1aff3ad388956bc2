/* Collecting traces: what is stored is what a prefill of the same ids gives, whatever else ran beside it, whether answers were forced or
 * not, and however often the run was stopped; what cannot be used is counted with its reason. */
#include "probe/learn.h"
#include "reasoner.h"
#include <signal.h>
#include <sys/resource.h>

TestSuite(collect, .timeout = HANG_S);

enum { QUESTIONS = 6 };

/* ---- comparing stores ---- */

static void same_file(const char *a, const char *b, const char *name) {
    char *x, *y;
    size_t n, m;
    OK(file_read(&x, &n, in_dir(a, name), 0, &e));
    OK(file_read(&y, &m, in_dir(b, name), 0, &e));
    cr_expect(n == m && !memcmp(x, y, n), "%s differs: %zu and %zu bytes", name, n, m);
    free(x), free(y);
}

static json_t *facts(const struct trace *t, int steps) {
    json_t *j = trace_json(t);
    json_object_del(j, "measured");
    if (!steps) json_object_del(j, "steps");
    return j;
}

/* All but measured seconds; without steps, all but what was forced on the way too. */
static void same_store(const struct store *a, const struct store *b, int steps) {
    static const char *const files[] = {"embeddings.npy", "resid_out.L00.npy", "choices.npy", "store.json"};
    cr_assert_eq(store_n(a), store_n(b));
    for (int64_t i = 0; i < store_n(a); i++) {
        json_t *x = facts(store_trace(a, i), steps), *y = facts(store_trace(b, i), steps);
        char *s = json_dumps(x, JSON_COMPACT), *t = json_dumps(y, JSON_COMPACT);
        cr_expect(json_equal(x, y), "trace %d:\n%s\n%s", (int)i, s, t);
        free(s), free(t), json_decref(x), json_decref(y);
    }
    for (int i = 0; i < 4; i++) same_file(store_dir(a), store_dir(b), files[i]);
    for (int i = 0; i < store_n_layers(a); i++) {
        int64_t rows = 0;
        for (int64_t k = 0; k < store_n(a); k++) rows += store_trace(a, k)->rows;
        cr_expect(!memcmp(store_states(a, i), store_states(b, i), (size_t)(rows * store_width(a)) * 2), "layer %d",
                  store_layer(a, i));
    }
}

/* ---- states ---- */

static struct toks whole_ids(struct reasoner *x, const struct trace *t, int64_t n) {
    struct toks ids = {0};
    OK(reasoner_prompt(x, &t->q, &ids, &e));
    cr_assert_eq(ids.n, t->prompt);
    for (int64_t i = 0; i < n; i++) OK(toks_push(&ids, t->ids[i], &e));
    return ids;
}

static void check_layer(struct reasoner *x, const struct store *s, const struct trace *t, int at) {
    int64_t W = store_width(s), first = t->prompt - 1 + t->open;
    struct toks ids = whole_ids(x, t, t->close);
    float *h = malloc((size_t)(ids.n * W) * sizeof *h);
    f16 *want = malloc((size_t)(t->rows * W) * sizeof *want);
    int layer = store_layer(s, at);
    OK(hidden_capture(x->g, ids.ids, ids.n, layer < 0 ? TAP_RESID_IN : TAP_RESID_OUT, layer < 0 ? 0 : layer,
                      layer < 0 ? 0 : layer, h, &e));
    fmt_find(FMT_F16)->from_f32(want, h + first * W, t->rows * W);
    cr_expect_eq(first + t->rows, ids.n);
    cr_expect(!memcmp(want, store_states(s, at) + t->row0 * W, (size_t)(t->rows * W) * 2), "question %s, layer %d", t->q.id,
              layer);
    free(h), free(want), toks_free(&ids);
}

static void check_store(struct reasoner *x, const struct store *s) {
    int64_t used = 0;
    for (int64_t i = 0; i < store_n(s); i++) {
        const struct trace *t = store_trace(s, i);
        if (t->out) continue;
        used++;
        for (int k = 0; k < store_n_layers(s); k++) check_layer(x, s, t, k);
    }
    cr_expect_gt(used, store_n(s) / 2);
}

Test(collect, stores_the_states_of_a_prefill_whatever_ran_beside_it) {
    static const int threads[] = {1, 3, 1}, sessions[] = {1, 64, 4};
    struct questions qs = gym_questions(QUESTIONS);
    struct store *s[3];
    char dir[3][64];
    NEED_MODEL();
    for (int i = 0; i < 3; i++) {
        struct reasoner x = reasoner_open(threads[i], sessions[i], 0);
        struct collect_opts o = collect_default(&x);
        o.sampling.temp = 1; /* each question draws from its own stream */
        snprintf(dir[i], sizeof dir[i], "%s", tmp_path((const char *[]){"one", "many", "four"}[i]));
        s[i] = collect_into(&x, dir[i], &qs, &o, NULL);
        check_store(&x, s[i]);
        if (i) same_store(s[0], s[i], 1);
        reasoner_close(&x);
    }
    for (int i = 0; i < 3; i++) store_free(s[i]);
    questions_fini(&qs);
}

Test(collect, anothers_traces_give_the_same_states) {
    struct questions qs = gym_questions(QUESTIONS);
    NEED_MODEL();
    struct reasoner x = reasoner_open(1, 4, 0);
    struct collect_opts o = collect_default(&x), again = o;
    struct collected sum;
    struct store *own = collect_into(&x, tmp_path("own"), &qs, &o, NULL), *read, *tight;
    struct written *w = collect_from(own, &(struct asker){reasoner_prompt, &x});
    again.written = w;
    read = collect_into(&x, tmp_path("read"), &qs, &again, &sum);
    same_store(own, read, 1);
    cr_expect_eq(sum.traces, QUESTIONS);
    /* in half of the room: a trace that is too long is left out, not cut */
    again.max_new = store_trace(own, 0)->close - 1;
    tight = collect_into(&x, tmp_path("tight"), &qs, &again, &sum);
    cr_expect_geq(sum.out[OUT_NO_ROOM], 1);
    cr_expect_eq(store_trace(tight, 0)->out, OUT_NO_ROOM);
    for (int64_t i = 0; i < store_n(tight); i++)
        cr_expect_eq(store_trace(tight, i)->out == OUT_NO_ROOM, store_trace(own, i)->close > again.max_new);
    free(w), store_free(own), store_free(read), store_free(tight), reasoner_close(&x), questions_fini(&qs);
}

/* ---- what a probe says, instead of states ---- */

static struct probe learnt(const struct store *s, int rank, const char *name) {
    struct learn_opts o = LEARN_DEFAULT;
    struct learned sum;
    struct probe made, p;
    o.fit.rank = rank, o.fit.epochs = 2, o.fit.batch = 8, o.by_token = 0;
    OK(learn(&made, s, &o, NULL, &sum, &e));
    OK(probe_save(&made, tmp_path(name), &e));
    OK(probe_open(&p, tmp_path(name), &e));
    probe_fini(&made);
    return p;
}

/* All readings of all its layers, and everything that no state is needed for. */
static void same_readings(const struct probe *p, const struct store *states, const struct store *words) {
    cr_assert_eq(store_n(states), store_n(words));
    int64_t used = 0;
    for (int64_t i = 0; i < store_n(states); i++) {
        const struct trace *t = store_trace(states, i), *u = store_trace(words, i);
        size_t n = (size_t)(t->rows * p->shape.classes);
        double *a = calloc(n + 1, sizeof *a), *b = calloc(n + 1, sizeof *b);
        json_t *x = facts(t, 1), *y = facts(u, 1);
        json_object_del(x, "choice0"), json_object_del(y, "choice0");
        cr_expect(json_equal(x, y), "trace %d", (int)i);
        for (int k = 0; k < p->n_layers && t->rows && t->q.n_choices; k++, used++) {
            OK(probe_read(p, k, states, t, a, &e));
            OK(probe_read(p, k, words, u, b, &e));
            cr_assert(!memcmp(a, b, n * sizeof *a), "trace %d, layer %d", (int)i, p->layer[k]);
        }
        free(a), free(b), json_decref(x), json_decref(y);
    }
    cr_expect_gt(used, store_n(states));
}

static void refuses(const char *says, int rc, const struct err *why) {
    cr_expect_eq(rc, ERR_STATE, "%d %s", rc, why->msg);
    cr_expect(strstr(why->msg, says), "expected \"%s\": %s", says, why->msg);
}

/* In the store of p's words: another probe, a layer that is not there, training. */
static void only_its_own(const struct probe *p, const struct probe *other, const struct store *words, int absent) {
    struct err why = ERR_INIT;
    struct learn_opts o = LEARN_DEFAULT;
    struct learned sum;
    struct probe q;
    const struct trace *t = store_trace(words, 0);
    double *z = calloc((size_t)(t->rows * p->shape.classes), sizeof *z);
    cr_assert(t->rows && t->q.n_choices);
    refuses("what this probe", probe_read(other, other->best, words, t, z, &why), &why);
    why = (struct err)ERR_INIT;
    refuses("is not stored", probe_read(p, absent, words, t, z, &why), &why);
    why = (struct err)ERR_INIT;
    refuses("expected states to train on", learn(&q, words, &o, NULL, &sum, &why), &why);
    free(z);
}

Test(collect, what_a_probe_says_is_stored_as_it_would_read_the_states) {
    struct questions qs = gym_questions(60);
    NEED_MODEL();
    struct reasoner x = reasoner_open(1, 64, 0), y = reasoner_open(3, 5, 0);
    struct collect_opts o = collect_default(&x), few = o;
    o.max_new = few.max_new = 60;
    struct store *states = collect_into(&x, tmp_path("states"), &qs, &o, NULL), *words, *read, *one;
    struct probe p = learnt(states, 4, "p.gguf"), other = learnt(states, 0, "other.gguf");
    o.probe = &p;
    words = collect_into(&y, tmp_path("words"), &qs, &o, NULL);
    same_readings(&p, states, words);
    cr_expect_eq(store_numbers(words), 5);
    cr_expect(!store_states(words, 0) && !store_readings(states, 0) && !store_choice_width(words));
    struct written *w = collect_from(states, &(struct asker){reasoner_prompt, &x});
    o.written = w;
    read = collect_into(&x, tmp_path("read"), &qs, &o, NULL);
    same_readings(&p, states, read);
    same_file(store_dir(words), store_dir(read), "readings.L00.npy");
    /* one of its layers alone */
    few.probe = &p, few.n_layers = 1, few.layer[0] = o.layer[1];
    one = collect_into(&x, tmp_path("one"), &qs, &few, NULL);
    same_file(store_dir(words), store_dir(one), "readings.L00.npy");
    only_its_own(&p, &other, one, 0);
    free(w), store_free(states), store_free(words), store_free(read), store_free(one), probe_fini(&p), probe_fini(&other);
    reasoner_close(&x), reasoner_close(&y), questions_fini(&qs);
}

Test(collect, a_layer_that_a_probe_has_not_is_refused) {
    struct questions qs = gym_questions(40);
    struct collected sum;
    struct err why = ERR_INIT;
    NEED_MODEL();
    struct reasoner x = reasoner_open(1, 64, 0);
    struct collect_opts o = collect_default(&x);
    o.max_new = 30;
    struct store *s = collect_into(&x, tmp_path("states"), &qs, &o, NULL);
    struct probe p = learnt(s, 0, "p.gguf");
    o.probe = &p, o.layer[1] = 1; /* it has the first and the last */
    cr_expect_eq(try_collect(&x, tmp_path("words"), &qs, &o, NULL, &sum, &why), ERR_ARG);
    cr_expect(strstr(why.msg, "layer 1 of resid_out"), "%s", why.msg);
    store_free(s), probe_fini(&p), reasoner_close(&x), questions_fini(&qs);
}

/* ---- memory ---- */

Test(collect, keys_and_values_do_not_grow_with_traces) {
    struct questions few = gym_questions(4), many = gym_questions(24);
    NEED_MODEL();
    struct reasoner x = reasoner_open(1, 2, 0);
    struct collect_opts o = collect_default(&x);
    o.max_new = 30;
    store_free(collect_into(&x, tmp_path("few"), &few, &o, NULL));
    int64_t pages = engine_pages(x.g);
    cr_expect_gt(pages, 0);
    store_free(collect_into(&x, tmp_path("many"), &many, &o, NULL));
    cr_expect_leq(engine_pages(x.g), 2 * pages, "%d pages for 4 traces, %d for 24", (int)pages, (int)engine_pages(x.g));
    cr_expect_eq(engine_pages_in_use(x.g), 0);
    reasoner_close(&x), questions_fini(&few), questions_fini(&many);
}

/* ---- forced answers ---- */

Test(collect, forcing_answers_changes_no_trace) {
    struct questions qs = gym_questions(QUESTIONS);
    NEED_MODEL();
    struct reasoner x = reasoner_open(1, 4, 0);
    struct collect_opts o = collect_default(&x);
    o.max_new = 40; /* so that some have to be asked at the end */
    struct store *with = collect_into(&x, tmp_path("with"), &qs, &o, NULL), *without;
    o.forced = 0;
    without = collect_into(&x, tmp_path("without"), &qs, &o, NULL);
    same_store(with, without, 0);
    int64_t forced = 0, left = 0, asked = 0;
    for (int64_t i = 0; i < QUESTIONS; i++) {
        asked += store_trace(without, i)->answered == ANSWERED_FORCED;
        for (int k = 0; k < store_trace(with, i)->n_steps; k++)
            forced += isfinite(store_trace(with, i)->steps[k].forced.entropy),
                left += isfinite(store_trace(without, i)->steps[k].forced.entropy);
    }
    cr_expect(asked > 0 && left == asked && forced > left, "%d forced answers, without forcing %d of %d", (int)forced, (int)left,
              (int)asked);
    store_free(with), store_free(without), reasoner_close(&x), questions_fini(&qs);
}

/* At a third and at the end of a trace: the logits of a fresh session. */
static void check_force(struct reasoner *x, struct forcer *f, const struct trace *t) {
    struct toks ids = whole_ids(x, t, t->n - 1);
    const struct toks *w = force_words(f, &t->q);
    int64_t V = model_n_out(x->m), len[2] = {t->prompt + t->n / 3, ids.n};
    struct forced out[2];
    struct session *s, *fresh;
    float *logits = malloc((size_t)V * sizeof *logits);
    OK(session_new(&s, x->g, &e));
    OK(session_feed(s, ids.ids, ids.n, NULL, &e));
    OK(force_at(f, s, len, 2, &t->q, out, &e));
    cr_expect_eq(session_len(s), ids.n);
    cr_expect(!memcmp(session_ids(s), ids.ids, (size_t)ids.n * sizeof *ids.ids), "the trace's own ids stay");
    for (int i = 0; i < 2; i++) {
        OK(session_new(&fresh, x->g, &e));
        OK(session_feed(fresh, ids.ids, len[i], NULL, &e));
        OK(session_feed(fresh, w->ids, w->n, logits, &e));
        cr_expect(!memcmp(logits, f->logits + i * V, (size_t)V * sizeof *logits), "question %s, place %d", t->q.id, i);
        session_free(fresh), free(out[i].logp), free(out[i].answer);
    }
    session_free(s), free(logits), toks_free(&ids);
}

Test(collect, a_forced_answer_is_that_of_a_fresh_session) {
    struct questions qs = gym_questions(QUESTIONS);
    NEED_MODEL();
    struct reasoner x = reasoner_open(1, 4, 0);
    struct collect_opts o = collect_default(&x);
    struct forcer f;
    struct store *s = collect_into(&x, tmp_path("store"), &qs, &o, NULL);
    OK(force_open(&f, x.g, x.tok, &x.words, 3, &e));
    for (int64_t i = 0; i < store_n(s); i++) check_force(&x, &f, store_trace(s, i));
    force_close(&f), store_free(s), reasoner_close(&x), questions_fini(&qs);
}

/* ---- stopped runs ---- */

static int polls;
static int after_one_batch(void) { return polls++ > 0; }
static int at_once(void) { return 1; }

Test(collect, a_stopped_run_goes_on_to_the_same_bytes) {
    struct questions qs = gym_questions(QUESTIONS);
    struct err why = ERR_INIT;
    struct collected sum;
    NEED_MODEL();
    struct reasoner x = reasoner_open(1, 2, 0);
    struct collect_opts o = collect_default(&x);
    char dir[64];
    snprintf(dir, sizeof dir, "%s", tmp_path("stopped"));
    struct store *whole = collect_into(&x, tmp_path("whole"), &qs, &o, NULL), *s;
    cr_expect_eq(try_collect(&x, dir, &qs, &o, at_once, &sum, &why), ERR_CANCELLED);
    OK(store_open(&s, dir, &e));
    cr_expect_eq(store_n(s), 0, "stopped before its first batch, it is a store of no trace");
    store_free(s);
    for (int64_t done = 0; done < QUESTIONS; done += 2) {
        polls = 0;
        int rc = try_collect(&x, dir, &qs, &o, after_one_batch, &sum, &why);
        cr_expect_eq(rc, done + 2 < QUESTIONS ? ERR_CANCELLED : 0, "%s", why.msg);
        cr_expect_eq(sum.traces, 2);
    }
    OK(store_open(&s, dir, &e));
    same_store(whole, s, 1);
    store_free(whole), store_free(s), reasoner_close(&x), questions_fini(&qs);
}

static void limit(rlim_t bytes) {
    struct rlimit r;
    getrlimit(RLIMIT_FSIZE, &r);
    r.rlim_cur = bytes;
    cr_assert_eq(setrlimit(RLIMIT_FSIZE, &r), 0);
}

Test(collect, a_full_disk_is_an_error_and_leaves_a_store) {
    struct questions qs = gym_questions(QUESTIONS);
    struct collected sum;
    NEED_MODEL();
    struct reasoner x = reasoner_open(1, 2, 0);
    struct collect_opts o = collect_default(&x);
    char dir[64];
    snprintf(dir, sizeof dir, "%s", tmp_path("full"));
    struct store *whole = collect_into(&x, tmp_path("whole"), &qs, &o, NULL), *s;
    const struct trace *third = store_trace(whole, 2);
    rlim_t sizes[] = {2000, 128 + (rlim_t)((third->row0 + third->rows) * store_width(whole)) * 2}, old = RLIM_INFINITY;
    signal(SIGXFSZ, SIG_IGN);
    for (int i = 0; i < 2; i++) {
        struct err why = ERR_INIT;
        limit(sizes[i]);
        int rc = try_collect(&x, dir, &qs, &o, NULL, &sum, &why);
        limit(old);
        cr_expect_eq(rc, ERR_IO, "%d %s", rc, why.msg);
        cr_expect(strstr(why.msg, dir), "the error names the file: %s", why.msg);
        OK(store_open(&s, dir, &e));
        cr_expect_eq(store_n(s), 2 * i);
        store_free(s);
    }
    s = collect_into(&x, dir, &qs, &o, NULL);
    same_store(whole, s, 1);
    store_free(whole), store_free(s), reasoner_close(&x), questions_fini(&qs);
}

/* ---- what cannot be used ---- */

/* The states and counts of a store whose traces were all left out for one reason, or for none. */
static void expect_out(const struct store *s, const struct collected *sum, enum trace_out why) {
    for (int64_t i = 0; i < store_n(s); i++) {
        const struct trace *t = store_trace(s, i);
        cr_expect_eq(t->out, why, "trace %d: %s", (int)i, trace_out_name(t->out));
        cr_expect_eq(t->rows, why ? 0 : t->close - t->open + 1);
    }
    cr_expect_eq(sum->out[why], store_n(s));
}

Test(collect, short_traces_have_their_reasons) {
    struct questions qs = gym_questions(4);
    struct collected sum;
    NEED_MODEL();
    struct reasoner x = reasoner_open(1, 64, 0);
    struct collect_opts o = collect_default(&x);
    struct store *s;
    o.max_new = 1; /* the mark that opens a thought, and nothing behind it */
    s = collect_into(&x, tmp_path("none"), &qs, &o, &sum);
    expect_out(s, &sum, OUT_NO_THOUGHT), store_free(s);
    o.max_new = 3;
    s = collect_into(&x, tmp_path("token"), &qs, &o, &sum);
    expect_out(s, &sum, TRACE_OK);
    for (int64_t i = 0; i < store_n(s); i++) {
        const struct trace *t = store_trace(s, i);
        cr_expect(t->open == 1 && t->close == 2 && t->rows == 2 && t->n_steps == 2, "a thought of one token: %d to %d",
                  (int)t->open, (int)t->close);
        cr_expect_eq(t->answered, ANSWERED_FORCED);
    }
    check_store(&x, s);
    store_free(s), reasoner_close(&x), questions_fini(&qs);
}

Test(collect, a_question_without_room_is_counted) {
    struct questions qs = gym_questions(4);
    struct collected sum;
    NEED_MODEL();
    struct reasoner x = reasoner_open(1, 64, 0);
    struct collect_opts o = collect_default(&x);
    struct str longer = {0};
    for (int i = 0; i < 400; i++) str_printf(&longer, "%d + ", i);
    free(qs.q[1].question);
    qs.q[1].question = longer.s;
    struct store *s = collect_into(&x, tmp_path("store"), &qs, &o, &sum);
    cr_expect(store_trace(s, 1)->out == OUT_NO_ROOM && sum.out[OUT_NO_ROOM] == 1 && store_trace(s, 1)->n == 0);
    cr_expect_eq(sum.traces, 4);
    check_store(&x, s);
    store_free(s), reasoner_close(&x), questions_fini(&qs);
}

Test(collect, a_thought_may_have_less_room_than_it_was_given) {
    struct questions qs = gym_questions(2);
    struct collected sum;
    NEED_MODEL();
    struct reasoner x = reasoner_open(1, 64, 0);
    struct collect_opts o = collect_default(&x);
    struct toks ids = {0};
    OK(reasoner_prompt(&x, &qs.q[0], &ids, &e));
    engine_free(x.g);
    int64_t words = 24 + FORCE_TRIAL; /* more than any words that end a thought */
    OK(engine_new(&x.g, x.m, &(struct engine_opts){.max_ctx = ids.n + words}, &e));
    struct store *s = collect_into(&x, tmp_path("store"), &qs, &o, &sum);
    const struct trace *t = store_trace(s, 0);
    cr_expect(t->out == TRACE_OK && t->n > 4 && t->n < words && t->end == TRACE_MAX, "%d tokens, %s", (int)t->n,
              trace_out_name(t->out));
    check_layer(&x, s, t, 1);
    toks_free(&ids), store_free(s), reasoner_close(&x), questions_fini(&qs);
}

/* The prompt has the empty thought in it: what is written is an answer, and no token of it is thought. */
Test(collect, an_answer_at_once_has_no_thought) {
    struct questions qs = gym_questions(6);
    struct collected sum;
    NEED_MODEL();
    struct reasoner x = reasoner_open(1, 64, 0);
    struct collect_opts o = collect_default(&x);
    for (size_t i = 0; i < qs.n; i++) qs.q[i].at_once = 1;
    struct store *s = collect_into(&x, tmp_path("store"), &qs, &o, &sum);
    int64_t written = 0;
    for (int64_t i = 0; i < store_n(s); i++) {
        const struct trace *t = store_trace(s, i);
        cr_expect(t->open == 0 && t->close == 0 && t->rows == 0, "trace %d: %d to %d", (int)i, (int)t->open, (int)t->close);
        cr_expect(t->out == OUT_NO_THOUGHT || t->out == OUT_NO_ANSWER, "trace %d: %s", (int)i, trace_out_name(t->out));
        written += t->answered == ANSWERED_WRITTEN;
    }
    cr_expect_gt(written, 0);
    cr_expect_eq(sum.out[OUT_NO_THOUGHT] + sum.out[OUT_NO_ANSWER], 6);
    store_free(s), reasoner_close(&x), questions_fini(&qs);
}

Test(collect, an_answer_that_never_comes_is_counted) {
    struct questions qs = gym_questions(6);
    struct collected sum;
    NEED_MODEL();
    struct reasoner x = reasoner_random(1);
    struct collect_opts o = collect_default(&x);
    o.max_new = 20;
    struct store *s = collect_into(&x, tmp_path("store"), &qs, &o, &sum);
    int64_t free_ones = 0;
    for (int64_t i = 0; i < 6; i++) { /* a letter can always be forced, a number cannot */
        const struct trace *t = store_trace(s, i);
        free_ones += !t->q.n_choices;
        cr_expect_eq(t->out, t->q.n_choices ? TRACE_OK : OUT_NO_ANSWER, "trace %d: %s", (int)i, trace_out_name(t->out));
    }
    cr_expect(free_ones && sum.out[OUT_NO_ANSWER] == free_ones && sum.forced == 6 - free_ones);
    store_free(s), reasoner_close(&x), questions_fini(&qs);
}

/* An untrained model writes bytes that no text has: the store must be read back all the same. */
Test(collect, any_bytes_are_read_back) {
    NEED_MODEL();
    struct reasoner x = reasoner_open(1, 1, 0);
    struct forcer f;
    struct trace t = {0};
    int64_t V = tokenizer_ids(x.tok), found = 0;
    OK(force_open(&f, x.g, x.tok, &x.words, 1, &e));
    const struct settler how = {.force = &f};
    t.ids = malloc((size_t)V * sizeof *t.ids);
    for (tok id = 0; id < V; id++) t.ids[t.n++] = id;
    OK(settle_text(&how, &t, &e));
    for (size_t i = 0; i < t.len; i++) found += (unsigned char)t.text[i] >= 0x80;
    cr_expect(found > 100 && strlen(t.text) == t.len && t.ends[V - 1] == t.len, "every byte is there, none ends the text");
    json_t *j = trace_json(&t), *text = json_object_get(j, "text"), *again;
    char *s = json_dumps(text, JSON_ENCODE_ANY);
    cr_assert((again = json_loads(s, JSON_DECODE_ANY, NULL)) && json_string_length(again) == t.len);
    free(s), json_decref(j), json_decref(again), trace_fini(&t), force_close(&f), reasoner_close(&x);
}

static void check_not_finite(double scale, const char *name) {
    struct questions qs = gym_questions(4);
    struct collected sum;
    struct reasoner x = reasoner_random(scale);
    struct collect_opts o = collect_default(&x);
    o.max_new = 20;
    for (int i = 1; i < 4; i += 2)
        free(qs.q[i].question), qs.q[i].question = strdup("1 + 1"); /* whichever: no answer, or no states */
    struct store *s = collect_into(&x, tmp_path(name), &qs, &o, &sum);
    for (int64_t i = 0; i < 4; i += 2)
        cr_expect_eq(store_trace(s, i)->out, OUT_NOT_FINITE, "%s: %s", name, trace_out_name(store_trace(s, i)->out));
    for (int64_t i = 0; i < 4; i++) {
        cr_expect_eq(store_trace(s, i)->rows, 0);
        if (isnan(scale)) cr_expect_eq(store_trace(s, i)->answered, ANSWERED_NOT, "logits that are no numbers answer nothing");
    }
    cr_expect_geq(sum.out[OUT_NOT_FINITE], 2);
    store_free(s), reasoner_close(&x), questions_fini(&qs);
}

Test(collect, states_that_are_not_finite_are_counted_and_left_out) {
    NEED_MODEL();
    check_not_finite(1e6, "beyond f16");
    check_not_finite(NAN, "not a number");
}
