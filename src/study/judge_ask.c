/* What a judge is shown of an archive, and what its reply says. The facts alone are read: what was said, in which channel, to whom. */
#include "study/judge_int.h"
#include "study/prompt.h"
#include "study/study_int.h"
#include "task/judge_chat.h"
#include <stdlib.h>
#include <string.h>

#define XX(id, name) name,
static const char *const states[] = {JUDGED_MAP(XX)};
#undef XX
const char *judge_state_name(enum judge_state s) { return states[s]; }

/* ---- units ---- */

struct collecting {
    struct judge_units u;
    int64_t cap;
    int per_run;
};

static int add_unit(struct collecting *c, const char *key, size_t n, struct err *e) {
    if (n >= RUN_KEY_BYTES) return fail_at(e, ERR_FORMAT, key, -1, "expected the key of a run or agent-turn, found a longer one");
    if (c->u.n == c->cap) {
        int64_t cap = 2 * c->cap + 256;
        void *p = realloc(c->u.key, (size_t)cap * sizeof *c->u.key);
        if (!p) return fail(e, ERR_NOMEM, "out of memory for what is judged");
        c->u.key = p, c->cap = cap;
    }
    memcpy(c->u.key[c->u.n], key, n);
    c->u.key[c->u.n++][n] = 0;
    return 0;
}

static int ends_with(const char *s, const char *end) {
    size_t n = strlen(s), m = strlen(end);
    return n >= m && !strcmp(s + n - m, end);
}

static int collect(void *user, const char *key, const char *json, size_t n, struct err *e) {
    struct collecting *c = user;
    int is_run = ends_with(key, "/run");
    if (c->per_run) return is_run ? add_unit(c, key, strlen(key) - 4, e) : 0;
    if (is_run || ends_with(key, "/ask0")) return 0;
    json_t *fact = json_loadb(json, n, 0, NULL);
    int said = json_array_size(json_object_get(fact, "acts")) > 0;
    json_decref(fact);
    return said ? add_unit(c, key, strlen(key), e) : 0;
}

int judge_units(struct judge_units *out, struct archive *a, int per_run, struct err *e) {
    struct collecting c = {.per_run = per_run};
    int rc = archive_each(a, "cell", collect, &c, e);
    if (rc < 0)
        judge_units_free(&c.u);
    else
        *out = c.u;
    return rc;
}

void judge_units_free(struct judge_units *u) {
    free(u->key);
    *u = (struct judge_units){0};
}

/* ---- what was said ---- */

struct telling {
    const struct judge *j;
    const struct study *s;
    const struct cell *cell;
    struct seat seats[STUDY_MAX_AGENTS];
    struct str said;
    int turn; /* whose heading stands already */
};

static const char *name_of(const struct telling *t, int agent) {
    const struct persona *p = agent >= 0 && agent < t->s->n_agents
                                  ? language_persona(t->s->language[t->cell->language], t->s->persona[t->seats[agent].persona])
                                  : NULL;
    return p ? p->name : "?";
}

static const char *event_of(const struct telling *t, int turn) {
    int number = turn >= 1 && turn <= t->s->n_turns ? t->s->event[turn] : 0;
    const struct scripted_event *event = number ? language_event(t->s->language[t->cell->language], number) : NULL;
    return event ? event->text : "";
}

static int tell_act(struct telling *t, int agent, const json_t *act, struct err *e) {
    const char *text = json_string_value(json_object_get(act, "text")),
               *channel = json_string_value(json_object_get(act, "channel"));
    const json_t *to = json_object_get(act, "to");
    int c = 0, named = json_is_integer(to) && json_integer_value(to) >= 0 && json_integer_value(to) < t->s->n_agents;
    while (channel && c < CHANNELS && strcmp(channel, channel_name((enum channel)c)) != 0) c++;
    if (!text || !channel || c == CHANNELS) return fail(e, ERR_FORMAT, "expected an act with channel and text, found another");
    const struct prompt_value v[] = {{"name", name_of(t, agent)},
                                     {"channel", t->j->channel[c]},
                                     {"text", text},
                                     {"to", named ? name_of(t, (int)json_integer_value(to)) : "?"}};
    TRY(prompt_fill(&t->said, c == CHANNEL_WHISPER ? t->j->whispered : t->j->line, v, c == CHANNEL_WHISPER ? 4 : 3, e));
    return str_puts(&t->said, "\n") < 0 ? fail(e, ERR_NOMEM, "out of memory for a judge") : 0;
}

static int tell_acts(struct telling *t, int agent, const json_t *fact, struct err *e) {
    const json_t *acts = json_object_get(fact, "acts");
    for (size_t i = 0; i < json_array_size(acts); i++) TRY(tell_act(t, agent, json_array_get(acts, i), e));
    return 0;
}

static int tell_heading(struct telling *t, int turn, struct err *e) {
    char number[16];
    if (turn == t->turn) return 0;
    t->turn = turn;
    snprintf(number, sizeof number, "%d", turn);
    TRY(prompt_fill(&t->said, t->j->heading, (const struct prompt_value[]){{"turn", number}, {"event", event_of(t, turn)}}, 2,
                    e));
    return str_puts(&t->said, "\n") < 0 ? fail(e, ERR_NOMEM, "out of memory for a judge") : 0;
}

