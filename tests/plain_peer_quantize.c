/* What llama.cpp's library makes of the same models, in every mix, compared byte by byte with what we make. Skipped (77) unless
 * CANDOR_PEER_LIBS names the folder of libllama.so* (0.5; a library with another layout of the parameters is skipped too).
 * With the argument --table it prints tests/quantize_mixes.h: the formats the library chose. */
#include "base/fs.h"
#include "model/quantize.h"
#include "quant_models.h"
#include <dirent.h>
#include <dlfcn.h>
#include <unistd.h>

enum { SKIP = 77, N_GGML_TYPES = 43, DEFAULT_TYPE = 7 };

/* llama_model_quantize_params of release 0.5. */
struct peer_params {
    int32_t threads, file_type, output, embedding;
    _Bool requantize, quantize_output, only_copy, pure, keep_split, dry_run;
    const void *imatrix, *kv, *types, *prune;
    size_t max_buf;
};
static struct peer_params (*peer_defaults)(void);
static uint32_t (*peer_quantize)(const char *in, const char *out, const struct peer_params *p);
static void (*peer_log)(void (*fn)(int level, const char *text, void *ctx), void *ctx);

/* A dry run says its choices in the log, a line a tensor. */
static struct {
    char text[1 << 18];
    size_t n;
} said;
static void keep_log(int level, const char *text, void *ctx) {
    size_t n = strlen(text);
    (void)level, (void)ctx;
    if (said.n + n < sizeof said.text) memcpy(said.text + said.n, text, n + 1), said.n += n;
}

/* dlsym gives objects; a function is the same pointer here. */
static int symbol(void *lib, const char *name, void *to) {
    void *p = dlsym(lib, name);
    memcpy(to, &p, sizeof p);
    return p != NULL;
}

static int open_peer(const char *dir) {
    char path[1024];
    struct dirent *x;
    void *lib = NULL;
    DIR *d = opendir(dir);
    while (d && (x = readdir(d)))
        if (!strncmp(x->d_name, "libllama.", 9)) {
            snprintf(path, sizeof path, "%s/%s", dir, x->d_name);
            lib = dlopen(path, RTLD_NOW);
        }
    if (d) closedir(d);
    if (!lib) return fprintf(stderr, "no libllama in %s: %s\n", dir, dlerror()), 0;
    if (!symbol(lib, "llama_model_quantize_default_params", &peer_defaults) ||
        !symbol(lib, "llama_model_quantize", &peer_quantize) || !symbol(lib, "llama_log_set", &peer_log))
        return 0;
    struct peer_params p = peer_defaults();
    if (p.file_type != DEFAULT_TYPE || p.output != N_GGML_TYPES || p.embedding != N_GGML_TYPES || !p.quantize_output)
        return fprintf(stderr, "the library's parameters have another layout\n"), 0;
    peer_log(keep_log, NULL);
    return 1;
}

/* ---- comparing ---- */

struct variant {
    const char *text;
    struct peer_params how;
    struct quant_opts opts;
};

static int ours(const char *in, const char *out, const struct quant_opts *o) {
    struct weights *w = NULL;
    struct quant_plan *p = NULL;
    struct err e = ERR_INIT;
    struct pool *pool = NULL;
    int rc = weights_open(&w, in, &e);
    if (rc == 0) rc = pool_new(&pool, 2, &e);
    if (rc == 0) rc = quant_plan_new(&p, w, o, &e);
    if (rc == 0) rc = quant_write(p, out, &(struct quant_run){.pool = pool}, &e);
    pool_free(pool);
    if (rc < 0) fprintf(stderr, "ours: %s\n", e.msg);
    quant_plan_free(p);
    weights_close(w);
    return rc;
}

static int same_file(const char *a, const char *b) {
    char *x = NULL, *y = NULL;
    size_t n = 0, m = 0;
    int same = file_read(&x, &n, a, 0, NULL) == 0 && file_read(&y, &m, b, 0, NULL) == 0 && n == m && !memcmp(x, y, n);
    free(x), free(y);
    return same;
}

static int compare(const char *dir, const struct qshape *s, const struct variant *v) {
    char in[256], theirs[256], mine[256];
    snprintf(in, sizeof in, "%s/in.gguf", dir);
    snprintf(theirs, sizeof theirs, "%s/theirs.gguf", dir), snprintf(mine, sizeof mine, "%s/ours.gguf", dir);
    said.n = 0;
    int bad = peer_quantize(in, theirs, &v->how) != 0 || ours(in, mine, &v->opts) < 0 || !same_file(theirs, mine);
    if (bad) fprintf(stderr, "%s as %s%s: other bytes\n%.400s\n", s->name, v->opts.mix->name, v->text, said.text);
    unlink(theirs), unlink(mine);
    return bad;
}

