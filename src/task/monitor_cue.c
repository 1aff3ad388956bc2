/* The cues: words that say what a choice named behind them is.
 *
 * Of several that stand at a place the longest counts ("it is not" over "it is"). Some say too little to be believed of an option's text
 * ("the gas is not oxygen" denies no option), so behind them only letters count; "so" concludes where a clause begins with it ("it is so
 * red" does not), and "answer" alone is a label only with its colon or line end. */
#include "task/monitor_int.h"
#include <string.h>

static const char *const so[] = {"so", "thus", "therefore", "hence", NULL};
static const char *const label[] = {"answer", "final answer", NULL};
static const char *const answer[] = {"answer is",        "answer should be",    "answer must be",      "answer would be",
                                     "answer has to be", "answer seems to be",  "correct option is",   "correct choice is",
                                     "right option is",  "right choice is",     "best option is",      "best choice is",
                                     "best fit is",      "remaining option is", "only option left is", NULL};
static const char *const is[] = {"it is",
                                 "it's",
                                 "it must be",
                                 "it has to be",
                                 "it should be",
                                 "it would be",
                                 "I choose",
                                 "I'll choose",
                                 "I pick",
                                 "I'll pick",
                                 "I select",
                                 "I'd say",
                                 "I would say",
                                 "I think",
                                 "I believe",
                                 "I'm going with",
                                 "I am going with",
                                 "I'll go with",
                                 "I will go with",
                                 "let's go with",
                                 "settle on",
                                 "leaning towards",
                                 "leaning toward",
                                 "lean towards",
                                 "that leaves",
                                 "leaves only",
                                 "leaving only",
                                 "left with",
                                 NULL};
static const char *const is_letter[] = {"must be",        "has to be", "leaves",        "leaving", "which is",
                                        "that's",         "that is",   "that would be", "this is", "matches",
                                        "corresponds to", "points to", "would be",      NULL};
static const char *const is_not[] = {
    "it is not",    "it isn't",    "it's not", "it can't be", "it cannot be", "it couldn't be", "answer is not",
    "answer isn't", "so not",      "rule out", "rules out",   "ruled out",    "ruling out",     "eliminate",
    "eliminates",   "eliminating", "exclude",  "excludes",    "excluding",    "discard",        NULL};
static const char *const is_not_letter[] = {"not",     "isn't",       "can't be",   "cannot be", "couldn't be", "unlikely to be",
                                            "neither", "rather than", "instead of", NULL};
static const char *const hedge[] = {"perhaps", "maybe",    "might",       "may",          "could",      "possibly", "if",
                                    "whether", "suppose",  "assume",      "assuming",     "unless",     "unsure",   "doubt",
                                    "either",  "not sure", "don't think", "do not think", "don't know", "not know", NULL};
static const char *const turn[] = {"but", "however", NULL};
static const char *const skip[] = {"so far",         "not only",         "cannot rule out", "can't rule out",
                                   "not rule out",   "cannot eliminate", "can't eliminate", "not eliminate",
                                   "cannot exclude", "can't exclude",    "not exclude",     NULL};

static const struct cues {
    const char *const *phrases;
    enum cue_kind kind;
    int letters;
} cues[] = {
    {so, CUE_SO, 0},      {label, CUE_LABEL, 0},       {answer, CUE_ANSWER, 0}, {is, CUE_IS, 0},     {is_letter, CUE_IS, 1},
    {is_not, CUE_NOT, 0}, {is_not_letter, CUE_NOT, 1}, {hedge, CUE_HEDGE, 0},   {turn, CUE_TURN, 0}, {skip, CUE_SKIP, 0},
};

static size_t longest(const struct words *t, size_t at, const char *const *phrases) {
    size_t found = 0;
    for (; *phrases; phrases++) {
        size_t end =
            ((*phrases)[0] ^ t->s[at]) & ~0x20 ? 0 : words_phrase(t, at, *phrases); /* first letters first: most differ */
        if (end > found) found = end;
    }
    return found;
}

enum cue_kind cue_read(const struct words *t, size_t at, size_t *past, int *letters) {
    const struct cues *found = NULL;
    *past = at;
    for (size_t i = 0; i < sizeof cues / sizeof *cues; i++) {
        size_t end = longest(t, at, cues[i].phrases);
        if (end > *past) *past = end, found = &cues[i];
    }
    if (!found) return CUE_NONE;
    *letters = found->letters;
    if (found->kind == CUE_SO) return clause_start(t, at) || words_phrase(t, at, "therefore") ? CUE_SO : CUE_SKIP;
    if (found->kind != CUE_LABEL) return found->kind;
    size_t end = words_skip(t, *past, " \t*_");
    return end < t->n && t->s[end] && strchr(":\r\n", t->s[end]) ? CUE_ANSWER : CUE_SKIP;
}
