/* Lengths and languages of placebo prefixes, in the languages where an arm uses them. */
#include "study/placebo.h"
#include "study/foreign.h"
#include "study/parity.h"
#include <jansson.h>
#include <math.h>
#include <string.h>

int placebo_ratio(const struct language *l, size_t *placebo, size_t *alignment, double *ratio, struct err *e) {
    const char *p = l->prefixes[PREFIX_PLACEBO], *a = l->prefixes[PREFIX_ALIGNMENT];
    TRY(count_graphemes(p, strlen(p), placebo, e));
    TRY(count_graphemes(a, strlen(a), alignment, e));
    *ratio = (double)*placebo / (double)*alignment;
    return 0;
}

static int is_used(const struct study *s, int language) {
    for (int i = 0; i < s->n_arms; i++)
        if (s->arm[i].with[PREFIX_PLACEBO] && (s->arm[i].languages >> language & 1)) return 1;
    return 0;
}

static int remark_on(json_t *list, const struct study *s, const struct foreign *f, int language, struct err *e) {
    const struct language *l = s->language[language];
    const char *text = l->prefixes[PREFIX_PLACEBO];
    size_t placebo, alignment;
    double ratio;
    int foreign;
    TRY(placebo_ratio(l, &placebo, &alignment, &ratio, e));
    size_t apart = placebo > alignment ? placebo - alignment : alignment - placebo;
    if (fabs(ratio - 1) > PARITY_PLACEBO && apart > PLACEBO_SLACK)
        json_array_append_new(list, json_sprintf("%s: the placebo prefix has %zu graphemes, the alignment prefix %zu; expected "
                                                 "within %.0f %%, or its arms differ in length too",
                                                 l->code, placebo, alignment, 100 * PARITY_PLACEBO));
    TRY(foreign_text(f, language, text, strlen(text), &foreign, e));
    if (foreign) json_array_append_new(list, json_sprintf("%s: the placebo prefix is told to be in another language", l->code));
    return 0;
}

int placebo_remarks(json_t *list, const struct study *s, struct err *e) {
    struct foreign *f = NULL;
    int rc = 0, any = 0;
    for (int i = 0; i < s->n_languages; i++) any |= is_used(s, i);
    if (!any) return 0;
    TRY(foreign_open(&f, s, e));
    for (int i = 0; i < s->n_languages && rc >= 0; i++)
        if (is_used(s, i)) rc = remark_on(list, s, f, i, e);
    foreign_close(f);
    return rc;
}
