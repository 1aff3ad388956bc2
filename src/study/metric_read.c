/* From an archive to counts: every agent-turn is read once, its words are looked up in the dictionaries of its language. Agent-turns are
 * gathered and counted on all threads; all of one agent of a run are one thread's, so that its sums are nobody else's. */
#include "base/pool.h"
#include "study/digest.h"
#include "study/foreign.h"
#include "study/metric_int.h"
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

enum { GATHERED = 512 };
struct gathered {  /* an agent-turn that is to be counted */
    int64_t place; /* of its run in the run order */
    char key[RUN_KEY_BYTES], *json;
    size_t n;
    struct scored_run *run;
    int cell, agent, rc;
    struct err e;
};
struct counting {
    struct scored *c;
    struct lexicon lexicon[STUDY_MAX_LANGUAGES];
    struct foreign *foreign;
    struct pool *pool;
    struct scratch *scratch; /* [threads] */
    struct gathered *turn;   /* [GATHERED] */
    const struct archive *a;
    const struct tokenizer *words_of; /* NULL: no tokens are counted */
    int64_t *place;                   /* [runs]: in the run order */
    int n;
    struct digest sum;          /* of the facts of `summing` so far */
    struct scored_run *summing; /* NULL: none yet */
};

/* "cell003/rep012/" at the beginning of a key, and what follows. */
static struct scored_run *run_of(struct scored *c, const char *key, int *cell, const char **rest) {
    int rep = -1, len = 0;
    if (sscanf(key, "cell%3d/rep%3d/%n", cell, &rep, &len) != 2 || !len) return NULL;
    if (*cell < 0 || *cell >= c->s->n_cells || rep < 0 || rep >= c->s->cell[*cell].replicates) return NULL;
    *rest = key + len;
    return &c->run[c->first[*cell] + rep];
}

static int agent_of(const struct study *s, const char *rest, int *agent) {
    int turn = 0, len = 0;
    if (sscanf(rest, "turn%2d/agent%2d%n", &turn, agent, &len) != 2 || rest[len]) return 0;
    return turn >= 1 && turn <= s->n_turns && *agent >= 0 && *agent < s->n_agents;
}

/* ---- many of them ---- */

static int count_one(const struct counting *x, const struct gathered *t, struct scratch *by, struct err *e) {
    int language = x->c->s->cell[t->cell].language, foreign = 0;
    const struct lexicon *words = &x->lexicon[language];
    struct counts *c = &t->run->agent[t->agent];
    struct form_count *form = t->run->form ? t->run->form + t->agent * words->first[METRIC_DICTIONARIES] : NULL;
    json_t *fact = json_loadb(t->json, t->n, 0, NULL);
    int rc = count_turn(&(struct tallies){.c = c, .form = form, .x = words, .by = by, .words_of = x->words_of}, fact, e);
    if (rc >= 0) rc = foreign_turn(x->foreign, language, fact, &foreign, e);
    c->wrong_language += foreign;
    if (rc >= 0) rc = identity_add(&by->who, x->c->s->cell[t->cell].model, t->place, fact, e);
    json_decref(fact);
    return err_place(e, rc, t->key);
}

static void count_slice(void *ctx, int ith, int nth) {
    struct counting *x = ctx;
    for (int i = 0; i < x->n; i++) {
        struct gathered *t = &x->turn[i];
        if (((t->run - x->c->run) + t->agent) % nth != ith) continue;
        t->e = ERR_INIT;
        t->rc = count_one(x, t, &x->scratch[ith], &t->e);
    }
}

/* Those that are gathered; the error is that of the first. */
static int count_gathered(struct counting *x, struct err *e) {
    int rc = 0;
    if (x->n) pool_run(x->pool, count_slice, x);
    for (int i = 0; i < x->n; i++) {
        struct gathered *t = &x->turn[i];
        if (rc >= 0 && t->rc < 0) {
            rc = t->rc;
            if (e) *e = t->e;
        }
        free(t->json);
    }
    x->n = 0;
    return rc;
}

