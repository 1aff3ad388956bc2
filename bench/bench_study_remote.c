/* What a call of a study costs this program beside the server's time, in the group that studies have unless they say otherwise: ten agents,
 * fifteen turns, each shown all it heard so far. The server is in the same process and answers at once.
 * Usage: bench_study_remote [ROUNDS [RUNS [AGENTS [TURNS]]]] (5 rounds of 4 runs; at most 4,000 calls a round). A round has five rows, one
 * after the other, so that each meets the machine in the same mood:
 *   kept      the server keeps connections, as real ones do: scenes, prompts, HTTP, archive
 *   closed    it closes each behind its answer, so that every call connects anew
 *   planted   planted agents: the same without HTTP
 *   bare-kept, bare-closed
 *             as many requests of the mean length by libcurl alone, nothing made of the replies: what HTTP costs anybody. On one machine the
 *             kernel does much of the server's part of a new connection in the time of the thread that connects, so that closed is dear here
 * Printed are microseconds of this thread's CPU for a call: median of the rounds, least and most; and the clock's median, which counts the
 * server's threads as far as they were in the way. Not a test. */
#include "../tests/fake_chat.h"
#include "base/progress.h"
#include "study/planted.h"
#include "study/remote.h"
#include "study/runner.h"
#include <curl/curl.h>
#include <signal.h>
#include <sys/resource.h>

enum { ROWS = 5, MAX_ROUNDS = 99, AT_ONCE = 64 };
static const char *const row_name[ROWS] = {"kept", "closed", "planted", "bare-kept", "bare-closed"};
struct cost {
    double cpu, wall; /* microseconds a call */
};

static void must(int rc, const struct err *e) {
    if (rc >= 0) return;
    fprintf(stderr, "%s\n", e->msg);
    exit(1);
}

static void serve(struct fake *f, int fd, const struct fake_call *c) {
    fake_lock(f);
    *(double *)f->ctx += (double)strlen(c->body);
    fake_unlock(f);
    fake_reply(fd, "[TALK] I see it like that. [MONOLOGUE] We cannot go on like this for long; somebody will have to say so.",
               900, 28);
}

static double cpu_s(void) {
    struct rusage u;
    getrusage(RUSAGE_THREAD, &u);
    return (double)u.ru_utime.tv_sec + (double)u.ru_stime.tv_sec + 1e-6 * (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec);
}

static struct study *make_study(int runs, int agents, int turns) {
    struct language_source from = {.load = language_from_dir, .ctx = (void *)(size_t) "studies/lang"};
    struct study *s;
    struct err e = ERR_INIT;
    char text[500];
    snprintf(text, sizeof text,
             "candor: study/1\nid: bench\nseed: 5\nlanguages: [en]\nmodels: [{id: m, max_tokens: 50}]\n"
             "group: {agents: %d, turns: %d, order: fixed, context: all}\nreplicates: %d\n"
             "arms: [{id: none}, {id: all, alignment: \"100 %%\"}]\n",
             agents, turns, runs > 1 ? runs / 2 : 1);
    must(study_parse(&s, "bench", text, strlen(text), &from, &e), &e);
    return s;
}

static struct cost measure(const struct study *s, struct backend *b, int *calls) {
    static const char path[] = "/tmp/candor-bench-study", journal[] = "/tmp/candor-bench-study.journal",
                      measured[] = "/tmp/candor-bench-study.measured";
    struct err e = ERR_INIT;
    struct runner_progress done;
    struct archive *a;
    unlink(path), unlink(journal), unlink(measured);
    must(archive_open(&a, path, ARCHIVE_WRITE, &e), &e);
    double cpu = cpu_s(), wall = clock_s();
    must(runner_run(s, a, b, &(struct runner_opts){.interleave = 1000}, &done, &e), &e);
    *calls = (int)done.calls_now;
    struct cost c = {1e6 * (cpu_s() - cpu) / *calls, 1e6 * (clock_s() - wall) / *calls};
    archive_close(a);
    backend_close(b);
    unlink(path), unlink(journal), unlink(measured);
    return c;
}

static struct cost measure_remote(const struct study *s, int keep, double *bytes, int *calls) {
    struct fake *f = calloc(1, sizeof *f);
    struct backend *b;
    struct err e = ERR_INIT;
    must(f ? fake_start(f, serve, bytes) : -1, &e);
    f->keep = keep;
    struct remote_opts o = {.ep = {.url = fake_url(f), .model = "toy"}};
    must(remote_open(&b, &o, &e), &e);
    struct cost c = measure(s, b, calls);
    fake_stop(f);
    free(f);
    return c;
}

