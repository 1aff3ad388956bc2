/* Between the parts of parity: texts and dictionaries each add their findings. */
#ifndef STUDY_PARITY_INT_H
#define STUDY_PARITY_INT_H
#include "study/parity.h"

struct parity_work {
    const struct languages *s;
    struct parity *p;
    struct err *e;
};
int parity__find(struct parity_work *w, enum parity_grade grade, const struct language *l, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
double parity__median(double *v, int n); /* sorts v */
int parity__ids(struct parity_work *w);
int parity__translated(struct parity_work *w);
int parity__lengths(struct parity_work *w);
int parity__dictionaries(struct parity_work *w);
#endif
