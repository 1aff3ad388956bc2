/* The scene: what each agent may see, for random conversations. Every act carries a word of its own; which words are in a context is
 * compared with the rules, written here a second time. */
#include "base/rng.h"
#include "study/conversation.h"
#include "study/scene.h"
#include "study_group.h"
#include <criterion/criterion.h>
#include <jansson.h>
#include <stdio.h>

TestSuite(study_scene, .timeout = HANG_S);

enum { MAX_SAID = 4000 };
struct said {
    int turn, author, place, to;
    enum channel channel;
    char word[40];
};
struct talk {
    struct study *s;
    struct scene *sc;
    struct rng g;
    struct said said[MAX_SAID];
    int n, tokens;
};

static void start(struct talk *t, int agents, int turns, const char *order, const char *context, const char *monologue,
                  uint64_t seed) {
    struct err e;
    memset(t, 0, sizeof *t);
    cr_assert_geq(group_make(&t->s, agents, turns, order, context, monologue, GROUP_ARMS, &e), 0, "%s", e.msg);
    t->g = RNG(seed, 1);
    cr_assert_geq(scene_open(&t->sc, t->s, &t->s->cell[rng_below(&t->g, (uint64_t)t->s->n_cells)], (int)rng_below(&t->g, 3), &e),
                  0);
}

static void stop(struct talk *t) {
    scene_free(t->sc);
    study_free(t->s);
}

static int place_of(const struct talk *t, int turn, int agent) {
    int order[STUDY_MAX_AGENTS], i = 0;
    study_order(t->s, scene_cell(t->sc), scene_replicate(t->sc), turn, order);
    while (order[i] != agent) i++;
    return i;
}

/* 0 to 3 acts, each with a word that occurs nowhere else. */
static void speak(struct talk *t, int agent) {
    struct reply r = {.acts = calloc(4, sizeof *r.acts)};
    struct err e = ERR_INIT;
    int turn = scene_turn(t->sc), n = (int)rng_below(&t->g, 4);
    for (int i = 0; i < n; i++) {
        struct said *s = &t->said[t->n++];
        *s = (struct said){.turn = turn,
                           .author = agent,
                           .place = place_of(t, turn, agent),
                           .to = -1,
                           .channel = (enum channel)rng_below(&t->g, CHANNELS)};
        if (s->channel == CHANNEL_WHISPER) s->to = (int)rng_below(&t->g, (uint64_t)t->s->n_agents + 1) - 1;
        if (s->to == agent) s->to = -1;
        snprintf(s->word, sizeof s->word, "<w%d>", t->tokens++);
        r.acts[r.n++] = (struct act){.channel = s->channel, .to = s->to, .text = strdup(s->word)};
    }
    cr_assert_geq(scene_put(t->sc, agent, &r, &e), 0, "%s", e.msg);
    reply_free(&r);
}

/* The rules, a second time. */
static int may_see(const struct talk *t, const struct said *s, int viewer) {
    int now = scene_turn(t->sc);
    if (s->turn > now || (s->turn == now && (t->s->order == ORDER_SIMULTANEOUS || s->place >= place_of(t, now, viewer))))
        return 0;
    if (t->s->last && s->turn < now - t->s->last) return 0;
    const char *persona = t->s->persona[scene_seats(t->sc)[viewer].persona];
    switch (t->s->audience[s->channel]) {
    case AUDIENCE_ALL: return 1;
    case AUDIENCE_RECIPIENT: return viewer == s->author || viewer == s->to;
    case AUDIENCE_AUTHOR: return viewer == s->author;
    case AUDIENCE_PERSONAS: /* as lists has them */
        if (viewer == s->author || !strcmp(persona, "observer")) return 1;
        return s->channel == CHANNEL_TALK && !strcmp(persona, "leader");
    default: return 0;
    }
}

static int shown(const struct context *c, const char *word) {
    int n = 0;
    for (int i = 0; i < c->n; i++)
        for (const char *p = c->parts[i].text; (p = strstr(p, word)); p++) n++;
    return n;
}

