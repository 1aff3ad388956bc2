/* Deterministic mutations of a small GGUF, one in two parts, a small safetensors and a small config.json: each result is refused with a sentence, or
 * opens and everything it hands out can be read. Built with sanitizers it is a fuzzer that needs no fuzzer.
 * One argument: how many mutations of each (default 4000). */
#include "base/rng.h"
#include "base/str.h"
#include "weights/gguf_write.h"
#include "weights/weights_int.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The file a writer makes, to the end of b. Frees the writer. */
static int written(struct str *b, struct gguf_writer *g) {
    char path[] = "/tmp/candor-fuzz-XXXXXX", *text = NULL;
    size_t n = 0;
    int fd = mkstemp(path), rc = fd < 0 ? ERR_IO : gguf_writer_commit(g, path, NULL);
    gguf_writer_free(g);
    if (fd < 0) return rc;
    close(fd);
    if (rc == 0) rc = file_read(&text, &n, path, 0, NULL);
    if (rc == 0) rc = str_add(b, text, n);
    unlink(path);
    free(text);
    return rc;
}

static const int64_t dims[] = {2, 32};
static const unsigned char zeros[256];

static int gguf_seed(struct str *b) {
    static const struct meta_str strs[] = {{"a", 1}, {"bc", 2}, {"", 0}};
    static const int32_t ints[] = {1, 2, 3};
    struct gguf_writer *g = NULL;
    if (gguf_writer_new(&g, NULL) < 0) return ERR_NOMEM;
    gguf_put_str(g, "general.name", "seed", 4), gguf_put_u32(g, "general.alignment", 32);
    gguf_put_strs(g, "tokens", strs, 3), gguf_put_i32s(g, "types", ints, 3), gguf_put_bool(g, "flag", 1);
    gguf_put_tensor(g, "f32", FMT_F32, 2, dims, zeros), gguf_put_tensor(g, "q8", FMT_Q8_0, 2, dims, zeros);
    gguf_put_tensor(g, "bf16", FMT_BF16, 1, dims, zeros);
    return written(b, g);
}

/* Two parts one behind the other; the first ends at part_bytes. */
static size_t part_bytes;
static int parts_seed(struct str *b) {
    for (uint16_t i = 0; i < 2; i++) {
        struct gguf_writer *g = NULL;
        if (gguf_writer_new(&g, NULL) < 0) return ERR_NOMEM;
        if (i == 1) part_bytes = b->len;
        gguf_put_u16(g, "split.no", i), gguf_put_u16(g, "split.count", 2), gguf_put_i32(g, "split.tensors.count", 3);
        gguf_put_tensor(g, i ? "b" : "a", FMT_F32, 2, dims, zeros);
        if (i) gguf_put_tensor(g, "c", FMT_Q8_0, 2, dims, zeros);
        if (written(b, g) < 0) return ERR_IO;
    }
    return 0;
}

/* Each part a block of its own, so that a sanitizer sees a read behind its end. They live until the next call. */
static int open_parts(struct weights **out, const void *bytes, size_t n, const char *name, struct err *e) {
    static unsigned char *block[2];
    const size_t cut = n < part_bytes ? n : part_bytes, size[2] = {cut, n - cut};
    struct map m[2];
    for (int i = 0; i < 2; i++) {
        free(block[i]);
        if (!(block[i] = malloc(size[i] ? size[i] : 1))) return fail(e, ERR_NOMEM, "out of memory");
        memcpy(block[i], (const unsigned char *)bytes + (i ? cut : 0), size[i]);
        m[i] = (struct map){block[i], size[i]};
    }
    return gguf__open_parts(out, m, 2, name, e);
}

static int st_seed(struct str *b) {
    static const char json[] =
        "{\"__metadata__\":{\"format\":\"pt\"},\"w\":{\"dtype\":\"F32\",\"shape\":[4,2],\"data_offsets\":[0,32]},"
        "\"b\":{\"dtype\":\"F16\",\"shape\":[2],\"data_offsets\":[32,36]},"
        "\"n\":{\"dtype\":\"I64\",\"shape\":[1],\"data_offsets\":[36,44]}}  ";
    static const unsigned char data[44];
    uint64_t n = strlen(json);
    str_add(b, &n, sizeof n), str_puts(b, json);
    return str_add(b, data, sizeof data);
}

static int hf_seed(struct str *b) {
    return str_puts(
        b,
        "{\"a\":1,\"b\":{\"c\":[1,2.5],\"d\":{\"e\":\"x\"}},\"f\":[\"g\",\"h\"],\"i\":[true],\"j\":null,\"k\":1e-5,\"l\":[[1]]}");
}

