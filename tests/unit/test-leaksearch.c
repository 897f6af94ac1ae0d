/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A search for leaks in a forked child whose blocks this test knows: what is held by a
 * global variable, by a lost block, by nothing, by a cycle; what the profile keeps of it;
 * and what is said of a child that is gone.
 */
#include "src/host/search/leaksearch.h"

#include "src/host/leaks/leakretain.h"
#include "src/host/process/procinfo.h"
#include "src/host/profile/search-check.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define BLOCK 64u
#define ARENA 65536u
#define CHAIN 10000u /* blocks of 8 words: more than one thread reads what is kept of them */
#define LAST_ADDRESS UINT64_C(0xffffffffffff) /* that a record has room for */

/* The child's heap is a mapping of its own; the blocks in it are those of this list. */
enum block { HELD, BEHIND, LOST, BELOW, ROUND, ABOUT, INSIDE, ALIKE, BLOCKS };

static uint64_t *arena, *chain;      /* chain: NULL but where there is one */
static uint64_t *volatile global[4]; /* what holds HELD, the inside of INSIDE, no block, a chain */
static struct segment segment;
static struct model model;
static struct collector collector;
static struct modmap modmap;
static struct births births;
static struct model_thread thread;
static pid_t child;
static int told[2];
static unsigned resumed;

static uint64_t *block(enum block which)
{
    return arena + (size_t)which * BLOCK / 8;
}

static void point(enum block from, enum block to)
{
    block(from)[1] = (uint64_t)(uintptr_t)block(to);
}

/* One word at a time: no vector register holds them. */
static __attribute__((noinline)) void point_again(enum block from, unsigned word, uint64_t into)
{
    block(from)[word] = block(from)[1] + into;
}

static __attribute__((noinline)) void make_blocks(void)
{
    memset(arena, 0x11, BLOCKS * BLOCK);
    point(HELD, BEHIND);
    point(LOST, BELOW);
    point_again(LOST, 2, 0);
    point_again(LOST, 3, 8);
    point_again(LOST, 4, 16);
    point(ROUND, ABOUT);
    point(ABOUT, ROUND);
    memcpy(block(ALIKE), block(BEHIND), BLOCK);
    global[0] = block(HELD);
    global[1] = block(INSIDE) + 3;
    global[2] = (uint64_t *)LAST_ADDRESS;
}

static uint64_t *link_of(uint32_t i)
{
    return chain + (size_t)i * BLOCK / 8;
}

/* Each block refers to the next one seven times, and once to its inside. */
static __attribute__((noinline)) void make_chain(void)
{
    for (uint32_t i = 0; i + 1 < CHAIN; i++)
        for (unsigned word = 0; word < 8; word++)
            link_of(i)[word] = (uint64_t)(uintptr_t)(link_of(i + 1) + (word == 7 ? 2 : 0));
    global[3] = chain;
}

/* What the child's stack and registers keep from before is overwritten. */
static __attribute__((noinline)) void forget(void)
{
    char junk[16384], copy[sizeof(junk)];

    memset(junk, 0x22, sizeof(junk));
    __asm__ volatile("" : : "r"(junk) : "memory");
    memcpy(copy, junk, sizeof(junk));
    __asm__ volatile("" : : "r"(copy) : "memory");
}

/* What a call leaves on the stack lies far below where the child then waits. */
static __attribute__((noinline)) void call_below(void (*function)(void))
{
    char room[65536];

    __asm__ volatile("" : : "r"(room) : "memory");
    function();
    __asm__ volatile("" : : "r"(room) : "memory");
}

static __attribute__((noreturn)) void live(void)
{
    forget();
    call_below(make_blocks);
    if (chain)
        call_below(make_chain);
    forget();
    if (write(told[1], "", 1) != 1)
        _exit(1);
    for (;;)
        pause();
}

static void start_child(void)
{
    char byte;

    assert_int_equal(pipe(told), 0);
    child = fork();
    if (child == 0)
        live();
    assert_true(child > 0);
    assert_int_equal(read(told[0], &byte, 1), 1);
    close(told[0]);
    close(told[1]);
}

