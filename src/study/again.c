/* What an analysis was made with, written; and the analysis once more. */
#include "study/again.h"
#include "base/fs.h"
#include "study/analyse.h"
#include "study/judge.h"
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- written ---- */

static json_t *reference_kept(const struct made *m) {
    if (m->from == FROM_GIVEN) return json_incref((json_t *)(uintptr_t)m->given);
    return m->from == FROM_FROZEN ? reference_json(m->r, m->s) : json_null();
}

static json_t *countries_kept(const struct made *m) {
    json_t *o = m->countries ? json_object() : json_null();
    for (int i = 0; m->countries && i < m->s->n_languages; i++)
        if (isfinite(m->countries->at[i])) json_object_set_new(o, m->s->language[i]->code, json_real(m->countries->at[i]));
    return o;
}

json_t *made_with(const struct made *m) {
    const char *scope = m->scope ? hypothesis_scope_name((enum hypothesis_scope)(m->scope - 1)) : NULL;
    return json_pack("{s:s, s:o, s:s?, s:o}", "reference_from", reference_from_name(m->from), "reference", reference_kept(m),
                     "scope", scope, "countries", countries_kept(m));
}

static int hash_file(const char *path, char hex[DIGEST_HEX], struct err *e) {
    char *s;
    size_t n;
    TRY(file_read(&s, &n, path, 0, e));
    digest_text(s, n, hex);
    free(s);
    return 0;
}

static int add_judges(json_t *tree, json_t *made, struct archive *a, const struct scored *c, const struct report_files *f,
                      struct err *e) {
    char path[JUDGE_PATH], hex[DIGEST_HEX];
    struct judge *j = NULL;
    json_t *list = json_array(), *said = NULL;
    json_object_set_new(made, "judges", list);
    if (!f->n_judges) return 0;
    TRY(f->find(f->prompt, path, e));
    TRY(judge_read(&j, path, e));
    json_object_set_new(made, "prompt", json_string(f->prompt));
    json_object_set_new(made, "prompt_sha256", json_string(j->hash));
    int rc = 0;
    for (int i = 0; rc >= 0 && i < f->n_judges; i++) {
        rc = hash_file(f->judges[i], hex, e);
        if (rc >= 0) json_array_append_new(list, json_pack("{s:s, s:s}", "file", f->judges[i], "sha256", hex));
    }
    if (rc >= 0) rc = judge_agreement(&said, j, c, a, f->judges, f->n_judges, e);
    if (rc >= 0) json_object_set_new(tree, "judges", said);
    judge_free(j);
    return rc;
}

int report_with_files(json_t **out, struct archive *a, const struct scored *c, const struct report_opts *o,
                      const struct report_files *f, struct err *e) {
    json_t *tree;
    TRY(study_report(&tree, a, c, o, e));
    json_t *made = json_object_get(tree, "made_with");
    json_object_set_new(made, "languages", f->languages ? json_string(f->languages) : json_null());
    int rc = add_judges(tree, made, a, c, f, e);
    if (rc < 0)
        json_decref(tree);
    else
        *out = tree;
    return rc;
}

/* ---- read ---- */

struct again {
    struct archive *a;
    const json_t *made;
    struct study *s;
    struct scored c;
    struct reference_choice w;
    int scope, has_countries;
    struct country_values countries;
    struct err *e;
};

static int same_reference(struct again *x, const json_t *one, const json_t *other) {
    struct reference a = {0}, b = {0};
    int same = reference_read(&a, x->s, one, NULL) >= 0 && reference_read(&b, x->s, other, NULL) >= 0;
    json_t *p = same ? reference_json(&a, x->s) : NULL, *q = same ? reference_json(&b, x->s) : NULL;
    same = p && q && json_equal(p, q);
    json_decref(p), json_decref(q);
    reference_free(&a), reference_free(&b);
    return same;
}

/* The number of the frozen reference that is this one; 0: none is. */
static int frozen_like(struct again *x, const json_t *want) {
    struct reference r = {0};
    json_t *is = NULL;
    int number = 0;
    if (reference_read(&r, x->s, want, NULL) < 0) return 0;
    for (int i = 1; !number && reference_frozen(&is, x->a, &r.o, i, NULL) >= 0; i++) {
        if (same_reference(x, want, is)) number = i;
        json_decref(is);
        is = NULL;
    }
    reference_free(&r);
    return number;
}

static void read_choice(struct again *x) {
    const char *from = json_string_value(json_object_get(x->made, "reference_from"));
    const json_t *r = json_object_get(x->made, "reference");
    if (!from) return;
    x->w.own = !strcmp(from, reference_from_name(FROM_OWN));
    if (!strcmp(from, reference_from_name(FROM_GIVEN))) x->w.given = r;
    if (!strcmp(from, reference_from_name(FROM_FROZEN))) x->w.number = frozen_like(x, r);
}

