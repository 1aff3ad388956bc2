/* A study file: who is in the room, what happens there, which conditions are compared, and how often.
 *
 * A study is data (YAML, or JSON, which is a part of it). It names personas and events by their ids; the words are those of the language
 * files (language.h). It is checked as a whole before anything runs: unknown fields, ids given twice, texts that a language lacks, shares
 * that are no whole number of agents are refused with line and column.
 *
 * A cell is one condition (arm) in one language with one model; a job is one of its replicates. Everything that is drawn (who carries
 * a prefix, who sits where, in which order jobs run, what an agent's sampler starts from) is a pure function of the study's seed and id, the
 * cell's id, the replicate, the turn and the agent, so that resuming, interleaving and adding cells change nothing.
 * Owner: study_free. Immutable: any thread. */
#ifndef STUDY_STUDY_H
#define STUDY_STUDY_H
#include "study/digest.h"
#include "study/published.h"

enum {
    STUDY_MAX_AGENTS = 64,
    STUDY_MAX_TURNS = 99,
    STUDY_USUAL_AGENTS = 10, /* where the study does not say */
    STUDY_USUAL_TURNS = 15,
    STUDY_MAX_REPLICATES = 1000,
    STUDY_MAX_ARMS = 64,
    STUDY_MAX_MODELS = 16,
    STUDY_MAX_LANGUAGES = 32,
    STUDY_MAX_CELLS = 1000,
    STUDY_ID_MAX = 40
};

/* Who speaks when. Simultaneous: everybody answers to what was there before the turn. */
#define TURN_ORDER_MAP(XX)   \
    XX(FIXED, "fixed")       \
    XX(SHUFFLED, "shuffled") \
    XX(SIMULTANEOUS, "simultaneous")
enum turn_order {
#define XX(id, name) ORDER_##id,
    TURN_ORDER_MAP(XX)
#undef XX
        TURN_ORDERS
};
/* Who gets to see what is said in a channel. The author of a message sees it later, except where the researcher alone does. None: there is no
 * such channel, agents are not told of it, and a reply that uses it is malformed. */
#define AUDIENCE_MAP(XX)         \
    XX(ALL, "all")               \
    XX(RECIPIENT, "recipient")   \
    XX(AUTHOR, "author")         \
    XX(RESEARCHER, "researcher") \
    XX(PERSONAS, "personas")     \
    XX(NONE, "none")
enum audience {
#define XX(id, name) AUDIENCE_##id,
    AUDIENCE_MAP(XX)
#undef XX
        AUDIENCES
};
/* Among whom the individuated agents are. */
#define AMONG_MAP(XX)      \
    XX(ALL, "all")         \
    XX(ALIGNED, "aligned") \
    XX(REST, "rest")
enum among {
#define XX(id, name) AMONG_##id,
    AMONG_MAP(XX)
#undef XX
        AMONGS
};
const char *turn_order_name(enum turn_order o);
const char *audience_name(enum audience a);
const char *among_name(enum among a);

/* A council: the group looks for a hidden fact of which each has seen a hint (council.h). */
#define COUNCIL_SPLIT_MAP(XX) \
    XX(TRAIN, "train")        \
    XX(VAL, "val")            \
    XX(TEST, "test")
enum council_split {
#define XX(id, name) SPLIT_##id,
    COUNCIL_SPLIT_MAP(XX)
#undef XX
        COUNCIL_SPLITS
};
const char *council_split_name(enum council_split s);
struct council_design {
    int options;              /* that are asked about; 0: the study is no council */
    double reliability;       /* the chance that a hint is the truth; else it is another option */
    enum council_split split; /* which facts occur */
};

struct arm {
    const char *id, *about; /* about: "" if none */
    int with[PREFIXES];     /* how many agents carry each prefix */
    enum among among;
    int shuffled_place; /* who carries a prefix is drawn per replicate (the same for all arms); else in the order of `first`, then the rest */
    int first[STUDY_MAX_AGENTS], n_first; /* personas that are the first to carry a prefix */
    int shuffled_personas;                /* who sits where is drawn per run */
    int same_as;                          /* the arm that this one repeats (A/A); -1: none */
    int replicates;
    uint64_t languages, models; /* bit i: runs in the i-th */
    int line, col;
};
struct study_model {
    const char *id;
    double temperature, top_p; /* NAN: not set */
    int64_t max_tokens;        /* 0: not set */
};
struct cell {
    char id[3 * STUDY_ID_MAX + 8]; /* "en/model/arm" */
    uint64_t key;                  /* of its random streams: a hash of the id */
    char terms[DIGEST_HEX];        /* of all that its runs depend on beside seed and replicate (study_job_key) */
    int index, language, model, arm, replicates;
};
struct job {
    int cell, replicate;
};

/* A language that the study does not have (beside.h). */
struct language_beside {
    struct language *language;
    char *bytes;
    size_t n;
};

