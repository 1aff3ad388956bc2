/* SentencePiece BPE: characters merge while the joined spelling is a token, the highest score first; what is no token in the
 * end falls back to bytes. The text comes with spaces already written as U+2581. */
#include "text/tok_int.h"
#include <string.h>

struct spm_ctx {
    const struct tokenizer *t;
    const char *s;
};

/* floats in descending order as ascending integers */
static uint32_t score_prio(float f) {
    uint32_t u;
    f += 0.0f; /* -0 and 0 are one score */
    memcpy(&u, &f, sizeof u);
    return ~(u >> 31 ? ~u : u | 0x80000000u);
}

static int score_rule(const void *ctx, uint32_t a, uint32_t b, size_t from, size_t to, uint32_t *prio, uint32_t *made) {
    const struct spm_ctx *c = ctx;
    (void)a;
    (void)b;
    *made = tok__find_plain(c->t, c->s + from, to - from);
    if (*made == TOK_NONE) return 0;
    *prio = score_prio(c->t->score[*made]);
    return 1;
}

int tok__spm_text(struct encoder *c, const char *s, size_t n, struct err *e) {
    struct merge_work *w = &c->work;
    struct spm_ctx ctx = {c->t, s};
    size_t k = 0;
    TRY(tok__merge_room(w, n, e));
    for (size_t i = 0, len; i < n; i += len, k++) {
        len = utf8_len(s + i, n - i);
        w->start[k] = (uint32_t)i;
        w->sym[k] = tok__find_plain(c->t, s + i, len);
    }
    w->start[k] = (uint32_t)n;
    w->n = k;
    TRY(tok__merge_run(w, score_rule, &ctx, e));
    for (int32_t i = 0; i >= 0; i = w->next[i]) {
        size_t from = w->start[i], to = w->start[w->next[i] < 0 ? (int32_t)w->n : w->next[i]];
        if (w->sym[i] != TOK_NONE)
            TRY(toks_push(c->out, (tok)w->sym[i], e));
        else
            TRY(tok__emit_bytes(c, s + from, to - from, e));
    }
    return 0;
}
