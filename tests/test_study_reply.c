/* Replies as models write them, and as nobody should. */
#include "base/rng.h"
#include "study/reply.h"
#include "text/unicode.h"
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

TestSuite(study_reply, .timeout = HANG_S);

static const char *const EN[] = {"Emma", "Lily", "Noah", "Sam"};
static const char *const JA[] = {"恵美", "静香", "直人", "翔太"};

struct set {
    struct language *l;
    struct reply_rules *r;
};
static struct set open_set(const char *code, const char *const *names) {
    char path[64];
    struct err e = ERR_INIT;
    struct set s;
    snprintf(path, sizeof path, "studies/lang/%s.yaml", code);
    cr_assert_geq(language_read(&s.l, path, &e), 0, "%s", e.msg);
    cr_assert_geq(reply_rules_new(&s.r, s.l, names, 4, &e), 0);
    return s;
}
static void close_set(struct set *s) {
    reply_rules_free(s->r);
    language_free(s->l);
}

/* Acts as "T:text|M:text|W2:text", W-: without a recipient; "!" for malformed. Agent 0 speaks. */
static const char *read_as(const struct set *s, const char *text, size_t n) {
    static char out[4096];
    struct reply r;
    struct err e = ERR_INIT;
    size_t at = 0;
    cr_assert_geq(reply_parse(&r, s->r, 0, text, n, &e), 0, "%s", e.msg);
    out[0] = 0;
    if (r.malformed) at += (size_t)snprintf(out, sizeof out, "!");
    for (int i = 0; i < r.n; i++) {
        char to[16] = "";
        if (r.acts[i].channel == CHANNEL_WHISPER) snprintf(to, sizeof to, r.acts[i].to < 0 ? "-" : "%d", r.acts[i].to);
        at +=
            (size_t)snprintf(out + at, sizeof out - at, "%s%c%s:%s", i ? "|" : "", "TMW"[r.acts[i].channel], to, r.acts[i].text);
    }
    reply_free(&r);
    return out;
}

struct example {
    const char *text, *want;
};
static void check(const char *code, const char *const *names, const struct example *x, size_t n) {
    struct set s = open_set(code, names);
    for (size_t i = 0; i < n; i++)
        cr_expect_str_eq(read_as(&s, x[i].text, strlen(x[i].text)), x[i].want, "\"%s\" is read as \"%s\"", x[i].text,
                         read_as(&s, x[i].text, strlen(x[i].text)));
    close_set(&s);
}

Test(study_reply, english) {
    static const struct example x[] = {
        {"[TALK] Hello.\n[MONOLOGUE] Hm.\n[WHISPER Noah] Psst.", "T:Hello.|M:Hm.|W2:Psst."},
        {"[talk] hello", "T:hello"},
        {"**[TALK]** hello", "T:hello"},
        {"[TALK]: hello", "T:hello"},
        {"**TALK:** hello\n**MONOLOGUE**: hm", "T:hello|M:hm"},
        {"- [TALK] \"hello\"\n* [MONOLOGUE] *hm*", "T:hello|M:hm"},
        {"TALK: hello\nand more\n\nMONOLOGUE: hm", "T:hello and more|M:hm"},
        {"［ＴＡＬＫ］ hello", "T:hello"},
        {"【TALK】hello", "T:hello"},
        {"TALK：hello", "T:hello"},
        {"> [TALK] one\n> [TALK] two", "T:one|T:two"},
        {"[TALK] one [MONOLOGUE] two [WHISPER Lily] three", "T:one|M:two|W1:three"},
        {"[WHISPER to Noah] a\n[WHISPER: Sam] b\nWHISPER Lily: c\nWhisper to Noah: d", "W2:a|W3:b|W1:c|W2:d"},
        {"[WHISPER] nobody", "W-:nobody"},
        {"[WHISPER Warden] who", "W-:who"},
        {"[WHISPER Emma] to myself", "W-:to myself"},
        {"[WHISPER Noah and Lily] both", "W-:both"},
        {"[TALK] hi\nWHISPER Noah, Lily: both\n**Whisper (to Lily and Noah):** more", "T:hi|W-:both|W-:more"},
        {"WHISPER to Bob: who\nMONOLOGUE (inner): secret\nTALK (aloud): hi", "W-:who|M:secret|T:hi"},
        {"Whisper it softly and often enough: it spreads", "!"},
        {"Whispering is bad: yes", "!"},
        {"[TALK] listen\nWhisperers: beware", "T:listen Whisperers: beware"},
        {"Some remark first.\n[TALK] hello", "T:hello"},
        {"I cannot take part in this.", "!"},
        {"TALKING: about it", "!"},
        {"Talk is cheap: very", "!"},
        {"[TALKING HEADS] music", "!"},
        {"", ""},
        {" \n\t ", ""},
        {"[TALK]\n[MONOLOGUE]", "!"},
        {"[TALK]\nbelow\n  it", "T:below it"},
        {"[TALK] a\tb\n\n\nc", "T:a b c"},
        {"{\"talk\": \"hi\", \"monologue\": [\"a\", \"b\"], \"whisper\": {\"to\": \"noah\", \"text\": \"c\"}}",
         "T:hi|M:a|M:b|W2:c"},
        {"```json\n{\"talk\": \"hi\"}\n```", "T:hi"},
        {"{\"whisper\": [{\"to\": \"Lily\", \"text\": \"a\"}, {\"to\": \"X\", \"text\": \"b\"}]}", "W1:a|W-:b"},
        {"{\"talk\": 3}", "!"},
        {"{\"speech\": \"hi\"}", "!"},
        {"{\"talk\": \"hi\"", "!"},
        {"[TALK: Emma] hello", "T:hello"},
        {"[TALK: said within] x", "!"},
        {"```\n[TALK] hello\n```", "T:hello"},
    };
    check("en", EN, x, sizeof x / sizeof *x);
}

