/* Published test vectors of PRML: v0.1 TV-001 to TV-013 and the v0.2 candidates TV-013 to TV-018, which here carry a c (github.com,
 * studio-11-co/falsify, spec/test-vectors and spec/v0.2; texts CC BY 4.0, code MIT). A vector is the canonical bytes and their SHA-256;
 * an edge is one value of one field of TV-001 and the SHA-256 of what it gives, which fixes how the value is spelled. */
#ifndef PRML_VECTORS_H
#define PRML_VECTORS_H

#define CLAIM(x)  "claim_id: 01900000-0000-7000-8000-0000000000" x "\n"
#define MADE(x)   "created_at: '" x "'\n"
#define EMPTY_SHA "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
#define ZERO_SHA  "0000000000000000000000000000000000000000000000000000000000000000"
#define IMAGENET  "dataset:\n  hash: " EMPTY_SHA "\n  id: imagenet-val-2012\n"
#define GLUE                                                                               \
    "dataset:\n  hash: 9b9a7c5e7d6c5f4e3d2c1b0a9f8e7d6c5b4a3928171615141312111009080706\n" \
    "  id: glue-mrpc\n  uri: https://gluebenchmark.com/tasks/mrpc\n"
#define BERT      "model:\n  hash: 1f3c8a9d2b4e5c6f7a8b9c0d1e2f3a4b5c6d7e8f9a0b1c2d3e4f5a6b7c8d9e0f\n  id: bert-base-uncased\n"
#define BY(x)     "producer:\n  id: " x "\n"
#define END(s, t) "seed: " s "\nthreshold: " t "\nversion: prml/0.1\n"
#define GE        "comparator: '>='\n"
#define ACC       "metric: accuracy\n"
#define TV001_SHA "1a3466cc08ee7fb60a726ea1c4db6ecf48a9f847b9b7523bfb54b2ffaefee546"
#define TV001     CLAIM("00") GE MADE("2026-05-01T12:00:00Z") IMAGENET ACC BY("studio-11.co") END("42", "0.85")

