/* Names of taps, and the one place where a tap fires. */
#include "model/model_int.h"
#include <string.h>

static const char *const names[] = {
#define XX(n, s, t) s,
    TAP_MAP(XX)
#undef XX
};
static const char *const helps[] = {
#define XX(n, s, t) t,
    TAP_MAP(XX)
#undef XX
};

const char *tap_name(enum tap t) { return names[t]; }
const char *tap_help(enum tap t) { return helps[t]; }
int tap_find(const char *name) {
    for (int i = 0; i < TAP_COUNT; i++)
        if (!strcmp(names[i], name)) return i;
    return -1;
}

int model__tap(const struct taps *t, struct device *d, enum tap tap, int layer, num *x, int64_t rows, int64_t width,
               const struct batch *b) {
    if (!t || !(t->mask >> tap & 1)) return 0;
    if (tap < TAP_FINAL_NORM && (layer < t->layer_lo || layer > t->layer_hi)) return 0;
    return t->fn(t->ctx, d, &(struct tap_rows){tap, layer, 0, rows, width, x, b});
}
