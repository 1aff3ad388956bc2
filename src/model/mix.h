/* Mixes: which storage format each tensor of a model takes when the model is quantised.
 *
 * A mix is a format for most matrices and a few rules that give more bits to those that suffer most from fewer: the output matrix (and the
 * embedding, if it is the output matrix too), the value projections, the second matrix of the feed-forward, in some layers. Names,
 * rules and file types are those of llama.cpp's llama-quantize (release 0.5, without an importance matrix), so that a file made here is the
 * file made there, byte by byte; tests/test_quantize.c holds a table of its answers.
 *
 * The rules know names of tensors and count layers; they touch no numbers. Models of experts are not covered. */
#ifndef MODEL_MIX_H
#define MODEL_MIX_H
#include "weights/weights.h"

/* XX(name, format of most matrices, general.file_type, bits a weight of that format, for people) */
#define MIX_MAP(XX)                                                           \
    XX("F32", F32, 0, 32, "every matrix")                                     \
    XX("F16", F16, 1, 16, "every matrix")                                     \
    XX("BF16", BF16, 32, 16, "every matrix")                                  \
    XX("Q8_0", Q8_0, 7, 8.5, "every matrix")                                  \
    XX("Q4_0", Q4_0, 2, 4.5, "output Q6_K")                                   \
    XX("Q4_1", Q4_1, 3, 5, "output Q6_K")                                     \
    XX("Q5_0", Q5_0, 8, 5.5, "output Q6_K")                                   \
    XX("Q5_1", Q5_1, 9, 6, "output Q6_K")                                     \
    XX("IQ4_NL", IQ4_NL, 25, 4.5, "output Q6_K, some values and downs Q5_K")  \
    XX("IQ4_XS", IQ4_XS, 30, 4.25, "output Q6_K, some values and downs Q5_K") \
    XX("Q2_K", Q2_K, 10, 2.625, "output Q6_K, values and downs more")         \
    XX("Q2_K_S", Q2_K, 21, 2.625, "output Q6_K, some values and downs Q4_K")  \
    XX("Q3_K_S", Q3_K, 11, 3.4375, "output Q6_K")                             \
    XX("Q3_K_M", Q3_K, 12, 3.4375, "output Q6_K, values and downs more")      \
    XX("Q3_K_L", Q3_K, 13, 3.4375, "output Q6_K, values and downs Q5_K")      \
    XX("Q4_K_S", Q4_K, 14, 4.5, "output Q6_K, first values and downs Q5_K")   \
    XX("Q4_K_M", Q4_K, 15, 4.5, "output and half of values and downs Q6_K")   \
    XX("Q5_K_S", Q5_K, 16, 5.5, "output Q6_K")                                \
    XX("Q5_K_M", Q5_K, 17, 5.5, "output and half of values and downs Q6_K")   \
    XX("Q6_K", Q6_K, 18, 6.5625, "every matrix")
struct quant_mix {
    const char *name;
    enum fmt fmt;
    int file_type;
    double bits;
    const char *about;
};
const struct quant_mix *quant_mix_at(int i);              /* NULL past the last */
const struct quant_mix *quant_mix_find(const char *name); /* any case; Q3_K, Q4_K and Q5_K mean …_M; NULL: none */

/* What a matrix whose rows are cols numbers is stored as when f was asked for: f itself where its blocks fill the rows, else a format
 * of blocks of 32 near it, else F16. */
enum fmt quant_fallback(enum fmt f, int64_t cols);

/* One wish of the user: tensors whose name the expression is found in (PCRE2, anywhere in the name) take this format. */
struct quant_choice {
    void *re;
    enum fmt to;
};
/* text: "REGEX=FORMAT". The choice is freed with quant_choice_free, also one that is all zero. */
int quant_choice_parse(struct quant_choice *c, const char *text, struct err *e);
void quant_choice_free(struct quant_choice *c);

struct quant_opts {
    const struct quant_mix *mix;
    int pure;                                 /* the mix's format for every matrix, no rules */
    int keep_output;                          /* leave output.weight as it is */
    int requantize;                           /* take what is quantised already as if it were exact */
    const struct fmt_row *output, *embedding; /* formats of output.weight and token_embd.weight; NULL: as the mix says */
    const struct quant_choice *choices;       /* [n_choices], the first that fits; not for the float mixes */
    int n_choices;
};

/* What the rules ask of a model. */
struct mix_model {
    int layers;     /* also what i < n/8 is measured against */
    int heads_each; /* query heads that share a value head */
    int values;     /* tensors of values (attn_v, attn_qkv), by which they are counted */
    int tied;       /* the embedding is the output matrix */
    int large;      /* 80 layers of the kind whose value projections are small */
};
struct mixer {
    const struct quant_opts *o;
    struct mix_model m;
    int i_value, i_down; /* how many were seen */
};
/* One tensor after the other, in the order of mix_order: *to is the format to store it in (`from` where it is not quantised at all). */
int mix_next(struct mixer *x, const char *name, int n_dims, const int64_t *dims, enum fmt from, enum fmt *to, struct err *e);
int mix_order(const char *a, const char *b); /* as strcmp: names outside of layers first, then layer by layer */
/* ERR_UNSUPPORTED for a family we do not compute with, and for experts. */
int mix_model_read(struct mix_model *m, const struct weights *w, struct err *e);
int mix_is_value(const char *name);
#endif
