/* Councils: texts that lie over a language, facts and hints, what is read of a statement, the rules of planted members, documents. */
#include "study/content.h"
#include "study/conversation.h"
#include "study/council_documents.h"
#include "study/registration.h"
#include "study/scene.h"
#include "study/terms.h"
#include "study_council.h"
#include <jansson.h>
#include <math.h>

TestSuite(study_council, .timeout = HANG_S);

/* ---- texts ---- */

Test(study_council, texts_lie_over_the_language_and_are_hashed) {
    struct study *s = council_make(COUNCIL_PLANTED);
    const struct language *l = s->language[0];
    json_t *hashes = json_object(), *terms;
    cr_assert_str_eq(l->setting, "A room.");
    cr_assert_str_eq(l->prompts[PROMPT_GO], "Speak.");
    cr_assert_str_eq(l->prompts[PROMPT_HEARD], "{name}: {text}", "what is not given stays");
    cr_assert_str_eq(l->tags[CHANNEL_TALK], "TALK");
    OK(content_hashes(l, hashes, &e));
    cr_assert(json_object_get(hashes, "en/council/line/agree/0"));
    cr_assert(json_object_get(hashes, "en/council/topic/pet/value/3"));
    OK(study_terms(&terms, s, &e));
    cr_assert_eq(json_integer_value(json_object_get(json_object_get(terms, "council"), "options")), 4);
    json_decref(terms);
    json_decref(hashes);
    study_free(s);
}

static const char *replaced(const char *from, const char *to) {
    static struct str b;
    const char *at = strstr(COUNCIL_TEXT, from);
    cr_assert(at, "%s", from);
    str_clear(&b);
    str_printf(&b, "%.*s%s%s", (int)(at - COUNCIL_TEXT), COUNCIL_TEXT, to, at + strlen(from));
    return b.s;
}

Test(study_council, what_is_wrong_with_texts_has_its_place) {
    static const struct {
        const char *from, *to, *where;
        int col; /* 0: somewhere */
        const char *what;
    } bad[] = {
        {"council/1", "council/2", "council/en.yaml:1", 9, "council/1"},
        {"CODE", "xx", "council/en.yaml:2", 7, "\"xx\""},
        {"setting:", "sitting:", "council/en.yaml:3", 1, "\"sitting\""},
        {"placebo: \"Be tidy.\"", "placebo: \"\"", "council/en.yaml:4", 0, "placebo: expected text"},
        {", placebo: \"Be tidy.\"", "", "council/en.yaml:4", 0, "\"placebo\""},
        {"You are {name}.", "You are {nome}.", "council/en.yaml:6", 9, "self"},
        {"Again: [{monologue}]", "Again:", "council/en.yaml:8", 0, "{monologue}"},
        {"Seen: {value}", "Seen", "council/en.yaml:12", 0, "{value}"},
        {"To me {value}.", "To me.", "council/en.yaml:14", 0, "{value}"},
        {"To me {value}.", "{value} is {value}.", "council/en.yaml:14", 0, "once"},
        {"No, {value}.", "Yes, {value}.", "council/en.yaml:17", 0, "again"},
        {"[\"It is {value}.\"]", "[]", "council/en.yaml:15", 0, "1 to 8"},
        {"Which pet?\", values: [cat, dog, fox, hen]", "Which pet?\", values: [cat, dog]", "council/en.yaml:20", 0, "3 to 16"},
        {"id: pet", "id: key", "council/en.yaml:20", 0, "again"},
        {"[cat, dog, fox, hen]", "[cat, dog, fox, Cat]", "council/en.yaml:20", 0, "again"},
        {"[cat, dog, fox, hen]", "[cat, dog, fox, es]", "council/en.yaml:20", 0, "read back"},
        {"[cat, dog, fox, hen]", "[cat, dog, fox, \"\\u200b\"]", "council/en.yaml:20", 0, "values"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct study *s = NULL;
        struct err e;
        int rc = council_parse(&s, COUNCIL_STUDY, replaced(bad[i].from, bad[i].to), COUNCIL_TEXT, &e);
        cr_assert_lt(rc, 0, "%s", bad[i].to);
        cr_expect(!strcmp(e.where, bad[i].where) && (bad[i].col ? e.at == bad[i].col : e.at > 0), "%s: expected %s, found %s %s",
                  bad[i].to, bad[i].where, e.where, e.msg);
        cr_expect(strstr(e.msg, bad[i].what), "%s: expected %s, found %s", bad[i].to, bad[i].what, e.msg);
    }
}

Test(study_council, languages_have_the_same_topics) {
    static const char *const bad[][2] = {{"id: pet", "id: dog"}, {"[cat, dog, fox, hen]", "[cat, dog, fox, hen, cow]"}};
    struct study *s = NULL;
    struct err e;
    for (int i = 0; i < 2; i++) {
        cr_assert_eq(council_parse(&s, COUNCIL_STUDY, COUNCIL_TEXT, replaced(bad[i][0], bad[i][1]), &e), ERR_FORMAT);
        cr_expect(strstr(e.msg, "language ja") && strstr(e.where, "council.yaml:6"), "%s %s", e.msg, e.where);
    }
    cr_assert_lt(council_parse(&s, COUNCIL_STUDY, COUNCIL_TEXT,
                               COUNCIL_HEAD COUNCIL_PREFIXES COUNCIL_PROMPTS COUNCIL_ASKS COUNCIL_LINES_TEXT
                               "topics:\n  - {id: key, question: \"Which key?\", values: [red, blue, green, white, black]}\n",
                               &e),
                 0);
    cr_expect(strstr(e.msg, "expected the 2 topics"), "%s", e.msg);
}

Test(study_council, what_is_wrong_with_the_design_has_its_place) {
    static const struct {
        const char *from, *to, *what;
    } bad[] = {{"options: 4", "options: 2", "3 to 16"},
               {"options: 4", "options: 5", "at most the 4 values of the topic \"pet\""},
               {"reliability: 0.6", "reliability: 1.5", "0 to 1"},
               {"split: train", "split: all", "train, val, test"},
               {"split: train", "part: train", "\"part\""}};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct str b = {0};
        struct study *s;
        struct err e;
        const char *at = strstr(COUNCIL_STUDY, bad[i].from);
        str_printf(&b, "%.*s%s%s", (int)(at - COUNCIL_STUDY), COUNCIL_STUDY, bad[i].to, at + strlen(bad[i].from));
        cr_assert_lt(council_parse(&s, b.s, COUNCIL_TEXT, NULL, &e), 0);
        cr_expect(strstr(e.msg, bad[i].what) && strstr(e.where, "council.yaml:6"), "%s %s", e.msg, e.where);
        str_free(&b);
    }
}

