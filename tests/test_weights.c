/* Weights: the published tiny model in both containers, round trips, a golden refusal for each lie a file can tell (code, byte and
 * words), and every truncation and every corrupted byte of small valid files, which must be refused or read without harm.
 * Data: $CANDOR_TEST_DATA, else ../shared/data; where it is absent those tests are skipped and say so. */
#include "base/progress.h"
#include "base/str.h"
#include "test_files.h"
#include "weights/gguf_write.h"
#include "weights/npy.h"
#include "weights/weights_int.h"
#include <math.h>

#define LEN(a) (sizeof(a) / sizeof *(a))

/* ---- helpers ---- */

#define F32_GGUF "models/stories260K/stories260K-f32.gguf"
#define F16_GGUF "models/stories260K/stories260K-f16.gguf"
#define HF_DIR   "models/stories260K/hf-f32"

static struct weights *open_ok(const char *path) {
    struct err e = ERR_INIT;
    struct weights *w = NULL;
    cr_assert_eq(weights_open(&w, path, &e), 0, "%s: %s", e.where, e.msg);
    return w;
}

/* Every file that a test here may leave: nothing else may be in its folder. */
static void tmp_fini(void) {
    static const char *const names[] = {"a.gguf",
                                        "b.gguf",
                                        "x.npy",
                                        "model.safetensors",
                                        "one.safetensors",
                                        "two.safetensors",
                                        "config.json",
                                        "model.safetensors.index.json",
                                        "pytorch_model.bin",
                                        "any"};
    for (size_t i = 0; i < LEN(names); i++) unlink(tmp_path(names[i]));
    cr_assert_eq(rmdir(tmp_dir), 0, "something was left in %s", tmp_dir);
    tmp_dir[0] = 0;
}
typedef int (*open_fn)(struct weights **out, const void *bytes, size_t n, const char *name, struct err *e);

/* Opens an exact copy on the heap, so that a sanitizer sees a read behind the end. */
static int open_copy(open_fn fn, struct weights **w, char **copy, const void *p, size_t n, struct err *e) {
    *copy = malloc(n ? n : 1);
    if (n) memcpy(*copy, p, n);
    return fn(w, *copy, n, "bytes", e);
}

/* Reads everything a struct weights hands out. */
static uint64_t touch(const struct weights *w) {
    uint64_t sum = 0;
    struct meta_value v;
    struct meta_str s;
    double d = 0;
    int64_t n = 0;
    for (int64_t i = 0; i < meta_count(w); i++) {
        const char *key = meta_key_at(w, i, &v);
        cr_assert(meta_get(w, key, NULL) == 1);
        if (v.type == META_STR) sum += v.v.str.n + (unsigned char)v.v.str.s[v.v.str.n];
        for (uint64_t k = 0; v.type == META_ARR && k < v.count; k++) {
            if (meta_arr_str(w, key, k, &s, NULL) == 0) sum += s.n + (unsigned char)s.s[s.n];
            if (meta_arr_f64(w, key, k, &d, NULL) == 0) sum += d > 0;
            if (meta_arr_i64(w, key, k, &n, NULL) == 0) sum += (uint64_t)n;
        }
    }
    for (int64_t i = 0; i < weights_n_tensors(w); i++) {
        const struct tensor *t = weights_tensor_at(w, i);
        cr_assert_eq(weights_tensor(w, t->name), t);
        cr_assert_eq(t->bytes, (uint64_t)t->m.rows * t->m.row_bytes);
        for (uint64_t k = 0; k < t->bytes; k++) sum += ((const unsigned char *)t->m.data)[k];
    }
    return sum;
}

/* ---- a small GGUF by hand ---- */

static void u32(struct str *b, uint32_t v) { str_add(b, &v, 4); }
static void u64(struct str *b, uint64_t v) { str_add(b, &v, 8); }
static void u8(struct str *b, unsigned char v) { str_add(b, &v, 1); }
static void zs(struct str *b, const char *s) { u64(b, strlen(s)), str_puts(b, s); }
static void fill(struct str *b, int n) {
    while (n-- > 0) u8(b, 0);
}
static void head(struct str *b, uint64_t tensors, uint64_t keys) {
    str_puts(b, "GGUF"), u32(b, 3), u64(b, tensors), u64(b, keys);
}
static void key(struct str *b, const char *s, uint32_t type) { zs(b, s), u32(b, type); }
static void arr(struct str *b, uint32_t elem, uint64_t n) { u32(b, elem), u64(b, n); }
static void vec(struct str *b, const char *name, uint64_t n, uint32_t type, uint64_t offset) {
    zs(b, name), u32(b, 1), u64(b, n), u32(b, type), u64(b, offset);
}
static void pad32(struct str *b) {
    while (b->len % 32) u8(b, 0);
}

/* Every type of value once, nested arrays, two tensors. */
static void small_gguf(struct str *b) {
    head(b, 2, 16);
    key(b, "a.u8", 0), u8(b, 200);
    key(b, "a.i8", 1), u8(b, 0xfe);
    key(b, "a.u16", 2), u8(b, 1), u8(b, 2);
    key(b, "a.i16", 3), u8(b, 0xff), u8(b, 0xff);
    key(b, "a.u32", 4), u32(b, 7);
    key(b, "a.i32", 5), u32(b, (uint32_t)-7);
    key(b, "a.f32", 6), u32(b, 0x3f800000);
    key(b, "a.bool", 7), u8(b, 1);
    key(b, "a.str", 8), zs(b, "hello");
    key(b, "a.u64", 10), u64(b, UINT64_MAX);
    key(b, "a.i64", 11), u64(b, (uint64_t)-9);
    key(b, "a.f64", 12), u64(b, 0x4000000000000000ull);
    key(b, "l.str", 9), arr(b, 8, 3), zs(b, "x"), zs(b, ""), zs(b, "yz");
    key(b, "l.i32", 9), arr(b, 5, 2), u32(b, 1), u32(b, (uint32_t)-1);
    key(b, "l.arr", 9), arr(b, 9, 2), arr(b, 0, 3), u8(b, 1), u8(b, 2), u8(b, 3), arr(b, 8, 1), zs(b, "in");
    key(b, "l.bool", 9), arr(b, 7, 2), u8(b, 1), u8(b, 0);
    zs(b, "m"), u32(b, 2), u64(b, 3), u64(b, 2), u32(b, 0), u64(b, 0); /* 2 rows of 3 */
    vec(b, "q", 32, 8, 32);
    pad32(b);
    for (int i = 0; i < 6; i++) u32(b, 0x3f800000);
    pad32(b);
    for (int i = 0; i < 34; i++) u8(b, (unsigned char)i);
}

