/* The training run: open or make the model, walk the stages, checkpoint, validate, and write the file at the end. */
#include "base/fs.h"
#include "base/progress.h"
#include "base/str.h"
#include "decode/train_int.h"
#include "text/bpe_train.h"
#include "text/chat_template.h"
#include "weights/gguf_write.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void name_of(char *buf, size_t n, const struct recipe *r, const char *suffix) {
    snprintf(buf, n, "%s.%s", r->out, suffix);
}

/* ---- the model's beginnings ---- */

static int vocab_write(const struct recipe *r, const struct bpe_vocab *v, const char *path, struct err *e) {
    struct gguf_writer *g = NULL;
    TRY(gguf_writer_new(&g, e));
    gguf_put_str(g, "general.architecture", "llama", 5);
    int rc = bpe_vocab_put(g, v, r->pre, -1, (tok)(v->n_tokens - 1), 0); /* the last special ends a document */
    gguf_put_str(g, "tokenizer.chat_template", r->chat_template, strlen(r->chat_template));
    if (rc >= 0) rc = gguf_writer_commit(g, path, e);
    gguf_writer_free(g);
    return rc;
}

static int vocab_text(const struct trainer *t, struct str *text, struct err *e) {
    const struct recipe *r = t->r;
    struct corpus c = {.r = r, .files = t->files};
    struct chat_template *chat;
    TRY(chat_template_new(&chat, r->chat_template, strlen(r->chat_template), "tokenizer.chat_template", e));
    c.chat = chat;
    int rc = corpus_text(text, &c, e);
    chat_template_free(chat);
    return rc;
}

static int tokenizer_make(const struct trainer *t, const char *path, struct err *e) {
    const struct recipe *r = t->r;
    struct str text = {.max = (size_t)1 << 30};
    const char *specials[RECIPE_SPECIALS];
    struct bpe_vocab v;
    for (int i = 0; i < r->n_specials; i++) specials[i] = r->specials[i];
    int rc = vocab_text(t, &text, e);
    if (rc >= 0) rc = bpe_train(text.s, text.len, r->pre, specials, r->n_specials, (int)r->vocab, &v, e);
    str_free(&text);
    if (rc < 0) return rc;
    rc = vocab_write(r, &v, path, e);
    bpe_vocab_free(&v);
    return rc;
}

static int source_open(struct trainer *t, struct err *e) {
    char path[300];
    const struct recipe *r = t->r;
    snprintf(path, sizeof path, "%s", r->init);
    if (!r->init[0]) {
        name_of(path, sizeof path, r, "vocab");
        if (!file_exists(path) || t->o->fresh) TRY(tokenizer_make(t, path, e));
    }
    TRY(weights_open(&t->source, path, e));
    TRY(tokenizer_from_weights(&t->tok, t->source, e));
    TRY(train__chat_open(t, e));
    t->corpus = (struct corpus){t->r, t->tok, &t->samples, t->files, t->chat};
    if (r->init[0]) return model_open(&t->m, t->d, t->source, MODEL_TRAINABLE | (recipe_is_reward(r) ? MODEL_SCORE : 0), e);
    struct model_cfg cfg = r->cfg;
    cfg.n_vocab = (int)tokenizer_size(t->tok);
    cfg.n_score = recipe_is_reward(r);
    return model_new(&t->m, t->d, &cfg, r->seed, e);
}

/* ---- arrays ---- */

/* Scratch for the largest matrix. */
static int muon_room(struct trainer *t, struct err *e) {
    int64_t count = 1, side = 1;
    for (int i = 0; i < model_n_params(t->m); i++) {
        const struct param *p = model_param(t->m, i);
        if (p->n_dims != 2) continue;
        int64_t lesser = p->dims[0] < p->dims[1] ? p->dims[0] : p->dims[1];
        if (p->count > count) count = p->count;
        if (lesser > side) side = lesser;
    }
    return muon_new(&t->muon, t->d, count, side, e);
}

