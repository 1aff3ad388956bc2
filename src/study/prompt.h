/* Texts with placeholders: {name} stands for a value. A text is checked when its language is read and filled when an agent is asked.
 * Thread: pure functions. */
#ifndef STUDY_PROMPT_H
#define STUDY_PROMPT_H
#include "base/err.h"
#include "base/str.h"

/* The next placeholder of text from *at on: 1 and its name in [*name, *name + *len), *at moved behind it; 0: none left;
 * -1: a brace that is not one. Everything before it is plain. */
int prompt_next(const char *text, size_t *at, const char **name, size_t *len);

/* Whether the text has each of the placeholders of `holes` ("name about") and no other. 0, or ERR_FORMAT with the sentence only. */
int prompt_check(const char *text, const char *holes, struct err *e);

struct prompt_value {
    const char *name, *value;
};
/* Appends the text with its values; values are not looked into, whatever braces they have. Errors: ARG (no such value), NOMEM. */
int prompt_fill(struct str *out, const char *text, const struct prompt_value *values, int n, struct err *e);
#endif
