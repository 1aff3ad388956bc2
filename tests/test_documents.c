/* Conversations in files: what a line must be, in which order documents come, which tokens are targets, and that a model is trained on exactly
 * the ids it is asked with later. */
#include "base/rng.h"
#include "decode/conversation.h"
#include "decode/docfile.h"
#include "run/generate.h"
#include "train_runs.h"

TestSuite(documents, .init = tmp_init, .fini = tmp_end, .timeout = HANG_S);

#define ROLES "{% for m in messages %}<|{{ m.role }}|>{{ m.content }}<|end|>{% endfor %}"
#define OPEN  "{% if add_generation_prompt %}<|assistant|>{% endif %}"

/* ---- files ---- */

static const char *const words[] = {"red", "blau", "सहमत हूँ", "我同意", "เห็นด้วย", "أوافق"};

/* n documents of two turns: the reply names the word that the user said. */
static void write_talks(const char *name, int n) {
    FILE *f = fopen(tmp_path(name), "w");
    cr_assert(f != NULL);
    for (int i = 0; i < n; i++) {
        const char *a = words[i % 6], *b = words[i / 6 % 6];
        fprintf(f, "{\"messages\":[{\"role\":\"system\",\"content\":\"%d\"},{\"role\":\"user\",\"content\":\"say %s\"},", i, a);
        fprintf(f, "{\"role\":\"assistant\",\"content\":\"%s.\"},{\"role\":\"user\",\"content\":\"and %s\"},", a, b);
        fprintf(f, "{\"role\":\"assistant\",\"content\":\"%s.\"}]}\n", b);
    }
    cr_assert(fclose(f) == 0);
}

static void open_talks(struct docfile *d, int n) {
    write_talks("talks.jsonl", n);
    OK(docfile_open(d, tmp_path("talks.jsonl"), &e));
}

Test(documents, every_epoch_shows_each_training_document_once) {
    struct docfile d;
    open_talks(&d, 337);
    cr_assert_eq(d.n, 337);
    cr_assert_eq(d.n_valid, 100);
    int seen[337], moved = 0, other = 0;
    for (int epoch = 0; epoch < 3; epoch++) {
        memset(seen, 0, sizeof seen);
        for (int64_t i = 0; i < 237; i++) {
            int64_t line = docfile_pick(&d, 5, 1, 0, epoch * 237 + i);
            cr_assert(line >= 0 && line < 237, "line %lld is for validation", (long long)line);
            cr_assert_eq(seen[line]++, 0);
            moved += line != docfile_pick(&d, 5, 1, 0, i);
            other += line != docfile_pick(&d, 6, 1, 0, epoch * 237 + i);
        }
    }
    cr_expect(moved > 400 && other > 600, "orders of epochs and seeds differ in %d and %d places", moved, other);
    for (int64_t i = 0; i < 100; i++) cr_expect_geq(docfile_pick(&d, 5, 1, 1, i), 237);
    docfile_close(&d);
}

Test(documents, of_many_one_in_a_hundred_is_for_validation) {
    struct docfile d;
    open_talks(&d, 12000);
    cr_expect_eq(d.n_valid, 120);
    docfile_close(&d);
}

/* ---- hostile files ---- */

#define TALK "{\"messages\":[{\"role\":\"assistant\",\"content\":\"x\"}]}"

#define DRAWN(of) "{\"messages\":[{\"role\":\"assistant\",\"content\":\"red fox\",\"drawn\":" of "}]}"

/* 120 good lines, the 7th replaced. */
static void write_bad(const char *line, size_t n) {
    FILE *f = fopen(tmp_path("bad.jsonl"), "w");
    cr_assert(f != NULL);
    for (int i = 0; i < 120; i++) {
        if (i == 6)
            fwrite(line, 1, n, f);
        else
            fputs(TALK, f);
        fputc('\n', f);
    }
    cr_assert(fclose(f) == 0);
}

static void expect_refused(const char *line, size_t n, const char *says) {
    struct docfile d;
    struct err e = ERR_INIT;
    write_bad(line, n);
    cr_assert(docfile_open(&d, tmp_path("bad.jsonl"), &e) < 0, "accepted: %.60s", line);
    cr_expect(strstr(e.msg, says), "%.60s says: %s", line, e.msg);
    cr_expect(e.at == 7 && strstr(e.where, "bad.jsonl"), "place of %.60s is %s:%lld", line, e.where, (long long)e.at);
}

