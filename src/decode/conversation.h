/* A conversation as a row of tokens, the way it is asked later: every reply stands behind exactly the ids that the same conversation up to
 * there, rendered with the opening of the assistant's turn, is encoded to. That is checked for every reply of every document; a template that
 * shows earlier turns otherwise than they were is refused, since a model would be trained on what it is never asked.
 * Thread: no shared state. */
#ifndef DECODE_CONVERSATION_H
#define DECODE_CONVERSATION_H
#include "decode/corpus.h"
#include "text/chat_template.h"

/* Sets out->ids, out->other where replies tell their chances, and with `answers` also out->marks: 1 for the tokens of what the assistant says
 * and the one that ends it, else 0. messages: a list as docfile_messages gives it. */
int conversation_doc(struct doc *out, const struct tokenizer *t, const struct chat_template *chat, json_t *messages, int answers,
                     struct err *e);
/* Appends the rendered text. */
int conversation_text(struct str *out, const struct chat_template *chat, json_t *messages, struct err *e);
#endif
