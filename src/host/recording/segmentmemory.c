// SPDX-License-Identifier: Apache-2.0
#include "src/host/recording/segmentmemory.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#define SCALE_MAX 8u

static struct rlimit limit_of(int resource)
{
    struct rlimit limit;

    if (getrlimit(resource, &limit) != 0)
        limit = (struct rlimit){RLIM_INFINITY, RLIM_INFINITY};
    return limit;
}

/*
 * The limits are the child's as well: a segment that fills most of the address
 * space allowed would leave the program too little.
 */
static void choose_layout(struct segment_layout *layout, uint64_t file)
{
    uint64_t space = limit_of(RLIMIT_AS).rlim_cur;
    unsigned scale = 0;

    segment_layout_default(layout, scale);
    while (scale < SCALE_MAX && (layout->segment_bytes > file || layout->segment_bytes > space / 4))
        segment_layout_default(layout, ++scale);
}

/* As ftruncate; a size beyond the limit is an error and not the end of the process. */
static int set_size(int fd, uint64_t bytes)
{
    const struct timespec at_once = {0, 0};
    sigset_t too_large, before;
    int failed;

    sigemptyset(&too_large);
    sigaddset(&too_large, SIGXFSZ);
    pthread_sigmask(SIG_BLOCK, &too_large, &before);
    failed = ftruncate(fd, (off_t)bytes) != 0 ? errno : 0;
    if (failed == EFBIG && !sigismember(&before, SIGXFSZ))
        sigtimedwait(&too_large, NULL, &at_once);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    errno = failed;
    return failed ? -1 : 0;
}

static int set_size_without_soft_limit(int fd, uint64_t bytes)
{
    struct rlimit limit = limit_of(RLIMIT_FSIZE), raised = {limit.rlim_max, limit.rlim_max};
    int result, failed;

    if (limit.rlim_cur >= bytes)
        return set_size(fd, bytes);
    setrlimit(RLIMIT_FSIZE, &raised);
    result = set_size(fd, bytes);
    failed = errno;
    setrlimit(RLIMIT_FSIZE, &limit);
    errno = failed;
    return result;
}

int segment_memory_make(struct segment_layout *layout, struct error *e)
{
    uint64_t file = limit_of(RLIMIT_FSIZE).rlim_max;
    int fd;

    choose_layout(layout, file);
    if (layout->segment_bytes > file)
        return error_set(e, ERROR_REFUSED,
                         "files may have %" PRIu64 " KiB (ulimit -f), but the memory shared with "
                         "the program needs %" PRIu64 ": raise the limit",
                         file >> 10, layout->segment_bytes >> 10);
    fd = memfd_create("memprof", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (fd < 0)
        return error_set(e, ERROR_SYSTEM, "cannot make shared memory");
    if (set_size_without_soft_limit(fd, layout->segment_bytes) != 0 ||
        fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) != 0) {
        error_set(e, ERROR_SYSTEM, "cannot size the shared memory");
        close(fd);
        return -1;
    }
    return fd;
}

/* A fault for each page is most of what it costs: written instead, as far as ulimit -f lets us. */
static void copy_extent(const struct segment_memory *to, const uint8_t *from, uint64_t start,
                        uint64_t end)
{
    while (start < end) {
        ssize_t n = pwrite(to->fd, from + start, (size_t)(end - start), (off_t)start);

        if (n <= 0)
            break;
        start += (uint64_t)n;
    }
    if (start < end)
        memcpy(to->base + start, from + start, (size_t)(end - start));
}

bool segment_memory_copy(const struct segment_memory *to, const struct segment_memory *from,
                         uint64_t start, uint64_t end)
{
    while (start < end) {
        off_t data = lseek(from->fd, (off_t)start, SEEK_DATA), hole;

        if (data < 0)
            return errno == ENXIO; /* nothing but holes from here on */
        if ((uint64_t)data >= end)
            return true;
        hole = lseek(from->fd, data, SEEK_HOLE);
        if (hole < 0)
            return false;
        if ((uint64_t)hole > end)
            hole = (off_t)end;
        copy_extent(to, from->base, (uint64_t)data, (uint64_t)hole);
        start = (uint64_t)hole;
    }
    return true;
}
