/* Tokenizers: published vocabularies against published ids, patterns against cases derived by hand, the small grammar of
 * tokenizer.json against golden rejects, and the properties that need no oracle (round trips, streaming equals whole).
 * Data: $CANDOR_TEST_DATA, else ../shared/data; where it is absent those tests are skipped and say so. */
#include "base/rng.h"
#include "base/str.h"
#include "test_files.h"
#include "text/bpe_train.h"
#include "text/pretok.h"
#include "text/tokenizer.h"
#include "text/unicode.h"
#include <jansson.h>

/* ---- helpers ---- */

static struct tokenizer *open_ok(const char *path) {
    struct err e = ERR_INIT;
    struct tokenizer *t = NULL;
    cr_assert_eq(tokenizer_open(&t, path, &e), 0, "%s: %s", e.where, e.msg);
    return t;
}

static struct toks encode(const struct tokenizer *t, const char *s, size_t n, unsigned flags) {
    struct toks o = {0};
    struct err e = ERR_INIT;
    cr_assert_eq(tokenizer_encode(t, s, n, flags, &o, &e), 0, "%s", e.msg);
    return o;
}

static char *show(const struct toks *o) {
    static char buf[4][2048];
    static int turn;
    char *p = buf[turn++ & 3];
    size_t k = 0;
    p[0] = 0;
    for (int64_t i = 0; i < o->n && k < sizeof buf[0] - 16; i++)
        k += (size_t)snprintf(p + k, sizeof buf[0] - k, "%s%d", i ? " " : "", o->ids[i]);
    return p;
}

static void expect_ids(const struct tokenizer *t, const char *s, unsigned flags, const char *want) {
    struct toks o = encode(t, s, strlen(s), flags);
    cr_assert_str_eq(show(&o), want, "'%s': expected %s, found %s", s, want, show(&o));
    toks_free(&o);
}

static void expect_round_trip(const struct tokenizer *t, const char *s, size_t n) {
    struct toks o = encode(t, s, n, 0);
    struct err e = ERR_INIT;
    char *back = NULL;
    size_t k = 0;
    cr_assert_eq(tokenizer_decode(t, o.ids, o.n, 0, &back, &k, &e), 0, "%s", e.msg);
    cr_assert(k == n && memcmp(back, s, n) == 0, "'%.*s' came back as '%s'", (int)n, s, back);
    free(back);
    toks_free(&o);
}

/* What a stream gives for ids; every piece that comes out must be whole characters. */
static struct str stream_all(const struct tokenizer *t, const struct toks *o) {
    struct tok_stream st = {0};
    struct str all = {0};
    struct err e = ERR_INIT;
    for (int64_t i = 0; i < o->n; i++) {
        size_t from = all.len;
        cr_assert_eq(tok_stream_push(&st, t, o->ids[i], 0, &all, &e), 0, "%s", e.msg);
        size_t n = all.len - from;
        cr_assert(n == 0 || utf8_valid(all.s + from, n) == n, "a character was split");
    }
    cr_assert_eq(tok_stream_flush(&st, &all), 0);
    return all;
}

static void expect_stream(const struct tokenizer *t, const char *s, size_t n) {
    struct toks o = encode(t, s, n, 0);
    struct str all = stream_all(t, &o);
    cr_assert(all.len == n && memcmp(all.s ? all.s : "", s, n) == 0, "'%.*s' streamed as '%s'", (int)n, s, all.s);
    str_free(&all);
    toks_free(&o);
}

/* .inp: texts with a separator line; .out: one line of ids a text. `check` may be NULL. */
static void each_case(const char *stem, void (*check)(const struct tokenizer *, const char *, size_t, const char *),
                      const struct tokenizer *t) {
    static const char sep[] = "\n__ggml_vocab_test__\n";
    char name[300], *in, *out;
    size_t n, m;
    struct err e = ERR_INIT;
    snprintf(name, sizeof name, "%s.inp", stem);
    cr_assert_eq(file_read(&in, &n, data_path(name), 0, &e), 0, "%s", e.msg);
    snprintf(name, sizeof name, "%s.out", stem);
    cr_assert_eq(file_read(&out, &m, data_path(name), 0, &e), 0, "%s", e.msg);
    char *s = in, *line = out;
    int cases = 0;
    for (char *x; (x = strstr(s, sep)) != NULL; s = x + sizeof sep - 1, cases++) {
        char *nl = strchr(line, '\n');
        cr_assert_not_null(nl);
        *nl = 0;
        check(t, s, (size_t)(x - s), line + strspn(line, " "));
        line = nl + 1;
    }
    cr_assert_gt(cases, 40);
    free(in);
    free(out);
}

static void check_ids(const struct tokenizer *t, const char *s, size_t n, const char *want) {
    struct toks o = encode(t, s, n, 0);
    cr_assert_str_eq(show(&o), want, "'%.*s': expected %s, found %s", (int)n, s, want, show(&o));
    toks_free(&o);
}

static void check_round(const struct tokenizer *t, const char *s, size_t n, const char *want) {
    (void)want;
    expect_round_trip(t, s, n);
    expect_stream(t, s, n);
}

/* ---- published vocabularies ---- */

