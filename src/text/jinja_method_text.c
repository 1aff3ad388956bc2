/* Methods of strings that change their looks, and those that ask what characters they hold. */
#include "text/jinja_builtin.h"
#include <unicode/uchar.h>

#define METHOD(name) BUILTIN(name, s)

METHOD(m_upper) { return jinja__case(r, s, CASE_UPPER); }
METHOD(m_lower) { return jinja__case(r, s, CASE_LOWER); }
METHOD(m_capitalize) { return jinja__capitalize(r, s); }

static int cased(uint32_t c) { return u_isULowercase((UChar32)c) || u_isUUppercase((UChar32)c) || u_istitle((UChar32)c); }

/* Each character behind one without case is the beginning of a word. */
METHOD(m_title) {
    struct jbuf b = {0};
    int within = 0;
    for (size_t i = 0, len; i < s.n && !r->rc; i += len) {
        len = utf8_len(s.u.s + i, s.n - i);
        struct jv c = jv_lit(s.u.s + i, len);
        jinja__add_str(r, &b, jinja__case(r, c, within ? CASE_LOWER : CASE_TITLE_FIRST));
        within = cased(utf8_code(s.u.s + i, len));
    }
    return r->rc ? error : jinja__buf_str(&b);
}

METHOD(m_swapcase) {
    struct jbuf b = {0};
    for (size_t i = 0, len; i < s.n && !r->rc; i += len) {
        len = utf8_len(s.u.s + i, s.n - i);
        int up = u_isUUppercase((UChar32)utf8_code(s.u.s + i, len));
        jinja__add_str(r, &b, jinja__case(r, jv_lit(s.u.s + i, len), up ? CASE_LOWER : CASE_UPPER));
    }
    return r->rc ? error : jinja__buf_str(&b);
}

static struct jv pad(struct jrun *r, struct jv s, const struct jv a[JARG_MAX], int align) {
    int64_t width = jinja__arg_int(r, a[0], 0, "width");
    struct jv fill = a[1].t == JV_MISSING ? jv_z(" ") : a[1];
    if (r->rc) return error;
    if (fill.t != JV_STR || jinja__chars(fill.u.s, fill.n) != 1)
        return jinja__err(r, ERR_FORMAT, "The fill character must be exactly one character long");
    return jinja__pad(r, s, width, fill, align);
}
METHOD(m_ljust) { return pad(r, s, a, '<'); }
METHOD(m_rjust) { return pad(r, s, a, '>'); }
METHOD(m_center) { return pad(r, s, a, '^'); }

METHOD(m_zfill) {
    int64_t width = jinja__arg_int(r, a[0], 0, "width"), sign = s.n && (s.u.s[0] == '+' || s.u.s[0] == '-');
    if (r->rc) return error;
    struct jv digits = jinja__pad(r, jv_lit(s.u.s + sign, s.n - (size_t)sign), width - sign, jv_z("0"), '>');
    return sign ? jv_binary(r, '+', jv_lit(s.u.s, 1), digits) : digits;
}

METHOD(m_expandtabs) {
    int64_t size = jinja__arg_int(r, a[0], 8, "tabsize"), col = 0;
    struct jbuf b = {0};
    for (size_t i = 0, len; i < s.n && !r->rc; i += len) {
        len = utf8_len(s.u.s + i, s.n - i);
        char c = s.u.s[i];
        if (c != '\t') {
            jinja__buf_add(r, &b, s.u.s + i, len);
            col = c == '\n' || c == '\r' ? 0 : col + 1;
            continue;
        }
        int64_t n = size > 0 ? size - col % size : 0;
        jinja__add_str(r, &b, jinja__repeat(r, jv_z(" "), n));
        col += n;
    }
    return r->rc ? error : jinja__buf_str(&b);
}

/* ---- questions ---- */

static int is_alpha(uint32_t c) { return u_isalpha((UChar32)c); }
static int num_type(uint32_t c) { return u_getIntPropertyValue((UChar32)c, UCHAR_NUMERIC_TYPE); }
static int is_digit(uint32_t c) { return num_type(c) == U_NT_DECIMAL || num_type(c) == U_NT_DIGIT; }
static int is_decimal(uint32_t c) { return num_type(c) == U_NT_DECIMAL; }
static int is_numeric(uint32_t c) { return num_type(c) != U_NT_NONE; }
static int is_alnum(uint32_t c) { return is_alpha(c) || is_numeric(c); }
static int is_ascii(uint32_t c) { return c < 0x80; }

