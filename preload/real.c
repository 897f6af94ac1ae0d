/* SPDX-License-Identifier: Apache-2.0 */
#include "preload/real.h"

#include "preload/nextsymbol.h"

struct real real;

#define FIND(name) FIND_AS(name, #name)
#define FIND_AS(member, name) real.member = (__typeof__(real.member))find(name)

static void find_all(void *(*find)(const char *name))
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
    FIND(execveat);
    FIND(posix_spawn);
    FIND(posix_spawnp);
    FIND(system);
    FIND(popen);
    FIND(sigaction);
    FIND(signal);
    FIND(__sysv_signal);
    FIND(sigset);
    FIND(siginterrupt);
    FIND(_exit);
    FIND_AS(quick_exit_process, "quick_exit");
    FIND_AS(exit_process, "exit");
    FIND_AS(abort_process, "abort");
}

static bool is_complete(void)
{
    return real.malloc && real.calloc && real.realloc && real.free && real.memalign &&
           real.aligned_alloc && real.posix_memalign && real.valloc && real.pvalloc &&
           real.malloc_usable_size && real.mmap && real.munmap && real.mremap && real.brk &&
           real.sbrk && real.execve && real.execvpe && real.fexecve;
}

bool real_find(void)
{
    find_all(nextsymbol_find);
    return is_complete();
}

static void *first(const char *name)
{
    return firstsymbol_find(name, NULL);
}

bool real_find_first(void)
{
    find_all(first);
    return is_complete();
}
