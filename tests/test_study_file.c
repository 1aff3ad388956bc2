/* Study files: what is in them, and what is wrong with them, said with its place. */
#include "base/rng.h"
#include "study/plan.h"
#include "study/terms.h"
#include "study_group.h"
#include <criterion/criterion.h>
#include <jansson.h>
#include <stdio.h>

TestSuite(study_file, .timeout = HANG_S);

static const char GOOD[] =
    "candor: study/1\n"
    "id: s\n"
    "languages: [en, ja]\n"
    "models: [{id: m1, temperature: 0.9, max_tokens: 768}, {id: m2}]\n"
    "group: {agents: 10, turns: 15, order: shuffled, context: 3}\n"
    "channels: {talk: all, monologue: researcher, whisper: recipient}\n"
    "replicates: 4\n"
    "arms:\n"
    "  - {id: none}\n"
    "  - {id: again, same_as: none}\n"
    "  - {id: half, alignment: \"50 %\", individuation: 2, among: aligned}\n"
    "  - {id: rest, alignment: 4, individuation: 6, among: rest, languages: [ja], models: [m2], replicates: 9}\n"
    "  - {id: neutral, placebo: \"100 %\", place: fixed, shuffled_personas: true}\n"
    "  - {id: first, alignment: 2, place: [elder, joker]}\n";

Test(study_file, cells_are_models_languages_arms) {
    struct study *s;
    struct err e;
    cr_assert_geq(group_parse(&s, GOOD, &e), 0, "%s", e.msg);
    cr_assert_eq(s->n_cells, 2 * 2 * 5 + 1);
    cr_assert_str_eq(s->cell[0].id, "en/m1/none");
    cr_assert_str_eq(s->cell[s->n_cells - 1].id, "ja/m2/first");
    cr_assert_eq(study_runs(s), 20 * 4 + 9);
    cr_assert_eq(s->last, 3);
    cr_assert_eq(s->order, ORDER_SHUFFLED);
    cr_assert_eq(s->audience[CHANNEL_MONOLOGUE], AUDIENCE_RESEARCHER);
    cr_assert_eq(s->arm[1].same_as, 0);
    study_free(s);
}

static int count(const struct seat *seats, int n, enum prefix_id p) {
    int k = 0;
    for (int i = 0; i < n; i++) k += seats[i].prefixes >> p & 1;
    return k;
}

Test(study_file, seats_have_the_shares) {
    struct study *s;
    struct err e;
    cr_assert_geq(group_parse(&s, GOOD, &e), 0, "%s", e.msg);
    for (int c = 0; c < s->n_cells; c++)
        for (int r = 0; r < s->cell[c].replicates; r++) {
            struct seat seats[STUDY_MAX_AGENTS];
            const struct arm *a = &s->arm[s->cell[c].arm];
            unsigned personas = 0;
            study_cast(s, &s->cell[c], r, seats);
            for (int p = 0; p < PREFIXES; p++) cr_assert_eq(count(seats, 10, (enum prefix_id)p), a->with[p]);
            for (int i = 0; i < 10; i++) {
                personas |= 1u << seats[i].persona;
                if (seats[i].prefixes >> PREFIX_INDIVIDUATION & 1)
                    cr_assert_eq(seats[i].prefixes >> PREFIX_ALIGNMENT & 1, a->among == AMONG_ALIGNED);
            }
            cr_assert_eq(personas, 1023u);
        }
    struct seat seats[STUDY_MAX_AGENTS];
    study_cast(s, &s->cell[5 - 1], 0, seats); /* "first" of the first language: elder is the tenth, joker the eighth */
    cr_assert_str_eq(s->cell[4].id, "en/m1/first");
    cr_assert(seats[9].prefixes && seats[7].prefixes && count(seats, 10, PREFIX_ALIGNMENT) == 2);
    study_free(s);
}

/* Matched by replicate: who is aligned with a small share is aligned with a larger one too, in every language. */
Test(study_file, placement_is_matched_and_nested) {
    struct study *s;
    struct err e;
    struct seat small[STUDY_MAX_AGENTS], large[STUDY_MAX_AGENTS];
    int differs = 0;
    cr_assert_geq(group_make(&s, 10, 2, "fixed", "all", "author",
                             "replicates: 20\narms: [{id: a, alignment: 2}, {id: b, alignment: 5}]\n", &e),
                  0, "%s", e.msg);
    for (int r = 0; r < 20; r++) {
        study_cast(s, &s->cell[0], r, small);
        study_cast(s, &s->cell[3], r, large);
        for (int i = 0; i < 10; i++) cr_assert(!small[i].prefixes || large[i].prefixes);
        differs += !small[0].prefixes != !small[1].prefixes;
    }
    cr_assert_gt(differs, 0);
    study_free(s);
}

