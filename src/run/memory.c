/* Adds up what the parts say they will take (memory.h). */
#include "run/memory.h"
#include "run/gradient.h"
#include "weights/memory.h"

enum { GRAD_ROWS_MIN = 64 };

struct engine_opts memory_engine(const struct memory_ask *ask) {
    struct engine_opts o = {.kv = ask->kv, .max_ctx = ask->context, .max_sessions = ask->sessions};
    if (ask->grad_rows) o.backward = 1, o.max_rows = ask->grad_rows < GRAD_ROWS_MIN ? GRAD_ROWS_MIN : ask->grad_rows;
    return o;
}

int memory_need(struct memory_need *out, const struct model *m, const struct weights *w, const struct memory_ask *ask,
                struct err *e) {
    struct engine_opts o = memory_engine(ask);
    if (ask->context < 1 || ask->sessions < 1 || ask->grad_rows < 0 || ask->grad_rows > ask->context)
        return fail(e, ERR_ARG,
                    "memory: expected at least one position and one sequence, and no more positions to differentiate than "
                    "the context has");
    *out = (struct memory_need){.weights = (int64_t)weights_tensor_bytes(w), .copies = model_own_bytes(m)};
    TRY(engine_scratch_bytes(m, &o, &out->scratch, e));
    TRY(engine_kv_need(m, &o, ask->context, ask->sessions, &out->kv, e));
    out->kv_token = engine_kv_token(m, ask->kv);
    if (ask->grad_rows) out->tape = gradient_bytes(m, ask->grad_rows);
    return 0;
}

int64_t memory_total(const struct memory_need *n) { return n->weights + n->copies + n->kv + n->scratch + n->tape; }
