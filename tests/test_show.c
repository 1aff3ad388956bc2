/* A trace shown: marks where they belong, text with and without colours, hostile bytes made harmless, examples chosen by rule. */
#include "probe/show.h"
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

TestSuite(show, .timeout = HANG_S);

enum { CLASSES = 3, TOKENS = 8, STEPS = 3 };
#define OK(call)                                             \
    do {                                                     \
        struct err e = ERR_INIT;                             \
        int rc_ = (call);                                    \
        cr_assert(rc_ >= 0, "%s: %d %s", #call, rc_, e.msg); \
    } while (0)

/* "<t>" and then eight tokens of thought, "</t>" and "B". The probe believes in A, from token 4 on in B, ever more surely. */
struct made {
    struct trace t;
    struct reading_trace r;
    struct probe p;
    struct trace_step steps[STEPS];
    double reading[(TOKENS + 1) * CLASSES], forced[STEPS * CLASSES];
    int32_t ids[TOKENS + 3];
    size_t ends[TOKENS + 3];
    int64_t at[STEPS];
    int monitor[STEPS];
    char *choices[CLASSES];
    char text[400];
};

static void belief(double *row, int class, double p) {
    for (int k = 0; k < CLASSES; k++) row[k] = k == class ? p : (1 - p) / (CLASSES - 1);
}

static void fill_text(struct made *m, const char *const words[TOKENS]) {
    size_t n = (size_t)snprintf(m->text, sizeof m->text, "<t>");
    m->ends[0] = n;
    for (int i = 0; i < TOKENS; i++) {
        size_t more = strlen(words[i]);
        memcpy(m->text + n, words[i], more), n += more, m->ends[i + 1] = n;
    }
    n += (size_t)snprintf(m->text + n, sizeof m->text - n, "</t>"), m->ends[TOKENS + 1] = n;
    n += (size_t)snprintf(m->text + n, sizeof m->text - n, "B"), m->ends[TOKENS + 2] = n;
    m->t.text = m->text, m->t.len = n;
}

static const char *const plain_words[TOKENS] = {"It", " is", " cat.", "\n\nWait,", " it", " is", " dog.", " So B."};

static struct shown make(struct made *m, const char *const words[TOKENS]) {
    static const double sure[TOKENS + 1] = {0.4, 0.6, 0.7, 0.5, 0.7, 0.85, 0.92, 0.97, 0.99};
    memset(m, 0, sizeof *m);
    m->choices[0] = "a cat", m->choices[1] = "a dog", m->choices[2] = "an ox";
    m->t.q = (struct question){
        .id = "q-7", .question = "Which animal?", .choices = m->choices, .n_choices = CLASSES, .answer = "B", .kind = "test"};
    m->t.index = 7, m->t.ids = m->ids, m->t.ends = m->ends, m->t.n = TOKENS + 3, m->t.open = 1, m->t.close = TOKENS + 1;
    m->t.answer = "B", m->t.right = 1, m->t.label = m->t.truth = 1, m->t.answered = ANSWERED_WRITTEN, m->t.steps = m->steps,
    m->t.n_steps = STEPS;
    fill_text(m, words);
    for (int i = 0; i <= TOKENS; i++) belief(m->reading + i * CLASSES, i >= 4, sure[i]);
    static const int64_t at[STEPS] = {0, 3, TOKENS};
    static const int says[STEPS] = {-1, 0, 1};
    for (int i = 0; i < STEPS; i++) {
        m->at[i] = at[i], m->monitor[i] = says[i];
        m->steps[i] = (struct trace_step){.reading = at[i], .byte = reading_byte(&m->t, at[i])};
        belief(m->forced + i * CLASSES, 1, 0.8);
    }
    m->r = (struct reading_trace){.question = 1,
                                  .classes = CLASSES,
                                  .label = 1,
                                  .truth = 1,
                                  .right = 1,
                                  .n_tokens = TOKENS,
                                  .tail = 3,
                                  .p = m->reading,
                                  .n_steps = STEPS,
                                  .step_at = m->at,
                                  .forced = {.p = m->forced},
                                  .monitor = {.choice = m->monitor}};
    m->p = (struct probe){.shape = {POOL_ATTENTION, 1, CLASSES}};
    OK(traces_check(&m->r, 1, &e));
    return (struct shown){.t = &m->t, .r = &m->r, .p = &m->p, .exit_at = 0.9};
}

static char *text_of(const struct shown *x, enum show_colours colours) {
    struct str out = {0};
    OK(show_text(&out, x, colours, &e));
    return out.s;
}

static void holds(const char *text, const char *part) { cr_assert(strstr(text, part), "\"%s\" is not in:\n%s", part, text); }
static void lacks(const char *text, const char *part) { cr_assert(!strstr(text, part), "\"%s\" is in:\n%s", part, text); }

Test(show, marks_stand_where_things_happen) {
    static const enum show_mark kinds[] = {MARK_INFLECTION, MARK_COMMIT, MARK_EXIT, MARK_SHIFT};
    static const int64_t tokens[] = {3, 3, 6, 8};
    static const char *const words[] = {"backtrack", "monitor: A", "exit: B 92 %", "belief A 50 % → B 99 %"};
    struct made m;
    struct shown x = make(&m, plain_words);
    struct mark *marks = NULL;
    int n = 0;
    OK(n = show_marks(&marks, &x, &e));
    cr_assert_eq(n, 4, "%d marks", n);
    for (int i = 0; i < n; i++) {
        cr_assert(marks[i].token == tokens[i] && marks[i].kind == kinds[i], "mark %d: kind %d at %d", i, (int)marks[i].kind,
                  (int)marks[i].token);
        cr_assert_str_eq(marks[i].text, words[i]);
    }
    free(marks);
}

Test(show, text_says_all_without_colours) {
    struct made m;
    struct shown x = make(&m, plain_words);
    char *text = text_of(&x, SHOW_PLAIN);
    static const char *const parts[] = {
        "trace 7: q-7 (test)\nWhich animal?\n  A) a cat\n  B) a dog   <- right, and the model's answer\n  C) an ox\n",
        "[A 40 %]It is cat.[A 50 %]",
        "Wait, it is\xE2\x96\xA0 dog. So B.[B 99 %]\xE2\x97\x86\n",
        "    1      3  A 50 %        B 80 %        A        It is cat.\n",
        "    0      0  A 40 %        B 80 %        N/A      \n",
        "exit at 90 %: after 6 of 8 tokens, answer B (the model's own, right)\nanswer: B, right\n"};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) holds(text, parts[i]);
    lacks(text, "\x1b");
    free(text);
}

