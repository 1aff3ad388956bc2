/* candor run: generates text, streaming it as it comes. */
#include "base/progress.h"
#include "base/str.h"
#include "cli/open.h"
#include "run/generate.h"
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct opt opts[] = {
    OPT_MODEL,
    OPT_PROMPT,
    OPT_FILE,
    OPT_IDS,
    {"n", 'n', "N", "256", "new tokens at most"},
    {"temp", 0, "X", "0", "temperature; 0: always the most probable token, every other sampler is off"},
    {"top-k", 0, "N", "0", "only the N most probable tokens; 0: off"},
    {"top-p", 0, "P", "1", "only the most probable tokens that hold probability P together; 1: off"},
    {"min-p", 0, "P", "0", "only tokens with at least P times the probability of the most probable one; 0: off"},
    {"repeat-penalty", 0, "X", "1", "divides positive and multiplies negative logits of the last 64 tokens; 1: off"},
    {"stop", 0, "STRING", NULL, "end before this text (may be given several times)"},
    {"ignore-eos", 0, NULL, NULL, "go on after an end token"},
    OPT_KV,
    OPT_PRECISION,
    OPT_JSON,
    {0},
};

/* What on_token needs: the text so far, how much of it is out, and the strings that end it. */
struct speaker {
    struct args *a;
    const struct tokenizer *tok; /* NULL with --ids and no tokenizer beside the model: then ids only */
    struct tok_stream stream;
    struct str text;
    size_t shown;
    int stream_out, stopped, failed;
    struct err e;
};

/* The longest end of text that could still become a stop string. */
static size_t held_back(const struct speaker *s) {
    size_t most = 0;
    const char *stop;
    for (int i = 0; (stop = arg_nth(s->a, "stop", i)); i++)
        for (size_t n = strlen(stop); n-- > most;)
            if (n <= s->text.len && n > most && !memcmp(s->text.s + s->text.len - n, stop, n)) {
                most = n;
                break;
            }
    return most;
}

/* The first place where a stop string stands, looking only where new text can have made one. */
static int find_stop(struct speaker *s) {
    size_t first = s->text.len;
    const char *stop;
    int found = 0;
    for (int i = 0; s->text.s && (stop = arg_nth(s->a, "stop", i)); i++) {
        const char *at = *stop ? strstr(s->text.s + s->shown, stop) : NULL;
        if (at && (size_t)(at - s->text.s) <= first) first = (size_t)(at - s->text.s), found = 1;
    }
    if (found) s->text.len = first, s->text.s[first] = 0;
    return found;
}

static int show(struct speaker *s, size_t upto) {
    if (upto <= s->shown) return 0;
    int rc = s->stream_out ? print_bytes(s->text.s + s->shown, upto - s->shown, &s->e) : 0;
    s->shown = upto;
    return rc;
}

static int on_token(void *ctx, int32_t id, double logprob, int64_t i) {
    struct speaker *s = ctx;
    (void)logprob, (void)i;
    if (interrupted()) return 1;
    if (!s->tok) return 0;
    s->failed = tok_stream_push(&s->stream, s->tok, id, 1, &s->text, &s->e);
    if (s->failed) return 1;
    s->stopped = find_stop(s);
    s->failed = show(s, s->stopped ? s->text.len : s->text.len - held_back(s));
    return s->stopped || s->failed;
}

static int read_sampling(struct sampling *o, struct args *a, struct err *e) {
    int64_t k = 0;
    *o = SAMPLING_DEFAULT;
    TRY(arg_real(a, "temp", 0, 1e6, &o->temp, e));
    TRY(arg_i64(a, "top-k", 0, 1 << 30, &k, e));
    TRY(arg_real(a, "top-p", 1e-9, 1, &o->top_p, e));
    TRY(arg_real(a, "min-p", 0, 1, &o->min_p, e));
    TRY(arg_real(a, "repeat-penalty", 1e-6, 1e6, &o->repeat_penalty, e));
    o->top_k = (int)k;
    return 0;
}

/* Ids that end a generation; -1: out of memory. */
static int end_tokens(const struct tokenizer *t, int32_t **out) {
    int n = 0;
    int64_t V = tokenizer_size(t);
    for (int64_t i = 0; i < V; i++) n += tokenizer_is_end(t, (tok)i) != 0;
    *out = malloc((size_t)(n + 1) * sizeof **out);
    if (!*out) return -1;
    n = 0;
    for (int64_t i = 0; i < V; i++)
        if (tokenizer_is_end(t, (tok)i)) (*out)[n++] = (int32_t)i;
    return n;
}

static const char *stop_name(const struct generation *g, const struct speaker *s) {
    if (interrupted()) return "interrupted";
    if (s->stopped) return "stop";
    return g->stop == GEN_END ? "end" : g->stop == GEN_CTX ? "context" : "length";
}

static json_t *ids_json(const int32_t *ids, int64_t n) {
    json_t *j = json_array();
    for (int64_t i = 0; i < n; i++) json_array_append_new(j, json_integer(ids[i]));
    return j;
}

static int print_result(const struct generation *g, const struct speaker *s, const struct input *in, double prefill_s,
                        double decode_s, struct err *e) {
    json_t *logprobs = json_array();
    for (int64_t i = 0; i < g->n; i++) json_array_append_new(logprobs, json_number(g->logprobs[i]));
    json_t *text = s->tok ? json_stringn(s->text.s ? s->text.s : "", s->text.len) : json_null();
    return print_json(json_pack("{s:o, s:o, s:o, s:s, s:o, s:{s:I, s:f, s:I, s:f, s:o}}", "ids", ids_json(g->ids, g->n),
                                "logprobs", logprobs, "text", text, "stop", stop_name(g, s), "prompt_ids",
                                ids_json(in->ids, in->n), "timings", "prompt_tokens", (json_int_t)in->n, "prefill_seconds",
                                prefill_s, "generated_tokens", (json_int_t)g->n, "decode_seconds", decode_s, "tokens_per_second",
                                json_number(decode_s > 0 ? (double)g->n / decode_s : 0)),
                      e);
}

