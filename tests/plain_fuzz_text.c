/* Deterministic mutations over this room: texts through encode and decode, and broken vocabularies (tokenizer.json, GGUF)
 * through open. Nothing is compared but what must always hold: no crash, an error has a sentence, ids are in range, byte-level
 * text survives a round trip; and what opens and can be written again gives the same ids as before. A plain program, so that every sanitizer can run it. */
#include "base/dir_out.h"
#include "base/fs.h"
#include "base/rng.h"
#include "base/str.h"
#include "plain_hold.h"
#include "text/bpe_train.h"
#include "text/tok_save.h"
#include "text/tokenizer.h"
#include "text/unicode.h"
#include <string.h>
#include <unistd.h>

static char dir[64] = "/tmp/candor-fuzz-text-XXXXXX";

static const char *in_dir(const char *name) {
    static char path[128];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    return path;
}

static void put_file(const char *name, const char *s, size_t n) {
    FILE *f = fopen(in_dir(name), "wb");
    HOLD(f && fwrite(s, 1, n, f) == n && fclose(f) == 0);
}

static const char *const seeds[] = {
    "Hello world, it's 12345 o'clock!  \n\n\tNext.",
    "<|end|><|user|>hi<|end",
    "na\xC3\xAFve \xE4\xBD\xA0\xE5\xA5\xBD \xF0\x9F\x98\x80 e\xCC\x81",
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    "<s>\xE2\x96\x81 \xE2\x96\x81</s><unk>",
    "\xFF\xFE\x80 \xC3",
};

/* kinds 2: bytes change in place, which keeps a file's lengths true; 4: they also come and go */
static size_t mutate(struct rng *r, char *s, size_t n, size_t cap, uint64_t kinds) {
    for (uint64_t k = 1 + rng_below(r, kinds); k-- > 0;) {
        size_t at = n ? (size_t)rng_below(r, n) : 0;
        switch (rng_below(r, kinds)) {
        case 0:
            if (n) s[at] = (char)rng_below(r, 256);
            break;
        case 1:
            if (n) s[at] ^= (char)(1 << rng_below(r, 8));
            break;
        case 2:
            if (n) memmove(s + at, s + at + 1, --n - at);
            break;
        default:
            if (n < cap) memmove(s + at + 1, s + at, n++ - at), s[at] = (char)rng_below(r, 128);
        }
    }
    return n;
}

static void use(const struct tokenizer *t, const char *s, size_t n, int exact) {
    struct toks o = {0};
    struct err e = ERR_INIT;
    struct str streamed = {0};
    struct tok_stream st = {0};
    for (unsigned flags = 0; flags < 4; flags++) {
        o.n = 0;
        if (tokenizer_encode(t, s, n, flags, &o, &e) < 0) HOLD(e.msg[0]);
        for (int64_t i = 0; i < o.n; i++) HOLD(o.ids[i] >= 0 && o.ids[i] < tokenizer_size(t));
        char *back;
        size_t k;
        HOLD(tokenizer_decode(t, o.ids, o.n, 0, &back, &k, &e) == 0);
        if (exact && flags == 0) HOLD(k == n && memcmp(back, s, n) == 0);
        free(back);
    }
    for (int64_t i = 0; i < o.n; i++) HOLD(tok_stream_push(&st, t, o.ids[i], (int)(i & 1), &streamed, &e) == 0);
    tok_stream_flush(&st, &streamed);
    HOLD(utf8_valid(streamed.s ? streamed.s : "", streamed.len) == streamed.len);
    str_free(&streamed);
    toks_free(&o);
}

static void fuzz_texts(const struct tokenizer *t, int rounds, uint64_t seed, int exact) {
    struct rng r = RNG(seed, 1);
    char s[256];
    for (int i = 0; i < rounds; i++) {
        const char *z = seeds[rng_below(&r, sizeof seeds / sizeof *seeds)];
        size_t n = strlen(z);
        memcpy(s, z, n);
        use(t, s, mutate(&r, s, n, sizeof s, 4), exact);
    }
}

static void same_ids(const struct tokenizer *a, const struct tokenizer *b) {
    struct toks x = {0}, y = {0};
    struct err e = ERR_INIT;
    for (unsigned i = 0; i < sizeof seeds / sizeof *seeds * 4; i++) {
        const char *s = seeds[i / 4];
        x.n = y.n = 0;
        if (tokenizer_encode(a, s, strlen(s), i & 3, &x, &e) < 0) continue;
        HOLD(tokenizer_encode(b, s, strlen(s), i & 3, &y, &e) == 0);
        HOLD(x.n == y.n && (!x.n || memcmp(x.ids, y.ids, (size_t)x.n * sizeof *x.ids) == 0));
    }
    toks_free(&x), toks_free(&y);
}

