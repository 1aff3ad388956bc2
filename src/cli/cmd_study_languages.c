/* candor study languages: whether the languages of a study say the same, as far as that can be counted. */
#include "cli/languages.h"
#include "study/parity.h"
#include <jansson.h>
#include <stdio.h>

static const struct opt opts[] = {OPT_JSON, {0}};

struct checked {
    struct languages s;
    struct parity p;
};

static int read_all(struct languages *s, struct args *a, struct err *e) {
    char path[PATH_SIZE];
    int rc = languages_dir(path, a->n_pos ? NULL : e);
    if (rc < 0 && !a->n_pos) return rc;
    if (!rc) TRY(languages_read_dir(s, path, e));
    for (int i = 0; i < a->n_pos; i++) {
        struct language *l;
        TRY(resolve_language(a->pos[i], path, e));
        TRY(language_read(&l, path, e));
        TRY(languages_add(s, l, e));
    }
    return 0;
}

static int check_all(struct checked *c, struct args *a, struct err *e) {
    TRY(read_all(&c->s, a, e));
    return parity_check(&c->p, &c->s, e);
}

/* ---- JSON ---- */

static json_t *json_hits(const struct parity_hits *h) {
    return json_pack("{s:I, s:f}", "hits", (json_int_t)h->hits, "per_1000", h->per_1000);
}

static json_t *json_dictionary(const struct parity_dictionary *d) {
    json_t *kinds = json_object(), *j;
    for (int k = 0; k < d->source->n_kinds; k++) {
        int n = 0;
        for (int i = 0; i < d->source->n_forms; i++) n += d->source->forms[i].kind == k;
        json_object_set_new(kinds, d->source->kinds[k], json_integer(n));
    }
    j = json_pack("{s:s, s:i, s:f, s:o, s:o, s:o, s:o, s:I, s:i}", "id", d->source->id, "forms", d->source->n_forms, "size_ratio",
                  d->size_ratio, "kinds", kinds, "neutral", json_hits(&d->neutral), "setting", json_hits(&d->setting), "events",
                  json_hits(&d->events), "foreign_neutral_hits", (json_int_t)d->foreign, "shared_forms", d->shared);
    for (int i = 0; j && i < PREFIXES; i++) json_object_set_new(j, prefix_name((enum prefix_id)i), json_hits(&d->prefix[i]));
    return j;
}

static json_t *json_language(const struct parity_language *r) {
    const struct detect_score *s = &r->told;
    const struct language *l = r->l;
    json_t *dictionaries = json_array(), *prefixes = json_object();
    for (int i = 0; i < l->n_dictionaries; i++) json_array_append_new(dictionaries, json_dictionary(&r->dictionaries[i]));
    for (int i = 0; i < PREFIXES; i++)
        json_object_set_new(prefixes, prefix_name((enum prefix_id)i), json_integer((json_int_t)r->prefix[i]));
    return json_pack("{s:s, s:s, s:o, s:s, s:s, s:I, s:I, s:f, s:o, s:f, s:s, s:f, s:o, s:{s:I, s:I, s:I}}", "code", l->code,
                     "name", l->name, "file", json_name(language_file(l)), "script", l->script, "direction",
                     l->rtl ? "rtl" : "ltr", "graphemes", (json_int_t)r->graphemes, "words", (json_int_t)r->words, "expansion",
                     r->expansion, "prefix_graphemes", prefixes, "placebo_ratio", r->placebo_ratio, "worst_part", r->worst_part,
                     "worst_ratio", r->worst_ratio, "dictionaries", dictionaries, "detection", "right", (json_int_t)s->right,
                     "wrong", (json_int_t)s->wrong, "undecided", (json_int_t)s->undecided);
}

static int print_all_json(const struct checked *c, struct err *e) {
    json_t *languages = json_array(), *findings = json_array();
    for (int i = 0; i < c->p.n; i++) json_array_append_new(languages, json_language(&c->p.at[i]));
    for (int i = 0; i < c->p.n_findings; i++) {
        const struct parity_finding *f = &c->p.findings[i];
        json_array_append_new(findings, json_pack("{s:s, s:s, s:o}", "language", f->l->code, "grade",
                                                  f->grade == PARITY_WRONG ? "wrong" : "note", "what", json_name(f->what)));
    }
    return print_json(json_pack("{s:s, s:i, s:o, s:o}", "reference", c->p.reference->code, "wrong", c->p.n_wrong, "languages",
                                languages, "findings", findings),
                      e);
}

/* ---- table ---- */

static void print_row(const struct parity_language *r) {
    const struct detect_score *s = &r->told;
    printf("%-6s %-6s %-4s %9zu %7zu %9.2f %8.3f  %-24s %5.2f ", r->l->code, r->l->script, r->l->rtl ? "rtl" : "ltr",
           r->graphemes, r->words, r->expansion, r->placebo_ratio, r->worst_part, r->worst_ratio);
    for (int i = 0; i < r->l->n_dictionaries; i++)
        printf(" %s %d (%.1f)", r->l->dictionaries[i].id, r->l->dictionaries[i].n_forms, r->dictionaries[i].neutral.per_1000);
    printf("  %zu/%zu\n", s->right, s->right + s->wrong + s->undecided);
}

static void print_table(const struct checked *c) {
    printf("%-6s %-6s %-4s %9s %7s %9s %8s  %-24s %5s  %s\n", "code", "script", "dir", "graphemes", "words", "expansion",
           "placebo", "part furthest from its length", "ratio",
           "dictionaries: forms (hits per 1,000 graphemes of neutral text)  told/asked");
    for (int i = 0; i < c->p.n; i++) print_row(&c->p.at[i]);
    if (c->p.n_findings) putchar('\n');
    for (int i = 0; i < c->p.n_findings; i++) {
        const struct parity_finding *f = &c->p.findings[i];
        printf("%s  %s: %s\n", f->grade == PARITY_WRONG ? "wrong" : "note ", f->l->code, f->what);
    }
    printf("\n%d languages, %d wrong, %d notes\n", c->p.n, c->p.n_wrong, c->p.n_findings - c->p.n_wrong);
}

static int run(struct args *a, struct err *e) {
    struct checked c = {0};
    int rc = check_all(&c, a, e);
    if (!rc && arg_has(a, "json"))
        rc = print_all_json(&c, e);
    else if (!rc)
        print_table(&c);
    if (!rc && c.p.n_wrong) rc = EXIT_UNVERIFIED;
    parity_free(&c.p);
    languages_free(&c.s);
    return rc;
}

const struct command command_study_languages = {
    "study languages",
    "checks the languages of studies against each other",
    "[FILE|CODE …] [--json]",
    opts,
    0,
    ARGS_MAX,
    run,
    "Reads the shipped languages ($CANDOR_STUDIES/lang, studies/lang of the source tree, share/candor/studies/lang of the\n"
    "installation) and the files given, which replace a shipped one of the same code. Reported: what one language has and "
    "another\n"
    "has not; texts that are those of another language, or a sentence of which is told to be in one; lengths of parts, in "
    "graphemes, against the other languages; the placebo prefix against the alignment prefix; "
    "sizes of\n"
    "dictionaries and their hits in text that has nothing to do with the theme; and how many of the sentences of 40 and more "
    "graphemes\n"
    "that were left out of learning are told to be in their language (five parts). Exit status 3 if something is wrong."};