Test(show, a_bar_never_reached_and_a_wrong_answer_are_said) {
    struct made m;
    struct shown x = make(&m, plain_words);
    x.exit_at = 0.999, m.t.right = m.r.right = 0, m.t.truth = m.r.truth = 2, m.t.q.answer = "C", m.t.answered = ANSWERED_FORCED;
    char *text = text_of(&x, SHOW_PLAIN);
    holds(text, "exit at 99.9 %: never; the thought runs to its end\nanswer: B (forced), wrong; right is C\n");
    holds(text, "  B) a dog   <- the model's answer\n  C) an ox   <- right\n");
    free(text);
}

/* Colours add escape sequences and take the brackets away; nothing else differs. */
Test(show, colours_only_colour) {
    struct made m;
    struct shown x = make(&m, plain_words);
    for (int colours = SHOW_256; colours <= SHOW_RGB; colours++) {
        char *text = text_of(&x, (enum show_colours)colours), *to = text;
        holds(text, colours == SHOW_RGB ? "\x1b[38;2;20;20;20;48;2;" : "\x1b[38;5;16;48;5;");
        for (const char *s = text; *s; s++) {
            if (*s == '\x1b')
                s += strcspn(s, "m");
            else
                *to++ = *s;
        }
        *to = 0;
        holds(text, "\nIt is cat.\xE2\x86\xA9\xE2\x96\xB2\n\nWait, it is\xE2\x96\xA0 dog. So B.\xE2\x97\x86\n");
        holds(text, "    1      3  A 50 %        B 80 %        A        It is cat.\n");
        free(text);
    }
}

Test(show, what_a_model_wrote_never_reaches_the_terminal_as_a_command) {
    static const char *const words[TOKENS] = {"\x1b[2J",
                                              "\xE2",
                                              "\x82\xAC",
                                              "\xFF\xC3",
                                              "\xC2\x9B"
                                              "1m",
                                              "\r\b\x7f",
                                              "\xE2\x80\xAE",
                                              "\n\n"};
    struct made m;
    struct shown x = make(&m, words);
    char id[] = "\x1b]0;title\x07", choice[] = "\x1b[1mbold";
    m.t.q.id = id, m.choices[0] = choice, m.t.q.question = id, m.t.answer = choice;
    char *text = text_of(&x, SHOW_PLAIN);
    static const char *const never[] = {"\x1b", "\x07", "\r", "\b", "\x7f", "\xC2\x9B", "\xFF", "\xE2\x80\xAE"};
    for (size_t i = 0; i < sizeof never / sizeof *never; i++) lacks(text, never[i]);
    holds(text, "\xE2\x82\xAC"); /* a character in two tokens stays one */
    free(text);
    json_t *j = NULL;
    OK(show_json(&j, &x, 0, &e));
    cr_assert_eq(json_array_size(json_object_get(j, "tokens")), TOKENS);
    cr_assert_str_eq(json_string_value(json_object_get(json_array_get(json_object_get(j, "tokens"), 1), "text")), "\xE2\x82\xAC");
    json_decref(j);
}

