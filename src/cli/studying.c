/* A study file and its languages, from a folder of the user or from the shipped ones. */
#include "cli/studying.h"
#include "base/fs.h"
#include "cli/languages.h"
#include "stats/infer/frame.h"
#include "study/beside.h"
#include "study/placebo.h"
#include "study/planted.h"
#include "study/yaml.h"
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* ctx: the user's folder, or NULL. */
static int load(void *ctx, const char *code, char **bytes, size_t *n, char *name, size_t name_size, struct err *e) {
    char path[PATH_SIZE];
    if (ctx && language_from_dir(ctx, code, bytes, n, name, name_size, NULL) >= 0) return 0;
    TRY(resolve_language(code, path, e));
    snprintf(name, name_size, "%s", path);
    return file_read(bytes, n, path, YML_MAX_BYTES, e);
}

/* The same for the texts of a council: DIR/council/<code>.yaml, or the shipped ones. */
static int load_council(void *ctx, const char *code, char **bytes, size_t *n, char *name, size_t name_size, struct err *e) {
    char dir[PATH_SIZE];
    snprintf(name, name_size, "%s/council/%s.yaml", ctx ? (const char *)ctx : "", code);
    if (ctx && file_exists(name)) return file_read(bytes, n, name, YML_MAX_BYTES, e);
    TRY(languages_dir(dir, e));
    return council_from_dir(dir, code, bytes, n, name, name_size, e);
}

static int is_file(const char *path) {
    struct stat st;
    return !stat(path, &st) && !S_ISDIR(st.st_mode);
}

/* A path as given if it exists, with or without .yaml, else a shipped file of that name, under `folder` of the studies. */
static int resolve_shipped(const char *name, const char *folder, const char *what, char path[PATH_SIZE], struct err *e) {
    char dir[PATH_SIZE];
    for (int i = 0; i < 2; i++) {
        int n = snprintf(path, PATH_SIZE, "%s%s", name, i ? ".yaml" : "");
        if (n < PATH_SIZE && is_file(path)) return 0;
    }
    for (int i = 0; !strchr(name, '/') && shipped_dir("CANDOR_STUDIES", "studies", i, dir); i++) {
        int n = snprintf(path, PATH_SIZE, "%s/%s%s.yaml", dir, folder, name);
        if (dir[0] && n > 0 && n < PATH_SIZE && file_exists(path)) return 0;
    }
    return fail_at(e, ERR_IO, name, -1, "expected %s, found none", what);
}

int resolve_judge(const char *name, char path[PATH_SIZE], struct err *e) {
    return resolve_shipped(name, "judges/", "a judge's file or the name of a shipped one (scales)", path, e);
}

int open_study(struct study **out, struct args *a, const char *path, struct err *e) {
    struct language_source from = {.load = load, .council = load_council, .ctx = (void *)arg_str(a, "languages")};
    char found[PATH_SIZE];
    char dir[PATH_SIZE];
    TRY(resolve_shipped(path, "", "a study file or the name of a shipped study (backfire-1)", found, e));
    TRY(study_read(out, found, &from, e));
    int rc = languages_dir(dir, NULL) < 0 ? 0 : beside_read_dir(*out, dir, e);
    if (rc < 0) study_free(*out), *out = NULL;
    return rc;
}

int open_whole_study(struct study **out, struct args *a, const char *path, struct err *e) {
    struct planted planted;
    TRY(open_study(out, a, path, e));
    int rc = (*out)->planted ? planted_read(&planted, *out, e) : 0;
    if (rc < 0) study_free(*out), *out = NULL;
    return rc;
}

int open_words(struct tokenizer **t, struct args *a, struct err *e) {
    char path[PATH_SIZE];
    *t = NULL;
    if (!arg_has(a, "tokenizer")) return 0;
    TRY(resolve_model(arg_str(a, "tokenizer"), path, e));
    return err_place(e, tokenizer_open(t, path, e), path);
}

int counted_open(struct counted *x, const char *path, const char *languages, struct args *a, struct err *e) {
    int64_t threads = 0;
    struct tokenizer *t;
    TRY(arg_i64(a, "threads", 1, 1024, &threads, e));
    TRY(archive_open(&x->a, path, ARCHIVE_READ, e));
    TRY(study_from_archive(&x->s, x->a, languages, e));
    TRY(open_words(&t, a, e));
    int rc = scored_read_tokens(&x->c, x->s, x->a, (int)threads, t, e);
    tokenizer_free(t);
    return rc;
}

void counted_close(struct counted *x) {
    scored_free(&x->c);
    study_free(x->s);
    archive_close(x->a);
}

int read_json(json_t **out, const char *path, const char *what, struct err *e) {
    char *s;
    size_t n;
    json_error_t why;
    TRY(file_read(&s, &n, path, (size_t)1 << 30, e));
    *out = json_loadb(s, n, JSON_REJECT_DUPLICATES, &why);
    free(s);
    return *out ? 0 : fail_at(e, ERR_FORMAT, path, why.position, "expected %s as JSON, found: %.120s", what, why.text);
}

int read_countries(struct country_values *out, const struct study *s, const char *path, struct err *e) {
    struct frame *f = NULL;
    char *bytes;
    size_t n;
    TRY(file_read(&bytes, &n, path, (size_t)1 << 24, e));
    int rc = frame_parse(&f, bytes, n, path, e);
    free(bytes);
    if (rc >= 0) rc = country_values(out, s, f, e);
    frame_free(f);
    return rc;
}

static int scope_named(const char *word) {
    for (int i = 0; i < HYPOTHESIS_SCOPES; i++)
        if (!strcmp(word, hypothesis_scope_name((enum hypothesis_scope)i))) return 1 + i;
    return 0;
}

static int frozen_named(struct reference_choice *w, const char *word, struct args *a, struct err *e) {
    char *end = (char *)(uintptr_t) "";
    long n = word[6] ? strtol(word + 7, &end, 10) : 0;
    if (*end || (word[6] && (!word[7] || n < 1 || n > 1000000)))
        return usage_error(a, e, "--reference: expected frozen or frozen:N with N from 1 on, found \"%.60s\"", word);
    w->number = n ? (int)n : -1;
    return 0;
}

int read_reference(struct asked_reference *out, struct args *a, int scopes, struct err *e) {
    const char *word;
    for (int i = 0; (word = arg_nth(a, "reference", i)); i++) {
        if (scopes && scope_named(word))
            out->scope = scope_named(word);
        else if (!strcmp(word, "own"))
            out->w.own = 1;
        else if (!strncmp(word, "frozen", 6) && (!word[6] || word[6] == ':'))
            TRY(frozen_named(&out->w, word, a, e));
        else {
            json_decref(out->file);
            out->file = NULL;
            TRY(read_json(&out->file, word, "a reference", e));
        }
    }
    out->w.given = out->file;
    return 0;
}

int study_say_remarks(const struct study *s, struct args *a, struct err *e) {
    json_t *list = json_array(), *x;
    size_t i;
    int rc = arg_has(a, "quiet") || arg_has(a, "json") ? 0 : placebo_remarks(list, s, e);
    json_array_foreach(list, i, x) fprintf(stderr, "candor: remark: %s\n", json_string_value(x));
    json_decref(list);
    return rc;
}

const char *study_label_text(const json_t *o) {
    if (json_is_true(json_object_get(o, "planted"))) return "PLANTED ";
    if (json_is_true(json_object_get(o, "reference_planted"))) return "PLANTED REFERENCE ";
    return json_is_true(json_object_get(o, "test_bed")) ? "TEST BED " : "";
}
