/* Asking: what has no row yet goes to the back end, replies become rows in the order in which they come. */
#include "base/fs.h"
#include "base/hash.h"
#include "base/sink.h"
#include "study/judge_int.h"
#include "study/reply.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

struct asking {
    const struct judge *j;
    const struct study *s;
    struct archive *a;
    struct backend *b;
    const struct judge_run_opts *o;
    struct judge_units u;
    char *there; /* [u.n] has a row */
    struct sink *file;
    struct judge_done done;
    int64_t next;
    int in_a_row; /* failed calls */
    struct err last;
    struct err *e;
};

/* ---- the file ---- */

static int unit_of(const struct asking *x, const char *key, int64_t *at) {
    int64_t lo = 0, hi = x->u.n;
    while (lo < hi) {
        int64_t mid = (lo + hi) / 2;
        if (strcmp(x->u.key[mid], key) < 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    *at = lo;
    return lo < x->u.n && !strcmp(x->u.key[lo], key);
}

static int take_rows(struct asking *x, const struct judge_file *f, const char *path) {
    for (int64_t i = 0, at; i < f->n; i++) {
        if (!unit_of(x, f->row[i].key, &at))
            return fail_at(x->e, ERR_STATE, path, -1, "expected scores of what the archive holds, found %s", f->row[i].key);
        x->there[at] = 1;
        x->done.before++, x->done.status[f->row[i].status]++;
    }
    return 0;
}

static int put_head(struct asking *x, const json_t *head) {
    struct field f[8 + 2];
    char ids[400] = "";
    int n = 0;
    const char *name;
    json_t *v;
    json_object_foreach((json_t *)(uintptr_t)head, name, v) f[n++] = json_is_string(v) ? F_TEXT(name, json_string_value(v))
                                                                     : json_is_null(v) ? F_TEXT(name, NULL)
                                                                                       : F_BOOL(name, json_is_true(v));
    for (int i = 0; i < x->j->n_scores; i++) {
        size_t at = strlen(ids);
        snprintf(ids + at, sizeof ids - at, "%s%.40s", i ? " " : "", x->j->score[i].id);
    }
    f[n++] = F_TEXT("scores", ids);
    return sink_row(x->file, "judge", f, n, x->e);
}

/* Keeps a second judge out of the file for as long as this one writes; *fd: close it then. */
static int lock_file(int *fd, const char *path, struct err *e) {
    struct stat st;
    if (stat(path, &st) == 0 && !S_ISREG(st.st_mode)) return 0;
    *fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (*fd < 0) return fail_at(e, ERR_IO, path, -1, "cannot open: %s", strerror(errno));
    if (flock(*fd, LOCK_EX | LOCK_NB) == 0) return 0;
    return fail_at(e, errno == EWOULDBLOCK ? ERR_BUSY : ERR_IO, path, -1, "another process writes scores there");
}

/* An empty file, or one without a whole first row, is begun anew. */
static int open_file(struct asking *x, const char *path) {
    static const char *const names[] = {"study", "study_sha256", "planted", "prompt", "prompt_sha256",
                                        "per",   "backend",      "model",   NULL};
    struct judge_file f = {0};
    json_t *head = NULL;
    TRY(judge_file_head(&head, x->j, x->a, x->o->per_run, x->b->name, x->b->model, x->e));
    int rc = file_exists(path) ? judge_file_read(&f, x->j, path, x->e) : 0;
    if (rc >= 0 && f.head) rc = judge_file_same(f.head, head, names, path, x->e);
    if (rc >= 0) rc = take_rows(x, &f, path);
    if (rc >= 0) rc = sink_jsonl_open(&x->file, path, f.head != NULL, x->e);
    if (rc >= 0 && !f.head) rc = put_head(x, head);
    if (rc >= 0 && x->o->paid) x->o->paid(x->o->ctx, f.tokens_in, f.tokens_out);
    judge_file_free(&f);
    json_decref(head);
    return rc;
}

/* What it wrote to itself is no part of its answer, and is not kept: scores are read from what it says in the end. */
static int answer_text(struct answer *a, char **text, size_t *n, struct err *e) {
    struct str thoughts = {0};
    int replaced = 0, cut = 0, rc = a->text ? reply_cut_thoughts(a->text, &a->text_n, &thoughts, e) : 0;
    str_free(&thoughts);
    return rc < 0 ? rc : text_clean(text, n, a->text ? a->text : "", a->text ? a->text_n : 0, 1 << 20, &replaced, &cut, e);
}

/* What a call that ended takes back of what was noted before it was sent, and what of it was perhaps charged all the same. */
static int settled(struct field *f, const struct answer *a) {
    if (!a->sent_in && !a->sent_out) return 0;
    f[0] = M_INT("settled_tokens_in", a->sent_in), f[1] = M_INT("settled_tokens_out", a->sent_out);
    f[2] = M_INT("uncertain_tokens_in", a->uncertain_in), f[3] = M_INT("uncertain_tokens_out", a->uncertain_out);
    return 4;
}

/* Ahead of an attempt. */
static int put_sending(void *ctx, int64_t unit, int64_t bound_in, int64_t bound_out, struct err *e) {
    const struct asking *x = ctx;
    const struct field f[] = {F_TEXT("key", x->u.key[unit]), M_INT("sent_tokens_in", bound_in),
                              M_INT("sent_tokens_out", bound_out)};
    return sink_row(x->file, "call", f, 3, e);
}

/* A call that failed has no scores; what it may have cost is kept. */
static int put_failed(struct asking *x, int64_t unit, const struct answer *a) {
    struct field f[6] = {F_TEXT("key", x->u.key[unit]), F_TEXT("failed", err_name(a->rc))};
    int n = settled(f + 2, a);
    return n ? sink_row(x->file, "call", f, 2 + n, x->e) : 0;
}

static int put_row(struct asking *x, int64_t unit, struct answer *a) {
    const struct judge *j = x->j;
    int score[JUDGE_MAX_SCORES], n = 0;
    char *text;
    size_t len;
    TRY(answer_text(a, &text, &len, x->e));
    enum judge_state s = judge_reply(j, text, a->finish, score);
    struct field f[JUDGE_MAX_SCORES + 13];
    f[n++] = F_TEXT("key", x->u.key[unit]);
    f[n++] = F_TEXT("status", judge_state_name(s));
    for (int i = 0; i < j->n_scores; i++)
        f[n++] = s == JUDGED_SCORED ? F_INT(j->score[i].id, score[i]) : F_TEXT(j->score[i].id, NULL);
    f[n++] = F_TEXT("text", text);
    f[n++] = F_TEXT("model", a->model);
    f[n++] = F_INT("tokens_in", a->tokens_in);
    f[n++] = F_INT("tokens_out", a->tokens_out);
    f[n++] = M_REAL("seconds", a->seconds);
    if (a->cached) f[n++] = M_INT("cached", 1);
    n += settled(f + n, a);
    int rc = sink_row(x->file, "judged", f, n, x->e);
    free(text);
    x->done.now++, x->done.status[s]++;
    return rc;
}

/* ---- calls ---- */

static int submit_next(struct asking *x) {
    int64_t unit = x->next++;
    struct context c = {0};
    if (x->there[unit]) return 0;
    TRY(judge_context(&c, x->j, x->s, x->a, x->u.key[unit], x->e));
    const struct call call = {
        .tag = unit, .key = x->u.key[unit], .how = &x->j->how, .seed = hash_text(x->u.key[unit]), .context = &c};
    int rc = x->b->submit(x->b, &call, x->e);
    context_free(&c);
    return rc;
}

static int take_answer(struct asking *x, double wait_s) {
    enum { GIVE_UP = 8 };
    struct answer a = {0};
    int got = x->b->poll(x->b, wait_s, &a, x->e), rc = 0;
    if (got <= 0) return got;
    if (a.rc < 0) {
        x->last = a.why, x->done.failed++;
        rc = put_failed(x, a.tag, &a);
        if (rc >= 0 && ++x->in_a_row >= (x->o->give_up ? x->o->give_up : GIVE_UP))
            rc = fail(x->e, a.rc, "gave up after %d failed calls in a row, the last: %.200s", x->in_a_row, a.why.msg);
    } else {
        x->in_a_row = 0;
        rc = a.tag >= 0 && a.tag < x->u.n ? put_row(x, a.tag, &a) : fail(x->e, ERR_STATE, "expected an answer to a call");
    }
    answer_free(&a);
    if (x->o->progress) x->o->progress(x->o->ctx, x->done.before + x->done.now, x->u.n);
    return rc < 0 ? rc : 1;
}

static int ask_all(struct asking *x) {
    while (x->next < x->u.n || x->b->pending(x->b)) {
        if (x->o->stop && x->o->stop(x->o->ctx))
            return fail(x->e, ERR_CANCELLED, "stopped: %lld of %lld are judged; the same command goes on from them",
                        (long long)(x->done.before + x->done.now), (long long)x->u.n);
        while (x->next < x->u.n && x->b->pending(x->b) < x->b->most) TRY(submit_next(x));
        int got = take_answer(x, 0.5);
        if (got < 0) return got;
    }
    if (!x->done.failed) return 0;
    return fail(x->e, x->last.code < 0 ? x->last.code : ERR_STATE,
                "%lld calls failed, the last: %.200s; the same command asks again", (long long)x->done.failed, x->last.msg);
}

/* What came while it ended badly was paid for, or is known to have failed: taken, and the error stays the first one. */
static void take_rest(struct asking *x) {
    struct err first = *x->e;
    x->in_a_row = INT_MIN;
    while (take_answer(x, 0) > 0) {}
    *x->e = first;
}

int judge_run(const struct judge *j, const struct study *s, struct archive *a, struct backend *b, const char *path,
              const struct judge_run_opts *o, struct judge_done *done, struct err *e) {
    struct asking x = {.j = j, .s = s, .a = a, .b = b, .o = o, .last = ERR_INIT, .e = e};
    if (b->planted) return fail(e, ERR_UNSUPPORTED, "expected a language model as the judge, found planted agents");
    b->sending = o->priced ? (struct sending){put_sending, &x} : (struct sending){0};
    TRY(judge_units(&x.u, a, o->per_run, e));
    x.there = calloc((size_t)x.u.n + 1, 1);
    int lock = -1, rc = x.there ? lock_file(&lock, path, e) : fail(e, ERR_NOMEM, "out of memory for what is judged");
    if (rc >= 0) rc = open_file(&x, path);
    if (rc >= 0 && (rc = ask_all(&x)) < 0 && o->priced) take_rest(&x);
    sink_close(x.file);
    if (lock >= 0) close(lock);
    x.done.units = x.u.n;
    *done = x.done;
    free(x.there);
    judge_units_free(&x.u);
    return rc;
}
