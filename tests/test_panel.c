/* From a store and a probe to measures: which traces a panel takes, what it says of them, and the tree of an evaluation. The store is made up:
 * its states name the class more and more clearly along each thought. */
#include "base/rng.h"
#include "probe/evaluate.h"
#include "test_files.h"
#include <math.h>

TestSuite(panel, .timeout = HANG_S);

enum { N = 480, W = 10, CW = 3, LONGEST = 12 };
static const int layers[] = {-1, 2};
static const char *const kinds[] = {"alpha", "beta/one", "beta/two", "free"};

/* ---- the store ---- */

static json_t *settings(const char *id, const char *tap) {
    return json_pack("{s:{s:s, s:s, s:i, s:i, s:i}, s:s, s:[i,i], s:i, s:i, s:s}", "model", "name", "made", "format", "F32",
                     "width", W, "layers", 3, "vocabulary", 500, "tap", tap, "layers", -1, 2, "width", W, "choice_width", CW,
                     "id", id);
}

static struct question make_question(int i, int choices, int truth) {
    char id[32], answer[8];
    char *names[] = {"a cat", "a dog", "a cow", "an owl"};
    struct str line = {0};
    struct questions qs;
    snprintf(id, sizeof id, "q%d", i);
    snprintf(answer, sizeof answer, choices ? "%c" : "%d", choices ? 'A' + truth : truth);
    const struct question q = {.id = id,
                               .question = "Which?",
                               .choices = choices ? names : NULL,
                               .n_choices = choices,
                               .answer = answer,
                               .kind = (char *)(uintptr_t)kinds[i % 4]};
    OK(question_json(&q, 0, &line, &e));
    OK(questions_parse(&qs, line.s, line.len, "made", &e));
    struct question out = qs.q[0];
    free(qs.q), str_free(&line);
    return out;
}

static void add_token(struct trace *t, const char *piece) {
    size_t n = strlen(piece);
    memcpy(t->text + t->len, piece, n + 1);
    t->len += n, t->ids[t->n] = (int32_t)t->n, t->ends[t->n++] = t->len;
}

static void add_step(struct trace *t, int64_t r, struct rng *g) {
    struct forced f = {.token = t->token, .mass = 0.9, .p = 0.3 + 0.05 * (double)r, .entropy = 1.0 / (double)(r + 1)};
    int C = t->q.n_choices;
    if (C) {
        double sum = 0;
        f.logp = malloc((size_t)C * sizeof *f.logp);
        for (int k = 0; k < C; k++) sum += f.logp[k] = 0.2 + rng_uniform(g) + (k == t->label ? 0.3 * (double)r : 0);
        for (int k = 0; k < C; k++) f.logp[k] = log(f.logp[k] / sum);
    } else
        f.answer = strdup(t->answer);
    t->steps[t->n_steps++] = (struct trace_step){r, trace_byte(t, t->open + r) - trace_byte(t, t->open), f};
}

/* Trace i: every twelfth has no answer, every sixteenth another than the right one. */
static struct trace make_trace(int i, int classes, struct rng *g) {
    int choices = i % 4 == 3 ? 0 : i % 4 == 0 ? 4 : 2, most = choices ? choices : classes;
    int label = (int)rng_below(g, (uint64_t)most), truth = i % 16 == 5 ? (label + 1) % most : label;
    struct trace t = {
        .index = i, .q = make_question(i, choices, truth), .prompt = 5, .answered = ANSWERED_WRITTEN, .right = truth == label};
    char answer[8];
    snprintf(answer, sizeof answer, choices ? "%c" : "%d", choices ? 'A' + label : label);
    t.answer = strdup(answer), t.label = choices ? label : -1, t.truth = choices ? truth : -1;
    t.token = choices ? -1 : 100 + label, t.truth_token = choices ? -1 : 100 + truth;
    t.ids = calloc(LONGEST + 4, sizeof *t.ids), t.ends = calloc(LONGEST + 4, sizeof *t.ends), t.text = calloc(1, 400);
    t.steps = calloc(LONGEST + 1, sizeof *t.steps);
    int64_t T = 3 + (int64_t)rng_below(g, LONGEST - 3);
    add_token(&t, "<think>");
    for (int64_t k = 0; k < T; k++) add_token(&t, k == 2 ? "Wait, no." : k > 2 ? "So it is a dog; " : "Hm, is it; ");
    t.open = 1, t.close = t.n;
    add_token(&t, "</think>"), add_token(&t, answer);
    for (int64_t r = 0; r <= T; r += 2) add_step(&t, r, g);
    if (t.steps[t.n_steps - 1].reading < T) add_step(&t, T, g);
    t.rows = T + 1;
    if (i % 12 == 7) t.out = OUT_NO_ANSWER, t.rows = 0, t.label = -1;
    return t;
}

