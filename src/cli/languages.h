/* Where the languages of studies lie: studies/lang of what is shipped, in the folders that cli/open.h searches; $CANDOR_STUDIES is the
 * folder that has lang in it. */
#ifndef CLI_LANGUAGES_H
#define CLI_LANGUAGES_H
#include "cli/open.h"
#include "study/language.h"

int languages_dir(char out[PATH_SIZE], struct err *e); /* the first of the folders that exists */
/* A path as given if it exists, else the file of a shipped language of that code. */
int resolve_language(const char *code, char out[PATH_SIZE], struct err *e);
#endif
