/* task: the gym's promises (determinism, disjoint splits, facts as taught), the loader's refusals, the grader. */
#include "base/fs.h"
#include "gym_items.h"
#include "task/answer.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *const all[] = {"recall-first", "recall-plain", "chain", "arith"};
enum { ALL = 4 };

static char *text_of(const struct gym_item *it) {
    struct str b = {0};
    cr_assert_eq(question_text(&it->q, &b), 0);
    return b.s;
}

Test(task, an_item_is_a_function_of_spec_and_index) {
    for (int f = 0; f < ALL; f++) {
        struct gym_spec s = spec(all[f], GYM_TRAIN, 5), other = spec(all[f], GYM_TRAIN, 6);
        int differ = 0;
        for (int64_t i = 49; i >= 0; i--) { /* any order */
            struct gym_item a = item(&s, i), b = item(&s, i), c = item(&other, i);
            char *x = text_of(&a), *y = text_of(&b);
            cr_expect_str_eq(x, y);
            cr_expect_str_eq(a.q.id, b.q.id);
            differ += a.content != c.content;
            free(x), free(y);
            gym_item_fini(&a), gym_item_fini(&b), gym_item_fini(&c);
        }
        cr_expect_gt(differ, 45, "%s: seeds draw the same", all[f]);
    }
}

/* The world and the gym must not drift: shipped models have learnt them by heart. */
Test(task, golden_items) {
    static const struct {
        const char *family, *difficulty, *text;
    } golden[] = {
        {"recall-first", "1",
         "<|q|>The pet of Morde is what?\nA) duck\nB) wolf\nC) cat\nD) cow\n<|a|><think>Is it cow? no. Is it "
         "cat? no. Is it wolf? no. It is duck. So A) duck.</think>A<|end|>"},
        {"chain", "2..5",
         "<|q|>Start with 33. Add 86. Subtract 54. Subtract 37. Add 71. What is the result modulo 100?\n"
         "<|a|><think>33+86=19; 19-54=65; 65-37=28; 28+71=99.</think>\\boxed{99}<|end|>"},
        {"chain", "2",
         "<|q|>Start with 94. Add 3. Subtract 63. What is the result modulo 100?\nA) 33\nB) 34\nC) 97\nD) 7\n"
         "<|a|><think>94+3=97; 97-63=34. So B) 34.</think>B<|end|>"},
        {"arith", "2..3", "<|q|>What is 50+4?\n<|a|><think>50+4+0=54; 54. So 54.</think>\\boxed{54}<|end|>"},
        {"arith", "3", "<|q|>What is 610-164?\n<|a|><think>10-64-0=-54; 6-1-1=4; 446. So 446.</think>\\boxed{446}<|end|>"},
        {"arith", "2",
         "<|q|>What is 72*43?\n<|a|><think>72*43+0=3097; Wait, 72*43+0=3096; 3096. So 3096.</think>\\boxed{3096}<|end|>"},
    };
    for (size_t i = 0; i < sizeof golden / sizeof *golden; i++) {
        struct gym_spec s = spec(golden[i].family, GYM_TRAIN, 0);
        cr_assert_eq(gym_set_difficulty(&s, golden[i].difficulty, NULL), 0);
        struct gym_item it = item(&s, 0);
        char *z = text_of(&it);
        cr_expect_str_eq(z, golden[i].text);
        free(z);
        gym_item_fini(&it);
    }
}

/* ---- splits ---- */

enum { EACH = 10000 };

static void collect(uint64_t *problem, uint64_t *text, const char *family, enum gym_split split, uint64_t seed) {
    struct gym_spec s = spec(family, split, seed);
    for (int64_t i = 0; i < EACH; i++) {
        struct gym_item it = item(&s, i);
        struct str b = {0};
        question_body(&it.q, &b);
        problem[i] = it.content;
        text[i] = text_hash(b.s);
        str_free(&b);
        gym_item_fini(&it);
    }
    qsort(problem, EACH, sizeof *problem, by_u64);
    qsort(text, EACH, sizeof *text, by_u64);
}

