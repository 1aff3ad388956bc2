/* The format table: conversions of floats, quantisers against the bytes that ggml makes, readers against plain ones that are written here
 * from the layouts, errors against what the step of a format allows, and input that no quantiser expects. Products: tests/test_kern.c. */
#include "kern_tests.h"
#include <criterion/criterion.h>
#include <float.h>
#include <math.h>

TestSuite(kern_fmt, .timeout = HANG_S);

Test(kern_fmt, f16_round_trip_is_exact_for_every_code) {
    for (uint32_t h = 0; h < 65536; h++) {
        float x = f16_to_f32((f16)h);
        f16 back = f32_to_f16(x);
        if (isnan(x))
            cr_assert(isnan(f16_to_f32(back)) && (back & 0x8000) == (h & 0x8000), "NaN %04x became %04x", h, back);
        else
            cr_assert(back == h, "%04x became %a became %04x", h, (double)x, back);
    }
}

static uint32_t word_of(float x) {
    uint32_t u;
    memcpy(&u, &x, 4);
    return u;
}

/* However a row is converted: of any length, anywhere, with floats of all exponents and NaN. */
Test(kern_fmt, rows_of_f16_are_its_numbers) {
    enum { N = 61 };
    const struct fmt_row *f = fmt_find(FMT_F16);
    unsigned char row[2 * N + 1];
    float x[N], y[N];
    uint32_t u = 0, h = 0;
    for (int64_t turn = 0; turn < 20000; turn++) {
        int64_t n = turn % (N + 1);
        for (int64_t i = 0; i < n; i++, u += 7039) memcpy(x + i, &u, 4);
        f->from_f32(row + 1, x, n);
        for (int64_t i = 0; i < n; i++)
            cr_assert(f32_to_f16(x[i]) == (row[1 + 2 * i] | row[2 + 2 * i] << 8), "%a at %d of %d", (double)x[i], (int)i, (int)n);
        for (int64_t i = 0; i < n; i++, h++) row[1 + 2 * i] = h & 255, row[2 + 2 * i] = h >> 8 & 255;
        f->to_f32(y, row + 1, n);
        for (int64_t i = 0; i < n; i++) {
            f16 code = (f16)(row[1 + 2 * i] | row[2 + 2 * i] << 8);
            cr_assert(word_of(y[i]) == word_of(f16_to_f32(code)), "%04x at %d of %d", code, (int)i, (int)n);
        }
    }
}

Test(kern_fmt, bf16_round_trip_is_exact_for_every_code) {
    for (uint32_t h = 0; h < 65536; h++) {
        float x = bf16_to_f32((bf16)h);
        bf16 back = f32_to_bf16(x);
        if (isnan(x))
            cr_assert(isnan(bf16_to_f32(back)), "NaN %04x became %04x", h, back);
        else
            cr_assert(back == h, "%04x became %a became %04x", h, (double)x, back);
    }
}

Test(kern_fmt, narrowing_rounds_to_nearest_even) {
    /* value, f16, bf16 */
    static const struct {
        float x;
        uint16_t h, b;
    } t[] = {
        {1.0f, 0x3c00, 0x3f80},           {1.0f + 0x1p-11f, 0x3c00, 0x3f80}, {1.0f + 0x3p-11f, 0x3c02, 0x3f80},
        {1.0f + 0x1p-8f, 0x3c04, 0x3f80}, {1.0f + 0x3p-8f, 0x3c0c, 0x3f82},  {65504.0f, 0x7bff, 0x4780},
        {65519.0f, 0x7bff, 0x4780},       {65520.0f, 0x7c00, 0x4780},        {0x1p-24f, 0x0001, 0x3380},
        {0x1p-25f, 0x0000, 0x3300},       {0x1.8p-25f, 0x0001, 0x3340},      {0x3p-25f, 0x0002, 0x33c0},
        {0x1.ffcp-15f, 0x0400, 0x3880},   {-0.0f, 0x8000, 0x8000},           {INFINITY, 0x7c00, 0x7f80},
    };
    for (size_t i = 0; i < sizeof t / sizeof *t; i++) {
        cr_expect(f32_to_f16(t[i].x) == t[i].h, "f16 of %a: %04x, expected %04x", (double)t[i].x, f32_to_f16(t[i].x), t[i].h);
        cr_expect(f32_to_bf16(t[i].x) == t[i].b, "bf16 of %a: %04x, expected %04x", (double)t[i].x, f32_to_bf16(t[i].x), t[i].b);
    }
}

