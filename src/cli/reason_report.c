/* See reason_report.h. A figure that does not exist (no reward model, one class only) is null in JSON and "-" in a table. */
#include "cli/reason_report.h"
#include "cli/cli.h"
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* ---- JSON ---- */

static json_t *interval_json(struct interval x) { return json_pack("[o,o]", json_number(x.lo), json_number(x.hi)); }

/* {"level": [{group, n, …}, …], "kind": […]}; a level is a number. */
static json_t *parts_json(const struct reason_summary *s) {
    json_t *all = json_object();
    for (int i = 0; i < s->n_parts; i++) {
        const struct reason_part *p = &s->parts[i];
        const char *by = reason_by_name(p->by);
        long long level;
        int number = p->by == BY_LEVEL && sscanf(p->group, "%lld", &level) == 1;
        json_t *list = json_object_get(all, by), *group = number ? json_integer(level) : json_string(p->group);
        if (!list) json_object_set_new(all, by, list = json_array());
        json_array_append_new(list, json_pack("{s:o, s:I, s:I, s:f, s:o}", "group", group, "n", (json_int_t)p->n, "correct",
                                              (json_int_t)p->correct, "accuracy", (double)p->correct / (double)p->n, "ci95",
                                              interval_json(p->ci)));
    }
    return all;
}

static void add_nabla(json_t *o, const struct reason_summary *s) {
    json_object_set_new(o, "optimised", json_real(s->optimised));
    json_object_set_new(o, "skipped_entropy", json_real(s->low_entropy));
    json_object_set_new(o, "skipped_gradient", json_real(s->low_gradient));
    json_object_set_new(o, "changed", json_real(s->changed));
    json_object_set_new(o, "changed_questions", json_integer(s->changed_questions));
}

static void add_named(json_t *o, const char *prefix, const char *name, json_t *v) {
    char key[64];
    snprintf(key, sizeof key, "%s%s", prefix, name);
    json_object_set_new(o, key, v);
}

static void add_quality(json_t *o, const char *prefix, const struct reason_rm *rm) {
    add_named(o, prefix, "auc", json_number(rm->auc.pooled));
    add_named(o, prefix, "auc_ci95", interval_json(rm->auc.pooled_ci));
    add_named(o, prefix, "auc_within", json_number(rm->auc.within));
    add_named(o, prefix, "auc_within_ci95", interval_json(rm->auc.within_ci));
    add_named(o, prefix, "auc_within_n", json_integer(rm->auc.groups));
    add_named(o, prefix, "ece", json_number(rm->ece));
    add_named(o, prefix, "brier", json_number(rm->brier));
}

static void add_judges(json_t *o, const struct reason_summary *s) {
    add_quality(o, "", &s->rm);
    if (s->steps.n) {
        json_object_set_new(o, "steps", json_integer(s->steps.n));
        add_quality(o, "step_", &s->steps);
    }
    json_object_set_new(o, "reward", json_number(s->reward));
    json_object_set_new(o, "verifier", json_number(s->verdict));
}

int print_reason_json(const struct reason_summary *s, struct err *e) {
    const struct budget *b = s->budget;
    json_t *budget = b->unit == 'r' ? json_integer((json_int_t)b->amount) : json_string(b->text);
    json_t *o = json_pack("{s:s, s:o, s:I, s:f, s:o, s:f, s:f, s:f, s:f, s:f, s:f, s:o}", "method", s->method->name, "budget",
                          budget, "n", (json_int_t)s->n, "accuracy", s->accuracy, "ci95", interval_json(s->ci), "calls", s->calls,
                          "calls_paper", s->calls_paper, "flops", s->flops, "tokens", s->tokens, "seconds", s->seconds,
                          "peak_bytes", s->peak_bytes, "rejection_rate", json_number(s->rejection_rate));
    if (!o) return print_json(o, e);
    json_object_set_new(o, "pass", json_number(s->pass));
    json_object_set_new(o, "pass_k", s->pass_k ? json_integer(s->pass_k) : json_null());
    json_object_set_new(o, "pass_ci95", interval_json(s->pass_ci));
    add_judges(o, s);
    if (!strcmp(s->method->name, "nabla")) add_nabla(o, s);
    if (s->n_parts) json_object_set_new(o, "by", parts_json(s));
    return print_json(o, e);
}

