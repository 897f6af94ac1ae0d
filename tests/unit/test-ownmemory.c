/* SPDX-License-Identifier: Apache-2.0 */
#include "src/host/memory/ownmemory.h"

#include "src/host/memory/pages.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#define MANY ((size_t)32 << 20)
#define NEAR ((uint64_t)1 << 20) /* what the allocator and the sanitizers do beside */

static uint64_t known(void)
{
    uint64_t bytes = ownmemory_bytes();

    if (!bytes)
        skip();
    return bytes;
}

static void what_is_touched_counts(void **state)
{
    uint64_t before = known(), with;
    char *memory = pages_map(MANY);

    (void)state;
    assert_non_null(memory);
    assert_in_range(ownmemory_bytes(), before - (before < NEAR ? before : NEAR), before + NEAR);
    memset(memory, 1, MANY);
    with = ownmemory_bytes();
    assert_in_range(with, before + MANY - NEAR, before + MANY + NEAR);
    pages_unmap(memory, MANY);
    assert_in_range(ownmemory_bytes(), before - (before < NEAR ? before : NEAR), before + NEAR);
}

/* A statistic is not older than what was answered before. */
static void what_was_read_last_is_kept(void **state)
{
    const size_t some = (size_t)256 << 10; /* touched within the time that a number is kept for */
    uint64_t with;

    (void)state;
    known();
    for (int i = 0; i < 20; i++) {
        char *memory = pages_map(some);

        assert_non_null(memory);
        ownmemory_bytes_lately();
        memset(memory, 1, some);
        with = ownmemory_bytes();
        assert_in_range(ownmemory_bytes_lately(), with - some / 2, with + some / 2);
        pages_unmap(memory, some);
    }
}

static void a_segment_is_what_was_touched(void **state)
{
    int fd = memfd_create("test", MFD_CLOEXEC);
    char *memory;

    (void)state;
    assert_true(fd >= 0);
    assert_int_equal(ftruncate(fd, (off_t)MANY), 0);
    assert_int_equal(ownmemory_segment_bytes(fd), 0);
    memory = mmap(NULL, MANY, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    assert_true(memory != MAP_FAILED);
    memory[0] = memory[10 * 4096] = 1;
    assert_int_equal(ownmemory_segment_bytes(fd), 2 * 4096);
    munmap(memory, MANY);
    close(fd);
    assert_int_equal(ownmemory_segment_bytes(fd), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_touched_counts),
        cmocka_unit_test(what_was_read_last_is_kept),
        cmocka_unit_test(a_segment_is_what_was_touched),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
