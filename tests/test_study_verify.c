/* Verification of studies: an honest archive passes, and each way of tampering with one (its checksums made good again) is caught. */
#include "study/planted.h"
#include "study/runner.h"
#include "study/terms.h"
#include "study/verify.h"
#include "study_group.h"
#include "test_files.h"
#include <jansson.h>

TestSuite(study_verify, .timeout = HANG_S);

static const char ARMS[] = "replicates: 2\narms: [{id: none}, {id: all, alignment: \"100 %\"}]\nstop: all\n"
                           "countries: {en: A, ja: B}\n"
                           "hypotheses: [{id: h, metric: cpi, contrast: [all, none], direction: less}]\n"
                           "planted: {graphemes: 300, whisper: 0.5, malformed: 0.1, refused: 0.03}\n";

static struct study *group(const char *order, const char *monologue) {
    struct study *s = NULL;
    OK(group_make(&s, 4, 3, order, "all", monologue, ARMS, &e));
    return s;
}

static void run_into(const struct study *s, struct archive *a, int no_contexts) {
    struct planted planted;
    struct backend *b = NULL;
    struct runner_progress p;
    OK(planted_read(&planted, s, &e));
    OK(planted_open(&b, &planted, s, &e));
    OK(runner_run(s, a, b, &(struct runner_opts){.no_contexts = no_contexts}, &p, &e));
    backend_close(b);
}

static struct archive *honest(const struct study *s, const char *name) {
    struct archive *a = NULL;
    OK(archive_open(&a, tmp_path(name), ARCHIVE_WRITE, &e));
    run_into(s, a, 0);
    return a;
}

struct seen_findings {
    int n;
    char record[200], what[500];
};
static void note_finding(void *user, const struct archive_finding *f) {
    struct seen_findings *s = user;
    if (s->n++) return;
    snprintf(s->record, sizeof s->record, "%s", f->record);
    snprintf(s->what, sizeof s->what, "%s", f->what);
}

static struct verified verify(struct archive *a, const struct verify_opts *o, struct seen_findings *f) {
    struct verified v = {0};
    *f = (struct seen_findings){0};
    OK(study_verify(&v, a, o, note_finding, f, &e));
    cr_assert_eq(v.findings, f->n);
    return v;
}

Test(study_verify, honest_archives_pass) {
    static const char *const orders[] = {"fixed", "shuffled", "simultaneous"}, *const monologues[] = {"author", "researcher"};
    for (int i = 0; i < 6; i++) {
        struct study *s = group(orders[i % 3], monologues[i / 3]);
        struct seen_findings f;
        struct archive *a = honest(s, i % 2 ? "odd" : "even");
        struct verified v = verify(a, &(struct verify_opts){0}, &f);
        cr_assert_eq(v.findings, 0, "%s: %s", f.record, f.what);
        cr_assert_eq(v.proof.runs, 8);
        cr_assert_geq(v.proof.calls, 8 * 4 * 3);
        cr_assert_eq(v.proof.contexts, v.proof.calls);
        cr_assert_gt(v.proof.private_shown, 0, "%s, %s", orders[i % 3], monologues[i / 3]);
        archive_close(a);
        remove(tmp_path(i % 2 ? "odd.journal" : "even.journal"));
        study_free(s);
    }
}

/* ---- tampering ---- */

enum tampering {
    LEAK_SEEN,
    LEAK_CONTEXT,
    OTHER_ACT,
    OTHER_TEXT,
    NO_TURN,
    MORE_FACTS,
    OTHER_SEAT,
    FOREIGN_FACT,
    NOT_PLANTED,
    TAMPERINGS
};
struct copying {
    struct archive *from, *to;
    enum tampering how;
    int done;
};

static void copy_text(struct copying *c, const char *hex) {
    struct archive_id id;
    struct str b = {0};
    OK(archive_id_parse(hex, &id, &e));
    OK(archive_text_get(c->from, id, &b, &e));
    OK(archive_text(c->to, b.s ? b.s : "", b.len, NULL, &e));
    str_free(&b);
}

/* What agent 0 was shown, and one line more: as if it had heard somebody think. */
static void leak_context(struct copying *c, json_t *fact) {
    struct archive_part part = {.role = ARCHIVE_USER};
    struct archive_id id = {{0}};
    char hex[ARCHIVE_ID_HEX];
    static const char thought[] = "(Noah thinks: nobody must know.)";
    OK(archive_text(c->to, thought, sizeof thought - 1, &part.text, &e));
    OK(archive_context(c->to, id, &part, 1, &id, &e));
    archive_id_hex(id, hex);
    json_object_set_new(fact, "context_id", json_string(hex));
}

static void tamper(struct copying *c, const char *key, json_t *fact) {
    json_t *acts = json_object_get(fact, "acts");
    int turn = strstr(key, "/turn02/agent01") && !strstr(key, "ask0"), spoke = json_array_size(acts) > 0;
    if (c->done) return;
    if (c->how == OTHER_SEAT && strstr(key, "/run"))
        json_object_set_new(json_array_get(json_object_get(fact, "agents"), 0), "persona", json_string("nobody"));
    else if (c->how == NOT_PLANTED && !strcmp(key, "study"))
        json_object_set_new(fact, "planted", json_false());
    else if (!turn || !spoke || c->how == OTHER_SEAT || c->how == NOT_PLANTED)
        return;
    else if (c->how == LEAK_SEEN)
        json_array_append_new(json_object_get(fact, "seen"), json_string("t01a02.0 monologue"));
    else if (c->how == LEAK_CONTEXT)
        leak_context(c, fact);
    else if (c->how == OTHER_ACT)
        json_object_set_new(json_array_get(acts, 0), "text", json_string("I never said this."));
    else if (c->how == OTHER_TEXT)
        json_object_set_new(fact, "text", json_string("[TALK] I said something else."));
    c->done = 1;
}

