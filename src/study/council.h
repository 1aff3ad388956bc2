/* A council: a group that looks for a hidden fact of which each member has privately seen a hint, and talks it over for some turns.
 *
 * A test bed with planted behaviour: the members of the back end `planted` follow the rules below, so that what each believes is known
 * behind every word it says, and a model that was trained on what they said can be held against the same rules. Nothing about groups of
 * people or of other models follows from it.
 *
 * The fact is a topic, `options` of its values in an order, and one of them that is true. Its core (topic, set of options, truth) is hashed
 * into ten parts: eight are `train`, one `val`, one `test`. Fact and hints are functions of the study's seed and id and the replicate,
 * the same in all cells, so that arms and languages are matched. A hint is the truth with the study's reliability, else one of the
 * other options, each alike.
 *
 * At its turn, let g be the option most said in what a member heard since it spoke last (among equals one at random; none if no option
 * was heard), and b its belief, at first its hint:
 *   1. from turn 2 on, if there is g ≠ b: b becomes g with the chance `persuaded`;
 *   2. it notes b;
 *   3. it says b (no g), or agrees with g (g = b), or, if g ≠ b, agrees with g with the chance `conform` and else objects with b;
 *      where it does not conform, it says another option than it believes (and than g) in its place with the chance `misreport`.
 * The chances depend on the language and on the prefix a member carries; of several the last of alignment, placebo, individuation counts;
 * placebo is planted without an effect: the rates of no prefix.
 * Thread: pure functions. */
#ifndef STUDY_COUNCIL_H
#define STUDY_COUNCIL_H
#include "study/council_words.h"
#include "study/study.h"

struct council_fact {
    int topic, n, truth;            /* n options; truth: one of option[] */
    int option[COUNCIL_MAX_VALUES]; /* values of the topic (council_words.h), in the order in which they are shown */
    int hint[STUDY_MAX_AGENTS];     /* of each agent: one of option[] */
};
/* Of a study that is no council: n = 0. */
void council_draw(const struct study *s, int replicate, struct council_fact *out);
enum council_split council_split_of(const struct language *l, const struct council_fact *f);
/* f lists a value among its options. */
int council_has(const struct council_fact *f, int value);

/* What an agent of a run said at a turn, and what it could know: values of the topic, -1 where there is none or none can be read. */
struct scene;
struct council_note {
    int note, said;           /* value of the private note and of the public statement; only options of the fact */
    int note_form, said_form; /* enum council_line of the sentence; -1: none of the forms */
    int notes, says;          /* how many acts there are in the two channels */
};
int council_heard(struct council_note *out, const struct scene *s, int turn, int agent, struct err *e);
/* The option most said in what an agent heard since it spoke last, at its turn `turn`: top[n] are the options that were said most. */
struct council_view {
    int top[COUNCIL_MAX_VALUES], n;
};
int council_view(struct council_view *out, const struct scene *s, int turn, int agent, struct err *e);
/* What an agent believes when its turn begins: its last note that can be read, else its hint. */
int council_belief(int *out, const struct scene *s, int turn, int agent, struct err *e);

/* Chances of the planted members. */
#define COUNCIL_RATE_MAP(XX)   \
    XX(PERSUADED, "persuaded") \
    XX(CONFORM, "conform")     \
    XX(MISREPORT, "misreport")
enum council_rate {
#define XX(id, name) RATE_##id,
    COUNCIL_RATE_MAP(XX)
#undef XX
        COUNCIL_RATES
};
const char *council_rate_name(enum council_rate r);
/* The prefix that counts: PREFIXES is none. */
int council_prefix(unsigned prefixes);
const char *council_prefix_name(int prefix); /* "none", "alignment", … */
struct council_rates {
    double of[STUDY_MAX_LANGUAGES][PREFIXES + 1][COUNCIL_RATES];
};
/* From `planted: {council: {en: {none: {persuaded: x, …}, alignment: …, individuation: …}, …}}` of a study file. Errors are placed. */
int council_rates_read(struct council_rates *out, const struct study *s, struct err *e);
/* One chance, the same in all languages and under all prefixes. */
void council_rates_set(struct council_rates *r, enum council_rate rate, double chance);

/* Appends what a planted member writes when it is asked: a function of the state of the run. */
struct str;
int council_speak(struct str *out, const struct council_rates *r, const struct scene *s, int agent, struct err *e);
/* What council_speak draws from in this state, as a model that sees what the member sees could know it (which of several options that were
 * said most it took is no part of that). */
struct council_chances {
    double note[COUNCIL_MAX_VALUES];                /* of the belief it notes, by value */
    double said[COUNCIL_LINES][COUNCIL_MAX_VALUES]; /* of kind and value of its statement, given the note of `noted` */
};
int council_chances(struct council_chances *out, const struct council_rates *r, const struct scene *s, int agent, int noted,
                    struct err *e);
#endif
