/* Replies on disk, so that a call is paid once: an append-only file of JSON lines, indexed in memory by what was asked.
 *
 *   {"row":"reply","key":"…","bytes":812,"api":"openai","text":"…",…,"measured":{"latency_s":0.8,…}}
 *
 * The key is of API style, model, request, seed and replicate (not of the host: the same model elsewhere is taken for the same).
 * Facts and measurements are apart as in base/sink.h. A row leaves with one write; what a kill tore is cut off at the next opening.
 * Only replies are stored, no failures; nothing ever expires. A row with a known key replaces the earlier one.
 * Thread: one. A file is open for use in one process at a time; any number may replay it. */
#ifndef REMOTE_CACHE_H
#define REMOTE_CACHE_H
#include "remote/chat.h"

/* 128 bits and a length of what was asked: base/hash.h twice, from two beginnings. */
struct chat_key {
    uint64_t h[2];
    int64_t bytes;
};
/* Of head and body, one behind the other. */
struct chat_key chat_key_of(const char *head, size_t head_n, const char *body, size_t n);

enum chat_cache_mode { CHAT_CACHE_USE, CHAT_CACHE_REPLAY /* read only: a reply that is not there is an error */ };
/* ERR_BUSY: another process has it open for use. ERR_FORMAT: a line is not such a row (file and line are named). */
int chat_cache_open(struct chat_cache **out, const char *path, enum chat_cache_mode mode, struct err *e);
void chat_cache_close(struct chat_cache *c);
int64_t chat_cache_size(const struct chat_cache *c); /* distinct keys */
int chat_cache_replays(const struct chat_cache *c);
const char *chat_cache_path(const struct chat_cache *c);

/* 1 and *out (cached set; the caller calls chat_reply_fini), 0 if it is not there. */
int chat_cache_find(struct chat_cache *c, const struct chat_key *k, struct chat_reply *out, struct err *e);
/* On disk when it returns 0. r->rc must be 0. */
int chat_cache_put(struct chat_cache *c, const struct chat_key *k, enum chat_api api, const struct chat_reply *r, struct err *e);
#endif
