/* See convert.h. One item a tensor that is written; its rows come from `rows`, which both writers call.
 *
 * Three ways from the source's rows to the output's: as they are; permuted (wq and wk of Llama, between halves and pairs, biases
 * too); turned (GPT-2's matrices, which a folder holds as [in, out]). */
#include "model/convert.h"
#include "base/fs.h"
#include "base/progress.h"
#include "model/model_int.h"
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum how { AS_IT_IS, PERMUTED, TURNED };
struct item {
    struct convert *c;
    const struct tensor *t;
    char name[160];
    enum fmt f;
    int n_dims;
    int64_t dims[2];
    enum how how;
    float *turned; /* the whole tensor in the output's order, while it is written */
};
struct convert {
    const struct weights *w;
    struct model *m;
    struct convert_opts o;
    struct item *items;
    int64_t n;
    float *rope; /* rope_freqs.weight */
    struct progress p;
    double done; /* MB */
};

static int to_folder(const struct convert *c) { return weights_kind(c->w) == WEIGHTS_GGUF; }

/* ---- numbers ---- */

static void decode(float *y, const struct mat *m, const char *p, int64_t n) {
    if (m->fmt == FMT_F64)
        for (int64_t i = 0; i < n; i++) {
            double x;
            memcpy(&x, p + i * 8, sizeof x);
            y[i] = (float)x;
        }
    else
        fmt_find((int)m->fmt)->to_f32(y, p, n);
}

/* A number that F16 has no room for would become infinite without a word. */
static int encode(const struct item *it, void *dst, const float *x, int64_t n, struct err *e) {
    for (int64_t i = 0; it->f == FMT_F16 && i < n; i++)
        if (isfinite(x[i]) && fabsf(x[i]) >= 65520.0f)
            return fail_at(e, ERR_RANGE, weights_path(it->c->w), (int64_t)it->t->file_offset,
                           "tensor %.80s: expected numbers up to 65504 for F16, found %g (bf16 and f32 have room for it)",
                           it->t->name, (double)x[i]);
    fmt_find((int)it->f)->from_f32(dst, x, n);
    return 0;
}

/* Where the output's row r lies in the source: pairs and halves are each other's inverse. */
static int64_t source_row(const struct item *it, int64_t r) {
    const struct model_cfg *c = &it->c->m->cfg;
    if (it->how != PERMUTED) return r;
    if (!to_folder(it->c)) return model__halves_row(c, r);
    int64_t head = r - r % c->head_dim, i = r % c->head_dim, half = c->rope.dims / 2;
    return i >= c->rope.dims ? r : head + (i < half ? 2 * i : 2 * (i - half) + 1);
}

/* ---- rows ---- */

static int turn(struct item *it, struct err *e) {
    const struct mat *m = &it->t->m;
    float *row = malloc((size_t)m->cols * sizeof *row);
    it->turned = malloc((size_t)m->rows * (size_t)m->cols * sizeof *it->turned);
    if (!row || !it->turned) {
        free(row);
        return fail(e, ERR_NOMEM, "tensor %.80s: out of memory", it->t->name);
    }
    for (int64_t r = 0; r < m->rows; r++) {
        decode(row, m, (const char *)m->data + (size_t)r * m->row_bytes, m->cols);
        for (int64_t k = 0; k < m->cols; k++) it->turned[k * m->rows + r] = row[k];
    }
    free(row);
    return 0;
}

static int turned_rows(struct item *it, int64_t row, int64_t n, char *dst, struct err *e) {
    int64_t cols = it->dims[1];
    int rc = it->turned ? 0 : turn(it, e);
    if (rc == 0) rc = encode(it, dst, it->turned + row * cols, n * cols, e);
    if (rc < 0 || row + n == it->dims[0]) free(it->turned), it->turned = NULL;
    return rc;
}

/* Rows of cols numbers; a permuted vector has rows of one. */
static int plain_rows(struct item *it, int64_t row, int64_t n, int64_t cols, char *dst, struct err *e) {
    const struct mat *m = &it->t->m;
    size_t from = fmt_row_bytes(m->fmt, cols), to = fmt_row_bytes(it->f, cols);
    float *tmp = malloc((size_t)cols * sizeof *tmp);
    int rc = tmp ? 0 : fail(e, ERR_NOMEM, "tensor %.80s: out of memory", it->t->name);
    for (int64_t r = 0; rc == 0 && r < n; r++) {
        const char *p = (const char *)m->data + (size_t)source_row(it, row + r) * from;
        if (m->fmt == it->f) {
            memcpy(dst + (size_t)r * to, p, to);
            continue;
        }
        decode(tmp, m, p, cols);
        rc = encode(it, dst + (size_t)r * to, tmp, cols, e);
    }
    free(tmp);
    return rc;
}

