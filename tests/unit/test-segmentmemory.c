// SPDX-License-Identifier: Apache-2.0
/* Shared memory under limits; each case in a process of its own, whose limits cannot be raised
 * again. */
#include "src/host/recording/segmentmemory.h"

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

/* Returns the child's wait status; its exit status is 0 when `body` says that all is well. */
static int apart(bool (*body)(void))
{
    int status = -1;
    pid_t child = fork();

    assert_true(child >= 0);
    if (child == 0)
        _exit(body() ? 0 : 1);
    assert_int_equal(waitpid(child, &status, 0), child);
    return status;
}

/* Made, as large as it says, and of a size that nobody can change. */
static bool is_good(int fd, const struct segment_layout *layout)
{
    struct stat status;

    return fd >= 0 && fstat(fd, &status) == 0 &&
           (uint64_t)status.st_size == layout->segment_bytes && segment_layout_valid(layout) &&
           (fcntl(fd, F_GET_SEALS) & (F_SEAL_SHRINK | F_SEAL_GROW)) ==
               (F_SEAL_SHRINK | F_SEAL_GROW);
}

static bool has_no_limit(void)
{
    struct segment_layout layout, full;

    segment_layout_default(&full, 0);
    return is_good(segment_memory_make(&layout, NULL), &layout) &&
           layout.segment_bytes == full.segment_bytes;
}

static bool has_soft_limit(void)
{
    struct rlimit limit, after;
    struct segment_layout layout, full;

    if (getrlimit(RLIMIT_FSIZE, &limit) != 0)
        return false;
    segment_layout_default(&full, 0);
    if (limit.rlim_max < full.segment_bytes)
        return true; /* the test itself is limited */
    limit.rlim_cur = 40 << 10;
    return setrlimit(RLIMIT_FSIZE, &limit) == 0 &&
           is_good(segment_memory_make(&layout, NULL), &layout) &&
           layout.segment_bytes == full.segment_bytes && getrlimit(RLIMIT_FSIZE, &after) == 0 &&
           after.rlim_cur == limit.rlim_cur && after.rlim_max == limit.rlim_max;
}

static bool has_hard_limit(void)
{
    const struct rlimit limit = {64 << 20, 64 << 20};
    struct segment_layout layout;

    return setrlimit(RLIMIT_FSIZE, &limit) == 0 &&
           is_good(segment_memory_make(&layout, NULL), &layout) &&
           layout.segment_bytes <= limit.rlim_cur;
}

static bool has_no_room(void)
{
    const struct rlimit limit = {40 << 10, 40 << 10};
    struct segment_layout layout;
    struct error e = {0};

    return setrlimit(RLIMIT_FSIZE, &limit) == 0 && segment_memory_make(&layout, &e) == -1 &&
           e.kind == ERROR_REFUSED && strstr(e.text, "40 KiB (ulimit -f)");
}

static bool has_little_space(void)
{
    const struct rlimit limit = {(rlim_t)1 << 30, (rlim_t)1 << 30};
    struct segment_layout layout;

    return setrlimit(RLIMIT_AS, &limit) == 0 &&
           is_good(segment_memory_make(&layout, NULL), &layout) &&
           layout.segment_bytes <= limit.rlim_cur / 4;
}

static void test_limits(void **unused)
{
    (void)unused;
    assert_int_equal(apart(has_no_limit), 0);
    assert_int_equal(apart(has_soft_limit), 0);
    assert_int_equal(apart(has_hard_limit), 0);
    assert_int_equal(apart(has_no_room), 0);
    assert_int_equal(apart(has_little_space), 0);
}

/* What was written is copied, what never was takes no memory. */
static void test_copy(void **unused)
{
    enum { BYTES = 1 << 20, FIRST = 5 << 12, SECOND = 200 << 12 };
    int from_fd = memfd_create("from", MFD_CLOEXEC), to_fd = memfd_create("to", MFD_CLOEXEC);
    struct stat status;
    struct segment_memory from_memory = {.fd = from_fd}, to_memory = {.fd = to_fd};
    uint8_t *from, *to;

    (void)unused;
    assert_int_equal(ftruncate(from_fd, BYTES), 0);
    assert_int_equal(ftruncate(to_fd, BYTES), 0);
    from = mmap(NULL, BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, from_fd, 0);
    to = mmap(NULL, BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, to_fd, 0);
    from_memory.base = from;
    to_memory.base = to;
    assert_true(segment_memory_copy(&to_memory, &from_memory, 0, BYTES));
    from[FIRST] = 1;
    from[SECOND] = 2;
    from[BYTES - 1] = 3;
    assert_true(segment_memory_copy(&to_memory, &from_memory, 4096, BYTES - 4096));
    assert_int_equal(to[FIRST], 1);
    assert_int_equal(to[SECOND], 2);
    assert_int_equal(to[BYTES - 1], 0);
    assert_int_equal(fstat(to_fd, &status), 0);
    assert_in_range(status.st_blocks * 512, 2 * 4096, 3 * 4096);
    to[SECOND] = 0;
    to_memory.fd = -1; /* by hand, then */
    assert_true(segment_memory_copy(&to_memory, &from_memory, 4096, BYTES - 4096));
    assert_int_equal(to[SECOND], 2);
    from_memory.fd = -1;
    assert_false(segment_memory_copy(&to_memory, &from_memory, 0, BYTES));
    munmap(from, BYTES);
    munmap(to, BYTES);
    close(from_fd);
    close(to_fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_copy),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
