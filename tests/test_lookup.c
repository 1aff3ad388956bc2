/* Lists to look letters up in: every letter that is named is the one that stands before that option in the list, and lists of every length come. */
#include "task/gym.h"
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

TestSuite(lookup, .timeout = HANG_S);

enum { OPTIONS = 4, TEXT = 16 };

/* Reads "\nA) cat\nB) dog\n"; returns how many options. */
static int read_list(const char **z, char option[OPTIONS][TEXT]) {
    int n = 0;
    while (n < OPTIONS && (*z)[0] == '\n' && (*z)[1] == 'A' + n && !strncmp(*z + 2, ") ", 2)) {
        size_t len = strcspn(*z + 4, "\n");
        cr_assert(len > 0 && len < TEXT);
        memcpy(option[n], *z + 4, len);
        option[n++][len] = 0;
        *z += 4 + len;
    }
    cr_assert(n > 0 && **z == '\n');
    ++*z;
    return n;
}

/* Reads "cat: B." or "cat. So B) cat."; returns which option was named, and checks its letter. */
static int read_named(const char **z, char option[OPTIONS][TEXT], int n) {
    char value[TEXT] = "", letter = 0, again[TEXT] = "";
    int used = 0;
    if (sscanf(*z, "%15[a-z0-9]: %c.%n", value, &letter, &used) != 2 || !used) {
        cr_assert(sscanf(*z, "%15[a-z0-9]. So %c) %15[a-z0-9].%n", value, &letter, again, &used) == 3 && used, "at: %s", *z);
        cr_assert_str_eq(value, again);
    }
    *z += used;
    if (**z == ' ') ++*z;
    int k = letter - 'A';
    cr_assert(k >= 0 && k < n);
    cr_assert_str_eq(value, option[k]);
    return k;
}

static void check(const char *family) {
    struct gym_spec s;
    struct err e = ERR_INIT;
    int lengths[OPTIONS + 1] = {0};
    cr_assert(gym_spec_init(&s, family, &e) == 0);
    for (int64_t i = 0; i < 400; i++) {
        struct str text = {0}, again = {0};
        char option[OPTIONS][TEXT];
        unsigned seen = 0;
        cr_assert(gym_lookup(&s, i, &text, &e) == 0, "%s", e.msg);
        cr_assert(gym_lookup(&s, i, &again, &e) == 0);
        cr_assert_str_eq(text.s, again.s);
        const char *z = text.s;
        int n = read_list(&z, option);
        for (int a = 0; a < n; a++)
            for (int b = 0; b < a; b++) cr_assert(strcmp(option[a], option[b]));
        while (*z) seen |= 1u << read_named(&z, option, n);
        cr_assert(seen == (1u << n) - 1, "each option is named: %s", text.s);
        lengths[n]++;
        str_free(&text), str_free(&again);
    }
    for (int n = 1; n <= OPTIONS; n++) cr_assert(lengths[n] > 60, "%d lists of %d", lengths[n], n);
}

Test(lookup, values) { check("recall"); }
Test(lookup, numbers) { check("chain"); }
