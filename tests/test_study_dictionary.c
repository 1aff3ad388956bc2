/* study: folding, boundaries and the counting of dictionaries, in every script that ships. */
#include "base/rng.h"
#include "base/str.h"
#include "study/dictionary.h"
#include "study_examples.h"
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include <unicode/ubrk.h>
#include <unicode/uchar.h>
#include <unicode/unorm2.h>
#include <unicode/ustring.h>
#include <unicode/utext.h>
#include <unicode/utf8.h>

TestSuite(study_dictionary, .timeout = HANG_S);

static const struct fold_rules plain = {0, 0}, turkish = {1, 0}, arabic = {0, FOLD_TASHKEEL | FOLD_TATWEEL | FOLD_HAMZA},
                               hindi = {0, FOLD_NUKTA}, russian = {0, FOLD_YO};

/* What a dictionary of these forms, all of one rule, finds. Free with hits_free. */
static struct hits count_forms(const char *locale, struct fold_rules fold, enum form_rule rule, const char *const *forms, int n,
                               const char *text, size_t len) {
    struct form f[16] = {0};
    struct dictionary_source s = {.id = "test", .kinds = {"kind"}, .n_kinds = 1, .n_forms = n, .forms = f};
    struct language l = {.word_breaks = locale, .fold = fold};
    struct dictionary *d;
    struct hits h;
    struct err e = ERR_INIT;
    for (int i = 0; i < n; i++) f[i] = (struct form){.text = forms[i], .rule = rule};
    cr_assert_eq(dictionary_build(&d, &l, &s, &e), 0, "%s", e.msg);
    cr_assert_eq(dictionary_count(d, &l, text, len, &h, &e), 0, "%s", e.msg);
    cr_assert_eq(h.n, h.per_kind[0]);
    dictionary_free(d);
    return h;
}

struct found {
    const char *locale;
    const struct fold_rules *fold;
    enum form_rule rule;
    const char *form, *text;
    size_t hits;
};

static void expect_all(const struct found *x, size_t n) {
    for (size_t i = 0; i < n; i++) {
        struct hits h = count_forms(x[i].locale, *x[i].fold, x[i].rule, &x[i].form, 1, x[i].text, strlen(x[i].text));
        cr_expect_eq(h.n, x[i].hits, "%s (%s) in \"%s\": expected %zu, found %zu", x[i].form, form_rule_name(x[i].rule),
                     x[i].text, x[i].hits, h.n);
        hits_free(&h);
    }
}
#define EXPECT(...) \
    expect_all((const struct found[]){__VA_ARGS__}, sizeof((const struct found[]){__VA_ARGS__}) / sizeof(struct found))

Test(study_dictionary, rules) {
    EXPECT({"en", &plain, FORM_WORD, "force", "Force, force! (force)", 3},
           {"en", &plain, FORM_WORD, "force", "_force_ __force__ *force* en_force", 4},
           {"en", &plain, FORM_WORD, "force", "forces enforce", 0},
           {"en", &plain, FORM_STEM, "forc", "forced to enforce by force", 2},
           {"en", &plain, FORM_SUBSTRING, "forc", "forced to enforce", 2},
           {"en", &plain, FORM_WORD, "no choice", "There is NO\n\t choice.", 1},
           {"en", &plain, FORM_WORD, "no choice", "no choices, piano choice", 0},
           {"en", &plain, FORM_WORD, "won't", "I won\u2019t. I won't.", 2}, {"en", &plain, FORM_WORD, "won", "I won't.", 0});
}

Test(study_dictionary, latin) {
    EXPECT({"de", &plain, FORM_WORD, "Straße", "STRASSE und Strasse und straße", 3},
           {"fr", &plain, FORM_STEM, "exclu", "l'exclusion, l\u2019exclu, exclure", 3},
           {"fr", &plain, FORM_WORD, "e\u0301tage", "\u00e9tage \u00c9TAGE E\u0301TAGE etage", 3},
           {"en", &plain, FORM_WORD, "force", "\uff26\uff4f\uff52\uff43\uff45", 1},
           {"en", &plain, FORM_WORD, "threaten", "threat\u00aden and threat\u200ben, threaten\u200d", 3},
           {"en", &plain, FORM_SUBSTRING, "fin", "\ufb01n", 1}, {"en", &plain, FORM_SUBSTRING, "in", "\ufb01n", 0},
           {"vi", &plain, FORM_WORD, "đe dọa", "ĐE DỌA! đe do\u0323a", 2}, {"vi", &plain, FORM_WORD, "đe dọa", "đe doa", 0});
}

