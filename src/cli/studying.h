/* What the commands of a study begin with: its file, and where its languages are. */
#ifndef CLI_STUDYING_H
#define CLI_STUDYING_H
#include "cli/open.h"
#include "study/study.h"

#define OPT_LANGUAGES                                                                                           \
    {                                                                                                           \
        "languages", 0, "DIR", NULL,                                                                            \
            "folder with the language files, <code>.yaml; what it does not have is taken from the shipped ones" \
    }
int open_study(struct study **out, struct args *a, const char *path, struct err *e);
#endif
