/* Planted agents: how much each writes to itself, and how many words of each dictionary. */
#include "base/rng.h"
#include "study/planted.h"
#include <math.h>
#include <string.h>

static double with_share(const struct study *s, const struct seat *seats, enum prefix_id prefix) {
    int k = 0;
    for (int i = 0; i < s->n_agents; i++) k += seats[i].prefixes >> prefix & 1;
    return (double)k / s->n_agents;
}

void planted_agent(struct planted_agent *out, const struct planted *p, const struct study *s, const struct cell *cell,
                   int replicate, const struct seat *seats, int agent) {
    struct planted_agent a = {.p = p, .s = s, .cell = cell, .replicate = replicate, .agent = agent};
    double aligned = seats[agent].prefixes >> PREFIX_ALIGNMENT & 1, single = seats[agent].prefixes >> PREFIX_INDIVIDUATION & 1;
    a.share = with_share(s, seats, PREFIX_ALIGNMENT);
    for (int c = 0; c < COMPONENTS; c++) {
        const struct planted_component *x = &p->part[c];
        struct rng run = RNG(s->key, STREAM_PLANTED, cell->key, (uint64_t)replicate, 0, (uint64_t)c);
        struct rng own = RNG(s->key, STREAM_PLANTED, cell->key, (uint64_t)replicate, 1 + (uint64_t)agent, (uint64_t)c);
        double sd = planted_sd(p, s, (enum component)c), mean = planted_mean(p, s, cell->language, (enum component)c, a.share);
        double rate = mean + x->run * rng_normal(&run) + x->agent * rng_normal(&own);
        rate += p->more[cell->model][cell->language][c] * sd * a.share;
        a.rate[c] = rate + p->own * sd * (aligned - a.share) + x->individuation * sd * single;
        a.phase[c] = rng_uniform(&own);
    }
    *out = a;
}

/* The units that are written up to the end of a turn. */
static double written(const struct planted_agent *a, int c, int turns) {
    double sum = 0, most = c == COMPONENT_MONOLOGUE ? 0.95 : 1000, unit = c == COMPONENT_MONOLOGUE ? 1 : 1e-3;
    for (int t = 1; t <= turns; t++) {
        double r = a->rate[c] * (1 + a->p->turn * (t - (a->s->n_turns + 1) / 2.0) / a->s->n_turns);
        sum += fmin(fmax(r, 0), most) * unit * (double)a->p->graphemes;
    }
    return floor(sum + a->phase[c]);
}

void planted_counts(const struct planted_agent *a, int turn, struct planted_counts *out) {
    *out = (struct planted_counts){0};
    for (int c = 0; c < COMPONENTS; c++) {
        int64_t n = (int64_t)(written(a, c, turn) - written(a, c, turn - 1));
        if (c == COMPONENT_MONOLOGUE)
            out->monologue = n < a->p->graphemes ? n : a->p->graphemes;
        else
            out->hits[c] = n;
    }
}

void planted_nothing(struct planted *p) {
    p->own = 0;
    for (int c = 0; c < COMPONENTS; c++) p->part[c].individuation = 0;
    memset(p->more, 0, sizeof p->more);
    for (int l = 0; l < STUDY_MAX_LANGUAGES; l++) {
        memset(p->d[l], 0, sizeof p->d[l]);
        memcpy(p->kinds[l][1], p->kinds[l][0], sizeof p->kinds[l][1]);
    }
}
