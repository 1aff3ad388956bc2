/* task: chain and arith, and how thoughts are judged. Answers, options and worked steps are checked by second, tiny readers of
 * the question's and the trace's text, which share no code with the generators. */
#include "gym_items.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

TestSuite(task_steps, .timeout = HANG_S);

static const char *const worked[] = {"chain", "arith"};
enum { WORKED = 2, MOST = 128 };

static struct gym_spec whole(const char *family, enum gym_split split, uint64_t seed, double slips) {
    struct gym_spec s = spec(family, split, seed);
    s.level_lo = 1, s.level_hi = strcmp(family, "chain") ? 8 : 12;
    s.slip_rate = slips;
    return s;
}

/* ---- answers ---- */

static long reread_chain(const char *z) {
    long a = 0, x = 0;
    cr_assert_eq(sscanf(z, "Start with %ld.", &a), 1);
    for (z = strchr(z, '.') + 2; strncmp(z, "What", 4); z = strchr(z, '.') + 2) {
        if (sscanf(z, "Add %ld.", &x) == 1)
            a += x;
        else if (sscanf(z, "Subtract %ld.", &x) == 1)
            a -= x;
        else if (sscanf(z, "Multiply by %ld.", &x) == 1)
            a = a * x % 100000000; /* any multiple of 100 may go */
        else
            cr_assert_fail("cannot read \"%s\"", z);
    }
    cr_expect_str_eq(z, "What is the result modulo 100?");
    return ((a % 100) + 100) % 100; /* once, at the end: not the way of the generator */
}

static long reread_arith(const char *z) {
    long a = 0, b = 0;
    char op = 0;
    cr_assert_eq(sscanf(z, "What is %ld%c%ld?", &a, &op, &b), 3, "%s", z);
    return op == '+' ? a + b : op == '-' ? a - b : a * b;
}

static const char *answer_text(const struct question *q) { return q->n_choices ? q->choices[q->answer[0] - 'A'] : q->answer; }

Test(task_steps, answers_follow_from_the_text) {
    for (int f = 0; f < WORKED; f++)
        for (int split = 0; split < GYM_SPLITS; split++) {
            struct gym_spec s = whole(worked[f], (enum gym_split)split, 11, 0.1);
            for (int64_t i = 0; i < 3000; i++) {
                struct gym_item it = item(&s, i);
                char z[32];
                snprintf(z, sizeof z, "%ld", f ? reread_arith(it.q.question) : reread_chain(it.q.question));
                cr_expect_str_eq(answer_text(&it.q), z, "%s", it.q.question);
                cr_expect(it.q.level == it.level && it.level >= 1);
                gym_item_fini(&it);
            }
        }
}

/* How many other options are one or ten away from option i, modulo 100. */
static int neighbours(const struct question *q, int i) {
    int n = 0;
    for (int k = 0; k < q->n_choices; k++) {
        int d = abs(atoi(q->choices[k]) - atoi(q->choices[i]));
        n += d == 1 || d == 99 || d == 10 || d == 90;
    }
    return n;
}

Test(task_steps, options_are_distinct_and_give_nothing_away) {
    struct gym_spec s = whole("chain", GYM_TRAIN, 2, 0);
    int letter[4] = {0}, asked = 0, near_right = 0, near_wrong = 0, total = 8000;
    for (int64_t i = 0; i < total; i++) {
        struct gym_item it = item(&s, i);
        if (it.q.n_choices) {
            int at = it.q.answer[0] - 'A';
            cr_assert(it.q.n_choices == 4 && at >= 0 && at < 4 && !it.q.answer[1]);
            asked++, letter[at]++;
            for (int k = 0; k < 4; k++) {
                for (int j = 0; j < k; j++) cr_expect_str_neq(it.q.choices[j], it.q.choices[k]);
                *(k == at ? &near_right : &near_wrong) += neighbours(&it.q, k);
            }
        }
        gym_item_fini(&it);
    }
    cr_expect(abs(asked - total / 2) < 180, "%d of %d with options", asked, total); /* 4 standard deviations of 45 */
    for (int k = 0; k < 4; k++) cr_expect(abs(letter[k] - asked / 4) < 110, "letter %c: %d of %d", 'A' + k, letter[k], asked);
    cr_expect(abs(near_wrong - 3 * near_right) < near_wrong / 20, "%d near the right option, %d near wrong ones", near_right,
              near_wrong);
}

