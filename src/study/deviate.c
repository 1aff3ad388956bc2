/* Registering a study, and naming what differs from a registration: texts and dictionaries by their hashes, terms member by member. */
#include "base/str.h"
#include "study/answered.h"
#include "study/archive.h"
#include "study/claim.h"
#include "study/shown.h"
#include "study/terms.h"
#include "study/yaml.h"
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int content_of(json_t **out, const struct study *s, struct err *e) {
    json_t *o = json_object();
    int rc = o ? 0 : fail(e, ERR_NOMEM, "out of memory for hashes");
    for (int i = 0; rc >= 0 && i < s->n_languages; i++) rc = content_hashes(s->language[i], o, e);
    if (rc < 0)
        json_decref(o);
    else
        *out = o;
    return rc < 0 ? rc : 0;
}

/* ---- registering ---- */

static int complete(const struct study *s, struct err *e) {
    const struct yml_node *root = yml_root(s->doc), *countries = yml_get(root, "countries");
    if (!s->n_hypotheses)
        return yml_fail(s->doc, root, 0, ERR_FORMAT, e, "expected hypotheses in a study that is registered, found none");
    if (!*s->stop) return yml_fail(s->doc, root, 0, ERR_FORMAT, e, "expected the key \"stop\" (the stop rule), found none");
    for (int i = 0; i < s->n_languages; i++)
        if (!*s->country[i])
            return yml_fail(s->doc, countries ? countries : root, 0, ERR_FORMAT, e,
                            "countries: expected one for the language %s, found none", s->language[i]->code);
    return 0;
}

int study_register(json_t **out, const struct study *s, const char *created_at, json_t *reference, json_t *who, struct err *e) {
    json_t *content = NULL, *terms = NULL;
    TRY(complete(s, e));
    TRY(content_of(&content, s, e));
    int rc = study_terms(&terms, s, e);
    if (rc >= 0 && reference) json_object_set(terms, "frozen_reference", reference);
    if (rc >= 0 && who) json_object_set(terms, "answered_by", who);
    if (rc >= 0) rc = registration_new(out, created_at, s->source, s->source_n, content, terms, e);
    if (rc >= 0 && (rc = study_claims(*out, s, created_at, e)) < 0) json_decref(*out), *out = NULL;
    json_decref(content);
    json_decref(terms);
    return rc;
}

/* ---- deviating ---- */

struct naming {
    json_t *list;
    struct str path;
};

static void name_content(void *user, const char *name, const char *what) {
    struct naming *n = user;
    if (strcmp(name, "study") != 0) { /* what its bytes mean is said member by member */
        json_array_append_new(n->list, json_sprintf("%s of %.*s %s", strchr(name, '/') ? strchr(name, '/') + 1 : name,
                                                    (int)strcspn(name, "/"), name, what));
        return;
    }
    json_array_append_new(n->list, json_string("bytes of the study file changed"));
}

static void say(struct naming *n, const json_t *was, const json_t *is) {
    char *a = was ? json_shown(was) : NULL, *b = is ? json_shown(is) : NULL;
    json_array_append_new(n->list, json_sprintf("%s: registered %.200s, found %.200s", n->path.len ? n->path.s : "plan",
                                                a ? a : "none", b ? b : "none"));
    free(a);
    free(b);
}

static void differ(struct naming *n, const json_t *was, const json_t *is);

static void differ_member(struct naming *n, const char *key, const json_t *was, const json_t *is) {
    size_t len = n->path.len;
    str_printf(&n->path, "%s%s", len ? "/" : "", key);
    differ(n, was, is);
    n->path.len = len;
    if (n->path.s) n->path.s[len] = 0;
}

/* Objects are compared member by member, anything else as a whole. Depth is that of the terms. */
static void differ(struct naming *n, const json_t *was, const json_t *is) {
    if (was && is && json_equal(was, is)) return;
    if (!json_is_object(was) || !json_is_object(is)) {
        say(n, was, is);
        return;
    }
    json_t *a = (json_t *)(uintptr_t)was, *b = (json_t *)(uintptr_t)is; /* jansson walks only what it may change */
    for (void *i = json_object_iter(a); i; i = json_object_iter_next(a, i))
        differ_member(n, json_object_iter_key(i), json_object_iter_value(i), json_object_get(is, json_object_iter_key(i)));
    for (void *i = json_object_iter(b); i; i = json_object_iter_next(b, i))
        if (!json_object_get(was, json_object_iter_key(i)))
            differ_member(n, json_object_iter_key(i), NULL, json_object_iter_value(i));
}

