/* 64-bit non-cryptographic hash (FNV-1a over bytes, then a finaliser); for disjointness and identity of content, not for security. */
#ifndef BASE_HASH_H
#define BASE_HASH_H
#include <stddef.h>
#include <stdint.h>
#define HASH_START 0xcbf29ce484222325ull
uint64_t hash_bytes(uint64_t h, const void *p, size_t n);
uint64_t hash_text(const char *z);
uint64_t hash_mix(uint64_t x);
#endif
