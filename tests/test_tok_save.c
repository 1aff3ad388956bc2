/* Tokenizers written again: from GGUF to a folder and back, from a folder to GGUF and back. What counts is that the same texts give the
 * same ids and the ids the same texts; and that what a form cannot say is refused by name.
 * Data: $CANDOR_TEST_DATA, else ../shared/data; where it is absent those tests are skipped and say so. */
#include "base/dir_out.h"
#include "base/rng.h"
#include "base/str.h"
#include "test_files.h"
#include "text/chat_template.h"
#include "text/tok_save.h"

TestSuite(tok_save, .timeout = HANG_S);

/* ---- writing ---- */

static struct tokenizer *open_ok(const char *path) {
    struct tokenizer *t = NULL;
    OK(tokenizer_open(&t, path, &e));
    return t;
}

static int try_gguf(const struct tokenizer *t, const char *path, int64_t n_vocab, struct err *e) {
    struct gguf_writer *g = NULL;
    int rc = gguf_writer_new(&g, e);
    if (!rc) rc = tokenizer_put_gguf(g, t, n_vocab, e);
    if (!rc) rc = gguf_writer_commit(g, path, e);
    gguf_writer_free(g);
    return rc;
}

static struct tokenizer *as_gguf(const struct tokenizer *t, int64_t n_vocab) {
    const char *path = fresh(".gguf");
    OK(try_gguf(t, path, n_vocab, &e));
    return open_ok(path);
}

static int try_dir(const struct tokenizer *t, const char *path, const struct chat_template *chat, struct err *e) {
    struct dir_out d = {0};
    int rc = dir_out_open(&d, path, 0, e);
    if (!rc) rc = tokenizer_put_dir(&d, t, chat, e);
    if (!rc) rc = dir_out_commit(&d, e);
    dir_out_abort(&d);
    return rc;
}

static struct tokenizer *as_folder(const struct tokenizer *t) {
    const char *path = fresh("");
    OK(try_dir(t, path, NULL, &e));
    return open_ok(path);
}

/* ---- comparing ---- */

static void expect_text(const struct tokenizer *a, const struct tokenizer *b, const char *s, size_t n, const char *what) {
    for (unsigned flags = 0; flags < 4; flags++) {
        struct toks x = {0}, y = {0};
        char *u = NULL, *v = NULL;
        size_t un = 0, vn = 0;
        OK(tokenizer_encode(a, s, n, flags, &x, &e));
        OK(tokenizer_encode(b, s, n, flags, &y, &e));
        cr_assert(x.n == y.n && (!x.n || !memcmp(x.ids, y.ids, (size_t)x.n * sizeof *x.ids)), "%s: other ids for '%.*s'", what,
                  (int)(n > 60 ? 60 : n), s);
        OK(tokenizer_decode(a, x.ids, x.n, 0, &u, &un, &e));
        OK(tokenizer_decode(b, x.ids, x.n, 0, &v, &vn, &e));
        cr_assert(un == vn && !memcmp(u, v, un), "%s: another text for the ids of '%.*s'", what, (int)(n > 60 ? 60 : n), s);
        free(u), free(v), toks_free(&x), toks_free(&y);
    }
}

static const char *const texts[] = {
    "",
    " ",
    "Hello world",
    " two  spaces and\ttabs\n\n new lines \r\n ",
    "It's 12345 o'clock, isn't it? They'LL see.",
    "na\xC3\xAFve cafe\xCC\x81 \xE6\x97\xA5\xE6\x9C\xAC\xE8\xAA\x9E \xF0\x9F\x98\x80\xF0\x9F\x8F\xBD",
    "aaaaaaaaaaaaaaaaaaaaaaaaaaa bbbb",
    "<s>x</s> <|endoftext|> <unk> <|im_start|>user\nhi<|im_end|>",
    "\xFF\xFE not utf-8 \xC3",
    "def f(x):\n    return x**2  # \xE2\x96\x81 mark",
};

