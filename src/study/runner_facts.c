/* Facts of a study as JSON, and what is read from them again. */
#include "study/answered.h"
#include "study/runner_int.h"
#include "study/terms.h"
#include <stdlib.h>
#include <string.h>

#define XX(id, name) name,
static const char *const statuses[] = {TURN_STATUS_MAP(XX)};
#undef XX
const char *turn_status_name(enum turn_status s) { return statuses[s]; }

void run_key(char out[RUN_KEY_BYTES], int cell, int replicate, const char *rest) {
    snprintf(out, RUN_KEY_BYTES, "cell%03d/rep%03d/%s", cell, replicate, rest);
}
void turn_key(char out[RUN_KEY_BYTES], int cell, int replicate, int turn, int agent) {
    snprintf(out, RUN_KEY_BYTES, "cell%03d/rep%03d/turn%02d/agent%02d", cell, replicate, turn, agent);
}

/* ---- the study ---- */

static int text_id(json_t *o, const char *key, struct archive *a, const char *s, size_t n, struct err *e) {
    struct archive_id id;
    char hex[ARCHIVE_ID_HEX];
    TRY(archive_text(a, s, n, &id, e));
    archive_id_hex(id, hex);
    return json_object_set_new(o, key, json_string(hex)) < 0 ? fail(e, ERR_NOMEM, "out of memory for a fact") : 0;
}

static int put_languages(json_t *o, const struct study *s, struct archive *a, struct err *e) {
    json_t *list = json_object();
    json_object_set_new(o, "languages", list);
    for (int i = 0; i < s->n_languages; i++) {
        json_t *l = json_object();
        json_object_set_new(list, s->language[i]->code, l);
        TRY(text_id(l, "language_text_id", a, s->language_bytes[i], s->language_n[i], e));
        if (s->council.options) TRY(text_id(l, "council_text_id", a, s->council_bytes[i], s->council_n[i], e));
    }
    return 0;
}

int fact_study(json_t **out, const struct study *s, struct archive *a, const struct backend *b, struct err *e) {
    json_t *o = answered_record(b);
    json_t *own = json_pack("{s:s, s:s, s:s, s:I}", "format", "candor study/1", "id", s->id, "title", s->title, "runs",
                            (json_int_t)study_runs(s));
    if (!own || json_object_update(o, own) < 0) json_decref(o), o = NULL;
    json_decref(own);
    int rc = o ? text_id(o, "study_text_id", a, s->source, s->source_n, e) : fail(e, ERR_NOMEM, "out of memory for a fact");
    if (rc >= 0) rc = put_languages(o, s, a, e);
    if (rc < 0)
        json_decref(o);
    else
        *out = o;
    return rc;
}

/* ---- runs ---- */

static json_t *seats_json(const struct scene *sc) {
    const struct study *s = scene_study(sc);
    json_t *list = json_array();
    for (int i = 0; i < s->n_agents; i++) {
        const struct seat *seat = &scene_seats(sc)[i];
        json_t *with = json_array();
        for (int p = 0; p < PREFIXES; p++)
            if (seat->prefixes >> p & 1) json_array_append_new(with, json_string(prefix_name((enum prefix_id)p)));
        json_array_append_new(list, json_pack("{s:s, s:s, s:o}", "persona", s->persona[seat->persona], "name", scene_name(sc, i),
                                              "prefixes", with));
    }
    return list;
}

json_t *fact_run(const struct live *l) {
    const struct study *s = scene_study(l->scene);
    const struct cell *c = scene_cell(l->scene);
    json_t *counts = json_object();
    char key[DIGEST_HEX] = "";
    study_job_key(key, s, c, scene_replicate(l->scene), NULL); /* without memory there is none, and no fact either */
    for (int i = 0; i < TURN_STATUSES; i++) json_object_set_new(counts, statuses[i], json_integer(l->status[i]));
    return json_pack("{s:s, s:s, s:s, s:s, s:s, s:i, s:i, s:o, s:o, s:i}", "content_key", key, "cell", c->id, "language",
                     s->language[c->language]->code, "model", s->model[c->model].id, "arm", s->arm[c->arm].id, "replicate",
                     scene_replicate(l->scene), "turns", s->n_turns, "agents", seats_json(l->scene), "agent_turns", counts,
                     "asked_again", l->reasks);
}

/* ---- agent-turns ---- */

