/* candor study register: freezes a study before it runs. */
#include "base/fs.h"
#include "cli/answering.h"
#include "cli/created.h"
#include "cli/outputs.h"
#include "cli/studying.h"
#include "study/answered.h"
#include "study/terms.h"
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static const struct opt opts[] = {
    OPT_LANGUAGES,
    OPT_ANSWERING,
    {"output", 'o', "REG", NULL, "the registration, a JSON file that carries its own hash"},
    {"reference", 0, "FILE", NULL, "freeze this z reference too (study score --save-reference)"},
    {"prior", 0, "REG", NULL, "the registration that this one amends; only it may be written over"},
    {"claims", 0, "DIR", NULL,
     "write each hypothesis there as a PRML manifest too, HYPOTHESIS.prml.yaml and HYPOTHESIS.prml.yaml.sha256"},
    {"created", 0, "TIME", NULL, "when it is registered, a day or a time as 2026-03-05T00:00:00Z (default: now)"},
    OPT_JSON,
    {0},
};

static int when(struct args *a, char out[40], struct err *e) {
    const char *given;
    time_t now = time(NULL);
    struct tm utc;
    TRY(arg_time(a, "created", &given, e));
    if (given)
        snprintf(out, 40, "%s", given);
    else
        strftime(out, 40, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&now, &utc));
    return 0;
}

static int follow(json_t *r, struct args *a, struct err *e) {
    json_t *prior = NULL;
    if (!arg_has(a, "prior")) return 0;
    TRY(registration_read(&prior, arg_str(a, "prior"), e));
    int rc = registration_follow(r, prior, e);
    json_decref(prior);
    return rc;
}

static int write_file(const char *path, const char *text, const char *more, struct err *e) {
    struct file_out o;
    TRY(file_out_open(&o, path, e));
    if (fprintf(o.f, "%s%s", text, more) < 0) {
        file_out_abort(&o);
        return fail_at(e, ERR_IO, path, -1, "cannot write");
    }
    return file_out_commit(&o, e);
}

static const char *claim_text(const json_t *r, size_t i) {
    return json_string_value(json_object_get(json_array_get(json_object_get(r, "claims"), i), "prml"));
}

/* A manifest that is there may be this one, or one of the registration that is amended. */
static int may_replace(const char *path, const char *text, const json_t *prior, struct err *e) {
    char *was;
    size_t n;
    if (!file_exists(path)) return 0;
    TRY(file_read(&was, &n, path, 1 << 20, e));
    int same = n == strlen(text) && !memcmp(was, text, n);
    for (size_t i = 0; !same && i < json_array_size(json_object_get(prior, "claims")); i++) {
        const char *old = claim_text(prior, i);
        same = old && n == strlen(old) && !memcmp(was, old, n);
    }
    free(was);
    if (same) return 0;
    return fail_at(e, ERR_STATE, path, -1,
                   "expected no file, or the claim of the registration that this one amends (--prior), found another");
}

/* Whether a path, of which there may be no file yet, is `name` in the folder or begins so (its hash). */
static int is_in(const char *path, const char *dir, const char *name) {
    const char *slash = strrchr(path, '/');
    char parent[4096];
    struct stat a, b;
    snprintf(parent, sizeof parent, "%.*s", slash ? (int)(slash - path) + 1 : 1, slash ? path : ".");
    return !strncmp(slash ? slash + 1 : path, name, strlen(name)) && stat(parent, &a) == 0 && stat(dir, &b) == 0 &&
           a.st_ino == b.st_ino && a.st_dev == b.st_dev;
}

/* Ahead of the registration, so that nothing is written if they cannot be. */
static int check_claims(const json_t *r, const struct study *s, struct args *a, const char *out, struct err *e) {
    const char *dir = arg_str(a, "claims");
    char path[4096];
    json_t *prior = NULL;
    if (mkdir(dir, 0777) < 0 && errno != EEXIST)
        return fail_at(e, ERR_IO, dir, -1, "cannot make the folder: %s", strerror(errno));
    if (!dir_exists(dir) || access(dir, W_OK) < 0)
        return fail_at(e, ERR_IO, dir, -1, "expected a folder to write claims to, found none");
    if (arg_has(a, "prior")) TRY(registration_read(&prior, arg_str(a, "prior"), e));
    int rc = 0;
    for (int i = 0; rc >= 0 && i < s->n_hypotheses; i++) {
        snprintf(path, sizeof path, "%s/%s.prml.yaml", dir, s->hypothesis[i].id);
        if (is_in(out, dir, strrchr(path, '/') + 1))
            rc = usage_error(a, e, "--output: expected another file than the claim %.200s, found %.200s", path, out);
        if (rc >= 0) rc = may_replace(path, claim_text(r, (size_t)i), prior, e);
    }
    json_decref(prior);
    return rc;
}

