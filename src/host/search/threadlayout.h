/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where in glibc's struct pthread and in the loader's data lies what a search for roots
 * needs: from the constants that glibc exports for libthread_db (nptl_db/structs.def; each
 * field is three 32-bit numbers, of which the last is the offset in bytes), in libc.so.6
 * since 2.34 and in libpthread before.  On x86-64 the thread pointer is the address of
 * struct pthread, which begins with tcbhead_t: its own address, the thread vector, its own
 * address again.
 */
#ifndef MEMPROF_HOST_THREADLAYOUT_H
#define MEMPROF_HOST_THREADLAYOUT_H

#include "src/host/symbols/elfobjects.h"

struct threadlayout {
    uint32_t size;      /* of struct pthread */
    uint32_t tid, list; /* offsets in it; 0: not known */
    uint32_t keys, keys_end;
    bool lists; /* the next two are known */
    uint32_t stacks_used,
        stacks_user; /* offsets in _rtld_global of the lists of stacks; the one of stacks that
                      * are kept for later threads follows the second */
};

/* What glibc 2.31 to 2.42 have in common on x86-64, without the lists. */
void threadlayout_init(struct threadlayout *l);

/* Read them from the library that has them.  false: it has not, and nothing changed. */
bool threadlayout_read(struct threadlayout *l, const struct elfobjects *library);

#endif
