/* Judges thoughts step by step, against the worked thought of the same problem.
 *
 * An equation that is true proves little: "52+74=26" is true wherever it stands. A step is right when it is the next one of the
 * worked thought, and stays so only while all before it is. Families with more than one right course judge for themselves, with
 * the same idea of where a step ends. */
#include "task/gym_int.h"
#include <ctype.h>
#include <string.h>

static const char wait_word[] = "Wait, ";

static int is_delimiter(char c) { return c == ';' || c == '.'; }

size_t judge_step(const char *trace, size_t n, size_t at, size_t *from, int *wait) {
    size_t word = sizeof wait_word - 1;
    while (at < n && trace[at] == ' ') at++;
    *wait = n - at >= word && !memcmp(trace + at, wait_word, word);
    if (*wait) at += word;
    *from = at;
    while (at < n && !is_delimiter(trace[at])) at++;
    return at < n ? at + 1 : 0;
}

/* Where a thought stands: bytes of the worked one that are done, and whether all was right so far. */
struct state {
    size_t done;
    int right;
};

/* The state after step[n] (with its delimiter; which of the two does not matter, nor whether it begins with a capital: "Wait, the
 * boss …" takes back "The boss …"). */
static struct state follow(struct state t, const struct str *worked, const char *step, size_t n) {
    size_t from = 0;
    int wait = 0;
    size_t end = t.right ? judge_step(worked->s, worked->len, t.done, &from, &wait) : 0;
    int same = end && end - from == n && tolower((unsigned char)worked->s[from]) == tolower((unsigned char)step[0]) &&
               (n < 2 || !memcmp(worked->s + from + 1, step + 1, n - 2));
    return (struct state){same ? end : t.done, same};
}

static int judge_against(const struct str *worked, const char *trace, size_t n, struct gym_step *out, int cap) {
    struct state now = {0, 1}, before = now;
    size_t from = 0;
    int steps = 0, wait = 0;
    for (size_t at = 0, end; steps < cap && (end = judge_step(trace, n, at, &from, &wait)); at = end) {
        if (wait) now = before;
        before = now;
        now = follow(now, worked, trace + from, end - from);
        out[steps++] = (struct gym_step){end, now.right};
    }
    return steps;
}

/* A worked thought without its slips: "Wait, " takes back the step before it. */
static void drop_slips(const char *trace, size_t n, struct str *out) {
    size_t from = 0, last = 0;
    int wait = 0;
    for (size_t at = 0, end; (end = judge_step(trace, n, at, &from, &wait)); at = end) {
        if (wait) out->len = last;
        last = out->len;
        if (out->len) str_puts(out, " ");
        str_add(out, trace + from, end - from);
    }
}

int judge_by_trace(const char *worked, const char *trace, size_t n, struct gym_step *out, int cap) {
    struct str clean = {0};
    drop_slips(worked, strlen(worked), &clean);
    int rc = clean.failed ? ERR_NOMEM : clean.len ? judge_against(&clean, trace, n, out, cap) : 0;
    str_free(&clean);
    return rc;
}

int judge_worked(const struct gym_spec *s, const struct problem *p, const char *trace, size_t n, struct gym_step *out, int cap) {
    struct gym_spec clean = *s;
    struct gym_words w = {.n_choices = 0};
    struct rng r = RNG(0, 0); /* without slips a thought that is judged draws nothing */
    clean.slip_rate = 0;
    s->family->tell(&clean, p, &r, &w);
    int rc = w.trace.failed ? ERR_NOMEM : judge_against(&w.trace, trace, n, out, cap);
    words_fini(&w);
    return rc;
}