static int rows(void *ctx, int64_t row, int64_t n, void *dst, struct err *e) {
    struct item *it = ctx;
    struct convert *c = it->c;
    int vector = it->n_dims == 1;
    if (c->o.stop && c->o.stop()) return fail(e, ERR_CANCELLED, "interrupted: nothing was written");
    if (it->how == TURNED)
        TRY(turned_rows(it, row, n, dst, e));
    else
        TRY(vector && it->how == PERMUTED ? plain_rows(it, 0, it->dims[0], 1, dst, e)
                                          : plain_rows(it, row, n, it->dims[it->n_dims - 1], dst, e));
    c->done += (double)n * (double)fmt_row_bytes(it->f, it->dims[it->n_dims - 1]) / 1e6;
    progress_step(&c->p, c->done, NULL);
    return 0;
}

/* ---- what is written ---- */

/* Norms and biases are F32 in a GGUF, as other programs expect, and GPT-2's positions too. */
static enum fmt format_of(const struct convert *c, const struct param *p, const struct tensor *t) {
    int is_float = fmt_find((int)t->m.fmt)->is_float && t->m.fmt != FMT_F64;
    if (!to_folder(c) && (p->n_dims == 1 || !strcmp(p->name, "position_embd.weight"))) return FMT_F32;
    if (c->o.type >= 0) return (enum fmt)c->o.type;
    return is_float ? t->m.fmt : t->m.fmt == FMT_F64 ? FMT_F32 : FMT_BF16;
}

static int make_item(struct convert *c, const struct param *p, struct item *it, struct err *e) {
    const struct model_cfg *cfg = &c->m->cfg;
    const struct tensor *t = family__tensor_named(cfg->family, c->w, p->name);
    if (!t) return fail(e, ERR_INTERNAL, "tensor %s: not found again", p->name);
    int turned = cfg->family->hf_transposed && p->n_dims == 2 && !strncmp(p->name, "blk.", 4);
    int swap = turned && to_folder(c);
    *it = (struct item){.c = c, .t = t, .f = format_of(c, p, t), .n_dims = p->n_dims, .dims = {p->dims[swap], p->dims[!swap]}};
    if (p->n_dims == 1) it->dims[0] = p->dims[0], it->dims[1] = 1;
    it->how = turned ? TURNED : model__permuted(cfg, p->name) ? PERMUTED : AS_IT_IS;
    if (to_folder(c) && cfg->rope.style != ROPE_PAIRS && it->how == PERMUTED) it->how = AS_IT_IS;
    if (!to_folder(c))
        snprintf(it->name, sizeof it->name, "%s", p->name);
    else if (!family__hf_name(cfg->family, p->name, it->name, sizeof it->name))
        return fail(e, ERR_INTERNAL, "tensor %s: no name for it in a folder", p->name);
    return 0;
}

/* Buffers that files carry along and no one computes with; the angles are in the configuration. */
static int is_known_extra(const struct convert *c, const char *name) {
    static const char *const ends[] = {"rotary_emb.inv_freq", ".attn.bias", ".attn.masked_bias", NULL};
    size_t n = strlen(name);
    if (to_folder(c)) return !strcmp(name, "rope_freqs.weight");
    if ((c->m->cfg.n_score || c->m->cfg.tied) && !strcmp(name, "lm_head.weight")) return 1;
    for (const char *const *s = ends; *s; s++)
        if (n >= strlen(*s) && !strcmp(name + n - strlen(*s), *s)) return 1;
    return 0;
}

static int refuse_extras(const struct convert *c, struct err *e) {
    const struct tensor *first = NULL;
    int64_t extras = 0;
    for (int64_t i = 0; i < weights_n_tensors(c->w); i++) {
        const struct tensor *t = weights_tensor_at(c->w, i);
        int used = is_known_extra(c, t->name);
        for (int64_t k = 0; k < c->n && !used; k++) used = c->items[k].t == t;
        if (used) continue;
        if (!first) first = t;
        extras++;
    }
    if (!extras) return 0;
    return fail_at(e, ERR_UNSUPPORTED, weights_path(c->w), (int64_t)first->file_offset,
                   "expected tensors of a %s model alone, found %lld that would be lost, the first %.100s",
                   c->m->cfg.family->name, (long long)extras, first->name);
}