/* Level 1 is so small that the same stem comes with and without options: it is in one split all the same. */
Test(task_steps, both_forms_of_a_chain_are_in_one_split) {
    enum { EACH = 20000 };
    static uint64_t stem[GYM_SPLITS][2][EACH];
    size_t n[GYM_SPLITS][2] = {0};
    for (int split = 0; split < GYM_SPLITS; split++) {
        struct gym_spec s = spec("chain", (enum gym_split)split, 1);
        s.level_lo = s.level_hi = 1;
        for (int64_t i = 0; i < EACH; i++) {
            struct gym_item it = item(&s, i);
            int form = it.q.n_choices > 0;
            stem[split][form][n[split][form]++] = text_hash(it.q.question);
            gym_item_fini(&it);
        }
        for (int form = 0; form < 2; form++) qsort(stem[split][form], n[split][form], sizeof **stem[0], by_u64);
        cr_expect_gt(common(stem[split][0], n[split][0], stem[split][1], n[split][1]), 1000);
    }
    for (int a = 0; a < GYM_SPLITS; a++)
        for (int b = 0; b < GYM_SPLITS; b++)
            if (a != b) cr_expect_eq(common(stem[a][0], n[a][0], stem[b][1], n[b][1]), 0, "splits %d and %d", a, b);
}

/* ---- worked steps ---- */

/* Every "x op y = r" of a chain trace holds modulo 100 and begins where the last one ended; then " So B) 48." where asked. */
static int wrong_steps(const struct question *q) {
    int wrong = 0;
    long at = -1;
    const char *z = q->trace;
    for (int more = 1; more;) {
        long a = 0, x = 0, r = 0;
        char op = 0, end = 0;
        if (!strncmp(z, "Wait, ", 6)) z += 6;
        cr_assert_eq(sscanf(z, "%ld%c%ld=%ld%c", &a, &op, &x, &r, &end), 5, "%s", z);
        long v = op == '+' ? a + x : op == '-' ? a - x : a * x;
        if (((v % 100) + 100) % 100 != r) {
            wrong++;
        } else {
            cr_expect(at < 0 || a == at, "%s", q->trace);
            at = r;
        }
        more = end == ';';
        if (more) z = strstr(z, "; ") + 2;
    }
    char so[64] = ".", right[24];
    const char *end = strchr(z, '.');
    snprintf(right, sizeof right, "%ld", at);
    if (q->n_choices) snprintf(so, sizeof so, ". So %s) %s.", q->answer, right);
    cr_assert(end && !strcmp(end, so), "%s", q->trace);
    cr_expect_str_eq(right, answer_text(q));
    return wrong;
}

/* Columns of two digits up to a lone number, read as the two numbers they are made of and the result their digits give. */
struct block {
    char op;
    long x, y, result; /* y: for products the factor of all columns */
};

