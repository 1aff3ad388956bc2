/* candor random: a model of a known shape with random weights, as a file: to try a machine, a format or another program without the real
 * weights. */
#include "base/fs.h"
#include "cli/open.h"
#include "model/random.h"
#include "text/tok_save.h"
#include "weights/gguf_write.h"
#include "weights/memory.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct opt opts[] = {
    {"shape", 0, "SHAPE", NULL, "whose shape; --help lists them below"},
    {"type", 0, "T", "bf16", "storage of the matrices: a format (f32, q8_0 …) or a mix (q4_k_m …)"},
    {"tokenizer", 0, "M", NULL, "take the vocabulary of this model, tokenizer folder or GGUF (default: made-up words)"},
    {"chat-template", 0, "FILE", NULL, "a Jinja file that becomes the chat template"},
    {"reward", 0, NULL, NULL, "a reward model: one score instead of logits"},
    {"output", 'o', "OUT.gguf", NULL, "where to write the model"},
    {0},
};

struct vocabulary {
    struct tokenizer *tok;
    char *chat;
    size_t chat_bytes;
    int64_t rows;
};

static int put_vocabulary(void *ctx, struct gguf_writer *g, struct err *e) {
    const struct vocabulary *v = ctx;
    if (v->tok)
        TRY(tokenizer_put_gguf(g, v->tok, v->rows, e));
    else
        TRY(random_put_words(g, (int)v->rows, e));
    if (v->chat) gguf_put_str(g, "tokenizer.chat_template", v->chat, v->chat_bytes);
    return 0;
}

static int read_shape(struct random_shape *out, struct args *a, struct err *e) {
    const char *name;
    TRY(arg_need(a, "shape", &name, e));
    const struct random_shape *s = random_shape_find(name);
    char list[200] = "";
    for (int i = 0, n = 0; random_shape_at(i); i++)
        n += snprintf(list + n, sizeof list - (size_t)n, "%s%s", i ? ", " : "", random_shape_at(i)->name);
    if (!s) return usage_error(a, e, "--shape: expected one of %s, found \"%.60s\"", list, name);
    *out = *s;
    out->score = arg_has(a, "reward") > 0;
    return 0;
}

/* A name is a format or a mix; where it is both (Q4_0) the mix is what llama.cpp makes under that name. */
static int read_type(enum fmt *f, const struct quant_mix **mix, struct args *a, struct err *e) {
    const char *name = arg_str(a, "type");
    const struct fmt_row *row = fmt_by_name(name);
    *mix = quant_mix_find(name);
    if (!*mix && (!row || !row->from_f32))
        return usage_error(
            a, e, "--type: expected a storage format or a mix (candor models --support lists them), found \"%.40s\"", name);
    *f = row ? row->id : FMT_F32;
    return 0;
}

static int make(struct args *a, const struct random_shape *s, const struct vocabulary *v, const char *path, struct err *e) {
    struct pool *pool = NULL;
    struct weights *w = NULL;
    const struct quant_mix *mix;
    enum fmt f = FMT_F32;
    int64_t threads = 0, seed = 0;
    TRY(read_type(&f, &mix, a, e));
    TRY(arg_i64(a, "threads", 1, 1024, &threads, e));
    TRY(arg_i64(a, "seed", 0, INT64_MAX, &seed, e));
    TRY(pool_new(&pool, (int)threads, e));
    int rc = random_weights(&w, s, f, mix, (uint64_t)seed, pool, e);
    if (!rc && interrupted()) rc = fail(e, ERR_CANCELLED, "interrupted: nothing was written");
    if (!rc) rc = random_save(w, s, path, put_vocabulary, (void *)(uintptr_t)v, e);
    if (!rc && !arg_has(a, "quiet"))
        fprintf(stderr, "%s: %.1f MB of random weights in the shape of %s\n", path, (double)weights_tensor_bytes(w) / 1e6,
                s->like);
    if (w) weights_close(w);
    pool_free(pool);
    return rc;
}

static int open_vocabulary(struct vocabulary *v, struct args *a, const struct random_shape *s, struct err *e) {
    const char *from = arg_str(a, "tokenizer"), *chat = arg_str(a, "chat-template");
    char path[PATH_SIZE];
    v->rows = s->vocab;
    if (from) {
        TRY(resolve_model(from, path, e));
        TRY(tokenizer_open(&v->tok, path, e));
    }
    return chat ? file_read(&v->chat, &v->chat_bytes, chat, 1 << 20, e) : 0;
}

static int run(struct args *a, struct err *e) {
    struct random_shape s;
    struct vocabulary v = {0};
    const char *path;
    TRY(arg_need(a, "output", &path, e));
    TRY(read_shape(&s, a, e));
    int rc = open_vocabulary(&v, a, &s, e);
    if (!rc) rc = make(a, &s, &v, path, e);
    tokenizer_free(v.tok);
    free(v.chat);
    return rc;
}

const struct command command_random = {"random",
                                       "a model of a known shape with random weights, as a GGUF file",
                                       "--shape SHAPE [--type T] [--tokenizer M] [--chat-template FILE] [--reward] -o OUT.gguf",
                                       opts,
                                       0,
                                       0,
                                       run,
                                       "Shapes: 4m 15m 135m (llama), 0.5b 1.5b r1-1.5b (qwen2), llama-1b (Llama-3.2-1B), "
                                       "qwen3-0.6b. Speed and memory are those of the real\n"
                                       "model, its words are not. The same seed gives the same bytes."};
