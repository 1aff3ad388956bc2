/* See force.h. Forks are fed side by side, so a trace's steps cost one small batch. */
#include "probe/force.h"
#include "run/generate.h"
#include "task/answer.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- words ---- */

static int is_blank(char c) { return c == ' ' || c == '\n' || c == '\t'; }

/* Every token that is a letter between blanks; SentencePiece's blank is already a space here. */
static int find_letters(struct forcer *f, struct err *e) {
    int64_t V = tokenizer_ids(f->tok);
    for (tok id = 0; id < V; id++) {
        const char *s;
        size_t n;
        if (tokenizer_is_added(f->tok, id) || tokenizer_piece(f->tok, id, &s, &n, NULL) < 0) continue;
        while (n && is_blank(*s)) s++, n--;
        while (n && is_blank(s[n - 1])) n--;
        if (n != 1 || *s < 'A' || *s > 'Z') continue;
        int k = *s - 'A';
        if (f->n_choice[k] < FORCE_SPELLINGS) f->choice[k][f->n_choice[k]++] = id;
    }
    for (int k = 0; k < 4; k++)
        if (!f->n_choice[k])
            return fail(e, ERR_UNSUPPORTED, "expected a token for the letter %c, found none in the vocabulary", 'A' + k);
    return 0;
}

static int find_ends(struct forcer *f, struct err *e) {
    int64_t V = tokenizer_ids(f->tok);
    f->ends = malloc((size_t)(V + 1) * sizeof *f->ends);
    if (!f->ends) return fail(e, ERR_NOMEM, "out of memory for a vocabulary");
    for (tok id = 0; id < V; id++)
        if (tokenizer_is_end(f->tok, id)) f->ends[f->n_ends++] = id;
    return 0;
}

int force_open(struct forcer *f, struct engine *g, const struct tokenizer *words_of, const struct think_words *w, int forks,
               struct err *e) {
    *f = (struct forcer){.g = g, .tok = words_of, .words = *w, .forks = forks};
    f->logits = malloc((size_t)(forks * model_n_out(engine_model(g))) * sizeof *f->logits);
    int rc = f->logits ? 0 : fail(e, ERR_NOMEM, "out of memory for forced answers");
    if (!rc) rc = find_letters(f, e);
    if (!rc) rc = find_ends(f, e);
    if (!rc) rc = tokenizer_encode(words_of, w->letter, strlen(w->letter), ENCODE_SPECIAL, &f->letter, e);
    if (!rc) rc = tokenizer_encode(words_of, w->free, strlen(w->free), ENCODE_SPECIAL, &f->free, e);
    if (!rc && (!f->letter.n || !f->free.n)) rc = fail(e, ERR_ARG, "expected words that end a thought, found none");
    if (rc < 0) force_close(f);
    return rc;
}

void force_close(struct forcer *f) {
    toks_free(&f->letter), toks_free(&f->free);
    free(f->ends), free(f->logits);
    f->ends = NULL, f->logits = NULL;
}

const struct toks *force_words(const struct forcer *f, const struct question *q) { return q->n_choices ? &f->letter : &f->free; }

/* ---- reading ---- */

/* log Σ exp over all, and the entropy in bits. */
static double log_sum(const float *x, int64_t V, double *entropy) {
    double top = x[0], sum = 0, dot = 0;
    for (int64_t i = 1; i < V; i++)
        if (x[i] > top) top = x[i];
    for (int64_t i = 0; i < V; i++) {
        double p = exp(x[i] - top);
        sum += p, dot += p * (x[i] - top);
    }
    *entropy = (log(sum) - dot / sum) / log(2);
    return top + log(sum);
}

static int read_choices(const struct forcer *f, const float *x, double lse, int n, struct forced *out, struct err *e) {
    double total = 0, best = 0;
    out->logp = malloc((size_t)n * sizeof *out->logp);
    if (!out->logp) return fail(e, ERR_NOMEM, "out of memory for a forced answer");
    for (int k = 0; k < n; k++) {
        double p = 0;
        for (int j = 0; j < f->n_choice[k]; j++) p += exp(x[f->choice[k][j]] - lse);
        out->logp[k] = p, total += p;
        if (p > best) best = p;
    }
    for (int k = 0; k < n; k++) out->logp[k] = total > 0 ? log(fmax(out->logp[k] / total, 1e-300)) : -log(n);
    out->mass = total, out->p = total > 0 ? best / total : 1.0 / n, out->token = -1;
    return 0;
}

int32_t force_letter(const struct forcer *f, int k) {
    const char *s;
    size_t n;
    for (int j = 0; j < f->n_choice[k]; j++)
        if (tokenizer_piece(f->tok, f->choice[k][j], &s, &n, NULL) >= 0 && n == 1) return f->choice[k][j];
    return f->n_choice[k] ? f->choice[k][0] : -1;
}

