/* What the tests of remote share: a request with one user message, and its end. */
#ifndef CHAT_ASKS_H
#define CHAT_ASKS_H
#include "remote/chat.h"

#define ASKS __attribute__((unused)) static

ASKS struct chat_request ask(const char *text) {
    struct chat_request r = CHAT_REQUEST_INIT;
    r.messages = json_pack("[{s:s,s:s}]", "role", "user", "content", text);
    r.temperature = 0;
    r.max_tokens = 16;
    return r;
}
ASKS void asked(struct chat_request *r, int64_t n) {
    for (int64_t i = 0; i < n; i++) json_decref((json_t *)r[i].messages);
}
#endif
