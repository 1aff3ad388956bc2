/* Registrations of whole studies: what must be said, what is refused with its place, and that every deviation is named. */
#include "study/archive.h"
#include "study/claim.h"
#include "study/terms.h"
#include "study_group.h"
#include "test_files.h"
#include <jansson.h>

TestSuite(study_register, .timeout = HANG_S);

#define RULES "stop: all\ncountries: {en: United States, ja: Japan}\n"
#define H1    "{id: h1, metric: cpi, languages: [en], contrast: [all, none], direction: less}"
static const char GOOD[] =
    "replicates: 3\narms: [{id: none}, {id: all, alignment: \"100 %\"}, {id: some, individuation: 1}]\n" RULES
    "hypotheses:\n  - " H1 "\n  - {id: h2, metric: di, interaction: alignment, direction: greater}\n"
    "  - {id: h3, metric: di, agents: individuation, arms: [some], direction: greater}\n";

static struct study *group(const char *more) {
    struct study *s = NULL;
    OK(group_make(&s, 4, 2, "fixed", "all", "author", more, &e));
    return s;
}

static json_t *registered(const struct study *s) {
    json_t *r = NULL;
    char hex[DIGEST_HEX];
    OK(study_register(&r, s, "2026-03-05T00:00:00Z", NULL, NULL, &e));
    OK(registration_hash(r, hex, &e));
    json_object_set_new(r, "hash", json_string(hex));
    return r;
}

static int says(const json_t *list, const char *what) {
    for (size_t i = 0; i < json_array_size(list); i++)
        if (strstr(json_string_value(json_array_get(list, i)), what)) return 1;
    return 0;
}

Test(study_register, reads_hypotheses) {
    struct study *s = group(GOOD);
    cr_assert_eq(s->n_hypotheses, 3);
    cr_assert_eq(s->hypothesis[0].kind, KIND_CONTRAST);
    cr_assert_eq(s->hypothesis[0].test, BY_WELCH);
    cr_assert_eq(s->hypothesis[0].languages, 1);
    cr_assert_eq(s->hypothesis[1].test, BY_LMM);
    cr_assert_eq(s->hypothesis[2].arms, 4);
    cr_assert_eq(s->correction, CORRECT_HOLM);
    cr_assert_str_eq(s->country[1], "Japan");
    study_free(s);
}

/* Each with what the message says; every place is a line of the file. */
Test(study_register, refuses_with_place) {
    static const struct {
        const char *more, *says;
    } bad[] = {
        {"hypotheses: [{id: h, metric: cpi, direction: less}]\n", "expected one of contrast"},
        {"hypotheses: [{id: h, metric: cpi, direction: less, contrast: [all, nobody]}]\n", "\"nobody\""},
        {"hypotheses: [{id: h, metric: cpi, direction: less, contrast: [all, all]}]\n", "two different arms"},
        {"hypotheses: [{id: h, metric: cpi, direction: less, contrast: [all]}]\n", "two arms"},
        {"hypotheses: [{id: h, metric: mood, direction: less, contrast: [all, none]}]\n", "\"mood\""},
        {"hypotheses: [{id: h, metric: cpi, contrast: [all, none]}]\n", "direction"},
        {"hypotheses: [{id: h, metric: cpi, direction: less, contrast: [all, none], test: lmm}]\n", "welch or permutation"},
        {"hypotheses: [{id: h, metric: cpi, direction: less, slope: placebo}]\n", "different shares"},
        {"hypotheses: [{id: h, metric: cpi, direction: less, interaction: alignment, languages: [en]}]\n", "two languages"},
        {"hypotheses: [{id: h, metric: cpi, direction: less, agents: alignment, arms: [all]}]\n", "some not"},
        {"hypotheses: [{id: h, metric: cpi, direction: less, slope: alignment, alpha: 2}]\n", "alpha"},
        {"hypotheses: [{id: h, metric: cpi, direction: equivalent, contrast: [all, none]}]\n", "expected a margin"},
        {"hypotheses: [{id: h, metric: cpi, direction: less, contrast: [all, none], margin: 1}]\n", "nowhere else"},
        {"hypotheses: [{id: h, metric: cpi, direction: equivalent, contrast: [all, none], margin: 0}]\n", "margin"},
        {"hypotheses: [{id: h, metric: cpi, direction: equivalent, contrast: [all, none], margin: 1, test: permutation}]\n",
         "welch for equivalent"},
        {"hypotheses: [{id: h, metric: cpi, direction: equivalent, contrast: [all, none], margin: 1, alpha: 0.5}]\n",
         "below 0.5"},
        {"hypotheses: [" H1 ", " H1 "]\n", "\"h1\" again"},
        {"correction: bonferroni\n", "holm, hommel, bh"},
        {"countries: {fr: France}\n", "\"fr\""},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct study *s = NULL;
        struct err e;
        char more[1000];
        snprintf(more, sizeof more, "%s%s", GROUP_ARMS, bad[i].more);
        int rc = group_make(&s, 4, 2, "fixed", "all", "author", more, &e);
        cr_assert_lt(rc, 0, "%zu", i);
        cr_assert(strstr(e.msg, bad[i].says), "%zu: %s", i, e.msg);
        cr_assert(strstr(e.where, "group.yaml:"), "%zu: %s", i, e.where);
    }
}

