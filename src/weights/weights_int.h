/* What the files of this room share and nobody else: the inside of a struct weights.
 *
 * A source (gguf.c, safetensors.c) fills `kv` and `tensors` and owns nothing: every allocation hangs on the struct weights, so
 * weights_close frees a half-opened one as well as a whole one. All arrays of numbers stay in the mapping (GGUF) or lie in one block
 * (config.json); strings are copied once, NUL-terminated, into one block a value, which no file can make larger than itself. */
#ifndef WEIGHTS_WEIGHTS_INT_H
#define WEIGHTS_WEIGHTS_INT_H
#include "base/fs.h"
#include "weights/weights.h"

/* The types of GGUF metadata; config.json uses a few of them. bytes 0: a string or an array. */
#define GGUF_TYPE_MAP(XX)                                                                                              \
    XX(0, U8, "u8", 1, META_U64)                                                                                       \
    XX(1, I8, "i8", 1, META_I64)                                                                                       \
    XX(2, U16, "u16", 2, META_U64)                                                                                     \
    XX(3, I16, "i16", 2, META_I64)                                                                                     \
    XX(4, U32, "u32", 4, META_U64)                                                                                     \
    XX(5, I32, "i32", 4, META_I64)                                                                                     \
    XX(6, F32, "f32", 4, META_F64)                                                                                     \
    XX(7, BOOL, "bool", 1, META_BOOL)                                                                                  \
    XX(8, STR, "string", 0, META_STR)                                                                                  \
    XX(9, ARR, "array", 0, META_ARR)                                                                                   \
    XX(10, U64, "u64", 8, META_U64)                                                                                    \
    XX(11, I64, "i64", 8, META_I64)                                                                                    \
    XX(12, F64, "f64", 8, META_F64)
enum gguf_type {
#define XX(id, name, text, bytes, meta) GGUF_##name = id,
    GGUF_TYPE_MAP(XX)
#undef XX
};
struct gguf_type_row { const char *name; int bytes; enum meta_type meta; };
extern const struct gguf_type_row gguf__types[];
#define GGUF_N_TYPES 13u
#define GGUF_MAX_DEPTH 4       /* arrays in arrays */
#define GGUF_ALIGNMENT 32      /* where general.alignment is absent, and what is written */
#define GGUF_MAX_NAME 65535    /* bytes of a key or a tensor's name, as the format says for keys */

struct kv {
    char *key;                 /* owned */
    uint32_t type, elem;       /* gguf_type; elem of an array */
    uint64_t count;            /* elements of an array */
    const unsigned char *raw;  /* the value as in the file: scalar, or the first element of an array */
    uint64_t raw_bytes;        /* of raw; 0 for strings */
    const unsigned char *body; /* GGUF: all bytes of the value as stored, for copying; NULL: not from a GGUF */
    uint64_t body_bytes;
    char *text;                /* owned; the strings one after another, each with a NUL behind it */
    uint64_t *ends;            /* owned; string i of an array: text + i + (i ? ends[i-1] : 0), to its end + i */
    void *owned;               /* owned; raw, where it is not in a mapping */
};

struct names { int64_t *slot; uint64_t mask; }; /* open addressing; slot holds index + 1 */

struct weights {
    enum weights_kind kind;
    int version;
    char *path, *dir;
    struct map *maps;          /* files, in the order opened */
    int n_maps;
    int borrowed;              /* maps[0] belongs to the caller (gguf__open_bytes, st__open_bytes) */
    struct kv *kv;
    int64_t n_kv, cap_kv;
    struct tensor *tensors;
    int64_t n_tensors, cap_tensors;
    struct names kv_names, tensor_names;
    void **copies;             /* aligned copies of tensors that lie crooked in their file */
    int64_t n_copies;
};

/* Sources. bytes: the whole file, borrowed until weights_close; `name` stands in errors. They are what tests and fuzzers call. */
int gguf__open_bytes(struct weights **out, const void *bytes, size_t n, const char *name, struct err *e);
int st__open_bytes(struct weights **out, const void *bytes, size_t n, const char *name, struct err *e);
int gguf__load(struct weights *w, const struct map *m, const char *path, struct err *e);
int st__load(struct weights *w, const struct map *m, const char *path, struct err *e);
int st__load_dir(struct weights *w, struct err *e);                    /* w->dir: model.safetensors or its index */
int hf__config_load(struct weights *w, const char *path, struct err *e);
int hf__config_text(struct weights *w, const char *json, size_t n, const char *path, struct err *e);

/* Building. All fail with ERR_NOMEM or with the place given. */
int weights__new(struct weights **out, enum weights_kind kind, const char *path, struct err *e);
int weights__map(struct weights *w, const char *path, struct err *e);  /* appends to maps */
int weights__kv_add(struct weights *w, struct kv **out, const char *key, size_t n, struct err *e);
int weights__tensor_add(struct weights *w, struct tensor **out, const char *name, size_t n, struct err *e);
/* Both tables; duplicates are refused before this by weights__*_add. */
const struct kv *weights__kv(const struct weights *w, const char *key);
/* rows, cols, row_bytes, bytes from fmt and dims; ERR_FORMAT without a place, if they overflow or do not fit the block. */
int weights__shape(struct tensor *t, const struct fmt_row *f, struct err *e);
/* Whether tensors [from, n) of one file overlap; place: path. base: where their offsets start. */
int weights__no_overlap(const struct weights *w, int64_t from, const char *path, struct err *e);
/* A printable rendering of untrusted bytes for a message: at most 60 bytes, others as '?'. Returns buf. */
struct shown { char s[64]; };
const char *weights__show(struct shown *buf, const void *p, uint64_t n);
#endif
