/* task: multihop and the world's links; and what multihop and countdown promise alike (goldens, splits, files).
 *
 * The second reader of multihop knows the world only from the text that teaches it: it reads links and facts out of the
 * pretraining snippets and follows them itself. */
#include "base/fs.h"
#include "gym_items.h"
#include "task/answer.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

TestSuite(task_more, .timeout = HANG_S);

/* Shipped models learn these by heart. */
Test(task_more, golden_items) {
    static const struct {
        const char *family, *difficulty;
        double slip_rate;
        const char *text;
    } golden[] = {
        {"multihop", "2..4", 0,
         "<|q|>Which is the home of the friend of the guard of the friend of Gimisfe?\nA) barn\nB) isle\nC) moor\nD) farm\n"
         "<|a|><think>The friend of Gimisfe is Wokalna. The guard of Wokalna is Nedna. The friend of Nedna is Lamilfe. The home "
         "of "
         "Lamilfe is barn. So A) barn.</think>A<|end|>"},
        {"multihop", "2..4", 1,
         "<|q|>Which is the home of the friend of the guard of the friend of Gimisfe?\nA) barn\nB) isle\nC) moor\nD) farm\n"
         "<|a|><think>The friend of Gimisfe is Wokalna. The guard of Wokalna is Pirga. Wait, the guard of Wokalna is Nedna. The "
         "friend of Nedna is Lamilfe. The home of Lamilfe is barn. So A) barn.</think>A<|end|>"},
        {"countdown", "3..5", 0,
         "<|q|>Make 102 from 25, 21, 17, 10.\n<|a|><think>21+10=31 left 17 25 31; 31-25=6 left 6 17; "
         "17*6=102.</think>\\boxed{17*(21+10-25)}<|end|>"},
        {"countdown", "3..5", 1,
         "<|q|>Make 102 from 25, 21, 17, 10.\n<|a|><think>21+10=31 left 17 25 31; 31-25=6 left 6 17; 17-6=11 left 11; Wait, "
         "17*6=102.</think>\\boxed{17*(21+10-25)}<|end|>"},
    };
    for (size_t i = 0; i < sizeof golden / sizeof *golden; i++) {
        struct gym_spec s = spec(golden[i].family, GYM_TRAIN, 0);
        struct str b = {0};
        s.slip_rate = golden[i].slip_rate;
        cr_assert_eq(gym_set_difficulty(&s, golden[i].difficulty, NULL), 0);
        struct gym_item it = item(&s, 0);
        cr_assert_eq(question_text(&it.q, &b), 0);
        cr_expect_str_eq(b.s, golden[i].text);
        str_free(&b);
        gym_item_fini(&it);
    }
}

Test(task_more, links_lead_to_others_and_are_the_worlds_own) {
    struct world w = {WORLD_KEY, WORLD_ENTITIES}, other = {WORLD_KEY + 1, WORLD_ENTITIES}, one = {WORLD_KEY, 1}, two = {7, 2};
    int differ = 0, met[WORLD_ENTITIES] = {0}, reached = 0;
    for (int e = 0; e < WORLD_ENTITIES; e++)
        for (int l = 0; l < WORLD_LINKS; l++) {
            int to = world_link(&w, e, l);
            cr_assert(to >= 0 && to < WORLD_ENTITIES && to != e);
            differ += to != world_link(&other, e, l);
            reached += !met[to]++;
        }
    cr_expect_gt(differ, WORLD_ENTITIES * WORLD_LINKS * 9 / 10);
    cr_expect_gt(reached, WORLD_ENTITIES * 9 / 10); /* expected: 95 of 100 */
    for (int l = 0; l < WORLD_LINKS; l++) {
        cr_expect_eq(world_link(&one, 0, l), 0);
        cr_expect(world_link(&two, 0, l) == 1 && world_link(&two, 1, l) == 0);
        for (int r = 0; r < WORLD_RELATIONS; r++) cr_expect_str_neq(world_link_name(l), world_relation(r));
    }
}

