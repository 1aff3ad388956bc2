/* Reading a language file: every part has its keys, its kinds and its limits, and what is wrong is said with line and column. */
#include "base/str.h"
#include "study/language_int.h"
#include "study/prompt.h"
#include "study/script.h"
#include <stdlib.h>
#include <string.h>

enum { ID_MAX = 40, NAME_MAX_BYTES = 120 };

struct reader {
    const struct yml_doc *d;
    struct language *l;
    struct err *e;
};

static int text_at(struct reader *r, const struct yml_node *map, const char *key, const char **out) {
    return yml_text(r->d, yml_get(map, key), key, out, r->e);
}

/* Ids are the same in all languages: plain letters. */
static int is_id(const char *s) {
    size_t n = strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789_-");
    return n && n <= ID_MAX && !s[n];
}

static int id_at(struct reader *r, const struct yml_node *n, int of_key, const char *s) {
    if (is_id(s)) return 0;
    return yml_fail(r->d, n, of_key, ERR_FORMAT, r->e, "expected an id of at most 40 of a-z, 0-9, - and _, found \"%.60s\"", s);
}

/* Names and tags stand in brackets on one line. */
static int label_at(struct reader *r, const struct yml_node *n, const char *what, const char **out) {
    TRY(yml_text(r->d, n, what, out, r->e));
    if (n->len > NAME_MAX_BYTES || strpbrk(*out, "[]{}\n\r\t:") || **out == ' ' || (*out)[n->len - 1] == ' ')
        return yml_fail(r->d, n, 0, ERR_FORMAT, r->e,
                        "%s: expected at most 120 bytes on one line without brackets, braces and colons, found \"%.60s\"", what,
                        *out);
    return 0;
}

/* ---- head ---- */

static int read_marks(struct reader *r, const struct yml_node *n) {
    TRY(yml_is(r->d, n, YML_LIST, "ignore", r->e));
    for (const struct yml_node *c = n->first; c; c = c->next) {
        const char *s;
        TRY(yml_text(r->d, c, "ignore", &s, r->e));
        unsigned bit = fold_mark_bit(s);
        if (!bit) return yml_fail(r->d, c, 0, ERR_FORMAT, r->e, "ignore: expected %s, found \"%.40s\"", fold_mark_names(), s);
        r->l->fold.ignore |= bit;
    }
    return 0;
}

static int read_format(struct reader *r, const struct yml_node *root) {
    const char *s;
    TRY(text_at(r, root, "candor", &s));
    if (!strcmp(s, "language/1")) return 0;
    return yml_fail(r->d, yml_get(root, "candor"), 0, ERR_UNSUPPORTED, r->e, "expected the format language/1, found \"%.40s\"",
                    s);
}

static int read_direction(struct reader *r, const struct yml_node *root) {
    const char *s;
    TRY(text_at(r, root, "direction", &s));
    r->l->rtl = !strcmp(s, "rtl");
    if (r->l->rtl || !strcmp(s, "ltr")) return 0;
    return yml_fail(r->d, yml_get(root, "direction"), 0, ERR_FORMAT, r->e, "direction: expected ltr or rtl, found \"%.40s\"", s);
}

static int read_head(struct reader *r, const struct yml_node *root) {
    struct language *l = r->l;
    struct script known;
    TRY(read_format(r, root));
    TRY(text_at(r, root, "code", &l->code));
    TRY(id_at(r, yml_get(root, "code"), 0, l->code));
    TRY(text_at(r, root, "name", &l->name));
    TRY(text_at(r, root, "script", &l->script));
    if (!script_find(&known, l->script))
        return yml_fail(r->d, yml_get(root, "script"), 0, ERR_FORMAT, r->e,
                        "script: expected an ISO 15924 code like Latn, found \"%.40s\"", l->script);
    TRY(read_direction(r, root));
    TRY(yml_bool(r->d, yml_get(root, "turkic"), "turkic", &l->fold.turkic, r->e));
    TRY(text_at(r, root, "word_breaks", &l->word_breaks));
    TRY(id_at(r, yml_get(root, "word_breaks"), 0, l->word_breaks));
    TRY(read_marks(r, yml_get(root, "ignore")));
    return text_at(r, root, "neutral", &l->neutral);
}

