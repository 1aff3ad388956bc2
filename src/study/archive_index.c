/* What an archive knows in memory: keys, ids, and where the payloads lie. A million facts are some 70 MB; payloads stay in the files.
 *
 * Three tables, each an array with a hash table of indices beside it. Keys are hashed with a salt drawn when the archive is opened, so
 * that a file made by a stranger cannot make every key collide; ids are hashes already. */
#include "base/hash.h"
#include "study/archive_int.h"
#include <stdlib.h>
#include <string.h>

int array_room(void *array, size_t *cap, size_t need, size_t size, struct err *e) {
    void **p = array;
    if (need <= *cap) return 0;
    if (need > UINT32_MAX - 1) return fail(e, ERR_LIMIT, "an archive holds at most %u of a kind", UINT32_MAX - 1);
    size_t more = *cap < 64 ? 64 : *cap + *cap / 2;
    if (more < need) more = need;
    void *grown = realloc(*p, more * size);
    if (!grown) return fail(e, ERR_NOMEM, "no memory for the index of the archive (%zu entries)", more);
    *p = grown;
    *cap = more;
    return 0;
}

/* ---- slots ---- */

typedef uint64_t hash_fn(const void *table, size_t i);

static void slots_put(struct slots *s, uint64_t hash, size_t i) {
    size_t at = hash & (s->n - 1);
    while (s->at[at]) at = (at + 1) & (s->n - 1);
    s->at[at] = (uint32_t)i + 1;
}

/* Room for `count` entries, of which those below `have` are there. */
static int slots_room(struct slots *s, size_t count, size_t have, hash_fn *hash, const void *table, struct err *e) {
    if (count + count / 2 <= s->n) return 0;
    size_t n = s->n ? s->n * 2 : 256;
    while (n < count + count / 2) n *= 2;
    struct slots fresh = {.at = calloc(n, sizeof *fresh.at), .n = n};
    if (!fresh.at) return fail(e, ERR_NOMEM, "no memory for the index of the archive (%zu slots)", n);
    for (size_t i = 0; i < have; i++) slots_put(&fresh, hash(table, i), i);
    free(s->at);
    *s = fresh;
    return 0;
}

/* ---- keys ---- */

const char *keyed_key(const struct keyed *k, size_t i) { return k->keys + k->at[i].key; }

static uint64_t hash_key(const struct keyed *k, const char *key, size_t n) {
    return hash_mix(hash_bytes(HASH_START ^ k->salt, key, n));
}
static uint64_t keyed_hash(const void *table, size_t i) {
    const struct keyed *k = table;
    return hash_key(k, keyed_key(k, i), strlen(keyed_key(k, i)));
}

int64_t keyed_find(const struct keyed *k, const char *key, size_t n) {
    if (k->slots.n == 0) return -1;
    for (size_t at = hash_key(k, key, n) & (k->slots.n - 1); k->slots.at[at]; at = (at + 1) & (k->slots.n - 1)) {
        size_t i = k->slots.at[at] - 1;
        const char *have = keyed_key(k, i);
        if (!strncmp(have, key, n) && have[n] == 0) return (int64_t)i;
    }
    return -1;
}

int keyed_room(struct keyed *k, size_t n, int unique, struct err *e) {
    TRY(array_room(&k->at, &k->cap, k->n + 1, sizeof *k->at, e));
    if (k->keys_len + n + 1 > k->keys_cap) {
        size_t more = k->keys_cap * 2 + n + 4096;
        char *grown = realloc(k->keys, more);
        if (!grown) return fail(e, ERR_NOMEM, "no memory for the keys of the archive (%zu bytes)", more);
        k->keys = grown;
        k->keys_cap = more;
    }
    return unique ? slots_room(&k->slots, k->n + 1, k->n, keyed_hash, k, e) : 0;
}

int keyed_add(struct keyed *k, const char *key, size_t n, struct place json, int unique, struct err *e) {
    TRY(keyed_room(k, n, unique, e));
    memcpy(k->keys + k->keys_len, key, n);
    k->keys[k->keys_len + n] = 0;
    k->at[k->n] = (struct keyed_entry){.key = k->keys_len, .json = json, .n_refs = REFS_UNKNOWN};
    k->keys_len += n + 1;
    if (unique) slots_put(&k->slots, hash_key(k, key, n), k->n);
    k->n++;
    return 0;
}

