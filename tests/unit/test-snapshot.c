// SPDX-License-Identifier: Apache-2.0
#include "src/host/graph/leakkind.h"
#include "src/host/memory/buffer.h"
#include "src/host/profile/checksum.h"
#include "src/host/profile/snapshot-format.h"
#include "src/host/profile/snapshot.h"
#include "src/shared/record.h"
#include "tests/unit/sample-profile.h"

#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zstd.h>

#include <cmocka.h>

#define STACKS 9u /* of the small sample */

/* ------------------------------------------------------- comparing -- */

static void assert_time(double a, double b)
{
    assert_true(fabs(a - b) <= 0.6e-6);
}

static void assert_rows(const void *a, const void *b, size_t bytes)
{
    assert_memory_equal(a, b, bytes);
}

static void assert_same_process(const struct profile *a, const struct profile *b)
{
    assert_int_equal(a->process.program, b->process.program);
    assert_int_equal(a->process.executable, b->process.executable);
    assert_int_equal(a->process.command, b->process.command);
    assert_int_equal(a->process.host, b->process.host);
    assert_int_equal(a->process.memprof_version, b->process.memprof_version);
    assert_int_equal(a->process.allocator, b->process.allocator);
    assert_int_equal(a->process.pid, b->process.pid);
    assert_int_equal(a->process.started_unix, b->process.started_unix);
    assert_int_equal(a->process.exit_kind, b->process.exit_kind);
    assert_int_equal(a->process.exit_value, b->process.exit_value);
    assert_time(a->process.seconds, b->process.seconds);
}

static void assert_same_sites(const struct profile *a, const struct profile *b)
{
    assert_int_equal(a->site_count, b->site_count);
    for (uint32_t i = 0; i < a->site_count; i++) {
        assert_int_equal(a->sites[i].node, b->sites[i].node);
        assert_int_equal(a->sites[i].thread, b->sites[i].thread);
        assert_int_equal(a->sites[i].domain, b->sites[i].domain);
        assert_time(a->sites[i].first_seconds, b->sites[i].first_seconds);
        assert_time(a->sites[i].last_seconds, b->sites[i].last_seconds);
        assert_rows(&a->sites[i].stats, &b->sites[i].stats, sizeof a->sites[i].stats);
    }
}

static void assert_same_strings(const struct profile *a, const struct profile *b)
{
    assert_int_equal(a->strings.count, b->strings.count);
    for (uint32_t i = 0; i < a->strings.count; i++)
        assert_string_equal(profile_text(a, i), profile_text(b, i));
}

static void assert_same_samples(const struct profile *a, const struct profile *b)
{
    assert_int_equal(a->sample_count, b->sample_count);
    for (uint32_t i = 0; i < a->sample_count; i++) {
        assert_time(a->samples[i].seconds, b->samples[i].seconds);
        assert_int_equal(a->samples[i].live_bytes, b->samples[i].live_bytes);
        assert_int_equal(a->samples[i].live_blocks, b->samples[i].live_blocks);
        assert_int_equal(a->samples[i].rss_bytes, b->samples[i].rss_bytes);
    }
}

/* Everything but the timeline and `incomplete`, which a cut file may lack and set. */
static void assert_same_body(const struct profile *a, const struct profile *b)
{
    struct profile_totals totals = b->totals;

    assert_same_process(a, b);
    assert_time(a->totals.peak_seconds, b->totals.peak_seconds);
    totals.peak_seconds = a->totals.peak_seconds;
    assert_rows(&a->totals, &totals, sizeof totals);
    assert_rows(&a->loss, &b->loss, sizeof a->loss);
    assert_same_strings(a, b);
    assert_int_equal(a->module_count, b->module_count);
    assert_rows(a->modules, b->modules, a->module_count * sizeof *a->modules);
    assert_int_equal(a->line_count, b->line_count);
    assert_rows(a->lines, b->lines, a->line_count * sizeof *a->lines);
    assert_int_equal(a->frame_count, b->frame_count);
    assert_rows(a->frames, b->frames, a->frame_count * sizeof *a->frames);
    assert_int_equal(a->node_count, b->node_count);
    assert_rows(a->nodes, b->nodes, a->node_count * sizeof *a->nodes);
    assert_int_equal(a->thread_count, b->thread_count);
    assert_rows(a->threads, b->threads, a->thread_count * sizeof *a->threads);
    assert_same_sites(a, b);
    assert_int_equal(a->domain_count, b->domain_count);
    assert_rows(a->domains, b->domains, a->domain_count * sizeof *a->domains);
}

