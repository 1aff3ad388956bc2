/* Parts of the sample page (sample.c). */
#ifndef TESTS_PAGES_SAMPLE_H
#define TESTS_PAGES_SAMPLE_H
#include "lab/page.h"

/* A wobble in -1 … 1 that is the same on every machine. */
double wobble(unsigned i);
/* A share at a place, with its made-up interval, kept in 0 … 1. */
json_t *made_up(double value, double half);
/* One section a kind of chart. */
int sample_plots(struct page *p, struct err *e);
/* A study page of its own (sample_study.c). */
int sample_study(const char *path, struct err *e);
#endif
