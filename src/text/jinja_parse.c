/* Statements: from tokens to the tree. A tag that is not known is refused by its name, with the list of those that are. */
#include "text/jinja_int.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define TAGS "if elif else for set macro call filter with raw generation break continue print"

struct jnode *jinja__node(struct jparser *p, enum jkind kind) {
    struct jnode *n = p->rc ? NULL : jinja__pool_alloc(&p->t->pool, sizeof *n);
    const struct jtok *k = jinja__peek(p, 0);
    if (!n) {
        if (!p->rc) p->rc = fail(p->e, ERR_NOMEM, "out of memory for a template");
        p->dead = (struct jnode){.kind = N_CONST};
        return &p->dead;
    }
    n->kind = kind, n->line = k->line, n->col = k->col;
    return n;
}

void jinja__parse_fail(struct jparser *p, int code, const char *fmt, ...) {
    char msg[400];
    va_list ap;
    if (p->rc) return;
    va_start(ap, fmt);
    vsnprintf(msg, sizeof msg, fmt, ap);
    va_end(ap);
    const struct jtok *k = jinja__peek(p, 0);
    p->rc = jinja__place(p->e, code, p->t, k->line, k->col, "%s", msg);
    p->pos = p->t->n_toks - 1; /* nothing but the end follows an error */
}

const struct jtok *jinja__peek(const struct jparser *p, size_t ahead) {
    size_t last = p->t->n_toks - 1;
    return &p->t->toks[ahead < last - p->pos ? p->pos + ahead : last];
}

const struct jtok *jinja__take(struct jparser *p) {
    const struct jtok *k = jinja__peek(p, 0);
    if (p->pos < p->t->n_toks - 1) p->pos++;
    return k;
}

int jinja__is_op(const struct jparser *p, int op) {
    const struct jtok *k = jinja__peek(p, 0);
    return k->kind == T_OP && k->op == op;
}
static int tok_is(const struct jtok *k, const char *name) {
    return k->kind == T_NAME && k->n == strlen(name) && memcmp(k->s, name, k->n) == 0;
}
int jinja__is_name(const struct jparser *p, size_t ahead, const char *name) { return tok_is(jinja__peek(p, ahead), name); }
int jinja__skip_op(struct jparser *p, int op) {
    int yes = jinja__is_op(p, op);
    if (yes) jinja__take(p);
    return yes;
}
int jinja__skip_name(struct jparser *p, const char *name) {
    int yes = jinja__is_name(p, 0, name);
    if (yes) jinja__take(p);
    return yes;
}

const char *jinja__describe(const struct jtok *k, char *buf, size_t size) {
    int n = k->n > 40 ? 40 : (int)k->n;
    switch (k->kind) {
    case T_EOF: return "the end of the template";
    case T_DATA: return "text";
    case T_VAR_END: return "}}";
    case T_TAG_END: return "%}";
    case T_STR: snprintf(buf, size, "the string \"%.*s\"", n, k->s); return buf;
    default: snprintf(buf, size, "'%.*s'", n, k->s); return buf;
    }
}

static void unexpected(struct jparser *p, const char *wanted) {
    char buf[80];
    jinja__parse_fail(p, ERR_FORMAT, "expected %s, found %s", wanted, jinja__describe(jinja__peek(p, 0), buf, sizeof buf));
}

void jinja__expect_op(struct jparser *p, int op) {
    char want[4] = {'\'', (char)op, '\'', 0};
    if (!jinja__skip_op(p, op)) unexpected(p, want);
}

const struct jtok *jinja__expect_name(struct jparser *p) {
    if (jinja__peek(p, 0)->kind != T_NAME) unexpected(p, "a name");
    return jinja__take(p);
}

int jinja__enter(struct jparser *p) {
    if (++p->nest <= JINJA_MAX_NEST) return 1;
    jinja__parse_fail(p, ERR_LIMIT, "expected tags and expressions at most %d deep, found more", JINJA_MAX_NEST);
    return 0;
}

/* ---- statements ---- */

static struct jnode *body_until(struct jparser *p, const char *const ends[]);
#define BODY(p, ...) body_until((p), (const char *const[]){__VA_ARGS__, NULL})

