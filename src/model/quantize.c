/* See quantize.h. A band of rows at a time: the GGUF writer asks for a piece of some MiB, the pool's threads share its rows, each with a
 * row of floats of its own. A row's bytes depend on that row alone, so threads cannot change them. */
#include "model/quantize.h"
#include "base/progress.h"
#include "weights/gguf_write.h"
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- the plan ---- */

static int by_order(const void *a, const void *b) {
    return mix_order(((const struct quant_item *)a)->t->name, ((const struct quant_item *)b)->t->name);
}

static int plan_item(struct quant_plan *p, struct mixer *x, struct quant_item *q, struct err *e) {
    const struct tensor *t = q->t;
    TRY(mix_next(x, t->name, t->n_dims, t->dims, t->m.fmt, &q->to, e));
    if (q->to != t->m.fmt && !fmt_find((int)t->m.fmt)->is_float && !x->o->requantize)
        return fail_at(
            e, ERR_ARG, weights_file(p->w, t->file, NULL), (int64_t)t->file_offset,
            "tensor %.60s: expected float numbers to quantise, found %s (--allow-requantize takes them, and loses more)", t->name,
            fmt_find((int)t->m.fmt)->name);
    q->bytes = (uint64_t)t->m.rows * fmt_row_bytes(q->to, t->m.cols);
    p->before += t->bytes, p->after += q->bytes, p->numbers += t->m.rows * t->m.cols;
    return 0;
}

static int plan_make(struct quant_plan *p, const struct quant_opts *o, struct err *e) {
    struct mixer x = {.o = o};
    /* one format for every matrix asks nothing of the model: any file of tensors will do */
    if (!o->pure && !fmt_find((int)o->mix->fmt)->is_float) TRY(mix_model_read(&x.m, p->w, e));
    p->items = calloc((size_t)p->n + 1, sizeof *p->items);
    if (!p->items) return fail(e, ERR_NOMEM, "out of memory for %" PRId64 " tensors", p->n);
    for (int64_t i = 0; i < p->n; i++) p->items[i].t = weights_tensor_at(p->w, i);
    qsort(p->items, (size_t)p->n, sizeof *p->items, by_order);
    for (int64_t i = 0; i < p->n; i++) TRY(plan_item(p, &x, &p->items[i], e));
    return 0;
}

int quant_plan_new(struct quant_plan **out, const struct weights *w, const struct quant_opts *o, struct err *e) {
    if (weights_kind(w) != WEIGHTS_GGUF)
        return fail_at(e, ERR_UNSUPPORTED, weights_path(w), -1, "expected a GGUF file to quantise, found safetensors");
    struct quant_plan *p = calloc(1, sizeof *p);
    if (!p) return fail(e, ERR_NOMEM, "out of memory");
    *p = (struct quant_plan){.w = w, .mix = o->mix, .n = weights_n_tensors(w)};
    int rc = plan_make(p, o, e);
    if (rc < 0)
        quant_plan_free(p);
    else
        *out = p;
    return rc;
}

void quant_plan_free(struct quant_plan *p) {
    if (!p) return;
    free(p->items);
    free(p);
}

/* ---- rows ---- */

enum { NO_ROW = -1 };
struct bad {
    int64_t row, col; /* NO_ROW: none */
    int overflow;     /* finite before, not after */
    float x;
};
struct run {
    const struct quant_plan *p;
    const struct quant_run *how;
    int threads;
    int64_t cols;     /* the longest row */
    float *rows;      /* [threads][cols] */
    struct bad *bad;  /* [threads] */
    struct job *jobs; /* [p->n] */
    struct progress progress;
    double done; /* bytes read */
};
struct job {
    struct run *run;
    const struct quant_item *q;
};
struct band {
    struct run *run;
    const struct quant_item *q;
    int64_t row, rows;
    char *to;
};

static uint32_t magnitude(float x) {
    uint32_t u;
    memcpy(&u, &x, sizeof u);
    return u & 0x7fffffffu;
}

/* The largest magnitude as bits, which order as the numbers do: above it NaN, at 0x7f800000 infinity. */
static uint32_t largest(const float *x, int64_t n) {
    uint32_t most = 0;
    for (int64_t i = 0; i < n; i++) {
        uint32_t u = magnitude(x[i]);
        most = u > most ? u : most;
    }
    return most;
}