static void expect_same(const struct tokenizer *a, const struct tokenizer *b, const char *what) {
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) expect_text(a, b, texts[i], strlen(texts[i]), what);
    struct rng r = RNG(3, 9);
    for (int i = 0; i < 60; i++) {
        char s[64];
        size_t n = (size_t)rng_below(&r, sizeof s);
        for (size_t k = 0; k < n; k++) s[k] = (char)(rng_below(&r, 8) ? 32 + (int)rng_below(&r, 95) : (int)rng_below(&r, 256));
        expect_text(a, b, s, n, what);
    }
    cr_expect(tokenizer_bos(a) == tokenizer_bos(b) && tokenizer_eos(a) == tokenizer_eos(b) &&
                  tokenizer_pad(a) == tokenizer_pad(b),
              "%s: special ids", what);
    cr_expect(tokenizer_adds_bos(a) == tokenizer_adds_bos(b), "%s: BOS", what);
    int64_t n = tokenizer_size(a) < tokenizer_size(b) ? tokenizer_size(a) : tokenizer_size(b);
    for (tok i = 0; i < n; i++) {
        cr_expect(tokenizer_is_end(a, i) == tokenizer_is_end(b, i), "%s: end %d", what, (int)i);
        cr_expect(tokenizer_is_special(a, i) == tokenizer_is_special(b, i), "%s: special %d", what, (int)i);
    }
}

/* ---- published vocabularies ---- */

static void file_texts(const struct tokenizer *a, const struct tokenizer *b, const char *name) {
    char *s = NULL;
    size_t n = 0;
    if (!file_exists(data_path(name))) return;
    OK(file_read(&s, &n, data_path(name), 0, &e));
    expect_text(a, b, s, n, name);
    free(s);
}

static void gguf_there_and_back(const char *file, const char *inputs) {
    NEED_DATA(file);
    struct tokenizer *a = open_ok(data_path(file)), *folder = as_folder(a), *back = as_gguf(folder, tokenizer_size(a) + 5);
    expect_same(a, folder, "folder");
    expect_same(a, back, "GGUF again");
    file_texts(a, folder, inputs), file_texts(a, back, inputs);
    cr_expect(tokenizer_size(folder) == tokenizer_size(a) && tokenizer_size(back) == tokenizer_size(a) + 5);
    cr_expect(tokenizer_find(back, "[PAD", 4) == -1 && !tokenizer_is_special(back, (tok)tokenizer_size(a)));
    struct tokenizer *again = as_folder(back);
    cr_expect(tokenizer_size(again) == tokenizer_size(a), "padding is left out of a folder");
    tokenizer_free(a), tokenizer_free(folder), tokenizer_free(back), tokenizer_free(again);
}

Test(tok_save, gpt2_vocabulary) {
    gguf_there_and_back("tokenizers/llama.cpp/ggml-vocab-gpt-2.gguf", "tokenizers/llama.cpp/ggml-vocab-gpt-2.gguf.inp");
}
Test(tok_save, sentencepiece_vocabulary) {
    gguf_there_and_back("tokenizers/llama.cpp/ggml-vocab-llama-spm.gguf", "tokenizers/llama.cpp/ggml-vocab-llama-spm.gguf.inp");
}
Test(tok_save, stories260k) {
    gguf_there_and_back("models/stories260K/stories260K-f32.gguf", "datasets/tinystories/stories10.txt");
}

struct scored {
    double was, is;
    int64_t id;
};
static int by_old_score(const void *pa, const void *pb) {
    const struct scored *a = pa, *b = pb;
    if (a->was != b->was) return a->was > b->was ? -1 : 1;
    return a->id < b->id ? -1 : a->id > b->id;
}

/* Pieces that merge keep their order, types stay; the numbers may be others (published files give runs of spaces -1e9). */
Test(tok_save, scores_keep_their_order) {
    const char *file = "tokenizers/llama.cpp/ggml-vocab-llama-spm.gguf";
    NEED_DATA(file);
    const char *out = fresh(".gguf");
    struct tokenizer *a = open_ok(data_path(file)), *folder = as_folder(a);
    struct weights *x = NULL, *y = NULL;
    OK(try_gguf(folder, out, 0, &e));
    OK(weights_open(&x, data_path(file), &e));
    OK(weights_open(&y, out, &e));
    size_t n = 0;
    struct scored *s = calloc((size_t)tokenizer_size(a), sizeof *s);
    for (int64_t i = 0; i < tokenizer_size(a); i++) {
        struct meta_str piece;
        int64_t p = 0, q = 1;
        OK(meta_arr_i64(x, "tokenizer.ggml.token_type", (uint64_t)i, &p, &e));
        OK(meta_arr_i64(y, "tokenizer.ggml.token_type", (uint64_t)i, &q, &e));
        cr_assert(p == q, "type of %lld", (long long)i);
        OK(meta_arr_str(x, "tokenizer.ggml.tokens", (uint64_t)i, &piece, &e));
        if (p != 1 || piece.n < 5) continue; /* one character is made by nothing */
        OK(meta_arr_f64(x, "tokenizer.ggml.scores", (uint64_t)i, &s[n].was, &e));
        OK(meta_arr_f64(y, "tokenizer.ggml.scores", (uint64_t)i, &s[n].is, &e));
        s[n++].id = i;
    }
    qsort(s, n, sizeof *s, by_old_score);
    for (size_t i = 1; i < n; i++)
        cr_assert(s[i - 1].is > s[i].is, "%lld before %lld", (long long)s[i - 1].id, (long long)s[i].id);
    cr_expect(n > 20000);
    free(s), weights_close(x), weights_close(y), tokenizer_free(a), tokenizer_free(folder);
}