Test(kern_fmt, table_knows_names_and_row_bytes) {
    cr_assert(fmt_find(9) == NULL && fmt_at(-1) == NULL && fmt_at(16) == NULL && fmt_by_name("q9") == NULL);
    cr_assert(fmt_by_name("q8_0")->id == FMT_Q8_0 && fmt_row_bytes(FMT_Q4_0, 64) == 36 && fmt_row_bytes(FMT_Q4_0, 33) == 0);
    cr_assert(fmt_by_name("q6_k")->id == FMT_Q6_K && fmt_row_bytes(FMT_Q4_K, 768) == 432 && fmt_row_bytes(FMT_Q5_K, 128) == 0);
    for (int i = 0; fmt_at(i);
         i++) { /* what a format can hold exactly survives the way there and back; a second trip adds little */
        const struct fmt_row *f = fmt_at(i);
        float x[256], y[256], z[256];
        char b[256 * 8], c[256 * 8];
        for (int j = 0; j < 256; j++) x[j] = (float)((j * 37) % 64 - 32) / 8;
        f->from_f32(b, x, 256);
        f->to_f32(y, b, 256);
        f->from_f32(c, y, 256);
        f->to_f32(z, c, 256);
        if (f->is_float) cr_expect(!memcmp(x, y, sizeof x), "%s", f->name);
        for (int j = 0; j < 256; j++)
            cr_expect(fabsf(y[j] - x[j]) <= (f->id == FMT_Q2_K   ? 1.5f
                                             : f->id == FMT_Q3_K ? 1.0f
                                                                 : 0.5f) &&
                          fabsf(z[j] - y[j]) <= 0.02f,
                      "%s %d: %g, %g, %g", f->name, j, (double)x[j], (double)y[j], (double)z[j]);
    }
}

Test(kern_fmt, quantisers_survive_bad_input) {
    static const float bad[] = {NAN, INFINITY, -INFINITY, 1e38f, -1e38f, 1, 1e-45f};
    float x[256];
    char b[256 * 8];
    for (int i = 0; fmt_at(i); i++)
        for (int k = 0; k < 9; k++) { /* 0 … 6: this value among others, then everywhere; 7: all of them; 8: the limits */
            for (int all = 0; all < 2; all++) {
                for (int j = 0; j < 256; j++)
                    x[j] = k == 7 ? bad[j % 7] : k == 8 ? (j & 1 ? FLT_MAX : -FLT_MAX) : all || j % 50 == 3 ? bad[k] : 1;
                fmt_at(i)->from_f32(b, x, 256);
                fmt_at(i)->to_f32(x, b, 256);
            }
        }
}

/* Numbers of several kinds, made of exact operations only: the same floats on every machine. */
enum { KINDS = 8, NUMBERS = 4096 };
static void numbers(float *x, int kind) {
    uint64_t r = 1234567 + (uint64_t)kind;
    for (int j = 0; j < NUMBERS; j++) {
        double u = 0, sum = 0;
        for (int i = 0; i < 12; i++) {
            r = r * 6364136223846793005u + 1442695040888963407u;
            u = (double)((int64_t)(r >> 40) - (1 << 23)) / (1 << 23);
            sum += u / 2;
        }
        x[j] = (float)(kind == 0   ? sum                            /* nearly normal, unit variance */
                       : kind == 1 ? u                              /* uniform */
                       : kind == 2 ? (j / 256 - 8) * 0.37           /* constant */
                       : kind == 3 ? (j % 61 ? sum : 64 * sum)      /* outliers */
                       : kind == 4 ? 5 + u                          /* far from zero */
                       : kind == 5 ? -3 - sum / 4                   /* far below */
                       : kind == 6 ? ldexp(sum, -(j / 256) * 9)     /* down to denormals */
                                   : (j % 7 ? 0 : floor(sum * 2))); /* mostly zeros */
    }
}

