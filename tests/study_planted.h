/* An archive of planted agents for tests: a small study (study_group.h), run to its end, open for reading. */
#ifndef TESTS_STUDY_PLANTED_H
#define TESTS_STUDY_PLANTED_H
#include "study/metric.h"
#include "study/planted.h"
#include "study_files.h"
#include "study_group.h"

static inline void planted_archive(struct study **s, struct planted *p, struct archive **a, const char *path, int agents,
                                   int turns, const char *more) {
    struct backend *b;
    struct runner_progress done;
    struct err e = ERR_INIT;
    remove_all(path);
    cr_assert_geq(group_make(s, agents, turns, "fixed", "all", "author", more, &e), 0, "%s", e.msg);
    cr_assert_geq(planted_read(p, *s, &e), 0, "%s", e.msg);
    cr_assert_geq(planted_open(&b, p, *s, &e), 0, "%s", e.msg);
    cr_assert_geq(archive_open(a, path, ARCHIVE_WRITE, &e), 0, "%s", e.msg);
    cr_assert_geq(runner_run(*s, *a, b, &(struct runner_opts){0}, &done, &e), 0, "%s", e.msg);
    backend_close(b);
}
#endif
