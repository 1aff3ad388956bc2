/* A language model as a judge of transcripts that are there: what it is asked, what it answered, and how far it agrees with what dictionaries
 * count and with other judges. Transcripts are fixed: agents are never asked again for a judge's sake, so that two judges differ by
 * their judgement alone. Scores stand in a file of their own beside the archive, never among its facts.
 *
 * What is asked is data (studies/judges/<id>.yaml), and its hash stands in every file of scores. Asked is of each agent-turn in which something
 * was said, or of each finished run. A reply counts as the first JSON object in it, with a whole number within the scale for each score;
 * every other reply is counted for what it is: refused, filtered, cut, unreadable. None is asked again, and none is left out in silence.
 *
 * The file is JSON lines: first {"row":"judge", "study", "study_sha256", "planted", "prompt", "prompt_sha256", "per", "backend", "model",
 * "scores"}, then {"row":"judged", "key", "status", one member a score, "text", "model", "tokens_in", "tokens_out", "measured"}, in the order of the
 * replies; "measured" tells with 1 that a reply came from a cache. The same call goes on with it: what has a row is not asked again; a torn last row is cut off.
 * Owner: judge_free. Thread: one. Errors have their place. */
#ifndef STUDY_JUDGE_H
#define STUDY_JUDGE_H
#include "study/backend.h"
#include "study/digest.h"
#include "study/metric.h"

enum { JUDGE_MAX_SCORES = 12, JUDGE_MAX_FILES = 8 };
struct judge_score {
    const char *id, *about;
    int against; /* the part of the measures that it is compared with; -1: none */
};
struct judge {
    const char *id, *system, *turn, *run, *heading, *line, *whispered, *channel[CHANNELS];
    struct study_model how; /* temperature, top_p, max_tokens of the replies */
    int least, most, n_scores;
    struct judge_score score[JUDGE_MAX_SCORES];
    char hash[DIGEST_HEX]; /* of the file's bytes */
    struct yml_doc *doc;
};
/* Errors: IO, FORMAT, RANGE, NOMEM, with line and column. */
int judge_read(struct judge **out, const char *path, struct err *e);
int judge_parse(struct judge **out, const char *name, const char *s, size_t n, struct err *e);
void judge_free(struct judge *j);

/* ---- what is asked ---- */

struct judge_units {
    char (*key)[RUN_KEY_BYTES]; /* "cell000/rep000/turn01/agent00", or "cell000/rep000"; in the order of bytes */
    int64_t n;
};
/* Agent-turns in which something was said, or finished runs. */
int judge_units(struct judge_units *out, struct archive *a, int per_run, struct err *e);
void judge_units_free(struct judge_units *u);
/* The messages about one of them; context_free. */
int judge_context(struct context *out, const struct judge *j, const struct study *s, struct archive *a, const char *key,
                  struct err *e);

/* ---- what is answered ---- */

#define JUDGED_MAP(XX)           \
    XX(SCORED, "scored")         \
    XX(UNREADABLE, "unreadable") \
    XX(CUT, "cut")               \
    XX(REFUSED, "refused")       \
    XX(FILTERED, "filtered")
enum judge_state {
#define XX(id, name) JUDGED_##id,
    JUDGED_MAP(XX)
#undef XX
        JUDGED_STATES
};
const char *judge_state_name(enum judge_state s);
/* What a reply says; scores[n_scores] are written where it is SCORED. */
enum judge_state judge_reply(const struct judge *j, const char *text, enum chat_finish finish, int *scores);

struct judge_run_opts {
    int per_run;
    int give_up; /* after so many failed calls in a row; 0: 8 */
    int priced;  /* calls cost money: each attempt has a row before it is sent, so that no kill hides what was perhaps charged */
    /* Ahead of the first call: the tokens that the rows which are there were paid with (not those from a cache), and those that were perhaps
     * charged for calls that broke off or were under way at a kill, at most. NULL: nobody asks */
    void (*paid)(void *ctx, int64_t tokens_in, int64_t tokens_out);
    int (*stop)(void *ctx); /* NULL: never */
    void (*progress)(void *ctx, int64_t done, int64_t total);
    void *ctx;
};
struct judge_done {
    int64_t units, before, now, failed; /* before: there when it began; now: answered by this call */
    int64_t status[JUDGED_STATES];      /* of all rows */
};
/* Asks what has no row in the file yet. ERR_STATE: the file is of another archive, prompt, unit or judge. Calls that failed have no row and are
 * asked again by the next start; the error says how many. */
int judge_run(const struct judge *j, const struct study *s, struct archive *a, struct backend *b, const char *path,
              const struct judge_run_opts *o, struct judge_done *done, struct err *e);

/* ---- what it is worth ---- */

/* {"study", "planted", "per", "prompt", "judges": [{"file", "model", "rows", status: n, "scores": [{"score", "mean", "against", "runs": {"n", "rho",
 *  "p"}, "agents": {"n", "rho"}}]}], "between": [{"score", "units", "alpha", "lo", "hi"}]}
 * Spearman's rho of a run's (or an agent's) mean score and its part as dictionaries count it, over analysed runs; of agents only where
 * agent-turns were judged, without p, since agents of a run are not independent. between, of two files or more: Krippendorff's alpha,
 * interval scale, over what two or more scored, 95 % by bootstrap of units. Files must be of one prompt, archive and unit. */
struct json_t;
int judge_agreement(struct json_t **out, const struct judge *j, const struct scored *c, struct archive *a,
                    const char *const *paths, int n, struct err *e);
#endif
