/* What chat_template.c (rendering) and chat_source.c (finding) share. Private to this room. */
#ifndef TEXT_CHAT_INT_H
#define TEXT_CHAT_INT_H
#include "text/chat_template.h"

struct chat_entry {
    char *name, *source, *where;
    size_t n;
};
struct chat_template {
    char *where; /* the file or folder, for errors */
    struct chat_entry *entry;
    int n;
    json_t *tokens; /* bos_token … to their texts */
};
int chat__alloc(struct chat_template **out, const char *where, struct err *e);
/* Adds, or replaces the one of this name. */
int chat__add(struct chat_template *t, const char *name, const char *source, size_t n, const char *where, struct err *e);
int chat__token(struct chat_template *t, const char *name, const char *s, size_t n, struct err *e);
#endif
