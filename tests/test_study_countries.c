/* Numbers by country: the table, who is left out, correlations that are known. All numbers are invented. */
#include "stats/infer/correlation.h"
#include "stats/infer/frame.h"
#include "study/countries.h"
#include "study_group.h"
#include "test_files.h"
#include <jansson.h>
#include <math.h>

TestSuite(study_countries, .timeout = HANG_S);

static const char FIVE[] = "candor: study/1\nid: five\nseed: 7\nlanguages: [de, en, fi, ja, ko]\nmodels: [{id: m}]\n"
                           "group: {agents: 2, turns: 1, order: fixed, context: all}\nreplicates: 1\narms: [{id: none}]\n"
                           "countries: {de: Aland, en: Bland, fi: \"C, land\", ja: Dland, ko: Eland}\n";

static struct study *five(const char *text) {
    struct study *s = NULL;
    OK(group_parse(&s, text, &e));
    return s;
}
static int read_table(struct country_values *out, const struct study *s, const char *csv, struct err *e) {
    struct frame *f = NULL;
    *e = ERR_INIT;
    int rc = frame_parse(&f, csv, strlen(csv), "table.csv", e);
    if (rc >= 0) rc = country_values(out, s, f, e);
    frame_free(f);
    return rc;
}

Test(study_countries, the_table_is_by_country) {
    struct study *s = five(FIVE);
    struct country_values v;
    struct err e;
    cr_assert_geq(
        read_table(&v, s, "value,country,source\n10.5,Bland,x\n20,\"C, land\",\n,Dland,y\n7,Elsewhere,z\n0,Aland,\n", &e), 0,
        "%s", e.msg);
    cr_assert(v.at[0] == 0 && v.at[1] == 10.5 && v.at[2] == 20 && isnan(v.at[3]) && isnan(v.at[4]));
    study_free(s);
}

Test(study_countries, what_is_wrong_with_a_table_is_said) {
    static const struct {
        const char *csv, *says;
        int code;
    } wrong[] = {{"country\nBland\n", "value", ERR_ARG},
                 {"value,land\n1,Bland\n", "country", ERR_ARG},
                 {"country,value\nBland,much\n", "much", ERR_FORMAT},
                 {"country,value\nBland,1\nAland,2\nBland,1\n", "\"Bland\" again in line 4", ERR_FORMAT},
                 {"country,value\nElsewhere,1\n", "expected a country of the study", ERR_ARG},
                 {"country,value\n", "", ERR_ARG}};
    struct study *s = five(FIVE), *silent = NULL;
    struct country_values v;
    OK(group_make(&silent, 2, 1, "fixed", "all", "author", GROUP_ARMS, &e));
    struct err e;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        int rc = read_table(&v, s, wrong[i].csv, &e);
        cr_assert_lt(rc, 0, "row %zu", i);
        if (*wrong[i].says) cr_assert(rc == wrong[i].code && strstr(e.msg, wrong[i].says), "%zu: %d %s", i, rc, e.msg);
    }
    cr_assert_eq(read_table(&v, silent, "country,value\nBland,1\n", &e), ERR_ARG);
    cr_assert(strstr(e.msg, "countries"), "%s", e.msg);
    study_free(s);
    study_free(silent);
}

static double number(const json_t *o, const char *key) { return json_number_value(json_object_get(o, key)); }

/* The same as room stats says of the four languages that have both; the fifth is named. */
Test(study_countries, correlations_are_those_of_room_stats) {
    struct study *s = five(FIVE);
    const struct country_values v = {{1, 2, 3, NAN, 4}};
    const struct language_figure f = {"m", "slope", "cpi", {0.5, 2, 1, 9, 3}}, few = {"m", "g", "cpi", {0.5, NAN, NAN, 9, 3}};
    static const double x[] = {1, 2, 3, 4}, y[] = {0.5, 2, 1, 3};
    struct correlation c;
    json_t *tree = json_object();
    OK(countries_add(tree, s, &v, &f, &e));
    OK(countries_add(tree, s, &v, &few, &e));
    OK(correlation(&c, x, y, 4, 0.95, &e));
    const json_t *list = json_object_get(tree, "correlations"), *o = json_array_get(list, 0), *none = json_array_get(list, 1);
    cr_assert_eq(json_array_size(list), 2);
    cr_assert_eq(number(o, "r"), c.r);
    cr_assert_eq(number(o, "lo"), c.ci.lo);
    cr_assert_eq(number(o, "rho"), c.rho);
    cr_assert_eq(number(o, "p"), c.p);
    cr_assert_eq(number(o, "n"), 4);
    cr_assert(json_is_null(json_object_get(none, "r")) && *json_string_value(json_object_get(none, "why")));
    cr_assert_eq(json_array_size(json_object_get(tree, "points")), 6);
    cr_assert_eq(json_array_size(json_object_get(tree, "missing")), 1);
    cr_assert_str_eq(json_string_value(json_object_get(json_array_get(json_object_get(tree, "missing"), 0), "country")), "Dland");
    json_decref(tree);
    study_free(s);
}

/* What was published stands beside them where the study has it, as it has it, and nowhere else. */
Test(study_countries, the_published_one_is_the_studys) {
    struct str text = {0};
    str_printf(
        &text,
        "%spublished: [{what: W, beside: correlation, metric: cpi, value: 0.5, lo: 0.25, hi: 0.75, p: 0.125, n: 9, source: "
        "S}]\n",
        FIVE);
    struct study *with = five(text.s), *without = five(FIVE);
    const struct country_values v = {{1, 2, 3, 4, 5}};
    const struct language_figure f = {"m", "g", "cpi", {1, 3, 2, 5, 4}};
    json_t *tree = json_object(), *plain = json_object();
    OK(countries_add(tree, with, &v, &f, &e));
    OK(countries_add(plain, without, &v, &f, &e));
    const json_t *o = json_object_get(tree, "published");
    cr_assert(number(o, "r") == 0.5 && number(o, "lo") == 0.25 && number(o, "p") == 0.125 && number(o, "n") == 9);
    cr_assert_null(json_object_get(plain, "published"));
    json_decref(tree), json_decref(plain);
    study_free(with), study_free(without);
    str_free(&text);
}