static json_t *acts_json(const struct reply *r) {
    json_t *list = json_array();
    for (int i = 0; i < r->n; i++) {
        const struct act *a = &r->acts[i];
        json_t *o = json_pack("{s:s, s:s}", "channel", channel_name(a->channel), "text", a->text);
        if (a->channel == CHANNEL_WHISPER) json_object_set_new(o, "to", a->to < 0 ? json_null() : json_integer(a->to));
        json_array_append_new(list, o);
    }
    return list;
}

/* Messages shown by this call and by none before: those of the last user message, and the own ones just before it. */
static json_t *seen_json(const struct context *c, int turn, int windowed) {
    json_t *list = json_array();
    char id[MESSAGE_ID_BYTES + 16];
    for (int i = 0; i < c->n_seen; i++) {
        const struct seen *s = &c->seen[i];
        int now = c->parts[s->part].turn;
        if (!windowed && now < turn && !(now == turn - 1 && c->parts[s->part].role == PART_ASSISTANT)) continue;
        message_id(id, s->turn, s->author, s->act);
        size_t n = strlen(id);
        snprintf(id + n, sizeof id - n, " %s", channel_name(s->channel));
        json_array_append_new(list, json_string(id));
    }
    return list;
}

static void set_count(json_t *o, const char *key, int n) {
    if (n) json_object_set_new(o, key, json_integer(n));
}
static void set_text(json_t *o, const char *key, const char *s) {
    if (*s) json_object_set_new(o, key, json_string(s));
}

json_t *fact_turn(const struct live *l, int ask, const struct heard *h, const struct context *c, struct archive_id context,
                  int stored) {
    const struct scene *sc = l->scene;
    const struct study *s = scene_study(sc);
    char hex[ARCHIVE_ID_HEX];
    archive_id_hex(context, hex);
    json_t *o = json_pack("{s:s, s:s, s:s, s:i, s:o, s:o}", "status", statuses[h->status], "finish",
                          chat_finish_name(h->answer->finish), "text", h->answer->text, "asks", ask + 1, "acts",
                          acts_json(&h->reply), "seen", seen_json(c, scene_turn(sc), s->last > 0));
    if (!o) return NULL;
    if (stored) json_object_set_new(o, "context_id", json_string(hex));
    if (h->answer->reasoning) json_object_set_new(o, "reasoning", json_string(h->answer->reasoning));
    set_text(o, "model", h->answer->model);
    set_text(o, "fingerprint", h->answer->fingerprint);
    set_text(o, "provider", h->answer->provider);
    if (h->answer->tokens_in >= 0) json_object_set_new(o, "tokens_in", json_integer(h->answer->tokens_in));
    if (h->answer->tokens_out >= 0) json_object_set_new(o, "tokens_out", json_integer(h->answer->tokens_out));
    set_count(o, "json", h->reply.json);
    set_count(o, "replaced", h->reply.replaced);
    set_count(o, "stray", h->reply.stray);
    set_count(o, "unknown_to", h->reply.unknown_to);
    set_count(o, "cut", h->reply.cut);
    set_count(o, "closed", h->reply.closed);
    return o;
}

json_t *note_turn(const struct answer *a) {
    json_t *o;
    if (a->rc < 0)
        o = json_pack("{s:s, s:s, s:i}", "failed", err_name(a->rc), "why", a->why.msg, "attempts", a->attempts);
    else if (a->seconds <= 0 && a->waited <= 0 && a->attempts <= 1 && !a->cached)
        return NULL;
    else
        o = json_pack("{s:f, s:f, s:i, s:b}", "seconds", a->seconds, "waited", a->waited, "attempts", a->attempts, "cached",
                      a->cached);
    if (!o) return NULL;
    set_text(o, "host", a->host);
    if (a->sent_in || a->sent_out) {
        json_object_set_new(o, "settled_tokens_in", json_integer(a->sent_in));
        json_object_set_new(o, "settled_tokens_out", json_integer(a->sent_out));
    }
    if (!a->uncertain_in && !a->uncertain_out) return o;
    json_object_set_new(o, "uncertain_tokens_in", json_integer(a->uncertain_in));
    json_object_set_new(o, "uncertain_tokens_out", json_integer(a->uncertain_out));
    return o;
}

