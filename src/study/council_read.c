/* Reading the words of a council: each part has its keys, kinds and limits, and what is wrong is said with line and column. */
#include "base/str.h"
#include "study/council_words.h"
#include "study/language_int.h"
#include "study/prompt.h"
#include <stdlib.h>
#include <string.h>

struct reader {
    const struct yml_doc *d;
    struct language *l;
    struct council_words *w;
    struct err *e;
};

static int text_at(struct reader *r, const struct yml_node *map, const char *key, const char **out) {
    return yml_text(r->d, yml_get(map, key), key, out, r->e);
}

/* A text with the placeholders `holes`, or, where there is another set, with those. */
static int prompt_at(struct reader *r, const struct yml_node *n, const char *what, const char *holes, const char *or_holes,
                     const char **out) {
    struct err why = ERR_INIT;
    TRY(yml_text(r->d, n, what, out, r->e));
    if (prompt_check(*out, holes, &why) >= 0 || (or_holes && prompt_check(*out, or_holes, NULL) >= 0)) return 0;
    return yml_fail(r->d, n, 0, ERR_FORMAT, r->e, "%s: %s", what, why.msg);
}

/* ---- what lies over the language ---- */

static int read_head(struct reader *r, const struct yml_node *root) {
    const char *s;
    TRY(text_at(r, root, "candor", &s));
    if (strcmp(s, "council/1") != 0)
        return yml_fail(r->d, yml_get(root, "candor"), 0, ERR_UNSUPPORTED, r->e, "expected the format council/1, found \"%.40s\"",
                        s);
    TRY(text_at(r, root, "code", &s));
    if (strcmp(s, r->l->code) != 0)
        return yml_fail(r->d, yml_get(root, "code"), 0, ERR_FORMAT, r->e,
                        "expected the texts of language \"%s\", found \"%.40s\"", r->l->code, s);
    return text_at(r, root, "setting", &r->l->setting);
}

static int read_prompts(struct reader *r, const struct yml_node *n) {
    static const char *const keys[] = {"self", "reply", "reask", "?turn", "?heard", "?silent", "?go", NULL};
    static const struct {
        enum prompt_id id;
        const char *holes, *or_holes;
    } of[] = {{PROMPT_SELF, "name", NULL},
              {PROMPT_REPLY, "talk monologue", NULL},
              {PROMPT_REASK, "talk monologue", NULL},
              {PROMPT_TURN, "turn turns", "turn"},
              {PROMPT_HEARD, "name text", NULL},
              {PROMPT_SILENT, "name", NULL},
              {PROMPT_GO, "name", ""}};
    TRY(yml_keys(r->d, n, "prompts", keys, r->e));
    for (size_t i = 0; i < sizeof of / sizeof *of; i++) {
        const struct yml_node *c = yml_get(n, prompt_name(of[i].id));
        if (c) TRY(prompt_at(r, c, c->key, of[i].holes, of[i].or_holes, &r->l->prompts[of[i].id]));
    }
    return 0;
}

/* ---- sentences ---- */

static int read_forms(struct reader *r, const struct yml_node *list, int line) {
    struct council_words *w = r->w;
    TRY(yml_is(r->d, list, YML_LIST, list->key, r->e));
    if (list->n < 1 || list->n > COUNCIL_MAX_FORMS)
        return yml_fail(r->d, list, 0, ERR_RANGE, r->e, "%s: expected 1 to %d sentences, found %d", list->key, COUNCIL_MAX_FORMS,
                        list->n);
    for (const struct yml_node *c = list->first; c; c = c->next) {
        const char *s, *first;
        TRY(prompt_at(r, c, list->key, "value", NULL, &s));
        first = strstr(s, "{value}");
        if (strstr(first + 1, "{value}") || strpbrk(s, "\n[]"))
            return yml_fail(r->d, c, 0, ERR_FORMAT, r->e,
                            "%s: expected one line with {value} once and without brackets, found \"%.80s\"", list->key, s);
        for (int l = 0; l <= line; l++)
            for (int i = 0; i < w->n_forms[l]; i++)
                if (!strcmp(w->line[l][i], s))
                    return yml_fail(r->d, c, 0, ERR_FORMAT, r->e, "lines: expected each sentence once, found \"%.80s\" again", s);
        w->line[line][w->n_forms[line]++] = s;
    }
    return 0;
}

static int read_lines(struct reader *r, const struct yml_node *n) {
#define XX(id, name) name,
    static const char *const keys[] = {COUNCIL_LINE_MAP(XX) NULL};
#undef XX
    TRY(yml_keys(r->d, n, "lines", keys, r->e));
    for (int i = 0; i < COUNCIL_LINES; i++) TRY(read_forms(r, yml_get(n, keys[i]), i));
    return 0;
}

/* ---- topics ---- */

static int read_value(struct reader *r, const struct yml_node *c, struct council_topic *t) {
    const char *s;
    TRY(yml_text(r->d, c, "values", &s, r->e));
    if (strpbrk(s, "[]{}\n\r\t"))
        return yml_fail(r->d, c, 0, ERR_FORMAT, r->e, "values: expected words without brackets and braces, found \"%.60s\"", s);
    t->value[t->n] = s;
    TRY(fold_text(&t->folded[t->n], &r->l->fold, s, strlen(s), r->e));
    const struct folded *f = &t->folded[t->n], *o;
    if (!f->n) return t->n++, yml_fail(r->d, c, 0, ERR_FORMAT, r->e, "values: expected words, found none that can be read");
    for (int k = 0; k < t->n; k++) {
        o = &t->folded[k];
        if (o->n == f->n && !memcmp(o->code, f->code, f->n * sizeof *f->code))
            return t->n++, yml_fail(r->d, c, 0, ERR_FORMAT, r->e, "values: expected each once, found \"%.60s\" again", s);
    }
    t->n++;
    return 0;
}

