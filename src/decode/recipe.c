/* Reads a recipe. One table of keys per object, each with its default and range, so that reading, checking and refusing unknown keys are
 * the same loop. */
#include "decode/recipe.h"
#include "base/fs.h"
#include "base/hash.h"
#include "model/family.h"
#include "task/question.h"
#include "text/chat_template.h"
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum key_type { KEY_TEXT, KEY_REAL, KEY_INT, KEY_JSON };
struct key {
    const char *name;
    enum key_type type;
    void *to;
    size_t size;   /* TEXT */
    double lo, hi; /* numbers */
    int required;
};

static const struct key *key_find(const struct key *k, int n, const char *name) {
    for (int i = 0; i < n; i++)
        if (!strcmp(k[i].name, name)) return &k[i];
    return NULL;
}

static int key_read(const struct key *k, const char *where, json_t *v, struct err *e) {
    if (k->type == KEY_JSON) {
        *(json_t **)k->to = v;
        return 0;
    }
    if (k->type == KEY_TEXT) {
        if (!json_is_string(v) || json_string_length(v) >= k->size)
            return fail(e, ERR_FORMAT, "%s.%s: expected text of at most %zu bytes", where, k->name, k->size - 1);
        memcpy(k->to, json_string_value(v), json_string_length(v) + 1);
        return 0;
    }
    double x = json_number_value(v);
    if (!json_is_number(v) || x < k->lo || x > k->hi)
        return fail(e, ERR_RANGE, "%s.%s: expected a number from %g to %g", where, k->name, k->lo, k->hi);
    if (k->type == KEY_REAL)
        *(double *)k->to = x;
    else if (k->size == sizeof(int))
        *(int *)k->to = (int)x;
    else
        *(int64_t *)k->to = (int64_t)x;
    return 0;
}

static int keys_read(const struct key *k, int n, const char *where, json_t *o, struct err *e) {
    const char *name;
    json_t *v;
    if (!json_is_object(o)) return fail(e, ERR_FORMAT, "%s: expected an object", where);
    json_object_foreach(o, name, v) {
        const struct key *key = key_find(k, n, name);
        if (!key) return fail(e, ERR_FORMAT, "%s: unknown key \"%.40s\"", where, name);
        TRY(key_read(key, where, v, e));
    }
    for (int i = 0; i < n; i++)
        if (k[i].required && !json_object_get(o, k[i].name))
            return fail(e, ERR_FORMAT, "%s: expected key \"%s\"", where, k[i].name);
    return 0;
}
#define TEXT(nm, a, req) \
    { nm, KEY_TEXT, a, sizeof(a), 0, 0, req }
#define REAL(nm, a, lo, hi, req) \
    { nm, KEY_REAL, &(a), 0, lo, hi, req }
#define INT(nm, a, lo, hi, req) \
    { nm, KEY_INT, &(a), sizeof(a), lo, hi, req }
#define JSON(nm, a, req) \
    { nm, KEY_JSON, &(a), 0, 0, 0, req }
#define READ(keys, where, o) keys_read(keys, sizeof keys / sizeof *keys, where, o, e)

static int beside(char *out, size_t size, const char *recipe, const char *name, struct err *e) {
    const char *slash = strrchr(recipe, '/');
    int n = name[0] == '/' || !slash ? snprintf(out, size, "%s", name)
                                     : snprintf(out, size, "%.*s/%s", (int)(slash - recipe), recipe, name);
    return n < (int)size ? 0 : fail(e, ERR_LIMIT, "path of %.60s is too long", name);
}

/* The number of a file, which is listed once however often it is named. */
static int file_number(struct recipe *r, const char *path, int *number, struct err *e) {
    for (*number = 1; *number <= r->n_files; ++*number)
        if (!strcmp(r->files[*number - 1], path)) return 0;
    if (r->n_files == RECIPE_DATA) return fail(e, ERR_LIMIT, "recipe: expected at most %d files of documents", RECIPE_DATA);
    memcpy(r->files[r->n_files++], path, strlen(path) + 1);
    return 0;
}

static int data_file_read(struct recipe_data *d, struct recipe *r, json_t *o, struct err *e) {
    char file[200] = "", path[256];
    const struct key keys[] = {TEXT("file", file, 1), REAL("weight", d->weight, 1e-6, 1e6, 0)};
    TRY(READ(keys, "data with a file", o));
    if (!file[0]) return fail(e, ERR_FORMAT, "data.file: expected a path, found an empty text");
    TRY(beside(path, sizeof path, r->path, file, e));
    return file_number(r, path, &d->file, e);
}