static void alloc_at(uint64_t address, uint32_t size, uint32_t stack, uint64_t time)
{
    struct model_event e = {.word0 = address | (uint64_t)RECORD_ALLOC << RECORD_KIND_SHIFT,
                            .rest = {size | (uint64_t)stack << 32},
                            .thread = &thread,
                            .time = time};

    model_apply(&model, &e, 1);
}

static void alloc(enum block which, uint32_t stack)
{
    alloc_at((uint64_t)(uintptr_t)block(which), BLOCK, stack, which + 1);
}

static int set_up(void **state)
{
    struct segment_settings settings = {.clock = CLOCK_MONOTONIC_NS};
    struct collector_options options = {.clock = CLOCK_MONOTONIC_NS};
    struct symbolizer_options symbols = {0};
    struct segment_layout layout;
    bool halve;

    (void)state;
    segment_layout_default(&layout, 4);
    arena = mmap(NULL, ARENA, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    segment_format(&segment,
                   mmap(NULL, layout.segment_bytes, PROT_READ | PROT_WRITE,
                        MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0),
                   &layout, &settings);
    start_child();
    model_init(&model, layout.nodes_max, 0, 1);
    births_init(&births);
    thread = (struct model_thread){.row = threads_add(&model.threads, 1, "child")};
    if (collector_init(&collector, &segment, &model, &options, NULL) != 0 ||
        modmap_init(&modmap, &segment, child, "test", "", &symbols, NULL) != 0)
        return -1;
    for (uint32_t i = 0; i < BLOCKS; i++) {
        model.birth = births_now(&births);
        alloc((enum block)i, STACK_ROOTS + i % 2);
        if (i == LOST)
            births_moment(&births, true, &halve);
    }
    resumed = 0;
    return 0;
}

static int set_up_chain(void **state)
{
    size_t size = (size_t)CHAIN * BLOCK;
    int result;

    chain = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    result = chain == MAP_FAILED ? -1 : set_up(state);
    for (uint32_t i = 0; result == 0 && i < CHAIN; i++)
        alloc_at((uint64_t)(uintptr_t)link_of(i), BLOCK, STACK_ROOTS, BLOCKS + 1 + i);
    return result;
}

static void end_child(void)
{
    if (child) {
        kill(child, SIGKILL);
        waitpid(child, NULL, 0);
    }
    child = 0;
}

static int tear_down(void **state)
{
    (void)state;
    end_child();
    modmap_release(&modmap);
    collector_release(&collector);
    model_release(&model);
    births_release(&births);
    memset(&thread, 0, sizeof(thread)); /* the next child inherits what points to blocks */
    munmap(arena, ARENA);
    if (chain)
        munmap(chain, (size_t)CHAIN * BLOCK);
    chain = NULL;
    return munmap(segment.base, segment.layout.segment_bytes);
}

static void on_resumed(void *context)
{
    (void)context;
    resumed++;
}

static void search(struct profile *p, pid_t pid, const struct leaksearch_options *options,
                   const struct leaksearch_question *question)
{
    const struct leaksearch_source source = {.collector = &collector,
                                             .model = &model,
                                             .segment = &segment,
                                             .modmap = &modmap,
                                             .pid = pid,
                                             .options = options,
                                             .seconds = 1.5,
                                             .births = &births,
                                             .resumed = on_resumed};
    struct leaksearch *s = leaksearch_take(&source, question, NULL);

    assert_non_null(s);
    assert_int_equal(resumed, 1);
    profile_init(p);
    p->search.number = 7;
    assert_int_equal(leaksearch_find(s, p, NULL), 0);
    assert_true(leaksearch_memory(s) > 0);
    leaksearch_release(s);
    assert_int_equal(p->search.number, 7);
    assert_int_equal(search_check(p, model.sites.count - 1, p->strings.count, NULL), 0);
}

struct sums {
    uint64_t blocks, bytes, indirect_blocks, retained;
    uint32_t cycle_blocks;
};

static struct sums sum(const struct profile *p, enum leak_kind kind)
{
    struct sums s = {0};

    for (uint32_t i = 0; i < p->leak_count; i++) {
        const struct profile_leak *row = &p->leaks[i];

        if (row->kind != (uint32_t)kind)
            continue;
        s.blocks += row->blocks;
        s.bytes += row->bytes;
        s.indirect_blocks += row->indirect_blocks;
        s.retained += row->retained_bytes;
        if (row->cycle_blocks > s.cycle_blocks)
            s.cycle_blocks = row->cycle_blocks;
    }
    return s;
}

static const struct profile_block *kept(const struct profile *p, enum block which)
{
    for (uint32_t i = 0; i < p->block_count; i++)
        if (p->blocks[i].address == (uint64_t)(uintptr_t)block(which))
            return &p->blocks[i];
    return NULL;
}

static bool points(const struct profile *p, const void *at, enum block to, uint64_t into)
{
    for (uint32_t i = 0; i < p->pointer_count; i++)
        if (p->pointers[i].address == (uint64_t)(uintptr_t)at)
            return p->pointers[i].value == (uint64_t)(uintptr_t)block(to) + into;
    return false;
}

/* What is found out from the kept graph is what the search finds. */
static void assert_retained_later(struct profile *p)
{
    uint64_t *searched = leakretain_rows(p, NULL), *later;

    assert_non_null(searched);
    for (uint32_t i = 0; i < p->leak_count; i++) {
        assert_int_equal(searched[i], p->leaks[i].retained_bytes);
        p->leaks[i].retained_bytes = 0;
    }
    later = leakretain_rows(p, NULL);
    assert_non_null(later);
    assert_memory_equal(later, searched, p->leak_count * sizeof *later);
    p->search.graph = GRAPH_PART;
    free(later);
    later = leakretain_rows(p, NULL);
    assert_non_null(later);
    for (uint32_t i = 0; i < p->leak_count; i++)
        assert_int_equal(later[i], 0);
    free(later);
    free(searched);
}

static void test_kinds(void **unused)
{
    struct leaksearch_options options;
    struct leaksearch_question question = {.cause = SEARCH_BY_COMMAND};
    struct profile p;
    struct sums definite;

    (void)unused;
    leaksearch_options_init(&options);
    options.retained = true;
    search(&p, child, &options, &question);
    definite = sum(&p, LEAK_DEFINITE);
    assert_int_equal(p.search.method, SEARCH_PTRACE);
    assert_int_equal(p.search.cause, SEARCH_BY_COMMAND);
    assert_int_equal(p.search.threads, 1);
    assert_int_equal(p.search.moments, 1);
    assert_int_equal(p.search.snapshots, 1);
    assert_true(p.search.seconds == 1.5 && p.search.held_seconds > 0);
    assert_true(p.search.copied_bytes > 0 && p.search.root_bytes > 0);
    assert_int_equal(sum(&p, LEAK_REACHABLE).blocks, 2);
    assert_int_equal(sum(&p, LEAK_POSSIBLE).blocks, 1);
    assert_int_equal(definite.blocks, 3); /* LOST, ROUND, ALIKE */
    assert_int_equal(definite.indirect_blocks, 2);
    assert_int_equal(definite.cycle_blocks, 2);
    assert_int_equal(sum(&p, LEAK_INDIRECT).bytes, 2 * BLOCK);
    assert_int_equal(p.search.graph, GRAPH_WHOLE);
    assert_int_equal(p.block_count, BLOCKS);
    assert_int_equal(kept(&p, BELOW)->kind, LEAK_INDIRECT);
    assert_int_equal(kept(&p, HELD)->retained, 2 * BLOCK);
    assert_int_equal(kept(&p, LOST)->age, 1);
    assert_int_equal(kept(&p, LOST)->survived, 1);
    assert_int_equal(kept(&p, BELOW)->age, 0);
    assert_int_not_equal(kept(&p, ROUND)->cycle, 0);
    assert_int_equal(kept(&p, ROUND)->cycle, kept(&p, ABOUT)->cycle);
    assert_int_equal(kept(&p, LOST)->cycle, 0);
    assert_true(points(&p, (const void *)&global[0], HELD, 0));
    assert_true(points(&p, (const void *)&global[1], INSIDE, 24));
    assert_true(points(&p, &block(LOST)[1], BELOW, 0)); /* of each sort the first */
    assert_false(points(&p, &block(LOST)[2], BELOW, 0));
    assert_true(points(&p, &block(LOST)[3], BELOW, 8));
    assert_false(points(&p, &block(LOST)[4], BELOW, 16));
    assert_int_equal(p.search.pointers_left_out, 2);
    assert_retained_later(&p);
    profile_release(&p);
}

static void test_much(void **unused)
{
    struct leaksearch_options options;
    struct leaksearch_question question = {.cause = SEARCH_BY_COMMAND};
    uint64_t start = (uint64_t)(uintptr_t)chain;
    uint32_t found = 0;
    struct profile p;

    (void)unused;
    leaksearch_options_init(&options);
    search(&p, child, &options, &question);
    assert_int_equal(p.search.graph, GRAPH_WHOLE);
    assert_true(sum(&p, LEAK_REACHABLE).blocks >= CHAIN + 2);
    assert_int_equal(p.search.pointers_left_out, 6 * (CHAIN - 1) + 2);
    for (uint32_t i = 0; i < p.pointer_count; i++) {
        uint64_t into = p.pointers[i].address - start, next = start + (into / BLOCK + 1) * BLOCK;

        if (into >= (uint64_t)CHAIN * BLOCK)
            continue;
        found++;
        assert_true(into % BLOCK == 0 || into % BLOCK == 56);
        assert_int_equal(p.pointers[i].value, into % BLOCK ? next + 16 : next);
    }
    assert_int_equal(found, 2 * (CHAIN - 1));
    profile_release(&p);
}

/* Records of a program that wrote over what it shares with memprof. */
static void search_with_damaged(bool whole_copy)
{
    struct leaksearch_options options;
    struct leaksearch_question question = {.cause = SEARCH_BY_COMMAND};
    struct profile p;

    leaksearch_options_init(&options);
    options.graph.past_end = true;
    options.duplicates = whole_copy;
    search(&p, child, &options, &question);
    assert_int_equal(kept(&p, HELD)->kind, LEAK_REACHABLE);
    assert_int_equal(kept(&p, BEHIND)->kind, LEAK_REACHABLE);
    assert_int_equal(kept(&p, LOST)->kind, LEAK_DEFINITE);
    assert_int_equal(kept(&p, BELOW)->kind, LEAK_INDIRECT);
    profile_release(&p);
    resumed = 0;
}

static void test_damaged(void **unused)
{
    (void)unused;
    alloc_at(LAST_ADDRESS - 15, 256, STACK_ROOTS, BLOCKS + 1);
    search_with_damaged(false);
    search_with_damaged(true);
    alloc_at(LAST_ADDRESS, 16, STACK_ROOTS, BLOCKS + 2);
    search_with_damaged(false);
    search_with_damaged(true);
}

/* Of a graph that is not kept whole: what is lost, and the block that is asked about. */
static void test_part(void **unused)
{
    struct leaksearch_options options;
    struct leaksearch_question question = {.cause = SEARCH_BY_COMMAND,
                                           .address = (uint64_t)(uintptr_t)block(BEHIND) + 5};
    struct profile p;

    (void)unused;
    leaksearch_options_init(&options);
    options.graph_blocks = 0;
    search(&p, child, &options, &question);
    assert_int_equal(p.search.graph, GRAPH_PART);
    assert_non_null(kept(&p, BEHIND));
    assert_non_null(kept(&p, HELD)); /* on the way there */
    assert_non_null(kept(&p, LOST));
    assert_non_null(kept(&p, BELOW));
    assert_true(points(&p, (const void *)&global[0], HELD, 0));
    assert_true(points(&p, &block(HELD)[1], BEHIND, 0));
    profile_release(&p);
    question = (struct leaksearch_question){.cause = SEARCH_BY_COMMAND, .whole_graph = true};
    resumed = 0;
    search(&p, child, &options, &question);
    assert_int_equal(p.search.graph, GRAPH_WHOLE);
    assert_int_equal(p.block_count, BLOCKS);
    profile_release(&p);
}

static void test_contents(void **unused)
{
    struct leaksearch_options options;
    struct leaksearch_question question = {
        .cause = SEARCH_BY_COMMAND, .contents = true, .duplicates = true};
    struct profile p;
    uint64_t alike = 0;

    (void)unused;
    leaksearch_options_init(&options);
    search(&p, child, &options, &question);
    assert_int_equal(p.search.contents, PROFILE_CONTENTS_BYTES);
    assert_int_equal(p.content_count, 6); /* all that is lost, and what may be */
    for (uint32_t i = 0; i < p.content_count; i++)
        assert_int_equal(p.contents[i].words[0], UINT64_C(0x1111111111111111));
    for (uint32_t i = 0; i < p.duplicate_count; i++)
        alike += p.duplicates[i].blocks;
    assert_int_equal(alike, 4); /* BELOW, INSIDE, BEHIND, ALIKE: none has a pointer in it */
    profile_release(&p);
}

/* Nothing can be searched any more, and all that is live is all there is to say. */
static void test_gone(void **unused)
{
    struct leaksearch_options options;
    struct leaksearch_question question = {.cause = SEARCH_AT_EXIT};
    struct profile p;
    pid_t was = child;

    (void)unused;
    end_child();
    leaksearch_options_init(&options);
    search(&p, was, &options, &question);
    assert_int_equal(p.search.method, SEARCH_UNSTOPPED);
    assert_int_not_equal(p.search.why, 0);
    assert_int_equal(p.search.graph, GRAPH_NONE);
    assert_int_equal(sum(&p, LEAK_REACHABLE).blocks, BLOCKS);
    profile_release(&p);
}

/* Without a process there is no reason yet: how it ended is the reason. */
static void test_explained(void **unused)
{
    struct leaksearch_options options;
    struct leaksearch_question question = {.cause = SEARCH_NONE};
    struct profile p;

    (void)unused;
    leaksearch_options_init(&options);
    search(&p, 0, &options, &question);
    assert_int_equal(p.search.why, 0);
    p.process.exit_kind = EXIT_SIGNAL;
    p.process.exit_value = 9;
    leaksearch_explain(&p);
    assert_string_equal(strings_get(&p.strings, p.search.why),
                        "it was killed by signal 9 before it could be searched");
    assert_int_equal(sum(&p, LEAK_REACHABLE).bytes, BLOCKS * BLOCK);
    profile_release(&p);
}

/* A realloc that has just begun has its block, and what the program ignores is none. */
static void test_realloc_and_ignored(void **unused)
{
    struct leaksearch_options options;
    struct leaksearch_question question = {.cause = SEARCH_BY_COMMAND};
    struct model_event e = {.word0 = (uint64_t)(uintptr_t)block(ALIKE) | (uint64_t)RECORD_IGNORE
                                                                             << RECORD_KIND_SHIFT,
                            .thread = &thread,
                            .time = 100};
    struct profile p;

    (void)unused;
    model_apply(&model, &e, 1);
    e.word0 = (uint64_t)(uintptr_t)block(LOST) | (uint64_t)RECORD_REALLOC_BEGIN
                                                     << RECORD_KIND_SHIFT;
    model_apply(&model, &e, 1);
    collector.streams[0].open = true;
    collector.streams[0].damaged = true; /* it has no chunks to be read */
    collector.streams[0].thread = thread;
    collector.used = collector.open = 1;
    leaksearch_options_init(&options);
    search(&p, child, &options, &question);
    assert_int_equal(sum(&p, LEAK_DEFINITE).blocks, 2);
    assert_null(kept(&p, ALIKE));
    assert_non_null(kept(&p, LOST));
    profile_release(&p);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_kinds),     TEST(test_part),
        TEST(test_contents),  TEST(test_gone),
        TEST(test_explained), TEST(test_realloc_and_ignored),
        TEST(test_damaged),   cmocka_unit_test_setup_teardown(test_much, set_up_chain, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
