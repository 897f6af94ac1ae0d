// SPDX-License-Identifier: Apache-2.0
#include "src/host/symbols/modfile.h"

#include "tests/unit/fixture.h"

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static const char sleeper[] = "#include <unistd.h>\n"
                              "int main(void) { write(1, \"\", 1); pause(); return 0; }\n";

/* A child that runs a program of the folder and has reached its main. */
static pid_t start(struct fixture *f, const char *name)
{
    int ready[2];
    char byte;
    pid_t pid;

    assert_int_equal(pipe(ready), 0);
    pid = fork();
    assert_true(pid >= 0);
    if (!pid) {
        dup2(ready[1], 1);
        execl(fixture_path(f, name), name, (char *)NULL);
        _exit(127);
    }
    close(ready[1]);
    assert_int_equal(read(ready[0], &byte, 1), 1);
    close(ready[0]);
    return pid;
}

static void stop(pid_t pid)
{
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
}

static struct buildid id_of(struct fixture *f, const char *name)
{
    struct buildid id;
    int fd = open(fixture_path(f, name), O_RDONLY | O_CLOEXEC);

    assert_int_equal(buildid_read(&id, fd), 0);
    close(fd);
    return id;
}

static void build(struct fixture *f)
{
    fixture_write(f, "a.c", sleeper);
    fixture_run(f, "$CC -Wl,--build-id=0x0123456789abcdef a.c -o a && "
                   "$CC -Wl,--build-id=0x1111111111111111 a.c -o b && "
                   "$CC -Wl,--build-id=none a.c -o none");
}

static void the_build_id_is_read(void **state)
{
    static const uint8_t expected[] = {0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef};
    struct buildid id;

    build(*state);
    id = id_of(*state, "a");
    assert_int_equal(id.size, sizeof expected);
    assert_memory_equal(id.bytes, expected, sizeof expected);
    id = id_of(*state, "none");
    assert_int_equal(id.size, 0);
}

static void what_is_no_elf_file_has_no_id(void **state)
{
    struct buildid id;
    int fd = open(".", O_RDONLY | O_CLOEXEC);

    assert_int_equal(buildid_read(&id, fd), -1);
    close(fd);
    fixture_write(*state, "text",
                  "\177ELF but nothing else, and more than a header's worth of it ...");
    fd = open(fixture_path(*state, "text"), O_RDONLY | O_CLOEXEC);
    assert_int_equal(buildid_read(&id, fd), -1);
    close(fd);
}

static void a_file_is_taken_by_its_id(void **state)
{
    struct modfile_request r = {.pid = 0};
    struct modfile f;
    char path[256];

    build(*state);
    snprintf(path, sizeof path, "%s", fixture_path(*state, "a"));
    r.path = path;
    r.id = id_of(*state, "a");
    modfile_open(&f, &r);
    assert_true(f.fd >= 0);
    assert_false(f.replaced);
    assert_false(modfile_changed(&f));
    modfile_release(&f);

    r.id = id_of(*state, "b");
    modfile_open(&f, &r);
    assert_int_equal(f.fd, -1);
    assert_true(f.replaced);

    r.path = "/no/such/file";
    modfile_open(&f, &r);
    assert_int_equal(f.fd, -1);
    assert_false(f.replaced);
}

static void a_running_program_is_found_after_its_file_is_gone(void **state)
{
    struct fixture *fixture = *state;
    static const char *const names[] = {"a", "none"};

    build(fixture);
    for (size_t i = 0; i < 2; i++) {
        struct modfile_request r = {.id = id_of(fixture, names[i]), .end = UINT64_MAX};
        char path[256];
        struct stat st;
        struct modfile f;

        snprintf(path, sizeof path, "%s", fixture_path(fixture, names[i]));
        assert_int_equal(stat(path, &st), 0);
        r.path = path;
        r.pid = start(fixture, names[i]);
        /* replaced by another build: by ID or by the kernel's word this is noticed */
        assert_int_equal(unlink(path), 0);
        fixture_run(fixture, "cp b %s", names[i]);
        modfile_open(&f, &r);
        assert_true(f.replaced);
        assert_true(f.fd >= 0);
        assert_int_equal(f.st.st_ino, st.st_ino);
        modfile_release(&f);
        /* gone altogether, and named as the loader names an executable */
        assert_int_equal(unlink(path), 0);
        r.path = "";
        modfile_open(&f, &r);
        assert_false(f.replaced);
        assert_int_equal(f.st.st_ino, st.st_ino);
        modfile_release(&f);
        stop(r.pid);
    }
}

static void a_change_in_place_is_seen(void **state)
{
    struct modfile_request r = {.pid = 0};
    struct modfile f;
    char path[256];
    int fd;

    build(*state);
    snprintf(path, sizeof path, "%s", fixture_path(*state, "a"));
    r.path = path;
    modfile_open(&f, &r);
    assert_false(modfile_changed(&f));
    fd = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC);
    assert_true(fd >= 0);
    close(fd);
    assert_true(modfile_changed(&f));
    modfile_release(&f);
}

static void the_sysroot_comes_first(void **state)
{
    struct fixture *fixture = *state;
    struct modfile_request r = {.path = "/lib/a"};
    struct modfile f;

    build(fixture);
    fixture_run(fixture, "mkdir -p root/lib && cp a root/lib");
    r.id = id_of(fixture, "a");
    r.sysroot = fixture_path(fixture, "root");
    modfile_open(&f, &r);
    assert_true(f.fd >= 0);
    modfile_release(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_build_id_is_read, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(what_is_no_elf_file_has_no_id, fixture_setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(a_file_is_taken_by_its_id, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(a_running_program_is_found_after_its_file_is_gone,
                                        fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(a_change_in_place_is_seen, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(the_sysroot_comes_first, fixture_setup, fixture_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