static uint64_t touch(const struct weights *w) {
    uint64_t sum = 0;
    struct meta_value v;
    struct meta_str s = {0};
    double d = 0;
    int64_t n = 0;
    for (int64_t i = 0; i < meta_count(w); i++) {
        const char *key = meta_key_at(w, i, &v);
        if (v.type == META_STR) sum += v.v.str.n + strlen(v.v.str.s);
        for (uint64_t k = 0; v.type == META_ARR && k < v.count; k++) {
            if (meta_arr_str(w, key, k, &s, NULL) == 0) sum += s.n + strlen(s.s);
            if (meta_arr_f64(w, key, k, &d, NULL) == 0) sum += d > 0;
            if (meta_arr_i64(w, key, k, &n, NULL) == 0) sum += (uint64_t)n;
        }
    }
    for (int64_t i = 0; i < weights_n_tensors(w); i++) {
        const struct tensor *t = weights_tensor_at(w, i);
        for (uint64_t k = 0; k < t->bytes; k++) sum += ((const unsigned char *)t->m.data)[k];
    }
    return sum;
}

/* Bytes, words of 8 with telling values, swapped pieces, cuts and repeats. Returns the new size. */
static size_t mutate(struct rng *r, char *p, size_t n, size_t cap) {
    static const uint64_t words[] = {0,          1,          0x7fffffff, 0xffffffff,     1ull << 32,
                                     1ull << 60, 1ull << 63, UINT64_MAX, UINT64_MAX - 31};
    static const char marks[] = "{}[]\",:-0.e9\\n";
    for (uint64_t times = 1 + rng_below(r, 4); times && n; times--) {
        size_t at = rng_below(r, n), k = 1 + rng_below(r, 16);
        switch (rng_below(r, 7)) {
        case 0: p[at] = (char)rng_u32(r); break;
        case 1: p[at] = (char)(p[at] ^ 1 << rng_below(r, 8)); break;
        case 2: p[at] = marks[rng_below(r, sizeof marks - 1)]; break;
        case 3:
            if (at + 8 <= n) memcpy(p + at, &words[rng_below(r, sizeof words / sizeof *words)], 8);
            break;
        case 4: n = at; break;
        case 5:
            if (at + k <= n) memmove(p + rng_below(r, n - k + 1), p + at, k);
            break;
        default:
            if (at + k > n || n + k > cap) break;
            memmove(p + at + k, p + at, n - at);
            n += k;
            break;
        }
    }
    return n;
}

typedef int (*open_fn)(struct weights **out, const void *bytes, size_t n, const char *name, struct err *e);

static int fuzz(const char *what, int (*seed)(struct str *), open_fn fn, int times) {
    struct str b = {0};
    int opened = 0, bad = 0;
    uint64_t sum = 0;
    if (seed(&b) < 0) return fprintf(stderr, "%s: cannot make the seed\n", what), 1;
    for (int i = 0; i < times && !bad; i++) {
        struct rng r = RNG(20, (uint64_t)(unsigned char)*what, (uint64_t)i);
        char *p = malloc(b.len + 64), *exact;
        struct err e = ERR_INIT;
        struct weights *w = NULL;
        if (!p) return 1;
        memcpy(p, b.s, b.len);
        size_t n = i ? mutate(&r, p, b.len, b.len + 64) : b.len; /* the first is the seed itself */
        if (!(exact = realloc(p, n ? n : 1))) return 1;
        int rc = fn(&w, exact, n, "fuzz", &e);
        if (rc == 0) opened++, sum += touch(w);
        bad = i == 0 ? rc != 0 : rc != 0 && (rc == ERR_NOMEM || rc == ERR_INTERNAL || !e.msg[0] || w);
        if (bad) fprintf(stderr, "%s: mutation %d: %s %s\n", what, i, err_name(rc), e.msg);
        weights_close(w);
        free(exact);
    }
    printf("%s: %d files, %d opened (sum %llu)\n", what, times, opened, (unsigned long long)sum);
    str_free(&b);
    return bad;
}

int main(int argc, char **argv) {
    int times = argc > 1 ? atoi(argv[1]) : 4000, bad = 0;
    bad |= fuzz("gguf", gguf_seed, gguf__open_bytes, times);
    bad |= fuzz("parts", parts_seed, open_parts, times);
    bad |= fuzz("safetensors", st_seed, st__open_bytes, times);
    bad |= fuzz("config", hf_seed, hf__open_bytes, times);
    return bad;
}