/* What cannot be tested cannot be claimed: an index without thoughts, arms that never meet. */
Test(study_register, what_cannot_be_tested_is_refused) {
    struct study *s = NULL;
    struct err why = ERR_INIT;
    char more[900];
    snprintf(more, sizeof more, "%shypotheses: [" H1 "]\n", GROUP_ARMS);
    cr_assert_lt(group_make(&s, 4, 2, "fixed", "all", "none", more, &why), 0);
    cr_assert(strstr(why.msg, "without monologue"), "%s", why.msg);
    static const char *const apart[] = {"contrast: [all, none]", "slope: alignment", "interaction: alignment",
                                        "slope: alignment, languages: [ja]"};
    for (size_t i = 0; i < sizeof apart / sizeof *apart; i++) {
        snprintf(more, sizeof more,
                 "replicates: 3\narms: [{id: none}, {id: all, alignment: \"100 %%\", languages: [en]}]\n"
                 "hypotheses: [{id: h, metric: cpi, direction: different, %s}]\n",
                 apart[i]);
        cr_assert_lt(group_make(&s, 4, 2, "fixed", "all", "author", more, &why), 0, "%s", apart[i]);
        cr_assert(strstr(why.msg, "ja") || strstr(why.msg, "the same languages"), "%s: %s", apart[i], why.msg);
        cr_assert(strstr(why.where, "group.yaml:"), "%s", why.where);
    }
    snprintf(more, sizeof more,
             "replicates: 3\narms: [{id: none}, {id: all, alignment: \"100 %%\", languages: [en]}]\n"
             "hypotheses: [{id: h, metric: cpi, direction: different, slope: alignment, languages: [en]}]\n");
    OK(group_make(&s, 4, 2, "fixed", "all", "author", more, &e));
    study_free(s);
}

Test(study_register, incomplete_studies_are_not_registered) {
    static const char *const rules[] = {RULES, "hypotheses: [" H1 "]\ncountries: {en: A, ja: B}\n",
                                        "hypotheses: [" H1 "]\nstop: all\ncountries: {en: A}\n"};
    static const char *const want[] = {"hypotheses", "stop", "ja"};
    for (int i = 0; i < 3; i++) {
        char more[600];
        json_t *r;
        struct err why = ERR_INIT;
        snprintf(more, sizeof more, "%s%s", GROUP_ARMS, rules[i]);
        struct study *s = group(more);
        cr_assert_eq(study_register(&r, s, "t", NULL, NULL, &why), ERR_FORMAT);
        cr_assert(strstr(why.msg, want[i]), "%s", why.msg);
        study_free(s);
    }
}

Test(study_register, file_round_trip_and_tampering) {
    struct study *s = group(GOOD);
    json_t *r = registered(s), *back = NULL, *list = NULL;
    struct err why = ERR_INIT;
    OK(registration_write(r, tmp_path("r.json"), &e));
    OK(registration_read(&back, tmp_path("r.json"), &e));
    OK(study_deviations(&list, s, back, NULL, &e));
    cr_assert_eq(json_array_size(list), 0);
    json_object_set_new(json_object_get(json_object_get(back, "plan"), "hypotheses"), "h1", json_object());
    char *bytes = json_dumps(back, 0);
    json_t *again = NULL;
    cr_assert_eq(registration_parse(&again, bytes, strlen(bytes), &why), ERR_STATE);
    free(bytes);
    json_decref(list);
    json_decref(back);
    json_decref(r);
    study_free(s);
}

