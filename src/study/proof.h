/* The proof that private words stayed private: every scene of an archive is replayed from its facts, and every call is held against it.
 *
 * For each call (those that were asked again too) the scene is brought to where it stood, the context of the agent is made once more, and
 *   - the logged list of messages that the agent saw is the one of that context;
 *   - the stored context, where there is one, has the same parts, by the hashes of their texts;
 *   - what the fact says was spoken is what its text says;
 *   - no monologue of another agent and no whisper between others is in it, by a rule stated here anew and not the one that made it.
 * Facts that belong to no call of the study, facts of another kind, and runs that are over without all their agent-turns, are findings too.
 * What is found is named with the key of its fact. Findings are no errors. Errors: those of the archive, NOMEM. Thread: one. */
#ifndef STUDY_PROOF_H
#define STUDY_PROOF_H
#include "study/archive.h"
#include "study/study.h"

struct proof {
    int64_t runs, calls, shown; /* replayed; messages in their contexts */
    int64_t private_shown;      /* of them monologues and whispers, each to one who may see it */
    int64_t contexts;           /* stored ones that were compared */
    int findings;
};
int proof_run(struct proof *out, const struct study *s, struct archive *a, archive_finding_fn *fn, void *user, struct err *e);
#endif
