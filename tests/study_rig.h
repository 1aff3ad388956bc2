/* A random model with made-up words and a chat template, for tests of what a local model does in a study. */
#ifndef TESTS_STUDY_RIG_H
#define TESTS_STUDY_RIG_H
#include "model/random.h"
#include "run/engine.h"
#include "study_files.h"
#include "text/chat_template.h"
#include "text/tokenizer.h"
#include "weights/gguf_write.h"
#include <criterion/criterion.h>

static const char RIG_TEMPLATE[] = "{% for m in messages %}<{{ m.role }}>{{ m.content }}\n{% endfor %}<assistant>";

struct rig {
    struct device *d;
    struct weights *w;
    struct tokenizer *tok;
    struct model *m;
    struct engine *g;
    struct chat_template *chat;
    char path[100];
};

static inline void rig_open(struct rig *r, int threads, int64_t max_ctx) {
    static const struct random_shape shape = {.name = "test",
                                              .family = "llama",
                                              .like = "a test",
                                              .layers = 2,
                                              .embd = 64,
                                              .heads = 2,
                                              .kv = 1,
                                              .ff = 64,
                                              .vocab = 600};
    struct err e = ERR_INIT;
    struct weights *made;
    path_of(r->path, sizeof r->path, "local.gguf");
    cr_assert_geq(random_weights(&made, &shape, FMT_F32, NULL, 1, NULL, &e), 0, "%s", e.msg);
    cr_assert_geq(random_save(made, &shape, r->path, NULL, NULL, &e), 0, "%s", e.msg);
    weights_close(made);
    cr_assert_geq(dev_open(&r->d, threads, 0, &e), 0, "%s", e.msg);
    cr_assert_geq(weights_open(&r->w, r->path, &e), 0, "%s", e.msg);
    cr_assert_geq(tokenizer_from_weights(&r->tok, r->w, &e), 0, "%s", e.msg);
    cr_assert_geq(model_open(&r->m, r->d, r->w, 0, &e), 0, "%s", e.msg);
    cr_assert_geq(engine_new(&r->g, r->m, &(struct engine_opts){.max_ctx = max_ctx}, &e), 0, "%s", e.msg);
    cr_assert_geq(chat_template_new(&r->chat, RIG_TEMPLATE, strlen(RIG_TEMPLATE), "test", &e), 0, "%s", e.msg);
}
static inline void rig_close(struct rig *r) {
    engine_free(r->g), model_close(r->m), tokenizer_free(r->tok), weights_close(r->w), dev_close(r->d);
    chat_template_free(r->chat);
    unlink(r->path);
}

#endif
