/* What a call of a study costs this program beside the server's time: runs of two agents against a server in the same process that answers
 * at once. Usage: bench_study_remote [RUNS [CALLS AT ONCE]]; prints microseconds of this thread's CPU and of the clock for each call, once
 * for the whole (scenes, prompts, HTTP, archive) and once for runs with planted agents (the same without HTTP). The server's threads share
 * the machine, so the clock is for reading beside the CPU. At most 1,900 runs (the server keeps its threads until the end). Not a test. */
#include "../tests/fake_chat.h"
#include "base/progress.h"
#include "study/planted.h"
#include "study/remote.h"
#include "study/runner.h"
#include <signal.h>
#include <sys/resource.h>

static void must(int rc, const struct err *e) {
    if (rc >= 0) return;
    fprintf(stderr, "%s\n", e->msg);
    exit(1);
}

static void serve(struct fake *f, int fd, const struct fake_call *c) {
    (void)f, (void)c;
    fake_reply(fd, "[TALK] I see it like that.", 900, 8);
}

static double cpu_s(void) {
    struct rusage u;
    getrusage(RUSAGE_THREAD, &u);
    return (double)u.ru_utime.tv_sec + (double)u.ru_stime.tv_sec + 1e-6 * (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec);
}

static struct study *make_study(int runs) {
    struct language_source from = {.load = language_from_dir, .ctx = (void *)(size_t) "studies/lang"};
    struct study *s;
    struct err e = ERR_INIT;
    char text[500];
    int half = runs > 1 ? runs / 2 : 1;
    snprintf(text, sizeof text,
             "candor: study/1\nid: bench\nseed: 5\nlanguages: [en]\nmodels: [{id: m, max_tokens: 50}]\n"
             "group: {agents: 2, turns: 1, order: fixed, context: all}\nreplicates: %d\n"
             "arms: [{id: none}, {id: all, alignment: \"100 %%\"}]\n",
             half);
    must(study_parse(&s, "bench", text, strlen(text), &from, &e), &e);
    return s;
}

static void measure(const char *what, const struct study *s, struct backend *b) {
    static const char path[] = "/tmp/candor-bench-study", journal[] = "/tmp/candor-bench-study.journal",
                      measured[] = "/tmp/candor-bench-study.measured";
    struct err e = ERR_INIT;
    struct runner_progress done;
    struct archive *a;
    unlink(path), unlink(journal), unlink(measured);
    must(archive_open(&a, path, ARCHIVE_WRITE, &e), &e);
    double cpu = cpu_s(), wall = clock_s();
    must(runner_run(s, a, b, &(struct runner_opts){.interleave = 1000}, &done, &e), &e);
    double n = (double)done.calls_now;
    printf("%-8s %6.0f calls: %6.1f us of CPU and %6.1f us of the clock for each\n", what, n, 1e6 * (cpu_s() - cpu) / n,
           1e6 * (clock_s() - wall) / n);
    archive_close(a);
    backend_close(b);
    unlink(path), unlink(journal), unlink(measured);
}

int main(int n, char **arg) {
    int runs = n > 1 ? atoi(arg[1]) : 1000, calls = n > 2 ? atoi(arg[2]) : 0;
    struct study *s = make_study(runs < 1900 ? runs : 1900);
    struct fake *f = calloc(1, sizeof *f);
    struct planted planted;
    struct backend *b;
    struct err e = ERR_INIT;
    signal(SIGPIPE, SIG_IGN);
    must(fake_start(f, serve, NULL), &e);
    struct remote_opts o = {.ep = {.url = fake_url(f), .model = "toy"}, .chat = {.in_flight = calls}};
    must(remote_open(&b, &o, &e), &e);
    measure("remote", s, b);
    fake_stop(f);
    must(planted_read(&planted, s, &e), &e);
    must(planted_open(&b, &planted, s, &e), &e);
    measure("planted", s, b);
    study_free(s);
    free(f);
    return 0;
}
