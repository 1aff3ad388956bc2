/* Report pages as bytes: what is refused, how foreign text gets in, what the file holds, and that it appears whole or not at all. How a
 * page looks and behaves is asked of a browser (tests/pages). */
#include "lab/page_int.h"
#include "test_files.h"
#include <math.h>

TestSuite(page, .timeout = HANG_S);

/* A script and a style that stand for the real ones, so that these tests need no Node.js. */
static const struct page_bundle fake = {.js = "go()", .css = "p{}", .js_len = 4, .css_len = 3, .js_hash = "HASH="};

static struct page *new_page(void) {
    struct page *p = NULL;
    OK(page_new(&p, &(struct page_head){.title = "A <title>", .subtitle = "a & b"}, &e));
    return p;
}

/* The file that the page makes, malloc'd; frees the page. */
static char *written(struct page *p) {
    char *text = NULL;
    size_t n = 0;
    OK(page_write_with(p, &fake, tmp_path("page.html"), &e));
    OK(file_read(&text, &n, tmp_path("page.html"), 0, &e));
    page_free(p);
    return text;
}

static void holds(const char *text, const char *part) {
    cr_assert(strstr(text, part), "\"%s\" is not in the page:\n%s", part, text);
}
static void lacks(const char *text, const char *part) {
    cr_assert(!strstr(text, part), "\"%s\" is in the page:\n%s", part, text);
}

static void refused(int rc, const struct err *e, int code, const char *part) {
    cr_assert_eq(rc, code, "expected %s, found %s: %s", err_name(code), err_name(rc), e->msg);
    cr_assert(strstr(e->msg, part), "expected \"%s\" in \"%s\"", part, e->msg);
}

/* ---- foreign text ---- */

static char *escaped(const char *s, size_t n) {
    struct str out = {0};
    str_puts(&out, "");
    page_escape(&out, s, n);
    return out.s;
}

Test(page, html_text_is_escaped) {
    static const struct {
        const char *in, *out;
        size_t n;
    } cases[] = {
        {"a<b>&\"c'", "a&lt;b&gt;&amp;&quot;c&#39;", 8},
        {"tab\tline\n", "tab\tline\n", 9},
        {"\0\x01\x7F\xC2\x85", "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD", 5}, /* controls */
        {"\xFFx\xC3", "\xEF\xBF\xBDx\xEF\xBF\xBD", 3},                                 /* no character, half a character */
        {"\xED\xA0\x80\xC0\xAF", "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD", 5}, /* surrogate, overlong */
        {"\xD9\x83\xF0\x9F\x98\x80", "\xD9\x83\xF0\x9F\x98\x80", 6},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char *got = escaped(cases[i].in, cases[i].n);
        cr_assert_str_eq(got, cases[i].out, "case %zu: %s", i, got);
        free(got);
    }
}

Test(page, json_in_a_script_cannot_end_it) {
    static const char text[] = "</script><!--<script>\xE2\x80\xA8\xE2\x80\xA9\xE2\x80\xAA";
    json_t *j = json_pack("{s:s}", "<k", text), *back;
    struct str out = {0};
    cr_assert_eq(page_json(&out, j), 0);
    lacks(out.s, "<");
    lacks(out.s, "\xE2\x80\xA8");
    lacks(out.s, "\xE2\x80\xA9");
    holds(out.s, "\\u003c/script>");
    back = json_loads(out.s, 0, NULL);
    cr_assert(json_equal(j, back), "the escapes are undone by a reader of JSON");
    json_decref(j), json_decref(back), str_free(&out);
}

Test(page, strings_of_any_bytes_become_json) {
    json_t *j = page_string("a\0\xFF\xC3", 4);
    cr_assert_eq(json_string_length(j), 8);
    cr_assert_eq(memcmp(json_string_value(j), "a\0\xEF\xBF\xBD\xEF\xBF\xBD", 8), 0);
    json_decref(j);
    cr_assert(json_is_null(page_number(NAN)) && json_is_null(page_number(INFINITY)) && json_is_null(page_interval(NAN, 0, 1)));
    j = page_interval(0.5, NAN, 1);
    cr_assert(json_is_null(json_array_get(j, 1)) && json_real_value(json_array_get(j, 2)) == 1);
    json_decref(j);
}

