/* Counting: runs are replayed from the facts of an archive, one at a time, and read when they are over. */
#include "study/council_check.h"
#include "study/revisit.h"
#include <jansson.h>
#include <string.h>

#define XX(id, name, rate) name,
static const char *const names[] = {COUNCIL_MEASURE_MAP(XX)};
#undef XX
#define XX(id, name, rate) rate,
static const int rate_of[] = {COUNCIL_MEASURE_MAP(XX)};
#undef XX
const char *council_measure_name(enum council_measure m) { return names[m]; }

/* ---- one agent-turn ---- */

struct counter {
    struct council_count *of; /* [measures] of the language and the prefix */
    const double *rate;
};

static void count(const struct counter *x, enum council_measure m, int happened) {
    x->of[m].n++;
    x->of[m].k += happened;
    x->of[m].expected += rate_of[m] < 0 ? 1 : x->rate[rate_of[m]];
}

static enum council_line line_of(int said, int g) { return g < 0 ? LINE_SAY : said == g ? LINE_AGREE : LINE_DIFFER; }

static int count_turn(const struct counter *x, const struct scene *sc, int turn, int agent, struct err *e) {
    struct council_note now, before = {.note = -1};
    struct council_view view;
    TRY(council_heard(&now, sc, turn, agent, e));
    TRY(council_view(&view, sc, turn, agent, e));
    if (turn > 1) TRY(council_heard(&before, sc, turn - 1, agent, e));
    int g = view.n == 1 ? view.top[0] : -1, b = now.note;
    if (turn == 1 && b >= 0) count(x, MEASURE_NOTE, b == scene_fact(sc)->hint[agent]);
    if (view.n > 1) return 0;
    if (g >= 0 && before.note >= 0 && before.note != g && b >= 0) count(x, MEASURE_PERSUADED, b == g);
    if (b < 0 || now.said < 0) return 0;
    if (g >= 0 && b != g) count(x, MEASURE_CONFORM, now.said == g);
    if (g < 0 || b == g || now.said != g) count(x, MEASURE_MISREPORT, now.said != b);
    if (now.said_form >= 0) count(x, MEASURE_LINE, now.said_form == (int)line_of(now.said, g));
    return 0;
}

int council_count_run(struct council_checked *io, const struct council_rates *r, const struct scene *sc, struct err *e) {
    const struct study *s = scene_study(sc);
    int l = scene_cell(sc)->language;
    for (int agent = 0; agent < s->n_agents; agent++) {
        int prefix = council_prefix(scene_seats(sc)[agent].prefixes);
        struct counter x = {.of = io->of[l][prefix], .rate = r->of[l][prefix]};
        for (int t = 1; t <= s->n_turns && scene_said(sc, t, agent); t++) TRY(count_turn(&x, sc, t, agent, e));
    }
    return 0;
}

/* ---- well formed ---- */

static int count_form(struct council_form *f, const struct scene *sc, int turn, int agent, int asks, struct err *e) {
    const struct reply *r = scene_said(sc, turn, agent);
    struct council_note n;
    TRY(council_heard(&n, sc, turn, agent, e));
    int tags = asks == 1 && r->n == 2 && !r->json && !r->stray && !r->replaced && !r->cut &&
               r->acts[0].channel == CHANNEL_MONOLOGUE && r->acts[1].channel == CHANNEL_TALK;
    int values = n.note >= 0 && n.said >= 0, lines = n.note_form >= 0 && n.said_form >= 0;
    f->n++, f->tags += tags, f->values += values, f->lines += lines, f->all += tags && values && lines;
    return 0;
}

/* ---- replay ---- */

static int said(void *ctx, const struct scene *sc, int turn, int agent, const json_t *fact, struct err *e) {
    return count_form(ctx, sc, turn, agent, (int)json_integer_value(json_object_get(fact, "asks")), e);
}

static int check_run(struct council_checked *io, const struct study *s, const struct council_rates *r, struct archive *a,
                     const struct cell *c, int replicate, struct err *e) {
    struct scene *sc;
    TRY(scene_open(&sc, s, c, replicate, e));
    int rc = revisit_run(sc, a, &(struct revisit){.said = said, .ctx = &io->form[c->language]}, e);
    if (rc >= 0) rc = council_count_run(io, r, sc, e);
    if (rc >= 0 && scene_over(sc)) io->runs++;
    scene_free(sc);
    return rc;
}

int council_check(struct council_checked *out, const struct study *s, const struct council_rates *r, struct archive *a,
                  struct err *e) {
    *out = (struct council_checked){0};
    if (!s->council.options) return fail(e, ERR_ARG, "expected a study with the key council, found %s, which has none", s->id);
    for (int i = 0; i < s->n_cells; i++)
        for (int k = 0; k < s->cell[i].replicates; k++) TRY(check_run(out, s, r, a, &s->cell[i], k, e));
    return 0;
}
