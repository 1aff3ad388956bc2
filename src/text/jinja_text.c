/* Strings by code points: white space, case (ICU), stripping, replacing, padding. */
#include "text/jinja_int.h"
#include <unicode/ucasemap.h>
#include <unicode/uchar.h>

static const struct jv error = {.t = JV_ERROR};

int jinja__is_space(uint32_t c) {
    return (c >= 9 && c <= 13) || (c >= 0x1C && c <= 0x20) || c == 0x85 || c == 0xA0 || c == 0x1680 ||
           (c >= 0x2000 && c <= 0x200A) || c == 0x2028 || c == 0x2029 || c == 0x202F || c == 0x205F || c == 0x3000;
}

static int is_char(const char *s, size_t n, size_t *len) { return utf8_scan(s, n, len) == UTF8_CHAR; }

size_t jinja__space(const char *s, size_t n) {
    size_t i = 0, len;
    while (i < n && is_char(s + i, n - i, &len) && jinja__is_space(utf8_code(s + i, len))) i += len;
    return i;
}

/* Bytes of the character that ends at s[n). */
static size_t last_len(const char *s, size_t n) {
    size_t len = 1;
    while (len < n && len < 4 && ((unsigned char)s[n - len] & 0xC0) == 0x80) len++;
    return len;
}

size_t jinja__space_end(const char *s, size_t n) {
    size_t end = n;
    while (end > 0) {
        size_t len = last_len(s, end), seen;
        if (!is_char(s + end - len, len, &seen) || seen != len || !jinja__is_space(utf8_code(s + end - len, len))) break;
        end -= len;
    }
    return n - end;
}

int64_t jinja__chars(const char *s, size_t n) {
    int64_t k = 0;
    for (size_t i = 0; i < n; i++) k += ((unsigned char)s[i] & 0xC0) != 0x80;
    return k;
}

size_t jinja__offset(const char *s, size_t n, int64_t chars) {
    size_t i = 0;
    for (; i < n && chars > 0; chars--) i += utf8_len(s + i, n - i);
    return i;
}

/* ---- case ---- */

typedef int32_t (*case_fn)(const UCaseMap *, char *, int32_t, const char *, int32_t, UErrorCode *);

static struct jv mapped(struct jrun *r, struct jv s, case_fn fn) {
    UErrorCode ec = U_ZERO_ERROR;
    size_t cap = 3 * s.n + 8;
    if (s.n > JINJA_MAX_OUTPUT) return jinja__err(r, ERR_LIMIT, "a string is too long for a change of case");
    char *p = jinja__alloc(r, cap);
    UCaseMap *m = p ? ucasemap_open("", 0, &ec) : NULL;
    if (!p) return error;
    int32_t n = U_SUCCESS(ec) ? fn(m, p, (int32_t)cap, s.u.s, (int32_t)s.n, &ec) : 0;
    if (m) ucasemap_close(m);
    if (U_FAILURE(ec)) return jinja__err(r, ERR_NOMEM, "a string could not change case: %s", u_errorName(ec));
    return jv_lit(p, (size_t)n);
}

struct jv jinja__case(struct jrun *r, struct jv s, enum jcase how) {
    if (s.t != JV_STR || !s.n) return s.t == JV_STR ? jv_lit(s.u.s, 0) : s;
    if (how == CASE_FOLD) return mapped(r, s, ucasemap_utf8FoldCase);
    if (how != CASE_TITLE_FIRST) return mapped(r, s, how == CASE_UPPER ? ucasemap_utf8ToUpper : ucasemap_utf8ToLower);
    char buf[4];
    uint32_t c = utf8_code(s.u.s, utf8_len(s.u.s, s.n)), t = (uint32_t)u_totitle((UChar32)c);
    struct jv up = t == c && u_isULowercase((UChar32)c) ? mapped(r, s, ucasemap_utf8ToUpper) : jv_str(r, buf, utf8_put(buf, t));
    size_t first = r->rc ? 0 : utf8_len(up.u.s, up.n); /* one that becomes several: only the first of them is a capital */
    return first >= up.n
               ? up
               : jv_binary(r, '+', jv_lit(up.u.s, first), jinja__case(r, jv_lit(up.u.s + first, up.n - first), CASE_LOWER));
}

struct jv jinja__capitalize(struct jrun *r, struct jv s) {
    if (!s.n) return s;
    size_t len = utf8_len(s.u.s, s.n);
    struct jbuf b = {0};
    jinja__add_str(r, &b, jinja__case(r, jv_lit(s.u.s, len), CASE_TITLE_FIRST));
    jinja__add_str(r, &b, jinja__case(r, jv_lit(s.u.s + len, s.n - len), CASE_LOWER));
    return r->rc ? error : jinja__buf_str(&b);
}

