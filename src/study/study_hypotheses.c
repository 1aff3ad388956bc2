/* What a study file claims and by which rules it is judged: hypotheses, correction, stop rule, countries. Everything is checked against arms,
 * languages and models with its place, since a registration of something that cannot be tested is none. */
#include "study/study_int.h"
#include "study/sweep.h"
#include <string.h>

#define XX(id, name) name,
static const char *const metrics[] = {HYPOTHESIS_METRIC_MAP(XX)}, *const kinds[] = {HYPOTHESIS_KIND_MAP(XX)},
                         *const tests[] = {HYPOTHESIS_TEST_MAP(XX)}, *const directions[] = {HYPOTHESIS_DIRECTION_MAP(XX)},
                         *const scopes[] = {HYPOTHESIS_SCOPE_MAP(XX)}, *const bys[] = {HYPOTHESIS_BY_MAP(XX)},
                         *const corrections[] = {HYPOTHESIS_CORRECTION_MAP(XX)};
#undef XX
const char *hypothesis_metric_name(enum hypothesis_metric m) { return metrics[m]; }
const char *hypothesis_kind_name(enum hypothesis_kind k) { return kinds[k]; }
const char *hypothesis_test_name(enum hypothesis_test t) { return tests[t]; }
const char *hypothesis_direction_name(enum hypothesis_direction d) { return directions[d]; }
const char *hypothesis_scope_name(enum hypothesis_scope s) { return scopes[s]; }
const char *hypothesis_by_name(enum hypothesis_by b) { return bys[b]; }
const char *hypothesis_correction_name(enum hypothesis_correction c) { return corrections[c]; }

static int arm_at(struct study_reader *r, const struct yml_node *n, const char *what, int *out) {
    const char *s;
    TRY(yml_text(r->d, n, what, &s, r->e));
    for (int i = 0; i < r->s->n_arms; i++)
        if (!strcmp(r->s->arm[i].id, s)) {
            *out = i;
            return 0;
        }
    return yml_fail(r->d, n, 0, ERR_FORMAT, r->e, "%s: expected the id of an arm, found \"%.40s\"", what, s);
}

/* ---- kinds ---- */

static int read_contrast(struct study_reader *r, const struct yml_node *n, struct hypothesis *h) {
    TRY(yml_is(r->d, n, YML_LIST, "contrast", r->e));
    if (n->n != 2)
        return yml_fail(r->d, n, 0, ERR_FORMAT, r->e, "contrast: expected two arms (first minus second), found %d", n->n);
    TRY(arm_at(r, n->first, "contrast", &h->arm[0]));
    TRY(arm_at(r, n->last, "contrast", &h->arm[1]));
    if (h->arm[0] == h->arm[1])
        return yml_fail(r->d, n->last, 0, ERR_FORMAT, r->e, "contrast: expected two different arms, found \"%s\" twice",
                        r->s->arm[h->arm[0]].id);
    h->arms = 1ull << h->arm[0] | 1ull << h->arm[1];
    for (int i = 0; i < 2; i++)
        if (!(r->s->arm[h->arm[i]].languages & h->languages) || !(r->s->arm[h->arm[i]].models & h->models))
            return yml_fail(r->d, n, 0, ERR_FORMAT, r->e, "contrast: the arm \"%s\" runs in none of the languages and models",
                            r->s->arm[h->arm[i]].id);
    const struct arm *a = &r->s->arm[h->arm[0]], *b = &r->s->arm[h->arm[1]];
    if (((a->languages ^ b->languages) & h->languages) || ((a->models ^ b->models) & h->models))
        return yml_fail(
            r->d, n, 0, ERR_FORMAT, r->e,
            "contrast: expected two arms that run in the same languages and models, found \"%s\" and \"%s\" in different "
            "ones; name those that both have (languages, models)",
            a->id, b->id);
    return 0;
}

