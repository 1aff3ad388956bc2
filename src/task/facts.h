/* Facts of the world in words, for the families that ask for one (recall, multihop): phrasings of a question and of a fact, and
 * options out of a relation's values.
 *
 * Each split has phrasings of its own; the held-out ones use only words that the training phrasings use too. */
#ifndef TASK_FACTS_H
#define TASK_FACTS_H
#include "task/gym_int.h"

uint64_t facts_phrasings(enum gym_split split); /* how many there are */
/* Appends the question for `relation` ("pet") of `of` ("Lubne", "the friend of Lubne"). */
void facts_ask(struct str *out, enum gym_split split, int64_t phrasing, const char *relation, const char *of);
/* Appends a fact in one of several forms; form 0 is "The pet of Lubne is cat." */
enum { FACT_FORMS = 5 };
void facts_say(struct str *out, uint64_t form, const char *relation, const char *of, const char *value);
/* Picks GYM_CHOICES different values in order, among them the right one, each place equally often; adds them to the problem. */
void facts_draw_options(struct picker *p, int right, struct problem *out);
/* The options as choices, the letter of the right one as answer and final; returns its place. */
int facts_choices(struct gym_words *w, int relation, const int64_t *options, int right);
#endif
