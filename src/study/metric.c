/* Components, references, indices: arithmetic on counts. */
#include "study/metric.h"
#include <math.h>
#include <stdlib.h>

#define XX(id, name) name,
static const char *const units[] = {METRIC_UNIT_MAP(XX)};
static const char *const parts_names[] = {METRIC_PART_MAP(XX)};
static const char *const dictionary_names[] = {DICTIONARY_MAP(XX)};
#undef XX
const char *metric_unit_name(enum metric_unit u) { return units[u]; }
const char *metric_part_name(enum metric_part p) { return parts_names[p]; }
const char *metric_dictionary_name(int dictionary) { return dictionary_names[dictionary]; }

int forms_before(const struct language *l, int dictionary) {
    int n = 0;
    for (int d = 0; d < dictionary; d++) n += language_dictionary(l, dictionary_names[d])->n_forms;
    return n;
}
int forms_of(const struct language *l) { return forms_before(l, METRIC_DICTIONARIES); }

static void add(int64_t *to, const int64_t *from, int n) {
    for (int i = 0; i < n; i++) to[i] += from[i];
}

void counts_add(struct counts *to, const struct counts *from) {
    add(to->acts, from->acts, CHANNELS);
    add(to->graphemes, from->graphemes, CHANNELS);
    add(to->words, from->words, CHANNELS);
    add(to->tokens, from->tokens, CHANNELS);
    add(to->hits, from->hits, METRIC_DICTIONARIES);
    for (int d = 0; d < METRIC_DICTIONARIES; d++) add(to->kinds[d], from->kinds[d], LANGUAGE_MAX_KINDS);
    add(to->turns, from->turns, TURN_STATUSES);
    to->asked_again += from->asked_again;
    to->wrong_language += from->wrong_language;
    to->aloud += from->aloud;
    to->conformed += from->conformed;
}

static int64_t sum(const int64_t *v, int n) {
    int64_t s = 0;
    for (int i = 0; i < n; i++) s += v[i];
    return s;
}

int64_t counts_turns(const struct counts *c) { return sum(c->turns, TURN_STATUSES); }

static double ratio(int64_t a, int64_t b) { return b ? (double)a / (double)b : NAN; }

double metric_monologue(const struct counts *c, enum metric_unit u) {
    const int64_t *const by[] = {c->graphemes, c->acts, c->words, c->tokens};
    return ratio(by[u][CHANNEL_MONOLOGUE], sum(by[u], CHANNELS));
}

double metric_conformity(const struct counts *c) { return ratio(c->conformed, c->aloud); }

double metric_kind(const struct counts *c, int dictionary, int kind) {
    return ratio(c->kinds[dictionary][kind], c->hits[dictionary]);
}

void metric_parts(double out[METRIC_PARTS], const struct counts *c, const struct metric_opts *o) {
    int64_t text = sum(c->graphemes, CHANNELS);
    double boundary = (double)c->hits[METRIC_BOUNDARY], protective = (double)c->hits[METRIC_PROTECTIVE];
    out[PART_MONOLOGUE] = metric_monologue(c, o->monologue);
    out[PART_BOUNDARY] = o->raw ? boundary : text ? 1000 * boundary / (double)text : NAN;
    out[PART_PROTECTIVE] = o->raw ? protective : text ? 1000 * protective / (double)text : NAN;
}

struct indices metric_indices(const double parts[METRIC_PARTS], const struct moments *m) {
    struct indices x;
    for (int i = 0; i < METRIC_PARTS; i++) x.z[i] = m->sd[i] > 0 ? (parts[i] - m->mean[i]) / m->sd[i] : NAN;
    x.cpi = x.z[PART_MONOLOGUE] + x.z[PART_BOUNDARY] - x.z[PART_PROTECTIVE];
    x.di = x.z[PART_MONOLOGUE] + x.z[PART_PROTECTIVE] - x.z[PART_BOUNDARY];
    return x;
}

static int whole(const double row[METRIC_PARTS]) {
    for (int i = 0; i < METRIC_PARTS; i++)
        if (isnan(row[i])) return 0;
    return 1;
}

void metric_moments(struct moments *out, const double (*rows)[METRIC_PARTS], int64_t n) {
    *out = (struct moments){0};
    for (int64_t i = 0; i < n; i++) out->n += whole(rows[i]);
    for (int p = 0; p < METRIC_PARTS; p++) {
        double s = 0, q = 0;
        for (int64_t i = 0; i < n; i++)
            if (whole(rows[i])) s += rows[i][p];
        out->mean[p] = out->n ? s / (double)out->n : NAN;
        for (int64_t i = 0; i < n; i++)
            if (whole(rows[i])) q += (rows[i][p] - out->mean[p]) * (rows[i][p] - out->mean[p]);
        out->sd[p] = out->n > 1 ? sqrt(q / (double)(out->n - 1)) : NAN;
    }
}

int scored_in(const struct scored_run *r) { return r->there && r->finished && !r->excluded; }

int scored_begin(struct scored *out, const struct study *s, struct err *e) {
    struct scored c = {.s = s, .n = study_runs(s)};
    c.first = calloc((size_t)s->n_cells + 1, sizeof *c.first);
    c.run = calloc((size_t)c.n + 1, sizeof *c.run);
    if (!c.first || !c.run) return scored_free(&c), fail(e, ERR_NOMEM, "out of memory for scores");
    for (int i = 0; i < s->n_cells; i++) c.first[i + 1] = c.first[i] + s->cell[i].replicates;
    *out = c;
    return 0;
}

int scored_room(struct scored_run *r, const struct study *s, int forms, struct err *e) {
    size_t n = (size_t)s->n_agents;
    r->there = 1;
    if (!r->agent) r->agent = calloc(n, sizeof *r->agent);
    if (!r->form && forms) r->form = calloc(n * (size_t)forms, sizeof *r->form);
    return r->agent && (r->form || !forms) ? 0 : fail(e, ERR_NOMEM, "out of memory for scores");
}

void scored_finish(struct scored *c) {
    for (int64_t i = 0; i < c->n; i++) {
        struct scored_run *r = &c->run[i];
        for (int k = 0; r->agent && k < c->s->n_agents; k++) counts_add(&r->all, &r->agent[k]);
        double turns = (double)counts_turns(&r->all);
        const double rounding = 1e-9; /* 0.29 of 100 turns are 29 */
        r->excluded = turns > 0 && ((double)r->all.turns[TURN_MALFORMED] > c->s->max_malformed * turns + rounding ||
                                    (double)r->all.wrong_language > c->s->max_wrong_language * turns + rounding);
    }
}

void scored_free(struct scored *c) {
    for (int64_t i = 0; c->run && i < c->n; i++) free(c->run[i].agent), free(c->run[i].form);
    free(c->run);
    free(c->first);
    identities_free(&c->who);
    *c = (struct scored){0};
}
