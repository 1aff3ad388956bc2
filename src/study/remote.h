/* Answers of a model elsewhere: each call is a chat request of remote/chat.h, many under way at once.
 *
 * What came is an answer, whatever it says: refusals, filters, empty and unreadable replies are data and never asked for again. What did
 * not come after the client's attempts is an answer with rc < 0. What was not even sent (the budget is spent, the key refused, the host
 * failed too often) ends the back end: the replies that are there are handed out first, then poll fails with the reason.
 * A seed is sent where the API has one; whether it is obeyed is the provider's secret. Model, fingerprint and provider are facts, as
 * told; the host is not.
 * Thread: one. */
#ifndef STUDY_REMOTE_H
#define STUDY_REMOTE_H
#include "study/backend.h"

struct remote_opts {
    struct chat_endpoint ep; /* ep.model: which model is asked; texts are borrowed */
    struct chat_opts chat;   /* in_flight 0: REMOTE_CALLS */
    int no_seed;             /* the provider refuses requests with a seed */
};
enum { REMOTE_CALLS = 100, REMOTE_CALLS_FIRST = 20 };
/* Errors: those of chat_open. */
int remote_open(struct backend **out, const struct remote_opts *o, struct err *e);
struct chat_account remote_account(const struct backend *b); /* of one made by remote_open */
#endif
