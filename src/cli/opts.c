/* The option parser: a table in, values out. `--name value`, `--name=value`, `-x value`, `-xvalue`; `--` ends the options. The word after an
 * option that takes a value is its value, whatever it looks like (so `-p -1` works). */
#include "cli/cli.h"
#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const struct opt common_opts[] = {
    {"threads", 't', "N", "physical cores", "threads"},
    {"seed", 0, "N", "0", "seed of all random draws"},
    {"quiet", 'q', NULL, NULL, "no progress, no remarks"},
    {"verbose", 'v', NULL, NULL, "say more on stderr"},
    {"help", 'h', NULL, NULL, "this text"},
    {0},
};

int usage_error(struct args *a, struct err *e, const char *fmt, ...) {
    char msg[400];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(msg, sizeof msg, fmt, ap);
    va_end(ap);
    a->wrong = 1;
    return fail(e, ERR_ARG, "%s", msg);
}

static const struct opt *in_table(const struct opt *t, const char *name, size_t n, char letter) {
    for (; t && t->name; t++)
        if (name ? strlen(t->name) == n && !memcmp(t->name, name, n) : t->letter == letter) return t;
    return NULL;
}
static const struct opt *find_opt(const struct command *c, const char *name, size_t n, char letter) {
    const struct opt *o = in_table(c->opts, name, n, letter);
    return o ? o : in_table(common_opts, name, n, letter);
}

static int add_given(struct args *a, const struct opt *o, const char *value, struct err *e) {
    if (a->n_given == ARGS_MAX) return usage_error(a, e, "too many options");
    a->given[a->n_given++] = (struct arg){o, value};
    return 0;
}

/* argv[*i] is an option; takes its value from it or from the next word. */
static int parse_opt(struct args *a, int argc, char **argv, int *i, struct err *e) {
    const char *word = argv[*i], *value = NULL;
    const struct opt *o;
    if (word[1] == '-') {
        size_t n = strcspn(word + 2, "=");
        o = find_opt(a->cmd, word + 2, n, 0);
        if (!o)
            return usage_error(a, e, "unknown option --%.*s (see candor %s --help)", (int)(n > 60 ? 60 : n), word + 2,
                               a->cmd->name);
        if (word[2 + n]) value = word + 3 + n;
    } else {
        o = find_opt(a->cmd, NULL, 0, word[1]);
        if (!o) return usage_error(a, e, "unknown option -%c (see candor %s --help)", word[1], a->cmd->name);
        if (word[2]) value = word + 2;
    }
    if (!o->arg && value) return usage_error(a, e, "option --%s takes no value", o->name);
    if (o->arg && !value) {
        if (*i + 1 >= argc) return usage_error(a, e, "option --%s needs a value (%s)", o->name, o->arg);
        value = argv[++*i];
    }
    return add_given(a, o, value, e);
}

/* Also where the command does not ask for them. */
static int common_ok(struct args *a, struct err *e) {
    int64_t ignored;
    if (arg_has(a, "threads") && !in_table(a->cmd->opts, "threads", 7, 0)) TRY(arg_i64(a, "threads", 1, 1024, &ignored, e));
    if (arg_has(a, "seed") && !in_table(a->cmd->opts, "seed", 4, 0)) TRY(arg_i64(a, "seed", INT64_MIN, INT64_MAX, &ignored, e));
    return 0;
}

int args_parse(struct args *a, const struct command *cmd, int argc, char **argv, struct err *e) {
    int only_pos = 0;
    *a = (struct args){.cmd = cmd};
    for (int i = 0; i < argc; i++) {
        if (!only_pos && !strcmp(argv[i], "--"))
            only_pos = 1;
        else if (!only_pos && argv[i][0] == '-' && argv[i][1])
            TRY(parse_opt(a, argc, argv, &i, e));
        else if (a->n_pos == ARGS_MAX)
            return usage_error(a, e, "too many arguments");
        else
            a->pos[a->n_pos++] = argv[i];
    }
    if (arg_has(a, "help")) return 0;
    TRY(common_ok(a, e));
    if (a->n_pos > cmd->max_pos)
        return usage_error(a, e, "unexpected argument \"%.60s\" (see candor %s --help)", a->pos[cmd->max_pos], cmd->name);
    if (a->n_pos < cmd->min_pos) return usage_error(a, e, "expected: candor %s %s", cmd->name, cmd->usage);
    return 0;
}

