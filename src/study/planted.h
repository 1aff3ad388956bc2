/* Planted agents: text whose statistics the user has set, to try a whole study on before any model is asked.
 *
 * How much an agent thinks aloud to itself and how many words of each dictionary it uses is drawn from a distribution that the study file
 * gives under `planted`; the text is made of the language's own dictionary forms and of pieces of its neutral paragraph that hit no
 * dictionary (each is checked when the vocabulary is made), in the language's reply format. So counting recovers exactly what was
 * planted, and a study's statistics can be compared with the truth. Nothing about real models follows from it: archives and reports
 * of this back end say `planted`.
 *
 * Of component c (share of monologue; hits per 1,000 graphemes of boundary, protective, conformity), in a run with the share s of
 * aligned agents, agent i has the rate (d_c of the language, or of the language with that model where `effects` has `models`)
 *     mean_c + d_c(language) · sd_c · s  +  N(0, run_c)  +  N(0, agent_c)
 *            + own · sd_c · (aligned_i − s)  +  individuation_c · sd_c · individuated_i,
 * times 1 + turn · (t − (T + 1) / 2) / T at turn t, where sd_c = sqrt(run_c² + agent_c² / agents + rounding) is the standard deviation of the
 * run's rate. With standardised components, CPI and DI then have between s = 1 and s = 0 the population effect sizes
 *     (d_mono + d_boundary − d_protective) / √3   and   (d_mono + d_protective − d_boundary) / √3;
 * given those as `cpi` and `di`, the three d follow. Given cpi alone the three parts are equal, so that the effect size does not depend on
 * which runs standardise.
 * Everything is a function of (study, cell, replicate, turn, agent, ask). Owner: planted_free, backend_close. Immutable after reading. */
#ifndef STUDY_PLANTED_H
#define STUDY_PLANTED_H
#include "study/backend.h"
#include "study/council.h"

#define COMPONENT_MAP(XX)        \
    XX(MONOLOGUE, "monologue")   \
    XX(BOUNDARY, "boundary")     \
    XX(PROTECTIVE, "protective") \
    XX(CONFORMITY, "conformity")
enum component {
#define XX(id, name) COMPONENT_##id,
    COMPONENT_MAP(XX)
#undef XX
        COMPONENTS
};
const char *component_name(enum component c);

struct planted_component {
    double mean, run, agent; /* in its unit */
    double individuation;    /* in sd */
};
struct planted {
    struct planted_component part[COMPONENTS];
    double d[STUDY_MAX_LANGUAGES][COMPONENTS];                      /* the effect of s = 1, in sd */
    double more[STUDY_MAX_MODELS][STUDY_MAX_LANGUAGES][COMPONENTS]; /* what the effect of a model is beyond d */
    double kinds[STUDY_MAX_LANGUAGES][2][LANGUAGE_MAX_KINDS];       /* weights of the protective kinds at s = 0 and 1 */
    double own, turn, whisper, malformed, refused;                  /* last three: shares of agent-turns */
    int64_t graphemes;                                              /* of an agent-turn */
    struct council_rates council; /* of a council (council.h), whose members play by its rules instead */
};
/* From the study's `planted`, else a null effect. Errors are placed. */
int planted_read(struct planted *out, const struct study *s, struct err *e);
/* Of the rate of a run: what it is on average, and its standard deviation between runs. */
double planted_mean(const struct planted *p, const struct study *s, int language, enum component c, double share);
double planted_sd(const struct planted *p, const struct study *s, enum component c);
/* The same agents with nothing planted: no effect of a prefix on anybody. */
void planted_nothing(struct planted *p);
/* The population effect sizes of a language, share 1 against 0. */
void planted_effect(const struct planted *p, int language, double *cpi, double *di);
/* Hedges' g of a contrast of an index or a part, in the population: runs as planted, standardised by the study's reference made of
 * infinitely many of them. 0 of anything if nothing is planted; NAN of other kinds and metrics. */
double planted_truth(const struct planted *p, const struct study *s, const struct hypothesis *h);

/* One agent of a run, and what of its rates is the same at all turns. p, s and cell are borrowed. */
struct planted_agent {
    const struct planted *p;
    const struct study *s;
    const struct cell *cell;
    int replicate, agent;
    double share, rate[COMPONENTS], phase[COMPONENTS]; /* share: of aligned agents; phase: where rounding begins */
};
void planted_agent(struct planted_agent *out, const struct planted *p, const struct study *s, const struct cell *cell,
                   int replicate, const struct seat *seats, int agent);
/* What an agent is to write: graphemes to itself and hits. Cumulative rounding keeps an agent's totals within one of its rate. */
struct planted_counts {
    int64_t monologue, hits[COMPONENTS]; /* hits[COMPONENT_MONOLOGUE] is 0 */
};
void planted_counts(const struct planted_agent *a, int turn, struct planted_counts *out);

/* p and s are borrowed. Errors: a language has too few forms that can be planted. */
int planted_open(struct backend **out, const struct planted *p, const struct study *s, struct err *e);
#endif