Test(tok_save, qwen2_files) {
    NEED_DATA("tokenizers/qwen2");
    struct tokenizer *a = open_ok(data_path("tokenizers/qwen2")), *file = as_gguf(a, 0), *folder = as_folder(file);
    expect_same(a, file, "qwen2 as GGUF");
    expect_same(a, folder, "qwen2 as a folder again");
    file_texts(a, file, "tokenizers/llama.cpp/ggml-vocab-qwen2.gguf.inp");
    tokenizer_free(a), tokenizer_free(file), tokenizer_free(folder);
}

/* ---- small folders: what travels, what is refused ---- */

#define LETTERS                                                          \
    "\"a\": 3, \"b\": 4, \"ab\": 5, \"\xE2\x96\x81\": 6, \"\xE2\x96\x81" \
    "ab\": 7"
#define TOKENS "\"<unk>\": 0, \"<s>\": 1, \"</s>\": 2, "
#define ADDED                                                                                                                    \
    "\"added_tokens\": [{\"id\": 0, \"content\": \"<unk>\", \"special\": true}, {\"id\": 1, \"content\": \"<s>\", \"special\": " \
    "true}, "                                                                                                                    \
    "{\"id\": 2, \"content\": \"</s>\", \"special\": true, \"rstrip\": true}]"
#define LLAMA_DECODER                                                                                                            \
    "\"decoder\": {\"type\": \"Sequence\", \"decoders\": [{\"type\": \"Replace\", \"pattern\": {\"String\": \"\xE2\x96\x81\"}, " \
    "\"content\": \" \"}, {\"type\": \"ByteFallback\"}, {\"type\": \"Fuse\"}, {\"type\": \"Strip\", \"content\": \" \", "        \
    "\"start\": 1, "                                                                                                             \
    "\"stop\": 0}]}"
#define METASPACE(scheme)                                                                                           \
    "\"pre_tokenizer\": {\"type\": \"Metaspace\", \"replacement\": \"\xE2\x96\x81\", \"prepend_scheme\": \"" scheme \
    "\", \"split\": false}"
#define LLAMA(pre, vocab, merges)                                                                                             \
    "{" ADDED ", \"normalizer\": null, " pre ", \"post_processor\": null, " LLAMA_DECODER ", \"model\": {\"type\": \"BPE\", " \
    "\"unk_token\": \"<unk>\", \"byte_fallback\": true, \"fuse_unk\": false, \"vocab\": {" TOKENS vocab                       \
    "}, \"merges\": [" merges "]}}"
#define MERGES "\"a b\", \"\xE2\x96\x81 ab\""

static struct tokenizer *small(const char *json, const char *config) {
    const char *dir = fresh("");
    cr_assert(!mkdir(dir, 0755));
    write_file(in_dir(dir, "tokenizer.json"), json);
    if (config) write_file(in_dir(dir, "tokenizer_config.json"), config);
    return open_ok(dir);
}

/* Where the space prefix goes, and tokens that take blanks beside them, are said in keys of our own. */
Test(tok_save, metaspace_schemes) {
    static const char *const json[] = {LLAMA(METASPACE("first"), LETTERS, MERGES), LLAMA(METASPACE("always"), LETTERS, MERGES),
                                       LLAMA(METASPACE("never"), LETTERS, MERGES)};
    static const char *const more[] = {" ab", "ab", "ab</s> ab", "<s>ab<s> ab", "</s>  a"};
    for (size_t i = 0; i < 3; i++) {
        struct tokenizer *a = small(json[i], "{\"bos_token\": \"<s>\", \"eos_token\": \"</s>\", \"pad_token\": \"<unk>\"}");
        struct tokenizer *file = as_gguf(a, 40), *folder = as_folder(file);
        for (size_t k = 0; k < sizeof more / sizeof *more; k++) {
            expect_text(a, file, more[k], strlen(more[k]), "GGUF");
            expect_text(a, folder, more[k], strlen(more[k]), "folder");
        }
        cr_expect(tokenizer_pad(file) == 0 && tokenizer_pad(folder) == 0 && tokenizer_size(file) == 40 &&
                  tokenizer_size(folder) == 8);
        tokenizer_free(a), tokenizer_free(file), tokenizer_free(folder);
    }
}

