/* A design with more of its groups, or fewer: what power needs to know of a study larger than its pilot.
 *
 * The groups of the first random part (runs, languages, people) are dealt again and again until there are as many as are wanted. Groups of one
 * kind, those with the same values in the fixed columns that never change within a group, stand evenly among the others, so that whatever
 * number is dealt the kinds keep their shares as nearly as they can. Levels of other random parts that occur in one group alone are new in
 * each copy of it; those that several groups share (items, classes) stay what they are. */
#include "stats/infer/design.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

struct group {
    size_t level, kind;
    double place; /* where it stands among all, from 0 to 1 */
};
struct deal {
    const struct design *d, *as; /* what is copied, and whose groups are dealt */
    const struct random_part *by;
    unsigned char *between; /* [as->x.k] columns that are constant within groups */
    size_t *first, *row;    /* [levels + 1], [n]: the rows of each group */
    struct group *group;    /* [levels] in the order of dealing */
    size_t *source, *copy;  /* [new n]: the row of the pilot, and the how-manieth group */
    size_t n;
};

static int no_memory(struct err *e) { return fail(e, ERR_NOMEM, "no memory for a larger design"); }

static void list_rows(struct deal *w) {
    size_t n = w->d->n, levels = w->by->n_levels;
    for (size_t i = 0; i < n; i++) w->first[(size_t)w->by->level[i] + 1]++;
    for (size_t l = 0; l < levels; l++) w->first[l + 1] += w->first[l];
    for (size_t i = 0; i < n; i++) w->row[w->first[w->by->level[i]]++] = i; /* each now begins where the next does */
    for (size_t l = levels; l > 0; l--) w->first[l] = w->first[l - 1];
    w->first[0] = 0;
}

static double at(const struct deal *w, size_t column, size_t group) {
    return w->as->x.x[column * w->d->n + w->row[w->first[group]]];
}

static void find_between(struct deal *w) {
    for (size_t j = 0; j < w->as->x.k; j++) {
        w->between[j] = 1;
        for (size_t i = 0; i < w->d->n; i++) w->between[j] &= w->as->x.x[j * w->d->n + i] == at(w, j, (size_t)w->by->level[i]);
    }
}

static int same_kind(const struct deal *w, size_t a, size_t b) {
    for (size_t j = 0; j < w->as->x.k; j++)
        if (w->between[j] && at(w, j, a) != at(w, j, b)) return 0;
    return 1;
}

static int by_place(const void *a, const void *b) {
    const struct group *x = a, *y = b;
    if (x->place != y->place) return x->place < y->place ? -1 : 1;
    return (x->level > y->level) - (x->level < y->level);
}

static void order_groups(struct deal *w, size_t *count) {
    size_t levels = w->by->n_levels;
    for (size_t l = 0; l < levels; l++) {
        size_t k = 0;
        while (k < l && !(w->group[k].kind == k && same_kind(w, k, l))) k++;
        w->group[l] = (struct group){l, k, (double)count[k]++};
    }
    for (size_t l = 0; l < levels; l++) w->group[l].place = (w->group[l].place + 0.5) / (double)count[w->group[l].kind];
    qsort(w->group, levels, sizeof *w->group, by_place);
}

static int deal_rows(struct deal *w, size_t groups, struct err *e) {
    size_t levels = w->by->n_levels, room = 0, k = w->d->x.k;
    for (size_t g = 0; g < groups; g++) {
        size_t l = w->group[g % levels].level;
        room += w->first[l + 1] - w->first[l];
    }
    for (size_t p = 0; p < w->d->n_parts; p++) k += w->d->part[p].z.k;
    if (room > DESIGN_MAX_NUMBERS / (k + 1))
        return fail(e, ERR_LIMIT, "expected at most %d numbers in the columns of a model, found more", DESIGN_MAX_NUMBERS);
    w->source = malloc((room + 1) * sizeof *w->source), w->copy = malloc((room + 1) * sizeof *w->copy);
    if (!w->source || !w->copy) return no_memory(e);
    for (size_t g = 0; g < groups; g++) {
        size_t l = w->group[g % levels].level;
        for (size_t i = w->first[l]; i < w->first[l + 1]; i++) w->source[w->n] = w->row[i], w->copy[w->n++] = g;
    }
    return 0;
}

