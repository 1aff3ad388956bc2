/* Chat templates as keys of a GGUF: tokenizer.chat_template for "default", tokenizer.chat_template.NAME for the others, and their names. */
#include "text/chat_template.h"
#include "text/tok_save.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int put_one(struct gguf_writer *g, const struct chat_template *t, const char *name, struct err *e) {
    char key[160];
    const char *s;
    size_t n;
    TRY(chat_template_source(t, name, 0, &s, &n, e));
    int k = snprintf(key, sizeof key, strcmp(name, "default") ? "tokenizer.chat_template.%s" : "tokenizer.chat_template", name);
    if (k < 0 || (size_t)k >= sizeof key) return fail(e, ERR_LIMIT, "chat template %.40s: its name is too long", name);
    gguf_put_str(g, key, s, n);
    return 0;
}

int chat_template_put(struct gguf_writer *g, const struct chat_template *t, struct err *e) {
    int n = chat_template_count(t), others = 0, rc = 0;
    struct meta_str *names = calloc((size_t)n + 1, sizeof *names);
    if (!names) return fail(e, ERR_NOMEM, "out of memory for the names of chat templates");
    for (int i = 0; i < n && rc == 0; i++) {
        const char *name = chat_template_name(t, i);
        if (strcmp(name, "default") != 0) names[others++] = (struct meta_str){name, strlen(name)};
        rc = put_one(g, t, name, e);
    }
    if (rc == 0 && others) gguf_put_strs(g, "tokenizer.chat_templates", names, (uint64_t)others);
    free(names);
    return rc;
}
