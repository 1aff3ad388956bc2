/* A few runs of a study, word for word: of cells spread evenly over the study the first analysed replicate, so that nobody chooses. */
#include "study/report_int.h"
#include "study/study_int.h"
#include <string.h>

enum { ACT_BYTES = 6000, PAGE_BYTES = 24 << 20 }; /* of one act; of all texts: what a page can carry */

static json_t *act_json(const json_t *act, const struct study *s, const struct cell *c, const struct seat *seats, size_t *left) {
    const char *text = json_string_value(json_object_get(act, "text")),
               *channel = json_string_value(json_object_get(act, "channel"));
    const json_t *to = json_object_get(act, "to");
    json_int_t who = json_is_integer(to) ? json_integer_value(to) : -1;
    size_t n = text ? strlen(text) : 0, most = n < ACT_BYTES ? n : ACT_BYTES;
    if (most > *left) most = *left;
    while (most < n && most && ((unsigned char)text[most] & 0xC0) == 0x80) most--; /* no character is cut */
    *left -= most;
    json_t *o = json_pack("{s:s, s:o}", "channel", channel ? channel : "", "text",
                          json_sprintf("%.*s%s", (int)most, text ? text : "", most < n ? " […]" : ""));
    if (who >= 0 && who < s->n_agents) {
        const struct persona *p = language_persona(s->language[c->language], s->persona[seats[who].persona]);
        json_object_set_new(o, "to", json_string(p ? p->name : ""));
    }
    return o;
}

static json_t *note_of(const struct seat *seat, const char *status) {
    char note[120] = "";
    for (int p = 0; p < PREFIXES; p++) {
        size_t n = strlen(note);
        if (seat->prefixes >> p & 1) snprintf(note + n, sizeof note - n, "%s%s", n ? ", " : "", prefix_name((enum prefix_id)p));
    }
    size_t n = strlen(note);
    if (status && strcmp(status, "ok") != 0) snprintf(note + n, sizeof note - n, "%s%.40s", n ? ", " : "", status);
    return json_string(note);
}

struct telling {
    struct archive *a;
    const struct study *s;
    const struct cell *c;
    int rep;
    struct seat seats[STUDY_MAX_AGENTS];
    size_t *left;
};

static int tell_turn(json_t *turns, const struct telling *t, int turn, struct err *e) {
    const struct language *l = t->s->language[t->c->language];
    int order[STUDY_MAX_AGENTS];
    char key[RUN_KEY_BYTES];
    json_t *said = json_array(), *fact, *act;
    const struct scripted_event *event = language_event(l, t->s->event[turn]);
    study_order(t->s, t->c, t->rep, turn, order);
    for (int i = 0; i < t->s->n_agents; i++) {
        const struct seat *seat = &t->seats[order[i]];
        const struct persona *p = language_persona(l, t->s->persona[seat->persona]);
        json_t *acts = json_array();
        size_t k;
        turn_key(key, t->c->index, t->rep, turn, order[i]);
        int rc = archive_find(t->a, key, &fact, e);
        if (rc < 0) return json_decref(said), json_decref(acts), rc;
        json_array_foreach(json_object_get(fact, "acts"), k, act)
            json_array_append_new(acts, act_json(act, t->s, t->c, t->seats, t->left));
        json_array_append_new(said, json_pack("{s:s, s:o, s:o}", "who", p ? p->name : "", "note",
                                              note_of(seat, json_string_value(json_object_get(fact, "status"))), "acts", acts));
        json_decref(fact);
    }
    return json_array_append_new(turns,
                                 json_pack("{s:i, s:s, s:o}", "turn", turn, "event", event ? event->text : "", "said", said));
}

static int tell_run(json_t *list, struct archive *a, const struct scored *c, int cell, size_t *left, struct err *e) {
    struct telling t = {.a = a, .s = c->s, .c = &c->s->cell[cell], .left = left};
    while (t.rep < t.c->replicates && !scored_in(&c->run[c->first[cell] + t.rep])) t.rep++;
    if (t.rep == t.c->replicates) return 0;
    study_cast(t.s, t.c, t.rep, t.seats);
    json_t *turns = json_array();
    int rc = 0;
    for (int i = 1; rc >= 0 && i <= t.s->n_turns; i++) rc = tell_turn(turns, &t, i, e);
    if (rc < 0) return json_decref(turns), rc;
    json_array_append_new(list, json_pack("{s:o, s:b, s:o}", "label", json_sprintf("%s, replicate %d", t.c->id, t.rep), "planted",
                                          c->planted, "turns", turns));
    return 0;
}

int report_transcripts(json_t *tree, struct archive *a, const struct scored *c, int most, struct err *e) {
    json_t *list = json_array();
    size_t left = PAGE_BYTES;
    int n = c->s->n_cells, k = n < most ? n : most;
    json_object_set_new(tree, "transcripts", list);
    for (int i = 0; i < k && left; i++) TRY(tell_run(list, a, c, k > 1 ? (int)((int64_t)i * (n - 1) / (k - 1)) : 0, &left, e));
    return 0;
}
