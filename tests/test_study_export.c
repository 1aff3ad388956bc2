/* Archives as text, transcripts of Inspect AI, and the hashes of what a study says. */
#include "study/archive_export.h"
#include "study/registration.h"
#include "study_play.h"

TestSuite(study_export, .init = play_tmp, .timeout = HANG_S);

/* What an export writes (free()). */
static char *exported(struct archive *a, int format, size_t *n) {
    char *s = NULL;
    FILE *out = open_memstream(&s, n);
    struct err why = ERR_INIT;
    int rc = format == 2 ? archive_export_inspect(a, "2026-03-05T00:00:00+00:00", out, &why)
                         : archive_export_lines(a, format, out, &why);
    fclose(out);
    cr_assert_geq(rc, 0, "%s", why.msg);
    return s;
}

static json_t *line_at(const char **at) {
    const char *end = strchr(*at, '\n');
    json_t *j = json_loadb(*at, (size_t)(end - *at), 0, NULL);
    cr_assert(j && end, "%.80s", *at);
    *at = end + 1;
    return j;
}

/* Each line is JSON; the numbers of lines are those of the archive; what is inlined is what the ids lead to. */
Test(study_export, lines) {
    struct archive *a = play_open(fresh(".study"));
    struct archive_info info;
    size_t n;
    OK(play(a, 0, PLAY_FACTS, &e));
    OK(archive_text(a, "\xff\xfe no text", 10, NULL, &e));
    archive_info(a, &info);
    char *s = exported(a, 0, &n);
    int64_t texts = 0, contexts = 0, facts = 0, notes = 0, bytes = 0;
    for (const char *at = s; *at;) {
        json_t *j = line_at(&at);
        contexts += json_object_get(j, "context_id") != NULL;
        texts += json_object_get(j, "text_id") != NULL;
        facts += json_object_get(j, "fact") != NULL, notes += json_object_get(j, "measured") != NULL;
        bytes += json_is_object(json_object_get(j, "text"));
        json_decref(j);
    }
    cr_assert(texts == info.texts && contexts == info.contexts && facts == info.facts && notes == info.notes && bytes == 1);
    free(s);
    s = exported(a, 1, &n);
    const char *at = s;
    for (int i = 0; i < PLAY_FACTS; i++) {
        json_t *j = line_at(&at);
        const char *id = json_string_value(json_object_get(json_object_get(j, "fact"), "context_id"));
        json_t *parts = json_object_get(json_object_get(j, "contexts"), id);
        cr_assert_str_eq(json_string_value(json_object_get(json_array_get(parts, 0), "role")), "system");
        cr_assert(strstr(json_string_value(json_object_get(json_array_get(parts, 0), "text")), "You are agent"));
        json_decref(j);
    }
    free(s);
    archive_close(a);
    tmp_end();
}

static void put_turn(struct archive *a, const char *key, const char *text, struct archive_id context) {
    char hex[ARCHIVE_ID_HEX];
    archive_id_hex(context, hex);
    json_t *fact = json_pack("{s:s, s:s, s:s}", "text", text, "model", "mock-1", "context_id", hex);
    OK(archive_put(a, key, fact, &e));
    json_decref(fact);
}

static const json_t *sample_of(const json_t *log, size_t i) { return json_array_get(json_object_get(log, "samples"), i); }

