/* task: the text monitor by rules, on the thoughts of the gym and on plain English, cut anywhere. */
#include "gym_items.h"
#include "task/answer.h"
#include "task/monitor.h"
#include <stdlib.h>
#include <string.h>

TestSuite(monitor, .timeout = HANG_S);

enum { NA = -1, A, B, C, D };

static char *pets[] = {"cat", "dog", "cow", "hen"}, *numbers[] = {"48", "4", "26", "148"},
            *gases[] = {"Oxygen.", "Carbon dioxide", "Carbon", "Vitamin C"};

static struct question with(char **choices) {
    return (struct question){.question = "Which?", .choices = choices, .n_choices = 4, .answer = "A"};
}

struct said {
    const char *text;
    int choice;
};

static void expect(char **choices, const struct said *x, size_t n) {
    struct question q = with(choices);
    for (size_t i = 0; i < n; i++) {
        int found = monitor_rules(&q, x[i].text, strlen(x[i].text));
        cr_expect_eq(found, x[i].choice, "\"%s\": expected %d, found %d", x[i].text, x[i].choice, found);
    }
}

#define EXPECT(choices, ...) \
    expect(choices, (const struct said[]){__VA_ARGS__}, sizeof((const struct said[]){__VA_ARGS__}) / sizeof(struct said))

/* ---- plain English ---- */

Test(monitor, conclusions) {
    EXPECT(pets, {"So B", B}, {"So B) dog.", B}, {"Therefore, **B**.", B}, {"Thus the answer is (C).", C}, {"The answer is B", B},
           {"the correct answer is option D, I think", D}, {"Answer: C\n", C}, {"**Final Answer**\n\nB", B},
           {"**Answer**: (A)", A}, {"\\boxed{B}", B}, {"So \\boxed{\\text{C}} it is", C}, {"\\boxed{cow}", C}, {"It is cat.", A},
           {"So cat.", A}, {"So it's a cow, I guess", C}, {"B is correct.", B}, {"B) dog is the best option", B},
           {"Hence B fits best", B}, {"I'll go with D.", D}, {"it must be B", B}, {"So the pet is hen.", D},
           {"Therefore the correct choice is \xe2\x80\x9c"
            "B\xe2\x80\x9d.",
            B},
           {"So B because it barks", B}, {"Perhaps it is cat, but the answer is B.", B}, {"So B, and A is wrong.", B},
           {"So A. No, wait, the answer is C.", C}, {"That leaves B", B}, {"we are left with only cow.", C});
    EXPECT(gases, {"So oxygen.", A}, {"It is carbon dioxide.", B}, {"It is carbon", NA}, {"It is carbon.", C},
           {"So the gas must be C", NA}, {"So the gas must be C.", C}, {"It is vitamin C.", D}, {"So it is vitamin C.", D});
    EXPECT(numbers, {"So 48.", A}, {"So 4.", B}, {"So 4", NA}, {"So B) 4.", B}, {"So, 26", C},
           {"Therefore the result is (D) 148", D});
}

/* As public models write. */
Test(monitor, long_thoughts) {
    EXPECT(pets, {"Okay, so I need to pick one. So the options are:\nA) cat\nB) dog\nC) cow\nD) hen\n\n", NA},
           {"So the question is: A) cat or something.\n", NA}, {"So\nB) dog\n", NA}, {"So, the barking one is B.\n", B},
           {"It barks. That's option B.", B}, {"Milk points to C.", C}, {"It gives milk, which is C) cow.", C},
           {"I think hepatitis B is the most likely.", NA}, {"Is it hepatitis B? No. ", NA}, {"So B is probably the answer.", B},
           {"So option B makes sense.", B}, {"I was torn between A and C, but A is clearly wrong.", NA},
           {"A is the best, but C is the most likely.", C}, {"Hmm, B? No. Then A? No. D is also incorrect.", C},
           {"The answer is B. Let me verify: it barks. Yes, that's right.", B}, {"**Answer:**\n\n**C**", C},
           {"Other people would say the answer could be C.", NA}, {"The answer is (B) which barks", B},
           {"We eliminate A and C. We are left with B and D. D can be eliminated.", B});
}

Test(monitor, neutral) {
    EXPECT(pets, {"", NA}, {"Perhaps cat. Perhaps dog. Perhaps cow. Perhaps hen. ", NA}, {"A) cat\nB) dog\nC) cow\nD) hen\n", NA},
           {"Is it cat?", NA}, {"Is it B", NA}, {"Maybe the answer is B.", NA}, {"If B is correct, then", NA}, {"So A or B.", NA},
           {"The answer is either A or B.", NA}, {"It could be cow.", NA}, {"A cat is an animal. B is a letter.", NA},
           {"So A cat walks", NA}, {"So I think about it.", NA}, {"The cat sat. It is so hen", NA},
           {"Let me consider option B. It says dog.", NA}, {"I'm not sure the answer is B.", NA}, {"The answer is", NA},
           {"So ", NA}, {"Is the answer B, right? Not sure.", NA}, {"So Bob has a dog.", NA}, {"I don't think it's B.", NA},
           {"We cannot rule out B.", NA}, {"\\boxed{", NA}, {"\\boxed{B", NA});
    EXPECT(numbers, {"52+74=26; 26-78=48.", NA}, {"So 48/2", NA}, {"So 26-78=48.", NA}, {"So 26 - 78 = 48.", NA},
           {"So 4,000", NA}, {"It is 4.5 now", NA});
}

