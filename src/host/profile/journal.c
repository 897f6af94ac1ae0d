// SPDX-License-Identifier: Apache-2.0
#include "src/host/profile/journal.h"

#include "src/host/profile/checksum.h"
#include "src/host/profile/liveness.h"
#include "src/host/profile/snapshot-section.h"
#include "src/host/profile/snapshot-tables.h"
#include "src/host/profile/snapshot.h"
#include "src/shared/clock.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define GROWTH_FREE (UINT64_C(4) << 20)
/* A power cut costs no more than this; forcing each snapshot of a quick series would cost more. */
#define SYNC_NS UINT64_C(5000000000)

static const uint32_t replaced_types[JOURNAL_REPLACED] = {SNAPSHOT_MODULES, SNAPSHOT_THREADS,
                                                          SNAPSHOT_SAMPLES, SNAPSHOT_DOMAINS};

/* What a group begins after: nothing for a file written from the start. */
struct extent {
    uint32_t strings, frames, nodes, sites, marks, faults, snapshot_pools;
};

struct group {
    struct buffer bytes;
    struct buffer replaced[JOURNAL_REPLACED]; /* to be kept once it is written */
    bool failed;                              /* memory ran out */
};

static int out_of_memory(struct error *e)
{
    return error_set(e, ERROR_MEMORY, "out of memory while writing a profile");
}

int journal_open(struct journal *j, const char *path, struct error *e)
{
    memset(j, 0, sizeof *j);
    j->fd = -1;
    series_init(&j->pending);
    for (size_t i = 0; i < JOURNAL_REPLACED; i++)
        buffer_init(&j->replaced[i]);
    return outfile_resolve(&j->file, path, e);
}

void journal_close(struct journal *j)
{
    if (j->fd >= 0)
        close(j->fd);
    j->fd = -1;
    series_release(&j->pending);
    for (size_t i = 0; i < JOURNAL_REPLACED; i++)
        buffer_release(&j->replaced[i]);
}

/* ----------------------------------------------------------- one group -- */

static void put_raw(struct group *g, const struct snapshot_table *t, const struct buffer *raw)
{
    if (raw->failed ||
        section_put_packed(&g->bytes, t->type, t->version, raw->bytes, raw->used, NULL) != 0)
        g->failed = true;
}

static void put_table(struct group *g, uint32_t type, const struct profile *p, uint32_t first)
{
    const struct snapshot_table *t = snapshot_table_find(type);
    struct buffer raw;

    buffer_init(&raw);
    snapshot_table_encode(&raw, t, p, first);
    put_raw(g, t, &raw);
    buffer_release(&raw);
}

/* A table that is replaced, if it is not as it was. */
static void put_replaced(struct group *g, size_t which, const struct profile *p,
                         const struct buffer *before)
{
    const struct snapshot_table *t = snapshot_table_find(replaced_types[which]);
    struct buffer *raw = &g->replaced[which];

    snapshot_table_encode(raw, t, p, 0);
    if (!raw->failed && before && before->used == raw->used &&
        memcmp(before->bytes, raw->bytes, raw->used) == 0)
        return;
    put_raw(g, t, raw);
}

/* Their numbers follow from the changes. */
static void put_sites(struct group *g, const struct profile *whole, uint32_t first)
{
    uint32_t count = whole->site_count - first;
    struct profile fresh = {.site_count = count};

    fresh.sites = calloc((size_t)count + 1, sizeof *fresh.sites);
    if (!fresh.sites) {
        g->failed = true;
        return;
    }
    for (uint32_t i = 0; i < count; i++) {
        const struct profile_site *site = &whole->sites[first + i];

        fresh.sites[i] = (struct profile_site){.node = site->node,
                                               .thread = site->thread,
                                               .domain = site->domain,
                                               .first_seconds = site->first_seconds,
                                               .last_seconds = site->first_seconds};
    }
    put_table(g, SNAPSHOT_SITES, &fresh, 0);
    free(fresh.sites);
}