Test(weights, gguf_values) {
    struct str b = {0};
    struct err e = ERR_INIT;
    struct weights *w = NULL;
    struct meta_value v;
    struct meta_str s;
    int64_t i = 0;
    double d = 0;
    int flag = 0;
    small_gguf(&b);
    cr_assert_eq(gguf__open_bytes(&w, b.s, b.len, "bytes", &e), 0, "%s", e.msg);
    cr_assert_eq(weights_version(w), 3);
    cr_assert_eq(weights_bytes(w), b.len);
    cr_assert_eq(meta_count(w), 16);
    cr_assert_str_eq(meta_key_at(w, 0, &v), "a.u8");
    cr_assert(v.type == META_U64 && v.v.u == 200);
    cr_assert(meta_i64(w, "a.i8", &i, &e) == 1 && i == -2);
    cr_assert(meta_i64(w, "a.u16", &i, &e) == 1 && i == 0x201);
    cr_assert(meta_i64(w, "a.i16", &i, &e) == 1 && i == -1);
    cr_assert(meta_i64(w, "a.i32", &i, &e) == 1 && i == -7);
    cr_assert(meta_i64(w, "a.i64", &i, &e) == 1 && i == -9);
    cr_assert(meta_f64(w, "a.f32", &d, &e) == 1 && d == 1.0);
    cr_assert(meta_f64(w, "a.f64", &d, &e) == 1 && d == 2.0);
    cr_assert(meta_f64(w, "a.u32", &d, &e) == 1 && d == 7.0);
    cr_assert(meta_bool(w, "a.bool", &flag, &e) == 1 && flag == 1);
    cr_assert(meta_str(w, "a.str", &s, &e) == 1 && s.n == 5 && strcmp(s.s, "hello") == 0);
    cr_assert(meta_get(w, "a.u64", &v) == 1 && v.v.u == UINT64_MAX);
    cr_assert(meta_get(w, "nothing", &v) == 0 && meta_i64(w, "nothing", &i, &e) == 0);
    i = 5;
    cr_assert_eq(meta_i64(w, "a.u64", &i, &e), ERR_RANGE);
    cr_assert(strstr(e.msg, "a.u64") && strstr(e.msg, "18446744073709551615"), "%s", e.msg);
    cr_assert_eq(meta_i64(w, "a.f32", &i, &e), ERR_FORMAT);
    cr_assert(strstr(e.msg, "key a.f32: expected an integer, found f32"), "%s", e.msg);
    cr_assert_eq(meta_i64(w, "a.bool", &i, &e), ERR_FORMAT);
    cr_assert_eq(meta_f64(w, "a.str", &d, NULL), ERR_FORMAT);
    cr_assert_eq(meta_bool(w, "a.u8", &flag, NULL), ERR_FORMAT);
    cr_assert_eq(meta_str(w, "l.str", &s, NULL), ERR_FORMAT);
    cr_assert_eq(i, 5, "out is untouched on failure");
    cr_assert(meta_get(w, "l.str", &v) == 1 && v.type == META_ARR && v.elem == META_STR && v.count == 3);
    cr_assert(meta_arr_str(w, "l.str", 2, &s, &e) == 0 && s.n == 2 && strcmp(s.s, "yz") == 0);
    cr_assert(meta_arr_str(w, "l.str", 1, &s, &e) == 0 && s.n == 0 && *s.s == 0);
    cr_assert_eq(meta_arr_str(w, "l.str", 3, &s, &e), ERR_RANGE);
    cr_assert_eq(meta_arr_str(w, "l.i32", 0, &s, &e), ERR_FORMAT);
    cr_assert_eq(meta_arr_str(w, "a.str", 0, &s, &e), ERR_FORMAT);
    cr_assert_eq(meta_arr_str(w, "none", 0, &s, &e), ERR_ARG);
    cr_assert(meta_arr_i64(w, "l.i32", 1, &i, &e) == 0 && i == -1);
    cr_assert(meta_arr_f64(w, "l.i32", 0, &d, &e) == 0 && d == 1);
    cr_assert(meta_arr_i64(w, "l.bool", 0, &i, &e) == 0 && i == 1);
    cr_assert(meta_get(w, "l.arr", &v) == 1 && v.elem == META_ARR && v.count == 2);
    cr_assert_eq(meta_arr_i64(w, "l.arr", 0, &i, &e), ERR_FORMAT);
    const struct tensor *m = weights_tensor(w, "m"), *q = weights_tensor(w, "q");
    cr_assert(m && m->n_dims == 2 && m->dims[0] == 2 && m->dims[1] == 3 && m->m.rows == 2 && m->m.cols == 3 && m->bytes == 24);
    cr_assert(q && q->m.fmt == FMT_Q8_0 && q->bytes == 34 && q->file_offset == b.len - 34);
    cr_assert_eq(((const unsigned char *)q->m.data)[33], 33);
    cr_assert(weights_tensor(w, "none") == NULL && weights_tensor_at(w, 2) == NULL && weights_tensor_at(w, -1) == NULL);
    touch(w);
    weights_close(w);
    weights_close(NULL);
    str_free(&b);
}

Test(weights, gguf_version_2_and_odd_alignment) {
    struct str b = {0};
    struct err e = ERR_INIT;
    struct weights *w = NULL;
    char *copy;
    str_puts(&b, "GGUF"), u32(&b, 2), u64(&b, 1), u64(&b, 1);
    key(&b, "general.alignment", 4), u32(&b, 1);
    vec(&b, "odd", 2, 0, 1); /* alignment 1: the numbers may lie anywhere and are handed out aligned */
    u8(&b, 9), u32(&b, 0x3f800000), u32(&b, 0x40000000);
    cr_assert_eq(open_copy(gguf__open_bytes, &w, &copy, b.s, b.len, &e), 0, "%s", e.msg);
    cr_assert_eq(weights_version(w), 2);
    const struct tensor *t = weights_tensor(w, "odd");
    cr_assert_eq((uintptr_t)t->m.data % 4, 0);
    cr_assert(((const float *)t->m.data)[0] == 1.0f && ((const float *)t->m.data)[1] == 2.0f);
    weights_close(w), free(copy);
    str_free(&b);
}

/* ---- GGUF: golden refusals ---- */

#define BAD(name, ...) \
    static void bad_##name(struct str *b) { __VA_ARGS__; }
BAD(empty, (void)b)
BAD(magic, str_puts(b, "abcd"), fill(b, 60))
BAD(short_magic, str_puts(b, "GG"))
BAD(version_1, str_puts(b, "GGUF"), u32(b, 1), fill(b, 40))
BAD(version_big, str_puts(b, "GGUF"), u32(b, 0x03000000), fill(b, 40))
BAD(header_cut, str_puts(b, "GGUF"), u32(b, 3))
BAD(many_tensors, head(b, 1ull << 60, 0), fill(b, 76))
BAD(many_keys, head(b, 0, 1ull << 60), fill(b, 76))
BAD(keys_cut, head(b, 0, 2), key(b, "k", 4), u32(b, 1))
BAD(key_long, head(b, 0, 1), u64(b, 1ull << 40))
BAD(key_huge, head(b, 0, 1), u64(b, UINT64_MAX))
BAD(key_empty, head(b, 0, 1), key(b, "", 4), u32(b, 1))
BAD(key_nul, head(b, 0, 1), u64(b, 3), str_add(b, "a\0b", 3), u32(b, 4), u32(b, 1))
BAD(key_twice, head(b, 0, 2), key(b, "k", 4), u32(b, 1), key(b, "k", 4), u32(b, 1))
BAD(key_over_limit, head(b, 0, 1), u64(b, 65536), fill(b, 66000))
BAD(value_type, head(b, 0, 1), key(b, "k", 13), u64(b, 0))
BAD(value_bool, head(b, 0, 1), key(b, "k", 7), u8(b, 2))
BAD(value_cut, head(b, 0, 1), key(b, "k", 10), u32(b, 1))
BAD(value_str, head(b, 0, 1), key(b, "k", 8), u64(b, 100), str_puts(b, "short"))
BAD(arr_type, head(b, 0, 1), key(b, "k", 9), arr(b, 99, 0))
BAD(arr_count, head(b, 0, 1), key(b, "k", 9), arr(b, 0, 1ull << 60), fill(b, 51))
BAD(arr_count_wide, head(b, 0, 1), key(b, "k", 9), arr(b, 12, 0x2000000000000001ull), fill(b, 51))
BAD(arr_strs, head(b, 0, 1), key(b, "k", 9), arr(b, 8, 2), zs(b, "x"), u64(b, 1ull << 50))
BAD(arr_bool, head(b, 0, 1), key(b, "k", 9), arr(b, 7, 2), u8(b, 1), u8(b, 7))
BAD(arr_deep, head(b, 0, 1), key(b, "k", 9), arr(b, 9, 1), arr(b, 9, 1), arr(b, 9, 1), arr(b, 9, 1), arr(b, 0, 0))
BAD(arr_inner_count, head(b, 0, 1), key(b, "k", 9), arr(b, 9, 1), arr(b, 9, 1ull << 60), fill(b, 40))
BAD(align_3, head(b, 0, 1), key(b, "general.alignment", 4), u32(b, 3))
BAD(align_0, head(b, 0, 1), key(b, "general.alignment", 4), u32(b, 0))
BAD(align_big, head(b, 0, 1), key(b, "general.alignment", 4), u32(b, 1u << 21))
BAD(align_str, head(b, 0, 1), key(b, "general.alignment", 8), zs(b, "32"))
BAD(t_empty, head(b, 1, 0), vec(b, "", 1, 0, 0), pad32(b), fill(b, 4))
BAD(t_dims_0, head(b, 1, 0), zs(b, "t"), u32(b, 0), fill(b, 40))
BAD(t_dims_5, head(b, 1, 0), zs(b, "t"), u32(b, 5), fill(b, 60))
BAD(t_dim_0, head(b, 1, 0), vec(b, "t", 0, 0, 0), fill(b, 40))
BAD(t_dim_huge, head(b, 1, 0), vec(b, "t", 1ull << 63, 0, 0), fill(b, 40))
BAD(t_overflow, head(b, 1, 0), zs(b, "t"), u32(b, 2), u64(b, 1ull << 40), u64(b, 1ull << 40), u32(b, 0), u64(b, 0), fill(b, 40))
BAD(t_bytes_overflow, head(b, 1, 0), vec(b, "t", 1ull << 62, 0, 0), fill(b, 40))
BAD(t_iq2_s, head(b, 1, 0), vec(b, "t", 256, 22, 0), fill(b, 400))
BAD(t_type, head(b, 1, 0), vec(b, "t", 256, 1000, 0), fill(b, 400))
BAD(t_type_neg, head(b, 1, 0), vec(b, "t", 256, UINT32_MAX, 0), fill(b, 400))
BAD(t_block, head(b, 1, 0), vec(b, "t", 33, 8, 0), fill(b, 400))
BAD(t_super, head(b, 1, 0), vec(b, "t", 640, 12, 0), fill(b, 400))
BAD(t_align, head(b, 1, 0), vec(b, "t", 1, 0, 4), fill(b, 400))
BAD(t_range, head(b, 1, 0), vec(b, "t", 8, 0, 0), pad32(b), fill(b, 31))
BAD(t_range_wrap, head(b, 1, 0), vec(b, "t", 8, 0, UINT64_MAX - 31), pad32(b), fill(b, 32))
BAD(t_no_data, head(b, 1, 0), vec(b, "t", 1, 0, 0))
BAD(t_claims_much, head(b, 1, 0), vec(b, "t", 1ull << 60, 0, 0), pad32(b), fill(b, 32))
BAD(t_overlap, head(b, 2, 0), vec(b, "t", 16, 0, 0), vec(b, "u", 1, 0, 32), pad32(b), fill(b, 128))
BAD(t_same, head(b, 2, 0), vec(b, "t", 1, 0, 0), vec(b, "u", 1, 0, 0), pad32(b), fill(b, 128))
BAD(t_twice, head(b, 2, 0), vec(b, "t", 1, 0, 0), vec(b, "t", 1, 0, 32), pad32(b), fill(b, 128))
BAD(t_cut, head(b, 1, 0), zs(b, "tensor"), u32(b, 2), u64(b, 1), u64(b, 1), u32(b, 0))

