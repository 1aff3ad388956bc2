/* Messages to a judging model and the JSON in its reply. */
#include "task/judge_chat.h"
#include "text/unicode.h"
#include <stdint.h>
#include <string.h>

int judge_put_some(struct str *out, const char *s, size_t n, size_t chars) {
    for (size_t at = 0, len; at < n && chars; at += len, chars--) {
        enum utf8 kind = utf8_scan(s + at, n - at, &len);
        if (kind == UTF8_PARTIAL) break;
        int plain = kind == UTF8_CHAR && s[at]; /* a NUL would end the JSON string of many a reader */
        TRY(plain ? str_add(out, s + at, len) : str_puts(out, "\xef\xbf\xbd"));
    }
    return 0;
}

int judge_put(struct str *out, const char *s, size_t n) { return judge_put_some(out, s, n, SIZE_MAX); }

int judge_messages(const char *system, struct str *user, json_t **messages, struct err *e) {
    json_t *m = user->failed ? NULL
                             : json_pack("[{s:s,s:s},{s:s,s:s}]", "role", "system", "content", system, "role", "user", "content",
                                         user->s ? user->s : "");
    str_free(user);
    if (!m) return fail(e, ERR_NOMEM, "no memory for a judge's messages");
    *messages = m;
    return 0;
}

json_t *judge_json(const char *reply) {
    enum { REPLY_MAX = 1 << 20, TRIES = 32 };
    size_t n = strnlen(reply, REPLY_MAX);
    for (size_t at = 0, tries = 0; at < n && tries < TRIES; at++) {
        if (reply[at] != '{' && reply[at] != '[') continue;
        json_t *v = json_loadb(reply + at, n - at, JSON_DISABLE_EOF_CHECK, NULL);
        if (v) return v;
        tries++;
    }
    return NULL;
}