static int listed(const struct talk *t, const struct context *c, const struct said *s) {
    int n = 0;
    for (int i = 0; i < c->n_seen; i++) {
        const struct seen *x = &c->seen[i];
        const struct reply *r = scene_said(t->sc, x->turn, x->author);
        cr_assert(r && x->act < r->n);
        n += !strcmp(r->acts[x->act].text, s->word) && x->channel == s->channel && strstr(c->parts[x->part].text, s->word);
    }
    return n;
}

static void check_context(const struct talk *t, const struct context *c, int viewer) {
    int visible = 0;
    for (int i = 0; i < t->n; i++) {
        const struct said *s = &t->said[i];
        int want = may_see(t, s, viewer);
        visible += want;
        cr_assert_eq(shown(c, s->word), want, "turn %d, viewer %d: %s of %d to %d at %d is shown %d times", scene_turn(t->sc),
                     viewer, channel_name(s->channel), s->author, s->to, s->turn, shown(c, s->word));
        cr_assert_eq(listed(t, c, s), want);
    }
    cr_assert_eq(c->n_seen, visible, "%d messages are listed, %d are visible", c->n_seen, visible);
}

/* The earlier context is the beginning of the later one. */
static void check_growth(const struct context *old, const struct context *new) {
    cr_assert_leq(old->n, new->n);
    for (int i = 0; i < old->n; i++) {
        cr_assert_eq(old->parts[i].role, new->parts[i].role);
        cr_assert_str_eq(old->parts[i].text, new->parts[i].text);
    }
}

/* What was written on from turn to turn is what is made at once. */
static void check_same(const struct context *grown, const struct context *c) {
    check_growth(grown, c);
    cr_assert(grown->n == c->n && grown->n_seen == c->n_seen && grown->turn == c->turn);
    for (int i = 0; i < c->n; i++) cr_assert(grown->parts[i].turn == c->parts[i].turn && grown->parts[i].len == c->parts[i].len);
    for (int i = 0; i < c->n_seen; i++) {
        const struct seen *x = &grown->seen[i], *y = &c->seen[i];
        cr_assert(x->turn == y->turn && x->author == y->author && x->act == y->act && x->channel == y->channel &&
                  x->part == y->part);
    }
}

/* The text of a conversation is what the library writes of its messages. */
static void check_written(const struct conversation *t, const struct context *c) {
    json_t *all = context_messages(c), *system = json_object_get(json_array_get(all, 0), "content");
    char *want = json_dumps(system, JSON_COMPACT | JSON_ENCODE_ANY);
    cr_assert_str_eq(t->system.s, want);
    free(want);
    json_array_remove(all, 0);
    want = json_dumps(all, JSON_COMPACT | JSON_SORT_KEYS);
    cr_assert(t->rest.len + 2 == strlen(want) && !memcmp(t->rest.s, want + 1, t->rest.len), "%s\nis not\n%s", t->rest.s, want);
    cr_assert(t->closed.rest <= t->all.rest && t->all.rest <= t->rest.len);
    free(want);
    json_decref(all);
}

struct grown {
    struct context c;
    struct conversation t;
};

/* Now and then an agent is asked again, or not for a turn; both lists of parts go on from where they were. */
static void check_grown(struct talk *t, struct grown *g, const struct context *fresh, int who) {
    struct err e = ERR_INIT;
    if (rng_below(&t->g, 4) == 0) return;
    cr_assert_geq(scene_context(t->sc, who, &g->c, &e), 0, "%s", e.msg);
    check_same(&g->c, fresh);
    cr_assert_geq(conversation_write(&g->t, &g->c, !t->s->last, &e), 0, "%s", e.msg);
    check_written(&g->t, fresh);
    cr_assert(t->s->last == 0 || g->t.all.parts == 0);
    if (rng_below(&t->g, 3)) return;
    struct context again = {0};
    cr_assert_geq(scene_reask(t->sc, who, "no \"tags\"\n", &again, &e), 0);
    cr_assert_geq(conversation_write(&g->t, &again, 0, &e), 0, "%s", e.msg);
    check_written(&g->t, &again);
    context_free(&again);
}

