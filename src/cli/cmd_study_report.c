/* candor study report: what an archive holds, as one page. */
#include "cli/outputs.h"
#include "cli/studying.h"
#include "lab/study_page.h"
#include "study/again.h"
#include "study/judge.h"
#include <jansson.h>

static const struct opt opts[] = {
    {"output", 'o', "FILE", NULL, "the page: one HTML file that needs no network"},
    {"reps", 0, "N", "1000", "resamples of each interval"},
    {"transcripts", 0, "N", "30", "runs shown word for word, at most"},
    {"languages", 0, "DIR", NULL,
     "take languages, and so dictionaries, from this folder; what it does not have, from the archive"},
    OPT_TOKENIZER,
    OPT_PDI,
    {"judge", 0, "FILE", NULL,
     "agreement of these scores (study judge) with dictionaries and, of several, with each other; repeatable"},
    {"prompt", 0, "P", "scales", "what the judges were asked: a judge's file, or the name of a shipped one"},
    OPT_REFERENCE("; and within: pooled (default), language or model"),
    OPT_JSON,
    {0},
};

struct work {
    struct counted of;
    struct country_values countries;
    struct asked_reference by;
    const char *judges[JUDGE_MAX_FILES];
};

static int judges_of(struct work *w, struct args *a, struct report_files *f, struct err *e) {
    int n = arg_has(a, "judge");
    if (n > JUDGE_MAX_FILES) return usage_error(a, e, "--judge: expected at most %d files, found %d", JUDGE_MAX_FILES, n);
    for (int i = 0; i < n; i++) w->judges[i] = arg_nth(a, "judge", i);
    f->judges = w->judges, f->n_judges = n;
    return 0;
}

static int write_page(const json_t *tree, const char *path, struct err *e) {
    struct page *page;
    TRY(study_page(&page, tree, e));
    int rc = page_write(page, path, e);
    page_free(page);
    return rc;
}

static int go(struct work *w, struct args *a, struct err *e) {
    int64_t reps = 1000, transcripts = 30;
    json_t *tree;
    TRY(output_apart(a, "output", NULL, e));
    TRY(arg_i64(a, "reps", 10, 100000, &reps, e));
    TRY(arg_i64(a, "transcripts", 0, 1000, &transcripts, e));
    TRY(read_reference(&w->by, a, 1, e));
    if (arg_has(a, "languages") && !arg_has(a, "reference")) w->by.w.own = 1; /* of other dictionaries */
    TRY(counted_open(&w->of, a->pos[0], arg_str(a, "languages"), a, e));
    if (arg_has(a, "pdi")) TRY(read_countries(&w->countries, w->of.s, arg_str(a, "pdi"), e));
    struct report_files f = {.languages = arg_str(a, "languages"), .prompt = arg_str(a, "prompt"), .find = resolve_judge};
    TRY(judges_of(w, a, &f, e));
    const struct report_opts o = {.reps = (int)reps,
                                  .transcripts = (int)transcripts,
                                  .countries = arg_has(a, "pdi") ? &w->countries : NULL,
                                  .reference = w->by.w,
                                  .scope = w->by.scope};
    TRY(report_with_files(&tree, w->of.a, &w->of.c, &o, &f, e));
    int rc = arg_has(a, "output") ? write_page(tree, arg_str(a, "output"), e) : 0;
    if (rc >= 0 && arg_has(a, "json")) return print_json(tree, e);
    json_decref(tree);
    return rc;
}

static int run(struct args *a, struct err *e) {
    struct work w = {0};
    if (!arg_has(a, "output") && !arg_has(a, "json")) return usage_error(a, e, "expected -o FILE or --json, found neither");
    if (arg_has(a, "output") && !page_available())
        return fail(
            e, ERR_STATE,
            "this program was built without report pages: they need Node.js and npm when it is built; --json has the figures");
    int rc = go(&w, a, e);
    json_decref(w.by.file);
    counted_close(&w.of);
    return rc;
}

const struct command command_study_report = {
    .name = "study report",
    .summary = "what an archive holds as one offline page: loss, indices with their parts, effects, sensitivity, transcripts",
    .usage = "ARCHIVE -o report.html [--reference R] [--pdi FILE] [--judge FILE]... [--json]",
    .opts = opts,
    .min_pos = 1,
    .max_pos = 1,
    .run = run,
};