static const struct bad {
    const char *name;
    void (*make)(struct str *);
    int code;
    int64_t at;
    const char *words;
} bad_gguf[] = {
#define ROW(name, code, at, words) {#name, bad_##name, ERR_##code, at, words},
    ROW(empty, FORMAT, 0, "expected 4-byte magic GGUF, found ''") ROW(magic, FORMAT, 0,
                                                                      "expected 4-byte magic GGUF, found 'abcd'")
        ROW(short_magic, FORMAT, 0, "found 'GG'") ROW(version_1, UNSUPPORTED, 4, "expected GGUF version 2 or 3, found 1") ROW(
            version_big, UNSUPPORTED, 4, "big-endian") ROW(header_cut, FORMAT, 8, "expected 8 more bytes, found the end after 0")
            ROW(many_tensors, FORMAT, 8, "number of tensors that fits 100 bytes, found 1152921504606846976") ROW(
                many_keys, FORMAT, 16, "number of keys that fits 100 bytes, found 1152921504606846976")
                ROW(keys_cut, FORMAT, 41, "expected 8 more bytes") ROW(key_long, FORMAT, 24, "found length 1099511627776") ROW(
                    key_huge, FORMAT, 24, "found length 18446744073709551615") ROW(key_empty, FORMAT, 24,
                                                                                   "expected a name, found an empty one")
                    ROW(key_nul, FORMAT, 24, "key a?b: expected a name, found a NUL byte inside") ROW(
                        key_twice, FORMAT, 41, "key k: expected each name once") ROW(key_over_limit, FORMAT, 24,
                                                                                     "at most 65535 bytes, found 65536")
                        ROW(value_type, FORMAT, 33, "key k: expected a value type from 0 to 12, found 13") ROW(
                            value_bool, FORMAT, 37, "key k: expected a bool of 0 or 1, found 2")
                            ROW(value_cut, FORMAT, 37, "key k: expected 8 more bytes, found the end after 4") ROW(
                                value_str, FORMAT, 37, "key k: expected a string within the 5 bytes left, found length 100")
                                ROW(arr_type, FORMAT, 37, "key k: expected a value type from 0 to 12, found 99") ROW(
                                    arr_count, FORMAT, 41, "found 1152921504606846976 of type u8") ROW(arr_count_wide, FORMAT, 41,
                                                                                                       "of type f64")
                                    ROW(arr_strs, FORMAT, 58, "found length 1125899906842624") ROW(
                                        arr_bool, FORMAT, 50,
                                        "key k: expected a bool of 0 or 1, found 7") ROW(arr_deep,
                                                                                         LIMIT, 85, "arrays at most 4 deep")
                                        ROW(arr_inner_count, FORMAT, 53, "of type array") ROW(
                                            align_3, FORMAT, 24,
                                            "general.alignment: expected a power of two up to 1048576, found 3")
                                            ROW(align_0, FORMAT, 24, "found 0") ROW(align_big, FORMAT, 24, "found 2097152") ROW(
                                                align_str, FORMAT, 24, "general.alignment: expected an integer, found string")
                                                ROW(t_empty, FORMAT, 24, "tensor : expected a name") ROW(
                                                    t_dims_0, FORMAT, 33, "tensor t: expected 1 to 4 dimensions, found 0")
                                                    ROW(t_dims_5, FORMAT, 33,
                                                        "found 5") ROW(t_dim_0, FORMAT, 37,
                                                                       "tensor t: expected dimension 0 of at least 1, found 0")
                                                        ROW(t_dim_huge, FORMAT, 37,
                                                            "found 9223372036854775808") ROW(t_overflow, FORMAT, 24,
                                                                                             "tensor t: expected a size below "
                                                                                             "2^63 bytes") ROW(t_bytes_overflow,
                                                                                                               FORMAT, 24,
                                                                                                               "tensor t: "
                                                                                                               "expected a size "
                                                                                                               "below 2^63 bytes")
                                                            ROW(t_iq2_s, UNSUPPORTED, 45,
                                                                "tensor t: expected one of F32, F16, Q4_0, Q4_1, Q5_0, Q5_1, "
                                                                "Q8_0, Q2_K, Q3_K, Q4_K, Q5_K, Q6_K, IQ4_NL, IQ4_XS, F64, BF16, "
                                                                "found IQ2_S (ggml type 22)") ROW(t_type, UNSUPPORTED, 45,
                                                                                                  "found a type without a name "
                                                                                                  "(ggml type 1000)")
                                                                ROW(t_type_neg, UNSUPPORTED, 45, "ggml type 4294967295") ROW(
                                                                    t_block, FORMAT, 24,
                                                                    "tensor t: expected rows of a multiple of 32 for Q8_0, found "
                                                                    "33") ROW(t_super, FORMAT, 24,
                                                                              "tensor t: expected rows of a multiple of 256 for "
                                                                              "Q4_K, "
                                                                              "found 640") ROW(t_align, FORMAT, 49,
                                                                                               "tensor t: expected an offset "
                                                                                               "that is a multiple "
                                                                                               "of 32, found 4")
                                                                    ROW(t_range, FORMAT, 49,
                                                                        "tensor t: expected 32 bytes at offset 0, found data of "
                                                                        "31 bytes in all") ROW(t_range_wrap, FORMAT, 49,
                                                                                               "found data of 32 bytes in all")
                                                                        ROW(t_no_data, FORMAT, 49, "found data of 0 bytes in all")
                                                                            ROW(t_claims_much, FORMAT, 49,
                                                                                "expected 4611686018427387904 bytes at offset 0")
                                                                                ROW(t_overlap, FORMAT, 82,
                                                                                    "tensor u: expected data of its own, found "
                                                                                    "bytes 32 to 36 overlap tensor t's 0 to 64")
                                                                                    ROW(t_same, FORMAT, -2, "overlap")
                                                                                        ROW(t_twice, FORMAT, 57,
                                                                                            "tensor t: expected each name once")
                                                                                            ROW(t_cut, FORMAT, 62,
                                                                                                "tensor tensor: expected 8 more "
                                                                                                "bytes, found the end after 0")
#undef ROW
};

/* at -2: not compared */
static void refused(open_fn fn, const struct bad *r, const struct str *b) {
    struct err e = ERR_INIT;
    struct weights *w = NULL;
    char *copy;
    int rc = open_copy(fn, &w, &copy, b->s, b->len, &e);
    cr_expect_eq(rc, r->code, "%s: expected %s, found %s (%s)", r->name, err_name(r->code), err_name(rc), e.msg);
    cr_expect(rc == 0 || strstr(e.msg, r->words), "%s: %s", r->name, e.msg);
    cr_expect(r->at == -2 || e.at == r->at, "%s: expected byte %lld, found %lld (%s)", r->name, (long long)r->at, (long long)e.at,
              e.msg);
    cr_expect_str_eq(e.where, "bytes");
    cr_expect(rc == 0 || w == NULL, "%s: out is written on success only", r->name);
    weights_close(w);
    free(copy);
}