Test(task, splits_are_disjoint_for_any_seeds, .timeout = HANG_S) {
    static uint64_t problem[GYM_SPLITS][EACH], text[GYM_SPLITS][EACH];
    for (int f = 0; f < ALL; f++) {
        for (int s = 0; s < GYM_SPLITS; s++) collect(problem[s], text[s], all[f], (enum gym_split)s, 100 + 7 * (uint64_t)s);
        for (int a = 0; a < GYM_SPLITS; a++)
            for (int b = 0; b < a; b++) {
                cr_expect_eq(common(problem[a], EACH, problem[b], EACH), 0, "%s: problems in %d and %d", all[f], a, b);
                cr_expect_eq(common(text[a], EACH, text[b], EACH), 0, "%s: texts in %d and %d", all[f], a, b);
            }
    }
}

Test(task, recall_families_share_their_splits) {
    struct gym_spec a = spec("recall-first", GYM_TEST, 3), b = spec("recall-plain", GYM_TEST, 3);
    for (int64_t i = 0; i < 100; i++) {
        struct gym_item x = item(&a, i), y = item(&b, i);
        cr_expect_eq(x.content, y.content);
        cr_expect(!strncmp(x.q.question, y.q.question, strlen(x.q.question)));
        gym_item_fini(&x), gym_item_fini(&y);
    }
}

/* The stem with its entity and relation taken out is the phrasing. */
static void phrasing(char *out, size_t size, const char *stem) {
    size_t n = 0;
    const char *z = stem;
    while (*z && n + 2 < size) {
        size_t w = strcspn(z, " ?.");
        int name = *z >= 'A' && *z <= 'Z' && w >= 5 && strncmp(z, "Which", w);
        int relation = 0;
        for (int r = 0; r < WORLD_RELATIONS; r++) relation |= w == strlen(world_relation(r)) && !strncmp(z, world_relation(r), w);
        if (name || relation)
            out[n++] = name ? '#' : '%';
        else
            memcpy(out + n, z, w), n += w;
        z += w;
        if (*z) out[n++] = *z++;
    }
    out[n] = 0;
}

static int phrasings(char found[][64], enum gym_split split) {
    struct gym_spec s = spec("recall", split, 1);
    int n = 0;
    for (int64_t i = 0; i < 2000; i++) {
        struct gym_item it = item(&s, i);
        char p[64];
        phrasing(p, sizeof p, it.q.question);
        int known = 0;
        for (int k = 0; k < n; k++) known |= !strcmp(found[k], p);
        if (!known && n < 32) snprintf(found[n], sizeof found[n], "%s", p), n++;
        gym_item_fini(&it);
    }
    return n;
}

static int known_word(char found[][64], int n, const char *w, size_t len) {
    for (int k = 0; k < n; k++)
        for (const char *z = found[k]; *z;) {
            size_t m = strcspn(z, " ?.");
            if (m == len && !strncasecmp(z, w, len)) return 1;
            z += m;
            z += *z != 0;
        }
    return 0;
}

Test(task, no_test_phrasing_in_train_but_every_word) {
    char train[32][64], held[32][64];
    int n = phrasings(train, GYM_TRAIN);
    cr_expect_geq(n, 6);
    for (int split = GYM_VAL; split <= GYM_TEST; split++) {
        int m = phrasings(held, (enum gym_split)split);
        cr_expect_geq(m, 2);
        for (int i = 0; i < m; i++) {
            for (int k = 0; k < n; k++) cr_expect_str_neq(held[i], train[k]);
            for (const char *z = held[i]; *z; z += *z != 0) {
                size_t w = strcspn(z, " ?.");
                cr_expect(!w || known_word(train, n, z, w), "word of \"%s\" is not in train", held[i]);
                z += w;
            }
        }
    }
}

/* ---- answers and traces of recall; those of chain and arith are in test_task_steps.c ---- */

