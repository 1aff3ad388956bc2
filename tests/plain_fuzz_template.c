/* Deterministic mutations of templates: our own (tests/templates), the published ones where the test data is there, and seeds that touch
 * every construct. What must always hold: no crash, no endless run, an error has a sentence and leaves no text, and what renders is
 * UTF-8. A plain program, so that every sanitizer can run it. */
#include "base/fs.h"
#include "base/rng.h"
#include "base/str.h"
#include "plain_hold.h"
#include "text/jinja.h"
#include "text/unicode.h"
#include <glob.h>
#include <string.h>

static const char vars_json[] = "{\"messages\":[{\"role\":\"system\",\"content\":\"S\"},{\"role\":\"user\",\"content\":\"hi "
                                "\\u00e4\\u4f60\"},{\"role\":\"assistant\","
                                "\"content\":null,\"tool_calls\":[{\"id\":\"abcdefghi\",\"function\":{\"name\":\"f\","
                                "\"arguments\":{\"x\":1,\"y\":[true,null,2.5]}}}]},"
                                "{\"role\":\"tool\",\"content\":\"r\",\"tool_call_id\":\"abcdefghi\"}],\"tools\":[{\"type\":"
                                "\"function\",\"function\":{\"name\":\"f\","
                                "\"description\":\"d\",\"parameters\":{\"type\":\"object\",\"properties\":{\"x\":{\"type\":["
                                "\"string\",\"null\"]}},\"required\":[\"x\"]}}}],"
                                "\"add_generation_prompt\":true,\"bos_token\":\"<s>\",\"a\":[3,1,2],\"s\":\"Hello "
                                "World\",\"n\":7,\"f\":-2.5,\"d\":{\"k\":{\"z\":[1]}}}";

static const char *const seeds[] = {
    "{% for i in a|sort(reverse=true) if i > 1 %}{{ loop.index ~ loop.cycle('a', 'b') }}{% else %}x{% endfor %}",
    "{% macro m(x, y=1) %}{{ x }}{{ varargs }}{{ kwargs }}{{ caller() if caller }}{% endmacro %}{% call m(1, 2, 3, z=4) %}c{% "
    "endcall %}",
    "{% set ns = namespace(i=0) %}{% for c in s %}{% set ns.i = ns.i + 1 %}{% if ns.i == 3 %}{% break %}{% endif %}{% endfor "
    "%}{{ ns }}",
    "{{ s[::-1] ~ s[1:-1:2] ~ a[-1] ~ (1, 'x')[0] ~ {'k': [1.5, none]}.items()|list }}",
    "{{ '%-5s|%05.1f|%x' % (s, f, n) }}{{ '{:>8}{0[0]!r}'.format(a) }}{{ '{:,.2f}'.format(1234.5) }}",
    "{{ messages|selectattr('role', 'in', ['user', 'tool'])|map(attribute='content')|join(', ')|upper|title|trim|replace('I', "
    "'') }}",
    "{{ tools|tojson(indent=2) }}{{ d|dictsort|string|indent(2, true) }}{{ s|urlencode|truncate(5) }}",
    "{% filter upper|replace('A', 'b') %}{% raw %}{{ a }}{% endraw %}{% endfilter %}{#- c -#}{%- set q | lower %}X{% endset "
    "-%}{{ q }}",
    "{{ 7 // 2 ** 2 % 3 - -n * 1e3 / 4 }}{{ 1 < 2 < 3 in a or not x is defined and 'l' in s }}{{ n if f else s }}",
    "{{ s.split('o', 1) }}{{ s.rsplit(none, 1) }}{{ s.partition(' ') }}{{ s.center(20, '*') }}{{ s.zfill(15).title().swapcase() "
    "}}",
    "{{ a|batch(2, 0)|list }}{{ a|slice(2)|list }}{{ messages|groupby('role')|list }}{{ a|sum(start=1)|round(1)|int }}{{ "
    "s|unique|list }}",
    "{{ (s ~ messages[1].content)|wordwrap(4, false) }}{{ s|wordwrap(n) }}",
    "{% with x = range(3)|list, y = dict(a=1) %}{{ x }}{{ y.a }}{{ cycler(1, 2).next() }}{{ joiner('|')() }}{% endwith %}"
    "{{ strftime_now('%d %b %Y %-H') }}{% for t in [[1, [2]]] recursive %}{{ loop(t) if t is sequence else t }}{% endfor %}",
};
static const char *const bits[] = {
    "{%",    "%}",     "{{",  "}}",    "{#",      "#}",      "-",      "+",       "|",         "(",        ")",
    "[",     "]",      "{",   "}",     "'",       "\"",      "\\",     "**",      "//",        "~",        "if",
    "else",  "in",     "is",  "not",   "loop",    "caller",  "range",  "1e9",     "-1",        "99999999", "\n",
    "\xC3",  "%s",     "*",   "a",     "s",       "n",       "ns",     "|list",   "|join",     "|string",  ".items()",
    "endif", "endfor", "set", "macro", ".split(", "|tojson", "[::-1]", "|length", "recursive", "loop(a)"};

