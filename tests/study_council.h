/* A small council for tests: two languages with the same texts, so that a sentence can be written by hand. */
#ifndef TESTS_STUDY_COUNCIL_H
#define TESTS_STUDY_COUNCIL_H
#include "base/str.h"
#include "study/council.h"
#include "study/planted.h"
#include "study/runner.h"
#include "test_files.h"

#define COUNCIL_HEAD     "candor: council/1\ncode: CODE\nsetting: \"A room.\"\n"
#define COUNCIL_PREFIXES "prefixes: {alignment: \"Be kind.\", placebo: \"Be tidy.\", individuation: \"Be you.\"}\n"
#define COUNCIL_PROMPTS                                                                           \
    "prompts:\n  self: \"You are {name}.\"\n  reply: \"Two lines: [{monologue}] and [{talk}]\"\n" \
    "  reask: \"Again: [{monologue}] and [{talk}]\"\n  go: \"Speak.\"\n"
#define COUNCIL_ASKS "question: \"Q: {question}\"\noptions: \"A: {values}\"\nevidence: \"Seen: {value}\"\n"
#define COUNCIL_LINES_TEXT                                                                      \
    "lines:\n  note: [\"I think {value}.\", \"To me {value}.\"]\n  say: [\"It is {value}.\"]\n" \
    "  agree: [\"Yes, {value}.\"]\n  differ: [\"No, {value}.\"]\n"
#define COUNCIL_TOPICS                                                                             \
    "topics:\n  - {id: key, question: \"Which key?\", values: [red, blue, green, white, black]}\n" \
    "  - {id: pet, question: \"Which pet?\", values: [cat, dog, fox, hen]}\n"
static const char COUNCIL_TEXT[] = COUNCIL_HEAD COUNCIL_PREFIXES COUNCIL_PROMPTS COUNCIL_ASKS COUNCIL_LINES_TEXT COUNCIL_TOPICS;

#define COUNCIL_STUDY                                                                                                        \
    "candor: study/1\nid: group\nseed: 7\nlanguages: [en, ja]\nmodels: [{id: m}]\n"                                          \
    "council: {options: 4, reliability: 0.6, split: train}\ngroup: {agents: 6, turns: 4, order: fixed, context: all}\n"      \
    "events: none\nreplicates: 40\n"                                                                                         \
    "arms: [{id: none}, {id: half, alignment: \"50 %\"}, {id: placebo, placebo: \"100 %\"}, {id: own, individuation: \"100 " \
    "%\"}]\n"
static const char COUNCIL_PLANTED[] =
    "planted:\n"
    "  council:\n"
    "    en: {none: {persuaded: 0.2, conform: 0.6, misreport: 0.1}, alignment: {persuaded: 0.1, conform: 0.3, misreport: 0.05}, "
    "individuation: {persuaded: 0.05, conform: 0.2, misreport: 0.02}}\n"
    "    ja: {none: {persuaded: 0.1, conform: 0.4, misreport: 0.05}, alignment: {persuaded: 0.2, conform: 0.8, misreport: 0.1}, "
    "individuation: {persuaded: 0.15, conform: 0.5, misreport: 0.08}}\n";

/* Texts for the languages of a study: `other` for ja, if there is one. */
struct council_texts {
    const char *first, *other;
};

SHARED char *council_coded(const char *text, const char *code) {
    struct str b = {0};
    const char *at = strstr(text, "CODE");
    if (at)
        str_printf(&b, "%.*s%s%s", (int)(at - text), text, code, at + 4);
    else
        str_puts(&b, text);
    return b.s;
}

SHARED int council_language(void *ctx, const char *code, char **bytes, size_t *n, char *name, size_t size, struct err *e) {
    (void)ctx;
    return language_from_dir((void *)(size_t) "studies/lang", code, bytes, n, name, size, e);
}

SHARED int council_text(void *ctx, const char *code, char **bytes, size_t *n, char *name, size_t size, struct err *e) {
    const struct council_texts *t = ctx;
    (void)e;
    snprintf(name, size, "council/%s.yaml", code);
    *bytes = council_coded(t->other && !strcmp(code, "ja") ? t->other : t->first, code);
    *n = strlen(*bytes);
    return 0;
}

SHARED int council_parse(struct study **out, const char *study, const char *first, const char *other, struct err *e) {
    struct council_texts t = {first, other};
    struct language_source from = {.load = council_language, .council = council_text, .ctx = &t};
    *e = ERR_INIT;
    return study_parse(out, "council.yaml", study, strlen(study), &from, e);
}

/* The study with these lines behind it. */
SHARED struct study *council_make(const char *more) {
    struct str b = {0};
    struct study *s = NULL;
    str_puts(&b, COUNCIL_STUDY);
    str_puts(&b, more);
    OK(council_parse(&s, b.s, COUNCIL_TEXT, NULL, &e));
    str_free(&b);
    return s;
}

/* Planted members of all runs, sealed. */
SHARED void play_archive(const char *path, struct study *s, const char *expect) {
    struct planted *p = malloc(sizeof *p);
    struct archive *a;
    struct backend *b;
    struct runner_progress done;
    OK(planted_read(p, s, &e));
    OK(planted_open(&b, p, s, &e));
    OK(archive_open(&a, path, ARCHIVE_WRITE, &e));
    OK(runner_run(s, a, b, &(struct runner_opts){.no_contexts = 1}, &done, &e));
    OK(archive_seal(a, &e));
    cr_assert_str_eq(b->name, expect);
    archive_close(a);
    backend_close(b);
    free(p);
}
#endif
