/* The schemas that are shipped say what the readers do: the same keys in every map, the same ones required, the same limits. */
#include "base/fs.h"
#include "stats/infer/frame.h"
#include "study/countries.h"
#include "study/planted.h"
#include "study/yaml.h"
#include "study_group.h"
#include <criterion/criterion.h>
#include <dirent.h>
#include <jansson.h>
#include <stdio.h>

TestSuite(study_schema, .timeout = HANG_S);

static json_t *schema;

static void open_schema(void) {
    json_error_t why;
    schema = json_load_file("studies/study.schema.json", JSON_REJECT_DUPLICATES, &why);
    cr_assert(schema, "%s (line %d)", why.text, why.line);
}
static void close_schema(void) { json_decref(schema); }

/* What {"$ref": "#/$defs/x"} stands for. */
static const json_t *meant(const json_t *o) {
    const char *ref = json_string_value(json_object_get(o, "$ref"));
    if (!ref) return o;
    cr_assert(!strncmp(ref, "#/$defs/", 8), "%s", ref);
    const json_t *def = json_object_get(json_object_get(schema, "$defs"), ref + 8);
    cr_assert(def, "%s", ref);
    return def;
}

/* The schema below a path of properties; "[]" is the element of a list, "*" any other key. */
static const json_t *at(const char *path) {
    const json_t *o = schema;
    for (size_t n; *path; path += n + (path[n] == '/')) {
        char p[60];
        n = strcspn(path, "/");
        snprintf(p, sizeof p, "%.*s", (int)n, path);
        o = meant(o);
        o = !strcmp(p, "[]")  ? json_object_get(o, "items")
            : !strcmp(p, "*") ? json_object_get(o, "additionalProperties")
                              : json_object_get(json_object_get(o, "properties"), p);
        cr_assert(o, "the schema has no %s", p);
    }
    return meant(o);
}

/* ---- keys ---- */

static int parse(struct study **s, const char *text, struct err *e) {
    struct planted p;
    TRY(group_parse(s, text, e));
    int rc = planted_read(&p, *s, e);
    if (rc < 0) study_free(*s);
    return rc;
}

#define HEAD    "candor: study/1\nid: s\nlanguages: [en]\nreplicates: 1\n"
#define MODEL   "models: [{id: m}]\n"
#define ARMS    "arms: [{id: a}]\n"
#define COUNCIL "council: {options: 4, reliability: 0.5}\ngroup: {agents: 4, turns: 2}\nevents: none\n"

/* Each map of a study file with a key that it does not have, and where the schema has that map. without: what this form leaves out. */
static const struct place {
    const char *path, *text, *without;
} maps[] = {
    {"", HEAD MODEL ARMS "zz: 1\n", ""},
    {"models/[]", HEAD "models: [{id: m, zz: 1}]\n" ARMS, ""},
    {"group", HEAD MODEL ARMS "group: {zz: 1}\n", ""},
    {"channels", HEAD MODEL ARMS "channels: {zz: 1}\n", ""},
    {"arms/[]", HEAD MODEL "arms: [{id: a, zz: 1}]\n", "same_as"},
    {"exclude", HEAD MODEL ARMS "exclude: {zz: 1}\n", ""},
    {"choices/[]", HEAD MODEL ARMS "choices: [{zz: 1}]\n", ""},
    {"hypotheses/[]", HEAD MODEL ARMS "hypotheses: [{zz: 1}]\n", ""},
    {"published/[]", HEAD MODEL ARMS "published: [{zz: 1}]\n", ""},
    {"council", HEAD MODEL ARMS "council: {zz: 1}\n", ""},
    {"planted", HEAD MODEL ARMS "planted: {zz: 1}\n", "council"},
    {"planted/boundary", HEAD MODEL ARMS "planted: {boundary: {zz: 1}}\n", ""},
    {"planted/effects/*", HEAD MODEL ARMS "planted: {effects: {en: {zz: 1}}}\n", ""},
    {"planted/effects/models/*/*", HEAD MODEL ARMS "planted: {effects: {models: {m: {en: {zz: 1}}}}}\n", ""},
    {"planted/council/*", HEAD MODEL ARMS COUNCIL "planted: {council: {en: {zz: 1}}}\n", ""},
    {"planted/council/*/none",
     HEAD MODEL ARMS COUNCIL "planted: {council: {en: {none: {zz: 1}, alignment: {}, individuation: {}}}}\n", ""},
};

