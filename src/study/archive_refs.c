/* Ids, what facts refer to, and what must never be written. */
#include "study/archive_int.h"
#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void archive_id_hex(struct archive_id id, char hex[ARCHIVE_ID_HEX]) { digest_hex(id.b, hex); }

int archive_id_parse(const char *hex, struct archive_id *out, struct err *e) { return digest_parse(hex, out->b, e); }

const char *archive_role_name(enum archive_role r) {
    static const char *const names[ARCHIVE_ROLES] = {"plain", "system", "user", "assistant"};
    return (unsigned)r < ARCHIVE_ROLES ? names[r] : "?";
}

int archive_found(struct finder *f, int64_t from, int64_t to, const char *record, const char *fmt, ...) {
    char what[300];
    va_list args;
    va_start(args, fmt);
    vsnprintf(what, sizeof what, fmt, args);
    va_end(args);
    f->n++;
    if (!f->fn) return fail_at(f->strict, ERR_FORMAT, f->file, from, "%s%s%s", record, *record ? ": " : "", what);
    f->fn(f->user, &(struct archive_finding){.file = f->file, .from = from, .to = to, .record = record, .what = what});
    return 0;
}

void archive_context_id(const struct archive_id *parent, const struct archive_part *parts, size_t n, struct archive_id *id) {
    static const char domain[] = "candor context"; /* with its zero byte */
    struct digest d;
    digest_begin(&d);
    digest_add(&d, domain, sizeof domain);
    digest_add(&d, parent->b, sizeof parent->b);
    for (size_t i = 0; i < n; i++) {
        unsigned char role = (unsigned char)parts[i].role;
        digest_add(&d, &role, 1);
        digest_add(&d, parts[i].text.b, sizeof parts[i].text.b);
    }
    digest_end(&d, id->b);
}

/* ---- references ---- */

static int ends_in(const char *name, const char *end) {
    size_t n = strlen(name), m = strlen(end);
    return n >= m && !strcmp(name + n - m, end) && (n == m || name[n - m - 1] == '_');
}

static int ref_value(const json_t *v, int context, archive_ref_fn *fn, void *user, struct err *e) {
    if (json_is_null(v)) return 0;
    if (!json_is_string(v))
        return fail(e, ERR_ARG, "expected an id as a string of 64 hexadecimal digits, or null, found other JSON");
    return fn(user, context, json_string_value(v), e);
}

static const struct {
    const char *end;
    int context, list;
} ref_kinds[] = {{"text_id", 0, 0}, {"text_ids", 0, 1}, {"context_id", 1, 0}, {"context_ids", 1, 1}};
enum { REF_KINDS = sizeof ref_kinds / sizeof *ref_kinds };

static int ref_kind(const char *name) { /* -1: no reference */
    for (int k = 0; k < REF_KINDS; k++)
        if (ends_in(name, ref_kinds[k].end)) return k;
    return -1;
}

static int ref_member(int kind, const char *name, const json_t *v, archive_ref_fn *fn, void *user, struct err *e) {
    int context = ref_kinds[kind].context;
    if (!ref_kinds[kind].list || json_is_null(v)) return ref_value(v, context, fn, user, e);
    if (!json_is_array(v)) return fail(e, ERR_ARG, "expected a list of ids in \"%.60s\", found other JSON", name);
    for (size_t i = 0; i < json_array_size(v); i++) TRY(ref_value(json_array_get(v, i), context, fn, user, e));
    return 0;
}

static int name_order(const void *a, const void *b) { return strcmp(*(const char *const *)a, *(const char *const *)b); }

static int refs(const json_t *v, int depth, archive_ref_fn *fn, void *user, struct err *e);

static int object_refs(const json_t *v, int depth, archive_ref_fn *fn, void *user, struct err *e) {
    json_t *object = (json_t *)(uintptr_t)v; /* jansson walks only what it may change */
    size_t n = json_object_size(v), i = 0;
    const char **names = malloc((n + 1) * sizeof *names);
    int rc = 0;
    if (!names) return fail(e, ERR_NOMEM, "no memory to walk a fact");
    for (void *at = json_object_iter(object); at && i < n; at = json_object_iter_next(object, at)) {
        const json_t *member = json_object_iter_value(at);
        const char *name = json_object_iter_key(at);
        if (json_is_object(member) || json_is_array(member) || ref_kind(name) >= 0) names[i++] = name;
    }
    qsort(names, i, sizeof *names, name_order);
    for (size_t k = 0; k < i && rc >= 0; k++) {
        const json_t *member = json_object_get(v, names[k]);
        int kind = ref_kind(names[k]);
        rc = kind >= 0 ? ref_member(kind, names[k], member, fn, user, e) : refs(member, depth + 1, fn, user, e);
    }
    free(names);
    return rc;
}

