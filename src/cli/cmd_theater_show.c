/* candor theater show: one trace of a store in the terminal, coloured by what a probe believes. */
#include "cli/theater.h"
#include "probe/show.h"
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct opt opts[] = {
    {"probe", 0, "PROBE.gguf", NULL, "the probe (candor theater train)"},
    {"exit-at", 0, "P", "0.9", "confidence of the probe at which it would exit, of 1"},
    {"layer", 0, "N", NULL, "read this layer's probe, -1: the embeddings (default: the best by validation)"},
    OPT_JSON,
    {0},
};

/* ---- which trace ---- */

static int find_trace(const struct trace **out, const struct store *s, const char *word, struct err *e) {
    char *end;
    long long i = strtoll(word, &end, 10);
    for (int64_t k = 0; k < store_n(s); k++)
        if (!strcmp(store_trace(s, k)->q.id, word)) return *out = store_trace(s, k), 0;
    if (!*word || *end || i < 0 || i >= store_n(s))
        return fail_at(e, ERR_ARG, store_dir(s), -1,
                       "expected a trace from 0 to %" PRId64 " or a question's id, found \"%.80s\": the store has %" PRId64
                       " traces",
                       store_n(s) - 1, word, store_n(s));
    return *out = store_trace(s, i), 0;
}

static int why_not(const struct panel *p, const struct trace *t, const char *dir, struct err *e) {
    const char *why = t->out          ? trace_out_name(t->out)
                      : p->other_form ? "its question has another form of answer than the probe's"
                                      : "its answer is no class of the probe";
    return fail_at(e, ERR_STATE, dir, -1, "trace %" PRId64 " is left out: %s", t->index, why);
}

/* ---- how it is shown ---- */

static enum show_colours colours_of_terminal(void) {
    const char *none = getenv("NO_COLOR"), *term = getenv("TERM"), *more = getenv("COLORTERM");
    if (!isatty(STDOUT_FILENO) || (none && *none) || !term || !strcmp(term, "dumb")) return SHOW_PLAIN;
    return more && (!strcmp(more, "truecolor") || !strcmp(more, "24bit")) ? SHOW_RGB : SHOW_256;
}

static int print_trace(struct args *a, const struct shown *x, struct err *e) {
    struct str text = {0};
    json_t *j;
    if (arg_has(a, "json")) {
        TRY(show_json(&j, x, 0, e));
        return print_json(j, e);
    }
    int rc = show_text(&text, x, colours_of_terminal(), e);
    if (!rc) rc = print_bytes(text.s, text.len, e);
    str_free(&text);
    return rc;
}

static int place_of_layer(const struct probe *p, struct args *a, int *at, struct err *e) {
    int64_t layer;
    *at = p->best;
    if (!arg_has(a, "layer")) return 0;
    TRY(arg_i64(a, "layer", -1, STORE_LAYERS, &layer, e));
    for (int i = 0; i < p->n_layers; i++)
        if (p->layer[i] == layer) return *at = i, 0;
    return usage_error(a, e, "--layer: the probe has none of layer %" PRId64, layer);
}

static int show(struct args *a, const struct store *s, const struct probe *p, double exit_at, struct err *e) {
    struct shown x = {.p = p, .s = s, .exit_at = exit_at};
    struct probe_model m;
    struct panel panel;
    int at;
    TRY(place_of_layer(p, a, &at, e));
    TRY(store_model(s, &m, e));
    TRY(probe_fits(p, &m, store_dir(s), e));
    TRY(find_trace(&x.t, s, a->pos[1], e));
    /* whether an answer is right is nothing that a monitor says */
    const struct panel_of of = {.s = s,
                                .p = p,
                                .layer = at,
                                .parts = ALL_PARTS,
                                .one = x.t,
                                .monitor = p->target == TARGET_RIGHT ? NULL : monitor_by_rules};
    TRY(panel_open(&panel, &of, e));
    x.r = panel.t;
    int rc = panel.n ? print_trace(a, &x, e) : why_not(&panel, x.t, store_dir(s), e);
    panel_close(&panel);
    return rc;
}

static int run(struct args *a, struct err *e) {
    const char *path;
    struct store *s;
    struct probe p = {0};
    double exit_at;
    TRY(arg_need(a, "probe", &path, e));
    TRY(arg_real(a, "exit-at", 0, 1, &exit_at, e));
    TRY(store_open(&s, a->pos[0], e));
    int rc = probe_open(&p, path, e);
    if (!rc) rc = show(a, s, &p, exit_at, e);
    probe_fini(&p);
    store_free(s);
    return rc;
}

const struct command command_theater_show = {
    .name = "theater show",
    .summary = "one trace in the terminal, coloured by what a probe believes",
    .usage = "DIR TRACE --probe PROBE.gguf [--exit-at P] [--json]",
    .opts = opts,
    .min_pos = 2,
    .max_pos = 2,
    .run = run,
    .notes = "TRACE is a number from 0 on, or the id of a question. Each token stands on the colour of the answer that the probe "
             "believes in after it, the\n"
             "stronger the surer; without a terminal, or with NO_COLOR set, the belief stands in brackets at every step.",
};
