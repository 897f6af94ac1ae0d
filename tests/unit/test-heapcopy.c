// SPDX-License-Identifier: Apache-2.0
/* Copies of children whose memory is known, since they were forked when it had been made. */
#include "src/host/memory/availmem.h"
#include "src/host/process/presentpages.h"
#include "src/host/search/heapcopy.h"
#include "tests/unit/fixture.h"

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define PAGE 4096u
#define MIB ((size_t)1 << 20)
#define GIB ((size_t)1 << 30)
#define WORD UINT64_C(0x1234567890abcdef)

static uint64_t in_data = WORD + 1, in_bss;

/* The loader writes it, if the test is relocated, and nobody after it. */
static const void *const volatile relocated[1] = {&in_data};

static uint64_t number(const void *p)
{
    return (uint64_t)(uintptr_t)p;
}

static void *map(size_t bytes, int protection, int flags)
{
    void *at = mmap(NULL, bytes, protection, flags | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    assert_true(at != MAP_FAILED);
    return at;
}

/* A child that has what this process has, and stays. */
static pid_t child(void)
{
    pid_t pid = fork();

    assert_true(pid >= 0);
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        for (;;)
            pause();
    }
    return pid;
}

static void end(pid_t pid)
{
    kill(pid, SIGKILL);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
}

static void take(struct heapcopy *c, pid_t pid, const struct heap_range *ours, uint32_t count)
{
    struct stopped s;
    struct error e = {.text = ""};

    assert_int_equal(stop_threads(&s, pid, NULL, STOP_AUTO, &e), 0);
    if (heapcopy_take(c, &s, ours, count, NULL, &e) != 0)
        fail_msg("%s", e.text);
    stop_resume(&s);
    stop_release(&s);
}

static bool holds(struct heapcopy *c, const uint64_t *at, uint64_t value)
{
    uint64_t read = 0;

    return heapcopy_read(c, number(at), &read, sizeof(read)) && read == value;
}

static bool lacks(struct heapcopy *c, const void *at)
{
    char byte;

    return !heapcopy_read(c, number(at), &byte, 1);
}

static void extents_are_in_order(const struct heapcopy *c)
{
    uint64_t last = 0, bytes = 0, copied = 0;

    for (uint32_t i = 0; i < c->extent_count; i++) {
        assert_true(c->extents[i].address >= last && c->extents[i].size > 0);
        last = c->extents[i].address + c->extents[i].size;
        bytes += c->extents[i].size;
    }
    for (uint32_t i = 0; i < c->mapping_count; i++)
        copied += c->mappings[i].copied;
    assert_int_equal(bytes, c->bytes);
    assert_int_equal(copied, c->bytes + c->unreadable_bytes);
}

static void what_is_there_is_copied(void **state)
{
    uint64_t *heap = malloc(1000), local = WORD + 3, *mapped;
    struct heapcopy c;
    pid_t pid;

    (void)state;
    mapped = map(64 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE);
    heap[5] = WORD;
    in_data++;
    in_bss = WORD + 2;
    mapped[3 * 512 + 1] = WORD + 4; /* in page 3 */
    pid = child();
    take(&c, pid, NULL, 0);
    assert_true(holds(&c, &heap[5], WORD));
    assert_true(holds(&c, &in_data, WORD + 2));
    assert_true(holds(&c, &in_bss, WORD + 2));
    assert_true(holds(&c, &local, WORD + 3));
    assert_true(holds(&c, (const uint64_t *)(const void *)relocated, number(&in_data)));
    assert_true(holds(&c, &mapped[3 * 512 + 1], WORD + 4));
    assert_true(lacks(&c, &mapped[2 * 512]));
    assert_true(lacks(&c, NULL));
    assert_true(lacks(&c, (void *)UINTPTR_MAX));
    assert_int_equal(heapcopy_mapping(&c, number(&local))->kind, HEAP_MAPPING_STACK);
    assert_int_equal(heapcopy_mapping(&c, number(&in_data))->kind, HEAP_MAPPING_FILE);
    assert_non_null(strstr(heapcopy_mapping(&c, number(&in_data))->path, "test-heapcopy"));
    assert_int_equal(heapcopy_mapping(&c, number(mapped))->kind, HEAP_MAPPING_ANONYMOUS);
    assert_null(heapcopy_mapping(&c, 16));
    assert_int_equal(c.unreadable_bytes, 0);
    extents_are_in_order(&c);
    heapcopy_release(&c);
    end(pid);
    munmap(mapped, 64 * PAGE);
    free(heap);
}

