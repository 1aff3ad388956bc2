/* The tree is built from libyaml's events with a stack of open containers, without recursion; every limit is checked where a node is
 * made. libyaml itself is bounded by the size of the input, which is checked first. */
#include "study/yaml.h"
#include "base/fs.h"
#include "study/yaml_json.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

struct yml_doc {
    char *name;
    struct yml_node *root, *newest; /* newest: chain of all nodes, for freeing */
    int n_nodes;
};

/* What is being read. */
struct reading {
    struct yml_doc *d;
    struct yml_node *open[YML_MAX_DEPTH];
    int depth;
    char *key; /* of the next value, in a map */
    int key_line, key_col;
    struct json_yaml json; /* text NULL: the file is none */
    struct err *e;
};

void yml_free(struct yml_doc *d) {
    if (!d) return;
    for (struct yml_node *n = d->newest, *older; n; n = older) {
        older = n->older;
        free(n->text);
        free(n->key);
        free(n);
    }
    free(d->name);
    free(d);
}

const struct yml_node *yml_root(const struct yml_doc *d) { return d->root; }
const char *yml_name(const struct yml_doc *d) { return d->name; }

/* "path:line" as the file and the column as the place in it: (path:line:column). Of a long path the end is kept. */
static void place(struct err *e, const char *name, int line, int col) {
    if (!e) return;
    size_t n = strlen(name), most = sizeof e->where - 16;
    const char *tail = n > most ? name + n - most : name;
    while (tail > name && ((unsigned char)*tail & 0xC0) == 0x80) tail++;
    snprintf(e->where, sizeof e->where, "%s:%d", tail, line);
    e->at = col;
}

int yml_fail(const struct yml_doc *d, const struct yml_node *n, int of_key, int code, struct err *e, const char *fmt, ...) {
    char msg[sizeof e->msg];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(msg, sizeof msg, fmt, ap);
    va_end(ap);
    fail(e, code, "%s", msg);
    if (of_key && n->key)
        place(e, d->name, n->key_line, n->key_col);
    else
        place(e, d->name, n->line, n->col);
    return code;
}

static int line_of(const yaml_mark_t *m) { return (int)m->line + 1; }
static int col_of(const struct reading *r, const yaml_mark_t *m) {
    return (int)json_yaml_column(&r->json, m->index, m->column) + 1;
}

static int fail_mark(struct reading *r, const yaml_mark_t *m, int code, const char *msg) {
    fail(r->e, code, "%s", msg);
    place(r->e, r->d->name, line_of(m), col_of(r, m));
    return code;
}

/* ---- building ---- */

static int has_key(const struct yml_node *map, const char *key) { return yml_get(map, key) != NULL; }

static int take_key(struct reading *r, const yaml_event_t *ev) {
    const char *s = (const char *)ev->data.scalar.value;
    struct yml_node *map = r->open[r->depth - 1];
    if (map->n >= YML_MAX_KEYS)
        return fail_mark(r, &ev->start_mark, ERR_LIMIT, "expected at most 1000 keys in a map, found more");
    if (has_key(map, s)) {
        fail(r->e, ERR_FORMAT, "expected each key once, found \"%.60s\" again", s);
        place(r->e, r->d->name, line_of(&ev->start_mark), col_of(r, &ev->start_mark));
        return ERR_FORMAT;
    }
    if (!strcmp(s, "<<")) return fail_mark(r, &ev->start_mark, ERR_UNSUPPORTED, "merge keys (<<) are not supported");
    r->key = strdup(s);
    r->key_line = line_of(&ev->start_mark), r->key_col = col_of(r, &ev->start_mark);
    return r->key ? 0 : fail(r->e, ERR_NOMEM, "out of memory");
}

static void hang(struct reading *r, struct yml_node *n) {
    if (!r->depth) {
        r->d->root = n;
        return;
    }
    struct yml_node *parent = r->open[r->depth - 1];
    *(parent->last ? &parent->last->next : &parent->first) = n;
    parent->last = n;
    parent->n++;
}

static int new_node(struct reading *r, const yaml_event_t *ev, enum yml_kind kind, struct yml_node **out) {
    struct yml_doc *d = r->d;
    if (d->n_nodes >= YML_MAX_NODES)
        return fail_mark(r, &ev->start_mark, ERR_LIMIT, "expected at most 200000 values, found more");
    struct yml_node *n = calloc(1, sizeof *n);
    if (!n) return fail(r->e, ERR_NOMEM, "out of memory");
    n->older = d->newest;
    d->newest = n;
    d->n_nodes++;
    *n = (struct yml_node){.kind = kind,
                           .line = line_of(&ev->start_mark),
                           .col = col_of(r, &ev->start_mark),
                           .key = r->key,
                           .key_line = r->key_line,
                           .key_col = r->key_col,
                           .older = n->older};
    r->key = NULL;
    hang(r, n);
    *out = n;
    return 0;
}

/* Whether the next scalar is a key. */
static int wants_key(const struct reading *r) { return r->depth && r->open[r->depth - 1]->kind == YML_MAP && !r->key; }

static int on_scalar(struct reading *r, const yaml_event_t *ev) {
    struct yml_node *n;
    size_t len = ev->data.scalar.length;
    if (memchr(ev->data.scalar.value, 0, len))
        return fail_mark(r, &ev->start_mark, ERR_FORMAT, "expected text, found a NUL character in it");
    if (wants_key(r)) return take_key(r, ev);
    if (r->json.text && ev->data.scalar.style == YAML_PLAIN_SCALAR_STYLE && !strcmp((const char *)ev->data.scalar.value, "null"))
        return fail_mark(r, &ev->start_mark, ERR_FORMAT, "expected a value, found null; what is not said is left out");
    TRY(new_node(r, ev, YML_TEXT, &n));
    n->text = malloc(len + 1);
    if (!n->text) return fail(r->e, ERR_NOMEM, "out of memory");
    memcpy(n->text, ev->data.scalar.value, len);
    n->text[len] = 0;
    n->len = len;
    n->quoted = ev->data.scalar.style != YAML_PLAIN_SCALAR_STYLE;
    return 0;
}

