/* Folding goes piece by piece: a piece is what normalisation cannot combine with its neighbours, so that each folded character has a
 * small stretch of the original as its source. A piece longer than PIECE_MAX bytes (a letter with hundreds of marks) is cut, which
 * changes no word that anybody writes and bounds the work. */
#include "study/fold.h"
#include "text/unicode.h"
#include <stdlib.h>
#include <string.h>
#include <unicode/uchar.h>
#include <unicode/unorm2.h>
#include <unicode/ustring.h>

enum { PIECE_MAX = 64, ROOM = 2048 };

unsigned fold_mark_bit(const char *name) {
#define XX(id, word, bit) \
    if (!strcmp(name, word)) return bit;
    FOLD_MARK_MAP(XX)
#undef XX
    return 0;
}

const char *fold_mark_names(void) {
#define XX(id, word, bit) word ", "
    static const char names[] = FOLD_MARK_MAP(XX) "or nothing";
#undef XX
    return names;
}

struct folding {
    const struct fold_rules *r;
    const UNormalizer2 *nfkc, *cf;
    struct folded *out;
    size_t cap;
    struct err *e;
};

static int in(uint32_t c, uint32_t lo, uint32_t hi) { return c >= lo && c <= hi; }

static int ignored(unsigned marks, uint32_t c) {
    if (marks & FOLD_TASHKEEL && (in(c, 0x610, 0x61A) || in(c, 0x64B, 0x65F) || c == 0x670 || in(c, 0x6D6, 0x6ED))) return 1;
    if (marks & FOLD_TATWEEL && c == 0x640) return 1;
    return marks & FOLD_NUKTA && c == 0x93C;
}

static uint32_t plain(unsigned marks, uint32_t c) {
    if (c < 0x80) return in(c, '\t', '\r') ? ' ' : c;
    if (c == 0x2018 || c == 0x2019 || c == 0x2BC || c == 0xFF07) return '\'';
    if (u_isUWhiteSpace((UChar32)c)) return ' ';
    if (marks & FOLD_HAMZA) {
        if (in(c, 0x622, 0x623) || c == 0x625 || c == 0x671) return 0x627;
        if (c == 0x649) return 0x64A;
    }
    if (marks & FOLD_YO && c == 0x451) return 0x435;
    return c;
}

static int grow(struct folding *f) {
    struct folded *o = f->out;
    if (o->n < f->cap) return 0;
    size_t cap = f->cap ? f->cap * 2 : 256;
    uint32_t *v = malloc(cap * 3 * sizeof *v);
    if (!v) return fail(f->e, ERR_NOMEM, "out of memory for folded text");
    if (o->n) {
        memcpy(v, o->code, o->n * sizeof *v);
        memcpy(v + cap, o->start, o->n * sizeof *v);
        memcpy(v + 2 * cap, o->end, o->n * sizeof *v);
    }
    free(o->code);
    o->code = v, o->start = v + cap, o->end = v + 2 * cap;
    f->cap = cap;
    return 0;
}

static int put(struct folding *f, uint32_t c, size_t from, size_t to) {
    struct folded *o = f->out;
    if (c >= 0x80 && ignored(f->r->ignore, c)) return 0;
    c = plain(f->r->ignore, c);
    if (c == ' ' && o->n && o->code[o->n - 1] == ' ') { /* the last of several; a mark may still follow in its piece */
        o->start[o->n - 1] = (uint32_t)from, o->end[o->n - 1] = (uint32_t)to;
        return 0;
    }
    TRY(grow(f));
    o->code[o->n] = c, o->start[o->n] = (uint32_t)from, o->end[o->n] = (uint32_t)to;
    o->n++;
    return 0;
}

/* a -> b: Turkish letters of composed text. */
static int32_t fold_turkic(const struct folding *f, UChar *a, int32_t n, UChar *b, UErrorCode *ec) {
    int32_t m = unorm2_normalize(f->nfkc, a, n, b, ROOM, ec);
    m = u_strFoldCase(a, ROOM, b, m, U_FOLD_CASE_EXCLUDE_SPECIAL_I, ec);
    return m;
}

