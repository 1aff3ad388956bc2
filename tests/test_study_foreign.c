/* Replies in another language of the study: counted where they are long enough to be told, and a reason to leave a run out. */
#include "study/foreign.h"
#include "study/score.h"
#include "study/terms.h"
#include "study_files.h"
#include "study_group.h"
#include <jansson.h>

TestSuite(study_foreign, .timeout = HANG_S);

/* ---- agents that fall into the other language ---- */

struct babel {
    struct backend b;
    struct answer_queue ready;
};

/* In the arm "all", agent 0 says its first two turns in the other language, agent 1 a few words of it at each turn. */
static const char *words_of(const struct call *c, char *few, size_t size) {
    const struct study *s = scene_study(c->scene);
    const struct cell *cell = scene_cell(c->scene);
    const char *other = s->language[!cell->language]->neutral, *own = s->language[cell->language]->neutral;
    if (cell->arm == 0) return own;
    if (c->agent == 0) return scene_turn(c->scene) <= 2 ? other : own;
    snprintf(few, size, "%s", cell->language ? "I would say yes to that." : "それはそうだと思います。");
    return few;
}

static int babel_submit(struct backend *b, const struct call *c, struct err *e) {
    struct answer a = {.tag = c->tag, .finish = CHAT_FINISH_STOP, .tokens_in = -1, .tokens_out = -1, .attempts = 1};
    struct str out = {0};
    char few[100];
    str_printf(&out, "[%s] %s", scene_language(c->scene)->tags[CHANNEL_TALK], words_of(c, few, sizeof few));
    a.text = out.s, a.text_n = out.len;
    return answer_push(&((struct babel *)b)->ready, &a, e);
}
static int babel_poll(struct backend *b, double wait_s, struct answer *out, struct err *e) {
    (void)wait_s, (void)e;
    return answer_pop(&((struct babel *)b)->ready, out);
}
static int64_t babel_pending(const struct backend *b) { return ((const struct babel *)b)->ready.n; }

static void run_babel(const struct study *s, const char *path) {
    struct babel x = {.b = {.name = "babel", .most = 8, .submit = babel_submit, .poll = babel_poll, .pending = babel_pending}};
    struct runner_progress done;
    struct archive *a;
    struct err e = ERR_INIT;
    remove_all(path);
    cr_assert_geq(archive_open(&a, path, ARCHIVE_WRITE, &e), 0, "%s", e.msg);
    cr_assert_eq(runner_run(s, a, &x.b, &(struct runner_opts){0}, &done, &e), 0, "%s", e.msg);
    archive_close(a);
    answer_queue_free(&x.ready);
}

static void score(struct scored *c, const struct study *s, const char *path) {
    struct archive *a;
    struct err e = ERR_INIT;
    cr_assert_geq(archive_open(&a, path, ARCHIVE_READ, &e), 0, "%s", e.msg);
    cr_assert_geq(scored_read(c, s, a, 2, &e), 0, "%s", e.msg);
    archive_close(a);
}

static struct study *group(const char *rules) {
    struct study *s;
    struct err e;
    char more[300];
    snprintf(more, sizeof more, "%s%s", rules, GROUP_ARMS);
    cr_assert_geq(group_make(&s, 2, 4, "fixed", "all", "author", more, &e), 0, "%s", e.msg);
    return s;
}

/* Two of eight agent-turns in each run of the second arm; words too few to be told are let pass. A stricter rule leaves those runs out. */
Test(study_foreign, long_acts_in_another_language_are_counted) {
    static const struct {
        const char *rule;
        int excluded;
    } rules[] = {{"", 0}, {"exclude: {wrong_language: 0.25}\n", 0}, {"exclude: {malformed: 0.2, wrong_language: 0.2}\n", 1}};
    char path[100];
    path_of(path, sizeof path, "foreign");
    for (size_t k = 0; k < 3; k++) {
        struct study *s = group(rules[k].rule);
        struct scored c;
        struct reference r;
        struct err e = ERR_INIT;
        json_t *j;
        run_babel(s, path);
        score(&c, s, path);
        for (int i = 0; i < s->n_cells; i++)
            for (int n = c.first[i]; n < c.first[i + 1]; n++) {
                const struct scored_run *run = &c.run[n];
                int there = s->cell[i].arm == 1;
                cr_assert_eq(run->all.wrong_language, there ? 2 : 0, "%s: %lld", s->cell[i].id,
                             (long long)run->all.wrong_language);
                cr_assert_eq(run->agent[1].wrong_language, 0);
                cr_assert_eq(counts_turns(&run->all), 8, "how turns ended is counted apart");
                cr_assert_eq(run->excluded, there && rules[k].excluded);
            }
        cr_assert_geq(reference_make(&r, &c, &(struct metric_opts){0}, &e), 0);
        cr_assert_geq(score_json(&j, &c, &r, 0, &e), 0);
        const json_t *loss = json_array_get(json_object_get(j, "loss"), 1);
        cr_assert_eq(json_integer_value(json_object_get(loss, "wrong_language")), 6);
        cr_assert_eq(json_integer_value(json_object_get(loss, "excluded")), rules[k].excluded ? 3 : 0);
        json_decref(j);
        reference_free(&r);
        scored_free(&c);
        study_free(s);
    }
    remove_all(path);
}

