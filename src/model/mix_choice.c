/* Wishes of the user for tensors by name (mix.h): regular expressions, by PCRE2. */
#define PCRE2_CODE_UNIT_WIDTH 8
#include "model/mix_int.h"
#include <pcre2.h>
#include <string.h>

int quant_choice_parse(struct quant_choice *c, const char *text, struct err *e) {
    const char *cut = strrchr(text, '=');
    const struct fmt_row *f = cut ? fmt_by_name(cut + 1) : NULL;
    int code = 0;
    size_t at = 0;
    char why[120] = "";
    if (!cut || cut == text) return fail(e, ERR_ARG, "expected REGEX=FORMAT, found \"%.80s\"", text);
    if (!f || !f->from_f32) return fail(e, ERR_ARG, "expected a storage format behind =, found \"%.40s\"", cut + 1);
    pcre2_code *re = pcre2_compile((PCRE2_SPTR)text, (size_t)(cut - text), 0, &code, &at, NULL);
    if (!re) {
        pcre2_get_error_message(code, (PCRE2_UCHAR *)why, sizeof why);
        return fail(e, ERR_ARG, "expected a regular expression, found \"%.80s\": %s at byte %zu", text, why, at);
    }
    *c = (struct quant_choice){re, f->id};
    return 0;
}

void quant_choice_free(struct quant_choice *c) {
    pcre2_code_free(c->re);
    c->re = NULL;
}

int mix__choice_fits(const struct quant_choice *c, const char *name, struct err *e) {
    pcre2_match_data *m = pcre2_match_data_create(1, NULL);
    if (!m) return fail(e, ERR_NOMEM, "out of memory");
    int n = pcre2_match(c->re, (PCRE2_SPTR)name, strlen(name), 0, 0, m, NULL);
    pcre2_match_data_free(m);
    if (n >= 0) return 1;
    return n == PCRE2_ERROR_NOMATCH ? 0 : fail(e, ERR_LIMIT, "tensor %.60s: an expression of the user takes too long", name);
}