static int gather(struct counting *x, const char *key, const char *json, size_t n, struct scored_run *run, int cell, int agent,
                  struct err *e) {
    struct gathered *t = &x->turn[x->n];
    t->json = malloc(n + 1);
    if (!t->json) return fail(e, ERR_NOMEM, "out of memory for scores");
    memcpy(t->json, json, n);
    snprintf(t->key, sizeof t->key, "%s", key);
    t->n = n, t->run = run, t->cell = cell, t->agent = agent, t->place = x->place[run - x->c->run];
    return ++x->n == GATHERED ? count_gathered(x, e) : 0;
}

/* Facts come in the order of their keys, so those of a run come together. r NULL: there are no more. */
static void sum_fact(struct counting *x, struct scored_run *r, const char *key, const char *json, size_t n) {
    if (x->summing && r != x->summing) digest_end(&x->sum, x->summing->sum);
    if (r && r != x->summing) digest_begin(&x->sum);
    x->summing = r;
    if (!r) return;
    digest_add(&x->sum, key, strlen(key) + 1);
    digest_add(&x->sum, json, n);
    digest_add(&x->sum, "", 1);
}

static int count_fact(void *user, const char *key, const char *json, size_t n, struct err *e) {
    struct counting *x = user;
    const char *rest = "";
    int cell = 0, agent = 0;
    struct scored_run *r = run_of(x->c, key, &cell, &rest);
    if (!r) return fail_at(e, ERR_FORMAT, key, -1, "expected a run of the study, found another key");
    sum_fact(x, r, key, json, n);
    if (!strcmp(rest, "run")) {
        r->finished = 1;
        return 0;
    }
    size_t len = strlen(rest);
    if (len > 5 && !strcmp(rest + len - 5, "/ask0")) return 0; /* counted with the answer that came after it */
    if (!agent_of(x->c->s, rest, &agent))
        return fail_at(e, ERR_FORMAT, key, -1, "expected an agent-turn of the study, found another key");
    int forms = x->lexicon[x->c->s->cell[cell].language].first[METRIC_DICTIONARIES];
    TRY(scored_room(r, x->c->s, forms <= METRIC_MAX_FORMS ? forms : 0, e));
    return gather(x, key, json, n, r, cell, agent, e);
}

/* A measurement of a call: the run was begun, even if no call of it has succeeded. */
static int count_note(void *user, const char *key, const char *json, size_t n, struct err *e) {
    struct counting *x = user;
    const char *rest = "";
    int cell = 0;
    struct scored_run *r = run_of(x->c, key, &cell, &rest);
    json_t *note = r ? json_loadb(json, n, 0, NULL) : NULL;
    (void)e;
    if (!note) return 0; /* measurements decide nothing but what is said of loss */
    r->tried = 1;
    if (!r->finished && json_object_get(note, "failed") && !archive_has(x->a, key)) r->failed = 1;
    json_decref(note);
    return 0;
}

/* ---- all ---- */

static int begin(struct scored *c, const struct study *s, struct archive *a, struct err *e) {
    json_t *fact = NULL;
    TRY(scored_begin(c, s, e));
    int rc = archive_find(a, "study", &fact, e);
    if (rc < 0) return scored_free(c), rc;
    c->planted = json_is_true(json_object_get(fact, "planted"));
    char *text = json_dumps(fact, JSON_COMPACT | JSON_SORT_KEYS | JSON_ENCODE_ANY);
    if (text) digest_bytes(text, strlen(text), c->sum);
    c->summed = text != NULL;
    free(text);
    json_decref(fact);
    return 0;
}

static int make_scratch(struct counting *x, const struct study *s, struct err *e) {
    int most = 0, threads = pool_size(x->pool);
    for (int i = 0; i < s->n_languages; i++)
        if (x->lexicon[i].first[METRIC_DICTIONARIES] > most) most = x->lexicon[i].first[METRIC_DICTIONARIES];
    x->turn = calloc(GATHERED, sizeof *x->turn), x->scratch = calloc((size_t)threads, sizeof *x->scratch);
    if (!x->turn || !x->scratch) return fail(e, ERR_NOMEM, "out of memory for scores");
    for (int i = 0; i < threads; i++) {
        x->scratch[i] =
            (struct scratch){.without = calloc((size_t)most + 1, sizeof(ptrdiff_t)), .still = calloc((size_t)most + 1, 1)};
        if (!x->scratch[i].without || !x->scratch[i].still) return fail(e, ERR_NOMEM, "out of memory for scores");
    }
    return 0;
}

