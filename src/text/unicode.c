/* UTF-8 scanning and ICU normal forms.
 *
 * The scanner keeps the lowest and highest allowed second byte per lead byte: that single table excludes overlong forms,
 * surrogates and what lies above U+10FFFF. ICU works on UTF-16, so text is converted there and back; pure ASCII, which is
 * its own normal form in all four, never takes that road. */
#include "text/unicode.h"
#include <stdlib.h>
#include <string.h>
#include <unicode/unorm2.h>
#include <unicode/ustring.h>

struct lead {
    int len;
    unsigned char lo, hi;
};

static struct lead lead_of(unsigned char c) {
    if (c < 0x80) return (struct lead){1, 0, 0};
    if (c < 0xC2) return (struct lead){0, 0, 0};
    if (c < 0xE0) return (struct lead){2, 0x80, 0xBF};
    if (c < 0xF0) return (struct lead){3, c == 0xE0 ? 0xA0 : 0x80, c == 0xED ? 0x9F : 0xBF};
    if (c < 0xF5) return (struct lead){4, c == 0xF0 ? 0x90 : 0x80, c == 0xF4 ? 0x8F : 0xBF};
    return (struct lead){0, 0, 0};
}

enum utf8 utf8_scan(const char *s, size_t n, size_t *len) {
    struct lead l = lead_of((unsigned char)s[0]);
    *len = 1;
    if (l.len == 0) return UTF8_INVALID;
    for (size_t i = 1; i < (size_t)l.len; i++) {
        if (i == n) {
            *len = n;
            return UTF8_PARTIAL;
        }
        unsigned char c = (unsigned char)s[i];
        unsigned char lo = i == 1 ? l.lo : 0x80, hi = i == 1 ? l.hi : 0xBF;
        if (c < lo || c > hi) {
            *len = i;
            return UTF8_INVALID;
        }
    }
    *len = (size_t)l.len;
    return UTF8_CHAR;
}

size_t utf8_valid(const char *s, size_t n) {
    size_t i = 0, len;
    while (i < n && utf8_scan(s + i, n - i, &len) == UTF8_CHAR) i += len;
    return i;
}

size_t utf8_len(const char *s, size_t n) {
    size_t len;
    return utf8_scan(s, n, &len) == UTF8_CHAR ? len : 1;
}

uint32_t utf8_code(const char *s, size_t len) {
    static const unsigned char mask[5] = {0, 0x7F, 0x1F, 0x0F, 0x07};
    uint32_t c = (unsigned char)s[0] & mask[len];
    for (size_t i = 1; i < len; i++) c = c << 6 | ((unsigned char)s[i] & 0x3F);
    return c;
}

size_t utf8_put(char *out, uint32_t c) {
    if (c < 0x80) {
        out[0] = (char)c;
        return 1;
    }
    if (c < 0x800) {
        out[0] = (char)(0xC0 | c >> 6);
        out[1] = (char)(0x80 | (c & 0x3F));
        return 2;
    }
    if (c < 0x10000) {
        out[0] = (char)(0xE0 | c >> 12);
        out[1] = (char)(0x80 | (c >> 6 & 0x3F));
        out[2] = (char)(0x80 | (c & 0x3F));
        return 3;
    }
    out[0] = (char)(0xF0 | c >> 18);
    out[1] = (char)(0x80 | (c >> 12 & 0x3F));
    out[2] = (char)(0x80 | (c >> 6 & 0x3F));
    out[3] = (char)(0x80 | (c & 0x3F));
    return 4;
}

static const UNormalizer2 *normalizer(enum normal_form form, UErrorCode *ec) {
    switch (form) {
    case NORMAL_NFC: return unorm2_getNFCInstance(ec);
    case NORMAL_NFD: return unorm2_getNFDInstance(ec);
    case NORMAL_NFKC: return unorm2_getNFKCInstance(ec);
    default: return unorm2_getNFKDInstance(ec);
    }
}

static int icu_fail(struct err *e, UErrorCode ec) {
    return fail(e, ec == U_MEMORY_ALLOCATION_ERROR ? ERR_NOMEM : ERR_INTERNAL, "Unicode normalisation failed: %s",
                u_errorName(ec));
}

/* u16[0..m) is the text in UTF-16; appends its normal form as UTF-8 */
static int append_normal(struct str *out, const UNormalizer2 *nz, const UChar *u16, int32_t m, struct err *e) {
    UErrorCode ec = U_ZERO_ERROR;
    int32_t need = unorm2_normalize(nz, u16, m, NULL, 0, &ec);
    if (ec != U_BUFFER_OVERFLOW_ERROR && U_FAILURE(ec)) return icu_fail(e, ec);
    UChar *v = malloc(((size_t)need + 1) * sizeof *v);
    char *b = malloc((size_t)need * 3 + 1);
    int rc = v && b ? 0 : fail(e, ERR_NOMEM, "out of memory for a normal form of %d units", need);
    int32_t got = 0;
    if (rc == 0) {
        ec = U_ZERO_ERROR;
        int32_t n = unorm2_normalize(nz, u16, m, v, need + 1, &ec);
        u_strToUTF8(b, (int32_t)((size_t)need * 3 + 1), &got, v, n, &ec);
        if (U_FAILURE(ec)) rc = icu_fail(e, ec);
    }
    if (rc == 0 && str_add(out, b, (size_t)got) < 0) rc = fail(e, ERR_NOMEM, "out of memory for normalised text");
    free(v);
    free(b);
    return rc;
}

static int normalize_valid(struct str *out, const char *s, size_t n, enum normal_form form, struct err *e) {
    UErrorCode ec = U_ZERO_ERROR;
    const UNormalizer2 *nz = normalizer(form, &ec);
    if (U_FAILURE(ec)) return icu_fail(e, ec);
    if (n > INT32_MAX / 64) return fail(e, ERR_LIMIT, "a text of %zu bytes is too long to normalise", n);
    UChar *u16 = malloc((n + 1) * sizeof *u16);
    if (!u16) return fail(e, ERR_NOMEM, "out of memory for %zu bytes of text", n);
    int32_t m = 0;
    u_strFromUTF8(u16, (int32_t)(n + 1), &m, s, (int32_t)n, &ec);
    int rc = U_FAILURE(ec) ? icu_fail(e, ec) : append_normal(out, nz, u16, m, e);
    free(u16);
    return rc;
}

static int is_ascii(const char *s, size_t n) {
    unsigned char any = 0;
    for (size_t i = 0; i < n; i++) any |= (unsigned char)s[i];
    return any < 0x80;
}

int text_normalize(struct str *out, const char *s, size_t n, enum normal_form form, struct err *e) {
    if (is_ascii(s, n)) return str_add(out, s, n) < 0 ? fail(e, ERR_NOMEM, "out of memory for %zu bytes of text", n) : 0;
    for (size_t i = 0; i < n;) {
        size_t v = utf8_valid(s + i, n - i);
        if (v) TRY(normalize_valid(out, s + i, v, form, e));
        i += v;
        size_t bad = i;
        while (i < n && utf8_valid(s + i, n - i < 4 ? n - i : 4) == 0) i++;
        if (i > bad && str_add(out, s + bad, i - bad) < 0) return fail(e, ERR_NOMEM, "out of memory for text");
    }
    return 0;
}