static const char *read_block(const char *z, struct block *b, int *wrong) {
    long place = 1, carry = 0, digit = 0;
    *b = (struct block){0};
    for (;;) {
        long x = 0, y = 0, in = 0, v = 0;
        char op = 0, op2 = 0;
        int n = 0, fields = sscanf(z, "%ld%c%ld%c%ld=%ld; %n", &x, &op, &y, &op2, &in, &v, &n);
        if (fields != 6) break;
        cr_expect(!b->op || b->op == op, "%s", z);
        b->op = op;
        long right = b->op == '+' ? x + y + in : b->op == '-' ? x - y - in : x * y + in;
        cr_expect(in == carry && op2 == (b->op == '-' ? '-' : '+'), "%s", z);
        if (v != right) {
            cr_expect(labs(v - right) == 1 && !strncmp(z + n, "Wait, ", 6), "%s", z);
            ++*wrong, n += 6;
        }
        z += n;
        if (v != right) continue; /* the same column again, now right */
        carry = v < 0 ? 1 : v / 100;
        digit = v < 0 ? v + 100 : v % 100;
        b->x += x * place, b->y = b->op == '*' ? y : b->y + y * place, b->result += digit * place;
        place *= 100;
    }
    cr_expect(b->op != '-' || carry == 0);
    if (b->op != '-') b->result += carry * place;
    long said = 0;
    int n = 0;
    cr_assert_eq(sscanf(z, "%ld%*1[;.] %n", &said, &n), 1, "%s", z);
    cr_expect(said == b->result, "%ld: %s", b->result, z);
    b->result = said;
    return z + n;
}

static int arith_trace(const struct gym_item *it) {
    long a = 0, b = 0, said = 0;
    char op = 0;
    int wrong = 0;
    struct block k;
    cr_assert_eq(sscanf(it->q.question, "What is %ld%c%ld?", &a, &op, &b), 3);
    const char *z = read_block(it->q.trace, &k, &wrong);
    cr_expect(k.op == op && k.x == a && k.y == b, "%s: %s", it->q.question, it->q.trace);
    cr_assert_eq(sscanf(z, "So %ld.", &said), 1, "%s", z);
    cr_expect(said == k.result && said == atol(it->q.answer), "%s: %s", it->q.question, it->q.trace);
    return wrong;
}

Test(task_steps, worked_steps_hold_and_slips_are_counted) {
    for (int f = 0; f < WORKED; f++)
        for (int rate = 0; rate <= 2; rate++) {
            struct gym_spec s = whole(worked[f], GYM_TRAIN, 4, rate * 0.5);
            int slips = 0;
            for (int64_t i = 0; i < 2000; i++) {
                struct gym_item it = item(&s, i);
                cr_expect_eq(f ? arith_trace(&it) : wrong_steps(&it.q), it.slips, "%s", it.q.trace);
                cr_expect_eq(strstr(it.q.trace, "Wait, ") != NULL, it.slips > 0);
                slips += it.slips;
                gym_item_fini(&it);
            }
            cr_expect(abs(slips - rate * 1000) <= 100 * (rate == 1), "rate %g: %d slips", s.slip_rate, slips);
        }
}

Test(task_steps, the_longest_thoughts_fit) {
    for (int f = 0; f < WORKED; f++) {
        struct gym_spec s = whole(worked[f], GYM_TRAIN, 6, 1);
        s.level_lo = s.level_hi;
        for (int64_t i = 0; i < 3000; i++) {
            struct gym_item it = item(&s, i);
            cr_expect_leq(strlen(it.q.trace), 330);
            gym_item_fini(&it);
        }
    }
}

/* What is taught before questions are single steps, each of them true. */
Test(task_steps, pretraining_steps_are_true) {
    for (int f = 0; f < WORKED; f++) {
        struct gym_spec s = spec(worked[f], GYM_TRAIN, 9);
        struct str b = {0};
        for (int64_t i = 0; i < 500; i++) {
            str_clear(&b);
            cr_assert_eq(gym_pretrain(&s, i, &b, NULL), 0);
            for (const char *z = b.s; *z; z += strcspn(z, ";."), z += strspn(z, ";. ")) {
                long x = 0, y = 0, in = 0, v = 0;
                char op = 0, op2 = 0;
                if (f)
                    cr_assert_eq(sscanf(z, "%ld%c%ld%c%ld=%ld", &x, &op, &y, &op2, &in, &v), 6, "%s", z);
                else
                    cr_assert_eq(sscanf(z, "%ld%c%ld=%ld", &x, &op, &y, &v), 4, "%s", z);
                long right = op == '+' ? x + y + in : op == '-' ? x - y - in : x * y + in;
                cr_expect_eq(v, f ? right : ((right % 100) + 100) % 100, "%s", z);
            }
        }
        str_free(&b);
    }
}

