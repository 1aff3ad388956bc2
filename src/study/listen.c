/* See listen.h. A run is played once, and its agent-turns are kept until another run is asked for. */
#include "study/listen.h"
#include "base/str.h"
#include "study/council.h"
#include "study/local.h"
#include "study/revisit.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct spoken { /* an agent-turn */
    struct toks prompt;
    char *text; /* of the reply; NULL: there is none */
    size_t n;
};
struct listener {
    struct written written;
    const struct study *s;
    struct archive *a;
    struct listen_opts o;
    int64_t at; /* the run that is held; -1: none */
    struct scene *sc;
    struct spoken *turn; /* [turns, agents] */
};

static int64_t per_run(const struct listener *l) { return (int64_t)l->s->n_turns * l->s->n_agents; }

/* ---- a run ---- */

static void forget(struct listener *l) {
    for (int64_t i = 0; i < per_run(l); i++) {
        toks_free(&l->turn[i].prompt);
        free(l->turn[i].text);
        l->turn[i] = (struct spoken){0};
    }
    scene_free(l->sc);
    l->sc = NULL, l->at = -1;
}

static int keep(void *ctx, const struct scene *sc, int agent, const char *text, size_t n, struct err *e) {
    struct listener *l = ctx;
    struct spoken *t = &l->turn[(scene_turn(sc) - 1) * l->s->n_agents + agent];
    struct context c = {0};
    TRY(scene_context(sc, agent, &c, e));
    int rc = local_prompt(l->o.tok, l->o.chat, &c, &t->prompt, e);
    context_free(&c);
    TRY(rc);
    t->text = malloc(n + 1), t->n = n;
    if (!t->text) return fail(e, ERR_NOMEM, "out of memory for a reply");
    memcpy(t->text, text, n);
    t->text[n] = 0;
    return 0;
}

static int load(struct listener *l, int64_t run, struct err *e) {
    int c = 0;
    if (l->at == run) return 0;
    forget(l);
    for (int64_t left = run; c < l->s->n_cells; left -= l->s->cell[c++].replicates)
        if (left < l->s->cell[c].replicates) {
            TRY(scene_open(&l->sc, l->s, &l->s->cell[c], (int)left, e));
            break;
        }
    TRY(revisit_run(l->sc, l->a, keep, l, e));
    l->at = run;
    return 0;
}

/* ---- a trace ---- */

/* Bytes [from, to) of a reply behind the mark of a channel; 0: there is no such mark. */
static int find_part(const struct listener *l, const char *text, size_t *from, size_t *to) {
    char mark[256];
    enum channel c = l->o.part == LISTEN_NOTE ? CHANNEL_MONOLOGUE : CHANNEL_TALK;
    snprintf(mark, sizeof mark, "[%s]", scene_language(l->sc)->tags[c]);
    const char *at = strstr(text, mark);
    if (!at) return 0;
    *from = (size_t)(at - text) + strlen(mark);
    *to = *from + strcspn(text + *from, "\n");
    return 1;
}

/* The reply's ids: those that begin before the part go to the prompt, those within it to the trace. */
static int cut(const struct listener *l, const struct spoken *s, struct trace *t, struct toks *prompt, struct err *e) {
    struct toks ids = {0};
    size_t from = s->n, to = s->n, at = 0, first = s->n;
    int found = find_part(l, s->text, &from, &to), rc = tokenizer_encode(l->o.tok, s->text, s->n, 0, &ids, e);
    t->ids = malloc((size_t)(ids.n + 1) * sizeof *t->ids), t->ends = malloc((size_t)(ids.n + 1) * sizeof *t->ends);
    if (rc >= 0 && (!t->ids || !t->ends)) rc = fail(e, ERR_NOMEM, "out of memory for a trace");
    for (int64_t i = 0; rc >= 0 && i < ids.n && at < to; i++) {
        const char *piece;
        size_t n;
        rc = tokenizer_piece(l->o.tok, ids.ids[i], &piece, &n, e);
        if (rc >= 0 && at < from)
            rc = toks_push(prompt, ids.ids[i], e);
        else if (rc >= 0) {
            if (first > at) first = at;
            t->ids[t->n] = ids.ids[i], t->ends[t->n++] = at + n - first;
        }
        at += n;
    }
    toks_free(&ids);
    if (rc < 0) return rc;
    if (at > s->n || first > s->n) return fail(e, ERR_STATE, "expected the ids of a reply to spell its bytes");
    t->close = t->n, t->len = at > first ? at - first : 0;
    t->text = strndup(s->text + first, t->len);
    if (!found || !t->n) t->out = OUT_NO_THOUGHT;
    return t->text ? 0 : fail(e, ERR_NOMEM, "out of memory for a trace");
}

