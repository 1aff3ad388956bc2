/* A small study for tests of the archive: runs of a few agents that hear each other, written in any order, from any point on. */
#ifndef STUDY_PLAY_H
#define STUDY_PLAY_H
#include "base/rng.h"
#include "study/archive.h"
#include "test_files.h"
#include <jansson.h>

enum { PLAY_RUNS = 3, PLAY_TURNS = 3, PLAY_AGENTS = 3, PLAY_FACTS = PLAY_RUNS * PLAY_TURNS * PLAY_AGENTS };

/* A folder in memory where there is one: these tests sync some thousand times. */
SHARED void play_tmp(void) {
    snprintf(tmp_dir, sizeof tmp_dir, "/dev/shm/candor-test-XXXXXX");
    if (!mkdtemp(tmp_dir)) {
        tmp_dir[0] = 0;
        return;
    }
    atexit(tmp_at_exit);
}

SHARED void play_key(char key[64], int run, int turn, int agent) {
    snprintf(key, 64, "cell000/rep%03d/turn%02d/agent%02d", run, turn, agent);
}

/* What an agent has read before its turn: a system part, then what the others said, turn by turn. */
SHARED int play_context(struct archive *a, int run, int turn, int agent, struct archive_id *id, struct err *e) {
    struct archive_part part[PLAY_AGENTS] = {{.role = ARCHIVE_SYSTEM}};
    struct archive_id at = {{0}};
    char text[200];
    snprintf(text, sizeof text, "You are agent %d. ここは閉ざされた施設です。", agent);
    TRY(archive_text(a, text, strlen(text), &part[0].text, e));
    TRY(archive_context(a, at, part, 1, &at, e));
    for (int t = 0; t < turn; t++) {
        int n = 0;
        for (int g = 0; g < PLAY_AGENTS; g++) {
            if (g == agent) continue;
            snprintf(text, sizeof text, "Agent %d: run %d, turn %d, and some words that all of them use.", g, run, t);
            part[n].role = ARCHIVE_USER;
            TRY(archive_text(a, text, strlen(text), &part[n++].text, e));
        }
        TRY(archive_context(a, at, part, n, &at, e));
    }
    *id = at;
    return 0;
}

SHARED int play_one(struct archive *a, int run, int turn, int agent, struct err *e) {
    struct archive_id context;
    char key[64], hex[ARCHIVE_ID_HEX];
    play_key(key, run, turn, agent);
    if (archive_has(a, key)) return 0;
    TRY(play_context(a, run, turn, agent, &context, e));
    archive_id_hex(context, hex);
    json_t *fact = json_pack("{s:s, s:i, s:f, s:s}", "talk", "我々は \"ここ\" にいる\n", "tokens", run * 100 + turn, "p",
                             agent / 7.0, "context_id", hex);
    json_t *note = json_pack("{s:f}", "seconds", 0.25 * (agent + 1));
    int rc = archive_note(a, key, note, e);
    if (rc >= 0) rc = archive_put(a, key, fact, e);
    json_decref(fact);
    json_decref(note);
    return rc < 0 ? rc : 1;
}

/* Puts up to `limit` facts that are not there yet: runs interleaved, agents of a turn in any order, as `seed` says. */
SHARED int play(struct archive *a, uint64_t seed, int limit, struct err *e) {
    int done[PLAY_RUNS] = {0}, put = 0;
    struct rng r = RNG(seed, 1);
    for (int left = PLAY_FACTS; left > 0 && put < limit; left--) {
        int run = (int)rng_below(&r, PLAY_RUNS);
        while (done[run] == PLAY_TURNS * PLAY_AGENTS) run = (run + 1) % PLAY_RUNS;
        int turn = done[run] / PLAY_AGENTS, agent = (done[run] + (int)(seed % PLAY_AGENTS)) % PLAY_AGENTS;
        int rc = play_one(a, run, turn, agent, e);
        TRY(rc);
        put += rc;
        done[run]++;
    }
    return put;
}

SHARED struct archive *play_open(const char *path) {
    struct archive *a = NULL;
    OK(archive_open(&a, path, ARCHIVE_WRITE, &e));
    return a;
}

/* A whole study, sealed; returns the bytes of the file (free()). */
SHARED char *play_sealed(const char *path, uint64_t seed, size_t *n) {
    struct archive *a = play_open(path);
    char *bytes;
    OK(play(a, seed, PLAY_FACTS, &e));
    OK(archive_seal(a, &e));
    archive_close(a);
    OK(file_read(&bytes, n, path, 0, &e));
    return bytes;
}
#endif
