/* A manifest: what its fields may be, its canonical bytes, and what they are held against.
 *
 * The YAML reader gives text with its place and no types. Which type a field has follows from the schema; only inside metric_args,
 * compute_envelope and code does the spelling decide, by the rules of the document (YAML 1.1 as the reference reads it, or JSON). */
#include "study/prml.h"
#include "base/fs.h"
#include "study/yaml.h"
#include "text/unicode.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct prml {
    struct yml_doc *doc;
    int json, v2; /* written as JSON; prml/0.2 */
    double threshold, tolerance;
};

enum field_kind { TEXT, REAL, SEED, COUNT, HASH, TIME, CLAIM, COMPARATOR, NAMED, FREE };
struct field_rule {
    const char *name;
    enum field_kind kind;
    int needed, v2;
};
static const struct field_rule rules[] = {
    {"version", TEXT, 1, 0},
    {"claim_id", CLAIM, 1, 0},
    {"created_at", TIME, 1, 0},
    {"metric", TEXT, 1, 0},
    {"comparator", COMPARATOR, 1, 0},
    {"threshold", REAL, 1, 0},
    {"dataset", NAMED, 1, 0},
    {"seed", SEED, 1, 0},
    {"producer", NAMED, 1, 0},
    {"model", NAMED, 0, 0},
    {"metric_args", FREE, 0, 0},
    {"code", FREE, 0, 0},
    {"compute_envelope", FREE, 0, 0},
    {"prior_hash", HASH, 0, 0},
    {"notes", TEXT, 0, 0},
    {"prml_mode", TEXT, 0, 1},
    {"value_method", TEXT, 0, 1},
    {"sample_size", COUNT, 0, 1},
    {"pre_registered_from", TIME, 0, 1},
    {"pre_registered_to", TIME, 0, 1},
    {"runner_attestation", TEXT, 0, 1},
    {"revoked_at", TIME, 0, 1},
    {"revocation_reason", TEXT, 0, 1},
};
enum { RULES = sizeof rules / sizeof *rules, NOTES_MAX = 4096 };

/* expected: a noun, or a rule in whole words ("threshold must be a finite number"). */
static int wrong(const struct prml *m, const struct yml_node *n, struct err *e, const char *expected) {
    const char *word = strstr(expected, " must be ") ? "" : "expected ";
    if (n->kind != YML_TEXT) return yml_fail(m->doc, n, 0, ERR_FORMAT, e, "%s%s, found a list or a map", word, expected);
    return yml_fail(m->doc, n, 0, ERR_FORMAT, e, "%s%s, found \"%.80s\"", word, expected, n->text);
}

/* ---- text that may be hashed ---- */

static int portable(uint32_t c) {
    if (c < 32 || (c >= 127 && c < 160)) return 0;
    return c != 0x2028 && c != 0x2029 && c != 0xFEFF && c != 0xFFFE && c != 0xFFFF && c != 0x10FFFF;
}

static int check_text(const struct prml *m, const struct yml_node *n, int of_key, const char *s, struct err *e) {
    struct str normal = {0};
    size_t len = strlen(s), step;
    for (size_t i = 0; i < len; i += step) {
        step = utf8_len(s + i, len - i);
        uint32_t c = utf8_code(s + i, step);
        if (!portable(c))
            return yml_fail(m->doc, n, of_key, ERR_FORMAT, e,
                            "expected portable text, found the control / non-portable character U+%04X", (unsigned)c);
    }
    int rc = text_normalize(&normal, s, len, NORMAL_NFC, e);
    int same = rc >= 0 && normal.len == len && (len == 0 || !memcmp(normal.s, s, len));
    str_free(&normal);
    TRY(rc);
    return same ? 0 : yml_fail(m->doc, n, of_key, ERR_FORMAT, e, "expected text in NFC, found text that is not in Unicode NFC");
}

