/* Forced answers: what the model says if its thought ends here, read without touching the trace.
 *
 * A fork of the trace's session is rewound to the asked place, the end of thought and the answer prefix are appended, and the logits of the next
 * token are read: exactly, over the whole vocabulary (Boppana et al. 2026 read the top 20 of a fresh request). With choices the
 * forced answer is their distribution; without, a short greedy trial answer (≤ FORCE_TRIAL tokens; DEER, arXiv 2504.15895). The fork is
 * dropped: ids, pages and random stream of the trace are what they would have been. Owner thread of the engine. */
#ifndef PROBE_FORCE_H
#define PROBE_FORCE_H
#include "probe/trace.h"
#include "run/engine.h"
#include "text/tokenizer.h"

enum { FORCE_TRIAL = 20, FORCE_SPELLINGS = 8 };
/* How a family of models marks a thought and begins an answer (task holds them as data). */
struct think_words {
    const char *open, *close; /* marks in the text; open may stand in the prompt */
    const char *letter;       /* what is appended to a thought to be told a letter: end of thought and answer prefix */
    const char *free;         /* the same where there are no choices */
};
struct forcer {
    struct engine *g;
    const struct tokenizer *tok;
    struct think_words words;
    struct toks letter, free;
    int32_t choice[QUESTION_MAX_CHOICES][FORCE_SPELLINGS]; /* tokens that spell a letter, blanks aside */
    int n_choice[QUESTION_MAX_CHOICES];
    int32_t *ends;
    int n_ends;
    float *logits; /* [forks, V] */
    int forks;     /* at once */
};
int force_open(struct forcer *f, struct engine *g, const struct tokenizer *words_of, const struct think_words *w, int forks,
               struct err *e);
void force_close(struct forcer *f);
/* The tokens appended for this question. */
const struct toks *force_words(const struct forcer *f, const struct question *q);
/* out[n]: forced answers after the first len[i] positions of s. len rising or not, each ≤ session_len(s). out is written afresh. */
int force_at(struct forcer *f, const struct session *s, const int64_t *len, int n, const struct question *q, struct forced *out,
             struct err *e);
/* The token that spells choice k, without blanks if there is such a one; -1: there is none. */
int32_t force_letter(const struct forcer *f, int k);
/* Whether text that begins so turns: "Wait" or "Alternatively", where DEER looks. Of a step its first token is given, live and in replays. */
int force_cue(const char *s, size_t n);
/* The likeliest choice, -1 without choices. */
int forced_choice(const struct forced *x, int n_choices);
#endif
