/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The locks of the dynamic loader that a thread holds which crashed inside of it and was put back
 * to where it stood before (inject.h): without them no other thread could load a library again.
 *
 * glibc keeps them in _rtld_global, which ld.so exports (elf/rtld.c, ldsodefs.h), as recursive
 * mutexes, which have the number of the thread that owns them (bits/struct_mutex.h).
 */
#ifndef MEMPROF_HOST_LOADERLOCKS_H
#define MEMPROF_HOST_LOADERLOCKS_H

#include "src/host/attach/inject.h"

/*
 * Have the stopped thread `tid` release them.  `like` says how it may be called: `way_back` and
 * `until_ns`.  false: it holds one that it could not be made to release.
 */
bool loaderlocks_release(const struct remote *r, pid_t tid, const struct inject_call *like);

#endif
