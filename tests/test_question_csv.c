/* task: questions from CSV (MMLU-Redux, GPQA), the lists in them, the order of choices, and what is refused. */
#include "task/question_int.h"
#include "test_files.h"

TestSuite(question_csv, .timeout = HANG_S);

static struct questions parse(const char *text, const char *name) {
    struct questions qs = {0};
    OK(questions_parse(&qs, text, strlen(text), name, &e));
    return qs;
}

static void refuse(const char *text, int code, int64_t line, const char *says) {
    struct questions qs = {0};
    struct err e = ERR_INIT;
    char *copy = strdup(text); /* of its own size */
    cr_expect_eq(questions_parse(&qs, copy, strlen(copy), "t.csv", &e), code, "\"%s\": %s", text, e.msg);
    cr_expect(strstr(e.msg, says), "\"%s\": expected \"%s\" in \"%s\"", text, says, e.msg);
    cr_expect_eq(e.at, line, "\"%s\": line %lld: %s", text, (long long)e.at, e.msg);
    cr_expect_str_eq(e.where, "t.csv");
    free(copy);
}

#define REDUX "question;choices;answer;error_type\n"
#define GPQA  "Subdomain,Question,Correct Answer,Incorrect Answer 1,Incorrect Answer 2,Incorrect Answer 3\n"

Test(question_csv, mmlu_rows) {
    struct questions qs = parse("\xef\xbb\xbf" REDUX "Which?;\"['a', \"\"b's\"\"]\";1;OK\r\n"
                                "\"Two\nlines; \"\"quoted\"\"\";['x', 'y', 'z'];C;ok\n\n"
                                "Bad?;garbage;9;wrong groundtruth\nWhich?;\"['a', \"\"b's\"\"]\";1;Ok\nWhich?;['a', 'c'];0;OK",
                                "dir/mmlu_redux_anatomy.csv");
    cr_assert_eq(qs.n, 3);
    cr_expect_eq(qs.left_out, 2, "one marked as faulty, one said twice");
    cr_expect_str_eq(qs.q[0].question, "Which?");
    cr_expect_str_eq(qs.q[0].choices[1], "b's");
    cr_expect_str_eq(qs.q[0].answer, "B");
    cr_expect_str_eq(qs.q[0].kind, "mmlu/anatomy");
    cr_expect_str_eq(qs.q[1].question, "Two\nlines; \"quoted\"");
    cr_expect_str_eq(qs.q[1].answer, "C");
    cr_expect_eq(qs.q[0].line, 2);
    cr_expect_eq(qs.q[1].line, 3);
    cr_expect_eq(qs.q[2].line, 8);
    cr_expect_str_neq(qs.q[0].id, qs.q[2].id, "same text, other choices");
    questions_fini(&qs);
    qs = parse("question,choices,answer,subject\nQ,\"['a' 'b'\n 'c' 'd']\",3,law\n", "x.csv"); /* as numpy prints lists */
    cr_expect_eq(qs.q[0].n_choices, 4);
    cr_expect_str_eq(qs.q[0].answer, "D");
    cr_expect_str_eq(qs.q[0].kind, "mmlu/law");
    questions_fini(&qs);
}

Test(question_csv, gpqa_rows) {
    struct str b = {0};
    str_puts(&b, GPQA);
    for (int i = 0; i < 64; i++)
        str_printf(&b, "Physics,\"Question %d,\nwith \"\"lines\"\"\n\",\" right %d\n\",one %d,\"two, %d\",three %d\n", i, i, i, i,
                   i);
    struct questions qs = parse(b.s, "gpqa_diamond.csv"), again = parse(b.s, "other.csv");
    int at[4] = {0};
    cr_assert_eq(qs.n, 64);
    for (size_t i = 0; i < qs.n; i++) {
        const struct question *q = &qs.q[i];
        char right[32], text[64];
        snprintf(right, sizeof right, "right %zu", i);
        snprintf(text, sizeof text, "Question %zu,\nwith \"lines\"", i);
        cr_expect_str_eq(q->question, text);
        cr_expect_str_eq(q->choices[q->answer[0] - 'A'], right, "the letter follows");
        cr_expect_str_eq(q->kind, "gpqa/diamond");
        cr_expect_str_eq(again.q[i].kind, "gpqa");
        cr_expect_str_eq(q->id, again.q[i].id);
        cr_expect_str_eq(q->answer, again.q[i].answer);
        at[q->answer[0] - 'A']++;
    }
    for (int i = 0; i < 4; i++) cr_expect(at[i] > 4 && at[i] < 32, "%c is right %d times", 'A' + i, at[i]);
    cr_expect(qs.shuffled && qs.seed == 0);
    questions_fini(&qs), questions_fini(&again), str_free(&b);
}

