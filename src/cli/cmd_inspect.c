/* candor inspect: what is in a file, and whether it will run. */
#include "cli/open.h"
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct opt opts[] = {
    OPT_JSON, {"values", 0, NULL, NULL, "also read every tensor: range, mean, and whether all values are finite"}, {0}};

enum { ARRAY_SHOWN = 8 };
static const char *const kinds[] = {"uint", "int", "float", "bool", "string", "array"};

static json_t *elem_json(const struct weights *w, const char *key, const struct meta_value *v, uint64_t i) {
    struct meta_str s;
    int64_t n;
    double x;
    if (v->elem == META_STR) return meta_arr_str(w, key, i, &s, NULL) < 0 ? json_null() : json_bytes(s.s, s.n);
    if (v->elem == META_F64) return meta_arr_f64(w, key, i, &x, NULL) < 0 ? json_null() : json_number(x);
    if (v->elem == META_ARR) return json_string("(array)");
    return meta_arr_i64(w, key, i, &n, NULL) < 0 ? json_null() : json_integer(n);
}

static json_t *value_json(const struct weights *w, const char *key, const struct meta_value *v) {
    switch (v->type) {
    case META_U64: return v->v.u > INT64_MAX ? json_real((double)v->v.u) : json_integer((json_int_t)v->v.u);
    case META_I64: return json_integer(v->v.i);
    case META_F64: return json_number(v->v.f);
    case META_BOOL: return json_boolean(v->v.b);
    case META_STR: return json_bytes(v->v.str.s, v->v.str.n);
    case META_ARR: break;
    }
    json_t *first = json_array();
    for (uint64_t i = 0; i < v->count && i < ARRAY_SHOWN; i++) json_array_append_new(first, elem_json(w, key, v, i));
    return json_pack("{s:s, s:I, s:o}", "elements", kinds[v->elem], "count", (json_int_t)v->count, "first", first);
}

static json_t *metadata_json(const struct weights *w) {
    json_t *o = json_object();
    for (int64_t i = 0; i < meta_count(w); i++) {
        struct meta_value v;
        const char *key = meta_key_at(w, i, &v);
        json_t *name = json_name(key);
        json_object_set_new(o, json_string_value(name), value_json(w, key, &v));
        json_decref(name);
    }
    return o;
}

/* ---- tensors ---- */

struct range {
    double min, max, sum, n;
    int64_t bad;
};

static int scan(struct range *r, const struct mat *m, struct err *e) {
    const struct fmt_row *f = fmt_find(m->fmt);
    float *row = malloc((size_t)m->cols * sizeof *row + 1);
    if (!row) return fail(e, ERR_NOMEM, "out of memory");
    *r = (struct range){.min = INFINITY, .max = -INFINITY};
    for (int64_t i = 0; i < m->rows && !interrupted(); i++) {
        f->to_f32(row, (const char *)m->data + (size_t)i * m->row_bytes, m->cols);
        for (int64_t c = 0; c < m->cols; c++) {
            if (!isfinite(row[c])) {
                r->bad++;
                continue;
            }
            r->min = fmin(r->min, row[c]), r->max = fmax(r->max, row[c]);
            r->sum += row[c], r->n++;
        }
    }
    free(row);
    return 0;
}

static int tensors_json(json_t *list, const struct weights *w, int values, int64_t *bad, struct err *e) {
    for (int64_t i = 0; i < weights_n_tensors(w); i++) {
        const struct tensor *t = weights_tensor_at(w, i);
        json_t *dims = json_array();
        for (int k = 0; k < t->n_dims; k++) json_array_append_new(dims, json_integer(t->dims[k]));
        json_t *j = json_pack("{s:o, s:s, s:o, s:I, s:I}", "name", json_name(t->name), "format", fmt_find(t->m.fmt)->name,
                              "shape", dims, "offset", (json_int_t)t->file_offset, "bytes", (json_int_t)t->bytes);
        if (!j) return fail(e, ERR_NOMEM, "out of memory");
        json_array_append_new(list, j);
        if (weights_n_files(w) > 1) json_object_set_new(j, "file", json_integer(t->file));
        if (!values) continue;
        struct range r = {0};
        TRY(scan(&r, &t->m, e));
        if (interrupted()) return fail(e, ERR_CANCELLED, "interrupted");
        json_object_set_new(j, "min", json_number(r.min)), json_object_set_new(j, "max", json_number(r.max));
        json_object_set_new(j, "mean", json_number(r.n > 0 ? r.sum / r.n : NAN));
        json_object_set_new(j, "not_finite", json_integer(r.bad));
        *bad += r.bad;
    }
    return 0;
}

