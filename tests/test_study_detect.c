/* study: the language of a reply, on sentences that stand in no language file. */
#include "study/detect.h"
#include "study/ngram.h"
#include "study_sentences.h"
#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

TestSuite(study_detect, .timeout = HANG_S);

static struct languages languages;
static struct detector *detector;

static void open_languages(void) {
    struct err e = ERR_INIT;
    cr_assert_eq(languages_read_dir(&languages, "studies/lang", &e), 0, "%s (%s)", e.msg, e.where);
    cr_assert_eq(detector_build(&detector, &languages, 0, 0, &e), 0, "%s", e.msg);
}

static void close_languages(void) {
    detector_free(detector);
    languages_free(&languages);
}

static struct detection ask(const char *s) {
    struct detection r;
    struct err e = ERR_INIT;
    cr_assert_eq(detect_language(detector, s, strlen(s), &r, &e), 0, "%s", e.msg);
    return r;
}

Test(study_detect, own_sentences, .init = open_languages, .fini = close_languages) {
    int right = 0, asked = 0;
    cr_assert_eq((int)SAMPLES, languages.n);
    for (int i = 0; i < SAMPLES; i++) {
        int here = 0;
        for (int k = 0; k < EACH; k++, asked++) {
            struct detection r = ask(samples[i].text[k]);
            int ok = r.best && !strcmp(r.best->code, samples[i].code);
            here += ok;
            if (!ok)
                cr_log_warn("%s: \"%s\" told as %s", samples[i].code, samples[i].text[k], r.best ? r.best->code : "undecided");
        }
        right += here;
        cr_expect_geq(here, EACH - 1, "%s: %d of %d", samples[i].code, here, EACH);
    }
    cr_expect_geq(right * 100, asked * 95, "%d of %d sentences", right, asked);
}

Test(study_detect, left_out_sentences, .init = open_languages, .fini = close_languages) {
    struct detect_score s[64], all = {0};
    struct err e = ERR_INIT;
    cr_assert_leq(languages.n, 64);
    cr_assert_eq(detect_validate(&languages, 5, 40, s, NULL, NULL, &e), 0, "%s", e.msg);
    for (int i = 0; i < languages.n; i++) {
        all.right += s[i].right, all.wrong += s[i].wrong, all.undecided += s[i].undecided;
        cr_expect_gt(s[i].right, 0, "%s", languages.at[i]->code);
    }
    cr_expect_geq(all.right * 100, (all.right + all.wrong + all.undecided) * 95, "%zu right, %zu wrong, %zu undecided", all.right,
                  all.wrong, all.undecided);
}

Test(study_detect, too_little_is_undecided, .init = open_languages, .fini = close_languages) {
    static const char *const texts[] = {"",
                                        " ",
                                        "...",
                                        "12345",
                                        "OK",
                                        "No.",
                                        "\xff\xfe\xff",
                                        "Σήμερα ο καιρός είναι καλός.",
                                        "დღეს კარგი ამინდია და მზე ანათებს."};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct detection r = ask(texts[i]);
        cr_expect_null(r.best, "\"%s\" told as %s", texts[i], r.best ? r.best->code : "");
    }
}

Test(study_detect, share_tells_a_mixture, .init = open_languages, .fini = close_languages) {
    struct detection pure = ask("今日は天気がいいので、庭で本を読むことにします。"),
                     mixed = ask("今日は天気がいいので、庭で本を読むことにします。 I am reading.");
    cr_assert_not_null(pure.best);
    cr_expect_str_eq(pure.best->code, "ja");
    cr_expect_eq(pure.share, 1.0);
    cr_assert_not_null(mixed.best);
    cr_expect_str_eq(mixed.best->code, "ja");
    cr_expect(mixed.share > 0.5 && mixed.share < 0.8, "%g", mixed.share);
}