/* NMSE of the way there and back. A uniform step of d errs by d²/12 in mean square, and d is the block's largest magnitude (symmetric) or
 * its range with zero (with a minimum) over the number of steps: the bound is the mean of that and a tenth, for the rounding of scales.
 * A symmetric code has no step for the last half of one on the far side: of uniform numbers 1/(2 steps) lie there and err by d/2 … d,
 * 7/12 d² in mean square, or 3.5/steps more. The search of the K formats makes up for their coarser scales. The uneven levels of the IQ4
 * formats lie 11 … 24 apart on 240; of uniform numbers the mean error is that of a step of 17.6, 14 of them across the whole. Floats of p bits err by at
 * most 2^-p of the value, evenly: a third of its square. */
Test(kern_fmt, round_trip_errors_are_those_of_the_step) {
    static const struct {
        enum fmt f;
        int sub, steps, lines, bits; /* elements that share a step; steps across 2 max|x| or the range */
    } t[] = {{FMT_Q8_0, 32, 254, 0, 0},  {FMT_Q4_0, 32, 16, 0, 0}, {FMT_Q4_1, 32, 15, 1, 0}, {FMT_Q5_0, 32, 32, 0, 0},
             {FMT_Q5_1, 32, 31, 1, 0},   {FMT_Q2_K, 16, 3, 1, 0},  {FMT_Q3_K, 16, 8, 0, 0},  {FMT_IQ4_NL, 32, 14, 0, 0},
             {FMT_IQ4_XS, 32, 14, 0, 0}, {FMT_Q4_K, 32, 15, 1, 0}, {FMT_Q5_K, 32, 31, 1, 0}, {FMT_Q6_K, 16, 64, 0, 0},
             {FMT_F16, 1, 0, 0, 11},     {FMT_BF16, 1, 0, 0, 8},   {FMT_F32, 1, 0, 0, 24},   {FMT_F64, 1, 0, 0, 24}};
    static float x[NUMBERS], y[NUMBERS];
    static char b[NUMBERS * 8];
    for (int kind = 0; kind < 2; kind++)
        for (size_t i = 0; i < sizeof t / sizeof *t; i++) {
            const struct fmt_row *f = fmt_find((int)t[i].f);
            double err = 0, ref = 0, bound = 0;
            numbers(x, kind);
            f->from_f32(b, x, NUMBERS);
            f->to_f32(y, b, NUMBERS);
            for (int j = 0; j < NUMBERS; j++) err += pow(y[j] - x[j], 2), ref += pow(x[j], 2);
            for (int j = 0; t[i].steps && j < NUMBERS; j += t[i].sub) {
                double lo = 0, hi = 0;
                for (int k = j; k < j + t[i].sub; k++) lo = fmin(lo, x[k]), hi = fmax(hi, x[k]);
                bound += pow((t[i].lines ? hi - lo : 2 * fmax(-lo, hi)) / t[i].steps, 2) / 12 * t[i].sub;
            }
            bound *= 1.1 + (t[i].lines ? 0 : 3.5 / t[i].steps);
            bound = t[i].steps ? bound / ref : pow(2, -2 * t[i].bits) / 3;
            FIGURE("%s kind %d: NMSE %.3g, bound %.3g", f->name, kind, err / ref, bound);
            cr_expect(err / ref <= bound, "%s kind %d: NMSE %.3g > %.3g", f->name, kind, err / ref, bound);
        }
}

static uint64_t hash_of(const void *p, size_t n) {
    uint64_t h = 1469598103934665603u;
    for (size_t i = 0; i < n; i++) h = (h ^ ((const unsigned char *)p)[i]) * 1099511628211u;
    return h;
}

/* Hashes of the bytes that ggml_quantize_chunk without an importance matrix (x86-64) makes of `numbers`; for all but IQ4_NL those of
 * quantize_row_*_ref too. tests/plain_peer_quants.c compares with the library itself, where there is one. */
