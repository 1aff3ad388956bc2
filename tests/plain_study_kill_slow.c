/* Studies that are killed at random moments, again and again, and gone on with: the sealed archive has the bytes of one that was never
 * stopped, no fact that was there is lost, nobody whose reply is there is asked again, and what a server charged is never more than the
 * archive says. Planted agents, and a chat server of this machine.
 * plain_study_kill_slow [KILLS [SEED]]: kills of each kind; where a kill falls is drawn from the seed, and hits what runs at that time. */
#include "base/fs.h"
#include "base/hash.h"
#include "base/progress.h"
#include "base/rng.h"
#include "fake_chat.h"
#include "plain_hold.h"
#include "study/paid.h"
#include "study/planted.h"
#include "study/remote.h"
#include "study/runner.h"
#include "study_group.h"
#include <math.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>

#define DONE(x, e)                                \
    do {                                          \
        if ((x) >= 0) break;                      \
        fprintf(stderr, "failed: %s\n", (e).msg); \
        HOLD(!"no error");                        \
    } while (0)

static const char GROUP[] = "reask: 1\nreplicates: 4\narms: [{id: none}, {id: all, alignment: \"100 %\"}]\n"
                            "planted: {graphemes: 120, whisper: 0.3, malformed: 0.1, refused: 0.05}\n";

/* What the processes tell each other. */
struct shared {
    int64_t asked, twice; /* twice: the archive had the reply */
    int64_t turns;        /* agent-turns whose facts were put */
    int64_t charged;      /* tokens of all replies that the server gave, whether somebody was there to read them or not */
};
static const struct chat_price PRICE = {1, 1, 1};
struct kill_test {
    const char *name;
    const struct study *s;
    int remote, port, until; /* port and until: of the server of the study under way; 0: planted */
    pid_t server;
    struct shared *seen;
    char path[64];
};

/* ---- a back end that watches what is asked ---- */

struct watch {
    struct backend b;
    struct backend *under;
    struct archive *a;
    struct shared *seen;
};

static int watch_submit(struct backend *b, const struct call *c, struct err *e) {
    struct watch *w = (struct watch *)b;
    char first[RUN_KEY_BYTES + 8];
    snprintf(first, sizeof first, "%s/ask0", c->key);
    w->under->sending = b->sending;
    w->seen->asked++;
    w->seen->twice += archive_has(w->a, c->key) || (!c->ask && archive_has(w->a, first));
    return w->under->submit(w->under, c, e);
}
static int watch_poll(struct backend *b, double wait_s, struct answer *out, struct err *e) {
    struct watch *w = (struct watch *)b;
    return w->under->poll(w->under, wait_s, out, e);
}
static int64_t watch_pending(const struct backend *b) {
    const struct watch *w = (const struct watch *)b;
    return w->under->pending(w->under);
}

static void put_so_far(void *ctx, const struct runner_progress *p) { ((struct shared *)ctx)->turns = p->turns_done; }

/* ---- the process that is killed ---- */

static void play(const struct kill_test *t) {
    struct planted planted;
    struct watch w = {.seen = t->seen};
    struct runner_progress done;
    struct err e = ERR_INIT;
    char url[64];
    snprintf(url, sizeof url, "http://127.0.0.1:%d", t->port);
    struct remote_opts o = {.ep = {.url = url, .model = "toy"}, .chat = {.in_flight = 8, .price = PRICE}};
    DONE(planted_read(&planted, t->s, &e), e);
    DONE((t->port ? remote_open(&w.under, &o, &e) : planted_open(&w.under, &planted, t->s, &e)), e);
    DONE(archive_open(&w.a, t->path, ARCHIVE_WRITE, &e), e);
    w.b = *w.under;
    w.b.submit = watch_submit, w.b.poll = watch_poll, w.b.pending = watch_pending, w.b.close = NULL;
    struct runner_opts how = {.interleave = 3, .priced = t->remote, .progress = put_so_far, .ctx = t->seen};
    DONE(runner_run(t->s, w.a, &w.b, &how, &done, &e), e);
    DONE(archive_seal(w.a, &e), e);
    archive_close(w.a);
    _exit(0);
}

