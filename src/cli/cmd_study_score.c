/* candor study score: what agents said in an archive, counted and standardised. */
#include "base/fs.h"
#include "cli/outputs.h"
#include "cli/studying.h"
#include "study/score.h"
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct opt opts[] = {
    {"monologue", 0, "UNIT", "graphemes", "in what the share of monologue is measured: graphemes, acts, words or tokens"},
    OPT_TOKENIZER,
    {"hits", 0, "UNIT", "per_1000", "how hits of dictionaries are counted: per_1000 (graphemes) or raw"},
    OPT_REFERENCE(" (default: the registered one, else the frozen one, else own, which is then frozen)"),
    {"freeze", 0, NULL, NULL, "keep this reference in the archive behind the earlier ones: later scores stand on it"},
    {"save-reference", 0, "FILE", NULL, "write the reference, to be used again"},
    {"languages", 0, "DIR", NULL,
     "take languages, and so dictionaries, from this folder; what it does not have, from the archive"},
    {"agents", 0, NULL, NULL, "with --json: the scores of every agent too"},
    OPT_JSON,
    {0},
};

struct work {
    struct counted of;
    struct asked_reference by;
    struct reference r;
    enum reference_from from;
};

static int read_units(struct metric_opts *o, struct args *a, struct err *e) {
    const char *unit = arg_str(a, "monologue"), *hits = arg_str(a, "hits");
    int u = 0;
    while (u < METRIC_UNITS && strcmp(metric_unit_name((enum metric_unit)u), unit) != 0) u++;
    if (u == METRIC_UNITS) return usage_error(a, e, "--monologue: expected graphemes, acts, words or tokens, found %.40s", unit);
    if (u == UNIT_TOKENS && !arg_has(a, "tokenizer"))
        return usage_error(a, e, "--monologue tokens: expected --tokenizer with it, found none");
    if (strcmp(hits, "raw") != 0 && strcmp(hits, "per_1000") != 0)
        return usage_error(a, e, "--hits: expected per_1000 or raw, found %.40s", hits);
    *o = (struct metric_opts){.monologue = (enum metric_unit)u, .raw = !strcmp(hits, "raw")};
    return 0;
}

static int save_reference(const struct work *w, const char *path, struct err *e) {
    struct file_out o;
    json_t *j = reference_json(&w->r, w->of.s);
    char *s = j ? json_dumps(j, JSON_INDENT(1)) : NULL;
    json_decref(j);
    if (!s) return fail(e, ERR_NOMEM, "out of memory for a reference");
    int rc = file_out_open(&o, path, e);
    if (rc >= 0 && fprintf(o.f, "%s\n", s) < 0) {
        file_out_abort(&o);
        rc = fail_at(e, ERR_IO, path, -1, "cannot write");
    } else if (rc >= 0)
        rc = file_out_commit(&o, e);
    free(s);
    return rc;
}

/* A mean with so many decimals, or a dash. */
static const char *mean(char buf[32], const json_t *cell, const char *scope, const char *key, int decimals) {
    const json_t *o = scope ? json_object_get(json_object_get(cell, "scores"), scope) : cell;
    const json_t *v = json_object_get(json_object_get(o, key), "mean");
    if (json_is_number(v))
        snprintf(buf, 32, "%.*f", decimals, json_number_value(v));
    else
        snprintf(buf, 32, "-");
    return buf;
}

static void print_scores(const json_t *j) {
    size_t i;
    json_t *c;
    json_int_t foreign = 0;
    char b[7][32];
    printf("%s%s: means of analysed runs; monologue in %s, hits %s; reference: %s\n\n", study_label_text(j),
           json_string_value(json_object_get(j, "study")), json_string_value(json_object_get(j, "monologue")),
           json_string_value(json_object_get(j, "hits")), json_string_value(json_object_get(j, "reference_from")));
    printf("%-40s %4s %4s %9s %9s %10s %8s %8s %8s %8s\n", "cell", "plan", "n", "monologue", "boundary", "protective", "CPI",
           "DI", "CPI lang", "DI lang");
    json_array_foreach(json_object_get(j, "cells"), i, c) {
        const json_t *loss = json_array_get(json_object_get(j, "loss"), i);
        foreign += json_integer_value(json_object_get(loss, "wrong_language"));
        printf("%-40s %4d %4d %9s %9s %10s %8s %8s %8s %8s\n", json_string_value(json_object_get(c, "id")),
               (int)json_integer_value(json_object_get(loss, "planned")), (int)json_integer_value(json_object_get(c, "n")),
               mean(b[0], c, NULL, "monologue", 4), mean(b[1], c, NULL, "boundary", 3), mean(b[2], c, NULL, "protective", 3),
               mean(b[3], c, "pooled", "cpi", 3), mean(b[4], c, "pooled", "di", 3), mean(b[5], c, "language", "cpi", 3),
               mean(b[6], c, "language", "di", 3));
    }
    if (foreign) printf("\n%" JSON_INTEGER_FORMAT " agent-turns are in another language of the study\n", foreign);
}

