// SPDX-License-Identifier: Apache-2.0
#include "src/host/files/outfile.h"
#include "src/host/memory/buffer.h"
#include "src/host/profile/profile-check.h"
#include "src/host/profile/snapshot-draft.h"
#include "src/host/profile/snapshot-section.h"
#include "src/host/profile/snapshot-tables.h"
#include "src/host/profile/snapshot.h"

#include <stdlib.h>

static int out_of_memory(struct error *e)
{
    return error_set(e, ERROR_MEMORY, "out of memory while writing a profile");
}

static int put_strings(struct buffer *out, const struct strings *s, struct error *e)
{
    if (s->used)
        return section_put_packed(out, SNAPSHOT_STRINGS, 1, s->bytes, s->used, e);
    return section_put_packed(out, SNAPSHOT_STRINGS, 1, "", 1, e);
}

static void put_end(struct buffer *out)
{
    uint8_t offset[SNAPSHOT_END_BYTES];

    for (unsigned i = 0; i < sizeof offset; i++)
        offset[i] = (uint8_t)((uint64_t)out->used >> 8 * i);
    section_put(out, SNAPSHOT_END, offset, sizeof offset);
}

/*
 * What a cut file can do without comes last; the rows of the heap and of the search for leaks
 * behind the tables that they speak of, so that where they are there those are complete.
 */
static const uint32_t order[] = {
    SNAPSHOT_PROCESS,    SNAPSHOT_TOTALS,   SNAPSHOT_LOSS,       SNAPSHOT_STRINGS,
    SNAPSHOT_MODULES,    SNAPSHOT_LINES,    SNAPSHOT_FRAMES,     SNAPSHOT_NODES,
    SNAPSHOT_THREADS,    SNAPSHOT_SITES,    SNAPSHOT_DOMAINS,    SNAPSHOT_SIZES,
    SNAPSHOT_CLASSES,    SNAPSHOT_POOLS,    SNAPSHOT_PINS,       SNAPSHOT_HEAP,
    SNAPSHOT_LEAKS,      SNAPSHOT_BLOCKS,   SNAPSHOT_POINTERS,   SNAPSHOT_ROOTS,
    SNAPSHOT_EXCEPTIONS, SNAPSHOT_CONTENTS, SNAPSHOT_DUPLICATES, SNAPSHOT_SEARCH,
    SNAPSHOT_SAMPLES,    SNAPSHOT_MARKS,    SNAPSHOT_FAULTS,     SNAPSHOT_SNAPSHOT_POOLS,
    SNAPSHOT_MOMENTS,
};

/* What of the file that the profile was read from is missing. */
static int put_cut(struct buffer *out, const struct profile *p, struct error *e)
{
    return p->cut.kind == CUT_NONE
               ? 0
               : snapshot_table_pack(out, snapshot_table_find(SNAPSHOT_CUT), p, e);
}

static int put_section(struct buffer *out, uint32_t type, const struct profile *p,
                       struct snapshot_draft *draft, struct error *e)
{
    const struct snapshot_table *t = snapshot_table_find(type);
    const struct buffer *packed = draft ? snapshot_draft_section(draft, type) : NULL;

    if (!t)
        return put_strings(out, &p->strings, e);
    if (!packed)
        return snapshot_table_pack(out, t, p, e);
    buffer_put(out, packed->bytes, packed->used);
    return 0;
}

static int put_sections(struct buffer *out, const struct profile *p, struct snapshot_draft *draft,
                        struct error *e)
{
    for (size_t i = 0; i < sizeof order / sizeof *order; i++)
        if (put_section(out, order[i], p, draft, e) != 0)
            return -1;
    if (put_cut(out, p, e) != 0)
        return -1;
    for (uint32_t i = 0; i < p->moment_count; i++)
        section_put(out, SNAPSHOT_CHANGES, p->changes[i].bytes, (size_t)p->changes[i].size);
    put_end(out);
    return out->failed ? out_of_memory(e) : 0;
}

int snapshot_write_drafted(const struct profile *p, struct snapshot_draft *draft, void **bytes,
                           size_t *size, struct error *e)
{
    struct buffer out;

    *bytes = NULL;
    *size = 0;
    if (profile_check(p, e) != 0)
        return -1;
    buffer_init(&out);
    section_put_file_header(&out);
    if (put_sections(&out, p, draft, e) != 0) {
        buffer_release(&out);
        return -1;
    }
    *bytes = out.bytes;
    *size = out.used;
    return 0;
}

int snapshot_write_bytes(const struct profile *p, void **bytes, size_t *size, struct error *e)
{
    return snapshot_write_drafted(p, NULL, bytes, size, e);
}

int snapshot_write(const struct profile *p, const char *path, uint64_t *size, struct error *e)
{
    struct outfile file;
    void *bytes;
    size_t length;
    int result;

    if (snapshot_write_bytes(p, &bytes, &length, e) != 0)
        return -1;
    result = outfile_resolve(&file, path, e);
    if (result == 0)
        result = outfile_replace(&file, bytes, length, false, e);
    free(bytes);
    if (result == 0 && size)
        *size = length;
    return result;
}
