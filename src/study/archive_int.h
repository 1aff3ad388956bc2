/* What the files of the archive share and nobody else (archive.h is the promise).
 *
 *   archive.c          open, put, note, text, context, close
 *   archive_load.c     from files to tables, recovery
 *   archive_index.c    what is known of the content in memory: keys, ids, places; never payloads
 *   archive_journal.c  the journal: framing, recovery, appending
 *   archive_sealed.c   reading a sealed file
 *   archive_order.c    in which order a sealed file has its texts and contexts, and what stands of the one before
 *   archive_seal.c     writing one, and the exchange of journal for sealed files
 *   archive_refs.c     ids, references inside facts, forbidden secrets
 *   archive_read.c     finding and walking
 *   archive_inspect.c, archive_inspect_in.c   logs of Inspect AI, out and in
 *   archive_verify.c   looking at everything
 *
 * A record is a type and a payload; the same payloads stand in the journal and in sealed files:
 *   T  the bytes of the text
 *   C  varint parent + 1 (0: the empty context), varint n, n times (byte role, varint text)
 *   F  byte length of the key, key, JSON
 *   N  the same
 *   S  (journal only) the two hashes of the sealed files that are about to replace this journal
 * Texts and contexts are numbered from 0 in the order in which they stand: first those of the sealed file, then those of the journal. */
#ifndef STUDY_ARCHIVE_INT_H
#define STUDY_ARCHIVE_INT_H
#include "base/fs.h"
#include "study/archive.h"
#include "study/digest.h"

enum { RECORD_TEXT = 'T', RECORD_CONTEXT = 'C', RECORD_FACT = 'F', RECORD_NOTE = 'N', RECORD_SEAL = 'S' };
enum { JOURNAL_HEADER = 56, RECORD_HEADER = 20 };
enum { FRAME_TARGET = 256 << 10, FRAMES_CACHED = 12, ARCHIVE_SECRETS = 16 };
enum { SEALED_HEADER = 64, SEALED_FOOTER = 168 };

/* at >= 0: byte of the journal; else ~at = frame << 32 | byte inside the frame */
struct place {
    int64_t at;
    uint32_t len;
};
static inline struct place place_in_frame(size_t frame, size_t at, size_t len) {
    return (struct place){.at = ~(int64_t)((uint64_t)frame << 32 | at), .len = (uint32_t)len};
}

/* ---- findings: damage is either reported (fn) or the first one is the error (strict) ---- */
struct finder {
    const char *file;
    archive_finding_fn *fn;
    void *user;
    int n;
    struct err *strict; /* with fn NULL */
};
/* 0 if the search goes on, ERR_FORMAT if strict. record may be "". */
int archive_found(struct finder *f, int64_t from, int64_t to, const char *record, const char *fmt, ...)
    __attribute__((format(printf, 5, 6)));