Test(weights, gguf_refusals) {
    for (size_t i = 0; i < LEN(bad_gguf); i++) {
        struct str b = {0};
        bad_gguf[i].make(&b);
        refused(gguf__open_bytes, &bad_gguf[i], &b);
        str_free(&b);
    }
}

Test(weights, claims_cost_nothing) {
    int64_t before = peak_bytes();
    for (int i = 0; i < 50; i++) {
        for (size_t k = 0; k < LEN(bad_gguf); k++) {
            struct str b = {0};
            struct weights *w = NULL;
            bad_gguf[k].make(&b);
            cr_assert(gguf__open_bytes(&w, b.s ? b.s : "", b.len, "bytes", NULL) != ERR_NOMEM, "%s", bad_gguf[k].name);
            str_free(&b);
        }
    }
    cr_assert_lt(peak_bytes() - before, 64 << 20);
}

/* ---- every cut, every byte ---- */

static void every_cut(open_fn fn, const char *p, size_t size) {
    for (size_t n = 0; n < size; n++) {
        struct err e = ERR_INIT;
        struct weights *w = NULL;
        char *copy;
        int rc = open_copy(fn, &w, &copy, p, n, &e);
        if (rc == 0)
            touch(w);
        else
            cr_assert(e.msg[0] && e.at >= 0 && e.at <= (int64_t)size && rc != ERR_NOMEM, "cut at %zu: %s", n, e.msg);
        weights_close(w);
        free(copy);
    }
}

static void every_byte(open_fn fn, const char *p, size_t size) {
    static const unsigned char values[] = {0, 1, 2, 0x20, 0x7f, 0x80, 0xff};
    char *bytes = malloc(size);
    memcpy(bytes, p, size);
    for (size_t i = 0; i < size; i++) {
        for (size_t k = 0; k < LEN(values) + 8; k++) {
            struct err e = ERR_INIT;
            struct weights *w = NULL;
            unsigned char was = (unsigned char)p[i];
            bytes[i] = (char)(k < LEN(values) ? values[k] : was ^ 1u << (k - LEN(values)));
            int rc = fn(&w, bytes, size, "bytes", &e);
            if (rc == 0)
                touch(w);
            else
                cr_assert(e.msg[0] && rc != ERR_NOMEM, "byte %zu: %s", i, e.msg);
            weights_close(w);
        }
        bytes[i] = p[i];
    }
    free(bytes);
}

#define SMALL_ST                                                                                                                 \
    "{\"__metadata__\":{\"format\":\"pt\",\"n\":\"1\"},\"a\":{\"dtype\":\"F32\",\"shape\":[2,3],\"data_offsets\":[0,24]},"       \
    "\"b\":{\"dtype\":\"BF16\",\"shape\":[],\"data_offsets\":[24,26]},\"i\":{\"dtype\":\"I64\",\"shape\":[1],\"data_offsets\":[" \
    "26,34]},"                                                                                                                   \
    "\"z\":{\"dtype\":\"F32\",\"shape\":[0,5],\"data_offsets\":[34,34]},\"h\":{\"dtype\":\"F16\",\"shape\":[1,1,1,2],\"data_"    \
    "offsets\":[34,38]}}"

static void st_bytes(struct str *b, const char *json, int data) {
    u64(b, strlen(json));
    str_puts(b, json);
    for (int i = 0; i < data; i++) u8(b, (unsigned char)i);
}

Test(weights, cuts_and_corruption) {
    struct str g = {0}, s = {0};
    small_gguf(&g);
    st_bytes(&s, SMALL_ST, 38);
    every_cut(gguf__open_bytes, g.s, g.len);
    every_byte(gguf__open_bytes, g.s, g.len);
    every_cut(st__open_bytes, s.s, s.len);
    every_byte(st__open_bytes, s.s, s.len);
    str_free(&g), str_free(&s);
}

/* ---- safetensors ---- */

Test(weights, safetensors_small) {
    struct str b = {0};
    struct err e = ERR_INIT;
    struct weights *w = NULL;
    struct meta_str s;
    st_bytes(&b, SMALL_ST, 38);
    cr_assert_eq(st__open_bytes(&w, b.s, b.len, "bytes", &e), 0, "%s", e.msg);
    cr_assert_eq(weights_kind(w), WEIGHTS_SAFETENSORS);
    cr_assert_eq(weights_version(w), 0);
    cr_assert_eq(weights_n_tensors(w), 3, "integers and empty ones are not listed");
    const struct tensor *a = weights_tensor(w, "a"), *one = weights_tensor(w, "b"), *h = weights_tensor(w, "h");
    cr_assert(a && a->m.rows == 2 && a->m.cols == 3 && a->file_offset == b.len - 38);
    cr_assert_eq((uintptr_t)a->m.data % 4, 0);
    cr_assert_eq(((const unsigned char *)a->m.data)[23], 23);
    cr_assert(one && one->n_dims == 1 && one->dims[0] == 1 && one->m.fmt == FMT_BF16);
    cr_assert(h && h->n_dims == 4 && h->m.cols == 2 && weights_tensor_at(w, 2) == h);
    cr_assert(meta_str(w, "st.format", &s, &e) == 1 && strcmp(s.s, "pt") == 0);
    weights_close(w);
    str_free(&b);
}

#define T(dtype, shape, from, to) "{\"dtype\":\"" dtype "\",\"shape\":" shape ",\"data_offsets\":[" #from "," #to "]}"
static const struct bad_st {
    const char *name, *json;
    int data, code;
    int64_t at;
    const char *words;
} bad_st[] = {
    {"not an object", "[1]", 4, ERR_FORMAT, 8, "header: expected '{'"},
    {"no json", "{\"a\": }", 4, ERR_FORMAT, -2, "expected JSON, found"},
    {"cut json", "{\"a\":", 0, ERR_FORMAT, -2, "expected JSON"},
    {"same name twice", "{\"a\":" T("F32", "[1]", 0, 4) ",\"a\":" T("F32", "[1]", 4, 8) "}", 8, ERR_FORMAT, -2, "duplicate"},
    {"entry no object", "{\"a\":7}", 4, ERR_FORMAT, 9, "tensor a: expected an object, found an integer"},
    {"no dtype", "{\"a\":{\"shape\":[1],\"data_offsets\":[0,4]}}", 4, ERR_FORMAT, 9, "a string as dtype, found none"},
    {"dtype a number", "{\"a\":{\"dtype\":1,\"shape\":[1],\"data_offsets\":[0,4]}}", 4, ERR_FORMAT, 9,
     "a string as dtype, found an integer"},
    {"shape no array", "{\"a\":" T("F32", "4", 0, 4) "}", 4, ERR_FORMAT, 9, "tensor a: expected an array as shape"},
    {"shape of strings", "{\"a\":" T("F32", "[\"1\"]", 0, 4) "}", 4, ERR_FORMAT, 9, "expected integers in shape"},
    {"shape negative", "{\"a\":" T("F32", "[-1]", 0, 4) "}", 4, ERR_FORMAT, 9, "found -1"},
    {"shape absurd", "{\"a\":" T("F32", "[4611686018427387904,4611686018427387904]", 0, 4) "}", 4, ERR_FORMAT, 9, "below 2^60"},
    {"five dims", "{\"a\":" T("F32", "[1,1,1,1,1]", 0, 4) "}", 4, ERR_UNSUPPORTED, 9, "at most 4 dimensions"},
    {"one offset", "{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0]}}", 4, ERR_FORMAT, 9,
     "data_offsets of two integers"},
    {"offsets turned", "{\"a\":" T("F32", "[1]", 4, 0) "}", 4, ERR_FORMAT, 9, "found [4, 0]"},
    {"beyond the end", "{\"a\":" T("F32", "[2]", 0, 8) "}", 4, ERR_FORMAT, 9, "within 4 bytes of data, found [0, 8]"},
    {"size lies", "{\"a\":" T("F32", "[3]", 0, 8) "}", 8, ERR_FORMAT, 9,
     "expected 12 bytes for its shape, found data_offsets of 8"},
    {"integer lies", "{\"a\":" T("I64", "[3]", 0, 8) "}", 8, ERR_FORMAT, 9, "expected 24 bytes"},
    {"overlap", "{\"a\":" T("F32", "[2]", 0, 8) ",\"b\":" T("I32", "[2]", 4, 12) "}", 12, ERR_FORMAT, 62,
     "overlap tensor a's 0 to 8"},
    {"metadata no object", "{\"__metadata__\":[]}", 0, ERR_FORMAT, 9, "__metadata__: expected an object, found an array"},
    {"metadata of numbers", "{\"__metadata__\":{\"k\":1}}", 0, ERR_FORMAT, 25, "__metadata__.k: expected a string"},
    {"empty name", "{\"\":" T("F32", "[1]", 0, 4) "}", 4, ERR_FORMAT, 9, "expected a name, found an empty one"},
};

