/* Names and facts. A name is a path through three syllable tables; which paths a world uses is an affine permutation keyed by
 * the world, so names are distinct by construction. Values are short common words, so that a tokenizer trained on the gym's own
 * text makes each one token and a forced answer or a probe has one place to look. */
#include "task/world.h"
#include "base/hash.h"
#include <assert.h>
#include <stdio.h>

static const char *const first[20] = {"Tav", "Mor", "Kel", "Vin", "Rus", "Sol", "Ned", "Lam", "Pir", "Dun",
                                      "Fal", "Gim", "Hob", "Jas", "Lub", "Bez", "Zan", "Wok", "Cor", "Yel"};
static const char *const middle[12] = {"a", "e", "i", "o", "u", "al", "en", "or", "is", "um", "an", "il"};
static const char *const last[20] = {"ro", "ma", "ti", "ku", "na", "so", "vi", "de", "lo", "pa",
                                     "ra", "mi", "to", "bu", "ne", "ga", "ko", "da", "su", "fe"};
enum { SHORT_NAMES = 20 * 20, LONG_NAMES = 20 * 12 * 20 };
_Static_assert(SHORT_NAMES + LONG_NAMES == WORLD_MAX_ENTITIES, "every name is an entity's");

static const char *const relations[WORLD_RELATIONS] = {"color", "pet", "food", "home"};
static const char *const links[WORLD_LINKS] = {"friend", "boss", "guard"};
static const char *const values[WORLD_RELATIONS][WORLD_VALUES] = {
    {"red", "blue", "green", "gold", "gray", "pink", "white", "black", "brown", "teal", "tan", "lime"},
    {"cat", "dog", "fox", "owl", "hen", "pig", "cow", "goat", "duck", "bear", "wolf", "frog"},
    {"rice", "soup", "corn", "bread", "cake", "fish", "plum", "pear", "bean", "egg", "ham", "nut"},
    {"hill", "lake", "cave", "farm", "port", "town", "moor", "wood", "isle", "cliff", "barn", "mill"},
};

/* i → a·i + c mod m with a prime to 30, hence to both table sizes (2, 3 and 5 are their only primes): a bijection. */
static uint64_t permute(uint64_t key, uint64_t i, uint64_t m) {
    static const uint64_t units[8] = {1, 7, 11, 13, 17, 19, 23, 29};
    uint64_t h = hash_mix(key ^ hash_mix(m));
    uint64_t a = 30 * ((h >> 8) % m) + units[h & 7], c = (h >> 32) % m;
    return (a * i + c) % m;
}

void world_name(const struct world *w, int entity, char out[WORLD_NAME]) {
    assert(entity >= 0 && entity < WORLD_MAX_ENTITIES);
    if (entity < SHORT_NAMES) {
        unsigned p = (unsigned)permute(w->key, (uint64_t)entity, SHORT_NAMES);
        snprintf(out, WORLD_NAME, "%s%s", first[p % 20], last[p / 20]);
    } else {
        unsigned p = (unsigned)permute(w->key, (uint64_t)(entity - SHORT_NAMES), LONG_NAMES);
        snprintf(out, WORLD_NAME, "%s%s%s", first[p % 20], middle[p / 20 % 12], last[p / 240]);
    }
}

const char *world_relation(int relation) { return relations[relation]; }
const char *world_value(int relation, int value) { return values[relation][value]; }

const char *world_link_name(int link) { return links[link]; }

/* Facts have the relations 0 … WORLD_RELATIONS-1, links those behind. */
static uint64_t relate(const struct world *w, int entity, int relation) {
    uint64_t at[3] = {w->key, (uint64_t)entity, (uint64_t)relation};
    return hash_mix(hash_bytes(HASH_START, at, sizeof at));
}

int world_fact(const struct world *w, int entity, int relation) { return (int)(relate(w, entity, relation) % WORLD_VALUES); }

int world_link(const struct world *w, int entity, int link) {
    assert(entity >= 0 && entity < w->entities);
    if (w->entities == 1) return entity;
    uint64_t step = 1 + relate(w, entity, WORLD_RELATIONS + link) % (uint64_t)(w->entities - 1);
    return (int)(((uint64_t)entity + step) % (uint64_t)w->entities);
}
