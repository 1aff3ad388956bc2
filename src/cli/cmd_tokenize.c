/* candor tokenize: text to ids. Needs only the tokenizer files. */
#include "base/fs.h"
#include "base/str.h"
#include "cli/open.h"
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

static const struct opt opts[] = {
    OPT_MODEL,
    OPT_PROMPT,
    OPT_FILE,
    {"no-special", 0, NULL, NULL, "add no BOS or EOS; text that looks like a special token is ordinary text"},
    {"jsonl", 0, "FILE", NULL, "one JSON string a line in, one array of ids a line out"},
    {0},
};

static int add_ids(struct str *out, const struct toks *t) {
    str_puts(out, "[");
    for (int64_t i = 0; i < t->n; i++) str_printf(out, i ? ",%d" : "%d", t->ids[i]);
    return str_puts(out, "]\n");
}

static int add_text(struct str *out, const struct tokenizer *t, const char *s, size_t n, unsigned flags, struct err *e) {
    struct toks ids = {0};
    int rc = tokenizer_encode(t, s, n, flags, &ids, e);
    if (!rc && add_ids(out, &ids) < 0) rc = fail(e, ERR_NOMEM, "out of memory for the ids");
    toks_free(&ids);
    return rc;
}

static int add_line(struct str *out, const struct tokenizer *t, const char *s, size_t n, unsigned flags, const char *path,
                    int64_t line, struct err *e) {
    json_error_t je;
    json_t *j = json_loadb(s, n, JSON_DECODE_ANY | JSON_ALLOW_NUL, &je);
    if (!json_is_string(j)) {
        json_decref(j);
        return fail_at(e, ERR_FORMAT, path, line, "expected a JSON string, found %s", j ? "another value" : je.text);
    }
    int rc = add_text(out, t, json_string_value(j), json_string_length(j), flags, e);
    json_decref(j);
    return rc;
}

static int add_jsonl(struct str *out, const struct tokenizer *t, const char *path, unsigned flags, struct err *e) {
    char *text;
    size_t n;
    TRY(file_read(&text, &n, path, 0, e));
    int rc = 0;
    int64_t line = 1;
    for (const char *p = text, *end = text + n; !rc && p < end; line++) {
        const char *nl = memchr(p, '\n', (size_t)(end - p)), *stop = nl ? nl : end;
        rc = add_line(out, t, p, (size_t)(stop - p), flags, path, line, e);
        p = stop + 1;
    }
    free(text);
    return rc;
}

static int tokenize(struct args *a, const struct tokenizer *t, struct str *out, struct err *e) {
    unsigned flags = arg_has(a, "no-special") ? 0 : ENCODE_BOS_EOS | ENCODE_SPECIAL;
    const char *jsonl = arg_str(a, "jsonl");
    if (jsonl) return add_jsonl(out, t, jsonl, flags, e);
    char *text;
    size_t n;
    TRY(read_text(a, &text, &n, e));
    int rc = add_text(out, t, text, n, flags, e);
    free(text);
    return rc;
}

static int run(struct args *a, struct err *e) {
    const char *name;
    char path[PATH_SIZE];
    struct tokenizer *t = NULL;
    struct str out = {0};
    TRY(arg_need(a, "model", &name, e));
    if (arg_has(a, "jsonl") && (arg_has(a, "prompt") || arg_has(a, "file")))
        return usage_error(a, e, "expected --jsonl or a text, found both");
    if (!arg_has(a, "jsonl") && !arg_has(a, "prompt") && !arg_has(a, "file"))
        return usage_error(a, e, "expected -p TEXT, -f FILE or --jsonl FILE (see candor tokenize --help)");
    TRY(resolve_model(name, path, e));
    TRY(tokenizer_open(&t, path, e));
    int rc = tokenize(a, t, &out, e);
    if (!rc) rc = print_bytes(out.s ? out.s : "", out.len, e);
    str_free(&out);
    tokenizer_free(t);
    return rc;
}

const struct command command_tokenize = {"tokenize",
                                         "text to token ids",
                                         "-m M (-p TEXT | -f FILE | --jsonl FILE) [--no-special]",
                                         opts,
                                         0,
                                         0,
                                         run,
                                         "Prints a JSON array of ids. By default BOS and EOS are added where the file says so, "
                                         "and special tokens in the text are recognised."};
