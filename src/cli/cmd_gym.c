/* candor gym: questions of a built-in family. */
#include "cli/open.h"
#include "task/gym.h"
#include <stdio.h>

static const struct opt opts[] = {
    {"split", 0, "NAME", "train", "train, val or test; disjoint for any seed"},
    {"n", 'n', "N", "100", "questions"},
    {"difficulty", 0, "D", "of the shipped models", "a level or a range (3, 2..5); what it means is said below"},
    {"at-once", 0, NULL, NULL, "ask for an answer without thinking"},
    {"world", 0, "KEY", NULL, "key of the invented world of recall and multihop (default: the one the shipped models know)"},
    {"traces", 0, NULL, NULL, "with worked traces, for training"},
    {"list", 0, NULL, NULL, "list the families and stop"},
    {"output", 'o', "Q.jsonl", "-", "where to write (- for stdout)"},
    {0},
};

static void list_families(void) {
    for (int i = 0; gym_family_name(i); i++) printf("%-14s %s\n", gym_family_name(i), gym_family_about(i));
}

static int set_spec(struct gym_spec *s, struct args *a, struct err *e) {
    int64_t seed = 0, world = (int64_t)s->world.key;
    TRY(arg_i64(a, "seed", 0, INT64_MAX, &seed, e));
    TRY(arg_i64(a, "world", 0, INT64_MAX, &world, e));
    s->seed = (uint64_t)seed, s->world.key = (uint64_t)world;
    s->at_once = arg_has(a, "at-once") > 0;
    TRY(gym_set_split(s, arg_str(a, "split"), e));
    return arg_has(a, "difficulty") ? gym_set_difficulty(s, arg_str(a, "difficulty"), e) : 0;
}

static int run(struct args *a, struct err *e) {
    struct gym_spec s;
    int64_t n = 0;
    if (arg_has(a, "list")) {
        list_families();
        return 0;
    }
    if (!a->n_pos) return usage_error(a, e, "expected: candor gym FAMILY (candor gym --list names them)");
    TRY(arg_i64(a, "n", 1, QUESTION_MAX_COUNT, &n, e));
    int rc = gym_spec_init(&s, a->pos[0], e);
    if (!rc) rc = set_spec(&s, a, e);
    if (!rc) rc = gym_check(&s, e);
    if (rc == ERR_ARG || rc == ERR_RANGE) a->wrong = 1;
    return rc ? rc : gym_write(&s, n, arg_str(a, "output"), arg_has(a, "traces") > 0, e);
}

const struct command command_gym = {
    "gym",
    "questions of a built-in family with answers that can be checked",
    "FAMILY [--split train|val|test] [-n N] [--difficulty D] [--at-once] [--seed N] [--world KEY] [--traces] [-o Q.jsonl]",
    opts,
    0,
    1,
    run,
    "One JSON object a line: id, question, choices (where there are), answer, kind, level. --seed draws questions only;\n"
    "splits are disjoint for any seed. `candor gym --list` names the families and says what difficulty means in each."};