#define GPT2_STEM  "tokenizers/llama.cpp/ggml-vocab-gpt-2.gguf"
#define SPM_STEM   "tokenizers/llama.cpp/ggml-vocab-llama-spm.gguf"
#define QWEN2_STEM "tokenizers/llama.cpp/ggml-vocab-qwen2.gguf"

static void published(const char *path, const char *stem) {
    struct tokenizer *t = open_ok(data_path(path));
    each_case(stem, check_ids, t);
    each_case(stem, check_round, t);
    tokenizer_free(t);
}

Test(text, gpt2_cases) {
    NEED_DATA(GPT2_STEM);
    published(GPT2_STEM, GPT2_STEM);
}

Test(text, llama_spm_cases) {
    NEED_DATA(SPM_STEM);
    published(SPM_STEM, SPM_STEM);
}

Test(text, qwen2_cases) {
    NEED_DATA("tokenizers/qwen2");
    published("tokenizers/qwen2", QWEN2_STEM);
}

Test(text, qwen2_specials_and_nfc) {
    NEED_DATA("tokenizers/qwen2");
    struct tokenizer *t = open_ok(data_path("tokenizers/qwen2/vocab.json"));
    cr_assert_eq(tokenizer_eos(t), 151645);
    cr_assert_eq(tokenizer_bos(t), -1);
    cr_assert(tokenizer_is_end(t, 151645) && tokenizer_is_end(t, 151643) && !tokenizer_is_end(t, 151644));
    struct toks on = encode(t, "<|im_start|>a", 13, ENCODE_SPECIAL), off = encode(t, "<|im_start|>a", 13, 0);
    cr_assert(on.n == 2 && on.ids[0] == 151644);
    for (int64_t i = 0; i < off.n; i++) cr_assert(!tokenizer_is_special(t, off.ids[i]));
    struct toks a = encode(t, "e\xCC\x81", 3, 0), b = encode(t, "\xC3\xA9", 2, 0);
    cr_assert_str_eq(show(&a), show(&b), "e + combining acute is not é");
    toks_free(&on), toks_free(&off), toks_free(&a), toks_free(&b);
    tokenizer_free(t);
}

Test(text, stories260k_golden) {
    NEED_DATA("models/stories260K/stories260K-f32.gguf");
    struct tokenizer *t = open_ok(data_path("models/stories260K/stories260K-f32.gguf"));
    json_t *j = json_load_file(data_path("models/stories260K/golden.json"), 0, NULL);
    cr_assert_gt(json_array_size(j), 0);
    for (size_t i = 0; i < json_array_size(j); i++) {
        const json_t *x = json_array_get(j, i), *ids = json_object_get(x, "ids");
        const char *s = json_string_value(json_object_get(x, "text"));
        struct toks o = encode(t, s, strlen(s), ENCODE_BOS_EOS);
        cr_assert_eq((size_t)o.n, json_array_size(ids), "'%s': %s", s, show(&o));
        for (int64_t k = 0; k < o.n; k++) cr_assert_eq(o.ids[k], json_integer_value(json_array_get(ids, (size_t)k)));
        struct err e = ERR_INIT;
        char *back;
        size_t n;
        cr_assert_eq(tokenizer_decode(t, o.ids, o.n, 1, &back, &n, &e), 0);
        cr_assert_str_eq(back, s);
        free(back);
        toks_free(&o);
    }
    json_decref(j);
    tokenizer_free(t);
}

Test(text, gpt2_random_bytes_round_trip) {
    NEED_DATA(GPT2_STEM);
    struct tokenizer *t = open_ok(data_path(GPT2_STEM));
    struct rng r = RNG(7, 1);
    for (int i = 0; i < 300; i++) {
        char s[200];
        size_t n = (size_t)rng_below(&r, sizeof s);
        for (size_t k = 0; k < n; k++) s[k] = (char)(rng_below(&r, 3) ? rng_below(&r, 256) : 'a' + rng_below(&r, 4));
        expect_round_trip(t, s, n);
        struct toks o = encode(t, s, n, 0);
        struct str all = stream_all(t, &o); /* invalid bytes come as U+FFFD, never as they are */
        str_free(&all);
        toks_free(&o);
    }
    tokenizer_free(t);
}

/* Quadratic merging took minutes here; n log n takes about a second in a debug build. */
Test(text, long_words_are_not_quadratic, .timeout = 120) {
    NEED_DATA(GPT2_STEM);
    static const char *const files[] = {GPT2_STEM, SPM_STEM};
    size_t n = 1 << 20;
    char *s = malloc(n);
    for (int f = 0; f < 2; f++) {
        struct tokenizer *t = open_ok(data_path(files[f]));
        memset(s, 'a', n);
        struct toks o = encode(t, s, n, 0);
        cr_assert(o.n > 0 && o.n < (int64_t)n);
        toks_free(&o);
        memset(s, ' ', n);
        s[n - 1] = '5';
        o = encode(t, s, n, 0);
        cr_assert_gt(o.n, 0);
        toks_free(&o);
        tokenizer_free(t);
    }
    free(s);
}

/* ---- patterns ---- */

static int join_word(void *ctx, const char *s, size_t n, struct err *e) {
    (void)e;
    struct str *b = ctx;
    if (b->len) str_add(b, "|", 1);
    return str_add(b, s, n);
}

