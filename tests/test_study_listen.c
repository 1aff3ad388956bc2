/* Listening to a council: agent-turns as traces, what they are labelled with, and their states. */
#include "probe/collect.h"
#include "run/hidden.h"
#include "study/listen.h"
#include "study_council.h"
#include "study_rig.h"
#include <jansson.h>

TestSuite(study_listen, .timeout = HANG_S);

static struct study *few_runs(void) {
    const char *text = COUNCIL_STUDY, *at = strstr(text, "replicates: 40");
    struct study *s = NULL;
    struct str b = {0};
    str_printf(&b, "%.*sreplicates: 2%s%s", (int)(at - text), text, at + 14, COUNCIL_PLANTED);
    OK(council_parse(&s, b.s, COUNCIL_TEXT, NULL, &e));
    str_free(&b);
    return s;
}

struct hall {
    struct rig rig;
    struct study *s;
    struct archive *a;
    struct listener *l;
    const struct written *w;
};

static void hall_open(struct hall *h, enum listen_part part, const char *archive) {
    rig_open(&h->rig, 1, 2048);
    h->s = few_runs();
    OK(archive_open(&h->a, archive, ARCHIVE_READ, &e));
    OK(listen_open(&h->l, h->s, h->a, &(struct listen_opts){part, h->rig.tok, h->rig.chat}, &e));
    h->w = listen_traces(h->l);
}
static void hall_close(struct hall *h) { listen_free(h->l), archive_close(h->a), study_free(h->s), rig_close(&h->rig); }
static const char *archive_of_planted(void) {
    struct study *s = few_runs();
    play_archive(tmp_path("a"), s, "planted");
    study_free(s);
    return tmp_path("a");
}

/* As the ids stand in the middle of a text. */
static char *spelled(const struct tokenizer *t, const int32_t *ids, int64_t n) {
    struct str b = {0};
    for (int64_t i = 0; i < n; i++) {
        const char *piece;
        size_t len;
        OK(tokenizer_piece(t, ids[i], &piece, &len, &e));
        str_add(&b, piece, len);
    }
    return b.s;
}
static int ends_with(const char *s, const char *with) {
    size_t n = strlen(s), m = strlen(with);
    return n >= m && !strcmp(s + n - m, with);
}

static void check_statement(const struct hall *h, const struct trace *t, const struct toks *prompt, int kinds[3]) {
    char *before = spelled(h->rig.tok, prompt->ids, prompt->n), *said = spelled(h->rig.tok, t->ids, t->n);
    const char *note = strrchr(before, '\n'); /* "[MONOLOGUE] I think red.\n[TALK]" */
    cr_assert(note && t->label >= 0 && t->truth >= 0 && t->q.n_choices == 4);
    cr_expect(ends_with(before, "[TALK]") || ends_with(before, "[発言]") || ends_with(before, "]"), "%s", before);
    while (note > before && note[-1] != '\n') note--;
    cr_expect(strstr(note, t->q.choices[t->label]), "the note says %s: %s", t->q.choices[t->label], note);
    cr_expect_str_eq(said, t->text);
    cr_expect_eq(strlen(said), t->ends[t->n - 1]);
    int same = strstr(said, t->q.choices[t->label]) != NULL;
    cr_expect_eq(same, !strcmp(t->q.kind, "sincere"), "%s: %s", t->q.kind, said);
    if (!strcmp(t->q.kind, "conforming")) cr_expect(strstr(said, "Yes, "), "%s", said);
    if (!strcmp(t->q.kind, "misreporting")) cr_expect(!strstr(said, "Yes, "), "%s", said);
    kinds[same ? 0 : strcmp(t->q.kind, "conforming") ? 2 : 1]++;
    free(before), free(said);
}

Test(study_listen, a_statement_is_labelled_by_the_note_before_it) {
    struct hall h;
    int kinds[3] = {0};
    hall_open(&h, LISTEN_STATEMENT, archive_of_planted());
    cr_assert_eq(h.w->n, study_runs(h.s) * 6 * 4);
    for (int64_t i = 0; i < h.w->n; i++) {
        struct trace t = {0};
        struct toks prompt = {0};
        OK(h.w->read(h.w->ctx, i, &t, &prompt, &e));
        cr_assert_eq(t.out, TRACE_OK);
        cr_expect_eq(t.index, i);
        check_statement(&h, &t, &prompt, kinds);
        trace_fini(&t), toks_free(&prompt);
    }
    cr_expect(kinds[0] > 100 && kinds[1] > 5 && kinds[2] > 5, "%d sincere, %d conforming, %d misreporting", kinds[0], kinds[1],
              kinds[2]);
    hall_close(&h);
}

