/* Streaming decode: bytes of tokens come in, whole characters go out.
 *
 * At most three bytes are held back: the beginning of a character whose rest may be in the next token. Bytes that can no
 * longer become a character leave as U+FFFD, one for each maximal subpart. A stream that continues a text (rather than
 * beginning one) sets .started = 1, so that the leading space of its first token is kept. */
#include "text/tok_int.h"
#include <string.h>

static const char replacement[3] = {'\xEF', '\xBF', '\xBD'};

/* Emits what is decided in s[0..n); returns how many bytes it consumed. */
static size_t emit_whole(const char *s, size_t n, struct str *buf) {
    size_t i = 0, from = 0, len;
    while (i < n) {
        enum utf8 k = utf8_scan(s + i, n - i, &len);
        if (k == UTF8_PARTIAL) break;
        if (k == UTF8_INVALID) {
            str_add(buf, s + from, i - from);
            str_add(buf, replacement, sizeof replacement);
            from = i + len;
        }
        i += len;
    }
    str_add(buf, s + from, i - from);
    return i;
}

/* The held bytes with as many of s as decide about them; returns how many of s are used. */
static size_t finish_held(struct tok_stream *st, const char *s, size_t n, struct str *buf) {
    size_t used = 0;
    while (st->n_held && used < n) {
        st->held[st->n_held++] = s[used++];
        size_t k = emit_whole(st->held, st->n_held, buf);
        memmove(st->held, st->held + k, st->n_held - k);
        st->n_held -= k;
    }
    return used;
}

int tok_stream_push(struct tok_stream *st, const struct tokenizer *t, tok id, int skip_special, struct str *buf, struct err *e) {
    const char *s;
    size_t n;
    TRY(tokenizer_piece(t, id, &s, &n, e));
    if (n == 0 || (skip_special && t->type[id] == TOK_CONTROL)) return 0;
    if (!st->started && t->strip_space && s[0] == ' ') {
        s++;
        n--;
    }
    st->started = 1;
    size_t used = finish_held(st, s, n, buf);
    s += used;
    n -= used;
    if (n) {
        size_t k = emit_whole(s, n, buf);
        st->n_held = n - k;
        memcpy(st->held, s + k, n - k);
    }
    return buf->failed ? fail(e, ERR_NOMEM, "out of memory for decoded text") : 0;
}

int tok_stream_flush(struct tok_stream *st, struct str *buf) {
    if (st->n_held) str_add(buf, replacement, sizeof replacement);
    st->n_held = 0;
    return buf->failed ? ERR_NOMEM : 0;
}
