/* UTF-8 and normal forms.
 *
 * utf8_scan is the one place that decides what a valid character is (Unicode 15, table 3-7: no overlong forms, no surrogates,
 * nothing above U+10FFFF); everything else in this room asks it. Normal forms come from ICU and pass invalid bytes through. */
#ifndef TEXT_UNICODE_H
#define TEXT_UNICODE_H
#include "base/err.h"
#include "base/str.h"
#include <stddef.h>
#include <stdint.h>

enum utf8 { UTF8_INVALID = -1, UTF8_PARTIAL = 0, UTF8_CHAR = 1 };
/* Looks at s[0..n), n >= 1. CHAR: *len bytes form one character. PARTIAL: all n bytes are the beginning of one.
 * INVALID: the first *len bytes can never be part of a character (maximal subpart, what one U+FFFD replaces). */
enum utf8 utf8_scan(const char *s, size_t n, size_t *len);
/* Length of the longest valid prefix of s[0..n). */
size_t utf8_valid(const char *s, size_t n);
/* Length of the character at s, or 1 if there is none that is valid and whole. */
size_t utf8_len(const char *s, size_t n);
/* Code point of a valid character. */
uint32_t utf8_code(const char *s, size_t len);
/* Writes at most 4 bytes, returns how many. */
size_t utf8_put(char *out, uint32_t code);

enum normal_form { NORMAL_NFC, NORMAL_NFD, NORMAL_NFKC, NORMAL_NFKD };
/* Appends the normal form of s to out. */
int text_normalize(struct str *out, const char *s, size_t n, enum normal_form form, struct err *e);
#endif
