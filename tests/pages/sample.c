/* page_sample OUT.html [rtl|study]: a page that holds everything a page can hold: text in three scripts, facts, a long table, every chart, and
 * strings that would break a page that trusted them. Its numbers are made up by a formula and mean nothing. */
#include "sample.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

double wobble(unsigned i) { return (double)((i * 2654435761u) >> 16 & 0x3FF) / 511.5 - 1; }

json_t *made_up(double value, double half) {
    value = fmin(1, fmax(0, value));
    return page_interval(value, fmax(0, value - half), fmin(1, value + half));
}

/* ---- texts ---- */

static const char HOSTILE[] =
    "</script><script>document.title='broken'</script><!-- <img src=x onerror=alert(1)> & \"quoted\" \xE2\x80\xA8 \xFF\xC3";
static const char ARABIC[] =
    "\xD9\x83\xD8\xA7\xD9\x86 \xD8\xA7\xD9\x84\xD9\x86\xD9\x85\xD9\x88\xD8\xB0\xD8\xAC \xD9\x88\xD8\xA7\xD8\xAB\xD9\x82\xD8\xA7 "
    "\xD9\x85\xD9\x86 \xD8\xA7\xD9\x84\xD8\xA5\xD8\xAC\xD8\xA7\xD8\xA8\xD8\xA9 B \xD9\x82\xD8\xA8\xD9\x84 "
    "\xD9\x86\xD8\xB5\xD9\x81 \xD8\xA7\xD9\x84\xD9\x86\xD8\xB5.";

static int texts(struct page *p, struct err *e) {
    static const struct page_fact facts[] = {
        {"model", "made-up-4M.gguf"},   {"questions", "528 of 5,280 (held out)"},     {"seed", "42"},
        {"intervals", "95 %, made up"}, {"probe", "attention probe, layer 17 of 28"},
    };
    TRY(page_section(p, "What this is", "what", e));
    TRY(page_text(
        p,
        "Every number on this page is made up by a formula. It shows what a report can hold, and is what the tests of report "
        "pages open in a browser.\n\nA second paragraph, after an empty line: 3 < 5 & \"quotes\" are text.",
        e));
    TRY(page_facts(p, facts, sizeof facts / sizeof *facts, e));
    TRY(page_section(p, "Texts of any origin", "texts", e));
    TRY(page_text(p, ARABIC, e));
    TRY(page_quote(p, "What a model may say", HOSTILE, sizeof HOSTILE - 1, e));
    return page_quote(p, "And in Arabic", ARABIC, sizeof ARABIC - 1, e);
}

/* ---- a table longer than what is shown at first ---- */

static json_t *table_rows(void) {
    static const char *const families[] = {"recall", "arith", "multihop", "countdown"};
    json_t *rows = json_array();
    for (unsigned i = 0; i < 240; i++) {
        char name[40];
        snprintf(name, sizeof name, "question %u", i);
        json_t *last = i == 7 ? page_string(HOSTILE, sizeof HOSTILE - 1) : page_string(i % 3 ? "B" : ARABIC, i % 3 ? 1 : 24);
        json_array_append_new(rows, json_pack("[o,s,o,o,o]", page_string(name, strlen(name)), families[i % 4],
                                              made_up(0.5 + 0.4 * wobble(i), 0.05 + 0.04 * wobble(i + 500)),
                                              i % 11 == 5 ? json_null() : page_number(floor(400 + 300 * wobble(i + 9))), last));
    }
    return rows;
}

static int table(struct page *p, struct err *e) {
    static const struct page_column columns[] = {
        {.name = "question", .label = "Question"},
        {.name = "family", .label = "Family"},
        {.name = "accuracy", .label = "Accuracy", .type = PAGE_SHARE, .interval = 1, .note = "95 %, made up"},
        {.name = "tokens", .label = "Length", .type = PAGE_NUMBER, .unit = "tokens"},
        {.name = "answer", .label = "Answer"},
    };
    json_t *rows = table_rows();
    struct page_data data = {columns, sizeof columns / sizeof *columns, rows};
    int rc = page_section(p, "A table", "table", e);
    if (rc >= 0)
        rc = page_table(p, "Questions and answers", "Sorted and filtered by the reader; missing lengths come last.", &data, e);
    json_decref(rows);
    return rc;
}

static int write_sample(const char *path, int rtl, struct err *e) {
    struct page_head head = {.title = rtl ? ARABIC : "A sample report",
                             .subtitle = "What a page of candor can hold, with made-up numbers",
                             .lang = rtl ? "ar" : "en",
                             .rtl = rtl};
    struct page *p;
    TRY(page_new(&p, &head, e));
    int rc = texts(p, e);
    if (rc >= 0) rc = table(p, e);
    if (rc >= 0) rc = sample_plots(p, e);
    if (rc >= 0) rc = page_write(p, path, e);
    page_free(p);
    return rc;
}

int main(int argc, char **argv) {
    struct err e = ERR_INIT;
    if (argc < 2) {
        fprintf(stderr, "usage: page_sample OUT.html [rtl|study]\n");
        return 2;
    }
    if (!page_available()) {
        fprintf(stderr, "this build has no report pages\n");
        return 77;
    }
    const char *kind = argc > 2 ? argv[2] : "";
    if ((strcmp(kind, "study") ? write_sample(argv[1], !strcmp(kind, "rtl"), &e) : sample_study(argv[1], &e)) < 0) {
        fprintf(stderr, "page_sample: %s %s\n", e.where, e.msg);
        return 1;
    }
    return 0;
}
