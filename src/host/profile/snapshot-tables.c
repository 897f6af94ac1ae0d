// SPDX-License-Identifier: Apache-2.0
#include "src/host/profile/snapshot-tables.h"

#include "src/host/profile/snapshot-section.h"

#include <stdlib.h>
#include <string.h>

/*
 * The order of columns and their prediction are the file format: a change
 * needs a new version of the section.
 */
#define PLAIN(kind, row, field)                                                                    \
    {                                                                                              \
        COLUMN_##kind, PREDICT_NOTHING, offsetof(struct row, field), 0, 0                          \
    }
#define DELTA(kind, row, field)                                                                    \
    {                                                                                              \
        COLUMN_##kind, PREDICT_PREVIOUS, offsetof(struct row, field), 0, 0                         \
    }
#define BELOW_ROW(kind, row, field)                                                                \
    {                                                                                              \
        COLUMN_##kind, PREDICT_ROW, offsetof(struct row, field), 0, 0                              \
    }
#define BEYOND(kind, row, field, base)                                                             \
    {                                                                                              \
        COLUMN_##kind, PREDICT_FIELD, offsetof(struct row, field), offsetof(struct row, base), 0   \
    }
#define RUN(kind, row, field, length)                                                              \
    {                                                                                              \
        COLUMN_##kind, PREDICT_RUN, offsetof(struct row, field), offsetof(struct row, length), 0   \
    }
#define NEAR_QUOTIENT(kind, row, field, dividend, divisor)                                         \
    {                                                                                              \
        COLUMN_##kind, PREDICT_QUOTIENT, offsetof(struct row, field),                              \
            offsetof(struct row, dividend), offsetof(struct row, divisor)                          \
    }

static const struct column process_columns[] = {
    PLAIN(U32, snapshot_process, process.program),
    PLAIN(U32, snapshot_process, process.executable),
    PLAIN(U32, snapshot_process, process.command),
    PLAIN(U32, snapshot_process, process.host),
    PLAIN(U32, snapshot_process, process.memprof_version),
    PLAIN(I64, snapshot_process, process.pid),
    PLAIN(I64, snapshot_process, process.started_unix),
    PLAIN(SECONDS, snapshot_process, process.seconds),
    PLAIN(U32, snapshot_process, process.exit_kind),
    PLAIN(I32, snapshot_process, process.exit_value),
    PLAIN(U32, snapshot_process, incomplete),
    PLAIN(U32, snapshot_process, process.merged),
    PLAIN(U32, snapshot_process, process.allocator),
    PLAIN(SECONDS, snapshot_process, process.attached_seconds),
    PLAIN(U32, snapshot_process, process.own_malloc),
};

static const struct column totals_columns[] = {
    PLAIN(U64, profile_totals, live_bytes),       PLAIN(U64, profile_totals, live_blocks),
    PLAIN(U64, profile_totals, peak_bytes),       PLAIN(U64, profile_totals, peak_blocks),
    PLAIN(SECONDS, profile_totals, peak_seconds), PLAIN(U64, profile_totals, total_bytes),
    PLAIN(U64, profile_totals, total_blocks),     PLAIN(U64, profile_totals, freed_bytes),
    PLAIN(U64, profile_totals, freed_blocks),     PLAIN(U64, profile_totals, temporary_bytes),
    PLAIN(U64, profile_totals, temporary_blocks), PLAIN(U64, profile_totals, failed_blocks),
    PLAIN(U64, profile_totals, mmap_live_bytes),  PLAIN(U64, profile_totals, mmap_peak_bytes),
    PLAIN(U64, profile_totals, mmap_total_bytes), PLAIN(U64, profile_totals, rss_peak_bytes),
    PLAIN(U64, profile_totals, own_target_bytes), PLAIN(U64, profile_totals, own_host_bytes),
};

