/* What candor bench says: a table for people, one JSON object for programs. */
#include "base/str.h"
#include "cli/bench.h"
#include <math.h>
#include <string.h>

/* ---- figures ---- */

/* Ours to theirs as speeds, pair by pair: above 1 we are faster. */
static struct series ratios(const struct bench *b, enum work w) {
    const struct series *us = &b->ours[w], *them = &b->theirs[w];
    struct series r = {.n = us->n < them->n ? us->n : them->n};
    for (int i = 0; i < r.n; i++) r.x[i] = bench_works[w].seconds ? them->x[i] / us->x[i] : us->x[i] / them->x[i];
    return r;
}

static struct series wall_ratios(const struct bench *b) {
    struct series r = {.n = b->wall[0].n < b->wall[1].n ? b->wall[0].n : b->wall[1].n};
    for (int i = 0; i < r.n; i++) r.x[i] = b->wall[1].x[i] / b->wall[0].x[i];
    return r;
}

static struct series step_ratio(const struct bench *b, enum work w) {
    struct series r = {.n = b->ours[w].n < b->forward.n ? b->ours[w].n : b->forward.n};
    for (int i = 0; i < r.n; i++) r.x[i] = b->ours[w].x[i] / b->forward.x[i];
    return r;
}

/* ---- JSON ---- */

static json_t *number4(double x) { /* four significant digits and a bit: it is a measurement */
    char s[40];
    snprintf(s, sizeof s, "%.5g", x);
    return json_number(isfinite(x) ? strtod(s, NULL) : x);
}

static json_t *json_summary(const struct series *s, double unit) {
    struct summary m = series_summary(s);
    return json_pack("{s:o,s:o,s:o}", "median", number4(m.median / unit), "min", number4(m.min / unit), "max",
                     number4(m.max / unit));
}

static void set_series(json_t *j, const char *key, const struct series *s, double unit) {
    if (s->n) json_object_set_new(j, key, json_summary(s, unit));
}

static json_t *json_machine(const struct bench *b) {
    const struct machine *m = &b->machine;
    json_t *j = json_pack("{s:i,s:s}", "threads", pool_size(b->m.d->pool), "isa", b->m.d->name);
    set_series(j, "bandwidth_gbps", &m->bandwidth, 1e9);
    set_series(j, "ceiling_gflops", &m->product, 1e9);
    set_series(j, "ceiling_f32_gflops", &m->product_f32, 1e9);
    set_series(j, "register_fma_gflops", &m->fma, 1e9);
    set_series(j, "register_bf16_gflops", &m->bf16, 1e9);
    if (m->no_ceiling) json_object_set_new(j, "no_ceiling", json_string(m->no_ceiling));
    return j;
}

static json_t *json_vs(const struct bench *b) {
    json_t *j = json_pack("{s:s,s:b}", "command", b->vs, "persistent", b->peer_stays);
    for (int w = 0; w < N_WORKS; w++) {
        struct series r = ratios(b, (enum work)w);
        if (!r.n) continue;
        json_object_set_new(j, bench_works[w].key,
                            json_pack("{s:o,s:o}", "theirs", json_summary(&b->theirs[w], 1), "ratio", json_summary(&r, 1)));
    }
    struct series r = wall_ratios(b);
    if (r.n) {
        set_series(j, "wall_s", &b->wall[1], 1);
        set_series(j, "wall_ratio", &r, 1);
    }
    return j;
}

