// SPDX-License-Identifier: Apache-2.0
/*
 * Memory of this process through process_vm_readv as it is, as one that gives less than it was
 * asked for, and not at all.
 */
#include "src/host/process/heldmemory.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#define PAGE ((size_t)4096)
#define PAGES 8u

static enum { AS_IT_IS, A_FEW_BYTES, WHOLE_PIECES, FORBIDDEN } kernel;
static char *memory; /* its sixth page cannot be read */

ssize_t __real_process_vm_readv(pid_t pid, const struct iovec *to, unsigned long to_count,
                                const struct iovec *from, unsigned long from_count,
                                unsigned long flags);
ssize_t __wrap_process_vm_readv(pid_t pid, const struct iovec *to, unsigned long to_count,
                                const struct iovec *from, unsigned long from_count,
                                unsigned long flags);

/* Pieces before the first that cannot be read whole. */
static ssize_t whole_pieces(pid_t pid, const struct iovec *to, const struct iovec *from,
                            unsigned long count)
{
    ssize_t sum = 0;

    for (unsigned long i = 0; i < count; i++) {
        struct iovec place = {(char *)to->iov_base + sum, from[i].iov_len};

        if (__real_process_vm_readv(pid, &place, 1, &from[i], 1, 0) != (ssize_t)from[i].iov_len)
            break;
        sum += (ssize_t)from[i].iov_len;
    }
    errno = EFAULT;
    return sum ? sum : -1;
}

ssize_t __wrap_process_vm_readv(pid_t pid, const struct iovec *to, unsigned long to_count,
                                const struct iovec *from, unsigned long from_count,
                                unsigned long flags)
{
    struct iovec place = to[0];

    if (kernel == FORBIDDEN) {
        errno = EPERM;
        return -1;
    }
    if (kernel == WHOLE_PIECES)
        return whole_pieces(pid, to, from, from_count);
    if (kernel == A_FEW_BYTES && place.iov_len > 5000)
        place.iov_len = 5000;
    return __real_process_vm_readv(pid, &place, to_count, from, from_count, flags);
}

static int set_up(void **state)
{
    (void)state;
    memory = mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_true(memory != MAP_FAILED);
    for (size_t i = 0; i < PAGES * PAGE; i++)
        memory[i] = (char)(i % 251);
    return munmap(memory + 5 * PAGE, PAGE);
}

static int tear_down(void **state)
{
    (void)state;
    munmap(memory, 5 * PAGE);
    return munmap(memory + 6 * PAGE, 2 * PAGE);
}

static ssize_t read_pieces(const struct iovec *pieces, unsigned long count, char *to)
{
    struct heldmemory m;
    ssize_t got;

    heldmemory_init(&m, getpid());
    got = heldmemory_read(&m, pieces, count, to, PAGES * PAGE);
    heldmemory_release(&m);
    return got;
}

static void all_before_a_page_that_cannot_be_read(void **state)
{
    static char to[PAGES * PAGE];

    (void)state;
    for (kernel = AS_IT_IS; kernel <= FORBIDDEN; kernel++) {
        const struct iovec whole = {memory, 5 * PAGE};
        const struct iovec over = {memory + 8, 7 * PAGE};
        const struct iovec two[] = {{memory + PAGE, 2 * PAGE}, {memory + 3 * PAGE, 4 * PAGE}};
        const struct iovec apart[] = {{memory + 6 * PAGE, 2 * PAGE}, {memory, 2 * PAGE}};
        const struct iovec none = {memory + 5 * PAGE, 2 * PAGE};

        assert_int_equal(read_pieces(&whole, 1, to), 5 * PAGE);
        assert_memory_equal(to, memory, 5 * PAGE);
        memset(to, 0, sizeof(to));
        assert_int_equal(read_pieces(&over, 1, to), 5 * PAGE - 8);
        assert_memory_equal(to, memory + 8, 5 * PAGE - 8);
        memset(to, 0, sizeof(to));
        assert_int_equal(read_pieces(two, 2, to), 4 * PAGE);
        assert_memory_equal(to, memory + PAGE, 4 * PAGE);
        memset(to, 0, sizeof(to));
        assert_int_equal(read_pieces(apart, 2, to), 4 * PAGE);
        assert_memory_equal(to, memory + 6 * PAGE, 2 * PAGE);
        assert_memory_equal(to + 2 * PAGE, memory, 2 * PAGE);
        errno = 0;
        assert_int_equal(read_pieces(&none, 1, to), -1);
        assert_int_equal(errno, EFAULT);
    }
}

static void a_process_that_is_gone(void **state)
{
    const struct iovec piece = {memory, PAGE};
    struct heldmemory m;
    char to[PAGE];

    (void)state;
    kernel = AS_IT_IS;
    heldmemory_init(&m, 0x7ffffffe);
    assert_int_equal(heldmemory_read(&m, &piece, 1, to, sizeof(to)), -1);
    assert_int_equal(errno, ESRCH);
    heldmemory_release(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(all_before_a_page_that_cannot_be_read, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_process_that_is_gone, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