static const struct {
    const char *id, *canonical, *hash;
} prml_vectors[] = {
    {"TV-001", TV001, TV001_SHA},
    {"TV-003", CLAIM("00") GE MADE("2026-05-01T12:00:00Z") IMAGENET ACC BY("studio-11.co") END("42", "0.86"),
     "b96b5b8d613e29d8c28c1cf91c03821b02224c41188c6128743fa2d55639d4bb"},
    {"TV-004", CLAIM("01") GE MADE("2026-06-15T09:30:00Z") GLUE "metric: f1\n" BERT BY("studio-11.co") END("1337", "0.78"),
     "609308e259dc3e75909b6c81a6bf0230a34a0b9af6726e46675a66817a80d304"},
    {"TV-005", CLAIM("02") GE MADE("2026-05-01T12:00:00Z") IMAGENET ACC BY("üniversite.edu.tr") END("42", "0.85"),
     "6cf48a868f8f2fec59647d4b8327a27aba7dc219c14ab799ad85398a5aa9e1b6"},
    {"TV-006",
     CLAIM("03") GE MADE("2026-05-01T12:00:00Z") "dataset:\n  hash: '" ZERO_SHA "'\n  id: test-dataset\n" ACC BY("edge.example")
         END("18446744073709551615", "0.5"),
     "57c71c567e0c4d86c691e311634730cd1ff0c65308f3a917d62d89d36d31c81d"},
    {"TV-007",
     CLAIM("04") GE MADE("2026-05-01T12:00:00Z") "dataset:\n  hash: '" ZERO_SHA "'\n  id: test-dataset\n" ACC BY("edge.example")
         END("0", "0.5"),
     "766d6ca6ee06b619bf4e49f586eff0e979adcd034abae31d2c52b93d00ef7b92"},
    {"TV-008",
     CLAIM("05") "comparator: ==\n" MADE(
         "2026-05-01T12:00:00Z") "dataset:\n  hash: abcdef0123456789abcdef0123456789abcdef0123456789abcdef0123456789\n  id: "
                                 "synth-100\n"
                                 "metric: exact_match\n" BY("studio-11.co") END("7", "1.0"),
     "fc2bf632dfb10bac8cf88b0c0756af2b53175c9b3078ae34aaf6ce63102c1b56"},
    {"TV-009",
     CLAIM("06") GE MADE("2026-05-15T14:00:00Z") IMAGENET ACC
     "notes: Threshold raised after dataset re-curation found 12 mislabeled examples.\nprior_hash: " TV001_SHA
     "\n" BY("studio-11.co") END("42", "0.87"),
     "29c60f7ccfb1f12777127785be25e3b2ca121b9b85b020f7bbd8e89a65ff1a04"},
    {"TV-010",
     CLAIM("07")
         GE MADE("2026-07-01T08:00:00Z") "dataset:\n  hash: fedcba9876543210fedcba9876543210fedcba9876543210fedcba9876543210\n  "
                                         "id: humaneval\n"
                                         "  uri: https://github.com/openai/human-eval\nmetric: pass@1\n"
                                         "model:\n  hash: 1234567890abcdef1234567890abcdef1234567890abcdef1234567890abcdef\n  "
                                         "id: claude-opus-4-7\n" BY("anthropic.com") END("314159", "0.65"),
     "60f8eb35dd21c364811549b8a45ea50dc70a01ef7210cfcc43b6aa9915fc88c6"},
    {"TV-011",
     CLAIM("08") "comparator: '>'\n" MADE(
         "2026-08-12T10:00:00Z") "dataset:\n  hash: '1010101010101010101010101010101010101010101010101010101010101010'\n  id: "
                                 "chestx-ray-14\n"
                                 "metric: auroc\n" BY("research-hospital.example") END("2718", "0.55"),
     "91104f15ee95b7a61869e30bd1539abfd718652288daa6bb7418337a8ffc32de"},
    {"TV-012",
     CLAIM("09") "comparator: <=\n" MADE(
         "2026-09-01T15:00:00Z") "dataset:\n  hash: 9999888877776666555544443333222211110000aaaaffffeeeeddddccccbbbb\n  id: "
                                 "boston-housing\n"
                                 "metric: mae\n" BY("studio-11.co") END("1", "2.5"),
     "ec1d18427451f0bd7886c6ac4027f07a779f899035c27ea52cb2765212866424"},
    {"TV-013",
     CLAIM("0a")
         GE MADE("2026-06-01T12:00:00Z") "dataset:\n  hash: abcd1234abcd1234abcd1234abcd1234abcd1234abcd1234abcd1234abcd1234\n  "
                                         "id: eval-2k\n"
                                         "metric: accuracy_pct\n" BY("falsify.dev") END("42", "90.0"),
     "cb9683ce70f5d45d407b827d0b9223d342ebd3600c560ec6a9e76dd336bf007d"},
    {"TV-013c",
     CLAIM("0a") GE MADE("2026-05-01T12:00:00Z") "dataset:\n  hash: '" ZERO_SHA "'\n  id: test-dataset\n" ACC BY("清华大学.cn")
         END("42", "0.9"),
     "9e7096024ebbdea936ea4f92b35ce1fe1c2b5f1883d7196b6e10287aa620fa35"},
    {"TV-014c",
     CLAIM("0b") GE MADE("2026-05-01T12:00:00Z") IMAGENET ACC
     "notes: Initial commit of the production accuracy claim for the v3 model release. Threshold of 0.85 was chosen based on the "
     "Q1 2026 "
     "incident review which established that the deployed system requires at least 85 percent top-1 accuracy on the ImageNet "
     "validation "
     "split to maintain user-facing service level objectives. The dataset hash pins the exact byte content of the validation "
     "split as "
     "distributed by the original ILSVRC organisers; any drift in those bytes will cause the verifier to refuse evaluation.\n" BY(
         "studio-11.co") END("42", "0.85"),
     "e1c442fda6fcc17881369da71b522f405a8679d887dbe88cdd495f45f5423b5e"},
    {"TV-015c",
     CLAIM("0c") GE "compute_envelope: cpu-amd-epyc-7763, fp32, batch_size=32\n" MADE("2026-06-01T10:00:00Z") GLUE
     "metric: f1\n" BERT "  uri: https://huggingface.co/bert-base-uncased\n"
     "notes: Reference benchmark, all optional fields populated for full provenance.\n" BY("studio-11.co") END("1337", "0.82"),
     "7d50bbac9c49306b5a8c5bd1ebb5052e30fcf16d52ec38470dfb8610c1c9d5e4"},
    {"TV-016c, first amendment",
     CLAIM("0d") GE MADE("2026-07-01T14:00:00Z") IMAGENET ACC
     "notes: 'First amendment: threshold raised after dataset re-curation.'\nprior_hash: " TV001_SHA "\n" BY("studio-11.co")
         END("42", "0.88"),
     "05bf194b8033140dba6970a623afbd5fa8f8634a6dd4c728000cb0f1f03ddf7d"},
    {"TV-016c",
     CLAIM("0d") GE MADE("2026-08-01T16:00:00Z") IMAGENET ACC
     "notes: 'Second amendment: threshold raised again after Q3 audit.'\n"
     "prior_hash: 05bf194b8033140dba6970a623afbd5fa8f8634a6dd4c728000cb0f1f03ddf7d\n" BY("studio-11.co") END("42", "0.91"),
     "0f758e839683768fde1995463cd31c05c3e42343b8e289c57b5914154e6fe092"},
    {"TV-017c",
     CLAIM("0e") "comparator: <\n" MADE(
         "2026-09-15T11:00:00Z") "dataset:\n  hash: abababababababababababababababababababababababababababababababab\n  id: "
                                 "ca-housing\n"
                                 "metric: rmse\n" BY("research-lab.example") END("2024", "1.5"),
     "3b7bbabc43922e97b9aa0c380bb6928ec37a0d5af486b92a6a9835b430a0ad11"},
    {"TV-018c",
     CLAIM("0f") "comparator: <=\n" MADE(
         "2026-10-01T09:00:00Z") "dataset:\n  hash: cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd\n  id: "
                                 "fraud-detection-2026\n"
                                 "metric: false_positive_rate\n" BY("fintech.example") END("99", "1.0e-06"),
     "ff56657bd0d176dd8018c77461f38cdf5ec475b994a5061ef4d0f749bf4a7491"},
};

