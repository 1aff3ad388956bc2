/* Boundaries of graphemes and words by ICU's break iterators, on the UTF-8 itself, so that they are byte offsets.
 *
 * Opening an iterator costs more than walking a sentence (ICU reads its rules each time), so those that were opened are kept and lent out
 * again, to one thread at a time; there are never more than were used at once. A text whose characters never join, as most of the world's
 * writing, needs no iterator for its graphemes: each character is one. */
#include "study/fold.h"
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unicode/ubrk.h>
#include <unicode/uchar.h>
#include <unicode/utext.h>
#include <unicode/utf8.h>

static int icu_failed(struct err *e, UErrorCode ec) {
    return fail(e, ec == U_MEMORY_ALLOCATION_ERROR ? ERR_NOMEM : ERR_INTERNAL, "text boundaries failed: %s", u_errorName(ec));
}

/* ---- iterators ---- */

enum { IDLE_MAX = 64, LOCALE_BYTES = 16 };
static struct idle {
    UBreakIterator *b;
    UBreakIteratorType type;
    char locale[LOCALE_BYTES];
} idle[IDLE_MAX];
static int n_idle;
static pthread_mutex_t idle_mutex = PTHREAD_MUTEX_INITIALIZER;

static UBreakIterator *borrow(UBreakIteratorType type, const char *locale, UErrorCode *ec) {
    UBreakIterator *b = NULL;
    pthread_mutex_lock(&idle_mutex);
    for (int i = n_idle - 1; i >= 0 && !b; i--)
        if (idle[i].type == type && !strcmp(idle[i].locale, locale)) {
            b = idle[i].b;
            idle[i] = idle[--n_idle];
        }
    pthread_mutex_unlock(&idle_mutex);
    return b ? b : ubrk_open(type, locale, NULL, 0, ec);
}

static void give_back(UBreakIterator *b, UBreakIteratorType type, const char *locale) {
    pthread_mutex_lock(&idle_mutex);
    int keep = n_idle < IDLE_MAX && strlen(locale) < LOCALE_BYTES;
    if (keep) {
        struct idle *k = &idle[n_idle++];
        k->b = b, k->type = type;
        snprintf(k->locale, sizeof k->locale, "%s", locale);
    }
    pthread_mutex_unlock(&idle_mutex);
    if (!keep) ubrk_close(b);
}

/* ---- graphemes that are single characters ---- */

/* It joins neither what stands before it nor what stands after it, if that is of the same kind (UAX 29, GB3 to GB13). */
static int stands_alone(UChar32 c) {
    switch (u_getIntPropertyValue(c, UCHAR_GRAPHEME_CLUSTER_BREAK)) {
    case U_GCB_OTHER:
    case U_GCB_CONTROL:
    case U_GCB_LF:
    case U_GCB_LV:
    case U_GCB_LVT: return 1;
    default: return 0;
    }
}

/* Every character of a text does; no text that is no UTF-8. */
static int all_stand_alone(const char *s, size_t n) {
    for (size_t i = 0; i < n;) {
        UChar32 c;
        U8_NEXT(s, i, n, c);
        if (c < 0 || c == '\r' || (c >= 0x80 && !stands_alone(c))) return 0;
    }
    return 1;
}

static void mark_characters(const char *s, size_t n, unsigned char *at, size_t *count) {
    *count = 0;
    for (size_t i = 0; i <= n; i++) {
        if (i < n && U8_IS_TRAIL(s[i])) continue;
        *count += i < n;
        if (at) at[i] |= AT_GRAPHEME;
    }
}

/* ---- all ---- */

/* Marks every boundary with `flag` (at may be NULL); counts the segments, of words only those that hold letters or numbers. */
static int walk(UBreakIteratorType type, const char *locale, const char *s, size_t n, unsigned char *at, size_t *count,
                struct err *e) {
    UErrorCode ec = U_ZERO_ERROR;
    UText *t = utext_openUTF8(NULL, s, (int64_t)n, &ec);
    UBreakIterator *b = borrow(type, locale, &ec);
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
    if (b) give_back(b, type, locale);
    utext_close(t);
    return U_FAILURE(ec) ? icu_failed(e, ec) : 0;
}

static int walk_graphemes(const char *locale, const char *s, size_t n, unsigned char *at, size_t *count, struct err *e) {
    if (!all_stand_alone(s, n)) return walk(UBRK_CHARACTER, locale, s, n, at, count, e);
    mark_characters(s, n, at, count);
    return 0;
}

static int short_enough(size_t n, struct err *e) {
    return n <= FOLD_MAX_BYTES ? 0 : fail(e, ERR_LIMIT, "expected at most %d bytes of text, found %zu", (int)FOLD_MAX_BYTES, n);
}

int find_breaks(struct breaks *out, const char *locale, const char *s, size_t n, struct err *e) {
    struct breaks b = {0};
    TRY(short_enough(n, e));
    b.at = calloc(n + 1, 1);
    if (!b.at) return fail(e, ERR_NOMEM, "out of memory for the boundaries of %zu bytes", n);
    int rc = walk_graphemes(locale, s, n, b.at, &b.graphemes, e);
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
    return walk_graphemes("", s, n, NULL, out, e);
}