/* ---- tables ---- */
struct slots { /* open addressing: index + 1, 0 is free */
    uint32_t *at;
    size_t n;
};
struct fact_ref {
    uint32_t index, context; /* of a text, or of a context */
};
#define REFS_UNKNOWN UINT32_MAX
struct keyed_entry {
    size_t key; /* byte in keys */
    struct place json;
    uint32_t n_refs; /* to texts and contexts, in the order of archive_refs; REFS_UNKNOWN: it was not put but read */
    size_t first_ref;
};
struct keyed {
    struct keyed_entry *at;
    size_t n, cap, keys_len, keys_cap;
    char *keys; /* each with its NUL */
    struct slots slots;
    uint64_t salt;
    struct fact_ref *refs;
    size_t n_refs, refs_cap;
    uint32_t *order; /* canonical; valid while n_order == n */
    size_t n_order;
};
struct text_entry {
    struct archive_id id;
    struct place bytes;
};
struct text_table {
    struct text_entry *at;
    size_t n, cap;
    struct slots slots;
};
struct context_entry {
    struct archive_id id;
    uint32_t parent; /* + 1; 0: the empty one */
    uint32_t n;
    size_t first; /* in parts */
};
struct context_part {
    uint32_t text;
    uint8_t role;
};
struct context_table {
    struct context_entry *at;
    size_t n, cap;
    struct context_part *parts;
    size_t n_parts, parts_cap;
    struct slots slots;
};
/* Room for `need` elements of `size` bytes; doubles. */
int array_room(void *array, size_t *cap, size_t need, size_t size, struct err *e);
/* _room: what makes the next _add of that size succeed. */
const char *keyed_key(const struct keyed *k, size_t i);
int64_t keyed_find(const struct keyed *k, const char *key, size_t n); /* -1: none */
int keyed_room(struct keyed *k, size_t n, int unique, struct err *e);
int keyed_add(struct keyed *k, const char *key, size_t n, struct place json, int unique, struct err *e);
int keyed_sort(struct keyed *k, struct err *e);
void keyed_free(struct keyed *k);
int64_t texts_find(const struct text_table *t, const struct archive_id *id);
int texts_room(struct text_table *t, struct err *e);
int texts_add(struct text_table *t, const struct archive_id *id, struct place bytes, struct err *e);
void texts_free(struct text_table *t);
int64_t contexts_find(const struct context_table *t, const struct archive_id *id);
int contexts_room(struct context_table *t, size_t parts, struct err *e);
int contexts_add(struct context_table *t, const struct archive_id *id, uint32_t parent, const struct context_part *parts,
                 size_t n, struct err *e);
void contexts_free(struct context_table *t);

/* ---- a sealed file, open for reading ---- */
struct frame {
    uint64_t at;
    uint32_t packed, raw, records;
    unsigned char sum[DIGEST_BYTES];
    const unsigned char *label; /* in the mapping */
    uint8_t label_n;
};
struct sealed {
    struct map map;
    char *path;
    int open;
    struct frame *frames;
    size_t n_frames;
    uint64_t counts[4]; /* texts, contexts, facts, notes */
    struct archive_id file, content;
    struct archive_id of; /* of measurements: the content of the facts that they were sealed with */
    struct cached_frame {
        size_t frame;
        unsigned char *bytes;
        uint64_t used;
    } cache[FRAMES_CACHED];
    uint64_t clock;
};

struct archive {
    char *path, *journal, *measured; /* names */
    enum archive_mode mode;
    int fd;         /* of the journal; -1: none */
    int64_t end;    /* its good bytes; `out` goes behind them */
    struct str out; /* not yet written */
    int64_t cut_bytes;
    int lost;         /* the measurements of the sealed facts are not there */
    int broken, busy; /* a failed write could not be undone; inside a walk */
    struct sealed facts_file, notes_file;
    struct keyed facts, notes;
    struct text_table texts;
    struct context_table contexts;
    char *secrets[2 * ARCHIVE_SECRETS]; /* as they are, and as JSON writes them */
    int n_secrets;
    struct str scratch;
};

int archive_new(struct archive **out, const char *path, enum archive_mode mode, struct err *e); /* no file is touched yet */
/* A record's payload into the tables. at: of the payload. */
int archive_load_record(struct archive *a, int type, const unsigned char *p, size_t n, struct place at, struct finder *f,
                        int64_t from, struct err *e);
/* The bytes at a place into out (replaced). notes: of the file of measurements. */
int archive_bytes(struct archive *a, int notes, struct place at, struct str *out, struct err *e);
/* Opens and reads the files of a->path; for writing also locks, recovers and begins the journal. */
int archive_load_files(struct archive *a, struct finder *f, struct err *e);
void archive_unload(struct archive *a); /* closes them, and forgets what they held */

/* ---- the order of a sealed file ---- */
struct archive_order {
    uint32_t *texts, *contexts; /* [n_texts], [n_contexts] in their new order */
    uint32_t *text, *context;   /* the new number + 1 of each; 0: no fact refers to it */
    uint32_t n_texts, n_contexts;
    size_t frames; /* so many of the sealed file's first frames stand as they are */
};
int archive_order(struct archive *a, struct archive_order *o, struct err *e);
void archive_order_free(struct archive_order *o);
/* 1 and *out; 0: a context that is none; ERR_FORMAT: a text that is not there. */
int archive_resolve(const struct archive *a, int context, const char *hex, struct fact_ref *out, struct err *e);

