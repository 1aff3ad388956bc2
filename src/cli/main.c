/* The door: finds the subcommand, prints its error as one line, and is the only place that decides the exit status. */
#include "base/progress.h"
#include "cli/cli.h"
#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifndef CANDOR_VERSION
#define CANDOR_VERSION "0.1.0"
#endif

static const struct command *const commands[] = {
#define XX(n) &command_##n,
    COMMAND_MAP(XX)
#undef XX
};
enum { N_COMMANDS = sizeof commands / sizeof *commands };

/* ---- Ctrl-C ---- */

static volatile sig_atomic_t stop_asked;
static void on_interrupt(int sig) {
    (void)sig;
    stop_asked = 1;
}
void interrupt_watch(void) {
    struct sigaction s = {.sa_handler = on_interrupt, .sa_flags = SA_RESETHAND};
    sigemptyset(&s.sa_mask);
    sigaction(SIGINT, &s, NULL);
}
int interrupted(void) { return stop_asked; }
void interrupt_forget(void) {
    if (!stop_asked) return;
    stop_asked = 0;
    interrupt_watch();
}

/* ---- output ---- */

int print_bytes(const void *p, size_t n, struct err *e) {
    if (fwrite(p, 1, n, stdout) == n && fflush(stdout) == 0) return 0;
    return fail_at(e, ERR_IO, "stdout", -1, "cannot write: %s", strerror(errno));
}

int print_json(struct json_t *j, struct err *e) {
    char *s = j ? json_dumps(j, JSON_COMPACT) : NULL;
    json_decref(j);
    if (!s) return fail(e, ERR_NOMEM, "out of memory for JSON");
    int rc = print_bytes(s, strlen(s), e);
    if (!rc) rc = print_bytes("\n", 1, e);
    free(s);
    return rc;
}

struct json_t *json_bytes(const char *s, size_t n) {
    json_t *j = json_stringn(s, n);
    char *plain = j ? NULL : malloc(n + 1);
    if (!plain) return j;
    for (size_t i = 0; i < n; i++) plain[i] = (unsigned char)s[i] < 128 ? s[i] : '?';
    j = json_stringn(plain, n);
    free(plain);
    return j;
}

struct json_t *json_name(const char *s) {
    return json_bytes(s, strlen(s));
}

struct json_t *json_number(double x) {
    return isfinite(x) ? json_real(x) : json_null();
}

/* ---- the line on stderr ---- */

static void print_error(const struct err *e) {
    char msg[sizeof e->msg];
    snprintf(msg, sizeof msg, "%s", e->msg[0] ? e->msg : err_name(e->code));
    for (char *p = msg; *p; p++)
        if ((unsigned char)*p < 32 || *p == 127) *p = ' '; /* one line, and nothing that a terminal would obey */
    fflush(stdout);
    fprintf(stderr, "candor: error: %s", msg);
    if (e->where[0] && e->at >= 0)
        fprintf(stderr, " (%s:%lld)", e->where, (long long)e->at);
    else if (e->where[0])
        fprintf(stderr, " (%s)", e->where);
    fputc('\n', stderr);
}

static void print_commands(FILE *f) {
    fprintf(f, "usage: candor COMMAND [options]\n\n"
               "candor runs open-weight language models, looks inside them and differentiates through them.\n\ncommands:\n");
    for (int i = 0; i < N_COMMANDS; i++) fprintf(f, "  %-12s %s\n", commands[i]->name, commands[i]->summary);
    fprintf(f, "\n`candor COMMAND --help` explains each option with its default and unit.\n"
               "exit status: 0 done, 1 it could not be done, 2 the command line is wrong, 3 verification failed, 10 a claim does "
               "not hold\n");
}

/* A command's name is one word or two; *words says how many it took. */
static const struct command *find_command(const char *first, const char *second, int *words) {
    size_t n = strlen(first);
    for (int i = 0; i < N_COMMANDS; i++) {
        const char *name = commands[i]->name;
        if (strncmp(name, first, n) != 0 || (name[n] && name[n] != ' ')) continue;
        *words = name[n] ? 2 : 1;
        if (!name[n] || (second && !strcmp(name + n + 1, second))) return commands[i];
    }
    return NULL;
}

/* The words that may stand behind `first` ("collect, train"); 0: none. f: their commands with summaries, too. */
static int group(const char *first, char *words, size_t size, FILE *f) {
    size_t n = strlen(first), at = 0;
    int found = 0;
    for (int i = 0; i < N_COMMANDS; i++) {
        const char *name = commands[i]->name;
        if (strncmp(name, first, n) != 0 || name[n] != ' ') continue;
        if (f) fprintf(f, "  candor %-20s %s\n", name, commands[i]->summary);
        if (at < size) at += (size_t)snprintf(words + at, size - at, "%s%s", found ? ", " : "", name + n + 1);
        found++;
    }
    return found;
}

static int unknown(const char *first, const char *second) {
    struct err e = ERR_INIT;
    char words[200] = "";
    int help = second && (!strcmp(second, "--help") || !strcmp(second, "-h"));
    int found = group(first, words, sizeof words, help ? stdout : NULL);
    if (help && found) return 0;
    if (found && second)
        fail(&e, ERR_ARG, "unknown command \"%.60s %.60s\": expected one of %s", first, second, words);
    else if (found)
        fail(&e, ERR_ARG, "\"%.60s\" needs one of these words behind it: %s", first, words);
    else
        fail(&e, ERR_ARG, "unknown command \"%.60s\" (see candor --help)", first);
    print_error(&e);
    return EXIT_USAGE;
}

static int run_command(const struct command *c, int argc, char **argv) {
    static struct args a;
    struct err e = ERR_INIT;
    int rc = args_parse(&a, c, argc, argv, &e);
    if (!rc && arg_has(&a, "help")) {
        command_help(c);
        return 0;
    }
    progress_quiet(arg_has(&a, "quiet"));
    interrupt_watch();
    if (!rc) rc = c->run(&a, &e);
    if (rc >= 0 && fflush(stdout) != 0) rc = fail_at(&e, ERR_IO, "stdout", -1, "cannot write: %s", strerror(errno));
    if (rc >= 0) return rc;
    if (!e.code) fail(&e, rc, "%s", err_name(rc));
    print_error(&e);
    return a.wrong ? EXIT_USAGE : EXIT_FAILED;
}

int main(int argc, char **argv) {
    signal(SIGPIPE, SIG_IGN); /* a closed pipe is an output error like any other */
    if (argc < 2) {
        print_commands(stderr);
        return EXIT_USAGE;
    }
    if (!strcmp(argv[1], "--version")) {
        puts("candor " CANDOR_VERSION);
        return 0;
    }
    int help = !strcmp(argv[1], "help");
    if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h") || (help && argc == 2)) {
        print_commands(stdout);
        return 0;
    }
    int at = help ? 2 : 1, words = 1;
    const char *second = at + 1 < argc ? argv[at + 1] : NULL;
    const struct command *c = find_command(argv[at], second, &words);
    if (!c) return unknown(argv[at], help && !second ? "--help" : second);
    if (help) {
        command_help(c);
        return 0;
    }
    return run_command(c, argc - at - words, argv + at + words);
}
