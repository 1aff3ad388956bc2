/* See council_table.h: a row for each language and prefix, measures side by side. */
#include "cli/council_table.h"
#include <jansson.h>
#include <stdio.h>

static const char *const measures[] = {"persuaded", "conform", "misreport", "note", "line"};
enum { MEASURES = sizeof measures / sizeof *measures, WITH_PLANTED = 3 };

static double number(const json_t *o, const char *key) { return json_number_value(json_object_get(o, key)); }
static int whole(const json_t *o, const char *key) { return (int)json_integer_value(json_object_get(o, key)); }

static void print_form(const json_t *f) {
    printf("well formed %.2f %% of %d replies (both tags, note first %.2f %%, one option in each %.2f %%, known sentences %.2f "
           "%%)\n",
           100 * number(f, "all"), whole(f, "replies"), 100 * number(f, "tags"), 100 * number(f, "values"),
           100 * number(f, "lines"));
}

static void print_cell(const json_t *m, int planted) {
    if (!whole(m, "events"))
        printf(planted ? "   %6d     -                       " : " %6d     -", 0);
    else if (planted)
        printf("   %6d %.3f [%.3f, %.3f] %.3f", whole(m, "events"), number(m, "rate"), number(m, "low"), number(m, "high"),
               number(m, "planted"));
    else
        printf(" %6d %.3f", whole(m, "events"), number(m, "rate"));
}

/* A prefix that nobody carried is no row. */
static int any_events(const json_t *of) {
    int n = 0;
    for (int i = 0; i < MEASURES; i++) n += whole(json_object_get(of, measures[i]), "events");
    return n > 0;
}

static void print_rows(const char *name, const json_t *prefixes) {
    const char *prefix;
    json_t *of;
    json_object_foreach((json_t *)prefixes, prefix, of) {
        if (!any_events(of)) continue;
        printf("%-5s %-13s", name, prefix);
        for (int i = 0; i < MEASURES; i++) print_cell(json_object_get(of, measures[i]), i < WITH_PLANTED);
        putchar('\n');
    }
}

static void print_head(void) {
    printf("\n%-5s %-13s", "", "prefix");
    for (int i = 0; i < WITH_PLANTED; i++) printf("   %-34s", measures[i]);
    printf("   %-10s   %-10s\n%-19s", measures[3], measures[4], "");
    for (int i = 0; i < WITH_PLANTED; i++) printf("   %6s %5s %-14s %5s", "events", "rate", "95 % interval", "rules");
    printf(" %6s %5s %6s %5s\n", "events", "rate", "events", "rate");
}

static void print_spread(const json_t *spread) {
    const char *measure;
    json_t *of;
    putchar('\n');
    json_object_foreach((json_t *)spread, measure, of) {
        if (json_is_null(of)) continue;
        printf("%-9s of single languages and prefixes: %d of %d within 0.05 of the rules; gaps beyond chance: sd %.3f\n", measure,
               whole(of, "near"), whole(of, "cells"), number(of, "sd"));
    }
}

void print_council_check(const json_t *j) {
    const json_t *gap = json_object_get(j, "largest_gap");
    const char *code;
    json_t *l;
    printf("%s%s: answered by %s, %d of %d runs\n", json_is_true(json_object_get(j, "planted")) ? "PLANTED " : "",
           json_string_value(json_object_get(j, "study")), json_string_value(json_object_get(j, "backend")), whole(j, "runs"),
           whole(j, "planned"));
    print_form(json_object_get(j, "form"));
    print_head();
    print_rows("all", json_object_get(j, "pooled"));
    json_object_foreach(json_object_get(j, "languages"), code, l) print_rows(code, json_object_get(l, "prefixes"));
    print_spread(json_object_get(j, "spread"));
    if (json_is_null(gap))
        printf("no rate has 100 events or more\n");
    else
        printf("largest gap to the rules, of the %d rates with 100 events or more: %.4f (%s, %s, %s, %d events)\n",
               whole(gap, "cells"), number(gap, "gap"), json_string_value(json_object_get(gap, "language")),
               json_string_value(json_object_get(gap, "prefix")), json_string_value(json_object_get(gap, "measure")),
               whole(gap, "events"));
}