static int data_read(struct recipe_data *d, struct recipe *r, json_t *o, struct err *e) {
    char family[32] = "", difficulty[32] = "", policy[200] = "";
    *d = (struct recipe_data){.weight = 1, .samples = 4, .questions = 1000, .temp = 1, .max_new = 160};
    if (json_object_get(o, "file")) return data_file_read(d, r, o, e);
    if (json_is_object(o) && !json_object_get(o, "family"))
        return fail(e, ERR_FORMAT, "data: expected key \"family\" (of the gym) or \"file\" (conversations)");
    double slip = 0.1;
    int entities = 0, lettered = 0;
    const struct key keys[] = {TEXT("family", family, 1),
                               TEXT("difficulty", difficulty, 0),
                               REAL("weight", d->weight, 1e-6, 1e6, 0),
                               REAL("slip", slip, 0, 1, 0),
                               REAL("at_once", d->at_once, 0, 1, 0),
                               REAL("raw", d->raw, 0, 1, 0),
                               REAL("open", d->open, 0, 1, 0),
                               REAL("named", d->named, 0, 1, 0),
                               REAL("told", d->told, 0, 1, 0),
                               REAL("lookup", d->lookup, 0, 1, 0),
                               INT("entities", entities, 1, WORLD_MAX_ENTITIES, 0),
                               INT("lettered", lettered, 0, 1, 0),
                               TEXT("policy", policy, 0),
                               INT("questions", d->questions, 1, 1e7, 0),
                               INT("samples", d->samples, 1, 64, 0),
                               REAL("temp", d->temp, 0, 10, 0),
                               INT("max_new", d->max_new, 1, 4096, 0),
                               INT("steps", d->steps, 0, 1, 0)};
    TRY(READ(keys, "data", o));
    TRY(gym_spec_init(&d->spec, family, e));
    if (difficulty[0]) TRY(gym_set_difficulty(&d->spec, difficulty, e));
    d->spec.slip_rate = slip;
    d->spec.lettered = lettered;
    d->spec.split = GYM_TRAIN;
    d->spec.seed = r->seed;
    if (entities) d->spec.world.entities = entities;
    if (policy[0]) TRY(beside(d->policy, sizeof d->policy, r->path, policy, e));
    return gym_check(&d->spec, e);
}

static int data_list_read(struct recipe_data *out, int *n, struct recipe *r, json_t *list, const char *where, struct err *e) {
    json_t *item;
    size_t i;
    if (!json_is_array(list) || !json_array_size(list) || json_array_size(list) > RECIPE_DATA)
        return fail(e, ERR_FORMAT, "%s: expected a list of 1 to %d", where, RECIPE_DATA);
    json_array_foreach(list, i, item) TRY(data_read(&out[(*n)++], r, item, e));
    return 0;
}

static int objective_read(enum objective_kind *k, const char *s, struct err *e) {
    static const char *const names[] = {"next", "answer", "pairwise", "pointwise"};
    for (int i = 0; i < 4; i++)
        if (!strcmp(s, names[i])) return *k = (enum objective_kind)i, 0;
    return fail(e, ERR_FORMAT, "stage.objective: expected next, answer, pairwise or pointwise, found \"%s\"", s);
}

static int stage_read(struct recipe_stage *s, struct recipe *r, json_t *o, struct err *e) {
    char objective[16] = "";
    json_t *data = NULL;
    *s = (struct recipe_stage){
        .lr = 1e-3, .lr_min = 1e-4, .weight_decay = 0.1, .clip = 1, .beta2 = 0.95, .rows = 4096, .warmup = 50, .accumulate = 1};
    const struct key keys[] = {TEXT("name", s->name, 1),
                               TEXT("objective", objective, 1),
                               REAL("tokens", s->tokens, 1, 1e13, 1),
                               INT("rows", s->rows, 1, 1 << 20, 0),
                               INT("accumulate", s->accumulate, 1, 1024, 0),
                               REAL("lr", s->lr, 0, 1, 0),
                               REAL("lr_min", s->lr_min, 0, 1, 0),
                               INT("warmup", s->warmup, 0, 1e9, 0),
                               REAL("weight_decay", s->weight_decay, 0, 10, 0),
                               REAL("clip", s->clip, 0, 1e9, 0),
                               REAL("beta2", s->beta2, 0, 0.99999, 0),
                               REAL("muon", s->muon, 0, 10, 0),
                               REAL("rest", s->rest, 0, 1, 0),
                               JSON("data", data, 1)};
    TRY(READ(keys, "stage", o));
    TRY(objective_read(&s->objective, objective, e));
    if (s->rest > 0 && s->objective != OBJECTIVE_ANSWER)
        return fail(e, ERR_FORMAT, "stage.rest: expected the objective answer, found %s", objective);
    TRY(data_list_read(s->data, &s->n_data, r, data, "stage.data", e));
    for (int j = 0; j < s->n_data; j++)
        if ((s->objective >= OBJECTIVE_PAIRWISE) != (s->data[j].policy[0] != 0))
            return fail(e, ERR_FORMAT, "stage.data: a policy is needed for pairwise and pointwise, and only there");
    return 0;
}