static const struct pattern_case {
    const char *name, *text, *want;
} pattern_cases[] = {
    {"gpt-2", "Hello world's 123  x", "Hello| world|'s| 123| | x"},
    {"mpt", "a  b!?", "a| | b|!?"},
    {"llama-bpe", "It'S 12345 ok\n\n x", "It|'S| |123|45| ok|\n\n| x"},
    {"llama-bpe", "(foo) \r\n", "(foo|)| \r\n"},
    {"qwen2", "a12 b", "a|1|2| b"},
    {"deepseek-r1-qwen", "x=42;", "x|=|4|2|;"},
    {"deepseek-llm", "Hi  \nx1 23", "Hi|  |\n|x|1| |23"},
    {"deepseek-llm", "ab \xE4\xBD\xA0\xE5\xA5\xBD 7  ", "ab| |\xE4\xBD\xA0\xE5\xA5\xBD| |7|  "},
    {"deepseek-coder", "f(x) 12", "f|(|x|)| |1|2"},
    {"deepseek-v3", "a.b 1234", "a|.b| |123|4"},
    {"falcon", "x=1234, y", "x|=|123|4|,| y"},
    {"refact", "ab 12c", "ab| |1|2|c"},
    {"starcoder", "v10 z", "v|1|0| z"},
    {"default", "a$12345", "a|$|123|45"},
    {"tekken", "fooBar HELLOworld 123/\n x", "foo|Bar| HELLOworld| |1|2|3|/\n| x"},
    {"gpt-4o", "It's fooBar 12345/\n", "It's| foo|Bar| |123|45|/\n"},
    {"llama4", "HELLO'll", "HELLO'll"},
    {"bloom", "one, two.three 12", "one|,| two|.|three| 12"},
    {"viking", "a 12", "a| |1|2"},
    {"falcon3", "abc 1234", "abc| |123|4"},
    {"gpt-2",
     "a\xFF\xFE"
     "b",
     "a|\xFF\xFE|b"},
};

Test(text, patterns_by_hand) {
    for (size_t i = 0; i < sizeof pattern_cases / sizeof *pattern_cases; i++) {
        const struct pattern_case *c = &pattern_cases[i];
        struct pretok *p;
        struct err e = ERR_INIT;
        struct str b = {0};
        cr_assert_eq(pretok_named(&p, c->name, NULL, &e), 0, "%s: %s", c->name, e.msg);
        cr_assert_eq(pretok_split(p, c->text, strlen(c->text), join_word, &b, &e), 0, "%s", e.msg);
        cr_assert_str_eq(b.s, c->want, "%s: expected %s, found %s", c->name, c->want, b.s);
        str_free(&b);
        pretok_free(p);
    }
}

Test(text, every_pattern_compiles) {
    int i = 0;
    for (const char *name; (name = pretok_name_at(i)) != NULL; i++) {
        struct pretok *p;
        struct err e = ERR_INIT;
        cr_assert_eq(pretok_named(&p, name, NULL, &e), 0, "%s: %s", name, e.msg);
        pretok_free(p);
    }
    cr_assert_gt(i, 12);
    struct pretok *p = NULL;
    struct err e = ERR_INIT;
    cr_assert_eq(pretok_named(&p, "no-such", NULL, &e), ERR_UNSUPPORTED);
    cr_assert(strstr(e.msg, "no-such") && strstr(e.msg, "deepseek-coder") && strstr(e.msg, "refact"), "%s", e.msg);
}

Test(text, utf8_scan_knows_the_table) {
    static const struct {
        const char *s;
        size_t n;
        int kind;
        size_t len;
    } c[] = {
        {"a", 1, UTF8_CHAR, 1},
        {"\xC3\xA9", 2, UTF8_CHAR, 2},
        {"\xC0\x80", 2, UTF8_INVALID, 1},
        {"\xE0\x80\x80", 3, UTF8_INVALID, 1},
        {"\xED\xA0\x80", 3, UTF8_INVALID, 1},
        {"\xF4\x90\x80\x80", 4, UTF8_INVALID, 1},
        {"\xE2\x96", 2, UTF8_PARTIAL, 2},
        {"\xE2\x96x", 3, UTF8_INVALID, 2},
        {"\xF0\x9F\x98\x80", 4, UTF8_CHAR, 4},
        {"\x80", 1, UTF8_INVALID, 1},
        {"\xFF", 1, UTF8_INVALID, 1},
    };
    for (size_t i = 0; i < sizeof c / sizeof *c; i++) {
        size_t len;
        cr_assert_eq(utf8_scan(c[i].s, c[i].n, &len), c[i].kind, "case %zu", i);
        cr_assert_eq(len, c[i].len, "case %zu", i);
    }
}

/* ---- a small SentencePiece vocabulary built here ---- */

static struct meta_str text_of(const char *z) { return (struct meta_str){z, strlen(z)}; }

/* ids: 0 <unk>, 1 <s>, 2 </s>, 3 … 258 bytes, then the list below */
static const char *const small_pieces[] = {"\xE2\x96\x81",
                                           "a",
                                           "b",
                                           "ab",
                                           "\xE2\x96\x81"
                                           "a",
                                           "\xE2\x96\x81"
                                           "ab",
                                           "<user>"};
enum { SMALL_N = 259 + 7 };

