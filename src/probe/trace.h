/* A trace: what a model wrote on one question, cut into thought and answer, and what can be known of its belief on the way.
 *
 * Places. `ids[n]` are all generated tokens, `text` their bytes, `ends[i]` where token i ends in it. The thought is the tokens open … close − 1
 * (between the marks of thinking; all of it where there are none). A *reading* r is the state after r tokens of the thought, r = 0 … close − open: so
 * a trace has close − open + 1 of them, and reading 0 comes before its first word. A step is a reading and the byte of the thought that it
 * stands at; step 0 is reading 0. Bytes, not step numbers, are what different readers are lined up on.
 * A class is a choice, or, of a question without choices, the first token of the answer (`token`, the probe's table gives its class).
 * A trace owns all it points to: trace_fini. */
#ifndef PROBE_TRACE_H
#define PROBE_TRACE_H
#include "task/question.h"
#include <jansson.h>

enum trace_end { TRACE_MAX, TRACE_END, TRACE_CTX }; /* token limit, end token, context full */
enum trace_answered { ANSWERED_NOT, ANSWERED_WRITTEN, ANSWERED_FORCED };
/* Why a trace cannot teach or test a probe; counted, never dropped unseen. */
enum trace_out { TRACE_OK, OUT_NO_ANSWER, OUT_NO_THOUGHT, OUT_NOT_FINITE, OUT_NO_ROOM, TRACE_OUTS };

/* What the model answers if it has to, at a step. */
struct forced {
    double *logp;   /* [n_choices], over the choices alone; NULL without choices */
    double mass;    /* probability of all choices together, before that */
    char *answer;   /* without choices: the trial answer's normal form, "" where it has none */
    int32_t token;  /* its first token */
    int64_t tokens; /* of the trial answer; 0 with choices */
    double p;       /* mean probability of its tokens; with choices, of the likeliest */
    double entropy; /* bits, of the next token, all of the vocabulary */
};
struct trace_step {
    int64_t reading;
    size_t byte;
    struct forced forced;
};
struct trace {
    int64_t index; /* of its question in the file */
    struct question q;
    int64_t prompt; /* tokens of the prompt */
    int32_t *ids;
    size_t *ends; /* [n] */
    int64_t n, open, close;
    char *text;
    size_t len;
    struct trace_step *steps;
    int n_steps;
    enum trace_end end;
    enum trace_answered answered;
    enum trace_out out;
    char *answer;        /* normal form, or NULL */
    int right;           /* by the question */
    int32_t token;       /* first token of the answer; -1 */
    int32_t truth_token; /* of the right one; -1 */
    int label, truth;    /* with choices: of its own answer, of the right one; -1 */
    int64_t row0, rows;  /* states in the store */
    int64_t choice0;     /* features of its choices in the store: rows choice0 … choice0 + n_choices − 1; −1: none */
    double seconds;      /* its share of the batch's time: a measurement */
};
void trace_fini(struct trace *t);
const char *trace_out_name(enum trace_out o);
/* How many traces are left out and why, for people: "2 no answer, 1 no thought", or "none". */
void trace_outs_text(const int64_t out[TRACE_OUTS], char *text, size_t size);
static inline size_t trace_byte(const struct trace *t, int64_t token) { return token > 0 ? t->ends[token - 1] : 0; }
/* The thought's bytes. */
static inline size_t thought_byte(const struct trace *t) { return trace_byte(t, t->open); }
static inline size_t thought_len(const struct trace *t) { return trace_byte(t, t->close) - thought_byte(t); }
/* Where reading r stands in the thought's bytes. */
static inline size_t reading_byte(const struct trace *t, int64_t r) { return trace_byte(t, t->open + r) - thought_byte(t); }
/* The first reading at or behind a byte of the thought. */
int64_t reading_at(const struct trace *t, size_t byte);

/* Sets open and close by the marks (open_mark may be absent: the thought begins with the output). */
void trace_cut(struct trace *t, const char *open_mark, const char *close_mark);
/* One JSON line, and back; `where`:`line` for errors. Bytes that are not UTF-8 become '?' each, so that offsets hold. */
json_t *trace_json(const struct trace *t);
int trace_read(struct trace *out, const json_t *j, const char *where, int64_t line, struct err *e);
#endif