Test(study_file, jobs_are_all_runs_once_in_shuffled_blocks) {
    struct study *s;
    struct err e;
    struct job *j;
    int64_t n;
    cr_assert_geq(group_parse(&s, GOOD, &e), 0, "%s", e.msg);
    cr_assert_geq(study_jobs(s, &j, &n, &e), 0);
    cr_assert_eq(n, study_runs(s));
    char *seen = calloc((size_t)s->n_cells * 10, 1);
    int sorted = 1;
    for (int64_t i = 0; i < n; i++) {
        cr_assert_eq(seen[j[i].cell * 10 + j[i].replicate]++, 0);
        if (i) cr_assert_geq(j[i].replicate, j[i - 1].replicate);
        if (i && j[i].replicate == j[i - 1].replicate) sorted &= j[i].cell > j[i - 1].cell;
    }
    cr_assert_eq(sorted, 0);
    free(seen);
    free(j);
    study_free(s);
}

Test(study_file, adding_an_arm_changes_nothing_about_the_others) {
    struct study *a, *b;
    struct err e;
    static const char two[] = "replicates: 3\narms: [{id: new, alignment: 1}, {id: none}, {id: all, alignment: \"100 %\"}]\n";
    cr_assert_geq(group_make(&a, 5, 3, "shuffled", "all", "author", GROUP_ARMS, &e), 0, "%s", e.msg);
    cr_assert_geq(group_make(&b, 5, 3, "shuffled", "all", "author", two, &e), 0, "%s", e.msg);
    for (int t = 1; t <= 3; t++) {
        int x[STUDY_MAX_AGENTS], y[STUDY_MAX_AGENTS];
        study_order(a, &a->cell[1], 2, t, x);
        study_order(b, &b->cell[2], 2, t, y);
        cr_assert_arr_eq(x, y, 5 * sizeof *x);
        cr_assert_eq(study_seed(a, &a->cell[1], 2, t, 4, 0), study_seed(b, &b->cell[2], 2, t, 4, 0));
        cr_assert_neq(study_seed(a, &a->cell[1], 2, t, 4, 0), study_seed(a, &a->cell[1], 2, t, 4, 1));
    }
    char x[DIGEST_HEX], y[DIGEST_HEX];
    for (int i = 0; i < a->n_cells; i++)
        for (int k = 0; k < b->n_cells; k++)
            for (int rep = 0; rep < 2; rep++) {
                cr_assert_geq(study_job_key(x, a, &a->cell[i], 1, &e), 0);
                cr_assert_geq(study_job_key(y, b, &b->cell[k], rep, &e), 0);
                cr_assert_eq(!strcmp(x, y), rep == 1 && !strcmp(a->cell[i].id, b->cell[k].id), "%d %d", i, k);
            }
    study_free(a);
    study_free(b);
}

struct wrong {
    const char *from, *to, *says;
    int line, col;
};
static const struct wrong WRONG[] = {
    {"study/1", "study/2", "study/1", 1, 9},
    {"id: s\n", "id: s\nsize: 3\n", "size", 3, 1},
    {"id: s\n", "", "\"id\"", 1, 1},
    {"id: s\n", "id: \"a b\"\n", "an id", 2, 5},
    {"[en, ja]", "[en, en]", "each once", 3, 17},
    {"[en, ja]", "[en, xx]", "\"xx\"", 3, 17},
    {"[en, ja]", "[]", "1 to 32", 3, 12},
    {"[en, ja]", "en", "a list", 3, 12},
    {"{id: m2}", "{id: m1}", "each id once", 4, 60},
    {"0.9", "warm", "a number", 4, 32},
    {"0.9", "nan", "a number", 4, 32},
    {"agents: 10", "agents: 11", "at most the 10 personas", 5, 17},
    {"agents: 10", "agents: 0", "from 1 to 64", 5, 17},
    {"turns: 15", "turns: 16", "event 16", 5, 1},
    {"turns: 15", "turns: -1", "from 1 to 99", 5, 28},
    {"order: shuffled", "order: random", "fixed, shuffled, simultaneous", 5, 39},
    {"context: 3", "context: some", "all, or a number", 5, 58},
    {"talk: all", "talk: author", "all", 6, 18},
    {"monologue: researcher", "monologue: some", "author, researcher, all, none", 6, 34},
    {"monologue: researcher", "monologue: [elder, nobody]", "a persona of the group, found \"nobody\"", 6, 42},
    {"monologue: researcher", "monologue: [elder, elder]", "each once", 6, 42},
    {"talk: all", "talk: none", "all", 6, 18},
    {"talk: all", "talk: []", "1 to 10", 6, 18},
    {"whisper: recipient", "whisper: all", "recipient, none", 6, 55},
    {"whisper: recipient", "whisper: [elder]", "found a list", 6, 55},
    {"replicates: 4", "replicates: 1001", "from 1 to 1000", 7, 13},
    {"{id: again, same_as: none}", "{id: none}", "each id once", 10, 10},
    {"same_as: none", "same_as: other", "an arm above", 10, 26},
    {"same_as: none", "same_as: none, alignment: 2", "alignment", 10, 32},
    {"\"50 %\"", "\"55 %\"", "a whole number of agents", 11, 27},
    {"\"50 %\"", "\"150 %\"", "a share", 11, 27},
    {"\"50 %\"", "\"-10 %\"", "a share", 11, 27},
    {"individuation: 2", "individuation: 6", "at most the 5 agents", 11, 5},
    {"models: [m2]", "models: [m3]", "m3", 12, 87},
    {"placebo: \"100 %\"", "placebo: \"100 %\", alignment: 1", "at most 10 agents", 13, 5},
    {"[elder, joker]", "[elder, nobody]", "nobody", 14, 46},
    {"[elder, joker]", "[elder, elder]", "each once", 14, 46},
};