Test(study_dictionary, turkish_letters) {
    EXPECT({"tr", &turkish, FORM_WORD, "ışık", "IŞIK ışık Işık", 3}, {"tr", &turkish, FORM_WORD, "iş", "İŞ iş I\u0307Ş", 3},
           {"tr", &turkish, FORM_WORD, "iş", "IŞ", 0}, {"en", &plain, FORM_WORD, "is", "IS", 1},
           {"en", &plain, FORM_WORD, "ış", "IŞ", 0}, {"tr", &turkish, FORM_STEM, "istanbul", "İSTANBUL'DA İstanbullu", 2});
}

Test(study_dictionary, cyrillic) {
    EXPECT({"ru", &russian, FORM_WORD, "твёрдо", "твердо ТВЁРДО Тве\u0308рдо", 3},
           {"ru", &plain, FORM_WORD, "твёрдо", "твердо", 0});
}

Test(study_dictionary, arabic_marks) {
    EXPECT({"ar", &arabic, FORM_SUBSTRING, "تهديد", "والتَّهْدِيدُ تهـــديد", 2},
           {"ar", &plain, FORM_SUBSTRING, "تهديد", "تَهْدِيد تهـديد", 0},
           {"ar", &arabic, FORM_SUBSTRING, "إجبار", "اجبار الإجبار", 2}, {"ar", &arabic, FORM_WORD, "كلنا", "كلنا أكلنا", 1});
}

Test(study_dictionary, devanagari_clusters) {
    EXPECT({"hi", &hindi, FORM_WORD, "सज़ा", "सजा स\u091c\u093cा स\u095bा", 3}, {"hi", &plain, FORM_WORD, "सज़ा", "सजा", 0},
           {"hi", &hindi, FORM_SUBSTRING, "धमक", "धमकी", 0}, {"hi", &hindi, FORM_SUBSTRING, "धमक", "धमकना", 1},
           {"hi", &hindi, FORM_STEM, "धमक", "धमकी धमकाना", 2}, {"hi", &hindi, FORM_STEM, "मक", "धमकी", 0});
}

Test(study_dictionary, scripts_without_spaces) {
    EXPECT({"th", &plain, FORM_SUBSTRING, "บังคับ", "เขาบังคับให้ทำและบังคับอีก", 2}, {"th", &plain, FORM_SUBSTRING, "กา", "กาแฟ ก่า", 1},
           {"th", &plain, FORM_SUBSTRING, "ก", "กิน กบ", 1}, {"th", &plain, FORM_WORD, "บังคับ", "เขาบังคับให้ทำ", 1},
           {"ja", &plain, FORM_SUBSTRING, "強制", "強制的に、強制は", 2}, {"ja", &plain, FORM_SUBSTRING, "が", "か\u3099 か", 1},
           {"ja", &plain, FORM_WORD, "東京", "東京へ行く", 1}, {"zh", &plain, FORM_SUBSTRING, "威胁", "他威胁我，又威胁你。", 2},
           {"ko", &plain, FORM_STEM, "강요", "강요하지 마세요. \u1100\u1161\u11bc요했다", 2},
           {"ko", &plain, FORM_STEM, "요", "강요", 0});
}

Test(study_dictionary, longest_first) {
    static const char *const nested[] = {"threat", "threaten", "threatening letter"}, *const chain[] = {"a b", "b c d"};
    const char *text = "A threatening letter, a threat, they threaten.";
    struct hits h = count_forms("en", plain, FORM_STEM, nested, 3, text, strlen(text));
    cr_assert_eq(h.n, 3);
    cr_expect_eq(h.per_form[0], 1);
    cr_expect_eq(h.per_form[1], 1);
    cr_expect_eq(h.per_form[2], 1);
    cr_expect_eq(h.at[0].form, 2);
    cr_expect_eq(h.at[1].form, 0);
    hits_free(&h);
    h = count_forms("en", plain, FORM_WORD, chain, 2, "a b c d", 7);
    cr_assert_eq(h.n, 1);
    cr_expect_eq(h.at[0].form, 1, "the longer one, though the other begins before it");
    hits_free(&h);
}

