/* candor mem: what a model will take, before it is taken. */
#include "base/machine.h"
#include "cli/open.h"
#include "run/memory.h"
#include <jansson.h>
#include <stdio.h>
#include <string.h>

static const struct opt opts[] = {
    OPT_MODEL,
    {"context", 'c', "N", "the model's", "positions of each sequence"},
    {"sessions", 0, "N", "1", "sequences held at once"},
    {"grad", 0, "T", NULL, "a gradient over the last T positions as well: tape and backward"},
    OPT_KV,
    OPT_PRECISION,
    OPT_JSON,
    {0},
};

struct row {
    const char *key, *what;
    int64_t bytes;
};
enum { N_ROWS = 6 };

static void size_text(char *buf, size_t n, int64_t bytes) {
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
    double x = (double)bytes;
    int u = 0;
    while (x >= 1024 && u < 4) x /= 1024, u++;
    snprintf(buf, n, u ? "%.1f %s" : "%.0f %s", x, units[u]);
}

static int print_rows(const struct row *rows, const struct memory_need *m, int64_t total, int64_t available, struct err *e) {
    char line[256], size[32];
    for (int i = 0; i < N_ROWS; i++) {
        if (rows[i].bytes < 0) continue;
        size_text(size, sizeof size, rows[i].bytes);
        int n = snprintf(line, sizeof line, "%-11s %11s   %s\n", rows[i].key, size, rows[i].what);
        TRY(print_bytes(line, (size_t)n, e));
    }
    char free_size[32] = "unknown";
    const char *verdict = "";
    if (available >= 0) {
        size_text(free_size, sizeof free_size, available);
        verdict = total <= available                ? ": fits"
                  : total - m->weights <= available ? ": runs, but the weights will be read from the file again and again"
                                                    : ": does not fit; try a shorter context, --kv bf16 or a smaller T";
    }
    size_text(size, sizeof size, total);
    int n = snprintf(line, sizeof line, "%-11s %11s   of %s available%s\n", "total", size, free_size, verdict);
    TRY(print_bytes(line, (size_t)n, e));
    size_text(size, sizeof size, m->kv_token);
    n = snprintf(line, sizeof line, "each position more takes %s of keys and values\n", size);
    return print_bytes(line, (size_t)n, e);
}

static int print_need(struct args *a, const struct memory_ask *ask, const struct memory_need *m, int64_t vocabulary,
                      struct err *e) {
    int64_t total = memory_total(m) + (vocabulary > 0 ? vocabulary : 0), available = memory_available();
    const struct row rows[N_ROWS] = {
        {"weights", "tensors of the file, mapped: the system may drop and read them again", m->weights},
        {"copies", "norms, biases and tables of the model", m->copies},
        {"vocabulary", "metadata and tokenizer, as measured while opening", vocabulary},
        {"kv", "keys and values of the whole context", m->kv},
        {"scratch", "buffers of a running pass", m->scratch},
        {"tape", "what the gradient keeps of its forward, and its own rows", ask->grad_rows ? m->tape : -1},
    };
    if (!arg_has(a, "json")) return print_rows(rows, m, total, available, e);
    json_t *j =
        json_pack("{s:I, s:i, s:I, s:I, s:I}", "context", (json_int_t)ask->context, "sessions", ask->sessions, "grad_rows",
                  (json_int_t)ask->grad_rows, "kv_token", (json_int_t)m->kv_token, "total", (json_int_t)total);
    for (int i = 0; i < N_ROWS; i++) json_object_set_new(j, rows[i].key, json_integer(rows[i].bytes < 0 ? 0 : rows[i].bytes));
    json_object_set_new(j, "available", available < 0 ? json_null() : json_integer(available));
    return print_json(j, e);
}

static int read_ask(struct memory_ask *ask, struct args *a, const struct opened *o, struct err *e) {
    int64_t n = 1;
    ask->context = model_cfg(o->m)->n_ctx < 1 << 20 ? model_cfg(o->m)->n_ctx : 1 << 20;
    TRY(arg_i64(a, "context", 1, 1 << 20, &ask->context, e));
    TRY(arg_i64(a, "sessions", 1, 65536, &n, e));
    TRY(arg_i64(a, "grad", 1, ask->context, &ask->grad_rows, e));
    ask->sessions = (int)n, ask->kv = o->kv;
    return 0;
}

static int run(struct args *a, struct err *e) {
    struct opened o = {.lazy = 1};
    struct memory_ask ask = {0};
    struct memory_need need;
    int64_t before = heap_bytes();
    int rc = open_model(&o, a, "model", 0, NULL, e);
    if (!rc) rc = read_ask(&ask, a, &o, e);
    if (!rc) rc = memory_need(&need, o.m, o.w, &ask, e);
    if (!rc) {
        (void)open_tokenizer(&o, NULL); /* a model without one runs by ids */
        int64_t held = heap_bytes() - before - need.copies - dev_scratch_bytes(o.d, 0, 0, 0);
        rc = print_need(a, &ask, &need, before < 0 ? -1 : held > 0 ? held : 0, e);
    }
    opened_close(&o, 0);
    return rc;
}

const struct command command_mem = {
    "mem",
    "the memory a model will take, told beforehand",
    "-m M [-c CONTEXT] [--sessions N] [--grad T] [--json]",
    opts,
    0,
    0,
    run,
    "Counted by the code that will allocate it, for the thread count, precision and storage of "
    "keys and values of this machine (or as\n"
    "given). Nothing is computed, and of the weights only norms and biases are read. --json: bytes."};
