/* Expressions: from tokens to the tree, with Jinja's precedence. From loose to tight: a if b else c, or, and, not, comparisons and in
 * (chained as in Python), + -, ~, * / // %, ** (from the left, as Jinja has it), unary + -, then . [] (), then | filter and is test. */
#include "text/jinja_int.h"

static struct jnode *parse_or(struct jparser *p);
static struct jnode *parse_unary(struct jparser *p, int filters);

struct jnode *jinja__pair(struct jparser *p, enum jkind kind, int op, struct jnode *a, struct jnode *b) {
    struct jnode *n = jinja__node(p, kind);
    n->op = op, n->a = a, n->b = b;
    n->line = a->line, n->col = a->col;
    return n;
}

/* ---- tuples ---- */

static int tuple_ends(const struct jparser *p, const char *stop) {
    enum jtok_kind k = jinja__peek(p, 0)->kind;
    return k == T_VAR_END || k == T_TAG_END || k == T_EOF || jinja__is_op(p, ')') || (stop && jinja__is_name(p, 0, stop));
}

struct jnode *jinja__parse_tuple(struct jparser *p, const char *stop, int cond, int parens) {
    struct jnode *n = NULL, *first = NULL, **tail = &first;
    if (!tuple_ends(p, stop)) {
        first = cond ? jinja__parse_expr(p) : parse_or(p);
        if (!jinja__is_op(p, ',')) return first;
    } else if (!parens) {
        return jinja__parse_primary(p); /* says what was found instead */
    }
    n = jinja__node(p, N_SEQ);
    n->op = SEQ_TUPLE, n->a = first;
    if (first) tail = &first->next;
    while (!p->rc && jinja__skip_op(p, ',') && !tuple_ends(p, stop)) {
        *tail = cond ? jinja__parse_expr(p) : parse_or(p);
        tail = &(*tail)->next;
    }
    return n;
}

/* ---- what stands behind a value ---- */

static struct jnode *parse_argument(struct jparser *p) {
    struct jnode *n;
    if (jinja__skip_op(p, '*')) {
        n = jinja__node(p, N_STAR);
    } else if (jinja__skip_op(p, OP_POW)) {
        n = jinja__node(p, N_STAR2);
    } else if (jinja__peek(p, 0)->kind == T_NAME && jinja__peek(p, 1)->kind == T_OP && jinja__peek(p, 1)->op == '=') {
        n = jinja__node(p, N_KW);
        const struct jtok *k = jinja__take(p);
        n->s = k->s, n->n = k->n;
        jinja__take(p);
    } else {
        return jinja__parse_expr(p);
    }
    n->a = jinja__parse_expr(p);
    return n;
}

static struct jnode *parse_arguments(struct jparser *p) {
    struct jnode *first = NULL, **tail = &first;
    int named = 0;
    jinja__expect_op(p, '(');
    while (!p->rc && !jinja__is_op(p, ')')) {
        if (first) jinja__expect_op(p, ',');
        if (jinja__is_op(p, ')')) break;
        struct jnode *n = *tail = parse_argument(p);
        tail = &n->next;
        if (n->kind == N_KW || n->kind == N_STAR2)
            named = 1;
        else if (named && n->kind != N_STAR)
            jinja__parse_fail(p, ERR_FORMAT, "expected name=value behind an argument with a name, found a value alone");
    }
    jinja__expect_op(p, ')');
    return first;
}

static struct jnode *parse_index(struct jparser *p) { /* a, a:b, a:b:c, each part optional */
    struct jnode *part[3] = {NULL, NULL, NULL};
    struct jnode *n = jinja__node(p, N_SLICE);
    int i = 0;
    while (!p->rc && i < 3) {
        if (!jinja__is_op(p, ':') && !jinja__is_op(p, ']') && !jinja__is_op(p, ',')) part[i] = jinja__parse_expr(p);
        if (!jinja__is_op(p, ':') || i == 2) break;
        jinja__take(p), i++;
    }
    if (i == 0 && part[0]) return part[0];
    if (i == 0) return jinja__parse_primary(p); /* says what was found instead */
    n->a = part[0], n->b = part[1], n->c = part[2];
    return n;
}

