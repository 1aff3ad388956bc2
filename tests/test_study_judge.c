/* A judge of fixed transcripts: what it is asked, what counts as an answer, a file that is gone on with and never asked twice, agreement. */
#include "fake_chat.h"
#include "remote/cache.h"
#include "study/judge.h"
#include "study/remote.h"
#include "study_planted.h"
#include <fcntl.h>
#include <jansson.h>
#include <math.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/wait.h>

TestSuite(study_judge, .timeout = HANG_S);

static const char ARMS[] =
    "replicates: 2\narms: [{id: none}, {id: all, alignment: \"100 %\"}]\n"
    "planted:\n  graphemes: 300\n  own: 0.5\n  turn: 0.5\n  whisper: 0.3\n  effects: {en: {cpi: -2}, ja: {cpi: 2}}\n";

struct ground {
    struct study *s;
    struct planted p;
    struct archive *a;
    struct scored c;
    struct judge *j;
    char path[100], scores[120];
    struct chat_cache *cache; /* of the judge's calls; NULL: none */
    double spent;             /* what the last start counts as spent */
    int calls;                /* at once; 0: 8 */
};

static void lay(struct ground *g, const char *name) {
    struct err e = ERR_INIT;
    *g = (struct ground){0};
    path_of(g->path, sizeof g->path, name);
    snprintf(g->scores, sizeof g->scores, "%s.scores", g->path);
    unlink(g->scores);
    planted_archive(&g->s, &g->p, &g->a, g->path, 3, 3, ARMS);
    cr_assert_geq(scored_read(&g->c, g->s, g->a, 2, &e), 0, "%s", e.msg);
    cr_assert_geq(judge_read(&g->j, "studies/judges/scales.yaml", &e), 0, "%s", e.msg);
}
static void clear(struct ground *g) {
    judge_free(g->j);
    scored_free(&g->c);
    archive_close(g->a);
    study_free(g->s);
    remove_all(g->path);
    unlink(g->scores);
}

/* ---- its file ---- */

static char *with(const char *from, const char *to) {
    char *s, *at;
    size_t n;
    struct err e = ERR_INIT;
    struct str b = {0};
    cr_assert_geq(file_read(&s, &n, "studies/judges/scales.yaml", 0, &e), 0);
    at = strstr(s, from);
    cr_assert(at, "no \"%s\" in the file", from);
    str_printf(&b, "%.*s%s%s", (int)(at - s), s, to, at + strlen(from));
    free(s);
    return b.s;
}

Test(study_judge, its_file_is_checked_with_place) {
    static const struct {
        const char *from, *to, *says;
    } wrong[] = {{"judge/1", "judge/2", "expected judge/1"},
                 {"least: 0", "least: 10", "most"},
                 {"{scores}\n", "\n", "scores"},
                 {"{said}", "{sad}", "sad"},
                 {"id: protective,", "id: coercion,", "another id"},
                 {"id: gap,", "id: key,", "another id"},
                 {"against: monologue", "against: cpi", "against"},
                 {"max_tokens: 200", "max_tokens: 0", "max_tokens"},
                 {"talk: \"aloud", "tlak: \"aloud", "tlak"},
                 {"turn: |", "trun: |", "trun"}};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        char *text = with(wrong[i].from, wrong[i].to);
        struct judge *j = NULL;
        struct err e = ERR_INIT;
        cr_assert_lt(judge_parse(&j, "j.yaml", text, strlen(text), &e), 0, "%s", wrong[i].to);
        cr_assert(strstr(e.msg, wrong[i].says), "%s: %s", wrong[i].to, e.msg);
        free(text);
    }
}

