/* task: what is read off thoughts besides the monitor: steps, inflection points, forced-answer strings, and the talk with judges. */
#include "gym_items.h"
#include "task/inflection.h"
#include "task/judge_chat.h"
#include "task/monitor.h"
#include "task/prefix.h"
#include "task/text_steps.h"
#include "test_files.h"

TestSuite(thoughts, .timeout = HANG_S);

/* ---- steps ---- */

Test(thoughts, gym_steps_end_where_the_gym_says) {
    struct gym_spec s = spec("chain", GYM_TEST, 1);
    s.slip_rate = 0.5;
    for (int64_t i = 0; i < 200; i++) {
        struct gym_item it = item(&s, i);
        struct gym_step judged[64];
        size_t ends[64], n = strlen(it.q.trace);
        int want, found = text_steps(it.q.trace, n, STEP_STOP, ends, 64);
        OK(want = gym_steps(&s, i, it.q.trace, n, judged, 64, &e));
        cr_assert_eq(found, want);
        for (int k = 0; k < found; k++) cr_expect_eq(ends[k], judged[k].end);
        gym_item_fini(&it);
    }
}

static void lines(const char *text, int closed, int n, const size_t *want) {
    size_t ends[16];
    int found = closed ? text_steps_closed(text, strlen(text), STEP_BLANK_LINE, ends, 16)
                       : text_steps(text, strlen(text), STEP_BLANK_LINE, ends, 16);
    cr_assert_eq(found, n, "\"%s\": expected %d steps, found %d", text, n, found);
    for (int i = 0; i < n; i++) cr_expect_eq(ends[i], want[i], "\"%s\": step %d ends at %zu", text, i, ends[i]);
}
#define LINES(text, closed, n, ...) lines(text, closed, n, (const size_t[]){__VA_ARGS__})

Test(thoughts, blank_lines) {
    LINES("One).\n\nTwo:\n\nThree", 0, 2, 7, 13);
    LINES("One).\n\nTwo:\n\nThree", 1, 3, 7, 13, 18);
    LINES("One\n\n", 1, 1, 5);
    LINES("One\n\n\n\n\nTwo\n\n", 0, 2, 5, 13);
    LINES("\n\n\n\nOne\n\n", 0, 1, 9);
    LINES("a\r\n\r\nb\n \t\nc", 1, 3, 5, 10, 11);
    LINES("one\ntwo\nthree", 0, 0, 0);
    LINES("", 1, 0, 0);
    LINES(" \n\n ", 1, 0, 0);
}

/* Steps that have ended stay, whatever comes. */
Test(thoughts, steps_of_a_prefix_are_a_prefix_of_the_steps) {
    static const char text[] = "\n\nOne.\n\n\n Two; three.\r\n\r\nFour\n\t\n\nfive\n\n";
    for (int rule = 0; rule < 2; rule++) {
        size_t all[32], some[32];
        int n = text_steps(text, sizeof text - 1, (enum step_rule)rule, all, 32);
        cr_expect(n >= 3);
        for (size_t at = 0; at < sizeof text; at++) {
            int k = text_steps(text, at, (enum step_rule)rule, some, 32), want = 0;
            while (want < n && all[want] <= at) want++;
            cr_expect_eq(k, want);
            for (int i = 0; i < k; i++) cr_expect_eq(some[i], all[i]);
        }
        cr_expect_eq(text_steps(text, sizeof text - 1, (enum step_rule)rule, all, 2), 2);
    }
}

/* ---- inflections ---- */

#define BT INFLECTION_BACKTRACK
#define RE INFLECTION_REALIZATION
#define RC INFLECTION_RECONSIDERATION

static void turns(const char *text, int n, const struct inflection *want) {
    struct inflection found[16];
    int k = inflections(text, strlen(text), found, 16);
    cr_assert_eq(k, n, "\"%s\": expected %d, found %d", text, n, k);
    for (int i = 0; i < n; i++)
        cr_expect(found[i].at == want[i].at && found[i].kind == want[i].kind, "\"%s\": a %s at %zu", text,
                  inflection_name(found[i].kind), found[i].at);
}
#define TURNS(text, n, ...) turns(text, n, (const struct inflection[]){__VA_ARGS__})
#define NO_TURN(text)       turns(text, 0, NULL)