static const struct column loss_columns[] = {
    PLAIN(U64, profile_loss, dropped),          PLAIN(U64, profile_loss, bootstrap_blocks),
    PLAIN(U64, profile_loss, bootstrap_bytes),  PLAIN(U64, profile_loss, nested_blocks),
    PLAIN(U64, profile_loss, unknown_frees),    PLAIN(U64, profile_loss, replaced_blocks),
    PLAIN(U64, profile_loss, stacks_truncated), PLAIN(U64, profile_loss, stacks_lost),
    PLAIN(U64, profile_loss, modules_lost),     PLAIN(U64, profile_loss, damaged_records),
    PLAIN(U64, profile_loss, forked_children),  PLAIN(U64, profile_loss, verified),
    PLAIN(U64, profile_loss, verify_mismatch),  PLAIN(U64, profile_loss, verify_skipped),
    PLAIN(U64, profile_loss, slow_steps),       PLAIN(U64, profile_loss, faults_dropped),
    PLAIN(U64, profile_loss, earlier_frees),    PLAIN(U64, profile_loss, imports_missed),
};

static const struct column module_columns[] = {
    DELTA(U32, profile_module, path),          DELTA(U64, profile_module, start),
    BEYOND(U64, profile_module, end, start),   BEYOND(U64, profile_module, bias, start),
    PLAIN(U32, profile_module, generation),    PLAIN(U32, profile_module, build_id_size),
    PLAIN(BUILD_ID, profile_module, build_id), PLAIN(U32, profile_module, flags),
};

static const struct column line_columns[] = {
    DELTA(U32, profile_line, function), DELTA(U32, profile_line, file),
    DELTA(U32, profile_line, line),     PLAIN(U32, profile_line, flags),
    PLAIN(U64, profile_line, offset),
};

static const struct column frame_columns[] = {
    DELTA(U32, profile_frame, module),
    DELTA(U64, profile_frame, value),
    PLAIN(U32, profile_frame, line_count),
    RUN(U32, profile_frame, first_line, line_count),
};

static const struct column node_columns[] = {
    BELOW_ROW(U32, profile_node, parent),
    DELTA(U32, profile_node, frame),
};

static const struct column thread_columns[] = {
    DELTA(I64, profile_thread, tid),
    DELTA(U32, profile_thread, name),
};

static const struct column site_columns[] = {
    DELTA(U32, profile_site, node),
    DELTA(U32, profile_site, thread),
    PLAIN(U32, profile_site, domain),
    DELTA(SECONDS, profile_site, first_seconds),
    BEYOND(SECONDS, profile_site, last_seconds, first_seconds),
    PLAIN(U64, profile_site, stats.total_bytes),
    PLAIN(U64, profile_site, stats.total_blocks),
    PLAIN(U64, profile_site, stats.live_bytes),
    PLAIN(U64, profile_site, stats.live_blocks),
    PLAIN(U64, profile_site, stats.peak_bytes),
    PLAIN(U64, profile_site, stats.peak_blocks),
    PLAIN(U64, profile_site, stats.temporary_bytes),
    PLAIN(U64, profile_site, stats.temporary_blocks),
    NEAR_QUOTIENT(U64, profile_site, stats.smallest, stats.total_bytes, stats.total_blocks),
    BEYOND(U64, profile_site, stats.largest, stats.smallest),
};

static const struct column sample_columns[] = {
    DELTA(SECONDS, profile_sample, seconds),
    DELTA(U64, profile_sample, live_bytes),
    DELTA(U64, profile_sample, live_blocks),
    DELTA(U64, profile_sample, rss_bytes),
};

static const struct column moment_columns[] = {
    DELTA(SECONDS, profile_moment, seconds),
    DELTA(U64, profile_moment, live_bytes),
    DELTA(U64, profile_moment, live_blocks),
    DELTA(U64, profile_moment, peak_bytes),
    DELTA(U64, profile_moment, peak_blocks),
    DELTA(U64, profile_moment, total_bytes),
    DELTA(U64, profile_moment, total_blocks),
    DELTA(U64, profile_moment, temporary_bytes),
    DELTA(U64, profile_moment, temporary_blocks),
    DELTA(U64, profile_moment, mmap_live_bytes),
    DELTA(U64, profile_moment, rss_bytes),
    DELTA(U32, profile_moment, label),
    PLAIN(U32, profile_moment, kind),
    PLAIN(U32, profile_moment, cause),
    DELTA(U32, profile_moment, number),
    DELTA(U64, profile_moment, pool_arenas),
    DELTA(U64, profile_moment, pool_used_bytes),
    DELTA(U64, profile_moment, pool_free_bytes),
    DELTA(U64, profile_moment, pools_free),
};