static int reopens(const struct tokenizer *t, const char *path, int rc, const struct err *why, int exact) {
    struct tokenizer *again;
    struct err e = ERR_INIT;
    if (rc < 0) {
        HOLD(why->msg[0]);
        return 0;
    }
    HOLD(tokenizer_open(&again, path, &e) == 0);
    if (exact) same_ids(t, again);
    tokenizer_free(again);
    return 1;
}

/* Written again as both kinds of files, or refused with a sentence. ties: pieces may have equal scores, which merges by rank put in an order. */
static int save(const struct tokenizer *t, int ties) {
    struct err e = ERR_INIT, f = ERR_INIT;
    struct gguf_writer *g;
    struct dir_out d = {0};
    int saved = 0;
    HOLD(gguf_writer_new(&g, &e) == 0);
    int rc = tokenizer_put_gguf(g, t, 0, &e);
    if (rc == 0) rc = gguf_writer_commit(g, in_dir("again.gguf"), &e);
    saved += reopens(t, in_dir("again.gguf"), rc, &e, 1);
    gguf_writer_free(g), unlink(in_dir("again.gguf"));
    HOLD(dir_out_open(&d, in_dir("again"), 0, &f) == 0);
    rc = tokenizer_put_dir(&d, t, NULL, &f);
    if (rc == 0) saved += reopens(t, d.tmp, rc, &f, !ties);
    HOLD(rc == 0 || f.msg[0]);
    dir_out_abort(&d);
    return saved;
}

static void fuzz_file(const char *name, const char *good, size_t n, int rounds, uint64_t seed) {
    struct rng r = RNG(seed, 2);
    char *s = malloc(n + 64);
    int opened = 0, saved = 0;
    HOLD(s);
    for (int i = 0; i < rounds; i++) {
        struct err e = ERR_INIT;
        struct tokenizer *t;
        memcpy(s, good, n);
        put_file(name, s, i ? mutate(&r, s, n, n + 64, i & 3 ? 2 : 4) : n);
        if (tokenizer_open(&t, in_dir(name), &e) < 0) {
            HOLD(e.msg[0] && e.code < 0 && i > 0);
            continue;
        }
        opened++;
        use(t, seeds[i % 6], strlen(seeds[i % 6]), 0);
        if (i % 4 == 0) saved += save(t, name[0] == 's');
        tokenizer_free(t);
    }
    fprintf(stderr, "plain_fuzz_text: %s: %d of %d opened, %d written again\n", name, opened, rounds, saved);
    unlink(in_dir(name));
    free(s);
}

/* One that GGUF can say: merges over characters, whose pieces all merge. */
static const char metaspace[] =
    "{\"normalizer\":null,\"pre_tokenizer\":{\"type\":\"Metaspace\",\"replacement\":\"\xE2\x96\x81\",\"prepend_scheme\":"
    "\"first\","
    "\"split\":false},\"post_processor\":null,\"decoder\":{\"type\":\"Sequence\",\"decoders\":[{\"type\":\"ByteFallback\"},{"
    "\"type\":"
    "\"Strip\",\"content\":\" \",\"start\":1,\"stop\":0}]},\"added_tokens\":[{\"id\":1,\"content\":\"<s>\",\"special\":true,"
    "\"rstrip\":true},{\"id\":9,\"content\":\"hi\",\"special\":false}],\"model\":{\"type\":\"BPE\",\"unk_token\":\"<unk>\","
    "\"byte_fallback\":true,\"vocab\":{\"<unk>\":0,\"<s>\":1,\"<0xC3>\":2,\"a\":3,\"aa\":4,\"aaa\":5,\"\xE2\x96\x81\":6,"
    "\"\xE2\x96\x81w\":7,\"w\":8},\"merges\":[\"a a\",\"a aa\",\"aa a\",[\"\xE2\x96\x81\",\"w\"]]}}";

