/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files that are replaced in one step: written under another name beside their
 * place and then renamed, so that whoever opens one finds the old or the new.
 * What is no regular file, a device or a pipe, is written as it is.
 *
 * A symbolic link stays; the file that it leads to is replaced.  A link, pipe or
 * device that another user laid into a sticky folder that everybody may write to, as
 * /tmp, is refused (after fs.protected_symlinks and fs.protected_fifos, proc(5), which
 * may be off).  The temporary file is made anew and never through a link.
 */
#ifndef MEMPROF_HOST_OUTFILE_H
#define MEMPROF_HOST_OUTFILE_H

#include "src/host/error.h"

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct outfile {
    char path[PATH_MAX];      /* of the file itself, links followed */
    char temporary[PATH_MAX]; /* beside it */
    bool special;             /* no regular file: cannot be replaced */
};

/* Find out where `path` leads.  0, or -1 with `e` set (ERROR_REFUSED: as above). */
int outfile_resolve(struct outfile *f, const char *path, struct error *e);

/*
 * Open one that is special, which waits for a pipe's reader: a descriptor to write to, or -1
 * with `e` set.
 */
int outfile_open_special(const struct outfile *f, struct error *e);

/* Who may read it: this user alone, or whom the umask lets. */
#define OUTFILE_PRIVATE 0600
#define OUTFILE_SHARED 0666

/*
 * A new, empty temporary file with that mode for reading and writing: a descriptor, or -1 with
 * `e` set.
 */
int outfile_begin(const struct outfile *f, mode_t mode, struct error *e);

/* The temporary file takes its place; or is removed.  0, or -1 with `e` set and it removed. */
int outfile_commit(const struct outfile *f, struct error *e);
void outfile_abandon(const struct outfile *f);

/* Write all of it, whatever interrupts.  0, or -1 with errno set; *written says how far it came. */
int outfile_write(int fd, const void *bytes, size_t size, size_t *written);

/* All of the above, OUTFILE_SHARED: the file now holds these bytes, on disk if `durable`. */
int outfile_replace(const struct outfile *f, const void *bytes, size_t size, bool durable,
                    struct error *e);

#endif