static struct jnode *parse_subscript(struct jparser *p, struct jnode *from) {
    struct jnode *n, *key, **tail;
    if (jinja__skip_op(p, '.')) {
        const struct jtok *k = jinja__peek(p, 0);
        n = jinja__node(p, N_ATTR);
        n->a = from;
        if (k->kind == T_INT) {
            n->kind = N_ITEM, n->b = jinja__parse_primary(p);
            return n;
        }
        k = jinja__expect_name(p);
        n->s = k->s, n->n = k->n;
        return n;
    }
    jinja__take(p);
    if (jinja__is_op(p, ']')) { /* nothing in the brackets is the empty tuple to Jinja */
        key = jinja__node(p, N_SEQ), key->op = SEQ_TUPLE;
    } else {
        key = parse_index(p);
    }
    if (jinja__is_op(p, ',')) {
        n = jinja__node(p, N_SEQ);
        n->op = SEQ_TUPLE, n->a = key, tail = &key->next;
        while (!p->rc && jinja__skip_op(p, ',')) *tail = parse_index(p), tail = &(*tail)->next;
        key = n;
    }
    jinja__expect_op(p, ']');
    return jinja__pair(p, N_ITEM, 0, from, key);
}

static struct jnode *parse_postfix(struct jparser *p, struct jnode *n) {
    while (!p->rc) {
        if (jinja__is_op(p, '.') || jinja__is_op(p, '['))
            n = parse_subscript(p, n);
        else if (jinja__is_op(p, '('))
            n = jinja__pair(p, N_CALL, 0, n, NULL), n->b = parse_arguments(p);
        else
            break;
    }
    return n;
}

static void dotted_name(struct jparser *p, struct jnode *n) {
    const struct jtok *k = jinja__expect_name(p);
    n->s = k->s, n->n = k->n;
    while (!p->rc && jinja__skip_op(p, '.')) {
        k = jinja__expect_name(p);
        n->n = (size_t)(k->s + k->n - n->s);
    }
}

struct jnode *jinja__parse_filters(struct jparser *p, struct jnode *from, int inline_first) {
    while (!p->rc && (inline_first || jinja__skip_op(p, '|'))) {
        struct jnode *n = jinja__node(p, N_FILTER);
        inline_first = 0;
        dotted_name(p, n);
        n->a = from;
        if (jinja__is_op(p, '(')) n->b = parse_arguments(p);
        from = n;
    }
    return from;
}

static struct jnode *parse_test(struct jparser *p, struct jnode *from) {
    struct jnode *n = jinja__node(p, N_TEST);
    jinja__take(p);
    int negated = jinja__skip_name(p, "not");
    dotted_name(p, n);
    n->a = from;
    const struct jtok *k = jinja__peek(p, 0);
    int value = k->kind == T_STR || k->kind == T_INT || k->kind == T_FLOAT || jinja__is_op(p, '[') || jinja__is_op(p, '{');
    if (k->kind == T_NAME) value = !jinja__is_name(p, 0, "else") && !jinja__is_name(p, 0, "or") && !jinja__is_name(p, 0, "and");
    if (jinja__is_op(p, '('))
        n->b = parse_arguments(p);
    else if (value && jinja__is_name(p, 0, "is"))
        jinja__parse_fail(p, ERR_FORMAT, "expected one test, found a chain of tests with is");
    else if (value)
        n->b = parse_postfix(p, jinja__parse_primary(p));
    return negated ? jinja__pair(p, N_UNARY, OP_NOT, n, NULL) : n;
}

static struct jnode *parse_filters_and_tests(struct jparser *p, struct jnode *n) {
    while (!p->rc) {
        if (jinja__is_op(p, '|'))
            n = jinja__parse_filters(p, n, 0);
        else if (jinja__is_name(p, 0, "is"))
            n = parse_test(p, n);
        else if (jinja__is_op(p, '('))
            n = jinja__pair(p, N_CALL, 0, n, NULL), n->b = parse_arguments(p);
        else
            break;
    }
    return n;
}

/* ---- operators ---- */