static struct tokenizer *small_spm(int prefix) {
    struct gguf_writer *g;
    struct err e = ERR_INIT;
    static char bytes[256][8];
    struct meta_str s[SMALL_N] = {text_of("<unk>"), text_of("<s>"), text_of("</s>")};
    int32_t type[SMALL_N] = {2, 3, 3};
    float score[SMALL_N] = {0};
    for (int b = 0; b < 256; b++) {
        snprintf(bytes[b], sizeof bytes[b], "<0x%02X>", b);
        s[3 + b] = text_of(bytes[b]);
        type[3 + b] = 6;
    }
    for (int i = 0; i < 7; i++) {
        s[259 + i] = text_of(small_pieces[i]);
        type[259 + i] = i == 6 ? 4 : 1;
        score[259 + i] = (float)-i;
    }
    cr_assert_eq(gguf_writer_new(&g, &e), 0);
    gguf_put_str(g, "general.architecture", "llama", 5);
    gguf_put_str(g, "tokenizer.ggml.model", "llama", 5);
    gguf_put_strs(g, "tokenizer.ggml.tokens", s, SMALL_N);
    gguf_put_i32s(g, "tokenizer.ggml.token_type", type, SMALL_N);
    gguf_put_f32s(g, "tokenizer.ggml.scores", score, SMALL_N);
    gguf_put_bool(g, "tokenizer.ggml.add_space_prefix", prefix);
    gguf_put_u32(g, "tokenizer.ggml.eot_token_id", 999999);
    cr_assert_eq(gguf_writer_commit(g, tmp_path("t.gguf"), &e), 0, "%s", e.msg);
    gguf_writer_free(g);
    struct tokenizer *t = open_ok(tmp_path("t.gguf"));
    tmp_end();
    return t;
}

Test(text, spm_prefix_specials_and_fallback) {
    struct tokenizer *t = small_spm(1);
    cr_assert_eq(tokenizer_size(t), SMALL_N);
    cr_assert_eq(tokenizer_bos(t), 1);
    cr_assert_eq(tokenizer_eos(t), 2);
    cr_assert(tokenizer_adds_bos(t) && tokenizer_is_end(t, 2) && !tokenizer_is_end(t, 1) && tokenizer_is_special(t, 0));
    cr_assert_eq(tokenizer_find(t, "ab", 2), 262);
    cr_assert_eq(tokenizer_find(t, "zz", 2), -1);
    expect_ids(t, "", ENCODE_BOS_EOS, "1");
    expect_ids(t, "ab", 0, "264");      /* ▁ab: "ab" first (score -3), then ▁ab */
    expect_ids(t, " ab", 0, "259 264"); /* the prefix is added to a text that has a space */
    expect_ids(t, "c", ENCODE_BOS_EOS, "1 259 102");
    expect_ids(t, "\xC3\xA9", 0, "259 198 172");
    expect_ids(t, "\xFF", 0, "259 258");
    expect_ids(t, "a<s>a", ENCODE_SPECIAL, "263 1 263"); /* the prefix comes back behind a special */
    expect_ids(t, "<user>ab", 0, "265 264");             /* user-defined tokens are always parsed */
    struct toks off = encode(t, "<s>", 3, 0);
    for (int64_t i = 0; i < off.n; i++) cr_assert(!tokenizer_is_special(t, off.ids[i]));
    toks_free(&off);
    expect_round_trip(t, "ab a  b \xC3\xA9 \xF0\x9F\x98\x80 ", 16);
    expect_stream(t, "ab a  b \xC3\xA9 \xF0\x9F\x98\x80 ", 16);
    tokenizer_free(t);
    t = small_spm(0);
    expect_ids(t, "ab", 0, "262");
    expect_round_trip(t, " ab", 3);
    tokenizer_free(t);
}

Test(text, decode_skips_specials_and_checks_ids) {
    struct tokenizer *t = small_spm(1);
    struct err e = ERR_INIT;
    char *s;
    size_t n;
    tok ids[] = {1, 264, 2};
    cr_assert_eq(tokenizer_decode(t, ids, 3, 1, &s, &n, &e), 0);
    cr_assert_str_eq(s, "ab");
    free(s);
    cr_assert_eq(tokenizer_decode(t, ids, 3, 0, &s, &n, &e), 0);
    cr_assert_str_eq(s, "<s> ab</s>");
    free(s);
    cr_assert_eq(tokenizer_decode(t, NULL, 0, 0, &s, &n, &e), 0);
    cr_assert_eq(n, 0);
    free(s);
    tok bad[] = {SMALL_N}, neg[] = {-1};
    cr_assert_eq(tokenizer_decode(t, bad, 1, 0, &s, &n, &e), ERR_RANGE);
    cr_assert_eq(tokenizer_decode(t, neg, 1, 0, &s, &n, &e), ERR_RANGE);
    tokenizer_free(t);
}