static int compare_all(const char *dir, const struct qshape *s, int *times) {
    const struct fmt_row *half = fmt_find(FMT_F16), *byte = fmt_find(FMT_Q8_0);
    int bad = 0;
    for (int i = 0; quant_mix_at(i); i++) {
        const struct quant_mix *m = quant_mix_at(i);
        struct variant v[] = {
            {"", peer_defaults(), {.mix = m}},
            {" --pure", peer_defaults(), {.mix = m, .pure = 1}},
            {" --keep-output", peer_defaults(), {.mix = m, .keep_output = 1}},
            {" with output and embedding of their own", peer_defaults(), {.mix = m, .output = half, .embedding = byte}}};
        v[1].how.pure = 1, v[2].how.quantize_output = 0, v[3].how.output = FMT_F16, v[3].how.embedding = FMT_Q8_0;
        if (!strcmp(m->name, "Q2_K_S")) continue; /* the library wants an importance matrix: see the table */
        if (s->L > 20 && m->fmt != FMT_Q2_K && m->fmt != FMT_Q3_K && m->fmt != FMT_Q4_K)
            continue; /* minutes, for what the others show */
        for (int k = 0; k < 4; k++) {
            if (k && (m->fmt != FMT_Q4_K || s->C % 32)) continue;
            v[k].how.threads = 2, v[k].how.file_type = m->file_type;
            bad += compare(dir, s, &v[k]), ++*times;
        }
    }
    return bad;
}

/* ---- the table ---- */

/* "blk.3.attn_v.weight … type = f32, size = 1 MiB -> 2 MiB (q6_K)": the last word in brackets is what it becomes; none: what it is. */
static const char *chosen(const char *name, char buf[16]) {
    char head[96];
    snprintf(head, sizeof head, "] %s ", name);
    const char *at = strstr(said.text, head), *end = at ? strchr(at, '\n') : NULL, *from = at ? strstr(at, "type = ") : NULL;
    size_t n = 0;
    if (!end || !from) return NULL;
    for (from += 7; *from == ' ';) from++;
    for (const char *p = from; p < end; p++)
        if (*p == '(') from = p + 1;
    while (n < 15 && (from[n] == '_' || (from[n] >= '0' && from[n] <= '9') || (from[n] | 32) >= 'a') && from[n] != ',' &&
           from[n] != ')')
        buf[n] = from[n], n++;
    buf[n] = 0;
    return buf;
}

static void print_row(const struct qshape *s, const struct quant_mix *m) {
    static const char *const parts[] = {"attn_v", "attn_qkv", "attn_output", "ffn_down", "ffn_up"};
    char buf[16], name[64];
    printf("    {\"%s\", \"%s\", \"", s->name, m->name);
    printf("embd=%s", chosen("token_embd.weight", buf));
    if (!s->tied) printf(" output=%s", chosen("output.weight", buf));
    for (size_t k = 0; k < sizeof parts / sizeof *parts; k++) {
        char last[16] = "";
        int run = 0;
        for (int l = 0; l < s->L; l++) {
            snprintf(name, sizeof name, "blk.%d.%s.weight", l, parts[k]);
            const char *f = chosen(name, buf);
            if (!f) break;
            if (run && strcmp(f, last)) printf("%s*%d,", last, run), run = 0;
            if (!run && l == 0) printf(" %s=", parts[k]);
            snprintf(last, sizeof last, "%s", f), run++;
        }
        if (run) printf("%s*%d", last, run);
    }
    puts("\"},");
}

static void print_table(const char *dir, const struct qshape *s) {
    char in[256];
    snprintf(in, sizeof in, "%s/in.gguf", dir);
    for (int i = 0; quant_mix_at(i); i++) {
        struct peer_params p = peer_defaults();
        p.file_type = quant_mix_at(i)->file_type, p.dry_run = 1;
        said.n = 0;
        if (peer_quantize(in, in, &p) == 0) print_row(s, quant_mix_at(i));
    }
}

int main(int argc, char **argv) {
    const char *libs = getenv("CANDOR_PEER_LIBS");
    char dir[] = "/tmp/candor-peer-XXXXXX", in[64];
    int bad = 0, times = 0, table = argc > 1 && !strcmp(argv[1], "--table");
    if (!libs || !open_peer(libs)) return fprintf(stderr, "skipped: no peer (CANDOR_PEER_LIBS)\n"), SKIP;
    if (!mkdtemp(dir)) return 1;
    snprintf(in, sizeof in, "%s/in.gguf", dir);
    for (int i = 0; i < N_QSHAPES; i++) {
        struct weights *w = qmodel(&qshapes[i], i % 3 == 1 ? FMT_BF16 : i % 3 == 2 ? FMT_F16 : FMT_F32, !table);
        if (!w || qsave(w, in) < 0) return 1;
        weights_close(w);
        if (table)
            print_table(dir, &qshapes[i]);
        else
            bad += compare_all(dir, &qshapes[i], &times);
        unlink(in);
    }
    rmdir(dir);
    if (!table) printf("%d files compared, %d differ\n", times, bad);
    return bad != 0;
}
