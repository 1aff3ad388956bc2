/* Where a model's files keep their chat templates and the texts of special tokens. */
#include "base/fs.h"
#include "text/chat_int.h"
#include "text/jinja.h"
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KEY "tokenizer.chat_template"
enum { MAX_PATH_LEN = 4096, MAX_TEMPLATES = 64, MAX_CONFIG = 256 << 20 };

static int finish(struct chat_template **out, struct chat_template *t, int rc, const char *wanted, struct err *e) {
    if (rc >= 0 && t->n == 0) rc = fail_at(e, ERR_STATE, t->where, -1, "no chat template: expected %s", wanted);
    if (rc < 0)
        chat_template_free(t);
    else
        *out = t;
    return rc;
}

/* ---- GGUF ---- */

static int gguf_token(struct chat_template *t, const struct weights *w, const char *key, const char *name, struct err *e) {
    struct meta_value tokens;
    struct meta_str s;
    int64_t id = -1;
    int found = meta_i64(w, key, &id, e);
    if (found <= 0) return found;
    if (!meta_get(w, "tokenizer.ggml.tokens", &tokens) || tokens.type != META_ARR) return 0; /* no vocabulary, no text */
    if (id < 0 || (uint64_t)id >= tokens.count)
        return fail_at(e, ERR_RANGE, key, -1, "expected an id below %llu, found %lld", (unsigned long long)tokens.count,
                       (long long)id);
    TRY(meta_arr_str(w, "tokenizer.ggml.tokens", (uint64_t)id, &s, e));
    return chat__token(t, name, s.s, s.n, e);
}

static int gguf_tokens(struct chat_template *t, const struct weights *w, struct err *e) {
    static const struct {
        const char *key, *name;
    } ids[] = {
        {"tokenizer.ggml.bos_token_id", "bos_token"},       {"tokenizer.ggml.eos_token_id", "eos_token"},
        {"tokenizer.ggml.unknown_token_id", "unk_token"},   {"tokenizer.ggml.padding_token_id", "pad_token"},
        {"tokenizer.ggml.seperator_token_id", "sep_token"}, {"tokenizer.ggml.cls_token_id", "cls_token"},
        {"tokenizer.ggml.mask_token_id", "mask_token"},
    };
    for (size_t i = 0; i < sizeof ids / sizeof *ids; i++) TRY(gguf_token(t, w, ids[i].key, ids[i].name, e));
    return 0;
}

static int gguf_templates(struct chat_template *t, const struct weights *w, struct err *e) {
    struct meta_value v;
    struct meta_str s;
    char where[MAX_PATH_LEN];
    for (int64_t i = 0; i < meta_count(w); i++) {
        const char *key = meta_key_at(w, i, &v), *name = key + strlen(KEY);
        if (strncmp(key, KEY, strlen(KEY)) || (*name && *name != '.')) continue;
        if (t->n == MAX_TEMPLATES) return fail(e, ERR_LIMIT, "expected at most %d chat templates, found more", MAX_TEMPLATES);
        TRY(meta_str(w, key, &s, e));
        snprintf(where, sizeof where, "%s, %s", t->where, key);
        TRY(chat__add(t, *name ? name + 1 : "default", s.s, s.n, where, e));
    }
    return 0;
}

static int from_gguf(struct chat_template *t, const struct weights *w, int templates, struct err *e) {
    TRY(gguf_tokens(t, w, e));
    return templates ? gguf_templates(t, w, e) : 0;
}

/* ---- a folder ---- */

/* *text NULL if the file is absent */
static int read_file(char **text, size_t *n, char path[MAX_PATH_LEN], const char *dir, const char *name, size_t most,
                     struct err *e) {
    *text = NULL;
    TRY(path_join(path, MAX_PATH_LEN, dir, name, e));
    return file_exists(path) ? file_read_beside(text, n, path, most, e) : 0;
}

static int read_json(json_t **out, char path[MAX_PATH_LEN], const char *dir, const char *name, struct err *e) {
    char *text;
    size_t n = 0;
    *out = NULL;
    TRY(read_file(&text, &n, path, dir, name, MAX_CONFIG, e));
    if (!text) return 0;
    int rc = chat_json(out, text, n, path, e);
    free(text);
    return rc;
}

