/* The trainer: a killed and resumed run writes the same bytes as an uninterrupted one; every objective learns; recipes are checked key by
 * key. Models here are a few thousand parameters and a few dozen steps. */
#include "train_runs.h"

TestSuite(train, .init = tmp_init, .fini = tmp_end);

static const char lm_recipe[] =
    "{\"out\": \"%s.gguf\", \"seed\": 7, \"format\": \"F32\","
    "\"model\": {\"family\": \"%s\", \"layers\": 2, \"width\": 32, \"heads\": 2, \"kv_heads\": 1, "
    "\"head_dim\": 16, \"ff\": 48, \"context\": 256},"
    "\"tokenizer\": {\"vocab\": 300, \"pre\": \"qwen2\", \"samples\": 200},"
    "\"stages\": [{\"name\": \"a\", \"objective\": \"next\", \"tokens\": 4000, \"rows\": 512, "
    "\"accumulate\": 2, \"warmup\": 2, \"lr\": 3e-3, \"muon\": 0.02,"
    "  \"data\": [{\"family\": \"chain\", \"raw\": 0.3, \"lookup\": 0.1}, {\"family\": \"recall\", \"raw\": 0.4, "
    "\"told\": 0.5, \"lookup\": 0.2, \"entities\": 40}]},"
    " {\"name\": \"b\", \"objective\": \"answer\", \"tokens\": 4000, \"rows\": 512, \"lr\": 1e-3, "
    "\"warmup\": 2, \"data\": [{\"family\": \"arith\", \"at_once\": 0.2}]}],"
    "\"validate_every\": 0, \"validate_docs\": 4}";

static const char rm_recipe[] =
    "{\"out\": \"%s.gguf\", \"seed\": 3, \"format\": \"F32\", \"init\": \"lm.gguf\","
    "\"stages\": [{\"name\": \"r\", \"objective\": \"%s\", \"tokens\": 3000, \"rows\": 512, \"lr\": 1e-3, \"warmup\": 2,"
    "  \"data\": [{\"family\": \"recall\", \"policy\": \"lm.gguf\", \"questions\": 24, \"samples\": 4, \"temp\": 1.5, "
    "\"max_new\": 24}]}],"
    "\"validate_every\": 0, \"validate_docs\": 4}";

static void make_lm(const char *name, const char *family) {
    char text[2048], file[64];
    snprintf(text, sizeof text, lm_recipe, name, family);
    snprintf(file, sizeof file, "%s.json", name);
    write_file(tmp_path(file), text);
}

Test(train, interrupted_everywhere_gives_the_same_bytes_as_in_one_go) {
    struct last l = {0};
    struct err e = ERR_INIT;
    make_lm("lm", "qwen3");
    cr_assert(run("lm.json", 0, 2, &l, &e) == 0, "%s", e.msg);
    cr_assert(l.loss < l.first);
    cr_assert(rename(tmp_path("lm.gguf"), tmp_path("whole")) == 0);
    int rc = ERR_CANCELLED, calls = 0;
    while (rc == ERR_CANCELLED) rc = run("lm.json", 3, 1, &l, &e), calls++; /* other thread count, too */
    cr_assert(rc == 0 && calls > 2, "%s", e.msg);
    expect_same_file("whole", "lm.gguf");
}

/* Graded answers as the trainer keeps them, so that every question has right and wrong ones: an untrained policy would give none. */
static void write_samples(const char *name) {
    FILE *f = fopen(tmp_path(name), "w");
    cr_assert(f != NULL);
    for (int q = 0; q < 24; q++)
        for (int k = 0; k < 4; k++)
            fprintf(
                f,
                "{\"row\":\"sample\",\"data\":0,\"question\":%d,\"k\":%d,\"correct\":%s,\"prompt\":2,\"ids\":[%d,7,%d,%d,9]}\n",
                q, k, k % 2 ? "true" : "false", 20 + q, 60 + k % 2, 70 + k);
    cr_assert(fclose(f) == 0);
}

Test(train, reward_objectives_learn_and_resume) {
    static const char *const kinds[] = {"pointwise", "pairwise"};
    struct last l = {0};
    struct err e = ERR_INIT;
    char text[2048];
    make_lm("lm", "llama");
    cr_assert(run("lm.json", 0, 2, &l, &e) == 0, "%s", e.msg);
    for (int i = 0; i < 2; i++) {
        snprintf(text, sizeof text, rm_recipe, "rm", kinds[i]);
        write_file(tmp_path("rm.json"), text);
        write_samples("rm.gguf.samples0.jsonl");
        l = (struct last){0};
        int rc = run("rm.json", 0, 2, &l, &e);
        cr_assert(rc == 0, "%s", e.msg);
        cr_assert(l.loss < l.first, "%s: loss %g after %g", kinds[i], l.loss, l.first);
        cr_assert(rename(tmp_path("rm.gguf"), tmp_path("whole")) == 0);
        while ((rc = run("rm.json", 2, 2, &l, &e)) == ERR_CANCELLED) {}
        cr_assert(rc == 0, "%s", e.msg);
        expect_same_file("whole", "rm.gguf");
    }
}

