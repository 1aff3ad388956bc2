/* What a local model's states say while agents of a council speak: the agent-turns of an archive as traces for probes (probe/collect.h).
 *
 * A council notes privately what it believes before it says something aloud, so the belief behind every public statement is known, and a
 * probe, or any other instrument that claims to read beliefs, can be held against it. A trace is one agent-turn:
 *   prompt    what the agent was shown, and its reply up to the part that is listened to
 *   thought   LISTEN_STATEMENT: the public statement, from the mark of its channel on. LISTEN_NOTE: the private note; reading 0 is
 *             then taken before any word of the reply
 *   question  that of the council, with the options of the run; its answer is the hidden fact
 *   label     the option of the agent's note: what it believes; truth: the hidden fact
 *   id        the replicate, which fixes the fact, so that no fact is in two parts of a probe's split
 *   kind      how the statement relates to the note: "sincere" the same option, "conforming" another one, that of the group (or one of several
 *             that lead), "misreporting" one that is neither; "silent" if none was said
 * The control of the text alone (layer −1) sees the words of the thought, so with LISTEN_STATEMENT it knows what was said aloud.
 * What cannot be read is counted: a note without option is OUT_NO_ANSWER, a reply without the part OUT_NO_THOUGHT. Texts are turned into ids
 * anew: where a model had cut its own words otherwise, states are those of the shortest spelling.
 * Thread: one at a time; s, a, tok, chat are borrowed. */
#ifndef STUDY_LISTEN_H
#define STUDY_LISTEN_H
#include "probe/collect.h"
#include "study/archive.h"
#include "study/study.h"
#include "text/chat_template.h"
#include "text/tokenizer.h"

enum listen_part { LISTEN_STATEMENT, LISTEN_NOTE };
struct listen_opts {
    enum listen_part part;
    const struct tokenizer *tok;
    const struct chat_template *chat;
};
struct listener;
/* ERR_ARG: the study is no council. */
int listen_open(struct listener **out, const struct study *s, struct archive *a, const struct listen_opts *o, struct err *e);
void listen_free(struct listener *l);
/* All agent-turns, run by run, turn by turn, agent by agent; those that the archive lacks have no answer. Lives as long as l. */
const struct written *listen_traces(const struct listener *l);
#endif
