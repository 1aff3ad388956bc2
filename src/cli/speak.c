/* See speak.h. */
#include "cli/speak.h"
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

struct speaker speaker(struct args *a, const struct tokenizer *words) {
    return (struct speaker){.a = a, .tok = words, .stream_out = !arg_has(a, "json"), .e = ERR_INIT};
}

/* The longest end of text that could still become a stop string. */
static size_t held_back(const struct speaker *s) {
    size_t most = 0;
    const char *stop;
    for (int i = 0; (stop = arg_nth(s->a, "stop", i)); i++)
        for (size_t n = strlen(stop); n-- > most;)
            if (n <= s->text.len && n > most && !memcmp(s->text.s + s->text.len - n, stop, n)) {
                most = n;
                break;
            }
    return most;
}

/* The first place where a stop string stands, looking only where new text can have made one. */
static int find_stop(struct speaker *s) {
    size_t first = s->text.len;
    const char *stop;
    int found = 0;
    for (int i = 0; s->text.s && (stop = arg_nth(s->a, "stop", i)); i++) {
        const char *at = *stop ? strstr(s->text.s + s->shown, stop) : NULL;
        if (at && (size_t)(at - s->text.s) <= first) first = (size_t)(at - s->text.s), found = 1;
    }
    if (found) s->text.len = first, s->text.s[first] = 0;
    return found;
}

static int show(struct speaker *s, size_t upto) {
    if (upto <= s->shown) return 0;
    int rc = s->stream_out ? print_bytes(s->text.s + s->shown, upto - s->shown, &s->e) : 0;
    s->shown = upto;
    return rc;
}

int speaker_token(void *ctx, int32_t id, double logprob, int64_t i) {
    struct speaker *s = ctx;
    (void)logprob, (void)i;
    if (interrupted()) return 1;
    if (!s->tok) return 0;
    s->failed = tok_stream_push(&s->stream, s->tok, id, 1, &s->text, &s->e);
    if (s->failed) return 1;
    s->stopped = find_stop(s);
    s->failed = show(s, s->stopped ? s->text.len : s->text.len - held_back(s));
    return s->stopped || s->failed;
}

int speaker_end(struct speaker *s, struct err *e) {
    if (s->failed < 0) {
        if (e) *e = s->e;
        return s->failed;
    }
    if (!s->tok || s->stopped) return 0;
    TRY(tok_stream_flush(&s->stream, &s->text));
    if (find_stop(s)) s->stopped = 1;
    return show(s, s->text.len) < 0 ? fail_at(e, ERR_IO, "stdout", -1, "cannot write") : 0;
}

int end_tokens(const struct tokenizer *t, int32_t **out) {
    int n = 0;
    int64_t V = tokenizer_size(t);
    for (int64_t i = 0; i < V; i++) n += tokenizer_is_end(t, (tok)i) != 0;
    *out = malloc((size_t)(n + 1) * sizeof **out);
    if (!*out) return -1;
    n = 0;
    for (int64_t i = 0; i < V; i++)
        if (tokenizer_is_end(t, (tok)i)) (*out)[n++] = (int32_t)i;
    return n;
}

static const char *stop_name(const struct generation *g, const struct speaker *s) {
    if (interrupted()) return "interrupted";
    if (s->stopped) return "stop";
    return g->stop == GEN_END ? "end" : g->stop == GEN_CTX ? "context" : "length";
}

json_t *ids_json(const int32_t *ids, int64_t n) {
    json_t *j = json_array();
    for (int64_t i = 0; i < n; i++) json_array_append_new(j, json_integer(ids[i]));
    return j;
}

int speaker_json(const struct speaker *s, const struct generation *g, const struct input *in, double prefill_s, double decode_s,
                 struct err *e) {
    json_t *logprobs = json_array();
    for (int64_t i = 0; i < g->n; i++) json_array_append_new(logprobs, json_number(g->logprobs[i]));
    json_t *text = s->tok ? json_stringn(s->text.s ? s->text.s : "", s->text.len) : json_null();
    return print_json(json_pack("{s:o, s:o, s:o, s:s, s:o, s:{s:I, s:f, s:I, s:f, s:o}}", "ids", ids_json(g->ids, g->n),
                                "logprobs", logprobs, "text", text, "stop", stop_name(g, s), "prompt_ids",
                                ids_json(in->ids, in->n), "timings", "prompt_tokens", (json_int_t)in->n, "prefill_seconds",
                                prefill_s, "generated_tokens", (json_int_t)g->n, "decode_seconds", decode_s, "tokens_per_second",
                                json_number(decode_s > 0 ? (double)g->n / decode_s : 0)),
                      e);
}