Test(study_file, errors_have_their_place) {
    for (size_t i = 0; i < sizeof WRONG / sizeof *WRONG; i++) {
        const struct wrong *w = &WRONG[i];
        struct study *s;
        struct err e;
        struct str b = {0};
        char place[64];
        const char *at = strstr(GOOD, w->from);
        cr_assert(at, "%s", w->from);
        str_add(&b, GOOD, (size_t)(at - GOOD));
        str_puts(&b, w->to);
        str_puts(&b, at + strlen(w->from));
        cr_assert_lt(group_parse(&s, b.s, &e), 0, "%s → %s is accepted", w->from, w->to);
        cr_expect(strstr(e.msg, w->says), "%s → %s: \"%s\" does not say \"%s\"", w->from, w->to, e.msg, w->says);
        snprintf(place, sizeof place, "group.yaml:%d", w->line);
        cr_expect(!strcmp(e.where, place) && e.at == w->col, "%s → %s: found at %s:%d, expected %s:%d", w->from, w->to, e.where,
                  (int)e.at, place, w->col);
        str_free(&b);
    }
}

/* Ten agents, fifteen turns, where a study says no more than it must. */
Test(study_file, what_is_not_said_is_as_usual) {
    static const char head[] = "candor: study/1\nid: s\nlanguages: [en]\nmodels: [{id: m}]\nreplicates: 1\narms: [{id: a}]\n";
    static const struct {
        const char *group;
        int agents, turns;
    } cases[] = {{"", 10, 15},
                 {"group: {turns: 3}\n", 10, 3},
                 {"group: {agents: 4}\n", 4, 15},
                 {"group: {personas: [leader, elder, joker]}\n", 3, 15},
                 {"events: none\n", 10, 15}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct study *s;
        struct err e;
        char text[300];
        snprintf(text, sizeof text, "%s%s", head, cases[i].group);
        cr_assert_geq(group_parse(&s, text, &e), 0, "%s: %s", cases[i].group, e.msg);
        cr_expect(s->n_agents == cases[i].agents && s->n_turns == cases[i].turns, "%s: %d agents, %d turns", cases[i].group,
                  s->n_agents, s->n_turns);
        cr_expect(s->order == ORDER_FIXED && s->event[1] == (i < 4));
        study_free(s);
    }
}

/* Bytes changed at random are refused or read, and nothing else. */
Test(study_file, damaged_files) {
    struct rng g = RNG(11, 2);
    for (int k = 0; k < 150; k++) {
        char text[sizeof GOOD];
        struct study *s;
        struct err e;
        memcpy(text, GOOD, sizeof GOOD);
        for (int i = 0; i < 1 + k % 4; i++) text[rng_below(&g, sizeof GOOD - 1)] = (char)(1 + rng_below(&g, 127));
        if (group_parse(&s, text, &e) >= 0)
            study_free(s);
        else
            cr_assert(e.msg[0]);
    }
}

Test(study_file, json_is_yaml) {
    struct study *s;
    struct err e;
    cr_assert_geq(group_parse(&s,
                              "{\"candor\": \"study/1\", \"id\": \"j\", \"languages\": [\"en\"], \"models\": [{\"id\": \"m\"}], "
                              "\"group\": {\"agents\": 2, \"turns\": 1}, \"replicates\": 1, \"arms\": [{\"id\": \"a\"}]}",
                              &e),
                  0, "%s", e.msg);
    cr_assert_eq(study_runs(s), 1);
    study_free(s);
}

Test(study_file, plan_counts) {
    struct study *s;
    struct err e;
    json_t *p;
    cr_assert_geq(group_parse(&s, GOOD, &e), 0, "%s", e.msg);
    cr_assert_geq(study_plan(&p, s, &(struct plan_opts){0}, &e), 0, "%s", e.msg);
    cr_assert_eq(json_integer_value(json_object_get(p, "runs")), 89);
    cr_assert_eq(json_integer_value(json_object_get(p, "calls")), 89 * 150);
    cr_assert_eq(json_array_size(json_object_get(p, "run_order")), 89);
    cr_assert_eq(json_object_size(json_object_get(p, "content_keys")), 89);
    json_t *arm = json_array_get(json_object_get(p, "arms"), 2);
    cr_assert_eq(json_array_size(json_object_get(arm, "differs")), 3, "among, alignment, individuation");
    json_decref(p);
    study_free(s);
}
