/* Tests: what stands behind `is`. */
#include "text/jinja_builtin.h"
#include <math.h>

#define TEST(name) BUILTIN(name, v)

static int is_list_like(struct jv v) { return v.t == JV_SEQ && v.u.seq->kind <= SEQ_GROUP; }

TEST(t_defined) { return jv_bool(v.t != JV_UNDEF); }
TEST(t_undefined) { return jv_bool(v.t == JV_UNDEF); }
TEST(t_none) { return jv_bool(v.t == JV_NONE); }
TEST(t_boolean) { return jv_bool(v.t == JV_BOOL); }
TEST(t_false) { return jv_bool(v.t == JV_BOOL && !v.u.i); }
TEST(t_true) { return jv_bool(v.t == JV_BOOL && v.u.i); }
TEST(t_integer) { return jv_bool(v.t == JV_INT); }
TEST(t_float) { return jv_bool(v.t == JV_FLOAT); }
TEST(t_number) { return jv_bool(jv_numeric(v)); }
TEST(t_string) { return jv_bool(v.t == JV_STR); }
TEST(t_mapping) { return jv_bool(v.t == JV_DICT); }
TEST(t_callable) {
    return jv_bool(v.t == JV_MACRO || v.t == JV_METHOD || v.t == JV_FUNC || v.t == JV_LOOP || v.t == JV_JOINER ||
                   v.t == JV_UNDEF);
}
TEST(t_escaped) { return jv_bool(v.t == JV_STR && v.markup); }

/* len() and [] are there */
TEST(t_sequence) { return jv_bool(v.t == JV_STR || v.t == JV_DICT || is_list_like(v) || v.t == JV_UNDEF); }
TEST(t_iterable) { return jv_bool(v.t == JV_STR || v.t == JV_DICT || v.t == JV_SEQ || v.t == JV_UNDEF || v.t == JV_LOOP); }

/* str(v).islower(), .isupper() */
static struct jv ask(struct jrun *r, struct jv v, const char *method) {
    const struct jargs none = {0};
    struct jv s = jv_to_str(r, v);
    if (r->rc) return error;
    return jinja__invoke(r, "method", jinja__find(jinja__str_methods2, method, strlen(method)), s, &none);
}
TEST(t_lower) { return ask(r, v, "islower"); }
TEST(t_upper) { return ask(r, v, "isupper"); }

static struct jv remainder_is(struct jrun *r, struct jv v, struct jv by, int64_t want) {
    struct jv m = jv_binary(r, '%', v, by);
    return r->rc ? error : jv_bool(jv_equal(r, m, jv_int(want)));
}
TEST(t_odd) { return remainder_is(r, v, jv_int(2), 1); }
TEST(t_even) { return remainder_is(r, v, jv_int(2), 0); }
TEST(t_divisibleby) { return remainder_is(r, v, a[0], 0); }

TEST(t_eq) { return jv_compare(r, OP_EQ, v, a[0]); }
TEST(t_ne) { return jv_compare(r, OP_NE, v, a[0]); }
TEST(t_gt) { return jv_compare(r, '>', v, a[0]); }
TEST(t_ge) { return jv_compare(r, OP_GE, v, a[0]); }
TEST(t_lt) { return jv_compare(r, '<', v, a[0]); }
TEST(t_le) { return jv_compare(r, OP_LE, v, a[0]); }
TEST(t_in) { return jv_compare(r, OP_IN, v, a[0]); }

/* The same object: none, booleans and small numbers are always the same, others where they are stored in one place. */
TEST(t_sameas) {
    if (v.t != a[0].t) return jv_bool(0);
    if (v.t <= JV_STR) return jv_bool(v.t != JV_UNDEF && jv_equal(r, v, a[0]));
    return jv_bool(v.u.dict == a[0].u.dict);
}

TEST(t_filter) { return jv_bool(v.t == JV_STR && jinja__find_filter(v.u.s, v.n) != NULL); }
TEST(t_test) { return jv_bool(v.t == JV_STR && jinja__find(jinja__tests, v.u.s, v.n) != NULL); }

#define NONE \
    { NULL }
#define OTHER \
    { "other" }
const struct jbuiltin jinja__tests[] = {
    {"boolean", t_boolean, 0, NONE}, {"callable", t_callable, 0, NONE},
    {"defined", t_defined, 0, NONE}, {"divisibleby", t_divisibleby, 1, {"num"}},
    {"eq", t_eq, 1, OTHER},          {"equalto", t_eq, 1, OTHER},
    {"==", t_eq, 1, OTHER},          {"escaped", t_escaped, 0, NONE},
    {"even", t_even, 0, NONE},       {"false", t_false, 0, NONE},
    {"filter", t_filter, 0, NONE},   {"float", t_float, 0, NONE},
    {"ge", t_ge, 1, OTHER},          {">=", t_ge, 1, OTHER},
    {"gt", t_gt, 1, OTHER},          {"greaterthan", t_gt, 1, OTHER},
    {">", t_gt, 1, OTHER},           {"in", t_in, 1, {"seq"}},
    {"integer", t_integer, 0, NONE}, {"iterable", t_iterable, 0, NONE},
    {"le", t_le, 1, OTHER},          {"<=", t_le, 1, OTHER},
    {"lower", t_lower, 0, NONE},     {"lt", t_lt, 1, OTHER},
    {"lessthan", t_lt, 1, OTHER},    {"<", t_lt, 1, OTHER},
    {"mapping", t_mapping, 0, NONE}, {"ne", t_ne, 1, OTHER},
    {"!=", t_ne, 1, OTHER},          {"none", t_none, 0, NONE},
    {"number", t_number, 0, NONE},   {"odd", t_odd, 0, NONE},
    {"sameas", t_sameas, 1, OTHER},  {"sequence", t_sequence, 0, NONE},
    {"string", t_string, 0, NONE},   {"test", t_test, 0, NONE},
    {"true", t_true, 0, NONE},       {"undefined", t_undefined, 0, NONE},
    {"upper", t_upper, 0, NONE},     {0},
};
