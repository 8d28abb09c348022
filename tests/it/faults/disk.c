/* A disk that does what a file says: between a program and the system, by LD_PRELOAD. Only files named `ledger.db...` are concerned.
 *
 *   eio write | eio sync     every such call fails
 *   rofs write               every write fails as on a medium that is read-only
 *   short write              every write takes half
 *   hang sync                syncs wait until the file is gone
 *   kill write N | sync N    the process ends at its N-th such call
 *   remember                 after every sync the file's content is kept beside it: what a power failure leaves
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

static atomic_int calls;

/* What to do, and the count of a kill; empty when the disk behaves. */
static int told(char *what, char *which, int *number) {
    const char *folder = getenv("DISK_FOLDER");
    char path[4096], text[128];
    if (!folder || snprintf(path, sizeof path, "%s/disk", folder) >= (int)sizeof path) return 0;
    int file = syscall(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC);
    if (file < 0) {
        atomic_store(&calls, 0);
        return 0;
    }
    ssize_t read_ = syscall(SYS_read, file, text, sizeof text - 1);
    syscall(SYS_close, file);
    if (read_ <= 0) return 0;
    text[read_] = 0;
    *number = 0;
    which[0] = 0;
    return sscanf(text, "%15s %15s %d", what, which, number) >= 1;
}

static int name_of(int file, char *name, size_t size) {
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    ssize_t length = readlink(link, name, size - 1);
    if (length < 0) return 0;
    name[length] = 0;
    return strstr(name, "ledger.db") != NULL;
}

/* 0: go on. Otherwise the errno of the failure; -1: half of it. */
static int meets(int file, const char *kind) {
    char name[4096], what[16], which[16];
    int number;
    if (!name_of(file, name, sizeof name) || !told(what, which, &number) || strcmp(which, kind)) return 0;
    if (!strcmp(what, "eio")) return EIO;
    if (!strcmp(what, "rofs")) return EROFS;
    if (!strcmp(what, "short")) return -1;
    if (!strcmp(what, "kill") && atomic_fetch_add(&calls, 1) + 1 == number) raise(SIGKILL);
    while (!strcmp(what, "hang") && !strcmp(which, kind)) {
        usleep(20000);
        if (!told(what, which, &number)) break;
    }
    return 0;
}

static void remember(int file) {
    char name[4096], copy[4200], what[16], which[16], buffer[65536];
    int number;
    if (!name_of(file, name, sizeof name) || !told(what, which, &number) || strcmp(what, "remember")) return;
    snprintf(copy, sizeof copy, "%s.next", name);
    int to = syscall(SYS_openat, AT_FDCWD, copy, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (to < 0) return;
    off_t at = 0;
    ssize_t length;
    while ((length = syscall(SYS_pread64, file, buffer, sizeof buffer, at)) > 0) {
        syscall(SYS_write, to, buffer, (size_t)length);
        at += length;
    }
    syscall(SYS_close, to);
    char kept[4200];
    snprintf(kept, sizeof kept, "%s.synced", name);
    rename(copy, kept);
}

#define FAILS(kind, count)                                                                                              \
    int met = meets(file, kind);                                                                                        \
    if (met > 0) {                                                                                                      \
        errno = met;                                                                                                    \
        return -1;                                                                                                      \
    }                                                                                                                   \
    if (met < 0 && count > 1) count /= 2;

ssize_t pwrite64(int file, const void *from, size_t count, off64_t at) {
    FAILS("write", count)
    return syscall(SYS_pwrite64, file, from, count, at);
}

ssize_t pwrite(int file, const void *from, size_t count, off_t at) {
    FAILS("write", count)
    return syscall(SYS_pwrite64, file, from, count, at);
}

int fdatasync(int file) {
    size_t none = 0;
    FAILS("sync", none)
    int done = syscall(SYS_fdatasync, file);
    if (!done) remember(file);
    return done;
}

int fsync(int file) {
    size_t none = 0;
    FAILS("sync", none)
    int done = syscall(SYS_fsync, file);
    if (!done) remember(file);
    return done;
}
