/* Chat templates: from messages to the text a model was trained on, as transformers' apply_chat_template makes it.
 *
 * A struct chat_template holds all templates that a model's files name, with the texts of its special tokens. Sources:
 *   GGUF          tokenizer.chat_template ("default"), tokenizer.chat_template.NAME; special tokens from the ids beside the vocabulary
 *   a folder      chat_template.jinja and additional_chat_templates/NAME.jinja, else chat_template.json, else chat_template in
 *                 tokenizer_config.json (a string, or a list of {name, template}); special tokens from tokenizer_config.json, else
 *                 special_tokens_map.json
 * Immutable after open; renders may run on any thread. The language, its limits and errors: text/jinja.h. */
#ifndef TEXT_CHAT_TEMPLATE_H
#define TEXT_CHAT_TEMPLATE_H
#include "base/err.h"
#include "base/str.h"
#include "weights/weights.h"
#include <jansson.h>
#include <time.h>

struct chat_template;

/* One template, named "default", without special tokens; where names it in errors. */
int chat_template_new(struct chat_template **out, const char *source, size_t n, const char *where, struct err *e);
/* ERR_STATE: the files are there, but name no template; the sentence says which keys were looked for. */
int chat_template_from_weights(struct chat_template **out, const struct weights *w, struct err *e);
int chat_template_from_dir(struct chat_template **out, const char *dir, struct err *e);
int chat_template_open(struct chat_template **out, const char *path, struct err *e); /* .gguf, or a folder, or a file in one */
/* A template from elsewhere (a text, a file) instead of the model's own; the special tokens are still the model's. */
int chat_template_from_weights_with(struct chat_template **out, const struct weights *w, const char *source, size_t n,
                                    struct err *e);
int chat_template_open_with(struct chat_template **out, const char *path, const char *jinja_file, struct err *e);
void chat_template_free(struct chat_template *t);

int chat_template_count(const struct chat_template *t);
const char *chat_template_name(const struct chat_template *t, int i);
/* The source of a template; name NULL: as chat_render. Lives as long as t. */
int chat_template_source(const struct chat_template *t, const char *name, int with_tools, const char **s, size_t *n,
                         struct err *e);

struct chat_render {
    const char *name; /* which template; NULL: "tool_use" if there are tools and such a template, else "default" */
    json_t *messages; /* list of objects with a string `role`; content is a string, null, absent, or a list of parts */
    json_t *tools;    /* list of objects, or NULL; likewise documents */
    json_t *documents;
    json_t *extra;             /* object of further variables (enable_thinking …), or NULL; they win over special tokens */
    int add_generation_prompt; /* end with the opening of the assistant's turn */
    const struct tm *now;      /* for strftime_now; NULL: using it is an error */
};
/* Appends the text. ERR_ARG: the template itself refuses these messages (raise_exception), or they are malformed. */
int chat_template_render(const struct chat_template *t, const struct chat_render *r, struct str *out, struct err *e);

/* A request as JSON text: a list of messages, or an object with messages, tools, documents, add_generation_prompt, and further
 * variables. Errors name where:line and column. Free with chat_input_free. */
struct chat_input {
    json_t *messages, *tools, *documents, *extra; /* owned; extra is always an object */
    int add_generation_prompt;                    /* 1 unless the object says otherwise */
};
int chat_input_read(struct chat_input *r, const char *json, size_t n, const char *where, struct err *e);
void chat_input_free(struct chat_input *r);
/* KEY=JSON into extra; a value that is no JSON is a string. */
int chat_input_set(struct chat_input *r, const char *assignment, struct err *e);
/* Any JSON text; a malformed one is an error with where:line and column. */
int chat_json(json_t **out, const char *json, size_t n, const char *where, struct err *e);

/* "2024-07-04" or "2024-07-04T15:09:07"; NULL: now, local time. */
int chat_time(struct tm *out, const char *text, struct err *e);
#endif
