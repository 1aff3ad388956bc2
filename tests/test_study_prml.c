/* PRML: the published vectors byte for byte, the edges of its spelling, and what must be rejected. */
#include "prml_vectors.h"
#include "study/prml.h"
#include "test_files.h"
#include <math.h>

TestSuite(prml, .timeout = HANG_S);
#define N(a) (sizeof(a) / sizeof *(a))

static struct prml *parsed(const char *text) {
    struct prml *m = NULL;
    OK(prml_parse(&m, "manifest", text, strlen(text), &e));
    return m;
}

static void hashes_to(const char *text, const char *hash, const char *id) {
    struct prml *m = parsed(text);
    struct str s = {0};
    char hex[DIGEST_HEX];
    OK(prml_canonical(m, &s, &e));
    OK(prml_hash(m, hex, &e));
    cr_assert_str_eq(hex, hash, "%s: %s", id, s.s);
    str_free(&s);
    prml_free(m);
}

/* TV-001 with one text in it replaced; valid until the next call. */
static const char *changed(const char *from, const char *to) {
    static char out[4000];
    const char *text = TV001, *at = strstr(text, from);
    cr_assert(at, "%s", from);
    snprintf(out, sizeof out, "%.*s%s%s", (int)(at - text), text, to, at + strlen(from));
    return out;
}

Test(prml, published_vectors) {
    for (size_t i = 0; i < N(prml_vectors); i++) {
        struct prml *m = parsed(prml_vectors[i].canonical);
        struct str s = {0};
        OK(prml_canonical(m, &s, &e));
        cr_assert_str_eq(s.s, prml_vectors[i].canonical, "%s", prml_vectors[i].id);
        str_free(&s);
        prml_free(m);
        hashes_to(prml_vectors[i].canonical, prml_vectors[i].hash, prml_vectors[i].id);
    }
}

/* Any order of keys, any quotes, comments, and JSON give the same hash (TV-002). */
Test(prml, spelling_of_the_input_changes_nothing) {
    hashes_to("# a comment\nversion: \"prml/0.1\"\nseed: 42\nproducer: {id: studio-11.co}\nthreshold: 0.850\n"
              "metric: 'accuracy'\ndataset:\n    id: \"imagenet-val-2012\"\n    hash: " EMPTY_SHA "\n"
              "created_at: 2026-05-01T12:00:00Z\ncomparator: \">=\"\nclaim_id: 01900000-0000-7000-8000-000000000000\n",
              TV001_SHA, "TV-002");
    hashes_to("{\"seed\": 42, \"producer\": {\"id\": \"studio-11.co\"}, \"version\": \"prml/0.1\", \"threshold\": 8.5e-1,\n"
              "\"metric\": \"accuracy\", \"dataset\": {\"hash\": \"" EMPTY_SHA "\", \"id\": \"imagenet-val-2012\"},\n"
              "\"created_at\": \"2026-05-01T12:00:00Z\", \"comparator\": \">=\",\n"
              "\"claim_id\": \"01900000-0000-7000-8000-000000000000\"}",
              TV001_SHA, "TV-002 as JSON");
}

Test(prml, edges_of_text) {
    for (size_t i = 0; i < N(prml_notes); i++) {
        char to[200];
        snprintf(to, sizeof to, "metric: accuracy\nnotes: \"%s\"\n", prml_notes[i].notes);
        hashes_to(changed("metric: accuracy\n", to), prml_notes[i].hash, prml_notes[i].notes);
    }
}

Test(prml, edges_of_numbers) {
    for (size_t i = 0; i < N(prml_thresholds); i++) {
        char to[60];
        snprintf(to, sizeof to, "threshold: %.17g", prml_thresholds[i].threshold);
        hashes_to(changed("threshold: 0.85", to), prml_thresholds[i].hash, to);
    }
}

/* Every double that is written is read back as itself. */
Test(prml, reals_read_back) {
    uint64_t bits = 0x9E3779B97F4A7C15u;
    for (int i = 0; i < 20000; i++) {
        double x;
        struct str s = {0};
        bits = bits * 6364136223846793005u + 1442695040888963407u;
        memcpy(&x, &bits, sizeof x);
        if (!isfinite(x)) continue;
        prml_put_real(&s, x);
        cr_assert_eq(strtod(s.s, NULL), x, "%s", s.s);
        cr_assert(strchr(s.s, '.'), "%s", s.s);
        str_free(&s);
    }
}

Test(prml, versions_differ_in_the_threshold) {
    struct str s = {0};
    static const struct {
        const char *spelled, *v1, *v2;
    } v[] = {{"1300", "1300.0", "1300"},
             {"1300.0", "1300.0", "1300"},
             {"0.5", "0.5", "0.5"},
             {"9007199254740992", "9007199254740992.0", "9007199254740992.0"}};
    for (size_t i = 0; i < N(v); i++)
        for (int v2 = 0; v2 < 2; v2++) {
            char text[2000], want[60];
            snprintf(text, sizeof text, "%s", changed("0.85", v[i].spelled));
            if (v2) strstr(text, "prml/0.1")[7] = '2';
            snprintf(want, sizeof want, "\nthreshold: %s\n", v2 ? v[i].v2 : v[i].v1);
            struct prml *m = parsed(text);
            OK(prml_canonical(m, &s, &e));
            cr_assert(strstr(s.s, want), "%s in %s", want, s.s);
            prml_free(m);
        }
    str_free(&s);
}

