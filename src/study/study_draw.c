/* Cells, and what is drawn: run order, placement, seats, turn order. Every draw has a stream of its own. */
#include "base/hash.h"
#include "base/rng.h"
#include "study/beside.h"
#include "study/study_int.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NAMES(fn, type, map)                          \
    const char *fn(type v) {                          \
        static const char *const names[] = {map(XX)}; \
        return names[v];                              \
    }
#define XX(id, name) name,
NAMES(turn_order_name, enum turn_order, TURN_ORDER_MAP)
NAMES(audience_name, enum audience, AUDIENCE_MAP)
NAMES(among_name, enum among, AMONG_MAP)
NAMES(council_split_name, enum council_split, COUNCIL_SPLIT_MAP)
#undef XX

void study_free(struct study *s) {
    if (!s) return;
    for (int i = 0; i < STUDY_MAX_LANGUAGES; i++) {
        language_free(s->language[i]);
        free(s->language_bytes[i]);
        free(s->council_bytes[i]);
    }
    beside_free(s);
    free(s->cell);
    yml_free(s->doc);
    free(s->source);
    free(s);
}

static int from_dir(const char *dir, const char *below, const char *code, char **bytes, size_t *n, char *name, size_t name_size,
                    struct err *e) {
    int len = snprintf(name, name_size, "%s/%s%s.yaml", dir, below, code);
    if (len < 0 || (size_t)len >= name_size) return fail(e, ERR_LIMIT, "path of the language %.40s is too long", code);
    return file_read(bytes, n, name, YML_MAX_BYTES, e);
}

int language_from_dir(void *ctx, const char *code, char **bytes, size_t *n, char *name, size_t name_size, struct err *e) {
    return from_dir(ctx, "", code, bytes, n, name, name_size, e);
}

int council_from_dir(void *ctx, const char *code, char **bytes, size_t *n, char *name, size_t name_size, struct err *e) {
    return from_dir(ctx, "../council/", code, bytes, n, name, name_size, e);
}

void study_reseed(struct study *s, uint64_t seed) {
    s->seed = seed;
    s->key = hash_mix(seed ^ hash_text(s->id));
}

int study_cells(struct study *s, struct err *e) {
    int n = s->n_models * s->n_languages * s->n_arms;
    study_reseed(s, s->seed);
    s->cell = calloc((size_t)n + 1, sizeof *s->cell);
    if (!s->cell) return fail(e, ERR_NOMEM, "out of memory for the cells of a study");
    for (int m = 0; m < s->n_models; m++)
        for (int l = 0; l < s->n_languages; l++)
            for (int a = 0; a < s->n_arms; a++) {
                const struct arm *arm = &s->arm[a];
                if (!(arm->languages >> l & 1) || !(arm->models >> m & 1)) continue;
                struct cell *c = &s->cell[s->n_cells];
                *c = (struct cell){.index = s->n_cells++, .language = l, .model = m, .arm = a, .replicates = arm->replicates};
                snprintf(c->id, sizeof c->id, "%s/%s/%s", s->language[l]->code, s->model[m].id, arm->id);
                c->key = hash_text(c->id);
            }
    if (s->n_cells > STUDY_MAX_CELLS)
        return yml_fail(s->doc, yml_root(s->doc), 0, ERR_LIMIT, e, "expected at most %d cells, found %d", STUDY_MAX_CELLS,
                        s->n_cells);
    return 0;
}

int64_t study_runs(const struct study *s) {
    int64_t n = 0;
    for (int i = 0; i < s->n_cells; i++) n += s->cell[i].replicates;
    return n;
}

