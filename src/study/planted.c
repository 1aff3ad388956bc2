/* Planted agents: how much of what they write, and the text of it. */
#include "study/planted.h"
#include "base/rng.h"
#include "study/planted_words.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PIECES_MAX = 1024 };

/* ---- how much ---- */

struct agent_rate {
    double rate, phase;
};

static double aligned_share(const struct scene *sc, int n) {
    int k = 0;
    for (int i = 0; i < n; i++) k += scene_seats(sc)[i].prefixes >> PREFIX_ALIGNMENT & 1;
    return (double)k / n;
}

/* What of an agent's rate is the same at all turns, and where its rounding begins. */
static struct agent_rate agent_rate(const struct planted *p, const struct scene *sc, int agent, enum component c) {
    const struct study *s = scene_study(sc);
    const struct cell *cell = scene_cell(sc);
    const struct planted_component *x = &p->part[c];
    uint64_t rep = (uint64_t)scene_replicate(sc);
    struct rng run = RNG(s->key, STREAM_PLANTED, cell->key, rep, 0, (uint64_t)c);
    struct rng own = RNG(s->key, STREAM_PLANTED, cell->key, rep, 1 + (uint64_t)agent, (uint64_t)c);
    double sd = planted_sd(p, s, c), share = aligned_share(sc, s->n_agents);
    unsigned prefixes = scene_seats(sc)[agent].prefixes;
    double aligned = prefixes >> PREFIX_ALIGNMENT & 1, single = prefixes >> PREFIX_INDIVIDUATION & 1;
    double rate = planted_mean(p, s, cell->language, c, share) + x->run * rng_normal(&run) + x->agent * rng_normal(&own);
    rate += p->more[cell->model][cell->language][c] * sd * share;
    rate += p->own * sd * (aligned - share) + x->individuation * sd * single;
    return (struct agent_rate){.rate = rate, .phase = rng_uniform(&own)};
}

/* The units that are written up to the end of a turn, before rounding. */
static double written(const struct planted *p, const struct study *s, const struct agent_rate *a, enum component c, int turns) {
    double sum = 0, most = c == COMPONENT_MONOLOGUE ? 0.95 : 1000, unit = c == COMPONENT_MONOLOGUE ? 1 : 1e-3;
    for (int t = 1; t <= turns; t++) {
        double r = a->rate * (1 + p->turn * (t - (s->n_turns + 1) / 2.0) / s->n_turns);
        sum += fmin(fmax(r, 0), most) * unit * (double)p->graphemes;
    }
    return floor(sum + a->phase);
}

void planted_counts(const struct planted *p, const struct scene *sc, int agent, int turn, struct planted_counts *out) {
    *out = (struct planted_counts){0};
    for (int c = 0; c < COMPONENTS; c++) {
        struct agent_rate a = agent_rate(p, sc, agent, (enum component)c);
        const struct study *s = scene_study(sc);
        int64_t n = (int64_t)(written(p, s, &a, (enum component)c, turn) - written(p, s, &a, (enum component)c, turn - 1));
        if (c == COMPONENT_MONOLOGUE)
            out->monologue = n < p->graphemes ? n : p->graphemes;
        else
            out->hits[c] = n;
    }
}

/* ---- the text ---- */

struct planter {
    struct backend b;
    const struct planted *p;
    const struct study *s;
    struct vocabulary words[STUDY_MAX_LANGUAGES];
    struct answer_queue ready;
};
struct sheet { /* a channel of a reply */
    const struct piece *at[PIECES_MAX];
    int n, graphemes, room;
};

/* A piece with the comma before it, if there is room (or if it must). */
static int lay(struct sheet *x, const struct vocabulary *v, const struct piece *p, int must) {
    int need = p->graphemes + (x->n ? v->comma_graphemes : 0);
    if (x->n == PIECES_MAX || (!must && x->graphemes + need > x->room)) return 0;
    x->at[x->n++] = p;
    x->graphemes += need;
    return 1;
}