static int check_texts(const struct prml *m, const struct yml_node *n, struct err *e) {
    if (n->key) TRY(check_text(m, n, 1, n->key, e));
    if (n->kind == YML_TEXT) return check_text(m, n, 0, n->text, e);
    if (n->kind == YML_LIST)
        return yml_fail(m->doc, n, 0, ERR_UNSUPPORTED, e, "sequences have no settled canonical form in PRML");
    if (n->n == 0) return yml_fail(m->doc, n, 0, ERR_UNSUPPORTED, e, "an empty mapping has no settled canonical form in PRML");
    for (const struct yml_node *c = n->first; c; c = c->next) TRY(check_texts(m, c, e));
    return 0;
}

/* ---- types by spelling ---- */

static int json_number(const char *s) {
    const char *p = s + (*s == '-');
    if (*p == '0')
        p++;
    else if (*p >= '1' && *p <= '9')
        p += strspn(p, "0123456789");
    else
        return 0;
    if (*p == '.') {
        size_t n = strspn(p + 1, "0123456789");
        if (n == 0) return 0;
        p += 1 + n;
    }
    if (*p == 'e' || *p == 'E') {
        p++;
        p += *p == '+' || *p == '-';
        size_t n = strspn(p, "0123456789");
        if (n == 0) return 0;
        p += n;
    }
    return *p == 0;
}

static int whole_number(const char *s) {
    const char *digits = s + (*s == '-');
    size_t n = strspn(digits, "0123456789");
    return n > 0 && digits[n] == 0 && (digits[0] != '0' || n == 1);
}

/* A number as it stands without quotes; YAML's own spellings (1_000, .5, 0x1f) are not asked for by any vector and refused. */
static int is_number(const struct prml *m, const struct yml_node *n) {
    (void)m;
    return n->kind == YML_TEXT && !n->quoted && json_number(n->text);
}

static int is_null(const struct yml_node *n) { return n->kind == YML_TEXT && !n->quoted && !strcmp(n->text, "null"); }

/* ---- fields ---- */

static int pattern(const char *s, const char *shape) { /* x: hexadecimal digit, 9: digit, v: 8, 9, a or b; else itself */
    for (; *shape; shape++, s++) {
        int hex = (*s >= '0' && *s <= '9') || (*s >= 'a' && *s <= 'f') || (*s >= 'A' && *s <= 'F');
        if (*shape == 'x'   ? !hex
            : *shape == '9' ? !(*s >= '0' && *s <= '9')
            : *shape == 'v' ? !*s || !strchr("89abAB", *s)
                            : *s != *shape)
            return 0;
    }
    return *s == 0;
}

static int is_hash(const char *s) { return strlen(s) == 64 && strspn(s, "0123456789abcdef") == 64; }

static int check_seed(const struct prml *m, const struct yml_node *n, struct err *e) {
    static const char most[] = "18446744073709551615", least[] = "9223372036854775808";
    if (is_null(n)) return 0;
    if (n->kind != YML_TEXT || n->quoted || !whole_number(n->text)) return wrong(m, n, e, "a whole number as seed");
    int minus = n->text[0] == '-';
    const char *digits = n->text + minus, *limit = minus ? least : most;
    size_t len = strlen(digits);
    if (len > strlen(limit) || (len == strlen(limit) && strcmp(digits, limit) > 0))
        return yml_fail(m->doc, n, 0, ERR_RANGE, e, "expected a seed of 64 bits, found %.40s", n->text);
    return 0;
}

