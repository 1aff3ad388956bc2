/* Reading ahead on a thread of its own (weights/preload.h), also under the thread sanitizer: a cold file is read to its end and says so, an
 * early end stops it, a file in memory is left alone, and what is read meanwhile by the caller is right. */
#include "weights/gguf_write.h"
#include "weights/preload.h"
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { ROWS = 48, COLS = 256 << 10 }; /* 48 MiB of floats */
#define CHECK(x) ((x) ? (void)0 : (printf("plain_preload: line %d: %s\n", __LINE__, #x), exit(1)))

struct seen {
    _Atomic int64_t done;
    int64_t total;
    int calls;
};
static void on_step(void *ctx, int64_t done, int64_t total) {
    struct seen *s = ctx;
    CHECK(done >= s->done && done <= total);
    s->done = done;
    s->total = total;
    s->calls++;
}

static void make_file(const char *path) {
    struct err e = ERR_INIT;
    struct gguf_writer *g;
    const int64_t dims[2] = {ROWS, COLS};
    float *x = malloc((size_t)ROWS * COLS * sizeof *x);
    CHECK(x);
    for (int64_t i = 0; i < (int64_t)ROWS * COLS; i++) x[i] = (float)(i % 1000);
    CHECK(gguf_writer_new(&g, &e) == 0);
    gguf_put_str(g, "general.architecture", "llama", 5);
    gguf_put_tensor(g, "t", FMT_F32, 2, dims, x);
    CHECK(gguf_writer_commit(g, path, &e) == 0);
    gguf_writer_free(g);
    free(x);
}

/* Asks the system to forget the file's pages; 0 where it did not. */
static int evict(const char *path) {
    int fd = open(path, O_RDONLY);
    CHECK(fd >= 0);
    int ok = fdatasync(fd) == 0 && posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED) == 0;
    close(fd);
    return ok;
}

static int read_once(const char *path, int early) {
    struct err e = ERR_INIT;
    struct weights *w;
    struct preload *p;
    struct seen s = {0};
    CHECK(evict(path));
    CHECK(weights_open(&w, path, &e) == 0);
    preload_start(&p, w, on_step, &s);
    int started = p != NULL;
    const float *x = weights_tensor(w, "t")->m.data;
    double sum = 0;
    for (int64_t i = 0; !early && i < (int64_t)ROWS * COLS; i++) sum += (double)x[i];
    while (!early && started && s.done == 0) usleep(1000);
    preload_end(p);
    if (!early) CHECK(sum > 499.0 * ROWS * COLS && sum < 500.0 * ROWS * COLS);
    if (started && !early) CHECK(s.calls > 0 && s.total >= (int64_t)ROWS * COLS * 4);
    weights_close(w);
    return started;
}

int main(void) {
    char path[64];
    struct err e = ERR_INIT;
    struct weights *w;
    struct preload *p;
    snprintf(path, sizeof path, "/tmp/plain_preload.%d.gguf", (int)getpid());
    make_file(path);
    int cold = read_once(path, 0);
    cold += read_once(path, 1);
    CHECK(weights_open(&w, path, &e) == 0);
    const volatile unsigned char *bytes = weights_tensor(w, "t")->m.data;
    for (size_t i = 0; i < (size_t)ROWS * COLS * 4; i += 4096) (void)bytes[i];
    preload_start(&p, w, NULL, NULL);
    CHECK(p == NULL); /* warm */
    preload_end(p);
    weights_close(w);
    unlink(path);
    printf("plain_preload: %d of 2 cold files were read ahead\n", cold);
    return 0;
}
