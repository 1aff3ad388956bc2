/* What the files of this room share and nobody else: the inside of a struct weights.
 *
 * A source (gguf.c, safetensors.c, hf_config.c) fills `kv` and `tensors` and owns nothing: every allocation hangs on the struct
 * weights, so weights_close frees a half-opened one as well as a whole one. Arrays of numbers stay in the mapping (GGUF) or lie in
 * one block a value (config.json); strings are copied once, NUL-terminated, into one block a value. So what a file costs in memory is
 * a small multiple of its own size, whatever its counts claim. */
#ifndef WEIGHTS_WEIGHTS_INT_H
#define WEIGHTS_WEIGHTS_INT_H
#include "base/fs.h"
#include "weights/weights.h"
#include <jansson.h>

/* The types of GGUF metadata (config.json uses a few of them); bytes 0: a string or an array. The last one is that of a reader. */
#define GGUF_TYPE_MAP(XX)             \
    XX(0, U8, "u8", 1, META_U64)      \
    XX(1, I8, "i8", 1, META_I64)      \
    XX(2, U16, "u16", 2, META_U64)    \
    XX(3, I16, "i16", 2, META_I64)    \
    XX(4, U32, "u32", 4, META_U64)    \
    XX(5, I32, "i32", 4, META_I64)    \
    XX(6, F32, "f32", 4, META_F64)    \
    XX(7, BOOL, "bool", 1, META_BOOL) \
    XX(8, STR, "string", 0, META_STR) \
    XX(9, ARR, "array", 0, META_ARR)  \
    XX(10, U64, "u64", 8, META_U64)   \
    XX(11, I64, "i64", 8, META_I64)   \
    XX(12, F64, "f64", 8, META_F64)
enum gguf_type {
#define XX(id, name, text, bytes, meta) GGUF_##name = id,
    GGUF_TYPE_MAP(XX)
#undef XX
        GGUF_N_TYPES
};
struct gguf_type_row {
    const char *name;
    unsigned bytes;
    enum meta_type meta;
};
extern const struct gguf_type_row gguf__types[GGUF_N_TYPES];

enum {
    GGUF_MAX_DEPTH = 4,  /* arrays in arrays */
    GGUF_ALIGNMENT = 32, /* where general.alignment is absent, and what is written */
    GGUF_MAX_ALIGNMENT = 1 << 20,
    GGUF_MAX_NAME = 65535,  /* bytes of a key (so says the format) or of a tensor's name */
    HF_MAX_CONFIG = 4 << 20 /* bytes of config.json; real ones have a few thousand */
};

struct kv {
    char *key;                 /* owned */
    uint32_t type, elem;       /* enum gguf_type; elem: of an array */
    uint64_t count;            /* elements of an array */
    const unsigned char *raw;  /* little-endian numbers, any alignment: the scalar, or the elements of an array */
    const unsigned char *body; /* GGUF: the value as stored, behind its type, for copying; NULL: not from a GGUF */
    uint64_t body_bytes;
    int64_t at;     /* byte of the key in its file; -1: unknown */
    char *text;     /* owned; the strings one after another, each with a NUL behind it */
    uint64_t *ends; /* owned; where string i ends in text (where its NUL is); a scalar string is the first of one */
    void *owned;    /* owned; raw, where that is not in a mapping */
};

struct name_slot {
    const char *name;
    int64_t i;
};
struct names {
    struct name_slot *slot;
    uint64_t cap, n;
}; /* open addressing; cap 0 or a power of two */

struct weights {
    enum weights_kind kind;
    int version;
    char *path, *dir; /* as given; the folder */
    char *config;     /* path of config.json, where one was read */
    struct map *maps; /* files, in the order opened */
    char **map_paths; /* owned; where each lies; of a split GGUF part i is maps[i] */
    int64_t n_maps, cap_maps, cap_paths;
    int64_t borrowed; /* the bytes of so many, the first ones, belong to the caller */
    struct kv *kv;
    int64_t n_kv, cap_kv;
    struct tensor *tensors;
    int64_t n_tensors, cap_tensors;
    struct names kv_names, tensor_names;
    void **copies; /* owned; tensors that lie crooked in their file */
    int64_t n_copies, cap_copies;
};

/* ---- the sources ---- */

/* The file maps[i]: its keys go to `keys`, its tensors to w (which may be the same). check is asked between the two. */
typedef int (*gguf_check_fn)(void *ctx, const struct weights *keys, const char *path, struct err *e);
int gguf__load(struct weights *w, struct weights *keys, int64_t i, gguf_check_fn check, void *ctx, struct err *e);
int gguf__load_keys(struct weights *keys, const struct map *m, const char *path, struct err *e); /* and no tensors */
int gguf__load_model(struct weights *w, struct err *e); /* maps[0], and the other parts if it is one of a split model */
int st__load_file(struct weights *w, struct err *e);    /* the file mapped last */
int st__load_index(struct weights *w, const char *path, struct err *e); /* model.safetensors.index.json and its shards */
int hf__config(struct weights *w, const char *json, size_t n, const char *path, struct err *e);
/* A JSON object without names that come twice; base: the byte of the file where the text begins. */
int st__parse(json_t **out, const char *text, size_t n, uint64_t base, const char *path, struct err *e);

/* The same from memory, for tests and fuzzers: bytes are borrowed until weights_close, name stands in errors. */
int gguf__open_bytes(struct weights **out, const void *bytes, size_t n, const char *name, struct err *e);
/* part 0, 1, … of a split model */
int gguf__open_parts(struct weights **out, const struct map *parts, int64_t n, const char *name, struct err *e);
int st__open_bytes(struct weights **out, const void *bytes, size_t n, const char *name, struct err *e);
int hf__open_bytes(struct weights **out, const void *json, size_t n, const char *name, struct err *e);

/* ---- building (store.c) ---- */

int weights__new(struct weights **out, enum weights_kind kind, const char *path, struct err *e);
int weights__map(struct weights *w, const char *path, struct err *e); /* the new one is maps[n_maps-1] */
/* Appends an entry; *out is valid until the next. A second entry of a name, an empty name and a NUL inside are ERR_FORMAT at
 * path, at. */
int weights__kv_add(struct weights *w, struct kv **out, const void *key, uint64_t n, const char *path, int64_t at, struct err *e);
int weights__tensor_add(struct weights *w, struct tensor **out, const void *name, uint64_t n, const char *path, int64_t at,
                        struct err *e);
const struct kv *weights__kv(const struct weights *w, const char *key); /* NULL: absent */
/* m.rows, m.cols, m.row_bytes and bytes from dims and f. Refused: what overflows or does not fill its blocks. */
int weights__shape(struct tensor *t, const struct fmt_row *f, const char *path, int64_t at, struct err *e);
/* m.data = p, or an owned copy where p is not aligned for the numbers. */
int weights__data(struct weights *w, struct tensor *t, const void *p, struct err *e);

struct span {
    uint64_t from, to;
    const char *name;
    int64_t at;
}; /* bytes of the data section that a tensor claims */
/* Sorts by from (none may be empty); the first that begins before the one before it ends, or NULL. */
const struct span *weights__overlap(struct span *s, int64_t n);
int weights__fail_overlap(const struct span *s, const char *path, struct err *e);
/* *p grown to hold n + 1 elements of `size` bytes. */
int weights__room(void *p, int64_t *cap, int64_t n, size_t size, struct err *e);

/* Untrusted bytes for a message: at most 60, the unprintable as '?'. Returns b->s. */
struct shown {
    char s[64];
};
const char *weights__show(struct shown *b, const void *p, uint64_t n);
#endif
