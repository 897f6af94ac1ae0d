// SPDX-License-Identifier: Apache-2.0
/* This process seen from outside. */
#include "src/host/attach/remote.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static uint64_t address_of(const void *p)
{
    return (uint64_t)(uintptr_t)p;
}

static void modules_and_symbols_lie_where_they_are(void **state)
{
    const struct remote_module *libc, *loader;
    uint64_t address = 0, size = 0;
    struct remote r;

    (void)state;
    assert_int_equal(remote_open(&r, getpid(), NULL), 0);
    libc = remote_with(&r, "__libc_start_main");
    loader = remote_with(&r, "_rtld_global");
    assert_non_null(libc);
    assert_non_null(loader);
    assert_ptr_not_equal(libc, loader);
    assert_true(remote_symbol(libc, "lfind", &address, &size));
    assert_int_equal(address, address_of(dlsym(RTLD_DEFAULT, "lfind")));
    assert_true(size > 0);
    assert_ptr_equal(remote_at(&r, address), libc);
    assert_true(remote_symbol(libc, "environ", &address, &size));
    assert_int_equal(size, sizeof(environ));
    assert_false(remote_symbol(libc, "no_such_symbol", &address, &size));
    assert_null(remote_with(&r, "no_such_symbol"));
    assert_null(remote_at(&r, address_of(&r)));
    remote_release(&r);
}

/* A default version goes before an older one of the same name. */
static void the_default_version_is_found(void **state)
{
    uint64_t address = 0, size;
    struct remote r;

    (void)state;
    assert_int_equal(remote_open(&r, getpid(), NULL), 0);
    assert_true(
        remote_symbol(remote_with(&r, "__libc_start_main"), "pthread_cond_wait", &address, &size));
    assert_int_equal(address, address_of(dlsym(RTLD_DEFAULT, "pthread_cond_wait")));
    remote_release(&r);
}

static void memory_is_read_and_written(void **state)
{
    char text[] = "abcdef", got[7] = "";

    (void)state;
    assert_true(remote_read(getpid(), address_of(text), got, sizeof(got)));
    assert_string_equal(got, text);
    assert_true(remote_write(getpid(), address_of(text + 2), "XY", 2));
    assert_string_equal(text, "abXYef");
    assert_false(remote_read(getpid(), 16, got, sizeof(got)));
    assert_false(remote_write(getpid(), 16, got, sizeof(got)));
}

static const struct remote_module *module_of(const struct remote *r, const char *path)
{
    for (uint32_t i = 0; i < r->count; i++)
        if (strcmp(r->modules[i].path, path) == 0)
            return &r->modules[i];
    return NULL;
}

/* Map the first page of a copy of this program; its path. */
static char *map_copy(void **page)
{
    static char path[] = "/tmp/memprof-test-remote-XXXXXX";
    static char buffer[65536];
    int from = open("/proc/self/exe", O_RDONLY), to = mkstemp(path);
    ssize_t got;

    assert_true(from >= 0 && to >= 0);
    while ((got = read(from, buffer, sizeof(buffer))) > 0)
        assert_int_equal(write(to, buffer, (size_t)got), got);
    *page = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, to, 0);
    assert_ptr_not_equal(*page, MAP_FAILED);
    close(from);
    close(to);
    return path;
}

/* As root it can be opened in any case, else where it was open before. */
static void a_file_that_is_gone_is_the_one_that_was_open(void **state)
{
    const struct remote_module *m;
    struct remote r, again;
    uint64_t bias;
    void *page;
    char *path = map_copy(&page);

    (void)state;
    assert_int_equal(remote_open(&r, getpid(), NULL), 0);
    m = module_of(&r, path);
    assert_true(m && m->elf && !m->replaced);
    bias = m->bias;
    assert_int_equal(unlink(path), 0);
    assert_int_equal(mkfifo(path, 0600), 0); /* which nobody writes to */
    alarm(60);
    assert_int_equal(remote_open_again(&again, getpid(), &r, NULL), 0);
    alarm(0);
    assert_int_equal(unlink(path), 0);
    remote_release(&r);
    m = module_of(&again, path);
    assert_true(m && m->elf && m->replaced);
    assert_int_equal(m->bias, bias);
    assert_null(module_of(&again, "/nowhere"));
    remote_release(&again);
    munmap(page, 4096);
}

static void no_process_is_an_error(void **state)
{
    pid_t pid = fork();
    struct error e = {0};
    struct remote r;

    (void)state;
    if (pid == 0)
        _exit(0);
    waitpid(pid, NULL, 0);
    assert_int_equal(remote_open(&r, pid, &e), -1);
    assert_int_equal(e.kind, ERROR_INPUT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(modules_and_symbols_lie_where_they_are),
        cmocka_unit_test(the_default_version_is_found),
        cmocka_unit_test(memory_is_read_and_written),
        cmocka_unit_test(a_file_that_is_gone_is_the_one_that_was_open),
        cmocka_unit_test(no_process_is_an_error),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
