/* Placeholders: found, checked, filled. */
#include "study/prompt.h"
#include <string.h>

int prompt_next(const char *text, size_t *at, const char **name, size_t *len) {
    size_t i = *at + strcspn(text + *at, "{}");
    if (!text[i]) return 0;
    size_t n = strspn(text + i + 1, "abcdefghijklmnopqrstuvwxyz_");
    if (text[i] == '}' || !n || text[i + 1 + n] != '}') return -1;
    *name = text + i + 1, *len = n;
    *at = i + n + 2;
    return 1;
}

/* Whether the word [s, s + n) is one of the words of `list`. */
static int among(const char *list, const char *s, size_t n) {
    while (*list) {
        size_t m = strcspn(list, " ");
        if (m == n && !memcmp(list, s, n)) return 1;
        list += m;
        list += strspn(list, " ");
    }
    return 0;
}

static int has_hole(const char *text, const char *want, size_t n) {
    const char *name;
    size_t at = 0, len;
    while (prompt_next(text, &at, &name, &len) > 0)
        if (len == n && !memcmp(name, want, n)) return 1;
    return 0;
}

int prompt_check(const char *text, const char *holes, struct err *e) {
    const char *name;
    size_t at = 0, len;
    int got;
    while ((got = prompt_next(text, &at, &name, &len)) > 0)
        if (!among(holes, name, len))
            return fail(e, ERR_FORMAT, "expected the placeholders %s, found {%.*s}", holes, (int)(len > 40 ? 40 : len), name);
    if (got < 0) return fail(e, ERR_FORMAT, "expected placeholders like {name}, found a brace that is none");
    for (const char *p = holes; *p; p += strspn(p, " ")) {
        size_t n = strcspn(p, " ");
        if (!has_hole(text, p, n)) return fail(e, ERR_FORMAT, "expected the placeholder {%.*s}, found none", (int)n, p);
        p += n;
    }
    return 0;
}

int prompt_fill(struct str *out, const char *text, const struct prompt_value *values, int n, struct err *e) {
    const char *name;
    size_t at = 0, from = 0, len;
    while (prompt_next(text, &at, &name, &len) > 0) {
        int i = 0;
        while (i < n && !(strlen(values[i].name) == len && !memcmp(values[i].name, name, len))) i++;
        if (i == n) return fail(e, ERR_ARG, "no value for the placeholder {%.*s}", (int)(len > 40 ? 40 : len), name);
        str_add(out, text + from, at - len - 2 - from);
        str_puts(out, values[i].value);
        from = at;
    }
    str_puts(out, text + from);
    return out->failed ? fail(e, ERR_NOMEM, "out of memory for a prompt") : 0;
}