Test(study_register, deviations_are_named) {
    struct study *s = group(GOOD);
    json_t *r = registered(s), *list = NULL;
    struct str text = {0};
    for (const char *p = GOOD; *p; p++) { /* 3 replicates become 2, less becomes greater */
        if (!strncmp(p, "replicates: 3", 13))
            str_puts(&text, "replicates: 2"), p += 12;
        else if (!strncmp(p, "direction: less", 15))
            str_puts(&text, "direction: greater"), p += 14;
        else
            str_printf(&text, "%c", *p);
    }
    struct study *now = group(text.s);
    OK(study_deviations(&list, now, r, NULL, &e));
    cr_assert(says(list, "bytes of the study file changed"));
    cr_assert(says(list, "cells/en/m/all/replicates: registered 3, found 2"));
    cr_assert(says(list, "hypotheses/h1/direction: registered \"less\", found \"greater\""));
    cr_assert_not(says(list, "h2"));
    json_decref(list);
    json_object_set_new(json_object_get(r, "content"), "ja/prefix/alignment", json_string("0"));
    OK(study_deviations(&list, s, r, NULL, &e));
    cr_assert_eq(json_array_size(list), 1);
    cr_assert(says(list, "prefix/alignment of ja changed"));
    json_decref(list);
    str_free(&text);
    study_free(now);
    study_free(s);
    json_decref(r);
}

/* Claims follow from the study; a registration that says others, with a hash that fits, deviates from itself. */
Test(study_register, claims_that_do_not_follow_deviate) {
    struct study *s = group(GOOD);
    json_t *r = registered(s), *list = NULL;
    OK(study_deviations(&list, s, r, NULL, &e));
    cr_assert_eq(json_array_size(list), 0);
    json_decref(list);
    json_array_remove(json_object_get(r, "claims"), 0);
    OK(study_deviations(&list, s, r, NULL, &e));
    cr_assert(says(list, "claims: they do not follow from the hypotheses"));
    json_decref(list);
    json_object_set_new(r, "created_at", json_integer(5));
    OK(study_deviations(&list, s, r, NULL, &e));
    cr_assert(says(list, "created_at"));
    json_decref(list);
    json_decref(r);
    study_free(s);
}

/* What no difference is, is a term: in the registration, in its claim, and a deviation when it moves. */
Test(study_register, a_margin_is_a_term) {
    char text[2][600];
    for (int i = 0; i < 2; i++)
        snprintf(text[i], sizeof text[i],
                 "%s" RULES "hypotheses: [{id: h, metric: cpi, contrast: [all, none], direction: equivalent, margin: %s}]\n",
                 GROUP_ARMS, i ? "0.75" : "0.5");
    struct study *s = group(text[0]), *now = group(text[1]);
    json_t *r = registered(s), *list = NULL;
    struct str claim = {0};
    OK(study_deviations(&list, now, r, NULL, &e));
    cr_assert(says(list, "hypotheses/h/margin: registered 0.5, found 0.75"));
    OK(study_claim(&claim, s, &s->hypothesis[0], "2026-03-05T00:00:00Z", &e));
    cr_assert(strstr(claim.s, "margin: 0.5") && strstr(claim.s, "direction: equivalent"), "%s", claim.s);
    str_free(&claim);
    json_decref(list);
    json_decref(r);
    study_free(s), study_free(now);
}

Test(study_register, a_stamp_is_put_once_and_before_the_runs) {
    struct study *s = group(GOOD);
    json_t *r = registered(s), *none = json_array(), *some = json_pack("[s]", "x"), *back, *dev;
    struct archive *a = NULL;
    struct err why = ERR_INIT;
    OK(archive_open(&a, tmp_path("a"), ARCHIVE_WRITE, &e));
    OK(archive_registration(a, &back, &dev, &e));
    cr_assert_null(back);
    OK(archive_stamp(a, r, none, &e));
    OK(archive_stamp(a, r, none, &e));
    cr_assert_eq(archive_stamp(a, r, some, &why), ERR_STATE);
    OK(archive_registration(a, &back, &dev, &e));
    cr_assert(json_equal(back, r) && json_equal(dev, none));
    json_decref(back);
    json_decref(dev);
    archive_close(a);
    OK(archive_open(&a, tmp_path("b"), ARCHIVE_WRITE, &e));
    json_t *fact = json_object();
    OK(archive_put(a, "study", fact, &e));
    cr_assert_eq(archive_stamp(a, r, none, &why), ERR_STATE, "a registration after the start is none");
    archive_close(a);
    json_decref(fact);
    json_decref(none);
    json_decref(some);
    json_decref(r);
    study_free(s);
}