/* What is made of thoughts cannot be measured where there are none. */
static int check_metric(struct study_reader *r, const struct yml_node *n, const struct hypothesis *h) {
    int of_thoughts = h->metric == OF_CPI || h->metric == OF_DI || h->metric == OF_MONOLOGUE;
    if (!of_thoughts || study_has_channel(r->s, CHANNEL_MONOLOGUE)) return 0;
    return yml_fail(r->d, yml_get(n, "metric"), 0, ERR_FORMAT, r->e,
                    "metric: expected boundary, protective or conformity in a study without monologue (channels), found %s",
                    metrics[h->metric]);
}

/* Whether these arms differ in how many agents have the prefix, among those that run in a language with a model; -1: in any. */
static int varies(const struct study *s, uint64_t arms, enum prefix_id p, int language, int model) {
    int with = -1;
    for (int i = 0; i < s->n_arms; i++) {
        if (!(arms >> i & 1)) continue;
        if (language >= 0 && (!(s->arm[i].languages >> language & 1) || !(s->arm[i].models >> model & 1))) continue;
        if (with >= 0 && s->arm[i].with[p] != with) return 1;
        with = s->arm[i].with[p];
    }
    return 0;
}

/* A language without a share that varies has no slope: it would be a difference between languages that is called one. */
static int varies_everywhere(struct study_reader *r, const struct yml_node *n, const struct hypothesis *h) {
    const struct study *s = r->s;
    for (int l = 0; l < s->n_languages; l++)
        for (int m = 0; m < s->n_models; m++) {
            if (!(h->languages >> l & 1) || !(h->models >> m & 1) || varies(s, h->arms, h->prefix, l, m)) continue;
            return yml_fail(
                r->d, n, 0, ERR_FORMAT, r->e,
                "%s: expected arms with different shares of the prefix in every language with every model, found none in %s "
                "with %s; name those that have them (languages, models)",
                kinds[h->kind], s->language[l]->code, s->model[m].id);
        }
    return 0;
}

static int read_prefix(struct study_reader *r, const struct yml_node *map, struct hypothesis *h) {
    const char *const kind = kinds[h->kind];
    const char *names[PREFIXES];
    int p;
    for (int i = 0; i < PREFIXES; i++) names[i] = prefix_name((enum prefix_id)i);
    TRY(node_choice_or(r, map, kind, names, PREFIXES, 0, &p));
    h->prefix = (enum prefix_id)p;
    h->arms = sweep_arms(r->s, h->prefix);
    if (h->kind != KIND_AGENTS && !varies(r->s, h->arms, h->prefix, -1, -1))
        return yml_fail(r->d, yml_get(map, kind), 0, ERR_FORMAT, r->e,
                        "%s: expected arms with different shares of the prefix %s and nothing else, found one share", kind,
                        names[p]);
    return h->kind == KIND_AGENTS ? 0 : varies_everywhere(r, yml_get(map, kind), h);
}

/* Between what an interaction is: of two, it has a sign; of more, none. */
static int read_by(struct study_reader *r, const struct yml_node *n, struct hypothesis *h) {
    int by;
    if (h->kind != KIND_INTERACTION) {
        if (!yml_get(n, "by")) return 0;
        return yml_fail(r->d, yml_get(n, "by"), 1, ERR_FORMAT, r->e, "by: expected it with interaction and nowhere else");
    }
    TRY(node_choice_or(r, n, "by", bys, HYPOTHESIS_BYS, ACROSS_LANGUAGE, &by));
    h->by = (enum hypothesis_by)by;
    uint64_t among = h->by == ACROSS_MODEL ? h->models : h->languages, rest = among & (among - 1);
    if (!rest)
        return yml_fail(r->d, yml_get(n, "interaction"), 0, ERR_FORMAT, r->e, "interaction: expected two %ss or more, found one",
                        bys[by]);
    if ((rest & (rest - 1)) && h->direction != IS_DIFFERENT)
        return yml_fail(r->d, yml_get(n, "direction"), 0, ERR_FORMAT, r->e,
                        "direction: an interaction of three %ss or more has none; expected different", bys[by]);
    return 0;
}