/* ---- the judge ---- */

static int judge(const struct gym_spec *s, int64_t i, const char *z, size_t n, struct gym_step *out, int cap) {
    struct err e = ERR_INIT;
    int k = gym_steps(s, i, z, n, out, cap, &e);
    cr_assert(k >= 0 && k <= cap, "%d: %s", k, e.msg);
    return k;
}

static int wrong_of(const struct gym_step *step, int n) {
    int wrong = 0;
    for (int i = 0; i < n; i++) wrong += !step[i].right;
    return wrong;
}

Test(task_steps, worked_thoughts_are_right_up_to_their_slips) {
    struct gym_step step[MOST];
    for (int f = 0; f < WORKED; f++)
        for (int slips = 0; slips < 2; slips++) {
            struct gym_spec s = whole(worked[f], GYM_TEST, 21, slips);
            for (int64_t i = 0; i < 500; i++) {
                struct gym_item it = item(&s, i);
                size_t n = strlen(it.q.trace), delimiters = 0;
                for (const char *z = it.q.trace; *z; z++) delimiters += *z == ';' || *z == '.';
                int k = judge(&s, i, it.q.trace, n, step, MOST);
                cr_expect_eq((size_t)k, delimiters);
                cr_expect_eq(step[k - 1].end, n);
                cr_expect_eq(wrong_of(step, k), slips, "%s", it.q.trace);
                cr_expect(step[k - 1].right);
                for (int j = 0; j < k; j++) {
                    const char *after = it.q.trace + step[j].end;
                    cr_expect_eq(step[j].right, strncmp(after, " Wait, ", 7) != 0, "step %d of %s", j, it.q.trace);
                }
                gym_item_fini(&it);
            }
        }
}

/* Another digit as the last one before the delimiter that ends at `end`. */
static void corrupt(char *z, size_t end) { z[end - 2] = (char)('0' + (z[end - 2] - '0' + 3) % 10); }

Test(task_steps, a_wrong_step_is_found_where_it_is) {
    struct gym_step step[MOST], found[MOST];
    for (int f = 0; f < WORKED; f++) {
        struct gym_spec s = whole(worked[f], GYM_VAL, 22, 0);
        for (int64_t i = 0; i < 200; i++) {
            struct gym_item it = item(&s, i);
            size_t n = strlen(it.q.trace);
            int k = judge(&s, i, it.q.trace, n, step, MOST);
            for (int bad = 0; bad < k; bad++) {
                char *z = strdup(it.q.trace);
                corrupt(z, step[bad].end);
                cr_expect_eq(judge(&s, i, z, n, found, MOST), k);
                for (int j = 0; j < k; j++) {
                    cr_expect_eq(found[j].right, j < bad, "step %d, corrupted %d: %s", j, bad, z);
                    cr_expect_eq(found[j].end, step[j].end);
                }
                free(z);
            }
            gym_item_fini(&it);
        }
    }
}

/* Two corrections in a row, the first one wrong too, then the rest: only the two wrong ones stay wrong. */
Test(task_steps, a_corrected_slip_is_right_again) {
    struct gym_step step[MOST], found[MOST];
    for (int f = 0; f < WORKED; f++) {
        struct gym_spec s = whole(worked[f], GYM_VAL, 23, 0);
        for (int64_t i = 0; i < 200; i++) {
            struct gym_item it = item(&s, i);
            size_t n = strlen(it.q.trace);
            int k = judge(&s, i, it.q.trace, n, step, MOST), bad = (int)(i % k);
            size_t end = step[bad].end, from = bad ? step[bad - 1].end + 1 : 0;
            char *broken = strdup(it.q.trace);
            corrupt(broken, end);
            struct str z = {0};
            str_printf(&z, "%.*s Wait, %.*s Wait, %s", (int)end, broken, (int)(end - from), broken + from, it.q.trace + from);
            cr_assert_eq(judge(&s, i, z.s, z.len, found, MOST), k + 2, "%s", z.s);
            for (int j = 0; j < k + 2; j++) cr_expect_eq(found[j].right, j != bad && j != bad + 1, "step %d: %s", j, z.s);
            free(broken), str_free(&z);
            gym_item_fini(&it);
        }
    }
}

