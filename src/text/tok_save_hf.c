/* A tokenizer as the files of a Hugging Face folder.
 *
 * tokenizer.json says everything; the constructs written are those tok_hf_json.c reads, in the spelling of the published files: a
 * SentencePiece vocabulary becomes merges over characters with normalizers Prepend and Replace (or Metaspace, where the space prefix
 * is conditional). Byte-level vocabularies also leave vocab.json and merges.txt. */
#include "base/dir_out.h"
#include "base/fs.h"
#include "text/chat_template.h"
#include "text/tok_save.h"
#include "text/tok_scores.h"
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MARK "\xE2\x96\x81"

static int oom(struct err *e) { return fail(e, ERR_NOMEM, "out of memory for the tokenizer's files"); }

/* ---- files ---- */

static int write_json(const struct dir_out *d, const char *name, json_t *j, size_t flags, struct err *e) {
    char path[4096];
    struct file_out o;
    int rc = j ? dir_out_name(d, name, path, sizeof path, e) : oom(e);
    if (rc == 0) rc = file_out_open(&o, path, e);
    if (rc == 0) {
        json_dumpf(j, o.f, flags);
        fputc('\n', o.f);
        rc = file_out_commit(&o, e);
    }
    json_decref(j);
    return rc;
}

static int write_text(const struct dir_out *d, const char *name, const char *s, size_t n, struct err *e) {
    char path[4096];
    struct file_out o;
    TRY(dir_out_name(d, name, path, sizeof path, e));
    TRY(file_out_open(&o, path, e));
    fwrite(s, 1, n, o.f);
    return file_out_commit(&o, e);
}

/* ---- tokens ---- */

static int is_pad(const struct tokenizer *t, int64_t id) {
    char name[32];
    int n = snprintf(name, sizeof name, "[PAD%lld]", (long long)id);
    return !t->sym[id].n || (t->type[id] == TOK_UNUSED && t->sym[id].n == (size_t)n && !memcmp(t->sym[id].s, name, (size_t)n));
}

static int is_added(const struct tokenizer *t, int64_t id) {
    int k = t->type[id];
    return k == TOK_CONTROL || k == TOK_USER || k == TOK_UNKNOWN;
}

static int check_piece(const json_t *vocab, const struct tokenizer *t, int64_t id, struct err *e) {
    const struct piece *p = &t->sym[id];
    if (memchr(p->s, 0, p->n) || utf8_valid(p->s, p->n) != p->n)
        return fail(e, ERR_UNSUPPORTED, "tokenizer: token %lld is not UTF-8 text, which JSON cannot hold", (long long)id);
    if (json_object_get(vocab, p->s))
        return fail(e, ERR_UNSUPPORTED,
                    "tokenizer: '%.40s' is spelled by two tokens, the second %lld; tokenizer.json has one id a spelling", p->s,
                    (long long)id);
    return 0;
}

static int make_vocab(const struct tokenizer *t, json_t *vocab, struct err *e) {
    for (int64_t i = 0; i < t->n; i++) {
        if (is_pad(t, i) || (is_added(t, i) && t->model == TOK_BPE_BYTES)) continue;
        TRY(check_piece(vocab, t, i, e));
        if (json_object_set_new(vocab, t->sym[i].s, json_integer(i)) < 0) return oom(e);
    }
    return 0;
}

static json_t *added_json(const struct tokenizer *t, int64_t id, int with_id) {
    json_t *j = json_pack("{s:s, s:b, s:b, s:b, s:b, s:b}", "content", t->sym[id].s, "single_word", 0, "lstrip",
                          (t->flag[id] & TOK_LSTRIP) != 0, "rstrip", (t->flag[id] & TOK_RSTRIP) != 0, "normalized", 0, "special",
                          t->type[id] != TOK_USER);
    if (j && with_id) json_object_set_new(j, "id", json_integer(id));
    return j;
}