static void assert_same_moment(const struct profile *a, const struct profile *b, uint32_t i)
{
    struct profile_moment moment = b->moments[i];

    assert_time(a->moments[i].seconds, moment.seconds);
    moment.seconds = a->moments[i].seconds;
    assert_rows(&a->moments[i], &moment, sizeof moment);
    assert_int_equal(a->changes[i].size, b->changes[i].size);
    assert_rows(a->changes[i].bytes, b->changes[i].bytes, (size_t)a->changes[i].size);
}

static void assert_same_marks(const struct profile *a, const struct profile *b)
{
    assert_int_equal(a->mark_count, b->mark_count);
    for (uint32_t i = 0; i < a->mark_count; i++) {
        struct profile_mark mark = b->marks[i];

        assert_time(a->marks[i].seconds, mark.seconds);
        mark.seconds = a->marks[i].seconds;
        assert_rows(&a->marks[i], &mark, sizeof mark);
    }
}

static void assert_same_faults(const struct profile *a, const struct profile *b)
{
    assert_int_equal(a->fault_count, b->fault_count);
    for (uint32_t i = 0; i < a->fault_count; i++) {
        struct profile_fault fault = b->faults[i];

        assert_time(a->faults[i].seconds, fault.seconds);
        fault.seconds = a->faults[i].seconds;
        assert_rows(&a->faults[i], &fault, sizeof fault);
    }
}

static void assert_same_heap(const struct profile *a, const struct profile *b)
{
    struct profile_heap heap = b->heap;

    assert_time(a->heap.seconds, heap.seconds);
    heap.seconds = a->heap.seconds;
    assert_rows(&a->heap, &heap, sizeof heap);
    assert_int_equal(a->size_count, b->size_count);
    assert_rows(a->sizes, b->sizes, a->size_count * sizeof *a->sizes);
    assert_int_equal(a->class_count, b->class_count);
    assert_rows(a->classes, b->classes, a->class_count * sizeof *a->classes);
    assert_int_equal(a->pool_count, b->pool_count);
    assert_rows(a->pools, b->pools, a->pool_count * sizeof *a->pools);
    assert_int_equal(a->pin_count, b->pin_count);
    assert_rows(a->pins, b->pins, a->pin_count * sizeof *a->pins);
    assert_int_equal(a->snapshot_pool_count, b->snapshot_pool_count);
    assert_rows(a->snapshot_pools, b->snapshot_pools,
                a->snapshot_pool_count * sizeof *a->snapshot_pools);
}

static void assert_same_search(const struct profile *a, const struct profile *b)
{
    struct profile_search search = b->search;

    assert_time(a->search.seconds, search.seconds);
    assert_time(a->search.held_seconds, search.held_seconds);
    search.seconds = a->search.seconds;
    search.held_seconds = a->search.held_seconds;
    assert_rows(&a->search, &search, sizeof search);
    assert_int_equal(a->leak_count, b->leak_count);
    assert_rows(a->leaks, b->leaks, a->leak_count * sizeof *a->leaks);
    assert_int_equal(a->block_count, b->block_count);
    assert_rows(a->blocks, b->blocks, a->block_count * sizeof *a->blocks);
    assert_int_equal(a->pointer_count, b->pointer_count);
    assert_rows(a->pointers, b->pointers, a->pointer_count * sizeof *a->pointers);
    assert_int_equal(a->root_count, b->root_count);
    assert_rows(a->roots, b->roots, a->root_count * sizeof *a->roots);
    assert_int_equal(a->exception_count, b->exception_count);
    assert_rows(a->exceptions, b->exceptions, a->exception_count * sizeof *a->exceptions);
    assert_int_equal(a->content_count, b->content_count);
    assert_rows(a->contents, b->contents, a->content_count * sizeof *a->contents);
    assert_int_equal(a->duplicate_count, b->duplicate_count);
    assert_rows(a->duplicates, b->duplicates, a->duplicate_count * sizeof *a->duplicates);
}