Test(kern_fmt, quantisers_make_the_bytes_of_ggml) {
    static const struct {
        enum fmt f;
        uint64_t hash[KINDS];
    } t[] = {
        {FMT_Q8_0,
         {0x3bae49ad2a801b63, 0x74a784b63fcc43a0, 0x3a64c25f57e8f1e3, 0xb88d4359248c0023, 0x8338629c31455bf2, 0x2d888ad6a38b7d18,
          0xe6ea46b5f996b34c, 0xeef71522bdd0eb7f}},
        {FMT_Q4_0,
         {0x250d34f6a01645b0, 0x2af8754f38f0fb0d, 0x6a95bb765c6d82e3, 0x5121c21454d661e1, 0xb114df4d340440e6, 0x4363aff819d65c95,
          0x5e91e5ee74c93bbe, 0x045f586f91d5aa16}},
        {FMT_Q4_1,
         {0xbdb9d04aa720b1ac, 0xd5906a5a0635c955, 0x46f3a02a5096cb43, 0x754ac882de17a003, 0x0bdd7834054b1af2, 0xdcf7aa6ce65f7333,
          0x74b3ccc1c0187a86, 0x34abccbb573f3126}},
        {FMT_Q5_0,
         {0xda9d06907d25852a, 0x6b5497626ff472fa, 0xe8429105550e9883, 0x2b3189f55e0cdd0b, 0xb61be3e733f5b553, 0xbe85bbc0c09e55da,
          0xc419cbcb59fc464a, 0xb61fb7af68addf56}},
        {FMT_Q5_1,
         {0x86c5bda9df20924c, 0xffb2bf37b913eebc, 0xbc8fa95147cbef83, 0xe17c8709993aeaae, 0xe42874667b8f3bde, 0x74cb666d191509e5,
          0xaab376b5570c8adf, 0xd6328343eef3901b}},
        {FMT_Q2_K,
         {0xfddc5af7643f8f77, 0x86789e445b30faca, 0x8c4a4435af1203e3, 0xb2534937400268cf, 0xc7dde2bb7f62c606, 0xd1331812327082c3,
          0xa339544a77a0171a, 0x49418e303a62f487}},
        {FMT_Q3_K,
         {0x029d1becffe33b03, 0xd5e1a384dcda37ab, 0x112f953575062a48, 0xb109eaf5aa92fd6c, 0x625a6e67a812f597, 0xdd6b9f275c07958d,
          0x0de85599b7bc729e, 0x4d53d9b1c839e8f1}},
        {FMT_Q4_K,
         {0xa825440c7990e87d, 0xea81d7fea8970e2b, 0xc4f9e63df20dd6b6, 0x36c63be454b61c11, 0x7adad7e970b1d8c4, 0x7d173a08b53b9c6f,
          0xf6bdc57fe3de70e6, 0xd0b2531401e2fcc3}},
        {FMT_Q5_K,
         {0x9b10d84cbf4c8d4b, 0x994740009dc9c70c, 0x20eef20f64a0acc3, 0xc72a4185f4069bd6, 0x1ff1fb9beaa50a4e, 0xa3af45a4e6471d08,
          0xae26b4f9cdc38e57, 0x2924d2a9c44f1972}},
        {FMT_Q6_K,
         {0x25aad71375c64013, 0xe0e365e9f98f153d, 0x52bd54c6882f47c5, 0x8c29e28c597a51a3, 0xc360aa7aea002759, 0x7570af70d56c2f00,
          0xa9337979728e6bce, 0x2211335f62e9c089}},
        {FMT_IQ4_NL,
         {0x8781c9fbd14ddf93, 0xf4a6471b70804e96, 0x864218b31fcb7ae3, 0x3b40a9999c32f671, 0x8360d96c84578aeb, 0x868a90596dcb16c6,
          0x469e8273cd867518, 0xe3613ecc2e35b9b5}},
        {FMT_IQ4_XS,
         {0x17505d9d3dda69bd, 0xf12e53d4c3a59fa2, 0xd818cdb04523d84f, 0xf2c9f358e4aa685a, 0x38e391fb1f0db9a5, 0xb2b729463fba9155,
          0x2eda5fc884e7f0b1, 0xa56a0867a1faa880}},
    };
    static float x[NUMBERS];
    static char b[NUMBERS * 2];
    for (size_t i = 0; i < sizeof t / sizeof *t; i++)
        for (int kind = 0; kind < KINDS; kind++) {
            const struct fmt_row *f = fmt_find((int)t[i].f);
            numbers(x, kind);
            f->from_f32(b, x, NUMBERS);
            uint64_t h = hash_of(b, fmt_row_bytes(f->id, NUMBERS));
            cr_expect(h == t[i].hash[kind], "%s kind %d: 0x%016llx", f->name, kind, (unsigned long long)h);
        }
}