Test(study_judge, an_answer_is_one_object_with_every_score) {
    static const struct {
        const char *text;
        enum chat_finish finish;
        enum judge_state is;
    } replies[] = {{"{\"coercion\": 3, \"protective\": 0, \"gap\": 10}", CHAT_FINISH_STOP, JUDGED_SCORED},
                   {"Sure:\n```json\n{\"gap\": 10.0, \"coercion\": 3, \"protective\": 0, \"why\": \"x\"}\n```", CHAT_FINISH_STOP,
                    JUDGED_SCORED},
                   {"{\"coercion\": 3, \"protective\": 0, \"gap\": 10}", CHAT_FINISH_LENGTH, JUDGED_SCORED},
                   {"{\"coercion\": 3, \"protective\": 0, \"gap\": 10", CHAT_FINISH_LENGTH, JUDGED_CUT},
                   {"{\"coercion\": 3, \"protective\": 0}", CHAT_FINISH_STOP, JUDGED_UNREADABLE},
                   {"{\"coercion\": 11, \"protective\": 0, \"gap\": 1}", CHAT_FINISH_STOP, JUDGED_UNREADABLE},
                   {"{\"coercion\": 2.5, \"protective\": 0, \"gap\": 1}", CHAT_FINISH_STOP, JUDGED_UNREADABLE},
                   {"{\"coercion\": \"3\", \"protective\": 0, \"gap\": 1}", CHAT_FINISH_STOP, JUDGED_UNREADABLE},
                   {"[3, 0, 10]", CHAT_FINISH_STOP, JUDGED_UNREADABLE},
                   {"I cannot rate this.", CHAT_FINISH_STOP, JUDGED_UNREADABLE},
                   {"", CHAT_FINISH_STOP, JUDGED_UNREADABLE},
                   {"{\"coercion\": 3, \"protective\": 0, \"gap\": 10}", CHAT_FINISH_REFUSAL, JUDGED_REFUSED},
                   {"", CHAT_FINISH_FILTER, JUDGED_FILTERED}};
    struct judge *j = NULL;
    struct err e = ERR_INIT;
    cr_assert_geq(judge_read(&j, "studies/judges/scales.yaml", &e), 0, "%s", e.msg);
    for (size_t i = 0; i < sizeof replies / sizeof *replies; i++) {
        int score[JUDGE_MAX_SCORES] = {-1, -1, -1};
        cr_assert_eq(judge_reply(j, replies[i].text, replies[i].finish, score), replies[i].is, "%s", replies[i].text);
        if (replies[i].is == JUDGED_SCORED) cr_assert(score[0] == 3 && score[1] == 0 && score[2] == 10);
    }
    judge_free(j);
}

/* ---- what is asked ---- */

Test(study_judge, it_is_shown_what_was_said_and_by_whom) {
    struct ground g;
    struct judge_units u, runs;
    struct context c;
    struct err e = ERR_INIT;
    json_t *fact;
    lay(&g, "judge-asks");
    cr_assert_geq(judge_units(&u, g.a, 0, &e), 0, "%s", e.msg);
    cr_assert_geq(judge_units(&runs, g.a, 1, &e), 0, "%s", e.msg);
    cr_assert_eq(runs.n, 8);
    cr_assert_eq(u.n, 8 * 3 * 3, "every agent says something at every turn");
    cr_assert_geq(judge_context(&c, g.j, g.s, g.a, u.key[4], &e), 0, "%s", e.msg);
    cr_assert_eq(c.n, 2);
    cr_assert(strstr(c.parts[0].text, "\"gap\": distance") && strstr(c.parts[0].text, "from 0 to 10"));
    cr_assert_geq(archive_find(g.a, u.key[4], &fact, &e), 0);
    const json_t *acts = json_object_get(fact, "acts");
    cr_assert_gt(json_array_size(acts), 0);
    for (size_t i = 0; i < json_array_size(acts); i++)
        cr_assert(strstr(c.parts[1].text, json_string_value(json_object_get(json_array_get(acts, i), "text"))));
    json_decref(fact);
    context_free(&c);
    cr_assert_geq(judge_context(&c, g.j, g.s, g.a, runs.key[7], &e), 0, "%s", e.msg);
    cr_assert(strstr(c.parts[1].text, "Turn 3.") && strstr(c.parts[1].text, "(to itself, unheard)"));
    context_free(&c);
    cr_assert_eq(judge_context(&c, g.j, g.s, g.a, "cell099/rep000", &e), ERR_FORMAT);
    judge_units_free(&u), judge_units_free(&runs);
    clear(&g);
}

