// SPDX-License-Identifier: Apache-2.0
#include "src/host/files/writable.h"

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static char folder[64];

static int make_folder(void **state)
{
    (void)state;
    strcpy(folder, "/tmp/memprof-writable-XXXXXX");
    return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
    (void)state;
    return rmdir(folder);
}

static int check(const char *format)
{
    struct error e = {0};
    char path[256];
    int result;

    snprintf(path, sizeof path, format, folder);
    result = writable_check(path, &e);
    assert_true(result == 0 || e.text[0] != '\0');
    return result;
}

static size_t entries(void)
{
    DIR *d = opendir(folder);
    size_t count = 0;

    assert_non_null(d);
    while (readdir(d))
        count++;
    closedir(d);
    return count - 2;
}

static void a_file_that_can_be_made_is_fine_and_not_made(void **state)
{
    (void)state;
    assert_int_equal(check("%s/new.mprof"), 0);
    assert_int_equal(entries(), 0);
    assert_int_equal(check("/dev/null"), 0);
}

static void folders_and_what_is_below_nothing_are_refused(void **state)
{
    (void)state;
    assert_int_equal(check("%s"), -1);
    assert_int_equal(check("%s/"), -1);
    assert_int_equal(check("%s/missing/new.mprof"), -1);
    assert_int_equal(check("/dev/null/new.mprof"), -1);
    assert_int_equal(check("/proc/new.mprof"), -1);
    assert_int_equal(writable_check("", NULL), -1);
    assert_int_equal(entries(), 0);
}

static void a_folder_without_permission_is_refused(void **state)
{
    (void)state;
    if (geteuid() == 0)
        skip();
    assert_int_equal(chmod(folder, 0500), 0);
    assert_int_equal(check("%s/new.mprof"), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_file_that_can_be_made_is_fine_and_not_made),
        cmocka_unit_test(folders_and_what_is_below_nothing_are_refused),
        cmocka_unit_test(a_folder_without_permission_is_refused),
    };

    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