/* Out and in again: the same messages. */
Test(study_export, inspect_and_back) {
    struct archive *a = play_open(fresh(".study")), *b = play_open(fresh(".study"));
    struct archive_part part[2] = {{.role = ARCHIVE_SYSTEM}, {.role = ARCHIVE_USER}};
    struct archive_id context, none = {{0}};
    size_t n;
    int64_t samples;
    json_t *study = json_pack("{s:s}", "name", "tiny"), *run = json_pack("{s:i}", "turns", 2);
    OK(archive_text(a, "system words", 12, &part[0].text, &e));
    OK(archive_text(a, "begin", 5, &part[1].text, &e));
    OK(archive_context(a, none, part, 2, &context, &e));
    OK(archive_put(a, "study", study, &e));
    OK(archive_put(a, "cell000/rep000/done", run, &e));
    json_decref(study), json_decref(run);
    put_turn(a, "cell000/rep000/turn01/agent00", "first", context);
    put_turn(a, "cell000/rep000/turn02/agent00", "second", context);
    put_turn(a, "cell000/rep001/turn01/agent00", "other", context);
    char *s = exported(a, 2, &n);
    json_t *log = json_loadb(s, n, JSON_REJECT_DUPLICATES, NULL);
    cr_assert(log, "%s", s);
    cr_assert_eq(json_integer_value(json_object_get(log, "version")), 2);
    static const char *const members[] = {"version", "status", "eval", "plan", "results", "stats", "samples"};
    for (size_t i = 0; i < 7; i++) cr_assert(json_object_get(log, members[i]), "%s", members[i]);
    json_t *list = json_object_get(log, "samples"), *first = json_array_get(list, 0);
    cr_assert_eq(json_array_size(list), 2);
    cr_assert_str_eq(json_string_value(json_object_get(first, "id")), "cell000/rep000");
    cr_assert_eq(json_array_size(json_object_get(first, "messages")), 2);
    cr_assert_eq(json_array_size(json_object_get(first, "input")), 2);
    cr_assert_str_eq(json_string_value(json_object_get(json_object_get(first, "output"), "completion")), "second");
    cr_assert(json_object_get(json_object_get(json_object_get(first, "metadata"), "facts"), "done"));
    OK(archive_import_inspect(b, "log", s, n, &samples, &e));
    char *back = exported(b, 2, &n);
    json_t *again = json_loadb(back, n, JSON_REJECT_DUPLICATES, NULL);
    for (size_t i = 0; i < 2; i++) cr_assert(json_equal(sample_of(log, i), sample_of(again, i)), "%s", back);
    json_decref(log), json_decref(again);
    free(back);
    n = strlen(s);
    OK(archive_import_inspect(b, "log", s, n, &samples, &e)); /* again: nothing new */
    cr_assert_eq(samples, 2);
    struct archive_part *parts;
    struct str text = {0};
    json_t *fact;
    int m;
    OK(archive_find(b, "sample000000", &fact, &e));
    OK(archive_id_parse(json_string_value(json_object_get(fact, "context_id")), &context, &e));
    OK(archive_context_parts(b, context, &parts, &m, &e));
    cr_assert_eq(m, 2);
    OK(archive_text_get(b, parts[1].text, &text, &e));
    cr_assert(parts[1].role == ARCHIVE_ASSISTANT && !strcmp(text.s, "second"));
    json_decref(fact);
    free(parts), free(s), str_free(&text);
    archive_close(a), archive_close(b);
    tmp_end();
}

/* Exported, imported, exported, imported: samples, messages and what stood over them stay; tools keep their calls. */
Test(study_export, inspect_round_trip) {
    static const char log[] =
        "{\"version\":2,\"eval\":{\"model\":\"m\",\"metadata\":{\"planted\":true}},\"samples\":[{\"id\":\"x\",\"epoch\":3,"
        "\"target\":[\"a\",\"b\"],\"metadata\":{\"k\":[1]},\"messages\":[{\"role\":\"user\",\"content\":\"two and two?\"},"
        "{\"role\":\"assistant\",\"content\":\"\",\"tool_calls\":[{\"id\":\"c1\",\"function\":\"add\",\"arguments\":{}}]},"
        "{\"role\":\"tool\",\"content\":\"4\",\"tool_call_id\":\"c1\"},{\"role\":\"assistant\",\"content\":\"four\"}]}]}";
    struct archive *a = play_open(fresh(".study")), *b = play_open(fresh(".study"));
    int64_t samples;
    size_t n, m;
    OK(archive_import_inspect(a, "log", log, sizeof log - 1, &samples, &e));
    char *first = exported(a, 2, &n), *second;
    OK(archive_import_inspect(b, "log", first, n, &samples, &e));
    cr_assert_eq(samples, 1);
    second = exported(b, 2, &m);
    json_t *was = json_loads(log, 0, NULL), *x = json_loadb(first, n, 0, NULL), *y = json_loadb(second, m, 0, NULL);
    json_t *sample = json_array_get(json_object_get(was, "samples"), 0), *once = json_array_get(json_object_get(x, "samples"), 0);
    static const char *const same[] = {"id", "epoch", "target", "metadata", "messages"};
    for (size_t i = 0; i < sizeof same / sizeof *same; i++)
        cr_assert(json_equal(json_object_get(sample, same[i]), json_object_get(once, same[i])), "%s", same[i]);
    cr_assert_str_eq(json_string_value(json_object_get(json_object_get(once, "output"), "completion")), "four");
    cr_assert_eq(json_array_size(json_object_get(once, "input")), 1);
    cr_assert(json_equal(json_object_get(x, "samples"), json_object_get(y, "samples")));
    const json_t *over = json_object_get(json_object_get(y, "eval"), "metadata");
    cr_assert(json_is_true(json_object_get(over, "planted")));
    json_decref(was), json_decref(x), json_decref(y);
    free(first), free(second);
    archive_close(a), archive_close(b);
    tmp_end();
}