/* For tokenizer.json (a list), or for tokenizer_config.json (an object by id). */
static int make_added(const struct tokenizer *t, json_t *list, json_t *by_id, struct err *e) {
    for (int64_t i = 0; i < t->n; i++) {
        char id[24];
        if (!is_added(t, i) || !t->sym[i].n) continue;
        snprintf(id, sizeof id, "%lld", (long long)i);
        json_t *j = added_json(t, i, list != NULL);
        if (!j) return fail(e, ERR_UNSUPPORTED, "tokenizer: token %lld is not UTF-8 text, which JSON cannot hold", (long long)i);
        if (list ? json_array_append_new(list, j) : json_object_set_new(by_id, id, j)) return oom(e);
    }
    return 0;
}

static json_t *merge_json(const struct tokenizer *t, const struct merge_row *r) {
    const struct piece *a = &t->sym[r->a], *b = &t->sym[r->b];
    if (memchr(a->s, ' ', a->n) || memchr(b->s, ' ', b->n)) return json_pack("[s, s]", a->s, b->s);
    return json_pack("s++", a->s, " ", b->s);
}

static int make_merges(const struct tokenizer *t, const struct merge_row *r, size_t n, json_t *list, struct err *e) {
    for (size_t i = 0; i < n; i++)
        if (json_array_append_new(list, merge_json(t, &r[i])) < 0)
            return fail(e, ERR_UNSUPPORTED, "tokenizer: merge %zu is not UTF-8 text, which JSON cannot hold", i);
    return 0;
}

static json_t *model_json(const struct tokenizer *t, json_t *vocab, json_t *merges) {
    int chars = t->model != TOK_BPE_BYTES, fuse = t->model == TOK_SPM ? tok__all_bytes(t) : t->fuse_unk;
    json_t *j = json_pack("{s:s, s:n, s:n, s:n, s:n, s:b, s:b, s:b, s:O, s:O}", "type", "BPE", "dropout", "unk_token",
                          "continuing_subword_prefix", "end_of_word_suffix", "fuse_unk", fuse, "byte_fallback",
                          chars && t->byte_fallback, "ignore_merges", t->whole_words, "vocab", vocab, "merges", merges);
    if (j && t->unk >= 0 && chars) json_object_set_new(j, "unk_token", json_string(t->sym[t->unk].s));
    return j;
}

/* ---- constructs ---- */

static json_t *replace_json(struct piece a, struct piece b) {
    return json_pack("{s:s, s:{s:s%}, s:s%}", "type", "Replace", "pattern", "String", a.s, (size_t)a.n, "content", b.s,
                     (size_t)b.n);
}

static json_t *norm_json(const struct tok_norm *m) {
    static const char *const forms[] = {"NFC", "NFD", "NFKC", "NFKD"}; /* as enum normal_form */
    if (m->kind == NORM_FORM) return json_pack("{s:s}", "type", forms[m->form]);
    if (m->kind == NORM_REPLACE) return replace_json(m->a, m->b);
    return json_pack("{s:s, s:s%}", "type", "Prepend", "prepend", m->a.s, (size_t)m->a.n);
}

/* A space prefix without conditions on a SentencePiece vocabulary goes into the normalizer, as the published files have it. */
static int plain_spm(const struct tokenizer *t) { return t->model == TOK_SPM && !t->first_only && !t->prefix_unless; }

/* None, one, or a Sequence of them; takes the list. */
static json_t *sequence_json(json_t *list, const char *name) {
    json_t *j = json_array_size(list) == 0   ? json_null()
                : json_array_size(list) == 1 ? json_incref(json_array_get(list, 0))
                                             : json_pack("{s:s, s:O}", "type", "Sequence", name, list);
    json_decref(list);
    return j;
}

static json_t *normalizer_json(const struct tokenizer *t) {
    static const struct tok_norm prepend = {.kind = NORM_PREPEND, .a = {MARK, 3}},
                                 escape = {.kind = NORM_REPLACE, .a = {" ", 1}, .b = {MARK, 3}};
    json_t *list = json_array();
    for (int i = 0; i < t->n_norm; i++) json_array_append_new(list, norm_json(&t->norm[i]));
    if (plain_spm(t) && t->space_prefix) json_array_append_new(list, norm_json(&prepend));
    if (plain_spm(t)) json_array_append_new(list, norm_json(&escape));
    return sequence_json(list, "normalizers");
}

