/* What an agent said, read from what a model wrote.
 *
 * A reply is asked for as lines that begin with a tag in brackets ([TALK] …, [WHISPER Noah] …), in the tag words of its language. Models
 * vary the form, so full-width brackets and colons, other case, markdown, bullets, quotes and code fences around are tolerated, a colon in
 * place of the brackets, several tags on one line, several lines of a channel, the English tags in every language, and JSON: an object
 * {"talk": …, "monologue": …, "whisper": {"to": …, "text": …}} with tags or channels as keys, acts {"channel": …, "to": …, "text": …}, lists
 * of these, one of them under a key, in a fence, with words around it.
 * What could not be read is counted, never guessed: a text without any tag says nothing, and a whisper to nobody in the room (or to
 * several) is kept without a recipient, so that nobody hears it. What could be read in two ways is not read: JSON that is cut off or holds
 * an unknown channel, JSON beside tags, tags within JSON.
 *
 * Replies are untrusted bytes: what is no UTF-8 is replaced by U+FFFD and counted, so is NUL; size and number of acts have limits, and what
 * is beyond them is counted. Text of an act is one line: white space is one space, so that no act can look like another's.
 * Owner: reply_free, reply_rules_free. Thread: rules are immutable. */
#ifndef STUDY_REPLY_H
#define STUDY_REPLY_H
#include "base/str.h"
#include "study/language.h"

enum { REPLY_MAX_BYTES = 64 << 10, REPLY_MAX_THOUGHTS = 1 << 20, REPLY_MAX_ACTS = 64, REPLY_MAX_NAMES = 64 };

struct act {
    enum channel channel;
    int to;     /* agent; -1: to nobody in particular, or to nobody who is there */
    char *text; /* one line, UTF-8, not empty */
};
struct reply {
    struct act *acts;
    int n;
    int malformed; /* something was written, and none of it could be read */
    int json;      /* it was read as JSON */
    /* counts of what was tolerated or lost */
    int replaced;   /* characters put in place of bytes that are no UTF-8 */
    int stray;      /* lines before the first tag, or around JSON; members of it that are no channel */
    int unknown_to; /* whispers whose recipient is not one person of the room */
    int cut;        /* bytes or acts beyond the limits */
    int closed;     /* acts in channels that the study does not have: the reply is malformed */
};
struct reply_rules;
/* names[n]: the agents as they are called in this language, agent i at i. */
int reply_rules_new(struct reply_rules **out, const struct language *l, const char *const *names, int n, struct err *e);
void reply_rules_free(struct reply_rules *r);
/* self: who speaks; whoever whispers to himself has no recipient. Errors: NOMEM only. */
int reply_parse(struct reply *out, const struct reply_rules *r, int self, const char *s, size_t n, struct err *e);
void reply_free(struct reply *r);

/* Cuts what a model wrote to itself before its reply (<think>…</think>, <thinking>…</thinking>, also where the prompt opened it and only the
 * end is there) out of the n bytes and the NUL at s, in place, and adds it to `thoughts`. What never ends is thinking to the end of the
 * text; a reply that never began is then the opening mark alone, which cannot be read. Twice is once. */
int reply_cut_thoughts(char *s, size_t *n, struct str *thoughts, struct err *e);

/* Valid UTF-8 without NUL of any bytes, at most `limit` of them; what was replaced is counted. free() *out. */
int text_clean(char **out, size_t *out_n, const char *s, size_t n, size_t limit, int *replaced, int *cut, struct err *e);
#endif