/* Claims follow from the study and the time of registration; whoever changes them changes what was promised. */
static int check_claims(json_t *list, const struct study *s, const json_t *registration, struct err *e) {
    const char *created = json_string_value(json_object_get(registration, "created_at"));
    struct err why = ERR_INIT;
    json_t *again = json_pack("{s:[]}", "claims");
    int rc = created ? study_claims(again, s, created, &why) : ERR_FORMAT;
    if (rc == ERR_NOMEM) return json_decref(again), fail(e, rc, "%s", why.msg);
    if (rc < 0)
        json_array_append_new(list, json_string("created_at: expected the time of registration, found something else"));
    else if (!json_equal(json_object_get(again, "claims"), json_object_get(registration, "claims")))
        json_array_append_new(list, json_string("claims: they do not follow from the hypotheses"));
    json_decref(again);
    return 0;
}

int registration_open(const json_t *registration) {
    return !json_object_get(json_object_get(registration, "plan"), "answered_by");
}

int study_deviations(json_t **out, const struct study *s, const json_t *registration, const json_t *who, struct err *e) {
    struct naming n = {.list = json_array()};
    json_t *content = NULL, *terms = NULL, *plan = json_copy(json_object_get(registration, "plan"));
    int rc = content_of(&content, s, e);
    if (rc >= 0) rc = study_terms(&terms, s, e);
    if (rc >= 0) rc = registration_deviations(registration, s->source, s->source_n, content, name_content, &n, e);
    if (rc >= 0) {
        json_object_del(plan, "frozen_reference"); /* of scores, not of the run */
        if (who && !registration_open(registration)) json_object_set(terms, "answered_by", (json_t *)(uintptr_t)who);
        differ(&n, plan, terms);
        if (!json_array_size(n.list)) rc = check_claims(n.list, s, registration, e);
    }
    json_decref(plan);
    json_decref(content);
    json_decref(terms);
    str_free(&n.path);
    if (rc < 0)
        json_decref(n.list);
    else
        *out = n.list;
    return rc < 0 ? rc : 0;
}

/* ---- in an archive ---- */

int archive_deviations(json_t **out, const struct study *s, struct archive *a, const json_t *registration, struct err *e) {
    json_t *who = NULL;
    TRY(answered_archive(&who, a, e));
    int rc = study_deviations(out, s, registration, who, e);
    json_decref(who);
    return rc;
}

static int put_stamp(struct archive *a, const json_t *registration, const json_t *deviations, struct err *e) {
    struct archive_id id;
    char hex[DIGEST_HEX], text[ARCHIVE_ID_HEX];
    TRY(registration_hash(registration, hex, e));
    char *s = json_dumps(registration, JSON_COMPACT | JSON_SORT_KEYS);
    if (!s) return fail(e, ERR_NOMEM, "out of memory for a registration");
    int rc = archive_text(a, s, strlen(s), &id, e);
    free(s);
    TRY(rc);
    archive_id_hex(id, text);
    json_t *fact = json_pack("{s:s, s:s, s:O}", "hash", hex, "registration_text_id", text, "deviations", deviations);
    if (!fact) return fail(e, ERR_NOMEM, "out of memory for a fact");
    rc = archive_put(a, "registration", fact, e);
    json_decref(fact);
    return rc;
}

int archive_stamp(struct archive *a, const json_t *registration, const json_t *deviations, struct err *e) {
    json_t *is = NULL;
    char hex[DIGEST_HEX];
    TRY(registration_hash(registration, hex, e));
    TRY(archive_find(a, "registration", &is, e));
    if (!is && archive_has(a, "study"))
        return fail(e, ERR_STATE,
                    "expected an archive without runs, or one begun with this registration, found one begun without");
    if (!is) return put_stamp(a, registration, deviations, e);
    const char *was = json_string_value(json_object_get(is, "hash"));
    int same = was && !strcmp(was, hex) && json_equal(json_object_get(is, "deviations"), deviations);
    json_decref(is);
    return same ? 0
                : fail(e, ERR_STATE, "expected the registration and deviations with which the archive was begun, found others");
}

int archive_registration(struct archive *a, json_t **registration, json_t **deviations, struct err *e) {
    json_t *fact = NULL;
    struct archive_id id;
    struct str text = {0};
    *registration = *deviations = NULL;
    TRY(archive_find(a, "registration", &fact, e));
    if (!fact) return 0;
    const char *hex = json_string_value(json_object_get(fact, "registration_text_id"));
    int rc = hex ? archive_id_parse(hex, &id, e) : fail(e, ERR_FORMAT, "expected registration_text_id, found none");
    if (rc >= 0) rc = archive_text_get(a, id, &text, e);
    if (rc >= 0) rc = registration_parse(registration, text.s ? text.s : "", text.len, e);
    if (rc >= 0) {
        const char *says = json_string_value(json_object_get(fact, "hash"));
        const char *has = json_string_value(json_object_get(*registration, "hash"));
        if (!says || strcmp(says, has) != 0 || !json_is_array(json_object_get(fact, "deviations")))
            rc = fail(e, ERR_STATE, "expected hash and deviations of the registration, found others");
    }
    if (rc >= 0)
        *deviations = json_incref(json_object_get(fact, "deviations"));
    else
        json_decref(*registration), *registration = NULL;
    str_free(&text);
    json_decref(fact);
    return err_place(e, rc, "registration");
}
