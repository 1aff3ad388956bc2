/* See claim.h. The manifest is written as JSON and read back by the reader of manifests, whose canonical bytes it gives. */
#include "study/claim.h"
#include "study/prml.h"
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Seconds since 1970 of a date or time of RFC 3339; -1: it is none. */
static time_t seconds_of(const char *created_at) {
    struct tm t = {0};
    int hours = 0, minutes = 0;
    char sign = 0;
    const char *end = strptime(created_at, "%Y-%m-%d", &t);
    if (!end) return -1;
    if (*end) end = strptime(end, *end == 't' ? "t%H:%M:%S" : "T%H:%M:%S", &t);
    if (end && *end == '.') end += 1 + strspn(end + 1, "0123456789");
    if (!end || (*end && !strchr("Zz", *end) && sscanf(end, "%c%2d:%2d", &sign, &hours, &minutes) != 3)) return -1;
    return timegm(&t) - (sign == '-' ? -60 : 60) * (60 * hours + minutes);
}

static void claim_id(char id[PRML_ID], const struct study *s, const struct hypothesis *h, time_t created) {
    unsigned char sum[DIGEST_BYTES];
    struct digest d;
    digest_begin(&d);
    digest_add(&d, s->source, s->source_n);
    digest_add(&d, h->id, strlen(h->id) + 1);
    digest_end(&d, sum);
    prml_claim_id(1000 * (uint64_t)created, sum, id);
}

static json_t *manifest(const struct study *s, const struct hypothesis *h, time_t created) {
    char hash[DIGEST_HEX], id[PRML_ID], when[40];
    struct tm utc;
    strftime(when, sizeof when, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&created, &utc));
    digest_text(s->source, s->source_n, hash);
    claim_id(id, s, h, created);
    json_t *margin = h->direction == IS_EQUIVALENT ? json_real(h->margin) : NULL;
    return json_pack("{s:s, s:s, s:s, s:s, s:s, s:f, s:{s:s, s:s}, s:I, s:{s:s}, s:{s:s, s:s, s:s, s:s, s:s, s:o*}}", "version",
                     "prml/0.1", "claim_id", id, "created_at", when, "metric", "directional_p", "comparator", "<", "threshold",
                     h->alpha, "dataset", "id", s->id, "hash", hash, "seed", (json_int_t)s->seed, "producer", "id", "candor",
                     "metric_args", "hypothesis", h->id, "of", hypothesis_metric_name(h->metric), "test",
                     hypothesis_test_name(h->test), "correction", hypothesis_correction_name(s->correction), "direction",
                     hypothesis_direction_name(h->direction), "margin", margin);
}

int study_claim(struct str *out, const struct study *s, const struct hypothesis *h, const char *created_at, struct err *e) {
    struct prml *m = NULL;
    time_t created = seconds_of(created_at);
    if (created < 0) return fail(e, ERR_FORMAT, "expected a date or a time as 2026-03-05T00:00:00Z, found \"%.60s\"", created_at);
    json_t *j = manifest(s, h, created);
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
