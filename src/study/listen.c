/* See listen.h. A run is played once, and its agent-turns are kept until another run is asked for. */
#include "study/listen.h"
#include "base/str.h"
#include "study/council.h"
#include "study/local.h"
#include "study/revisit.h"
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct spoken { /* an agent-turn */
    struct toks prompt, reply;
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
        toks_free(&l->turn[i].prompt), toks_free(&l->turn[i].reply);
        free(l->turn[i].text);
        l->turn[i] = (struct spoken){0};
    }
    scene_free(l->sc);
    l->sc = NULL, l->at = -1;
}

/* The ids of a reply behind its prompt: those of the whole text, where they begin with the prompt's; else the reply's own. */
static int spell(const struct listener *l, struct spoken *t, struct str *text, struct err *e) {
    struct toks all = {0};
    TRY(tokenizer_encode(l->o.tok, text->s ? text->s : "", text->len, ENCODE_SPECIAL, &t->prompt, e));
    if (str_add(text, t->text, t->n) < 0) return fail(e, ERR_NOMEM, "out of memory for a reply");
    int rc = tokenizer_encode(l->o.tok, text->s ? text->s : "", text->len, ENCODE_SPECIAL, &all, e);
    int behind = rc >= 0 && all.n >= t->prompt.n && !memcmp(all.ids, t->prompt.ids, (size_t)t->prompt.n * sizeof *all.ids);
    for (int64_t i = t->prompt.n; behind && rc >= 0 && i < all.n; i++) rc = toks_push(&t->reply, all.ids[i], e);
    if (!behind && rc >= 0) rc = tokenizer_encode(l->o.tok, t->text, t->n, 0, &t->reply, e);
    toks_free(&all);
    return rc;
}

static int keep(void *ctx, const struct scene *sc, int agent, const json_t *fact, struct err *e) {
    struct listener *l = ctx;
    struct spoken *t = &l->turn[(scene_turn(sc) - 1) * l->s->n_agents + agent];
    const json_t *said = json_object_get(fact, "text");
    struct context c = {0};
    struct str text = {0};
    t->n = json_string_length(said), t->text = strndup(json_is_string(said) ? json_string_value(said) : "", t->n);
    if (!t->text) return fail(e, ERR_NOMEM, "out of memory for a reply");
    TRY(scene_context(sc, agent, &c, e));
    int rc = local_text(l->o.chat, &c, &text, e);
    if (rc >= 0) rc = spell(l, t, &text, e);
    context_free(&c);
    str_free(&text);
    return rc;
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
    TRY(revisit_run(l->sc, l->a, &(struct revisit){.asked = keep, .ctx = l}, e));
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
static int share_out(const struct listener *l, const struct spoken *s, size_t from, size_t to, struct trace *t,
                     struct toks *prompt, size_t *first, struct err *e) {
    size_t at = 0;
    for (int64_t i = 0; i < s->reply.n && at < to; i++) {
        const char *piece;
        size_t n;
        TRY(tokenizer_piece(l->o.tok, s->reply.ids[i], &piece, &n, e));
        if (n > s->n - at || memcmp(piece, s->text + at, n) != 0)
            return fail(e, ERR_STATE, "expected ids that spell a reply, found others at byte %zu of it", at);
        if (at < from) {
            TRY(toks_push(prompt, s->reply.ids[i], e));
        } else {
            if (!t->n) *first = at;
            t->ids[t->n] = s->reply.ids[i], t->ends[t->n++] = at + n - *first;
        }
        at += n;
    }
    return 0;
}

static int cut(const struct listener *l, const struct spoken *s, struct trace *t, struct toks *prompt, struct err *e) {
    size_t from = s->n, to = s->n, first = s->n, room = (size_t)s->reply.n + 1;
    int found = find_part(l, s->text, &from, &to);
    t->ids = malloc(room * sizeof *t->ids), t->ends = malloc(room * sizeof *t->ends);
    if (!t->ids || !t->ends) return fail(e, ERR_NOMEM, "out of memory for a trace");
    TRY(share_out(l, s, from, to, t, prompt, &first, e));
    t->close = t->n, t->len = t->n ? t->ends[t->n - 1] : 0;
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
