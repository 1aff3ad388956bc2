/* Runs of the trainer in a test's folder, for tests of what it learns and of what it reads. Each program uses a part. */
#ifndef TRAIN_RUNS_H
#define TRAIN_RUNS_H
#include "decode/train.h"
#include "test_files.h"

struct last {
    double loss, first;
    int n;
    int64_t documents, cut; /* as the last validation says */
    double valid, least;
};
struct catch_sink {
    struct sink s;
    struct last *out;
};
SHARED int catch_row(struct sink *s, const char *kind, const struct field *f, int n, struct err *e) {
    struct last *l = ((struct catch_sink *)s)->out;
    (void)e;
    int step = !strcmp(kind, "train_step");
    for (int i = 0; i < n; i++) {
        if (!strcmp(f[i].name, "documents")) l->documents = f[i].v.i;
        if (!strcmp(f[i].name, "cut")) l->cut = f[i].v.i;
        if (!strcmp(f[i].name, "least")) l->least = f[i].v.d;
        if (!step && !strcmp(f[i].name, "loss")) l->valid = f[i].v.d;
        if (!step || strcmp(f[i].name, "loss")) continue;
        if (!l->n++) l->first = f[i].v.d;
        l->loss = f[i].v.d;
    }
    return 0;
}

/* The recipe is a file of the folder; *l gets the losses of all steps. */
SHARED int run(const char *recipe, int64_t max_steps, int threads, struct last *l, struct err *e) {
    struct recipe *r = malloc(sizeof *r);
    struct device *d;
    struct catch_sink s = {{catch_row, NULL}, l};
    cr_assert(recipe_load(r, tmp_path(recipe), e) == 0, "%s", e->msg);
    cr_assert(dev_open(&d, threads, 0, e) == 0, "%s", e->msg);
    int rc = train(r, &(struct train_opts){.device = d, .rows = &s.s, .max_steps = max_steps}, e);
    dev_close(d);
    free(r);
    return rc;
}

SHARED void expect_same_file(const char *a, const char *b) {
    char *x, *y;
    size_t n, m;
    struct err e = ERR_INIT;
    cr_assert(file_read(&x, &n, tmp_path(a), 0, &e) == 0 && file_read(&y, &m, tmp_path(b), 0, &e) == 0, "%s", e.msg);
    cr_assert(n == m && !memcmp(x, y, n), "%s (%zu bytes) and %s (%zu bytes) differ", a, n, b, m);
    free(x), free(y);
}
#endif
