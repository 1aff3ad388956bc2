/* Text made harmless: the only two ways in which foreign bytes get into a page, as HTML text and as JSON in a <script> element.
 *
 * In HTML text five characters are written as references, which is right in attributes between double quotes too. In a script element
 * references mean nothing and the end tag ends the data, so there '<' is written as JSON's own escape: "</script" and "<!--" cannot
 * occur. Outside strings JSON has no '<', so the text may be treated as a whole. */
#include "lab/page_int.h"
#include "text/unicode.h"
#include <stdlib.h>
#include <string.h>

/* Controls that HTML does not allow as text; of the rest tab and the ends of lines remain. */
static int control(uint32_t c) { return (c < 0x20 && c != '\t' && c != '\n' && c != '\r') || (c >= 0x7F && c < 0xA0); }

static const char *reference(char c) {
    switch (c) {
    case '&': return "&amp;";
    case '<': return "&lt;";
    case '>': return "&gt;";
    case '"': return "&quot;";
    case '\'': return "&#39;";
    default: return NULL;
    }
}

/* Appends the first character of s[0..n), n >= 1, or U+FFFD for what is none; returns how many bytes of s it stands for. */
static size_t add_char(struct str *out, const char *s, size_t n, int controls) {
    size_t used = 1;
    enum utf8 kind = utf8_scan(s, n, &used);
    if (kind == UTF8_CHAR && (controls || !control(utf8_code(s, used)))) {
        str_add(out, s, used);
    } else {
        str_puts(out, "\xEF\xBF\xBD");
    }
    return kind == UTF8_PARTIAL ? n : used;
}

void page_escape(struct str *out, const char *s, size_t n) {
    for (size_t i = 0; i < n;) {
        const char *ref = reference(s[i]);
        if (ref) {
            str_puts(out, ref);
            i++;
        } else {
            i += add_char(out, s + i, n - i, 0);
        }
    }
}

void page_escape_z(struct str *out, const char *s) { page_escape(out, s, strlen(s)); }

int page_json(struct str *out, const json_t *j) {
    char *text = json_dumps(j, JSON_COMPACT | JSON_ENCODE_ANY);
    if (!text) return ERR_NOMEM;
    size_t from = 0, i = 0;
    for (; text[i]; i++) {
        const char *escape = text[i] == '<' ? "\\u003c" : NULL;
        size_t len = 1;
        if (!strncmp(text + i, "\xE2\x80\xA8", 3)) escape = "\\u2028", len = 3;
        if (!strncmp(text + i, "\xE2\x80\xA9", 3)) escape = "\\u2029", len = 3;
        if (!escape) continue;
        str_add(out, text + from, i - from);
        str_puts(out, escape);
        from = i + len;
        i += len - 1;
    }
    str_add(out, text + from, i - from);
    free(text);
    return 0;
}

json_t *page_string(const char *s, size_t n) {
    struct str clean = {0};
    str_puts(&clean, "");
    for (size_t i = 0; i < n;) i += add_char(&clean, s + i, n - i, 1);
    json_t *j = clean.failed ? NULL : json_stringn(clean.s, clean.len);
    str_free(&clean);
    return j;
}