Test(text, stream_holds_back_and_replaces) {
    struct tokenizer *t = small_spm(0);
    struct tok_stream st = {0};
    struct str b = {0};
    struct err e = ERR_INIT;
    tok smile[] = {3 + 0xF0, 3 + 0x9F, 3 + 0x98, 3 + 0x80};
    for (int i = 0; i < 4; i++) {
        cr_assert_eq(tok_stream_push(&st, t, smile[i], 0, &b, &e), 0);
        cr_assert_eq(b.len, i == 3 ? 4u : 0u);
    }
    tok_stream_push(&st, t, smile[0], 0, &b, &e);
    tok_stream_push(&st, t, 260, 0, &b, &e); /* 'a' proves the byte before invalid */
    cr_assert_str_eq(b.s, "\xF0\x9F\x98\x80\xEF\xBF\xBD"
                          "a");
    tok_stream_push(&st, t, smile[0], 0, &b, &e);
    tok_stream_push(&st, t, smile[1], 0, &b, &e);
    tok_stream_flush(&st, &b);
    cr_assert_str_eq(b.s, "\xF0\x9F\x98\x80\xEF\xBF\xBD"
                          "a\xEF\xBF\xBD");
    str_free(&b);
    tokenizer_free(t);
}

/* ---- training ---- */

static struct tokenizer *trained(const char *text, const char *pre, int size, struct bpe_vocab *v) {
    static const char *const specials[] = {"<|end|>", "<|user|>"};
    struct err e = ERR_INIT;
    struct gguf_writer *g;
    cr_assert_eq(bpe_train(text, strlen(text), pre, specials, 2, size, v, &e), 0, "%s", e.msg);
    cr_assert_eq(gguf_writer_new(&g, &e), 0);
    gguf_put_str(g, "general.architecture", "llama", 5);
    tok end = bpe_vocab_find(v, "<|end|>");
    cr_assert_eq(bpe_vocab_put(g, v, pre, end, end, 0), 0);
    cr_assert_eq(gguf_writer_commit(g, tmp_path("t.gguf"), &e), 0, "%s", e.msg);
    gguf_writer_free(g);
    struct tokenizer *t = open_ok(tmp_path("t.gguf"));
    tmp_end();
    return t;
}

Test(text, trained_vocabulary_round_trips) {
    struct bpe_vocab v = {0};
    struct tokenizer *t = trained("low low low low lower lower newest newest newest widest<|end|> low", "gpt-2", 300, &v);
    cr_assert_eq(tokenizer_size(t), v.n_tokens);
    cr_assert_eq(tokenizer_eos(t), v.n_tokens - 2);
    cr_assert(tokenizer_is_end(t, v.n_tokens - 2) && tokenizer_is_special(t, v.n_tokens - 1));
    /* l o occurs 7 times, then lo w; ties by the smaller id: nothing is as frequent before them */
    cr_assert_str_eq(v.merges[0], "l o");
    cr_assert_str_eq(v.merges[1], "lo w");
    struct toks o = encode(t, " low<|end|>", 11, ENCODE_SPECIAL);
    cr_assert_eq(o.n, 2, "%s", show(&o));
    cr_assert_eq(o.ids[1], v.n_tokens - 2);
    toks_free(&o);
    expect_round_trip(t, "lowest \xC3\xA9\xFF\x00 new", 15);
    for (int32_t i = 0; i < v.n_tokens; i++) cr_assert_eq(tokenizer_find(t, v.tokens[i], strlen(v.tokens[i])), i);
    tokenizer_free(t);
    bpe_vocab_free(&v);
}

Test(text, training_is_deterministic_and_bounded) {
    struct bpe_vocab a = {0}, b = {0};
    const char *text = "aaaa aaaa abab abab abc abc bca bca 12 12 12";
    tokenizer_free(trained(text, "qwen2", 270, &a));
    tokenizer_free(trained(text, "qwen2", 270, &b));
    cr_assert(a.n_tokens <= 270 && a.n_tokens == b.n_tokens && a.n_merges == b.n_merges);
    for (int32_t i = 0; i < a.n_merges; i++) cr_assert_str_eq(a.merges[i], b.merges[i]);
    bpe_vocab_free(&a);
    bpe_vocab_free(&b);
    struct err e = ERR_INIT;
    cr_assert_eq(bpe_train("", 0, "gpt-2", NULL, 0, 255, &a, &e), ERR_ARG);
    cr_assert_eq(bpe_train("", 0, "gpt-3", NULL, 0, 256, &a, &e), ERR_UNSUPPORTED);
    cr_assert_eq(bpe_train("", 0, "gpt-2", NULL, 0, 999, &a, &e), 0);
    cr_assert_eq(a.n_tokens, 256);
    bpe_vocab_free(&a);
}

/* ---- tokenizer.json ---- */