static void pieces_follow_each_other(void **state)
{
    uint8_t *mapped = map(8 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE);
    struct leakgraph_reader reader;
    struct heapcopy c;
    const uint8_t *bytes;
    uint64_t size;
    pid_t pid;

    (void)state;
    memset(mapped + PAGE, 7, 2 * PAGE);
    memset(mapped + 5 * PAGE, 8, PAGE);
    pid = child();
    take(&c, pid, NULL, 0);
    reader = heapcopy_reader(&c);
    bytes = reader.bytes(reader.context, number(mapped) + PAGE + 8, &size);
    assert_non_null(bytes);
    assert_int_equal(size, 2 * PAGE - 8);
    assert_int_equal(bytes[size - 1], 7);
    assert_null(reader.bytes(reader.context, number(mapped) + 3 * PAGE, &size));
    assert_int_equal(size, 2 * PAGE);
    bytes = reader.bytes(reader.context, number(mapped) + 5 * PAGE, &size);
    assert_int_equal(bytes[0], 8);
    assert_null(reader.bytes(reader.context, UINT64_MAX - 4096, &size));
    assert_int_equal(size, 0);
    heapcopy_release(&c);
    end(pid);
    munmap(mapped, 8 * PAGE);
}

static void protection_decides(void **state)
{
    uint8_t *mapped = map(6 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE);
    struct heapcopy c;
    pid_t pid;

    (void)state;
    for (int i = 0; i < 6; i++)
        *(uint64_t *)(void *)(mapped + (size_t)i * PAGE) = WORD;
    mprotect(mapped + PAGE, PAGE, PROT_NONE);
    mprotect(mapped + 3 * PAGE, PAGE, PROT_READ);
    pid = child();
    take(&c, pid, NULL, 0);
    assert_true(holds(&c, (uint64_t *)(void *)mapped, WORD));
    assert_true(lacks(&c, mapped + PAGE));
    assert_true(holds(&c, (uint64_t *)(void *)(mapped + 2 * PAGE), WORD));
    assert_true(holds(&c, (uint64_t *)(void *)(mapped + 3 * PAGE), WORD));
    assert_int_equal(c.unreadable_bytes, 0);
    heapcopy_release(&c);
    end(pid);
    munmap(mapped, 6 * PAGE);
}

static void shared_memory_is_copied_and_files_are_not(void **state)
{
    int file = memfd_create("shared", 0);
    uint64_t *shared = map(16 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED);
    uint64_t *of_file, *private_file;
    struct heapcopy c;
    pid_t pid;

    (void)state;
    assert_int_equal(ftruncate(file, 4 * PAGE), 0);
    of_file = mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    private_file = mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, file, 0);
    of_file[0] = WORD;
    private_file[512] = WORD;
    assert_int_equal(private_file[0], WORD); /* there, but the file's */
    pid = child();
    shared[512] = WORD + 1; /* not in the child's page tables */
    take(&c, pid, NULL, 0);
    assert_true(holds(&c, &shared[512], WORD + 1));
    assert_true(lacks(&c, of_file));
    assert_true(lacks(&c, private_file));
    assert_true(holds(&c, &private_file[512], WORD));
    heapcopy_release(&c);
    end(pid);
    munmap(shared, 16 * PAGE);
    munmap(of_file, 4 * PAGE);
    munmap(private_file, 4 * PAGE);
    close(file);
}

/* KiB that are there of a mapping: counted page by page, while the process's own number also has
 * what a new child touches on its way to pause(). */
static unsigned long resident(pid_t pid, const void *mapping)
{
    unsigned long start, end, kib = 0;
    bool within = false, found = false;
    char line[512];
    FILE *file;

    snprintf(line, sizeof(line), "/proc/%d/smaps", (int)pid);
    file = fopen(line, "r");
    assert_non_null(file);
    while (!found && fgets(line, sizeof(line), file)) {
        if (sscanf(line, "%lx-%lx ", &start, &end) == 2)
            within = number(mapping) >= start && number(mapping) < end;
        found = within && sscanf(line, "Rss: %lu kB", &kib) == 1;
    }
    fclose(file);
    assert_true(found);
    return kib;
}

