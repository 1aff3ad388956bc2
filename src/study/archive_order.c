/* In which order a sealed file has its texts and contexts, and which frames of the one before stand in it unchanged.
 *
 * The order is that in which a walk over the facts, by their keys, first meets them (parents before children), so it depends on the facts
 * alone. What a fact refers to is remembered when it is put; facts that were read from a journal are parsed for it. A file that was sealed
 * has its order already: facts that came since and refer to nothing leave it as it is, and with it every frame before the first of them. */
#include "study/archive_int.h"
#include <jansson.h>
#include <stdlib.h>

void archive_order_free(struct archive_order *o) {
    free(o->text);
    *o = (struct archive_order){0};
}

static void meet_text(struct archive_order *o, uint32_t text) {
    if (o->text[text]) return;
    o->texts[o->n_texts++] = text;
    o->text[text] = o->n_texts;
}

/* The context and all above it, from the first on. */
static int meet_context(struct archive_order *o, const struct context_table *t, uint32_t leaf, struct err *e) {
    size_t n = 0;
    for (uint32_t c = leaf + 1; c && !o->context[c - 1]; c = t->at[c - 1].parent) n++;
    uint32_t *chain = malloc((n + 1) * sizeof *chain), at = leaf + 1;
    if (!chain) return fail(e, ERR_NOMEM, "no memory for a chain of %zu contexts", n);
    for (size_t i = n; i-- > 0; at = t->at[at - 1].parent) chain[i] = at - 1;
    for (size_t i = 0; i < n; i++) {
        const struct context_entry *c = &t->at[chain[i]];
        for (uint32_t p = 0; p < c->n; p++) meet_text(o, t->parts[c->first + p].text);
        o->contexts[o->n_contexts++] = chain[i];
        o->context[chain[i]] = o->n_contexts;
    }
    free(chain);
    return 0;
}

/* ---- facts ---- */

struct meeting {
    struct archive *a;
    struct archive_order *o;
};

static int meet(const struct meeting *m, const struct fact_ref *r, struct err *e) {
    if (r->context) return meet_context(m->o, &m->a->contexts, r->index, e);
    meet_text(m->o, r->index);
    return 0;
}

static int meet_hex(void *user, int context, const char *hex, struct err *e) {
    const struct meeting *m = user;
    struct fact_ref r;
    int known = archive_resolve(m->a, context, hex, &r, e);
    return known > 0 ? meet(m, &r, e) : known;
}

static int meet_fact(struct meeting *m, const struct keyed_entry *at, struct err *e) {
    json_t *fact;
    if (at->n_refs != REFS_UNKNOWN) {
        for (uint32_t i = 0; i < at->n_refs; i++) TRY(meet(m, &m->a->facts.refs[at->first_ref + i], e));
        return 0;
    }
    TRY(archive_bytes(m->a, 0, at->json, &m->a->scratch, e));
    TRY(archive_parse_json(m->a->scratch.s, m->a->scratch.len, &fact, e));
    int rc = archive_refs(fact, meet_hex, m, e);
    json_decref(fact);
    return rc;
}

static int meet_facts(struct archive *a, struct archive_order *o, struct err *e) {
    struct meeting m = {a, o};
    TRY(keyed_sort(&a->facts, e));
    for (size_t i = 0; i < a->facts.n; i++) {
        int rc = meet_fact(&m, &a->facts.at[a->facts.order[i]], e);
        if (rc < 0) return err_place(e, rc, keyed_key(&a->facts, a->facts.order[i]));
    }
    return 0;
}

/* ---- what stands ---- */

static int is_sealed(const struct keyed_entry *at) { return at->json.at < 0; }
static size_t frame_of(const struct keyed_entry *at) { return (size_t)((uint64_t)~at->json.at >> 32); }

/* There is a sealed file, and what came since refers to nothing. */
static int order_stands(const struct archive *a) {
    if (!a->facts_file.open) return 0;
    for (size_t i = 0; i < a->facts.n; i++)
        if (!is_sealed(&a->facts.at[i]) && a->facts.at[i].n_refs != 0) return 0;
    return 1;
}

/* A frame ends where the next record has no room in it, so the one that a new fact would follow immediately may not stand. */
static size_t frames_that_stand(const struct archive *a) {
    const struct keyed *k = &a->facts;
    size_t i = 0, frame = a->facts_file.n_frames;
    while (i < k->n && is_sealed(&k->at[k->order[i]])) i++;
    if (i == k->n || !frame) return frame;
    size_t next = i;
    while (next < k->n && !is_sealed(&k->at[k->order[next]])) next++;
    frame = next < k->n ? frame_of(&k->at[k->order[next]]) : frame - 1;
    int behind = i > 0 && frame_of(&k->at[k->order[i - 1]]) == frame;
    return behind || !frame ? frame : frame - 1;
}

int archive_order(struct archive *a, struct archive_order *o, struct err *e) {
    size_t n = a->texts.n + a->contexts.n;
    uint32_t *room = calloc(2 * n + 1, sizeof *room);
    if (!room) return fail(e, ERR_NOMEM, "no memory to number %zu texts and contexts", n);
    *o = (struct archive_order){.text = room, .context = room + a->texts.n, .texts = room + n, .contexts = room + n + a->texts.n};
    int rc = keyed_sort(&a->facts, e);
    if (rc >= 0 && order_stands(a)) {
        for (uint64_t i = 0; i < a->facts_file.counts[0]; i++) meet_text(o, (uint32_t)i);
        for (uint64_t i = 0; i < a->facts_file.counts[1]; i++) o->contexts[i] = (uint32_t)i, o->context[i] = ++o->n_contexts;
        o->frames = frames_that_stand(a);
    } else if (rc >= 0)
        rc = meet_facts(a, o, e);
    if (rc < 0) archive_order_free(o);
    return rc;
}
