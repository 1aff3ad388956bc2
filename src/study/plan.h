/* What a study would do, before it is done: cells, calls, size of prompts, order of the runs. No call is made.
 * Thread: pure function. */
#ifndef STUDY_PLAN_H
#define STUDY_PLAN_H
#include "study/study.h"

struct json_t;
struct plan_opts {
    int reply; /* characters that a reply is taken to have, for the size of prompts; 0: 400 */
};
/* {"id", "title", "seed", "agents", "turns", "order", "context", "channels", "arms": [{"id", "alignment", …, "differs": […]}],
 *  "cells": [{"cell", "id", "language", "model", "arm", "replicates", "calls", "prompt_characters", "new_characters", "prompt_bytes", "reply_tokens_max"}], "runs", "calls",
 *  "prompt_bytes", "languages": {code: {"runs", "calls", "prompt_characters", "new_characters", "prompt_bytes"}}, "choices": […], "run_order": ["cell003/rep012", …], "content_keys": {"cell003/rep012": study_job_key}}
 * prompt_characters: of all prompts of the cell, each whole; new_characters: without what the agent's call before had already. Characters
 * are Unicode code points. reply_tokens_max: calls times the model's max_tokens (0: the study sets none). calls: without those that are asked again. *out is the caller's reference. */
int study_plan(struct json_t **out, const struct study *s, const struct plan_opts *o, struct err *e);
#endif