/* EV-001 to EV-044: TV-001 with notes */
static const struct {
    const char *notes, *hash;
} prml_notes[] = {
    {"?x", "fac9ecb864cd16e8238b8bd9a5f1e0103c9eded446ae557c5173d21410accb35"},
    {":x", "0a58e1e0ac0622e523a5f77f50147e37a9160450a0621249509e1859f8d5c4e5"},
    {"-x", "806e8c15c23a0143e8e55625aae7edf6643650a60f63a29ffa0b54d4b2aad472"},
    {"-", "3a089d06e2bb2710a496d553f74ee2beb4f5eae06bd59d52ef4ff7a8036ee84e"},
    {"y", "351f8f781c9499b93d04b0a8e5ac27140ced94cfd0d7cad2a4f02f4e8368ffe5"},
    {"n", "772ab36be7a1da4449b5968f6b5d950a2ba346274a37910dc3c73e15f3ecb46a"},
    {"Y", "23c74f38609d56bf93b8b23b8946723d3ef778af75f55cea0ae32966ae0130d8"},
    {"N", "49e27e0f35ba5514961e5dc163adf3982c944297a704e4aa1026543df3c72cb7"},
    {"yes", "3660e743ca12e3c48241082c2331fbc97ab8f77ebb6986287f76353b35dd5d09"},
    {"1e5", "3ec0cf0e6b54d1b5500b34480c01bc25f4d76d1830127e0beeecf3b4f7682bd2"},
    {"1E5", "4713a8f78804b60b9f9e59f52b65d9b5a0962481deeb4063bf1e0a0e9109c34b"},
    {"12e3", "817a3f677bf8dab5013b77b999281b65ff735963c432732da8b5cd6fddca7d4c"},
    {"0o17", "da18346bcf8759a37be160ea53c0b8731f7642c30d1163ce60bce16f44deca2f"},
    {"0b101", "82ed2f0d06ac45dffb2ff0afe9f371d8578e5391ff8095190170c716c141e57f"},
    {"017", "7849abe86acfcfbe7643b0cf5225151a6ae25ed837e9665aa9d2bbcc3e476e18"},
    {"0x1f", "aadf20549c9e3e5769f40ac3cc4c45f86f3543436c3510167b9683a6a3a1e81a"},
    {"1:30", "60f34ce62b7fbc0983e61957ab0b801f890ab423f84aff11b3065aadedbbfc65"},
    {"190:20:30", "4283e4e5baf39582a0cb7627bcd1264ae591712355263ca86cd884bc7f862a7d"},
    {"<<", "7c09d91a87d56422c801f9e8d8df608d98e864526b69fe54389bf4c34547acd2"},
    {"=", "8ebc86e524dab3c741070d60754c08c9310d30cabbb07a3ca598ab5b8e026228"},
    {"=x", "616f17f44cd85e4de97a3c26ddf0c0a11b483721125a31a793f2505b8c063753"},
    {"1_000", "4fa0ca3613a374b46268f61f62c347f644b61efdcbd51c97f540f70ec4fdf51b"},
    {".5", "26cce61f8e2f5774c0983ca57de2cfd5e1e0da176f0e52603d2006051e9b35f6"},
    {"5.", "6bfaae42bb3bf64d3fed342d7bd436c086fcba12a26ebcbd26c543425bc602d8"},
    {"+1", "5a9b7731d0e47dbc7d54a0a117a10289bbb72c264fe0bb557a864ba7acc44d27"},
    {"a:", "46005dae253d4e782641242684a46ac87af2bd3145355d9ece98dd4416de6297"},
    {"x: y", "70d125064e1ce45d260427ef8141fef6d7aee65c197a9440dafdb4006b1c44de"},
    {"a #b", "e897609fee390654be6c724a900373f3aa9da393d4577bf099a1e1577ad08a0d"},
    {"- x", "8b7610dca63ff9ecdc0f0051fffec4ed64e9fc48dee5ee50961923e0cd402499"},
    {"?", "0d4c593620f367e7dd8a042c9c993ebeaa7773927e7d6e6cc2e5579edf898755"},
    {"2026-05-01", "e69730cf6e29c6e12e78c388b7c586bae2beb7a2a05d5b8b5d6d2a59f3112a98"},
    {"2026-5-1", "446d3ff1db196f8b5f468e4ed636f37731b77cb4053020b7405ebb32702583d9"},
    {"2026-05-01 12:00:00", "ec9ed01f81ed2874b4e113164254166aed380ae4ef8ad09aca1f392f35cfac4a"},
    {"20260501", "22c3b05affbef8f1eb0696149ed886b47c6ad4011353efd495e3cc58b2541403"},
    {".inf", "b741fa3a518f1cc7dfada3ef75bda6c4611bd40cc9f0c77efa33501aae1c98b9"},
    {"~", "ab3d83ec4f69f4eef3032e5a89b197f3190c1666299633c630334e7c4bd9f451"},
    {"", "d0154660ad0127f08877735dcd77db0fd8de8fffc914d224c253d84938083c7e"},
    {"üniversite", "f35634d24312615ed97e3f3132b57f1bbd6fd91da15a4a91103173d83a911692"},
    {"it's", "9dd47eb74cfca208eecb21a903c6d7c556b9e7554815b34ce33126a64e71e41d"},
    {"'x", "3e7f60dd17d9ac4124f487bf5a96757380b0572fa33cdbf35c952b18a2106490"},
    {"x=y", "d82cb373d4d2d0995300b0d7fe2eef38bff7d23525aef1debeaffda438e5fd18"},
    {"a?", "53004d6d53004569d97c2edc924f59d5f445253045417c5ccf291e1583d8f288"},
    {"-a", "48aa908e429969a2004dc43731084b7ede41262031827cf4ae700f34db0a7e68"},
    {"%x", "e667cd4a3800500fbf882c06b03b647c9b054e4c45859a899d0a01034d38c7a4"},
};