static const struct piece *pick_form(const struct planter *b, const struct scene *sc, enum component c, struct rng *g) {
    int l = scene_cell(sc)->language;
    const struct pieces *list = &b->words[l].of[c];
    if (c != COMPONENT_PROTECTIVE) return &list->at[rng_below(g, (uint64_t)list->n)];
    double w[LANGUAGE_MAX_KINDS], sum = 0, share = aligned_share(sc, b->s->n_agents);
    for (int k = 0; k < LANGUAGE_MAX_KINDS; k++) {
        int some = list->first[k + 1] > list->first[k];
        w[k] = some ? (1 - share) * b->p->kinds[l][0][k] + share * b->p->kinds[l][1][k] : 0;
        sum += w[k];
    }
    double at = rng_uniform(g) * sum;
    int k = 0;
    while (k + 1 < LANGUAGE_MAX_KINDS && (at -= w[k]) >= 0) k++;
    while (k && list->first[k + 1] == list->first[k]) k--;
    int n = list->first[k + 1] - list->first[k];
    return n ? &list->at[list->first[k] + (int)rng_below(g, (uint64_t)n)] : &list->at[rng_below(g, (uint64_t)list->n)];
}

static void lay_somewhere(struct sheet *x, const struct vocabulary *v, const struct piece *p, int first) {
    if (lay(&x[first], v, p, 0)) return;
    for (int k = 0; k < CHANNELS; k++)
        if (lay(&x[k], v, p, 0)) return;
    lay(&x[CHANNEL_TALK], v, p, 1);
}

/* Each hit goes to a channel by chance, in proportion to its room; where it does not fit, to another. */
static void lay_hits(const struct planter *b, const struct scene *sc, const struct planted_counts *n, struct sheet *x,
                     struct rng *g) {
    const struct vocabulary *v = &b->words[scene_cell(sc)->language];
    int total = x[0].room + x[1].room + x[2].room;
    for (int c = COMPONENT_BOUNDARY; c < COMPONENTS; c++)
        for (int64_t i = 0; i < n->hits[c]; i++) {
            const struct piece *p = pick_form(b, sc, (enum component)c, g);
            int at = (int)rng_below(g, (uint64_t)(total > 0 ? total : 1)), k = 0;
            while (k < 2 && at >= x[k].room) at -= x[k++].room;
            lay_somewhere(x, v, p, k);
        }
}

/* Neutral pieces while there is room for the shortest. */
static void lay_neutral(const struct vocabulary *v, struct sheet *x, struct rng *g) {
    const struct pieces *list = &v->of[COMPONENT_MONOLOGUE];
    for (;;) {
        int room = x->room - x->graphemes - (x->n ? v->comma_graphemes : 0), lo = 0, hi = list->n;
        while (lo < hi) {
            int mid = (lo + hi) / 2;
            if (list->at[mid].graphemes <= room)
                lo = mid + 1;
            else
                hi = mid;
        }
        if (!lo || !lay(x, v, &list->at[rng_below(g, (uint64_t)lo)], 0)) return;
    }
}

/* The pieces in drawn order, and dots up to the exact length. */
static void write_sheet(struct str *out, const struct vocabulary *v, struct sheet *x, struct rng *g) {
    lay_neutral(v, x, g);
    rng_shuffle(g, (void *)x->at, x->n, sizeof *x->at);
    for (int i = 0; i < x->n; i++) {
        if (i) str_puts(out, v->comma);
        str_add(out, x->at[i]->text, x->at[i]->len);
    }
    for (int i = x->graphemes; i < x->room; i++) str_puts(out, ".");
}

static void write_channels(struct str *out, const struct planter *b, const struct scene *sc, struct sheet *x, int to,
                           struct rng *g) {
    const struct language *l = scene_language(sc);
    const struct vocabulary *v = &b->words[scene_cell(sc)->language];
    for (int c = 0; c < CHANNELS; c++) {
        if (!x[c].room && !x[c].n) continue;
        str_printf(out, "%s[%s%s%s] ", out->len ? "\n" : "", l->tags[c], c == CHANNEL_WHISPER ? " " : "",
                   c == CHANNEL_WHISPER ? scene_name(sc, to) : "");
        write_sheet(out, v, &x[c], g);
    }
}

