/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Searches for leaks that the program asks for, and what it says of its memory, by
 * memprof.h and by LeakSanitizer's functions, which it has if somebody brings them.
 *
 *   leak-asked            run under memprof
 *   leak-asked bare       not
 *   leak-asked threads    eight threads ask at once while others allocate
 *
 * It says `failed=0` and, on lines before, which expectation was not met; and what is
 * lost at its end.
 */
#include "memprof.h"

#include "tests/targets/threads.h"

#include <sys/mman.h>

#define WEAK __attribute__((weak))

WEAK void __lsan_ignore_object(const void *object);
WEAK void __lsan_disable(void);
WEAK void __lsan_enable(void);
WEAK void __lsan_register_root_region(const void *start, size_t size);
WEAK void __lsan_unregister_root_region(const void *start, size_t size);
WEAK void __lsan_do_leak_check(void);
WEAK int __lsan_do_recoverable_leak_check(void);
const char *__lsan_default_suppressions(void);

static int failed;
static uintptr_t hidden[64]; /* addresses, disguised */
static unsigned hidden_count;

/* With a frame of its own: a line that was not written would keep what lay there before. */
NOINLINE static void expect(const char *what, long long got, long long wanted)
{
    char line[200];

    if (got == wanted)
        return;
    failed++;
    put(line,
        (size_t)snprintf(line, sizeof line, "not met: %s: %lld, not %lld\n", what, got, wanted));
}

/* No pointer to the block stays anywhere. */
NOINLINE static void hide(void *block)
{
    hidden[hidden_count++] = ~(uintptr_t)block;
}

static void *shown(unsigned i)
{
    return (void *)~hidden[i];
}

NOINLINE static void make_hidden(size_t size)
{
    hide(malloc(size));
}

/* Suppressed by __lsan_default_suppressions. */
NOINLINE static void make_known_leak(void)
{
    hide(malloc(4096));
}

NOINLINE static void wipe_stack(void)
{
    char room[8192];

    memset(room, 0, sizeof room);
    KEEP(room);
}

/* What is lost now, less what was before. */
static void expect_lost(const char *what, size_t bytes, size_t blocks)
{
    size_t now_bytes = 1, now_blocks = 1;

    wipe_stack();
    expect(what, memprof_leak_check(&now_bytes, &now_blocks), 0);
    expect(what, (long long)now_bytes, (long long)bytes);
    expect(what, (long long)now_blocks, (long long)blocks);
}

NOINLINE static void point_to_hidden(void **place, unsigned i)
{
    *place = shown(i);
}

NOINLINE static void free_hidden(unsigned i)
{
    free(shown(i));
}

NOINLINE static void ignore_hidden(unsigned i)
{
    __lsan_ignore_object(shown(i));
}

NOINLINE static void region_in_hidden(unsigned i, int (*name)(const void *, size_t))
{
    expect("a region", name(shown(i), sizeof(void *)), 0);
}

static int add_root(const void *start, size_t size)
{
    return memprof_root_region(start, size);
}

static int remove_root(const void *start, size_t size)
{
    (void)size;
    return memprof_root_region_remove(start);
}

static int add_lsan_root(const void *start, size_t size)
{
    __lsan_register_root_region(start, size);
    return 0;
}

static int remove_lsan_root(const void *start, size_t size)
{
    __lsan_unregister_root_region(start, size);
    return 0;
}

NOINLINE static void link_hidden(unsigned from, unsigned to)
{
    *(void **)shown(from) = shown(to);
}

static void *table[4];

/* What calls leave behind in registers that they need not preserve holds nothing. */
NOINLINE static void check_with_stale_registers(unsigned i, size_t *bytes, size_t *blocks)
{
#if defined(__x86_64__)
    void *block = shown(i);

    __asm__ volatile("movq %0, %%xmm14\n\tmovq %0, %%xmm5\n\tmovq %0, %%r11\n\txorl %k0, %k0"
                     : "+r"(block)
                     :
                     : "xmm14", "xmm5", "r11");
#else
    (void)i;
#endif
    expect("stale registers", memprof_leak_check(bytes, blocks), 0);
}

