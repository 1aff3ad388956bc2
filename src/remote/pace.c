/* At most so many requests, and tokens, in any minute: what was sent within the last one is remembered, and the next waits until enough of
 * it is older. Exact, unlike a bucket that lets a full one and a minute's flow through at once. */
#include "remote/remote_int.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

static void forget(struct remote__pace *p, double now) {
    int64_t k = 0;
    while (k < p->n && p->sent[k].at + p->minute <= now) k++;
    if (!k) return;
    memmove(p->sent, p->sent + k, (size_t)(p->n - k) * sizeof *p->sent);
    p->n -= k, p->first += k;
}

double remote__pace_wait(struct remote__pace *p, double now, double tokens) {
    int64_t must_go = 0; /* of the oldest */
    forget(p, now);
    if (p->requests > 0) {
        double most = fmax(1, floor(p->requests));
        if ((double)p->n + 1 > most) must_go = p->n + 1 - (int64_t)most;
    }
    if (p->tokens > 0) {
        double sum = tokens;
        for (int64_t i = 0; i < p->n; i++) sum += p->sent[i].tokens;
        /* one that is too large by itself goes alone */
        for (int64_t i = 0; i < p->n && sum > p->tokens; i++) {
            sum -= p->sent[i].tokens;
            if (i + 1 > must_go) must_go = i + 1;
        }
    }
    return must_go ? fmax(p->sent[must_go - 1].at + p->minute - now, 1e-3) : 0;
}

int64_t remote__pace_add(struct remote__pace *p, double now, double tokens) {
    if (!(p->requests > 0) && !(p->tokens > 0)) return 0;
    if (p->n == p->cap) {
        int64_t cap = p->cap ? 2 * p->cap : 64;
        struct remote__sent *s = realloc(p->sent, (size_t)cap * sizeof *s);
        if (!s) return ERR_NOMEM;
        p->sent = s, p->cap = cap;
    }
    p->sent[p->n] = (struct remote__sent){now, tokens};
    return p->first + p->n++;
}

void remote__pace_settle(struct remote__pace *p, int64_t number, double tokens) {
    if (number >= p->first && number < p->first + p->n) p->sent[number - p->first].tokens = tokens;
}
