/* JSON as it is shown to people: numbers with no more digits than it takes to read the same number back (0.9, not 0.90000000000000002).
 * Files keep the 17 digits of the JSON library: this is for sentences. Pure. */
#ifndef STUDY_SHOWN_H
#define STUDY_SHOWN_H

struct json_t;
/* On one line, with sorted keys. free(); NULL: v is NULL, or no memory. */
char *json_shown(const struct json_t *v);
#endif
