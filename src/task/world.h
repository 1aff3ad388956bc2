/* The invented world of recall and multihop: entities with made-up names, each with one value for each of four relations and
 * with three links to other entities.
 *
 * Nothing is stored: names, facts and links are functions of (key, entity, relation), so a world costs nothing to open and the
 * same key is the same world everywhere. A shipped model has learnt one world by heart; another key is a world it never saw. */
#ifndef TASK_WORLD_H
#define TASK_WORLD_H
#include <stdint.h>

enum {
    WORLD_RELATIONS = 4,
    WORLD_LINKS = 3,
    WORLD_VALUES = 12,
    WORLD_ENTITIES = 300,
    WORLD_MAX_ENTITIES = 5200,
    WORLD_NAME = 12
};
#define WORLD_KEY 2026ull /* the world of the shipped models */

struct world {
    uint64_t key;
    int entities;
};

void world_name(const struct world *w, int entity, char out[WORLD_NAME]); /* "Tavro"; distinct within a world */
const char *world_relation(int relation);                                 /* "color" */
const char *world_value(int relation, int value);                         /* "blue"; no word occurs twice */
int world_fact(const struct world *w, int entity, int relation);          /* the value, 0 … WORLD_VALUES-1 */
const char *world_link_name(int link);                                    /* "friend" */
/* Another of the world's entities, never itself but in a world of one, where there is no other. Depends on w->entities too. */
int world_link(const struct world *w, int entity, int link);
#endif