/* ---- tables ---- */

enum { CELL = 32 };

static const char *cell(char out[CELL], const char *format, double x) {
    if (!isfinite(x)) return "-";
    snprintf(out, CELL, format, x);
    return out;
}

static const char *range(char out[CELL], const char *format, double scale, struct interval x) {
    char lo[CELL], hi[CELL];
    if (!isfinite(x.lo) || !isfinite(x.hi)) return "-";
    snprintf(out, CELL, "[%.10s, %.10s]", cell(lo, format, scale * x.lo), cell(hi, format, scale * x.hi));
    return out;
}

static void print_answers(const struct reason_summary *s) {
    char ci[CELL], rejected[CELL], pass[CELL], k[CELL] = "", pass_ci[CELL];
    if (s->pass_k) snprintf(k, sizeof k, "%lld", (long long)s->pass_k);
    printf("%-9s %7s %6.1f%%  %-14s %8.1f %8.1f %8.1f %9.2e %8.3f %8.1f %8s %7s %5s  %s\n", s->method->name, s->budget->text,
           100 * s->accuracy, range(ci, "%5.1f", 100, s->ci), s->calls, s->calls_paper, s->tokens, s->flops, s->seconds,
           s->peak_bytes / 1048576.0, cell(rejected, "%.1f%%", 100 * s->rejection_rate), cell(pass, "%.1f%%", 100 * s->pass),
           s->pass_k ? k : "-", range(pass_ci, "%5.1f", 100, s->pass_ci));
}

static void print_judges(const struct reason_summary *s) {
    const struct reason_rm *rm = &s->rm;
    char z[8][CELL];
    printf("%-9s %7s %8s %8s %10lld %6s  %-14s %6s  %-14s %7lld %6s %6s\n", s->method->name, s->budget->text,
           cell(z[0], "%+.3f", s->reward), cell(z[1], "%+.3f", s->verdict), (long long)rm->n, cell(z[2], "%.3f", rm->auc.pooled),
           range(z[3], "%.3f", 1, rm->auc.pooled_ci), cell(z[4], "%.3f", rm->auc.within),
           range(z[5], "%.3f", 1, rm->auc.within_ci), (long long)rm->auc.groups, cell(z[6], "%.3f", rm->ece),
           cell(z[7], "%.3f", rm->brier));
}

/* What models or files say goes to a terminal: nothing in it may be obeyed. */
static void print_text(const char *s) {
    for (; *s; s++) putchar((unsigned char)*s < 32 && *s != '\n' && *s != '\t' ? ' ' : *s == 127 ? ' ' : *s);
}

static void print_parts(const struct reason_summary *s) {
    char ci[CELL];
    for (int i = 0; i < s->n_parts; i++) {
        const struct reason_part *p = &s->parts[i];
        printf("%-9s %7s  %-5s ", s->method->name, s->budget->text, reason_by_name(p->by));
        print_text(p->group);
        printf("%*s %7lld %6.1f%%  %s\n", (int)strlen(p->group) < 16 ? 16 - (int)strlen(p->group) : 0, "", (long long)p->n,
               100.0 * (double)p->correct / (double)p->n, range(ci, "%5.1f", 100, p->ci));
    }
}

static void print_steps(const struct reason_summary *s) {
    const struct reason_rm *rm = &s->steps;
    char z[6][CELL];
    printf("%-9s %7s %10lld %6s  %-14s %6s  %-14s %7lld %6s %6s\n", s->method->name, s->budget->text, (long long)rm->n,
           cell(z[0], "%.3f", rm->auc.pooled), range(z[1], "%.3f", 1, rm->auc.pooled_ci), cell(z[2], "%.3f", rm->auc.within),
           range(z[3], "%.3f", 1, rm->auc.within_ci), (long long)rm->auc.groups, cell(z[4], "%.3f", rm->ece),
           cell(z[5], "%.3f", rm->brier));
}