static int find_bad(struct bad *bad, const float *x, int64_t row, int64_t n, int overflow) {
    int64_t c = 0;
    while (c < n && isfinite(x[c])) c++;
    if (c == n) return 0;
    *bad = (struct bad){row, c, overflow, x[c]};
    return 1;
}

/* One row into its new bytes; 0 if it holds what it must not. Numbers below the largest f16 cannot make a scale overflow. */
static int convert_row(const struct band *b, float *x, int64_t row, struct bad *bad) {
    const struct mat *m = &b->q->t->m;
    const struct fmt_row *from = fmt_find((int)m->fmt), *to = fmt_find((int)b->q->to);
    const char *src = (const char *)m->data + (size_t)row * m->row_bytes;
    char *dst = b->to + (size_t)(row - b->row) * fmt_row_bytes(to->id, m->cols);
    from->to_f32(x, src, m->cols);
    uint32_t most = largest(x, m->cols);
    if (most >= magnitude(INFINITY)) return !find_bad(bad, x, row, m->cols, 0);
    if (from == to) {
        memcpy(dst, src, m->row_bytes);
        return 1;
    }
    to->from_f32(dst, x, m->cols);
    if (most <= magnitude(65504.0f)) return 1;
    to->to_f32(x, dst, m->cols);
    return !find_bad(bad, x, row, m->cols, 1);
}

static void convert_band(void *ctx, int ith, int nth) {
    struct band *b = ctx;
    struct bad *bad = &b->run->bad[ith];
    int64_t a, z;
    bad->row = NO_ROW;
    slice(b->rows, 1, ith, nth, &a, &z);
    for (int64_t r = b->row + a; r < b->row + z; r++)
        if (!convert_row(b, b->run->rows + ith * b->run->cols, r, bad)) return;
}

static int refuse(const struct run *r, const struct quant_item *q, const struct bad *bad, struct err *e) {
    const struct tensor *t = q->t;
    const struct fmt_row *from = fmt_find((int)t->m.fmt);
    uint64_t at = t->file_offset + (uint64_t)bad->row * t->m.row_bytes + (uint64_t)(bad->col / from->block * from->bytes);
    const char *path = weights_file(r->p->w, t->file, NULL);
    if (bad->overflow)
        return fail_at(e, ERR_RANGE, path, (int64_t)at,
                       "tensor %.60s: expected numbers that %s holds, found larger ones at [%" PRId64 ", %" PRId64 "]", t->name,
                       fmt_find((int)q->to)->name, bad->row, bad->col);
    return fail_at(e, ERR_RANGE, path, (int64_t)at,
                   "tensor %.60s: expected finite numbers, found %g at [%" PRId64 ", %" PRId64 "]", t->name, (double)bad->x,
                   bad->row, bad->col);
}

/* gguf_fill_fn. Threads hold rising rows: the first bad one is the first of the first thread that has one. */
static int fill(void *ctx, int64_t row, int64_t rows, void *bytes, struct err *e) {
    const struct job *j = ctx;
    struct run *r = j->run;
    struct band b = {r, j->q, row, rows, bytes};
    if (r->how->stop && r->how->stop()) return fail(e, ERR_CANCELLED, "interrupted");
    pool_run(r->how->pool, convert_band, &b);
    for (int i = 0; i < r->threads; i++)
        if (r->bad[i].row != NO_ROW) return refuse(r, j->q, &r->bad[i], e);
    r->done += (double)rows * (double)j->q->t->m.row_bytes;
    progress_step(&r->progress, r->done / 1e6, j->q->t->name);
    return 0;
}

/* ---- files ---- */

int64_t quant_files(const struct quant_plan *p, int64_t tensors_per_file) {
    if (tensors_per_file <= 0 || p->n <= tensors_per_file) return 1;
    return (p->n + tensors_per_file - 1) / tensors_per_file;
}

int quant_file_path(char *buf, size_t size, const char *path, int64_t i, int64_t n, struct err *e) {
    size_t len = strlen(path);
    if (!len) return fail(e, ERR_ARG, "expected the name of a file to write, found nothing");
    if (len > 5 && !strcmp(path + len - 5, ".gguf")) len -= 5;
    int k = n == 1 ? snprintf(buf, size, "%s", path)
                   : snprintf(buf, size, "%.*s-%05" PRId64 "-of-%05" PRId64 ".gguf", (int)len, path, i + 1, n);
    return k > 0 && (size_t)k < size ? 0 : fail_at(e, ERR_LIMIT, path, -1, "expected a path below %zu bytes", size);
}

