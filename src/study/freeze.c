/* Frozen references in an archive, and the choice among references. */
#include "study/freeze.h"
#include "study/archive.h"
#include "study/terms.h"
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define XX(id, name) name,
static const char *const froms[] = {REFERENCE_FROM_MAP(XX)};
#undef XX
const char *reference_from_name(enum reference_from f) { return froms[f]; }

static void key_of(char out[64], const struct metric_opts *o) {
    snprintf(out, 64, "reference/%s/%s", metric_unit_name(o->monologue), o->raw ? "raw" : "per_1000");
}

struct finding {
    int wanted, seen; /* wanted 0: the last */
    json_t *last;
};

static int look(void *user, const char *key, const char *json, size_t n, struct err *e) {
    struct finding *f = user;
    json_error_t why;
    if (f->wanted && f->seen == f->wanted) return 0;
    json_decref(f->last);
    f->last = json_loadb(json, n, 0, &why);
    f->seen++;
    return f->last ? 0 : fail_at(e, ERR_FORMAT, key, -1, "expected a reference as JSON, found: %.120s", why.text);
}

int reference_frozen(json_t **out, struct archive *a, const struct metric_opts *o, int number, struct err *e) {
    struct finding f = {.wanted = number};
    char key[64];
    key_of(key, o);
    int rc = archive_each_note(a, key, look, &f, e);
    if (rc >= 0 && f.seen < number)
        rc = fail(e, ERR_RANGE, "expected %d frozen references under %s, found %d", number, key, f.seen);
    if (rc < 0)
        json_decref(f.last);
    else
        *out = f.last;
    return rc < 0 ? rc : 0;
}

/* As it is when it was written and read. */
static json_t *written(const struct reference *r, const struct study *s, struct err *e) {
    json_t *j = reference_json(r, s), *back = NULL;
    char *text = j ? json_dumps(j, JSON_COMPACT) : NULL;
    if (text) back = json_loads(text, 0, NULL);
    free(text);
    json_decref(j);
    if (!back) fail(e, ERR_NOMEM, "out of memory for a reference");
    return back;
}

int reference_freeze(struct archive *a, const struct reference *r, const struct study *s, struct err *e) {
    char key[64];
    json_t *last = NULL, *now = written(r, s, e);
    if (!now) return ERR_NOMEM;
    key_of(key, &r->o);
    int rc = reference_frozen(&last, a, &r->o, 0, e), same = rc >= 0 && last && json_equal(last, now);
    if (rc >= 0 && !same) rc = archive_note(a, key, now, e);
    if (rc >= 0 && !same) rc = archive_sync(a, e);
    json_decref(last);
    json_decref(now);
    return rc < 0 ? rc : !same;
}

/* ---- the choice ---- */

static int registered(json_t **out, struct archive *a, struct err *e) {
    json_t *registration = NULL, *deviations = NULL;
    TRY(archive_registration(a, &registration, &deviations, e));
    *out = json_incref(json_object_get(json_object_get(registration, "plan"), "frozen_reference"));
    json_decref(registration);
    json_decref(deviations);
    return 0;
}

/* Without them nobody can say whether a reference was frozen, and another one must not take its place in silence. */
static int expect_measurements(struct archive *a, struct err *e) {
    struct archive_info i;
    archive_info(a, &i);
    if (!i.lost) return 0;
    return fail(e, ERR_STATE,
                "expected the measurements of the archive (its file .measured), where frozen references are kept, found none: "
                "put the file "
                "back, or say which reference is meant (--reference FILE or own)");
}

static int choose(struct reference *out, enum reference_from *from, const struct reference_choice *w, const struct scored *c,
                  struct archive *a, struct err *e) {
    json_t *found = NULL;
    if (w->given) {
        *from = FROM_GIVEN;
        return reference_read(out, c->s, w->given, e);
    }
    if (!w->own && !w->number) TRY(registered(&found, a, e));
    if (!w->own && !found) TRY(expect_measurements(a, e));
    *from = found ? FROM_REGISTERED : FROM_FROZEN;
    if (!w->own && !found) TRY(reference_frozen(&found, a, &w->o, w->number > 0 ? w->number : 0, e));
    if (!found && w->number) return fail(e, ERR_RANGE, "expected a frozen reference in the archive, found none");
    if (!found) {
        *from = FROM_OWN;
        return reference_make(out, c, &w->o, e);
    }
    int rc = reference_read(out, c->s, found, e);
    json_decref(found);
    return rc;
}

int reference_choose(struct reference *out, enum reference_from *from, const struct reference_choice *w, const struct scored *c,
                     struct archive *a, struct err *e) {
    TRY(choose(out, from, w, c, a, e));
    if (out->o.monologue != UNIT_TOKENS || (*c->tokenizer && !strcmp(out->tokenizer, c->tokenizer))) return 0;
    int rc = fail(e, ERR_STATE, "expected tokens counted by the vocabulary of the reference (--tokenizer; %.60s), found %.60s",
                  out->tokenizer, *c->tokenizer ? c->tokenizer : "none counted");
    reference_free(out);
    return rc;
}
