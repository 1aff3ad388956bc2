/* Drawing, splitting, counting and writing, once for all families.
 *
 * A draw is: level, kind, picks; then look at which split the problem's hash puts it in, and draw again until it is the one
 * asked for (ten tries for the rarest, on average). So there is no list of held-out problems to keep, to leak or to regenerate:
 * the split is a property of the problem. Eight tenths train, one val, one test. */
#include "task/gym.h"
#include "base/fs.h"
#include "base/hash.h"
#include "task/gym_int.h"
#include "task/seen.h"
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static const struct family *const families[] = {&family_recall_first, &family_recall_plain, &family_chain,
                                                &family_arith,        &family_multihop,     &family_countdown};
enum { FAMILIES = sizeof families / sizeof *families, ENUMERATE_MAX = 8 * 1000 * 1000, TRIES_MAX = 4096 };

static const char *const split_names[GYM_SPLITS] = {"train", "val", "test"};

const char *gym_family_name(int i) { return i >= 0 && i < FAMILIES ? families[i]->name : NULL; }
const char *gym_family_about(int i) { return i >= 0 && i < FAMILIES ? families[i]->about : NULL; }
const char *gym_split_name(enum gym_split split) { return split < GYM_SPLITS ? split_names[split] : "?"; }

/* ---- the spec ---- */

static const struct family *family_find(const char *name) {
    for (int i = 0; i < FAMILIES; i++) {
        const struct family *f = families[i];
        if (!strcmp(name, f->name) || (f->alias && !strcmp(name, f->alias))) return f;
    }
    return NULL;
}

int gym_spec_init(struct gym_spec *s, const char *family, struct err *e) {
    const struct family *f = family_find(family);
    if (!f) {
        char names[160] = "";
        for (int i = 0; i < FAMILIES; i++)
            snprintf(names + strlen(names), sizeof names - strlen(names), "%s%s", i ? ", " : "", families[i]->name);
        return fail(e, ERR_ARG, "expected a family (%s), found \"%.60s\"", names, family);
    }
    *s = (struct gym_spec){.family = f,
                           .world = {WORLD_KEY, f->entities ? f->entities : WORLD_ENTITIES},
                           .level_lo = f->level_lo,
                           .level_hi = f->level_hi,
                           .slip_rate = 0.1};
    return 0;
}

int gym_set_split(struct gym_spec *s, const char *name, struct err *e) {
    for (int i = 0; i < GYM_SPLITS; i++)
        if (!strcmp(name, split_names[i])) {
            s->split = (enum gym_split)i;
            return 0;
        }
    return fail(e, ERR_ARG, "expected the split train, val or test, found \"%.60s\"", name);
}

static int check_levels(const struct gym_spec *s, struct err *e) {
    const struct family *f = s->family;
    if (s->level_lo >= f->level_min && s->level_lo <= s->level_hi && s->level_hi <= f->level_max) return 0;
    return fail(e, ERR_RANGE, "expected a difficulty of %s from %d to %d, found %d..%d", f->name, f->level_min, f->level_max,
                s->level_lo, s->level_hi);
}

/* A non-negative number of at most 6 digits; advances. */
static int read_level(const char **z, int *out) {
    int n = 0, v = 0;
    for (; **z >= '0' && **z <= '9' && n < 6; n++) v = v * 10 + *(*z)++ - '0';
    *out = v;
    return n;
}

int gym_set_difficulty(struct gym_spec *s, const char *text, struct err *e) {
    struct gym_spec t = *s;
    const char *z = text;
    int ok = read_level(&z, &t.level_lo);
    t.level_hi = t.level_lo;
    if (ok && *z) {
        size_t sep = !strncmp(z, "..", 2) ? 2 : *z == '-' ? 1 : 0;
        z += sep;
        ok = sep && read_level(&z, &t.level_hi);
    }
    if (!ok || *z) return fail(e, ERR_ARG, "expected a difficulty such as 3 or 2..5, found \"%.60s\"", text);
    TRY(check_levels(&t, e));
    *s = t;
    return 0;
}