/* Into the archive's measurements; sealed again if it was sealed. */
static int freeze_in(struct work *w, const char *path, struct err *e) {
    struct archive_info info;
    archive_info(w->of.a, &info);
    archive_close(w->of.a);
    w->of.a = NULL;
    TRY(archive_open(&w->of.a, path, ARCHIVE_WRITE, e));
    int put = reference_freeze(w->of.a, &w->r, w->of.s, e);
    TRY(put);
    if (put && info.sealed) TRY(archive_seal(w->of.a, e));
    return put;
}

/* The first score of an archive freezes its reference; one that cannot be written now is scored all the same. */
static int freeze(struct work *w, struct args *a, struct err *e) {
    int asked = arg_has(a, "freeze"), first = w->from == FROM_OWN && !arg_has(a, "reference") && !arg_has(a, "languages");
    struct err why = ERR_INIT;
    if (!asked && (!first || w->r.run[0].n < 2)) return 0;
    int rc = freeze_in(w, a->pos[0], &why);
    if (rc > 0 && !arg_has(a, "quiet"))
        fprintf(stderr, "candor: remark: the reference of %lld runs is frozen in the archive; --reference own is without it\n",
                (long long)w->r.run[0].n);
    if (rc >= 0 || (!asked && (rc == ERR_BUSY || rc == ERR_IO))) return 0;
    if (e) *e = why;
    return rc;
}

static int choose(struct work *w, struct args *a, struct err *e) {
    TRY(read_units(&w->by.w.o, a, e));
    TRY(read_reference(&w->by, a, 0, e));
    if (arg_has(a, "freeze") && arg_has(a, "languages")) /* later scores count by the archive's own */
        return usage_error(a, e, "--freeze: expected the archive's own dictionaries, found --languages");
    if (arg_has(a, "languages") && !arg_has(a, "reference")) w->by.w.own = 1; /* of other dictionaries */
    return reference_choose(&w->r, &w->from, &w->by.w, &w->of.c, w->of.a, e);
}

static int go(struct work *w, struct args *a, struct err *e) {
    json_t *j = NULL;
    TRY(output_apart(a, "save-reference", NULL, e));
    TRY(counted_open(&w->of, a->pos[0], arg_str(a, "languages"), a, e));
    TRY(choose(w, a, e));
    if (arg_has(a, "save-reference")) TRY(save_reference(w, arg_str(a, "save-reference"), e));
    TRY(score_json(&j, &w->of.c, &w->r, arg_has(a, "agents"), e));
    json_object_set_new(j, "reference_from", json_string(reference_from_name(w->from)));
    int rc = freeze(w, a, e);
    if (rc >= 0 && arg_has(a, "json")) return print_json(j, e);
    if (rc >= 0) print_scores(j);
    json_decref(j);
    return rc;
}

static int run(struct args *a, struct err *e) {
    struct work w = {0};
    int rc = go(&w, a, e);
    reference_free(&w.r);
    json_decref(w.by.file);
    counted_close(&w.of);
    return rc;
}

const struct command command_study_score = {
    .name = "study score",
    .summary = "count and standardise what the agents of an archive said: CPI, DI and their parts",
    .usage = "ARCHIVE [--json [--agents]] [--save-reference FILE] [--reference R] [--freeze]",
    .opts = opts,
    .min_pos = 1,
    .max_pos = 1,
    .run = run,
};
