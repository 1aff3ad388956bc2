/* Philox4x32-10 and what is drawn from it.
 *
 * A stream is (key, upper counter half): 128 bits hashed from the seed and the path, so that two of even 2^40 streams meet with
 * a chance below 2^-48; the lower counter half numbers the blocks of four words. The path's hash is part of every recorded
 * result: changing a constant here changes all experiments.
 * rng_normal wastes the second Box-Muller value: a cached one would make the draws depend on what was drawn before. */
#include "base/rng.h"
#include "base/hash.h"
#include <math.h>
#include <stddef.h>

static void philox_round(uint32_t c[4], uint32_t k0, uint32_t k1) {
    uint64_t p0 = (uint64_t)0xD2511F53u * c[0], p1 = (uint64_t)0xCD9E8D57u * c[2];
    uint32_t next[4] = {(uint32_t)(p1 >> 32) ^ c[1] ^ k0, (uint32_t)p1, (uint32_t)(p0 >> 32) ^ c[3] ^ k1, (uint32_t)p0};
    for (int i = 0; i < 4; i++) c[i] = next[i];
}

void philox4x32_10(const uint32_t ctr[4], const uint32_t key[2], uint32_t out[4]) {
    uint32_t c[4] = {ctr[0], ctr[1], ctr[2], ctr[3]}, k0 = key[0], k1 = key[1];
    for (int r = 0; r < 10; r++, k0 += 0x9E3779B9u, k1 += 0xBB67AE85u) philox_round(c, k0, k1);
    for (int i = 0; i < 4; i++) out[i] = c[i];
}

struct rng rng_at(uint64_t seed, const uint64_t *path, int n) {
    uint64_t a = hash_mix(seed + 0x9e3779b97f4a7c15ull), b = hash_mix(seed ^ 0xd1b54a32d192ed03ull);
    for (int i = 0; i < n; i++) {
        a = hash_mix(a + hash_mix(path[i] + 0x9e3779b97f4a7c15ull));
        b = hash_mix((b ^ hash_mix(path[i] ^ 0x8cb92ba72f3d8dd7ull)) * 0xda942042e4dd58b5ull + 1);
    }
    a = hash_mix(a + (uint64_t)n); /* (1) and (1, 0) differ already; this settles the empty path too */
    b = hash_mix(b ^ ((uint64_t)n << 32));
    return (struct rng){.key = {(uint32_t)a, (uint32_t)(a >> 32)}, .stream = b};
}

uint32_t rng_u32(struct rng *r) {
    if (!r->have) {
        uint32_t ctr[4] = {(uint32_t)r->block, (uint32_t)(r->block >> 32), (uint32_t)r->stream, (uint32_t)(r->stream >> 32)};
        philox4x32_10(ctr, r->key, r->buf);
        r->block++;
        r->have = 4;
    }
    return r->buf[4 - r->have--];
}

uint64_t rng_u64(struct rng *r) {
    uint64_t lo = rng_u32(r);
    return lo | (uint64_t)rng_u32(r) << 32;
}

double rng_uniform(struct rng *r) { return (double)(rng_u64(r) >> 11) * 0x1p-53; }

/* Lemire's multiply-and-reject: the high half of x*n is uniform once the few short low halves are drawn again. */
uint64_t rng_below(struct rng *r, uint64_t n) {
    if (n < 2) return 0;
    uint64_t reject = (0 - n) % n;
    for (;;) {
        unsigned __int128 m = (unsigned __int128)rng_u64(r) * n;
        if ((uint64_t)m >= reject) return (uint64_t)(m >> 64);
    }
}

double rng_normal(struct rng *r) {
    double u = 1.0 - rng_uniform(r), v = rng_uniform(r); /* u in (0, 1]: its logarithm is finite */
    return sqrt(-2.0 * log(u)) * cos(6.283185307179586 * v);
}

static void bytes_swap(char *a, char *b, int64_t size) {
    for (int64_t i = 0; i < size; i++) {
        char t = a[i];
        a[i] = b[i];
        b[i] = t;
    }
}

void rng_shuffle(struct rng *r, void *base, int64_t n, int64_t size) {
    char *p = base;
    for (int64_t i = n - 1; i > 0; i--) {
        int64_t j = (int64_t)rng_below(r, (uint64_t)i + 1);
        if (j != i) bytes_swap(p + i * size, p + j * size, size);
    }
}
