/* The nouns of search: a reasoner answers a question in a trial, and a trial collects candidates.
 *
 * A `reasoner` is a policy (LM), perhaps a reward model over the same vocabulary (RM), and the options; it is set up once and read by
 * every method. A `trial` is one question answered by one method within one budget: it owns the prompt (prefilled once in both
 * engines), all candidates, and the account. A `candidate` is one complete answer with its reward and its grade.
 * Random numbers are keyed by what they are for (question, purpose, rollout, position), never by the order of execution, and plain
 * rollout k of a question is the same draw in every method: methods are compared on common random numbers.
 * Thread: the owner thread of the engines. Failure: struct err; a trial is freed whole by trial_fini. */
#ifndef DECODE_PROBLEM_H
#define DECODE_PROBLEM_H
#include "base/str.h"
#include "decode/dto.h"
#include "run/generate.h"
#include "task/question.h"
#include "text/tokenizer.h"

enum { TRIAL_BATCH = 32 /* rollouts or scores in one batched call */ };

/* Between text and ids; tests put something simpler here than a tokenizer (codec.h has the real one). */
struct codec {
    int (*prompt)(void *ctx, const struct question *q, struct toks *out, struct err *e);
    int (*text)(void *ctx, const int32_t *ids, int64_t n, char **out, struct err *e); /* *out malloc'd */
    /* Every token's own bytes appended, specials too; ends[i]: bytes of out up to and with token i. NULL: cannot */
    int (*spell)(void *ctx, const int32_t *ids, int64_t n, struct str *out, size_t *ends, struct err *e);
    void *ctx;
};

enum nll_norm { NLL_MEAN, NLL_SUM };
struct reason_opts {
    uint64_t seed;
    int64_t max_new;    /* longest answer, tokens */
    double temp, top_p; /* rollouts and resampling; 0.5 and 0.95 in the paper */
    int top_k;
    /* nabla: L(y) = c·Σ NLL − lambda·r, c = 1/|y| (mean) or 1 (sum) */
    double lambda;
    enum nll_norm nll;
    struct dto_opts dto;
    double eps_ent, eps_grad; /* selection: entropy in nats, norm of dL/dz; both must be exceeded */
    /* trees */
    int rap_width;    /* children of a node */
    double rap_c;     /* exploration of UCT over rewards scaled to [0, 1] */
    int64_t step_max; /* tokens of one step at most */
    int tot_depth;    /* steps before what is left is finished greedily */
};
struct reason_opts reason_defaults(void);
int reason_opts_check(const struct reason_opts *o, struct err *e);

struct reasoner {
    struct engine *lm, *rm;  /* rm NULL: methods that need a reward are refused */
    struct engine *verifier; /* a second reward model that no method sees; NULL: none (verify.c) */
    int64_t max_ctx;         /* of all engines; their max_rows must hold max_new */
    struct codec codec;
    const int32_t *ends; /* tokens that end an answer */
    int n_ends;
    const unsigned char *step_end; /* [V], 1: the token ends a reasoning step; NULL: none does */
    int step_scores;               /* 1: after the fact rm also scores the candidates at the end of each step (verify.c) */
    struct reason_opts o;
};

/* Rollouts (the first included), or calls, tokens, FLOPs, seconds: no new rollout starts once they are used up. The first always does. */
struct budget {
    double amount;
    char unit; /* 'r' 'c' 't' 'f' 's' */
    char text[32];
};
int budget_parse(struct budget *b, const char *text, struct err *e);

/* The reward model read at the end of one step of a thought, as if it were the end of the answer. */
struct step_score {
    int64_t at; /* token of the candidate */
    int right;  /* everything up to it is right */
    double reward;
};
struct candidate {
    int32_t *ids; /* the answer, without prompt, with the end token where it came */
    int64_t n;
    int ended; /* by an end token; else by length */
    int scored, correct, accepted;
    double reward;
    int verified; /* trial_verify was here */
    double verdict;
    struct step_score *steps; /* [n_steps], only with step_scores, and of questions whose steps can be judged */
    int n_steps;
    char *text, *answer; /* answer: parsed and normalised; "" where none was found */
    int parent;          /* candidate it was derived from, -1: the prompt */
    int64_t from;        /* first position in which it may differ from its parent */
    struct session *lm;  /* holds prompt and ids but the last */
    struct session *rm;  /* holds prompt and ids; NULL where nobody needed it */
};