static int refs(const json_t *v, int depth, archive_ref_fn *fn, void *user, struct err *e) {
    if (depth > 100) return fail(e, ERR_LIMIT, "expected JSON of at most 100 levels, found a deeper fact");
    if (json_is_object(v)) return object_refs(v, depth, fn, user, e);
    for (size_t i = 0; json_is_array(v) && i < json_array_size(v); i++) TRY(refs(json_array_get(v, i), depth + 1, fn, user, e));
    return 0;
}

int archive_refs(const struct json_t *fact, archive_ref_fn *fn, void *user, struct err *e) { return refs(fact, 0, fn, user, e); }

int archive_resolve(const struct archive *a, int context, const char *hex, struct fact_ref *out, struct err *e) {
    struct archive_id id;
    TRY(archive_id_parse(hex, &id, e));
    int64_t i = context ? contexts_find(&a->contexts, &id) : texts_find(&a->texts, &id);
    *out = (struct fact_ref){.index = (uint32_t)i, .context = (uint32_t)context};
    if (i >= 0) return 1;
    return context ? 0 : fail(e, ERR_FORMAT, "expected the id of a stored text in a fact, found %.70s", hex);
}

int archive_dangling(void *archive, int context, const char *hex, struct err *e) {
    const struct archive *a = archive;
    struct archive_id id, none = {{0}};
    TRY(archive_id_parse(hex, &id, e));
    if (context && !memcmp(&id, &none, sizeof id)) return 0;
    if ((context ? contexts_find(&a->contexts, &id) : texts_find(&a->texts, &id)) >= 0) return 0;
    return fail(e, ERR_ARG, "expected the id of a stored %s, found %.70s", context ? "context" : "text", hex);
}

int archive_parse_json(const char *s, size_t n, struct json_t **out, struct err *e) {
    json_error_t wrong;
    *out = json_loadb(s, n, JSON_ALLOW_NUL | JSON_DECODE_ANY | JSON_REJECT_DUPLICATES, &wrong);
    if (*out) return 0;
    if (json_error_code(&wrong) == json_error_out_of_memory) return fail(e, ERR_NOMEM, "no memory for JSON");
    return fail(e, ERR_FORMAT, "expected JSON, found: %s (byte %d)", wrong.text, wrong.position);
}

/* ---- secrets ---- */

static int keep_secret(struct archive *a, const char *s, size_t n, struct err *e) {
    for (int i = 0; i < a->n_secrets; i++)
        if (strlen(a->secrets[i]) == n && !memcmp(a->secrets[i], s, n)) return 0;
    if (a->n_secrets == 2 * ARCHIVE_SECRETS) return fail(e, ERR_LIMIT, "an archive forbids at most %d secrets", ARCHIVE_SECRETS);
    char *copy = strndup(s, n);
    if (!copy) return fail(e, ERR_NOMEM, "no memory for a secret");
    a->secrets[a->n_secrets++] = copy;
    return 0;
}

int archive_forbid(struct archive *a, const char *secret, struct err *e) {
    size_t n = strlen(secret);
    if (n < 8) return fail(e, ERR_ARG, "expected a secret of at least 8 bytes, found %zu", n);
    TRY(keep_secret(a, secret, n, e));
    json_t *j = json_string(secret);
    char *quoted = j ? json_dumps(j, JSON_ENCODE_ANY) : NULL;
    json_decref(j);
    if (!quoted) return 0; /* no UTF-8: JSON cannot hold it */
    size_t m = strlen(quoted);
    int rc = keep_secret(a, quoted + 1, m - 2, e);
    explicit_bzero(quoted, m);
    free(quoted);
    return rc;
}

int archive_check_secrets(const struct archive *a, const void *p, size_t n, struct err *e) {
    for (int i = 0; i < a->n_secrets; i++)
        if (memmem(p, n, a->secrets[i], strlen(a->secrets[i])))
            return fail(e, ERR_STATE, "refused: what should be stored contains a secret that must not be written");
    return 0;
}