static void a_sparse_mapping_stays_sparse(void **state)
{
    const size_t bytes = 100 * GIB;
    uint8_t *mapped = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
                           MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    const struct heap_mapping *m;
    unsigned long before;
    uint64_t touched = 0;
    struct heapcopy c;
    pid_t pid;

    (void)state;
    if (mapped == MAP_FAILED)
        skip(); /* no room for so large an address space */
    madvise(mapped, bytes, MADV_NOHUGEPAGE);
    for (size_t at = GIB / 2; at < bytes; at += GIB, touched += PAGE)
        *(uint64_t *)(void *)(mapped + at) = WORD + at;
    pid = child();
    take(&c, pid, NULL, 0);
    heapcopy_release(&c);
    before = resident(pid, mapped);
    take(&c, pid, NULL, 0);
    m = heapcopy_mapping(&c, number(mapped));
    assert_int_equal(m->copied, touched);
    assert_true(
        holds(&c, (uint64_t *)(void *)(mapped + GIB / 2 + 7 * GIB), WORD + GIB / 2 + 7 * GIB));
    assert_true(lacks(&c, mapped));
    assert_int_equal(resident(pid, mapped), before);
    assert_int_equal(before, touched / 1024);
    heapcopy_release(&c);
    end(pid);
    munmap(mapped, bytes);
}

#define RUNS 700u /* more than the kernel handles in one go */

struct runs {
    uint64_t start[RUNS + 1], end[RUNS + 1];
    uint32_t count;
};

static bool note_run(void *context, uint64_t start, uint64_t end_)
{
    struct runs *r = context;

    if (r->count && r->end[r->count - 1] == start) {
        r->end[r->count - 1] = end_;
        return true;
    }
    if (r->count == RUNS + 1)
        return false;
    r->start[r->count] = start;
    r->end[r->count++] = end_;
    return true;
}

/* The two ways to ask the kernel, where it has both. */
static void pages_are_found_either_way(void **state)
{
    static struct runs runs[2];
    uint8_t *mapped = map(RUNS * MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE);
    struct presentpages p;
    pid_t pid;
    bool scan;

    (void)state;
    madvise(mapped, RUNS * MIB, MADV_NOHUGEPAGE);
    for (size_t i = 0; i < RUNS; i++)
        memset(mapped + i * MIB + PAGE, 1, (i % 20 + 1) * PAGE);
    memset(mapped + 512 * MIB - PAGE, 1, PAGE); /* where the entries' buffer ends */
    pid = child();
    assert_int_equal(presentpages_init(&p, pid, NULL), 0);
    scan = p.scan;
    for (int i = 0; i < 2; i++) {
        p.scan = scan && i == 0;
        assert_true(presentpages_find(&p, number(mapped), number(mapped) + RUNS * MIB, true,
                                      note_run, &runs[i]));
        assert_int_equal(runs[i].count, RUNS + 1);
    }
    assert_memory_equal(runs[0].start, runs[1].start, sizeof(runs[0].start));
    assert_memory_equal(runs[0].end, runs[1].end, sizeof(runs[0].end));
    presentpages_release(&p);
    end(pid);
    munmap(mapped, RUNS * MIB);
}

static void our_own_is_left_out(void **state)
{
    uint64_t *mapped = map(8 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE);
    struct heap_range ours[2];
    struct heapcopy c;
    pid_t pid;

    (void)state;
    for (size_t i = 0; i < 8; i++)
        mapped[512 * i] = WORD + i;
    ours[0] = (struct heap_range){number(&mapped[512 * 5]), number(&mapped[512 * 5 + 256])};
    ours[1] = (struct heap_range){number(&mapped[512 * 2]), number(&mapped[512 * 4])};
    pid = child();
    take(&c, pid, ours, 2);
    for (size_t i = 0; i < 8; i++)
        assert_int_equal(holds(&c, &mapped[512 * i], WORD + i), i != 2 && i != 3 && i != 5);
    assert_true(holds(&c, &mapped[512 * 5 + 256], 0));
    assert_null(heapcopy_mapping(&c, number(&mapped[512 * 3])));
    extents_are_in_order(&c);
    heapcopy_release(&c);
    end(pid);
    munmap(mapped, 8 * PAGE);
}

