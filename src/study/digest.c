/* SHA-256 by libnettle. */
#include "study/digest.h"
#include <string.h>

void digest_begin(struct digest *d) { sha256_init(&d->state); }
void digest_add(struct digest *d, const void *p, size_t n) {
    if (n) sha256_update(&d->state, n, p);
}
void digest_end(struct digest *d, unsigned char out[DIGEST_BYTES]) { sha256_digest(&d->state, DIGEST_BYTES, out); }

void digest_bytes(const void *p, size_t n, unsigned char out[DIGEST_BYTES]) {
    struct digest d;
    digest_begin(&d);
    digest_add(&d, p, n);
    digest_end(&d, out);
}

void digest_hex(const unsigned char digest[DIGEST_BYTES], char hex[DIGEST_HEX]) {
    static const char digits[] = "0123456789abcdef";
    for (int i = 0; i < DIGEST_BYTES; i++) {
        hex[2 * i] = digits[digest[i] >> 4];
        hex[2 * i + 1] = digits[digest[i] & 15];
    }
    hex[2 * DIGEST_BYTES] = 0;
}

void digest_text(const void *p, size_t n, char hex[DIGEST_HEX]) {
    unsigned char sum[DIGEST_BYTES];
    digest_bytes(p, n, sum);
    digest_hex(sum, hex);
}

static int nibble(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

int digest_parse(const char *hex, unsigned char out[DIGEST_BYTES], struct err *e) {
    unsigned char sum[DIGEST_BYTES];
    size_t n = strnlen(hex, DIGEST_HEX);
    for (size_t i = 0; i < n; i++)
        if (nibble(hex[i]) < 0) n = 0;
    if (n != 2 * DIGEST_BYTES) return fail(e, ERR_ARG, "expected a hash of 64 hexadecimal digits, found \"%.70s\"", hex);
    for (int i = 0; i < DIGEST_BYTES; i++) sum[i] = (unsigned char)(nibble(hex[2 * i]) << 4 | nibble(hex[2 * i + 1]));
    memcpy(out, sum, sizeof sum);
    return 0;
}