static const struct column mark_columns[] = {
    DELTA(SECONDS, profile_mark, seconds), DELTA(U64, profile_mark, live_bytes),
    DELTA(U64, profile_mark, live_blocks), DELTA(U32, profile_mark, label),
    DELTA(U32, profile_mark, thread),
};

static const struct column fault_columns[] = {
    DELTA(SECONDS, profile_fault, seconds),    PLAIN(U64, profile_fault, address),
    PLAIN(U64, profile_fault, size),           PLAIN(I64, profile_fault, value),
    PLAIN(U32, profile_fault, kind),           PLAIN(U32, profile_fault, found),
    PLAIN(U32, profile_fault, allocated_node), PLAIN(U32, profile_fault, freed_node),
    PLAIN(U32, profile_fault, noticed_node),   PLAIN(U32, profile_fault, thread),
};

static const struct column domain_columns[] = {
    PLAIN(U64, profile_domain, live_bytes),  PLAIN(U64, profile_domain, live_blocks),
    PLAIN(U64, profile_domain, peak_bytes),  PLAIN(U64, profile_domain, peak_blocks),
    PLAIN(U64, profile_domain, total_bytes), PLAIN(U64, profile_domain, total_blocks),
    PLAIN(U32, profile_domain, name),
};

static const struct column heap_columns[] = {
    PLAIN(SECONDS, profile_heap, seconds), PLAIN(U64, profile_heap, left_bytes),
    PLAIN(U64, profile_heap, left_blocks), PLAIN(U64, profile_heap, pins_left),
    PLAIN(U64, profile_heap, arenas),      PLAIN(U64, profile_heap, arenas_empty),
    PLAIN(U64, profile_heap, high_water),  PLAIN(U64, profile_heap, taken),
    PLAIN(U64, profile_heap, returned),    PLAIN(U64, profile_heap, kept_bytes),
    PLAIN(U64, profile_heap, pools_free),  PLAIN(U64, profile_heap, header_bytes),
    PLAIN(U64, profile_heap, tail_bytes),  PLAIN(U32, profile_heap, number),
    PLAIN(U32, profile_heap, allocator),   PLAIN(U32, profile_heap, census),
};

static const struct column size_columns[] = {
    DELTA(U32, profile_size, site),
    DELTA(U64, profile_size, size),
    PLAIN(U64, profile_size, blocks),
};

static const struct column class_columns[] = {
    PLAIN(U64, profile_class, pools),
    PLAIN(U64, profile_class, full),
    PLAIN(U64, profile_class, used),
    PLAIN(U64, profile_class, free),
};

static const struct column pool_columns[] = {
    DELTA(U64, profile_pool, address),
    PLAIN(U32, profile_pool, size_class),
    PLAIN(U32, profile_pool, used),
};

static const struct column snapshot_pool_columns[] = {
    DELTA(U64, profile_snapshot_pool, address),
    DELTA(U32, profile_snapshot_pool, snapshot),
    PLAIN(U32, profile_snapshot_pool, size_class),
    PLAIN(U32, profile_snapshot_pool, used),
};

static const struct column pin_columns[] = {
    DELTA(U32, profile_pin, pool),
    DELTA(U32, profile_pin, site),
    PLAIN(U32, profile_pin, blocks),
};

static const struct column search_columns[] = {
    PLAIN(SECONDS, profile_search, seconds),
    PLAIN(SECONDS, profile_search, held_seconds),
    PLAIN(U32, profile_search, number),
    PLAIN(U32, profile_search, cause),
    PLAIN(U32, profile_search, signal),
    PLAIN(U32, profile_search, method),
    PLAIN(U32, profile_search, notes),
    PLAIN(U32, profile_search, graph),
    PLAIN(U32, profile_search, contents),
    PLAIN(U32, profile_search, moments),
    PLAIN(U32, profile_search, snapshots),
    PLAIN(U32, profile_search, threads),
    PLAIN(U32, profile_search, threads_missed),
    PLAIN(U32, profile_search, why),
    PLAIN(U32, profile_search, suppressions),
    PLAIN(U64, profile_search, copied_bytes),
    PLAIN(U64, profile_search, root_bytes),
    PLAIN(U64, profile_search, unreadable_bytes),
    PLAIN(U32, profile_search, step),
    PLAIN(U32, profile_search, compressed),
    PLAIN(U32, profile_search, compressed_shift),
    PLAIN(U64, profile_search, compressed_base),
    PLAIN(U32, profile_search, low_tags),
    PLAIN(U64, profile_search, high_tags),
    PLAIN(U32, profile_search, past_end),
    PLAIN(U32, profile_search, duplicates),
    PLAIN(U64, profile_search, pointers_left_out),
};