/* ---- asking ---- */

static const char KEY[] = "sk-as-a-file-had-it-0123456789";
struct court {
    int asked, strange;
    double bound; /* what calls that nobody answers can cost at most */
};

/* What it says follows from what it is asked: three in four are scored. */
static void serve(struct fake *f, int fd, const struct fake_call *call) {
    static const char head[] = "{\"model\":\"toy-1\",\"choices\":[{\"message\":{\"role\":\"assistant\",\"content\":",
                      tail[] = "\"}],\"usage\":{\"prompt_tokens\":400,\"completion_tokens\":90}}";
    struct court *court = f->ctx;
    uint64_t h = 1469598103934665603u;
    char body[600];
    for (const char *s = call->body; *s; s++) h = (h ^ (unsigned char)*s) * 1099511628211u;
    h ^= h >> 29;
    fake_lock(f);
    court->asked++, court->strange += !strstr(call->body, "material begins") || !strstr(call->head, KEY);
    fake_unlock(f);
    if (h % 8 == 0)
        snprintf(body, sizeof body, "%s\"no\"},\"finish_reason\":\"content_filter%s", head, tail);
    else if (h % 8 == 1)
        snprintf(body, sizeof body, "%s\"I would rather not.\"},\"finish_reason\":\"stop%s", head, tail);
    else
        snprintf(body, sizeof body,
                 "%s\"%s{\\\"coercion\\\": %d, \\\"protective\\\": %d, \\\"gap\\\": 5}\"},\"finish_reason\":\"stop%s", head,
                 h & 64 ? "<think>{\\\"coercion\\\": 9}</think>" : "", (int)(h / 8 % 11), (int)(h / 97 % 11), tail);
    fake_answer(fd, 200, "", body);
}

/* The price is one of each million tokens. */
static void pay(void *ctx, int64_t tokens_in, int64_t tokens_out) {
    struct chat_purse *p = ctx;
    p->gone.spent = (double)(tokens_in + tokens_out) * 1e-6;
}

static int judge_by(struct ground *g, struct fake *f, double budget, struct judge_done *done, struct err *e) {
    struct backend *b;
    struct chat_purse purse = {.n = 0};
    const struct remote_opts o = {.ep = {.url = fake_url(f), .model = "toy", .key = KEY},
                                  .chat = {.in_flight = g->calls ? g->calls : 8,
                                           .time_scale = 0.002,
                                           .timeout_s = 20,
                                           .price = {1, 1, 1},
                                           .budget = budget,
                                           .purse = &purse,
                                           .cache = g->cache}};
    *e = ERR_INIT;
    cr_assert_geq(remote_open(&b, &o, e), 0, "%s", e->msg);
    int rc =
        judge_run(g->j, g->s, g->a, b, g->scores, &(struct judge_run_opts){.priced = 1, .paid = pay, .ctx = &purse}, done, e);
    backend_close(b);
    g->spent = purse.gone.spent;
    return rc;
}

static void tear_last_line(const char *path) {
    FILE *f = fopen(path, "a");
    cr_assert(f);
    fputs("{\"row\":\"judged\",\"key\":\"cell0", f);
    fclose(f);
}

