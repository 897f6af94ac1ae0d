/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The changes of one moment, packed: what struct profile_changes holds, in
 * memory as in the file.
 *
 *   u8      encoding: SNAPSHOT_STORED or SNAPSHOT_ZSTD (snapshot-format.h)
 *   varint  rows, no more than raw bytes
 *   varint  raw bytes
 *   the content, raw or as a zstd frame, perhaps with a skippable one behind it:
 *     varint  bits 0-11: which of the columns below are there; one that is not is
 *             all zeros.  CHANGES_LIVE_BY_TOTAL and CHANGES_PEAK_BY_LIVE
 *     the columns, each a varint a row
 *
 * Column 0 is how many sites are passed over since the row before, unsigned.
 * The others are in zigzag form (columns.h) and modulo 2^64.  With `size` a
 * number that the writer chooses, usually the bytes of a block allocated:
 *    1  total blocks
 *    2  live blocks, less the total ones with CHANGES_LIVE_BY_TOTAL
 *    3  size
 *    4  total bytes, less size times the total blocks
 *    5  live bytes, less size times the live blocks
 *    6  temporary blocks
 *    7  temporary bytes, less size times the temporary blocks
 *    8  peak blocks, less the live ones with CHANGES_PEAK_BY_LIVE
 *    9  peak bytes, less size times column 8, and less the live bytes with
 *       CHANGES_PEAK_BY_LIVE
 *   10  smallest
 *   11  largest, less smallest less 1 where smallest is not 0
 *
 * So a site whose blocks are all of a size costs a byte for each of the first
 * four columns, before compression.
 */
#ifndef MEMPROF_HOST_CHANGES_H
#define MEMPROF_HOST_CHANGES_H

#include "src/host/error.h"
#include "src/host/profile/profile.h"

#define CHANGES_COLUMNS 12u
#define CHANGES_LIVE_BY_TOTAL (1u << 12)
#define CHANGES_PEAK_BY_LIVE (1u << 13)

/*
 * Pack `count` rows, whose sites ascend; rows that say nothing at all, one after
 * another from site 0 on, become none.  `to` receives malloc'ed bytes.  0, or -1 with `e` set.
 */
int changes_encode(struct profile_changes *to, const struct profile_change *rows, uint32_t count,
                   struct error *e);

/*
 * Unpack: *rows is malloc'ed (never NULL).  Every site is below `sites`, or the
 * changes are damaged (ERROR_FORMAT).  0, or -1 with `e` set and nothing kept.
 */
int changes_decode(const struct profile_changes *from, uint32_t sites, struct profile_change **rows,
                   uint32_t *count, struct error *e);

/*
 * Add the differences of `count` moments, the first of them at `from`, to the
 * numbers of `sites` sites.  0; or -1 with `e` set, as changes_decode, and the
 * numbers changed in part.
 */
int changes_sum(struct profile_stats *stats, uint32_t sites, const struct profile_changes *from,
                uint32_t count, struct error *e);

/* What can be told without unpacking: 0, or -1 with `e` set (ERROR_FORMAT). */
int changes_check(const void *bytes, uint64_t size, struct error *e);

/* The changes of both, `later` after `earlier`; sites where nothing remains are left out. */
int changes_merge(struct profile_changes *to, const struct profile_changes *earlier,
                  const struct profile_changes *later, struct error *e);

/* A copy. */
int changes_copy(struct profile_changes *to, const struct profile_changes *from, struct error *e);

void changes_release(struct profile_changes *changes);

/* Stats to which nothing has happened yet. */
static inline struct profile_stats changes_start(void)
{
    return (struct profile_stats){.smallest = UINT64_MAX};
}

/* Add a site's differences. */
void changes_add(struct profile_stats *to, const struct profile_stats *difference);

#endif
