/* See answering.h. */
#include "cli/answering.h"
#include "cli/answering_remote.h"
#include "cli/asking.h"
#include "cli/speak.h"
#include "study/local.h"
#include "study/paid.h"
#include "study/replay.h"
#include "study/route.h"
#include <stdlib.h>
#include <string.h>

static int stop(void *ctx) {
    (void)ctx;
    return interrupted();
}

static int open_template(struct answerer *p, struct args *a, struct err *e) {
    const char *file = arg_str(a, "template");
    return file ? chat_template_open_with(&p->chat, p->o.path, file, e) : chat_template_open(&p->chat, p->o.path, e);
}

static int open_local(struct answerer *p, struct args *a, struct err *e) {
    int64_t calls = LOCAL_CALLS;
    struct asked_model m = {0};
    TRY(arg_i64(a, "calls", 1, 1024, &calls, e));
    int rc = open_asked(&m, a, e);
    p->o = m.o;
    TRY(rc);
    TRY(open_template(p, a, e));
    describe_model(p->model, 128, "lm", &p->o);
    int64_t n_ctx = model_cfg(p->o.m)->n_ctx;
    TRY(open_engine(&p->o, &(struct engine_opts){.max_ctx = n_ctx < 1 << 20 ? n_ctx : 1 << 20, .max_sessions = (int)calls}, e));
    int n_ends = end_tokens(p->o.tok, &p->ends);
    if (n_ends < 0) return fail(e, ERR_NOMEM, "out of memory for end tokens");
    return local_open(&p->backend,
                      &(struct local_opts){.g = p->o.g,
                                           .tok = p->o.tok,
                                           .chat = p->chat,
                                           .model = p->model,
                                           .ends = p->ends,
                                           .n_ends = n_ends,
                                           .calls = (int)calls,
                                           .stop = stop},
                      e);
}

static int open_planted(struct answering *w, struct answerer *p, struct err *e) {
    TRY(planted_read(&w->planted, w->s, e));
    return planted_open(&p->backend, &w->planted, w->s, e);
}

static int open_replay(struct answerer *p, const char *path, struct err *e) {
    TRY(archive_open(&p->from, path, ARCHIVE_READ, e));
    return replay_open(&p->backend, p->from, e);
}

static int open_one(struct answering *w, struct answerer *p, struct args *a, struct err *e) {
    const char *name;
    TRY(arg_need(a, "backend", &name, e));
    if (!strcmp(name, "local")) return open_local(p, a, e);
    if (is_address(name)) return answering_remote(w, p, name, a, e);
    if (!w->s) return usage_error(a, e, "--backend: expected local or an address (http://…, https://…), found %.60s", name);
    if (!strncmp(name, "replay:", 7)) return open_replay(p, name + 7, e);
    if (!strcmp(name, "planted")) return open_planted(w, p, e);
    return usage_error(a, e,
                       "--backend: expected planted, local, replay:ARCHIVE or an address (http://…, https://…), or MODEL=one of "
                       "them with a model "
                       "of the study, found %.60s",
                       name);
}

/* ---- several models ---- */

/* The model of the study in "MODEL=value", and the value; -1: it is for all. */
static int model_of(const struct study *s, const char *text, const char **value) {
    for (int i = 0; i < s->n_models; i++) {
        size_t n = strlen(s->model[i].id);
        if (strncmp(text, s->model[i].id, n) != 0 || text[n] != '=') continue;
        *value = text + n + 1;
        return i;
    }
    *value = text;
    return -1;
}

