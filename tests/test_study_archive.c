/* The archive of a study: what is put is found, survives kills at any byte, and is sealed into bytes that depend on the facts alone. */
#include "base/rng.h"
#include "study/digest.h"
#include "study_play.h"
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>

TestSuite(archive, .init = play_tmp, .timeout = HANG_S);

static const char *beside(const char *path, const char *tail) {
    static char name[8][160];
    static int turn;
    char *p = name[turn++ & 7];
    snprintf(p, sizeof name[0], "%s%s", path, tail);
    return p;
}
static const char *journal_of(const char *path) { return beside(path, ".journal"); }
static const char *measured_of(const char *path) { return beside(path, ".measured"); }

static void same_bytes(const char *path, const char *want, size_t n, const char *what) {
    char *have;
    size_t m;
    OK(file_read(&have, &m, path, 0, &e));
    cr_assert(m == n && !memcmp(have, want, n), "%s: expected the same %zu bytes, found %zu others", what, n, m);
    free(have);
}

Test(archive, sha256_of_fips_180_4) {
    static const struct {
        const char *text, *hex;
    } v[] = {{"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
             {"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
             {"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
              "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"}};
    unsigned char sum[DIGEST_BYTES], back[DIGEST_BYTES];
    char hex[DIGEST_HEX];
    for (size_t i = 0; i < sizeof v / sizeof *v; i++) {
        digest_bytes(v[i].text, strlen(v[i].text), sum);
        digest_hex(sum, hex);
        cr_assert_str_eq(hex, v[i].hex);
        OK(digest_parse(hex, back, &e));
        cr_assert(!memcmp(sum, back, sizeof sum));
    }
    struct digest d;
    digest_begin(&d);
    char a[1000];
    memset(a, 'a', sizeof a);
    for (int i = 0; i < 1000; i++) digest_add(&d, a, sizeof a);
    digest_end(&d, sum);
    digest_hex(sum, hex);
    cr_assert_str_eq(hex, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
    cr_assert_eq(digest_parse("12", back, NULL), ERR_ARG);
    cr_assert_eq(digest_parse("zz", back, NULL), ERR_ARG);
}

static int count_in_order(void *user, const char *key, const char *json, size_t n, struct err *e) {
    char *last = user;
    (void)e;
    cr_assert_lt(strcmp(last, key), 0, "%s does not come after %s", key, last);
    cr_assert_eq(strlen(json), n);
    snprintf(last, 64, "%s", key);
    return 0;
}

static void everything_is_there(struct archive *a) {
    struct archive_part *parts;
    struct archive_id id;
    struct str text = {0};
    char last[64] = "";
    int n;
    for (int i = 0; i < PLAY_FACTS; i++) {
        char key[64];
        json_t *fact;
        play_key(key, i % PLAY_RUNS, i / PLAY_RUNS % PLAY_TURNS, i / PLAY_RUNS / PLAY_TURNS);
        OK(archive_find(a, key, &fact, &e));
        cr_assert(fact, "%s is missing", key);
        cr_assert_eq(json_integer_value(json_object_get(fact, "tokens")), i % PLAY_RUNS * 100 + i / PLAY_RUNS % PLAY_TURNS);
        OK(archive_id_parse(json_string_value(json_object_get(fact, "context_id")), &id, &e));
        json_decref(fact);
        OK(archive_context_parts(a, id, &parts, &n, &e));
        cr_assert_eq(n, 1 + i / PLAY_RUNS % PLAY_TURNS * (PLAY_AGENTS - 1));
        cr_assert_eq(parts[0].role, ARCHIVE_SYSTEM);
        OK(archive_text_get(a, parts[0].text, &text, &e));
        cr_assert(strstr(text.s, "You are agent"));
        free(parts);
    }
    OK(archive_each(a, "cell000/rep001/", count_in_order, last, &e));
    cr_assert_str_eq(last, "cell000/rep001/turn02/agent02");
    str_free(&text);
}

Test(archive, finds_what_was_put_before_and_after_a_seal) {
    const char *path = fresh(".study");
    struct archive *a = play_open(path), *b;
    struct archive_info info;
    json_t *none;
    OK(play(a, 7, PLAY_FACTS, &e));
    everything_is_there(a);
    OK(archive_open(&b, path, ARCHIVE_READ, &e)); /* beside the writer */
    everything_is_there(b);
    archive_close(b);
    OK(archive_seal(a, &e));
    everything_is_there(a);
    archive_info(a, &info);
    cr_assert(info.sealed && info.facts == PLAY_FACTS && info.notes == PLAY_FACTS && info.cut_bytes == 0);
    archive_close(a);
    cr_assert(!file_exists(journal_of(path)));
    OK(archive_open(&a, path, ARCHIVE_READ, &e));
    everything_is_there(a);
    OK(archive_find(a, "nothing", &none, &e));
    cr_assert_null(none);
    archive_close(a);
    tmp_end();
}

Test(archive, the_order_of_puts_changes_nothing) {
    size_t n, m;
    char *want = play_sealed(fresh(".study"), 0, &n);
    for (uint64_t seed = 1; seed < 20; seed++) {
        char *have = play_sealed(fresh(".study"), seed, &m);
        cr_assert(m == n && !memcmp(have, want, n), "order %d gave other bytes", (int)seed);
        free(have);
    }
    free(want);
    tmp_end();
}

Test(archive, a_journal_cut_at_any_byte_goes_on) {
    const char *path = fresh(".study");
    size_t n;
    char *want = play_sealed(fresh(".study"), 0, &n);
    struct rng r = RNG(5, 1);
    int lost = 0;
    for (int i = 0; i < 240; i++) {
        struct archive *a = play_open(path);
        OK(play(a, (uint64_t)i, 1 + (int)rng_below(&r, PLAY_FACTS), &e));
        archive_close(a);
        struct stat st;
        cr_assert_eq(stat(journal_of(path), &st), 0);
        cr_assert_eq(truncate(journal_of(path), (off_t)rng_below(&r, (uint64_t)st.st_size + 1)), 0);
        a = play_open(path);
        struct archive_info info;
        archive_info(a, &info);
        lost += info.cut_bytes > 0;
        OK(play(a, (uint64_t)i + 1, PLAY_FACTS, &e));
        OK(archive_seal(a, &e));
        archive_close(a);
        same_bytes(path, want, n, "after a cut");
        unlink(path), unlink(measured_of(path));
    }
    cr_assert_gt(lost, 100, "the cuts should hit records, not their ends");
    free(want);
    tmp_end();
}

/* Writes and seals until it is killed; does as many steps as `may` has bytes, and without a limit once that ends. */
static void writer(const char *path, uint64_t seed, int may) {
    struct archive *a;
    struct err e = ERR_INIT;
    char step;
    if (archive_open(&a, path, ARCHIVE_WRITE, &e) < 0) _exit(3);
    for (int put = 1; put > 0;) {
        if (read(may, &step, 1) < 0) _exit(6);
        if ((put = play(a, seed, 1, &e)) < 0) _exit(4);
    }
    if (archive_seal(a, &e) < 0) _exit(5);
    archive_close(a);
    _exit(0);
}

/* Starts a writer and kills it within or after `steps` steps (-1: any). Returns 1 if it was killed, 0 if it was done before. */
static int start_and_kill(const char *path, uint64_t seed, int steps, useconds_t later) {
    static const char bytes[PLAY_FACTS];
    int pipes[2], status;
    cr_assert_eq(pipe(pipes), 0);
    pid_t child = fork();
    if (child == 0) {
        close(pipes[1]);
        writer(path, seed, pipes[0]);
    }
    close(pipes[0]);
    if (steps > 0) cr_assert_eq(write(pipes[1], bytes, (size_t)steps), steps);
    if (steps < 0) close(pipes[1]);
    if (later) usleep(later);
    kill(child, SIGKILL);
    waitpid(child, &status, 0);
    if (steps >= 0) close(pipes[1]);
    cr_assert(WIFSIGNALED(status) || WEXITSTATUS(status) == 0, "the writer ended with %d", WEXITSTATUS(status));
    return WIFSIGNALED(status);
}

Test(archive, a_killed_writer_leaves_an_archive) {
    size_t n;
    char *want = play_sealed(fresh(".study"), 0, &n);
    struct rng r = RNG(6, 1);
    int killed = 0;
    for (int i = 0; i < 20; i++) {
        const char *path = fresh(".study");
        for (int go = 0; go < 6; go++) {
            int steps = go > 3 ? -1 : (int)rng_below(&r, 8);
            killed += start_and_kill(path, (uint64_t)(i + go), steps, (useconds_t)rng_below(&r, 1500));
        }
        struct archive *a = play_open(path);
        OK(play(a, 3, PLAY_FACTS, &e));
        OK(archive_seal(a, &e));
        everything_is_there(a);
        archive_close(a);
        same_bytes(path, want, n, "after kills");
    }
    cr_assert_geq(killed, 4 * 20);
    free(want);
    tmp_end();
}

/* A seal that was killed between its two renames is finished by the next writer. */
Test(archive, a_seal_is_finished) {
    const char *path = fresh(".study");
    char name[3][200], *bytes[3], *want;
    size_t n[3], m;
    snprintf(name[0], sizeof name[0], "%s.measured", path);
    snprintf(name[1], sizeof name[1], "%s.measured.sealing", path);
    struct archive *a = play_open(path);
    OK(play(a, 1, PLAY_FACTS, &e));
    archive_close(a);
    OK(file_read(&bytes[0], &n[0], journal_of(path), 0, &e));
    want = play_sealed(path, 1, &m);
    OK(file_read(&bytes[1], &n[1], name[0], 0, &e));
    /* the journal with its last record: both hashes; made by a second seal that may not rename */
    unlink(path), unlink(name[0]);
    write_bytes(journal_of(path), bytes[0], n[0]);
    cr_assert_eq(mkdir(name[0], 0777), 0); /* a folder in the way of the second rename */
    write_file(in_dir(name[0], "x"), "");
    a = play_open(path);
    struct err why = ERR_INIT;
    cr_assert_eq(archive_seal(a, &why), ERR_IO);
    archive_close(a);
    cr_assert(file_exists(path) && file_exists(name[1]) && file_exists(journal_of(path)));
    unlink(in_dir(name[0], "x")), rmdir(name[0]);
    OK(archive_open(&a, path, ARCHIVE_READ, &e)); /* as it stands */
    struct archive_info info;
    archive_info(a, &info);
    cr_assert(info.facts == PLAY_FACTS && info.notes == PLAY_FACTS);
    archive_close(a);
    a = play_open(path);
    archive_info(a, &info);
    cr_assert(info.facts == PLAY_FACTS && info.notes == PLAY_FACTS && info.sealed);
    archive_close(a);
    same_bytes(path, want, m, "the archive");
    same_bytes(name[0], bytes[1], n[1], "the measurements");
    cr_assert(!file_exists(journal_of(path)) && !file_exists(name[1]));
    free(bytes[0]), free(bytes[1]), free(want);
    tmp_end();
}

Test(archive, a_sealed_archive_is_continued) {
    const char *path = fresh(".study");
    size_t n;
    char *want = play_sealed(fresh(".study"), 0, &n);
    for (int part = 0; part < 5; part++) {
        struct archive *a = play_open(path);
        OK(play(a, (uint64_t)part, 6, &e));
        OK(archive_seal(a, &e));
        archive_close(a);
    }
    same_bytes(path, want, n, "sealed in five parts");
    struct archive *a = play_open(path);
    everything_is_there(a);
    OK(archive_seal(a, &e)); /* nothing new */
    archive_close(a);
    same_bytes(path, want, n, "sealed again");
    free(want);
    tmp_end();
}

/* Large facts, so that there are many frames; every fourth refers to a text. */
static void put_large(struct archive *a, int i) {
    struct rng r = RNG(5, (uint64_t)i);
    size_t n = 1000 + (size_t)rng_below(&r, 80000);
    char key[32], *noise = malloc(n + 1);
    struct archive_id id;
    char hex[ARCHIVE_ID_HEX];
    cr_assert_not_null(noise);
    for (size_t k = 0; k < n; k++) noise[k] = k < 100 ? (char)('a' + rng_below(&r, 26)) : noise[k - 100];
    noise[n] = 0;
    json_t *fact = json_pack("{s:s}", "noise", noise);
    if (i % 4 == 0) {
        OK(archive_text(a, noise, 20, &id, &e));
        archive_id_hex(id, hex);
        json_object_set_new(fact, "text_id", json_string(hex));
    }
    snprintf(key, sizeof key, "fact%03d", i);
    OK(archive_put(a, key, fact, &e));
    json_decref(fact);
    free(noise);
}

/* Frames of the file before are copied where they would come out again: before, behind and between what is new, with references or not. */
Test(archive, sealing_again_gives_the_bytes_of_sealing_once) {
    enum { FACTS = 40, TRIES = 16 };
    struct rng r = RNG(7, 0);
    for (int try = 0; try < TRIES; try++) {
        const char *once = fresh(".study"), *again = fresh(".study");
        struct archive *a = play_open(once), *b = play_open(again);
        int put[FACTS] = {0}, left = FACTS;
        while (left) {
            int some = 1 + (int)rng_below(&r, 2), plain = try % 4; /* plain: those that refer to texts come first */
            for (int k = 0; k < some && left; k++) {
                int i = try % 4 == 1 ? 0 : (int)rng_below(&r, FACTS); /* one in four: in order */
                while (put[i] || (plain && left > FACTS - FACTS / 4 && i % 4)) i = (i + 1) % FACTS;
                put_large(b, i);
                put[i] = 1, left--;
            }
            OK(archive_seal(b, &e));
        }
        for (int i = 0; i < FACTS; i++) put_large(a, i);
        OK(archive_seal(a, &e));
        archive_close(a), archive_close(b);
        size_t n;
        char *want;
        OK(file_read(&want, &n, once, 0, &e));
        same_bytes(again, want, n, "sealed many times");
        free(want);
        unlink(once), unlink(again);
    }
    tmp_end();
}

Test(archive, what_no_fact_refers_to_is_not_sealed) {
    const char *path = fresh(".study");
    size_t n;
    char *want = play_sealed(fresh(".study"), 0, &n);
    struct archive *a = play_open(path);
    struct archive_id id;
    OK(archive_text(a, "a prompt whose turn never came", 30, &id, &e));
    OK(archive_context(a, (struct archive_id){{0}}, &(struct archive_part){.text = id}, 1, NULL, &e));
    OK(play(a, 2, PLAY_FACTS, &e));
    OK(archive_seal(a, &e));
    archive_close(a);
    same_bytes(path, want, n, "with a stray text");
    free(want);
    tmp_end();
}

/* ---- refusals ---- */

static int refused(int rc, int code, const struct err *e, const char *word) { return rc == code && strstr(e->msg, word) != NULL; }

Test(archive, refuses_by_name) {
    struct archive *a = play_open(fresh(".study")), *b = NULL;
    struct err why = ERR_INIT;
    json_t *fact = json_pack("{s:i}", "x", 1), *bad = json_pack("{s:[{s:s}]}", "calls", "prompt_text_id", "12");
    json_t *dangling = json_pack("{s:s}", "context_id", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    OK(archive_put(a, "key", fact, &e));
    cr_assert(refused(archive_put(a, "key", fact, &why), ERR_STATE, &why, "key again"), "%s", why.msg);
    cr_assert(refused(archive_put(a, "a key", fact, &why), ERR_ARG, &why, "without space"), "%s", why.msg);
    cr_assert(refused(archive_put(a, "", fact, &why), ERR_ARG, &why, "1 to 255"), "%s", why.msg);
    cr_assert(refused(archive_put(a, "bad", bad, &why), ERR_ARG, &why, "64 hexadecimal"), "%s", why.msg);
    cr_assert(refused(archive_put(a, "bad", dangling, &why), ERR_ARG, &why, "stored context, found e3b0"), "%s", why.msg);
    cr_assert_eq(archive_context(a, (struct archive_id){{1}}, NULL, 0, NULL, &why), ERR_ARG);
    cr_assert_eq(archive_context(a, (struct archive_id){{1}}, &(struct archive_part){0}, 1, NULL, &why), ERR_ARG);
    cr_assert_eq(archive_context(a, (struct archive_id){{0}}, &(struct archive_part){0}, 1, NULL, &why), ERR_ARG);
    cr_assert_eq(archive_open(&b, tmp_path("t0.study"), ARCHIVE_WRITE, &why), ERR_BUSY);
    cr_assert(strstr(why.msg, "another process"), "%s", why.msg);
    archive_close(a);
    cr_assert_eq(archive_open(&b, tmp_path("none"), ARCHIVE_READ, &why), ERR_IO);
    OK(archive_open(&b, tmp_path("t0.study"), ARCHIVE_READ, &e));
    cr_assert(refused(archive_put(b, "other", fact, &why), ERR_STATE, &why, "for reading"), "%s", why.msg);
    archive_close(b);
    cr_assert_eq(archive_open(&b, "/dev/null", ARCHIVE_WRITE, &why), ERR_IO);
    cr_assert_eq(archive_open(&b, tmp_dir, ARCHIVE_READ, &why), ERR_IO);
    json_decref(fact), json_decref(bad), json_decref(dangling);
    tmp_end();
}

Test(archive, secrets_are_not_written) {
    const char *path = fresh(".study"), *secret = "sk-\"live\\0123456789";
    struct archive *a = play_open(path);
    struct err why = ERR_INIT;
    json_t *fact = json_pack("{s:{s:s}}", "headers", "authorization", "Bearer sk-\"live\\0123456789 and more");
    char *bytes;
    size_t n;
    cr_assert_eq(archive_forbid(a, "short", &why), ERR_ARG);
    OK(archive_forbid(a, secret, &e));
    cr_assert(refused(archive_put(a, "k", fact, &why), ERR_STATE, &why, "secret") && !strstr(why.msg, "live"), "%s", why.msg);
    cr_assert_eq(archive_note(a, "k", fact, &why), ERR_STATE);
    cr_assert_eq(archive_text(a, "x sk-\"live\\0123456789", 21, NULL, &why), ERR_STATE);
    OK(play(a, 0, 3, &e));
    archive_close(a);
    OK(file_read(&bytes, &n, journal_of(path), 0, &e));
    cr_assert_null(memmem(bytes, n, "live", 4));
    free(bytes);
    json_decref(fact);
    tmp_end();
}

/* A full disk: the put that does not fit fails and leaves nothing behind; with room again it succeeds. */
Test(archive, a_full_disk) {
    const char *path = fresh(".study");
    struct rlimit old, small;
    size_t n;
    char *want = play_sealed(fresh(".study"), 0, &n);
    signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &old);
    struct archive *a = play_open(path);
    int failures = 0;
    for (rlim_t room = 300; room < 20000; room += 631) {
        struct err why = ERR_INIT;
        small = old, small.rlim_cur = room;
        setrlimit(RLIMIT_FSIZE, &small);
        int rc = play(a, room, PLAY_FACTS, &why);
        int sealed = rc < 0 ? -1 : archive_seal(a, &why);
        setrlimit(RLIMIT_FSIZE, &old);
        failures += rc < 0 || sealed < 0;
        cr_assert(rc >= 0 || rc == ERR_IO, "%s", why.msg);
        if (room % 2) archive_close(a), a = play_open(path);
    }
    cr_assert_gt(failures, 3);
    OK(play(a, 9, PLAY_FACTS, &e));
    OK(archive_seal(a, &e));
    everything_is_there(a);
    archive_close(a);
    same_bytes(path, want, n, "after a full disk");
    free(want);
    tmp_end();
}

/* Measurements belong to the facts that they were sealed with: gone, given up, of others, without facts. */
Test(archive, measurements_belong_to_their_facts) {
    const char *path = fresh(".study"), *other = fresh(".study");
    char *own, *others;
    size_t n, m, k;
    struct archive *a;
    struct archive_info info;
    struct archive_report r;
    free(play_sealed(path, 0, &n));
    a = play_open(other);
    OK(play(a, 0, 3, &e));
    OK(archive_seal(a, &e));
    archive_close(a);
    OK(file_read(&own, &m, measured_of(path), 0, &e));
    OK(file_read(&others, &k, measured_of(other), 0, &e));
    write_bytes(measured_of(path), others, k);
    cr_assert_eq(archive_open(&a, path, ARCHIVE_READ, NULL), ERR_FORMAT, "of others");
    unlink(measured_of(path));
    struct err why = ERR_INIT;
    cr_assert_eq(archive_open(&a, path, ARCHIVE_WRITE, &why), ERR_STATE, "gone");
    cr_assert(strstr(why.msg, "empty file"), "%s", why.msg);
    OK(archive_verify(path, &r, NULL, NULL, &e));
    cr_assert_eq(r.findings, 1);
    OK(archive_open(&a, path, ARCHIVE_READ, &e));
    archive_info(a, &info);
    cr_assert(info.lost && info.facts == PLAY_FACTS && info.notes == 0);
    archive_close(a);
    write_bytes(measured_of(path), "", 0);
    a = play_open(path);
    json_t *note = json_pack("{s:i}", "x", 1);
    OK(archive_note(a, "late", note, &e));
    json_decref(note);
    OK(archive_seal(a, &e));
    archive_info(a, &info);
    cr_assert(!info.lost && info.notes == 1, "given up, and begun anew");
    archive_close(a);
    write_bytes(measured_of(path), own, m);
    cr_assert_eq(archive_open(&a, path, ARCHIVE_READ, NULL), 0, "sealed with the same facts");
    archive_close(a);
    unlink(path);
    cr_assert_eq(archive_open(&a, path, ARCHIVE_WRITE, NULL), ERR_FORMAT, "without facts");
    free(own), free(others);
    tmp_end();
}