Test(study_dictionary, places_are_bytes_of_the_original) {
    static const char *const forms[] = {"strasse", "تهديد"};
    const char *text = "Die \u201cSTRA\u00dfE\u201d, تَهْدِيدٌ!";
    struct hits h = count_forms("de", arabic, FORM_WORD, forms, 2, text, strlen(text));
    cr_assert_eq(h.n, 2);
    cr_expect_eq(h.at[0].to - h.at[0].from, strlen("STRA\u00dfE"));
    cr_expect(!memcmp(text + h.at[0].from, "STRA\u00dfE", h.at[0].to - h.at[0].from));
    cr_expect(!memcmp(text + h.at[1].from, "تَهْدِيدٌ", h.at[1].to - h.at[1].from));
    cr_expect_eq(text[h.at[1].to], '!', "marks at the end belong to the hit");
    hits_free(&h);
}

/* Whatever way they are found, graphemes are ICU's. */
static void graphemes_as_icu(const char *s) {
    UErrorCode ec = U_ZERO_ERROR;
    size_t n = strlen(s), count = 0;
    UText *t = utext_openUTF8(NULL, s, (int64_t)n, &ec);
    UBreakIterator *b = ubrk_open(UBRK_CHARACTER, "", NULL, 0, &ec);
    ubrk_setUText(b, t, &ec);
    cr_assert(U_SUCCESS(ec));
    struct breaks found;
    struct err e = ERR_INIT;
    cr_assert_eq(find_breaks(&found, "en", s, n, &e), 0, "%s", e.msg);
    unsigned char *want = calloc(n + 1, 1);
    for (int32_t i = ubrk_first(b); i != UBRK_DONE; i = ubrk_next(b)) want[i] = 1, count += i > 0;
    for (size_t i = 0; i <= n; i++)
        cr_expect_eq(!(found.at[i] & AT_GRAPHEME), !want[i], "\"%s\": boundary at %zu as ICU has it: %d", s, i, want[i]);
    cr_expect_eq(found.graphemes, count, "\"%s\": %zu for %zu", s, found.graphemes, count);
    free(want);
    breaks_free(&found);
    ubrk_close(b);
    utext_close(t);
}

Test(study_dictionary, graphemes_as_icu_has_them) {
    static const char *const texts[] = {"",
                                        "a",
                                        "plain words",
                                        "one\r\ntwo\n\rthree",
                                        "na\xc3\xafve \xe2\x80\x9cquotes\xe2\x80\x9d \xe2\x80\xa6",
                                        "e\xcc\x81",
                                        "\xcc\x81"
                                        "e",
                                        "\xea\xb0\x80\xea\xb0\x81 \xe1\x84\x80\xe1\x85\xa1\xe1\x86\xa8",
                                        "\xea\xb0\x80\xe1\x86\xa8", /* Hangul, whole and in jamo */
                                        "\xe3\x81\x8b\xe3\x82\x99",
                                        "\xe5\xad\x97\xe5\xad\x97",
                                        "कि क्षि",
                                        "กำ ที่",
                                        "سَلام",
                                        "Ünïçödé İı",
                                        "\U0001F468\u200d\U0001F469",
                                        "\U0001F1E9\U0001F1EA\U0001F1EB",
                                        "a\u200db",
                                        "\u0600\u0661",
                                        "\xff\xfe bytes",
                                        "tab\tand\x01"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) graphemes_as_icu(texts[i]);
    for (uint32_t c = 1; c < 0x30000; c += c < 0x3100 ? 1 : 97) { /* every character of the small scripts, between letters */
        char s[16] = "a";
        int n = 1;
        if (c >= 0xd800 && c < 0xe000) continue;
        U8_APPEND_UNSAFE(s, n, c);
        U8_APPEND_UNSAFE(s, n, c);
        s[n++] = 'b', s[n] = 0;
        graphemes_as_icu(s);
    }
}