struct totals {
    int parsed, rendered, n;
};

static void one(const char *s, size_t n, json_t *vars, struct totals *sum) {
    static const struct tm now = {.tm_year = 124, .tm_mday = 1};
    struct err e = ERR_INIT;
    struct jinja *t = NULL;
    struct str out = {0};
    sum->n++;
    int rc = jinja_new(&t, s, n, "t", &e);
    if (!rc) {
        sum->parsed++;
        rc = jinja_render(t, vars, &now, &out, &e);
    }
    if (rc < 0) HOLD(e.msg[0] && e.code < 0 && out.len == 0);
    if (rc == 0) HOLD(utf8_valid(out.s ? out.s : "", out.len) == out.len);
    sum->rendered += rc == 0;
    jinja_free(t);
    str_free(&out);
}

static size_t mutate(struct rng *r, char *s, size_t n, size_t cap) {
    for (uint64_t k = 1 + rng_below(r, 3); k-- > 0;) {
        size_t at = n ? (size_t)rng_below(r, n) : 0, len = n - at < 12 ? n - at : (size_t)rng_below(r, 12);
        const char *bit = bits[rng_below(r, sizeof bits / sizeof *bits)];
        size_t from = n ? (size_t)rng_below(r, n) : 0, b = strlen(bit);
        switch (rng_below(r, 4)) {
        case 0: memmove(s + at, s + at + len, n - at - len), n -= len; break;
        case 1:
            if (n + b <= cap) memmove(s + at + b, s + at, n - at), memcpy(s + at, bit, b), n += b;
            break;
        case 2:
            if (at + b <= n) memcpy(s + at, bit, b);
            break;
        default:
            if (len && from + len <= n) memmove(s + at, s + from, len);
        }
    }
    return n;
}

static void fuzz(const char *good, size_t n, int rounds, uint64_t seed, json_t *vars, struct totals *sum) {
    struct rng r = RNG(seed, 7);
    char *s = malloc(n + 64);
    HOLD(s);
    for (int i = 0; i < rounds; i++) {
        memcpy(s, good, n);
        one(s, i ? mutate(&r, s, n, n + 64) : n, vars, sum);
    }
    free(s);
}

static void fuzz_files(const char *pattern, int rounds, json_t *vars, struct totals *sum) {
    glob_t g;
    struct err e = ERR_INIT;
    if (glob(pattern, 0, NULL, &g) != 0) return;
    for (size_t i = 0; i < g.gl_pathc; i++) {
        char *text;
        size_t n;
        HOLD(file_read(&text, &n, g.gl_pathv[i], 0, &e) == 0);
        fuzz(text, n, rounds, i + 100, vars, sum);
        free(text);
    }
    globfree(&g);
}

int main(void) {
    char pattern[600];
    const char *data = getenv("CANDOR_TEST_DATA");
    struct totals sum = {0};
    json_t *vars = json_loads(vars_json, 0, NULL);
    HOLD(vars);
    for (size_t i = 0; i < sizeof seeds / sizeof *seeds; i++) {
        struct totals first = {0};
        one(seeds[i], strlen(seeds[i]), vars, &first);
        fuzz(seeds[i], strlen(seeds[i]), 400, i, vars, &sum);
    }
    fuzz_files("tests/templates/*.jinja", 100, vars, &sum);
    snprintf(pattern, sizeof pattern, "%s/chat-templates/*.jinja", data && *data ? data : "../shared/data");
    fuzz_files(pattern, 60, vars, &sum);
    fprintf(stderr, "plain_fuzz_template: %d templates, %d parsed, %d rendered\n", sum.n, sum.parsed, sum.rendered);
    HOLD(sum.parsed > sum.n / 20 && sum.rendered > sum.n / 50);
    json_decref(vars);
    return 0;
}
