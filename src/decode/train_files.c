/* The files of documents that a run reads, and the template that writes them. */
#include "base/hash.h"
#include "decode/train_int.h"
#include "text/chat_template.h"
#include <stdio.h>
#include <stdlib.h>

int train__files_open(struct trainer *t, struct err *e) {
    if (!t->r->n_files) return 0;
    t->files = calloc((size_t)t->r->n_files, sizeof *t->files);
    if (!t->files) return fail(e, ERR_NOMEM, "out of memory for files of documents");
    for (int i = 0; i < t->r->n_files; i++) {
        struct docfile *f = &t->files[i];
        TRY(docfile_open(f, t->r->files[i], e));
        fprintf(stderr, "  %s: %lld documents, the last %lld for validation\n", f->path, (long long)f->n, (long long)f->n_valid);
    }
    return 0;
}

int train__chat_open(struct trainer *t, struct err *e) {
    if (!t->r->n_files) return 0;
    if (tokenizer_eos(t->tok) < 0)
        return fail_at(e, ERR_FORMAT, weights_path(t->source), -1, "expected a vocabulary with an end token, found none");
    return chat_template_from_weights(&t->chat, t->source, e);
}

void train__files_close(struct trainer *t) {
    for (int i = 0; t->files && i < t->r->n_files; i++) docfile_close(&t->files[i]);
    free(t->files);
    chat_template_free(t->chat);
}

uint64_t train__files_hash(const struct trainer *t) {
    uint64_t h = HASH_START;
    for (int i = 0; i < t->r->n_files; i++) h = hash_bytes(h, &t->files[i].hash, sizeof t->files[i].hash);
    return t->r->n_files ? hash_mix(h) : 0;
}