/* ---- multihop, read anew ---- */

enum { WORDS = WORLD_LINKS + WORLD_RELATIONS, ENTITIES = 1500 };
static char taught[ENTITIES][WORDS][WORLD_NAME]; /* [entity][link, then relation]: a name or a value */

static const char *word(int i) { return i < WORLD_LINKS ? world_link_name(i) : world_relation(i - WORLD_LINKS); }

static int entity_of(const char *name) {
    struct world w = {WORLD_KEY, ENTITIES};
    char z[WORLD_NAME];
    for (int e = 0; e < ENTITIES; e++) {
        world_name(&w, e, z);
        if (!strcmp(z, name)) return e;
    }
    return -1;
}

/* "The friend of Lubne is Tavro" in any of its forms. */
static int read_fact(const char *z, char who[16], char what[16], char value[16]) {
    return sscanf(z, "The %15s of %15s is %15s", what, who, value) == 3 ||
           sscanf(z, "The %15s that %15s has is %15s", what, who, value) == 3 ||
           sscanf(z, "%15s has the %15s %15s", who, what, value) == 3 ||
           sscanf(z, "%15s is the %15s of %15s", value, what, who) == 3 ||
           sscanf(z, "%15[A-Za-z]: %15s %15s", who, what, value) == 3;
}

static void learn(void) {
    struct gym_spec s = spec("multihop", GYM_TRAIN, 4);
    for (int64_t i = 0; i < 3 * ENTITIES; i++) {
        struct str b = {0};
        cr_assert_eq(gym_pretrain(&s, i, &b, NULL), 0);
        cr_expect(!strchr(b.s, '?'));
        int facts = 0;
        for (char *rest = b.s, *z; (z = strsep(&rest, ".")) && *z; facts++) {
            char who[16], what[16], value[16];
            cr_assert(read_fact(z + strspn(z, " "), who, what, value), "%s", z);
            int e = entity_of(who), k = 0;
            while (k < WORDS && strcmp(word(k), what)) k++;
            cr_assert(e == (int)(i % ENTITIES) && k < WORDS, "%s", z);
            if (i >= ENTITIES) cr_expect_str_eq(taught[e][k], value); /* a fact stays the same */
            snprintf(taught[e][k], WORLD_NAME, "%.11s", value);
        }
        cr_expect_eq(facts, WORDS);
        str_free(&b);
    }
}

/* The question's words in order: the relation (first, or last in "… has which pet"), links from the outermost in, the name. */
static const char *solve(const char *question) {
    int links[8], n = 0, relation = -1, e = -1;
    char z[256];
    snprintf(z, sizeof z, "%s", question);
    for (char *rest = z, *w; (w = strsep(&rest, " ?."));) {
        for (int k = 0; k < WORDS; k++)
            if (!strcmp(w, word(k))) k < WORLD_LINKS ? (void)(links[n++ & 7] = k) : (void)(relation = k);
        if (entity_of(w) >= 0) e = entity_of(w);
    }
    cr_assert(relation >= 0 && e >= 0 && n >= 1 && n <= 3, "%s", question);
    while (n) e = entity_of(taught[e][links[--n]]);
    return taught[e][relation];
}

Test(task_more, multihop_answers_follow_from_what_is_taught) {
    learn();
    int letters[4] = {0}, free_form = 0;
    for (int split = 0; split < GYM_SPLITS; split++) {
        struct gym_spec s = spec("multihop", (enum gym_split)split, 11);
        s.level_hi = 4;
        for (int64_t i = 0; i < 2000; i++) {
            struct gym_item it = item(&s, i);
            const char *want = solve(it.q.question), *found = it.q.answer;
            if (it.q.n_choices) {
                cr_assert(it.q.n_choices == 4 && found[0] >= 'A' && found[0] <= 'D');
                letters[found[0] - 'A']++;
                found = it.q.choices[found[0] - 'A'];
                for (int x = 0; x < 4; x++)
                    for (int y = 0; y < x; y++) cr_expect_str_neq(it.q.choices[x], it.q.choices[y]);
            }
            free_form += !it.q.n_choices;
            cr_expect_str_eq(found, want, "%s", it.q.question);
            gym_item_fini(&it);
        }
    }
    cr_expect(abs(free_form - 3000) < 160, "%d of 6000 in free form", free_form); /* 4 standard deviations of 39 */
    for (int k = 0; k < 4; k++) cr_expect(abs(4 * letters[k] - (6000 - free_form)) < 400, "letter %c: %d", 'A' + k, letters[k]);
}