static int check_named(const struct prml *m, const struct yml_node *n, struct err *e) {
    static const char *const dataset[] = {"id", "hash", "?uri", NULL}, *const producer[] = {"id", "?signature", NULL},
                             *const model[] = {"?id", "?hash", "?uri", NULL};
    const char *const *keys = !strcmp(n->key, "dataset") ? dataset : !strcmp(n->key, "producer") ? producer : model;
    TRY(yml_keys(m->doc, n, n->key, keys, e));
    for (const struct yml_node *c = n->first; c; c = c->next) {
        const char *text;
        TRY(yml_text(m->doc, c, c->key, &text, e));
    }
    const struct yml_node *hash = yml_get(n, "hash");
    if (keys == dataset && !is_hash(hash->text) && !(m->v2 && !strncmp(hash->text, "n/a-", 4)))
        return wrong(m, hash, e, "dataset.hash must be 64 lowercase hex chars");
    return 0;
}

static int check_field(struct prml *m, const struct yml_node *n, const struct field_rule *r, struct err *e) {
    if (r->kind == NAMED) return check_named(m, n, e);
    if (r->kind == FREE) return 0;
    if (n->kind != YML_TEXT) return wrong(m, n, e, "a scalar");
    const char *s = n->text;
    switch (r->kind) {
    case TEXT:
        if (!*s && strcmp(r->name, "notes") != 0) return wrong(m, n, e, "text");
        return n->len <= NOTES_MAX
                   ? 0
                   : yml_fail(m->doc, n, 0, ERR_LIMIT, e, "expected at most %d bytes, found %zu", NOTES_MAX, n->len);
    case REAL:
        if (!is_number(m, n) || !isfinite(m->threshold = strtod(s, NULL)))
            return wrong(m, n, e, "threshold must be a finite number");
        return 0;
    case SEED: return check_seed(m, n, e);
    case COUNT: return !n->quoted && whole_number(s) && *s != '-' ? 0 : wrong(m, n, e, "a whole number that is not negative");
    case HASH: return is_hash(s) ? 0 : wrong(m, n, e, "a hash of 64 lowercase hex chars");
    case TIME: return pattern(s, "9999-99-99T99:99:99Z") ? 0 : wrong(m, n, e, "a time in UTC such as 2026-05-01T12:00:00Z");
    case CLAIM:
        return pattern(s, "xxxxxxxx-xxxx-7xxx-vxxx-xxxxxxxxxxxx") ? 0 : wrong(m, n, e, "a claim_id that is a UUID of version 7");
    case COMPARATOR:
        if (strcmp(s, ">=") && strcmp(s, ">") && strcmp(s, "==") && strcmp(s, "<=") && strcmp(s, "<"))
            return wrong(m, n, e, "comparator must be one of >=, >, ==, <=, <");
        return 0;
    default: return 0;
    }
}

static const struct field_rule *rule_of(const char *name) {
    for (int i = 0; i < RULES; i++)
        if (!strcmp(rules[i].name, name)) return &rules[i];
    return NULL;
}

static int check_version(struct prml *m, struct err *e) {
    const struct yml_node *v = yml_get(yml_root(m->doc), "version");
    if (!v) return yml_fail(m->doc, yml_root(m->doc), 0, ERR_FORMAT, e, "missing required field: version");
    m->v2 = v->kind == YML_TEXT && !strcmp(v->text, "prml/0.2");
    return m->v2 || (v->kind == YML_TEXT && !strcmp(v->text, "prml/0.1"))
               ? 0
               : wrong(m, v, e, "version must be prml/0.1 or prml/0.2");
}

static int check_fields(struct prml *m, struct err *e) {
    const struct yml_node *root = yml_root(m->doc);
    for (const struct yml_node *n = root->first; n; n = n->next) {
        const struct field_rule *r = rule_of(n->key);
        if (!r) return yml_fail(m->doc, n, 1, ERR_FORMAT, e, "expected a field of PRML, found \"%.60s\"", n->key);
        if (r->v2 && !m->v2)
            return yml_fail(m->doc, n, 1, ERR_FORMAT, e, "expected a field of prml/0.1, found %s, which is one of prml/0.2",
                            n->key);
        TRY(check_field(m, n, r, e));
    }
    const struct yml_node *mode = yml_get(root, "prml_mode");
    int streaming = mode && mode->kind == YML_TEXT && !strcmp(mode->text, "streaming");
    for (int i = 0; i < RULES; i++)
        if (rules[i].needed && !yml_get(root, rules[i].name) && !(streaming && !strcmp(rules[i].name, "created_at")))
            return yml_fail(m->doc, root, 0, ERR_FORMAT, e, "missing required field: %s", rules[i].name);
    return 0;
}

