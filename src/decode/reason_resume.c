/* Rows back in, for a run that goes on.
 *
 * Work is done in one canonical order, so a file of rows is a beginning of that order whatever ended it. Resuming cuts the file off
 * behind its last result row (a group that was being written is computed again), checks that it was made with the same settings, adds
 * up the results it holds, and appends. */
#include "base/fs.h"
#include "decode/reason_int.h"
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct old_rows {
    const struct reason_job *j;
    int64_t done;
    struct reason__sums *sums;
    struct reason_show *show;
    const char *path;
    int settings;
    int64_t right; /* candidates of the group being read that are right */
};

static int64_t get_i(const json_t *o, const char *k) { return json_integer_value(json_object_get(o, k)); }
static double get_d(const json_t *o, const char *k) { return json_number_value(json_object_get(o, k)); }
static double get_score(const json_t *o, const char *k) {
    const json_t *v = json_object_get(o, k);
    return json_is_number(v) ? json_number_value(v) : NAN;
}
static int get_b(const json_t *o, const char *k) { return json_is_true(json_object_get(o, k)); }
static const char *get_s(const json_t *o, const char *k) {
    const char *s = json_string_value(json_object_get(o, k));
    return s ? s : "";
}

static int old_settings(struct old_rows *r, const json_t *o, int64_t line, struct err *e) {
    struct str s = {0};
    TRY(reason__settings(r->j, &s, e));
    int same = !strcmp(get_s(o, "settings"), s.s);
    str_free(&s);
    r->settings = 1;
    return same ? 0
                : fail_at(e, ERR_STATE, r->path, line, "cannot resume: these rows were made with other settings (%.200s)",
                          get_s(o, "settings"));
}

/* The group a row belongs to must be the one that comes next. */
static int old_group(struct old_rows *r, const json_t *o, int64_t line, struct err *e) {
    const struct reason_job *j = r->j;
    int per = j->n_methods * j->n_budgets, at = (int)(r->done % per);
    int64_t q = r->done / per;
    if (q >= j->n)
        return fail_at(e, ERR_STATE, r->path, line, "cannot resume: the rows go beyond the %lld questions of this run",
                       (long long)j->n);
    if (strcmp(get_s(o, "question"), j->qs->q[q].id) != 0 ||
        strcmp(get_s(o, "method"), j->methods[at / j->n_budgets]->name) != 0 ||
        strcmp(get_s(o, "budget"), j->budgets[at % j->n_budgets].text) != 0)
        return fail_at(e, ERR_STATE, r->path, line,
                       "cannot resume: expected question %s, method %s, budget %s, found %.60s, %.60s, %.60s", j->qs->q[q].id,
                       j->methods[at / j->n_budgets]->name, j->budgets[at % j->n_budgets].text, get_s(o, "question"),
                       get_s(o, "method"), get_s(o, "budget"));
    return at;
}

static void old_result(struct old_rows *r, const json_t *o, int at) {
    const json_t *m = json_object_get(o, "measured");
    struct reason__result x = {.correct = get_b(o, "correct"),
                               .candidates = get_i(o, "rollouts"),
                               .right = r->right,
                               .reward = get_score(o, "reward"),
                               .verdict = get_score(o, "verifier"),
                               .calls = get_i(o, "calls"),
                               .calls_paper = get_i(o, "calls_paper"),
                               .tokens = get_i(o, "tokens"),
                               .judged = get_i(o, "judged"),
                               .rejected = get_i(o, "rejected"),
                               .optimised = get_i(o, "optimised"),
                               .low_entropy = get_i(o, "low_entropy"),
                               .low_gradient = get_i(o, "low_gradient"),
                               .changed = get_i(o, "changed"),
                               .flops = get_d(o, "flops"),
                               .seconds = get_d(m, "seconds"),
                               .peak_bytes = get_d(m, "peak_bytes")};
    reason__sum(&r->sums[at], &x);
    r->right = 0;
    r->done++;
}

static int old_candidate(struct old_rows *r, const json_t *o, int at, struct err *e) {
    r->right += get_b(o, "correct");
    if (!json_is_number(json_object_get(o, "reward"))) return 0;
    return reason__score_add(&r->sums[at].scores, r->sums[at].n, get_d(o, "reward"), get_b(o, "correct"), e);
}

static int old_step(struct old_rows *r, const json_t *o, int at, struct err *e) {
    if (!json_is_number(json_object_get(o, "reward"))) return 0;
    return reason__score_add(&r->sums[at].steps, r->sums[at].n, get_d(o, "reward"), get_b(o, "right"), e);
}

