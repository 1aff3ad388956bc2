/* See prices.h. */
#include "cli/prices.h"
#include "base/fs.h"
#include <stdlib.h>

int read_prices(struct chat_price *out, const char *path, const char *model, struct err *e) {
    char *text;
    size_t n;
    json_error_t why;
    TRY(file_read(&text, &n, path, (size_t)1 << 20, e));
    json_t *table = json_loadb(text, n, 0, &why);
    int rc = table ? err_place(e, chat_price_find(out, table, model, e), path)
                   : fail_at(e, ERR_FORMAT, path, why.line, "expected prices as JSON: %s", why.text);
    json_decref(table);
    free(text);
    return rc;
}