Test(study_judge, it_goes_on_and_asks_nothing_twice) {
    struct ground g;
    struct court court = {0};
    struct fake *f = calloc(1, sizeof *f);
    struct judge_done done;
    struct err e;
    size_t n, k;
    signal(SIGPIPE, SIG_IGN);
    lay(&g, "judge-asking");
    cr_assert_geq(archive_seal(g.a, &e), 0);
    char *before = sealed(g.path, &n);
    cr_assert_eq(fake_start(f, serve, &court), 0);
    cr_assert_eq(judge_by(&g, f, 0.02, &done, &e), ERR_LIMIT, "%s", e.msg);
    cr_assert(done.now > 3 && done.now < 72, "%lld", (long long)done.now);
    cr_assert_eq(done.now, court.asked);
    int64_t first = done.now;
    cr_assert_eq(judge_by(&g, f, 0.02, &done, &e), ERR_LIMIT, "what is there counts against the budget: %s", e.msg);
    cr_assert(done.now <= 1, "%lld more", (long long)done.now);
    first += done.now;
    tear_last_line(g.scores);
    cr_assert_eq(judge_by(&g, f, 100, &done, &e), 0, "%s", e.msg);
    cr_assert(done.units == 72 && done.before == first && done.now == 72 - first && court.asked == 72);
    cr_assert_eq(done.status[JUDGED_SCORED] + done.status[JUDGED_UNREADABLE] + done.status[JUDGED_FILTERED], 72);
    cr_assert(done.status[JUDGED_SCORED] > 30 && done.status[JUDGED_UNREADABLE] > 2 && done.status[JUDGED_UNREADABLE] < 20 &&
              done.status[JUDGED_FILTERED] > 2);
    cr_assert_eq(court.strange, 0);
    cr_assert_eq(judge_by(&g, f, 100, &done, &e), 0, "%s", e.msg);
    cr_assert(done.now == 0 && court.asked == 72, "all of it is there");
    char *after = sealed(g.path, &k);
    cr_assert(n == k && !memcmp(before, after, n), "scores are no facts");
    free(before), free(after);
    /* another question, another file */
    char *text = with("10 opposite stances", "10 the opposite"), *wrong = with("id: scales", "id: other");
    judge_free(g.j);
    cr_assert_geq(judge_parse(&g.j, "other.yaml", text, strlen(text), &e), 0);
    cr_assert_eq(judge_by(&g, f, 100, &done, &e), ERR_STATE);
    cr_assert(strstr(e.msg, "prompt_sha256"), "%s", e.msg);
    free(text), free(wrong);
    fake_stop(f);
    free(f);
    clear(&g);
}

/* What came from a cache was paid for by another file, also when the file that it fills is gone on with. */
Test(study_judge, replies_from_a_cache_cost_nothing) {
    struct ground g;
    struct court court = {0};
    struct fake *f = calloc(1, sizeof *f);
    struct judge_done done;
    struct err e = ERR_INIT;
    char kept[140];
    lay(&g, "judge-cached");
    snprintf(kept, sizeof kept, "%s.cache", g.path);
    unlink(kept);
    cr_assert_geq(chat_cache_open(&g.cache, kept, CHAT_CACHE_USE, &e), 0, "%s", e.msg);
    cr_assert_eq(fake_start(f, serve, &court), 0);
    cr_assert_eq(judge_by(&g, f, 100, &done, &e), 0, "%s", e.msg);
    cr_assert_eq(judge_by(&g, f, 100, &done, &e), 0, "%s", e.msg);
    cr_assert(done.before == 72 && g.spent > 0.02, "%g of rows that were paid for", g.spent);
    unlink(g.scores);
    cr_assert_eq(judge_by(&g, f, 0.02, &done, &e), 0, "the budget is less than all of them cost: %s", e.msg);
    cr_assert(done.now == 72 && court.asked == 72);
    cr_assert_eq(judge_by(&g, f, 0.02, &done, &e), 0, "%s", e.msg);
    cr_assert(done.before == 72 && g.spent == 0, "%g of rows that were not", g.spent);
    chat_cache_close(g.cache);
    unlink(kept);
    fake_stop(f);
    free(f);
    clear(&g);
}

/* Two at once would write every row twice, and pay for it twice. */
Test(study_judge, one_judge_writes) {
    struct ground g;
    struct court court = {0};
    struct fake *f = calloc(1, sizeof *f);
    struct judge_done done;
    struct err e;
    signal(SIGPIPE, SIG_IGN);
    lay(&g, "judge-twice");
    cr_assert_eq(fake_start(f, serve, &court), 0);
    int other = open(g.scores, O_RDWR | O_CREAT, 0666);
    cr_assert(other >= 0 && flock(other, LOCK_EX | LOCK_NB) == 0);
    cr_assert_eq(judge_by(&g, f, 100, &done, &e), ERR_BUSY, "%s", e.msg);
    cr_assert_eq(court.asked, 0);
    close(other);
    cr_assert_eq(judge_by(&g, f, 100, &done, &e), 0, "%s", e.msg);
    fake_stop(f);
    free(f);
    clear(&g);
}

