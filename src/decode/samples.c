/* A policy answers gym questions, and the answers are graded. Drawn in blocks of questions through the same batched decode loop as
 * everything else; each finished block is on disk, so a kill loses one block. */
#include "base/fs.h"
#include "base/progress.h"
#include "base/rng.h"
#include "base/sink.h"
#include "base/str.h"
#include "decode/corpus.h"
#include "run/generate.h"
#include "task/answer.h"
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCK_QUESTIONS = 16 };

void samples_free(struct samples *s) {
    for (int64_t i = 0; i < s->n; i++) free(s->s[i].ids);
    free(s->s);
    *s = (struct samples){0};
}

static struct sample *samples_push(struct samples *o, const int32_t *ids, int64_t n) {
    if (o->n == o->cap) {
        int64_t cap = o->cap ? 2 * o->cap : 1024;
        struct sample *p = realloc(o->s, (size_t)cap * sizeof *p);
        if (!p) return NULL;
        o->s = p, o->cap = cap;
    }
    struct sample *s = &o->s[o->n];
    *s = (struct sample){.n = n, .ids = malloc((size_t)n * sizeof *s->ids)};
    if (!s->ids) return NULL;
    memcpy(s->ids, ids, (size_t)n * sizeof *ids);
    o->n++;
    return s;
}

/* ---- reading back ---- */

/* A block that a kill cut short is drawn again, so its first rows stand twice in the file. */
static int known(const struct samples *o, int data, int64_t question, int64_t k) {
    for (int64_t i = o->n - 1; i >= 0 && i >= o->n - BLOCK_QUESTIONS * 64; i--)
        if (o->s[i].data == data && o->s[i].question == question && o->s[i].k == k) return 1;
    return 0;
}

/* What a row may hold: those of the stage's data, and of the vocabulary. */
struct reading {
    struct samples *o;
    const struct recipe_stage *st;
    int64_t n_vocab, line;
    struct err *e;
};

/* An integer from `least` on and below `below`. */
static int number(const struct reading *r, const json_t *v, const char *what, int64_t least, int64_t below, int64_t *out) {
    *out = json_integer_value(v);
    if (json_is_integer(v) && *out >= least && *out < below) return 0;
    if (json_is_integer(v))
        return fail(r->e, ERR_FORMAT, "line %lld: %s: expected an integer from %lld to %lld, found %lld", (long long)r->line,
                    what, (long long)least, (long long)below - 1, (long long)*out);
    return fail(r->e, ERR_FORMAT, "line %lld: %s: expected an integer, found something else", (long long)r->line, what);
}

static int read_ids(const struct reading *r, const json_t *ids, int32_t *x, int64_t n) {
    for (int64_t i = 0, id; i < n; i++) {
        TRY(number(r, json_array_get(ids, (size_t)i), "ids", 0, r->n_vocab, &id));
        x[i] = (int32_t)id;
    }
    return 0;
}

static int read_row(const struct reading *r, const json_t *j) {
    const json_t *ids = json_object_get(j, "ids");
    int64_t n = (int64_t)json_array_size(ids), data, question, k, prompt;
    if (!n) return fail(r->e, ERR_FORMAT, "line %lld: expected a row with ids, found none", (long long)r->line);
    TRY(number(r, json_object_get(j, "data"), "data", 0, r->st->n_data, &data));
    TRY(number(r, json_object_get(j, "question"), "question", 0, r->st->data[data].questions, &question));
    TRY(number(r, json_object_get(j, "k"), "k", 0, r->st->data[data].samples, &k));
    TRY(number(r, json_object_get(j, "prompt"), "prompt", 1, n + 1, &prompt));
    if (known(r->o, (int)data, question, k)) return 0;
    int32_t *x = malloc((size_t)n * sizeof *x);
    int rc = x ? read_ids(r, ids, x, n) : fail(r->e, ERR_NOMEM, "out of memory for a sample");
    struct sample *s = rc >= 0 ? samples_push(r->o, x, n) : NULL;
    free(x);
    if (!s) return rc < 0 ? rc : fail(r->e, ERR_NOMEM, "out of memory for a sample");
    s->data = (int)data, s->question = question, s->k = (int)k, s->prompt = prompt;
    s->correct = json_is_true(json_object_get(j, "correct"));
    return 0;
}