/* EV-068 to EV-081: TV-001 with another threshold */
static const struct {
    double threshold;
    const char *hash;
} prml_thresholds[] = {
    {1e-06, "cc6183334e2d790b2c299ea6c05d2b0217b5e646a23c46d4943fd28f35a08a72"},
    {1.5e-07, "b71ec4282e4b98951f3ee4fb0eed8a9cd6097a4dc3012d069f318f81b5dc7617"},
    {1000000000000000.0, "d1318aa24065119f5a44aa00bddce993056ce06cc18900a21fcf1c638d1d74e6"},
    {1e+16, "f7722fbf653d600af495dbbd41961a025cbd950d66202c0e5640b8545e8f5984"},
    {1e+17, "c8c27c8b4e48dd4ef86ad5fa8e3ee34be73cf6efbe9f15050d32248e920ff31c"},
    {5e-324, "8f806eba3f43a069b7104867cca2d0958849df0807a93a36213558b7b1d3592d"},
    {1.7976931348623157e+308, "fb57be47ea3cb4b53e49d9825076f66b19c393067c119aa8afc06a99fab91319"},
    {0.3333333333333333, "60389fd9b24b6f6813077dc439ae3f6b568c0f5ab833dd4721631c70a0a08655"},
    {123456789012345.0, "b6f6ee1beecb13e4a0f3ad6829a86db7d7e660d2be20c0c928cc05e34f20a730"},
    {-0.5, "43eee9bda68aec7ee3033f4a7c0554260eb0554b96a3abd155afc6e4c0a2427c"},
    {-1e-05, "ee263365894e4712cc420921803b20606ed319c547da491be92083408a0b8cac"},
    {2.5e-08, "1e671342cf67407280f7d3b781be0c07826ac7920a982399cd2d4c6971c64094"},
    {0.1, "4aaecc5b324edd3c86ad5851fd2f1c02ac97b3a39ed1c4c5bda4362528383fbc"},
    {0.0001, "d4632814e3967f95c03a724896f2ddd8efa6b2769a385726a40c631c39ff9bca"},
};

