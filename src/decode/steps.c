/* See steps.h. Steps end at bytes of the thought; the token that reaches such a byte is the one a reward model is read at. */
#include "decode/steps.h"
#include <stdlib.h>
#include <string.h>

/* The thought within text: after <think>, up to </think> or, where that never comes, the end. */
static const char *thought_of(const struct str *text, size_t *n) {
    static const char open[] = "<think>", close[] = "</think>";
    const char *z = text->s, *end;
    *n = text->len;
    if (*n >= sizeof open - 1 && !memcmp(z, open, sizeof open - 1)) z += sizeof open - 1, *n -= sizeof open - 1;
    if (*n && (end = memmem(z, *n, close, sizeof close - 1))) *n = (size_t)(end - z);
    return z;
}

static void put_marks(const struct gym_step *step, int steps, size_t start, const size_t *ends, int64_t n, signed char *right) {
    int64_t at = 0;
    for (int i = 0; i < steps; i++) {
        while (at < n && ends[at] < start + step[i].end) at++;
        if (at < n) right[at] = (signed char)step[i].right;
    }
}

int steps_mark(const struct codec *c, const int32_t *ids, int64_t n, step_judge *judge, const void *what, signed char *right,
               struct err *e) {
    size_t *ends = calloc((size_t)n + 1, sizeof *ends), len = 0;
    struct gym_step *step = calloc((size_t)n + 1, sizeof *step);
    struct str text = {0};
    int rc = ends && step ? 0 : fail(e, ERR_NOMEM, "out of memory for the steps of an answer");
    memset(right, -1, (size_t)n);
    if (!rc) rc = c->spell(c->ctx, ids, n, &text, ends, e);
    if (!rc && text.len) {
        const char *z = thought_of(&text, &len);
        rc = judge(what, z, len, step, (int)n, e);
        put_marks(step, rc, (size_t)(z - text.s), ends, n, right);
    }
    free(ends), free(step), str_free(&text);
    return rc;
}
