/* The least precision at which the same value is read back. */
#include "study/shown.h"
#include <jansson.h>
#include <stdlib.h>

char *json_shown(const json_t *v) {
    for (int digits = 15; v && digits <= 17; digits++) {
        char *s = json_dumps(v, JSON_ENCODE_ANY | JSON_COMPACT | JSON_SORT_KEYS | JSON_REAL_PRECISION(digits));
        json_t *back = s ? json_loads(s, JSON_DECODE_ANY, NULL) : NULL;
        int same = back && json_equal(back, v);
        json_decref(back);
        if (same || !s || digits == 17) return s;
        free(s);
    }
    return NULL;
}