static void expect_tag_end(struct jparser *p) {
    if (jinja__peek(p, 0)->kind == T_TAG_END)
        jinja__take(p);
    else
        unexpected(p, "%} (the end of the tag)");
}

/* body up to {% name %}, which is taken */
static struct jnode *whole_body(struct jparser *p, const char *end) {
    expect_tag_end(p);
    struct jnode *n = BODY(p, end);
    jinja__take(p);
    return n;
}

static void check_assignable(struct jparser *p, const struct jnode *n, int in_tuple) {
    if (p->rc) return;
    if (n->kind == N_SEQ && n->op == SEQ_TUPLE && !in_tuple) {
        for (const struct jnode *i = n->a; i; i = i->next) check_assignable(p, i, 1);
        return;
    }
    if (n->kind != N_NAME) jinja__parse_fail(p, ERR_FORMAT, "expected a name to assign to, found another expression");
}

/* A name, or names with commas between them (and parentheses around). */
static struct jnode *parse_target(struct jparser *p) {
    struct jnode *first = jinja__parse_primary(p), *tuple, **tail;
    if (jinja__is_op(p, ',')) {
        tuple = jinja__node(p, N_SEQ);
        tuple->op = SEQ_TUPLE, tuple->a = first, tail = &first->next;
        while (!p->rc && jinja__skip_op(p, ',')) {
            if (jinja__is_op(p, '=') || jinja__is_name(p, 0, "in")) break;
            *tail = jinja__parse_primary(p), tail = &(*tail)->next;
        }
        first = tuple;
    }
    check_assignable(p, first, 0);
    return first;
}

static struct jnode *parse_if(struct jparser *p) {
    struct jnode *n = jinja__node(p, N_IF), *at = n;
    n->a = jinja__parse_tuple(p, NULL, 0, 0);
    expect_tag_end(p);
    n->b = BODY(p, "elif", "else", "endif");
    while (!p->rc && jinja__skip_name(p, "elif")) {
        at->c = jinja__node(p, N_IF), at = at->c;
        at->op = 1;
        at->a = jinja__parse_tuple(p, NULL, 0, 0);
        expect_tag_end(p);
        at->b = BODY(p, "elif", "else", "endif");
    }
    if (jinja__skip_name(p, "else")) {
        expect_tag_end(p);
        at->c = BODY(p, "endif");
    }
    jinja__take(p);
    return n;
}

static struct jnode *parse_for(struct jparser *p) {
    struct jnode *n = jinja__node(p, N_FOR);
    n->a = parse_target(p);
    if (!jinja__skip_name(p, "in")) unexpected(p, "'in' behind the names of {% for %}");
    n->b = jinja__parse_tuple(p, "recursive", 0, 0);
    if (jinja__skip_name(p, "if")) n->c = jinja__parse_expr(p);
    n->op = jinja__skip_name(p, "recursive");
    expect_tag_end(p);
    p->loops++;
    n->d = BODY(p, "endfor", "else");
    p->loops--;
    if (jinja__skip_name(p, "else")) {
        expect_tag_end(p);
        n->f = BODY(p, "endfor");
    }
    jinja__take(p);
    return n;
}

static struct jnode *parse_set(struct jparser *p) {
    struct jnode *n = jinja__node(p, N_SET);
    if (jinja__peek(p, 1)->kind == T_OP && jinja__peek(p, 1)->op == '.') {
        const struct jtok *k = jinja__expect_name(p);
        n->a = jinja__node(p, N_NS_ATTR);
        n->a->s = k->s, n->a->n = k->n;
        jinja__take(p);
        n->a->a = jinja__node(p, N_NAME);
        k = jinja__expect_name(p);
        n->a->a->s = k->s, n->a->a->n = k->n;
    } else {
        n->a = parse_target(p);
    }
    if (jinja__skip_op(p, '=')) {
        n->b = jinja__parse_tuple(p, NULL, 1, 0);
        return n;
    }
    n->kind = N_SET_BLOCK;
    n->b = jinja__parse_filters(p, NULL, 0);
    n->d = whole_body(p, "endset");
    return n;
}

