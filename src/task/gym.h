/* The gym: questions without end, with answers that can be checked.
 *
 * A family (recall-first, chain, countdown, …) is a space of problems and the words for them. A spec says where to draw:
 * family, split, seed, world, difficulty. Item i of a spec is a pure function of (spec, i): no state, any order, any thread.
 * Which split a problem belongs to is a hash of the problem itself (the seed only draws), so splits are disjoint for any two
 * seeds; recall also keeps whole phrasings apart. With a question comes a worked trace and the final text, for training.
 * An item owns its strings: gym_item_fini. Failure: struct err; out-parameters are written only on success. */
#ifndef TASK_GYM_H
#define TASK_GYM_H
#include "base/err.h"
#include "base/str.h"
#include "task/question.h"
#include "task/world.h"

enum gym_split { GYM_TRAIN, GYM_VAL, GYM_TEST, GYM_SPLITS };

struct family; /* gym_int.h */
struct gym_spec {
    const struct family *family;
    enum gym_split split;
    uint64_t seed; /* draws questions, nothing else */
    struct world world;
    int level_lo, level_hi; /* difficulty, each level equally often */
    double slip_rate;       /* share of traces with one slip, noticed and corrected (not recall); default 0.1 */
    int at_once;            /* no thinking: empty trace */
    int lettered;           /* recall: options are taken up letter first, "Is it A) cat?" (see family_recall.c) */
};
struct gym_item {
    struct question q; /* with trace and final */
    uint64_t content;  /* hash of the problem; equal problems are equal here */
    int level, slips;  /* difficulty drawn; slips in the trace */
};

/* Defaults of a family by name or alias; the error lists the names. */
int gym_spec_init(struct gym_spec *s, const char *family, struct err *e);
int gym_set_split(struct gym_spec *s, const char *name, struct err *e);      /* "train", "val", "test" */
int gym_set_difficulty(struct gym_spec *s, const char *text, struct err *e); /* "3", "2..5" or "2-5" */
/* Ranges of all fields; gym_make and gym_write call it. */
int gym_check(const struct gym_spec *s, struct err *e);
const char *gym_family_name(int i);  /* i from 0; NULL past the last */
const char *gym_family_about(int i); /* one line, with what difficulty means */
const char *gym_split_name(enum gym_split split);

int gym_make(const struct gym_spec *s, int64_t index, struct gym_item *out, struct err *e);
void gym_item_fini(struct gym_item *it);

/* A step of a thought ends with ';' or '.'. */
struct gym_step {
    size_t end; /* bytes of the trace up to and with the step's delimiter */
    int right;  /* everything up to here is right */
};
/* Judges the thought trace[n] (any bytes) that answers item `index`, step by step; what follows the last delimiter is no step yet.
 * "Wait, " before a step takes the step before it back: what was wrong stays judged wrong, what corrects it may be right.
 * Returns the number of steps, at most cap; 0 also where the family has none to judge (recall). */
int gym_steps(const struct gym_spec *s, int64_t index, const char *trace, size_t n, struct gym_step *out, int cap, struct err *e);
/* The same for a question that came from a file. It is judged by its check, or else by its worked trace (slips in it and what takes them
 * back are left out). 0 steps where there is neither, or where the family of its kind has none to judge. */
int question_steps(const struct question *q, const char *trace, size_t n, struct gym_step *out, int cap, struct err *e);
/* Raw text to pretrain on, one snippet: the world's facts in varied words (index walks through the entities, so each is met
 * equally often), single steps of arithmetic. The text of no question. Appends. */
int gym_pretrain(const struct gym_spec *s, int64_t index, struct str *out, struct err *e);

/* Four options as a question lists them (values of a relation; of chain: numbers), then each named with its letter, eight times in all: to
 * learn to find a letter in a list. Appends. */
int gym_lookup(const struct gym_spec *s, int64_t index, struct str *out, struct err *e);

/* How many problems this split and difficulty hold: exact below some millions, else -1 (far more than anyone asks for). */
int gym_count(const struct gym_spec *s, int64_t *out, struct err *e);
/* Items 0, 1, 2 … without those whose problem came before, until there are n, as JSON lines ("-" is stdout). If the family
 * has fewer problems than n: ERR_LIMIT, saying how many there are, and no file. */
int gym_write(const struct gym_spec *s, int64_t n, const char *path, int traces, struct err *e);
#endif
