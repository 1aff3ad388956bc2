/* 64-bit non-cryptographic hash (FNV-1a over bytes, then a finaliser); for disjointness and identity of content, not for
 * security. hash_bytes continues a state that began with HASH_START, so content may arrive in pieces; hash_mix finishes it.
 * Pure functions; the values are written to files and never change. */
#ifndef BASE_HASH_H
#define BASE_HASH_H
#include <stddef.h>
#include <stdint.h>
#define HASH_START 0xcbf29ce484222325ull
uint64_t hash_bytes(uint64_t h, const void *p, size_t n); /* the state after n more bytes */
void hash_two(uint64_t h[2], const void *p, size_t n);    /* hash_bytes of each state, in the time of one */
uint64_t hash_text(const char *z);                        /* hash_mix(hash_bytes(HASH_START, z, strlen(z))) */
uint64_t hash_mix(uint64_t x);                            /* bijective; every input bit reaches every output bit */
#endif