/* Noise, and the class in its own dimension, clearer with each token; the embeddings know nothing. */
static void make_states(const struct trace *t, f16 *x[2], struct rng *g) {
    int class = t->q.n_choices ? t->label : t->token - 100;
    for (int64_t r = 0; r < t->rows; r++)
        for (int k = 0; k < W; k++) {
            double noise = rng_normal(g);
            x[0][r * W + k] = f32_to_f16((float)noise);
            x[1][r * W + k] = f32_to_f16((float)(noise + (k == class ? 0.8 * (double)r : 0)));
        }
}

static struct store *make_store(const char *name, const char *id, const char *tap) {
    struct rng g = RNG(17, 2);
    struct store_writer *w;
    struct store *s;
    json_t *j = settings(id, tap);
    f16 *x[2] = {calloc((LONGEST + 1) * W, sizeof(f16)), calloc((LONGEST + 1) * W, sizeof(f16))}, cand[4 * CW] = {0};
    int64_t done;
    OK(store_create(&w, tmp_path(name), j, &(struct store_rows){tap, layers, 2, W, CW, 0}, &done, &e));
    for (int i = 0; i < N; i++) {
        struct trace t = make_trace(i, 3, &g);
        make_states(&t, x, &g);
        for (int k = 0; k < 4 * CW; k++) cand[k] = f32_to_f16((float)rng_normal(&g));
        OK(store_add(w, &t, (const void *const *)x, cand, &e));
        trace_fini(&t);
    }
    OK(store_flush(w, &e));
    store_writer_free(w), json_decref(j), free(x[0]), free(x[1]);
    OK(store_open(&s, tmp_path(name), &e));
    return s;
}

static struct probe learnt(const struct store *s, enum probe_target target, const char *of, int rank) {
    struct learn_opts o = LEARN_DEFAULT;
    struct learned sum;
    struct probe p;
    o.target = target, o.kinds = of, o.fit.rank = rank, o.fit.epochs = 6, o.fit.batch = 8, o.fit.lr = 0.02;
    OK(learn(&p, s, &o, NULL, &sum, &e));
    return p;
}

/* ---- which traces ---- */

static int of_part(const struct probe *p, const struct trace *t, unsigned parts) {
    return (int)(parts >> probe_part(p->split_seed, t->q.id) & 1);
}

static void check_counts(const struct store *s, const struct probe *p, const char *of, unsigned parts) {
    const struct panel_of what = {.s = s, .p = p, .layer = p->best, .kinds = of, .parts = parts};
    struct panel x;
    size_t used = 0;
    int64_t out = 0, other = 0;
    OK(panel_open(&x, &what, &e));
    for (int64_t i = 0; i < store_n(s); i++) {
        const struct trace *t = store_trace(s, i);
        if (!kind_in(of, t->q.kind) || !of_part(p, t, parts)) continue;
        if (t->out)
            out++;
        else if (p->by_token == (t->q.n_choices > 0))
            other++;
        else
            cr_expect(used < x.n && x.of[used] == t, "trace %d has its place", (int)i);
        used += !t->out && p->by_token != (t->q.n_choices > 0);
    }
    cr_expect(x.n == used && x.excluded[OUT_NO_ANSWER] == out && x.other_form == other && x.no_class == 0,
              "%s, parts %u: %zu traces, not %zu", of ? of : "all", parts, x.n, used);
    panel_close(&x);
}

