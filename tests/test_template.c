/* Chat templates: our own templates and snippets against what Jinja2 made of them (tests/templates, made by make.py there), published
 * templates against published renderings, the limits that a hostile template meets, and where models keep their templates.
 * Data: $CANDOR_TEST_DATA, else ../shared/data; where it is absent those tests are skipped and say so. */
#include "base/str.h"
#include "test_files.h"
#include "text/chat_template.h"
#include "text/jinja.h"
#include "weights/gguf_write.h"

TestSuite(template, .timeout = 60);

/* ---- helpers ---- */

static json_t *load(const char *path) {
    json_error_t je;
    json_t *j = json_load_file(path, JSON_ALLOW_NUL, &je);
    cr_assert(j, "%s:%d: %s", path, je.line, je.text);
    return j;
}

static struct tm time_of(const char *text) {
    struct tm t;
    struct err e = ERR_INIT;
    cr_assert_eq(chat_time(&t, text, &e), 0, "%s", e.msg);
    return t;
}

/* 0 and text, or an error. */
static int render(const char *source, size_t n, json_t *vars, const struct tm *now, struct str *out, struct err *e) {
    struct jinja *t = NULL;
    int rc = jinja_new(&t, source, n, "t", e);
    if (!rc) rc = jinja_render(t, vars, now, out, e);
    jinja_free(t);
    return rc;
}

/* Does the source give this text (NULL: an error)? The first few that do not are shown. */
static int agrees(const char *source, size_t n, json_t *vars, const struct tm *now, const json_t *want, int shown) {
    struct str out = {0};
    struct err e = ERR_INIT;
    int rc = render(source, n, vars, now, &out, &e), ok;
    if (json_is_null(want))
        ok = rc < 0 && e.msg[0] && e.where[0] && e.at >= 1;
    else
        ok = rc == 0 && out.len == json_string_length(want) && (!out.len || !memcmp(out.s, json_string_value(want), out.len));
    if (!ok && shown < 5)
        cr_log_error("%.300s\n  expected %.300s\n  found    %.300s", source,
                     json_is_null(want) ? "an error" : json_string_value(want),
                     rc < 0  ? e.msg
                     : out.s ? out.s
                             : "");
    str_free(&out);
    return ok;
}

static void all_snippets(const char *path) {
    json_t *j = load(path), *cases = json_object_get(j, "cases"), *c;
    struct tm now = time_of(json_string_value(json_object_get(j, "now")));
    int wrong = 0;
    size_t i;
    cr_assert(json_array_size(cases) > 100);
    json_array_foreach(cases, i, c) {
        const json_t *t = json_array_get(c, 0);
        wrong +=
            !agrees(json_string_value(t), json_string_length(t), json_object_get(j, "vars"), &now, json_array_get(c, 1), wrong);
    }
    cr_assert_eq(wrong, 0, "%d of %zu cases differ", wrong, json_array_size(cases));
    json_decref(j);
}

Test(template, expressions_are_what_jinja_makes_of_them) { all_snippets("tests/templates/expressions.json"); }
Test(template, statements_and_white_space_are_what_jinja_makes_of_them) { all_snippets("tests/templates/statements.json"); }

/* ---- whole templates ---- */

/* file rendered with a request (an object as in a JSON file), special tokens and the time */
static int whole(const char *file, const json_t *request, const char *bos, const char *eos, const char *date,
                 const json_t *want) {
    struct chat_template *t = NULL;
    struct chat_input r = {0};
    struct err e = ERR_INIT;
    struct str out = {0};
    struct tm now = time_of(date);
    char *source, *text = json_dumps(request, 0);
    size_t n;
    cr_assert_eq(file_read(&source, &n, file, 0, &e), 0, "%s", e.msg);
    cr_assert_eq(chat_template_new(&t, source, n, file, &e), 0, "%s (%s:%d)", e.msg, e.where, (int)e.at);
    int rc = chat_input_read(&r, text, strlen(text), "request", &e);
    if (!rc) {
        json_object_set_new(r.extra, "bos_token", json_string(bos));
        json_object_set_new(r.extra, "eos_token", json_string(eos));
        rc = chat_template_render(t,
                                  &(struct chat_render){.messages = r.messages,
                                                        .tools = r.tools,
                                                        .documents = r.documents,
                                                        .extra = r.extra,
                                                        .add_generation_prompt = r.add_generation_prompt,
                                                        .now = &now},
                                  &out, &e);
    }
    int ok = json_is_null(want) ? rc < 0 : rc == 0 && !strcmp(out.s ? out.s : "", json_string_value(want));
    if (!ok)
        cr_log_error("%s:\n  expected %s\n  found    %s", file, json_string_value(want), rc < 0 ? e.msg : out.s ? out.s : "");
    chat_template_free(t), chat_input_free(&r), str_free(&out), free(source), free(text);
    return ok;
}

