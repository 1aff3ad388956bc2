/* Quantising: the formats of every mix are those another implementation chose (quantize_mixes.h); the bytes are those of the formats' own
 * quantisers, the same from any number of threads and from a model in parts; what cannot be done is refused and leaves no file. */
#include "model/quantize.h"
#include "quant_models.h"
#include "quantize_mixes.h"
#include "test_files.h"
#include "weights/weights_int.h"
#include <math.h>
#include <strings.h>

TestSuite(quantize, .timeout = HANG_S);

#define LEN(a) (sizeof(a) / sizeof *(a))

static struct weights *model(const char *shape, enum fmt f, int fill) {
    struct weights *w = qmodel(qshape_find(shape), f, fill);
    cr_assert(w, "%s", shape);
    return w;
}

static struct quant_plan *plan(const struct weights *w, const struct quant_opts *o) {
    struct quant_plan *p = NULL;
    OK(quant_plan_new(&p, w, o, &e));
    return p;
}

static struct quant_opts mix(const char *name) { return (struct quant_opts){.mix = quant_mix_find(name)}; }

static void expect_equal_files(const char *a, const char *b) {
    char *x, *y;
    size_t n, m;
    OK(file_read(&x, &n, a, 0, &e));
    OK(file_read(&y, &m, b, 0, &e));
    cr_expect(n == m && !memcmp(x, y, n), "%s and %s differ", a, b);
    free(x), free(y);
}

/* ---- rules ---- */

static enum fmt planned(const struct quant_plan *p, const char *name) {
    for (int64_t i = 0; i < p->n; i++)
        if (!strcmp(p->items[i].t->name, name)) return p->items[i].to;
    cr_assert(0, "no tensor %s", name);
    return FMT_F32;
}

static void expect_format(const struct quant_plan *p, const char *row, const char *name, const char *want) {
    const char *got = fmt_find((int)planned(p, name))->name;
    cr_expect(!strcasecmp(got, want), "%s: %s: expected %s, found %s", row, name, want, got);
}

/* "attn_v=q5_K*3,q4_K*25" */
static void expect_part(const struct quant_plan *p, const char *row, char *part) {
    char *eq = strchr(part, '='), *save = NULL, name[64];
    int layer = 0;
    *eq = 0;
    if (!strcmp(part, "embd") || !strcmp(part, "output")) {
        expect_format(p, row, part[0] == 'e' ? "token_embd.weight" : "output.weight", eq + 1);
        return;
    }
    for (char *run = strtok_r(eq + 1, ",", &save); run; run = strtok_r(NULL, ",", &save)) {
        char *star = strchr(run, '*');
        *star = 0;
        for (int n = atoi(star + 1); n > 0; n--) {
            snprintf(name, sizeof name, "blk.%d.%s.weight", layer++, part);
            expect_format(p, row, name, run);
        }
    }
}

Test(quantize, formats_are_those_of_the_peer) {
    const struct qshape *s = NULL;
    struct weights *w = NULL;
    for (size_t i = 0; i < LEN(quantize_mixes); i++) {
        char row[64], *text = strdup(quantize_mixes[i].formats), *save = NULL;
        if (!s || strcmp(s->name, quantize_mixes[i].shape) != 0) {
            weights_close(w);
            w = model(quantize_mixes[i].shape, FMT_F32, 0), s = qshape_find(quantize_mixes[i].shape);
        }
        const struct quant_opts o = mix(quantize_mixes[i].mix);
        struct quant_plan *p = plan(w, &o);
        snprintf(row, sizeof row, "%s as %s", s->name, o.mix->name);
        for (char *part = strtok_r(text, " ", &save); part; part = strtok_r(NULL, " ", &save)) expect_part(p, row, part);
        expect_format(p, row, "output_norm.weight", "F32");
        quant_plan_free(p);
        free(text);
    }
    weights_close(w);
}

Test(quantize, every_mix_has_rows_in_the_table_and_true_bits) {
    for (int i = 0; quant_mix_at(i); i++) {
        const struct quant_mix *m = quant_mix_at(i);
        const struct fmt_row *f = fmt_find((int)m->fmt);
        int rows = 0;
        for (size_t k = 0; k < LEN(quantize_mixes); k++) rows += !strcmp(quantize_mixes[k].mix, m->name);
        cr_expect_eq(rows, N_QSHAPES, "%s: %d rows", m->name, rows);
        cr_expect(fabs(m->bits - 8.0 * f->bytes / f->block) < 1e-12, "%s", m->name);
        cr_expect_eq(quant_mix_find(m->name), m);
    }
    cr_expect_eq(quant_mix_find("q4_k"), quant_mix_find("Q4_K_M"));
    cr_expect_eq(quant_mix_find("q3_k"), quant_mix_find("Q3_K_M"));
    cr_expect(!quant_mix_find("q4") && !quant_mix_find("") && !quant_mix_at(-1));
}

