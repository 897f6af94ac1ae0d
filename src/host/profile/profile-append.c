// SPDX-License-Identifier: Apache-2.0
#include "src/host/profile/profile-append.h"

#include "src/host/profile/changes.h"
#include "src/host/profile/profile-check.h"
#include "src/host/profile/search-check.h"
#include "src/shared/record.h"

#include <stdlib.h>
#include <string.h>

/* -------------------------------------------------------------- strings -- */

struct remap {
    uint32_t *ids; /* by id in the part: its id in the whole */
    uint32_t count;
    bool lost; /* an id was out of range */
};

static int remap_init(struct remap *r, struct strings *to, const struct strings *from,
                      struct error *e)
{
    *r = (struct remap){calloc((size_t)from->count + 1, sizeof *r->ids), from->count, false};
    for (uint32_t i = 0; r->ids && i < from->count; i++) {
        r->ids[i] = strings_add(to, strings_get(from, i));
        if (r->ids[i] == UINT32_MAX) {
            free(r->ids);
            r->ids = NULL;
        }
    }
    return r->ids ? 0 : error_set(e, ERROR_MEMORY, "out of memory for a profile's names");
}

static void remap_id(struct remap *r, string_id *id)
{
    if (*id < r->count)
        *id = r->ids[*id];
    else if (*id)
        r->lost = true;
}

static void remap_search(struct remap *r, struct profile *part)
{
    remap_id(r, &part->search.why);
    remap_id(r, &part->search.suppressions);
    for (uint32_t i = 0; i < part->pointer_count; i++)
        remap_id(r, &part->pointers[i].symbol);
    for (uint32_t i = 0; i < part->root_count; i++) {
        remap_id(r, &part->roots[i].name);
        remap_id(r, &part->roots[i].thread);
    }
}

static void remap_part(struct remap *r, struct profile *part)
{
    remap_id(r, &part->process.program);
    remap_id(r, &part->process.executable);
    remap_id(r, &part->process.command);
    remap_id(r, &part->process.host);
    remap_id(r, &part->process.memprof_version);
    remap_id(r, &part->process.allocator);
    for (uint32_t i = 0; i < part->module_count; i++)
        remap_id(r, &part->modules[i].path);
    for (uint32_t i = 0; i < part->thread_count; i++)
        remap_id(r, &part->threads[i].name);
    for (uint32_t i = 0; i < part->moment_count; i++)
        remap_id(r, &part->moments[i].label);
    for (uint32_t i = 0; i < part->mark_count; i++)
        remap_id(r, &part->marks[i].label);
    for (uint32_t i = 0; i < part->domain_count; i++)
        remap_id(r, &part->domains[i].name);
    remap_search(r, part);
}

/* ----------------------------------------------------------------- rows -- */

static int does_not_fit(struct error *e, const char *what)
{
    return error_set(e, ERROR_FORMAT, "%s of the profile do not fit what came before", what);
}

/* How many rows a table that is replaced has afterwards. */
static uint32_t replaced(uint32_t whole, uint32_t part)
{
    return part ? part : whole;
}

static int check_counts(const struct profile *whole, const struct profile *part, struct error *e)
{
    if (part->module_count && part->module_count < whole->module_count)
        return does_not_fit(e, "the modules");
    if (part->thread_count && part->thread_count < whole->thread_count)
        return does_not_fit(e, "the threads");
    if (part->domain_count && part->domain_count < whole->domain_count)
        return does_not_fit(e, "the domains");
    if (part->line_count)
        return does_not_fit(e, "the lines");
    if (part->frame_count >= UINT32_MAX - whole->frame_count ||
        part->node_count >= UINT32_MAX - whole->node_count ||
        part->site_count >= UINT32_MAX - whole->site_count ||
        part->mark_count >= UINT32_MAX - whole->mark_count ||
        part->fault_count >= UINT32_MAX - whole->fault_count ||
        part->snapshot_pool_count >= UINT32_MAX - whole->snapshot_pool_count)
        return error_set(e, ERROR_FORMAT, "the profile has more rows than can be numbered");
    return 0;
}

static bool node_fits(const struct profile_node *n, uint32_t number, uint32_t frames)
{
    if (number < STACK_ROOTS)
        return n->parent <= number && n->frame == NO_FRAME;
    return n->parent < number && n->frame < frames;
}