/* JSON as models write it: the tags as keys, acts in lists, fences and words around it. */
Test(study_reply, json) {
    static const struct example x[] = {
        {"{\"TALK\": \"a\", \"MONOLOGUE\": \"b\"}", "T:a|M:b"},
        {"{\"monologue\": \"b\", \"Talk\": \"a\"}", "M:b|T:a"},
        {"{\"[TALK]\": \"a\", \"[WHISPER Noah]\": \"b\", \"whisper to Lily\": \"c\"}", "T:a|W2:b|W1:c"},
        {"[{\"channel\":\"talk\",\"text\":\"a\"},{\"channel\":\"WHISPER\",\"to\":\"Sam\",\"text\":\"b\"}]", "T:a|W3:b"},
        {"[{\"tag\":\"TALK\",\"content\":\"a\"}]", "T:a"},
        {"[{\"talk\": \"a\"}, {\"monologue\": \"b\"}]", "T:a|M:b"},
        {"{\"messages\":[{\"channel\":\"talk\",\"text\":\"a\"}]}", "T:a"},
        {"{\"name\": \"Emma\", \"acts\": [{\"channel\": \"[MONOLOGUE]\", \"text\": \"a\"}]}", "M:a"},
        {"{\"reply\": {\"talk\": \"a\"}}", "T:a"},
        {"{\"channel\": \"talk\", \"text\": \"a\"}\n{\"channel\": \"monologue\", \"text\": \"b\"}", "T:a|M:b"},
        {"{\"whisper\": {\"Noah\": \"a\", \"Lily\": \"b\"}}", "W2:a|W1:b"},
        {"{\"whisper\": \"a\", \"to\": \"Noah\"}", "W2:a"},
        {"{\"talk\": {\"text\": \"a\"}, \"monologue\": null}", "T:a"},
        {"Sure! Here is my reply:\n```json\n{\"talk\": \"a\"}\n```", "T:a"},
        {"Sure! Here is my reply:\n```json\n{\"talk\": \"a\"}```", "T:a"},
        {"Here: {\"talk\": \"a\"} I hope this helps.", "T:a"},
        {"```\n{\n  \"talk\": \"a\\nb\",\n  \"monologue\": \"c\"\n}\n```", "T:a b|M:c"},
        {"[TALK] the file says {\"a\": 1}", "T:the file says {\"a\": 1}"},
        /* in two ways, or half */
        {"{\n  \"talk\": \"a\",\n  \"monologue\": \"b", "!"},
        {"{\"messages\": [{\"channel\": \"talk\", \"text\": \"a\"}, {\"channel\": \"monologue\", \"text\": \"b", "!"},
        {"[{\"channel\":\"talk\",\"text\":\"a\"},", "!"},
        {"{talk: \"a\", monologue: \"b\"}", "!"},
        {"{\n  talk: \"a\",\n  monologue: \"b\"\n}", "!"},
        {"{'talk': 'a'}", "!"},
        {"{\"talk\": \"a\", \"talk\": \"b\"}", "!"},
        {"[{\"channel\":\"talk\",\"text\":\"a\"},{\"channel\":\"shout\",\"text\":\"b\"}]", "!"},
        {"{\"talk\": \"a\"} or rather {\"talk\": \"b\"}", "!"},
        {"[TALK] a\n{\"monologue\": \"b\"}", "!"},
        {"[TALK] a\n{\"monologue\": \"b", "!"},
        {"{\"talk\": \"[MONOLOGUE] a\"}", "!"},
        {"{\"response\": \"[TALK] a\"}", "!"},
        {"{\"talk\": 3, \"monologue\": \"b\"}", "!"},
        {"{\"whisper\": {\"Noah\": \"a\", \"X\": \"b\"}}", "!"},
        {"{\"talk\": \"\"}", "!"},
        {"\"talk\": \"a\",", "!"},
        {"{WHISPER Noah}: a", "W2:a"},
    };
    check("en", EN, x, sizeof x / sizeof *x);
}