/* The form with the value, read back: with the forms and without them. */
static int read_back(struct reader *r, int topic, int value, int line, int form) {
    const struct council_topic *t = &r->w->topics[topic];
    struct str b = {0};
    struct council_said said = {-1, -1}, bare = {-1, -1};
    struct err why = ERR_INIT;
    int rc = prompt_fill(&b, r->w->line[line][form], &(struct prompt_value){"value", t->value[value]}, 1, &why);
    if (rc >= 0) rc = council_said(&said, r->l, topic, line == LINE_NOTE, b.s, &why);
    if (rc >= 0) str_puts(&b, " ");
    if (rc >= 0) rc = b.failed ? ERR_NOMEM : council_said(&bare, r->l, topic, line == LINE_NOTE, b.s, &why);
    str_free(&b);
    if (rc < 0) return fail(r->e, ERR_NOMEM, "out of memory for the words of a council");
    return said.value == value && said.line == line && bare.value == value;
}

static int check_topic(struct reader *r, const struct yml_node *values, int topic) {
    int k = 0;
    for (const struct yml_node *c = values->first; c; c = c->next, k++)
        for (int line = 0; line < COUNCIL_LINES; line++)
            for (int i = 0; i < r->w->n_forms[line]; i++) {
                int ok = read_back(r, topic, k, line, i);
                if (ok < 0) return ok;
                if (!ok)
                    return yml_fail(
                        r->d, c, 0, ERR_FORMAT, r->e,
                        "values: expected words that can be told apart in every sentence, found \"%.60s\", which is not "
                        "read back from \"%.80s\"",
                        c->text, r->w->line[line][i]);
            }
    return 0;
}

static int read_topic(struct reader *r, const struct yml_node *n) {
    static const char *const keys[] = {"id", "question", "values", NULL};
    struct council_words *w = r->w;
    struct council_topic *t = &w->topics[w->n_topics];
    TRY(yml_keys(r->d, n, "topic", keys, r->e));
    TRY(text_at(r, n, "id", &t->id));
    TRY(text_at(r, n, "question", &t->question));
    if (strlen(t->id) > 40 || t->id[strspn(t->id, "abcdefghijklmnopqrstuvwxyz0123456789_-")])
        return yml_fail(r->d, yml_get(n, "id"), 0, ERR_FORMAT, r->e,
                        "expected an id of at most 40 of a-z, 0-9, - and _, found \"%.60s\"", t->id);
    for (int i = 0; i < w->n_topics; i++)
        if (!strcmp(w->topics[i].id, t->id))
            return yml_fail(r->d, yml_get(n, "id"), 0, ERR_FORMAT, r->e, "topics: expected each id once, found \"%s\" again",
                            t->id);
    const struct yml_node *values = yml_get(n, "values");
    TRY(yml_is(r->d, values, YML_LIST, "values", r->e));
    if (values->n < 3 || values->n > COUNCIL_MAX_VALUES)
        return yml_fail(r->d, values, 0, ERR_RANGE, r->e, "values: expected 3 to %d, found %d", COUNCIL_MAX_VALUES, values->n);
    w->n_topics++;
    for (const struct yml_node *c = values->first; c; c = c->next) TRY(read_value(r, c, t));
    return check_topic(r, values, w->n_topics - 1);
}

static int read_topics(struct reader *r, const struct yml_node *n) {
    TRY(yml_is(r->d, n, YML_LIST, "topics", r->e));
    if (n->n < 1 || n->n > COUNCIL_MAX_TOPICS)
        return yml_fail(r->d, n, 0, ERR_RANGE, r->e, "topics: expected 1 to %d, found %d", COUNCIL_MAX_TOPICS, n->n);
    r->w->topics = calloc((size_t)n->n, sizeof *r->w->topics);
    if (!r->w->topics) return fail(r->e, ERR_NOMEM, "out of memory for the words of a council");
    for (const struct yml_node *c = n->first; c; c = c->next) TRY(read_topic(r, c));
    return 0;
}

static int read_root(struct reader *r) {
    static const char *const keys[] = {"candor",  "code",     "setting", "prefixes", "prompts", "question",
                                       "options", "evidence", "lines",   "topics",   NULL};
    const struct yml_node *root = yml_root(r->d);
    TRY(yml_keys(r->d, root, "council", keys, r->e));
    TRY(read_head(r, root));
    TRY(prefixes_read(r->d, yml_get(root, "prefixes"), r->l->prefixes, r->e));
    TRY(read_prompts(r, yml_get(root, "prompts")));
    TRY(prompt_at(r, yml_get(root, "question"), "question", "question", NULL, &r->w->question));
    TRY(prompt_at(r, yml_get(root, "options"), "options", "values", NULL, &r->w->options));
    TRY(prompt_at(r, yml_get(root, "evidence"), "evidence", "value", NULL, &r->w->evidence));
    TRY(read_lines(r, yml_get(root, "lines")));
    return read_topics(r, yml_get(root, "topics"));
}

int council_words_parse(struct language *l, const char *name, const char *s, size_t n, struct err *e) {
    struct council_words *w = calloc(1, sizeof *w);
    if (!w) return fail(e, ERR_NOMEM, "out of memory for the words of a council");
    int rc = yml_parse(&w->doc, name, s, n, e);
    if (rc < 0) return free(w), rc;
    council_words_free(l->council);
    l->council = w;
    return read_root(&(struct reader){.d = w->doc, .l = l, .w = w, .e = e});
}
