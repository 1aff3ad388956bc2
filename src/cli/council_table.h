/* What `candor study council --check` says, for people. */
#ifndef CLI_COUNCIL_TABLE_H
#define CLI_COUNCIL_TABLE_H
struct json_t;
void print_council_check(const struct json_t *j); /* as council_check_json made it */
#endif