Test(question_csv, shuffling_forgets_the_order_before) {
    struct questions a = parse(REDUX "Which?;['a', 'b', 'c', 'd'];1;OK\nWhat?;['e', 'f', 'f'];0;OK\n", "t.csv");
    struct questions b = parse(
        "{\"id\":\"X\",\"question\":\"Which?\",\"answer\":\"D\",\"kind\":\"k\",\"choices\":[\"d\",\"c\",\"a\",\"b\"]}\n", "t");
    free(b.q[0].id), b.q[0].id = strdup(a.q[0].id);
    int moved = 0;
    for (uint64_t seed = 0; seed < 20; seed++) {
        OK(questions_shuffle(&a, seed, &e));
        OK(questions_shuffle(&b, seed + 100, &e));
        OK(questions_shuffle(&b, seed, &e));
        cr_expect_eq(a.seed, seed);
        for (int i = 0; i < 4; i++) cr_expect_str_eq(a.q[0].choices[i], b.q[0].choices[i]);
        cr_expect_str_eq(a.q[0].answer, b.q[0].answer);
        cr_expect_str_eq(a.q[0].choices[a.q[0].answer[0] - 'A'], "b");
        cr_expect_str_eq(a.q[1].choices[a.q[1].answer[0] - 'A'], "e");
        moved += a.q[0].answer[0] != 'B';
    }
    cr_expect(moved > 5 && moved < 20);
    questions_fini(&b);
    b = parse("{\"id\":\"X\",\"question\":\"Q\",\"answer\":\"A\",\"kind\":\"k\",\"choices\":[\"b\",\"a\"],\"trace\":\"So A) "
              "b.\",\"final\":\"A\"}",
              "t");
    struct err e = ERR_INIT;
    cr_expect_eq(questions_shuffle(&b, 1, &e), ERR_STATE);
    cr_expect_str_eq(b.q[0].choices[0], "b");
    questions_fini(&a), questions_fini(&b);
}

Test(question_csv, refusals_name_the_line) {
    refuse("a,b\n1,2\n", ERR_UNSUPPORTED, 1, "expected a header");
    refuse(REDUX, ERR_FORMAT, -1, "empty file");
    refuse(REDUX "Q;['a','b'];0;bad\n", ERR_FORMAT, -1, "marked as faulty");
    refuse(REDUX "Q;['a','b'];0;ok\nQ;['a'];0\n", ERR_FORMAT, 3, "expected 4 fields");
    refuse(REDUX "Q;['a','b'];2;ok\n", ERR_RANGE, 2, "letter from A to B");
    refuse(REDUX "Q;['a','b'];-1;ok\n", ERR_FORMAT, 2, "index or a letter");
    refuse(REDUX "Q;['a','b'];99;ok\n", ERR_FORMAT, 2, "index or a letter");
    refuse(REDUX "Q;['a','b'];;ok\n", ERR_FORMAT, 2, "index or a letter");
    refuse(REDUX "Q;['a'];0;ok\n", ERR_RANGE, 2, "2 to 26 choices");
    refuse(REDUX "Q;['a', 5];0;ok\n", ERR_FORMAT, 2, "no quoted string");
    refuse(REDUX "Q;['a', 'b;0;ok\n", ERR_FORMAT, 2, "never ends");
    refuse(REDUX "Q;nothing;0;ok\n", ERR_FORMAT, 2, "no [");
    refuse(REDUX ";['a','b'];0;ok\n", ERR_FORMAT, 2, "empty string");
    refuse(REDUX "\"Q\nQ\";['a','b'];0;ok\nx\"y;['a','b'];0;ok\n", ERR_FORMAT, 4, "RFC 4180");
    refuse(REDUX "Q;['a','b'];0;ok\n\n\"Q\nZ;['a','b'];0;ok\n", ERR_FORMAT, 4, "end of the file");
    refuse(REDUX "Q\xff;['a','b'];0;ok\n", ERR_FORMAT, 2, "UTF-8");
    refuse(REDUX "Q;['a','b'];0;ok\nQ;['a','b'];1;ok\n", ERR_FORMAT, 3, "unique ids");
    refuse(GPQA "P,Q,r,a,b\n", ERR_FORMAT, 2, "expected 6 fields");
    struct questions qs = {0};
    struct err e = ERR_INIT;
    cr_expect_eq(questions_parse(&qs, REDUX "Q\0;['a','b'];0;ok\n", sizeof REDUX "Q\0;['a','b'];0;ok\n" - 1, "t.csv", &e),
                 ERR_FORMAT);
    cr_expect(strstr(e.msg, "zero byte"), "%s", e.msg);
}

