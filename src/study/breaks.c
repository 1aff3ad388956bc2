/* Boundaries of graphemes and words by ICU's break iterators, on the UTF-8 itself, so that they are byte offsets. */
#include "study/fold.h"
#include <stdlib.h>
#include <unicode/ubrk.h>
#include <unicode/utext.h>

static int icu_failed(struct err *e, UErrorCode ec) {
    return fail(e, ec == U_MEMORY_ALLOCATION_ERROR ? ERR_NOMEM : ERR_INTERNAL, "text boundaries failed: %s", u_errorName(ec));
}

/* Marks every boundary with `flag` (at may be NULL); counts the segments, of words only those that hold letters or numbers. */
static int walk(UBreakIteratorType type, const char *locale, const char *s, size_t n, unsigned char *at, size_t *count,
                struct err *e) {
    UErrorCode ec = U_ZERO_ERROR;
    UText *t = utext_openUTF8(NULL, s, (int64_t)n, &ec);
    UBreakIterator *b = ubrk_open(type, locale, NULL, 0, &ec);
    if (U_SUCCESS(ec)) ubrk_setUText(b, t, &ec);
    *count = 0;
    if (U_SUCCESS(ec)) {
        unsigned char flag = type == UBRK_WORD ? AT_WORD : AT_GRAPHEME;
        int32_t i = ubrk_first(b);
        if (at) at[i] |= flag;
        while ((i = ubrk_next(b)) != UBRK_DONE) {
            if (at) at[i] |= flag;
            *count += type != UBRK_WORD || ubrk_getRuleStatus(b) >= UBRK_WORD_NONE_LIMIT;
        }
    }
    if (b) ubrk_close(b);
    utext_close(t);
    return U_FAILURE(ec) ? icu_failed(e, ec) : 0;
}

static int short_enough(size_t n, struct err *e) {
    return n <= FOLD_MAX_BYTES ? 0 : fail(e, ERR_LIMIT, "expected at most %d bytes of text, found %zu", (int)FOLD_MAX_BYTES, n);
}

int find_breaks(struct breaks *out, const char *locale, const char *s, size_t n, struct err *e) {
    struct breaks b = {0};
    TRY(short_enough(n, e));
    b.at = calloc(n + 1, 1);
    if (!b.at) return fail(e, ERR_NOMEM, "out of memory for the boundaries of %zu bytes", n);
    int rc = walk(UBRK_CHARACTER, locale, s, n, b.at, &b.graphemes, e);
    if (!rc) rc = walk(UBRK_WORD, locale, s, n, b.at, &b.words, e);
    if (rc < 0)
        breaks_free(&b);
    else
        *out = b;
    return rc;
}

void breaks_free(struct breaks *b) {
    free(b->at);
    b->at = NULL;
}

int count_graphemes(const char *s, size_t n, size_t *out, struct err *e) {
    TRY(short_enough(n, e));
    return walk(UBRK_CHARACTER, "", s, n, NULL, out, e);
}