Test(weights, safetensors_refusals) {
    for (size_t i = 0; i < LEN(bad_st); i++) {
        struct str b = {0};
        const struct bad r = {bad_st[i].name, NULL, bad_st[i].code, bad_st[i].at, bad_st[i].words};
        st_bytes(&b, bad_st[i].json, bad_st[i].data);
        refused(st__open_bytes, &r, &b);
        str_free(&b);
    }
    struct str b = {0};
    str_puts(&b, "1234567");
    refused(st__open_bytes, &(struct bad){"short", NULL, ERR_FORMAT, 0, "expected 8 bytes of length, found a file of 7"}, &b);
    str_clear(&b), u64(&b, 1000), str_puts(&b, "{}");
    refused(st__open_bytes, &(struct bad){"long header", NULL, ERR_FORMAT, 0, "within the 2 bytes that follow, found 1000"}, &b);
    str_clear(&b), u64(&b, UINT64_MAX), str_puts(&b, "{}");
    refused(st__open_bytes, &(struct bad){"huge header", NULL, ERR_FORMAT, 0, "found 18446744073709551615"}, &b);
    str_clear(&b), u64(&b, 0);
    refused(st__open_bytes, &(struct bad){"no header", NULL, ERR_FORMAT, 8, "expected '{'"}, &b);
    str_free(&b);
}

Test(weights, hf_config) {
    static const char json[] = "{\"n\": 64, \"eps\": 1e-5, \"tie\": true, \"name\": \"llama\", \"none\": null, \"rope\": "
                               "{\"type\": \"yarn\", \"in\": {\"x\": -1}},"
                               "\"arch\": [\"A\", \"BC\"], \"mix\": [1, 2.5], \"odd\": [1, \"a\"], \"nest\": [[1]], \"objs\": "
                               "[{}], \"empty\": [], \"flags\": [true, false]}";
    struct err e = ERR_INIT;
    struct weights *w = NULL;
    struct meta_value v;
    struct meta_str s;
    int64_t i = 0;
    double d = 0;
    int flag = 0;
    cr_assert_eq(hf__open_bytes(&w, json, strlen(json), "config.json", &e), 0, "%s", e.msg);
    cr_assert(meta_i64(w, "hf.n", &i, &e) == 1 && i == 64);
    cr_assert(meta_f64(w, "hf.eps", &d, &e) == 1 && d == 1e-5);
    cr_assert(meta_bool(w, "hf.tie", &flag, &e) == 1 && flag == 1);
    cr_assert(meta_str(w, "hf.rope.type", &s, &e) == 1 && strcmp(s.s, "yarn") == 0);
    cr_assert(meta_i64(w, "hf.rope.in.x", &i, &e) == 1 && i == -1);
    cr_assert(meta_arr_str(w, "hf.arch", 1, &s, &e) == 0 && strcmp(s.s, "BC") == 0);
    cr_assert(meta_arr_f64(w, "hf.mix", 0, &d, &e) == 0 && d == 1.0);
    cr_assert(meta_arr_i64(w, "hf.flags", 1, &i, &e) == 0 && i == 0);
    cr_assert(meta_get(w, "hf.empty", &v) == 1 && v.type == META_ARR && v.count == 0);
    cr_assert(!meta_get(w, "hf.none", &v) && !meta_get(w, "hf.odd", &v) && !meta_get(w, "hf.nest", &v) &&
              !meta_get(w, "hf.objs", &v));
    cr_assert_eq(meta_i64(w, "hf.eps", &i, &e), ERR_FORMAT);
    cr_assert(strstr(e.msg, "hf.eps: expected an integer, found f64"), "%s", e.msg);
    cr_assert_str_eq(e.where, "config.json");
    touch(w);
    weights_close(w);
}

static const struct {
    const char *json;
    int code;
    const char *words;
} bad_hf[] = {
    {"", ERR_FORMAT, "expected JSON"},
    {"[]", ERR_FORMAT, "expected a JSON object"},
    {"{\"a\":1,\"a\":2}", ERR_FORMAT, "duplicate"},
    {"{\"a.b\":1,\"a\":{\"b\":2}}", ERR_FORMAT, "key hf.a.b: expected each name once"},
    {"{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":1}}}}}}}}}", ERR_LIMIT, "at most 8 deep"},
    {"{\"a\":1e999}", ERR_FORMAT, "expected JSON"},
    {"{\"a\":99999999999999999999}", ERR_FORMAT, "expected JSON"},
    {"{\"a\":1} x", ERR_FORMAT, "expected JSON"},
};

Test(weights, hf_refusals) {
    struct err e = ERR_INIT;
    struct weights *w = NULL;
    char wide[400];
    for (size_t i = 0; i < LEN(bad_hf); i++) {
        int rc = hf__open_bytes(&w, bad_hf[i].json, strlen(bad_hf[i].json), "config.json", &e);
        cr_expect_eq(rc, bad_hf[i].code, "%s: %s", bad_hf[i].json, e.msg);
        cr_expect(strstr(e.msg, bad_hf[i].words), "%s: %s", bad_hf[i].json, e.msg);
        cr_expect_str_eq(e.where, "config.json");
    }
    snprintf(wide, sizeof wide, "{\"%0300d\": 1}", 7);
    cr_expect_eq(hf__open_bytes(&w, wide, strlen(wide), "config.json", &e), ERR_LIMIT);
}

/* ---- folders ---- */

static void save_st(const char *name, const char *json, int data) {
    struct str b = {0};
    st_bytes(&b, json, data);
    write_bytes(tmp_path(name), b.s, b.len);
    str_free(&b);
}
static void save_text(const char *name, const char *text) { write_file(tmp_path(name), text); }
static void fails(const char *path, int code, const char *words) {
    struct err e = ERR_INIT;
    struct weights *w = NULL;
    int rc = weights_open(&w, path, &e);
    cr_expect_eq(rc, code, "expected %s, found %s: %s", err_name(code), err_name(rc), e.msg);
    cr_expect(strstr(e.msg, words), "expected '%s', found: %s", words, e.msg);
    cr_expect(e.where[0], "an error has a place: %s", e.msg);
    cr_expect(w == NULL);
}

#define INDEX "model.safetensors.index.json"

