/* The report of `study report`: loss, measures by condition, slopes, effects beside published ones, the same under other choices, agents, and
 * transcripts, as one page.
 *
 * tree: the JSON that src/study/report.h documents; borrowed. Whatever is absent, null or of another type is left out, with its section if
 * nothing remains of it; text of any origin is escaped by the page. Unless "planted" is false, the title, a notice at the top and every
 * table and plot say that the data are planted or may be. Errors: ERR_ARG for a tree that is no object, ERR_NOMEM. *out belongs to
 * the caller (page_free). Pure. */
#ifndef LAB_STUDY_PAGE_H
#define LAB_STUDY_PAGE_H
#include "lab/page.h"

int study_page(struct page **out, const json_t *tree, struct err *e);
#endif
