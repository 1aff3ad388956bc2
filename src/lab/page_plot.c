/* Plots: a closed set of charts, each a row of a table that says which channels it draws, of which type, and which it cannot do without.
 * A chart of another kind is a row here and a module in web/. */
#include "lab/page_int.h"
#include <math.h>
#include <string.h>

#define CHANNEL_MAP(XX) XX(x) XX(y) XX(value) XX(series) XX(facet) XX(size) XX(label) XX(mark)
enum channel {
#define XX(name) CH_##name,
    CHANNEL_MAP(XX)
#undef XX
        N_CHANNELS
};
static const char *const channel_names[] = {
#define XX(name) #name,
    CHANNEL_MAP(XX)
#undef XX
};

static const char *channel_of(const struct page_plot *p, enum channel c) {
    const char *const names[] = {
#define XX(name) p->name,
        CHANNEL_MAP(XX)
#undef XX
    };
    return names[c];
}

/* What a channel of a chart takes. */
enum wants { NONE, TEXT, NUMBER, SHARE, ANY, WANTS = 7, MUST = 8 };

struct chart {
    const char *name;
    unsigned char wants[N_CHANNELS];
    int rule; /* a constant may be drawn */
};
static const struct chart charts[] = {
    [PAGE_LINE] = {"line", {[CH_x] = MUST | NUMBER, [CH_y] = MUST | NUMBER, [CH_series] = TEXT, [CH_facet] = TEXT}, 1},
    [PAGE_DOT] = {"dot", {[CH_y] = MUST | TEXT, [CH_x] = MUST | NUMBER, [CH_series] = TEXT, [CH_facet] = TEXT}, 1},
    [PAGE_BAR] = {"bar", {[CH_y] = MUST | TEXT, [CH_x] = MUST | NUMBER, [CH_series] = TEXT, [CH_facet] = TEXT}, 1},
    [PAGE_HEATMAP] = {"heatmap", {[CH_x] = MUST | ANY, [CH_y] = MUST | ANY, [CH_value] = MUST | NUMBER, [CH_facet] = TEXT}, 0},
    [PAGE_SCATTER] = {"scatter",
                      {[CH_x] = MUST | NUMBER,
                       [CH_y] = MUST | NUMBER,
                       [CH_series] = TEXT,
                       [CH_facet] = TEXT,
                       [CH_size] = NUMBER,
                       [CH_label] = TEXT},
                      1},
    [PAGE_RELIABILITY] =
        {"reliability",
         {[CH_x] = MUST | SHARE, [CH_y] = MUST | SHARE, [CH_series] = TEXT, [CH_facet] = TEXT, [CH_size] = NUMBER},
         0},
    [PAGE_TOKENS] = {"tokens",
                     {[CH_label] = MUST | TEXT, [CH_value] = MUST | SHARE, [CH_series] = MUST | TEXT, [CH_mark] = TEXT},
                     0},
};

static int type_fits(unsigned wants, enum page_type type) {
    switch (wants & WANTS) {
    case TEXT: return type == PAGE_TEXT;
    case NUMBER: return type != PAGE_TEXT;
    case SHARE: return type == PAGE_SHARE;
    default: return 1;
    }
}

static int check_channel(const struct page_plot *p, enum channel c, struct err *e) {
    static const char *const words[] = {[TEXT] = "text", [NUMBER] = "numbers", [SHARE] = "shares", [ANY] = "text or numbers"};
    const struct chart *chart = &charts[p->chart];
    const char *name = channel_of(p, c), *channel = channel_names[c];
    unsigned wants = chart->wants[c];
    if (!name) return wants & MUST ? fail(e, ERR_ARG, "%s: a %s chart needs %s", p->title, chart->name, channel) : 0;
    if (wants == NONE) return fail(e, ERR_ARG, "%s: a %s chart has no %s", p->title, chart->name, channel);
    int i = page_column_find(&p->data, name);
    if (i < 0) return fail(e, ERR_ARG, "%s: expected a column \"%s\" for %s, found none of that name", p->title, name, channel);
    if (!type_fits(wants, p->data.columns[i].type)) {
        return fail(e, ERR_ARG, "%s: expected %s for %s of a %s chart, column \"%s\" is something else", p->title,
                    words[wants & WANTS], channel, chart->name, name);
    }
    return 0;
}

int page_plot_check(const struct page_plot *p, struct err *e) {
    if (!p->title || !*p->title) return fail(e, ERR_ARG, "expected a title of the plot, found none");
    if ((size_t)p->chart >= sizeof charts / sizeof *charts)
        return fail(e, ERR_ARG, "%s: no chart has the number %d", p->title, (int)p->chart);
    TRY(page_data_check(&p->data, p->title, e));
    for (int c = 0; c < N_CHANNELS; c++) TRY(check_channel(p, (enum channel)c, e));
    if (p->rule.label && !charts[p->chart].rule)
        return fail(e, ERR_ARG, "%s: a %s chart has no rule", p->title, charts[p->chart].name);
    if (p->rule.label && !isfinite(p->rule.at))
        return fail(e, ERR_ARG, "%s: expected a rule at a number, found %g", p->title, p->rule.at);
    return 0;
}

json_t *page_plot_json(const struct page_plot *p) {
    json_t *j = page_data_json(&p->data);
    json_t *channels = json_object();
    int rc = j && channels ? json_object_set_new(j, "chart", json_string(charts[p->chart].name)) : -1;
    for (int c = 0; rc >= 0 && c < N_CHANNELS; c++) {
        const char *name = channel_of(p, (enum channel)c);
        if (name) rc = json_object_set_new(channels, channel_names[c], json_string(name));
    }
    if (rc >= 0 && p->rule.label) {
        rc = json_object_set_new(
            j, "rule", json_pack("{s:f, s:o}", "at", p->rule.at, "label", page_string(p->rule.label, strlen(p->rule.label))));
    }
    if (rc >= 0) rc = json_object_set(j, "channels", channels);
    json_decref(channels);
    if (rc >= 0) return j;
    json_decref(j);
    return NULL;
}