static void refuse_gguf(const char *json, int64_t n_vocab, const char *says) {
    struct tokenizer *t = small(json, NULL);
    struct err e = ERR_INIT;
    const char *path = fresh(".gguf");
    int rc = try_gguf(t, path, n_vocab, &e);
    cr_expect(rc < 0 && strstr(e.msg, says), "expected \"%s\", found %d, %s", says, rc, e.msg);
    cr_expect(!file_exists(path));
    tokenizer_free(t);
}

#define BYTES(pre, more)                                                   \
    "{" ADDED ", \"normalizer\": null, \"pre_tokenizer\": " pre            \
    ", \"post_processor\": null, \"decoder\": {\"type\": \"ByteLevel\"}, " \
    "\"model\": {\"type\": \"BPE\", " more " \"vocab\": {" TOKENS LETTERS "}, \"merges\": [\"a b\"]}}"

Test(tok_save, what_gguf_cannot_say) {
    refuse_gguf(LLAMA(METASPACE("first"), LETTERS, MERGES), 7, "expected at most 7 tokens, the rows of the embedding, found 8");
    refuse_gguf(LLAMA("\"pre_tokenizer\": null", LETTERS, MERGES), 0, "normalizers other than Prepend and Replace");
    refuse_gguf(LLAMA("\"pre_tokenizer\": {\"type\": \"Metaspace\"}", LETTERS, MERGES), 0, "Metaspace with split");
    refuse_gguf(LLAMA(METASPACE("first"), LETTERS, "\"a b\""), 0, "which do not merge");
    refuse_gguf(
        LLAMA(METASPACE("first"), "\"a\": 3, \"aa\": 4, \"aaa\": 5, \"b\": 6, \"ab\": 7", "\"a a\", \"a aa\", \"a b\", \"aa a\""),
        0, "lie between those of another piece");
    refuse_gguf(BYTES("{\"type\": \"Sequence\", \"pretokenizers\": [{\"type\": \"Split\", \"pattern\": {\"Regex\": \"[xyz]+\"}, "
                      "\"behavior\": "
                      "\"Isolated\"}, {\"type\": \"ByteLevel\", \"add_prefix_space\": false, \"use_regex\": false}]}",
                      ""),
                0, "the first '[xyz]+'");
    refuse_gguf(BYTES("{\"type\": \"ByteLevel\", \"add_prefix_space\": false}", "\"ignore_merges\": true,"), 0,
                "with ignore_merges");
}

/* Ends are known by their names, also where a file calls them user-defined. */
Test(tok_save, ends_by_name) {
    static const char *const ends[] = {"<|im_end|>",
                                       "<|eot_id|>",
                                       "<|eom_id|>",
                                       "<end_of_turn>",
                                       "<|end|>",
                                       "<\xEF\xBD\x9C"
                                       "end\xE2\x96\x81of\xE2\x96\x81sentence\xEF\xBD\x9C>",
                                       "<|im_start|>"};
    enum { N_ENDS = sizeof ends / sizeof *ends };
    char json[4096];
    size_t n = 0;
    n += (size_t)snprintf(json + n, sizeof json - n, "{\"added_tokens\": [");
    for (int i = 0; i < N_ENDS; i++)
        n += (size_t)snprintf(json + n, sizeof json - n, "%s{\"id\": %d, \"content\": \"%s\", \"special\": %s}", i ? ", " : "",
                              8 + i, ends[i], i % 2 ? "true" : "false");
    snprintf(json + n, sizeof json - n,
             "], \"pre_tokenizer\": {\"type\": \"ByteLevel\"}, \"decoder\": {\"type\": \"ByteLevel\"}, "
             "\"model\": {\"type\": \"BPE\", \"vocab\": {" TOKENS LETTERS "}, \"merges\": []}}");
    struct tokenizer *t = small(json, NULL), *file = as_gguf(t, 0);
    for (int i = 0; i < N_ENDS; i++)
        cr_expect(tokenizer_is_end(t, 8 + i) == (i < N_ENDS - 1) && tokenizer_is_end(file, 8 + i) == (i < N_ENDS - 1), "%s",
                  ends[i]);
    tokenizer_free(t), tokenizer_free(file);
}

