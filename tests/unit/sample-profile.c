// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/sample-profile.h"

#include "src/host/graph/leakgraph.h"
#include "src/host/profile/changes.h"
#include "src/shared/geometry.h"
#include "src/shared/record.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MODULES 2u
#define THREADS 2u
#define SAMPLES 5u
#define MOMENTS 3u
#define MARKS 2u
#define FAULTS 4u
#define SIZES 6u
#define POOLS 5u
#define DOMAINS 4u
#define ROOTS 3u
#define BLOCKS 4u

static void fill_process(struct profile *p)
{
    p->process = (struct profile_process){
        .program = strings_add(&p->strings, "sqlite3"),
        .executable = strings_add(&p->strings, "/usr/bin/sqlite3"),
        .command = strings_add(&p->strings, "sqlite3 :memory: '.read load.sql'"),
        .host = strings_add(&p->strings, "build-17"),
        .memprof_version = strings_add(&p->strings, "0.1.0"),
        .allocator = strings_add(&p->strings, "libc.so.6"),
        .pid = 4242,
        .started_unix = -86400,
        .seconds = 0.431507,
        .exit_kind = EXIT_SIGNAL,
        .exit_value = -9,
    };
}

/* Consecutive numbers in a struct of nothing but 64-bit fields. */
static void fill_numbers(void *numbers, size_t bytes, uint64_t first)
{
    uint64_t *u = numbers;

    for (size_t i = 0; i < bytes / sizeof *u; i++)
        u[i] = first + i * i * 1000003;
}

static void fill_modules(struct profile *p)
{
    for (uint32_t i = 0; i < MODULES; i++) {
        struct profile_module *m = &p->modules[i];

        m->path = strings_add(&p->strings, i ? "/usr/lib/libsqlite3.so.0" : "/usr/bin/sqlite3");
        m->start = UINT64_C(0x7f0000000000) * i + 0x400000;
        m->end = m->start + 0x123000;
        m->bias = i ? m->start : 0;
        m->generation = i;
        m->build_id_size = 20;
        memset(m->build_id, 0xab + (int)i, 20);
        m->flags = i ? MODULE_UNLOADED : 0;
    }
    p->module_count = MODULES;
}

static void fill_frames(struct profile *p, uint32_t scale)
{
    char text[64];

    for (uint32_t i = 0; i < scale; i++) {
        p->frames[i] = (struct profile_frame){.value = 0x401000 + i * 77,
                                              .module = i % 3 == 2 ? NO_MODULE : i % 3,
                                              .first_line = p->line_count,
                                              .line_count = 1 + i % 2};
        if (i % 5 == 4)
            p->frames[i].value |= FRAME_EXACT;
        for (uint32_t k = 0; k < p->frames[i].line_count; k++) {
            struct profile_line *l = &p->lines[p->line_count++];

            snprintf(text, sizeof text, "function_%u", i + k);
            l->function = strings_add(&p->strings, text);
            l->file = strings_add(&p->strings, k ? "/src/btree.h" : "/src/btree.c");
            l->line = 2304 - i;
            l->flags = k ? 0 : LINE_INLINED;
            l->offset = 0x40 + i;
        }
    }
    p->frame_count = scale;
}

static void fill_nodes(struct profile *p, uint32_t scale)
{
    for (uint32_t i = 0; i < STACK_ROOTS; i++)
        p->nodes[i] = (struct profile_node){.parent = i, .frame = NO_FRAME};
    for (uint32_t i = 0; i < scale; i++)
        p->nodes[STACK_ROOTS + i] =
            (struct profile_node){.parent = (STACK_ROOTS + i) / 2, .frame = scale - 1 - i};
    p->node_count = STACK_ROOTS + scale;
}

static void fill_sites(struct profile *p, uint32_t scale)
{
    for (uint32_t i = 0; i < scale; i++) {
        struct profile_site *s = &p->sites[i];

        s->node = STACK_ROOTS + i;
        s->thread = i % THREADS;
        s->domain = i % 4 == 3 ? DOMAIN_MMAP : DOMAIN_HEAP;
        s->first_seconds = 0.001 * i;
        s->last_seconds = s->first_seconds + 0.25;
        fill_numbers(&s->stats, sizeof s->stats, i + 1);
        if (i == 0) { /* none allocated here */
            s->stats.smallest = UINT64_MAX;
            s->stats.largest = 0;
        }
    }
    p->site_count = scale;
}

