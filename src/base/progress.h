/* Progress lines on stderr: done/total, rate, time left; only on a terminal, or where the environment says
 * CANDOR_PROGRESS=1; at most ten a second. A progress belongs to one thread; of several that run at once the one that drew first has
 * the line until it ends. */
#ifndef BASE_PROGRESS_H
#define BASE_PROGRESS_H
#include <stdint.h>
struct progress {
    const char *what, *unit;
    double total, done;
    int64_t t0, last;
    int on;
};
void progress_quiet(int quiet);                                                            /* -q: none at all */
void progress_start(struct progress *p, const char *what, const char *unit, double total); /* total 0: unknown */
void progress_step(struct progress *p, double done, const char *note);                     /* note may be NULL */
void progress_end(struct progress *p);                                                     /* clears the line */
int64_t clock_ns(void);                                                                    /* monotonic */
double clock_s(void);
int64_t peak_bytes(void); /* peak resident set of this process */
#endif
