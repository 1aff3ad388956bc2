/* candor study plan: what a study file would do. */
#include "cli/prices.h"
#include "cli/studying.h"
#include "study/plan.h"
#include <jansson.h>
#include <stdio.h>

static const struct opt opts[] = {
    OPT_LANGUAGES,
    {"reply", 0, "N", "400", "characters that a reply is taken to have, for the size of the prompts"},
    {"prices", 0, "FILE", NULL, "JSON {MODEL: {input, output}}, per million tokens: also say what the calls cost at most"},
    {"model", 'm', "NAME", NULL, "with --prices: the model's name there, where the study calls it otherwise"},
    OPT_JSON,
    {0},
};

static const char *text(const json_t *o, const char *key) { return json_string_value(json_object_get(o, key)); }
static json_int_t number(const json_t *o, const char *key) { return json_integer_value(json_object_get(o, key)); }

static void print_sizes(const char *name, const json_t *o, json_int_t runs) {
    printf("%-44s %6" JSON_INTEGER_FORMAT " %9" JSON_INTEGER_FORMAT " %16" JSON_INTEGER_FORMAT " %16" JSON_INTEGER_FORMAT, name,
           runs, number(o, "calls"), number(o, "prompt_characters"), number(o, "new_characters"));
    if (json_object_get(o, "cost_max")) printf(" %13.4g", json_real_value(json_object_get(o, "cost_max")));
    putchar('\n');
}

static void print_arms(const json_t *arms) {
    size_t i, k;
    json_t *a, *d;
    json_array_foreach((json_t *)arms, i, a) {
        printf("arm %-24s alignment %2d, placebo %2d, individuation %2d", text(a, "id"), (int)number(a, "alignment"),
               (int)number(a, "placebo"), (int)number(a, "individuation"));
        if (text(a, "same_as")) printf("; repeats %s", text(a, "same_as"));
        json_array_foreach(json_object_get(a, "differs"), k, d)
            printf("%s%s", k ? ", " : "; differs from the first in ", json_string_value(d));
        putchar('\n');
    }
}

static void print_plan(const json_t *p) {
    size_t i;
    json_t *c;
    const char *code;
    printf("%s: %s\n%d agents, %d turns, order %s, context %s\n\n", text(p, "id"), text(p, "title"), (int)number(p, "agents"),
           (int)number(p, "turns"), text(p, "order"), text(p, "context"));
    print_arms(json_object_get(p, "arms"));
    printf("\n%-44s %6s %9s %16s %16s%s\n", "cell", "runs", "calls", "prompt chars", "of them new",
           json_object_get(p, "cost_max") ? "  cost at most" : "");
    json_array_foreach(json_object_get(p, "cells"), i, c) print_sizes(text(c, "id"), c, number(c, "replicates"));
    putchar('\n');
    json_object_foreach(json_object_get(p, "languages"), code, c) print_sizes(code, c, number(c, "runs"));
    print_sizes("all", p, number(p, "runs"));
    json_array_foreach(json_object_get(p, "choices"), i, c)
        printf("%schoice: %s: %s\n", i ? "" : "\n", text(c, "about"), text(c, "choice"));
    json_array_foreach(json_object_get(p, "remarks"), i, c) printf("%sremark: %s\n", i ? "" : "\n", json_string_value(c));
    if (json_object_get(p, "cost_max"))
        printf("cost: at most %.4g (every byte of a prompt a token, every reply max_tokens long, replies seen by others as "
               "--reply)\n",
               json_real_value(json_object_get(p, "cost_max")));
    printf("\nruns are shuffled in blocks of %d replicates of every cell; the first: %s\n", (int)number(p, "block"),
           json_string_value(json_array_get(json_object_get(p, "run_order"), 0)));
}

static int put_costs(json_t *plan, const struct study *s, struct args *a, struct err *e) {
    struct chat_price price[STUDY_MAX_MODELS];
    if (!arg_has(a, "prices")) return 0;
    for (int i = 0; i < s->n_models; i++)
        TRY(read_prices(&price[i], arg_str(a, "prices"), arg_has(a, "model") ? arg_str(a, "model") : s->model[i].id, e));
    return put_highest_costs(plan, s, price, e);
}

static int run(struct args *a, struct err *e) {
    struct study *s = NULL;
    json_t *plan = NULL;
    int64_t reply = 0;
    TRY(arg_i64(a, "reply", 1, 1 << 20, &reply, e));
    TRY(open_whole_study(&s, a, a->pos[0], e));
    int rc = study_plan(&plan, s, &(struct plan_opts){.reply = (int)reply}, e);
    if (rc >= 0) rc = put_costs(plan, s, a, e);
    study_free(s);
    if (rc < 0) return json_decref(plan), rc;
    if (arg_has(a, "json")) return print_json(plan, e);
    print_plan(plan);
    json_decref(plan);
    return 0;
}

const struct command command_study_plan = {
    .name = "study plan",
    .summary = "what a study file would do: cells, calls, size of prompts, order of runs",
    .usage = "FILE [--prices FILE [-m NAME]] [--json]",
    .opts = opts,
    .min_pos = 1,
    .max_pos = 1,
    .run = run,
    .notes = "What may stand in the file is in docs/studies.md and in the schema studies/study.schema.json.",
};
