/* A shipped reasoner is asked in its own special tokens; the question's text is never parsed for them. A model with a chat template is
 * asked through it, and any other one gets the question as plain text with "Answer:" behind it. */
#include "decode/codec.h"
#include <stdlib.h>
#include <string.h>

/* ---- prompts and texts ---- */

static int encode(const struct tokenizer *t, const char *s, size_t n, unsigned flags, struct toks *out, struct err *e) {
    return n ? tokenizer_encode(t, s, n, flags, out, e) : 0;
}

static int has_specials(const struct tokenizer *t) {
    for (int i = 0; task_specials[i]; i++)
        if (tokenizer_find(t, task_specials[i], strlen(task_specials[i])) < 0) return 0;
    return 1;
}

/* The prompt is body with special tokens before and behind it: each part is encoded by its own rule. */
static int prompt_special(const struct tokenizer *t, const struct str *all, const struct str *body, struct toks *out,
                          struct err *e) {
    size_t head = strcspn(all->s, ">") + 1, end = head + body->len;
    const char *tail = end <= all->len ? strstr(all->s + end, "<|") : NULL;
    if (!tail || memcmp(all->s + head, body->s, body->len) != 0)
        return fail(e, ERR_INTERNAL, "a prompt is not its question between special tokens");
    TRY(encode(t, all->s, head, ENCODE_SPECIAL, out, e));
    TRY(encode(t, all->s + head, (size_t)(tail - all->s) - head, 0, out, e));
    return encode(t, tail, all->len - (size_t)(tail - all->s), ENCODE_SPECIAL, out, e);
}

static int prompt_plain(const struct tokenizer *t, struct str *body, struct toks *out, struct err *e) {
    TRY(str_puts(body, "\nAnswer:"));
    TRY(encode(t, body->s, body->len, tokenizer_adds_bos(t) ? ENCODE_BOS_EOS : 0, out, e));
    /* a tokenizer that also adds an end token would end the answer before it begins */
    if (out->n > 1 && tokenizer_is_end(t, out->ids[out->n - 1])) out->n--;
    return 0;
}

/* A question may hold the spelling of a special token; in a template it would become one. */
static int check_body(const struct tokenizer *t, const struct str *body, struct err *e) {
    struct toks plain = {0}, parsed = {0};
    int rc = encode(t, body->s, body->len, 0, &plain, e);
    if (rc >= 0) rc = encode(t, body->s, body->len, ENCODE_SPECIAL, &parsed, e);
    if (rc >= 0 && (plain.n != parsed.n || memcmp(plain.ids, parsed.ids, (size_t)plain.n * sizeof *plain.ids) != 0))
        rc = fail(e, ERR_FORMAT, "expected a question without special tokens of the model, found the spelling of one in it");
    toks_free(&plain), toks_free(&parsed);
    return rc;
}

static json_t *message(const char *role, const char *text, size_t n) {
    return json_pack("{s:s, s:o}", "role", role, "content", json_stringn(text, n));
}

static int render(const struct asking *a, const struct str *body, struct str *all, struct err *e) {
    json_t *list = json_array();
    struct tm now;
    if (a->system) json_array_append_new(list, message("system", a->system, strlen(a->system)));
    json_array_append_new(list, message("user", body->s, body->len));
    int rc = chat_time(&now, "2024-07-26", e); /* a fixed day: results must not depend on when they were made */
    const struct chat_render r = {.messages = list, .add_generation_prompt = 1, .now = &now};
    if (!rc) rc = chat_template_render(a->chat, &r, all, e);
    json_decref(list);
    return rc;
}

/* The template writes the BOS itself where the model wants one, so none is added. */
static int prompt_chat(const struct vocab *v, struct str *body, struct toks *out, struct err *e) {
    struct str all = {0};
    const char *more = v->asking.instruction;
    TRY(check_body(v->t, body, e));
    if (more && *more) TRY(str_printf(body, "\n%s", more));
    int rc = render(&v->asking, body, &all, e);
    if (!rc) rc = encode(v->t, all.s, all.len, ENCODE_SPECIAL, out, e);
    str_free(&all);
    return rc;
}

static int prompt(void *ctx, const struct question *q, struct toks *out, struct err *e) {
    const struct vocab *v = ctx;
    struct str body = {0}, all = {0};
    int rc = question_body(q, &body), special = has_specials(v->t);
    if (rc >= 0 && special) rc = question_prompt(q, &all);
    if (rc >= 0 && special)
        rc = prompt_special(v->t, &all, &body, out, e);
    else if (rc >= 0)
        rc = v->asking.chat ? prompt_chat(v, &body, out, e) : prompt_plain(v->t, &body, out, e);
    str_free(&body), str_free(&all);
    return rc < 0 && e && !e->code ? fail(e, rc, "out of memory for a prompt") : rc;
}

