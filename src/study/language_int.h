/* What the readers of language files and of the texts that lie over them share. Thread: as language.h. */
#ifndef STUDY_LANGUAGE_INT_H
#define STUDY_LANGUAGE_INT_H
#include "study/language.h"
#include "study/yaml.h"

/* A map with a text for each prefix. */
int prefixes_read(const struct yml_doc *d, const struct yml_node *n, const char *out[PREFIXES], struct err *e);
#endif
