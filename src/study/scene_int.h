/* What the two files of a scene share. */
#ifndef STUDY_SCENE_INT_H
#define STUDY_SCENE_INT_H
#include "study/council.h"
#include "study/prompt.h"
#include "study/scene.h"
#include "study/study_int.h"

struct slot {
    struct reply said;
    char **told; /* [said.n] each act as those read it who see it: rendered once, read at every later turn by every one of them */
    int there;
};
struct scene {
    const struct study *study;
    const struct cell *cell;
    const struct language *language;
    int replicate, turn;
    struct seat seats[STUDY_MAX_AGENTS];
    const char *names[STUDY_MAX_AGENTS];
    struct council_fact fact; /* n 0: none */
    struct reply_rules *rules;
    struct slot *slots; /* [turns, agents] */
    int *order;         /* [turns, agents] */
};
struct slot *scene_slot(const struct scene *s, int turn, int agent);
const int *scene_order_at(const struct scene *s, int turn);
void slot_free(struct slot *slot);
int slot_tell(const struct scene *s, struct slot *slot, int author, struct err *e); /* makes told */
int scene_place(const struct scene *s, int turn, int agent); /* in the order of that turn */
#endif
