// SPDX-License-Identifier: Apache-2.0
#include "src/host/memory/copyroom.h"
#include "src/host/memory/pages.h"
#include "src/host/process/procinfo.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define MIB ((size_t)1 << 20)

/* A child that has written to so many bytes, and stays. */
static pid_t child(size_t bytes)
{
    int ready[2];
    char byte = 0;
    pid_t pid;

    assert_int_equal(pipe(ready), 0);
    pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        memset(mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), 1,
               bytes);
        if (write(ready[1], &byte, 1) != 1)
            _exit(1);
        for (;;)
            pause();
    }
    assert_int_equal(read(ready[0], &byte, 1), 1);
    close(ready[0]);
    close(ready[1]);
    return pid;
}

static void end(pid_t pid)
{
    kill(pid, SIGKILL);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
}

static bool exists(void *memory, size_t at)
{
    unsigned char there = 0;

    assert_int_equal(mincore((char *)memory + at, 4096, &there), 0);
    return there & 1;
}

static void fills(uint8_t *memory, size_t bytes)
{
    for (size_t i = 0; i < bytes; i += 512)
        assert_int_equal(memory[i], 0);
    memset(memory, 1, bytes);
    pages_unmap(memory, bytes);
}

static void as_much_as_is_resident_exists_before(void **state)
{
    pid_t pid = child(96 * MIB);
    struct copyroom r;
    uint8_t *memory;

    (void)state;
    copyroom_begin(&r, procinfo_anonymous(pid));
    assert_true(r.cleared >= 96 * MIB);
    while (!copyroom_ready(&r))
        usleep(1000);
    memory = copyroom_take(&r, 90 * MIB + 5);
    assert_non_null(memory);
    assert_null(r.memory);
    assert_true(exists(memory, 0) && exists(memory, 48 * MIB) && exists(memory, 90 * MIB));
    fills(memory, 90 * MIB + 5);
    end(pid);
}

static void what_grew_meanwhile_fits_nevertheless(void **state)
{
    pid_t pid = child(8 * MIB);
    struct copyroom r;

    (void)state;
    copyroom_begin(&r, procinfo_anonymous(pid));
    assert_true(r.memory && r.cleared >= 8 * MIB && r.cleared < 40 * MIB);
    fills(copyroom_take(&r, 50 * MIB), 50 * MIB); /* within the room */
    copyroom_begin(&r, procinfo_anonymous(pid));
    fills(copyroom_take(&r, 200 * MIB), 200 * MIB); /* not */
    end(pid);
}

static void it_may_be_taken_in_pieces(void **state)
{
    uint64_t first = 3 * MIB, second = 5 * MIB, third = 90 * MIB, small = 100;
    struct copyroom r;
    void *memory;

    (void)state;
    copyroom_begin(&r, 16 * MIB);
    assert_int_equal(r.cleared, 16 * MIB);
    assert_null(copyroom_cut(&r, &small));
    memory = copyroom_cut(&r, &first);
    assert_true(first >= 3 * MIB);
    fills(memory, first);
    memory = copyroom_cut(&r, &second);
    assert_true(second >= 5 * MIB);
    fills(memory, second);
    assert_null(copyroom_cut(&r, &third)); /* not as much is left */
    assert_int_equal(third, 90 * MIB);
    copyroom_release(&r);
    assert_null(copyroom_cut(&r, &third));
}

static void nothing_is_made_without_need(void **state)
{
    struct copyroom r;
    pid_t pid = child(4096);

    (void)state;
    end(pid);
    copyroom_begin(&r, procinfo_anonymous(pid)); /* gone */
    assert_null(r.memory);
    assert_true(copyroom_ready(&r));
    assert_null(copyroom_take(&r, 0));
    fills(copyroom_take(&r, 1), 1);
    copyroom_release(&r);
}

static void what_is_not_taken_is_given_back(void **state)
{
    pid_t pid = child(16 * MIB);
    struct copyroom r;
    uint8_t *memory;
    unsigned char there;

    (void)state;
    copyroom_begin(&r, procinfo_anonymous(pid));
    memory = r.memory;
    assert_non_null(memory);
    copyroom_release(&r);
    assert_int_equal(mincore(memory, 4096, &there), -1); /* ENOMEM: unmapped */
    end(pid);
}

/* Also where the clearing is done before the thread that began it goes on. */
static void what_was_begun_is_ready_some_time(void **state)
{
    pid_t pid = child(4 * MIB);
    struct copyroom r;

    (void)state;
    for (int i = 0; i < 100; i++) {
        int patience = 30000;

        copyroom_begin(&r, procinfo_anonymous(pid));
        while (!copyroom_ready(&r) && patience--)
            usleep(1000);
        assert_true(copyroom_ready(&r));
        copyroom_release(&r);
    }
    end(pid);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(as_much_as_is_resident_exists_before),
        cmocka_unit_test(what_grew_meanwhile_fits_nevertheless),
        cmocka_unit_test(it_may_be_taken_in_pieces),
        cmocka_unit_test(nothing_is_made_without_need),
        cmocka_unit_test(what_was_begun_is_ready_some_time),
        cmocka_unit_test(what_is_not_taken_is_given_back),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