/* One position where the same draw gives another token under the optimised logits than under the original ones. */
struct change {
    int64_t pos;
    int32_t was, plain, tilted;  /* token of the trajectory; drawn from z; drawn from the optimised z */
    double u, p_plain, p_tilted; /* the draw; probability of `tilted` before and after, temperature 1 */
    int before, after;           /* candidates; after -1: `tilted` was the trajectory's own token, nothing to roll out */
    int accepted;
};

struct cost {
    int64_t calls, calls_paper, tokens;
    double flops, seconds;
};

struct trial {
    const struct reasoner *r;
    const struct question *q;
    const struct budget *budget;
    uint64_t key; /* of the question */
    struct toks prompt;
    struct session *lm, *rm; /* prompt but its last token; whole prompt (NULL: this trial has no rewards) */
    int64_t room;            /* tokens an answer may have: max_new, or what the context leaves */
    struct candidate *c;
    int n, cap;
    int chosen; /* -1: none yet */
    struct change *changes;
    int n_changes, cap_changes;
    int64_t judged, rejected; /* rollouts compared with the best so far, and those not better; judged 0: not such a method */
    double chosen_reward;     /* of the chosen answer, set by trial_verify; NaN: no reward model read it */
    int64_t optimised, low_entropy, low_gradient; /* positions that DTO took, and that a gate let pass unchanged */
    /* account */
    struct account lm0, rm0;
    int64_t calls_extra, calls_paper, tokens;
    double flops_extra, t0;
};

/* The question as the policy reads it; fails, with its id, if it cannot be asked or leaves no room for an answer. Freed by the caller in any
 * case. */
int trial_prompt(const struct reasoner *r, const struct question *q, struct toks *out, struct err *e);
/* reward: the RM reads the prompt too; without it the trial cannot score, and is not charged for it. */
int trial_init(struct trial *t, const struct reasoner *r, const struct question *q, const struct budget *b, int reward,
               struct err *e);
void trial_fini(struct trial *t);
struct cost trial_cost(const struct trial *t);
int trial_spent(const struct trial *t); /* no further rollout may start */
/* How many of `want` rollouts may be started at once: all a rollout budget has left, else one. */
int trial_allows(const struct trial *t);
int trial_change(struct trial *t, const struct change *ch, struct err *e);
/* Best reward, earliest on ties; -1 if none is scored. */
int trial_best(const struct trial *t);

/* A random stream or draw for one purpose. */
enum purpose { FOR_ROLLOUT = 1, FOR_RESAMPLE, FOR_REROLL, FOR_TREE, FOR_THOUGHT };
uint64_t trial_stream(const struct trial *t, enum purpose what, uint64_t a, uint64_t b, uint64_t c);

/* --- rollouts --- */
struct roll {
    const struct session *from; /* its first `keep` positions are shared */
    int64_t keep;
    int32_t last; /* then this token is fed */
    uint64_t stream;
    int64_t max_new;
    double temp;
    int one_step; /* stop at the end of a reasoning step too */
    /* out */
    struct session *s;
    int32_t *ids;
    int64_t n;
};
void roll_fini(struct roll *x);
/* All of them in batched decode steps; max_new 0 gives no token and only the fork. */
int rolls_run(struct trial *t, struct roll *x, int n, struct err *e);
int trial_is_end(const struct trial *t, int32_t id);
/* Adds head[n_head] + the roll's tokens as a candidate, decodes and grades it; takes the roll's session. Index, or an error. */
int candidate_add(struct trial *t, const int32_t *head, int64_t n_head, struct roll *x, int parent, struct err *e);
/* n plain rollouts from the prompt, streams first, first + 1, … */
int candidates_draw(struct trial *t, uint64_t first, int n, double temp, struct err *e);

/* --- rewards --- */
struct scored {
    const struct session *from; /* RM session that shares its first `keep` positions; NULL: the prompt */
    int64_t keep;
    const int32_t *ids; /* what follows them, n >= 1 */
    int64_t n;
    int hold; /* leave the session in s */
    double reward;
    struct session *s;
};
int rewards_score(struct trial *t, struct scored *x, int n, struct err *e);
/* The same by any reward model, charged to no trial; prompt: its session of the prompt. */
int scores_run(struct engine *g, const struct session *prompt, struct scored *x, int n, struct err *e);
/* Candidates first … first + n − 1. */
int candidates_score(struct trial *t, int first, int n, struct err *e);

/* --- after the fact --- */
/* Once the method has chosen and its cost was taken: every candidate's verdict by the verifier, if the reasoner has one, the reward
 * model's score of the chosen answer where the method had no use for it, and its scores of the steps if they are asked for. Nothing of
 * it is charged to the trial. */
int trial_verify(struct trial *t, struct err *e);
#endif
