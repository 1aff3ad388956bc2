/* candor theater collect: a question file through a model, into a store of traces. */
#include "base/hash.h"
#include "cli/theater.h"
#include "probe/choices.h"
#include "run/hidden.h"
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct opt opts[] = {
    OPT_MODEL,
    {"data", 0, "Q", NULL, "questions: JSON lines, MMLU-Redux CSV or GPQA CSV"},
    {"output", 'o', "DIR", NULL, "the folder of the store; an unfinished one of the same settings is gone on with"},
    {"tap", 0, "NAME", "resid_out", "which activation to store (candor hidden --help lists them); with --probe: the probe's"},
    {"layers", 0, "LIST", "all",
     "layers to store: all, or 0,3,5-7; the input of layer 0 is always stored too, as the text-only control; "
     "with --probe: of the probe's layers"},
    {"probe", 0, "PROBE.gguf", NULL, "store what this probe says of the states instead of the states (see below)"},
    {"max-new", 0, "N", "512", "longest answer, tokens"},
    {"temp", 0, "T", "0", "temperature of sampling; 0: greedy"},
    {"top-p", 0, "P", "1", "nucleus of sampling"},
    {"n-questions", 'n', "N", "all", "only the first N questions"},
    {"shuffle", 0, "SEED", NULL, "shuffle the choices of each question by this seed"},
    {"steps", 0, "auto|sentences|blank-lines|N", "auto",
     "where steps end: of shipped reasoners ';' and '.', of others a blank line; or every N tokens"},
    {"no-forced", 0, NULL, NULL, "no forced answers but at the end of thoughts that give none"},
    {"from", 0, "DIR", NULL, "read the traces of this store with the model instead of writing own ones (transfer)"},
    OPT_WORDS,
    OPT_ASK,
    OPT_KV,
    OPT_PRECISION,
    OPT_JSON,
    {0},
};

struct work {
    struct asked_model m;
    struct questions qs;
    struct store *from;
    struct written *written;
    struct probe probe;
    struct collect_opts o;
    struct think_words words;
    json_t *settings;
    struct collected sum;
};

static int read_steps(struct work *x, struct args *a, struct err *e) {
    const char *s = arg_str(a, "steps");
    char *end;
    x->o.steps = strcmp(x->words.open ? x->words.open : "", "<think>") == 0 && tokenizer_find(x->m.o.tok, "<|q|>", 5) >= 0
                     ? STEP_STOP
                     : STEP_BLANK_LINE;
    if (!strcmp(s, "sentences"))
        x->o.steps = STEP_STOP;
    else if (!strcmp(s, "blank-lines"))
        x->o.steps = STEP_BLANK_LINE;
    else if (strcmp(s, "auto") != 0) {
        x->o.every = strtoll(s, &end, 10);
        if (*end || x->o.every < 1 || x->o.every > 1 << 20)
            return usage_error(a, e, "--steps: expected auto, sentences, blank-lines or a number of tokens, found \"%.40s\"", s);
    }
    return 0;
}

static int needs_text_layer(const struct work *x) {
    const struct model_cfg *c = model_cfg(x->m.o.m);
    return x->o.tap != TAP_RESID_IN && hidden_width(c, x->o.tap) == c->n_embd;
}

static int read_tap(struct work *x, struct args *a, struct err *e) {
    int tap = tap_find(arg_str(a, "tap"));
    if (tap < 0) return usage_error(a, e, "--tap: \"%.40s\" is no tap (candor hidden --help lists them)", arg_str(a, "tap"));
    x->o.tap = (enum tap)tap;
    if (!x->o.probe) return 0;
    if (arg_has(a, "tap") && x->o.tap != x->probe.tap)
        return usage_error(a, e, "--tap: the probe reads %s, found %s", tap_name(x->probe.tap), tap_name(x->o.tap));
    x->o.tap = x->probe.tap;
    return 0;
}

static int read_layers(struct work *x, struct args *a, struct err *e) {
    TRY(read_tap(x, a, e));
    int n = model_cfg(x->m.o.m)->n_layer, text = needs_text_layer(x);
    if (x->o.probe) return theater_probe_layers(&x->probe, a, n, x->o.layer, &x->o.n_layers, e);
    x->o.layer[0] = -1;
    if (x->o.tap == TAP_FINAL_NORM) {
        x->o.layer[text] = 0, x->o.n_layers = 1;
    } else if (layer_list(arg_str(a, "layers"), n, x->o.layer + text, &x->o.n_layers, e) < 0)
        return a->wrong = 1, ERR_ARG;
    x->o.n_layers += text;
    return 0;
}

static int open_probe(struct work *x, struct args *a, struct err *e) {
    const struct probe_model pm = theater_model(&x->m);
    if (!arg_has(a, "probe")) return 0;
    TRY(probe_open(&x->probe, arg_str(a, "probe"), e));
    x->o.probe = &x->probe;
    return probe_fits(&x->probe, &pm, arg_str(a, "probe"), e);
}