/* Lines come with the finished profile only. */
static void put_frames(struct group *g, const struct profile *whole, uint32_t first)
{
    uint32_t count = whole->frame_count - first;
    struct profile fresh = {.frame_count = count};

    fresh.frames = calloc((size_t)count + 1, sizeof *fresh.frames);
    if (!fresh.frames) {
        g->failed = true;
        return;
    }
    for (uint32_t i = 0; i < count; i++)
        fresh.frames[i] = (struct profile_frame){.value = whole->frames[first + i].value,
                                                 .module = whole->frames[first + i].module};
    put_table(g, SNAPSHOT_FRAMES, &fresh, 0);
    free(fresh.frames);
}

static void put_strings(struct group *g, const struct strings *s, uint32_t first)
{
    size_t from = first < s->count ? s->offsets[first] : s->used;
    const char *bytes = s->count ? s->bytes + from : "";
    size_t size = s->count ? s->used - from : first == 0;

    if (size && section_put_packed(&g->bytes, SNAPSHOT_STRINGS, 1, bytes, size, NULL) != 0)
        g->failed = true;
}

static void put_moments(struct group *g, const struct series *s)
{
    struct profile moments = {.moments = s->moments, .moment_count = s->count};

    if (!s->count)
        return;
    put_table(g, SNAPSHOT_MOMENTS, &moments, 0);
    for (uint32_t i = 0; i < s->count; i++)
        section_put(&g->bytes, SNAPSHOT_CHANGES, s->changes[i].bytes, (size_t)s->changes[i].size);
}

/* The headers of the sections from `start` on, as the reader sums them up. */
static uint32_t sum_headers(const struct buffer *b, size_t start)
{
    struct view v = {b->bytes + start, b->bytes + b->used, false};
    uint32_t sum = 0;

    while (view_left(&v)) {
        struct view header = {v.at + 16, v.at + 24, false};

        sum = checksum_crc32c(sum, v.at, SNAPSHOT_SECTION_HEADER_BYTES);
        view_take(&v, SNAPSHOT_SECTION_HEADER_BYTES + (size_t)view_u64(&header));
    }
    return sum;
}

/* Close the group that begins at `start` of the buffer and at `offset` of the file. */
static void put_commit(struct group *g, size_t start, uint64_t offset, uint32_t number)
{
    struct buffer content;

    buffer_init(&content);
    if (!g->bytes.failed) {
        buffer_put_u64(&content, offset);
        buffer_put_u32(&content, number);
        buffer_put_u32(&content, sum_headers(&g->bytes, start));
        section_put(&g->bytes, SNAPSHOT_COMMIT, content.bytes, content.used);
    }
    g->failed |= content.failed || g->bytes.failed;
    buffer_release(&content);
}

static void put_new_rows(struct group *g, const struct profile *whole, const struct extent *have)
{
    put_strings(g, &whole->strings, have->strings);
    if (whole->frame_count > have->frames)
        put_frames(g, whole, have->frames);
    if (whole->node_count > have->nodes)
        put_table(g, SNAPSHOT_NODES, whole, have->nodes);
    if (whole->site_count > have->sites)
        put_sites(g, whole, have->sites);
    if (whole->mark_count > have->marks)
        put_table(g, SNAPSHOT_MARKS, whole, have->marks);
    if (whole->fault_count > have->faults)
        put_table(g, SNAPSHOT_FAULTS, whole, have->faults);
    if (whole->snapshot_pool_count > have->snapshot_pools)
        put_table(g, SNAPSHOT_SNAPSHOT_POOLS, whole, have->snapshot_pools);
}

/* The state of the heap; its row last, which says that the others are there. */
static void put_heap(struct group *g, const struct profile *whole, uint32_t had)
{
    static const uint32_t types[] = {SNAPSHOT_SIZES, SNAPSHOT_CLASSES, SNAPSHOT_POOLS,
                                     SNAPSHOT_PINS, SNAPSHOT_HEAP};

    if (whole->heap.number == had)
        return;
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        put_table(g, types[i], whole, 0);
}

/* The last search for leaks, likewise. */
static void put_search(struct group *g, const struct profile *whole, uint32_t had)
{
    static const uint32_t types[] = {SNAPSHOT_LEAKS,      SNAPSHOT_BLOCKS,     SNAPSHOT_POINTERS,
                                     SNAPSHOT_ROOTS,      SNAPSHOT_EXCEPTIONS, SNAPSHOT_CONTENTS,
                                     SNAPSHOT_DUPLICATES, SNAPSHOT_SEARCH};

    if (whole->search.number == had)
        return;
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        put_table(g, types[i], whole, 0);
}