#define LLAMA_LIKE                                                                                                       \
    "{\"normalizer\":{\"type\":\"Sequence\",\"normalizers\":[{\"type\":\"Prepend\",\"prepend\":\"\xE2\x96\x81\"},"       \
    "{\"type\":\"Replace\",\"pattern\":{\"String\":\" \"},\"content\":\"\xE2\x96\x81\"}]},\"pre_tokenizer\":null,"       \
    "\"post_processor\":{\"type\":\"TemplateProcessing\",\"single\":[{\"SpecialToken\":{\"id\":\"<s>\",\"type_id\":0}}," \
    "{\"Sequence\":{\"id\":\"A\",\"type_id\":0}}],\"special_tokens\":{\"<s>\":{\"id\":\"<s>\",\"ids\":[1]}}},"           \
    "\"decoder\":{\"type\":\"Sequence\",\"decoders\":[{\"type\":\"Replace\",\"pattern\":{\"String\":\"\xE2\x96\x81\"},"  \
    "\"content\":\" \"},{\"type\":\"ByteFallback\"},{\"type\":\"Fuse\"},{\"type\":\"Strip\",\"content\":\" \","          \
    "\"start\":1,\"stop\":0}]},\"added_tokens\":[{\"id\":0,\"content\":\"<unk>\",\"special\":true},"                     \
    "{\"id\":1,\"content\":\"<s>\",\"special\":true},{\"id\":9,\"content\":\"<x>\",\"special\":false}],"                 \
    "\"model\":{\"type\":\"BPE\",\"unk_token\":\"<unk>\",\"byte_fallback\":true,\"fuse_unk\":true,\"vocab\":{"           \
    "\"<unk>\":0,\"<s>\":1,\"<0xC3>\":2,\"<0xA9>\":3,\"\xE2\x96\x81\":4,\"a\":5,\"b\":6,\"ab\":7,\"\xE2\x96\x81"         \
    "ab\":8},"                                                                                                           \
    "\"merges\":[\"a b\",[\"\xE2\x96\x81\",\"ab\"]]}}"

Test(text, tokenizer_json_of_the_llama_kind) {
    write_file(tmp_path("tokenizer.json"), LLAMA_LIKE);
    struct tokenizer *t = open_ok(tmp_path("tokenizer.json"));
    expect_ids(t, "ab", ENCODE_BOS_EOS, "1 8");
    expect_ids(t, "b\xC3\xA9", 0, "4 6 2 3");
    expect_ids(t, "a??", 0, "4 5 0"); /* no <0x3F>: unknown, fused */
    expect_ids(t, "ab<x>ab<s>", 0, "8 9 8 0");
    expect_ids(t, "ab<x>ab<s>", ENCODE_SPECIAL, "8 9 8 1");
    expect_round_trip(t, "ab a\xC3\xA9 b", 8);
    tokenizer_free(t);
    tmp_end();
}

#define BYTES_LIKE(pre, rest)                                                                                 \
    "{\"pre_tokenizer\":" pre rest ",\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":0,\"b\":1,\"1\":2,\"2\":3," \
    "\"\xC4\xA0\":4,\"ab\":5,\"\xC4\xA0"                                                                      \
    "a\":6,\"12\":7},\"merges\":[\"a b\",\"\xC4\xA0 a\",\"1 2\"]}}"
#define BYTE_LEVEL "{\"type\":\"ByteLevel\",\"add_prefix_space\":false,\"use_regex\":false}"

Test(text, tokenizer_json_of_the_byte_kind) {
    static const struct {
        const char *json, *text, *want;
    } c[] = {
        {BYTES_LIKE("{\"type\":\"ByteLevel\",\"add_prefix_space\":false}", ""), "ab a12", "5 6 7"},
        {BYTES_LIKE("{\"type\":\"ByteLevel\",\"add_prefix_space\":true}", ""), "ab", "4 5"},
        {BYTES_LIKE("{\"type\":\"Sequence\",\"pretokenizers\":[{\"type\":\"Digits\",\"individual_digits\":true}," BYTE_LEVEL "]}",
                    ""),
         "ab12", "5 2 3"},
        {BYTES_LIKE("{\"type\":\"Sequence\",\"pretokenizers\":[{\"type\":\"Split\",\"pattern\":{\"Regex\":\"a\"},"
                    "\"behavior\":\"Isolated\",\"invert\":false}," BYTE_LEVEL "]}",
                    ""),
         "ab12", "0 1 7"},
        {BYTES_LIKE("{\"type\":\"Sequence\",\"pretokenizers\":[{\"type\":\"Split\",\"pattern\":{\"Regex\":\"ab|12\"},"
                    "\"behavior\":\"Removed\",\"invert\":true}," BYTE_LEVEL "]}",
                    ""),
         "ab 12", "5 7"},
        {BYTES_LIKE("{\"type\":\"Sequence\",\"pretokenizers\":[{\"type\":\"Split\",\"pattern\":{\"String\":\"b\"},"
                    "\"behavior\":\"MergedWithPrevious\"}," BYTE_LEVEL "]}",
                    ""),
         "ab12", "5 7"},
        {BYTES_LIKE(BYTE_LEVEL, ",\"added_tokens\":[{\"id\":9,\"content\":\"<m>\",\"lstrip\":true,\"rstrip\":true,"
                                "\"special\":false}]"),
         "a <m> 12", "0 9 7"},
    };
    for (size_t i = 0; i < sizeof c / sizeof *c; i++) {
        write_file(tmp_path("tokenizer.json"), c[i].json);
        struct tokenizer *t = open_ok(tmp_path("tokenizer.json"));
        expect_ids(t, c[i].text, 0, c[i].want);
        tokenizer_free(t);
    }
    tmp_end();
}

#define MODEL(x) "{\"pre_tokenizer\":" BYTE_LEVEL ",\"model\":{\"type\":\"BPE\"," x "}}"
#define VOCAB    "\"vocab\":{\"a\":0}"

