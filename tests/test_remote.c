/* remote without a network: addresses, keys, requests, replies, waits, pace, cost. */
#include "base/hash.h"
#include "base/rng.h"
#include "chat_asks.h"
#include "remote/remote_int.h"
#include "test_files.h"

TestSuite(remote, .timeout = HANG_S);

/* ---- endpoints ---- */

static int door(struct remote__door *d, enum chat_api api, const char *url, const char *key_env, struct err *e) {
    return remote__door_open(d, &(struct chat_endpoint){.api = api, .url = url, .model = "m", .key_env = key_env}, 0, e);
}

Test(remote, addresses_get_the_part_they_lack) {
    static const struct {
        enum chat_api api;
        const char *given, *url, *host;
    } t[] = {{CHAT_OPENAI, "http://127.0.0.1:8080", "http://127.0.0.1:8080/v1/chat/completions", "127.0.0.1:8080"},
             {CHAT_OPENAI, "http://127.0.0.1:8080/", "http://127.0.0.1:8080/v1/chat/completions", "127.0.0.1:8080"},
             {CHAT_OPENAI, "https://a.example/api/v1/", "https://a.example/api/v1/chat/completions", "a.example"},
             {CHAT_OPENAI, "https://a.example/v1/chat/completions", "https://a.example/v1/chat/completions", "a.example"},
             {CHAT_OPENAI, "http://[::1]:9/v1", "http://[::1]:9/v1/chat/completions", "[::1]:9"},
             {CHAT_ANTHROPIC, "https://b.example", "https://b.example/v1/messages", "b.example"},
             {CHAT_ANTHROPIC, "https://b.example/v1/messages", "https://b.example/v1/messages", "b.example"}};
    for (unsigned i = 0; i < sizeof t / sizeof *t; i++) {
        struct remote__door d;
        struct err e = ERR_INIT;
        cr_assert(door(&d, t[i].api, t[i].given, NULL, &e) == 0, "%s: %s", t[i].given, e.msg);
        cr_expect_str_eq(d.url, t[i].url);
        cr_expect_str_eq(d.host, t[i].host);
        remote__door_close(&d);
    }
}

Test(remote, addresses_that_cannot_be_asked_are_refused) {
    static const char *const bad[] = {"",
                                      "127.0.0.1",
                                      "ftp://a.example/",
                                      "file:///etc/passwd",
                                      "http://u:secretpassword@a.example/",
                                      "http://a.example/?key=secretpassword",
                                      "http://a.example/#secretpassword",
                                      "http://a.example/a b",
                                      "http://a.example/\r\nX: y",
                                      "http://"};
    for (unsigned i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct remote__door d;
        struct err e = ERR_INIT;
        int rc = door(&d, CHAT_OPENAI, bad[i], NULL, &e);
        cr_expect(rc == ERR_ARG || rc == ERR_UNSUPPORTED, "%s: %d", bad[i], rc);
        cr_expect(e.msg[0] && !strstr(e.msg, "secretpassword"), "%s: %s", bad[i], e.msg);
    }
    struct remote__door d;
    cr_expect(door(&d, CHAT_OPENAI, NULL, NULL, NULL) == ERR_ARG);
}

Test(remote, a_key_is_named_but_never_told) {
    struct remote__door d;
    struct err e = ERR_INIT;
    unsetenv("A_KEY");
    cr_expect(door(&d, CHAT_OPENAI, "https://a.example", "A_KEY", &e) == ERR_ARG);
    cr_expect(strstr(e.msg, "A_KEY"), "%s", e.msg);
    setenv("A_KEY", "sk-secret-1234\r\nX-Other: 1", 1);
    cr_expect(door(&d, CHAT_OPENAI, "https://a.example", "A_KEY", &e) == ERR_ARG);
    cr_expect(strstr(e.msg, "A_KEY") && !strstr(e.msg, "secret"), "%s", e.msg);
    setenv("A_KEY", "sk-secret-1234", 1);
    cr_expect(door(&d, CHAT_OPENAI, "http://127.example.org", "A_KEY", &e) == ERR_ARG, "unencrypted to elsewhere");
    cr_expect(strstr(e.msg, "unencrypted") && !strstr(e.msg, "secret"), "%s", e.msg);
    cr_assert(door(&d, CHAT_OPENAI, "http://127.0.0.1:1", "A_KEY", &e) == 0);
    remote__door_close(&d);
    cr_assert(door(&d, CHAT_OPENAI, "https://a.example", "A_KEY", &e) == 0);
    remote__door_close(&d);
    struct chat_endpoint ep = {.url = "http://a.example", .model = "m", .key_env = "A_KEY", .plain_key = 1};
    cr_assert(remote__door_open(&d, &ep, 0, &e) == 0);
    remote__door_close(&d);
}

