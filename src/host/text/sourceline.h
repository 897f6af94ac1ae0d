/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lines of source files, for showing under a row.  A file is read whole at its
 * first line asked for and kept, since the top lines of a program tend to lie
 * in few files; files over 32 MiB and beyond the 64th are not read.
 * Not thread-safe.
 */
#ifndef MEMPROF_HOST_SOURCELINE_H
#define MEMPROF_HOST_SOURCELINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct source_file;

struct sourcelines {
    struct source_file *files;
    size_t count;
};

void sourcelines_init(struct sourcelines *s);
void sourcelines_release(struct sourcelines *s);

/*
 * Line `number` (from 1) of the file at `path` without surrounding white space:
 * its start is returned and its length in bytes set; not NUL-terminated, valid
 * until the release.  NULL when the file or the line is not there, or the line
 * is blank.  `*newer` tells whether the file was changed after `since_unix`
 * (seconds since the epoch), so that the line may no longer be the one compiled.
 */
const char *sourcelines_get(struct sourcelines *s, const char *path, uint32_t number,
                            int64_t since_unix, size_t *length, bool *newer);

#endif