/* Returns 1 if it was killed, 0 if it was done before. later < 0: it is not killed. */
static int start_and_kill(const struct kill_test *t, double later) {
    int status;
    fflush(stdout);
    pid_t child = fork();
    HOLD(child >= 0);
    if (!child) play(t);
    if (later >= 0) {
        fake_sleep(later);
        kill(child, SIGKILL);
    }
    HOLD(waitpid(child, &status, 0) == child);
    HOLD(WIFSIGNALED(status) ? later >= 0 && WTERMSIG(status) == SIGKILL : WEXITSTATUS(status) == 0);
    return WIFSIGNALED(status);
}

/* ---- what is there ---- */

static void remove_files(const char *path) {
    static const char *const tails[] = {"", ".journal", ".measured", ".lock", ".sealing", ".measured.sealing"};
    char name[100];
    for (size_t i = 0; i < sizeof tails / sizeof *tails; i++) {
        snprintf(name, sizeof name, "%s%s", path, tails[i]);
        unlink(name);
    }
}

static int count_turn(void *user, const char *key, const char *json, size_t n, struct err *e) {
    (void)json, (void)n, (void)e;
    *(int64_t *)user += strstr(key, "/agent") && !strstr(key, "/ask0");
    return 0;
}

/* Agent-turns in the archive; none where it was killed before there was one. */
static int64_t turns_there(const char *path) {
    struct archive *a;
    struct err e = ERR_INIT;
    int64_t n = 0;
    if (archive_open(&a, path, ARCHIVE_READ, &e) < 0) return 0;
    DONE(archive_each(a, "cell", count_turn, &n, &e), e);
    archive_close(a);
    return n;
}

static char *bytes_of(const char *path, size_t *n) {
    struct err e = ERR_INIT;
    char *s;
    DONE(file_read(&s, n, path, 0, &e), e);
    return s;
}

/* ---- the server, a process of its own ---- */

/* What it says depends on what it was asked: also nothing that can be read, and a refusal. */
static void serve(struct fake *f, int fd, const struct fake_call *c) {
    uint64_t h = hash_text(c->body);
    char text[100];
    int tokens = h % 20 == 0 ? 0 : h % 20 < 3 ? 4 : 9;
    fake_sleep((double)(h >> 8 & 3) * 1e-3);
    snprintf(text, sizeof text, "[TALK] I say %llu.", (unsigned long long)(h % 1000));
    __atomic_fetch_add(&((struct shared *)f->ctx)->charged, 40 + tokens, __ATOMIC_SEQ_CST);
    fake_reply(fd, tokens == 9 ? text : tokens ? "no tag at all" : "", 40, tokens);
}

/* A server for one study, since it keeps its threads until it ends: that is when t->until is closed. */
static void server_start(struct kill_test *t) {
    int up[2], down[2];
    if (!t->remote) return;
    HOLD(!pipe(up) && !pipe(down));
    pid_t child = fork();
    HOLD(child >= 0);
    if (!child) {
        char c;
        struct fake *f = calloc(1, sizeof *f);
        close(down[1]);
        HOLD(f && fake_start(f, serve, t->seen) == 0);
        HOLD(write(up[1], &f->port, sizeof f->port) == sizeof f->port);
        _exit(read(down[0], &c, 1) != 0);
    }
    close(down[0]);
    HOLD(read(up[0], &t->port, sizeof t->port) == sizeof t->port);
    close(up[0]), close(up[1]);
    t->until = down[1];
    t->server = child;
}

static void server_stop(const struct kill_test *t) {
    int status;
    if (!t->remote) return;
    close(t->until);
    HOLD(waitpid(t->server, &status, 0) == t->server && WEXITSTATUS(status) == 0);
}