static void converse(int agents, int turns, const char *order, const char *context, const char *monologue, uint64_t seed) {
    static struct talk t;
    struct context before[STUDY_MAX_AGENTS] = {0};
    struct grown grown[STUDY_MAX_AGENTS] = {0};
    int ready[STUDY_MAX_AGENTS], n;
    struct err e = ERR_INIT;
    start(&t, agents, turns, order, context, monologue, seed);
    while ((n = scene_ready(t.sc, ready)) > 0) {
        int who = ready[rng_below(&t.g, (uint64_t)n)];
        struct context c = {0};
        cr_assert_geq(scene_context(t.sc, who, &c, &e), 0, "%s", e.msg);
        check_context(&t, &c, who);
        if (!t.s->last) check_growth(&before[who], &c);
        check_grown(&t, &grown[who], &c, who);
        context_free(&before[who]);
        before[who] = c;
        speak(&t, who);
    }
    cr_assert(scene_over(t.sc));
    for (int i = 0; i < agents; i++) context_free(&before[i]), context_free(&grown[i].c), conversation_free(&grown[i].t);
    stop(&t);
}

Test(study_scene, nobody_sees_what_is_not_for_him) {
    static const char *const orders[] = {"fixed", "shuffled", "simultaneous"}, *const contexts[] = {"all", "1", "3"};
    static const char *const own[] = {"author", "researcher"};
    uint64_t seed = 0;
    for (int o = 0; o < 3; o++)
        for (int c = 0; c < 3; c++)
            for (int m = 0; m < 2; m++)
                for (int k = 0; k < 3; k++, seed++) converse(1 + (int)seed % 7, 6, orders[o], contexts[c], own[m], seed);
}

/* Thoughts that all hear, talk that two hear, channels that are not there. */
static const char *const lists[] = {"all", "all, whisper: none", "[observer], talk: [leader, observer]",
                                    "none, talk: [observer, leader], whisper: none"};

Test(study_scene, nobody_sees_what_the_study_keeps_from_him) {
    static const char *const orders[] = {"fixed", "shuffled", "simultaneous"}, *const contexts[] = {"all", "2"};
    uint64_t seed = 100;
    for (int o = 0; o < 3; o++)
        for (int c = 0; c < 2; c++)
            for (int m = 0; m < 4; m++, seed++) converse(10, 4, orders[o], contexts[c], lists[m], seed);
}

static int mentions(const struct context *c, const char *tag) {
    char open[100];
    snprintf(open, sizeof open, "[%s", tag);
    return shown(c, open) > 0;
}

/* What is not there is not spoken of: neither at first nor when an agent is asked again. */
Test(study_scene, a_channel_that_is_off_is_not_taught) {
    static const char *const channels[] = {"author", "author, whisper: none", "none", "none, whisper: none"};
    for (int k = 0; k < 4; k++) {
        static struct talk t;
        struct err e = ERR_INIT;
        struct context c = {0};
        start(&t, 3, 1, "fixed", "all", channels[k], 5);
        const char *const *tags = scene_language(t.sc)->tags;
        for (int again = 0; again < 2; again++) {
            cr_assert_geq(again ? scene_reask(t.sc, 0, "no tags", &c, &e) : scene_context(t.sc, 0, &c, &e), 0, "%s", e.msg);
            struct context last = {.parts = &c.parts[again ? c.n - 1 : 0], .n = 1};
            cr_expect(mentions(&last, tags[CHANNEL_TALK]), "%s", channels[k]);
            cr_expect_eq(mentions(&last, tags[CHANNEL_MONOLOGUE]), k < 2, "%s: %s", channels[k], last.parts[0].text);
            cr_expect_eq(mentions(&last, tags[CHANNEL_WHISPER]), k % 2 == 0, "%s: %s", channels[k], last.parts[0].text);
            context_free(&c);
        }
        stop(&t);
    }
}

/* A thought that others hear is told from what is said. */
Test(study_scene, a_thought_that_is_heard_bears_its_tag) {
    static struct talk t;
    struct err e = ERR_INIT;
    struct context c = {0};
    char line[200];
    struct reply r = {.acts = calloc(1, sizeof *r.acts), .n = 1};
    start(&t, 3, 1, "fixed", "all", "all", 5);
    r.acts[0] = (struct act){.channel = CHANNEL_MONOLOGUE, .to = -1, .text = strdup("heard")};
    cr_assert_geq(scene_put(t.sc, 0, &r, &e), 0);
    cr_assert_geq(scene_context(t.sc, 1, &c, &e), 0);
    snprintf(line, sizeof line, "[%s] heard", scene_language(t.sc)->tags[CHANNEL_MONOLOGUE]);
    cr_assert_eq(c.n_seen, 1);
    cr_expect(strstr(c.parts[c.seen[0].part].text, line) && strstr(c.parts[c.seen[0].part].text, scene_name(t.sc, 0)), "%s",
              c.parts[c.seen[0].part].text);
    context_free(&c);
    stop(&t);
}

