/* The terms of a study: everything that a registration fixes beside the texts, as JSON whose members are named so that a difference can be
 * said in words ("cells/en/m/all/replicates: registered 15, found 10").
 *
 *   {"group": {…}, "channels": {…}, "models": {id: {…}}, "arms": {id: {…}}, "cells": {id: {"replicates": n}}, "runs", "seed", "block",
 *    "reask", "exclude": {"malformed": x, "wrong_language": x if there is such a rule}, "stop", "reference", "countries": {code: country}, "formulas": {…}, "correction",
 *    "hypotheses": {id: {…}}, "answered_by": who answers (answered.h), of a registration that says so}
 * Owner: JSON is the caller's. Thread: pure functions. Errors: NOMEM, ARG. */
#ifndef STUDY_TERMS_H
#define STUDY_TERMS_H
#include "study/registration.h"
#include "study/study.h"

struct archive;
int study_terms(struct json_t **out, const struct study *s, struct err *e);
/* The content key of a job: SHA-256 of all that its run depends on (group, channels, arm, model's settings, language, seed, replicate), so
 * that equal keys are the same work in whatever study file, and a cell or a hypothesis more changes none. */
int study_cell_terms(struct study *s, struct err *e); /* the cells' part of it, when a study was read */
int study_job_key(char hex[DIGEST_HEX], const struct study *s, const struct cell *c, int replicate, struct err *e);
/* A hypothesis as it is registered, with the formula of its test. */
struct json_t *hypothesis_terms(const struct study *s, const struct hypothesis *h);
/* The model of a slope or interaction ("y ~ aligned + (1 | replicate)"), and the smaller one that it is compared with; "": none. */
const char *hypothesis_formula(const struct hypothesis *h);
const char *hypothesis_null(const struct hypothesis *h);

/* A registration of a study that has hypotheses, a stop rule and a country for each language; ERR_FORMAT names what is missing.
 * reference: a frozen z reference (score.h), or NULL; who: the record of who is to answer (answered.h), or NULL: left open. */
int study_register(struct json_t **out, const struct study *s, const char *created_at, struct json_t *reference,
                   struct json_t *who, struct err *e);
/* Everything in which a study deviates from a registration, as an array of sentences; new reference. who: the record of who answers it;
 * compared where the registration says who is to. */
int study_deviations(struct json_t **out, const struct study *s, const struct json_t *registration, const struct json_t *who,
                     struct err *e);
/* The same of an archive and its own study. */
int archive_deviations(struct json_t **out, const struct study *s, struct archive *a, const struct json_t *registration,
                       struct err *e);
/* Whether a registration leaves open who answers. */
int registration_open(const struct json_t *registration);

/* The fact "registration" of an archive: {"hash", "registration_text_id", "deviations": [sentence]}, put before the first run.
 * STATE: runs were begun without it, or with another. */
int archive_stamp(struct archive *a, const struct json_t *registration, const struct json_t *deviations, struct err *e);
/* The registration and the stamped deviations of an archive, both new references; both NULL if there is none. Its hash is checked. */
int archive_registration(struct archive *a, struct json_t **registration, struct json_t **deviations, struct err *e);
#endif