Test(quantize, rows_that_are_not_whole_blocks_take_another_format) {
    static const struct {
        enum fmt asked;
        int64_t cols;
        enum fmt got;
    } t[] = {{FMT_Q4_K, 512, FMT_Q4_K}, {FMT_Q4_K, 288, FMT_Q5_0}, {FMT_Q5_K, 288, FMT_Q5_1},    {FMT_Q6_K, 96, FMT_Q8_0},
             {FMT_Q2_K, 64, FMT_Q4_0},  {FMT_Q3_K, 64, FMT_Q4_0},  {FMT_IQ4_XS, 32, FMT_IQ4_NL}, {FMT_Q4_K, 100, FMT_F16},
             {FMT_Q8_0, 100, FMT_F16},  {FMT_Q8_0, 64, FMT_Q8_0},  {FMT_IQ4_NL, 33, FMT_F16},    {FMT_BF16, 7, FMT_BF16},
             {FMT_F32, 1, FMT_F32}};
    for (size_t i = 0; i < LEN(t); i++) cr_expect_eq(quant_fallback(t[i].asked, t[i].cols), t[i].got, "row %zu", i);
}

Test(quantize, wishes_come_before_rules) {
    struct weights *w = model("untied", FMT_F32, 0);
    struct quant_choice c[2] = {{0}, {0}};
    OK(quant_choice_parse(&c[0], "blk\\.[0-3]\\.ffn_down=q8_0", &e));
    OK(quant_choice_parse(&c[1], "ffn=F16", &e));
    struct quant_opts o = mix("Q4_K_M");
    o.choices = c, o.n_choices = 2, o.keep_output = 1, o.embedding = fmt_find(FMT_Q5_1);
    struct quant_plan *p = plan(w, &o);
    cr_expect_eq(planned(p, "blk.3.ffn_down.weight"), FMT_Q8_0);
    cr_expect_eq(planned(p, "blk.4.ffn_down.weight"), FMT_F16);
    cr_expect_eq(planned(p, "blk.0.ffn_norm.weight"), FMT_F32, "a vector stays");
    cr_expect_eq(planned(p, "blk.0.attn_v.weight"), FMT_Q6_K);
    cr_expect_eq(planned(p, "output.weight"), FMT_F32);
    cr_expect_eq(planned(p, "token_embd.weight"), FMT_Q5_1);
    quant_plan_free(p);
    o = (struct quant_opts){.mix = quant_mix_find("Q4_K_M"), .pure = 1, .output = fmt_find(FMT_BF16)};
    p = plan(w, &o);
    cr_expect_eq(planned(p, "blk.0.attn_v.weight"), FMT_Q4_K);
    cr_expect_eq(planned(p, "token_embd.weight"), FMT_Q4_K);
    cr_expect_eq(planned(p, "output.weight"), FMT_BF16);
    quant_plan_free(p);
    quant_choice_free(&c[0]), quant_choice_free(&c[1]);
    weights_close(w);
}

Test(quantize, wishes_that_are_none_are_refused) {
    static const char *const bad[][2] = {{"attn_v", "expected REGEX=FORMAT"},
                                         {"=q8_0", "expected REGEX=FORMAT"},
                                         {"attn_v=q9", "expected a storage format behind =, found \"q9\""},
                                         {"attn_(v=q8_0", "expected a regular expression"}};
    for (size_t i = 0; i < LEN(bad); i++) {
        struct err e = ERR_INIT;
        struct quant_choice c = {0};
        cr_expect_eq(quant_choice_parse(&c, bad[i][0], &e), ERR_ARG);
        cr_expect(strstr(e.msg, bad[i][1]), "%s", e.msg);
        quant_choice_free(&c);
    }
}

/* ---- bytes ---- */

