/* See claim.h. The manifest is written as JSON and read back by the reader of manifests, whose canonical bytes it gives. */
#include "study/claim.h"
#include "study/prml.h"
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Milliseconds since 1970 of a time in UTC; 0 if it is none, which the manifest's reader says better. */
static uint64_t milliseconds(const char *created_at) {
    struct tm t = {0};
    const char *end = strptime(created_at, "%Y-%m-%dT%H:%M:%S", &t);
    time_t s = end ? timegm(&t) : 0;
    return s > 0 ? 1000 * (uint64_t)s : 0;
}

static void claim_id(char id[PRML_ID], const struct study *s, const struct hypothesis *h, const char *created_at) {
    unsigned char sum[DIGEST_BYTES];
    struct digest d;
    digest_begin(&d);
    digest_add(&d, s->source, s->source_n);
    digest_add(&d, h->id, strlen(h->id) + 1);
    digest_end(&d, sum);
    prml_claim_id(milliseconds(created_at), sum, id);
}

static json_t *manifest(const struct study *s, const struct hypothesis *h, const char *created_at) {
    unsigned char sum[DIGEST_BYTES];
    char hash[DIGEST_HEX], id[PRML_ID];
    digest_bytes(s->source, s->source_n, sum);
    digest_hex(sum, hash);
    claim_id(id, s, h, created_at);
    return json_pack("{s:s, s:s, s:s, s:s, s:s, s:f, s:{s:s, s:s}, s:I, s:{s:s}, s:{s:s, s:s, s:s, s:s, s:s}}", "version",
                     "prml/0.1", "claim_id", id, "created_at", created_at, "metric", "directional_p", "comparator", "<",
                     "threshold", h->alpha, "dataset", "id", s->id, "hash", hash, "seed", (json_int_t)s->seed, "producer", "id",
                     "candor", "metric_args", "hypothesis", h->id, "of", hypothesis_metric_name(h->metric), "test",
                     hypothesis_test_name(h->test), "correction", hypothesis_correction_name(s->correction), "direction",
                     hypothesis_direction_name(h->direction));
}

int study_claim(struct str *out, const struct study *s, const struct hypothesis *h, const char *created_at, struct err *e) {
    struct prml *m = NULL;
    json_t *j = manifest(s, h, created_at);
    char *text = j ? json_dumps(j, JSON_COMPACT | JSON_SORT_KEYS) : NULL;
    json_decref(j);
    if (!text) return fail(e, ERR_NOMEM, "out of memory for a claim");
    int rc = prml_parse(&m, h->id, text, strlen(text), e);
    if (rc >= 0) rc = prml_canonical(m, out, e);
    prml_free(m);
    free(text);
    return rc;
}

int study_claims(json_t *registration, const struct study *s, const char *created_at, struct err *e) {
    struct str bytes = {0};
    int rc = 0;
    for (int i = 0; rc >= 0 && i < s->n_hypotheses; i++) {
        rc = study_claim(&bytes, s, &s->hypothesis[i], created_at, e);
        if (rc >= 0) rc = registration_claim(registration, bytes.s, e);
    }
    str_free(&bytes);
    return rc < 0 ? rc : 0;
}