Test(template, own_templates_render_as_in_jinja) {
    json_t *j = load("tests/templates/models.json"), *c;
    size_t i;
    int wrong = 0;
    json_array_foreach(json_object_get(j, "cases"), i, c) {
        char path[256];
        snprintf(path, sizeof path, "tests/templates/%s", json_string_value(json_array_get(c, 0)));
        const json_t *context = json_object_get(json_object_get(j, "contexts"), json_string_value(json_array_get(c, 1)));
        wrong += !whole(path, context, "<s>", "</s>", json_string_value(json_object_get(j, "now")), json_array_get(c, 2));
    }
    cr_assert(i >= 50);
    cr_assert_eq(wrong, 0, "%d of %zu differ", wrong, i);
    json_decref(j);
}

static const char *data_dir(void) {
    static char dir[512];
    const char *env = getenv("CANDOR_TEST_DATA");
    snprintf(dir, sizeof dir, "%s/chat-templates", env && *env ? env : "../shared/data");
    if (!dir_exists(dir)) cr_skip_test("no test data at %s (set CANDOR_TEST_DATA)", dir);
    return dir;
}

Test(template, published_templates_render_as_published) {
    char path[800], line[65536];
    snprintf(path, sizeof path, "%s/contexts.json", data_dir());
    json_t *contexts = load(path);
    snprintf(path, sizeof path, "%s/goldens.jsonl", data_dir());
    FILE *f = fopen(path, "r");
    int n = 0, wrong = 0;
    cr_assert(f);
    while (fgets(line, sizeof line, f)) {
        json_t *g = json_loads(line, 0, NULL);
        cr_assert(g);
        const json_t *want = json_object_get(g, "expected");
        const char *date = strstr(json_string_value(want), "Current date: ");
        char day[16] = "2025-07-10";
        if (date) snprintf(day, sizeof day, "%.10s", date + 14);
        snprintf(path, sizeof path, "%s/%s", data_dir(), json_string_value(json_object_get(g, "template")));
        wrong +=
            !whole(path, json_object_get(contexts, json_string_value(json_object_get(g, "case"))), "<BOS>", "<EOS>", day, want);
        json_decref(g), n++;
    }
    fclose(f);
    json_decref(contexts);
    cr_assert(n >= 20 && wrong == 0, "%d of %d differ", wrong, n);
}

/* ---- errors and limits ---- */

static void fails(const char *source, int code, const char *where, int at, const char *word) {
    struct err e = ERR_INIT;
    struct str out = {0};
    json_t *vars = json_pack("{s:[i,i,i], s:s}", "a", 1, 2, 3, "s", "text");
    int rc = render(source, strlen(source), vars, NULL, &out, &e);
    cr_expect_eq(rc, code, "%.80s: expected %d, found %d (%s)", source, code, rc, e.msg);
    cr_expect(out.len == 0, "%.80s: text in spite of an error", source);
    cr_expect(strstr(e.msg, word), "%.80s: \"%s\" is not in \"%s\"", source, word, e.msg);
    if (where) cr_expect(!strcmp(e.where, where) && e.at == at, "%.80s: found %s:%d", source, e.where, (int)e.at);
    json_decref(vars), str_free(&out);
}