/* ---- scenario ---- */

static int read_persona(struct reader *r, const struct yml_node *n, int i) {
    static const char *const keys[] = {"id", "name", "about", NULL};
    struct persona *p = &r->l->personas[i];
    TRY(yml_keys(r->d, n, "persona", keys, r->e));
    TRY(text_at(r, n, "id", &p->id));
    TRY(id_at(r, yml_get(n, "id"), 0, p->id));
    TRY(label_at(r, yml_get(n, "name"), "name", &p->name));
    TRY(text_at(r, n, "about", &p->about));
    for (int j = 0; j < i; j++)
        if (!strcmp(r->l->personas[j].id, p->id) || !strcmp(r->l->personas[j].name, p->name))
            return yml_fail(r->d, n, 0, ERR_FORMAT, r->e,
                            "expected each persona's id and name once, found \"%.40s\" (%.40s) again", p->name, p->id);
    return 0;
}

static int read_event(struct reader *r, const struct yml_node *n, int i) {
    static const char *const keys[] = {"turn", "phase", "text", NULL};
    struct scripted_event *v = &r->l->events[i];
    int64_t turn;
    TRY(yml_keys(r->d, n, "event", keys, r->e));
    TRY(yml_int(r->d, yml_get(n, "turn"), "turn", 1, LANGUAGE_MAX_EVENTS, &turn, r->e));
    for (int j = 0; j < i; j++)
        if (r->l->events[j].turn == turn)
            return yml_fail(r->d, yml_get(n, "turn"), 0, ERR_FORMAT, r->e, "events: expected each turn once, found %d again",
                            (int)turn);
    if (i && turn < v[-1].turn)
        return yml_fail(r->d, yml_get(n, "turn"), 0, ERR_FORMAT, r->e,
                        "events: expected them in the order of their turns, found %d behind %d", (int)turn, v[-1].turn);
    TRY(text_at(r, n, "phase", &v->phase));
    TRY(id_at(r, yml_get(n, "phase"), 0, v->phase));
    v->turn = (int)turn;
    return text_at(r, n, "text", &v->text);
}

/* A list of 1..most things of `size` bytes each. */
static int room_for(struct reader *r, const struct yml_node *n, const char *what, int most, size_t size, void **out) {
    TRY(yml_is(r->d, n, YML_LIST, what, r->e));
    if (n->n < 1 || n->n > most) return yml_fail(r->d, n, 0, ERR_RANGE, r->e, "%s: expected 1 to %d, found %d", what, most, n->n);
    *out = calloc((size_t)n->n, size);
    return *out ? 0 : fail(r->e, ERR_NOMEM, "out of memory");
}

static int read_scenario(struct reader *r, const struct yml_node *n) {
    static const char *const keys[] = {"title", "setting", "personas", "events", NULL};
    struct language *l = r->l;
    void *room;
    int i = 0;
    TRY(yml_keys(r->d, n, "scenario", keys, r->e));
    TRY(text_at(r, n, "title", &l->title));
    TRY(text_at(r, n, "setting", &l->setting));
    const struct yml_node *people = yml_get(n, "personas"), *events = yml_get(n, "events");
    TRY(room_for(r, people, "personas", LANGUAGE_MAX_PERSONAS, sizeof *l->personas, &room));
    l->personas = room;
    for (const struct yml_node *c = people->first; c; c = c->next) TRY(read_persona(r, c, i++));
    l->n_personas = i;
    TRY(room_for(r, events, "events", LANGUAGE_MAX_EVENTS, sizeof *l->events, &room));
    l->events = room;
    i = 0;
    for (const struct yml_node *c = events->first; c; c = c->next) TRY(read_event(r, c, i++));
    l->n_events = i;
    return 0;
}