/* ---- requests ---- */

static char *body_of(enum chat_api api, const struct chat_request *r, struct chat_key *key) {
    struct remote__door d = {.api = api, .model = (char *)"toy"};
    struct chat_key other;
    char *body;
    size_t n;
    struct err e = ERR_INIT;
    cr_assert(remote__request_build(&d, r, &body, &n, key ? key : &other, &e) == 0, "%s", e.msg);
    cr_assert(strlen(body) == n);
    return body;
}

/* Models that refuse max_tokens; Anthropic's know no other name. */
Test(remote, the_limit_of_a_reply_has_two_names) {
    struct chat_request r = ask("hi");
    for (int api = CHAT_OPENAI; api <= CHAT_ANTHROPIC; api++) {
        struct remote__door d = {.api = (enum chat_api)api, .model = (char *)"toy", .completion_tokens = 1};
        struct chat_key key;
        struct err e = ERR_INIT;
        char *body;
        size_t n;
        cr_assert_eq(remote__request_build(&d, &r, &body, &n, &key, &e), 0, "%s", e.msg);
        cr_expect_eq(!!strstr(body, "\"max_completion_tokens\":16"), api == CHAT_OPENAI, "%s", body);
        cr_expect_eq(!!strstr(body, "\"max_tokens\":16"), api == CHAT_ANTHROPIC, "%s", body);
        free(body);
    }
    asked(&r, 1);
}

static void expect_body(enum chat_api api, const struct chat_request *r, const char *want) {
    char *body = body_of(api, r, NULL);
    cr_expect_str_eq(body, want);
    free(body);
}

Test(remote, requests_are_written_as_the_apis_want_them) {
    struct chat_request r = ask("hi \"you\"");
    const char *stops[] = {"\n\n", "END"};
    r.temperature = 0.1, r.top_p = 0.9, r.has_seed = 1, r.seed = 7, r.stop = stops, r.n_stop = 2;
    expect_body(
        CHAT_OPENAI, &r,
        "{\"max_tokens\":16,\"messages\":[{\"content\":\"hi \\\"you\\\"\",\"role\":\"user\"}],\"model\":\"toy\",\"seed\":7,"
        "\"stop\":[\"\\n\\n\",\"END\"],\"temperature\":0.1,\"top_p\":0.9}");
    expect_body(CHAT_ANTHROPIC, &r,
                "{\"max_tokens\":16,\"messages\":[{\"content\":\"hi \\\"you\\\"\",\"role\":\"user\"}],\"model\":\"toy\","
                "\"stop_sequences\":[\"\\n\\n\",\"END\"],\"temperature\":0.1,\"top_p\":0.9}");
    asked(&r, 1);
    struct chat_request s = CHAT_REQUEST_INIT;
    json_t *extra = json_pack("{s:i}", "top_k", 5);
    s.messages = json_pack("[{ssss},{ssss},{ssss}]", "role", "system", "content", "a", "role", "system", "content", "b", "role",
                           "user", "content", "c");
    s.max_tokens = 3, s.extra = extra;
    expect_body(CHAT_ANTHROPIC, &s,
                "{\"max_tokens\":3,\"messages\":[{\"content\":\"c\",\"role\":\"user\"}],\"model\":\"toy\",\"system\":"
                "\"a\\n\\nb\",\"top_k\":5}");
    s.json = 1, s.max_tokens = 0;
    expect_body(CHAT_OPENAI, &s,
                "{\"messages\":[{\"content\":\"a\",\"role\":\"system\"},{\"content\":\"b\",\"role\":\"system\"},{\"content\":"
                "\"c\",\"role\":"
                "\"user\"}],\"model\":\"toy\",\"response_format\":{\"type\":\"json_object\"},\"top_k\":5}");
    asked(&s, 1);
    json_decref(extra);
}

