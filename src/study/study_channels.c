/* The part `channels` of a study file: who hears what is said in each channel, and which channels there are. */
#include "base/str.h"
#include "study/study_int.h"
#include <stdio.h>
#include <string.h>

/* Who may be named for a channel; a list of personas is allowed for what is not said to one person. */
static const struct rule {
    enum audience usual, allowed[4];
    int n, lists;
} rules[CHANNELS] = {
    [CHANNEL_TALK] = {AUDIENCE_ALL, {AUDIENCE_ALL}, 1, 1},
    [CHANNEL_MONOLOGUE] = {AUDIENCE_AUTHOR, {AUDIENCE_AUTHOR, AUDIENCE_RESEARCHER, AUDIENCE_ALL, AUDIENCE_NONE}, 4, 1},
    [CHANNEL_WHISPER] = {AUDIENCE_RECIPIENT, {AUDIENCE_RECIPIENT, AUDIENCE_NONE}, 2, 0},
};

int study_sees(const struct study *s, const struct seat *seats, enum channel c, int author, int to, int viewer) {
    switch (s->audience[c]) {
    case AUDIENCE_ALL: return 1;
    case AUDIENCE_RECIPIENT: return viewer == author || viewer == to;
    case AUDIENCE_AUTHOR: return viewer == author;
    case AUDIENCE_PERSONAS: return viewer == author || (s->hears[c] >> seats[viewer].persona & 1);
    case AUDIENCE_RESEARCHER:
    case AUDIENCE_NONE:
    case AUDIENCES: break;
    }
    return 0;
}

int study_has_channel(const struct study *s, enum channel c) { return s->audience[c] != AUDIENCE_NONE; }

void study_audience(struct str *out, const struct study *s, enum channel c) {
    if (s->audience[c] != AUDIENCE_PERSONAS) {
        str_puts(out, audience_name(s->audience[c]));
        return;
    }
    const char *comma = "";
    for (int i = 0; i < s->n_agents; i++)
        if (s->hears[c] >> i & 1) str_printf(out, "%s%s", comma, s->persona[i]), comma = ", ";
}

/* ---- reading ---- */

static int read_personas(struct study_reader *r, const struct yml_node *list, uint64_t *out) {
    const struct study *s = r->s;
    TRY(node_list(r, list, list->key, s->n_agents));
    for (const struct yml_node *c = list->first; c; c = c->next) {
        const char *id;
        int i = 0;
        TRY(yml_text(r->d, c, list->key, &id, r->e));
        while (i < s->n_agents && strcmp(s->persona[i], id) != 0) i++;
        if (i == s->n_agents)
            return yml_fail(r->d, c, 0, ERR_FORMAT, r->e, "%s: expected a persona of the group, found \"%.40s\"", list->key, id);
        if (*out >> i & 1)
            return yml_fail(r->d, c, 0, ERR_FORMAT, r->e, "%s: expected each once, found \"%s\" again", list->key, id);
        *out |= 1ull << i;
    }
    return 0;
}

static int read_channel(struct study_reader *r, const struct yml_node *map, enum channel c) {
    const struct rule *rule = &rules[c];
    const struct yml_node *n = yml_get(map, channel_name(c));
    const char *names[AUDIENCES];
    int at;
    if (!n) return 0;
    if (rule->lists && n->kind == YML_LIST) {
        r->s->audience[c] = AUDIENCE_PERSONAS;
        return read_personas(r, n, &r->s->hears[c]);
    }
    for (int i = 0; i < rule->n; i++) names[i] = audience_name(rule->allowed[i]);
    TRY(node_choice_or(r, map, channel_name(c), names, rule->n, 0, &at));
    r->s->audience[c] = rule->allowed[at];
    return 0;
}

/* A line of a prompt that names a channel, and no other one. */
static int is_line_of(const char *line, size_t n, enum channel c) {
    int has[CHANNELS] = {0};
    for (int i = 0; i < CHANNELS; i++) {
        char hole[40];
        int k = snprintf(hole, sizeof hole, "{%s}", channel_name((enum channel)i));
        has[i] = memmem(line, n, hole, (size_t)k) != NULL;
    }
    return has[c] && has[CHANNEL_TALK] + has[CHANNEL_MONOLOGUE] + has[CHANNEL_WHISPER] == 1;
}

void study_reply_prompt(struct str *out, const struct study *s, const char *prompt) {
    while (*prompt) {
        size_t n = strcspn(prompt, "\n"), all = n + (prompt[n] == '\n');
        int gone = 0;
        for (int c = 0; c < CHANNELS; c++)
            gone |= !study_has_channel(s, (enum channel)c) && is_line_of(prompt, n, (enum channel)c);
        if (!gone) str_add(out, prompt, all);
        prompt += all;
    }
}

/* What a language tells agents of a channel that is off has to be a line of its own. */
static int can_be_left_out(struct study_reader *r, const struct yml_node *at, const struct language *l, enum channel c) {
    const char *p = l->prompts[PROMPT_REPLY];
    for (size_t n; *p; p += n + (p[n] == '\n')) {
        n = strcspn(p, "\n");
        if (is_line_of(p, n, c)) return 0;
    }
    return yml_fail(r->d, at, 0, ERR_UNSUPPORTED, r->e,
                    "%s: expected a line of its own for {%s} in the prompt \"reply\" of language %s, so that it can be left out, "
                    "found none",
                    channel_name(c), channel_name(c), l->code);
}

int study_channels(struct study_reader *r, const struct yml_node *map) {
    static const char *const keys[] = {"?talk", "?monologue", "?whisper", NULL};
    struct study *s = r->s;
    for (int c = 0; c < CHANNELS; c++) s->audience[c] = rules[c].usual;
    if (!map) return 0;
    TRY(yml_keys(r->d, map, "channels", keys, r->e));
    for (int c = 0; c < CHANNELS; c++) TRY(read_channel(r, map, (enum channel)c));
    for (int c = 0; c < CHANNELS; c++)
        for (int i = 0; i < s->n_languages && !study_has_channel(s, (enum channel)c); i++)
            TRY(can_be_left_out(r, yml_get(map, channel_name((enum channel)c)), s->language[i], (enum channel)c));
    enum audience talk = s->audience[CHANNEL_TALK], own = s->audience[CHANNEL_MONOLOGUE];
    if (s->council.options && (talk != AUDIENCE_ALL || (own != AUDIENCE_AUTHOR && own != AUDIENCE_RESEARCHER)))
        return yml_fail(r->d, map, 1, ERR_FORMAT, r->e,
                        "channels: expected talk to all and a monologue that nobody else hears in a council, found another rule");
    return 0;
}