int study_jobs(const struct study *s, struct job **out, int64_t *n, struct err *e) {
    int64_t total = study_runs(s), at = 0;
    struct job *j = calloc((size_t)total + 1, sizeof *j);
    if (!j) return fail(e, ERR_NOMEM, "out of memory for the jobs of a study");
    int step = s->block ? s->block : STUDY_MAX_REPLICATES;
    for (int first = 0; first < STUDY_MAX_REPLICATES && at < total; first += step) {
        int64_t from = at;
        for (int c = 0; c < s->n_cells; c++)
            for (int r = first; r < first + step && r < s->cell[c].replicates; r++) j[at++] = (struct job){c, r};
        struct rng g = RNG(s->key, STREAM_ORDER, (uint64_t)first);
        rng_shuffle(&g, j + from, at - from, sizeof *j);
    }
    *out = j, *n = total;
    return 0;
}

/* Personas in the order in which they carry prefixes. */
static void place_order(const struct study *s, const struct arm *a, int replicate, int *order) {
    int n = 0;
    for (int i = 0; i < a->n_first; i++) order[n++] = a->first[i];
    for (int p = 0; p < s->n_agents; p++) {
        int there = 0;
        for (int i = 0; i < a->n_first; i++) there |= a->first[i] == p;
        if (!there) order[n++] = p;
    }
    if (!a->shuffled_place) return;
    struct rng g = RNG(s->key, STREAM_PLACE, (uint64_t)replicate);
    rng_shuffle(&g, order, n, sizeof *order);
}

/* The order in which individuation is given: from the aligned end, from the other end, or drawn anew. */
static int individual_at(const struct study *s, const struct arm *a, const int *order, const int *other, int i) {
    if (a->among == AMONG_ALIGNED) return order[i];
    return a->among == AMONG_REST ? order[s->n_agents - 1 - i] : other[i];
}

void study_cast(const struct study *s, const struct cell *c, int replicate, struct seat seats[STUDY_MAX_AGENTS]) {
    const struct arm *a = &s->arm[c->arm];
    int order[STUDY_MAX_AGENTS], other[STUDY_MAX_AGENTS], chair[STUDY_MAX_AGENTS];
    unsigned with[STUDY_MAX_AGENTS] = {0};
    place_order(s, a, replicate, order);
    memcpy(other, order, sizeof other);
    if (a->shuffled_place) {
        struct rng g = RNG(s->key, STREAM_AMONG, (uint64_t)replicate);
        rng_shuffle(&g, other, s->n_agents, sizeof *other);
    }
    int al = a->with[PREFIX_ALIGNMENT];
    for (int i = 0; i < al; i++) with[order[i]] |= 1u << PREFIX_ALIGNMENT;
    for (int i = al; i < al + a->with[PREFIX_PLACEBO]; i++) with[order[i]] |= 1u << PREFIX_PLACEBO;
    for (int i = 0; i < a->with[PREFIX_INDIVIDUATION]; i++)
        with[individual_at(s, a, order, other, i)] |= 1u << PREFIX_INDIVIDUATION;
    for (int i = 0; i < s->n_agents; i++) chair[i] = i;
    if (a->shuffled_personas) {
        struct rng g = RNG(s->key, STREAM_SEATS, c->key, (uint64_t)replicate);
        rng_shuffle(&g, chair, s->n_agents, sizeof *chair);
    }
    for (int i = 0; i < s->n_agents; i++) seats[i] = (struct seat){.persona = chair[i], .prefixes = with[chair[i]]};
}

void study_order(const struct study *s, const struct cell *c, int replicate, int turn, int order[STUDY_MAX_AGENTS]) {
    for (int i = 0; i < s->n_agents; i++) order[i] = i;
    if (s->order != ORDER_SHUFFLED) return;
    struct rng g = RNG(s->key, STREAM_TURN, c->key, (uint64_t)replicate, (uint64_t)turn);
    rng_shuffle(&g, order, s->n_agents, sizeof *order);
}

uint64_t study_seed(const struct study *s, const struct cell *c, int replicate, int turn, int agent, int ask) {
    struct rng g = RNG(s->key, STREAM_SAMPLER, c->key, (uint64_t)replicate, (uint64_t)turn, (uint64_t)agent, (uint64_t)ask);
    return rng_u64(&g);
}