/* ---- facts ---- */

Test(study_council, facts_are_of_their_split_and_the_same_in_all_cells) {
    struct study *s = council_make(COUNCIL_PLANTED);
    int64_t right = 0, all = 0;
    for (int split = 0; split < COUNCIL_SPLITS; split++) {
        s->council.split = (enum council_split)split;
        for (int rep = 0; rep < 300; rep++) {
            struct council_fact f;
            council_draw(s, rep, &f);
            cr_assert_eq(f.n, 4);
            cr_assert_eq((int)council_split_of(s->language[0], &f), split);
            cr_assert(council_has(&f, f.truth));
            for (int i = 0; i < s->n_agents; i++, all++) {
                cr_assert(council_has(&f, f.hint[i]));
                right += f.hint[i] == f.truth;
            }
            for (int i = 0; i < f.n; i++)
                for (int k = 0; k < i; k++) cr_assert_neq(f.option[i], f.option[k]);
        }
    }
    cr_expect_float_eq((double)right / (double)all, 0.6, 0.03, "%g", (double)right / (double)all);
    for (int i = 0; i < s->n_cells; i++) {
        struct scene *sc;
        struct council_fact f;
        council_draw(s, 3, &f);
        OK(scene_open(&sc, s, &s->cell[i], 3, &e));
        cr_assert(!memcmp(scene_fact(sc), &f, sizeof f));
        scene_free(sc);
    }
    study_free(s);
}

/* ---- statements ---- */

Test(study_council, a_value_is_read_from_a_sentence_or_as_the_only_one) {
    static const struct {
        const char *text;
        int note, value, line;
    } of[] = {{"I think red.", 1, 0, LINE_NOTE},
              {"It is white.", 0, 3, LINE_SAY},
              {"Yes, black.", 0, 4, LINE_AGREE},
              {"No, blue.", 0, 1, LINE_DIFFER},
              {"I think red.", 0, 0, -1},
              {"GREEN, surely", 0, 2, -1},
              {"red, not blue", 0, -1, -1},
              {"red or red", 0, 0, -1},
              {"pink", 0, -1, -1},
              {"Yes, cat.", 0, -1, -1},
              {"", 0, -1, -1},
              {"Yes, black", 0, 4, -1},
              {"Yes, black. \xff\xfe", 0, 4, -1},
              {"No, {value}.", 0, -1, -1}};
    struct study *s = council_make(COUNCIL_PLANTED);
    for (size_t i = 0; i < sizeof of / sizeof *of; i++) {
        struct council_said said;
        OK(council_said(&said, s->language[0], 0, of[i].note, of[i].text, &e));
        cr_expect(said.value == of[i].value && said.line == of[i].line, "%s: %d %d", of[i].text, said.value, said.line);
    }
    study_free(s);
}

