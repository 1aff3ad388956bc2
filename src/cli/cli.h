/* The program: a table of subcommands, one file each, over a small declarative option parser.
 *
 * To add a command: (1) write cmd_x.c with a `const struct command command_x`, (2) add XX(x) to COMMAND_MAP, (3) add a case to
 * tests/cli/cases, (4) say it in the documentation of the command line. Nothing else knows the list.
 *
 * A command returns 0, an exit status (EXIT_*), or a negative ERR_* with *e filled. Only main.c prints errors and exits. Whatever is
 * wrong with the command line itself goes through usage_error(), which makes the exit status 2.
 * No logic lives here: a command opens things, calls a room and writes what it said. */
#ifndef CLI_CLI_H
#define CLI_CLI_H
#include "base/err.h"
#include <stddef.h>
#include <stdint.h>

enum { EXIT_FAILED = 1, EXIT_USAGE = 2, EXIT_UNVERIFIED = 3, EXIT_CLAIM = 10 };

struct opt {
    const char *name; /* without dashes; NULL ends the table */
    char letter;      /* 0: none */
    const char *arg;  /* metavariable; NULL: a flag */
    const char *def;  /* default, as text; NULL: none */
    const char *help; /* what it does, with its unit */
};
enum { ARGS_MAX = 256 };
struct arg {
    const struct opt *opt;
    const char *value;
};
struct args {
    const struct command *cmd;
    struct arg given[ARGS_MAX]; /* in the order of the command line */
    int n_given;
    const char *pos[ARGS_MAX]; /* positional arguments */
    int n_pos;
    int wrong; /* the command line is to blame */
};
struct command {
    const char *name, *summary, *usage; /* name: one word, or two ("theater train"). usage: what follows "candor NAME " */
    const struct opt *opts;             /* own options; those of every command (common_opts) are added */
    int min_pos, max_pos;               /* positional arguments */
    int (*run)(struct args *a, struct err *e);
    const char *notes; /* paragraphs after the options, or NULL */
};
#define COMMAND_MAP(XX)                                                                                                          \
    XX(models)                                                                                                                   \
    XX(inspect)                                                                                                                  \
    XX(convert)                                                                                                                  \
    XX(tokenize)                                                                                                                 \
    XX(detokenize)                                                                                                               \
    XX(template)                                                                                                                 \
    XX(run)                                                                                                                      \
    XX(logits)                                                                                                                   \
    XX(hidden)                                                                                                                   \
    XX(grad)                                                                                                                     \
    XX(perplexity) XX(gym) XX(train) XX(reason) XX(theater_collect) XX(theater_train) XX(theater_evaluate) XX(theater_show)      \
        XX(bench) XX(mem) XX(random) XX(quantize) XX(selftest) XX(study_languages) XX(study_plan) XX(study_register)             \
            XX(study_run) XX(study_judge) XX(study_stats) XX(study_score) XX(study_report) XX(study_verify) XX(study_export)     \
                XX(study_import) XX(study_prml) XX(study_council) XX(study_listen)                                               \
                XX(stats_hedges_g) XX(stats_welch) XX(stats_permutation) XX(stats_mwu) XX(stats_wilcoxon)                        \
                    XX(stats_binomial) XX(stats_tost) XX(stats_cor) XX(stats_adjust) XX(stats_alpha) XX(stats_ols) XX(stats_lmm) \
                        XX(stats_power) XX(study_simulate) XX(study_power) XX(study_replay)
#define XX(n) extern const struct command command_##n;
COMMAND_MAP(XX)
#undef XX
extern const struct opt common_opts[];

/* --- options --- */
int args_parse(struct args *a, const struct command *cmd, int argc, char **argv, struct err *e);
int usage_error(struct args *a, struct err *e, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
int arg_has(const struct args *a, const char *name);                /* how often it was given */
const char *arg_str(const struct args *a, const char *name);        /* the last one given, else its default, else NULL */
const char *arg_nth(const struct args *a, const char *name, int i); /* repeatable options; NULL past the last */
int arg_need(struct args *a, const char *name, const char **out, struct err *e);
int arg_i64(struct args *a, const char *name, int64_t lo, int64_t hi, int64_t *out, struct err *e);
int arg_real(struct args *a, const char *name, double lo, double hi, double *out, struct err *e);
int arg_ids(struct args *a, const char *name, int32_t **ids, int64_t *n, struct err *e); /* "1,2,3"; free() */
void command_help(const struct command *c);

/* --- Ctrl-C: the first asks to stop, the second ends the program --- */
void interrupt_watch(void);
int interrupted(void);
void interrupt_forget(void); /* what was asked is done: the next Ctrl-C is a first one again */

/* --- output --- */
struct json_t;
int print_json(struct json_t *j, struct err *e);         /* one line on stdout; takes the reference; NULL: out of memory */
int print_bytes(const void *p, size_t n, struct err *e); /* stdout; an error if it cannot be written */
/* A string of bytes that may not be UTF-8: then each byte above 127 is a '?'. */
struct json_t *json_bytes(const char *s, size_t n);
struct json_t *json_name(const char *s); /* up to its NUL */
struct json_t *json_number(double x);    /* null if not finite */
#endif