/* The manifests of a registration, in the order of the hypotheses, each with the hash that belongs to it. */
static int write_claims(const json_t *r, const struct study *s, const char *dir, struct err *e) {
    char path[4096], line[STUDY_ID_MAX + 80];
    for (int i = 0; i < s->n_hypotheses; i++) {
        const json_t *c = json_array_get(json_object_get(r, "claims"), (size_t)i);
        snprintf(path, sizeof path, "%s/%s.prml.yaml", dir, s->hypothesis[i].id);
        TRY(write_file(path, json_string_value(json_object_get(c, "prml")), "", e));
        snprintf(line, sizeof line, "  %s.prml.yaml\n", s->hypothesis[i].id);
        snprintf(path, sizeof path, "%s/%s.prml.yaml.sha256", dir, s->hypothesis[i].id);
        TRY(write_file(path, json_string_value(json_object_get(c, "hash")), line, e));
    }
    return 0;
}

static int report(struct args *a, const json_t *r, const struct study *s, struct err *e) {
    const char *hash = json_string_value(json_object_get(r, "hash"));
    size_t texts = json_object_size(json_object_get(r, "content"));
    if (arg_has(a, "json"))
        return print_json(json_pack("{s:s, s:s, s:i, s:i, s:I, s:I}", "study", s->id, "hash", hash, "hypotheses", s->n_hypotheses,
                                    "cells", s->n_cells, "runs", (json_int_t)study_runs(s), "content", (json_int_t)texts),
                          e);
    printf("%s: %d hypotheses, %d cells, %lld runs, %zu texts and dictionaries\n%s\n", s->id, s->n_hypotheses, s->n_cells,
           (long long)study_runs(s), texts, hash);
    return 0;
}

/* Opened as a run would open it, and asked nothing; NULL: left open. */
static int who_answers(json_t **out, const struct study *s, struct args *a, struct err *e) {
    struct answering w = {0};
    if (!arg_has(a, "backend")) {
        if (arg_has(a, "model")) return usage_error(a, e, "--model: expected --backend with it, found none");
        return 0;
    }
    int rc = answering_open(&w, s, a, e);
    if (rc >= 0 && !(*out = answered_record(w.backend))) rc = fail(e, ERR_NOMEM, "out of memory for a registration");
    answering_close(&w);
    return rc;
}

/* Read as scores will read it, before any run is paid for. */
static int open_reference(json_t **out, const struct study *s, struct args *a, struct err *e) {
    const char *path = arg_str(a, "reference");
    struct reference r = {0};
    if (!path) return 0;
    TRY(read_json(out, path, "a reference", e));
    int rc = reference_read(&r, s, *out, e);
    reference_free(&r);
    return rc < 0 ? err_place(e, rc, path) : 0;
}

static int make(const struct study *s, struct args *a, const char *path, struct err *e) {
    json_t *reference = NULL, *who = NULL, *r = NULL;
    char created[40];
    TRY(when(a, created, e));
    int rc = open_reference(&reference, s, a, e);
    if (rc >= 0) rc = who_answers(&who, s, a, e);
    if (rc >= 0) rc = study_register(&r, s, created, reference, who, e);
    if (rc >= 0) rc = follow(r, a, e);
    if (rc >= 0 && arg_has(a, "claims")) rc = check_claims(r, s, a, path, e);
    if (rc >= 0) rc = registration_write(r, path, e);
    if (rc >= 0 && arg_has(a, "claims")) rc = write_claims(r, s, arg_str(a, "claims"), e);
    if (rc >= 0) rc = report(a, r, s, e);
    json_decref(reference);
    json_decref(who);
    json_decref(r);
    return rc;
}

/* What was registered is not lost by a second command: only its own amendment takes its place. */
static int check_output(struct args *a, const char *path, struct err *e) {
    const char *prior = arg_str(a, "prior");
    TRY(output_apart(a, "output", "prior", e));
    if (!output_is(path, path) || (prior && output_is(path, prior))) return 0;
    return fail_at(
        e, ERR_STATE, path, -1,
        "expected no file, or the registration that this one amends (--prior), found another: remove it or name another file");
}

static int run(struct args *a, struct err *e) {
    struct study *s;
    const char *path;
    TRY(arg_need(a, "output", &path, e));
    TRY(check_output(a, path, e));
    TRY(open_whole_study(&s, a, a->pos[0], e));
    int rc = make(s, a, path, e);
    study_free(s);
    return rc;
}

const struct command command_study_register = {
    .name = "study register",
    .summary = "freeze a study before it runs: hypotheses, cells, rules, texts and dictionaries, with one hash",
    .usage = "FILE -o REG [--backend B [-m M]] [--reference FILE] [--prior REG] [--claims DIR] [--json]",
    .opts = opts,
    .min_pos = 1,
    .max_pos = 1,
    .run = run,
    .notes =
        "The study file must say hypotheses, stop (the stop rule) and countries. `study run --registration REG` refuses a "
        "study that differs.\n--backend (and -m, as in study run) registers who answers; it is opened and asked nothing, and a "
        "run that asks another deviates. Without it that stays open, which every\nresult says.",
};