static const struct column leak_columns[] = {
    PLAIN(U32, profile_leak, kind),
    PLAIN(U32, profile_leak, site),
    PLAIN(U32, profile_leak, holder),
    PLAIN(U32, profile_leak, age),
    PLAIN(U32, profile_leak, survived),
    PLAIN(U32, profile_leak, cycle_blocks),
    PLAIN(U64, profile_leak, blocks),
    PLAIN(U64, profile_leak, bytes),
    PLAIN(U64, profile_leak, indirect_blocks),
    PLAIN(U64, profile_leak, indirect_bytes),
    PLAIN(U64, profile_leak, smallest),
    BEYOND(U64, profile_leak, largest, smallest),
    DELTA(U64, profile_leak, example),
    BEYOND(U64, profile_leak, retained_bytes, bytes),
};

static const struct column block_columns[] = {
    DELTA(U64, profile_block, address),
    PLAIN(U64, profile_block, size),
    BEYOND(U64, profile_block, retained, size),
    DELTA(U32, profile_block, site),
    PLAIN(U32, profile_block, kind),
    DELTA(U32, profile_block, age),
    DELTA(U32, profile_block, survived),
    PLAIN(U32, profile_block, cycle),
};

static const struct column pointer_columns[] = {
    DELTA(U64, profile_pointer, address),
    DELTA(U64, profile_pointer, value),
    DELTA(U32, profile_pointer, symbol),
    PLAIN(U32, profile_pointer, offset),
};

static const struct column root_columns[] = {
    DELTA(U64, profile_root, start), PLAIN(U64, profile_root, size),
    PLAIN(U32, profile_root, kind),  PLAIN(U32, profile_root, tid),
    PLAIN(U32, profile_root, name),  PLAIN(U32, profile_root, thread),
};

static const struct column exception_columns[] = {
    DELTA(U64, profile_exception, address),
};

static const struct column content_columns[] = {
    DELTA(U64, profile_content, address),  PLAIN(U64, profile_content, words[0]),
    PLAIN(U64, profile_content, words[1]), PLAIN(U64, profile_content, words[2]),
    PLAIN(U64, profile_content, words[3]), PLAIN(U64, profile_content, words[4]),
    PLAIN(U64, profile_content, words[5]), PLAIN(U64, profile_content, words[6]),
    PLAIN(U64, profile_content, words[7]),
};

static const struct column duplicate_columns[] = {
    DELTA(U32, profile_duplicate, site),   DELTA(U64, profile_duplicate, size),
    PLAIN(U64, profile_duplicate, blocks), DELTA(U64, profile_duplicate, example),
    PLAIN(U64, profile_duplicate, hash),
};

static const struct column writer_columns[] = {
    PLAIN(I64, profile_writer, pid),
    PLAIN(U64, profile_writer, start_ticks),
};

static const struct column cut_columns[] = {
    PLAIN(U32, profile_cut, kind),
    PLAIN(U64, profile_cut, offset),
    PLAIN(U64, profile_cut, file_size),
    PLAIN(SECONDS, profile_cut, seconds),
};