/* Character by character or in one: what folding gives is ICU's NFKC_Casefold, apart from apostrophes and white space. */
Test(study_dictionary, every_character_folds_as_icu_has_it) {
    UErrorCode ec = U_ZERO_ERROR;
    const UNormalizer2 *cf = unorm2_getNFKCCasefoldInstance(&ec);
    struct err e = ERR_INIT;
    cr_assert(U_SUCCESS(ec));
    for (uint32_t c = 1; c < 0x30000; c += c < 0x11000 ? 1 : 31) {
        char s[16] = "x";
        UChar a[16], b[256];
        int n = 1;
        int32_t m = 0, at = 0;
        size_t k = 0;
        UChar32 want;
        struct folded f;
        if ((c >= 0xd800 && c < 0xe000) || u_isUWhiteSpace((UChar32)c) || c == 0x2018 || c == 0x2019 || c == 0x2bc || c == 0xff07)
            continue;
        U8_APPEND_UNSAFE(s, n, c);
        s[n++] = 'y', s[n] = 0;
        cr_assert_eq(fold_text(&f, &plain, s, (size_t)n, &e), 0, "%s", e.msg);
        u_strFromUTF8(a, 16, &m, s, n, &ec);
        m = unorm2_normalize(cf, a, m, b, 256, &ec);
        cr_assert(U_SUCCESS(ec));
        for (int same = 1; at < m && same; k += k < f.n) {
            U16_NEXT(b, at, m, want);
            if (want == 0x2bc) want = '\'';
            same = want == ' ' || (k < f.n && f.code[k] == (uint32_t)want); /* several spaces are one */
            cr_expect(same, "U+%04X: character %zu is U+%04X, ICU has U+%04X", c, k, k < f.n ? f.code[k] : 0, (unsigned)want);
        }
        cr_expect_eq(f.start[f.n - 1], (uint32_t)n - 1, "U+%04X", c);
        folded_free(&f);
    }
}

Test(study_dictionary, rates) {
    size_t n;
    const char *family = "\U0001F468\u200d\U0001F469\u200d\U0001F467", *ka = "कि";
    cr_assert_eq(count_graphemes(family, strlen(family), &n, NULL), 0);
    cr_expect_eq(n, 1);
    cr_assert_eq(count_graphemes(ka, strlen(ka), &n, NULL), 0);
    cr_expect_eq(n, 1);
    cr_assert_eq(count_graphemes("", 0, &n, NULL), 0);
    cr_expect_eq(n, 0);
    cr_expect_eq(hits_per_1000(3, 1500), 2.0);
    cr_expect_eq(hits_per_1000(3, 0), 0.0);
}

Test(study_dictionary, bytes_that_are_no_text) {
    static const char *const forms[] = {"force"};
    static const char text[] = "force\xff force\xc3 force\0force \xed\xa0\x80 force\xf0\x9f";
    struct hits h = count_forms("en", plain, FORM_SUBSTRING, forms, 1, text, sizeof text - 1);
    cr_expect_eq(h.n, 5);
    for (size_t i = 0; i < h.n; i++) cr_expect(!memcmp(text + h.at[i].from, "force", 5));
    hits_free(&h);
    h = count_forms("en", plain, FORM_SUBSTRING, forms, 1, "", 0);
    cr_expect_eq(h.n, 0);
    hits_free(&h);
}

/* Pieces of text that are odd for folding, in any order: marks without letters, joiners, halves of characters. */
static size_t odd_text(struct rng *r, char *s, size_t max) {
    static const char *const pieces[] = {"force",  "FORCE",  " ",        "\r\n",     "\u0301", "\u200d", "\u00ad",
                                         "\u0640", "\u064e", "\u0627",   "\u0915",   "\u093c", "\u094d", "\u0e33",
                                         "\u0e48", "\ufb03", "\uac00",   "\u1100",   "\u1161", "I",      "\u0130",
                                         "\u0307", "\xff",   "\xe0\xa4", "\xf0\x9f", "\ufdfa", "\u2019", "\u0130\u0307"};
    size_t n = 0;
    for (;;) {
        const char *p = pieces[rng_below(r, sizeof pieces / sizeof *pieces)];
        size_t len = strlen(p);
        if (n + len > max) return n;
        memcpy(s + n, p, len);
        n += len;
    }
}

Test(study_dictionary, folded_places_are_in_order) {
    static const struct fold_rules all = {1, FOLD_TASHKEEL | FOLD_TATWEEL | FOLD_HAMZA | FOLD_NUKTA | FOLD_YO};
    static const char *const forms[] = {"force"};
    for (uint64_t k = 0; k < 300; k++) {
        struct rng r = RNG(13, k);
        char s[200];
        struct folded f;
        size_t n = odd_text(&r, s, sizeof s);
        cr_assert_eq(fold_text(&f, &all, s, n, NULL), 0);
        for (size_t i = 0; i < f.n; i++) {
            cr_assert(f.start[i] < f.end[i] && f.end[i] <= n);
            cr_assert(!i || (f.start[i - 1] <= f.start[i] && f.end[i - 1] <= f.end[i]));
            cr_assert(!i || f.start[i] == f.start[i - 1] || f.start[i] >= f.end[i - 1]);
        }
        folded_free(&f);
        struct hits h = count_forms("tr", all, FORM_SUBSTRING, forms, 1, s, n);
        for (size_t i = 0; i < h.n; i++) cr_assert(h.at[i].from < h.at[i].to && h.at[i].to <= n && (s[h.at[i].from] | 32) == 'f');
        hits_free(&h);
    }
}

