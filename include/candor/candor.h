/* libcandor: run an open-weight language model, look inside it, and differentiate through it.
 *
 * Nouns. A `candor_engine` is one model (a GGUF file, a safetensors file or a folder) with its tokenizer, threads and key/value cache. A
 * `candor_session` is one growing sequence of token ids on an engine; forking it is cheap, because forks share what they have in common.
 *
 * Memory. What is opened is closed, what is new is freed; close and free accept NULL. Sessions are freed before their engine. Arrays that a
 * function fills are the caller's; arrays and strings that it allocates go to candor_free. Options and results are plain structs: zero
 * means default, so initialise them with {0} or designated initialisers.
 * Layout. x[T, C] is T rows of C numbers, one row after the other (row-major), without gaps. Positions and layers count from 0.
 * Threads. One thread at a time per engine, its sessions included; the engine's own threads work inside a call. Two engines may be used by
 * two threads, unless they share threads (struct candor_options, `share`). The tokenizer's functions may run on any thread.
 * Errors. A fallible function takes a `struct candor_error *` last (NULL is allowed), returns 0 or a negative code, and writes its outputs
 * only on success. A session whose call failed is as long as it was. The library never prints and never exits.
 * Determinism. Same file, same instruction set, same ids and seeds: same bytes, at any number of threads and however the input is cut. */
