// SPDX-License-Identifier: Apache-2.0
#include "src/host/symbols/binaries.h"

#include "tests/unit/fixture.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define NAME_SIZE 512

/* A copy of this program, which has symbols. */
static void copy_to(const char *path)
{
    FILE *from = fopen("/proc/self/exe", "rbe"), *to = fopen(path, "wbe");
    char bytes[65536];
    size_t got;

    assert_non_null(from);
    assert_non_null(to);
    while ((got = fread(bytes, 1, sizeof(bytes), from)) > 0)
        assert_int_equal(fwrite(bytes, 1, got, to), got);
    fclose(from);
    assert_int_equal(fclose(to), 0);
}

static struct modfile open_file(const char *path)
{
    struct modfile_request request = {.path = path};
    struct modfile file;

    modfile_open(&file, &request);
    assert_true(file.fd >= 0);
    return file;
}

static struct binary *binary_of(const char *path, bool read)
{
    const struct debugfile_places places = {"", false, false};
    const struct buildid none = {.size = 0};
    struct modfile file = open_file(path);
    struct binary *b = binary_new(&file, path, &none);
    struct demangler *d = demangler_new(false);
    struct symbol_line line;

    assert_non_null(b);
    assert_non_null(d);
    if (read)
        binary_lookup(b, &places, d, 1, 1, &line, 1);
    demangler_free(d);
    return b;
}

static struct binary *take(struct binaries *all, const char *path)
{
    const struct buildid none = {.size = 0};
    struct modfile file = open_file(path);
    struct binary *b = binaries_take(all, &file, &none);

    modfile_release(&file);
    return b;
}

static void test_lent_to_one(void **state)
{
    struct fixture *f = *state;
    struct binaries all;
    struct binary *b;
    char path[NAME_SIZE];

    snprintf(path, sizeof(path), "%s/program", f->folder);
    copy_to(path);
    binaries_init(&all);
    assert_null(take(&all, path));
    binaries_give(&all, binary_of(path, false));
    assert_null(take(&all, path)); /* nothing was read of it */
    b = binary_of(path, true);
    binaries_give(&all, b);
    assert_int_equal(all.bytes, binary_bytes(b));
    assert_true(all.bytes > 0);
    assert_ptr_equal(take(&all, path), b);
    assert_int_equal(all.bytes, 0);
    assert_null(take(&all, path));
    binaries_give(&all, b);
    binaries_release(&all);
}

static void test_changed(void **state)
{
    struct fixture *f = *state;
    struct binaries all;
    struct binary *b;
    char path[NAME_SIZE];
    int fd;

    snprintf(path, sizeof(path), "%s/program", f->folder);
    copy_to(path);
    binaries_init(&all);
    b = binary_of(path, true);
    fd = open(path, O_WRONLY | O_APPEND | O_CLOEXEC);
    assert_int_equal(write(fd, "more", 4), 4);
    close(fd);
    binaries_give(&all, b);
    assert_int_equal(all.count, 0); /* changed before */
    binaries_give(&all, binary_of(path, true));
    assert_int_equal(all.count, 1);
    fd = open(path, O_WRONLY | O_APPEND | O_CLOEXEC);
    assert_int_equal(write(fd, "more", 4), 4);
    close(fd);
    assert_null(take(&all, path)); /* and after it was given back */
    assert_int_equal(unlink(path), 0);
    copy_to(path);
    assert_null(take(&all, path));
    binaries_release(&all);
}

/* The debug file of one that is kept may be written to. */
static void test_debug_file_that_grows(void **state)
{
    struct fixture *f = *state;
    struct binaries all;
    struct binary *b;
    char path[NAME_SIZE], debug[NAME_SIZE];
    uint64_t alone;

    snprintf(path, sizeof(path), "%s/program", f->folder);
    snprintf(debug, sizeof(debug), "%s/program.debug", f->folder);
    copy_to(path);
    fixture_run(f, "objcopy --only-keep-debug program program.debug && strip -s program && "
                   "objcopy --add-gnu-debuglink=program.debug program");
    binaries_init(&all);
    b = binary_of(path, false);
    alone = binary_bytes(b);
    binary_free(b);
    b = binary_of(path, true);
    binaries_give(&all, b);
    assert_true(all.bytes > alone); /* it was found */
    assert_int_equal(truncate(debug, 64 << 20), 0);
    assert_ptr_equal(take(&all, path), b);
    assert_int_equal(all.bytes, 0);
    binary_free(b);
    binaries_release(&all);
}

static void test_bound(void **state)
{
    struct fixture *f = *state;
    struct binaries all;
    struct binary *last = NULL;
    char path[NAME_SIZE];

    binaries_init(&all);
    for (unsigned i = 0; i <= BINARIES_MAX; i++) {
        snprintf(path, sizeof(path), "%s/program%u", f->folder, i);
        copy_to(path);
        binaries_give(&all, last = binary_of(path, true));
    }
    assert_int_equal(all.count, BINARIES_MAX);
    assert_ptr_equal(take(&all, path), last);
    binaries_give(&all, last);
    snprintf(path, sizeof(path), "%s/program0", f->folder);
    assert_null(take(&all, path)); /* given back first */
    binaries_release(&all);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_lent_to_one, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_changed, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_debug_file_that_grows, fixture_setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(test_bound, fixture_setup, fixture_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
