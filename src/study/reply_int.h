/* What the two readers of replies share. */
#ifndef STUDY_REPLY_INT_H
#define STUDY_REPLY_INT_H
#include "base/str.h"
#include "study/reply.h"

struct reply_rules {
    struct folded tag[CHANNELS], name[REPLY_MAX_NAMES];
    struct fold_rules fold;
    int n_names;
};
/* The agent whom a text names: the text itself, or the only name within it. -1: none, or several. */
int reply_recipient(const struct reply_rules *r, const struct folded *f, size_t from, size_t to);
/* Adds an act: white space made one, marks of emphasis and quotes around it removed; nothing if it is empty then. */
int reply_act(struct reply *out, enum channel c, int to, const char *s, size_t n, struct err *e);
/* 1: it was a JSON object with at least one channel; 0: it is none. */
int reply_parse_json(struct reply *out, const struct reply_rules *r, int self, const char *s, size_t n, struct err *e);
#endif
