/* Trace stores: what is written is read back, a kill loses whole traces at most, and damaged folders are told apart. */
#include "base/fs.h"
#include "probe/store.h"
#include <criterion/criterion.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

TestSuite(store, .timeout = HANG_S);

enum { WIDTH = 5, CW = 2 };
static const int layers[] = {-1, 3};
static const struct store_rows rows = {"resid_out", layers, 2, WIDTH, CW, 0};

#define OK(f)                                              \
    do {                                                   \
        struct err *e = &(struct err)ERR_INIT;             \
        int rc_ = (f);                                     \
        cr_assert(rc_ >= 0, "%s: %d %s", #f, rc_, e->msg); \
    } while (0)
#define FAILS(code_, words, f)                                                                       \
    do {                                                                                             \
        struct err err_ = ERR_INIT, *e = &err_;                                                      \
        int rc_ = (f);                                                                               \
        cr_assert_eq(rc_, code_, "%s: %d %s", #f, rc_, err_.msg);                                    \
        cr_assert(strstr(err_.msg, words) || strstr(err_.where, words), "%s: \"%s\"", #f, err_.msg); \
    } while (0)

static void in_dir(char out[256]) {
    snprintf(out, 256, "/tmp/candor-store-XXXXXX");
    cr_assert(mkdtemp(out));
}

static void clean(const char *dir) {
    char path[600];
    DIR *d = opendir(dir);
    for (struct dirent *x = d ? readdir(d) : NULL; x; x = readdir(d)) {
        snprintf(path, sizeof path, "%s/%s", dir, x->d_name);
        unlink(path);
    }
    if (d) closedir(d);
    rmdir(dir);
}

static json_t *settings(int seed) {
    return json_pack("{s:s, s:[i,i], s:i, s:i, s:i}", "tap", "resid_out", "layers", -1, 3, "width", WIDTH, "choice_width", CW,
                     "seed", seed);
}

/* Trace i: i + 1 tokens of thought, so i + 2 states. */
static struct trace make(int i) {
    struct question *q = &(struct question){0};
    char text[400], id[32];
    struct trace t = {.index = i,
                      .prompt = 7,
                      .n = i + 3,
                      .open = 1,
                      .close = i + 2,
                      .answered = ANSWERED_WRITTEN,
                      .token = -1,
                      .truth_token = -1};
    snprintf(id, sizeof id, "q%d", i);
    char *choices[] = {"a cat", "a \"dog\""};
    *q = (struct question){
        .id = id, .question = "What? \xc3\xa9", .choices = choices, .n_choices = 2, .answer = "B", .kind = "test"};
    struct str line = {0};
    struct questions qs = {0};
    OK(question_json(q, 0, &line, e));
    OK(questions_parse(&qs, line.s, line.len, "made", e));
    t.q = qs.q[0];
    free(qs.q), str_free(&line);
    t.ids = calloc((size_t)t.n, sizeof *t.ids), t.ends = calloc((size_t)t.n, sizeof *t.ends);
    size_t at = 0;
    for (int k = 0; k < t.n; k++) {
        t.ids[k] = 100 * i + k;
        at += (size_t)snprintf(text + at, sizeof text - at, k == 0 ? "<think>" : k == t.n - 1 ? "</think>" : "w%d\xff;", k);
        t.ends[k] = at;
    }
    t.text = strdup(text), t.len = at;
    t.steps = calloc(2, sizeof *t.steps), t.n_steps = 2;
    for (int k = 0; k < 2; k++) {
        t.steps[k] =
            (struct trace_step){k * (t.close - t.open),
                                k * 4,
                                {.logp = malloc(2 * sizeof(double)), .mass = 0.5, .token = -1, .p = 0.75, .entropy = 0.8}};
        t.steps[k].forced.logp[0] = -0.25, t.steps[k].forced.logp[1] = -1.5;
    }
    t.answer = strdup("B"), t.label = t.truth = 1, t.right = 1, t.rows = t.close - t.open + 1;
    return t;
}

static f16 value(int trace, int layer, int64_t k) { return (f16)(trace * 1000 + layer * 100 + (int)k); }

static void add(struct store_writer *w, int i) {
    struct trace t = make(i);
    f16 *x[2];
    for (int l = 0; l < 2; l++) {
        x[l] = malloc((size_t)(t.rows * WIDTH) * sizeof(f16));
        for (int64_t k = 0; k < t.rows * WIDTH; k++) x[l][k] = value(i, l, k);
    }
    const f16 choices[2 * CW] = {(f16)i, (f16)(i + 1), (f16)(i + 2), (f16)(i + 3)};
    OK(store_add(w, &t, (const void *const *)x, choices, e));
    free(x[0]), free(x[1]);
    trace_fini(&t);
}

static void fill(const char *dir, int from, int to) {
    struct store_writer *w;
    json_t *s = settings(1);
    int64_t done;
    OK(store_create(&w, dir, s, &rows, &done, e));
    cr_assert_eq(done, from);
    for (int i = from; i < to; i++) add(w, i);
    OK(store_flush(w, e));
    store_writer_free(w);
    json_decref(s);
}

static void check(const char *dir, int n) {
    struct store *s;
    OK(store_open(&s, dir, e));
    cr_assert_eq(store_n(s), n);
    cr_assert_eq(store_layer_find(s, 3), 1);
    cr_assert_eq(store_layer_find(s, 2), -1);
    for (int i = 0; i < n; i++) {
        const struct trace *t = store_trace(s, i);
        struct trace want = make(i);
        cr_assert_eq(t->rows, i + 2);
        cr_assert_eq(t->n, want.n);
        cr_assert(!memcmp(t->ids, want.ids, (size_t)t->n * sizeof *t->ids));
        cr_assert(!memcmp(t->ends, want.ends, (size_t)t->n * sizeof *t->ends));
        cr_assert_eq(t->len, want.len);
        cr_assert_str_eq(t->q.choices[1], want.q.choices[1]);
        cr_assert_eq(t->steps[1].forced.logp[1], -1.5);
        cr_assert_eq(t->label, 1);
        for (int k = 0; k < 2 * CW; k++) cr_assert_eq(store_choices(s)[t->choice0 * CW + k], (f16)(i + k));
        for (int l = 0; l < 2; l++)
            for (int64_t k = 0; k < t->rows * WIDTH; k++) cr_assert_eq(store_states(s, l)[t->row0 * WIDTH + k], value(i, l, k));
        trace_fini(&want);
    }
    store_free(s);
}

static void append(const char *dir, const char *name, const char *bytes, size_t n) {
    char path[600];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    FILE *f = fopen(path, "ab");
    cr_assert(f);
    fwrite(bytes, 1, n, f);
    fclose(f);
}

Test(store, what_is_written_is_read_back_and_gone_on_with) {
    char dir[256];
    in_dir(dir);
    fill(dir, 0, 3);
    check(dir, 3);
    fill(dir, 3, 8);
    check(dir, 8);
    clean(dir);
}

Test(store, a_kill_loses_no_finished_trace) {
    char dir[256];
    in_dir(dir);
    fill(dir, 0, 4);
    append(dir, "traces.jsonl", "{\"row\":\"trace\",\"ind", 19);
    append(dir, "resid_out.L03.npy", "half a row", 10);
    check(dir, 4);
    fill(dir, 4, 6);
    check(dir, 6);
    clean(dir);
}

static void whole_file(const char *dir, const char *name, char **out, size_t *n) {
    char path[600];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    OK(file_read(out, n, path, 0, e));
}

/* Lines longer than any block that they are read in, and one that ends with its block. */
Test(store, lines_of_any_length_are_gone_through) {
    static const size_t blanks[] = {200000, 65536, 65535, 1};
    char dir[256], *text, *at;
    size_t n;
    in_dir(dir);
    fill(dir, 0, 4);
    whole_file(dir, "traces.jsonl", &text, &n);
    char *wide = malloc(n + 400000), *to = wide;
    at = text;
    for (int i = 0; i < 4; i++) {
        size_t len = (size_t)(strchr(at, '\n') - at), so_far = (size_t)(to - wide) + len + 1;
        size_t more = i == 1 ? blanks[i] - so_far % blanks[i] : blanks[i];
        memcpy(to, at, len), to += len, at += len + 1;
        memset(to, ' ', more), to += more;
        *to++ = '\n';
    }
    char path[600];
    snprintf(path, sizeof path, "%s/traces.jsonl", dir);
    FILE *f = fopen(path, "wb");
    cr_assert(f && fwrite(wide, 1, (size_t)(to - wide), f) == (size_t)(to - wide) && !fclose(f));
    check(dir, 4);
    fill(dir, 4, 6);
    check(dir, 6);
    free(text), free(wide);
    clean(dir);
}

Test(store, a_damaged_line_is_not_gone_on_behind) {
    static const char *const damage[] = {"{\"row0\":-3,\"rows\":1}\n", "[1,\n"};
    for (int i = 0; i < 2; i++) {
        char dir[256];
        struct store_writer *w;
        int64_t done;
        json_t *s = settings(1);
        in_dir(dir);
        fill(dir, 0, 2);
        append(dir, "traces.jsonl", damage[i], strlen(damage[i]));
        FAILS(ERR_FORMAT, "traces.jsonl", store_create(&w, dir, s, &rows, &done, e));
        json_decref(s), clean(dir);
    }
}

/* ---- stores of readings ---- */

enum { NUMBERS = 3 };
static const struct store_rows words = {"resid_out", layers, 2, WIDTH, 0, NUMBERS};
static json_t *word_settings(void) {
    json_t *s = settings(1);
    json_object_set_new(s, "choice_width", json_integer(0)), json_object_set_new(s, "numbers", json_integer(NUMBERS));
    return s;
}

static void fill_words(const char *dir, int from, int to) {
    struct store_writer *w;
    json_t *s = word_settings();
    int64_t done;
    OK(store_create(&w, dir, s, &words, &done, e));
    cr_assert_eq(done, from);
    for (int i = from; i < to; i++) {
        struct trace t = make(i);
        float *x = malloc((size_t)(t.rows * NUMBERS) * sizeof *x);
        for (int64_t k = 0; k < t.rows * NUMBERS; k++) x[k] = (float)i + (float)k / 8;
        OK(store_add(w, &t, (const void *const[]){x, x}, NULL, e));
        cr_assert_eq(t.choice0, -1);
        free(x), trace_fini(&t);
    }
    OK(store_flush(w, e));
    store_writer_free(w), json_decref(s);
}

Test(store, readings_are_kept_like_states) {
    char dir[256], *head;
    struct store *s;
    struct store_writer *w;
    size_t n;
    int64_t done;
    in_dir(dir);
    fill_words(dir, 0, 3), fill_words(dir, 3, 5);
    whole_file(dir, "readings.L03.npy", &head, &n);
    cr_expect(strstr(head + 10, "'descr': '<f4', 'fortran_order': False, 'shape': (20, 3)"), "%.100s", head + 10);
    OK(store_open(&s, dir, e));
    cr_assert(store_numbers(s) == NUMBERS && !store_states(s, 0) && store_width(s) == WIDTH);
    for (int i = 0; i < 5; i++)
        for (int64_t k = 0; k < store_trace(s, i)->rows * NUMBERS; k++)
            cr_assert_eq(store_readings(s, 1)[store_trace(s, i)->row0 * NUMBERS + k], (float)i + (float)k / 8);
    store_free(s);
    json_t *states = settings(1);
    FAILS(ERR_STATE, "use another folder", store_create(&w, dir, states, &rows, &done, e));
    json_decref(states), free(head);
    clean(dir);
}

Test(store, other_settings_are_another_store) {
    char dir[256];
    struct store_writer *w;
    int64_t done;
    in_dir(dir);
    fill(dir, 0, 1);
    json_t *s = settings(2);
    FAILS(ERR_STATE, "seed", store_create(&w, dir, s, &rows, &done, e));
    json_decref(s);
    check(dir, 1);
    clean(dir);
}

static void spoil(const char *dir, const char *name, off_t at, char byte) {
    char path[600];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    int fd = open(path, O_RDWR);
    cr_assert(fd >= 0);
    cr_assert_eq(pwrite(fd, &byte, 1, at), 1);
    close(fd);
}

Test(store, damage_is_named) {
    char dir[256], path[600];
    struct store *s;
    in_dir(dir);
    fill(dir, 0, 4);
    snprintf(path, sizeof path, "%s/resid_out.L03.npy", dir);
    cr_assert(!truncate(path, 200));
    FAILS(ERR_FORMAT, "resid_out.L03.npy", store_open(&s, dir, e));
    clean(dir);
    in_dir(dir);
    fill(dir, 0, 4);
    spoil(dir, "embeddings.npy", 2, 'X');
    FAILS(ERR_FORMAT, "embeddings.npy", store_open(&s, dir, e));
    clean(dir);
    in_dir(dir);
    FAILS(ERR_IO, "store.json", store_open(&s, dir, e));
    clean(dir);
}

/* Every byte of a trace's line changed in turn: an error or a trace whose places are inside its text; never a crash. */
Test(store, no_byte_of_a_trace_can_crash_a_reader) {
    struct trace t = make(2);
    json_t *j = trace_json(&t);
    char *s = json_dumps(j, JSON_COMPACT);
    size_t n = strlen(s);
    int read = 0;
    for (size_t i = 0; i < n; i++)
        for (int k = 0; k < 3; k++) {
            char was = s[i];
            s[i] = "9-]"[k];
            json_t *x = json_loadb(s, n, 0, NULL);
            struct trace got;
            if (x && trace_read(&got, x, "line", 1, NULL) >= 0) {
                read++;
                cr_assert(got.open >= 0 && got.open <= got.close && got.close <= got.n);
                cr_assert(thought_byte(&got) + thought_len(&got) <= got.len);
                for (int q = 0; q < got.n_steps; q++)
                    cr_assert(got.steps[q].reading <= got.close - got.open && got.steps[q].byte <= got.len);
                trace_fini(&got);
            }
            json_decref(x);
            s[i] = was;
        }
    cr_assert_gt(read, 0);
    free(s), json_decref(j);
    trace_fini(&t);
}

/* The thought is what stands between the marks; a last token has no state behind it. */
Test(store, thoughts_are_cut_by_their_marks) {
    struct trace t = make(2);
    trace_cut(&t, "<think>", "</think>");
    cr_assert_eq(t.open, 1);
    cr_assert_eq(t.close, 4);
    cr_assert_eq(reading_byte(&t, 0), 0);
    cr_assert_eq(reading_at(&t, 1), 1);
    cr_assert_eq(reading_at(&t, thought_len(&t)), 3);
    trace_cut(&t, "<missing>", "</missing>");
    cr_assert_eq(t.open, 0);
    cr_assert_eq(t.close, 4);
    trace_cut(&t, "</think>", "</think>");
    cr_assert_eq(t.close - t.open, 0);
    trace_fini(&t);
}
