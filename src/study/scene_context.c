/* What an agent sees, as the parts of a conversation with a chat model. */
#include "study/scene_int.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void context_free(struct context *c) {
    for (int i = 0; i < c->n; i++) free(c->parts[i].own);
    free(c->parts);
    free(c->seen);
    *c = (struct context){0};
}

static int grow(void *list, int n, int *cap, size_t size, struct err *e) {
    void **at = list;
    if (n < *cap) return 0;
    void *p = realloc(*at, (size_t)(*cap + 16) * 2 * size);
    if (!p) return fail(e, ERR_NOMEM, "out of memory for a context");
    *at = p, *cap = (*cap + 16) * 2;
    return 0;
}

/* own: the text itself, which is the context's from now on if this returns 0; NULL: it is the scene's. */
static int add_text(struct context *c, enum part_role role, int turn, const char *text, size_t len, char *own, struct err *e) {
    TRY(grow(&c->parts, c->n, &c->cap, sizeof *c->parts, e));
    c->parts[c->n++] = (struct part){.role = role, .turn = turn, .len = len, .text = text, .own = own};
    return 0;
}

/* A part with the text of b, which is emptied; none if there is no text. */
static int add_part(struct context *c, enum part_role role, int turn, struct str *b, struct err *e) {
    if (b->failed) return fail(e, ERR_NOMEM, "out of memory for a context");
    if (!b->len) return 0;
    TRY(add_text(c, role, turn, b->s, b->len, b->s, e));
    *b = (struct str){0};
    return 0;
}

/* The next part shows this message. */
static int add_seen(struct context *c, int turn, int author, int act, enum channel channel, struct err *e) {
    TRY(grow(&c->seen, c->n_seen, &c->cap_seen, sizeof *c->seen, e));
    c->seen[c->n_seen++] = (struct seen){.turn = turn, .author = author, .act = act, .channel = channel, .part = c->n};
    return 0;
}

struct pen {
    const struct scene *s;
    struct context *c;
    struct str *b;
    struct err *e;
    int agent, now;
};

/* One prompt as a part of the user's message at a turn. */
static int line(struct pen *p, int turn, enum prompt_id id, const struct prompt_value *v, int n) {
    TRY(prompt_fill(p->b, p->s->language->prompts[id], v, n, p->e));
    return add_part(p->c, PART_USER, turn, p->b, p->e);
}

static int line_name(struct pen *p, int turn, enum prompt_id id, int agent) {
    return line(p, turn, id, &(struct prompt_value){"name", p->s->names[agent]}, 1);
}

/* ---- the system text ---- */

static const char *list_comma(const struct language *l) {
    if (!strcmp(l->script, "Arab")) return "، ";
    return !strcmp(l->script, "Jpan") || !strncmp(l->script, "Han", 3) ? "、" : ", ";
}

static void paragraph(struct str *b, const char *text) {
    if (b->len) str_puts(b, "\n\n");
    str_puts(b, text);
}

static int how_to_reply(struct pen *p, enum prompt_id id) {
    const struct language *l = p->s->language;
    int other = (p->agent + 1) % p->s->study->n_agents;
    const struct prompt_value v[] = {{"talk", l->tags[CHANNEL_TALK]},
                                     {"monologue", l->tags[CHANNEL_MONOLOGUE]},
                                     {"whisper", l->tags[CHANNEL_WHISPER]},
                                     {"name", p->s->names[other]}};
    const struct study *s = p->s->study;
    if (study_has_channel(s, CHANNEL_MONOLOGUE) && study_has_channel(s, CHANNEL_WHISPER))
        return prompt_fill(p->b, l->prompts[id], v, 4, p->e);
    struct str lines = {0}; /* the request to answer again is a sentence with all tags: the lines are said once more instead */
    study_reply_prompt(&lines, s, l->prompts[PROMPT_REPLY]);
    int rc = lines.failed ? fail(p->e, ERR_NOMEM, "out of memory for a context")
                          : prompt_fill(p->b, lines.s ? lines.s : "", v, 4, p->e);
    str_free(&lines);
    return rc;
}

/* What a council asks, and what this agent saw. */
static int council_lines(struct pen *p) {
    const struct council_words *w = p->s->language->council;
    const struct council_fact *f = &p->s->fact;
    const struct council_topic *t = &w->topics[f->topic];
    struct str values = {0};
    for (int i = 0; i < f->n; i++) str_printf(&values, "%s%s", i ? list_comma(p->s->language) : "", t->value[f->option[i]]);
    if (values.failed) return str_free(&values), fail(p->e, ERR_NOMEM, "out of memory for a context");
    const struct prompt_value v[] = {{"question", t->question}, {"values", values.s}, {"value", t->value[f->hint[p->agent]]}};
    const char *const lines[] = {w->question, w->options, w->evidence};
    int rc = 0;
    for (int i = 0; i < 3 && rc >= 0; i++) {
        str_puts(p->b, "\n");
        rc = prompt_fill(p->b, lines[i], &v[i], 1, p->e);
    }
    str_free(&values);
    return rc;
}

