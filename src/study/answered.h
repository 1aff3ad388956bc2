/* Who answers, and who did. Two things under one name each:
 *   the record  what the runner was told: {"backend", "planted", "model"?, "models"?: {id of the study's model: {"backend", "planted",
 *               "model"}}}; in the fact "study", and as the term "answered_by" in a registration that was made with it
 *   identities  what the replies say of themselves: model, fingerprint and provider of every agent-turn, counted. A provider that changes
 *               what stands behind a name in the middle of a study (drift) shows as a second identity of one model of the study, with the
 *               place in the run order at which each was heard.
 * Errors: NOMEM. Thread: one per struct identities. */
#ifndef STUDY_ANSWERED_H
#define STUDY_ANSWERED_H
#include "study/backend.h"

struct archive;
struct json_t;
struct json_t *answered_record(const struct backend *b); /* new reference; NULL: no memory */
/* The record of an archive; *out NULL if it has no fact "study". New reference. */
int answered_archive(struct json_t **out, struct archive *a, struct err *e);

enum { IDENTITIES = 256 }; /* apart; what comes later is counted together */
struct identity {
    int of; /* the study's model */
    char model[128], fingerprint[64], provider[64];
    int64_t turns, first, last; /* agent-turns; places of the runs in the run order, from 0 */
};
struct identities {
    struct identity *at;
    int n;
    int64_t others; /* agent-turns of identities beyond IDENTITIES */
};
/* Of one agent-turn of a run at this place; one that says nothing of itself is not counted. */
int identity_add(struct identities *x, int of, int64_t place, const struct json_t *fact, struct err *e);
int identities_join(struct identities *x, const struct identities *more, struct err *e);
void identities_sort(struct identities *x); /* by model of the study, first place, names */
void identities_free(struct identities *x);
/* [{"id", "model", "fingerprint", "provider", "agent_turns", "first", "last"}] */
struct json_t *identities_json(const struct identities *x, const struct study *s);
/* A sentence for each model of the study that more than one identity answered: [string]. */
struct json_t *identities_drift(const struct identities *x, const struct study *s);
#endif
