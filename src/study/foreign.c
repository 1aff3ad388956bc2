/* Acts held against the languages of their study. */
#include "study/foreign.h"
#include "study/detect.h"
#include "study/fold.h"
#include <jansson.h>
#include <stdlib.h>

struct foreign {
    const struct study *s;
    struct detector *d; /* NULL: one language */
};

int foreign_open(struct foreign **out, const struct study *s, struct err *e) {
    struct foreign *f = calloc(1, sizeof *f);
    struct languages all = {.at = (struct language **)(uintptr_t)s->language, .n = s->n_languages}; /* only read */
    if (!f) return fail(e, ERR_NOMEM, "out of memory for languages");
    f->s = s;
    int rc = s->n_languages > 1 ? detector_build(&f->d, &all, 0, 0, e) : 0;
    if (rc < 0)
        foreign_close(f);
    else
        *out = f;
    return rc;
}

void foreign_close(struct foreign *f) {
    if (!f) return;
    detector_free(f->d);
    free(f);
}

static int is_foreign(const struct foreign *f, int language, const json_t *text, int *out, struct err *e) {
    const char *s = json_string_value(text);
    size_t n = json_string_length(text), graphemes;
    struct detection told;
    if (!s || n < FOREIGN_GRAPHEMES) return 0;
    TRY(count_graphemes(s, n, &graphemes, e));
    if (graphemes < FOREIGN_GRAPHEMES) return 0;
    TRY(detect_language(f->d, s, n, &told, e));
    *out = told.best && told.best != f->s->language[language];
    return 0;
}

int foreign_turn(const struct foreign *f, int language, const json_t *fact, int *out, struct err *e) {
    const json_t *acts = json_object_get(fact, "acts");
    *out = 0;
    for (size_t i = 0; f->d && !*out && i < json_array_size(acts); i++)
        TRY(is_foreign(f, language, json_object_get(json_array_get(acts, i), "text"), out, e));
    return 0;
}