/* After the loop: the last characters, the newline or the JSON object. An interruption is an error, after what is finished is out. */
static int finish(struct args *a, struct speaker *s, const struct generation *g, const struct input *in, const double t[3],
                  struct err *e) {
    if (s->failed < 0) {
        if (e) *e = s->e;
        return s->failed;
    }
    if (s->tok && !s->stopped) {
        TRY(tok_stream_flush(&s->stream, &s->text));
        if (find_stop(s)) s->stopped = 1;
        if (show(s, s->text.len) < 0) return fail_at(e, ERR_IO, "stdout", -1, "cannot write");
    }
    if (arg_has(a, "json"))
        TRY(print_result(g, s, in, t[1] - t[0], t[2] - t[1], e));
    else
        TRY(print_bytes("\n", 1, e));
    if (arg_has(a, "verbose"))
        fprintf(stderr, "%lld prompt tokens in %.3f s, %lld new tokens in %.3f s\n", (long long)in->n, t[1] - t[0],
                (long long)g->n, t[2] - t[1]);
    return interrupted() ? fail(e, ERR_CANCELLED, "interrupted after %lld tokens", (long long)g->n) : 0;
}

static int speak(struct args *a, struct opened *o, const struct input *in, struct generation *g, struct err *e) {
    struct speaker s = {.a = a, .tok = o->tok, .stream_out = !arg_has(a, "json"), .e = ERR_INIT};
    double t[3];
    TRY(session_new(&g->s, o->g, e));
    g->on_token = on_token, g->ctx = &s;
    t[0] = clock_s();
    int rc = in->n > 1 ? session_feed(g->s, in->ids, in->n - 1, NULL, e) : 0;
    t[1] = clock_s();
    if (!rc) rc = generate(o->g, g, 1, e);
    t[2] = clock_s();
    if (!rc) rc = finish(a, &s, g, in, t, e);
    str_free(&s.text);
    session_free(g->s);
    return rc;
}

static int generate_text(struct args *a, struct opened *o, const struct input *in, struct generation *g, struct err *e) {
    int64_t n_ctx = model_cfg(o->m)->n_ctx, want = in->n - 1 + g->max_new;
    if (n_ctx > 1 << 20) n_ctx = 1 << 20;
    if (in->n > n_ctx)
        return fail(e, ERR_LIMIT, "expected a prompt of at most %lld tokens (the context), found %lld", (long long)n_ctx,
                    (long long)in->n);
    TRY(open_engine(o, &(struct engine_opts){.max_ctx = want < n_ctx ? (want < 1 ? 1 : want) : n_ctx, .max_sessions = 1}, e));
    int32_t *ends = NULL;
    int n_ends = o->tok && !arg_has(a, "ignore-eos") ? end_tokens(o->tok, &ends) : 0;
    g->max_new = g->max_new < n_ctx ? g->max_new : n_ctx;
    g->ids = malloc((size_t)(g->max_new + 1) * sizeof *g->ids);
    g->logprobs = malloc((size_t)(g->max_new + 1) * sizeof *g->logprobs);
    g->last = in->ids[in->n - 1], g->ends = ends, g->n_ends = n_ends;
    int rc = g->ids && g->logprobs && n_ends >= 0 ? speak(a, o, in, g, e) : fail(e, ERR_NOMEM, "out of memory");
    free(g->ids), free(g->logprobs), free(ends);
    return rc;
}

static int read_args(struct args *a, struct generation *g, struct err *e) {
    int64_t seed = 0;
    TRY(read_sampling(&g->sampling, a, e));
    TRY(arg_i64(a, "n", 0, 1 << 30, &g->max_new, e));
    TRY(arg_i64(a, "seed", 0, INT64_MAX, &seed, e));
    g->seed = (uint64_t)seed;
    for (int i = 0; i < arg_has(a, "stop"); i++)
        if (!*arg_nth(a, "stop", i)) return usage_error(a, e, "--stop: expected some text, found none");
    return check_input(a, e);
}

static int run(struct args *a, struct err *e) {
    struct opened o = {0};
    struct input in = {0};
    struct generation g = {0};
    TRY(read_args(a, &g, e));
    int rc = open_model(&o, a, "model", 0, NULL, e);
    if (!rc) rc = read_input(&in, &o, a, e);
    if (!rc && arg_has(a, "ids") && arg_has(a, "stop")) rc = open_tokenizer(&o, e);
    if (!rc) (void)open_tokenizer(&o, NULL); /* with --ids text is given if a tokenizer is there */
    if (!rc) rc = generate_text(a, &o, &in, &g, e);
    free(in.ids);
    opened_close(&o, 0);
    return rc;
}

const struct command command_run = {"run",
                                    "generates text",
                                    "-m M (-p TEXT | -f FILE | --ids LIST) [-n N] [--temp X] [--top-k N] [--top-p P] [--min-p P] "
                                    "[--repeat-penalty X] [--stop S] [--json]",
                                    opts,
                                    0,
                                    0,
                                    run,
                                    "Samplers in order: repeat penalty, temperature, top-k, top-p, min-p, one uniform draw that "
                                    "depends on --seed and the step only. -p adds a\n"
                                    "BOS where the file says so. Without --json the new text is streamed; with it one object: "
                                    "ids and logprobs (natural logarithm, of the\n"
                                    "model's own distribution) of the generated tokens only, text, stop (end, length, stop, "
                                    "context, interrupted), prompt_ids, timings."};
