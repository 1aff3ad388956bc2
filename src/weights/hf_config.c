/* config.json of a Hugging Face model, flattened into keys:
 *
 *   {"hidden_size": 64, "rope_scaling": {"type": "linear"}, "architectures": ["LlamaForCausalLM"], "x": null}
 *     ->  hf.hidden_size = 64 (i64)   hf.rope_scaling.type = "linear"   hf.architectures = array of 1 string
 *
 * Numbers are kept as GGUF keeps them, so one set of getters serves both. An array of integers and reals is one of reals. What has no
 * such form is left out: null, and arrays that hold arrays, objects, or several kinds. */
#include "weights/weights_int.h"
#include <stdlib.h>
#include <string.h>

enum { HF_MAX_DEPTH = 8, HF_MAX_KEY = 256 };

struct flat {
    struct weights *w;
    const char *path;
    char key[HF_MAX_KEY + 1];
    size_t len;
    struct err *e;
};

static int no_memory(const struct flat *c) { return fail_at(c->e, ERR_NOMEM, c->path, -1, "key %s: out of memory", c->key); }

static int add(const struct flat *c, struct kv **k, enum gguf_type type) {
    TRY(weights__kv_add(c->w, k, c->key, c->len, c->path, -1, c->e));
    (*k)->type = type;
    return 0;
}

/* How the value is stored; GGUF_ARR stands for all that has no form. */
static enum gguf_type type_of(const json_t *v) {
    switch (json_typeof(v)) {
    case JSON_INTEGER: return GGUF_I64;
    case JSON_REAL: return GGUF_F64;
    case JSON_TRUE:
    case JSON_FALSE: return GGUF_BOOL;
    case JSON_STRING: return GGUF_STR;
    default: return GGUF_ARR;
    }
}

static enum gguf_type elem_of(const json_t *a) {
    size_t n = json_array_size(a);
    enum gguf_type all = n ? type_of(json_array_get(a, 0)) : GGUF_I64;
    for (size_t i = 1; i < n; i++) {
        enum gguf_type t = type_of(json_array_get(a, i));
        if (t == all) continue;
        if ((t != GGUF_F64 && t != GGUF_I64) || (all != GGUF_F64 && all != GGUF_I64)) return GGUF_ARR;
        all = GGUF_F64;
    }
    return all;
}

static void store(unsigned char *to, enum gguf_type type, const json_t *v) {
    int64_t i = json_integer_value(v);
    double f = json_number_value(v);
    if (type == GGUF_I64)
        memcpy(to, &i, sizeof i);
    else if (type == GGUF_F64)
        memcpy(to, &f, sizeof f);
    else
        *to = json_is_true(v);
}

/* list: n values of one type. */
static int numbers(const struct flat *c, struct kv *k, enum gguf_type type, const json_t *const *list, size_t n) {
    unsigned bytes = gguf__types[type].bytes;
    unsigned char *p = malloc(n * bytes + 1);
    if (!p) return no_memory(c);
    k->raw = k->owned = p;
    for (size_t i = 0; i < n; i++) store(p + i * bytes, type, list[i]);
    return 0;
}

static int texts(const struct flat *c, struct kv *k, const json_t *const *list, size_t n) {
    size_t bytes = 0, to = 0;
    for (size_t i = 0; i < n; i++) bytes += json_string_length(list[i]) + 1;
    k->text = malloc(bytes + 1);
    k->ends = malloc(n * sizeof *k->ends + 1);
    if (!k->text || !k->ends) return no_memory(c);
    for (size_t i = 0; i < n; i++) {
        size_t len = json_string_length(list[i]);
        memcpy(k->text + to, json_string_value(list[i]), len + 1);
        k->ends[i] = to + len;
        to += len + 1;
    }
    return 0;
}

static int values(const struct flat *c, struct kv *k, enum gguf_type type, const json_t *const *list, size_t n) {
    return type == GGUF_STR ? texts(c, k, list, n) : numbers(c, k, type, list, n);
}

static int array(const struct flat *c, const json_t *a) {
    size_t n = json_array_size(a);
    enum gguf_type elem = elem_of(a);
    struct kv *k;
    if (elem == GGUF_ARR) return 0;
    TRY(add(c, &k, GGUF_ARR));
    const json_t **list = malloc(n * sizeof *list + 1);
    if (!list) return no_memory(c);
    for (size_t i = 0; i < n; i++) list[i] = json_array_get(a, i);
    k->elem = elem;
    k->count = n;
    int rc = values(c, k, elem, list, n);
    free(list);
    return rc;
}

static int flatten(struct flat *c, json_t *object, int depth);

static int value(struct flat *c, json_t *v, int depth) {
    const json_t *const one = v;
    struct kv *k;
    if (json_is_object(v)) return flatten(c, v, depth + 1);
    if (json_is_array(v)) return array(c, v);
    if (json_is_null(v)) return 0;
    TRY(add(c, &k, type_of(v)));
    return values(c, k, type_of(v), &one, 1);
}

static int flatten(struct flat *c, json_t *object, int depth) {
    const char *name;
    json_t *v;
    size_t len = c->len;
    if (depth > HF_MAX_DEPTH)
        return fail_at(c->e, ERR_LIMIT, c->path, -1, "key %s: expected objects at most %d deep, found more", c->key,
                       HF_MAX_DEPTH);
    json_object_foreach(object, name, v) {
        size_t n = strlen(name);
        if (n + 1 > HF_MAX_KEY - len)
            return fail_at(c->e, ERR_LIMIT, c->path, -1, "key %s.%.30s: expected at most %d bytes, found more", c->key, name,
                           HF_MAX_KEY);
        c->key[len] = '.';
        memcpy(c->key + len + 1, name, n + 1);
        c->len = len + 1 + n;
        TRY(value(c, v, depth));
        c->key[c->len = len] = 0;
    }
    return 0;
}

int hf__config(struct weights *w, const char *json, size_t n, const char *path, struct err *e) {
    struct flat c = {.w = w, .path = path, .key = "hf", .len = 2, .e = e};
    json_t *j = NULL;
    TRY(st__parse(&j, json, n, 0, path, e));
    int rc = flatten(&c, j, 1);
    json_decref(j);
    if (rc == 0 && !(w->config = strdup(path))) rc = fail_at(e, ERR_NOMEM, path, -1, "out of memory");
    return rc;
}