/* The fact of a name and a relation is the same in every question, and among the options exactly once. */
Test(task, recall_answers_agree_with_the_facts_as_taught) {
    struct gym_spec s = spec("recall", GYM_TEST, 2);
    struct str taught = {0};
    for (int64_t i = 0; i < 100 * WORLD_ENTITIES; i++) {
        cr_assert_eq(gym_pretrain(&s, i, &taught, NULL), 0);
        str_puts(&taught, "\n");
    }
    int letters[4] = {0}, checked = 0;
    for (int64_t i = 0; i < 4000; i++) {
        struct gym_item it = item(&s, i);
        int a = it.q.answer[0] - 'A';
        cr_assert(it.q.n_choices == 4 && a >= 0 && a < 4 && !it.q.answer[1]);
        letters[a]++;
        for (int x = 0; x < 4; x++)
            for (int y = 0; y < x; y++) cr_expect_str_neq(it.q.choices[x], it.q.choices[y]);
        for (int e = 0; e < WORLD_ENTITIES && i < 200; e++)
            for (int r = 0; r < WORLD_RELATIONS; r++) {
                char name[WORLD_NAME], fact[64];
                world_name(&s.world, e, name);
                if (!strstr(it.q.question, name) || !strstr(it.q.question, world_relation(r))) continue;
                snprintf(fact, sizeof fact, "The %s of %s is %s.", world_relation(r), name, it.q.choices[a]);
                cr_expect(strstr(taught.s, fact) != NULL, "not taught: %s", fact);
                checked++;
            }
        gym_item_fini(&it);
    }
    cr_expect_eq(checked, 200);
    for (int k = 0; k < 4; k++) /* 1000 ± 4 standard deviations of 27 */
        cr_expect(abs(letters[k] - 1000) < 110, "letter %c: %d of 4000", 'A' + k, letters[k]);
    str_free(&taught);
}

Test(task, names_are_distinct_and_a_world_is_its_key) {
    static char name[WORLD_MAX_ENTITIES][WORLD_NAME];
    for (uint64_t key = 1; key < 4; key++) {
        struct world w = {key, WORLD_MAX_ENTITIES};
        for (int i = 0; i < WORLD_MAX_ENTITIES; i++) world_name(&w, i, name[i]);
        qsort(name, WORLD_MAX_ENTITIES, WORLD_NAME, (int (*)(const void *, const void *))strcmp);
        for (int i = 1; i < WORLD_MAX_ENTITIES; i++) cr_expect_str_neq(name[i - 1], name[i]);
    }
    struct world a = {1, 300}, b = {2, 300};
    int same = 0;
    for (int i = 0; i < 300; i++) same += world_fact(&a, i, 0) == world_fact(&b, i, 0);
    cr_expect_lt(same, 60);
}

/* The right option is named, and its letter is said, only behind all wrong ones; lettered, each option has its letter in front. */
static void expect_traces(int lettered) {
    struct gym_spec s = spec("recall-first", GYM_TRAIN, 4), p = spec("recall-plain", GYM_TRAIN, 4);
    s.lettered = p.lettered = lettered;
    for (int64_t i = 0; i < 300; i++) {
        struct gym_item a = item(&s, i), b = item(&p, i);
        int at = a.q.answer[0] - 'A';
        char named[32], letter[8];
        snprintf(named, sizeof named, " %s", a.q.choices[at]);
        snprintf(letter, sizeof letter, "%c)", 'A' + at);
        const char *z = strstr(a.q.trace, named), *l = strstr(a.q.trace, letter),
                   *end = strstr(a.q.trace, lettered ? "So " : "It is ");
        cr_expect(z && l && end && z > end && l > end && !strstr(a.q.trace, "yes"), "%s", a.q.trace);
        cr_expect(strchr(a.q.trace, ')') && (strchr(a.q.trace, ')') < end) == lettered, "%s", a.q.trace);
        cr_expect((strstr(b.q.question, " Take the options in order.") == NULL) == lettered && !strstr(a.q.question, "order"),
                  "%s", b.q.question);
        const char *last = b.q.trace;
        for (int k = 0; k < 4; k++) {
            char head[48];
            if (lettered)
                snprintf(head, sizeof head, "Is it %c) %s? %s.", 'A' + k, b.q.choices[k], k == at ? "yes" : "no");
            else
                snprintf(head, sizeof head, "Perhaps %s. ", b.q.choices[k]);
            last = strstr(last, head);
            cr_assert(last != NULL, "%s", b.q.trace);
        }
        gym_item_fini(&a), gym_item_fini(&b);
    }
}

Test(task, recall_traces_put_the_right_option_where_they_promise) {
    expect_traces(0);
    expect_traces(1);
}

