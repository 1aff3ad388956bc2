/* Text as it is generated: streamed, held back where it could still become a stop string, and given as JSON in the end. Shared by the
 * ways in which candor run speaks. */
#ifndef CLI_SPEAK_H
#define CLI_SPEAK_H
#include "base/str.h"
#include "cli/open.h"
#include "run/generate.h"

struct speaker {
    struct args *a;
    const struct tokenizer *tok; /* NULL with --ids and no tokenizer beside the model: then ids only */
    struct tok_stream stream;
    struct str text;
    size_t shown;
    int stream_out, stopped, failed;
    struct err e;
};
struct speaker speaker(struct args *a, const struct tokenizer *words);
int speaker_token(void *ctx, int32_t id, double logprob, int64_t i); /* on_token of a generation; ctx: the speaker */
/* After the generation: the last characters are shown. Forwards what failed within speaker_token. */
int speaker_end(struct speaker *s, struct err *e);
int speaker_json(const struct speaker *s, const struct generation *g, const struct input *in, double prefill_s, double decode_s,
                 struct err *e);
struct json_t *ids_json(const int32_t *ids, int64_t n);
/* Ids that end a generation (*out is malloc'd); -1: out of memory. */
int end_tokens(const struct tokenizer *t, int32_t **out);
#endif
