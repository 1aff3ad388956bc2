/* Registrations: made, hashed, written, read and compared. */
#include "study/registration.h"
#include "base/fs.h"
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char format[] = "candor/1";
enum { REGISTRATION_MAX = 64 << 20 };

int registration_new(json_t **out, const char *created_at, const char *study, size_t n, json_t *content, json_t *plan,
                     struct err *e) {
    char hex[DIGEST_HEX];
    json_t *text = json_stringn(study, n);
    if (!text) return fail(e, ERR_FORMAT, "expected a study file in UTF-8, found other bytes");
    digest_text(study, n, hex);
    json_t *r = json_pack("{s:s, s:s, s:{s:s, s:o}, s:O, s:[], s:O?}", "registration", format, "created_at", created_at, "study",
                          "sha256", hex, "text", text, "content", content, "claims", "plan", plan);
    if (!r) return fail(e, ERR_NOMEM, "no memory for a registration");
    *out = r;
    return 0;
}

int registration_claim(json_t *r, const char *canonical_prml, struct err *e) {
    char hex[DIGEST_HEX];
    digest_text(canonical_prml, strlen(canonical_prml), hex);
    json_t *claim = json_pack("{s:s, s:s}", "hash", hex, "prml", canonical_prml);
    if (json_array_append_new(json_object_get(r, "claims"), claim) < 0) return fail(e, ERR_NOMEM, "no memory for a claim");
    return 0;
}

int registration_hash(const json_t *r, char hex[DIGEST_HEX], struct err *e) {
    json_t *rest = json_copy((json_t *)(uintptr_t)r); /* shallow; jansson has no const for it */
    if (!rest) return fail(e, ERR_NOMEM, "no memory for a registration");
    json_object_del(rest, "hash");
    char *s = json_dumps(rest, JSON_COMPACT | JSON_SORT_KEYS);
    json_decref(rest);
    if (!s) return fail(e, ERR_NOMEM, "no memory for a registration");
    digest_text(s, strlen(s), hex);
    free(s);
    return 0;
}

int registration_follow(json_t *r, const json_t *prior, struct err *e) {
    char hex[DIGEST_HEX];
    TRY(registration_hash(prior, hex, e));
    return json_object_set_new(r, "prior_hash", json_string(hex)) < 0 ? fail(e, ERR_NOMEM, "no memory for a registration") : 0;
}

int registration_write(json_t *r, const char *path, struct err *e) {
    char hex[DIGEST_HEX];
    struct file_out out;
    TRY(registration_hash(r, hex, e));
    if (json_object_set_new(r, "hash", json_string(hex)) < 0) return fail(e, ERR_NOMEM, "no memory for a registration");
    TRY(file_out_open(&out, path, e));
    if (json_dumpf(r, out.f, JSON_INDENT(2) | JSON_SORT_KEYS) < 0 || fputc('\n', out.f) < 0) {
        file_out_abort(&out);
        return fail_at(e, ERR_IO, path, -1, "cannot write the registration");
    }
    return file_out_commit(&out, e);
}

/* ---- reading ---- */

static int check_claims(const json_t *claims, struct err *e) {
    char hex[DIGEST_HEX];
    for (size_t i = 0; i < json_array_size(claims); i++) {
        const json_t *c = json_array_get(claims, i);
        const char *prml = json_string_value(json_object_get(c, "prml")), *says = json_string_value(json_object_get(c, "hash"));
        if (!prml || !says) return fail(e, ERR_FORMAT, "claim %zu: expected prml and hash, found other members", i);
        digest_text(prml, strlen(prml), hex);
        if (strcmp(hex, says) != 0) return fail(e, ERR_STATE, "claim %zu: expected hash %s, found %.70s", i, hex, says);
    }
    return 0;
}

static int check(const json_t *r, struct err *e) {
    char hex[DIGEST_HEX];
    const char *is = json_string_value(json_object_get(r, "registration")), *says = json_string_value(json_object_get(r, "hash"));
    const json_t *study = json_object_get(r, "study"), *text = json_object_get(study, "text");
    const char *of_text = json_string_value(json_object_get(study, "sha256"));
    if (!is || strcmp(is, format) != 0)
        return fail(e, ERR_FORMAT, "expected \"registration\": \"%s\", found \"%.40s\"", format, is ? is : "");
    if (!says || !json_is_object(json_object_get(r, "content")) || !json_is_array(json_object_get(r, "claims")) ||
        !json_is_string(text) || !of_text)
        return fail(e, ERR_FORMAT,
                    "expected hash, study (sha256, text), content and claims, found one missing or of another type");
    TRY(registration_hash(r, hex, e));
    if (strcmp(says, hex) != 0)
        return fail(e, ERR_STATE, "the registration was changed: its hash is %s, it says %.70s", hex, says);
    digest_text(json_string_value(text), json_string_length(text), hex);
    if (strcmp(of_text, hex) != 0)
        return fail(e, ERR_STATE, "the study in it was changed: its hash is %s, it says %.70s", hex, of_text);
    return check_claims(json_object_get(r, "claims"), e);
}

int registration_parse(json_t **out, const char *s, size_t n, struct err *e) {
    json_error_t why;
    json_t *r = json_loadb(s, n, JSON_REJECT_DUPLICATES, &why);
    int rc = r ? check(r, e) : fail_at(e, ERR_FORMAT, "", why.line, "expected JSON, found: %s", why.text);
    if (rc < 0)
        json_decref(r);
    else
        *out = r;
    return rc;
}

int registration_read(json_t **out, const char *path, struct err *e) {
    char *s;
    size_t n;
    TRY(file_read(&s, &n, path, REGISTRATION_MAX, e));
    int rc = registration_parse(out, s, n, e);
    free(s);
    return err_place(e, rc, path);
}

int registration_deviations(const json_t *r, const char *study, size_t n, const json_t *content, content_fn *fn, void *user,
                            struct err *e) {
    char hex[DIGEST_HEX];
    const char *was = json_string_value(json_object_get(json_object_get(r, "study"), "sha256"));
    int found = 0;
    digest_text(study, n, hex);
    if (!was || strcmp(was, hex) != 0) {
        fn(user, "study", "changed");
        found++;
    }
    int more = content_compare(json_object_get(r, "content"), content, fn, user, e);
    return more < 0 ? more : found + more;
}