static void assert_same(const struct profile *a, const struct profile *b)
{
    assert_same_body(a, b);
    assert_same_samples(a, b);
    assert_same_marks(a, b);
    assert_same_faults(a, b);
    assert_same_heap(a, b);
    assert_same_search(a, b);
    assert_int_equal(a->moment_count, b->moment_count);
    for (uint32_t i = 0; i < a->moment_count; i++)
        assert_same_moment(a, b, i);
    assert_int_equal(a->incomplete, b->incomplete);
}

/* --------------------------------------------------------- fixture -- */

struct fixture {
    struct profile profile;
    void *bytes;
    size_t size;
    char directory[64];
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);

    if (!f || !sample_profile_init(&f->profile, STACKS))
        return -1;
    strcpy(f->directory, "/tmp/memprof-test-XXXXXX");
    if (!mkdtemp(f->directory))
        return -1;
    *state = f;
    return snapshot_write_bytes(&f->profile, &f->bytes, &f->size, NULL);
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    rmdir(f->directory);
    free(f->bytes);
    profile_release(&f->profile);
    free(f);
    return 0;
}

static void assert_empty(const struct profile *p)
{
    assert_int_equal(p->strings.count, 0);
    assert_int_equal(p->node_count, 0);
    assert_null(p->sites);
    assert_int_equal(p->totals.total_bytes, 0);
}

static void assert_damaged(const void *bytes, size_t size)
{
    struct profile p;
    struct error e = {0};

    assert_int_equal(snapshot_read_bytes(&p, bytes, size, &e), -1);
    assert_int_equal(e.kind, ERROR_FORMAT);
    assert_true(strlen(e.text) > 10);
    assert_empty(&p);
}

/* ------------------------------------------------------ round trips -- */

static void what_is_written_is_read(void **state)
{
    struct fixture *f = *state;
    struct profile p;

    assert_int_equal(snapshot_read_bytes(&p, f->bytes, f->size, NULL), 0);
    assert_same(&p, &f->profile);
    profile_release(&p);
}

static void an_empty_profile_makes_the_trip(void **state)
{
    struct profile empty, p;
    void *bytes;
    size_t size;

    (void)state;
    profile_init(&empty);
    assert_int_equal(snapshot_write_bytes(&empty, &bytes, &size, NULL), 0);
    assert_int_equal(snapshot_read_bytes(&p, bytes, size, NULL), 0);
    assert_int_equal(p.site_count, 0);
    assert_int_equal(p.strings.count, 1);
    assert_false(p.incomplete);
    free(bytes);
    profile_release(&p);
    profile_release(&empty);
}

static void a_large_profile_makes_the_trip(void **state)
{
    struct profile large, p;
    void *bytes;
    size_t size;

    (void)state;
    assert_true(sample_profile_init(&large, 50000));
    large.incomplete = true;
    assert_int_equal(snapshot_write_bytes(&large, &bytes, &size, NULL), 0);
    assert_int_equal(snapshot_read_bytes(&p, bytes, size, NULL), 0);
    assert_same(&p, &large);
    free(bytes);
    profile_release(&p);
    profile_release(&large);
}

/* Uniform rows compress beyond what a reader accepts, and must be readable all the same. */
static void a_uniform_profile_makes_the_trip(void **state)
{
    struct profile uniform, p;
    const uint32_t rows = 3000000;
    void *bytes;
    size_t size;

    (void)state;
    profile_init(&uniform);
    uniform.samples = calloc(rows, sizeof *uniform.samples);
    assert_non_null(uniform.samples);
    uniform.sample_count = rows;
    assert_int_equal(snapshot_write_bytes(&uniform, &bytes, &size, NULL), 0);
    assert_int_equal(snapshot_read_bytes(&p, bytes, size, NULL), 0);
    assert_int_equal(p.sample_count, rows);
    assert_true(size < rows * sizeof(uint32_t) / 20); /* and not be stored as they are */
    free(bytes);
    profile_release(&p);
    profile_release(&uniform);
}