static int add_file(struct chat_template *t, const char *dir, const char *file, const char *name, struct err *e) {
    char path[MAX_PATH_LEN], *text;
    size_t n = 0;
    TRY(read_file(&text, &n, path, dir, file, JINJA_MAX_SOURCE, e));
    int rc = text ? chat__add(t, name, text, n, path, e) : 0;
    free(text);
    return rc;
}

static int by_name(const struct dirent **a, const struct dirent **b) { return strcmp((*a)->d_name, (*b)->d_name); }
static int is_jinja(const struct dirent *d) {
    size_t n = strlen(d->d_name);
    return n > 6 && strcmp(d->d_name + n - 6, ".jinja") == 0;
}

static int add_folder(struct chat_template *t, const char *dir, struct err *e) {
    char path[MAX_PATH_LEN];
    struct dirent **list;
    TRY(path_join(path, sizeof path, dir, "additional_chat_templates", e));
    int n = scandir(path, &list, is_jinja, by_name), rc = 0;
    for (int i = 0; i < n; i++) {
        char *name = strndup(list[i]->d_name, strlen(list[i]->d_name) - 6);
        if (!rc && i >= MAX_TEMPLATES)
            rc = fail_at(e, ERR_LIMIT, path, -1, "expected at most %d chat templates, found more", MAX_TEMPLATES);
        if (!rc)
            rc = name ? add_file(t, path, list[i]->d_name, name, e) : fail(e, ERR_NOMEM, "out of memory for a chat template");
        free(name), free(list[i]);
    }
    if (n >= 0) free(list);
    return rc;
}

/* "chat_template": a string, or a list of {name, template}. */
static int add_member(struct chat_template *t, const json_t *config, const char *path, struct err *e) {
    const json_t *v = json_object_get(config, "chat_template");
    if (!v || json_is_null(v)) return 0;
    if (json_is_string(v)) return chat__add(t, "default", json_string_value(v), json_string_length(v), path, e);
    if (!json_is_array(v))
        return fail_at(e, ERR_FORMAT, path, -1, "chat_template: expected a string or a list of {name, template}");
    for (size_t i = 0; i < json_array_size(v); i++) {
        const json_t *x = json_array_get(v, i), *name = json_object_get(x, "name"), *s = json_object_get(x, "template");
        char where[MAX_PATH_LEN + 80];
        if (!json_is_string(name) || !json_is_string(s) || i >= MAX_TEMPLATES)
            return fail_at(e, ERR_FORMAT, path, -1, "chat_template: expected at most %d objects {name, template} of strings",
                           MAX_TEMPLATES);
        snprintf(where, sizeof where, "%s, chat_template %.60s", path, json_string_value(name));
        TRY(chat__add(t, json_string_value(name), json_string_value(s), json_string_length(s), where, e));
    }
    return 0;
}

/* Every member "…_token" that is a string, or an object with a string `content`. */
static int add_tokens(struct chat_template *t, json_t *config, struct err *e) {
    for (void *it = json_object_iter(config); it; it = json_object_iter_next(config, it)) {
        const char *key = json_object_iter_key(it);
        const json_t *v = json_object_iter_value(it);
        size_t n = strlen(key);
        if (n < 7 || strcmp(key + n - 6, "_token")) continue;
        if (json_is_object(v)) v = json_object_get(v, "content");
        if (json_is_string(v)) TRY(chat__token(t, key, json_string_value(v), json_string_length(v), e));
    }
    return 0;
}

static int add_config(struct chat_template *t, const char *dir, const char *file, int tokens, int templates, struct err *e) {
    char path[MAX_PATH_LEN];
    json_t *config;
    TRY(read_json(&config, path, dir, file, e));
    int rc = config && tokens ? add_tokens(t, config, e) : 0;
    if (!rc && config && templates) rc = add_member(t, config, path, e);
    json_decref(config);
    return rc;
}