/* Every tensor of the file is its source through the formats' own functions, row by row. */
static void expect_bytes(const struct weights *from, const char *path) {
    struct weights *w = NULL;
    OK(weights_open(&w, path, &e));
    cr_expect_eq(weights_n_tensors(w), weights_n_tensors(from));
    for (int64_t i = 0; i < weights_n_tensors(w); i++) {
        const struct tensor *t = weights_tensor_at(w, i), *s = weights_tensor(from, t->name);
        const struct fmt_row *f = fmt_find((int)t->m.fmt), *g = fmt_find((int)s->m.fmt);
        float *x = malloc((size_t)t->m.cols * sizeof *x);
        char *row = malloc(t->m.row_bytes);
        int same = t->m.rows == s->m.rows && t->m.cols == s->m.cols;
        for (int64_t r = 0; same && r < t->m.rows; r++) {
            g->to_f32(x, (const char *)s->m.data + (size_t)r * s->m.row_bytes, s->m.cols);
            f->from_f32(row, x, t->m.cols);
            same = !memcmp(row, (const char *)t->m.data + (size_t)r * t->m.row_bytes, t->m.row_bytes);
        }
        cr_expect(same, "%s: tensor %s is not its source as %s", path, t->name, f->name);
        free(x), free(row);
    }
    weights_close(w);
}

static void write_out(const struct weights *w, const struct quant_opts *o, const char *path, int threads, int64_t per_file) {
    struct quant_run how = {.tensors_per_file = per_file};
    struct quant_plan *p = plan(w, o);
    if (threads > 1) OK(pool_new(&how.pool, threads, &e));
    OK(quant_write(p, path, &how, &e));
    pool_free(how.pool);
    quant_plan_free(p);
}

Test(quantize, bytes_are_those_of_the_formats, .init = tmp_init, .fini = tmp_end_strict) {
    static const enum fmt from[] = {FMT_F32, FMT_F16, FMT_BF16};
    for (int i = 0; quant_mix_at(i); i++) {
        const struct quant_opts o = {.mix = quant_mix_at(i)};
        struct weights *w = model(i % 2 ? "small" : "thin", from[i % 3], 1);
        write_out(w, &o, tmp_path("out.gguf"), 1 + i % 3, 0);
        expect_bytes(w, tmp_path("out.gguf"));
        weights_close(w);
    }
}

Test(quantize, threads_change_nothing, .init = tmp_init, .fini = tmp_end_strict) {
    struct weights *w = model("small", FMT_F32, 1);
    const struct quant_opts o = mix("Q4_K_M");
    write_out(w, &o, tmp_path("one.gguf"), 1, 0);
    write_out(w, &o, tmp_path("many.gguf"), 5, 0);
    expect_equal_files(tmp_path("one.gguf"), tmp_path("many.gguf"));
    weights_close(w);
}

Test(quantize, keys_are_copied_and_two_are_new, .init = tmp_init, .fini = tmp_end_strict) {
    struct weights *w = model("thin", FMT_F32, 1), *q = NULL;
    const struct quant_opts o = mix("Q3_K_L");
    int64_t n = 0;
    write_out(w, &o, tmp_path("out.gguf"), 1, 0);
    OK(weights_open(&q, tmp_path("out.gguf"), &e));
    cr_expect(meta_i64(q, "general.file_type", &n, NULL) == 1 && n == 13);
    cr_expect(meta_i64(q, "general.quantization_version", &n, NULL) == 1 && n == 2);
    cr_expect(meta_i64(q, "gpt2.block_count", &n, NULL) == 1 && n == 3);
    cr_expect_eq(meta_count(q), meta_count(w) + 1);
    weights_close(q), weights_close(w);
}

/* A model in parts gives the bytes of the whole one, and comes out in parts that are the whole. */
Test(quantize, parts_in_and_parts_out, .init = tmp_init, .fini = tmp_end_strict) {
    struct weights *w = model("small", FMT_F32, 1), *parts = NULL, *out = NULL;
    const struct quant_opts o = mix("Q5_K_M");
    const int64_t n = weights_n_tensors(w);
    cr_assert_eq(qsave_part(w, tmp_path("p-00001-of-00003.gguf"), 0, 5, 0, 3), 0);
    cr_assert_eq(qsave_part(w, tmp_path("p-00002-of-00003.gguf"), 5, 6, 1, 3), 0);
    cr_assert_eq(qsave_part(w, tmp_path("p-00003-of-00003.gguf"), 6, n, 2, 3), 0);
    OK(weights_open(&parts, tmp_path("p-00002-of-00003.gguf"), &e));
    write_out(w, &o, tmp_path("whole.gguf"), 2, 0);
    write_out(parts, &o, tmp_path("from_parts.gguf"), 2, 0);
    expect_equal_files(tmp_path("whole.gguf"), tmp_path("from_parts.gguf"));
    write_out(parts, &o, tmp_path("q.gguf"), 2, 10);
    OK(weights_open(&out, tmp_path("q-00001-of-00003.gguf"), &e));
    cr_expect(weights_n_files(out) == 3 && weights_n_tensors(out) == n);
    expect_bytes(w, tmp_path("q-00002-of-00003.gguf"));
    weights_close(w), weights_close(parts), weights_close(out);
}

