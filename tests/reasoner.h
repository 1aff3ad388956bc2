/* A small reasoner at work, for tests of traces: the shipped one or a random one with its vocabulary, questions of the gym, stores in a folder
 * of the test's own. */
#ifndef TESTS_REASONER_H
#define TESTS_REASONER_H
#include "gym_items.h"
#include "probe/choices.h"
#include "probe/collect.h"
#include "run/hidden.h"
#include "task/prefix.h"
#include "tiny_models.h"

struct reasoner {
    struct device *d;
    struct weights *w;
    struct tokenizer *tok;
    struct model *m;
    struct engine *g;
    struct think_words words;
};

static const char shipped_model[] = "models/r1.gguf";
#define NEED_MODEL()                                                                    \
    do {                                                                                \
        if (!file_exists(shipped_model)) cr_skip_test("no model at %s", shipped_model); \
    } while (0)

TINY void reasoner_words(struct reasoner *x) {
    const struct answer_prefix *p = answer_prefix_find("candor");
    x->words = (struct think_words){"<think>", "</think>", p->letter, p->free};
}

TINY struct reasoner reasoner_open(int threads, int max_sessions, int64_t max_ctx) {
    struct reasoner x = {0};
    OK(dev_open(&x.d, threads, 0, &e));
    OK(weights_open(&x.w, shipped_model, &e));
    OK(tokenizer_from_weights(&x.tok, x.w, &e));
    OK(model_open(&x.m, x.d, x.w, 0, &e));
    OK(engine_new(&x.g, x.m, &(struct engine_opts){.max_sessions = max_sessions, .max_ctx = max_ctx}, &e));
    reasoner_words(&x);
    return x;
}

/* Random weights behind the shipped vocabulary; every embedding times `scale`. */
TINY struct reasoner reasoner_random(double scale) {
    struct reasoner x = {0};
    struct tiny t = *tiny_find("llama");
    OK(tokenizer_open(&x.tok, shipped_model, &e));
    t.V = (int)tokenizer_ids(x.tok);
    OK(dev_open(&x.d, 1, 0, &e));
    struct model_cfg c = tiny_cfg(&t);
    c.n_ctx = 512;
    OK(model_new(&x.m, x.d, &c, 1, &e));
    tiny_fill(x.m);
    for (int i = 0; i < model_n_params(x.m); i++) {
        const struct param *p = model_param(x.m, i);
        if (name_has(p->name, "token_embd")) op_scale(x.d, p->value, scale, p->value, p->count);
    }
    OK(engine_new(&x.g, x.m, &(struct engine_opts){0}, &e));
    reasoner_words(&x);
    return x;
}

TINY void reasoner_close(struct reasoner *x) {
    engine_free(x->g), model_close(x->m), tokenizer_free(x->tok), weights_close(x->w), dev_close(x->d);
}

TINY int reasoner_prompt(void *ctx, const struct question *q, struct toks *out, struct err *e) {
    struct reasoner *x = ctx;
    struct str text = {0};
    int rc = question_prompt(q, &text);
    if (rc >= 0) rc = tokenizer_encode(x->tok, text.s, text.len, ENCODE_SPECIAL, out, e);
    str_free(&text);
    return rc;
}

/* n questions, with choices and without. */
TINY struct questions gym_questions(int n) {
    const struct gym_spec facts = spec("recall", GYM_TRAIN, 3), sums = spec("chain", GYM_TRAIN, 3);
    struct str text = {0};
    struct questions qs;
    for (int i = 0; i < n; i++) {
        struct gym_item it = item(i % 2 ? &sums : &facts, i);
        OK(question_json(&it.q, 0, &text, &e));
        gym_item_fini(&it);
    }
    OK(questions_parse(&qs, text.s, text.len, "gym", &e));
    str_free(&text);
    return qs;
}

/* ---- stores ---- */

TINY struct collect_opts collect_default(const struct reasoner *x) {
    struct collect_opts o = {.tap = TAP_RESID_OUT,
                             .n_layers = 3,
                             .max_new = 120,
                             .sampling = SAMPLING_DEFAULT,
                             .seed = 1,
                             .steps = STEP_STOP,
                             .forced = 1};
    o.layer[0] = -1, o.layer[1] = 0, o.layer[2] = model_cfg(x->m)->n_layer - 1;
    return o;
}

TINY json_t *collect_settings(const struct reasoner *x, const struct collect_opts *o) {
    const struct model_cfg *c = model_cfg(x->m);
    json_t *layers = json_array();
    for (int i = 0; i < o->n_layers; i++) json_array_append_new(layers, json_integer(o->layer[i]));
    json_t *s = json_pack("{s:{s:s, s:s, s:i, s:i, s:i}, s:s, s:o, s:I, s:I, s:s}", "model", "name", "r", "format", "F32",
                          "width", c->n_embd, "layers", c->n_layer, "vocabulary", c->n_vocab, "tap", tap_name(o->tap), "layers",
                          layers, "width", (json_int_t)hidden_width(c, o->tap), "choice_width",
                          o->probe ? (json_int_t)0 : (json_int_t)choice_width(x->m), "id", "made");
    if (!o->probe) return s;
    json_object_set_new(s, "numbers", json_integer(readings_numbers(o->probe->shape)));
    json_object_set_new(s, "probe", readings_settings(o->probe, "probe.gguf"));
    return s;
}

TINY int try_collect(struct reasoner *x, const char *dir, const struct questions *qs, const struct collect_opts *o,
                     int (*stopped)(void), struct collected *sum, struct err *e) {
    json_t *s = collect_settings(x, o);
    const struct asker ask = {reasoner_prompt, x};
    int rc = collect_run(dir, s, x->g, x->tok, &x->words, &ask, qs, o, stopped, sum, e);
    json_decref(s);
    return rc;
}

TINY struct store *collect_into(struct reasoner *x, const char *dir, const struct questions *qs, const struct collect_opts *o,
                                struct collected *sum) {
    struct collected own;
    struct store *s;
    OK(try_collect(x, dir, qs, o, NULL, sum ? sum : &own, &e));
    OK(store_open(&s, dir, &e));
    return s;
}
#endif
