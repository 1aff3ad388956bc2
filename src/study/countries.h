/* Figures by language against a number by country, such as Hofstede's Power Distance Index: the study says which country stands for which
 * language (`countries`, registered), the user brings the numbers.
 *
 * The table is CSV with the columns `country` and `value`, others are ignored:
 *     country,value
 *     Finland,12.5
 * (studies/countries.schema.json). Countries are spelt as in the study. A language whose country has no row is left out, and named. No numbers are shipped.
 * Owner: JSON is the caller's. Thread: pure functions. */
#ifndef STUDY_COUNTRIES_H
#define STUDY_COUNTRIES_H
#include "study/study.h"

struct frame;
struct json_t;
struct country_values {
    double at[STUDY_MAX_LANGUAGES]; /* of each language's country; NaN: the table has none */
};
/* Errors: ARG for a study without countries, and a table that has no country of it; FORMAT for other columns, a value that is no number, a
 * country twice. */
int country_values(struct country_values *out, const struct study *s, struct frame *table, struct err *e);

/* A figure of each language: of a model, or of all. */
struct language_figure {
    const char *model, *figure, *measure; /* model: "" all; "g", "slope"; "cpi", "di" */
    double at[STUDY_MAX_LANGUAGES];       /* NaN: there is none */
};
/* Adds figures and what they have to do with the numbers to tree, which is an object; call it once for each figure.
 * {"missing": [{"language", "country"}], "points": [{"language", "country", "model", "figure", "measure", "x", "y"}], "correlations": [{"model",
 *  "figure", "measure", "n", "r", "lo", "hi", "t", "df", "p", "rho", "rho_p", "why"}], "published": {"r", "lo", "hi", "p", "n"}}, the last where the study has it (published.h); lo and hi: 95 %,
 * Fisher's z. why: why there is no correlation, else "". */
int countries_add(struct json_t *tree, const struct study *s, const struct country_values *v, const struct language_figure *f,
                  struct err *e);
#endif