static void fill_threads_and_samples(struct profile *p)
{
    for (uint32_t i = 0; i < THREADS; i++)
        p->threads[i] = (struct profile_thread){
            .tid = 4242 * (1 - (int64_t)i), .name = strings_add(&p->strings, i ? "io" : "main")};
    p->thread_count = THREADS;
    for (uint32_t i = 0; i < SAMPLES; i++)
        p->samples[i] = (struct profile_sample){.seconds = 0.125 * i,
                                                .live_bytes = UINT64_C(1) << (i * 13),
                                                .live_blocks = 100 - i,
                                                .rss_bytes = i * 4096};
    p->sample_count = SAMPLES;
}

/* Moment `i` saw every site's numbers grow by some more than the one before. */
static bool fill_changes(struct profile *p, uint32_t i)
{
    struct profile_change *rows = calloc(p->site_count, sizeof *rows);
    bool fine = rows != NULL;

    for (uint32_t k = 0; fine && k < p->site_count; k++) {
        rows[k].site = k;
        fill_numbers(&rows[k].stats, sizeof rows[k].stats, i + k);
        rows[k].stats.smallest = i ? 0 - (uint64_t)k : 1 + k - UINT64_MAX;
    }
    fine = fine && changes_encode(&p->changes[i], rows, p->site_count, NULL) == 0;
    free(rows);
    return fine;
}

static bool fill_moments(struct profile *p)
{
    p->moments = calloc(MOMENTS, sizeof *p->moments);
    p->changes = calloc(MOMENTS, sizeof *p->changes);
    if (!p->moments || !p->changes)
        return false;
    p->moment_count = MOMENTS;
    for (uint32_t i = 0; i < MOMENTS; i++) {
        struct profile_moment *m = &p->moments[i];

        fill_numbers(&m->live_bytes, 10 * sizeof m->live_bytes, 100 * i);
        m->seconds = 0.1 * (i + 1);
        m->kind = i == 1 ? MOMENT_CHECKPOINT : MOMENT_SNAPSHOT;
        m->cause = i == 1 ? MOMENT_BY_RUN : MOMENT_BY_COMMAND;
        m->number = i == 1 ? 0 : i + 1;
        m->label = i == 2 ? strings_add(&p->strings, "loaded") : 0;
        if (!fill_changes(p, i))
            return false;
    }
    return true;
}

static void fill_faults(struct profile *p)
{
    for (uint32_t i = 0; i < FAULTS; i++)
        p->faults[i] = (struct profile_fault){.seconds = 0.07 * (i + 1),
                                              .address = 0x7f0000001000 + 48 * i,
                                              .size = 24 + i,
                                              .value = i % 2 ? -1 - (int64_t)i : 24 + i,
                                              .kind = 1 + i % 6,
                                              .found = 0x55 + i,
                                              .allocated_node = STACK_ROOTS,
                                              .freed_node = i % 2 ? STACK_ROOTS : 0,
                                              .noticed_node = i % STACK_ROOTS,
                                              .thread = i % THREADS};
    p->fault_count = FAULTS;
}

static void fill_marks_and_domains(struct profile *p)
{
    for (uint32_t i = 0; i < MARKS; i++)
        p->marks[i] = (struct profile_mark){.seconds = 0.05 * (i + 1),
                                            .live_bytes = 5000 * i,
                                            .live_blocks = 7 + i,
                                            .label = strings_add(&p->strings, i ? "end" : "begin"),
                                            .thread = i % THREADS};
    p->mark_count = MARKS;
    for (uint32_t i = 0; i < DOMAINS; i++) {
        fill_numbers(&p->domains[i], 6 * sizeof(uint64_t), 31 * i);
        p->domains[i].name = i < DOMAIN_BUILTIN ? 0 : strings_add(&p->strings, "textures");
    }
    p->domain_count = DOMAINS;
}