static bool fault_fits(const struct profile_fault *f, uint32_t nodes, uint32_t threads)
{
    return f->allocated_node < nodes && f->freed_node < nodes && f->noticed_node < nodes &&
           f->thread < threads;
}

/* The new rows that refer to others. */
static int check_rows(const struct profile *whole, const struct profile *part, struct error *e)
{
    uint32_t modules = replaced(whole->module_count, part->module_count);
    uint32_t threads = replaced(whole->thread_count, part->thread_count);
    uint32_t frames = whole->frame_count + part->frame_count;
    uint32_t nodes = whole->node_count + part->node_count;
    uint32_t sites = whole->site_count + part->site_count;

    if (part->snapshot_pool_count && whole->snapshot_pool_count &&
        part->snapshot_pools[0].snapshot <=
            whole->snapshot_pools[whole->snapshot_pool_count - 1].snapshot)
        return does_not_fit(e, "the pools of snapshots");
    for (uint32_t i = 0; i < part->frame_count; i++)
        if (part->frames[i].module >= modules && part->frames[i].module != NO_MODULE)
            return does_not_fit(e, "the frames");
    for (uint32_t i = 0; i < part->node_count; i++)
        if (!node_fits(&part->nodes[i], whole->node_count + i, frames))
            return does_not_fit(e, "the nodes");
    for (uint32_t i = 0; i < part->site_count; i++)
        if (part->sites[i].node >= nodes || part->sites[i].thread >= threads ||
            part->sites[i].domain >= DOMAINS_MAX)
            return does_not_fit(e, "the sites");
    for (uint32_t i = 0; i < part->mark_count; i++)
        if (part->marks[i].thread >= threads)
            return does_not_fit(e, "the marks");
    for (uint32_t i = 0; i < part->fault_count; i++)
        if (!fault_fits(&part->faults[i], nodes, threads))
            return does_not_fit(e, "the faults");
    for (uint32_t i = 0; i < part->size_count; i++)
        if (part->sizes[i].site >= sites)
            return does_not_fit(e, "the sizes of blocks");
    for (uint32_t i = 0; i < part->pin_count; i++)
        if (part->pins[i].site >= sites || part->pins[i].pool >= part->pool_count)
            return does_not_fit(e, "the pools");
    return nodes && nodes < STACK_ROOTS ? does_not_fit(e, "the nodes") : 0;
}

/*
 * Room for the rows of an array that grows, with as much again, so that many
 * small parts cost no more than one large.  The arrays know no room of their own:
 * the next power of two from 64 on is what has been asked for.
 */
static int reserve(void *array, uint32_t count, uint32_t more, size_t row, struct error *e)
{
    uint64_t had = 64, room = 64;
    void *memory;

    if (!more)
        return 0;
    while (had < count)
        had *= 2;
    while (room < (uint64_t)count + more)
        room *= 2;
    memcpy(&memory, array, sizeof memory);
    if (memory && room == had)
        return 0;
    memory = reallocarray(memory, (size_t)room, row);
    if (!memory)
        return error_set(e, ERROR_MEMORY, "out of memory for %u rows of a profile", count + more);
    memcpy(array, &memory, sizeof memory);
    return 0;
}

static int reserve_all(struct profile *whole, const struct profile *part, struct error *e)
{
    if (reserve(&whole->frames, whole->frame_count, part->frame_count, sizeof *whole->frames, e) ||
        reserve(&whole->nodes, whole->node_count, part->node_count, sizeof *whole->nodes, e) ||
        reserve(&whole->sites, whole->site_count, part->site_count, sizeof *whole->sites, e) ||
        reserve(&whole->marks, whole->mark_count, part->mark_count, sizeof *whole->marks, e) ||
        reserve(&whole->faults, whole->fault_count, part->fault_count, sizeof *whole->faults, e) ||
        reserve(&whole->snapshot_pools, whole->snapshot_pool_count, part->snapshot_pool_count,
                sizeof *whole->snapshot_pools, e))
        return -1;
    return 0;
}