Test(task, at_once_asks_the_same_without_the_thought) {
    for (int f = 0; f < ALL; f++) {
        struct gym_spec s = spec(all[f], GYM_VAL, 4), t = s;
        t.at_once = 1;
        struct gym_item a = item(&s, 9), b = item(&t, 9);
        struct str x = {0}, y = {0}, z = {0};
        question_prompt(&a.q, &x);
        question_prompt(&b.q, &y);
        str_puts(&x, "<think></think>");
        cr_expect_str_eq(x.s, y.s);
        question_text(&b.q, &z);
        str_printf(&y, "%s<|end|>", a.q.final);
        cr_expect_str_eq(z.s, y.s);
        str_free(&x), str_free(&y), str_free(&z);
        gym_item_fini(&a), gym_item_fini(&b);
    }
}

/* ---- writing, counting, reading back ---- */

static const char *scratch(char *buf, size_t size, const char *name) {
    snprintf(buf, size, "%s/candor-%ld-%s", getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp", (long)getpid(), name);
    return buf;
}

Test(task, what_is_written_reads_back_without_duplicates) {
    char path[256];
    for (int f = 0; f < ALL; f++) {
        struct gym_spec s = spec(all[f], GYM_TEST, 1);
        struct err e = ERR_INIT;
        s.at_once = f == 1;
        cr_assert_eq(gym_write(&s, 500, scratch(path, sizeof path, "q.jsonl"), 1, &e), 0, "%s", e.msg);
        struct questions qs;
        cr_assert_eq(questions_load(&qs, path, &e), 0, "%s", e.msg);
        cr_expect_eq(qs.n, 500);
        for (size_t i = 0; i < qs.n; i++) {
            struct str a = {0};
            cr_expect_str_eq(qs.q[i].kind, all[f]);
            cr_expect_eq(qs.q[i].at_once, s.at_once);
            cr_expect(qs.q[i].level >= s.level_lo && qs.q[i].level <= s.level_hi, "level %d", qs.q[i].level);
            cr_expect_eq(answer_parse(qs.q[i].final, &qs.q[i], &a), 1);
            cr_expect_eq(answer_grade(&qs.q[i], a.s), 1, "%s", qs.q[i].final);
            str_free(&a);
        }
        questions_fini(&qs);
        unlink(path);
    }
}

Test(task, a_small_space_is_counted_and_can_be_used_up) {
    char path[256];
    int64_t n[GYM_SPLITS], total = 0;
    struct err e = ERR_INIT;
    struct gym_spec s = spec("arith", GYM_TRAIN, 1);
    cr_assert_eq(gym_set_difficulty(&s, "1", &e), 0);
    for (int k = 0; k < GYM_SPLITS; k++, total += n[k - 1]) {
        s.split = (enum gym_split)k;
        cr_assert_eq(gym_count(&s, &n[k], &e), 0);
    }
    /* 45 sums, 45 differences; products of 1..9 by 2..9 are 44 unordered pairs */
    cr_expect_eq(total, 45 + 45 + 44, "%lld", (long long)total);
    s.split = GYM_TEST;
    cr_expect_eq(gym_write(&s, n[GYM_TEST], scratch(path, sizeof path, "all.jsonl"), 0, &e), 0, "%s", e.msg);
    cr_expect_eq(unlink(path), 0);
    char want[64];
    snprintf(want, sizeof want, "found %lld in arith", (long long)n[GYM_TEST]);
    cr_expect_eq(gym_write(&s, n[GYM_TEST] + 1, path, 0, &e), ERR_LIMIT);
    cr_expect(strstr(e.msg, want) != NULL, "%s", e.msg);
    cr_expect(!file_exists(path));
}

Test(task, specs_are_checked) {
    struct err e = ERR_INIT;
    struct gym_spec s;
    cr_expect_eq(gym_spec_init(&s, "nonsense", &e), ERR_ARG);
    cr_expect(strstr(e.msg, "chain") != NULL, "%s", e.msg);
    s = spec("recall", GYM_TRAIN, 0);
    cr_expect_str_eq(gym_family_name(0), "recall-first");
    cr_expect_eq(gym_set_split(&s, "tset", &e), ERR_ARG);
    static const char *const bad[] = {"", "x", "3..", "..3", "3-", "5..2", "0", "13", "2..13", "2 ", "99999999999", "-1"};
    s = spec("chain", GYM_TRAIN, 0);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) cr_expect_lt(gym_set_difficulty(&s, bad[i], &e), 0, "%s", bad[i]);
    cr_expect(gym_set_difficulty(&s, "3..4", &e) == 0 && s.level_lo == 3 && s.level_hi == 4);
    cr_expect(gym_set_difficulty(&s, "2-6", &e) == 0 && s.level_lo == 2 && s.level_hi == 6);
    struct gym_item it;
    s.slip_rate = NAN;
    cr_expect_eq(gym_make(&s, 0, &it, &e), ERR_RANGE);
    s.slip_rate = 0;
    cr_expect_eq(gym_make(&s, -1, &it, &e), ERR_RANGE);
    s.world.entities = 0;
    cr_expect_eq(gym_make(&s, 0, &it, &e), ERR_RANGE);
}