/* ---- judging multihop ---- */

enum { CAP = 64 };

static int labels(const struct gym_spec *s, int64_t i, const char *trace, char out[CAP + 1]) {
    struct gym_step st[CAP];
    struct err e = ERR_INIT;
    int n = gym_steps(s, i, trace, strlen(trace), st, CAP, &e);
    cr_assert_geq(n, 0, "%s", e.msg);
    for (int k = 0; k < n; k++) {
        out[k] = st[k].right ? '1' : '0';
        cr_expect(strchr(";.", trace[st[k].end - 1]) != NULL);
    }
    out[n] = 0;
    return n;
}

Test(task_more, multihop_steps_are_judged) {
    struct gym_spec plain = spec("multihop", GYM_TRAIN, 3), slips = plain;
    char z[CAP + 1];
    plain.level_hi = slips.level_hi = 4;
    plain.slip_rate = 0, slips.slip_rate = 1;
    for (int64_t i = 0; i < 500; i++) {
        struct gym_item a = item(&plain, i), b = item(&slips, i);
        cr_expect_str_eq(a.q.question, b.q.question);
        cr_expect(a.slips == 0 && b.slips == 1);
        int n = labels(&plain, i, a.q.trace, z);
        cr_expect(n == a.level + 1 && !strchr(z, '0'), "%s: %s", a.q.trace, z);
        cr_expect_eq(labels(&slips, i, b.q.trace, z), n + 1);
        cr_expect(strchr(z, '0') && strchr(z, '0') == strrchr(z, '0') && z[n] == '1', "%s: %s", b.q.trace, z);
        char *wait = strstr(b.q.trace, "Wait, "); /* not corrected: wrong to the end */
        cr_assert_not_null(wait);
        memmove(wait, strchr(wait, '.') + 1, strlen(strchr(wait, '.') + 1) + 1);
        size_t wrong = strspn((labels(&plain, i, b.q.trace, z), z), "1");
        cr_expect(z[wrong] == '0' && !strchr(z + wrong, '1'), "%s: %s", b.q.trace, z);
        gym_item_fini(&a), gym_item_fini(&b);
    }
    cr_expect_eq(labels(&plain, 0, "", z), 0);
    cr_expect_eq(labels(&plain, 0, "Wait, Wait, .;.", z), 3);
    cr_expect_str_eq(z, "000");
}

/* ---- what both families promise ---- */

static const char *const both[] = {"multihop", "countdown"};

Test(task_more, splits_are_disjoint_for_any_seeds) {
    enum { EACH = 3000 };
    static uint64_t problem[GYM_SPLITS][EACH], text[GYM_SPLITS][EACH];
    for (int f = 0; f < 2; f++) {
        for (int k = 0; k < GYM_SPLITS; k++) {
            struct gym_spec s = spec(both[f], (enum gym_split)k, 50 + (uint64_t)k);
            for (int64_t i = 0; i < EACH; i++) {
                struct gym_item it = item(&s, i);
                problem[k][i] = it.content;
                text[k][i] = text_hash(f ? it.q.check : it.q.question); /* without dress, and without options */
                gym_item_fini(&it);
            }
            qsort(problem[k], EACH, sizeof(uint64_t), by_u64);
            qsort(text[k], EACH, sizeof(uint64_t), by_u64);
        }
        for (int a = 0; a < GYM_SPLITS; a++)
            for (int b = 0; b < a; b++) {
                cr_expect_eq(common(problem[a], EACH, problem[b], EACH), 0, "%s: problems in %d and %d", both[f], a, b);
                cr_expect_eq(common(text[a], EACH, text[b], EACH), 0, "%s: texts in %d and %d", both[f], a, b);
            }
    }
}