/* ---- refusals ---- */

static int no_time(void) { return 1; }
static int little_time(void) {
    static int pieces;
    return ++pieces > 3;
}

static void refused(const struct weights *w, const struct quant_opts *o, const struct quant_run *how, const char *path, int code,
                    const char *words) {
    struct err e = ERR_INIT;
    struct quant_plan *p = NULL;
    int before = visible_files(tmp_dir, 0), rc = quant_plan_new(&p, w, o, &e);
    if (rc == 0) rc = quant_write(p, path, how, &e);
    cr_expect_eq(rc, code, "%s: found %s (%s)", words, err_name(rc), e.msg);
    cr_expect(strstr(e.msg, words), "expected \"%s\", found \"%s\"", words, e.msg);
    cr_expect_eq(visible_files(tmp_dir, 0), before, "%s: a file was left", words);
    quant_plan_free(p);
}

static void set_number(struct weights *w, const char *name, int64_t row, int64_t col, float x) {
    const struct tensor *t = weights_tensor(w, name);
    memcpy((char *)(uintptr_t)t->m.data + (size_t)row * t->m.row_bytes + 4 * (size_t)col, &x, 4);
}

Test(quantize, numbers_that_cannot_be_kept_are_refused, .init = tmp_init, .fini = tmp_end_strict) {
    static const struct {
        float x;
        const char *mix, *words;
    } bad[] = {{NAN, "Q4_K_M", "tensor blk.1.ffn_up.weight: expected finite numbers, found nan at [300, 17]"},
               {-INFINITY, "Q8_0", "expected finite numbers, found -inf at [300, 17]"},
               {INFINITY, "F32", "expected finite numbers, found inf at [300, 17]"},
               {1e6f, "F16", "tensor blk.1.ffn_up.weight: expected numbers that F16 holds, found larger ones at [300, 17]"},
               {3e38f, "Q4_0", "expected numbers that Q4_0 holds, found larger ones at [300, 0]"}};
    struct pool *pool = NULL;
    OK(pool_new(&pool, 3, &e));
    for (size_t i = 0; i < LEN(bad); i++) {
        struct weights *w = model("small", FMT_F32, 1);
        struct quant_opts o = mix(bad[i].mix);
        set_number(w, "blk.1.ffn_up.weight", 300, 17, bad[i].x);
        set_number(w, "blk.1.ffn_up.weight", 301, 3, NAN); /* a later one is not what is reported */
        refused(w, &o, &(struct quant_run){.pool = pool}, tmp_path("out.gguf"), ERR_RANGE, bad[i].words);
        refused(w, &o, &(struct quant_run){.tensors_per_file = 4}, tmp_path("out.gguf"), ERR_RANGE, bad[i].words);
        weights_close(w);
    }
    pool_free(pool);
}

Test(quantize, large_numbers_that_fit_are_taken, .init = tmp_init, .fini = tmp_end_strict) {
    struct weights *w = model("thin", FMT_F32, 1);
    const struct quant_opts o = mix("Q8_0"), b = mix("BF16");
    set_number(w, "blk.1.ffn_up.weight", 3, 17, 1e6f); /* 1e6 / 127 is a scale that f16 holds */
    write_out(w, &o, tmp_path("out.gguf"), 1, 0);
    expect_bytes(w, tmp_path("out.gguf"));
    write_out(w, &b, tmp_path("out.gguf"), 1, 0);
    weights_close(w);
}

Test(quantize, what_is_quantised_already_is_refused_unless_asked_for, .init = tmp_init, .fini = tmp_end_strict) {
    struct weights *w = model("small", FMT_Q8_0, 1);
    struct quant_opts o = mix("Q4_K_M"), same = mix("Q8_0");
    refused(w, &o, &(struct quant_run){.pool = NULL}, tmp_path("out.gguf"), ERR_ARG,
            "expected float numbers to quantise, found Q8_0");
    o.requantize = 1;
    write_out(w, &o, tmp_path("again.gguf"), 1, 0);
    expect_bytes(w, tmp_path("again.gguf"));
    write_out(w, &same, tmp_path("same.gguf"), 1, 0); /* copied, not quantised */
    weights_close(w);
}

