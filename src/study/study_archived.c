/* The study of an archive: its file, its languages and the texts of its council as they were when it began. */
#include "base/fs.h"
#include "base/str.h"
#include "study/archive.h"
#include "study/beside.h"
#include "study/study.h"
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

struct archived {
    struct archive *a;
    const json_t *fact;
    const char *dir;
};

static int text_of(struct archive *a, const json_t *o, const char *key, char **out, size_t *n, struct err *e) {
    struct archive_id id;
    struct str b = {0};
    const char *hex = json_string_value(json_object_get(o, key));
    if (!hex) return fail(e, ERR_FORMAT, "expected the fact \"study\" with %s, found none", key);
    TRY(archive_id_parse(hex, &id, e));
    TRY(archive_text_get(a, id, &b, e));
    if (!b.s) str_puts(&b, "");
    if (!b.s) return fail(e, ERR_NOMEM, "out of memory for a study");
    *out = b.s, *n = b.len;
    return 0;
}

static int load(void *ctx, const char *code, char **bytes, size_t *n, char *name, size_t name_size, struct err *e) {
    struct archived *x = ctx;
    snprintf(name, name_size, "%s/%s.yaml", x->dir ? x->dir : "", code);
    if (x->dir && file_exists(name)) return language_from_dir((void *)x->dir, code, bytes, n, name, name_size, e);
    snprintf(name, name_size, "%s.yaml", code);
    return text_of(x->a, json_object_get(json_object_get(x->fact, "languages"), code), "language_text_id", bytes, n, e);
}

/* What agents read is that of the archive in any case. */
static int load_council(void *ctx, const char *code, char **bytes, size_t *n, char *name, size_t name_size, struct err *e) {
    struct archived *x = ctx;
    snprintf(name, name_size, "council/%s.yaml", code);
    return text_of(x->a, json_object_get(json_object_get(x->fact, "languages"), code), "council_text_id", bytes, n, e);
}

int study_from_archive(struct study **out, struct archive *a, const char *languages_dir, struct err *e) {
    struct study *st = NULL;
    json_t *fact = NULL;
    char *s = NULL;
    size_t n = 0;
    if (languages_dir && !dir_exists(languages_dir))
        return fail_at(e, ERR_IO, languages_dir, -1, "expected a folder of language files, found none");
    TRY(archive_find(a, "study", &fact, e));
    if (!fact) return fail(e, ERR_FORMAT, "expected an archive of a study, found one without the fact \"study\"");
    struct archived x = {.a = a, .fact = fact, .dir = languages_dir};
    int rc = text_of(a, fact, "study_text_id", &s, &n, e);
    if (rc >= 0)
        rc = study_parse(&st, "study.yaml", s, n, &(struct language_source){.load = load, .council = load_council, .ctx = &x}, e);
    if (rc >= 0) rc = beside_from_archive(st, a, e);
    free(s);
    json_decref(fact);
    if (rc < 0)
        study_free(st);
    else
        *out = st;
    return rc;
}
