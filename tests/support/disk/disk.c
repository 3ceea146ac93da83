/* What a disk can do to a process, by LD_PRELOAD: note each change, end the process in the middle of one, be full.

   Environment: DISK_ROOT    the folder that is looked at, by its real path
                DISK_LOG     file to which each change is appended (see tests/support/disk/changes.py)
                DISK_WHO     only processes whose command line holds this text are ended
                DISK_END     the process ends itself at its N-th change; "N half" writes half of it before
                DISK_SIGNAL  by which signal
                DISK_FULL    while this file exists, nothing grows, unless the file DISK_SPARE has made room by its end */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

#define FILES 65536
static unsigned char ours[FILES]; /* descriptors of files under the root */
static pthread_mutex_t turn = PTHREAD_MUTEX_INITIALIZER;
static const char *root, *full;
static size_t root_length;
static long end_at, changes;
static int half, end_signal = SIGKILL, log_file = -1, ready;

struct record {
    char op[8];
    uint32_t process, file;
    uint64_t at;
    uint32_t first, second; /* lengths of what follows */
} __attribute__((packed));

static int begins(void) {
    char text[8192];
    const char *who = getenv("DISK_WHO");
    int file = syscall(SYS_openat, AT_FDCWD, "/proc/self/cmdline", O_RDONLY | O_CLOEXEC);
    ssize_t got = syscall(SYS_read, file, text, sizeof text - 1);
    syscall(SYS_close, file);
    for (ssize_t i = 0; i < got; i++)
        if (!text[i]) text[i] = ' ';
    text[got > 0 ? got : 0] = 0;
    return !who || strstr(text, who) != NULL;
}

