/* What a planted agent says at a turn, before it is text: how the turn ends, and which pieces stand in which channel.
 *
 * The back end writes it out (planted.c); a simulation adds up what counting would find in it (planted_scored.c). Both come from this one
 * function, so that counts of the second are those of the first without a text being made.
 * Members of a council say what council_speak does: only how their turns end is drawn here.
 * Thread: pure function; pieces are borrowed from the vocabulary. */
#ifndef STUDY_PLANTED_REPLY_H
#define STUDY_PLANTED_REPLY_H
#include "base/rng.h"
#include "study/planted_words.h"
#include "study/runner.h"

enum { SHEET_PIECES_MAX = 1024 };
struct sheet { /* a channel of a reply: its pieces, and dots up to its room */
    const struct piece *at[SHEET_PIECES_MAX];
    int n, graphemes, room;
};
/* Whether anything is said in this channel. */
static inline int sheet_said(const struct sheet *x) { return x->room > 0 || x->n > 0; }

struct planted_reply {
    enum turn_status status; /* OK, MALFORMED or REFUSED; the rest only of OK */
    int to;                  /* of the whisper; -1: nobody */
    struct sheet sheet[CHANNELS];
    struct rng g; /* goes on with the order of the pieces */
};
void planted_reply(struct planted_reply *out, const struct planted_agent *a, const struct vocabulary *v, int turn, int ask);
#endif
