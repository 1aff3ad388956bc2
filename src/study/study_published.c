/* The part `published` of a study file: what it names of the study is there. */
#include "study/study_int.h"
#include <math.h>
#include <string.h>

#define XX(id, name) name,
static const char *const besides[] = {BESIDE_MAP(XX)}, *const metrics[] = {HYPOTHESIS_METRIC_MAP(XX)};
#undef XX
const char *beside_name(enum beside b) { return besides[b]; }

static int text_or(struct study_reader *r, const struct yml_node *n, const char *key, const char **out) {
    *out = "";
    return yml_get(n, key) ? node_text_at(r, n, key, out) : 0;
}

/* What the figure of ours is made of. */
static const struct {
    const char *keys[4], *may[3];
} parts[BESIDES] = {
    [BESIDE_EFFECT] = {{"metric"}, {"language", "model"}},
    [BESIDE_HYPOTHESIS] = {{"hypothesis"}, {"per_agent"}},
    [BESIDE_RISING] = {{"metric"}, {0}},
    [BESIDE_CORRELATION] = {{"metric"}, {0}},
    [BESIDE_KIND] = {{"dictionary", "kind"}, {"language", "model"}},
    [BESIDE_AGENTS] = {{"metric", "prefix"}, {"language"}},
    [BESIDE_MEAN] = {{"metric"}, {"language"}},
    [BESIDE_RUNS] = {{0}, {0}},
    [BESIDE_NONE] = {{"why"}, {0}},
};

static int is_one_of(const char *key, const char *const *list, int n) {
    for (int i = 0; i < n && list[i]; i++)
        if (!strcmp(key, list[i])) return 1;
    return 0;
}

/* Keys that belong to another figure are wrong here, as those are that are missing. */
static int check_keys(struct study_reader *r, const struct yml_node *n, enum beside b) {
    static const char *const all[] = {"metric",     "language", "model",  "hypothesis", "per_agent",
                                      "dictionary", "kind",     "prefix", "why"};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        const struct yml_node *at = yml_get(n, all[i]);
        int must = is_one_of(all[i], parts[b].keys, 4), may = must || is_one_of(all[i], parts[b].may, 3);
        if (at && !may)
            return yml_fail(r->d, at, 1, ERR_FORMAT, r->e, "published: expected no \"%s\" beside %s", all[i], besides[b]);
        if (!at && must)
            return yml_fail(r->d, n, 0, ERR_FORMAT, r->e, "published: expected \"%s\" beside %s, found none", all[i], besides[b]);
    }
    return 0;
}

static int read_language(struct study_reader *r, const struct yml_node *n, struct published *p) {
    const char *code;
    TRY(text_or(r, n, "language", &code));
    p->language = r->s->n_languages == 1 ? 0 : -1;
    if (!*code) return 0;
    for (int i = 0; i < r->s->n_languages; i++)
        if (!strcmp(r->s->language[i]->code, code)) return p->language = i, 0;
    return yml_fail(r->d, yml_get(n, "language"), 0, ERR_FORMAT, r->e, "language: expected one of the study, found \"%.40s\"",
                    code);
}

static int read_model(struct study_reader *r, const struct yml_node *n, struct published *p) {
    const char *id;
    TRY(text_or(r, n, "model", &id));
    p->model = r->s->n_models == 1 ? 0 : -1;
    if (!*id) return 0;
    for (int i = 0; i < r->s->n_models; i++)
        if (!strcmp(r->s->model[i].id, id)) return p->model = i, 0;
    return yml_fail(r->d, yml_get(n, "model"), 0, ERR_FORMAT, r->e, "model: expected one of the study, found \"%.40s\"", id);
}

static int read_hypothesis(struct study_reader *r, const struct yml_node *n, struct published *p) {
    static const char *const words[] = {"false", "true"};
    const char *id;
    p->hypothesis = -1;
    TRY(text_or(r, n, "hypothesis", &id));
    TRY(node_choice_or(r, n, "per_agent", words, 2, 0, &p->per_agent));
    if (!*id) return 0;
    for (int i = 0; i < r->s->n_hypotheses; i++)
        if (!strcmp(r->s->hypothesis[i].id, id)) return p->hypothesis = i, 0;
    return yml_fail(r->d, yml_get(n, "hypothesis"), 0, ERR_FORMAT, r->e, "hypothesis: expected one of the study, found \"%.40s\"",
                    id);
}

