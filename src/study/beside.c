/* Files of languages, hung beside a study and kept in archives. */
#include "study/beside.h"
#include "base/fs.h"
#include "base/str.h"
#include "study/archive.h"
#include "study/yaml.h"
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char FACT[] = "languages";

void beside_free(struct study *s) {
    for (int i = 0; i < s->n_beside; i++) {
        language_free(s->beside[i].language);
        free(s->beside[i].bytes);
    }
    free(s->beside);
    s->beside = NULL, s->n_beside = 0;
}

static int has(const struct study *s, const char *code) {
    for (int i = 0; i < s->n_languages; i++)
        if (!strcmp(s->language[i]->code, code)) return 1;
    for (int i = 0; i < s->n_beside; i++)
        if (!strcmp(s->beside[i].language->code, code)) return 1;
    return 0;
}

/* Takes the bytes. */
static int add(struct study *s, const char *name, char *bytes, size_t n, struct err *e) {
    struct language *l = NULL;
    int rc = language_parse(&l, name, bytes, n, e);
    struct language_beside *v =
        rc < 0 || has(s, l->code) ? NULL : realloc(s->beside, ((size_t)s->n_beside + 1) * sizeof *s->beside);
    if (rc >= 0 && !v && !has(s, l->code)) rc = fail(e, ERR_NOMEM, "out of memory for languages");
    if (v) {
        s->beside = v;
        s->beside[s->n_beside++] = (struct language_beside){l, bytes, n};
        return 0;
    }
    language_free(l);
    free(bytes);
    return rc;
}

int beside_read_dir(struct study *s, const char *dir, struct err *e) {
    struct languages all = {0};
    int rc = languages_read_dir(&all, dir, e);
    for (int i = 0; i < all.n && rc >= 0; i++) {
        char *bytes;
        size_t n;
        const char *path = language_file(all.at[i]);
        if (has(s, all.at[i]->code)) continue;
        rc = file_read(&bytes, &n, path, YML_MAX_BYTES, e);
        if (rc >= 0) rc = add(s, path, bytes, n, e);
    }
    languages_free(&all);
    return rc;
}

/* ---- in an archive ---- */

static int put_text(json_t *list, const struct language_beside *b, struct archive *a, struct err *e) {
    struct archive_id id;
    char hex[ARCHIVE_ID_HEX];
    TRY(archive_text(a, b->bytes, b->n, &id, e));
    archive_id_hex(id, hex);
    json_t *o = json_pack("{s:s}", "language_text_id", hex);
    return json_object_set_new(list, b->language->code, o) < 0 ? fail(e, ERR_NOMEM, "out of memory for a fact") : 0;
}

int beside_put(const struct study *s, struct archive *a, struct err *e) {
    json_t *list;
    if (!s->n_beside || archive_has(a, FACT)) return 0;
    json_t *fact = json_pack("{s:o}", "beside", list = json_object());
    int rc = fact ? 0 : fail(e, ERR_NOMEM, "out of memory for a fact");
    for (int i = 0; i < s->n_beside && rc >= 0; i++) rc = put_text(list, &s->beside[i], a, e);
    if (rc >= 0) rc = archive_put(a, FACT, fact, e);
    json_decref(fact);
    return rc;
}

static int take(struct study *s, struct archive *a, const char *code, const json_t *o, struct err *e) {
    const char *hex = json_string_value(json_object_get(o, "language_text_id"));
    struct archive_id id;
    struct str b = {0};
    char name[80];
    if (!hex) return fail(e, ERR_FORMAT, "expected the fact \"languages\" with language_text_id, found none");
    TRY(archive_id_parse(hex, &id, e));
    TRY(archive_text_get(a, id, &b, e));
    if (!b.s) str_puts(&b, "");
    if (!b.s) return fail(e, ERR_NOMEM, "out of memory for languages");
    snprintf(name, sizeof name, "%.60s.yaml", code);
    return add(s, name, b.s, b.len, e);
}

int beside_from_archive(struct study *s, struct archive *a, struct err *e) {
    json_t *fact = NULL, *o;
    const char *code;
    TRY(archive_find(a, FACT, &fact, e));
    int rc = 0;
    json_object_foreach(json_object_get(fact, "beside"), code, o) {
        rc = take(s, a, code, o, e);
        if (rc < 0) break;
    }
    json_decref(fact);
    return rc;
}