static int moments_new(struct trainer *t, struct err *e) {
    int n = model_n_params(t->m);
    t->mom = calloc((size_t)n, sizeof *t->mom), t->var = calloc((size_t)n, sizeof *t->var);
    for (int i = 0; t->mom && t->var && i < n; i++) {
        t->mom[i] = dev_alloc(t->d, model_param(t->m, i)->count);
        t->var[i] = dev_alloc(t->d, model_param(t->m, i)->count);
        if (!t->mom[i] || !t->var[i]) return fail(e, ERR_NOMEM, "out of memory for the optimiser");
    }
    TRY(muon_room(t, e));
    return t->mom && t->var ? grads_new(&t->grads, t->m, e) : fail(e, ERR_NOMEM, "out of memory");
}

static int64_t most_rows(const struct recipe *r) {
    int64_t n = 0;
    for (int i = 0; i < r->n_stages; i++) n = r->stages[i].rows > n ? r->stages[i].rows : n;
    return n;
}

static int arrays_new(struct trainer *t, struct err *e) {
    int64_t R = most_rows(t->r), C = model_cfg(t->m)->n_embd;
    t->max_docs = (int)(R / 4 + 2);
    t->kv_fmt = dev_is_bf16(t->d, FMT_F32) ? FMT_BF16 : FMT_F32;
    int64_t n_pages = R / TRAIN_PAGE + t->max_docs + 1, page = model_kv_page_bytes(t->m, TRAIN_PAGE, t->kv_fmt);
    TRY(pass_new(&t->pass, t->m, R, t->max_docs, model_cfg(t->m)->n_ctx, PASS_GRADS, e));
    TRY(tape_new(&t->tape, t->m, R, t->max_docs, e));
    t->h = dev_alloc(t->d, R * C), t->dh = dev_alloc(t->d, R * C), t->kv = dev_alloc_bytes(t->d, n_pages * page);
    t->pages = calloc((size_t)n_pages, sizeof *t->pages);
    t->spans = calloc((size_t)t->max_docs, sizeof *t->spans), t->docs = calloc((size_t)t->max_docs, sizeof *t->docs);
    t->ids = calloc((size_t)R, sizeof *t->ids), t->target = calloc((size_t)R, sizeof *t->target);
    t->coef = calloc((size_t)R, sizeof *t->coef), t->weight = calloc((size_t)R, sizeof *t->weight),
    t->logp = calloc((size_t)R, sizeof *t->logp), t->score = calloc((size_t)R, sizeof *t->score);
    if (!t->h || !t->dh || !t->kv || !t->pages || !t->spans || !t->docs || !t->ids || !t->target || !t->coef || !t->weight ||
        !t->logp || !t->score)
        return fail(e, ERR_NOMEM, "out of memory for batches of %lld rows", (long long)R);
    for (int64_t i = 0; i < n_pages; i++) t->pages[i] = t->kv + i * page;
    return moments_new(t, e);
}

static void trainer_fini(struct trainer *t) {
    for (int i = 0; i < t->n_docs; i++) doc_free(&t->docs[i]);
    train__docs_fini(t);
    for (int i = 0; t->m && i < model_n_params(t->m); i++) {
        if (t->mom) dev_free(t->d, t->mom[i]);
        if (t->var) dev_free(t->d, t->var[i]);
    }
    muon_free(&t->muon);
    free(t->mom), free(t->var), grads_free(&t->grads);
    dev_free(t->d, t->h), dev_free(t->d, t->dh), dev_free(t->d, t->kv);
    free(t->pages), free(t->spans), free(t->docs), free(t->ids), free(t->target), free(t->coef), free(t->weight), free(t->logp),
        free(t->score), free(t->share);
    tape_free(t->tape), pass_free(t->pass), model_close(t->m), tokenizer_free(t->tok), weights_close(t->source);
    samples_free(&t->samples);
    train__files_close(t);
}

/* ---- the run ---- */