static const char json[] =
    "{\"normalizer\":{\"type\":\"Sequence\",\"normalizers\":[{\"type\":\"NFC\"},{\"type\":\"Prepend\",\"prepend\":"
    "\"\xE2\x96\x81\"},"
    "{\"type\":\"Replace\",\"pattern\":{\"String\":\" "
    "\"},\"content\":\"\xE2\x96\x81\"}]},\"pre_tokenizer\":{\"type\":\"Sequence\","
    "\"pretokenizers\":[{\"type\":\"Split\",\"pattern\":{\"Regex\":\"\\\\p{N}{1,3}|[a-z]+\"},\"behavior\":\"Isolated\"},"
    "{\"type\":\"Digits\",\"individual_digits\":true},{\"type\":\"Punctuation\"}]},\"post_processor\":{\"type\":"
    "\"TemplateProcessing\",\"single\":[{\"SpecialToken\":{\"id\":\"<s>\"}},{\"Sequence\":{\"id\":\"A\"}}],\"special_tokens\":"
    "{\"<s>\":{\"ids\":[1]}}},\"decoder\":{\"type\":\"Sequence\",\"decoders\":[{\"type\":\"ByteFallback\"},{\"type\":\"Strip\","
    "\"content\":\" "
    "\",\"start\":1,\"stop\":0}]},\"added_tokens\":[{\"id\":1,\"content\":\"<s>\",\"special\":true,\"rstrip\":true}],"
    "\"model\":{\"type\":\"BPE\",\"unk_token\":\"<unk>\",\"byte_fallback\":true,\"vocab\":{\"<unk>\":0,\"<s>\":1,\"<0xC3>\":2,"
    "\"a\":3,\"b\":4,\"ab\":5,\"\xE2\x96\x81\":6,\"\xE2\x96\x81"
    "a\":7},\"merges\":[\"a b\",[\"\xE2\x96\x81\",\"a\"],\"x y\"]}}";

static void put_vocab(const struct bpe_vocab *v) {
    struct gguf_writer *g;
    struct err e = ERR_INIT;
    HOLD(gguf_writer_new(&g, &e) == 0);
    gguf_put_str(g, "general.architecture", "llama", 5);
    HOLD(bpe_vocab_put(g, v, "llama-bpe", bpe_vocab_find(v, "<|user|>"), bpe_vocab_find(v, "<|end|>"), 1) == 0);
    HOLD(gguf_writer_commit(g, in_dir("v.gguf"), &e) == 0);
    gguf_writer_free(g);
}

/* The same vocabulary as a SentencePiece GGUF. */
static void fuzz_scores(int rounds, uint64_t seed) {
    struct gguf_writer *g;
    struct tokenizer *t;
    struct err e = ERR_INIT;
    char *bytes;
    size_t n;
    put_file("tokenizer.json", metaspace, sizeof metaspace - 1);
    HOLD(tokenizer_open(&t, in_dir("tokenizer.json"), &e) == 0 && gguf_writer_new(&g, &e) == 0);
    HOLD(tokenizer_put_gguf(g, t, 0, &e) == 0 && gguf_writer_commit(g, in_dir("s.gguf"), &e) == 0);
    gguf_writer_free(g), tokenizer_free(t), unlink(in_dir("tokenizer.json"));
    HOLD(file_read(&bytes, &n, in_dir("s.gguf"), 0, &e) == 0);
    fuzz_file("s.gguf", bytes, n, rounds, seed);
    free(bytes);
}

int main(void) {
    static const char *const specials[] = {"<|end|>", "<|user|>"};
    struct err e = ERR_INIT;
    struct bpe_vocab v = {0};
    struct tokenizer *t;
    struct str text = {0};
    char *bytes;
    size_t n;
    HOLD(mkdtemp(dir));
    for (int i = 0; i < 12; i++) str_puts(&text, seeds[i % 5]);
    HOLD(bpe_train(text.s, text.len, "llama-bpe", specials, 2, 320, &v, &e) == 0);
    put_vocab(&v);
    HOLD(tokenizer_open(&t, in_dir("v.gguf"), &e) == 0);
    HOLD(file_read(&bytes, &n, in_dir("v.gguf"), 0, &e) == 0);
    fuzz_texts(t, 1500, 11, 1);
    tokenizer_free(t);
    fuzz_file("v.gguf", bytes, n, 250, 12);
    fuzz_file("tokenizer.json", json, sizeof json - 1, 600, 13);
    fuzz_file("tokenizer.json", metaspace, sizeof metaspace - 1, 300, 14);
    fuzz_scores(300, 15);
    rmdir(dir);
    free(bytes);
    str_free(&text);
    bpe_vocab_free(&v);
    return 0;
}
