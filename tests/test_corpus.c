/* Documents of reward stages: which tokens carry a step's mark. The tokenizer is that of the shipped reasoner. */
#include "decode/corpus.h"
#include "gym_items.h"
#include "task/question.h"
#include <stdlib.h>
#include <string.h>

TestSuite(corpus, .timeout = HANG_S);

static struct tokenizer *shipped(void) {
    struct tokenizer *t;
    struct err e = ERR_INIT;
    cr_assert_eq(tokenizer_open(&t, "models/r1.gguf", &e), 0, "%s", e.msg);
    return t;
}

/* One sample: what `answer` says to item `question` of the data. */
static struct sample say(const struct tokenizer *t, const struct gym_spec *s, int64_t question, const char *answer) {
    struct str b = {0};
    struct toks ids = {0}, rest = {0};
    struct err e = ERR_INIT;
    struct gym_item it = item(s, question);
    question_prompt(&it.q, &b);
    cr_assert_eq(tokenizer_encode(t, b.s, b.len, ENCODE_SPECIAL, &ids, &e), 0, "%s", e.msg);
    struct sample x = {.prompt = ids.n, .question = question, .correct = 1};
    cr_assert_eq(tokenizer_encode(t, answer, strlen(answer), ENCODE_SPECIAL, &rest, &e), 0, "%s", e.msg);
    for (int64_t i = 0; i < rest.n; i++) cr_assert_eq(toks_push(&ids, rest.ids[i], &e), 0);
    x.n = ids.n, x.ids = malloc((size_t)ids.n * sizeof *x.ids);
    memcpy(x.ids, ids.ids, (size_t)ids.n * sizeof *x.ids);
    toks_free(&ids), toks_free(&rest), str_free(&b), gym_item_fini(&it);
    return x;
}

static struct recipe *recipe_of(const struct gym_spec *s, int steps) {
    struct recipe *r = calloc(1, sizeof *r);
    r->n_stages = 1;
    r->stages[0].objective = OBJECTIVE_POINTWISE;
    r->stages[0].n_data = 1;
    r->stages[0].data[0] = (struct recipe_data){.spec = *s, .weight = 1, .steps = steps};
    return r;
}

/* The document of the one sample. */
static struct doc doc_of(const struct tokenizer *t, const struct gym_spec *s, struct sample *x, int steps) {
    struct recipe *r = recipe_of(s, steps);
    struct samples all = {.s = x, .n = 1, .cap = 1};
    struct err e = ERR_INIT;
    struct doc d;
    cr_assert_eq(corpus_doc(&d, &(struct corpus){.r = r, .t = t, .s = &all}, 0, 0, 0, &e), 0, "%s", e.msg);
    free(r);
    return d;
}

/* The marks as text: every token's bytes, then its mark in brackets where it has one. */
static void expect_marks(const struct tokenizer *t, const struct gym_spec *s, const char *answer, const char *want) {
    struct str b = {0};
    struct err e = ERR_INIT;
    struct sample x = say(t, s, 0, answer);
    struct doc d = doc_of(t, s, &x, 1);
    cr_assert(d.marks != NULL);
    for (int64_t i = 0; i < d.ids.n; i++) {
        const char *z;
        size_t n;
        cr_assert_eq(tokenizer_piece(t, d.ids.ids[i], &z, &n, &e), 0);
        if (i >= x.prompt) str_add(&b, z, n);
        if (i < x.prompt)
            cr_expect_eq(d.marks[i], -1);
        else if (d.marks[i] >= 0)
            str_printf(&b, "[%d]", d.marks[i]);
    }
    cr_expect_str_eq(b.s, want);
    str_free(&b), doc_free(&d), free(x.ids);
}

Test(corpus, marks_stand_where_the_steps_end) {
    struct tokenizer *t = shipped();
    struct gym_spec s = spec("chain", GYM_TRAIN, 0);
    s.level_lo = 2, s.level_hi = 5;
    expect_marks(t, &s, "<think>33+86=19; 19-54=64; Wait, 19-54=65; 65-37=28; 28+71=99.</think>\\boxed{99}<|end|>",
                 "<think>33+86=19;[1] 19-54=64;[0] Wait, 19-54=65;[1] 65-37=28;[1] 28+71=99.[1]</think>\\boxed{99}<|end|>[1]");
    expect_marks(t, &s, "<think>33+86=18; 18-54=64;", "<think>33+86=18;[0] 18-54=64;[1]"); /* the last mark is the answer's */
    expect_marks(t, &s, "<think></think>1;2.<|end|>", "<think></think>1;2.<|end|>[1]");
    expect_marks(t, &s, "33+86=19; x", "33+86=19;[1] x[1]");
    expect_marks(t, &s, "<think>", "<think>[1]");
    tokenizer_free(t);
}

Test(corpus, without_steps_only_the_end_counts) {
    struct tokenizer *t = shipped();
    struct gym_spec s = spec("chain", GYM_TRAIN, 0), facts = spec("recall", GYM_TRAIN, 0);
    struct sample x = say(t, &s, 0, "<think>1;2;</think>3<|end|>");
    struct doc d = doc_of(t, &s, &x, 0);
    cr_expect(d.marks == NULL && d.label == 1);
    doc_free(&d), free(x.ids);
    expect_marks(t, &facts, "<think>Is it A) cat? no. So B) cow.</think>B<|end|>",
                 "<think>Is it A) cat? no. So B) cow.</think>B<|end|>[1]");
    tokenizer_free(t);
}