Test(show, json_has_tokens_steps_marks_and_the_exit) {
    struct made m;
    struct shown x = make(&m, plain_words);
    json_t *j = NULL, *cut = NULL;
    const char *class, *kind;
    double p;
    int token, right;
    OK(show_json(&j, &x, 0, &e));
    cr_assert_eq(json_unpack(j, "{s:{s:i, s:s, s:F, s:b}}", "exit", "token", &token, "class", &class, "p", &p, "right", &right),
                 0);
    cr_assert(token == 6 && !strcmp(class, "B") && p == 0.92 && right);
    cr_assert_eq(json_unpack(json_array_get(json_object_get(j, "tokens"), 0), "{s:s, s:F}", "class", &class, "p", &p), 0);
    cr_assert(!strcmp(class, "A") && p == 0.6, "the reading after the token, not before it");
    cr_assert_eq(json_unpack(json_array_get(json_object_get(j, "marks"), 3), "{s:i, s:s}", "token", &token, "kind", &kind), 0);
    cr_assert(token == TOKENS - 1 && !strcmp(kind, "shift"), "a mark at the end stands at the last token");
    cr_assert(json_is_null(json_object_get(json_object_get(json_array_get(json_object_get(j, "steps"), 0), "monitor"), "class")));
    OK(show_json(&cut, &x, 4, &e));
    cr_assert_eq(json_array_size(json_object_get(cut, "tokens")), 4);
    cr_assert_eq(json_array_size(json_object_get(cut, "marks")), 2, "marks behind the cut are left out");
    json_decref(j), json_decref(cut);
}

Test(show, classes_have_names) {
    struct made m;
    struct shown x = make(&m, plain_words);
    char name[40];
    show_class(name, &x, -1);
    cr_assert_str_eq(name, "none");
    show_class(name, &x, 2);
    cr_assert_str_eq(name, "C");
    m.p.by_token = 1, m.p.token[2] = 312;
    show_class(name, &x, 2);
    cr_assert_str_eq(name, "token 312");
    m.p.target = TARGET_RIGHT;
    show_class(name, &x, 0);
    cr_assert_str_eq(name, "wrong");
}

Test(show, a_trace_without_readings_is_refused) {
    struct made m;
    struct shown x = make(&m, plain_words);
    struct str out = {0};
    struct err e = ERR_INIT;
    m.r.p = NULL;
    cr_assert_eq(show_text(&out, &x, SHOW_PLAIN, &e), ERR_ARG);
    cr_assert(strstr(e.msg, "readings of a probe"));
    str_free(&out);
}

Test(show, examples_are_the_first_sure_one_and_the_last_to_settle) {
    static struct made m[4];
    struct reading_trace r[4];
    const struct trace *of[4];
    char *ids[] = {"late", "unsure", "sure", "wrong"};
    for (int i = 0; i < 4; i++) make(&m[i], plain_words), m[i].t.q.id = ids[i], of[i] = &m[i].t;
    for (int i = 0; i <= TOKENS; i++)
        belief(m[1].reading + i * CLASSES, 1, 0.6), belief(m[2].reading + i * CLASSES, 1, 0.95),
            belief(m[3].reading + i * CLASSES, 1, 0.99);
    m[3].r.right = m[3].t.right = 0;
    for (int i = 0; i < 4; i++) r[i] = m[i].r;
    struct panel panel = {.t = r, .of = of, .n = 4};
    json_t *list = json_array();
    OK(show_examples(list, NULL, &m[0].p, &panel, &e));
    cr_assert_eq(json_array_size(list), 2);
    static const char *const expected[][2] = {{"sure", "known early"}, {"late", "settled last"}};
    for (size_t i = 0; i < 2; i++) {
        cr_assert_str_eq(json_string_value(json_object_get(json_array_get(list, i), "id")), expected[i][0]);
        cr_assert_str_eq(json_string_value(json_object_get(json_array_get(list, i), "why")), expected[i][1]);
    }
    json_decref(list);
    list = json_array(), panel.n = 0;
    OK(show_examples(list, NULL, &m[0].p, &panel, &e));
    cr_assert_eq(json_array_size(list), 0);
    json_decref(list);
}