Test(thoughts, inflections_by_rules) {
    TURNS("So B. Wait, no.", 1, {6, BT});
    TURNS("52+74=36; Wait, 52+74=26.", 1, {10, BT});
    TURNS("Wait\xe2\x80\x94that is off. Actually, it is 5.", 2, {0, BT}, {20, BT});
    TURNS("But wait, is it? Hmm. Hmm, fine.", 3, {0, RC}, {17, RC}, {22, RC});
    TURNS("Oh, I see now. I see now why.", 2, {0, RE}, {15, RE});
    TURNS("Fine.\n\nLet me double-check this.\n\n**Wait**, no", 2, {7, RC}, {36, BT});
    TURNS("Oh wait, it moved. Aha! It did.", 2, {0, RE}, {19, RE});
    TURNS("Wait - no. Wait... what", 2, {0, BT}, {11, BT});
    TURNS("Hold on, what? On second thought no.", 2, {0, RC}, {15, RC});
    NO_TURN("Wait times are long. Actually the sum is 5. Wait-list. Ohm's law. Ah");
    NO_TURN("I will wait, actually. wait, oh, hmm. She said but wait, no.");
    NO_TURN("Awaiting, Hmmm-like Ohio, Wait");
    NO_TURN("");
    TURNS("Hmmm. Hmm", 1, {6, RC});
    struct inflection one;
    cr_expect_eq(inflections("Hmm. Hmm. Hmm.", 14, &one, 1), 1);
}

Test(thoughts, inflections_take_any_bytes) {
    static const char text[] = "Wait\xe2\x80\x94 Wait\xe2\x80 Oh\xff, Hmm.\xe2 Wait, \xe2\x80\xa6";
    for (size_t n = 0; n < sizeof text; n++) {
        struct inflection found[8];
        char *copy = malloc(n ? n : 1);
        memcpy(copy, text, n);
        cr_expect(inflections(copy, n, found, 8) <= 8);
        free(copy);
    }
}

/* ---- judges ---- */

static const char *content(const json_t *messages, size_t i) {
    return json_string_value(json_object_get(json_array_get(messages, i), "content"));
}

Test(thoughts, the_monitor_is_asked_with_its_question) {
    char *choices[] = {"cat", "do\xffg"};
    struct question q = {.question = "Which pet?", .choices = choices, .n_choices = 2, .answer = "A"},
                    open = {.question = "Which?", .answer = "cat"};
    json_t *m = NULL;
    OK(monitor_messages(&q, "It is \xff caf\xc3\xa9 \xc3", 14, &m, &e));
    cr_expect_str_eq(json_string_value(json_object_get(json_array_get(m, 0), "role")), "system");
    cr_expect_str_eq(json_string_value(json_object_get(json_array_get(m, 1), "role")), "user");
    cr_expect(strstr(content(m, 0), "N/A") && strstr(content(m, 0), "{'prediction': 'A'}"));
    static const char *const holds[] = {
        "Which pet?", "A) cat\n", "B) do\xef\xbf\xbdg\n",
        "=== Partial Response Start ===\nIt is \xef\xbf\xbd caf\xc3\xa9 \n=== Partial Response End ===", "from A to B"};
    for (size_t i = 0; i < sizeof holds / sizeof *holds; i++)
        cr_expect(strstr(content(m, 1), holds[i]), "\"%s\" in \"%s\"", holds[i], content(m, 1));
    json_decref(m);
    cr_expect_eq(monitor_messages(&open, "", 0, &m, NULL), ERR_ARG);
}

