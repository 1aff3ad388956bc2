/* What is supported, told by the tables that decide it: families, storage formats, mixes, tokenizers. docs/models.md holds the same text, and
 * scripts/check_support.sh compares the two. */
#ifndef CLI_SUPPORT_H
#define CLI_SUPPORT_H
#include "base/str.h"

int support_markdown(struct str *out);
struct json_t *support_json(void); /* NULL: out of memory */
#endif
