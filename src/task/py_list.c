/* A Python list of strings, as a CSV file carries it: ['a', "Bell's palsy"].
 *
 * Both quotation marks, the escapes that repr() writes (an unknown one keeps its backslash, as in Python), and blanks or commas between
 * the elements, since tables that went through numpy have lost the commas. Anything else is said to be what it is. */
#include "base/str.h"
#include "task/question_int.h"
#include "text/unicode.h"
#include <ctype.h>
#include <string.h>

struct reader {
    const char *z;
    size_t n, at;
    const char *why;
};

static char peek(const struct reader *r) { return r->at < r->n ? r->z[r->at] : 0; }

/* \xNN, \uNNNN, \UNNNNNNNN: `digits` of them at r. */
static int read_code(struct reader *r, int digits, struct str *out) {
    char buf[4];
    uint32_t code = 0;
    for (int i = 0; i < digits; i++, r->at++) {
        int c = (unsigned char)peek(r);
        if (!isxdigit(c)) return 0;
        code = code << 4 | (uint32_t)(isdigit(c) ? c - '0' : tolower(c) - 'a' + 10);
    }
    if (!code || code > 0x10ffff || (code >= 0xd800 && code < 0xe000)) return 0;
    return !str_add(out, buf, utf8_put(buf, code));
}

static int read_escape(struct reader *r, struct str *out) {
    static const char from[] = "\\'\"nrtabfv", to[] = "\\'\"\n\r\t\a\b\f\v";
    char c = peek(r);
    const char *known = c ? strchr(from, c) : NULL;
    if (c == 'x' || c == 'u' || c == 'U') {
        r->at++;
        return read_code(r, c == 'x' ? 2 : c == 'u' ? 4 : 8, out);
    }
    if (r->at < r->n) r->at++;
    if (known) return !str_add(out, &to[known - from], 1);
    return c && !str_add(out, "\\", 1) && !str_add(out, &c, 1);
}

/* A string at r, from its quotation mark on; NULL with a reason. */
static json_t *read_string(struct reader *r) {
    struct str out = {0};
    char quote = peek(r), c;
    int good = 1;
    for (r->at++; good && (c = peek(r)) && c != quote;) {
        r->at++;
        good = c == '\\' ? read_escape(r, &out) : !str_add(&out, &c, 1);
    }
    json_t *v = good && peek(r) == quote ? json_stringn(out.s ? out.s : "", out.len) : NULL;
    if (!good)
        r->why = "an escape that is none";
    else if (peek(r) != quote)
        r->why = "a string that never ends";
    else if (!v)
        r->why = "bytes that are no UTF-8";
    r->at++;
    str_free(&out);
    return v;
}

/* Past blanks and at most one comma; 1 if there was a comma. */
static int skip_between(struct reader *r) {
    int comma = 0;
    for (; isspace((unsigned char)peek(r)) || (peek(r) == ',' && !comma); r->at++) comma |= peek(r) == ',';
    return comma;
}

static int read_items(struct reader *r, json_t *list) {
    for (r->at++, skip_between(r); peek(r) != ']'; skip_between(r)) {
        r->why = !peek(r) ? "a list that never ends" : "an element that is no quoted string";
        if (peek(r) != '\'' && peek(r) != '"') return 0;
        json_t *v = read_string(r);
        if (!v || json_array_append_new(list, v)) return 0;
        if (json_array_size(list) > QUESTION_MAX_CHOICES) {
            r->why = "more elements than a question has choices";
            return 0;
        }
    }
    r->at++;
    while (isspace((unsigned char)peek(r))) r->at++;
    r->why = "more behind it";
    return r->at == r->n;
}

json_t *py_list(const char *z, size_t n, const char **why) {
    struct reader r = {.z = z, .n = n, .why = "no [ at its beginning"};
    json_t *list = json_array();
    while (isspace((unsigned char)peek(&r))) r.at++;
    if (list && peek(&r) == '[' && read_items(&r, list)) return list;
    json_decref(list);
    *why = r.why;
    return NULL;
}
