/* GGUF models in several files, and the writer that makes bytes while it writes: parts opened from any of them are the whole file;
 * what does not belong together is refused with the part named; every cut of every part is refused or read without harm. */
#include "test_files.h"
#include "weights/gguf_write.h"
#include "weights/weights_int.h"

TestSuite(split, .timeout = HANG_S);

/* ---- parts ---- */

static const char *part_name(int i, int n) {
    char name[40];
    snprintf(name, sizeof name, "m-%05d-of-%05d.gguf", i, n);
    return tmp_path(name);
}

/* What a part says of itself; the keys are left out where they are negative. */
struct says {
    int no, count, total;
};
enum { N_TENSORS = 7, COLS = 32 };
static float numbers[N_TENSORS][3 * COLS];

static void put_tensor(struct gguf_writer *g, int i) {
    const int64_t dims[] = {1 + i % 3, COLS};
    char name[16];
    snprintf(name, sizeof name, "t%d", i);
    for (int k = 0; k < 3 * COLS; k++) numbers[i][k] = (float)(100 * i + k);
    gguf_put_tensor(g, name, FMT_F32, 2, dims, numbers[i]);
}

/* Tensors [a, z); the keys of the model with the first. */
static void write_part(const char *path, struct says s, int a, int z) {
    struct gguf_writer *g;
    OK(gguf_writer_new(&g, &e));
    if (a == 0) gguf_put_str(g, "general.name", "whole", 5), gguf_put_u32(g, "x.layers", 3);
    if (a != 0) gguf_put_str(g, "general.name", "another", 7); /* later parts' other keys do not count */
    if (s.no >= 0) gguf_put_u16(g, "split.no", (uint16_t)s.no);
    if (s.count >= 0) gguf_put_u16(g, "split.count", (uint16_t)s.count);
    if (s.total >= 0) gguf_put_i32(g, "split.tensors.count", s.total);
    for (int i = a; i < z; i++) put_tensor(g, i);
    OK(gguf_writer_commit(g, path, &e));
    gguf_writer_free(g);
}

static void write_three(void) {
    write_part(part_name(1, 3), (struct says){0, 3, N_TENSORS}, 0, 2);
    write_part(part_name(2, 3), (struct says){1, 3, N_TENSORS}, 2, 5);
    write_part(part_name(3, 3), (struct says){2, 3, N_TENSORS}, 5, N_TENSORS);
}

/* ---- opening ---- */

static void expect_whole(const struct weights *w) {
    struct meta_str s;
    uint64_t bytes = 0, one = 0;
    cr_assert_eq(weights_n_tensors(w), N_TENSORS);
    cr_assert_eq(weights_n_files(w), 3);
    cr_expect(meta_str(w, "general.name", &s, NULL) == 1 && !strcmp(s.s, "whole"));
    for (int i = 0; i < N_TENSORS; i++) {
        const struct tensor *t = weights_tensor_at(w, i);
        cr_expect(t->name[1] == '0' + i && t->m.rows == 1 + i % 3, "%s", t->name);
        cr_expect(!memcmp(t->m.data, numbers[i], t->bytes), "%s", t->name);
        cr_expect_eq(t->file, i < 2 ? 0 : i < 5 ? 1 : 2);
        cr_expect_eq(weights_tensor(w, t->name), t);
    }
    for (int i = 0; i < 3; i++) {
        cr_expect_str_eq(weights_file(w, i, &one), part_name(i + 1, 3));
        bytes += one;
    }
    cr_expect_eq(bytes, weights_bytes(w));
    cr_expect_null(weights_file(w, 3, NULL));
}

Test(split, any_part_opens_the_whole, .init = tmp_init, .fini = tmp_end_strict) {
    write_three();
    for (int i = 1; i <= 3; i++) {
        struct weights *w = NULL;
        OK(weights_open(&w, part_name(i, 3), &e));
        expect_whole(w);
        cr_expect_str_eq(weights_path(w), part_name(i, 3));
        weights_close(w);
    }
}

Test(split, a_relative_path_without_a_folder_will_do, .init = tmp_init, .fini = tmp_end_strict) {
    char was[1024];
    struct weights *w = NULL;
    write_three();
    cr_assert(getcwd(was, sizeof was) && chdir(tmp_dir) == 0);
    OK(weights_open(&w, "m-00003-of-00003.gguf", &e));
    cr_expect_eq(weights_n_tensors(w), N_TENSORS);
    cr_expect_str_eq(weights_dir(w), ".");
    weights_close(w);
    cr_assert(chdir(was) == 0);
}

