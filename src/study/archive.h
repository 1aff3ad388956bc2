/* The archive of a study: every finished fact, stored once, found again, and sealed into bytes that depend on nothing but the facts.
 *
 * Four kinds of content: facts (JSON under a unique key such as "cell003/rep012/turn07/agent04"), measurements beside them (JSON; any
 * number under a key: seconds, retries, hosts), texts (content-addressed, id = SHA-256 of the bytes) and contexts (a prompt as a chain:
 * a parent context and some more parts, each a role and a text; so a fact names one id, and N turns cost O(N) of storage).
 *
 * While a study runs, everything is appended to PATH.journal: a put that has returned survives a kill of the process, and after
 * archive_sync also a power cut. archive_open cuts an incomplete last record off and keeps all before it. archive_seal writes the facts,
 * texts and contexts in canonical order to PATH and the measurements to PATH.measured; PATH has the same bytes whatever the order of the
 * puts, and however often the writer was killed. A sealed archive can be continued: a new journal then lies beside it until the next seal.
 * PATH.measured names the content of the facts that it was sealed with: one of other facts is damage. Where it is gone, PATH can be read, and
 * written only once that was agreed to (an empty file of its name).
 * docs/archive.md describes the bytes.
 *
 * References: a member of a fact whose name is text_id or ends in _text_id holds the id of a text (64 hexadecimal digits), context_id or
 * *_context_id that of a context, *_ids a list of them; null is no reference. They must exist when the fact is put.
 * Owner: archive_close releases. Thread: one at a time. Errors: IO, FORMAT (damage, with file and byte), BUSY (another writer), STATE
 * (put into an archive that is read), ARG, LIMIT, NOMEM. A put that failed has left nothing behind and may be repeated. */
#ifndef STUDY_ARCHIVE_H
#define STUDY_ARCHIVE_H
#include "base/err.h"
#include "base/str.h"
#include <stddef.h>
#include <stdint.h>

struct json_t;
struct archive;
enum { ARCHIVE_MAX_KEY = 255, ARCHIVE_MAX_RECORD = 64 << 20, ARCHIVE_ID_BYTES = 32, ARCHIVE_ID_HEX = 2 * ARCHIVE_ID_BYTES + 1 };

struct archive_id {
    unsigned char b[ARCHIVE_ID_BYTES];
}; /* all zero: none; as a context: the empty one */
void archive_id_hex(struct archive_id id, char hex[ARCHIVE_ID_HEX]);
int archive_id_parse(const char *hex, struct archive_id *out, struct err *e);

enum archive_mode {
    ARCHIVE_READ, /* what is there now; no lock, nothing is changed */
    ARCHIVE_WRITE /* creates, or goes on where the last writer stopped; one writer at a time */
};
int archive_open(struct archive **out, const char *path, enum archive_mode mode, struct err *e);
/* Flushes without syncing; NULL allowed. What was not sealed stays in the journal. */
void archive_close(struct archive *a);

struct archive_info {
    int64_t facts, notes, texts, contexts;
    int64_t cut_bytes; /* of an incomplete last record, cut off when the archive was opened (READ: ignored) */
    int sealed;        /* nothing lies outside the sealed files */
    int lost;          /* PATH.measured, and with it every frozen reference, is not there (any more) */
};
void archive_info(const struct archive *a, struct archive_info *out);

/* --- writing --- */
/* Keys are 1 to 255 printable ASCII characters without space, ordered by bytes: write numbers with leading zeros. JSON is borrowed,
 * stored compactly with sorted keys. The same fact key twice is ERR_STATE, also when the content is the same. */
int archive_put(struct archive *a, const char *key, const struct json_t *fact, struct err *e);
int archive_note(struct archive *a, const char *key, const struct json_t *measurement,
                 struct err *e);                     /* flushed by the next put */
int archive_flush(struct archive *a, struct err *e); /* what was put and noted so far survives the end of this process */
/* Storing what is there already costs a lookup. Any bytes; *id may be NULL. */
int archive_text(struct archive *a, const void *bytes, size_t n, struct archive_id *id, struct err *e);

enum archive_role { ARCHIVE_PLAIN, ARCHIVE_SYSTEM, ARCHIVE_USER, ARCHIVE_ASSISTANT, ARCHIVE_ROLES };
const char *archive_role_name(enum archive_role r); /* "plain", "system", "user", "assistant" */
struct archive_part {
    enum archive_role role;
    struct archive_id text;
};
/* parent + n parts (n ≥ 1); id = SHA-256 of "candor context", a zero byte, the parent's id and for each part the role (one byte) and the
 * text's id. So the same parts added in two steps are another context than in one: extend at the same points everywhere. */
int archive_context(struct archive *a, struct archive_id parent, const struct archive_part *parts, int n, struct archive_id *id,
                    struct err *e);
int archive_sync(struct archive *a, struct err *e); /* what was put so far survives a power cut */
/* From now on whatever contains this secret (8 bytes or more) is refused with ERR_STATE, without printing it: defence in depth for keys
 * of remote engines. At most 16. The copy is wiped on close. */
int archive_forbid(struct archive *a, const char *secret, struct err *e);
/* Writes PATH and PATH.measured, each to a temporary name, then removes the journal. The archive stays open, for reading and writing. */
int archive_seal(struct archive *a, struct err *e);

/* --- reading --- */
int archive_has(const struct archive *a, const char *key); /* a fact */
/* *out NULL if there is none (returns 0); else the caller's reference. */
int archive_find(struct archive *a, const char *key, struct json_t **out, struct err *e);
/* In canonical order of keys, those that begin with prefix ("" or NULL: all). json is compact and NUL-terminated, valid during the call.
 * A non-zero return ends it and is returned. fn may read the archive, not write to it. */
typedef int archive_fn(void *user, const char *key, const char *json, size_t n, struct err *e);
int archive_each(struct archive *a, const char *prefix, archive_fn *fn, void *user, struct err *e);
int archive_each_note(struct archive *a, const char *prefix, archive_fn *fn, void *user,
                      struct err *e); /* equal keys: as they came */
/* Replaces the content of out. ERR_ARG if there is no such id. */
int archive_text_get(struct archive *a, struct archive_id id, struct str *out, struct err *e);
/* All parts from the root on; free(). The empty context has none. */
int archive_context_parts(struct archive *a, struct archive_id id, struct archive_part **parts, int *n, struct err *e);
/* One step: the parent and how many parts it adds. */
int archive_context_step(struct archive *a, struct archive_id id, struct archive_id *parent, int *n, struct err *e);

/* --- verification --- */
struct archive_finding {
    const char *file;
    int64_t from, to;   /* bytes [from, to) of the file; -1: none */
    const char *record; /* which: a key, "text 3fa9…", "index", …; "" if unknown */
    const char *what;   /* expected and found */
};
typedef void archive_finding_fn(void *user, const struct archive_finding *f);
struct archive_report {
    struct archive_info info;
    int findings;
    struct archive_id file; /* SHA-256 over the sealed file up to its last 32 bytes, which hold it; zero: not sealed */
    struct archive_id
        content; /* SHA-256 over the uncompressed records: independent of the compressor's version; zero: not sealed */
};
/* Reads everything: checksums, order and uniqueness of keys, references, ids, lengths. Returns 0 when it could look (findings counted),
 * negative when there is no such archive or no memory. */
int archive_verify(const char *path, struct archive_report *r, archive_finding_fn *fn, void *user, struct err *e);
#endif
