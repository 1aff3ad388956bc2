/* A recipe: everything that makes a model, as one JSON file with a seed; the same recipe gives the same bytes on the same ISA.
 *
 *   {"out": "r1.gguf", "seed": 1, "format": "F16", "precision": "auto", "about": "one line for the model's card",
 *    "model": {"family": "qwen3", "layers": 6, "width": 128, "heads": 4, "kv_heads": 2, "head_dim": 32, "ff": 352, "context": 512},
 *    "tokenizer": {"vocab": 1024, "pre": "qwen2", "samples": 20000,             new models only
 *                  "data": [{"family": "chain"}],                               as of a stage; without it the first stage's
 *                  "specials": ["<|user|>", "<|end|>"], "chat_template": "…"},  both or none; the last special ends a reply
 *    "init": "r1.gguf",                                                          instead of model and tokenizer
 *    "stages": [{"name": "pretrain", "objective": "next|answer|pairwise|pointwise", "tokens": 12e6, "rows": 4096, "accumulate": 1,
 *                "lr": 3e-3, "lr_min": 3e-4, "warmup": 100, "weight_decay": 0.1, "clip": 1.0, "beta2": 0.95, "muon": 0, "rest": 0,
 *                "data": [{"family": "chain", "weight": 1, "difficulty": "2..5", "slip": 0.1, "at_once": 0.1, "raw": 0.2, "open": 0, "named": 0,
 *                          "told": 0, "lookup": 0, "entities": 300, "lettered": 0},
 *                         {"family": "chain", "policy": "r1.gguf", "questions": 4000, "samples": 4, "temp": 1.0, "max_new": 160, "steps": 1},
 *                         {"file": "talks.jsonl", "weight": 1}]}],               conversations (decode/docfile.h)
 *    "checkpoint_s": 60, "validate_every": 200, "validate_docs": 200}
 *
 * Files need a chat template: the recipe's, or that of `init`. Their documents and the gym's may stand side by side; the gym's own special tokens
 * are then added in front, and the last special must be <|end|>, which ends its documents too.
 * Paths are relative to the recipe's folder. Unknown keys are errors: a misspelt setting must not be silently ignored. */
#ifndef DECODE_RECIPE_H
#define DECODE_RECIPE_H
#include "kern/device.h"
#include "model/config.h"
#include "task/gym.h"

enum objective_kind { OBJECTIVE_NEXT, OBJECTIVE_ANSWER, OBJECTIVE_PAIRWISE, OBJECTIVE_POINTWISE };
enum { RECIPE_STAGES = 8, RECIPE_DATA = 16, RECIPE_SPECIALS = 24, RECIPE_TEMPLATE = 4096 };

struct recipe_data {
    int file; /* number in `files`, from 1; 0: a family of the gym */
    struct gym_spec spec;
    double weight, at_once, raw; /* shares of documents answered at once, of raw text */
    double open;  /* share of multiple-choice questions asked without their options: the answer is the option's text */
    double named; /* share answered by the right option's text instead of its letter */
    double
        told; /* share of multiple-choice questions that begin with the answer in words ("It is cat. …"): only the letter is left to find */
    double lookup;    /* share of lists to look letters up in */
    char policy[256]; /* reward models: who writes the answers; empty: worked traces */
    int64_t questions;
    int samples;
    double temp;
    int64_t max_new;
    int steps; /* 1: score every step of the thought too (gym_steps); 0: only the end */
};
struct recipe_stage {
    char name[32];
    enum objective_kind objective;
    double tokens, lr, lr_min, weight_decay, clip, beta2;
    double rest; /* objective answer: weight in the loss of the tokens that are no answer; targets have 1 */
    double muon; /* learning rate of the blocks' matrices under Muon, following the schedule of lr; 0: AdamW for all */
    int64_t rows, warmup;
    int accumulate;
    struct recipe_data data[RECIPE_DATA];
    int n_data;
};
struct recipe {
    char path[256], out[256], init[256], about[256];
    uint64_t seed, hash; /* hash of the recipe's text: a checkpoint of another recipe is refused */
    enum fmt format;
    enum precision precision; /* of the matrix products; AUTO: bf16 factors where this CPU multiplies them, else floats */
    int64_t vocab, tok_samples;
    char pre[32];
    struct recipe_data tok_data[RECIPE_DATA]; /* what the vocabulary is learnt from */
    int n_tok_data;
    char specials[RECIPE_SPECIALS]
                 [32]; /* of a new vocabulary, in the order of their ids; the last one ends a document or reply */
    int n_specials;
    char chat_template[RECIPE_TEMPLATE]; /* of a new vocabulary; with gym families alone the gym's */
    char files[RECIPE_DATA][256];        /* conversations that stages or vocabulary name */
    int n_files;
    struct model_cfg cfg; /* new models */
    struct recipe_stage stages[RECIPE_STAGES];
    int n_stages;
    double checkpoint_s;
    int64_t validate_every, validate_docs;
};
int recipe_load(struct recipe *r, const char *path, struct err *e);
int recipe_has_gym(const struct recipe *r);   /* stages or vocabulary name a family */
int recipe_is_reward(const struct recipe *r); /* has a pairwise or pointwise stage */
#endif