static int read_agents_arms(struct study_reader *r, const struct yml_node *list, struct hypothesis *h) {
    TRY(node_list(r, list, "arms", STUDY_MAX_ARMS));
    h->arms = 0;
    for (const struct yml_node *c = list->first; c; c = c->next) {
        int i;
        TRY(arm_at(r, c, "arms", &i));
        int with = r->s->arm[i].with[h->prefix];
        if (with == 0 || with == r->s->n_agents)
            return yml_fail(r->d, c, 0, ERR_FORMAT, r->e,
                            "arms: expected an arm in which some agents have the prefix %s and some not, found %d of %d",
                            prefix_name(h->prefix), with, r->s->n_agents);
        h->arms |= 1ull << i;
    }
    return 0;
}

static int read_kind(struct study_reader *r, const struct yml_node *n, struct hypothesis *h) {
    int found = 0;
    for (int k = 0; k < HYPOTHESIS_KINDS; k++)
        if (yml_get(n, kinds[k])) h->kind = (enum hypothesis_kind)k, found++;
    if (found != 1)
        return yml_fail(r->d, n, 0, ERR_FORMAT, r->e,
                        "hypothesis %s: expected one of contrast, slope, interaction and agents, found %d of them", h->id, found);
    if ((h->kind == KIND_AGENTS) != (yml_get(n, "arms") != NULL))
        return yml_fail(r->d, n, 0, ERR_FORMAT, r->e, "hypothesis %s: expected arms with agents and nowhere else", h->id);
    if (h->kind == KIND_CONTRAST) return read_contrast(r, yml_get(n, "contrast"), h);
    TRY(read_prefix(r, n, h));
    return h->kind == KIND_AGENTS ? read_agents_arms(r, yml_get(n, "arms"), h) : 0;
}

/* A test that fits the kind; the first of its kind if none is named. */
static int read_test(struct study_reader *r, const struct yml_node *n, struct hypothesis *h) {
    static const enum hypothesis_test usual[] = {BY_WELCH, BY_LMM, BY_LMM, BY_PAIRED};
    int t;
    TRY(node_choice_or(r, n, "test", tests, HYPOTHESIS_TESTS, (int)usual[h->kind], &t));
    h->test = (enum hypothesis_test)t;
    if (h->test == usual[h->kind] || (h->kind == KIND_CONTRAST && h->test == BY_PERMUTATION)) return 0;
    return yml_fail(r->d, yml_get(n, "test"), 0, ERR_FORMAT, r->e, "test: expected %s%s for %s, found %s", tests[usual[h->kind]],
                    h->kind == KIND_CONTRAST ? " or permutation" : "", kinds[h->kind], tests[h->test]);
}

/* ---- one ---- */

static int read_choice(struct study_reader *r, const struct yml_node *n, const char *key, const char *const *names, int count,
                       int *out) {
    if (!yml_get(n, key)) return yml_fail(r->d, n, 0, ERR_FORMAT, r->e, "hypothesis: expected the key \"%s\", found none", key);
    return node_choice_or(r, n, key, names, count, 0, out);
}

/* How small a difference must be to be none that matters: said by who claims that there is none, and by nobody else. */
static int read_margin(struct study_reader *r, const struct yml_node *n, struct hypothesis *h) {
    const struct yml_node *at = yml_get(n, "margin");
    h->margin = 0;
    if ((h->direction == IS_EQUIVALENT) != (at != NULL))
        return yml_fail(r->d, at ? at : n, at != NULL, ERR_FORMAT, r->e,
                        "hypothesis %s: expected a margin with the direction equivalent and nowhere else", h->id);
    if (!at) return 0;
    TRY(node_real_or(r, n, "margin", 1e-9, 1e9, 0, &h->margin));
    if (h->test == BY_PERMUTATION)
        return yml_fail(r->d, yml_get(n, "test"), 0, ERR_FORMAT, r->e, "test: expected welch for equivalent, found permutation");
    if (h->alpha >= 0.5) /* the interval of 1 - 2 alpha would be empty */
        return yml_fail(r->d, yml_get(n, "alpha"), 0, ERR_FORMAT, r->e, "alpha: expected it below 0.5 for equivalent, found %g",
                        h->alpha);
    return 0;
}

