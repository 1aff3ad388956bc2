/* One run of a group: who has said what, whose turn it is, and exactly what each agent may see.
 *
 * The state is a pure function of (study, cell, replicate, replies so far); in which order the replies of a simultaneous turn come in
 * changes nothing. The context of an agent is a list of parts for a chat model:
 *   system     prefixes, setting, who it is, who the others are, how to reply
 *   user       what it heard since it spoke last, the turn, the event, "it is your turn": one part for each line
 *   assistant  its own reply, in the tags of the protocol, without what the researcher alone may see
 * and so on, turn by turn (as messages: conversation.h). With the whole history a context only ever grows at its end: neither text nor order of earlier parts changes, so
 * an engine keeps its prefix and an archive stores each part once. With the last k turns, the parts behind the system text are those of
 * the turn under way and the k before it, rendered anew.
 *
 * What goes into a part is decided by one function, scene_sees; the messages that a part shows are listed beside it. Unless the study says
 * otherwise, own monologues are shown to their author alone, whispers to author and recipient, and nothing else is private.
 * Owner: scene_free, context_free; a context ends before its scene does, and outlives what is put into it. Thread: one at a time. */
#ifndef STUDY_SCENE_H
#define STUDY_SCENE_H
#include "base/str.h"
#include "study/reply.h"
#include "study/study.h"

struct scene;
int scene_open(struct scene **out, const struct study *s, const struct cell *c, int replicate, struct err *e);
void scene_free(struct scene *s);

const struct study *scene_study(const struct scene *s);
const struct cell *scene_cell(const struct scene *s);
const struct language *scene_language(const struct scene *s);
int scene_replicate(const struct scene *s);
const struct seat *scene_seats(const struct scene *s);
const char *scene_name(const struct scene *s, int agent); /* as it is called in the run's language */
const struct reply_rules *scene_rules(const struct scene *s);
struct council_fact;
const struct council_fact *scene_fact(const struct scene *s); /* what a council looks for; NULL: the study is none */

int scene_turn(const struct scene *s); /* under way, from 1; one more than the study has when the run is over */
int scene_over(const struct scene *s);
/* Agents that may be asked now and have not replied, in turn order; returns how many. */
int scene_ready(const struct scene *s, int agents[STUDY_MAX_AGENTS]);
/* A reply of one of these; its acts are taken, *r is empty then. ERR_STATE: it is not this agent's turn. */
int scene_put(struct scene *s, int agent, struct reply *r, struct err *e);
/* What an agent said at a turn; NULL: nothing yet. */
const struct reply *scene_said(const struct scene *s, int turn, int agent);
/* Whom an agent that is asked at a turn heard since it spoke last, in the order of speaking; returns how many. */
struct said_at {
    int turn, author;
};
int scene_since(const struct scene *s, int agent, int turn, struct said_at out[2 * STUDY_MAX_AGENTS]);
/* Whether viewer may see the act of an author at a turn, when it is its turn at `now`. */
int scene_sees(const struct scene *s, int viewer, int now, int turn, int author, const struct act *a);

enum part_role { PART_SYSTEM, PART_USER, PART_ASSISTANT };
const char *part_role_name(enum part_role r);
struct part {
    enum part_role role;
    int turn; /* 0: system */
    size_t len;
    const char *text; /* what others said is the scene's, which has it once for all who hear it */
    char *own;        /* text, where it is the context's; NULL: it is the scene's */
};
/* A message in a part: the act-th of what `author` said at `turn`. */
struct seen {
    int turn, author, act;
    enum channel channel;
    int part; /* which part of the context shows it */
};
struct context {
    struct part *parts;
    struct seen *seen; /* in the order of the text */
    int n, cap, n_seen, cap_seen;
    int turn; /* up to which it goes; 0: nothing is in it */
};
/* All of what an agent sees at the turn under way, in out: {0}, or what the same agent saw earlier in this run (not with a request to answer once
 * more), which is written on, or made anew where it sees the last turns only. ERR_STATE: the run is over. After an error out is empty. */
int scene_context(const struct scene *s, int agent, struct context *out, struct err *e);
/* The same with a reply that could not be read and the request to answer once more; out is {0}. */
int scene_reask(const struct scene *s, int agent, const char *reply, struct context *out, struct err *e);
/* All of what an agent saw and said in a run that is over: the context of each of its turns is a beginning of it. ERR_STATE: the run is
 * not over; UNSUPPORTED: agents see only the last turns, so that there is no such text. */
int scene_whole(const struct scene *s, int agent, struct context *out, struct err *e);
void context_free(struct context *c);
/* "t07a04.1": the name of a message in records. */
enum { MESSAGE_ID_BYTES = 24 };
void message_id(char out[MESSAGE_ID_BYTES], int turn, int author, int act);
#endif