/* Who the others are. */
static int others_line(struct pen *p) {
    const struct scene *s = p->s;
    struct str names = {0};
    for (int i = 0; i < s->study->n_agents; i++)
        if (i != p->agent) str_printf(&names, "%s%s", names.len ? list_comma(s->language) : "", s->names[i]);
    if (names.len) str_puts(p->b, "\n");
    int rc =
        names.len ? prompt_fill(p->b, s->language->prompts[PROMPT_OTHERS], &(struct prompt_value){"names", names.s}, 1, p->e) : 0;
    str_free(&names);
    return rc;
}

static int system_part(struct pen *p) {
    const struct scene *s = p->s;
    const struct language *l = s->language;
    for (int i = 0; i < PREFIXES; i++)
        if (s->seats[p->agent].prefixes >> i & 1) paragraph(p->b, l->prefixes[i]);
    paragraph(p->b, l->setting);
    paragraph(p->b, "");
    const struct persona *who = language_persona(l, s->study->persona[s->seats[p->agent].persona]);
    const struct prompt_value self[] = {{"name", who->name}, {"about", who->about}};
    TRY(prompt_fill(p->b, l->prompts[PROMPT_SELF], self, 2, p->e));
    TRY(scene_fact(s) ? council_lines(p) : others_line(p));
    paragraph(p->b, "");
    TRY(how_to_reply(p, PROMPT_REPLY));
    return add_part(p->c, PART_SYSTEM, 0, p->b, p->e);
}

/* ---- what others said ---- */

static int tell_act(const struct scene *s, struct str *b, int author, const struct act *a, struct err *e) {
    const char *name = s->names[author], *const *prompts = s->language->prompts;
    const struct prompt_value heard[] = {{"name", name}, {"text", a->text}}, whisper[] = {{"from", name}, {"text", a->text}};
    if (a->channel == CHANNEL_WHISPER) return prompt_fill(b, prompts[PROMPT_WHISPERED], whisper, 2, e);
    if (a->channel == CHANNEL_TALK) return prompt_fill(b, prompts[PROMPT_HEARD], heard, 2, e);
    struct str tagged = {0}; /* a thought that is heard bears its tag */
    str_printf(&tagged, "[%s] %s", s->language->tags[a->channel], a->text);
    const struct prompt_value thought[] = {{"name", name}, {"text", tagged.s}};
    int rc =
        tagged.failed ? fail(e, ERR_NOMEM, "out of memory for a context") : prompt_fill(b, prompts[PROMPT_HEARD], thought, 2, e);
    str_free(&tagged);
    return rc;
}

int slot_tell(const struct scene *s, struct slot *slot, int author, struct err *e) {
    slot->told = calloc((size_t)slot->said.n + 1, sizeof *slot->told);
    int rc = slot->told ? 0 : fail(e, ERR_NOMEM, "out of memory for what was said");
    for (int i = 0; i < slot->said.n && rc >= 0; i++) {
        struct str b = {0};
        rc = tell_act(s, &b, author, &slot->said.acts[i], e);
        slot->told[i] = b.s;
    }
    if (rc < 0) slot_free(slot);
    return rc;
}

void slot_free(struct slot *slot) {
    for (int i = 0; slot->told && i < slot->said.n; i++) free(slot->told[i]);
    free(slot->told);
    reply_free(&slot->said);
    *slot = (struct slot){0};
}

static int show_act(struct pen *p, int at, int turn, int author, int act, const struct slot *slot) {
    TRY(add_seen(p->c, turn, author, act, slot->said.acts[act].channel, p->e));
    const char *text = slot->told[act];
    return text ? add_text(p->c, PART_USER, at, text, strlen(text), NULL, p->e) : 0;
}

/* What an author said at a turn, as far as the agent may see it, in its message of turn `at`; silence is seen by those who hear talk. */
static int show_slot(struct pen *p, int at, int turn, int author) {
    const struct slot *slot = scene_slot(p->s, turn, author);
    static const struct act aloud = {.channel = CHANNEL_TALK, .to = -1};
    int spoke = 0;
    if (author == p->agent || !slot->there) return 0;
    for (int i = 0; i < slot->said.n; i++) {
        const struct act *a = &slot->said.acts[i];
        spoke |= a->channel == CHANNEL_TALK;
        if (scene_sees(p->s, p->agent, p->now, turn, author, a)) TRY(show_act(p, at, turn, author, i, slot));
    }
    if (spoke || !scene_sees(p->s, p->agent, p->now, turn, author, &aloud)) return 0;
    return line_name(p, at, PROMPT_SILENT, author);
}