Test(documents, a_bad_line_is_named) {
    static const struct {
        const char *line, *says;
    } bad[] = {
        {"", "JSON"},
        {"   ", "JSON"},
        {"{", "JSON"},
        {"{\"messages\":[{\"role\":\"assistant\",\"content\":\"x", "JSON"},
        {TALK TALK, "JSON"},
        {"[]", "list \"messages\""},
        {"7", "JSON"},
        {"{\"messages\":[]}", "list \"messages\""},
        {"{\"messages\":{}}", "list \"messages\""},
        {"{\"message\":[]}", "list \"messages\""},
        {"{\"messages\":[7]}", "message 0"},
        {"{\"messages\":[{\"content\":\"x\"}]}", "string \"role\""},
        {"{\"messages\":[{\"role\":3,\"content\":\"x\"}]}", "string \"role\""},
        {"{\"messages\":[{\"role\":\"tool\",\"content\":\"x\"}]}", "found \"tool\""},
        {"{\"messages\":[{\"role\":\"user\"}]}", "string \"content\""},
        {"{\"messages\":[{\"role\":\"user\",\"content\":[\"x\"]}]}", "string \"content\""},
        {"{\"messages\":[{\"role\":\"user\",\"content\":\"x\"}]}", "of the assistant"},
        {"{\"messages\":[{\"role\":\"assistant\",\"content\":\"\xff\"}]}", "JSON"},
        {"{\"messages\":[{\"role\":\"assistant\",\"content\":\"\xed\xa0\x80\"}]}", "JSON"},
        {"{\"messages\":[{\"role\":\"assistant\",\"content\":\"a\\u0000b\"}]}", "JSON"},
        {DRAWN("7"), "expected a list \"drawn\""},
        {"{\"messages\":[{\"role\":\"user\",\"content\":\"x\",\"drawn\":[]},{\"role\":\"assistant\",\"content\":\"x\"}]}",
         "elsewhere"},
        {DRAWN("[7]"), "piece 0 drawn"},
        {DRAWN("[{\"to\":3,\"of\":{\"red\":1}}]"), "\"from\" below \"to\""},
        {DRAWN("[{\"from\":0,\"to\":3.0,\"of\":{\"red\":1}}]"), "\"from\" below \"to\""},
        {DRAWN("[{\"from\":-1,\"to\":3,\"of\":{\"red\":1}}]"), "\"from\" below \"to\""},
        {DRAWN("[{\"from\":3,\"to\":3,\"of\":{\"\":1}}]"), "\"from\" below \"to\""},
        {DRAWN("[{\"from\":0,\"to\":8,\"of\":{\"red\":1}}]"), "\"from\" below \"to\""},
        {DRAWN("[{\"from\":0,\"to\":9223372036854775807,\"of\":{\"red\":1}}]"), "\"from\" below \"to\""},
        {DRAWN("[{\"from\":0,\"to\":3}]"), "no such text"},
        {DRAWN("[{\"from\":0,\"to\":3,\"of\":{\"rot\":1}}]"), "no such text"},
        {DRAWN("[{\"from\":0,\"to\":3,\"of\":{\"red\":0.5}}]"), "another sum"},
        {DRAWN("[{\"from\":0,\"to\":3,\"of\":{\"red\":1,\"rot\":0}}]"), "chances above 0"},
        {DRAWN("[{\"from\":0,\"to\":3,\"of\":{\"red\":1.5,\"rot\":-0.5}}]"), "chances above 0"},
        {DRAWN("[{\"from\":0,\"to\":3,\"of\":{\"red\":\"1\"}}]"), "chances above 0"},
        {DRAWN("[{\"from\":0,\"to\":3,\"of\":{\"red\":1}},{\"from\":2,\"to\":4,\"of\":{\"d \":1}}]"), "piece 1 drawn"},
        {"{\"messages\":[{\"role\":\"assistant\",\"role\":\"user\",\"content\":\"x\"}]}", "JSON"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) expect_refused(bad[i].line, strlen(bad[i].line), bad[i].says);
    size_t n = (size_t)DOCFILE_LINE + 10;
    char *big = malloc(n);
    cr_assert(big != NULL);
    memset(big, '[', n); /* too deep as well, were it parsed */
    expect_refused(big, 100000, "JSON");
    expect_refused(big, n, "at most");
    free(big);
}

Test(documents, too_few_documents_are_refused) {
    struct docfile d;
    struct err e = ERR_INIT;
    write_talks("few.jsonl", 100);
    cr_expect_eq(docfile_open(&d, tmp_path("few.jsonl"), &e), ERR_LIMIT);
    cr_expect(strstr(e.msg, "found 100"), "%s", e.msg);
    write_file(tmp_path("few.jsonl"), "");
    cr_expect_eq(docfile_open(&d, tmp_path("few.jsonl"), &e), ERR_LIMIT);
    cr_expect(docfile_open(&d, tmp_path("none.jsonl"), &e) < 0);
}

/* Whatever the bytes are: opened and read throughout, or refused with a place. */
Test(documents, damaged_files_are_refused_or_read) {
    int refused = 0;
    for (uint64_t i = 0; i < 300; i++) {
        char line[] = DRAWN("[{\"from\":0,\"to\":3,\"of\":{\"red\":0.5,\"rot\":0.5}}]");
        if (i % 2) memset(line, ' ', sizeof line - 1), memcpy(line, TALK, sizeof TALK - 1);
        struct rng g = RNG(1, i);
        struct docfile d;
        struct err e = ERR_INIT;
        json_t *messages;
        for (int k = 0; k < 2; k++) line[rng_below(&g, strlen(line))] = (char)rng_u32(&g);
        write_bad(line, sizeof line - 1 - rng_below(&g, 3));
        if (docfile_open(&d, tmp_path("bad.jsonl"), &e) < 0) {
            cr_expect(strstr(e.where, "bad.jsonl") && e.at >= 7, "%s:%lld", e.where, (long long)e.at);
            refused++;
            continue;
        }
        for (int64_t k = 0; k < d.n; k++) {
            cr_assert_eq(docfile_messages(&d, k, &messages, &e), 0);
            json_decref(messages);
        }
        docfile_close(&d);
    }
    cr_expect(refused > 200 && refused < 300, "%d refused", refused);
}

/* ---- recipes ---- */

static const char model_of[] =
    "{\"out\": \"%s.gguf\", \"seed\": 7, \"model\": {\"family\": \"qwen3\", \"layers\": 1, \"width\": 32, "
    "\"heads\": 2, \"kv_heads\": 1, \"head_dim\": 16, \"ff\": 32, \"context\": %d}, \"tokenizer\": "
    "{\"vocab\": 420, \"pre\": \"gpt-4o\", \"samples\": 150";
static const char specials[] = ", \"specials\": [\"<|system|>\", \"<|user|>\", \"<|assistant|>\", \"<|end|>\"]";

static void write_recipe(const char *name, int context, const char *template, const char *objective, int tokens,
                         const char *data) {
    char text[4096], file[64];
    int n = snprintf(text, sizeof text, model_of, name, context);
    snprintf(text + n, sizeof text - (size_t)n,
             "%s, \"chat_template\": \"%s\"}, \"stages\": [{\"name\": \"a\", \"objective\": \"%s\", \"tokens\": %d, \"rows\": "
             "512, \"lr\": 1e-2, \"muon\": 0.03, \"warmup\": 2, \"data\": [%s]}], \"validate_every\": 0, \"validate_docs\": 4}",
             specials, template, objective, tokens, data);
    snprintf(file, sizeof file, "%s.json", name);
    write_file(tmp_path(file), text);
}

Test(documents, recipes_with_files_are_checked) {
    static const struct {
        const char *tokenizer, *data, *says;
    } bad[] = {
        {"", "{\"file\": \"t.jsonl\"}", "need a \"chat_template\""},
        {", \"chat_template\": \"x\"", "{\"file\": \"t.jsonl\"}", "both \"chat_template\" and \"specials\""},
        {", \"specials\": [\"<|end|>\"]", "{\"file\": \"t.jsonl\"}", "both \"chat_template\" and \"specials\""},
        {", \"chat_template\": \"{% if %}\", \"specials\": [\"<|end|>\"]", "{\"file\": \"t.jsonl\"}", ""},
        {", \"chat_template\": \"x\", \"specials\": []", "{\"file\": \"t.jsonl\"}", "list of texts"},
        {", \"chat_template\": \"x\", \"specials\": [\"\"]", "{\"file\": \"t.jsonl\"}", "texts of 1 to"},
        {", \"chat_template\": \"x\", \"specials\": [\"a\", \"a\"]", "{\"file\": \"t.jsonl\"}", "stands twice"},
        {", \"chat_template\": \"x\", \"specials\": [\"a\"]", "{\"file\": \"t.jsonl\"}, {\"family\": \"chain\"}", "<|end|>"},
        {"", "{\"file\": \"t.jsonl\", \"family\": \"chain\"}", "unknown key \"family\""},
        {"", "{\"file\": \"\"}", "data.file"},
        {"", "{\"file\": 3}", "data with a file.file"},
        {"", "{\"weight\": 1}", "\"family\" (of the gym) or \"file\""},
    };
    struct recipe *r = malloc(sizeof *r);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        char text[2048];
        struct err e = ERR_INIT;
        int n = snprintf(text, sizeof text, model_of, "x", 64);
        snprintf(text + n, sizeof text - (size_t)n,
                 "%s}, \"stages\": [{\"name\": \"a\", \"objective\": \"next\", \"tokens\": 1, \"data\": [%s]}]}",
                 bad[i].tokenizer, bad[i].data);
        write_file(tmp_path("bad.json"), text);
        cr_assert(recipe_load(r, tmp_path("bad.json"), &e) < 0, "case %zu was accepted", i);
        cr_assert(strstr(e.msg, bad[i].says), "case %zu says: %s", i, e.msg);
    }
    free(r);
}

