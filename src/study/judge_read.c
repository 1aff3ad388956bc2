/* A judge's file, checked: its scales, its scores, and texts whose placeholders are known. */
#include "base/fs.h"
#include "study/judge.h"
#include "study/prompt.h"
#include "study/study_int.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* A text of the file with its placeholders. */
static int read_text(struct study_reader *r, const struct yml_node *map, const char *key, const char *holes, const char **out) {
    const struct yml_node *n = yml_get(map, key);
    struct err why = ERR_INIT;
    TRY(yml_text(r->d, n, key, out, r->e));
    return prompt_check(*out, holes, &why) < 0 ? yml_fail(r->d, n, 0, ERR_FORMAT, r->e, "%s: %s", key, why.msg) : 0;
}

static int read_score(struct study_reader *r, const struct yml_node *n, struct judge_score *s) {
    static const char *const keys[] = {"id", "?against", "about", NULL};
#define XX(id, name) name,
    static const char *const parts[] = {METRIC_PART_MAP(XX)};
#undef XX
    TRY(yml_is(r->d, n, YML_MAP, "a score", r->e));
    TRY(yml_keys(r->d, n, "a score", keys, r->e));
    TRY(node_id(r, yml_get(n, "id"), "id", &s->id));
    TRY(node_text_at(r, n, "about", &s->about));
    return node_choice_or(r, n, "against", parts, METRIC_PARTS, -1, &s->against);
}

static int read_scores(struct study_reader *r, const struct yml_node *list, struct judge *j) {
    TRY(node_list(r, list, "scores", JUDGE_MAX_SCORES));
    for (const struct yml_node *n = list->first; n; n = n->next) {
        static const char *const taken[] = {"row", "key", "status", "text", "model", "tokens_in", "tokens_out", "measured"};
        struct judge_score *s = &j->score[j->n_scores];
        TRY(read_score(r, n, s));
        int twice = 0;
        for (int i = 0; i < j->n_scores; i++) twice |= !strcmp(j->score[i].id, s->id);
        for (size_t i = 0; i < sizeof taken / sizeof *taken; i++) twice |= !strcmp(taken[i], s->id);
        if (twice) return yml_fail(r->d, n, 0, ERR_FORMAT, r->e, "scores: expected another id than \"%s\"", s->id);
        j->n_scores++;
    }
    return 0;
}

static int read_scale(struct study_reader *r, const struct yml_node *n, struct judge *j) {
    static const char *const keys[] = {"least", "most", NULL};
    int64_t least, most;
    TRY(yml_is(r->d, n, YML_MAP, "scale", r->e));
    TRY(yml_keys(r->d, n, "scale", keys, r->e));
    TRY(yml_int(r->d, yml_get(n, "least"), "least", -1000, 1000, &least, r->e));
    TRY(yml_int(r->d, yml_get(n, "most"), "most", least + 1, 1001, &most, r->e));
    j->least = (int)least, j->most = (int)most;
    return 0;
}

static int read_channels(struct study_reader *r, const struct yml_node *n, struct judge *j) {
    static const char *const keys[] = {"talk", "monologue", "whisper", NULL};
    TRY(yml_is(r->d, n, YML_MAP, "channels", r->e));
    TRY(yml_keys(r->d, n, "channels", keys, r->e));
    for (int c = 0; c < CHANNELS; c++) TRY(node_text_at(r, n, channel_name((enum channel)c), &j->channel[c]));
    return 0;
}

static int read_texts(struct study_reader *r, const struct yml_node *root, struct judge *j) {
    TRY(read_text(r, root, "system", "least most scores", &j->system));
    TRY(read_text(r, root, "turn", "name language event said", &j->turn));
    TRY(read_text(r, root, "run", "language said", &j->run));
    TRY(read_text(r, root, "heading", "turn event", &j->heading));
    TRY(read_text(r, root, "line", "name channel text", &j->line));
    return read_text(r, root, "whispered", "name channel to text", &j->whispered);
}

static int read_root(struct judge *j, struct err *e) {
    static const char *const keys[] = {"candor",  "id",     "title",     "scale",  "max_tokens", "?temperature",
                                       "?top_p",  "scores", "channels",  "system", "turn",       "run",
                                       "heading", "line",   "whispered", NULL};
    const struct yml_node *root = yml_root(j->doc);
    struct study_reader r = {.d = j->doc, .e = e};
    const char *format, *title;
    TRY(yml_is(j->doc, root, YML_MAP, "a judge", e));
    TRY(yml_keys(j->doc, root, "a judge", keys, e));
    TRY(node_text_at(&r, root, "candor", &format));
    if (strcmp(format, "judge/1") != 0)
        return yml_fail(j->doc, yml_get(root, "candor"), 0, ERR_FORMAT, e, "candor: expected judge/1, found \"%.40s\"", format);
    TRY(node_id(&r, yml_get(root, "id"), "id", &j->id));
    TRY(node_text_at(&r, root, "title", &title));
    TRY(read_scale(&r, yml_get(root, "scale"), j));
    TRY(yml_int(j->doc, yml_get(root, "max_tokens"), "max_tokens", 1, 1 << 20, &j->how.max_tokens, e));
    TRY(node_real_or(&r, root, "temperature", 0, 2, 0, &j->how.temperature));
    TRY(node_real_or(&r, root, "top_p", 1e-6, 1, NAN, &j->how.top_p));
    TRY(read_scores(&r, yml_get(root, "scores"), j));
    TRY(read_channels(&r, yml_get(root, "channels"), j));
    return read_texts(&r, root, j);
}

void judge_free(struct judge *j) {
    if (!j) return;
    yml_free(j->doc);
    free(j);
}

int judge_parse(struct judge **out, const char *name, const char *s, size_t n, struct err *e) {
    struct judge *j = calloc(1, sizeof *j);
    if (!j) return fail(e, ERR_NOMEM, "out of memory for a judge");
    digest_text(s, n, j->hash);
    int rc = yml_parse(&j->doc, name, s, n, e);
    if (rc >= 0) rc = read_root(j, e);
    j->how.id = j->id;
    if (rc < 0)
        judge_free(j);
    else
        *out = j;
    return rc;
}

int judge_read(struct judge **out, const char *path, struct err *e) {
    char *s;
    size_t n;
    TRY(file_read(&s, &n, path, YML_MAX_BYTES, e));
    int rc = judge_parse(out, path, s, n, e);
    free(s);
    return rc;
}