static void set_work(json_t *j, const struct bench *b, enum work w) {
    static const char *const shares[N_WORKS] = {"ceiling_share",      "bandwidth_share",           "sessions_bandwidth_share",
                                                "grad_ceiling_share", "grad_logits_ceiling_share", "train_ceiling_share"};
    char key[64];
    if (!b->ours[w].n) return;
    set_series(j, bench_works[w].key, &b->ours[w], 1);
    set_series(j, shares[w], &b->share[w], 1);
    if (!bench_works[w].seconds) return;
    struct series rate = b->ours[w], ratio = step_ratio(b, w);
    for (int i = 0; i < rate.n; i++) rate.x[i] = (double)b->rows / rate.x[i];
    size_t n = strlen(bench_works[w].key) - strlen("_step_s");
    snprintf(key, sizeof key, "%.*s_tps", (int)n, bench_works[w].key);
    set_series(j, key, &rate, 1);
    if (w != WORK_TRAIN) {
        snprintf(key, sizeof key, "%.*s_to_forward", (int)n, bench_works[w].key);
        set_series(j, key, &ratio, 1);
    }
    snprintf(key, sizeof key, "%.*s_peak_bytes", (int)n, bench_works[w].key);
    json_object_set_new(j, key, json_integer(b->peak[w]));
}

static int report_json(const struct bench *b, struct err *e) {
    json_t *j =
        json_pack("{s:s,s:s,s:s,s:I,s:I,s:I,s:I,s:I,s:I,s:I}", "model", b->shape ? b->shape->name : b->m.path, "dtype", b->dtype,
                  "precision", precision_name(b->m.d->precision), "prompt", (json_int_t)b->prompt, "generate",
                  (json_int_t)b->generate, "depth", (json_int_t)b->depth, "sessions", (json_int_t)b->sessions, "step_rows",
                  (json_int_t)b->rows, "repeats", (json_int_t)b->repeats, "weight_bytes", (json_int_t)b->weight_bytes);
    if (!j) return fail(e, ERR_NOMEM, "out of memory for JSON");
    for (int w = 0; w < N_WORKS; w++) set_work(j, b, (enum work)w);
    set_series(j, "forward_s", &b->forward, 1);
    json_object_set_new(j, "machine", json_machine(b));
    if (b->vs) json_object_set_new(j, "vs", json_vs(b));
    return print_json(j, e);
}

/* ---- the table ---- */

static void figure(char *buf, size_t n, double x) {
    if (!isfinite(x))
        snprintf(buf, n, "-");
    else
        snprintf(buf, n, x >= 1000 ? "%.0f" : x >= 100 ? "%.0f" : x >= 10 ? "%.1f" : x >= 1 ? "%.2f" : "%.4f", x);
}

/* A row: name, median, min, max, unit, then what is put into `more`. */
static void row(struct str *s, const char *name, const struct series *x, double unit, const char *units, const char *more) {
    struct summary m = series_summary(x);
    char a[24], b[24], c[24];
    if (!x->n) return;
    figure(a, sizeof a, m.median / unit), figure(b, sizeof b, m.min / unit), figure(c, sizeof c, m.max / unit);
    str_printf(s, "  %-27s %9s  %9s  %9s  %-9s %s\n", name, a, b, c, units, more);
}

static void head(struct str *s, const struct bench *b) {
    const struct model_cfg *c = model_cfg(b->m.m);
    str_printf(s, "%s, %s weights: %d layers, width %d, vocabulary %d; a token reads %.1f MB of weights\n",
               b->shape ? b->shape->name : b->m.path, b->dtype, c->n_layer, c->n_embd, c->n_vocab, (double)b->weight_bytes / 1e6);
    str_printf(s, "%s kernels, %d thread%s, precision %s, %lld repeat%s after a warm-up\n\n", b->m.d->name,
               pool_size(b->m.d->pool), pool_size(b->m.d->pool) == 1 ? "" : "s", precision_name(b->m.d->precision),
               (long long)b->repeats, b->repeats == 1 ? "" : "s");
    str_printf(s, "  %-27s %9s  %9s  %9s\n", "", "median", "min", "max");
}

