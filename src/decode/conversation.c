/* Conversations to tokens. The whole document is encoded as one text, and so is every prompt in it: where both agree id for id, training and
 * asking see the same thing whatever the template or the merges do at a boundary. Where a reply tells what it was drawn from, each text is encoded
 * in its place; ids from which two texts part are where the chances lie. */
#include "decode/conversation.h"
#include "decode/docfile.h"
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

/* ---- what else could have been said ---- */

/* A piece of a reply and the texts it was drawn from, each as the ids of the whole reply and its end. */
struct drawn {
    struct toks text[DOCFILE_DRAWN];
    double chance[DOCFILE_DRAWN];
    int64_t same[DOCFILE_DRAWN]; /* how many ids it shares with what was said */
    int n;
};

static int drawn_read(struct drawn *x, const struct talk *k, const char *content, const json_t *piece, struct err *e) {
    size_t from = (size_t)json_integer_value(json_object_get(piece, "from"));
    size_t to = (size_t)json_integer_value(json_object_get(piece, "to"));
    const char *text;
    json_t *chance;
    json_object_foreach(json_object_get(piece, "of"), text, chance) {
        struct str b = {0};
        str_printf(&b, "%.*s%s%s", (int)from, content, text, content + to);
        x->chance[x->n] = json_number_value(chance);
        int rc = b.failed ? fail(e, ERR_NOMEM, "out of memory for a text") : 0;
        if (rc >= 0) rc = tokenizer_encode(k->t, b.s, b.len, ENCODE_SPECIAL, &x->text[x->n], e);
        str_free(&b);
        if (rc >= 0) rc = toks_push(&x->text[x->n], tokenizer_eos(k->t), e);
        x->n++;
        TRY(rc);
    }
    return 0;
}

/* from: of this piece's */
static int other_push(struct doc *d, int64_t from, int64_t at, tok id, double chance, struct err *e) {
    for (int64_t i = d->n_other; i > from && d->other[i - 1].at == at; i--)
        if (d->other[i - 1].id == id) return d->other[i - 1].chance += chance, 0;
    if (d->n_other % 16 == 0) {
        struct other *p = realloc(d->other, (size_t)(d->n_other + 16) * sizeof *p);
        if (!p) return fail(e, ERR_NOMEM, "out of memory for a document");
        d->other = p;
    }
    d->other[d->n_other++] = (struct other){at, id, chance};
    return 0;
}

/* Chances of the next id wherever texts part from what was said (ids from `at` on): among those that agree with it up to there. */
static int others(struct doc *d, struct drawn *x, int64_t at, struct err *e) {
    const tok *said = d->ids.ids + at;
    int64_t most = 0, from = d->n_other;
    for (int k = 0; k < x->n; k++) {
        const struct toks *t = &x->text[k];
        int64_t *i = &x->same[k];
        while (*i < t->n && at + *i < d->ids.n && t->ids[*i] == said[*i]) ++*i;
        if (*i > most && *i < t->n && at + *i < d->ids.n) most = *i;
    }
    for (int64_t i = 0; i <= most; i++) {
        double all = 0;
        for (int k = 0; k < x->n; k++) all += x->same[k] >= i ? x->chance[k] : 0;
        for (int k = 0; k < x->n; k++)
            if (x->same[k] == i && i < x->text[k].n) TRY(other_push(d, from, at + i, x->text[k].ids[i], x->chance[k] / all, e));
    }
    return 0;
}

static int is_said(const struct drawn *x) {
    for (int k = 0; k < x->n; k++)
        if (x->same[k] == x->text[k].n) return 1;
    return 0;
}

/* A message whose ids begin at `at`. */
static int draws(struct doc *d, const struct talk *k, size_t i, int64_t at, struct err *e) {
    const json_t *m = json_array_get(k->messages, i);
    const char *content = json_string_value(json_object_get(m, "content"));
    size_t p;
    json_t *piece;
    json_array_foreach(json_object_get(m, "drawn"), p, piece) {
        struct drawn x = {.n = 0};
        int64_t n = d->n_other;
        int rc = drawn_read(&x, k, content, piece, e);
        if (rc >= 0) rc = others(d, &x, at, e);
        if (rc >= 0 && n && d->n_other > n && d->other[n].at <= d->other[n - 1].at)
            rc = fail(e, ERR_FORMAT, "message %zu, piece %zu drawn: expected its texts to part behind those of the piece before",
                      i, p);
        if (rc >= 0 && !is_said(&x))
            rc =
                fail(e, ERR_FORMAT,
                     "message %zu: expected the chat template to show a reply that tells its chances as it is, and the end token "
                     "behind it",
                     i);
        for (int j = 0; j < x.n; j++) toks_free(&x.text[j]);
        TRY(rc);
    }
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
    if (rc >= 0) rc = draws(d, k, i, before.n, e);
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
