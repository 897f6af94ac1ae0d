// SPDX-License-Identifier: Apache-2.0
/*
 * A child that says where it keeps what: which of these places are roots, of what kind and
 * whose.  What the recorder would know of it is written into a model by hand.
 */
#include "src/host/search/leakroots.h"

#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define OTHER_ALLOCATOR
#endif
#elif defined(__SANITIZE_ADDRESS__)
#define OTHER_ALLOCATOR
#endif

#define MARK UINT64_C(0x5ca1ab1e0ddba110)
#define THREADS 3
#define MIB ((size_t)1 << 20)

struct place {
    const void *at;
    pid_t tid;
};

/* What the child tells. */
struct common {
    _Atomic int ready;
    struct place tls[THREADS], local[THREADS], below[THREADS];
    const void *ended_local, *mapped, *unknown, *arena_block, *large_block, *heap_block;
    const void *own_stack;
    size_t large_size;
};
static struct common *common;

uint64_t leakroots_test_weak[4] = {1, 2, 3, 4};
static uint64_t in_bss;
static __thread uint64_t in_tls;
static pthread_key_t key;

/* ------------------------------------------------------------- the child -- */

__attribute__((noinline)) static void deeper(int i)
{
    volatile uint64_t words[512];

    memset((void *)words, 1, sizeof(words));
    common->below[i].at = (const void *)&words[8];
}

static void wait_here(void)
{
    common->ready++;
    for (;;)
        pause();
}

static void *live(void *argument)
{
    volatile uint64_t local = MARK;
    int i = (int)(intptr_t)argument;
    pid_t tid = (pid_t)syscall(SYS_gettid);

    deeper(i);
    in_tls = MARK + 1;
    pthread_setspecific(key, (void *)(uintptr_t)(MARK + 2));
    common->tls[i] = (struct place){&in_tls, tid};
    common->local[i] = (struct place){(const void *)&local, tid};
    if (i == 1)
        common->arena_block = malloc(100);
    wait_here();
    return NULL;
}

static void *end_at_once(void *argument)
{
    volatile uint64_t local = MARK;

    if (!argument)
        common->ended_local = (const void *)&local;
    return (void *)(uintptr_t)(MARK + 3);
}

static void on_other_stack(int number)
{
    (void)number;
    common->own_stack = __builtin_frame_address(0);
    wait_here();
}

static void make_memory(void)
{
    common->heap_block = malloc(50);
    common->large_size = MIB + 123;
    common->large_block = malloc(common->large_size);
    memset((void *)(uintptr_t)common->large_block, 1, common->large_size);
    common->mapped = mmap(NULL, 65536, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    mmap(NULL, 65536, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0); /* nothing merges */
    common->unknown =
        mmap(NULL, 4 * MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    memset((void *)(uintptr_t)common->mapped, 1, 65536);
    memset((void *)(uintptr_t)common->unknown, 1, 4 * MIB);
}

static void run(void)
{
    pthread_t thread;

    pthread_key_create(&key, NULL);
    in_bss = MARK;
    make_memory();
    pthread_create(&thread, NULL, end_at_once, (void *)1); /* and nobody joins it */
    for (int i = 1; i < THREADS; i++)
        pthread_create(&thread, NULL, live, (void *)(intptr_t)i);
    while (common->ready < THREADS - 1)
        usleep(1000);
    pthread_create(&thread, NULL, end_at_once, NULL);
    pthread_join(thread, NULL);
    live(NULL);
}

/* ------------------------------------------------------------ the search -- */

struct search {
    pid_t pid;
    struct stopped stopped;
    struct heapcopy copy;
    struct model model;
    struct leakroots roots;
};

static void block(struct search *s, const void *at, uint64_t size)
{
    struct livetable_block b = {.address = (uint64_t)(uintptr_t)at, .size = size, .site = 1}, old;

    livetable_put(&s->model.live, livetable_hash(b.address), &b, &old);
}

static void begin(struct search *s, void (*body)(void), int ready)
{
    memset(common, 0, sizeof(*common));
    memset(s, 0, sizeof(*s));
    model_init(&s->model, 1000, 0, 1000);
    s->pid = fork();
    assert_true(s->pid >= 0);
    if (s->pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        body();
    }
    for (int i = 0; i < 30000 && common->ready < ready; i++)
        usleep(1000);
    assert_int_equal(common->ready, ready);
    usleep(20000); /* until pause has been called */
    assert_int_equal(stop_threads(&s->stopped, s->pid, NULL, STOP_AUTO, NULL), 0);
    assert_int_equal(heapcopy_take(&s->copy, &s->stopped, NULL, 0, NULL, NULL), 0);
}

static void find(struct search *s, uint32_t kinds)
{
    struct leakroots_source source = {
        .stopped = &s->stopped, .copy = &s->copy, .model = &s->model, .kinds = kinds};

    leakroots_release(&s->roots);
    assert_int_equal(leakroots_find(&s->roots, &source, NULL), 0);
}

static void end(struct search *s)
{
    leakroots_release(&s->roots);
    heapcopy_release(&s->copy);
    stop_resume(&s->stopped);
    stop_release(&s->stopped);
    model_release(&s->model);
    kill(s->pid, SIGKILL);
    assert_int_equal(waitpid(s->pid, NULL, 0), s->pid);
}

/* The root that an address lies in; there is one at most. */
static const struct leakroot *root_at(const struct search *s, const void *at)
{
    uint64_t address = (uint64_t)(uintptr_t)at;
    const struct leakroot *found = NULL;

    for (uint32_t i = 0; i < s->roots.count; i++) {
        const struct leakroot *r = &s->roots.rows[i];

        if (r->size && address >= r->start && address - r->start < r->size) {
            assert_null(found);
            found = r;
        }
    }
    return found;
}

static void is_root(const struct search *s, const void *at, uint32_t kind, pid_t tid)
{
    const struct leakroot *r = root_at(s, at);

    assert_non_null(r);
    assert_int_equal(r->kind, kind);
    assert_int_equal(r->tid, tid);
}

/* Roots of a kind that have this word. */
static uint32_t roots_with(struct search *s, uint32_t kind, uint64_t word)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < s->roots.count; i++) {
        const struct leakroot *r = &s->roots.rows[i];

        if (r->kind == kind && r->size == 0)
            count += r->start == word;
        for (uint64_t at = r->start; r->kind == kind && at < r->start + r->size; at += 8) {
            uint64_t value = 0;

            if (heapcopy_read(&s->copy, at, &value, 8) && value == word) {
                count++;
                break;
            }
        }
    }
    return count;
}

