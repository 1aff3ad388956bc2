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
int family__qwen_window(struct model_cfg *c, const struct weights *w, const char *arch, struct err *e);
/* The tensor of a layer under its GGUF name, or under the HF name with any of the known prefixes; NULL: absent. */
const struct tensor *family__tensor(const struct family *f, const struct weights *w, const char *gguf, int layer);
/* Fails unless config.json's key is absent or one of the names (NULL-terminated). */
int family__expect(const struct weights *w, const char *key, const char *const *names, struct err *e);
#endif
