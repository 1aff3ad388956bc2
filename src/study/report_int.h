/* What the parts of a study's report share. Thread: as report.h. */
#ifndef STUDY_REPORT_INT_H
#define STUDY_REPORT_INT_H
#include "stats/stats.h"
#include "study/report.h"
#include <jansson.h>

enum { MEASURE_CPI, MEASURE_DI, MEASURE_PARTS, MEASURES = MEASURE_PARTS + METRIC_PARTS };

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
json_t *estimate_json(double value, struct interval ci); /* null where value is NaN */

int report_points(json_t *tree, const struct reporting *r, struct err *e);
int report_slopes(json_t *tree, const struct reporting *r, struct err *e);
int report_effects(json_t *tree, const struct reporting *r, struct err *e);
int report_sensitivity(json_t *tree, const struct reporting *r, struct err *e);
int report_countries(json_t *tree, const struct reporting *r, struct err *e);
int report_words(json_t *tree, const struct reporting *r, struct err *e);
int report_languages(json_t *tree, const struct reporting *r, struct err *e);
int report_agents(json_t *tree, const struct reporting *r, struct err *e);
int report_transcripts(json_t *tree, struct archive *a, const struct scored *c, int most, struct err *e);

/* Arms that only set how many agents are aligned. */
int arm_in_sweep(const struct arm *a);
/* Of a language and a model, the cells where nobody and where everybody is aligned; 0 if one of them is not there. */
int contrast_cells(const struct study *s, int language, int model, int *none, int *all);
/* Hedges' g between two cells, the least-squares slope over the sweep, of other values of the same runs; NaN where there is none. */
double effect_of(const struct reporting *r, double (*value)[MEASURES], int all, int none, int measure);
double slope_of_sweep(const struct reporting *r, double (*value)[MEASURES], int language, int model, int measure);
/* The values of a measure in a cell's analysed runs, appended to x; returns how many. */
size_t cell_sample(const struct scored *c, double (*value)[MEASURES], int cell, int measure, double *x);
#endif