static struct jnode *parse_params(struct jparser *p) {
    struct jnode *first = NULL, **tail = &first;
    int defaults = 0;
    jinja__expect_op(p, '(');
    while (!p->rc && !jinja__is_op(p, ')')) {
        if (first) jinja__expect_op(p, ',');
        struct jnode *n = *tail = jinja__node(p, N_PARAM);
        tail = &n->next;
        const struct jtok *k = jinja__expect_name(p);
        n->s = k->s, n->n = k->n;
        if (jinja__skip_op(p, '='))
            n->a = jinja__parse_expr(p), defaults = 1;
        else if (defaults)
            unexpected(p, "a default, as the parameter before has one");
    }
    jinja__expect_op(p, ')');
    return first;
}

/* The body of a macro or call; which of caller, kwargs and varargs it reads goes into op. */
static void macro_body(struct jparser *p, struct jnode *n, const char *end) {
    int uses = p->uses, loops = p->loops;
    p->uses = p->loops = 0;
    n->d = whole_body(p, end);
    n->op = p->uses;
    p->uses |= uses, p->loops = loops; /* what an inner body reads, the outer one reads */
}

static struct jnode *parse_macro(struct jparser *p) {
    struct jnode *n = jinja__node(p, N_MACRO);
    const struct jtok *k = jinja__expect_name(p);
    n->s = k->s, n->n = k->n;
    n->a = parse_params(p);
    macro_body(p, n, "endmacro");
    return n;
}

static struct jnode *parse_call(struct jparser *p) {
    struct jnode *n = jinja__node(p, N_CALL_BLOCK);
    if (jinja__is_op(p, '(')) n->a = parse_params(p);
    n->b = jinja__parse_expr(p);
    if (!p->rc && n->b->kind != N_CALL) unexpected(p, "a call in {% call %}");
    macro_body(p, n, "endcall");
    return n;
}

static struct jnode *parse_filter(struct jparser *p) {
    struct jnode *n = jinja__node(p, N_FILTER_BLOCK);
    n->b = jinja__parse_filters(p, NULL, 1);
    n->d = whole_body(p, "endfilter");
    return n;
}

static struct jnode *parse_with(struct jparser *p) {
    struct jnode *n = jinja__node(p, N_WITH), **tail = &n->a;
    while (!p->rc && jinja__peek(p, 0)->kind != T_TAG_END) {
        if (n->a) jinja__expect_op(p, ',');
        struct jnode *s = *tail = jinja__node(p, N_SET);
        tail = &s->next;
        s->a = jinja__parse_primary(p);
        check_assignable(p, s->a, 0);
        jinja__expect_op(p, '=');
        s->b = jinja__parse_expr(p);
    }
    n->d = whole_body(p, "endwith");
    return n;
}

static struct jnode *parse_generation(struct jparser *p) {
    struct jnode *n = jinja__node(p, N_GENERATION);
    macro_body(p, n, "endgeneration");
    return n;
}

static struct jnode *parse_break(struct jparser *p) {
    if (!p->loops) jinja__parse_fail(p, ERR_FORMAT, "expected {%% break %%} inside of a loop, found it outside");
    return jinja__node(p, N_BREAK);
}
static struct jnode *parse_continue(struct jparser *p) {
    if (!p->loops) jinja__parse_fail(p, ERR_FORMAT, "expected {%% continue %%} inside of a loop, found it outside");
    return jinja__node(p, N_CONTINUE);
}

static struct jnode *parse_print(struct jparser *p) {
    struct jnode *n = jinja__node(p, N_PRINT), **tail = &n->a;
    while (!p->rc && jinja__peek(p, 0)->kind != T_TAG_END) {
        if (n->a) jinja__expect_op(p, ',');
        *tail = jinja__parse_expr(p), tail = &(*tail)->next;
    }
    return n;
}

static const struct {
    const char *name;
    struct jnode *(*parse)(struct jparser *p);
} tags[] = {
    {"if", parse_if},       {"for", parse_for},           {"set", parse_set},     {"macro", parse_macro},
    {"call", parse_call},   {"filter", parse_filter},     {"with", parse_with},   {"generation", parse_generation},
    {"break", parse_break}, {"continue", parse_continue}, {"print", parse_print},
};

