/* References that an archive keeps, so that scores do not move when runs are added.
 *
 * A frozen reference is a measurement of the archive under the key "reference/UNIT/HITS" ("reference/graphemes/per_1000"), as score.h writes
 * it: facts, and so the sealed bytes of PATH, are untouched. Nothing is replaced: a later one of the same units is put behind the
 * earlier ones and holds from then on, and every earlier one can still be chosen by its number.
 * Thread: one (the archive's). Errors: those of the archive; NOMEM; RANGE: there is no such number. */
#ifndef STUDY_FREEZE_H
#define STUDY_FREEZE_H
#include "study/score.h"

struct archive;
/* Puts r behind those that are there, unless it is the last of them; returns 1 if it was put. The archive is open to be written, and not
 * sealed by this. */
int reference_freeze(struct archive *a, const struct reference *r, const struct study *s, struct err *e);
/* The number-th frozen reference of these units from 1 on, 0: the last. *out NULL: none (number 0). New reference. */
int reference_frozen(struct json_t **out, struct archive *a, const struct metric_opts *o, int number, struct err *e);

/* Where a reference comes from, by precedence. */
#define REFERENCE_FROM_MAP(XX)     \
    XX(GIVEN, "given")             \
    XX(REGISTERED, "registration") \
    XX(FROZEN, "archive")          \
    XX(OWN, "own")
enum reference_from {
#define XX(id, name) FROM_##id,
    REFERENCE_FROM_MAP(XX)
#undef XX
};
const char *reference_from_name(enum reference_from f);
struct reference_choice {
    const struct json_t *given; /* as reference_json writes it; NULL: none */
    int own;                    /* made of the archive's runs as they are, whatever is registered or frozen */
    int number;                 /* that frozen one, -1: the last of them, whatever is registered; 0: no wish */
    struct metric_opts o;       /* units of one that is made; a given or registered one has its own */
};
/* The given one, else the registered one, else the frozen one, else one made of the archive's runs. reference_free */
int reference_choose(struct reference *out, enum reference_from *from, const struct reference_choice *w, const struct scored *c,
                     struct archive *a, struct err *e);
#endif