static bool fill_heap(struct profile *p, uint32_t scale)
{
    p->sizes = calloc(SIZES, sizeof *p->sizes);
    p->classes = calloc(POOL_CLASSES, sizeof *p->classes);
    p->pools = calloc(POOLS, sizeof *p->pools);
    p->pins = calloc(POOLS, sizeof *p->pins);
    p->snapshot_pools = calloc(POOLS, sizeof *p->snapshot_pools);
    if (!p->sizes || !p->classes || !p->pools || !p->pins || !p->snapshot_pools)
        return false;
    fill_numbers(&p->heap, 13 * sizeof(uint64_t), 5);
    p->heap.seconds = 0.25;
    p->heap.number = 3;
    p->heap.allocator = ALLOCATOR_POOL;
    p->heap.census = 1;
    for (uint32_t i = 0; i < SIZES; i++)
        p->sizes[i] = (struct profile_size){
            .size = 17 + 40 * i, .blocks = 1 + i, .site = i * (scale - 1) / SIZES};
    p->size_count = SIZES;
    for (uint32_t i = 0; i < POOL_CLASSES; i++)
        p->classes[i] = (struct profile_class){i, i / 2, 10 * i, 3 * i};
    p->class_count = POOL_CLASSES;
    for (uint32_t i = 0; i < POOLS; i++) {
        p->pools[i] = (struct profile_pool){POOL_BYTES * (UINT64_C(64) + 3 * i), i, 1 + i};
        p->pins[i] = (struct profile_pin){.pool = i, .site = i % scale, .blocks = 1 + i};
    }
    for (uint32_t i = 0; i < POOLS; i++)
        p->snapshot_pools[i] =
            (struct profile_snapshot_pool){.address = POOL_BYTES * (UINT64_C(90) - i % 3 * 7),
                                           .snapshot = 1 + (i + 2) / 3 * 2,
                                           .size_class = i,
                                           .used = 2 * i};
    for (uint32_t i = 1; i < POOLS; i++) /* by address within a snapshot */
        if (p->snapshot_pools[i].snapshot == p->snapshot_pools[i - 1].snapshot)
            p->snapshot_pools[i].address = p->snapshot_pools[i - 1].address + 2 * POOL_BYTES;
    p->pool_count = p->pin_count = p->snapshot_pool_count = POOLS;
    return true;
}

static void fill_search(struct profile *p)
{
    p->search = (struct profile_search){.seconds = 0.375,
                                        .held_seconds = 0.000125,
                                        .number = 2,
                                        .cause = SEARCH_AT_SIGNAL,
                                        .signal = 11,
                                        .method = SEARCH_PTRACE,
                                        .notes = SEARCH_THREADS_MISSED,
                                        .graph = GRAPH_PART,
                                        .contents = 48,
                                        .moments = 3,
                                        .snapshots = 2,
                                        .threads = 5,
                                        .threads_missed = 1,
                                        .why = strings_add(&p->strings, "not permitted"),
                                        .suppressions = strings_add(&p->strings, "leak:cache"),
                                        .step = 4,
                                        .copied_bytes = 1 << 20,
                                        .root_bytes = 70000,
                                        .unreadable_bytes = 4096,
                                        .compressed_base = 0x7f0000000000,
                                        .high_tags = UINT64_C(0xff) << 56,
                                        .low_tags = 1,
                                        .duplicates = 1,
                                        .pointers_left_out = 77,
                                        .past_end = 1,
                                        .compressed = 1,
                                        .compressed_shift = 3};
    for (uint32_t i = 0; i < ROOTS; i++)
        p->roots[i] = (struct profile_root){
            .start = 0x7ffc00001000 - 0x10000 * i,
            .size = i ? 0x800 * i : 0,
            .kind = i == 2 ? ROOT_WEAK : i,
            .tid = 4242 + i,
            .name = strings_add(&p->strings, i ? "/usr/lib/libcache.so" : "rbx"),
            .thread = strings_add(&p->strings, "io")};
    p->root_count = ROOTS;
}

