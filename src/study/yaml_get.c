/* Questions to a tree: what a node must be, and what is wrong with it, with its place. */
#include "base/str.h"
#include "study/yaml.h"
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

const char *yml_kind_name(enum yml_kind k) {
    static const char *const names[] = {"text", "a list", "a map"};
    return names[k];
}

const struct yml_node *yml_get(const struct yml_node *map, const char *key) {
    for (const struct yml_node *n = map->first; n; n = n->next)
        if (n->key && !strcmp(n->key, key)) return n;
    return NULL;
}

int yml_is(const struct yml_doc *d, const struct yml_node *n, enum yml_kind kind, const char *what, struct err *e) {
    if (n->kind == kind) return 0;
    return yml_fail(d, n, 0, ERR_FORMAT, e, "%s: expected %s, found %s", what, yml_kind_name(kind), yml_kind_name(n->kind));
}

static const char *bare(const char *key) { return key + (*key == '?'); }

static int known(const char *const *keys, const char *key) {
    for (; *keys; keys++)
        if (!strcmp(bare(*keys), key)) return 1;
    return 0;
}

static int unknown_key(const struct yml_doc *d, const struct yml_node *n, const char *what, const char *const *keys,
                       struct err *e) {
    struct str s = {0};
    for (int i = 0; keys[i]; i++) str_printf(&s, "%s%s", i ? ", " : "", bare(keys[i]));
    int rc = yml_fail(d, n, 1, ERR_FORMAT, e, "%s: expected one of %.240s, found \"%.60s\"", what, s.s ? s.s : "no key", n->key);
    str_free(&s);
    return rc;
}

int yml_keys(const struct yml_doc *d, const struct yml_node *map, const char *what, const char *const *keys, struct err *e) {
    TRY(yml_is(d, map, YML_MAP, what, e));
    for (const struct yml_node *n = map->first; n; n = n->next)
        if (!known(keys, n->key)) return unknown_key(d, n, what, keys, e);
    for (; *keys; keys++)
        if (**keys != '?' && !yml_get(map, *keys))
            return yml_fail(d, map, 0, ERR_FORMAT, e, "%s: expected the key \"%s\", found none", what, *keys);
    return 0;
}

int yml_text(const struct yml_doc *d, const struct yml_node *n, const char *what, const char **out, struct err *e) {
    TRY(yml_is(d, n, YML_TEXT, what, e));
    if (!n->text[strspn(n->text, " \t\r\n")]) return yml_fail(d, n, 0, ERR_FORMAT, e, "%s: expected text, found none", what);
    *out = n->text;
    return 0;
}

int yml_int(const struct yml_doc *d, const struct yml_node *n, const char *what, int64_t lo, int64_t hi, int64_t *out,
            struct err *e) {
    const char *s;
    char *end;
    TRY(yml_text(d, n, what, &s, e));
    errno = 0;
    long long v = strtoll(s, &end, 10);
    if (end == s || *end || errno || v < lo || v > hi)
        return yml_fail(d, n, 0, ERR_RANGE, e, "%s: expected a whole number from %" PRId64 " to %" PRId64 ", found \"%.40s\"",
                        what, lo, hi, s);
    *out = v;
    return 0;
}

int yml_bool(const struct yml_doc *d, const struct yml_node *n, const char *what, int *out, struct err *e) {
    const char *s;
    TRY(yml_text(d, n, what, &s, e));
    int yes = !strcmp(s, "true");
    if (!yes && strcmp(s, "false") != 0)
        return yml_fail(d, n, 0, ERR_FORMAT, e, "%s: expected true or false, found \"%.40s\"", what, s);
    *out = yes;
    return 0;
}
