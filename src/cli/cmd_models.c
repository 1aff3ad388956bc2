/* candor models: what ships with the program. A model says itself what it is (metadata general.*). */
#include "cli/open.h"
#include "cli/support.h"
#include <dirent.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct opt opts[] = {
    {"support", 0, NULL, NULL, "what files are supported instead: families, storage formats, mixes, tokenizers"}, OPT_JSON, {0}};

static int is_gguf(const struct dirent *d) {
    size_t n = strlen(d->d_name);
    return n > 5 && d->d_name[0] != '.' && !strcmp(d->d_name + n - 5, ".gguf");
}

static const char *text_of(const struct weights *w, const char *key) {
    struct meta_str s;
    return meta_str(w, key, &s, NULL) == 1 ? s.s : "";
}

static json_t *describe(const char *name, const char *path, const struct weights *w) {
    struct model_cfg c = {0};
    int64_t V = 0, params = 0;
    struct meta_value tokens;
    int known = config_read(&c, w, NULL) == 0;
    const struct tensor *embd = weights_tensor(w, "token_embd.weight");
    if (embd && embd->n_dims == 2)
        V = embd->dims[0];
    else if (meta_get(w, "tokenizer.ggml.tokens", &tokens) && tokens.type == META_ARR)
        V = (int64_t)tokens.count;
    for (int64_t i = 0; i < weights_n_tensors(w); i++) {
        const struct tensor *t = weights_tensor_at(w, i);
        params += t->m.rows * t->m.cols;
    }
    const char *about = text_of(w, "candor.about"); /* what the trainer writes, else the standard key */
    if (!about[0]) about = text_of(w, "general.description");
    return json_pack("{s:s#, s:s, s:s, s:I, s:I, s:I, s:I, s:b, s:s}", "name", name, (int)strlen(name) - 5, "path", path,
                     "architecture", known ? "" : "unknown", "bytes", (json_int_t)weights_bytes(w), "parameters",
                     (json_int_t)params, "vocabulary", (json_int_t)V, "context", (json_int_t)(known ? c.n_ctx : 0),
                     "reward_model", weights_tensor(w, "cls.output.weight") != NULL, "trained_on", about);
}

/* A model in several files is listed as its first one. */
static int is_later_part(const struct weights *w, const char *path) {
    return weights_n_files(w) > 1 && strcmp(weights_file(w, 0, NULL), path) != 0;
}

static void list_model(json_t *list, const char *dir, const char *name) {
    char path[PATH_SIZE + 300];
    struct weights *w = NULL;
    snprintf(path, sizeof path, "%s/%s", dir, name);
    if (weights_open(&w, path, NULL) < 0) {
        fprintf(stderr, "candor: %s: not a readable model file\n", path);
        return;
    }
    json_t *j = is_later_part(w, path) ? NULL : describe(name, path, w);
    if (j) json_object_set_new(j, "architecture", json_string(text_of(w, "general.architecture")));
    if (j) json_array_append_new(list, j);
    weights_close(w);
}

static void list_dir(json_t *list, const char *dir) {
    struct dirent **names;
    int n = scandir(dir, &names, is_gguf, alphasort);
    for (int i = 0; i < n; i++) {
        list_model(list, dir, names[i]->d_name);
        free(names[i]);
    }
    if (n >= 0) free(names);
}

static void print_table(json_t *list) {
    size_t i;
    json_t *j;
    printf("%-18s %-8s %10s %12s %8s  %s\n", "name", "arch", "size", "parameters", "vocab", "trained on");
    json_array_foreach(list, i, j) printf(
        "%-18s %-8s %7.1f MB %12lld %8lld  %s%s\n", json_string_value(json_object_get(j, "name")),
        json_string_value(json_object_get(j, "architecture")), (double)json_integer_value(json_object_get(j, "bytes")) / 1e6,
        (long long)json_integer_value(json_object_get(j, "parameters")),
        (long long)json_integer_value(json_object_get(j, "vocabulary")),
        json_is_true(json_object_get(j, "reward_model")) ? "(reward model) " : "",
        json_string_value(json_object_get(j, "trained_on")));
}

static int print_support(struct args *a, struct err *e) {
    struct str s = {0};
    if (arg_has(a, "json")) return print_json(support_json(), e);
    int rc = support_markdown(&s) < 0 ? fail(e, ERR_NOMEM, "out of memory") : print_bytes(s.s, s.len, e);
    str_free(&s);
    return rc;
}

static int run(struct args *a, struct err *e) {
    if (arg_has(a, "support")) return print_support(a, e);
    json_t *list = json_array();
    char dir[PATH_SIZE];
    for (int i = 0; models_dir(i, dir); i++)
        if (dir[0]) list_dir(list, dir);
    if (arg_has(a, "json")) return print_json(list, e);
    if (json_array_size(list))
        print_table(list);
    else
        puts("no shipped models found (looked in $CANDOR_MODELS and beside the program)");
    json_decref(list);
    return 0;
}

const struct command command_models = {"models",
                                       "lists the shipped models, or what is supported",
                                       "[--support] [--json]",
                                       opts,
                                       0,
                                       0,
                                       run,
                                       "Searched: $CANDOR_MODELS, the models folder of the source tree, share/candor/models of "
                                       "the installation. -m takes their names."};