Test(quantize, a_run_that_is_stopped_leaves_nothing, .init = tmp_init, .fini = tmp_end_strict) {
    struct weights *w = model("thin", FMT_F32, 1);
    const struct quant_opts o = mix("Q8_0");
    refused(w, &o, &(struct quant_run){.stop = no_time}, tmp_path("out.gguf"), ERR_CANCELLED, "interrupted");
    refused(w, &o, &(struct quant_run){.stop = little_time, .tensors_per_file = 2}, tmp_path("out.gguf"), ERR_CANCELLED,
            "interrupted");
    weights_close(w);
}

Test(quantize, the_input_is_no_output, .init = tmp_init, .fini = tmp_end_strict) {
    struct weights *w = model("thin", FMT_F32, 1), *in = NULL;
    const struct quant_opts o = mix("Q8_0");
    cr_assert_eq(qsave(w, tmp_path("in.gguf")), 0);
    cr_assert_eq(symlink(tmp_path("in.gguf"), tmp_path("link.gguf")), 0);
    OK(weights_open(&in, tmp_path("in.gguf"), &e));
    refused(in, &o, &(struct quant_run){.pool = NULL}, tmp_path("in.gguf"), ERR_ARG, "found the same file");
    refused(in, &o, &(struct quant_run){.pool = NULL}, tmp_path("link.gguf"), ERR_ARG, "found the same file");
    weights_close(in), weights_close(w);
}

static struct weights *keys_only(const char *arch, const char *key, uint32_t v) {
    struct weights *w = NULL;
    OK(weights_memory_new(&w, "keys", &e));
    OK(weights_memory_str(w, "general.architecture", arch, &e));
    if (key) OK(weights_memory_u32(w, key, v, &e));
    return w;
}

Test(quantize, models_without_rules_are_refused, .init = tmp_init, .fini = tmp_end_strict) {
    static const struct {
        const char *arch, *key;
        uint32_t v;
        int code;
        const char *words;
    } bad[] = {
        {"no-such", NULL, 0, ERR_UNSUPPORTED, "key general.architecture: expected a family"},
        {"llama", "llama.expert_count", 8, ERR_UNSUPPORTED, "key llama.expert_count: expected a model without experts, found 8"},
        {"llama", NULL, 0, ERR_FORMAT,
         "key llama.block_count: expected a positive number (--pure needs none), found no such key"},
        {"llama", "llama.block_count", 0, ERR_FORMAT, "key llama.block_count: expected a positive number"}};
    const struct quant_opts o = mix("Q8_0");
    for (size_t i = 0; i < LEN(bad); i++) {
        struct weights *w = keys_only(bad[i].arch, bad[i].key, bad[i].v);
        refused(w, &o, &(struct quant_run){.pool = NULL}, tmp_path("out.gguf"), bad[i].code, bad[i].words);
        weights_close(w);
    }
}

/* One format for all needs neither an architecture nor a count of layers: the reference bytes of one tensor, from a file of nothing else. */
Test(quantize, pure_takes_any_file_of_tensors, .init = tmp_init, .fini = tmp_end_strict) {
    struct weights *w = keys_only("no-such", NULL, 0), *out = NULL;
    const int64_t dims[2] = {3, 512};
    void *bytes = NULL;
    OK(weights_memory_tensor(w, "anything.weight", FMT_F32, 2, dims, &bytes, &e));
    struct rng r = RNG(5, 1);
    for (int i = 0; i < 3 * 512; i++) ((float *)bytes)[i] = (float)rng_normal(&r);
    struct quant_opts o = mix("Q4_K_M");
    refused(w, &o, &(struct quant_run){.pool = NULL}, tmp_path("out.gguf"), ERR_UNSUPPORTED, "--pure");
    o.pure = 1;
    struct quant_plan *p = NULL;
    OK(quant_plan_new(&p, w, &o, &e));
    OK(quant_write(p, tmp_path("out.gguf"), &(struct quant_run){.pool = NULL}, &e));
    quant_plan_free(p);
    OK(weights_open(&out, tmp_path("out.gguf"), &e));
    const struct tensor *t = weights_tensor(out, "anything.weight");
    cr_assert(t && t->m.fmt == FMT_Q4_K);
    char want[2 * 144];
    for (int row = 0; row < 3; row++) {
        fmt_find(FMT_Q4_K)->from_f32(want, (const float *)bytes + 512 * row, 512);
        cr_expect(!memcmp(want, (const char *)t->m.data + row * (int)sizeof want, sizeof want), "row %d", row);
    }
    weights_close(out), weights_close(w);
    unlink(tmp_path("out.gguf"));
}