Test(page, text_cannot_leave_its_element) {
    static const char evil[] = "</p></script><script>x</script><b onclick='y'>";
    struct page *p = new_page();
    OK(page_section(p, evil, "evil", &e));
    OK(page_text(p, evil, &e));
    OK(page_quote(p, evil, evil, sizeof evil, &e)); /* with the NUL */
    OK(page_facts(p, &(struct page_fact){evil, evil}, 1, &e));
    char *text = written(p);
    lacks(text, "<b ");
    lacks(text, "<script>x");
    holds(text, "&lt;/p&gt;&lt;/script&gt;&lt;script&gt;x");
    holds(text, "<title>A &lt;title&gt;</title>");
    free(text);
}

/* ---- the file ---- */

Test(page, has_policy_sections_and_both_directions) {
    struct page *p = NULL;
    OK(page_new(&p, &(struct page_head){.title = "t", .lang = "ar", .rtl = 1}, &e));
    OK(page_section(p, "One", "one", &e));
    OK(page_text(p, "first\n\nsecond\n\n\n", &e));
    OK(page_section(p, "Two", "two", &e));
    char *text = written(p);
    holds(text, "<html lang=\"ar\" dir=\"rtl\">");
    holds(text, "content=\"default-src 'none'; script-src 'sha256-HASH='; style-src 'unsafe-inline'; base-uri 'none'; "
                "form-action 'none'\"");
    holds(text, "<style>p{}</style>\n<script>go()</script>");
    holds(text, "<li><a href=\"#one\" dir=\"auto\">One</a></li>\n<li><a href=\"#two\" dir=\"auto\">Two</a></li>");
    holds(text, "<p dir=\"auto\">first</p>\n<p dir=\"auto\">second</p>\n</section>");
    lacks(text, "<p dir=\"auto\"></p>");
    holds(text, "</h2>\n</section>\n</main>");
    lacks(text, "http:");
    lacks(text, "https:");
    free(text);
}

Test(page, a_failure_leaves_what_was_there) {
    const char *path = tmp_path("kept.html");
    FILE *f = fopen(path, "w");
    fputs("old", f);
    fclose(f);
    struct page *p = new_page();
    struct err said = ERR_INIT, kept = ERR_INIT;
    cr_assert_lt(page_section(p, "x", "Not An Id", &said), 0);
    refused(page_write_with(p, &fake, path, &kept), &kept, ERR_ARG, "Not An Id");
    cr_assert_str_eq(kept.msg, said.msg, "the first error is told again");
    page_free(p);
    p = new_page();
    cr_assert_lt(page_write_with(p, &fake, in_dir(path, "below/a/file"), &said), 0);
    char *text = NULL;
    size_t n;
    OK(file_read(&text, &n, path, 0, &e));
    cr_assert_str_eq(text, "old");
    OK(page_write_with(p, &fake, path, &e));
    free(text);
    OK(file_read(&text, &n, path, 0, &e));
    holds(text, "<!doctype html>");
    free(text), page_free(p);
}

Test(page, a_program_without_pages_says_how_to_get_them) {
    struct page *p = new_page();
    struct err e = ERR_INIT;
    const char *path = tmp_path("none.html");
    const struct page_bundle none = {.missing = "there was no npm"};
    int rc = page_write_with(p, &none, path, &e);
    refused(rc, &e, ERR_STATE, "there was no npm");
    refused(rc, &e, ERR_STATE, "install nodejs 18 or newer and npm");
    cr_assert_not(file_exists(path));
    cr_assert_eq(page_available(), page_bundle.js != NULL);
    page_free(p);
}

Test(page, the_embedded_script_cannot_end_its_element) {
    if (!page_available()) cr_skip_test("this build has no report pages");
    cr_assert_gt(page_bundle.js_len, 100000);
    cr_assert_null(memmem(page_bundle.js, page_bundle.js_len, "</script", 8));
    cr_assert_null(memmem(page_bundle.js, page_bundle.js_len, "<!--", 4));
    cr_assert_null(memmem(page_bundle.css, page_bundle.css_len, "</style", 7));
    cr_assert_null(memchr(page_bundle.js, 0, page_bundle.js_len));
    cr_assert_null(memchr(page_bundle.js, '\r', page_bundle.js_len));
}

/* ---- titles, languages, ids ---- */