static int by_key(const void *x, const void *y, void *table) {
    const struct keyed *k = table;
    uint32_t a = *(const uint32_t *)x, b = *(const uint32_t *)y;
    int order = strcmp(keyed_key(k, a), keyed_key(k, b));
    return order ? order : (a > b) - (a < b); /* equal keys: as they came */
}

int keyed_sort(struct keyed *k, struct err *e) {
    if (k->order && k->n_order == k->n) return 0;
    uint32_t *order = realloc(k->order, (k->n + 1) * sizeof *order);
    if (!order) return fail(e, ERR_NOMEM, "no memory to order %zu keys", k->n);
    k->order = order;
    int sorted = 1;
    for (size_t i = 0; i < k->n; i++) order[i] = (uint32_t)i;
    for (size_t i = 1; i < k->n && sorted; i++) sorted = strcmp(keyed_key(k, i - 1), keyed_key(k, i)) <= 0;
    if (!sorted) qsort_r(order, k->n, sizeof *order, by_key, k);
    k->n_order = k->n;
    return 0;
}

void keyed_free(struct keyed *k) {
    free(k->at);
    free(k->keys);
    free(k->slots.at);
    free(k->order);
    free(k->refs);
    *k = (struct keyed){.salt = k->salt};
}

/* ---- ids ---- */

static uint64_t hash_id(const struct archive_id *id) { return get_le(id->b, 8); }
static uint64_t text_hash(const void *table, size_t i) { return hash_id(&((const struct text_table *)table)->at[i].id); }
static uint64_t context_hash(const void *table, size_t i) { return hash_id(&((const struct context_table *)table)->at[i].id); }

/* Entries of both tables begin with their id. */
static int64_t find_id(const struct slots *s, const void *entries, size_t size, const struct archive_id *id) {
    if (s->n == 0) return -1;
    for (size_t at = hash_id(id) & (s->n - 1); s->at[at]; at = (at + 1) & (s->n - 1)) {
        size_t i = s->at[at] - 1;
        if (!memcmp((const char *)entries + i * size, id, sizeof *id)) return (int64_t)i;
    }
    return -1;
}

int64_t texts_find(const struct text_table *t, const struct archive_id *id) {
    return find_id(&t->slots, t->at, sizeof *t->at, id);
}

int texts_room(struct text_table *t, struct err *e) {
    TRY(array_room(&t->at, &t->cap, t->n + 1, sizeof *t->at, e));
    return slots_room(&t->slots, t->n + 1, t->n, text_hash, t, e);
}

int texts_add(struct text_table *t, const struct archive_id *id, struct place bytes, struct err *e) {
    TRY(texts_room(t, e));
    t->at[t->n] = (struct text_entry){.id = *id, .bytes = bytes};
    slots_put(&t->slots, hash_id(id), t->n++);
    return 0;
}

void texts_free(struct text_table *t) {
    free(t->at);
    free(t->slots.at);
    *t = (struct text_table){0};
}

int64_t contexts_find(const struct context_table *t, const struct archive_id *id) {
    return find_id(&t->slots, t->at, sizeof *t->at, id);
}

int contexts_room(struct context_table *t, size_t parts, struct err *e) {
    TRY(array_room(&t->at, &t->cap, t->n + 1, sizeof *t->at, e));
    TRY(array_room(&t->parts, &t->parts_cap, t->n_parts + parts, sizeof *t->parts, e));
    return slots_room(&t->slots, t->n + 1, t->n, context_hash, t, e);
}

int contexts_add(struct context_table *t, const struct archive_id *id, uint32_t parent, const struct context_part *parts,
                 size_t n, struct err *e) {
    TRY(contexts_room(t, n, e));
    memcpy(t->parts + t->n_parts, parts, n * sizeof *parts);
    t->at[t->n] = (struct context_entry){.id = *id, .parent = parent, .n = (uint32_t)n, .first = t->n_parts};
    t->n_parts += n;
    slots_put(&t->slots, hash_id(id), t->n++);
    return 0;
}

void contexts_free(struct context_table *t) {
    free(t->at);
    free(t->parts);
    free(t->slots.at);
    *t = (struct context_table){0};
}
