/* What the files of a study's reading share. Thread: as study.h. */
#ifndef STUDY_STUDY_INT_H
#define STUDY_STUDY_INT_H
#include "base/fs.h"
#include "base/str.h"
#include "study/study.h"
#include "study/yaml.h"

struct study_reader {
    const struct yml_doc *d;
    struct study *s;
    const struct language_source *from;
    struct err *e;
};
int node_text_at(struct study_reader *r, const struct yml_node *map, const char *key, const char **out);
int node_id(struct study_reader *r, const struct yml_node *n, const char *what, const char **out);
/* A list of 1..most elements. */
int node_list(struct study_reader *r, const struct yml_node *n, const char *what, int most);
/* An integer that may be missing. */
int node_int_or(struct study_reader *r, const struct yml_node *map, const char *key, int64_t lo, int64_t hi, int64_t none,
                int64_t *out);
int node_real_or(struct study_reader *r, const struct yml_node *map, const char *key, double lo, double hi, double none,
                 double *out);
/* One of n names; none if it is missing. */
int node_choice_or(struct study_reader *r, const struct yml_node *map, const char *key, const char *const *names, int n, int none,
                   int *out);
/* The languages or models that a list names: bits; all if there is none. */
int study_mask(struct study_reader *r, const struct yml_node *n, int of_models, uint64_t *out);
int study_hypotheses(struct study_reader *r,
                     const struct yml_node *root); /* `hypotheses`, `correction`, `stop`, `countries`; after the arms */
int study_published(struct study_reader *r, const struct yml_node *root); /* `published`; after the hypotheses */
int study_council(struct study_reader *r, const struct yml_node *root);   /* `council`; after the languages */
/* The bytes of a file that belongs to a language ("language", "texts of a council in"), from where languages come from. */
int study_load(struct study_reader *r, const struct yml_node *at, language_load *load, const char *what, const char *code,
               char **bytes, size_t *n, char *name, size_t name_size);
int study_channels(struct study_reader *r, const struct yml_node *map); /* `channels`; after group and council */
int study_arms(struct study_reader *r, const struct yml_node *root);    /* `arms` and `replicates` */

/* A finite number within [lo, hi]. */
int study_real(const struct yml_doc *d, const struct yml_node *n, const char *what, double lo, double hi, double *out,
               struct err *e);
/* Makes the cells of languages × models × arms. */
int study_cells(struct study *s, struct err *e);
/* The event of that number, or NULL. */
const struct scripted_event *language_event(const struct language *l, int number);
#endif