#define OK "{\"id\":\"a\",\"question\":\"q\",\"answer\":\"1\",\"kind\":\"k\"}\n"
Test(task, a_level_of_another_kind_is_none) {
    static const struct {
        const char *level;
        int is;
    } cases[] = {{"3", 3}, {"0", 0}, {"-1", 0}, {"2.5", 0}, {"\"Level 5\"", 0}, {"[3]", 0}, {"9999999999999", 0}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char line[160];
        struct questions qs;
        int n = snprintf(line, sizeof line, "{\"id\":\"a\",\"question\":\"q\",\"answer\":\"1\",\"kind\":\"k\",\"level\":%s}",
                         cases[i].level);
        cr_assert_eq(questions_parse(&qs, line, (size_t)n, "x", NULL), 0);
        cr_expect_eq(qs.q->level, cases[i].is, "%s", cases[i].level);
        questions_fini(&qs);
    }
}

static const struct {
    const char *text;
    int code;
    int64_t line;
    const char *says;
} rejects[] = {
    {"", ERR_FORMAT, -1, "empty file"},
    {"\n \n", ERR_FORMAT, -1, "empty file"},
    {OK "{\"id\":", ERR_FORMAT, 2, "malformed JSON"},
    {OK "\n[1]", ERR_FORMAT, 3, "found an array"},
    {OK "{} {}", ERR_FORMAT, 2, "malformed JSON"},
    {"{\"question\":\"q\",\"answer\":\"1\",\"kind\":\"k\"}", ERR_FORMAT, 1, "\"id\""},
    {"{\"id\":\"b\",\"answer\":\"1\",\"kind\":\"k\"}", ERR_FORMAT, 1, "\"question\""},
    {"{\"id\":\"b\",\"question\":\"q\",\"kind\":\"k\"}", ERR_FORMAT, 1, "\"answer\""},
    {"{\"id\":\"b\",\"question\":\"q\",\"answer\":\"1\"}", ERR_FORMAT, 1, "\"kind\""},
    {"{\"id\":\"b\",\"question\":\"q\",\"answer\":1,\"kind\":\"k\"}", ERR_FORMAT, 1, "found a number"},
    {"{\"id\":\"\",\"question\":\"q\",\"answer\":\"1\",\"kind\":\"k\"}", ERR_FORMAT, 1, "empty string"},
    {OK OK, ERR_FORMAT, 2, "already on line 1"},
    {"{\"id\":\"b\",\"id\":\"c\",\"question\":\"q\",\"answer\":\"1\",\"kind\":\"k\"}", ERR_FORMAT, 1, "malformed JSON"},
    {"{\"id\":\"b\",\"question\":\"q\",\"answer\":\"C\",\"kind\":\"k\",\"choices\":[\"x\",\"y\"]}", ERR_RANGE, 1, "from A to B"},
    {"{\"id\":\"b\",\"question\":\"q\",\"answer\":\"x\",\"kind\":\"k\",\"choices\":[\"x\",\"y\"]}", ERR_RANGE, 1, "from A to B"},
    {"{\"id\":\"b\",\"question\":\"q\",\"answer\":\"AB\",\"kind\":\"k\",\"choices\":[\"x\",\"y\"]}", ERR_RANGE, 1, "from A to B"},
    {"{\"id\":\"b\",\"question\":\"q\",\"answer\":\"A\",\"kind\":\"k\",\"choices\":[\"x\"]}", ERR_RANGE, 1, "2 to 26"},
    {"{\"id\":\"b\",\"question\":\"q\",\"answer\":\"A\",\"kind\":\"k\",\"choices\":[\"x\",2]}", ERR_FORMAT, 1, "a choice"},
    {"{\"id\":\"b\",\"question\":\"q\",\"answer\":\"A\",\"kind\":\"k\",\"choices\":{}}", ERR_FORMAT, 1, "found an object"},
    {"{\"id\":\"b\",\"question\":\"\xff\",\"answer\":\"1\",\"kind\":\"k\"}", ERR_FORMAT, 1, "malformed JSON"},
    {"{\"id\":\"b\",\"question\":\"a\\u0000b\",\"answer\":\"1\",\"kind\":\"k\"}", ERR_FORMAT, 1, "malformed JSON"},
};

