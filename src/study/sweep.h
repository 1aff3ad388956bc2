/* The arms that vary nothing but the share of agents with a prefix: what slopes, interactions and effects of all against none are made of,
 * in statistics and in reports alike, so that both speak of the same runs.
 *
 * Left out are: an arm that repeats another (`same_as`: it would count one condition twice), arms in which somebody carries another prefix,
 * and arms with seats drawn per run where the study has others too. Thread: pure functions. */
#ifndef STUDY_SWEEP_H
#define STUDY_SWEEP_H
#include "study/study.h"

/* Bit i: the i-th arm. */
uint64_t sweep_arms(const struct study *s, enum prefix_id p);
/* Of a language and a model, the cells of the sweep of alignment where nobody and where everybody is aligned; 0 if one is not there. */
int sweep_ends(const struct study *s, int language, int model, int *none, int *all);
#endif
