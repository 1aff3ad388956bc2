/* One agent-turn as counts: acts, graphemes, words, tokens, and hits of the three dictionaries with what leaving each form out would change. */
#include "study/metric_int.h"
#include <jansson.h>
#include <string.h>

int lexicon_make(struct lexicon *x, const struct language *l, struct err *e) {
    x->l = l;
    for (int i = 0; i < METRIC_DICTIONARIES; i++)
        TRY(dictionary_build(&x->d[i], l, language_dictionary(l, metric_dictionary_name(i)), e));
    for (int i = 0; i <= METRIC_DICTIONARIES; i++) x->first[i] = forms_before(l, i);
    return 0;
}

/* ---- an act ---- */

static void count_forms(struct tallies *t, const struct hits *h, int dictionary, int aloud) {
    const struct lexicon *x = t->x;
    for (int f = x->first[dictionary]; f < x->first[dictionary + 1]; f++) {
        int k = f - x->first[dictionary];
        t->form[f].hits += (int32_t)h->per_form[k];
        if (dictionary != METRIC_CONFORMITY)
            t->form[f].without += (int32_t)t->by->without[f];
        else if (aloud)
            t->by->still[f] |= (ptrdiff_t)h->n + t->by->without[f] > 0;
    }
}

static int count_hits(struct tallies *t, const struct prepared *p, int aloud, struct err *e) {
    struct counts *c = t->c;
    for (int i = 0; i < METRIC_DICTIONARIES; i++) {
        struct hits h;
        TRY(t->form ? dictionary_match_without(t->x->d[i], p, &h, t->by->without + t->x->first[i], e)
                    : dictionary_match(t->x->d[i], p, &h, e));
        c->hits[i] += (int64_t)h.n;
        for (int k = 0; k < LANGUAGE_MAX_KINDS; k++) c->kinds[i][k] += (int64_t)h.per_kind[k];
        if (i == METRIC_CONFORMITY && aloud) t->conformed |= h.n > 0;
        if (h.n && t->form) count_forms(t, &h, i, aloud);
        hits_free(&h);
    }
    return 0;
}

static int channel_of(const char *name) {
    int c = 0;
    while (name && c < CHANNELS && strcmp(channel_name((enum channel)c), name) != 0) c++;
    return name && c < CHANNELS ? c : -1;
}

static int count_tokens(struct tallies *t, int channel, const json_t *text, struct err *e) {
    t->by->ids.n = 0;
    TRY(tokenizer_encode(t->words_of, json_string_value(text), json_string_length(text), 0, &t->by->ids, e));
    t->c->tokens[channel] += (int64_t)t->by->ids.n;
    return 0;
}

static int count_act(struct tallies *t, const json_t *act, struct err *e) {
    int channel = channel_of(json_string_value(json_object_get(act, "channel")));
    const json_t *text = json_object_get(act, "text");
    struct counts *c = t->c;
    struct prepared p;
    if (channel < 0 || !json_is_string(text)) return fail(e, ERR_FORMAT, "expected an act with channel and text, found another");
    TRY(text_prepare(&p, t->x->l, json_string_value(text), json_string_length(text), e));
    c->acts[channel]++;
    c->graphemes[channel] += (int64_t)p.b.graphemes;
    c->words[channel] += (int64_t)p.b.words;
    int rc = t->words_of ? count_tokens(t, channel, text, e) : 0;
    t->aloud |= channel == CHANNEL_TALK;
    if (rc >= 0) rc = count_hits(t, &p, channel == CHANNEL_TALK, e);
    prepared_free(&p);
    return rc;
}

/* ---- an agent-turn ---- */

int count_turn(struct tallies *t, const json_t *fact, struct err *e) {
    const char *status = json_string_value(json_object_get(fact, "status"));
    const json_t *acts = json_object_get(fact, "acts");
    const int *first = t->x->first;
    int s = 0;
    while (status && s < TURN_STATUSES && strcmp(turn_status_name((enum turn_status)s), status) != 0) s++;
    if (!status || s == TURN_STATUSES) return fail(e, ERR_FORMAT, "expected an agent-turn with a known status, found another");
    t->c->turns[s]++;
    t->c->asked_again += json_integer_value(json_object_get(fact, "asks")) > 1;
    memset(t->by->still, 0, (size_t)first[METRIC_DICTIONARIES]);
    for (size_t i = 0; i < json_array_size(acts); i++) TRY(count_act(t, json_array_get(acts, i), e));
    t->c->aloud += t->aloud;
    t->c->conformed += t->conformed;
    for (int f = first[METRIC_CONFORMITY]; t->form && t->conformed && f < first[METRIC_CONFORMITY + 1]; f++)
        t->form[f].without -= !t->by->still[f];
    return 0;
}