Test(panel, takes_the_traces_it_was_asked_for) {
    struct store *s = make_store("s", "one", "resid_out");
    struct probe p = learnt(s, TARGET_OWN, NULL, 0);
    cr_expect(!p.by_token && p.shape.classes == 4 && p.layer[p.best] == 2, "letters, read from layer 2");
    for (unsigned parts = 1; parts <= ALL_PARTS; parts++) {
        check_counts(s, &p, NULL, parts), check_counts(s, &p, "alpha", parts), check_counts(s, &p, "beta", parts);
        check_counts(s, &p, "free", parts), check_counts(s, &p, "alpha,free", parts), check_counts(s, &p, "beta/two", parts);
    }
    probe_fini(&p), store_free(s);
}

/* ---- what it says of one ---- */

static void check_trace(const struct store *s, const struct probe *p, const struct reading_trace *r, const struct trace *t) {
    double *want = malloc((size_t)(t->rows * r->classes) * sizeof *want);
    OK(probe_read(p, p->best, s, t, want, &e));
    cr_expect(r->n_tokens == t->close - t->open && r->tail == t->n - r->n_tokens && r->n_steps == t->n_steps &&
              r->right == t->right);
    cr_expect(!memcmp(r->p, want, (size_t)(t->rows * r->classes) * sizeof *want), "trace %d: readings", (int)t->index);
    cr_expect(p->by_token ? p->token[r->label] == t->token : r->label == t->label);
    cr_expect(p->by_token ? r->truth < 0 || p->token[r->truth] == t->truth_token : r->truth == t->truth);
    for (int k = 0; k < t->n_steps; k++) {
        const struct forced *f = &t->steps[k].forced;
        cr_expect_eq(r->step_at[k], t->steps[k].reading);
        cr_expect_eq(r->forced.entropy[k], f->entropy);
        for (int c = 0; f->logp && c < r->classes; c++)
            cr_expect(fabs(r->forced.p[k * r->classes + c] - (c < t->q.n_choices ? exp(f->logp[c]) : 0)) < 1e-8,
                      "trace %d, step %d", (int)t->index, k);
        if (!f->logp)
            cr_expect(fabs(r->forced.p[k * r->classes + r->label] - fmax(f->p, 1.0 / r->classes)) < 1e-8, "trace %d, step %d",
                      (int)t->index, k);
    }
    free(want);
}

static int last_choice(void *ctx, const struct trace *t, int step, int *choice, struct err *e) {
    (void)e, ++*(int *)ctx;
    *choice = step % 3 == 0 ? -1 : step % 3 == 1 ? t->q.n_choices - 1 : 99; /* 99 is no class: N/A */
    return 0;
}

static void check_panel(const struct store *s, const struct probe *p) {
    int asked = 0, steps = 0;
    const struct panel_of what = {.s = s, .p = p, .layer = p->best, .parts = ALL_PARTS, .monitor = last_choice, .ctx = &asked};
    struct panel x;
    OK(panel_open(&x, &what, &e));
    for (size_t i = 0; i < x.n; i++) {
        check_trace(s, p, &x.t[i], x.of[i]);
        for (int k = 0; k < x.of[i]->n_steps; k++)
            cr_expect_eq(x.t[i].monitor.choice[k], k % 3 == 1 ? x.of[i]->q.n_choices - 1 : -1);
        steps += x.of[i]->n_steps;
    }
    cr_expect(x.n && asked == steps, "the monitor is asked once a step: %d, not %d", asked, steps);
    panel_close(&x);
}

Test(panel, says_what_probe_and_store_say) {
    struct store *s = make_store("s", "one", "resid_out");
    struct probe letters = learnt(s, TARGET_OWN, NULL, 2), tokens = learnt(s, TARGET_TRUTH, "free", 2);
    cr_expect(letters.fit[0].rank == 2 && tokens.by_token && tokens.fit[0].rank == 0 && tokens.shape.classes == 3);
    check_panel(s, &letters), check_panel(s, &tokens);
    probe_fini(&letters), probe_fini(&tokens), store_free(s);
}

