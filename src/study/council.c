/* What a council looks for, and what can be read of a run of it: notes, statements, the view of the group. */
#include "study/council.h"
#include "base/hash.h"
#include "base/rng.h"
#include "study/scene.h"
#include <string.h>

/* ---- facts ---- */

int council_has(const struct council_fact *f, int value) {
    for (int i = 0; i < f->n; i++)
        if (f->option[i] == value) return 1;
    return 0;
}

/* By the topic's id and the set of options, so that neither their order nor other topics count. */
enum council_split council_split_of(const struct language *l, const struct council_fact *f) {
    uint64_t set = 0;
    for (int i = 0; i < f->n; i++) set |= 1ull << f->option[i];
    uint64_t h = hash_mix(hash_mix(hash_text(l->council->topics[f->topic].id) ^ set) + (uint64_t)f->truth) % 10;
    return h < 8 ? SPLIT_TRAIN : h < 9 ? SPLIT_VAL : SPLIT_TEST;
}

static void draw_core(const struct study *s, struct rng *g, struct council_fact *f) {
    const struct council_words *w = s->language[0]->council;
    int all[COUNCIL_MAX_VALUES];
    f->topic = (int)rng_below(g, (uint64_t)w->n_topics);
    for (int i = 0; i < w->topics[f->topic].n; i++) all[i] = i;
    rng_shuffle(g, all, w->topics[f->topic].n, sizeof *all);
    f->n = s->council.options;
    memcpy(f->option, all, (size_t)f->n * sizeof *all);
    f->truth = f->option[rng_below(g, (uint64_t)f->n)];
}

static int draw_hint(const struct study *s, const struct council_fact *f, int replicate, int agent) {
    struct rng g = RNG(s->key, STREAM_HINT, (uint64_t)replicate, (uint64_t)agent);
    if (rng_uniform(&g) < s->council.reliability) return f->truth;
    int i = (int)rng_below(&g, (uint64_t)f->n - 1), at = 0;
    while (f->option[at] != f->truth) at++;
    return f->option[i < at ? i : i + 1];
}

/* Drawn until it is of the split; a study of so few facts that none is keeps the last. */
void council_draw(const struct study *s, int replicate, struct council_fact *out) {
    enum { TRIES = 10000 };
    *out = (struct council_fact){0};
    if (!s->council.options) return;
    struct rng g = RNG(s->key, STREAM_FACT, (uint64_t)replicate);
    int tries = 0;
    do draw_core(s, &g, out);
    while (++tries < TRIES && council_split_of(s->language[0], out) != s->council.split);
    for (int i = 0; i < s->n_agents; i++) out->hint[i] = draw_hint(s, out, replicate, i);
}

/* ---- what was said ---- */

/* The only value that the acts of a channel name. */
static int read_channel(const struct scene *s, const struct reply *r, enum channel c, int *value, int *form, int *acts,
                        struct err *e) {
    const struct council_fact *f = scene_fact(s);
    *value = *form = -1, *acts = 0;
    for (int i = 0; r && i < r->n; i++) {
        struct council_said said;
        if (r->acts[i].channel != c) continue;
        TRY(council_said(&said, scene_language(s), f->topic, c == CHANNEL_MONOLOGUE, r->acts[i].text, e));
        if (said.value >= 0 && !council_has(f, said.value)) said = (struct council_said){-1, -1};
        if (!(*acts)++)
            *value = said.value, *form = said.line;
        else if (said.value != *value)
            *value = *form = -1;
    }
    return 0;
}

int council_heard(struct council_note *out, const struct scene *s, int turn, int agent, struct err *e) {
    const struct reply *r = scene_said(s, turn, agent);
    TRY(read_channel(s, r, CHANNEL_MONOLOGUE, &out->note, &out->note_form, &out->notes, e));
    return read_channel(s, r, CHANNEL_TALK, &out->said, &out->said_form, &out->says, e);
}

int council_view(struct council_view *out, const struct scene *s, int turn, int agent, struct err *e) {
    struct said_at heard[2 * STUDY_MAX_AGENTS];
    int n = scene_since(s, agent, turn, heard), count[COUNCIL_MAX_VALUES] = {0}, most = 0;
    *out = (struct council_view){0};
    for (int i = 0; i < n; i++) {
        int value, form, acts;
        TRY(read_channel(s, scene_said(s, heard[i].turn, heard[i].author), CHANNEL_TALK, &value, &form, &acts, e));
        if (value >= 0 && ++count[value] > most) most = count[value];
    }
    for (int v = 0; most && v < COUNCIL_MAX_VALUES; v++)
        if (count[v] == most) out->top[out->n++] = v;
    return 0;
}

int council_belief(int *out, const struct scene *s, int turn, int agent, struct err *e) {
    for (int t = turn - 1; t >= 1; t--) {
        int form, acts;
        TRY(read_channel(s, scene_said(s, t, agent), CHANNEL_MONOLOGUE, out, &form, &acts, e));
        if (*out >= 0) return 0;
    }
    *out = scene_fact(s)->hint[agent];
    return 0;
}

int council_prefix(unsigned prefixes) {
    int p = PREFIXES - 1;
    while (p >= 0 && !(prefixes >> p & 1)) p--;
    return p < 0 ? PREFIXES : p;
}

const char *council_prefix_name(int prefix) { return prefix == PREFIXES ? "none" : prefix_name((enum prefix_id)prefix); }
