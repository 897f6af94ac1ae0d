// SPDX-License-Identifier: Apache-2.0
#include "src/host/files/locate.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define LIBRARY "libmemprof-preload.so"

static char folder[64];

static void shell(const char *format, const char *argument)
{
    char command[512];

    snprintf(command, sizeof command, format, folder, argument);
    assert_int_equal(system(command), 0);
}

static int make_folder(void **state)
{
    (void)state;
    strcpy(folder, "/tmp/memprof-locate-XXXXXX");
    return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
    (void)state;
    shell("rm -r %s%s", "");
    return 0;
}

static void put_library(const char *where)
{
    shell("mkdir -p '%s/%s'", where);
    shell("touch '%s/%s/" LIBRARY "'", where);
}

static void assert_located(const char *directory, const char *bindir, const char *pkglibdir,
                           const char *where)
{
    char from[256], expected[256];
    struct error e = {0};
    char *found;

    snprintf(from, sizeof from, "%s%s", folder, directory);
    snprintf(expected, sizeof expected, "%s%s/" LIBRARY, folder, where);
    found = preload_locate_from(from, bindir, pkglibdir, &e);
    if (!found)
        fail_msg("%s", e.text);
    assert_string_equal(found, expected);
    free(found);
}

static void the_build_tree_comes_first(void **state)
{
    (void)state;
    put_library("lib/memprof");
    put_library("bin/.libs");
    assert_located("/bin", "/usr/bin", "/usr/lib/memprof", "/bin/.libs");
    put_library("bin/preload/.libs");
    assert_located("/bin", "/usr/bin", "/usr/lib/memprof", "/bin/preload/.libs");
}

static void a_moved_prefix_is_followed(void **state)
{
    (void)state;
    shell("mkdir -p '%s/%s'", "bin");
    put_library("lib/memprof");
    put_library("lib/x86_64-linux-gnu/memprof");
    assert_located("/bin", "/usr/local/bin", "/usr/local/lib/memprof", "/lib/memprof");
    assert_located("/bin", "/usr/bin", "/usr/lib/x86_64-linux-gnu/memprof",
                   "/lib/x86_64-linux-gnu/memprof");
    shell("mkdir -p '%s/%s'", "a/b/sbin");
    put_library("a/lib");
    assert_located("/a/b/sbin", "/opt/b/sbin", "/opt/lib", "/a/lib");
    put_library("same");
    assert_located("/same", "/opt/bin", "/opt/bin", "/same");
    put_library("same/below");
    assert_located("/same", "/opt/bin", "/opt/bin/below", "/same/below");
}

static void what_is_nowhere_is_said(void **state)
{
    struct error e = {0};

    (void)state;
    assert_null(preload_locate_from(folder, "/nowhere/bin", "/nowhere/lib", &e));
    assert_int_equal(e.kind, ERROR_REFUSED);
    assert_non_null(strstr(e.text, LIBRARY));
}

static void the_loader_takes_no_spaces(void **state)
{
    char from[256];
    struct error e = {0};

    (void)state;
    put_library("my tools/.libs");
    snprintf(from, sizeof from, "%s/my tools", folder);
    assert_null(preload_locate_from(from, "/nowhere/bin", "/nowhere/lib", &e));
    assert_non_null(strstr(e.text, "spaces"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_build_tree_comes_first, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(a_moved_prefix_is_followed, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(what_is_nowhere_is_said, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(the_loader_takes_no_spaces, make_folder, remove_folder),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
