/* Opening models for `candor stats ols` and `candor stats lmm`. */
#include "cli/stats_model.h"
#include <jansson.h>
#include <math.h>
#include <stdio.h>

static int build(struct stats_model *o, const char *cluster, struct err *e) {
    TRY(design_build(&o->full, o->f, o->m, o->null, cluster, e));
    if (!o->null) return 0;
    TRY(design_build(&o->small, o->f, o->null, o->m, cluster, e));
    return design_nested(&o->small, &o->full, e);
}

static int parse(struct formula **out, struct args *a, const char *text, struct err *e) {
    int rc = formula_parse(out, text, e);
    if (rc == ERR_ARG) a->wrong = 1;
    return rc;
}

int stats_model_open(struct stats_model *o, struct args *a, const char *null, const char *cluster, struct err *e) {
    const char *text;
    *o = (struct stats_model){0};
    TRY(arg_need(a, "formula", &text, e));
    int rc = parse(&o->m, a, text, e);
    if (!rc && null) rc = parse(&o->null, a, null, e);
    if (!rc) rc = stats_open(&o->f, a, e);
    if (!rc) rc = err_place(e, build(o, cluster, e), a->pos[0]);
    if (rc < 0) stats_model_close(o);
    return rc;
}

void stats_model_close(struct stats_model *o) {
    design_free(&o->full), design_free(&o->small);
    formula_free(o->m), formula_free(o->null), frame_free(o->f);
    *o = (struct stats_model){0};
}

void stats_dropped(const struct args *a, const char *const *name, size_t n) {
    char buf[100];
    for (size_t i = 0; i < n && !arg_has(a, "quiet"); i++)
        fprintf(stderr, "candor: dropped: %s, which the other fixed effects give\n", stats_name(buf, sizeof buf, name[i]));
}

struct json_t *stats_names_json(const char *const *name, size_t n) {
    json_t *list = json_array();
    for (size_t i = 0; i < n && list; i++) json_array_append_new(list, json_name(name[i]));
    return list;
}

void stats_coefficient(const char *name, double estimate, double se, double ratio, double p) {
    char buf[100], s[4][32];
    snprintf(s[2], sizeof s[2], isfinite(ratio) ? "%.4g" : "-", ratio);
    printf("  %-28s %13s %13s %10s %12s\n", stats_name(buf, sizeof buf, name), stats_number(s[0], sizeof s[0], estimate),
           stats_number(s[1], sizeof s[1], se), s[2], stats_number(s[3], sizeof s[3], p));
}

struct json_t *stats_coefficient_json(const char *key, double estimate, double se, double value, double p) {
    return json_pack("{s:o,s:o,s:o,s:o}", "estimate", json_number(estimate), "se", json_number(se), key, json_number(value), "p",
                     json_number(p));
}
