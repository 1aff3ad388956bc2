/* The support tables. Rows come from the code's own tables (FAMILY_MAP, FMT_MAP, MIX_MAP, the patterns of pretok.c), so a newcomer appears
 * by itself; each column names the test that walks over all rows and fails for one that does not do what the column says. */
#include "cli/support.h"
#include "cli/cli.h"
#include "model/family.h"
#include "model/mix.h"
#include "model/taps.h"
#include "text/pretok.h"
#include <jansson.h>
#include <string.h>

/* ---- which test proves a column ---- */

struct proof {
    const char *column, *tests;
};
static const struct proof family_proofs[] = {
    {"forward", "`model_families::logits_in_memory`, `model_families::gguf_f32_of_every_shape`"},
    {"folder", "`model_families::hugging_face_folders`, `model_families::folder_to_gguf`"},
    {"convert", "`convert::every_shape_there_and_back`"},
    {"backward dX", "`model_grad::embeds`, `model_grad::floats`"},
    {"dW", "`model_grad::weights_llama`, `model_grad::weights_other`"},
    {"taps", "`model::taps_fire`, `model_grad::tap_seeds`, `model_grad::taps_read`, `model_grad::edited_forward`"},
    {"score head", "`model_grad::score_head`, `model_grad::weights_score`"},
};
static const struct proof format_proofs[] = {
    {"forward", "`model_families::gguf_of_every_format`, `kern_ops::every_table_agrees_with_the_double_reference`"},
    {"backward dX", "`model_grad::stored_formats`, `kern_grads::every_mirror_is_the_derivative`"},
    {"dW", "`model_grad::weights_llama`, `model_grad::weights_other`"},
    {"bf16", "`kern_bf16::weights_are_the_formats_floats_rounded`, `kern_bf16::mirrors_are_adjoint`"},
    {"int8", "`kern_q8::every_table_gives_the_bytes_of_the_plain_one`"},
    {"quantise", "`kern_fmt::quantisers_make_the_bytes_of_ggml`, `random_model::a_saved_file_is_the_same_model_in_every_format`"},
};

static void put_proofs(struct str *s, const struct proof *p, size_t n) {
    str_puts(s, "\nProved by, over all rows: ");
    for (size_t i = 0; i < n; i++) str_printf(s, "%s*%s* %s", i ? "; " : "", p[i].column, p[i].tests);
    str_puts(s, ".\n");
}
#define PROOFS(s, p) put_proofs(s, p, sizeof(p) / sizeof *(p))

/* ---- families ---- */

static void put_types(struct str *s, const struct family *f) {
    for (int i = 0; f->hf_types[i]; i++) str_printf(s, "%s`%s`", i ? ", " : "", f->hf_types[i]);
}

static int has_tensor(const struct family *f, const char *gguf) {
    for (const struct tensor_name *t = f->names; t->gguf; t++)
        if (!strcmp(t->gguf, gguf)) return 1;
    return 0;
}

/* A gate is tapped where there is one. */
static int n_taps(const struct family *f) { return TAP_COUNT - !has_tensor(f, "blk.%d.ffn_gate.weight"); }
static int has_score(const struct family *f) { return has_tensor(f, "cls.output.weight"); }
/* A folder can be written where it is known what class to write into its config.json. */
static const char *converts(const struct family *f) { return f->hf_lm ? "both ways" : "to GGUF"; }

static void put_families(struct str *s) {
    str_puts(s, "| GGUF architecture | config.json model_type | forward | convert | backward dX | dW | taps | score head |\n"
                "|---|---|---|---|---|---|---|---|\n");
    for (int i = 0; family_at(i); i++) {
        const struct family *f = family_at(i);
        str_printf(s, "| `%s` | ", f->name);
        put_types(s, f);
        str_printf(s, " | yes | %s | yes | float formats | %d of %d | %s |\n", converts(f), n_taps(f), TAP_COUNT,
                   has_score(f) ? "yes" : "–");
    }
    PROOFS(s, family_proofs);
}

