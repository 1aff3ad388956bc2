/* A stored analysis against the same one made again: the first place at which they differ, by its path ("hypotheses/0/p"). */
#include "base/str.h"
#include "study/shown.h"
#include "study/verify_int.h"
#include <jansson.h>
#include <stdlib.h>

struct place {
    struct str path;
    const json_t *was, *is; /* NULL: not there */
    int found;
};

static void differ(struct place *x, const json_t *was, const json_t *is);

/* Steps down, and leaves the path where it is once the place is found. */
static void step(struct place *x, const char *name, const json_t *was, const json_t *is) {
    size_t len = x->path.len;
    str_printf(&x->path, "%s%s", len ? "/" : "", name);
    differ(x, was, is);
    if (x->found) return;
    x->path.len = len;
    if (x->path.s) x->path.s[len] = 0;
}

static void differ_objects(struct place *x, json_t *was, json_t *is) {
    const char *key;
    json_t *v;
    json_object_foreach(is, key, v) {
        if (!x->found) step(x, key, json_object_get(was, key), v);
    }
    json_object_foreach(was, key, v) {
        if (!x->found && !json_object_get(is, key)) step(x, key, v, NULL);
    }
}

static void differ_lists(struct place *x, const json_t *was, const json_t *is) {
    size_t n = json_array_size(was), m = json_array_size(is);
    char at[24];
    for (size_t i = 0; !x->found && i < (n > m ? n : m); i++) {
        snprintf(at, sizeof at, "%zu", i);
        step(x, at, i < n ? json_array_get(was, i) : NULL, i < m ? json_array_get(is, i) : NULL);
    }
}

/* The depth is that of the tree that this program made. */
static void differ(struct place *x, const json_t *was, const json_t *is) {
    if (was && is && json_equal(was, is)) return;
    if (json_is_object(was) && json_is_object(is))
        differ_objects(x, (json_t *)(uintptr_t)was, (json_t *)(uintptr_t)is); /* jansson walks only what it may change */
    else if (json_is_array(was) && json_is_array(is))
        differ_lists(x, was, is);
    else
        x->found = 1, x->was = was, x->is = is;
}

int verify_again(struct verifier *x, const char *record, const json_t *stored, json_t *again) {
    struct place at = {0};
    json_t *is = verify_written(again);
    if (!is) return fail(x->e, ERR_NOMEM, "out of memory for an analysis");
    x->v.analyses++;
    step(&at, "made_with", json_object_get(stored, "made_with"), json_object_get(is, "made_with"));
    if (!at.found) differ(&at, stored, is);
    if (at.found) {
        char *a = json_shown(at.is), *b = json_shown(at.was);
        verify_found(x, record, "%.200s: expected %.150s, found %.150s", at.path.s ? at.path.s : "", a ? a : "none",
                     b ? b : "none");
        free(a), free(b);
    }
    str_free(&at.path);
    json_decref(is);
    return 0;
}