static double learning_rate(const struct recipe_stage *s, int64_t step, double done) {
    if (step < s->warmup) return s->lr * (double)(step + 1) / (double)s->warmup;
    return s->lr_min + 0.5 * (s->lr - s->lr_min) * (1 + cos(3.141592653589793 * (done < 1 ? done : 1)));
}

static int validate(struct trainer *t, struct err *e) {
    double sum = 0, n = 0, floor = 0;
    for (int64_t next = 0; next < t->r->validate_docs;) {
        double s, k;
        TRY(train__batch(t, 1, &next, e));
        TRY(train__loss(t, 0, 1, &s, &k, e));
        sum += s, n += k, floor += t->floor;
    }
    fprintf(stderr, "  %s: step %lld, validation loss %.4f", t->r->stages[t->s.stage].name, (long long)t->s.step, sum / n);
    if (floor > 0) fprintf(stderr, ", at least %.4f for any model", floor / n);
    fputc('\n', stderr);
    if (!t->o->rows) return 0;
    const struct field f[] = {F_TEXT("stage", t->r->stages[t->s.stage].name),
                              F_INT("step", t->s.step),
                              F_REAL("loss", sum / n),
                              F_REAL("least", floor / n),
                              F_REAL("terms", n),
                              F_INT("documents", t->s.docs),
                              F_INT("cut", t->s.cut)};
    return sink_row(t->o->rows, "validation", f, sizeof f / sizeof *f, e);
}

static int one_step(struct trainer *t, struct err *e) {
    const struct recipe_stage *s = &t->r->stages[t->s.stage];
    double loss = 0, norm, t0 = clock_s(), tokens = 0;
    for (int a = 0; a < s->accumulate; a++) {
        double sum, n;
        TRY(train__batch(t, 0, &t->s.next_doc, e));
        TRY(train__loss(t, 1, 1.0 / s->accumulate, &sum, &n, e));
        loss += sum / n / s->accumulate;
        tokens += (double)t->T;
    }
    double lr = learning_rate(s, t->s.step, t->s.tokens / s->tokens);
    if (train__update(t, lr, &norm) < 0)
        return fail(e, ERR_RANGE, "step %lld: the gradient is not finite (loss %g)", (long long)t->s.step, loss);
    t->s.loss = t->s.step ? 0.95 * t->s.loss + 0.05 * loss : loss;
    t->s.tokens += tokens;
    t->s.step++;
    if (!t->o->rows) return 0;
    const struct field f[] = {F_TEXT("stage", s->name),
                              F_INT("step", t->s.step),
                              F_REAL("tokens", t->s.tokens),
                              F_REAL("loss", loss),
                              F_REAL("lr", lr),
                              F_REAL("grad_norm", norm),
                              M_REAL("tokens_per_s", tokens / (clock_s() - t0))};
    return sink_row(t->o->rows, "train_step", f, sizeof f / sizeof *f, e);
}

static int stage_begin(struct trainer *t, struct err *e) {
    const struct recipe_stage *s = &t->r->stages[t->s.stage];
    char path[300], suffix[32];
    t->rows = s->rows;
    samples_free(&t->samples);
    if (s->objective < OBJECTIVE_PAIRWISE) return 0;
    snprintf(suffix, sizeof suffix, "samples%lld.jsonl", (long long)t->s.stage);
    name_of(path, sizeof path, t->r, suffix);
    if (t->o->fresh && !t->s.step) unlink(path);
    return samples_draw(&t->samples, t->r, (int)t->s.stage, t->d, t->tok, path, t->o->stop, e);
}

static int stopped(struct trainer *t, const char *ckpt, int64_t steps, struct err *e) {
    int limit = t->o->max_steps && steps >= t->o->max_steps;
    if (!limit && !(t->o->stop && t->o->stop())) return 0;
    TRY(checkpoint_write(t, ckpt, e));
    return fail(e, ERR_CANCELLED, "stopped at %s step %lld; the same command goes on from there", t->r->stages[t->s.stage].name,
                (long long)t->s.step);
}