/* The right value of a step of somewhere else, a step twice, one left out, one too many: true equations, wrong steps. */
Test(task_steps, a_true_equation_in_the_wrong_place_is_wrong) {
    struct gym_spec s = spec("chain", GYM_TRAIN, 0);
    s.level_lo = 2, s.level_hi = 5;
    struct gym_item it = item(&s, 0);
    cr_assert_str_eq(it.q.trace, "33+86=19; 19-54=65; 65-37=28; 28+71=99.");
    gym_item_fini(&it);
    static const struct {
        const char *trace, *right; /* a character per step */
    } cases[] = {
        {"33+86=19; 19-54=65; 65-37=28; 28+71=99.", "1111"},
        {"33+86=19; 65-37=28; 28+71=99.", "100"},
        {"19-54=65; 65-37=28;", "00"},
        {"33+86=19; 33+86=19; 19-54=65;", "100"},
        {"33+86=19; Wait, 33+86=19; 19-54=65;", "111"},
        {"33+86=19; 19-54=65; 65-37=28; 28+71=99. 99+1=0.", "11110"},
        {"33+86=19; 19-54=64; 64-37=27; Wait, 19-54=65; 65-37=28;", "10000"}, /* too late: it takes back one step only */
        {"33+86=18; Wait, 33+86=19; 19-54=65;", "011"},
        {"Wait, 33+86=19; 19-54=65;", "11"},
        {"33+86=19; wait, 19-54=65;", "10"},
        {"33 + 86 = 19;", "0"},
        {"33+86=019;", "0"},
        {"  33+86=19;19-54=65. 65-37=28;", "111"},
        {"33+86=19; 19-54=65", "1"},
        {"33+86=19;; 19-54=65;", "100"},
        {"Wait, Wait, 33+86=19;", "0"},
        {"Wait, ;", "0"},
        {";", "0"},
        {"", ""},
    };
    struct gym_step step[MOST];
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int n = judge(&s, 0, cases[i].trace, strlen(cases[i].trace), step, MOST);
        char found[MOST + 1] = "";
        for (int k = 0; k < n; k++) found[k] = step[k].right ? '1' : '0';
        cr_expect_str_eq(found, cases[i].right, "%s", cases[i].trace);
    }
}

Test(task_steps, hostile_thoughts_are_judged_too) {
    static const char bits[] = "0123456789+-*=;;;... WaitSo,()\0\xff\xc3";
    struct gym_step step[MOST];
    uint64_t seed = 12345;
    for (int f = 0; f < WORKED; f++) {
        struct gym_spec s = whole(worked[f], GYM_TRAIN, 1, 0);
        for (int64_t i = 0; i < 2000; i++) {
            char z[400];
            size_t n = (size_t)(i % 400), last = 0;
            for (size_t k = 0; k < n; k++) {
                seed = seed * 6364136223846793005ull + 1442695040888963407ull;
                z[k] = bits[(seed >> 33) % (sizeof bits - 1)];
            }
            int cap = (int)(i % 64), steps = judge(&s, i % 8, z, n, step, cap);
            for (int k = 0; k < steps; last = step[k++].end) cr_expect(step[k].end > last && step[k].end <= n && !step[k].right);
        }
        struct str b = {0};
        for (int i = 0; i < 100000; i++) str_puts(&b, "Wait, ;"); /* linear, whatever comes */
        cr_expect_eq(judge(&s, 0, b.s, b.len, step, MOST), MOST);
        cr_expect_eq(judge(&s, 0, NULL, 0, step, MOST), 0);
        str_free(&b);
    }
}

