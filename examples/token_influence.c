/* Which tokens of a prompt decide what comes next? Picks the most probable next token and differentiates its log probability with
 * respect to every input embedding: a large gradient means that this token matters.   token_influence MODEL.gguf "Once upon a time"
 * Build: cc token_influence.c $(pkg-config --cflags --libs candor) */
#include <candor/candor.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct candor_error e;
static void check(int rc) {
    if (rc < 0) fprintf(stderr, "%s %s\n", e.msg, e.where), exit(1);
}

int main(int argc, char **argv) {
    struct candor_engine *g;
    struct candor_session *s;
    int32_t *ids, all[256] = {0};
    int64_t n;
    unsigned char targets[256] = {0};
    if (argc != 3) return fputs("usage: token_influence MODEL TEXT\n", stderr), 2;
    check(candor_open(&g, argv[1], &(struct candor_options){.gradient = 1}, &e));
    check(candor_tokenize(g, argv[2], strlen(argv[2]), 0, &ids, &n, &e));
    if (n > 255) n = 255;
    memcpy(all, ids, (size_t)n * sizeof *ids), candor_free(ids);
    check(candor_session_new(&s, g, &e));
    check(candor_generate(s, &(struct candor_generation){.prompt = all, .n_prompt = n, .max_new = 1, .ids = &all[n]}, &e));
    int64_t C = candor_dims(g).n_embd;
    float *u = malloc((size_t)((n + 1) * C) * sizeof *u); /* u[n+1, C] */
    targets[n] = 1;                                       /* the loss is -log p(next | prompt) alone */
    if (u)
        check(candor_gradient(g, NULL, &(struct candor_gradient_job){.ids = all, .T = n + 1, .nll = 1, .targets = targets}, u,
                              NULL, &e));
    for (int64_t i = 0; u && i <= n; i++) {
        const char *piece;
        size_t len;
        double sum = 0;
        for (int64_t c = 0; c < C; c++) sum += u[i * C + c] < 0 ? -u[i * C + c] : u[i * C + c];
        check(candor_piece(g, all[i], &piece, &len, &e));
        printf("%9.4f %s%.*s\n", sum, i < n ? "" : "-> ", (int)len, piece);
    }
    free(u), candor_session_free(s), candor_close(g);
}
