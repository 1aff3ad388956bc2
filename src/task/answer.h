/* Answers: from what a model wrote to right or wrong.
 *
 * answer_parse finds the final answer in an output and normalises it; answer_grade compares. The two are apart so that votes
 * can count parsed answers before anyone knows which is right. Pure functions on text; nothing is trusted. */
#ifndef TASK_ANSWER_H
#define TASK_ANSWER_H
#include "base/str.h"
#include "task/question.h"

/* Sets *out to the final answer: of what follows the last `</think>` (the whole output where there is no <think> at all), the
 * content of the last brace-balanced \boxed{…}; else, with choices, the letter ("answer is B", "B", "B) blue", "… (B)"); else a
 * lone number or what follows "####". Normalised: a choice is its letter, a number its lowest terms ("042" → "42", "0.50" →
 * "1/2"), so equal answers are equal strings. Returns 1 found, 0 unparseable (counts as wrong; *out empty), <0 no memory. */
/* Where q has a check, the answer is the whole box, "####" line or text, in the check's normal form, or unparseable. */
int answer_parse(const char *output, const struct question *q, struct str *out);
/* 1 right, 0 wrong; parsed is answer_parse's or any text; NULL or empty is wrong. By q's check, if it has one, else
 * by comparing with its answer. */
int answer_grade(const struct question *q, const char *parsed);
/* Appends the normal form of a free answer alone. */
int answer_normal(const char *text, size_t n, struct str *out);
#endif
