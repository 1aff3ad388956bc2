/* Vocabularies for the models that another engine must open too: made up, or taken from a tokenizer's published files. */
#ifndef PEERS_VOCAB_H
#define PEERS_VOCAB_H
#include "weights/gguf_write.h"

enum { VOCAB_SIZE = 400 };
/* SentencePiece: <unk>, <s>, </s>, the 256 bytes, then pieces joined from earlier ones, by falling scores. Exactly VOCAB_SIZE tokens. */
int vocab_put_spm(struct gguf_writer *g, uint64_t seed, struct err *e);
/* Byte-level BPE, trained on text that is made up; specials <|endoftext|> and <|im_start|>. Exactly VOCAB_SIZE tokens. */
int vocab_put_bpe(struct gguf_writer *g, const char *pre, uint64_t seed, struct err *e);
/* vocab.json and merges.txt of Qwen2 (dir), and its special tokens, as a GGUF without tensors. */
int vocab_qwen2(const char *dir, const char *path, struct err *e);
/* The vocabulary of GGUF file `from` once under each pattern we know: DIR/pre-NAME.gguf. */
int vocab_patterns(const char *from, const char *dir, struct err *e);
#endif
