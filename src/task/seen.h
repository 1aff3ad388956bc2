/* A set of 64-bit hashes: has this been here before? Zeroed is empty; grows; seen_fini frees. */
#ifndef TASK_SEEN_H
#define TASK_SEEN_H
#include <stddef.h>
#include <stdint.h>
struct seen {
    uint64_t *slot;
    size_t cap, n;
};
int seen_add(struct seen *s, uint64_t h); /* 1 new, 0 known, ERR_NOMEM */
void seen_fini(struct seen *s);
#endif
