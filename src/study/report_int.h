/* What the parts of a study's report share. Thread: as report.h. */
#ifndef STUDY_REPORT_INT_H
#define STUDY_REPORT_INT_H
#include "stats/stats.h"
#include "study/report.h"
#include "study/sweep.h"
#include <jansson.h>

enum { MEASURE_CPI, MEASURE_DI, MEASURE_PARTS, MEASURE_CONFORMITY = MEASURE_PARTS + METRIC_PARTS, MEASURES };

/* A choice of how runs are scored. */
struct variant {
    struct metric_opts o;
    int scope;                  /* of the z: 0 all runs, 1 the language, 2 the model */
    int drop;                   /* a part that the indices leave out; -1: none */
    int dictionary, kind;       /* forms of this kind are not counted; dictionary -1: all are */
    const struct reference *by; /* of the same units; NULL: one made of the runs as they are counted here */
};
struct reporting {
    const struct scored *c;
    const struct reference *by;
    int fixed; /* by does not follow from the archive's counts: it stays when a word is left out */
    int scope; /* as reported */
    struct resampling how;
    double (*value)[MEASURES]; /* [c->n], as the page reports them; NaN: not analysed */
    double *x, *share;         /* [c->n], room for a sample */
    const struct country_values *countries;
};
/* out[c->n][MEASURES] */
int variant_values(double (*out)[MEASURES], const struct scored *c, const struct variant *v, struct err *e);
void variant_by(struct variant *v, const struct reporting *r); /* sets v->by */
const char *measure_name(int m);
json_t *estimate_json(double value, struct interval ci);                    /* null where value is NaN */
json_t *mean_json(const double *x, size_t n, const struct resampling *how); /* with its interval; one run has none */

int report_points(json_t *tree, const struct reporting *r, struct err *e);
int report_slopes(json_t *tree, const struct reporting *r, struct err *e);
int report_effects(json_t *tree, const struct reporting *r, struct err *e);
int report_sensitivity(json_t *tree, const struct reporting *r, struct err *e);
int report_countries(json_t *tree, const struct reporting *r, struct err *e);
int report_words(json_t *tree, const struct reporting *r, struct err *e);
int report_languages(json_t *tree, const struct reporting *r, struct err *e);
int report_agents(json_t *tree, const struct reporting *r, struct err *e);
int report_kinds(json_t *tree, const struct reporting *r, struct err *e);
int report_published(json_t *tree, const struct reporting *r, struct err *e); /* after all others */
int report_transcripts(json_t *tree, struct archive *a, const struct scored *c, int most, struct err *e);

/* Hedges' g between two cells, the least-squares slope over the sweep, of other values of the same runs; NaN where there is none. */
double effect_of(const struct reporting *r, double (*value)[MEASURES], int all, int none, int measure);
double slope_of_sweep(const struct reporting *r, double (*value)[MEASURES], int language, int model, int measure);
/* g of the runs of two cells with its interval; null where samples are too small or do not vary. */
json_t *effect_json(const struct reporting *r, double (*value)[MEASURES], int all, int none, int measure);
/* The mean of agents with a prefix, over the analysed runs that have some, with its interval; language -1: of all. */
int agents_mean(json_t **out, const struct reporting *r, enum prefix_id prefix, int language, int measure, struct err *e);
/* The values of a measure in a cell's analysed runs, appended to x; returns how many. */
size_t cell_sample(const struct scored *c, double (*value)[MEASURES], int cell, int measure, double *x);
#endif
