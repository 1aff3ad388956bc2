/* Early exit while the model thinks: watch, stop, have the answer written, and account for everything.
 *
 * A run decodes one question. Its policy looks after every token (probe, budget) or at every step (the others); when it is satisfied the words that
 * end a thought and begin an answer are appended and the model writes its answer from there. Looks of the step policies are forced answers on
 * forks, so a run that never exits writes the trace it would have written alone, byte for byte. What counts as a token of the
 * run: everything generated in the thought, everything injected, looks included, and the answer. Seconds are wall-clock of the whole. Owner thread. */
#ifndef PROBE_LIVE_H
#define PROBE_LIVE_H
#include "probe/force.h"
#include "probe/watch.h"
#include "run/sampler.h"
#include "task/text_steps.h"

/* PROBE: probe's confidence ≥ threshold, at every token. FORCED: forced answer's confidence ≥ threshold, at every step. DEER: mean probability of a trial
 * answer ≥ threshold, at steps that begin "Wait" or "Alternatively" (arXiv 2504.15895). AGREE: the last `count` forced answers agree (Dynasor, arXiv 2412.20993).
 * ENTROPY: entropy after a forced end of thought, exponentially smoothed, has a variance < threshold for `count` looks or more (EAT, arXiv 2509.26522).
 * BUDGET: `count` tokens of thought. */
enum live_rule { LIVE_NEVER, LIVE_PROBE, LIVE_FORCED, LIVE_DEER, LIVE_AGREE, LIVE_ENTROPY, LIVE_BUDGET, LIVE_RULES };
struct live_policy {
    enum live_rule rule;
    double threshold;
    int64_t count;
    int letter;   /* PROBE, with choices: 1: the probe's choice is written for the model; 0: the model writes its answer */
    int at_steps; /* PROBE: 1: only where a step ended; 0: at every token */
};
const char *live_rule_name(enum live_rule r);
struct live {
    struct forcer *force; /* engine, tokenizer, words */
    struct watch *
        watch; /* NULL: no probe; needed by LIVE_PROBE; started for this question. Whatever the policy, it then reads every token */
    enum step_rule steps;
    struct sampling sampling;
    uint64_t seed;
    int64_t max_new;    /* thought and answer */
    int64_t max_answer; /* after an exit */
    int compare;        /* force the answer at the exit too, uncounted, to print its confidence beside the probe's */
    int opened;         /* the prompt already opened the thought (else the mark is awaited, if there is one) */
    int (*on_token)(
        void *ctx, int32_t id, double logprob,
        int64_t i); /* every token that stays, by its place in ids, the injected ones too; nonzero ends the run; may be NULL */
    void *ctx;
};
struct live_out {
    int32_t *ids; /* malloc'd: what stands behind the prompt in the end, injected tokens included; the caller frees */
    int64_t n, thought, injected, answer, look_tokens, looks;
    int exited;         /* the policy ended the thought */
    int64_t reading;    /* where it did */
    int class;          /* the probe's, at that place or at the thought's end; −1 */
    double p, forced_p; /* confidence of probe and of forced answer there; NaN: not read */
    int forced_class;
    double seconds;
};
/* s holds the prompt but its last token `last`. */
int live_run(struct live *l, const struct live_policy *p, struct session *s, int32_t last, const struct question *q,
             uint64_t stream, struct live_out *out, struct err *e);
#endif
