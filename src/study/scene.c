/* The state of a run: slots for what was said, the order of each turn, and whose turn it is. */
#include "study/scene_int.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct slot *scene_slot(const struct scene *s, int turn, int agent) {
    return &s->slots[(turn - 1) * s->study->n_agents + agent];
}
const int *scene_order_at(const struct scene *s, int turn) { return &s->order[(turn - 1) * s->study->n_agents]; }

int scene_place(const struct scene *s, int turn, int agent) {
    const int *o = scene_order_at(s, turn);
    int i = 0;
    while (o[i] != agent) i++;
    return i;
}

void scene_free(struct scene *s) {
    if (!s) return;
    for (int i = 0; s->slots && i < s->study->n_turns * s->study->n_agents; i++) slot_free(&s->slots[i]);
    reply_rules_free(s->rules);
    free(s->slots);
    free(s->order);
    free(s);
}

static void cast(struct scene *s) {
    const struct study *st = s->study;
    int order[STUDY_MAX_AGENTS];
    study_cast(st, s->cell, s->replicate, s->seats);
    for (int i = 0; i < st->n_agents; i++) s->names[i] = language_persona(s->language, st->persona[s->seats[i].persona])->name;
    for (int t = 1; t <= st->n_turns; t++) {
        study_order(st, s->cell, s->replicate, t, order);
        memcpy(&s->order[(t - 1) * st->n_agents], order, (size_t)st->n_agents * sizeof *order);
    }
}

int scene_open(struct scene **out, const struct study *st, const struct cell *c, int replicate, struct err *e) {
    struct scene *s = calloc(1, sizeof *s);
    size_t n = (size_t)st->n_turns * (size_t)st->n_agents;
    int rc = 0;
    if (!s) return fail(e, ERR_NOMEM, "out of memory for a run");
    *s = (struct scene){.study = st, .cell = c, .language = st->language[c->language], .replicate = replicate, .turn = 1};
    s->slots = calloc(n, sizeof *s->slots);
    s->order = calloc(n, sizeof *s->order);
    if (!s->slots || !s->order) TRYTO(out, fail(e, ERR_NOMEM, "out of memory for a run"));
    cast(s);
    council_draw(st, replicate, &s->fact);
    TRYTO(out, reply_rules_new(&s->rules, s->language, s->names, st->n_agents, e));
    *out = s;
    return 0;
out:
    scene_free(s);
    return rc;
}

const struct study *scene_study(const struct scene *s) { return s->study; }
const struct cell *scene_cell(const struct scene *s) { return s->cell; }
const struct language *scene_language(const struct scene *s) { return s->language; }
int scene_replicate(const struct scene *s) { return s->replicate; }
const struct seat *scene_seats(const struct scene *s) { return s->seats; }
const char *scene_name(const struct scene *s, int agent) { return s->names[agent]; }
const struct reply_rules *scene_rules(const struct scene *s) { return s->rules; }
const struct council_fact *scene_fact(const struct scene *s) { return s->fact.n ? &s->fact : NULL; }
int scene_turn(const struct scene *s) { return s->turn; }
int scene_over(const struct scene *s) { return s->turn > s->study->n_turns; }

int scene_ready(const struct scene *s, int agents[STUDY_MAX_AGENTS]) {
    int n = 0, one = s->study->order != ORDER_SIMULTANEOUS;
    if (scene_over(s)) return 0;
    const int *o = scene_order_at(s, s->turn);
    for (int i = 0; i < s->study->n_agents && !(one && n); i++)
        if (!scene_slot(s, s->turn, o[i])->there) agents[n++] = o[i];
    return n;
}

static int turn_done(const struct scene *s) {
    for (int i = 0; i < s->study->n_agents; i++)
        if (!scene_slot(s, s->turn, i)->there) return 0;
    return 1;
}

int scene_put(struct scene *s, int agent, struct reply *r, struct err *e) {
    int ready[STUDY_MAX_AGENTS], n = scene_ready(s, ready), i = 0;
    while (i < n && ready[i] != agent) i++;
    if (i == n)
        return fail(e, ERR_STATE, "expected a reply of an agent whose turn it is, found one of agent %d at turn %d", agent,
                    s->turn);
    struct slot *slot = scene_slot(s, s->turn, agent);
    *slot = (struct slot){.said = *r};
    *r = (struct reply){0};
    TRY(slot_tell(s, slot, agent, e));
    slot->there = 1;
    if (turn_done(s)) s->turn++;
    return 0;
}

const struct reply *scene_said(const struct scene *s, int turn, int agent) {
    if (turn < 1 || turn > s->study->n_turns || !scene_slot(s, turn, agent)->there) return NULL;
    return &scene_slot(s, turn, agent)->said;
}

int scene_sees(const struct scene *s, int viewer, int now, int turn, int author, const struct act *a) {
    int before = turn < now;
    if (turn == now && s->study->order != ORDER_SIMULTANEOUS) before = scene_place(s, now, author) < scene_place(s, now, viewer);
    if (!before || (s->study->last && now - turn > s->study->last)) return 0;
    return study_sees(s->study, s->seats, a->channel, author, a->to, viewer);
}

int scene_since(const struct scene *s, int agent, int turn, struct said_at out[2 * STUDY_MAX_AGENTS]) {
    int n = 0, agents = s->study->n_agents, together = s->study->order == ORDER_SIMULTANEOUS;
    for (int t = turn > 1 ? turn - 1 : turn; t <= turn; t++) {
        int own = scene_place(s, t, agent), from = t < turn && !together ? own + 1 : 0;
        int to = t < turn ? agents : together ? 0 : own;
        for (int i = from; i < to; i++)
            if (scene_order_at(s, t)[i] != agent) out[n++] = (struct said_at){t, scene_order_at(s, t)[i]};
    }
    return n;
}

const char *part_role_name(enum part_role r) {
    static const char *const names[] = {"system", "user", "assistant"};
    return names[r];
}

void message_id(char out[MESSAGE_ID_BYTES], int turn, int author, int act) {
    snprintf(out, MESSAGE_ID_BYTES, "t%02da%02d.%d", turn, author, act);
}
