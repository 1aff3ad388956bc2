/* Names and hashes of what a language file contains. */
#include "study/content.h"
#include "base/str.h"
#include "study/digest.h"
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int put_hash(json_t *object, const char *code, const char *id, const void *p, size_t n, struct err *e) {
    char hex[DIGEST_HEX], name[200];
    digest_text(p, n, hex);
    snprintf(name, sizeof name, "%.40s/%.140s", code, id);
    return json_object_set_new(object, name, json_string(hex)) < 0 ? fail(e, ERR_NOMEM, "no memory for the hash of %s", name) : 0;
}

static int line_order(const void *a, const void *b) { return strcmp(*(char *const *)a, *(char *const *)b); }

static int put_dictionary(json_t *object, const char *code, const struct dictionary_source *d, struct err *e) {
    struct str all = {0};
    char id[160], **lines = calloc((size_t)d->n_forms + 1, sizeof *lines);
    int n = 0, rc = lines ? 0 : fail(e, ERR_NOMEM, "no memory for a dictionary");
    for (; rc >= 0 && n < d->n_forms; n++) {
        const struct form *f = &d->forms[n];
        struct str line = {0};
        str_printf(&line, "%s\t%s\t%s\n", d->kinds[f->kind], form_rule_name(f->rule), f->text);
        if (line.failed || !line.s) rc = fail(e, ERR_NOMEM, "no memory for a dictionary");
        lines[n] = line.s;
    }
    if (rc >= 0) qsort(lines, (size_t)n, sizeof *lines, line_order);
    for (int i = 0; i < n; i++) {
        if (rc >= 0 && str_puts(&all, lines[i]) < 0) rc = fail(e, ERR_NOMEM, "no memory for a dictionary");
        free(lines[i]);
    }
    snprintf(id, sizeof id, "dictionary/%.140s", d->id);
    if (rc >= 0) rc = put_hash(object, code, id, all.s ? all.s : "", all.len, e);
    str_free(&all);
    free(lines);
    return rc;
}

int content_hashes(const struct language *l, json_t *object, struct err *e) {
    struct language_text *texts;
    int n, rc = 0;
    TRY(language_texts(l, &texts, &n, e));
    for (int i = 0; i < n && rc >= 0; i++) rc = put_hash(object, l->code, texts[i].id, texts[i].text, strlen(texts[i].text), e);
    free(texts);
    for (int i = 0; i < l->n_dictionaries && rc >= 0; i++) rc = put_dictionary(object, l->code, &l->dictionaries[i], e);
    return rc;
}

struct names {
    const char **at;
    size_t n;
};

static void add_names(struct names *s, const json_t *object) {
    json_t *o = (json_t *)(uintptr_t)object; /* jansson walks only what it may change */
    for (void *i = json_object_iter(o); i; i = json_object_iter_next(o, i)) s->at[s->n++] = json_object_iter_key(i);
}

static int name_order(const void *a, const void *b) { return strcmp(*(const char *const *)a, *(const char *const *)b); }

int content_compare(const json_t *registered, const json_t *now, content_fn *fn, void *user, struct err *e) {
    struct names s = {.at = calloc(json_object_size(registered) + json_object_size(now) + 1, sizeof *s.at)};
    int found = 0;
    if (!s.at) return fail(e, ERR_NOMEM, "no memory to compare hashes");
    add_names(&s, registered);
    add_names(&s, now);
    qsort(s.at, s.n, sizeof *s.at, name_order);
    for (size_t i = 0; i < s.n; i++) {
        if (i && !strcmp(s.at[i], s.at[i - 1])) continue;
        const json_t *was = json_object_get(registered, s.at[i]), *is = json_object_get(now, s.at[i]);
        if (was && is && json_equal(was, is)) continue;
        fn(user, s.at[i], !was ? "new" : !is ? "missing" : "changed");
        found++;
    }
    free(s.at);
    return found;
}