/* Runs of spaces may interleave, as in the published files of Llama 2: they get one score. A merge that spells a control token is none. */
Test(tok_save, runs_of_spaces) {
#define S "\xE2\x96\x81"
    struct tokenizer *t =
        small(LLAMA("\"pre_tokenizer\": {\"type\": \"Metaspace\", \"prepend_scheme\": \"never\", \"split\": false}",
                    "\"" S "\": 3, \"" S S "\": 4, \"" S S S "\": 5, \"" S S S S "\": 6, \"</\": 7, \"s>\": 8, \"<\": 9, "
                    "\"/\": 10, \"s\": 11, \">\": 12",
                    "\"< /\", \"s >\", \"</ s>\", \"" S " " S "\", \"" S " " S S "\", \"" S " " S S S "\", \"" S S " " S
                    "\", \"" S S " " S S "\", \"" S S S " " S "\""),
              NULL);
    struct tokenizer *file = as_gguf(t, 0);
    for (size_t n = 1; n < 12; n++) {
        static const char spaces[] = "            ";
        struct toks a = {0}, b = {0};
        OK(tokenizer_encode(t, spaces, n, 0, &a, &e));
        OK(tokenizer_encode(file, spaces, n, 0, &b, &e));
        cr_expect(a.n == b.n, "%zu spaces: %lld tokens, in GGUF %lld", n, (long long)a.n, (long long)b.n);
        toks_free(&a), toks_free(&b);
    }
    tokenizer_free(t), tokenizer_free(file);
#undef S
}

/* The same vocabulary said by expressions that the table has a name for. */
Test(tok_save, patterns_find_their_names) {
    static const struct {
        const char *pre, *more, *name;
    } c[] = {
        {"{\"type\": \"ByteLevel\", \"add_prefix_space\": false}", "", "gpt-2"},
        {"{\"type\": \"ByteLevel\", \"add_prefix_space\": true}", "", "gpt-2"},
        {"{\"type\": \"Sequence\", \"pretokenizers\": [{\"type\": \"Digits\", \"individual_digits\": true}, {\"type\": "
         "\"ByteLevel\", "
         "\"add_prefix_space\": false}]}",
         "", "starcoder"},
        {"{\"type\": \"Sequence\", \"pretokenizers\": [{\"type\": \"Split\", \"pattern\": {\"Regex\": "
         "\"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\\\r\\\\n\\\\p{L}\\\\p{N}]?\\\\p{L}+|\\\\p{N}{1,3}| "
         "?[^\\\\s\\\\p{L}\\\\p{N}]+[\\\\r\\\\n]*|"
         "\\\\s*[\\\\r\\\\n]+|\\\\s+(?!\\\\S)|\\\\s+\"}, \"behavior\": \"Isolated\", \"invert\": false}, {\"type\": "
         "\"ByteLevel\", "
         "\"add_prefix_space\": false, \"use_regex\": false}]}",
         "\"ignore_merges\": true,", "llama-bpe"},
        {"{\"type\": \"Sequence\", \"pretokenizers\": [{\"type\": \"Split\", \"pattern\": {\"Regex\": "
         "\"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\\\r\\\\n\\\\p{L}\\\\p{N}]?\\\\p{L}+|\\\\p{N}| "
         "?[^\\\\s\\\\p{L}\\\\p{N}]+[\\\\r\\\\n]*|"
         "\\\\s*[\\\\r\\\\n]+|\\\\s+(?!\\\\S)|\\\\s+\"}, \"behavior\": \"Isolated\", \"invert\": false}, {\"type\": "
         "\"ByteLevel\", "
         "\"add_prefix_space\": false, \"use_regex\": false}]}",
         "", "deepseek-r1-qwen"},
    };
    for (size_t i = 0; i < sizeof c / sizeof *c; i++) {
        char json[4096];
        const char *path = fresh(".gguf");
        snprintf(json, sizeof json, BYTES("%s", "%s"), c[i].pre, c[i].more);
        struct tokenizer *t = small(json, "{\"eos_token\": \"</s>\"}"), *folder;
        struct weights *w = NULL;
        struct meta_str pre;
        OK(try_gguf(t, path, 0, &e));
        OK(weights_open(&w, path, &e));
        cr_expect(meta_str(w, "tokenizer.ggml.pre", &pre, NULL) == 1 && !strcmp(pre.s, c[i].name), "expected %s, found %s",
                  c[i].name, pre.s);
        weights_close(w);
        struct tokenizer *back = open_ok(path);
        folder = as_folder(back);
        expect_text(t, back, "ab ab</s>  b 123", 16, c[i].name);
        expect_text(t, folder, "ab ab</s>  b 123", 16, c[i].name);
        tokenizer_free(t), tokenizer_free(back), tokenizer_free(folder);
    }
}