static json_t *split_json(const struct pretok *p, int i) {
    static const char *const names[] = {"Isolated", "Removed", "Removed", "MergedWithPrevious", "MergedWithNext"};
    size_t n;
    enum pretok_how how;
    int literal;
    const char *re = pretok_at(p, i, &n, &how, &literal);
    return json_pack("{s:s, s:{s:s%}, s:s, s:b}", "type", "Split", "pattern", literal ? "String" : "Regex", re, n, "behavior",
                     names[how], "invert", how == PRETOK_KEEP);
}

static json_t *splits_json(const struct pretok *p) {
    json_t *list = json_array();
    for (int i = 0; i < pretok_size(p); i++) json_array_append_new(list, split_json(p, i));
    return list;
}

static json_t *byte_level_json(int prefix, int use_regex) {
    return json_pack("{s:s, s:b, s:b, s:b}", "type", "ByteLevel", "add_prefix_space", prefix, "trim_offsets", 0, "use_regex",
                     use_regex);
}

/* A Split in front of ByteLevel's prefix would see another text than with the prefix first. */
static int bytes_pre_json(const struct tokenizer *t, json_t **out, struct err *e) {
    char pre[64] = "";
    int n = pretok_size(t->pretok);
    if (n == 1 && pretok_name_of(t->pretok, 0, pre, sizeof pre) && !strcmp(pre, "gpt-2")) {
        *out = byte_level_json(t->space_prefix, 1);
        return *out ? 0 : oom(e);
    }
    if (t->space_prefix)
        return fail(e, ERR_UNSUPPORTED,
                    "tokenizer: tokenizer.json has no way to say a space prefix in front of other patterns than gpt-2's");
    json_t *list = splits_json(t->pretok);
    json_array_append_new(list, byte_level_json(0, 0));
    *out = sequence_json(list, "pretokenizers");
    return *out ? 0 : oom(e);
}

static int pre_json(const struct tokenizer *t, json_t **out, struct err *e) {
    const char *scheme = !t->space_prefix ? "never" : t->first_only ? "first" : "always";
    if (t->model == TOK_BPE_BYTES) return bytes_pre_json(t, out, e);
    json_t *list = splits_json(t->pretok);
    if (t->escape_space && !plain_spm(t))
        json_array_insert_new(list, 0,
                              json_pack("{s:s, s:s, s:s, s:b}", "type", "Metaspace", "replacement", MARK, "prepend_scheme",
                                        scheme, "split", 0)); /* where it splits, that is one of the splits */
    *out = sequence_json(list, "pretokenizers");
    return *out ? 0 : oom(e);
}

static json_t *decoder_json(const struct tokenizer *t) {
    static const struct piece mark = {MARK, 3}, space = {" ", 1};
    if (t->model == TOK_BPE_BYTES) return byte_level_json(1, 1);
    json_t *list = json_pack("[o, {s:s}, {s:s}]", replace_json(mark, space), "type", "ByteFallback", "type", "Fuse");
    if (list && t->strip_space)
        json_array_append_new(list, json_pack("{s:s, s:s, s:i, s:i}", "type", "Strip", "content", " ", "start", 1, "stop", 0));
    return json_pack("{s:s, s:o}", "type", "Sequence", "decoders", list);
}

static void add_around(json_t *single, json_t *specials, const struct tokenizer *t, tok id) {
    const char *s = t->sym[id].s;
    json_array_append_new(single, json_pack("{s:{s:s, s:i}}", "SpecialToken", "id", s, "type_id", 0));
    json_object_set_new(specials, s, json_pack("{s:s, s:[i], s:[s]}", "id", s, "ids", (int)id, "tokens", s));
}