static struct jnode *parse_unary(struct jparser *p, int filters) {
    struct jnode *n;
    int op = jinja__is_op(p, '-') ? '-' : jinja__is_op(p, '+') ? '+' : 0;
    if (!jinja__enter(p)) return jinja__node(p, N_CONST);
    if (op) {
        n = jinja__node(p, N_UNARY);
        jinja__take(p);
        n->op = op, n->a = parse_unary(p, 0);
    } else {
        n = jinja__parse_primary(p);
    }
    n = parse_postfix(p, n);
    p->nest--;
    return filters ? parse_filters_and_tests(p, n) : n;
}

/* Operators of one level, from the left; the next level is made by `inner`. */
static struct jnode *parse_left(struct jparser *p, const int *ops, struct jnode *(*inner)(struct jparser *)) {
    struct jnode *n = inner(p);
    while (!p->rc) {
        const int *o = ops;
        while (*o && !jinja__is_op(p, *o)) o++;
        if (!*o) break;
        jinja__take(p);
        n = jinja__pair(p, N_BINARY, *o, n, NULL), n->b = inner(p);
    }
    return n;
}

static struct jnode *parse_factor(struct jparser *p) { return parse_unary(p, 1); }
static struct jnode *parse_pow(struct jparser *p) { return parse_left(p, (const int[]){OP_POW, 0}, parse_factor); }
static struct jnode *parse_mul(struct jparser *p) {
    return parse_left(p, (const int[]){'*', '/', OP_FLOORDIV, '%', 0}, parse_pow);
}

static struct jnode *parse_concat(struct jparser *p) {
    struct jnode *first = parse_mul(p), **tail = &first->next;
    if (!jinja__is_op(p, '~')) return first;
    struct jnode *n = jinja__pair(p, N_CONCAT, 0, first, NULL);
    while (!p->rc && jinja__skip_op(p, '~')) *tail = parse_mul(p), tail = &(*tail)->next;
    return n;
}

static struct jnode *parse_sum(struct jparser *p) { return parse_left(p, (const int[]){'+', '-', 0}, parse_concat); }

static int compare_op(struct jparser *p) {
    static const int ops[] = {OP_EQ, OP_NE, '<', OP_LE, '>', OP_GE};
    for (size_t i = 0; i < sizeof ops / sizeof *ops; i++)
        if (jinja__skip_op(p, ops[i])) return ops[i];
    if (jinja__skip_name(p, "in")) return OP_IN;
    if (!jinja__is_name(p, 0, "not") || !jinja__is_name(p, 1, "in")) return 0;
    jinja__take(p), jinja__take(p);
    return OP_NOT_IN;
}

static struct jnode *parse_compare(struct jparser *p) {
    struct jnode *n = parse_sum(p), **tail;
    int op = p->rc ? 0 : compare_op(p);
    if (!op) return n;
    n = jinja__pair(p, N_COMPARE, 0, n, NULL), tail = &n->b;
    for (; op; op = p->rc ? 0 : compare_op(p)) {
        struct jnode *o = *tail = jinja__node(p, N_OPERAND);
        tail = &o->next;
        o->op = op, o->a = parse_sum(p);
    }
    return n;
}

static struct jnode *parse_not(struct jparser *p) {
    if (!jinja__is_name(p, 0, "not")) return parse_compare(p);
    struct jnode *n = jinja__node(p, N_UNARY);
    jinja__take(p);
    n->op = OP_NOT;
    if (jinja__enter(p)) n->a = parse_not(p), p->nest--;
    return n;
}

static struct jnode *parse_and(struct jparser *p) {
    struct jnode *n = parse_not(p);
    while (!p->rc && jinja__skip_name(p, "and")) n = jinja__pair(p, N_AND, 0, n, NULL), n->b = parse_not(p);
    return n;
}

static struct jnode *parse_or(struct jparser *p) {
    struct jnode *n = parse_and(p);
    while (!p->rc && jinja__skip_name(p, "or")) n = jinja__pair(p, N_OR, 0, n, NULL), n->b = parse_and(p);
    return n;
}

struct jnode *jinja__parse_expr(struct jparser *p) {
    if (!jinja__enter(p)) return jinja__node(p, N_CONST);
    struct jnode *n = parse_or(p);
    while (!p->rc && jinja__skip_name(p, "if")) {
        struct jnode *c = jinja__pair(p, N_COND, 0, n, parse_or(p));
        if (jinja__skip_name(p, "else")) c->c = jinja__parse_expr(p);
        n = c;
    }
    p->nest--;
    return n;
}
