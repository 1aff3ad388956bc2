/* Replies in the wrong language: agent-turns that say something in another of the study's languages than the run's.
 *
 * An act of at least FOREIGN_GRAPHEMES graphemes counts if its language can be told (detect.h) and is not the run's. Candidates are the
 * languages of the study alone, as the archive holds them, so that scoring stays a function of the archive: a language that the study
 * does not have is taken for its nearest relative, and a study of one language has no wrong ones.
 * Thread: an opened one is immutable. */
#ifndef STUDY_FOREIGN_H
#define STUDY_FOREIGN_H
#include "study/study.h"

enum { FOREIGN_GRAPHEMES = 40 };
struct json_t;
struct foreign;
/* The study is borrowed. foreign_close takes NULL. */
int foreign_open(struct foreign **out, const struct study *s, struct err *e);
void foreign_close(struct foreign *f);
/* *out: whether an act of this fact of an agent-turn is in another language than the study's `language`-th. */
int foreign_turn(const struct foreign *f, int language, const struct json_t *fact, int *out, struct err *e);
#endif