/* Ends of a turn that only generation_config.json knows have keys; chat templates travel as text. */
Test(tok_save, ends_and_chat_templates) {
    static const char json[] = LLAMA(METASPACE("first"), LETTERS, MERGES);
    const char *dir = fresh(""), *file = fresh(".gguf"), *out = fresh("");
    struct chat_template *c = NULL, *d = NULL;
    cr_assert(!mkdir(dir, 0755));
    write_file(in_dir(dir, "tokenizer.json"), json);
    write_file(in_dir(dir, "tokenizer_config.json"),
               "{\"bos_token\": \"<s>\", \"eos_token\": {\"content\": \"</s>\"}, \"chat_template\": "
               "[{\"name\": \"default\", \"template\": \"D\"}, {\"name\": \"tool_use\", \"template\": \"T\xC3\xA9\\\"\"}]}");
    write_file(in_dir(dir, "generation_config.json"), "{\"eos_token_id\": [2, 5, 4]}");
    struct tokenizer *t = open_ok(dir), *back, *folder;
    OK(try_gguf(t, file, 0, &e));
    back = open_ok(file);
    OK(try_dir(back, out, NULL, &e));
    folder = open_ok(out);
    for (tok i = 0; i < 8; i++) {
        cr_expect(tokenizer_is_end(t, i) == (i == 2 || i == 4 || i == 5), "%d", (int)i);
        cr_expect(tokenizer_is_end(back, i) == tokenizer_is_end(t, i) && tokenizer_is_end(folder, i) == tokenizer_is_end(t, i),
                  "%d", (int)i);
    }
    cr_expect(tokenizer_eos(back) == 2 && tokenizer_eos(folder) == 2);
    cr_expect(!file_exists(in_dir(out, "chat_template.jinja")));
    /* several templates, by their names: from the folder into a GGUF, from there into a folder */
    struct gguf_writer *g = NULL;
    const char *chats = fresh(".gguf"), *again = fresh("");
    OK(chat_template_from_dir(&c, dir, &e));
    OK(gguf_writer_new(&g, &e));
    OK(chat_template_put(g, c, &e));
    OK(gguf_writer_commit(g, chats, &e));
    gguf_writer_free(g), chat_template_free(c);
    OK(chat_template_open(&c, chats, &e));
    OK(try_dir(back, again, c, &e));
    OK(chat_template_from_dir(&d, again, &e));
    for (int i = 0; i < 2; i++) {
        static const char *const names[] = {"default", "tool_use"}, *const want[] = {"D", "T\xC3\xA9\""};
        const struct chat_template *both[] = {c, d};
        for (int k = 0; k < 2; k++) {
            const char *s = NULL;
            size_t n = 0;
            OK(chat_template_source(both[k], names[i], 0, &s, &n, &e));
            cr_expect(n == strlen(want[i]) && !memcmp(s, want[i], n), "%s: %.*s", names[i], (int)n, s);
        }
    }
    /* one alone has a file of its own */
    static const char chat[] = "{% for m in messages %}{{ m['content'] }}\n{% endfor %}\xC3\xA9\"";
    struct chat_template *one = NULL;
    const char *last = fresh("");
    char *text = NULL;
    size_t n = 0;
    OK(chat_template_new(&one, chat, strlen(chat), "test", &e));
    OK(try_dir(back, last, one, &e));
    OK(file_read(&text, &n, in_dir(last, "chat_template.jinja"), 0, &e));
    cr_expect(!strcmp(text, chat));
    free(text), chat_template_free(c), chat_template_free(d), chat_template_free(one);
    tokenizer_free(t), tokenizer_free(back), tokenizer_free(folder);
}
