/* Asking a language model to judge a text: the messages, and what its reply holds. Shared by monitor and inflection; no network here.
 * Texts are bytes nobody trusts: what is no UTF-8 becomes U+FFFD, since JSON can hold nothing else. Pure; any thread. */
#ifndef TASK_JUDGE_CHAT_H
#define TASK_JUDGE_CHAT_H
#include "base/err.h"
#include "base/str.h"
#include <jansson.h>

/* Appends s[n]; a character that is cut at the end is left out. */
int judge_put(struct str *out, const char *s, size_t n);
/* The same of its first `chars` characters. */
int judge_put_some(struct str *out, const char *s, size_t n, size_t chars);
/* [{role: system, content}, {role: user, content}]; `user` is freed. A failed append in it is the error. */
int judge_messages(const char *system, struct str *user, json_t **messages, struct err *e);
/* The first JSON object or list in a reply, whatever stands around it (a code fence, a sentence); NULL: none. The caller's. */
json_t *judge_json(const char *reply);
#endif