static int judged(const struct reason_summary *s) { return s->rm.n > 0 || isfinite(s->reward) || isfinite(s->verdict); }

void print_reason_tables(const struct reason_summary *s, int n) {
    int judges = 0, parts = 0, steps = 0;
    printf("%lld questions; calls, tokens, FLOPs and seconds are means per question\n", (long long)s->n);
    printf("%-9s %7s %7s  %-14s %8s %8s %8s %9s %8s %8s %8s %7s %5s  %s\n", "method", "budget", "correct", "95 % interval",
           "calls", "as paper", "tokens", "FLOPs", "seconds", "peak MiB", "rejected", "pass@k", "k", "95 % interval");
    for (int i = 0; i < n; i++) print_answers(&s[i]);
    for (int i = 0; i < n; i++) judges |= judged(&s[i]), parts += s[i].n_parts;
    if (judges)
        printf("\n%-9s %7s %8s %8s %10s %6s  %-14s %6s  %-14s %7s %6s %6s\n", "method", "budget", "reward", "verifier",
               "candidates", "AUC", "95 % interval", "within", "95 % interval", "of", "ECE", "Brier");
    for (int i = 0; i < n; i++)
        if (judged(&s[i])) print_judges(&s[i]);
    for (int i = 0; i < n; i++) steps |= s[i].steps.n > 0;
    if (steps)
        printf("\n%-9s %7s %10s %6s  %-14s %6s  %-14s %7s %6s %6s\n", "method", "budget", "steps", "AUC", "95 % interval",
               "within", "95 % interval", "of", "ECE", "Brier");
    for (int i = 0; i < n; i++)
        if (s[i].steps.n) print_steps(&s[i]);
    if (parts) printf("\n%-9s %7s  %-5s %-16s %7s %7s  %s\n", "method", "budget", "by", "group", "n", "correct", "95 % interval");
    for (int i = 0; i < n; i++) print_parts(&s[i]);
    for (int i = 0; i < n; i++)
        if (!strcmp(s[i].method->name, "nabla"))
            printf("nabla %s: per question %.1f positions optimised, %.1f let pass by entropy, %.1f by gradient; %.2f draws "
                   "changed by the gradient (on %lld questions)\n",
                   s[i].budget->text, s[i].optimised, s[i].low_entropy, s[i].low_gradient, s[i].changed,
                   (long long)s[i].changed_questions);
}

/* ---- one changed token ---- */

static void print_answer(const char *label, const struct reason_show *s, const char *token, const char *rest, const char *colour,
                         double reward, const char *answer, int correct) {
    int tty = isatty(STDOUT_FILENO);
    printf("%s (reward %+.6g, answer %s, %s)\n  ", label, reward, *answer ? answer : "none", correct ? "right" : "wrong");
    print_text(s->prefix);
    printf("%s", tty ? colour : "[[");
    print_text(token);
    printf("%s", tty ? "\033[0m" : "]]");
    print_text(rest);
    printf("\n");
}

void print_reason_show(const struct reason_show *s) {
    if (!s->question) {
        printf("\nOn no question did the gradient change a drawn token.\n");
        return;
    }
    printf("\nQuestion %s (%s, budget %s): ", s->id, s->method, s->budget);
    print_text(s->question);
    printf("\nright answer: %s\n", s->truth);
    print_answer("before", s, s->was, s->rest, "\033[1;31m", s->reward_before, s->answer_before, s->correct_before);
    printf("the draw u = %.4f takes \"", s->u);
    print_text(s->plain);
    printf("\" from the original logits and \"");
    print_text(s->tilted);
    printf("\" from the optimised ones (its probability %.4f -> %.4f at temperature 1)\n", s->p_plain, s->p_tilted);
    if (!s->rolled)
        printf("which is the token that stood there: the gradient kept it\n");
    else {
        print_answer("after", s, s->tilted, s->rest_after, "\033[1;32m", s->reward_after, s->answer_after, s->correct_after);
        printf("%s\n", s->accepted ? "accepted: the reward rose" : "rejected: the reward did not rise");
    }
}