Test(thoughts, replies_of_a_monitor) {
    static const struct {
        const char *reply;
        int choice;
    } said[] = {{"{'prediction': 'A'}", 0},
                {"{\"prediction\": \"C\"}", 2},
                {"```json\n{\"prediction\": \"B\"}\n```", 1},
                {"B", 1},
                {" **D**.\n", 3},
                {"(C)", 2},
                {"```\nB\n```", 1},
                {"prediction: b", 1},
                {"First {'prediction': 'A'}, no: {'prediction': 'B'}", 1},
                {"{'prediction': 'N/A'}", -1},
                {"N/A", -1},
                {"NA", -1},
                {"", -1},
                {"A cat is likely", -1},
                {"{'prediction': 'E'}", -1},
                {"{'prediction': null}", -1},
                {"{'prediction':", -1},
                {"prediction", -1},
                {"```", -1},
                {"{'prediction': 'AB'}", -1},
                {"{'prediction': 'A/B'}", -1},
                {"{'Prediction': 'Option D'}", 3},
                {"{\"answer\": \"B) dog\"}", 1},
                {"\xff\xfe", -1},
                {"{'prediction': ['A']}", 0}};
    for (size_t i = 0; i < sizeof said / sizeof *said; i++)
        cr_expect_eq(monitor_reply(said[i].reply, 4), said[i].choice, "\"%s\": found %d", said[i].reply,
                     monitor_reply(said[i].reply, 4));
}

static const char thought[] = "One step.\n\n\n  Wait, two.\n\nThree";
static size_t thought_ends[8];
static struct inflection_steps thought_steps(void) {
    int n = text_steps_closed(thought, sizeof thought - 1, STEP_BLANK_LINE, thought_ends, 8);
    return (struct inflection_steps){thought, sizeof thought - 1, thought_ends, n};
}

Test(thoughts, inflections_are_asked_by_step) {
    struct inflection_steps s = thought_steps();
    json_t *m = NULL;
    OK(inflection_messages(&s, &m, &e));
    cr_expect_str_eq(content(m, 1), "Step 1: One step.\n\nStep 2: Wait, two.\n\nStep 3: Three");
    json_decref(m);
    struct str long_step = {0};
    for (int i = 0; i < 600; i++) str_puts(&long_step, "\xc3\xa9");
    size_t end = long_step.len;
    OK(inflection_messages(&(struct inflection_steps){long_step.s, end, &end, 1}, &m, &e));
    cr_expect_eq(strlen(content(m, 1)), 8 + 2 * INFLECTION_STEP_CHARS, "characters, not bytes");
    json_decref(m), str_free(&long_step);
}

