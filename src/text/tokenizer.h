/* Bytes to token ids and back.
 *
 * A struct tokenizer is immutable after open; encode and decode may run on any thread (each call makes its own scratch).
 * Sources: GGUF metadata (tokenizer.ggml.*), a folder with tokenizer.json, or with vocab.json + merges.txt (+ tokenizer_config.json,
 * whose tokenizer_class chooses pre-tokenizer pattern and normaliser; Qwen2Tokenizer: NFC). */
#ifndef TEXT_TOKENIZER_H
#define TEXT_TOKENIZER_H
#include "base/err.h"
#include "weights/weights.h"
#include <stddef.h>
#include <stdint.h>

typedef int32_t tok;
struct tokenizer;
struct toks {
    tok *ids;
    int64_t n, cap;
}; /* caller's; zero-initialise; toks_free */
void toks_free(struct toks *t);
int toks_push(struct toks *t, tok id, struct err *e);

int tokenizer_from_weights(struct tokenizer **out, const struct weights *w,
                           struct err *e);      /* GGUF metadata; for safetensors the files beside it */
int tokenizer_present(const struct weights *w); /* whether there is one to open, whatever its kind */
int tokenizer_from_dir(struct tokenizer **out, const char *dir, struct err *e);
int tokenizer_open(struct tokenizer **out, const char *path, struct err *e); /* .gguf, or a folder, or a file in one */
void tokenizer_free(struct tokenizer *t);

int64_t tokenizer_size(const struct tokenizer *t);
/* A model's embedding may have more rows than there are tokens, and may choose one: ids below n_vocab then decode to nothing. Called, if at
 * all, before anyone else uses t. */
void tokenizer_rows(struct tokenizer *t, int64_t n_vocab);
int64_t tokenizer_ids(const struct tokenizer *t); /* all that decode: the tokens, and those rows */
tok tokenizer_bos(const struct tokenizer *t);     /* -1: none */
tok tokenizer_eos(const struct tokenizer *t);
tok tokenizer_pad(const struct tokenizer *t);
int tokenizer_adds_bos(const struct tokenizer *t);
int tokenizer_is_end(const struct tokenizer *t, tok id); /* EOS or any end-of-turn/end-of-text control token */
int tokenizer_is_special(const struct tokenizer *t, tok id);
int tokenizer_is_added(const struct tokenizer *t, tok id);  /* special, or user-defined: cut out of the text before merging */
int tokenizer_is_unused(const struct tokenizer *t, tok id); /* a filler, or no id of this vocabulary */
tok tokenizer_find(const struct tokenizer *t, const char *piece, size_t n); /* exact vocabulary entry, -1: absent */

enum { ENCODE_BOS_EOS = 1 /* add BOS/EOS where the file says so */, ENCODE_SPECIAL = 2 /* parse special tokens in the text */ };
/* Appends to out. Text must be UTF-8; invalid bytes are encoded as bytes (byte level) or byte fallback, never an error. */
int tokenizer_encode(const struct tokenizer *t, const char *text, size_t n, unsigned flags, struct toks *out, struct err *e);

/* Bytes of one id as they are emitted mid-text (special tokens give their text; byte tokens one byte). Lives as long as t. */
int tokenizer_piece(const struct tokenizer *t, tok id, const char **s, size_t *n, struct err *e);
/* Whole sequence; *out is malloc'd, NUL-terminated. skip_special: control tokens vanish. */
int tokenizer_decode(const struct tokenizer *t, const tok *ids, int64_t n, int skip_special, char **out, size_t *len,
                     struct err *e);

/* Streaming: push ids, take whole UTF-8 characters; a character is never split. Plain struct, zero-initialise; a stream that
 * continues a text (ids generated behind a prompt) sets .started = 1, so that a SentencePiece leading space is kept. */
struct tok_stream {
    char held[16];
    size_t n_held;
    int started;
};
/* Appends to buf what became complete; flush at the end gives what is left (invalid bytes as U+FFFD). */
struct str;
int tok_stream_push(struct tok_stream *s, const struct tokenizer *t, tok id, int skip_special, struct str *buf, struct err *e);
int tok_stream_flush(struct tok_stream *s, struct str *buf);
struct gguf_writer;
/* Copies the tokenizer of an open GGUF into a file being written. */
void tokenizer_copy_meta(struct gguf_writer *g, const struct weights *from);
#endif
