/* What a language is once it is read: names of its parts, questions to it, all its texts in order. */
#include "study/council_words.h"
#include "study/yaml.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *form_rule_name(enum form_rule r) {
#define XX(id, name, about) name,
    static const char *const names[] = {FORM_RULE_MAP(XX)};
#undef XX
    return names[r];
}
const char *channel_name(enum channel c) {
#define XX(id, name) name,
    static const char *const names[] = {CHANNEL_MAP(XX)};
#undef XX
    return names[c];
}
const char *prefix_name(enum prefix_id p) {
#define XX(id, name) name,
    static const char *const names[] = {PREFIX_MAP(XX)};
#undef XX
    return names[p];
}
const char *prompt_name(enum prompt_id p) {
#define XX(id, name, holes) name,
    static const char *const names[] = {PROMPT_MAP(XX)};
#undef XX
    return names[p];
}

void language_free(struct language *l) {
    if (!l) return;
    free(l->personas);
    free(l->events);
    for (int i = 0; i < l->n_dictionaries; i++) free(l->dictionaries[i].forms);
    council_words_free(l->council);
    yml_free(l->doc);
    free(l);
}

const char *language_file(const struct language *l) { return yml_name(l->doc); }

const struct dictionary_source *language_dictionary(const struct language *l, const char *id) {
    for (int i = 0; i < l->n_dictionaries; i++)
        if (!strcmp(l->dictionaries[i].id, id)) return &l->dictionaries[i];
    return NULL;
}

const struct persona *language_persona(const struct language *l, const char *id) {
    for (int i = 0; i < l->n_personas; i++)
        if (!strcmp(l->personas[i].id, id)) return &l->personas[i];
    return NULL;
}

static void __attribute__((format(printf, 4, 5)))
put_text(struct language_text *t, const char *text, int prompt, const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(t->id, sizeof t->id, fmt, ap);
    va_end(ap);
    t->text = text;
    t->prompt = prompt;
}

/* How many texts a council has, and the texts. */
static int council_texts(const struct council_words *w) {
    int n = 3;
    for (int i = 0; i < COUNCIL_LINES; i++) n += w->n_forms[i];
    for (int i = 0; i < w->n_topics; i++) n += 1 + w->topics[i].n;
    return n;
}

static int put_council(struct language_text *t, const struct council_words *w) {
    int k = 0;
    put_text(&t[k++], w->question, 1, "council/question");
    put_text(&t[k++], w->options, 1, "council/options");
    put_text(&t[k++], w->evidence, 1, "council/evidence");
    for (int l = 0; l < COUNCIL_LINES; l++)
        for (int i = 0; i < w->n_forms[l]; i++)
            put_text(&t[k++], w->line[l][i], 1, "council/line/%s/%d", council_line_name((enum council_line)l), i);
    for (int i = 0; i < w->n_topics; i++) {
        const struct council_topic *p = &w->topics[i];
        put_text(&t[k++], p->question, 0, "council/topic/%.40s/question", p->id);
        for (int v = 0; v < p->n; v++) put_text(&t[k++], p->value[v], 0, "council/topic/%.40s/value/%d", p->id, v);
    }
    return k;
}

int language_texts(const struct language *l, struct language_text **out, int *n, struct err *e) {
    int most = 3 + 2 * l->n_personas + l->n_events + PREFIXES + CHANNELS + PROMPTS + (l->council ? council_texts(l->council) : 0);
    struct language_text *t = calloc((size_t)most, sizeof *t);
    int k = 0;
    if (!t) return fail(e, ERR_NOMEM, "out of memory for the texts of a language");
    put_text(&t[k++], l->title, 0, "scenario/title");
    put_text(&t[k++], l->setting, 0, "scenario/setting");
    for (int i = 0; i < l->n_personas; i++) {
        put_text(&t[k++], l->personas[i].name, 0, "persona/%.60s/name", l->personas[i].id);
        put_text(&t[k++], l->personas[i].about, 0, "persona/%.60s/about", l->personas[i].id);
    }
    for (int i = 0; i < l->n_events; i++) put_text(&t[k++], l->events[i].text, 0, "event/%d", l->events[i].turn);
    for (int i = 0; i < PREFIXES; i++) put_text(&t[k++], l->prefixes[i], 0, "prefix/%s", prefix_name((enum prefix_id)i));
    for (int i = 0; i < CHANNELS; i++) put_text(&t[k++], l->tags[i], 0, "tag/%s", channel_name((enum channel)i));
    for (int i = 0; i < PROMPTS; i++) put_text(&t[k++], l->prompts[i], 1, "prompt/%s", prompt_name((enum prompt_id)i));
    put_text(&t[k++], l->neutral, 0, "neutral");
    if (l->council) k += put_council(&t[k], l->council);
    *out = t, *n = k;
    return 0;
}