int gym_check(const struct gym_spec *s, struct err *e) {
    if (!s->family) return fail(e, ERR_ARG, "expected a family, found none");
    if (s->split >= GYM_SPLITS) return fail(e, ERR_RANGE, "expected a split from 0 to 2, found %d", (int)s->split);
    TRY(check_levels(s, e));
    if (s->world.entities < 1 || s->world.entities > WORLD_MAX_ENTITIES)
        return fail(e, ERR_RANGE, "expected a world of 1 to %d entities, found %d", WORLD_MAX_ENTITIES, s->world.entities);
    if (!(s->slip_rate >= 0 && s->slip_rate <= 1))
        return fail(e, ERR_RANGE, "expected a slip rate from 0 to 1, found %g", s->slip_rate);
    return 0;
}

/* ---- problems ---- */

int64_t pick(struct picker *p, uint64_t n) {
    p->size *= (double)n;
    if (p->rng) return (int64_t)rng_below(p->rng, n);
    uint64_t digit = p->rest % n;
    p->rest /= n;
    return (int64_t)digit;
}

static uint64_t problem_hash(const struct family *f, const struct problem *p) {
    return hash_mix(hash_bytes(hash_text(f->space), p->v, (size_t)p->core * sizeof *p->v));
}

static enum gym_split split_of(uint64_t content) {
    uint64_t tenth = content % 10;
    return tenth < 8 ? GYM_TRAIN : tenth == 8 ? GYM_VAL : GYM_TEST;
}

/* Stream 0 draws the problem, 1 words its trace, 2 makes pretraining text, 3 a list to look up in. Keyed by the space, not the family, so that
 * recall-first and recall-plain put the same questions at the same index. */
struct rng gym_stream(const struct gym_spec *s, int64_t index, uint64_t which) {
    return RNG(s->seed, hash_text(s->family->space), (uint64_t)s->split, (uint64_t)s->level_lo, (uint64_t)s->level_hi,
               (uint64_t)index, which);
}

static int draw(const struct gym_spec *s, int64_t index, struct problem *out, int *level, uint64_t *content, struct err *e) {
    struct rng r = gym_stream(s, index, 0);
    for (int t = 0; t < TRIES_MAX; t++) {
        struct picker p = {.rng = &r, .size = 1};
        struct problem q = {.n = 0};
        int l = s->level_lo + (int)rng_below(&r, (uint64_t)(s->level_hi - s->level_lo + 1));
        s->family->draw(s, l, (int)rng_below(&r, (uint64_t)s->family->subs), &p, &q);
        uint64_t h = problem_hash(s->family, &q);
        if (split_of(h) != s->split) continue;
        *out = q;
        *level = l;
        *content = h;
        return 0;
    }
    return fail(e, ERR_LIMIT, "expected a %s question in split %s at difficulty %d..%d, found none", s->family->name,
                split_names[s->split], s->level_lo, s->level_hi);
}

/* ---- items ---- */

void words_fini(struct gym_words *w) {
    str_free(&w->question);
    str_free(&w->answer);
    str_free(&w->trace);
    str_free(&w->final);
    str_free(&w->check);
}

/* Hands the bytes over; an empty string becomes an allocated "". */
static char *give(struct str *b) {
    char *z = b->s ? b->s : strdup("");
    *b = (struct str){0};
    return z;
}

static int item_choices(struct question *q, const struct gym_words *w) {
    if (!w->n_choices) return 0;
    q->choices = calloc((size_t)w->n_choices, sizeof *q->choices);
    if (!q->choices) return ERR_NOMEM;
    for (q->n_choices = 0; q->n_choices < w->n_choices; q->n_choices++)
        if (!(q->choices[q->n_choices] = strdup(w->choices[q->n_choices]))) return ERR_NOMEM;
    return 0;
}

