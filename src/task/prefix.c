/* Forced-answer strings, one row a family.
 *
 * A family is recognised by what only its chat template has; the more special rows stand first, and the last two are for models nobody knows:
 * any that closes thoughts with </think>, and any at all. The letter follows each prefix directly, with no blank: a blank would be part of
 * the letter's token in most vocabularies, and its place would then be taken by the prefix's own last token. */
#include "task/prefix.h"
#include "task/words.h"
#include <string.h>

#define JSON_ANSWER   "\n{\n  \"answer\": \""
#define HARMONY_FINAL "<|end|><|start|>assistant<|channel|>final<|message|>"

static const struct answer_prefix families[] = {
    {.name = "candor", /* the shipped reasoners (question.h) */
     .marks = {"<|q|>", "<|a|>"},
     .end_think = "</think>",
     .letter = "</think>",
     .letter_closed = "",
     .free = "</think>\\boxed{",
     .free_closed = "\\boxed{",
     .class_form = "@",
     .letter_end = "",
     .free_end = "}"},
    {.name = "gpt-oss", /* the paper's string; it goes on as if the answer's JSON had begun */
     .marks = {"<|channel|>"},
     .end_think = HARMONY_FINAL,
     .letter = "\",\n\"answer\": \"",
     .letter_closed = "{\n  \"answer\": \"",
     .free = HARMONY_FINAL "\\boxed{",
     .free_closed = "\\boxed{",
     .class_form = "@",
     .letter_end = "\"\n}",
     .free_end = "}"},
    {.name = "r1", /* DeepSeek-R1 and its distillates */
     .marks = {"<\xef\xbd\x9c"
               "Assistant\xef\xbd\x9c>",
               "</think>"},
     .end_think = "</think>",
     .letter = "</think>" JSON_ANSWER,
     .letter_closed = JSON_ANSWER,
     .free = "</think>\n\\boxed{",
     .free_closed = "\n\\boxed{",
     .class_form = "@",
     .letter_end = "\"\n}",
     .free_end = "}"},
    {.name = "qwen3", /* its authors ask for `"answer": "C"` where there are choices, and set the closing off by blank lines */
     .marks = {"<|im_start|>", "</think>"},
     .end_think = "\n</think>\n\n",
     .letter = "\n</think>\n" JSON_ANSWER,
     .letter_closed = JSON_ANSWER,
     .free = "\n</think>\n\n\\boxed{",
     .free_closed = "\n\\boxed{",
     .class_form = "@",
     .letter_end = "\"\n}",
     .free_end = "}"},
    {.name = "think", /* any other that closes thoughts */
     .marks = {"</think>"},
     .end_think = "\n</think>\n\n",
     .letter = "\n</think>\n\nThe answer is (",
     .letter_closed = "\n\nThe answer is (",
     .free = "\n</think>\n\nThe answer is \\boxed{",
     .free_closed = "\n\nThe answer is \\boxed{",
     .class_form = "@",
     .letter_end = ")",
     .free_end = "}"},
    {.name = "generic", /* no thought to close */
     .end_think = "",
     .letter = "\n\nThe answer is (",
     .letter_closed = "\n\nThe answer is (",
     .free = "\n\nThe answer is \\boxed{",
     .free_closed = "\n\nThe answer is \\boxed{",
     .class_form = "@",
     .letter_end = ")",
     .free_end = "}"},
};
enum { FAMILIES = sizeof families / sizeof *families };

const struct answer_prefix *answer_prefix_at(int i) { return i >= 0 && i < FAMILIES ? &families[i] : NULL; }

const struct answer_prefix *answer_prefix_find(const char *name) {
    for (int i = 0; i < FAMILIES; i++)
        if (!strcmp(families[i].name, name)) return &families[i];
    return NULL;
}

static int shown(const char *mark, const char *chat_template, const char *const *specials, size_t n) {
    if (chat_template && strstr(chat_template, mark)) return 1;
    for (size_t i = 0; specials && i < n; i++)
        if (specials[i] && !strcmp(specials[i], mark)) return 1;
    return 0;
}

const struct answer_prefix *answer_prefix_detect(const char *chat_template, const char *const *specials, size_t n) {
    for (int i = 0; i < FAMILIES - 1; i++) {
        int all = families[i].marks[0] != NULL;
        for (int k = 0; k < PREFIX_MARKS && families[i].marks[k]; k++)
            all &= shown(families[i].marks[k], chat_template, specials, n);
        if (all) return &families[i];
    }
    return &families[FAMILIES - 1];
}

const char *answer_prefix_text(const struct answer_prefix *p, int choices, int closed) {
    if (choices) return closed ? p->letter_closed : p->letter;
    return closed ? p->free_closed : p->free;
}

/* The last place of mark[m] in text[n]; n: none. */
static size_t last_place(const char *text, size_t n, const char *mark, size_t m) {
    for (size_t at = n >= m ? n - m + 1 : 0; at-- > 0;)
        if (!memcmp(text + at, mark, m)) return at;
    return n;
}

int answer_prefix_closed(const struct answer_prefix *p, const char *text, size_t n) {
    const char *mark = p->end_think;
    while (*mark == '\n') mark++;
    size_t m = strcspn(mark, "\n"), close = m ? last_place(text, n, mark, m) : n, open = last_place(text, n, "<think>", 7);
    return close < n && !(open < n && open > close);
}

void answer_prefix_class(const struct answer_prefix *p, int i, char out[PREFIX_CLASS]) {
    size_t n = 0;
    for (const char *z = p->class_form; *z && n < PREFIX_CLASS - 1; z++) out[n++] = *z == '@' ? (char)('A' + i) : *z;
    out[n] = 0;
}

/* ---- trials ---- */

static const char *const dynasor_unsure[] = {"wait", "hold", "but", "okay", "no", "hmm", NULL};
static const int dynasor_settings[][2] = {{8, 64}, {5, 64}, {3, 64}, {2, 64}, {2, 32}};

static const struct trial_prefix trials[] = {
    {.name = "deer", .text = "\n**Final Answer**\n\\boxed", .at = {"Wait", "Alternatively"}, .max_tokens = 20, .threshold = 0.95},
    {.name = "dynasor",
     .text = "... Oh, I suddenly got the answer to the whole problem, **Final Answer**\n\n\\[ \\boxed{",
     .unsure = dynasor_unsure,
     .settings = dynasor_settings,
     .n_settings = sizeof dynasor_settings / sizeof *dynasor_settings},
};
enum { TRIALS = sizeof trials / sizeof *trials };

const struct trial_prefix *trial_prefix_at(int i) { return i >= 0 && i < TRIALS ? &trials[i] : NULL; }

const struct trial_prefix *trial_prefix_find(const char *name) {
    for (int i = 0; i < TRIALS; i++)
        if (!strcmp(trials[i].name, name)) return &trials[i];
    return NULL;
}

int trial_prefix_unsure(const struct trial_prefix *p, const char *text, size_t n) {
    const struct words t = {text, n};
    for (size_t at = 0; p->unsure && at < n; at++)
        if (word_start(&t, at) && words_any(&t, at, p->unsure)) return 1;
    return 0;
}
