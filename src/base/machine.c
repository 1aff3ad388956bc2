/* Memory of the machine: /proc/meminfo, the limits of the control group (both versions), and the C library's own account. Everything here
 * is a hint to plan by; whoever allocates still checks what it got. */
#include "base/machine.h"
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif

/* The number behind `key` in a small text file (key "": the first), -1 if there is none. "max" is none. */
static int64_t number_in(const char *path, const char *key) {
    char buf[8192];
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read(fd, buf, sizeof buf - 1);
    if (fd >= 0) close(fd);
    if (n <= 0) return -1;
    buf[n] = 0;
    const char *at = strstr(buf, key);
    if (!at) return -1;
    char *end;
    long long v = strtoll(at + strlen(key), &end, 10);
    return end == at + strlen(key) || v < 0 ? -1 : (int64_t)v;
}

/* What the control group in this folder still allows; INT64_MAX where there is none or no limit. Cached pages of files can be dropped. */
static int64_t group_left(const char *dir, const char *limit, const char *used) {
    char path[3][PATH_MAX];
    snprintf(path[0], sizeof path[0], "%s/%s", dir, limit);
    snprintf(path[1], sizeof path[1], "%s/%s", dir, used);
    snprintf(path[2], sizeof path[2], "%s/memory.stat", dir);
    int64_t most = number_in(path[0], ""), now = number_in(path[1], ""), kept = number_in(path[2], "inactive_file ");
    if (most < 0 || now < 0) return INT64_MAX;
    now -= kept > 0 ? kept : 0;
    return most > now ? most - now : 0;
}

/* A line of /proc/self/cgroup is id:controllers:path; version 2 has no controllers. Inside a container the group may be mounted as root. */
static int64_t groups_left(void) {
    char line[PATH_MAX - 64], dir[PATH_MAX - 32];
    int64_t least = group_left("/sys/fs/cgroup", "memory.max", "memory.current");
    FILE *f = fopen("/proc/self/cgroup", "re");
    while (f && fgets(line, sizeof line, f)) {
        line[strcspn(line, "\n")] = 0;
        char *kind = strchr(line, ':'), *path = kind ? strchr(kind + 1, ':') : NULL;
        if (!path) continue;
        *path++ = 0;
        int v2 = !kind[1], v1 = !strcmp(kind + 1, "memory");
        if (!v1 && !v2) continue;
        snprintf(dir, sizeof dir, "/sys/fs/cgroup%s%s", v1 ? "/memory" : "", path);
        int64_t left = v1 ? group_left(dir, "memory.limit_in_bytes", "memory.usage_in_bytes")
                          : group_left(dir, "memory.max", "memory.current");
        if (left < least) least = left;
    }
    if (f) fclose(f);
    return least;
}

int64_t memory_available(void) {
    int64_t kib = number_in("/proc/meminfo", "MemAvailable:"), all = kib < 0 ? INT64_MAX : kib * 1024, group = groups_left();
    int64_t least = all < group ? all : group;
    return least == INT64_MAX ? -1 : least;
}

int64_t heap_bytes(void) {
#if defined(__GLIBC__) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
    struct mallinfo2 m = mallinfo2();
    return (int64_t)(m.uordblks + m.hblkhd);
#else
    return -1;
#endif
}