/* No class is a candidate where the class is "will be right": questions of both forms teach it, whatever the rank. */
Test(panel, whether_it_will_be_right_is_asked_of_every_form) {
    struct store *s = make_store("s", "one", "resid_out");
    struct probe p = learnt(s, TARGET_RIGHT, NULL, 4);
    const struct panel_of what = {.s = s, .p = &p, .layer = p.best, .parts = ALL_PARTS};
    struct panel x;
    cr_expect(p.fit[0].rank == 0 && p.shape.classes == 2);
    OK(panel_open(&x, &what, &e));
    cr_expect_eq(x.n, N - N / 12);
    for (size_t i = 0; i < x.n; i++) cr_expect_eq(x.t[i].label, x.of[i]->right);
    panel_close(&x), probe_fini(&p), store_free(s);
}

static void refused(int rc, int want, const struct err *why, const char *says) {
    cr_expect_eq(rc, want, "%d %s", rc, why->msg);
    cr_expect(strstr(why->msg, says), "\"%s\" not in \"%s\"", says, why->msg);
}

Test(panel, a_probe_of_other_states_is_refused) {
    struct store *s = make_store("s", "one", "resid_out"), *other = make_store("o", "two", "resid_mid");
    struct probe p = learnt(s, TARGET_OWN, NULL, 0);
    struct panel_of what = {.s = other, .p = &p, .layer = p.best, .parts = ALL_PARTS};
    struct err why = ERR_INIT;
    struct panel x;
    json_t *tree;
    const struct evaluate_opts o = {.reps = 10};
    refused(panel_open(&x, &what, &why), ERR_STATE, &why, "expected states of resid_out");
    what.s = s, p.width = W - 1;
    refused(panel_open(&x, &what, &why), ERR_STATE, &why, "width 9");
    p.width = W, p.layer[p.best] = 1;
    refused(panel_open(&x, &what, &why), ERR_STATE, &why, "layer 1 is not stored");
    p.layer[p.best] = 2, p.model.vocab = 501;
    refused(evaluate(&tree, s, &p, &o, &why), ERR_ARG, &why, "vocabulary 501");
    probe_fini(&p), store_free(s), store_free(other);
}

/* ---- the tree ---- */

static void check_estimate(const json_t *f, const char *key) {
    const json_t *x = json_object_get(f, key);
    cr_expect(json_object_get(x, "value") && json_object_get(x, "lo") && json_object_get(x, "hi"), "%s is no estimate", key);
}

static void check_family(const json_t *tree, const char *kind, int64_t traces) {
    static const char *const keys[] = {"kind",         "accuracy",      "thought_tokens", "tokens", "excluded",    "curves",
                                       "at",           "heat",          "performativity", "rates",  "calibration", "agreement",
                                       "inflections",  "timing",        "exit",           "chosen", "probe_at_20", "probe_at_90",
                                       "forced_at_20", "monitor_at_20", "text_at_20",     "ece",    "brier"};
    const json_t *f = json_object_get(json_object_get(tree, "families"), kind);
    cr_assert(f, "no family %s", kind);
    cr_expect_eq(json_integer_value(json_object_get(f, "traces")), traces, "%s: %d traces", kind,
                 (int)json_integer_value(json_object_get(f, "traces")));
    for (size_t i = 0; traces && i < sizeof keys / sizeof *keys; i++)
        cr_expect(json_object_get(f, keys[i]), "%s has no \"%s\"", kind, keys[i]);
    if (!traces) return;
    check_estimate(f, "stability"), check_estimate(json_object_get(f, "calibration"), "ece");
    double early = json_number_value(json_object_get(f, "probe_at_20")),
           late = json_number_value(json_object_get(f, "probe_at_90"));
    cr_expect(late > 0.75 && late > early, "%s: from %g to %g", kind, early, late);
}

