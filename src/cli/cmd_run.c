/* candor run: generates text, streaming it as it comes. */
#include "base/progress.h"
#include "cli/chat.h"
#include "cli/run_exit.h"
#include "cli/speak.h"
#include "cli/theater.h"
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
    {"chat", 0, NULL, NULL,
     "through the model's chat template: -p is one user message, -f a JSON file of messages, neither: a conversation"},
    {"system", 0, "TEXT", NULL, "with --chat: the system message"},
    OPT_CHAT,
    OPT_EXIT,
    OPT_WORDS,
    OPT_KV,
    OPT_PRECISION,
    OPT_JSON,
    {0},
};

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

/* After the loop: the last characters, the newline or the JSON object. An interruption is an error, after what is finished is out. */
static int finish(struct args *a, struct speaker *s, const struct generation *g, const struct input *in, const double t[3],
                  struct err *e) {
    TRY(speaker_end(s, e));
    if (arg_has(a, "json"))
        TRY(speaker_json(s, g, in, t[1] - t[0], t[2] - t[1], e));
    else
        TRY(print_bytes("\n", 1, e));
    if (arg_has(a, "verbose"))
        fprintf(stderr, "%lld prompt tokens in %.3f s, %lld new tokens in %.3f s\n", (long long)in->n, t[1] - t[0],
                (long long)g->n, t[2] - t[1]);
    return interrupted() ? fail(e, ERR_CANCELLED, "interrupted after %lld tokens", (long long)g->n) : 0;
}

static int speak(struct args *a, struct opened *o, const struct input *in, struct generation *g, struct err *e) {
    struct speaker s = speaker(a, o->tok);
    double t[3];
    TRY(session_new(&g->s, o->g, e));
    g->on_token = speaker_token, g->ctx = &s;
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
    if (arg_has(a, "exit")) return run_exit(a, o, in, g, e);
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

/* Options that only --chat has. */
static int check_plain(struct args *a, struct err *e) {
    static const char *const chat_only[] = {"system", "template", "name", "tools", "documents", "set", "date"};
    for (size_t i = 0; i < sizeof chat_only / sizeof *chat_only; i++)
        if (arg_has(a, chat_only[i])) return usage_error(a, e, "--%s: expected with --chat only", chat_only[i]);
    return check_input(a, e);
}

static int check_chat(struct args *a, struct err *e) {
    if (arg_has(a, "ids")) return usage_error(a, e, "expected --ids or --chat, found both");
    if (arg_has(a, "prompt") && arg_has(a, "file")) return usage_error(a, e, "expected -p TEXT or -f FILE, found both");
    if (arg_has(a, "system") && arg_has(a, "file"))
        return usage_error(a, e, "expected --system or a file of messages, found both");
    return chat_check(a, e);
}

static int read_args(struct args *a, struct generation *g, struct err *e) {
    int64_t seed = 0;
    TRY(read_sampling(&g->sampling, a, e));
    TRY(arg_i64(a, "n", 0, 1 << 30, &g->max_new, e));
    TRY(arg_i64(a, "seed", 0, INT64_MAX, &seed, e));
    g->seed = (uint64_t)seed;
    for (int i = 0; i < arg_has(a, "stop"); i++)
        if (!*arg_nth(a, "stop", i)) return usage_error(a, e, "--stop: expected some text, found none");
    return arg_has(a, "chat") ? check_chat(a, e) : check_plain(a, e);
}

/* One prompt, one answer. */
static int run_plain(struct args *a, struct opened *o, struct generation *g, struct err *e) {
    struct input in = {0};
    TRY(read_input(&in, o, a, e));
    int rc = arg_has(a, "ids") && arg_has(a, "stop") ? open_tokenizer(o, e) : 0;
    if (!rc) (void)open_tokenizer(o, NULL); /* with --ids text is given if a tokenizer is there */
    if (!rc) rc = generate_text(a, o, &in, g, e);
    free(in.ids);
    return rc;
}

/* One rendered prompt, one answer. */
static int answer(struct args *a, struct opened *o, const struct chat *c, struct generation *g, struct err *e) {
    struct toks t = {0};
    int rc = chat_ids(c, a, o->tok, &t, e);
    if (!rc && !t.n) rc = fail(e, ERR_ARG, "the rendered template has no tokens: expected at least one");
    if (!rc) rc = check_ids(o->m, t.ids, t.n, e);
    if (!rc) rc = generate_text(a, o, &(struct input){t.ids, t.n, 0}, g, e);
    toks_free(&t);
    return rc;
}

static int run_chat(struct args *a, struct opened *o, struct generation *g, struct err *e) {
    struct chat c = {0};
    const char *text = arg_str(a, "prompt"), *system = arg_str(a, "system"), *file = arg_str(a, "file");
    int rc = open_tokenizer(o, e);
    if (!rc) rc = chat_begin(&c, a, o->path, e);
    if (!rc && file) rc = chat_read(&c, a, file, e);
    if (!rc && system) rc = chat_say(&c, "system", system, strlen(system), e);
    if (!rc && text) rc = chat_say(&c, "user", text, strlen(text), e);
    if (!rc) rc = file || text ? answer(a, o, &c, g, e) : converse(a, o, &c, g, e);
    chat_end(&c);
    return rc;
}

static int run(struct args *a, struct err *e) {
    struct opened o = {0};
    struct generation g = {0};
    TRY(read_args(a, &g, e));
    int rc = open_model(&o, a, "model", 0, NULL, e);
    if (!rc) rc = arg_has(a, "chat") ? run_chat(a, &o, &g, e) : run_plain(a, &o, &g, e);
    opened_close(&o, 0);
    return rc;
}

const struct command command_run = {
    "run",
    "generates text",
    "-m M (-p TEXT | -f FILE | --ids LIST | --chat) [-n N] [--temp X] [--top-k N] [--top-p P] "
    "[--min-p P] [--repeat-penalty X] [--stop S] [--json]",
    opts,
    0,
    0,
    run,
    "Samplers in order: repeat penalty, temperature, top-k, top-p, min-p, one uniform draw that "
    "depends on --seed and the step only. -p adds a\n"
    "BOS where the file says so. Without --json the new text is streamed; with it one object: "
    "ids and logprobs (natural logarithm, of the\n"
    "model's own distribution) of the generated tokens only, text, stop (end, length, stop, "
    "context, interrupted), prompt_ids, timings.\n"
    "--chat renders the messages with the model's chat template and adds no further BOS. Without -p "
    "and -f it is a conversation: each line of\n"
    "stdin is a message, /exit ends it, Ctrl-C stops an answer; with --json one object per answer. What "
    "the last turns have in common with the\n"
    "new prompt is not computed again."};
