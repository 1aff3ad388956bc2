/* What comes next, and which tokens of the prompt would change it most: the most probable next token, then for each prompt token
 * the length of d(-log p(next)) / d(its input embedding).  usage: token_influence MODEL.gguf "Once upon a time"
 * cc token_influence.c $(pkg-config --cflags --libs candor) -lm */
#include <candor/candor.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int main(int argc, char **argv) {
    struct candor_error e;
    struct candor_engine *g;
    struct candor_session *s;
    int32_t *ids, next;
    int64_t n;
    if (argc != 3) return fputs("usage: token_influence MODEL TEXT\n", stderr), 2;
    if (candor_open(&g, argv[1], &(struct candor_options){.gradient = 1}, &e) < 0) goto failed;
    if (candor_tokenize(g, argv[2], strlen(argv[2]), 0, &ids, &n, &e) < 0 || candor_session_new(&s, g, &e) < 0) goto failed;
    if (candor_generate(s, &(struct candor_generation){.prompt = ids, .n_prompt = n, .max_new = 1, .ids = &next}, &e) < 0) goto failed;
    int64_t C = candor_dims(g).n_embd, T = n + 1;
    ids = realloc(ids, (size_t)T * sizeof *ids), ids[n] = next;
    float *u = malloc((size_t)(T * C) * sizeof *u);
    unsigned char *targets = calloc((size_t)T, 1);
    targets[n] = 1; /* the loss is -log p(next | prompt) and nothing else */
    if (candor_gradient(g, NULL, &(struct candor_gradient_job){.ids = ids, .T = T, .nll = 1, .targets = targets}, u, NULL, &e) < 0) goto failed;
    for (int64_t i = 0; i < T; i++) {
        double norm = 0;
        char *text;
        for (int64_t c = 0; c < C; c++) norm += (double)u[i * C + c] * u[i * C + c];
        if (candor_detokenize(g, &ids[i], 1, &text, NULL, &e) < 0) goto failed;
        printf(i < n ? "%-16s %.4f\n" : "-> %s\n", text, sqrt(norm));
        candor_free(text);
    }
    return free(u), free(targets), free(ids), candor_session_free(s), candor_close(g), 0;
failed:
    return fprintf(stderr, "%s\n", e.msg), 1;
}
