/* See run_exit.h. The probe's confidence is printed with that of the answer that the model gives when it is made to, at the same place. */
#include "cli/run_exit.h"
#include "cli/speak.h"
#include "cli/theater.h"
#include "probe/choices.h"
#include "probe/live.h"
#include "probe/settle.h"
#include <inttypes.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct exiting {
    struct asked_model m; /* borrows the opened model */
    struct probe probe;
    struct watch watch;
    struct forcer force;
    struct think_words words;
    struct question q;
    f16 *choices;
    struct live live;
    struct live_out out;
};

static int read_question(struct exiting *x, const struct input *in, struct err *e) {
    char *text;
    size_t n;
    TRY(tokenizer_decode(x->m.o.tok, in->ids, in->n, 0, &text, &n, e));
    int rc = question_from_text(&x->q, text, n, e);
    x->live.opened = settle_ends_with(text, n, x->words.open); /* some templates open the thought themselves */
    free(text);
    return rc;
}

static int read_choices(struct exiting *x, const char *path, struct err *e) {
    int rank = x->probe.fit[x->probe.best].rank;
    if (!x->q.n_choices && !x->probe.by_token)
        return fail_at(e, ERR_ARG, path, -1,
                       "this probe reads which choice is meant: expected lines \"A) …\", \"B) …\" in the prompt");
    x->choices = calloc((size_t)(QUESTION_MAX_CHOICES * choice_width(x->m.o.m)), sizeof *x->choices);
    if (!x->choices) return fail(e, ERR_NOMEM, "out of memory for the choices");
    if (rank) TRY(choice_features(x->m.o.m, x->m.o.tok, &x->q, x->choices, e));
    watch_start(&x->watch, NULL, x->choices, x->q.n_choices);
    return 0;
}

static int open_all(struct exiting *x, struct args *a, struct opened *o, const struct input *in, const struct generation *g,
                    struct err *e) {
    const char *path = arg_str(a, "exit");
    struct err none = ERR_INIT;
    x->m.o = *o;
    int rc = chat_template_from_weights(&x->m.chat, o->w, &none);
    if (rc < 0 && rc != ERR_STATE) return *e = none, rc;
    TRY(probe_open(&x->probe, path, e));
    const struct probe_model pm = theater_model(&x->m);
    TRY(probe_fits(&x->probe, &pm, path, e));
    TRY(theater_words(&x->words, &x->m, a, e));
    TRY(read_question(x, in, e));
    TRY(force_open(&x->force, o->g, o->tok, &x->words, 1, e));
    TRY(watch_open(&x->watch, &x->probe, x->probe.best, e));
    TRY(read_choices(x, path, e));
    x->live.force = &x->force, x->live.watch = &x->watch, x->live.steps = STEP_STOP, x->live.sampling = g->sampling;
    x->live.seed = g->seed, x->live.max_new = g->max_new, x->live.max_answer = 64, x->live.compare = 1;
    return 0;
}

static void close_all(struct exiting *x) {
    watch_close(&x->watch);
    force_close(&x->force);
    probe_fini(&x->probe);
    chat_template_free(x->m.chat);
    question_fini(&x->q);
    free(x->choices), free(x->out.ids), free(x);
}

static void class_name(const struct exiting *x, int k, char out[64]) {
    const char *s = "?";
    size_t n = 1;
    if (k >= 0 && !x->probe.by_token)
        snprintf(out, 64, "%c", 'A' + k);
    else if (k >= 0 && tokenizer_piece(x->m.o.tok, x->probe.token[k], &s, &n, NULL) >= 0)
        snprintf(out, 64, "%.*s", (int)(n < 60 ? n : 60), s);
    else
        snprintf(out, 64, "?");
}

static void remark(const struct exiting *x) {
    const struct live_out *o = &x->out;
    char mine[64], forced[64];
    class_name(x, o->class, mine), class_name(x, o->forced_class, forced);
    if (!o->exited)
        fprintf(stderr, "no early exit: %" PRId64 " tokens of thought, at its end the probe says %s at %.3f\n", o->thought, mine,
                o->p);
    else
        fprintf(stderr,
                "exit after %" PRId64
                " tokens of thought: the probe (layer %d) says %s at %.3f, the forced answer %s at %.3f; %" PRId64
                " tokens injected, %" PRId64 " written behind them\n",
                o->reading, x->probe.layer[x->probe.best], mine, o->p, forced, o->forced_p, o->injected, o->answer);
}

static int print_object(const struct exiting *x, const struct speaker *s, double threshold, struct err *e) {
    const struct live_out *o = &x->out;
    char mine[64], forced[64];
    class_name(x, o->class, mine), class_name(x, o->forced_class, forced);
    json_t *exit =
        json_pack("{s:b, s:f, s:I, s:s, s:o, s:o, s:o, s:I, s:I, s:I}", "exited", o->exited, "threshold", threshold, "thought",
                  (json_int_t)o->thought, "probe", mine, "confidence", json_number(o->p), "forced",
                  o->forced_class < 0 ? json_null() : json_name(forced), "forced_confidence", json_number(o->forced_p), "reading",
                  (json_int_t)o->reading, "injected", (json_int_t)o->injected, "answer", (json_int_t)o->answer);
    return print_json(json_pack("{s:o, s:o, s:o, s:{s:f}}", "ids", ids_json(o->ids, o->n), "text",
                                json_bytes(s->text.s ? s->text.s : "", s->text.len), "exit", exit, "timings", "decode_s",
                                o->seconds),
                      e);
}

static int go(struct exiting *x, struct args *a, struct opened *o, const struct input *in, struct err *e) {
    struct speaker s = speaker(a, o->tok);
    struct session *session = NULL;
    double threshold = 0.9;
    TRY(arg_real(a, "exit-at", 0, 10, &threshold, e));
    const struct live_policy p = {
        .rule = LIVE_PROBE, .threshold = threshold, .letter = !strcmp(arg_str(a, "exit-answer"), "probe")};
    if (!p.letter && strcmp(arg_str(a, "exit-answer"), "model") != 0)
        return usage_error(a, e, "--exit-answer: expected model or probe, found \"%.40s\"", arg_str(a, "exit-answer"));
    x->live.on_token = speaker_token, x->live.ctx = &s;
    int rc = session_new(&session, o->g, e);
    if (!rc && in->n > 1) rc = session_feed(session, in->ids, in->n - 1, NULL, e);
    if (!rc) rc = live_run(&x->live, &p, session, in->ids[in->n - 1], &x->q, 0, &x->out, e);
    if (!rc) rc = speaker_end(&s, e);
    if (!rc) rc = arg_has(a, "json") ? print_object(x, &s, threshold, e) : print_bytes("\n", 1, e);
    if (!rc && !arg_has(a, "json") && !arg_has(a, "quiet")) remark(x);
    str_free(&s.text);
    session_free(session);
    return rc;
}

int run_exit(struct args *a, struct opened *o, const struct input *in, const struct generation *g, struct err *e) {
    struct exiting *x = calloc(1, sizeof *x);
    int64_t n_ctx = model_cfg(o->m)->n_ctx, want = in->n + g->max_new + 128;
    if (!x) return fail(e, ERR_NOMEM, "out of memory");
    int rc = open_engine(o, &(struct engine_opts){.max_ctx = want < n_ctx ? want : n_ctx, .max_sessions = 2}, e);
    if (!rc) rc = open_all(x, a, o, in, g, e);
    if (!rc) rc = go(x, a, o, in, e);
    close_all(x);
    return rc;
}
