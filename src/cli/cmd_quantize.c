/* candor quantize: a model file in another storage format. */
#include "base/progress.h"
#include "cli/open.h"
#include "model/quantize.h"
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct opt opts[] = {
    {"type", 'T', "TYPE", NULL, "what to make of it: one of the types below"},
    {"pure", 0, NULL, NULL, "every matrix in the type's own format, output and embedding too"},
    {"output-tensor-type", 0, "FORMAT", NULL, "format of output.weight"},
    {"token-embedding-type", 0, "FORMAT", NULL, "format of token_embd.weight"},
    {"tensor-type", 0, "REGEX=FORMAT", NULL,
     "format of the tensors whose name it is found in; may be given again, the first counts"},
    {"keep-output", 0, NULL, NULL, "leave output.weight as it is"},
    {"allow-requantize", 0, NULL, NULL, "quantise what is quantised already, too"},
    {"split-tensors", 0, "N", NULL, "so many tensors a file: OUT becomes NAME-00001-of-0000K.gguf and so on"},
    {"dry-run", 0, NULL, NULL, "only say what would be written"},
    OPT_JSON,
    {0},
};

enum { MAX_CHOICES = 64 };
struct wishes {
    struct quant_opts o;
    struct quant_choice choices[MAX_CHOICES];
};

/* ---- the command line ---- */

static int read_format(struct args *a, const char *name, const struct fmt_row **out, struct err *e) {
    const char *s = arg_str(a, name);
    if (!s) return 0;
    *out = fmt_by_name(s);
    if (*out && (*out)->from_f32) return 0;
    return usage_error(a, e, "--%s: expected a storage format (F16, Q8_0, Q6_K …), found \"%.40s\"", name, s);
}

static int read_choices(struct args *a, struct wishes *x, struct err *e) {
    const char *s;
    x->o.choices = x->choices;
    for (int i = 0; (s = arg_nth(a, "tensor-type", i)); i++) {
        if (i == MAX_CHOICES) return usage_error(a, e, "--tensor-type: expected at most %d, found more", MAX_CHOICES);
        TRY(misused(a, quant_choice_parse(&x->choices[i], s, e)));
        x->o.n_choices = i + 1;
    }
    return 0;
}

static int read_args(struct args *a, struct wishes *x, struct err *e) {
    const char *type;
    TRY(arg_need(a, "type", &type, e));
    x->o = (struct quant_opts){.mix = quant_mix_find(type),
                               .pure = arg_has(a, "pure") > 0,
                               .keep_output = arg_has(a, "keep-output") > 0,
                               .requantize = arg_has(a, "allow-requantize") > 0};
    if (!x->o.mix)
        return usage_error(
            a, e, "--type: expected a type such as Q8_0 or Q4_K_M (candor quantize --help lists them), found \"%.40s\"", type);
    TRY(read_format(a, "output-tensor-type", &x->o.output, e));
    TRY(read_format(a, "token-embedding-type", &x->o.embedding, e));
    if (a->n_pos < 2 && !arg_has(a, "dry-run")) return usage_error(a, e, "expected: candor quantize IN OUT --type TYPE");
    return read_choices(a, x, e);
}

/* ---- what was done ---- */

static double bits(uint64_t bytes, int64_t numbers) { return numbers ? 8.0 * (double)bytes / (double)numbers : 0; }

static json_t *items_json(const struct quant_plan *p) {
    json_t *list = json_array();
    for (int64_t i = 0; i < p->n; i++) {
        const struct quant_item *q = &p->items[i];
        json_t *shape = json_array();
        for (int d = 0; d < q->t->n_dims; d++) json_array_append_new(shape, json_integer(q->t->dims[d]));
        json_array_append_new(list, json_pack("{s:o, s:o, s:s, s:s, s:I}", "name", json_name(q->t->name), "shape", shape, "from",
                                              fmt_find((int)q->t->m.fmt)->name, "to", fmt_find((int)q->to)->name, "bytes",
                                              (json_int_t)q->bytes));
    }
    return list;
}

static int print_plan_json(struct args *a, const struct quant_plan *p, json_t *files, double seconds, struct err *e) {
    return print_json(json_pack("{s:o, s:o, s:b, s:s, s:i, s:I, s:I, s:f, s:f, s:f, s:o}", "input", json_name(weights_path(p->w)),
                                "files", files, "written", !arg_has(a, "dry-run"), "type", p->mix->name, "file_type",
                                p->mix->file_type, "bytes_before", (json_int_t)p->before, "bytes_after", (json_int_t)p->after,
                                "bits_per_weight_before", bits(p->before, p->numbers), "bits_per_weight",
                                bits(p->after, p->numbers), "seconds", seconds, "tensors", items_json(p)),
                      e);
}