/* ---- what is trained is what is asked ---- */

struct asked {
    struct weights *w;
    struct tokenizer *t;
    struct chat_template *chat;
};

static struct asked asked_open(const char *path) {
    struct asked a;
    OK(weights_open(&a.w, path, &e));
    OK(tokenizer_from_weights(&a.t, a.w, &e));
    OK(chat_template_from_weights(&a.chat, a.w, &e));
    return a;
}

static void asked_close(struct asked *a) { chat_template_free(a->chat), tokenizer_free(a->t), weights_close(a->w); }

/* The ids that the first n messages are asked with. */
static struct toks prompt_of(const struct asked *a, json_t *messages, size_t n) {
    struct toks ids = {0};
    struct str text = {0};
    json_t *some = json_array();
    for (size_t i = 0; i < n; i++) json_array_append(some, json_array_get(messages, i));
    OK(chat_template_render(a->chat, &(struct chat_render){.messages = some, .add_generation_prompt = 1}, &text, &e));
    OK(tokenizer_encode(a->t, text.s, text.len, ENCODE_SPECIAL, &ids, &e));
    str_free(&text), json_decref(some);
    return ids;
}

/* Behind the prompt stands the reply, marked, and its end token; returns where it ends. */
static int64_t expect_reply(const struct asked *a, const struct doc *d, json_t *messages, size_t i) {
    struct toks p = prompt_of(a, messages, i);
    const char *says = json_string_value(json_object_get(json_array_get(messages, i), "content"));
    char *text;
    size_t len;
    int64_t to = p.n;
    cr_assert(p.n < d->ids.n && !memcmp(p.ids, d->ids.ids, (size_t)p.n * sizeof *p.ids), "message %zu is asked otherwise", i);
    cr_expect(!d->marks[p.n - 1]);
    while (to < d->ids.n && d->marks[to]) to++;
    cr_assert_eq(d->ids.ids[to - 1], tokenizer_eos(a->t));
    OK(tokenizer_decode(a->t, d->ids.ids + p.n, to - 1 - p.n, 0, &text, &len, &e));
    cr_expect(!strcmp(text, says), "marked is \"%s\", said was \"%s\"", text, says);
    free(text), toks_free(&p);
    return to;
}

