/* From the word after -m to a running engine. */
#include "cli/open.h"
#include "base/fs.h"
#include "base/str.h"
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- where models and studies lie ---- */

/* The folder of the executable, or "". */
static void exe_dir(char out[PATH_SIZE]) {
    ssize_t n = readlink("/proc/self/exe", out, PATH_SIZE - 1);
    out[n > 0 ? n : 0] = 0;
    char *slash = strrchr(out, '/');
    if (slash) *slash = 0;
}

/* The variable's folder first, so that a user can put another in front; then the source tree (build/release/candor), then an installation
 * (bin/candor). */
int shipped_dir(const char *variable, const char *folder, int i, char out[PATH_SIZE]) {
    char exe[PATH_SIZE];
    const char *env = getenv(variable);
    exe_dir(exe);
    int n;
    switch (i) {
    case 0: n = snprintf(out, PATH_SIZE, "%s", env ? env : ""); break;
    case 1: n = snprintf(out, PATH_SIZE, "%s/../../%s", exe, folder); break;
    case 2: n = snprintf(out, PATH_SIZE, "%s/../share/candor/%s", exe, folder); break;
    default: return 0;
    }
    if (n < 0 || n >= PATH_SIZE) out[0] = 0;
    return 1;
}

int models_dir(int i, char out[PATH_SIZE]) { return shipped_dir("CANDOR_MODELS", "models", i, out); }

static int try_shipped(const char *dir, const char *name, char out[PATH_SIZE]) {
    size_t n = strlen(name);
    int has = n > 5 && !strcmp(name + n - 5, ".gguf");
    int len = snprintf(out, PATH_SIZE, "%s/%s%s", dir, name, has ? "" : ".gguf");
    return len > 0 && len < PATH_SIZE && file_exists(out);
}

int resolve_model(const char *name, char out[PATH_SIZE], struct err *e) {
    char dir[PATH_SIZE];
    if (strlen(name) >= PATH_SIZE) return fail(e, ERR_ARG, "the model's path is too long");
    if (file_exists(name) || dir_exists(name)) {
        snprintf(out, PATH_SIZE, "%s", name);
        return 0;
    }
    for (int i = 0; !strchr(name, '/') && models_dir(i, dir); i++)
        if (dir[0] && try_shipped(dir, name, out)) return 0;
    return fail_at(e, ERR_IO, name, -1,
                   "expected a model file, a folder or a shipped model's name (candor models lists them), found no such file");
}

/* ---- opening ---- */

/* A word that an option does not take is a wrong use of the command. */
int misused(struct args *a, int rc) {
    if (rc < 0) a->wrong = 1;
    return rc;
}

/* On the reading thread. The first call of a load is the start of its line. */
static void show_loading(void *ctx, int64_t done, int64_t total) {
    struct progress *p = ctx;
    if (!p->what) progress_start(p, "loading", "MB", (double)total / 1e6);
    progress_step(p, (double)done / 1e6, NULL);
    if (done >= total) progress_end(p);
}

int open_model(struct opened *o, struct args *a, const char *name, unsigned flags, struct device *share, struct err *e) {
    const char *word, *kv = arg_str(a, "kv");
    const char *precision = arg_str(a, "precision");
    enum precision p = PREC_AUTO;
    int64_t threads = 0;
    if (precision) TRY(misused(a, precision_parse(precision, &p, e)));
    TRY(arg_need(a, name, &word, e));
    if (kv) TRY(misused(a, kv_parse(kv, &o->kv, e)));
    TRY(arg_i64(a, "threads", 1, 1024, &threads, e));
    TRY(resolve_model(word, o->path, e));
    TRY(weights_open(&o->w, o->path, e));
    if (!o->lazy) preload_start(&o->ahead, o->w, show_loading, &o->loading);
    if (share)
        o->d = share;
    else {
        TRY(dev_open(&o->d, (int)threads, 0, e));
        TRY(dev_set_precision(o->d, p, e));
    }
    return model_open(&o->m, o->d, o->w, flags, e);
}

int open_tokenizer(struct opened *o, struct err *e) {
    if (o->tok) return 0;
    TRY(err_place(e, tokenizer_from_weights(&o->tok, o->w, e), o->path));
    if (o->m) tokenizer_rows(o->tok, model_cfg(o->m)->n_vocab);
    return 0;
}

