/* A language as data: everything that agents of a group read, and the words that are counted in what they say.
 *
 * One YAML file per language holds the scenario, the personas, the scripted events, the prefixes, the words of the protocol and the
 * dictionaries. The program knows which parts there are and which placeholders each has; it knows no word of any language. Files of
 * other people load by path, with the same rules as the shipped ones in studies/lang. What has to be equal between languages (ids,
 * turns, kinds) is not checked here, where one file is read, but in parity.h.
 *
 * Placeholders are {name}; a brace that stands for itself does not occur in prompts.
 * Owner: language_free releases everything; all strings are borrowed from the language. Immutable: any thread. */
#ifndef STUDY_LANGUAGE_H
#define STUDY_LANGUAGE_H
#include "base/err.h"
#include "study/fold.h"

enum { LANGUAGE_MAX_PERSONAS = 64, LANGUAGE_MAX_EVENTS = 200, LANGUAGE_MAX_KINDS = 16, LANGUAGE_MAX_FORMS = 20000 };

struct persona {
    const char *id, *name, *about;
};
struct scripted_event {
    int turn; /* from 1, ascending */
    const char *phase, *text;
};

/* How a form is found in folded text (see dictionary.h). */
#define FORM_RULE_MAP(XX)                                               \
    XX(WORD, "word", "begins and ends where words do")                  \
    XX(STEM, "stem", "begins where a word does; any ending may follow") \
    XX(SUBSTRING, "substring", "anywhere, of whole graphemes")
enum form_rule {
#define XX(id, name, about) FORM_##id,
    FORM_RULE_MAP(XX)
#undef XX
        FORM_RULES
};
const char *form_rule_name(enum form_rule r);

struct form {
    const char *text;
    enum form_rule rule;
    int kind;      /* index into kinds */
    int line, col; /* in the file, for findings */
};
struct dictionary_source {
    const char *id;
    const char *kinds[LANGUAGE_MAX_KINDS];
    int n_kinds, n_forms;
    struct form *forms;
};
/* Every language has these three; a file may have others beside them. */
#define DICTIONARY_MAP(XX)       \
    XX(BOUNDARY, "boundary")     \
    XX(PROTECTIVE, "protective") \
    XX(CONFORMITY, "conformity")
enum { LANGUAGE_MAX_DICTIONARIES = 8 };

/* The channels of a turn, by the words that agents write before what they say. */
#define CHANNEL_MAP(XX)        \
    XX(TALK, "talk")           \
    XX(MONOLOGUE, "monologue") \
    XX(WHISPER, "whisper")
enum channel {
#define XX(id, name) CHANNEL_##id,
    CHANNEL_MAP(XX)
#undef XX
        CHANNELS
};

/* Texts put before an agent's role. */
#define PREFIX_MAP(XX)         \
    XX(ALIGNMENT, "alignment") \
    XX(PLACEBO, "placebo")     \
    XX(INDIVIDUATION, "individuation")
enum prefix_id {
#define XX(id, name) PREFIX_##id,
    PREFIX_MAP(XX)
#undef XX
        PREFIXES
};

/* The words of the protocol: id, key, placeholders (each at least once, no others). {talk}, {monologue}, {whisper} are the tags. */
#define PROMPT_MAP(XX)                                \
    XX(SELF, "self", "name about")                    \
    XX(OTHERS, "others", "names")                     \
    XX(REPLY, "reply", "talk monologue whisper name") \
    XX(REASK, "reask", "talk monologue whisper name") \
    XX(TURN, "turn", "turn turns")                    \
    XX(EVENT, "event", "text")                        \
    XX(HEARD, "heard", "name text")                   \
    XX(WHISPERED, "whispered", "from text")           \
    XX(SAID, "said", "text")                          \
    XX(THOUGHT, "thought", "text")                    \
    XX(WHISPERING, "whispering", "to text")           \
    XX(SILENT, "silent", "name")                      \
    XX(GO, "go", "name")
enum prompt_id {
#define XX(id, name, holes) PROMPT_##id,
    PROMPT_MAP(XX)
#undef XX
        PROMPTS
};
const char *channel_name(enum channel c);
const char *prefix_name(enum prefix_id p);
const char *prompt_name(enum prompt_id p);

struct language {
    const char *code, *name, *script; /* script: ISO 15924, "Latn", "Jpan" */
    int rtl;
    struct fold_rules fold;  /* Turkish letters, marks to ignore */
    const char *word_breaks; /* ICU locale of its word boundaries */
    const char *title, *setting, *neutral;
    struct persona *personas;
    int n_personas;
    struct scripted_event *events;
    int n_events;
    const char *prefixes[PREFIXES], *tags[CHANNELS], *prompts[PROMPTS];
    struct dictionary_source dictionaries[LANGUAGE_MAX_DICTIONARIES];
    int n_dictionaries;
    struct council_words *council; /* the texts of a council that lie over this language (council_words.h); NULL: none */
    struct yml_doc *doc;
};

/* Errors are placed (path:line:column): IO, FORMAT, RANGE, LIMIT, UNSUPPORTED, NOMEM. */
int language_read(struct language **out, const char *path, struct err *e);
int language_parse(struct language **out, const char *name, const char *s, size_t n, struct err *e);
void language_free(struct language *l);
const char *language_file(const struct language *l);
const struct dictionary_source *language_dictionary(const struct language *l, const char *id); /* NULL: none */
const struct persona *language_persona(const struct language *l, const char *id);

/* Every text of a language under a stable name ("persona/leader/about", "event/3", "prompt/reply"), in a fixed order. */
struct language_text {
    char id[96];
    const char *text;
    int prompt; /* has placeholders */
};
int language_texts(const struct language *l, struct language_text **out, int *n, struct err *e); /* free() */

/* Several languages, ordered by code. */
struct languages {
    struct language **at;
    int n;
};
int languages_add(struct languages *s, struct language *l, struct err *e);   /* takes l; replaces one of the same code */
int languages_read_dir(struct languages *s, const char *dir, struct err *e); /* every *.yaml of a folder */
void languages_free(struct languages *s);
const struct language *languages_find(const struct languages *s, const char *code);
#endif