static int read_opts(struct work *x, struct args *a, struct err *e) {
    int64_t seed = 0;
    x->o.sampling = SAMPLING_DEFAULT, x->o.max_new = 512;
    TRY(arg_i64(a, "max-new", 1, 1 << 20, &x->o.max_new, e));
    TRY(arg_real(a, "temp", 0, 100, &x->o.sampling.temp, e));
    TRY(arg_real(a, "top-p", 1e-9, 1, &x->o.sampling.top_p, e));
    TRY(arg_i64(a, "seed", 0, INT64_MAX, &seed, e));
    x->o.seed = (uint64_t)seed, x->o.forced = !arg_has(a, "no-forced");
    TRY(open_probe(x, a, e));
    TRY(read_layers(x, a, e));
    return read_steps(x, a, e);
}

static int open_data(struct work *x, struct args *a, struct err *e) {
    const char *path;
    int64_t n, seed = 0;
    if (arg_has(a, "from")) return store_open(&x->from, arg_str(a, "from"), e);
    TRY(arg_need(a, "data", &path, e));
    TRY(questions_load(&x->qs, path, e));
    n = (int64_t)x->qs.n;
    TRY(arg_i64(a, "n-questions", 1, n, &n, e));
    TRY(arg_i64(a, "shuffle", 0, INT64_MAX, &seed, e));
    if (arg_has(a, "shuffle")) TRY(questions_shuffle(&x->qs, (uint64_t)seed, e));
    for (size_t i = (size_t)n; i < x->qs.n; i++) question_fini(&x->qs.q[i]);
    x->qs.n = (size_t)n;
    return 0;
}

/* ---- settings: all that the stored facts depend on ---- */

static uint64_t hash_questions(const struct questions *qs, struct err *e) {
    uint64_t h = HASH_START;
    struct str line = {0};
    for (size_t i = 0; i < qs->n; i++) {
        str_clear(&line);
        if (question_json(&qs->q[i], 0, &line, e) >= 0) h = hash_bytes(h, line.s, line.len);
    }
    str_free(&line);
    return hash_mix(h);
}

static json_t *hex(uint64_t h) {
    char s[17];
    snprintf(s, sizeof s, "%016" PRIx64, h);
    return json_string(s);
}

static json_t *word(const char *s) { return s ? json_string(s) : json_null(); }

/* What the traces depend on, and the states of which layers there are. */
static json_t *trace_settings(struct work *x, struct args *a, struct err *e) {
    json_t *s = json_object();
    const struct collect_opts *o = &x->o;
    json_object_set_new(s, "candor_traces", json_integer(1));
    json_object_set_new(s, "model", theater_model_json(&x->m));
    json_object_set_new(s, "tap", json_string(tap_name(o->tap)));
    json_object_set_new(s, "layers",
                        o->probe ? theater_layers_json(x->probe.layer, x->probe.n_layers)
                                 : theater_layers_json(o->layer, o->n_layers));
    json_object_set_new(s, "width", json_integer(hidden_width(model_cfg(x->m.o.m), o->tap)));
    json_object_set_new(s, "choice_width", json_integer(choice_width(x->m.o.m)));
    json_object_set_new(s, "data", x->from ? word(store_setting(x->from, "id")) : hex(hash_questions(&x->qs, e)));
    json_object_set_new(s, "read_from", x->from ? json_string(store_dir(x->from)) : json_null());
    json_object_set_new(s, "max_new", json_integer(o->max_new));
    json_object_set_new(s, "temp", json_real(o->sampling.temp));
    json_object_set_new(s, "top_p", json_real(o->sampling.top_p));
    json_object_set_new(s, "seed", json_integer((json_int_t)o->seed));
    json_object_set_new(s, "shuffle", word(arg_has(a, "shuffle") ? arg_str(a, "shuffle") : NULL));
    json_object_set_new(s, "steps",
                        o->every ? json_integer(o->every) : json_string(o->steps == STEP_STOP ? "sentences" : "blank-lines"));
    json_object_set_new(s, "forced", json_boolean(o->forced));
    json_object_set_new(s, "words",
                        json_pack("{s:o, s:o, s:s, s:s}", "open", word(x->words.open), "close", word(x->words.close), "letter",
                                  x->words.letter, "free", x->words.free));
    json_object_set_new(s, "precision", json_string(arg_str(a, "precision")));
    json_object_set_new(s, "instruction", word(x->m.chat ? arg_str(a, "instruction") : NULL));
    json_object_set_new(s, "system", word(x->m.chat ? arg_str(a, "system") : NULL));
    return s;
}

/* The id says which traces: a store of readings has that of the store of states of its probe's layers, so that a probe knows its own
 * training questions in both. */