static void put(struct scene *sc, int agent, const char *note, const char *talk) {
    struct str b = {0};
    struct reply r = {0};
    if (note) str_printf(&b, "[MONOLOGUE] I think %s.\n", note);
    if (talk) str_printf(&b, "[TALK] It is %s.", talk);
    OK(reply_parse(&r, scene_rules(sc), agent, b.s, b.len, &e));
    OK(scene_put(sc, agent, &r, &e));
    reply_free(&r);
    str_free(&b);
}

Test(study_council, the_view_is_what_was_said_most_since_the_agent_spoke) {
    struct study *s = council_make(COUNCIL_PLANTED);
    struct scene *sc;
    struct council_view v;
    int b;
    OK(scene_open(&sc, s, &s->cell[0], 1, &e));
    const struct council_fact *f = scene_fact(sc);
    const struct council_topic *t = &s->language[0]->council->topics[f->topic];
    const char *o[4];
    for (int i = 0; i < 4; i++) o[i] = t->value[f->option[i]];
    OK(council_view(&v, sc, 1, 0, &e));
    cr_assert_eq(v.n, 0, "nobody was heard");
    put(sc, 0, o[0], o[1]);
    put(sc, 1, o[0], o[1]);
    put(sc, 2, o[2], "mauve");
    put(sc, 3, o[0], o[2]);
    OK(council_view(&v, sc, 1, 4, &e));
    cr_assert(v.n == 1 && v.top[0] == f->option[1], "two of three");
    put(sc, 4, NULL, o[2]);
    OK(council_view(&v, sc, 1, 5, &e));
    cr_assert_eq(v.n, 2, "two and two");
    put(sc, 5, o[3], o[3]);
    OK(council_view(&v, sc, 2, 0, &e));
    cr_assert(v.n == 1 && v.top[0] == f->option[2], "its own word of turn 1 does not count");
    put(sc, 0, o[0], o[3]);
    OK(council_view(&v, sc, 2, 1, &e));
    cr_assert_eq(v.n, 2, "what it heard before it spoke is old");
    OK(council_belief(&b, sc, 2, 1, &e));
    cr_assert_eq(b, f->option[0], "its note");
    OK(council_belief(&b, sc, 2, 4, &e));
    cr_assert_eq(b, f->hint[4], "no note: its hint");
    scene_free(sc);
    study_free(s);
}

/* ---- rules ---- */

static void set_rates(struct council_rates *r, double persuaded, double conform, double misreport) {
    for (int l = 0; l < STUDY_MAX_LANGUAGES; l++)
        for (int p = 0; p <= PREFIXES; p++)
            r->of[l][p][RATE_PERSUADED] = persuaded, r->of[l][p][RATE_CONFORM] = conform, r->of[l][p][RATE_MISREPORT] = misreport;
}

/* Plays a run and looks at every turn: fn is told note, statement, hint and view. */
static void each_turn(struct study *s, const struct council_rates *r, int rep,
                      void (*fn)(const struct council_note *now, int hint, const struct council_view *v, int turn)) {
    struct scene *sc;
    OK(scene_open(&sc, s, &s->cell[0], rep, &e));
    OK(council_play(sc, r, &e));
    for (int t = 1; t <= s->n_turns; t++)
        for (int i = 0; i < s->n_agents; i++) {
            struct council_note now;
            struct council_view v;
            OK(council_heard(&now, sc, t, i, &e));
            OK(council_view(&v, sc, t, i, &e));
            cr_assert(now.notes == 1 && now.says == 1 && now.note >= 0 && now.said >= 0);
            fn(&now, scene_fact(sc)->hint[i], &v, t);
        }
    scene_free(sc);
}