/* What lies in the file of answers is a user's file like any other. */
Test(train, stored_answers_are_checked) {
#define ROW(data, question, k, prompt, ids)                                                                           \
    "{\"row\":\"sample\",\"data\":" data ",\"question\":" question ",\"k\":" k ",\"correct\":true,\"prompt\":" prompt \
    ",\"ids\":" ids "}"
    static const struct {
        const char *line, *says;
    } bad[] = {
        {"", "line 2: expected a row with ids"},
        {"{}", "line 2: expected a row with ids"},
        {ROW("0", "1", "0", "2", "[20]") "]", "line 2: expected a row with ids"},
        {ROW("1", "1", "0", "2", "[20, 7, 9]"), "line 2: data: expected an integer from 0 to 0, found 1"},
        {ROW("0", "24", "0", "2", "[20, 7, 9]"), "line 2: question: expected an integer from 0 to 23, found 24"},
        {ROW("0", "-1", "0", "2", "[20, 7, 9]"), "line 2: question"},
        {ROW("0", "1", "4", "2", "[20, 7, 9]"), "line 2: k: expected an integer from 0 to 3, found 4"},
        {ROW("0", "1", "0", "4", "[20, 7, 9]"), "line 2: prompt: expected an integer from 1 to 3, found 4"},
        {ROW("0", "1", "0", "2", "[20, 7, 300]"), "line 2: ids: expected an integer from 0 to 299, found 300"},
        {ROW("0", "1", "0", "2", "[20, \"7\", 9]"), "line 2: ids: expected an integer, found something else"},
    };
    struct last l = {0};
    char text[2048];
    struct err e = ERR_INIT;
    make_lm("lm", "llama");
    cr_assert(run("lm.json", 0, 1, &l, &e) == 0, "%s", e.msg);
    snprintf(text, sizeof text, rm_recipe, "rm", "pointwise");
    write_file(tmp_path("rm.json"), text);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        e = ERR_INIT;
        snprintf(text, sizeof text, "%s\n%s\n", ROW("0", "0", "0", "2", "[20, 7, 9]"), bad[i].line);
        write_file(tmp_path("rm.gguf.samples0.jsonl"), text);
        cr_expect(run("rm.json", 0, 1, &l, &e) == ERR_FORMAT, "%s", bad[i].line);
        cr_expect(strstr(e.msg, bad[i].says), "%s", e.msg);
    }
#undef ROW
}

Test(train, a_checkpoint_of_another_recipe_is_refused) {
    struct last l = {0};
    struct err e = ERR_INIT;
    char text[2048];
    make_lm("lm", "gpt2");
    cr_assert(run("lm.json", 2, 1, &l, &e) == ERR_CANCELLED);
    snprintf(text, sizeof text, lm_recipe, "lm", "gpt2");
    char *seed = strstr(text, "\"seed\": 7");
    seed[8] = '8';
    write_file(tmp_path("lm.json"), text);
    cr_assert(run("lm.json", 2, 1, &l, &e) == ERR_STATE);
    cr_assert(strstr(e.msg, "another recipe"), "%s", e.msg);
}

/* Models of one vocabulary: learnt from the tokenizer's own data, whatever the stages train on. */
Test(train, a_vocabulary_has_data_of_its_own) {
    static const char *const tokenizer[] = {"", ", \"data\": [{\"family\": \"arith\", \"raw\": 0.5}]"};
    static const char *const stage[] = {"\"arith\", \"raw\": 0.5", "\"chain\""};
    for (int i = 0; i < 2; i++) {
        struct last l = {0};
        struct err e = ERR_INIT;
        char text[1024];
        snprintf(
            text, sizeof text,
            "{\"out\": \"%d.gguf\", \"seed\": 7, \"model\": {\"family\": \"llama\", \"layers\": 1, \"width\": 16, \"heads\": 1, "
            "\"kv_heads\": 1, \"head_dim\": 16, \"ff\": 16, \"context\": 256}, \"tokenizer\": {\"vocab\": 320, \"pre\": "
            "\"qwen2\", "
            "\"samples\": 200%s}, \"stages\": [{\"name\": \"a\", \"objective\": \"next\", \"tokens\": 1000, \"rows\": 256, "
            "\"data\": [{\"family\": %s}]}], \"validate_every\": 0}",
            i, tokenizer[i], stage[i]);
        write_file(tmp_path("v.json"), text);
        cr_assert(run("v.json", 1, 1, &l, &e) == ERR_CANCELLED, "%s", e.msg);
    }
    expect_same_file("0.gguf.vocab", "1.gguf.vocab");
}

/* The rest of a document with the weight of its answer: with all of it a document of which every token counts alike, with
 * less other steps than that and than the answer alone. */