/* Leaks of every kind, and of the graph a chain of blocks, each of which points to the next. */
static void fill_leaks(struct profile *p, uint32_t scale)
{
    for (uint32_t i = 0; i < LEAK_KINDS; i++) {
        fill_numbers(&p->leaks[i].blocks, 8 * sizeof(uint64_t), 3 + i);
        p->leaks[i].site = i % scale;
        p->leaks[i].kind = i;
        p->leaks[i].holder = i == LEAK_WEAK ? 2 : 0;
        p->leaks[i].age = 3 - i % 3;
        p->leaks[i].survived = i % 2;
        p->leaks[i].cycle_blocks = i == LEAK_DEFINITE ? 2 : 0;
    }
    p->leak_count = LEAK_KINDS;
    for (uint32_t i = 0; i < BLOCKS; i++) {
        uint64_t address = 0x7f0000002000 + 0x50 * i;

        p->blocks[i] = (struct profile_block){.address = address,
                                              .size = 0x18 + i,
                                              .retained = 0x100 - i,
                                              .site = i % scale,
                                              .kind = i % LEAK_KINDS,
                                              .age = 1 + i,
                                              .survived = i % 3,
                                              .cycle = i % 2};
        p->pointers[i] =
            (struct profile_pointer){.address = address + 8,
                                     .value = address + 0x50,
                                     .symbol = i ? 0 : strings_add(&p->strings, "cache"),
                                     .offset = i * 16};
        p->exceptions[i] = (struct profile_exception){address + 8};
        p->contents[i] = (struct profile_content){.address = address};
        fill_numbers(p->contents[i].words, sizeof p->contents[i].words, 50 * i);
        p->duplicates[i] =
            (struct profile_duplicate){.size = 24 * (i + 1),
                                       .blocks = 2 + i,
                                       .example = address,
                                       .hash = UINT64_C(0x9e3779b97f4a7c15) * (i + 1),
                                       .site = i % scale};
    }
    p->block_count = p->pointer_count = p->exception_count = BLOCKS;
    p->content_count = p->duplicate_count = BLOCKS;
}

static bool fill_search_tables(struct profile *p, uint32_t scale)
{
    p->leaks = calloc(LEAK_KINDS, sizeof *p->leaks);
    p->blocks = calloc(BLOCKS, sizeof *p->blocks);
    p->pointers = calloc(BLOCKS, sizeof *p->pointers);
    p->roots = calloc(ROOTS, sizeof *p->roots);
    p->exceptions = calloc(BLOCKS, sizeof *p->exceptions);
    p->contents = calloc(BLOCKS, sizeof *p->contents);
    p->duplicates = calloc(BLOCKS, sizeof *p->duplicates);
    if (!p->leaks || !p->blocks || !p->pointers || !p->roots || !p->exceptions || !p->contents ||
        !p->duplicates)
        return false;
    fill_search(p);
    fill_leaks(p, scale);
    return true;
}

bool sample_profile_init(struct profile *p, uint32_t scale)
{
    profile_init(p);
    p->modules = calloc(MODULES, sizeof *p->modules);
    p->frames = calloc(scale, sizeof *p->frames);
    p->lines = calloc((size_t)scale * 2, sizeof *p->lines);
    p->nodes = calloc(STACK_ROOTS + scale, sizeof *p->nodes);
    p->sites = calloc(scale, sizeof *p->sites);
    p->threads = calloc(THREADS, sizeof *p->threads);
    p->samples = calloc(SAMPLES, sizeof *p->samples);
    p->marks = calloc(MARKS, sizeof *p->marks);
    p->faults = calloc(FAULTS, sizeof *p->faults);
    p->domains = calloc(DOMAINS, sizeof *p->domains);
    if (!p->modules || !p->frames || !p->lines || !p->nodes || !p->sites || !p->threads ||
        !p->samples || !p->marks || !p->faults || !p->domains) {
        profile_release(p);
        return false;
    }
    fill_process(p);
    fill_numbers(&p->totals, sizeof p->totals, 7);
    p->totals.peak_seconds = 0.310002;
    fill_numbers(&p->loss, sizeof p->loss, 11);
    fill_modules(p);
    fill_frames(p, scale);
    fill_nodes(p, scale);
    fill_sites(p, scale);
    fill_threads_and_samples(p);
    fill_marks_and_domains(p);
    fill_faults(p);
    if (fill_moments(p) && fill_heap(p, scale) && fill_search_tables(p, scale))
        return true;
    profile_release(p);
    return false;
}
