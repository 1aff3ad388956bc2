/* See answering.h. */
#include "cli/answering.h"
#include "cli/asking.h"
#include "cli/speak.h"
#include "study/local.h"
#include "study/replay.h"
#include <stdlib.h>
#include <string.h>

static int stop(void *ctx) {
    (void)ctx;
    return interrupted();
}

/* One model answers, so the study must be about one. */
static int one_model(const struct study *s, struct err *e) {
    if (s->n_models == 1) return 0;
    return fail(e, ERR_UNSUPPORTED, "expected a study of one model, found %d: keep the one that -m is in a copy of the file",
                s->n_models);
}

static int open_template(struct answering *w, struct args *a, struct err *e) {
    const char *file = arg_str(a, "template");
    return file ? chat_template_open_with(&w->chat, w->o.path, file, e) : chat_template_open(&w->chat, w->o.path, e);
}

static int open_local(struct answering *w, const struct study *s, struct args *a, struct err *e) {
    int64_t calls = LOCAL_CALLS;
    struct asked_model m = {0};
    TRY(arg_i64(a, "calls", 1, 1024, &calls, e));
    TRY(one_model(s, e));
    int rc = open_asked(&m, a, e);
    w->o = m.o;
    TRY(rc);
    TRY(open_template(w, a, e));
    describe_model(w->model, 128, "lm", &w->o);
    int64_t n_ctx = model_cfg(w->o.m)->n_ctx;
    TRY(open_engine(&w->o, &(struct engine_opts){.max_ctx = n_ctx < 1 << 20 ? n_ctx : 1 << 20, .max_sessions = (int)calls}, e));
    int n_ends = end_tokens(w->o.tok, &w->ends);
    if (n_ends < 0) return fail(e, ERR_NOMEM, "out of memory for end tokens");
    return local_open(&w->backend,
                      &(struct local_opts){.g = w->o.g,
                                           .tok = w->o.tok,
                                           .chat = w->chat,
                                           .model = w->model,
                                           .ends = w->ends,
                                           .n_ends = n_ends,
                                           .calls = (int)calls,
                                           .stop = stop},
                      e);
}

int answering_open(struct answering *w, const struct study *s, struct args *a, struct err *e) {
    const char *name;
    TRY(arg_need(a, "backend", &name, e));
    if (!strcmp(name, "local")) return open_local(w, s, a, e);
    if (!strncmp(name, "replay:", 7)) {
        TRY(archive_open(&w->from, name + 7, ARCHIVE_READ, e));
        return replay_open(&w->backend, w->from, e);
    }
    if (strcmp(name, "planted") != 0)
        return usage_error(a, e, "--backend: expected planted, local or replay:ARCHIVE, found %.60s", name);
    TRY(planted_read(&w->planted, s, e));
    return planted_open(&w->backend, &w->planted, s, e);
}

void answering_close(struct answering *w) {
    backend_close(w->backend);
    archive_close(w->from);
    chat_template_free(w->chat);
    free(w->ends);
    opened_close(&w->o, 0);
}
