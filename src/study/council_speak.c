/* The planted members of a council: their rates, read from the study file, and what they note and say by the rules of council.h. Each draw
 * of a turn has a stream of its own, named by what is drawn. */
#include "base/rng.h"
#include "study/council.h"
#include "study/prompt.h"
#include "study/scene.h"
#include "study/study_int.h"
#include <string.h>

#define XX(id, name) name,
static const char *const names[] = {COUNCIL_RATE_MAP(XX)};
#undef XX
const char *council_rate_name(enum council_rate r) { return names[r]; }

/* ---- rates ---- */

static int read_rates(double *out, const struct study *s, const struct yml_node *n, struct err *e) {
#define XX(id, name) name,
    static const char *const keys[] = {COUNCIL_RATE_MAP(XX) NULL};
#undef XX
    TRY(yml_keys(s->doc, n, n->key, keys, e));
    for (int i = 0; i < COUNCIL_RATES; i++) TRY(study_real(s->doc, yml_get(n, keys[i]), keys[i], 0, 1, &out[i], e));
    return 0;
}

int council_rates_read(struct council_rates *out, const struct study *s, struct err *e) {
    static const char *const keys[] = {"none", "alignment", "individuation", NULL};
    static const int at[] = {PREFIXES, PREFIX_ALIGNMENT, PREFIX_INDIVIDUATION};
    const struct yml_node *n = s->planted ? yml_get(s->planted, "council") : NULL;
    const char *codes[STUDY_MAX_LANGUAGES + 1] = {NULL};
    if (!n)
        return yml_fail(s->doc, s->planted ? s->planted : yml_root(s->doc), 0, ERR_FORMAT, e,
                        "expected planted: {council: …} with the rates of the members, found none");
    for (int l = 0; l < s->n_languages; l++) codes[l] = s->language[l]->code;
    TRY(yml_keys(s->doc, n, "council", codes, e));
    for (int l = 0; l < s->n_languages; l++) {
        const struct yml_node *of = yml_get(n, codes[l]);
        TRY(yml_keys(s->doc, of, codes[l], keys, e));
        for (int i = 0; i < 3; i++) TRY(read_rates(out->of[l][at[i]], s, yml_get(of, keys[i]), e));
        memcpy(out->of[l][PREFIX_PLACEBO], out->of[l][PREFIXES], sizeof out->of[l][PREFIXES]);
    }
    return 0;
}

void council_rates_set(struct council_rates *r, enum council_rate rate, double chance) {
    for (int l = 0; l < STUDY_MAX_LANGUAGES; l++)
        for (int p = 0; p <= PREFIXES; p++) r->of[l][p][rate] = chance;
}

/* ---- a turn ---- */

enum draw { DRAW_TIE, DRAW_PERSUADED, DRAW_CONFORM, DRAW_MISREPORT, DRAW_OTHER, DRAW_NOTE, DRAW_SAY };

struct speaker {
    const struct scene *s;
    const struct council_fact *f;
    const double *rate;
    int agent;
};

static struct rng stream(const struct speaker *x, enum draw d) {
    const struct study *s = scene_study(x->s);
    return RNG(s->key, STREAM_COUNCIL, scene_cell(x->s)->key, (uint64_t)scene_replicate(x->s), (uint64_t)scene_turn(x->s),
               (uint64_t)x->agent, (uint64_t)d);
}

static int happens(const struct speaker *x, enum draw d, enum council_rate r) {
    struct rng g = stream(x, d);
    return rng_uniform(&g) < x->rate[r];
}

static int pick(const struct speaker *x, enum draw d, int n) {
    struct rng g = stream(x, d);
    return (int)rng_below(&g, (uint64_t)n);
}

/* An option that is neither of the two (-1: nothing). */
static int another(const struct speaker *x, int but, int nor) {
    int left[COUNCIL_MAX_VALUES], n = 0;
    for (int i = 0; i < x->f->n; i++)
        if (x->f->option[i] != but && x->f->option[i] != nor) left[n++] = x->f->option[i];
    return left[pick(x, DRAW_OTHER, n)];
}

/* What it says aloud; g -1: it heard nothing. */
static int statement(const struct speaker *x, int b, int g, enum council_line *line) {
    *line = g < 0 ? LINE_SAY : LINE_AGREE;
    if (g >= 0 && g != b) {
        if (happens(x, DRAW_CONFORM, RATE_CONFORM)) return g;
        *line = LINE_DIFFER;
    }
    if (!happens(x, DRAW_MISREPORT, RATE_MISREPORT)) return b;
    if (g >= 0) *line = LINE_DIFFER;
    return another(x, b, g);
}

static int write_line(struct str *out, const struct speaker *x, enum channel c, enum council_line line, int value,
                      struct err *e) {
    const struct language *l = scene_language(x->s);
    const struct council_words *w = l->council;
    const char *form = w->line[line][pick(x, c == CHANNEL_TALK ? DRAW_SAY : DRAW_NOTE, w->n_forms[line])];
    str_printf(out, "%s[%s] ", out->len ? "\n" : "", l->tags[c]);
    return prompt_fill(out, form, &(struct prompt_value){"value", w->topics[x->f->topic].value[value]}, 1, e);
}

int council_speak(struct str *out, const struct council_rates *r, const struct scene *s, int agent, struct err *e) {
    struct speaker x = {.s = s,
                        .f = scene_fact(s),
                        .rate = r->of[scene_cell(s)->language][council_prefix(scene_seats(s)[agent].prefixes)],
                        .agent = agent};
    struct council_view view;
    enum council_line line;
    int b, turn = scene_turn(s);
    TRY(council_view(&view, s, turn, agent, e));
    TRY(council_belief(&b, s, turn, agent, e));
    int g = view.n ? view.top[view.n > 1 ? pick(&x, DRAW_TIE, view.n) : 0] : -1;
    if (turn > 1 && g >= 0 && g != b && happens(&x, DRAW_PERSUADED, RATE_PERSUADED)) b = g;
    int said = statement(&x, b, g, &line);
    TRY(write_line(out, &x, CHANNEL_MONOLOGUE, LINE_NOTE, b, e));
    return write_line(out, &x, CHANNEL_TALK, line, said, e);
}
