/* A chat server on this machine that behaves as a test tells it to: well, slowly, or not at all like HTTP. It runs in threads of the
 * test program and listens on a free port of 127.0.0.1; each connection is one request and is closed behind the answer, unless `keep` is set
 * before the first one: then a connection serves requests until the client closes it, as real servers do.
 *
 * `serve` is called on a connection's own thread; what it shares with the test lies behind `ctx` and is touched under fake_lock. It must
 * not call Criterion. */
#ifndef FAKE_CHAT_H
#define FAKE_CHAT_H
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define FAKE __attribute__((unused)) static

enum { FAKE_BACKLOG = 64, FAKE_MAX_REQUEST = 1 << 20 };

struct fake_call {
    int number; /* 0, 1 … in the order of arrival */
    char *head; /* request line and headers */
    char *body;
};

struct fake {
    void (*serve)(struct fake *f, int fd, const struct fake_call *call);
    void *ctx;
    int listener, port;
    int wake[2]; /* a byte here ends the listener */
    int keep, connections;
    pthread_t thread;
    pthread_mutex_t lock;
    int calls, open, most_open;
    pthread_t workers[4096];
    int n_workers;
};

FAKE void fake_lock(struct fake *f) { pthread_mutex_lock(&f->lock); }
FAKE void fake_unlock(struct fake *f) { pthread_mutex_unlock(&f->lock); }

FAKE void fake_sleep(double s) {
    struct timespec t = {.tv_sec = (time_t)s, .tv_nsec = (long)((s - (double)(time_t)s) * 1e9)};
    nanosleep(&t, NULL);
}

/* 0 when the other side is gone. */
FAKE int fake_send(int fd, const void *p, size_t n) {
    const char *s = p;
    while (n) {
        ssize_t k = send(fd, s, n, MSG_NOSIGNAL);
        if (k <= 0) return 0;
        s += k, n -= (size_t)k;
    }
    return 1;
}

static _Thread_local const char *fake_then = "close"; /* what this thread says of its connection */

/* headers: lines that end in \r\n, or "" */
FAKE void fake_answer(int fd, int status, const char *headers, const char *body) {
    char head[1024];
    snprintf(head, sizeof head,
             "HTTP/1.1 %d Said\r\nContent-Type: application/json\r\nConnection: %s\r\nContent-Length: %zu\r\n%s\r\n", status,
             fake_then, strlen(body), headers);
    if (fake_send(fd, head, strlen(head))) fake_send(fd, body, strlen(body));
}

/* A reply as the OpenAI API has it; text must need no escapes. */
FAKE void fake_reply(int fd, const char *text, int in, int out) {
    char body[4096];
    snprintf(body, sizeof body,
             "{\"id\":\"c1\",\"model\":\"toy-1\",\"system_fingerprint\":\"fp_7\",\"choices\":[{\"index\":0,\"message\":{\"role\":"
             "\"assistant\",\"content\":\"%s\"},\"finish_reason\":\"stop\"}],\"usage\":{\"prompt_tokens\":%d,\"completion_"
             "tokens\":%d}}",
             text, in, out);
    fake_answer(fd, 200, "", body);
}

/* Reads one request; 0 if none came. call->head and call->body are the caller's. */
FAKE int fake_read(int fd, struct fake_call *call) {
    char *buf = malloc(FAKE_MAX_REQUEST + 1), *end = NULL;
    size_t n = 0, want = FAKE_MAX_REQUEST;
    ssize_t k = 1;
    while (n < want && (k = recv(fd, buf + n, FAKE_MAX_REQUEST - n, 0)) > 0) {
        buf[n += (size_t)k] = 0;
        if (end || !(end = strstr(buf, "\r\n\r\n"))) continue;
        const char *length = strcasestr(buf, "content-length:");
        want = (size_t)(end + 4 - buf) + (size_t)(length ? atol(length + 15) : 0);
        if (want > FAKE_MAX_REQUEST) want = FAKE_MAX_REQUEST;
    }
    if (!end || n < want) {
        free(buf);
        return 0;
    }
    call->body = strdup(end + 4);
    *end = 0;
    call->head = buf;
    return 1;
}

struct fake_worker {
    struct fake *f;
    int fd;
};

FAKE void *fake_connection(void *arg) {
    struct fake_worker w = *(struct fake_worker *)arg;
    struct fake_call call = {0};
    free(arg);
    if (w.f->keep) fake_then = "keep-alive", setsockopt(w.fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
    for (int more = 1; more && fake_read(w.fd, &call); more = w.f->keep) {
        fake_lock(w.f);
        call.number = w.f->calls++;
        if (++w.f->open > w.f->most_open) w.f->most_open = w.f->open;
        fake_unlock(w.f);
        w.f->serve(w.f, w.fd, &call);
        fake_lock(w.f);
        w.f->open--;
        fake_unlock(w.f);
        free(call.head), free(call.body);
    }
    shutdown(w.fd, SHUT_WR);
    for (char c[256]; recv(w.fd, c, sizeof c, 0) > 0;) {} /* until the client closes: an early close would reset the answer */
    close(w.fd);
    return NULL;
}

FAKE void *fake_listen(void *arg) {
    struct fake *f = arg;
    for (;;) {
        struct pollfd p[2] = {{.fd = f->listener, .events = POLLIN}, {.fd = f->wake[0], .events = POLLIN}};
        if (poll(p, 2, -1) < 0 || p[1].revents) return NULL;
        int fd = accept(f->listener, NULL, NULL);
        if (fd < 0) continue;
        struct timeval patience = {.tv_sec = 20};
        setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
        struct fake_worker *w = malloc(sizeof *w);
        *w = (struct fake_worker){f, fd};
        if (f->n_workers == (int)(sizeof f->workers / sizeof *f->workers) ||
            pthread_create(&f->workers[f->n_workers], NULL, fake_connection, w) != 0)
            close(fd), free(w);
        else
            f->n_workers++, f->connections++;
    }
}

/* 0, or -1 with errno. */
FAKE int fake_start(struct fake *f, void (*serve)(struct fake *, int, const struct fake_call *), void *ctx) {
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof a;
    *f = (struct fake){.serve = serve, .ctx = ctx};
    pthread_mutex_init(&f->lock, NULL);
    f->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (f->listener < 0 || bind(f->listener, (struct sockaddr *)&a, sizeof a) < 0 || listen(f->listener, FAKE_BACKLOG) < 0)
        return -1;
    if (getsockname(f->listener, (struct sockaddr *)&a, &n) < 0 || pipe(f->wake) < 0) return -1;
    f->port = ntohs(a.sin_port);
    return pthread_create(&f->thread, NULL, fake_listen, f) == 0 ? 0 : -1;
}

FAKE void fake_stop(struct fake *f) {
    if (write(f->wake[1], "", 1) == 1) pthread_join(f->thread, NULL);
    for (int i = 0; i < f->n_workers; i++) pthread_join(f->workers[i], NULL);
    close(f->listener), close(f->wake[0]), close(f->wake[1]);
    pthread_mutex_destroy(&f->lock);
}

FAKE const char *fake_url(const struct fake *f) {
    static char url[64];
    snprintf(url, sizeof url, "http://127.0.0.1:%d", f->port);
    return url;
}
#endif