static void group_init(struct group *g)
{
    memset(g, 0, sizeof *g);
}

static void group_release(struct group *g)
{
    buffer_release(&g->bytes);
    for (size_t i = 0; i < JOURNAL_REPLACED; i++)
        buffer_release(&g->replaced[i]);
}

/* The group that follows what `j` has written. */
static void group_next(struct group *g, const struct journal *j, const struct profile *whole)
{
    struct extent have = {j->strings, j->frames, j->nodes,         j->sites,
                          j->marks,   j->faults, j->snapshot_pools};

    put_table(g, SNAPSHOT_PROCESS, whole, 0);
    put_table(g, SNAPSHOT_TOTALS, whole, 0);
    put_table(g, SNAPSHOT_LOSS, whole, 0);
    for (size_t i = 0; i < JOURNAL_REPLACED; i++)
        put_replaced(g, i, whole, &j->replaced[i]);
    put_new_rows(g, whole, &have);
    put_heap(g, whole, j->heap);
    put_search(g, whole, j->search);
    put_moments(g, &j->pending);
    put_commit(g, 0, j->size, j->groups + 1);
}

/* A whole file with one group. */
static void group_fresh(struct group *g, const struct profile *whole, const struct series *series)
{
    const struct extent nothing = {0};
    struct profile writer = {.site_count = 0};

    section_put_file_header(&g->bytes);
    liveness_self(&writer.writer);
    put_table(g, SNAPSHOT_WRITER, &writer, 0);
    put_table(g, SNAPSHOT_PROCESS, whole, 0);
    put_table(g, SNAPSHOT_TOTALS, whole, 0);
    put_table(g, SNAPSHOT_LOSS, whole, 0);
    for (size_t i = 0; i < JOURNAL_REPLACED; i++)
        put_replaced(g, i, whole, NULL);
    put_new_rows(g, whole, &nothing);
    put_heap(g, whole, 0);
    put_search(g, whole, 0);
    put_moments(g, series);
    put_commit(g, SNAPSHOT_HEADER_BYTES, SNAPSHOT_HEADER_BYTES, 1);
}

/* --------------------------------------------------------------- the file -- */

/* The file has all of the profile now. */
static void written(struct journal *j, struct group *g, const struct profile *whole)
{
    j->strings = whole->strings.count ? whole->strings.count : 1;
    j->frames = whole->frame_count;
    j->nodes = whole->node_count;
    j->sites = whole->site_count;
    j->marks = whole->mark_count;
    j->faults = whole->fault_count;
    j->snapshot_pools = whole->snapshot_pool_count;
    j->heap = whole->heap.number;
    j->search = whole->search.number;
    for (size_t i = 0; i < JOURNAL_REPLACED; i++) {
        buffer_release(&j->replaced[i]);
        j->replaced[i] = g->replaced[i];
        buffer_init(&g->replaced[i]);
    }
    series_release(&j->pending);
    j->failing = false;
    j->torn = false;
}

static int cannot_write(const struct journal *j, struct error *e)
{
    return error_set(e, ERROR_SYSTEM, "cannot write the profile %s", j->file.path);
}

static int write_fresh(struct journal *j, struct group *g, struct error *e)
{
    /* what a program holds while it runs is nobody else's business yet */
    int fd = outfile_begin(&j->file, OUTFILE_PRIVATE, e);
    size_t done;

    if (fd < 0)
        return -1;
    if (outfile_write(fd, g->bytes.bytes, g->bytes.used, &done) != 0) {
        cannot_write(j, e);
        outfile_abandon(&j->file);
        close(fd);
        return -1;
    }
    if (outfile_commit(&j->file, e) != 0) {
        close(fd);
        return -1;
    }
    if (j->fd >= 0)
        close(j->fd);
    j->fd = fd;
    j->size = j->fresh_size = g->bytes.used;
    j->groups = 1;
    j->synced_ns = clock_monotonic_ns();
    return 0;
}

/* Write the file from the start; the old one stays until the new one is there. */
static int rewrite(struct journal *j, const struct profile *whole, const struct series *series,
                   struct error *e)
{
    struct group g;
    int result;

    group_init(&g);
    group_fresh(&g, whole, series);
    result = g.failed ? out_of_memory(e) : write_fresh(j, &g, e);
    if (result == 0)
        written(j, &g, whole);
    group_release(&g);
    return result;
}