static int copy_fact(void *user, const char *key, const char *json, size_t n, struct err *e) {
    struct copying *c = user;
    json_t *fact = json_loadb(json, n, 0, NULL);
    json_object_del(fact, "context_id");
    tamper(c, key, fact);
    int rc = c->how == NO_TURN && strstr(key, "cell000/rep000/turn02/agent01") ? 0 : archive_put(c->to, key, fact, e);
    if (rc >= 0 && c->how == MORE_FACTS && !strcmp(key, "cell000/rep000/run"))
        rc = archive_put(c->to, "cell000/rep000/turn09/agent00", fact, e);
    if (rc >= 0 && c->how == FOREIGN_FACT && !strcmp(key, "study")) rc = archive_put(c->to, "sample000000", fact, e);
    json_decref(fact);
    return rc;
}

static void copy_study(struct copying *c) {
    json_t *fact = NULL, *l;
    const char *code;
    OK(archive_find(c->from, "study", &fact, &e));
    copy_text(c, json_string_value(json_object_get(fact, "study_text_id")));
    json_object_foreach(json_object_get(fact, "languages"), code, l)
        copy_text(c, json_string_value(json_object_get(l, "language_text_id")));
    json_decref(fact);
}

Test(study_verify, tampering_is_caught) {
    static const char *const says[TAMPERINGS] = {"seen",   "context",       "acts",
                                                 "acts",   "without one",   "belong to a call",
                                                 "agents", "found another", "expected planted: true"};
    struct study *s = group("fixed", "author");
    struct archive *from = honest(s, "from");
    for (int how = 0; how <= TAMPERINGS; how++) { /* the last one tampers with nothing */
        struct archive *to = NULL;
        struct seen_findings f;
        char name[20];
        snprintf(name, sizeof name, "to%d", how);
        OK(archive_open(&to, tmp_path(name), ARCHIVE_WRITE, &e));
        struct copying c = {.from = from, .to = to, .how = (enum tampering)how, .done = how == TAMPERINGS};
        copy_study(&c);
        OK(archive_each(from, NULL, copy_fact, &c, &e));
        struct verified v = verify(to, &(struct verify_opts){0}, &f);
        if (how == TAMPERINGS)
            cr_assert_eq(v.findings, 0, "%s: %s", f.record, f.what);
        else
            cr_assert(v.findings > 0 && strstr(f.what, says[how]), "%d: %s: %s", how, f.record, f.what);
        archive_close(to);
    }
    archive_close(from);
    study_free(s);
}

/* ---- registrations ---- */

static json_t *registered(const struct study *s, const char *when) {
    json_t *r = NULL;
    char hex[DIGEST_HEX];
    OK(study_register(&r, s, when, NULL, NULL, &e));
    OK(registration_hash(r, hex, &e));
    json_object_set_new(r, "hash", json_string(hex));
    return r;
}

Test(study_verify, registrations) {
    struct study *s = group("fixed", "author");
    json_t *r = registered(s, "2026-03-05T00:00:00Z"), *other = registered(s, "2027-03-05T00:00:00Z"), *none = json_array();
    struct archive *a = NULL, *plain = honest(s, "plain");
    struct seen_findings f;
    OK(archive_open(&a, tmp_path("a"), ARCHIVE_WRITE, &e));
    OK(archive_stamp(a, r, none, &e));
    run_into(s, a, 1);
    struct verified v = verify(a, &(struct verify_opts){.registration = r}, &f);
    cr_assert_eq(v.findings, 0, "%s: %s", f.record, f.what);
    cr_assert(v.registered && !v.proof.contexts);
    verify(a, &(struct verify_opts){.registration = other}, &f);
    cr_assert(f.n == 1 && strstr(f.what, "expected the registration"), "%s", f.what);
    verify(plain, &(struct verify_opts){.registration = r}, &f);
    cr_assert(f.n == 1 && strstr(f.what, "found none"), "%s", f.what);
    archive_close(a);
    archive_close(plain);
    json_decref(none);
    json_decref(r);
    json_decref(other);
    study_free(s);
}

/* A deviation that nobody stamped is found from the archive alone. */
Test(study_verify, unstamped_deviations) {
    struct study *s = group("fixed", "author"), *now = group("shuffled", "author");
    json_t *r = registered(s, "2026-03-05T00:00:00Z"), *none = json_array();
    struct archive *a = NULL;
    struct seen_findings f;
    OK(archive_open(&a, tmp_path("a"), ARCHIVE_WRITE, &e));
    OK(archive_stamp(a, r, none, &e));
    run_into(now, a, 1);
    verify(a, &(struct verify_opts){0}, &f);
    cr_assert(f.n == 2 && strstr(f.what, "not stamped"), "%d %s", f.n, f.what);
    archive_close(a);
    json_decref(none);
    json_decref(r);
    study_free(now);
    study_free(s);
}
