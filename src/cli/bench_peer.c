/* The peer of --vs: another program that does the same works between ours. Two kinds, told apart by the first line it prints (the
 * protocol is in bench/README.md): one that says "ready" stays, with its model open, and is asked for each work by a line; any other is
 * run anew for each repeat, and the last line it prints may be JSON with our keys. */
#include "base/progress.h"
#include "cli/bench.h"
#include <stdio.h>
#include <string.h>

static int start(struct bench *b, struct err *e) {
    char sh[] = "sh", c[] = "-c";
    char *argv[] = {sh, c, (char *)(uintptr_t)b->vs, NULL};
    return child_start(&b->peer, argv, pool_size(b->m.d->pool), e);
}

static void take_number(struct bench *b, enum work w, const json_t *j) {
    const json_t *x = json_object_get(j, bench_works[w].key);
    if (json_is_object(x)) x = json_object_get(x, "median"); /* candor's own output is a peer's too */
    if (json_is_number(x) && json_number_value(x) > 0) series_add(&b->theirs[w], json_number_value(x));
}

/* Reads to the end; the last line that is not empty stays in buf. */
static void last_line(struct bench *b, char *buf, char *tmp, size_t n) {
    while (child_line(&b->peer, tmp, n))
        if (*tmp) memcpy(buf, tmp, n);
}

int peer_once(struct bench *b, struct err *e) {
    char line[4096] = "", tmp[4096];
    double t0 = clock_s();
    TRY(start(b, e));
    last_line(b, line, tmp, sizeof line);
    int status = child_end(&b->peer);
    series_add(&b->wall[1], clock_s() - t0);
    if (status) return fail(e, ERR_IO, "--vs: the command ended with status %d", status);
    json_t *j = json_loads(line, 0, NULL); /* NULL: a peer without figures, whose wall clock counts */
    for (int w = 0; w < N_WORKS; w++) take_number(b, (enum work)w, j);
    json_decref(j);
    return 0;
}

int peer_start(struct bench *b, struct err *e) {
    char line[4096] = "", tmp[4096];
    TRY(start(b, e));
    int some = child_line(&b->peer, line, sizeof line);
    if (some && !strcmp(line, "ready")) {
        b->peer_stays = 1;
        for (int w = 0; w < N_WORKS; w++) /* its warm-up */
            if (b->works >> w & 1 && !b->left_out[w]) TRY(peer_run(b, (enum work)w, e));
        for (int w = 0; w < N_WORKS; w++) b->theirs[w].n = 0;
        return 0;
    }
    last_line(b, line, tmp, sizeof line);
    int status = child_end(&b->peer);
    return status ? fail(e, ERR_IO, "--vs: the command ended with status %d%s%.200s", status, *line ? ": " : "", line) : 0;
}

int peer_run(struct bench *b, enum work w, struct err *e) {
    char line[4096];
    TRY(child_ask(&b->peer, bench_works[w].word, line, sizeof line, e));
    json_t *j = json_loads(line, 0, NULL);
    if (!json_is_object(j)) {
        json_decref(j);
        return fail(e, ERR_FORMAT, "--vs: expected a JSON object in answer to \"%s\", found \"%.100s\"", bench_works[w].word,
                    line);
    }
    take_number(b, w, j);
    json_decref(j);
    return 0;
}

void peer_end(struct bench *b) { child_end(&b->peer); }
