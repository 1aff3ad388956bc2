/* Several languages, ordered by their codes, so that what is said about them does not depend on the order of files. */
#include "base/fs.h"
#include "study/language.h"
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { PATH_MAX_BYTES = 4096, LANGUAGES_MAX = 256 };

int languages_add(struct languages *s, struct language *l, struct err *e) {
    int i = 0;
    while (i < s->n && strcmp(s->at[i]->code, l->code) < 0) i++;
    if (i < s->n && !strcmp(s->at[i]->code, l->code)) {
        language_free(s->at[i]);
        s->at[i] = l;
        return 0;
    }
    struct language **at = s->n < LANGUAGES_MAX ? realloc(s->at, ((size_t)s->n + 1) * sizeof *at) : NULL;
    if (!at) {
        int rc = s->n < LANGUAGES_MAX ? fail(e, ERR_NOMEM, "out of memory for a language")
                                      : fail(e, ERR_LIMIT, "expected at most %d languages, found more", LANGUAGES_MAX);
        language_free(l);
        return rc;
    }
    s->at = at;
    memmove(at + i + 1, at + i, (size_t)(s->n - i) * sizeof *at);
    at[i] = l;
    s->n++;
    return 0;
}

static int is_yaml(const struct dirent *d) {
    size_t n = strlen(d->d_name);
    return n > 5 && d->d_name[0] != '.' && !strcmp(d->d_name + n - 5, ".yaml");
}

int languages_read_dir(struct languages *s, const char *dir, struct err *e) {
    struct dirent **names;
    int n = scandir(dir, &names, is_yaml, alphasort), rc = 0;
    if (n < 0) return fail_at(e, ERR_IO, dir, -1, "cannot read the folder: %s", strerror(errno));
    for (int i = 0; i < n; i++) {
        char path[PATH_MAX_BYTES];
        struct language *l;
        if (!rc) rc = path_join(path, sizeof path, dir, names[i]->d_name, e);
        if (!rc) rc = language_read(&l, path, e);
        if (!rc) rc = languages_add(s, l, e);
        free(names[i]);
    }
    free(names);
    return rc;
}

void languages_free(struct languages *s) {
    for (int i = 0; i < s->n; i++) language_free(s->at[i]);
    free(s->at);
    *s = (struct languages){0};
}

const struct language *languages_find(const struct languages *s, const char *code) {
    for (int i = 0; i < s->n; i++)
        if (!strcmp(s->at[i]->code, code)) return s->at[i];
    return NULL;
}