static int item_fill(struct gym_item *it, const struct gym_spec *s, int64_t index, struct gym_words *w) {
    if (w->question.failed || w->answer.failed || w->trace.failed || w->final.failed || w->check.failed) return ERR_NOMEM;
    struct str id = {0};
    str_printf(&id, "%s-%s-%06" PRId64 "-%012" PRIx64, s->family->name, split_names[s->split], index, it->content >> 16);
    struct question *q = &it->q;
    q->id = give(&id);
    q->kind = strdup(s->family->name);
    q->level = it->level;
    q->question = give(&w->question);
    q->answer = give(&w->answer);
    q->final = give(&w->final);
    q->trace = s->at_once ? strdup("") : give(&w->trace);
    if (w->check.s) q->check = give(&w->check);
    q->at_once = s->at_once;
    it->slips = s->at_once ? 0 : w->slips;
    TRY(item_choices(q, w));
    return q->id && q->kind && q->question && q->answer && q->final && q->trace ? 0 : ERR_NOMEM;
}

void gym_item_fini(struct gym_item *it) {
    if (!it) return;
    question_fini(&it->q);
    *it = (struct gym_item){.level = 0};
}

int gym_make(const struct gym_spec *s, int64_t index, struct gym_item *out, struct err *e) {
    TRY(gym_check(s, e));
    if (index < 0) return fail(e, ERR_RANGE, "expected an item from 0 on, found %" PRId64, index);
    struct problem p;
    struct gym_item it = {.level = 0};
    TRY(draw(s, index, &p, &it.level, &it.content, e));
    struct gym_words w = {.n_choices = 0};
    struct rng r = gym_stream(s, index, 1);
    s->family->tell(s, &p, &r, &w);
    int rc = item_fill(&it, s, index, &w);
    words_fini(&w);
    if (rc < 0) {
        gym_item_fini(&it);
        return fail(e, rc, "no memory for item %" PRId64, index);
    }
    *out = it;
    return 0;
}

int gym_steps(const struct gym_spec *s, int64_t index, const char *trace, size_t n, struct gym_step *out, int cap,
              struct err *e) {
    struct problem p;
    int level = 0;
    uint64_t content = 0;
    TRY(gym_check(s, e));
    if (index < 0) return fail(e, ERR_RANGE, "expected an item from 0 on, found %" PRId64, index);
    if (!s->family->judge) return 0;
    TRY(draw(s, index, &p, &level, &content, e));
    int rc = s->family->judge(s, &p, trace, n, out, cap);
    return rc < 0 ? fail(e, rc, "no memory to judge item %" PRId64, index) : rc;
}

int question_steps(const struct question *q, const char *trace, size_t n, struct gym_step *out, int cap, struct err *e) {
    const struct family *f = q->kind ? family_find(q->kind) : NULL;
    int rc = 0;
    if (q->check)
        rc = judge_by_check(q->check, trace, n, out, cap);
    else if (f && f->judge == judge_worked && q->trace)
        rc = judge_by_trace(q->trace, trace, n, out, cap);
    return rc < 0 ? fail(e, rc, "no memory to judge question %.60s", q->id) : rc;
}

int gym_pretrain(const struct gym_spec *s, int64_t index, struct str *out, struct err *e) {
    TRY(gym_check(s, e));
    if (index < 0) return fail(e, ERR_RANGE, "expected a snippet from 0 on, found %" PRId64, index);
    struct rng r = gym_stream(s, index, 2);
    s->family->pretrain(s, index, &r, out);
    return out->failed ? fail(e, ERR_NOMEM, "no memory for snippet %" PRId64, index) : 0;
}

/* ---- counting ---- */

static double space_size(const struct gym_spec *s, int level, int sub) {
    struct picker p = {.size = 1};
    struct problem q = {.n = 0};
    s->family->draw(s, level, sub, &p, &q);
    return p.size;
}

static int enumerate(const struct gym_spec *s, int level, int sub, struct seen *seen) {
    double size = space_size(s, level, sub);
    for (uint64_t i = 0; (double)i < size; i++) {
        struct picker p = {.rest = i, .size = 1};
        struct problem q = {.n = 0};
        s->family->draw(s, level, sub, &p, &q);
        uint64_t h = problem_hash(s->family, &q);
        if (split_of(h) == s->split) TRY(seen_add(seen, h));
    }
    return 0;
}

