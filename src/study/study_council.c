/* The part `council` of a study file: its design, and the texts of each language, which must fit each other. */
#include "study/council_words.h"
#include "study/study_int.h"
#include <string.h>

static int same_topic(struct study_reader *r, const struct yml_node *at, int i, int topic) {
    const struct language *l = r->s->language[i], *first = r->s->language[0];
    const struct council_topic *t = &l->council->topics[topic], *o = &first->council->topics[topic];
    if (!strcmp(t->id, o->id) && t->n == o->n) return 0;
    return yml_fail(r->d, at, 1, ERR_FORMAT, r->e,
                    "expected the topic \"%s\" with %d values as topic %d of language %s, as in %s, found \"%s\" with %d", o->id,
                    o->n, topic + 1, l->code, first->code, t->id, t->n);
}

static int same_as_first(struct study_reader *r, const struct yml_node *at, int i) {
    const struct council_words *w = r->s->language[i]->council, *o = r->s->language[0]->council;
    if (w->n_topics != o->n_topics)
        return yml_fail(r->d, at, 1, ERR_FORMAT, r->e, "expected the %d topics of %s in language %s, found %d", o->n_topics,
                        r->s->language[0]->code, r->s->language[i]->code, w->n_topics);
    for (int t = 0; t < w->n_topics; t++) TRY(same_topic(r, at, i, t));
    return 0;
}

static int load_words(struct study_reader *r, const struct yml_node *at, int i) {
    struct study *s = r->s;
    char name[1024] = "";
    TRY(study_load(r, at, r->from->council, "texts of a council in", s->language[i]->code, &s->council_bytes[i], &s->council_n[i],
                   name, sizeof name));
    digest_text(s->council_bytes[i], s->council_n[i], s->council_hash[i]);
    TRY(council_words_parse(s->language[i], name, s->council_bytes[i], s->council_n[i], r->e));
    return same_as_first(r, at, i);
}

/* Every topic has as many values as are asked about. */
static int enough_values(struct study_reader *r, const struct yml_node *at) {
    const struct council_words *w = r->s->language[0]->council;
    for (int t = 0; t < w->n_topics; t++)
        if (w->topics[t].n < r->s->council.options)
            return yml_fail(r->d, at, 1, ERR_RANGE, r->e, "options: expected at most the %d values of the topic \"%s\", found %d",
                            w->topics[t].n, w->topics[t].id, r->s->council.options);
    return 0;
}

int study_council(struct study_reader *r, const struct yml_node *root) {
    static const char *const keys[] = {"options", "reliability", "?split", NULL};
#define XX(id, name) name,
    static const char *const splits[] = {COUNCIL_SPLIT_MAP(XX)};
#undef XX
    const struct yml_node *n = yml_get(root, "council");
    struct council_design *c = &r->s->council;
    int64_t options;
    int split;
    if (!n) return 0;
    TRY(yml_keys(r->d, n, "council", keys, r->e));
    TRY(yml_int(r->d, yml_get(n, "options"), "options", 3, COUNCIL_MAX_VALUES, &options, r->e));
    TRY(study_real(r->d, yml_get(n, "reliability"), "reliability", 0, 1, &c->reliability, r->e));
    TRY(node_choice_or(r, n, "split", splits, COUNCIL_SPLITS, SPLIT_TEST, &split));
    c->options = (int)options, c->split = (enum council_split)split;
    for (int i = 0; i < r->s->n_languages; i++) TRY(load_words(r, n, i));
    return enough_values(r, n);
}