Test(weights, shards, .init = tmp_init, .fini = tmp_fini) {
    struct meta_str s;
    int64_t v;
    save_st("one.safetensors",
            "{\"__metadata__\":{\"format\":\"pt\"},\"a\":" T("F32", "[1]", 0, 4) ",\"i\":" T("I64", "[1]", 4, 12) "}", 12);
    save_st("two.safetensors", "{\"__metadata__\":{\"format\":\"pt\"},\"b\":" T("F32", "[2]", 0, 8) "}", 8);
    save_text(INDEX, "{\"metadata\":{\"total_size\":20},\"weight_map\":{\"a\":\"one.safetensors\",\"b\":\"two.safetensors\","
                     "\"i\":\"one.safetensors\"}}");
    struct weights *w = open_ok(tmp_dir);
    cr_assert_eq(weights_n_tensors(w), 2);
    cr_assert(weights_tensor(w, "a") && weights_tensor(w, "b"));
    cr_assert_str_eq(weights_dir(w), tmp_dir);
    cr_assert(meta_str(w, "st.format", &s, NULL) == 1 && meta_count(w) == 2);
    cr_assert(meta_str(w, "unread.i", &s, NULL) == 1 && !strcmp(s.s, "I64")); /* there, but not listed */
    weights_close(w);
    save_text("config.json", "{\"n\": 3}");
    w = open_ok(tmp_path(INDEX));
    cr_assert(meta_i64(w, "hf.n", &v, NULL) == 1 && v == 3);
    cr_assert_str_eq(weights_dir(w), tmp_dir);
    weights_close(w);
    w = open_ok(tmp_path("one.safetensors"));
    cr_assert(weights_n_tensors(w) == 1 && meta_i64(w, "hf.n", &v, NULL) == 1);
    weights_close(w);
    save_text(INDEX, "{\"weight_map\":{\"a\":\"one.safetensors\",\"c\":\"two.safetensors\"}}");
    fails(tmp_dir, ERR_FORMAT, "tensor c: expected it in this file");
    save_text(INDEX, "{\"weight_map\":{\"a\":\"../one.safetensors\"}}");
    fails(tmp_dir, ERR_FORMAT, "weight_map.a: expected a plain file name, found '../one.safetensors'");
    save_text(INDEX, "{\"weight_map\":{\"a\":\"..\"}}");
    fails(tmp_dir, ERR_FORMAT, "plain file name");
    save_text(INDEX, "{\"weight_map\":{\"a\":\"\"}}");
    fails(tmp_dir, ERR_FORMAT, "plain file name");
    save_text(INDEX, "{\"weight_map\":{\"a\":1}}");
    fails(tmp_dir, ERR_FORMAT, "weight_map.a: expected a file name, found an integer");
    save_text(INDEX, "{\"weight_map\":[]}");
    fails(tmp_dir, ERR_FORMAT, "key weight_map: expected an object");
    save_text(INDEX, "{\"weight_map\":{\"a\":\"absent.safetensors\"}}");
    fails(tmp_dir, ERR_IO, "cannot open");
    save_text(INDEX, "{\"weight_map\":{\"a\":\"" INDEX "\"}}");
    fails(tmp_dir, ERR_FORMAT, "header: expected a length");
    save_text("any", "x");
    save_st("two.safetensors", "{\"a\":" T("F32", "[2]", 0, 8) "}", 8);
    save_text(INDEX, "{\"weight_map\":{\"a\":\"one.safetensors\",\"i\":\"two.safetensors\"}}");
    fails(tmp_dir, ERR_FORMAT, "tensor a: expected each name once");
}

Test(weights, folders, .init = tmp_init, .fini = tmp_fini) {
    fails(tmp_dir, ERR_IO, "expected model.safetensors or model.safetensors.index.json in the folder, found neither");
    save_text("pytorch_model.bin", "x");
    fails(tmp_dir, ERR_UNSUPPORTED, "pytorch_model.bin");
    fails(tmp_path("absent.gguf"), ERR_IO, "cannot open");
    save_text("any", "");
    fails(tmp_path("any"), ERR_FORMAT, "expected 4-byte magic GGUF");
    save_text("any", "#!/bin/sh");
    fails(tmp_path("any"), ERR_FORMAT, "found '#!/b'");
    save_st("any", SMALL_ST, 38);
    struct weights *w = open_ok(tmp_path("any"));
    cr_assert_eq(weights_kind(w), WEIGHTS_SAFETENSORS, "recognised without its extension");
    weights_close(w);
    save_st("model.safetensors", SMALL_ST, 38);
    w = open_ok(tmp_dir);
    cr_assert_eq(weights_n_tensors(w), 3, "opens without config.json");
    cr_assert_str_eq(weights_path(w), tmp_dir);
    weights_close(w);
    save_text("config.json", "{");
    fails(tmp_dir, ERR_FORMAT, "expected JSON");
}

/* ---- the published model ---- */

Test(weights, stories_gguf) {
    static const char *const files[] = {F32_GGUF, F16_GGUF};
    int64_t v = 0;
    for (size_t i = 0; i < LEN(files); i++) {
        NEED_DATA(files[i]);
        struct weights *w = open_ok(data_path(files[i]));
        const struct tensor *t = weights_tensor(w, "token_embd.weight");
        cr_assert_eq(weights_kind(w), WEIGHTS_GGUF);
        cr_assert_eq(weights_n_tensors(w), 47);
        cr_assert(t && t->n_dims == 2 && t->dims[0] == 512 && t->dims[1] == 64 && t->m.rows == 512 && t->m.cols == 64);
        cr_assert_eq(t->m.fmt, i ? FMT_F16 : FMT_F32);
        cr_assert(meta_i64(w, "llama.block_count", &v, NULL) == 1 && v == 5);
        touch(w);
        weights_close(w);
    }
}

Test(weights, stories_both_containers_agree) {
    NEED_DATA(HF_DIR);
    struct weights *g = open_ok(data_path(F32_GGUF)), *h = open_ok(data_path(HF_DIR));
    struct meta_str s;
    int64_t v = 0;
    cr_assert(meta_i64(h, "hf.hidden_size", &v, NULL) == 1 && v == 64);
    cr_assert(meta_arr_str(h, "hf.architectures", 0, &s, NULL) == 0 && strcmp(s.s, "LlamaForCausalLM") == 0);
    for (int i = 0; i < 5; i++) {
        char a[64], b[64];
        snprintf(a, sizeof a, "blk.%d.ffn_down.weight", i);
        snprintf(b, sizeof b, "model.layers.%d.mlp.down_proj.weight", i);
        const struct tensor *x = weights_tensor(g, a), *y = weights_tensor(h, b);
        cr_assert(x && y && x->bytes == y->bytes && x->m.rows == y->m.rows && x->m.cols == y->m.cols);
        cr_assert_eq(memcmp(x->m.data, y->m.data, x->bytes), 0, "%s", a);
    }
    touch(h);
    weights_close(g), weights_close(h);
}

Test(weights, vocabularies) {
    static const struct {
        const char *file;
        uint64_t tokens;
    } rows[] = {{"tokenizers/llama.cpp/ggml-vocab-gpt-2.gguf", 50257}, {"tokenizers/llama.cpp/ggml-vocab-llama-spm.gguf", 32000}};
    struct meta_value v;
    struct meta_str s;
    for (size_t i = 0; i < LEN(rows); i++) {
        NEED_DATA(rows[i].file);
        struct weights *w = open_ok(data_path(rows[i].file));
        cr_assert_eq(weights_n_tensors(w), 0);
        cr_assert(meta_get(w, "tokenizer.ggml.tokens", &v) == 1 && v.count == rows[i].tokens, "%llu",
                  (unsigned long long)v.count);
        cr_assert(meta_arr_str(w, "tokenizer.ggml.tokens", v.count - 1, &s, NULL) == 0 && s.s[s.n] == 0);
        touch(w);
        weights_close(w);
    }
}

/* ---- written and read back ---- */

static void same_value(const struct kv *a, const struct kv *b) {
    cr_assert_str_eq(a->key, b->key);
    cr_assert_eq(a->type, b->type);
    cr_assert(a->body_bytes == b->body_bytes && memcmp(a->body, b->body, a->body_bytes) == 0, "%s", a->key);
}

/* Copies every key and tensor of `from` into path and compares. */
static void round_trip(const struct weights *from, const char *path) {
    struct err e = ERR_INIT;
    struct gguf_writer *g;
    cr_assert_eq(gguf_writer_new(&g, &e), 0);
    for (int64_t i = 0; i < from->n_kv; i++) gguf_put_copy(g, from, from->kv[i].key);
    for (int64_t i = 0; i < from->n_tensors; i++) {
        const struct tensor *t = &from->tensors[i];
        gguf_put_tensor(g, t->name, t->m.fmt, t->n_dims, t->dims, t->m.data);
    }
    cr_assert_eq(gguf_writer_commit(g, path, &e), 0, "%s", e.msg);
    gguf_writer_free(g);
    struct weights *w = open_ok(path);
    cr_assert(w->version == 3 && w->n_kv == from->n_kv && w->n_tensors == from->n_tensors);
    for (int64_t i = 0; i < w->n_kv; i++) same_value(&from->kv[i], &w->kv[i]);
    for (int64_t i = 0; i < w->n_tensors; i++) {
        const struct tensor *a = &from->tensors[i], *b = &w->tensors[i];
        cr_assert_str_eq(a->name, b->name);
        cr_assert(a->m.fmt == b->m.fmt && a->n_dims == b->n_dims && memcmp(a->dims, b->dims, sizeof a->dims) == 0);
        cr_assert(a->bytes == b->bytes && memcmp(a->m.data, b->m.data, a->bytes) == 0);
    }
    weights_close(w);
}