static int model_read(struct model_cfg *c, json_t *o, struct err *e) {
    char family[32] = "";
    int64_t ctx = 512;
    *c = (struct model_cfg){.n_kv = 0, .norm_eps = 1e-5, .norm = NORM_RMS, .act = ACT_SILU, .gated = 1, .tied = 1};
    double base = 10000;
    const struct key keys[] = {TEXT("family", family, 1),
                               INT("layers", c->n_layer, 1, 1024, 1),
                               INT("width", c->n_embd, 1, 1 << 16, 1),
                               INT("heads", c->n_head, 1, 1024, 1),
                               INT("kv_heads", c->n_kv, 1, 1024, 1),
                               INT("head_dim", c->head_dim, 2, 1024, 1),
                               INT("ff", c->n_ff, 1, 1 << 18, 1),
                               INT("context", ctx, 16, 1 << 20, 0),
                               REAL("rope_base", base, 1, 1e9, 0),
                               INT("window", c->window, 0, 1 << 20, 0)};
    TRY(READ(keys, "model", o));
    c->family = family_find(family);
    if (!c->family) return fail(e, ERR_UNSUPPORTED, "model.family: unknown family \"%s\"", family);
    c->n_ctx = ctx;
    if (!strcmp(family, "gpt2")) {
        c->norm = NORM_LAYER, c->act = ACT_GELU, c->gated = 0, c->qkv_bias = c->out_bias = c->ffn_bias = c->learned_pos = 1;
        return 0;
    }
    c->qk_norm = !strcmp(family, "qwen3");
    c->qkv_bias = !strcmp(family, "qwen2");
    c->rope =
        (struct rope_cfg){.dims = c->head_dim, .base = base, .factor = 1, .style = family[0] == 'q' ? ROPE_HALVES : ROPE_PAIRS};
    return 0;
}

static int special_add(struct recipe *r, const char *s, struct err *e) {
    if (r->n_specials == RECIPE_SPECIALS)
        return fail(e, ERR_LIMIT, "tokenizer.specials: expected at most %d, the gym's among them", RECIPE_SPECIALS);
    memcpy(r->specials[r->n_specials++], s, strlen(s) + 1);
    return 0;
}

static int has_special(const json_t *list, const char *name) {
    size_t i;
    json_t *v;
    json_array_foreach(list, i, v) if (json_is_string(v) && !strcmp(json_string_value(v), name)) return 1;
    return 0;
}

/* The gym's own in front where its documents are read, then the list's. */
static int specials_read(struct recipe *r, const json_t *list, struct err *e) {
    size_t n = json_array_size(list), i;
    json_t *v;
    if (!json_is_array(list) || !n) return fail(e, ERR_FORMAT, "tokenizer.specials: expected a list of texts");
    json_array_foreach(list, i, v) {
        if (!json_is_string(v) || !json_string_length(v) || json_string_length(v) >= sizeof r->specials[0])
            return fail(e, ERR_FORMAT, "tokenizer.specials: expected texts of 1 to %zu bytes", sizeof r->specials[0] - 1);
        for (size_t k = 0; k < i; k++)
            if (json_equal(v, json_array_get(list, k)))
                return fail(e, ERR_FORMAT, "tokenizer.specials: \"%s\" stands twice", json_string_value(v));
    }
    int gym = recipe_has_gym(r);
    if (gym && strcmp(json_string_value(json_array_get(list, n - 1)), "<|end|>"))
        return fail(e, ERR_FORMAT, "tokenizer.specials: expected <|end|> as the last one, since the gym's documents end with it");
    for (i = 0; gym && task_specials[i]; i++)
        if (!has_special(list, task_specials[i])) TRY(special_add(r, task_specials[i], e));
    json_array_foreach(list, i, v) TRY(special_add(r, json_string_value(v), e));
    return 0;
}

static int template_read(struct recipe *r, const json_t *specials, struct err *e) {
    struct chat_template *t;
    if (!specials != !r->chat_template[0])
        return fail(e, ERR_FORMAT, "tokenizer: expected both \"chat_template\" and \"specials\", or none");
    if (!specials && r->n_files)
        return fail(e, ERR_FORMAT, "tokenizer: files of documents need a \"chat_template\" and its \"specials\"");
    if (specials) {
        TRY(chat_template_new(&t, r->chat_template, strlen(r->chat_template), "tokenizer.chat_template", e));
        chat_template_free(t);
        return specials_read(r, specials, e);
    }
    memcpy(r->chat_template, task_chat_template, strlen(task_chat_template) + 1);
    for (int i = 0; task_specials[i]; i++) TRY(special_add(r, task_specials[i], e));
    return 0;
}

