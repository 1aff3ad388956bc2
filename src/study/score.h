/* Scores of an archive: references, indices of runs and agents, loss, as JSON.
 *
 * A reference is made of the analysed runs that the study file names (all, or those of one arm), or read from a file that was written
 * before, so that scores stay what they are when runs are added or a dictionary is tried. It has scopes: all runs ("pooled"), each language
 * ("language/en") and each model ("model/id"); scores are given under the three that a run belongs to, side by side.
 * Owner: reference_free; JSON references are the caller's. Thread: pure functions. */
#ifndef STUDY_SCORE_H
#define STUDY_SCORE_H
#include "study/metric.h"

enum { REFERENCE_SCOPES = 1 + STUDY_MAX_LANGUAGES + STUDY_MAX_MODELS };
struct json_t;
struct reference {
    struct metric_opts o;
    struct moments run[REFERENCE_SCOPES], agent[REFERENCE_SCOPES];
    struct json_t *runs;              /* the keys of its runs */
    char archive[DIGEST_HEX];         /* hash of the facts of those runs, and of their study; "": they are not of an archive */
    int planted;                      /* what those runs say was planted */
    char tokenizer[SCORED_TOKENIZER]; /* of a share in tokens: whose */
    int within;                       /* for hypotheses: 0: the scope of each; else 1 + the scope that all have */
};
/* Scope of a cell: 0 pooled, 1 its language, 2 its model; an index into run and agent. */
int reference_scope(const struct study *s, const struct cell *c, int which);
/* Whether the runs of a cell standardise in a scope. */
int reference_has(const struct study *s, const struct cell *c, int scope);
int reference_make(struct reference *out, const struct scored *c, const struct metric_opts *o, struct err *e);
/* The same once more, of the runs that r names, if they are runs of this archive by the hash of their facts: 1. 0: they are not, and
 * *out is left alone. */
int reference_again(struct reference *out, const struct scored *c, const struct reference *r, struct err *e);
/* {"format": "candor reference/1", "monologue": "graphemes", "tokenizer": of "tokens": whose, "hits": "per_1000", "archive": hash or null, "planted", "runs": [key…], "run": {scope: {"n", "mean": {part: x},
 *  "sd": {…}}}, "agent": {…}} */
struct json_t *reference_json(const struct reference *r, const struct study *s);
/* The same back; scopes of languages and models that the study does not have are ignored, missing ones give null scores. */
int reference_read(struct reference *out, const struct study *s, const struct json_t *j, struct err *e);
/* The same units, runs and moments. */
int reference_equal(const struct reference *a, const struct reference *b, const struct study *s);
void reference_free(struct reference *r);

/* "reference_planted": true stands in it where c is not planted and the runs of r are.
 * {"study", "planted", "monologue", "hits", "loss": [{"cell", "id", "planned", "started", "finished", "failed", "unfinished",
 *  "refused", "excluded", "analysed", "agent_turns": {status: n}, "asked_again", "wrong_language": agent-turns}], "answered": who says that it
 *  answered (identities_json), "tokenizer": whose tokens are counted, if they are, "reference", "cells": [{"id", "n", parts, "conformity", "kinds": {dictionary: {kind: share of its hits}}, each {"mean", "sd"}, "scores": {"pooled": {"cpi": {"mean", "sd"}, "di"},
 *  "language", "model"}}], "runs": [{"run", "cell", "language", "model", "arm", "replicate", "aligned", "analysed", "counts", parts, "scores":
 *  {"pooled": {"z", "cpi", "di"}, …}}]}; agents: each run has "agents" too. Runs: started = finished + failed +
 *  unfinished; failed: a call failed and was not answered since; refused: of all, those with a refused or filtered agent-turn. */
int score_json(struct json_t **out, const struct scored *c, const struct reference *r, int agents, struct err *e);
/* "test_bed": true into what is made of a council. */
void study_label(struct json_t *o, const struct study *s);
/* "reference_planted": true into what is standardised by what others planted. */
void reference_label(struct json_t *o, const struct scored *c, const struct reference *r);
#endif
