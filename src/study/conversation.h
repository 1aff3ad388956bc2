/* A context as the messages of a chat: parts of the same role that follow each other are one message, a line each. As JSON values, or as
 * JSON text that is written on from one turn to the next: what an agent is shown only grows at its end, so that a call costs what is new.
 * Thread: one at a time. */
#ifndef STUDY_CONVERSATION_H
#define STUDY_CONVERSATION_H
#include "study/scene.h"

/* A JSON array of {"role", "content"}; the caller's reference, NULL: out of memory. */
struct json_t;
struct json_t *context_messages(const struct context *c);

/* {0}: nothing is written yet. */
struct conversation {
    struct str system; /* the content of the system message, a JSON string; empty: there is none */
    struct str rest;   /* the other messages, JSON objects with commas between */
    struct conversation_mark {
        int parts;   /* of the context */
        size_t text; /* bytes of theirs */
        size_t rest; /* bytes of rest that show them */
    } all, closed;   /* what is kept for the next time; closed: without the last message, which may get more lines */
};
void conversation_free(struct conversation *t);
/* Writes a context, behind what is kept of the one before. grows: the next one begins with this one; 0: what is kept stays as it was. A context
 * that is not the growth of what is kept is written anew, as far as its lengths tell. */
int conversation_write(struct conversation *t, const struct context *c, int grows, struct err *e);
#endif