static int fill(struct convert *c, struct device *d, struct err *e) {
    TRY(model_open(&c->m, d, c->w, 0, e));
    c->items = calloc((size_t)model_n_params(c->m) + 1, sizeof *c->items);
    if (!c->items) return fail(e, ERR_NOMEM, "out of memory");
    for (; c->n < model_n_params(c->m); c->n++) TRY(make_item(c, model_param(c->m, (int)c->n), &c->items[c->n], e));
    return refuse_extras(c, e);
}

int convert_open(struct convert **out, struct device *d, const struct weights *w, const struct convert_opts *o, struct err *e) {
    struct convert *c = calloc(1, sizeof *c);
    if (!c) return fail(e, ERR_NOMEM, "out of memory");
    c->w = w, c->o = *o;
    int rc = fill(c, d, e);
    if (rc < 0)
        convert_free(c);
    else
        *out = c;
    return rc;
}

void convert_free(struct convert *c) {
    if (!c) return;
    if (c->p.what) progress_end(&c->p);
    for (int64_t i = 0; i < c->n; i++) free(c->items[i].turned);
    free(c->items), free(c->rope);
    model_close(c->m);
    free(c);
}

int64_t convert_vocab(const struct convert *c) { return c->m->cfg.n_vocab; }
int64_t convert_tensors(const struct convert *c) { return c->n; }
int convert_is_reward(const struct convert *c) { return c->m->cfg.n_score; }

static void start(struct convert *c) {
    double mb = 0;
    for (int64_t i = 0; i < c->n; i++) {
        const struct item *it = &c->items[i];
        mb += (double)it->dims[0] * (double)(it->n_dims == 2 ? it->dims[1] : 1) * fmt_find((int)it->f)->bytes / 1e6;
    }
    progress_start(&c->p, "convert", "MB", mb);
}

/* How the matrices are stored, told from those of the layers: GGUF's file type has a number for each. */
static enum fmt main_format(const struct convert *c) {
    for (int64_t i = 0; i < c->n; i++)
        if (c->items[i].n_dims == 2 &&
            (strstr(c->items[i].name, "ffn_up.") || strstr(c->items[i].name, "up_proj.") || strstr(c->items[i].name, "c_fc.")))
            return c->items[i].f;
    return FMT_F32;
}

int convert_put_gguf(struct convert *c, struct gguf_writer *g, const char *name, struct err *e) {
    enum fmt f = main_format(c);
    int64_t half = c->m->cfg.rope.dims / 2;
    TRY(model__rope_factors(c->m, &c->rope, e));
    TRY(config_put(g, &c->m->cfg, e));
    gguf_put_str(g, "general.type", "model", 5);
    gguf_put_str(g, "general.name", name, strlen(name));
    gguf_put_u32(g, "general.file_type", f == FMT_BF16 ? 32 : f == FMT_F16 ? 1 : 0);
    gguf_put_u32(g, "general.quantization_version", 2);
    if (c->rope) gguf_put_tensor(g, "rope_freqs.weight", FMT_F32, 1, &half, c->rope);
    for (int64_t i = 0; i < c->n; i++) {
        struct item *it = &c->items[i];
        gguf_put_tensor_from(g, it->name, it->f, it->n_dims, it->dims, rows, it);
    }
    start(c);
    return 0;
}

int convert_put_folder(struct convert *c, struct st_writer *s, struct err *e) {
    (void)e;
    for (int64_t i = 0; i < c->n; i++) {
        struct item *it = &c->items[i];
        st_put_tensor(s, it->name, it->f, it->n_dims, it->dims, rows, it);
    }
    start(c);
    return 0;
}

int convert_config(struct convert *c, const struct dir_out *d, const struct config_ids *ids, struct err *e) {
    char path[4096];
    struct file_out o;
    json_t *j = NULL;
    TRY(dir_out_name(d, "config.json", path, sizeof path, e));
    TRY(config_json(&j, &c->m->cfg, c->m->freq, c->m->rope_factors, ids, main_format(c), e));
    int rc = file_out_open(&o, path, e);
    if (rc == 0) {
        json_dumpf(j, o.f, JSON_INDENT(2) | JSON_REAL_PRECISION(15));
        fputc('\n', o.f);
        rc = file_out_commit(&o, e);
    }
    json_decref(j);
    return rc;
}
