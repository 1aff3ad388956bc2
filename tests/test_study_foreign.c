/* Replies in another language of the study: counted where they are long enough to be told, and a reason to leave a run out. */
#include "study/beside.h"
#include "study/detect.h"
#include "study/foreign.h"
#include "study/score.h"
#include "study/script.h"
#include "study/terms.h"
#include "study_examples.h"
#include "study_files.h"
#include "study_group.h"
#include "study_sentences.h"
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

static struct study *all_languages(void) {
    static const char text[] = "candor: study/1\nid: all\nlanguages: [ar, de, en, es, fi, fr, hi, id, ja, ko, pt, ru, th, tr, "
                               "vi, zh]\nmodels: [{id: m}]\n"
                               "group: {agents: 2, turns: 1}\nreplicates: 1\narms: [{id: none}]\n";
    struct study *s;
    struct err e = ERR_INIT;
    cr_assert_geq(group_parse(&s, text, &e), 0, "%s", e.msg);
    return s;
}

/* Every language's neutral text is its own among all that are shipped. */
Test(study_foreign, nobody_is_foreign_at_home) {
    struct study *s = all_languages();
    struct foreign *f;
    struct err e = ERR_INIT;
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

/* What is no act is none. */
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
    study_free(s);
}

/* ---- languages that the study does not have ---- */

static struct study *alone(const char *code, int beside) {
    struct study *s;
    struct err e = ERR_INIT;
    char text[300];
    snprintf(text, sizeof text,
             "candor: study/1\nid: alone\nlanguages: [%s]\nmodels: [{id: m}]\ngroup: {agents: 2, turns: 2}\nreplicates: 2\n"
             "arms: [{id: none}]\n",
             code);
    cr_assert_geq(group_parse(&s, text, &e), 0, "%s", e.msg);
    if (beside) cr_assert_geq(beside_read_dir(s, "studies/lang", &e), 0, "%s", e.msg);
    return s;
}

static int is_foreign(const struct study *s, const char *text) {
    struct foreign *f;
    struct err e = ERR_INIT;
    int out = -1;
    cr_assert_geq(foreign_open(&f, s, &e), 0, "%s", e.msg);
    cr_assert_geq(foreign_text(f, 0, text, strlen(text), &out, &e), 0, "%s", e.msg);
    foreign_close(f);
    return out;
}

/* Another writing system is foreign whoever knows it; in the same one it takes the languages beside the study. */
Test(study_foreign, one_language_has_others_beside_it) {
    static const char english[] = "The library closes early on Fridays because the staff take turns cleaning the shelves.";
    static const char greek[] = "Η βιβλιοθήκη κλείνει νωρίς την Παρασκευή, γιατί το προσωπικό καθαρίζει τα ράφια.";
    static const char chinese[] = "图书馆每逢星期五都提前关门，因为员工要打扫书架。";
    struct study *ja = alone("ja", 0), *de = alone("de", 0), *wide = alone("de", 1), *both = alone("ja", 1);
    cr_expect_eq(wide->n_beside, 15);
    cr_expect_eq(is_foreign(ja, english), 1);
    cr_expect_eq(is_foreign(ja, greek), 1);
    cr_expect_eq(is_foreign(ja, chinese), 0, "nobody has told it what Chinese is");
    cr_expect_eq(is_foreign(both, chinese), 1);
    cr_expect_eq(is_foreign(de, english), 0, "nobody has told it what English is");
    cr_expect_eq(is_foreign(de, greek), 1);
    cr_expect_eq(is_foreign(wide, english), 1);
    cr_expect_eq(is_foreign(wide, greek), 1);
    study_free(ja);
    study_free(de);
    study_free(wide);
    study_free(both);
}

static int english_submit(struct backend *b, const struct call *c, struct err *e) {
    struct answer a = {.tag = c->tag, .finish = CHAT_FINISH_STOP, .tokens_in = -1, .tokens_out = -1, .attempts = 1};
    struct str out = {0};
    str_printf(&out, "[%s] I would rather wait until the others have said what they think of it.",
               scene_language(c->scene)->tags[CHANNEL_TALK]);
    a.text = out.s, a.text_n = out.len;
    return answer_push(&((struct babel *)b)->ready, &a, e);
}

