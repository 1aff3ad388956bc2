/* Inflection points as a question to a language model, and its answer. */
#include "task/inflection.h"
#include "task/judge_chat.h"
#include "task/text_steps.h"
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static const char request[] =
    "You are given the reasoning of a language model, cut into numbered steps. Find the steps at which the reasoning turns. "
    "There are three "
    "kinds:\n"
    "- backtrack: an earlier statement is taken back and corrected (\"Wait, that is wrong\", \"Actually, ...\").\n"
    "- realization: a new insight changes the direction (\"Oh, ...\", \"I see now\").\n"
    "- reconsideration: earlier reasoning is put in question, whether or not it is kept (\"Hmm\", \"But wait\", \"let me check "
    "that again\").\n"
    "Be strict: ordinary progress, a next case or a plain restatement is no turn, and most steps are none. Name a step once for "
    "each kind that "
    "it shows, as a rule one.\n"
    "Reply with JSON and nothing else: {\"inflections\": [{\"step\": 3, \"type\": \"backtrack\", \"description\": \"a few "
    "words\"}]}, with an "
    "empty list where there is no turn.";

static size_t step_begin(const struct inflection_steps *s, int i) {
    return text_step_start(s->text, i ? s->ends[i - 1] : 0, s->ends[i]);
}

int inflection_messages(const struct inflection_steps *s, json_t **messages, struct err *e) {
    struct str user = {0};
    for (int i = 0; i < s->steps; i++) {
        size_t from = step_begin(s, i), to = s->ends[i];
        while (to > from && strchr(" \t\r\n", s->text[to - 1]) && s->text[to - 1]) to--;
        str_printf(&user, "%sStep %d: ", i ? "\n\n" : "", i + 1);
        judge_put_some(&user, s->text + from, to - from, INFLECTION_STEP_CHARS);
    }
    return judge_messages(request, &user, messages, e);
}

static int kind_of(const char *name) {
    for (int k = 0; name && k < INFLECTION_KINDS; k++)
        if (!strcasecmp(name, inflection_name((enum inflection_kind)k))) return k;
    return -1;
}

/* The step of an entry, from 0; -1: none that there is. A number may come as text. */
static int step_of(const json_t *v, int steps) {
    json_int_t i = 0;
    const char *z = json_string_value(v);
    if (json_is_integer(v)) i = json_integer_value(v);
    if (z && strspn(z, "0123456789") == strlen(z) && strlen(z) < 10) i = atoi(z);
    return i >= 1 && i <= steps ? (int)i - 1 : -1;
}

static int in_order(const void *a, const void *b) {
    const struct inflection *x = a, *y = b;
    if (x->at != y->at) return x->at < y->at ? -1 : 1;
    return (int)x->kind - (int)y->kind;
}

static int entries(const json_t *list, const struct inflection_steps *s, struct inflection *out) {
    size_t i;
    const json_t *v;
    int n = 0;
    json_array_foreach(list, i, v) {
        int step = step_of(json_object_get(v, "step"), s->steps), kind = kind_of(json_string_value(json_object_get(v, "type")));
        if (step >= 0 && kind >= 0) out[n++] = (struct inflection){step_begin(s, step), (enum inflection_kind)kind};
    }
    qsort(out, (size_t)n, sizeof *out, in_order);
    return n;
}

int inflection_reply(const char *reply, const struct inflection_steps *s, struct inflection *out, int cap, struct err *e) {
    json_t *v = judge_json(reply);
    const json_t *list = json_is_array(v) ? v : json_object_get(v, "inflections");
    struct inflection *all = json_is_array(list) ? calloc(json_array_size(list) + 1, sizeof *all) : NULL;
    int n = 0, found = 0, have = json_is_array(list);
    if (all) found = entries(list, s, all);
    for (int i = 0; i < found && n < cap; i++)
        if (!i || in_order(&all[i - 1], &all[i])) out[n++] = all[i];
    json_decref(v);
    if (!have) return fail(e, ERR_FORMAT, "expected JSON with a list of inflections in a judge's reply, found none");
    if (!all) return fail(e, ERR_NOMEM, "no memory for a judge's inflections");
    free(all);
    return n;
}
