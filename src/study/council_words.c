/* What a council's words are once they are read: names, and values found in sentences. */
#include "study/council_words.h"
#include "study/yaml.h"
#include <stdlib.h>
#include <string.h>

const char *council_line_name(enum council_line l) {
#define XX(id, name) name,
    static const char *const names[] = {COUNCIL_LINE_MAP(XX)};
#undef XX
    return names[l];
}

void council_words_free(struct council_words *w) {
    if (!w) return;
    for (int i = 0; i < w->n_topics; i++)
        for (int k = 0; k < COUNCIL_MAX_VALUES; k++) folded_free(&w->topics[i].folded[k]);
    free(w->topics);
    yml_free(w->doc);
    free(w);
}

/* The value with which a form is this text; -1: none. */
static int value_of_form(const struct council_topic *t, const char *form, const char *text, size_t n) {
    const char *hole = strstr(form, "{value}"), *tail = hole + strlen("{value}");
    size_t head = (size_t)(hole - form), rest = strlen(tail);
    if (n < head + rest || memcmp(text, form, head) != 0 || memcmp(text + n - rest, tail, rest) != 0) return -1;
    for (int k = 0; k < t->n; k++)
        if (strlen(t->value[k]) == n - head - rest && !memcmp(text + head, t->value[k], n - head - rest)) return k;
    return -1;
}

static int by_form(struct council_said *out, const struct council_words *w, const struct council_topic *t, int note,
                   const char *text) {
    size_t n = strlen(text);
    for (int l = note ? LINE_NOTE : LINE_SAY; l < (note ? LINE_SAY : COUNCIL_LINES); l++)
        for (int i = 0; i < w->n_forms[l]; i++)
            if ((out->value = value_of_form(t, w->line[l][i], text, n)) >= 0) return out->line = l, 1;
    return 0;
}

/* The longest value at a place of the folded text; -1: none. */
static int value_at(const struct council_topic *t, const struct folded *f, size_t at) {
    int best = -1;
    for (int k = 0; k < t->n; k++) {
        const struct folded *v = &t->folded[k];
        if (v->n <= f->n - at && (best < 0 || v->n > t->folded[best].n) && !memcmp(f->code + at, v->code, v->n * sizeof *v->code))
            best = k;
    }
    return best;
}

int council_said(struct council_said *out, const struct language *l, int topic, int note, const char *text, struct err *e) {
    const struct council_topic *t = &l->council->topics[topic];
    struct folded f = {0};
    *out = (struct council_said){-1, -1};
    if (by_form(out, l->council, t, note, text)) return 0;
    TRY(fold_text(&f, &l->fold, text, strlen(text), e));
    for (size_t i = 0; i < f.n;) {
        int k = value_at(t, &f, i);
        if (k >= 0 && out->value >= 0 && k != out->value) {
            out->value = -1;
            break;
        }
        if (k >= 0) out->value = k;
        i += k >= 0 ? t->folded[k].n : 1;
    }
    folded_free(&f);
    return 0;
}
