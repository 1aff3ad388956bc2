/* Global functions: those of Jinja that are deterministic, raise_exception and strftime_now. */
#include "text/jinja_builtin.h"
#include <stdio.h>

#define FUNCTION(name) BUILTIN(name, s)

FUNCTION(g_range) {
    int two = a[1].t != JV_MISSING;
    int64_t from = two ? jinja__arg_int(r, a[0], 0, "range") : 0, to = jinja__arg_int(r, a[two], 0, "range");
    int64_t step = jinja__arg_int(r, a[2], 1, "range");
    if (r->rc) return error;
    if (!step) return jinja__err(r, ERR_FORMAT, "range() arg 3 must not be zero");
    /* differences as unsigned numbers cannot overflow */
    uint64_t gap = step > 0 ? (to > from ? (uint64_t)to - (uint64_t)from : 0) : (from > to ? (uint64_t)from - (uint64_t)to : 0);
    uint64_t by = step > 0 ? (uint64_t)step : 0 - (uint64_t)step, n = gap / by + (gap % by != 0);
    if (n > JINJA_MAX_RANGE)
        return jinja__err(r, ERR_LIMIT, "Range too big. The sandbox blocks ranges larger than MAX_RANGE (%d).", JINJA_MAX_RANGE);
    struct jv out = jv_seq(r, SEQ_RANGE, (int64_t)n);
    if (r->rc) return error;
    out.u.seq->start = from, out.u.seq->stop = to, out.u.seq->step = step;
    for (uint64_t i = 0; i < n; i++) jv_push(r, out, jv_int((int64_t)((uint64_t)from + i * (uint64_t)step)));
    return out;
}

/* dict(other, **kw), namespace(other, **kw): a mapping or a list of pairs first. */
static struct jv mapping(struct jrun *r, enum jtype t, const struct jargs *a, const char *what) {
    struct jv out = jv_dict(r, t);
    if (a->n > 1) return jinja__err(r, ERR_FORMAT, "%s expected at most 1 argument, got %lld", what, (long long)a->n);
    if (a->n && a->v[0].t == JV_DICT) {
        const struct jdict *d = a->v[0].u.dict;
        for (int64_t i = 0; i < d->n && !r->rc; i++) jv_put(r, out, d->at[i].k, d->at[i].v);
    } else if (a->n) {
        struct jv list = jv_list_of(r, a->v[0]);
        for (int64_t i = 0; !r->rc && i < list.u.seq->n; i++) {
            struct jv pair = jv_list_of(r, list.u.seq->v[i]);
            if (!r->rc && pair.u.seq->n != 2)
                jinja__err(r, ERR_FORMAT, "dictionary update sequence element #%lld has length %lld; 2 is required", (long long)i,
                           (long long)pair.u.seq->n);
            if (!r->rc) jv_put(r, out, pair.u.seq->v[0], pair.u.seq->v[1]);
        }
    }
    for (int64_t i = 0; i < a->n_kw && !r->rc; i++) jv_put(r, out, jv_lit(a->kw[i].s, a->kw[i].n), a->kw[i].v);
    return r->rc ? error : out;
}
FUNCTION(g_dict) { return mapping(r, JV_DICT, raw, "dict"); }
FUNCTION(g_namespace) { return mapping(r, JV_NS, raw, "namespace"); }

static struct jcycler *cycler_new(struct jrun *r) { return jinja__alloc(r, sizeof(struct jcycler)); }

FUNCTION(g_cycler) {
    struct jcycler *c = cycler_new(r);
    if (!raw->n) return jinja__err(r, ERR_FORMAT, "at least one item has to be provided");
    if (!c) return error;
    c->items = jv_seq(r, SEQ_TUPLE, raw->n);
    for (int64_t i = 0; i < raw->n; i++) jv_push(r, c->items, raw->v[i]);
    return r->rc ? error : (struct jv){.t = JV_CYCLER, .u.cycler = c};
}