/* A field that is added to a struct is lost in files until it has a column here. */
#define COMPLETE(row, bytes)                                                                       \
    _Static_assert(sizeof(struct row) == (bytes), #row " has changed: give its fields columns")
COMPLETE(profile_process, 80);
COMPLETE(profile_totals, 18 * 8);
COMPLETE(profile_loss, 18 * 8);
COMPLETE(profile_module, 80);
COMPLETE(profile_line, 24);
COMPLETE(profile_frame, 24);
COMPLETE(profile_node, 8);
COMPLETE(profile_thread, 16);
COMPLETE(profile_site, 32 + 10 * 8);
COMPLETE(profile_sample, 32);
COMPLETE(profile_moment, 15 * 8 + 4 * 4);
COMPLETE(profile_mark, 32);
COMPLETE(profile_fault, 56);
COMPLETE(profile_domain, 56);
COMPLETE(profile_writer, 16);
COMPLETE(profile_cut, 32);
COMPLETE(profile_heap, 13 * 8 + 4 * 4);
COMPLETE(profile_size, 24);
COMPLETE(profile_class, 32);
COMPLETE(profile_pool, 16);
COMPLETE(profile_pin, 16);
COMPLETE(profile_snapshot_pool, 24);
COMPLETE(profile_search, 2 * 8 + 14 * 4 + 6 * 8 + 6 * 4);
COMPLETE(profile_leak, 6 * 4 + 8 * 8);
COMPLETE(profile_block, 48);
COMPLETE(profile_pointer, 24);
COMPLETE(profile_root, 32);
COMPLETE(profile_exception, 8);
COMPLETE(profile_content, 8 + PROFILE_CONTENTS_BYTES);
COMPLETE(profile_duplicate, 40);

#define LAYOUT(columns, row)                                                                       \
    {                                                                                              \
        columns, sizeof columns / sizeof columns[0], sizeof(struct row)                            \
    }
#define ONE(type, name, columns, row, field)                                                       \
    {                                                                                              \
        type, name, 1, LAYOUT(columns, row), offsetof(struct profile, field), 0, false             \
    }
#define MANY(type, name, columns, row, array, number, optional)                                    \
    {                                                                                              \
        type, name, 1, LAYOUT(columns, row), offsetof(struct profile, array),                      \
            offsetof(struct profile, number), optional                                             \
    }

static const struct snapshot_table tables[] = {
    ONE(SNAPSHOT_PROCESS, "process", process_columns, snapshot_process, process),
    ONE(SNAPSHOT_TOTALS, "totals", totals_columns, profile_totals, totals),
    ONE(SNAPSHOT_LOSS, "loss", loss_columns, profile_loss, loss),
    MANY(SNAPSHOT_MODULES, "modules", module_columns, profile_module, modules, module_count, false),
    MANY(SNAPSHOT_LINES, "lines", line_columns, profile_line, lines, line_count, false),
    MANY(SNAPSHOT_FRAMES, "frames", frame_columns, profile_frame, frames, frame_count, false),
    MANY(SNAPSHOT_NODES, "nodes", node_columns, profile_node, nodes, node_count, false),
    MANY(SNAPSHOT_THREADS, "threads", thread_columns, profile_thread, threads, thread_count, false),
    MANY(SNAPSHOT_SITES, "sites", site_columns, profile_site, sites, site_count, false),
    MANY(SNAPSHOT_SAMPLES, "samples", sample_columns, profile_sample, samples, sample_count, true),
    MANY(SNAPSHOT_DOMAINS, "domains", domain_columns, profile_domain, domains, domain_count, false),
    MANY(SNAPSHOT_MARKS, "marks", mark_columns, profile_mark, marks, mark_count, true),
    MANY(SNAPSHOT_FAULTS, "faults", fault_columns, profile_fault, faults, fault_count, true),
    MANY(SNAPSHOT_MOMENTS, "moments", moment_columns, profile_moment, moments, moment_count, true),
    MANY(SNAPSHOT_SIZES, "sizes", size_columns, profile_size, sizes, size_count, true),
    MANY(SNAPSHOT_CLASSES, "classes", class_columns, profile_class, classes, class_count, true),
    MANY(SNAPSHOT_POOLS, "pools", pool_columns, profile_pool, pools, pool_count, true),
    MANY(SNAPSHOT_PINS, "pins", pin_columns, profile_pin, pins, pin_count, true),
    MANY(SNAPSHOT_SNAPSHOT_POOLS, "pools of snapshots", snapshot_pool_columns,
         profile_snapshot_pool, snapshot_pools, snapshot_pool_count, true),
    ONE(SNAPSHOT_HEAP, "heap", heap_columns, profile_heap, heap),
    ONE(SNAPSHOT_SEARCH, "search", search_columns, profile_search, search),
    MANY(SNAPSHOT_LEAKS, "leaks", leak_columns, profile_leak, leaks, leak_count, true),
    MANY(SNAPSHOT_BLOCKS, "blocks", block_columns, profile_block, blocks, block_count, true),
    MANY(SNAPSHOT_POINTERS, "pointers", pointer_columns, profile_pointer, pointers, pointer_count,
         true),
    MANY(SNAPSHOT_ROOTS, "roots", root_columns, profile_root, roots, root_count, true),
    MANY(SNAPSHOT_EXCEPTIONS, "exceptions", exception_columns, profile_exception, exceptions,
         exception_count, true),
    MANY(SNAPSHOT_CONTENTS, "contents", content_columns, profile_content, contents, content_count,
         true),
    MANY(SNAPSHOT_DUPLICATES, "duplicates", duplicate_columns, profile_duplicate, duplicates,
         duplicate_count, true),
    ONE(SNAPSHOT_CUT, "cut", cut_columns, profile_cut, cut),
    ONE(SNAPSHOT_WRITER, "writer", writer_columns, profile_writer, writer),
};

const struct snapshot_table *snapshot_table_find(uint32_t type)
{
    for (size_t i = 0; i < sizeof tables / sizeof tables[0]; i++)
        if (tables[i].type == type)
            return &tables[i];
    return NULL;
}

/* Where the rows of a table are, from row `first` on, and how many. */
static const void *rows_of(const struct snapshot_table *t, const struct profile *p, uint32_t first,
                           uint32_t *count)
{
    const char *base = (const char *)p, *rows;

    *count = 1;
    if (!t->count)
        return base + t->rows;
    memcpy(&rows, base + t->rows, sizeof rows);
    memcpy(count, base + t->count, sizeof *count);
    *count -= first;
    return *count ? rows + first * t->layout.row_bytes : NULL;
}

void snapshot_table_encode(struct buffer *raw, const struct snapshot_table *t,
                           const struct profile *p, uint32_t first)
{
    const struct snapshot_process process = {p->process, p->incomplete};
    uint32_t count;
    const void *rows = rows_of(t, p, first, &count);

    columns_encode(raw, &t->layout, t->type == SNAPSHOT_PROCESS ? &process : rows, count);
}

/* Give the decoded rows to the profile. */
static void place_rows(struct profile *p, const struct snapshot_table *t, void *rows, size_t count)
{
    char *base = (char *)p;
    const struct snapshot_process *process = rows;
    uint32_t number = (uint32_t)count;

    if (t->count) {
        memcpy(base + t->rows, &rows, sizeof rows);
        memcpy(base + t->count, &number, sizeof number);
        return;
    }
    if (t->type == SNAPSHOT_PROCESS) {
        p->process = process->process;
        p->incomplete = process->incomplete != 0;
    } else {
        memcpy(base + t->rows, rows, t->layout.row_bytes);
    }
    free(rows);
}

int snapshot_table_pack(struct buffer *out, const struct snapshot_table *t, const struct profile *p,
                        struct error *e)
{
    struct buffer raw;
    int result;

    buffer_init(&raw);
    snapshot_table_encode(&raw, t, p, 0);
    if (raw.failed)
        result = error_set(e, ERROR_MEMORY, "out of memory while writing a profile");
    else
        result = section_put_packed(out, t->type, t->version, raw.bytes, raw.used, e);
    buffer_release(&raw);
    return result;
}

int snapshot_table_decode(struct profile *p, const struct snapshot_table *t, const uint8_t *raw,
                          size_t size, struct error *e)
{
    struct view view = {raw, raw + size, false};
    struct error reason;
    size_t count;
    void *rows;

    if (columns_decode(&view, &t->layout, t->count ? UINT32_MAX - 1 : 1, &rows, &count, &reason) !=
        0)
        return error_set(e, reason.kind, "the profile is damaged: section %s: %s", t->name,
                         reason.text);
    if (!t->count && count != 1) {
        free(rows);
        return error_set(e, ERROR_FORMAT, "the profile is damaged: section %s is empty", t->name);
    }
    place_rows(p, t, rows, count);
    return 0;
}
