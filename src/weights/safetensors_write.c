/* safetensors, written. The header is padded with spaces to 8 bytes, as the format asks, so that tensors are aligned in the file.
 *
 * Shards are filled in the order of declaration; a tensor begins a new one where it would exceed the limit. */
#include "weights/safetensors_write.h"
#include "base/fs.h"
#include "base/str.h"
#include "weights/weights_int.h"
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

struct st_out {
    struct tensor t; /* name owned */
    gguf_fill_fn fill;
    void *ctx;
    int shard;
};
struct st_writer {
    struct st_out *tensors;
    int64_t n, cap;
    struct err first; /* the first failure; code 0: none */
};

int st_writer_new(struct st_writer **out, struct err *e) {
    struct st_writer *s = calloc(1, sizeof *s);
    if (!s) return fail(e, ERR_NOMEM, "out of memory for a safetensors writer");
    s->first = ERR_INIT;
    *out = s;
    return 0;
}

void st_writer_free(struct st_writer *s) {
    if (!s) return;
    for (int64_t i = 0; i < s->n; i++) free((void *)(uintptr_t)s->tensors[i].t.name);
    free(s->tensors);
    free(s);
}

/* ---- declaring ---- */

static int check(const struct st_writer *s, const char *name, enum fmt f, int n_dims, struct err *e) {
    const struct fmt_row *row = fmt_find((int)f);
    if (!*name) return fail(e, ERR_ARG, "expected a tensor with a name, found an empty one");
    if (!row || row->block != 1)
        return fail(e, ERR_UNSUPPORTED, "tensor %.60s: expected F32, F16, BF16 or F64, found %s: safetensors has no such type",
                    name, row ? row->name : "an unknown format");
    if (n_dims < 1 || n_dims > 4) return fail(e, ERR_ARG, "tensor %.60s: expected 1 to 4 dimensions, found %d", name, n_dims);
    for (int64_t i = 0; i < s->n; i++)
        if (!strcmp(s->tensors[i].t.name, name)) return fail(e, ERR_ARG, "tensor %.60s: expected each name once", name);
    return 0;
}

static int declare(struct st_writer *s, const char *name, enum fmt f, int n_dims, const int64_t *dims, struct st_out *o,
                   struct err *e) {
    TRY(check(s, name, f, n_dims, e));
    for (int i = 0; i < n_dims; i++) {
        if (dims[i] < 1)
            return fail(e, ERR_ARG, "tensor %.60s: expected dimensions of at least 1, found %" PRId64, name, dims[i]);
        o->t.dims[i] = dims[i];
    }
    o->t.n_dims = n_dims, o->t.name = name;
    TRY(weights__shape(&o->t, fmt_find((int)f), NULL, -1, e));
    TRY(weights__room(&s->tensors, &s->cap, s->n, sizeof *s->tensors, e));
    o->t.name = strdup(name);
    return o->t.name ? 0 : fail(e, ERR_NOMEM, "tensor %.60s: out of memory", name);
}

void st_put_tensor(struct st_writer *s, const char *name, enum fmt f, int n_dims, const int64_t *dims, gguf_fill_fn fill,
                   void *ctx) {
    struct st_out o = {.fill = fill, .ctx = ctx};
    if (s->first.code || declare(s, name, f, n_dims, dims, &o, &s->first) < 0) return;
    s->tensors[s->n++] = o;
}

/* ---- one file ---- */

static void add_name(struct str *b, const char *name) {
    json_t *j = json_string(name);
    char *text = j ? json_dumps(j, JSON_ENCODE_ANY) : NULL;
    if (!text) b->failed = ERR_FORMAT; /* not UTF-8 */
    str_puts(b, text ? text : "");
    free(text);
    json_decref(j);
}

static int add_header(const struct st_writer *s, int shard, struct str *b) {
    uint64_t at = 0;
    str_puts(b, "{\"__metadata__\":{\"format\":\"pt\"}");
    for (int64_t i = 0; i < s->n; i++) {
        const struct tensor *t = &s->tensors[i].t;
        if (s->tensors[i].shard != shard) continue;
        str_puts(b, ",");
        add_name(b, t->name);
        str_printf(b, ":{\"dtype\":\"%s\",\"shape\":[", fmt_find((int)t->m.fmt)->name);
        for (int k = 0; k < t->n_dims; k++) str_printf(b, "%s%" PRId64, k ? "," : "", t->dims[k]);
        str_printf(b, "],\"data_offsets\":[%" PRIu64 ",%" PRIu64 "]}", at, at + t->bytes);
        at += t->bytes;
    }
    str_puts(b, "}");
    while (b->len % 8 && !b->failed) str_puts(b, " ");
    return b->failed;
}

