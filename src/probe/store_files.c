/* See store_int.h. Lines are read block by block: a store of any size is gone through in the memory of its longest trace. */
#include "base/fs.h"
#include "probe/store_int.h"
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCK = 1 << 16 };

void store__head(char out[STORE_HEAD], int64_t rows, int64_t width, enum fmt fmt) {
    memset(out, ' ', STORE_HEAD);
    memcpy(out, "\x93NUMPY\x01\x00", 8);
    out[8] = STORE_HEAD - 10, out[9] = 0;
    int n = snprintf(out + 10, STORE_HEAD - 10, "{'descr': '%s', 'fortran_order': False, 'shape': (%" PRId64 ", %" PRId64 "), }",
                     fmt == FMT_F32 ? "<f4" : "<f2", rows, width);
    out[10 + n] = ' ';
    out[STORE_HEAD - 1] = '\n';
}

void store__name(char out[STORE_NAME], const char *tap, int layer, int numbers) {
    const char *of = numbers ? "readings" : tap;
    if (layer >= 0)
        snprintf(out, STORE_NAME, "%.40s.L%02d.npy", of, layer);
    else
        snprintf(out, STORE_NAME, "%sembeddings.npy", numbers ? "readings." : "");
}

int store__settings(json_t **out, const char *dir, struct err *e) {
    char path[STORE_PATH], *text;
    size_t n;
    json_error_t je;
    TRY(path_join(path, sizeof path, dir, "store.json", e));
    TRY(file_read(&text, &n, path, 1 << 20, e));
    *out = json_loadb(text, n, 0, &je);
    free(text);
    if (json_is_object(*out)) return 0;
    json_decref(*out);
    *out = NULL;
    return fail_at(e, ERR_FORMAT, path, je.line, "expected the settings of a trace store, found: %s", je.text);
}

/* ---- lines ---- */

int store__lines_open(struct store_lines *l, const char *path, struct err *e) {
    *l = (struct store_lines){.f = fopen(path, "rb"), .path = path, .block = malloc(BLOCK), .text = {.max = STORE_LINE}};
    if (!l->f || !l->block) {
        int rc = l->f ? fail(e, ERR_NOMEM, "out of memory for a trace store")
                      : fail_at(e, ERR_IO, path, -1, "cannot open: %s", strerror(errno));
        store__lines_close(l);
        return rc;
    }
    return 0;
}

void store__lines_close(struct store_lines *l) {
    if (l->f) fclose(l->f);
    free(l->block), str_free(&l->text);
    l->f = NULL, l->block = NULL;
}

/* The next bytes up to an end of line into text; *whole: its end was there. */
static int take(struct store_lines *l, int *whole, struct err *e) {
    if (l->at == l->have) {
        l->at = 0, l->have = fread(l->block, 1, BLOCK, l->f);
        if (!l->have) return ferror(l->f) ? fail_at(e, ERR_IO, l->path, l->line + 1, "cannot read: %s", strerror(errno)) : 0;
    }
    const char *from = l->block + l->at, *end = memchr(from, '\n', l->have - l->at);
    size_t n = end ? (size_t)(end - from) : l->have - l->at;
    if (str_add(&l->text, from, n) < 0)
        return fail_at(e, ERR_LIMIT, l->path, l->line + 1, "expected a trace of at most %d MB, or memory for it",
                       STORE_LINE >> 20);
    l->at += n + (end != NULL), *whole = end != NULL;
    return 1;
}

int store__next(struct store_lines *l, json_t **out, struct err *e) {
    json_error_t je;
    int whole = 0, rc = 1;
    str_clear(&l->text);
    while (rc > 0 && !whole) rc = take(l, &whole, e);
    if (rc <= 0) return rc;
    l->line++;
    *out = json_loadb(l->text.s ? l->text.s : "", l->text.len, 0, &je);
    if (!*out) return fail_at(e, ERR_FORMAT, l->path, l->line, "expected a trace as JSON, found: %s", je.text);
    l->done += (int64_t)l->text.len + 1;
    return 1;
}