/* Messages that are text already make the same request, byte for byte. */
Test(remote, written_messages_make_the_same_request) {
    static const char *const extras[] = {"{}", "{\"a\":1,\"messagf\":[2,{\"z\":0}],\"zz\":\"\\\"\"}",
                                         "{\"message\":0,\"systen\":null}"};
    static const char *const systems[] = {"", "\"be \\\"brief\\\"\\n\""};
    static const char rest[] =
        "{\"content\":\"hi\\t\\\"you\\\"\",\"role\":\"user\"},{\"content\":\"h\xC3\xA9\",\"role\":\"assistant\"}";
    for (int i = 0; i < 12; i++) {
        enum chat_api api = i % 2 ? CHAT_ANTHROPIC : CHAT_OPENAI;
        const char *system = systems[i / 2 % 2];
        char list[400];
        snprintf(list, sizeof list, "[%s%s%s%s]", *system ? "{\"role\":\"system\",\"content\":" : "", system, *system ? "}," : "",
                 rest);
        struct chat_request r = CHAT_REQUEST_INIT;
        json_t *extra = json_loads(extras[i / 4], 0, NULL), *messages = json_loads(list, 0, NULL);
        r.messages = messages, r.extra = extra, r.max_tokens = 7, r.temperature = 0.1;
        struct chat_text text = {.system = system, .rest = rest, .system_n = strlen(system), .rest_n = strlen(rest)};
        struct chat_key key[2];
        char *want = body_of(api, &r, &key[0]);
        r.messages = NULL, r.text = &text;
        char *is = body_of(api, &r, &key[1]);
        cr_expect_str_eq(is, want);
        cr_expect(!memcmp(&key[0], &key[1], sizeof *key));
        free(want), free(is);
        json_decref(extra), json_decref(messages);
    }
    struct remote__door d = {.api = CHAT_OPENAI, .model = (char *)"toy"};
    struct chat_request none = CHAT_REQUEST_INIT;
    struct chat_key key;
    struct err e = ERR_INIT;
    char *body = NULL;
    size_t n;
    none.text = &(struct chat_text){0};
    cr_expect(remote__request_build(&d, &none, &body, &n, &key, &e) == ERR_ARG && !body);
}

