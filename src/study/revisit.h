/* A run of an archive once more: its scene is brought from turn to turn with the replies that were given.
 * Errors: those of the archive and of scenes. Thread: one at a time. */
#ifndef STUDY_REVISIT_H
#define STUDY_REVISIT_H
#include "study/archive.h"
#include "study/scene.h"

/* Called before a reply is put: the scene stands where the agent was asked, text[n] are the bytes that it answered. */
typedef int revisit_fn(void *ctx, const struct scene *sc, int agent, const char *text, size_t n, struct err *e);
/* Ends where the archive has no more replies, or where fn returns less than 0. fn may be NULL. */
int revisit_run(struct scene *sc, struct archive *a, revisit_fn *fn, void *ctx, struct err *e);
#endif
