/* The constructs of tokenizer.json, each read by one function and dispatched by its "type".
 *
 * What is read is exactly what can be done as the publisher meant it; any other type, behaviour or option is refused by name,
 * because a tokenizer that is nearly right gives a model text it never saw. */
#include "text/tok_hf.h"
#include <stdio.h>
#include <string.h>

const char *tok__hf_str(const json_t *j, const char *key) { return json_string_value(json_object_get(j, key)); }

int tok__hf_true(const json_t *j, const char *key, int otherwise) {
    const json_t *v = json_object_get(j, key);
    return json_is_boolean(v) ? json_is_true(v) : otherwise;
}

static int refuse(struct err *e, const char *what, const char *name) {
    return fail(e, ERR_UNSUPPORTED, "tokenizer.json: %s '%.80s' is not supported", what, name ? name : "(no type)");
}

static int malformed(struct err *e, const char *what) { return fail(e, ERR_FORMAT, "tokenizer.json: expected %s", what); }

struct construct {
    const char *type;
    int (*read)(struct tokenizer *t, const json_t *j, struct err *e);
};

static int dispatch(struct tokenizer *t, const json_t *j, const char *what, const struct construct *c, size_t n, struct err *e) {
    const char *type = tok__hf_str(j, "type");
    if (!json_is_object(j)) return fail(e, ERR_FORMAT, "tokenizer.json: expected an object as %s", what);
    for (size_t i = 0; type && i < n; i++)
        if (strcmp(type, c[i].type) == 0) return c[i].read(t, j, e);
    char list[160] = "";
    size_t k = 0;
    for (size_t i = 0; i < n && k < sizeof list - 24; i++)
        k += (size_t)snprintf(list + k, sizeof list - k, "%s%.20s", i ? " " : "", c[i].type);
    return fail(e, ERR_UNSUPPORTED, "tokenizer.json: %s '%.80s' is not supported; supported are: %s", what,
                type ? type : "(no type)", list);
}
#define DISPATCH(t, j, what, table, e) dispatch((t), (j), (what), (table), sizeof(table) / sizeof *(table), (e))

static int each(struct tokenizer *t, const json_t *list, int (*read)(struct tokenizer *, const json_t *, struct err *),
                const char *what, struct err *e) {
    if (!json_is_array(list)) return malformed(e, what);
    for (size_t i = 0; i < json_array_size(list); i++) TRY(read(t, json_array_get(list, i), e));
    return 0;
}

/* ---- normalizer ---- */

static int add_norm(struct tokenizer *t, struct tok_norm m, struct err *e) {
    if (t->n_norm == TOK_MAX_NORMS) return fail(e, ERR_LIMIT, "tokenizer.json: more than %d normalizers", TOK_MAX_NORMS);
    t->norm[t->n_norm++] = m;
    return 0;
}

static int norm_form(struct tokenizer *t, const json_t *j, struct err *e) {
    static const char *const names[] = {"NFC", "NFD", "NFKC", "NFKD"}; /* as enum normal_form */
    const char *type = tok__hf_str(j, "type");
    int k = 0;
    while (k < 3 && strcmp(type, names[k]) != 0) k++;
    return add_norm(t, (struct tok_norm){.kind = NORM_FORM, .form = (enum normal_form)k}, e);
}

static int keep_str(struct tokenizer *t, const json_t *v, struct piece *out, struct err *e) {
    return tok__keep(t, json_string_value(v), json_string_length(v), out, e);
}

static int norm_prepend(struct tokenizer *t, const json_t *j, struct err *e) {
    struct tok_norm m = {.kind = NORM_PREPEND};
    const json_t *v = json_object_get(j, "prepend");
    if (!json_is_string(v)) return malformed(e, "a string 'prepend' in normalizer Prepend");
    TRY(keep_str(t, v, &m.a, e));
    return add_norm(t, m, e);
}