Test(study_detect, margin_names_the_second, .init = open_languages, .fini = close_languages) {
    struct detection r = ask("O menino foi para a escola com a sua irmã e voltou de tarde.");
    cr_assert_not_null(r.best);
    cr_expect_str_eq(r.best->code, "pt");
    cr_assert_not_null(r.second);
    cr_expect_neq(r.second, r.best);
    cr_expect(isfinite(r.margin) && r.margin >= DETECT_MARGIN);
    struct detection thai = ask("วันนี้อากาศดีมากและท้องฟ้าแจ่มใส");
    cr_assert_not_null(thai.best);
    cr_expect_null(thai.second, "no other language here is written in Thai letters");
    cr_expect(isinf(thai.margin));
}

Test(study_detect, case_and_width_do_not_matter, .init = open_languages, .fini = close_languages) {
    struct detection a = ask("The library closes early on Fridays."), b = ask("THE LIBRARY CLOSES EARLY ON FRIDAYS!");
    cr_assert(a.best && a.best == b.best);
    cr_expect_eq(a.margin, b.margin);
}

/* ---- letters ---- */

enum { LETTERS = 40 };

/* How often the last letter of a gram followed the others in some texts, and how often the others stood before a letter: by looking. */
static void plain_counts(const char *const *text, int len, const uint32_t *gram, double *n, double *before) {
    *n = *before = 0;
    for (; *text; text++) {
        uint32_t c[LETTERS] = {' ', ' '};
        int k = 2;
        for (const char *p = *text; *p; p++) c[k++] = (uint32_t)(unsigned char)*p;
        c[k++] = ' ';
        for (int i = 2; i < k; i++) {
            *n += !memcmp(c + i + 1 - len, gram, (size_t)len * sizeof *gram);
            if (len == 1) *before += 1;
        }
        for (int i = len == 2 ? 2 : 1; len > 1 && i < k; i++) *before += !memcmp(c + i + 2 - len, gram, (size_t)(len - 1) * sizeof *gram);
    }
}

static double plain_p(const char *const *text, int len, const uint32_t *gram) {
    double n, before;
    if (!len) return 1.0 / 4096;
    plain_counts(text, len, gram, &n, &before);
    return (n + NGRAM_WEIGHT * plain_p(text, len - 1, gram + 1)) / (before + NGRAM_WEIGHT);
}

static double plain_loglik(const char *const *text, const uint32_t *c, size_t n) {
    uint32_t w[3] = {' ', ' ', ' '};
    double sum = 0;
    for (size_t i = 0; i <= n; i++) {
        w[0] = w[1], w[1] = w[2], w[2] = i < n ? c[i] : ' ';
        sum += log(plain_p(text, 3, w));
    }
    return sum;
}

Test(study_detect, letters_by_looking) {
    static const char *const one[] = {"the cat sat", "on the mat", "a cat", NULL}, *const two[] = {"die katze", "auf der matte",
                                                                                                   NULL};
    static const char *const *const text[] = {one, two};
    static const char *const asked[] = {"the mat", "die matte", "cat katze", "zzz", "aat on"};
    struct err e = ERR_INIT;
    struct ngram *g;
    uint32_t c[LETTERS];
    cr_assert_eq(ngram_new(&g, 2, &e), 0);
    for (int l = 0; l < 2; l++)
        for (int i = 0; text[l][i]; i++) {
            size_t n = strlen(text[l][i]);
            for (size_t k = 0; k < n; k++) c[k] = (uint32_t)(unsigned char)text[l][i][k];
            cr_assert_eq(ngram_learn(g, l, c, n, &e), 0);
        }
    cr_assert_eq(ngram_ready(g, &e), 0);
    for (size_t i = 0; i < sizeof asked / sizeof *asked; i++) {
        size_t n = strlen(asked[i]);
        double ll[2];
        for (size_t k = 0; k < n; k++) c[k] = (uint32_t)(unsigned char)asked[i][k];
        ngram_loglik(g, c, n, ll);
        for (int l = 0; l < 2; l++)
            cr_expect_float_eq(ll[l], plain_loglik(text[l], c, n), 1e-5, "\"%s\" in %d: %g, by looking %g", asked[i], l, ll[l],
                               plain_loglik(text[l], c, n));
    }
    ngram_free(g);
}
