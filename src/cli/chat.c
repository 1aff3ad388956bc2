/* See chat.h. */
#include "cli/chat.h"
#include "base/fs.h"
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

int chat_check(struct args *a, struct err *e) {
    struct tm t;
    const char *s;
    if (arg_str(a, "date")) TRY(misused(a, chat_time(&t, arg_str(a, "date"), e)));
    for (int i = 0; (s = arg_nth(a, "set", i)); i++)
        if (!strchr(s, '=') || *s == '=') return usage_error(a, e, "--set: expected KEY=JSON, found \"%.60s\"", s);
    return 0;
}

/* A JSON list of a file into *to. */
static int read_list(json_t **to, struct args *a, const char *option, struct err *e) {
    const char *path = arg_str(a, option);
    char *text;
    size_t n;
    json_t *j = NULL;
    if (!path) return 0;
    TRY(file_read(&text, &n, path, 0, e));
    int rc = chat_json(&j, text, n, path, e);
    free(text);
    if (rc < 0) return rc;
    json_decref(*to);
    *to = j;
    return 0;
}

/* What the command line says, over what a request says. */
static int read_options(struct chat *c, struct args *a, struct err *e) {
    const char *s;
    TRY(read_list(&c->req.tools, a, "tools", e));
    TRY(read_list(&c->req.documents, a, "documents", e));
    for (int i = 0; (s = arg_nth(a, "set", i)); i++) TRY(chat_input_set(&c->req, s, e));
    if (arg_has(a, "no-generation-prompt")) c->req.add_generation_prompt = 0;
    return 0;
}

int chat_begin(struct chat *c, struct args *a, const char *path, struct err *e) {
    const char *file = arg_str(a, "template");
    *c = (struct chat){.req = {.messages = json_array(), .extra = json_object(), .add_generation_prompt = 1}};
    if (!c->req.messages || !c->req.extra) return fail(e, ERR_NOMEM, "out of memory");
    TRY(chat_time(&c->now, arg_str(a, "date"), e));
    TRY(file ? chat_template_open_with(&c->t, path, file, e) : chat_template_open(&c->t, path, e));
    return read_options(c, a, e);
}

int chat_read(struct chat *c, struct args *a, const char *file, struct err *e) {
    struct chat_input r = {0};
    char *text = NULL;
    size_t n = 0;
    TRY(read_file_or_stdin(file, &text, &n, e));
    int rc = chat_input_read(&r, text, n, strcmp(file, "-") ? file : "stdin", e);
    free(text);
    if (rc < 0) return rc;
    chat_input_free(&c->req);
    c->req = r;
    return read_options(c, a, e);
}

int chat_say(struct chat *c, const char *role, const char *text, size_t n, struct err *e) {
    json_t *s = json_stringn(text, n);
    if (!s) return fail(e, ERR_ARG, "expected a message in UTF-8, found other bytes");
    if (json_array_append_new(c->req.messages, json_pack("{s:s, s:o}", "role", role, "content", s)) < 0)
        return fail(e, ERR_NOMEM, "out of memory for a message");
    return 0;
}

int chat_render_text(const struct chat *c, struct args *a, struct str *out, struct err *e) {
    return chat_template_render(c->t,
                                &(struct chat_render){.name = arg_str(a, "name"),
                                                      .messages = c->req.messages,
                                                      .tools = c->req.tools,
                                                      .documents = c->req.documents,
                                                      .extra = c->req.extra,
                                                      .add_generation_prompt = c->req.add_generation_prompt,
                                                      .now = &c->now},
                                out, e);
}

int chat_ids(const struct chat *c, struct args *a, const struct tokenizer *words, struct toks *out, struct err *e) {
    struct str text = {0};
    int rc = chat_render_text(c, a, &text, e);
    if (!rc) rc = tokenizer_encode(words, text.s ? text.s : "", text.len, ENCODE_SPECIAL, out, e);
    str_free(&text);
    return rc;
}

void chat_end(struct chat *c) {
    chat_template_free(c->t);
    chat_input_free(&c->req);
}
