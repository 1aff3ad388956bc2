/* peer_texts SEED [FILE.inp...]: texts that a tokenizer may trip over, one JSON string a line: those of the files (parted by
 * __ggml_vocab_test__) and several hundred made of awkward pieces.
 *
 * peer_texts --compare TEXTS PEER PLAIN SPECIAL: PEER has a line [[ids without specials], [ids with them]] a text (null: not to be compared), PLAIN and SPECIAL the
 * ids of candor. candor adds BOS and EOS to the latter, the peer does not: the ids of the first text, which is empty, are what is added.
 * Prints how many differ, and the first few; exit 1 if any does. */
#include "base/fs.h"
#include "base/rng.h"
#include "base/str.h"
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { RANDOM_TEXTS = 600, SHOWN = 5 };

static void put(const char *s, size_t n) {
    json_t *j = json_stringn(s, n);
    char *text = j ? json_dumps(j, JSON_ENCODE_ANY) : NULL;
    if (text) puts(text);
    free(text);
    json_decref(j);
}

static int put_file(const char *path) {
    static const char sep[] = "\n__ggml_vocab_test__\n";
    char *text;
    size_t n;
    struct err e = ERR_INIT;
    if (file_read(&text, &n, path, 0, &e) < 0) return fprintf(stderr, "peer_texts: %s %s\n", e.where, e.msg), 1;
    for (char *p = text, *q; p; p = q) {
        q = strstr(p, sep);
        put(p, q ? (size_t)(q - p) : strlen(p));
        if (q) q += sizeof sep - 1;
    }
    free(text);
    return 0;
}

static const char *const pieces[] = {
    " ",
    " ",
    "  ",
    "   ",
    "\n",
    "\n\n",
    "\r\n",
    "\t",
    "\v",
    "\u00a0",
    "\u2003",
    "\u3000",
    "\u200b",
    "\u200d",
    "\ufeff",
    "\u2028",
    "the",
    "The",
    "THE",
    "hello",
    "world",
    "ka",
    "to",
    "re",
    "mi",
    "sen",
    "ght",
    "e",
    "t",
    "I",
    "don't",
    "I'LL",
    "'s",
    "'S",
    "'ve",
    "'re",
    "'d",
    "'x",
    "\u2019s",
    "1",
    "12",
    "123",
    "1234",
    "3.14",
    "1,000",
    "\u00b2",
    "\u00bd",
    "\u0663",
    "\u4e00",
    "\u4e16\u754c",
    "\u3053\u3093\u306b\u3061\u306f",
    "\uc548\ub155",
    "\u0928\u092e\u0938\u094d\u0924\u0947",
    "\u0645\u0631\u062d\u0628\u0627",
    "\u041f\u0440\u0438\u0432\u0435\u0442",
    "\u00e9",
    "e\u0301",
    "\u00df",
    "\u0130",
    "\u01c5",
    "\ufb01",
    "\u212b",
    "\U0001f600",
    "\U0001f468\u200d\U0001f469\u200d\U0001f467",
    "\U0001f1eb\U0001f1f7",
    "\U00020000",
    "\U0010ffff",
    "\ufffd",
    "\ufffe",
    "!",
    "!!",
    "?",
    "...",
    "\u2026",
    "-",
    "--",
    "\u2014",
    "_",
    "/",
    "//",
    "\\",
    "\"",
    "'",
    "(",
    ")",
    "{",
    "}",
    "[",
    "]",
    "<",
    ">",
    "#",
    "@",
    "$",
    "\u20ac",
    "%",
    "^",
    "&",
    "*",
    "=",
    "==",
    "+=",
    ";",
    ":",
    ",",
    ".",
    "~",
    "`",
    "|",
    "\x01",
    "\x1f",
    "\x7f",
    "\xc2\x80",
    "<s>",
    "</s>",
    "<unk>",
    "<|endoftext|>",
    "<|im_start|>",
    "<|im_end|>",
    "<0x41>",
    "<|end",
    "\u2581",
    "\u2581\u2581",
    "\u0120",
    "\u010a",
    "\u0120the",
    "x = 1;",
    "return 0;",
    "http://a.b/c?d=e",
    "ooooooooooo",
    "aaaaaaaa",
    "=======",
    "        ",
    "abcABC123",
    "camelCase",
};