Test(train, an_answer_with_all_of_the_rest_is_the_whole_text) {
    static const char *const stage[] = {"\"next\"", "\"answer\", \"rest\": 1", "\"answer\", \"rest\": 0.25", "\"answer\""};
    struct last l[4] = {0};
    for (int i = 0; i < 4; i++) {
        struct err e = ERR_INIT;
        char text[1024];
        snprintf(text, sizeof text,
                 "{\"out\": \"%d.gguf\", \"seed\": 7, \"format\": \"F32\", \"model\": {\"family\": \"llama\", \"layers\": 1, "
                 "\"width\": 16, \"heads\": 1, \"kv_heads\": 1, \"head_dim\": 16, \"ff\": 16, \"context\": 256}, "
                 "\"tokenizer\": {\"vocab\": 320, \"pre\": \"qwen2\", \"samples\": 200}, \"stages\": [{\"name\": \"a\", "
                 "\"tokens\": 3000, \"rows\": 256, \"data\": [{\"family\": \"arith\"}], \"objective\": %s}], "
                 "\"validate_every\": 0}",
                 i, stage[i]);
        write_file(tmp_path("w.json"), text);
        cr_assert(run("w.json", 0, 1, &l[i], &e) == 0, "%s", e.msg);
    }
    cr_expect(l[0].first == l[1].first && l[0].loss == l[1].loss, "%.17g %.17g, %.17g %.17g", l[0].first, l[1].first, l[0].loss,
              l[1].loss);
    cr_expect(l[2].loss != l[0].loss && l[2].loss != l[3].loss && l[3].loss != l[0].loss);
}

Test(train, recipes_are_checked) {
    static const struct {
        const char *text, *says;
    } bad[] = {
        {"", "not JSON"},
        {"[]", "expected an object"},
        {"{\"out\": \"x\", \"stages\": [], \"speed\": 3}", "unknown key \"speed\""},
        {"{\"stages\": []}", "expected key \"out\""},
        {"{\"out\": \"x\", \"stages\": []}", "either \"init\""},
        {"{\"out\": \"x\", \"init\": \"y\", \"stages\": []}", "stages"},
        {"{\"out\": \"x\", \"init\": \"y\", \"format\": \"Q9\", \"stages\": []}", "Q9"},
        {"{\"out\": \"x\", \"init\": \"y\", \"stages\": [{\"name\": \"a\", \"objective\": \"win\", \"tokens\": 1, \"data\": "
         "[]}]}",
         "pairwise or pointwise"},
        {"{\"out\": \"x\", \"init\": \"y\", \"stages\": [{\"name\": \"a\", \"objective\": \"next\", \"tokens\": 1, \"lr\": -1, "
         "\"data\": []}]}",
         "stage.lr"},
        {"{\"out\": \"x\", \"init\": \"y\", \"stages\": [{\"name\": \"a\", \"objective\": \"next\", \"tokens\": 1, \"rest\": "
         "0.5, "
         "\"data\": [{\"family\": \"chain\"}]}]}",
         "stage.rest"},
        {"{\"out\": \"x\", \"init\": \"y\", \"stages\": [{\"name\": \"a\", \"objective\": \"next\", \"tokens\": 1, \"data\": "
         "[{\"family\": \"golf\"}]}]}",
         "golf"},
        {"{\"out\": \"x\", \"init\": \"y\", \"stages\": [{\"name\": \"a\", \"objective\": \"pairwise\", \"tokens\": 1, \"data\": "
         "[{\"family\": \"chain\"}]}]}",
         "policy"},
        {"{\"out\": \"x\", \"model\": {\"family\": \"llama\", \"layers\": 1, \"width\": 8, \"heads\": 1, \"kv_heads\": 1, "
         "\"head_dim\": 8, \"ff\": 8}, \"tokenizer\": {\"vocab\": 300, \"pre\": \"qwen2\", \"data\": []}, \"stages\": "
         "[{\"name\": "
         "\"a\", \"objective\": \"next\", \"tokens\": 1, \"data\": [{\"family\": \"chain\"}]}]}",
         "tokenizer.data"},
        {"{\"out\": \"x\", \"model\": {\"family\": \"mamba\", \"layers\": 1, \"width\": 8, \"heads\": 1, \"kv_heads\": 1, "
         "\"head_dim\": 8, \"ff\": 8}, \"tokenizer\": {\"vocab\": 300, \"pre\": \"qwen2\"}, \"stages\": []}",
         "mamba"},
    };
    struct recipe *r = malloc(sizeof *r);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct err e = ERR_INIT;
        write_file(tmp_path("bad.json"), bad[i].text);
        cr_assert(recipe_load(r, tmp_path("bad.json"), &e) < 0, "case %zu was accepted", i);
        cr_assert(strstr(e.msg, bad[i].says), "case %zu says: %s", i, e.msg);
        cr_assert(strstr(e.where, "bad.json"), "case %zu has no place", i);
    }
    free(r);
}
