/* What went wrong, and whether asking again may help. A server's own words are quoted, but cut, printable, and without the key, which
 * some servers repeat. */
#include "remote/remote_int.h"
#include "text/unicode.h"
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

/* ---- texts from outside, made fit to print ---- */

/* One character into out; 0 when it does not fit. */
static int put_char(char *out, size_t size, size_t *k, const char *s, size_t n) {
    if (*k + n + 1 > size) return 0;
    memcpy(out + *k, s, n);
    *k += n;
    return 1;
}

static int is_control(const char *s, size_t n) {
    uint32_t c = n ? utf8_code(s, n) : 0;
    return n && (c < 0x20 || (c >= 0x7F && c < 0xA0) || c == 0x2028 || c == 0x2029 || (c >= 0x202A && c <= 0x202E) ||
                 (c >= 0x2066 && c <= 0x2069));
}

void remote__printable(char *out, size_t size, const char *s, size_t n, int tags) {
    size_t k = 0, len;
    int inside = 0, fits = 1;
    for (size_t i = 0; fits && i < n; i += len) {
        int valid = utf8_scan(s + i, n - i, &len) == UTF8_CHAR;
        if (!valid || !len) len = 1;
        int blank = s[i] == ' ' || (valid && is_control(s + i, len));
        if (tags && s[i] == '<') inside = 1;
        if (inside) {
            inside = s[i] != '>';
            blank = 1;
        }
        if (!blank)
            fits = valid ? put_char(out, size, &k, s + i, len) : put_char(out, size, &k, "?", 1);
        else if (k && out[k - 1] != ' ')
            fits = put_char(out, size, &k, " ", 1);
    }
    while (k && out[k - 1] == ' ') k--;
    out[k] = 0;
}

void remote__hide(char *s, size_t n, const char *key, int part) {
    enum { TELLING = 8 };
    size_t k = key ? strlen(key) : 0, run = part ? TELLING : k;
    if (k < TELLING) return;
    for (size_t i = 0; i + run <= n;) {
        if (!memmem(key, k, s + i, run)) {
            i++;
            continue;
        }
        size_t len = run; /* the longest run from here; what is starred is not part of a key any more, so first look, then star */
        while (i + len < n && len < k && memmem(key, k, s + i, len + 1)) len++;
        memset(s + i, '*', len);
        i += len;
    }
}

/* ---- an error's body ---- */

/* {"error": {"message", "code", "type"}}, {"error": "…"}, {"message": "…"}, {"detail": "…"} */
static const json_t *words_in(const json_t *o, const json_t **code) {
    const json_t *err = json_object_get(o, "error"), *m = json_object_get(err, "message");
    *code = json_object_get(err, "code");
    if (!json_is_string(*code)) *code = json_object_get(err, "type");
    if (!m && json_is_string(err)) m = err;
    if (!m) m = json_object_get(o, "message");
    if (!m) m = json_object_get(o, "detail");
    return json_is_string(m) ? m : NULL;
}

void remote__error_words(const char *body, size_t n, char *msg, size_t size, char *code, size_t code_size) {
    const json_t *machine = NULL;
    json_t *o = remote__json(body, n, NULL);
    const json_t *m = words_in(o, &machine);
    msg[0] = code[0] = 0;
    if (m)
        remote__printable(msg, size, json_string_value(m), json_string_length(m), 0);
    else
        remote__printable(msg, size, body, n < 4096 ? n : 4096, !o);
    if (json_is_string(machine)) remote__printable(code, code_size, json_string_value(machine), json_string_length(machine), 0);
    json_decref(o);
}

/* ---- again? ---- */

enum remote__verdict remote__status_verdict(int status, const char *code) {
    /* An empty purse is told like a full house, but waiting does not help. */
    if (status == 429 && !strcmp(code, "insufficient_quota")) return REMOTE_CLOSED;
    if (status == 408 || status == 409 || status == 425 || status == 429 || (status >= 500 && status <= 599)) return REMOTE_AGAIN;
    if (status == 401 || status == 402 || status == 404 || (status >= 300 && status <= 399)) return REMOTE_CLOSED;
    return REMOTE_FAILED;
}

/* Digits, perhaps with a fraction; -1 otherwise. (strtod would take "inf", "0x1p9" and the locale's comma.) */
static double plain_number(const char *z) {
    double v = 0, unit = 1;
    int digits = 0;
    while (isspace((unsigned char)*z)) z++;
    for (; isdigit((unsigned char)*z) && digits < 12; z++, digits++) v = v * 10 + (*z - '0');
    if (*z == '.' && digits)
        for (z++; isdigit((unsigned char)*z); z++) v += (*z - '0') * (unit /= 10);
    while (isspace((unsigned char)*z)) z++;
    return digits && !*z ? v : -1;
}

double remote__retry_after(const char *after, const char *after_ms, const char *date, int64_t now) {
    double v = after_ms && *after_ms ? plain_number(after_ms) : -1;
    if (v >= 0) return v / 1000;
    if (!after || !*after) return -1;
    v = plain_number(after);
    if (v >= 0) return v;
    time_t then = curl_getdate(after, NULL), there = date && *date ? curl_getdate(date, NULL) : -1;
    if (then == -1) return -1;
    v = (double)then - (double)(there == -1 ? now : there); /* by the server's clock, if it tells it */
    return v > 0 ? v : 0;
}