Test(monitor, elimination) {
    EXPECT(pets, {"Is it cow? no. Is it dog? no. ", NA}, {"Is it cow? no. Is it dog? no. Is it hen? no. ", A},
           {"Is it C) cow? no. Is it B) dog? no. Is it A) cat? no.", D}, {"A is wrong. B is incorrect. So not C.", D},
           {"A, B and D are incorrect.", C}, {"Rule out A. We can eliminate B, C.", D},
           {"Could it be A?\n\nNo.\n\nB?\n\nNo.\n\nC? Nope.", D}, {"A can be ruled out. It isn't B. Neither C nor D.", NA},
           {"Is it cow? yes.", C}, {"Is it A? Not sure. B is wrong. C is wrong. ", NA},
           {"It is not A. It's not B. It can\xe2\x80\x99t be C.", D}, {"A is wrong. B is wrong. C is wrong. D is wrong.", NA});
}

Test(monitor, taking_back) {
    EXPECT(pets, {"So B. Wait, ", NA}, {"So B. Wait", NA}, {"The answer is B. Actually, C is correct.", C},
           {"So B. But wait, is it A?", NA}, {"So B. Hmm, let me double-check. Fine.", B}, {"So B. Is seven a prime? No.", B},
           {"So B. No, that was too fast.", NA}, {"A is wrong. B is wrong. C is wrong. Wait, ", NA}, {"So cat. Wait, so dog.", B},
           {"So B. Wait times are long.", NA}, {"The answer is B. B is wrong.", NA}, {"Is it A? no. The answer is A.", A});
}

Test(monitor, without_choices) {
    static const struct {
        const char *text, *value; /* NULL: N/A */
    } said[] = {{"68*37+0=2516; 45*37+25=1690; 169016. So 169016.", "169016"},
                {"68*37+0=2516; 45*37+25=1690; 169016. So 1690", NULL},
                {"The pet of Moru is cat. So cat.", "cat"},
                {"The pet of Moru is cat. ", NULL},
                {"So the friend is Moru.", NULL},
                {"So 0042.", "42"},
                {"The answer is 0.50.", "1/2"},
                {"**Final Answer**\n\n\\boxed{7}", "7"},
                {"Thus the answer is $12$.", "12"},
                {"So 7. Wait, ", NULL},
                {"So 7. Wait, so 8.", "8"},
                {"It is clear.", NULL},
                {"So far.", NULL},
                {"26-78=48.", NULL},
                {"52+74=26; 26-78=48.", "48"},
                {"52+74=26; 26-78=48;", NULL},
                {"52+74=26; 26-78=48", NULL},
                {"52+74=36; Wait, 52+74=26; 26-78=48.", "48"},
                {"52+74=26; 26-78=48=x.", NULL},
                {"It is 12.", "12"},
                {"Perhaps it is 12.", NULL},
                {"Is it 12?", NULL},
                {"The answer is 1,234.", "1234"},
                {"So x=12.", NULL},
                {"The answer is \\(5\\).", "5"}};
    struct question q = {.question = "What?", .answer = "48"};
    struct str out = {0};
    for (size_t i = 0; i < sizeof said / sizeof *said; i++) {
        int rc = monitor_rules_free(&q, said[i].text, strlen(said[i].text), &out);
        cr_expect_eq(rc, said[i].value != NULL, "\"%s\": %s", said[i].text, rc ? out.s : "N/A");
        if (rc && said[i].value) cr_expect_str_eq(out.s, said[i].value, "\"%s\"", said[i].text);
    }
    struct question game = {.question = "Make 41", .answer = "12*3+5", .check = "countdown 41 from 3 7 12 5"};
    const char *box = "12*3=36; 36+5=41. The answer is 12 * 3 + 5.";
    cr_expect_eq(monitor_rules_free(&game, box, strlen(box), &out), 1);
    cr_expect_str_eq(out.s, "12*3+5");
    cr_expect_eq(monitor_rules_free(&game, box, 20, &out), 0);
    str_free(&out);
}

/* ---- the gym's thoughts ---- */

/* What the monitor says after each step of an item's worked thought. */
static int after(const struct question *q, size_t n) { return monitor_rules(q, q->trace, n); }

static size_t find(const char *text, const char *what) {
    const char *at = strstr(text, what);
    cr_assert(at, "\"%s\" in \"%s\"", what, text);
    return (size_t)(at - text);
}

