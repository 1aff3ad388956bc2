/* What commands that use a chat template have in common: their options, from them the template and the request; and the conversation
 * of candor run --chat. */
#ifndef CLI_CHAT_H
#define CLI_CHAT_H
#include "cli/open.h"
#include "run/generate.h"
#include "text/chat_template.h"

#define OPT_CHAT                                                                                                                \
    {"template", 0, "FILE", NULL, "a Jinja file instead of the model's own chat template"},                                     \
        {"name", 0, "NAME", NULL, "which of the model's chat templates; default: tool_use if there are tools, else default"},   \
        {"tools", 0, "FILE", NULL, "JSON list of tools for the template"},                                                      \
        {"documents", 0, "FILE", NULL, "JSON list of documents for the template"},                                              \
        {"set", 0, "KEY=JSON", NULL, "a variable for the template, e.g. enable_thinking=false (may be given several times)"}, { \
        "date", 0, "DATE", NULL, "what the template takes for now: YYYY-MM-DD or YYYY-MM-DDTHH:MM:SS, default the local time"   \
    }

struct chat {
    struct chat_template *t;
    struct chat_input req;
    struct tm now;
};
int chat_check(struct args *a, struct err *e); /* what is wrong with the options, before anything is opened */
/* path: the model, resolved. The request has no messages yet. */
int chat_begin(struct chat *c, struct args *a, const char *path, struct err *e);
int chat_read(struct chat *c, struct args *a, const char *file,
              struct err *e); /* messages of a JSON file (-: stdin); --set and files win */
int chat_say(struct chat *c, const char *role, const char *text, size_t n, struct err *e); /* one more message */
int chat_render_text(const struct chat *c, struct args *a, struct str *out, struct err *e);
/* The rendered text as ids: special tokens are parsed, none is added. */
int chat_ids(const struct chat *c, struct args *a, const struct tokenizer *words, struct toks *out, struct err *e);
void chat_end(struct chat *c);
/* Line by line from stdin until its end or /exit. g: sampling, seed, max_new. */
int converse(struct args *a, struct opened *o, struct chat *c, struct generation *g, struct err *e);
#endif