/* ---- prefixes, prompts ---- */

int prefixes_read(const struct yml_doc *d, const struct yml_node *n, const char *out[PREFIXES], struct err *e) {
#define XX(id, name) name,
    static const char *const keys[] = {PREFIX_MAP(XX) NULL};
#undef XX
    TRY(yml_keys(d, n, "prefixes", keys, e));
    for (int i = 0; i < PREFIXES; i++) TRY(yml_text(d, yml_get(n, keys[i]), keys[i], &out[i], e));
    return 0;
}

static int read_tags(struct reader *r, const struct yml_node *n) {
#define XX(id, name) name,
    static const char *const keys[] = {CHANNEL_MAP(XX) NULL};
#undef XX
    TRY(yml_keys(r->d, n, "tags", keys, r->e));
    for (int i = 0; i < CHANNELS; i++) {
        TRY(label_at(r, yml_get(n, keys[i]), keys[i], &r->l->tags[i]));
        for (int j = 0; j < i; j++)
            if (!strcmp(r->l->tags[i], r->l->tags[j]))
                return yml_fail(r->d, yml_get(n, keys[i]), 0, ERR_FORMAT, r->e,
                                "expected three different tags, found \"%.40s\" again", r->l->tags[i]);
    }
    return 0;
}

static int read_prompts(struct reader *r, const struct yml_node *n) {
#define XX(id, name, holes) name,
    static const char *const keys[] = {"tags", PROMPT_MAP(XX) NULL};
#undef XX
#define XX(id, name, holes) holes,
    static const char *const holes[] = {PROMPT_MAP(XX)};
#undef XX
    TRY(yml_keys(r->d, n, "prompts", keys, r->e));
    TRY(read_tags(r, yml_get(n, "tags")));
    for (int i = 0; i < PROMPTS; i++) {
        struct err why = ERR_INIT;
        TRY(text_at(r, n, keys[i + 1], &r->l->prompts[i]));
        if (prompt_check(r->l->prompts[i], holes[i], &why) < 0)
            return yml_fail(r->d, yml_get(n, keys[i + 1]), 0, ERR_FORMAT, r->e, "%s: %s", keys[i + 1], why.msg);
    }
    return 0;
}

/* ---- dictionaries: component, kind, rule, forms ---- */

static int count_forms(struct reader *r, const struct yml_node *dict, int *out) {
#define XX(id, name, about) "?" name,
    static const char *const rules[] = {FORM_RULE_MAP(XX) NULL};
#undef XX
    int n = 0;
    TRY(yml_is(r->d, dict, YML_MAP, dict->key, r->e));
    for (const struct yml_node *kind = dict->first; kind; kind = kind->next) {
        TRY(id_at(r, kind, 1, kind->key));
        TRY(yml_keys(r->d, kind, kind->key, rules, r->e));
        for (const struct yml_node *rule = kind->first; rule; rule = rule->next) {
            TRY(yml_is(r->d, rule, YML_LIST, rule->key, r->e));
            n += rule->n;
        }
    }
    if (dict->n < 1 || dict->n > LANGUAGE_MAX_KINDS)
        return yml_fail(r->d, dict, 1, ERR_RANGE, r->e, "%s: expected 1 to %d kinds, found %d", dict->key, LANGUAGE_MAX_KINDS,
                        dict->n);
    if (n < 1 || n > LANGUAGE_MAX_FORMS)
        return yml_fail(r->d, dict, 1, ERR_RANGE, r->e, "%s: expected 1 to %d forms, found %d", dict->key, LANGUAGE_MAX_FORMS, n);
    *out = n;
    return 0;
}