Test(remote, keys_tell_apart_what_must_differ_and_nothing_else) {
    struct chat_key a, b;
    struct chat_request r = ask("x"), s = CHAT_REQUEST_INIT;
    s.messages = json_pack("[{s:s,s:s}]", "content", "x", "role", "user"); /* the other order */
    s.temperature = 0, s.max_tokens = 16;
    free(body_of(CHAT_OPENAI, &r, &a));
    free(body_of(CHAT_OPENAI, &s, &b));
    cr_expect(memcmp(&a, &b, sizeof a) == 0);
    cr_expect(a.h[0] != a.h[1]);
#define DIFFERS(change)                 \
    s = r;                              \
    change;                             \
    free(body_of(CHAT_OPENAI, &s, &b)); \
    cr_expect(a.h[0] != b.h[0] && a.h[1] != b.h[1], "%s", #change)
    json_t *old = (json_t *)s.messages;
    DIFFERS(s.temperature = 0.5);
    DIFFERS(s.replicate = 1);
    DIFFERS((s.has_seed = 1, s.seed = 0));
    DIFFERS(s.max_tokens = 17);
#undef DIFFERS
    free(body_of(CHAT_ANTHROPIC, &r, &b));
    cr_expect(a.h[0] != b.h[0], "the API");
    struct chat_request t = r;
    t.has_seed = 1, t.seed = 5; /* Anthropic's body has no seed, its key has */
    struct chat_key c;
    free(body_of(CHAT_ANTHROPIC, &t, &c));
    cr_expect(c.h[0] != b.h[0]);
    json_decref(old);
    asked(&r, 1);
}

static void expect_refused(enum chat_api api, const struct chat_request *r, const char *says) {
    struct remote__door d = {.api = api, .model = (char *)"toy"};
    struct err e = ERR_INIT;
    int rc = remote__request_check(&d, r, &e);
    cr_expect((rc == ERR_ARG || rc == ERR_UNSUPPORTED) && strstr(e.msg, says), "expected \"%s\", found %d %s", says, rc, e.msg);
}

Test(remote, requests_an_api_cannot_take_are_refused) {
    struct chat_request r = ask("x"), s = r;
    expect_refused(CHAT_OPENAI, &CHAT_REQUEST_INIT, "found none");
    s.temperature = -1, expect_refused(CHAT_OPENAI, &s, "temperature"), s = r;
    s.top_p = 2, expect_refused(CHAT_OPENAI, &s, "top_p"), s = r;
    s.max_tokens = -1, expect_refused(CHAT_OPENAI, &s, "max_tokens"), s = r;
    s.max_tokens = 0, expect_refused(CHAT_ANTHROPIC, &s, "max_tokens"), s = r;
    s.json = 1, expect_refused(CHAT_ANTHROPIC, &s, "JSON mode"), s = r;
    json_t *extra = json_pack("{s:b}", "stream", 1), *system = json_pack("[{ssss}]", "role", "system", "content", "a");
    s.extra = extra, expect_refused(CHAT_OPENAI, &s, "\"stream\""), s = r;
    s.messages = system, expect_refused(CHAT_ANTHROPIC, &s, "at least one");
    json_t *late = json_pack("[{ssss},{ssss}]", "role", "user", "content", "a", "role", "system", "content", "b");
    s.messages = late, expect_refused(CHAT_ANTHROPIC, &s, "message 1");
    json_t *odd = json_pack("[{sssi}]", "role", "user", "content", 5);
    s.messages = odd, expect_refused(CHAT_OPENAI, &s, "message 0");
    json_decref(extra), json_decref(system), json_decref(late), json_decref(odd);
    asked(&r, 1);
}

/* ---- replies ---- */

static int parse(struct chat_reply *r, enum chat_api api, const char *body, int *status, struct err *e) {
    *r = (struct chat_reply){0};
    return remote__reply_parse(r, api, body, strlen(body), status, e);
}

static void expect_reply(enum chat_api api, const char *body, const char *text, const char *reasoning, enum chat_finish finish,
                         int in, int out) {
    struct chat_reply r;
    struct err e = ERR_INIT;
    int status = 0;
    cr_assert(parse(&r, api, body, &status, &e) == 0, "%s: %s", body, e.msg);
    cr_expect_str_eq(r.text, text);
    cr_expect_str_eq(r.reasoning, reasoning);
    cr_expect(r.finish == finish, "%s: %s", body, chat_finish_name(r.finish));
    cr_expect(r.tokens_in == in && r.tokens_out == out, "%s: %lld %lld", body, (long long)r.tokens_in, (long long)r.tokens_out);
    chat_reply_fini(&r);
}

Test(remote, replies_of_both_apis_are_read) {
    expect_reply(CHAT_OPENAI,
                 "{\"choices\":[{\"message\":{\"content\":\"A\"},\"finish_reason\":\"stop\"}],\"usage\":{\"prompt_tokens\":3,"
                 "\"completion_tokens\":1}}",
                 "A", "", CHAT_FINISH_STOP, 3, 1);
    expect_reply(CHAT_OPENAI,
                 "{\"choices\":[{\"message\":{\"content\":[{\"type\":\"text\",\"text\":\"A\"},{\"type\":\"image\"},"
                 "{\"type\":\"text\",\"text\":\"B\"}],\"reasoning_content\":\"hm\"}}]}",
                 "AB", "hm", CHAT_FINISH_NONE, -1, -1);
    expect_reply(CHAT_OPENAI, "{\"choices\":[{\"message\":{\"content\":null,\"refusal\":\"no\"},\"finish_reason\":\"stop\"}]}",
                 "no", "", CHAT_FINISH_REFUSAL, -1, -1);
    expect_reply(CHAT_OPENAI, "{\"choices\":[{\"message\":{},\"finish_reason\":\"length\"}]}", "", "", CHAT_FINISH_LENGTH, -1,
                 -1);
    expect_reply(CHAT_OPENAI, "{\"choices\":[{\"message\":{\"content\":\"a\\u0000b\\u0000\"},\"finish_reason\":\"sudden\"}]}",
                 "a\xEF\xBF\xBD"
                 "b\xEF\xBF\xBD",
                 "", CHAT_FINISH_OTHER, -1, -1);
    expect_reply(CHAT_OPENAI,
                 "{\"error\":null,\"choices\":[{\"message\":{\"content\":\"\"},\"finish_reason\":\"content_filter\"}]}", "", "",
                 CHAT_FINISH_FILTER, -1, -1);
    expect_reply(CHAT_ANTHROPIC,
                 "{\"content\":[{\"type\":\"thinking\",\"thinking\":\"so\"},{\"type\":\"text\",\"text\":\"B\"}],\"stop_reason\":"
                 "\"end_turn\",\"usage\":{\"input_tokens\":4,\"cache_read_input_tokens\":100,\"output_tokens\":2}}",
                 "B", "so", CHAT_FINISH_STOP, 104, 2);
    expect_reply(CHAT_ANTHROPIC, "{\"content\":[],\"stop_reason\":\"refusal\"}", "", "", CHAT_FINISH_REFUSAL, -1, -1);
}

Test(remote, what_only_describes_may_be_wrong) {
    expect_reply(
        CHAT_OPENAI,
        "{\"model\":7,\"system_fingerprint\":[],\"usage\":{\"prompt_tokens\":\"3\",\"completion_tokens\":-5},\"choices\":[{"
        "\"finish_reason\":9,\"message\":{\"content\":\"A\"}}]}",
        "A", "", CHAT_FINISH_NONE, -1, -1);
    expect_reply(CHAT_OPENAI, "{\"usage\":null,\"choices\":[{\"message\":{\"content\":\"A\",\"reasoning\":5,\"refusal\":{}}}]}",
                 "A", "", CHAT_FINISH_NONE, -1, -1);
}

/* A complete reply was paid for, whatever characters and numbers are in it. */
Test(remote, what_a_strict_reader_refuses_is_mended) {
#define SAYS(text) "{\"choices\":[{\"message\":{\"content\":\"" text "\"}}]}"
    static const char FFFD[] = "A\xEF\xBF\xBD"
                               "B";
    expect_reply(CHAT_OPENAI,
                 SAYS("A\xFF"
                      "B"),
                 FFFD, "", CHAT_FINISH_NONE, -1, -1);
    expect_reply(CHAT_OPENAI, SAYS("A\\ud800B"), FFFD, "", CHAT_FINISH_NONE, -1, -1);
    expect_reply(CHAT_OPENAI, SAYS("A\\uDFFFB"), FFFD, "", CHAT_FINISH_NONE, -1, -1);
    expect_reply(CHAT_OPENAI, SAYS("\\ud83d\\ude00\\ud800\\\\ud800"), "\xF0\x9F\x98\x80\xEF\xBF\xBD\\ud800", "", CHAT_FINISH_NONE,
                 -1, -1);
    expect_reply(CHAT_OPENAI,
                 "{\"x\":[1e999999,-7,123456789012345678901234567890],\"usage\":{\"prompt_tokens\":9},\"choices\":[{"
                 "\"message\":{\"content\":\"1e999999\"}}]}",
                 "1e999999", "", CHAT_FINISH_NONE, 9, -1);
    expect_reply(CHAT_OPENAI, "{\"x\":\"\xE2\x82\",\"choices\":[{\"message\":{\"content\":\"A\"}}]}", "A", "", CHAT_FINISH_NONE,
                 -1, -1);
#undef SAYS
}

Test(remote, what_is_no_reply_is_refused) {
    static const struct {
        enum chat_api api;
        const char *body;
    } bad[] = {{CHAT_OPENAI, ""},
               {CHAT_OPENAI, "null"},
               {CHAT_OPENAI, "[]"},
               {CHAT_OPENAI, "{}"},
               {CHAT_OPENAI, "<html><body>Bad gateway</body></html>"},
               {CHAT_OPENAI, "{\"choices\":[]}"},
               {CHAT_OPENAI, "{\"choices\":{\"message\":{\"content\":\"A\"}}}"},
               {CHAT_OPENAI, "{\"choices\":[{\"message\":\"A\"}]}"},
               {CHAT_OPENAI, "{\"choices\":[{\"message\":{},\"finish_reason\":\"stop\"}]}"},
               {CHAT_OPENAI, "{\"choices\":[{\"message\":{\"content\":5}}]}"},
               {CHAT_OPENAI, "{\"choices\":[{\"message\":{\"content\":[5]}}]}"},
               {CHAT_OPENAI, "{\"choices\":[{\"message\":{\"content\":\"A\"}}]"},
               {CHAT_OPENAI, "{\"choices\":[{\"message\":{\"content\":\"A\"}}]} x"},
               {CHAT_ANTHROPIC, "{\"content\":\"A\"}"},
               {CHAT_ANTHROPIC, "{\"content\":[{\"text\":\"A\"}]}"},
               {CHAT_ANTHROPIC, "{\"choices\":[{\"message\":{\"content\":\"A\"}}]}"}};
    for (unsigned i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct chat_reply r;
        struct err e = ERR_INIT;
        int status = 0;
        cr_expect(parse(&r, bad[i].api, bad[i].body, &status, &e) == ERR_FORMAT && e.msg[0], "%s", bad[i].body);
        cr_expect(!r.text && !r.reasoning && status == 0);
    }
}

Test(remote, an_error_may_hide_in_a_good_status) {
    struct chat_reply r;
    struct err e = ERR_INIT;
    int status = 200;
    cr_expect(parse(&r, CHAT_OPENAI, "{\"error\":{\"message\":\"busy\",\"code\":429}}", &status, &e) == ERR_STATE &&
              status == 429);
    status = 200;
    cr_expect(parse(&r, CHAT_OPENAI, "{\"choices\":[{\"error\":{\"code\":502}}]}", &status, &e) == ERR_STATE && status == 502);
    status = 200;
    cr_expect(parse(&r, CHAT_OPENAI, "{\"error\":\"no\"}", &status, &e) == ERR_STATE && status == 200);
}

Test(remote, depth_and_number_of_values_are_bounded) {
    struct err e = ERR_INIT;
    struct str s = {0};
    json_t *j;
    for (int i = 0; i < 64; i++) str_puts(&s, "[");
    for (int i = 0; i < 64; i++) str_puts(&s, "]");
    cr_expect((j = remote__json(s.s, s.len, &e)));
    json_decref(j);
    str_clear(&s);
    for (int i = 0; i < 100000; i++) str_puts(&s, "{\"a\":");
    cr_expect(!remote__json(s.s, s.len, &e) && strstr(e.msg, "deeper"), "%s", e.msg);
    str_clear(&s);
    str_puts(&s, "[0");
    for (int i = 0; i < 300000; i++) str_puts(&s, ",0");
    str_puts(&s, "]");
    cr_expect(!remote__json(s.s, s.len, &e) && strstr(e.msg, "values"), "%s", e.msg);
    static const char quoted[] = "[\"[[[[\\\"[[[[,,,,\"]";
    cr_expect((j = remote__json(quoted, sizeof quoted - 1, &e)), "brackets in a string do not count");
    json_decref(j);
    str_free(&s);
}

/* ---- errors ---- */

static void expect_words(const char *body, const char *msg, const char *code) {
    char m[64], c[16];
    remote__error_words(body, strlen(body), m, sizeof m, c, sizeof c);
    cr_expect_str_eq(m, msg);
    cr_expect_str_eq(c, code);
}

Test(remote, a_servers_words_are_found_and_made_printable) {
    expect_words("{\"error\":{\"message\":\"too\\nmuch\\u001b[31m\",\"code\":\"slow\"}}", "too much [31m", "slow");
    expect_words("{\"error\":{\"message\":\"m\",\"type\":\"kind\",\"code\":5}}", "m", "kind");
    expect_words("{\"error\":\"plain\"}", "plain", "");
    expect_words("{\"detail\":\"Not Found\"}", "Not Found", "");
    expect_words("<html><head><title>502 Bad Gateway</title></head>\r\n<body>\t</body></html>", "502 Bad Gateway", "");
    expect_words("\xFF\xFEgarbage\x01", "??garbage", "");
    expect_words("", "", "");
    expect_words("01234567890123456789012345678901234567890123456789012345678901234567890123456789",
                 "012345678901234567890123456789012345678901234567890123456789012", "");
}

Test(remote, words_are_cut_at_a_character) {
    char out[6];
    remote__printable(out, sizeof out, "abcd\xE2\x82\xAC", 7, 0);
    cr_expect_str_eq(out, "abcd");
    remote__printable(out, sizeof out,
                      "a\xE2\x80\xAE"
                      "b",
                      5, 0); /* a sign that turns the writing direction */
    cr_expect_str_eq(out, "a b");
}

Test(remote, the_key_is_starred_out) {
    static const char key[] = "sk-abcdefghijkl0123456789";
    struct {
        const char *text, *whole, *part;
    } t[] = {{"Bearer sk-abcdefghijkl0123456789!", "Bearer *************************!", "Bearer *************************!"},
             {"you sent sk-abcdefgh...6789", "you sent sk-abcdefgh...6789", "you sent ***********...6789"},
             {"sk-abcdefghijkl0123456789sk-abcdefghijkl0123456789", "**************************************************",
              "**************************************************"},
             {"sk-abc", "sk-abc", "sk-abc"},
             {"", "", ""}};
    for (unsigned i = 0; i < sizeof t / sizeof *t; i++) {
        char a[80], b[80];
        snprintf(a, sizeof a, "%s", t[i].text), snprintf(b, sizeof b, "%s", t[i].text);
        remote__hide(a, strlen(a), key, 0), remote__hide(b, strlen(b), key, 1);
        cr_expect_str_eq(a, t[i].whole);
        cr_expect_str_eq(b, t[i].part);
        remote__hide(b, strlen(b), NULL, 1);
    }
}

Test(remote, only_what_may_pass_is_asked_again) {
    static const int again[] = {408, 409, 425, 429, 500, 502, 503, 504, 529}, failed[] = {400, 403, 413, 422, 199},
                     closed[] = {301, 307, 401, 402, 404};
    for (unsigned i = 0; i < sizeof again / sizeof *again; i++) cr_expect(remote__status_verdict(again[i], "") == REMOTE_AGAIN);
    for (unsigned i = 0; i < sizeof failed / sizeof *failed; i++)
        cr_expect(remote__status_verdict(failed[i], "") == REMOTE_FAILED);
    for (unsigned i = 0; i < sizeof closed / sizeof *closed; i++)
        cr_expect(remote__status_verdict(closed[i], "") == REMOTE_CLOSED);
    cr_expect(remote__status_verdict(429, "insufficient_quota") == REMOTE_CLOSED);
}

Test(remote, retry_after_in_all_its_forms) {
    static const char date[] = "Sun, 06 Nov 1994 08:49:37 GMT", later[] = "Sun, 06 Nov 1994 08:50:07 GMT";
    cr_expect(remote__retry_after("12", NULL, NULL, 0) == 12);
    cr_expect(remote__retry_after(" 1.5 ", "", "", 0) == 1.5);
    cr_expect(remote__retry_after("12", "250", NULL, 0) == 0.25);
    cr_expect(remote__retry_after(date, NULL, NULL, 784111777 - 5) == 5);
    cr_expect(remote__retry_after(date, NULL, NULL, 784111777 + 5) == 0);
    cr_expect(remote__retry_after(later, NULL, date, 5) == 30, "by the server's clock");
    static const char *const no[] = {"", "soon", "-3", "inf", "nan", "0x10", "1e9", "12 s", "99999999999999999999"};
    for (unsigned i = 0; i < sizeof no / sizeof *no; i++)
        cr_expect(remote__retry_after(no[i], NULL, NULL, 0) == -1, "%s: %g", no[i], remote__retry_after(no[i], NULL, NULL, 0));
    cr_expect(remote__retry_after(NULL, NULL, NULL, 0) == -1);
}

/* ---- pace and cost ---- */

Test(remote, no_minute_ever_holds_more_than_the_pace) {
    enum { N = 600 };
    static double at[N], tokens[N];
    struct remote__pace p = {.minute = 60, .requests = 25, .tokens = 1000};
    struct rng r = RNG(5, 1);
    double now = 0, pauses = 0;
    for (int i = 0; i < N; i++) {
        tokens[i] = (double)rng_below(&r, 120);
        for (double w; (w = remote__pace_wait(&p, now, tokens[i])) > 0;) now += w, pauses++;
        at[i] = now;
        remote__pace_settle(&p, remote__pace_add(&p, now, 2 * tokens[i]), tokens[i]);
        now += rng_uniform(&r);
    }
    cr_expect(pauses > 10 && pauses < 3 * N);
    for (int i = 0; i < N; i++) {
        double sum = 0;
        int count = 0;
        for (int k = i; k < N && at[k] < at[i] + 60; k++) sum += tokens[k], count++;
        cr_expect(sum <= 1000 && count <= 25, "from %d on: %d requests, %g tokens", i, count, sum);
    }
    free(p.sent);
    struct remote__pace small = {.minute = 60, .requests = 0.5, .tokens = 10};
    cr_expect(remote__pace_wait(&small, 0, 50) == 0, "what is too large for any minute goes alone");
    cr_expect(remote__pace_add(&small, 0, 50) == 0);
    cr_expect(remote__pace_wait(&small, 1, 1) == 59);
    free(small.sent);
}

Test(remote, prices_and_bounds) {
    json_t *table = json_pack("{s:{s:f,s:f},s:{s:s},s:{s:f,s:f}}", "a", "input", 0.5, "output", 2.0, "b", "input", "x", "c",
                              "input", -1.0, "output", 1.0);
    struct chat_price p;
    struct err e = ERR_INIT;
    cr_assert(chat_price_find(&p, table, "a", &e) == 0);
    cr_expect(chat_price_of(&p, 1000000, 500000) == 1.5);
    cr_expect(chat_cost_bound(&p, 1000, 100) >= chat_price_of(&p, 1000, 100));
    cr_expect(chat_price_find(&p, table, "b", &e) == ERR_FORMAT && chat_price_find(&p, table, "c", &e) == ERR_FORMAT);
    cr_expect(chat_price_find(&p, table, "z", &e) == ERR_ARG && strstr(e.msg, "z"));
    cr_expect(chat_price_find(&p, NULL, "z", &e) == ERR_FORMAT);
    struct chat_account a = {.spent = 1, .uncertain = 0.5, .reserved = 0.25};
    cr_expect(chat_budget_fits(&a, 2, 0.25) && !chat_budget_fits(&a, 2, 0.26) && chat_budget_fits(&a, 0, 1e9));
    json_decref(table);
}
