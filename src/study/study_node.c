/* Questions to the nodes of a study file: texts, ids, lists, numbers and names that may be missing, each with its place when it is wrong. */
#include "study/study_int.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

int node_text_at(struct study_reader *r, const struct yml_node *map, const char *key, const char **out) {
    return yml_text(r->d, yml_get(map, key), key, out, r->e);
}

static int is_id(const char *s) {
    size_t n = strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-");
    return n && n <= STUDY_ID_MAX && !s[n];
}

int node_id(struct study_reader *r, const struct yml_node *n, const char *what, const char **out) {
    TRY(yml_text(r->d, n, what, out, r->e));
    if (is_id(*out)) return 0;
    return yml_fail(r->d, n, 0, ERR_FORMAT, r->e, "%s: expected an id of at most %d letters, digits, ., - and _, found \"%.60s\"",
                    what, STUDY_ID_MAX, *out);
}

/* A list of 1..most elements. */
int node_list(struct study_reader *r, const struct yml_node *n, const char *what, int most) {
    TRY(yml_is(r->d, n, YML_LIST, what, r->e));
    if (n->n < 1 || n->n > most) return yml_fail(r->d, n, 0, ERR_RANGE, r->e, "%s: expected 1 to %d, found %d", what, most, n->n);
    return 0;
}

/* An integer that may be missing. */
int node_int_or(struct study_reader *r, const struct yml_node *map, const char *key, int64_t lo, int64_t hi, int64_t none,
                int64_t *out) {
    const struct yml_node *n = yml_get(map, key);
    *out = none;
    return n ? yml_int(r->d, n, key, lo, hi, out, r->e) : 0;
}

int study_real(const struct yml_doc *d, const struct yml_node *n, const char *what, double lo, double hi, double *out,
               struct err *e) {
    const char *s;
    char *end;
    TRY(yml_text(d, n, what, &s, e));
    double v = strtod(s, &end);
    if (end == s || *end || !isfinite(v) || v < lo || v > hi)
        return yml_fail(d, n, 0, ERR_RANGE, e, "%s: expected a number from %g to %g, found \"%.40s\"", what, lo, hi, s);
    *out = v;
    return 0;
}

int node_real_or(struct study_reader *r, const struct yml_node *map, const char *key, double lo, double hi, double none,
                 double *out) {
    const struct yml_node *n = yml_get(map, key);
    *out = none;
    return n ? study_real(r->d, n, key, lo, hi, out, r->e) : 0;
}

/* One of n names; none if it is missing. */
int node_choice_or(struct study_reader *r, const struct yml_node *map, const char *key, const char *const *names, int n, int none,
                   int *out) {
    const struct yml_node *c = yml_get(map, key);
    const char *s;
    *out = none;
    if (!c) return 0;
    TRY(yml_text(r->d, c, key, &s, r->e));
    for (int i = 0; i < n; i++)
        if (!strcmp(names[i], s)) {
            *out = i;
            return 0;
        }
    struct str list = {0};
    for (int i = 0; i < n; i++) str_printf(&list, "%s%s", i ? ", " : "", names[i]);
    int rc = yml_fail(r->d, c, 0, ERR_FORMAT, r->e, "%s: expected one of %.200s, found \"%.40s\"", key, list.s ? list.s : "", s);
    str_free(&list);
    return rc;
}