static int check_tolerance(struct prml *m, struct err *e) {
    const struct yml_node *args = yml_get(yml_root(m->doc), "metric_args");
    const struct yml_node *t = args && args->kind == YML_MAP ? yml_get(args, "tolerance") : NULL;
    m->tolerance = 1e-9;
    if (!t) return 0;
    if (!is_number(m, t) || !isfinite(m->tolerance = strtod(t->text, NULL))) return wrong(m, t, e, "a number as tolerance");
    return 0;
}

int prml_parse(struct prml **out, const char *name, const char *s, size_t n, struct err *e) {
    struct prml *m = calloc(1, sizeof *m);
    if (!m) return fail(e, ERR_NOMEM, "no memory for a manifest");
    size_t at = 0;
    while (at < n && strchr(" \t\r\n", s[at]) && s[at]) at++;
    m->json = at < n && s[at] == '{';
    int rc = yml_parse(&m->doc, name, s, n, e);
    if (rc >= 0) rc = yml_is(m->doc, yml_root(m->doc), YML_MAP, "a manifest", e);
    if (rc >= 0) rc = check_version(m, e);
    if (rc >= 0) rc = check_texts(m, yml_root(m->doc), e);
    if (rc >= 0) rc = check_fields(m, e);
    if (rc >= 0) rc = check_tolerance(m, e);
    if (rc < 0)
        prml_free(m);
    else
        *out = m;
    return rc;
}

int prml_read(struct prml **out, const char *path, struct err *e) {
    char *s;
    size_t n;
    TRY(file_read(&s, &n, path, YML_MAX_BYTES, e));
    int rc = prml_parse(out, path, s, n, e);
    free(s);
    return rc;
}

void prml_free(struct prml *m) {
    if (!m) return;
    yml_free(m->doc);
    free(m);
}

/* ---- canonical bytes ---- */

static int put_threshold(const struct prml *m, struct str *out) {
    double x = m->threshold;
    if (m->v2 && x == floor(x) && fabs(x) < 9007199254740992.0) return str_printf(out, "%.0f", x == 0 ? 0.0 : x);
    return prml_put_real(out, x);
}

/* A scalar outside the schema: what its spelling says. */
static int put_free(const struct prml *m, const struct yml_node *n, struct str *out) {
    const char *s = n->text;
    int plain = !n->quoted;
    if (plain && (is_null(n) || !strcmp(s, "true") || !strcmp(s, "false"))) return str_puts(out, s);
    if (plain && whole_number(s)) return str_puts(out, strcmp(s, "-0") ? s : "0");
    if (is_number(m, n) && (m->json || strchr(s, '.'))) return prml_put_real(out, strtod(s, NULL));
    return prml_put_text(out, s, n->len);
}

static int put_scalar(const struct prml *m, const struct yml_node *n, const struct field_rule *r, struct str *out) {
    if (!r) return put_free(m, n, out);
    switch (r->kind) {
    case REAL: return put_threshold(m, out);
    case SEED:
    case COUNT: return str_puts(out, strcmp(n->text, "-0") ? n->text : "0");
    case FREE: return put_free(m, n, out);
    default: return prml_put_text(out, n->text, n->len);
    }
}

static int key_order(const void *a, const void *b) {
    return strcmp((*(const struct yml_node *const *)a)->key, (*(const struct yml_node *const *)b)->key);
}

