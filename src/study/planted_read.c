/* The `planted` part of a study file, and what follows from it. */
#include "study/planted.h"
#include "study/study_int.h"
#include <math.h>
#include <string.h>

#define XX(id, name) name,
static const char *const names[] = {COMPONENT_MAP(XX) NULL};
#undef XX
const char *component_name(enum component c) { return names[c]; }

/* A number that may be missing. */
static int number(const struct study *s, const struct yml_node *map, const char *key, double lo, double hi, double *io,
                  struct err *e) {
    const struct yml_node *n = yml_get(map, key);
    return n ? study_real(s->doc, n, key, lo, hi, io, e) : 0;
}

static int read_component(struct planted_component *c, const struct study *s, const struct yml_node *n, int share,
                          struct err *e) {
    static const char *const keys[] = {"?mean", "?run", "?agent", "?individuation", NULL};
    double most = share ? 1 : 1000;
    TRY(yml_keys(s->doc, n, n->key, keys, e));
    TRY(number(s, n, "mean", 0, most, &c->mean, e));
    TRY(number(s, n, "run", 0, most, &c->run, e));
    TRY(number(s, n, "agent", 0, most, &c->agent, e));
    return number(s, n, "individuation", -100, 100, &c->individuation, e);
}

static int read_kinds(struct planted *p, const struct study *s, int l, int end, const struct yml_node *n, struct err *e) {
    const struct dictionary_source *d = language_dictionary(s->language[l], "protective");
    double sum = 0;
    TRY(yml_is(s->doc, n, YML_MAP, n->key, e));
    memset(p->kinds[l][end], 0, sizeof p->kinds[l][end]);
    for (const struct yml_node *c = n->first; c; c = c->next) {
        int k = 0;
        while (k < d->n_kinds && strcmp(d->kinds[k], c->key) != 0) k++;
        if (k == d->n_kinds)
            return yml_fail(s->doc, c, 1, ERR_FORMAT, e, "expected a kind of the dictionary protective, found \"%.40s\"", c->key);
        TRY(study_real(s->doc, c, c->key, 0, 1e6, &p->kinds[l][end][k], e));
        sum += p->kinds[l][end][k];
    }
    return sum > 0 ? 0 : yml_fail(s->doc, n, 1, ERR_RANGE, e, "expected weights with a sum above 0, found none");
}

/* The three effects from those on the two indices. */
static void split_effect(double *d, double cpi, double di) {
    double r3 = sqrt(3);
    if (isnan(di)) {
        d[COMPONENT_MONOLOGUE] = d[COMPONENT_BOUNDARY] = cpi / r3;
        d[COMPONENT_PROTECTIVE] = -cpi / r3;
        return;
    }
    d[COMPONENT_MONOLOGUE] = r3 * (cpi + di) / 2;
    d[COMPONENT_BOUNDARY] = r3 * (cpi - di) / 4;
    d[COMPONENT_PROTECTIVE] = -r3 * (cpi - di) / 4;
}

/* The effects in d that n sets. */
static int read_parts(double *d, const struct study *s, const struct yml_node *n, struct err *e) {
    double cpi = NAN, di = NAN;
    TRY(number(s, n, "cpi", -50, 50, &cpi, e));
    TRY(number(s, n, "di", -50, 50, &di, e));
    if (!isnan(di) && isnan(cpi)) return yml_fail(s->doc, n, 1, ERR_FORMAT, e, "expected cpi beside di, found none");
    if (!isnan(cpi)) split_effect(d, cpi, di);
    for (int c = 0; c < COMPONENTS; c++) {
        if (!isnan(cpi) && c != COMPONENT_CONFORMITY && yml_get(n, names[c]))
            return yml_fail(s->doc, yml_get(n, names[c]), 1, ERR_FORMAT, e,
                            "expected cpi or the effects of components, found both");
        TRY(number(s, n, names[c], -50, 50, &d[c], e));
    }
    return 0;
}

static int read_effect(struct planted *p, const struct study *s, const struct yml_node *n, int l, struct err *e) {
    static const char *const keys[] = {"?cpi",        "?di",         "?monologue", "?boundary", "?protective",
                                       "?conformity", "?kinds_none", "?kinds_all", NULL};
    TRY(yml_keys(s->doc, n, n->key, keys, e));
    TRY(read_parts(p->d[l], s, n, e));
    const struct yml_node *none = yml_get(n, "kinds_none"), *all = yml_get(n, "kinds_all");
    if (none) TRY(read_kinds(p, s, l, 0, none, e));
    return all ? read_kinds(p, s, l, 1, all, e) : 0;
}

static int language_at(const struct study *s, const struct yml_node *c, int *l, struct err *e) {
    for (*l = 0; *l < s->n_languages; ++*l)
        if (!strcmp(s->language[*l]->code, c->key)) return 0;
    return yml_fail(s->doc, c, 1, ERR_FORMAT, e, "effects: expected a language of the study, found \"%.40s\"", c->key);
}

/* What is set for one model in a language takes the place of what all have there. */
static int read_model(struct planted *p, const struct study *s, const struct yml_node *n, struct err *e) {
    static const char *const keys[] = {"?cpi", "?di", "?monologue", "?boundary", "?protective", "?conformity", NULL};
    int m = 0, l;
    while (m < s->n_models && strcmp(s->model[m].id, n->key) != 0) m++;
    if (m == s->n_models)
        return yml_fail(s->doc, n, 1, ERR_FORMAT, e, "models: expected a model of the study, found \"%.40s\"", n->key);
    TRY(yml_is(s->doc, n, YML_MAP, n->key, e));
    for (const struct yml_node *c = n->first; c; c = c->next) {
        double d[COMPONENTS];
        TRY(language_at(s, c, &l, e));
        memcpy(d, p->d[l], sizeof d);
        TRY(yml_keys(s->doc, c, c->key, keys, e));
        TRY(read_parts(d, s, c, e));
        for (int k = 0; k < COMPONENTS; k++) p->more[m][l][k] = d[k] - p->d[l][k];
    }
    return 0;
}

