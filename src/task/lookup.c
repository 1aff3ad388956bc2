/* Lists to look things up in: one to four options as a question has them, then each of them named with its letter, in random order.
 *
 * Finding the letter of a known value is a skill of its own (attend to the same word in the list, read the letter before it) that
 * a question asks for once, at its end; a model that has not got it stays at chance however well it knows the facts. Here it is asked
 * several times in a short document, and of a list of one or two as often as of a long one, so that there is something easier to learn first. No
 * question and no fact stands here. */
#include "task/gym_int.h"
#include <inttypes.h>

enum { NUMBERS = 100, FORMS = 2, FORM_SO = 1 };

/* Whether the list holds numbers (chain) or values of one relation. */
static int is_numbers(const struct gym_spec *s) { return s->family == &family_chain; }

static void say_option(struct str *out, const struct gym_spec *s, int relation, int v) {
    if (is_numbers(s))
        str_printf(out, "%d", v);
    else
        str_puts(out, world_value(relation, v));
}

int gym_lookup(const struct gym_spec *s, int64_t index, struct str *out, struct err *e) {
    TRY(gym_check(s, e));
    if (index < 0) return fail(e, ERR_RANGE, "expected a list from 0 on, found %" PRId64, index);
    struct rng r = gym_stream(s, index, 3);
    int v[NUMBERS], order[GYM_CHOICES] = {0, 1, 2, 3}, n = is_numbers(s) ? NUMBERS : WORLD_VALUES;
    int relation = (int)rng_below(&r, WORLD_RELATIONS), form = (int)rng_below(&r, FORMS),
        options = 1 + (int)rng_below(&r, GYM_CHOICES);
    for (int i = 0; i < n; i++) v[i] = i;
    rng_shuffle(&r, v, (size_t)n, sizeof *v);
    for (int i = 0; i < options; i++) {
        str_printf(out, "\n%c) ", 'A' + i);
        say_option(out, s, relation, v[i]);
    }
    str_puts(out, "\n");
    rng_shuffle(&r, order, (size_t)options, sizeof *order);
    for (int i = 0; i < options; i++) {
        static const char *const between[FORMS] = {": ", ". So "};
        str_puts(out, i ? " " : "");
        say_option(out, s, relation, v[order[i]]);
        str_printf(out, "%s%c", between[form], 'A' + order[i]);
        if (form == FORM_SO) {
            str_puts(out, ") ");
            say_option(out, s, relation, v[order[i]]);
        }
        str_puts(out, ".");
    }
    return out->failed ? fail(e, ERR_NOMEM, "no memory for list %" PRId64, index) : 0;
}