Test(study_scene, simultaneous_is_blind_within_a_turn) {
    static const char *const orders[] = {"fixed", "simultaneous"};
    for (int o = 0; o < 2; o++) {
        static struct talk t;
        struct err e = ERR_INIT;
        int ready[STUDY_MAX_AGENTS];
        start(&t, 4, 2, orders[o], "all", "author", 5);
        cr_assert_eq(scene_ready(t.sc, ready), o ? 4 : 1);
        for (int i = 0; i < 4; i++) {
            struct context c = {0};
            struct reply r = {.acts = calloc(1, sizeof *r.acts), .n = 1};
            r.acts[0] = (struct act){.channel = CHANNEL_TALK, .to = -1, .text = strdup("hello")};
            cr_assert_geq(scene_context(t.sc, i, &c, &e), 0);
            cr_assert_eq(c.n_seen, o ? 0 : i);
            context_free(&c);
            cr_assert_geq(scene_put(t.sc, i, &r, &e), 0);
        }
        cr_assert_eq(scene_turn(t.sc), 2);
        stop(&t);
    }
}

Test(study_scene, order_of_replies_within_a_simultaneous_turn_is_nothing) {
    static struct talk t;
    struct err e = ERR_INIT;
    char *texts[2] = {0};
    for (int k = 0; k < 2; k++) {
        struct context c = {0};
        start(&t, 5, 3, "simultaneous", "all", "author", 5);
        for (int turn = 0; turn < 2; turn++)
            for (int i = 0; i < 5; i++) {
                int who = k ? 4 - i : i;
                struct reply r = {.acts = calloc(1, sizeof *r.acts), .n = 1};
                r.acts[0] = (struct act){.channel = CHANNEL_TALK, .to = -1, .text = strdup(who % 2 ? "odd" : "even")};
                cr_assert_geq(scene_put(t.sc, who, &r, &e), 0, "%s", e.msg);
            }
        cr_assert_geq(scene_context(t.sc, 2, &c, &e), 0);
        json_t *m = context_messages(&c);
        texts[k] = json_dumps(m, JSON_SORT_KEYS);
        cr_assert_eq(json_array_size(m), 6, "system, three of the user, two own");
        json_decref(m);
        context_free(&c);
        stop(&t);
    }
    cr_assert_str_eq(texts[0], texts[1]);
    free(texts[0]);
    free(texts[1]);
}

Test(study_scene, only_whose_turn_it_is) {
    static struct talk t;
    struct err e = ERR_INIT;
    struct reply r = {0};
    start(&t, 3, 1, "fixed", "all", "author", 5);
    cr_assert_eq(scene_put(t.sc, 1, &r, &e), ERR_STATE);
    for (int i = 0; i < 3; i++) cr_assert_geq(scene_put(t.sc, i, &r, &e), 0);
    struct context c = {0};
    cr_assert(scene_over(t.sc));
    cr_assert_eq(scene_put(t.sc, 0, &r, &e), ERR_STATE);
    cr_assert_eq(scene_context(t.sc, 0, &c, &e), ERR_STATE);
    stop(&t);
}

Test(study_scene, the_request_to_answer_again_is_at_the_end) {
    static struct talk t;
    struct err e = ERR_INIT;
    struct context a = {0}, b = {0};
    start(&t, 3, 1, "fixed", "all", "author", 5);
    cr_assert_geq(scene_context(t.sc, 0, &a, &e), 0);
    cr_assert_geq(scene_reask(t.sc, 0, "no tags", &b, &e), 0);
    check_growth(&a, &b);
    cr_assert_eq(b.n, a.n + 2);
    cr_assert_str_eq(b.parts[a.n].text, "no tags");
    cr_assert_eq(b.parts[a.n].role, PART_ASSISTANT);
    context_free(&a);
    context_free(&b);
    stop(&t);
}
