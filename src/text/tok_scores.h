/* Merges by rank and pieces by score: the two ways of saying one SentencePiece BPE vocabulary, each made from the other.
 *
 * tokenizer.json lists which pairs merge, in order; GGUF gives every piece a score, and whatever two neighbours spell a piece may
 * merge, the highest score first. Private to this room. */
#ifndef TEXT_TOK_SCORES_H
#define TEXT_TOK_SCORES_H
#include "text/tok_int.h"

struct merge_row {
    uint32_t rank, a, b, made; /* symbols */
};
/* The merges of t in the order of their ranks; TOK_SPM: made from the scores. *rows is malloc'd. */
int tok__merge_rows(const struct tokenizer *t, struct merge_row **rows, size_t *n, struct err *e);
/* score[n] of every token, for TOK_BPE_CHARS from its merges. Refused where scores could not say the same: a piece made at two
 * places of the order, or a pair that spells a piece and is no merge. */
int tok__scores(const struct tokenizer *t, float *score, struct err *e);
#endif
