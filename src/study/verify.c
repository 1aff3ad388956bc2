/* An archive held against itself, a registration, and stored scores. */
#include "study/terms.h"
#include "study/verify_int.h"
#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void verify_found(struct verifier *x, const char *record, const char *fmt, ...) {
    char what[600];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(what, sizeof what, fmt, ap);
    va_end(ap);
    x->v.findings++;
    if (x->fn) x->fn(x->user, &(struct archive_finding){.file = "study", .from = -1, .to = -1, .record = record, .what = what});
}

/* ---- registration ---- */

static const char *hash_of(const json_t *r) {
    const char *s = json_string_value(json_object_get(r, "hash"));
    return s ? s : "none";
}

/* What was stamped must be what the archive deviates in. */
static int compare_deviations(struct verifier *x, const json_t *registration, const json_t *stamped) {
    json_t *now = NULL;
    size_t i, k;
    json_t *d, *o;
    TRY(archive_deviations(&now, x->s, x->a, registration, x->e));
    json_array_foreach(now, i, d) {
        int there = 0;
        json_array_foreach((json_t *)(uintptr_t)stamped, k, o) there |= json_equal(d, o);
        if (!there) verify_found(x, "registration", "a deviation that is not stamped: %s", json_string_value(d));
    }
    if (json_array_size(stamped) > json_array_size(now))
        verify_found(x, "registration", "expected %zu stamped deviations, found %zu", json_array_size(now),
                     json_array_size(stamped));
    json_decref(now);
    return 0;
}

static int check_registration(struct verifier *x, const json_t *given) {
    json_t *own = NULL, *stamped = NULL;
    struct err why = ERR_INIT;
    int rc = archive_registration(x->a, &own, &stamped, &why);
    if (rc == ERR_STATE || rc == ERR_FORMAT) {
        verify_found(x, "registration", "%s", why.msg);
        return 0;
    }
    if (rc < 0) return fail(x->e, rc, "%s", why.msg);
    x->v.registered = own != NULL;
    x->v.deviations = (int)json_array_size(stamped);
    if (given && !own) verify_found(x, "registration", "expected an archive that was begun with a registration, found none");
    if (given && own && strcmp(hash_of(given), hash_of(own)) != 0)
        verify_found(x, "registration", "expected the registration %.64s, found %.64s", hash_of(given), hash_of(own));
    const json_t *by = given ? given : own;
    rc = by ? compare_deviations(x, by, stamped) : 0;
    json_decref(own);
    json_decref(stamped);
    return rc;
}

static int check_planted(struct verifier *x) {
    json_t *fact = NULL;
    TRY(archive_find(x->a, "study", &fact, x->e));
    const char *by = json_string_value(json_object_get(fact, "backend"));
    int made = by && !strcmp(by, "planted");
    const char *id;
    json_t *part;
    json_object_foreach(json_object_get(fact, "models"), id, part) {
        const char *who = json_string_value(json_object_get(part, "backend"));
        made |= (who && !strcmp(who, "planted")) || json_is_true(json_object_get(part, "planted"));
    }
    x->v.planted = json_is_true(json_object_get(fact, "planted"));
    if (made && !x->v.planted)
        verify_found(x, "study", "expected planted: true of what the back end planted answered, found none");
    x->v.planted |= made;
    json_decref(fact);
    return 0;
}

/* ---- all ---- */

int study_verify(struct verified *out, struct archive *a, const struct verify_opts *o, archive_finding_fn *fn, void *user,
                 struct err *e) {
    struct verifier x = {.a = a, .fn = fn, .user = user, .e = e};
    TRY(study_from_archive(&x.s, a, NULL, e));
    int rc = proof_run(&x.v.proof, x.s, a, fn, user, e);
    x.v.findings = x.v.proof.findings;
    if (rc >= 0) rc = check_registration(&x, o->registration);
    if (rc >= 0 && o->score) rc = verify_scores(&x, o->score, o->words_of, o->threads);
    if (rc >= 0 && o->stats) rc = verify_again(&x, "stats", o->stats, o->stats_again);
    if (rc >= 0 && o->report) rc = verify_again(&x, "report", o->report, o->report_again);
    study_free(x.s);
    if (rc >= 0) rc = check_planted(&x);
    *out = x.v;
    return rc;
}
