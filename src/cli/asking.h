/* A language model that is to be asked questions: vocabulary, chat template, and what identifies it; shared by the commands that ask. */
#ifndef CLI_ASKING_H
#define CLI_ASKING_H
#include "cli/open.h"
#include "decode/codec.h"

#define OPT_ASK                                                                                           \
    {"instruction", 0, "TEXT", "Please reason step by step, and put your final answer within \\boxed{}.", \
     "behind each question, for models with a chat template; \"\": nothing"},                             \
        {"system", 0, "TEXT", NULL, "system message, for models with a chat template"}, {                 \
        "plain", 0, NULL, NULL, "ask without the chat template: the question, then \"Answer:\""           \
    }

struct asked_model {
    struct opened o;
    struct vocab vocab;
    struct chat_template *chat; /* NULL: none, or --plain */
};
/* -m: model and tokenizer; refuses reward models and a vocabulary larger than the model's. */
int open_asked(struct asked_model *m, struct args *a, struct err *e);
/* Vocabulary and template, by the options of OPT_ASK. */
int open_asking(struct asked_model *m, struct args *a, struct err *e);
void asked_close(struct asked_model *m, int keep_device);
/* "ROLE=FILE:HASH", the hash over the beginning of every tensor: enough that a retrained model is not taken for this one. */
void describe_model(char *out, size_t size, const char *role, const struct opened *o);
#endif
