/* Languages that a study does not have: kept beside it, so that a reply in one of them can be told.
 *
 * Who answers in the wrong language seldom chooses one that the study has. The languages that the program ships are therefore candidates too
 * (foreign.h), and since scoring is a function of the archive alone, a run puts their files there: the fact "languages", once, whichever
 * installation goes on with the archive later. Nothing else reads them.
 * Owner: the study. Thread: as study.h. Errors: those of language.h and of the archive; NOMEM. */
#ifndef STUDY_BESIDE_H
#define STUDY_BESIDE_H
#include "study/study.h"

struct archive;
/* Every *.yaml of a folder whose language the study does not have. Those that are there already stay. */
int beside_read_dir(struct study *s, const char *dir, struct err *e);
/* Puts them into an archive that has none. */
int beside_put(const struct study *s, struct archive *a, struct err *e);
/* Those of an archive; none if it has none. */
int beside_from_archive(struct study *s, struct archive *a, struct err *e);
void beside_free(struct study *s);
#endif