/* What the caller still has is no such thing: on its stack, and in the registers that are kept. */
NOINLINE static void check_with_own_block(unsigned i, size_t *bytes, size_t *blocks)
{
    void *volatile own = shown(i);

    wipe_stack();
    expect("own block", memprof_leak_check(bytes, blocks), 0);
    KEEP(own);
}

static void from_its_caller_on(void)
{
    size_t bytes = 0, blocks = 0;

    make_hidden(200);
    wipe_stack();
    check_with_stale_registers(hidden_count - 1, &bytes, &blocks);
    expect("registers that calls do not preserve", (long long)bytes, 200);
    check_with_own_block(hidden_count - 1, &bytes, &blocks);
    expect("a variable of the caller's", (long long)bytes, 0);
    free_hidden(hidden_count - 1);
    hidden_count--;
}

static void under_memprof(void)
{
    from_its_caller_on();
    expect_lost("nothing", 0, 0);
    make_hidden(100);
    make_hidden(60);
    expect_lost("two blocks", 160, 2);
    point_to_hidden(&table[0], 0);
    expect_lost("one is held", 60, 1);
    expect("weak_region", memprof_weak_region(table, sizeof table), 0);
    expect_lost("held by a weak region only", 60, 1);
    expect("weak_region_remove", memprof_weak_region_remove(table), 0);
    table[0] = NULL;
    link_hidden(0, 1);
    expect_lost("one holds the other", 160, 2);
    region_in_hidden(0, add_root);
    expect_lost("a root in a lost block", 100, 1);
    region_in_hidden(0, remove_root);
    expect_lost("no root any more", 160, 2);
    free_hidden(0);
    free_hidden(1);
    expect_lost("nothing again", 0, 0);
}

static void as_for_leaksanitizer(void)
{
    expect("__lsan_ignore_object", __lsan_ignore_object != NULL, 1);
    expect("__lsan_do_leak_check", __lsan_do_leak_check != NULL, 1);
    expect("nothing", __lsan_do_recoverable_leak_check(), 0);
    make_hidden(30);
    wipe_stack();
    expect("something", __lsan_do_recoverable_leak_check(), 1);
    __lsan_do_leak_check(); /* does not end the program */
    ignore_hidden(2);
    expect_lost("ignored", 0, 0);
    __lsan_disable();
    __lsan_disable();
    make_hidden(31);
    __lsan_enable();
    make_hidden(32);
    __lsan_enable();
    make_hidden(33);
    expect_lost("disabled", 33, 1);
    make_hidden(40);
    link_hidden(5, 6);
    region_in_hidden(5, add_lsan_root);
    expect_lost("a root", 33, 1);
    region_in_hidden(5, remove_lsan_root);
    expect_lost("no root", 73, 2);
}

static void bare(void)
{
    size_t bytes = 1, blocks = 1;

    expect("leak_check", memprof_leak_check(&bytes, &blocks), -1);
    expect("numbers", bytes == 0 && blocks == 0, 1);
    expect("no LeakSanitizer", __lsan_ignore_object == NULL && !__lsan_do_leak_check, 1);
}

static void *ask_often(void *unused)
{
    size_t bytes, blocks;

    for (int i = 0; i < 5; i++) {
        expect("leak_check", memprof_leak_check(&bytes, &blocks), 0);
        expect("a thread's numbers", blocks <= 9, 1);
    }
    return unused;
}

static volatile int done;

static void *allocate(void *unused)
{
    while (!done)
        free(malloc(100));
    return unused;
}

static void threads(void)
{
    pthread_t asking[8], allocating[2];

    for (int i = 0; i < 2; i++)
        allocating[i] = start(allocate, NULL);
    for (int i = 0; i < 8; i++)
        asking[i] = start(ask_often, NULL);
    for (int i = 0; i < 8; i++)
        pthread_join(asking[i], NULL);
    done = 1;
    for (int i = 0; i < 2; i++)
        pthread_join(allocating[i], NULL);
}

const char *__lsan_default_suppressions(void)
{
    return "# those that are known\nleak:make_known_leak\n";
}

int main(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "bare") == 0) {
        bare();
    } else if (argc > 1) {
        threads();
    } else {
        under_memprof();
        as_for_leaksanitizer();
        make_known_leak();
        say("definite_bytes", 33);
        say("indirect_bytes", 40);
        say("suppressed_bytes", 4096);
    }
    say("failed", failed);
    return 0;
}
