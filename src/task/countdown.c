/* Solving by iterative deepening: all ways of one move, of two, and so on, so the first solution found is a shortest one.
 *
 * A move whose result equals one of its operands is left out: it does no more than to throw the other away, and nothing has to
 * be used up. The last move is looked up and not made. With six numbers the whole tree is some hundred thousand moves. */
#include "task/countdown.h"
#include <string.h>

const char countdown_ops[4] = {'+', '-', '*', '/'};

int64_t countdown_apply(int64_t a, char op, int64_t b) {
    switch (op) {
    case '+': return a + b;
    case '-': return a > b ? a - b : 0;
    case '*': return a * b;
    case '/': return b && a % b == 0 ? a / b : 0;
    default: return 0;
    }
}

void countdown_put(struct numbers *s, int64_t x) {
    int i = s->n++;
    for (; i > 0 && s->x[i - 1] > x; i--) s->x[i] = s->x[i - 1];
    s->x[i] = x;
}

static int take(struct numbers *s, int64_t x) {
    for (int i = 0; i < s->n; i++)
        if (s->x[i] == x) {
            memmove(s->x + i, s->x + i + 1, (size_t)(--s->n - i) * sizeof *s->x);
            return 1;
        }
    return 0;
}

int countdown_after(const struct numbers *s, struct move m, struct numbers *out) {
    struct numbers t = *s;
    if (!take(&t, m.a) || !take(&t, m.b)) return 0;
    countdown_put(&t, m.r);
    *out = t;
    return 1;
}

int countdown_moves(const struct numbers *s, struct move out[COUNTDOWN_MOVES]) {
    int n = 0;
    for (int i = 0; i < s->n; i++)
        for (int k = 0; k < i; k++) {
            if ((i + 1 < s->n && s->x[i] == s->x[i + 1]) || (k + 1 < i && s->x[k] == s->x[k + 1])) continue; /* as the next */
            for (int o = 0; o < 4; o++) {
                struct move m = {s->x[i], s->x[k], 0, countdown_ops[o]};
                m.r = countdown_apply(m.a, m.op, m.b);
                if (m.r && m.r != m.a && m.r != m.b) out[n++] = m;
            }
        }
    return n;
}

static int holds(const struct numbers *s, int64_t x) {
    for (int i = 0; i < s->n; i++)
        if (s->x[i] == x) return 1;
    return 0;
}

/* Exactly `depth` moves (at least one) that make the target. */
static int deepen(const struct numbers *s, int64_t target, int depth, struct move *out) {
    struct move moves[COUNTDOWN_MOVES];
    int n = countdown_moves(s, moves);
    for (int i = 0; i < n; i++) {
        struct numbers t;
        *out = moves[i];
        if (depth == 1 && moves[i].r == target) return 1;
        if (depth > 1 && countdown_after(s, moves[i], &t) && deepen(&t, target, depth - 1, out + 1)) return 1;
    }
    return 0;
}

static int solve(const struct numbers *s, int64_t target, int most, struct move *out) {
    if (holds(s, target)) return 0;
    for (int depth = 1; depth <= most; depth++)
        if (deepen(s, target, depth, out)) return depth;
    return -1;
}

int countdown_solve(const struct numbers *s, int64_t target, struct move out[COUNTDOWN_MAX]) {
    return solve(s, target, s->n - 1, out);
}

int countdown_near(const struct numbers *s, int64_t target, int moves) {
    struct move none[COUNTDOWN_MAX];
    return solve(s, target, moves < s->n ? moves : s->n - 1, none) >= 0;
}

/* ---- one expression ---- */

struct node {
    int64_t value;
    int left, right; /* nodes, where op is not 0 */
    char op;
    int used;
};

static int take_node(struct node *nodes, int n, int64_t value) {
    for (int i = 0; i < n; i++)
        if (!nodes[i].used && nodes[i].value == value) {
            nodes[i].used = 1;
            return i;
        }
    return 0; /* not reached: the moves are moves of these numbers */
}

static int binds(char op) { return op == '+' || op == '-' ? 1 : op ? 2 : 3; }

static void print_node(const struct node *nodes, int at, struct str *out);

static void print_child(const struct node *nodes, int at, int brackets, struct str *out) {
    if (brackets) str_puts(out, "(");
    print_node(nodes, at, out);
    if (brackets) str_puts(out, ")");
}

static void print_node(const struct node *nodes, int at, struct str *out) {
    const struct node *x = &nodes[at];
    if (!x->op) {
        str_printf(out, "%lld", (long long)x->value);
        return;
    }
    int mine = binds(x->op), right = binds(nodes[x->right].op), inverse = x->op == '-' || x->op == '/';
    print_child(nodes, x->left, binds(nodes[x->left].op) < mine, out);
    str_add(out, &x->op, 1);
    print_child(nodes, x->right, right < mine || (right == mine && inverse), out);
}

void countdown_expression(const struct numbers *s, const struct move *moves, int n, struct str *out) {
    struct node nodes[2 * COUNTDOWN_MAX];
    int count = 0;
    for (; count < s->n; count++) nodes[count] = (struct node){.value = s->x[count]};
    for (int i = 0; i < n; i++) {
        int a = take_node(nodes, count, moves[i].a), b = take_node(nodes, count, moves[i].b);
        nodes[count++] = (struct node){.value = moves[i].r, .left = a, .right = b, .op = moves[i].op};
    }
    print_node(nodes, count - 1, out);
}
