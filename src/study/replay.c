/* A back end that looks answers up by their key. */
#include "study/replay.h"
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct replay {
    struct backend b;
    struct archive *from;
    struct answer_queue ready;
    char name[80], model[256];
};

static void copy(char *to, size_t size, const json_t *fact, const char *key) {
    const char *s = json_string_value(json_object_get(fact, key));
    snprintf(to, size, "%s", s ? s : "");
}

static int64_t number(const json_t *fact, const char *key) {
    const json_t *v = json_object_get(fact, key);
    return json_is_integer(v) ? json_integer_value(v) : -1;
}

static enum chat_finish finish_of(const json_t *fact) {
    const char *name = json_string_value(json_object_get(fact, "finish"));
#define XX(id, text) \
    if (name && !strcmp(name, text)) return CHAT_FINISH_##id;
    CHAT_FINISH_MAP(XX)
#undef XX
    return CHAT_FINISH_OTHER;
}

int answer_from_fact(struct answer *a, const json_t *fact, struct err *e) {
    const json_t *text = json_object_get(fact, "text"), *thoughts = json_object_get(fact, "reasoning");
    a->text = json_is_string(text) ? strdup(json_string_value(text)) : strdup("");
    if (json_is_string(thoughts)) a->reasoning = strdup(json_string_value(thoughts));
    if (!a->text || (json_is_string(thoughts) && !a->reasoning)) return fail(e, ERR_NOMEM, "out of memory for an answer");
    a->text_n = strlen(a->text);
    a->finish = finish_of(fact);
    copy(a->model, sizeof a->model, fact, "model");
    copy(a->fingerprint, sizeof a->fingerprint, fact, "fingerprint");
    copy(a->provider, sizeof a->provider, fact, "provider");
    a->tokens_in = number(fact, "tokens_in"), a->tokens_out = number(fact, "tokens_out");
    return 0;
}

/* A first reply that was asked again lies under its own key. */
static int find(struct replay *r, const struct call *c, json_t **fact, struct err *e) {
    char first[300];
    snprintf(first, sizeof first, "%s/ask0", c->key);
    *fact = NULL;
    if (!c->ask) TRY(archive_find(r->from, first, fact, e));
    return *fact ? 0 : archive_find(r->from, c->key, fact, e);
}

static int submit(struct backend *self, const struct call *c, struct err *e) {
    struct replay *r = (struct replay *)self;
    struct answer a = {.tag = c->tag};
    json_t *fact;
    TRY(find(r, c, &fact, e));
    int rc = 0;
    if (fact)
        rc = answer_from_fact(&a, fact, e);
    else
        a.rc = fail(&a.why, ERR_RANGE, "the archive has no reply under %.100s", c->key);
    json_decref(fact);
    if (rc >= 0) rc = answer_push(&r->ready, &a, e);
    if (rc < 0) answer_free(&a);
    return rc;
}

static int poll_ready(struct backend *self, double wait_s, struct answer *out, struct err *e) {
    (void)wait_s, (void)e;
    return answer_pop(&((struct replay *)self)->ready, out);
}

static int64_t pending(const struct backend *self) { return ((const struct replay *)self)->ready.n; }

static void shut(struct backend *self) {
    answer_queue_free(&((struct replay *)self)->ready);
    json_decref(self->parts);
    free(self);
}

int replay_open(struct backend **out, struct archive *from, struct err *e) {
    json_t *fact = NULL;
    TRY(archive_find(from, "study", &fact, e));
    if (!fact) return fail(e, ERR_FORMAT, "expected an archive of a study, found one without the fact \"study\"");
    struct replay *r = calloc(1, sizeof *r);
    if (!r) return json_decref(fact), fail(e, ERR_NOMEM, "out of memory for a replay");
    copy(r->name, sizeof r->name, fact, "backend"); /* its facts are those of the back end that was recorded */
    copy(r->model, sizeof r->model, fact, "model");
    r->b = (struct backend){.name = r->name,
                            .model = *r->model ? r->model : NULL,
                            .parts = json_incref(json_object_get(fact, "models")),
                            .planted = json_is_true(json_object_get(fact, "planted")),
                            .blind = 1,
                            .most = 1024,
                            .submit = submit,
                            .poll = poll_ready,
                            .pending = pending,
                            .close = shut};
    r->from = from;
    json_decref(fact);
    *out = &r->b;
    return 0;
}