__attribute__((constructor)) static void begin(void) {
    const char *end = getenv("DISK_END"), *log = getenv("DISK_LOG"), *by = getenv("DISK_SIGNAL");
    root = getenv("DISK_ROOT");
    full = getenv("DISK_FULL");
    if (!root) return;
    root_length = strlen(root);
    if (by) end_signal = atoi(by);
    if (end && begins()) {
        end_at = atol(end);
        half = strstr(end, "half") != NULL;
    }
    if (log) log_file = syscall(SYS_openat, AT_FDCWD, log, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
    ready = 1;
}

static int under(int folder, const char *path, char *whole) {
    if (!ready || !path) return 0;
    if (path[0] == '/') {
        snprintf(whole, PATH_MAX, "%s", path);
    } else {
        char link[64];
        ssize_t got;
        snprintf(link, sizeof link, folder == AT_FDCWD ? "/proc/self/cwd" : "/proc/self/fd/%d", folder);
        got = syscall(SYS_readlink, link, whole, PATH_MAX - 1);
        if (got < 0) return 0;
        snprintf(whole + got, PATH_MAX - got, "/%s", path);
    }
    return !strncmp(whole, root, root_length) && (whole[root_length] == '/' || !whole[root_length]);
}

static void note(const char *op, int file, uint64_t at, const void *first, size_t a, const void *second, size_t b) {
    struct record head = {.process = getpid(), .file = file, .at = at, .first = a, .second = b};
    struct iovec parts[3] = {{&head, sizeof head}, {(void *)first, a}, {(void *)second, b}};
    if (log_file < 0) return;
    memcpy(head.op, op, strlen(op));
    if (syscall(SYS_writev, log_file, parts, 3) < 0) abort();
}

static void dies(void) {
    if (end_at && ++changes == end_at) {
        signal(end_signal, SIG_DFL);
        kill(getpid(), end_signal);
        for (;;) pause();
    }
}

static int no_room(void) {
    const char *spare = getenv("DISK_SPARE");
    if (!full || syscall(SYS_faccessat, AT_FDCWD, full, F_OK)) return 0;
    if (spare && syscall(SYS_faccessat, AT_FDCWD, spare, F_OK)) return 0;
    errno = ENOSPC;
    return 1;
}

static int is_ours(int file) { return ready && file >= 0 && file < FILES && ours[file]; }

static int opened(int folder, const char *path, int flags, mode_t mode) {
    char whole[PATH_MAX];
    int file, mine = under(folder, path, whole), there;
    if (!mine) return syscall(SYS_openat, folder, path, flags, mode);
    pthread_mutex_lock(&turn);
    there = !syscall(SYS_faccessat, folder, path, F_OK);
    if ((flags & O_CREAT) && !there) {
        dies();
        if (no_room()) {
            pthread_mutex_unlock(&turn);
            return -1;
        }
    }
    file = syscall(SYS_openat, folder, path, flags, mode);
    if (file >= 0 && file < FILES) {
        ours[file] = 1;
        note("open", file, flags, whole, strlen(whole), NULL, 0);
    }
    pthread_mutex_unlock(&turn);
    return file;
}

static mode_t mode_of(int flags, va_list more) { return flags & (O_CREAT | O_TMPFILE) ? va_arg(more, mode_t) : 0; }

#define OPEN(name)                                  \
    int name(const char *path, int flags, ...) {    \
        va_list more;                               \
        va_start(more, flags);                      \
        mode_t mode = mode_of(flags, more);         \
        va_end(more);                               \
        return opened(AT_FDCWD, path, flags, mode); \
    }
#define OPENAT(name)                                         \
    int name(int folder, const char *path, int flags, ...) { \
        va_list more;                                        \
        va_start(more, flags);                               \
        mode_t mode = mode_of(flags, more);                  \
        va_end(more);                                        \
        return opened(folder, path, flags, mode);            \
    }
OPEN(open)
OPEN(open64)
OPENAT(openat)
OPENAT(openat64)

int close(int file) {
    if (is_ours(file)) {
        pthread_mutex_lock(&turn);
        ours[file] = 0;
        note("close", file, 0, NULL, 0, NULL, 0);
        pthread_mutex_unlock(&turn);
    }
    return syscall(SYS_close, file);
}

static ssize_t wrote(int file, const void *data, size_t size, off_t at) { /* at < 0: where the file stands */
    ssize_t done;
    int stands = at < 0;
    if (!is_ours(file))
        return stands ? syscall(SYS_write, file, data, size) : syscall(SYS_pwrite64, file, data, size, at);
    pthread_mutex_lock(&turn);
    if (end_at && changes + 1 == end_at && half) { /* a write that does not come to its end */
        if (stands) done = syscall(SYS_write, file, data, size / 2);
        else done = syscall(SYS_pwrite64, file, data, size / 2, at);
    }
    dies();
    if (no_room()) {
        pthread_mutex_unlock(&turn);
        return -1;
    }
    done = stands ? syscall(SYS_write, file, data, size) : syscall(SYS_pwrite64, file, data, size, at);
    if (done > 0) {
        uint64_t where = stands ? (uint64_t)syscall(SYS_lseek, file, 0, SEEK_CUR) - done : (uint64_t)at;
        note("write", file, where, data, done, NULL, 0);
    }
    pthread_mutex_unlock(&turn);
    return done;
}

ssize_t write(int file, const void *data, size_t size) { return wrote(file, data, size, -1); }
ssize_t pwrite(int file, const void *data, size_t size, off_t at) { return wrote(file, data, size, at); }
ssize_t pwrite64(int file, const void *data, size_t size, off64_t at) { return wrote(file, data, size, at); }

#define SYNC(name, number)                                  \
    int name(int file) {                                    \
        int done;                                           \
        if (!is_ours(file)) return syscall(number, file);   \
        pthread_mutex_lock(&turn);                          \
        dies();                                             \
        done = syscall(number, file);                       \
        if (!done) note("sync", file, 0, NULL, 0, NULL, 0); \
        pthread_mutex_unlock(&turn);                        \
        return done;                                        \
    }
SYNC(fsync, SYS_fsync)
SYNC(fdatasync, SYS_fdatasync)

#define CUT(name)                                                     \
    int name(int file, off_t size) {                                  \
        int done;                                                     \
        if (!is_ours(file)) return syscall(SYS_ftruncate, file, size); \
        pthread_mutex_lock(&turn);                                    \
        dies();                                                       \
        done = syscall(SYS_ftruncate, file, size);                    \
        if (!done) note("cut", file, size, NULL, 0, NULL, 0);         \
        pthread_mutex_unlock(&turn);                                  \
        return done;                                                  \
    }
CUT(ftruncate)
CUT(ftruncate64)

#define RESERVE(name)                                                                     \
    int name(int file, off_t at, off_t size) {                                            \
        struct stat is;                                                                   \
        int done = 0;                                                                     \
        if (!is_ours(file)) return syscall(SYS_fallocate, file, 0, at, size) ? errno : 0; \
        pthread_mutex_lock(&turn);                                                        \
        dies();                                                                           \
        if (no_room()) done = ENOSPC;                                                     \
        else if (syscall(SYS_fallocate, file, 0, at, size)) done = errno;                 \
        else if (!fstat(file, &is)) note("cut", file, is.st_size, NULL, 0, NULL, 0);      \
        pthread_mutex_unlock(&turn);                                                      \
        return done;                                                                      \
    }
RESERVE(posix_fallocate)
RESERVE(posix_fallocate64)

static int moved(int from_folder, const char *from, int to_folder, const char *to) {
    char a[PATH_MAX], b[PATH_MAX];
    int done, mine = under(from_folder, from, a) | under(to_folder, to, b);
    if (!mine) return syscall(SYS_renameat, from_folder, from, to_folder, to);
    pthread_mutex_lock(&turn);
    dies();
    done = syscall(SYS_renameat, from_folder, from, to_folder, to);
    if (!done) note("rename", -1, 0, a, strlen(a), b, strlen(b));
    pthread_mutex_unlock(&turn);
    return done;
}

int rename(const char *from, const char *to) { return moved(AT_FDCWD, from, AT_FDCWD, to); }
int renameat(int ff, const char *from, int tf, const char *to) { return moved(ff, from, tf, to); }

static int removed(int folder, const char *path, int flags) {
    char whole[PATH_MAX];
    int done;
    if (!under(folder, path, whole)) return syscall(SYS_unlinkat, folder, path, flags);
    pthread_mutex_lock(&turn);
    dies();
    done = syscall(SYS_unlinkat, folder, path, flags);
    if (!done) note("unlink", -1, 0, whole, strlen(whole), NULL, 0);
    pthread_mutex_unlock(&turn);
    return done;
}

int unlink(const char *path) { return removed(AT_FDCWD, path, 0); }
int unlinkat(int folder, const char *path, int flags) { return removed(folder, path, flags); }
int rmdir(const char *path) { return removed(AT_FDCWD, path, AT_REMOVEDIR); }

static int made(int folder, const char *path, mode_t mode) {
    char whole[PATH_MAX];
    int done;
    if (!under(folder, path, whole)) return syscall(SYS_mkdirat, folder, path, mode);
    pthread_mutex_lock(&turn);
    dies();
    if (no_room()) done = -1;
    else {
        done = syscall(SYS_mkdirat, folder, path, mode);
        if (!done) note("mkdir", -1, 0, whole, strlen(whole), NULL, 0);
    }
    pthread_mutex_unlock(&turn);
    return done;
}

int mkdir(const char *path, mode_t mode) { return made(AT_FDCWD, path, mode); }
int mkdirat(int folder, const char *path, mode_t mode) { return made(folder, path, mode); }

ssize_t send(int file, const void *data, size_t size, int flags) { /* what is answered, and when */
    ssize_t done = syscall(SYS_sendto, file, data, size, flags, NULL, 0);
    if (done > 0 && ready && log_file >= 0) {
        pthread_mutex_lock(&turn);
        note("send", file, 0, data, done, NULL, 0);
        pthread_mutex_unlock(&turn);
    }
    return done;
}