static void odd_times_are_tamed(void **state)
{
    struct fixture *f = *state;
    struct profile p;
    void *bytes;
    size_t size;

    f->profile.sites[0].first_seconds = NAN;
    f->profile.sites[1].first_seconds = -3.5;
    f->profile.sites[2].first_seconds = INFINITY;
    assert_int_equal(snapshot_write_bytes(&f->profile, &bytes, &size, NULL), 0);
    assert_int_equal(snapshot_read_bytes(&p, bytes, size, NULL), 0);
    assert_true(p.sites[0].first_seconds == 0.0);
    assert_true(p.sites[1].first_seconds == 0.0);
    assert_true(p.sites[2].first_seconds > 1e9);
    assert_time(p.sites[3].first_seconds, f->profile.sites[3].first_seconds);
    free(bytes);
    profile_release(&p);
}

/* ------------------------------------------------------------ damage -- */

static void a_file_cut_at_any_byte_is_recognised(void **state)
{
    struct fixture *f = *state;
    unsigned incomplete = 0;

    for (size_t size = 0; size < f->size; size++) {
        void *cut = malloc(size + 1); /* exact, so that a sanitizer sees any overrun */
        struct profile p;
        struct error e = {0};

        memcpy(cut, f->bytes, size);
        if (snapshot_read_bytes(&p, cut, size, &e) == 0) {
            assert_true(p.incomplete);
            assert_int_equal(p.cut.kind, CUT_SHORT);
            assert_int_equal(p.cut.file_size, size);
            assert_true(p.cut.offset <= size);
            assert_same_body(&p, &f->profile);
            assert_true(p.moment_count <= f->profile.moment_count);
            for (uint32_t i = 0; i < p.moment_count; i++)
                assert_same_moment(&p, &f->profile, i);
            incomplete++;
        } else {
            assert_int_equal(e.kind, ERROR_FORMAT);
            assert_empty(&p);
        }
        profile_release(&p);
        free(cut);
    }
    /* only timeline, marks, moments and the end marker may be missing */
    assert_true(incomplete > 3 * SNAPSHOT_SECTION_HEADER_BYTES);
    assert_true(incomplete < f->size * 3 / 4);
}

static void any_damaged_byte_is_recognised(void **state)
{
    struct fixture *f = *state;
    uint8_t *bytes = f->bytes;

    for (size_t i = 0; i < f->size; i++) {
        uint8_t sound = bytes[i];

        for (unsigned change = 0; change < 9; change++) {
            bytes[i] = change < 8 ? (uint8_t)(sound ^ 1u << change) : (uint8_t)~sound;
            assert_damaged(bytes, f->size);
        }
        bytes[i] = sound;
    }
}

static void other_files_are_refused(void **state)
{
    struct fixture *f = *state;
    uint8_t *longer = malloc(f->size + 1);

    assert_non_null(longer);
    assert_damaged("", 0);
    assert_damaged("\177ELF\2\1\1\0\0\0\0\0\0\0\0\0\0", 17);
    assert_damaged("#!/bin/sh\necho hello, this is no profile\n", 40);
    memcpy(longer, f->bytes, f->size);
    longer[f->size] = 0;
    assert_damaged(longer, f->size + 1);
    free(longer);
}

/* ---------------------------------------------- sound but hostile files -- */

static void put_header(struct buffer *b, uint32_t version)
{
    buffer_put(b, SNAPSHOT_MAGIC, SNAPSHOT_MAGIC_BYTES);
    buffer_put_u32(b, version);
    buffer_put_u32(b, checksum_crc32c(0, b->bytes, 12));
}

