/* Turns gym items and conversations into token rows. Which family or file a document comes from is drawn by weight from a stream keyed by
 * (seed, stage, index). */
#include "decode/corpus.h"
#include "base/rng.h"
#include "base/str.h"
#include "decode/codec.h"
#include "decode/conversation.h"
#include "decode/docfile.h"
#include "decode/steps.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void doc_free(struct doc *d) {
    toks_free(&d->ids);
    free(d->marks), free(d->other);
    d->marks = NULL, d->other = NULL, d->n_other = 0;
}

static struct rng doc_rng(const struct recipe *r, int stage, int valid, int64_t i) {
    return RNG(r->seed, 0x646f63u, (uint64_t)stage, (uint64_t)valid, (uint64_t)i);
}

static const struct recipe_data *draw_data(const struct recipe_data *data, int n, struct rng *g) {
    double sum = 0;
    for (int i = 0; i < n; i++) sum += data[i].weight;
    double u = rng_uniform(g) * sum;
    for (int i = 0; i < n; i++)
        if ((u -= data[i].weight) < 0) return &data[i];
    return &data[n - 1];
}

static int encode(const struct tokenizer *t, const struct str *text, struct toks *out, struct err *e) {
    if (text->failed) return fail(e, ERR_NOMEM, "out of memory");
    return tokenizer_encode(t, text->s ? text->s : "", text->len, ENCODE_SPECIAL, out, e);
}

/* The question without its options, answered at once by the right option's text: a fact is read out before it is looked up in a list. */
static int open_text(const struct question *q, struct str *prompt, struct str *text) {
    struct question x = *q;
    x.final = q->choices[q->answer[0] - 'A'];
    x.choices = NULL, x.n_choices = 0, x.at_once = 1;
    int rc = question_prompt(&x, prompt);
    return rc < 0 ? rc : question_text(&x, text);
}

/* A thought and an answer that name the value itself; a grader finds its letter. */
static int named_text(const struct question *q, struct str *text) {
    const char *value = q->choices[q->answer[0] - 'A'];
    char trace[256], final[256];
    struct question x = *q;
    snprintf(trace, sizeof trace, "It is %s.", value);
    snprintf(final, sizeof final, "\\boxed{%s}", value);
    x.trace = trace, x.final = final;
    return question_text(&x, text);
}

/* The question with its answer said before it, in words: what is left to do is to find the letter. */
static int told_text(const struct question *q, struct str *prompt, struct str *text) {
    struct question x = *q;
    struct str stem = {0};
    str_printf(&stem, "It is %s. %s", q->choices[q->answer[0] - 'A'], q->question);
    x.question = stem.s;
    int rc = stem.failed ? ERR_NOMEM : question_prompt(&x, prompt);
    if (rc >= 0) rc = question_text(&x, text);
    str_free(&stem);
    return rc;
}

/* Text that is no question: facts and single steps, or a list. */
static int raw_text(const struct gym_spec *spec, int lookup, int64_t index, struct str *text, struct err *e) {
    TRY(lookup ? gym_lookup(spec, index, text, e) : gym_pretrain(spec, index, text, e));
    return str_puts(text, "<|end|>");
}

/* A gym item as prompt and whole text; raw snippets have no prompt. */
static int item_text(const struct recipe_data *d, int valid, struct rng *g, struct str *prompt, struct str *text, struct err *e) {
    struct gym_spec spec = d->spec;
    struct gym_item it;
    double u = rng_uniform(g);
    int64_t index = (int64_t)rng_below(g, 1ull << 40);
    spec.split = valid ? GYM_VAL : GYM_TRAIN;
    if (!valid && u < d->raw + d->lookup) return raw_text(&spec, u >= d->raw, index, text, e);
    spec.at_once = rng_uniform(g) < d->at_once;
    int open = d->open > 0 && rng_uniform(g)<d->open, named = d->named> 0 && rng_uniform(g) < d->named;
    int told = d->told > 0 && rng_uniform(g) < d->told;
    TRY(gym_make(&spec, index, &it, e));
    int rc = 0;
    if (open && it.q.n_choices)
        rc = open_text(&it.q, prompt, text);
    else if (named && it.q.n_choices)
        rc = named_text(&it.q, text);
    else if (told && it.q.n_choices)
        rc = told_text(&it.q, prompt, text);
    else
        rc = question_text(&it.q, text);
    if (rc >= 0 && !prompt->len) rc = question_prompt(&it.q, prompt);
    gym_item_fini(&it);
    return rc < 0 ? fail(e, rc, "a gym item could not be put into words") : 0;
}

static int doc_from_gym(struct doc *out, const struct recipe_data *d, int answers, const struct tokenizer *t, int valid,
                        struct rng *g, struct err *e) {
    struct str prompt = {0}, text = {0};
    struct toks p = {0};
    int rc = item_text(d, valid, g, &prompt, &text, e);
    if (rc >= 0) rc = encode(t, &text, &out->ids, e);
    if (rc >= 0 && answers && prompt.len) rc = encode(t, &prompt, &p, e);
    out->from = p.n ? p.n : 1;
    toks_free(&p);
    str_free(&prompt), str_free(&text);
    return rc < 0 ? rc : 0;
}

static int doc_from_file(struct doc *out, const struct corpus *c, const struct docfile *f, int answers, int64_t line,
                         struct err *e) {
    json_t *messages;
    TRY(docfile_messages(f, line, &messages, e));
    int rc = docfile_place(f, line, conversation_doc(out, c->t, c->chat, messages, answers, e), e);
    json_decref(messages);
    return rc;
}