static int make_places(struct counting *x, const struct study *s, struct err *e) {
    struct job *job;
    int64_t n;
    x->place = calloc((size_t)x->c->n + 1, sizeof *x->place);
    if (!x->place) return fail(e, ERR_NOMEM, "out of memory for scores");
    TRY(study_jobs(s, &job, &n, e));
    for (int64_t i = 0; i < n; i++) x->place[x->c->first[job[i].cell] + job[i].replicate] = i;
    free(job);
    return 0;
}

static int count_all(struct counting *x, const struct study *s, struct archive *a, int threads, struct err *e) {
    for (int i = 0; i < s->n_languages; i++) TRY(lexicon_make(&x->lexicon[i], s->language[i], e));
    TRY(foreign_open(&x->foreign, s, e));
    TRY(pool_new(&x->pool, threads, e));
    TRY(make_scratch(x, s, e));
    TRY(make_places(x, s, e));
    TRY(archive_each(a, "cell", count_fact, x, e));
    sum_fact(x, NULL, "", "", 0);
    TRY(count_gathered(x, e));
    TRY(archive_each_note(a, "cell", count_note, x, e));
    for (int i = 0; i < pool_size(x->pool); i++) TRY(identities_join(&x->c->who, &x->scratch[i].who, e));
    identities_sort(&x->c->who);
    return 0;
}

static void scratch_free(struct scratch *s) {
    free(s->without), free(s->still);
    toks_free(&s->ids);
    identities_free(&s->who);
}

static void counting_free(struct counting *x, const struct study *s) {
    for (int i = 0; i < x->n; i++) free(x->turn[i].json);
    for (int i = 0; x->scratch && i < pool_size(x->pool); i++) scratch_free(&x->scratch[i]);
    free(x->turn), free(x->scratch), free(x->place);
    pool_free(x->pool);
    foreign_close(x->foreign);
    for (int i = 0; i < s->n_languages; i++)
        for (int k = 0; k < METRIC_DICTIONARIES; k++) dictionary_free(x->lexicon[i].d[k]);
}

/* By the bytes of its pieces, so that the same vocabulary in another file is the same. */
static int name_tokenizer(char out[SCORED_TOKENIZER], const struct tokenizer *t, struct err *e) {
    unsigned char sum[DIGEST_BYTES];
    char hex[DIGEST_HEX];
    struct digest d;
    const char *piece;
    size_t n;
    digest_begin(&d);
    for (int64_t i = 0; i < tokenizer_size(t); i++) {
        TRY(tokenizer_piece(t, (tok)i, &piece, &n, e));
        digest_add(&d, &n, sizeof n);
        digest_add(&d, piece, n);
    }
    digest_end(&d, sum);
    digest_hex(sum, hex);
    snprintf(out, SCORED_TOKENIZER, "%lld pieces %.64s", (long long)tokenizer_size(t), hex);
    return 0;
}

int scored_read(struct scored *out, const struct study *s, struct archive *a, int threads, struct err *e) {
    return scored_read_tokens(out, s, a, threads, NULL, e);
}

int scored_read_tokens(struct scored *out, const struct study *s, struct archive *a, int threads, const struct tokenizer *t,
                       struct err *e) {
    struct scored c = {0};
    struct counting x = {.c = &c, .a = a, .words_of = t};
    char name[SCORED_TOKENIZER] = "";
    if (t) TRY(name_tokenizer(name, t, e));
    TRY(begin(&c, s, a, e));
    memcpy(c.tokenizer, name, sizeof name);
    int rc = count_all(&x, s, a, threads, e);
    counting_free(&x, s);
    if (rc < 0) return scored_free(&c), rc;
    scored_finish(&c);
    *out = c;
    return 0;
}
