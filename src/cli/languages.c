/* From a code or a path to the file of a language. */
#include "cli/languages.h"
#include "base/fs.h"
#include <stdio.h>
#include <string.h>

int languages_dir(char out[PATH_SIZE], struct err *e) {
    char dir[PATH_SIZE];
    for (int i = 0; shipped_dir("CANDOR_STUDIES", "studies", i, dir); i++) {
        if (!dir[0] || path_join(out, PATH_SIZE, dir, "lang", NULL) < 0) continue;
        if (dir_exists(out)) return 0;
    }
    return fail(e, ERR_IO, "expected the shipped languages in $CANDOR_STUDIES/lang or beside the program, found no such folder");
}

int resolve_language(const char *code, char out[PATH_SIZE], struct err *e) {
    char dir[PATH_SIZE];
    if (strlen(code) >= PATH_SIZE - 16) return fail(e, ERR_ARG, "the language's path is too long");
    if (file_exists(code)) {
        snprintf(out, PATH_SIZE, "%s", code);
        return 0;
    }
    if (strchr(code, '/')) return fail_at(e, ERR_IO, code, -1, "expected a language file, found no such file");
    TRY(languages_dir(dir, e));
    int n = snprintf(out, PATH_SIZE, "%s/%s.yaml", dir, code);
    if (n < PATH_SIZE && file_exists(out)) return 0;
    return fail_at(
        e, ERR_IO, code, -1,
        "expected a language file or a shipped language's code (candor study languages lists them), found no such file");
}
