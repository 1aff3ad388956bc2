/* A run of an archive once more: its scene is brought from turn to turn with the replies that were given.
 * Errors: those of the archive and of scenes. Thread: one at a time. */
#ifndef STUDY_REVISIT_H
#define STUDY_REVISIT_H
#include "study/archive.h"
#include "study/scene.h"

/* What is done at each agent-turn, with its fact; either may be NULL. */
struct revisit {
    /* The scene stands where the agent was asked. */
    int (*asked)(void *ctx, const struct scene *sc, int agent, const struct json_t *fact, struct err *e);
    /* It has its reply of that turn. */
    int (*said)(void *ctx, const struct scene *sc, int turn, int agent, const struct json_t *fact, struct err *e);
    void *ctx;
};
/* Ends where the archive has no more replies, or where one of them returns less than 0. */
int revisit_run(struct scene *sc, struct archive *a, const struct revisit *v, struct err *e);
#endif
