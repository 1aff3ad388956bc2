/* candor convert: a model between a Hugging Face folder and a GGUF file. */
#include "base/progress.h"
#include "cli/open.h"
#include "model/convert.h"
#include "text/chat_template.h"
#include "text/tok_save.h"
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct opt opts[] = {
    {"type", 'T', "TYPE", "auto",
     "f32, f16, bf16, or auto (each tensor as it is; quantised ones become bf16 in a folder). In a GGUF, norms and biases are "
     "f32"},
    {"tokenizer", 0, "PATH", NULL, "a GGUF file or a folder to take the tokenizer from, where IN has none or another is wanted"},
    {"name", 0, "TEXT", "that of IN", "general.name of the GGUF"},
    {"max-shard-size", 0, "MB", "one file", "begin a new .safetensors file above so many megabytes (10⁶ bytes)"},
    {"force", 0, NULL, NULL, "write into a folder that holds files already"},
    OPT_JSON,
    {0},
};

struct job {
    struct args *a;
    const char *out;
    struct weights *w;
    struct device *d;
    struct convert *c;
    struct tokenizer *tok;      /* NULL: none */
    struct chat_template *chat; /* NULL: none */
};

static int read_type(struct args *a, int *type, struct err *e) {
    const char *s = arg_str(a, "type");
    const struct fmt_row *f = fmt_by_name(s);
    *type = -1;
    if (!strcmp(s, "auto")) return 0;
    if (!f || (f->id != FMT_F32 && f->id != FMT_F16 && f->id != FMT_BF16))
        return usage_error(a, e, "--type: expected auto, f32, f16 or bf16, found \"%.40s\" (for others, candor quantize)", s);
    *type = (int)f->id;
    return 0;
}

static int open_tok(struct job *j, struct err *e) {
    const char *other = arg_str(j->a, "tokenizer");
    int rc = chat_template_from_weights(&j->chat, j->w, e);
    if (rc < 0 && rc != ERR_STATE) return rc; /* ERR_STATE: it has none */
    if (other) TRY(tokenizer_open(&j->tok, other, e));
    if (!other && tokenizer_present(j->w)) TRY(tokenizer_from_weights(&j->tok, j->w, e));
    if (j->tok) return tokenizer_fits(j->tok, convert_vocab(j->c), e);
    if (!arg_has(j->a, "quiet")) fprintf(stderr, "candor: no tokenizer found beside the tensors: written without one\n");
    return 0;
}

/* ---- to GGUF ---- */

/* The last part of the path: "models/Qwen3-0.6B/" is called Qwen3-0.6B. */
static void name_of(char *buf, size_t size, const char *path) {
    size_t n = strlen(path);
    while (n > 1 && path[n - 1] == '/') n--;
    size_t from = n;
    while (from && path[from - 1] != '/') from--;
    snprintf(buf, size, "%.*s", (int)(n - from), path + from);
}

static int to_gguf(struct job *j, struct err *e) {
    struct gguf_writer *g = NULL;
    char name[256];
    if (weights_is_file(j->w, j->out))
        return fail_at(e, ERR_ARG, j->out, -1, "expected an output that is not the input, found the same file");
    name_of(name, sizeof name, weights_dir(j->w));
    TRY(gguf_writer_new(&g, e));
    int rc = convert_put_gguf(j->c, g, arg_has(j->a, "name") ? arg_str(j->a, "name") : name, e);
    if (rc == 0 && j->tok) rc = tokenizer_put_gguf(g, j->tok, convert_vocab(j->c), e);
    if (rc == 0 && j->tok && j->chat) rc = chat_template_put(g, j->chat, e);
    if (rc == 0 && !j->tok) gguf_put_str(g, "tokenizer.ggml.model", "none", 4);
    if (rc == 0) rc = gguf_writer_commit(g, j->out, e);
    gguf_writer_free(g);
    return rc;
}

/* ---- to a folder ---- */