static void put_keys(struct gguf_writer *g, const struct quant_plan *p) {
    static const char *const ours[] = {"general.quantization_version", "general.file_type", "split.no", "split.count",
                                       "split.tensors.count"};
    for (int64_t i = 0; i < meta_count(p->w); i++) {
        struct meta_value v;
        const char *key = meta_key_at(p->w, i, &v);
        int mine = 0;
        for (size_t k = 0; k < sizeof ours / sizeof *ours; k++) mine |= !strcmp(key, ours[k]);
        if (!mine) gguf_put_copy(g, p->w, key);
    }
    gguf_put_u32(g, ours[0], 2);
    gguf_put_u32(g, ours[1], (uint32_t)p->mix->file_type);
}

/* Items [a, z) as file i of n. */
static int write_part(struct run *r, const char *path, int64_t i, int64_t n, int64_t a, int64_t z, struct err *e) {
    struct gguf_writer *g = NULL;
    TRY(gguf_writer_new(&g, e));
    if (i == 0) put_keys(g, r->p);
    if (n > 1) {
        gguf_put_u16(g, "split.no", (uint16_t)i);
        gguf_put_u16(g, "split.count", (uint16_t)n);
        gguf_put_i32(g, "split.tensors.count", (int32_t)r->p->n);
    }
    for (int64_t k = a; k < z; k++) {
        const struct quant_item *q = &r->p->items[k];
        r->jobs[k] = (struct job){r, q};
        gguf_put_tensor_from(g, q->t->name, q->to, q->t->n_dims, q->t->dims, fill, &r->jobs[k]);
    }
    int rc = gguf_writer_commit(g, path, e);
    gguf_writer_free(g);
    return rc;
}

static int write_parts(struct run *r, const char *path, struct err *e) {
    const struct quant_plan *p = r->p;
    int64_t n = quant_files(p, r->how->tensors_per_file), step = n > 1 ? r->how->tensors_per_file : p->n, i = 0;
    char part[4096];
    int rc = 0;
    for (; rc == 0 && i < n; i++) {
        rc = quant_file_path(part, sizeof part, path, i, n, e);
        if (rc == 0) rc = write_part(r, part, i, n, i * step, (i + 1) * step < p->n ? (i + 1) * step : p->n, e);
    }
    /* a model without all its parts is none: those before the one that failed go too */
    for (i -= 2; rc < 0 && n > 1 && i >= 0; i--)
        if (quant_file_path(part, sizeof part, path, i, n, NULL) == 0) unlink(part);
    return rc;
}

/* Reading a file that is being replaced would do no harm, but the model that was would be gone. */
static int refuse_same(const struct quant_plan *p, const char *path, int64_t tensors_per_file, struct err *e) {
    int64_t n = quant_files(p, tensors_per_file);
    char part[4096];
    for (int64_t i = 0; i < n; i++) {
        TRY(quant_file_path(part, sizeof part, path, i, n, e));
        if (weights_is_file(p->w, part))
            return fail_at(e, ERR_ARG, part, -1, "expected an output that is not the input, found the same file");
    }
    return 0;
}

int quant_write(const struct quant_plan *p, const char *path, const struct quant_run *how, struct err *e) {
    struct run r = {.p = p, .how = how, .threads = how->pool ? pool_size(how->pool) : 1, .cols = 1};
    int64_t n = quant_files(p, how->tensors_per_file);
    if (n > UINT16_MAX) return fail(e, ERR_LIMIT, "expected at most %d files, found %" PRId64, UINT16_MAX, n);
    TRY(refuse_same(p, path, how->tensors_per_file, e));
    for (int64_t i = 0; i < p->n; i++)
        if (p->items[i].t->m.cols > r.cols) r.cols = p->items[i].t->m.cols;
    r.rows = calloc((size_t)r.threads * (size_t)r.cols, sizeof *r.rows);
    r.bad = calloc((size_t)r.threads, sizeof *r.bad);
    r.jobs = calloc((size_t)p->n + 1, sizeof *r.jobs);
    int rc = r.rows && r.bad && r.jobs ? 0 : fail(e, ERR_NOMEM, "out of memory for rows of %" PRId64 " numbers", r.cols);
    progress_start(&r.progress, "quantize", "MB", (double)p->before / 1e6);
    if (rc == 0) rc = write_parts(&r, path, e);
    progress_end(&r.progress);
    free(r.rows), free(r.bad), free(r.jobs);
    return rc;
}
