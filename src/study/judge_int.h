/* What the files of the judge share. Thread: as judge.h. */
#ifndef STUDY_JUDGE_INT_H
#define STUDY_JUDGE_INT_H
#include "study/judge.h"
#include <jansson.h>

/* A file of scores, read. */
struct judge_row {
    char key[RUN_KEY_BYTES];
    enum judge_state status;
    int score[JUDGE_MAX_SCORES];
};
struct judge_file {
    json_t *head; /* the first row; NULL: the file is empty or not there */
    struct judge_row *row;
    int64_t n, cap;
    int64_t tokens_in, tokens_out; /* of the rows whose replies came from no cache, and what was perhaps charged beside */
};
int judge_file_read(struct judge_file *out, const struct judge *j, const char *path, struct err *e);
void judge_file_free(struct judge_file *f);
/* What a file's first row must say: "study", "study_sha256", "planted", "prompt", "prompt_sha256", "per", "backend", "model". */
int judge_file_head(json_t **out, const struct judge *j, struct archive *a, int per_run, const char *backend, const char *model,
                    struct err *e);
/* ERR_STATE with the first of the members that differs; NULL-terminated names. */
int judge_file_same(const json_t *head, const json_t *want, const char *const *names, const char *path, struct err *e);
#endif
