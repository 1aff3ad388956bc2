/* Reading a study file: each part has its keys and limits; what is wrong is said with line and column. What is asked of the languages
 * (that every persona and event exists in each) is checked here too, since only here both are known. */
#include "study/study_int.h"
#include "study/terms.h"
#include "study/yaml.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- head, group ---- */

static int read_head(struct study_reader *r, const struct yml_node *root) {
    const char *s;
    int64_t seed;
    TRY(node_text_at(r, root, "candor", &s));
    if (strcmp(s, "study/1") != 0)
        return yml_fail(r->d, yml_get(root, "candor"), 0, ERR_UNSUPPORTED, r->e, "expected the format study/1, found \"%.40s\"",
                        s);
    TRY(node_id(r, yml_get(root, "id"), "id", &r->s->id));
    r->s->title = r->s->id;
    if (yml_get(root, "title")) TRY(node_text_at(r, root, "title", &r->s->title));
    TRY(node_int_or(r, root, "seed", 0, INT64_MAX, 0, &seed));
    r->s->seed = (uint64_t)seed;
    return 0;
}

static int read_context(struct study_reader *r, const struct yml_node *n) {
    int64_t last;
    if (!n || (n->kind == YML_TEXT && !strcmp(n->text, "all"))) return 0;
    TRY(yml_int(r->d, n, "context (all, or a number of turns)", 1, STUDY_MAX_TURNS, &last, r->e));
    r->s->last = (int)last;
    return 0;
}

static int read_personas(struct study_reader *r, const struct yml_node *group) {
    struct study *s = r->s;
    const struct yml_node *list = yml_get(group, "personas"), *said = yml_get(group, "agents");
    const struct language *first = s->language[0];
    int n = 0;
    if (!list) {
        if (s->n_agents > first->n_personas)
            return yml_fail(r->d, said ? said : group, 0, ERR_RANGE, r->e,
                            "expected at most the %d personas of language %s, found %d agents", first->n_personas, first->code,
                            s->n_agents);
        for (; n < s->n_agents; n++) s->persona[n] = first->personas[n].id;
        return 0;
    }
    TRY(node_list(r, list, "personas", STUDY_MAX_AGENTS));
    if (list->n != s->n_agents)
        return yml_fail(r->d, list, 0, ERR_FORMAT, r->e, "personas: expected %d, one for each agent, found %d", s->n_agents,
                        list->n);
    for (const struct yml_node *c = list->first; c; c = c->next, n++) {
        TRY(node_id(r, c, "personas", &s->persona[n]));
        for (int j = 0; j < n; j++)
            if (!strcmp(s->persona[j], s->persona[n]))
                return yml_fail(r->d, c, 0, ERR_FORMAT, r->e, "personas: expected each once, found \"%s\" again", s->persona[n]);
    }
    return 0;
}

static int read_group(struct study_reader *r, const struct yml_node *n) {
    static const char *const keys[] = {"?agents", "?turns", "?personas", "?order", "?context", NULL};
#define XX(id, name) name,
    static const char *const orders[] = {TURN_ORDER_MAP(XX)};
#undef XX
    int64_t agents, turns;
    int order;
    TRY(yml_keys(r->d, n, "group", keys, r->e));
    const struct yml_node *personas = yml_get(n, "personas");
    int usual = personas && personas->kind == YML_LIST && personas->n ? personas->n : STUDY_USUAL_AGENTS;
    TRY(node_int_or(r, n, "agents", 1, STUDY_MAX_AGENTS, usual, &agents));
    TRY(node_int_or(r, n, "turns", 1, STUDY_MAX_TURNS, STUDY_USUAL_TURNS, &turns));
    if (agents > STUDY_MAX_AGENTS)
        return yml_fail(r->d, personas, 0, ERR_RANGE, r->e, "personas: expected 1 to %d, found %d", STUDY_MAX_AGENTS, usual);
    r->s->n_agents = (int)agents, r->s->n_turns = (int)turns;
    TRY(node_choice_or(r, n, "order", orders, TURN_ORDERS, ORDER_FIXED, &order));
    r->s->order = (enum turn_order)order;
    TRY(read_context(r, yml_get(n, "context")));
    return read_personas(r, n);
}

static int read_events(struct study_reader *r, const struct yml_node *n) {
    struct study *s = r->s;
    if (!n || n->kind == YML_TEXT) {
        int none = n && !strcmp(n->text, "none");
        if (n && !none && strcmp(n->text, "scripted") != 0)
            return yml_fail(r->d, n, 0, ERR_FORMAT, r->e, "events: expected scripted, none or a list of numbers, found \"%.40s\"",
                            n->text);
        for (int t = 1; t <= s->n_turns; t++) s->event[t] = none ? 0 : t;
        return 0;
    }
    TRY(yml_is(r->d, n, YML_LIST, "events", r->e));
    if (n->n != s->n_turns)
        return yml_fail(r->d, n, 0, ERR_FORMAT, r->e, "events: expected %d, one for each turn, found %d", s->n_turns, n->n);
    int t = 1;
    for (const struct yml_node *c = n->first; c; c = c->next, t++) {
        int64_t v;
        TRY(yml_int(r->d, c, "events", 0, LANGUAGE_MAX_EVENTS, &v, r->e));
        s->event[t] = (int)v;
    }
    return 0;
}