static json_t *formats_json(json_t *tensors) {
    json_t *o = json_object(), *t;
    size_t i;
    json_array_foreach(tensors, i, t) {
        const char *f = json_string_value(json_object_get(t, "format"));
        json_t *was = json_object_get(o, f);
        json_t *now =
            json_pack("{s:I, s:I}", "tensors", json_integer_value(json_object_get(was, "tensors")) + 1, "bytes",
                      json_integer_value(json_object_get(was, "bytes")) + json_integer_value(json_object_get(t, "bytes")));
        json_object_set_new(o, f, now);
    }
    return o;
}

/* The parts of a split model, the shards of a folder; a tensor's `file` counts from 0. */
static json_t *files_json(const struct weights *w) {
    json_t *list = json_array();
    uint64_t bytes = 0;
    for (int64_t i = 0; i < weights_n_files(w); i++) {
        const char *path = weights_file(w, i, &bytes);
        json_array_append_new(list, json_pack("{s:o, s:I}", "file", json_name(path), "bytes", (json_int_t)bytes));
    }
    return list;
}

/* ---- checks: would it run? ---- */

static void add_check(json_t *list, const char *name, int rc, const struct err *e, const char *good) {
    json_array_append_new(list,
                          json_pack("{s:s, s:b, s:o}", "check", name, "ok", rc == 0, "detail", json_name(rc ? e->msg : good)));
}

static void check_model(json_t *list, json_t *top, const struct weights *w, int64_t *V) {
    struct err e = ERR_INIT;
    struct device *d = NULL;
    struct model *m = NULL;
    char good[240] = "";
    int rc = dev_open(&d, 1, 0, &e);
    if (!rc) rc = model_open(&m, d, w, 0, &e);
    if (!rc) {
        const struct model_cfg *c = model_cfg(m);
        *V = c->n_vocab;
        snprintf(good, sizeof good,
                 "%s model: %d layers, %d heads (%d kv) of %d, width %d, feed-forward %d, vocabulary %d, context %lld",
                 c->n_score ? "reward" : "language", c->n_layer, c->n_head, c->n_kv, c->head_dim, c->n_embd, c->n_ff, c->n_vocab,
                 (long long)c->n_ctx);
        json_object_set_new(top, "parameters", json_integer(model_param_count(m)));
        json_object_set_new(top, "kv_bytes_per_token", json_integer(model_kv_page_bytes(m, 1, FMT_F32)));
    }
    add_check(list, "model", rc, &e, good);
    model_close(m);
    if (d) dev_close(d);
}

static void check_tokenizer(json_t *list, const struct weights *w, int64_t V) {
    struct err e = ERR_INIT;
    struct tokenizer *t = NULL;
    char good[120] = "";
    int rc = tokenizer_from_weights(&t, w, &e);
    if (!rc && V && tokenizer_size(t) > V)
        rc = fail(&e, ERR_FORMAT, "expected at most %lld tokens (the model's vocabulary), found %lld", (long long)V,
                  (long long)tokenizer_size(t));
    if (!rc) snprintf(good, sizeof good, "%lld tokens", (long long)tokenizer_size(t));
    add_check(list, "tokenizer", rc, &e, good);
    tokenizer_free(t);
}

static void check_values(json_t *list, int64_t bad) {
    struct err e = ERR_INIT;
    int rc = bad ? fail(&e, ERR_RANGE, "expected finite values, found %lld that are not", (long long)bad) : 0;
    add_check(list, "values", rc, &e, "all finite");
}

/* ---- for people ---- */

/* A name from the file: nothing in it that a terminal would obey, and no more of it than fits a line. */
struct plain {
    char s[200];
};
static const char *plain(struct plain *b, const char *s) {
    snprintf(b->s, sizeof b->s, "%s", s);
    for (char *p = b->s; *p; p++)
        if ((unsigned char)*p < 32 || *p == 127) *p = '?';
    return b->s;
}

