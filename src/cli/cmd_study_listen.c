/* candor study listen: what a local model's states are while the agents of a council speak, as a store for `candor theater`. */
#include "base/hash.h"
#include "cli/theater.h"
#include "probe/choices.h"
#include "run/hidden.h"
#include "study/listen.h"
#include "study/study.h"
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct opt opts[] = {
    OPT_MODEL,
    {"output", 'o', "DIR", NULL, "the folder of the store; an unfinished one of the same settings is gone on with"},
    {"part", 0, "statement|note", "statement", "what is listened to: the public statement, or the private note before it"},
    {"tap", 0, "NAME", "resid_out", "which activation to store (candor hidden --help lists them)"},
    {"layers", 0, "LIST", "all",
     "layers to store: all, or 0,3,5-7; the input of layer 0 is always stored too, as the text-only control"},
    {"template", 0, "FILE", NULL, "a chat template in place of the model's own"},
    OPT_KV,
    OPT_PRECISION,
    OPT_JSON,
    {0},
};

struct work {
    struct asked_model m;
    struct archive *archive;
    struct study *study;
    struct listener *listener;
    struct collect_opts o;
    json_t *settings;
    struct collected sum;
};

static int read_opts(struct work *w, struct args *a, enum listen_part *part, struct err *e) {
    const char *name = arg_str(a, "part");
    int tap = tap_find(arg_str(a, "tap")), n = model_cfg(w->m.o.m)->n_layer;
    if (tap < 0 || tap == TAP_RESID_IN || tap == TAP_FINAL_NORM ||
        hidden_width(model_cfg(w->m.o.m), (enum tap)tap) != model_cfg(w->m.o.m)->n_embd)
        return usage_error(a, e, "--tap: expected one of each layer and of the model's width, found \"%.40s\"",
                           arg_str(a, "tap"));
    *part = !strcmp(name, "note") ? LISTEN_NOTE : LISTEN_STATEMENT;
    if (*part == LISTEN_STATEMENT && strcmp(name, "statement") != 0)
        return usage_error(a, e, "--part: expected statement or note, found \"%.40s\"", name);
    w->o = (struct collect_opts){.tap = (enum tap)tap, .sampling = SAMPLING_DEFAULT, .max_new = 256, .layer = {-1}};
    if (layer_list(arg_str(a, "layers"), n, w->o.layer + 1, &w->o.n_layers, e) < 0) return a->wrong = 1, ERR_ARG;
    w->o.n_layers++;
    return 0;
}

static int open_speaker(struct work *w, struct args *a, struct err *e) {
    const char *file = arg_str(a, "template");
    TRY(open_asked(&w->m, a, e));
    TRY(file ? chat_template_open_with(&w->m.chat, w->m.o.path, file, e) : chat_template_open(&w->m.chat, w->m.o.path, e));
    return open_engine(&w->m.o, &(struct engine_opts){.max_sessions = 64}, e);
}

static void ignore(void *user, const struct archive_finding *f) { (void)user, (void)f; }

/* All that the stored facts depend on: which agent-turns there are is said by the archive's own hash of its facts. */
static int make_settings(struct work *w, struct args *a, struct err *e) {
    struct archive_report r = {0};
    char content[ARCHIVE_ID_HEX], hex[17];
    const struct model_cfg *cfg = model_cfg(w->m.o.m);
    TRY(archive_verify(a->pos[0], &r, ignore, NULL, e));
    if (r.findings || !r.info.sealed)
        return fail_at(e, ERR_STATE, a->pos[0], -1, "expected a sealed archive without damage (candor study verify says more)");
    archive_id_hex(r.content, content);
    json_t *s = w->settings = json_pack(
        "{s:i, s:o, s:s, s:o, s:I, s:I, s:s, s:s, s:s, s:I, s:s}", "candor_traces", 1, "model", theater_model_json(&w->m), "tap",
        tap_name(w->o.tap), "layers", theater_layers_json(w->o.layer, w->o.n_layers), "width",
        (json_int_t)hidden_width(cfg, w->o.tap), "choice_width", (json_int_t)choice_width(w->m.o.m), "data", content, "study",
        w->study->id, "part", arg_str(a, "part"), "max_new", (json_int_t)w->o.max_new, "precision", arg_str(a, "precision"));
    char *text = s ? json_dumps(s, JSON_COMPACT | JSON_SORT_KEYS) : NULL;
    if (!text) return fail(e, ERR_NOMEM, "out of memory for the settings");
    snprintf(hex, sizeof hex, "%016" PRIx64, hash_text(text));
    free(text);
    return json_object_set_new(s, "id", json_string(hex)) < 0 ? fail(e, ERR_NOMEM, "out of memory for the settings") : 0;
}

