/* Questions: JSON lines or CSV in, prompts out.
 *
 * A question is a stem, perhaps with choices A, B, C …, and one right answer (a letter where there are choices). A file of
 * them is read whole into a `struct questions`, which owns every string; questions_fini frees them. A question may also carry
 * a worked `trace` and the `final` text of a model answer (from the gym), and may ask to be answered at once, without thinking.
 * What a shipped reasoner reads and writes (README.md draws it) is made here and nowhere else.
 * Thread: no shared state. Failure: struct err with file and line; out-parameters are written only on success. */
#ifndef TASK_QUESTION_H
#define TASK_QUESTION_H
#include "base/err.h"
#include "base/str.h"
#include <stddef.h>
#include <stdint.h>

enum {
    QUESTION_MAX_CHOICES = 26,
    QUESTION_MAX_ID = 256,          /* bytes */
    QUESTION_MAX_TEXT = 256 * 1024, /* bytes of any one string */
    QUESTION_MAX_LINE = 1024 * 1024,
    QUESTION_MAX_COUNT = 1000 * 1000,
    QUESTION_MAX_LEVEL = 1000 * 1000,
};

struct question {
    char *id, *question;
    char **choices; /* NULL where n_choices is 0 */
    int n_choices;  /* 0, or 2..26 */
    char *answer;   /* an upper-case letter where there are choices */
    char *kind;
    char *check;         /* how answers are graded (check.h); NULL: by comparing with `answer`. Never where there are choices */
    char *trace, *final; /* may be NULL: not given */
    int level;           /* difficulty within its family; 0: not given */
    int at_once;         /* answer with an empty <think></think> */
    int64_t line;        /* where it stood in its file; 0: made here */
};
void question_fini(struct question *q); /* safe on zeroes */

struct questions {
    struct question *q;
    size_t n;
    size_t left_out; /* rows of a CSV file that say of themselves that they are faulty, or repeat another */
    int shuffled;    /* choices are in the order of `seed` (questions_shuffle) */
    uint64_t seed;
};
/* A whole file, and the same from memory (`name` is for the errors). No question at all is an error. JSON lines, or CSV (RFC 4180; comma,
 * semicolon or tab) with one of these headers:
 *   question, choices (a Python list of strings), answer (index or letter), perhaps error_type, subject    MMLU, MMLU-Redux; rows whose
 *       error_type is not "ok", in any case, are left out and counted
 *   Question, Correct Answer, Incorrect Answer 1 … 3    GPQA; choices are put in the order of questions_shuffle with seed 0, since the file
 *       has the right one first throughout
 * A CSV question's id is a hash of its text and choices; its kind is mmlu or gpqa, with the subject if there is such a column or the file is
 * called mmlu_SUBJECT.csv: "mmlu/anatomy". */
int questions_load(struct questions *out, const char *path, struct err *e);
int questions_parse(struct questions *out, const char *text, size_t n, const char *name, struct err *e);
void questions_fini(struct questions *qs);
/* Puts every question's choices in an order that follows from (seed, id, choices) alone, not from the order they had; the answer's letter
 * follows. ERR_STATE, and nothing changed, where a question with choices has a worked thought, which names them by letter. */
int questions_shuffle(struct questions *qs, uint64_t seed, struct err *e);

/* A question out of a prompt's text: its choices are the last lines "A) …", "B) …", … (none: n_choices 0). id, kind and answer mean nothing. */
int question_from_text(struct question *out, const char *text, size_t n, struct err *e);

/* Appends one JSON object and a newline; trace and final only if `traces` and if they are there. */
int question_json(const struct question *q, int traces, struct str *out, struct err *e);

/* The special tokens of a shipped reasoner, in the order of their ids; NULL ends the list. */
extern const char *const task_specials[];
/* The same dialogue for programs that know chat templates only (Jinja): a user's message is a question, the assistant's is what the model wrote. */
extern const char task_chat_template[];
/* All append. Body: stem and choices, no special token (untrusted text: tokenise it without parsing special tokens).
 * Prompt: `<|q|>BODY\n<|a|>`, for at_once followed by `<think></think>`.
 * Text: the prompt and the model answer, `<think>TRACE</think>FINAL<|end|>`; needs trace and final (else ERR_ARG). */
int question_body(const struct question *q, struct str *out);
int question_prompt(const struct question *q, struct str *out);
int question_text(const struct question *q, struct str *out);
#endif
