/* One rule for which arms make a line over the share of a prefix. */
#include "study/sweep.h"

/* Where every arm draws its seats per run, none of them is the odd one out. */
static int all_shuffled(const struct study *s) {
    for (int i = 0; i < s->n_arms; i++)
        if (!s->arm[i].shuffled_personas) return 0;
    return 1;
}

uint64_t sweep_arms(const struct study *s, enum prefix_id p) {
    uint64_t arms = 0;
    for (int i = 0; i < s->n_arms; i++) {
        const struct arm *a = &s->arm[i];
        int others = 0;
        for (int q = 0; q < PREFIXES; q++) others += q != (int)p && a->with[q] > 0;
        if (!others && a->same_as < 0 && (!a->shuffled_personas || all_shuffled(s))) arms |= 1ull << i;
    }
    return arms;
}

int sweep_ends(const struct study *s, int language, int model, int *none, int *all) {
    uint64_t arms = sweep_arms(s, PREFIX_ALIGNMENT);
    *none = *all = -1;
    for (int i = s->n_cells - 1; i >= 0; i--) {
        const struct cell *c = &s->cell[i];
        int with = s->arm[c->arm].with[PREFIX_ALIGNMENT];
        if (c->language != language || c->model != model || !(arms >> c->arm & 1)) continue;
        if (with == 0) *none = i;
        if (with == s->n_agents) *all = i;
    }
    return *none >= 0 && *all >= 0;
}
