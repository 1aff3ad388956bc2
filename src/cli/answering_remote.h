/* Who answers in a study, if it is a model behind an address: its options, read. */
#ifndef CLI_ANSWERING_REMOTE_H
#define CLI_ANSWERING_REMOTE_H
#include "cli/answering.h"

int is_address(const char *backend); /* http://…, https://… */
/* Opens p->backend by the options of one model. */
int answering_remote(struct answering *w, struct answerer *p, const char *url, struct args *a, struct err *e);
/* ERR_ARG if one of them was given, which only an address has. */
int refuse_address_options(struct args *a, struct err *e);
#endif