static void machine_rows(struct str *s, const struct machine *m) {
    row(s, "read bandwidth", &m->bandwidth, 1e9, "GB/s", "");
    row(s, "matrix product bf16", &m->product, 1e9, "GFLOP/s", "oneDNN: the ceiling");
    row(s, "matrix product f32", &m->product_f32, 1e9, "GFLOP/s", "oneDNN");
    row(s, "in registers, f32", &m->fma, 1e9, "GFLOP/s", "multiply-add");
    row(s, "in registers, bf16", &m->bf16, 1e9, "GFLOP/s", "dot products");
}

static void work_note(const struct bench *b, enum work w, char *buf, size_t n) {
    struct summary share = series_summary(&b->share[w]);
    char what[80] = "";
    if (b->share[w].n)
        snprintf(what, sizeof what, "%.0f%% of the %s", 100 * share.median,
                 w == WORK_DECODE || w == WORK_SESSIONS ? "bandwidth" : "ceiling");
    if (!bench_works[w].seconds) {
        snprintf(buf, n, "%s", what);
        return;
    }
    struct series to = step_ratio(b, w);
    char ratio[40] = "";
    if (w != WORK_TRAIN && to.n) snprintf(ratio, sizeof ratio, ", %.2f x forward", series_summary(&to).median);
    snprintf(buf, n, "%.0f tokens/s%s%s%s, peak %.0f MB", (double)b->rows / series_summary(&b->ours[w]).median, *what ? ", " : "",
             what, ratio, (double)b->peak[w] / 1e6);
}

static void work_name(const struct bench *b, enum work w, char *buf, size_t n) {
    switch (w) {
    case WORK_PREFILL: snprintf(buf, n, "prefill %lld", (long long)b->prompt); break;
    case WORK_DECODE: snprintf(buf, n, "decode %lld at %lld", (long long)b->generate, (long long)b->depth); break;
    case WORK_SESSIONS:
        snprintf(buf, n, "decode %lld x %lld at %lld", (long long)b->sessions, (long long)b->generate, (long long)b->depth);
        break;
    default: snprintf(buf, n, "%s", bench_works[w].label);
    }
}

static void work_rows(struct str *s, const struct bench *b) {
    char name[80], note[160];
    for (int w = 0; w < N_WORKS; w++) {
        work_name(b, (enum work)w, name, sizeof name);
        work_note(b, (enum work)w, note, sizeof note);
        row(s, name, &b->ours[w], 1, bench_works[w].seconds ? "s" : "tokens/s", note);
        if (b->works >> w & 1 && b->left_out[w]) str_printf(s, "  %-27s %s\n", name, b->left_out[w]);
    }
    row(s, "forward with its loss", &b->forward, 1, "s", "");
}

static void vs_rows(struct str *s, const struct bench *b) {
    str_printf(s, "\nagainst: %s\n", b->vs);
    for (int w = 0; w < N_WORKS; w++) {
        struct series r = ratios(b, (enum work)w);
        char name[80];
        snprintf(name, sizeof name, "%s", bench_works[w].label);
        row(s, name, &b->theirs[w], 1, bench_works[w].seconds ? "s" : "tokens/s", "theirs");
        row(s, "", &r, 1, "x", "our speed to theirs");
    }
    struct series r = wall_ratios(b);
    row(s, "wall clock", &b->wall[1], 1, "s", "theirs, start included");
    row(s, "", &r, 1, "x", "our works' speed to theirs");
}

static int report_table(const struct bench *b, struct err *e) {
    struct str s = {0};
    head(&s, b);
    machine_rows(&s, &b->machine);
    work_rows(&s, b);
    if (b->vs) vs_rows(&s, b);
    if (b->machine.no_ceiling) str_printf(&s, "\nno share of a matmul ceiling: %s\n", b->machine.no_ceiling);
    int rc = s.failed ? fail(e, ERR_NOMEM, "out of memory") : print_bytes(s.s, s.len, e);
    str_free(&s);
    return rc;
}

int bench_report(const struct bench *b, struct err *e) { return arg_has(b->a, "json") ? report_json(b, e) : report_table(b, e); }