static int norm_replace(struct tokenizer *t, const json_t *j, struct err *e) {
    struct tok_norm m = {.kind = NORM_REPLACE};
    const json_t *pat = json_object_get(j, "pattern"), *a = json_object_get(pat, "String"), *b = json_object_get(j, "content");
    if (json_object_get(pat, "Regex")) return refuse(e, "normalizer Replace with pattern", "Regex");
    if (!json_is_string(a) || !json_is_string(b) || json_string_length(a) == 0)
        return malformed(e, "a non-empty 'pattern.String' and a string 'content' in normalizer Replace");
    TRY(keep_str(t, a, &m.a, e));
    TRY(keep_str(t, b, &m.b, e));
    return add_norm(t, m, e);
}

static int norm_sequence(struct tokenizer *t, const json_t *j, struct err *e) {
    return each(t, json_object_get(j, "normalizers"), tok__hf_normalizer, "a list 'normalizers' in normalizer Sequence", e);
}

int tok__hf_normalizer(struct tokenizer *t, const json_t *j, struct err *e) {
    static const struct construct table[] = {
        {"NFC", norm_form},        {"NFD", norm_form},        {"NFKC", norm_form},         {"NFKD", norm_form},
        {"Prepend", norm_prepend}, {"Replace", norm_replace}, {"Sequence", norm_sequence},
    };
    return !j || json_is_null(j) ? 0 : DISPATCH(t, j, "normalizer", table, e);
}

/* ---- pre_tokenizer ---- */

static int behaviour(const json_t *j, int invert, enum pretok_how *how, struct err *e) {
    const char *b = tok__hf_str(j, "behavior");
    if (!b) b = "isolated";
    int isolated = !strcmp(b, "Isolated") || !strcmp(b, "isolated"), removed = !strcmp(b, "Removed") || !strcmp(b, "removed");
    if (isolated)
        *how = PRETOK_ISOLATE; /* both sides stay, whichever is called the match */
    else if (removed)
        *how = invert ? PRETOK_KEEP : PRETOK_DROP;
    else if (!invert && !strcmp(b, "MergedWithPrevious"))
        *how = PRETOK_WITH_PREV;
    else if (!invert && !strcmp(b, "MergedWithNext"))
        *how = PRETOK_WITH_NEXT;
    else
        return refuse(e, "pre_tokenizer behavior", b);
    return 0;
}

static int is_first(const struct tokenizer *t) { return pretok_size(t->pretok) == 0; }

static int pre_byte_level(struct tokenizer *t, const json_t *j, struct err *e) {
    t->model = TOK_BPE_BYTES;
    if (tok__hf_true(j, "add_prefix_space", 1)) {
        if (!is_first(t)) return refuse(e, "pre_tokenizer option", "add_prefix_space of a ByteLevel that is not the first");
        t->space_prefix = t->prefix_unless = 1;
    }
    return tok__hf_true(j, "use_regex", 1) ? pretok_add_named(t->pretok, "gpt-2", e) : 0;
}

static int pre_split(struct tokenizer *t, const json_t *j, struct err *e) {
    const json_t *pat = json_object_get(j, "pattern"), *re = json_object_get(pat, "Regex"), *z = json_object_get(pat, "String");
    const json_t *v = re ? re : z;
    enum pretok_how how;
    TRY(behaviour(j, tok__hf_true(j, "invert", 0), &how, e));
    if (!json_is_string(v) || json_string_length(v) == 0)
        return malformed(e, "a non-empty 'Regex' or 'String' as pattern of pre_tokenizer Split");
    return pretok_add(t->pretok, json_string_value(v), json_string_length(v), how, v == z, e);
}

static int add_regex(struct tokenizer *t, const char *re, enum pretok_how how, struct err *e) {
    return pretok_add(t->pretok, re, strlen(re), how, 0, e);
}

static int pre_digits(struct tokenizer *t, const json_t *j, struct err *e) {
    return add_regex(t, tok__hf_true(j, "individual_digits", 0) ? "\\p{N}" : "\\p{N}+", PRETOK_ISOLATE, e);
}