/* ----------------------------------------------------------------- tests -- */

static void threads_have_their_own(void **state)
{
    struct search s;

    (void)state;
    begin(&s, run, THREADS);
    find(&s, 0);
    for (int i = 0; i < THREADS; i++) {
        is_root(&s, common->tls[i].at, ROOT_TLS, common->tls[i].tid);
        is_root(&s, common->local[i].at, ROOT_STACK, common->local[i].tid);
        assert_null(root_at(&s, common->below[i].at));
    }
    assert_int_equal(roots_with(&s, ROOT_KEY, MARK + 2), THREADS);
    assert_int_equal(roots_with(&s, ROOT_STACK, MARK), THREADS);
    assert_int_equal(roots_with(&s, ROOT_TLS, MARK + 1), THREADS);
    assert_null(root_at(&s, common->ended_local));
    assert_int_equal(roots_with(&s, ROOT_DESCRIPTOR, MARK + 3), 1); /* of the one not joined */
    assert_int_equal(s.roots.stacks_guessed, 0);
    end(&s);
}

static void a_missed_threads_stack_is_searched_whole(void **state)
{
    struct search s;

    (void)state;
    begin(&s, run, THREADS);
    s.stopped.threads[1].missed = true;
    s.stopped.threads[1].register_count = s.stopped.threads[1].extended_count = 0;
    find(&s, 0);
    for (int i = 0; i < THREADS; i++) {
        is_root(&s, common->tls[i].at, ROOT_TLS, common->tls[i].tid);
        is_root(&s, common->local[i].at, ROOT_STACK, common->local[i].tid);
        if (common->local[i].tid == s.stopped.threads[1].tid)
            is_root(&s, common->below[i].at, ROOT_STACK, common->local[i].tid);
        else
            assert_null(root_at(&s, common->below[i].at));
    }
    assert_int_equal(s.roots.stacks_guessed, 1);
    end(&s);
}