/* All in English, in a study of German alone: the archive itself knows it, and keeps its languages when gone on with. */
Test(study_foreign, an_archive_keeps_the_languages_beside_its_study) {
    struct study *s = alone("de", 1), *again = NULL, *bare = alone("de", 0);
    struct scored c;
    struct archive *a;
    struct err e = ERR_INIT;
    char path[100];
    path_of(path, sizeof path, "beside");
    remove_all(path);
    for (int i = 0; i < 2; i++) {
        struct babel x = {
            .b = {.name = "babel", .most = 8, .submit = english_submit, .poll = babel_poll, .pending = babel_pending}};
        struct runner_progress done;
        cr_assert_geq(archive_open(&a, path, ARCHIVE_WRITE, &e), 0, "%s", e.msg);
        cr_assert_eq(runner_run(i ? bare : s, a, &x.b, &(struct runner_opts){0}, &done, &e), 0, "%s", e.msg);
        cr_assert_geq(archive_seal(a, &e), 0, "%s", e.msg);
        archive_close(a);
        answer_queue_free(&x.ready);
    }
    cr_assert_geq(archive_open(&a, path, ARCHIVE_READ, &e), 0, "%s", e.msg);
    cr_assert_geq(study_from_archive(&again, a, NULL, &e), 0, "%s", e.msg);
    cr_expect_eq(again->n_beside, 15);
    cr_assert_geq(scored_read(&c, again, a, 2, &e), 0, "%s", e.msg);
    cr_assert_eq(c.n, 2);
    for (int i = 0; i < c.n; i++) cr_expect_eq(c.run[i].all.wrong_language, 4);
    scored_free(&c);
    study_free(again);
    archive_close(a);
    study_free(s);
    study_free(bare);
    remove_all(path);
}

/* ---- how often it is wrong ---- */

struct rate {
    int asked, wrong;
};

/* Every piece of so many graphemes that begins where a word does. */
static void ask_pieces(const struct foreign *f, const struct study *s, int language, int run, const char *text, size_t graphemes,
                       struct rate *r) {
    struct breaks b;
    struct err e = ERR_INIT;
    cr_assert_geq(find_breaks(&b, s->language[language]->word_breaks, text, strlen(text), &e), 0);
    for (size_t from = 0; text[from]; from++) {
        int foreign;
        size_t to = from, n = 0;
        if (!(b.at[from] & AT_WORD) || !(b.at[from] & AT_GRAPHEME)) continue;
        while (text[to] && n < graphemes) n += (b.at[++to] & AT_GRAPHEME) != 0;
        if (n < graphemes) break;
        cr_assert_geq(foreign_text(f, run, text + from, to - from, &foreign, &e), 0, "%s", e.msg);
        r->asked++, r->wrong += foreign;
    }
    breaks_free(&b);
}

static void ask_sentence(const struct foreign *f, const struct study *s, int i, const char *text, struct rate *home,
                         struct rate *away) {
    struct script script;
    cr_assert(script_find(&script, s->language[i]->script));
    size_t n = script_dense(&script) ? FOREIGN_DENSE : FOREIGN_GRAPHEMES;
    ask_pieces(f, s, i, i, text, n, home);
    for (int run = 0; run < s->n_languages; run++)
        if (run != i) ask_pieces(f, s, i, run, text, n, away);
}

/* Pieces as short as are asked at all, of sentences that stand in no language file: in their own language 5 of 2,619 are called foreign, none
 * of those with 15 graphemes; in runs of the fifteen others more than 99 in 100 are found. */
Test(study_foreign, short_pieces_are_seldom_wrong) {
    struct study *s = all_languages();
    struct foreign *f;
    struct err e = ERR_INIT;
    struct rate home = {0}, away = {0}, dense = {0};
    cr_assert_geq(foreign_open(&f, s, &e), 0, "%s", e.msg);
    for (int i = 0; i < s->n_languages; i++) {
        const char *code = s->language[i]->code;
        struct rate h = {0};
        for (int k = 0; k < SAMPLES; k++)
            for (int j = 0; j < EACH && !strcmp(samples[k].code, code); j++) ask_sentence(f, s, i, samples[k].text[j], &h, &away);
        for (size_t k = 0; k < sizeof examples / sizeof *examples; k++)
            for (int j = 0; j < EXAMPLES && !strcmp(examples[k].code, code); j++)
                ask_sentence(f, s, i, examples[k].text[j], &h, &away);
        cr_expect(h.asked >= 50 && h.wrong * 50 <= h.asked, "%s: %d of %d", code, h.wrong, h.asked);
        home.asked += h.asked, home.wrong += h.wrong;
        if (strstr("ja ko th zh", code)) dense.asked += h.asked, dense.wrong += h.wrong;
    }
    cr_expect(home.wrong * 500 <= home.asked + 500, "%d of %d", home.wrong, home.asked);
    cr_expect(dense.asked > 500 && dense.wrong == 0, "%d of %d", dense.wrong, dense.asked);
    cr_expect(away.wrong * 100 >= away.asked * 99, "%d of %d", away.wrong, away.asked);
    foreign_close(f);
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