/* Those who spoke at a turn in the places [from, to). */
static int show_places(struct pen *p, int at, int turn, int from, int to) {
    const int *order = scene_order_at(p->s, turn);
    for (int i = from; i < to; i++) TRY(show_slot(p, at, turn, order[i]));
    return 0;
}

/* What was heard since the agent spoke last, the turn, the event. */
static int user_parts(struct pen *p, int turn) {
    const struct study *st = p->s->study;
    int together = st->order == ORDER_SIMULTANEOUS;
    char now[16], of[16];
    if (turn > 1) TRY(show_places(p, turn, turn - 1, together ? 0 : scene_place(p->s, turn - 1, p->agent) + 1, st->n_agents));
    snprintf(now, sizeof now, "%d", turn);
    snprintf(of, sizeof of, "%d", st->n_turns);
    const struct prompt_value turns[] = {{"turn", now}, {"turns", of}};
    TRY(line(p, turn, PROMPT_TURN, turns, 2));
    if (st->event[turn]) {
        const char *text = language_event(p->s->language, st->event[turn])->text;
        TRY(line(p, turn, PROMPT_EVENT, &(struct prompt_value){"text", text}, 1));
    }
    if (!together) TRY(show_places(p, turn, turn, 0, scene_place(p->s, turn, p->agent)));
    return line_name(p, turn, PROMPT_GO, p->agent);
}

/* ---- what it said itself ---- */

static int assistant_part(struct pen *p, int turn) {
    const struct slot *slot = scene_slot(p->s, turn, p->agent);
    const char *const *tags = p->s->language->tags;
    for (int i = 0; i < slot->said.n; i++) {
        const struct act *a = &slot->said.acts[i];
        if (!scene_sees(p->s, p->agent, p->now, turn, p->agent, a)) continue;
        TRY(add_seen(p->c, turn, p->agent, i, a->channel, p->e));
        const char *const words[] = {p->b->len ? "\n[" : "[",
                                     tags[a->channel],
                                     a->to >= 0 ? " " : "",
                                     a->to >= 0 ? p->s->names[a->to] : "",
                                     "] ",
                                     a->text};
        for (int k = 0; k < 6; k++) str_puts(p->b, words[k]);
    }
    return add_part(p->c, PART_ASSISTANT, turn, p->b, p->e);
}

/* The parts behind those of c->turn. */
static int further_parts(struct pen *p) {
    int last = p->s->study->last;
    if (!p->c->turn) {
        p->c->turn = last && p->now > last ? p->now - last : 1;
        TRY(system_part(p));
        TRY(user_parts(p, p->c->turn));
    }
    for (; p->c->turn < p->now; p->c->turn++) {
        TRY(assistant_part(p, p->c->turn));
        TRY(user_parts(p, p->c->turn + 1));
    }
    return 0;
}

static int finish(struct context *c, struct str *b, int rc, struct context *out) {
    str_free(b);
    if (rc < 0)
        context_free(c);
    else
        *out = *c;
    return rc;
}

int scene_context(const struct scene *s, int agent, struct context *out, struct err *e) {
    struct context c = *out;
    struct str b = {0};
    *out = (struct context){0};
    if (s->study->last && c.turn != s->turn) context_free(&c);
    if (scene_over(s)) {
        context_free(&c);
        return fail(e, ERR_STATE, "expected a run under way, found one that is over");
    }
    int rc = further_parts(&(struct pen){.s = s, .c = &c, .b = &b, .e = e, .agent = agent, .now = s->turn});
    return finish(&c, &b, rc, out);
}

int scene_whole(const struct scene *s, int agent, struct context *out, struct err *e) {
    struct context c = {0};
    struct str b = {0};
    if (!scene_over(s)) return fail(e, ERR_STATE, "expected a run that is over, found one under way");
    if (s->study->last) return fail(e, ERR_UNSUPPORTED, "expected agents that see all turns, found context: %d", s->study->last);
    struct pen p = {.s = s, .c = &c, .b = &b, .e = e, .agent = agent, .now = s->turn};
    int rc = system_part(&p);
    for (int t = 1; rc >= 0 && t < s->turn; t++) {
        rc = user_parts(&p, t);
        if (rc >= 0) rc = assistant_part(&p, t);
    }
    return finish(&c, &b, rc, out);
}

int scene_reask(const struct scene *s, int agent, const char *reply, struct context *out, struct err *e) {
    struct context c = {0};
    struct str b = {0};
    struct pen p = {.s = s, .c = &c, .b = &b, .e = e, .agent = agent, .now = s->turn};
    TRY(scene_context(s, agent, &c, e));
    str_puts(&b, reply);
    int rc = add_part(&c, PART_ASSISTANT, s->turn, &b, e);
    if (rc >= 0) rc = how_to_reply(&p, PROMPT_REASK);
    if (rc >= 0) rc = add_part(&c, PART_USER, s->turn, &b, e);
    return finish(&c, &b, rc, out);
}