/* ---- formats and mixes ---- */

/* As the device decides it, where the CPU can. */
static int has_int8(enum fmt f) { return dev_is_int8(&(struct device){.precision = PREC_INT8}, f); }
static int has_bf16(enum fmt f) { return dev_is_bf16(&(struct device){.precision = PREC_BF16}, f); }

static double bits(const struct fmt_row *f) { return 8.0 * f->bytes / f->block; }

static void put_formats(struct str *s) {
    str_puts(s, "\n| format | bits a weight | rows are multiples of | forward | backward dX | dW | bf16 products | int8 "
                "activations | quantise |\n"
                "|---|---|---|---|---|---|---|---|---|\n");
    for (int i = 0; fmt_at(i); i++) {
        const struct fmt_row *f = fmt_at(i);
        str_printf(s, "| %s | %.4g | %d | yes | yes | %s | %s | %s | %s |\n", f->name, bits(f), f->block,
                   f->is_float ? "yes" : "–", has_bf16(f->id) ? "yes" : "–", has_int8(f->id) ? "yes" : "–",
                   f->from_f32 ? "yes" : "–");
    }
    PROOFS(s, format_proofs);
}

static void put_mixes(struct str *s) {
    str_puts(s, "\n`candor quantize --type` takes these formats and the mixes of llama.cpp, to the byte "
                "(`quantize::formats_are_those_of_the_peer`, "
                "`quantize::bytes_are_those_of_the_formats`):\n");
    for (int i = 0; quant_mix_at(i); i++) str_printf(s, "%s%s", i ? ", " : "", quant_mix_at(i)->name);
    str_puts(s, ".\n\nPre-tokenizers (`tokenizer.ggml.pre`; the same expressions in tokenizer.json are recognised; "
                "`text::every_pattern_compiles`, "
                "`tok_save::patterns_find_their_names`): ");
    for (int i = 0; pretok_name_at(i); i++) str_printf(s, "%s%s", i ? ", " : "", pretok_name_at(i));
    str_puts(s, ".\n");
}

int support_markdown(struct str *out) {
    put_families(out);
    put_formats(out);
    put_mixes(out);
    return out->failed ? ERR_NOMEM : 0;
}

/* ---- for machines ---- */

static json_t *families_json(void) {
    json_t *list = json_array();
    for (int i = 0; family_at(i); i++) {
        const struct family *f = family_at(i);
        json_t *types = json_array();
        for (int k = 0; f->hf_types[k]; k++) json_array_append_new(types, json_string(f->hf_types[k]));
        json_array_append_new(list, json_pack("{s:s, s:o, s:b, s:b, s:s, s:i, s:b}", "architecture", f->name, "model_types",
                                              types, "forward", 1, "backward", 1, "weight_gradients", "float formats", "taps",
                                              n_taps(f), "score_head", has_score(f)));
    }
    return list;
}

static json_t *formats_json(void) {
    json_t *list = json_array();
    for (int i = 0; fmt_at(i); i++) {
        const struct fmt_row *f = fmt_at(i);
        json_array_append_new(list, json_pack("{s:s, s:i, s:f, s:i, s:b, s:b, s:b, s:b, s:b, s:b}", "name", f->name, "id",
                                              (int)f->id, "bits", bits(f), "block", f->block, "forward", 1, "backward", 1,
                                              "weight_gradients", f->is_float, "bf16", has_bf16(f->id), "int8", has_int8(f->id),
                                              "quantise", f->from_f32 != NULL));
    }
    return list;
}

json_t *support_json(void) {
    json_t *mixes = json_array(), *pre = json_array();
    for (int i = 0; quant_mix_at(i); i++) json_array_append_new(mixes, json_string(quant_mix_at(i)->name));
    for (int i = 0; pretok_name_at(i); i++) json_array_append_new(pre, json_string(pretok_name_at(i)));
    return json_pack("{s:o, s:o, s:o, s:o}", "families", families_json(), "formats", formats_json(), "mixes", mixes,
                     "pre_tokenizers", pre);
}
