/* Outputs that are inputs, refused before anything is written. */
#include "cli/outputs.h"
#include "cli/open.h"
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

static int is_file(const struct stat *out, const char *path) {
    struct stat st;
    return stat(path, &st) == 0 && S_ISREG(st.st_mode) && st.st_dev == out->st_dev && st.st_ino == out->st_ino;
}

int output_is(const char *path, const char *other) {
    struct stat out;
    return stat(path, &out) == 0 && is_file(&out, other);
}

static int is_of_archive(const struct stat *out, const char *path) {
    static const char *const tails[] = {"", ".measured", ".journal"};
    char name[PATH_SIZE];
    for (int i = 0; i < 3; i++)
        if (snprintf(name, sizeof name, "%s%s", path, tails[i]) < (int)sizeof name && is_file(out, name)) return 1;
    return 0;
}

int output_apart(struct args *a, const char *name, const char *but, struct err *e) {
    const char *path = arg_str(a, name);
    struct stat out;
    if (!path || stat(path, &out) < 0 || !S_ISREG(out.st_mode)) return 0;
    for (int i = 0; i < a->n_pos; i++)
        if (is_of_archive(&out, a->pos[i]))
            return usage_error(a, e, "--%s: expected another file than %.200s, which is read, found the same", name, a->pos[i]);
    for (int i = 0; i < a->n_given; i++) {
        const struct arg *g = &a->given[i];
        if (!g->value || !strcmp(g->opt->name, name) || (but && !strcmp(g->opt->name, but)) || !is_file(&out, g->value)) continue;
        return usage_error(a, e, "--%s: expected another file than --%s %.200s, found the same", name, g->opt->name, g->value);
    }
    return 0;
}