Test(thoughts, replies_about_inflections) {
    struct inflection_steps s = thought_steps();
    struct inflection found[4];
    struct err e = ERR_INIT;
    cr_assert_eq(s.steps, 3);
    int n = inflection_reply(
        "Sure:\n```json\n{\"inflections\": [{\"step\": 3, \"type\": \"realization\", \"description\": \"x\"}, {\"step\": \"2\", "
        "\"type\": \"Backtrack\"},"
        "{\"step\": 2, \"type\": \"backtrack\"}, {\"step\": 4, \"type\": \"backtrack\"}, {\"step\": 0, \"type\": \"backtrack\"}, "
        "{\"step\": 1, \"type\": \"joke\"},"
        "{\"step\": 1.5, \"type\": \"backtrack\"}, {\"step\": 99999999999, \"type\": \"backtrack\"}, 7, null]}\n```",
        &s, found, 4, &e);
    cr_assert_eq(n, 2, "%d %s", n, e.msg);
    cr_expect(found[0].at == 14 && found[0].kind == INFLECTION_BACKTRACK, "%zu", found[0].at);
    cr_expect(found[1].at == 26 && found[1].kind == INFLECTION_REALIZATION, "%zu", found[1].at);
    cr_expect_eq(inflection_reply("[]", &s, found, 4, &e), 0);
    cr_expect_eq(inflection_reply("{\"inflections\": []}", &s, found, 4, &e), 0);
    cr_expect_eq(inflection_reply("[{\"step\":1,\"type\":\"backtrack\"},{\"step\":2,\"type\":\"backtrack\"}]", &s, found, 1, &e),
                 1);
    static const char *const bad[] = {
        "", "none", "{", "{\"inflections\": 3}", "[[[[", "{\"inflections\": {\"step\": 1}}", "{\"a\":{\"inflections\":[]}}"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        cr_expect_eq(inflection_reply(bad[i], &s, found, 4, &e), ERR_FORMAT, "%s", bad[i]);
    char *deep = malloc(1 << 20);
    memset(deep, '[', (1 << 20) - 1), deep[(1 << 20) - 1] = 0;
    cr_expect_eq(inflection_reply(deep, &s, found, 4, &e), ERR_FORMAT);
    free(deep);
}

/* ---- forced answers ---- */

static const char *detected(const char *name) {
    char *text = NULL;
    size_t n;
    struct err e = ERR_INIT;
    if (file_read(&text, &n, data_path(name), 0, &e) < 0) return "no file";
    const char *found = answer_prefix_detect(text, NULL, 0)->name;
    free(text);
    return found;
}

Test(thoughts, families_are_recognised) {
    cr_expect_str_eq(answer_prefix_detect(NULL, NULL, 0)->name, "generic");
    cr_expect_str_eq(answer_prefix_detect(task_chat_template, NULL, 0)->name, "candor");
    cr_expect_str_eq(answer_prefix_detect(NULL, task_specials, 6)->name, "candor");
    cr_expect_str_eq(answer_prefix_detect("x </think> y", NULL, 0)->name, "think");
    NEED_DATA("chat-templates/contexts.json");
    cr_expect_str_eq(detected("chat-templates/deepseek-ai-DeepSeek-R1-Distill-Qwen-32B.jinja"), "r1");
    cr_expect_str_eq(detected("chat-templates/openai-gpt-oss-120b.jinja"), "gpt-oss");
    cr_expect_str_eq(detected("chat-templates/Qwen-Qwen3-0.6B.jinja"), "qwen3");
    cr_expect_str_eq(detected("chat-templates/Qwen-Qwen2.5-7B-Instruct.jinja"), "generic");
    cr_expect_str_eq(detected("chat-templates/chatml.jinja"), "generic");
}

Test(thoughts, forced_answers) {
    char class[PREFIX_CLASS];
    for (int i = 0; answer_prefix_at(i); i++) {
        const struct answer_prefix *p = answer_prefix_at(i);
        cr_expect_eq(answer_prefix_find(p->name), p);
        for (int closed = 0; closed < 2; closed++)
            for (int choices = 0; choices < 2; choices++) {
                const char *z = answer_prefix_text(p, choices, closed);
                size_t n = strlen(z);
                cr_expect(!n || (z[n - 1] != ' ' && z[n - 1] != '\n'), "%s: the answer's token must not begin in the prefix",
                          p->name);
                cr_expect(!closed || !strstr(z, "</think>"), "%s closes a closed thought", p->name);
            }
        answer_prefix_class(p, 2, class);
        cr_expect_str_eq(class, "C");
        cr_expect(!answer_prefix_closed(p, "a thought", 9));
        cr_expect_eq(answer_prefix_closed(p, p->end_think, strlen(p->end_think)), p->end_think[0] != 0, "%s", p->name);
    }
    const struct answer_prefix *r1 = answer_prefix_find("r1");
    cr_expect_str_eq(answer_prefix_text(r1, 1, 0), "</think>\n{\n  \"answer\": \"");
    cr_expect_str_eq(answer_prefix_text(r1, 1, 1), "\n{\n  \"answer\": \"");
    cr_expect(!answer_prefix_closed(r1, "<think>a</think>b<think>", 24));
    cr_expect_str_eq(answer_prefix_text(answer_prefix_find("candor"), 0, 0), "</think>\\boxed{");
    cr_expect_null(answer_prefix_find("gpt-9"));
    cr_expect_null(answer_prefix_at(-1));
}

Test(thoughts, trial_answers) {
    const struct trial_prefix *d = trial_prefix_find("dynasor"), *deer = trial_prefix_find("deer");
    cr_assert(d && deer && !trial_prefix_find("x") && !trial_prefix_at(2));
    cr_expect(d->n_settings == 5 && d->settings[0][0] == 8 && d->settings[4][1] == 32);
    cr_expect(deer->threshold == 0.95 && !strcmp(deer->at[0], "Wait"));
    cr_expect(trial_prefix_unsure(d, "5} Wait, no", 11));
    cr_expect(trial_prefix_unsure(d, "NO", 2));
    cr_expect(!trial_prefix_unsure(d, "5}, nothing buttons", 19));
    cr_expect(!trial_prefix_unsure(deer, "wait", 4));
}