/* ---- many kills ---- */

struct kills {
    int counted, early;   /* early: before the first reply was there; not counted */
    double charged, paid; /* by the server, and as the archives say */
};

/* What the archive says was paid: all that was charged, and of calls that were under way at a kill what they could cost at most. */
static void check_paid(const struct kill_test *t, struct kills *k) {
    struct archive *a;
    struct err e = ERR_INIT;
    double paid, charged = (double)t->seen->charged / 1e6;
    if (!t->remote) return;
    DONE(archive_open(&a, t->path, ARCHIVE_READ, &e), e);
    DONE(study_paid(&paid, t->s, a, &PRICE, &e), e);
    archive_close(a);
    HOLD(paid >= charged - 1e-9);
    k->paid += paid, k->charged += charged;
}

/* One study, killed until it is done or `most` kills are counted; then it is left to end. */
static void kill_one(struct kill_test *t, struct rng *g, double whole, int most, struct kills *k) {
    int lives = 1;
    remove_files(t->path);
    server_start(t);
    t->seen->turns = t->seen->charged = 0;
    while (lives && k->counted < most) {
        lives = start_and_kill(t, whole * rng_uniform(g));
        int64_t turns = turns_there(t->path);
        HOLD(turns >= t->seen->turns);
        *(turns ? &k->counted : &k->early) += lives;
    }
    if (lives) start_and_kill(t, -1);
    server_stop(t);
    check_paid(t, k);
}

static void kill_many(struct kill_test *t, int kills, uint64_t seed) {
    struct rng g = RNG(seed, (uint64_t)t->remote);
    size_t n, m;
    struct kills k = {0};
    int studies = 0;
    snprintf(t->path, sizeof t->path, "/tmp/candor-kill-%d", (int)getpid());
    double t0 = clock_s();
    kill_one(t, &g, 0, 0, &k);
    double whole = clock_s() - t0;
    HOLD(fabs(k.paid - k.charged) < 1e-9); /* without a kill, not a token more */
    k = (struct kills){0};
    char *want = bytes_of(t->path, &n);
    int64_t once = t->seen->asked;
    *t->seen = (struct shared){0};
    for (; k.counted < kills; studies++) {
        kill_one(t, &g, whole, kills, &k);
        char *got = bytes_of(t->path, &m);
        HOLD(m == n && !memcmp(got, want, n));
        free(got);
    }
    HOLD(t->seen->twice == 0);
    printf("%s: %d kills (and %d before a first reply) in %d studies of %.0f ms, each sealed to the same %zu bytes; %lld calls, "
           "without "
           "kills %lld; of replies that were there: 0\n",
           t->name, k.counted, k.early, studies, 1e3 * whole, n, (long long)t->seen->asked, (long long)(once * studies));
    if (t->remote) printf("charged %.6f, counted %.6f: %.2f times as much\n", k.charged, k.paid, k.paid / k.charged);
    remove_files(t->path);
    free(want);
}

int main(int n, char **arg) {
    int kills = n > 1 ? atoi(arg[1]) : 50;
    uint64_t seed = n > 2 ? strtoull(arg[2], NULL, 10) : 1;
    struct study *s;
    struct err e = ERR_INIT;
    signal(SIGPIPE, SIG_IGN);
    DONE(group_make(&s, 5, 6, "fixed", "all", "author", GROUP, &e), e);
    struct shared *seen = mmap(NULL, sizeof *seen, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    HOLD(seen != MAP_FAILED);
    struct kill_test tests[] = {{.name = "planted", .s = s, .seen = seen},
                                {.name = "chat server", .s = s, .remote = 1, .seen = seen}};
    for (int i = 0; i < 2; i++) {
        *seen = (struct shared){0};
        kill_many(&tests[i], kills, seed);
    }
    study_free(s);
    return 0;
}
