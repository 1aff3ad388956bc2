/* Counter-based random streams: Philox4x32-10 (Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC11).
 *
 * A stream is named by a 64-bit seed and a path of integers (study, cell, run, turn, agent, step …): rng_at() hashes the path
 * into the key, so resuming, forking and reordering change nothing. A struct rng is plain data and may be copied. */
#ifndef BASE_RNG_H
#define BASE_RNG_H
#include <stdint.h>

/* The bare function: ten rounds. ctr and key are read, out is written. */
void philox4x32_10(const uint32_t ctr[4], const uint32_t key[2], uint32_t out[4]);

struct rng {
    uint32_t key[2];
    uint64_t block;  /* next counter block */
    uint64_t stream; /* upper half of the counter */
    uint32_t buf[4];
    unsigned have; /* unread words in buf */
};

/* A stream at (seed, path[0..n)). Distinct paths give independent streams; so do paths of different lengths. */
struct rng rng_at(uint64_t seed, const uint64_t *path, int n);
/* rng_path(seed, 3, step) etc. */
#define RNG(seed, ...) \
    rng_at((seed), (const uint64_t[]){__VA_ARGS__}, (int)(sizeof((const uint64_t[]){__VA_ARGS__}) / sizeof(uint64_t)))

uint32_t rng_u32(struct rng *r);
uint64_t rng_u64(struct rng *r);
double rng_uniform(struct rng *r);             /* [0, 1), 53 bits */
uint64_t rng_below(struct rng *r, uint64_t n); /* unbiased, n >= 1 */
double rng_normal(struct rng *r);              /* standard normal */
void rng_shuffle(struct rng *r, void *base, int64_t n, int64_t size);
#endif