Test(page, heads_and_ids_are_checked) {
    struct page *p = NULL;
    struct err said = ERR_INIT;
    refused(page_new(&p, &(struct page_head){0}, &said), &said, ERR_ARG, "title");
    refused(page_new(&p, &(struct page_head){.title = "t", .lang = "\"><b>"}, &said), &said, ERR_ARG, "language");
    cr_assert_null(p);
    static const char *const bad[] = {"", "A", "1a", "a b", "a\"b", "main", "table-1", "figure-2", "candor-x"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        p = new_page();
        cr_assert_eq(page_section(p, "h", bad[i], &said), ERR_ARG, "the id \"%s\" was taken", bad[i]);
        page_free(p);
    }
    p = new_page();
    OK(page_section(p, "h", "ab", &e));
    OK(page_section(p, "h", "a", &e));
    OK(page_section(p, "h", "b", &e));
    refused(page_section(p, "h", "ab", &said), &said, ERR_ARG, "two sections");
    page_free(p);
}

/* ---- tables ---- */

static const struct page_column columns[] = {
    {.name = "name"},
    {.name = "share", .label = "Share <b>", .type = PAGE_SHARE, .interval = 1, .note = "95 %"},
    {.name = "count", .type = PAGE_NUMBER, .unit = "tokens"},
    {.name = "kind"},
};
#define N_COLUMNS (sizeof columns / sizeof *columns)

/* One row as JSON; returns what page_table says of it. */
static int table_of(const char *rows, struct err *e) {
    struct page *p = new_page();
    json_t *j = json_loads(rows, JSON_DECODE_ANY, NULL);
    int rc = page_table(p, "T", NULL, &(struct page_data){columns, N_COLUMNS, j}, e);
    json_decref(j), page_free(p);
    return rc;
}

Test(page, rows_are_checked_cell_by_cell) {
    static const struct {
        const char *rows, *part;
    } bad[] = {
        {"{}", "rows as an array"},
        {"[{}]", "row 0 to be an array, found an object"},
        {"[[\"a\",null,1]]", "expected 4 cells in row 0, found 3"},
        {"[[\"a\",null,1,\"k\"],[1,null,1,\"k\"]]", "row 1, column \"name\": expected a string or null, found a number"},
        {"[[\"a\",0.5,1,\"k\"]]", "expected [value, low, high] with low <= high or null, found a number"},
        {"[[\"a\",[0.5,0.6,0.4],1,\"k\"]]", "low <= high"},
        {"[[\"a\",[0.5,0.4],1,\"k\"]]", "low <= high"},
        {"[[\"a\",[null,0.4,0.5],1,\"k\"]]", "low <= high"},
        {"[[\"a\",null,\"1\",\"k\"]]", "column \"count\": expected a number or null, found a string"},
        {"[[\"a\",null,true,\"k\"]]", "found a truth value"},
    };
    struct err said = ERR_INIT;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) refused(table_of(bad[i].rows, &said), &said, ERR_ARG, bad[i].part);
    OK(table_of("[]", &e));
    OK(table_of("[[null,null,null,null],[\"a\",[1,null,null],2,\"\"]]", &e));
}

static void bad_column(struct page_column c, const char *part) {
    struct page *p = new_page();
    struct err said = ERR_INIT;
    const struct page_column two[] = {{.name = "name"}, c};
    json_t *rows = json_array();
    refused(page_table(p, "T", NULL, &(struct page_data){two, 2, rows}, &said), &said, ERR_ARG, part);
    json_decref(rows), page_free(p);
}

Test(page, columns_say_what_they_hold) {
    bad_column((struct page_column){.name = "a b"}, "named by letters");
    bad_column((struct page_column){.name = NULL}, "named by letters");
    bad_column((struct page_column){.name = "name"}, "two columns");
    bad_column((struct page_column){.name = "n", .type = PAGE_NUMBER}, "no unit");
    bad_column((struct page_column){.name = "n", .type = PAGE_SHARE, .interval = 1}, "level and method");
    bad_column((struct page_column){.name = "n", .interval = 1, .note = "95 %"}, "text with an interval");
}