int gym_count(const struct gym_spec *s, int64_t *out, struct err *e) {
    TRY(gym_check(s, e));
    double size = 0;
    for (int l = s->level_lo; l <= s->level_hi; l++)
        for (int k = 0; k < s->family->subs; k++) size += space_size(s, l, k);
    if (size > ENUMERATE_MAX) {
        *out = -1;
        return 0;
    }
    struct seen seen = {0};
    int rc = 0;
    for (int l = s->level_lo; l <= s->level_hi && rc == 0; l++)
        for (int k = 0; k < s->family->subs && rc == 0; k++) rc = enumerate(s, l, k, &seen);
    int64_t n = (int64_t)seen.n;
    seen_fini(&seen);
    if (rc < 0) return fail(e, rc, "no memory to count the questions of %s", s->family->name);
    *out = n;
    return 0;
}

/* ---- writing ---- */

static int check_enough(const struct gym_spec *s, int64_t n, struct err *e) {
    int64_t have = 0;
    if (n < 1) return fail(e, ERR_RANGE, "expected to write at least 1 question, found %" PRId64, n);
    TRY(gym_count(s, &have, e));
    if (have < 0 || n <= have) return 0;
    return fail(e, ERR_LIMIT, "expected %" PRId64 " distinct questions, found %" PRId64 " in %s (split %s, difficulty %d..%d)", n,
                have, s->family->name, split_names[s->split], s->level_lo, s->level_hi);
}

static int write_item(const struct gym_item *it, int traces, FILE *f, struct str *line, struct err *e) {
    str_clear(line);
    TRY(question_json(&it->q, traces, line, e));
    return fwrite(line->s, 1, line->len, f) == line->len
               ? 0
               : fail(e, ERR_IO, "expected to write %zu bytes, the write failed", line->len);
}

/* Ends: check_enough has shown that n exist, or that there are millions; the bound on repeats is for a family whose rarest
 * problems are drawn so seldom that nobody would wait. */
static int write_items(const struct gym_spec *s, int64_t n, FILE *f, int traces, struct seen *seen, struct str *line,
                       struct err *e) {
    int64_t done = 0, repeats = 0;
    for (int64_t i = 0; done < n; i++) {
        if (repeats > 1000000 + 100 * n)
            return fail(e, ERR_LIMIT, "expected %" PRId64 " distinct questions of %s, found %" PRId64 " in %" PRId64 " draws", n,
                        s->family->name, done, i);
        struct gym_item it;
        TRY(gym_make(s, i, &it, e));
        int rc = seen_add(seen, it.content);
        if (rc < 0)
            fail(e, rc, "no memory for %" PRId64 " questions", n);
        else if (rc == 0)
            repeats++;
        else if ((rc = write_item(&it, traces, f, line, e)) == 0)
            done++;
        gym_item_fini(&it);
        TRY(rc);
    }
    return 0;
}

static int write_to(const struct gym_spec *s, int64_t n, FILE *f, int traces, struct err *e) {
    struct seen seen = {0};
    struct str line = {0};
    int rc = write_items(s, n, f, traces, &seen, &line, e);
    if (rc == 0 && fflush(f)) rc = fail(e, ERR_IO, "expected to write questions, the write failed");
    seen_fini(&seen);
    str_free(&line);
    return rc;
}

int gym_write(const struct gym_spec *s, int64_t n, const char *path, int traces, struct err *e) {
    TRY(check_enough(s, n, e));
    if (!strcmp(path, "-")) return write_to(s, n, stdout, traces, e);
    struct file_out o;
    TRY(file_out_open(&o, path, e));
    int rc = write_to(s, n, o.f, traces, e);
    if (rc == 0) return file_out_commit(&o, e);
    file_out_abort(&o);
    return err_place(e, rc, path);
}
