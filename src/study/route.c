/* One back end made of several. A call's tag is the runner's, so answers need no way back: only the way there depends on the model. */
#include "study/route.h"
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct route {
    struct backend b;
    const struct study *s;
    struct backend *to[STUDY_MAX_MODELS];
    char ended[STUDY_MAX_MODELS];
    int n, next;       /* next: who is polled first */
    struct err closed; /* code < 0: nothing more is submitted, and why */
};

static int submit(struct backend *self, const struct call *c, struct err *e) {
    struct route *r = (struct route *)self;
    struct backend *to = r->to[scene_cell(c->scene)->model];
    to->sending = self->sending;
    return r->closed.code < 0 ? 0 : to->submit(to, c, e); /* poll will say why */
}

static int64_t pending(const struct backend *self) {
    const struct route *r = (const struct route *)self;
    int64_t n = 0;
    for (int i = 0; i < r->n; i++) n += r->ended[i] ? 0 : r->to[i]->pending(r->to[i]);
    return n;
}

/* What one of them said last. */
static void end_one(struct route *r, int i, const struct err *why) {
    r->ended[i] = 1;
    if (!r->closed.code) fail(&r->closed, why->code, "%s: %.400s", r->s->model[i].id, why->msg);
}

static int poll_each(struct route *r, double wait_s, struct answer *out, struct err *e) {
    int first = r->next;
    for (int k = 0; k < r->n; k++) {
        int i = (first + k) % r->n;
        if (r->ended[i]) continue;
        int got = r->to[i]->poll(r->to[i], wait_s, out, e);
        if (got == ERR_CANCELLED) return got;
        if (got > 0) {
            r->next = (i + 1) % r->n;
            return got;
        }
        if (got < 0) end_one(r, i, e);
    }
    return 0;
}

static int poll_answer(struct backend *self, double wait_s, struct answer *out, struct err *e) {
    struct route *r = (struct route *)self;
    int got = poll_each(r, 0, out, e);
    if (!got && wait_s > 0 && pending(self)) got = poll_each(r, wait_s / r->n, out, e);
    if (got || !r->closed.code || pending(self)) return got;
    *e = r->closed;
    return r->closed.code;
}

static void tell(const struct backend *self, char *out, size_t size) {
    const struct route *r = (const struct route *)self;
    char one[160];
    size_t at = 0;
    *out = 0;
    for (int i = 0; i < r->n && at < size; i++) {
        if (!r->to[i]->tell) continue;
        r->to[i]->tell(r->to[i], one, sizeof one);
        if (*one) at += (size_t)snprintf(out + at, size - at, "%s%s: %s", at ? "; " : "", r->s->model[i].id, one);
    }
}

static void add_account(const struct backend *self, struct chat_account *sum) {
    const struct route *r = (const struct route *)self;
    for (int i = 0; i < r->n; i++)
        if (r->to[i]->account) r->to[i]->account(r->to[i], sum);
}

static void shut(struct backend *self) {
    struct route *r = (struct route *)self;
    for (int i = 0; i < r->n; i++) backend_close(r->to[i]);
    json_decref(r->b.parts);
    free(r);
}

/* What answers one model, as the record has it; a replay of several says what was recorded. */
static json_t *part_of(const struct backend *b, const char *id) {
    json_t *recorded = json_object_get(b->parts, id);
    if (recorded) return json_incref(recorded);
    json_t *o = json_pack("{s:s, s:b}", "backend", b->name, "planted", b->planted);
    if (o && b->model) json_object_set_new(o, "model", json_string(b->model));
    return o;
}

int route_open(struct backend **out, struct backend *const *to, const struct study *s, struct err *e) {
    struct route *r = calloc(1, sizeof *r);
    if (!r) {
        for (int i = 0; i < s->n_models; i++) backend_close(to[i]);
        return fail(e, ERR_NOMEM, "out of memory for back ends");
    }
    r->b = (struct backend){.name = "several",
                            .parts = json_object(),
                            .submit = submit,
                            .poll = poll_answer,
                            .pending = pending,
                            .tell = tell,
                            .account = add_account,
                            .close = shut};
    r->s = s, r->n = s->n_models;
    int ok = r->b.parts != NULL;
    for (int i = 0; i < r->n; i++) {
        r->to[i] = to[i];
        r->b.most += to[i]->most;
        r->b.planted |= to[i]->planted;
        ok &= json_object_set_new(r->b.parts, s->model[i].id, part_of(to[i], s->model[i].id)) == 0;
    }
    if (!ok) return shut(&r->b), fail(e, ERR_NOMEM, "out of memory for back ends");
    *out = &r->b;
    return 0;
}
