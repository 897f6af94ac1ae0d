/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The unwind tables of large modules, read in a mapping of our own of the module's file instead of
 * the program's, so that their pages can be given back.  Where a program has 130 MB of code, the
 * rules for it (rules.h) are decoded from all over 11 MB of tables, and a fault maps 64 KiB; in the
 * program's own mapping they would stay resident because of us.
 *
 * The parts of 64 KiB that were read last are kept, at most CFICOPY_PARTS of all copies together
 * (with what the kernel maps around them where folios are larger); the others are given back by
 * madvise(MADV_DONTNEED).  Giving back what another process or a handler is about to read is
 * harmless: the mapping is of a file, and faults in again.
 *
 * A module has no copy, and is read as it lies in the program, when its tables are small, may have
 * been relocated, or are not verifiably those of a file (filecopy.h); when the program has several
 * threads, since a descriptor is opened for a moment, or has confined itself (confinement.h); and,
 * once and again, when a thread or a handler is reading a copy just then: there is no waiting. Once
 * the program has confined itself nothing is given back any more.  A thread that is ended, or a
 * handler that jumps out, while it reads: there is no more reading of copies until the thread comes
 * back, at worst.  A file that is cut raises SIGBUS, as in the program's own mapping.
 *
 * Async-signal-safe; errno is kept.
 */
#ifndef MEMPROF_PRELOAD_CFICOPY_H
#define MEMPROF_PRELOAD_CFICOPY_H

#include "preload/cfi.h"

#define CFICOPY_PARTS 12u
#define CFICOPY_PART_BYTES UINT64_C(65536)
#define CFICOPY_LARGE UINT64_C(131072) /* cfi_module.header_bytes from which there are copies */

/* As cfi_find_row, of a module as module_find tells it. */
enum cfi_result cficopy_find_row(const struct cfi_module *m, uint64_t pc, struct cfi_row *row);

/* The modules that lay in [start, end) are gone: unmap their copies. */
void cficopy_forget(uint64_t start, uint64_t end);

/* The calling thread will never finish what it was doing here. */
void cficopy_abandon(void);

/* The session is over, and no thread is inside an entry point: unmap all copies. */
void cficopy_release(void);

#endif