/* ---- languages, models ---- */

int study_load(struct study_reader *r, const struct yml_node *at, language_load *load, const char *what, const char *code,
               char **bytes, size_t *n, char *name, size_t name_size) {
    struct err why = ERR_INIT;
    int rc = load ? load(r->from->ctx, code, bytes, n, name, name_size, &why) : fail(&why, ERR_IO, "nowhere to look for it");
    if (rc >= 0) return 0;
    return yml_fail(r->d, at, 0, rc, r->e, "expected the %s \"%s\", found: %.200s (%.80s)", what, code, why.msg, why.where);
}

static int load_language(struct study_reader *r, const struct yml_node *at, const char *code, int i) {
    struct study *s = r->s;
    char name[1024] = "";
    TRY(study_load(r, at, r->from->load, "language", code, &s->language_bytes[i], &s->language_n[i], name, sizeof name));
    digest_text(s->language_bytes[i], s->language_n[i], s->language_hash[i]);
    TRY(language_parse(&s->language[i], name, s->language_bytes[i], s->language_n[i], r->e));
    if (!strcmp(s->language[i]->code, code)) return 0;
    return yml_fail(r->d, at, 0, ERR_FORMAT, r->e, "expected the language \"%s\", found a file of \"%.40s\"", code,
                    s->language[i]->code);
}

static int read_languages(struct study_reader *r, const struct yml_node *list) {
    struct study *s = r->s;
    TRY(node_list(r, list, "languages", STUDY_MAX_LANGUAGES));
    for (const struct yml_node *c = list->first; c; c = c->next) {
        const char *code;
        TRY(node_id(r, c, "languages", &code));
        for (int j = 0; j < s->n_languages; j++)
            if (!strcmp(s->language[j]->code, code))
                return yml_fail(r->d, c, 0, ERR_FORMAT, r->e, "languages: expected each once, found \"%s\" again", code);
        TRY(load_language(r, c, code, s->n_languages));
        s->n_languages++;
    }
    return 0;
}

static int read_model(struct study_reader *r, const struct yml_node *n, struct study_model *m) {
    static const char *const keys[] = {"id", "?temperature", "?top_p", "?max_tokens", NULL};
    TRY(yml_keys(r->d, n, "model", keys, r->e));
    TRY(node_id(r, yml_get(n, "id"), "id", &m->id));
    for (const struct study_model *o = r->s->model; o < m; o++)
        if (!strcmp(o->id, m->id))
            return yml_fail(r->d, yml_get(n, "id"), 0, ERR_FORMAT, r->e, "models: expected each id once, found \"%s\" again",
                            m->id);
    TRY(node_real_or(r, n, "temperature", 0, 10, NAN, &m->temperature));
    TRY(node_real_or(r, n, "top_p", 0, 1, NAN, &m->top_p));
    return node_int_or(r, n, "max_tokens", 1, 1 << 20, 0, &m->max_tokens);
}

static int read_models(struct study_reader *r, const struct yml_node *list) {
    TRY(node_list(r, list, "models", STUDY_MAX_MODELS));
    for (const struct yml_node *c = list->first; c; c = c->next) {
        TRY(read_model(r, c, &r->s->model[r->s->n_models]));
        r->s->n_models++;
    }
    return 0;
}

/* ---- rules of the whole ---- */

static int read_reference(struct study_reader *r, const struct yml_node *n) {
    const char *s;
    r->s->reference = -1;
    if (!n) return 0;
    TRY(yml_text(r->d, n, "reference", &s, r->e));
    if (!strcmp(s, "all")) return 0;
    for (int i = 0; i < r->s->n_arms; i++)
        if (!strcmp(r->s->arm[i].id, s)) {
            r->s->reference = i;
            return 0;
        }
    return yml_fail(r->d, n, 0, ERR_FORMAT, r->e, "reference: expected all or the id of an arm, found \"%.40s\"", s);
}

