/* Shared by `candor stats`: opening, choosing, showing. */
#include "cli/stats_table.h"
#include "base/fs.h"
#include "base/str.h"
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int stats_open(struct frame **out, struct args *a, struct err *e) {
    const char *path = strcmp(a->pos[0], "-") ? a->pos[0] : "/dev/stdin";
    char *text;
    size_t n;
    TRY(file_read(&text, &n, path, 0, e));
    int rc = frame_parse(out, text, n, a->pos[0], e);
    free(text);
    return rc;
}

void stats_remark(const struct args *a, const struct left_out *left) {
    char why[sizeof left->why];
    if (!left->rows || arg_has(a, "quiet")) return;
    fprintf(stderr, "candor: %zu rows left out: %s\n", left->rows, stats_name(why, sizeof why, left->why));
}

static int offered(struct args *a, const char *one, const char *two) { return arg_str(a, one) || arg_str(a, two); }

static int choose(struct args *a, struct selected *s, struct frame *f, int pairs, struct err *e) {
    const char *one = arg_str(a, pairs ? "x" : "value"), *two = arg_str(a, pairs ? "y" : "group");
    return pairs ? select_pairs(s, f, one, two, e) : select_groups(s, f, one, two, e);
}

int stats_samples(struct args *a, stats_fn groups, stats_fn pairs, struct err *e) {
    struct frame *f;
    struct selected s = {0};
    const char *given;
    int by_pairs = !groups || (pairs && offered(a, "x", "y"));
    if (groups && pairs && by_pairs && offered(a, "value", "group"))
        return usage_error(a, e, "expected --value with --group, or --x with --y, found some of both");
    TRY(arg_need(a, by_pairs ? "x" : "value", &given, e));
    TRY(arg_need(a, by_pairs ? "y" : "group", &given, e));
    TRY(stats_open(&f, a, e));
    int rc = choose(a, &s, f, by_pairs, e);
    if (!rc) rc = err_place(e, (by_pairs ? pairs : groups)(a, &s, e), a->pos[0]);
    if (!rc) stats_remark(a, &s.left);
    selected_free(&s);
    frame_free(f);
    return rc;
}

int stats_choice(struct args *a, const char *name, const char *const *of, struct err *e) {
    struct str all = {.max = 200};
    int i = 0;
    for (; of[i]; i++) {
        if (!strcmp(arg_str(a, name), of[i])) break;
        str_printf(&all, "%s%s", i ? ", " : "", of[i]);
    }
    if (!of[i]) i = usage_error(a, e, "--%s: expected one of %s, found \"%.40s\"", name, all.s ? all.s : "", arg_str(a, name));
    str_free(&all);
    return i;
}

int stats_resampling(struct args *a, const char *name, struct resampling *out, struct err *e) {
    int64_t reps = 0, seed = 0;
    TRY(arg_i64(a, name, 0, 100000000, &reps, e));
    TRY(arg_i64(a, "seed", 0, INT64_MAX, &seed, e));
    *out = (struct resampling){(int)reps, 0.95, (uint64_t)seed};
    return 0;
}

int stats_bootstrap(struct args *a, const char *name, struct resampling *out, struct err *e) {
    TRY(stats_resampling(a, name, out, e));
    if (!out->reps || out->reps >= STATS_LEAST_RESAMPLES) return 0;
    return usage_error(a, e, "--%s: expected at least %d resamples for an interval, found %d", name, STATS_LEAST_RESAMPLES,
                       out->reps);
}

/* ---- facts ---- */

const char *stats_number(char *buf, size_t size, double x) {
    snprintf(buf, size, isfinite(x) ? "%.6g" : "-", x);
    return buf;
}

const char *stats_name(char *buf, size_t size, const char *name) {
    snprintf(buf, size, "%s", name);
    for (char *p = buf; *p; p++)
        if ((unsigned char)*p < 32 || *p == 127) *p = '?';
    return buf;
}

static json_t *value_json(const struct fact *f) {
    switch (f->kind) {
    case FACT_COUNT: return json_integer((json_int_t)f->a);
    case FACT_YES: return json_boolean(f->a != 0);
    case FACT_INTERVAL:
    case FACT_PAIR: return json_pack("[o,o]", json_number(f->a), json_number(f->b));
    default: return json_number(f->a);
    }
}

static void add_selected(json_t *j, const struct selected *s) {
    if (s->n2)
        json_object_set_new(j, "groups", json_pack("[o,o]", json_name(s->name[0]), json_name(s->name[1]))),
            json_object_set_new(j, "n", json_pack("[I,I]", (json_int_t)s->n1, (json_int_t)s->n2));
    else
        json_object_set_new(j, "n", json_integer((json_int_t)s->n1));
    json_object_set_new(j, "left_out", json_integer((json_int_t)s->left.rows));
}

struct json_t *stats_json(const struct fact *f, size_t n, const struct selected *s) {
    json_t *j = json_object();
    for (size_t i = 0; i < n && j; i++) json_object_set_new(j, f[i].key, value_json(&f[i]));
    if (s && j) add_selected(j, s);
    return j;
}

static int shown(const struct fact *f) { return isfinite(f->a) || (f->kind != FACT_NUMBER && isfinite(f->b)); }

static void print_fact(const struct fact *f) {
    char a[32], b[32];
    if (!f->label) return;
    printf("  %-34s ", f->label);
    stats_number(a, sizeof a, f->a), stats_number(b, sizeof b, f->b);
    if (!shown(f))
        printf("-%s%s", f->why ? "  " : "", f->why ? f->why : "");
    else if (f->kind == FACT_COUNT)
        printf("%.0f", f->a);
    else if (f->kind == FACT_YES)
        printf("%s", f->a != 0 ? "yes" : "no");
    else if (f->kind == FACT_NUMBER)
        printf("%s", a);
    else
        printf(f->kind == FACT_INTERVAL ? "[%s, %s]" : "%s, %s", a, b);
    printf("\n");
}

int stats_print(struct args *a, const char *title, const struct fact *f, size_t n, const struct selected *s, struct err *e) {
    char one[80], two[80];
    if (arg_has(a, "json")) return print_json(stats_json(f, n, s), e);
    printf("%s", title);
    if (s && s->n2)
        printf(": %s (%zu) and %s (%zu)", stats_name(one, sizeof one, s->name[0]), s->n1, stats_name(two, sizeof two, s->name[1]),
               s->n2);
    else if (s)
        printf(": %zu rows", s->n1);
    printf("\n");
    for (size_t i = 0; i < n; i++) print_fact(&f[i]);
    return print_bytes("", 0, e);
}