struct study {
    const char *id, *title;
    uint64_t seed, key; /* key: of the seed and the id */
    int n_agents, n_turns, n_languages, n_models, n_arms, n_cells;
    const char *persona[STUDY_MAX_AGENTS]; /* ids, in seating order */
    int event[STUDY_MAX_TURNS + 1];        /* at each turn from 1 on: the language's event of that number; 0: none */
    enum turn_order order;
    int last; /* an agent sees the current turn and so many before it; 0: all */
    enum audience audience[CHANNELS];
    uint64_t hears[CHANNELS];  /* AUDIENCE_PERSONAS: bit i, the i-th persona hears it */
    int reasks;                /* how often an unreadable reply is asked again: 0 or 1 */
    int block;                 /* replicates of every cell in one block of the run order; 0: one block of all */
    double max_malformed;      /* a run with a larger share of malformed agent-turns is excluded */
    double max_wrong_language; /* likewise of agent-turns in another language of the study */
    int reference;             /* the arm whose runs standardise; -1: all arms */
    struct language *language[STUDY_MAX_LANGUAGES];
    char *language_bytes[STUDY_MAX_LANGUAGES]; /* the files they were read from */
    size_t language_n[STUDY_MAX_LANGUAGES];
    char language_hash[STUDY_MAX_LANGUAGES][DIGEST_HEX];
    struct language_beside *beside;
    int n_beside;
    struct council_design council;
    char *council_bytes[STUDY_MAX_LANGUAGES]; /* of a council: the files of its texts */
    size_t council_n[STUDY_MAX_LANGUAGES];
    char council_hash[STUDY_MAX_LANGUAGES][DIGEST_HEX];
    struct study_model model[STUDY_MAX_MODELS];
    struct arm arm[STUDY_MAX_ARMS];
    struct hypothesis hypothesis[STUDY_MAX_HYPOTHESES];
    int n_hypotheses;
    enum hypothesis_correction correction;    /* over all confirmatory hypotheses */
    const char *stop;                         /* the stop rule; "": not said */
    const char *country[STUDY_MAX_LANGUAGES]; /* of each language; "": not said */
    struct published published[STUDY_MAX_PUBLISHED];
    int n_published;
    struct cell *cell;
    const struct yml_node *planted; /* read by planted.h; NULL: none */
    struct yml_doc *doc;
    char *source; /* the file's bytes */
    size_t source_n;
};

/* Where languages come from: the bytes of a file (malloc'd) and what errors call it. */
typedef int language_load(void *ctx, const char *code, char **bytes, size_t *n, char *name, size_t name_size, struct err *e);
struct language_source {
    language_load *load;
    language_load *council; /* the texts of a council in that language; NULL: there are none */
    void *ctx;
};
/* Errors are placed (path:line:column): IO, FORMAT, RANGE, LIMIT, UNSUPPORTED, NOMEM. */
int study_read(struct study **out, const char *path, const struct language_source *from, struct err *e);
int study_parse(struct study **out, const char *name, const char *s, size_t n, const struct language_source *from, struct err *e);
void study_free(struct study *s);
/* That of an archive; languages_dir: take the language files that are there from there instead (a new dictionary), NULL: those of the archive. */
struct archive;
int study_from_archive(struct study **out, struct archive *a, const char *languages_dir, struct err *e);
/* Languages of a folder, <dir>/<code>.yaml; ctx is the folder's path. */
language_load language_from_dir;
/* Texts of a council, beside a folder of languages: <dir>/../council/<code>.yaml. */
language_load council_from_dir;

/* Jobs of all cells in the order in which they are run: shuffled within blocks. free() */
int study_jobs(const struct study *s, struct job **out, int64_t *n, struct err *e);
int64_t study_runs(const struct study *s);

/* Who is who in a run: seat i is agent i. */
struct seat {
    int persona;       /* index into study.persona */
    unsigned prefixes; /* bit PREFIX_x */
};
/* Whether the agent `viewer` may see a message of `author` to `to` (-1: nobody in particular) in a channel. */
int study_sees(const struct study *s, const struct seat *seats, enum channel c, int author, int to, int viewer);
int study_has_channel(const struct study *s, enum channel c);
/* Who hears a channel, in words: "all", "leader, elder". */
struct str;
void study_audience(struct str *out, const struct study *s, enum channel c);
/* The prompt that says how to reply, without the lines of channels that the study does not have. */
void study_reply_prompt(struct str *out, const struct study *s, const char *prompt);
void study_cast(const struct study *s, const struct cell *c, int replicate, struct seat seats[STUDY_MAX_AGENTS]);
/* Who speaks at a turn, in this order: order[n_agents]. */
void study_order(const struct study *s, const struct cell *c, int replicate, int turn, int order[STUDY_MAX_AGENTS]);
/* What an agent's sampler starts from. */
uint64_t study_seed(const struct study *s, const struct cell *c, int replicate, int turn, int agent, int ask);
/* The random streams of other parts begin with these. */
enum study_stream {
    STREAM_ORDER = 1,
    STREAM_PLACE,
    STREAM_AMONG,
    STREAM_SEATS,
    STREAM_TURN,
    STREAM_SAMPLER,
    STREAM_PLANTED,
    STREAM_FACT,
    STREAM_HINT,
    STREAM_COUNCIL,
    STREAM_MIX
};
/* Draws everything anew: as if the file had said this seed. */
void study_reseed(struct study *s, uint64_t seed);
#endif
