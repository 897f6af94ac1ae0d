/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The profile file while the program runs: a journal, to which every checkpoint
 * appends a group of sections (snapshot-format.h) with what the profile has
 * gained, and which the finished profile replaces in the end.  Whenever it ends
 * early, all groups that are whole can be read.
 *
 *   journal_open → journal_append, journal_defer, journal_settle, journal_rename …
 *                → journal_finish → journal_close
 *
 * The file comes into being with the first group, in one step with it.  What
 * could not be written, because the disk was full, comes with the next group
 * that can.  A file that has become much larger than a fresh one would be is
 * replaced by a fresh one.  A device or a pipe gets the finished profile only.
 *
 * One thread at a time.
 */
#ifndef MEMPROF_HOST_JOURNAL_H
#define MEMPROF_HOST_JOURNAL_H

#include "src/host/files/outfile.h"
#include "src/host/memory/buffer.h"
#include "src/host/profile/profile.h"
#include "src/host/profile/series.h"
#include "src/host/profile/snapshot-draft.h"

/* The tables that a group brings whole, if they have changed. */
#define JOURNAL_REPLACED 4u

struct journal {
    struct outfile file;
    int fd;              /* -1: nothing is written yet */
    uint64_t size;       /* up to and with the last whole group */
    uint64_t fresh_size; /* when it was last written from the start */
    uint32_t groups;
    uint32_t strings, frames, nodes, sites, marks, faults,
        snapshot_pools; /* rows that the file has */
    uint32_t heap;      /* profile_heap.number of the state of the heap that it has */
    uint32_t search;    /* profile_search.number of the search for leaks that it has */
    struct buffer replaced[JOURNAL_REPLACED]; /* as they were last written */
    struct series pending;                    /* moments that the file lacks */
    uint64_t synced_ns;                       /* when the file was last forced to disk, */
    bool synced;                              /* or, if it never was, begun */
    bool failing;                             /* the last group could not be written */
    bool torn;                                /* and its beginning could not be cut off */
};

/* Where the file will be.  Nothing is written yet.  0, or -1 with `e` set. */
int journal_open(struct journal *j, const char *path, struct error *e);

/*
 * Write a group: the latest moment and its packed changes, with what `whole` has
 * gained since the last one.  `series` has the moment already.  Lines of frames
 * are left out.
 * 0; or -1 with `e` set when the file could not be written: once until it can
 * be again, in between the result is 0 and `failing` set.
 */
int journal_append(struct journal *j, const struct profile *whole, const struct series *series,
                   const struct profile_moment *moment, const struct profile_changes *changes,
                   struct error *e);

/*
 * Keep a moment for the next group, without one of its own: where the finished
 * profile follows at once it would be written for nothing.  journal_settle writes
 * what was kept, if anything, as journal_append would have.
 */
int journal_defer(struct journal *j, const struct profile_moment *moment,
                  const struct profile_changes *changes, struct error *e);
int journal_settle(struct journal *j, const struct profile *whole, const struct series *series,
                   struct error *e);

/* The file moves to another name, which it replaces.  0, or -1 with `e` set and all as before. */
int journal_rename(struct journal *j, const char *path, struct error *e);

/*
 * Replace the journal by the finished profile.  `size` (may be NULL) receives the
 * bytes written; `draft` (may be NULL) is of `p`.  0; or -1 with `e` set: then the journal stays,
 * with what was deferred where there is room for that, and the error says so.
 */
int journal_finish(struct journal *j, const struct profile *p, struct snapshot_draft *draft,
                   uint64_t *size, struct error *e);

/* The file stays as it is. */
void journal_close(struct journal *j);

#endif