static void put_random(struct rng *r) {
    struct str s = {0};
    for (int k = 1 + (int)rng_below(r, rng_below(r, 3) ? 6 : 24); k > 0; k--)
        str_puts(&s, pieces[rng_below(r, sizeof pieces / sizeof *pieces)]);
    put(s.s ? s.s : "", s.len);
    str_free(&s);
}

static int make(int argc, char **argv) {
    struct rng r = RNG(strtoull(argv[1], NULL, 10), 0x7465787473);
    put("", 0);
    for (int i = 2; i < argc; i++)
        if (put_file(argv[i])) return 1;
    for (size_t i = 0; i < sizeof pieces / sizeof *pieces; i++) put(pieces[i], strlen(pieces[i]));
    for (int i = 0; i < RANDOM_TEXTS; i++) put_random(&r);
    return 0;
}

/* ---- comparing ---- */

/* The lines of a file, each a JSON value; NULL with a message. */
static json_t *read_lines(const char *path) {
    char *text, *rest, *s;
    size_t n;
    struct err e = ERR_INIT;
    json_t *all = json_array();
    if (file_read(&text, &n, path, 0, &e) < 0) return printf("%s %s\n", e.where, e.msg), json_decref(all), NULL;
    for (rest = text; (s = strsep(&rest, "\n")) && *s;)
        if (json_array_append_new(all, json_loads(s, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL)))
            printf("%s: a line is no JSON\n", path);
    free(text);
    return all;
}

/* ids without the BOS and EOS that are added to every text. */
static json_t *bare(json_t *ids, json_t *added) {
    size_t n = json_array_size(ids), k = json_array_size(added), from = 0;
    json_t *out = json_array();
    if (k && n >= k && json_equal(json_array_get(ids, 0), json_array_get(added, 0))) from = 1, k--;
    for (size_t i = from; i + k < n; i++) json_array_append(out, json_array_get(ids, i));
    return out;
}

static int differ(json_t *text, json_t *ours, json_t *theirs, int shown) {
    if (json_equal(ours, theirs)) return 0;
    char *t = json_dumps(text, JSON_ENCODE_ANY | JSON_ENSURE_ASCII), *a = json_dumps(ours, JSON_COMPACT | JSON_ENCODE_ANY),
         *b = json_dumps(theirs, JSON_COMPACT | JSON_ENCODE_ANY);
    if (shown) printf("%s: candor %s, the peer %s\n", t ? t : "?", a ? a : "nothing", b ? b : "nothing");
    free(t), free(a), free(b);
    return 1;
}

static int compare(char **path) {
    json_t *texts = read_lines(path[0]), *peer = read_lines(path[1]), *plain = read_lines(path[2]),
           *special = read_lines(path[3]);
    size_t n = json_array_size(texts);
    int bad = 0, left_out = 0;
    if (!n || json_array_size(peer) != n || json_array_size(plain) != n || json_array_size(special) != n)
        bad = printf("expected %zu lines each, found %zu, %zu and %zu\n", n, json_array_size(peer), json_array_size(plain),
                     json_array_size(special));
    int differing = 0;
    for (size_t i = 0; !bad && i < n; i++) {
        json_t *text = json_array_get(texts, i), *theirs = json_array_get(peer, i);
        json_t *ours = bare(json_array_get(special, i), json_array_get(special, 0));
        json_t *told[] = {json_array_get(theirs, 0), json_array_get(theirs, 1)}, *made[] = {json_array_get(plain, i), ours};
        for (int k = 0; k < 2; k++) {
            left_out += json_is_null(told[k]);
            if (!json_is_null(told[k])) differing += differ(text, made[k], told[k], differing < SHOWN);
        }
        json_decref(ours);
    }
    printf("%zu texts, without and with special tokens: %d differ, %d not compared (see oracle.mjs)\n", n, differing, left_out);
    json_decref(texts), json_decref(peer), json_decref(plain), json_decref(special);
    return bad || differing;
}

int main(int argc, char **argv) {
    if (argc == 6 && !strcmp(argv[1], "--compare")) return compare(argv + 2);
    if (argc >= 2) return make(argc, argv);
    fprintf(stderr, "usage: peer_texts SEED [FILE.inp...] | --compare TEXTS PEER PLAIN SPECIAL\n");
    return 2;
}
