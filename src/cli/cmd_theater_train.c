/* candor theater train: probes of a trace store, all layers side by side, into one file. */
#include "base/pool.h"
#include "cli/theater.h"
#include <inttypes.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

static const struct opt opts[] = {
    {"output", 'o', "PROBE.gguf", NULL, "where to write the probes"},
    {"kinds", 0, "A,B,…", NULL, "only traces of these question families; default: all"},
    {"target", 0, "own|truth|right", "own", "what to predict: the model's own answer, the right one, or whether the two agree"},
    {"classes", 0, "letters|tokens|auto", "auto",
     "letters of the choices, or first tokens of free answers; auto: what most traces have"},
    {"pool", 0, "attention|mean|last", "attention", "how the tokens of a prefix are weighed; mean and last are baselines"},
    {"heads", 0, "N", "1", "heads of the attention (1 to 8)"},
    {"rank", 0, "N", "32",
     "rank of the candidate head, which matches states with the text of the choices; 0: none (the paper's probe)"},
    {"cut", 0, NULL, NULL, "train on one random prefix a trace and epoch (the paper's way) instead of all prefixes"},
    {"shuffle-labels", 0, NULL, NULL, "train on random labels: a control"},
    {"layer", 0, "L", NULL, "only this layer (-1: the embeddings, which see only the text); default: all that are stored"},
    {"epochs", 0, "N", "12", "passes over the training traces"},
    {"batch", 0, "N", "32", "traces of one update"},
    {"lr", 0, "X", "0.003", "learning rate"},
    {"weight-decay", 0, "X", "0.001", "decoupled weight decay"},
    {"split-seed", 0, "N", "42",
     "which questions are for training, validation and test (8 : 1 : 1; half of validation for conformal thresholds)"},
    OPT_JSON,
    {0},
};

static int choice(struct args *a, const char *name, const char *const *words, int *out, struct err *e) {
    const char *s = arg_str(a, name);
    for (*out = 0; words[*out]; ++*out)
        if (!strcmp(s, words[*out])) return 0;
    return usage_error(a, e, "--%s: \"%.40s\" is none of its words (see --help)", name, s);
}

static int read_opts(struct learn_opts *o, struct args *a, struct err *e) {
    static const char *const pools[] = {"attention", "mean", "last", NULL}, *const classes[] = {"letters", "tokens", "auto",
                                                                                                NULL};
    int64_t rank = 32, heads = 1, layer = -2, epochs = 12, batch = 32, split = 42, seed = 42;
    int pool, cls;
    *o = LEARN_DEFAULT;
    if (probe_target_parse(arg_str(a, "target"), &o->target, e) < 0) return a->wrong = 1, ERR_ARG;
    TRY(choice(a, "pool", pools, &pool, e));
    TRY(choice(a, "classes", classes, &cls, e));
    TRY(arg_i64(a, "heads", 1, SCAN_HEADS, &heads, e));
    TRY(arg_i64(a, "rank", 0, FIT_RANK, &rank, e));
    TRY(arg_i64(a, "layer", -1, STORE_LAYERS, &layer, e));
    TRY(arg_i64(a, "epochs", 1, 10000, &epochs, e));
    TRY(arg_i64(a, "batch", 1, 1 << 20, &batch, e));
    TRY(arg_i64(a, "split-seed", 0, INT64_MAX, &split, e));
    TRY(arg_i64(a, "seed", 0, INT64_MAX, &seed, e));
    TRY(arg_real(a, "lr", 1e-9, 10, &o->fit.lr, e));
    TRY(arg_real(a, "weight-decay", 0, 10, &o->fit.weight_decay, e));
    if (pool && heads != 1) return usage_error(a, e, "--heads: only attention has more than one head");
    o->kinds = arg_str(a, "kinds"), o->by_token = cls == 2 ? -1 : cls, o->layer = (int)layer, o->split_seed = (uint64_t)split;
    o->fit.shape.pool = (enum scan_pool)pool, o->fit.shape.heads = (int)heads, o->fit.rank = (int)rank;
    o->fit.epochs = (int)epochs, o->fit.batch = (int)batch, o->fit.seed = (uint64_t)seed, o->fit.stop = interrupted;
    o->fit.cut = arg_has(a, "cut"), o->fit.shuffle_labels = arg_has(a, "shuffle-labels");
    return 0;
}