/* ---- pieces ---- */

struct jv jinja__replace(struct jrun *r, struct jv s, struct jv from, struct jv to, int64_t count) {
    struct jbuf b = {0};
    size_t at = 0;
    if (from.n == 0) { /* between all characters */
        while (!r->rc && count != 0) {
            size_t len = at < s.n ? utf8_len(s.u.s + at, s.n - at) : 0;
            jinja__buf_add(r, &b, to.u.s, to.n);
            jinja__buf_add(r, &b, s.u.s + at, len);
            at += len, count--;
            if (!len) return jinja__buf_str(&b);
        }
    }
    while (from.n && at < s.n && count != 0 && !r->rc) {
        const char *hit = memmem(s.u.s + at, s.n - at, from.u.s, from.n);
        if (!hit) break;
        size_t k = (size_t)(hit - s.u.s) - at;
        jinja__buf_add(r, &b, s.u.s + at, k);
        jinja__buf_add(r, &b, to.u.s, to.n);
        at += k + from.n, count--;
    }
    jinja__buf_add(r, &b, s.u.s + at, s.n - at);
    return r->rc ? error : jinja__buf_str(&b);
}

static int strips(struct jrun *r, const char *s, size_t len, struct jv chars) {
    if (chars.t != JV_STR) return jinja__is_space(utf8_code(s, len));
    return !jinja__work(r, chars.n) && chars.n && memmem(chars.u.s, chars.n, s, len) != NULL;
}

struct jv jinja__strip(struct jrun *r, struct jv s, struct jv chars, int left, int right) {
    size_t from = 0, to = s.n;
    while (left && from < to && !r->rc) {
        size_t len = utf8_len(s.u.s + from, to - from);
        if (!strips(r, s.u.s + from, len, chars)) break;
        from += len;
    }
    while (right && to > from && !r->rc) {
        size_t len = last_len(s.u.s, to);
        if (!strips(r, s.u.s + to - len, len, chars)) break;
        to -= len;
    }
    return jv_lit(s.u.s + from, to - from);
}

static int line_break(uint32_t c) {
    return (c >= 10 && c <= 13) || (c >= 0x1C && c <= 0x1E) || c == 0x85 || c == 0x2028 || c == 0x2029;
}

struct jv jinja__splitlines(struct jrun *r, struct jv s, int keep) {
    struct jv out = jv_seq(r, SEQ_LIST, 0);
    size_t from = 0, i = 0;
    while (i < s.n && !r->rc) {
        size_t len = utf8_len(s.u.s + i, s.n - i), end = i;
        i += len;
        if (!line_break(utf8_code(s.u.s + end, len))) continue;
        if (s.u.s[end] == '\r' && i < s.n && s.u.s[i] == '\n') i++;
        jv_push(r, out, jv_lit(s.u.s + from, (keep ? i : end) - from));
        from = i;
    }
    if (from < s.n) jv_push(r, out, jv_lit(s.u.s + from, s.n - from));
    jinja__work(r, s.n);
    return out;
}

struct jv jinja__repeat(struct jrun *r, struct jv s, int64_t times) {
    if (times <= 0 || s.n == 0) return jv_lit("", 0);
    if ((uint64_t)times > JINJA_MAX_OUTPUT / s.n)
        return jinja__err(r, ERR_LIMIT, "expected strings of at most %u MiB, found one repeated %lld times",
                          JINJA_MAX_OUTPUT >> 20, (long long)times);
    char *p = jinja__alloc(r, s.n * (size_t)times);
    for (int64_t i = 0; p && i < times; i++) memcpy(p + (size_t)i * s.n, s.u.s, s.n);
    return p ? jv_lit(p, s.n * (size_t)times) : error;
}

struct jv jinja__pad(struct jrun *r, struct jv s, int64_t width, struct jv fill, int align) {
    int64_t n = jinja__chars(s.u.s, s.n);
    if (width <= n) return s;
    /* Python's center puts the odd one left if the width is odd */
    int64_t pad = width - n, left = align == '>' ? pad : align == '<' ? 0 : pad / 2 + (pad & width & 1);
    struct jbuf b = {0};
    jinja__add_str(r, &b, jinja__repeat(r, fill, left));
    jinja__add_str(r, &b, s);
    jinja__add_str(r, &b, jinja__repeat(r, fill, pad - left));
    return r->rc ? error : jinja__buf_str(&b);
}