static int fold_piece(struct folding *f, const char *s, size_t from, size_t to) {
    UChar a[ROOM], b[ROOM];
    size_t had = f->out->n;
    int32_t n = 0, m;
    UErrorCode ec = U_ZERO_ERROR;
    u_strFromUTF8(a, ROOM, &n, s + from, (int32_t)(to - from), &ec);
    if (f->r->turkic) n = fold_turkic(f, a, n, b, &ec);
    m = unorm2_normalize(f->cf, a, n, b, ROOM, &ec);
    if (U_FAILURE(ec)) return fail(f->e, ERR_INTERNAL, "folding failed: %s", u_errorName(ec));
    for (int32_t i = 0; i < m;) {
        UChar32 c;
        U16_NEXT(b, i, m, c);
        TRY(put(f, (uint32_t)c, from, to));
    }
    if (f->out->n == had && had)
        f->out->end[had - 1] = (uint32_t)to; /* what is gone as a whole belongs to the letter before it */
    return 0;
}

/* A piece of one character that folding leaves as it is and that combines with nothing: most of what is not Latin. */
static int folds_to_itself(const struct folding *f, const char *s, size_t n, uint32_t *c) {
    size_t len;
    if (utf8_scan(s, n, &len) != UTF8_CHAR || len != n) return 0;
    *c = utf8_code(s, len);
    return unorm2_isInert(f->cf, (UChar32)*c);
}

/* Where the piece that begins at `from` ends. */
static size_t piece_end(const struct folding *f, const char *s, size_t n, size_t from) {
    size_t to = from + utf8_len(s + from, n - from), len;
    while (to < n && to - from < PIECE_MAX && utf8_scan(s + to, n - to, &len) == UTF8_CHAR) {
        UChar32 c = (UChar32)utf8_code(s + to, len);
        if (c < 0x80 || unorm2_hasBoundaryBefore(f->cf, c)) break;
        to += len;
    }
    return to;
}

static int fold_all(struct folding *f, const char *s, size_t n) {
    size_t len;
    for (size_t i = 0, to; i < n; i = to) {
        uint32_t c = (unsigned char)s[i];
        int special = f->r->turkic && c == 'I';
        if (c < 0x80 && !special && (i + 1 == n || (unsigned char)s[i + 1] < 0x80)) { /* what follows cannot combine with it */
            to = i + 1;
            TRY(put(f, c >= 'A' && c <= 'Z' ? c + 32 : c, i, to));
            continue;
        }
        int kind = utf8_scan(s + i, n - i, &len);
        if (kind != UTF8_CHAR) {
            to = i + (kind == UTF8_PARTIAL ? n - i : len);
            TRY(put(f, 0xFFFD, i, to));
            continue;
        }
        to = piece_end(f, s, n, i);
        if (to == i + 1 && c < 0x80 && !special)
            TRY(put(f, c >= 'A' && c <= 'Z' ? c + 32 : c, i, to));
        else if (folds_to_itself(f, s + i, to - i, &c))
            TRY(put(f, c, i, to));
        else
            TRY(fold_piece(f, s, i, to));
    }
    return 0;
}

int fold_text(struct folded *out, const struct fold_rules *r, const char *s, size_t n, struct err *e) {
    UErrorCode ec = U_ZERO_ERROR;
    struct folded made = {0};
    struct folding f = {
        .r = r, .nfkc = unorm2_getNFKCInstance(&ec), .cf = unorm2_getNFKCCasefoldInstance(&ec), .out = &made, .e = e};
    if (U_FAILURE(ec)) return fail(e, ERR_INTERNAL, "Unicode data is missing: %s", u_errorName(ec));
    if (n > FOLD_MAX_BYTES) return fail(e, ERR_LIMIT, "expected at most %d bytes of text, found %zu", (int)FOLD_MAX_BYTES, n);
    int rc = fold_all(&f, s, n);
    if (rc < 0)
        folded_free(&made);
    else
        *out = made;
    return rc;
}

void folded_free(struct folded *f) {
    free(f->code);
    *f = (struct folded){0};
}
