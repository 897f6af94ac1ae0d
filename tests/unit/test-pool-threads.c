/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Blocks freed by other threads, threads that come and go, fork among them.  Also
 * built and run under ThreadSanitizer, by tests/pool-race.sh: there every thread says
 * that it leaves, since that one was ended by the kernel is an order which the sanitizer
 * does not see.
 */
#include "src/shared/block.h"
#include "src/shared/census.h"
#include "src/shared/poolcheck.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#if defined(__SANITIZE_THREAD__)
#define RACES 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define RACES 1
#endif
#endif
#ifndef RACES
#define RACES 0
#endif

#define PLACES 4096u
#define STEPS (RACES ? 100000u : 400000u)

/* Whoever puts a block into a place frees what was there. */
static _Atomic(unsigned char *) places[PLACES];
static _Atomic uint32_t stop, broken;

static uint64_t random_next(uint64_t *x)
{
    *x ^= *x << 13;
    *x ^= *x >> 7;
    *x ^= *x << 17;
    return *x;
}

/* A block says its size in its first two bytes and bears their sum to its end. */
static unsigned char *block_make(size_t size)
{
    unsigned char *b = block_alloc(size);

    if (!b)
        return NULL;
    b[0] = (unsigned char)size;
    b[1] = (unsigned char)(size >> 8);
    memset(b + 2, b[0] + b[1], size - 2);
    return b;
}

static void block_end(unsigned char *b)
{
    size_t size = b[0] | (size_t)b[1] << 8;

    for (size_t i = 2; i < size; i++)
        if (b[i] != (unsigned char)(b[0] + b[1]))
            atomic_fetch_add(&broken, 1);
    if (block_size(b) < size || !block_free(b))
        atomic_fetch_add(&broken, 1);
}

static void swap_one(uint64_t r)
{
    unsigned char *b = r % 8 ? block_make(2 + (r >> 20) % (BLOCK_LARGEST - 1)) : NULL;

    if (r % 8 && !b)
        atomic_fetch_add(&broken, 1);
    /* acq_rel: the block's bytes, both ways */
    b = atomic_exchange_explicit(&places[(r >> 8) % PLACES], b, memory_order_acq_rel);
    if (b)
        block_end(b);
}

static void empty_places(void)
{
    for (uint32_t i = 0; i < PLACES; i++) {
        unsigned char *b = atomic_exchange(&places[i], NULL);

        if (b)
            block_end(b);
    }
}

static void leave(uint64_t seed)
{
    if (RACES || seed % 2)
        owner_leave();
}

static void *swap_many(void *seed)
{
    uint64_t x = (uintptr_t)seed;

    for (uint32_t i = 0; i < STEPS && !atomic_load(&stop); i++)
        swap_one(random_next(&x));
    leave((uintptr_t)seed);
    return NULL;
}

static size_t owners(void)
{
    size_t count = 0;

    for (struct owner *o = owner_walk(NULL); o; o = owner_walk(o))
        count++;
    return count;
}

/* No thread but this one is left: everything was freed and everything goes back. */
static void assert_all_back(void)
{
    struct arena_totals totals;
    struct poolcheck found;

    owner_take();
    /* a thread may be joined a moment before the kernel says that it is gone */
    for (int i = 0; i < 1000; i++) {
        block_trim();
        arena_totals(&totals);
        if (totals.mapped == 0)
            break;
        usleep(1000);
    }
    poolcheck_all(&found);
    if (found.wrong)
        fail_msg("%s (%p)", found.wrong, found.where);
    assert_int_equal(found.blocks, 0);
    assert_int_equal(totals.mapped, 0);
    assert_int_equal(atomic_load(&broken), 0);
}

static void blocks_are_freed_by_any_thread(void **state)
{
    pthread_t threads[4];

    (void)state;
    for (uintptr_t round = 0; round < 3; round++) {
        for (uintptr_t i = 0; i < 4; i++)
            pthread_create(&threads[i], NULL, swap_many, (void *)(round * 4 + i + 1));
        for (int i = 0; i < 4; i++)
            pthread_join(threads[i], NULL);
    }
    empty_places();
    assert_all_back();
}

/* ------------------------------------------------- producer, consumer -- */

#define QUEUE 1024u
static _Atomic(unsigned char *) queue[QUEUE];

static void *consume(void *count)
{
    for (uintptr_t i = 0; i < (uintptr_t)count; i++) {
        unsigned char *b;

        while (!(b = atomic_exchange_explicit(&queue[i % QUEUE], NULL, memory_order_acq_rel)))
            sched_yield();
        block_end(b);
    }
    leave(1);
    return NULL;
}

/* What comes back is used again: the producer needs few arenas however long it goes on. */
static void what_comes_back_is_used_again(void **state)
{
    uintptr_t count = RACES ? 100000 : 1000000;
    struct arena_totals totals;
    pthread_t consumer;

    (void)state;
    pthread_create(&consumer, NULL, consume, (void *)count);
    for (uintptr_t i = 0; i < count; i++) {
        unsigned char *b = block_make(2 + i % 62);

        while (atomic_load_explicit(&queue[i % QUEUE], memory_order_acquire))
            sched_yield();
        atomic_store_explicit(&queue[i % QUEUE], b, memory_order_release);
    }
    pthread_join(consumer, NULL);
    arena_totals(&totals);
    assert_true(totals.mapped <= 4);
    assert_all_back();
}

