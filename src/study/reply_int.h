/* What the readers of replies share. */
#ifndef STUDY_REPLY_INT_H
#define STUDY_REPLY_INT_H
#include "study/reply.h"

enum { TAG_WORDS = 3, NO_CHANNEL = CHANNELS };
struct reply_rules {
    struct folded tag[CHANNELS][TAG_WORDS], name[REPLY_MAX_NAMES]; /* tag: the language's, then the channel's name */
    struct fold_rules fold;
    int n_names;
};
/* Adds an act: white space made one, marks of emphasis and quotes around it removed; nothing if it is empty then. */
int reply_act(struct reply *out, enum channel c, int to, const char *s, size_t n, struct err *e);

/* ---- reply_tags.c ---- */
struct tag {
    enum channel channel;
    int to;
    size_t from, end; /* characters of the line: the tag with what belongs to it, and where its text begins */
};
/* The next tag of a line from character i on: 1 or 0. */
int reply_next_tag(const struct reply_rules *r, int self, const struct folded *f, size_t i, struct tag *t);
/* The agent whom a text names: the text itself, or the only name within it. -1: none, or several. */
int reply_recipient(const struct reply_rules *r, const struct folded *f, size_t from, size_t to);
/* The channel that a word names, also in brackets, and whom beside it ("WHISPER Noah"; -1: nobody). NO_CHANNEL: none. */
int reply_key(const struct reply_rules *r, const char *s, size_t n, int *to, struct err *e);

/* ---- reply_json.c ---- */
enum reply_json { REPLY_NO_JSON, REPLY_JSON, REPLY_HALF_JSON /* meant as such, and not to be read for sure */ };
/* Takes the acts of JSON in a text, and puts blanks in its place. REPLY_*, or negative. */
int reply_parse_json(struct reply *out, const struct reply_rules *r, int self, char *s, size_t n, struct err *e);
/* Whether a tag stands in a text of several lines: 1 or 0. (reply.c) */
int reply_has_tag(const struct reply_rules *r, int self, const char *s, size_t n, struct err *e);
#endif