static struct cost measure_planted(const struct study *s, int *calls) {
    struct planted planted;
    struct backend *b;
    struct err e = ERR_INIT;
    must(planted_read(&planted, s, &e), &e);
    must(planted_open(&b, &planted, s, &e), &e);
    return measure(s, b, calls);
}

static size_t ignore(char *p, size_t size, size_t n, void *ctx) {
    (void)p, (void)ctx;
    return size * n;
}

static CURL *post(const char *url, const char *body) {
    CURL *c = curl_easy_init();
    if (!c) exit(1);
    curl_easy_setopt(c, CURLOPT_URL, url);
    curl_easy_setopt(c, CURLOPT_POSTFIELDS, body);
    curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, ignore);
    return c;
}

/* AT_ONCE handles, each asked again when it has its reply. */
static void post_all(const char *url, const char *body, int calls) {
    CURLM *m = curl_multi_init();
    int begun = 0, done = 0, left;
    for (; begun < AT_ONCE && begun < calls; begun++) curl_multi_add_handle(m, post(url, body));
    while (done < calls) {
        curl_multi_perform(m, &left);
        for (CURLMsg *x; (x = curl_multi_info_read(m, &left)); done++) {
            CURL *c = x->easy_handle;
            if (x->data.result != CURLE_OK) exit(1);
            curl_multi_remove_handle(m, c);
            if (begun++ < calls)
                curl_multi_add_handle(m, c);
            else
                curl_easy_cleanup(c);
        }
        curl_multi_poll(m, NULL, 0, 100, NULL);
    }
    curl_multi_cleanup(m);
}

static struct cost measure_bare(size_t bytes, int keep, int calls) {
    struct fake *f = calloc(1, sizeof *f);
    struct err e = ERR_INIT;
    char *body = malloc(bytes + 1);
    double sum = 0;
    must(f && body ? fake_start(f, serve, &sum) : -1, &e);
    f->keep = keep;
    memset(body, 'x', bytes), body[bytes] = 0;
    double cpu = cpu_s(), wall = clock_s();
    post_all(fake_url(f), body, calls);
    struct cost c = {1e6 * (cpu_s() - cpu) / calls, 1e6 * (clock_s() - wall) / calls};
    fake_stop(f);
    free(f), free(body);
    return c;
}

static int by_size(const void *x, const void *y) {
    double a = *(const double *)x, b = *(const double *)y;
    return (a > b) - (a < b);
}

static void show(const char *what, const struct cost *c, int rounds, int calls) {
    double cpu[MAX_ROUNDS], wall[MAX_ROUNDS];
    for (int i = 0; i < rounds; i++) cpu[i] = c[i].cpu, wall[i] = c[i].wall;
    qsort(cpu, (size_t)rounds, sizeof *cpu, by_size);
    qsort(wall, (size_t)rounds, sizeof *wall, by_size);
    printf("%-12s %6.1f us of CPU for a call (%.1f to %.1f), %6.1f of the clock; %d rounds of %d calls\n", what, cpu[rounds / 2],
           cpu[0], cpu[rounds - 1], wall[rounds / 2], rounds, calls);
}

static int number(int n, char **arg, int i, int without, int least, int most) {
    int x = n > i ? atoi(arg[i]) : without;
    return x < least ? least : x > most ? most : x;
}

int main(int n, char **arg) {
    int rounds = number(n, arg, 1, 5, 1, MAX_ROUNDS), runs = number(n, arg, 2, 4, 2, 2000);
    int agents = number(n, arg, 3, 10, 1, STUDY_MAX_AGENTS), turns = number(n, arg, 4, 15, 1, 99), calls = 0;
    struct cost cost[ROWS][MAX_ROUNDS];
    struct study *s = make_study(runs, agents, turns);
    signal(SIGPIPE, SIG_IGN);
    for (int i = -1; i < rounds; i++) { /* the first is for warming up */
        double bytes = 0;
        struct cost c[ROWS];
        c[0] = measure_remote(s, 1, &bytes, &calls);
        c[1] = measure_remote(s, 0, &bytes, &calls);
        c[2] = measure_planted(s, &calls);
        for (int k = 0; k < 2; k++) c[3 + k] = measure_bare((size_t)(bytes / 2 / calls), !k, calls);
        for (int k = 0; k < ROWS && i >= 0; k++) cost[k][i] = c[k];
    }
    for (int k = 0; k < ROWS; k++) show(row_name[k], cost[k], rounds, calls);
    study_free(s);
    return 0;
}