/* RJ-001 to RJ-020: what of TV-001 is replaced, by what, and a word of the reason. */
static const struct {
    const char *id, *from, *to, *why;
} prml_rejects[] = {
    {"RJ-001", "metric: accuracy", "metric: \"acc\\x85uracy\"", "non-portable"},
    {"RJ-002", "claim_id: 01900000-0000-7000-8000-000000000000", "claim_id: \"demo\\u2028claim\"", "non-portable"},
    {"RJ-003", "id: studio-11.co", "id: \"studio-11\\u2029co\"", "non-portable"},
    {"RJ-004", "id: imagenet-val-2012", "id: \"imagenet\\ufeffval\"", "non-portable"},
    {"RJ-005", "metric: accuracy", "metric: \"acc\\x7furacy\"", "non-portable"},
    {"RJ-006", "claim_id: 01900000-0000-7000-8000-000000000000", "claim_id: \"demo\\0claim\"", "NUL"},
    {"RJ-007", "id: studio-11.co", "id: \"studio\\x9f11\"", "non-portable"},
    {"RJ-008", "seed: 42\n", "", "missing required field: seed"},
    {"RJ-009", EMPTY_SHA, "NOTAHASH", "dataset.hash must be 64 lowercase hex chars"},
    {"RJ-010", "'>='", "'=>'", "comparator must be one of"},
    {"RJ-011", "prml/0.1", "prml/9.9", "version must be"},
    {"RJ-012", "0.85", "high", "threshold must be a finite number"},
    {"RJ-013", "metric:", "\"meta\\u2028note\": x\nmetric:", "non-portable"},
    {"RJ-014", "  id: imagenet", "  \"sub\\u2028key\": x\n  id: imagenet", "non-portable"},
    {"RJ-015", "0.85", ".inf", "threshold must be a finite number"},
    {"RJ-016", "0.85", ".nan", "threshold must be a finite number"},
    {"RJ-017", "producer:", "metric: f1\nproducer:", "each key once"},
    {"RJ-018", "studio-11.co", "O\xcc\x88zt\x75\xcc\x88rk", "not in Unicode NFC"},
};
#endif
