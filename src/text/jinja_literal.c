/* What an expression is made of: names, numbers, strings, lists, dictionaries and what stands in parentheses. */
#include "text/jinja_int.h"
#include <errno.h>
#include <stdlib.h>

static int64_t int_of(struct jparser *p, const struct jtok *k) {
    char buf[80];
    size_t n = 0;
    for (size_t i = 0; i < k->n && n < sizeof buf - 1; i++)
        if (k->s[i] != '_') buf[n++] = k->s[i];
    buf[n] = 0;
    int based = n > 2 && buf[0] == '0' && strchr("xXoObB", buf[1]) != NULL;
    int base = !based ? 10 : (buf[1] | 0x20) == 'x' ? 16 : (buf[1] | 0x20) == 'o' ? 8 : 2;
    char *end;
    errno = 0;
    long long v = strtoll(based ? buf + 2 : buf, &end, base);
    if (errno || n == sizeof buf - 1) {
        jinja__parse_fail(p, ERR_LIMIT, "expected a whole number of at most 64 bits, found %.40s", buf);
    } else if (*end || end == buf || (!based && n > 1 && buf[0] == '0' && v != 0)) {
        jinja__parse_fail(p, ERR_FORMAT, "expected a whole number, found %.40s", buf);
    }
    return v;
}

static double real_of(const struct jtok *k) {
    char buf[400];
    size_t n = 0;
    for (size_t i = 0; i < k->n && n < sizeof buf - 1; i++)
        if (k->s[i] != '_') buf[n++] = k->s[i];
    buf[n] = 0;
    return strtod(buf, NULL);
}

static struct jnode *parse_name(struct jparser *p) {
    static const struct {
        const char *z;
        int use;
    } special[] = {{"caller", USES_CALLER}, {"kwargs", USES_KWARGS}, {"varargs", USES_VARARGS}};
    struct jnode *n = jinja__node(p, N_CONST);
    const struct jtok *k = jinja__peek(p, 0);
    if (jinja__is_name(p, 0, "true") || jinja__is_name(p, 0, "True"))
        n->value = jv_bool(1);
    else if (jinja__is_name(p, 0, "false") || jinja__is_name(p, 0, "False"))
        n->value = jv_bool(0);
    else if (jinja__is_name(p, 0, "none") || jinja__is_name(p, 0, "None"))
        n->value = jv_none();
    else
        n->kind = N_NAME, n->s = k->s, n->n = k->n;
    for (size_t i = 0; i < sizeof special / sizeof *special; i++)
        if (jinja__is_name(p, 0, special[i].z)) p->uses |= special[i].use;
    jinja__take(p);
    return n;
}

/* Strings side by side are one. */
static struct jnode *parse_string(struct jparser *p) {
    struct jnode *n = jinja__node(p, N_CONST);
    const struct jtok *k = jinja__take(p);
    n->value = jv_lit(k->s, k->n);
    while (!p->rc && jinja__peek(p, 0)->kind == T_STR) {
        const struct jtok *more = jinja__take(p);
        char *s = jinja__pool_alloc(&p->t->pool, n->value.n + more->n + 1);
        if (!s) {
            jinja__parse_fail(p, ERR_NOMEM, "out of memory for a template");
            break;
        }
        memcpy(s, n->value.u.s, n->value.n);
        memcpy(s + n->value.n, more->s, more->n);
        n->value = jv_lit(s, n->value.n + more->n);
    }
    return n;
}

static struct jnode *parse_list(struct jparser *p) {
    struct jnode *n = jinja__node(p, N_SEQ), **tail = &n->a;
    n->op = SEQ_LIST;
    jinja__take(p);
    while (!p->rc && !jinja__is_op(p, ']')) {
        if (n->a) jinja__expect_op(p, ',');
        if (jinja__is_op(p, ']')) break;
        *tail = jinja__parse_expr(p), tail = &(*tail)->next;
    }
    jinja__expect_op(p, ']');
    return n;
}

static struct jnode *parse_dict(struct jparser *p) {
    struct jnode *n = jinja__node(p, N_DICT), **tail = &n->a;
    jinja__take(p);
    while (!p->rc && !jinja__is_op(p, '}')) {
        if (n->a) jinja__expect_op(p, ',');
        if (jinja__is_op(p, '}')) break;
        struct jnode *key = jinja__parse_expr(p);
        jinja__expect_op(p, ':');
        *tail = jinja__pair(p, N_PAIR, 0, key, jinja__parse_expr(p));
        tail = &(*tail)->next;
    }
    jinja__expect_op(p, '}');
    return n;
}

struct jnode *jinja__parse_primary(struct jparser *p) {
    const struct jtok *k = jinja__peek(p, 0);
    char buf[80];
    struct jnode *n;
    switch (k->kind) {
    case T_NAME: return parse_name(p);
    case T_STR: return parse_string(p);
    case T_INT:
    case T_FLOAT:
        n = jinja__node(p, N_CONST);
        n->value = k->kind == T_INT ? jv_int(int_of(p, k)) : jv_float(real_of(k));
        jinja__take(p);
        return n;
    default: break;
    }
    if (jinja__is_op(p, '[')) return parse_list(p);
    if (jinja__is_op(p, '{')) return parse_dict(p);
    if (jinja__skip_op(p, '(')) {
        n = jinja__parse_tuple(p, NULL, 1, 1);
        jinja__expect_op(p, ')');
        return n;
    }
    jinja__parse_fail(p, ERR_FORMAT, "expected an expression, found %s", jinja__describe(k, buf, sizeof buf));
    return jinja__node(p, N_CONST);
}