static int tell_turn(void *user, const char *key, const char *json, size_t n, struct err *e) {
    struct telling *t = user;
    int turn, agent;
    if (sscanf(key, "cell%*3d/rep%*3d/turn%2d/agent%2d", &turn, &agent) != 2 || ends_with(key, "/ask0")) return 0;
    json_t *fact = json_loadb(json, n, 0, NULL);
    int rc = tell_heading(t, turn, e);
    if (rc >= 0) rc = tell_acts(t, agent, fact, e);
    json_decref(fact);
    return rc;
}

/* ---- messages ---- */

static int add_part(struct context *c, enum part_role role, struct str *text, struct err *e) {
    if (text->failed || !text->s) return fail(e, ERR_NOMEM, "out of memory for a judge");
    c->parts[c->n++] = (struct part){.role = role, .len = text->len, .text = text->s, .own = text->s};
    *text = (struct str){0};
    return 0;
}

static int put_system(struct context *c, const struct judge *j, struct err *e) {
    struct str scores = {0}, text = {0};
    char least[16], most[16];
    snprintf(least, sizeof least, "%d", j->least);
    snprintf(most, sizeof most, "%d", j->most);
    for (int i = 0; i < j->n_scores; i++) str_printf(&scores, "%s\"%s\": %s", i ? "\n" : "", j->score[i].id, j->score[i].about);
    const struct prompt_value v[] = {{"least", least}, {"most", most}, {"scores", scores.s ? scores.s : ""}};
    int rc = prompt_fill(&text, j->system, v, 3, e);
    if (rc >= 0) rc = add_part(c, PART_SYSTEM, &text, e);
    str_free(&scores), str_free(&text);
    return rc;
}

static int put_user(struct context *c, struct telling *t, int turn, int agent, struct err *e) {
    struct str text = {0};
    const char *said = t->said.s ? t->said.s : "", *language = t->s->language[t->cell->language]->name;
    const struct prompt_value v[] = {
        {"language", language}, {"said", said}, {"name", name_of(t, agent)}, {"event", event_of(t, turn)}};
    int rc = t->said.failed ? fail(e, ERR_NOMEM, "out of memory for a judge")
                            : prompt_fill(&text, turn ? t->j->turn : t->j->run, v, turn ? 4 : 2, e);
    if (rc >= 0) rc = add_part(c, PART_USER, &text, e);
    str_free(&text);
    return rc;
}

/* What stands under the key, or under all keys of the run. */
static int tell(struct telling *t, struct archive *a, const char *key, int turn, int agent, struct err *e) {
    char prefix[RUN_KEY_BYTES + 8];
    json_t *fact = NULL;
    snprintf(prefix, sizeof prefix, "%s/turn", key);
    if (!turn) return archive_each(a, prefix, tell_turn, t, e);
    TRY(archive_find(a, key, &fact, e));
    int rc =
        fact ? tell_acts(t, agent, fact, e) : fail_at(e, ERR_ARG, key, -1, "expected an agent-turn of the archive, found none");
    json_decref(fact);
    return rc;
}

int judge_context(struct context *out, const struct judge *j, const struct study *s, struct archive *a, const char *key,
                  struct err *e) {
    int cell = -1, rep = -1, turn = 0, agent = -1;
    struct telling t = {.j = j, .s = s};
    struct context c = {.cap = 2};
    sscanf(key, "cell%3d/rep%3d/turn%2d/agent%2d", &cell, &rep, &turn, &agent);
    if (cell < 0 || cell >= s->n_cells || rep < 0 || rep >= s->cell[cell].replicates)
        return fail_at(e, ERR_FORMAT, key, -1, "expected a run of the study, found another key");
    t.cell = &s->cell[cell];
    study_cast(s, t.cell, rep, t.seats);
    c.parts = calloc(2, sizeof *c.parts);
    int rc = c.parts ? tell(&t, a, key, turn, agent, e) : fail(e, ERR_NOMEM, "out of memory for a judge");
    if (rc >= 0) rc = put_system(&c, j, e);
    if (rc >= 0) rc = put_user(&c, &t, turn, agent, e);
    str_free(&t.said);
    if (rc < 0)
        context_free(&c);
    else
        *out = c;
    return rc < 0 ? rc : 0;
}

/* ---- replies ---- */

static int read_number(const struct judge *j, const json_t *v, int *out) {
    if (!json_is_number(v)) return 0;
    double d = json_number_value(v);
    if (!(d >= j->least && d <= j->most)) return 0;
    *out = (int)d;
    return d == *out;
}

enum judge_state judge_reply(const struct judge *j, const char *text, enum chat_finish finish, int *scores) {
    if (finish == CHAT_FINISH_REFUSAL) return JUDGED_REFUSED;
    if (finish == CHAT_FINISH_FILTER) return JUDGED_FILTERED;
    json_t *o = judge_json(text);
    int whole = json_is_object(o);
    for (int i = 0; whole && i < j->n_scores; i++) whole = read_number(j, json_object_get(o, j->score[i].id), &scores[i]);
    json_decref(o);
    return whole ? JUDGED_SCORED : finish == CHAT_FINISH_LENGTH ? JUDGED_CUT : JUDGED_UNREADABLE;
}