static size_t slurp(const char *dir, const char *name, void *buf, size_t size) {
    char path[512];
    snprintf(path, sizeof path, "%s/formats/ggml_quants/%s", dir, name);
    FILE *f = fopen(path, "rb");
    if (!f) return 0;
    size_t n = fread(buf, 1, size, f);
    fclose(f);
    return n;
}

Test(kern_fmt, quantisers_are_byte_exact_with_ggml) {
    const char *dir = getenv("CANDOR_TEST_DATA");
    static const struct {
        enum fmt f;
        const char *name;
        int cols; /* two rows of these */
    } t[] = {{FMT_Q8_0, "q8_0", 64}, {FMT_Q4_0, "q4_0", 64}, {FMT_Q4_K, "q4_k", 512}, {FMT_Q6_K, "q6_k", 512}};
    if (!dir || !*dir) cr_skip_test("CANDOR_TEST_DATA is not set");
    for (size_t i = 0; i < sizeof t / sizeof *t; i++) {
        char name[64];
        float x[1024];
        unsigned char want[1024], got[1024];
        size_t count = 2 * (size_t)t[i].cols, bytes = fmt_row_bytes(t[i].f, (int64_t)count);
        snprintf(name, sizeof name, "%s_%d_noim_input.bin", t[i].name, t[i].cols);
        if (slurp(dir, name, x, sizeof x) != 4 * count) cr_skip_test("no reference blocks in CANDOR_TEST_DATA");
        snprintf(name, sizeof name, "%s_%d_noim_expected.bin", t[i].name, t[i].cols);
        cr_assert(slurp(dir, name, want, sizeof want) == bytes);
        fmt_find((int)t[i].f)->from_f32(got, x, (int64_t)count);
        for (size_t j = 0; j < bytes; j++)
            cr_expect(got[j] == want[j], "%s byte %zu: %02x, expected %02x", t[i].name, j, got[j], want[j]);
    }
}

/* ---- formats as their layouts say ------------------------------------------------------------------------------------------------------ */

/* Bit `at` and up of a little-endian string of bytes. */
static int bits_of(const unsigned char *p, int at, int n) {
    int v = 0;
    for (int i = 0; i < n; i++) v |= (p[(at + i) / 8] >> (at + i) % 8 & 1) << i;
    return v;
}
static double half_of(const unsigned char *p) { return (double)f16_to_f32((f16)(p[0] | p[1] << 8)); }
static const int uneven[16] = {-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113};