Test(monitor, recall_is_known_when_the_text_says_it) {
    for (int form = 0; form < 4; form++) {
        struct gym_spec s = spec(form & 1 ? "recall-plain" : "recall-first", GYM_TEST, 3);
        s.lettered = form >> 1;
        for (int64_t i = 0; i < 300; i++) {
            struct gym_item it = item(&s, i);
            const struct question *q = &it.q;
            int right = q->answer[0] - 'A';
            size_t so = find(q->trace, s.lettered ? "So " : "It is "), known = 0;
            for (size_t n = 0; n <= strlen(q->trace); n++) {
                int found = after(q, n);
                cr_expect(found == NA || found == right, "\"%.*s\": %d", (int)n, q->trace, found);
                if (found == right && !known) known = n;
            }
            cr_expect_eq(after(q, strlen(q->trace)), right);
            if (form == 1) cr_expect(known > so, "plain: before it was said, at %zu of \"%s\"", known, q->trace);
            if (form == 0) cr_expect(known <= so, "first: three of four were denied in \"%.*s\"", (int)so, q->trace);
            gym_item_fini(&it);
        }
    }
}

Test(monitor, chain_and_multihop_wait_for_so) {
    static const char *const families[] = {"chain", "multihop", "arith"};
    struct str out = {0}, want = {0};
    for (int f = 0; f < 3; f++) {
        struct gym_spec s = spec(families[f], GYM_TEST, 4);
        s.slip_rate = 0.5;
        for (int64_t i = 0; i < 300; i++) {
            struct gym_item it = item(&s, i);
            const struct question *q = &it.q;
            const char *so = strstr(q->trace, " So ");
            size_t n = strlen(q->trace), until = so ? (size_t)(so - q->trace) : n - 1; /* a free chain ends with its result */
            for (size_t at = 0; at <= until; at++) {
                cr_expect_eq(after(q, at), NA, "\"%.*s\"", (int)at, q->trace);
                cr_expect_eq(monitor_rules_free(q, q->trace, at, &out), 0, "\"%.*s\"", (int)at, q->trace);
            }
            if (q->n_choices) cr_expect_eq(after(q, n), q->answer[0] - 'A', "%s", q->trace);
            if (!q->n_choices) {
                str_clear(&want);
                answer_normal(q->answer, strlen(q->answer), &want);
                cr_expect_eq(monitor_rules_free(q, q->trace, n, &out), 1, "%s", q->trace);
                cr_expect_str_eq(out.s, want.s);
            }
            gym_item_fini(&it);
        }
    }
    str_free(&out), str_free(&want);
}

/* ---- any bytes ---- */

Test(monitor, any_bytes) {
    static const char *const parts[] = {"So ",
                                        "B",
                                        ") ",
                                        "cat",
                                        "Is it ",
                                        "? no. ",
                                        "\xe2\x80\x99",
                                        "\xe2\x80",
                                        "\xff",
                                        "Wait, ",
                                        "\\boxed{",
                                        "}",
                                        "the answer is ",
                                        "\n\n",
                                        "perhaps ",
                                        "not ",
                                        ", ",
                                        "and ",
                                        "I",
                                        "\0x",
                                        "A",
                                        "{",
                                        "is wrong. ",
                                        "So",
                                        "48",
                                        "."};
    struct question q = with(pets), open = {.question = "What?", .answer = "1"};
    struct str out = {0};
    uint64_t x = 1;
    for (int i = 0; i < 3000; i++) {
        char text[400]; /* of its own size, so that a sanitizer sees a byte too many */
        size_t n = 0;
        for (int k = 0; k < 24; k++) {
            x = x * 6364136223846793005ull + 1442695040888963407ull;
            const char *p = parts[(x >> 33) % (sizeof parts / sizeof *parts)];
            size_t len = *p ? strlen(p) : 2;
            memcpy(text + n, p, len), n += len;
        }
        n = (x >> 20) % (n + 1);
        char *copy = malloc(n ? n : 1);
        memcpy(copy, text, n);
        int found = monitor_rules(&q, copy, n);
        cr_expect(found >= NA && found <= D);
        cr_expect(monitor_rules_free(&open, copy, n, &out) >= 0);
        free(copy);
    }
    str_free(&out);
}

Test(monitor, a_long_thought_costs_what_it_is_long) {
    size_t n = 1 << 20;
    char *text = malloc(n);
    struct question q = with(pets), open = {.question = "What?", .answer = "1"};
    struct str out = {0};
    static const char *const fills[] = {"so ", "it is cat, ", "\\boxed{", "the \n", "A, ", "perhaps "};
    for (size_t f = 0; f < sizeof fills / sizeof *fills; f++) {
        size_t len = strlen(fills[f]);
        for (size_t i = 0; i < n; i++) text[i] = fills[f][i % len];
        cr_expect(monitor_rules(&q, text, n) >= NA);
        cr_expect(monitor_rules_free(&open, text, n, &out) >= 0);
    }
    str_free(&out);
    free(text);
}