static int from_dir(struct chat_template *t, const char *dir, int templates, struct err *e) {
    TRY(add_config(t, dir, "special_tokens_map.json", 1, 0, e));
    TRY(add_config(t, dir, "tokenizer_config.json", 1, templates, e)); /* what is read later wins */
    if (!templates) return 0;
    TRY(add_config(t, dir, "chat_template.json", 0, 1, e));
    TRY(add_file(t, dir, "chat_template.jinja", "default", e));
    return add_folder(t, dir, e);
}

/* ---- the door ---- */

#define WANTED_GGUF "key " KEY " or " KEY ".NAME in its metadata (or another template, by option)"
#define WANTED_DIR  "chat_template.jinja, or chat_template in tokenizer_config.json (or another template, by option)"

static int read_weights(struct chat_template **out, const struct weights *w, int templates, struct err *e) {
    int gguf = weights_kind(w) == WEIGHTS_GGUF;
    TRY(chat__alloc(out, gguf ? weights_path(w) : weights_dir(w), e));
    return gguf ? from_gguf(*out, w, templates, e) : from_dir(*out, weights_dir(w), templates, e);
}

int chat_template_from_weights(struct chat_template **out, const struct weights *w, struct err *e) {
    struct chat_template *t = NULL;
    int rc = read_weights(&t, w, 1, e);
    return finish(out, t, rc, weights_kind(w) == WEIGHTS_GGUF ? WANTED_GGUF : WANTED_DIR, e);
}

static int read_dir(struct chat_template **out, const char *dir, int templates, struct err *e) {
    TRY(chat__alloc(out, dir, e));
    return from_dir(*out, dir, templates, e);
}

int chat_template_from_dir(struct chat_template **out, const char *dir, struct err *e) {
    struct chat_template *t = NULL;
    int rc = read_dir(&t, dir, 1, e);
    return finish(out, t, rc, WANTED_DIR, e);
}

static int read_path(struct chat_template **out, const char *path, int templates, int *gguf, struct err *e) {
    size_t n = strlen(path);
    const char *slash = strrchr(path, '/');
    *gguf = n > 5 && strcmp(path + n - 5, ".gguf") == 0;
    if (*gguf) {
        struct weights *w;
        TRY(weights_open(&w, path, e));
        int rc = read_weights(out, w, templates, e);
        weights_close(w);
        return rc;
    }
    if (dir_exists(path)) return read_dir(out, path, templates, e);
    if (!file_exists(path)) return fail_at(e, ERR_IO, path, -1, "no such file or folder");
    if (!slash) return read_dir(out, ".", templates, e);
    char *dir = strndup(path, slash == path ? 1 : (size_t)(slash - path));
    int rc = dir ? read_dir(out, dir, templates, e) : fail(e, ERR_NOMEM, "out of memory for a path");
    free(dir);
    return rc;
}

int chat_template_open(struct chat_template **out, const char *path, struct err *e) {
    struct chat_template *t = NULL;
    int gguf = 0, rc = read_path(&t, path, 1, &gguf, e);
    return finish(out, t, rc, gguf ? WANTED_GGUF : WANTED_DIR, e);
}

/* source takes the place of what t's files would say. */
static int replace(struct chat_template *t, const char *source, size_t n, const char *where, struct err *e) {
    struct jinja *j = NULL;
    TRY(jinja_new(&j, source, n, where, e)); /* what is wrong with it shows now */
    jinja_free(j);
    return chat__add(t, "default", source, n, where, e);
}

int chat_template_from_weights_with(struct chat_template **out, const struct weights *w, const char *source, size_t n,
                                    struct err *e) {
    struct chat_template *t = NULL;
    int rc = read_weights(&t, w, 0, e);
    if (!rc) rc = replace(t, source, n, "template", e);
    return finish(out, t, rc, "a template", e);
}

int chat_template_open_with(struct chat_template **out, const char *path, const char *jinja_file, struct err *e) {
    struct chat_template *t = NULL;
    char *text = NULL;
    size_t n = 0;
    int gguf = 0, rc = read_path(&t, path, 0, &gguf, e);
    if (!rc) rc = file_read(&text, &n, jinja_file, JINJA_MAX_SOURCE, e);
    if (!rc) rc = replace(t, text, n, jinja_file, e);
    free(text);
    return finish(out, t, rc, "a template", e);
}
