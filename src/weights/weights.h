/* A file (or folder) of tensors, opened read-only: typed metadata and a directory of tensors whose bytes stay in the mapping.
 *
 * Three sources give one face:
 *   GGUF v2/v3            metadata keys as in the file ("llama.block_count", "tokenizer.ggml.tokens"); of a split model
 *                         (NAME-00001-of-00003.gguf) any part may be named: all parts in its folder are opened as one, keys are
 *                         those of the first
 *   safetensors           one file, or a folder with model.safetensors.index.json; config.json is flattened to keys
 *                         "hf.hidden_size", "hf.rope_scaling.type", "hf.architectures" (array) …, __metadata__ to "st.format" …
 * A struct weights is immutable after open and may be read by any thread. Everything it hands out lives until weights_close.
 * The bytes are untrusted: a broken file gives one error with byte and key; memory taken is bounded by the file's size. */
#ifndef WEIGHTS_WEIGHTS_H
#define WEIGHTS_WEIGHTS_H
#include "base/err.h"
#include "kern/fmt.h"
#include <stddef.h>
#include <stdint.h>

enum meta_type { META_U64, META_I64, META_F64, META_BOOL, META_STR, META_ARR };
struct meta_str {
    const char *s;
    size_t n;
}; /* NUL-terminated copy or view; may contain NULs inside */
struct meta_value {
    enum meta_type type;
    union {
        uint64_t u;
        int64_t i;
        double f;
        int b;
        struct meta_str str;
    } v;
    /* META_ARR */
    enum meta_type elem;
    uint64_t count;
};
struct tensor {
    const char *name;
    struct mat m; /* matrix view: rows = product of the outer dims, cols = fastest dim */
    int n_dims;
    int64_t dims[4];      /* slowest first (row-major shape), so m.cols == dims[n_dims-1] */
    uint64_t file_offset; /* byte in its file */
    uint64_t bytes;
    int64_t file; /* which one: weights_file */
};
enum weights_kind { WEIGHTS_GGUF, WEIGHTS_SAFETENSORS };
struct weights;

/* path: a .gguf file, a .safetensors file or an index of shards (config.json beside it, if present), or a folder. */
int weights_open(struct weights **out, const char *path, struct err *e);
void weights_close(struct weights *w);
enum weights_kind weights_kind(const struct weights *w);
const char *weights_path(const struct weights *w); /* as given to open */
const char *weights_dir(const struct weights *w);  /* the folder the files lie in, for tokenizer.json beside them */
int weights_version(const struct weights *w);      /* GGUF version; 0 otherwise */
uint64_t weights_bytes(const struct weights *w);   /* size of all mapped files */
int64_t weights_n_files(const struct weights *w);  /* parts, shards; 0: made in memory */
/* 1: path is one of its files, by whatever name, or its config.json */
int weights_is_file(const struct weights *w, const char *path);
const char *weights_file(const struct weights *w, int64_t i, uint64_t *bytes); /* its path, and its size unless bytes is NULL */

int64_t weights_n_tensors(const struct weights *w);
const struct tensor *weights_tensor_at(const struct weights *w, int64_t i);     /* file order */
const struct tensor *weights_tensor(const struct weights *w, const char *name); /* NULL: absent */

int64_t meta_count(const struct weights *w);
const char *meta_key_at(const struct weights *w, int64_t i, struct meta_value *v);
int meta_get(const struct weights *w, const char *key, struct meta_value *v); /* 1 found, 0 absent */
/* Typed getters: 1 found, 0 absent (out untouched), <0 present with another type or out of range (error names key and types).
 * Integers of any width convert when they fit; a whole float is not an integer. e may be NULL. */
int meta_i64(const struct weights *w, const char *key, int64_t *out, struct err *e);
int meta_f64(const struct weights *w, const char *key, double *out, struct err *e); /* integers convert */
int meta_bool(const struct weights *w, const char *key, int *out, struct err *e);
int meta_str(const struct weights *w, const char *key, struct meta_str *out, struct err *e);
/* Elements of an array value obtained from meta_get on the same key; i < count (checked: returns ERR_RANGE). Return 0 or <0.
 * Bools are read as the integers 0 and 1; elements that are arrays themselves are only ever copied (gguf_put_copy). */
int meta_arr_str(const struct weights *w, const char *key, uint64_t i, struct meta_str *out, struct err *e);
int meta_arr_f64(const struct weights *w, const char *key, uint64_t i, double *out, struct err *e);
int meta_arr_i64(const struct weights *w, const char *key, uint64_t i, int64_t *out, struct err *e);
#endif