Test(study_reply, what_is_around_json_is_counted) {
    struct set s = open_set("en", EN);
    static const char text[] = "Sure!\n```json\n{\"talk\": \"a\", \"mood\": \"calm\"}\n```\nHope it helps.";
    struct reply r;
    struct err e = ERR_INIT;
    cr_assert_geq(reply_parse(&r, s.r, 0, text, sizeof text - 1, &e), 0);
    cr_assert(r.n == 1 && r.json && r.stray == 3, "%d acts, json %d, stray %d", r.n, r.json, r.stray);
    reply_free(&r);
    close_set(&s);
}

/* Where I and i are two letters. */
Test(study_reply, turkish) {
    static const struct example x[] = {
        {"[KONUŞMA] a\n[İÇ SES] b\n[FISILTI] c", "T:a|M:b|W-:c"},
        {"[TALK] a\n[WHISPER Noah] b\nwhisper Noah: c", "T:a|W2:b|W2:c"},
        {"{\"fısıltı\": {\"to\": \"Noah\", \"text\": \"a\"}, \"WHISPER\": \"b\"}", "W2:a|W-:b"},
    };
    check("tr", EN, x, sizeof x / sizeof *x);
}

Test(study_reply, japanese) {
    static const struct example x[] = {
        {"[発言] こんにちは。\n[独白] うーん。\n[耳打ち 直人] ねえ。", "T:こんにちは。|M:うーん。|W2:ねえ。"},
        {"【発言】こんにちは", "T:こんにちは"},
        {"発言：「こんにちは」", "T:こんにちは"},
        {"［耳打ち　直人さんへ］ねえ", "W2:ねえ"},
        {"**耳打ち（静香）：** ねえ", "W1:ねえ"},
        {"発言します。こんにちは", "!"},
        {"{\"発言\": \"こんにちは\", \"独白\": \"うーん\"}", "T:こんにちは|M:うーん"},
        {"[{\"channel\": \"耳打ち\", \"to\": \"直人\", \"text\": \"ねえ\"}]", "W2:ねえ"},
        {"[TALK] 皆さん\nWHISPER 直人: ねえ", "T:皆さん|W2:ねえ"},
        {"{\"talk\": \"皆さん\"}", "T:皆さん"},
    };
    check("ja", JA, x, sizeof x / sizeof *x);
}

Test(study_reply, invalid_bytes_are_replaced_and_counted) {
    struct set s = open_set("en", EN);
    struct reply r;
    struct err e = ERR_INIT;
    static const char text[] = "[TALK] a\xff\xc3 b\0c";
    cr_assert_geq(reply_parse(&r, s.r, 0, text, sizeof text - 1, &e), 0);
    cr_assert_eq(r.replaced, 3);
    cr_assert_str_eq(r.acts[0].text, "a\xef\xbf\xbd\xef\xbf\xbd b\xef\xbf\xbd"
                                     "c");
    reply_free(&r);
    close_set(&s);
}

Test(study_reply, limits) {
    struct set s = open_set("en", EN);
    struct reply r;
    struct err e = ERR_INIT;
    struct str b = {0};
    for (int i = 0; i < 10000; i++) str_puts(&b, "[TALK] x\n");
    cr_assert_geq(reply_parse(&r, s.r, 0, b.s, b.len, &e), 0);
    cr_assert_eq(r.n, REPLY_MAX_ACTS);
    cr_assert_gt(r.cut, 1000);
    reply_free(&r);
    str_free(&b);
    close_set(&s);
}

/* Whatever comes: valid UTF-8, one line, not empty, within the limits. */
static void check_sound(const struct reply *r) {
    cr_assert(r->n >= 0 && r->n <= REPLY_MAX_ACTS);
    for (int i = 0; i < r->n; i++) {
        const char *t = r->acts[i].text;
        cr_assert(*t && !strpbrk(t, "\n\r\t") && utf8_valid(t, strlen(t)) == strlen(t));
        cr_assert(r->acts[i].to >= -1 && r->acts[i].to < 4 && r->acts[i].to != 1);
    }
    cr_assert(!r->malformed || !r->n);
}

