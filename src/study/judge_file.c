/* Files of scores: read row by row, and held against what a call is about. A torn last row is none; any other line that is no row is damage. */
#include "base/fs.h"
#include "study/judge_int.h"
#include <stdlib.h>
#include <string.h>

void judge_file_free(struct judge_file *f) {
    json_decref(f->head);
    free(f->row);
    *f = (struct judge_file){0};
}

/* ---- rows ---- */

static int state_of(const json_t *o) {
    const char *status = json_string_value(json_object_get(o, "status"));
    int s = 0;
    while (status && s < JUDGED_STATES && strcmp(judge_state_name((enum judge_state)s), status) != 0) s++;
    return status && s < JUDGED_STATES ? s : -1;
}

/* What a file says of a call, which nobody has checked; below zero: taken back. */
static int64_t count_of(const json_t *o, const char *name) {
    json_int_t n = json_integer_value(json_object_get(o, name));
    return n > -(1 << 30) && n < (1 << 30) ? n : 0;
}

static void add_tokens(struct judge_file *f, const json_t *o) {
    const json_t *m = json_object_get(o, "measured");
    f->tokens_in += count_of(m, "sent_tokens_in") - count_of(m, "settled_tokens_in") + count_of(m, "uncertain_tokens_in");
    f->tokens_out += count_of(m, "sent_tokens_out") - count_of(m, "settled_tokens_out") + count_of(m, "uncertain_tokens_out");
    if (json_integer_value(json_object_get(m, "cached"))) return;
    int64_t in = count_of(o, "tokens_in"), out = count_of(o, "tokens_out");
    f->tokens_in += in > 0 ? in : 0; /* not told: -1 */
    f->tokens_out += out > 0 ? out : 0;
}

static int add_row(struct judge_file *f, const struct judge *j, const json_t *o, struct err *e) {
    const char *key = json_string_value(json_object_get(o, "key"));
    int state = state_of(o);
    if (!key || strlen(key) >= RUN_KEY_BYTES || state < 0) return fail(e, ERR_FORMAT, "expected a row with key and status");
    if (f->n == f->cap) {
        int64_t cap = 2 * f->cap + 256;
        struct judge_row *p = realloc(f->row, (size_t)cap * sizeof *p);
        if (!p) return fail(e, ERR_NOMEM, "out of memory for scores");
        f->row = p, f->cap = cap;
    }
    struct judge_row *r = &f->row[f->n];
    *r = (struct judge_row){.status = (enum judge_state)state};
    snprintf(r->key, sizeof r->key, "%s", key);
    for (int i = 0; state == JUDGED_SCORED && i < j->n_scores; i++) {
        const json_t *v = json_object_get(o, j->score[i].id);
        json_int_t x = json_is_integer(v) ? json_integer_value(v) : (json_int_t)j->most + 1;
        if (x < j->least || x > j->most)
            return fail(e, ERR_FORMAT, "expected %s from %d to %d in a scored row", j->score[i].id, j->least, j->most);
        r->score[i] = (int)x;
    }
    add_tokens(f, o);
    f->n++;
    return 0;
}

static int take_line(struct judge_file *f, const struct judge *j, const char *s, size_t n, struct err *e) {
    json_t *o = json_loadb(s, n, JSON_REJECT_DUPLICATES, NULL);
    const char *row = json_string_value(json_object_get(o, "row"));
    int rc = 0, first = !f->head;
    if (row && !first && !strcmp(row, "call"))
        add_tokens(f, o);
    else if (!row || strcmp(row, first ? "judge" : "judged") != 0)
        rc = fail(e, ERR_FORMAT,
                  first ? "expected a file of scores that begins with the row \"judge\", found another"
                        : "expected a row \"judged\", found another line");
    else if (first)
        f->head = json_incref(o);
    else
        rc = add_row(f, j, o, e);
    json_decref(o);
    return rc;
}

static int by_key(const void *a, const void *b) {
    return strcmp(((const struct judge_row *)a)->key, ((const struct judge_row *)b)->key);
}

int judge_file_read(struct judge_file *out, const struct judge *j, const char *path, struct err *e) {
    struct judge_file f = {0};
    char *s;
    size_t n, at = 0;
    int rc = 0;
    TRY(file_read(&s, &n, path, (size_t)1 << 30, e));
    for (const char *end; rc >= 0 && at < n && (end = memchr(s + at, '\n', n - at)); at = (size_t)(end - s) + 1) {
        rc = take_line(&f, j, s + at, (size_t)(end - s) - at, e);
        if (rc < 0) rc = fail_at(e, rc, path, (int64_t)at, "%s", e->msg);
    }
    free(s);
    if (rc >= 0 && f.n) qsort(f.row, (size_t)f.n, sizeof *f.row, by_key);
    for (int64_t i = 1; rc >= 0 && i < f.n; i++)
        if (!strcmp(f.row[i].key, f.row[i - 1].key))
            rc = fail_at(e, ERR_FORMAT, path, -1, "expected each key once, found %s twice", f.row[i].key);
    f.tokens_in = f.tokens_in > 0 ? f.tokens_in : 0, f.tokens_out = f.tokens_out > 0 ? f.tokens_out : 0;
    if (rc < 0)
        judge_file_free(&f);
    else
        *out = f;
    return rc;
}

/* ---- the first row ---- */

int judge_file_head(json_t **out, const struct judge *j, struct archive *a, int per_run, const char *backend, const char *model,
                    struct err *e) {
    json_t *fact = NULL;
    char hex[DIGEST_HEX];
    TRY(archive_find(a, "study", &fact, e));
    if (!fact) return fail(e, ERR_FORMAT, "expected an archive of a study, found one without the fact \"study\"");
    char *text = json_dumps(fact, JSON_COMPACT | JSON_SORT_KEYS);
    if (text) {
        digest_text(text, strlen(text), hex);
        const char *id = json_string_value(json_object_get(fact, "id"));
        *out = json_pack("{s:s, s:s, s:b, s:s, s:s, s:s, s:s?, s:s?}", "study", id ? id : "", "study_sha256", hex, "planted",
                         json_is_true(json_object_get(fact, "planted")), "prompt", j->id, "prompt_sha256", j->hash, "per",
                         per_run ? "run" : "turn", "backend", backend, "model", model);
    }
    free(text);
    json_decref(fact);
    return text && *out ? 0 : fail(e, ERR_NOMEM, "out of memory for scores");
}

int judge_file_same(const json_t *head, const json_t *want, const char *const *names, const char *path, struct err *e) {
    for (int i = 0; names[i]; i++) {
        const json_t *x = json_object_get(head, names[i]), *y = json_object_get(want, names[i]);
        const char *found = json_string_value(x), *wanted = json_string_value(y);
        if (!json_equal(x, y))
            return fail_at(e, ERR_STATE, path, -1, "expected scores of the same %s (%.64s), found %.64s", names[i],
                           wanted ? wanted : "another", found ? found : "another");
    }
    return 0;
}
