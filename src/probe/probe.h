/* A probe: attention probes of one or more layers, trained on one model's traces, with what is needed to use them, in one GGUF file.
 *
 * The file names the model (name, width, layers, vocabulary), the tap, the storage format of the weights it was trained on, the classes, the
 * temperature that calibrates it and the conformal thresholds. Keys: probe.*; tensors layer.N.q [heads, width], layer.N.v [heads·classes, width],
 * layer.N.bias [classes], and of a candidate head layer.N.u [heads·rank, width], layer.N.u_bias, layer.N.candidate
 * [rank, candidate width], all F32. A question belongs to the training, validation or test part (8 : 1 : 1) by a hash of (split seed, its id), so the part is the same in
 * every store and needs no list. Half of validation chooses (epoch, layer, temperatures), the other half is for the conformal thresholds.
 * Immutable after open. Errors name file and key. */
#ifndef PROBE_PROBE_H
#define PROBE_PROBE_H
#include "model/model.h"
#include "probe/fit.h"
#include "stats/stats.h"

enum { PROBE_NAME = 128, PROBE_ALPHAS = 8, PROBE_KINDS = 16 };
enum probe_target { TARGET_OWN, TARGET_TRUTH, TARGET_RIGHT }; /* the model's own answer, the right one, whether they agree */
struct probe_model {
    char name[PROBE_NAME]; /* general.name, or the file's */
    char format[32];       /* of its weights */
    int64_t width, layers, vocab;
};
struct probe {
    struct probe_model model;
    enum tap tap;
    enum probe_target target;
    struct scan_shape shape;
    int64_t width;                   /* of the tap */
    int n_layers, best;              /* best: place in layer[] */
    int *layer;                      /* rising; -1: the embeddings */
    struct fit_probe *fit;           /* [n_layers] */
    double *val_accuracy;            /* [n_layers] mean over validation readings */
    struct temperatures temperature; /* of the best layer's readings */
    /* The same of single families, where there were enough validation traces (learn.h): others take the one above. */
    char kind[PROBE_KINDS][64];
    struct temperatures kind_temperature[PROBE_KINDS];
    int n_kinds;
    double alpha[PROBE_ALPHAS],
        threshold[PROBE_ALPHAS]; /* exits at ≥ threshold are wrong for at most alpha of questions (measure.h) */
    int n_alphas;
    int by_token; /* classes are first tokens of answers */
    int32_t token[SCAN_CLASSES];
    uint64_t split_seed;
    char kinds[256];        /* question families of its training traces, by commas */
    char store[PROBE_NAME]; /* hash of the settings and data of that store */
    uint64_t id;            /* hash of what gives readings before calibration; 0: not from a file */
};
void probe_fini(struct probe *p);
int probe_save(const struct probe *p, const char *path, struct err *e);
int probe_open(struct probe *out, const char *path, struct err *e);
enum fit_part probe_part(uint64_t split_seed, const char *question_id);
const char *probe_target_name(enum probe_target t);
int probe_target_parse(const char *s, enum probe_target *out, struct err *e);
/* Whether the probe can read this model: width, layers and vocabulary must be equal (another storage format may differ; a name only warns). */
int probe_fits(const struct probe *p, const struct probe_model *m, const char *path, struct err *e);
/* The temperatures for questions of this family; NULL: of none. */
const struct temperatures *probe_temperature(const struct probe *p, const char *kind);
/* softmax(z / its temperature), in place; n classes; the reading after `at` = 1, 2 … tokens. */
void probe_softmax(double *z, int n, const struct temperatures *t, int64_t at);
/* {level, spread, position} */
struct json_t *temperatures_json(const struct temperatures *t);
#endif