/* What the copy must live with where not all threads could be stopped. */
static void memory_may_go_while_it_is_copied(void **state)
{
    uint8_t *mapped = map(64 * MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE);
    struct stopped s = {.pid = 0};
    struct heapcopy c;
    uint64_t unreadable = 0;

    (void)state;
    madvise(mapped, 64 * MIB, MADV_NOHUGEPAGE);
    memset(mapped, 1, 64 * MIB);
    s.pid = fork();
    if (s.pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        for (unsigned i = 0;; i = i * 1103515245 + 12345) {
            uint8_t *at = mapped + (size_t)(i >> 8) % 16000 * PAGE;

            munmap(at, 64 * PAGE);
            mmap(at, 64 * PAGE, PROT_READ | PROT_WRITE,
                 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_POPULATE, -1, 0);
        }
    }
    for (int i = 0; i < 15; i++) {
        assert_int_equal(heapcopy_take(&c, &s, NULL, 0, NULL, NULL), 0);
        extents_are_in_order(&c);
        unreadable += c.unreadable_bytes;
        heapcopy_release(&c);
    }
    print_message("%llu bytes went away meanwhile\n", (unsigned long long)unreadable);
    end(s.pid);
    munmap(mapped, 64 * MIB);
}

static void no_process_is_an_error(void **state)
{
    struct stopped s = {.pid = child()};
    struct heapcopy c;
    struct error e;

    (void)state;
    end(s.pid);
    assert_int_equal(heapcopy_take(&c, &s, NULL, 0, NULL, &e), -1);
    assert_int_equal(heapcopy_take(&c, &s, NULL, 0, NULL, NULL), -1);
}

static void the_tightest_limit_counts(void **state)
{
    struct fixture *f = *state;
    char proc[128], groups[128];

    fixture_run(f, "mkdir -p proc/self cg/a/b cg/memory/x");
    snprintf(proc, sizeof(proc), "%s/proc", f->folder);
    snprintf(groups, sizeof(groups), "%s/cg", f->folder);
    assert_true(availmem_bytes_at(proc, groups) == UINT64_MAX);
    fixture_write(f, "proc/meminfo", "MemTotal: 9000 kB\nMemAvailable:    1000 kB\n");
    assert_int_equal(availmem_bytes_at(proc, groups), 1024000);
    fixture_write(f, "proc/self/cgroup", "0::/a/b\n");
    assert_int_equal(availmem_bytes_at(proc, groups), 1024000);
    fixture_write(f, "cg/a/b/memory.max", "max\n");
    fixture_write(f, "cg/a/b/memory.current", "5000\n");
    fixture_write(f, "cg/a/memory.max", "10000\n");
    fixture_write(f, "cg/a/memory.current", "9000\n");
    assert_int_equal(availmem_bytes_at(proc, groups), 1000);
    fixture_write(f, "cg/a/memory.stat", "anon 1\ninactive_file 500\n");
    assert_int_equal(availmem_bytes_at(proc, groups), 1500);
    fixture_write(f, "proc/self/cgroup", "4:memory:/x\n0::/a/b\n1:name=systemd:/\n");
    fixture_write(f, "cg/memory/x/memory.limit_in_bytes", "100\n");
    fixture_write(f, "cg/memory/x/memory.usage_in_bytes", "200\n");
    assert_int_equal(availmem_bytes_at(proc, groups), 0);
    assert_true(availmem_bytes() > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_there_is_copied),
        cmocka_unit_test(pieces_follow_each_other),
        cmocka_unit_test(protection_decides),
        cmocka_unit_test(shared_memory_is_copied_and_files_are_not),
        cmocka_unit_test(a_sparse_mapping_stays_sparse),
        cmocka_unit_test(pages_are_found_either_way),
        cmocka_unit_test(our_own_is_left_out),
        cmocka_unit_test(memory_may_go_while_it_is_copied),
        cmocka_unit_test(no_process_is_an_error),
        cmocka_unit_test_setup_teardown(the_tightest_limit_counts, fixture_setup, fixture_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