int open_engine(struct opened *o, const struct engine_opts *opts, struct err *e) {
    struct engine_opts x = *opts;
    if (x.kv == KV_AUTO) x.kv = o->kv;
    return engine_new(&o->g, o->m, &x, e);
}

void opened_close(struct opened *o, int keep_device) {
    engine_free(o->g);
    model_close(o->m);
    if (!keep_device && o->d) dev_close(o->d);
    tokenizer_free(o->tok);
    preload_end(o->ahead);
    progress_end(&o->loading);
    if (o->w) weights_close(o->w);
    *o = (struct opened){0};
}

/* ---- inputs ---- */

static int read_stdin(char **text, size_t *n, struct err *e) {
    struct str b = {0};
    char buf[65536];
    size_t got;
    while ((got = fread(buf, 1, sizeof buf, stdin)) > 0) str_add(&b, buf, got);
    if (ferror(stdin) || b.failed || (!b.s && str_puts(&b, "") < 0)) {
        str_free(&b);
        return fail_at(e, ERR_IO, "stdin", -1, "cannot read");
    }
    *text = b.s, *n = b.len;
    return 0;
}

int read_file_or_stdin(const char *path, char **text, size_t *n, struct err *e) {
    return strcmp(path, "-") ? file_read(text, n, path, 0, e) : read_stdin(text, n, e);
}

int read_text(struct args *a, char **text, size_t *n, struct err *e) {
    const char *p = arg_str(a, "prompt"), *f = arg_str(a, "file");
    if (p && f) return usage_error(a, e, "expected -p TEXT or -f FILE, found both");
    if (!p && !f) return usage_error(a, e, "expected -p TEXT or -f FILE, found neither (see candor %s --help)", a->cmd->name);
    if (f) return read_file_or_stdin(f, text, n, e);
    *n = strlen(p);
    *text = strdup(p);
    return *text ? 0 : fail(e, ERR_NOMEM, "out of memory");
}

int check_ids(const struct model *m, const int32_t *ids, int64_t n, struct err *e) {
    int V = model_cfg(m)->n_vocab;
    for (int64_t i = 0; i < n; i++)
        if (ids[i] < 0 || ids[i] >= V)
            return fail(e, ERR_RANGE, "token id at position %lld: expected 0 to %d, found %d", (long long)i, V - 1, ids[i]);
    return 0;
}

static int encode_text(struct input *in, struct opened *o, struct args *a, struct err *e) {
    char *text = NULL;
    size_t n = 0;
    struct toks t = {0};
    TRY(read_text(a, &text, &n, e));
    int rc = open_tokenizer(o, e);
    if (!rc) rc = tokenizer_encode(o->tok, text, n, ENCODE_BOS_EOS | ENCODE_SPECIAL, &t, e);
    free(text);
    if (rc < 0) {
        toks_free(&t);
        return rc;
    }
    *in = (struct input){t.ids, t.n, (int64_t)n};
    return 0;
}

int check_input(struct args *a, struct err *e) {
    int ids = arg_has(a, "ids") > 0, text = arg_has(a, "prompt") + arg_has(a, "file");
    if (ids && text) return usage_error(a, e, "expected --ids or a text, found both");
    if (!ids && !text) return usage_error(a, e, "expected -p TEXT, -f FILE or --ids LIST (see candor %s --help)", a->cmd->name);
    if (text) return 0;
    int32_t *list;
    int64_t n;
    TRY(arg_ids(a, "ids", &list, &n, e));
    free(list);
    return 0;
}

int read_input(struct input *in, struct opened *o, struct args *a, struct err *e) {
    if (arg_has(a, "ids"))
        TRY(arg_ids(a, "ids", &in->ids, &in->n, e));
    else
        TRY(encode_text(in, o, a, e));
    int rc = in->n ? check_ids(o->m, in->ids, in->n, e) : fail(e, ERR_ARG, "the input has no tokens: expected at least one");
    if (rc < 0) {
        free(in->ids);
        *in = (struct input){0};
    }
    return rc;
}