static int read_rules(struct study_reader *r, const struct yml_node *root) {
    static const char *const exclude_keys[] = {"?malformed", "?wrong_language", NULL};
    const struct yml_node *exclude = yml_get(root, "exclude");
    int64_t reasks, block;
    TRY(node_int_or(r, root, "reask", 0, 1, 1, &reasks));
    TRY(node_int_or(r, root, "block", 0, STUDY_MAX_REPLICATES, 1, &block));
    r->s->reasks = (int)reasks, r->s->block = (int)block;
    r->s->max_malformed = r->s->max_wrong_language = 1;
    if (exclude) {
        TRY(yml_keys(r->d, exclude, "exclude", exclude_keys, r->e));
        TRY(node_real_or(r, exclude, "malformed", 0, 1, 1, &r->s->max_malformed));
        TRY(node_real_or(r, exclude, "wrong_language", 0, 1, 1, &r->s->max_wrong_language));
    }
    r->s->planted = yml_get(root, "planted");
    return read_reference(r, yml_get(root, "reference"));
}

/* Free text: what was chosen where nothing is prescribed. */
static int read_choices(struct study_reader *r, const struct yml_node *n) {
    static const char *const keys[] = {"about", "choice", NULL};
    if (!n) return 0;
    TRY(yml_is(r->d, n, YML_LIST, "choices", r->e));
    for (const struct yml_node *c = n->first; c; c = c->next) {
        const char *s;
        TRY(yml_keys(r->d, c, "choices", keys, r->e));
        for (int i = 0; i < 2; i++) TRY(node_text_at(r, c, keys[i], &s));
    }
    return 0;
}

const struct scripted_event *language_event(const struct language *l, int number) {
    for (int i = 0; i < l->n_events; i++)
        if (l->events[i].turn == number) return &l->events[i];
    return NULL;
}

/* Every language has what the study names. */
static int check_language(struct study_reader *r, const struct language *l, const struct yml_node *root) {
    const struct yml_node *group = yml_get(root, "group") ? yml_get(root, "group") : root;
    for (int i = 0; i < r->s->n_agents; i++)
        if (!language_persona(l, r->s->persona[i]))
            return yml_fail(r->d, group, 1, ERR_FORMAT, r->e, "expected the persona \"%s\" in language %s, found none in %.80s",
                            r->s->persona[i], l->code, language_file(l));
    for (int t = 1; t <= r->s->n_turns; t++)
        if (r->s->event[t] && !language_event(l, r->s->event[t]))
            return yml_fail(r->d, yml_get(root, "events") ? yml_get(root, "events") : group, 1, ERR_FORMAT, r->e,
                            "expected event %d (at turn %d) in language %s, found none in %.80s", r->s->event[t], t, l->code,
                            language_file(l));
    return 0;
}

static int read_root(struct study_reader *r) {
    static const char *const keys[] = {"candor",      "id",        "?title",     "?seed",    "languages",  "models",
                                       "?group",      "?channels", "?events",    "?reask",   "arms",       "replicates",
                                       "?block",      "?exclude",  "?reference", "?planted", "?choices",   "?hypotheses",
                                       "?correction", "?stop",     "?countries", "?council", "?published", NULL};
    const struct yml_node *root = yml_root(r->d);
    TRY(yml_keys(r->d, root, "study", keys, r->e));
    TRY(read_head(r, root));
    TRY(read_languages(r, yml_get(root, "languages")));
    TRY(study_council(r, root));
    TRY(read_models(r, yml_get(root, "models")));
    struct yml_node none = {.kind = YML_MAP, .line = root->line, .col = root->col}; /* what is not said is as usual */
    TRY(read_group(r, yml_get(root, "group") ? yml_get(root, "group") : &none));
    TRY(study_channels(r, yml_get(root, "channels")));
    TRY(read_events(r, yml_get(root, "events")));
    TRY(study_arms(r, root));
    TRY(read_rules(r, root));
    TRY(read_choices(r, yml_get(root, "choices")));
    TRY(study_hypotheses(r, root));
    TRY(study_published(r, root));
    for (int i = 0; i < r->s->n_languages; i++) TRY(check_language(r, r->s->language[i], root));
    TRY(study_cells(r->s, r->e));
    return study_cell_terms(r->s, r->e);
}

int study_parse(struct study **out, const char *name, const char *s, size_t n, const struct language_source *from,
                struct err *e) {
    struct study *st = calloc(1, sizeof *st);
    int rc = 0;
    if (!st) return fail(e, ERR_NOMEM, "out of memory for a study");
    TRYTO(out, yml_parse(&st->doc, name, s, n, e));
    st->source = malloc(n + 1);
    if (!st->source) TRYTO(out, fail(e, ERR_NOMEM, "out of memory for a study"));
    memcpy(st->source, s, n);
    st->source_n = n;
    TRYTO(out, read_root(&(struct study_reader){.d = st->doc, .s = st, .from = from, .e = e}));
    *out = st;
    return 0;
out:
    study_free(st);
    return rc;
}

int study_read(struct study **out, const char *path, const struct language_source *from, struct err *e) {
    char *s;
    size_t n;
    TRY(file_read(&s, &n, path, YML_MAX_BYTES, e));
    int rc = study_parse(out, path, s, n, from, e);
    free(s);
    return rc;
}
