/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether a profile holds together: every index in range, parents before
 * their children, every frame with lines.  Whoever walks a checked profile
 * needs no checks of his own.  The writer refuses what fails here, so that a
 * file that cannot be read back is never made.
 */
#ifndef MEMPROF_HOST_PROFILE_CHECK_H
#define MEMPROF_HOST_PROFILE_CHECK_H

#include "src/host/error.h"
#include "src/host/profile/profile.h"

/* More lines than any inlining gives; keeps a hostile file from repeating one long run. */
#define PROFILE_FRAME_LINES_MAX 4096u

/*
 * Frames may share lines, but all of them together refer to no more than so many
 * times the rows of both tables: what a reader does for each line of each frame is
 * bounded by the file.
 */
#define PROFILE_LINES_SHARED 8u

/* 0, or -1 with `e` (ERROR_FORMAT) naming the table and the row. */
int profile_check(const struct profile *p, struct error *e);

/*
 * The part of this that needs no other table: what each row says of itself and
 * its strings, of which there are `strings`.
 */
int profile_check_rows(const struct profile *p, uint32_t strings, struct error *e);

#endif
