/* A pair of escapes is 12 characters, the one that YAML knows 10: columns behind it are put right again. */
#include "study/yaml_json.h"
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PAIR = 12, ONE = 10 };

/* The four digits of \uXXXX at i; -1: no such escape stands there. */
static long escape_at(const char *s, size_t i, size_t n) {
    char digits[5] = "", *end;
    if (i + 6 > n || s[i] != '\\' || s[i + 1] != 'u') return -1;
    memcpy(digits, s + i + 2, 4);
    long v = strtol(digits, &end, 16);
    return end == digits + 4 ? v : -1;
}

static long pair_at(const char *s, size_t i, size_t n) {
    long high = escape_at(s, i, n), low = high >= 0xd800 && high < 0xdc00 ? escape_at(s, i + 6, n) : -1;
    return low >= 0xdc00 && low < 0xe000 ? 0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00) : -1;
}

static int is_json(const char *s, size_t n) {
    size_t i = 0;
    while (i < n && strchr(" \t\r\n", s[i]) && s[i]) i++;
    json_t *j = i < n && s[i] == '{' ? json_loadb(s, n, 0, NULL) : NULL;
    json_decref(j);
    return j != NULL;
}

/* In JSON a backslash stands in texts only, and takes the next character with it. */
static void rewrite(struct json_yaml *j, const char *s, size_t n) {
    size_t character = 0;
    for (size_t i = 0; i < n;) {
        long code = s[i] == '\\' ? pair_at(s, i, n) : -1;
        if (code >= 0) {
            j->pair[j->n_pairs++] = character;
            snprintf(j->text + j->n, ONE + 1, "\\U%08lX", (unsigned long)code);
            j->n += ONE, i += PAIR, character += ONE;
            continue;
        }
        for (size_t k = s[i] == '\\' && i + 1 < n ? 2 : 1; k; k--, i++) {
            j->text[j->n++] = s[i];
            character += ((unsigned char)s[i] & 0xc0) != 0x80;
        }
    }
}

int json_as_yaml(struct json_yaml *out, const char *s, size_t n, struct err *e) {
    *out = (struct json_yaml){0};
    if (!is_json(s, n)) return 0;
    out->text = malloc(n + 1), out->pair = malloc((n / PAIR + 1) * sizeof *out->pair);
    if (!out->text || !out->pair) return json_yaml_free(out), fail(e, ERR_NOMEM, "out of memory");
    rewrite(out, s, n);
    return 0;
}

void json_yaml_free(struct json_yaml *j) {
    free(j->text), free(j->pair);
    *j = (struct json_yaml){0};
}

static size_t pairs_before(const struct json_yaml *j, size_t character) {
    size_t lo = 0, hi = j->n_pairs;
    while (lo < hi) {
        size_t mid = (lo + hi) / 2;
        if (j->pair[mid] < character)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

size_t json_yaml_column(const struct json_yaml *j, size_t character, size_t column) {
    return column + (PAIR - ONE) * (pairs_before(j, character) - pairs_before(j, character - column));
}
