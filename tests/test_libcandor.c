/* The public face: what include/candor promises, on the published stories260K model, and every way in which a stranger may get it wrong.
 * Includes only what a stranger sees. Data: $CANDOR_TEST_DATA, else ../shared/data; where it is absent the tests are skipped and say so. */
#include <candor/candor.h>
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

TestSuite(libcandor, .timeout = HANG_S);

static const char prompt[] = "Once upon a time, there was a little girl named Lily.";

/* ---- helpers ---- */

#define OK(call)                                                            \
    do {                                                                    \
        struct candor_error e = {0};                                        \
        int rc_ = (call);                                                   \
        cr_assert_eq(rc_, 0, "%s: %d %s (%s)", #call, rc_, e.msg, e.where); \
    } while (0)
/* The code, and a word of the sentence or the place. */
#define FAILS(want, word, call)                                                                                         \
    do {                                                                                                                \
        struct candor_error e = {0};                                                                                    \
        int rc_ = (call);                                                                                               \
        cr_expect_eq(rc_, want, "%s: expected %d, found %d (%s)", #call, want, rc_, e.msg);                             \
        cr_expect_eq(e.code, want, "%s: code %d", #call, e.code);                                                       \
        cr_expect(strstr(e.msg, word) || strstr(e.where, word), "%s: \"%s\" is not in \"%s\" (%s)", #call, word, e.msg, \
                  e.where);                                                                                             \
    } while (0)

static const char *model_path(void) {
    static char path[1024];
    const char *dir = getenv("CANDOR_TEST_DATA");
    snprintf(path, sizeof path, "%s/models/stories260K/stories260K-f32.gguf", dir && *dir ? dir : "../shared/data");
    FILE *f = fopen(path, "rb");
    if (!f) cr_skip_test("no test data at %s (set CANDOR_TEST_DATA)", path);
    fclose(f);
    return path;
}

static struct candor_engine *open_with(struct candor_options o) {
    struct candor_engine *g = NULL;
    if (!o.threads) o.threads = 1;
    OK(candor_open(&g, model_path(), &o, &e));
    return g;
}

static int32_t *ids_of(const struct candor_engine *g, const char *text, int64_t *n) {
    int32_t *ids = NULL;
    OK(candor_tokenize(g, text, strlen(text), 0, &ids, n, &e));
    return ids;
}

static struct candor_session *session_of(struct candor_engine *g) {
    struct candor_session *s = NULL;
    OK(candor_session_new(&s, g, &e));
    return s;
}

static float *floats(int64_t n) {
    float *x = calloc((size_t)n, sizeof *x);
    cr_assert(x != NULL);
    return x;
}

/* ---- opening ---- */

Test(libcandor, version) { cr_assert_str_eq(candor_version(), "0.1.0"); }

Test(libcandor, a_missing_file_is_an_error_with_its_name) {
    struct candor_engine *g = (struct candor_engine *)&g, *was = g;
    FAILS(CANDOR_ERR_IO, "no_such_file.gguf", candor_open(&g, "no_such_file.gguf", NULL, &e));
    cr_assert(g == was, "an output was written on failure");
    cr_assert_eq(candor_open(&g, "no_such_file.gguf", NULL, NULL), CANDOR_ERR_IO); /* NULL for the error is allowed */
    candor_close(NULL), candor_session_free(NULL), candor_free(NULL);
}

Test(libcandor, bad_options_are_refused) {
    struct candor_engine *g = NULL;
    const char *path = model_path();
    FAILS(CANDOR_ERR_ARG, "threads", candor_open(&g, path, &(struct candor_options){.threads = -1}, &e));
    FAILS(CANDOR_ERR_ARG, "engine", candor_open(&g, path, &(struct candor_options){.threads = 1, .max_rows = -1}, &e));
    struct candor_error e = {0};
    cr_expect_lt(candor_open(&g, path, &(struct candor_options){.threads = 1, .reward = 1}, &e), 0,
                 "a language model passed for a reward model");
}

Test(libcandor, dims_of_stories260K) {
    struct candor_engine *g = open_with((struct candor_options){.max_ctx = 100});
    struct candor_dims d = candor_dims(g);
    cr_expect_str_eq(d.family, "llama");
    cr_expect_eq(d.n_layer, 5);
    cr_expect_eq(d.n_head, 8);
    cr_expect_eq(d.n_kv, 4);
    cr_expect_eq(d.head_dim, 8);
    cr_expect_eq(d.n_embd, 64);
    cr_expect_eq(d.n_vocab, 512);
    cr_expect_eq(d.n_out, 512);
    cr_expect_eq(d.is_reward, 0);
    cr_expect_eq(d.max_ctx, 100);
    cr_expect_eq(d.bos, 1);
    cr_expect_eq(d.eos, 2);
    cr_expect(candor_is_end(g, 2) && !candor_is_end(g, 403));
    candor_close(g);
}

/* ---- text ---- */

Test(libcandor, text_there_and_back) {
    struct candor_engine *g = open_with((struct candor_options){0});
    int64_t n, m;
    int32_t *ids = ids_of(g, prompt, &n), *plain = NULL;
    cr_assert_eq(n, 16);
    cr_assert_eq(ids[0], 1);
    cr_assert_eq(ids[1], 403);
    OK(candor_tokenize(g, prompt, strlen(prompt), CANDOR_PLAIN, &plain, &m, &e));
    cr_assert_eq(m, n - 1);
    cr_assert_arr_eq(plain, ids + 1, (size_t)m * sizeof *ids);
    char *text = NULL;
    size_t len;
    OK(candor_detokenize(g, plain, m, &text, &len, &e));
    cr_assert_str_eq(text, prompt);
    cr_assert_eq(len, strlen(prompt));
    const char *piece;
    OK(candor_piece(g, plain[m - 1], &piece, &len, &e));
    cr_assert(len == 1 && *piece == '.');
    FAILS(CANDOR_ERR_RANGE, "512", candor_detokenize(g, (int32_t[]){5, 512}, 2, &text, NULL, &e));
    FAILS(CANDOR_ERR_RANGE, "-1", candor_piece(g, -1, &piece, &len, &e));
    candor_free(ids), candor_free(plain), candor_free(text), candor_close(g);
}

/* ---- sessions ---- */

struct rows {
    float *x;
    int64_t n, next, stop_after;
};
static int keep_rows(void *ctx, int64_t row0, int64_t rows, const float *x, int64_t width) {
    struct rows *r = ctx;
    cr_assert_eq(row0, r->next, "rows out of order");
    if (r->x) memcpy(r->x + row0 * width, x, (size_t)(rows * width) * sizeof *x);
    r->next += rows;
    return r->stop_after && r->next >= r->stop_after;
}

Test(libcandor, whole_cut_forked_and_row_by_row_give_the_same_bytes) {
    struct candor_engine *g = open_with((struct candor_options){.max_rows = 5});
    int64_t n, V = candor_dims(g).n_out;
    int32_t *ids = ids_of(g, prompt, &n);
    float *all = floats(n * V), *a = floats(V), *b = floats(V);
    struct candor_session *s = session_of(g), *t = session_of(g), *fork = NULL;
    struct rows r = {.x = all};
    OK(candor_feed_rows(s, ids, n, keep_rows, &r, &e));
    cr_assert_eq(r.next, n);
    cr_assert_eq(candor_session_len(s), n);
    OK(candor_feed(t, ids, 7, NULL, &e));
    OK(candor_session_fork(&fork, t, &e));
    OK(candor_feed(t, ids + 7, n - 7, a, &e));
    for (int64_t i = 7; i < n; i++) {
        OK(candor_feed(fork, ids + i, 1, b, &e));
        cr_assert_arr_eq(b, all + i * V, (size_t)V * sizeof *b, "row %d", (int)i);
    }
    cr_assert_arr_eq(a, b, (size_t)V * sizeof *a);
    candor_session_rewind(t, 7);
    OK(candor_feed(t, ids + 7, 1, a, &e));
    cr_assert_arr_eq(a, all + 7 * V, (size_t)V * sizeof *a);
    candor_session_free(fork), candor_session_free(t), candor_session_free(s);
    free(all), free(a), free(b), candor_free(ids), candor_close(g);
}

Test(libcandor, a_failed_call_leaves_the_session_as_it_was) {
    struct candor_engine *g = open_with((struct candor_options){.max_ctx = 8});
    struct candor_session *s = session_of(g);
    struct rows r = {.stop_after = 1};
    const int32_t good[9] = {1, 403, 407, 261, 378, 432, 383, 286, 261}, bad[2] = {1, 512};
    OK(candor_feed(s, good, 2, NULL, &e));
    FAILS(CANDOR_ERR_RANGE, "512", candor_feed(s, bad, 2, NULL, &e));
    FAILS(CANDOR_ERR_RANGE, "512", candor_feed_rows(s, bad, 2, keep_rows, &r, &e));
    FAILS(CANDOR_ERR_LIMIT, "8", candor_feed(s, good, 9, NULL, &e));
    FAILS(CANDOR_ERR_ARG, "at least one", candor_feed(s, good, 0, NULL, &e));
    FAILS(CANDOR_ERR_ARG, "at least one", candor_feed_rows(s, good, 0, keep_rows, &r, &e));
    FAILS(CANDOR_ERR_CANCELLED, "interrupted", candor_feed_rows(s, good, 4, keep_rows, &r, &e));
    cr_assert_eq(candor_session_len(s), 2);
    candor_session_free(s), candor_close(g);
}

/* ---- generation ---- */

static int stop_at_3(void *ctx, int32_t id, double logprob, int64_t i) {
    int32_t *seen = ctx;
    cr_assert(logprob <= 0 && isfinite(logprob));
    seen[i] = id;
    return i == 2;
}

Test(libcandor, greedy_generation_is_the_published_continuation) {
    struct candor_engine *g = open_with((struct candor_options){0});
    struct candor_session *s = session_of(g);
    int64_t n;
    int32_t *ids = ids_of(g, prompt, &n), out[8], seen[8] = {0};
    static const int32_t golden[6] = {338, 401, 396, 267, 337, 410};
    struct candor_generation x = {.prompt = ids, .n_prompt = n, .max_new = 6, .ids = out};
    OK(candor_generate(s, &x, &e));
    cr_assert(x.n == 6 && x.stop == CANDOR_STOP_MAX && candor_session_len(s) == n + 5);
    cr_assert_arr_eq(out, golden, sizeof golden);
    candor_session_rewind(s, 0);
    x.on_token = stop_at_3, x.ctx = seen;
    OK(candor_generate(s, &x, &e));
    cr_assert(x.n == 3 && x.stop == CANDOR_STOP_CALLER);
    cr_assert_arr_eq(seen, golden, 3 * sizeof *seen);
    candor_session_free(s), candor_free(ids), candor_close(g);
}

Test(libcandor, sampling_is_a_function_of_the_seed) {
    struct candor_engine *g = open_with((struct candor_options){.max_ctx = 24});
    struct candor_session *s = session_of(g);
    int32_t out[3][64], first = 1;
    struct candor_generation x = {.prompt = &first, .n_prompt = 1, .max_new = 64, .sampling = {.temp = 1, .top_p = 0.95}};
    for (int k = 0; k < 3; k++) {
        x.sampling.seed = k == 2, x.ids = out[k];
        candor_session_rewind(s, 0);
        OK(candor_generate(s, &x, &e));
        cr_assert(x.stop == CANDOR_STOP_CTX && x.n == 24, "stop %d after %d", (int)x.stop, (int)x.n);
    }
    cr_expect(!memcmp(out[0], out[1], 24 * sizeof **out));
    cr_expect(memcmp(out[0], out[2], 24 * sizeof **out) != 0);
    candor_session_rewind(s, 0);
    x.sampling.top_p = 2;
    FAILS(CANDOR_ERR_RANGE, "top-p", candor_generate(s, &x, &e));
    x.sampling.top_p = 0, x.prompt = &(int32_t){512};
    FAILS(CANDOR_ERR_RANGE, "512", candor_generate(s, &x, &e));
    x.n_prompt = 0;
    FAILS(CANDOR_ERR_ARG, "prompt", candor_generate(s, &x, &e));
    cr_assert_eq(candor_session_len(s), 0);
    candor_session_free(s), candor_close(g);
}

/* ---- looking inside ---- */

Test(libcandor, taps_have_names_and_help) {
    const char *help = NULL;
    int n = 0, resid = 0;
    for (; candor_tap(n, &help); n++) {
        resid |= !strcmp(candor_tap(n, NULL), "resid_out");
        cr_expect(help && *help);
    }
    cr_assert(n == 14 && resid && !candor_tap(-1, NULL), "%d taps", n);
}

Test(libcandor, a_block_adds_what_its_taps_say) {
    struct candor_engine *g = open_with((struct candor_options){0});
    int64_t n, C = candor_hidden_width(g, "resid_in"), L = candor_dims(g).n_layer;
    int32_t *ids = ids_of(g, prompt, &n);
    float *in = floats(L * n * C), *att = floats(n * C), *ffn = floats(n * C);
    cr_assert_eq(C, 64);
    cr_assert_eq(candor_hidden_width(g, "logits"), 0);
    cr_assert_eq(candor_hidden_width(g, "nose"), 0);
    OK(candor_hidden(g, ids, n, "resid_in", 0, (int)L - 1, in, &e));
    OK(candor_hidden(g, ids, n, "attn_out", 1, 1, att, &e));
    OK(candor_hidden(g, ids, n, "ffn_out", 1, 1, ffn, &e));
    for (int64_t i = 0; i < n * C; i++) {
        double sum = (double)in[n * C + i] + att[i] + ffn[i], next = in[2 * n * C + i];
        cr_assert(fabs(sum - next) < 1e-4 * (1 + fabs(next)), "element %d: %g, expected %g", (int)i, next, sum);
    }
    FAILS(CANDOR_ERR_ARG, "nose", candor_hidden(g, ids, n, "nose", 0, 0, att, &e));
    FAILS(CANDOR_ERR_ARG, "logits", candor_hidden(g, ids, n, "logits", 0, 0, att, &e));
    FAILS(CANDOR_ERR_ARG, "0 to 4", candor_hidden(g, ids, n, "resid_in", 0, 5, att, &e));
    FAILS(CANDOR_ERR_ARG, "0 to 0", candor_hidden(g, ids, n, "final_norm", 1, 1, att, &e));
    FAILS(CANDOR_ERR_ARG, "at least one", candor_hidden(g, ids, 0, "resid_in", 0, 0, att, &e));
    free(in), free(att), free(ffn), candor_free(ids), candor_close(g);
}

/* ---- chat templates ---- */

Test(libcandor, messages_become_text_through_a_template) {
    struct candor_engine *g = open_with((struct candor_options){0});
    static const char request[] = "{\"messages\": [{\"role\": \"user\", \"content\": \"Hi\"}], \"mood\": \"calm\"}";
    struct candor_chat c = {.request = request, .n = sizeof request - 1, .date = "2024-07-04"};
    char *text = NULL;
    size_t len = 0;
    FAILS(CANDOR_ERR_STATE, "tokenizer.chat_template", candor_chat_text(g, &c, &text, &len, &e));
    c.source = "{{ bos_token }}{% for m in messages %}[{{ m.role }}, {{ mood }}, {{ strftime_now('%Y') }}] {{ m.content }}\n{% "
               "endfor %}>";
    OK(candor_chat_text(g, &c, &text, &len, &e));
    cr_expect_str_eq(text, "<s>[user, calm, 2024] Hi\n>");
    cr_expect_eq(len, strlen(text));
    int32_t *ids = NULL;
    int64_t n = 0;
    OK(candor_tokenize(g, text, len, CANDOR_TEMPLATED, &ids, &n, &e));
    int bos = 0;
    for (int64_t i = 0; i < n; i++) bos += ids[i] == candor_dims(g).bos;
    cr_expect_eq(bos, 1, "%d BOS, expected the template's own only", bos);
    c.source = "{{ raise_exception('not with ' + mood) }}";
    FAILS(CANDOR_ERR_ARG, "not with calm", candor_chat_text(g, &c, &text, NULL, &e));
    c.source = "{% include 'x' %}";
    FAILS(CANDOR_ERR_UNSUPPORTED, "include", candor_chat_text(g, &c, &text, NULL, &e));
    c.n = 5;
    FAILS(CANDOR_ERR_FORMAT, "request:1", candor_chat_text(g, &c, &text, NULL, &e));
    candor_free(text), candor_free(ids), candor_close(g);
}

/* ---- gradients ---- */

/* Σ −log p of ids[1 … n) from the rows of logits. */
static double nll_of(const float *z, const int32_t *ids, int64_t n, int64_t V) {
    double nll = 0;
    for (int64_t i = 1; i < n; i++, z += V) {
        double sum = 0;
        for (int64_t v = 0; v < V; v++) sum += exp((double)z[v]);
        nll += log(sum) - z[ids[i]];
    }
    return nll;
}

Test(libcandor, the_value_is_that_of_the_logits_and_the_last_position_moves_nothing) {
    struct candor_engine *g = open_with((struct candor_options){.gradient = 1, .oracle = 1});
    int64_t n, V = candor_dims(g).n_vocab, C = candor_dims(g).n_embd;
    int32_t *ids = ids_of(g, prompt, &n);
    float *z = floats(n * V), *u = floats(n * C), *tail = floats(n * C);
    struct candor_session *s = session_of(g);
    struct candor_gradient_value v, w;
    struct candor_gradient_job job = {.ids = ids, .T = n, .nll = 1};
    OK(candor_feed_rows(s, ids, n, keep_rows, &(struct rows){.x = z}, &e));
    OK(candor_gradient(g, NULL, &job, u, &v, &e));
    double want = nll_of(z, ids, n, V);
    cr_assert(fabs(v.nll - want) < 1e-4 && v.loss == v.nll && v.reward == 0, "%.9g, expected %.9g", v.nll, want);
    double first = 0, last = 0;
    for (int64_t c = 0; c < C; c++) first += fabs(u[c]), last += fabs(u[(n - 1) * C + c]);
    cr_assert(first > 0 && last == 0, "first %g, last %g", first, last);
    job.from = 4; /* what precedes is constant: the gradients of the rest stay, but the targets before them are gone */
    OK(candor_gradient(g, NULL, &job, tail, &w, &e));
    for (int64_t i = 0; i < (n - 4) * C; i++)
        cr_assert(fabs(tail[i] - u[4 * C + i]) < 1e-5 * (1 + fabs(u[4 * C + i])), "element %d", (int)i);
    cr_assert_lt(w.nll, v.nll);
    struct rows r = {0};
    OK(candor_gradient_rows(g, NULL, &job, keep_rows, &r, NULL, &e));
    cr_assert_eq(r.next, n - 4);
    candor_session_free(s), free(z), free(u), free(tail), candor_free(ids), candor_close(g);
}

Test(libcandor, wrong_gradients_are_refused) {
    struct candor_engine *g = open_with((struct candor_options){.gradient = 1, .max_rows = 4}), *plain = NULL;
    OK(candor_open(&plain, model_path(), &(struct candor_options){.share = g}, &e));
    const int32_t ids[6] = {1, 403, 407, 261, 378, 512};
    const unsigned char zero_is_target[4] = {1};
    float u[6 * 64];
#define JOB(...) &(struct candor_gradient_job){.ids = ids, .nll = 1, __VA_ARGS__}
    FAILS(CANDOR_ERR_ARG, "first position", candor_gradient(g, NULL, JOB(.T = 4, .from = 4), u, NULL, &e));
    FAILS(CANDOR_ERR_ARG, "first position", candor_gradient(g, NULL, JOB(.T = 0), u, NULL, &e));
    FAILS(CANDOR_ERR_LIMIT, "at most 4", candor_gradient(g, NULL, JOB(.T = 5), u, NULL, &e));
    FAILS(CANDOR_ERR_RANGE, "512", candor_gradient(g, NULL, JOB(.T = 6, .from = 3), u, NULL, &e));
    FAILS(CANDOR_ERR_ARG, "target 0", candor_gradient(g, NULL, JOB(.T = 4, .targets = zero_is_target), u, NULL, &e));
    FAILS(CANDOR_ERR_STATE, ".gradient", candor_gradient(plain, NULL, JOB(.T = 4), u, NULL, &e));
    FAILS(CANDOR_ERR_ARG, "reward", candor_gradient(g, NULL, JOB(.T = 4, .reward = 1), u, NULL, &e));
    FAILS(CANDOR_ERR_ARG, "reward model", candor_gradient(g, g, JOB(.T = 4), u, NULL, &e));
    FAILS(CANDOR_ERR_ARG, "needs", candor_gradient(NULL, NULL, JOB(.T = 4), u, NULL, &e));
    FAILS(CANDOR_ERR_CANCELLED, "interrupted",
          candor_gradient_rows(g, NULL, JOB(.T = 4), keep_rows, &(struct rows){.stop_after = 1}, NULL, &e));
#undef JOB
    candor_close(plain), candor_close(g);
}
