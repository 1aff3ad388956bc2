/* Phrasings and options, once for recall and multihop. A phrasing may begin with what is asked about, which then gets its
 * capital here ("The friend of Lubne has which pet?"). */
#include "task/facts.h"
#include <ctype.h>

/* %R is the relation, %E the entity, %V the value. */
static const char *const train_forms[] = {
    "What is the %R of %E?", "What %R does %E have?", "Which %R does %E have?",      "Name the %R of %E.",
    "%E has which %R?",      "The %R of %E is what?", "Tell me the %R that %E has.", "Which is the %R of %E?",
};
static const char *const val_forms[] = {"Tell me the %R of %E.", "What is the %R that %E has?"};
static const char *const test_forms[] = {"Name the %R that %E has.", "%E has what %R?", "The %R that %E has is what?"};
#define FORMS(a) \
    { a, sizeof a / sizeof *a }
static const struct {
    const char *const *form;
    size_t n;
} forms[GYM_SPLITS] = {[GYM_TRAIN] = FORMS(train_forms), [GYM_VAL] = FORMS(val_forms), [GYM_TEST] = FORMS(test_forms)};

static const char *const fact_forms[FACT_FORMS] = {"The %R of %E is %V.", "%E has the %R %V.", "%V is the %R of %E.",
                                                   "The %R that %E has is %V.", "%E: %R %V."};

static void say(struct str *out, const char *form, const char *relation, const char *entity, const char *value) {
    size_t from = out->len;
    for (const char *z = form; *z; z++) {
        if (*z != '%')
            str_add(out, z, 1);
        else if (*++z == 'R')
            str_puts(out, relation);
        else
            str_puts(out, *z == 'E' ? entity : value);
    }
    if (form[1] == 'E' && out->len > from) out->s[from] = (char)toupper((unsigned char)out->s[from]);
}

uint64_t facts_phrasings(enum gym_split split) { return forms[split].n; }

void facts_ask(struct str *out, enum gym_split split, int64_t phrasing, const char *relation, const char *of) {
    say(out, forms[split].form[phrasing], relation, of, "");
}

void facts_say(struct str *out, uint64_t form, const char *relation, const char *of, const char *value) {
    say(out, fact_forms[form], relation, of, value);
}

/* The p-th of the values that are not yet used. */
static int unused(const int *used, int64_t p) {
    for (int v = 0;; v++)
        if (!used[v] && p-- == 0) return v;
}

void facts_draw_options(struct picker *p, int right, struct problem *out) {
    int at = (int)pick(p, GYM_CHOICES), used[WORLD_VALUES] = {0};
    used[right] = 1;
    for (int i = 0, left = WORLD_VALUES - 1; i < GYM_CHOICES; i++) {
        int v = right;
        if (i != at) v = unused(used, pick(p, (uint64_t)left--));
        used[v] = 1;
        problem_add(out, v);
    }
}

int facts_choices(struct gym_words *w, int relation, const int64_t *options, int right) {
    int at = 0;
    w->n_choices = GYM_CHOICES;
    for (int i = 0; i < GYM_CHOICES; i++) {
        w->choices[i] = world_value(relation, (int)options[i]);
        if (options[i] == right) at = i;
    }
    str_printf(&w->answer, "%c", 'A' + at);
    str_printf(&w->final, "%c", 'A' + at);
    return at;
}