/* ------------------------------------------------- threads that ended -- */

static void *take_some(void *out)
{
    unsigned char **blocks = out;

    for (int i = 0; i < 200; i++)
        blocks[i] = block_make(2 + (size_t)i);
    leave(1);
    return NULL;
}

/* The next thread gets the owner of the last, blocks in use and all. */
static void owners_are_taken_again(void **state)
{
    static unsigned char *blocks[300][200];
    size_t before = owners();

    (void)state;
    for (int i = 0; i < 300; i++) {
        pthread_t thread;

        pthread_create(&thread, NULL, take_some, blocks[i]);
        pthread_join(thread, NULL);
    }
    assert_true(owners() - before < 100);
    for (int i = 0; i < 300; i++)
        for (int k = 0; k < 200; k++)
            block_end(blocks[i][k]);
    assert_all_back();
}

#if !RACES
static void *take_some_and_just_end(void *out)
{
    unsigned char **blocks = out;

    for (int i = 0; i < 20000; i++)
        blocks[i] = block_make(BLOCK_LARGEST);
    return NULL;
}

/* A thread ended without a word; another that needs arenas uses what it left. */
static void arenas_are_inherited(void **state)
{
    static unsigned char *blocks[20000], *more[20000];
    struct arena_totals before, after;
    pthread_t thread;

    (void)state;
    pthread_create(&thread, NULL, take_some_and_just_end, blocks);
    pthread_join(thread, NULL);
    usleep(20000);
    for (int i = 0; i < 20000; i++)
        block_end(blocks[i]);
    arena_totals(&before);
    assert_true(before.mapped >= 9);
    for (int i = 0; i < 20000; i++)
        more[i] = block_make(BLOCK_LARGEST);
    arena_totals(&after);
    assert_true(after.high_water <= before.high_water + 2);
    for (int i = 0; i < 20000; i++)
        block_end(more[i]);
    assert_all_back();
}
#endif

/* ---------------------------------------------------------------- fork -- */

#if !RACES
static void *child_thread(void *unused)
{
    uint64_t x = 5;

    for (int i = 0; i < 20000; i++)
        swap_one(random_next(&x));
    return unused;
}
#endif

/* In the child, whose other threads are gone in the middle of anything. */
static int child_goes_on(void)
{
    struct poolcheck found;
    uint64_t x = 3;

    for (int i = 0; i < 20000; i++)
        swap_one(random_next(&x));
#if !RACES
    for (int i = 0; i < 3; i++) {
        pthread_t thread;

        if (pthread_create(&thread, NULL, child_thread, NULL) != 0)
            return 1;
        pthread_join(thread, NULL);
    }
#endif
    empty_places();
    if (!poolcheck_owner(owner_take(), &found))
        return 2;
    return atomic_load(&broken) ? 3 : 0;
}

static void a_forked_child_goes_on(void **state)
{
    pthread_t threads[2];
    uint64_t x = 9;

    (void)state;
    for (uintptr_t i = 0; i < 2; i++)
        pthread_create(&threads[i], NULL, swap_many, (void *)(i + 21));
    for (int i = 0; i < 20; i++) {
        pid_t child;
        int status;

        for (int k = 0; k < 1000; k++)
            swap_one(random_next(&x));
        child = fork();
        if (child == 0)
            _exit(child_goes_on());
        waitpid(child, &status, 0);
        assert_true(WIFEXITED(status));
        assert_int_equal(WEXITSTATUS(status), 0);
    }
    atomic_store(&stop, 1);
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    atomic_store(&stop, 0);
    empty_places();
    assert_all_back();
}

/* ------------------------------------------------------------- looking -- */

static void a_census_can_be_taken_meanwhile(void **state)
{
    pthread_t threads[3];

    (void)state;
    for (uintptr_t i = 0; i < 3; i++)
        pthread_create(&threads[i], NULL, swap_many, (void *)(i + 41));
    for (int i = 0; i < 300; i++) {
        struct census c;

        census_take(&c);
        assert_true(c.used_bytes + c.free_bytes + c.header_bytes + c.tail_bytes +
                        c.pools_free * POOL_BYTES ==
                    c.seen * ARENA_BYTES);
    }
    atomic_store(&stop, 1);
    for (int i = 0; i < 3; i++)
        pthread_join(threads[i], NULL);
    atomic_store(&stop, 0);
    empty_places();
    assert_all_back();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(blocks_are_freed_by_any_thread),
        cmocka_unit_test(what_comes_back_is_used_again),
        cmocka_unit_test(owners_are_taken_again),
#if !RACES
        cmocka_unit_test(arenas_are_inherited),
#endif
        cmocka_unit_test(a_forked_child_goes_on),
        cmocka_unit_test(a_census_can_be_taken_meanwhile),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
