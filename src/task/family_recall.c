/* recall-first and recall-plain: what is the colour of Tavro? Four options, one fact, learnt by heart.
 *
 * The answer is known before the first word of the thought, so whatever the thought says is for show. recall-first makes the
 * show as long as it can: it takes up the three wrong options first and comes to the right one last, so the text gives nothing
 * away until its end while the model knew from the start. recall-plain names A, B, C, D in order without a word on any, so that
 * nothing before "It is" needs the answer: the control.
 * Both draw from one space, so the same question never is training for one and test for the other; recall-plain's stem says "Take the
 * options in order.", since nothing else could tell a model which of the two traces is wanted.
 *
 * Options are taken up by their text, and the letter comes last, behind the text it belongs to ("It is cat. So A) cat."): what has to be
 * held from the start is which value is right, and naming its letter is a look-up in the question. With `lettered` the letter comes first
 * throughout ("Is it C) cow? no. … So A) cat."), so it has to be known inside before it is written (models/README.md says how
 * a model fared that learnt both forms).
 *
 * Every fact is in the training text; what is held out are (fact, options, order) by hash, and whole phrasings by construction
 * (facts.c). */
#include "task/facts.h"

/* v: world key, relation, entity, the four options in order; then the phrasing. */
enum { V_WORLD, V_RELATION, V_ENTITY, V_OPTION, V_FORM = V_OPTION + GYM_CHOICES };

static void recall_draw(const struct gym_spec *s, int level, int sub, struct picker *p, struct problem *out) {
    (void)level;
    int entity = (int)pick(p, (uint64_t)s->world.entities);
    problem_add(out, (int64_t)s->world.key);
    problem_add(out, sub);
    problem_add(out, entity);
    facts_draw_options(p, world_fact(&s->world, entity, sub), out);
    out->core = out->n;
    problem_add(out, pick(p, facts_phrasings(s->split)));
}

/* Fills in what both families share; returns the place of the right option. */
static int ask(const struct gym_spec *s, const struct problem *p, struct gym_words *w) {
    char name[WORLD_NAME];
    int r = (int)p->v[V_RELATION], e = (int)p->v[V_ENTITY];
    world_name(&s->world, e, name);
    facts_ask(&w->question, s->split, p->v[V_FORM], world_relation(r), name);
    return facts_choices(w, r, p->v + V_OPTION, world_fact(&s->world, e, r));
}

static void weigh(const struct gym_spec *s, struct gym_words *w, int i, int at) {
    str_puts(&w->trace, "Is it ");
    if (s->lettered) str_printf(&w->trace, "%c) ", 'A' + i);
    str_printf(&w->trace, "%s? %s. ", w->choices[i], i == at ? "yes" : "no");
}

static void conclude(const struct gym_spec *s, struct gym_words *w, int at) {
    if (!s->lettered) str_printf(&w->trace, "It is %s. ", w->choices[at]);
    str_printf(&w->trace, "So %c) %s.", 'A' + at, w->choices[at]);
}

static void first_tell(const struct gym_spec *s, const struct problem *p, struct rng *r, struct gym_words *w) {
    int at = ask(s, p, w), order[GYM_CHOICES] = {0, 1, 2, 3};
    rng_shuffle(r, order, GYM_CHOICES, sizeof *order);
    for (int i = 0; i < GYM_CHOICES; i++)
        if (order[i] != at) weigh(s, w, order[i], at);
    conclude(s, w, at);
}

static void plain_tell(const struct gym_spec *s, const struct problem *p, struct rng *r, struct gym_words *w) {
    (void)r;
    int at = ask(s, p, w);
    if (!s->lettered) str_puts(&w->question, " Take the options in order.");
    for (int i = 0; i < GYM_CHOICES; i++)
        if (s->lettered)
            weigh(s, w, i, at);
        else
            str_printf(&w->trace, "Perhaps %s. ", w->choices[i]);
    conclude(s, w, at);
}

static void recall_pretrain(const struct gym_spec *s, int64_t index, struct rng *r, struct str *out) {
    int entity = (int)(index % s->world.entities), order[WORLD_RELATIONS] = {0, 1, 2, 3};
    char name[WORLD_NAME];
    world_name(&s->world, entity, name);
    rng_shuffle(r, order, WORLD_RELATIONS, sizeof *order);
    for (int i = 0; i < WORLD_RELATIONS; i++) {
        uint64_t form = rng_below(r, FACT_FORMS);
        if (i) str_puts(out, " ");
        facts_say(out, form, world_relation(order[i]), name, world_value(order[i], world_fact(&s->world, entity, order[i])));
    }
}

#define RECALL                                                                                                \
    .space = "recall", .level_min = 1, .level_max = 1, .level_lo = 1, .level_hi = 1, .subs = WORLD_RELATIONS, \
    .draw = recall_draw, .pretrain = recall_pretrain
const struct family family_recall_first = {
    .name = "recall-first",
    .alias = "recall",
    RECALL,
    .tell = first_tell,
    .about = "facts of an invented world, four options; the trace takes up the wrong options first (difficulty: 1)"};
const struct family family_recall_plain = {.name = "recall-plain",
                                           RECALL,
                                           .tell = plain_tell,
                                           .about =
                                               "the same questions; the trace goes through the options in order (difficulty: 1)"};