static void stubborn(const struct council_note *now, int hint, const struct council_view *v, int turn) {
    (void)v, (void)turn;
    cr_assert(now->note == hint && now->said == hint);
}
static void conforming(const struct council_note *now, int hint, const struct council_view *v, int turn) {
    (void)turn;
    cr_assert_eq(now->note, hint);
    if (v->n == 1) cr_assert(now->said == v->top[0] && now->said_form == LINE_AGREE);
    if (!v->n) cr_assert_eq(now->said_form, (int)LINE_SAY);
}
static void persuaded(const struct council_note *now, int hint, const struct council_view *v, int turn) {
    if (turn > 1 && v->n == 1) cr_assert_eq(now->note, v->top[0]);
    if (turn == 1) cr_assert_eq(now->note, hint);
    cr_assert_eq(now->said, now->note);
}
static void lying(const struct council_note *now, int hint, const struct council_view *v, int turn) {
    (void)turn;
    cr_assert_eq(now->note, hint);
    cr_assert_neq(now->said, hint);
    if (v->n == 1 && v->top[0] != hint) cr_assert(now->said != v->top[0] && now->said_form == LINE_DIFFER);
}

Test(study_council, rates_of_none_and_all_do_what_the_rules_say) {
    struct study *s = council_make(COUNCIL_PLANTED);
    struct council_rates r;
    for (int rep = 0; rep < 50; rep++) {
        set_rates(&r, 0, 0, 0);
        each_turn(s, &r, rep, stubborn);
        set_rates(&r, 0, 1, 0);
        each_turn(s, &r, rep, conforming);
        set_rates(&r, 1, 0, 0);
        each_turn(s, &r, rep, persuaded);
        set_rates(&r, 0, 0, 1);
        each_turn(s, &r, rep, lying);
    }
    study_free(s);
}

Test(study_council, the_last_prefix_counts_and_placebo_has_no_effect) {
    struct study *s = council_make(COUNCIL_PLANTED);
    struct council_rates r;
    OK(council_rates_read(&r, s, &e));
    cr_assert_eq(council_prefix(0), PREFIXES);
    cr_assert_eq(council_prefix(1u << PREFIX_ALIGNMENT | 1u << PREFIX_INDIVIDUATION), (int)PREFIX_INDIVIDUATION);
    cr_assert(!memcmp(r.of[1][PREFIX_PLACEBO], r.of[1][PREFIXES], sizeof r.of[1][PREFIXES]));
    cr_assert_eq(r.of[1][PREFIX_ALIGNMENT][RATE_CONFORM], 0.8);
    study_free(s);
    static const char *const bad[] = {"", "planted: {council: {en: {}}}\n", "planted: {malformed: 0}\n"};
    for (int i = 0; i < 3; i++) {
        struct err why = ERR_INIT;
        s = council_make(bad[i]);
        cr_expect_lt(council_rates_read(&r, s, &why), 0);
        cr_expect(strstr(why.where, "council.yaml:"), "%s", why.where);
        study_free(s);
    }
}

/* ---- documents ---- */

/* Every context of a run is a beginning of the whole text, which ends in the last reply. */
static void check_prefixes(const struct study *s, const struct cell *cell, const struct council_rates *r) {
    struct scene *sc;
    json_t *shown[STUDY_MAX_AGENTS][8] = {{NULL}};
    int ready[STUDY_MAX_AGENTS];
    OK(scene_open(&sc, s, cell, 5, &e));
    cr_assert_eq(scene_whole(sc, 0, &(struct context){0}, NULL), ERR_STATE);
    while (scene_ready(sc, ready)) {
        struct context c = {0};
        struct str text = {0};
        struct reply reply = {0};
        int i = ready[0], t = scene_turn(sc);
        OK(scene_context(sc, i, &c, &e));
        shown[i][t] = context_messages(&c);
        context_free(&c);
        OK(council_speak(&text, r, sc, i, &e));
        OK(reply_parse(&reply, scene_rules(sc), i, text.s, text.len, &e));
        OK(scene_put(sc, i, &reply, &e));
        json_array_append_new(shown[i][t], json_pack("{s:s, s:s}", "role", "assistant", "content", text.s));
        str_free(&text);
    }
    for (int i = 0; i < s->n_agents; i++) {
        struct context c = {0};
        OK(scene_whole(sc, i, &c, &e));
        json_t *whole = context_messages(&c);
        cr_assert_eq(json_array_size(whole), 1 + 2 * (size_t)s->n_turns);
        for (int t = 1; t <= s->n_turns; t++) {
            cr_assert_eq(json_array_size(shown[i][t]), 1 + 2 * (size_t)t);
            for (size_t k = 0; k < json_array_size(shown[i][t]); k++)
                cr_assert(json_equal(json_array_get(whole, k), json_array_get(shown[i][t], k)), "agent %d turn %d message %zu", i,
                          t, k);
            json_decref(shown[i][t]);
        }
        json_decref(whole);
        context_free(&c);
    }
    scene_free(sc);
}