/* Half a group is no harm to a reader, but what is written next must follow the last whole one. */
static void cut_back(struct journal *j)
{
    int before = errno;

    j->torn = ftruncate(j->fd, (off_t)j->size) != 0 || lseek(j->fd, (off_t)j->size, SEEK_SET) < 0;
    errno = before;
}

static int write_next(struct journal *j, struct group *g, struct error *e)
{
    uint64_t now = clock_monotonic_ns();
    size_t done;

    if (outfile_write(j->fd, g->bytes.bytes, g->bytes.used, &done) != 0) {
        cut_back(j);
        return cannot_write(j, e);
    }
    if (now - j->synced_ns >= SYNC_NS) {
        j->synced_ns = now;
        j->synced = true;
        if (fdatasync(j->fd) != 0 && errno != EINVAL) {
            cut_back(j);
            return cannot_write(j, e);
        }
    }
    j->size += g->bytes.used;
    j->groups++;
    return 0;
}

static int extend(struct journal *j, const struct profile *whole, struct error *e)
{
    struct group g;
    int result;

    group_init(&g);
    group_next(&g, j, whole);
    result = g.failed ? out_of_memory(e) : write_next(j, &g, e);
    if (result == 0)
        written(j, &g, whole);
    group_release(&g);
    return result;
}

static int write_group(struct journal *j, const struct profile *whole, const struct series *series,
                       struct error *e)
{
    if (j->fd < 0 || j->torn)
        return rewrite(j, whole, series, e);
    /* where there is no room for two files the old one goes on */
    if (j->size > 2 * j->fresh_size + GROWTH_FREE && rewrite(j, whole, series, NULL) == 0)
        return 0;
    return extend(j, whole, e);
}

int journal_defer(struct journal *j, const struct profile_moment *moment,
                  const struct profile_changes *changes, struct error *e)
{
    return j->file.special ? 0 : series_add(&j->pending, moment, changes, e);
}

int journal_settle(struct journal *j, const struct profile *whole, const struct series *series,
                   struct error *e)
{
    bool before = j->failing;

    if (!j->pending.count || write_group(j, whole, series, e) == 0)
        return 0;
    j->failing = true;
    return before ? 0 : -1;
}

int journal_append(struct journal *j, const struct profile *whole, const struct series *series,
                   const struct profile_moment *moment, const struct profile_changes *changes,
                   struct error *e)
{
    if (journal_defer(j, moment, changes, e) != 0)
        return -1;
    return journal_settle(j, whole, series, e);
}

int journal_rename(struct journal *j, const char *path, struct error *e)
{
    struct outfile file;

    if (outfile_resolve(&file, path, e) != 0)
        return -1;
    if (j->fd >= 0 && file.special)
        return error_set(e, ERROR_INPUT, "cannot move the profile %s to %s: it is no regular file",
                         j->file.path, path);
    if (j->fd >= 0 && rename(j->file.path, file.path) != 0)
        return error_set(e, ERROR_SYSTEM, "cannot move the profile %s to %s", j->file.path, path);
    j->file = file;
    return 0;
}

int journal_finish(struct journal *j, const struct profile *p, struct snapshot_draft *draft,
                   uint64_t *size, struct error *e)
{
    const struct series all = {
        .moments = p->moments, .changes = p->changes, .count = p->moment_count};
    struct error reason;
    size_t length = 0;
    void *bytes = NULL;
    int result = snapshot_write_drafted(p, draft, &bytes, &length, &reason);

    if (result == 0)
        /* a power cut must not cost more than it would have before; a short run does not wait */
        result = outfile_replace(&j->file, bytes, length, j->synced, &reason);
    free(bytes);
    if (result == 0) {
        if (size)
            *size = length;
        if (j->fd >= 0)
            close(j->fd);
        j->fd = -1;
        return 0;
    }
    journal_settle(j, p, &all, NULL);
    if (j->fd < 0)
        return error_set(e, reason.kind == ERROR_SYSTEM ? ERROR_REFUSED : reason.kind, "%s",
                         reason.text);
    return error_set(e, reason.kind == ERROR_SYSTEM ? ERROR_REFUSED : reason.kind,
                     "%s; it keeps what was recorded until its last checkpoint", reason.text);
}
