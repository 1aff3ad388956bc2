/* candor study prml: the hash of a PRML manifest, and whether a published hash and an observation agree with it. */
#include "base/fs.h"
#include "cli/open.h"
#include "study/prml.h"
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct opt opts[] = {
    {"canonical", 0, NULL, NULL, "hash: print the canonical bytes instead"},
    {"hash", 0, "HEX", NULL,
     "verify: the published hash (default: the first word of FILE.sha256, or of FILE.prml.sha256 without .yaml)"},
    {"observed", 0, "X", NULL, "verify: the observed value; exit status 10 if the claim does not hold for it"},
    {"prior", 0, "FILE", NULL, "verify: the manifest that this one amends; its hash must be prior_hash"},
    OPT_JSON,
    {0},
};

/* A manifest that cannot be used is the fault of what was given: exit status 2, as PRML has it. */
static int open_manifest(struct prml **m, struct args *a, const char *path, struct err *e) {
    int rc = prml_read(m, path, e);
    if (rc < 0 && rc != ERR_NOMEM) a->wrong = 1;
    return rc;
}

static int print_hash(struct args *a, const struct prml *m, struct err *e) {
    char hex[DIGEST_HEX];
    struct str s = {0};
    if (arg_has(a, "canonical")) {
        int rc = prml_canonical(m, &s, e);
        if (!rc) rc = print_bytes(s.s, s.len, e);
        str_free(&s);
        return rc;
    }
    TRY(prml_hash(m, hex, e));
    if (arg_has(a, "json")) return print_json(json_pack("{s:s, s:s}", "hash", hex, "claim_id", prml_field(m, "claim_id")), e);
    printf("%s\n", hex);
    return 0;
}

static int sidecar(char hex[DIGEST_HEX], const char *path, struct err *e) {
    unsigned char sum[DIGEST_BYTES];
    char *s;
    size_t n;
    TRY(file_read(&s, &n, path, 4096, e));
    s[strcspn(s, " \t\r\n")] = 0;
    int rc = digest_parse(s, sum, e);
    free(s);
    if (rc >= 0) digest_hex(sum, hex);
    return err_place(e, rc, path);
}

static int published(char hex[DIGEST_HEX], struct args *a, struct err *e) {
    const char *given = arg_str(a, "hash"), *path = a->pos[1];
    char name[4096];
    size_t n = strlen(path), cut = n > 5 && !strcmp(path + n - 5, ".yaml") ? n - 5 : n;
    unsigned char sum[DIGEST_BYTES];
    if (given) {
        if (digest_parse(given, sum, e) < 0)
            return usage_error(a, e, "--hash: expected 64 hexadecimal digits, found \"%.80s\"", given);
        digest_hex(sum, hex);
        return 0;
    }
    snprintf(name, sizeof name, "%s.sha256", path);
    if (file_exists(name)) return sidecar(hex, name, e);
    snprintf(name, sizeof name, "%.*s.prml.sha256", (int)cut, path);
    if (file_exists(name)) return sidecar(hex, name, e);
    return usage_error(a, e, "expected --hash, or the published hash in %s.sha256", path);
}

static int report(struct args *a, const char *verdict, const char *want, const char *have, int status, struct err *e) {
    if (arg_has(a, "json")) {
        TRY(print_json(json_pack("{s:s, s:s, s:s}", "verdict", verdict, "published", want, "hash", have), e));
        return status;
    }
    printf("%s\n", verdict);
    if (strcmp(want, have) != 0) printf("published %s\nmanifest  %s\n", want, have);
    return status;
}

static int verify(struct args *a, const struct prml *m, struct err *e) {
    char want[DIGEST_HEX], have[DIGEST_HEX];
    double observed = 0;
    TRY(published(want, a, e));
    if (arg_has(a, "observed")) TRY(arg_real(a, "observed", -1e308, 1e308, &observed, e));
    TRY(prml_hash(m, have, e));
    if (strcmp(want, have) != 0) return report(a, "tampered", want, have, EXIT_UNVERIFIED, e);
    if (arg_has(a, "prior")) {
        struct prml *prior;
        TRY(open_manifest(&prior, a, arg_str(a, "prior"), e));
        int rc = prml_amends(m, prior, e);
        prml_free(prior);
        if (rc == ERR_STATE) return report(a, "amends another manifest", want, have, EXIT_UNVERIFIED, e);
        TRY(rc);
    }
    if (!arg_has(a, "observed")) return report(a, "unchanged", want, have, 0, e);
    int holds = prml_holds(m, observed);
    return report(a, holds ? "pass" : "fail", want, have, holds ? 0 : EXIT_CLAIM, e);
}

static int run(struct args *a, struct err *e) {
    struct prml *m;
    int hash = !strcmp(a->pos[0], "hash");
    if (!hash && strcmp(a->pos[0], "verify") != 0)
        return usage_error(a, e, "expected hash or verify, found \"%.40s\"", a->pos[0]);
    TRY(open_manifest(&m, a, a->pos[1], e));
    int rc = hash ? print_hash(a, m, e) : verify(a, m, e);
    prml_free(m);
    return rc;
}

const struct command command_study_prml = {
    .name = "study prml",
    .summary = "hashes or verifies a PRML manifest (one metric against one threshold)",
    .usage = "hash FILE [--canonical] | verify FILE [--hash HEX] [--observed X] [--prior FILE] [--json]",
    .opts = opts,
    .min_pos = 2,
    .max_pos = 2,
    .run = run,
    .notes = "PRML (Pre-Registered ML Manifest, versions 0.1 and 0.2) is read as YAML or JSON.\n"
             "verify ends with 0 (unchanged, or pass), 10 (the claim does not hold), 3 (tampered), 2 (no usable manifest).",
};
