/* See choices.h. A choice is read as it stands in a text, behind a blank. */
#include "probe/choices.h"
#include <stdlib.h>
#include <string.h>

int64_t choice_width(const struct model *m) { return CHOICE_PARTS * (int64_t)model_cfg(m)->n_embd; }

static int is_blank_token(const struct tokenizer *t, int32_t id) {
    const char *s;
    size_t n;
    if (tokenizer_piece(t, id, &s, &n, NULL) < 0) return 1;
    while (n && (*s == ' ' || *s == '\n')) s++, n--;
    return !n;
}

static int encode(const struct tokenizer *t, const char *choice, struct toks *out, struct err *e) {
    struct str text = {0};
    int64_t kept = 0;
    int rc = str_printf(&text, " %s", choice) < 0 ? fail(e, ERR_NOMEM, "out of memory for a choice") : 0;
    out->n = 0;
    if (!rc) rc = tokenizer_encode(t, text.s, text.len, 0, out, e);
    for (int64_t i = 0; !rc && i < out->n; i++)
        if (!is_blank_token(t, out->ids[i])) out->ids[kept++] = out->ids[i];
    if (kept) out->n = kept;
    str_free(&text);
    return rc;
}

static int one(const struct model *m, const struct toks *ids, f16 *out, struct err *e) {
    struct device *d = model_device(m);
    int64_t C = model_cfg(m)->n_embd, n = ids->n;
    if (!n) {
        memset(out, 0, (size_t)(CHOICE_PARTS * C) * sizeof *out);
        return 0;
    }
    num *x = dev_alloc(d, n * C);
    float *h = malloc((size_t)((n + 1) * C) * sizeof *h), *mean = h ? h + n * C : NULL;
    int rc = x && h ? model_embed(m, ids->ids, n, x, e)
                    : fail(e, ERR_NOMEM, "out of memory for a choice of %lld tokens", (long long)n);
    if (!rc) {
        dev_get(d, h, x, n * C);
        for (int64_t k = 0; k < C; k++) {
            double sum = 0;
            for (int64_t i = 0; i < n; i++) sum += h[i * C + k];
            mean[k] = (float)(sum / (double)n);
        }
        const struct fmt_row *f = fmt_find(FMT_F16);
        f->from_f32(out, mean, C), f->from_f32(out + C, h, C), f->from_f32(out + 2 * C, h + (n - 1) * C, C);
    }
    dev_free(d, x), free(h);
    return rc;
}

int choice_features(const struct model *m, const struct tokenizer *t, const struct question *q, f16 *out, struct err *e) {
    struct toks ids = {0};
    int rc = 0;
    for (int i = 0; !rc && i < q->n_choices; i++) {
        rc = encode(t, q->choices[i], &ids, e);
        if (!rc) rc = one(m, &ids, out + i * choice_width(m), e);
    }
    toks_free(&ids);
    return rc;
}
