/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ELF files (binary.h) that were read for one image of a run, for those that come after it: shells
 * and compilers run the same programs and libraries hundreds of times.  Each is lent to one
 * symbolizer at a time, so that two images at once that map one file have one each; what is
 * given back is kept for the next, those used last.
 *
 * All functions may be called from any thread.
 */
#ifndef MEMPROF_HOST_BINARIES_H
#define MEMPROF_HOST_BINARIES_H

#include "src/host/symbols/binary.h"

#include <pthread.h>

/* That nobody uses: how many, each with up to three descriptors, and the size of their files. */
#define BINARIES_MAX 32u
#define BINARIES_BYTES (UINT64_C(256) << 20)

struct binaries_idle {
    struct binary *binary;
    uint64_t bytes; /* when it was given back: its files may be written to since */
};

struct binaries {
    pthread_mutex_t lock;
    struct binaries_idle idle[BINARIES_MAX]; /* used last at the end */
    unsigned count;
    uint64_t bytes;
};

void binaries_init(struct binaries *b);

/* Frees those that were given back; none may be lent. */
void binaries_release(struct binaries *b);

/* The caller's, to be given back or freed; NULL: there is none of this file, unchanged. */
struct binary *binaries_take(struct binaries *b, const struct modfile *file,
                             const struct buildid *id);

/* Takes over `binary`, of which no text is used any more. */
void binaries_give(struct binaries *b, struct binary *binary);

#endif
