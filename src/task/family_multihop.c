/* multihop: facts composed. What is the pet of the friend of Lubne? The difficulty is the number of facts.
 *
 * Between recall and chain: each step is a fact learnt by heart, but the composed answer is in no training text, so it is not
 * there before the steps are, unless the model composes them inside. Half the problems come with four options, half are free
 * form (\boxed{cat}); the problem is the same for both, so one form never is training for the other's test. */
#include "task/facts.h"
#include <string.h>

enum { HOPS_MAX = 4 };

/* v: world key, relation, entity, the links from the entity on (one less than facts); then the phrasing, and perhaps options. */
enum { V_WORLD, V_RELATION, V_ENTITY, V_LINK };
enum { FREE, OPTIONS, FORMS };

static int links_of(const struct problem *p) { return p->core - V_LINK; }

/* Where the links lead: at[0] is the entity asked about, at[links] the one that has the value. Returns the value. */
static int follow(const struct world *w, const struct problem *p, int at[HOPS_MAX]) {
    int n = links_of(p);
    at[0] = (int)p->v[V_ENTITY];
    for (int i = 0; i < n; i++) at[i + 1] = world_link(w, at[i], (int)p->v[V_LINK + i]);
    return world_fact(w, at[n], (int)p->v[V_RELATION]);
}

static void multihop_draw(const struct gym_spec *s, int level, int sub, struct picker *p, struct problem *out) {
    int at[HOPS_MAX];
    problem_add(out, (int64_t)s->world.key);
    problem_add(out, pick(p, WORLD_RELATIONS));
    problem_add(out, pick(p, (uint64_t)s->world.entities));
    for (int i = 1; i < level; i++) problem_add(out, pick(p, WORLD_LINKS));
    out->core = out->n;
    struct picker d = dress(p);
    problem_add(out, pick(&d, facts_phrasings(s->split)));
    if (sub == OPTIONS) facts_draw_options(&d, follow(&s->world, out, at), out);
}

static void ask(const struct gym_spec *s, const struct problem *p, struct str *out) {
    char name[WORLD_NAME];
    struct str of = {0};
    world_name(&s->world, (int)p->v[V_ENTITY], name);
    for (int i = links_of(p); i-- > 0;) str_printf(&of, "the %s of ", world_link_name((int)p->v[V_LINK + i]));
    str_puts(&of, name);
    facts_ask(out, s->split, p->v[p->core], world_relation((int)p->v[V_RELATION]), of.failed ? "" : of.s);
    if (of.failed) out->failed = 1;
    str_free(&of);
}

/* One step of the way: the fact that leads from at[i] on. `value` is what it is said to be. */
static void say_step(struct str *out, const struct gym_spec *s, const struct problem *p, int i, const int *at,
                     const char *value) {
    char name[WORLD_NAME];
    int last = i == links_of(p);
    world_name(&s->world, at[i], name);
    facts_say(out, 0, last ? world_relation((int)p->v[V_RELATION]) : world_link_name((int)p->v[V_LINK + i]), name, value);
    str_puts(out, " ");
}

/* The same with another name or value, and that it was noticed. A world of one entity has no other name. */
static int slip(struct str *out, const struct gym_spec *s, const struct problem *p, int i, const int *at, int right,
                struct rng *g) {
    char other[WORLD_NAME];
    const char *value = other;
    int relation = (int)p->v[V_RELATION];
    if (i == links_of(p))
        value = world_value(relation, (right + 1 + (int)rng_below(g, WORLD_VALUES - 1)) % WORLD_VALUES);
    else if (s->world.entities > 1)
        world_name(&s->world, (at[i + 1] + 1 + (int)rng_below(g, (uint64_t)s->world.entities - 1)) % s->world.entities, other);
    else
        return 0;
    say_step(out, s, p, i, at, value);
    str_puts(out, "Wait, ");
    return 1;
}

static void multihop_tell(const struct gym_spec *s, const struct problem *p, struct rng *g, struct gym_words *w) {
    int at[HOPS_MAX], right = follow(&s->world, p, at), n = links_of(p), relation = (int)p->v[V_RELATION];
    int slips = rng_uniform(g) < s->slip_rate, where = (int)rng_below(g, (uint64_t)n + 1);
    ask(s, p, &w->question);
    for (int i = 0; i <= n; i++) {
        char name[WORLD_NAME];
        if (i < n) world_name(&s->world, at[i + 1], name);
        if (slips && i == where) w->slips = slip(&w->trace, s, p, i, at, right, g);
        size_t from = w->trace.len;
        say_step(&w->trace, s, p, i, at, i < n ? name : world_value(relation, right));
        if (w->slips && i == where && !w->trace.failed) w->trace.s[from] = 't'; /* "Wait, the boss of …" */
    }
    if (p->n > p->core + 1) {
        int letter = 'A' + facts_choices(w, relation, p->v + p->core + 1, right);
        str_printf(&w->trace, "So %c) %s.", letter, world_value(relation, right));
    } else {
        str_printf(&w->trace, "So %s.", world_value(relation, right));
        str_puts(&w->answer, world_value(relation, right));
        str_printf(&w->final, "\\boxed{%s}", world_value(relation, right));
    }
}

/* An entity's links in varied words, its values in those of the trace. */
static void multihop_pretrain(const struct gym_spec *s, int64_t index, struct rng *g, struct str *out) {
    int entity = (int)(index % s->world.entities), order[WORLD_LINKS + WORLD_RELATIONS];
    for (int i = 0; i < WORLD_LINKS + WORLD_RELATIONS; i++) order[i] = i;
    rng_shuffle(g, order, WORLD_LINKS + WORLD_RELATIONS, sizeof *order);
    for (int i = 0; i < WORLD_LINKS + WORLD_RELATIONS; i++) {
        int link = order[i], relation = order[i] - WORLD_LINKS;
        char name[WORLD_NAME], other[WORLD_NAME];
        world_name(&s->world, entity, name);
        if (i) str_puts(out, " ");
        if (relation >= 0) {
            facts_say(out, 0, world_relation(relation), name, world_value(relation, world_fact(&s->world, entity, relation)));
        } else {
            world_name(&s->world, world_link(&s->world, entity, link), other);
            facts_say(out, rng_below(g, FACT_FORMS), world_link_name(link), name, other);
        }
    }
}

const struct family family_multihop = {
    .name = "multihop",
    .space = "multihop",
    .entities = 1500, /* five times what recall asks for: its facts are not all known by heart */
    .level_min = 2,
    .level_max = HOPS_MAX,
    .level_lo = 2,
    .level_hi = 4, /* a step more than the shipped models learn from */
    .subs = FORMS,
    .draw = multihop_draw,
    .tell = multihop_tell,
    .pretrain = multihop_pretrain,
    .judge = judge_worked,
    .about = "facts of the invented world composed, options or free form (difficulty: facts, 2..4, default 2..4)"};
