/* What a reader of a study wants to see, as one JSON tree: loss, measures by condition with intervals, slopes, effects beside published ones,
 * the same under other choices, agents, and a few whole transcripts. lab/study_page.h draws it.
 *
 * {"study", "title", "backend", "planted", "reps", "runs", "analysed", "languages": [{"code", "name", "rtl"}],
 *  "models": [{"id", "backend", "model"}] who was asked, "answered": who says that it answered (answered.h), "remarks": as in analyse.h, "reference": {"from": as freeze.h, "scope", "runs", "monologue", "hits": units} of the z, "loss": as in score.h,
 *  "registration": hash or null, "constant": [{"part"}] that never vary in the reference, so that there is no index,
 *  "published": [{"what", "beside", "model", "value", "p", "n", "says", "source", "ours", "ours_n", "why", "note"}] what the study file says was
 *  published of it (published.h), and the same figure of ours or why there is none; value and ours as M below,
 *  "points": [{"language", "model", "arm", "share", "sweep", "n", M}], sweep: the arm varies nothing but the share of aligned agents (sweep.h);
 *  slopes, interactions, effects and all that is made of them are of these arms alone,
 *  "kinds": [{"language", "model", "arm", "dictionary", "kind", "n": runs with a hit of the dictionary, "share"}] means by condition, as M,
 *  "slopes": [{"language", "model", "n", M}] per unit of the share (0 to 100 %), by least squares,
 *  "interactions": as analyse.h,
 *  "effects": [{"language", "model", "n_all", "n_none", M, "published"}] Hedges' g of all aligned against none; published: where the study has it,
 *  "sensitivity": [{"variant", "language", "model", "cpi", "di"}] the same g if one thing were another (and all else as reported),
 *  "hypotheses", "why_exploratory", "correction", "hypothesis_words": as study_analyse gives them with words ("words" there),
 *  "power_distance": effects and slopes (mixed models, as study stats has them) by language against numbers by country, as countries.h, where those are given,
 *  "words": [{"language", "model", "dictionary", "kind", "word", "hits", "cpi", "di", "cpi_slope", "di_slope"}] g and slope of the language if
 *  that one word were not in its dictionary; words with no hit change nothing and are left out,
 *  "word_ranges": [{"language", "model", "figure": "g" | "slope", "measure": "cpi" | "di", "value", "lo", "hi", "lo_without", "hi_without", "words",
 *  "turned"}] between which values those move, without which word, and without how many words the sign is the other one,
 *  "agents": [{"language", "by", "group", "n", M}] by persona and by prefix; n: runs,
 *  "texts": [{"language", "graphemes", "expansion", "placebo_ratio", "worst_part", "worst_ratio", "neutral_hits", "wrong"}] as parity.h,
 *  "judges": what judge_agreement (judge.h) says of files of scores; the command adds it where they are given,
 *  "made_with": as again.h, "reference_planted": true where planted runs of another archive standardise,
 *  "cells", "transcripts": [{"label", "planted", "turns": [{"turn", "event", "said": [{"who", "note", "acts": [{"channel", "to", "text"}]}]}]}]}
 * M: "cpi", "di", "monologue", "boundary", "protective", "conformity", each {"value", "lo", "hi"}, 95 %, percentile bootstrap of runs (of means and g within
 * their condition, of slopes and agents over all runs of the language); null where there is nothing to say. Indices are standardised by the reference, within its scope (other units: by one made of the runs so counted; words or kinds left out: by that reference where it is given, registered or frozen, else by
 * one made of the runs so counted). Transcripts are of the first analysed replicate of
 * cells spread evenly over the study. Owner: the caller. Thread: one (it reads the archive). */
#ifndef STUDY_REPORT_H
#define STUDY_REPORT_H
#include "study/countries.h"
#include "study/freeze.h"

struct report_opts {
    int reps;                               /* of the bootstrap; 0: 1000 */
    int transcripts;                        /* at most so many runs; 0: none */
    const struct country_values *countries; /* NULL: none */
    struct reference_choice reference;
    int scope; /* of the z: 0 or 1 + SCOPE_POOLED all runs, 1 + SCOPE_LANGUAGE, 1 + SCOPE_MODEL */
};
int study_report(struct json_t **out, struct archive *a, const struct scored *c, const struct report_opts *o, struct err *e);
#endif
