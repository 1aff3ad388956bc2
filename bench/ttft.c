/* ttft FILE REPEATS COMMAND PEER_COMMAND: time from the start of a process to the first byte it prints, of two commands that open FILE and
 * print one token, in turn (A B A B …), with the file in the page cache and, if the system lets its pages go, without. Rows of a
 * Markdown table.
 *
 * Why a program: a shell cannot see when the first byte comes, and has no way to give up a file's pages. The last line that the peer
 * prints is its own time without its start-up (see peers/llamacpp/ttft.mjs). The commands run through sh. */
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { MAX_REPEATS = 99 };

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* The share of the file's pages that are in memory; -1: cannot be told. */
static double resident(int fd, size_t size) {
    size_t page = (size_t)sysconf(_SC_PAGESIZE), n = (size + page - 1) / page, in = 0;
    void *p = size ? mmap(NULL, size, PROT_READ, MAP_SHARED, fd, 0) : MAP_FAILED;
    unsigned char *v = malloc(n + 1);
    int ok = p != MAP_FAILED && v && !mincore(p, size, v);
    for (size_t i = 0; ok && i < n; i++) in += v[i] & 1;
    if (p != MAP_FAILED) munmap(p, size);
    free(v);
    return ok ? (double)in / (double)n : -1;
}

/* Puts the file into the page cache, or out of it; 0 if the system did so. */
static int cache(const char *path, int cold) {
    static char buf[1 << 20];
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st)) return perror(path), -1;
    if (cold)
        (void)(fdatasync(fd) + posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED));
    else
        while (read(fd, buf, sizeof buf) > 0) {}
    double r = resident(fd, (size_t)st.st_size);
    close(fd);
    return cold ? r >= 0 && r < 0.05 ? 0 : -1 : 0;
}

/* Runs a command; *first: seconds to the first byte of its output, or to its end; *inner: the number on its last line, NaN if there is
 * none. 0 if it ended well. */
static int run(const char *command, double *first, double *inner) {
    int pipes[2], status;
    char out[65536];
    size_t n = 0;
    ssize_t k;
    if (pipe(pipes)) return perror("pipe"), -1;
    double start = now();
    pid_t pid = fork();
    if (pid < 0) return perror("fork"), -1;
    if (pid == 0) {
        dup2(pipes[1], 1), close(pipes[0]), close(pipes[1]);
        execl("/bin/sh", "sh", "-c", command, (char *)NULL);
        _exit(127);
    }
    close(pipes[1]);
    *first = -1;
    while (n < sizeof out - 1 && ((k = read(pipes[0], out + n, sizeof out - 1 - n)) > 0 || (k < 0 && errno == EINTR))) {
        if (*first < 0) *first = now() - start;
        if (k > 0) n += (size_t)k;
    }
    if (*first < 0) *first = now() - start;
    close(pipes[0]);
    waitpid(pid, &status, 0);
    while (n && out[n - 1] == '\n') n--;
    out[n] = 0;
    char *end, *line = strrchr(out, '\n');
    *inner = line ? strtod(line + 1, &end) : NAN;
    if (WIFEXITED(status) && !WEXITSTATUS(status)) return 0;
    return fprintf(stderr, "ttft: it failed: %s\n", command), -1;
}

static int less(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}
static double median(double *x, int n) {
    qsort(x, (size_t)n, sizeof *x, less);
    return n % 2 ? x[n / 2] : (x[n / 2 - 1] + x[n / 2]) / 2;
}

static int row(const char *path, int repeats, int cold, char *const command[2]) {
    double ours[MAX_REPEATS], theirs[MAX_REPEATS], inner[MAX_REPEATS], whole[MAX_REPEATS], part[MAX_REPEATS], unused;
    for (int i = -1; i < repeats; i++) { /* the first pair warms up programs and libraries */
        int k = i < 0 ? 0 : i;
        if (cache(path, cold)) return printf("| %s | cold | the system keeps the file's pages | | | | |\n", path), 0;
        if (run(command[0], &ours[k], &unused)) return -1;
        if (cache(path, cold) || run(command[1], &theirs[k], &inner[k])) return -1;
        whole[k] = theirs[k] / ours[k], part[k] = inner[k] / ours[k];
    }
    const char *base = strrchr(path, '/');
    double mid = median(ours, repeats), other = median(theirs, repeats), in = median(inner, repeats);
    double ratio = median(whole, repeats), ratio_in = median(part, repeats);
    printf("| %s | %s | %.4f (%.4f..%.4f) | %.4f (%.4f..%.4f) | %.4f (%.4f..%.4f) | %.2f | %.2f |\n", base ? base + 1 : path,
           cold ? "cold" : "warm", mid, ours[0], ours[repeats - 1], other, theirs[0], theirs[repeats - 1], in, inner[0],
           inner[repeats - 1], ratio, ratio_in);
    return 0;
}

int main(int argc, char **argv) {
    int repeats = argc == 5 ? atoi(argv[2]) : 0;
    if (repeats < 1 || repeats > MAX_REPEATS) return fprintf(stderr, "usage: ttft FILE REPEATS COMMAND PEER_COMMAND\n"), 2;
    printf("| file | page cache | candor: s (min..max) | peer, from the start of its process | peer, from opening the file | "
           "peer / candor | without "
           "its start |\n|---|---|---|---|---|---|---|\n");
    for (int cold = 0; cold < 2; cold++)
        if (row(argv[1], repeats, cold, argv + 3)) return 1;
    return 0;
}