static void old_change(struct old_rows *r, const json_t *o) {
    const struct question *q = &r->j->qs->q[r->done / (r->j->n_methods * r->j->n_budgets)];
    if (!r->show || get_i(o, "telling") <= r->show->score) return;
    reason_show_fini(r->show);
    *r->show = (struct reason_show){
        .id = strdup(q->id),
        .question = strdup(q->question),
        .truth = strdup(q->answer),
        .method = strdup(get_s(o, "method")),
        .budget = strdup(get_s(o, "budget")),
        .prefix = strdup(get_s(o, "prefix")),
        .was = strdup(get_s(o, "was")),
        .rest = strdup(get_s(o, "rest")),
        .plain = strdup(get_s(o, "plain")),
        .tilted = strdup(get_s(o, "tilted")),
        .rest_after = strdup(get_s(o, "rest_after")),
        .answer_before = strdup(get_s(o, "answer_before")),
        .answer_after = strdup(get_s(o, "answer_after")),
        .u = get_d(o, "u"),
        .p_plain = get_d(o, "p_plain"),
        .p_tilted = get_d(o, "p_tilted"),
        .reward_before = get_d(o, "reward_before"),
        .reward_after = get_d(o, "reward_after"),
        .accepted = get_b(o, "accepted"),
        .rolled = get_b(o, "rolled"),
        .correct_before = get_b(o, "correct_before"),
        .correct_after = get_b(o, "correct_after"),
        .score = (int)get_i(o, "telling"),
    };
}

/* 1: keep the file up to the end of this line. */
static int old_line(struct old_rows *r, const char *s, size_t n, int64_t line, struct err *e) {
    json_error_t why;
    json_t *o = json_loadb(s, n, 0, &why);
    if (!o) return fail_at(e, ERR_FORMAT, r->path, line, "cannot resume: a row is not JSON (%.100s)", why.text);
    const char *kind = get_s(o, "row");
    int rc = 0;
    if (!strcmp(kind, "run")) {
        rc = old_settings(r, o, line, e);
        if (rc >= 0) rc = 1;
    } else if (!r->settings)
        rc = fail_at(e, ERR_FORMAT, r->path, line,
                     "cannot resume: expected rows of an earlier run, found a row of kind \"%.40s\"", kind);
    else if (!strcmp(kind, "result")) {
        rc = old_group(r, o, line, e);
        if (rc >= 0) old_result(r, o, rc), rc = 1;
    } else if (!strcmp(kind, "candidate")) {
        rc = old_group(r, o, line, e);
        if (rc >= 0) rc = old_candidate(r, o, rc, e);
    } else if (!strcmp(kind, "step")) {
        rc = old_group(r, o, line, e);
        if (rc >= 0) rc = old_step(r, o, rc, e);
    } else if (!strcmp(kind, "change")) {
        rc = old_group(r, o, line, e);
        if (rc >= 0) old_change(r, o), rc = 0;
    }
    json_decref(o);
    return rc;
}

static void scores_cut(struct reason__scores *s) { s->n = s->kept; }

static int old_read(struct old_rows *r, size_t *keep, struct err *e) {
    char *text = NULL;
    size_t n = 0;
    int64_t line = 1;
    int rc = 0;
    TRY(file_read(&text, &n, r->path, (size_t)16 << 30, e));
    *keep = 0;
    for (size_t at = 0; rc >= 0 && at < n; line++) {
        const char *end = memchr(text + at, '\n', n - at);
        if (!end) break; /* torn */
        rc = old_line(r, text + at, (size_t)(end - text) - at, line, e);
        at = (size_t)(end - text) + 1;
        if (rc > 0) *keep = at;
    }
    free(text);
    for (int i = 0; i < r->j->n_methods * r->j->n_budgets; i++) scores_cut(&r->sums[i].scores), scores_cut(&r->sums[i].steps);
    return rc < 0 ? rc : 0;
}

int reason__rows_open(struct sink **out, const struct reason_job *j, int64_t *done, struct reason__sums *sums,
                      struct reason_show *show, struct err *e) {
    size_t keep = 0;
    struct old_rows r = {.j = j, .sums = sums, .show = show, .path = j->rows};
    if (!j->rows) return sink_null_open(out, e);
    if (j->resume && file_exists(j->rows)) {
        TRY(old_read(&r, &keep, e));
        if (truncate(j->rows, (off_t)keep) < 0)
            return fail_at(e, ERR_IO, j->rows, -1, "cannot cut off what an earlier run left unfinished");
    }
    *done = r.done;
    TRY(sink_jsonl_open(out, j->rows, keep > 0, e));
    return keep > 0 ? 0 : reason__settings_row(j, *out, e);
}