static int text(void *ctx, const int32_t *ids, int64_t n, char **out, struct err *e) {
    const struct vocab *v = ctx;
    size_t len;
    return tokenizer_decode(v->t, ids, n, 0, out, &len, e);
}

static int spell(void *ctx, const int32_t *ids, int64_t n, struct str *out, size_t *ends, struct err *e) {
    const struct vocab *v = ctx;
    const char *piece;
    size_t len;
    for (int64_t i = 0; i < n; i++) {
        TRY(tokenizer_piece(v->t, ids[i], &piece, &len, e));
        if (str_add(out, piece, len) < 0) return fail(e, ERR_NOMEM, "out of memory for an answer's text");
        ends[i] = out->len;
    }
    return 0;
}

struct codec vocab_codec(const struct vocab *v) {
    return (struct codec){.prompt = prompt, .text = text, .spell = spell, .ctx = (void *)(uintptr_t)v};
}

/* ---- ends ---- */

static int ends_step(const char *s, size_t n) {
    if (memchr(s, '\n', n) || memchr(s, ';', n)) return 1;
    return (n == 1 && *s == '.') || (n == 8 && !memcmp(s, "</think>", 8));
}

int vocab_open(struct vocab *v, const struct tokenizer *t, struct err *e) {
    int64_t V = tokenizer_ids(t);
    *v = (struct vocab){.t = t, .ends = malloc((size_t)V * sizeof *v->ends), .step_end = calloc((size_t)V, 1)};
    if (!v->ends || !v->step_end) {
        vocab_close(v);
        return fail(e, ERR_NOMEM, "out of memory for a vocabulary of %lld", (long long)V);
    }
    for (tok id = 0; id < V; id++) {
        const char *s;
        size_t n;
        if (tokenizer_is_end(t, id)) v->ends[v->n_ends++] = id;
        if (tokenizer_piece(t, id, &s, &n, NULL) >= 0) v->step_end[id] = (unsigned char)ends_step(s, n);
    }
    return 0;
}

void vocab_close(struct vocab *v) {
    free(v->ends), free(v->step_end);
    *v = (struct vocab){0};
}

/* ---- the same vocabulary ---- */

enum tok_has { TOK_ABSENT, TOK_EXTRA, TOK_TEXT };

/* Whether a vocabulary has a token of this id, and whether ordinary text is written with it. */
static enum tok_has has_token(const struct tokenizer *t, tok id) {
    if (tokenizer_is_unused(t, id)) return TOK_ABSENT;
    return tokenizer_is_added(t, id) ? TOK_EXTRA : TOK_TEXT;
}

static int same_piece(const struct tokenizer *lm, const struct tokenizer *rm, tok id, const char *lm_name, const char *rm_name,
                      struct err *e) {
    const char *s = "", *z = "";
    size_t n = 0, m = 0;
    TRY(tokenizer_piece(lm, id, &s, &n, e));
    TRY(tokenizer_piece(rm, id, &z, &m, e));
    if (n == m && memcmp(s, z, n) == 0) return 0;
    return fail(e, ERR_ARG, "the reward model must share the policy's vocabulary: token %d is \"%.*s\" in %s and \"%.*s\" in %s",
                id, (int)(n < 40 ? n : 40), s, lm_name, (int)(m < 40 ? m : 40), z, rm_name);
}

int vocab_same(const struct tokenizer *lm, const struct tokenizer *rm, const char *lm_name, const char *rm_name, struct err *e) {
    int64_t a = tokenizer_size(lm), b = tokenizer_size(rm);
    for (tok id = 0; id < a || id < b; id++) {
        enum tok_has l = has_token(lm, id), r = has_token(rm, id);
        if (l != TOK_ABSENT && r != TOK_ABSENT)
            TRY(same_piece(lm, rm, id, lm_name, rm_name, e));
        else if (l == TOK_TEXT || r == TOK_TEXT)
            return fail(
                e, ERR_ARG,
                "the reward model must share the policy's vocabulary: %s has %lld tokens, %s has %lld; token %d is in one of "
                "them only",
                lm_name, (long long)a, rm_name, (long long)b, id);
    }
    return 0;
}
