/* The texts of a council: what a group reads that looks for a hidden fact, and the sentences in which its planted agents speak.
 *
 * One file per language, studies/council/<code>.yaml, laid over the language's own file: where it gives a text of that file (setting,
 * prefixes, prompts) it replaces it, the rest (names, tags, dictionaries, neutral text, turns) stays. Beside these it has the words of the
 * question, sentences with one place for a value, and topics: a question and its possible values. What has to be equal between the
 * languages of a study (ids of topics, numbers of values) is checked by the study's reader.
 *
 * A value is found in a sentence by one of the sentence forms, byte for byte, or else as the only value of its topic that occurs in the
 * folded text. That every form with every value is read back so, also without the forms, is checked when the file is read.
 * Owner: council_words_free (language_free calls it). Immutable: any thread. */
#ifndef STUDY_COUNCIL_WORDS_H
#define STUDY_COUNCIL_WORDS_H
#include "study/language.h"

enum { COUNCIL_MAX_VALUES = 16, COUNCIL_MAX_TOPICS = 64, COUNCIL_MAX_FORMS = 8 };

/* What a sentence does: the private note; the first word when nobody was heard; with the group; against it. */
#define COUNCIL_LINE_MAP(XX) \
    XX(NOTE, "note")         \
    XX(SAY, "say")           \
    XX(AGREE, "agree")       \
    XX(DIFFER, "differ")
enum council_line {
#define XX(id, name) LINE_##id,
    COUNCIL_LINE_MAP(XX)
#undef XX
        COUNCIL_LINES
};
const char *council_line_name(enum council_line l);

struct council_topic {
    const char *id, *question, *value[COUNCIL_MAX_VALUES];
    struct folded folded[COUNCIL_MAX_VALUES];
    int n;
};
struct council_words {
    const char *question, *options, *evidence; /* prompts of {question}, {values}, {value} */
    const char *line[COUNCIL_LINES][COUNCIL_MAX_FORMS];
    int n_forms[COUNCIL_LINES];
    struct council_topic *topics;
    int n_topics;
    struct yml_doc *doc;
};
/* Reads a file and lays it over the language. name: what errors call it. Errors are placed (path:line:column); the language may then
 * have some of the texts. */
int council_words_parse(struct language *l, const char *name, const char *s, size_t n, struct err *e);
void council_words_free(struct council_words *w); /* NULL allowed */

/* A text as a sentence of a kind; which value it names. */
struct council_said {
    int value; /* index into the topic's values; -1: none, or several */
    int line;  /* enum council_line; -1: none of the forms */
};
/* note: the text is a private note, so only those forms are looked at; else only the others. Errors: NOMEM. */
int council_said(struct council_said *out, const struct language *l, int topic, int note, const char *text, struct err *e);
#endif