Test(weights, copies_are_equal, .init = tmp_init, .fini = tmp_fini) {
    struct str b = {0};
    struct weights *w = NULL;
    small_gguf(&b);
    cr_assert_eq(gguf__open_bytes(&w, b.s, b.len, "bytes", NULL), 0);
    round_trip(w, tmp_path("a.gguf"));
    weights_close(w);
    str_clear(&b);
    str_puts(&b, "GGUF"), u32(&b, 2), u64(&b, 2), u64(&b, 1), key(&b, "general.alignment", 4), u32(&b, 64);
    vec(&b, "a", 1, 0, 0), vec(&b, "b", 1, 0, 64);
    while (b.len % 64) u8(&b, 0);
    fill(&b, 68);
    cr_assert_eq(gguf__open_bytes(&w, b.s, b.len, "bytes", NULL), 0);
    round_trip(w, tmp_path("b.gguf")); /* laid out as the copied alignment says */
    weights_close(w);
    str_free(&b);
    NEED_DATA(F32_GGUF);
    w = open_ok(data_path(F32_GGUF));
    round_trip(w, tmp_path("a.gguf"));
    weights_close(w);
}

Test(weights, written_values, .init = tmp_init, .fini = tmp_fini) {
    static const int32_t ints[] = {1, -2, 3};
    static const float reals[] = {0.5f, -1.5f};
    static const int64_t dims[] = {2, 32};
    static const struct meta_str strs[] = {{"a", 1}, {"", 0}, {"c\0d", 3}};
    static const int64_t wide[] = {3, 512};
    static unsigned char all[3 * 512 * 8];
    unsigned char q[2 * 18];
    struct err e = ERR_INIT;
    struct gguf_writer *g;
    struct meta_str s;
    struct meta_value v;
    double d;
    int64_t n;
    int flag;
    for (size_t i = 0; i < sizeof q; i++) q[i] = (unsigned char)(i * 7);
    for (size_t i = 0; i < sizeof all; i++) all[i] = (unsigned char)(i * 11);
    cr_assert_eq(gguf_writer_new(&g, &e), 0);
    gguf_put_u32(g, "u32", 4000000000u), gguf_put_u64(g, "u64", 1ull << 63), gguf_put_i32(g, "i32", -5);
    gguf_put_f32(g, "f32", 0.25f), gguf_put_f64(g, "f64", 1e300), gguf_put_bool(g, "yes", 5), gguf_put_bool(g, "no", 0);
    gguf_put_str(g, "str", "in\0side", 7), gguf_put_strs(g, "strs", strs, 3), gguf_put_strs(g, "none", NULL, 0);
    gguf_put_i32s(g, "i32s", ints, 3), gguf_put_f32s(g, "f32s", reals, 2);
    gguf_put_tensor(g, "q", FMT_Q4_0, 2, dims, q);
    for (int i = 0; fmt_at(i); i++) gguf_put_tensor(g, fmt_at(i)->name, fmt_at(i)->id, 2, wide, all);
    cr_assert_eq(gguf_writer_commit(g, tmp_path("a.gguf"), &e), 0, "%s", e.msg);
    gguf_writer_free(g);
    struct weights *w = open_ok(tmp_path("a.gguf"));
    cr_assert(meta_i64(w, "u32", &n, NULL) == 1 && n == 4000000000);
    cr_assert(meta_get(w, "u64", &v) == 1 && v.v.u == 1ull << 63);
    cr_assert(meta_i64(w, "i32", &n, NULL) == 1 && n == -5);
    cr_assert(meta_f64(w, "f32", &d, NULL) == 1 && d == 0.25);
    cr_assert(meta_f64(w, "f64", &d, NULL) == 1 && d == 1e300);
    cr_assert(meta_bool(w, "yes", &flag, NULL) == 1 && flag == 1 && meta_bool(w, "no", &flag, NULL) == 1 && flag == 0);
    cr_assert(meta_str(w, "str", &s, NULL) == 1 && s.n == 7 && memcmp(s.s, "in\0side", 8) == 0);
    cr_assert(meta_arr_str(w, "strs", 2, &s, NULL) == 0 && s.n == 3 && memcmp(s.s, "c\0d", 4) == 0);
    cr_assert(meta_get(w, "none", &v) == 1 && v.count == 0 && v.elem == META_STR);
    cr_assert(meta_arr_i64(w, "i32s", 1, &n, NULL) == 0 && n == -2);
    cr_assert(meta_arr_f64(w, "f32s", 1, &d, NULL) == 0 && d == -1.5);
    const struct tensor *t = weights_tensor(w, "q");
    cr_assert(t && t->m.fmt == FMT_Q4_0 && t->m.rows == 2 && t->m.cols == 32 && memcmp(t->m.data, q, sizeof q) == 0);
    cr_assert_eq(t->file_offset % 32, 0);
    for (int i = 0; fmt_at(i); i++) {
        size_t rb = fmt_row_bytes(fmt_at(i)->id, 512);
        t = weights_tensor(w, fmt_at(i)->name);
        cr_assert(t && t->m.fmt == fmt_at(i)->id && t->m.rows == 3 && t->m.cols == 512 && t->m.row_bytes == rb);
        cr_assert(t->bytes == 3 * rb && memcmp(t->m.data, all, 3 * rb) == 0, "%s", fmt_at(i)->name);
    }
    weights_close(w);
}

/* One bad put each; the error is kept until commit, and no file appears. */
static void put_bad(struct gguf_writer *g, int which) {
    static const int64_t ok[] = {1}, zero[] = {0}, odd[] = {33};
    static const float x[33];
    gguf_put_u32(g, "k", 1);
    switch (which) {
    case 0: gguf_put_u32(g, "k", 2); break;
    case 1: gguf_put_u32(g, "", 2); break;
    case 2: gguf_put_tensor(g, "t", FMT_F32, 1, zero, x); break;
    case 3: gguf_put_tensor(g, "t", FMT_Q8_0, 1, odd, x); break;
    case 4: gguf_put_tensor(g, "t", (enum fmt)22, 1, ok, x); break;
    case 5: gguf_put_tensor(g, "t", FMT_F32, 5, ok, x); break;
    case 6: gguf_put_tensor(g, "t", FMT_F32, 1, ok, x), gguf_put_tensor(g, "t", FMT_F32, 1, ok, x); break;
    case 7: gguf_put_u32(g, "general.alignment", 3); break;
    default: gguf_put_tensor(g, "", FMT_F32, 1, ok, x); break;
    }
    gguf_put_u32(g, "after", 1);
}

Test(weights, writer_refusals, .init = tmp_init, .fini = tmp_fini) {
    static const char *const words[] = {"key k: expected each name once",
                                        "key : expected 1 to",
                                        "at least 1, found 0",
                                        "multiple of 32",
                                        "format of the table",
                                        "1 to 4 dimensions, found 5",
                                        "tensor t: expected each name once",
                                        "power of two",
                                        "tensor : expected a name"};
    for (int i = 0; i < (int)LEN(words); i++) {
        struct err e = ERR_INIT;
        struct gguf_writer *g;
        cr_assert_eq(gguf_writer_new(&g, NULL), 0);
        put_bad(g, i);
        cr_expect_lt(gguf_writer_commit(g, tmp_path("a.gguf"), &e), 0, "%s", words[i]);
        cr_expect(strstr(e.msg, words[i]), "expected '%s', found: %s", words[i], e.msg);
        cr_expect_not(file_exists(tmp_path("a.gguf")));
        gguf_writer_free(g);
    }
    gguf_writer_free(NULL);
}

/* ---- npy ---- */

Test(weights, npy_both_ways, .init = tmp_init, .fini = tmp_fini) {
    static const float f4[] = {1, -2.5f, 3, INFINITY, 0, 6};
    static const double f8[] = {1e300, -0.0};
    static const int32_t i4[] = {INT32_MIN, 7, INT32_MAX};
    static const int64_t i8[] = {INT64_MIN};
    static const struct {
        enum npy_type t;
        int n_dims;
        int64_t dims[3];
        const void *p;
        size_t bytes;
    } rows[] = {
        {NPY_F4, 2, {2, 3}, f4, sizeof f4}, {NPY_F8, 1, {2}, f8, sizeof f8}, {NPY_I4, 3, {1, 3, 1}, i4, sizeof i4},
        {NPY_I8, 0, {0}, i8, sizeof i8},    {NPY_F4, 3, {4, 0, 2}, f4, 0},
    };
    struct err e = ERR_INIT;
    for (size_t i = 0; i < LEN(rows); i++) {
        struct npy a;
        struct map m;
        cr_assert_eq(npy_write(tmp_path("x.npy"), rows[i].t, rows[i].n_dims, rows[i].dims, rows[i].p, &e), 0, "%s", e.msg);
        cr_assert_eq(npy_read(&a, tmp_path("x.npy"), &e), 0, "%s", e.msg);
        cr_assert(a.type == rows[i].t && a.n_dims == rows[i].n_dims);
        for (int d = 0; d < a.n_dims; d++) cr_assert_eq(a.dims[d], rows[i].dims[d]);
        cr_assert_eq(memcmp(a.data, rows[i].p, rows[i].bytes), 0);
        cr_assert_eq(map_open(&m, tmp_path("x.npy"), &e), 0);
        cr_assert(m.size == 128 + rows[i].bytes && m.data[127] == '\n', "the numbers begin at a multiple of 64");
        map_close(&m);
        npy_free(&a);
        npy_free(&a);
    }
}