/* ---- against the definition ---- */

enum { ALPHABET = 3, TEXT = 60 };

static void random_text(struct rng *r, char *s, size_t n) {
    for (size_t i = 0; i < n; i++) s[i] = "ab c"[rng_below(r, ALPHABET + 1)];
    s[n] = 0;
}

/* Every place of every form, the longest that is left first. Returns how many, and how often each form. */
static size_t by_definition(const char *text, const char *const *forms, int n, size_t *per_form) {
    char taken[TEXT + 1] = {0};
    size_t hits = 0, len = strlen(text);
    memset(per_form, 0, (size_t)n * sizeof *per_form);
    for (size_t want = TEXT; want; want--)
        for (size_t at = 0; at + want <= len; at++)
            for (int i = 0; i < n; i++) {
                if (strlen(forms[i]) != want || memcmp(text + at, forms[i], want) != 0 || memchr(taken + at, 1, want)) continue;
                memset(taken + at, 1, want);
                per_form[i]++, hits++;
            }
    return hits;
}

static int is_new(char (*forms)[8], int n, const char *s) {
    for (int i = 0; i < n; i++)
        if (!strcmp(forms[i], s)) return 0;
    return 1;
}

/* Letters alone, so that folding and white space have no part in it. */
static int random_forms(struct rng *r, char (*forms)[8], const char **list) {
    int n = 0;
    while (n < 6) {
        size_t len = 1 + rng_below(r, 5);
        for (size_t i = 0; i < len; i++) forms[n][i] = "abc"[rng_below(r, ALPHABET)];
        forms[n][len] = 0;
        if (!is_new(forms, n, forms[n])) continue;
        list[n] = forms[n];
        n++;
    }
    return n;
}

Test(study_dictionary, same_as_the_definition) {
    for (uint64_t k = 0; k < 400; k++) {
        struct rng r = RNG(7, k);
        char forms[8][8], text[TEXT + 1];
        const char *list[8];
        size_t per_form[8];
        int n = random_forms(&r, forms, list);
        random_text(&r, text, TEXT);
        for (char *p = text; *p; p++) *p = *p == ' ' ? '-' : *p;
        size_t want = by_definition(text, list, n, per_form);
        struct hits h = count_forms("en", plain, FORM_SUBSTRING, list, n, text, TEXT);
        cr_assert_eq(h.n, want, "\"%s\": expected %zu, found %zu", text, want, h.n);
        for (int i = 0; i < n; i++) cr_assert_eq(h.per_form[i], per_form[i], "\"%s\": %s", text, list[i]);
        hits_free(&h);
    }
}

/* Without each form in turn: what a dictionary without it finds, shorter forms that come to light included. */
Test(study_dictionary, a_form_left_out) {
    size_t more = 0;
    for (uint64_t k = 0; k < 200; k++) {
        struct rng r = RNG(8, k);
        char forms[8][8], text[TEXT + 1];
        const char *list[8];
        struct form f[8] = {0};
        struct dictionary_source s = {.id = "test", .kinds = {"kind"}, .n_kinds = 1, .forms = f};
        struct language l = {.word_breaks = "en"};
        struct dictionary *d;
        struct prepared p;
        struct hits h;
        ptrdiff_t without[8];
        struct err e = ERR_INIT;
        s.n_forms = random_forms(&r, forms, list);
        random_text(&r, text, TEXT);
        for (int i = 0; i < s.n_forms; i++) f[i] = (struct form){.text = list[i], .rule = FORM_SUBSTRING};
        cr_assert_eq(dictionary_build(&d, &l, &s, &e), 0, "%s", e.msg);
        cr_assert_eq(text_prepare(&p, &l, text, TEXT, &e), 0, "%s", e.msg);
        cr_assert_eq(dictionary_match_without(d, &p, &h, without, &e), 0, "%s", e.msg);
        for (int i = 0; i < s.n_forms; i++) {
            const char *rest[8];
            for (int j = 0; j < s.n_forms - 1; j++) rest[j] = list[j + (j >= i)];
            struct hits plain_way = count_forms("en", plain, FORM_SUBSTRING, rest, s.n_forms - 1, text, TEXT);
            cr_assert_eq((ptrdiff_t)h.n + without[i], (ptrdiff_t)plain_way.n, "\"%s\" without %s", text, list[i]);
            more += without[i] > -(ptrdiff_t)h.per_form[i];
            hits_free(&plain_way);
        }
        hits_free(&h);
        prepared_free(&p);
        dictionary_free(d);
    }
    cr_assert_gt(more, 100, "shorter forms came to light");
}