static void put_section(struct buffer *b, uint32_t type, uint32_t version, uint32_t encoding,
                        uint64_t raw_bytes, const void *stored, size_t stored_bytes)
{
    size_t start = b->used;

    buffer_put_u32(b, type);
    buffer_put_u32(b, version);
    buffer_put_u32(b, encoding);
    buffer_put_u32(b, checksum_crc32c(0, stored, stored_bytes));
    buffer_put_u64(b, stored_bytes);
    buffer_put_u64(b, raw_bytes);
    buffer_put_u32(b, checksum_crc32c(0, b->bytes + start, 32));
    buffer_put(b, stored, stored_bytes);
}

static void put_end(struct buffer *b)
{
    struct buffer offset;

    buffer_init(&offset);
    buffer_put_u64(&offset, b->used);
    put_section(b, SNAPSHOT_END, 1, SNAPSHOT_STORED, 8, offset.bytes, 8);
    buffer_release(&offset);
}

/* The sample with one section added before the end marker, which moves. */
static void with_section(const struct fixture *f, struct buffer *b, uint32_t type, uint32_t version)
{
    buffer_init(b);
    buffer_put(b, f->bytes, f->size - SNAPSHOT_SECTION_HEADER_BYTES - 8);
    put_section(b, type, version, SNAPSHOT_STORED, 5, "later", 5);
    put_end(b);
}

static void unknown_sections_are_skipped(void **state)
{
    struct fixture *f = *state;
    struct profile p;
    struct buffer b;

    with_section(f, &b, 4711, 99);
    assert_int_equal(snapshot_read_bytes(&p, b.bytes, b.used, NULL), 0);
    assert_same(&p, &f->profile);
    profile_release(&p);
    buffer_release(&b);
}

static void repeated_and_newer_sections_are_refused(void **state)
{
    struct fixture *f = *state;
    struct buffer b;

    with_section(f, &b, SNAPSHOT_NODES, 1);
    assert_damaged(b.bytes, b.used);
    buffer_release(&b);
    with_section(f, &b, SNAPSHOT_NODES, 2);
    assert_damaged(b.bytes, b.used);
    buffer_release(&b);
    buffer_init(&b);
    put_header(&b, SNAPSHOT_VERSION + 1);
    put_end(&b);
    assert_damaged(b.bytes, b.used);
    buffer_release(&b);
}

static void missing_sections_are_noticed(void **state)
{
    struct buffer b;

    (void)state;
    buffer_init(&b);
    put_header(&b, SNAPSHOT_VERSION);
    put_end(&b);
    assert_damaged(b.bytes, b.used);
    buffer_release(&b);
}

/* One section of `type` with this content in an otherwise empty file. */
static void assert_section_refused(uint32_t type, uint32_t encoding, uint64_t raw_bytes,
                                   const void *stored, size_t stored_bytes)
{
    struct error e = {0};
    struct profile p;
    struct buffer b;

    buffer_init(&b);
    put_header(&b, SNAPSHOT_VERSION);
    put_section(&b, type, 1, encoding, raw_bytes, stored, stored_bytes);
    put_end(&b);
    assert_int_equal(snapshot_read_bytes(&p, b.bytes, b.used, &e), -1);
    assert_int_equal(e.kind, ERROR_FORMAT);
    assert_null(strstr(e.text, "missing")); /* refused before the rest was missed */
    buffer_release(&b);
}