Test(template, an_error_says_what_and_where) {
    fails("x\n  {% include 'y' %}", ERR_UNSUPPORTED, "t:2", 6, "tag 'include' is not supported; supported are: if elif");
    fails("{% extends 'y' %}", ERR_UNSUPPORTED, "t:1", 4, "extends");
    fails("{% do a.append(1) %}", ERR_UNSUPPORTED, "t:1", 4, "'do'");
    fails("\n\n{{ a | frobnicate }}", ERR_UNSUPPORTED, "t:3", 8,
          "No filter named 'frobnicate'; supported are: capitalize center");
    fails("{{ a is frob }}", ERR_UNSUPPORTED, "t:1", 6, "No test named 'frob'; supported are: boolean callable");
    fails("{{ a|random }}", ERR_UNSUPPORTED, NULL, 0, "not deterministic");
    fails("{{ x.y }}", ERR_FORMAT, "t:1", 6, "'x' is undefined");
    fails("{{ a.b.c }}", ERR_FORMAT, NULL, 0, "'list object' has no attribute 'b'");
    fails("{{ a[9].c }}", ERR_FORMAT, NULL, 0, "list object has no element 9");
    fails("{{ raise_exception('Only ' ~ 1 + 1 ~ ' tools') }}", ERR_ARG, NULL, 0, "Only 11 tools"); /* ~ before + */
    fails("{{ raise_exception('no such role: ' + s) }}", ERR_ARG, "t:1", 4, "no such role: text");
    fails("{{ a.append(4) }}", ERR_FORMAT, NULL, 0, "'append' of 'list' object is unsafe");
    fails("{{ strftime_now('%Y') }}", ERR_STATE, NULL, 0, "no time");
    fails("{{ 1 +* 2 }}", ERR_FORMAT, "t:1", 7, "expected an expression, found '*'");
    fails("{% if a %}x", ERR_FORMAT, NULL, 0, "expected {% endif %}");
    fails("{% for i in a %}{% endif %}", ERR_FORMAT, NULL, 0, "{% endif %}");
    fails("{{ a", ERR_FORMAT, "t:1", 1, "no end: expected }}");
    fails("a {# b", ERR_FORMAT, "t:1", 3, "#}");
    fails("{{ (a] }}", ERR_FORMAT, NULL, 0, "bracket");
    fails("\xff", ERR_FORMAT, NULL, 0, "UTF-8");
}

Test(template, a_template_cannot_run_or_grow_without_end) {
    static const struct {
        const char *source, *word;
    } c[] = {
        {"{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}", "deep"},
        {"{% for x in [[a]] recursive %}{{ loop([[a]]) }}{% endfor %}", "deep"},
        {"{% for i in range(99999) %}{% for j in range(99999) %}{% endfor %}{% endfor %}", ""},
        {"{% for i in range(100001) %}{% endfor %}", "MAX_RANGE"},
        {"{{ 'a' * 10**9 }}", "repeated"},
        {"{{ [1] * 10**12 }}", "repeated"},
        {"{{ 2 ** 64 }}", "64 bits"},
        {"{{ 9223372036854775807 + 1 }}", "64 bits"},
        {"{% set ns = namespace(x='ab') %}{% for i in range(99) %}{% set ns.x = ns.x ~ ns.x %}{% endfor %}", ""},
        {"{% set ns = namespace(x=[1]) %}{% for i in range(99) %}{% set ns.x = ns.x + ns.x %}{% endfor %}", ""},
        {"{% set ns = namespace(x=1) %}{% for i in range(900) %}{% set ns.x = [ns.x] %}{% endfor %}{{ ns.x }}", "deep"},
        {"{% set ns = namespace(x=1) %}{% for i in range(900) %}{% set ns.x = [ns.x] %}{% endfor %}{{ ns.x|tojson }}", "deep"},
        {"{% set ns = namespace() %}{% set ns.me = ns %}{{ ns }}", "deep"},
        {"{{ '%999999999d' % 1 }}", ""},
        {"{{ '{:999999999}'.format(1) }}", ""},
        {"{{ 'x'.center(10**12) }}", ""},
        {"{{ a|batch(10**12, 1)|list }}", ""},
        {"{{ a|slice(10**12)|list }}", ""},
    };
    for (size_t i = 0; i < sizeof c / sizeof *c; i++) fails(c[i].source, ERR_LIMIT, NULL, 0, c[i].word);
    fails("{{ 9223372036854775808 }}", ERR_LIMIT, "t:1", 4, "64 bits");
}

/* count times `open`, then `mid`, then count times `close` */
static char *nested(const char *open, const char *mid, const char *close, int count) {
    struct str b = {0};
    for (int i = 0; i < count; i++) str_puts(&b, open);
    str_puts(&b, mid);
    for (int i = 0; i < count; i++) str_puts(&b, close);
    return b.s;
}

Test(template, nesting_has_a_limit_not_a_crash) {
    static const char *const cases[][3] = {
        {"{{ (", "1", ") }}"},
        {"(", "1", ")"},
        {"[", "1", "]"},
        {"{1:", "1", "}"},
        {"not ", "1", ""},
        {"-", "1", ""},
        {"{% if a %}", "", "{% endif %}"},
        {"1 if a else ", "1", ""},
        {"{% for i in a %}", "", "{% endfor %}"},
        {"a[", "0", "]"},
        {"s|default(", "1", ")"},
        {"f(", "1", ")"},
    };
    for (size_t i = 1; i < sizeof cases / sizeof *cases; i++) {
        char *inner = nested(cases[i][0], cases[i][1], cases[i][2], 5000);
        struct str whole_text = {0};
        int tag = cases[i][0][0] == '{' && cases[i][0][1] == '%';
        str_printf(&whole_text, tag ? "%s" : "{{ %s }}", inner);
        fails(whole_text.s, ERR_LIMIT, NULL, 0, "");
        free(inner), str_free(&whole_text);
    }
    char *chain = nested("1+", "1", "", 5000), *text = NULL;
    cr_assert(asprintf(&text, "{{ %s }}", chain) > 0);
    fails(text, ERR_LIMIT, NULL, 0, "deep"); /* a chain of operators is a deep tree */
    free(chain), free(text);
}

