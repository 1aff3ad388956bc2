/* Programs that candor bench speaks to by lines: the ceiling and the peer. A child works only between a line said to it and its answer.
 *
 * Its OpenMP threads must not go on spinning afterwards, or they would take the processors from what is measured next. Left to itself
 * the library spins for some milliseconds and then sleeps, so after each answer there is a pause. An OMP_WAIT_POLICY of "active" in the
 * caller's environment is removed; "passive" stays: it costs a child a few per cent on a quiet machine and saves it on a busy one. */
#include "cli/bench.h"
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static void become(char *const argv[], int in, int out, int threads) {
    char n[16];
    snprintf(n, sizeof n, "%d", threads);
    setenv("OMP_NUM_THREADS", n, 1);
    const char *policy = getenv("OMP_WAIT_POLICY");
    if (policy && strcasecmp(policy, "passive") != 0) unsetenv("OMP_WAIT_POLICY");
    signal(SIGPIPE, SIG_DFL);
    if (dup2(in, 0) < 0 || dup2(out, 1) < 0) _exit(127);
    execvp(argv[0], argv);
    _exit(127);
}

static int pipes(int p[4], struct err *e) {
    if (pipe2(p, O_CLOEXEC) < 0) return fail(e, ERR_IO, "cannot make a pipe: %s", strerror(errno));
    if (pipe2(p + 2, O_CLOEXEC) < 0) {
        close(p[0]), close(p[1]);
        return fail(e, ERR_IO, "cannot make a pipe: %s", strerror(errno));
    }
    return 0;
}

int child_start(struct child *c, char *const argv[], int threads, struct err *e) {
    int p[4]; /* to the child: p[0] <- p[1]; from it: p[2] <- p[3] */
    TRY(pipes(p, e));
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        close(p[1]), close(p[2]);
        become(argv, p[0], p[3], threads);
    }
    close(p[0]), close(p[3]);
    FILE *to = pid > 0 ? fdopen(p[1], "w") : NULL, *from = pid > 0 ? fdopen(p[2], "r") : NULL;
    if (!to || !from) return fail(e, ERR_IO, "cannot start %.60s: %s", argv[0], strerror(errno));
    *c = (struct child){pid, to, from};
    return 0;
}

static int child_say(struct child *c, const char *word, struct err *e) {
    if (fprintf(c->to, "%s\n", word) > 0 && fflush(c->to) == 0) return 0;
    return fail(e, ERR_IO, "a program to measure against has ended before it was asked for \"%s\"", word);
}

int child_line(struct child *c, char *buf, size_t n) {
    if (!fgets(buf, (int)n, c->from)) return 0;
    size_t k = strcspn(buf, "\n");
    for (int ch = buf[k] ? '\n' : 0; ch != '\n' && ch != EOF;) ch = fgetc(c->from); /* the rest of a line too long */
    buf[k] = 0;
    return 1;
}

int child_ask(struct child *c, const char *word, char *buf, size_t n, struct err *e) {
    const struct timespec settle = {0, 20 * 1000 * 1000};
    TRY(child_say(c, word, e));
    if (!child_line(c, buf, n)) return fail(e, ERR_IO, "a program to measure against ended when it was asked for \"%s\"", word);
    nanosleep(&settle, NULL);
    return 0;
}

int child_end(struct child *c) {
    int status = -1;
    if (!c->pid) return 0;
    fclose(c->to), fclose(c->from);
    while (waitpid(c->pid, &status, 0) < 0 && errno == EINTR) continue;
    *c = (struct child){0};
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}
