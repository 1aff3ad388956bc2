/* Columns to arrays. */
#include "stats/infer/select.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int missing(const struct column *c, size_t row) { return c->is_words ? c->code[row] < 0 : isnan(c->x[row]); }

void count_missing(struct left_out *out, unsigned char *keep, const struct frame *f, const struct column *const *c, size_t k) {
    size_t at = 0;
    *out = (struct left_out){0};
    for (size_t i = 0; i < frame_rows(f); i++) {
        int any = 0;
        for (size_t j = 0; j < k && !any; j++) any = missing(c[j], i);
        out->rows += (size_t)any;
        if (keep) keep[i] = !any;
    }
    for (size_t j = 0; j < k; j++) {
        size_t before = 0;
        while (c[before] != c[j]) before++;
        if (before < j || !c[j]->missing || at + 1 >= sizeof out->why) continue;
        int n = snprintf(out->why + at, sizeof out->why - at, "%s%s missing in %zu", at ? ", " : "", c[j]->name, c[j]->missing);
        at += (size_t)n;
    }
}

void selected_free(struct selected *s) {
    free(s->x), free(s->y);
    s->x = s->y = NULL;
}

/* The lowest level above `above` that a kept row has; -1: none. */
static int next_level(int above, const struct column *g, const unsigned char *keep, size_t rows) {
    int least = -1;
    for (size_t i = 0; i < rows; i++)
        if (keep[i] && g->code[i] > above && (least < 0 || g->code[i] < least)) least = g->code[i];
    return least;
}

static int two_levels(int level[2], const struct frame *f, const struct column *g, const unsigned char *keep, struct err *e) {
    size_t rows = frame_rows(f);
    int third = -1;
    level[0] = next_level(-1, g, keep, rows);
    level[1] = level[0] < 0 ? -1 : next_level(level[0], g, keep, rows);
    if (level[1] >= 0) third = next_level(level[1], g, keep, rows);
    if (level[1] >= 0 && third < 0) return 0;
    if (level[0] < 0)
        return fail_at(e, ERR_FORMAT, frame_name(f), -1, "expected two groups in column \"%.60s\", found none", g->name);
    return fail_at(e, ERR_FORMAT, frame_name(f), -1, "expected two groups in column \"%.60s\", found %s %.40s%s%.40s%s", g->name,
                   third < 0 ? "only" : "more:", g->level[level[0]], third < 0 ? "" : ", ", third < 0 ? "" : g->level[level[1]],
                   third < 0 ? "" : ", …");
}

static int split(struct selected *s, const struct frame *f, const struct column *v, const struct column *g,
                 const unsigned char *keep, struct err *e) {
    int level[2];
    size_t rows = frame_rows(f), at = 0;
    TRY(two_levels(level, f, g, keep, e));
    if (!(s->x = malloc((rows + 1) * sizeof *s->x))) return fail(e, ERR_NOMEM, "no memory for %zu values", rows);
    for (int side = 0; side < 2; side++) {
        for (size_t i = 0; i < rows; i++)
            if (keep[i] && g->code[i] == level[side]) s->x[at++] = v->x[i];
        s->name[side] = g->level[level[side]];
        if (!side) s->n1 = at;
    }
    s->n2 = at - s->n1;
    return 0;
}

int select_groups(struct selected *out, struct frame *f, const char *value, const char *group, struct err *e) {
    const struct column *c[2];
    struct selected s = {0};
    TRY(frame_levels(&c[1], f, group, e));
    TRY(frame_numeric(&c[0], f, value, e));
    unsigned char *keep = malloc(frame_rows(f) + 1);
    if (!keep) return fail(e, ERR_NOMEM, "no memory for %zu rows", frame_rows(f));
    count_missing(&s.left, keep, f, c, 2);
    int rc = split(&s, f, c[0], c[1], keep, e);
    free(keep);
    if (rc < 0)
        selected_free(&s);
    else
        *out = s;
    return rc;
}

int select_pairs(struct selected *out, const struct frame *f, const char *x, const char *y, struct err *e) {
    const struct column *c[2];
    struct selected s = {0};
    size_t rows = frame_rows(f);
    TRY(frame_numeric(&c[0], f, x, e));
    TRY(frame_numeric(&c[1], f, y ? y : x, e));
    count_missing(&s.left, NULL, f, c, y ? 2 : 1);
    s.x = malloc((rows + 1) * sizeof *s.x), s.y = malloc((rows + 1) * sizeof *s.y);
    if (!s.x || !s.y) {
        selected_free(&s);
        return fail(e, ERR_NOMEM, "no memory for %zu pairs", rows);
    }
    for (size_t i = 0; i < rows; i++)
        if (!missing(c[0], i) && !missing(c[1], i)) s.x[s.n1] = c[0]->x[i], s.y[s.n1++] = c[1]->x[i];
    s.name[0] = c[0]->name, s.name[1] = c[1]->name;
    *out = s;
    return 0;
}

/* ---- ratings ---- */

void ratings_free(struct ratings_of *r) {
    free(r->unit), free(r->code), free(r->value);
    r->unit = NULL, r->code = NULL, r->value = NULL;
}

static int fill_ratings(struct ratings_of *r, const struct frame *f, const struct column *unit, const struct column *value,
                        struct err *e) {
    size_t rows = frame_rows(f);
    count_missing(&r->left, NULL, f, (const struct column *const[]){unit, value}, 2);
    r->n_units = unit->n_levels, r->n_levels = value->n_levels;
    r->unit = malloc((rows + 1) * sizeof *r->unit), r->code = malloc((rows + 1) * sizeof *r->code);
    r->value = calloc(r->n_levels + 1, sizeof *r->value);
    if (!r->unit || !r->code || !r->value) return fail(e, ERR_NOMEM, "no memory for %zu ratings", rows);
    for (size_t i = 0; i < rows; i++) {
        if (value->x && !missing(value, i)) r->value[value->code[i]] = value->x[i];
        if (missing(unit, i) || missing(value, i)) continue;
        r->unit[r->n] = (size_t)unit->code[i], r->code[r->n++] = value->code[i];
    }
    return 0;
}

int select_ratings(struct ratings_of *out, struct frame *f, const char *unit, const char *value, int measured, struct err *e) {
    const struct column *u, *v;
    struct ratings_of r = {0};
    if (measured) TRY(frame_numeric(&v, f, value, e));
    TRY(frame_levels(&u, f, unit, e));
    TRY(frame_levels(&v, f, value, e));
    int rc = fill_ratings(&r, f, u, v, e);
    if (rc < 0)
        ratings_free(&r);
    else
        *out = r;
    return rc;
}
