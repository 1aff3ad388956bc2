/* candor hidden: one named activation at every position, of one layer or of all. */
#include "cli/open.h"
#include "run/hidden.h"
#include "weights/npy.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct opt opts[] = {
    OPT_MODEL,
    OPT_PROMPT,
    OPT_FILE,
    OPT_IDS,
    {"tap", 0, "NAME", "resid_out", "what to capture (--taps lists the names)"},
    {"layer", 0, "L|all", "all", "layer, from 0; or all of them"},
    {"taps", 0, NULL, NULL, "list the taps and stop"},
    OPT_KV,
    OPT_PRECISION,
    OPT_NPY,
    {0},
};

static void list_taps(void) {
    for (int t = 0; t < TAP_COUNT; t++)
        if (t != TAP_LOGITS) printf("%-12s %s\n", tap_name((enum tap)t), tap_help((enum tap)t));
}

static int choose_tap(struct args *a, int *tap, struct err *e) {
    const char *name = arg_str(a, "tap");
    *tap = tap_find(name);
    if (*tap == TAP_LOGITS) return usage_error(a, e, "--tap logits: use candor logits");
    return *tap < 0 ? usage_error(a, e, "--tap: expected a name that `candor hidden --taps` lists, found \"%.60s\"", name) : 0;
}

/* all: lo = 0, hi = L-1 and three dimensions; one layer: two. The final norm has no layers. */
static int choose_layers(struct args *a, const struct model_cfg *c, int tap, int *lo, int *hi, int *all, struct err *e) {
    const char *s = arg_str(a, "layer");
    *lo = 0, *hi = c->n_layer - 1, *all = !strcmp(s, "all");
    if (tap == TAP_FINAL_NORM)
        *hi = 0, *all = 0;
    else if (!*all) {
        int64_t l = 0;
        TRY(arg_i64(a, "layer", 0, c->n_layer - 1, &l, e));
        *lo = *hi = (int)l;
    }
    return 0;
}

static int write_hidden(struct args *a, struct opened *o, const struct input *in, int tap, const char *path, struct err *e) {
    const struct model_cfg *c = model_cfg(o->m);
    int lo, hi, all;
    TRY(choose_layers(a, c, tap, &lo, &hi, &all, e));
    int64_t W = hidden_width(c, (enum tap)tap);
    if (!W) return fail(e, ERR_ARG, "tap %s: this model has none (its feed-forward is not gated)", tap_name((enum tap)tap));
    int64_t dims[3] = {hi - lo + 1, in->n, W};
    if (dims[0] > (int64_t)(1ll << 40) / 4 / in->n / W) return fail(e, ERR_LIMIT, "the array would take more than a terabyte");
    TRY(open_engine(o, &(struct engine_opts){.max_ctx = in->n, .max_sessions = 1}, e));
    float *x = malloc((size_t)(dims[0] * dims[1] * dims[2]) * sizeof *x);
    if (!x) return fail(e, ERR_NOMEM, "out of memory for the array");
    int rc = hidden_capture(o->g, in->ids, in->n, (enum tap)tap, lo, hi, x, e);
    if (!rc) rc = npy_write(path, NPY_F4, all ? 3 : 2, all ? dims : dims + 1, x, e);
    free(x);
    return rc;
}

static int run(struct args *a, struct err *e) {
    const char *path;
    struct opened o = {0};
    struct input in = {0};
    int tap;
    if (arg_has(a, "taps")) {
        list_taps();
        return 0;
    }
    TRY(arg_need(a, "output", &path, e));
    TRY(check_input(a, e));
    TRY(choose_tap(a, &tap, e));
    int rc = open_model(&o, a, "model", 0, NULL, e);
    if (!rc) rc = read_input(&in, &o, a, e);
    if (!rc) rc = write_hidden(a, &o, &in, tap, path, e);
    free(in.ids);
    opened_close(&o, 0);
    return rc;
}

const struct command command_hidden = {
    "hidden",
    "activations at a named point of the model",
    "-m M (-p TEXT | -f FILE | --ids LIST) --tap NAME --layer L|all -o OUT.npy",
    opts,
    0,
    0,
    run,
    "Writes float32 [T, C] for one layer, [L, T, C] for all; final_norm has no layers and is always [T, C]."};
