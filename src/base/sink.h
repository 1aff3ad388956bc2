/* Row sinks: all results leave computation as rows; what stores them is a sink. Today JSON lines; databases come later.
 *
 * A row is a list of typed fields, valid during the call. `kind` names the table ("candidate", "method", "train_step").
 * Facts and measurements are apart (design §5): fields with .measure = 1 are measurements and are written under the "measured"
 * object, so that the facts of two runs compare byte for byte. A sink is used by one thread. */
#ifndef BASE_SINK_H
#define BASE_SINK_H
#include "base/err.h"
#include <stddef.h>
#include <stdint.h>

enum field_type { FIELD_INT, FIELD_REAL, FIELD_TEXT, FIELD_BOOL, FIELD_INTS, FIELD_REALS, FIELD_NULL };
struct field {
    const char *name;
    enum field_type type;
    int measure;
    union {
        int64_t i;
        double d;
        const char *s;
        int b;
        const int32_t *is;
        const double *ds;
    } v;
    size_t n; /* of INTS, REALS */
};
#define F_INT(nm, x)        ((struct field){.name = (nm), .type = FIELD_INT, .v.i = (x)})
#define F_REAL(nm, x)       ((struct field){.name = (nm), .type = FIELD_REAL, .v.d = (x)})
#define F_TEXT(nm, x)       ((struct field){.name = (nm), .type = FIELD_TEXT, .v.s = (x)})
#define F_BOOL(nm, x)       ((struct field){.name = (nm), .type = FIELD_BOOL, .v.b = (x)})
#define F_INTS(nm, p, cnt)  ((struct field){.name = (nm), .type = FIELD_INTS, .v.is = (p), .n = (cnt)})
#define F_REALS(nm, p, cnt) ((struct field){.name = (nm), .type = FIELD_REALS, .v.ds = (p), .n = (cnt)})
#define M_INT(nm, x)        ((struct field){.name = (nm), .type = FIELD_INT, .measure = 1, .v.i = (x)})
#define M_REAL(nm, x)       ((struct field){.name = (nm), .type = FIELD_REAL, .measure = 1, .v.d = (x)})

struct sink {
    int (*row)(struct sink *s, const char *kind, const struct field *f, int n, struct err *e);
    void (*close)(struct sink *s); /* flushes and frees; NULL allowed */
};
/* JSON lines to a file: {"row":kind, facts in the order given, "measured":{…}}. append: keep what is there (a torn last line is
 * cut off first); otherwise the file is emptied. Each row leaves with one write: a kill loses at most the row being written.
 * Reals have the fewest digits that read back exactly; non-finite ones are null; a NULL text is null. */
int sink_jsonl_open(struct sink **out, const char *path, int append, struct err *e);
int sink_null_open(struct sink **out, struct err *e);
/* s NULL: the row goes nowhere. */
int sink_row(struct sink *s, const char *kind, const struct field *f, int n, struct err *e);
void sink_close(struct sink *s);
#endif