static int copy_columns(struct columns *to, const struct columns *from, const struct deal *w) {
    to->x = malloc((from->k * w->n + 1) * sizeof *to->x), to->name = calloc(from->k + 1, sizeof *to->name);
    if (!to->x || !to->name) return ERR_NOMEM;
    for (size_t j = 0; j < from->k; j++) {
        if (!(to->name[j] = strdup(from->name[j]))) return ERR_NOMEM;
        to->k = j + 1;
        for (size_t i = 0; i < w->n; i++) to->x[j * w->n + i] = from->x[j * w->d->n + w->source[i]];
    }
    return 0;
}

/* only[level]: the group of `by` that has it alone, −1 where several have it. */
static void owners(int *only, const struct random_part *p, const struct deal *w) {
    for (size_t l = 0; l < p->n_levels; l++) only[l] = -2;
    for (size_t i = 0; i < w->d->n; i++) {
        int *o = &only[p->level[i]], g = w->by->level[i];
        *o = *o == -2 || *o == g ? g : -1;
    }
}

/* New levels in order of appearance: of shared levels one each, of the others one each in every copy (whose rows stand together). */
static void number_levels(struct random_part *to, const struct random_part *from, const int *only, int *of, size_t *in,
                          const struct deal *w) {
    for (size_t l = 0; l < from->n_levels; l++) of[l] = -1;
    for (size_t i = 0; i < w->n; i++) {
        int l = from->level[w->source[i]];
        if (of[l] < 0 || (only[l] >= 0 && in[l] != w->copy[i])) of[l] = (int)to->n_levels++, in[l] = w->copy[i];
        to->level[i] = of[l];
    }
}

static int copy_part(struct random_part *to, const struct random_part *from, const struct deal *w) {
    int *only = malloc((from->n_levels + 1) * sizeof *only), *of = malloc((from->n_levels + 1) * sizeof *of);
    size_t *in = calloc(from->n_levels + 1, sizeof *in);
    to->correlated = from->correlated;
    to->level = malloc((w->n + 1) * sizeof *to->level), to->group = strdup(from->group);
    int rc = only && of && in && to->level && to->group ? copy_columns(&to->z, &from->z, w) : ERR_NOMEM;
    if (!rc) owners(only, from, w), number_levels(to, from, only, of, in, w);
    free(only), free(of), free(in);
    return rc;
}

static int build(struct design *out, const struct deal *w, struct err *e) {
    const struct design *d = w->d;
    out->n = w->n;
    out->y = calloc(w->n + 1, sizeof *out->y), out->part = calloc(d->n_parts + 1, sizeof *out->part);
    out->response = strdup(d->response);
    if (!out->y || !out->part || !out->response || copy_columns(&out->x, &d->x, w) < 0) return no_memory(e);
    for (size_t p = 0; p < d->n_parts; p++) {
        out->n_parts = p + 1;
        if (copy_part(&out->part[p], &d->part[p], w) < 0) return no_memory(e);
    }
    return 0;
}

static int deal(struct design *out, struct deal *w, size_t groups, struct err *e) {
    size_t levels = w->by->n_levels, *count = calloc(levels + 1, sizeof *count);
    w->between = calloc(w->as->x.k + 1, 1), w->first = calloc(levels + 2, sizeof *w->first);
    w->row = malloc((w->d->n + 1) * sizeof *w->row), w->group = calloc(levels + 1, sizeof *w->group);
    int rc = count && w->between && w->first && w->row && w->group ? 0 : no_memory(e);
    if (!rc) {
        list_rows(w), find_between(w), order_groups(w, count);
        rc = deal_rows(w, groups, e);
    }
    free(count);
    return rc < 0 ? rc : build(out, w, e);
}

int design_with_groups(struct design *out, const struct design *d, const struct design *as, size_t groups, struct err *e) {
    struct design new = {0};
    if (!as->n_parts) return fail(e, ERR_ARG, "expected a random term whose groups can be dealt, found none");
    if (d->n != as->n) return fail(e, ERR_ARG, "expected models of the same rows, found %zu and %zu", d->n, as->n);
    if (groups < 2) return fail(e, ERR_RANGE, "expected at least two groups of %.60s, found %zu", as->part->group, groups);
    struct deal w = {.d = d, .as = as, .by = as->part};
    int rc = deal(&new, &w, groups, e);
    free(w.between), free(w.first), free(w.row), free(w.group), free(w.source), free(w.copy);
    if (rc < 0)
        design_free(&new);
    else
        *out = new;
    return rc;
}