static void hostile_counts_and_sizes_are_refused(void **state)
{
    static const char huge[] = "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01";
    static const char wide[] = "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x7f";
    char zeros[64] = {0};

    (void)state;
    assert_section_refused(SNAPSHOT_NODES, SNAPSHOT_STORED, 10, huge, 10);
    assert_section_refused(SNAPSHOT_NODES, SNAPSHOT_STORED, 10, wide, 10);
    assert_section_refused(SNAPSHOT_NODES, SNAPSHOT_STORED, 5, "\xff\xff\xff\xff\x0f", 5);
    assert_section_refused(SNAPSHOT_NODES, SNAPSHOT_STORED, 4, "\x02\0\0", 3);
    assert_section_refused(SNAPSHOT_NODES, SNAPSHOT_STORED, 3, "\x02\0\0", 3);
    assert_section_refused(SNAPSHOT_NODES, SNAPSHOT_STORED, 0, "", 0);
    assert_section_refused(SNAPSHOT_NODES, 7, 3, "\x01\0\0", 3);
    assert_section_refused(SNAPSHOT_TOTALS, SNAPSHOT_STORED, 1, zeros, 1);
    assert_section_refused(SNAPSHOT_STRINGS, SNAPSHOT_STORED, 3, "one", 3);
    assert_section_refused(SNAPSHOT_SITES, SNAPSHOT_ZSTD, UINT64_MAX, zeros, 64);
    assert_section_refused(SNAPSHOT_SITES, SNAPSHOT_ZSTD, UINT64_C(1) << 40, zeros, 64);
    assert_section_refused(SNAPSHOT_SITES, SNAPSHOT_ZSTD, 4096, zeros, 64);
}

static void a_frame_that_unpacks_to_something_else_is_refused(void **state)
{
    char packed[128];
    size_t n = ZSTD_compress(packed, sizeof packed, "\x01\0\0\0\0\0", 6, 1);

    (void)state;
    assert_false(ZSTD_isError(n));
    assert_section_refused(SNAPSHOT_LINES, SNAPSHOT_ZSTD, 7, packed, n);
    assert_section_refused(SNAPSHOT_LINES, SNAPSHOT_ZSTD, 5, packed, n);
}

/* A profile is not written while this number of it leads nowhere. */
static void assert_loose(const struct profile *p, uint32_t *reference)
{
    uint32_t sound = *reference;
    struct error e;
    void *bytes;
    size_t size;

    *reference = 1000000;
    assert_int_equal(snapshot_write_bytes(p, &bytes, &size, &e), -1);
    assert_int_equal(e.kind, ERROR_FORMAT);
    assert_null(bytes);
    *reference = sound;
}

/* A profile that does not hold together is neither written nor read. */
static void loose_references_are_refused(void **state)
{
    struct fixture *f = *state;
    struct profile *p = &f->profile;
    uint32_t *loose[] = {
        &p->process.command,      &p->modules[1].path,  &p->lines[3].function,
        &p->lines[2].file,        &p->frames[1].module, &p->frames[4].first_line,
        &p->frames[5].line_count, &p->nodes[0].parent,  &p->nodes[2].parent,
        &p->nodes[4].parent,      &p->nodes[5].frame,   &p->sites[8].node,
        &p->sites[0].thread,      &p->threads[1].name,  &p->modules[0].build_id_size,
        &p->process.exit_kind,    &p->sites[2].domain};

    for (size_t i = 0; i < sizeof loose / sizeof loose[0]; i++)
        assert_loose(p, loose[i]);
}

static void loose_references_of_what_was_observed_are_refused(void **state)
{
    struct fixture *f = *state;
    struct profile *p = &f->profile;
    uint32_t *loose[] = {&p->moments[2].label,
                         &p->moments[0].kind,
                         &p->moments[1].cause,
                         &p->moments[0].number,
                         &p->marks[0].label,
                         &p->marks[1].thread,
                         &p->domains[3].name,
                         &p->moments[1].number,
                         &p->faults[0].kind,
                         &p->faults[1].allocated_node,
                         &p->faults[2].freed_node,
                         &p->faults[0].noticed_node,
                         &p->faults[3].thread,
                         &p->sizes[1].site,
                         &p->pools[1].size_class,
                         &p->snapshot_pools[1].size_class,
                         &p->snapshot_pools[2].used,
                         &p->pins[0].pool,
                         &p->pins[1].site};

    for (size_t i = 0; i < sizeof loose / sizeof loose[0]; i++)
        assert_loose(p, loose[i]);
}