static int make_settings(struct work *x, struct args *a, struct err *e) {
    json_t *s = x->settings = trace_settings(x, a, e);
    char *text = json_dumps(s, JSON_COMPACT | JSON_SORT_KEYS);
    if (!text) return fail(e, ERR_NOMEM, "out of memory for the settings");
    json_object_set_new(s, "id", hex(hash_text(text)));
    free(text);
    if (!x->o.probe) return 0;
    json_object_set_new(s, "layers", theater_layers_json(x->o.layer, x->o.n_layers));
    json_object_set_new(s, "choice_width", json_integer(0));
    json_object_set_new(s, "numbers", json_integer(readings_numbers(x->probe.shape)));
    json_object_set_new(s, "probe", readings_settings(&x->probe, arg_str(a, "probe")));
    return 0;
}

/* ---- */

static int print_sum(const struct work *x, const char *dir, struct args *a, struct err *e) {
    const struct collected *c = &x->sum;
    int64_t row = x->o.n_layers *
                  (x->o.probe ? 4 * (int64_t)readings_numbers(x->probe.shape) : 2 * hidden_width(model_cfg(x->m.o.m), x->o.tap));
    if (arg_has(a, "json")) {
        json_t *out = json_object();
        for (int i = TRACE_OK + 1; i < TRACE_OUTS; i++)
            json_object_set_new(out, trace_out_name((enum trace_out)i), json_integer(c->out[i]));
        return print_json(json_pack("{s:s, s:I, s:I, s:I, s:I, s:I, s:o, s:f}", "out", dir, "traces", (json_int_t)c->traces,
                                    "right", (json_int_t)c->right, "forced_answers", (json_int_t)c->forced, "tokens",
                                    (json_int_t)c->tokens, "bytes_per_token", (json_int_t)row, "excluded", out, "seconds",
                                    c->seconds),
                          e);
    }
    printf("%" PRId64 " new traces, %" PRId64 " tokens, %" PRId64 " right", c->traces, c->tokens, c->right);
    if (c->forced) printf("; %" PRId64 " answers were forced at the end of a thought that gave none", c->forced);
    for (int i = TRACE_OK + 1; i < TRACE_OUTS; i++)
        if (c->out[i]) printf("; %" PRId64 " left out (%s)", c->out[i], trace_out_name((enum trace_out)i));
    printf("\nwrote %s: %s of %d layers, %" PRId64 " bytes a token (%.1f s)\n", dir, x->o.probe ? "readings" : "states",
           x->o.n_layers, row, c->seconds);
    return 0;
}

static int collect(struct work *x, struct args *a, struct err *e) {
    const char *dir;
    TRY(arg_need(a, "output", &dir, e));
    TRY(open_data(x, a, e));
    TRY(open_asked(&x->m, a, e));
    TRY(open_asking(&x->m, a, e));
    TRY(theater_words(&x->words, &x->m, a, e));
    TRY(read_opts(x, a, e));
    TRY(open_engine(&x->m.o, &(struct engine_opts){.max_sessions = 64}, e));
    TRY(make_settings(x, a, e));
    const struct asker ask = theater_asker(&x->m);
    if (x->from && !(x->written = collect_from(x->from, &ask))) return fail(e, ERR_NOMEM, "out of memory");
    x->o.written = x->written;
    TRY(collect_run(dir, x->settings, x->m.o.g, x->m.o.tok, &x->words, &ask, &x->qs, &x->o, interrupted, &x->sum, e));
    return print_sum(x, dir, a, e);
}

static int run(struct args *a, struct err *e) {
    struct work *x = calloc(1, sizeof *x);
    if (!x) return fail(e, ERR_NOMEM, "out of memory");
    int rc = collect(x, a, e);
    asked_close(&x->m, 0);
    questions_fini(&x->qs);
    store_free(x->from);
    free(x->written);
    probe_fini(&x->probe);
    json_decref(x->settings);
    free(x);
    return rc;
}

const struct command command_theater_collect = {
    .name = "theater collect",
    .summary = "runs questions through a model and stores its traces with states and forced answers",
    .usage = "-m M --data Q.jsonl [--tap T --layers L | --probe PROBE.gguf] -o DIR",
    .opts = opts,
    .run = run,
    .notes =
        "The folder holds store.json (settings), traces.jsonl (one trace a line) and a NumPy file of float16 states a layer.\n"
        "States are taken from the rows that decoding computes anyway. A stopped run goes on with the same command.\n"
        "A token takes 2 * width bytes a layer. With --probe no states are stored but what the probe says of each: its score and "
        "its value\n"
        "of each class, float32, heads * (1 + classes) numbers: 20 bytes a token and layer for one head and four letters, "
        "however wide\n"
        "the model is. Every prefix can still be read: evaluate and show work with the same probe and give the same bytes; no "
        "other probe\n"
        "can read or be trained from such a store. --layers then names layers that the probe has (default: all).",
};