/* ---- varints ---- */
static inline int put_varint(struct str *s, uint64_t v) {
    unsigned char b[10];
    size_t n = 0;
    for (; v > 127; v >>= 7) b[n++] = (unsigned char)(v | 128);
    b[n++] = (unsigned char)v;
    return str_add(s, b, n);
}
struct cursor {
    const unsigned char *p, *end;
};
static inline int get_varint(struct cursor *c, uint64_t *out) { /* 0, or -1 if there is none */
    uint64_t v = 0;
    for (int shift = 0; c->p < c->end && shift < 63; shift += 7) {
        unsigned char b = *c->p++;
        v |= (uint64_t)(b & 127) << shift;
        if (b < 128) {
            *out = v;
            return 0;
        }
    }
    return -1;
}
static inline uint64_t get_le(const unsigned char *p, int bytes) {
    uint64_t v = 0;
    for (int i = bytes; i-- > 0;) v = v << 8 | p[i];
    return v;
}
static inline void set_le(unsigned char *p, uint64_t v, int bytes) {
    for (int i = 0; i < bytes; i++, v >>= 8) p[i] = (unsigned char)v;
}

/* ---- journal ---- */
/* Opens (and for writing creates and locks) the journal; *empty: it has no header yet. */
int journal_open(struct archive *a, struct archive_id *base, int *empty, struct err *e);
int journal_begin(struct archive *a, const struct archive_id *base, struct err *e); /* writes a fresh header */
typedef int journal_fn(void *user, int type, const unsigned char *p, size_t n, int64_t at, struct err *e);
struct journal_end {
    int64_t good, size; /* bytes that are whole records; of the file */
    int damaged;        /* the rest is no beginning of a record */
};
int journal_scan(int fd, journal_fn *fn, void *user, struct finder *f, struct journal_end *end, struct err *e);
int journal_check_header(const unsigned char h[JOURNAL_HEADER], struct archive_id *base);
int journal_add(struct archive *a, int type, const void *head, size_t head_n, const void *body, size_t n, struct place *at,
                struct err *e);                         /* into a->out; *at is the place of head */
int journal_flush(struct archive *a, struct err *e);    /* a->out to the file; on failure the file is as before */
void journal_forget(struct archive *a, size_t out_len); /* drops what was added since a->out had that length */

/* ---- sealed ---- */
/* Everything is checked; records go to fn. name of its place: frame and byte. */
typedef int sealed_fn(void *user, int type, const unsigned char *p, size_t n, struct place at, int64_t from, struct err *e);
int sealed_read(struct sealed *s, const char *path, const char *kind, sealed_fn *fn, void *user, struct finder *f, struct err *e);
int sealed_frame(struct sealed *s, size_t i, unsigned char **raw, struct err *e); /* borrowed until the next call */
int sealed_bytes(struct sealed *s, struct place at, struct str *out, struct err *e);
int sealed_id(const char *path, struct archive_id *id); /* its last 32 bytes; 0: there is no such file, or it is too short */
void sealed_close(struct sealed *s);
extern const char sealed_magic[17], sealed_end_magic[17];

/* ---- ids and references ---- */
void archive_context_id(const struct archive_id *parent, const struct archive_part *parts, size_t n, struct archive_id *id);
typedef int archive_ref_fn(void *user, int context, const char *hex, struct err *e);
int archive_refs(const struct json_t *fact, archive_ref_fn *fn, void *user, struct err *e); /* in the order of sorted keys */
int archive_check_secrets(const struct archive *a, const void *p, size_t n, struct err *e);
int archive_dangling(void *archive, int context, const char *hex, struct err *e); /* an archive_ref_fn */
int archive_parse_json(const char *s, size_t n, struct json_t **out, struct err *e);
#endif