/* Nothing that a log said is lost or said otherwise: members that we have no word for, parts of content, why replies ended, what failed. */
Test(study_export, an_import_goes_out_as_it_came) {
    static const char log[] = "{\"version\":2,\"status\":\"error\",\"error\":{\"message\":\"boom\"},\"eval\":{\"task\":\"t\","
                              "\"model\":\"m\",\"run_id\":\"r\"},"
                              "\"plan\":{\"name\":\"p\",\"steps\":[1]},\"results\":{\"completed_samples\":1,\"total_samples\":2,"
                              "\"scores\":[{\"name\":\"s\"}]},"
                              "\"stats\":{\"started_at\":\"x\"},\"samples\":[{\"id\":1,\"epoch\":1,\"input\":\"q\",\"target\":"
                              "\"\",\"choices\":[\"a\"],\"store\":{},\"metadata\":{},"
                              "\"limit\":{\"type\":\"token\"},\"error\":null,\"messages\":[{\"id\":\"m1\",\"role\":\"developer\","
                              "\"content\":\"d\"},{\"role\":\"user\","
                              "\"content\":\"q\",\"source\":\"input\"},{\"role\":\"assistant\",\"content\":[{\"type\":"
                              "\"reasoning\",\"reasoning\":\"hm\"},{\"type\":"
                              "\"text\",\"text\":\"a\"}],\"model\":\"other\"},{\"role\":\"tool\",\"content\":\"\",\"error\":{"
                              "\"type\":\"timeout\"}}],\"output\":{\"model\":"
                              "\"m-2024\",\"choices\":[{\"message\":{\"role\":\"assistant\",\"content\":\"a\"},\"stop_reason\":"
                              "\"max_tokens\"}],\"usage\":{\"n\":1}}}]}";
    struct archive *a = play_open(fresh(".study"));
    int64_t samples;
    size_t n;
    OK(archive_import_inspect(a, "log", log, sizeof log - 1, &samples, &e));
    char *out = exported(a, 2, &n);
    json_t *was = json_loads(log, 0, NULL), *is = json_loadb(out, n, JSON_REJECT_DUPLICATES, NULL);
    cr_assert(json_equal(sample_of(was, 0), sample_of(is, 0)), "%s", out);
    json_object_del(json_object_get(is, "eval"), "metadata");
    for (int i = 0; i < 4; i++) {
        static const char *const same[] = {"status", "error", "plan", "results"};
        cr_assert(json_equal(json_object_get(was, same[i]), json_object_get(is, same[i])), "%s", same[i]);
    }
    cr_assert_str_eq(json_string_value(json_object_get(json_object_get(is, "eval"), "task")), "t");
    json_decref(was), json_decref(is);
    free(out);
    archive_close(a);
    tmp_end();
}

/* A log as Inspect writes it: contents in parts, a tool's message, scores. */
Test(study_export, a_foreign_log) {
    static const char log[] =
        "{\"version\":2,\"eval\":{\"model\":\"m\"},\"samples\":[{\"id\":7,\"epoch\":2,\"messages\":["
        "{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"hé\"},{\"type\":\"image\",\"image\":\"x\"}]},"
        "{\"role\":\"tool\",\"content\":\"4\"}],\"scores\":{\"match\":{\"value\":\"C\",\"text_id\":\"no reference\"}}}]}";
    static const char *const bad[] = {"",
                                      "[]",
                                      "{\"eval\":{},\"samples\":3}",
                                      "{\"samples\":[]}",
                                      "{\"eval\":{},\"samples\":[{}]}",
                                      "{\"eval\":{},\"samples\":[3]}",
                                      "{\"a\":1,\"a\":2}"};
    struct archive *a = play_open(fresh(".study"));
    struct archive_part *parts;
    struct archive_id context;
    struct str text = {0};
    json_t *fact;
    int64_t samples;
    int n;
    OK(archive_import_inspect(a, "log", log, sizeof log - 1, &samples, &e));
    OK(archive_find(a, "sample000000", &fact, &e));
    cr_assert_eq(json_integer_value(json_object_get(fact, "id")), 7);
    cr_assert(strstr(json_string_value(json_object_get(fact, "scores")), "\"value\":\"C\""));
    OK(archive_id_parse(json_string_value(json_object_get(fact, "context_id")), &context, &e));
    OK(archive_context_parts(a, context, &parts, &n, &e));
    cr_assert(n == 2 && parts[0].role == ARCHIVE_USER && parts[1].role == ARCHIVE_PLAIN);
    OK(archive_text_get(a, parts[0].text, &text, &e));
    cr_assert_str_eq(text.s, "hé{\"image\":\"x\",\"type\":\"image\"}");
    archive_close(a);
    a = play_open(fresh(".study"));
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        cr_assert_eq(archive_import_inspect(a, "log", bad[i], strlen(bad[i]), &samples, NULL), ERR_FORMAT, "%s", bad[i]);
    json_decref(fact);
    free(parts), str_free(&text);
    archive_close(a);
    tmp_end();
}

