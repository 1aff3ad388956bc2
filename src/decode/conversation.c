/* Conversations to tokens. The whole document is encoded as one text, and so is every prompt in it: where both agree id for id, training and
 * asking see the same thing whatever the template or the merges do at a boundary. */
#include "decode/conversation.h"
#include <stdlib.h>
#include <string.h>

int conversation_text(struct str *out, const struct chat_template *chat, json_t *messages, struct err *e) {
    return chat_template_render(chat, &(struct chat_render){.messages = messages}, out, e);
}

struct talk {
    const struct tokenizer *t;
    const struct chat_template *chat;
    json_t *messages;
};

/* The first n messages; open: and the opening of the assistant's turn. */
static int encode(const struct talk *k, size_t n, int open, struct toks *out, struct err *e) {
    struct str text = {0};
    json_t *some = json_array();
    int rc = some ? 0 : -1;
    for (size_t i = 0; i < n && !rc; i++) rc = json_array_append(some, json_array_get(k->messages, i));
    rc = rc ? fail(e, ERR_NOMEM, "out of memory for a document")
            : chat_template_render(k->chat, &(struct chat_render){.messages = some, .add_generation_prompt = open}, &text, e);
    if (rc >= 0) rc = tokenizer_encode(k->t, text.s ? text.s : "", text.len, ENCODE_SPECIAL, out, e);
    str_free(&text);
    json_decref(some);
    return rc;
}

static int begins_with(const struct toks *all, const struct toks *x) {
    return x->n <= all->n && (!x->n || !memcmp(all->ids, x->ids, (size_t)x->n * sizeof *x->ids));
}

/* Marks from the reply's first token to the last end token before `to`. */
static int mark_reply(struct doc *d, const struct talk *k, size_t i, int64_t from, int64_t to, struct err *e) {
    tok end = tokenizer_eos(k->t);
    while (to > from && d->ids.ids[to - 1] != end) to--;
    if (to <= from)
        return fail(e, ERR_FORMAT, "message %zu: expected the chat template to end a reply with the vocabulary's end token", i);
    if (d->marks) memset(d->marks + from, 1, (size_t)(to - from));
    return 0;
}

static int reply(struct doc *d, const struct talk *k, size_t i, struct err *e) {
    struct toks before = {0}, after = {0};
    int rc = encode(k, i, 1, &before, e);
    if (rc >= 0) rc = encode(k, i + 1, 0, &after, e);
    if (rc >= 0 && (!begins_with(&d->ids, &before) || !begins_with(&d->ids, &after)))
        rc = fail(e, ERR_FORMAT,
                  "message %zu: expected the chat template to show a conversation up to here as in the whole document, found "
                  "another text or other tokens",
                  i);
    if (rc >= 0) rc = mark_reply(d, k, i, before.n, after.n, e);
    toks_free(&before), toks_free(&after);
    return rc;
}

int conversation_doc(struct doc *out, const struct tokenizer *t, const struct chat_template *chat, json_t *messages, int answers,
                     struct err *e) {
    const struct talk k = {t, chat, messages};
    size_t n = json_array_size(messages);
    TRY(encode(&k, n, 0, &out->ids, e));
    if (answers && !(out->marks = calloc((size_t)out->ids.n + 1, 1))) return fail(e, ERR_NOMEM, "out of memory for a document");
    for (size_t i = 0; i < n; i++) {
        const char *role = json_string_value(json_object_get(json_array_get(messages, i), "role"));
        if (role && !strcmp(role, "assistant")) TRY(reply(out, &k, i, e));
    }
    return 0;
}