/* named: the texts of dataset, producer and model are texts, whatever they look like. */
static int put_map(const struct prml *m, const struct yml_node *map, int depth, int named, struct str *out, struct err *e) {
    const struct yml_node **all = malloc(((size_t)map->n + 1) * sizeof *all);
    int n = 0, rc = 0;
    if (!all) return fail(e, ERR_NOMEM, "no memory for a manifest");
    for (const struct yml_node *c = map->first; c; c = c->next) all[n++] = c;
    qsort(all, (size_t)n, sizeof *all, key_order);
    for (int i = 0; i < n && rc >= 0; i++) {
        const struct field_rule *r = depth == 0 ? rule_of(all[i]->key) : named ? rule_of("notes") : NULL;
        str_printf(out, "%*s", 2 * depth, "");
        prml_put_text(out, all[i]->key, strlen(all[i]->key));
        str_puts(out, all[i]->kind == YML_MAP ? ":\n" : ": ");
        if (all[i]->kind == YML_MAP) {
            rc = put_map(m, all[i], depth + 1, depth == 0 && r && r->kind == NAMED, out, e);
            continue;
        }
        put_scalar(m, all[i], r, out);
        str_puts(out, "\n");
    }
    free(all);
    return rc;
}

int prml_canonical(const struct prml *m, struct str *out, struct err *e) {
    str_clear(out);
    TRY(put_map(m, yml_root(m->doc), 0, 0, out, e));
    return out->failed ? fail(e, ERR_NOMEM, "no memory for a manifest") : 0;
}

int prml_hash(const struct prml *m, char hex[DIGEST_HEX], struct err *e) {
    struct str s = {0};
    int rc = prml_canonical(m, &s, e);
    if (rc >= 0) { digest_text(s.s, s.len, hex); }
    str_free(&s);
    return rc;
}

/* ---- what it is held against ---- */

const char *prml_field(const struct prml *m, const char *name) {
    const struct yml_node *n = yml_root(m->doc);
    char part[64];
    for (const char *dot = name; n && *name; name = *dot ? dot + 1 : dot) {
        dot = name + strcspn(name, ".");
        if ((size_t)(dot - name) >= sizeof part || n->kind != YML_MAP) return NULL;
        snprintf(part, sizeof part, "%.*s", (int)(dot - name), name);
        n = yml_get(n, part);
    }
    return n && n->kind == YML_TEXT ? n->text : NULL;
}

int prml_holds(const struct prml *m, double observed) {
    const char *c = prml_field(m, "comparator");
    double t = m->threshold;
    if (isnan(observed)) return 0;
    if (!strcmp(c, ">=")) return observed >= t;
    if (!strcmp(c, ">")) return observed > t;
    if (!strcmp(c, "<=")) return observed <= t;
    if (!strcmp(c, "<")) return observed < t;
    return fabs(observed - t) < m->tolerance;
}

int prml_amends(const struct prml *next, const struct prml *prior, struct err *e) {
    char hex[DIGEST_HEX];
    const char *says = prml_field(next, "prior_hash");
    TRY(prml_hash(prior, hex, e));
    if (!says) return fail_at(e, ERR_STATE, yml_name(next->doc), -1, "expected prior_hash %s, found none", hex);
    if (strcmp(says, hex) != 0)
        return fail_at(e, ERR_STATE, yml_name(next->doc), -1, "expected prior_hash %s, found %s", hex, says);
    return 0;
}

void prml_claim_id(uint64_t milliseconds, const unsigned char random[10], char id[PRML_ID]) {
    unsigned char b[16];
    for (int i = 0; i < 6; i++) b[i] = (unsigned char)(milliseconds >> (40 - 8 * i));
    memcpy(b + 6, random, 10);
    b[6] = (unsigned char)(0x70 | (b[6] & 15));
    b[8] = (unsigned char)(0x80 | (b[8] & 63));
    for (int i = 0, at = 0; i < 16; i++) {
        at += snprintf(id + at, (size_t)(PRML_ID - at), "%s%02x", i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "", b[i]);
    }
}