static int put_files(struct job *j, const struct dir_out *d, struct st_writer *s, struct err *e) {
    struct config_ids ids = {-1, -1, -1};
    int64_t shard = 0;
    if (j->tok) ids = (struct config_ids){tokenizer_bos(j->tok), tokenizer_eos(j->tok), tokenizer_pad(j->tok)};
    TRY(arg_i64(j->a, "max-shard-size", 1, 1 << 30, &shard, e));
    TRY(convert_config(j->c, d, &ids, e));
    if (j->tok) TRY(tokenizer_put_dir(d, j->tok, j->chat, e));
    TRY(convert_put_folder(j->c, s, e));
    return st_writer_commit(s, d, (uint64_t)shard * 1000000, e);
}

static int to_folder(struct job *j, struct err *e) {
    struct st_writer *s = NULL;
    struct dir_out d;
    size_t n = strlen(j->out);
    if (n > 5 && !strcmp(j->out + n - 5, ".gguf"))
        return usage_error(
            j->a, e, "IN is a GGUF file: expected a folder as OUT, found \"%.80s\" (for another type, candor quantize)", j->out);
    TRY(dir_out_open(&d, j->out, arg_has(j->a, "force"), e));
    int rc = st_writer_new(&s, e);
    if (rc == 0) rc = put_files(j, &d, s, e);
    st_writer_free(s);
    if (rc == 0) return dir_out_commit(&d, e);
    dir_out_abort(&d);
    return rc;
}

/* ---- the run ---- */

static int report(const struct job *j, double seconds, struct err *e) {
    int folder = weights_kind(j->w) == WEIGHTS_GGUF;
    const char *kind = convert_is_reward(j->c) ? "reward" : "language";
    if (arg_has(j->a, "json"))
        return print_json(json_pack("{s:o, s:o, s:s, s:s, s:I, s:I, s:f}", "input", json_name(weights_path(j->w)), "output",
                                    json_name(j->out), "to", folder ? "folder" : "gguf", "model", kind, "tensors",
                                    (json_int_t)convert_tensors(j->c), "tokens",
                                    (json_int_t)(j->tok ? tokenizer_size(j->tok) : 0), "seconds", seconds),
                          e);
    if (!arg_has(j->a, "quiet"))
        fprintf(stderr, "%s: %s model, %lld tensors, %lld tokens\n", j->out, kind, (long long)convert_tensors(j->c),
                (long long)(j->tok ? tokenizer_size(j->tok) : 0));
    return 0;
}

static int convert(struct job *j, struct err *e) {
    struct convert_opts o = {.stop = interrupted};
    char path[PATH_SIZE];
    double t0 = clock_s();
    TRY(read_type(j->a, &o.type, e));
    TRY(resolve_model(j->a->pos[0], path, e));
    TRY(weights_open(&j->w, path, e));
    TRY(dev_open(&j->d, 1, 0, e));
    TRY(convert_open(&j->c, j->d, j->w, &o, e));
    TRY(open_tok(j, e));
    TRY(weights_kind(j->w) == WEIGHTS_GGUF ? to_folder(j, e) : to_gguf(j, e));
    return report(j, clock_s() - t0, e);
}

static int run(struct args *a, struct err *e) {
    struct job j = {.a = a, .out = a->pos[1]};
    int rc = convert(&j, e);
    convert_free(j.c);
    tokenizer_free(j.tok);
    chat_template_free(j.chat);
    if (j.d) dev_close(j.d);
    if (j.w) weights_close(j.w);
    return rc;
}

const struct command command_convert = {
    "convert",
    "a Hugging Face folder as a GGUF file, or a GGUF file as a Hugging Face folder",
    "IN OUT [--type T] [--tokenizer PATH] [--max-shard-size MB] [--force]",
    opts,
    2,
    2,
    run,
    "IN a folder with config.json and *.safetensors: OUT is a GGUF file, as llama.cpp's converter writes it.\n"
    "IN a GGUF file: OUT is a folder with config.json, model.safetensors, tokenizer.json and what goes with them. It must not "
    "exist\n"
    "or be empty, and appears whole or not at all. Sequence classifiers of one label (reward models) keep their score head."};
