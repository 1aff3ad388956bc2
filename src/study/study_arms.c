/* The arms of a study file: shares that must be whole agents, where they sit, and in which cells an arm runs. */
#include "study/study_int.h"
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* "50 %" of the agents, or a number of them. */
static int read_share(struct study_reader *r, const struct yml_node *n, int *out) {
    const char *s;
    char *end;
    int agents = r->s->n_agents;
    TRY(yml_text(r->d, n, n->key, &s, r->e));
    errno = 0;
    double v = strtod(s, &end);
    int percent = end != s && end[strspn(end, " ")] == '%';
    if (percent) {
        end += strspn(end, " ") + 1;
        v = v * agents / 100;
    }
    if (end == s || *end || errno || s[strspn(s, "0123456789. %")] || !(v >= 0 && v <= agents))
        return yml_fail(r->d, n, 0, ERR_RANGE, r->e,
                        "%s: expected a share like 50%% or a number of the %d agents, found \"%.40s\"", n->key, agents, s);
    if (fabs(v - round(v)) > 1e-9)
        return yml_fail(r->d, n, 0, ERR_RANGE, r->e, "%s: expected a whole number of agents, found \"%.40s\", which is %g of %d",
                        n->key, s, v, agents);
    *out = (int)round(v);
    return 0;
}

static int persona_index(const struct study *s, const char *id) {
    for (int i = 0; i < s->n_agents; i++)
        if (!strcmp(s->persona[i], id)) return i;
    return -1;
}

static int read_place(struct study_reader *r, const struct yml_node *n, struct arm *a) {
    a->shuffled_place = !n || (n->kind == YML_TEXT && !strcmp(n->text, "shuffled"));
    if (a->shuffled_place || (n->kind == YML_TEXT && !strcmp(n->text, "fixed"))) return 0;
    if (n->kind != YML_LIST)
        return yml_fail(r->d, n, 0, ERR_FORMAT, r->e, "place: expected shuffled, fixed or a list of personas, found %s",
                        n->kind == YML_TEXT ? n->text : "a map");
    TRY(node_list(r, n, "place", r->s->n_agents));
    for (const struct yml_node *c = n->first; c; c = c->next) {
        const char *id;
        TRY(yml_text(r->d, c, "place", &id, r->e));
        int p = persona_index(r->s, id);
        if (p < 0) return yml_fail(r->d, c, 0, ERR_FORMAT, r->e, "place: expected a persona of the group, found \"%.40s\"", id);
        for (int j = 0; j < a->n_first; j++)
            if (a->first[j] == p)
                return yml_fail(r->d, c, 0, ERR_FORMAT, r->e, "place: expected each once, found \"%s\" again", id);
        a->first[a->n_first++] = p;
    }
    return 0;
}

/* The languages or models in which an arm runs: bits; all if it is not said. */
int study_mask(struct study_reader *r, const struct yml_node *n, int of_models, uint64_t *out) {
    const struct study *s = r->s;
    int count = of_models ? s->n_models : s->n_languages;
    *out = (1ull << count) - 1;
    if (!n) return 0;
    TRY(node_list(r, n, n->key, count));
    *out = 0;
    for (const struct yml_node *c = n->first; c; c = c->next) {
        const char *id;
        int i = 0;
        TRY(yml_text(r->d, c, n->key, &id, r->e));
        while (i < count && strcmp(of_models ? s->model[i].id : s->language[i]->code, id) != 0) i++;
        if (i == count)
            return yml_fail(r->d, c, 0, ERR_FORMAT, r->e, "%s: expected one of the study's, found \"%.40s\"", n->key, id);
        if (*out >> i & 1)
            return yml_fail(r->d, c, 0, ERR_FORMAT, r->e, "%s: expected each once, found \"%.40s\" again", n->key, id);
        *out |= 1ull << i;
    }
    return 0;
}