/* "expected one of a, b, c, found …": the reader's keys. */
static int reader_has(const char *msg, const char *key) {
    const char *list = strstr(msg, "expected one of "), *end = list ? strstr(list, ", found \"zz\"") : NULL;
    size_t n = strlen(key);
    cr_assert(end, "%s", msg);
    for (const char *p = list + 16; p < end;) {
        size_t m = strcspn(p, ",");
        if (p + m > end) m = (size_t)(end - p);
        if (m == n && !memcmp(p, key, n)) return 1;
        p += m + 2;
    }
    return 0;
}

static int reader_count(const char *msg) {
    const char *end = strstr(msg, ", found \"zz\"");
    int n = 1;
    for (const char *p = strstr(msg, "expected one of "); p < end; p++) n += *p == ',';
    return n;
}

Test(study_schema, keys_are_those_of_the_reader, .init = open_schema, .fini = close_schema) {
    for (size_t i = 0; i < sizeof maps / sizeof *maps; i++) {
        const struct place *m = &maps[i];
        const json_t *o = at(m->path);
        struct study *s;
        struct err e;
        const char *key;
        json_t *v;
        int n = 0;
        cr_assert_lt(parse(&s, m->text, &e), 0, "%s", m->path);
        cr_expect(json_is_false(json_object_get(o, "additionalProperties")), "%s takes other keys", m->path);
        json_object_foreach(json_object_get(o, "properties"), key, v) {
            cr_expect(json_object_get(meant(v), "description") || json_object_get(v, "description"), "%s: no words about %s",
                      m->path, key);
            if (!strcmp(key, m->without)) continue;
            cr_expect(reader_has(e.msg, key), "%s: the schema has %s, and the reader says: %s", m->path, key, e.msg);
            n++;
        }
        cr_expect_eq(reader_count(e.msg), n, "%s: the schema has %d keys, and the reader says: %s", m->path, n, e.msg);
    }
}

/* The keys that may not be missing. */
Test(study_schema, what_is_required_is_missed, .init = open_schema, .fini = close_schema) {
    static const char *const lines[] = {"candor: study/1\n", "id: s\n", "languages: [en]\n", "replicates: 1\n", MODEL, ARMS};
    const json_t *required = json_object_get(schema, "required");
    struct study *s;
    struct err e;
    cr_assert_eq(json_array_size(required), 6);
    cr_assert_geq(parse(&s, HEAD MODEL ARMS, &e), 0, "%s", e.msg);
    study_free(s);
    for (size_t k = 0; k < json_array_size(required); k++) {
        const char *key = json_string_value(json_array_get(required, k));
        struct str text = {0};
        char says[80];
        for (size_t i = 0; i < 6; i++)
            if (strncmp(lines[i], key, strlen(key)) != 0) str_puts(&text, lines[i]);
        snprintf(says, sizeof says, "expected the key \"%s\"", key);
        cr_assert_lt(parse(&s, text.s, &e), 0, "%s", key);
        cr_expect(strstr(e.msg, says), "%s: %s", key, e.msg);
        str_free(&text);
    }
}

/* ---- values ---- */

