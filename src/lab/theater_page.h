/* The report of `theater evaluate`: what a probe, forced answers and a monitor know along thoughts, and what exits would save, as one page.
 *
 * tree: the JSON that src/probe/evaluate.h documents; borrowed. Besides what stands there: "examples", a list of traces with their tokens (at most six
 * are shown); "live" of a family, a list of {policy, threshold, tokens_saved, seconds_saved, accuracy, accuracy_full} of runs that really stopped;
 * "transfer", a list of {train, test, accuracy, ece, tokens_saved}; "sizes", a list of {model, kind, probe_at_20, rate}. An estimate may be
 * {value, lo, hi} or a bare number. Whatever is absent, null or of another type is left out, with its section if nothing remains of it; text of
 * any origin is escaped by the page. Errors: ERR_ARG for a tree that is no object, ERR_NOMEM. *out belongs to the caller (page_free). Pure. */
#ifndef LAB_THEATER_PAGE_H
#define LAB_THEATER_PAGE_H
#include "lab/page.h"

int theater_page(struct page **out, const json_t *tree, struct err *e);
#endif
