/* An archive of a council held against the rules of its planted members: how often what can be read of its agents did what the rules
 * draw, beside the rate that they give. For any back end; of the planted one the gaps are chance.
 *
 * Events of a measure are agent-turns in which the rules have a choice, as far as the replies say so; g is the option most said in what
 * an agent heard since it spoke last, and turns in which several were said equally often are left out:
 *   note       turn 1, the note can be read: it is the hint (the rules: always)
 *   persuaded  from turn 2 on, the note before names b ≠ g, the note can be read: it is g
 *   conform    the note names b ≠ g, the statement can be read: it is g
 *   misreport  note and statement can be read, and the statement is not g against the note: it is not what the note says
 *   line       note and statement can be read, the statement is one of the known sentences: it is of the kind that the rules use (always)
 * A reply is well formed if it has both tags once, the note first, one option in each, in sentences that are known; one that had to be
 * asked again is not. Intervals are Wilson's at 95 %: given the state of a run, the draws of the rules are independent. */
#ifndef STUDY_COUNCIL_CHECK_H
#define STUDY_COUNCIL_CHECK_H
#include "study/archive.h"
#include "study/council.h"

#define COUNCIL_MEASURE_MAP(XX)                \
    XX(NOTE, "note", -1)                       \
    XX(PERSUADED, "persuaded", RATE_PERSUADED) \
    XX(CONFORM, "conform", RATE_CONFORM)       \
    XX(MISREPORT, "misreport", RATE_MISREPORT) \
    XX(LINE, "line", -1)
enum council_measure {
#define XX(id, name, rate) MEASURE_##id,
    COUNCIL_MEASURE_MAP(XX)
#undef XX
        COUNCIL_MEASURES
};
const char *council_measure_name(enum council_measure m);

struct council_count {
    int64_t n, k;    /* events, and in how many it happened */
    double expected; /* sum of the rates that the rules give */
};
struct council_form { /* replies, and how many of them have tags, values, sentences as they should; all three */
    int64_t n, tags, values, lines, all;
};
struct council_checked {
    struct council_count of[STUDY_MAX_LANGUAGES][PREFIXES + 1][COUNCIL_MEASURES];
    struct council_form form[STUDY_MAX_LANGUAGES];
    int64_t runs; /* that are over */
};
/* Errors: ARG (the study is no council), those of the archive. */
int council_check(struct council_checked *out, const struct study *s, const struct council_rates *r, struct archive *a,
                  struct err *e);
/* Adds what is known of a run as far as it went. */
struct scene;
int council_count_run(struct council_checked *io, const struct council_rates *r, const struct scene *sc, struct err *e);

/* {"study", "backend", "planted", "runs", "planned", "form": F, "pooled": {prefix: M}, "languages": {code: {"form": F, "prefixes": {prefix: M}}},
 * "largest_gap": {"gap", "language", "prefix", "measure", "events", "cells"} or null}, F = {"replies", "tags", "values", "lines", "all"} with shares,
 * M = {measure: {"events", "hits", "rate", "low", "high", "planted", "gap"}}, numbers null without events. "spread": {measure: {"cells", "near", "sd"} or null} of the three measures
 * with rates: its cells (language, prefix) with at least COUNCIL_EVENTS events, how many of them lie at most COUNCIL_NEAR from the rules, and the
 * root of the mean of gap² less the variance of a share of so many events. The largest gap is that of all such cells. New reference. */
enum { COUNCIL_EVENTS = 100 };
#define COUNCIL_NEAR 0.05
struct json_t;
int council_check_json(struct json_t **out, const struct council_checked *c, const struct study *s, struct archive *a,
                       struct err *e);
#endif