static json_t *post_json(const struct tokenizer *t) {
    int bos = t->add_bos && t->bos >= 0, eos = t->add_eos && t->eos >= 0;
    if (!bos && !eos) return t->model == TOK_BPE_BYTES ? byte_level_json(1, 1) : json_null();
    json_t *single = json_array(), *specials = json_object();
    if (bos) add_around(single, specials, t, t->bos);
    json_array_append_new(single, json_pack("{s:{s:s, s:i}}", "Sequence", "id", "A", "type_id", 0));
    if (eos) add_around(single, specials, t, t->eos);
    json_t *pair = json_copy(single);
    for (size_t i = 0, n = json_array_size(single); i < n; i++) {
        json_t *item = json_deep_copy(json_array_get(single, i)), *seq = json_object_get(item, "Sequence");
        if (seq) json_object_set_new(seq, "id", json_string("B"));
        json_array_append_new(pair, item);
    }
    return json_pack("{s:s, s:o, s:o, s:o}", "type", "TemplateProcessing", "single", single, "pair", pair, "special_tokens",
                     specials);
}

/* ---- tokenizer.json, vocab.json, merges.txt ---- */

static int whole_json(const struct tokenizer *t, json_t *vocab, json_t *merges, json_t **out, struct err *e) {
    json_t *added = json_array(), *pre = NULL;
    int rc = make_added(t, added, NULL, e);
    if (rc == 0) rc = pre_json(t, &pre, e);
    if (rc < 0) {
        json_decref(added);
        return rc;
    }
    *out = json_pack("{s:s, s:n, s:n, s:o, s:o, s:o, s:o, s:o, s:o}", "version", "1.0", "truncation", "padding", "added_tokens",
                     added, "normalizer", normalizer_json(t), "pre_tokenizer", pre, "post_processor", post_json(t), "decoder",
                     decoder_json(t), "model", model_json(t, vocab, merges));
    return *out ? 0 : oom(e);
}

static int write_merges(const struct dir_out *d, const struct tokenizer *t, const struct merge_row *r, size_t n, struct err *e) {
    struct str b = {.max = (size_t)1 << 31};
    str_puts(&b, "#version: 0.2\n");
    for (size_t i = 0; i < n; i++) {
        const struct piece *l = &t->sym[r[i].a], *m = &t->sym[r[i].b];
        str_add(&b, l->s, l->n), str_add(&b, " ", 1), str_add(&b, m->s, m->n), str_add(&b, "\n", 1);
    }
    int rc = b.failed ? oom(e) : write_text(d, "merges.txt", b.s, b.len, e);
    str_free(&b);
    return rc;
}

static int put_vocabulary(const struct dir_out *d, const struct tokenizer *t, const struct merge_row *r, size_t n,
                          struct err *e) {
    json_t *vocab = json_object(), *merges = json_array(), *whole = NULL;
    int rc = vocab && merges ? make_vocab(t, vocab, e) : oom(e);
    if (rc == 0) rc = make_merges(t, r, n, merges, e);
    if (rc == 0) rc = whole_json(t, vocab, merges, &whole, e);
    if (rc == 0) rc = write_json(d, "tokenizer.json", whole, JSON_INDENT(1), e);
    if (rc == 0 && t->model == TOK_BPE_BYTES) rc = write_json(d, "vocab.json", json_incref(vocab), JSON_COMPACT, e);
    if (rc == 0 && t->model == TOK_BPE_BYTES) rc = write_merges(d, t, r, n, e);
    json_decref(vocab), json_decref(merges);
    return rc;
}

/* ---- tokenizer_config.json, generation_config.json ---- */

/* The class that reads vocab.json and merges.txt with the same pattern, or the one that takes tokenizer.json as it is. */
static const char *class_of(const struct tokenizer *t) {
    char pre[64] = "";
    if (t->model != TOK_BPE_BYTES || t->whole_words) return "PreTrainedTokenizerFast";
    if (t->n_norm == 0 && pretok_name_of(t->pretok, 0, pre, sizeof pre) && !strcmp(pre, "gpt-2")) return "GPT2Tokenizer";
    if (t->n_norm == 1 && pretok_name_of(t->pretok, PRETOK_NFC, pre, sizeof pre)) return "Qwen2Tokenizer";
    return "PreTrainedTokenizerFast";
}

/* A token that is named there is special for whoever reads it: one that is not keeps its id alone, in generation_config.json. */
static json_t *token_name(const struct tokenizer *t, tok id) {
    int special = id >= 0 && t->sym[id].n && (t->type[id] == TOK_CONTROL || t->type[id] == TOK_UNKNOWN);
    return special ? json_string(t->sym[id].s) : json_null();
}

