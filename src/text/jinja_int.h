/* What the files of the template language share: memory, tokens, syntax tree, values, and the state of one render.
 *
 * Values are small structs passed by value; what they point to lies in the pool of the render and is freed with it as a whole, so
 * nothing is counted and nothing leaks. Errors are sticky: jinja__err keeps the first one in the state and returns a value of type
 * JV_ERROR; every operation on such a value only comes to jinja__err again, loops ask `rc`. Private to this room. */
#ifndef TEXT_JINJA_INT_H
#define TEXT_JINJA_INT_H
#include "text/jinja.h"
#include "text/unicode.h"
#include <stdint.h>
#include <string.h>

/* ---- memory ---- */

struct jpool {
    struct jchunk *chunks;
    size_t used, cap;   /* of the newest chunk */
    size_t total, most; /* bytes of all chunks, and their limit */
};
void *jinja__pool_alloc(struct jpool *p, size_t n); /* zeroed, 16-byte aligned; NULL: no memory, or beyond the limit */
void jinja__pool_free(struct jpool *p);

/* ---- tokens ---- */

enum jtok_kind { T_EOF, T_DATA, T_VAR_BEGIN, T_VAR_END, T_TAG_BEGIN, T_TAG_END, T_NAME, T_STR, T_INT, T_FLOAT, T_OP };
/* Operators: the character itself, and these. */
enum { OP_FLOORDIV = 256, OP_POW, OP_EQ, OP_NE, OP_GE, OP_LE, OP_IN, OP_NOT_IN, OP_NOT };
struct jtok {
    enum jtok_kind kind;
    int op, line, col;
    const char *s; /* name, text of a string, digits, data */
    size_t n;
};

/* ---- values ---- */

enum jtype {
    JV_MISSING, /* an argument that was not given */
    JV_ERROR,
    JV_UNDEF,
    JV_NONE,
    JV_BOOL,
    JV_INT,
    JV_FLOAT,
    JV_STR,
    JV_SEQ,
    JV_DICT,
    JV_NS,
    JV_LOOP,
    JV_CYCLER,
    JV_JOINER,
    JV_MACRO,
    JV_METHOD, /* of a value */
    JV_FUNC    /* global function */
};
enum jseq_kind { SEQ_LIST, SEQ_TUPLE, SEQ_RANGE, SEQ_GROUP, SEQ_KEYS, SEQ_VALUES, SEQ_ITEMS, SEQ_GEN };
struct jv {
    enum jtype t;
    int markup; /* JV_STR: made by safe or escape; + escapes what joins it */
    size_t n;   /* JV_STR: bytes */
    union {
        int64_t i; /* JV_INT, JV_BOOL */
        double f;
        const char *s;
        struct jseq *seq;
        struct jdict *dict; /* JV_DICT, JV_NS */
        struct jundef *undef;
        struct jloop *loop;
        struct jcycler *cycler; /* JV_CYCLER, JV_JOINER */
        struct jmacro *macro;
        struct jmethod *method;
        const struct jbuiltin *func;
    } u;
};
struct jseq {
    enum jseq_kind kind;
    int64_t n, cap;
    int64_t taken;             /* SEQ_GEN: items that were consumed */
    int64_t start, stop, step; /* SEQ_RANGE, as printed */
    struct jv *v;
};
struct jdict {
    int64_t n, cap;
    struct jpair {
        struct jv k, v;
        uint64_t hash;
    } * at;
    int32_t *index; /* [index_cap], position + 1; from 8 entries on */
    int64_t index_cap;
};
struct jundef {
    const char *hint; /* the whole sentence, or NULL */
    struct jv obj, name;
    int has_obj;
};
struct jloop {
    struct jv items; /* a sequence */
    int64_t i;
    int depth0;
    const struct jnode *node; /* recursive: the loop to run again */
    struct jscope *scope;
    struct jv last_changed;
};
struct jcycler {
    struct jv items;
    int64_t i;
};
struct jmacro {
    const struct jnode *node; /* parameters, defaults, body */
    struct jscope *scope;     /* where it was defined */
    int catch_kw, catch_var, caller;
};

/* ---- syntax tree: one struct for all; the meaning of the fields is beside the kind ---- */

