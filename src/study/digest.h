/* SHA-256 (FIPS 180-4) by libnettle, in one call or in pieces. Nothing can fail. A struct digest belongs to one thread. */
#ifndef STUDY_DIGEST_H
#define STUDY_DIGEST_H
#include "base/err.h"
#include <nettle/sha2.h>
#include <stddef.h>

enum { DIGEST_BYTES = 32, DIGEST_HEX = 2 * DIGEST_BYTES + 1 };
struct digest {
    struct sha256_ctx state;
};
void digest_begin(struct digest *d);
void digest_add(struct digest *d, const void *p, size_t n);
void digest_end(struct digest *d, unsigned char out[DIGEST_BYTES]);

void digest_bytes(const void *p, size_t n, unsigned char out[DIGEST_BYTES]);
void digest_hex(const unsigned char digest[DIGEST_BYTES], char hex[DIGEST_HEX]); /* lower case */
void digest_text(const void *p, size_t n, char hex[DIGEST_HEX]);                 /* both in one */
/* 0, or ERR_ARG unless hex is 64 digits (either case) and then its end. */
int digest_parse(const char *hex, unsigned char out[DIGEST_BYTES], struct err *e);
#endif