/* One more than the schema's maximum is refused with the schema's limits. */
Test(study_schema, limits_are_those_of_the_reader, .init = open_schema, .fini = close_schema) {
    static const struct {
        const char *path, *before, *after;
    } places[] = {
        {"", HEAD MODEL ARMS, "\n"},
        {"group", HEAD MODEL ARMS "group: {", "}\n"},
        {"models/[]", HEAD ARMS "models: [{id: m, ", "}]\n"},
        {"arms/[]", HEAD MODEL "arms: [{id: a, ", "}]\n"},
        {"exclude", HEAD MODEL ARMS "exclude: {", "}\n"},
        {"council", HEAD MODEL ARMS "council: {options: 4, reliability: 0.5, ", "}\n"},
        {"planted", HEAD MODEL ARMS "planted: {", "}\n"},
        {"planted/monologue", HEAD MODEL ARMS "planted: {monologue: {", "}}\n"},
        {"planted/protective", HEAD MODEL ARMS "planted: {protective: {", "}}\n"},
        {"planted/effects/*", HEAD MODEL ARMS "planted: {effects: {en: {", "}}}\n"},
    };
    int asked = 0;
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        const char *key;
        json_t *v;
        json_object_foreach(json_object_get(at(places[i].path), "properties"), key, v) {
            const json_t *o = meant(v), *most = json_object_get(o, "maximum");
            struct study *s;
            struct err e;
            char text[500], says[100], said[40];
            double hi = json_number_value(most), lo = json_number_value(json_object_get(o, "minimum"));
            if (!most || hi > 1e18 || strstr(places[i].before, key)) continue; /* twice is another error */
            snprintf(text, sizeof text, "%s%s: %.0f%s", places[i].before, key, hi + 1, places[i].after);
            snprintf(said, sizeof said,
                     json_is_integer(most) && !strcmp(json_string_value(json_object_get(o, "type")), "integer") ? "%.0f" : "%g",
                     hi);
            snprintf(says, sizeof says, "from %g to %s", lo, said);
            cr_assert_lt(parse(&s, text, &e), 0, "%s", text);
            cr_expect(strstr(e.msg, says), "%s/%s: the schema says %s, the reader: %s", places[i].path, key, says, e.msg);
            asked++;
        }
    }
    cr_expect_geq(asked, 25, "%d", asked);
}

/* Every name that the schema offers for a choice is taken, and the reader has no other: "expected one of …" names as many. */
Test(study_schema, choices_are_those_of_the_reader, .init = open_schema, .fini = close_schema) {
    static const struct {
        const char *path, *key, *before, *after;
    } places[] = {
        {"group", "order", HEAD MODEL ARMS "group: {order: ", "}\n"},
        {"channels", "whisper", HEAD MODEL ARMS "channels: {whisper: ", "}\n"},
        {"arms/[]", "among", HEAD MODEL "arms: [{id: a, among: ", "}]\n"},
        {"council", "split",
         HEAD MODEL ARMS "group: {agents: 4, turns: 2}\nevents: none\ncouncil: {options: 4, reliability: 0.5, split: ", "}\n"},
        {"", "correction", HEAD MODEL ARMS "correction: ", "\n"},
    };
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        const json_t *names =
            json_object_get(meant(json_object_get(json_object_get(at(places[i].path), "properties"), places[i].key)), "enum");
        struct study *s;
        struct err e;
        char text[500];
        for (size_t k = 0; k < json_array_size(names); k++) {
            snprintf(text, sizeof text, "%s%s%s", places[i].before, json_string_value(json_array_get(names, k)), places[i].after);
            cr_assert_geq(group_parse(&s, text, &e), 0, "%s: %s", text, e.msg);
            study_free(s);
        }
        snprintf(text, sizeof text, "%szz%s", places[i].before, places[i].after);
        cr_assert_lt(group_parse(&s, text, &e), 0);
        int n = 0;
        for (size_t k = 0; k < json_array_size(names); k++)
            n += strstr(e.msg, json_string_value(json_array_get(names, k))) != NULL;
        cr_expect_eq((size_t)n, json_array_size(names), "%s: %s", places[i].key, e.msg);
    }
}

/* ---- shipped files ---- */