enum jkind {
    /* expressions */
    N_CONST,   /* value */
    N_NAME,    /* s */
    N_SEQ,     /* a: chain of items; op SEQ_LIST or SEQ_TUPLE */
    N_DICT,    /* a: chain of N_PAIR */
    N_PAIR,    /* a: b */
    N_ATTR,    /* a . s */
    N_ITEM,    /* a [ b ] */
    N_SLICE,   /* a : b : c, each may be NULL */
    N_CALL,    /* a ( b: chain of arguments ) */
    N_FILTER,  /* a (NULL: a block's text) | s ( b ) */
    N_TEST,    /* a is s ( b ) */
    N_KW,      /* argument s = a */
    N_STAR,    /* argument *a */
    N_STAR2,   /* argument **a */
    N_UNARY,   /* op '-', '+', OP_NOT; a */
    N_BINARY,  /* op; a, b */
    N_CONCAT,  /* a: chain */
    N_COMPARE, /* a; b: chain of N_OPERAND */
    N_OPERAND, /* op; a */
    N_AND,
    N_OR,   /* a, b */
    N_COND, /* a if b else c (may be NULL) */
    /* statements */
    N_DATA,         /* s */
    N_PRINT,        /* a: chain of expressions */
    N_IF,           /* a; b: body; c: else body, or an N_IF with op 1: elif */
    N_FOR,          /* a: target; b: iterable; c: condition; d: body; f: else body; op 1: recursive */
    N_SET,          /* a: target; b: value */
    N_SET_BLOCK,    /* a: target; b: filters or NULL; d: body */
    N_MACRO,        /* s; a: chain of N_PARAM; d: body */
    N_PARAM,        /* s; a: default or NULL */
    N_CALL_BLOCK,   /* a: chain of N_PARAM; b: call; d: body */
    N_FILTER_BLOCK, /* b: filters; d: body */
    N_WITH,         /* a: chain of N_SET; d: body */
    N_GENERATION,   /* d: body */
    N_BREAK,
    N_CONTINUE,
    N_NS_ATTR /* target s . (a->s) */
};
enum { USES_CALLER = 1, USES_KWARGS = 2, USES_VARARGS = 4 }; /* names that a macro's body reads */
struct jnode {
    enum jkind kind;
    int op, line, col;
    struct jnode *a, *b, *c, *d, *f, *next;
    const char *s;
    size_t n;
    struct jv value;
};
struct jinja {
    struct jpool pool;
    char *where;
    char *source;
    size_t n;
    struct jtok *toks;
    size_t n_toks;
    struct jnode *body;
};

/* Position of an error; where "name:line", at column. */
int jinja__place(struct err *e, int code, const struct jinja *t, int line, int col, const char *fmt, ...)
    __attribute__((format(printf, 6, 7)));
int jinja__lex(struct jinja *t, struct err *e);
int jinja__parse(struct jinja *t, struct err *e);

/* ---- the parser's state, shared by statements and expressions ---- */