static const struct reject {
    const char *json;
    int code;
    const char *says;
} rejects[] = {
    {"", ERR_FORMAT, "malformed JSON"},
    {"[1]", ERR_FORMAT, "JSON object"},
    {"{\"model\":{\"type\":\"BPE\",", ERR_FORMAT, "malformed JSON"},
    {"{}", ERR_FORMAT, "model"},
    {"{\"model\":{\"type\":\"Unigram\",\"vocab\":[]}}", ERR_UNSUPPORTED, "Unigram"},
    {"{\"model\":{\"type\":\"WordPiece\"}}", ERR_UNSUPPORTED, "WordPiece"},
    {MODEL(VOCAB), ERR_FORMAT, "merges"},
    {MODEL("\"merges\":[]"), ERR_FORMAT, "vocabulary"},
    {MODEL("\"vocab\":{},\"merges\":[]"), ERR_FORMAT, "vocabulary"},
    {MODEL("\"vocab\":[\"a\"],\"merges\":[]"), ERR_FORMAT, "vocabulary"},
    {MODEL("\"vocab\":{\"a\":\"0\"},\"merges\":[]"), ERR_FORMAT, "'a'"},
    {MODEL("\"vocab\":{\"a\":-1},\"merges\":[]"), ERR_RANGE, "'a'"},
    {MODEL("\"vocab\":{\"a\":99999999},\"merges\":[]"), ERR_RANGE, "99999999"},
    {MODEL("\"vocab\":{\"a\":0,\"b\":0},\"merges\":[]"), ERR_FORMAT, "id 0"},
    {MODEL(VOCAB ",\"merges\":[\"ab\"]"), ERR_FORMAT, "merge 0"},
    {MODEL(VOCAB ",\"merges\":[7]"), ERR_FORMAT, "merge 0"},
    {MODEL(VOCAB ",\"merges\":[[\"\",\"a\"]]"), ERR_FORMAT, "empty"},
    {MODEL(VOCAB ",\"merges\":[],\"dropout\":0.1"), ERR_UNSUPPORTED, "dropout"},
    {MODEL(VOCAB ",\"merges\":[],\"end_of_word_suffix\":\"</w>\""), ERR_UNSUPPORTED, "end_of_word_suffix"},
    {BYTES_LIKE("{\"type\":\"Whitespace\"}", ""), ERR_UNSUPPORTED, "'Whitespace'"},
    {BYTES_LIKE("{\"no\":1}", ""), ERR_UNSUPPORTED, "pre_tokenizer"},
    {BYTES_LIKE("{\"type\":\"Sequence\"}", ""), ERR_FORMAT, "pretokenizers"},
    {BYTES_LIKE("{\"type\":\"Split\",\"pattern\":{\"Regex\":\"(\"},\"behavior\":\"Isolated\"}", ""), ERR_UNSUPPORTED, "'('"},
    {BYTES_LIKE("{\"type\":\"Split\",\"pattern\":{\"Regex\":\"\\\\C\"},\"behavior\":\"Isolated\"}", ""), ERR_UNSUPPORTED, "\\C"},
    {BYTES_LIKE("{\"type\":\"Split\",\"pattern\":{},\"behavior\":\"Isolated\"}", ""), ERR_FORMAT, "Split"},
    {BYTES_LIKE("{\"type\":\"Split\",\"pattern\":{\"Regex\":\"a\"},\"behavior\":\"Contiguous\"}", ""), ERR_UNSUPPORTED,
     "Contiguous"},
    {BYTES_LIKE("{\"type\":\"Metaspace\",\"replacement\":\"_\"}", ""), ERR_UNSUPPORTED, "'_'"},
    {BYTES_LIKE("null", ""), ERR_UNSUPPORTED, "decoder"},
    {BYTES_LIKE(BYTE_LEVEL, ",\"decoder\":{\"type\":\"WordPiece\"}"), ERR_UNSUPPORTED, "decoder 'WordPiece'"},
    {BYTES_LIKE(BYTE_LEVEL, ",\"normalizer\":{\"type\":\"Lowercase\"}"), ERR_UNSUPPORTED, "normalizer 'Lowercase'"},
    {BYTES_LIKE(BYTE_LEVEL, ",\"normalizer\":{\"type\":\"Replace\",\"pattern\":{\"Regex\":\"a\"},\"content\":\"\"}"),
     ERR_UNSUPPORTED, "Regex"},
    {BYTES_LIKE(BYTE_LEVEL, ",\"normalizer\":{\"type\":\"Replace\",\"pattern\":{\"String\":\"\"},\"content\":\"\"}"), ERR_FORMAT,
     "Replace"},
    {BYTES_LIKE(BYTE_LEVEL, ",\"normalizer\":7"), ERR_FORMAT, "normalizer"},
    {BYTES_LIKE(BYTE_LEVEL, ",\"post_processor\":{\"type\":\"RobertaProcessing\"}"), ERR_UNSUPPORTED, "RobertaProcessing"},
    {BYTES_LIKE(BYTE_LEVEL, ",\"post_processor\":{\"type\":\"TemplateProcessing\",\"single\":[]}"), ERR_FORMAT, "Sequence"},
    {BYTES_LIKE(BYTE_LEVEL, ",\"post_processor\":{\"type\":\"TemplateProcessing\",\"single\":[{\"SpecialToken\":{\"id\":\"q\"}}],"
                            "\"special_tokens\":{\"q\":{\"ids\":[77]}}}"),
     ERR_RANGE, "'q'"},
    {BYTES_LIKE(BYTE_LEVEL, ",\"added_tokens\":[{\"id\":0,\"content\":\"zz\"}]"), ERR_FORMAT, "'zz'"},
    {BYTES_LIKE(BYTE_LEVEL, ",\"added_tokens\":[{\"id\":8}]"), ERR_FORMAT, "added token"},
    {BYTES_LIKE(BYTE_LEVEL, ",\"added_tokens\":[{\"id\":8,\"content\":\"z\",\"single_word\":true}]"), ERR_UNSUPPORTED,
     "single_word"},
    {BYTES_LIKE(BYTE_LEVEL, ",\"added_tokens\":[{\"id\":100000,\"content\":\"z\"}]"), ERR_RANGE, "'z'"},
};