static int read_back(struct samples *o, const struct recipe_stage *st, int64_t n_vocab, const char *path, struct err *e) {
    struct reading r = {.o = o, .st = st, .n_vocab = n_vocab, .e = e};
    char *text, *line;
    size_t n;
    int rc = 0;
    if (!file_exists(path)) return 0;
    TRY(file_read(&text, &n, path, (size_t)4 << 30, e));
    for (line = text; !rc && line < text + n;) {
        char *end = memchr(line, '\n', (size_t)(text + n - line));
        if (!end) break; /* torn last line */
        json_t *j = json_loadb(line, (size_t)(end - line), 0, NULL);
        r.line++;
        rc = read_row(&r, j);
        json_decref(j);
        line = end + 1;
    }
    free(text);
    return err_place(e, rc, path);
}

/* ---- drawing ---- */

struct policy {
    struct weights *w;
    struct model *m;
    struct engine *g;
    const struct tokenizer *t;
    tok end;
};

static void policy_close(struct policy *p) { engine_free(p->g), model_close(p->m), weights_close(p->w); }

static int policy_open(struct policy *p, struct device *d, const struct tokenizer *t, const char *path, struct err *e) {
    *p = (struct policy){.t = t, .end = tokenizer_eos(t)};
    int rc = weights_open(&p->w, path, e);
    if (rc >= 0) rc = model_open(&p->m, d, p->w, 0, e);
    if (rc >= 0 && model_cfg(p->m)->n_vocab != tokenizer_size(t))
        rc = fail_at(e, ERR_ARG, path, -1, "policy has a vocabulary of %d, the reward model one of %lld",
                     model_cfg(p->m)->n_vocab, (long long)tokenizer_size(t));
    if (rc >= 0) rc = engine_new(&p->g, p->m, &(struct engine_opts){.max_ctx = model_cfg(p->m)->n_ctx}, e);
    if (rc < 0) policy_close(p);
    return rc;
}

struct block {
    struct gym_item items[BLOCK_QUESTIONS];
    struct toks prompt[BLOCK_QUESTIONS];
    struct generation gen[BLOCK_QUESTIONS * 64];
    int n, n_gen;
};

static void block_free(struct block *b) {
    for (int i = 0; i < b->n_gen; i++) session_free(b->gen[i].s), free(b->gen[i].ids);
    for (int i = 0; i < b->n; i++) toks_free(&b->prompt[i]), gym_item_fini(&b->items[i]);
    free(b);
}

static int block_question(struct block *b, struct policy *p, const struct recipe *r, const struct recipe_data *d, int64_t q,
                          int64_t stream, struct err *e) {
    struct str text = {0};
    struct session *s = NULL;
    TRY(gym_make(&d->spec, q, &b->items[b->n], e));
    struct toks *ids = &b->prompt[b->n++];
    int rc = question_prompt(&b->items[b->n - 1].q, &text);
    if (rc >= 0) rc = tokenizer_encode(p->t, text.s, text.len, ENCODE_SPECIAL, ids, e);
    str_free(&text);
    if (rc >= 0) rc = session_new(&s, p->g, e);
    if (rc >= 0) rc = session_feed(s, ids->ids, ids->n - 1, NULL, e);
    for (int k = 0; rc >= 0 && k < d->samples; k++) {
        struct generation *g = &b->gen[b->n_gen];
        *g = (struct generation){.last = ids->ids[ids->n - 1],
                                 .max_new = d->max_new,
                                 .sampling = SAMPLING_DEFAULT,
                                 .seed = r->seed,
                                 .stream = (uint64_t)(stream * 64 + k),
                                 .ends = &p->end,
                                 .n_ends = 1};
        g->sampling.temp = d->temp;
        g->ids = malloc((size_t)d->max_new * sizeof *g->ids);
        rc = g->ids ? session_fork(&g->s, s, e) : fail(e, ERR_NOMEM, "out of memory");
        b->n_gen++;
    }
    session_free(s);
    return rc < 0 ? rc : 0;
}

