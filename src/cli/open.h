/* What most commands begin with: -m, and from it weights, tokenizer, device, model, engine. */
#ifndef CLI_OPEN_H
#define CLI_OPEN_H
#include "base/progress.h"
#include "cli/cli.h"
#include "run/engine.h"
#include "text/tokenizer.h"
#include "weights/preload.h"

#define OPT_MODEL \
    { "model", 'm', "M", NULL, "GGUF file, safetensors file or folder, or the name of a shipped model" }
#define OPT_PROMPT \
    { "prompt", 'p', "TEXT", NULL, "the input text" }
#define OPT_FILE \
    { "file", 'f', "FILE", NULL, "a file with the input text (- for stdin)" }
#define OPT_IDS \
    { "ids", 0, "LIST", NULL, "input token ids, as 1,2,3; no token is added, no tokenizer needed" }
#define OPT_KV                                                                                                    \
    {                                                                                                             \
        "kv", 0, "TYPE", "auto",                                                                                  \
            "storage of keys and values: f32, f16, bf16, or auto (bf16 where the weights are multiplied as bf16)" \
    }
#define OPT_PRECISION                                                                                                    \
    {                                                                                                                    \
        "precision", 0, "P", "auto",                                                                                     \
            "matrix products: full (float), bf16, auto (bf16 for weights narrower than F32 where the CPU has it), or "   \
            "int8 (auto, but activations rounded to eight bits for quantised weights; never where a gradient is wanted)" \
    }
#define OPT_JSON \
    { "json", 0, NULL, NULL, "JSON on stdout" }
#define OPT_NPY \
    { "output", 'o', "OUT.npy", NULL, "where to write the array (NumPy, float32, C order)" }

/* Folders that what is shipped may lie in, in the order of the search ("": this one has none); returns 0 past the last. */
enum { PATH_SIZE = 4096 };
int shipped_dir(const char *variable, const char *folder, int i, char out[PATH_SIZE]);
int models_dir(int i, char out[PATH_SIZE]);
/* A path as given if it exists, else the file of a shipped model of that name. */
int resolve_model(const char *name, char out[PATH_SIZE], struct err *e);

struct opened {
    char path[PATH_SIZE];
    struct weights *w;
    struct device *d;
    struct model *m;
    struct engine *g;
    enum kv_type kv;       /* --kv, where a command has it: for open_engine, unless its options say otherwise */
    struct tokenizer *tok; /* NULL until open_tokenizer */
    int lazy;              /* set before open_model: nothing will be computed, so do not read the file ahead */
    struct preload *ahead; /* reads the file while the command already works */
    struct progress loading;
};
int misused(struct args *a, int rc); /* rc; below 0 it is a usage error (exit status 2) */
/* Option `name` ("model") -> weights, device, model. flags of model_open. */
int open_model(struct opened *o, struct args *a, const char *name, unsigned flags, struct device *share, struct err *e);
int open_tokenizer(struct opened *o, struct err *e);
int open_engine(struct opened *o, const struct engine_opts *opts, struct err *e);
void opened_close(struct opened *o, int keep_device);

/* The input of a command: --ids, or -p / -f encoded with special tokens (opens the tokenizer). At least one id. */
struct input {
    int32_t *ids;
    int64_t n, bytes;
};
int check_input(struct args *a, struct err *e); /* what is wrong with the command line, before anything is opened */
int read_input(struct input *in, struct opened *o, struct args *a, struct err *e);
int read_file_or_stdin(const char *path, char **text, size_t *n, struct err *e); /* "-": stdin. *text is malloc'd */
/* -p, or -f ("-": stdin). *text is malloc'd. */
int read_text(struct args *a, char **text, size_t *n, struct err *e);
int check_ids(const struct model *m, const int32_t *ids, int64_t n, struct err *e);
#endif