static void fail_all(struct fake *f, int fd, const struct fake_call *c) {
    (void)f, (void)c;
    fake_answer(fd, 500, "", "{\"error\":{\"message\":\"oops\"}}");
}

Test(study_judge, a_server_that_fails_leaves_no_rows) {
    struct ground g;
    struct fake *f = calloc(1, sizeof *f);
    struct judge_done done;
    struct err e;
    signal(SIGPIPE, SIG_IGN);
    lay(&g, "judge-failing");
    g.calls = 1; /* none is under way when it gives up */
    cr_assert_eq(fake_start(f, fail_all, NULL), 0);
    cr_assert_lt(judge_by(&g, f, 100, &done, &e), 0);
    cr_assert(done.now == 0 && *e.msg);
    cr_assert_lt(judge_by(&g, f, 100, &done, &e), 0);
    cr_assert(done.before == 0 && g.spent == 0, "refused calls cost nothing: %g", g.spent);
    fake_stop(f);
    free(f);
    clear(&g);
}

static void keep_waiting(struct fake *f, int fd, const struct fake_call *c) {
    struct court *court = f->ctx;
    (void)fd;
    fake_lock(f);
    court->asked++, court->bound += (double)(strlen(c->body) + 64 + 200) * 1e-6;
    fake_unlock(f);
    fake_sleep(3);
}

/* What a kill leaves under way was perhaps charged, and counts at its dearest in later starts. */
Test(study_judge, what_a_kill_leaves_under_way_is_counted) {
    enum { CALLS = 8 };
    struct ground g;
    struct court court = {0};
    struct fake *f = calloc(1, sizeof *f);
    struct judge_done done;
    struct err e;
    signal(SIGPIPE, SIG_IGN);
    lay(&g, "judge-killed");
    cr_assert_eq(fake_start(f, keep_waiting, &court), 0);
    pid_t child = fork();
    cr_assert_geq(child, 0);
    if (!child) judge_by(&g, f, 100, &done, &e), _exit(0);
    for (int held = 0; held < CALLS; fake_sleep(0.005)) {
        fake_lock(f);
        held = court.asked;
        fake_unlock(f);
    }
    kill(child, SIGKILL);
    cr_assert_eq(waitpid(child, NULL, 0), child);
    cr_assert_eq(court.asked, CALLS);
    f->serve = serve;
    cr_assert_eq(judge_by(&g, f, 100, &done, &e), 0, "%s", e.msg);
    cr_assert(done.now == 72 && !done.before);
    cr_assert(g.spent > court.bound, "%g, with %g that were under way", g.spent, court.bound);

    cr_assert_eq(judge_by(&g, f, 100, &done, &e), 0, "%s", e.msg);
    cr_assert_float_eq(g.spent, court.bound + 72 * 490e-6, 1e-12, "%g", g.spent);
    fake_stop(f);
    free(f);
    clear(&g);
}

/* ---- agreement ---- */

