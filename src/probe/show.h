/* One trace made ready to be looked at: its marks, its tokens with what the probe believes after each, as text for a terminal or as JSON.
 *
 * Everything is a pure function of a trace, its readings (panel.h; the probe's must be there) and a threshold; the terminal is only told apart by how
 * many colours it has. What a model wrote is shown as characters, never as commands to the terminal: controls and bytes that are not UTF-8 become U+FFFD.
 * Errors: ERR_NOMEM, ERR_LIMIT; ERR_ARG where the trace has no readings of the probe. Thread: any. */
#ifndef PROBE_SHOW_H
#define PROBE_SHOW_H
#include "base/str.h"
#include "probe/panel.h"

struct shown {
    const struct trace *t;
    const struct reading_trace *r; /* of t */
    const struct probe *p;
    const struct store *s; /* names the classes of free answers; NULL: they are called by number */
    double exit_at;        /* confidence at which the probe would stop the thought */
};

/* SHIFT: the top probability moves by more than 0.2 between two steps. INFLECTION: the text turns. COMMIT: the monitor's first answer. EXIT: the first
 * reading with tokens still to come at which the probe is as sure as exit_at. */
#define SHOW_MARK_MAP(XX)                                               \
    XX(SHIFT, "shift", "\xE2\x97\x86", "belief shift")                  \
    XX(INFLECTION, "inflection", "\xE2\x86\xA9", "the text turns")      \
    XX(COMMIT, "monitor", "\xE2\x96\xB2", "monitor's first commitment") \
    XX(EXIT, "exit", "\xE2\x96\xA0", "the probe would exit")
enum show_mark {
#define XX(id, name, symbol, words) MARK_##id,
    SHOW_MARK_MAP(XX)
#undef XX
        MARKS
};
struct mark {
    int64_t token; /* of the thought, which it stands before; the thought's length: at its end */
    enum show_mark kind;
    char text[96];
};
/* *out: malloc'd, by token; returns how many. */
int show_marks(struct mark **out, const struct shown *x, struct err *e);

enum show_colours { SHOW_PLAIN, SHOW_256, SHOW_RGB };
int show_text(struct str *out, const struct shown *x, enum show_colours colours, struct err *e);
/* {id, index, kind, question, answer, truth, right, thought_tokens, exit, steps, tokens: [{text, p, class}], marks: [{token, kind, text}]}; at most `most`
 * tokens (0: all) and the marks among them. */
int show_json(json_t **out, const struct shown *x, int64_t most, struct err *e);

/* A class in words: a letter, right or wrong, or the answer's first token. */
void show_class(char out[40], const struct shown *x, int class);
/* Bytes [*from, *to) of the thought that are token i's characters: a character belongs to the token it begins in. */
void show_token(const struct trace *t, int64_t i, size_t *from, size_t *to);
/* Appends s[n] without controls; newlines stay if `lines`, else they are blanks. */
void show_safe(struct str *out, const char *s, size_t n, int lines);

/* Of a family's panel two traces, appended to `list` as show_json has them, with "why": the first that is right and that the probe knew early and surely (else
 * the one it came nearest to), and the one whose belief settled last. Of 300 tokens at most. */
int show_examples(json_t *list, const struct store *s, const struct probe *p, const struct panel *panel, struct err *e);
#endif
