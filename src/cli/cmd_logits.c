/* candor logits: raw logits after each input position, float32 [T, V]. Rows go to the file as they are made. */
#include "cli/open.h"
#include "weights/npy.h"
#include <stdlib.h>

static const struct opt opts[] = {OPT_MODEL, OPT_PROMPT, OPT_FILE, OPT_IDS, OPT_KV, OPT_PRECISION, OPT_NPY, {0}};

struct writer {
    struct npy_out *o;
    struct err *e;
};
static int write_rows(void *ctx, int64_t row0, int64_t rows, const float *x, int64_t width) {
    struct writer *w = ctx;
    (void)row0;
    if (interrupted()) return 1;
    return npy_out_write(w->o, x, rows * width, w->e);
}

static int write_logits(struct opened *o, const struct input *in, const char *path, struct err *e) {
    int64_t dims[2] = {in->n, model_n_out(o->m)};
    struct writer w = {NULL, e};
    struct session *s = NULL;
    TRY(open_engine(o, &(struct engine_opts){.max_ctx = in->n, .max_sessions = 1}, e));
    TRY(npy_out_open(&w.o, path, NPY_F4, 2, dims, e));
    int rc = session_new(&s, o->g, e);
    if (!rc) rc = session_feed_logits(s, in->ids, in->n, write_rows, &w, NULL, e);
    session_free(s);
    if (rc < 0) {
        npy_out_abort(w.o);
        return rc;
    }
    return npy_out_commit(w.o, e);
}

static int run(struct args *a, struct err *e) {
    const char *path;
    struct opened o = {0};
    struct input in = {0};
    TRY(arg_need(a, "output", &path, e));
    TRY(check_input(a, e));
    int rc = open_model(&o, a, "model", 0, NULL, e);
    if (!rc) rc = read_input(&in, &o, a, e);
    if (!rc) rc = write_logits(&o, &in, path, e);
    free(in.ids);
    opened_close(&o, 0);
    return rc;
}

const struct command command_logits = {"logits",
                                       "raw logits after each input position",
                                       "-m M (-p TEXT | -f FILE | --ids LIST) -o OUT.npy",
                                       opts,
                                       0,
                                       0,
                                       run,
                                       "Writes float32 [T, V]; of a reward model the scores, [T, 1]."};