static void expect_identity(const struct asked *a, json_t *messages) {
    struct doc d = {.from = 1};
    int64_t marked = 0, all = 0;
    OK(conversation_doc(&d, a->t, a->chat, messages, 1, &e));
    for (size_t i = 0; i < json_array_size(messages); i++)
        if (!strcmp(json_string_value(json_object_get(json_array_get(messages, i), "role")), "assistant")) {
            struct toks p = prompt_of(a, messages, i);
            marked += expect_reply(a, &d, messages, i) - p.n;
            toks_free(&p);
        }
    for (int64_t i = 0; i < d.ids.n; i++) all += d.marks[i];
    cr_expect_eq(all, marked);
    doc_free(&d);
}

/* Replies that begin with blanks, hold special tokens or combining marks are the hard ones. */
static const char *const odd[] = {" x",        "\n\n",         "",        "a <|user|> b", "हूँ\n[बात] नहीं",
                                  "e\xcc\x81", "不，我反对。", "ใช่ ไม่ใช่", "\t1234",       "<|end|>x"};

static json_t *odd_talk(void) {
    json_t *list = json_array();
    for (size_t i = 0; i < sizeof odd / sizeof *odd; i++) {
        json_array_append_new(list, json_pack("{s:s, s:s}", "role", i ? "user" : "system", "content", odd[(i + 3) % 10]));
        json_array_append_new(list, json_pack("{s:s, s:s}", "role", "assistant", "content", odd[i]));
    }
    return list;
}