/* After the stages: without data of its own the vocabulary is learnt from the first one's. */
static int tokenizer_read(struct recipe *r, json_t *o, struct err *e) {
    json_t *data = NULL, *specials = NULL;
    const struct key keys[] = {INT("vocab", r->vocab, 300, 1 << 20, 1),
                               TEXT("pre", r->pre, 1),
                               INT("samples", r->tok_samples, 1, 1e7, 0),
                               JSON("data", data, 0),
                               JSON("specials", specials, 0),
                               TEXT("chat_template", r->chat_template, 0)};
    TRY(READ(keys, "tokenizer", o));
    if (data) TRY(data_list_read(r->tok_data, &r->n_tok_data, r, data, "tokenizer.data", e));
    for (int i = 0; i < r->n_tok_data; i++)
        if (r->tok_data[i].policy[0]) return fail(e, ERR_FORMAT, "tokenizer.data: a policy has no place here");
    if (!data) {
        memcpy(r->tok_data, r->stages[0].data, sizeof r->tok_data);
        r->n_tok_data = r->stages[0].n_data;
    }
    return template_read(r, specials, e);
}

static int top_read(struct recipe *r, json_t *o, struct err *e) {
    json_t *model = NULL, *tok = NULL, *stages = NULL, *item;
    size_t i;
    char format[16] = "F16", precision[16] = "auto", out[200] = "", init[200] = "";
    int64_t seed = 1;
    const struct key keys[] = {TEXT("out", out, 1),
                               TEXT("init", init, 0),
                               TEXT("about", r->about, 0),
                               TEXT("format", format, 0),
                               TEXT("precision", precision, 0),
                               INT("seed", seed, 0, 9e15, 0),
                               JSON("model", model, 0),
                               JSON("tokenizer", tok, 0),
                               JSON("stages", stages, 1),
                               REAL("checkpoint_s", r->checkpoint_s, 0, 1e6, 0),
                               INT("validate_every", r->validate_every, 0, 1e9, 0),
                               INT("validate_docs", r->validate_docs, 1, 1e6, 0)};
    TRY(READ(keys, "recipe", o));
    r->seed = (uint64_t)seed;
    TRY(beside(r->out, sizeof r->out, r->path, out, e));
    if (init[0]) TRY(beside(r->init, sizeof r->init, r->path, init, e));
    const struct fmt_row *f = fmt_by_name(format);
    if (!f) return fail(e, ERR_UNSUPPORTED, "recipe.format: unknown storage format \"%s\"", format);
    r->format = f->id;
    TRY(precision_parse(precision, &r->precision, e));
    if (!model == !init[0] || !tok == !init[0])
        return fail(e, ERR_FORMAT, "recipe: expected either \"init\", or \"model\" and \"tokenizer\"");
    if (model) TRY(model_read(&r->cfg, model, e));
    if (!json_is_array(stages) || !json_array_size(stages) || json_array_size(stages) > RECIPE_STAGES)
        return fail(e, ERR_FORMAT, "recipe.stages: expected a list of 1 to %d", RECIPE_STAGES);
    json_array_foreach(stages, i, item) TRY(stage_read(&r->stages[r->n_stages++], r, item, e));
    return tok ? tokenizer_read(r, tok, e) : 0;
}

int recipe_load(struct recipe *r, const char *path, struct err *e) {
    char *text;
    size_t n;
    json_error_t je;
    memset(r, 0, sizeof *r);
    r->checkpoint_s = 60, r->validate_every = 200, r->validate_docs = 200, r->tok_samples = 20000;
    if (snprintf(r->path, sizeof r->path, "%s", path) >= (int)sizeof r->path)
        return fail(e, ERR_LIMIT, "recipe path is too long");
    TRY(file_read(&text, &n, path, 1 << 20, e));
    r->hash = hash_bytes(HASH_START, text, n);
    json_t *o = json_loadb(text, n, JSON_REJECT_DUPLICATES, &je);
    free(text);
    if (!o) return fail_at(e, ERR_FORMAT, path, je.line, "recipe is not JSON: %.100s", je.text);
    int rc = err_place(e, top_read(r, o, e), path);
    json_decref(o);
    return rc;
}

static int any_gym(const struct recipe_data *d, int n) {
    for (int i = 0; i < n; i++)
        if (!d[i].file) return 1;
    return 0;
}

int recipe_has_gym(const struct recipe *r) {
    int any = any_gym(r->tok_data, r->n_tok_data);
    for (int i = 0; i < r->n_stages; i++) any |= any_gym(r->stages[i].data, r->stages[i].n_data);
    return any;
}

int recipe_is_reward(const struct recipe *r) {
    for (int i = 0; i < r->n_stages; i++)
        if (r->stages[i].objective >= OBJECTIVE_PAIRWISE) return 1;
    return 0;
}
