/* candor detokenize: ids to text. A BOS in front that tokenize would have added is left out; other special tokens give their text. */
#include "cli/open.h"
#include <stdlib.h>
#include <unistd.h>

static const struct opt opts[] = {
    OPT_MODEL,
    {"ids", 0, "LIST", NULL, "token ids, as 1,2,3"},
    {"skip-special", 0, NULL, NULL, "leave out every special token"},
    {"all", 0, NULL, NULL, "keep a BOS in front, too"},
    {0},
};

static int check(const struct tokenizer *t, const int32_t *ids, int64_t n, struct err *e) {
    int64_t V = tokenizer_size(t);
    for (int64_t i = 0; i < n; i++)
        if (ids[i] >= V)
            return fail(e, ERR_RANGE, "token id at position %lld: expected 0 to %lld, found %d", (long long)i, (long long)V - 1,
                        ids[i]);
    return 0;
}

static int print_text(struct args *a, const struct tokenizer *t, const int32_t *ids, int64_t n, struct err *e) {
    char *text;
    size_t len;
    TRY(check(t, ids, n, e));
    int64_t from = !arg_has(a, "all") && tokenizer_adds_bos(t) && n && ids[0] == tokenizer_bos(t);
    TRY(tokenizer_decode(t, ids + from, n - from, arg_has(a, "skip-special"), &text, &len, e));
    int rc = print_bytes(text, len, e);
    if (!rc && isatty(STDOUT_FILENO)) rc = print_bytes("\n", 1, e);
    free(text);
    return rc;
}

static int run(struct args *a, struct err *e) {
    const char *name;
    char path[PATH_SIZE];
    struct tokenizer *t = NULL;
    int32_t *ids;
    int64_t n;
    TRY(arg_need(a, "model", &name, e));
    TRY(arg_ids(a, "ids", &ids, &n, e));
    int rc = resolve_model(name, path, e);
    if (!rc) rc = tokenizer_open(&t, path, e);
    if (!rc) rc = print_text(a, t, ids, n, e);
    tokenizer_free(t);
    free(ids);
    return rc;
}

const struct command command_detokenize = {"detokenize",
                                           "token ids to text",
                                           "-m M --ids LIST",
                                           opts,
                                           0,
                                           0,
                                           run,
                                           "The bytes of the text exactly; a newline is added only on a terminal."};