/* Every language's neutral text is its own among all that are shipped. */
Test(study_foreign, nobody_is_foreign_at_home) {
    static const char text[] = "candor: study/1\nid: all\nlanguages: [ar, de, en, es, fi, fr, hi, id, ja, ko, pt, ru, th, tr, "
                               "vi, zh]\nmodels: [{id: m}]\n"
                               "group: {agents: 2, turns: 1}\nreplicates: 1\narms: [{id: none}]\n";
    struct study *s;
    struct foreign *f;
    struct err e = ERR_INIT;
    cr_assert_geq(group_parse(&s, text, &e), 0, "%s", e.msg);
    cr_assert_geq(foreign_open(&f, s, &e), 0, "%s", e.msg);
    for (int i = 0; i < s->n_languages; i++) {
        json_t *fact = json_pack("{s:[{s:s}]}", "acts", "text", s->language[i]->neutral);
        for (int of = 0; of < s->n_languages; of++) {
            int foreign = -1;
            cr_assert_geq(foreign_turn(f, of, fact, &foreign, &e), 0, "%s", e.msg);
            cr_assert_eq(foreign, i != of, "%s in a run in %s", s->language[i]->code, s->language[of]->code);
        }
        json_decref(fact);
    }
    foreign_close(f);
    foreign_close(NULL);
    study_free(s);
}

/* What is no act is none; one language has no other. */
Test(study_foreign, odd_facts_say_nothing) {
    static const char *const odd[] = {"{}", "{\"acts\": 7}", "{\"acts\": [3, {}, {\"text\": null}, {\"text\": \"\"}]}", "[]",
                                      "{\"acts\": [{\"text\": \"1234567890 1234567890 1234567890 1234567890 ...\"}]}"};
    struct study *s = group("");
    struct foreign *f;
    struct err e = ERR_INIT;
    cr_assert_geq(foreign_open(&f, s, &e), 0, "%s", e.msg);
    for (size_t i = 0; i < sizeof odd / sizeof *odd; i++) {
        json_t *fact = json_loads(odd[i], 0, NULL);
        int foreign = 1;
        cr_assert_geq(foreign_turn(f, 0, fact, &foreign, &e), 0);
        cr_assert_eq(foreign, 0, "%s", odd[i]);
        json_decref(fact);
    }
    foreign_close(f);
    s->n_languages = 1;
    json_t *fact = json_pack("{s:[{s:s}]}", "acts", "text", s->language[1]->neutral);
    int foreign = 1;
    cr_assert_geq(foreign_open(&f, s, &e), 0);
    cr_assert(foreign_turn(f, 0, fact, &foreign, &e) == 0 && foreign == 0);
    foreign_close(f);
    json_decref(fact);
    s->n_languages = 2;
    study_free(s);
}

/* The rule is a term where there is one, and a study without it stays what it was. */
Test(study_foreign, the_rule_is_registered) {
    struct study *with = group("exclude: {wrong_language: 0.2}\n"), *without = group("");
    struct err e = ERR_INIT;
    json_t *a, *b;
    cr_assert_geq(study_terms(&a, with, &e), 0);
    cr_assert_geq(study_terms(&b, without, &e), 0);
    cr_assert_float_eq(json_real_value(json_object_get(json_object_get(a, "exclude"), "wrong_language")), 0.2, 1e-12);
    cr_assert_null(json_object_get(json_object_get(b, "exclude"), "wrong_language"));
    json_decref(a);
    json_decref(b);
    study_free(with);
    study_free(without);
}
