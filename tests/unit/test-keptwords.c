// SPDX-License-Identifier: Apache-2.0
/* Words kept of memory, against the memory; and of a child whose memory is known. */
#include "src/host/memory/availmem.h"
#include "src/host/search/keptwords-take.h"
#include "tests/unit/failing-memory.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

/* The linker's --wrap names it so. */
uint64_t __wrap_availmem_bytes(void);
static uint64_t available = UINT64_MAX;

uint64_t __wrap_availmem_bytes(void)
{
    return available;
}

#define PAGE UINT64_C(4096)
#define PIECE (UINT64_C(1) << KEPTWORDS_PIECE_BITS)
#define BASE UINT64_C(0x7f0000000000)

static uint64_t random_state = 88172645463325252u;

static uint64_t next(void)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state;
}

/* ---------------------------------------------------------------- the store -- */

#define PAGES 600u
static uint64_t memory[PAGES][KEPTWORDS_PAGE_WORDS];
static bool there[PAGES];
static const struct keptwords_range ranges[] = {{1000, 2000}, {5000, 5001}, {9000, 20000}};
static const struct keptwords_filter filter = {ranges, 3, UINT64_C(0xff) << 56};

static bool is_address(uint64_t word)
{
    uint64_t value = word & ~filter.tags;

    return (value >= 1000 && value < 2000) || value == 5000 || (value >= 9000 && value < 20000);
}

/* The first word of every page is marked. */
static bool is_kept(uint32_t page, uint32_t word)
{
    return there[page] && (is_address(memory[page][word]) || (word == 0 && memory[page][0] != 0));
}

/* Pages 300 and on are in the second part, 2 pieces apart. */
static uint64_t address_of(uint32_t page)
{
    return BASE + page * PAGE + (page >= 300 ? 2 * PIECE : 0);
}

static void fill(struct keptwords *w)
{
    const uint64_t marked[KEPTWORDS_GROUPS] = {1};

    keptwords_init(w);
    for (uint32_t p = 0; p < PAGES; p++) {
        struct keptwords_part *part = &w->parts[p >= 300];
        uint64_t piece = address_of(p) / PIECE;

        there[p] = next() % 4 != 0;
        for (uint32_t i = 0; i < KEPTWORDS_PAGE_WORDS; i++)
            memory[p][i] = next() % 3 ? next() % 30000 : next();
        if (next() % 2)
            memory[p][0] = 0;
        if (next() % 2)
            memory[p][7] |= UINT64_C(0x5a) << 56;
        if (!there[p])
            continue;
        if (!part->piece_count || part->pieces[part->piece_count - 1].number != piece)
            assert_true(keptwords_begin_piece(part, piece));
        keptwords_add_page(part, &filter, (uint32_t)(address_of(p) % PIECE / PAGE), memory[p],
                           marked);
    }
    assert_true(keptwords_seal(w));
}

static void words_are_found_by_address(void **state)
{
    struct keptwords w;
    uint64_t word, kept = 0;

    (void)state;
    fill(&w);
    for (uint32_t p = 0; p < PAGES; p++)
        for (uint32_t i = 0; i < KEPTWORDS_PAGE_WORDS; i++) {
            bool found = keptwords_word(&w, address_of(p) + 8 * i, &word);

            assert_int_equal(found, is_kept(p, i));
            assert_true(!found || word == memory[p][i]);
            kept += found;
        }
    assert_int_equal(w.parts[0].count + w.parts[1].count, kept);
    assert_true(kept > 1000);
    assert_false(keptwords_word(&w, BASE + 4, &word));
    assert_false(keptwords_word(&w, BASE - PIECE, &word));
    assert_true(keptwords_memory(&w) >= 8 * kept);
    keptwords_release(&w);
}