FUNCTION(g_joiner) {
    struct jcycler *c = cycler_new(r);
    if (!c) return error;
    c->items = a[0].t == JV_MISSING ? jv_z(", ") : a[0];
    return (struct jv){.t = JV_JOINER, .u.cycler = c};
}

FUNCTION(c_next) {
    struct jcycler *c = s.u.cycler;
    struct jv v = c->items.u.seq->v[c->i];
    c->i = (c->i + 1) % c->items.u.seq->n;
    return v;
}
FUNCTION(c_reset) {
    s.u.cycler->i = 0;
    return jv_none();
}

const struct jbuiltin jinja__cycler_methods[] = {{"next", c_next, 0, {NULL}}, {"reset", c_reset, 0, {NULL}}, {0}};

FUNCTION(g_raise) {
    struct jv text = jv_to_str(r, a[0]);
    if (r->rc) return error;
    return jinja__err(r, ERR_ARG, "%.*s", (int)(text.n > 4000 ? 4000 : text.n), text.u.s);
}

FUNCTION(g_lipsum) { return jinja__err(r, ERR_UNSUPPORTED, "function 'lipsum' is not supported: it is not deterministic"); }

/* ---- strftime_now ---- */

/* ISO 8601 week of a date, and its year. */
static int iso_week(const struct tm *t, int *year) {
    int wday = (t->tm_wday + 6) % 7, week = (t->tm_yday - wday + 10) / 7, y = t->tm_year + 1900;
    int leap = (y % 4 == 0 && y % 100 != 0) || y % 400 == 0, before = y - 1;
    int leap_before = (before % 4 == 0 && before % 100 != 0) || before % 400 == 0;
    *year = y;
    if (week < 1) {
        int yday = t->tm_yday + 365 + leap_before;
        *year = before;
        return (yday - wday + 10) / 7;
    }
    if (week == 53 && t->tm_yday - wday + 3 >= 365 + leap) return *year = y + 1, 1;
    return week;
}

static const char *const days[] = {"Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"};
static const char *const months[] = {"January", "February", "March",     "April",   "May",      "June",
                                     "July",    "August",   "September", "October", "November", "December"};

#define PUT(...) return snprintf(out, 64, __VA_ARGS__), 1

static int time_directive(char out[64], char c, const struct tm *t) {
    int hour12 = t->tm_hour % 12 ? t->tm_hour % 12 : 12;
    const char *half = t->tm_hour < 12 ? "AM" : "PM";
    switch (c) {
    case 'f': PUT("000000");
    case 'H': PUT("%02d", t->tm_hour);
    case 'I': PUT("%02d", hour12);
    case 'k': PUT("%2d", t->tm_hour);
    case 'l': PUT("%2d", hour12);
    case 'M': PUT("%02d", t->tm_min);
    case 'p': PUT("%s", half);
    case 'P': PUT("%s", t->tm_hour < 12 ? "am" : "pm");
    case 'r': PUT("%02d:%02d:%02d %s", hour12, t->tm_min, t->tm_sec, half);
    case 'R': PUT("%02d:%02d", t->tm_hour, t->tm_min);
    case 'S': PUT("%02d", t->tm_sec);
    case 'T':
    case 'X': PUT("%02d:%02d:%02d", t->tm_hour, t->tm_min, t->tm_sec);
    case 'n': PUT("\n");
    case 't': PUT("\t");
    case 'z':
    case 'Z': PUT("%s", ""); /* the time has no zone */
    case '%': PUT("%%");
    default: return 0;
    }
}

