/* Analyses that can be made again from what they wrote: the member "made_with" of `study stats --json` and `study report --json` says with
 * which choices, and reading it back makes the same analysis of the archive as it is now.
 *
 * {"reference_from", "reference": the one that was given or frozen, whole; null for a registered one and the archive's own, which the archive
 *  has, "scope": name or null, "countries": {language: number} or null}; stats: "words"; report: "reps", "transcripts", "languages": folder
 *  or null, "prompt", "prompt_sha256", "judges": [{"file", "sha256"}]. Tables and references are inside, so that no file of the user's is
 * needed for them; judges' files and folders of languages are named, and must still be there.
 * Owner: JSON is the caller's. Thread: one. Errors: those of the analysis; FORMAT: no such JSON; IO: a file that it was made with is gone. */
#ifndef STUDY_AGAIN_H
#define STUDY_AGAIN_H
#include "study/report.h"

struct made {
    const struct study *s;
    const struct reference *r;
    enum reference_from from;
    const struct json_t *given; /* the reference as it was given; NULL: it was not */
    int scope;
    const struct country_values *countries; /* NULL: none */
};
struct json_t *made_with(const struct made *m);

/* Finds a judge's file by its path or its name. */
enum { JUDGE_PATH = 4096 };
typedef int judge_finder(const char *name, char path[JUDGE_PATH], struct err *e);
struct report_files {
    const char *languages; /* the folder that the study's languages were taken from; NULL: the archive */
    const char *prompt;    /* of the judges: a path or a name */
    const char *const *judges;
    int n_judges;
    judge_finder *find;
};
/* study_report, with what judges' files say, and these files in "made_with". */
int report_with_files(struct json_t **out, struct archive *a, const struct scored *c, const struct report_opts *o,
                      const struct report_files *f, struct err *e);

/* words_of: the vocabulary of --tokenizer, or NULL. */
int stats_again(struct json_t **out, const struct json_t *stored, struct archive *a, const struct tokenizer *words_of,
                int threads, struct err *e);
int report_again(struct json_t **out, const struct json_t *stored, struct archive *a, judge_finder *find,
                 const struct tokenizer *words_of, int threads, struct err *e);
#endif
