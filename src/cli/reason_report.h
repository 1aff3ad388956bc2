/* How candor reason prints: one JSON object a method and budget, or tables; and one question with the token that the gradient changed. */
#ifndef CLI_REASON_REPORT_H
#define CLI_REASON_REPORT_H
#include "decode/reason.h"

int print_reason_json(const struct reason_summary *s, struct err *e);
void print_reason_tables(const struct reason_summary *s, int n);
void print_reason_show(const struct reason_show *s);
#endif
