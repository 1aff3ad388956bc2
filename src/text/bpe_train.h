/* Training a byte-level BPE vocabulary, and writing it into a GGUF.
 *
 * The words of the text are counted, then the most frequent neighbouring pair becomes a token, again and again. Ties go to the
 * pair with the smaller left id, then the smaller right id, so a text gives one vocabulary on every machine.
 * Ids: 256 bytes, then merged tokens in the order they were made, then the specials in the order given. */
#ifndef TEXT_BPE_TRAIN_H
#define TEXT_BPE_TRAIN_H
#include "text/tokenizer.h"
#include "weights/gguf_write.h"

struct bpe_vocab {
    char **tokens; /* [n_tokens] GPT-2 spelling; specials as they are */
    int32_t n_tokens, n_specials;
    char **merges; /* [n_merges] "left right" */
    int32_t n_merges;
};
/* pre: a name of the pre-tokenizer table. Specials are cut out of the text before counting. The vocabulary has at most vocab_size
 * tokens; fewer when no pair occurs twice. vocab_size >= 256 + n_specials. */
int bpe_train(const char *text, size_t n, const char *pre, const char *const *specials, int n_specials, int vocab_size,
              struct bpe_vocab *out, struct err *e);
void bpe_vocab_free(struct bpe_vocab *v);
/* The id of a special or token by its exact spelling, -1: absent. */
tok bpe_vocab_find(const struct bpe_vocab *v, const char *token);
/* Writes tokenizer.ggml.*; bos, eos -1: none. 0 or ERR_NOMEM. */
int bpe_vocab_put(struct gguf_writer *g, const struct bpe_vocab *v, const char *pre, tok bos, tok eos, int add_bos);
#endif