static int read_kind(struct study_reader *r, const struct yml_node *n, struct published *p) {
    TRY(text_or(r, n, "dictionary", &p->dictionary));
    TRY(text_or(r, n, "kind", &p->kind));
    if (!*p->dictionary) return 0;
    const struct dictionary_source *d = language_dictionary(r->s->language[0], p->dictionary);
    for (int k = 0; d && k < d->n_kinds; k++)
        if (!strcmp(d->kinds[k], p->kind)) return 0;
    return yml_fail(r->d, yml_get(n, "kind"), 0, ERR_FORMAT, r->e,
                    "kind: expected one of a dictionary, found \"%.40s\" of \"%.40s\"", p->kind, p->dictionary);
}

static int read_numbers(struct study_reader *r, const struct yml_node *n, struct published *p) {
    TRY(node_real_or(r, n, "value", -1e9, 1e9, NAN, &p->value));
    TRY(node_real_or(r, n, "lo", -1e9, 1e9, NAN, &p->lo));
    TRY(node_real_or(r, n, "hi", -1e9, 1e9, NAN, &p->hi));
    TRY(node_real_or(r, n, "p", 0, 1, NAN, &p->p));
    if (isfinite(p->lo) != isfinite(p->hi) || p->lo > p->hi || (isfinite(p->lo) && !isfinite(p->value)))
        return yml_fail(r->d, n, 0, ERR_FORMAT, r->e, "published: expected both lo and hi around a value, or none of them");
    return node_int_or(r, n, "n", 1, INT64_MAX, 0, &p->n);
}

static int read_one(struct study_reader *r, const struct yml_node *n, struct published *p) {
    static const char *const keys[] = {"what",   "source",      "beside",     "?value",      "?lo",     "?hi",   "?p",
                                       "?n",     "?says",       "?metric",    "?why",        "?prefix", "?kind", "?language",
                                       "?model", "?hypothesis", "?per_agent", "?dictionary", NULL};
    const char *prefixes[PREFIXES];
    int beside, metric, prefix;
    for (int i = 0; i < PREFIXES; i++) prefixes[i] = prefix_name((enum prefix_id)i);
    TRY(yml_keys(r->d, n, "published", keys, r->e));
    TRY(node_text_at(r, n, "what", &p->what));
    TRY(node_text_at(r, n, "source", &p->source));
    TRY(text_or(r, n, "says", &p->says));
    TRY(text_or(r, n, "why", &p->why));
    TRY(node_choice_or(r, n, "beside", besides, BESIDES, BESIDE_NONE, &beside));
    TRY(check_keys(r, n, (enum beside)beside));
    TRY(node_choice_or(r, n, "metric", metrics, HYPOTHESIS_METRICS, OF_CPI, &metric));
    TRY(node_choice_or(r, n, "prefix", prefixes, PREFIXES, PREFIX_ALIGNMENT, &prefix));
    p->beside = (enum beside)beside, p->metric = (enum hypothesis_metric)metric, p->prefix = (enum prefix_id)prefix;
    TRY(read_language(r, n, p));
    TRY(read_model(r, n, p));
    TRY(read_hypothesis(r, n, p));
    TRY(read_kind(r, n, p));
    TRY(read_numbers(r, n, p));
    if ((beside == BESIDE_EFFECT || beside == BESIDE_KIND) && (p->language < 0 || p->model < 0))
        return yml_fail(r->d, n, 0, ERR_FORMAT, r->e, "published: expected a language and a model of the study beside %s",
                        besides[beside]);
    return 0;
}

int study_published(struct study_reader *r, const struct yml_node *root) {
    const struct yml_node *list = yml_get(root, "published");
    if (!list) return 0;
    TRY(node_list(r, list, "published", STUDY_MAX_PUBLISHED));
    for (const struct yml_node *c = list->first; c; c = c->next) TRY(read_one(r, c, &r->s->published[r->s->n_published++]));
    return 0;
}
