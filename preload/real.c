/* SPDX-License-Identifier: Apache-2.0 */
#include "preload/real.h"

#include <dlfcn.h>

struct real real;

#define FIND(name) real.name = (__typeof__(real.name))dlsym(RTLD_NEXT, #name)

bool real_find(void)
{
    FIND(malloc);
    FIND(calloc);
    FIND(realloc);
    FIND(free);
    FIND(memalign);
    FIND(aligned_alloc);
    FIND(posix_memalign);
    FIND(valloc);
    FIND(pvalloc);
    FIND(malloc_usable_size);
    FIND(free_sized);
    FIND(free_aligned_sized);
    FIND(cfree);
    FIND(mmap);
    FIND(munmap);
    FIND(mremap);
    FIND(brk);
    FIND(sbrk);
    FIND(execve);
    FIND(execvpe);
    FIND(fexecve);
    dlerror(); /* those that are missing are nobody's error */
    return real.malloc && real.calloc && real.realloc && real.free && real.memalign &&
           real.aligned_alloc && real.posix_memalign && real.valloc && real.pvalloc &&
           real.malloc_usable_size && real.mmap && real.munmap && real.mremap && real.brk &&
           real.sbrk && real.execve && real.execvpe && real.fexecve;
}