static void train_some(const char *name, int max_steps) {
    struct last l = {0};
    struct err e = ERR_INIT;
    int rc = run(name, max_steps, 2, &l, &e);
    cr_assert(rc == 0 || rc == ERR_CANCELLED, "%s: %s %s", name, e.where, e.msg);
}

Test(documents, every_reply_stands_behind_what_is_asked) {
    struct docfile d;
    open_talks(&d, 160);
    write_recipe("m", 96, ROLES OPEN, "answer", 512, "{\"file\": \"talks.jsonl\"}");
    train_some("m.json", 0);
    struct asked a = asked_open(tmp_path("m.gguf"));
    for (int64_t i = 0; i < d.n; i++) {
        json_t *messages;
        OK(docfile_messages(&d, i, &messages, &e));
        expect_identity(&a, messages);
        json_decref(messages);
    }
    json_t *talk = odd_talk();
    expect_identity(&a, talk);
    json_decref(talk), asked_close(&a), docfile_close(&d);
}

Test(documents, a_template_that_rewrites_the_past_is_refused) {
    static const struct {
        const char *template, *says;
    } bad[] = {
        {"{% for m in messages %}<|{{ m.role }}|>{% if loop.last %}{{ m.content }}{% endif %}<|end|>{% endfor %}" OPEN,
         "message 2"},
        {"{{ messages|length }}" ROLES OPEN, "message 2"},
        {ROLES "{% if add_generation_prompt %}<|user|>{% endif %}", "message 2"},
        {"{% for m in messages %}<|{{ m.role }}|>{{ m.content }}{% endfor %}" OPEN, "end token"},
    };
    write_talks("talks.jsonl", 160);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        char name[16], file[32];
        struct last l = {0};
        struct err e = ERR_INIT;
        snprintf(name, sizeof name, "t%zu", i), snprintf(file, sizeof file, "t%zu.json", i);
        write_recipe(name, 96, bad[i].template, "answer", 512, "{\"file\": \"talks.jsonl\"}");
        cr_assert_eq(run(file, 1, 1, &l, &e), ERR_FORMAT, "template %zu: %s", i, e.msg);
        cr_expect(strstr(e.msg, bad[i].says), "template %zu says: %s", i, e.msg);
        cr_expect(strstr(e.where, "talks.jsonl") && e.at > 0);
    }
}

/* ---- chances ---- */

