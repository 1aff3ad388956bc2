/* Planted agents: which pieces a reply is made of, and in which channel each stands. */
#include "study/planted_reply.h"

/* A piece with the comma before it, if there is room (or if it must). */
static int lay(struct sheet *x, const struct vocabulary *v, const struct piece *p, int must) {
    int need = p->graphemes + (x->n ? v->comma_graphemes : 0);
    if (x->n == SHEET_PIECES_MAX || (!must && x->graphemes + need > x->room)) return 0;
    x->at[x->n++] = p;
    x->graphemes += need;
    return 1;
}

static const struct piece *pick_form(const struct planted_agent *a, const struct vocabulary *v, enum component c, struct rng *g) {
    const struct pieces *list = &v->of[c];
    if (c != COMPONENT_PROTECTIVE) return &list->at[rng_below(g, (uint64_t)list->n)];
    double w[LANGUAGE_MAX_KINDS], sum = 0;
    for (int k = 0; k < LANGUAGE_MAX_KINDS; k++) {
        int some = list->first[k + 1] > list->first[k], l = a->cell->language;
        w[k] = some ? (1 - a->share) * a->p->kinds[l][0][k] + a->share * a->p->kinds[l][1][k] : 0;
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
static void lay_hits(struct planted_reply *r, const struct planted_agent *a, const struct vocabulary *v,
                     const struct planted_counts *n) {
    struct sheet *x = r->sheet;
    int total = x[0].room + x[1].room + x[2].room;
    for (int c = COMPONENT_BOUNDARY; c < COMPONENTS; c++)
        for (int64_t i = 0; i < n->hits[c]; i++) {
            const struct piece *p = pick_form(a, v, (enum component)c, &r->g);
            int at = (int)rng_below(&r->g, (uint64_t)(total > 0 ? total : 1)), k = 0;
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

static void fill(struct planted_reply *r, const struct planted_agent *a, const struct vocabulary *v, int turn) {
    struct sheet *x = r->sheet;
    struct planted_counts n;
    int agents = a->s->n_agents;
    planted_counts(a, turn, &n);
    x[CHANNEL_MONOLOGUE].room = (int)n.monologue;
    x[CHANNEL_TALK].room = (int)(a->p->graphemes - n.monologue);
    double whispers = rng_uniform(&r->g);
    if (agents > 1 && whispers < a->p->whisper && x[CHANNEL_TALK].room >= 60) {
        r->to = (a->agent + 1 + (int)rng_below(&r->g, (uint64_t)agents - 1)) % agents;
        x[CHANNEL_WHISPER].room = x[CHANNEL_TALK].room / 3;
        x[CHANNEL_TALK].room -= x[CHANNEL_WHISPER].room;
    }
    lay_hits(r, a, v, &n);
    for (int c = 0; c < CHANNELS; c++)
        if (sheet_said(&x[c])) lay_neutral(v, &x[c], &r->g);
}

void planted_reply(struct planted_reply *r, const struct planted_agent *a, const struct vocabulary *v, int turn, int ask) {
    r->status = TURN_OK, r->to = -1;
    for (int c = 0; c < CHANNELS; c++) r->sheet[c].n = r->sheet[c].graphemes = r->sheet[c].room = 0;
    r->g = RNG(a->s->key, STREAM_PLANTED, a->cell->key, (uint64_t)a->replicate, 1 + (uint64_t)a->agent, COMPONENTS,
               (uint64_t)turn, (uint64_t)ask);
    double fate = rng_uniform(&r->g);
    if (fate < a->p->refused)
        r->status = TURN_REFUSED;
    else if (fate < a->p->refused + a->p->malformed)
        r->status = TURN_MALFORMED;
    else if (!a->s->council.options)
        fill(r, a, v, turn);
}
