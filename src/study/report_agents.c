/* Agents by who they are: by persona, by the prefixes they carry. Every interval resamples runs, the unit that was drawn. */
#include "study/report_int.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum grouping { OF_PERSONA, OF_PREFIXES, OF_PREFIX }; /* just these prefixes; this one and perhaps others */
struct agent_group {
    enum grouping by;
    int which;    /* persona, bits of prefixes, prefix */
    int language; /* -1: all */
};

static int seat_in(const struct agent_group *g, const struct seat *seat) {
    if (g->by == OF_PREFIX) return (int)(seat->prefixes >> g->which & 1);
    return g->by == OF_PREFIXES ? (int)seat->prefixes == g->which : seat->persona == g->which;
}

static double conformity_of(const struct counts *n, double *with) {
    double v = metric_conformity(n);
    if (!isfinite(v)) return 0;
    *with += 1;
    return v;
}

/* The mean of a group's agents in one run; agents without an index have a conformity rate all the same. */
static void group_in_run(double out[MEASURES], const struct reporting *r, const struct reference *ref,
                         const struct agent_group *g, int cell, int rep) {
    const struct study *s = r->c->s;
    const struct scored_run *run = &r->c->run[r->c->first[cell] + rep];
    struct seat seats[STUDY_MAX_AGENTS];
    double parts[METRIC_PARTS], sum[MEASURES] = {0}, aloud = 0;
    int n = 0, z = 0;
    study_cast(s, &s->cell[cell], rep, seats);
    for (int i = 0; i < s->n_agents; i++) {
        if (!seat_in(g, &seats[i])) continue;
        metric_parts(parts, &run->agent[i], &ref->o);
        sum[MEASURE_CONFORMITY] += conformity_of(&run->agent[i], &aloud);
        struct indices x = metric_indices(parts, &ref->agent[reference_scope(s, &s->cell[cell], r->scope)]);
        if (isfinite(x.cpi)) sum[MEASURE_CPI] += x.cpi, sum[MEASURE_DI] += x.di, z++;
        if (!isfinite(parts[PART_MONOLOGUE])) continue;
        n++;
        for (int p = 0; p < METRIC_PARTS; p++) sum[MEASURE_PARTS + p] += parts[p];
    }
    for (int m = 0; m < MEASURES; m++) out[m] = n ? sum[m] / n : NAN;
    for (int m = 0; m < MEASURE_PARTS; m++) out[m] = z ? sum[m] / z : NAN;
    out[MEASURE_CONFORMITY] = aloud > 0 ? sum[MEASURE_CONFORMITY] / aloud : NAN;
}

static void group_name(char *out, size_t size, const struct study *s, const struct agent_group *g) {
    if (g->by == OF_PERSONA) {
        snprintf(out, size, "%s", s->persona[g->which]);
        return;
    }
    snprintf(out, size, "%s", g->which ? "" : "none");
    for (int p = 0; p < PREFIXES; p++) {
        size_t n = strlen(out);
        if (g->which >> p & 1) snprintf(out + n, size - n, "%s%s", n ? " + " : "", prefix_name((enum prefix_id)p));
    }
}

/* value[c->n]: of each analysed run that has such agents; returns how many. */
static size_t group_values(double (*value)[MEASURES], const struct reporting *r, const struct agent_group *g) {
    const struct study *s = r->c->s;
    size_t n = 0;
    for (int i = 0; i < s->n_cells; i++)
        for (int k = 0; (g->language < 0 || s->cell[i].language == g->language) && k < s->cell[i].replicates; k++) {
            if (!scored_in(&r->c->run[r->c->first[i] + k])) continue;
            group_in_run(value[n], r, r->by, g, i, k);
            n += isfinite(value[n][MEASURE_PARTS]);
        }
    return n;
}

static json_t *group_mean(double (*value)[MEASURES], size_t n, int measure, const struct reporting *r) {
    size_t k = 0;
    for (size_t i = 0; i < n; i++)
        if (isfinite(value[i][measure])) r->x[k++] = value[i][measure];
    return mean_json(r->x, k, &r->how);
}

static int add_group(json_t *list, const struct reporting *r, const struct agent_group *g, struct err *e) {
    const struct study *s = r->c->s;
    double(*value)[MEASURES] = calloc((size_t)r->c->n + 1, sizeof *value);
    char name[120];
    if (!value) return fail(e, ERR_NOMEM, "out of memory for a report");
    size_t n = group_values(value, r, g);
    group_name(name, sizeof name, s, g);
    json_t *o = n ? json_pack("{s:s, s:s, s:s, s:I}", "language", s->language[g->language]->code, "by",
                              g->by == OF_PERSONA ? "persona" : "prefix", "group", name, "n", (json_int_t)n)
                  : NULL;
    for (int m = 0; o && m < MEASURES; m++) json_object_set_new(o, measure_name(m), group_mean(value, n, m, r));
    if (o) json_array_append_new(list, o);
    free(value);
    return 0;
}

int agents_mean(json_t **out, const struct reporting *r, enum prefix_id prefix, int language, int measure, struct err *e) {
    double(*value)[MEASURES] = calloc((size_t)r->c->n + 1, sizeof *value);
    if (!value) return fail(e, ERR_NOMEM, "out of memory for a report");
    *out = group_mean(value, group_values(value, r, &(struct agent_group){OF_PREFIX, (int)prefix, language}), measure, r);
    free(value);
    return 0;
}

int report_agents(json_t *tree, const struct reporting *r, struct err *e) {
    const struct study *s = r->c->s;
    json_t *list = json_array();
    json_object_set_new(tree, "agents", list);
    for (int l = 0; l < s->n_languages; l++) {
        for (int p = 0; p < s->n_agents; p++) TRY(add_group(list, r, &(struct agent_group){OF_PERSONA, p, l}, e));
        for (int b = 0; b < 1 << PREFIXES; b++) TRY(add_group(list, r, &(struct agent_group){OF_PREFIXES, b, l}, e));
    }
    return 0;
}
