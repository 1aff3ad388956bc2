/* Families: which architectures load, as data. One file per family (family_<name>.c) fills one struct family; a newcomer joins by
 * adding a file, a row in FAMILY_MAP and a row in the model tests. */
#ifndef MODEL_FAMILY_H
#define MODEL_FAMILY_H
#include "model/config.h"

/* A tensor under its GGUF name and under its Hugging Face name; %d is the layer. hf names are tried as given, then with the
 * family's prefixes ("model.", "transformer.") in front. */
struct tensor_name {
    const char *gguf, *hf;
};

struct family {
    const char *name;                /* also the GGUF architecture */
    const char *const *hf_types;     /* config.json model_type, NULL-terminated */
    const struct tensor_name *names; /* terminated by {NULL, NULL} */
    const char *gguf;                /* the architecture it is written as; NULL: name */
    const char *hf_prefix;           /* in front of names in a folder that is written, but for those of heads */
    const char *hf_lm, *hf_score;    /* class names of config.json: language model, sequence classification */
    int hf_transposed;               /* Hugging Face stores W[in, out] (Conv1D) */
    int fused_qkv;                   /* one tensor attn_qkv holds q, k, v */
    /* Flags and keys of this family over the common ones already read. */
    int (*configure)(struct model_cfg *cfg, const struct weights *w, const char *arch, struct err *e);
};

#define FAMILY_MAP(XX) XX(llama) XX(mistral) XX(qwen2) XX(qwen3) XX(gpt2)
#define XX(n)          extern const struct family family_##n;
FAMILY_MAP(XX)
#undef XX
const struct family *family_find(const char *name); /* by name */
const struct family *family_at(int i);              /* NULL at the end */
extern const struct tensor_name llama_names[];      /* shared by all Llama-like families */

/* Shared by family files: RMSNorm, rotary base, SwiGLU, biases where the file has them; and Qwen's conditional window. */
int family__rms_rope(struct model_cfg *c, const struct weights *w, const char *arch, struct err *e);
int family__promised_biases(struct model_cfg *c, const struct weights *w, struct err *e);
int family__qwen_window(struct model_cfg *c, const struct weights *w, const char *arch, struct err *e);
/* The tensor of a layer under its GGUF name, or under the HF name with any of the known prefixes; NULL: absent. */
const struct tensor *family__tensor(const struct family *f, const struct weights *w, const char *gguf, int layer);
/* The same by a whole GGUF name ("blk.3.attn_q.weight"). */
const struct tensor *family__tensor_named(const struct family *f, const struct weights *w, const char *gguf);
/* A tensor that is there in a type which is not read (F8_E4M3, I8 …): its name in the folder and the type; 0: there is none. */
int family__unread(const struct family *f, const struct weights *w, const char *gguf, int layer, char *buf, size_t size,
                   struct meta_str *type);
/* A whole GGUF name as a folder is written with; 0 if the family has no such tensor. */
int family__hf_name(const struct family *f, const char *gguf, char *buf, size_t size);
/* Fails unless config.json's key is absent or one of the names (NULL-terminated). */
int family__expect(const struct weights *w, const char *key, const char *const *names, struct err *e);
#endif
