/* FNV-1a and a finaliser. FNV alone mixes its last bytes poorly into the high bits, so whoever picks a bucket or compares few
 * bits finishes with hash_mix (the 64-bit finaliser of MurmurHash3, variant 13 of Stafford, as in SplitMix64). */
#include "base/hash.h"
#include <string.h>

uint64_t hash_bytes(uint64_t h, const void *p, size_t n) {
    const unsigned char *s = p;
    for (size_t i = 0; i < n; i++) h = (h ^ s[i]) * 0x100000001b3ull;
    return h;
}

void hash_two(uint64_t h[2], const void *p, size_t n) {
    const unsigned char *s = p;
    uint64_t a = h[0], b = h[1];
    for (size_t i = 0; i < n; i++) {
        a = (a ^ s[i]) * 0x100000001b3ull;
        b = (b ^ s[i]) * 0x100000001b3ull;
    }
    h[0] = a, h[1] = b;
}

uint64_t hash_text(const char *z) { return hash_mix(hash_bytes(HASH_START, z, strlen(z))); }

uint64_t hash_mix(uint64_t x) {
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ull;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebull;
    return x ^ (x >> 31);
}