static struct jnode *parse_tag(struct jparser *p) {
    const struct jtok *k = jinja__peek(p, 0);
    for (size_t i = 0; i < sizeof tags / sizeof *tags; i++) {
        if (!tok_is(k, tags[i].name)) continue;
        jinja__take(p);
        struct jnode *n = tags[i].parse(p);
        expect_tag_end(p);
        return n;
    }
    if (k->kind != T_NAME)
        unexpected(p, "the name of a tag");
    else if (k->n > 3 && memcmp(k->s, "end", 3) == 0)
        jinja__parse_fail(p, ERR_FORMAT, "found {%% %.*s %%} where no such tag is open", (int)(k->n > 40 ? 40 : k->n), k->s);
    else
        jinja__parse_fail(p, ERR_UNSUPPORTED, "tag '%.*s' is not supported; supported are: " TAGS, (int)(k->n > 40 ? 40 : k->n),
                          k->s);
    return jinja__node(p, N_DATA);
}

static struct jnode *parse_output(struct jparser *p) {
    struct jnode *n = jinja__node(p, N_PRINT);
    n->a = jinja__parse_tuple(p, NULL, 1, 0);
    if (jinja__peek(p, 0)->kind == T_VAR_END)
        jinja__take(p);
    else
        unexpected(p, "}} (the end of the expression)");
    return n;
}

static int ends_here(const struct jparser *p, const char *const ends[]) {
    for (int i = 0; ends && ends[i]; i++)
        if (jinja__is_name(p, 1, ends[i])) return 1;
    return 0;
}

/* Statements up to a tag with one of these names, whose opening is taken and whose name is next; ends NULL: up to the end. */
static struct jnode *body_until(struct jparser *p, const char *const ends[]) {
    struct jnode *first = NULL, **tail = &first;
    if (!jinja__enter(p)) return NULL;
    while (!p->rc) {
        const struct jtok *k = jinja__peek(p, 0);
        if (k->kind == T_EOF || (k->kind == T_TAG_BEGIN && ends_here(p, ends))) break;
        struct jnode *n;
        if (k->kind == T_DATA) {
            n = jinja__node(p, N_DATA);
            n->s = k->s, n->n = k->n;
            jinja__take(p);
        } else {
            jinja__take(p);
            n = k->kind == T_VAR_BEGIN ? parse_output(p) : parse_tag(p);
        }
        if (p->rc) break;
        *tail = n, tail = &n->next;
    }
    p->nest--;
    if (ends && jinja__peek(p, 0)->kind == T_EOF) {
        while (ends[1]) ends++;
        jinja__parse_fail(p, ERR_FORMAT, "expected {%% %s %%}, found the end of the template", ends[0]);
    } else if (ends) {
        jinja__take(p);
    }
    return first;
}

int jinja__parse(struct jinja *t, struct err *e) {
    struct jparser p = {.t = t, .e = e};
    t->body = body_until(&p, NULL);
    return p.rc;
}

void jinja_free(struct jinja *t) {
    if (!t) return;
    jinja__pool_free(&t->pool);
    free(t->toks), free(t->source), free(t->where), free(t);
}

int jinja_new(struct jinja **out, const char *source, size_t n, const char *where, struct err *e) {
    if (n > JINJA_MAX_SOURCE)
        return fail_at(e, ERR_LIMIT, where, -1, "expected a template of at most %u bytes, found %zu", JINJA_MAX_SOURCE, n);
    if (utf8_valid(source, n) != n)
        return fail_at(e, ERR_FORMAT, where, (int64_t)utf8_valid(source, n), "expected a template in UTF-8, found other bytes");
    struct jinja *t = calloc(1, sizeof *t);
    if (t) t->pool.most = 512u << 20, t->n = n, t->source = malloc(n + 1), t->where = strdup(where ? where : "template");
    if (!t || !t->source || !t->where) {
        jinja_free(t);
        return fail(e, ERR_NOMEM, "out of memory for a template");
    }
    memcpy(t->source, source, n);
    t->source[n] = 0;
    int rc = jinja__lex(t, e);
    if (!rc) rc = jinja__parse(t, e);
    if (rc < 0)
        jinja_free(t);
    else
        *out = t;
    return rc;
}
