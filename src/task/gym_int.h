/* What a family is, for the files of the gym only. A family joins by a file family_<name>.c and a row in gym.c's table. */
#ifndef TASK_GYM_INT_H
#define TASK_GYM_INT_H
#include "base/rng.h"
#include "task/gym.h"

enum { GYM_CHOICES = 4, PROBLEM_MAX = 40 };

/* A problem as numbers. v[0..core) is what it asks, in canonical order: it decides the split, and two problems with the same
 * core are the same problem. v[core..n) is only its dress (a phrasing, which operand stands first). */
struct problem {
    int64_t v[PROBLEM_MAX];
    int core, n;
};

/* A family writes its space once, as a sequence of picks; the picker either draws each at random or reads it off as a digit of
 * a running number, so the same lines draw and enumerate. How many picks there are, and from how many, may depend only on
 * (spec, level, sub), never on an earlier pick. `size` multiplies up to the size of the space. */
struct picker {
    struct rng *rng;
    uint64_t rest;
    double size;
};
int64_t pick(struct picker *p, uint64_t n); /* 0 … n-1 */
/* For picks of dress: drawn like any other, but when problems are enumerated each has its first dress only. */
static inline struct picker dress(const struct picker *p) { return (struct picker){.rng = p->rng, .size = 1}; }

struct gym_words { /* a problem put into words; strings are appended to, choices are constants or point into option */
    struct str question, answer, trace, final, check; /* check: empty where one answer is right */
    const char *choices[GYM_CHOICES];
    char option[GYM_CHOICES][24]; /* room for choices that are made, not constant */
    int n_choices, slips;
};

void words_fini(struct gym_words *w); /* gym.c */

struct family {
    const char *name, *alias; /* alias may be NULL */
    const char *space;        /* families with the same space share problems, hence splits */
    const char *about;
    int level_min, level_max, level_lo, level_hi; /* allowed, and default */
    int entities;                                 /* of its world; 0: WORLD_ENTITIES */
    int subs;                                     /* kinds of problem within a level, drawn equally often */
    void (*draw)(const struct gym_spec *s, int level, int sub, struct picker *p, struct problem *out);
    void (*tell)(const struct gym_spec *s, const struct problem *p, struct rng *r, struct gym_words *out);
    void (*pretrain)(const struct gym_spec *s, int64_t index, struct rng *r, struct str *out);
    /* gym_steps of one problem; NULL: the steps prove nothing, so they are not judged. */
    int (*judge)(const struct gym_spec *s, const struct problem *p, const char *trace, size_t n, struct gym_step *out, int cap);
};

/* judge.c. A step from byte `at` on: sets *from to its first byte (past blanks) and *wait ("Wait, " before it, not counted in);
 * returns its end, past the delimiter, or 0 where no delimiter comes. */
size_t judge_step(const char *trace, size_t n, size_t at, size_t *from, int *wait);
/* For families whose thought has one right course: right are the worked steps (told without slips), in order. */
int judge_worked(const struct gym_spec *s, const struct problem *p, const char *trace, size_t n, struct gym_step *out, int cap);
/* The same where the worked thought is given, perhaps with slips. */
int judge_by_trace(const char *worked, const char *trace, size_t n, struct gym_step *out, int cap);
/* family_countdown.c: by the numbers of a check. */
int judge_by_check(const char *check, const char *trace, size_t n, struct gym_step *out, int cap);

struct rng gym_stream(const struct gym_spec *s, int64_t index, uint64_t which); /* gym.c says which */

extern const struct family family_recall_first, family_recall_plain, family_chain, family_arith, family_multihop,
    family_countdown;

static inline void problem_add(struct problem *p, int64_t v) { p->v[p->n++] = v; }
#endif
