/* peer_compare DIR: judges what candor and the peer said of every line of DIR/manifest (see models.c), as TAP. Consecutive lines of one
 * row name are one row, which names its figures; each comparison is shown by itself before.
 *
 * Read for line i (from 0): DIR/i.npy, candor's logits of the peer's ids; DIR/i.json, candor's greedy continuation of the prompt; or
 * DIR/i.error. Of the peer: DIR/KEY.logits, DIR/KEY.ids; or DIR/KEY.error.
 *
 * Greedy continuations are equal up to the first place where they part, and there the peer's logits of the two candidates are closer
 * than twice the largest difference of any logit of the file: closer than the two engines agree at all. */
#include "base/fs.h"
#include "base/str.h"
#include "weights/npy.h"
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What is asked, and why that much. worst: the largest difference over the largest logit; nmse: mean squared difference over mean square. */
struct class {
    const char *name;
    double worst, nmse;
};
static const struct class classes[] = {
    {"exact", 1e-5, 1e-10},  /* float weights, float keys and values: only the order of sums differs; 2e-6 is usual */
    {"window", 1e-5, 1e-10}, /* the same, on the rows before the window's length: the peer knows no window in these families */
    {"gelu16", 1e-3, 1e-6},  /* the same, but the peer looks GELU up in a table of 16-bit floats: 3e-4 is usual */
    {"kv16", 5e-3, 1e-6},    /* the peer keeps keys and values in 16 bits, and rounds queries to them */
    {"narrow", 0.05,
     1e-4}, /* the peer rounds activations to the 16 bits of the weights; unasked, so do we, to bf16: 9e-5 at most */
    {"stored", 0.1, 1e-3}, /* the peer rounds activations to the weights' format, to 8 bits where those are quantised */
};

struct line {
    char *row, *class, *kv, *precision, *key, *refused;
    int window, index;
    int64_t prompt;
};
struct figures {
    double worst, nmse, agree, gap;
    int64_t rows, same, made,
        first_off; /* same: greedy ids before the first that differs, of made; first_off: first row that differs */
};

static char *read_text(const char *dir, const char *name, const char *suffix, size_t *n) {
    char path[900], *text = NULL;
    struct err e = ERR_INIT;
    size_t size = 0;
    snprintf(path, sizeof path, "%s/%s%s", dir, name, suffix);
    if (!file_exists(path) || file_read(&text, &size, path, 0, &e) < 0) return NULL;
    if (n) *n = size;
    return text;
}

static int64_t read_ids(int64_t *ids, int64_t cap, char *text) {
    int64_t n = 0;
    for (char *p = text, *end; n < cap; p = end + (*end == ',')) {
        ids[n] = strtoll(p, &end, 10);
        if (end == p) break;
        n++;
    }
    return n;
}

static int64_t top(const float *x, int64_t V) {
    int64_t best = 0;
    for (int64_t i = 1; i < V; i++)
        if (x[i] > x[best]) best = i;
    return best;
}

/* Rows [0, rows) of a (ours) and b (the peer's). */
static void measure(struct figures *f, const float *a, const float *b, int64_t rows, int64_t V) {
    double diff = 0, power = 0, most = 0, largest = 0;
    int64_t same = 0;
    for (int64_t i = 0; i < rows * V; i++) {
        double d = fabs((double)a[i] - (double)b[i]);
        diff += d * d, power += (double)b[i] * (double)b[i];
        if (!(d <= most)) most = d; /* NaN stays */
        if (fabs((double)b[i]) > largest) largest = fabs((double)b[i]);
    }
    for (int64_t r = 0; r < rows; r++) same += top(a + r * V, V) == top(b + r * V, V);
    f->worst = most / (largest + 1e-30), f->nmse = diff / (power + 1e-30), f->rows = rows;
    f->agree = rows ? (double)same / (double)rows : 0;
}

/* The first row that is off by more than a hundredth of its largest logit: where a window begins to tell. */
static int64_t first_off(const float *a, const float *b, int64_t rows, int64_t V) {
    for (int64_t r = 0; r < rows; r++) {
        struct figures f;
        measure(&f, a + r * V, b + r * V, 1, V);
        if (f.worst > 1e-2) return r;
    }
    return rows;
}

static int greedy(struct figures *f, const char *dir, const struct line *l, const int64_t *ids, int64_t n, const float *peer,
                  int64_t V, double most) {
    char name[32];
    snprintf(name, sizeof name, "%d", l->index);
    char *text = read_text(dir, name, ".json", NULL);
    json_t *root = text ? json_loads(text, JSON_ALLOW_NUL, NULL) : NULL, *made = json_object_get(root, "ids");
    free(text);
    f->made = n - l->prompt, f->same = 0, f->gap = 0;
    int ok = (int64_t)json_array_size(made) == f->made;
    for (; ok && f->same < f->made; f->same++) {
        int64_t ours = json_integer_value(json_array_get(made, (size_t)f->same)), theirs = ids[l->prompt + f->same];
        const float *row = peer + (l->prompt + f->same - 1) * V;
        if (ours == theirs) continue;
        f->gap = ours < 0 || ours >= V ? INFINITY : (double)row[theirs] - (double)row[ours];
        ok = f->gap <= 2 * most;
        break;
    }
    json_decref(root);
    return ok;
}

static int judge(const struct line *l, const struct class *c, const struct figures *f, int same_words) {
    int ok = f->worst <= c->worst && f->nmse <= c->nmse && same_words;
    return ok && (!l->window || f->first_off == l->window);
}

