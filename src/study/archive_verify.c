/* Looking at everything. The files are read as archive_open reads them, except that damage is reported and the reading goes on where that
 * makes sense; then every fact is parsed, and what it refers to must be there. */
#include "study/archive_int.h"
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

struct looking {
    struct archive *a;
    struct finder *f;
    int refs; /* facts refer to texts, measurements to nothing */
};

static int look_at(void *user, const char *key, const char *json, size_t n, struct err *e) {
    struct looking *l = user;
    struct err why = ERR_INIT;
    json_t *value = NULL;
    int rc = archive_parse_json(json, n, &value, &why);
    if (rc >= 0 && l->refs) rc = archive_refs(value, archive_dangling, l->a, &why);
    json_decref(value);
    if (rc == ERR_NOMEM) return fail(e, ERR_NOMEM, "%s", why.msg);
    return rc < 0 ? archive_found(l->f, -1, -1, key, "%s", why.msg) : 0;
}

/* Damage that ends the reading (a journal that cannot be one, a frame that lies about itself) is a finding too. */
static int as_finding(struct finder *f, int rc, struct err *e) {
    if (rc != ERR_FORMAT && rc != ERR_STATE) return rc;
    f->file = e->where;
    archive_found(f, e->at, -1, "", "%s", e->msg);
    return 0;
}

static void only_counted(void *user, const struct archive_finding *f) { (void)user, (void)f; }

int archive_verify(const char *path, struct archive_report *r, archive_finding_fn *fn, void *user, struct err *e) {
    struct err why = ERR_INIT;
    struct finder f = {.fn = fn ? fn : only_counted, .user = user, .file = path};
    struct archive *a;
    TRY(archive_new(&a, path, ARCHIVE_READ, e));
    int rc = as_finding(&f, archive_load_files(a, &f, &why), &why);
    if (rc >= 0 && f.n == 0) {
        f.file = a->path;
        rc = as_finding(&f, archive_each(a, NULL, look_at, &(struct looking){a, &f, 1}, &why), &why);
        f.file = a->measured;
        if (rc >= 0) rc = as_finding(&f, archive_each_note(a, NULL, look_at, &(struct looking){a, &f, 0}, &why), &why);
    }
    if (rc < 0) {
        fail_at(e, rc, why.where[0] ? why.where : path, why.at, "%s", why.msg);
    } else {
        *r = (struct archive_report){.findings = f.n, .file = a->facts_file.file, .content = a->facts_file.content};
        archive_info(a, &r->info);
    }
    archive_close(a);
    return rc;
}