Test(task, rejects_are_golden) {
    for (size_t i = 0; i < sizeof rejects / sizeof *rejects; i++) {
        struct err e = ERR_INIT;
        struct questions qs = {0};
        int rc = questions_parse(&qs, rejects[i].text, strlen(rejects[i].text), "x.jsonl", &e);
        cr_expect_eq(rc, rejects[i].code, "%zu: %d %s", i, rc, e.msg);
        cr_expect_eq(e.at, rejects[i].line, "%zu: line %lld, %s", i, (long long)e.at, e.msg);
        cr_expect(strstr(e.msg, rejects[i].says) != NULL, "%zu: %s", i, e.msg);
        cr_expect(!qs.q && !qs.n);
    }
    struct questions qs = {0};
    struct err e = ERR_INIT;
    cr_expect_eq(questions_load(&qs, "/nonexistent/q.jsonl", &e), ERR_IO);
}

Test(task, size_limits_are_kept) {
    struct str b = {0};
    struct err e = ERR_INIT;
    struct questions qs = {0};
    str_puts(&b, "{\"id\":\"");
    for (int i = 0; i <= QUESTION_MAX_ID; i++) str_puts(&b, "x");
    str_puts(&b, "\",\"question\":\"q\",\"answer\":\"1\",\"kind\":\"k\"}");
    cr_expect_eq(questions_parse(&qs, b.s, b.len, "x", &e), ERR_LIMIT);
    str_clear(&b);
    for (int i = 0; i <= QUESTION_MAX_LINE; i++) str_add(&b, "[", 1);
    cr_expect_eq(questions_parse(&qs, b.s, b.len, "x", &e), ERR_LIMIT);
    b.s[QUESTION_MAX_LINE - 5] = 0; /* deep nesting is refused, not followed */
    cr_expect_eq(questions_parse(&qs, b.s, QUESTION_MAX_LINE - 5, "x", &e), ERR_FORMAT);
    str_free(&b);
}

/* ---- the grader ---- */

