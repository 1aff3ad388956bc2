/* Hypotheses of a study file: what is claimed before the study runs, so that it can be registered and tested without another choice.
 *
 * One of four kinds, each of one metric of the analysed runs in the languages and models that it names:
 *   contrast     mean of the first arm minus mean of the second                        Welch's t, or a permutation test
 *   slope        change from no agent to all agents with a prefix                      mixed model
 *   interaction  the slope differs between languages, or (by: model) between models    mixed model; likelihood ratio for three or more
 *   agents       inside each run of the arms: agents with a prefix minus the others    paired t
 * Mixed models of several languages or models have them as fixed factors (from five languages on: a random slope of the language).
 * Slopes and interactions are over the arms that vary nothing but the share of their prefix (sweep.h).
 * A hypothesis holds if its adjusted p is below alpha and the sign of the estimate is the registered direction; p is two-sided. The direction
 * equivalent claims that there is no difference that matters: the estimate lies within ± margin, in units of the metric, by two one-sided
 * tests of the same statistic (TOST), whose larger p is p. It wants an estimate with a standard error: no permutation, one interaction. */
#ifndef STUDY_HYPOTHESIS_H
#define STUDY_HYPOTHESIS_H
#include "study/language.h"

enum { STUDY_MAX_HYPOTHESES = 64 };

#define HYPOTHESIS_METRIC_MAP(XX) \
    XX(CPI, "cpi")                \
    XX(DI, "di")                  \
    XX(MONOLOGUE, "monologue")    \
    XX(BOUNDARY, "boundary")      \
    XX(PROTECTIVE, "protective")  \
    XX(CONFORMITY, "conformity")
#define HYPOTHESIS_KIND_MAP(XX)    \
    XX(CONTRAST, "contrast")       \
    XX(SLOPE, "slope")             \
    XX(INTERACTION, "interaction") \
    XX(AGENTS, "agents")
#define HYPOTHESIS_TEST_MAP(XX)    \
    XX(WELCH, "welch")             \
    XX(PERMUTATION, "permutation") \
    XX(LMM, "lmm")                 \
    XX(PAIRED, "paired")
#define HYPOTHESIS_DIRECTION_MAP(XX) \
    XX(LESS, "less")                 \
    XX(GREATER, "greater")           \
    XX(DIFFERENT, "different")       \
    XX(EQUIVALENT, "equivalent")
#define HYPOTHESIS_SCOPE_MAP(XX) \
    XX(POOLED, "pooled")         \
    XX(LANGUAGE, "language")     \
    XX(MODEL, "model")
#define HYPOTHESIS_BY_MAP(XX) \
    XX(LANGUAGE, "language")  \
    XX(MODEL, "model")
#define HYPOTHESIS_CORRECTION_MAP(XX) \
    XX(HOLM, "holm")                  \
    XX(HOMMEL, "hommel")              \
    XX(BH, "bh")
#define XX(id, name) OF_##id,
enum hypothesis_metric { HYPOTHESIS_METRIC_MAP(XX) HYPOTHESIS_METRICS };
#undef XX
#define XX(id, name) KIND_##id,
enum hypothesis_kind { HYPOTHESIS_KIND_MAP(XX) HYPOTHESIS_KINDS };
#undef XX
#define XX(id, name) BY_##id,
enum hypothesis_test { HYPOTHESIS_TEST_MAP(XX) HYPOTHESIS_TESTS };
#undef XX
#define XX(id, name) IS_##id,
enum hypothesis_direction { HYPOTHESIS_DIRECTION_MAP(XX) HYPOTHESIS_DIRECTIONS };
#undef XX
#define XX(id, name) SCOPE_##id,
enum hypothesis_scope { HYPOTHESIS_SCOPE_MAP(XX) HYPOTHESIS_SCOPES };
#undef XX
#define XX(id, name) ACROSS_##id,
enum hypothesis_by { HYPOTHESIS_BY_MAP(XX) HYPOTHESIS_BYS };
#undef XX
#define XX(id, name) CORRECT_##id,
enum hypothesis_correction { HYPOTHESIS_CORRECTION_MAP(XX) HYPOTHESIS_CORRECTIONS };
#undef XX
const char *hypothesis_metric_name(enum hypothesis_metric m);
const char *hypothesis_kind_name(enum hypothesis_kind k);
const char *hypothesis_test_name(enum hypothesis_test t);
const char *hypothesis_direction_name(enum hypothesis_direction d);
const char *hypothesis_scope_name(enum hypothesis_scope s);
const char *hypothesis_by_name(enum hypothesis_by b);
const char *hypothesis_correction_name(enum hypothesis_correction c);

struct hypothesis {
    const char *id, *about; /* about: "" if none */
    enum hypothesis_metric metric;
    enum hypothesis_kind kind;
    enum hypothesis_test test;
    enum hypothesis_direction direction;
    enum hypothesis_scope scope; /* the reference of z */
    enum prefix_id prefix;       /* slope, interaction, agents */
    enum hypothesis_by by;       /* interaction: between what */
    int arm[2];                  /* contrast */
    uint64_t arms;               /* bit i: the i-th arm; contrast: those two; slope and interaction: sweep_arms */
    uint64_t languages, models;  /* bit i: the i-th */
    double alpha, margin;        /* margin: of equivalent, units of the metric; else 0 */
};
#endif