static void add_rows(struct profile *whole, const struct profile *part)
{
    for (uint32_t i = 0; i < part->frame_count; i++)
        whole->frames[whole->frame_count++] = (struct profile_frame){
            .value = part->frames[i].value, .module = part->frames[i].module};
    for (uint32_t i = 0; i < part->node_count; i++)
        whole->nodes[whole->node_count++] = part->nodes[i];
    for (uint32_t i = 0; i < part->site_count; i++) {
        struct profile_site *site = &whole->sites[whole->site_count++];

        *site = part->sites[i];
        site->last_seconds = site->first_seconds;
        site->stats = changes_start();
    }
    for (uint32_t i = 0; i < part->mark_count; i++)
        whole->marks[whole->mark_count++] = part->marks[i];
    for (uint32_t i = 0; i < part->fault_count; i++)
        whole->faults[whole->fault_count++] = part->faults[i];
    for (uint32_t i = 0; i < part->snapshot_pool_count; i++)
        whole->snapshot_pools[whole->snapshot_pool_count++] = part->snapshot_pools[i];
}

#define TAKE_OVER(whole, part, rows, count)                                                        \
    do {                                                                                           \
        if ((part)->count) {                                                                       \
            free((whole)->rows);                                                                   \
            (whole)->rows = (part)->rows;                                                          \
            (whole)->count = (part)->count;                                                        \
            (part)->rows = NULL;                                                                   \
            (part)->count = 0;                                                                     \
        }                                                                                          \
    } while (0)

/* The state of the heap is one: what is empty now replaces what was there, too. */
#define REPLACE(whole, part, rows, count)                                                          \
    do {                                                                                           \
        free((whole)->rows);                                                                       \
        (whole)->rows = (part)->rows;                                                              \
        (whole)->count = (part)->count;                                                            \
        (part)->rows = NULL;                                                                       \
        (part)->count = 0;                                                                         \
    } while (0)

static void replace_heap(struct profile *whole, struct profile *part)
{
    if (!part->heap.number)
        return;
    whole->heap = part->heap;
    REPLACE(whole, part, sizes, size_count);
    REPLACE(whole, part, classes, class_count);
    REPLACE(whole, part, pools, pool_count);
    REPLACE(whole, part, pins, pin_count);
}

/* The last search, likewise. */
static void replace_search(struct profile *whole, struct profile *part)
{
    if (!part->search.number)
        return;
    whole->search = part->search;
    REPLACE(whole, part, leaks, leak_count);
    REPLACE(whole, part, blocks, block_count);
    REPLACE(whole, part, pointers, pointer_count);
    REPLACE(whole, part, roots, root_count);
    REPLACE(whole, part, exceptions, exception_count);
    REPLACE(whole, part, contents, content_count);
    REPLACE(whole, part, duplicates, duplicate_count);
}

int profile_append_rows(struct profile *whole, struct profile *part, struct error *e)
{
    if (check_counts(whole, part, e) != 0 || check_rows(whole, part, e) != 0 ||
        profile_check_rows(part, whole->strings.count, e) != 0 ||
        search_check(part, whole->site_count + part->site_count, whole->strings.count, e) != 0 ||
        reserve_all(whole, part, e) != 0)
        return -1;
    add_rows(whole, part);
    TAKE_OVER(whole, part, modules, module_count);
    TAKE_OVER(whole, part, threads, thread_count);
    TAKE_OVER(whole, part, samples, sample_count);
    TAKE_OVER(whole, part, domains, domain_count);
    replace_heap(whole, part);
    replace_search(whole, part);
    whole->process = part->process;
    whole->totals = part->totals;
    whole->loss = part->loss;
    whole->incomplete = part->incomplete;
    return 0;
}

int profile_append(struct profile *whole, struct profile *part, struct error *e)
{
    struct remap r;

    if (remap_init(&r, &whole->strings, &part->strings, e) != 0)
        return -1;
    remap_part(&r, part);
    free(r.ids);
    if (r.lost)
        return error_set(e, ERROR_FORMAT, "a part of the profile refers to missing strings");
    return profile_append_rows(whole, part, e);
}

/* -------------------------------------------------------------- numbers -- */

int profile_change(struct profile *whole, const struct profile_change *rows, uint32_t count,
                   double seconds, struct error *e)
{
    for (uint32_t i = 0; i < count; i++)
        if (rows[i].site >= whole->site_count)
            return error_set(e, ERROR_FORMAT, "a snapshot speaks of a site that is not there");
    for (uint32_t i = 0; i < count; i++) {
        struct profile_site *site = &whole->sites[rows[i].site];

        changes_add(&site->stats, &rows[i].stats);
        if (rows[i].stats.total_blocks && seconds > site->last_seconds)
            site->last_seconds = seconds;
    }
    return 0;
}
