/* Runs a study: many runs at once, each agent-turn recorded as it is finished, and gone on with where it stopped.
 *
 * A run's state is rebuilt from the facts of the archive, so that nothing that is there is asked again; which runs are under way at the
 * same time, in which order answers come, and how often it was stopped change no fact. Facts and their keys:
 *   study                                the study file, its languages (as texts), the back end, and whether that is planted
 *   cell003/rep012/run                   a run that is over: who sat where with which prefix, counts
 *   cell003/rep012/turn07/agent04        an agent-turn: the text as it came, what was read of it, its context and the messages in it
 *   cell003/rep012/turn07/agent04/ask0   a reply that could not be read and was asked again
 * What a reasoning model wrote to itself is cut out of its reply and kept in the fact as `reasoning`; no agent reads it, not even its own.
 * A refusal, a filtered or an empty reply is a fact, never asked again; a reply that cannot be read is asked again once, where the
 * study says so. A call that failed is no fact: it is noted beside, its run stops, and the next time it is asked again.
 * Thread: one. */
#ifndef STUDY_RUNNER_H
#define STUDY_RUNNER_H
#include "study/archive.h"
#include "study/backend.h"

#define TURN_STATUS_MAP(XX)    \
    XX(OK, "ok")               \
    XX(EMPTY, "empty")         \
    XX(MALFORMED, "malformed") \
    XX(REFUSED, "refused")     \
    XX(FILTERED, "filtered")
enum turn_status {
#define XX(id, name) TURN_##id,
    TURN_STATUS_MAP(XX)
#undef XX
        TURN_STATUSES
};
const char *turn_status_name(enum turn_status s);

struct runner_progress {
    int64_t runs, runs_done, turns, turns_done, calls, failed; /* turns_done: with those of earlier times; failed: runs */
    int64_t calls_now;                                         /* of this time */
};
struct runner_opts {
    int interleave; /* runs at once; 0: 64. Each keeps what its agents were shown, for a remote model also as text: about half a megabyte at
                               the end of ten agents' fifteenth turn, by reckoning */
    int no_contexts; /* do not store prompts; they follow from the facts */
    int priced; /* calls cost money: what is sent is written down before, so that no kill hides what was perhaps charged (paid.h) */
    int give_up;            /* after so many failed calls in a row; 0: 20 */
    int (*stop)(void *ctx); /* NULL: never */
    void (*progress)(void *ctx, const struct runner_progress *p);
    void *ctx;
};
/* Errors: STATE: the archive is of another study or back end; CANCELLED: stopped, what is finished is kept; those of archive and back
 * end. *out is written in any case. The archive is not sealed. */
int runner_run(const struct study *s, struct archive *a, struct backend *b, const struct runner_opts *o,
               struct runner_progress *out, struct err *e);

enum { RUN_KEY_BYTES = 64 };
void run_key(char out[RUN_KEY_BYTES], int cell, int replicate, const char *rest); /* "cell003/rep012/" + rest */
void turn_key(char out[RUN_KEY_BYTES], int cell, int replicate, int turn, int agent);
#endif