struct jparser {
    struct jinja *t;
    size_t pos;
    int nest, rc, uses, loops;
    struct err *e;
    struct jnode dead; /* stands for what could not be parsed */
};
struct jnode *jinja__node(struct jparser *p, enum jkind kind);
void jinja__parse_fail(struct jparser *p, int code, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
const struct jtok *jinja__peek(const struct jparser *p, size_t ahead);
const struct jtok *jinja__take(struct jparser *p);
int jinja__is_op(const struct jparser *p, int op);
int jinja__is_name(const struct jparser *p, size_t ahead, const char *name);
int jinja__skip_op(struct jparser *p, int op);
int jinja__skip_name(struct jparser *p, const char *name);
void jinja__expect_op(struct jparser *p, int op);
const struct jtok *jinja__expect_name(struct jparser *p);
const char *jinja__describe(const struct jtok *k, char *buf, size_t size);
struct jnode *jinja__pair(struct jparser *p, enum jkind kind, int op, struct jnode *a, struct jnode *b); /* placed as a */
int jinja__enter(struct jparser *p); /* 0: too deep, the error is set */
/* stop: a name that ends a tuple (NULL: none); cond: is `a if b` part of it */
struct jnode *jinja__parse_tuple(struct jparser *p, const char *stop, int cond, int parens);
struct jnode *jinja__parse_expr(struct jparser *p);
struct jnode *jinja__parse_primary(struct jparser *p);
struct jnode *jinja__parse_filters(struct jparser *p, struct jnode *from, int inline_first);

/* ---- one render ---- */

struct jscope {
    struct jscope *parent;
    int kept; /* something will look names up in it later: it cannot be used again */
    int64_t n, cap;
    struct jvar {
        const char *s;
        size_t n;
        struct jv v;
    } * vars;
};
struct jbuf { /* text that is being made; lies in the pool */
    char *s;
    size_t n, cap;
};
enum jflow { FLOW_ON, FLOW_BREAK, FLOW_CONTINUE };
struct jrun {
    const struct jinja *t;
    struct jpool pool;
    struct err *e;
    int rc;
    int depth;
    int64_t steps;
    const struct jnode *at; /* what is being evaluated */
    const struct tm *now;
    struct jscope *scope;
    struct jbuf *out;
    enum jflow flow;
};
struct jv jinja__err(struct jrun *r, int code, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
void *jinja__alloc(struct jrun *r, size_t n);  /* NULL: the error is set */
int jinja__work(struct jrun *r, size_t bytes); /* charges steps; nonzero: the limit is reached, the error is set */

/* ---- arguments ---- */

struct jkw {
    const char *s;
    size_t n;
    struct jv v;
};
struct jargs {
    struct jv *v;
    int64_t n;
    struct jkw *kw;
    int64_t n_kw;
};
enum { JARG_MAX = 6 };
typedef struct jv (*jfn)(struct jrun *r, struct jv self, const struct jv a[JARG_MAX], const struct jargs *raw);
/* A function, filter, test or method. Arguments are bound to params by position and name before fn is called; params[0] "*": they are
 * not, fn reads raw. */
struct jbuiltin {
    const char *name;
    jfn fn;
    int need; /* how many must be given */
    const char *params[JARG_MAX];
};
struct jmethod {
    struct jv self;
    const struct jbuiltin *b;
};
struct jv jinja__invoke(struct jrun *r, const char *what, const struct jbuiltin *b, struct jv self, const struct jargs *a);
const struct jbuiltin *jinja__find(const struct jbuiltin *table, const char *s, size_t n);
extern const struct jbuiltin jinja__globals[], jinja__str_methods[], jinja__str_methods2[], jinja__dict_methods[],
    jinja__list_methods[], jinja__cycler_methods[], jinja__tests[], jinja__filters_text[], jinja__filters_seq[],
    jinja__filters_num[], jinja__filters_refused[];
const struct jbuiltin *jinja__find_filter(const char *s, size_t n);
struct jv jinja__filter(struct jrun *r, const char *s, size_t n, struct jv self, const struct jargs *a);
struct jv jinja__test(struct jrun *r, const char *s, size_t n, struct jv self, const struct jargs *a);

/* ---- making values ---- */

struct jv jv_none(void);
struct jv jv_bool(int b);
struct jv jv_int(int64_t i);
struct jv jv_float(double f);
struct jv jv_lit(const char *s, size_t n);                 /* points to s, which must live as long as the render */
struct jv jv_z(const char *z);                             /* likewise */
struct jv jv_str(struct jrun *r, const char *s, size_t n); /* a copy */
struct jv jv_seq(struct jrun *r, enum jseq_kind kind, int64_t cap);
int jv_push(struct jrun *r, struct jv seq, struct jv item); /* 0; nonzero: error is set */
struct jv jv_dict(struct jrun *r, enum jtype t);
int jv_put(struct jrun *r, struct jv dict, struct jv key, struct jv v);
const struct jv *jv_get(struct jrun *r, struct jv dict, struct jv key); /* NULL: absent, or an error */
struct jv jv_undef(struct jrun *r, struct jv name);
struct jv jv_undef_attr(struct jrun *r, struct jv obj, struct jv name);
struct jv jv_undef_hint(struct jrun *r, const char *hint); /* hint must live as long as the render */
struct jv jv_use_undef(struct jrun *r, struct jv undef);   /* raises what its use raises */
struct jv jinja__from_json(struct jrun *r, json_t *j, int depth);
int jinja__buf_add(struct jrun *r, struct jbuf *b, const char *s, size_t n);
int jinja__buf_puts(struct jrun *r, struct jbuf *b, const char *z);
struct jv jinja__buf_str(const struct jbuf *b);

/* ---- asking values ---- */

static inline int jv_is(struct jv v, enum jtype t) { return v.t == t; }
static inline int jv_numeric(struct jv v) { return v.t == JV_BOOL || v.t == JV_INT || v.t == JV_FLOAT; }
static inline int jv_integral(struct jv v) { return v.t == JV_BOOL || v.t == JV_INT; }
static inline double jv_real(struct jv v) { return v.t == JV_FLOAT ? v.u.f : (double)v.u.i; }
int jv_is_z(struct jv v, const char *z); /* this string? */
const char *jv_type_name(struct jv v);   /* as Python names it */
const char *jv_object_name(struct jv v, char *buf,
                           size_t size); /* "'dict object'" as Jinja's sentences have it, without quotes */
int jv_truth(struct jrun *r, struct jv v);
int jv_equal(struct jrun *r, struct jv a, struct jv b);
int jv_less(struct jrun *r, struct jv a, struct jv b, const char *op); /* a < b; op for the error's sentence */
int jv_hashable(struct jv v);
uint64_t jv_hash(struct jrun *r, struct jv v); /* an error is set if it has none */
int jv_contains(struct jrun *r, struct jv in, struct jv x);
struct jv jv_list_of(struct jrun *r, struct jv v); /* a sequence with all items of an iterable; consumes a generator */
int64_t jv_len(struct jrun *r, struct jv v);       /* -1: error is set */
struct jv jv_to_str(struct jrun *r, struct jv v);  /* str(v) */
int jinja__add_str(struct jrun *r, struct jbuf *b, struct jv v);
int jinja__add_repr(struct jrun *r, struct jbuf *b, struct jv v, int depth);
void jinja__float_repr(double x, char out[40]);
struct jv jinja__tojson(struct jrun *r, struct jv v, const struct jv a[JARG_MAX]);
struct jv jinja__wordwrap(struct jrun *r, struct jv v, const struct jv a[JARG_MAX]);
struct jv jinja__escape(struct jrun *r, struct jv v, int force);

/* ---- operations ---- */

struct jv jv_binary(struct jrun *r, int op, struct jv a, struct jv b);
struct jv jv_unary(struct jrun *r, int op, struct jv a);
struct jv jv_compare(struct jrun *r, int op, struct jv a, struct jv b);
struct jv jv_attr(struct jrun *r, struct jv v, struct jv name); /* v.name */
struct jv jv_item(struct jrun *r, struct jv v, struct jv key);  /* v[key] */
struct jv jv_slice(struct jrun *r, struct jv v, struct jv lo, struct jv hi, struct jv step);
struct jv jv_call(struct jrun *r, struct jv f, const struct jargs *a);
struct jv jinja__attr_path(struct jrun *r, struct jv v, struct jv path); /* "a.b.0", as filters take it */
struct jv jinja__percent(struct jrun *r, struct jv fmt, struct jv args); /* fmt % args */
struct jv jinja__str_format(struct jrun *r, struct jv self, const struct jv a[JARG_MAX], const struct jargs *raw);
struct jv jinja__strftime(struct jrun *r, struct jv fmt);
struct jv jinja__parse_int(struct jv s, int base, int *ok); /* int("…") */
double jinja__parse_float(struct jv s, int *ok);
int64_t jinja__arg_int(struct jrun *r, struct jv v, int64_t otherwise, const char *what);

/* ---- text ---- */

int jinja__is_space(uint32_t c);
int jinja__is_printable(uint32_t c);
size_t jinja__space(const char *s, size_t n);                 /* bytes of white space at the beginning */
size_t jinja__space_end(const char *s, size_t n);             /* bytes of white space at the end */
int64_t jinja__chars(const char *s, size_t n);                /* code points */
size_t jinja__offset(const char *s, size_t n, int64_t chars); /* byte of the code point, at most n */
enum jcase { CASE_UPPER, CASE_LOWER, CASE_FOLD, CASE_TITLE_FIRST };
struct jv jinja__case(struct jrun *r, struct jv s, enum jcase how);
struct jv jinja__capitalize(struct jrun *r, struct jv s);
struct jv jinja__replace(struct jrun *r, struct jv s, struct jv from, struct jv to, int64_t count);
struct jv jinja__strip(struct jrun *r, struct jv s, struct jv chars, int left, int right);
struct jv jinja__splitlines(struct jrun *r, struct jv s, int keep);
struct jv jinja__repeat(struct jrun *r, struct jv s, int64_t times);
struct jv jinja__pad(struct jrun *r, struct jv s, int64_t width, struct jv fill, int align); /* align '<', '>', '^' */

/* ---- evaluation ---- */

struct jv jinja__eval(struct jrun *r, const struct jnode *n);
int jinja__eval_args(struct jrun *r, const struct jnode *list, struct jargs *a);
struct jv jinja__call_macro(struct jrun *r, const struct jmacro *m, const struct jargs *a);
struct jv jinja__call_loop(struct jrun *r, struct jloop *l, const struct jargs *a);
int jinja__run_loop(struct jrun *r, const struct jnode *n, struct jscope *scope, struct jv items, int depth0);
struct jv jinja__loop_attr(struct jrun *r, struct jv loop, const char *s, size_t n);
struct jscope *jinja__scope(struct jrun *r, struct jscope *parent);
void jinja__keep(struct jscope *s); /* s and all around it */
int jinja__assign(struct jrun *r, struct jscope *s, const char *name, size_t n, struct jv v);
struct jv jinja__lookup(struct jrun *r, const char *s, size_t n);
int jinja__exec(struct jrun *r, const struct jnode *list);
/* The text that a body makes in a scope of its own. */
struct jv jinja__capture(struct jrun *r, const struct jnode *body, struct jscope *scope);
int jinja__assign_target(struct jrun *r, struct jscope *s, const struct jnode *target, struct jv v);
#endif
