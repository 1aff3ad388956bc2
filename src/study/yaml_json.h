/* JSON files among those that people write, read by the YAML reader: YAML knows JSON's shapes, but not its pairs of escapes (\ud83d\ude00, as most
 * programs write what is beyond 16 bits) nor its null.
 * Owner: json_yaml_free. Thread: pure functions. */
#ifndef STUDY_YAML_JSON_H
#define STUDY_YAML_JSON_H
#include "base/err.h"
#include <stddef.h>

struct json_yaml {
    char *text; /* the same with one escape for each pair; NULL: it is no JSON */
    size_t n;
    size_t *pair; /* [n_pairs] characters of the new text at which an escape stands that was a pair */
    size_t n_pairs;
};
/* Any bytes; what is no JSON object is left to YAML. Errors: NOMEM. */
int json_as_yaml(struct json_yaml *out, const char *s, size_t n, struct err *e);
void json_yaml_free(struct json_yaml *j);
/* The column, from 0, that a place in the new text (its character, its column) has in the file. */
size_t json_yaml_column(const struct json_yaml *j, size_t character, size_t column);
#endif
