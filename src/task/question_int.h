/* Between the files that read questions: where the reader stands, and what one row of any format becomes. */
#ifndef TASK_QUESTION_INT_H
#define TASK_QUESTION_INT_H
#include "task/question.h"
#include <jansson.h>

struct place {
    const char *name;
    int64_t line;
    struct err *e;
};

#define BAD(p, code, ...) fail_at((p)->e, code, (p)->name, (p)->line, __VA_ARGS__)

/* One question from its JSON object, checked field by field. */
int question_read(struct question *out, const json_t *o, const struct place *p);
/* Room for one more. */
int questions_grow(struct questions *qs, size_t *cap, const struct place *p);

/* question_csv.c: whether a text is a table (its first line is a header we know, or its name ends in .csv), and its questions. */
int csv_is(const char *text, size_t n, const char *name);
int csv_questions(struct questions *qs, const char *text, size_t n, struct place *p);
/* py_list.c: the strings of a Python list literal as a JSON array; NULL where z[n] is none, and *why says so. Also as numpy prints them,
 * without commas. */
json_t *py_list(const char *z, size_t n, const char **why);
#endif