static int may_differ(const struct opt *o) {
    static const char *const names[] = {"backend",
                                        "model",
                                        "calls",
                                        "template",
                                        "kv",
                                        "precision",
                                        "api",
                                        "key-env",
                                        "key-file",
                                        "timeout",
                                        "attempts",
                                        "requests-per-minute",
                                        "tokens-per-minute"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (!strcmp(o->name, names[i])) return 1;
    return 0;
}

/* The command line as if the study had this model alone: what is said for all, then what is said for it. */
static void args_of_model(struct args *out, const struct args *a, const struct study *s, int model) {
    *out = *a;
    out->n_given = 0;
    for (int own = 0; own < 2; own++)
        for (int i = 0; i < a->n_given; i++) {
            const struct arg *g = &a->given[i];
            const char *value = g->value;
            int of = may_differ(g->opt) ? model_of(s, g->value, &value) : -1;
            if (own ? of == model : of < 0) out->given[out->n_given++] = (struct arg){g->opt, value};
        }
}

/* One name cannot be that of two models. */
static int check_models(const struct study *s, struct args *a, struct err *e) {
    const char *value, *given;
    for (int i = 0; s->n_models > 1 && (given = arg_nth(a, "model", i)); i++)
        if (model_of(s, given, &value) < 0)
            return usage_error(
                a, e, "--model: expected MODEL=NAME with one of the %d models of the study (%s, …), found \"%.60s\" for all",
                s->n_models, s->model[0].id, given);
    return 0;
}

static int open_models(struct answering *w, struct args *a, struct err *e) {
    struct backend *to[STUDY_MAX_MODELS] = {0};
    struct args own;
    for (int i = 0; i < w->s->n_models; i++) {
        args_of_model(&own, a, w->s, i);
        if (!arg_has(&own, "backend"))
            return usage_error(a, e, "--backend: expected one for each model of the study, found none for %s", w->s->model[i].id);
        if (w->s->n_models > 1) w->of[i].id = w->s->model[i].id;
        int rc = open_one(w, &w->of[i], &own, e);
        a->wrong |= own.wrong;
        TRY(rc);
    }
    for (int i = 0; i < w->s->n_models; i++) to[i] = w->of[i].backend, w->of[i].backend = NULL;
    return route_open(&w->backend, to, w->s, e);
}

/* Planted agents and archives know all models; so does whoever is asked about a single one. */
static int answers_all(const struct study *s, struct args *a) {
    const char *value, *given = NULL;
    for (int i = 0; (given = arg_nth(a, "backend", i)); i++)
        if (model_of(s, given, &value) >= 0) return 0;
    given = arg_str(a, "backend");
    return !given || !(is_address(given) || !strcmp(given, "local"));
}

/* Nobody who is asked is elsewhere. */
static int check_address(const struct study *s, struct args *a, struct err *e) {
    const char *value, *given;
    for (int i = 0; (given = arg_nth(a, "backend", i)); i++) {
        value = given;
        if (s) model_of(s, given, &value);
        if (is_address(value)) return 0;
    }
    return !arg_has(a, "backend") ? 0 : refuse_address_options(a, e);
}

int answering_open(struct answering *w, const struct study *s, struct args *a, struct err *e) {
    struct args own = *a;
    w->s = s;
    TRY(check_address(s, a, e));
    if (s) TRY(check_models(s, a, e));
    if (s && s->n_models > 1 && !answers_all(s, a)) return open_models(w, a, e);
    if (s) args_of_model(&own, a, s, s->n_models > 1 ? -1 : 0);
    int rc = open_one(w, &w->of[0], &own, e);
    a->wrong |= own.wrong;
    w->backend = w->of[0].backend, w->of[0].backend = NULL;
    return rc;
}

/* Shorter ones are placeholders of local engines. */
int answering_guard(const struct answering *w, struct archive *a, struct err *e) {
    for (int i = 0; i < STUDY_MAX_MODELS; i++) {
        const struct answerer *p = &w->of[i];
        const char *key = p->key ? p->key : p->key_env ? getenv(p->key_env) : NULL;
        if (key && strlen(key) >= 8) TRY(archive_forbid(a, key, e));
    }
    return 0;
}

/* Of a study of one model, or one whose models are answered alike, the first answerer has the price of all. */
int answering_prices(const struct answering *w, struct chat_price *price) {
    int priced = 0;
    for (int i = 0; i < w->s->n_models; i++) {
        price[i] = w->of[w->of[i].price.set ? i : 0].price;
        priced |= price[i].set;
    }
    return priced;
}

int answering_paid(struct answering *w, struct archive *a, struct err *e) {
    struct chat_price price[STUDY_MAX_MODELS];
    return answering_prices(w, price) ? study_paid(&w->purse.gone.spent, w->s, a, price, e) : 0;
}

void answering_close(struct answering *w) {
    backend_close(w->backend);
    for (int i = 0; i < STUDY_MAX_MODELS; i++) {
        struct answerer *p = &w->of[i];
        backend_close(p->backend);
        archive_close(p->from);
        chat_template_free(p->chat);
        free(p->ends);
        if (p->key) explicit_bzero(p->key, strlen(p->key));
        free(p->key);
        opened_close(&p->o, 0);
    }
    chat_cache_close(w->cache);
}