static int write_reply(const struct planter *b, const struct call *c, int turn, struct rng *g, struct str *out) {
    const struct scene *sc = c->scene;
    struct sheet x[CHANNELS] = {0};
    struct planted_counts n;
    int agents = b->s->n_agents, to = -1;
    planted_counts(b->p, sc, c->agent, turn, &n);
    x[CHANNEL_MONOLOGUE].room = (int)n.monologue;
    x[CHANNEL_TALK].room = (int)(b->p->graphemes - n.monologue);
    double whispers = rng_uniform(g);
    if (agents > 1 && whispers < b->p->whisper && x[CHANNEL_TALK].room >= 60) {
        to = (c->agent + 1 + (int)rng_below(g, (uint64_t)agents - 1)) % agents;
        x[CHANNEL_WHISPER].room = x[CHANNEL_TALK].room / 3;
        x[CHANNEL_TALK].room -= x[CHANNEL_WHISPER].room;
    }
    lay_hits(b, sc, &n, x, g);
    write_channels(out, b, sc, x, to, g);
    return 0;
}

/* A text without a tag. */
static const char *unreadable(const struct planter *b, const struct scene *sc) {
    const struct pieces *p = &b->words[scene_cell(sc)->language].of[COMPONENT_MONOLOGUE];
    return p->n ? p->at[0].text : scene_language(sc)->title;
}

static int answer(const struct planter *b, const struct call *c, struct answer *a, struct err *e) {
    int turn = scene_turn(c->scene);
    struct rng g = RNG(b->s->key, STREAM_PLANTED, scene_cell(c->scene)->key, (uint64_t)scene_replicate(c->scene),
                       1 + (uint64_t)c->agent, COMPONENTS, (uint64_t)turn, (uint64_t)c->ask);
    struct str out = {0};
    double fate = rng_uniform(&g);
    int rc = 0;
    str_puts(&out, "");
    *a = (struct answer){.tag = c->tag, .finish = CHAT_FINISH_STOP, .tokens_in = -1, .tokens_out = -1, .attempts = 1};
    if (fate < b->p->refused)
        a->finish = CHAT_FINISH_REFUSAL;
    else if (fate < b->p->refused + b->p->malformed)
        str_puts(&out, unreadable(b, c->scene));
    else if (b->s->council.options)
        rc = council_speak(&out, &b->p->council, c->scene, c->agent, e);
    else
        write_reply(b, c, turn, &g, &out);
    if (rc < 0) return str_free(&out), rc;
    if (out.failed) return str_free(&out), fail(e, ERR_NOMEM, "out of memory for a planted reply");
    snprintf(a->model, sizeof a->model, "planted:%s", b->s->model[scene_cell(c->scene)->model].id);
    a->text = out.s, a->text_n = out.len;
    return 0;
}

/* ---- the back end ---- */

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
    for (int i = 0; i < STUDY_MAX_LANGUAGES; i++) vocabulary_free(&b->words[i]);
    free(b);
}

int planted_open(struct backend **out, const struct planted *p, const struct study *s, struct err *e) {
    struct planter *b = calloc(1, sizeof *b);
    if (!b) return fail(e, ERR_NOMEM, "out of memory for planted agents");
    b->b = (struct backend){
        .name = "planted", .planted = 1, .most = 1024, .submit = submit, .poll = poll_ready, .pending = pending, .close = shut};
    b->p = p, b->s = s;
    for (int i = 0; i < s->n_languages && !s->council.options; i++) {
        int rc = vocabulary_make(&b->words[i], s->language[i], e);
        if (rc < 0) return shut(&b->b), rc;
    }
    *out = &b->b;
    return 0;
}