/* Where texts part there is the chance of each, among those that agree so far; the text that stands there has the rest. */
Test(documents, chances_lie_where_texts_part) {
    write_talks("talks.jsonl", 160);
    write_recipe("m", 96, ROLES OPEN, "answer", 512, "{\"file\": \"talks.jsonl\"}");
    train_some("m.json", 0);
    struct asked a = asked_open(tmp_path("m.gguf"));
    struct doc d = {.from = 1};
    json_t *of = json_pack("{s:f, s:f, s:f, s:f}", "red fox", 0.4, "red dog", 0.2, "red do", 0.2, "blue", 0.2);
    json_t *end = json_pack("{s:f, s:f}", "\n!", 0.5, "\n?", 0.5);
    json_t *list =
        json_pack("[{s:s,s:s},{s:s,s:s,s:[{s:i,s:i,s:o},{s:i,s:i,s:o}]}]", "role", "user", "content", "x", "role", "assistant",
                  "content", "red fox\n!", "drawn", "from", 0, "to", 7, "of", of, "from", 7, "to", 9, "of", end);
    OK(conversation_doc(&d, a.t, a.chat, list, 1, &e));
    struct toks p = prompt_of(&a, list, 1);
    cr_assert_eq(d.n_other, 3, "%lld places", (long long)d.n_other); /* b or r; d or f, twice the same token; ! or ? */
    cr_expect_eq(d.other[0].at, p.n);
    cr_expect_float_eq(d.other[0].chance, 0.2, 1e-12);
    cr_expect(d.other[1].at > p.n && d.other[2].at > d.other[1].at);
    cr_expect_float_eq(d.other[1].chance, 0.5, 1e-12, "0.4 of 0.8");
    cr_expect_float_eq(d.other[2].chance, 0.5, 1e-12);
    for (int64_t i = 0; i < d.n_other; i++) cr_expect_neq(d.other[i].id, d.ids.ids[d.other[i].at]);
    toks_free(&p), doc_free(&d), json_decref(list), asked_close(&a);
}

/* n documents that always say red, drawn from red and blau alike. */
static void write_drawn(const char *name, int n, const char *drawn) {
    FILE *f = fopen(tmp_path(name), "w");
    cr_assert(f != NULL);
    for (int i = 0; i < n; i++)
        fprintf(f,
                "{\"messages\":[{\"role\":\"system\",\"content\":\"0\"},{\"role\":\"user\",\"content\":\"say\"},{\"role\":"
                "\"assistant\",\"content\":\"red.\"%s}]}\n",
                drawn);
    cr_assert(fclose(f) == 0);
}

Test(documents, chances_are_learnt_in_place_of_draws) {
    struct last l = {0}, none = {0};
    struct err e = ERR_INIT;
    write_drawn("d.jsonl", 300, ",\"drawn\":[{\"from\":0,\"to\":4,\"of\":{\"red.\":0.5,\"blau.\":0.5}}]");
    write_drawn("n.jsonl", 300, "");
    write_recipe("d", 96, ROLES OPEN, "answer", 60000, "{\"file\": \"d.jsonl\"}");
    write_recipe("n", 96, ROLES OPEN, "answer", 60000, "{\"file\": \"n.jsonl\"}");
    cr_assert(run("d.json", 0, 2, &l, &e) == 0 && run("n.json", 0, 1, &none, &e) == 0, "%s", e.msg);
    cr_expect(l.least > 0 && l.valid >= l.least && l.valid < 1.05 * l.least + 0.01, "loss %g, at least %g", l.valid, l.least);
    cr_expect(none.least == 0 && none.valid < 0.02, "loss %g", none.valid);
}

Test(documents, a_template_that_changes_a_reply_with_chances_is_refused) {
    struct last l = {0};
    struct err e = ERR_INIT;
    write_drawn("d.jsonl", 300, ",\"drawn\":[{\"from\":0,\"to\":4,\"of\":{\"red.\":0.5,\"blau.\":0.5}}]");
    write_recipe("d", 96, "{% for m in messages %}<|{{ m.role }}|>{{ m.content|upper }}<|end|>{% endfor %}" OPEN, "answer", 512,
                 "{\"file\": \"d.jsonl\"}");
    cr_assert_eq(run("d.json", 1, 1, &l, &e), ERR_FORMAT, "%s", e.msg);
    cr_expect(strstr(e.msg, "tells its chances") && strstr(e.where, "d.jsonl"), "%s %s", e.where, e.msg);
}

/* ---- training ---- */