Test(study_dictionary, nested_forms_on_a_long_text) {
    static const char *const forms[] = {"a", "aa", "aaaa", "aaaaaaaa", "aaaaaaaaaaaaaaaa"};
    size_t n = 200001, sum = 0;
    char *text = malloc(n + 1);
    cr_assert_not_null(text);
    memset(text, 'a', n);
    struct hits h = count_forms("en", plain, FORM_SUBSTRING, forms, 5, text, n);
    for (size_t i = 0; i < h.n; i++) sum += h.at[i].to - h.at[i].from;
    cr_expect_eq(sum, n, "every letter is in one hit");
    cr_expect_eq(h.per_form[4], n / 16);
    cr_expect_eq(h.per_form[0], 1);
    hits_free(&h);
    free(text);
}

Test(study_dictionary, shipped_words_find_themselves) {
    struct languages s = {0};
    struct err e = ERR_INIT;
    cr_assert_eq(languages_read_dir(&s, "studies/lang", &e), 0, "%s", e.msg);
    for (int i = 0; i < s.n; i++)
        for (int k = 0; k < s.at[i]->n_dictionaries; k++) {
            const struct dictionary_source *x = &s.at[i]->dictionaries[k];
            struct dictionary *d;
            cr_assert_eq(dictionary_build(&d, s.at[i], x, &e), 0, "%s (%s)", e.msg, e.where);
            for (int f = 0; f < x->n_forms; f++) {
                struct hits h;
                const char *t = x->forms[f].text;
                cr_assert_eq(dictionary_count(d, s.at[i], t, strlen(t), &h, &e), 0, "%s", e.msg);
                cr_expect_eq(h.per_form[f], 1, "%s %s: \"%s\" does not find itself", s.at[i]->code, x->id, t);
                hits_free(&h);
            }
            dictionary_free(d);
        }
    languages_free(&s);
}

/* ---- the same sentences in all languages ---- */

/* Of one language: hits of dictionary d (in the order of the file) on example k, and of its kind. */
static size_t example_hits(const struct language *l, const struct examples *x, int d, int k, int kind, size_t *of_kind) {
    struct dictionary *c;
    struct hits h;
    struct err e = ERR_INIT;
    cr_assert_eq(dictionary_build(&c, l, &l->dictionaries[d], &e), 0, "%s (%s)", e.msg, e.where);
    cr_assert_eq(dictionary_count(c, l, x->text[k], strlen(x->text[k]), &h, &e), 0, "%s", e.msg);
    size_t n = h.n;
    *of_kind = h.per_kind[kind];
    hits_free(&h);
    dictionary_free(c);
    return n;
}

Test(study_dictionary, every_kind_is_found_in_every_language) {
    static const struct {
        int dictionary, kind;
    } of[EXAMPLES] = {{0, 0}, {0, 1}, {0, 2}, {0, 3}, {1, 0}, {1, 1}, {1, 2}, {1, 3}, {2, 0}, {2, 1}, {2, 2}};
    struct languages s = {0};
    struct err e = ERR_INIT;
    cr_assert_eq(languages_read_dir(&s, "studies/lang", &e), 0, "%s", e.msg);
    cr_assert_eq((int)EXAMPLE_LANGUAGES, s.n);
    for (int i = 0; i < EXAMPLE_LANGUAGES; i++) {
        const struct language *l = languages_find(&s, examples[i].code);
        size_t kind, total = 0;
        cr_assert_not_null(l);
        for (int k = 0; k < EXAMPLES; k++)
            for (int d = 0; d < 3; d++) {
                size_t n = example_hits(l, &examples[i], d, k, of[k].kind, &kind);
                if (d == of[k].dictionary)
                    cr_expect_gt(kind, 0, "%s %s: \"%s\"", l->code, l->dictionaries[d].kinds[of[k].kind], examples[i].text[k]);
                else
                    cr_expect_eq(n, 0, "%s: %s in \"%s\"", l->code, l->dictionaries[d].id, examples[i].text[k]);
                total += n;
            }
        cr_expect(total >= 20 && total <= 30, "%s: %zu hits in all examples", l->code, total);
    }
    languages_free(&s);
}