int arg_has(const struct args *a, const char *name) {
    int n = 0;
    for (int i = 0; i < a->n_given; i++) n += !strcmp(a->given[i].opt->name, name);
    return n;
}

const char *arg_nth(const struct args *a, const char *name, int k) {
    for (int i = 0; i < a->n_given; i++)
        if (!strcmp(a->given[i].opt->name, name) && k-- == 0) return a->given[i].value;
    return NULL;
}

const char *arg_str(const struct args *a, const char *name) {
    int n = arg_has(a, name);
    if (n) return arg_nth(a, name, n - 1);
    const struct opt *o = find_opt(a->cmd, name, strlen(name), 0);
    return o ? o->def : NULL;
}

int arg_need(struct args *a, const char *name, const char **out, struct err *e) {
    const struct opt *o = find_opt(a->cmd, name, strlen(name), 0);
    *out = arg_str(a, name);
    if (*out) return 0;
    if (o->letter)
        return usage_error(a, e, "option -%c (--%s %s) is missing (see candor %s --help)", o->letter, name, o->arg, a->cmd->name);
    return usage_error(a, e, "option --%s %s is missing (see candor %s --help)", name, o->arg, a->cmd->name);
}

int arg_i64(struct args *a, const char *name, int64_t lo, int64_t hi, int64_t *out, struct err *e) {
    const char *s = arg_str(a, name);
    if (!s || (!arg_has(a, name) && !isdigit((unsigned char)s[0]) && s[0] != '-'))
        return 0; /* a default in words stays the caller's */
    char *end;
    errno = 0;
    long long v = strtoll(s, &end, 10);
    if (end == s || *end || errno || v < lo || v > hi) {
        if (hi == INT64_MAX)
            return usage_error(a, e, "--%s: expected a whole number from %lld on, found \"%.60s\"", name, (long long)lo, s);
        return usage_error(a, e, "--%s: expected a whole number from %lld to %lld, found \"%.60s\"", name, (long long)lo,
                           (long long)hi, s);
    }
    *out = v;
    return 0;
}

int arg_real(struct args *a, const char *name, double lo, double hi, double *out, struct err *e) {
    const char *s = arg_str(a, name);
    if (!s) return 0;
    char *end;
    double v = strtod(s, &end);
    if (end == s || *end || !isfinite(v) || v < lo || v > hi)
        return usage_error(a, e, "--%s: expected a number from %g to %g, found \"%.60s\"", name, lo, hi, s);
    *out = v;
    return 0;
}

int arg_ids(struct args *a, const char *name, int32_t **ids, int64_t *n, struct err *e) {
    const char *s;
    TRY(arg_need(a, name, &s, e));
    int32_t *v = malloc((strlen(s) / 2 + 1) * sizeof *v); /* an id and its comma take two bytes at least */
    if (!v) return fail(e, ERR_NOMEM, "out of memory");
    int64_t k = 0;
    for (const char *p = s;; p++) {
        char *end;
        errno = 0;
        long long x = isdigit((unsigned char)*p) || *p == ' ' ? strtoll(p, &end, 10) : (end = (char *)(uintptr_t)p, -1);
        if (end == p || x < 0 || x > INT32_MAX || errno || (*end && *end != ',')) {
            free(v);
            return usage_error(a, e,
                               "--%s: expected token ids with commas between them (1,2,3), found \"%.40s\" at character %lld",
                               name, p, (long long)(p - s + 1));
        }
        v[k++] = (int32_t)x;
        if (!*end) break;
        p = end;
    }
    *ids = v, *n = k;
    return 0;
}

static void print_opt(const struct opt *o) {
    char left[80], letter[8] = "    ";
    if (o->letter) snprintf(letter, sizeof letter, "-%c, ", o->letter);
    snprintf(left, sizeof left, "%s--%s%s%s", letter, o->name, o->arg ? " " : "", o->arg ? o->arg : "");
    printf("  %-30s %s", left, o->help);
    if (o->def) printf(" [default: %s]", o->def);
    putchar('\n');
}

void command_help(const struct command *c) {
    printf("usage: candor %s %s\n\n%s\n\noptions:\n", c->name, c->usage, c->summary);
    for (const struct opt *o = c->opts; o && o->name; o++) print_opt(o);
    for (const struct opt *o = common_opts; o->name; o++)
        if (!in_table(c->opts, o->name, strlen(o->name), 0)) print_opt(o);
    if (c->notes) printf("\n%s\n", c->notes);
}