/* Element i of a block, in double. Of every 128 elements the four rows of 32 share bytes: row r has bits 2 r and 2 r + 1. */
static int two_of(const unsigned char *b, int i) { return bits_of(b, 8 * (i / 128 * 32 + i % 32) + 2 * (i % 128 / 32), 2); }
static double naive_q2_k(const unsigned char *p, int i) {
    return half_of(p + 80) * bits_of(p + i / 16, 0, 4) * two_of(p + 16, i) - half_of(p + 82) * bits_of(p + i / 16, 4, 4);
}
static double naive_q3_k(const unsigned char *p, int i) {
    int j = i / 16, low = bits_of(p + 96, 8 * (j & 7) + (j & 8) / 2, 4), high = bits_of(p + 104, 8 * (j & 3) + j / 4 * 2, 2);
    return half_of(p + 108) * (low + 16 * high - 32) * (two_of(p + 32, i) + 4 * bits_of(p, 8 * (i % 32) + i / 32, 1) - 4);
}
static double naive_iq4_nl(const unsigned char *p, int i) {
    return half_of(p) * uneven[bits_of(p + 2, 8 * (i % 16) + i / 16 * 4, 4)];
}
static double naive_iq4_xs(const unsigned char *p, int i) {
    int s = i / 32, scale = bits_of(p + 4, 4 * s, 4) + 16 * bits_of(p + 2, 2 * s, 2) - 32;
    return half_of(p) * scale * uneven[bits_of(p + 8 + 16 * s, 8 * (i % 16) + i % 32 / 16 * 4, 4)];
}
static const struct {
    enum fmt f;
    double (*at)(const unsigned char *p, int i);
} naive[] = {{FMT_Q2_K, naive_q2_k}, {FMT_Q3_K, naive_q3_k}, {FMT_IQ4_NL, naive_iq4_nl}, {FMT_IQ4_XS, naive_iq4_xs}};

/* All products of these formats fit a float; the difference of Q2_K does not, and is rounded once. */
Test(kern_fmt, readers_agree_with_plain_ones_on_any_bytes) {
    for (size_t k = 0; k < COUNT(naive); k++)
        for (int round = 0; round < 200; round++) {
            const struct fmt_row *f = fmt_find((int)naive[k].f);
            unsigned char b[256];
            float y[256];
            for (int i = 0; i < f->bytes; i++) b[i] = (unsigned char)(128 + 128 * uniform());
            f->to_f32(y, b, f->block);
            for (int i = 0; i < f->block; i++) {
                float want = (float)naive[k].at(b, i);
                cr_assert(y[i] == want || (isnan(y[i]) && isnan(want)), "%s element %d: %a, expected %a", f->name, i,
                          (double)y[i], (double)want);
            }
        }
}

/* What ggml_quantize_chunk without an importance matrix makes of (37 j mod 64 - 32) / 8. */
Test(kern_fmt, quantisers_make_these_blocks) {
    static const struct {
        enum fmt f;
        const char *hex;
    } t[] = {
        {FMT_Q2_K, "efefffffefefffffefefffffefefffff88228866dd77dd88228866dd772288229977ddbb228866dd77dd88228866dd778822"
                   "8866dd77dd88228866dd772288229977ddbb228866dd77dd88228866dd77b6306733"},
        {FMT_Q3_K, "aa55aa55aa55ffaa55aa55aaff55aa5555aa55aaff55aa55aa55ffaa55aa55aa005555aabbffcc1155aaaaff33005599aa55"
                   "5500ccffaa66550033ffaaaa5555005555aabbffcc1155aaaaff33005599aa555500ccffaa66550033ffaaaa555500ee00cc"
                   "00ee00cc00ff00ff49a8"},
        {FMT_IQ4_NL, "162830ea62fc942ec741ea720da52fd851fb"},
        {FMT_IQ4_XS, "169400001010101030ea62fc942ec741ea720da52fd851fbd841fb831eb63fd951fc941ec630ea6230ea62fc942ec741ea72"
                     "0da52fd851fbd841fb831eb63fd951fc941ec630ea6230ea62fc942ec741ea720da52fd851fbd841fb831eb63fd951fc941e"
                     "c630ea6230ea62fc942ec741ea720da52fd851fbd841fb831eb63fd951fc941ec630ea62"},
    };
    for (size_t k = 0; k < COUNT(t); k++) {
        const struct fmt_row *f = fmt_find((int)t[k].f);
        float x[256];
        unsigned char b[256];
        char hex[512] = "";
        for (int j = 0; j < 256; j++) x[j] = (float)((j * 37) % 64 - 32) / 8;
        f->from_f32(b, x, f->block);
        for (int i = 0; i < f->bytes; i++) snprintf(hex + 2 * i, 3, "%02x", b[i]);
        cr_expect_str_eq(hex, t[k].hex, "%s: %s", f->name, hex);
    }
}
