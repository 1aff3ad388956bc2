/* What a publication says of a figure of this study, as the study file has it (`published`), to stand beside ours. Data and not program, so
 * that a value is shown where it belongs and nowhere else. Nothing is computed from it, and it is no term of a registration.
 *
 *   published:
 *     - {what: "effect on CPI in English", beside: effect, metric: cpi, language: en, value: -1.844, says: "p < .0001", source: "…"}
 *
 * beside: what of ours stands beside it
 *   effect       Hedges' g of all aligned against none: metric, language, model
 *   hypothesis   the figure of that hypothesis: hypothesis; per_agent: divided by the number of agents
 *   rising       in how many languages the slope is above zero: metric
 *   correlation  of slopes by language with numbers by country: metric
 *   kind         share of a kind in the hits of its dictionary, all aligned: dictionary, kind, language, model
 *   agents       mean of the agents with a prefix: metric, prefix; language, else all
 *   mean         mean of the analysed runs: metric; language, else all
 *   runs         how many runs are analysed
 *   none         nothing; why says why
 * A language or model that is not named is the study's only one, if it has one. */
#ifndef STUDY_PUBLISHED_H
#define STUDY_PUBLISHED_H
#include "study/hypothesis.h"

enum { STUDY_MAX_PUBLISHED = 32 };
#define BESIDE_MAP(XX)             \
    XX(EFFECT, "effect")           \
    XX(HYPOTHESIS, "hypothesis")   \
    XX(RISING, "rising")           \
    XX(CORRELATION, "correlation") \
    XX(KIND, "kind")               \
    XX(AGENTS, "agents")           \
    XX(MEAN, "mean")               \
    XX(RUNS, "runs")               \
    XX(NONE, "none")
#define XX(id, name) BESIDE_##id,
enum beside { BESIDE_MAP(XX) BESIDES };
#undef XX
const char *beside_name(enum beside b);

struct published {
    const char *what, *says, *source, *why; /* says: what is no number, such as "p < .0001"; why: of none; "" if not there */
    const char *dictionary, *kind;          /* "": none */
    enum beside beside;
    enum hypothesis_metric metric;
    enum prefix_id prefix;
    double value, lo, hi, p; /* NAN: not there */
    int64_t n;               /* of how many runs or languages; 0: not there */
    int language, model;     /* -1: none */
    int hypothesis, per_agent;
};
#endif