/* One directive; names come from here, so that no locale takes part. 0: not known */
static int directive(char out[64], char c, const struct tm *t) {
    int year = 0, week = iso_week(t, &year);
    switch (c) {
    case 'a': PUT("%.3s", days[t->tm_wday]);
    case 'A': PUT("%s", days[t->tm_wday]);
    case 'b':
    case 'h': PUT("%.3s", months[t->tm_mon]);
    case 'B': PUT("%s", months[t->tm_mon]);
    case 'c':
        PUT("%.3s %.3s %2d %02d:%02d:%02d %d", days[t->tm_wday], months[t->tm_mon], t->tm_mday, t->tm_hour, t->tm_min, t->tm_sec,
            t->tm_year + 1900);
    case 'C': PUT("%02d", (t->tm_year + 1900) / 100);
    case 'd': PUT("%02d", t->tm_mday);
    case 'e': PUT("%2d", t->tm_mday);
    case 'D':
    case 'x': PUT("%02d/%02d/%02d", t->tm_mon + 1, t->tm_mday, t->tm_year % 100);
    case 'F': PUT("%d-%02d-%02d", t->tm_year + 1900, t->tm_mon + 1, t->tm_mday);
    case 'g': PUT("%02d", year % 100);
    case 'G': PUT("%d", year);
    case 'j': PUT("%03d", t->tm_yday + 1);
    case 'm': PUT("%02d", t->tm_mon + 1);
    case 'u': PUT("%d", t->tm_wday ? t->tm_wday : 7);
    case 'U': PUT("%02d", (t->tm_yday + 7 - t->tm_wday) / 7);
    case 'V': PUT("%02d", week);
    case 'w': PUT("%d", t->tm_wday);
    case 'W': PUT("%02d", (t->tm_yday + 7 - (t->tm_wday + 6) % 7) / 7);
    case 'y': PUT("%02d", t->tm_year % 100);
    case 'Y': PUT("%d", t->tm_year + 1900);
    default: return time_directive(out, c, t);
    }
}
#undef PUT

/* %-d and the like leave the padding away. */
static const char *unpadded(const char *s) {
    while ((*s == '0' || *s == ' ') && s[1] >= '0' && s[1] <= '9') s++;
    return s;
}

struct jv jinja__strftime(struct jrun *r, struct jv fmt) {
    struct jbuf b = {0};
    char buf[64];
    if (!r->now) return jinja__err(r, ERR_STATE, "strftime_now: the caller gave no time");
    for (size_t i = 0; i < fmt.n && !r->rc; i++) {
        int bare = i + 2 < fmt.n && fmt.u.s[i] == '%' && fmt.u.s[i + 1] == '-';
        if (fmt.u.s[i] != '%' || i + 1 + (size_t)bare >= fmt.n) {
            jinja__buf_add(r, &b, fmt.u.s + i, 1);
            continue;
        }
        i += 1 + (size_t)bare;
        if (!directive(buf, fmt.u.s[i], r->now))
            return jinja__err(r, ERR_UNSUPPORTED, "strftime_now: directive %%%.*s is not supported; supported are: %s",
                              (int)utf8_len(fmt.u.s + i, fmt.n - i), fmt.u.s + i,
                              "a A b B c C d D e f F g G h H I j k l m M n p P r R S t T u U V w W x X y Y z Z %");
        jinja__buf_puts(r, &b, bare ? unpadded(buf) : buf);
    }
    return r->rc ? error : jinja__buf_str(&b);
}

FUNCTION(g_strftime) {
    if (a[0].t != JV_STR) return jinja__err(r, ERR_FORMAT, "strftime_now: expected a string, found '%s'", jv_type_name(a[0]));
    return jinja__strftime(r, a[0]);
}

const struct jbuiltin jinja__globals[] = {
    {"range", g_range, 1, {"start", "stop", "step"}},
    {"dict", g_dict, 0, {"*"}},
    {"namespace", g_namespace, 0, {"*"}},
    {"cycler", g_cycler, 0, {"*"}},
    {"joiner", g_joiner, 0, {"sep"}},
    {"raise_exception", g_raise, 1, {"message"}},
    {"strftime_now", g_strftime, 1, {"format"}},
    {"lipsum", g_lipsum, 0, {"*"}},
    {0},
};