static void show(const struct line *l, const struct class *c, const struct figures *f, int ok) {
    printf("# %s%s, peer's file %s: max %.1e of the largest logit (asked %.0e), NMSE %.1e (%.0e), argmax %.3f of %lld rows",
           ok ? "" : "FAILED ", l->class, l->key, f->worst, c->worst, f->nmse, c->nmse, f->agree, (long long)f->rows);
    if (l->window)
        printf(", first other row %lld (asked %d)\n", (long long)f->first_off, l->window);
    else if (f->same < f->made)
        printf(", greedy parts at %lld of %lld over a gap of %.1e\n", (long long)f->same, (long long)f->made, f->gap);
    else
        printf(", greedy equal (%lld)\n", (long long)f->made);
}

static int compared(const char *dir, const struct line *l, const struct class *c, const struct npy *ours, const float *peer,
                    const int64_t *ids, int64_t n, struct str *row) {
    int64_t V = ours->dims[1], rows = l->window ? l->window : n;
    struct figures f = {0};
    measure(&f, ours->data, peer, rows, V);
    f.first_off = first_off(ours->data, peer, n, V);
    double largest = 0;
    for (int64_t i = 0; i < n * V; i++) largest = fmax(largest, fabs((double)peer[i]));
    int words = l->window || greedy(&f, dir, l, ids, n, peer, V, f.worst * largest);
    int ok = judge(l, c, &f, words);
    show(l, c, &f, ok);
    str_printf(row, ", %s %s %s: max %.1e NMSE %.1e argmax %.3f", l->class, l->kv, l->precision, f.worst, f.nmse, f.agree);
    return ok;
}

static int missing(const char *dir, const struct line *l, const char *who, const char *name) {
    char *why = read_text(dir, name, ".error", NULL), *line = why;
    printf("# FAILED %s, peer's file %s: no logits of %s: %s\n", l->class, l->key, who,
           why ? strsep(&line, "\n") : "nothing was left");
    free(why);
    return 0;
}

/* 1 if the peer refused the file in the words that are expected, 0 if it ought to have and did not. */
static int refusal(const char *dir, const struct line *l) {
    char *why = read_text(dir, l->key, ".error", NULL), *line = why;
    int ok = why && strstr(why, l->refused) != NULL;
    printf("# %srefused by the peer, as expected with \"%s\": %s\n", ok ? "" : "FAILED ", l->refused,
           why ? strsep(&line, "\n") : "no");
    free(why);
    return ok;
}

static const struct class *class_of(const char *name) {
    for (size_t i = 0; i < sizeof classes / sizeof *classes; i++)
        if (!strcmp(classes[i].name, name)) return &classes[i];
    return NULL;
}

enum { MAX_IDS = 4096 };
static int one(const char *dir, const struct line *l, struct str *row) {
    char path[900], name[32];
    int64_t ids[MAX_IDS], n;
    size_t bytes = 0;
    struct npy ours = {0};
    struct err e = ERR_INIT;
    const struct class *c = class_of(l->class);
    if (strcmp(l->refused, "-") != 0) return refusal(dir, l);
    char *text = read_text(dir, l->key, ".ids", NULL), *peer = read_text(dir, l->key, ".logits", &bytes);
    int ok = c && text && peer ? 1 : missing(dir, l, "the peer", l->key);
    n = ok ? read_ids(ids, MAX_IDS, text) : 0;
    snprintf(name, sizeof name, "%d", l->index), snprintf(path, sizeof path, "%s/%d.npy", dir, l->index);
    if (ok && npy_read(&ours, path, &e) < 0) ok = missing(dir, l, "candor", name);
    if (ok && (ours.type != NPY_F4 || ours.n_dims != 2 || ours.dims[0] != n || (size_t)ours.count * sizeof(float) != bytes)) {
        printf("# FAILED %s: expected two arrays of one size, found %lld x %lld and %zu bytes\n", l->key, (long long)ours.dims[0],
               (long long)ours.dims[1], bytes);
        ok = 0;
    }
    if (ok) ok = compared(dir, l, c, &ours, (const float *)(const void *)peer, ids, n, row);
    npy_free(&ours);
    free(text), free(peer);
    return ok;
}

static int parse(struct line *l, char *text, int index) {
    char *field[12];
    int n = 0;
    for (char *p = text; n < 12 && (field[n] = strsep(&p, "\t")); n++) {}
    if (n < 12) return -1;
    *l = (struct line){.row = field[0],
                       .class = field[1],
                       .kv = field[3],
                       .precision = field[4],
                       .key = field[8],
                       .window = atoi(field[9]),
                       .refused = field[10],
                       .index = index};
    for (const char *p = field[11]; *p; p++) l->prompt += *p == ',';
    l->prompt++;
    return 0;
}

struct tally {
    int rows, failed, ok;
    const char *row;
    struct str text; /* the figures of the row */
};

static void end_row(struct tally *t) {
    if (t->rows) printf("%sok %d - logits: %s%s\n", t->ok ? "" : "not ", t->rows, t->row, t->text.s ? t->text.s : "");
    t->failed += !t->ok;
    str_clear(&t->text);
}

int main(int argc, char **argv) {
    char *text = argc == 2 ? read_text(argv[1], "manifest", "", NULL) : NULL, *rest = text, *s;
    struct tally t = {.ok = 1, .row = ""};
    int index = 0;
    if (!text) return fprintf(stderr, "usage: peer_compare DIR, with a manifest in it\n"), 2;
    while ((s = strsep(&rest, "\n")) && *s) {
        struct line l;
        if (parse(&l, s, index++) < 0)
            return fprintf(stderr, "peer_compare: line %d of the manifest has less than 12 fields\n", index), 2;
        if (strcmp(t.row, l.row) != 0) {
            end_row(&t);
            t.rows++, t.ok = 1, t.row = l.row;
        }
        t.ok &= one(argv[1], &l, &t.text);
    }
    end_row(&t);
    str_free(&t.text), free(text);
    return t.failed > 0;
}