static int pre_punctuation(struct tokenizer *t, const json_t *j, struct err *e) {
    enum pretok_how how;
    TRY(behaviour(j, 0, &how, e));
    return add_regex(t, "[\\p{P}$+<=>^`|~]", how, e);
}

static int pre_metaspace(struct tokenizer *t, const json_t *j, struct err *e) {
    const char *mark = tok__hf_str(j, "replacement"), *scheme = tok__hf_str(j, "prepend_scheme");
    if (mark && strcmp(mark, "\xE2\x96\x81") != 0) return refuse(e, "pre_tokenizer Metaspace with replacement", mark);
    if (!scheme) scheme = tok__hf_true(j, "add_prefix_space", 1) ? "always" : "never";
    if (strcmp(scheme, "always") && strcmp(scheme, "first") && strcmp(scheme, "never"))
        return refuse(e, "pre_tokenizer Metaspace with prepend_scheme", scheme);
    if (!is_first(t)) return refuse(e, "pre_tokenizer", "Metaspace that is not the first");
    t->escape_space = 1;
    t->space_prefix = t->prefix_unless = strcmp(scheme, "never") != 0;
    t->first_only = strcmp(scheme, "first") == 0;
    if (!tok__hf_true(j, "split", 1)) return 0;
    return pretok_add(t->pretok, "\xE2\x96\x81", 3, PRETOK_WITH_NEXT, 1, e);
}

static int pre_sequence(struct tokenizer *t, const json_t *j, struct err *e);

static int pre_one(struct tokenizer *t, const json_t *j, struct err *e) {
    static const struct construct table[] = {
        {"ByteLevel", pre_byte_level},    {"Split", pre_split},       {"Digits", pre_digits}, {"Metaspace", pre_metaspace},
        {"Punctuation", pre_punctuation}, {"Sequence", pre_sequence},
    };
    if (t->model == TOK_BPE_BYTES) return refuse(e, "pre_tokenizer behind ByteLevel", tok__hf_str(j, "type"));
    return DISPATCH(t, j, "pre_tokenizer", table, e);
}

static int pre_sequence(struct tokenizer *t, const json_t *j, struct err *e) {
    return each(t, json_object_get(j, "pretokenizers"), pre_one, "a list 'pretokenizers' in pre_tokenizer Sequence", e);
}

int tok__hf_pre_tokenizer(struct tokenizer *t, const json_t *j, struct err *e) {
    t->model = TOK_BPE_CHARS;
    TRY(pretok_new(&t->pretok, e));
    return !j || json_is_null(j) ? 0 : pre_one(t, j, e);
}

/* ---- decoder: it must undo what the other constructs do, or it is not understood ---- */

static int dec_nothing(struct tokenizer *t, const json_t *j, struct err *e) {
    (void)t;
    (void)j;
    (void)e;
    return 0;
}

static int dec_byte_level(struct tokenizer *t, const json_t *j, struct err *e) {
    return t->model == TOK_BPE_BYTES ? 0 : refuse(e, "decoder without ByteLevel pre_tokenizer", tok__hf_str(j, "type"));
}

static int dec_replace(struct tokenizer *t, const json_t *j, struct err *e) {
    const char *a = tok__hf_str(json_object_get(j, "pattern"), "String"), *b = tok__hf_str(j, "content");
    int ok = t->model == TOK_BPE_CHARS && a && b && strcmp(a, "\xE2\x96\x81") == 0 && strcmp(b, " ") == 0;
    return ok ? 0 : refuse(e, "decoder Replace of", a ? a : "(no string)");
}

static int dec_strip(struct tokenizer *t, const json_t *j, struct err *e) {
    const char *c = tok__hf_str(j, "content");
    json_int_t start = json_integer_value(json_object_get(j, "start")), stop = json_integer_value(json_object_get(j, "stop"));
    if (!c || strcmp(c, " ") != 0 || start > 1 || start < 0 || stop != 0) return refuse(e, "decoder Strip of", c);
    t->strip_space = (int)start;
    return 0;
}

