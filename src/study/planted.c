/* Planted agents as a back end: the text of their replies. */
#include "study/planted.h"
#include "base/rng.h"
#include "study/planted_reply.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct planter {
    struct backend b;
    const struct planted *p;
    const struct study *s;
    struct vocabulary words[STUDY_MAX_LANGUAGES];
    struct answer_queue ready;
};

/* The pieces in drawn order, and dots up to the exact length. */
static void write_sheet(struct str *out, const struct vocabulary *v, struct sheet *x, struct rng *g) {
    rng_shuffle(g, (void *)x->at, x->n, sizeof *x->at);
    for (int i = 0; i < x->n; i++) {
        if (i) str_puts(out, v->comma);
        str_add(out, x->at[i]->text, x->at[i]->len);
    }
    for (int i = x->graphemes; i < x->room; i++) str_puts(out, ".");
}

static void write_channels(struct str *out, const struct vocabulary *v, const struct scene *sc, struct planted_reply *r) {
    const struct language *l = scene_language(sc);
    for (int c = 0; c < CHANNELS; c++) {
        if (!sheet_said(&r->sheet[c])) continue;
        str_printf(out, "%s[%s%s%s] ", out->len ? "\n" : "", l->tags[c], c == CHANNEL_WHISPER ? " " : "",
                   c == CHANNEL_WHISPER ? scene_name(sc, r->to) : "");
        write_sheet(out, v, &r->sheet[c], &r->g);
    }
}

/* A text without a tag. */
static const char *unreadable(const struct vocabulary *v, const struct scene *sc) {
    const struct pieces *p = &v->of[COMPONENT_MONOLOGUE];
    return p->n ? p->at[0].text : scene_language(sc)->title;
}

static int answer(const struct planter *b, const struct call *c, struct answer *a, struct err *e) {
    const struct scene *sc = c->scene;
    const struct cell *cell = scene_cell(sc);
    const struct vocabulary *v = &b->words[cell->language];
    struct planted_agent who;
    struct planted_reply r;
    struct str out = {0};
    int rc = 0;
    planted_agent(&who, b->p, b->s, cell, scene_replicate(sc), scene_seats(sc), c->agent);
    planted_reply(&r, &who, v, scene_turn(sc), c->ask);
    str_puts(&out, "");
    *a = (struct answer){.tag = c->tag, .finish = CHAT_FINISH_STOP, .tokens_in = -1, .tokens_out = -1, .attempts = 1};
    if (r.status == TURN_REFUSED)
        a->finish = CHAT_FINISH_REFUSAL;
    else if (r.status == TURN_MALFORMED)
        str_puts(&out, unreadable(v, sc));
    else if (b->s->council.options)
        rc = council_speak(&out, &b->p->council, sc, c->agent, e);
    else
        write_channels(&out, v, sc, &r);
    if (rc < 0) return str_free(&out), rc;
    if (out.failed) return str_free(&out), fail(e, ERR_NOMEM, "out of memory for a planted reply");
    snprintf(a->model, sizeof a->model, "planted:%s", b->s->model[cell->model].id);
    a->text = out.s, a->text_n = out.len;
    return 0;
}

static int submit(struct backend *self, const struct call *c, struct err *e) {
    struct planter *b = (struct planter *)self;
    struct answer a;
    TRY(answer(b, c, &a, e));
    int rc = answer_push(&b->ready, &a, e);
    if (rc < 0) answer_free(&a);
    return rc;
}

static int poll_ready(struct backend *self, double wait_s, struct answer *out, struct err *e) {
    (void)wait_s, (void)e;
    return answer_pop(&((struct planter *)self)->ready, out);
}

static int64_t pending(const struct backend *self) { return ((const struct planter *)self)->ready.n; }

static void shut(struct backend *self) {
    struct planter *b = (struct planter *)self;
    answer_queue_free(&b->ready);
    planted_words_free(b->words);
    free(b);
}

int planted_open(struct backend **out, const struct planted *p, const struct study *s, struct err *e) {
    struct planter *b = calloc(1, sizeof *b);
    if (!b) return fail(e, ERR_NOMEM, "out of memory for planted agents");
    b->b = (struct backend){.name = "planted",
                            .planted = 1,
                            .blind = 1,
                            .most = 1024,
                            .submit = submit,
                            .poll = poll_ready,
                            .pending = pending,
                            .close = shut};
    b->p = p, b->s = s;
    int rc = planted_words(b->words, s, e);
    if (rc < 0) return shut(&b->b), rc;
    *out = &b->b;
    return 0;
}
