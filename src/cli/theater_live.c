/* See theater_live.h. How questions are asked stands in the store's settings, not on this command line. */
#include "cli/theater_live.h"
#include "base/fs.h"
#include "probe/live_eval.h"
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *word(const json_t *o, const char *key) { return json_string_value(json_object_get(o, key)); }

/* As if -m FILE had been given. */
static void default_model(struct args *a, const char *file) {
    static const struct opt opt = OPT_MODEL;
    if (!arg_has(a, "model") && a->n_given < ARGS_MAX) a->given[a->n_given++] = (struct arg){&opt, file};
}

static int same_model(const struct asked_model *m, const json_t *model, struct err *e) {
    char id[256];
    describe_model(id, sizeof id, "lm", &m->o);
    const char *hash = strrchr(id, ':'), *was = word(model, "id");
    was = was ? strrchr(was, ':') : NULL;
    if (was && hash && !strcmp(was, hash)) return 0;
    return fail_at(e, ERR_STATE, m->o.path, -1,
                   "this is not the model that the traces are of: its weights differ (--live 0: replay only)");
}

static int open_words(struct asked_model *m, const struct store *s, struct err *e) {
    const json_t *set = store_settings(s);
    struct err none = ERR_INIT;
    const char *instruction = word(set, "instruction");
    if (instruction) {
        int rc = chat_template_from_weights(&m->chat, m->o.w, &none);
        if (rc < 0) return *e = none, rc;
    }
    TRY(vocab_open(&m->vocab, m->o.tok, e));
    m->vocab.asking = (struct asking){m->chat, word(set, "system"), instruction};
    return 0;
}

static int run(json_t *tree, struct asked_model *m, const struct store *s, const struct probe *p, int64_t questions,
               struct args *a, struct err *e) {
    const json_t *set = store_settings(s), *w = json_object_get(set, "words");
    const struct think_words words = {word(w, "open"), word(w, "close"), word(w, "letter"), word(w, "free")};
    const struct asker ask = theater_asker(m);
    const char *steps = word(set, "steps");
    int64_t reps = 1000;
    if (!words.letter || !words.free)
        return fail(e, ERR_FORMAT, "%s/store.json: expected the words that end a thought", store_dir(s));
    TRY(arg_i64(a, "reps", 1, 1000000, &reps, e));
    TRY(open_asked(m, a, e));
    TRY(same_model(m, json_object_get(set, "model"), e));
    TRY(open_words(m, s, e));
    TRY(open_engine(&m->o, &(struct engine_opts){.max_sessions = 8}, e));
    const struct live_eval o = {.g = m->o.g,
                                .words_of = m->o.tok,
                                .words = &words,
                                .ask = &ask,
                                .questions = questions,
                                .max_answer = 64,
                                .reps = (int)reps,
                                .steps = steps && !strcmp(steps, "sentences") ? STEP_STOP : STEP_BLANK_LINE,
                                .stop = interrupted};
    return live_evaluate(tree, s, p, &o, e);
}

int theater_run_live(struct json_t *tree, const struct store *s, const struct probe *p, struct args *a, struct err *e) {
    const char *file = word(json_object_get(store_settings(s), "model"), "file");
    int64_t questions = 200;
    int asked = arg_has(a, "live") || arg_has(a, "model");
    TRY(arg_i64(a, "live", 0, 1000000, &questions, e));
    if (!questions || json_is_string(json_object_get(store_settings(s), "read_from"))) return 0;
    if (!asked && (!file || !file_exists(file))) {
        fprintf(stderr, "no live exits: the model %s is not there any more (-m M)\n", file ? file : "of the traces");
        return 0;
    }
    if (file) default_model(a, file);
    struct asked_model *m = calloc(1, sizeof *m);
    if (!m) return fail(e, ERR_NOMEM, "out of memory");
    int rc = run(tree, m, s, p, questions, a, e);
    asked_close(m, 0);
    free(m);
    return rc;
}