/* ---- where templates come from ---- */

static void put(const char *name, const char *text) { write_file(tmp_path(name), text); }

static void says(const char *path, const char *name, const char *tools, const char *want) {
    struct chat_template *t = NULL;
    struct err e = ERR_INIT;
    struct str out = {0};
    json_t *messages = json_pack("[{s:s, s:s}]", "role", "user", "content", "hi"),
           *list = tools ? json_loads(tools, 0, NULL) : NULL;
    cr_assert_eq(chat_template_open(&t, path, &e), 0, "%s (%s)", e.msg, e.where);
    int rc = chat_template_render(t, &(struct chat_render){.name = name, .messages = messages, .tools = list}, &out, &e);
    if (rc < 0)
        cr_expect(strstr(e.msg, want), "\"%s\" is not in \"%s\"", want, e.msg);
    else
        cr_expect_str_eq(out.s ? out.s : "", want);
    chat_template_free(t), json_decref(messages), json_decref(list), str_free(&out);
}

Test(template, templates_of_a_folder) {
    struct chat_template *t = NULL;
    struct err e = ERR_INIT;
    tmp_init();
    cr_assert_eq(chat_template_open(&t, tmp_dir, &e), ERR_STATE);
    cr_assert(strstr(e.msg, "no chat template") && strstr(e.msg, "chat_template.jinja") && !strcmp(e.where, tmp_dir), "%s",
              e.msg);
    put("tokenizer_config.json",
        "{\"bos_token\": \"<b>\", \"eos_token\": {\"content\": \"<e>\", \"special\": true}, \"pad_token\": null,"
        "\"chat_template\": \"{{ bos_token }}{{ messages[0].content }}{{ eos_token }}{{ pad_token }}\\n\"}");
    says(tmp_dir, NULL, NULL, "<b>hi<e>");
    says(tmp_dir, "nope", NULL, "found nope; there are: default");
    put("tokenizer_config.json",
        "{\"chat_template\": [{\"name\": \"default\", \"template\": \"D\"}, {\"name\": \"tool_use\", \"template\": "
        "\"T{{ tools|length }}\"}, {\"name\": \"rag\", \"template\": \"R{{ documents is none }}\"}]}");
    says(tmp_dir, NULL, NULL, "D");
    says(tmp_dir, NULL, "[{\"x\":1}]", "T1");
    says(tmp_dir, "rag", "[{\"x\":1}]", "RTrue");
    put("chat_template.json", "{\"chat_template\": \"J\"}");
    says(tmp_dir, NULL, NULL, "J");
    put("chat_template.jinja", "F\n");
    mkdir(tmp_path("additional_chat_templates"), 0755);
    put("additional_chat_templates/extra.jinja", "X");
    says(tmp_dir, NULL, NULL, "F");
    says(tmp_dir, "extra", NULL, "X");
    put("tokenizer_config.json", "{\"chat_template\": 5}");
    cr_assert_eq(chat_template_open(&t, tmp_dir, &e), ERR_FORMAT);
    put("tokenizer_config.json", "{\"chat_template\": \n x}");
    cr_assert_eq(chat_template_open(&t, tmp_dir, &e), ERR_FORMAT);
    cr_assert(strstr(e.where, "tokenizer_config.json:2"), "%s", e.where);
    tmp_end();
}

