/* What a model wrote to itself before its reply, as models that reason do, when nobody cut it off: <think>…</think> in the text. */
#include "study/reply.h"
#include <string.h>
#include <strings.h>

static const char *const WORDS[] = {"think", "thinking"};

/* A mark, <word> or </word>, in [at, end) of the text. */
struct mark {
    size_t at, end;
    int closing;
};

static int mark_at(const char *s, size_t i, size_t n, struct mark *m) {
    if (s[i] != '<') return 0;
    int closing = i + 1 < n && s[i + 1] == '/';
    size_t from = i + 1 + (size_t)closing;
    for (size_t k = 0; k < sizeof WORDS / sizeof *WORDS; k++) {
        size_t w = strlen(WORDS[k]);
        if (from + w >= n || s[from + w] != '>' || strncasecmp(s + from, WORDS[k], w) != 0) continue;
        *m = (struct mark){i, from + w + 1, closing};
        return 1;
    }
    return 0;
}

/* The first mark from i on, of those that close if `closing`; at n: none. */
static struct mark next_mark(const char *s, size_t i, size_t n, int closing) {
    struct mark m;
    for (; i < n; i++)
        if (mark_at(s, i, n, &m) && (m.closing || !closing)) return m;
    return (struct mark){n, n, 0};
}

static int is_blank(const char *s, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (s[i] != ' ' && s[i] != '\t' && s[i] != '\r' && s[i] != '\n') return 0;
    return 1;
}

static void keep(struct str *thoughts, const char *s, size_t n) {
    while (n && is_blank(s, 1)) s++, n--;
    while (n && is_blank(s + n - 1, 1)) n--;
    if (n && thoughts->len) str_puts(thoughts, "\n");
    if (n) str_add(thoughts, s, n);
}

int reply_cut_thoughts(char *s, size_t *n, struct str *thoughts, struct err *e) {
    size_t out = 0, i = 0;
    struct mark m;
    while ((m = next_mark(s, i, *n, 0)).at < *n) {
        memmove(s + out, s + i, m.at - i);
        out += m.at - i, i = m.end;
        if (m.closing) { /* the prompt itself opened it */
            keep(thoughts, s, out);
            out = 0;
            continue;
        }
        struct mark end = next_mark(s, i, *n, 1);
        keep(thoughts, s + i, end.at - i);
        out = is_blank(s, out) ? 0 : out;
        if (end.at == *n && !out) /* of a reply that never began, this stays */
            memmove(s, s + m.at, m.end - m.at), out = m.end - m.at;
        else if (end.at < *n && out)
            s[out++] = '\n';
        i = end.end;
    }
    for (; i && !out && i < *n && is_blank(s + i, 1); i++) {}
    memmove(s + out, s + i, *n - i);
    *n = out + *n - i;
    s[*n] = 0;
    return thoughts->failed ? fail(e, ERR_NOMEM, "out of memory for a reply") : 0;
}