/* A question carries what its steps are judged by: its check, or its worked trace, even one with a slip. */
Test(task_steps, a_question_judges_as_its_item_does) {
    static const char *const families[] = {"chain", "arith", "multihop", "countdown"};
    struct gym_step a[MOST], b[MOST];
    struct err e = ERR_INIT;
    int wrong = 0, right = 0;
    for (int f = 0; f < 4; f++) {
        struct gym_spec s = spec(families[f], GYM_TEST, 9), other = s;
        s.slip_rate = other.slip_rate = 0.5;
        for (int64_t i = 0; i < 300; i++) {
            struct gym_item it = item(&s, i), thought = item(&other, i % 3 ? i : i + 1);
            char *z = thought.q.trace;
            if (i % 3 == 2) z[strlen(z) / 2] = '7';
            int n = judge(&s, i, z, strlen(z), a, MOST), m = question_steps(&it.q, z, strlen(z), b, MOST, &e);
            cr_assert_eq(n, m, "%s: \"%s\" has %d steps, or %d: %s", families[f], z, n, m, e.msg);
            for (int k = 0; k < n; k++) {
                cr_expect(a[k].end == b[k].end && a[k].right == b[k].right, "%s: \"%s\", step %d, by \"%s\"", families[f], z, k,
                          it.q.trace);
                right += a[k].right, wrong += !a[k].right;
            }
            gym_item_fini(&it), gym_item_fini(&thought);
        }
    }
    cr_expect(right > 500 && wrong > 500, "%d right, %d wrong", right, wrong);
}

Test(task_steps, a_question_without_grounds_has_no_steps) {
    struct gym_step step[4];
    struct err e = ERR_INIT;
    char kind[] = "chain", recall[] = "recall-first", trace[] = "1+1=2; So 2.", wait[] = "Wait, Wait, ;;", none[] = "";
    char large[] = "countdown 5 from 1000 2", many[] = "countdown 5 from 1 2 3 4 5 6 7", zero[] = "countdown 5 from 0 2";
    char nine[] = "999999999*999999999=1 left 2; 2-2=5.";
    struct question q[] = {
        {.kind = kind},  {.trace = trace}, {.kind = recall, .trace = trace}, {.kind = kind, .trace = none}, {.check = large},
        {.check = many}, {.check = zero}};
    for (size_t i = 0; i < sizeof q / sizeof *q; i++) {
        q[i].id = none;
        cr_expect_eq(question_steps(&q[i], trace, strlen(trace), step, 4, &e), 0, "question %zu", i);
    }
    struct question x = {.id = none, .kind = kind, .trace = wait};
    cr_expect(question_steps(&x, trace, strlen(trace), step, 4, &e) == 2 && !step[0].right && !step[1].right);
    char check[] = "countdown 5 from 2 3";
    x = (struct question){.id = none, .check = check};
    cr_expect(question_steps(&x, nine, strlen(nine), step, 4, &e) == 2 && !step[0].right && !step[1].right);
}

Test(task_steps, what_has_no_steps_is_not_judged) {
    struct gym_spec s = spec("recall", GYM_TRAIN, 0);
    struct gym_step step[MOST];
    struct err e = ERR_INIT;
    cr_expect_eq(judge(&s, 0, "Is it D) cow? no.", 17, step, MOST), 0);
    s = spec("chain", GYM_TRAIN, 0);
    cr_expect_eq(gym_steps(&s, -1, ";", 1, step, MOST, &e), ERR_RANGE);
    s.level_hi = 99;
    cr_expect_eq(gym_steps(&s, 0, ";", 1, step, MOST, &e), ERR_RANGE);
}
