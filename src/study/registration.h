/* A registration: what was fixed before a study ran, in one JSON file that carries its own hash.
 *
 *   {"registration": "candor/1", "created_at": "2026-03-05T00:00:00Z", "study": {"sha256": "…", "text": "…"},
 *    "content": {"ja/prefix/alignment": "…", …}, "claims": [{"hash": "…", "prml": "…"}], "plan": {…},
 *    "prior_hash": "…", "hash": "…"}
 *
 * hash is the SHA-256 of all the rest as compact JSON with sorted keys, so the layout of the file is free. A registration is changed by
 * writing another one whose prior_hash is the hash of the first. plan is the caller's: hypotheses, tests, exclusions, references.
 * Errors: IO, FORMAT, NOMEM; STATE: the hash does not fit (changed after it was written). */
#ifndef STUDY_REGISTRATION_H
#define STUDY_REGISTRATION_H
#include "study/content.h"
#include "study/digest.h"

/* A new one. study: the bytes of the study file, which must be UTF-8; content: of content_hashes; plan may be NULL. New reference. */
int registration_new(struct json_t **out, const char *created_at, const char *study, size_t n, struct json_t *content,
                     struct json_t *plan, struct err *e);
int registration_claim(struct json_t *r, const char *canonical_prml,
                       struct err *e); /* adds a PRML manifest by its canonical bytes */
int registration_follow(struct json_t *r, const struct json_t *prior, struct err *e); /* r amends prior */
int registration_hash(const struct json_t *r, char hex[DIGEST_HEX], struct err *e);
int registration_write(struct json_t *r, const char *path, struct err *e);   /* sets its hash first */
int registration_read(struct json_t **out, const char *path, struct err *e); /* checked; new reference */
int registration_parse(struct json_t **out, const char *s, size_t n, struct err *e);
/* What is not as registered: "study changed" and the names of content_compare. Returns how many. */
int registration_deviations(const struct json_t *r, const char *study, size_t n, const struct json_t *content, content_fn *fn,
                            void *user, struct err *e);
#endif
