/* Documents to train on. Document i of a stage is a pure function of (recipe, stage, i): nothing is stored but the samples that reward
 * models learn from, so a resumed run reads exactly what an uninterrupted one would have. */
#ifndef DECODE_CORPUS_H
#define DECODE_CORPUS_H
#include "decode/recipe.h"
#include "text/tokenizer.h"

/* Where a token was drawn from known chances: this one had `chance`, the document's own the rest. */
struct other {
    int64_t at; /* position in the document */
    tok id;
    double chance;
};
struct doc {
    struct toks ids;
    struct other *other; /* by ascending positions; NULL: none */
    int64_t n_other;
    int64_t from; /* first position that is a target (next token: 1; answers only: the answer's first token), unless marked */
    int label;    /* reward stages: 1 right, 0 wrong */
    signed char *marks; /* reward stages with steps: per token 1 right so far, 0 wrong, -1 not scored. Replies of a conversation:
                           1 a target, 0 none. Else NULL */
};
void doc_free(struct doc *d);

/* Answers of a policy to questions of the gym, graded: what a reward model learns from. */
struct sample {
    int32_t *ids;
    int64_t n, prompt;
    int data, correct;
    int64_t question, k;
};
struct samples {
    struct sample *s;
    int64_t n, cap;
};
void samples_free(struct samples *s);
struct device;
/* Draws (or reads back from `path`, as far as an earlier run came) all samples of a stage; kept as JSON lines, so a kill loses one block. */
int samples_draw(struct samples *out, const struct recipe *r, int stage, struct device *d, const struct tokenizer *t,
                 const char *path, int (*stop)(void), struct err *e);

/* What documents are made of. Borrowed; immutable while documents are made, so any thread may make them. */
struct chat_template;
struct corpus {
    const struct recipe *r;
    const struct tokenizer *t;
    const struct samples *s;          /* reward stages */
    const struct docfile *files;      /* [r->n_files] */
    const struct chat_template *chat; /* how a conversation of a file is written; NULL: there are none */
};
/* Document i; valid: of the validation split. Reward stages take it from samples; pairs are documents 2i (right) and 2i+1 (wrong). A
 * document that could not be made has an error with the place of its line. */
int corpus_doc(struct doc *out, const struct corpus *c, int stage, int valid, int64_t i, struct err *e);
/* Text of what the recipe's vocabulary is learnt from, for the tokenizer's merges; no vocabulary or samples are needed. */
struct str;
int corpus_text(struct str *out, const struct corpus *c, struct err *e);
#endif
