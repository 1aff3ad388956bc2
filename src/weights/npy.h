/* NumPy .npy, format 1.0/2.0, C order, little-endian f4, f8, i4, i8. */
#ifndef WEIGHTS_NPY_H
#define WEIGHTS_NPY_H
#include "base/err.h"
#include <stddef.h>
#include <stdint.h>
enum npy_type { NPY_F4, NPY_F8, NPY_I4, NPY_I8 };
struct npy {
    enum npy_type type;
    int n_dims;
    int64_t dims[8];
    int64_t count;
    void *data;
};
int npy_read(struct npy *out, const char *path, struct err *e);
void npy_free(struct npy *a);
int npy_write(const char *path, enum npy_type t, int n_dims, const int64_t *dims, const void *data, struct err *e);
/* Streaming write: shape first, then rows in order; the file appears only at commit. */
struct npy_out;
int npy_out_open(struct npy_out **out, const char *path, enum npy_type t, int n_dims, const int64_t *dims, struct err *e);
int npy_out_write(struct npy_out *o, const void *data, int64_t count, struct err *e);
int npy_out_commit(struct npy_out *o, struct err *e); /* frees; error if fewer elements were written than the shape says */
void npy_out_abort(struct npy_out *o);
#endif
