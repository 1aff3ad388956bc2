/* What is measured in what agents said, and the two indices made of it.
 *
 * Counted per agent-turn and added up over agents and runs: acts, graphemes and words per channel; hits of the three dictionaries in
 * all channels, by kind; how turns ended. From the counts of a run (or of an agent) follow three components:
 *   monologue   share of what was said that went to nobody: of graphemes, acts, words, or tokens of a vocabulary that is named (what an
 *               API counts is whole replies, not what is in them)
 *   boundary    hits, raw or per 1,000 graphemes of all channels
 *   protective  the same
 * and, with z = (x − mean) / sd of a reference,
 *   CPI = z(monologue) + z(boundary) − z(protective),   DI = z(monologue) + z(protective) − z(boundary),
 * so that CPI + DI = 2 z(monologue): the two are one outcome once the monologue is known. Components stand beside both everywhere.
 *
 * A reference is frozen: it names its runs and holds their means and standard deviations (n − 1), for all runs, for each language and for
 * each model, of runs and of agents. Scores with a stored reference do not move when runs are added.
 * Nothing to divide by gives NaN. Thread: pure functions; a struct scored belongs to its caller. */
#ifndef STUDY_METRIC_H
#define STUDY_METRIC_H
#include "study/answered.h"
#include "study/dictionary.h"
#include "study/digest.h"
#include "study/runner.h"

enum { METRIC_DICTIONARIES = 3, METRIC_MAX_FORMS = 1000 }; /* dictionaries: in the order of DICTIONARY_MAP */
enum metric_dictionary {
#define XX(id, name) METRIC_##id,
    DICTIONARY_MAP(XX)
#undef XX
};
struct counts {
    int64_t acts[CHANNELS], graphemes[CHANNELS], words[CHANNELS], tokens[CHANNELS]; /* tokens: 0 where none were counted */
    int64_t hits[METRIC_DICTIONARIES], kinds[METRIC_DICTIONARIES][LANGUAGE_MAX_KINDS];
    int64_t turns[TURN_STATUSES], asked_again;
    int64_t wrong_language;   /* agent-turns with an act in another language of the study (foreign.h) */
    int64_t aloud, conformed; /* agent-turns with talk; of them with a hit of the dictionary conformity in it */
};
void counts_add(struct counts *to, const struct counts *from);
int64_t counts_turns(const struct counts *c);

#define METRIC_UNIT_MAP(XX)    \
    XX(GRAPHEMES, "graphemes") \
    XX(ACTS, "acts")           \
    XX(WORDS, "words")         \
    XX(TOKENS, "tokens")
enum metric_unit {
#define XX(id, name) UNIT_##id,
    METRIC_UNIT_MAP(XX)
#undef XX
        METRIC_UNITS
};
const char *metric_unit_name(enum metric_unit u);

#define METRIC_PART_MAP(XX)    \
    XX(MONOLOGUE, "monologue") \
    XX(BOUNDARY, "boundary")   \
    XX(PROTECTIVE, "protective")
enum metric_part {
#define XX(id, name) PART_##id,
    METRIC_PART_MAP(XX)
#undef XX
        METRIC_PARTS
};
const char *metric_part_name(enum metric_part p);
struct metric_opts {
    enum metric_unit monologue;
    int raw; /* hits as they are, not per 1,000 graphemes */
};
void metric_parts(double out[METRIC_PARTS], const struct counts *c, const struct metric_opts *o);
double metric_monologue(const struct counts *c, enum metric_unit u);
double metric_conformity(const struct counts *c);                     /* conformed / aloud */
double metric_kind(const struct counts *c, int dictionary, int kind); /* its share of the hits of its dictionary */

struct moments {
    double mean[METRIC_PARTS], sd[METRIC_PARTS];
    int64_t n;
};
struct indices {
    double z[METRIC_PARTS], cpi, di;
};
struct indices metric_indices(const double parts[METRIC_PARTS], const struct moments *m);
/* rows[n][METRIC_PARTS]; those with NaN are left out. */
void metric_moments(struct moments *out, const double (*rows)[METRIC_PARTS], int64_t n);

/* --- an archive, counted --- */
/* A form in what an agent said, over a run. without: what leaving this form out of its dictionary adds to the hits (as a rule a negative
 * number), of the dictionary conformity to `conformed`. */
struct form_count {
    int32_t hits, without;
};
struct scored_run {
    int there, finished, excluded; /* there: at least one agent-turn */
    int tried, failed; /* from measurements: a call was made; one failed and was not answered since, so that it is not finished */
    struct counts all;
    struct counts *agent;            /* [n_agents]; NULL: not there */
    unsigned char sum[DIGEST_BYTES]; /* of its facts, by scored_read */
    struct form_count *form; /* [n_agents][forms_of(language)]; NULL: not there, or the language has more than METRIC_MAX_FORMS */
};
enum { SCORED_TOKENIZER = 96 };
struct tokenizer;
struct scored {
    const struct study *s;
    int planted;
    int summed;                      /* sums are there: it was read from an archive */
    unsigned char sum[DIGEST_BYTES]; /* of the fact "study" */
    int *first;                      /* [n_cells + 1]: runs of cell c are [first[c], first[c + 1]) */
    struct scored_run *run;          /* in the order of cells and replicates */
    int64_t n;
    struct identities who;            /* what the replies say of themselves */
    char tokenizer[SCORED_TOKENIZER]; /* whose tokens were counted; "": none were */
};
/* a and s are borrowed; threads 0: physical cores, the counts are the same for any number. Errors: those of the archive; FORMAT for facts of
 * another kind. */
int scored_read(struct scored *out, const struct study *s, struct archive *a, int threads, struct err *e);
/* The same with tokens counted by t, a vocabulary that is named by the hash of its pieces ("6144 pieces 3fa9…"). */
int scored_read_tokens(struct scored *out, const struct study *s, struct archive *a, int threads, const struct tokenizer *t,
                       struct err *e);
void scored_free(struct scored *c);
/* Forms of the three dictionaries of a language, one list: dictionary d has those from forms_before(l, d) on. */
int forms_before(const struct language *l, int dictionary);
int forms_of(const struct language *l);
const char *metric_dictionary_name(int dictionary);
/* The same in steps, for counts that come from elsewhere: runs of a study with nothing in them, room for the agents of one (forms: and
 * for so many forms each; 0: none), and, once their
 * counts are there, the sums of each run and whether it is excluded. */
int scored_begin(struct scored *out, const struct study *s, struct err *e);
int scored_room(struct scored_run *r, const struct study *s, int forms, struct err *e);
void scored_finish(struct scored *c);
/* Runs that are analysed: finished and not excluded. */
int scored_in(const struct scored_run *r);
#endif