static int print_rows(const struct probe *p, const struct learned *l, const char *path) {
    printf("%" PRId64 " traces: %" PRId64 " to train on, %" PRId64 " to choose by, %" PRId64 " for conformal thresholds, %" PRId64
           " kept for tests\n",
           l->traces, l->part[FIT_TRAIN], l->part[FIT_VAL], l->part[FIT_CONFORMAL], l->part[FIT_TEST]);
    for (int i = TRACE_OK + 1; i < TRACE_OUTS; i++)
        if (l->out[i]) printf("left out: %" PRId64 " (%s)\n", l->out[i], trace_out_name((enum trace_out)i));
    if (l->other_kind) printf("left out: %" PRId64 " (another family)\n", l->other_kind);
    if (l->other_form) printf("left out: %" PRId64 " (%s choices)\n", l->other_form, p->by_token ? "with" : "without");
    if (l->no_class) printf("left out: %" PRId64 " (an answer that is no class of the probe)\n", l->no_class);
    printf("\n%8s %12s %16s %6s\n", "layer", "val. loss", "val. accuracy %", "epoch");
    for (int i = 0; i < p->n_layers; i++)
        printf("%8d %12.4f %16.1f %6d%s\n", p->layer[i], p->fit[i].val_loss, 100 * p->val_accuracy[i], p->fit[i].epoch,
               i == p->best      ? "  <- best"
               : p->layer[i] < 0 ? "  (text only)"
                                 : "");
    printf("\n%d classes, temperature %.3f · spread^%.2f · position^%.2f; %.1f s\nwrote %s\n", p->shape.classes,
           p->temperature.level, p->temperature.spread, p->temperature.position, l->seconds, path);
    return 0;
}

static int print_object(const struct probe *p, const struct learned *l, const char *path, struct err *e) {
    json_t *layers = json_array(), *out = json_object();
    for (int i = 0; i < p->n_layers; i++)
        json_array_append_new(layers,
                              json_pack("{s:i, s:o, s:o, s:i}", "layer", p->layer[i], "val_loss", json_number(p->fit[i].val_loss),
                                        "val_accuracy", json_number(p->val_accuracy[i]), "epoch", p->fit[i].epoch));
    for (int i = TRACE_OK + 1; i < TRACE_OUTS; i++)
        json_object_set_new(out, trace_out_name((enum trace_out)i), json_integer(l->out[i]));
    json_object_set_new(out, "other_kind", json_integer(l->other_kind));
    json_object_set_new(out, "other_form", json_integer(l->other_form));
    json_object_set_new(out, "no_class", json_integer(l->no_class));
    return print_json(json_pack("{s:s, s:I, s:I, s:I, s:I, s:I, s:o, s:o, s:i, s:i, s:o, s:f}", "out", path, "traces",
                                (json_int_t)l->traces, "train", (json_int_t)l->part[FIT_TRAIN], "val",
                                (json_int_t)l->part[FIT_VAL], "conformal", (json_int_t)l->part[FIT_CONFORMAL], "test",
                                (json_int_t)l->part[FIT_TEST], "excluded", out, "layers", layers, "best_layer", p->layer[p->best],
                                "classes", p->shape.classes, "temperature", temperatures_json(&p->temperature), "seconds",
                                l->seconds),
                      e);
}

static int train(struct args *a, const struct store *s, struct pool *pool, struct err *e) {
    struct learn_opts o;
    struct learned sum;
    struct probe p;
    const char *path;
    TRY(arg_need(a, "output", &path, e));
    TRY(read_opts(&o, a, e));
    TRY(learn(&p, s, &o, pool, &sum, e));
    int rc = probe_save(&p, path, e);
    if (!rc) rc = arg_has(a, "json") ? print_object(&p, &sum, path, e) : print_rows(&p, &sum, path);
    probe_fini(&p);
    return rc;
}

static int run(struct args *a, struct err *e) {
    struct store *s;
    struct pool *pool = NULL;
    int64_t threads = 0;
    TRY(arg_i64(a, "threads", 0, 1024, &threads, e));
    TRY(store_open(&s, a->pos[0], e));
    int rc = pool_new(&pool, (int)threads, e);
    if (!rc) rc = train(a, s, pool, e);
    pool_free(pool);
    store_free(s);
    return rc;
}

const struct command command_theater_train = {
    .name = "theater train",
    .summary = "trains attention probes on a trace store, every layer side by side",
    .usage = "DIR -o PROBE.gguf [--kinds A,B] [--target own|truth|right]",
    .opts = opts,
    .min_pos = 1,
    .max_pos = 1,
    .run = run,
    .notes = "A probe is z = W_v H softmax(W_q H) over the states H of the first t tokens of a thought (Boppana et al. 2026); it "
             "is trained on every t\n"
             "at once, exactly. The best layer is the one most often right on validation questions; the test questions are never "
             "looked at.",
};