enum { CHUNK_BYTES = 4 << 20 };

static int write_tensor(const struct st_out *o, FILE *f, struct err *e) {
    const struct mat *m = &o->t.m;
    int64_t n = (int64_t)(CHUNK_BYTES / m->row_bytes) + 1;
    if (n > m->rows) n = m->rows;
    char *buf = malloc((size_t)n * m->row_bytes);
    int rc = buf ? 0 : fail(e, ERR_NOMEM, "tensor %.60s: out of memory", o->t.name);
    for (int64_t r = 0, k; rc == 0 && r < m->rows && !ferror(f); r += k) {
        k = m->rows - r < n ? m->rows - r : n;
        rc = o->fill(o->ctx, r, k, buf, e);
        if (rc == 0) fwrite(buf, m->row_bytes, (size_t)k, f);
    }
    free(buf);
    return rc < 0 ? rc : 0;
}

static int write_shard(const struct st_writer *s, int shard, const char *path, struct err *e) {
    struct file_out o;
    struct str head = {.max = SIZE_MAX / 4};
    int rc = add_header(s, shard, &head)
                 ? fail_at(e, ERR_NOMEM, path, -1, "cannot make the header: out of memory, or a name that is not UTF-8")
                 : 0;
    if (rc == 0) rc = file_out_open(&o, path, e);
    if (rc < 0) {
        str_free(&head);
        return rc;
    }
    uint64_t n = head.len;
    fwrite(&n, sizeof n, 1, o.f);
    fwrite(head.s, 1, head.len, o.f);
    str_free(&head);
    for (int64_t i = 0; rc == 0 && i < s->n; i++)
        if (s->tensors[i].shard == shard) rc = write_tensor(&s->tensors[i], o.f, e);
    if (rc == 0) return file_out_commit(&o, e);
    file_out_abort(&o);
    return rc;
}

/* ---- the folder ---- */

static int assign_shards(struct st_writer *s, uint64_t max) {
    uint64_t used = 0;
    int shard = 0;
    for (int64_t i = 0; i < s->n; i++) {
        uint64_t bytes = s->tensors[i].t.bytes;
        if (max && used && (bytes > max || used > max - bytes)) shard++, used = 0;
        used += bytes;
        s->tensors[i].shard = shard;
    }
    return shard + 1;
}

static void shard_name(char *buf, size_t size, int i, int n) {
    if (n == 1)
        snprintf(buf, size, "model.safetensors");
    else
        snprintf(buf, size, "model-%05d-of-%05d.safetensors", i + 1, n);
}

static int write_index(const struct st_writer *s, int n_shards, const char *path, struct err *e) {
    struct file_out o;
    uint64_t total = 0;
    char name[64];
    json_t *map = json_object();
    for (int64_t i = 0; i < s->n; i++) {
        shard_name(name, sizeof name, s->tensors[i].shard, n_shards);
        json_object_set_new(map, s->tensors[i].t.name, json_string(name));
        total += s->tensors[i].t.bytes;
    }
    json_t *j = json_pack("{s:{s:I}, s:o}", "metadata", "total_size", (json_int_t)total, "weight_map", map);
    int rc = j ? file_out_open(&o, path, e) : fail(e, ERR_NOMEM, "out of memory for the index");
    if (rc == 0) {
        json_dumpf(j, o.f, JSON_INDENT(2));
        fputc('\n', o.f);
        rc = file_out_commit(&o, e);
    }
    json_decref(j);
    return rc;
}

int st_writer_commit(struct st_writer *s, const struct dir_out *d, uint64_t max_shard, struct err *e) {
    char name[64], path[4096];
    if (s->first.code) {
        if (e) *e = s->first;
        return s->first.code;
    }
    int n = assign_shards(s, max_shard);
    for (int i = 0; i < n; i++) {
        shard_name(name, sizeof name, i, n);
        TRY(dir_out_name(d, name, path, sizeof path, e));
        TRY(write_shard(s, i, path, e));
    }
    /* of an earlier model in this folder the other form would be found first, or beside */
    TRY(dir_out_drop(d, n == 1 ? "model.safetensors.index.json" : "model.safetensors", e));
    if (n == 1) return 0;
    TRY(dir_out_name(d, "model.safetensors.index.json", path, sizeof path, e));
    return write_index(s, n, path, e);
}