#ifndef CANDOR_CANDOR_H
#define CANDOR_CANDOR_H
#include <candor/error.h>
#include <stddef.h>
#include <stdint.h>
#ifdef __cplusplus
extern "C" {
#endif

struct candor_engine;
struct candor_session;

/* "0.1.0": of the library that is linked. */
const char *candor_version(void);
/* What the library allocated for the caller: ids of candor_tokenize, text of candor_detokenize. */
void candor_free(void *p);

/* --- engines --- */

enum candor_kv { CANDOR_KV_AUTO, CANDOR_KV_F32, CANDOR_KV_F16, CANDOR_KV_BF16 };
/* Matrix products. AUTO: factors rounded to bf16 (sums in float) for weights narrower than F32 where the CPU multiplies bf16; FULL: float.
 * INT8: AUTO, but where weights are integers in blocks (Q8_0, Q4_0 … Q6_K) activations are rounded to eight bits, in blocks of 32. That
 * makes the forward a step function, so an engine opened with .gradient computes as under AUTO. _UNSUPPORTED without AVX512_VNNI. */
enum candor_precision { CANDOR_PRECISION_AUTO, CANDOR_PRECISION_FULL, CANDOR_PRECISION_BF16, CANDOR_PRECISION_INT8 };
struct candor_options {
    int threads;          /* 0: one per physical core */
    int oracle;           /* nonzero: plain C in double precision: slow, and what the fast kernels are measured by */
    int gradient;         /* nonzero: candor_gradient will be called; takes more scratch */
    int reward;           /* nonzero: the model must have a score head (a reward model) */
    int64_t max_ctx;      /* positions of the longest session; 0: the model's context */
    int64_t max_rows;     /* rows of one step, and the most positions of one gradient; 0: 512. Longer input is cut: same bytes */
    int64_t max_kv_bytes; /* limit of the key/value cache; 0: 4 GiB. Taken as needed */
    enum candor_kv kv;    /* storage of keys and values; 0: narrow where the weights are multiplied narrowly, otherwise floats */
    enum candor_precision precision;
    struct candor_engine *share; /* compute with this engine's threads and precision; close it last. NULL: own ones */
};
struct candor_dims {
    const char *family, *device; /* "llama", "qwen3" …; "ref64", "ref", "avx2", "avx512" or "amx". Live as long as the engine */
    int n_layer, n_head, n_kv, head_dim, n_embd, n_ff, n_vocab;
    int n_out; /* numbers of one row of logits: n_vocab; 1 for a reward model (its score) */
    int is_reward;
    int64_t n_ctx, max_ctx; /* positions the model was trained on; positions a session of this engine may have */
    int bos, eos;           /* token ids, -1: none (or no tokenizer) */
};
/* path: a .gguf file, a .safetensors file, or a folder with safetensors and config.json; options NULL: all defaults. Weights stay in
 * the mapping of the file, which must not change while the engine is open. A model without a usable tokenizer opens; then only the
 * tokenizer's functions fail. CANDOR_ERR_IO: no such file; _FORMAT: broken; _UNSUPPORTED: a family or storage format not known. */
int candor_open(struct candor_engine **out, const char *path, const struct candor_options *o, struct candor_error *e);
void candor_close(struct candor_engine *g);
struct candor_dims candor_dims(const struct candor_engine *g);

/* --- text --- */

enum {
    CANDOR_PLAIN = 1,    /* no BOS or EOS is added, "<|…|>" in the text is text */
    CANDOR_TEMPLATED = 2 /* for the text of a chat template: special tokens are parsed, none is added */
};
/* n bytes of UTF-8 to token ids (candor_free). By default BOS and EOS are added where the file says so and special tokens are parsed.
 * Bytes that are not UTF-8 are no error: they become byte tokens. */
int candor_tokenize(const struct candor_engine *g, const char *text, size_t n, unsigned flags, int32_t **ids, int64_t *n_ids,
                    struct candor_error *e);
/* ids to text (candor_free), NUL-terminated; *len (may be NULL) without the NUL. Special tokens give their spelling. */
int candor_detokenize(const struct candor_engine *g, const int32_t *ids, int64_t n, char **text, size_t *len,
                      struct candor_error *e);
/* Messages to the text that the model was trained on, through its chat template (the Jinja that Hugging Face templates use). */
struct candor_chat {
    const char *
        request; /* n bytes of JSON: a list of messages {"role", "content", …}, or an object with "messages" and, as wanted, "tools", */
    size_t n; /* "documents", "add_generation_prompt" (default true) and further variables ("enable_thinking": false …) */
    const char *source; /* a template (NUL-terminated) instead of the model's own; NULL: its own */
    const char *name;   /* which of its own; NULL: "tool_use" if there are tools and such a template, else "default" */
    const char *date;   /* "YYYY-MM-DD" or "YYYY-MM-DDTHH:MM:SS": what the template takes for now; NULL: the local time */
};
/* *text (candor_free) is NUL-terminated; *len (may be NULL) without the NUL. CANDOR_ERR_STATE: the model has no template; _ARG: wrong messages,
 * or the template refuses them in its own words; _FORMAT, _UNSUPPORTED, _LIMIT: what is wrong with a template, and where. */
int candor_chat_text(const struct candor_engine *g, const struct candor_chat *c, char **text, size_t *len,
                     struct candor_error *e);
/* The bytes of one id as it stands within a text: not always whole characters. Lives as long as the engine. */
int candor_piece(const struct candor_engine *g, int32_t id, const char **s, size_t *n, struct candor_error *e);
/* Does this token end a text or a turn? 0 without a tokenizer. */
int candor_is_end(const struct candor_engine *g, int32_t id);

/* --- sessions --- */

int candor_session_new(struct candor_session **out, struct candor_engine *g, struct candor_error *e);
int candor_session_fork(struct candor_session **out, const struct candor_session *s, struct candor_error *e);
void candor_session_free(struct candor_session *s);
int64_t candor_session_len(const struct candor_session *s); /* positions it holds */
/* Forget positions from len on; a len beyond the end changes nothing. */
void candor_session_rewind(struct candor_session *s, int64_t len);

/* Appends ids[n], n >= 1. logits[n_out] (may be NULL): natural-log units, not normalised, after the last of them; of a reward model
 * the score. CANDOR_ERR_RANGE: an id outside the vocabulary; _LIMIT: beyond max_ctx, or the cache is full. */
int candor_feed(struct candor_session *s, const int32_t *ids, int64_t n, float *logits, struct candor_error *e);
/* Rows of numbers, handed over a few at a time and in order: x[rows, width] is valid during the call and begins with row row0. A nonzero
 * answer ends the work with CANDOR_ERR_CANCELLED. The callback must not use the engine. */
typedef int (*candor_rows_fn)(void *ctx, int64_t row0, int64_t rows, const float *x, int64_t width);
/* The same as candor_feed, with the logits after every one of the n ids: rows 0 … n−1 of width n_out. */
int candor_feed_rows(struct candor_session *s, const int32_t *ids, int64_t n, candor_rows_fn fn, void *ctx,
                     struct candor_error *e);

/* --- generation --- */

struct candor_sampling {   /* zero: greedy, the most probable token (the lower id on ties), nothing else takes part */
    double temp;           /* temperature; 0: greedy */
    int top_k;             /* only the k most probable tokens; 0: off */
    double top_p;          /* only the most probable ones that hold this probability together (Holtzman et al. 2020); 0: off */
    double min_p;          /* only tokens with at least this share of the best one's probability; 0: off */
    double repeat_penalty; /* divides positive, multiplies negative logits of recent tokens (Keskar et al. 2019); 0: off */
    int repeat_window;     /* how many tokens are recent; 0: 64 */
    uint64_t seed;         /* draw i of a call depends on (seed, i) only */
    int ignore_end;        /* nonzero: go on after a token that ends the text */
};
enum candor_stop { CANDOR_STOP_MAX, CANDOR_STOP_END, CANDOR_STOP_CALLER, CANDOR_STOP_CTX };
/* After each token; log probability (natural) of the token under the model itself, at temperature 1. Nonzero ends the generation. */
typedef int (*candor_token_fn)(void *ctx, int32_t id, double logprob, int64_t i);
struct candor_generation {
    const int32_t *prompt; /* [n_prompt], n_prompt >= 1: what to append first */
    int64_t n_prompt, max_new;
    struct candor_sampling sampling;
    candor_token_fn on_token; /* may be NULL */
    void *ctx;
    int32_t *ids;          /* out, the caller's: [max_new] */
    int64_t n;             /* out: tokens generated, an ending one included */
    enum candor_stop stop; /* out */
};
/* Afterwards the session holds the prompt and all new tokens but the last, which goes first in the prompt of the next call. */
int candor_generate(struct candor_session *s, struct candor_generation *gen, struct candor_error *e);

/* --- looking inside --- */

/* Named points of the forward pass: tap i = 0, 1, … until NULL. *help (may be NULL): what it is, and its shape. */
const char *candor_tap(int i, const char **help);
/* Numbers of one row at a tap; 0: no such tap, or none in this family. */
int64_t candor_hidden_width(const struct candor_engine *g, const char *tap);
/* The activation at a tap for ids[T] from the beginning of a sequence: out[layers, T, width], layers lo … hi inclusive. "final_norm" has
 * no layers: lo = hi = 0. Needs no session. CANDOR_ERR_ARG: no such tap or layer. Logits come from candor_feed_rows. */
int candor_hidden(struct candor_engine *g, const int32_t *ids, int64_t T, const char *tap, int lo, int hi, float *out,
                  struct candor_error *e);

/* --- gradients --- */

/*   loss = nll · (−Σ over targets i of log p(ids[i] | ids before i))  −  reward · score(ids)
 *
 * Positions before `from` are constants; position 0 is never a target. */
struct candor_gradient_job {
    const int32_t *ids;           /* [T] */
    int64_t T, from;              /* 0 <= from < T, T − from <= max_rows of both engines */
    double nll, reward;           /* weights of the two terms */
    const unsigned char *targets; /* [T], nonzero: a target (only from max(from, 1) on); NULL: all from there on */
};
struct candor_gradient_value {
    double nll, reward, loss;
}; /* Σ −log p in nats; score; their weighted sum */
/* u[T−from, n_embd] (NULL: value only): d loss / d (input embedding of each position), that is, how a position moves what comes after
 * it. lm or rm may be NULL; then its weight must be 0. Both are open with .gradient; they speak the same vocabulary. If both take
 * part they must be of one precision and one n_embd, otherwise CANDOR_ERR_ARG (candor_gradient_rows needs no equal n_embd). value may be
 * NULL. */
int candor_gradient(struct candor_engine *lm, struct candor_engine *rm, const struct candor_gradient_job *job, float *u,
                    struct candor_gradient_value *value, struct candor_error *e);
/* The same over the vocabulary: rows 0 … T−from−1 of d loss / d (relaxed one-hot row of the position), width n_vocab; here a target's own
 * term, −nll · log p(· | ids before it), is included. */
int candor_gradient_rows(struct candor_engine *lm, struct candor_engine *rm, const struct candor_gradient_job *job,
                         candor_rows_fn fn, void *ctx, struct candor_gradient_value *value, struct candor_error *e);

#ifdef __cplusplus
}
#endif
#endif
