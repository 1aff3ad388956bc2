/* Forced answers: the text that makes a model answer at once, by model family, as data.
 *
 * Whoever reads a belief out of an unfinished thought closes it, writes the beginning of an answer and looks at what would come next. Which
 * words do that differs by family: what closes a thought, and which form of answer the model was taught. Also the texts with which two methods
 * of early exit ask for a trial answer. Constants; any thread. Source of r1 and gpt-oss: "Reasoning Theater" (arXiv 2603.05488), released
 * code and appendix A; of the trials: DEER (arXiv 2504.15895) and Dynasor-CoT. */
#ifndef TASK_PREFIX_H
#define TASK_PREFIX_H
#include "base/str.h"
#include <stddef.h>

enum { PREFIX_MARKS = 3, PREFIX_CLASS = 8 };

struct answer_prefix {
    const char *name;
    const char *marks[PREFIX_MARKS]; /* it is this family where all of them are there; none: only by name */
    const char *end_think;           /* closes the thought; then the model writes an answer of its own. "": it has no closing */
    /* What goes behind an open thought, and behind one that is already closed: with choices, and without. */
    const char *letter, *letter_closed;
    const char *free, *free_closed;
    const char *class_form;            /* a choice right behind `letter`; '@' is its letter */
    const char *letter_end, *free_end; /* what ends such an answer */
};

const struct answer_prefix *answer_prefix_at(int i);              /* from 0; NULL past the last. The last one fits any model */
const struct answer_prefix *answer_prefix_find(const char *name); /* "candor", "r1", …; NULL: none */
/* The family that a chat template (NULL: none) and special tokens (specials[n], may be NULL) show; never NULL. */
const struct answer_prefix *answer_prefix_detect(const char *chat_template, const char *const *specials, size_t n);
/* What to append to a text whose thought is open (closed 0) or closed (1), for a question with choices or without. */
const char *answer_prefix_text(const struct answer_prefix *p, int choices, int closed);
/* Whether text[n] has closed the last thought it opened, by this family's closing without blanks around it. */
int answer_prefix_closed(const struct answer_prefix *p, const char *text, size_t n);
/* How choice i (0 is A) looks right behind the letter prefix. */
void answer_prefix_class(const struct answer_prefix *p, int i, char out[PREFIX_CLASS]);

/* Trial answers of early-exit methods. */
struct trial_prefix {
    const char *name;
    const char *text;          /* written behind the thought as it stands */
    const char *at[3];         /* words at which it is asked; none: every so many tokens */
    const char *const *unsure; /* words that make a trial no answer; NULL ends them; NULL: none */
    int max_tokens;            /* of a trial; 0: not stated */
    double threshold;          /* mean probability of its tokens to exit at; 0: not by probability */
    const int (*settings)[2];  /* {equal trials in a row, every so many tokens}, the first is the most careful; NULL: none */
    int n_settings;
};
const struct trial_prefix *trial_prefix_at(int i); /* from 0; NULL past the last */
const struct trial_prefix *trial_prefix_find(const char *name);
/* A trial answer text[n] holds one of the method's unsure words, as a word, in any case. */
int trial_prefix_unsure(const struct trial_prefix *p, const char *text, size_t n);
#endif