static int place(const struct council_fact *f, int value) {
    for (int i = 0; i < f->n; i++)
        if (f->option[i] == value) return i;
    return -1;
}

static const char *kind_of(const struct council_note *n, const struct council_view *v) {
    if (n->said < 0) return "silent";
    if (n->said == n->note) return "sincere";
    for (int i = 0; i < v->n; i++)
        if (v->top[i] == n->said) return "conforming";
    return "misreporting";
}

static char *letter(int at) {
    const char s[2] = {(char)('A' + at), 0};
    return strdup(s);
}

static int put_question(const struct listener *l, const char *kind, struct question *q, struct err *e) {
    const struct council_fact *f = scene_fact(l->sc);
    const struct council_topic *topic = &scene_language(l->sc)->council->topics[f->topic];
    char id[32];
    snprintf(id, sizeof id, "replicate %d", scene_replicate(l->sc));
    *q = (struct question){.id = strdup(id),
                           .question = strdup(topic->question),
                           .kind = strdup(kind),
                           .answer = letter(place(f, f->truth)),
                           .choices = calloc((size_t)f->n, sizeof *q->choices)};
    int ok = q->id && q->question && q->kind && q->answer && q->choices;
    for (int i = 0; ok && i < f->n; i++) {
        ok = (q->choices[i] = strdup(topic->value[f->option[i]])) != NULL;
        q->n_choices = i + 1;
    }
    return ok ? 0 : fail(e, ERR_NOMEM, "out of memory for a question");
}

static int put_steps(struct trace *t, struct err *e) {
    const struct forced none = {.token = -1, .mass = NAN, .p = NAN, .entropy = NAN};
    t->steps = calloc(2, sizeof *t->steps);
    if (!t->steps) return fail(e, ERR_NOMEM, "out of memory for a trace");
    t->steps[t->n_steps++] = (struct trace_step){.forced = none};
    if (t->close) t->steps[t->n_steps++] = (struct trace_step){.reading = t->close, .byte = t->len, .forced = none};
    return 0;
}

static int outcome(struct listener *l, int turn, int agent, struct trace *t, struct err *e) {
    const struct council_fact *f = scene_fact(l->sc);
    struct council_note said;
    struct council_view view;
    TRY(council_heard(&said, l->sc, turn, agent, e));
    TRY(council_view(&view, l->sc, turn, agent, e));
    TRY(put_question(l, kind_of(&said, &view), &t->q, e));
    t->label = place(f, said.note), t->truth = place(f, f->truth), t->right = t->label == t->truth;
    t->answered = t->label < 0 ? ANSWERED_NOT : ANSWERED_WRITTEN;
    if (t->label < 0)
        t->out = OUT_NO_ANSWER;
    else if (!(t->answer = letter(t->label)))
        return fail(e, ERR_NOMEM, "out of memory for a trace");
    return put_steps(t, e);
}

static int read_trace(void *ctx, int64_t index, struct trace *t, struct toks *prompt, struct err *e) {
    struct listener *l = ctx;
    int64_t at = index % per_run(l);
    TRY(load(l, index / per_run(l), e));
    const struct spoken *s = &l->turn[at];
    *t = (struct trace){.index = index, .end = TRACE_END, .label = -1, .truth = -1, .token = -1, .truth_token = -1};
    for (int64_t i = 0; i < s->prompt.n; i++) TRY(toks_push(prompt, s->prompt.ids[i], e));
    TRY(cut(l, s->text ? s : &(struct spoken){.text = (char[]){""}}, t, prompt, e));
    return outcome(l, (int)(at / l->s->n_agents) + 1, (int)(at % l->s->n_agents), t, e);
}

/* ---- */

int listen_open(struct listener **out, const struct study *s, struct archive *a, const struct listen_opts *o, struct err *e) {
    if (!s->council.options) return fail(e, ERR_ARG, "expected a study with the key council, found %s, which has none", s->id);
    struct listener *l = calloc(1, sizeof *l);
    if (l)
        *l = (struct listener){
            .s = s, .a = a, .o = *o, .at = -1, .turn = calloc((size_t)(s->n_turns * s->n_agents), sizeof *l->turn)};
    if (!l || !l->turn) return free(l), fail(e, ERR_NOMEM, "out of memory to listen");
    l->written = (struct written){study_runs(s) * per_run(l), read_trace, l};
    *out = l;
    return 0;
}

void listen_free(struct listener *l) {
    if (!l) return;
    forget(l);
    free(l->turn), free(l);
}

const struct written *listen_traces(const struct listener *l) { return &l->written; }
