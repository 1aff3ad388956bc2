/* A small study for tests: built from a text, with the shipped languages. */
#ifndef TESTS_STUDY_GROUP_H
#define TESTS_STUDY_GROUP_H
#include "base/str.h"
#include "study/study.h"
#include <stdlib.h>
#include <string.h>

static inline int group_parse(struct study **out, const char *text, struct err *e) {
    struct language_source from = {.load = language_from_dir, .council = council_from_dir, .ctx = (void *)(size_t) "studies/lang"};
    *e = ERR_INIT;
    return study_parse(out, "group.yaml", text, strlen(text), &from, e);
}

/* agents, turns, order, context, monologue as in a study file; more: further lines (arms, planted). */
static inline int group_make(struct study **out, int agents, int turns, const char *order, const char *context,
                             const char *monologue, const char *more, struct err *e) {
    struct str b = {0};
    str_printf(&b,
               "candor: study/1\nid: group\nseed: 7\nlanguages: [en, ja]\nmodels: [{id: m}]\n"
               "group: {agents: %d, turns: %d, order: %s, context: %s}\nchannels: {monologue: %s}\n%s",
               agents, turns, order, context, monologue, more);
    int rc = group_parse(out, b.s, e);
    str_free(&b);
    return rc;
}
static const char GROUP_ARMS[] = "replicates: 3\narms: [{id: none}, {id: all, alignment: \"100 %\"}]\n";
#endif
