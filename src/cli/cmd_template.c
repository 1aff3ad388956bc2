/* candor template: messages as the text that a model gets. Needs only the tokenizer files. */
#include "cli/chat.h"
#include "cli/speak.h"
#include <jansson.h>
#include <string.h>

static const struct opt opts[] = {
    OPT_MODEL,
    {"file", 'f', "MESSAGES.json", NULL,
     "a list of messages, or an object with messages, tools and other variables (- for stdin)"},
    {"no-generation-prompt", 0, NULL, NULL, "end without the opening of the assistant's turn"},
    OPT_CHAT,
    OPT_JSON,
    {0},
};

/* {"text": …, "ids": …}; ids where the tokenizer can be read. */
static int print_object(const struct str *text, const char *path, struct err *e) {
    struct tokenizer *words = NULL;
    struct toks ids = {0};
    json_t *list = NULL;
    if (tokenizer_open(&words, path, NULL) == 0) {
        int rc = tokenizer_encode(words, text->s ? text->s : "", text->len, ENCODE_SPECIAL, &ids, e);
        if (!rc) list = ids_json(ids.ids, ids.n);
        tokenizer_free(words);
        toks_free(&ids);
        if (rc < 0) return rc;
    }
    json_t *j = json_pack("{s:o}", "text", json_stringn(text->s ? text->s : "", text->len));
    if (j && list) json_object_set_new(j, "ids", list);
    return print_json(j, e);
}

static int run(struct args *a, struct err *e) {
    const char *name, *file;
    char path[PATH_SIZE];
    struct chat c = {0};
    struct str out = {0};
    TRY(arg_need(a, "model", &name, e));
    TRY(arg_need(a, "file", &file, e));
    TRY(chat_check(a, e));
    TRY(resolve_model(name, path, e));
    int rc = chat_begin(&c, a, path, e);
    if (!rc) rc = chat_read(&c, a, file, e);
    if (!rc) rc = chat_render_text(&c, a, &out, e);
    if (!rc) rc = arg_has(a, "json") ? print_object(&out, path, e) : print_bytes(out.s ? out.s : "", out.len, e);
    str_free(&out);
    chat_end(&c);
    return rc;
}

const struct command command_template = {"template",
                                         "messages to text, through the model's chat template",
                                         "-m M -f MESSAGES.json [--no-generation-prompt] [--tools FILE] [--documents FILE] "
                                         "[--set KEY=JSON] [--template FILE] [--json]",
                                         opts,
                                         0,
                                         0,
                                         run,
                                         "Prints the rendered text exactly; no newline is added. --json: one object with text, "
                                         "and ids where the tokenizer can be read\n"
                                         "(special tokens parsed, none added). The language is Jinja in the set-up of "
                                         "transformers; what is not supported is named with\n"
                                         "line and column."};