/* np.arange(6, dtype='<f4').reshape(2, 3) as the format's description lays it out: 118 = 0x76 bytes of header. */
Test(weights, npy_golden, .init = tmp_init, .fini = tmp_fini) {
    static const float f4[] = {0, 1, 2, 3, 4, 5};
    static const int64_t dims[] = {2, 3};
    char want[152], *got;
    size_t n;
    memcpy(want, "\x93NUMPY\x01\x00\x76\x00", 10);
    snprintf(want + 10, 119, "%-117s\n", "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }");
    memcpy(want + 128, f4, 24);
    cr_assert_eq(npy_write(tmp_path("x.npy"), NPY_F4, 2, dims, f4, NULL), 0);
    cr_assert_eq(file_read(&got, &n, tmp_path("x.npy"), 0, NULL), 0);
    cr_assert(n == sizeof want && memcmp(got, want, n) == 0);
    free(got);
}

static const struct {
    const char *header;
    int data, code;
    const char *words;
} bad_npy[] = {
    {"{'descr': '<f4', 'fortran_order': True, 'shape': (1,), }\n", 4, ERR_UNSUPPORTED, "fortran_order of False, found True"},
    {"{'descr': '>f4', 'fortran_order': False, 'shape': (1,), }\n", 4, ERR_UNSUPPORTED, "found ''>f4'"},
    {"{'descr': '|O', 'fortran_order': False, 'shape': (1,), }\n", 4, ERR_UNSUPPORTED, "expected descr of"},
    {"{'descr': '<f4', 'fortran_order': False, 'shape': (1), }\n", 4, ERR_FORMAT, "behind the only dimension"},
    {"{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }\n", 4, ERR_FORMAT,
     "data: expected 8 bytes for the shape, found 4"},
    {"{'descr': '<f4', 'fortran_order': False, 'shape': (1,), }\n", 5, ERR_FORMAT, "expected 4 bytes for the shape, found 5"},
    {"{'descr': '<f4', 'fortran_order': False, 'shape': (1152921504606846976,), }\n", 4, ERR_FORMAT,
     "expected 4611686018427387904 bytes"},
    {"{'descr': '<f8', 'fortran_order': False, 'shape': (4611686018427387904, 4), }\n", 4, ERR_FORMAT, "fewer than 2^63"},
    {"{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999,), }\n", 4, ERR_FORMAT, "below 2^63"},
    {"{'descr': '<f4', 'fortran_order': False, 'shape': (-1,), }\n", 4, ERR_FORMAT, "expected a dimension, found '-1"},
    {"{'descr': '<f4', 'fortran_order': False, 'shape': (1,1,1,1,1,1,1,1,1), }\n", 4, ERR_FORMAT, "at most 8 dimensions"},
    {"{'descr': '<f4', 'fortran_order': False, }\n", 4, ERR_FORMAT, "all of descr, fortran_order and shape"},
    {"{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, 'shape': (1,)}\n", 4, ERR_FORMAT, "'descr' once"},
    {"{'descr': '<f4', 'fortran_order': False, 'shape': (1,), 'x': 1}\n", 4, ERR_FORMAT, "found ''x': 1}'"},
    {"{'descr': '<f4', 'fortran_order': False, 'shape': (1,), }", 4, ERR_FORMAT, "a newline"},
    {"{'descr': '<f4', 'fortran_order': False, 'shape': (1,), }\n x", 4, ERR_FORMAT, "behind the newline"},
    {"import os\n", 4, ERR_FORMAT, "expected '{', found 'import os'"},
    {"", 4, ERR_FORMAT, "expected '{'"},
};

static int npy_from(const char *prefix, size_t k, const char *header, int data, struct err *e) {
    struct str b = {0};
    struct npy a = {0};
    str_add(&b, prefix, k), str_puts(&b, header), fill(&b, data);
    write_bytes(tmp_path("x.npy"), b.s, b.len);
    str_free(&b);
    int rc = npy_read(&a, tmp_path("x.npy"), e);
    npy_free(&a);
    return rc;
}

Test(weights, npy_refusals, .init = tmp_init, .fini = tmp_fini) {
    struct err e = ERR_INIT;
    for (size_t i = 0; i < LEN(bad_npy); i++) {
        char prefix[10] = "\x93NUMPY\x01";
        prefix[8] = (char)strlen(bad_npy[i].header);
        int rc = npy_from(prefix, 10, bad_npy[i].header, bad_npy[i].data, &e);
        cr_expect(rc == bad_npy[i].code && e.code == rc, "%s: %s", bad_npy[i].header, e.msg);
        cr_expect(strstr(e.msg, bad_npy[i].words), "%s: %s", bad_npy[i].header, e.msg);
        cr_expect_str_eq(e.where, tmp_path("x.npy"));
    }
    static const char good[] = "{'shape':(1,),'fortran_order':False,'descr':'<i4'}\n";
    cr_expect_eq(npy_from("\x93NUMPY\x02\x00\x33\x00\x00\x00", 12, good, 4, &e), 0, "version 2.0: %s", e.msg);
    cr_expect_eq(npy_from("\x93NUMPY\x02\x00\xff\xff\xff\xff", 12, good, 4, &e), ERR_FORMAT);
    cr_expect(strstr(e.msg, "found 4294967295"), "%s", e.msg);
    cr_expect_eq(npy_from("\x93NUMPY\x03\x00\x33\x00\x00\x00", 12, good, 4, &e), ERR_UNSUPPORTED);
    cr_expect(strstr(e.msg, "found 3.0"), "%s", e.msg);
    cr_expect_eq(npy_from("\x93NUMPX\x01\x00\x33\x00", 10, good, 4, &e), ERR_FORMAT);
    cr_expect_eq(npy_from("\x93NUMPY\x02\x00\x33\x00", 10, "", 0, &e), ERR_FORMAT);
    cr_expect_eq(npy_from("\x93NUM", 4, "", 0, &e), ERR_FORMAT);
    cr_expect(strstr(e.msg, "a shorter file"), "%s", e.msg);
}

Test(weights, npy_streams, .init = tmp_init, .fini = tmp_fini) {
    static const int64_t dims[] = {3, 2};
    static const float rows[] = {1, 2, 3, 4, 5, 6};
    struct err e = ERR_INIT;
    struct npy_out *o;
    struct npy a;
    cr_assert_eq(npy_out_open(&o, tmp_path("x.npy"), NPY_F4, 2, dims, &e), 0);
    cr_assert_eq(npy_out_write(o, rows, 2, &e), 0);
    cr_assert_not(file_exists(tmp_path("x.npy")), "the file appears only at commit");
    cr_assert_eq(npy_out_write(o, rows + 2, 4, &e), 0);
    cr_assert_eq(npy_out_write(o, rows, 1, &e), ERR_RANGE);
    cr_assert_eq(npy_out_commit(o, &e), 0, "%s", e.msg);
    cr_assert_eq(npy_read(&a, tmp_path("x.npy"), &e), 0);
    cr_assert(a.count == 6 && memcmp(a.data, rows, sizeof rows) == 0);
    npy_free(&a);
    unlink(tmp_path("x.npy"));
    cr_assert_eq(npy_out_open(&o, tmp_path("x.npy"), NPY_F4, 2, dims, &e), 0);
    cr_assert_eq(npy_out_write(o, rows, 5, &e), 0);
    cr_assert_eq(npy_out_commit(o, &e), ERR_STATE);
    cr_assert(strstr(e.msg, "expected 6 elements for the shape, found 5"), "%s", e.msg);
    cr_assert_not(file_exists(tmp_path("x.npy")));
    cr_assert_eq(npy_out_open(&o, tmp_path("x.npy"), NPY_F4, 2, dims, &e), 0);
    npy_out_abort(o);
    npy_out_abort(NULL);
    cr_assert_not(file_exists(tmp_path("x.npy")));
    cr_assert_eq(npy_out_open(&o, tmp_path("x.npy"), NPY_F4, 9, dims, &e), ERR_ARG);
    cr_assert_eq(npy_out_open(&o, tmp_path("x.npy"), NPY_F4, 1, (const int64_t[]){-1}, &e), ERR_ARG);
}
