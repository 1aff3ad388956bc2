/* See readings.h. */
#include "probe/readings.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

int readings_numbers(struct scan_shape shape) { return shape.heads * (1 + shape.classes); }

static void id_text(const struct probe *p, char out[17]) { snprintf(out, 17, "%016" PRIx64, p->id); }

json_t *readings_settings(const struct probe *p, const char *path) {
    char id[17];
    id_text(p, id);
    return json_pack("{s:s, s:s, s:s, s:s, s:s, s:i, s:i}", "id", id, "file", path, "model", p->model.name, "trained_on",
                     p->store, "target", probe_target_name(p->target), "heads", p->shape.heads, "classes", p->shape.classes);
}

static const char *word(const struct store *s, const char *key) {
    const char *w = json_string_value(json_object_get(json_object_get(store_settings(s), "probe"), key));
    return w ? w : "?";
}

const char *readings_probe(const struct store *s) { return word(s, "file"); }

int readings_by(const struct store *s, const struct probe *p) {
    char id[17];
    id_text(p, id);
    return p->id && !strcmp(word(s, "id"), id) && store_numbers(s) == readings_numbers(p->shape);
}

static int same_probe(const struct probe *p, const struct store *s, struct err *e) {
    char id[17];
    if (readings_by(s, p)) return 0;
    id_text(p, id);
    return fail(e, ERR_STATE,
                "%s: expected what this probe (weights %s) says of its states, found what %s (weights %.16s) says, and no states",
                store_dir(s), id, readings_probe(s), word(s, "id"));
}

int readings_read(const struct probe *p, int at, const struct store *s, const struct trace *t, double *z, struct err *e) {
    int n = store_numbers(s), place = store_layer_find(s, p->layer[at]);
    struct fit_reader r;
    TRY(same_probe(p, s, e));
    if (place < 0) return fail(e, ERR_STATE, "%s: layer %d is not stored", store_dir(s), p->layer[at]);
    const float *row = store_readings(s, place) + t->row0 * n;
    int rc = fit_reader_open(&r, &p->fit[at], p->shape, p->width, e);
    for (int64_t i = 0; !rc && i < t->rows; i++, row += n) {
        fit_reader_add(&r, row);
        fit_reader_read(&r, z + i * p->shape.classes);
    }
    fit_reader_close(&r);
    return rc;
}
