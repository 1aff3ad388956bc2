/* Reading ahead: the bytes of an open file are brought into memory in file order on a thread of its own, while the caller already
 * computes. A first pass through cold weights then waits for the disk once, and disk and arithmetic overlap, since layers lie in the
 * order in which they are used. Without it each page is fetched when a kernel stumbles over it.
 *
 * It is a hint: nothing depends on it, errors are nobody's, and a file that is already in memory or larger than what is available is left
 * alone (the mapping serves it page by page). */
#ifndef WEIGHTS_PRELOAD_H
#define WEIGHTS_PRELOAD_H
#include "weights/weights.h"

struct preload;
/* step is called on the reading thread, as bytes arrive and once with done == total; may be NULL. *out NULL: there is nothing to read.
 * w must stay open until preload_end. */
void preload_start(struct preload **out, const struct weights *w, void (*step)(void *ctx, int64_t done, int64_t total),
                   void *ctx);
/* Stops early if it is still reading, and waits for the thread. NULL is allowed. */
void preload_end(struct preload *p);
#endif