static int keep(struct samples *o, struct sink *out, struct block *b, const struct policy *p, const struct recipe_data *d,
                int data, int64_t q0, struct err *e) {
    for (int i = 0; i < b->n_gen; i++) {
        int at = i / d->samples, correct = 0;
        struct toks all = {0};
        struct str parsed = {0};
        char *text = NULL;
        size_t len;
        int rc = tokenizer_decode(p->t, b->gen[i].ids, b->gen[i].n, 0, &text, &len, e);
        if (rc >= 0 && (rc = answer_parse(text, &b->items[at].q, &parsed)) > 0) correct = answer_grade(&b->items[at].q, parsed.s);
        for (int64_t j = 0; rc >= 0 && j < b->prompt[at].n; j++) rc = toks_push(&all, b->prompt[at].ids[j], e);
        for (int64_t j = 0; rc >= 0 && j < b->gen[i].n; j++) rc = toks_push(&all, b->gen[i].ids[j], e);
        struct sample *s = rc >= 0 ? samples_push(o, all.ids, all.n) : NULL;
        if (s) {
            s->data = data, s->question = q0 + at, s->correct = correct, s->prompt = b->prompt[at].n, s->k = i % d->samples;
            const struct field f[] = {F_INT("data", data),        F_INT("question", s->question),
                                      F_INT("k", s->k),           F_BOOL("correct", correct),
                                      F_INT("prompt", s->prompt), F_INTS("ids", all.ids, (size_t)all.n)};
            rc = sink_row(out, "sample", f, sizeof f / sizeof *f, e);
        }
        free(text), toks_free(&all), str_free(&parsed);
        if (rc < 0 || !s) return rc < 0 ? rc : fail(e, ERR_NOMEM, "out of memory");
    }
    return 0;
}

static int draw_data(struct samples *o, struct sink *out, struct policy *p, const struct recipe *r, int stage, int data,
                     int64_t have, int (*stop)(void), struct err *e) {
    const struct recipe_data *d = &r->stages[stage].data[data];
    struct progress bar;
    progress_start(&bar, "samples", "questions", (double)d->questions);
    for (int64_t q = have; q < d->questions; q += BLOCK_QUESTIONS) {
        struct block *b = calloc(1, sizeof *b);
        if (!b) return fail(e, ERR_NOMEM, "out of memory");
        int rc = 0;
        for (int64_t i = q; rc >= 0 && i < d->questions && i < q + BLOCK_QUESTIONS; i++)
            rc = block_question(b, p, r, d, i, ((int64_t)stage * 64 + data) << 32 | i, e);
        if (rc >= 0) rc = generate(p->g, b->gen, b->n_gen, e);
        if (rc >= 0) rc = keep(o, out, b, p, d, data, q, e);
        block_free(b);
        if (rc >= 0 && stop && stop()) rc = fail(e, ERR_CANCELLED, "stopped while drawing samples; run again to go on");
        if (rc < 0) return rc;
        progress_step(&bar, (double)(q + BLOCK_QUESTIONS), NULL);
    }
    progress_end(&bar);
    return 0;
}

int samples_draw(struct samples *o, const struct recipe *r, int stage, struct device *dev, const struct tokenizer *t,
                 const char *path, int (*stop)(void), struct err *e) {
    const struct recipe_stage *st = &r->stages[stage];
    struct sink *out = NULL;
    TRY(sink_jsonl_open(&out, path, 1, e)); /* cuts a torn line off first */
    int rc = read_back(o, st, tokenizer_size(t), path, e);
    for (int k = 0; rc >= 0 && k < st->n_data; k++) {
        int64_t have = 0;
        struct policy p;
        for (int64_t i = 0; i < o->n; i++) have += o->s[i].data == k;
        have /= st->data[k].samples;
        if (have >= st->data[k].questions) continue;
        /* a partly written block is drawn again */
        have = have / BLOCK_QUESTIONS * BLOCK_QUESTIONS;
        int64_t n = 0;
        for (int64_t i = 0; i < o->n; i++) {
            if (o->s[i].data == k && o->s[i].question >= have)
                free(o->s[i].ids);
            else
                o->s[n++] = o->s[i];
        }
        o->n = n;
        rc = policy_open(&p, dev, t, st->data[k].policy, e);
        if (rc < 0) break;
        rc = draw_data(o, out, &p, r, stage, k, have, stop, e);
        policy_close(&p);
    }
    sink_close(out);
    return rc < 0 ? rc : 0;
}