static void loose_references_of_a_search_are_refused(void **state)
{
    struct fixture *f = *state;
    struct profile *p = &f->profile;
    uint32_t *loose[] = {&p->search.cause,
                         &p->search.method,
                         &p->search.graph,
                         &p->search.contents,
                         &p->search.step,
                         &p->search.compressed,
                         &p->search.why,
                         &p->search.suppressions,
                         &p->leaks[1].site,
                         &p->leaks[2].kind,
                         &p->leaks[LEAK_WEAK].holder,
                         &p->blocks[0].site,
                         &p->blocks[1].kind,
                         &p->pointers[1].symbol,
                         &p->roots[1].kind,
                         &p->roots[0].name,
                         &p->roots[2].thread,
                         &p->duplicates[1].site,
                         &p->search.compressed_shift};

    for (size_t i = 0; i < sizeof loose / sizeof loose[0]; i++)
        assert_loose(p, loose[i]);
}

static void loose_tables_are_refused(void **state)
{
    struct fixture *f = *state;
    struct profile *p = &f->profile;
    struct error e;
    void *bytes;
    size_t size;
    uint32_t sound_number;

    p->nodes[4].parent = 4;
    assert_int_equal(snapshot_write_bytes(p, &bytes, &size, &e), -1);
    p->nodes[4].parent = 3;
    p->node_count = 2;
    assert_int_equal(snapshot_write_bytes(p, &bytes, &size, &e), -1);
    p->node_count = STACK_ROOTS + STACKS;
    sound_number = p->moments[2].number;
    p->moments[2].number = p->moments[0].number; /* two snapshots of one number */
    assert_int_equal(snapshot_write_bytes(p, &bytes, &size, &e), -1);
    p->moments[2].number = sound_number;
    assert_int_equal(snapshot_write_bytes(p, &bytes, &size, &e), 0);
    free(bytes);
    p->frames[5].line_count = 0;
    assert_int_equal(snapshot_write_bytes(p, &bytes, &size, &e), -1);
}

/* What the graph of references relies on. */
static void tables_of_a_search_out_of_order_are_refused(void **state)
{
    struct fixture *f = *state;
    struct profile *p = &f->profile;
    uint64_t *loose[] = {
        &p->blocks[0].address,     &p->blocks[2].size,      &p->pointers[1].address,
        &p->exceptions[0].address, &p->contents[2].address, &p->leaks[1].blocks,
        &p->duplicates[1].blocks,
    };
    uint64_t wrong[] = {UINT64_MAX / 2, UINT64_MAX, UINT64_MAX - 8, UINT64_MAX, UINT64_MAX, 0, 0};
    struct error e;
    void *bytes;
    size_t size;

    for (size_t i = 0; i < sizeof loose / sizeof *loose; i++) {
        uint64_t sound = *loose[i];

        *loose[i] = wrong[i];
        assert_int_equal(snapshot_write_bytes(p, &bytes, &size, &e), -1);
        assert_int_equal(e.kind, ERROR_FORMAT);
        *loose[i] = sound;
    }
    p->search.graph = GRAPH_NONE;
    assert_int_equal(snapshot_write_bytes(p, &bytes, &size, &e), -1);
    p->search.graph = GRAPH_PART;
    p->search.number = 0;
    assert_int_equal(snapshot_write_bytes(p, &bytes, &size, &e), -1);
    profile_forget_search(p);
    assert_int_equal(snapshot_write_bytes(p, &bytes, &size, &e), 0);
    free(bytes);
}

/* Each frame is in order, but all of them make a reader go through too many lines. */
static void lines_repeated_without_end_are_refused(void **state)
{
    struct fixture *f = *state;
    struct profile *p = &f->profile;
    uint32_t frames = p->frame_count, more = 4000;
    struct error e;
    void *bytes;
    size_t size;

    p->frames = realloc(p->frames, (frames + more) * sizeof *p->frames);
    assert_non_null(p->frames);
    p->frame_count += more;
    for (uint32_t i = frames; i < p->frame_count; i++)
        p->frames[i] = (struct profile_frame){.module = NO_MODULE, .line_count = 8};
    assert_int_equal(snapshot_write_bytes(p, &bytes, &size, &e), 0);
    free(bytes);
    for (uint32_t i = frames; i < p->frame_count; i++)
        p->frames[i].line_count = 9;
    assert_int_equal(snapshot_write_bytes(p, &bytes, &size, &e), -1);
    assert_int_equal(e.kind, ERROR_FORMAT);
    assert_non_null(strstr(e.text, "repeat their lines"));
}