Test(split, a_name_alone_makes_no_part, .init = tmp_init, .fini = tmp_end_strict) {
    struct weights *w = NULL;
    write_part(part_name(2, 3), (struct says){-1, -1, -1}, 0, 2);
    OK(weights_open(&w, part_name(2, 3), &e));
    cr_expect(weights_n_tensors(w) == 2 && weights_n_files(w) == 1);
    weights_close(w);
    write_part(tmp_path("one.gguf"), (struct says){0, 1, 2}, 0, 2);
    OK(weights_open(&w, tmp_path("one.gguf"), &e));
    weights_close(w);
}

/* ---- refusals ---- */

static void refused(const char *path, int code, const char *where, const char *words) {
    struct err e = ERR_INIT;
    struct weights *w = NULL;
    int rc = weights_open(&w, path, &e);
    cr_expect_eq(rc, code, "%s: found %s (%s)", words, err_name(rc), e.msg);
    cr_expect(strstr(e.msg, words), "expected \"%s\", found \"%s\"", words, e.msg);
    cr_expect(strstr(e.where, where), "expected %s, found %s", where, e.where);
    cr_expect_null(w);
    weights_close(w);
}

Test(split, a_part_that_is_missing_is_named, .init = tmp_init, .fini = tmp_end_strict) {
    for (int gone = 1; gone <= 3; gone++) {
        char words[80], where[40];
        write_three();
        unlink(part_name(gone, 3));
        snprintf(words, sizeof words, "expected part %d of 3 of the model, found no such file", gone);
        snprintf(where, sizeof where, "m-%05d-of-00003.gguf", gone);
        for (int i = 1; i <= 3; i++)
            if (i != gone) refused(part_name(i, 3), ERR_IO, where, words);
    }
}