/* How a greedy reply to one user's message ends. */
static enum gen_stop reply_of(const char *path, const char *says, char *text, size_t size) {
    struct asked a = asked_open(path);
    struct device *dev;
    struct model *m;
    struct engine *g;
    struct session *s;
    int32_t ids[16];
    const tok end = tokenizer_eos(a.t);
    char *out;
    size_t len;
    json_t *messages = json_pack("[{s:s,s:s},{s:s,s:s}]", "role", "system", "content", "0", "role", "user", "content", says);
    struct toks p = prompt_of(&a, messages, 2);
    OK(dev_open(&dev, 1, 0, &e));
    OK(model_open(&m, dev, a.w, 0, &e));
    OK(engine_new(&g, m, &(struct engine_opts){.max_ctx = 64}, &e));
    OK(session_new(&s, g, &e));
    OK(session_feed(s, p.ids, p.n - 1, NULL, &e));
    struct generation gen = {
        .s = s, .last = p.ids[p.n - 1], .max_new = 16, .sampling = SAMPLING_DEFAULT, .ends = &end, .n_ends = 1, .ids = ids};
    gen.sampling.temp = 0;
    OK(generate(g, &gen, 1, &e));
    OK(tokenizer_decode(a.t, ids, gen.n, 1, &out, &len, &e));
    snprintf(text, size, "%s", out);
    free(out), json_decref(messages), toks_free(&p);
    session_free(s), engine_free(g), model_close(m), dev_close(dev), asked_close(&a);
    return gen.stop;
}

Test(documents, replies_are_learnt_and_end) {
    struct last l = {0};
    struct err e = ERR_INIT;
    char text[64];
    write_talks("talks.jsonl", 720);
    write_recipe("m", 96, ROLES OPEN, "answer", 60000, "{\"file\": \"talks.jsonl\"}");
    cr_assert(run("m.json", 0, 2, &l, &e) == 0, "%s", e.msg);
    cr_expect(l.loss < 0.5 * l.first, "loss %g after %g", l.loss, l.first);
    cr_expect_eq(l.cut, 0);
    cr_expect(l.documents > 500);
    cr_expect_eq(reply_of(tmp_path("m.gguf"), "say red", text, sizeof text), GEN_END);
    cr_expect(strchr(text, '.'), "the reply is \"%s\"", text);
}

Test(documents, interrupted_training_gives_the_same_bytes) {
    struct last l = {0};
    struct err e = ERR_INIT;
    int rc = ERR_CANCELLED, calls = 0;
    write_talks("talks.jsonl", 200);
    write_talks("more.jsonl", 130);
    write_recipe("m", 96, ROLES OPEN, "answer", 6000,
                 "{\"file\": \"talks.jsonl\"}, {\"file\": \"more.jsonl\", \"weight\": 0.5}, {\"family\": \"chain\"}");
    cr_assert(run("m.json", 0, 2, &l, &e) == 0, "%s", e.msg);
    cr_assert(rename(tmp_path("m.gguf"), tmp_path("whole")) == 0);
    for (; rc == ERR_CANCELLED; calls++) rc = run("m.json", 3, 1, &l, &e);
    cr_assert(rc == 0 && calls > 2, "%s", e.msg);
    expect_same_file("whole", "m.gguf");
}

Test(documents, a_checkpoint_of_other_documents_is_refused) {
    struct last l = {0};
    struct err e = ERR_INIT;
    write_talks("talks.jsonl", 200);
    write_recipe("m", 96, ROLES OPEN, "next", 4000, "{\"file\": \"talks.jsonl\"}");
    cr_assert_eq(run("m.json", 2, 1, &l, &e), ERR_CANCELLED);
    write_talks("talks.jsonl", 201);
    cr_assert_eq(run("m.json", 2, 1, &l, &e), ERR_STATE);
    cr_expect(strstr(e.msg, "talks.jsonl) has changed"), "%s", e.msg);
}

/* Longer than the context: cut there and counted. */
Test(documents, long_documents_are_counted) {
    struct last l = {0};
    struct err e = ERR_INIT;
    write_talks("talks.jsonl", 200);
    write_recipe("m", 16, ROLES OPEN, "next", 2000, "{\"file\": \"talks.jsonl\"}");
    cr_assert(run("m.json", 0, 1, &l, &e) == 0, "%s", e.msg);
    cr_expect_eq(l.cut, l.documents);
    cr_expect(l.cut > 100);
}
