/* A GGUF model in several files, as its writer cut it: NAME-00001-of-00003.gguf and so on, in one folder.
 *
 *   part i of n    split.no = i (from 0) | split.count = n | split.tensors.count = tensors of all parts together
 *   part 0         also all other keys of the model
 *
 * Any part may be named; the name says where the others lie, the keys whether they belong together. What a later part says besides is
 * ignored, but for its own general.alignment. A file that has no split.count, or 1, is a whole model whatever its name. Tensors of
 * all parts go into one directory, so a name that comes twice is refused as in one file. */
#include "weights/weights_int.h"
#include <ctype.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_PARTS = 65535 }; /* the keys are u16 */

struct split {
    struct weights *w;
    int64_t i, count, tensors; /* the part being read, from 0; of how many; tensors of all parts, -1: not said */
    int64_t tensors_at;        /* byte of the key that says so */
};

/* ---- names ---- */

#define PART_TAIL "-00000-of-00000.gguf"
enum { TAIL = sizeof PART_TAIL - 1 };

/* Where in the path "-00001-of-00003.gguf" begins; NULL: nowhere. A 0 of the pattern is any digit. */
static const char *tail_of(const char *path) {
    size_t n = strlen(path);
    if (n <= TAIL) return NULL;
    const char *tail = path + n - TAIL;
    for (int i = 0; i < TAIL; i++)
        if (PART_TAIL[i] == '0' ? !isdigit((unsigned char)tail[i]) : tail[i] != PART_TAIL[i]) return NULL;
    return tail;
}

/* The path of part i (from 0) beside the part that was named. */
static int part_path(char *buf, size_t size, const struct weights *w, int64_t i, int64_t count, struct err *e) {
    const char *tail = tail_of(w->path);
    if (!tail)
        return fail_at(
            e, ERR_UNSUPPORTED, w->path, -1,
            "expected a name like NAME-00001-of-%05" PRId64 ".gguf, which tells where the other parts of this model lie", count);
    int n = snprintf(buf, size, "%.*s-%05" PRId64 "-of-%05" PRId64 ".gguf", (int)(tail - w->path), w->path, i + 1, count);
    return n > 0 && (size_t)n < size ? 0 : fail_at(e, ERR_LIMIT, w->path, -1, "expected a path below %zu bytes", size);
}

static int map_part(struct weights *w, int64_t i, int64_t count, struct err *e) {
    char path[4096];
    TRY(part_path(path, sizeof path, w, i, count, e));
    if (!file_exists(path))
        return fail_at(e, ERR_IO, path, -1, "expected part %" PRId64 " of %" PRId64 " of the model, found no such file", i + 1,
                       count);
    return weights__map(w, path, e);
}

/* ---- what the keys say ---- */

static int64_t key_at(const struct weights *keys, const char *key) {
    const struct kv *k = weights__kv(keys, key);
    return k ? k->at : -1;
}

/* *count 1: a model in one file. */
static int read_count(const struct weights *keys, const char *path, int64_t *count, struct err *e) {
    *count = 1;
    TRY(meta_i64(keys, "split.count", count, e));
    if (*count < 0 || *count > MAX_PARTS)
        return fail_at(e, ERR_FORMAT, path, key_at(keys, "split.count"), "key split.count: expected at most %d, found %" PRId64,
                       MAX_PARTS, *count);
    if (*count == 0) *count = 1;
    return 0;
}

static int expect_key(const struct weights *keys, const char *path, const char *key, int64_t want, struct err *e) {
    int64_t found = -1;
    TRY(meta_i64(keys, key, &found, e));
    if (found == want) return 0;
    if (!weights__kv(keys, key))
        return fail_at(e, ERR_FORMAT, path, -1, "key %s: expected %" PRId64 ", found no such key", key, want);
    return fail_at(e, ERR_FORMAT, path, key_at(keys, key), "key %s: expected %" PRId64 ", found %" PRId64, key, want, found);
}

static int check_first(void *ctx, const struct weights *keys, const char *path, struct err *e) {
    struct split *s = ctx;
    TRY(read_count(keys, path, &s->count, e));
    if (s->count == 1) return 0;
    TRY(meta_i64(keys, "split.tensors.count", &s->tensors, e));
    s->tensors_at = key_at(keys, "split.tensors.count");
    return expect_key(keys, path, "split.no", 0, e);
}

static int check_other(void *ctx, const struct weights *keys, const char *path, struct err *e) {
    const struct split *s = ctx;
    TRY(expect_key(keys, path, "split.count", s->count, e));
    return expect_key(keys, path, "split.no", s->i, e);
}

/* ---- opening ---- */

/* maps[0] becomes the first part, if it is another one. */
static int to_first(struct weights *w, struct err *e) {
    const char *tail = tail_of(w->path);
    struct weights *keys = NULL;
    int64_t count = 1;
    if (w->borrowed || !tail || strtol(tail + 1, NULL, 10) == 1) return 0;
    TRY(weights__new(&keys, WEIGHTS_GGUF, w->path, e));
    int rc = gguf__load_keys(keys, &w->maps[0], w->path, e);
    if (rc == 0) rc = read_count(keys, w->path, &count, e);
    weights_close(keys);
    if (rc < 0 || count == 1) return rc;
    map_close(&w->maps[0]);
    free(w->map_paths[0]);
    w->n_maps = 0;
    return map_part(w, 0, count, e);
}

static int load_part(struct split *s, struct err *e) {
    struct weights *w = s->w, *keys = NULL;
    if (w->borrowed && s->i >= w->n_maps)
        return fail_at(e, ERR_UNSUPPORTED, w->path, key_at(w, "split.count"),
                       "key split.count: expected all %" PRId64 " parts of the model, found %" PRId64, s->count, w->n_maps);
    if (!w->borrowed) TRY(map_part(w, s->i, s->count, e));
    TRY(weights__new(&keys, WEIGHTS_GGUF, w->map_paths[s->i], e));
    int rc = gguf__load(w, keys, s->i, check_other, s, e);
    weights_close(keys);
    return rc;
}

int gguf__load_model(struct weights *w, struct err *e) {
    struct split s = {.w = w, .count = 1, .tensors = -1};
    TRY(to_first(w, e));
    TRY(gguf__load(w, w, 0, check_first, &s, e));
    for (s.i = 1; s.i < s.count; s.i++) TRY(load_part(&s, e));
    if (s.tensors < 0 || s.tensors == w->n_tensors) return 0;
    return fail_at(e, ERR_FORMAT, w->map_paths[0], s.tensors_at,
                   "key split.tensors.count: expected the %" PRId64 " tensors of the %" PRId64 " parts, found %" PRId64,
                   w->n_tensors, s.count, s.tensors);
}