static void print_items(FILE *f, const struct quant_plan *p) {
    for (int64_t i = 0; i < p->n; i++) {
        const struct quant_item *q = &p->items[i];
        char shape[96] = "";
        for (int d = 0; d < q->t->n_dims; d++) {
            size_t n = strlen(shape);
            snprintf(shape + n, sizeof shape - n, "%s%" PRId64, d ? " x " : "", q->t->dims[d]);
        }
        fprintf(f, "%-36s %-16s %-6s -> %-6s %14" PRIu64 " bytes\n", q->t->name, shape, fmt_find((int)q->t->m.fmt)->name,
                fmt_find((int)q->to)->name, q->bytes);
    }
}

static void print_summary(FILE *f, const struct quant_plan *p) {
    fprintf(f, "%s: %.1f MB (%.2f bits a weight) -> %.1f MB (%.2f bits a weight), %" PRId64 " tensors\n", p->mix->name,
            (double)p->before / 1e6, bits(p->before, p->numbers), (double)p->after / 1e6, bits(p->after, p->numbers), p->n);
}

/* What a dry run says is its result; what a run says is a remark beside the file. */
static int report(struct args *a, const struct quant_plan *p, int64_t per_file, double seconds, struct err *e) {
    int dry = arg_has(a, "dry-run") > 0;
    FILE *f = dry ? stdout : stderr;
    char path[PATH_SIZE];
    json_t *files = json_array();
    int64_t n = quant_files(p, per_file);
    for (int64_t i = 0; a->n_pos > 1 && i < n; i++) {
        TRY(quant_file_path(path, sizeof path, a->pos[1], i, n, e));
        json_array_append_new(files, json_name(path));
    }
    if (arg_has(a, "json")) return print_plan_json(a, p, files, seconds, e);
    json_decref(files);
    if (dry || arg_has(a, "verbose")) print_items(f, p);
    if (dry || !arg_has(a, "quiet")) print_summary(f, p);
    return 0;
}

/* ---- the run ---- */

static int write_out(struct args *a, const struct quant_plan *p, int64_t per_file, struct err *e) {
    struct quant_run how = {.stop = interrupted, .tensors_per_file = per_file};
    int64_t threads = 0;
    TRY(arg_i64(a, "threads", 1, 1024, &threads, e));
    TRY(pool_new(&how.pool, (int)threads, e));
    int rc = quant_write(p, a->pos[1], &how, e);
    pool_free(how.pool);
    return rc;
}

static int quantize(struct args *a, const struct weights *w, const struct quant_opts *o, struct err *e) {
    struct quant_plan *p = NULL;
    int64_t per_file = 0;
    double t0 = clock_s();
    TRY(arg_i64(a, "split-tensors", 1, INT32_MAX, &per_file, e));
    TRY(quant_plan_new(&p, w, o, e));
    int rc = arg_has(a, "dry-run") ? 0 : write_out(a, p, per_file, e);
    if (!rc) rc = report(a, p, per_file, clock_s() - t0, e);
    quant_plan_free(p);
    return rc;
}

static int run(struct args *a, struct err *e) {
    struct wishes x = {.o = {.mix = NULL}};
    struct weights *w = NULL;
    char path[PATH_SIZE];
    int rc = read_args(a, &x, e);
    if (!rc) rc = resolve_model(a->pos[0], path, e);
    if (!rc) rc = weights_open(&w, path, e);
    if (!rc) rc = quantize(a, w, &x.o, e);
    weights_close(w);
    for (int i = 0; i < x.o.n_choices; i++) quant_choice_free(&x.choices[i]);
    return rc;
}

#define ROW(name, fmt, type, bits, about) "  " name "\t" #bits "\t" about "\n"
const struct command command_quantize = {"quantize",
                                         "a GGUF model in another storage format, as llama.cpp makes it",
                                         "IN OUT --type TYPE [--pure] [--output-tensor-type F] [--token-embedding-type F] "
                                         "[--tensor-type REGEX=F]… [--dry-run] [--json]",
                                         opts,
                                         1,
                                         2,
                                         run,
                                         "IN is a GGUF file (any part of a split model) or a shipped model. Types, bits a weight "
                                         "of most matrices, and where a mix differs;\n"
                                         "Q3_K, Q4_K and Q5_K mean their _M; vectors stay as they are; rows that are not whole "
                                         "blocks take a format near it:\n\n" MIX_MAP(ROW)};
#undef ROW