int fact_reply(const struct live *l, int agent, const json_t *fact, struct reply *out, enum turn_status *status, struct err *e) {
    const char *name = json_string_value(json_object_get(fact, "status"));
    const json_t *text = json_object_get(fact, "text");
    int i = 0;
    while (name && i < TURN_STATUSES && strcmp(statuses[i], name) != 0) i++;
    if (!name || i == TURN_STATUSES || !json_is_string(text))
        return fail(e, ERR_FORMAT, "expected the fact of an agent-turn with status and text, found another");
    *status = (enum turn_status)i;
    *out = (struct reply){0};
    if (i != TURN_OK) return 0;
    return reply_parse(out, scene_rules(l->scene), agent, json_string_value(text), json_string_length(text), e);
}

/* ---- answers ---- */

static enum turn_status status_of(const struct answer *a, const struct reply *r) {
    if (a->finish == CHAT_FINISH_REFUSAL) return TURN_REFUSED;
    if (a->finish == CHAT_FINISH_FILTER) return TURN_FILTERED;
    return r->malformed ? TURN_MALFORMED : r->n ? TURN_OK : TURN_EMPTY;
}

/* What the model wrote to itself, in the text or apart from it, is kept beside what it said. */
static int part_thoughts(struct answer *a, int *cut, struct err *e) {
    struct str all = {0};
    char *clean = NULL;
    size_t n;
    int replaced = 0, rc = 0;
    if (a->reasoning) str_puts(&all, a->reasoning);
    if (a->text) rc = reply_cut_thoughts(a->text, &a->text_n, &all, e);
    if (rc >= 0 && all.len) rc = text_clean(&clean, &n, all.s, all.len, REPLY_MAX_THOUGHTS, &replaced, cut, e);
    str_free(&all);
    free(a->reasoning);
    a->reasoning = clean;
    return rc;
}

/* JSON wants UTF-8 without NUL: the text as it is kept. */
int hear_answer(const struct live *l, int agent, struct answer *a, struct heard *h, struct err *e) {
    char *clean;
    size_t n;
    int replaced = 0, cut = 0;
    TRY(part_thoughts(a, &cut, e));
    TRY(text_clean(&clean, &n, a->text ? a->text : "", a->text ? a->text_n : 0, REPLY_MAX_BYTES, &replaced, &cut, e));
    free(a->text);
    a->text = clean, a->text_n = n;
    TRY(reply_parse(&h->reply, scene_rules(l->scene), agent, clean, n, e));
    h->reply.replaced = replaced, h->reply.cut += cut;
    for (int i = 0; i < h->reply.n; i++) h->reply.closed += !study_has_channel(scene_study(l->scene), h->reply.acts[i].channel);
    h->reply.malformed |= h->reply.closed > 0;
    h->answer = a;
    h->status = status_of(a, &h->reply);
    if (h->status != TURN_OK) { /* what was withheld says nothing */
        struct reply none = {.malformed = h->reply.malformed,
                             .replaced = replaced,
                             .cut = h->reply.cut,
                             .stray = h->reply.stray,
                             .closed = h->reply.closed};
        reply_free(&h->reply);
        h->reply = none;
    }
    return 0;
}

/* ---- contexts ---- */

static int store_group(struct archive *a, const struct context *c, int from, int to, struct archive_id *id, struct err *e) {
    static const enum archive_role roles[] = {ARCHIVE_SYSTEM, ARCHIVE_USER, ARCHIVE_ASSISTANT};
    struct archive_part *p = calloc((size_t)(to - from), sizeof *p);
    int rc = p ? 0 : fail(e, ERR_NOMEM, "out of memory for a context");
    for (int i = from; rc >= 0 && i < to; i++) {
        p[i - from].role = roles[c->parts[i].role];
        rc = archive_text(a, c->parts[i].text, c->parts[i].len, &p[i - from].text, e);
    }
    if (rc >= 0) rc = archive_context(a, *id, p, to - from, id, e);
    free(p);
    return rc;
}

int store_context(struct archive *a, struct live *l, int agent, const struct context *c, int ask, struct archive_id *id,
                  struct err *e) {
    struct chain ch = l->chain[agent];
    int chained = ask ? c->n - 2 : c->n; /* the reply that could not be read and the request are not repeated later */
    if (scene_study(l->scene)->last) ch = (struct chain){0};
    while (ch.parts < c->n) {
        int to = ch.parts + 1, bound = ch.parts < chained ? chained : c->n;
        const struct part *p = &c->parts[ch.parts];
        while (to < bound && c->parts[to].role == p->role && c->parts[to].turn == p->turn) to++;
        TRY(store_group(a, c, ch.parts, to, &ch.id, e));
        ch.parts = to;
        if (to == chained) l->chain[agent] = ch;
    }
    *id = ch.id;
    return 0;
}
