// SPDX-License-Identifier: Apache-2.0
#include "src/host/files/lookup.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static char folder[64], old_folder[4096];

static void make_file(const char *name, mode_t mode)
{
    FILE *file = fopen(name, "w");

    assert_non_null(file);
    fclose(file);
    assert_int_equal(chmod(name, mode), 0);
}

static int enter(void **state)
{
    (void)state;
    strcpy(folder, "/tmp/memprof-lookup-XXXXXX");
    if (!getcwd(old_folder, sizeof old_folder) || !mkdtemp(folder) || chdir(folder) != 0)
        return -1;
    mkdir("one", 0755);
    mkdir("two", 0755);
    mkdir("two/folder", 0755);
    make_file("one/plain", 0644);
    make_file("two/plain", 0755);
    make_file("two/only", 0755);
    make_file("one/never", 0644);
    make_file("here", 0755);
    return 0;
}

static int leave(void **state)
{
    char command[128];

    (void)state;
    if (chdir(old_folder) != 0)
        return -1;
    snprintf(command, sizeof command, "rm -r %s", folder);
    return system(command);
}

static void assert_found(const char *path, const char *name, const char *expected)
{
    struct error e;
    char *found;

    setenv("PATH", path, 1);
    found = program_lookup(name, &e);
    assert_non_null(found);
    assert_string_equal(found, expected);
    free(found);
}

static void assert_refused(const char *path, const char *name, int number)
{
    struct error e = {0};

    setenv("PATH", path, 1);
    assert_null(program_lookup(name, &e));
    assert_int_equal(e.saved_errno, number);
    assert_true(e.text[0] != '\0');
}

static void path_is_searched_in_order(void **state)
{
    (void)state;
    assert_found("one:two", "only", "two/only");
    assert_found("one:two", "plain", "two/plain"); /* past what may not be executed */
    assert_found("two::one", "here", "./here");    /* an empty part is the current folder */
    assert_found("one:", "here", "./here");
    assert_found("", "here", "./here");
}

static void a_slash_means_a_path(void **state)
{
    (void)state;
    assert_found("two", "./here", "./here");
    assert_refused("two", "./only", ENOENT);
}

static void what_is_missing_and_what_is_forbidden_differ(void **state)
{
    (void)state;
    assert_refused("one:two", "nothing", ENOENT);
    assert_refused("one:two", "never", EACCES);
    assert_refused("two", "folder", EACCES);
    assert_refused("two", "one/never", EACCES);
    assert_refused("two", "here/below", ENOENT);
    assert_refused("two", "", ENOENT);
}

static void without_path_the_system_is_searched(void **state)
{
    struct error e;
    char *found;

    (void)state;
    unsetenv("PATH");
    found = program_lookup("sh", &e);
    assert_non_null(found);
    assert_string_equal(found, "/bin/sh");
    free(found);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(path_is_searched_in_order),
        cmocka_unit_test(a_slash_means_a_path),
        cmocka_unit_test(what_is_missing_and_what_is_forbidden_differ),
        cmocka_unit_test(without_path_the_system_is_searched),
    };
    const char *path = getenv("PATH");
    char *saved = path ? strdup(path) : NULL;
    int failed;

    if (enter(NULL) != 0)
        return 99;
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    setenv("PATH", saved ? saved : "/bin:/usr/bin", 1);
    free(saved);
    return leave(NULL) != 0 ? 99 : failed;
}