static int check_shares(struct study_reader *r, const struct yml_node *n, const struct arm *a) {
    int N = r->s->n_agents, al = a->with[PREFIX_ALIGNMENT], pl = a->with[PREFIX_PLACEBO], in = a->with[PREFIX_INDIVIDUATION];
    if (al + pl > N)
        return yml_fail(r->d, n, 0, ERR_RANGE, r->e, "expected at most %d agents with alignment or placebo, found %d + %d", N, al,
                        pl);
    int room = a->among == AMONG_ALIGNED ? al : a->among == AMONG_REST ? N - al : N;
    if (in > room)
        return yml_fail(r->d, n, 0, ERR_RANGE, r->e,
                        "individuation: expected at most the %d agents among whom it is given, found %d", room, in);
    return 0;
}

static int read_same_as(struct study_reader *r, const struct yml_node *n, struct arm *a) {
    const char *id;
    TRY(yml_text(r->d, n, "same_as", &id, r->e));
    for (int i = 0; i < r->s->n_arms; i++) {
        const struct arm *o = &r->s->arm[i];
        if (strcmp(o->id, id) != 0) continue;
        struct arm copy = *o;
        copy.id = a->id, copy.about = a->about, copy.line = a->line, copy.col = a->col, copy.same_as = i;
        *a = copy;
        return 0;
    }
    return yml_fail(r->d, n, 0, ERR_FORMAT, r->e, "same_as: expected an arm above, found \"%.40s\"", id);
}

static int read_arm_shares(struct study_reader *r, const struct yml_node *n, struct arm *a) {
#define XX(id, name) name,
    static const char *const amongs[] = {AMONG_MAP(XX)};
#undef XX
    int among;
    for (int p = 0; p < PREFIXES; p++) {
        const struct yml_node *c = yml_get(n, prefix_name((enum prefix_id)p));
        if (c) TRY(read_share(r, c, &a->with[p]));
    }
    TRY(node_choice_or(r, n, "among", amongs, AMONGS, AMONG_ALL, &among));
    a->among = (enum among)among;
    TRY(read_place(r, yml_get(n, "place"), a));
    if (yml_get(n, "shuffled_personas"))
        TRY(yml_bool(r->d, yml_get(n, "shuffled_personas"), "shuffled_personas", &a->shuffled_personas, r->e));
    return check_shares(r, n, a);
}

static int read_arm(struct study_reader *r, const struct yml_node *n, struct arm *a, int64_t replicates) {
    static const char *const keys[] = {"id",      "?about", "?alignment",         "?placebo",    "?individuation",
                                       "?among",  "?place", "?shuffled_personas", "?replicates", "?languages",
                                       "?models", NULL};
    static const char *const repeats[] = {"id", "same_as", "?about", "?replicates", NULL};
    const struct yml_node *same = n->kind == YML_MAP ? yml_get(n, "same_as") : NULL;
    TRY(yml_keys(r->d, n, "arm", same ? repeats : keys, r->e));
    *a = (struct arm){.about = "", .same_as = -1, .line = n->line, .col = n->col};
    TRY(node_id(r, yml_get(n, "id"), "id", &a->id));
    for (int i = 0; i < r->s->n_arms; i++)
        if (!strcmp(r->s->arm[i].id, a->id))
            return yml_fail(r->d, yml_get(n, "id"), 0, ERR_FORMAT, r->e, "arms: expected each id once, found \"%s\" again",
                            a->id);
    if (yml_get(n, "about")) TRY(node_text_at(r, n, "about", &a->about));
    if (same)
        TRY(read_same_as(r, same, a));
    else {
        TRY(study_mask(r, yml_get(n, "languages"), 0, &a->languages));
        TRY(study_mask(r, yml_get(n, "models"), 1, &a->models));
        TRY(read_arm_shares(r, n, a));
    }
    TRY(node_int_or(r, n, "replicates", 1, STUDY_MAX_REPLICATES, same ? a->replicates : replicates, &replicates));
    a->replicates = (int)replicates;
    return 0;
}

int study_arms(struct study_reader *r, const struct yml_node *root) {
    const struct yml_node *list = yml_get(root, "arms");
    int64_t replicates;
    TRY(yml_int(r->d, yml_get(root, "replicates"), "replicates", 1, STUDY_MAX_REPLICATES, &replicates, r->e));
    TRY(node_list(r, list, "arms", STUDY_MAX_ARMS));
    for (const struct yml_node *c = list->first; c; c = c->next) {
        TRY(read_arm(r, c, &r->s->arm[r->s->n_arms], replicates));
        r->s->n_arms++;
    }
    return 0;
}
