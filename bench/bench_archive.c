/* The archive of a study at full size: a million small facts, and the agent-turns of the largest published design with their contexts.
 * Usage: bench_archive [FOLDER [FACTS [RUNS]]]; prints seconds, bytes and peak memory. Not a test: figures are for reading. */
#include "base/progress.h"
#include "base/rng.h"
#include "study/archive.h"
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

enum { AGENTS = 10, TURNS = 15 };

static void must(int rc, const struct err *e) {
    if (rc >= 0) return;
    fprintf(stderr, "%s (%s)\n", e->msg, e->where);
    exit(1);
}

static long peak_mb(void) {
    struct rusage u;
    getrusage(RUSAGE_SELF, &u);
    return u.ru_maxrss / 1024;
}

static double size_mb(const char *path, const char *end) {
    char name[4096];
    struct stat st;
    snprintf(name, sizeof name, "%s%s", path, end);
    return stat(name, &st) == 0 ? (double)st.st_size / 1e6 : 0;
}

static void seal_and_verify(const char *path, struct archive *a) {
    struct err e = ERR_INIT;
    struct archive_report r;
    double t = clock_s();
    must(archive_seal(a, &e), &e);
    archive_close(a);
    printf("  seal   %6.2f s, %8.1f MB facts, %.1f MB measurements, peak %ld MB\n", clock_s() - t, size_mb(path, ""),
           size_mb(path, ".measured"), peak_mb());
    t = clock_s();
    must(archive_verify(path, &r, NULL, NULL, &e), &e);
    printf("  verify %6.2f s, %d findings, peak %ld MB\n", clock_s() - t, r.findings, peak_mb());
    unlink(path);
}

static void small_facts(const char *path, int64_t n) {
    struct err e = ERR_INIT;
    struct archive *a;
    json_t *fact = json_pack("{s:i, s:s}", "tokens", 17, "status", "ok");
    double t = clock_s();
    must(archive_open(&a, path, ARCHIVE_WRITE, &e), &e);
    for (int64_t i = 0; i < n; i++) {
        char key[64];
        snprintf(key, sizeof key, "cell%03lld/rep%05lld", (long long)(i % 997), (long long)(i / 997));
        must(archive_put(a, key, fact, &e), &e);
    }
    t = clock_s() - t;
    printf("%lld small facts\n  put    %6.2f s, %.2f us each, %.1f MB journal, peak %ld MB\n", (long long)n, t,
           t / (double)n * 1e6, size_mb(path, ".journal"), peak_mb());
    json_decref(fact);
    seal_and_verify(path, a);
}

/* About 60 words, different everywhere. */
static size_t speech(char *to, size_t size, uint64_t run, uint64_t turn, uint64_t agent) {
    static const char *const words[] = {"I",     "think",  "we",   "should", "wait",   "until",  "the",  "door", "opens",
                                        "again", "nobody", "said", "that",   "it",     "was",    "safe", "here", "tonight",
                                        "and",   "water",  "is",   "low",    "please", "listen", "to",   "me"};
    struct rng r = RNG(1, run, turn, agent);
    size_t n = 0;
    for (int i = 0; i < 60; i++)
        n += (size_t)snprintf(to + n, size - n, "%s ", words[rng_below(&r, sizeof words / sizeof *words)]);
    return n;
}

static void one_turn(struct archive *a, int64_t run, int turn, struct archive_id at[AGENTS], struct err *e) {
    char text[800], key[80], hex[ARCHIVE_ID_HEX];
    for (int g = 0; g < AGENTS; g++) {
        struct archive_part part[AGENTS];
        int n = 0;
        for (int other = 0; other < AGENTS && turn > 0; other++, n++) {
            size_t len = speech(text, sizeof text, (uint64_t)run, (uint64_t)turn - 1, (uint64_t)other);
            part[n].role = other == g ? ARCHIVE_ASSISTANT : ARCHIVE_USER;
            must(archive_text(a, text, len, &part[n].text, e), e);
        }
        if (turn == 0) {
            snprintf(text, sizeof text, "You are agent %d of a closed facility. The rules follow.", g);
            part[n].role = ARCHIVE_SYSTEM;
            must(archive_text(a, text, strlen(text), &part[n++].text, e), e);
        }
        must(archive_context(a, at[g], part, n, &at[g], e), e);
        archive_id_hex(at[g], hex);
        size_t len = speech(text, sizeof text, (uint64_t)run, (uint64_t)turn, (uint64_t)g);
        snprintf(key, sizeof key, "cell000/rep%05lld/turn%02d/agent%02d", (long long)run, turn, g);
        json_t *fact =
            json_pack("{s:s#, s:s, s:s, s:i}", "text", text, (int)len, "status", "ok", "context_id", hex, "tokens_out", 60);
        json_t *note = json_pack("{s:f, s:i}", "seconds", 1.25, "attempts", 1);
        must(archive_note(a, key, note, e), e);
        must(archive_put(a, key, fact, e), e);
        json_decref(fact), json_decref(note);
    }
}

static void design(const char *path, int64_t runs) {
    struct err e = ERR_INIT;
    struct archive *a;
    struct archive_id(*at)[AGENTS] = calloc((size_t)runs, sizeof *at);
    double t = clock_s(), n = (double)(runs * TURNS * AGENTS);
    must(archive_open(&a, path, ARCHIVE_WRITE, &e), &e);
    for (int turn = 0; turn < TURNS; turn++) /* all runs interleaved */
        for (int64_t run = 0; run < runs; run++) one_turn(a, run, turn, at[run], &e);
    t = clock_s() - t;
    printf("%.0f agent-turns with contexts (%lld runs)\n  put    %6.2f s, %.1f us each, %.1f MB journal, peak %ld MB\n", n,
           (long long)runs, t, t / n * 1e6, size_mb(path, ".journal"), peak_mb());
    free(at);
    seal_and_verify(path, a);
}

int main(int argc, char **argv) {
    char path[4000];
    snprintf(path, sizeof path, "%s/bench.study", argc > 1 ? argv[1] : ".");
    small_facts(path, argc > 2 ? atoll(argv[2]) : 1000000);
    design(path, argc > 3 ? atoll(argv[3]) : 1584);
    return 0;
}