static void say_cut(const struct trainer *t) {
    if (!t->s.cut) return;
    fprintf(stderr, "  %s: %lld of %lld documents were longer than the context of %lld tokens and were cut off there\n",
            t->r->stages[t->s.stage].name, (long long)t->s.cut, (long long)t->s.docs, (long long)model_cfg(t->m)->n_ctx);
}

static int stage_run(struct trainer *t, const char *ckpt, int64_t *steps, struct err *e) {
    const struct recipe_stage *s = &t->r->stages[t->s.stage];
    struct progress bar;
    char note[64];
    double saved = clock_s();
    progress_start(&bar, s->name, "tokens", s->tokens);
    while (t->s.tokens < s->tokens) {
        TRY(one_step(t, e));
        snprintf(note, sizeof note, "step %lld loss %.4f", (long long)t->s.step, t->s.loss);
        progress_step(&bar, t->s.tokens, note);
        if (t->r->validate_every && t->s.step % t->r->validate_every == 0) TRY(validate(t, e));
        TRY(stopped(t, ckpt, ++*steps, e));
        if (clock_s() - saved > t->r->checkpoint_s) {
            TRY(checkpoint_write(t, ckpt, e));
            saved = clock_s();
        }
    }
    progress_end(&bar);
    say_cut(t);
    return validate(t, e);
}

static int model_write(const struct trainer *t, struct err *e) {
    struct gguf_writer *g;
    void **keep = NULL;
    TRY(gguf_writer_new(&g, e));
    int rc = model_put(g, t->m, t->r->format, &keep, e);
    if (rc >= 0) {
        const char *slash = strrchr(t->r->out, '/'), *name = slash ? slash + 1 : t->r->out;
        gguf_put_str(g, "general.name", name, strcspn(name, "."));
        gguf_put_str(g, "candor.about", t->r->about, strlen(t->r->about));
        gguf_put_u64(g, "candor.recipe_hash", t->r->hash);
        if (t->r->n_files) gguf_put_u64(g, "candor.documents_hash", train__files_hash(t));
        tokenizer_copy_meta(g, t->source);
        rc = gguf_writer_commit(g, t->r->out, e);
    }
    model_put_free(t->m, keep);
    gguf_writer_free(g);
    return rc;
}

/* Weights, moments and gradients stay floats; only the factors of products are rounded. */
static enum precision precision_of(const struct trainer *t) {
    if (t->r->precision != PREC_AUTO) return t->r->precision;
    return t->d->has_bf16 ? PREC_BF16 : PREC_FULL;
}

static int train_all(struct trainer *t, struct err *e) {
    char ckpt[300];
    int64_t steps = 0;
    name_of(ckpt, sizeof ckpt, t->r, "ckpt");
    TRY(dev_set_precision(t->d, precision_of(t), e));
    TRY(train__files_open(t, e));
    TRY(source_open(t, e));
    TRY(arrays_new(t, e));
    if (!t->o->fresh) TRY(checkpoint_read(t, ckpt, e));
    for (; t->s.stage < t->r->n_stages; t->s = (struct train_state){.stage = t->s.stage + 1}) {
        TRY(stage_begin(t, e));
        TRY(stage_run(t, ckpt, &steps, e));
        /* the moments of one stage say nothing about the next loss */
        for (int i = 0; i < model_n_params(t->m); i++) {
            dev_zero(t->d, t->mom[i], model_param(t->m, i)->count);
            dev_zero(t->d, t->var[i], model_param(t->m, i)->count);
        }
    }
    TRY(model_write(t, e));
    unlink(ckpt);
    return 0;
}

int train(const struct recipe *r, const struct train_opts *o, struct err *e) {
    struct trainer t = {.r = r, .o = o, .d = o->device};
    int rc = train_all(&t, e);
    trainer_fini(&t);
    return rc;
}