Test(page, a_table_is_a_block_of_json) {
    struct page *p = new_page();
    json_t *rows = json_loads("[[\"</script>\",[0.5,0.25,0.75],3,null]]", 0, NULL);
    OK(page_table(p, "T", "how <b>", &(struct page_data){columns, N_COLUMNS, rows}, &e));
    char *text = written(p), *block = strstr(text, "<script type=\"application/json\">");
    cr_assert_not_null(block);
    json_t *back = json_loads(block + strlen("<script type=\"application/json\">"), JSON_DISABLE_EOF_CHECK, NULL);
    cr_assert(json_equal(json_object_get(back, "rows"), rows));
    const json_t *c = json_array_get(json_object_get(back, "columns"), 1);
    cr_assert_str_eq(json_string_value(json_object_get(c, "label")), "Share <b>");
    cr_assert_str_eq(json_string_value(json_object_get(c, "type")), "share");
    cr_assert_str_eq(json_string_value(json_object_get(c, "note")), "95 %");
    holds(text, "<figure class=\"table\" id=\"table-1\">");
    holds(text, "how &lt;b&gt;");
    json_decref(back), json_decref(rows), free(text);
}

/* ---- plots ---- */

static int plot_of(struct page_plot plot, struct err *e) {
    struct page *p = new_page();
    json_t *rows = json_array();
    plot.title = plot.title ? plot.title : "P";
    plot.data = (struct page_data){columns, N_COLUMNS, rows};
    int rc = page_plot(p, &plot, e);
    json_decref(rows), page_free(p);
    return rc;
}

#define REFUSED_PLOT(part, ...)                                                     \
    do {                                                                            \
        struct err e = ERR_INIT;                                                    \
        refused(plot_of((struct page_plot){__VA_ARGS__}, &e), &e, ERR_ARG, (part)); \
    } while (0)

Test(page, channels_of_a_plot_are_checked) {
    REFUSED_PLOT("needs y", .chart = PAGE_LINE, .x = "count");
    REFUSED_PLOT("has no value", .chart = PAGE_LINE, .x = "count", .y = "share", .value = "share");
    REFUSED_PLOT("none of that name", .chart = PAGE_LINE, .x = "count", .y = "nothing");
    REFUSED_PLOT("expected numbers for x", .chart = PAGE_LINE, .x = "name", .y = "share");
    REFUSED_PLOT("expected text for y", .chart = PAGE_BAR, .x = "share", .y = "count");
    REFUSED_PLOT("expected shares for x", .chart = PAGE_RELIABILITY, .x = "count", .y = "share");
    REFUSED_PLOT("needs series", .chart = PAGE_TOKENS, .label = "name", .value = "share");
    REFUSED_PLOT("no rule", .chart = PAGE_HEATMAP, .x = "count", .y = "name", .value = "share", .rule = {1, "one"});
    REFUSED_PLOT("rule at a number", .chart = PAGE_LINE, .x = "count", .y = "share", .rule = {NAN, "none"});
    REFUSED_PLOT("no chart has the number", .chart = (enum page_chart)77);
    OK(plot_of((struct page_plot){.chart = PAGE_HEATMAP, .x = "count", .y = "name", .value = "share"}, &e));
    OK(plot_of((struct page_plot){.chart = PAGE_TOKENS, .label = "name", .value = "share", .series = "kind"}, &e));
}

Test(page, a_plot_names_its_chart_channels_and_rule) {
    struct page *p = new_page();
    json_t *rows = json_array();
    struct page_plot plot = {.chart = PAGE_LINE,
                             .title = "P",
                             .data = {columns, N_COLUMNS, rows},
                             .x = "count",
                             .y = "share",
                             .series = "kind",
                             .rule = {0.25, "chance </script>"}};
    OK(page_plot(p, &plot, &e));
    OK(page_plot(p, &plot, &e));
    char *text = written(p), *block = strstr(text, "<script type=\"application/json\">");
    json_t *back = json_loads(block + strlen("<script type=\"application/json\">"), JSON_DISABLE_EOF_CHECK, NULL);
    json_t *wanted = json_loads("{\"x\":\"count\",\"y\":\"share\",\"series\":\"kind\"}", 0, NULL);
    cr_assert(json_equal(json_object_get(back, "channels"), wanted));
    cr_assert_str_eq(json_string_value(json_object_get(back, "chart")), "line");
    cr_assert_eq(json_real_value(json_object_get(json_object_get(back, "rule"), "at")), 0.25);
    holds(text, "id=\"figure-2\"");
    lacks(text, "chance </script");
    json_decref(back), json_decref(wanted), json_decref(rows), free(text);
}