static void fits(const struct yml_node *n, const json_t *o, const char *file) {
    o = meant(o);
    const json_t *any = json_object_get(o, "anyOf");
    for (size_t i = 0; i < json_array_size(any); i++) {
        const json_t *x = meant(json_array_get(any, i));
        const char *type = json_string_value(json_object_get(x, "type"));
        if ((type && !strcmp(type, "array")) == (n->kind == YML_LIST)) return fits(n, x, file);
    }
    if (n->kind == YML_LIST) cr_assert(json_object_get(o, "items"), "%s:%d: a list", file, n->line);
    if (n->kind == YML_MAP) cr_assert(json_object_get(o, "type"), "%s:%d: a map", file, n->line);
    for (const struct yml_node *c = n->first; c; c = c->next) {
        const json_t *x =
            n->kind == YML_LIST ? json_object_get(o, "items") : json_object_get(json_object_get(o, "properties"), c->key);
        if (!x && n->kind == YML_MAP) x = json_object_get(o, "additionalProperties");
        cr_assert(x && !json_is_false(x), "%s:%d: the schema has no %s", file, c->line, c->key);
        fits(c, x, file);
    }
}

Test(study_schema, shipped_studies_fit, .init = open_schema, .fini = close_schema) {
    DIR *d = opendir("studies");
    int n = 0;
    cr_assert(d);
    for (struct dirent *f; (f = readdir(d));) {
        size_t len = strlen(f->d_name);
        struct yml_doc *doc;
        struct err e = ERR_INIT;
        char path[300];
        if (len < 6 || strcmp(f->d_name + len - 5, ".yaml") != 0) continue;
        snprintf(path, sizeof path, "studies/%.200s", f->d_name);
        cr_assert_geq(yml_read(&doc, path, &e), 0, "%s", e.msg);
        fits(yml_root(doc), schema, path);
        yml_free(doc);
        n++;
    }
    closedir(d);
    cr_expect_geq(n, 10);
}

/* The table of numbers by country has the columns that are read. */
Test(study_schema, the_table_of_countries) {
    json_t *t = json_load_file("studies/countries.schema.json", JSON_REJECT_DUPLICATES, NULL), *f;
    struct str csv = {0};
    struct study *s;
    struct frame *frame;
    struct country_values v;
    struct err e = ERR_INIT;
    size_t i;
    cr_assert(t);
    json_array_foreach(json_object_get(t, "fields"), i, f)
        str_printf(&csv, "%s%s", i ? "," : "", json_string_value(json_object_get(f, "name")));
    str_puts(&csv, ",more\nFinland,12.5,x\n");
    cr_assert_geq(group_parse(&s, HEAD MODEL ARMS "countries: {en: Finland}\n", &e), 0, "%s", e.msg);
    cr_assert_geq(frame_parse(&frame, csv.s, csv.len, "t.csv", &e), 0, "%s", e.msg);
    cr_assert_geq(country_values(&v, s, frame, &e), 0, "%s", e.msg);
    cr_expect_eq(v.at[0], 12.5);
    frame_free(frame);
    str_free(&csv);
    study_free(s);
    json_decref(t);
}

/* The example of docs/studies.md is one. */
Test(study_schema, the_example_is_read, .init = open_schema, .fini = close_schema) {
    char *page;
    size_t n;
    struct str text = {0};
    struct study *s;
    struct err e = ERR_INIT;
    cr_assert_geq(file_read(&page, &n, "docs/studies.md", 0, &e), 0, "%s", e.msg);
    for (const char *p = strstr(page, "    candor: study/1"); p && !strncmp(p, "    ", 4); p += strcspn(p, "\n") + 1)
        str_add(&text, p + 4, strcspn(p, "\n") - 3);
    cr_assert_geq(group_parse(&s, text.s, &e), 0, "%s (%s)", e.msg, e.where);
    cr_expect_eq(s->n_hypotheses, 1);
    study_free(s);
    str_free(&text);
    free(page);
}
