/* Replies in the wrong language: agent-turns that say something in another language than the run's.
 *
 * An act counts if it is long enough and either most of its letters are not of the run's writing system, or its language can be told
 * (detect.h) and is another. Long enough is FOREIGN_GRAPHEMES graphemes; FOREIGN_DENSE where a grapheme is a syllable or a word (Han,
 * kana, Hangul, Thai). Candidates are the languages of the study and those that the archive keeps beside it (beside.h), so that
 * scoring stays a function of the archive: any other language in the same writing system is taken for its nearest relative.
 * Thread: an opened one is immutable. */
#ifndef STUDY_FOREIGN_H
#define STUDY_FOREIGN_H
#include "study/study.h"

enum { FOREIGN_GRAPHEMES = 40, FOREIGN_DENSE = 15 };
struct json_t;
struct foreign;
/* The study is borrowed. foreign_close takes NULL. */
int foreign_open(struct foreign **out, const struct study *s, struct err *e);
void foreign_close(struct foreign *f);
/* Whether a text is in another language than the study's `language`-th. */
int foreign_text(const struct foreign *f, int language, const char *s, size_t n, int *out, struct err *e);
/* *out: whether an act of this fact of an agent-turn is. */
int foreign_turn(const struct foreign *f, int language, const struct json_t *fact, int *out, struct err *e);
#endif