static void globals_are_named_by_their_module(void **state)
{
    const struct leakroot *r;
    struct search s;
    uint32_t libc = 0;

    (void)state;
    begin(&s, run, THREADS);
    find(&s, 0);
    r = root_at(&s, &in_bss);
    assert_non_null(r);
    assert_int_equal(r->kind, ROOT_GLOBAL);
    assert_non_null(strstr(r->name, "test-leakroots"));
    assert_ptr_equal(root_at(&s, leakroots_test_weak)->name, r->name);
    for (uint32_t i = 0; i < s.roots.count; i++) {
        r = &s.roots.rows[i];
        if (r->kind != ROOT_GLOBAL || !strstr(r->name, "libc.so"))
            continue;
        for (uint64_t at = r->start; at < r->start + r->size; at += 8) {
            uint64_t words[2];

            /* an empty bin of the allocator */
            if (at + 16 <= r->start + r->size && heapcopy_read(&s.copy, at, words, 16))
                assert_false(words[0] == at - 16 && words[1] == at - 16);
        }
        libc++;
    }
    assert_true(libc > 0);
    end(&s);
}

static void mapped_memory_is_a_root_and_an_allocators_is_not(void **state)
{
    struct search s;
    uint64_t mapped;

    (void)state;
#ifdef OTHER_ALLOCATOR
    skip(); /* blocks are the sanitizer's, without glibc's headers */
#endif
    begin(&s, run, THREADS);
    block(&s, common->heap_block, 50);
    block(&s, common->arena_block, 100);
    block(&s, common->large_block, common->large_size);
    mapped = (uint64_t)(uintptr_t)common->mapped;
    assert_true(mappings_add(&s.model.mappings, mapped, mapped + 65536, 1, NULL, NULL));
    find(&s, 0);
    is_root(&s, common->mapped, ROOT_MAPPING, 0);
    is_root(&s, common->unknown, ROOT_MAPPING, 0);
    assert_null(root_at(&s, common->heap_block));
    assert_null(root_at(&s, common->arena_block));
    assert_null(root_at(&s, common->large_block));
    assert_null(root_at(&s, (const char *)common->large_block + MIB));
    find(&s, 1u << ROOT_STACK);
    assert_null(root_at(&s, common->mapped));
    is_root(&s, common->local[0].at, ROOT_STACK, common->local[0].tid);
    end(&s);
}

/* Blocks without glibc's headers before them: then nobody's memory is the other allocator's. */
static void another_allocators_books_are_no_roots(void **state)
{
    struct search s;
    uint64_t mapped;

    (void)state;
    begin(&s, run, THREADS);
    mapped = (uint64_t)(uintptr_t)common->mapped;
    assert_true(mappings_add(&s.model.mappings, mapped, mapped + 65536, 1, NULL, NULL));
    block(&s, (const char *)common->unknown + 8192, 100);
    block(&s, (const char *)common->unknown + 3 * MIB, 100);
    find(&s, 0);
    assert_null(root_at(&s, common->unknown));
    assert_null(root_at(&s, (const char *)common->unknown + 2 * MIB));
    is_root(&s, common->mapped, ROOT_MAPPING, 0);
    is_root(&s, common->local[0].at, ROOT_STACK, common->local[0].tid);
    /* and so is memory that was recorded as mapped, if blocks lie in it */
    block(&s, (const char *)common->mapped + 4096, 100);
    find(&s, 0);
    assert_null(root_at(&s, common->mapped));
    end(&s);
}

/* The test plays memprof's library: of its data only what it gave the program counts. */
static void our_own_data_is_no_root(void **state)
{
    struct segment_header *header = calloc(1, sizeof(*header));
    struct segment segment = {.base = (void *)header};
    struct modmap *map = calloc(1, sizeof(*map));
    struct leakroots_source source = {.modmap = map};
    struct search s;

    (void)state;
    assert_non_null(header);
    assert_non_null(map);
    assert_true(readlink("/proc/self/exe", map->ours, sizeof(map->ours) - 1) > 0);
    begin(&s, run, THREADS);
    s.stopped.segment = &segment;
    source.stopped = &s.stopped;
    source.copy = &s.copy;
    source.model = &s.model;
    assert_int_equal(leakroots_find(&s.roots, &source, NULL), 0);
    assert_null(root_at(&s, &in_bss));
    assert_null(root_at(&s, leakroots_test_weak));
    header->bootstrap_start = (uint64_t)(uintptr_t)leakroots_test_weak;
    header->bootstrap_end = header->bootstrap_start + sizeof(leakroots_test_weak);
    leakroots_release(&s.roots);
    assert_int_equal(leakroots_find(&s.roots, &source, NULL), 0);
    assert_null(root_at(&s, &in_bss));
    is_root(&s, &leakroots_test_weak[3], ROOT_GLOBAL, 0);
    end(&s);
    free(map);
    free(header);
}