/* ---- hashes of content ---- */

static void deviation(void *user, const char *name, const char *what) {
    char *all = user;
    snprintf(all + strlen(all), 200, "%s %s; ", name, what);
}

Test(study_export, a_changed_prompt_is_named) {
    struct language *en, *ja;
    json_t *was = json_object(), *is = json_object(), *again = json_object();
    char all[1000] = "";
    OK(language_read(&en, "studies/lang/en.yaml", &e));
    OK(language_read(&ja, "studies/lang/ja.yaml", &e));
    OK(content_hashes(en, was, &e));
    OK(content_hashes(ja, was, &e));
    OK(content_hashes(ja, again, &e));
    OK(content_hashes(en, again, &e));
    cr_assert_eq(content_compare(was, again, deviation, all, NULL), 0, "%s", all);
    ja->prefixes[PREFIX_ALIGNMENT] = "別の言葉";
    ja->dictionaries[0].forms[0].rule = (enum form_rule)((ja->dictionaries[0].forms[0].rule + 1) % FORM_RULES);
    OK(content_hashes(en, is, &e));
    OK(content_hashes(ja, is, &e));
    json_object_del(is, "en/neutral");
    json_object_set_new(is, "en/extra", json_string("x"));
    cr_assert_eq(content_compare(was, is, deviation, all, NULL), 4, "%s", all);
    char want[300];
    snprintf(want, sizeof want, "en/extra new; en/neutral missing; ja/dictionary/%s changed; ja/prefix/alignment changed; ",
             ja->dictionaries[0].id);
    cr_assert_str_eq(all, want);
    json_decref(was), json_decref(is), json_decref(again);
    language_free(en), language_free(ja);
}

/* A registration reads back; any change of it is refused; what deviates is named; an amendment carries the hash of what it amends. */
Test(study_export, registrations) {
    static const char study[] = "name: tiny\nagents: 3\n", other[] = "name: tiny\nagents: 4\n";
    const char *path = fresh(".json");
    json_t *content = json_pack("{s:s, s:s}", "en/neutral", "11", "ja/prefix/alignment", "22"),
           *plan = json_pack("{s:[s]}", "tests", "g < 0");
    json_t *now = json_pack("{s:s, s:s}", "en/neutral", "11", "ja/prefix/alignment", "33"), *r, *back, *next;
    char hex[DIGEST_HEX], all[500] = "", *bytes;
    size_t n;
    OK(registration_new(&r, "2026-03-05T00:00:00Z", study, sizeof study - 1, content, plan, &e));
    OK(registration_claim(r, "metric: g\n", &e));
    OK(registration_write(r, path, &e));
    OK(registration_read(&back, path, &e));
    cr_assert(json_equal(r, back));
    cr_assert_eq(registration_deviations(back, study, sizeof study - 1, content, deviation, all, NULL), 0);
    cr_assert_eq(registration_deviations(back, other, sizeof other - 1, now, deviation, all, NULL), 2);
    cr_assert_str_eq(all, "study changed; ja/prefix/alignment changed; ");
    OK(registration_new(&next, "2026-04-05T00:00:00Z", other, sizeof other - 1, now, NULL, &e));
    OK(registration_follow(next, back, &e));
    OK(registration_hash(back, hex, &e));
    cr_assert_str_eq(json_string_value(json_object_get(next, "prior_hash")), hex);
    OK(file_read(&bytes, &n, path, 0, &e));
    for (size_t i = 0; i < n; i++) {
        struct err why = ERR_INIT;
        json_t *bad = NULL;
        char was = bytes[i];
        if (was == ' ' || was == '\n') continue; /* the layout is free */
        bytes[i] = was == '7' ? '8' : '7';
        write_bytes(path, bytes, n);
        int rc = registration_read(&bad, path, &why);
        cr_assert(rc == ERR_STATE || rc == ERR_FORMAT, "byte %zu: %s", i, why.msg);
        bytes[i] = was;
    }
    free(bytes);
    json_decref(content), json_decref(plan), json_decref(now), json_decref(r), json_decref(back), json_decref(next);
    tmp_end();
}