Test(prml, rejects) {
    for (size_t i = 0; i < N(prml_rejects); i++) {
        const char *text = changed(prml_rejects[i].from, prml_rejects[i].to);
        struct err why = ERR_INIT;
        struct prml *m = NULL;
        cr_assert_lt(prml_parse(&m, "manifest", text, strlen(text), &why), 0, "%s", prml_rejects[i].id);
        cr_assert(strstr(why.msg, prml_rejects[i].why), "%s: %s", prml_rejects[i].id, why.msg);
    }
    static const char *const more[][3] = {
        {"seed: 42", "seed: 18446744073709551616", "64 bits"},
        {"seed: 42", "seed: '42'", "whole number"},
        {"seed: 42", "seed: 4.2", "whole number"},
        {"seed: 42", "sede: 42", "a field of PRML"},
        {"seed: 42", "seed: 42\nrevoked_at: '2026-05-01T12:00:00Z'", "prml/0.2"},
        {"7000-8000", "4000-8000", "version 7"},
        {"T12:00:00Z", "T12:00:00+01:00", "UTC"},
        {"metric: accuracy", "metric: [a]", "sequences"},
        {"metric: accuracy", "metric: accuracy\nmetric_args: {}", "empty mapping"},
        {"metric: accuracy", "metric: accuracy\nmetric_args: {tolerance: x}", "tolerance"},
        {"metric: accuracy", "metric: accuracy\nprior_hash: abc", "64 lowercase"},
        {"0.85", "1e999", "finite"},
        {"0.85", "'0.85'", "finite"},
    };
    for (size_t i = 0; i < N(more); i++) {
        const char *text = changed(more[i][0], more[i][1]);
        struct err why = ERR_INIT;
        struct prml *m = NULL;
        cr_assert_lt(prml_parse(&m, "manifest", text, strlen(text), &why), 0, "%s", more[i][1]);
        cr_assert(strstr(why.msg, more[i][2]) || strstr(why.where, more[i][2]), "%s: %s", more[i][1], why.msg);
    }
}

Test(prml, claims_hold_or_not) {
    static const struct {
        const char *comparator;
        int below, at, above;
    } v[] = {{"'>='", 0, 1, 1}, {"'>'", 0, 0, 1}, {"==", 0, 1, 0}, {"<=", 1, 1, 0}, {"<", 1, 0, 0}};
    for (size_t i = 0; i < N(v); i++) {
        struct prml *m = parsed(changed("'>='", v[i].comparator));
        cr_assert_eq(prml_holds(m, 0.84), v[i].below);
        cr_assert_eq(prml_holds(m, 0.85), v[i].at);
        cr_assert_eq(prml_holds(m, 0.86), v[i].above);
        cr_assert_eq(prml_holds(m, NAN), 0);
        prml_free(m);
    }
    struct prml *m = parsed(changed("comparator: '>='", "metric_args: {tolerance: 0.1}\ncomparator: =="));
    cr_assert(prml_holds(m, 0.9) && !prml_holds(m, 0.96));
    prml_free(m);
}

Test(prml, an_amendment_names_its_prior) {
    struct prml *all[3] = {parsed(TV001), NULL, NULL};
    struct err why = ERR_INIT;
    for (size_t i = 0; i < N(prml_vectors); i++)
        if (!strncmp(prml_vectors[i].id, "TV-016c", 7)) all[all[1] ? 2 : 1] = parsed(prml_vectors[i].canonical);
    OK(prml_amends(all[1], all[0], &e));
    OK(prml_amends(all[2], all[1], &e));
    cr_assert_eq(prml_amends(all[2], all[0], &why), ERR_STATE);
    cr_assert_eq(prml_amends(all[0], all[1], &why), ERR_STATE);
    cr_assert_str_eq(prml_field(all[2], "dataset.id"), "imagenet-val-2012");
    cr_assert_null(prml_field(all[2], "model.id"));
    for (int i = 0; i < 3; i++) prml_free(all[i]);
}

Test(prml, claim_ids) {
    char id[PRML_ID];
    unsigned char noise[10] = {255, 254, 253, 252, 251, 250, 249, 248, 247, 246};
    prml_claim_id(0x017F22E279B0u, noise, id); /* the time of RFC 9562's example */
    cr_assert_str_eq(id, "017f22e2-79b0-7ffe-bdfc-fbfaf9f8f7f6");
    prml_free(parsed(changed("01900000-0000-7000-8000-000000000000", id)));
}