static int64_t count_all(struct gym_spec s) {
    int64_t all = 0, n = 0;
    for (int k = 0; k < GYM_SPLITS; k++, all += n) {
        s.split = (enum gym_split)k;
        cr_assert_eq(gym_count(&s, &n, NULL), 0);
        if (n < 0) return -1;
    }
    return all;
}

/* Options and phrasings make no new problems. */
Test(task_more, small_spaces_are_counted) {
    struct gym_spec s = spec("multihop", GYM_TRAIN, 1);
    static const int64_t problems[] = {18000, 54000, 162000}; /* entities, relations, links */
    for (int level = 2; level <= 4; level++) {
        s.level_lo = s.level_hi = level;
        cr_expect_eq(count_all(s), problems[level - 2]);
    }
    s.level_lo = s.level_hi = 2;
    s.world.entities = 1;
    cr_expect_eq(count_all(s), 12);
    s = spec("countdown", GYM_TRAIN, 1);
    s.level_hi = 3;
    int64_t n = count_all(s); /* 2925 triples of 25 numbers with repeats, at most 199 targets */
    cr_expect(n > 2925 && n < 2925 * 199, "%lld", (long long)n);
    s.level_hi = 4;
    cr_expect_eq(count_all(s), -1);
}

Test(task_more, a_world_of_one_has_questions_and_no_other_name) {
    struct gym_spec s = spec("multihop", GYM_TRAIN, 1);
    s.world.entities = 1;
    s.slip_rate = 1;
    for (int64_t i = 0; i < 50; i++) {
        char z[CAP + 1];
        struct gym_item it = item(&s, i);
        labels(&s, i, it.q.trace, z);
        cr_expect_eq(z[strlen(z) - 1], '1');
        gym_item_fini(&it);
    }
}

Test(task_more, what_is_written_reads_back) {
    char path[256];
    snprintf(path, sizeof path, "%s/candor-%ld-more.jsonl", getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp", (long)getpid());
    for (int f = 0; f < 4; f++) {
        struct gym_spec s = spec(both[f % 2], GYM_TEST, 1);
        struct err e = ERR_INIT;
        struct questions qs;
        s.at_once = f > 1;
        cr_assert_eq(gym_write(&s, 300, path, 1, &e), 0, "%s", e.msg);
        cr_assert_eq(questions_load(&qs, path, &e), 0, "%s", e.msg);
        cr_expect_eq(qs.n, 300);
        for (size_t i = 0; i < qs.n; i++) {
            struct str a = {0}, line = {0}, again = {0};
            struct questions one;
            cr_expect_eq(qs.q[i].check != NULL, f % 2);
            cr_expect(!s.at_once == !!*qs.q[i].trace);
            cr_expect_eq(answer_parse(qs.q[i].final, &qs.q[i], &a), 1);
            cr_expect_eq(answer_grade(&qs.q[i], a.s), 1, "%s", qs.q[i].final);
            cr_expect_str_eq(a.s, qs.q[i].answer);
            cr_assert_eq(question_json(&qs.q[i], 1, &line, &e), 0);
            cr_assert_eq(questions_parse(&one, line.s, line.len, "line", &e), 0, "%s", e.msg);
            cr_assert_eq(question_json(&one.q[0], 1, &again, &e), 0);
            cr_expect_str_eq(line.s, again.s);
            questions_fini(&one);
            str_free(&a), str_free(&line), str_free(&again);
        }
        questions_fini(&qs);
        unlink(path);
    }
}