/* ------------------------------------------------------------- files -- */

static void a_file_is_replaced_at_once(void **state)
{
    struct fixture *f = *state;
    char path[128], link[128];
    struct profile p;
    struct stat status;
    uint64_t size;

    snprintf(path, sizeof path, "%s/a.mprof", f->directory);
    snprintf(link, sizeof link, "%s/link.mprof", f->directory);
    assert_int_equal(snapshot_write(&f->profile, path, &size, NULL), 0);
    assert_int_equal(size, f->size);
    assert_int_equal(symlink(path, link), 0);
    assert_int_equal(snapshot_write(&f->profile, link, NULL, NULL), 0);
    assert_int_equal(lstat(link, &status), 0);
    assert_true(S_ISLNK(status.st_mode));
    assert_int_equal(snapshot_read(&p, link, NULL), 0);
    assert_same(&p, &f->profile);
    profile_release(&p);
    unlink(link);
    unlink(path); /* rmdir in teardown then shows that no temporary file stayed */
    assert_int_equal(rmdir(f->directory), 0);
}

static void a_device_is_written_to_and_stays(void **state)
{
    struct fixture *f = *state;
    struct stat status;
    struct error e;

    assert_int_equal(snapshot_write(&f->profile, "/dev/null", NULL, NULL), 0);
    assert_int_equal(stat("/dev/null", &status), 0);
    assert_true(S_ISCHR(status.st_mode));
    assert_int_equal(snapshot_write(&f->profile, "/dev/full", NULL, &e), -1);
    assert_int_equal(e.saved_errno, ENOSPC);
}

static void files_that_cannot_be_are_named(void **state)
{
    struct fixture *f = *state;
    struct profile p;
    struct error e;
    char path[128];

    snprintf(path, sizeof path, "%s/no/such/a.mprof", f->directory);
    assert_int_equal(snapshot_write(&f->profile, path, NULL, &e), -1);
    assert_int_equal(e.saved_errno, ENOENT);
    assert_non_null(strstr(e.text, path));
    assert_int_equal(snapshot_write(&f->profile, f->directory, NULL, &e), -1);
    assert_int_equal(e.saved_errno, EISDIR);
    assert_int_equal(snapshot_read(&p, path, &e), -1);
    assert_int_equal(e.saved_errno, ENOENT);
    assert_int_equal(snapshot_read(&p, f->directory, &e), -1);
    assert_int_equal(e.saved_errno, EISDIR);
    assert_int_equal(snapshot_read(&p, "/dev/zero", &e), -1);
    assert_int_equal(e.kind, ERROR_FORMAT);
    assert_int_equal(snapshot_read(&p, "/dev/null", &e), -1);
    assert_int_equal(e.kind, ERROR_FORMAT);
    assert_empty(&p);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(what_is_written_is_read),
        TEST(an_empty_profile_makes_the_trip),
        TEST(a_large_profile_makes_the_trip),
        TEST(a_uniform_profile_makes_the_trip),
        TEST(odd_times_are_tamed),
        TEST(a_file_cut_at_any_byte_is_recognised),
        TEST(any_damaged_byte_is_recognised),
        TEST(other_files_are_refused),
        TEST(unknown_sections_are_skipped),
        TEST(repeated_and_newer_sections_are_refused),
        TEST(missing_sections_are_noticed),
        TEST(hostile_counts_and_sizes_are_refused),
        TEST(a_frame_that_unpacks_to_something_else_is_refused),
        TEST(loose_references_are_refused),
        TEST(loose_references_of_what_was_observed_are_refused),
        TEST(loose_references_of_a_search_are_refused),
        TEST(loose_tables_are_refused),
        TEST(tables_of_a_search_out_of_order_are_refused),
        TEST(lines_repeated_without_end_are_refused),
        TEST(a_file_is_replaced_at_once),
        TEST(a_device_is_written_to_and_stays),
        TEST(files_that_cannot_be_are_named),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