Test(text, tokenizer_json_rejects) {
    for (size_t i = 0; i < sizeof rejects / sizeof *rejects; i++) {
        struct err e = ERR_INIT;
        struct tokenizer *t = NULL;
        write_file(tmp_path("tokenizer.json"), rejects[i].json);
        int rc = tokenizer_open(&t, tmp_path("tokenizer.json"), &e);
        cr_expect_eq(rc, rejects[i].code, "%s: expected %s, found %s: %s", rejects[i].json, err_name(rejects[i].code),
                     rc ? err_name(rc) : "success", e.msg);
        cr_expect(strstr(e.msg, rejects[i].says) != NULL, "%s: expected '%s' in '%s'", rejects[i].json, rejects[i].says, e.msg);
        cr_expect(e.where[0] != 0, "%s: no place", e.msg);
        if (rc == 0) tokenizer_free(t);
    }
    tmp_end();
}

Test(text, folders_that_say_too_little) {
    struct err e = ERR_INIT;
    struct tokenizer *t = NULL;
    cr_assert_eq(tokenizer_open(&t, "/no/such/place", &e), ERR_IO);
    write_file(tmp_path("tokenizer_config.json"), "{}");
    cr_assert_eq(tokenizer_open(&t, tmp_path("tokenizer_config.json"), &e), ERR_IO);
    cr_assert(strstr(e.msg, "vocab.json"), "%s", e.msg);
    tmp_end();
}

Test(text, unknown_gguf_names_are_refused) {
    static const struct {
        const char *model, *pre, *says;
    } c[] = {
        {"bert", "default", "'bert'"},
        {"t5", "default", "'t5'"},
        {"gpt2", "tekken-9", "'tekken-9'"},
    };
    for (size_t i = 0; i < sizeof c / sizeof *c; i++) {
        struct gguf_writer *g;
        struct err e = ERR_INIT;
        struct meta_str a = text_of("a");
        struct tokenizer *t = NULL;
        cr_assert_eq(gguf_writer_new(&g, &e), 0);
        gguf_put_str(g, "tokenizer.ggml.model", c[i].model, strlen(c[i].model));
        gguf_put_str(g, "tokenizer.ggml.pre", c[i].pre, strlen(c[i].pre));
        gguf_put_strs(g, "tokenizer.ggml.tokens", &a, 1);
        cr_assert_eq(gguf_writer_commit(g, tmp_path("t.gguf"), &e), 0, "%s", e.msg);
        gguf_writer_free(g);
        cr_assert_eq(tokenizer_open(&t, tmp_path("t.gguf"), &e), ERR_UNSUPPORTED);
        cr_assert(strstr(e.msg, c[i].says), "%s", e.msg);
        tmp_end();
    }
}

Test(text, metadata_copies_whole) {
    struct bpe_vocab v = {0};
    struct err e = ERR_INIT;
    struct gguf_writer *g;
    struct weights *w;
    char copy[200];
    cr_assert_eq(bpe_train("ab ab ab abc", 12, "qwen2", NULL, 0, 260, &v, &e), 0);
    cr_assert_eq(gguf_writer_new(&g, &e), 0);
    gguf_put_str(g, "general.architecture", "llama", 5);
    cr_assert_eq(bpe_vocab_put(g, &v, "qwen2", 1, 2, 1), 0);
    cr_assert_eq(gguf_writer_commit(g, tmp_path("t.gguf"), &e), 0, "%s", e.msg);
    gguf_writer_free(g);
    cr_assert_eq(weights_open(&w, tmp_path("t.gguf"), &e), 0, "%s", e.msg);
    cr_assert_eq(gguf_writer_new(&g, &e), 0);
    gguf_put_str(g, "general.architecture", "llama", 5);
    tokenizer_copy_meta(g, w);
    snprintf(copy, sizeof copy, "%s", tmp_path("c.gguf"));
    cr_assert_eq(gguf_writer_commit(g, copy, &e), 0, "%s", e.msg);
    gguf_writer_free(g);
    weights_close(w);
    struct tokenizer *t = open_ok(copy);
    cr_assert(tokenizer_size(t) == v.n_tokens && tokenizer_bos(t) == 1 && tokenizer_eos(t) == 2 && tokenizer_adds_bos(t));
    struct toks o = encode(t, "ab", 2, ENCODE_BOS_EOS);
    cr_assert(o.n == 2 && o.ids[1] == bpe_vocab_find(&v, "ab"));
    toks_free(&o);
    tokenizer_free(t);
    bpe_vocab_free(&v);
    unlink(copy);
    tmp_end();
}