/* Before a note nothing of the reply is there but its mark; the same trace out of order is the same. */
Test(study_listen, a_note_is_heard_from_before_its_first_word) {
    struct hall h;
    hall_open(&h, LISTEN_NOTE, archive_of_planted());
    for (int64_t i = 0; i < h.w->n; i += 37) {
        struct trace t = {0}, again = {0};
        struct toks prompt = {0}, same = {0};
        OK(h.w->read(h.w->ctx, h.w->n - 1 - i, &t, &prompt, &e));
        trace_fini(&t);
        prompt.n = 0;
        OK(h.w->read(h.w->ctx, i, &t, &prompt, &e));
        OK(h.w->read(h.w->ctx, i, &again, &same, &e));
        cr_expect(t.label >= 0 && strstr(t.text, t.q.choices[t.label]), "%s", t.text);
        cr_expect(!strchr(t.text, '\n'), "%s", t.text);
        cr_expect(prompt.n == same.n && !memcmp(prompt.ids, same.ids, (size_t)same.n * sizeof *same.ids));
        cr_expect_str_eq(t.text, again.text);
        trace_fini(&t), trace_fini(&again), toks_free(&prompt), toks_free(&same);
    }
    hall_close(&h);
}

Test(study_listen, what_was_not_said_is_counted) {
    struct hall h;
    struct trace t = {0};
    struct toks prompt = {0};
    struct study *s = few_runs();
    struct archive *a;
    OK(archive_open(&a, tmp_path("empty"), ARCHIVE_WRITE, &e));
    OK(archive_seal(a, &e));
    archive_close(a), study_free(s);
    hall_open(&h, LISTEN_STATEMENT, tmp_path("empty"));
    OK(h.w->read(h.w->ctx, 0, &t, &prompt, &e));
    cr_expect(t.out != TRACE_OK && t.label < 0 && t.q.id);
    trace_fini(&t), toks_free(&prompt), hall_close(&h);
}

Test(study_listen, states_are_those_of_a_prefill) {
    struct hall h;
    struct collected sum;
    struct store *s;
    json_t *settings =
        json_pack("{s:s, s:[i,i,i], s:i, s:i}", "tap", "resid_out", "layers", -1, 0, 1, "width", 64, "choice_width", 192);
    hall_open(&h, LISTEN_STATEMENT, archive_of_planted());
    const struct written some = {50, h.w->read, h.w->ctx};
    struct collect_opts o = {.tap = TAP_RESID_OUT, .layer = {-1, 0, 1}, .n_layers = 3, .max_new = 256, .written = &some};
    OK(collect_run(tmp_path("store"), settings, h.rig.g, h.rig.tok, NULL, NULL, NULL, &o, NULL, &sum, &e));
    OK(store_open(&s, tmp_path("store"), &e));
    cr_assert_eq(store_n(s), 50);
    for (int64_t i = 0; i < 50; i += 7) {
        const struct trace *t = store_trace(s, i);
        struct trace from = {0};
        struct toks ids = {0};
        int64_t W = store_width(s);
        OK(h.w->read(h.w->ctx, i, &from, &ids, &e));
        for (int64_t k = 0; k < from.n; k++) OK(toks_push(&ids, from.ids[k], &e));
        float *x = malloc((size_t)(ids.n * W) * sizeof *x);
        f16 *want = malloc((size_t)(t->rows * W) * sizeof *want);
        OK(hidden_capture(h.rig.g, ids.ids, ids.n, TAP_RESID_OUT, 1, 1, x, &e));
        fmt_find(FMT_F16)->from_f32(want, x + (ids.n - t->rows) * W, t->rows * W);
        cr_expect_eq(t->rows, from.n + 1);
        cr_expect(!memcmp(want, store_states(s, 2) + t->row0 * W, (size_t)(t->rows * W) * sizeof *want), "trace %lld",
                  (long long)i);
        free(x), free(want), toks_free(&ids), trace_fini(&from);
    }
    store_free(s), json_decref(settings), hall_close(&h);
}