Test(study_reply, random_bytes_and_random_pieces) {
    static const char *const bits[] = {"[",
                                       "]",
                                       "TALK",
                                       "WHISPER",
                                       "MONOLOGUE",
                                       "Noah",
                                       "Lily",
                                       ":",
                                       "：",
                                       "\n",
                                       " ",
                                       "**",
                                       "{",
                                       "}",
                                       "\"talk\"",
                                       "\"",
                                       "“",
                                       "\xff",
                                       "x",
                                       "発言",
                                       "【",
                                       "】",
                                       "<",
                                       "-",
                                       "\\u0000",
                                       "[[",
                                       "(",
                                       ")",
                                       "\xe2\x80",
                                       "```",
                                       "{\"talk\":\"a\"}",
                                       "[{",
                                       "\"channel\":\"talk\",",
                                       "\"text\":\"b\"}"};
    struct set s = open_set("en", EN);
    struct rng g = RNG(3, 1);
    for (int k = 0; k < 4000; k++) {
        struct str b = {0};
        struct reply r;
        struct err e = ERR_INIT;
        int n = (int)rng_below(&g, 60);
        str_puts(&b, "");
        for (int i = 0; i < n; i++) {
            char byte = (char)rng_below(&g, 256);
            const char *bit = bits[rng_below(&g, sizeof bits / sizeof *bits)];
            if (k % 4 == 0)
                str_add(&b, &byte, 1);
            else
                str_puts(&b, bit);
        }
        cr_assert_geq(reply_parse(&r, s.r, 1, b.s, b.len, &e), 0, "%s", e.msg);
        check_sound(&r);
        reply_free(&r);
        str_free(&b);
    }
    close_set(&s);
}

/* What a model wrote to itself: the text without it, " / ", what was cut. */
Test(study_reply, thoughts) {
    static const struct example x[] = {
        {"[TALK] a", "[TALK] a / "},
        {"<think>\nso\n</think>\n\n[TALK] a", "[TALK] a / so"},
        {"  <Thinking>so</THINKING>[TALK] a", "[TALK] a / so"},
        {"so it goes</think>\n[TALK] a", "[TALK] a / so it goes"},
        {"<think></think>[TALK] a", "[TALK] a / "},
        {"<think>1</think><think>2</think>[TALK] a", "[TALK] a / 1\n2"},
        {"[TALK] a <think>1</think> b", "[TALK] a \n b / 1"},
        {"<think>1 <think>2</think> 3</think> [TALK] a", "[TALK] a / 1 <think>2\n3"},
        {"<think> and so on", "<think> / and so on"},
        {" <think>", "<think> / "},
        {"[TALK] a\n<think> and so on", "[TALK] a\n / and so on"},
        {"<thi<think>x</think>nk>y</think>[TALK] a", "[TALK] a / x\n<thi\nnk>y"},
        {"a < b, <thinker>, </x>", "a < b, <thinker>, </x> / "},
        {"<think", "<think / "},
        {"", " / "},
    };
    struct err e = ERR_INIT;
    for (size_t i = 0; i < sizeof x / sizeof *x; i++) {
        struct str thoughts = {0}, again = {0};
        char text[200], is[300];
        size_t n = strlen(x[i].text);
        memcpy(text, x[i].text, n + 1);
        cr_assert_geq(reply_cut_thoughts(text, &n, &thoughts, &e), 0);
        snprintf(is, sizeof is, "%s / %s", text, thoughts.s ? thoughts.s : "");
        cr_expect_str_eq(is, x[i].want, "\"%s\" is parted into \"%s\"", x[i].text, is);
        cr_expect_eq(strlen(text), n);
        cr_assert_geq(reply_cut_thoughts(text, &n, &again, &e), 0);
        cr_expect(!again.len && strlen(text) == n, "\"%s\": twice", x[i].text);
        str_free(&thoughts), str_free(&again);
    }
}

Test(study_reply, thoughts_of_random_pieces) {
    static const char *const bits[] = {"<think>",  "</think>", "<", "think", ">",          "</",
                                       "[TALK] a", "\n",       " ", "x",     "<thinking>", "\xff"};
    struct rng g = RNG(5, 1);
    struct err e = ERR_INIT;
    for (int k = 0; k < 4000; k++) {
        struct str b = {0}, thoughts = {0};
        str_puts(&b, "");
        for (int i = (int)rng_below(&g, 20); i >= 0; i--) str_puts(&b, bits[rng_below(&g, sizeof bits / sizeof *bits)]);
        size_t n = b.len;
        cr_assert_geq(reply_cut_thoughts(b.s, &n, &thoughts, &e), 0);
        cr_assert(n <= b.len && !b.s[n] && !strstr(b.s, "</think>"), "%s", b.s);
        size_t once = thoughts.len, same = n;
        cr_assert_geq(reply_cut_thoughts(b.s, &same, &thoughts, &e), 0);
        cr_assert(same == n && thoughts.len == once, "%s", b.s);
        str_free(&b), str_free(&thoughts);
    }
}