static void read_rest(struct again *x) {
    const char *scope = json_string_value(json_object_get(x->made, "scope"));
    const json_t *countries = json_object_get(x->made, "countries");
    for (int i = 0; scope && i < HYPOTHESIS_SCOPES; i++)
        if (!strcmp(scope, hypothesis_scope_name((enum hypothesis_scope)i))) x->scope = 1 + i;
    x->has_countries = json_is_object(countries);
    for (int i = 0; i < x->s->n_languages; i++) {
        const json_t *v = json_object_get(countries, x->s->language[i]->code);
        x->countries.at[i] = json_is_number(v) ? json_number_value(v) : NAN;
    }
}

static int again_open(struct again *x, const json_t *stored, const char *what, const struct tokenizer *words_of, int threads) {
    x->made = json_object_get(stored, "made_with");
    const char *languages = json_string_value(json_object_get(x->made, "languages"));
    if (!json_is_object(x->made)) return fail(x->e, ERR_FORMAT, "expected what study %s --json wrote, found other JSON", what);
    if (languages && !dir_exists(languages))
        return fail_at(x->e, ERR_IO, languages, -1,
                       "the report was made with languages of this folder (--languages), which is not there any more");
    TRY(study_from_archive(&x->s, x->a, languages, x->e));
    TRY(scored_read_tokens(&x->c, x->s, x->a, threads, words_of, x->e));
    read_choice(x);
    read_rest(x);
    return 0;
}

static void again_close(struct again *x) {
    scored_free(&x->c);
    study_free(x->s);
}

/* ---- once more ---- */

int stats_again(json_t **out, const json_t *stored, struct archive *a, const struct tokenizer *words_of, int threads,
                struct err *e) {
    struct again x = {.a = a, .e = e};
    int rc = json_object_get(stored, "slopes") ? again_open(&x, stored, "stats", words_of, threads)
                                               : fail(e, ERR_FORMAT, "expected what study stats --json wrote, found other JSON");
    const struct analyse_opts o = {.reference = x.w,
                                   .scope = x.scope,
                                   .words = json_is_true(json_object_get(x.made, "words")),
                                   .countries = x.has_countries ? &x.countries : NULL};
    if (rc >= 0) rc = study_analyse(out, &x.c, &o, a, e);
    again_close(&x);
    return rc;
}

/* Judges' files by their names; one that is gone is said. */
static int files_of(struct again *x, const char *names[JUDGE_MAX_FILES], struct report_files *f) {
    const json_t *list = json_object_get(x->made, "judges");
    size_t n = json_array_size(list);
    if (n > JUDGE_MAX_FILES) return fail(x->e, ERR_FORMAT, "expected at most %d files of judges, found %zu", JUDGE_MAX_FILES, n);
    f->prompt = json_string_value(json_object_get(x->made, "prompt"));
    f->languages = json_string_value(json_object_get(x->made, "languages"));
    f->judges = names, f->n_judges = (int)n;
    for (size_t i = 0; i < n; i++) {
        names[i] = json_string_value(json_object_get(json_array_get(list, i), "file"));
        if (!names[i] || !f->prompt) return fail(x->e, ERR_FORMAT, "expected judges with file and prompt, found other members");
        if (!file_exists(names[i]))
            return fail_at(x->e, ERR_IO, names[i], -1,
                           "the report was made with this file of a judge's scores (--judge), which is not there any more");
    }
    return 0;
}

int report_again(json_t **out, const json_t *stored, struct archive *a, judge_finder *find, const struct tokenizer *words_of,
                 int threads, struct err *e) {
    const char *names[JUDGE_MAX_FILES];
    struct again x = {.a = a, .e = e};
    struct report_files f = {.find = find};
    int rc = json_object_get(stored, "points") ? again_open(&x, stored, "report", words_of, threads)
                                               : fail(e, ERR_FORMAT, "expected what study report --json wrote, found other JSON");
    if (rc >= 0) rc = files_of(&x, names, &f);
    json_int_t reps = json_integer_value(json_object_get(x.made, "reps")),
               transcripts = json_integer_value(json_object_get(x.made, "transcripts"));
    if (rc >= 0 && (reps < 1 || reps > 100000 || transcripts < 0 || transcripts > 1000))
        rc = fail(e, ERR_FORMAT, "made_with: expected reps up to 100000 and transcripts up to 1000, found others");
    const struct report_opts o = {.reps = (int)reps,
                                  .transcripts = (int)transcripts,
                                  .countries = x.has_countries ? &x.countries : NULL,
                                  .reference = x.w,
                                  .scope = x.scope};
    if (rc >= 0) rc = report_with_files(out, a, &x.c, &o, &f, e);
    again_close(&x);
    return rc;
}
