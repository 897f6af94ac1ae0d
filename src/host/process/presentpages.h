/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which pages of another process's memory are there: the kernel's PAGEMAP_SCAN (Linux
 * 6.7), else the entries of /proc/PID/pagemap (Documentation/admin-guide/mm/pagemap.rst),
 * a MiB at a time.  Either costs as much as there are page tables: a large mapping that
 * was hardly touched costs next to nothing with the former.
 *
 * Not thread-safe.
 */
#ifndef MEMPROF_HOST_PRESENTPAGES_H
#define MEMPROF_HOST_PRESENTPAGES_H

#include "src/host/error.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct presentpages {
    int file;
    bool scan; /* PAGEMAP_SCAN works; tests put it off */
    uint64_t page;
    void *buffer;
};

/* 0; or -1 with `e` set (ERROR_REFUSED: the file is not to be read). */
int presentpages_init(struct presentpages *p, pid_t pid, struct error *e);
void presentpages_release(struct presentpages *p);

/*
 * Calls `found` for each run of pages of [start, end), multiples of the page size, that is
 * present or swapped out.  With `written` pages that are a file's own are left out: those
 * of a private mapping that nobody wrote to, and all of shared memory.  false: `found`
 * said so, or the process is gone.
 */
bool presentpages_find(struct presentpages *p, uint64_t start, uint64_t end, bool written,
                       bool (*found)(void *context, uint64_t start, uint64_t end), void *context);

#endif