/* One template is a string, several are a list of names and templates. */
static int put_templates(json_t *config, const struct chat_template *t, struct err *e) {
    int n = t ? chat_template_count(t) : 0;
    json_t *list = json_array();
    for (int i = 0; i < n; i++) {
        const char *name = chat_template_name(t, i), *s;
        size_t k;
        int rc = chat_template_source(t, name, 0, &s, &k, e);
        json_t *j = rc < 0 ? NULL : json_pack("{s:s, s:s%}", "name", name, "template", s, k);
        if (rc == 0 && json_array_append_new(list, j) < 0)
            rc = fail(e, ERR_UNSUPPORTED, "chat template %.40s is not UTF-8 text, which JSON cannot hold", name);
        if (rc < 0) {
            json_decref(list);
            return rc;
        }
    }
    int alone = n == 1 && !strcmp(chat_template_name(t, 0), "default");
    if (n) json_object_set(config, "chat_template", alone ? json_object_get(json_array_get(list, 0), "template") : list);
    json_decref(list);
    return 0;
}

static int put_config(const struct dir_out *d, const struct tokenizer *t, const struct chat_template *chat, struct err *e) {
    json_t *added = json_object();
    int rc = make_added(t, NULL, added, e);
    if (rc < 0) {
        json_decref(added);
        return rc;
    }
    json_t *j =
        json_pack("{s:s, s:o, s:o, s:o, s:o, s:b, s:b, s:b, s:b, s:o}", "tokenizer_class", class_of(t), "bos_token",
                  token_name(t, t->bos), "eos_token", token_name(t, t->eos), "unk_token", token_name(t, t->unk), "pad_token",
                  token_name(t, t->pad), "add_bos_token", t->add_bos && t->bos >= 0, "add_eos_token", t->add_eos && t->eos >= 0,
                  "add_prefix_space", t->space_prefix, "clean_up_tokenization_spaces", 0, "added_tokens_decoder", added);
    rc = j ? put_templates(j, chat, e) : oom(e);
    if (rc == 0) return write_json(d, "tokenizer_config.json", j, JSON_INDENT(2), e);
    json_decref(j);
    return rc;
}

static int put_chat(const struct dir_out *d, const struct chat_template *t, struct err *e) {
    const char *s;
    size_t n;
    if (!t || chat_template_count(t) != 1 || strcmp(chat_template_name(t, 0), "default") != 0)
        return dir_out_drop(d, "chat_template.jinja", e);
    TRY(chat_template_source(t, "default", 0, &s, &n, e));
    return write_text(d, "chat_template.jinja", s, n, e);
}

static int put_generation(const struct dir_out *d, const struct tokenizer *t, struct err *e) {
    json_t *j = json_object(), *ends = json_array();
    if (t->eos >= 0) json_array_append_new(ends, json_integer(t->eos));
    for (int64_t i = 0; i < t->n; i++)
        if ((t->flag[i] & TOK_END) && i != t->eos) json_array_append_new(ends, json_integer(i));
    if (t->bos >= 0) json_object_set_new(j, "bos_token_id", json_integer(t->bos));
    if (t->pad >= 0) json_object_set_new(j, "pad_token_id", json_integer(t->pad));
    if (json_array_size(ends) == 1)
        json_object_set(j, "eos_token_id", json_array_get(ends, 0));
    else if (json_array_size(ends))
        json_object_set(j, "eos_token_id", ends);
    json_decref(ends);
    return write_json(d, "generation_config.json", j, JSON_INDENT(2), e);
}

int tokenizer_put_dir(const struct dir_out *d, const struct tokenizer *t, const struct chat_template *chat, struct err *e) {
    struct merge_row *r = NULL;
    size_t n = 0;
    TRY(tok__merge_rows(t, &r, &n, e));
    int rc = put_vocabulary(d, t, r, n, e);
    free(r);
    if (rc == 0) rc = put_config(d, t, chat, e);
    if (rc == 0) rc = put_generation(d, t, e);
    return rc == 0 ? put_chat(d, chat, e) : rc;
}