static void what_the_program_named_is_there(void **state)
{
    const char *const weak[] = {"leakroots_test_weak", NULL}, *const none[] = {"no_such", NULL};
    struct leakroots_source source = {.weak = weak};
    uint64_t start = (uint64_t)(uintptr_t)&leakroots_test_weak;
    uint32_t found = 0;
    struct search s;
    struct error e;

    (void)state;
    begin(&s, run, THREADS);
    assert_true(regions_add(&s.model.regions, start + 8, 8, true));
    assert_true(regions_add(&s.model.regions, 0x1000, 24, false));
    source.stopped = &s.stopped;
    source.copy = &s.copy;
    source.model = &s.model;
    assert_int_equal(leakroots_find(&s.roots, &source, &e), 0);
    for (uint32_t i = 0; i < s.roots.count; i++) {
        const struct leakroot *r = &s.roots.rows[i];

        if (r->kind == ROOT_WEAK) {
            assert_string_equal(r->name, "leakroots_test_weak");
            found +=
                (r->start == start && r->size >= 32) || (r->start == start + 8 && r->size == 8);
        }
        found += r->kind == ROOT_NAMED && r->start == 0x1000 && r->size == 24;
    }
    assert_int_equal(found, 3);
    assert_string_equal(s.roots.unknown, "");
    leakroots_release(&s.roots);
    source.weak = none;
    assert_int_equal(leakroots_find(&s.roots, &source, &e), 0);
    assert_non_null(strstr(s.roots.unknown, "'no_such'"));
    leakroots_release(&s.roots);
    end(&s);
}

/* ------------------------------------------------------------ other stacks -- */

static void run_on_signal_stack(void)
{
    static char stack[65536];
    stack_t other = {.ss_sp = stack, .ss_size = sizeof(stack)};
    struct sigaction action = {.sa_handler = on_other_stack, .sa_flags = SA_ONSTACK};
    volatile uint64_t local = MARK;

    common->local[0].at = (const void *)&local;
    sigaltstack(&other, NULL);
    sigaction(SIGUSR1, &action, NULL);
    raise(SIGUSR1);
}

static void *body_on_heap(void *argument)
{
    (void)argument;
    common->own_stack = __builtin_frame_address(0);
    wait_here();
    return NULL;
}

static void run_on_heap_block(void)
{
    pthread_attr_t attributes;
    pthread_t thread;
    char *stack = aligned_alloc(4096, 131072);

    common->heap_block = stack;
    pthread_attr_init(&attributes);
    pthread_attr_setstack(&attributes, stack, 131072);
    pthread_create(&thread, &attributes, body_on_heap, NULL);
    for (;;)
        pause();
}

static void a_signals_stack_does_not_hide_the_threads(void **state)
{
    struct search s;

    (void)state;
    begin(&s, run_on_signal_stack, 1);
    find(&s, 0);
    is_root(&s, common->local[0].at, ROOT_STACK, s.pid);
    assert_non_null(heapcopy_mapping(&s.copy, (uint64_t)(uintptr_t)common->own_stack));
    assert_int_equal(s.roots.stacks_guessed, 1);
    end(&s);
}

static void a_stack_in_a_block_holds_the_block(void **state)
{
    bool held = false;
    struct search s;

    (void)state;
    begin(&s, run_on_heap_block, 1);
    block(&s, common->heap_block, 131072);
    find(&s, 0);
    for (uint32_t i = 0; i < s.roots.count; i++)
        held |= s.roots.rows[i].kind == ROOT_STACK && s.roots.rows[i].size == 0 &&
                s.roots.rows[i].start == (uint64_t)(uintptr_t)common->heap_block;
    assert_true(held);
    end(&s);
}

static int setup(void **state)
{
    (void)state;
    common = mmap(NULL, sizeof(*common), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    return common == MAP_FAILED ? -1 : 0;
}

static int teardown(void **state)
{
    (void)state;
    return munmap(common, sizeof(*common));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(threads_have_their_own),
        cmocka_unit_test(a_missed_threads_stack_is_searched_whole),
        cmocka_unit_test(globals_are_named_by_their_module),
        cmocka_unit_test(mapped_memory_is_a_root_and_an_allocators_is_not),
        cmocka_unit_test(another_allocators_books_are_no_roots),
        cmocka_unit_test(our_own_data_is_no_root),
        cmocka_unit_test(what_the_program_named_is_there),
        cmocka_unit_test(a_signals_stack_does_not_hide_the_threads),
        cmocka_unit_test(a_stack_in_a_block_holds_the_block),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