static int print_sum(const struct work *w, const char *dir, struct args *a, struct err *e) {
    const struct collected *c = &w->sum;
    if (arg_has(a, "json"))
        return print_json(json_pack("{s:s, s:I, s:I, s:I, s:I, s:I, s:f}", "out", dir, "agent_turns", (json_int_t)c->traces,
                                    "tokens", (json_int_t)c->tokens, "no_note", (json_int_t)c->out[OUT_NO_ANSWER], "no_statement",
                                    (json_int_t)c->out[OUT_NO_THOUGHT], "not_finite", (json_int_t)c->out[OUT_NOT_FINITE],
                                    "seconds", c->seconds),
                          e);
    printf("%" PRId64 " new agent-turns, %" PRId64 " tokens", c->traces, c->tokens);
    for (int i = TRACE_OK + 1; i < TRACE_OUTS; i++)
        if (c->out[i]) printf("; %" PRId64 " left out (%s)", c->out[i], trace_out_name((enum trace_out)i));
    printf("\nwrote %s: states of %d layers (%.1f s)\n", dir, w->o.n_layers, c->seconds);
    return 0;
}

static int listen(struct work *w, struct args *a, struct err *e) {
    struct listen_opts o = {0};
    const char *dir;
    TRY(arg_need(a, "output", &dir, e));
    TRY(archive_open(&w->archive, a->pos[0], ARCHIVE_READ, e));
    TRY(study_from_archive(&w->study, w->archive, NULL, e));
    TRY(open_speaker(w, a, e));
    TRY(read_opts(w, a, &o.part, e));
    TRY(make_settings(w, a, e));
    o.tok = w->m.o.tok, o.chat = w->m.chat;
    TRY(listen_open(&w->listener, w->study, w->archive, &o, e));
    w->o.written = listen_traces(w->listener);
    TRY(collect_run(dir, w->settings, w->m.o.g, w->m.o.tok, NULL, NULL, NULL, &w->o, interrupted, &w->sum, e));
    return print_sum(w, dir, a, e);
}

static int run(struct args *a, struct err *e) {
    struct work *w = calloc(1, sizeof *w);
    if (!w) return fail(e, ERR_NOMEM, "out of memory");
    int rc = listen(w, a, e);
    listen_free(w->listener);
    study_free(w->study);
    archive_close(w->archive);
    asked_close(&w->m, 0);
    json_decref(w->settings);
    free(w);
    return rc;
}

const struct command command_study_listen = {
    .name = "study listen",
    .summary = "the states of a local model while the agents of a council speak, as a store for theater's probes",
    .usage = "ARCHIVE -m M -o DIR [--part statement|note] [--layers L]",
    .min_pos = 1,
    .max_pos = 1,
    .opts = opts,
    .run = run,
    .notes = "For councils only (candor study council): there the note behind every statement says what the agent believes, so a "
             "probe that\n"
             "claims to read beliefs can be held against it. A trace is one agent-turn, its answer the option of the private "
             "note; kinds of\n"
             "traces: sincere (it said what it noted), conforming (it said what the group says), misreporting. `candor theater "
             "train` and\n"
             "`evaluate` read the store; questions are split by replicate, so that no fact is in two parts. The control that "
             "sees the text\n"
             "alone knows, of a statement, what was said aloud.",
};
