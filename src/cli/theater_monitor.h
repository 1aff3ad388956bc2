/* The monitor of `candor theater evaluate`: rules, or a chat model that is asked before the evaluation (--monitor URL). */
#ifndef CLI_THEATER_MONITOR_H
#define CLI_THEATER_MONITOR_H
#include "cli/cli.h"
#include "probe/evaluate.h"

/* clang-format off */
#define OPT_MONITOR                                                                                                                    \
    {"monitor", 0, "rules|URL", "rules", "who reads the text so far: built-in rules, or a model behind an OpenAI-compatible address"},   \
    {"monitor-model", 0, "NAME", NULL, "name of that model"},                                                                           \
    {"monitor-key-env", 0, "VAR", NULL, "environment variable with its key; default: no key is sent"},                                  \
    {"monitor-cache", 0, "FILE", "DIR/monitor.jsonl", "where its replies are kept; what is there is not asked again"},                  \
    {"monitor-calls", 0, "N", "8", "most requests under way at once"},                                                                  \
    {"monitor-tokens", 0, "N", "8", "longest reply about a step, tokens; models that think first need more"},                           \
    {"monitor-prices", 0, "FILE", NULL, "prices, JSON: {\"NAME\": {\"input\": X, \"output\": Y}} per million tokens"},                     \
    {"monitor-budget", 0, "X", NULL, "most that may be spent, in the unit of the prices; default: no limit"},                           \
    {"judge-inflections", 0, NULL, NULL, "ask that model for the inflections too; default: rules"}
/* clang-format on */

struct
    theater_monitor; /* an address and a client, which is why it is not seen here: other headers have a chat_request of their own */
/* Reads the options, before anything is opened: what is wrong is wrong with the command line. */
int theater_monitor_open(struct theater_monitor **out, struct args *a, struct err *e);
/* Asks all that the evaluation will want to know, and sets o's callbacks. Rules: does nothing. */
int theater_monitor_ask(struct theater_monitor *m, const struct store *s, const struct probe *p, struct evaluate_opts *o,
                        struct err *e);
/* Into the evaluation's tree: which monitor it was, how it compares with the rules, what it cost. */
int theater_monitor_tell(const struct theater_monitor *m, json_t *tree, struct err *e);
void theater_monitor_close(struct theater_monitor *m);
#endif