static int on_open(struct reading *r, const yaml_event_t *ev, enum yml_kind kind) {
    struct yml_node *n;
    if (wants_key(r)) return fail_mark(r, &ev->start_mark, ERR_UNSUPPORTED, "expected text as a key, found a list or a map");
    if (r->depth == YML_MAX_DEPTH)
        return fail_mark(r, &ev->start_mark, ERR_LIMIT, "expected at most 32 levels of lists and maps, found more");
    TRY(new_node(r, ev, kind, &n));
    r->open[r->depth++] = n;
    return 0;
}

static int refuse_extras(struct reading *r, const yaml_event_t *ev) {
    const yaml_char_t *anchor = NULL, *tag = NULL;
    switch (ev->type) {
    case YAML_SCALAR_EVENT: anchor = ev->data.scalar.anchor, tag = ev->data.scalar.tag; break;
    case YAML_SEQUENCE_START_EVENT: anchor = ev->data.sequence_start.anchor, tag = ev->data.sequence_start.tag; break;
    case YAML_MAPPING_START_EVENT: anchor = ev->data.mapping_start.anchor, tag = ev->data.mapping_start.tag; break;
    case YAML_ALIAS_EVENT: return fail_mark(r, &ev->start_mark, ERR_UNSUPPORTED, "aliases (*name) are not supported");
    default: break;
    }
    if (anchor) return fail_mark(r, &ev->start_mark, ERR_UNSUPPORTED, "anchors (&name) are not supported");
    if (tag) return fail_mark(r, &ev->start_mark, ERR_UNSUPPORTED, "tags (!name) are not supported");
    return 0;
}

static int on_event(struct reading *r, const yaml_event_t *ev) {
    TRY(refuse_extras(r, ev));
    switch (ev->type) {
    case YAML_SCALAR_EVENT: return on_scalar(r, ev);
    case YAML_SEQUENCE_START_EVENT: return on_open(r, ev, YML_LIST);
    case YAML_MAPPING_START_EVENT: return on_open(r, ev, YML_MAP);
    case YAML_SEQUENCE_END_EVENT:
    case YAML_MAPPING_END_EVENT: r->depth--; return 0;
    case YAML_DOCUMENT_START_EVENT:
        return r->d->root ? fail_mark(r, &ev->start_mark, ERR_UNSUPPORTED, "expected one document, found a second one") : 0;
    default: return 0;
    }
}

static int parser_failed(struct reading *r, const yaml_parser_t *p) {
    if (p->error == YAML_MEMORY_ERROR) return fail(r->e, ERR_NOMEM, "out of memory");
    if (p->error == YAML_READER_ERROR)
        return fail_at(r->e, ERR_FORMAT, r->d->name, (int64_t)p->problem_offset, "expected YAML in UTF-8: %s",
                       p->problem ? p->problem : "unreadable");
    fail(r->e, ERR_FORMAT, "expected YAML: %s", p->problem ? p->problem : "malformed");
    place(r->e, r->d->name, line_of(&p->problem_mark), col_of(r, &p->problem_mark));
    return ERR_FORMAT;
}

static int read_events(struct reading *r, yaml_parser_t *p) {
    for (int done = 0; !done;) {
        yaml_event_t ev;
        if (!yaml_parser_parse(p, &ev)) return parser_failed(r, p);
        int rc = on_event(r, &ev);
        done = ev.type == YAML_STREAM_END_EVENT;
        yaml_event_delete(&ev);
        TRY(rc);
    }
    return r->d->root ? 0 : fail_at(r->e, ERR_FORMAT, r->d->name, -1, "expected a YAML document, found none");
}

int yml_parse(struct yml_doc **out, const char *name, const char *s, size_t n, struct err *e) {
    yaml_parser_t p;
    struct reading r = {.e = e};
    if (n >= 3 && !memcmp(s, "\xEF\xBB\xBF", 3)) s += 3, n -= 3; /* a mark of byte order says nothing of UTF-8 */
    if (n > YML_MAX_BYTES) return fail_at(e, ERR_LIMIT, name, -1, "expected at most %d bytes, found %zu", (int)YML_MAX_BYTES, n);
    TRY(json_as_yaml(&r.json, s, n, e));
    r.d = calloc(1, sizeof *r.d);
    if (!r.d || !(r.d->name = strdup(name)) || !yaml_parser_initialize(&p)) {
        yml_free(r.d);
        json_yaml_free(&r.json);
        return fail(e, ERR_NOMEM, "out of memory");
    }
    yaml_parser_set_encoding(&p, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&p, (const unsigned char *)(r.json.text ? r.json.text : s), r.json.text ? r.json.n : n);
    int rc = read_events(&r, &p);
    yaml_parser_delete(&p);
    free(r.key);
    json_yaml_free(&r.json);
    if (rc < 0)
        yml_free(r.d);
    else
        *out = r.d;
    return rc;
}

int yml_read(struct yml_doc **out, const char *path, struct err *e) {
    char *s;
    size_t n;
    TRY(file_read(&s, &n, path, YML_MAX_BYTES, e));
    int rc = yml_parse(out, path, s, n, e);
    free(s);
    return rc;
}