Test(study_council, documents_are_what_the_runner_shows) {
    static const char *const orders[] = {"fixed", "shuffled", "simultaneous"};
    for (int i = 0; i < 3; i++) {
        struct str b = {0};
        struct study *s;
        struct council_rates r;
        const char *at = strstr(COUNCIL_STUDY, "fixed");
        str_printf(&b, "%.*s%s%s%s", (int)(at - COUNCIL_STUDY), COUNCIL_STUDY, orders[i], at + 5, COUNCIL_PLANTED);
        OK(council_parse(&s, b.s, COUNCIL_TEXT, NULL, &e));
        OK(council_rates_read(&r, s, &e));
        for (int c = 0; c < s->n_cells; c++) check_prefixes(s, &s->cell[c], &r);
        study_free(s);
        str_free(&b);
    }
}

static char *exported(const struct council_documents_opts *o, struct council_documents *d) {
    struct study *s = council_make(COUNCIL_PLANTED);
    struct council_rates r;
    char *bytes = NULL;
    size_t n;
    FILE *f = open_memstream(&bytes, &n);
    OK(council_rates_read(&r, s, &e));
    OK(council_documents(d, s, &r, o, f, &e));
    fclose(f);
    for (int i = 0; i < s->n_arms; i++)
        cr_assert_eq(s->arm[i].with[PREFIX_ALIGNMENT], i == 1 ? 3 : 0, "the arms are as they were");
    study_free(s);
    return bytes;
}

static int count_of(const char *s, const char *what) {
    int n = 0;
    while ((s = strstr(s, what))) n++, s += strlen(what);
    return n;
}

Test(study_council, documents_depend_on_the_options_alone) {
    struct council_documents d;
    struct council_documents_opts o = {.runs = 24, .seed = 5};
    char *one = exported(&o, &d), *two = exported(&o, &d);
    cr_assert_str_eq(one, two);
    cr_assert(d.runs == 24 && d.documents == 24 * 6 && d.replies == 24 * 24 && d.bytes == (int64_t)strlen(one));
    cr_assert_eq(count_of(one, "\n"), 24 * 6);
    cr_assert_eq(count_of(one, "Be kind."), 6 * 3, "6 of 24 runs have three aligned agents");
    free(two);
    o.seed = 6;
    two = exported(&o, &d);
    cr_assert_str_neq(one, two);
    free(two);
    o.seed = 5, o.runs = 23;
    two = exported(&o, &d);
    cr_assert(!strncmp(one, two, strlen(two)), "the first runs stay when there are more");
    free(two);
    o.runs = 24, o.mix = 1;
    two = exported(&o, &d);
    int kind = count_of(two, "Be kind."), tidy = count_of(two, "Be tidy."), own = count_of(two, "Be you.");
    cr_assert(kind > 18 && tidy > 18 && own > 18 && kind + tidy + own <= 24 * 6, "%d %d %d", kind, tidy, own);
    free(two);
    o.split = SPLIT_TEST;
    two = exported(&o, &d);
    cr_assert_str_neq(one, two);
    free(two);
    free(one);
}

