/* candor run --chat without a prompt: a conversation, line by line. The whole history is rendered at each turn, so the text is always what
 * the template makes of it (also where it drops old reasoning); the session follows it and computes only what is new. */
#include "base/progress.h"
#include "cli/chat.h"
#include "cli/speak.h"
#include "run/follow.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct talk {
    struct args *a;
    struct opened *o;
    struct chat *c;
    struct generation *g;
    int64_t want; /* new tokens of one answer, at most */
};

static int prepare(struct talk *t, const struct toks *ids, struct err *e) {
    int64_t n_ctx = engine_options(t->o->g).max_ctx, room = n_ctx - (ids->n - 1);
    TRY(check_ids(t->o->m, ids->ids, ids->n, e));
    if (!ids->n) return fail(e, ERR_ARG, "the rendered template has no tokens: expected at least one");
    if (room < 1)
        return fail(e, ERR_LIMIT, "expected a conversation of at most %lld tokens (the context), found %lld", (long long)n_ctx,
                    (long long)ids->n);
    t->g->max_new = t->want < room ? t->want : room;
    TRY(session_follow(t->g->s, ids->ids, ids->n, NULL, e));
    t->g->last = ids->ids[ids->n - 1];
    return 0;
}

/* Answers ids aloud; the answer's text becomes a message. */
static int reply(struct talk *t, const struct toks *ids, struct err *e) {
    struct speaker s = speaker(t->a, t->o->tok);
    double at[3] = {clock_s(), 0, 0};
    int rc = prepare(t, ids, e);
    t->g->on_token = speaker_token, t->g->ctx = &s;
    at[1] = clock_s();
    if (!rc) rc = generate(t->o->g, t->g, 1, e);
    at[2] = clock_s();
    if (!rc) rc = speaker_end(&s, e);
    if (!rc && arg_has(t->a, "json"))
        rc = speaker_json(&s, t->g, &(struct input){ids->ids, ids->n, 0}, at[1] - at[0], at[2] - at[1], e);
    else if (!rc)
        rc = print_bytes("\n", 1, e);
    if (!rc) rc = chat_say(t->c, "assistant", s.text.s ? s.text.s : "", s.text.len, e);
    str_free(&s.text);
    return rc;
}

static int turn(struct talk *t, const char *line, size_t n, struct err *e) {
    struct toks ids = {0};
    TRY(chat_say(t->c, "user", line, n, e));
    int rc = chat_ids(t->c, t->a, t->o->tok, &ids, e);
    if (!rc) rc = reply(t, &ids, e);
    toks_free(&ids);
    interrupt_forget(); /* it stopped this answer, not the conversation */
    return rc;
}

static int each_line(struct talk *t, struct err *e) {
    int terminal = isatty(STDIN_FILENO) && isatty(STDERR_FILENO), rc = 0;
    char *line = NULL;
    size_t cap = 0;
    ssize_t n;
    while (!rc) {
        if (terminal) fputs("> ", stderr);
        if ((n = getline(&line, &cap, stdin)) < 0) break;
        while (n > 0 && (line[n - 1] == '\n' || line[n - 1] == '\r')) n--;
        line[n] = 0;
        if (!strcmp(line, "/exit")) break;
        if (n > 0) rc = turn(t, line, (size_t)n, e);
    }
    free(line);
    return rc;
}

int converse(struct args *a, struct opened *o, struct chat *c, struct generation *g, struct err *e) {
    int64_t n_ctx = model_cfg(o->m)->n_ctx;
    int32_t *ends = NULL;
    if (n_ctx > 1 << 20) n_ctx = 1 << 20;
    struct talk t = {a, o, c, g, g->max_new < n_ctx ? g->max_new : n_ctx};
    TRY(open_engine(o, &(struct engine_opts){.max_ctx = n_ctx, .max_sessions = 1}, e));
    int rc = session_new(&g->s, o->g, e);
    if (rc < 0) return rc;
    g->n_ends = arg_has(a, "ignore-eos") ? 0 : end_tokens(o->tok, &ends);
    g->ids = malloc((size_t)(t.want + 1) * sizeof *g->ids);
    g->logprobs = malloc((size_t)(t.want + 1) * sizeof *g->logprobs);
    g->ends = ends;
    rc = g->ids && g->logprobs && g->n_ends >= 0 ? each_line(&t, e) : fail(e, ERR_NOMEM, "out of memory");
    free(g->ids), free(g->logprobs), free(ends);
    session_free(g->s);
    return rc;
}
