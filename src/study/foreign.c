/* Acts held against the language of their run: the writing system first, then letters. */
#include "study/foreign.h"
#include "study/detect.h"
#include "study/fold.h"
#include "study/script.h"
#include <jansson.h>
#include <stdlib.h>

struct foreign {
    const struct study *s;
    struct languages all; /* of the study and beside it: borrowed */
    struct detector *d;
};

int foreign_open(struct foreign **out, const struct study *s, struct err *e) {
    struct foreign *f = calloc(1, sizeof *f);
    if (f) f->all.at = calloc((size_t)s->n_languages + (size_t)s->n_beside + 1, sizeof *f->all.at);
    int rc = f && f->all.at ? 0 : fail(e, ERR_NOMEM, "out of memory for languages");
    if (rc >= 0) {
        f->s = s;
        for (int i = 0; i < s->n_languages; i++) f->all.at[f->all.n++] = s->language[i];
        for (int i = 0; i < s->n_beside; i++) f->all.at[f->all.n++] = s->beside[i].language;
        rc = detector_build(&f->d, &f->all, 0, 0, e);
    }
    if (rc < 0)
        foreign_close(f);
    else
        *out = f;
    return rc;
}

void foreign_close(struct foreign *f) {
    if (!f) return;
    detector_free(f->d);
    free(f->all.at);
    free(f);
}

static int is_dense(const struct language *l) {
    struct script s;
    return script_find(&s, l->script) && script_dense(&s);
}

int foreign_text(const struct foreign *f, int language, const char *s, size_t n, int *out, struct err *e) {
    const struct language *own = f->s->language[language];
    struct detection told;
    size_t graphemes, letters;
    double share;
    *out = 0;
    if (n < FOREIGN_DENSE) return 0;
    TRY(count_graphemes(s, n, &graphemes, e));
    if (graphemes < FOREIGN_DENSE) return 0;
    TRY(detect_language(f->d, s, n, &told, e));
    if (graphemes < (told.best && is_dense(told.best) ? FOREIGN_DENSE : FOREIGN_GRAPHEMES)) return 0;
    *out = told.best && told.best != own;
    if (told.best) return 0;
    TRY(detect_share(own, s, n, &share, &letters, e));
    *out = letters >= DETECT_LETTERS && share < 0.5;
    return 0;
}

int foreign_turn(const struct foreign *f, int language, const json_t *fact, int *out, struct err *e) {
    const json_t *acts = json_object_get(fact, "acts");
    *out = 0;
    for (size_t i = 0; !*out && i < json_array_size(acts); i++) {
        const json_t *text = json_object_get(json_array_get(acts, i), "text");
        const char *s = json_string_value(text);
        if (s) TRY(foreign_text(f, language, s, json_string_length(text), out, e));
    }
    return 0;
}
