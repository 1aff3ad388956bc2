/* A tokenizer written again: as GGUF metadata, or as the files of a Hugging Face folder.
 *
 * Both are made from the open tokenizer, wherever it came from, so that what is written is what was understood. What the other form
 * cannot say is refused by name. Thread: none of these keeps anything. */
#ifndef TEXT_TOK_SAVE_H
#define TEXT_TOK_SAVE_H
#include "text/tokenizer.h"
#include "weights/gguf_write.h"

struct dir_out;
struct chat_template;
/* Fails where the tokenizer has more tokens than n_vocab, the rows of the embedding. */
int tokenizer_fits(const struct tokenizer *t, int64_t n_vocab, struct err *e);
/* tokenizer.ggml.*, as llama.cpp's converter names them. n_vocab: rows of the embedding, which may be more than the tokenizer has:
 * the rest becomes unused tokens [PADn]; 0: no check. Merges over characters (tokenizer.json of the Llama family) become the scores
 * of a SentencePiece vocabulary, after a check that every text falls apart alike. */
int tokenizer_put_gguf(struct gguf_writer *g, const struct tokenizer *t, int64_t n_vocab, struct err *e);
/* tokenizer.json, tokenizer_config.json, generation_config.json and, for byte-level vocabularies, vocab.json and merges.txt.
 * chat: NULL, or templates, which go into tokenizer_config.json; one alone into chat_template.jinja too. */
int tokenizer_put_dir(const struct dir_out *d, const struct tokenizer *t, const struct chat_template *chat, struct err *e);
/* tokenizer.chat_template and its like, the texts as they are. */
int chat_template_put(struct gguf_writer *g, const struct chat_template *t, struct err *e);
#endif
