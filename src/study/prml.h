/* PRML, the "Pre-Registered ML Manifest" (versions prml/0.1 and prml/0.2): one metric against one threshold, fixed before an experiment by
 * the SHA-256 of canonical bytes (spec.falsify.dev, CC BY 4.0). Manifests are read as YAML or as JSON.
 *
 * Canonical bytes: block mappings, keys in byte order, two spaces a level, LF; text plain where YAML 1.1 would read it back as the same text,
 * else in single quotes; reals with the fewest digits that read back. Sequences and empty mappings have no form that the published vectors
 * fix, and are refused by name.
 * Owner: prml_free. Immutable: any thread. Errors are placed (path:line:column): FORMAT and ARG for what the format rejects, UNSUPPORTED,
 * LIMIT, NOMEM. */
#ifndef STUDY_PRML_H
#define STUDY_PRML_H
#include "base/err.h"
#include "base/str.h"
#include "study/digest.h"
#include <stdint.h>

struct prml;
int prml_read(struct prml **out, const char *path, struct err *e);
int prml_parse(struct prml **out, const char *name, const char *s, size_t n, struct err *e);
void prml_free(struct prml *m);

int prml_canonical(const struct prml *m, struct str *out, struct err *e); /* replaces the content of out */
int prml_hash(const struct prml *m, char hex[DIGEST_HEX], struct err *e);
/* The text of a field ("claim_id", "prior_hash", "dataset.hash"); NULL if it is not there. */
const char *prml_field(const struct prml *m, const char *name);
/* Whether an observation satisfies the claim: observed COMPARATOR threshold; == within metric_args.tolerance (1e-9). NaN never does. */
int prml_holds(const struct prml *m, double observed);
/* 0 if `next` amends `prior`: its prior_hash is the hash of it. ERR_STATE says what does not fit. (That both have the same claim_id is
 * asked by the text of the format, but not so in its published vectors; it is not asked here.) */
int prml_amends(const struct prml *next, const struct prml *prior, struct err *e);

/* A claim id (UUID version 7, RFC 9562): milliseconds since 1970 and ten bytes of randomness. */
enum { PRML_ID = 37 };
void prml_claim_id(uint64_t milliseconds, const unsigned char random[10], char id[PRML_ID]);

/* The parts of the canonical form, for tests and for other manifests of this kind. */
int prml_is_plain(const char *s, size_t n); /* a text that needs no quotes */
int prml_put_text(struct str *out, const char *s, size_t n);
int prml_put_real(struct str *out, double x); /* finite */
#endif