/* What council_chances says against what council_speak draws: over many runs, of every kind of draw as many as the chances add up to. */
Test(study_council, chances_are_those_of_the_draws) {
    enum { NOTE = COUNCIL_LINES, KINDS };
    struct study *s = council_make(COUNCIL_PLANTED);
    struct council_rates r;
    double want[2][KINDS] = {{0}}, var[2][KINDS] = {{0}}, got[2][KINDS] = {{0}}, sum;
    OK(council_rates_read(&r, s, &e));
    for (int rep = 0; rep < 400; rep++) {
        struct scene *sc;
        int ready[STUDY_MAX_AGENTS];
        OK(scene_open(&sc, s, &s->cell[rep % s->n_cells], rep, &e));
        while (scene_ready(sc, ready)) {
            const int i = ready[0], t = scene_turn(sc);
            const struct council_fact *f = scene_fact(sc);
            struct str text = {0};
            struct reply reply = {0};
            struct council_chances c;
            struct council_note now;
            int b;
            OK(council_belief(&b, sc, t, i, &e));
            OK(council_speak(&text, &r, sc, i, &e));
            const char *end = strchr(text.s, '\n');
            struct str line = {0};
            struct council_said noted;
            str_printf(&line, "%.*s", (int)(end - text.s), text.s);
            OK(council_said(&noted, scene_language(sc), f->topic, 1, line.s + strlen("[MONOLOGUE] "), &e));
            OK(council_chances(&c, &r, sc, i, noted.value, &e));
            OK(reply_parse(&reply, scene_rules(sc), i, text.s, text.len, &e));
            OK(scene_put(sc, i, &reply, &e));
            OK(council_heard(&now, sc, t, i, &e));
            cr_assert_eq(now.note, noted.value);
            cr_assert(c.note[now.note] > 0 && c.said[now.said_form][now.said] > 0, "what was drawn has a chance");
            sum = 0;
            for (int v = 0; v < COUNCIL_MAX_VALUES; v++) sum += c.note[v];
            cr_assert_float_eq(sum, 1, 1e-12);
            double p = 1 - c.note[b];
            want[0][NOTE] += p, var[0][NOTE] += p * (1 - p), got[0][NOTE] += now.note != b;
            sum = 0;
            for (int l = 0; l < COUNCIL_LINES; l++) {
                for (int own = 0; own < 2; own++) { /* with the noted value, with another */
                    p = 0;
                    for (int v = 0; v < COUNCIL_MAX_VALUES; v++) p += (v == now.note) == own ? c.said[l][v] : 0;
                    want[own][l] += p, var[own][l] += p * (1 - p), sum += p;
                    got[own][l] += now.said_form == l && (now.said == now.note) == own;
                }
            }
            cr_assert_float_eq(sum, 1, 1e-12);
            str_free(&text), str_free(&line);
        }
        scene_free(sc);
    }
    for (int own = 0; own < 2; own++)
        for (int k = 0; k < KINDS; k++)
            cr_expect(fabs(got[own][k] - want[own][k]) <= 4 * sqrt(var[own][k]), "kind %d, own %d: %g drawn, %g expected, sd %g",
                      k, own, got[own][k], want[own][k], sqrt(var[own][k]));
    cr_expect(want[0][NOTE] > 100 && want[0][LINE_AGREE] > 100 && want[0][LINE_DIFFER] > 50 && want[0][LINE_SAY] > 5);
    study_free(s);
}

/* Each reply tells two pieces, its lines; without the chances the documents are those without. */
Test(study_council, documents_tell_their_chances) {
    struct council_documents d;
    struct council_documents_opts o = {.runs = 24, .seed = 5};
    char *plain = exported(&o, &d);
    o.drawn = 1;
    char *drawn = exported(&o, &d), *a = plain, *b = drawn;
    cr_assert_eq(count_of(drawn, "\"drawn\""), 24 * 24);
    cr_assert_eq(count_of(drawn, "\"of\""), 2 * 24 * 24);
    for (; *a; a = strchr(a, '\n') + 1, b = strchr(b, '\n') + 1) {
        json_t *x = json_loadb(a, (size_t)(strchr(a, '\n') - a), 0, NULL),
               *y = json_loadb(b, (size_t)(strchr(b, '\n') - b), 0, NULL);
        size_t i;
        json_t *m;
        json_array_foreach(json_object_get(y, "messages"), i, m) json_object_del(m, "drawn");
        cr_assert(json_equal(x, y));
        json_decref(x), json_decref(y);
    }
    free(plain), free(drawn);
}

Test(study_council, misreporters_are_some_members_of_each_run) {
    struct council_documents d;
    struct council_documents_opts o = {.runs = 24, .seed = 5, .misreport = 1, .misreporters = 2};
    char *liars = exported(&o, &d);
    cr_assert(d.documents == 24 * 2 && d.replies == 24 * 2 * 4 && d.bytes == (int64_t)strlen(liars));
    cr_assert_eq(count_of(liars, "\n"), 24 * 2);
    o.misreport = 0;
    char *honest = exported(&o, &d);
    cr_assert_eq(d.documents, 24 * 2);
    /* A line of the member itself: what others said has no tag. */
    int lied = count_of(liars, "] No, "), objected = count_of(honest, "] No, ");
    cr_assert(lied > 2 * objected + 24, "%d misreports and objections, %d objections", lied, objected);
    free(liars);
    free(honest);
}
