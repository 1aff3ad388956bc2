/* See asking.h. */
#include "cli/asking.h"
#include "base/hash.h"
#include <stdio.h>
#include <string.h>

int open_asked(struct asked_model *m, struct args *a, struct err *e) {
    TRY(open_model(&m->o, a, "model", 0, NULL, e));
    TRY(open_tokenizer(&m->o, e));
    if (model_cfg(m->o.m)->n_score)
        return fail_at(e, ERR_ARG, m->o.path, -1, "expected a language model for -m, found a reward model");
    if (model_cfg(m->o.m)->n_vocab < tokenizer_size(m->o.tok))
        return fail_at(e, ERR_FORMAT, m->o.path, -1, "the tokenizer has %lld tokens, the model %d",
                       (long long)tokenizer_size(m->o.tok), model_cfg(m->o.m)->n_vocab);
    return 0;
}

/* A model without a template is asked in plain text. */
static int open_template(struct asked_model *m, struct args *a, struct err *e) {
    struct err mine = ERR_INIT;
    int rc = arg_has(a, "plain") ? 0 : chat_template_from_weights(&m->chat, m->o.w, &mine);
    if (rc >= 0 || rc == ERR_STATE) return 0;
    if (e) *e = mine;
    return err_place(e, rc, m->o.path);
}

int open_asking(struct asked_model *m, struct args *a, struct err *e) {
    TRY(open_template(m, a, e));
    TRY(vocab_open(&m->vocab, m->o.tok, e));
    m->vocab.asking = (struct asking){m->chat, arg_str(a, "system"), arg_str(a, "instruction")};
    return 0;
}

void asked_close(struct asked_model *m, int keep_device) {
    vocab_close(&m->vocab);
    chat_template_free(m->chat);
    opened_close(&m->o, keep_device);
}

void describe_model(char *out, size_t size, const char *role, const struct opened *o) {
    const char *slash = strrchr(o->path, '/');
    uint64_t h = HASH_START;
    for (int64_t i = 0; o->w && i < weights_n_tensors(o->w); i++) {
        const struct tensor *t = weights_tensor_at(o->w, i);
        h = hash_bytes(h, t->m.data, t->bytes < 4096 ? (size_t)t->bytes : 4096);
    }
    snprintf(out, size, "%s=%.200s:%016llx", role,
             !o->w   ? "none"
             : slash ? slash + 1
                     : o->path,
             (unsigned long long)(o->w ? hash_mix(h) : 0));
}
