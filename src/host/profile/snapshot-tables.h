/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which columns each table of a .mprof file has and where its rows lie in a
 * struct profile: one description that the writer and the reader share.
 */
#ifndef MEMPROF_HOST_SNAPSHOT_TABLES_H
#define MEMPROF_HOST_SNAPSHOT_TABLES_H

#include "src/host/profile/columns.h"
#include "src/host/profile/profile.h"
#include "src/host/profile/snapshot-format.h"

/* The single row of SNAPSHOT_PROCESS. */
struct snapshot_process {
    struct profile_process process;
    uint32_t incomplete;
};

struct snapshot_table {
    enum snapshot_section type;
    const char *name; /* for messages */
    uint32_t version;
    struct column_layout layout;
    size_t rows;   /* offset in struct profile: of the row itself, or of the array's pointer */
    size_t count;  /* offset of the array's uint32_t count; 0 for a table of one row */
    bool optional; /* a cut file is still of use without it */
};

/*
 * The table of a section; NULL for the sections that are none.  `rows` of
 * SNAPSHOT_PROCESS means nothing: its row is a struct snapshot_process.  NULL too
 * for SNAPSHOT_CHANGES, of which there are many.
 */
const struct snapshot_table *snapshot_table_find(uint32_t type);

/* Append the table's rows from number `first` on (0 for a table of one row), encoded. */
void snapshot_table_encode(struct buffer *raw, const struct snapshot_table *t,
                           const struct profile *p, uint32_t first);

/* Append the whole table as a section, compressed.  0, or -1 with `e` set: out of memory. */
int snapshot_table_pack(struct buffer *out, const struct snapshot_table *t, const struct profile *p,
                        struct error *e);

/*
 * Decode a table into its place in `p`, which must be empty.  0, or -1 with `e`
 * set (ERROR_FORMAT or ERROR_MEMORY).
 */
int snapshot_table_decode(struct profile *p, const struct snapshot_table *t, const uint8_t *raw,
                          size_t size, struct error *e);

#endif
