/* What the choices of a question look like to a model: rows of its token embedding, so that a probe can ask which of the choices a state is
 * about, whatever they are (a letter says nothing about that).
 *
 * Of a choice: the mean over its tokens, the first and the last, blanks left out; CHOICE_PARTS · n_embd numbers. Pure function of model,
 * tokenizer and text. Errors: ERR_NOMEM, and what the tokenizer says. */
#ifndef PROBE_CHOICES_H
#define PROBE_CHOICES_H
#include "model/model.h"
#include "task/question.h"
#include "text/tokenizer.h"

enum { CHOICE_PARTS = 3 };
int64_t choice_width(const struct model *m);
/* out[q->n_choices, choice_width] */
int choice_features(const struct model *m, const struct tokenizer *t, const struct question *q, f16 *out, struct err *e);
#endif
