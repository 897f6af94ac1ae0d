// SPDX-License-Identifier: Apache-2.0
#include "src/host/files/outfile.h"

#include <fcntl.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define NOBODY 65534

static char folder[64];

static int make_folder(void **state)
{
    (void)state;
    strcpy(folder, "/tmp/memprof-outfile-XXXXXX");
    return mkdtemp(folder) && chmod(folder, 01777) == 0 ? 0 : -1;
}

static const char *const names[] = {"file", "new", "link", "second", "pipe", "loop"};

static const char *in_folder(const char *name)
{
    static char paths[4][128];
    static unsigned next;
    char *path = paths[next++ % 4];

    snprintf(path, sizeof paths[0], "%s/%s", folder, name);
    return path;
}

static int clear(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        unlink(in_folder(names[i]));
    return 0;
}

static int remove_folder(void **state)
{
    (void)state;
    return rmdir(folder);
}

static void make(const char *name, const char *text)
{
    FILE *f = fopen(in_folder(name), "we");

    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

static void assert_text(const char *name, const char *text)
{
    char got[64] = "";
    FILE *f = fopen(in_folder(name), "re");

    assert_non_null(f);
    assert_true(fgets(got, sizeof got, f) || *text == '\0');
    fclose(f);
    assert_string_equal(got, text);
}

static int replace(const char *name, struct error *e)
{
    struct outfile f;

    return outfile_resolve(&f, in_folder(name), e) == 0 ? outfile_replace(&f, "it", 2, false, e)
                                                        : -1;
}

static void assert_link(const char *name)
{
    struct stat status;

    assert_int_equal(lstat(in_folder(name), &status), 0);
    assert_true(S_ISLNK(status.st_mode));
}

static void links_stay_and_what_they_lead_to_is_written(void **state)
{
    (void)state;
    make("file", "old");
    assert_int_equal(symlink("second", in_folder("link")), 0);
    assert_int_equal(symlink(in_folder("file"), in_folder("second")), 0);
    assert_int_equal(replace("link", NULL), 0);
    assert_link("link");
    assert_link("second");
    assert_text("file", "it");
}

static void what_a_link_leads_to_is_made(void **state)
{
    (void)state;
    assert_int_equal(symlink("new", in_folder("link")), 0);
    assert_int_equal(replace("link", NULL), 0);
    assert_link("link");
    assert_text("new", "it");
}

static void links_in_a_circle_end_in_an_error(void **state)
{
    struct error e = {0};

    (void)state;
    assert_int_equal(symlink("loop", in_folder("loop")), 0);
    assert_int_equal(replace("loop", &e), -1);
    assert_int_equal(e.kind, ERROR_SYSTEM);
}

static void devices_are_written_by_the_name_that_was_given(void **state)
{
    struct outfile f;

    (void)state;
    assert_int_equal(outfile_resolve(&f, "/dev/null", NULL), 0);
    assert_true(f.special);
    assert_int_equal(symlink("/dev/null", in_folder("link")), 0);
    assert_int_equal(outfile_resolve(&f, in_folder("link"), NULL), 0);
    assert_true(f.special);
    assert_int_equal(outfile_replace(&f, "it", 2, false, NULL), 0);
    /* it was a device when it was looked at */
    assert_int_equal(unlink(in_folder("link")), 0);
    make("link", "precious");
    assert_int_equal(outfile_replace(&f, "it", 2, false, NULL), -1);
    assert_text("link", "precious");
}

static void assert_refused(const char *name)
{
    struct error e = {0};

    assert_int_equal(replace(name, &e), -1);
    assert_int_equal(e.kind, ERROR_REFUSED);
    assert_non_null(strstr(e.text, "another user"));
}

static void what_others_laid_into_a_shared_folder_is_refused(void **state)
{
    (void)state;
    if (geteuid() != 0)
        skip();
    make("file", "precious");
    assert_int_equal(symlink(in_folder("file"), in_folder("link")), 0);
    assert_int_equal(symlink("link", in_folder("second")), 0);
    assert_int_equal(lchown(in_folder("link"), NOBODY, NOBODY), 0);
    assert_refused("link");
    assert_refused("second"); /* one's own link to it */
    assert_text("file", "precious");
    assert_int_equal(mkfifo(in_folder("pipe"), 0666), 0);
    assert_int_equal(lchown(in_folder("pipe"), NOBODY, NOBODY), 0);
    assert_refused("pipe");
    /* a folder that is not everybody's, and one that belongs to who laid it there */
    assert_int_equal(chmod(folder, 0755), 0);
    assert_int_equal(replace("link", NULL), 0);
    assert_int_equal(chmod(folder, 01777), 0);
    assert_int_equal(chown(folder, NOBODY, NOBODY), 0);
    assert_int_equal(replace("link", NULL), 0);
    assert_int_equal(chown(folder, 0, 0), 0);
    assert_text("file", "it");
}

static void names_of_any_length(void **state)
{
    char path[PATH_MAX + 10];
    struct outfile f;

    (void)state;
    memset(path, 'x', sizeof path - 1);
    path[sizeof path - 1] = '\0';
    assert_int_equal(outfile_resolve(&f, path, NULL), -1);
    path[PATH_MAX - 1] = '\0'; /* no room for the temporary name */
    assert_int_equal(outfile_resolve(&f, path, NULL), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(links_stay_and_what_they_lead_to_is_written, clear),
        cmocka_unit_test_teardown(what_a_link_leads_to_is_made, clear),
        cmocka_unit_test_teardown(links_in_a_circle_end_in_an_error, clear),
        cmocka_unit_test_teardown(devices_are_written_by_the_name_that_was_given, clear),
        cmocka_unit_test_teardown(what_others_laid_into_a_shared_folder_is_refused, clear),
        cmocka_unit_test_teardown(names_of_any_length, clear),
    };

    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