static enum form_rule rule_of(const char *name) {
    enum form_rule i = 0;
    while (i + 1 < FORM_RULES && strcmp(form_rule_name(i), name) != 0) i++;
    return i;
}

static int read_forms(struct reader *r, const struct yml_node *rule, struct dictionary_source *s) {
    for (const struct yml_node *c = rule->first; c; c = c->next) {
        struct form *f = &s->forms[s->n_forms];
        *f = (struct form){.rule = rule_of(rule->key), .kind = s->n_kinds - 1, .line = c->line, .col = c->col};
        TRY(yml_text(r->d, c, rule->key, &f->text, r->e));
        s->n_forms++;
    }
    return 0;
}

static int read_dictionary(struct reader *r, const struct yml_node *n, struct dictionary_source *s) {
    int forms = 0;
    TRY(id_at(r, n, 1, n->key));
    TRY(count_forms(r, n, &forms));
    s->id = n->key;
    s->forms = calloc((size_t)forms, sizeof *s->forms);
    if (!s->forms) return fail(r->e, ERR_NOMEM, "out of memory");
    for (const struct yml_node *kind = n->first; kind; kind = kind->next) {
        s->kinds[s->n_kinds++] = kind->key;
        for (const struct yml_node *rule = kind->first; rule; rule = rule->next) TRY(read_forms(r, rule, s));
    }
    return 0;
}

static int read_dictionaries(struct reader *r, const struct yml_node *n) {
    static const char *const needed[] = {
#define XX(id, name) name,
        DICTIONARY_MAP(XX)
#undef XX
    };
    TRY(yml_is(r->d, n, YML_MAP, "dictionaries", r->e));
    if (n->n > LANGUAGE_MAX_DICTIONARIES)
        return yml_fail(r->d, n, 0, ERR_LIMIT, r->e, "expected at most %d dictionaries, found %d", LANGUAGE_MAX_DICTIONARIES,
                        n->n);
    for (size_t i = 0; i < sizeof needed / sizeof *needed; i++)
        if (!yml_get(n, needed[i]))
            return yml_fail(r->d, n, 0, ERR_FORMAT, r->e, "dictionaries: expected \"%s\", found none", needed[i]);
    for (const struct yml_node *c = n->first; c; c = c->next)
        TRY(read_dictionary(r, c, &r->l->dictionaries[r->l->n_dictionaries++]));
    return 0;
}

static int read_root(struct reader *r) {
    static const char *const keys[] = {"candor", "code",     "name",     "script",  "direction",    "turkic",  "word_breaks",
                                       "ignore", "scenario", "prefixes", "prompts", "dictionaries", "neutral", NULL};
    const struct yml_node *root = yml_root(r->d);
    TRY(yml_keys(r->d, root, "language", keys, r->e));
    TRY(read_head(r, root));
    TRY(read_scenario(r, yml_get(root, "scenario")));
    TRY(prefixes_read(r->d, yml_get(root, "prefixes"), r->l->prefixes, r->e));
    TRY(read_prompts(r, yml_get(root, "prompts")));
    return read_dictionaries(r, yml_get(root, "dictionaries"));
}

/* Takes the document. */
static int build(struct language **out, struct yml_doc *d, struct err *e) {
    struct language *l = calloc(1, sizeof *l);
    if (!l) {
        yml_free(d);
        return fail(e, ERR_NOMEM, "out of memory for a language");
    }
    l->doc = d;
    int rc = read_root(&(struct reader){.d = d, .l = l, .e = e});
    if (rc < 0)
        language_free(l);
    else
        *out = l;
    return rc;
}

int language_read(struct language **out, const char *path, struct err *e) {
    struct yml_doc *d;
    TRY(yml_read(&d, path, e));
    return build(out, d, e);
}

int language_parse(struct language **out, const char *name, const char *s, size_t n, struct err *e) {
    struct yml_doc *d;
    TRY(yml_parse(&d, name, s, n, e));
    return build(out, d, e);
}
