/* The chances behind what a planted member says: the rules of council.h with every draw taken all ways, where council_speak.c takes it one way.
 * The two are held against each other by a test: what is drawn has these frequencies. */
#include "study/council.h"
#include "study/scene.h"
#include <string.h>

struct ways {
    struct council_chances *out;
    const struct council_fact *f;
    const double *rate;
    int noted;
};

/* A statement with the belief b after having heard g (-1: nothing), which comes about with the chance p. */
static void say(const struct ways *w, int b, int g, double p) {
    double(*said)[COUNCIL_MAX_VALUES] = w->out->said;
    int others = 0;
    if (g >= 0 && g != b) said[LINE_AGREE][g] += p * w->rate[RATE_CONFORM], p *= 1 - w->rate[RATE_CONFORM];
    enum council_line own = g < 0 ? LINE_SAY : g == b ? LINE_AGREE : LINE_DIFFER, other = g < 0 ? LINE_SAY : LINE_DIFFER;
    said[own][b] += p * (1 - w->rate[RATE_MISREPORT]);
    for (int i = 0; i < w->f->n; i++) others += w->f->option[i] != b && w->f->option[i] != g;
    for (int i = 0; i < w->f->n; i++)
        if (w->f->option[i] != b && w->f->option[i] != g) said[other][w->f->option[i]] += p * w->rate[RATE_MISREPORT] / others;
}

static void note(const struct ways *w, int b, int g, double p) {
    w->out->note[b] += p;
    if (b == w->noted) say(w, b, g, p);
}

static void heard(const struct ways *w, int b, int g, int turn, double p) {
    double persuaded = turn > 1 && g >= 0 && g != b ? w->rate[RATE_PERSUADED] : 0;
    if (persuaded > 0) note(w, g, g, p * persuaded);
    note(w, b, g, p * (1 - persuaded));
}

int council_chances(struct council_chances *out, const struct council_rates *r, const struct scene *s, int agent, int noted,
                    struct err *e) {
    const struct ways w = {.out = out,
                           .f = scene_fact(s),
                           .rate = r->of[scene_cell(s)->language][council_prefix(scene_seats(s)[agent].prefixes)],
                           .noted = noted};
    struct council_view view;
    int b, turn = scene_turn(s);
    memset(out, 0, sizeof *out);
    TRY(council_view(&view, s, turn, agent, e));
    TRY(council_belief(&b, s, turn, agent, e));
    if (!view.n) heard(&w, b, -1, turn, 1);
    for (int i = 0; i < view.n; i++) heard(&w, b, view.top[i], turn, 1.0 / view.n);
    for (int l = 0; l < COUNCIL_LINES && out->note[noted] > 0; l++)
        for (int v = 0; v < COUNCIL_MAX_VALUES; v++) out->said[l][v] /= out->note[noted];
    return 0;
}
