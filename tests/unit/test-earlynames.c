// SPDX-License-Identifier: Apache-2.0
/* What frames are named from is read before anyone asks, and forgotten where the file changed. */
#include "src/host/symbols/earlynames.h"

#include "src/shared/record.h"
#include "src/shared/stacktrie.h"
#include "tests/unit/segment-maker.h"

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define BASE UINT64_C(0x10000000) /* where the file is said to be mapped */

static struct segment segment;
static struct symbolizer *symbolizer;
static struct earlynames names;
static char path[64];
static uint64_t inside; /* the address of a function of this program, in its file */

/* Something to be found: not inlined, and known by name. */
int function_to_name(int x);
int function_to_name(int x)
{
    return x * 3 + 1;
}

/* Where this program begins: its functions' addresses less this are those of its file. */
extern const char __executable_start[]; /* the linker's */

static void copy_self(void)
{
    char bytes[65536];
    int from = open("/proc/self/exe", O_RDONLY), to;
    ssize_t count;

    snprintf(path, sizeof(path), "/tmp/memprof-test-XXXXXX");
    to = mkstemp(path);
    assert_true(from >= 0 && to >= 0);
    while ((count = read(from, bytes, sizeof(bytes))) > 0)
        assert_int_equal(write(to, bytes, (size_t)count), count);
    close(from);
    close(to);
}

static void add_module(void)
{
    struct profile_module module = {.start = BASE, .end = BASE + (UINT64_C(1) << 26), .bias = BASE};

    assert_int_equal(symbolizer_add_module(symbolizer, &module, path, 0, NULL), 0);
    assert_int_equal(module.flags, 0);
}

static int set_up(void **state)
{
    struct segment_settings settings = {0};
    struct symbolizer_options options = {0};

    (void)state;
    inside = (uint64_t)(uintptr_t)function_to_name - (uint64_t)(uintptr_t)__executable_start;
    if (make_segment(&segment, 6, &settings) != 0)
        return -1;
    symbolizer = symbolizer_new(&options, NULL);
    if (!symbolizer)
        return -1;
    copy_self();
    add_module();
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    earlynames_end(&names);
    symbolizer_free(symbolizer);
    unlink(path);
    return drop_segment(&segment);
}

/* A stack of so many frames, all in the function. */
static void add_nodes(uint32_t count)
{
    uint32_t node = STACK_ROOT_WHOLE;

    for (uint32_t i = 0; i < count; i++)
        node = stacktrie_child(&segment, node, BASE + inside + 2);
    assert_int_not_equal(node, STACK_ROOT_WHOLE);
}

static bool is_mapped(void)
{
    FILE *maps = fopen("/proc/self/maps", "r");
    char line[512];
    bool found = false;

    assert_non_null(maps);
    while (!found && fgets(line, sizeof(line), maps))
        found = strstr(line, path) != NULL;
    fclose(maps);
    return found;
}

/* Until the file was read; a thread that never comes to it ends the test. */
static void wait_until_read(void)
{
    alarm(120);
    while (!is_mapped())
        usleep(1000);
    alarm(0);
}

static const char *look(void)
{
    struct symbol_line lines[4];

    assert_true(symbolizer_lookup(symbolizer, 0, BASE + inside + 2, lines, 4) >= 1);
    return lines[0].function;
}

static void read_while_it_runs(void **unused)
{
    (void)unused;
    add_nodes(3);
    earlynames_init(&names, &segment, symbolizer, true);
    assert_false(is_mapped());
    /* those were there before: somebody else's */
    add_nodes(1);
    stacktrie_child(&segment, STACK_ROOT_WHOLE, BASE + inside + 3);
    earlynames_watch(&names);
    earlynames_watch(&names);
    assert_false(names.running);
    earlynames_watch(&names);
    assert_true(names.running);
    wait_until_read();
    earlynames_end(&names);
    assert_string_equal(look(), "function_to_name");
}

static void read_at_the_end(void **unused)
{
    (void)unused;
    earlynames_init(&names, &segment, symbolizer, true);
    add_nodes(1000);
    earlynames_hurry(&names);
    assert_true(names.running);
    wait_until_read();
    earlynames_end(&names);
    earlynames_end(&names);
    assert_string_equal(look(), "function_to_name");
}

/* A few nodes are not worth a thread, and who wants none has none. */
static void nothing_to_do(void **unused)
{
    (void)unused;
    earlynames_init(&names, &segment, symbolizer, true);
    add_nodes(10);
    earlynames_hurry(&names);
    assert_false(names.running);
    earlynames_end(&names);
    earlynames_init(&names, &segment, symbolizer, false);
    for (int i = 0; i < 5; i++)
        earlynames_watch(&names);
    add_nodes(2000);
    earlynames_hurry(&names);
    assert_false(names.running);
    earlynames_end(&names);
    assert_false(is_mapped());
    assert_string_equal(look(), "function_to_name");
}

/* What stands in the file now is not what the program ran. */
static void changed_meanwhile(void **unused)
{
    (void)unused;
    earlynames_init(&names, &segment, symbolizer, true);
    add_nodes(1000);
    earlynames_hurry(&names);
    wait_until_read();
    pthread_join(names.thread, NULL); /* it has read all there is */
    names.running = false;
    assert_int_equal(truncate(path, 100), 0);
    earlynames_end(&names);
    assert_false(is_mapped());
    assert_string_equal(look(), "");
}

/* A file that is cut while it is read ends nothing, and gives no names. */
static void cut_while_read(void **unused)
{
    sigset_t all, before;

    (void)unused;
    sigfillset(&all); /* as in the thread */
    pthread_sigmask(SIG_SETMASK, &all, &before);
    symbolizer_prepare(symbolizer, BASE + 2); /* opened; of functions nothing is read */
    assert_true(is_mapped());
    assert_int_equal(truncate(path, 100), 0);
    symbolizer_prepare(symbolizer, BASE + inside + 2);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    symbolizer_forget_changed(symbolizer);
    assert_false(is_mapped());
    assert_string_equal(look(), "");
}

/* Modules may come while frames are prepared. */
static void modules_come_meanwhile(void **unused)
{
    (void)unused;
    earlynames_init(&names, &segment, symbolizer, true);
    add_nodes(1000);
    earlynames_hurry(&names);
    for (int i = 1; i < 200; i++) {
        uint64_t start = BASE + ((uint64_t)i << 26);
        struct profile_module module = {.start = start, .end = start + 4096, .bias = start};

        assert_int_equal(symbolizer_add_module(symbolizer, &module, path, 0, NULL), i);
    }
    earlynames_end(&names);
    assert_string_equal(look(), "function_to_name");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        /* first: cmocka handles SIGBUS itself, anew in each test */
        cmocka_unit_test_setup_teardown(cut_while_read, set_up, tear_down),
        cmocka_unit_test_setup_teardown(read_while_it_runs, set_up, tear_down),
        cmocka_unit_test_setup_teardown(read_at_the_end, set_up, tear_down),
        cmocka_unit_test_setup_teardown(nothing_to_do, set_up, tear_down),
        cmocka_unit_test_setup_teardown(changed_meanwhile, set_up, tear_down),
        cmocka_unit_test_setup_teardown(modules_come_meanwhile, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