Test(template, templates_of_a_gguf) {
    struct gguf_writer *g;
    struct err e = ERR_INIT;
    struct chat_template *t = NULL;
    struct meta_str tokens[] = {{"<unk>", 5}, {"<s>", 3}, {"</s>", 4}};
    static const char one[] = "{{ bos_token }}{{ messages[0].role }}{{ eos_token }}", two[] = "tool {{ tools[0].x }}";
    for (int with = 0; with < 2; with++) {
        tmp_init();
        cr_assert_eq(gguf_writer_new(&g, &e), 0);
        gguf_put_str(g, "general.architecture", "llama", 5);
        gguf_put_strs(g, "tokenizer.ggml.tokens", tokens, 3);
        gguf_put_u32(g, "tokenizer.ggml.bos_token_id", 1);
        gguf_put_u32(g, "tokenizer.ggml.eos_token_id", 2);
        if (with) gguf_put_str(g, "tokenizer.chat_template", one, sizeof one - 1);
        if (with) gguf_put_str(g, "tokenizer.chat_template.tool_use", two, sizeof two - 1);
        cr_assert_eq(gguf_writer_commit(g, tmp_path("v.gguf"), &e), 0, "%s", e.msg);
        gguf_writer_free(g);
        if (with) {
            says(tmp_path("v.gguf"), NULL, NULL, "<s>user</s>");
            says(tmp_path("v.gguf"), NULL, "[{\"x\": 7}]", "tool 7");
        } else {
            cr_assert_eq(chat_template_open(&t, tmp_path("v.gguf"), &e), ERR_STATE);
            cr_assert(strstr(e.msg, "tokenizer.chat_template") && strstr(e.where, "v.gguf"), "%s", e.msg);
            put("own.jinja", "{{ eos_token }}!");
            cr_assert_eq(chat_template_open_with(&t, tmp_path("v.gguf"), tmp_path("own.jinja"), &e), 0, "%s", e.msg);
            struct str out = {0};
            json_t *none = json_array();
            cr_assert_eq(chat_template_render(t, &(struct chat_render){.messages = none}, &out, &e), 0);
            cr_assert_str_eq(out.s, "</s>!");
            str_free(&out), json_decref(none), chat_template_free(t);
        }
        tmp_end();
    }
}

/* ---- requests ---- */

static void request_fails(const char *json, int code, const char *where, const char *word) {
    struct chat_input r = {0};
    struct err e = ERR_INIT;
    cr_expect_eq(chat_input_read(&r, json, strlen(json), "m.json", &e), code, "%s: %s", json, e.msg);
    cr_expect(strstr(e.msg, word) && !strcmp(e.where, where), "%s: %s (%s)", json, e.msg, e.where);
}

Test(template, requests_are_checked) {
    struct chat_input r = {0};
    struct err e = ERR_INIT;
    static const char good[] =
        "{\"messages\": [{\"role\": \"user\", \"content\": [{\"type\": \"text\"}]}, {\"role\": \"a\", \"content\": "
        "null}], \"tools\": [], \"add_generation_prompt\": false, \"enable_thinking\": true}";
    request_fails("[\n{\"role\": }]", ERR_FORMAT, "m.json:2", "malformed JSON");
    request_fails("{}", ERR_ARG, "m.json", "messages");
    request_fails("[1]", ERR_ARG, "m.json", "found a whole number as item 0");
    request_fails("[{\"role\": \"user\"}, {\"content\": \"x\"}]", ERR_ARG, "m.json", "message 1: expected a string 'role'");
    request_fails("[{\"role\": \"user\", \"content\": 5}]", ERR_ARG, "m.json", "message 0");
    request_fails("{\"messages\": [], \"add_generation_prompt\": 1}", ERR_ARG, "m.json", "true or false");
    cr_assert_eq(chat_input_read(&r, good, strlen(good), "m.json", &e), 0, "%s", e.msg);
    cr_assert(json_array_size(r.messages) == 2 && json_is_array(r.tools) && !r.documents && !r.add_generation_prompt);
    cr_assert_eq(chat_input_set(&r, "k={\"a\": [1]}", &e), 0);
    cr_assert_eq(chat_input_set(&r, "z=plain", &e), 0);
    cr_assert_eq(chat_input_set(&r, "=1", &e), ERR_ARG);
    cr_assert(json_object_size(r.extra) == 3 && json_is_string(json_object_get(r.extra, "z")));
    chat_input_free(&r);
}

Test(template, dates) {
    struct tm t = time_of("2024-02-29");
    struct err e = ERR_INIT;
    cr_assert(t.tm_wday == 4 && t.tm_yday == 59 && t.tm_hour == 0);
    t = time_of("2024-07-04T15:09:07");
    cr_assert(t.tm_hour == 15 && t.tm_min == 9 && t.tm_sec == 7);
    static const char *const bad[] = {"", "2024", "2023-02-29", "2024-13-01", "2024-07-04T", "2024-07-04T25:00:00", "2024-07-04x",
                                      "x"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) cr_expect_eq(chat_time(&t, bad[i], &e), ERR_ARG, "%s", bad[i]);
}