Test(split, parts_that_do_not_belong_together_are_refused, .init = tmp_init, .fini = tmp_end_strict) {
    static const struct {
        struct says second;
        int a, z, code;
        const char *where, *words;
    } bad[] = {
        {{2, 3, 7}, 2, 5, ERR_FORMAT, "00002-of", "key split.no: expected 1, found 2"},
        {{-1, 3, 7}, 2, 5, ERR_FORMAT, "00002-of", "key split.no: expected 1, found no such key"},
        {{1, 4, 7}, 2, 5, ERR_FORMAT, "00002-of", "key split.count: expected 3, found 4"},
        {{1, -1, 7}, 2, 5, ERR_FORMAT, "00002-of", "key split.count: expected 3, found no such key"},
        {{1, 3, 7}, 2, 4, ERR_FORMAT, "00001-of", "expected the 6 tensors of the 3 parts, found 7"},
        {{1, 3, 7}, 1, 4, ERR_FORMAT, "00002-of", "tensor t1: expected each name once"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        write_three();
        write_part(part_name(2, 3), bad[i].second, bad[i].a, bad[i].z);
        refused(part_name(1, 3), bad[i].code, bad[i].where, bad[i].words);
    }
}

Test(split, a_first_part_must_say_so, .init = tmp_init, .fini = tmp_end_strict) {
    write_three();
    write_part(part_name(1, 3), (struct says){1, 3, 7}, 0, 2);
    refused(part_name(1, 3), ERR_FORMAT, "00001-of", "key split.no: expected 0, found 1");
    write_part(tmp_path("renamed.gguf"), (struct says){0, 3, 7}, 0, 2);
    refused(tmp_path("renamed.gguf"), ERR_UNSUPPORTED, "renamed.gguf", "expected a name like NAME-00001-of-00003.gguf");
    write_part(part_name(2, 3), (struct says){1, 3, -1}, 2, 5);
    write_part(part_name(1, 3), (struct says){0, 3, -1}, 0, 2);
    struct weights *w = NULL;
    OK(weights_open(&w, part_name(1, 3), &e)); /* a total that nobody states is not checked */
    weights_close(w);
}

Test(split, every_cut_of_every_part_is_refused, .init = tmp_init, .fini = tmp_end_strict) {
    char *text[3], *copy;
    size_t size[3];
    write_three();
    for (int i = 0; i < 3; i++) OK(file_read(&text[i], &size[i], part_name(i + 1, 3), 0, &e));
    for (int k = 0; k < 3; k++)
        for (size_t n = 0; n <= size[k]; n++) {
            struct map m[3];
            struct weights *w = NULL;
            struct err e = ERR_INIT;
            for (int i = 0; i < 3; i++) m[i] = (struct map){(unsigned char *)text[i], size[i]};
            cr_assert((copy = malloc(n + 1)) != NULL);
            copy = realloc(memcpy(copy, text[k], n), n ? n : 1);
            m[k] = (struct map){(unsigned char *)copy, n};
            int rc = gguf__open_parts(&w, m, 3, "parts", &e);
            /* padding behind the last tensor may be missing */
            cr_assert(rc == 0 ? n + 32 > size[k] : e.msg[0] && !w, "part %d cut at %zu: %s", k, n, e.msg);
            weights_close(w);
            free(copy);
        }
    for (int i = 0; i < 3; i++) free(text[i]);
}

Test(split, a_part_in_memory_is_no_model, .init = tmp_init, .fini = tmp_end_strict) {
    struct err why = ERR_INIT;
    struct weights *w = NULL;
    char *text;
    size_t n;
    write_three();
    OK(file_read(&text, &n, part_name(1, 3), 0, &e));
    cr_expect_eq(gguf__open_bytes(&w, text, n, "bytes", &why), ERR_UNSUPPORTED);
    cr_expect(strstr(why.msg, "expected all 3 parts of the model, found 1"), "%s", why.msg);
    free(text);
}

/* ---- bytes made while writing ---- */

enum { MANY = 3000, WIDE = 1024 }; /* 12 MB: several pieces */
struct source {
    int64_t next, pieces, fail_at;
};
static float number_at(int64_t row, int64_t col) { return (float)(row * 7 + col); }
static int make_rows(void *ctx, int64_t row, int64_t rows, void *bytes, struct err *e) {
    struct source *s = ctx;
    float *x = bytes;
    cr_expect_eq(row, s->next);
    if (row + rows > s->fail_at) return fail(e, ERR_RANGE, "expected fewer rows, found %lld", (long long)(row + rows));
    for (int64_t r = 0; r < rows; r++)
        for (int64_t c = 0; c < WIDE; c++) *x++ = number_at(row + r, c);
    s->next += rows, s->pieces++;
    return 0;
}

static int stream(const char *path, struct source *s, struct err *why) {
    struct gguf_writer *g;
    const int64_t dims[] = {MANY / 3, 3, WIDE}, one = 1;
    static const float x = 5;
    OK(gguf_writer_new(&g, &e));
    gguf_put_tensor(g, "before", FMT_F32, 1, &one, &x);
    gguf_put_tensor_from(g, "made", FMT_F32, 3, dims, make_rows, s);
    gguf_put_tensor(g, "after", FMT_F32, 1, &one, &x);
    int rc = gguf_writer_commit(g, path, why);
    gguf_writer_free(g);
    return rc;
}

Test(split, a_made_tensor_comes_row_by_row, .init = tmp_init, .fini = tmp_end_strict) {
    struct source s = {.fail_at = MANY};
    struct weights *w = NULL;
    OK(stream(tmp_path("made.gguf"), &s, &e));
    cr_expect(s.next == MANY && s.pieces >= 3, "%lld pieces", (long long)s.pieces);
    OK(weights_open(&w, tmp_path("made.gguf"), &e));
    const struct tensor *t = weights_tensor(w, "made"), *after = weights_tensor(w, "after");
    const float *x = t->m.data;
    int wrong = 0;
    for (int64_t i = 0; i < t->m.rows * t->m.cols; i++)
        wrong += x[i] < number_at(i / WIDE, i % WIDE) || x[i] > number_at(i / WIDE, i % WIDE);
    cr_expect(!wrong && t->m.rows == MANY && *(const float *)after->m.data > 4, "%d wrong", wrong);
    weights_close(w);
}

Test(split, a_source_that_fails_leaves_no_file, .init = tmp_init, .fini = tmp_end_strict) {
    struct err e = ERR_INIT;
    struct source s = {.fail_at = MANY / 2};
    cr_expect_eq(stream(tmp_path("made.gguf"), &s, &e), ERR_RANGE);
    cr_expect(strstr(e.msg, "expected fewer rows"), "%s", e.msg);
    cr_expect_eq(visible_files(tmp_dir, 1), 0, "something was left");
}
