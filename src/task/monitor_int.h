/* Between the files of the text monitor: what names a choice (monitor_target.c) and what says something of it (monitor_cue.c), for the
 * one who keeps the account (monitor.c). */
#ifndef TASK_MONITOR_INT_H
#define TASK_MONITOR_INT_H
#include "task/question.h"
#include "task/words.h"

struct target {
    uint32_t mask;    /* the choice, or choices, as bits */
    int first;        /* the first one named */
    size_t begin;     /* of its name */
    size_t first_end; /* where its name ends */
    size_t end;       /* where the last one's ends */
    int count;        /* how many were named */
    int letter;       /* the first is named by its letter */
    int marked;       /* a letter in brackets, "B)": it needs no more to be one */
    int either;       /* joined by "or" */
};

/* Blanks, Markdown, brackets, quotation marks, and words that say nothing ("the", "option", "probably") from `at` on. */
size_t target_fill(const struct words *t, size_t at);
/* The choices named right at `at` (what target_fill skips may come first): "B", "(B) cat", "cat", "A, C and D". 0 where none is. */
int target_read(const struct question *q, const struct words *t, size_t at, struct target *out);
/* Whether a bare letter stands for a choice by what is before it: "option B", "that B"; not "vitamin B". */
int target_alone(const struct words *t, const struct target *x);
/* The only choice that sentence [at, end) names, or -1. */
int target_only(const struct question *q, const struct words *t, size_t at, size_t end);
/* Whether a choice named up to `end` is all that is said there: the clause ends, or gives its reason. */
int target_closes(const struct words *t, size_t end);
/* What is said of `count` choices named up to `end` ("is" is said of one only): 1 that it is the answer, -1 that it is not, 0 neither; where that ends. */
int target_verdict(const struct words *t, size_t end, int count, size_t *past);

enum cue_kind {
    CUE_NONE,
    CUE_SO,     /* a conclusion, if a clause begins with it */
    CUE_LABEL,  /* "Answer:" */
    CUE_ANSWER, /* what follows is called the answer */
    CUE_IS,     /* what follows is it */
    CUE_NOT,    /* what follows is not */
    CUE_HEDGE,  /* what follows is only considered */
    CUE_TURN,   /* the hedge ends */
    CUE_SKIP,   /* says nothing, though words in it would */
};
/* The cue at byte `at`, never CUE_LABEL; where it ends, and whether only a letter behind it counts. */
enum cue_kind cue_read(const struct words *t, size_t at, size_t *past, int *letters);
#endif