static int read_hypothesis(struct study_reader *r, const struct yml_node *n, struct hypothesis *h) {
    static const char *const keys[] = {"id",        "metric", "direction",    "?about",  "?languages", "?models",
                                       "?contrast", "?slope", "?interaction", "?agents", "?arms",      "?test",
                                       "?alpha",    "?scope", "?by",          "?margin", NULL};
    int metric, direction, scope;
    TRY(yml_keys(r->d, n, "hypothesis", keys, r->e));
    TRY(node_id(r, yml_get(n, "id"), "id", &h->id));
    for (const struct hypothesis *o = r->s->hypothesis; o < h; o++)
        if (!strcmp(o->id, h->id))
            return yml_fail(r->d, yml_get(n, "id"), 0, ERR_FORMAT, r->e, "hypotheses: expected each id once, found \"%s\" again",
                            h->id);
    h->about = "";
    if (yml_get(n, "about")) TRY(node_text_at(r, n, "about", &h->about));
    TRY(read_choice(r, n, "metric", metrics, HYPOTHESIS_METRICS, &metric));
    TRY(read_choice(r, n, "direction", directions, HYPOTHESIS_DIRECTIONS, &direction));
    TRY(node_choice_or(r, n, "scope", scopes, HYPOTHESIS_SCOPES, SCOPE_POOLED, &scope));
    h->metric = (enum hypothesis_metric)metric, h->direction = (enum hypothesis_direction)direction;
    h->scope = (enum hypothesis_scope)scope;
    TRY(node_real_or(r, n, "alpha", 1e-9, 0.5, 0.05, &h->alpha));
    TRY(check_metric(r, n, h));
    TRY(study_mask(r, yml_get(n, "languages"), 0, &h->languages));
    TRY(study_mask(r, yml_get(n, "models"), 1, &h->models));
    TRY(read_kind(r, n, h));
    TRY(read_by(r, n, h));
    TRY(read_test(r, n, h));
    return read_margin(r, n, h);
}

/* ---- countries ---- */

static int read_countries(struct study_reader *r, const struct yml_node *map) {
    struct study *s = r->s;
    for (int i = 0; i < s->n_languages; i++) s->country[i] = "";
    if (!map) return 0;
    TRY(yml_is(r->d, map, YML_MAP, "countries", r->e));
    for (const struct yml_node *c = map->first; c; c = c->next) {
        int i = 0;
        while (i < s->n_languages && strcmp(s->language[i]->code, c->key) != 0) i++;
        if (i == s->n_languages)
            return yml_fail(r->d, c, 1, ERR_FORMAT, r->e, "countries: expected a language of the study, found \"%.40s\"", c->key);
        TRY(yml_text(r->d, c, "countries", &s->country[i], r->e));
    }
    return 0;
}

int study_hypotheses(struct study_reader *r, const struct yml_node *root) {
    const struct yml_node *list = yml_get(root, "hypotheses");
    int correction;
    r->s->stop = "";
    if (yml_get(root, "stop")) TRY(node_text_at(r, root, "stop", &r->s->stop));
    TRY(node_choice_or(r, root, "correction", corrections, HYPOTHESIS_CORRECTIONS, CORRECT_HOLM, &correction));
    r->s->correction = (enum hypothesis_correction)correction;
    TRY(read_countries(r, yml_get(root, "countries")));
    if (!list) return 0;
    TRY(node_list(r, list, "hypotheses", STUDY_MAX_HYPOTHESES));
    for (const struct yml_node *c = list->first; c; c = c->next) {
        TRY(read_hypothesis(r, c, &r->s->hypothesis[r->s->n_hypotheses]));
        r->s->n_hypotheses++;
    }
    return 0;
}