static int read_effects(struct planted *p, const struct study *s, const struct yml_node *n, struct err *e) {
    const struct yml_node *models = yml_get(n, "models");
    int l;
    TRY(yml_is(s->doc, n, YML_MAP, "effects", e));
    for (const struct yml_node *c = n->first; c; c = c->next) {
        if (c == models) continue;
        TRY(language_at(s, c, &l, e));
        TRY(read_effect(p, s, c, l, e));
    }
    if (!models) return 0;
    TRY(yml_is(s->doc, models, YML_MAP, "models", e));
    for (const struct yml_node *c = models->first; c; c = c->next) TRY(read_model(p, s, c, e));
    return 0;
}

static void defaults(struct planted *p) {
    *p = (struct planted){.graphemes = 240,
                          .whisper = 0.1,
                          .part = {{.mean = 0.25, .run = 0.03, .agent = 0.05},
                                   {.mean = 8, .run = 1.2, .agent = 1.5},
                                   {.mean = 14, .run = 2, .agent = 2.5},
                                   {.mean = 8, .run = 1, .agent = 1.5}}};
    for (int l = 0; l < STUDY_MAX_LANGUAGES; l++)
        for (int end = 0; end < 2; end++)
            for (int k = 0; k < LANGUAGE_MAX_KINDS; k++) p->kinds[l][end][k] = 1;
}

/* One draw decides what becomes of a reply, so that both shares are of the same whole. */
static int read_fates(struct planted *p, const struct study *s, const struct yml_node *n, struct err *e) {
    TRY(number(s, n, "malformed", 0, 1, &p->malformed, e));
    TRY(number(s, n, "refused", 0, 1, &p->refused, e));
    if (p->malformed + p->refused <= 1 + 1e-9) return 0;
    return yml_fail(s->doc, n, 0, ERR_RANGE, e, "planted: expected malformed and refused of at most 1 together, found %g + %g",
                    p->malformed, p->refused);
}

/* Members of a council have no other statistics than their rates. */
static int read_council(struct planted *p, const struct study *s, struct err *e) {
    static const char *const keys[] = {"council", "?malformed", "?refused", NULL};
    if (s->planted) TRY(yml_keys(s->doc, s->planted, "planted", keys, e));
    TRY(council_rates_read(&p->council, s, e));
    return read_fates(p, s, s->planted, e);
}

int planted_read(struct planted *p, const struct study *s, struct err *e) {
    static const char *const keys[] = {"?monologue", "?boundary",  "?protective", "?conformity", "?own",     "?turn",
                                       "?whisper",   "?malformed", "?refused",    "?graphemes",  "?effects", NULL};
    const struct yml_node *n = s->planted, *c;
    defaults(p);
    if (!study_has_channel(s, CHANNEL_WHISPER)) p->whisper = 0;
    if (!study_has_channel(s, CHANNEL_MONOLOGUE))
        return fail(e, ERR_UNSUPPORTED, "expected a monologue for planted agents, found a study without one (channels)");
    if (s->council.options) return read_council(p, s, e);
    if (!n) return 0;
    TRY(yml_keys(s->doc, n, "planted", keys, e));
    for (int i = 0; i < COMPONENTS; i++)
        if ((c = yml_get(n, names[i]))) TRY(read_component(&p->part[i], s, c, i == COMPONENT_MONOLOGUE, e));
    TRY(number(s, n, "own", -100, 100, &p->own, e));
    TRY(number(s, n, "turn", -2, 2, &p->turn, e));
    TRY(number(s, n, "whisper", 0, study_has_channel(s, CHANNEL_WHISPER), &p->whisper, e));
    TRY(read_fates(p, s, n, e));
    if ((c = yml_get(n, "graphemes"))) TRY(yml_int(s->doc, c, "graphemes", 20, 4000, &p->graphemes, e));
    return (c = yml_get(n, "effects")) ? read_effects(p, s, c, e) : 0;
}

/* Rounding: an agent's total is off by a variance of f (1 − f), on average 1/6. */
double planted_sd(const struct planted *p, const struct study *s, enum component c) {
    const struct planted_component *x = &p->part[c];
    double n = s->n_agents, text = n * s->n_turns * (double)p->graphemes;
    double unit = (c == COMPONENT_MONOLOGUE ? 1 : 1000) / text;
    return sqrt(x->run * x->run + x->agent * x->agent / n + unit * unit * n / 6);
}

double planted_mean(const struct planted *p, const struct study *s, int language, enum component c, double share) {
    return p->part[c].mean + p->d[language][c] * planted_sd(p, s, c) * share;
}

void planted_effect(const struct planted *p, int l, double *cpi, double *di) {
    const double *d = p->d[l], r3 = sqrt(3);
    *cpi = (d[COMPONENT_MONOLOGUE] + d[COMPONENT_BOUNDARY] - d[COMPONENT_PROTECTIVE]) / r3;
    *di = (d[COMPONENT_MONOLOGUE] + d[COMPONENT_PROTECTIVE] - d[COMPONENT_BOUNDARY]) / r3;
}