static void print_human(json_t *o) {
    struct plain name;
    const char *key;
    json_t *v;
    size_t i;
    printf("%s: %s%lld, %.1f MB\n", json_string_value(json_object_get(o, "file")), json_string_value(json_object_get(o, "kind")),
           (long long)json_integer_value(json_object_get(o, "version")),
           (double)json_integer_value(json_object_get(o, "bytes")) / 1e6);
    json_array_foreach(json_object_get(o, "files"), i, v)
        printf("  file %zu: %s, %.1f MB\n", i, json_string_value(json_object_get(v, "file")),
               (double)json_integer_value(json_object_get(v, "bytes")) / 1e6);
    puts("\nmetadata");
    json_object_foreach(json_object_get(o, "metadata"), key, v) {
        char *s = json_dumps(v, JSON_COMPACT | JSON_ENCODE_ANY | JSON_ENSURE_ASCII | JSON_REAL_PRECISION(7));
        printf("  %-40s %.120s%s\n", plain(&name, key), s ? s : "", s && strlen(s) > 120 ? " …" : "");
        free(s);
    }
    puts("\ntensors");
    json_array_foreach(json_object_get(o, "tensors"), i, v) {
        char *dims = json_dumps(json_object_get(v, "shape"), JSON_COMPACT);
        printf("  %-40s %-5s %-16s %12lld bytes at %lld", plain(&name, json_string_value(json_object_get(v, "name"))),
               json_string_value(json_object_get(v, "format")), dims ? dims : "",
               (long long)json_integer_value(json_object_get(v, "bytes")),
               (long long)json_integer_value(json_object_get(v, "offset")));
        if (json_object_get(v, "file")) printf(" of file %lld", (long long)json_integer_value(json_object_get(v, "file")));
        if (json_object_get(v, "mean"))
            printf("  [%.4g, %.4g] mean %.4g", json_number_value(json_object_get(v, "min")),
                   json_number_value(json_object_get(v, "max")), json_number_value(json_object_get(v, "mean")));
        putchar('\n');
        free(dims);
    }
    puts("\nchecks");
    json_array_foreach(json_object_get(o, "checks"), i, v)
        printf("  %-10s %-4s %s\n", json_string_value(json_object_get(v, "check")),
               json_is_true(json_object_get(v, "ok")) ? "ok" : "no", json_string_value(json_object_get(v, "detail")));
}

static int report(json_t *o, const struct weights *w, int values, struct err *e) {
    json_t *tensors = json_array(), *checks = json_array();
    int64_t bad = 0, V = 0;
    if (weights_n_files(w) > 1) json_object_set_new(o, "files", files_json(w));
    json_object_set_new(o, "metadata", metadata_json(w));
    json_object_set_new(o, "tensors", tensors);
    json_object_set_new(o, "checks", checks);
    TRY(tensors_json(tensors, w, values, &bad, e));
    json_object_set_new(o, "formats", formats_json(tensors));
    check_model(checks, o, w, &V);
    check_tokenizer(checks, w, V);
    if (values) check_values(checks, bad);
    return 0;
}

static int run(struct args *a, struct err *e) {
    char path[PATH_SIZE];
    struct weights *w = NULL;
    TRY(resolve_model(a->pos[0], path, e));
    TRY(weights_open(&w, path, e));
    json_t *o = json_pack("{s:o, s:s, s:i, s:I}", "file", json_name(path), "kind",
                          weights_kind(w) == WEIGHTS_GGUF ? "GGUF v" : "safetensors ", "version", weights_version(w), "bytes",
                          (json_int_t)weights_bytes(w));
    int rc = o ? report(o, w, arg_has(a, "values"), e) : fail(e, ERR_NOMEM, "out of memory");
    if (!rc && arg_has(a, "json")) {
        json_object_set_new(o, "kind", json_string(weights_kind(w) == WEIGHTS_GGUF ? "gguf" : "safetensors"));
        rc = print_json(json_incref(o), e);
    } else if (!rc)
        print_human(o);
    json_decref(o);
    weights_close(w);
    return rc;
}

const struct command command_inspect = {"inspect",
                                        "metadata, tensors, formats and checks of a model file",
                                        "FILE [--json] [--values]",
                                        opts,
                                        1,
                                        1,
                                        run,
                                        "The exit status is 0 for every well-formed file; `checks` says whether it holds a model "
                                        "and a tokenizer that candor can run."};