Test(question_csv, rows_are_bounded) {
    struct str b = {0};
    struct questions qs = {0};
    struct err e = ERR_INIT;
    str_puts(&b, REDUX "\"");
    for (int i = 0; i <= QUESTION_MAX_LINE / 16; i++) str_puts(&b, "fifteen letters\n");
    cr_expect_eq(questions_parse(&qs, b.s, b.len, "t.csv", &e), ERR_LIMIT);
    cr_expect_eq(e.at, 2);
    str_clear(&b);
    str_puts(&b, REDUX);
    for (int i = 0; i < QUESTION_MAX_TEXT / 8 + 1; i++) str_puts(&b, "8 bytes ");
    str_puts(&b, "x;['a','b'];0;ok\n");
    cr_expect_eq(questions_parse(&qs, b.s, b.len, "t.csv", &e), ERR_LIMIT);
    str_free(&b);
}

static void list_is(const char *text, const char *json) {
    const char *why = "";
    json_t *v = py_list(text, strlen(text), &why);
    char *z = v ? json_dumps(v, JSON_COMPACT) : NULL;
    cr_expect((!z && !json) || (z && json && !strcmp(z, json)), "%s: expected %s, found %s (%s)", text, json ? json : "none",
              z ? z : "none", why);
    free(z), json_decref(v);
}

Test(question_csv, lists) {
    list_is("['a', 'b']", "[\"a\",\"b\"]");
    list_is(" [\"it's\", 'say \"x\"'] ", "[\"it's\",\"say \\\"x\\\"\"]");
    list_is("['it\\'s', \"a\\\\b\", '\\n\\t']", "[\"it's\",\"a\\\\b\",\"\\n\\t\"]");
    list_is("['\\xe9\\u00e9\\U0001f600', '\\d']", "[\"\xc3\xa9\xc3\xa9\xf0\x9f\x98\x80\",\"\\\\d\"]");
    list_is("[]", "[]");
    list_is("['a',]", "[\"a\"]");
    static const char *const bad[] = {"",          "[",          "['a'", "['a",       "['a\\", "['\\x4']", "['\\ud800']",
                                      "['\\x00']", "['a',,'b']", "[a]",  "['a'] 'b'", "('a')", "[['a']]",  "['\xff']"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) list_is(bad[i], NULL);
    struct str many = {0};
    str_puts(&many, "[");
    for (int i = 0; i < 1000; i++) str_puts(&many, "'x',");
    str_puts(&many, "]");
    list_is(many.s, NULL);
    str_free(&many);
}

/* The published files: what Python's own reader finds in them. */
Test(question_csv, mmlu_redux_as_published) {
    NEED_DATA("datasets/mmlu_redux/mmlu_anatomy.csv");
    struct questions a = {0}, s = {0};
    OK(questions_load(&a, data_path("datasets/mmlu_redux/mmlu_anatomy.csv"), &e));
    OK(questions_load(&s, data_path("datasets/mmlu_redux/mmlu_astronomy.csv"), &e));
    cr_expect(a.n == 99 && a.left_out == 1, "%zu, without %zu", a.n, a.left_out);
    cr_expect(s.n == 94 && s.left_out == 6, "%zu, without %zu", s.n, s.left_out);
    cr_expect_str_eq(a.q[0].kind, "mmlu/anatomy");
    cr_expect_str_eq(a.q[0].choices[3], "Narcolepsy");
    cr_expect_str_eq(a.q[0].answer, "D");
    cr_expect_str_eq(a.q[2].question, "A \"dished face\" profile is often associated with");
    for (size_t i = 0; i < a.n; i++) cr_expect_eq(a.q[i].n_choices, 4);
    questions_fini(&a), questions_fini(&s);
}

/* Whatever is cut off or put in its place, a file is read or refused. */
Test(question_csv, any_bytes) {
    static const char file[] = REDUX "\"Which\none?\";\"['a', \"\"b's\"\"]\";1;OK\r\nWhat?;['x\\n', 'y'];0;ok\n";
    static const char junk[] = "\";,'\\[]\n\r\t \xff\0a0";
    uint64_t x = 7;
    for (int i = 0; i < 20000; i++) {
        x = x * 6364136223846793005ull + 1442695040888963407ull;
        size_t n = i % 4 ? sizeof file - 1 : (x >> 33) % sizeof file;
        char *copy = malloc(n + 1);
        memcpy(copy, file, n);
        for (int k = 0; k < 1 + (i & 3) && n; k++, x = x * 6364136223846793005ull + 1442695040888963407ull)
            copy[(x >> 24) % n] = junk[(x >> 45) % (sizeof junk - 1)];
        struct questions qs = {0};
        struct err e = ERR_INIT;
        int rc = questions_parse(&qs, copy, n, "t.csv", &e);
        cr_expect(rc == 0 ? qs.n > 0 : e.msg[0] != 0);
        questions_fini(&qs);
        free(copy);
    }
}
