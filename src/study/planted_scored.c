/* Adds up what counting would find in planted replies. That a text of pieces has the sum of their graphemes, words and hits is what its
 * vocabulary was chosen for, and what the tests check against archives. */
#include "study/planted_scored.h"
#include "study/planted_reply.h"

/* Returns whether there is a hit of the dictionary conformity in it. */
static int count_sheet(struct counts *c, enum channel channel, const struct sheet *x) {
    int64_t conformity = c->hits[METRIC_CONFORMITY];
    c->acts[channel]++;
    c->graphemes[channel] += x->graphemes > x->room ? x->graphemes : x->room;
    for (int i = 0; i < x->n; i++) {
        const struct piece *p = x->at[i];
        c->words[channel] += p->words;
        if (p->of == COMPONENT_MONOLOGUE) continue;
        int d = (int)p->of - COMPONENT_BOUNDARY + METRIC_BOUNDARY;
        c->hits[d]++;
        c->kinds[d][p->kind]++;
    }
    return c->hits[METRIC_CONFORMITY] > conformity;
}

static void count_reply(struct counts *c, const struct planted_reply *r) {
    for (int k = 0; k < CHANNELS; k++) {
        if (!sheet_said(&r->sheet[k])) continue;
        int conforms = count_sheet(c, (enum channel)k, &r->sheet[k]);
        if (k == CHANNEL_TALK) c->aloud++, c->conformed += conforms;
    }
}

static void count_turn(struct counts *c, const struct planted_agent *a, const struct vocabulary *v, int turn) {
    struct planted_reply r;
    planted_reply(&r, a, v, turn, 0);
    if (r.status == TURN_MALFORMED && a->s->reasks) {
        planted_reply(&r, a, v, turn, 1);
        c->asked_again++;
    }
    c->turns[r.status]++;
    if (r.status == TURN_OK) count_reply(c, &r);
}

static int count_run(struct scored_run *r, const struct planted *p, const struct study *s, const struct cell *cell, int replicate,
                     const struct vocabulary *v, struct err *e) {
    struct seat seats[STUDY_MAX_AGENTS];
    struct planted_agent a;
    TRY(scored_room(r, s, 0, e));
    study_cast(s, cell, replicate, seats);
    for (int i = 0; i < s->n_agents; i++) {
        planted_agent(&a, p, s, cell, replicate, seats, i);
        for (int t = 1; t <= s->n_turns; t++) count_turn(&r->agent[i], &a, v, t);
    }
    r->finished = 1;
    return 0;
}

int planted_scored(struct scored *out, const struct planted *p, const struct study *s, const struct vocabulary *v,
                   struct err *e) {
    struct scored c;
    if (s->council.options)
        return fail(e, ERR_UNSUPPORTED,
                    "expected a study of planted words, found a council: what its members say depends on the texts");
    int rc = scored_begin(&c, s, e);
    TRY(rc);
    c.planted = 1;
    for (int i = 0; rc >= 0 && i < s->n_cells; i++)
        for (int k = 0; rc >= 0 && k < s->cell[i].replicates; k++)
            rc = count_run(&c.run[c.first[i] + k], p, s, &s->cell[i], k, &v[s->cell[i].language], e);
    if (rc < 0) return scored_free(&c), rc;
    scored_finish(&c);
    *out = c;
    return 0;
}
