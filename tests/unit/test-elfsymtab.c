// SPDX-License-Identifier: Apache-2.0
/*
 * The symbols of this very program by address and by name, in a copy of its file; and what is
 * left of them when that is cut meanwhile.
 */
#include "src/host/symbols/elfsymtab.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define NAME "elfsymtab_test_variable"

uint64_t elfsymtab_test_variable[3] = {1, 2, 3};
void elfsymtab_test_function(void);

void elfsymtab_test_function(void)
{
    elfsymtab_test_variable[0]++;
}

static char path[] = "/tmp/test-elfsymtab-XXXXXX";
static int file;

/* Its own file, so that it may be cut. */
static int make_copy(void **unused)
{
    static char bytes[1 << 16];
    int from = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    ssize_t got;

    (void)unused;
    strcpy(path + strlen(path) - 6, "XXXXXX");
    file = mkostemp(path, O_CLOEXEC);
    if (from < 0 || file < 0)
        return -1;
    while ((got = read(from, bytes, sizeof bytes)) > 0)
        if (write(file, bytes, (size_t)got) != got)
            return -1;
    close(from);
    return 0;
}

static int remove_copy(void **unused)
{
    (void)unused;
    close(file);
    return unlink(path);
}

static void found_by_name_and_address(void **unused)
{
    struct elfsymtab_entry variable, again, function;
    struct elfsymtab table;
    size_t at = 0;

    (void)unused;
    assert_true(elfsymtab_open(&table, file));
    assert_true(elfsymtab_variable(&table, NAME, &at, &variable));
    /* sanitizers put room behind it */
    assert_true(variable.size >= sizeof elfsymtab_test_variable);
    assert_true(elfsymtab_find(&table, variable.start + variable.size - 1, &again));
    assert_int_equal(again.start, variable.start);
    assert_string_equal(again.name, NAME);
    assert_true(!elfsymtab_find(&table, variable.start + variable.size, &again) ||
                again.start == variable.start + variable.size);
    assert_false(elfsymtab_variable(&table, NAME, &at, &again));
    assert_true(elfsymtab_function(&table, "elfsymtab_test_function", &function));
    assert_false(elfsymtab_function(&table, NAME, &function));
    assert_int_equal((uintptr_t)elfsymtab_test_variable - variable.start,
                     (uintptr_t)elfsymtab_test_function - function.start);
    elfsymtab_release(&table);
}

/* A file is mapped, and the pages behind its new end raise SIGBUS. */
static void cut_while_open(void **unused)
{
    struct elfsymtab_entry found;
    struct elfsymtab by_name, by_function, by_address;
    size_t at = 0;

    (void)unused;
    assert_true(elfsymtab_open(&by_name, file));
    assert_true(elfsymtab_open(&by_function, file));
    assert_true(elfsymtab_open(&by_address, file));
    assert_int_equal(ftruncate(file, 100), 0);
    assert_false(elfsymtab_variable(&by_name, NAME, &at, &found));
    assert_false(elfsymtab_function(&by_function, "elfsymtab_test_function", &found));
    assert_false(elfsymtab_find(&by_address, (uintptr_t)elfsymtab_test_variable, &found));
    elfsymtab_release(&by_name);
    elfsymtab_release(&by_function);
    elfsymtab_release(&by_address);
}

static void cut_before(void **unused)
{
    struct elfsymtab table;

    (void)unused;
    for (off_t size = 4096; size >= 0; size -= 61) {
        assert_int_equal(ftruncate(file, size), 0);
        assert_false(elfsymtab_open(&table, file));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        /* first: cmocka handles SIGBUS itself, anew in each test */
        cmocka_unit_test_setup_teardown(cut_while_open, make_copy, remove_copy),
        cmocka_unit_test_setup_teardown(found_by_name_and_address, make_copy, remove_copy),
        cmocka_unit_test_setup_teardown(cut_before, make_copy, remove_copy),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
