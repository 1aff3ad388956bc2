/* What the commands of a study begin with: its file, and where its languages are. */
#ifndef CLI_STUDYING_H
#define CLI_STUDYING_H
#include "cli/open.h"
#include "study/countries.h"
#include "study/freeze.h"
#include "study/metric.h"

#define OPT_LANGUAGES                                                                                           \
    {                                                                                                           \
        "languages", 0, "DIR", NULL,                                                                            \
            "folder with the language files, <code>.yaml; what it does not have is taken from the shipped ones" \
    }
#define OPT_PDI \
    { "pdi", 0, "FILE", NULL, "numbers by country, CSV with the columns country and value: languages are correlated with them" }
/* --reference, repeatable: FILE, own, frozen[:N], and where scopes is set pooled, language or model. */
#define OPT_REFERENCE(scopes)                                                                                             \
    {                                                                                                                     \
        "reference", 0, "R", NULL,                                                                                        \
            "standardise by: FILE (written by --save-reference; its units hold), frozen[:N] (the last, the N-th kept in " \
            "the archive), own (the archive's runs as they are)" scopes                                                   \
    }
#define OPT_TOKENIZER                                                                                                         \
    {                                                                                                                         \
        "tokenizer", 0, "M", NULL,                                                                                            \
            "count tokens of what was said too, by the vocabulary of this model or tokenizer folder (for --monologue tokens)" \
    }
struct asked_reference {
    struct reference_choice w;
    struct json_t *file; /* that w gives */
    int scope;           /* 0: not said, else 1 + SCOPE_… */
};
int read_reference(struct asked_reference *out, struct args *a, int scopes, struct err *e);
/* A JSON file of at most 1 GiB; what names it in errors ("a score"). The caller frees with json_decref. */
/* A table of numbers by country (study/countries.h). */
int read_countries(struct country_values *out, const struct study *s, const char *path, struct err *e);
int read_json(struct json_t **out, const char *path, const char *what, struct err *e);
int resolve_judge(const char *name, char path[PATH_SIZE], struct err *e);
/* An archive that is read, its study, and what was counted in it. Zeroed before; counted_close also after an error. */
struct counted {
    struct archive *a;
    struct study *s;
    struct scored c;
};
/* languages: a folder instead of the archive's own, or NULL. Counts by --threads. */
/* The vocabulary of --tokenizer; NULL where it is not given. tokenizer_free */
int open_words(struct tokenizer **t, struct args *a, struct err *e);
int counted_open(struct counted *x, const char *path, const char *languages, struct args *a, struct err *e);
void counted_close(struct counted *x);
/* Its section `planted` too, which only planted agents read else: what is registered can be run. */
int open_whole_study(struct study **out, struct args *a, const char *path, struct err *e);
int open_study(struct study **out, struct args *a, const char *path, struct err *e);
/* What is to be said of a study before it runs (study/placebo.h), on stderr; nothing with --quiet or --json. */
int study_say_remarks(const struct study *s, struct args *a, struct err *e);
/* "PLANTED ", "PLANTED REFERENCE ", "TEST BED " or "": what stands before the name of a study. */
const char *study_label_text(const struct json_t *o);
#endif