static int dec_metaspace(struct tokenizer *t, const json_t *j, struct err *e) {
    const char *scheme = tok__hf_str(j, "prepend_scheme");
    if (t->model != TOK_BPE_CHARS) return refuse(e, "decoder behind ByteLevel", "Metaspace");
    t->strip_space = scheme ? strcmp(scheme, "never") != 0 : tok__hf_true(j, "add_prefix_space", 1);
    return 0;
}

static int dec_one(struct tokenizer *t, const json_t *j, struct err *e);

static int dec_sequence(struct tokenizer *t, const json_t *j, struct err *e) {
    return each(t, json_object_get(j, "decoders"), dec_one, "a list 'decoders' in decoder Sequence", e);
}

static int dec_one(struct tokenizer *t, const json_t *j, struct err *e) {
    static const struct construct table[] = {
        {"ByteLevel", dec_byte_level}, {"ByteFallback", dec_nothing}, {"Fuse", dec_nothing},      {"Replace", dec_replace},
        {"Strip", dec_strip},          {"Metaspace", dec_metaspace},  {"Sequence", dec_sequence},
    };
    return DISPATCH(t, j, "decoder", table, e);
}

int tok__hf_decoder(struct tokenizer *t, const json_t *j, struct err *e) {
    if (j && !json_is_null(j)) return dec_one(t, j, e);
    return t->model == TOK_BPE_BYTES ? 0 : refuse(e, "decoder", "null");
}

/* ---- post_processor: which tokens go around a text ---- */

static int template_token(struct tokenizer *t, const json_t *j, const json_t *item, tok *out, struct err *e) {
    const char *name = tok__hf_str(json_object_get(item, "SpecialToken"), "id");
    if (!name) return malformed(e, "SpecialToken or Sequence in TemplateProcessing 'single'");
    const json_t *ids = json_object_get(json_object_get(json_object_get(j, "special_tokens"), name), "ids");
    if (json_array_size(ids) != 1) return refuse(e, "TemplateProcessing token without exactly one id,", name);
    json_int_t id = json_integer_value(json_array_get(ids, 0));
    if (!json_is_integer(json_array_get(ids, 0)) || id < 0 || id >= t->n)
        return fail(e, ERR_RANGE, "tokenizer.json: TemplateProcessing token '%.40s' is not in the vocabulary", name);
    *out = (tok)id;
    return 0;
}

static int post_template(struct tokenizer *t, const json_t *j, struct err *e) {
    const json_t *list = json_object_get(j, "single");
    int texts = 0;
    if (!json_is_array(list)) return malformed(e, "a list 'single' in TemplateProcessing");
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *item = json_array_get(list, i);
        if (json_object_get(item, "Sequence")) {
            texts++;
            continue;
        }
        int *flag = texts ? &t->add_eos : &t->add_bos;
        if (*flag) return refuse(e, "post_processor", "TemplateProcessing with several tokens on one side");
        TRY(template_token(t, j, item, texts ? &t->eos : &t->bos, e));
        *flag = 1;
    }
    return texts == 1 ? 0 : malformed(e, "one Sequence in TemplateProcessing 'single'");
}

static int post_sequence(struct tokenizer *t, const json_t *j, struct err *e) {
    return each(t, json_object_get(j, "processors"), tok__hf_post_processor, "a list 'processors' in post_processor Sequence", e);
}

int tok__hf_post_processor(struct tokenizer *t, const json_t *j, struct err *e) {
    static const struct construct table[] = {
        {"TemplateProcessing", post_template},
        {"ByteLevel", dec_nothing},
        {"Sequence", post_sequence},
    };
    return !j || json_is_null(j) ? 0 : DISPATCH(t, j, "post_processor", table, e);
}