static void groups_come_in_order_and_pages_that_lack_are_passed(void **state)
{
    uint64_t at = 0, kept = 0;
    struct keptwords_group g;
    struct keptwords w;

    (void)state;
    fill(&w);
    while (keptwords_next(&w, at, UINT64_MAX, &g)) {
        uint64_t start = g.start - BASE;
        uint32_t page = (uint32_t)((start >= 300 * PAGE ? start - 2 * PIECE : start) / PAGE);

        assert_true(g.start >= at && there[page]);
        for (uint32_t i = 0, n = 0; i < 64; i++) {
            uint32_t word = (uint32_t)(g.start % PAGE / 8) + i;

            assert_int_equal(g.bits >> i & 1, is_kept(page, word));
            if (g.bits >> i & 1)
                assert_int_equal(g.values[n++], memory[page][word]);
        }
        kept += (uint64_t)__builtin_popcountll(g.bits);
        at = g.start + 512;
    }
    assert_int_equal(kept, w.parts[0].count + w.parts[1].count);
    assert_false(keptwords_next(&w, BASE + 300 * PAGE, BASE + 2 * PIECE, &g));
    keptwords_release(&w);
}

static void nothing_is_found_in_nothing(void **state)
{
    struct keptwords_group g;
    struct keptwords w;
    uint64_t word;

    (void)state;
    keptwords_init(&w);
    assert_true(keptwords_seal(&w));
    assert_false(keptwords_word(&w, BASE, &word));
    assert_false(keptwords_next(&w, 0, UINT64_MAX, &g));
    keptwords_release(&w);
}

/* --------------------------------------------------------------- a process -- */

#define ARENA (UINT64_C(80) << 20)

struct world {
    struct model model;
    struct collector collector;
    struct stopped stopped;
    struct heapcopy look;
    struct leaklive live;
    struct leakroot root;
    struct leakroots roots;
    pid_t pid;
    uint8_t *arena;
};

static void put(struct world *w, const void *at, uint64_t size)
{
    struct livetable_block b = {.address = (uint64_t)(uintptr_t)at, .size = size, .site = 1}, old;

    assert_int_equal(livetable_put(&w->model.live, livetable_hash(b.address), &b, &old),
                     LIVETABLE_ADDED);
}

/* Forks a child, which has what is in the arena, and holds it. */
static void hold(struct world *w)
{
    w->pid = fork();
    assert_true(w->pid >= 0);
    if (w->pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        for (;;)
            pause();
    }
    assert_int_equal(stop_threads(&w->stopped, w->pid, NULL, STOP_AUTO, NULL), 0);
    assert_int_equal(heapcopy_look(&w->look, &w->stopped, NULL, 0, NULL), 0);
    assert_int_equal(leaklive_take(&w->live, &w->collector, NULL, NULL), 0);
    w->roots.rows = &w->root;
    w->roots.count = w->root.size != 0;
}

static int take_or_say(struct world *w, struct keptwords *words, struct error *e)
{
    const struct keptwords_source source = {.look = &w->look, .live = &w->live, .roots = &w->roots};

    return keptwords_take(words, &source, e);
}

static int take(struct world *w, struct keptwords *words)
{
    return take_or_say(w, words, NULL);
}

static void let_go(struct world *w)
{
    heapcopy_release(&w->look);
    leaklive_release(&w->live);
    stop_resume(&w->stopped);
    stop_release(&w->stopped);
    kill(w->pid, SIGKILL);
    waitpid(w->pid, NULL, 0);
}

