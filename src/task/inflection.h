/* Inflection points: where a thought turns, as byte offsets.
 *
 * Three kinds: a backtrack takes something back ("Wait,", "Actually,"), a realization brings something new ("Oh,", "I see now"), a
 * reconsideration questions what was said ("Hmm", "But wait", "Let me double-check"). inflections finds them by rules: conservative ones,
 * where a sentence begins with a cue and a capital; one a sentence. inflection_messages asks a language model, inflection_reply reads what it
 * says. Offsets are bytes of the thought, so they can be laid beside its steps and tokens without counting either. Text and replies are
 * trusted by nobody. Pure; any thread. Source: "Reasoning Theater" (arXiv 2603.05488), section on inflection points. */
#ifndef TASK_INFLECTION_H
#define TASK_INFLECTION_H
#include "base/err.h"
#include <jansson.h>
#include <stddef.h>

enum inflection_kind { INFLECTION_BACKTRACK, INFLECTION_REALIZATION, INFLECTION_RECONSIDERATION, INFLECTION_KINDS };
struct inflection {
    size_t at; /* of the cue's first byte; from a judge, of the step's first byte that is not blank */
    enum inflection_kind kind;
};
const char *inflection_name(enum inflection_kind kind); /* "backtrack" … */

/* Writes the first `cap`, in order; returns how many. */
int inflections(const char *text, size_t n, struct inflection *out, int cap);

/* A thought text[n] cut into steps (text_steps_closed): step i ends at ends[i]. */
struct inflection_steps {
    const char *text;
    size_t n;
    const size_t *ends;
    int steps;
};
enum { INFLECTION_STEP_CHARS = 500 }; /* of each step, as the judge sees it */
/* *messages: a list of {role, content}, system then user; the caller's (json_decref). Steps are numbered from 1. */
int inflection_messages(const struct inflection_steps *s, json_t **messages, struct err *e);
/* What a reply names: {"inflections": [{"step": 3, "type": "backtrack"}, …]} or the bare list, in a code fence or not. Entries that are not
 * so, or name no step, are left out; one of each kind at a step. Returns how many, at most cap, in order; ERR_FORMAT: no such list. */
int inflection_reply(const char *reply, const struct inflection_steps *s, struct inflection *out, int cap, struct err *e);
#endif