/* How many usable traces with choices a family has in these parts. */
static int64_t usable(const struct store *s, const struct probe *p, const char *kind, unsigned parts) {
    int64_t n = 0;
    for (int64_t i = 0; i < store_n(s); i++) {
        const struct trace *t = store_trace(s, i);
        n += !t->out && t->q.n_choices && kind_in(kind, t->q.kind) && of_part(p, t, parts);
    }
    return n;
}

static json_t *check_tree(const struct store *s, const struct probe *p, unsigned parts) {
    static const char *const families[] = {"alpha", "beta", "free"}, *const keys[] = {"model", "store",   "settings",
                                                                                      "probe", "between", "examples"};
    const struct evaluate_opts o = {.reps = 40, .max_loss = 0.01, .seed = 42};
    json_t *tree;
    OK(evaluate(&tree, s, p, &o, &e));
    for (int i = 0; i < 6; i++) cr_expect(json_object_get(tree, keys[i]), "no \"%s\"", keys[i]);
    cr_expect_eq(json_object_size(json_object_get(tree, "families")), 3, "the parts of beta are one family");
    for (int i = 0; i < 3; i++) check_family(tree, families[i], usable(s, p, families[i], parts));
    cr_expect_eq(evaluate_parts(s, p), parts);
    return tree;
}

Test(panel, an_evaluation_takes_the_test_part_of_its_own_store_and_all_of_another) {
    struct store *s = make_store("s", "one", "resid_out"), *other = make_store("o", "two", "resid_out");
    struct probe p = learnt(s, TARGET_OWN, NULL, 0);
    json_t *own = check_tree(s, &p, 1u << FIT_TEST), *again = check_tree(s, &p, 1u << FIT_TEST),
           *all = check_tree(other, &p, ALL_PARTS);
    cr_expect(json_equal(own, again), "the same figures each time");
    cr_expect_str_neq(json_string_value(json_object_get(own, "traces_of")), json_string_value(json_object_get(all, "traces_of")));
    json_decref(own), json_decref(again), json_decref(all);
    probe_fini(&p), store_free(s), store_free(other);
}

/* ---- what an edited store says ---- */

static void edit(const char *dir, const char *old, const char *new) {
    char path[160], *text, *at;
    size_t n;
    snprintf(path, sizeof path, "%s/traces.jsonl", dir);
    OK(file_read(&text, &n, path, 0, &e));
    cr_assert((at = strstr(text, old)), "no %s in %s", old, path);
    struct str out = {0};
    str_add(&out, text, (size_t)(at - text)), str_puts(&out, new), str_puts(&out, at + strlen(old));
    write_bytes(path, out.s, out.len);
    free(text), str_free(&out);
}

static void refuse_store(const char *name, const char *old, const char *new, const char *says) {
    char dir[128];
    struct err why = ERR_INIT;
    struct store *s;
    snprintf(dir, sizeof dir, "%s", tmp_path(name));
    store_free(make_store(name, "one", "resid_out"));
    edit(dir, old, new);
    refused(store_open(&s, dir, &why), ERR_FORMAT, &why, says);
}

Test(panel, a_store_that_was_edited_is_refused_before_it_is_read) {
    char rows[32];
    struct store *s = make_store("s", "one", "resid_out");
    const struct trace *t = store_trace(s, 0);
    snprintf(rows, sizeof rows, "\"rows\":%d", (int)t->rows);
    refuse_store("a", rows, "\"rows\":0", "\"rows\"");
    refuse_store("b", rows, "\"rows\":900", "\"rows\"");
    snprintf(rows, sizeof rows, "\"byte\":%zu", t->steps[t->n_steps - 1].byte);
    refuse_store("c", rows, "\"byte\":200000", "\"byte\"");
    char more[32];
    snprintf(more, sizeof more, "\"byte\":%zu", t->steps[t->n_steps - 1].byte + 1);
    refuse_store("d", rows, more, "\"byte\"");
    store_free(s);
}