static void set_up(struct world *w)
{
    memset(w, 0, sizeof *w);
    model_init(&w->model, 1000, 0, 1000);
    w->collector.model = &w->model;
    w->arena = mmap(NULL, ARENA, PROT_READ | PROT_WRITE,
                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    assert_true(w->arena != MAP_FAILED);
}

static void tear_down(struct world *w)
{
    model_release(&w->model);
    munmap(w->arena, ARENA);
}

static uint64_t *words_at(const struct world *w, uint64_t offset)
{
    return (uint64_t *)(void *)(w->arena + offset);
}

static uint64_t number(const void *p)
{
    return (uint64_t)(uintptr_t)p;
}

static bool has(const struct keptwords *words, const uint64_t *at)
{
    uint64_t word;

    return keptwords_word(words, number(at), &word) && word == *at;
}

static void what_matters_of_a_process_is_kept(void **state)
{
    struct keptwords words;
    struct world w;

    (void)state;
    set_up(&w);
    put(&w, w.arena + 64, 64);
    put(&w, w.arena + PIECE - 16, 3 * PAGE); /* into the next piece */
    put(&w, w.arena + 20 * PIECE, 57);
    *words_at(&w, 64) = number(w.arena + PIECE);
    *words_at(&w, 72) = 12345;
    *words_at(&w, 10 * PAGE) = number(w.arena); /* in no block */
    *words_at(&w, PIECE + 2 * PAGE) = number(w.arena + 64);
    *words_at(&w, 20 * PIECE) = 49; /* the length of the rest */
    *words_at(&w, 20 * PIECE + 8) = 32;
    *words_at(&w, 30 * PIECE) = number(w.arena + 80); /* a root */
    *words_at(&w, 30 * PIECE + 8) = 1;
    w.root = (struct leakroot){.start = number(w.arena + 30 * PIECE), .size = 4 * PIECE};
    hold(&w);
    assert_int_equal(take(&w, &words), 0);
    assert_true(has(&words, words_at(&w, 64)));
    assert_false(has(&words, words_at(&w, 72)));
    assert_false(has(&words, words_at(&w, 10 * PAGE)));
    assert_true(has(&words, words_at(&w, PIECE + 2 * PAGE)));
    assert_true(has(&words, words_at(&w, 20 * PIECE)));
    assert_true(has(&words, words_at(&w, 20 * PIECE + 8))); /* a capacity, too */
    assert_true(has(&words, words_at(&w, 30 * PIECE)));
    assert_false(has(&words, words_at(&w, 30 * PIECE + 8)));
    assert_int_equal(words.unreadable_bytes, 0);
    keptwords_release(&words);
    let_go(&w);
    tear_down(&w);
}

/* Every word of 8 MiB refers to a block, and finding them takes memory, too. */
static void words_that_outgrow_memory_are_given_up(void **state)
{
    const uint64_t size = UINT64_C(8) << 20;
    struct keptwords words;
    struct error e = {0};
    struct world w;

    (void)state;
    set_up(&w);
    put(&w, w.arena, size);
    for (uint64_t at = 0; at < size; at += 8)
        *words_at(&w, at) = number(w.arena) + at;
    hold(&w);
    available = size;
    assert_int_equal(take_or_say(&w, &words, &e), -1);
    assert_int_equal(e.kind, ERROR_MEMORY);
    assert_non_null(strstr(e.text, "8 MiB that are available"));
    available = size + size / 4; /* one part has all of it */
    assert_int_equal(take(&w, &words), 0);
    assert_true(has(&words, words_at(&w, size - 8)));
    keptwords_release(&words);
    available = UINT64_MAX;
    let_go(&w);
    tear_down(&w);
}

static void every_allocation_may_fail(void **state)
{
    struct keptwords words;
    struct world w;
    uint64_t n;

    (void)state;
    set_up(&w);
    for (uint64_t at = 0; at < 20 * PIECE; at += PIECE / 2) {
        *words_at(&w, at) = number(w.arena);
        put(&w, w.arena + at, 64);
    }
    w.root = (struct leakroot){.start = number(w.arena + 30 * PIECE), .size = PAGE};
    hold(&w);
    for (n = 0;; n++) {
        struct error e = {0};
        int result;

        memory_fail_after(n);
        result = take_or_say(&w, &words, &e);
        memory_suffices();
        if (result == 0)
            break;
        assert_int_equal(e.kind, ERROR_MEMORY);
        assert_true(e.text[0]);
        assert_true(n < 100);
    }
    assert_true(n >= 5);
    assert_true(has(&words, words_at(&w, 19 * PIECE)));
    keptwords_release(&words);
    let_go(&w);
    tear_down(&w);
}

/* What exceptions look at may lie on two pages, the second of which the other thread reads. */
static void a_blocks_first_words_may_be_read_by_two_threads(void **state)
{
    const uint64_t half = ARENA / 2, size = 57;
    struct keptwords words;
    struct world w;
    uint64_t middle;

    (void)state;
    set_up(&w);
    memset(w.arena, 0x11, ARENA); /* all of it is there */
    /* blocks at the last word of each piece about the middle */
    for (middle = half - 8 * PIECE; middle < half + 8 * PIECE; middle += 8) {
        uint64_t end = number(w.arena) + middle + 8;

        if (end % PIECE != 0)
            continue;
        *words_at(&w, middle) = 20;
        *words_at(&w, middle + 8) = size - 25;
        put(&w, w.arena + middle, size);
    }
    w.root = (struct leakroot){.start = number(w.arena), .size = ARENA};
    hold(&w);
    assert_int_equal(take(&w, &words), 0);
    assert_true(words.parts[0].piece_count > 8 && words.parts[1].piece_count > 8);
    for (middle = half - 8 * PIECE; middle < half + 8 * PIECE; middle += 8)
        if ((number(w.arena) + middle + 8) % PIECE == 0)
            assert_true(has(&words, words_at(&w, middle)) && has(&words, words_at(&w, middle + 8)));
    keptwords_release(&words);
    let_go(&w);
    tear_down(&w);
}

/* Two threads, and pages that cannot be read where they were a moment ago. */
static void much_is_read_by_two_threads_and_what_faults_is_counted(void **state)
{
    struct keptwords words;
    struct world w;
    uint64_t found = 0;

    (void)state;
    set_up(&w);
    for (uint64_t at = 0; at + 2048 <= ARENA; at += 2048) {
        *words_at(&w, at) = number(w.arena + next() % ARENA);
        put(&w, w.arena + at, 2048);
    }
    hold(&w);
    /* a mapping of which the look does not know that it ends */
    for (uint32_t i = 0; i < w.look.extent_count; i++)
        if (w.look.extents[i].address == number(w.arena))
            w.look.extents[i].size += 2 * PAGE;
    w.root = (struct leakroot){.start = number(w.arena + ARENA), .size = 2 * PAGE};
    w.roots.count = 1;
    assert_int_equal(take(&w, &words), 0);
    assert_true(words.parts[0].count && words.parts[1].count);
    for (uint64_t at = 0; at + 2048 <= ARENA; at += 2048)
        found += has(&words, words_at(&w, at));
    assert_int_equal(found, ARENA / 2048);
    assert_true(words.bytes + words.unreadable_bytes >= ARENA + 2 * PAGE);
    keptwords_release(&words);
    let_go(&w);
    tear_down(&w);
}

static void a_process_that_is_gone_is_an_error(void **state)
{
    struct keptwords words;
    struct world w;

    (void)state;
    set_up(&w);
    put(&w, w.arena, 64);
    *words_at(&w, 0) = 1;
    hold(&w);
    kill(w.pid, SIGKILL);
    waitpid(w.pid, NULL, 0);
    assert_int_equal(take(&w, &words), -1);
    let_go(&w);
    tear_down(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_are_found_by_address),
        cmocka_unit_test(groups_come_in_order_and_pages_that_lack_are_passed),
        cmocka_unit_test(nothing_is_found_in_nothing),
        cmocka_unit_test(what_matters_of_a_process_is_kept),
        cmocka_unit_test(words_that_outgrow_memory_are_given_up),
        cmocka_unit_test(every_allocation_may_fail),
        cmocka_unit_test(a_blocks_first_words_may_be_read_by_two_threads),
        cmocka_unit_test(much_is_read_by_two_threads_and_what_faults_is_counted),
        cmocka_unit_test(a_process_that_is_gone_is_an_error),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