static struct jv all(struct jrun *r, struct jv s, int (*ask)(uint32_t), int empty) {
    if (jinja__work(r, s.n * 8)) return error;
    for (size_t i = 0, len; i < s.n; i += len) {
        len = utf8_len(s.u.s + i, s.n - i);
        if (!ask(utf8_code(s.u.s + i, len))) return jv_bool(0);
    }
    return jv_bool(s.n > 0 || empty);
}
METHOD(m_isalpha) { return all(r, s, is_alpha, 0); }
METHOD(m_isdigit) { return all(r, s, is_digit, 0); }
METHOD(m_isdecimal) { return all(r, s, is_decimal, 0); }
METHOD(m_isnumeric) { return all(r, s, is_numeric, 0); }
METHOD(m_isalnum) { return all(r, s, is_alnum, 0); }
METHOD(m_isspace) { return all(r, s, jinja__is_space, 0); }
METHOD(m_isascii) { return all(r, s, is_ascii, 1); }

/* At least one character with case, and none of the other case. */
static struct jv one_case(struct jrun *r, struct jv s, int upper) {
    int seen = 0;
    if (jinja__work(r, s.n * 8)) return error;
    for (size_t i = 0, len; i < s.n; i += len) {
        len = utf8_len(s.u.s + i, s.n - i);
        UChar32 c = (UChar32)utf8_code(s.u.s + i, len);
        if (u_istitle(c) || (upper ? u_isULowercase(c) : u_isUUppercase(c))) return jv_bool(0);
        seen |= upper ? u_isUUppercase(c) : u_isULowercase(c);
    }
    return jv_bool(seen);
}
METHOD(m_isupper) { return one_case(r, s, 1); }
METHOD(m_islower) { return one_case(r, s, 0); }

METHOD(m_istitle) {
    int within = 0, seen = 0;
    for (size_t i = 0, len; i < s.n && !jinja__work(r, 8); i += len) {
        len = utf8_len(s.u.s + i, s.n - i);
        UChar32 c = (UChar32)utf8_code(s.u.s + i, len);
        int up = u_isUUppercase(c) || u_istitle(c), low = u_isULowercase(c);
        if ((up && within) || (low && !within)) return jv_bool(0);
        within = up || low, seen |= within;
    }
    return r->rc ? error : jv_bool(seen);
}

METHOD(m_isidentifier) {
    for (size_t i = 0, len; i < s.n && !jinja__work(r, 8); i += len) {
        len = utf8_len(s.u.s + i, s.n - i);
        UChar32 c = (UChar32)utf8_code(s.u.s + i, len);
        if (c != '_' && !u_hasBinaryProperty(c, i ? UCHAR_XID_CONTINUE : UCHAR_XID_START)) return jv_bool(0);
    }
    return r->rc ? error : jv_bool(s.n > 0);
}

METHOD(m_isprintable) { return all(r, s, jinja__is_printable, 1); }

METHOD(m_casefold) { return jinja__case(r, s, CASE_FOLD); }

METHOD(m_encode) { return jinja__err(r, ERR_UNSUPPORTED, "method 'encode' is not supported: bytes have no place in a template"); }

const struct jbuiltin jinja__str_methods2[] = {
    {"upper", m_upper, 0, {NULL}},
    {"lower", m_lower, 0, {NULL}},
    {"casefold", m_casefold, 0, {NULL}},
    {"capitalize", m_capitalize, 0, {NULL}},
    {"title", m_title, 0, {NULL}},
    {"swapcase", m_swapcase, 0, {NULL}},
    {"ljust", m_ljust, 1, {"width", "fillchar"}},
    {"rjust", m_rjust, 1, {"width", "fillchar"}},
    {"center", m_center, 1, {"width", "fillchar"}},
    {"zfill", m_zfill, 1, {"width"}},
    {"expandtabs", m_expandtabs, 0, {"tabsize"}},
    {"format", jinja__str_format, 0, {"*"}},
    {"isalpha", m_isalpha, 0, {NULL}},
    {"isdigit", m_isdigit, 0, {NULL}},
    {"isdecimal", m_isdecimal, 0, {NULL}},
    {"isnumeric", m_isnumeric, 0, {NULL}},
    {"isalnum", m_isalnum, 0, {NULL}},
    {"isspace", m_isspace, 0, {NULL}},
    {"isascii", m_isascii, 0, {NULL}},
    {"isupper", m_isupper, 0, {NULL}},
    {"islower", m_islower, 0, {NULL}},
    {"istitle", m_istitle, 0, {NULL}},
    {"isidentifier", m_isidentifier, 0, {NULL}},
    {"isprintable", m_isprintable, 0, {NULL}},
    {"encode", m_encode, 0, {"encoding", "errors"}},
    {0},
};
