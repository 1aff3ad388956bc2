/* Documents to train a model on: what the planted members of a council saw and wrote, one JSON line {"messages": […]} for each agent of each
 * run, byte for byte the messages that the runner shows (scene_whole, context_messages).
 *
 * Runs are spread evenly over the cells of the study, cell by cell; run i has the replicate i, so that each has a fact of its own from
 * the split. With `mix`, that share of the runs does not take its arm's prefixes but draws how many agents carry each (no agent more than one), so that all
 * shares occur. Rare misreports are what a model learns last; `misreporters` makes documents of them in groups that are otherwise as ever:
 * that many members of each run, drawn, misreport with the chance `misreport`, and only their documents are written. With `drawn`, replies also
 * tell what each of their two lines was drawn from. The lines are a function of study and options; memory does not grow with their number.
 * Thread: one at a time. */
#ifndef STUDY_COUNCIL_DOCUMENTS_H
#define STUDY_COUNCIL_DOCUMENTS_H
#include "study/council.h"
#include <stdio.h>

struct council_documents_opts {
    int64_t runs;
    enum council_split split;
    uint64_t seed;
    double mix;             /* 0 to 1 */
    double reliability;     /* of the hints; 0: the study's. A lower one makes groups that differ for longer */
    int misreporters;       /* 0: everybody misreports as the rates say; their documents are all written */
    int drawn;              /* "drawn" of decode/docfile.h */
    double misreport;       /* chance of a misreport of a misreporter, in all languages and under all prefixes */
    int (*stop)(void *ctx); /* NULL: never */
    void (*progress)(void *ctx, int64_t runs_done);
    void *ctx;
};
struct council_documents {
    int64_t runs, documents, replies, bytes;
};
/* Writes to f; s takes the options' seed, split and reliability, and is changed in other ways while it runs. Errors: ARG (the study is no
 * council, or has fewer members than misreporters), UNSUPPORTED (agents do not see all turns), IO, CANCELLED, NOMEM. */
int council_documents(struct council_documents *out, struct study *s, const struct council_rates *r,
                      const struct council_documents_opts *o, FILE *f, struct err *e);
/* One run of planted members from the state it is in to its end. */
struct scene;
int council_play(struct scene *sc, const struct council_rates *r, struct err *e);
#endif
