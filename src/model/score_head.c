/* What a file says of a score head, before it is put in place: a reward model has one row and nothing before it. */
#include "model/model_int.h"
#include <stdio.h>
#include <string.h>

/* A head of several labels is a classifier, and none of its numbers is the reward: refused with what the file calls them. */
static int refuse_labels(const struct family *f, const struct weights *w, const struct tensor *t, struct err *e) {
    char key[96], list[160] = "";
    struct meta_str s;
    size_t n = 0;
    int gguf = weights_kind(w) == WEIGHTS_GGUF;
    for (int i = 0; i < 8 && n < sizeof list - 40; i++) {
        if (gguf)
            snprintf(key, sizeof key, "%s.classifier.output_labels", f->name);
        else
            snprintf(key, sizeof key, "hf.id2label.%d", i);
        int found = gguf ? meta_arr_str(w, key, (uint64_t)i, &s, NULL) == 0 : meta_str(w, key, &s, NULL) > 0;
        if (!found) break;
        n += (size_t)snprintf(list + n, sizeof list - n, "%s%.30s", i ? ", " : ": ", s.s);
    }
    return fail_at(e, ERR_UNSUPPORTED, weights_path(w), (int64_t)t->file_offset,
                   "tensor %s: expected a reward model of 1 label, found %lld%s", t->name, (long long)t->dims[0], list);
}

int model__check_score(const struct family *f, const struct weights *w, struct err *e) {
    const struct tensor *t = family__tensor(f, w, "cls.output.weight", 0);
    if (weights_kind(w) == WEIGHTS_GGUF && weights_tensor(w, "cls.weight"))
        return fail_at(e, ERR_UNSUPPORTED, weights_path(w), -1,
                       "tensor cls.weight: expected a score that is one row (cls.output.weight), found a layer before it");
    return t && t->n_dims == 2 && t->dims[0] > 1 ? refuse_labels(f, w, t, e) : 0;
}

int model__says_score(const struct weights *w) {
    struct meta_str s;
    return w && weights_kind(w) == WEIGHTS_SAFETENSORS && meta_arr_str(w, "hf.architectures", 0, &s, NULL) == 0 &&
           strstr(s.s, "ForSequenceClassification");
}
