/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Profiles on disk: the .mprof file.  The layout is in snapshot-format.h.
 */
#ifndef MEMPROF_HOST_SNAPSHOT_H
#define MEMPROF_HOST_SNAPSHOT_H

#include "src/host/error.h"
#include "src/host/profile/profile.h"

/*
 * Write `p` to `path`: into a temporary file beside it, then renamed, so that a
 * full disk leaves either the old file or none; straight into it if it is a
 * device or a pipe.  Times are rounded to microseconds.  A profile that does not
 * hold together (profile-check.h) is refused.  `size` (may be NULL) receives the
 * bytes written.  0, or -1 with `e` set.
 */
int snapshot_write(const struct profile *p, const char *path, uint64_t *size, struct error *e);

/*
 * Read a profile.  The file is never trusted: every length, count, index and
 * checksum is checked, and memory is bounded by the size of the file
 * (snapshot-format.h).  0, or -1 with `e` set (ERROR_FORMAT for a damaged file)
 * and `p` empty.
 *
 * A file that was cut may still give a profile, with `incomplete` set and `cut`
 * telling how far it was read: one that was never finished shows the state of its
 * last whole checkpoint and is `unnamed`; a finished one may lack timeline and
 * snapshots, no more.
 */
int snapshot_read(struct profile *p, const char *path, struct error *e);

/* The same from and to memory, for the fuzzer and the tests.  *bytes is the caller's to free. */
int snapshot_read_bytes(struct profile *p, const void *bytes, size_t size, struct error *e);
int snapshot_write_bytes(const struct profile *p, void **bytes, size_t *size, struct error *e);

/* The same with sections that were packed ahead (snapshot-draft.h); `draft` may be NULL. */
struct snapshot_draft;
int snapshot_write_drafted(const struct profile *p, struct snapshot_draft *draft, void **bytes,
                           size_t *size, struct error *e);

#endif