int force_cue(const char *s, size_t n) {
    static const char *const cues[] = {"Wait", "Alternatively"};
    while (n && is_blank(*s)) s++, n--;
    for (int i = 0; i < 2; i++)
        if (n >= strlen(cues[i]) && !memcmp(s, cues[i], strlen(cues[i]))) return 1;
    return 0;
}

int forced_choice(const struct forced *x, int n) {
    int at = -1;
    for (int k = 0; x->logp && k < n; k++)
        if (at < 0 || x->logp[k] > x->logp[at]) at = k;
    return at;
}

/* ---- trial answers ---- */

struct trial_mem {
    int32_t ids[FORCE_TRIAL];
    double logp[FORCE_TRIAL];
};

static int trial_text(const struct forcer *f, const struct question *q, const int32_t *ids, int64_t n, char **answer,
                      struct err *e) {
    struct str all = {0}, parsed = {0};
    char *text = NULL;
    size_t len;
    int rc = tokenizer_decode(f->tok, ids, n, 1, &text, &len, e);
    if (!rc)
        rc = str_puts(&all, f->words.free) < 0 || str_add(&all, text, len) < 0
                 ? fail(e, ERR_NOMEM, "out of memory for a trial answer")
                 : 0;
    if (!rc) rc = answer_parse(all.s, q, &parsed);
    if (rc >= 0) *answer = strdup(rc > 0 && parsed.s ? parsed.s : "");
    free(text), str_free(&all), str_free(&parsed);
    return rc < 0 || !*answer ? fail(e, ERR_NOMEM, "out of memory for a trial answer") : 0;
}

static int trials(struct forcer *f, struct session **s, int n, const struct question *q, struct forced *out, struct err *e) {
    struct generation *gen = calloc((size_t)n, sizeof *gen);
    struct trial_mem *mem = calloc((size_t)n, sizeof *mem);
    int rc = gen && mem ? 0 : fail(e, ERR_NOMEM, "out of memory for trial answers");
    for (int i = 0; !rc && i < n; i++) {
        session_rewind(s[i], session_len(s[i]) - 1);
        gen[i] = (struct generation){.s = s[i],
                                     .last = f->free.ids[f->free.n - 1],
                                     .max_new = FORCE_TRIAL,
                                     .sampling = SAMPLING_DEFAULT,
                                     .ends = f->ends,
                                     .n_ends = f->n_ends,
                                     .ids = mem[i].ids,
                                     .logprobs = mem[i].logp};
    }
    if (!rc) rc = generate(f->g, gen, n, e);
    for (int i = 0; !rc && i < n; i++) {
        double sum = 0;
        for (int64_t k = 0; k < gen[i].n; k++) sum += exp(mem[i].logp[k]);
        out[i].token = gen[i].n ? mem[i].ids[0] : -1, out[i].tokens = gen[i].n, out[i].p = gen[i].n ? sum / (double)gen[i].n : 0;
        rc = trial_text(f, q, mem[i].ids, gen[i].n, &out[i].answer, e);
    }
    free(gen), free(mem);
    return rc;
}

/* ---- forks ---- */

static int fork_batch(struct forcer *f, const struct session *s, const int64_t *len, int n, const struct question *q,
                      struct session **fork, struct forced *out, struct err *e) {
    const struct toks *w = force_words(f, q);
    int64_t V = model_n_out(engine_model(f->g));
    struct feed *feed = calloc((size_t)n, sizeof *feed);
    int rc = feed ? 0 : fail(e, ERR_NOMEM, "out of memory for forced answers");
    for (int i = 0; !rc && i < n; i++) {
        rc = session_fork(&fork[i], s, e);
        if (rc) break;
        session_rewind(fork[i], len[i]);
        feed[i] = (struct feed){.s = fork[i], .ids = w->ids, .n = w->n, .logits = f->logits + i * V};
    }
    if (!rc) rc = engine_step(f->g, feed, n, NULL, e);
    for (int i = 0; !rc && i < n; i++) {
        const float *x = f->logits + i * V;
        double lse = log_sum(x, V, &out[i].entropy);
        if (q->n_choices) rc = read_choices(f, x, lse, q->n_choices, &out[i], e);
    }
    if (!rc && !q->n_choices) rc = trials(f, fork, n, q, out, e);
    free(feed);
    return rc;
}

int force_at(struct forcer *f, const struct session *s, const int64_t *len, int n, const struct question *q, struct forced *out,
             struct err *e) {
    struct session **fork = calloc((size_t)f->forks, sizeof *fork);
    int rc = fork ? 0 : fail(e, ERR_NOMEM, "out of memory for forced answers");
    for (int i = 0; i < n; i++) out[i] = (struct forced){.token = -1, .mass = NAN, .p = NAN, .entropy = NAN};
    for (int i = 0; !rc && i < n; i += f->forks) {
        int m = n - i < f->forks ? n - i : f->forks;
        rc = fork_batch(f, s, len + i, m, q, fork, out + i, e);
        for (int k = 0; k < m; k++) session_free(fork[k]), fork[k] = NULL;
    }
    free(fork);
    return rc;
}
