/* Checkpoints: weights and both moments as they are, plus where the run stood.
 *
 *   offset  0  8 bytes  "CNDRCKP2"
 *           8  u64      hash of the recipe
 *          16  u64      bytes of one number (4 or 8)
 *          24  u64      numbers in all parameters, P
 *          32  u64      hash of the files of documents; 0: none
 *          40  struct train_state
 *           …  P weights, P first moments, P second moments, parameters in model order
 *           …  u64      hash of everything before
 * A private, local file: read back only by the program that wrote it, but checked all the same. */
#include "base/fs.h"
#include "base/hash.h"
#include "decode/train_int.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct head {
    char magic[8];
    uint64_t recipe, num_bytes, count, files;
    struct train_state s;
};

static int put(FILE *f, uint64_t *h, const void *p, size_t n, struct err *e) {
    *h = hash_bytes(*h, p, n);
    return fwrite(p, 1, n, f) == n ? 0 : fail(e, ERR_IO, "cannot write the checkpoint");
}

static int put_array(const struct trainer *t, FILE *f, uint64_t *h, const num *x, int64_t n, double *tmp, struct err *e) {
    for (int64_t i = 0; i < n; i += 4096) {
        int64_t k = n - i < 4096 ? n - i : 4096;
        dev_get_f64(t->d, tmp, num_at(t->d, x, i), k);
        TRY(put(f, h, tmp, (size_t)k * sizeof *tmp, e));
    }
    return 0;
}

static const num *array_of(const struct trainer *t, int which, int i) {
    return which == 0 ? model_param(t->m, i)->value : which == 1 ? t->mom[i] : t->var[i];
}

int checkpoint_write(const struct trainer *t, const char *path, struct err *e) {
    struct file_out o;
    double tmp[4096];
    uint64_t h = HASH_START;
    struct head head;
    memset(&head, 0, sizeof head);
    memcpy(head.magic, "CNDRCKP2", 8);
    head.recipe = t->r->hash, head.num_bytes = t->d->num_bytes, head.count = (uint64_t)model_param_count(t->m), head.s = t->s;
    head.files = train__files_hash(t);
    TRY(file_out_open(&o, path, e));
    int rc = put(o.f, &h, &head, sizeof head, e);
    for (int w = 0; w < 3; w++)
        for (int i = 0; rc >= 0 && i < model_n_params(t->m); i++)
            rc = put_array(t, o.f, &h, array_of(t, w, i), model_param(t->m, i)->count, tmp, e);
    uint64_t sum = h;
    if (rc >= 0) rc = put(o.f, &h, &sum, sizeof sum, e);
    if (rc >= 0) return file_out_commit(&o, e);
    file_out_abort(&o);
    return rc;
}

int checkpoint_read(struct trainer *t, const char *path, struct err *e) {
    struct head head;
    struct map m;
    if (!file_exists(path)) return 0;
    TRY(map_open(&m, path, e));
    size_t count = (size_t)model_param_count(t->m), want = sizeof head + 3 * count * sizeof(double) + 8;
    uint64_t sum;
    int rc = 1;
    if (m.size != want) rc = fail_at(e, ERR_FORMAT, path, -1, "checkpoint: expected %zu bytes, found %zu", want, m.size);
    if (rc > 0) {
        memcpy(&head, m.data, sizeof head);
        memcpy(&sum, m.data + want - 8, 8);
        if (memcmp(head.magic, "CNDRCKP2", 8) || hash_bytes(HASH_START, m.data, want - 8) != sum)
            rc = fail_at(e, ERR_FORMAT, path, -1, "checkpoint is damaged: its hash does not fit its content");
        else if (head.recipe != t->r->hash)
            rc = fail_at(e, ERR_STATE, path, -1,
                         "checkpoint was made by another recipe (or the recipe was edited); --fresh starts anew");
        else if (head.files != train__files_hash(t))
            rc = fail_at(e, ERR_STATE, path, -1,
                         "checkpoint was made from other documents: a file that the recipe names (%s%s) has changed; --fresh "
                         "starts anew",
                         t->r->files[0], t->r->n_files > 1 ? ", …" : "");
    }
    const unsigned char *p = m.data + sizeof head;
    double tmp[4096];
    for (int w = 0; rc > 0 && w < 3; w++)
        for (int i = 0; i < model_n_params(t->m); i++)
            for (int64_t j = 0, n = model_param(t->m, i)->count; j < n; j += 4096) {
                int64_t k = n - j < 4096 ? n - j : 4096;
                memcpy(tmp, p, (size_t)k * sizeof *tmp);
                p += (size_t)k * sizeof *tmp;
                dev_put_f64(t->d, num_at(t->d, array_of(t, w, i), j), tmp, k);
            }
    if (rc > 0) t->s = head.s;
    map_close(&m);
    return rc;
}