/* A file of scores of runs, written by hand: the score of a run is its rank by boundary words, or the reverse. */
static void write_scores(const struct ground *g, const char *path, int reversed) {
    double v[8], parts[METRIC_PARTS];
    json_t *fact = NULL;
    struct err e = ERR_INIT;
    unsigned char d[DIGEST_BYTES];
    char hex[DIGEST_HEX];
    FILE *f = fopen(path, "w");
    cr_assert(f);
    cr_assert_geq(archive_find(g->a, "study", &fact, &e), 0);
    char *text = json_dumps(fact, JSON_COMPACT | JSON_SORT_KEYS);
    digest_bytes(text, strlen(text), d);
    digest_hex(d, hex);
    fprintf(f, "{\"row\":\"judge\",\"study_sha256\":\"%s\",\"prompt_sha256\":\"%s\",\"per\":\"run\"}\n", hex, g->j->hash);
    free(text), json_decref(fact);
    for (int i = 0; i < 8; i++) {
        metric_parts(parts, &g->c.run[i].all, &(struct metric_opts){0});
        v[i] = parts[PART_BOUNDARY];
    }
    for (int i = 7; i >= 0; i--) {
        int rank = 0;
        for (int k = 0; k < 8; k++) rank += v[k] < v[i];
        fprintf(f,
                "{\"row\":\"judged\",\"key\":\"cell%03d/"
                "rep%03d\",\"status\":\"scored\",\"coercion\":%d,\"protective\":1,\"gap\":2}\n",
                i / 2, i % 2, reversed ? 7 - rank : rank);
    }
    fclose(f);
}

static double at(const json_t *o, const char *list, size_t i, const char *key) {
    const json_t *x = json_object_get(json_array_get(json_object_get(o, list), i), key);
    return json_is_number(x) ? json_number_value(x) : NAN;
}

Test(study_judge, agreement_with_dictionaries_and_between_judges) {
    struct ground g;
    struct err e = ERR_INIT;
    json_t *o = NULL;
    char other[140];
    lay(&g, "judge-agreement");
    snprintf(other, sizeof other, "%s2", g.scores);
    const char *const paths[] = {g.scores, other};
    for (int reversed = 0; reversed < 2; reversed++) {
        write_scores(&g, g.scores, 0), write_scores(&g, other, reversed);
        cr_assert_geq(judge_agreement(&o, g.j, &g.c, g.a, paths, 2, &e), 0, "%s", e.msg);
        const json_t *second = json_array_get(json_object_get(o, "judges"), 1);
        const json_t *runs = json_object_get(json_array_get(json_object_get(second, "scores"), 0), "runs");
        cr_assert_float_eq(json_number_value(json_object_get(runs, "rho")), reversed ? -1 : 1, 1e-6);
        cr_assert_eq(json_integer_value(json_object_get(runs, "n")), 8);
        cr_assert_eq(at(o, "judges", 0, "scored"), 8);
        if (reversed)
            cr_assert_lt(at(o, "between", 0, "alpha"), -0.5);
        else
            cr_assert_float_eq(at(o, "between", 0, "alpha"), 1, 1e-12);
        cr_assert(isnan(at(o, "between", 1, "alpha")), "all the same: there is nothing to agree on");
        cr_assert_eq(at(o, "between", 0, "units"), 8);
        json_decref(o);
    }
    unlink(other);
    clear(&g);
}

Test(study_judge, files_that_are_none_are_refused) {
    static const char *const wrong[] = {"",
                                        "\n",
                                        "{}\n",
                                        "[1]\n",
                                        "not json\n",
                                        "{\"row\":\"judge\",\"per\":\"run\"}\n",
                                        "{\"row\":\"judged\",\"key\":\"cell000/rep000\",\"status\":\"scored\"}\n"};
    struct ground g;
    lay(&g, "judge-files");
    const char *const paths[] = {g.scores};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        FILE *f = fopen(g.scores, "w");
        struct err e = ERR_INIT;
        json_t *o = NULL;
        cr_assert(f);
        fputs(wrong[i], f);
        fclose(f);
        cr_assert_lt(judge_agreement(&o, g.j, &g.c, g.a, paths, 1, &e), 0, "%zu", i);
        cr_assert(*e.msg && !o);
    }
    write_scores(&g, g.scores, 0);
    FILE *f = fopen(g.scores, "a");
    fputs("{\"row\":\"judged\",\"key\":\"cell000/rep000\",\"status\":\"refused\"}\n", f);
    fclose(f);
    struct err e = ERR_INIT;
    json_t *o = NULL;
    cr_assert_eq(judge_agreement(&o, g.j, &g.c, g.a, paths, 1, &e), ERR_FORMAT);
    cr_assert(strstr(e.msg, "twice"), "%s", e.msg);
    clear(&g);
}