static int doc_to_read(struct doc *out, const struct corpus *c, int stage, int valid, int64_t i, struct err *e) {
    const struct recipe_stage *s = &c->r->stages[stage];
    struct rng g = doc_rng(c->r, stage, valid, i);
    const struct recipe_data *d = draw_data(s->data, s->n_data, &g);
    int answers = s->objective == OBJECTIVE_ANSWER;
    if (!d->file) return doc_from_gym(out, d, answers, c->t, valid, &g, e);
    const struct docfile *f = &c->files[d->file - 1];
    return doc_from_file(out, c, f, answers, docfile_pick(f, c->r->seed, stage, valid, i), e);
}

/* One question in ten is kept for validation. */
static int is_valid(const struct sample *s) { return s->question % 10 == 9; }

static int doc_from_sample(struct doc *out, const struct sample *s, struct err *e) {
    for (int64_t i = 0; i < s->n; i++) TRY(toks_push(&out->ids, s->ids[i], e));
    out->label = s->correct;
    out->from = 1;
    return 0;
}

struct item {
    const struct gym_spec *spec;
    int64_t question;
};
static int judge_item(const void *what, const char *thought, size_t n, struct gym_step *out, int cap, struct err *e) {
    const struct item *x = what;
    return gym_steps(x->spec, x->question, thought, n, out, cap, e);
}

/* Marks behind the prompt; the last token's mark is the answer's. */
static int mark_steps(struct doc *d, const struct tokenizer *t, const struct gym_spec *spec, int64_t question, int64_t prompt,
                      struct err *e) {
    const struct vocab v = {.t = t};
    const struct codec c = vocab_codec(&v);
    int64_t n = d->ids.n > prompt ? d->ids.n - prompt : 0;
    d->marks = malloc((size_t)d->ids.n);
    if (!d->marks) return fail(e, ERR_NOMEM, "out of memory");
    memset(d->marks, -1, (size_t)d->ids.n);
    int rc = steps_mark(&c, d->ids.ids + d->ids.n - n, n, judge_item, &(struct item){spec, question}, d->marks + d->ids.n - n, e);
    d->marks[d->ids.n - 1] = (signed char)d->label;
    return rc < 0 ? rc : 0;
}

/* The k-th (cyclically) sample from `at` on that is in the split and, if label >= 0, has that label and the anchor's question. */
static const struct sample *sample_near(const struct samples *s, int64_t at, int valid, int label, const struct sample *same) {
    for (int64_t k = 0; k < s->n; k++) {
        const struct sample *x = &s->s[(at + k) % s->n];
        if (is_valid(x) != valid || (label >= 0 && x->correct != label)) continue;
        if (same && (x->question != same->question || x->data != same->data)) {
            if (k > 256) return NULL; /* samples of one question lie together */
            continue;
        }
        return x;
    }
    return NULL;
}

static int doc_from_samples(struct doc *out, const struct recipe *r, int stage, const struct tokenizer *t,
                            const struct samples *s, int valid, int64_t i, struct err *e) {
    int pair = r->stages[stage].objective == OBJECTIVE_PAIRWISE;
    struct rng g = doc_rng(r, stage, valid, pair ? i / 2 : i);
    if (!pair) {
        const struct sample *x = sample_near(s, (int64_t)rng_below(&g, (uint64_t)s->n), valid, -1, NULL);
        if (!x) return fail(e, ERR_STATE, "no samples in this split");
        const struct recipe_data *d = &r->stages[stage].data[x->data];
        TRY(doc_from_sample(out, x, e));
        return d->steps ? mark_steps(out, t, &d->spec, x->question, x->prompt, e) : 0;
    }
    for (int tries = 0; tries < 1000; tries++) {
        int64_t at = (int64_t)rng_below(&g, (uint64_t)s->n);
        const struct sample *right = sample_near(s, at, valid, 1, NULL);
        if (!right) break;
        int64_t first = right - s->s > 64 ? right - s->s - 64 : 0;
        const struct sample *wrong = sample_near(s, first, valid, 0, right);
        if (wrong) return doc_from_sample(out, i % 2 ? wrong : right, e);
    }
    return fail(e, ERR_STATE, "no question with a right and a wrong sample: nothing to compare");
}

int corpus_doc(struct doc *out, const struct corpus *c, int stage, int valid, int64_t i, struct err *e) {
    *out = (struct doc){.from = 1};
    if (c->r->stages[stage].objective >= OBJECTIVE_PAIRWISE) return doc_from_samples(out, c->r, stage, c->t, c->s, valid, i, e);
    return doc_to_read(out, c, stage, valid, i, e);
}

enum { VOCABULARY = 0xff }; /* in place of a stage's number */

static int text_from_file(struct str *out, const struct corpus *c, const struct docfile *f, int64_t i, struct err *e) {
    int64_t line = docfile_pick(f, c->r->seed, VOCABULARY, 0, i);
    json_t *messages;
    TRY(docfile_messages(f, line, &messages, e));
    int rc = docfile_place(f, line, conversation_text(out, c->chat, messages, e), e);
    json_decref(messages);
    return rc;
}

int corpus_text(struct str *out, const struct corpus *c, struct err *e) {
    const struct recipe *r = c->r;
    struct str prompt = {0};
    int rc = 0;
    for (int64_t i = 0; rc >= 0 && i < r->tok_samples; i++) {
        struct rng g = doc_rng(r, VOCABULARY, 0, i);
        const struct recipe_data *d = draw_data(r->tok_data, r->n_tok_data, &g);
        str_clear(&prompt);
        rc = !d->file ? item_text(d, 0, &g, &prompt, out, e) : text_from_file(out, c, &c->files[d->file - 1], i, e);
        if (rc >= 0) rc = str_puts(out, "\n");
    }
    str_free(&prompt);
    if (rc < 0) return rc;
    return out->failed ? fail(e, ERR_NOMEM, "out of memory") : 0;
}