static char *four[] = {"red", "blue", "green", "Blue Whale"};
static const struct {
    const char *output, *answer;
    int choices, parsed, right;
    const char *as;
} grades[] = {
    /* free answers */
    {"<think>x</think>\\boxed{42}<|end|>", "42", 0, 1, 1, "42"},
    {"\\boxed{042}", "42", 0, 1, 1, "42"},
    {"\\boxed{ +42 }", "42", 0, 1, 1, "42"},
    {"\\boxed{1} then \\boxed{2}", "2", 0, 1, 1, "2"},
    {"\\boxed{2} then \\boxed{3", "2", 0, 1, 1, "2"},
    {"\\boxed{\\frac{2}{4}}", "1/2", 0, 1, 1, "1/2"},
    {"\\boxed{0.50}", "1/2", 0, 1, 1, "1/2"},
    {"\\boxed{1,234}", "1234", 0, 1, 1, "1234"},
    {"\\boxed{1,23}", "123", 0, 1, 0, "1,23"},
    {"\\boxed{-0}", "0", 0, 1, 1, "0"},
    {"\\boxed{-7}", "7", 0, 1, 0, "-7"},
    {"\\boxed{3.}", "3", 0, 1, 1, "3"},
    {"\\boxed{x^{2}+1}", "x^{2}+1", 0, 1, 1, "x^{2}+1"},
    {"\\boxed{Paris}", "paris", 0, 1, 1, "Paris"},
    {"\\boxed{123456789012345678901}", "123456789012345678901", 0, 1, 1, "123456789012345678901"},
    {"\\boxed{1/0}", "0", 0, 1, 0, "1/0"},
    {"\\boxed{}", "0", 0, 0, 0, ""},
    {"\\boxed{", "0", 0, 0, 0, ""},
    {"", "0", 0, 0, 0, ""},
    {"42", "42", 0, 1, 1, "42"},
    {"so it goes\n#### 1,000\n", "1000", 0, 1, 1, "1000"},
    {"I think it is 42", "42", 0, 0, 0, ""},
    {"<think>\\boxed{42}", "42", 0, 0, 0, ""},
    {"<think>\\boxed{42}</think>", "42", 0, 0, 0, ""},
    {"<think>\\boxed{1}</think>\\boxed{2}<think>\\boxed{3}", "2", 0, 0, 0, ""},
    {"\\boxed{1}</think>\\boxed{2}<|end|>\\boxed{3}", "2", 0, 1, 1, "2"},
    /* choices */
    {"B", "B", 4, 1, 1, "B"},
    {"<think>Is it A) red? no.</think>B<|end|>", "B", 4, 1, 1, "B"},
    {"b", "B", 4, 1, 1, "B"},
    {" (B) ", "B", 4, 1, 1, "B"},
    {"B) blue", "B", 4, 1, 1, "B"},
    {"blue", "B", 4, 1, 1, "B"},
    {"\\boxed{b}", "B", 4, 1, 1, "B"},
    {"\\boxed{\\text{B}}", "B", 4, 1, 1, "B"},
    {"\\boxed{blue whale}", "D", 4, 1, 1, "D"},
    {"\\boxed{E}", "B", 4, 0, 0, ""},
    {"\\boxed{purple} so B) blue", "B", 4, 0, 0, ""},
    {"The answer is B.", "B", 4, 1, 1, "B"},
    {"**Answer: (C)**", "C", 4, 1, 1, "C"},
    {"Answer: A. No, the answer is D", "D", 4, 1, 1, "D"},
    {"The answer is Big", "B", 4, 0, 0, ""},
    {"Of these I take C) green", "C", 4, 1, 1, "C"},
    {"A good question", "A", 4, 0, 0, ""},
    {"D", "B", 4, 1, 0, "D"},
    {"E", "B", 4, 0, 0, ""},
};

Test(task, grader_cases) {
    for (size_t i = 0; i < sizeof grades / sizeof *grades; i++) {
        struct question q = {
            .answer = (char *)grades[i].answer, .choices = grades[i].choices ? four : NULL, .n_choices = grades[i].choices};
        struct str out = {0};
        int rc = answer_parse(grades[i].output, &q, &out);
        cr_expect_eq(rc, grades[i].parsed, "\"%s\": parsed %d", grades[i].output, rc);
        cr_expect_str_eq(out.s ? out.s : "", grades[i].as, "\"%s\": \"%s\"", grades[i].output, out.s ? out.s : "");
        cr_expect_eq(answer_grade(&q, out.s), grades[i].right, "\"%s\"", grades[i].output);
        str_free(&out);
    }
}

/* Once quadratic: every \boxed{ that never closes was searched to the end of the text. */
Test(task, many_open_boxes_take_no_time, .timeout = 10) {
    struct str b = {0}, out = {0};
    for (int i = 0; i < 200000; i++) str_puts(&b, "\\boxed{");
    struct question q = {.answer = (char *)"1"};
    cr_expect_eq(answer_parse(b.s, &q, &out), 0);
    str_free(&b), str_free(&out);
}

/* A reasoner of the house has little room; characters stand in for tokens here (a trained vocabulary makes fewer). */
Test(task, items_are_short) {
    static const int most[ALL] = {190, 215, 290, 300}; /* at the default difficulties */
    for (int f = 0; f < ALL; f++) {
        struct gym_spec s = spec(all[f], GYM_TRAIN, 8);
        size_t longest = 0;
        for (int64_t i = 0; i < 2000; i++) {
            struct gym_item it = item(&s, i);
            struct str b = {0};
            question_body(&it.q, &b);
            size_t n = b.len + strlen(it.q.trace);
            longest = n > longest ? n : longest;
            str_free(&b);
            gym_item_fini(&it);
        }
        cr_expect_leq(longest, (size_t)most[f], "%s: %zu characters", all[f], longest);
    }
}
